"""Polygons: ways in, ways out, rows, equality."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import numpy.typing as npt
import pytest
import shapely

import lesiongeo
from lesiongeo import Polygons

Array = npt.NDArray[np.float64]


def box(x0: float, y0: float, x1: float, y1: float) -> Array:
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], dtype=np.float64)


UNIT = box(0, 0, 1, 1)
BIG, HOLE, ISLAND = box(0, 0, 10, 10), box(2, 2, 8, 8), box(4, 4, 6, 6)
SHAPELY = np.array(
    [
        shapely.box(0, 0, 1, 1),
        shapely.Polygon(BIG, [HOLE, box(8.5, 1, 9, 2)]),
        shapely.MultiPolygon([shapely.Polygon(BIG, [HOLE]), shapely.Polygon(ISLAND)]),
        shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(5, 0, 6, 1)]),
        shapely.Polygon(),
        shapely.MultiPolygon(),
    ],
    dtype=object,
)
AREAS = [1, 63.5, 68, 2, 0, 0]


def signed_area(ring: Array) -> float:
    x, y = ring.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def check_layout(p: Polygons) -> None:
    """What every Polygons promises about its arrays."""
    assert p.xy.dtype == np.float64
    assert p.xy.ndim == 2
    assert p.xy.shape[1] == 2
    for offsets, end in ((p.ring_offsets, len(p.xy)), (p.polygon_offsets, len(p.ring_offsets) - 1)):
        assert offsets.dtype == np.int32
        assert offsets[0] == 0
        assert offsets[-1] == end
        assert (np.diff(offsets) >= 0).all()
    assert len(p.polygon_offsets) == len(p) + 1
    for rings in p.to_rings():
        assert all(len(ring) < 2 or not np.array_equal(ring[0], ring[-1]) for ring in rings), "rings are open"


def test_outlines_become_positive_and_holes_negative() -> None:
    for outline in (BIG, BIG[::-1], BIG[[0, 1, 2, 3, 0]]):
        for hole in (HOLE, HOLE[::-1]):
            p = Polygons.from_rings([[outline, hole]])
            check_layout(p)
            assert [signed_area(ring) for ring in p.to_rings()[0]] == [100, -36]
            assert lesiongeo.area(p).tolist() == [64]
            q = Polygons.from_ragged(np.concatenate([outline, hole]), [0, len(outline), len(outline) + 4], [0, 2])
            assert p == q


def test_from_rings_takes_arrays_lists_and_generators() -> None:
    want = Polygons.from_rings([UNIT, [BIG, HOLE]])
    check_layout(want)
    assert len(want) == 2
    assert want.ring_offsets.tolist() == [0, 4, 8, 12]
    assert want.polygon_offsets.tolist() == [0, 1, 3]
    assert want == Polygons.from_rings([UNIT.tolist(), [BIG.tolist(), HOLE.tolist()]])
    assert want == Polygons.from_rings([[tuple(xy) for xy in UNIT.tolist()], (BIG, HOLE)])
    assert want == Polygons.from_rings(iter([[UNIT], [BIG, HOLE]]))
    assert Polygons.from_rings(np.stack([UNIT, UNIT + 1])) == Polygons.from_rings([UNIT, UNIT + 1])


def test_oriented_rings_keep_their_sign() -> None:
    xy = np.concatenate([BIG, HOLE[::-1], ISLAND])
    p = Polygons.from_ragged(xy, [0, 4, 8, 12], [0, 3], roles="oriented")
    assert lesiongeo.area(p).tolist() == [68]
    assert sorted(signed_area(ring) for ring in p.to_rings()[0]) == [-36, 4, 100]
    # The same rings as "polygon": the island is one more hole, inside a hole: nothing more to take away.
    q = Polygons.from_ragged(xy, [0, 4, 8, 12], [0, 3])
    assert lesiongeo.area(q).tolist() == [64]
    assert q.problem == ["self_overlap"]
    with pytest.raises(ValueError, match="oriented"):
        Polygons.from_ragged(xy, [0, 4, 8, 12], [0, 3], roles="holes")  # type: ignore[arg-type]


def test_ragged_round_trip() -> None:
    p = Polygons.from_shapely(SHAPELY)
    xy, ring_offsets, polygon_offsets = p.to_ragged()
    assert Polygons.from_ragged(xy, ring_offsets, polygon_offsets, roles="oriented") == p
    assert xy is p.xy or np.shares_memory(xy, p.xy)
    only_polygons = Polygons.from_shapely(SHAPELY[:2])
    assert Polygons.from_ragged(*only_polygons.to_ragged()) == only_polygons


def test_ragged_arrays_of_shapely_go_in_as_they_are() -> None:
    kind, xy, (rings, polygons) = shapely.to_ragged_array(SHAPELY[:2])
    assert kind == shapely.GeometryType.POLYGON
    p = Polygons.from_ragged(xy, rings, polygons)
    assert p == Polygons.from_shapely(SHAPELY[:2])
    assert lesiongeo.area(p).tolist() == AREAS[:2]


def test_rings_round_trip() -> None:
    p = Polygons.from_rings([UNIT, [BIG, HOLE], []])
    rows = p.to_rings()
    assert [[len(ring) for ring in row] for row in rows] == [[4], [4, 4], []]
    assert Polygons.from_rings(rows) == p


def test_shapely_round_trip() -> None:
    p = Polygons.from_shapely(SHAPELY)
    check_layout(p)
    assert lesiongeo.area(p).tolist() == AREAS
    back = p.to_shapely()
    assert back.dtype == object
    for got, want in zip(back, SHAPELY, strict=True):
        assert got.is_valid
        assert got.area == want.area
        assert got.equals(want), (got, want)
    assert [g.geom_type for g in back[:4]] == ["Polygon", "Polygon", "MultiPolygon", "MultiPolygon"]
    assert [len(g.interiors) for g in back[:2]] == [0, 2]
    assert back[4].is_empty
    assert Polygons.from_shapely(back) == p


def test_shapely_lists_singles_and_none() -> None:
    assert Polygons.from_shapely(list(SHAPELY)) == Polygons.from_shapely(SHAPELY)
    assert lesiongeo.area(Polygons.from_shapely(SHAPELY[1])).tolist() == [63.5]
    p = Polygons.from_shapely([None, SHAPELY[0]])
    assert p.problem == ["empty", None]
    third = shapely.Polygon([(0, 0, 7), (1, 0, 8), (1, 1, 9)])
    assert Polygons.from_shapely([third]).xy.tolist() == [[0, 0], [1, 0], [1, 1]]


def test_crossing_outlines_leave_as_drawn() -> None:
    bow = np.array([(0, 0), (2, 2), (2, 0), (0, 2)], dtype=float)
    p = Polygons.from_rings([bow])
    assert p.to_shapely()[0].equals_exact(shapely.Polygon(p.to_rings()[0][0]), 0)
    assert not p.to_shapely()[0].is_valid
    assert {tuple(xy) for xy in p.xy.tolist()} == {tuple(xy) for xy in bow.tolist()}


def test_rows() -> None:
    p = Polygons.from_shapely(SHAPELY)
    assert len(p) == 6
    assert lesiongeo.area(p[1:4]).tolist() == AREAS[1:4]
    assert lesiongeo.area(p[::-1]).tolist() == AREAS[::-1]
    assert lesiongeo.area(p[4::-2]).tolist() == AREAS[4::-2]
    assert len(p[9:]) == 0
    assert [signed_area(ring) for ring in p[0]] == [1]
    assert [signed_area(ring) for ring in p[2]] == [100, -36, 4]
    assert [ring.tolist() for ring in p[-5]] == [ring.tolist() for ring in p[1]]
    assert p[4] == []
    assert lesiongeo.area(p.take([3, 0, 3, -1])).tolist() == [2, 1, 2, 0]
    assert lesiongeo.area(p.take(np.array([True, False, True, False, False, False]))).tolist() == [1, 68]
    assert len(p.take([])) == 0
    for q in (p[1:4], p[::-1], p.take([3, 0, 3]), p.take([])):
        check_layout(q)
    for row in (6, -7):
        with pytest.raises(IndexError):
            p[row]
        with pytest.raises(IndexError):
            p.take([0, row])


def test_iteration_stops() -> None:
    p = Polygons.from_rings([UNIT, BIG])
    assert [[signed_area(ring) for ring in rings] for rings in p] == [[1], [100]]


def test_equality() -> None:
    p = Polygons.from_rings([UNIT, [BIG, HOLE]])
    assert p == Polygons.from_rings([UNIT, [BIG, HOLE]])
    assert p != Polygons.from_rings([np.roll(UNIT, 1, axis=0), [BIG, HOLE]]), "the same set, but another drawing"
    assert p != Polygons.from_rings([UNIT, [BIG, HOLE + 1e-13]])
    assert p != Polygons.from_rings([UNIT, BIG, HOLE])
    assert p != Polygons.from_rings([UNIT])
    assert p != "polygons"
    assert (p == None) is False  # noqa: E711
    assert copy.copy(p) == p
    assert pickle.loads(pickle.dumps(p)) == p  # noqa: S301


def test_immutable() -> None:
    source = UNIT.copy()
    p = Polygons.from_rings([source])
    source[0] = 99
    assert lesiongeo.area(p).tolist() == [1]
    for array in (p.xy, p.ring_offsets, p.polygon_offsets):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7
    xy, rings, polygons = UNIT.copy(), np.array([0, 4], np.int32), np.array([0, 1], np.int32)
    q = Polygons.from_ragged(xy, rings, polygons)
    xy[:] = rings[:] = polygons[:] = 0
    assert q == p


def test_repr_names_the_size() -> None:
    assert "2" in repr(Polygons.from_rings([UNIT, BIG]))
