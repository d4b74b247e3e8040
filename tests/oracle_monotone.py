"""Areas of many pairs of x-monotone outlines at once, each with a proven bound of its error.

Exact rational arithmetic takes milliseconds per pair; this takes microseconds and says when it does not know.

An outline is x-monotone if it consists of an upper and a lower chain along which x never falls; every convex one
is. A vertical line at x meets such a region in one interval ``[l(x), u(x)]``, so

    area(A and B) = integral of max(0, F),    F = min(u_A, u_B) - max(l_A, l_B),

over the x that both span. The range is cut at the x of all vertices; inside a slab u and l are straight.

Bound, with e the rounding unit of `numpy.longdouble` and W, H the sides of the box around the pair:

1. Vertices are moved to the corner of the box: an error of at most e H in y (e W in x) each.
2. A chain's height at a slab's end is interpolated, ``y0 + (y1 - y0) (x - x0) / (x1 - x0)``: the share lies in [0, 1]
   and is off by at most 4 e (differences of the given x, one division), so the height is off by at most 8 e H
   with the move. x is moved too: that shifts slabs by e W, and F is at most H high: 2 e W H in all.
3. Straight lines through the computed heights differ from the true ones by at most 8 e H everywhere in the slab
   (a convex combination of the errors at its ends), hence F by at most 16 e H, and so does max(0, F).
4. In a slab the computed F is cut where two upper and where two lower lines cross, at a share off by at most
   3 e; the kink there is at most 2 H, so the integral changes by at most 2 x 6 e H per unit of x. Interpolated
   values, the trapezoids and triangles of max(0, F) and their sum over n slabs add at most (20 + n) e H.

Together at most (64 + n) e W H, n the number of vertices; the area of one outline, the integral of u - l, keeps the
same bound. `numpy.longdouble` has e = 2^-64 on x86 and 2^-53 where it is a plain double: then fewer pairs are decided
and more are left to rational arithmetic.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.longdouble]
Bools = npt.NDArray[np.bool_]


class Overlaps(NamedTuple):
    """Areas of n pairs, shape (n,), and the bound of the error of each; NaN where an outline is not x-monotone."""

    a: Longs
    b: Longs
    inter: Longs
    bound: Longs

    @property
    def iou(self) -> Longs:
        return self.inter / (self.a + self.b - self.inter)

    @property
    def iou_bound(self) -> Longs:
        """Bound of the error of `iou`: numerator and denominator each off by up to 3 bounds, as iou <= 1."""
        least = self.a + self.b - self.inter - 3 * self.bound
        return np.where(least > 0, 4 * self.bound / np.where(least > 0, least, 1), np.inf)


class _Chains(NamedTuple):
    """Upper and lower chain of each outline, padded by their last vertex; shape (n, vertices + 1) each."""

    upper_x: Longs
    upper_y: Longs
    lower_x: Longs
    lower_y: Longs
    ok: Bools


def monotone_overlaps(a: Floats, b: Floats) -> Overlaps:
    """Areas of the pairs of outlines `a` (n, k, 2) and `b` (n, m, 2), open rings in either direction."""
    corners = np.concatenate([a, b], axis=1)
    origin = corners.min(axis=1).astype(np.longdouble)
    width, height = (corners.max(axis=1).astype(np.longdouble) - origin).T
    n = corners.shape[1]
    bound = (64 + n) * np.finfo(np.longdouble).eps * width * height
    chains = [_chains(side.astype(np.longdouble) - origin[:, None, :]) for side in (a, b)]
    x = np.sort(corners[..., 0].astype(np.longdouble) - origin[:, :1], axis=1)
    left, right = x[:, :-1], x[:, 1:]
    step = right - left
    heights, spans = [], []
    for c in chains:
        low, high = c.upper_x[:, :1], c.upper_x[:, -1:]
        spans.append((left >= low) & (right <= high) & (step > 0))
        heights.append((_heights(c.upper_x, c.upper_y, left, right), _heights(c.lower_x, c.lower_y, left, right)))
    areas = []
    ok = chains[0].ok & chains[1].ok
    for span, (upper, lower) in zip(spans, heights, strict=True):
        gap = (upper[0] - lower[0], upper[1] - lower[1])
        # Chains that cross by more than rounding are not an outline this can judge.
        crossed = (np.minimum(*gap) < -32 * np.finfo(np.longdouble).eps * height[:, None]) & span
        ok &= ~crossed.any(axis=1)
        areas.append(np.where(span, step * (gap[0] + gap[1]) / 2, 0).sum(axis=1))
    inter = np.where(spans[0] & spans[1], step * _lens(*heights), 0).sum(axis=1)
    nothing = np.longdouble("nan")
    return Overlaps(*(np.where(ok, v, nothing) for v in (*areas, inter, bound)))


def _chains(ring: Longs) -> _Chains:
    n, k = ring.shape[:2]
    rows = np.arange(n)[:, None]
    first = ring[..., 0].argmin(axis=1)[:, None]
    ring = ring[rows, (first + np.arange(k + 1)) % k]  # from the leftmost vertex around to it again
    top = ring[..., 0].argmax(axis=1)[:, None]
    steps = np.arange(k + 1)
    there = ring[rows, np.minimum(steps, top)]
    back = ring[rows, np.maximum(k - steps, top)]
    x, y = ring[..., 0], ring[..., 1]
    twice = (x[:, :-1] * y[:, 1:] - x[:, 1:] * y[:, :-1]).sum(axis=1)
    ok = (np.diff(there[..., 0], axis=1) >= 0).all(axis=1) & (np.diff(back[..., 0], axis=1) >= 0).all(axis=1)
    turned = (twice < 0)[:, None, None]  # with y up, the way there is the lower chain of a positive ring
    lower, upper = np.where(turned, back, there), np.where(turned, there, back)
    return _Chains(upper[..., 0], upper[..., 1], lower[..., 0], lower[..., 1], ok & (twice != 0))


def _heights(x: Longs, y: Longs, left: Longs, right: Longs) -> tuple[Longs, Longs]:
    """Heights of a chain at both ends of each slab, on the edge that spans the slab."""
    edge = (x[:, None, 1:] <= left[:, :, None]).sum(axis=2)
    edge = np.minimum(edge, x.shape[1] - 2)
    rows = np.arange(len(x))[:, None]
    x0, x1, y0, y1 = x[rows, edge], x[rows, edge + 1], y[rows, edge], y[rows, edge + 1]
    run = np.where(x1 > x0, x1 - x0, 1)
    return y0 + (y1 - y0) * ((left - x0) / run), y0 + (y1 - y0) * ((right - x0) / run)


def _lens(
    a: tuple[tuple[Longs, Longs], tuple[Longs, Longs]], b: tuple[tuple[Longs, Longs], tuple[Longs, Longs]]
) -> Longs:
    """Mean over a slab of max(0, min(upper) - max(lower))."""
    (ua, la), (ub, lb) = a, b
    cuts = np.sort([_tie(ua, ub), _tie(la, lb)], axis=0)
    zero, one = np.zeros_like(cuts[0]), np.ones_like(cuts[0])
    total = zero
    places = [zero, cuts[0], cuts[1], one]

    def inner(s: Longs) -> Longs:
        return np.minimum(_at(ua, s), _at(ub, s)) - np.maximum(_at(la, s), _at(lb, s))

    values = [inner(s) for s in places]
    for k in range(3):
        p, q = values[k], values[k + 1]
        size = np.abs(p) + np.abs(q)
        both = np.maximum(p, 0) + np.maximum(q, 0)
        total = total + (places[k + 1] - places[k]) * both * (both / np.where(size > 0, 2 * size, 1))
    return total


def _at(line: tuple[Longs, Longs], share: Longs) -> Longs:
    return line[0] * (1 - share) + line[1] * share


def _tie(p: tuple[Longs, Longs], q: tuple[Longs, Longs]) -> Longs:
    """Share of the slab at which two lines cross; 0 where they do not."""
    d0, d1 = p[0] - q[0], p[1] - q[1]
    cross = ((d0 < 0) & (d1 > 0)) | ((d0 > 0) & (d1 < 0))
    return np.where(cross, d0 / np.where(cross, d0 - d1, 1), 0)
