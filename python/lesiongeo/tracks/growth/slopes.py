"""Least-squares slopes of areas over time, for every visit over all visits up to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST_VISITS", "Slopes", "slopes"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Two visits are a rate, not a slope.
LEAST_VISITS: Final = 3


@dataclass(frozen=True, slots=True)
class Slopes:
    """Per row: slopes per day of the area (mm2 where `in_mm`, else px2) and of its logarithm; NaN below three visits.

    `count` says of how many visits they are made: 0 where the row has no area or no day.
    """

    area: Floats
    log_area: Floats
    in_mm: Mask
    count: Ints


def slopes(
    track: Ints, day: Floats, seen: Mask, area_px2: Floats, area_mm2: Floats, width: Ints, height: Ints
) -> Slopes:
    """Fit a straight line to the areas of each track up to each of its visits.

    All arrays have shape (n,), sorted by track and visit. Areas in mm2 are fitted together; areas in pixels, where
    there is no spacing, with those on pages of the same size. O(n log n), and a step per visit of the longest track.
    """
    in_mm = np.isfinite(area_mm2) & (area_mm2 > 0)
    area = np.where(in_mm, area_mm2, area_px2)
    sized = in_mm | ((width >= 0) & (height >= 0))
    usable = np.flatnonzero(seen & np.isfinite(day) & np.isfinite(area) & (area > 0) & sized)
    none = np.full((2, len(track)), np.nan)
    found = Slopes(none[0], none[1], in_mm, np.zeros(len(track), dtype=np.int64))
    if not len(usable):
        return found
    wide, high = (np.where(in_mm, -1, side)[usable] for side in (width, height))
    order = np.lexsort((usable, high, wide, track[usable]))
    rows = usable[order]
    keys = (track[rows], wide[order], high[order])
    fresh = np.zeros(len(rows), dtype=np.bool_)
    fresh[0] = True
    for key in keys:
        fresh[1:] |= key[1:] != key[:-1]
    start = np.flatnonzero(fresh)
    length = np.diff(start, append=len(rows))
    x = day[rows] - np.repeat(day[rows[start]], length)
    y = np.stack((area[rows], np.log(area[rows])), axis=1)
    # Welford's update (1962), all tracks at once: running sums would lose the digits of small spreads.
    mean_x, mean_y = np.zeros(len(start)), np.zeros((len(start), 2))
    square, product = np.zeros(len(start)), np.zeros((len(start), 2))
    by_length = np.argsort(-length, kind="stable")
    for step in range(int(length.max())):
        some = by_length[: int(np.searchsorted(-length[by_length], -step, side="left"))]
        at = start[some] + step
        off_x, off_y = x[at] - mean_x[some], y[at] - mean_y[some]
        mean_x[some] += off_x / (step + 1)
        mean_y[some] += off_y / (step + 1)
        square[some] += off_x * (x[at] - mean_x[some])
        product[some] += off_x[:, None] * (y[at] - mean_y[some])
        found.count[rows[at]] = step + 1
        if step + 1 >= LEAST_VISITS:
            spread = np.where(square[some] > 0, square[some], np.nan)
            found.area[rows[at]] = product[some, 0] / spread
            found.log_area[rows[at]] = product[some, 1] / spread
    return found
