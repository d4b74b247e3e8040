"""Distances along whole boundaries: closed forms, a brute force over all pairs of features, and what must not change them."""

from __future__ import annotations

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
# nearest feature stays the same over such a cut it is dropped. What is left is integrated by Gauss-Legendre and measured by bisection,
# so no formula is shared with the package.

NODES, WEIGHTS = np.polynomial.legendre.leggauss(40)


def edges(region: Region) -> Array:
    return np.concatenate([np.stack([r, np.roll(r, -1, axis=0)], axis=1) for r in region])


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
    return t[keep]


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


@pytest.mark.parametrize("kind", OUTLINE_KINDS)
def test_outlines_agree_with_brute_force(kind: str) -> None:
    if kind == "invalid":
        pytest.skip("brute force takes boundaries as drawn")
    for vertices, pairs in ((8, 12), (13, 6), (24, 2)):
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
        return rng.uniform(1, 9, n)[:, None] * np.column_stack([np.cos(t), np.sin(t)])

    a = Polygons.from_rings([star(rng.integers(3, 14)) for _ in range(40)])
    b = Polygons.from_rings([star(rng.integers(3, 14)) + rng.uniform(0, 6, 2) for _ in range(40)])
    check_all(a, b, percent=90, tolerance=1)
    grid = [Polygons.from_rings(list(rng.integers(0, 5, (30, 4, 2)).astype(float))) for _ in range(2)]
    area = lesiongeo.area(grid[0]) * lesiongeo.area(grid[1])
    usable = np.flatnonzero((area > 0) & grid[0].is_valid & grid[1].is_valid)
    assert len(usable) > 5
    check_all(grid[0].take(usable), grid[1].take(usable), percent=70, tolerance=0.7)
