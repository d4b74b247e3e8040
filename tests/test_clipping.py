"""Union, intersection, difference and votes: held against exact areas, in any order and on any number of threads."""

from __future__ import annotations

import gzip
import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

import lesiongeo
from garbage import batch, garbage
from lesiongeo import Polygons, RegionError
from lesiongeo.testing import OUTLINE_KINDS, make_outlines
from oracles import _sweep, exact_areas, open_ring

Array = npt.NDArray[np.float64]
PAIRWISE = [lesiongeo.union, lesiongeo.intersection, lesiongeo.difference]
LVIS = Path(__file__).resolve().parents[2] / "shared" / "data" / "multirater" / "lvis_pairs.jsonl.gz"
#: Area error of clipped outlines, relative to the larger of the two: what the docstrings promise.
PROMISED = 4e-15


def square(x: float, y: float, side: float) -> Array:
    return np.array([(x, y), (x + side, y), (x + side, y + side), (x, y + side)], dtype=float)


def star(rng: np.random.Generator, n: int, x: float, y: float) -> Array:
    t = 2 * np.pi * np.arange(n) / n
    return rng.uniform(20, 50, n)[:, None] * np.column_stack([np.cos(t), np.sin(t)]) + (x, y)


def exact_votes(regions: list[Array], votes: int) -> Fraction:
    """Exact area of the places that at least so many outlines, each valid, wind around."""
    sides = [[open_ring(region)] for region in regions]
    return _sweep(sides, lambda fills: [sum(fill[0] != 0 for fill in fills) >= votes], 1)[0]


def check_identities(a: Polygons, b: Polygons, limit: float = PROMISED) -> float:
    """Areas of the outlines against those of the kernel that makes none; the worst difference."""
    area_a, area_b, both = lesiongeo.area(a), lesiongeo.area(b), lesiongeo.intersection_area(a, b)
    larger = np.maximum(area_a, area_b)
    expected = {
        "union": (lesiongeo.union(a, b), area_a + area_b - both),
        "intersection": (lesiongeo.intersection(a, b), both),
        "difference": (lesiongeo.difference(a, b), area_a - both),
        "other difference": (lesiongeo.difference(b, a), area_b - both),
    }
    worst = 0.0
    for name, (made, area) in expected.items():
        error = float((np.abs(lesiongeo.area(made) - area) / larger).max())
        assert error <= limit, (name, error)
        assert set(made.problem) <= {None, "empty"}, name
        worst = max(worst, error)
    return worst


@pytest.mark.parametrize("kind", OUTLINE_KINDS)
@pytest.mark.parametrize("vertices", [12, 50, 200])
def test_areas_of_generated_pairs(kind: str, vertices: int) -> None:
    a, b = (Polygons.from_ragged(*side) for side in make_outlines(500, vertices=vertices, kind=kind, seed=3))
    check_identities(a, b)


@pytest.mark.skipif(not LVIS.is_file(), reason="real outlines are not here")
def test_areas_of_real_pairs() -> None:
    with gzip.open(LVIS, "rt") as lines:
        pairs = [json.loads(line) for line in lines]
    a, b = (Polygons.from_rings([[np.array(ring) for ring in pair[side][0]] for pair in pairs]) for side in "ab")
    assert len(a) > 1500
    # Some are long and thin: what counts is the length of the border.
    check_identities(a, b, 2e-14)


def test_borders_a_few_units_in_the_last_place_apart() -> None:
    """Neighbours that share an edge up to 2 ulp: against exact arithmetic, and no outline out of nothing."""
    rng = np.random.default_rng(5)
    left, right = [], []
    for _ in range(300):
        shared = rng.uniform(0, 1000, (2, 2))
        moved = shared + np.spacing(shared) * rng.integers(-2, 3, (2, 2))
        across = (shared[1] - shared[0])[::-1] * (1, -1)
        left.append(np.array([shared[0], shared[1], shared.mean(0) + across]))
        right.append(np.array([moved[0], moved[1], moved.mean(0) - across]))
    a, b = Polygons.from_rings(left), Polygons.from_rings(right)
    union, shared_area = lesiongeo.area(lesiongeo.union(a, b)), lesiongeo.area(lesiongeo.intersection(a, b))
    for row in range(len(a)):
        exact = exact_areas([left[row]], [right[row]])
        larger = float(max(exact.a, exact.b))
        assert abs(union[row] - float(exact.union)) <= 1e-14 * larger
        assert abs(shared_area[row] - float(exact.inter)) <= 1e-14 * larger


