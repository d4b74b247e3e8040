"""Measurements of each region as a table, in pixels and, with spacing, in millimetres."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from . import _core
from .arrow import numbers
from .options import checked_flag, shown
from .polygons import PROBLEMS, as_polygons
from .read.export import Export
from .regions import Regions, has_interior
from .shape import in_millimetres, shape_columns
from .spacing import Spacing, checked_spacing, spacing_per_region

__all__ = ["measure"]

#: Columns of a region that say which one it is.
IDENTITY = (
    "task_id page image width height annotation_id annotator region_id kind label source cancelled ground_truth".split()
)


def measure(
    regions: Any,
    *,
    spacing_mm: Spacing | NDArray[np.float64] | str | None = None,
    shape: bool = True,
    threads: int | None = None,
) -> pa.Table:
    """Measure each region.

    Parameters
    ----------
    regions : Export, Regions, Polygons, or what Polygons accepts
        n regions. Of `Export` and `Regions` the columns that say whose and where they are come first in the result.
    spacing_mm : float, (float, float), ndarray of shape (n,) or (n, 2), or "data", optional
        Millimetres per pixel, the same along both axes or (x, y); an array has them per region, NaN where they are
        unknown. Of an `Export`, "data" takes those of its pages (`Export.region_spacing_mm`). Without it no
        millimetres are given: they are never guessed.
    shape : bool, default True
        With the columns of `shape_measures`, which take most of the time.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    pyarrow.Table
        n rows: area_px2, perimeter_px, centroid_x_px, centroid_y_px, min_x_px, min_y_px, max_x_px, max_y_px; with
        spacing also area_mm2, perimeter_mm, spacing_x_mm, spacing_y_mm (null where the spacing is unknown); the columns
        of `shape_measures`, whose ratios are those of the outline in pixels where the spacing is unknown; valid and
        problem. A region without an area has area 0 and a null centroid; an empty one null bounds. Regions of kind
        keypoint and line have no interior to be wrong, so they are valid, with area 0; the centroid of a key point is
        its position and its perimeter 0, the perimeter of a line twice its length (its boundary runs there and back).

    Raises
    ------
    RegionError
        If the input is no batch of outlines.
    ValueError
        If a spacing is no number from 1e-9 to 1e9 mm per pixel, an array of spacings does not fit the regions,
        "data" is asked of something without pages, or `shape` is neither True nor False.

    Notes
    -----
    Definitions are those of `area`, `perimeter`, `centroid`, `bounds` and `shape_measures`; area_mm2 = area_px2 times
    both spacings, and perimeter_mm is the length after the axes are scaled (with an array, the vertices are). Cost as
    `shape_measures`, without shape O(n log n) per region.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> table = lg.measure([[[0, 0], [30, 0], [30, 40], [0, 40]]], spacing_mm=0.1)
    >>> {name: round(table[name][0].as_py(), 6) for name in ("area_px2", "area_mm2", "perimeter_mm")}
    {'area_px2': 1200.0, 'area_mm2': 12.0, 'perimeter_mm': 14.0}
    >>> export = lg.read_label_studio("examples/dermatology.json", spacing_mm="spacing_mm")
    >>> lg.measure(export, spacing_mm="data")["area_mm2"].null_count
    0
    """
    shape = checked_flag("shape", shape)
    if isinstance(spacing_mm, str):
        spacing_mm = _from_data(regions, spacing_mm)
    regions = regions.regions if isinstance(regions, Export) else regions
    polygons = as_polygons(regions)
    each = spacing_per_region(spacing_mm, len(polygons))
    spacing = checked_spacing(spacing_mm) if each is None else None  # type: ignore[arg-type]
    interior = polygons._interior(threads)
    columns: dict[str, Any] = {}
    if isinstance(regions, Regions):
        columns = {name: regions.table[name] for name in IDENTITY if name in regions.table.column_names}
    area = polygons._areas(threads)
    centroid = _core.centroid(interior, threads=threads)
    bounds = polygons._boxes(threads)
    columns["area_px2"] = pa.array(area)
    columns["perimeter_px"] = pa.array(_core.perimeter(interior, (1.0, 1.0), threads=threads))
    if isinstance(regions, Regions) and "kind" in regions.table.column_names:
        # A key point has no interior whose centroid there could be, but a position.
        point = np.asarray(pc.equal(regions.table["kind"], "keypoint"))
        centroid[point] = bounds[point, :2]
    for axis, name in enumerate("xy"):
        columns[f"centroid_{name}_px"] = numbers(centroid[:, axis])
    for column, name in enumerate(("min_x_px", "min_y_px", "max_x_px", "max_y_px")):
        columns[name] = numbers(bounds[:, column])
    if spacing is not None:
        sx, sy = spacing
        columns["area_mm2"] = pa.array(area * (sx * sy))
        columns["perimeter_mm"] = pa.array(_core.perimeter(interior, (sx, sy), threads=threads))
        columns["spacing_x_mm"] = pa.array(np.full(len(polygons), sx))
        columns["spacing_y_mm"] = pa.array(np.full(len(polygons), sy))
    if each is not None:
        # NaN, where the spacing is unknown, makes NaN, and that becomes null.
        columns["area_mm2"] = numbers(area * (each[:, 0] * each[:, 1]))
        length = _core.perimeter(in_millimetres(interior, each), (1.0, 1.0), threads=threads)
        columns["perimeter_mm"] = numbers(np.where(np.isnan(each[:, 0]), np.nan, length))
        columns["spacing_x_mm"], columns["spacing_y_mm"] = numbers(each[:, 0]), numbers(each[:, 1])
    if shape:
        columns |= shape_columns(polygons, spacing if each is None else each, threads)
    codes = polygons._verdicts(threads)
    if isinstance(regions, Regions):
        codes = np.where(has_interior(regions.table), codes, 0)
    columns["valid"] = pa.array(codes == 0)
    columns["problem"] = pa.array(PROBLEMS, pa.string()).take(pa.array(codes))
    return pa.table(columns)


def _from_data(regions: Any, wanted: str) -> NDArray[np.float64]:
    """Take the spacing of an export's pages."""
    if wanted != "data":
        raise ValueError(
            f'spacing_mm is {shown(wanted)}; it is a number, a pair (x, y), an array, or "data" for an export'
        )
    if not isinstance(regions, Export):
        raise ValueError(
            'spacing_mm="data" takes the spacing of an export\'s pages; pass the export itself in place of '
            f"{type(regions).__name__}, or an array with the spacing of each region"
        )
    return regions.region_spacing_mm()


def with_measures(regions: Regions, table: pa.Table) -> Regions:
    """Return the regions with the measured columns beside their own."""
    columns = regions.table
    for name in table.column_names:
        if name not in columns.column_names:
            columns = columns.append_column(name, table[name])
    return Regions(regions.polygons, columns)
