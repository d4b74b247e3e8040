"""Properties that hold for every input: what must not change when the drawing changes but the shape does not.

``HYPOTHESIS_PROFILE=slow`` runs 10,000 examples per property.

Coordinates lie on a lattice of 2^-20, so halving an edge, moving by whole numbers and scaling by powers of
two are exact and cannot excuse a difference. "Close" is 1e-13: of IoU itself for ordinary outlines, of the
square of the extent for areas, of the extent for distances.
"""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import lesiongeo
from lesiongeo import Polygons

Array = npt.NDArray[np.float64]

settings.register_profile("default", max_examples=60, deadline=None, derandomize=True)
settings.register_profile("slow", max_examples=10_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

CLOSE = 1e-13


@st.composite
def stars(draw: st.DrawFn) -> Array:
    """An ordinary outline: valid, 3 to 24 vertices, within 100 of the origin."""
    radii = draw(st.lists(st.integers(1, 200), min_size=3, max_size=24))
    turn = draw(st.integers(0, 359))
    x, y = draw(st.integers(-50, 50)), draw(st.integers(-50, 50))
    t = np.radians(turn) + 2 * np.pi * np.arange(len(radii)) / len(radii)
    xy = np.array(radii)[:, None] / 4 * np.column_stack([np.cos(t), np.sin(t)]) + [x, y]
    return np.round(xy * 2**20) / 2**20


@st.composite
def scribbles(draw: st.DrawFn) -> Array:
    """Whole numbers in any order: crossings, shared edges, overlaps, spikes, sometimes no area at all."""
    size = draw(st.sampled_from([3, 8, 40]))
    points = draw(st.lists(st.tuples(st.integers(0, size), st.integers(0, size)), min_size=3, max_size=12))
    return np.array(points, dtype=np.float64)


@st.composite
def lattice_stars(draw: st.DrawFn) -> Array:
    """Whole numbers, valid: vertices sorted by their direction from a centre."""
    points = draw(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=6, max_size=16, unique=True))
    # No two of these points lie on one ray from this centre, so all directions differ.
    xy = np.array(points, dtype=np.float64)
    direction = np.arctan2(*(xy - [15 + 1 / 64, 15 + 1 / 4096]).T)
    assume(np.diff(np.sort(direction), append=direction.min() + 2 * np.pi).max() < np.pi)
    return xy[np.argsort(direction)]


outlines = st.one_of(stars(), scribbles())
shifts = st.integers(-(2**20), 2**20)
BOW = np.array([(0, 0), (2, 2), (2, 0), (0, 2)], dtype=np.float64)


def extent(*rings: Array) -> float:
    return float(np.ptp(np.concatenate(rings), axis=0).max())


def numbers(a: Array, b: Array) -> dict[str, float]:
    """Every number of a pair."""
    p, q = Polygons.from_rings([a]), Polygons.from_rings([b])
    return {
        "area": lesiongeo.area(p)[0],
        "perimeter": lesiongeo.perimeter(p)[0],
        "intersection_area": lesiongeo.intersection_area(p, q)[0],
        "iou": lesiongeo.iou(p, q)[0],
        "dice": lesiongeo.dice(p, q)[0],
        "hausdorff": lesiongeo.hausdorff(p, q)[0],
        "directed": lesiongeo.hausdorff(p, q, directed=True)[0],
        "vertex": lesiongeo.hausdorff(p, q, method="vertex")[0],
    }


# The power of the length unit in each number.
DIMENSION = {
    "area": 2,
    "intersection_area": 2,
    "iou": 0,
    "dice": 0,
    "perimeter": 1,
    "hausdorff": 1,
    "directed": 1,
    "vertex": 1,
}

DISTANCES = ("hausdorff", "directed", "vertex")


def assert_close(got: dict[str, float], want: dict[str, float], size: float, *, but: tuple[str, ...] = ()) -> None:
    for name in want.keys() - set(but):
        limit = CLOSE * size ** DIMENSION[name]
        if name in (
            "iou",
            "dice",
        ):  # a ratio is as good as its denominator: areas against the box around them
            limit = CLOSE * max(1.0, size**2 / max(want["area"], 1e-300))
        assert abs(got[name] - want[name]) <= limit or np.isnan([got[name], want[name]]).all(), (
            name,
            got,
            want,
        )


def assert_same_bits(
    got: dict[str, float], want: dict[str, float], scale: float = 1.0, *, but: tuple[str, ...] = ()
) -> None:
    for name in want.keys() - set(but):
        value = want[name] * scale ** DIMENSION[name]
        assert np.array_equal(got[name], value, equal_nan=True), (name, got, want)