@pytest.mark.parametrize("votes", [1, 2, 3, 4, 5])
def test_votes_are_exact(votes: int) -> None:
    rng = np.random.default_rng(votes)
    groups = [[star(rng, 9, *rng.uniform(-20, 20, 2)) for _ in range(5)] for _ in range(12)]
    regions = Polygons.from_rings([region for group in groups for region in group])
    keys = np.repeat(np.arange(12), 5)
    found = lesiongeo.majority(regions, keys, min_votes=votes)
    for group, area in zip(groups, lesiongeo.area(found.polygons), strict=True):
        exact = float(exact_votes(group, votes))
        assert abs(area - exact) <= PROMISED * lesiongeo.area(group).max()
    if votes == 3:
        assert lesiongeo.majority(regions, keys).polygons == found.polygons
    same = {1: lesiongeo.union, 5: lesiongeo.intersection}.get(votes)
    if same:
        assert same(regions, groups=keys).polygons == found.polygons
    disputed = lesiongeo.disagreement_area(regions, keys).area_px2
    for group, area in zip(groups, disputed, strict=True):
        exact = float(exact_votes(group, 1) - exact_votes(group, 5))
        assert abs(area - exact) <= PROMISED * exact


def test_thousands_of_votes() -> None:
    """Squares of side 1000 at 0, 1, ..: exactly ``min_votes`` of them cover the k-th diagonal step."""
    n = 2000
    regions = Polygons.from_rings([square(k, 0, 10_000) for k in range(n)])
    found = lesiongeo.majority(regions, np.zeros(n), min_votes=1500)
    # Covered by 1500: from the left edge of the 1500th to the right edge of the 501st.
    assert lesiongeo.area(found.polygons).tolist() == [(500 + 10_000 - 1499) * 10_000.0]
    assert found.counts.tolist() == [n]


def test_groups_by_first_appearance() -> None:
    regions = Polygons.from_rings([square(0, 0, 2), square(9, 0, 2), square(1, 0, 2), []])
    found = lesiongeo.union(regions, groups=["b", "a", "b", "c"])
    assert found.groups.tolist() == ["b", "a", "c"]
    assert found.counts.tolist() == [2, 1, 1]
    assert lesiongeo.area(found.polygons).tolist() == [6.0, 4.0, 0.0]
    less = lesiongeo.difference(regions, groups=["b", "a", "b", "c"])
    assert lesiongeo.area(less.polygons).tolist() == [2.0, 4.0, 0.0]
    assert lesiongeo.disagreement_area(regions, ["b", "a", "b", "b"]).area_px2.tolist() == [6.0, 0.0]
    for nobody in ([], np.array([], dtype=object), pa.array([], pa.string()), pa.nulls(0)):
        none = lesiongeo.union([], groups=nobody)
        assert (len(none.groups), len(none.polygons), len(none.counts)) == (0, 0, 0)


def test_a_region_that_drew_nothing_votes_for_nothing() -> None:
    regions = Polygons.from_rings([square(0, 0, 2), [], [(0, 0), (1, 1)]])
    keys = ["a"] * 3
    assert lesiongeo.area(lesiongeo.majority(regions, keys).polygons).tolist() == [0.0]
    assert lesiongeo.area(lesiongeo.majority(regions, keys, min_votes=1).polygons).tolist() == [4.0]
    assert lesiongeo.area(lesiongeo.intersection(regions, groups=keys).polygons).tolist() == [0.0]
    assert lesiongeo.disagreement_area(regions, keys).area_px2.tolist() == [4.0]
    assert lesiongeo.area(lesiongeo.majority(regions, keys, min_votes=10**30).polygons).tolist() == [0.0]


