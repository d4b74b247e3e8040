"""The oracles against shapes whose answers are known in closed form, so that nothing rests on trust."""

from __future__ import annotations

import gzip
import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from oracle_surface import SurfaceBounds, interior_boundary, surface_bounds, surface_bounds_of
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


# Distances along the boundary

ANALYTIC = Path(__file__).parents[2] / "shared/data/conformance/analytic.jsonl.gz"


def star(rng: np.random.Generator, n: int) -> np.ndarray:
    t = 2 * np.pi * np.arange(n) / n
    return rng.uniform(20, 50, n)[:, None] * np.column_stack([np.cos(t), np.sin(t)]) + rng.uniform(0, 30, 2)


def assert_encloses(bounds: tuple[float, float], value: float, width: float = 1e-10) -> None:
    """The true value lies within, and the bounds are tight enough to be worth something."""
    low, high = bounds
    assert low <= value <= high, (bounds, value)
    assert high - low <= width, (bounds, value)


def test_surface_of_shifted_squares() -> None:
    side, t = 10.0, 1.0
    got = surface_bounds([box(0, 0, side, side)], [box(t, 0, side + t, side)], percentiles=(47.5, 50, 90, 100))
    # Per square 18 at 0, four ramps of length 1 from 0 to 1 (near the shared corners), 18 at 1.
    for bounds in (got.mean_ab, got.mean_ba, got.masd, got.assd):
        assert_encloses(bounds, t / 2)
    assert_encloses(got.signed_offset, 0.0)
    assert_encloses(got.hausdorff, t)
    for bounds in (got.percentile, got.pooled):
        assert_encloses(bounds[50], 0.5)
        assert_encloses(bounds[47.5], 0.25)
        assert_encloses(bounds[90], t)
        assert_encloses(bounds[100], t)


def test_surface_of_concentric_squares() -> None:
    for a, b in ((1.0, 2.0), (3.0, 3.5)):
        d = b - a
        got = surface_bounds([box(-a, -a, a, a)], [box(-b, -b, b, b)], tolerances=(d / 2, d * 1.2))
        out = (8 * a * d + 4 * d * d * (math.sqrt(2) + math.asinh(1))) / (8 * b)
        assert_encloses(got.mean_ab, d)
        assert_encloses(got.mean_ba, out)
        assert_encloses(got.masd, (d + out) / 2)
        assert_encloses(got.assd, (16 * a * d + 4 * d * d * (math.sqrt(2) + math.asinh(1))) / (8 * a + 8 * b))
        assert_encloses(got.signed_offset, -(d + out) / 2)
        assert_encloses(got.hausdorff, d * math.sqrt(2))
        # The outer ring is farther than d only near its corners: there the 95th percentile has 8 equal ends.
        beyond = d - 8 * b * 0.05 / 8
        assert_encloses(got.percentile[95.0], math.hypot(d, max(beyond, 0.0)), 1e-9)
        assert got.nsd[d / 2][1] <= 1e-12
        assert_encloses(got.nsd[d * 1.2], (8 * a + 8 * a + 8 * d * math.sqrt(1.2**2 - 1)) / (8 * a + 8 * b), 1e-9)
        swapped = surface_bounds([box(-b, -b, b, b)], [box(-a, -a, a, a)])
        assert_encloses(swapped.signed_offset, (d + out) / 2)


def test_surface_from_a_line_far_from_a_corner() -> None:
    """A square beside a point-like one: every distance is to a corner, so the integral is the asinh formula."""
    far = [box(0, 3, 1e-30, 3 + 1e-30)]
    got = surface_bounds([box(-4, 0, 4, 1e-12)], far)
    # Both long sides are 3 below the point (to 1e-12): the mean of hypot(x, 3) over |x| <= 4.
    want = (4 * 5 + 9 * math.asinh(4 / 3)) / 8
    assert got.mean_ab[0] - 1e-11 <= want <= got.mean_ab[1] + 1e-11
    assert_encloses(got.percentile_ab[95.0], math.hypot(3.8, 3), 1e-9)


