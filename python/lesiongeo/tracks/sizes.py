"""Areas, lengths and centroids of lesions: geometric means over the outlines that several people drew."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..agreement.counted import Ints
from ..polygons import Polygons, Ragged
from ..shape import in_millimetres

__all__ = ["Floats", "Mask", "Sizes", "sizes_of", "vars_of"]

Floats: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Sizes:
    """Measures of n lesions: of one outline itself, of several the geometric mean over them.

    NaN where nothing was measured; those in millimetres also where the spacing is unknown. With pixels that are not
    square, lengths are those of the outline after its axes are scaled. The definitions are those of `measure`.

    Attributes
    ----------
    area_px2, area_mm2 : ndarray of float64, shape (n,)
        Area; always above 0.
    perimeter_px, perimeter_mm : ndarray of float64, shape (n,)
        Length of the boundary.
    feret_max_px, feret_max_mm : ndarray of float64, shape (n,)
        Largest diameter.
    feret_min_px, feret_min_mm : ndarray of float64, shape (n,)
        Smallest diameter.
    log_area : ndarray of float64, shape (n,)
        Mean of the natural logarithms of the areas in px2: the logarithm of `area_px2`.
    centroid_px : ndarray of float64, shape (n, 2)
        Mean of the centroids of the outlines.
    """

    area_px2: Floats
    area_mm2: Floats
    perimeter_px: Floats
    perimeter_mm: Floats
    feret_max_px: Floats
    feret_max_mm: Floats
    feret_min_px: Floats
    feret_min_mm: Floats
    log_area: Floats
    centroid_px: Floats

    @property
    def equivalent_diameter_px(self) -> Floats:
        """Diameter of the circle of the same area: 2 sqrt(area / pi)."""
        return _diameter(self.area_px2)

    @property
    def equivalent_diameter_mm(self) -> Floats:
        """The same in millimetres."""
        return _diameter(self.area_mm2)


def sizes_of(shapes: Polygons, rows: Ints, starts: Ints, spacing: Floats, threads: int | None) -> Sizes:
    """Measure lesions.

    Parameters
    ----------
    shapes : Polygons
        Outlines that cover no place twice.
    rows : ndarray of int64, shape (n_measured,)
        Which of them belong to the lesions, one lesion after the other; all with an area.
    starts : ndarray of int64, shape (n + 1,)
        Lesion i has ``rows[starts[i]:starts[i + 1]]``.
    spacing : ndarray of float64, shape (n, 2)
        Millimetres per pixel along x and y; NaN where unknown.
    threads : int or None
        Number of threads.

    Returns
    -------
    Sizes
        O(vertices log vertices), for the convex hulls.
    """
    ragged = shapes.to_ragged()
    count = len(starts) - 1
    of = np.repeat(np.arange(count), np.diff(starts))
    area = shapes._areas(threads)[rows]
    centroid = _core.centroid(ragged, threads=threads)[rows]
    lengths = [values[rows] for values in _lengths(ragged, threads)]
    own = spacing[of]
    uneven = np.flatnonzero(own[:, 0] != own[:, 1])
    uneven = uneven[~np.isnan(own[uneven, 0])]
    in_mm = [values * own[:, 0] for values in lengths]
    if len(uneven):
        scaled = in_millimetres(shapes.take(rows[uneven]).to_ragged(), own[uneven])
        for values, found in zip(in_mm, _lengths(scaled, threads), strict=True):
            values[uneven] = found

    def mean(values: Floats) -> Floats:
        return _geometric_mean(values, of, starts)

    in_px2 = mean(area)
    with np.errstate(divide="ignore", over="ignore"):
        logs = np.bincount(of, weights=np.log(area), minlength=count) / np.diff(starts).clip(1)
        in_mm2 = in_px2 * (spacing[:, 0] * spacing[:, 1])
    middle: Floats = np.stack(
        [np.bincount(of, centroid[:, axis], count).astype(np.float64) / np.diff(starts).clip(1) for axis in (0, 1)],
        axis=1,
    )
    # Moments of outlines beyond 1e100 px overflow: there is no number then.
    middle[np.isnan(in_px2) | ~np.isfinite(middle).all(axis=1)] = np.nan
    px, mm = ([mean(values) for values in one] for one in (lengths, in_mm))
    return Sizes(
        area_px2=in_px2,
        area_mm2=np.where(np.isfinite(in_mm2), in_mm2, np.nan),
        perimeter_px=px[0],
        perimeter_mm=mm[0],
        feret_max_px=px[1],
        feret_max_mm=mm[1],
        feret_min_px=px[2],
        feret_min_mm=mm[2],
        log_area=np.where(np.isnan(in_px2), np.nan, logs),
        centroid_px=middle,
    )


def vars_of(sizes: Sizes) -> dict[str, Floats]:
    """Return the measures by name."""
    return {field.name: getattr(sizes, field.name) for field in fields(sizes)}


def _lengths(ragged: Ragged, threads: int | None) -> list[Floats]:
    """Perimeter, largest and smallest diameter of each outline."""
    perimeter = _core.perimeter(ragged, (1.0, 1.0), threads=threads)
    return [perimeter, *_core.feret(ragged, threads=threads)]


def _geometric_mean(values: Floats, of: Ints, starts: Ints) -> Floats:
    """Geometric mean per lesion; NaN for none. In relation to the first of each: equal values are their own mean."""
    some = np.diff(starts) > 0
    found = np.full(len(some), np.nan)
    unit = values[starts[:-1][some]]
    number = np.cumsum(some) - 1
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        logs = np.bincount(number[of], weights=np.log(values / unit[number[of]]), minlength=len(unit))
        means = unit * np.exp(logs / np.diff(starts)[some])
    # A width of 0, for what is an area by rounding only, stays one.
    means = np.where(unit == 0, 0.0, means)
    found[some] = np.where(np.isfinite(means), means, np.nan)
    return found


def _diameter(area: Floats) -> Floats:
    found: Floats = 2.0 * np.sqrt(area / np.pi)
    return found
