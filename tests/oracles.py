"""Independent answers for the geometry tests, written from the definitions, sharing nothing with the package.

A region is given as a list of rings, each an ``(n, 2)`` array or list of points, open or closed.

``exact_areas`` and ``exact_misfit`` use rational arithmetic on the binary64 values, so they have no
rounding and no special cases: the plane is cut into vertical slabs at every vertex; inside a slab the edges
are straight from side to side, and edges whose order differs between the two sides cross, so the slab is
cut again at those crossings only. In what remains no edges cross, and the areas are sums of trapezoids.

``directed_bounds`` and ``hausdorff_bounds`` enclose the continuous boundary distance by branch and bound:
any point of a boundary gives a lower bound, and because the distance to *one* segment is convex along an
edge, the larger of its values at the two ends is an upper bound for the whole piece between them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ring = npt.NDArray[np.float64] | Sequence[Sequence[float]]
Rings = Sequence[Ring]
Points = npt.NDArray[np.float64]
Sides = list[list[list[tuple[float, float]]]]  # per region, per ring: open points
Inside = Callable[[list[list[int]]], Sequence[bool]]


class Areas(NamedTuple):
    """Exact areas of A, B, their intersection and their union."""

    a: Fraction
    b: Fraction
    inter: Fraction
    union: Fraction

    @property
    def iou(self) -> float:
        """Intersection over union, correctly rounded; NaN where the union is empty."""
        return float(self.inter / self.union) if self.union else float("nan")

    @property
    def dice(self) -> float:
        """Twice the intersection over the sum of areas, correctly rounded; NaN where both are empty."""
        return float(2 * self.inter / (self.a + self.b)) if self.a + self.b else float("nan")


class _Edge(NamedTuple):
    """A non-vertical edge on integer coordinates, left to right; ``turn`` is +1 if it was drawn that way."""

    x0: int
    y0: int
    x1: int
    y1: int
    side: int
    ring: int
    turn: int

    def at(self, x: int | Fraction) -> Fraction:
        """Height of the edge at x."""
        dx, v = self.x1 - self.x0, x.denominator
        return Fraction(self.y0 * dx * v + (x.numerator - self.x0 * v) * (self.y1 - self.y0), dx * v)


def open_ring(ring: Ring) -> list[tuple[float, float]]:
    """Return the points of a ring without the repeated closing point."""
    points = [(float(p[0]), float(p[1])) for p in ring]
    while len(points) > 1 and points[0] == points[-1]:
        points.pop()
    return points


def exact_shoelace(ring: Ring) -> Fraction:
    """Signed area of a ring: positive where x cross y runs positive (x right, y up: counter-clockwise)."""
    p = [(Fraction(x), Fraction(y)) for x, y in open_ring(ring)]
    return sum((a[0] * b[1] - b[0] * a[1] for a, b in zip(p, p[1:] + p[:1], strict=True)), Fraction(0)) / 2


def exact_areas(rings_a: Rings, rings_b: Rings, *, roles: str = "polygon") -> Areas:
    """Exact areas of two regions and of their intersection and union.

    Each ring fills the points around which its winding number is not zero. ``roles`` says what a ring does:
    ``"polygon"``: the first is the outline and the others are holes, however they run; ``"oriented"``: a
    ring of negative shoelace area is a hole. A point belongs to the region if more outlines than holes fill
    it. For one outline with holes this is "holes subtracted", without holes "parts united", and for valid
    regions (an island in a hole included) the ordinary interior.
    """
    sides = (_signed(rings_a, roles), _signed(rings_b, roles))

    def inside(fills: list[list[int]]) -> tuple[bool, bool, bool, bool]:
        a, b = (
            sum(role for (role, _), turns in zip(rings, fill, strict=True) if turns) > 0
            for rings, fill in zip(sides, fills, strict=True)
        )
        return a, b, a and b, a or b

    return Areas(*_sweep([[ring for _, ring in side] for side in sides], inside, 4))


def exact_misfit(rings: Rings, *, roles: str = "polygon") -> Fraction:
    """Exact area where the winding number is neither 0 nor 1 once every ring runs by its role.

    Zero if and only if the region is valid. Roles as in ``exact_areas``.
    """
    signed = _signed(rings, roles)
    flip = [1 if (exact_shoelace(ring) >= 0) == (role > 0) else -1 for role, ring in signed]

    def inside(fills: list[list[int]]) -> tuple[bool]:
        return (sum(f * turns for f, turns in zip(flip, fills[0], strict=True)) not in (0, 1),)

    return _sweep([[ring for _, ring in signed]], inside, 1)[0]


def _signed(rings: Rings, roles: str) -> list[tuple[int, list[tuple[float, float]]]]:
    """Rings as (role, open points): +1 adds, -1 subtracts."""
    out = []
    for k, ring in enumerate(rings):
        hole = k > 0 if roles == "polygon" else exact_shoelace(ring) < 0
        out.append((-1 if hole else 1, open_ring(ring)))
    return out


def _sweep(sides: Sides, inside: Inside, n: int) -> list[Fraction]:
    """Exact areas of ``n`` regions; ``inside`` tells from all rings' turns around a point which hold it."""
    values = [v for side in sides for ring in side for point in ring for v in point]
    # Every binary64 value is an integer over a power of two: one common scale makes all arithmetic integer.
    scale = max((v.as_integer_ratio()[1] for v in values), default=1)
    edges: list[_Edge] = []
    cuts: set[int] = set()
    for s, side in enumerate(sides):
        for r, ring in enumerate(side):
            points = [(int(Fraction(x) * scale), int(Fraction(y) * scale)) for x, y in ring]
            cuts.update(x for x, _ in points)
            for p, q in zip(points, points[1:] + points[:1], strict=True):
                if p[0] < q[0]:
                    edges.append(_Edge(*p, *q, s, r, 1))
                elif p[0] > q[0]:
                    edges.append(_Edge(*q, *p, s, r, -1))
    edges.sort(key=lambda e: e.x0)
    twice = [Fraction(0)] * n
    active: list[_Edge] = []
    start = 0
    xs = sorted(cuts)
    for left, right in pairwise(xs):
        active = [e for e in active if e.x1 > left]
        while start < len(edges) and edges[start].x0 <= left:
            active.append(edges[start])
            start += 1
        at_left, at_right = [e.at(left) for e in active], [e.at(right) for e in active]
        inner = _crossings(left, right, at_left, at_right)
        at: list[list[Fraction]] = [at_left, *([e.at(x) for e in active] for x in inner), at_right]
        bounds: list[int | Fraction] = [left, *inner, right]
        for i in range(len(bounds) - 1):
            heights = [(y0 + y1, e) for y0, y1, e in zip(at[i], at[i + 1], active, strict=True)]
            for k, total in enumerate(_slab(heights, sides, inside, n)):
                twice[k] += total * (bounds[i + 1] - bounds[i])
    return [t / (2 * scale * scale) for t in twice]


