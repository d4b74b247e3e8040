"""What changed between visits, and whether it is more than noise: one entry per row of the table of tracks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...arrow import nullable, numbers
from ..earlier import first_before, last_before
from .intervals import Drawn, Spread, area_spread, change_spread
from .noise_model import SOURCES, Noise
from .slopes import Slopes, slopes

__all__ = ["DAYS_PER_MONTH", "REASONS", "Change", "Growth", "RowValues", "growth_columns"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: A twelfth of a year of 365.25 days.
DAYS_PER_MONTH: Final = 30.4375

#: Why a change or its rate is not said, by code; 0: it is.
REASONS: Final = (
    "",
    "absent",
    "first_visit",
    "no_area",
    "spacing_missing_on_one",
    "scale_unknown",
    "order_only",
    "same_day",
)
ABSENT, FIRST_VISIT, NO_AREA, SPACING_MISSING_ON_ONE, SCALE_UNKNOWN, ORDER_ONLY, SAME_DAY = range(1, 8)


@dataclass(frozen=True, slots=True)
class RowValues:
    """What growth needs to know of the rows of the table of tracks, sorted by track, then visit.

    Attributes
    ----------
    track : ndarray of int64, shape (n,)
        Number of the track; equal numbers are adjacent.
    day : ndarray of float64, shape (n,)
        Days since the patient's first visit; NaN where only the order of visits is known.
    seen : ndarray of bool, shape (n,)
        The lesion was drawn on this visit; False: the row says that it is absent or its place was not imaged.
    area_px2, area_mm2 : ndarray of float64, shape (n,)
        NaN: there is no area; in mm2 also: the spacing is unknown.
    width, height : ndarray of int64, shape (n,)
        Size of the page in pixels; -1 unknown.
    starts : ndarray of int64, shape (n + 1,)
        Where the entries of each row begin in `annotators`.
    annotators : ndarray of int64
        Whose outlines were measured, by their number in ``noise.annotators``; -1 somebody whom the noise does not know.
    averaged : ndarray of bool, shape (n,)
        The area is the mean over these people; False: that of one outline (a consensus, or ground truth).
    spacing_error : ndarray of float64, shape (n,)
        Relative standard deviation of the spacing, also of the distance of the camera; NaN: not given.
    tilt_deg : ndarray of float64, shape (n,)
        How far the camera may be tilted, in degrees; NaN: not given.
    feret_max_mm, equivalent_diameter_mm : ndarray of float64, shape (n,)
        NaN where unknown.
    picked : ndarray of bool, shape (n,), optional
        Where not averaged: the outline of one of these people, on another visit perhaps of another one (a medoid); by
        default wherever it is not averaged. False: made of all of their outlines (a majority).
    """

    track: Ints
    day: Floats
    seen: Mask
    area_px2: Floats
    area_mm2: Floats
    width: Ints
    height: Ints
    starts: Ints
    annotators: Ints
    averaged: Mask
    spacing_error: Floats
    tilt_deg: Floats
    feret_max_mm: Floats
    equivalent_diameter_mm: Floats
    picked: Mask | None = None

    def __len__(self) -> int:
        return len(self.track)

    @property
    def drawn(self) -> Drawn:
        """What intervals need."""
        return Drawn(
            self.area_px2, self.starts, self.annotators, self.averaged, self.spacing_error, self.tilt_deg, self.picked
        )


@dataclass(frozen=True, slots=True)
class Change:
    """Each row against an earlier one.

    Attributes
    ----------
    since : ndarray of int64, shape (n,)
        Row that it is compared with; -1 none.
    log_ratio : ndarray of float64, shape (n,)
        ln(area now / area then); NaN: see `reason`.
    half_width : ndarray of float64, shape (n,)
        The change is significant where abs(log_ratio) is larger; NaN with `log_ratio`.
    significant : ndarray of bool, shape (n,)
        False also where nothing can be said.
    in_mm : ndarray of bool, shape (n,)
        Made of areas in mm2; False: of pixels.
    days : ndarray of float64, shape (n,)
        NaN where unknown.
    spread : Spread
        Where `half_width` comes from.
    reason : ndarray of int8, shape (n,)
        Code in `REASONS`; `ORDER_ONLY` and `SAME_DAY` leave a change without a rate.
    """

    since: Ints
    log_ratio: Floats
    half_width: Floats
    significant: Mask
    in_mm: Mask
    days: Floats
    spread: Spread
    reason: NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Growth:
    """Changes of every row against the previous and the first visit on which its lesion was seen with an area.

    Attributes
    ----------
    rows : RowValues
        What it was made of.
    previous, first : Change
        The comparisons.
    area : Spread
        Of the area itself, on one visit.
    slope : Slopes
        Least squares over all visits up to this one.
    """

    rows: RowValues
    previous: Change
    first: Change
    area: Spread
    slope: Slopes

    def columns(self) -> dict[str, pa.Array]:
        """Return the columns of the table of tracks, null where a number cannot be said."""
        rows, now = self.rows, self.previous
        change = self._against(now)
        before = np.maximum(now.since, 0)
        known = now.since >= 0
        wide = self.area.half_width
        found = {
            "area_low_mm2": numbers(rows.area_mm2 * np.exp(-wide)),
            "area_high_mm2": numbers(rows.area_mm2 * np.exp(wide + self.area.up)),
            **{name: change[name] for name in ("delta_area_mm2", "delta_area_px2", "pct_area", "log_rate_month")},
            "pct_area_low": numbers(_percent(now.log_ratio - now.half_width)),
            "pct_area_high": numbers(_percent(now.log_ratio + now.half_width)),
            **{name: change[name] for name in ("mdc95", "significant")},
            "noise_source": _coded(now.spread.source, SOURCES, np.isnan(now.half_width)),
            "noise_df": numbers(np.where(np.isnan(now.half_width), np.nan, now.spread.freedom)),
        }
        for name in ("feret_max_mm", "equivalent_diameter_mm"):
            value = getattr(rows, name)
            found[f"delta_{name}"] = numbers(np.where(known, value - value[before], np.nan))
        found["days"] = numbers(now.days)
        found["reason"] = change["reason"]
        first = self._against(self.first)
        for name in ("delta_area_mm2", "pct_area", "log_rate_month", "mdc95", "significant", "reason"):
            found[f"{name}_first"] = first[name]
        in_mm = self.slope.in_mm
        found["slope_mm2_month"] = numbers(np.where(in_mm, self.slope.area * DAYS_PER_MONTH, np.nan))
        found["slope_px2_month"] = numbers(np.where(in_mm, np.nan, self.slope.area * DAYS_PER_MONTH))
        found["slope_log_month"] = numbers(self.slope.log_area * DAYS_PER_MONTH)
        found["n_slope"] = pa.array(self.slope.count.astype(np.int32))
        return found

    def _against(self, change: Change) -> dict[str, pa.Array]:
        rows, since = self.rows, np.maximum(change.since, 0)
        none = np.isnan(change.log_ratio)
        rate = change.reason == 0
        with np.errstate(divide="ignore", invalid="ignore"):
            month = change.log_ratio / change.days * DAYS_PER_MONTH
        return {
            "delta_area_mm2": numbers(np.where(none | ~change.in_mm, np.nan, rows.area_mm2 - rows.area_mm2[since])),
            "delta_area_px2": numbers(np.where(none | change.in_mm, np.nan, rows.area_px2 - rows.area_px2[since])),
            "pct_area": numbers(_percent(change.log_ratio)),
            "log_rate_month": numbers(np.where(rate, month, np.nan)),
            "mdc95": numbers(_percent(change.half_width)),
            "significant": nullable(change.significant, none),
            "reason": _coded(change.reason, REASONS, change.reason == 0),
        }


def growth_columns(rows: RowValues, noise: Noise) -> Growth:
    """Compare every visit of every track with the previous and the first one on which the lesion had an area.

    Parameters
    ----------
    rows : RowValues
        Rows of tracks, sorted by track and visit.
    noise : Noise
        What `noise_of` returns; the annotators of `rows` are numbered as in it.

    Returns
    -------
    Growth
        Arrays, and the columns of the table by `Growth.columns`.

    Notes
    -----
    A visit on which a lesion was seen without an area (an outline of two points) is compared with, reason no_area, only
    where no earlier one has an area. Changes are made of areas in mm2 where both visits have them; of pixels only where
    neither has a spacing and both pages are of the same size. Cost: O(n log n) for n rows, and the entries of
    annotators.
    """
    measured = _measured(rows)
    previous = last_before(rows.track, rows.seen, measured)
    first = first_before(rows.track, rows.seen, measured)
    against = _change(rows, noise, previous)
    return Growth(
        rows=rows,
        previous=against,
        first=_change(rows, noise, first, like=against),
        area=area_spread(noise, rows.drawn),
        slope=slopes(rows.track, rows.day, rows.seen, rows.area_px2, rows.area_mm2, rows.width, rows.height),
    )


def _change(rows: RowValues, noise: Noise, since: Ints, like: Change | None = None) -> Change:
    """Compare rows with earlier ones; where `like` compares with the same ones, it is what it says."""
    then = np.maximum(since, 0)
    pair = since >= 0
    area, in_mm, reason = _areas(rows, since)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio: Floats = np.log(area[0]) - np.log(area[1])
    log_ratio[reason > 0] = np.nan
    days = np.where(pair & rows.seen, rows.day - rows.day[then], np.nan)
    reason[(reason == 0) & np.isnan(days)] = ORDER_ONLY
    reason[(reason == 0) & (days == 0)] = SAME_DAY
    compared = np.isfinite(log_ratio)
    fresh = np.flatnonzero(compared & (True if like is None else like.since != since))
    half, freedom, source = np.full(len(rows), np.nan), np.full(len(rows), np.nan), np.zeros(len(rows), dtype=np.int8)
    if like is not None:
        kept = compared & (like.since == since)
        half[kept], freedom[kept], source[kept] = (
            like.half_width[kept],
            like.spread.freedom[kept],
            like.spread.source[kept],
        )
    found = change_spread(noise, rows.drawn, fresh, since[fresh])
    half[fresh], freedom[fresh], source[fresh] = found.half_width, found.freedom, found.source
    return Change(
        since=np.where(pair & rows.seen, since, -1),
        log_ratio=log_ratio,
        half_width=half,
        significant=compared & (np.abs(log_ratio) > half),
        in_mm=in_mm,
        days=days,
        spread=Spread(half, np.zeros(len(rows)), freedom, source),
        reason=reason,
    )


def _measured(rows: RowValues) -> Mask:
    found: Mask = (np.isfinite(rows.area_px2) & (rows.area_px2 > 0)) | np.isfinite(rows.area_mm2)
    return found


def _areas(rows: RowValues, since: Ints) -> tuple[tuple[Floats, Floats], Mask, NDArray[np.int8]]:
    """Return areas now and then in one unit, whether it is mm2, and the reason where there is none."""
    then = np.maximum(since, 0)
    px, mm = rows.area_px2, rows.area_mm2
    scaled = np.isfinite(mm)
    in_mm = scaled & ((since < 0) | scaled[then])
    same_page = (rows.width >= 0) & (rows.width == rows.width[then])
    same_page &= (rows.height >= 0) & (rows.height == rows.height[then])
    measured = _measured(rows)
    reason = np.zeros(len(rows), dtype=np.int8)
    for condition, code in (
        (~rows.seen, ABSENT),
        (since < 0, FIRST_VISIT),
        (~(measured & measured[then]), NO_AREA),
        (scaled != scaled[then], SPACING_MISSING_ON_ONE),
        (~in_mm & ~same_page, SCALE_UNKNOWN),
    ):
        reason[(reason == 0) & condition] = code
    return (np.where(in_mm, mm, px), np.where(in_mm, mm[then], px[then])), in_mm, reason


def _percent(log_ratio: Floats) -> Floats:
    with np.errstate(over="ignore"):
        found: Floats = 100.0 * np.expm1(log_ratio)
    return np.where(np.isfinite(found), found, np.nan)


def _coded(codes: NDArray[np.int8], names: tuple[str, ...], missing: Mask) -> pa.Array:
    return pa.array(names, pa.string()).take(nullable(codes, missing))
