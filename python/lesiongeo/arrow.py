"""Columns of the core as Arrow arrays, and outlines as GeoArrow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .polygons import Polygons

__all__ = ["geometry_column", "geometry_field", "lists", "nullable", "numbers", "strings", "timestamps"]

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
    xy, ring_offsets, polygon_offsets = polygons.to_ragged()
    lengths = np.diff(ring_offsets).astype(np.int64)
    closed = lengths + (lengths > 0)
    ends = np.concatenate(([0], np.cumsum(closed)))
    if ends[-1] >= 2**31:
        raise OverflowError(f"{ends[-1]} vertices do not fit one Arrow array; write fewer regions at a time")
    # Vertex k of a closed ring is vertex k of the ring, and the last one is the first again.
    ring_of = np.repeat(np.arange(len(lengths)), closed)
    within = np.arange(ends[-1]) - ends[:-1][ring_of]
    vertex = ring_offsets[:-1][ring_of] + np.where(within == lengths[ring_of], 0, within)
    points = pa.StructArray.from_arrays(
        [pa.array(np.ascontiguousarray(xy[vertex, axis])) for axis in (0, 1)],
        fields=list(GEOMETRY_TYPE.value_type.value_type.value_type),
    )
    starts_part = _ring_areas(xy, ring_offsets) >= 0
    starts_part[polygon_offsets[:-1][np.diff(polygon_offsets) > 0]] = True
    part_offsets = np.append(np.flatnonzero(starts_part), len(lengths))
    region_offsets = np.searchsorted(part_offsets[:-1], polygon_offsets)
    column: pa.Array = points
    levels = (ends, part_offsets, region_offsets)
    types = (GEOMETRY_TYPE.value_type.value_type, GEOMETRY_TYPE.value_type, GEOMETRY_TYPE)
    for offsets, kind in zip(levels, types, strict=True):
        column = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), column, type=kind)
    return column


def _ring_areas(xy: NDArray[np.float64], ring_offsets: NDArray[np.int32]) -> NDArray[np.float64]:
    """Signed area of each ring."""
    lengths = np.diff(ring_offsets)
    areas = np.zeros(len(lengths))
    if len(xy) == 0:
        return areas
    filled = np.flatnonzero(lengths > 0)
    ring_of = np.repeat(np.arange(len(lengths)), lengths)
    local = xy - xy[ring_offsets[:-1][ring_of]]
    following = np.arange(1, len(xy) + 1)
    following[ring_offsets[1:][filled] - 1] = ring_offsets[:-1][filled]
    cross = local[:, 0] * local[following, 1] - local[following, 0] * local[:, 1]
    areas[filled] = np.add.reduceat(cross, ring_offsets[:-1][filled]) / 2
    return areas
