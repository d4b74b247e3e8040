"""Regions with holes as single rings: same area, same interior by both rules, no vertex of anybody else."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lesiongeo as lg
from lesiongeo.keyholes import keyhole_rings

SQUARE = [[0, 0], [10, 0], [10, 10], [0, 10]]


def box(x: float, y: float, size: float) -> list[list[float]]:
    return [[x, y], [x + size, y], [x + size, y + size], [x, y + size]]


def shoelace(ring: np.ndarray) -> Fraction:
    """Signed area, exactly."""
    points = [(Fraction(x), Fraction(y)) for x, y in ring.tolist()]
    return sum((a * d - b * c for (a, b), (c, d) in pairwise([*points, points[0]])), Fraction()) / 2


def crosses(ring: np.ndarray) -> bool:
    """Whether two edges of a ring cross properly: each has the ends of the other on both sides."""
    p, q = ring, np.roll(ring, -1, axis=0)

    def side(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
        return np.sign(
            (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])
        )

    p1, q1, p2, q2 = p[:, None], q[:, None], p[None], q[None]
    return bool(((side(p1, q1, p2) * side(p1, q1, q2) < 0) & (side(p2, q2, p1) * side(p2, q2, q1) < 0)).any())


def test_one_hole_by_hand() -> None:
    rings, rows = keyhole_rings(lg.Polygons.from_rings([[SQUARE, box(2, 2, 3)]]))
    assert rows.tolist() == [0]
    (ring,) = rings.to_rings()[0]
    assert ring.tolist() == [[0, 0], [2, 2], [2, 5], [5, 5], [5, 2], [2, 2], [0, 0], [10, 0], [10, 10], [0, 10]]
    assert shoelace(ring) == 100 - 9
    assert rings.is_valid.tolist() == [True]


def test_plain_regions_are_the_same_arrays() -> None:
    """Nothing is copied where there is nothing to join, and what crosses itself stays as drawn."""
    regions = lg.Polygons.from_rings([SQUARE, [[0, 0], [2, 2], [2, 0], [0, 2]], [[1, 1], [2, 2]]])
    rings, rows = keyhole_rings(regions)
    assert rings.xy is regions.xy
    assert rings == regions
    assert rows.tolist() == [0, 1, 2]


def test_parts_are_rings_of_their_own() -> None:
    hole = np.array(box(1, 1, 2))[::-1]
    rings = [np.array(box(0, 0, 6)), hole, np.array(box(20, 0, 5)), np.array(box(21, 1, 1))[::-1]]
    xy = np.concatenate([*rings, box(40, 0, 1)])
    regions = lg.Polygons.from_ragged(xy, [0, 4, 8, 12, 16, 20], [0, 4, 4, 5], roles="oriented")
    made, rows = keyhole_rings(regions)
    assert rows.tolist() == [0, 0, 2]
    assert lg.area(made).tolist() == [32.0, 24.0, 1.0]
    assert lg.area(regions).tolist() == [56.0, 0.0, 1.0]


def test_regions_without_vertices_have_no_ring() -> None:
    made, rows = keyhole_rings(lg.Polygons.from_rings([[], SQUARE, []]))
    assert rows.tolist() == [1]
    assert made == lg.Polygons.from_rings([SQUARE])
    made, rows = keyhole_rings(lg.Polygons.from_rings([]))
    assert (len(made), len(rows)) == (0, 0)


def test_a_hole_that_touches_its_outline() -> None:
    """As masks have it: a corner of the hole is a corner of the outline."""
    regions = lg.Polygons.from_rings([[SQUARE, [[0, 0], [3, 1], [1, 3]]]])
    made, _ = keyhole_rings(regions)
    (ring,) = made.to_rings()[0]
    assert shoelace(ring) == lg.area(regions)[0] == 96.0
    assert not crosses(ring)
    assert len(ring) == 7


def test_a_hole_before_its_outline() -> None:
    xy = np.concatenate((np.array(box(1, 1, 2))[::-1], SQUARE))
    made, _ = keyhole_rings(lg.Polygons.from_ragged(xy, [0, 4, 8], [0, 2], roles="oriented"))
    assert lg.area(made).tolist() == [96.0]


def test_rings_that_overlap_are_resolved_first() -> None:
    """Two parts that overlap by half count once."""
    xy = np.concatenate((box(0, 0, 2), box(1, 0, 2)))
    regions = lg.Polygons.from_ragged(xy, [0, 4, 8], [0, 2], roles="oriented")
    made, rows = keyhole_rings(regions)
    assert math.isclose(sum(lg.area(made)), 6.0)
    assert set(rows.tolist()) == {0}


def test_a_slit_goes_around_what_is_between() -> None:
    """The nearest vertex lies behind a wall of the comb; the slit takes one that it can see."""
    outline = [[0, 0], [20, 0], [20, 10], [12, 10], [12, 2], [11.5, 2], [11.5, 10], [0, 10]]
    regions = lg.Polygons.from_rings([[outline, box(10.5, 5.5, 0.5), box(12.3, 5.5, 0.5), box(4, 4, 3)]])
    made, _ = keyhole_rings(regions)
    (ring,) = made.to_rings()[0]
    assert not crosses(ring)
    assert shoelace(ring) == 196 - 0.25 - 0.25 - 9


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40), st.floats(0.0, 1e5))
def test_any_disc_with_holes(seed: int, holes: int, shift: float) -> None:
    """Holes on a grid in a star: same area, no edge crosses another, all vertices are the region's own."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, int(rng.integers(8, 200)), endpoint=False)
    outline = (40 + rng.random(len(angle)))[:, None] * np.stack((np.cos(angle), np.sin(angle)), axis=1)
    cells = rng.permutation(49)[:holes]
    rings = [outline]
    for cell in cells.tolist():
        turn = np.sort(rng.random(int(rng.integers(3, 12)))) * 2 * np.pi
        if np.ptp(turn) < 0.1:
            continue
        rings.append(
            np.array([(cell % 7 - 3) * 7, (cell // 7 - 3) * 7]) + 3.2 * np.stack((np.cos(turn), np.sin(turn)), axis=1)
        )
    regions = lg.Polygons.from_rings([[ring + shift for ring in rings]])
    made, rows = keyhole_rings(regions)
    assert rows.tolist() == [0]
    (ring,) = made.to_rings()[0]
    assert shoelace(ring) == sum(map(shoelace, regions.to_rings()[0]))
    assert math.isclose(lg.area(made)[0], lg.area(regions)[0], rel_tol=1e-12)
    assert not crosses(ring)
    assert {tuple(point) for point in ring.tolist()} == {tuple(p) for p in regions.xy.tolist()}
    assert lg.iou(made, regions)[0] == pytest.approx(1.0, abs=1e-9)


def test_masks_with_many_holes() -> None:
    """A painted mask full of holes: as many pixels by both rules, and the reader takes the ring for valid."""
    outline = box(0, 0, 100)
    holes = [box(x, y, 1) for x in range(2, 98, 4) for y in range(2, 98, 4)]
    regions = lg.Polygons.from_rings([[outline, *holes]])
    made, _ = keyhole_rings(regions)
    assert lg.area(made).tolist() == [10_000.0 - len(holes)]
    assert made.is_valid.tolist() == [True]