def test_surface_of_the_published_circles() -> None:
    """r = 25 and 40, the example of MeshMetrics: spheres of 64 x 64 triangles cut at the equator.

    The cut runs between two rings of vertices, so the 64 corners are at r cos(pi / 126), and the middles of the
    edges are vertices too.
    """

    def cut(r: float) -> np.ndarray:
        corners = circle(64, r * math.cos(math.pi / 126)).astype(np.float32).astype(np.float64)
        return np.stack([corners, (corners + np.roll(corners, -1, axis=0)) / 2], axis=1).reshape(-1, 2)

    got = surface_bounds([cut(25)], [cut(40)])
    for bounds, want in ((got.hausdorff, 14.99534), (got.assd, 14.97867), (got.masd, 14.97840)):
        assert round(bounds[0], 5) == round(bounds[1], 5) == want
    assert_encloses(got.signed_offset, -(got.masd[0] + got.masd[1]) / 2)


@pytest.mark.skipif(not ANALYTIC.exists(), reason="the shared data are not beside the repository")
def test_surface_of_closed_forms() -> None:
    checked = 0
    for line in gzip.decompress(ANALYTIC.read_bytes()).splitlines():
        case = json.loads(line)
        expected = case["expected"]
        if "assd" not in expected and "hd" not in expected:
            continue
        a, b = ([ring for polygon in case[side] for ring in polygon] for side in ("a", "b"))
        got = surface_bounds(a, b)
        for name, bounds in (("hd", got.hausdorff), ("assd", got.assd)):
            if name in expected:
                checked += 1
                slack = 1e-12 * got.extent
                assert bounds[0] - slack <= expected[name] <= bounds[1] + slack, (case["name"], bounds, expected)
                assert bounds[1] - bounds[0] < 1e-9 * got.extent
    assert checked >= 20