def _crossings(left: int, right: int, at_left: list[Fraction], at_right: list[Fraction]) -> list[Fraction]:
    """Abscissas strictly inside the slab where two edges swap their order."""
    found: set[Fraction] = set()
    # Edges are taken from below by their left end (ties by the right end) and kept in the order of their
    # right ends.
    above: list[tuple[Fraction, Fraction]] = []
    for l1, r1 in sorted(zip(at_left, at_right, strict=True)):
        k = len(above)
        while k and above[k - 1][1] > r1:
            l0, r0 = above[k - 1]
            found.add(left + (right - left) * Fraction(l1 - l0, (l1 - l0) + (r0 - r1)))
            k -= 1
        above.insert(k, (l1, r1))
    return sorted(found)


def _slab(
    heights: list[tuple[Fraction, _Edge]],
    sides: Sides,
    inside: Inside,
    n: int,
) -> list[Fraction]:
    """Sum of both side lengths of the trapezoids of each region, in a slab without crossings."""
    fills = [[0] * len(side) for side in sides]
    state = [False] * n
    total = [Fraction(0)] * n
    for height, edge in sorted(heights, key=lambda item: item[0]):
        fills[edge.side][edge.ring] += edge.turn
        for k, now in enumerate(inside(fills)):
            if now != state[k]:
                total[k] += -height if now else height
                state[k] = now
    assert not any(state), "rings are closed, so the topmost edge leaves every region"
    return total


