"""Areas against rational arithmetic, distances against certified bounds, on outlines made to break engines.

An area error is relative to the larger of the two areas of a pair, an IoU error absolute: 1e-12 for valid
outlines, 1e-9 for invalid ones. A distance must lie within the certified bounds to 1e-11 of the extent.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

import lesiongeo
from lesiongeo import Polygons
from oracles import directed_bounds, exact_areas, exact_misfit, hausdorff_bounds

Array = npt.NDArray[np.float64]
Rng = np.random.Generator
Rings = list[Array]


def polar(radii: Array, turn: float = 0.0) -> Array:
    t = turn + 2 * np.pi * np.arange(len(radii)) / len(radii)
    return np.asarray(radii)[:, None] * np.column_stack([np.cos(t), np.sin(t)])


def star(rng: Rng, low: int = 5, high: int = 30) -> Array:
    return polar(rng.uniform(20, 100, rng.integers(low, high)), rng.uniform(0, 6)) + rng.uniform(100, 180, 2)


def nudged(rng: Rng, xy: Array, ulps: int = 2) -> Array:
    """Every coordinate moved by up to so many steps of binary64."""
    return xy + rng.integers(-ulps, ulps + 1, xy.shape) * np.spacing(xy)


def rotated(rng: Rng, xy: Array, away: float = 500.0) -> Array:
    c, s = math.cos(t := rng.uniform(0, 7)), math.sin(t)
    return xy @ np.array([(c, s), (-s, c)]) + rng.uniform(-away, away, 2)


def tiles(rng: Rng) -> tuple[Rings, Rings]:
    """Neighbours on a rotated grid: a whole edge in common but for the last bits."""
    w, h = rng.uniform(5, 50, 2)
    both = rotated(rng, np.array([(0, 0), (w, 0), (2 * w, 0), (2 * w, h), (w, h), (0, h)]))
    return [both[[0, 1, 4, 5]]], [nudged(rng, both[[1, 2, 3, 4]])]


def copies(rng: Rng) -> tuple[Rings, Rings]:
    """The same outline with the last bits changed, as after a round trip through percent."""
    a = star(rng)
    return [a], [nudged(rng, np.roll(a, rng.integers(len(a)), axis=0))]


def shared_chain(rng: Rng) -> tuple[Rings, Rings]:
    """Two regions on both sides of one jagged border, the border equal or moved in the last bits."""
    n = int(rng.integers(3, 15))
    border = np.column_stack([100 + rng.uniform(-8, 8, n), np.linspace(0, 100, n)])
    left = np.concatenate([border, [(20, 100), (20, 0)]])
    right = np.concatenate([nudged(rng, border, int(rng.integers(0, 3))), [(180, 100), (180, 0)]])
    c, s = 0.8, 0.6
    m = np.array([(c, s), (-s, c)])
    return [left @ m], [right @ m]


def corners_on_edges(rng: Rng) -> tuple[Rings, Rings]:
    """T junctions: corners of one outline computed to lie on edges of the other; they miss by a rounding."""
    a = star(rng)
    k = np.sort(rng.choice(len(a), min(len(a), int(rng.integers(3, 9))), replace=False))
    t = rng.uniform(0, 1, (len(k), 1))
    return [a], [a[k] * (1 - t) + np.roll(a, -1, axis=0)[k] * t]


def lattice_stars(rng: Rng) -> tuple[Rings, Rings]:
    """Valid outlines on few whole numbers: many common vertices, edges and crossings at vertices."""

    def one() -> Array:
        centre = rng.integers(4, 9, 2) + 0.5
        cells = np.unique(rng.integers(0, 13, (rng.integers(5, 25), 2)), axis=0)
        angle = np.arctan2(*(cells - centre).T)
        _, keep = np.unique(angle, return_index=True)
        return cells[keep].astype(np.float64)

    return [one()], [one()]


def combs(rng: Rng) -> tuple[Rings, Rings]:
    def one(teeth: int) -> Array:
        x = np.repeat(np.arange(2 * teeth), 2) + rng.uniform(0, 0.5)
        y = np.tile([0, 30, 30, 0], teeth)
        return np.concatenate([np.column_stack([x, y]), [(x[-1], -2), (x[0], -2)]])

    a, b = one(int(rng.integers(3, 12))), one(int(rng.integers(3, 12)))
    return [a * (1, 0.5)], [b[:, ::-1] * (0.5, 1)]


def spirals(rng: Rng) -> tuple[Rings, Rings]:
    def one() -> Array:
        t = np.linspace(0, rng.uniform(2, 4) * 2 * np.pi, int(rng.integers(20, 40)))
        turn = np.column_stack([np.cos(t), np.sin(t)])
        arms = np.concatenate([turn * (t[:, None] + 5), (turn * (t[:, None] + 7.5))[::-1]])
        return rotated(rng, arms, 3.0)

    return [one()], [one()]


def staircases(rng: Rng) -> tuple[Rings, Rings]:
    """Borders of pixel masks: only level and upright edges on whole numbers."""

    def one() -> Array:
        n = int(rng.integers(3, 20))
        x, top = np.repeat(np.arange(n + 1), 2)[1:-1], np.repeat(rng.integers(6, 12, n), 2)
        bottom = np.repeat(rng.integers(0, 6, n), 2)
        return np.concatenate([np.column_stack([x, bottom]), np.column_stack([x, top])[::-1]]).astype(np.float64)

    return [one()], [one()]


def needles(rng: Rng) -> tuple[Rings, Rings]:
    """Triangles a thousand times as long as wide, along each other or across."""
    a = rotated(rng, np.array([(0, 0), (100, 0.05), (100, -0.05)]))
    if rng.random() < 0.5:
        return [a], [nudged(rng, a[[1, 0, 2]]) + rng.uniform(-0.02, 0.02, 2)]
    return [a], [(a - a.mean(axis=0)) @ np.array([(0.6, 0.8), (-0.8, 0.6)]) + a.mean(axis=0)]


def holed(rng: Rng) -> tuple[Rings, Rings]:
    """Outlines with one or two holes that stay inside."""

    def one() -> Rings:
        centre = rng.uniform(100, 130, 2)
        n = int(rng.integers(12, 25))
        holes = [polar(rng.uniform(4, 9, int(rng.integers(3, 9)))) + centre + (x, 0) for x in (-10, 10)]
        return [polar(rng.uniform(40, 60, n)) + centre, *holes[: rng.integers(1, 3)]]

    return one(), one()


def crossing(rng: Rng) -> tuple[Rings, Rings]:
    """Points in any order."""
    return [rng.uniform(0, 100, (rng.integers(4, 12), 2))], [rng.uniform(0, 100, (rng.integers(4, 12), 2))]


def crossing_on_a_lattice(rng: Rng) -> tuple[Rings, Rings]:
    """Points in any order on few whole numbers: edges on edges, edges through vertices, whole parts twice."""
    size = rng.integers(2, 9)
    a, b = (rng.integers(0, size + 1, (rng.integers(4, 12), 2)).astype(np.float64) for _ in range(2))
    return [a], [b]


def holes_across(rng: Rng) -> tuple[Rings, Rings]:
    """Holes that reach beyond the outline or over each other."""
    return [star(rng), star(rng) * 0.5 + 60, star(rng) * 0.3 + 90], [star(rng)]


VALID = [
    tiles,
    copies,
    shared_chain,
    corners_on_edges,
    lattice_stars,
    combs,
    spirals,
    staircases,
    needles,
    holed,
]
INVALID = [crossing, crossing_on_a_lattice, holes_across]
Family = Callable[[Rng], tuple[Rings, Rings]]


def pairs(family: Family, count: int) -> tuple[list[Rings], list[Rings]]:
    rng = np.random.default_rng(20_25)
    made = [family(rng) for _ in range(count)]
    return [a for a, _ in made], [b for _, b in made]


def check_areas(family: Family, count: int, limit: float) -> None:
    rows_a, rows_b = pairs(family, count)
    a, b = Polygons.from_rings(rows_a), Polygons.from_rings(rows_b)
    area_a, area_b, inter = lesiongeo.area(a), lesiongeo.area(b), lesiongeo.intersection_area(a, b)
    iou, dice = lesiongeo.iou(a, b), lesiongeo.dice(a, b)
    assert np.array_equal(iou, lesiongeo.iou(b, a), equal_nan=True)
    wrong, overlapping = [], 0
    for k in range(count):
        exact = exact_areas(rows_a[k], rows_b[k])
        larger = float(max(exact.a, exact.b))
        overlapping += exact.inter > 0
        for name, got, want in (
            ("a", area_a, exact.a),
            ("b", area_b, exact.b),
            ("inter", inter, exact.inter),
        ):
            error = abs(got[k] - float(want)) / larger if larger else abs(got[k])
            if not error <= limit:
                wrong.append((k, name, got[k], float(want), error))
        for name, ratio, value in (("iou", iou, exact.iou), ("dice", dice, exact.dice)):
            value = value if exact.a and exact.b else math.nan
            if not (abs(ratio[k] - value) <= limit or (math.isnan(ratio[k]) and math.isnan(value))):
                wrong.append((k, name, ratio[k], value, abs(ratio[k] - value)))
    assert not wrong, f"{len(wrong)} of {count} pairs: {wrong[:5]}"
    assert overlapping >= count / 10


def check_distances(family: Family, count: int) -> None:
    rows_a, rows_b = pairs(family, count)
    a, b = Polygons.from_rings(rows_a), Polygons.from_rings(rows_b)
    both, directed = lesiongeo.hausdorff(a, b), lesiongeo.hausdorff(a, b, directed=True)
    assert np.array_equal(both, lesiongeo.hausdorff(b, a))
    for k in np.flatnonzero(a.is_valid & b.is_valid):
        slack = 1e-11 * np.ptp(np.concatenate(rows_a[k] + rows_b[k]), axis=0).max()
        for got, (lower, upper) in (
            (both[k], hausdorff_bounds(rows_a[k], rows_b[k])),
            (directed[k], directed_bounds(rows_a[k], rows_b[k])),
        ):
            assert lower - slack <= got <= upper + slack, (k, got, lower, upper)


def check_verdicts(family: Family, count: int) -> tuple[int, int]:
    """Count valid and invalid outlines; below 1e-9 of the box covered twice, both verdicts will do."""
    rows = [rings for side in pairs(family, count) for rings in side]
    p = Polygons.from_rings(rows)
    judged = {True: 0, False: 0}
    for k, rings in enumerate(rows):
        if exact_areas(rings, []).a == 0:
            assert not p.is_valid[k], k
            continue
        share = float(exact_misfit(rings)) / float(np.prod(np.ptp(np.concatenate(rings), axis=0)))
        if share == 0 or share > 1e-9:
            judged[share == 0] += 1
            assert p.problem[k] == (None if share == 0 else "self_overlap"), (k, share)
    return judged[True], judged[False]


@pytest.mark.parametrize("family", VALID)
def test_areas_of_valid_outlines(family: Family) -> None:
    check_areas(family, 50, 1e-12)


@pytest.mark.parametrize("family", INVALID)
def test_areas_of_invalid_outlines(family: Family) -> None:
    check_areas(family, 60, 1e-9)


@pytest.mark.parametrize("family", VALID)
def test_distances(family: Family) -> None:
    check_distances(family, 50)


@pytest.mark.parametrize("family", VALID)
def test_verdicts_on_valid_outlines(family: Family) -> None:
    assert check_verdicts(family, 40) == (80, 0)


@pytest.mark.parametrize("family", INVALID)
def test_verdicts_on_invalid_outlines(family: Family) -> None:
    valid, invalid = check_verdicts(family, 60)
    assert invalid > 40
    assert valid + invalid > 90


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("family", VALID)
def test_many_valid_outlines(family: Family) -> None:
    check_areas(family, 2000, 1e-12)
    check_distances(family, 2000)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("family", INVALID)
def test_many_invalid_outlines(family: Family) -> None:
    check_areas(family, 2000, 1e-9)


@pytest.mark.parametrize("width", [1e-6, 1e-9, 1e-12])
def test_a_hair_is_right_to_the_rounding_of_its_box(width: float) -> None:
    rng = np.random.default_rng(1)
    rows = [rotated(rng, np.array([(0, 0), (1, 0), (1, width), (0, width)])) * 0.001 for _ in range(50)]
    got = lesiongeo.area(rows)
    for row, area in zip(rows, got, strict=True):
        box = float(np.prod(np.ptp(row, axis=0)))
        assert abs(area - float(exact_areas([row], []).a)) <= 4e-16 * box
