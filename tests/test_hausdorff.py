"""Boundary distance: closed forms, degenerate rows, and the difference between "exact" and "vertex"."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import shapely

import lesiongeo
from lesiongeo import Polygons
from oracles import Rings, directed_bounds, distances, hausdorff_bounds, segments, vertex_hausdorff

Array = npt.NDArray[np.float64]


def ring(*points: tuple[float, float]) -> Array:
    return np.array(points, dtype=np.float64).reshape(-1, 2)


def box(x0: float, y0: float, x1: float, y1: float) -> Array:
    return ring((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def circle(n: int, r: float, cx: float = 0.0, cy: float = 0.0) -> Array:
    t = 2 * np.pi * np.arange(n) / n
    return np.column_stack([cx + r * np.cos(t), cy + r * np.sin(t)])


UNIT = box(0, 0, 1, 1)
PENTAGON = ring((2, 0), (3, 2), (0, 4), (-3, 1), (-1, -2))
SQRT2 = math.sqrt(2)

# name: a, b, from a to b, from b to a
CASES = {
    "shifted along a side": ([UNIT], [box(0.25, 0, 1.25, 1)], 0.25, 0.25),
    "shifted along the diagonal": ([UNIT], [UNIT + 0.5], SQRT2 / 2, SQRT2 / 2),
    "small in large": ([box(-1, -1, 1, 1)], [box(-2, -2, 2, 2)], 1, SQRT2),
    # From the square the corners are farthest; from the diamond the inner points of its sides, which no
    # vertex shows.
    "square and its midpoint diamond": ([box(0, 0, 4, 4)], [ring((2, 0), (4, 2), (2, 4), (0, 2))], SQRT2, 1),
    "square and half of it": ([UNIT], [UNIT[:3]], SQRT2 / 2, 0.5),
    "two halves of a square": ([UNIT[[0, 1, 2]]], [UNIT[[0, 2, 3]]], SQRT2 / 2, SQRT2 / 2),
    "apart": ([box(0, 0, 2, 2)], [box(5, 0, 7, 2)], 5, 5),
    "sharing an edge": ([box(0, 0, 2, 2)], [box(2, 0, 4, 2)], 2, 2),
    "plus sign": ([box(-5, -1, 5, 1)], [box(-1, -5, 1, 5)], 4, 4),
    "triangle and its mirror image": ([ring((0, 0), (3, 0), (0, 4))], [ring((0, 0), (-3, 0), (0, 4))], 3, 3),
    "circles": ([circle(64, 1)], [circle(64, 2)], math.cos(math.pi / 64), 1),
    "moved circle": ([circle(128, 10)], [circle(128, 10, 3, 4)], 5, 5),
    "all rings count": ([box(-4, -4, 4, 4), box(-1, -1, 1, 1)], [box(-4, -4, 4, 4)], 3, 0),
    "a boundary, not a disc": ([box(-9, -9, 9, 9)], [box(-1, -1, 1, 1)], 8 * SQRT2, 8),
    "bow tie": ([ring((0, 0), (2, 2), (2, 0), (0, 2))], [box(0, 0, 2, 2)], 1, SQRT2 / 2),
    # Scaling by 1.25 about the origin moves the farthest corner, (0, 4), by a quarter of its length.
    "scaled pentagon": ([PENTAGON * 1.25], [PENTAGON], 1, None),
    "far away": ([box(1e7, 1e7, 1e7 + 1, 1e7 + 1)], [box(1e7, 1e7, 1e7 + 1, 1e7 + 1.5)], 0.5, 0.5),
    "equal": ([PENTAGON], [np.roll(PENTAGON[::-1], 2, axis=0)], 0, 0),
}


def batch() -> tuple[Polygons, Polygons]:
    return Polygons.from_rings([c[0] for c in CASES.values()]), Polygons.from_rings([c[1] for c in CASES.values()])


def test_closed_forms() -> None:
    a, b = batch()
    ab, ba, both = (
        lesiongeo.hausdorff(a, b, directed=True),
        lesiongeo.hausdorff(b, a, directed=True),
        lesiongeo.hausdorff(a, b),
    )
    assert both.dtype == np.float64
    for k, (name, (_, _, want_ab, want_ba)) in enumerate(CASES.items()):
        assert ab[k] == pytest.approx(want_ab, rel=1e-14, abs=1e-14), name
        if want_ba is not None:
            assert ba[k] == pytest.approx(want_ba, rel=1e-14, abs=1e-14), name
            assert both[k] == pytest.approx(max(want_ab, want_ba), rel=1e-14, abs=1e-14), name
    assert np.array_equal(both, np.maximum(ab, ba))


def test_arguments_swap_without_a_changed_bit() -> None:
    a, b = batch()
    for method in ("exact", "vertex"):
        assert np.array_equal(lesiongeo.hausdorff(a, b, method=method), lesiongeo.hausdorff(b, a, method=method))


def test_a_row_against_itself_is_exactly_zero() -> None:
    a, _ = batch()
    for method in ("exact", "vertex"):
        assert lesiongeo.hausdorff(a, a, method=method).tolist() == [0.0] * len(a)
        assert lesiongeo.hausdorff(a, a, directed=True, method=method).tolist() == [0.0] * len(a)


def test_vertex_is_the_value_of_shapely() -> None:
    a, b = batch()
    keep = np.flatnonzero(a.is_valid & b.is_valid)  # shapely takes a crossing outline as drawn
    a, b = a.take(keep), b.take(keep)
    assert len(a) == len(CASES) - 1
    got = lesiongeo.hausdorff(a, b, method="vertex")
    assert got == pytest.approx(shapely.hausdorff_distance(a.to_shapely(), b.to_shapely()), rel=1e-14)
    assert (lesiongeo.hausdorff(a, b) >= got).all()
    # Directed: all vertices of the diamond lie on the square's sides.
    k = list(CASES).index("square and its midpoint diamond")
    assert lesiongeo.hausdorff(b[k : k + 1], a[k : k + 1], directed=True, method="vertex").tolist() == [0.0]


def test_the_boundary_of_an_invalid_region_is_that_of_its_interior() -> None:
    angle = math.pi * (0.5 + 0.8 * np.arange(5))
    pentagram = np.column_stack([np.cos(angle), np.sin(angle)])
    bow = ring((0, 0), (2, 2), (2, 0), (0, 2))
    twice = np.concatenate([box(0, 0, 4, 4), box(0, 0, 4, 2)])  # the line y = 2 lies inside
    parts = Polygons.from_ragged(
        np.concatenate([box(0, 0, 4, 4), box(2, 0, 6, 4)]), [0, 4, 8], [0, 2], roles="oriented"
    )
    near = Polygons.from_rings([ring((0, 0)), ring((1, 1)), ring((2, 2))])
    crossing = Polygons.from_rings([pentagram, bow, twice])
    # The notches between the tips of a pentagram are 1 / phi^2 from its centre; its inner lines are closer
    # (0.309).
    notch = ((3 - math.sqrt(5)) / 2, 0.0, 2.0)
    assert lesiongeo.hausdorff(near, crossing, directed=True) == pytest.approx(notch, rel=1e-13, abs=1e-15)
    assert lesiongeo.hausdorff([ring((3, 2))], parts, directed=True) == pytest.approx([2], rel=1e-13)
    # Where the lobes of a bow tie meet there is a corner of the interior.
    square = [box(0, 0, 2, 2)]
    assert lesiongeo.hausdorff([bow], square, directed=True, method="vertex") == pytest.approx([1], rel=1e-13)


def test_inner_points_that_no_vertex_shows() -> None:
    """Lines drawn there and back; the textbook case of GEOS, which prints 14.14 (and 70 when densified)."""
    a = [ring((130, 0), (0, 0), (0, 150), (0, 0))]
    b = [ring((10, 10), (10, 150), (130, 10), (10, 150))]
    assert lesiongeo.hausdorff(a, b) == pytest.approx([970 / 13], rel=1e-14)
    assert lesiongeo.hausdorff(b, a, directed=True) == pytest.approx([970 / 13], rel=1e-14)
    assert lesiongeo.hausdorff(a, b, method="vertex") == pytest.approx([math.sqrt(200)], rel=1e-14)


def test_points_and_lines_have_a_distance() -> None:
    point, line = ring((3, 4)), ring((0, 0), (4, 0))
    p = Polygons.from_rings([point, point, line, line, point])
    q = Polygons.from_rings([box(0, 0, 3, 4), ring((0, 0)), ring((0, 3), (4, 3)), ring((0, 0), (1, 0), (2, 0)), point])
    assert lesiongeo.hausdorff(p, q).tolist() == [5, 5, 3, 2, 0]
    assert lesiongeo.hausdorff(p, q, directed=True).tolist() == [0, 5, 3, 2, 0]
    assert lesiongeo.hausdorff(q, p, directed=True).tolist() == [5, 5, 3, 0, 0]


def test_no_point_no_distance() -> None:
    empty = Polygons.from_ragged(np.empty((0, 2)), np.array([0]), np.array([0, 0]))
    no_points = Polygons.from_rings([ring()])
    for nothing in (empty, no_points):
        for method in ("exact", "vertex"):
            assert np.isnan(lesiongeo.hausdorff(nothing, [UNIT], method=method)).all()
            assert np.isnan(lesiongeo.hausdorff([UNIT], nothing, method=method)).all()
            assert np.isnan(lesiongeo.hausdorff([UNIT], nothing, directed=True, method=method)).all()
            assert np.isnan(lesiongeo.hausdorff(nothing, nothing, method=method)).all()


def test_one_row_broadcasts() -> None:
    many = [box(k, 0, k + 1, 1) for k in range(4)]
    assert lesiongeo.hausdorff([UNIT], many).tolist() == [0, 1, 2, 3]
    assert lesiongeo.hausdorff(many, [UNIT]).tolist() == [0, 1, 2, 3]


def test_random_outlines_lie_within_certified_bounds() -> None:
    rng = np.random.default_rng(5)

    def star() -> Array:
        t = np.linspace(0, 2 * np.pi, rng.integers(5, 60), endpoint=False)
        return rng.uniform(5, 50, len(t))[:, None] * np.column_stack([np.cos(t), np.sin(t)]) + rng.uniform(0, 30, 2)

    a, b = [star() for _ in range(200)], [star() for _ in range(200)]
    got = lesiongeo.hausdorff(a, b)
    directed = lesiongeo.hausdorff(a, b, directed=True)
    vertex = lesiongeo.hausdorff(a, b, method="vertex")
    above = 0
    for k in range(200):
        lower, upper = hausdorff_bounds([a[k]], [b[k]])
        assert lower - 1e-12 <= got[k] <= upper + 1e-12, k
        lower, upper = directed_bounds([a[k]], [b[k]])
        assert lower - 1e-12 <= directed[k] <= upper + 1e-12, k
        assert vertex[k] == pytest.approx(vertex_hausdorff([a[k]], [b[k]]), rel=1e-13)
        above += got[k] > vertex[k] * (1 + 1e-9)
    assert above > 20  # inner points decide often enough for the search to be tested


def check_witnesses(
    found: lesiongeo.HausdorffWitnesses, a: list[list[Array]], b: list[list[Array]], *, directed: bool = False
) -> None:
    """Points lie on their boundaries, as far apart as said, and no boundary point is farther (branch and bound)."""
    for k, (rings_a, rings_b) in enumerate(zip(a, b, strict=True)):
        every = np.concatenate([*rings_a, *rings_b])
        size = float(np.ptp(every, axis=0).max())
        # A point is rounded to the digits of its coordinates.
        rounding = 4 * float(np.spacing(np.abs(every).max()))
        far: tuple[Array, Rings, Rings] = (found.point_a[k], rings_a, rings_b)
        near: tuple[Array, Rings, Rings] = (found.point_b[k], rings_b, rings_a)
        for point, own, _ in (far, near):
            assert distances(point[None], *segments(own)).min() <= rounding, k
        apart = math.dist(found.point_a[k], found.point_b[k])
        assert apart == pytest.approx(found.distance[k], rel=1e-12, abs=rounding), k
        point, _, other = far if found.from_a[k] else near
        assert distances(point[None], *segments(other)).min() == pytest.approx(apart, rel=1e-12, abs=rounding), k
        lower, upper = directed_bounds(rings_a, rings_b) if directed else hausdorff_bounds(rings_a, rings_b)
        assert lower - 1e-13 * size <= found.distance[k] <= upper + 1e-13 * size, k


def swapped(found: lesiongeo.HausdorffWitnesses) -> list[Array]:
    return [found.distance, found.point_b, found.point_a]


def test_witnesses_of_closed_forms() -> None:
    a, b = batch()
    valid = [k for k, name in enumerate(CASES) if name != "bow tie"]
    rings = list(CASES.values())
    for method in ("exact", "vertex"):
        for directed in (False, True):
            found = lesiongeo.hausdorff(a, b, directed=directed, method=method, witnesses=True)
            assert isinstance(found, lesiongeo.HausdorffWitnesses)
            assert (found.point_a.shape, found.point_b.shape) == ((len(a), 2), (len(a), 2))
            assert (found.distance.dtype, found.from_a.dtype) == (np.float64, np.bool_)
            assert np.array_equal(found.distance, lesiongeo.hausdorff(a, b, directed=directed, method=method))
            if directed:
                assert found.from_a.all()
            if method == "exact":
                kept = lesiongeo.HausdorffWitnesses(*(column[valid] for column in found))
                check_witnesses(kept, [rings[k][0] for k in valid], [rings[k][1] for k in valid], directed=directed)
            else:
                tops = [np.concatenate(c[0 if of_a else 1]) for c, of_a in zip(rings, found.from_a, strict=True)]
                points = np.where(found.from_a[:, None], found.point_a, found.point_b)
                for k in valid:
                    assert (points[k] == tops[k]).all(axis=1).any(), k
    found = lesiongeo.hausdorff(a, b, witnesses=True)
    k = list(CASES).index("apart")
    assert sorted([found.point_a[k, 0], found.point_b[k, 0]]) in ([0.0, 5.0], [2.0, 7.0])
    k = list(CASES).index("equal")
    assert found.point_a[k].tolist() == found.point_b[k].tolist()
    k = list(CASES).index("all rings count")
    assert found.from_a[k]
    assert np.abs(found.point_a[k]).max() == 1


def test_witnesses_of_random_outlines() -> None:
    rng = np.random.default_rng(17)

    def star() -> Array:
        t = np.linspace(0, 2 * np.pi, rng.integers(3, 40), endpoint=False)
        return rng.uniform(5, 50, len(t))[:, None] * np.column_stack([np.cos(t), np.sin(t)]) + rng.uniform(0, 30, 2)

    a, b = [[star()] for _ in range(150)], [[star()] for _ in range(150)]
    p, q = Polygons.from_rings(a), Polygons.from_rings(b)
    for directed in (False, True):
        found = lesiongeo.hausdorff(p, q, directed=directed, witnesses=True)
        check_witnesses(found, a, b, directed=directed)
        assert np.array_equal(found.distance, lesiongeo.hausdorff(p, q, directed=directed))
    found, back = lesiongeo.hausdorff(p, q, witnesses=True), lesiongeo.hausdorff(q, p, witnesses=True)
    for column, same in zip(swapped(found), back, strict=False):
        assert np.array_equal(column, same)
    assert np.array_equal(found.from_a, ~back.from_a)
    for threads in (1, 2, 4):
        again = lesiongeo.hausdorff(p, q, witnesses=True, threads=threads)
        assert all(np.array_equal(*columns) for columns in zip(found, again, strict=True))


def test_witnesses_where_there_is_little_or_nothing() -> None:
    point, line = ring((3, 4)), ring((0, 0), (4, 0))
    nothing = ring()
    a = [[point], [point], [line], [nothing], [UNIT], [nothing]]
    b = [[UNIT], [point], [point], [UNIT], [nothing], [nothing]]
    found = lesiongeo.hausdorff(Polygons.from_rings(a), Polygons.from_rings(b), witnesses=True)
    check_witnesses(lesiongeo.HausdorffWitnesses(*(column[:3] for column in found)), a[:3], b[:3])
    assert found.point_a[1].tolist() == found.point_b[1].tolist() == [3, 4]
    assert np.isnan(found.distance[3:]).all()
    assert np.isnan(found.point_a[3:]).all()
    assert np.isnan(found.point_b[3:]).all()
    assert not found.from_a[3:].any()
    assert lesiongeo.hausdorff([UNIT], [UNIT + 1, UNIT + 2], witnesses=True).point_b.shape == (2, 2)


def test_witnesses_of_an_invalid_outline_lie_on_its_interior() -> None:
    # Drawn one and a half times round: the line y = 2 lies inside and is no boundary.
    twice = np.concatenate([box(0, 0, 4, 4), box(0, 0, 4, 2)])
    spot = ring((2, 2))
    found = lesiongeo.hausdorff([twice], [spot], directed=True, witnesses=True)
    check_witnesses(found, [[box(0, 0, 4, 4)]], [[spot]], directed=True)
    back = lesiongeo.hausdorff([spot], [twice], directed=True, witnesses=True)
    assert back.distance.tolist() == [2]
    check_witnesses(back, [[spot]], [[box(0, 0, 4, 4)]], directed=True)


def test_same_bits_for_any_number_of_threads() -> None:
    rng = np.random.default_rng(11)
    a, b = (Polygons.from_rings(list(rng.uniform(0, 100, (2000, n, 2)))) for n in (7, 9))
    for method in ("exact", "vertex"):
        first = lesiongeo.hausdorff(a, b, method=method, threads=1)
        for threads in (2, 4, None):
            assert np.array_equal(first, lesiongeo.hausdorff(a, b, method=method, threads=threads))


def test_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="vertex"):
        lesiongeo.hausdorff([UNIT], [UNIT], method="fast")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        lesiongeo.hausdorff([UNIT], [UNIT], True)  # type: ignore[misc]
