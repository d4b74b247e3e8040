"""Regions with holes or several parts as single rings, for formats that know neither: holes are joined by a slit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .polygons import Polygons

__all__ = ["keyhole_rings"]

Points = NDArray[np.float64]
Rows = NDArray[np.int64]

#: Vertices that are tried at once as the other end of a slit, and how often before the nearest one is taken.
BATCH, BATCHES = 16, 16


def keyhole_rings(polygons: Polygons) -> tuple[Polygons, Rows]:
    """Return every part of every region as one ring without holes, of the same area.

    Parameters
    ----------
    polygons : Polygons
        Any regions, in pixels.

    Returns
    -------
    rings : Polygons
        One region of one ring per part, in the order of the regions and their parts. Every vertex is one of the
        region's own, to the bit.
    rows : ndarray of int64, shape (n_rings,)
        The region that each ring belongs to. A region without any vertex has no ring.

    Notes
    -----
    A hole is joined to the outline of its part by a slit of no width that is walked there and back (a keyhole). Around
    every place the ring then winds as often as outline and hole together: 1 in the region, 0 in the hole, wherever the
    slit runs. So its non-zero interior, its even-odd interior and its signed area are those of the region; a slit that
    crosses no edge is chosen so that it also looks right. Regions of one ring stay as they were drawn, also where they
    cross themselves; of several rings that overlap, their interior is taken.

    O(vertices), and for regions with holes O(holes * vertices) at the usual few trials per slit.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> from lesiongeo.keyholes import keyhole_rings
    >>> outline, hole = [[0, 0], [4, 0], [4, 4], [0, 4]], [[1, 1], [2, 1], [2, 2], [1, 2]]
    >>> rings, rows = keyhole_rings(lg.Polygons.from_rings([[outline, hole]]))
    >>> rings.to_rings()[0][0].astype(int).tolist()
    [[0, 0], [1, 1], [1, 2], [2, 2], [2, 1], [1, 1], [0, 0], [4, 0], [4, 4], [0, 4]]
    >>> lg.area(rings).tolist(), rows.tolist()
    ([15.0], [0])
    """
    counts = np.diff(polygons.polygon_offsets)
    several = np.flatnonzero(counts > 1)
    if len(several) and not polygons.take(several).is_valid.all():
        polygons = Polygons._trusted(polygons._interior())
        counts = np.diff(polygons.polygon_offsets)
        several = np.flatnonzero(counts > 1)
    xy, ends = polygons.xy, polygons.ring_offsets
    rows = np.repeat(np.arange(len(polygons)), counts)
    if not len(several):
        used = np.flatnonzero(np.diff(ends) > 0)
        kept = Polygons._trusted((xy, ends, np.arange(len(ends), dtype=np.int32)))
        return (kept, rows) if len(used) == len(rows) else (kept.take(used), rows[used])
    made: list[Points] = []
    owner: list[int] = []
    whole = np.split(xy, ends[1:-1])
    for row, (start, count) in enumerate(zip(polygons.polygon_offsets[:-1].tolist(), counts.tolist(), strict=True)):
        rings = [ring for ring in whole[start : start + count] if len(ring)]
        for outline, *holes in _parts(rings):
            made.append(_joined(outline, holes))
            owner.append(row)
    offsets = np.concatenate(([0], np.cumsum([len(ring) for ring in made]))).astype(np.int32)
    joined = np.ascontiguousarray(np.concatenate([np.empty((0, 2)), *made]))
    return Polygons._trusted((joined, offsets, np.arange(len(made) + 1, dtype=np.int32))), np.array(owner, np.int64)


def _parts(rings: list[Points]) -> list[list[Points]]:
    """Gather each outline with its holes, which follow it."""
    parts: list[list[Points]] = []
    early: list[Points] = []
    for ring in rings:
        if len(rings) == 1 or _signed_area(ring) >= 0:
            parts.append([ring])
        elif parts:
            parts[-1].append(ring)
        else:
            early.append(ring)
    if early:
        # A hole before the first outline can only be its own; without any outline each stands alone.
        parts = [[*parts[0], *early], *parts[1:]] if parts else [[ring] for ring in early]
    return parts


def _signed_area(ring: Points) -> float:
    x, y = (ring - ring[0]).T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def _joined(outline: Points, holes: list[Points]) -> Points:
    """Join holes to an outline, from the left to the right, so that no slit can meet a hole that is still to come."""
    starts = [int(np.lexsort((hole[:, 1], hole[:, 0]))[0]) for hole in holes]
    order = sorted(range(len(holes)), key=lambda index: tuple(holes[index][starts[index]].tolist()))
    ring = outline
    for index in order:
        hole = np.roll(holes[index], -starts[index], axis=0)
        at = _other_end(ring, hole[0])
        if np.array_equal(ring[at], hole[0]):
            ring = np.concatenate((ring[:at], hole, ring[at:]))
        else:
            ring = np.concatenate((ring[: at + 1], hole, hole[:1], ring[at:]))
    return ring


def _other_end(ring: Points, start: Points) -> int:
    """Find the nearest vertex to the left that a straight slit from `start` reaches without crossing an edge.

    One always exists to the left of the leftmost vertex of a hole: an end of the edge that a ray to the left meets
    first, or a vertex between the two (D. Eberly, Triangulation by Ear Clipping, section 5).
    """
    left = np.flatnonzero(ring[:, 0] <= start[0])
    if not len(left):
        return int(np.argmin(np.square(ring - start).sum(axis=1)))
    near = left[np.argsort(np.square(ring[left] - start).sum(axis=1), kind="stable")]
    p, q = ring - start, np.roll(ring, -1, axis=0) - start
    # Twice the signed area of (start, p, q): on which side of each edge the start lies.
    side = p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]
    for first in range(0, min(len(near), BATCH * BATCHES), BATCH):
        some = near[first : first + BATCH]
        end = p[some]
        of_p = end[:, :1] * p[:, 1] - end[:, 1:] * p[:, 0]
        of_q = end[:, :1] * q[:, 1] - end[:, 1:] * q[:, 0]
        edge = q - p
        of_end = edge[:, 0] * (end[:, 1:] - p[:, 1]) - edge[:, 1] * (end[:, :1] - p[:, 0])
        crossed = (of_p * of_q < 0) & (side * of_end < 0)
        free = np.flatnonzero(~crossed.any(axis=1))
        if len(free):
            return int(some[free[0]])
    return int(near[0])