def test_what_nothing_touches_comes_back_as_drawn() -> None:
    rng = np.random.default_rng(1)
    drawn = Polygons.from_rings([star(rng, 30, 7e6, 0.1), [square(0, 0, 9), square(1, 1, 2)]])
    nothing = Polygons.from_rings([[], [(0, 0), (4, 4), (9, 9)]])
    far = Polygons.from_rings([square(1e5, 1e5, 1), square(1e5, 1e5, 1)])
    assert lesiongeo.union(drawn, nothing) == lesiongeo.union(nothing, drawn) == drawn
    assert lesiongeo.union(drawn, drawn) == lesiongeo.intersection(drawn, drawn) == drawn
    assert lesiongeo.difference(drawn, nothing) == lesiongeo.difference(drawn, far) == drawn
    for empty in (lesiongeo.intersection(drawn, nothing), lesiongeo.intersection(drawn, far)):
        assert empty.problem == ["empty"] * 2
    assert lesiongeo.difference(drawn, drawn).problem == ["empty"] * 2
    assert lesiongeo.union(nothing, nothing).problem == ["empty"] * 2
    # Side by side: the vertices of both, whatever grid they went through.
    both = lesiongeo.union(drawn, far)
    assert {tuple(p) for p in both.xy} == {tuple(p) for p in np.concatenate([drawn.xy, far.xy])}


def test_points_on_straight_edges_stay() -> None:
    """Vertices that are collinear were drawn; leaving one out could move a border."""
    ring = np.array([(0, 0), (1, 0), (2, 0), (4, 0), (4, 4), (0, 4)], dtype=float) / 3
    cut = lesiongeo.difference([ring], [square(1, 1, 5)])
    assert {tuple(p) for p in ring if tuple(p) != (4 / 3, 4 / 3)} <= {tuple(p) for p in cut.xy}


def test_order_and_threads_change_no_bit() -> None:
    a, b = (Polygons.from_ragged(*side) for side in make_outlines(400, vertices=60, seed=8))
    rng = np.random.default_rng(0)
    assert lesiongeo.union(a, b) == lesiongeo.union(b, a)
    assert lesiongeo.intersection(a, b) == lesiongeo.intersection(b, a)
    for operation in PAIRWISE:
        one, *more = (operation(a, b, threads=threads) for threads in (1, 2, 4))
        assert all(other == one for other in more)
    pool = Polygons.from_rings([star(rng, 40, *rng.uniform(0, 30, 2)) for _ in range(300)])
    keys = rng.integers(0, 40, 300)
    found = lesiongeo.majority(pool, keys, min_votes=3, threads=1)
    assert lesiongeo.majority(pool, keys, min_votes=3, threads=4).polygons == found.polygons
    shuffled = rng.permutation(300)
    other = lesiongeo.majority(pool.take(shuffled), keys[shuffled], min_votes=3)
    place = [other.groups.tolist().index(key) for key in found.groups.tolist()]
    assert other.polygons.take(place) == found.polygons


@pytest.mark.parametrize("exponent", [-400, -100, 100, 400])
def test_scaling_by_powers_of_two_is_exact(exponent: int) -> None:
    a, b = make_outlines(100, vertices=30, seed=4)
    for operation in PAIRWISE:
        plain = operation(Polygons.from_ragged(*a), Polygons.from_ragged(*b))
        sides = (Polygons.from_ragged(side.xy * 2.0**exponent, *side[1:]) for side in (a, b))
        assert np.array_equal(operation(*sides).xy, plain.xy * 2.0**exponent)


