"""Outlines as paths of a card: placed, and thinned to what a screen can show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .svg import num

__all__ = ["MOST_VERTICES", "path_of", "thinned"]

Points = NDArray[np.float64]

#: Vertices of an outline that are drawn as they are; longer outlines are thinned.
MOST_VERTICES = 160


def thinned(ring: Points, tolerance: float) -> Points:
    """Leave out vertices of a closed ring that lie no further than `tolerance` from what is left.

    Douglas and Peucker's method (1973) on the two halves between the first vertex and the one furthest from it. Every
    vertex that is left out lies within the tolerance of the edge that replaces it.

    Examples
    --------
    >>> import numpy as np
    >>> ring = np.array([[0, 0], [5, 0.1], [10, 0], [10, 10], [0, 10.0]])
    >>> thinned(ring, 0.25).tolist()
    [[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]]
    """
    if len(ring) < 4:
        return ring
    far = int(np.argmax(((ring - ring[0]) ** 2).sum(axis=1)))
    closed = np.vstack([ring, ring[:1]])
    keep = np.zeros(len(closed), dtype=bool)
    keep[[0, far, len(ring)]] = True
    stack = [(0, far), (far, len(ring))]
    while stack:
        start, stop = stack.pop()
        if stop - start < 2:
            continue
        distance = _from_edge(closed[start + 1 : stop], closed[start], closed[stop])
        worst = int(np.argmax(distance))
        if distance[worst] > tolerance:
            middle = start + 1 + worst
            keep[middle] = True
            stack += [(start, middle), (middle, stop)]
    return closed[:-1][keep[:-1]]


def _from_edge(points: Points, start: Points, stop: Points) -> Points:
    """Distance of points from an edge, its ends included."""
    along = stop - start
    length = float(along @ along)
    share = np.clip(((points - start) @ along) / length, 0.0, 1.0) if length > 0 else np.zeros(len(points))
    nearest = start + share[:, None] * along
    found: Points = np.hypot(*(points - nearest).T)
    return found


def path_of(rings: list[Points], origin: tuple[float, float], scale: float, tolerance: float) -> tuple[str, int]:
    """Return the path of an outline on a card and how many vertices were left out.

    Parameters
    ----------
    rings : list of ndarray of shape (n, 2)
        Oriented rings in pixels of the page.
    origin : (float, float)
        Left upper corner of the card there.
    scale : float
        Units of the card per pixel.
    tolerance : float
        How far, in units of the card, the line may move where an outline has more than `MOST_VERTICES` vertices.
    """
    parts: list[str] = []
    dropped = 0
    for ring in rings:
        placed = (ring - np.asarray(origin)) * scale
        if len(placed) > MOST_VERTICES:
            fewer = thinned(placed, tolerance)
            dropped += len(placed) - len(fewer)
            placed = fewer
        if len(placed):
            parts.append("M" + "L".join(f"{num(x)} {num(y)}" for x, y in placed.tolist()) + "Z")
    return "".join(parts), dropped
