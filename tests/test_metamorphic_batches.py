"""Properties that hold for every input, on batches: 300 pairs each in the normal run, 12,000 in the slow one.

`test_metamorphic` has the same idea with Hypothesis, pair by pair, and shrinks what fails; here all pairs of a property
are measured in a few calls, which is fast enough for every number the package has. Pairs are made from a seed; a
failure names it with the row.

Coordinates lie on a lattice of 2^-20 (of 1 where it says so), so that halving an edge, moving by whole numbers and
scaling by powers of two are exact and cannot excuse a difference.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

import lesiongeo
from lesiongeo import Polygons

Array = npt.NDArray[np.float64]
Rng = np.random.Generator
Outlines = list[Array]

CASES = 12_000 if os.environ.get("HYPOTHESIS_PROFILE") == "slow" else 300
BLOCK = 2000
#: Not a distance between lattice points that could occur, so that no share of length hangs on one rounding.
TOLERANCE = np.pi / 3

#: "Close": of the extent for lengths, of its square for areas.
CLOSE = 1e-13


def numbers(a: Outlines | Polygons, b: Outlines | Polygons, scale: float = 1.0) -> dict[str, Array]:
    """Every number of the pairs; `scale` is that of lengths."""
    p, q = (x if isinstance(x, Polygons) else Polygons.from_rings(x) for x in (a, b))
    got = {
        "area_a": lesiongeo.area(p),
        "perimeter_a": lesiongeo.perimeter(p),
        "intersection_area": lesiongeo.intersection_area(p, q),
        "iou": lesiongeo.iou(p, q),
        "dice": lesiongeo.dice(p, q),
        "hausdorff": lesiongeo.hausdorff(p, q),
        "directed": lesiongeo.hausdorff(p, q, directed=True),
    }
    table = lesiongeo.surface_distances(p, q, tolerance=TOLERANCE * scale)
    for name in ("hausdorff", "hd95", "masd", "assd", "signed_offset", "mean_a_to_b", "mean_b_to_a"):
        got[f"table_{name}"] = table.column(f"{name}_px").to_numpy()
    got["nsd"] = table.column("nsd").to_numpy()
    got["hd50_pooled"] = lesiongeo.hd95(p, q, percentile=50.0, pooled=True)
    return got


def dimension(name: str) -> int:
    return 2 if "area" in name else 0 if name in ("iou", "dice", "nsd") else 1


#: Numbers of one direction, which others take their place when the arguments swap.
SWAPPED = {"table_mean_a_to_b": "table_mean_b_to_a", "table_mean_b_to_a": "table_mean_a_to_b"}
ONE_SIDED = ("area_a", "perimeter_a", "directed")


# Outlines


def star(rng: Rng, size: float = 50.0) -> Array:
    """An ordinary outline: valid, 3 to 24 corners, around a place near the origin."""
    n = int(rng.integers(3, 25))
    t = rng.uniform(0, 7) + 2 * np.pi * np.arange(n) / n
    xy = rng.uniform(0.1, 1, n)[:, None] * size * np.column_stack([np.cos(t), np.sin(t)]) + rng.uniform(-30, 30, 2)
    return np.round(xy * 2**20) / 2**20


def lattice_star(rng: Rng) -> Array:
    """Whole numbers, valid: corners sorted by their direction from a centre that sees no two in one direction."""
    while True:
        xy = np.unique(rng.integers(0, 31, (int(rng.integers(6, 17)), 2)), axis=0).astype(np.float64)
        angle = np.arctan2(*(xy - [15 + 1 / 64, 15 + 1 / 4096]).T)
        order = np.sort(angle)
        if np.diff(order, append=order[0] + 2 * np.pi).max() < np.pi:
            return xy[np.argsort(angle)]


def staircase(rng: Rng) -> Array:
    """The border of a pixel mask: whole numbers, only level and upright edges."""
    n = int(rng.integers(2, 12))
    x, top = np.repeat(np.arange(n + 1), 2)[1:-1], np.repeat(rng.integers(6, 12, n), 2)
    bottom = np.repeat(rng.integers(0, 6, n), 2)
    return np.concatenate([np.column_stack([x, bottom]), np.column_stack([x, top])[::-1]]).astype(np.float64)


def scribble(rng: Rng) -> Array:
    """Whole numbers in any order: crossings, shared edges, spikes, parts covered twice, sometimes no area."""
    return rng.integers(0, rng.choice([3, 8, 40]) + 1, (int(rng.integers(3, 13)), 2)).astype(np.float64)


def valid(rng: Rng) -> Array:
    return (star, lattice_star, staircase)[rng.choice(3, p=[0.6, 0.3, 0.1])](rng)


def on_whole_numbers(rng: Rng) -> Array:
    return (lattice_star, staircase)[int(rng.integers(2))](rng)


def blocks(seed: int, *makers: Callable[[Rng], Array]) -> Iterator[tuple[Rng, list[Outlines]]]:
    """Blocks of rows, one outline from each maker."""
    for start in range(0, CASES, BLOCK):
        rng = np.random.default_rng([seed, start])
        n = min(BLOCK, CASES - start)
        yield rng, [[make(rng) for _ in range(n)] for make in makers]


def extents(*sides: Outlines) -> Array:
    return np.array([np.ptp(np.concatenate(row), axis=0).max() for row in zip(*sides, strict=True)])


def assert_rows(right: npt.NDArray[np.bool_], name: str, got: Array, want: Array, *sides: Outlines) -> None:
    """Raise for the first wrong row with all it takes to see it again."""
    if right.all():
        return
    k = int(np.flatnonzero(~right)[0])
    drawn = "\n".join(f"{letter} = {side[k].tolist()}" for letter, side in zip("abcdef", sides, strict=False))
    raise AssertionError(
        f"{int((~right).sum())} of {len(right)} rows; row {k}: {name} is {got[k]!r}, not {want[k]!r}\n{drawn}"
    )


def assert_close(
    got: dict[str, Array], want: dict[str, Array], *sides: Outlines, close: float = CLOSE, but: tuple[str, ...] = ()
) -> None:
    size = extents(*sides)
    for name in want.keys() - set(but):
        limit = close * size ** dimension(name)
        if name in ("iou", "dice"):  # as good as the denominator: areas against the box around them
            limit = close * np.maximum(1.0, size**2 / np.maximum(want["area_a"], 1e-300))
        if name == "nsd":  # where the tolerance is nearly reached, lengths change with the root of a distance
            limit = 1e-10
        error = np.abs(got[name] - want[name])
        assert_rows(
            (error <= limit) | (np.isnan(got[name]) & np.isnan(want[name])), name, got[name], want[name], *sides
        )


def assert_same_bits(got: dict[str, Array], want: dict[str, Array], *sides: Outlines, scale: float = 1.0) -> None:
    for name, value in want.items():
        right = value * scale ** dimension(name)
        same = (got[name] == right) | (np.isnan(got[name]) & np.isnan(right))
        assert_rows(same, name, got[name], right, *sides)


# Properties


@pytest.mark.parametrize("make", [valid, scribble])
def test_arguments_swap_without_a_changed_bit(make: Callable[[Rng], Array]) -> None:
    for _, (a, b) in blocks(1, make, make):
        forth, back = numbers(a, b), numbers(b, a)
        for name, value in forth.items():
            if name not in ONE_SIDED:
                other = back[SWAPPED.get(name, name)] * (-1 if name.endswith("signed_offset") else 1)
                assert_rows((value == other) | (np.isnan(value) & np.isnan(other)), name, value, other, a, b)


def redrawn(rng: Rng, ring: Array) -> Array:
    ring = np.roll(ring[::-1] if rng.random() < 0.5 else ring, int(rng.integers(len(ring))), axis=0)
    return np.concatenate([ring, ring[:1]]) if rng.random() < 0.5 else ring


def test_start_direction_and_closing_change_nothing() -> None:
    for rng, (a, b) in blocks(2, valid, valid):
        other = [redrawn(rng, ring) for ring in a]
        assert_close(numbers(other, b), numbers(a, b), a, b)


def test_start_direction_and_closing_of_a_scribble() -> None:
    for rng, (a, b) in blocks(3, scribble, valid):
        other = [redrawn(rng, ring) for ring in a]
        p, q = Polygons.from_rings(a), Polygons.from_rings(other)
        assert p.problem == q.problem
        # Its parts are resolved from other corners; where they touch the share of a length may jump.
        assert_close(numbers(q, b), numbers(p, b), a, b, close=1e-9, but=("nsd", "table_hd95", "hd50_pooled"))


def test_repeated_points_change_nothing() -> None:
    for rng, (a, b) in blocks(4, valid, valid):
        other = [np.repeat(ring, rng.integers(1, 4, len(ring)), axis=0) for ring in a]
        assert_close(numbers(other, b), numbers(a, b), a, b)


def test_points_on_edges_change_nothing() -> None:
    for rng, (a, b) in blocks(5, valid, valid):
        other = []
        for ring in a:
            edge = np.sort(rng.choice(len(ring), int(rng.integers(1, len(ring) + 1)), replace=False))
            share = rng.choice([0.25, 0.5, 0.75], len(edge))[:, None]
            other.append(
                np.insert(ring, edge + 1, ring[edge] * (1 - share) + np.roll(ring, -1, axis=0)[edge] * share, axis=0)
            )
        assert_close(numbers(other, b), numbers(a, b), a, b)


@pytest.mark.parametrize("make", [valid, scribble])
def test_scaling_by_a_power_of_two_is_exact(make: Callable[[Rng], Array]) -> None:
    for rng, (a, b) in blocks(6, make, make):
        scale = 2.0 ** int(rng.integers(-40, 41))
        got = numbers([ring * scale for ring in a], [ring * scale for ring in b], scale)
        assert_same_bits(got, numbers(a, b), a, b, scale=scale)


def test_moving_whole_numbers_is_exact() -> None:
    for rng, (a, b) in blocks(7, on_whole_numbers, on_whole_numbers):
        by = rng.integers(-(2**20), 2**20, 2)
        assert_same_bits(numbers([ring + by for ring in a], [ring + by for ring in b]), numbers(a, b), a, b)


def test_mirror_images_have_the_same_numbers() -> None:
    for _, (a, b) in blocks(8, valid, valid):
        want = numbers(a, b)
        for change in (lambda ring: ring[:, ::-1], lambda ring: -ring, lambda ring: ring * [-1, 1]):
            assert_close(numbers([change(r) for r in a], [change(r) for r in b]), want, a, b)


def test_a_region_equals_itself() -> None:
    for _, (a,) in blocks(9, valid):
        got = numbers(a, a)
        zero, one = np.zeros(len(a)), np.ones(len(a))
        for name, value in got.items():
            if name in ("iou", "dice", "nsd"):
                assert_rows(value == one, name, value, one, a)
            elif dimension(name) == 1 and name != "perimeter_a":
                assert_rows(value == zero, name, value, zero, a)
        assert_rows(
            got["intersection_area"] == got["area_a"], "intersection_area", got["intersection_area"], got["area_a"], a
        )


def test_triangle_inequality() -> None:
    for _, (a, b, c) in blocks(10, valid, valid, valid):
        p, q, r = (Polygons.from_rings(x) for x in (a, b, c))
        slack = CLOSE * extents(a, b, c)
        for directed in (False, True):
            ab, bc, ac = (lesiongeo.hausdorff(x, y, directed=directed) for x, y in ((p, q), (q, r), (p, r)))
            assert_rows(ac <= ab + bc + slack, "hausdorff", ac, ab + bc, a, b, c)
        # The share of area that two do not have in common is a metric too (Jaccard).
        ab, bc, ac = (1 - lesiongeo.iou(x, y) for x, y in ((p, q), (q, r), (p, r)))
        assert_rows(ac <= ab + bc + 1e-12, "1 - iou", ac, ab + bc, a, b, c)


@pytest.mark.parametrize("make", [valid, scribble])
def test_areas_lie_within_their_bounds(make: Callable[[Rng], Array]) -> None:
    for _, (a, b) in blocks(11, make, make):
        got = numbers(a, b)
        area_b = lesiongeo.area(b)
        least = np.minimum(got["area_a"], area_b)
        inter, iou, dice = got["intersection_area"], got["iou"], got["dice"]
        assert_rows((inter >= 0) & (inter <= least), "intersection_area", inter, least, a, b)
        none = least == 0
        assert_rows(np.isnan(iou) == none, "iou", iou, least, a, b)
        assert_rows(none | ((iou >= 0) & (iou <= dice) & (dice <= 1)), "iou", iou, dice, a, b)
        with np.errstate(invalid="ignore", divide="ignore"):
            want = inter / (got["area_a"] + area_b - inter)
        assert_rows(none | (np.abs(iou - want) <= CLOSE), "iou", iou, want, a, b)


def test_distances_lie_within_each_other() -> None:
    for _, (a, b) in blocks(12, valid, valid):
        p, q = Polygons.from_rings(a), Polygons.from_rings(b)
        slack = CLOSE * extents(a, b)
        got = numbers(p, q)
        worst, masd, assd = got["hausdorff"], got["table_masd"], got["table_assd"]
        means = np.stack([got["table_mean_a_to_b"], got["table_mean_b_to_a"]])
        assert_rows(got["table_hausdorff"] == worst, "hausdorff", got["table_hausdorff"], worst, a, b)
        assert_rows(np.abs(means.mean(axis=0) - masd) <= slack, "masd", masd, means.mean(axis=0), a, b)
        low, high = means.min(axis=0), means.max(axis=0)
        assert_rows((assd >= low - slack) & (assd <= high + slack), "assd", assd, high, a, b)
        lengths = np.stack([lesiongeo.perimeter(p), lesiongeo.perimeter(q)])
        joint = (means * lengths).sum(axis=0) / lengths.sum(axis=0)
        assert_rows(np.abs(assd - joint) <= slack, "assd", assd, joint, a, b)
        assert_rows(high <= worst + slack, "mean", high, worst, a, b)
        offset = got["table_signed_offset"]
        assert_rows(np.abs(offset) <= masd + slack, "signed_offset", offset, masd, a, b)
        below = np.full(len(a), 0.0)
        for percent in (0.0, 10.0, 50.0, 95.0, 99.5, 100.0):
            value = lesiongeo.hd95(p, q, percentile=percent)
            pooled = lesiongeo.hd95(p, q, percentile=percent, pooled=True)
            assert_rows(value >= below - slack, f"hd{percent}", value, below, a, b)
            assert_rows(pooled <= value + slack, f"pooled hd{percent}", pooled, value, a, b)
            below = value
        assert_rows(np.abs(below - worst) <= slack, "hd100", below, worst, a, b)
        shares = [lesiongeo.nsd(p, q, tolerance=t) for t in (0.0, 1e-3, TOLERANCE, 10.0, 1000.0)]
        for less, more in pairwise(shares):
            assert_rows((less >= 0) & (less <= more + 1e-12), "nsd", less, more, a, b)
        assert_rows(shares[-1] == 1, "nsd", shares[-1], np.ones(len(a)), a, b)


def test_a_moved_outline_is_no_farther_than_it_was_moved() -> None:
    for rng, (a,) in blocks(13, valid):
        by = rng.integers(-20, 21, (len(a), 2))
        moved = [ring + step for ring, step in zip(a, by, strict=True)]
        got, limit = numbers(a, moved), np.hypot(*by.T)
        for name in ("hausdorff", "table_hd95", "table_masd", "table_assd", "hd50_pooled"):
            assert_rows(got[name] <= limit + CLOSE * extents(a, moved), name, got[name], limit, a, moved)


def test_a_wider_outline_has_a_positive_offset() -> None:
    for _, (a,) in blocks(14, star):
        middle = [ring.mean(axis=0) for ring in a]
        # A star seen from the middle that made it; about any point inside its kernel a larger copy contains it.
        wide = [2 * ring - centre for ring, centre in zip(a, middle, strict=True)]
        p, q = Polygons.from_rings(wide), Polygons.from_rings(a)
        inside = np.abs(lesiongeo.intersection_area(p, q) - lesiongeo.area(q)) <= 1e-12 * lesiongeo.area(q)
        assert inside.mean() > 0.2
        offset, masd = lesiongeo.signed_offset(p, q), lesiongeo.masd(p, q)
        # Everything of the wide one is outside, everything of the other inside: the offset is the mean distance.
        assert_rows(
            ~inside | (np.abs(offset - masd) <= 1e-12 * extents(wide, a)), "signed_offset", offset, masd, wide, a
        )
        assert_rows(~inside | (offset > 0), "signed_offset", offset, masd, wide, a)


@pytest.mark.parametrize("make", [valid, scribble])
def test_areas_of_clipped_outlines_add_up(make: Callable[[Rng], Array]) -> None:
    for _, (a, b) in blocks(15, make, make):
        p, q = Polygons.from_rings(a), Polygons.from_rings(b)
        area_a, area_b, inter = lesiongeo.area(p), lesiongeo.area(q), lesiongeo.intersection_area(p, q)
        limit = 1e-12 * extents(a, b) ** 2
        for name, value, want in (
            ("union", lesiongeo.area(lesiongeo.union(p, q)), area_a + area_b - inter),
            ("intersection", lesiongeo.area(lesiongeo.intersection(p, q)), inter),
            ("difference", lesiongeo.area(lesiongeo.difference(p, q)), area_a - inter),
            ("other difference", lesiongeo.area(lesiongeo.difference(q, p)), area_b - inter),
        ):
            assert_rows(np.abs(value - want) <= limit, name, value, want, a, b)


def test_rows_do_not_know_each_other() -> None:
    for rng, (a, b) in blocks(16, scribble, valid):
        order = rng.permutation(len(a))
        want = {name: value[order] for name, value in numbers(a, b).items()}
        assert_same_bits(numbers([a[k] for k in order], [b[k] for k in order]), want)


@pytest.mark.parametrize("name", numbers([np.eye(2)], [np.eye(2)]))
def test_a_wrong_number_is_noticed(name: str) -> None:
    _, (a, b) = next(blocks(2, valid, valid))
    want = numbers(a, b)
    got = {key: value.copy() for key, value in want.items()}
    assert_close(got, want, a, b)
    size = extents(a, b)[17]
    got[name][17] += 1e-8 * size ** dimension(name)
    with pytest.raises(AssertionError, match=f"1 of {len(a)} rows; row 17: {name} is"):
        assert_close(got, want, a, b)
    with pytest.raises(AssertionError, match="row 17"):
        assert_same_bits(got, want, a, b)