@given(outlines, outlines)
@example(BOW, BOW[:, ::-1] + 1)
def test_arguments_swap_without_a_changed_bit(a: Array, b: Array) -> None:
    forth, back = numbers(a, b), numbers(b, a)
    for name in ("intersection_area", "iou", "dice", "hausdorff", "vertex"):
        assert np.array_equal(forth[name], back[name], equal_nan=True), name


@given(stars(), stars(), st.integers(0, 23), st.booleans(), st.booleans())
def test_start_direction_and_closing_of_an_outline(a: Array, b: Array, start: int, turn: bool, close: bool) -> None:
    other = np.roll(a[::-1] if turn else a, start, axis=0)
    other = np.concatenate([other, other[:1]]) if close else other
    assert_close(numbers(other, b), numbers(a, b), extent(a, b))


@given(scribbles(), outlines, st.integers(0, 11), st.booleans(), st.booleans())
@example(BOW, BOW + 1, 1, True, False)
def test_start_direction_and_closing_of_a_scribble(a: Array, b: Array, start: int, turn: bool, close: bool) -> None:
    other = np.roll(a[::-1] if turn else a, start, axis=0)
    other = np.concatenate([other, other[:1]]) if close else other
    assert Polygons.from_rings([other]).problem == Polygons.from_rings([a]).problem
    assert_close(numbers(other, b), numbers(a, b), extent(a, b))


@given(outlines, outlines, st.lists(st.integers(1, 3), min_size=24, max_size=24))
def test_repeated_points_change_nothing(a: Array, b: Array, times: list[int]) -> None:
    other = np.repeat(a, times[: len(a)], axis=0)
    assert Polygons.from_rings([other]).problem == Polygons.from_rings([a]).problem
    assert_close(numbers(other, b), numbers(a, b), extent(a, b))


@given(outlines, outlines, st.data())
def test_points_on_an_edge_change_nothing(a: Array, b: Array, data: st.DataObject) -> None:
    edge = data.draw(st.integers(0, len(a) - 1))
    share = data.draw(st.sampled_from([0.25, 0.5, 0.75]))
    extra = a[edge] * (1 - share) + a[(edge + 1) % len(a)] * share
    other = np.insert(a, edge + 1, extra, axis=0)
    # More vertices can raise the distance from vertices; nothing else.
    want, got = numbers(a, b), numbers(other, b)
    assert_close(got, want, extent(a, b), but=("vertex",))
    assert got["vertex"] <= got["hausdorff"] + CLOSE * extent(a, b)


@given(outlines, outlines, st.integers(-40, 40))
@example(BOW, BOW + 0.25, 7)
def test_scaling_by_a_power_of_two_is_exact(a: Array, b: Array, power: int) -> None:
    assert_same_bits(numbers(a * 2.0**power, b * 2.0**power), numbers(a, b), 2.0**power)


@given(lattice_stars(), lattice_stars(), shifts, shifts)
def test_moving_whole_numbers_keeps_every_bit_of_areas(a: Array, b: Array, x: int, y: int) -> None:
    by = np.array([x, y])
    assert_same_bits(numbers(a + by, b + by), numbers(a, b), but=DISTANCES)


@given(lattice_stars(), lattice_stars(), shifts, shifts)
def test_moving_whole_numbers_keeps_every_bit_of_distances(a: Array, b: Array, x: int, y: int) -> None:
    by = np.array([x, y])
    assert_same_bits(numbers(a + by, b + by), numbers(a, b))


@given(scribbles(), scribbles(), shifts, shifts)
@example(BOW, BOW + 1, 2**20, -(2**19))
def test_moving_crossing_outlines_keeps_nine_digits(a: Array, b: Array, x: int, y: int) -> None:
    by = np.array([x, y])
    want, got = numbers(a, b), numbers(a + by, b + by)
    for name, value in want.items():
        limit = 1e-9 * extent(a, b) ** DIMENSION[name]
        assert abs(got[name] - value) <= limit or np.isnan([got[name], value]).all(), (name, got, want)


@given(outlines, outlines)
def test_mirror_images_have_the_same_numbers(a: Array, b: Array) -> None:
    want = numbers(a, b)
    assert_close(numbers(a[:, ::-1], b[:, ::-1]), want, extent(a, b))
    assert_close(numbers(-a, -b), want, extent(a, b))
    assert_close(numbers(a * [-1, 1], b * [-1, 1]), want, extent(a, b))


