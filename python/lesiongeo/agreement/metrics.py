"""Numbers of pairs of regions: distances of their borders, centroids and areas, in pixels and in millimetres."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from .. import _core
from ..distances import ASSD, HAUSDORFF, LARGEST_MM, MASD, NSD, OFFSET, PERCENTILE
from ..polygons import Ragged
from ..read import Export
from ..shape import in_millimetres
from .counted import Ints

__all__ = ["Progress", "pair_metrics", "stages"]

Floats: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]
Progress: TypeAlias = Callable[[int, int], object]

#: Lengths that the surface kernel returns, by name, in the order of the columns; `nsd` has no unit.
LENGTHS = {
    "hausdorff": HAUSDORFF,
    "hd95": PERCENTILE,
    "masd": MASD,
    "assd": ASSD,
    "signed_offset": OFFSET,
}


def pair_metrics(
    export: Export,
    a: Ints,
    b: Ints,
    *,
    nsd_tolerance_px: float,
    boundary: bool,
    threads: int | None,
    progress: Progress | None,
) -> dict[str, Floats]:
    """Measure pairs of regions (rows of ``export.regions``, -1 where a side is missing), NaN where nothing is defined.

    Columns in their order in `pairs`; those in millimetres only where some page has a known spacing. See `agreement`.
    Where the spacing is the same along both axes millimetres are pixels times the spacing; else outlines are scaled
    and measured again.
    """
    polygons = export.regions.polygons
    interior = polygons._interior(threads)
    both = (a >= 0) & (b >= 0)
    per_region = _usable_spacing(export, threads)
    spacing = per_region[np.where(a >= 0, a, b)]
    known = ~np.isnan(spacing[:, 0])
    uneven = both & known & (spacing[:, 0] != spacing[:, 1])
    first, second = stages(progress) if uneven.any() else (progress, None)

    def measured(outlines: Ragged, chosen: Mask, tolerance: float | None, step: Progress | None) -> Floats:
        found = np.full((len(a), 8), np.nan)
        at: dict[str, Any] = {"index_a": a[chosen], "index_b": b[chosen], "threads": threads, "progress": step}
        if boundary:
            options: dict[str, Any] = {"percentile": 95.0, "tolerance": tolerance, "offset": True, "hausdorff": True}
            found[chosen] = _core.surface_distances(outlines, outlines, **at, **options).reshape(-1, 8)
        else:
            found[chosen, HAUSDORFF] = _core.hausdorff(outlines, outlines, **at, directed=False, vertices_only=False)
        return found

    in_px = measured(interior, both, nsd_tolerance_px, first)
    columns = {f"{name}_px": in_px[:, column] for name, column in LENGTHS.items()}
    offset = columns.pop("signed_offset_px")
    columns |= {"nsd": in_px[:, NSD], "signed_offset_px": offset}
    centroid = _core.centroid(interior, threads=threads)
    # Moments of outlines beyond 1e100 px overflow: there is no number then.
    centroid[~np.isfinite(centroid)] = np.nan
    shift = np.full((len(a), 2), np.nan)
    shift[both] = centroid[a[both]] - centroid[b[both]]
    columns["centroid_distance_px"] = np.hypot(shift[:, 0], shift[:, 1])
    areas = polygons._areas(threads)
    area_a, area_b = (np.where(row >= 0, areas[row], np.nan) for row in (a, b))
    columns |= {"area_a_px2": area_a, "area_b_px2": area_b}
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = area_b / area_a
        columns["area_ratio"] = np.where(np.isfinite(ratio), ratio, np.nan)
        columns["log_area_ratio"] = np.where((ratio > 0) & np.isfinite(ratio), np.log(ratio), np.nan)
    if not pc.any(pc.is_valid(export.pages["spacing_x_mm"])).as_py():
        return columns
    in_mm = in_px * np.where(spacing[:, 0] == spacing[:, 1], spacing[:, 0], np.nan)[:, None]
    if uneven.any():
        in_mm[uneven] = measured(in_millimetres(interior, per_region), uneven, None, second)[uneven]
    columns |= {f"{name}_mm": in_mm[:, column] for name, column in LENGTHS.items()}
    columns["centroid_distance_mm"] = np.hypot(shift[:, 0] * spacing[:, 0], shift[:, 1] * spacing[:, 1])
    size = spacing[:, 0] * spacing[:, 1]
    return columns | {"area_a_mm2": area_a * size, "area_b_mm2": area_b * size}


def stages(progress: Progress | None, *, weights: tuple[int, int] = (1, 1)) -> tuple[Progress | None, Progress | None]:
    """Report two stages as one, of which each takes about such a share."""
    if progress is None:
        return None, None
    report, (one, two) = progress, weights
    return (
        lambda done, total: report(one * done, (one + two) * total),
        lambda done, total: report(one * total + two * done, (one + two) * total),
    )


def _usable_spacing(export: Export, threads: int | None) -> Floats:
    """Spacing of each region's page, shape (n_regions, 2); NaN where it is not known along both axes.

    Also where an outline would be too large in millimetres to be measured: one region must not take all others down.
    """
    spacing = export.region_spacing_mm()
    largest = np.fmax.reduce(np.abs(export.regions.polygons._boxes(threads)), axis=1)
    with np.errstate(over="ignore"):
        unusable = np.isnan(spacing).any(axis=1) | (largest[:, None] * spacing > LARGEST_MM).any(axis=1)
    spacing[unusable] = np.nan
    return spacing
