"""Valid means: winding number 0 or 1 almost everywhere. Otherwise a reason, and never an exception."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

import lesiongeo
from lesiongeo import Polygons

Array = npt.NDArray[np.float64]


def ring(*points: tuple[float, float]) -> Array:
    return np.array(points, dtype=np.float64).reshape(-1, 2)


def box(x0: float, y0: float, x1: float, y1: float) -> Array:
    return ring((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def hole(x0: float, y0: float, x1: float, y1: float) -> Array:
    return box(x0, y0, x1, y1)[::-1]


def circle(n: int, r: float) -> Array:
    t = 2 * np.pi * np.arange(n) / n
    return np.column_stack([r * np.cos(t), r * np.sin(t)])


def batch(rows: list[list[Array]]) -> Polygons:
    rings = [r for row in rows for r in row]
    return Polygons.from_ragged(
        np.concatenate([np.empty((0, 2)), *rings]),
        np.cumsum([0, *map(len, rings)]),
        np.cumsum([0, *map(len, rows)]),
        roles="oriented",
    )


FIVE = circle(5, 10)[[0, 2, 4, 1, 3]]
BIG = box(0, 0, 512, 512)

# name: rings (a positive one adds, a negative one subtracts), the reason or None
CASES: dict[str, tuple[list[Array], str | None]] = {
    "square": ([box(0, 0, 1, 1)], None),
    "triangle": ([ring((0, 0), (1, 0), (0, 1))], None),
    "circle": ([circle(500, 1e-3) + 700], None),
    "repeated points": ([box(0, 0, 1, 1)[[0, 0, 1, 2, 2, 3, 0]]], None),
    "point inside an edge": ([ring((0, 0), (1, 0), (3, 0), (3, 3))], None),
    "hole": ([box(0, 0, 4, 4), hole(1, 1, 2, 2)], None),
    "two holes": ([box(0, 0, 8, 4), hole(1, 1, 2, 2), hole(4, 1, 6, 3)], None),
    "hole touching the outline in a point": ([box(0, 0, 4, 4), ring((0, 2), (2, 3), (2, 1))], None),
    "hole sharing an edge with the outline": ([box(0, 0, 4, 4), hole(0, 1, 1, 2)], None),
    "hole as large as the outline but for a corner": (
        [box(0, 0, 4, 4), ring((0, 0), (0, 4), (4, 4), (4, 1))],
        None,
    ),
    "two parts": ([box(0, 0, 1, 1), box(5, 0, 6, 1)], None),
    "parts touching in a point": ([box(0, 0, 1, 1), box(1, 1, 2, 2)], None),
    "parts sharing an edge": ([box(0, 0, 1, 1), box(1, 0, 2, 1)], None),
    "island in a hole": ([box(0, 0, 9, 9), hole(1, 1, 8, 8), box(3, 3, 5, 5)], None),
    "touching itself in a point": ([ring((0, 0), (4, 0), (4, 4), (2, 0), (0, 4))], None),
    "corner touching a corner": ([ring((0, 0), (2, 2), (4, 0), (4, 4), (2, 2), (0, 4))], None),
    "spike": ([ring((0, 0), (2, 0), (2, 2), (1, 2), (1, 5), (1, 2), (0, 2))], None),
    "spike to the inside": ([ring((0, 0), (2, 0), (2, 2), (1, 2), (1, 1), (1, 2), (0, 2))], None),
    "bridge to a hole": (
        [ring((0, 0), (6, 0), (6, 6), (0, 6), (0, 3), (2, 3), (2, 4), (4, 4), (4, 2), (2, 2), (2, 3), (0, 3))],
        None,
    ),
    "thin needle": ([ring((0, 0), (512, 511), (512, 512))], None),
    "bow tie": ([ring((0, 0), (2, 2), (2, 0), (0, 2))], "self_overlap"),
    "unequal bow tie": ([ring((0, 1), (3, -2), (3, 2), (0, -1))], "self_overlap"),
    "wound twice": ([np.concatenate([box(0, 0, 3, 3)] * 2)], "self_overlap"),
    "wound twice, the other part inside": (
        [np.concatenate([box(0, 0, 4, 4), box(0, 0, 2, 2)])],
        "self_overlap",
    ),
    "pentagram": ([FIVE], "self_overlap"),
    "small loop at a corner": ([ring((0, 0), (10, 0), (10, 11), (11, 10), (0, 10))], "self_overlap"),
    # An outline of 512 px that crosses itself over half a pixel: 2e-6 of its box.
    "half a pixel": ([ring((0, 0), (512, 0), (512, 513), (513, 512), (0, 512))], "self_overlap"),
    "hole outside": ([box(0, 0, 1, 1), hole(2, 2, 3, 3)], "self_overlap"),
    "hole reaching out": ([box(0, 0, 4, 4), hole(3, 1, 5, 2)], "self_overlap"),
    "overlapping holes": ([box(0, 0, 9, 9), hole(1, 1, 4, 4), hole(3, 3, 6, 6)], "self_overlap"),
    "same hole twice": ([box(0, 0, 9, 9), hole(1, 1, 4, 4), hole(1, 1, 4, 4)], "self_overlap"),
    "hole in a hole": ([box(0, 0, 9, 9), hole(1, 1, 8, 8), hole(3, 3, 5, 5)], "self_overlap"),
    "overlapping parts": ([box(0, 0, 2, 2), box(1, 1, 3, 3)], "self_overlap"),
    "part in a part": ([BIG, box(1, 1, 2, 2)], "self_overlap"),
    "same part twice": ([box(0, 0, 2, 2), box(0, 0, 2, 2)], "self_overlap"),
    "no rings": ([], "empty"),
    "one point": ([ring((1, 1))], "too_few_points"),
    "two points": ([ring((1, 1), (2, 2))], "too_few_points"),
    "one point many times": ([ring(*[(1, 1)] * 7)], "too_few_points"),
    "there and back": ([ring((1, 1), (2, 2), (1, 1), (2, 2))], "too_few_points"),
    "on a line": ([ring((0, 0), (1, 1), (5, 5))], "zero_area"),
    "on a level line": ([ring((0, 7), (1, 7), (5, 7), (3, 7))], "zero_area"),
    "on an upright line": ([ring((7, 0), (7, 1), (7, 5))], "zero_area"),
    "star of lines": ([ring((0, 0), (1, 0), (0, 0), (0, 1), (0, 0), (-1, 0))], "zero_area"),
}


def test_problem_and_verdict() -> None:
    p = batch([rings for rings, _ in CASES.values()])
    assert dict(zip(CASES, p.problem, strict=True)) == {name: reason for name, (_, reason) in CASES.items()}
    assert p.is_valid.dtype == np.bool_
    assert p.is_valid.tolist() == [reason is None for _, reason in CASES.values()]
    assert np.array_equal(lesiongeo.is_valid(p), p.is_valid)


@pytest.mark.parametrize("name", [name for name, (rings, _) in CASES.items() if len(rings) == 1])
def test_start_and_direction_of_an_outline_do_not_matter(name: str) -> None:
    (outline,), reason = CASES[name]
    rows = [np.roll(way, k, axis=0) for way in (outline, outline[::-1]) for k in range(min(len(outline), 12))]
    assert Polygons.from_rings(rows).problem == [reason] * len(rows)


@pytest.mark.parametrize("scale", [2.0**-30, 1.0, 0.1, 1e6])
@pytest.mark.parametrize("shift", [0.0, 1000.0])
def test_size_and_place_do_not_matter(scale: float, shift: float) -> None:
    # A shift of 1000 sizes leaves 13 digits of the drawing; what is left must not look like a crossing.
    named = {n: c for n, c in CASES.items() if c[1] in (None, "self_overlap")}
    p = batch([[(r + shift) * scale for r in rings] for rings, _ in named.values()])
    assert dict(zip(named, p.problem, strict=True)) == {name: reason for name, (_, reason) in named.items()}


def test_rotated_rectangles_are_valid() -> None:
    """Touching parts and holes on shared edges at any angle: rounding of the corners is not an overlap."""
    t = np.linspace(0, 2 * np.pi, 400)
    turn = np.stack([np.stack([np.cos(t), -np.sin(t)], axis=1), np.stack([np.sin(t), np.cos(t)], axis=1)], axis=1)
    rows = []
    for m in turn:
        rows.append([box(0, 0, 30, 20) @ m.T + (500, 300)])
        rows.append([box(0, 0, 30, 20) @ m.T + 400, box(30, 0, 50, 20) @ m.T + 400])
    assert batch(rows).is_valid.all()


def test_random_polygons_of_many_points() -> None:
    rng = np.random.default_rng(2)
    stars, crossed = [], []
    for n in rng.integers(8, 300, 200):
        t = np.sort(rng.uniform(0, 2 * np.pi, n))
        star = rng.uniform(20, 100, n)[:, None] * np.column_stack([np.cos(t), np.sin(t)])
        if np.diff(t, append=t[0] + 2 * np.pi).max() < np.pi:
            stars.append(star)
        crossed.append(rng.permutation(star))
    assert len(stars) > 150
    assert Polygons.from_rings(stars).is_valid.all()
    assert not Polygons.from_rings(crossed).is_valid.any()