def segments(rings: Rings) -> tuple[Points, Points]:
    """Start and end points of all edges of all rings; a ring of one point gives one edge without length."""
    starts, ends = [], []
    for ring in rings:
        p = np.array(open_ring(ring), dtype=np.float64).reshape(-1, 2)
        starts.append(p)
        ends.append(np.roll(p, -1, axis=0))
    empty = np.empty((0, 2))
    return np.concatenate([empty, *starts]), np.concatenate([empty, *ends])


def distances(points: Points, starts: Points, ends: Points) -> npt.NDArray[np.float64]:
    """Distance from every point to every segment, shape (points, segments)."""
    d = ends - starts
    length2 = np.where((d**2).sum(axis=1) > 0, (d**2).sum(axis=1), 1.0)
    rel = points[:, None, :] - starts[None, :, :]
    t = np.clip((rel * d).sum(axis=2) / length2, 0.0, 1.0)
    # Measure from the nearer end of the segment: a foot close to the far end would lose its last digits.
    near_end = t > 0.5
    rest = np.where(near_end, t - 1.0, t)
    rel = np.where(near_end[..., None], points[:, None, :] - ends[None, :, :], rel)
    result: npt.NDArray[np.float64] = np.hypot(rel[..., 0] - rest * d[:, 0], rel[..., 1] - rest * d[:, 1])
    return result


def directed_bounds(rings_a: Rings, rings_b: Rings, tol: float = 1e-12) -> tuple[float, float]:
    """Lower and upper bound of the largest distance from a boundary point of A to the boundary of B.

    They differ by at most ``tol`` times the diagonal of the box around both; NaN where one side has no point.
    Rounding in the distances themselves (a few 1e-16 of the diagonal) is not part of the bounds.
    """
    p, q = segments(rings_a)
    s, e = segments(rings_b)
    if not len(p) or not len(s):
        return float("nan"), float("nan")
    origin = np.minimum(p.min(axis=0), s.min(axis=0))
    p, q, s, e = p - origin, q - origin, s - origin, e - origin
    gap = tol * float(np.hypot(*np.maximum(p.max(axis=0), s.max(axis=0))))
    lower = upper = 0.0  # upper: the largest bound among the pieces done with
    for _ in range(200):
        chunk = max(1, 2_000_000 // len(s))
        piece_upper = []
        for k in range(0, len(p), chunk):
            at_p, at_q = distances(p[k : k + chunk], s, e), distances(q[k : k + chunk], s, e)
            lower = max(lower, float(at_p.min(axis=1).max()), float(at_q.min(axis=1).max()))
            piece_upper.append(np.maximum(at_p, at_q).min(axis=1))
        bound = np.concatenate(piece_upper)
        keep = bound > lower + gap
        upper = max(upper, float(bound[~keep].max(initial=0.0)))
        if not keep.any():
            break
        p, q = p[keep], q[keep]
        middle = (p + q) / 2
        p, q = np.concatenate([p, middle]), np.concatenate([middle, q])
    else:
        upper = max(upper, float(bound.max()))
    return lower, max(lower, upper)


def hausdorff_bounds(rings_a: Rings, rings_b: Rings, tol: float = 1e-12) -> tuple[float, float]:
    """Lower and upper bound of the continuous boundary distance: the larger of both directions."""
    ab, ba = directed_bounds(rings_a, rings_b, tol), directed_bounds(rings_b, rings_a, tol)
    return max(ab[0], ba[0]), max(ab[1], ba[1])


def vertex_hausdorff(rings_a: Rings, rings_b: Rings) -> float:
    """Largest distance from a vertex of either region to the boundary of the other (as in GEOS)."""
    (p, q), (s, e) = segments(rings_a), segments(rings_b)
    return float(max(distances(p, s, e).min(axis=1).max(), distances(s, p, q).min(axis=1).max()))
