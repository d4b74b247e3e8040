"""area, perimeter, centroid, bounds, intersection_area, iou, dice: numbers a reader can check by hand."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import shapely

import lesiongeo
from lesiongeo import Polygons

Array = npt.NDArray[np.float64]


def box(x0: float, y0: float, x1: float, y1: float) -> Array:
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], dtype=np.float64)


def oriented(*rings: Array) -> Polygons:
    """One region of several rings whose sign is their role."""
    return Polygons.from_ragged(
        np.concatenate(rings), np.cumsum([0, *map(len, rings)]), np.array([0, len(rings)]), roles="oriented"
    )


UNIT = box(0, 0, 1, 1)
ELL = np.array([(0, 0), (3, 0), (3, 1), (1, 1), (1, 4), (0, 4)], dtype=float)
TRIANGLE = np.array([(0, 0), (4, 0), (0, 3)], dtype=float)
BOW = np.array([(0, 0), (2, 2), (2, 0), (0, 2)], dtype=float)
TWICE = np.concatenate([box(0, 0, 3, 3)] * 2)
# Two lobes of a crossing outline: a triangle of area 1 left of x = 1, one of area 4 right of it.
LOBES = np.array([(0, -1), (3, 2), (3, -2), (0, 1)], dtype=float)
DEGENERATE = [
    UNIT[:0],
    UNIT[:1],
    UNIT[:2],
    UNIT[[0, 1, 0, 1]],
    np.array([(0, 0), (1, 1), (5, 5)], dtype=float),
]

# name: rings, area, perimeter, centroid, bounds
SHAPES = {
    "unit": ([UNIT], 1, 4, (0.5, 0.5), (0, 0, 1, 1)),
    "drawn the other way": ([UNIT[::-1]], 1, 4, (0.5, 0.5), (0, 0, 1, 1)),
    "closed": ([UNIT[[0, 1, 2, 3, 0]]], 1, 4, (0.5, 0.5), (0, 0, 1, 1)),
    "repeated points": ([UNIT[[0, 0, 1, 1, 1, 2, 3, 3, 0, 0]]], 1, 4, (0.5, 0.5), (0, 0, 1, 1)),
    "3-4-5 triangle": ([TRIANGLE], 6, 12, (4 / 3, 1), (0, 0, 4, 3)),
    "L": ([ELL], 6, 14, (1, 1.5), (0, 0, 3, 4)),
    "hole off centre": ([box(0, 0, 4, 4), box(2, 1, 3, 3)], 14, 22, (27 / 14, 2), (0, 0, 4, 4)),
    "hole drawn the other way": (
        [box(0, 0, 4, 4), box(2, 1, 3, 3)[::-1]],
        14,
        22,
        (27 / 14, 2),
        (0, 0, 4, 4),
    ),
    "far away": (
        [box(1e7, -1e7, 1e7 + 1, 1 - 1e7)],
        1,
        4,
        (1e7 + 0.5, 0.5 - 1e7),
        (1e7, -1e7, 1e7 + 1, 1 - 1e7),
    ),
    "tiny": (
        [box(0, 0, 2.0**-40, 2.0**-40)],
        2.0**-80,
        2.0**-38,
        (2.0**-41, 2.0**-41),
        (0, 0, 2.0**-40, 2.0**-40),
    ),
    # |lobes| = 1 and 4, centroids at x = 1/3 and 7/3: the interior counts, not the signed sum 1 - 4.
    "unequal bow tie": ([LOBES], 5, None, ((1 / 3 + 4 * 7 / 3) / 5, 0), (0, -2, 3, 2)),
    "wound twice": ([TWICE], 9, None, (1.5, 1.5), (0, 0, 3, 3)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_one_region(name: str) -> None:
    rings, area, perimeter, centroid, bounds = SHAPES[name]
    p = Polygons.from_rings([rings])
    assert lesiongeo.area(p) == pytest.approx([area], rel=1e-15)
    if perimeter is not None:
        assert lesiongeo.perimeter(p) == pytest.approx([perimeter], rel=1e-15)
    assert lesiongeo.centroid(p)[0] == pytest.approx(centroid, rel=1e-14, abs=1e-15)
    assert lesiongeo.bounds(p).tolist() == [list(bounds)]


def test_all_regions_in_one_call() -> None:
    p = Polygons.from_rings([rings for rings, *_ in SHAPES.values()])
    for function, shape in ((lesiongeo.area, ()), (lesiongeo.centroid, (2,)), (lesiongeo.bounds, (4,))):
        got = function(p)
        assert got.dtype == np.float64
        assert got.shape == (len(SHAPES), *shape)
        each = np.concatenate([function(p[k : k + 1]) for k in range(len(p))])
        assert np.array_equal(got, each)
    assert lesiongeo.area(p) == pytest.approx([area for _, area, *_ in SHAPES.values()], rel=1e-14)


def test_self_crossing_outlines_mean_their_non_zero_interior() -> None:
    r = 1 / ((1 + math.sqrt(5)) / 2) ** 2
    angle = math.pi * (0.5 + 0.8 * np.arange(5))
    pentagram = np.column_stack([np.cos(angle), np.sin(angle)])
    p = Polygons.from_rings([BOW, BOW[::-1], TWICE, pentagram])
    assert lesiongeo.area(p) == pytest.approx([2, 2, 9, 5 * r * math.sin(math.radians(36))], rel=1e-14)
    assert lesiongeo.centroid(p)[0] == pytest.approx([1, 1], rel=1e-14)
    # The left lobe of the bow tie covers 1/4 of the unit square's column under it: triangle (0,0) (1,1)
    # (0,2).
    assert lesiongeo.intersection_area(p[:1], [UNIT]) == pytest.approx([0.5], rel=1e-14)
    assert lesiongeo.iou(p[2:3], [box(0, 0, 3, 6)]) == pytest.approx([0.5], rel=1e-14)


def test_perimeter_of_self_crossing_outlines_is_that_of_the_interior() -> None:
    p = Polygons.from_rings([BOW, TWICE])
    assert lesiongeo.perimeter(p) == pytest.approx([4 + 4 * math.sqrt(2), 12], rel=1e-14)


def test_several_parts_and_islands() -> None:
    parts = oriented(UNIT, box(2, 0, 4, 3))
    assert lesiongeo.area(parts).tolist() == [7.0]
    assert lesiongeo.perimeter(parts).tolist() == [14.0]
    assert lesiongeo.centroid(parts)[0] == pytest.approx([(0.5 + 18) / 7, (0.5 + 9) / 7], rel=1e-15)
    island = oriented(box(0, 0, 10, 10), box(2, 2, 8, 8)[::-1], box(4, 4, 6, 6))
    assert lesiongeo.area(island).tolist() == [68.0]
    assert lesiongeo.intersection_area(island, [box(2, 2, 8, 8)]).tolist() == [4.0]
    overlapping = oriented(UNIT, box(0.5, 0, 1.5, 1))
    assert lesiongeo.area(overlapping) == pytest.approx([1.5], rel=1e-15)
    assert lesiongeo.intersection_area(overlapping, [box(0, 0, 2, 2)]) == pytest.approx([1.5], rel=1e-15)
    # The hole reaches beyond its outline: only what is there can be taken away.
    outside = Polygons.from_rings([[UNIT, box(0.5, -1, 2, 2)]])
    assert lesiongeo.area(outside) == pytest.approx([0.5], rel=1e-15)


# name: a, b, intersection, union
PAIRS = {
    "shifted by a quarter": ([UNIT], [box(0.25, 0, 1.25, 1)], 0.75, 1.25),
    "shifted along the diagonal": ([box(0, 0, 8, 8)], [box(2, 2, 10, 10)], 36, 92),
    "inside": ([box(-1, -1, 1, 1)], [box(-2, -2, 2, 2)], 4, 16),
    "equal, other start and direction": ([ELL], [np.roll(ELL[::-1], 2, axis=0)], 6, 6),
    "square and its midpoint diamond": (
        [box(0, 0, 4, 4)],
        [np.array([(2, 0), (4, 2), (2, 4), (0, 2)], dtype=float)],
        8,
        16,
    ),
    "plus sign": ([box(-5, -1, 5, 1)], [box(-1, -5, 1, 5)], 4, 36),
    "two triangles of a square": ([UNIT[[0, 1, 2]]], [UNIT[[0, 2, 3]]], 0, 1),
    "crossing triangles": (
        [UNIT[[0, 1, 3]]],
        [np.array([(0, 0), (1, 0), (1, 2)], dtype=float)],
        1 / 3,
        7 / 6,
    ),
    "sharing an edge": ([UNIT], [box(1, 0, 2, 1)], 0, 2),
    "sharing a corner": ([UNIT], [box(1, 1, 2, 2)], 0, 2),
    "apart": ([UNIT], [box(5, 5, 6, 6)], 0, 2),
    "apart, boxes overlap": ([ELL], [box(2, 2, 3, 4)], 0, 8),
    "hole against solid": ([box(-4, -4, 4, 4), box(-1, -1, 1, 1)], [box(-4, -4, 4, 4)], 60, 64),
    "plug in the hole": ([box(-4, -4, 4, 4), box(-1, -1, 1, 1)], [box(-1, -1, 1, 1)], 0, 64),
    "two holes": ([box(0, 0, 4, 4), box(1, 1, 3, 3)], [box(0, 0, 4, 4), box(2, 1, 4, 3)], 10, 14),
    "far away": (
        [box(2**20, 2**20, 2**20 + 1, 2**20 + 1)],
        [box(2**20, 2**20, 2**20 + 1, 2**20 + 0.5)],
        0.5,
        1,
    ),
}


@pytest.mark.parametrize("swap", [False, True])
def test_pairs(swap: bool) -> None:
    a, b = (Polygons.from_rings([pair[k] for pair in PAIRS.values()]) for k in (0, 1))
    a, b = (b, a) if swap else (a, b)
    inter = np.array([pair[2] for pair in PAIRS.values()])
    union = np.array([pair[3] for pair in PAIRS.values()])
    for name, got, want in (
        ("intersection_area", lesiongeo.intersection_area(a, b), inter),
        ("iou", lesiongeo.iou(a, b), inter / union),
        ("dice", lesiongeo.dice(a, b), 2 * inter / (inter + union)),
    ):
        assert got.dtype == np.float64
        assert dict(zip(PAIRS, got, strict=True)) == pytest.approx(dict(zip(PAIRS, want, strict=True)), abs=1e-15), name
        # No rounding noise where nothing is common: a report counts zeros.
        assert np.array_equal(got == 0, want == 0), name


def test_identical_outlines_are_exactly_one() -> None:
    rows = [[ELL / 3], [LOBES / 7], [box(0, 0, 0.1, 0.3), box(0.01, 0.02, 0.03, 0.07)], [TWICE * math.pi]]
    p = Polygons.from_rings(rows)
    assert lesiongeo.iou(p, p).tolist() == [1.0] * 4
    assert lesiongeo.dice(p, p).tolist() == [1.0] * 4
    assert lesiongeo.iou(p, Polygons.from_rings(rows)).tolist() == [1.0] * 4


def test_without_area() -> None:
    p = Polygons.from_rings(DEGENERATE)
    assert lesiongeo.area(p).tolist() == [0.0] * 5
    assert lesiongeo.intersection_area(p, [UNIT]).tolist() == [0.0] * 5
    for function in (lesiongeo.iou, lesiongeo.dice):
        assert np.isnan(function(p, [UNIT])).all()
        assert np.isnan(function([UNIT], p)).all()
        assert np.isnan(function(p, p)).all()
    assert np.isnan(lesiongeo.bounds(p)[0]).all()
    assert lesiongeo.bounds(p)[2].tolist() == [0, 0, 1, 0]
    assert np.isnan(lesiongeo.centroid(p)[0]).all()


def test_one_row_broadcasts() -> None:
    many = Polygons.from_rings([box(k, 0, k + 2, 1) for k in range(4)])
    one = [box(0, 0, 2, 1)]
    assert lesiongeo.intersection_area(one, many).tolist() == [2, 1, 0, 0]
    assert lesiongeo.intersection_area(many, one).tolist() == [2, 1, 0, 0]
    assert lesiongeo.iou(many, one) == pytest.approx([1, 1 / 3, 0, 0], abs=1e-15)
    assert lesiongeo.iou(one, one).tolist() == [1.0]


def test_accepts_shapely_arrays_and_lists() -> None:
    squares = shapely.box([0, 1], 0, [2, 3], 1)
    rings = [box(0, 0, 2, 1), box(1, 0, 3, 1)]
    for p in (squares, rings, Polygons.from_rings(rings), list(squares)):
        assert lesiongeo.area(p).tolist() == [2, 2]
        assert lesiongeo.perimeter(p).tolist() == [6, 6]
        assert lesiongeo.is_valid(p).tolist() == [True, True]
        assert lesiongeo.iou(p, rings[:1]) == pytest.approx([1, 1 / 3])


def test_same_bits_for_any_number_of_threads() -> None:
    rng = np.random.default_rng(11)
    a = Polygons.from_rings(list(rng.uniform(0, 100, (3000, 7, 2))))
    b = Polygons.from_rings(list(rng.uniform(0, 100, (3000, 9, 2))))
    for function in (lesiongeo.intersection_area, lesiongeo.iou, lesiongeo.dice):
        first = function(a, b, threads=1)
        for threads in (2, 4, None):
            assert np.array_equal(first, function(a, b, threads=threads), equal_nan=True)
    for measure in (
        lesiongeo.area,
        lesiongeo.perimeter,
        lesiongeo.centroid,
        lesiongeo.bounds,
        lesiongeo.is_valid,
    ):
        assert np.array_equal(measure(a, threads=1), measure(a, threads=3))


def test_number_of_threads_can_be_set() -> None:
    before = lesiongeo.num_threads()
    assert before >= 1
    try:
        lesiongeo.set_num_threads(3)
        assert lesiongeo.num_threads() == 3
        assert lesiongeo.area([UNIT]).tolist() == [1.0]
    finally:
        lesiongeo.set_num_threads(before)


def test_options_are_keywords() -> None:
    with pytest.raises(TypeError):
        lesiongeo.iou([UNIT], [UNIT], 2)  # type: ignore[misc]
