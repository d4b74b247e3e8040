"""Outlines as a GeoArrow column: closed rings, parts with their holes, one type whatever is in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

import lesiongeo
from lesiongeo import Polygons, Regions
from lesiongeo.arrow import geometry_column, geometry_field

Points = list[tuple[float, float]]


def box(x0: float, y0: float, x1: float, y1: float) -> Points:
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def closed(ring: Points) -> Points:
    return [*ring, ring[0]]


def coordinates(polygons: Polygons) -> list[list[list[Points]]]:
    """The column as nested lists: region, part, ring, point."""
    column = geometry_column(polygons)
    column.validate(full=True)
    return [
        [[[(point["x"], point["y"]) for point in ring] for ring in part] for part in region]
        for region in column.to_pylist()
    ]


def geometries(column: pa.Array) -> npt.NDArray[Any]:
    """The column as shapely geometries, by way of its own buffers."""
    parts = column.values
    rings = parts.values
    points = rings.values
    xy = np.column_stack([points.field("x").to_numpy(), points.field("y").to_numpy()])
    offsets = tuple(np.asarray(level.offsets) for level in (rings, parts, column))
    made: npt.NDArray[Any] = shapely.from_ragged_array(shapely.GeometryType.MULTIPOLYGON, xy, offsets)
    return made


BIG, HOLE, SECOND_HOLE, ISLAND, FAR = (
    box(0, 0, 10, 10),
    box(1, 1, 3, 3),
    box(5, 5, 8, 8),
    box(6, 6, 7, 7),
    box(20, 0, 22, 2),
)


def test_the_type_is_geoarrow_multipolygon() -> None:
    field = geometry_field()
    assert field.name == "geometry"
    assert field.metadata == {b"ARROW:extension:name": b"geoarrow.multipolygon", b"ARROW:extension:metadata": b"{}"}
    point = pa.struct([pa.field("x", pa.float64(), nullable=False), pa.field("y", pa.float64(), nullable=False)])
    ring = pa.list_(pa.field("vertices", point, nullable=False))
    part = pa.list_(pa.field("rings", ring, nullable=False))
    assert field.type == pa.list_(pa.field("polygons", part, nullable=False))
    for regions in ([], [[]], [BIG], [[BIG, HOLE], FAR]):
        assert geometry_column(Polygons.from_rings(regions)).type == field.type


def test_rings_are_closed() -> None:
    assert coordinates(Polygons.from_rings([BIG])) == [[[closed(BIG)]]]
    # Drawn the other way the region is the same; every ring ends where it starts.
    ((((*_, last),),),) = turned = coordinates(Polygons.from_rings([BIG[::-1]]))
    assert turned[0][0][0][0] == last
    assert len(turned[0][0][0]) == 5


def test_a_part_has_its_holes() -> None:
    ((part,),) = coordinates(Polygons.from_rings([[BIG, HOLE, SECOND_HOLE]]))
    assert [len(ring) for ring in part] == [5, 5, 5]
    assert part[0] == closed(BIG)
    assert [set(ring) for ring in part[1:]] == [set(HOLE), set(SECOND_HOLE)]


def test_several_parts_with_holes() -> None:
    drawn = shapely.MultiPolygon(
        [shapely.Polygon(BIG, [HOLE, SECOND_HOLE]), shapely.Polygon(ISLAND), shapely.Polygon(FAR)]
    )
    polygons = Polygons.from_shapely(np.array([drawn, shapely.Polygon(FAR)]))
    first, second = coordinates(polygons)
    assert [len(part) for part in first] == [3, 1, 1]
    assert [set(part[0]) for part in first] == [set(BIG), set(ISLAND), set(FAR)]
    assert second == [[closed(FAR)]]
    made = geometries(geometry_column(polygons))
    assert shapely.get_num_geometries(made).tolist() == [3, 1]
    assert shapely.area(made).tolist() == [100 - 4 - 9 + 1 + 4, 4]
    assert shapely.is_valid(made).all()
    assert shapely.equals(made, np.array([drawn, shapely.Polygon(FAR)])).all()


@pytest.mark.parametrize("regions", [[[], BIG, []], [[], []], [BIG, [], []], [[], [], BIG], []])
def test_regions_without_outline_are_empty(regions: list[Any]) -> None:
    found = coordinates(Polygons.from_rings(regions))
    assert found == [[[closed(BIG)]] if region else [] for region in regions]
    column = geometry_column(Polygons.from_rings(regions))
    assert column.null_count == 0
    assert shapely.is_empty(geometries(column)).tolist() == [not region for region in regions]


def test_outlines_of_one_or_two_points_keep_their_points() -> None:
    found = coordinates(Polygons.from_rings([[(1, 2)], [(1, 2), (3, 4)], BIG]))
    assert found == [[[[(1, 2), (1, 2)]]], [[[(1, 2), (3, 4), (1, 2)]]], [[closed(BIG)]]]


def test_a_ring_without_points_moves_no_other_ring() -> None:
    polygons = Polygons.from_ragged([*BIG, *FAR], [0, 4, 4, 8], [0, 2, 3])
    first, second = coordinates(polygons)
    assert first[0][0] == closed(BIG)
    assert sum(len(ring) for part in first for ring in part) == 5
    assert second == [[closed(FAR)]]


def test_outlines_without_area_are_outlines_not_holes() -> None:
    line = [(0.0, 0.0), (5.0, 5.0), (9.0, 9.0)]
    bow_tie = [(0.0, 0.0), (2.0, 2.0), (2.0, 0.0), (0.0, 2.0)]
    found = coordinates(Polygons.from_rings([line, bow_tie, BIG]))
    assert [len(region) for region in found] == [1, 1, 1]
    assert [len(part) for region in found for part in region] == [1, 1, 1]


def test_the_column_of_a_table_round_trips_through_the_stream() -> None:
    polygons = Polygons.from_rings([[BIG, HOLE], [], FAR])
    table = pa.table(Regions(polygons, pa.table({"label": ["a", "b", "c"]})))
    table.validate(full=True)
    made = geometries(table["geometry"].combine_chunks())
    assert shapely.area(made).tolist() == [96, 0, 4]
    assert Polygons.from_shapely(made) == polygons


def test_parquet_and_ipc_keep_the_geometry(tmp_path: Any) -> None:
    import pyarrow.parquet as pq

    table = Regions(Polygons.from_rings([[BIG, HOLE], [], FAR]), pa.table({"label": ["a", "b", "c"]})).to_arrow()
    pq.write_table(table, tmp_path / "regions.parquet")
    assert pq.read_table(tmp_path / "regions.parquet").equals(table)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    again = pa.ipc.open_stream(sink.getvalue()).read_all()
    assert again.schema.equals(table.schema, check_metadata=True)
    assert again.equals(table)


def star(centre: tuple[float, float], radius: float, vertices: int) -> Points:
    angles = np.arange(vertices) * 2 * np.pi / vertices
    return [(centre[0] + radius * np.cos(t), centre[1] + radius * np.sin(t)) for t in angles]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(3, 9), st.integers(0, 2)), max_size=3), max_size=6), st.booleans())
def test_any_batch_comes_back(shape: list[list[tuple[int, int]]], backwards: bool) -> None:
    """Regions of up to three parts far apart, each with up to two holes, drawn in either direction."""
    drawn = []
    for row, parts in enumerate(shape):
        polygons = []
        for at, (vertices, holes) in enumerate(parts):
            outline = star((100 * at, 7 * row), 30, vertices)
            inner = [star((100 * at + 6 * (2 * hole - 1), 7 * row), 2, 4) for hole in range(holes)]
            rings = [ring[::-1] if backwards else ring for ring in [outline, *inner]]
            polygons.append(shapely.Polygon(rings[0], rings[1:]))
        drawn.append(shapely.MultiPolygon(polygons))
    batch = np.array(drawn, dtype=object)
    polygons_of_ours = Polygons.from_shapely(batch)
    column = geometry_column(polygons_of_ours)
    column.validate(full=True)
    made = geometries(column)
    assert len(column) == len(drawn)
    assert shapely.get_num_geometries(made).tolist() == [len(parts) for parts in shape]
    assert shapely.get_num_coordinates(made).tolist() == shapely.get_num_coordinates(batch).tolist()
    assert shapely.equals(made, batch).all()
    assert np.allclose(shapely.area(made), lesiongeo.area(polygons_of_ours), rtol=1e-12)
    assert Polygons.from_shapely(made) == polygons_of_ours
