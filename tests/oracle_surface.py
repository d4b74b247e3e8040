"""Certified bounds for the distances along a whole boundary, written from the definitions.

``f(x)``, the distance of a point of one boundary to the other boundary, is a minimum over *features*: all corners
of the other boundary, and the inside of each of its segments where the foot of the perpendicular falls inside. Along
an edge of the first boundary every feature has a squared distance that is a quadratic in the arc length ``t``:
``(t - c)^2 + r^2`` for a corner, ``(a + b t)^2`` for a line.

Branch and bound: a piece of an edge keeps the features that could be nearest somewhere on it. Feature j goes if
some feature k, valid on the whole piece, has ``f_k - f_j <= 1e-13`` everywhere on it. An upper bound of that difference
is the least of

- ``sup(Q_k - Q_j) / min(f_k + f_j)`` and ``sqrt(sup(Q_k - Q_j))``, the supremum of a quadratic;
- the chord of ``f_k`` against a tangent of ``f_j`` at either end, since both are convex.

Whatever is granted when a feature goes is added to the error of the piece, so ``f_k - error <= f <= f_k`` holds for
the one feature that remains. Pieces with several features are cut at ties, at the ends of segments and in the middle,
at the latest until they are 1e-13 long. Coordinates are first moved and scaled (by a power of two) so that the pair has
extent 1. Rounding of f is below 1e-14 there and is part of all bounds by `ROUNDING`.

On a piece with one feature, integrals and lengths below a value are closed forms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from oracles import Rings, _signed, distances, exact_areas, segments

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Bounds = tuple[float, float]

#: What a feature may be granted when it goes, and the shortest piece; the extent is 1.
GRANT = 1e-13
#: A foot that falls so far beyond the end of its segment still counts as inside.
FUZZ = 1e-14
#: Bound of all rounding in values of f, FUZZ included.
ROUNDING = 5e-14
#: Bound of rounding in a sum of lengths, relative to the sum.
LENGTHS = 1e-13

NAN2 = (float("nan"), float("nan"))


@dataclass
class Pieces:
    """Monotone pieces of boundaries, each with one nearest feature; lengths and values in units of the pair."""

    pair: Ints  # number of the directed problem
    length: Floats
    at0: Floats  # value at both ends, at0 <= at1
    at1: Floats
    corner: Bools
    r: Floats  # corners: distance of the feature from the line of the edge
    s0: Floats  # corners: distance along the line at both ends
    s1: Floats
    error: Floats  # at0 - error <= f(start), and so on
    middle: Floats  # (k, 2)
    sign: Floats  # +1 outside, -1 inside, 0 too close to tell

    def integral(self) -> Floats:
        """Integral of the feature's distance over each piece; all terms are positive, so no digits cancel."""
        h, s0, f0, f1 = self.length, self.s0, self.at0, self.at1
        with np.errstate(invalid="ignore", divide="ignore"):
            rise = h * (self.s0 + self.s1) / (f0 + f1)
            curved = (h * f1 + s0 * rise + self.r**2 * np.log1p((h + rise) / (s0 + f0))) / 2
        return np.where(self.corner & (self.r > 0), curved, h * (f0 + f1) / 2)

    def below(self, value: Floats) -> Floats:
        """Length of each piece on which the feature is within `value`."""
        curved = np.sqrt(np.maximum((value - self.r) * (value + self.r), 0.0))
        # As a share of the piece: ends of a short piece far from its corner differ by a rounded amount.
        run = self.s1 - self.s0
        curved = np.clip((curved - self.s0) / np.where(run > 0, run, 1.0), 0.0, 1.0) * self.length
        curved = np.where(run > 0, curved, np.where(value >= self.at1, self.length, 0.0))
        curved = np.where(value < self.r, 0.0, curved)
        rise = self.at1 - self.at0
        flat = rise <= 0
        share = np.where(flat, value >= self.at1, (value - self.at0) / np.where(flat, 1.0, rise))
        return np.where(self.corner, curved, np.clip(share, 0.0, 1.0) * self.length)


