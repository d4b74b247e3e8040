"""Distances along whole boundaries: closed forms, brute force over all pairs of features, invariances."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import lesiongeo
from lesiongeo import Polygons
from lesiongeo.testing import OUTLINE_KINDS, make_outlines

Array = npt.NDArray[np.float64]
Region = list[Array]


def ring(*points: tuple[float, float]) -> Array:
    return np.array(points, dtype=np.float64).reshape(-1, 2)


def box(x0: float, y0: float, x1: float, y1: float) -> Array:
    return ring((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def circle(n: int, r: float, cx: float = 0.0, cy: float = 0.0, turn: float = 0.0) -> Array:
    t = 2 * np.pi * (np.arange(n) + turn) / n
    return np.column_stack([cx + r * np.cos(t), cy + r * np.sin(t)])


def numbers(a: Any, b: Any, **options: Any) -> dict[str, Array]:
    table = lesiongeo.surface_distances(a, b, **options)
    return {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names if name != "problem"}


# Brute force: an edge is cut wherever any two features of the other boundary tie, one ends or one is met; where the
# nearest feature stays the same over such a cut it is dropped. What is left is integrated by Gauss-Legendre and
# measured by bisection, so no formula is shared with the package.

NODES, WEIGHTS = np.polynomial.legendre.leggauss(40)


def edges(region: Region) -> Array:
    return np.asarray(np.concatenate([np.stack([r, np.roll(r, -1, axis=0)], axis=1) for r in region]))


def nearest(points: Array, segments: Array) -> tuple[Array, npt.NDArray[np.int64]]:
    """Distance to the nearest of the segments (k, 2, 2) and which feature it is: 0 start, 1 inside, 2 end."""
    start, along = segments[:, 0], segments[:, 1] - segments[:, 0]
    relative = points[:, None] - start
    square = (along**2).sum(-1)
    t = np.clip((relative * along).sum(-1) / np.where(square > 0, square, 1), 0, 1)
    distance = np.linalg.norm(relative - t[..., None] * along, axis=-1)
    which = distance.argmin(axis=1)
    rows = np.arange(len(points))
    state = np.where(t[rows, which] <= 0, 0, np.where(t[rows, which] >= 1, 2, 1))
    return distance[rows, which], 3 * which + state


def cross(u: Array, v: Array) -> Array:
    return np.asarray(u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0])


def monotone_pieces(edge: Array, segments: Array) -> Array:
    """Shares of the way along an edge between which one feature is nearest and the distance rises or falls."""
    p, d = edge[0], edge[1] - edge[0]
    start, along = segments[:, 0], segments[:, 1] - segments[:, 0]
    length = np.linalg.norm(along, axis=-1)
    lines, along = start[length > 0], along[length > 0]
    unit = along / length[length > 0][:, None]
    # Squared distances as a t^2 + b t + c: of the vertices, then of the lines.
    l0, l1 = cross(unit, p - lines), cross(unit, np.broadcast_to(d, unit.shape))
    vertex = np.column_stack([np.full(len(start), d @ d), 2 * (p - start) @ d, ((p - start) ** 2).sum(-1)])
    every = np.concatenate([vertex, np.column_stack([l1**2, 2 * l0 * l1, l0**2])])
    i, j = np.triu_indices(len(every), 1)
    a, b, c = (every[i] - every[j]).T
    with np.errstate(all="ignore"):
        half = -0.5 * (b + np.copysign(np.sqrt(b * b - 4 * a * c), b))
        found = [half / a, c / half, -c / b, -0.5 * b / a, -l0 / l1]
        found += [((end - p) * along).sum(-1) / (along @ d) for end in (lines, lines + along)]
        found.append((start - p) @ d / (d @ d))
    t = np.concatenate([np.ravel(f) for f in found])
    t = np.unique(np.concatenate([[0.0], t[np.isfinite(t) & (t > 0) & (t < 1)], [1.0]]))
    _, feature = nearest(p + 0.5 * (t[1:] + t[:-1])[:, None] * d, segments)
    turns = np.concatenate([-l0 / l1 if np.all(l1) else np.zeros(0), (start - p) @ d / (d @ d)])
    turns = np.concatenate([turns, *[np.array([-x / y]) for x, y in zip(l0, l1, strict=True) if y]])
    keep = np.concatenate([[True], (feature[1:] != feature[:-1]) | np.isin(t[1:-1], turns), [True]])
    return np.asarray(t[keep])


def winding(points: Array, region: Region) -> npt.NDArray[np.int64]:
    count = np.zeros(len(points), dtype=np.int64)
    for start, end in edges(region):
        below, above = points[:, 1] >= start[1], points[:, 1] >= end[1]
        left = cross(end - start, points - start)
        count += (below & ~above & (left > 0)).astype(int) - (~below & above & (left < 0)).astype(int)
    return count


class Brute:
    """All distances from one boundary to another."""

    def __init__(self, a: Region, b: Region) -> None:
        self.segments = edges(b)
        starts, ends = [], []
        for edge in edges(a):
            if (edge[0] != edge[1]).any():
                t = monotone_pieces(edge, self.segments)[:, None]
                points = edge[0] + t * (edge[1] - edge[0])
                starts.append(points[:-1])
                ends.append(points[1:])
        self.start, self.end = np.concatenate(starts), np.concatenate(ends)
        self.lengths = np.linalg.norm(self.end - self.start, axis=-1)
        self.length = float(self.lengths.sum())
        at = (self.start[:, None] + (0.5 + 0.5 * NODES[None, :, None]) * (self.end - self.start)[:, None]).reshape(
            -1, 2
        )
        distance = nearest(at, self.segments)[0].reshape(-1, len(NODES))
        self.integrals = 0.5 * self.lengths * (distance @ WEIGHTS)
        self.integral = float(self.integrals.sum())
        inside = winding(0.5 * (self.start + self.end), b) > 0
        self.signed = float(np.where(inside, -self.integrals, self.integrals).sum())
        self.ends = np.stack([nearest(self.start, self.segments)[0], nearest(self.end, self.segments)[0]])

    def within(self, reach: float) -> float:
        """Length of what is within a distance; the distance is monotone on each piece."""
        one, other = self.ends
        near = np.where(one <= other, 0.0, 1.0)
        low, high = np.minimum(one, other) <= reach, np.maximum(one, other) <= reach
        inside, outside = near.copy(), 1.0 - near
        for _ in range(54):
            middle = 0.5 * (inside + outside)
            found = nearest(self.start + middle[:, None] * (self.end - self.start), self.segments)[0] <= reach
            inside, outside = np.where(found, middle, inside), np.where(found, outside, middle)
        return float((self.lengths * np.where(high, 1.0, np.where(low, np.abs(inside - near), 0.0))).sum())


def check(a: Region, b: Region, got: dict[str, float], percent: float, tolerance: float, limit: float) -> float:
    """Hold the numbers of a pair against brute force; the worst error relative to the extent."""
    p, q = Brute(a, b), Brute(b, a)
    extent = float(np.ptp(np.concatenate([*a, *b]), axis=0).max())
    want = {
        "mean_a_to_b_px": p.integral / p.length,
        "mean_b_to_a_px": q.integral / q.length,
        "masd_px": 0.5 * (p.integral / p.length + q.integral / q.length),
        "assd_px": (p.integral + q.integral) / (p.length + q.length),
        "signed_offset_px": 0.5 * (p.signed / p.length - q.signed / q.length),
    }
    errors = {name: abs(got[name] - value) / extent for name, value in want.items()}
    room = 1e-10 * extent
    shares = [
        (p.within(tolerance + step) + q.within(tolerance + step)) / (p.length + q.length) for step in (-room, room)
    ]
    errors["nsd"] = max(shares[0] - got["nsd"], got["nsd"] - shares[1], 0.0)
    value = got[f"hd{percent:g}_px"]
    above = min(side.within(value + room) / side.length for side in (p, q))
    below = min(side.within(value - room) / side.length for side in (p, q))
    errors["percentile"] = max(percent / 100 - above, below - percent / 100, 0.0)
    pooled = got[f"hd{percent:g}_pooled_px"]
    share = [(p.within(pooled + step) + q.within(pooled + step)) / (p.length + q.length) for step in (-room, room)]
    errors["pooled"] = max(percent / 100 - share[1], share[0] - percent / 100, 0.0)
    worst = max(errors.values())
    assert worst <= limit, {name: float(error) for name, error in errors.items() if error > limit}
    return worst


def check_all(a: Polygons, b: Polygons, *, percent: float, tolerance: float, limit: float = 1e-11) -> float:
    got = numbers(a, b, percentile=percent, tolerance=tolerance)
    got |= numbers(a, b, percentile=percent, pooled=True)
    worst = 0.0
    for k, (p, q) in enumerate(zip(a.to_rings(), b.to_rings(), strict=True)):
        try:
            worst = max(worst, check(p, q, {name: float(v[k]) for name, v in got.items()}, percent, tolerance, limit))
        except AssertionError as error:
            raise AssertionError(f"pair {k}") from error
    return worst


# Brute force takes boundaries as drawn.
@pytest.mark.parametrize("kind", [kind for kind in OUTLINE_KINDS if kind != "invalid"])
def test_outlines_agree_with_brute_force(kind: str) -> None:
    for vertices, pairs in ((8, 4), (13, 2), (24, 1)):
        first, second = make_outlines(pairs, vertices=vertices, kind=kind, seed=3)
        other = make_outlines(pairs, vertices=vertices + 11, kind=kind, seed=3)[1]
        a = Polygons.from_ragged(*first)
        check_all(a, Polygons.from_ragged(*second), percent=95, tolerance=3)
        check_all(a, Polygons.from_ragged(*other), percent=60, tolerance=1)


def test_rough_outlines_agree_with_brute_force() -> None:
    """Outlines of random points cross themselves and each other at all angles; the boundary is that of the interior."""
    rng = np.random.default_rng(8)

    def star(n: int) -> Array:
        t = 2 * np.pi * np.arange(n) / n
        return np.asarray(rng.uniform(1, 9, n)[:, None] * np.column_stack([np.cos(t), np.sin(t)]))

    a = Polygons.from_rings([star(int(rng.integers(3, 14))) for _ in range(20)])
    b = Polygons.from_rings([star(int(rng.integers(3, 14))) + rng.uniform(0, 6, 2) for _ in range(20)])
    # Brute force sees the boundary of the interior, as the package does.
    resolved = [Polygons.from_ragged(*side._interior(1), roles="oriented") for side in (a, b)]
    check_all(*resolved, percent=90, tolerance=1)
    assert numbers(*resolved)["assd_px"] == pytest.approx(numbers(a, b)["assd_px"], rel=1e-12)
    grid = [Polygons.from_rings(list(rng.integers(0, 5, (30, 4, 2)).astype(float))) for _ in range(2)]
    area = lesiongeo.area(grid[0]) * lesiongeo.area(grid[1])
    usable = np.flatnonzero((area > 0) & grid[0].is_valid & grid[1].is_valid)
    assert len(usable) > 5
    check_all(grid[0].take(usable), grid[1].take(usable), percent=70, tolerance=0.7)


SQUARE = box(0, 0, 8, 8)


def test_closed_forms() -> None:
    for s, t in ((8.0, 1.0), (3.0, 1.5), (10.0, 0.1)):
        got = numbers([box(0, 0, s, s)], [box(t, 0, s + t, s)], tolerance=t, percentile=100)
        assert got["assd_px"] == pytest.approx([t / 2], rel=1e-13)
        assert got["masd_px"] == pytest.approx([t / 2], rel=1e-13)
        assert got["hd100_px"] == pytest.approx(got["hausdorff_px"], rel=1e-14)
        assert got["nsd"].tolist() == [1.0]
        assert got["signed_offset_px"] == pytest.approx([0], abs=1e-14)
    for p, d in ((1.0, 1.0), (3.0, 0.5), (2.0, 4.0)):
        got = numbers([box(-p - d, -p - d, p + d, p + d)], [box(-p, -p, p, p)])
        turn = math.sqrt(2) + math.asinh(1)
        assert got["assd_px"] == pytest.approx([(16 * p * d + 4 * d * d * turn) / (16 * p + 8 * d)], rel=1e-13)
        assert got["mean_b_to_a_px"] == pytest.approx([d], rel=1e-13)
        # All of the outer square lies outside the inner one, all of the inner one inside.
        assert got["signed_offset_px"] == pytest.approx(got["masd_px"], rel=1e-13)
    diamond = ring((4, 0), (8, 4), (4, 8), (0, 4))
    assert numbers([SQUARE], [diamond])["assd_px"] == pytest.approx([8 * 1.5 / math.sqrt(2) / (4 + 2 * math.sqrt(2))])


def test_circles_of_128_corners() -> None:
    """Between parallel sides the distance is 15 cos(pi / 128) throughout, and 15 from corner to corner."""
    half = math.pi / 128
    gap, wedge = 15 * math.cos(half), 15 * math.sin(half)
    # From the outer corner to where the inner side's slab begins: the integral of the distance to the inner corner.
    corner = 0.5 * (wedge * math.hypot(wedge, gap) + gap * gap * math.asinh(wedge / gap))
    outer = (25 * math.sin(half) * gap + corner) / (40 * math.sin(half))
    got = numbers([circle(128, 25)], [circle(128, 40)])
    assert got["hausdorff_px"] == pytest.approx([15], rel=1e-14)
    assert got["mean_a_to_b_px"] == pytest.approx([gap], rel=1e-13)
    assert got["mean_b_to_a_px"] == pytest.approx([outer], rel=1e-13)
    assert got["masd_px"] == pytest.approx([0.5 * (gap + outer)], rel=1e-13)
    assert got["assd_px"] == pytest.approx([(25 * gap + 40 * outer) / 65], rel=1e-13)
    assert got["signed_offset_px"] == pytest.approx([-0.5 * (gap + outer)], rel=1e-13)


def test_percentiles_by_hand() -> None:
    # The distance runs from 0 to 1 along a twelfth of each outline twice, and is 1 or 0 elsewhere.
    a, b = [box(0, 0, 3, 3)], [box(1, 0, 4, 3)]
    assert lesiongeo.hd95(a, b, percentile=0).tolist() == [0]
    assert lesiongeo.hd95(a, b, percentile=100).tolist() == [1]
    assert lesiongeo.hd95(a, b).tolist() == [1]
    spread = lesiongeo.hd95([ring((0, 0), (10, 0))], [ring((0, 0))], percentile=30)
    assert spread == pytest.approx([3], rel=1e-11)
    # Pooled with a longer boundary that is near everywhere: 10 of 40 are long.
    p, q = [box(0, 0, 10, 10)], [np.concatenate([box(0, 0, 10, 10)[:2], ring((10, 10), (5, 14), (0, 10))])]
    assert lesiongeo.hd95(p, q, pooled=True)[0] < lesiongeo.hd95(p, q)[0]


def test_percentiles_rise_and_end_at_the_hausdorff_distance() -> None:
    a, b = (Polygons.from_ragged(*r) for r in make_outlines(40, vertices=30, seed=9))
    for pooled in (False, True):
        rising = np.stack([lesiongeo.hd95(a, b, percentile=p, pooled=pooled) for p in (0, 5, 50, 90, 95, 99.9, 100)])
        assert (np.diff(rising, axis=0) >= 0).all()
        assert rising[-1] == pytest.approx(lesiongeo.hausdorff(a, b), rel=1e-13)
    assert (lesiongeo.masd(a, b) <= lesiongeo.hausdorff(a, b)).all()
    within = np.stack([lesiongeo.nsd(a, b, tolerance=t) for t in (0, 1, 2, 5, 100)])
    assert (np.diff(within, axis=0) >= 0).all() and (within[-1] == 1).all()


def test_offset_says_who_draws_wider() -> None:
    inner, outer = [circle(40, 10, 50, 50)], [circle(40, 12, 50, 50)]
    hole = [[box(0, 0, 20, 20), box(5, 5, 15, 15)]]
    smaller_hole = [[box(0, 0, 20, 20), box(7, 7, 13, 13)]]
    assert lesiongeo.signed_offset(outer, inner)[0] == pytest.approx(2, abs=0.02)
    assert lesiongeo.signed_offset(inner, outer)[0] == -lesiongeo.signed_offset(outer, inner)[0]
    assert lesiongeo.signed_offset(smaller_hole, hole)[0] > 0  # A smaller hole is a larger region.
    assert lesiongeo.signed_offset([SQUARE], [box(20, 0, 28, 8)]).tolist() == [0]


def test_sides_of_features_that_tie() -> None:
    """Two parts that share an edge, spikes and lines have places whose nearest edges look both ways."""
    halves = Polygons.from_ragged(
        np.concatenate([box(0, 0, 4, 8), box(4, 0, 8, 8)]), [0, 4, 8], [0, 2], roles="oriented"
    )
    inside = [box(3.5, 2, 4.5, 6)]
    got = numbers(inside, halves)
    # Every point of the small box lies inside, as near to the shared edge as can be.
    near = lesiongeo.surface_distances(inside, [ring((4, 0), (4, 8))])["mean_a_to_b_px"][0].as_py()
    back = got["mean_b_to_a_px"][0]
    p, q = Brute(inside, halves.to_rings()[0]), Brute(halves.to_rings()[0], inside)
    assert p.signed < 0 and near == pytest.approx(p.integral / p.length)
    assert got["signed_offset_px"] == pytest.approx([0.5 * (p.signed / p.length - q.signed / q.length)], rel=1e-12)
    assert back == pytest.approx(q.integral / q.length)
    slit = [ring((0, 0), (8, 0), (8, 4), (5, 4), (8, 4), (8, 8), (0, 8))]
    spike = [ring((0, 0), (8, 0), (8, 4), (11, 4), (8, 4), (8, 8), (0, 8))]
    for region, small in ((slit, box(4, 3, 7, 5)), (spike, box(9, 3, 12, 5))):
        p, q = Brute([small], region), Brute(region, [small])
        want = 0.5 * (p.signed / p.length - q.signed / q.length)
        assert lesiongeo.signed_offset([small], region) == pytest.approx([want], rel=1e-12)
    # A spike that covers the border twice on a part of a side only.
    partly, crossing = [ring((1, 4), (0, 3), (2, 5), (2, 6))], [ring((6, 3), (0, 4), (0, 0), (5, 3))]
    p, q = Brute(crossing, partly), Brute(partly, crossing)
    want = 0.5 * (p.signed / p.length - q.signed / q.length)
    assert lesiongeo.signed_offset([crossing], [partly]) == pytest.approx([want], rel=1e-12)
    # A line has no inside.
    assert lesiongeo.signed_offset([SQUARE], [ring((3, 4), (5, 4))])[0] > 0


def metamorphic_batch() -> tuple[Polygons, Polygons]:
    rng = np.random.default_rng(3)
    first, second = [], []
    for kind in OUTLINE_KINDS:
        for vertices in (9, 31):
            a, b = (Polygons.from_ragged(*r) for r in make_outlines(6, vertices=vertices, kind=kind, seed=5))
            first += a.to_rings()
            second += b.to_rings()
    for _ in range(30):
        first.append([rng.integers(0, 6, (int(rng.integers(1, 7)), 2)).astype(float)])
        second.append([rng.integers(0, 6, (int(rng.integers(1, 7)), 2)).astype(float)])
    return Polygons.from_rings(first), Polygons.from_rings(second)


OPTIONS: dict[str, Any] = {"tolerance": 1.5, "percentile": 90}


def test_arguments_swap_without_a_changed_bit() -> None:
    a, b = metamorphic_batch()
    for pooled in (False, True):
        one, other = numbers(a, b, pooled=pooled, **OPTIONS), numbers(b, a, pooled=pooled, **OPTIONS)
        for name, values in one.items():
            mirrored = {"mean_a_to_b_px": "mean_b_to_a_px", "mean_b_to_a_px": "mean_a_to_b_px"}.get(name, name)
            sign = -1 if name == "signed_offset_px" else 1
            assert np.array_equal(values, sign * other[mirrored]), name


def test_identical_outlines_are_nowhere_apart() -> None:
    for side in metamorphic_batch():
        for twin in (
            side,
            Polygons.from_rings([[np.roll(r[::-1], 2, axis=0) for r in rings] for rings in side.to_rings()]),
        ):
            for name, values in numbers(side, twin, **OPTIONS).items():
                want = 1.0 if name == "nsd" else 0.0
                if twin is side:
                    assert (values == want).all(), name
                else:
                    assert values == pytest.approx(np.full(len(side), want), abs=1e-13 * 500), name


def test_start_direction_shift_and_scale() -> None:
    a, b = metamorphic_batch()
    want = numbers(a, b, **OPTIONS)
    turned = Polygons.from_rings([[np.roll(r, 1, axis=0)[::-1] for r in rings] for rings in a.to_rings()])
    for name, values in numbers(turned, b, **OPTIONS).items():
        assert values == pytest.approx(want[name], rel=1e-11, abs=1e-11), name
    scaled = [Polygons.from_rings([[r * 4 for r in rings] for rings in side.to_rings()]) for side in (a, b)]
    for name, values in numbers(*scaled, tolerance=6, percentile=90).items():
        assert np.array_equal(values, want[name] * (1 if name == "nsd" else 4)), name
    shifted = [
        Polygons.from_rings([[r + np.array([2.0**20, -(2.0**19)]) for r in rings] for rings in side.to_rings()])
        for side in (a, b)
    ]
    for name, values in numbers(*shifted, **OPTIONS).items():
        # Whole numbers shift exactly, unless a crossing had to be found.
        whole = np.flatnonzero((a.is_valid & b.is_valid)[-30:]) + len(a) - 30
        assert values[whole] == pytest.approx(want[name][whole], rel=1e-12, abs=1e-12), name
        assert values == pytest.approx(want[name], rel=1e-7, abs=1e-7), name


def test_each_function_is_its_column() -> None:
    a, b = metamorphic_batch()
    table = numbers(a, b, tolerance=1.5)
    pooled = numbers(a, b, percentile=99.5, pooled=True)
    for name, values in {
        "hausdorff_px": lesiongeo.hausdorff(a, b),
        "hd95_px": lesiongeo.hd95(a, b),
        "masd_px": lesiongeo.masd(a, b),
        "assd_px": lesiongeo.assd(a, b),
        "signed_offset_px": lesiongeo.signed_offset(a, b),
        "nsd": lesiongeo.nsd(a, b, tolerance=1.5),
    }.items():
        assert np.array_equal(table[name], values), name
    assert np.array_equal(pooled["hd99.5_pooled_px"], lesiongeo.hd95(a, b, percentile=99.5, pooled=True))
    assert "nsd" not in pooled


def test_same_bits_for_any_number_of_threads() -> None:
    a, b = (Polygons.from_ragged(*r) for r in make_outlines(3000, vertices=20, seed=4))
    first = numbers(a, b, threads=1, **OPTIONS)
    for threads in (2, 4):
        for name, values in numbers(a, b, threads=threads, **OPTIONS).items():
            assert np.array_equal(values, first[name]), name


def test_points_lines_and_nothing() -> None:
    point, line = [ring((3, 4))], [ring((0, 0), (4, 0))]
    got = numbers(point, [SQUARE], tolerance=3)
    assert got["mean_a_to_b_px"].tolist() == [3] and got["hd95_px"][0] > 3
    assert got["assd_px"] == got["mean_b_to_a_px"]  # The point has no length to count by.
    assert numbers(point, [ring((0, 0))], tolerance=5)["assd_px"].tolist() == [5]
    assert numbers(point, [ring((0, 0))], tolerance=5)["nsd"].tolist() == [1]
    assert lesiongeo.signed_offset(point, [SQUARE])[0] == pytest.approx(
        0.5 * (-3 - float(lesiongeo.surface_distances([SQUARE], point)["mean_a_to_b_px"][0].as_py()))
    )
    assert lesiongeo.masd(line, line).tolist() == [0]
    table = lesiongeo.surface_distances([SQUARE, [], [], SQUARE], [[], SQUARE, ring(), SQUARE], tolerance=1)
    assert table["problem"].to_pylist() == ["empty_b", "empty_a", "empty_both", None]
    for name in table.column_names[:-1]:
        assert table[name].is_null().to_pylist() == [True, True, True, False], name
    assert lesiongeo.surface_distances([], []).num_rows == 0
    assert lesiongeo.surface_distances([SQUARE], [[], SQUARE])["problem"].to_pylist() == ["empty_b", None]


def test_what_its_hole_covers_has_no_boundary() -> None:
    """The outline has points, what it means has none."""
    covered = [box(0, 0, 2, 2), box(-1, -1, 3, 3)]
    line = [ring((0, 0), (1, 1), (2, 2))]
    some = Polygons.from_rings([covered, [SQUARE], covered, line])
    other = Polygons.from_rings([[SQUARE], covered, covered, [SQUARE]])
    assert some.problem[0] == "self_overlap"
    table = lesiongeo.surface_distances(some, other, tolerance=1, spacing_mm=2)
    assert table["problem"].to_pylist() == ["empty_a", "empty_b", "empty_both", None]
    for name in table.column_names[:-1]:
        assert table[name].is_null().to_pylist() == [True, True, True, False], name


def test_millimetres_scale_coordinates_first() -> None:
    a, b = [box(0, 0, 10, 10), circle(30, 9)], [box(2, 0, 12, 10), circle(30, 7, 1, 2)]
    table = numbers(a, b, spacing_mm=(0.5, 2), tolerance=1)
    stretched = [[r * [0.5, 2] for r in side] for side in (a, b)]
    want = numbers(*stretched, tolerance=1)
    for name, values in want.items():
        assert np.array_equal(table[name.replace("_px", "_mm")], values), name
    assert np.array_equal(table["assd_px"], lesiongeo.assd(a, b))
    assert lesiongeo.surface_distances(a, b, spacing_mm=0.1, tolerance=1).column_names == [
        *(f"{name}_px" for name in ("hausdorff", "hd95", "masd", "assd", "signed_offset")),
        *("nsd", "mean_a_to_b_px", "mean_b_to_a_px"),
        *(f"{name}_mm" for name in ("hausdorff", "hd95", "masd", "assd", "signed_offset")),
        *("mean_a_to_b_mm", "mean_b_to_a_mm", "problem"),
    ]


def test_wrong_options_are_refused() -> None:
    no_numbers: list[Any] = [True, np.True_, 1j, np.complex128(1), [1.0], np.array([1.0]), "1", b"1", 10**400, 10**5000]
    for wrong in (-1, 100.5, math.nan, None, np.timedelta64(1, "s"), *no_numbers):
        with pytest.raises(ValueError, match="percentile"):
            lesiongeo.hd95([SQUARE], [SQUARE], percentile=wrong)
        with pytest.raises(ValueError, match="percentile"):
            lesiongeo.surface_distances([SQUARE], [SQUARE], percentile=wrong)
    for wrong in (-1, math.inf, math.nan, *no_numbers):
        with pytest.raises(ValueError, match="tolerance"):
            lesiongeo.nsd([SQUARE], [SQUARE], tolerance=wrong)
    for spacing in (0, 1e-10, 1e10, 10**400, "0.5", ("0.5", "0.2"), [True, 1], (1, 1j), [1, [2, 3]], np.True_):
        with pytest.raises(ValueError, match="spacing_mm is "):
            lesiongeo.surface_distances([SQUARE], [SQUARE], spacing_mm=spacing)
    with pytest.raises(lesiongeo.RegionError):
        lesiongeo.masd([SQUARE] * 2, [SQUARE] * 3)
    with pytest.raises(TypeError):
        lesiongeo.nsd([SQUARE], [SQUARE], 1.0)  # type: ignore[call-arg]


@pytest.mark.parametrize("wrong", [1, 0, "no", None, np.array([True]), [True, False], 1.0], ids=repr)
def test_yes_or_no_is_not_guessed(wrong: Any) -> None:
    calls: dict[str, list[Any]] = {
        "pooled": [lesiongeo.hd95, lesiongeo.surface_distances],
        "directed": [lesiongeo.hausdorff],
        "witnesses": [lesiongeo.hausdorff],
    }
    for name, functions in calls.items():
        for function in functions:
            with pytest.raises(ValueError, match=f"{name} is .*; it is True or False"):
                function([SQUARE], [SQUARE], **{name: wrong})
            for right in (True, False):
                function([SQUARE], [SQUARE], **{name: np.bool_(right)})


@pytest.mark.parametrize(
    ("percentile", "name"),
    [(95, "hd95"), (99.5, "hd99.5"), (99.99999, "hd99.99999"), (100, "hd100"), (-0.0, "hd0"), (np.float64(90), "hd90")],
)
def test_columns_are_named_after_the_percentile(percentile: float, name: str) -> None:
    table = lesiongeo.surface_distances([SQUARE], [SQUARE], percentile=percentile, spacing_mm=1)
    assert {f"{name}_px", f"{name}_mm"} < set(table.column_names)
    table = lesiongeo.surface_distances([SQUARE], [SQUARE], percentile=percentile, pooled=True)
    assert table.column_names[1] == f"{name}_pooled_px"


def test_long_boundaries_near_each_other() -> None:
    """Spirals, combs, and a circle seen from its centre: many features tie, and none may be missed."""
    turns = np.linspace(0, 40, 150)
    arm = np.column_stack([np.cos(turns), np.sin(turns)]) * (5 + turns)[:, None]
    spiral = np.concatenate([arm, arm[::-1] * (1 + 2.2 / (5 + turns[::-1]))[:, None]])
    comb = np.concatenate(
        [np.array([[k, 0], [k, 30], [k + 0.5, 30], [k + 0.5, 0]]) for k in range(25)] + [ring((25, -2), (0, -2))]
    )
    pairs = [
        (spiral, spiral @ np.array([[0.9, 0.1], [-0.1, 0.9]])),
        (comb, comb + np.array([0.2, 0.3])),
        (comb, comb[:, ::-1]),
        (circle(60, 0.01), circle(60, 40)),
        (box(-30, -30, 30, 30), circle(300, 40)),
    ]
    for a, b in pairs:
        got = numbers([a], [b], tolerance=1)
        segments = edges([b])
        middles = []
        for edge in edges([a]):
            t = (np.arange(400) + 0.5)[:, None] / 400
            middles.append((nearest(edge[0] + t * (edge[1] - edge[0]), segments)[0], np.linalg.norm(edge[1] - edge[0])))
        length = sum(length for _, length in middles)
        # The distance changes by at most its way: the error of the middle rule is below a quarter of a step.
        rough = float(sum(float(d.mean()) * length for d, length in middles) / length)
        assert got["mean_a_to_b_px"][0] == pytest.approx(rough, abs=1e-3 * max(1.0, rough)), len(a)


DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "conformance" / "analytic.jsonl.gz"


@pytest.mark.skipif(not DATA.is_file(), reason="conformance data is not here")
def test_analytic_shapes() -> None:
    with gzip.open(DATA, "rt") as lines:
        records = [json.loads(line) for line in lines]

    def region(sides: Any) -> Polygons:
        rings = [np.array(r, dtype=float) for part in sides for r in part]
        return Polygons.from_rings([rings]) if len(sides) == 1 else Polygons.from_rings([rings[:1]])

    checked = 0
    for record in records:
        if "assd" in record["expected"]:
            got = lesiongeo.assd(region(record["a"]), region(record["b"]))
            assert got == pytest.approx([record["expected"]["assd"]], rel=1e-9), record["name"]
            checked += 1
    assert checked > 3
