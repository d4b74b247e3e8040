"""iou_pairs: all overlapping pairs of two sets, against every pair computed one by one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import shapely

import lesiongeo
from lesiongeo import Polygons, RegionError

Array = npt.NDArray[np.float64]


def box(x0: float, y0: float, x1: float, y1: float) -> Array:
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], dtype=np.float64)


def listed(pairs: lesiongeo.IouPairs) -> list[tuple[int, int, float]]:
    return list(zip(pairs.index_a.tolist(), pairs.index_b.tolist(), pairs.iou.tolist(), strict=True))


def stars(rng: np.random.Generator, count: int, spread: float) -> Polygons:
    rows = []
    for _ in range(count):
        t = np.linspace(0, 2 * np.pi, rng.integers(3, 30), endpoint=False)
        r = rng.uniform(2, 12, len(t))[:, None]
        rows.append(r * np.column_stack([np.cos(t), np.sin(t)]) + rng.uniform(0, spread, 2))
    return Polygons.from_rings(rows)


def one_by_one(a: Polygons, b: Polygons) -> npt.NDArray[np.float64]:
    """IoU of every row of `a` with every row of `b`."""
    rows = np.repeat(np.arange(len(a)), len(b)), np.tile(np.arange(len(b)), len(a))
    return lesiongeo.iou(a.take(rows[0]), b.take(rows[1])).reshape(len(a), len(b))


def expected(
    table: npt.NDArray[np.float64], may_meet: npt.NDArray[np.bool_], least: float
) -> list[tuple[int, int, float]]:
    i, j = np.nonzero((table > 0) & (table >= least) & may_meet)
    return list(zip(i.tolist(), j.tolist(), table[i, j].tolist(), strict=True))


A = [box(0, 0, 2, 1), box(10, 0, 12, 1), box(4, 0, 5, 1)]
B = [box(1, 0, 3, 1), box(11.5, 0, 13.5, 1), box(0, 0, 2, 1), box(5, 0, 6, 1)]


def test_by_hand() -> None:
    """Each pair once, sorted; touching is not overlapping."""
    got = lesiongeo.iou_pairs(A, B)
    assert [(i, j) for i, j, _ in listed(got)] == [(0, 0), (0, 2), (1, 1)]
    assert got.iou == pytest.approx([1 / 3, 1, 1 / 7], rel=1e-15)
    assert got.iou.dtype == np.float64
    for index in (got.index_a, got.index_b):
        assert np.issubdtype(index.dtype, np.integer)


def test_gate() -> None:
    assert [(i, j) for i, j, _ in listed(lesiongeo.iou_pairs(A, B, min_iou=0.2))] == [(0, 0), (0, 2)]
    # "At least": a pair at the gate passes.
    assert listed(lesiongeo.iou_pairs([box(0, 0, 1, 1)], [box(0, 0, 1, 0.5)], min_iou=0.5)) == [(0, 0, 0.5)]
    assert listed(lesiongeo.iou_pairs(A, B, min_iou=1.0)) == [(0, 2, 1.0)]


def test_groups_keep_regions_apart() -> None:
    same = [box(0, 0, 2, 2)] * 3
    got = lesiongeo.iou_pairs(same, same, groups_a=[7, 8, 7], groups_b=[8, 7, 9])
    assert listed(got) == [(0, 1, 1.0), (1, 0, 1.0), (2, 1, 1.0)]
    got = lesiongeo.iou_pairs(same, same, groups_a=["x", "y", "x"], groups_b=["y", "x", "z"])
    assert listed(got) == [(0, 1, 1.0), (1, 0, 1.0), (2, 1, 1.0)]
    large = np.array([2**62, 2**62 + 1, -1])  # keys that a float could not tell apart
    got = lesiongeo.iou_pairs(same, same, groups_a=large, groups_b=large)
    assert [(i, j) for i, j, _ in listed(got)] == [(0, 0), (1, 1), (2, 2)]


@pytest.mark.parametrize("least", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("spread", [25.0, 100.0])
def test_equals_every_pair_one_by_one(least: float, grouped: bool, spread: float) -> None:
    rng = np.random.default_rng(int(spread))
    a, b = stars(rng, 90, spread), stars(rng, 110, spread)
    groups_a, groups_b = rng.integers(0, 4, len(a)), rng.integers(0, 4, len(b))
    may_meet = groups_a[:, None] == groups_b[None, :] if grouped else np.ones((len(a), len(b)), dtype=bool)
    want = expected(one_by_one(a, b), may_meet, least)
    assert len(want) > 5 or (spread > 25 and least == 0.5)
    options = {"groups_a": groups_a, "groups_b": groups_b} if grouped else {}
    for threads in (1, 2, 4):
        assert listed(lesiongeo.iou_pairs(a, b, min_iou=least, threads=threads, **options)) == want


def test_crossing_outlines_holes_and_parts_among_ordinary_ones() -> None:
    rng = np.random.default_rng(1)
    rows = [rng.uniform(0, 60, (7, 2)) for _ in range(40)]
    rows += [[box(0, 0, 50, 50), box(5, 5, 45, 45)], np.concatenate([box(0, 0, 9, 9)] * 2)]
    a = Polygons.from_rings(rows)
    b = Polygons.from_shapely([shapely.MultiPolygon([shapely.box(0, 0, 9, 9), shapely.box(20, 20, 30, 30)])] * 3)
    assert listed(lesiongeo.iou_pairs(a, b)) == expected(one_by_one(a, b), np.ones((42, 3), dtype=bool), 0.0)
    # A plug in the hole and a hole around it have nothing in common; boxes alone would say otherwise.
    assert listed(lesiongeo.iou_pairs([rows[40]], [box(6, 6, 44, 44)])) == []


def test_rows_without_area_never_pair() -> None:
    nothing = [np.empty((0, 2)), box(0, 0, 1, 1)[:1], box(0, 0, 1, 1)[:2]]
    assert listed(lesiongeo.iou_pairs(nothing, nothing)) == []
    assert listed(lesiongeo.iou_pairs([*nothing, box(0, 0, 1, 1)], [box(0, 0, 1, 1)])) == [(3, 0, 1.0)]


def test_empty_batches() -> None:
    for got in (
        lesiongeo.iou_pairs([], []),
        lesiongeo.iou_pairs(A, []),
        lesiongeo.iou_pairs([], B, groups_a=[], groups_b=[1] * 4),
    ):
        assert listed(got) == []
        assert got.iou.dtype == np.float64
        assert np.issubdtype(got.index_a.dtype, np.integer)


def test_one_row_is_not_spread_over_the_other_side() -> None:
    assert [(i, j) for i, j, _ in listed(lesiongeo.iou_pairs(A[:1], B))] == [(0, 0), (0, 2)]


def test_bad_groups_and_gates_are_refused() -> None:
    with pytest.raises(RegionError):
        lesiongeo.iou_pairs(A, B, groups_a=[1, 2, 3])
    with pytest.raises(RegionError):
        lesiongeo.iou_pairs(A, B, groups_a=[1, 2, 3], groups_b=[1, 2])
    for gate in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="min_iou"):
            lesiongeo.iou_pairs(A, B, min_iou=gate)
