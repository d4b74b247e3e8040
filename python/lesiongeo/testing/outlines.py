"""Pairs of star-shaped outlines as ragged arrays, for benchmarks and tests of geometry."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: What `make_outlines` can make.
OUTLINE_KINDS = ("overlap", "identical", "shared_edge", "disjoint", "near", "invalid")

_IMAGE = 1024.0
_ORDERS = np.arange(1, 7)


class Ragged(NamedTuple):
    """Polygons as three flat arrays, the layout of ``shapely.to_ragged_array`` and GeoArrow polygons.

    Attributes
    ----------
    xy : (n, 2) float64 array
        All vertices, in pixels; rings are open (the first vertex is not repeated).
    ring_offsets : (r + 1,) int32 array
        Ring ``i`` is ``xy[ring_offsets[i]:ring_offsets[i + 1]]``.
    polygon_offsets : (p + 1,) int32 array
        Polygon ``i`` has the rings ``polygon_offsets[i]`` to ``polygon_offsets[i + 1]``.
    """

    xy: Floats
    ring_offsets: NDArray[np.int32]
    polygon_offsets: NDArray[np.int32]


def make_outlines(n: int, *, vertices: int = 50, kind: str = "overlap", seed: int = 0) -> tuple[Ragged, Ragged]:
    """Make `n` pairs of smooth star-shaped outlines inside an image of 1024 x 1024 pixels.

    Parameters
    ----------
    n : int
        Number of pairs.
    vertices : int, default 50
        Vertices of every outline, at least 8.
    kind : str, default "overlap"
        What the two outlines of a pair have in common:

        - ``"overlap"``: two readings of one lesion; median IoU about 0.85, borders cross several times;
        - ``"identical"``: the same coordinates;
        - ``"shared_edge"``: half of the vertices, one after another, are exactly equal, the others are not;
        - ``"disjoint"``: the boxes are far apart;
        - ``"near"``: the boxes overlap, the outlines do not;
        - ``"invalid"``: as ``"overlap"``, but two neighbouring vertices of the first outline are swapped, so
          that it crosses itself once.
    seed : int, default 0
        The same arguments give the same arrays.

    Returns
    -------
    first, second : Ragged
        `n` polygons of one ring each; row ``i`` of both is a pair.

    Raises
    ------
    ValueError
        If `kind` is unknown, `vertices` is below 8, or the vertices do not fit into int32 offsets.

    Examples
    --------
    >>> from lesiongeo.testing import make_outlines
    >>> first, second = make_outlines(3, vertices=12, kind="identical")
    >>> first.xy.shape, first.ring_offsets.tolist(), first.polygon_offsets.tolist()
    ((36, 2), [0, 12, 24, 36], [0, 1, 2, 3])
    >>> bool((first.xy == second.xy).all())
    True
    """
    if kind not in OUTLINE_KINDS:
        raise ValueError(f"kind must be one of {', '.join(OUTLINE_KINDS)}, got {kind!r}")
    if vertices < 8:
        raise ValueError(f"vertices must be at least 8, got {vertices}")
    if n < 0 or n * vertices > np.iinfo(np.int32).max:
        raise ValueError(f"{n} outlines of {vertices} vertices do not fit into int32 offsets")
    rng = np.random.default_rng([seed, OUTLINE_KINDS.index(kind), vertices])
    radius = np.exp(rng.uniform(np.log(24.0), np.log(110.0), n))
    centre = rng.uniform(200.0, _IMAGE - 200.0, (n, 2))
    shape = _coefficients(rng, n, spread=0.07, limit=0.3)
    shape[:, 0] = 0.0  # the first order would only move the centre
    turn = rng.uniform(0.0, 2.0 * np.pi / vertices, n)

    if kind in ("overlap", "invalid"):
        first = _stars(centre, radius, shape, np.zeros(n), vertices)
        other = shape + _coefficients(rng, n, spread=0.07, limit=0.35)
        second = _stars(centre, radius, other, turn, vertices)
        if kind == "invalid":
            cross_once(first)
    elif kind == "disjoint":
        centre[:, 0] = 110.0 + 0.25 * centre[:, 0]
        first = _stars(centre, radius, shape, np.zeros(n), vertices)
        second = _stars(centre + np.array([530.0, 0.0]), radius, shape, turn, vertices)
    elif kind == "near":
        first, second = _near(rng, centre, radius, shape, turn, vertices)
    else:
        first = _stars(centre, radius, shape, np.zeros(n), vertices)
        second = first.copy()
        if kind == "shared_edge":
            factor = 1.0 + rng.uniform(0.04, 0.3, n) * np.where(rng.random(n) < 0.5, -1.0, 1.0)
            moved = slice(vertices // 2, None)
            middle = centre[:, None]
            second[:, moved] = middle + (second[:, moved] - middle) * factor[:, None, None]
    return _ragged(first), _ragged(second)


def _coefficients(rng: np.random.Generator, n: int, *, spread: float, limit: float) -> Floats:
    """Draw cosine and sine coefficients (n, orders, 2) whose amplitudes add up to `limit` at most."""
    drawn = rng.standard_normal((n, len(_ORDERS), 2)) * (spread / np.sqrt(_ORDERS))[:, None]
    total = np.hypot(drawn[..., 0], drawn[..., 1]).sum(axis=1)
    scale = limit / np.maximum(total, limit)
    return np.asarray(drawn * scale[:, None, None], dtype=np.float64)


def _stars(centre: Floats, radius: Floats, shape: Floats, turn: Floats, vertices: int) -> Floats:
    """Vertices (n, vertices, 2) of ``radius * (1 + harmonics)`` at equal angles, the first at `turn`."""
    angles = np.arange(vertices) * (2.0 * np.pi / vertices)
    # cos(k (angle + turn)) is expanded: trigonometry per vertex number and per row, never per vertex.
    phase = np.outer(turn, _ORDERS)
    cosine, sine = np.cos(phase), np.sin(phase)
    turned = np.concatenate(
        [shape[..., 0] * cosine + shape[..., 1] * sine, shape[..., 1] * cosine - shape[..., 0] * sine], axis=1
    )
    basis = np.concatenate([np.cos(np.outer(_ORDERS, angles)), np.sin(np.outer(_ORDERS, angles))])
    along = np.stack([np.cos(turn), -np.sin(turn)], axis=1), np.stack([np.sin(turn), np.cos(turn)], axis=1)
    unit = np.stack([np.cos(angles), np.sin(angles)])
    xy = np.empty((len(radius), vertices, 2))
    for rows in _blocks(xy):
        radii = (1.0 + turned[rows] @ basis) * radius[rows, None]
        for axis in (0, 1):
            xy[rows, :, axis] = (along[axis][rows] @ unit) * radii + centre[rows, axis, None]
    return xy


def _blocks(outlines: Floats) -> list[slice]:
    """Cut the rows of (n, vertices, 2) into blocks that stay in the cache of a processor."""
    step = max(1, 16384 // outlines.shape[1])
    return [slice(start, start + step) for start in range(0, len(outlines), step)]


def _near(
    rng: np.random.Generator, centre: Floats, radius: Floats, shape: Floats, turn: Floats, vertices: int
) -> tuple[Floats, Floats]:
    """Diagonal neighbours: further apart than their radii together, but not along x or y alone."""
    n = len(radius)
    shape = shape / 6.0  # amplitudes of 5 % at most keep both promises for any draw
    reach = 1.0 + np.hypot(shape[..., 0], shape[..., 1]).sum(axis=1)
    radius = np.minimum(radius, 90.0)
    other = np.minimum(radius * rng.uniform(0.8, 1.25, n), 90.0)
    distance = 1.02 * reach * (radius + other)
    direction = np.pi / 4.0 + np.floor(rng.uniform(0.0, 4.0, n)) * (np.pi / 2.0) + rng.uniform(-0.05, 0.05, n)
    offset = np.stack([np.cos(direction), np.sin(direction)], axis=1) * distance[:, None]
    middle = 0.5 * (centre + _IMAGE / 2.0)
    first = _stars(middle, radius, shape, np.zeros(n), vertices)
    return first, _stars(middle + offset, other, shape, turn, vertices)


def cross_once(outlines: Floats) -> None:
    """Make each of the outlines (n, vertices, 2) cross itself once, in place.

    The two middle vertices of the most convex run of four are swapped: its diagonals cross in one point.
    """
    for rows in _blocks(outlines):
        block = outlines[rows]
        run = [np.roll(block, -k, axis=1) for k in range(4)]
        convex = np.full(block.shape[:2], np.inf)
        for k in range(4):
            a, b = run[(k + 1) % 4] - run[k], run[(k + 2) % 4] - run[(k + 1) % 4]
            np.minimum(convex, a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0], out=convex)
        row = np.arange(len(block))
        second = (np.argmax(convex, axis=1) + 1) % block.shape[1]
        third = (second + 1) % block.shape[1]
        block[row, second], block[row, third] = block[row, third], block[row, second]


def _ragged(outlines: Floats) -> Ragged:
    n, vertices, _ = outlines.shape
    rings = np.arange(n + 1, dtype=np.int32)
    return Ragged(outlines.reshape(-1, 2), rings * np.int32(vertices), rings.copy())
