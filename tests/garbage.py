"""Every kind of bad drawing, seeded: what an annotator, a converter or a bug may put into a row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lesiongeo import Polygons

Array = npt.NDArray[np.float64]


def garbage(n: int, seed: int) -> Polygons:
    """Make n rows of rings in any direction: crossing, doubled, collinear, tiny, huge, needles a few ulp wide."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 10, n)
    counts = rng.integers(0, 12, n)
    sizes = rng.choice([0, 2, 3, 8, 40], n)
    exponents = rng.integers(-130, 130, n)
    shifts = rng.choice([0.0, 0.0, 1.0, 1e7, 1e15], n)
    columns = (kinds.tolist(), counts.tolist(), sizes.tolist(), exponents.tolist(), shifts.tolist())
    return batch([_row(rng, *row) for row in zip(*columns, strict=True)])


def batch(rows: list[list[Array]]) -> Polygons:
    """Wrap rows of rings; the direction of a ring is its role."""
    rings = [ring for row in rows for ring in row]
    return Polygons.from_ragged(
        np.concatenate([np.empty((0, 2)), *rings]),
        np.cumsum([0, *map(len, rings)]),
        np.cumsum([0, *map(len, rows)]),
        roles="oriented",
    )


def _row(rng: np.random.Generator, kind: int, count: int, size: int, exponent: int, shift: float) -> list[Array]:
    def scribble(points: int) -> Array:
        """Any points: of a small lattice, so that much coincides, or of the plane."""
        return rng.integers(0, size + 1, (points, 2)).astype(float) if size else rng.random((points, 2)) * 10

    def nudged(points: Array) -> Array:
        return np.nextafter(points, rng.choice([-np.inf, np.inf], points.shape))

    match kind:
        case 0:
            return [scribble(count)]
        case 1:  # several, crossing each other
            return [scribble(int(points)) for points in rng.integers(0, 9, rng.integers(0, 5))]
        case 2:  # repeated points, and part of the way back again
            there = np.repeat(scribble(count), rng.integers(1, 4, count), axis=0)
            return [np.concatenate([there, there[::-1][: count // 2]])]
        case 3:  # two rings one unit in the last place apart
            ring = rng.random((max(count, 3), 2)) * 100
            return [ring, nudged(ring)[:: rng.choice([-1, 1])]]
        case 4:  # squares in squares, holes and outlines in any order
            squares = []
            for x, y, side in rng.integers(0, 6, (rng.integers(1, 5), 3)):
                square = [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]
                squares.append(np.array(square, dtype=float)[:: rng.choice([-1, 1])])
            return squares
        case 5:  # any size
            return [(scribble(count) if size else rng.random((count, 2)) - 0.5) * 10.0**exponent]
        case 6:  # far away
            return [scribble(count) + shift, scribble(4) + shift]
        case 7:  # on a line, up to rounding or one unit more
            line = np.outer(rng.random(count), rng.random(2)) + rng.random(2) * (0 if size < 3 else 7)
            return [nudged(line) if size == 8 else line]
        case 8:  # needles a few units in the last place wide
            needle = scribble(count)
            needle[:, 0] = shift + 1 + np.spacing(shift + 1) * rng.integers(0, 9, count)
            needle[:, 1] *= rng.choice([1, 1e3, 1e-9])
            return [needle]
        case _:  # all magnitudes in one ring
            return [(rng.random((count, 2)) - 0.5) * 10.0 ** rng.integers(-12, 8, (count, 2))]