def test_far_from_the_origin() -> None:
    """On a lattice that doubles hold everywhere, moving moves the result and nothing else."""
    a, b = (
        [np.round(region[0] * 64) / 64 for region in Polygons.from_ragged(*side).to_rings()]
        for side in make_outlines(100, vertices=30, seed=4)
    )
    near = lesiongeo.area(lesiongeo.union(a, b))
    far = lesiongeo.area(lesiongeo.union([r + 2.0**40 for r in a], [r + 2.0**40 for r in b]))
    # Crossing points are rounded to 2^-12 there.
    assert np.abs(far - near).max() < 2.0**-12 * 1000


def test_one_against_many() -> None:
    many = Polygons.from_rings([square(k, 0, 4) for k in range(5)])
    assert lesiongeo.area(lesiongeo.difference(many, [square(0, 0, 4)])).tolist() == [0.0, 4.0, 8.0, 12.0, 16.0]
    assert lesiongeo.area(lesiongeo.difference([square(0, 0, 4)], many)).tolist() == [0.0, 4.0, 8.0, 12.0, 16.0]


def test_self_overlapping_outlines_count_with_their_interior() -> None:
    bow_tie = np.array([(0, 0), (2, 2), (2, 0), (0, 2)], dtype=float)
    assert lesiongeo.area(lesiongeo.union([bow_tie], [square(0, 0, 2)])).tolist() == [4.0]
    assert lesiongeo.area(lesiongeo.difference([square(0, 0, 2)], [bow_tie])).tolist() == [2.0]
    twice = np.concatenate([square(0, 0, 2)] * 2)
    assert lesiongeo.area(lesiongeo.majority([twice, square(1, 0, 2)], [1, 1]).polygons).tolist() == [2.0]


def test_wrong_calls_are_refused() -> None:
    some: Any = [square(0, 0, 1)]
    for operation in PAIRWISE:
        function: Any = operation
        with pytest.raises(RegionError, match="groups"):
            function(some)
        with pytest.raises(RegionError, match="groups"):
            function(some, some, groups=[1])
        with pytest.raises(RegionError, match="one entry per region"):
            function(some, groups=[1, 2])
        with pytest.raises(RegionError, match="as many"):
            function(some * 2, some * 3)
    with pytest.raises(RegionError, match="one entry per region"):
        lesiongeo.disagreement_area(some, [[1]])
    for votes in (0, -1, 1.5, "2", True, False, np.True_, np.array(2), -(10**5000)):
        with pytest.raises(ValueError, match="min_votes"):
            lesiongeo.majority(some, [1], min_votes=votes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("groups", "row"),
    [
        (["a", None, "a", None], 1),
        ([1, 2, None, 1], 2),
        ([None] * 4, 0),
        (np.array(["a", "a", None, "b"], dtype=object), 2),
        (np.array(["a", math.nan, "a", "b"], dtype=object), 1),
        (pa.array(["a", "b", "a", None]), 3),
        (pa.array([1, None, 1, 2]), 1),
        (pa.chunked_array([[1, 2], [2, None]]), 3),
        (pa.array(["a", "b", None, "a"]).dictionary_encode(), 2),
        (np.ma.masked_equal([1, 2, 3, 4], 3), 2),
        ([1.0, 2.0, math.nan, math.nan], 2),
        (np.array([1.0, math.nan, 2.0, 1.0]), 1),
        (["a", "b", "a", math.nan], 3),
        (np.array(["2024-01-01", "NaT", "2024-01-01", "NaT"], dtype="datetime64[D]"), 1),
    ],
    ids=repr,
)
def test_missing_groups_are_named(groups: Any, row: int) -> None:
    some = Polygons.from_rings([square(x, 0, 1) for x in range(4)])
    calls: list[Any] = [lambda: lesiongeo.majority(some, groups), lambda: lesiongeo.disagreement_area(some, groups)]
    calls += [lambda function=function: function(some, groups=groups) for function in PAIRWISE]
    for call in calls:
        with pytest.raises(RegionError, match=f"group of region {row} is missing .*leave such regions out") as caught:
            call()
        assert caught.value.row == row


