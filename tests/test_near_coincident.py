"""Outlines whose edges lie 0 to 2 steps of binary64 apart: where overlay engines give answers that are grossly wrong.

Every pair is judged by arithmetic with a proven bound (`oracle_monotone`), or by rational numbers where that
bound is not small enough. The normal run takes 20,000 pairs, the slow one 1,000,000.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest

import lesiongeo
from lesiongeo import Polygons
from oracle_monotone import monotone_overlaps
from oracles import exact_areas

Floats = npt.NDArray[np.float64]
Rng = np.random.Generator
Pairs = tuple[Floats, Floats]  # (n, k, 2) and (n, m, 2)

#: Largest error of IoU, and of the intersection relative to the larger of both areas.
LIMIT = 1e-12
#: With this bound a computed reference decides; rational numbers decide the rest.
DECIDED = 1e-14


def nudged(rng: Rng, xy: Floats, ulps: int = 2) -> Floats:
    """Every coordinate moved by up to so many steps."""
    return xy + rng.integers(-ulps, ulps + 1, xy.shape) * np.spacing(xy)


def placed(rng: Rng, *shapes: Floats) -> list[Floats]:
    """Rows turned, scaled and moved alike, at places from 0 to 10^7, a third of them left level and upright."""
    n = len(shapes[0])
    turn = np.where(rng.random(n) < 1 / 3, rng.integers(0, 4, n) * np.pi / 2, rng.uniform(0, 7, n))
    c, s = np.cos(turn), np.sin(turn)
    size = 2.0 ** rng.integers(-12, 8, n) * rng.uniform(1, 2, n)
    # From 1e-2 to 1e7, so that a step of binary64 is anything from 1e-18 to 2e-9; sizes stay above 1e-4.
    away = rng.uniform(-1, 1, (n, 2)) * 10.0 ** rng.integers(-2, 8, n)[:, None]
    away[np.abs(away).max(axis=1) > 1e10 * size] = 0.0
    out = []
    for shape in shapes:
        x, y = shape[..., 0], shape[..., 1]
        moved = np.stack([x * c[:, None] - y * s[:, None], x * s[:, None] + y * c[:, None]], axis=-1)
        out.append(moved * size[:, None, None] + away[:, None, :])
    return out


def rectangle(w0: Floats | float, h0: Floats | float, w1: Floats | float, h1: Floats | float, n: int) -> Floats:
    """Corners (n, 4, 2)."""
    x0, y0, x1, y1 = (np.broadcast_to(v, n) for v in (w0, h0, w1, h1))
    return np.stack([np.stack(p, axis=-1) for p in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))], axis=1)


def quadrilaterals(rng: Rng, n: int) -> Floats:
    """Convex, counter-clockwise, around the origin."""
    turn = (np.arange(4) + rng.uniform(-0.35, 0.35, (n, 4))) * np.pi / 2
    return np.stack([np.cos(turn), np.sin(turn)], axis=-1) * rng.uniform(0.9, 1.1, (n, 1, 1))


def on_edges(shape: Floats, edge: npt.NDArray[np.int64], share: Floats) -> Floats:
    """Points computed to lie on edges; they miss by a rounding."""
    rows = np.arange(len(shape))[:, None]
    p, q = shape[rows, edge], shape[rows, (edge + 1) % shape.shape[1]]
    return np.asarray(p * (1 - share[..., None]) + q * share[..., None])


def tiles(rng: Rng, n: int) -> Pairs:
    """Neighbours that share a whole edge, one of them nudged."""
    w, h = rng.uniform(0.2, 1, (2, n))
    a, b = placed(rng, rectangle(0, 0, w, h, n), rectangle(w, 0, 2 * w, h, n))
    return a, nudged(rng, b)


def copies(rng: Rng, n: int) -> Pairs:
    """The same outline twice, the second nudged, its ring begun elsewhere or turned around."""
    (a,) = placed(rng, quadrilaterals(rng, n))
    b = nudged(rng, np.roll(a, rng.integers(4), axis=1))
    return a, b[:, ::-1] if rng.random() < 0.5 else b


def slipped(rng: Rng, n: int) -> Pairs:
    """A copy moved along one of its edges, so that borders coincide in part."""
    w, h, t = rng.uniform(0.2, 1, (3, n))
    a, b = placed(rng, rectangle(0, 0, w, h, n), rectangle(t * w, 0, t * w + w, h, n))
    return a, nudged(rng, b)


def t_junctions(rng: Rng, n: int) -> Pairs:
    """One edge of B lies on a part of an edge of A, B on either side of it."""
    (a,) = placed(rng, quadrilaterals(rng, n))
    edge = np.repeat(rng.integers(0, 4, (n, 1)), 2, axis=1)
    foot = on_edges(a, edge, np.sort(rng.uniform(0.05, 0.95, (n, 2)), axis=1) + np.array([0.0, 0.04]))
    along = foot[:, 1] - foot[:, 0]
    away = np.stack([along[:, 1], -along[:, 0]], axis=-1) * rng.uniform(0.2, 1, (n, 1)) * rng.choice([-1, 1], (n, 1))
    b = np.stack([foot[:, 0], foot[:, 1], foot[:, 1] + away, foot[:, 0] + away], axis=1)
    return a, nudged(rng, b)


def inscribed(rng: Rng, n: int) -> Pairs:
    """All corners of B computed to lie on edges of A."""
    (a,) = placed(rng, quadrilaterals(rng, n))
    return a, nudged(rng, on_edges(a, np.tile(np.arange(4), (n, 1)), rng.uniform(0.02, 0.98, (n, 4))), 1)


def split_edges(rng: Rng, n: int) -> Pairs:
    """Neighbours or copies, but one has more points on each edge, computed and therefore not quite on it."""
    w, h = rng.uniform(0.2, 1, (2, n))
    start = w if rng.random() < 0.5 else np.zeros(n)
    a, b = placed(rng, rectangle(0, 0, w, h, n), rectangle(start, 0, start + w, h, n))
    middle = on_edges(a, np.tile(np.arange(4), (n, 1)), rng.uniform(0.1, 0.9, (n, 4)))
    return nudged(rng, np.stack([a, middle], axis=2).reshape(n, 8, 2), 1), b


def twisted(rng: Rng, n: int) -> Pairs:
    """A copy turned by next to nothing: edges cross at angles from 1e-16 up."""
    (a,) = placed(rng, quadrilaterals(rng, n))
    centre = a.mean(axis=1, keepdims=True)
    rel = a - centre
    angle = (10.0 ** rng.uniform(-17, -12, n))[:, None]
    turned = np.stack([rel[..., 0] - rel[..., 1] * angle, rel[..., 1] + rel[..., 0] * angle], axis=-1)
    return a, centre + turned


def pushed(rng: Rng, n: int) -> Pairs:
    """Neighbours of which one was pushed over the border by a step or two, as a whole."""
    w, h = rng.uniform(0.2, 1, (2, n))
    a, b = placed(rng, rectangle(0, 0, w, h, n), rectangle(w, 0, 2 * w, h, n))
    step = np.spacing(np.abs(b).max(axis=(1, 2)))[:, None, None]
    return a, b + step * rng.integers(-2, 3, (n, 1, 2))


def jagged(rng: Rng, n: int) -> Pairs:
    """Two regions above and below one jagged border of 6 points, nudged, or both on the same side of it."""
    x = np.cumsum(rng.uniform(0.1, 0.3, (n, 6)), axis=1)
    border = np.stack([x, rng.uniform(-0.1, 0.1, (n, 6))], axis=-1)
    shift, sign = rng.uniform(-50, 50, (n, 1, 2)), 1 if rng.random() < 0.7 else -1
    border = (border + shift) * 2.0 ** rng.integers(-6, 7, (n, 1, 1))
    other = nudged(rng, border)
    size = np.ptp(border[..., 0], axis=1)

    def closed(line: Floats, way: float) -> Floats:
        ends = line[:, [-1, 0]].copy()
        ends[..., 1] = line[..., 1].mean(axis=1)[:, None] + way * size[:, None]
        return np.concatenate([line, ends], axis=1)

    return closed(border, 1.0), closed(other, -0.7 * sign)


def fans(rng: Rng, n: int) -> Pairs:
    """Two triangles of a fan share an edge; with the third corner of one on the edge of the other at times."""
    (a,) = placed(rng, quadrilaterals(rng, n))
    b = a[:, [0, 2, 3]]
    if rng.random() < 0.5:
        b = np.stack(
            [a[:, 0], a[:, 2], on_edges(a, rng.integers(0, 2, (n, 1)), rng.uniform(0.1, 0.9, (n, 1)))[:, 0]], axis=1
        )
    return a[:, [0, 1, 2]], nudged(rng, b)


FAMILIES = [tiles, copies, slipped, t_junctions, inscribed, split_edges, twisted, pushed, jagged, fans]
Family = Callable[[Rng, int], Pairs]


def polygons(rings: Floats) -> Polygons:
    n, k = rings.shape[:2]
    return Polygons.from_ragged(rings.reshape(-1, 2), np.arange(n + 1) * k, np.arange(n + 1))


def judge(a: Floats, b: Floats, iou: Floats, inter: Floats) -> tuple[Floats, Floats, int]:
    """Errors of IoU and of the intersection (over the larger area), and how many needed rational numbers."""
    want = monotone_overlaps(a, b)
    larger = np.maximum(want.a, want.b)
    with np.errstate(invalid="ignore"):
        undecided = ~(want.iou_bound <= DECIDED) | ~(want.bound <= DECIDED * larger)
    iou_error = np.abs(iou - want.iou).astype(np.float64)
    inter_error = np.abs((inter - want.inter) / larger).astype(np.float64)
    for k in np.flatnonzero(undecided):
        exact = exact_areas([a[k]], [b[k]])
        iou_error[k] = abs(iou[k] - exact.iou)
        inter_error[k] = abs(inter[k] - float(exact.inter)) / float(max(exact.a, exact.b))
    return iou_error, inter_error, int(undecided.sum())


def check(family: Family, count: int, seed: int) -> tuple[float, float, int]:
    """Raise for the first wrong pair, with what it takes to make it again."""
    worst_iou = worst_inter = 0.0
    rational = 0
    block = 2000
    for start in range(0, count, block):
        n = min(block, count - start)
        key = [seed, FAMILIES.index(family), start]
        a, b = family(np.random.default_rng(key), n)
        p, q = polygons(a), polygons(b)
        iou, inter = lesiongeo.iou(p, q), lesiongeo.intersection_area(p, q)
        iou_error, inter_error, undecided = judge(a, b, iou, inter)
        rational += undecided
        for name, got, error in (("iou", iou, iou_error), ("intersection_area", inter, inter_error)):
            wrong = np.flatnonzero(~(error <= LIMIT))
            if wrong.size:
                k = int(wrong[0])
                raise AssertionError(
                    f"{wrong.size} of {n} wrong {name}; {family.__name__}(default_rng({key}), {n}) row {k}: "
                    f"got {got[k]!r}, error {error[k]:.3g}\na = {a[k].tolist()}\nb = {b[k].tolist()}"
                )
        worst_iou, worst_inter = max(worst_iou, iou_error.max()), max(worst_inter, inter_error.max())
    return float(worst_iou), float(worst_inter), rational


@pytest.mark.parametrize("family", FAMILIES)
def test_edges_a_step_apart(family: Family) -> None:
    check(family, 2000, 2025)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_million_edges_a_step_apart(family: Family) -> None:
    count, seed = 100_000, 7
    iou, inter, rational = check(family, count, seed)
    print(
        f"\n{family.__name__}: seed {seed}, {count} pairs, worst IoU {iou:.2g}, worst intersection {inter:.2g}, "
        f"{rational} by rational numbers"
    )


def test_the_reference_agrees_with_rational_numbers() -> None:
    """The bound holds, and is small enough to decide most pairs."""
    decided = total = 0
    for family in FAMILIES:
        a, b = family(np.random.default_rng(5), 40)
        got = monotone_overlaps(a, b)
        for k in range(len(a)):
            total += 1
            if not got.bound[k] >= 0:
                continue
            exact, bound = exact_areas([a[k]], [b[k]]), float(got.bound[k])
            for mine, true in ((got.a[k], exact.a), (got.b[k], exact.b), (got.inter[k], exact.inter)):
                assert abs(exact_value(mine) - true) <= bound, (family.__name__, k)
            assert abs(exact_value(got.iou[k]) - exact.inter / exact.union) <= float(got.iou_bound[k])
            decided += bool(got.iou_bound[k] <= DECIDED)
    assert decided >= 0.9 * total


def exact_value(value: np.longdouble) -> Fraction:
    numerator, denominator = value.as_integer_ratio()
    return Fraction(numerator, denominator)


def test_the_reference_refuses_what_it_cannot_judge() -> None:
    square = np.array([[(0, 0), (1, 0), (1, 1), (0, 1)]], dtype=np.float64)
    bow = square[:, [0, 2, 1, 3]]
    # Not monotone: the notch comes from the right.
    notch = np.array([[(0, 0), (3, 0), (1, 1), (3, 2), (0, 2)]], dtype=np.float64)
    for outline in (bow, notch):
        for pair in ((square, outline), (outline, square)):
            got = monotone_overlaps(*pair)
            assert np.isnan(got.iou_bound).all() or np.isinf(got.iou_bound).all()
    # Turned by a right angle the notch is monotone.
    assert monotone_overlaps(square, notch[..., ::-1])[:3] == (1, 4, 1)


@pytest.mark.parametrize("name", ["iou", "intersection_area"])
def test_a_wrong_number_is_noticed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    right = getattr(lesiongeo, name)

    def wrong(p: Polygons, q: Polygons) -> Floats:
        value = right(p, q)
        value[1234] += 1e-8 * (1 if name == "iou" else lesiongeo.area(p)[1234])
        return np.asarray(value)

    monkeypatch.setattr(lesiongeo, name, wrong)
    with pytest.raises(AssertionError, match=f"1 of 2000 wrong {name}; tiles.* row 1234"):
        check(tiles, 2000, 1)
