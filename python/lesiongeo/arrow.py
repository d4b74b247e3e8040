"""Columns of the core as Arrow arrays, and outlines as GeoArrow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from . import _core
from .errors import ExportError, RegionError
from .polygons import Polygons

__all__ = [
    "foreign_outlines",
    "geometry_column",
    "geometry_field",
    "lists",
    "nullable",
    "numbers",
    "strings",
    "timestamps",
    "written_outlines",
]

#: As the core has it: areas of larger coordinates would overflow.
MAX_COORDINATE = 1e150

GEOMETRY_TYPE = pa.list_(
    pa.field(
        "polygons",
        pa.list_(
            pa.field(
                "rings",
                pa.list_(
                    pa.field(
                        "vertices",
                        pa.struct(
                            [pa.field("x", pa.float64(), nullable=False), pa.field("y", pa.float64(), nullable=False)]
                        ),
                        nullable=False,
                    )
                ),
                nullable=False,
            )
        ),
        nullable=False,
    )
)


def _bitmap(present: NDArray[np.bool_]) -> pa.Buffer | None:
    return None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little"))


def strings(parts: Any) -> pa.StringArray:
    """Wrap (offsets, UTF-8 bytes, present) without copying the text."""
    offsets, data, present = parts
    buffers = [_bitmap(present), pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.string(), len(present), buffers)


def lists(parts: Any) -> pa.ListArray:
    """Wrap (offsets, strings) as a column of lists of texts."""
    offsets, values = parts
    return pa.ListArray.from_arrays(pa.array(offsets), strings(values))


def nullable(values: NDArray[Any], missing: NDArray[np.bool_]) -> pa.Array:
    """Make a column with nulls where `missing`."""
    return pa.array(values, mask=missing) if missing.any() else pa.array(values)


def numbers(values: NDArray[np.float64]) -> pa.Array:
    """Make a column of numbers with null for NaN."""
    return nullable(values, np.isnan(values))


def timestamps(microseconds: NDArray[np.int64]) -> pa.Array:
    """Make timestamps in UTC from microseconds since 1970; the smallest int64 is null."""
    column = nullable(microseconds, microseconds == np.iinfo(np.int64).min)
    return column.cast(pa.timestamp("us", tz="UTC"))


def geometry_field(name: str = "geometry") -> pa.Field:
    """Return the field of the outlines: GeoArrow multipolygons with separate x and y, as GeoParquet 1.1 wants them."""
    metadata = {"ARROW:extension:name": "geoarrow.multipolygon", "ARROW:extension:metadata": "{}"}
    return pa.field(name, GEOMETRY_TYPE, metadata=metadata)


def geometry_column(polygons: Polygons) -> pa.Array:
    """Return outlines as GeoArrow multipolygons: rings closed, each part an outline followed by its holes.

    Always multipolygons, so that the type of a file does not depend on what is in it.
    """
    coordinates, levels = _core.multipolygons(polygons.to_ragged())
    fields = list(GEOMETRY_TYPE.value_type.value_type.value_type)
    column: pa.Array = pa.StructArray.from_arrays([pa.array(values) for values in coordinates], fields=fields)
    types = (GEOMETRY_TYPE.value_type.value_type, GEOMETRY_TYPE.value_type, GEOMETRY_TYPE)
    for offsets, kind in zip(levels, types, strict=True):
        column = pa.ListArray.from_arrays(pa.array(offsets), column, type=kind)
    return column


def written_outlines(column: pa.Array) -> Polygons:
    """Return the outlines of a column that `geometry_column` has made, to the bit.

    Raises `RegionError` where the column holds what no outline of ours can hold.
    """
    xy, ring_ends, parts, regions = _points(column, 3)
    lengths = np.diff(ring_ends).astype(np.int64)
    if column.null_count or (lengths == 1).any():
        raise RegionError("the geometry column holds nulls or open rings, so it was not written by lesiongeo")
    if xy.size and not (np.abs(xy).max() <= MAX_COORDINATE):
        raise RegionError("the geometry column holds coordinates that are no numbers of pixels")
    opened = np.ones(len(xy), dtype=bool)
    opened[ring_ends[1:][lengths > 0] - 1] = False
    ring_offsets = np.concatenate(([0], np.cumsum(np.maximum(lengths - 1, 0)))).astype(np.int32)
    return Polygons._trusted((np.ascontiguousarray(xy[opened]), ring_offsets, parts[regions].astype(np.int32)))


def foreign_outlines(column: pa.Array, encoding: str) -> Polygons:
    """Return outlines that another program wrote; `encoding` is what GeoParquet calls it.

    Nulls are empty regions. The first ring of a polygon is its outline, whichever way it runs.
    """
    if encoding == "WKB":
        try:
            import shapely
        except ImportError as error:
            raise ExportError("WKB geometry needs shapely; get it with: pip install 'lesiongeo[shapely]'") from error
        return Polygons.from_shapely(shapely.from_wkb(np.array(column.to_pylist(), dtype=object)))
    column = _without_nulls(column)
    if encoding == "polygon":
        points, ring_ends, regions = _points(column, 2)
        return Polygons._ingest(points, ring_ends, None, regions, oriented=False)
    if encoding == "multipolygon":
        points, ring_ends, parts, regions = _points(column, 3)
        return Polygons._ingest(points, ring_ends, parts, regions, oriented=False)
    raise ExportError(f"geometry is encoded as {encoding}; outlines are polygon, multipolygon or WKB")


def _without_nulls(column: pa.Array) -> pa.Array:
    if not column.null_count:
        return column
    return pc.if_else(column.is_valid(), column, pa.scalar([], column.type))


def _points(column: pa.Array, depth: int) -> Any:
    """Return vertices and the offsets of each level, innermost first, all starting at 0."""
    offsets = []
    for _ in range(depth):
        if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
            raise ExportError(f"the geometry column is of type {column.type}; it should be nested lists of x and y")
        ends = column.offsets.to_numpy()
        offsets.append(ends - ends[0])
        column = column.values.slice(ends[0], ends[-1] - ends[0])
    if pa.types.is_struct(column.type):
        if column.null_count or any(column.type.get_field_index(name) < 0 for name in ("x", "y")):
            raise ExportError("the vertices of the geometry column have no x or no y")
        axes = [column.field(name) for name in ("x", "y")]
        xy = np.column_stack([axis.to_numpy(zero_copy_only=False).astype(np.float64, copy=False) for axis in axes])
    elif pa.types.is_fixed_size_list(column.type):
        width = column.type.list_size
        xy = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)[:, :2].astype(np.float64)
    else:
        raise ExportError(f"the vertices of the geometry column are of type {column.type}; they should have x and y")
    return (np.ascontiguousarray(xy), *offsets[::-1])