@pytest.mark.parametrize(
    ("groups", "row"),
    [
        ([1, "a", 1.0], 1),
        (["1", "1", 1], 2),
        (np.array(["a", "a", 1], dtype=object), 2),
        ([True, True, 1], 2),
        ([b"a", "a", "a"], 1),
        ([2**53 + 1, 2**53, 0.5], 0),
        ([-1, 2**63 + 1, 2**63], 1),
    ],
    ids=repr,
)
def test_groups_of_several_kinds_are_refused(groups: Any, row: int) -> None:
    """As text 1 and 1.0 would be two groups; as doubles 2**53 + 1 and 2**53 one."""
    with pytest.raises(RegionError, match="make all") as caught:
        lesiongeo.union([square(0, 0, 1)] * 3, groups=groups)
    assert caught.value.row == row


@pytest.mark.parametrize("groups", [[{}, {}], [[1], [2, 3]], [{1}, {2}], "ab", 3, None], ids=repr)
def test_groups_that_are_none(groups: Any) -> None:
    with pytest.raises(RegionError, match="groups"):
        lesiongeo.majority([square(0, 0, 1)] * 2, groups)


@pytest.mark.parametrize(
    ("groups", "want"),
    [
        ([1, 1.0, 2.5], [1, 2.5]),
        ((2**80, 2**80, -1), [2**80, -1]),
        (np.array(["b", "b", "a"], dtype=object), ["b", "a"]),
        (pa.array(["b", "b", "a"]), ["b", "a"]),
        (pa.chunked_array([[3, 3], [1]]), [3, 1]),
        ([np.str_("b"), "b", "a"], ["b", "a"]),
        ([True, True, False], [True, False]),
        (range(3), [0, 1, 2]),
    ],
    ids=repr,
)
def test_groups_of_one_kind(groups: Any, want: list[Any]) -> None:
    assert lesiongeo.union([square(0, 0, 1)] * 3, groups=groups).groups.tolist() == want


@pytest.mark.parametrize(
    ("rows", "seed"), [(20_000, 1), pytest.param(1_000_000, 2, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
)
def test_garbage_never_raises(rows: int, seed: int) -> None:
    """Whatever was drawn, results are valid or empty, and areas add up to what counts as valid: 1e-12 of the box."""
    for start in range(0, rows, 20_000):
        drawn = garbage(min(20_000, rows - start), seed * 1000 + start)
        keys = np.arange(len(drawn)) // 3
        some = lesiongeo.union(drawn, groups=keys).polygons
        most = lesiongeo.majority(drawn, keys).polygons
        every = lesiongeo.intersection(drawn, groups=keys).polygons
        first = lesiongeo.difference(drawn, groups=keys).polygons
        disputed = lesiongeo.disagreement_area(drawn, keys).area_px2
        for made in (some, most, every, first):
            assert set(made.problem) <= {None, "empty", "zero_area", "too_few_points"}
        covered, shared = lesiongeo.area(some), lesiongeo.area(every)
        size = np.zeros(len(covered))
        # Not the box of the union: what was lost by rounding depends on everything in the group.
        np.fmax.at(size, keys, np.abs(np.nan_to_num(lesiongeo.bounds(drawn))).max(axis=1))
        assert (np.abs(covered - shared - disputed) <= 1e-11 * size**2).all()
        assert (lesiongeo.area(most) <= covered + 1e-11 * size**2).all()


def test_bundles_of_nearly_equal_edges_end() -> None:
    """Points on a line up to rounding, in a group a million times larger: crossings must not breed crossings."""
    rng = np.random.default_rng(9)
    rows = []
    for _ in range(200):
        line = np.outer(rng.random(11), rng.random(2)) + rng.random(2) * 7
        large = (rng.random((9, 2)) - 0.5) * 10.0 ** rng.integers(-12, 8, (9, 2))
        rows += [[line], [large], [rng.random((9, 2)) * 10]]
    made = lesiongeo.union(batch(rows), groups=np.arange(600) // 3).polygons
    assert len(made.xy) < 100 * 600