def sampled(a: list, b: list, steps: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Distances at the middles of equal parts of each edge, the length each stands for, and the largest part."""
    starts, ends = segments(a)
    t = (np.arange(steps) + 0.5) / steps
    points = starts[:, None, :] + t[None, :, None] * (ends - starts)[:, None, :]
    length = np.hypot(*(ends - starts).T) / steps
    return distances(points.reshape(-1, 2), *segments(b)).min(axis=1), np.repeat(length, steps), float(length.max())


@pytest.mark.parametrize("seed", range(8))
def test_surface_bounds_hold_against_dense_samples(seed: int) -> None:
    rng = np.random.default_rng(seed)
    if seed % 2:
        a, b = [star(rng, 9)], [star(rng, 12)]
    else:  # whole numbers, crossing and sharing edges; the second with a hole
        a, b = [box(0, 0, 40, 30)], [box(*rng.integers(-9, 9, 2), *rng.integers(30, 45, 2)), box(15, 12, 22, 20)]
    got = surface_bounds(a, b, percentiles=(30, 95), tolerances=(2.0, 7.0))
    (d_ab, w_ab, step), (d_ba, w_ba, other) = sampled(a, b, 4000), sampled(b, a, 4000)
    step = max(step, other)  # a distance changes at most as fast as one moves, so samples are this near the truth
    for bounds, d, w in ((got.mean_ab, d_ab, w_ab), (got.mean_ba, d_ba, w_ba)):
        # The middle rule errs with the square of the step except at kinks and zeros.
        assert abs((d * w).sum() / w.sum() - sum(bounds) / 2) <= step**2 * 5
    d, w = np.concatenate([d_ab, d_ba]), np.concatenate([w_ab, w_ba])
    assert abs((d * w).sum() / w.sum() - sum(got.assd) / 2) <= step**2 * 5

    def quantile(d: np.ndarray, w: np.ndarray, p: float) -> float:
        order = np.argsort(d)
        return float(d[order][np.searchsorted(np.cumsum(w[order]), p / 100 * w.sum())])

    for p in (30, 95):
        assert got.pooled[p][0] - step <= quantile(d, w, p) <= got.pooled[p][1] + step
        assert got.percentile_ab[p][0] - step <= quantile(d_ab, w_ab, p) <= got.percentile_ab[p][1] + step
        assert got.percentile[p][1] == max(got.percentile_ab[p][1], got.percentile_ba[p][1])
    for tolerance in (2.0, 7.0):
        low, high = ((w * (d <= tolerance + move)).sum() / w.sum() for move in (-step, step))
        assert low - 1e-9 <= got.nsd[tolerance][0] <= got.nsd[tolerance][1] <= high + 1e-9
    hausdorff = hausdorff_bounds(a, b)
    assert got.hausdorff[0] <= hausdorff[1] and hausdorff[0] <= got.hausdorff[1]
    for bounds in (got.masd, got.assd, got.signed_offset, got.hausdorff, got.percentile[95]):
        assert bounds[1] - bounds[0] <= 1e-9 * got.extent


def test_surface_sees_what_is_nearest_only_in_the_middle_of_an_edge() -> None:
    long, tip = [(0, 0), (10, 0), (10, -1e-13), (0, -1e-13)], [(4.99, 0.6), (5, 0.5), (5.01, 0.6)]
    got = surface_bounds([long], [box(-9, 2, 19, 9), tip], roles="oriented")
    # hypot(s, 1/2) until it is 2, at |s| = sqrt(15) / 2; then 2.
    s = math.sqrt(15) / 2
    want = (s * 2 + 0.25 * math.asinh(2 * s) + 2 * (10 - 2 * s)) / 10
    assert_encloses(got.mean_ab, want, 1e-9)


def test_signs_of_the_offset() -> None:
    # A annulus of width 1 inside its filled disc: its outer ring is on the border, its hole 2 inside the disc.
    disc, hole = box(-3, -3, 3, 3), box(-1, -1, 1, 1)
    got = surface_bounds([disc, hole], [disc])
    assert_encloses(got.mean_ab, 2 * 8 / 32)
    assert_encloses(got.signed_offset, -0.5 * 2 * 8 / 32)
    assert_encloses(surface_bounds([disc, hole[::-1]], [disc]).signed_offset, -0.25)
    # In the hole is outside.
    small = box(-0.5, -0.5, 0.5, 0.5)
    got = surface_bounds([small], [disc, hole])
    assert_encloses(got.mean_ab, 0.5)
    # From the annulus to the small square all are outside: 2.5 and more.
    assert_encloses(got.signed_offset, (0.5 - sum(got.mean_ba) / 2) / 2)


def test_surface_bounds_scale_move_and_batch() -> None:
    rng = np.random.default_rng(1)
    pairs = [([star(rng, 11)], [star(rng, 7)]) for _ in range(5)]
    alone = [surface_bounds(a, b, tolerances=(4.0,)) for a, b in pairs]
    for one, many in zip(alone, surface_bounds_of(pairs, tolerances=(4.0,)), strict=True):
        assert one.masd == pytest.approx(many.masd, rel=1e-11)
        assert one.nsd[4.0] == pytest.approx(many.nsd[4.0], rel=1e-11)
    a, b = pairs[0]
    want = alone[0]
    for scale in (1e-200, 1e-9, 1e9, 1e145):
        got = surface_bounds([a[0] * scale], [b[0] * scale])
        for name in ("masd", "assd", "signed_offset", "hausdorff"):
            for mine, theirs in zip(getattr(got, name), getattr(want, name), strict=True):
                assert mine / scale == pytest.approx(theirs, abs=1e-9)
    got = surface_bounds([a[0] + 1e6], [b[0] + 1e6])
    assert got.assd == pytest.approx(want.assd, abs=1e-8)


def test_surface_bounds_of_nothing_and_of_points() -> None:
    for a, b in (([], [UNIT]), ([UNIT], []), ([[(0, 0)]], [UNIT])):
        got = surface_bounds(a, b, tolerances=(1.0,))
        assert all(math.isnan(v) for v in (*got.masd, *got.hausdorff, *got.nsd[1.0], *got.percentile[95.0]))


def width(got: SurfaceBounds) -> float:
    pairs = (got.hausdorff, got.masd, got.assd, got.signed_offset, got.percentile[95.0], got.pooled[95.0])
    return max(high - low for low, high in pairs) / got.extent


def test_surface_bounds_are_tight_where_features_tie() -> None:
    """Ties along whole edges: axes of symmetry, shared borders, and a border counted twice."""
    rng = np.random.default_rng(2)
    border = np.column_stack([np.arange(20.0), rng.integers(0, 5, 20)])
    comb = [(x, y) for k in range(8) for x, y in ((4 * k, 0), (4 * k, 30), (4 * k + 2, 30), (4 * k + 2, 0))]
    cases = [
        ([box(-5, -1, 5, 1)], [box(-1, -5, 1, 5)]),
        ([[(0, 0), (10, 0), (10, 1), (0, 1)]], [[(2, 3), (3, 9), (2, -9), (1, 3)]]),
        ([circle(64, 9.0)], [[(0, -0.5), (0.5, 0), (0, 0.5), (-0.5, 0)]]),
        ([[*border, (19, 30), (0, 30)]], [[*border, (19, -30), (0, -30)]]),
        ([comb], [np.add(comb, (1, 0))]),
        ([comb], [np.array(comb)[:, ::-1]]),
        ([UNIT, box(0.25, 0.25, 0.75, 0.75)], [UNIT, box(0.25, 0.25, 0.75, 0.75)]),
    ]
    for a, b in cases:
        assert width(surface_bounds(a, b)) <= 1e-10


def test_boundary_of_what_a_crossing_outline_means() -> None:
    bow = interior_boundary([BOW])
    assert len(bow.starts) == 6  # two triangles
    got = surface_bounds(bow, [box(0, 0, 2, 2)])
    # Per triangle: one side on the square, two sides that rise from 0 to 1 at the middle of the square.
    assert_encloses(got.mean_ab, 4 * math.sqrt(2) * 0.5 / (4 + 4 * math.sqrt(2)))
    assert_encloses(got.mean_ba, 2 * (1 / 2 / math.sqrt(2)) * 2 / 8)
    # Ten edges, no pentagon inside: its edges have the region on both sides.
    star = interior_boundary([PENTAGRAM])
    assert len(star.starts) == 10
    notch = ((3 - math.sqrt(5)) / 2) * np.array(
        [[math.cos(a), math.sin(a)] for a in math.pi * (0.3 + 0.4 * np.arange(5))]
    )
    tips = np.array([[math.cos(a), math.sin(a)] for a in math.pi * (0.5 + 0.4 * np.arange(5))])
    drawn = np.stack([notch, tips], axis=1).reshape(-1, 2)
    assert_encloses(surface_bounds(star, [drawn]).hausdorff, 0.0)
    for name in ("masd", "assd", "signed_offset"):
        assert getattr(surface_bounds(star, [UNIT]), name) == pytest.approx(
            getattr(surface_bounds([drawn], [UNIT]), name), abs=1e-11
        )
    # A hole across the outline, and outlines one over the other.
    cut = interior_boundary([box(0, 0, 4, 4), box(3, 1, 5, 2)])
    want = [(0, 0), (4, 0), (4, 1), (3, 1), (3, 2), (4, 2), (4, 4), (0, 4)]
    assert_encloses(surface_bounds(cut, [want]).hausdorff, 0.0)
    both = interior_boundary([box(0, 0, 4, 4), box(1, 1, 5, 5)], roles="oriented")
    want = [(0, 0), (4, 0), (4, 1), (5, 1), (5, 5), (1, 5), (1, 4), (0, 4)]
    assert_encloses(surface_bounds(both, [want], roles="oriented").hausdorff, 0.0)
    with pytest.raises(ValueError, match="general position"):
        interior_boundary([box(0, 0, 3, 3) * 2])


def test_surface_bounds_of_a_small_outline_beside_a_large_one() -> None:
    """On the small one all distances are nearly equal, and places on it are rounded as the large one is."""
    rng = np.random.default_rng(4)
    for size in (1e-3, 1e-6, 1e-9):
        got = surface_bounds(
            [star(rng, 9)], [star(rng, 9) * size + 60], percentiles=(0, 50, 95, 100), tolerances=(9.0,)
        )
        for bounds in (
            *got.percentile.values(),
            *got.percentile_ba.values(),
            *got.pooled.values(),
            *got.nsd.values(),
            got.masd,
        ):
            assert 0 <= bounds[1] - bounds[0] <= 1e-9
        assert got.percentile_ba[0][0] <= got.mean_ba[0] <= got.percentile_ba[100][1] <= got.hausdorff[1]