@dataclass(frozen=True)
class SurfaceBounds:
    """[low, high] for each measure of one pair, in the units of its coordinates."""

    extent: float
    hausdorff: Bounds
    mean_ab: Bounds
    mean_ba: Bounds
    masd: Bounds
    assd: Bounds
    signed_offset: Bounds
    percentile: dict[float, Bounds]  # larger of both directions
    percentile_ab: dict[float, Bounds]
    percentile_ba: dict[float, Bounds]
    pooled: dict[float, Bounds]
    nsd: dict[float, Bounds]


def surface_bounds(
    rings_a: Rings | Boundary,
    rings_b: Rings | Boundary,
    *,
    percentiles: Sequence[float] = (95.0,),
    tolerances: Sequence[float] = (),
    roles: str = "polygon",
) -> SurfaceBounds:
    """Enclosures of every distance along the boundaries of two valid regions."""
    return surface_bounds_of([(rings_a, rings_b)], percentiles=percentiles, tolerances=tolerances, roles=roles)[0]


@dataclass(frozen=True)
class Boundary:
    """A boundary given by its edges, of the region that rings mean."""

    starts: Floats
    ends: Floats
    rings: Rings


def interior_boundary(rings: Rings, roles: str = "polygon") -> Boundary:
    """Boundary of what outlines that cross themselves mean, see `oracles.exact_areas`.

    Edges are cut where they properly cross; a part stays if the region is on exactly one side of it. For outlines in
    general position: no corner on another edge, no edge along another. The result is proven by its area, which must be
    the exact one; ValueError where it is not.
    """
    starts, ends = segments(rings)
    d = ends - starts
    rel = starts[None, :, :] - starts[:, None, :]
    denominator = d[:, None, 0] * d[None, :, 1] - d[:, None, 1] * d[None, :, 0]
    with np.errstate(all="ignore"):
        t = (rel[..., 0] * d[None, :, 1] - rel[..., 1] * d[None, :, 0]) / denominator
        u = (rel[..., 0] * d[:, None, 1] - rel[..., 1] * d[:, None, 0]) / denominator
        tiny = 1e-12  # neighbours meet at 0 and 1
        proper = (t > tiny) & (t < 1 - tiny) & (u > tiny) & (u < 1 - tiny)
    kept: list[tuple[Floats, Floats]] = []
    size = float(np.ptp(starts, axis=0).max())
    signed = _signed(rings, roles)
    for k in range(len(starts)):
        cuts = np.sort(t[k][proper[k]])
        corners = starts[k] + cuts[:, None] * d[k]
        points = np.concatenate([starts[k : k + 1], corners, ends[k : k + 1]])
        for p, q in pairwise(points):
            along = (q - p) / max(float(np.hypot(*(q - p))), 1e-300)
            left = np.array([-along[1], along[0]]) * 1e-8 * size
            sides = [_inside((p + q) / 2 + way * left, signed) for way in (1, -1)]
            if sides[0] != sides[1]:
                kept.append((p, q) if sides[0] else (q, p))
    made = np.array(kept).reshape(-1, 2, 2)
    p, q = made[:, 0] - starts.min(axis=0), made[:, 1] - starts.min(axis=0)
    area = float((p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum()) / 2
    if not abs(area - float(exact_areas(rings, [], roles=roles).a)) <= 1e-9 * size**2:
        raise ValueError("outlines are not in general position")
    return Boundary(made[:, 0], made[:, 1], rings)


def _inside(point: Floats, signed: list[tuple[int, list[tuple[float, float]]]]) -> bool:
    """Whether more outlines than holes wind around a point."""
    depth = 0
    for role, ring in signed:
        x, y = np.array(ring).T
        x1, y1 = np.roll(x, -1), np.roll(y, -1)
        up, down = (y <= point[1]) & (point[1] < y1), (y1 <= point[1]) & (point[1] < y)
        right = x + (point[1] - y) / np.where(y1 == y, 1.0, y1 - y) * (x1 - x) > point[0]
        depth += role * int((up & right).sum() - (down & right).sum() != 0)
    return depth > 0


def surface_bounds_of(
    pairs: Sequence[tuple[Rings | Boundary, Rings | Boundary]],
    *,
    percentiles: Sequence[float] = (95.0,),
    tolerances: Sequence[float] | Floats = (),
    roles: str = "polygon",
) -> list[SurfaceBounds]:
    """Enclosures for many pairs at once. `tolerances` are the same for all, or an array (pairs, k)."""
    edges: list[tuple[Floats, Floats]] = []
    shapes: list[list[tuple[int, Floats, Floats]]] = []  # per side: role, points, and where each edge ends in x
    scales, lengths = [], np.zeros(2 * len(pairs))
    for pair in pairs:
        (p, q), (s, e) = (_edges(side) for side in pair)
        corners = np.concatenate([p, s])
        origin = corners.min(axis=0) if len(corners) else np.zeros(2)
        # Half of everything first: the extent of coordinates near the largest double would overflow.
        size = float((corners / 2 - origin / 2).max(initial=0.0))
        scale = math.ldexp(1.0, math.frexp(size)[1] + 1) if size > 0 else 1.0
        scales.append(scale)
        edges.append((_unit(p, q, origin, scale), _unit(s, e, origin, scale)))
        for side in pair:
            signed = _signed(side.rings if isinstance(side, Boundary) else side, roles)
            shapes.append([(role, *_ring_in_units(ring, origin, scale)) for role, ring in signed])
    problems = [(x, y) for a, b in edges for x, y in ((a, b), (b, a))]
    for k, (x, _) in enumerate(problems):
        lengths[k] = np.hypot(x[:, 2], x[:, 3]).sum()
    pieces = _solve(problems)
    order = np.argsort(pieces.pair, kind="stable")
    first = np.searchsorted(pieces.pair[order], np.arange(len(problems) + 1))
    for number in range(len(problems)):
        rows = order[first[number] : first[number + 1]]
        pieces.sign[rows] = _sides(pieces, rows, shapes[number ^ 1])
    n = len(problems)
    worst, largest = np.zeros(n), np.full(n, -np.inf)
    np.maximum.at(worst, pieces.pair, pieces.error)
    np.maximum.at(largest, pieces.pair, pieces.at1)

    def total(weights: Floats) -> Floats:
        return np.bincount(pieces.pair, weights=weights, minlength=n)

    area = pieces.integral()
    sums, slack = total(area), total(pieces.error * pieces.length)
    doubt = total(np.where(pieces.sign == 0, (pieces.at1 + pieces.error) * pieces.length, 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):  # a boundary without length has no mean
        rounding = ROUNDING + total(np.ones(len(area))) * np.finfo(np.float64).eps
        mean, offset = sums / lengths, total(area * pieces.sign) / lengths
        mean_low, mean_high = mean - slack / lengths - rounding, mean + rounding
        offset_slack = (slack + doubt) / lengths + rounding
    both = lengths[0::2] + lengths[1::2]

    group = pieces.pair // 2
    directed = {p: _percentile(pieces, pieces.pair, lengths, worst, p) for p in percentiles}
    pooled = {p: _percentile(pieces, group, both, np.maximum(worst[0::2], worst[1::2]), p) for p in percentiles}
    limits = np.broadcast_to(np.asarray(tolerances, dtype=np.float64), (len(pairs), np.shape(tolerances)[-1]))
    shares = []
    for k in range(limits.shape[1]):
        value = limits[:, k] / scales
        low = _below(pieces, group, len(pairs), value[group] - ROUNDING)
        high = _below(pieces, group, len(pairs), value[group] + pieces.error + ROUNDING)
        with np.errstate(invalid="ignore", divide="ignore"):
            few = LENGTHS + np.bincount(group, minlength=len(pairs)) * np.finfo(np.float64).eps / both
            shares.append((low / both - few, high / both + few))

    out = []
    for k, scale in enumerate(scales):
        ab, ba = 2 * k, 2 * k + 1
        if not (lengths[ab] > 0 and lengths[ba] > 0):
            nothing = dict.fromkeys(percentiles, NAN2)
            no_share = {float(t): NAN2 for t in limits[k]}
            out.append(SurfaceBounds(scale, *[NAN2] * 6, nothing, nothing, nothing, nothing, no_share))
            continue

        def real(low: float, high: float, scale: float = scale) -> Bounds:
            return float(low) * scale, float(high) * scale

        whole, width = (sums[ab] + sums[ba]) / both[k], (slack[ab] + slack[ba]) / both[k]
        middle, doubtful = (offset[ab] - offset[ba]) / 2, (offset_slack[ab] + offset_slack[ba]) / 2
        wide = max(rounding[ab], rounding[ba])
        lowest = max(largest[ab] - worst[ab], largest[ba] - worst[ba], ROUNDING)
        one, two = ({p: real(v[0][i], v[1][i]) for p, v in directed.items()} for i in (ab, ba))
        out.append(
            SurfaceBounds(
                extent=scale,
                hausdorff=real(lowest - ROUNDING, max(largest[ab], largest[ba]) + ROUNDING),
                mean_ab=real(mean_low[ab], mean_high[ab]),
                mean_ba=real(mean_low[ba], mean_high[ba]),
                masd=real((mean_low[ab] + mean_low[ba]) / 2, (mean_high[ab] + mean_high[ba]) / 2),
                assd=real(whole - width - wide, whole + wide),
                signed_offset=real(middle - doubtful, middle + doubtful),
                percentile={p: (max(one[p][0], two[p][0]), max(one[p][1], two[p][1])) for p in percentiles},
                percentile_ab=one,
                percentile_ba=two,
                pooled={p: real(v[0][k], v[1][k]) for p, v in pooled.items()},
                nsd={
                    float(t): (float(low[k]), float(high[k])) for t, (low, high) in zip(limits[k], shares, strict=True)
                },
            )
        )
    return out


def _unit(p: Floats, q: Floats, origin: Floats, scale: float) -> Floats:
    """Edges as (x, y, dx, dy) in units of the pair; the difference is taken before anything is rounded."""
    return np.concatenate([(p - origin) / scale, (q - p) / scale], axis=1)


def _below(pieces: Pieces, group: Ints, n: int, value: Floats) -> Floats:
    """Length per group on which features are within `value` (one per piece)."""
    return np.bincount(group, weights=pieces.below(value), minlength=n)


def _percentile(pieces: Pieces, group: Ints, lengths: Floats, worst: Floats, percent: float) -> tuple[Floats, Floats]:
    """Smallest value within which `percent` of the length lies.

    The share is taken less and more by the rounding of lengths: where the lengths of values leave a gap just there
    (several rings) the bounds reach across it.
    """
    out = []
    counts = np.bincount(group, minlength=len(lengths))
    # Places on an edge are off by a rounding of the extent, which on a small outline is a larger share.
    slack = LENGTHS + counts * np.finfo(np.float64).eps / np.where(lengths > 0, lengths, 1.0)
    for target in (percent / 100 - slack, percent / 100 + slack):
        want = target * lengths
        low, high = np.full(len(lengths), -1e-9), np.full(len(lengths), 1.5)
        for _ in range(60):
            middle = (low + high) / 2
            enough = _below(pieces, group, len(lengths), middle[group]) >= want
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        least, most = np.full(len(lengths), np.inf), np.full(len(lengths), -np.inf)
        np.minimum.at(least, group, pieces.at0)
        np.maximum.at(most, group, pieces.at1)
        out.append(np.where(target <= 0, least, np.where(target >= 1, most, np.minimum(high, most))))
    return np.maximum(out[0] - worst - ROUNDING, 0.0), out[1] + ROUNDING


def _edges(side: Rings | Boundary) -> tuple[Floats, Floats]:
    return (side.starts, side.ends) if isinstance(side, Boundary) else segments(side)


def _ring_in_units(ring: Sequence[tuple[float, float]], origin: Floats, scale: float) -> tuple[Floats, Floats]:
    """Points of a ring in units of the pair, and each next x minus this one."""
    points = np.array(ring, dtype=np.float64).reshape(-1, 2)
    return (points - origin) / scale, (np.roll(points[:, 0], -1) - points[:, 0]) / scale


def _sides(pieces: Pieces, rows: Ints, shape: list[tuple[int, Floats, Floats]]) -> Floats:
    """+1 where the middle of a piece is outside the region, -1 inside, 0 within 1e-12 of its boundary."""
    xy = pieces.middle[rows]
    far = pieces.at0[rows] + pieces.at1[rows] > 4e-12
    inside = np.zeros(len(rows))
    for role, ring, dx in shape:
        x0, y0 = ring.T
        # The end of an edge is the very number that the next one starts with, so that none is counted twice.
        y1 = np.roll(y0, -1)
        turns = np.zeros(len(rows), dtype=np.int64)
        chunk = max(1, 4_000_000 // max(1, len(ring)))
        for k in range(0, len(rows), chunk):
            px, py = xy[k : k + chunk, :1], xy[k : k + chunk, 1:]
            up, down = (y0 <= py) & (py < y1), (y1 <= py) & (py < y0)
            share = (py - y0) / np.where(y1 == y0, 1.0, y1 - y0)
            right = x0 + share * dx > px
            turns[k : k + chunk] = ((up & right).astype(np.int64) - (down & right)).sum(axis=1)
        inside += np.where(turns != 0, role, 0)
    return np.where(far, np.where(inside > 0, -1.0, 1.0), 0.0)


@dataclass
class _Candidates:
    """Features that may be nearest on a piece, sorted by piece."""

    piece: Ints
    line: Bools
    c: Floats  # corner: foot on the edge's line; line: a of a + b t
    r: Floats  # corner: distance from the edge's line; line: b
    u: Floats  # line: foot on the segment at t = 0
    w: Floats  # line: its change with t
    end: Floats  # line: length of the segment

    def take(self, keep: Bools | Ints) -> _Candidates:
        return _Candidates(*(getattr(self, name)[keep] for name in self.__dataclass_fields__))

    def at(self, t: Floats) -> Floats:
        return np.where(self.line, np.abs(self.c + self.r * t), np.hypot(t - self.c, self.r))

    def slope(self, t: Floats, value: Floats) -> Floats:
        """A subgradient of the distance at t."""
        safe = np.where(value > 0, value, 1.0)
        turned = np.where(value > 0, np.clip((t - self.c) / safe, -1.0, 1.0), 0.0)
        return np.where(self.line, np.where(self.c + self.r * t < 0, -self.r, self.r), turned)

    def lowest(self, t0: Floats, t1: Floats, at0: Floats, at1: Floats) -> Floats:
        """Smallest distance on [t0, t1]."""
        least = np.minimum(at0, at1)
        crosses = self.line & ((self.c + self.r * t0 < 0) != (self.c + self.r * t1 < 0))
        faces = ~self.line & (t0 < self.c) & (self.c < t1)
        return np.where(crosses, 0.0, np.where(faces, np.abs(self.r), least))

    def leading(self) -> Floats:
        """Coefficient of t^2 in the squared distance."""
        return np.where(self.line, self.r**2, 1.0)


def _solve(problems: Sequence[tuple[Floats, Floats]]) -> Pieces:
    """Cut the first boundary of each problem into pieces with one nearest feature of the second."""
    base, direction, piece_pair, t1s, starts = [], [], [], [], []
    count = 0
    for number, (x, y) in enumerate(problems):
        length = np.hypot(x[:, 2], x[:, 3])
        x, length = x[length > 0], length[length > 0]
        if not len(x) or not len(y):
            continue
        base.append(x[:, :2])
        direction.append(x[:, 2:] / length[:, None])
        piece_pair.append(np.full(len(x), number))
        t1s.append(length)
        starts.append(_start(x, length, direction[-1], y, count))
        count += len(x)
    fields = _Candidates.__dataclass_fields__
    if not count:
        return _finished([], np.empty((0, 2)), np.empty((0, 2)), np.empty(0, np.int64))
    cand = _Candidates(*(np.concatenate([getattr(s, f) for s in starts]) for f in fields))
    origin, along, pair = np.concatenate(base), np.concatenate(direction), np.concatenate(piece_pair)
    edge = np.arange(count)
    t0, t1, error = np.zeros(count), np.concatenate(t1s), np.zeros(count)
    done: list[tuple[Ints, Floats, Floats, Floats, _Candidates]] = []
    for turn in range(400):
        if not len(edge):
            return _finished(done, origin, along, pair)
        cand, best, error = _prune(cand, t0, t1, error)
        left = np.bincount(cand.piece, minlength=len(edge))
        ready = left == 1
        short = ~ready & (t1 - t0 <= GRANT)
        if short.any():
            k = cand.take(best[1][cand.piece])
            extra = np.where(short[cand.piece], _gap(k, cand, t0[cand.piece], t1[cand.piece]), 0.0)
            grow = np.zeros(len(edge))
            np.maximum.at(grow, cand.piece, extra)
            error = error + grow
            ready |= short
        done.append((edge[ready], t0[ready], t1[ready], error[ready], cand.take(best[1][ready])))
        split = _cuts(cand, best, t0, t1, turn)
        go = ~ready
        number = np.cumsum(go) - 1
        cand = cand.take(go[cand.piece])
        cand.piece = number[cand.piece]
        m = int(go.sum())
        edge, error = np.repeat(edge[go], 2), np.repeat(error[go], 2)
        t0, t1 = (
            np.column_stack([t0[go], split[go]]).reshape(-1),
            np.column_stack([split[go], t1[go]]).reshape(-1),
        )
        # Both halves inherit the list.
        sizes = np.bincount(cand.piece, minlength=m)
        begin = np.cumsum(sizes) - sizes
        twice = np.repeat(sizes, 2)
        offset = np.arange(int(twice.sum())) - np.repeat(np.cumsum(twice) - twice, twice)
        rows = np.repeat(np.repeat(begin, 2), twice) + offset
        cand = cand.take(rows)
        cand.piece = np.repeat(np.arange(2 * m), twice)
    raise AssertionError("pieces halve at least every fourth turn, so this is out of reach")


def _start(x: Floats, length: Floats, along: Floats, y: Floats, first: int) -> _Candidates:
    """Features of `y` that could be nearest somewhere on each edge of `x`."""
    begin, end = y[:, :2], y[:, :2] + y[:, 2:]
    p, q = x[:, :2], x[:, :2] + x[:, 2:]
    keep = np.zeros((len(x), len(y)), dtype=bool)
    chunk = max(1, 1_000_000 // len(y))
    for k in range(0, len(x), chunk):
        rows = slice(k, k + chunk)
        upper = np.maximum(distances(p[rows], begin, end), distances(q[rows], begin, end)).min(axis=1)
        middle = distances((p[rows] + q[rows]) / 2, begin, end)
        keep[rows] = middle - length[rows, None] / 2 <= upper[:, None] + 1e-12
    corners, which = np.unique(np.concatenate([begin, end]), axis=0, return_inverse=True)
    which = which.reshape(-1)
    e, j = np.nonzero(keep)
    has = np.zeros((len(x), len(corners)), dtype=bool)
    has[e, which[j]] = True
    has[e, which[len(y) + j]] = True
    ve, v = np.nonzero(has)
    rel = corners[v] - p[ve]
    d = along[ve]
    point = _Candidates(
        ve + first,
        np.zeros(len(v), dtype=bool),
        (rel * d).sum(axis=1),
        np.abs(d[:, 0] * rel[:, 1] - d[:, 1] * rel[:, 0]),
        *np.zeros((3, len(v))),
    )
    size = np.hypot(y[:, 2], y[:, 3])
    e, j = e[size[j] > 1e-15], j[size[j] > 1e-15]  # a shorter one is its corners
    g = y[j, 2:] / size[j, None]
    rel, d = p[e] - begin[j], along[e]
    line = _Candidates(
        e + first,
        np.ones(len(j), dtype=bool),
        g[:, 0] * rel[:, 1] - g[:, 1] * rel[:, 0],
        g[:, 0] * d[:, 1] - g[:, 1] * d[:, 0],
        (g * rel).sum(axis=1),
        (g * d).sum(axis=1),
        size[j],
    )
    both = _Candidates(
        *(np.concatenate([getattr(point, f), getattr(line, f)]) for f in _Candidates.__dataclass_fields__)
    )
    return both.take(np.argsort(both.piece, kind="stable"))


def _gap(k: _Candidates, j: _Candidates, t0: Floats, t1: Floats) -> Floats:
    """Upper bound of f_k - f_j on [t0, t1], at least 0."""
    h = t1 - t0
    k0, k1, j0, j1 = k.at(t0), k.at(t1), j.at(t0), j.at(t1)
    q0, q1 = (k0 - j0) * (k0 + j0), (k1 - j1) * (k1 + j1)
    bend = np.maximum(j.leading() - k.leading(), 0.0) * h * h
    # Largest value of the concave quadratic through q0, q1: at its top if that lies inside.
    rise = q1 - q0
    inner = (q0 + q1) / 2 + bend / 4 + rise**2 / (4 * np.where(bend > 0, bend, 1.0))
    top = np.maximum(q0, q1)
    top = np.maximum(np.where(np.abs(rise) < bend, inner, top), top)
    top = np.maximum(top, 0.0)
    least = k.lowest(t0, t1, k0, k1) + j.lowest(t0, t1, j0, j1)
    bound = np.minimum(np.sqrt(top), top / np.maximum(least, 1e-300))
    # Chord of k against the tangents of j; both are straight, so the ends decide.
    for chord in (
        np.maximum(k0 - j0, k1 - (j0 + j.slope(t0, j0) * h)),
        np.maximum(k1 - j1, k0 - (j1 - j.slope(t1, j1) * h)),
    ):
        bound = np.minimum(bound, np.maximum(chord, 0.0))
    return bound


def _prune(cand: _Candidates, t0: Floats, t1: Floats, error: Floats) -> tuple[_Candidates, list[Ints], Floats]:
    """Let features go; give the best valid ones at the start, the middle and the end of each piece."""
    n = len(t0)
    u0, u1 = cand.u + cand.w * t0[cand.piece], cand.u + cand.w * t1[cand.piece]
    # A line met at its end only is its corner, but for a piece no longer than rounding: there the corner may have gone
    # before, for being as far as the line, so the line stands for it.
    margin = np.where(t1 - t0 <= GRANT, -FUZZ, FUZZ)[cand.piece]
    outside = cand.line & ((np.maximum(u0, u1) <= margin) | (np.minimum(u0, u1) >= cand.end - margin))
    cand = cand.take(~outside)
    for place in (0.5, 0.0, 1.0):
        best = _best(cand, t0, t1, place)
        k = cand.take(best[cand.piece])
        gap = _gap(k, cand, t0[cand.piece], t1[cand.piece])
        goes = (gap <= GRANT) & (np.arange(len(gap)) != best[cand.piece])
        grow = np.zeros(n)
        np.maximum.at(grow, cand.piece[goes], gap[goes])
        error = error + grow
        cand = cand.take(~goes)
    return cand, [_best(cand, t0, t1, place) for place in (0.0, 0.5, 1.0)], error


def _full(cand: _Candidates, t0: Floats, t1: Floats) -> Bools:
    """Whether the foot stays inside the segment on the whole piece."""
    u0, u1 = cand.u + cand.w * t0[cand.piece], cand.u + cand.w * t1[cand.piece]
    return ~cand.line | ((np.minimum(u0, u1) >= -FUZZ) & (np.maximum(u0, u1) <= cand.end + FUZZ))


def _best(cand: _Candidates, t0: Floats, t1: Floats, place: float) -> Ints:
    """Row of the valid feature that is nearest at a place of each piece; pieces without a candidate do not occur."""
    t = (t0 + (t1 - t0) * place)[cand.piece]
    value = np.where(_full(cand, t0, t1), cand.at(t), np.inf)
    # The last of equal values wins in a stable order by descending value.
    order = np.lexsort((-value, cand.piece))
    last = np.append(np.flatnonzero(np.diff(cand.piece[order])), len(order) - 1)
    best: Ints = order[last]
    return best


def _cuts(cand: _Candidates, best: list[Ints], t0: Floats, t1: Floats, turn: int) -> Floats:
    """Where to cut each piece: at the end of a segment, at a tie, or in the middle. Any place is right."""
    h = t1 - t0
    cut = t0 + h / 2
    if turn % 4 == 3:
        return cut
    k, j = cand.take(best[0]), cand.take(best[2])
    k0, k1, j0, j1 = k.at(t0), k.at(t1), j.at(t0), j.at(t1)
    q0, q1 = np.minimum((k0 - j0) * (k0 + j0), 0.0), np.maximum((k1 - j1) * (k1 + j1), 0.0)
    bend = (k.leading() - j.leading()) * h * h
    slope = q1 - q0 - bend
    denominator = slope + np.sqrt(np.maximum(slope**2 - 4 * bend * q0, 0.0))
    with np.errstate(all="ignore"):
        tie = t0 + h * (-2 * q0 / denominator)
        fits = (best[0] != best[2]) & (tie > t0) & (tie < t1)
        cut = np.where(fits, tie, cut)
        # Ends of segments: of the nearest of those that are valid on a part of the piece.
        partial = ~_full(cand, t0, t1)
        a, b = -cand.u / cand.w, (cand.end - cand.u) / cand.w
        s, e = t0[cand.piece], t1[cand.piece]
        place = np.where((a > s) & (a < e), a, b)
    partial &= (place > s) & (place < e)
    rows = np.flatnonzero(partial)
    rows = rows[np.argsort(-cand.at(t0[cand.piece] + h[cand.piece] / 2)[rows], kind="stable")]
    cut[cand.piece[rows]] = place[rows]
    return cut


def _finished(
    done: list[tuple[Ints, Floats, Floats, Floats, _Candidates]], origin: Floats, along: Floats, pair: Ints
) -> Pieces:
    """Cut pieces where their feature is nearest, so that the value is monotone on each."""
    if not done:
        none = np.empty(0)
        return Pieces(
            np.empty(0, np.int64), none, none, none, np.empty(0, bool), none, none, none, none, np.empty((0, 2)), none
        )
    edge, t0, t1, error = (np.concatenate([d[k] for d in done]) for k in range(4))
    f = _Candidates(*(np.concatenate([getattr(d[4], name) for d in done]) for name in _Candidates.__dataclass_fields__))
    with np.errstate(all="ignore"):
        low = np.where(f.line, -f.c / f.r, f.c)
    inside = (low > t0) & (low < t1)
    rows = np.concatenate([np.arange(len(edge)), np.flatnonzero(inside)])
    start, stop = t0.copy(), t1.copy()
    stop[inside] = low[inside]
    start, stop = np.concatenate([start, low[inside]]), np.concatenate([stop, t1[inside]])
    f, edge, error = f.take(rows), edge[rows], error[rows]
    v0, v1 = f.at(start), f.at(stop)
    s0, s1 = np.abs(start - f.c), np.abs(stop - f.c)
    return Pieces(
        pair=pair[edge],
        length=stop - start,
        at0=np.minimum(v0, v1),
        at1=np.maximum(v0, v1),
        corner=~f.line,
        r=np.where(f.line, 0.0, f.r),
        s0=np.where(f.line, 0.0, np.minimum(s0, s1)),
        s1=np.where(f.line, 0.0, np.maximum(s0, s1)),
        error=error,
        middle=origin[edge] + along[edge] * ((start + stop) / 2)[:, None],
        sign=np.zeros(len(edge)),
    )
