"""Outlines that are hard on purpose, of any number of vertices: what grows with them, and how fast?

Every kind is a pair whose true crossings are at most proportional to its vertices, so that n log n is possible.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from data import SEED, Case, Floats

REACH = 500.0  # half the side of the square that holds them
TURN = 100  # vertices per turn of a spiral
TEETH = 400.0  # length
RAGGED = 6.0  # pixels by which the border of a mask is uncertain


def _circle(vertices: int, radius: float) -> Floats:
    angle = np.arange(vertices) * (2.0 * np.pi / vertices)
    return REACH + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def circles(vertices: int) -> tuple[Floats, Floats]:
    """Two circles around one centre: every point of one is equally far from the other."""
    return _circle(vertices, 0.8 * REACH), _circle(vertices, 0.6 * REACH)


def spiral(vertices: int) -> tuple[Floats, Floats]:
    """A band of many turns, and the same a quarter of a turn further."""
    step = np.arange(vertices // 2)
    pitch = REACH / (vertices / (2.0 * TURN) + 1.0)
    angle, radius = step * (2.0 * np.pi / TURN), pitch * (1.0 + step / TURN)

    def band(turned: float) -> Floats:
        arm = np.stack([np.cos(angle + turned), np.sin(angle + turned)], axis=1)
        outer, inner = arm * radius[:, None], arm * (radius - 0.5 * pitch)[:, None]
        return REACH + np.concatenate([outer, inner[::-1]])

    return band(0.0), band(0.5 * np.pi)


def _comb(vertices: int, turned: float) -> tuple[Floats, Floats]:
    teeth = (vertices - 2) // 4
    width = REACH / teeth
    left = np.arange(teeth) * width
    xs = np.stack([left, left, left + 0.5 * width, left + 0.5 * width], axis=1).ravel()
    ys = np.tile([0.0, TEETH, TEETH, 0.0], teeth)
    back = np.array([[xs[-1], -20.0], [0.0, -20.0]])
    first = np.concatenate([np.stack([xs, ys], axis=1), back])
    second = first + np.array([0.25 * width, 0.125 * width])
    turn = np.array([[np.cos(turned), np.sin(turned)], [-np.sin(turned), np.cos(turned)]])
    if turned in (0.0, 0.5 * np.pi):
        turn = np.rint(turn)  # exactly along the axes
    return first @ turn + REACH, second @ turn + REACH


def vertical_comb(vertices: int) -> tuple[Floats, Floats]:
    """Long upright teeth: most edges are vertical. The second is moved by a quarter of a tooth and gap."""
    return _comb(vertices, 0.0)


def horizontal_comb(vertices: int) -> tuple[Floats, Floats]:
    """The same lying down: most edges share the whole range of x."""
    return _comb(vertices, 0.5 * np.pi)


def diagonal_comb(vertices: int) -> tuple[Floats, Floats]:
    """The same at an angle, so that most boxes of edges overlap in x and in y."""
    return _comb(vertices, 0.6)


def _noisy_mask(size: int, seed: int) -> NDArray[np.bool_]:
    """A blob with a ragged border and without pixels that touch only at a corner."""
    rng = np.random.default_rng([SEED, seed, size])
    y, x = np.mgrid[:size, :size] - 0.5 * (size - 1)
    lobes = max(3, size // 40)
    reach = 0.34 * size * (1.0 + 0.3 * np.cos(lobes * np.arctan2(y, x)))
    mask = np.hypot(x, y) + rng.normal(0.0, RAGGED, (size, size)) < reach
    while True:
        mask = ndimage.binary_fill_holes(mask)
        nw, ne, sw, se = mask[:-1, :-1], mask[:-1, 1:], mask[1:, :-1], mask[1:, 1:]
        falling, rising = nw & se & ~ne & ~sw, ne & sw & ~nw & ~se
        if not (falling.any() or rising.any()):
            break
        ne |= falling
        nw |= rising
    labels, _ = ndimage.label(mask)
    return np.asarray(ndimage.binary_fill_holes(labels == np.bincount(labels.flat)[1:].argmax() + 1))


def _staircase(mask: NDArray[np.bool_]) -> Floats:
    """Corners of the border of a mask without holes, in order."""
    padded = np.pad(mask, 1)
    steps: dict[tuple[int, int], tuple[int, int]] = {}
    # The mask lies to the right of every step. No corner is left twice, as pixels do not touch at a corner only.
    for (dy, dx), move in {(-1, 0): (1, 0), (0, 1): (0, 1), (1, 0): (-1, 0), (0, -1): (0, -1)}.items():
        ys, xs = np.nonzero(padded & ~np.roll(padded, (-dy, -dx), axis=(0, 1)))
        for y, x in zip(ys.tolist(), xs.tolist(), strict=True):
            start = (x + (dx > 0 or dy > 0), y + (dy > 0 or dx < 0))
            steps[start] = (start[0] + move[0], start[1] + move[1])
    at = first = next(iter(steps))
    path = []
    while True:
        path.append(at)
        at = steps[at]
        if at == first:
            break
    assert len(path) == len(steps)
    corners = np.array(path, dtype=np.float64)
    before, after = corners - np.roll(corners, 1, axis=0), np.roll(corners, -1, axis=0) - corners
    return corners[(before != after).any(axis=1)]


def staircase(vertices: int) -> tuple[Floats, Floats]:
    """Outlines of two noisy masks of one thing, pixel by pixel: many edges lie on each other."""
    size = 40 + round(6.0 * vertices**0.5)
    for _ in range(3):
        count = len(_staircase(_noisy_mask(size, 1)))
        if abs(count - vertices) < 0.03 * vertices:
            break
        size = max(16, round(size * (vertices / count) ** 0.6))
    return _staircase(_noisy_mask(size, 1)), _staircase(_noisy_mask(size, 2))


WORST: dict[str, Callable[[int], tuple[Floats, Floats]]] = {
    "spiral": spiral,
    "comb, horizontal teeth": horizontal_comb,
    "comb, vertical teeth": vertical_comb,
    "comb, diagonal teeth": diagonal_comb,
    "pixel staircase": staircase,
    "concentric circles": circles,
}


@cache
def worst(kind: str, vertices: int) -> Case:
    """One pair of a kind with about so many vertices each."""
    first, second = WORST[kind](vertices)
    return Case(first[None], second[None])
