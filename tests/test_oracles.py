"""The oracles against shapes whose answers are known in closed form, so that nothing rests on trust."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from oracles import (
    Areas,
    directed_bounds,
    distances,
    exact_areas,
    exact_misfit,
    exact_shoelace,
    hausdorff_bounds,
    segments,
    vertex_hausdorff,
)


def box(x0: float, y0: float, x1: float, y1: float) -> list[tuple[float, float]]:
    """Rectangle, positive shoelace area."""
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def circle(n: int, r: float) -> np.ndarray:
    """Regular n-gon."""
    t = 2 * np.pi * np.arange(n) / n
    return np.column_stack([r * np.cos(t), r * np.sin(t)])


UNIT = box(0, 0, 1, 1)
DIAMOND = [(2, 0), (4, 2), (2, 4), (0, 2)]
BOW = [(0, 0), (2, 2), (2, 0), (0, 2)]
PENTAGRAM = [(math.cos(math.pi * (0.5 + 0.8 * k)), math.sin(math.pi * (0.5 + 0.8 * k))) for k in range(5)]


@pytest.mark.parametrize("side", [1, 10, 100])
@pytest.mark.parametrize("shift", [0.25, 0.1, 1.5])
def test_shifted_squares(side: float, shift: float) -> None:
    s, t = Fraction(side), Fraction(shift) if side > 1 else Fraction(shift) % 1
    got = exact_areas([box(0, 0, side, side)], [box(float(t), 0, float(t) + side, side)])
    right = Fraction(float(t) + side)  # the far side as rounded to binary64
    assert got == Areas(s * s, (right - t) * s, (s - t) * s, right * s)


def test_areas_are_exact_rationals() -> None:
    # y = x against y = 1 - x: the crossing at 1/2, the areas with a denominator of 3 come from a 1:2 cut.
    got = exact_areas([[(0, 0), (3, 0), (0, 1)]], [[(0, 0), (3, 1), (0, 1)]])
    assert got == Areas(Fraction(3, 2), Fraction(3, 2), Fraction(3, 4), Fraction(9, 4))
    third = exact_areas([[(0, 0), (1, 0), (0, 1)]], [[(0, 0), (1, 0), (1, 2)]])
    assert third.inter == Fraction(1, 3)
    assert third.iou == 2 / 7


@pytest.mark.parametrize("flip_a", [False, True])
@pytest.mark.parametrize("flip_b", [False, True])
def test_direction_start_and_closing_point_do_not_matter(flip_a: bool, flip_b: bool) -> None:
    a, b = list(DIAMOND), box(0, 0, 4, 4)
    a, b = (a[::-1] if flip_a else a), (b[::-1] if flip_b else b)
    for start in range(4):
        turned = a[start:] + a[:start]
        want = Areas(Fraction(8), Fraction(16), Fraction(8), Fraction(16))
        assert exact_areas([[*turned, turned[0]]], [b]) == want


def test_non_zero_rule_of_self_crossing_outlines() -> None:
    assert exact_areas([BOW], []).a == 2
    assert exact_shoelace(BOW) == 0
    twice = box(0, 0, 3, 3) * 2
    assert exact_areas([twice], [box(0, 0, 1, 1)]) == Areas(Fraction(9), Fraction(1), Fraction(1), Fraction(9))
    r = 1 / ((1 + math.sqrt(5)) / 2) ** 2
    star = float(exact_areas([PENTAGRAM], []).a)
    assert star == pytest.approx(5 * r * math.sin(math.radians(36)), rel=1e-14)


def test_holes_islands_and_parts() -> None:
    shell, hole, island = box(0, 0, 10, 10), box(2, 2, 8, 8), box(4, 4, 6, 6)
    assert exact_areas([shell, hole], [shell]) == Areas(Fraction(64), Fraction(100), Fraction(64), Fraction(100))
    with_island = [shell, hole[::-1], island]
    assert exact_areas(with_island, [hole], roles="oriented").a == 68
    assert exact_areas(with_island, [hole], roles="oriented").inter == 4
    # A hole that reaches beyond its outline takes away only what is there; overlapping parts count once.
    assert exact_areas([UNIT, box(0.5, -1, 2, 2)], []).a == Fraction(1, 2)
    assert exact_areas([UNIT, box(0.5, 0, 1.5, 1)], [], roles="oriented").a == Fraction(3, 2)


def test_empty_sides() -> None:
    assert exact_areas([], []) == Areas(*[Fraction(0)] * 4)
    assert exact_areas([UNIT], []) == Areas(Fraction(1), Fraction(0), Fraction(0), Fraction(1))
    assert exact_areas([[(0, 0), (1, 1)]], [UNIT]).a == 0
    assert math.isnan(exact_areas([], []).iou)


@pytest.mark.parametrize("gap", [0.0, 5e-324, 2**-52])
def test_edges_one_ulp_apart(gap: float) -> None:
    # Two squares that share an edge, moved apart or not by the smallest step: no common area, and no
    # rounding.
    left, right = box(-1, 0, -gap, 1), box(0, 0, 1, 1)
    assert exact_areas([left], [right]).inter == 0
    assert exact_areas([box(-1, 0, gap, 1)], [right]).inter == Fraction(gap)


@pytest.mark.parametrize(
    ("rings", "roles", "misfit"),
    [
        ([UNIT], "polygon", 0),
        ([UNIT[::-1]], "polygon", 0),
        ([BOW], "polygon", 1),  # one of the two lobes of area 1 runs against the other
        ([box(0, 0, 3, 3) * 2], "polygon", 9),
        ([box(0, 0, 4, 4), box(1, 1, 2, 2)], "polygon", 0),
        ([box(0, 0, 4, 4), box(1, 1, 2, 2)[::-1]], "polygon", 0),
        ([box(0, 0, 4, 4), box(3, 1, 5, 2)], "polygon", 1),  # half of the hole lies outside
        ([UNIT, box(1, 1, 2, 2)], "oriented", 0),  # parts that touch in a point
        ([box(0, 0, 2, 2), box(1, 1, 3, 3)], "oriented", 1),
        ([[(0, 0), (2, 0), (2, 2), (1, 2), (1, 3), (1, 2), (0, 2)]], "polygon", 0),  # a spike has no area
    ],
)
def test_misfit(rings: list[list[tuple[float, float]]], roles: str, misfit: int) -> None:
    assert exact_misfit(rings, roles=roles) == misfit


def test_exact_areas_agree_with_a_count_of_grid_cells() -> None:
    # A second way to the same number: unions of random unit cells, drawn as staircases.
    rng = np.random.default_rng(7)
    for _ in range(20):
        heights = rng.integers(1, 9, (2, 12))
        rings = []
        for row in heights:
            top = [(x, int(h)) for k, h in enumerate(row) for x in (k, k + 1)]
            rings.append([(0, 0), *top, (12, 0)])
        got = exact_areas([rings[0]], [rings[1]])
        want = (heights[0], heights[1], heights.min(axis=0), heights.max(axis=0))
        assert got == Areas(*(Fraction(int(w.sum())) for w in want))


def test_segments_and_distances() -> None:
    starts, ends = segments([UNIT, [(5.0, 5.0)]])
    assert starts.shape == ends.shape == (5, 2)
    assert distances(np.array([[0.5, -2.0], [8.0, 9.0]]), starts, ends)[0, 0] == 2.0
    assert distances(np.array([[8.0, 9.0]]), starts, ends)[0].tolist()[-1] == 5.0


@pytest.mark.parametrize(
    ("a", "b", "ab", "ba"),
    [
        (box(-1, -1, 1, 1), box(-2, -2, 2, 2), 1.0, math.sqrt(2)),
        (box(0, 0, 4, 4), DIAMOND, math.sqrt(2), 1.0),  # side midpoints of the diamond's edges are 1 away
        (UNIT, [(0, 0), (1, 0), (1, 1)], math.sqrt(0.5), 0.5),  # 0.5: an inner point of an edge, no vertex
        (box(0, 0, 2, 2), box(5, 0, 7, 2), 5.0, 5.0),
        (box(0, 0, 10, 2), box(4, -4, 6, 6), 4.0, 4.0),
        # Lines drawn there and back: the inner point (970/13, 970/13) of the first is as far from both axes.
        ([(10, 10), (10, 150), (130, 10), (10, 150)], [(130, 0), (0, 0), (0, 150), (0, 0)], 970 / 13, None),
    ],
)
def test_hausdorff_bounds(a: list, b: list, ab: float, ba: float | None) -> None:
    for want, (lower, upper) in ((ab, directed_bounds([a], [b])), (ba, directed_bounds([b], [a]))):
        if want is not None:
            assert lower <= upper <= lower + 1e-9
            assert lower == pytest.approx(want, rel=1e-11)
    assert hausdorff_bounds([a], [b])[0] == max(directed_bounds([a], [b])[0], directed_bounds([b], [a])[0])


def test_hausdorff_bounds_of_circles_and_against_dense_samples() -> None:
    small, large = [circle(64, 1.0)], [circle(64, 2.0)]
    assert hausdorff_bounds(small, large)[0] == pytest.approx(1.0, rel=1e-12)
    assert directed_bounds(small, large)[0] == pytest.approx(0.9987954562051725, rel=1e-12)
    rng = np.random.default_rng(3)
    for _ in range(10):
        a, b = rng.uniform(0, 100, (9, 2)), rng.uniform(0, 100, (11, 2))
        starts, ends = segments([a])
        t = np.linspace(0, 1, 2001)
        sample = (starts[:, None, :] + t[None, :, None] * (ends - starts)[:, None, :]).reshape(-1, 2)
        sampled = distances(sample, *segments([b])).min(axis=1).max()
        lower, upper = directed_bounds([a], [b])
        # A sample can only miss the maximum, by at most half a step (edges are below 142 long).
        assert sampled <= upper + 1e-12
        assert sampled >= lower - 142 / 2000 / 2
        assert upper - lower <= 1e-9


def test_hausdorff_uses_all_rings_and_knows_empty() -> None:
    shell, hole = box(-4, -4, 4, 4), box(-1, -1, 1, 1)
    assert hausdorff_bounds([shell, hole], [shell])[0] == 3.0
    assert all(math.isnan(v) for v in hausdorff_bounds([], [shell]))


def test_vertex_hausdorff_misses_inner_points() -> None:
    a, b = [(130, 0), (0, 0), (0, 150), (0, 0)], [(10, 10), (10, 150), (130, 10), (10, 150)]
    assert vertex_hausdorff([a], [b]) == pytest.approx(math.sqrt(200), rel=1e-15)
    assert vertex_hausdorff([UNIT], [box(3, 0, 4, 1)]) == 3.0