@given(outlines, outlines)
def test_areas_add_up(a: Array, b: Array) -> None:
    area_a, area_b, inter = (
        lesiongeo.area([a])[0],
        lesiongeo.area([b])[0],
        lesiongeo.intersection_area([a], [b])[0],
    )
    iou, dice = lesiongeo.iou([a], [b])[0], lesiongeo.dice([a], [b])[0]
    assert 0 <= inter <= min(area_a, area_b)
    if area_a == 0 or area_b == 0:
        assert np.isnan([iou, dice]).all()
        return
    assert 0 <= iou <= dice <= 1
    assert abs(iou - inter / (area_a + area_b - inter)) <= CLOSE
    assert abs(dice - 2 * inter / (area_a + area_b)) <= CLOSE


@given(outlines, st.integers(-60, 60))
def test_a_cut_leaves_two_parts_that_add_up(a: Array, x: int) -> None:
    left = np.array([(-200, -200), (x, -200), (x, 200), (-200, 200)], dtype=np.float64)
    right = np.array([(x, -200), (200, -200), (200, 200), (x, 200)], dtype=np.float64)
    parts = lesiongeo.intersection_area([a], [left, right])
    assert abs(parts.sum() - lesiongeo.area([a])[0]) <= CLOSE * extent(a) ** 2


@given(outlines)
@example(BOW)
def test_a_region_equals_itself(a: Array) -> None:
    assert lesiongeo.hausdorff([a], [a]).tolist() == [0.0]
    assert lesiongeo.hausdorff([a], [a], method="vertex").tolist() == [0.0]
    area = lesiongeo.area([a])[0]
    if area > 0:
        assert lesiongeo.iou([a], [a]).tolist() == [1.0]
        assert lesiongeo.dice([a], [a]).tolist() == [1.0]
    assert lesiongeo.intersection_area([a], [a]).tolist() == [area]


@given(outlines, outlines, outlines)
def test_distances_obey_the_triangle_inequality(a: Array, b: Array, c: Array) -> None:
    ab, bc, ac = lesiongeo.hausdorff([a, b, a], [b, c, c])
    assert ac <= ab + bc + CLOSE * extent(a, b, c)
    ab, bc, ac = lesiongeo.hausdorff([a, b, a], [b, c, c], directed=True)
    assert ac <= ab + bc + CLOSE * extent(a, b, c)


@given(outlines, outlines)
def test_directions_and_methods_of_the_distance(a: Array, b: Array) -> None:
    both = lesiongeo.hausdorff([a], [b])[0]
    ab, ba = lesiongeo.hausdorff([a], [b], directed=True)[0], lesiongeo.hausdorff([b], [a], directed=True)[0]
    # The second direction only counts where it exceeds the first by more than the distance is exact to.
    assert abs(both - max(ab, ba)) <= CLOSE * extent(a, b)
    assert both >= lesiongeo.hausdorff([a], [b], method="vertex")[0] - CLOSE * extent(a, b)
    # Never above the largest distance between any two of the vertices.
    assert both <= np.hypot(*(a[:, None, :] - b[None, :, :]).T).max() * (1 + CLOSE)


@given(stars(), st.integers(-30, 30), st.integers(-30, 30))
def test_moving_an_outline_moves_its_boundary_at_most_that_far(a: Array, x: int, y: int) -> None:
    moved = a + np.array([x, y])
    assert lesiongeo.hausdorff([a], [moved])[0] <= np.hypot(x, y) + CLOSE * extent(a, moved)


@given(st.lists(outlines, min_size=2, max_size=8), outlines, st.randoms(use_true_random=False))
def test_rows_do_not_know_each_other(rows: list[Array], b: Array, random: object) -> None:
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    for function in (lesiongeo.intersection_area, lesiongeo.iou, lesiongeo.hausdorff):
        all_rows = function(rows, [b])
        assert np.array_equal(function([rows[k] for k in order], [b]), all_rows[order], equal_nan=True)
        alone = [function([row], [b])[0] for row in rows]
        assert np.array_equal(alone, all_rows, equal_nan=True)


@given(stars(), stars())
def test_a_hole_takes_away_what_it_covers(a: Array, b: Array) -> None:
    """With `b` as a hole, wherever it lies, `a` keeps its area less their intersection."""
    cut = Polygons.from_rings([[a, b]])
    inter = lesiongeo.intersection_area([a], [b])[0]
    want = lesiongeo.area([a])[0] - inter
    # A hole that crosses the outline makes the region invalid, and for those the promise is 1e-9.
    limit = CLOSE if cut.is_valid[0] else 1e-9
    assert abs(lesiongeo.area(cut)[0] - want) <= limit * extent(a, b) ** 2
    assert abs(lesiongeo.intersection_area(cut, [a])[0] - want) <= limit * extent(a, b) ** 2
