"""Lesions that vanished into another one: circles on a plane."""

import math
from typing import Any

import numpy as np
import pytest

from lesiongeo import Polygons
from lesiongeo.testing import make_outlines
from lesiongeo.tracks.statuses.completion import complete, slots_of
from lesiongeo.tracks.statuses.covering import Covering, inside
from lesiongeo.tracks.statuses.merging import Places
from lesiongeo.tracks.statuses.status import Statuses, StatusRows, geo_statuses

NAN = math.nan
#: x, y, radius of a lesion on a visit; None: it is absent.
Circle = tuple[float, float, float] | None


def disc(circle: tuple[float, float, float], vertices: int = 64) -> np.ndarray[Any, Any]:
    angles = np.arange(vertices) * 2 * np.pi / vertices
    return np.stack([circle[0] + circle[2] * np.cos(angles), circle[1] + circle[2] * np.sin(angles)], axis=1)


def statuses(
    *tracks: list[Circle],
    outlines: bool = False,
    where: dict[tuple[int, int], tuple[float, float]] | None = None,
    looked: str | None = None,
    groups: list[int] | None = None,
    pixel: list[float] | None = None,
) -> tuple[list[list[str | None]], Statuses]:
    """Statuses per track; absent lesions are expected where they were last, or as `where` says (track, visit)."""
    visits = len(tracks[0])
    group = np.array(groups or [0] * len(tracks))
    pages = np.repeat(np.unique(group), visits)
    mark = np.tile(np.array([looked is None or looked[visit] == "x" for visit in range(visits)]), len(np.unique(group)))
    slots = slots_of(pages, np.tile(np.arange(visits), len(np.unique(group))), mark, np.ones(len(pages), dtype=bool))
    seen = [(track, visit) for track, course in enumerate(tracks) for visit, one in enumerate(course) if one]
    rows = complete(*(np.array(one) for one in zip(*seen, strict=True)), group, slots)
    x, y, reach, area, ratio = (np.full(len(rows.track), NAN) for _ in range(5))
    last: dict[int, tuple[float, float, float]] = {}
    sizes: dict[int, float] = {}
    for at, (track, visit) in enumerate(zip(rows.track.tolist(), rows.visit.tolist(), strict=True)):
        one = tracks[track][visit]
        if one is None:
            x[at], y[at] = (where or {}).get((track, visit), last[track][:2])
            continue
        x[at], y[at] = one[:2]
        reach[at], area[at] = 2 * one[2], math.log(math.pi * (one[2] * (pixel or [1] * visits)[visit]) ** 2)
        if track in last:
            ratio[at] = area[at] - sizes[track]
        last[track], sizes[track] = one, area[at]
    parts = (rows.source >= 0).astype(np.int64)
    shapes = Polygons.from_rings([disc(tracks[track][visit]) for track, visit in seen])  # type: ignore[arg-type]
    starts = np.concatenate(([0], np.cumsum(parts)))
    covers = Covering(shapes, starts, rows.source[rows.source >= 0]) if outlines else None
    half = np.full(len(rows.track), math.log(1.2))
    places = Places(x, y, reach, None if pixel is None else np.array(pixel)[rows.visit])
    given = StatusRows(rows, slots, parts, ratio, half, np.full(len(rows.track), NAN), area, ratio, places)
    found = geo_statuses(given, covers=covers)
    text = np.array(found.text.to_pylist(), dtype=object)
    return [text[rows.track == track].tolist() for track in range(len(tracks))], found


@pytest.mark.parametrize("outlines", [False, True])
def test_two_equal_lesions_become_one(outlines: bool) -> None:
    one: list[Circle] = [(0, 0, 10), (10, 0, 14.2), (10, 0, 14.2)]
    two: list[Circle] = [(20, 0, 10), None, None]
    said, found = statuses(one, two, outlines=outlines)
    assert said == [["baseline", "enlarged", "stable"], ["baseline", "merged", "merged"]]
    assert found.reason_text.to_pylist() == [None, "merged_with", None, None, "merged_into", "merged_into"]
    assert found.partner.tolist() == [-1, 1, -1, -1, 0, 0]
    # Numbered the other way round.
    assert statuses(two, one, outlines=outlines)[0] == said[::-1]


@pytest.mark.parametrize("outlines", [False, True])
def test_one_that_grew_by_more_than_the_other(outlines: bool) -> None:
    said, found = statuses([(0, 0, 10), (0, 0, 30)], [(20, 0, 10), None], outlines=outlines)
    assert said == [["baseline", "enlarged"], ["baseline", "merged"]]
    assert found.reason_text.to_pylist() == [None, None, None, "merged_into"]
    assert found.partner.tolist() == [-1, 1, -1, 0]


@pytest.mark.parametrize("outlines", [False, True])
@pytest.mark.parametrize(
    ("course", "why"),
    [
        ([(50, 0, 10), None], "its place is not covered"),
        ([(5, 0, 2), None], "it lay inside before"),
        ([(14, 0, 9), None], "the other grew by less than half of it"),
    ],
)
def test_resolved_beside_one_that_grew(course: list[Circle], why: str, outlines: bool) -> None:
    said, _ = statuses([(0, 0, 10), (0, 0, 11)], course, outlines=outlines)
    if why == "the other grew by less than half of it":
        said, _ = statuses([(0, 0, 10), (3, 0, 11)], course, outlines=outlines)
    assert said[1] == ["baseline", "resolved"], why
    assert said[0] == ["baseline", "enlarged"]


def test_place_is_covered_and_area_fits_but_on_another_patient() -> None:
    assert statuses([(0, 0, 10), (10, 0, 14.2)], [(20, 0, 10), None], groups=[0, 1])[0][1] == ["baseline", "resolved"]


def test_the_place_is_where_the_camera_shows_it_now() -> None:
    # The camera moved by 100.
    courses: list[list[Circle]] = [[(0, 0, 10), (110, 0, 14.2)], [(20, 0, 10), None]]
    assert statuses(*courses)[0][1] == ["baseline", "resolved"]
    assert statuses(*courses, where={(1, 1): (120, 0)})[0][1] == ["baseline", "merged"]
    assert statuses(*courses, where={(1, 1): (NAN, NAN)})[0][1] == ["baseline", "resolved"]


@pytest.mark.parametrize("outlines", [False, True])
def test_two_that_touched_and_are_as_large_together(outlines: bool) -> None:
    # Nobody knows how the camera moved; on the second visit it is twice as near.
    unknown = {(1, 1): (NAN, NAN)}
    options: dict[str, Any] = {"outlines": outlines, "where": unknown}
    touching: list[Circle] = [(20, 0, 10), None]

    def second(*course: Circle, pixel: list[float] | None = None, beside: list[Circle] = touching) -> str | None:
        return statuses(list(course), beside, pixel=pixel or [1.0, 1.0], **options)[0][1][1]

    assert second((0, 0, 10), (300, 200, 14.2)) == "merged"
    assert second((0, 0, 10), (300, 200, 28.4), pixel=[1.0, 0.5]) == "merged"
    assert second((0, 0, 10), (300, 200, 7.1), pixel=[1.0, 2.0]) == "merged"
    # Much larger than both were, or much smaller.
    assert second((0, 0, 10), (300, 200, 17)) == "resolved"
    assert second((0, 0, 10), (300, 200, 12.3)) == "resolved"
    # As large, but they were far apart.
    assert second((0, 0, 10), (300, 200, 14.2), beside=[(35, 0, 10), None]) == "resolved"
    # A little one beside a large one: its place is not covered.
    assert second((0, 0, 10), (300, 200, 10.2), beside=[(12.5, 0, 2), None]) == "resolved"
    # Without the size of pixels nothing is said.
    assert statuses([(0, 0, 10), (300, 200, 14.2)], touching, **options)[0][1][1] == "resolved"


def test_three_become_one() -> None:
    said, found = statuses([(0, 0, 10), (0, 0, math.sqrt(100 + 64 + 81))], [(14, 0, 8), None], [(-14, 0, 9), None])
    assert said == [["baseline", "enlarged"], ["baseline", "merged"], ["baseline", "merged"]]
    assert found.reason_text.to_pylist() == [None, "merged_with", None, "merged_into", None, "merged_into"]
    # The largest of those it took in.
    assert found.partner.tolist() == [-1, 2, -1, 0, -1, 0]


def test_merged_remains_until_one_of_them_says_otherwise() -> None:
    taker: list[Circle] = [(0, 0, 10), None, (10, 0, 14.2), (10, 0, 14.2), None, (10, 0, 14)]
    said, _ = statuses(taker, [(20, 0, 10), None, None, None, None, None], looked="x.xxxx")
    assert said[1] == ["baseline", "not_imaged", "merged", "merged", "resolved", "merged"]
    # It comes back, and goes alone.
    said, found = statuses(
        [(0, 0, 10), (10, 0, 14.2), (10, 0, 14.2), (10, 0, 14.2)], [(20, 0, 10), None, (20, 0, 10), None]
    )
    assert said[1] == ["baseline", "merged", "stable", "resolved"]
    assert found.reason_text.to_pylist()[6] == "seen_again"


def test_the_nearest_of_two_took_it_in() -> None:
    said, found = statuses([(0, 0, 10), (4, 0, 20)], [(40, 0, 10), (36, 0, 20)], [(18, 0, 5), None])
    assert said[2] == ["baseline", "merged"]
    assert found.partner.tolist()[-1] == 0
    # It was gone before the other grew: it is resolved, and stays so.
    said, _ = statuses([(0, 0, 10), (0, 0, 10), (10, 0, 14.2)], [(20, 0, 10), None, None])
    assert said[1] == ["baseline", "resolved", "resolved"]


def test_circles_that_resolve_by_chance_are_rarely_called_merged() -> None:
    rng = np.random.default_rng(5)
    merged = 0
    for _ in range(40):
        tracks: list[list[Circle]] = []
        for place in range(16):
            x, y = 100 * (place % 4) + rng.uniform(-20, 20), 100 * (place // 4) + rng.uniform(-20, 20)
            radius = rng.uniform(8, 25)
            grown = radius * rng.uniform(0.9, 1.4)
            tracks.append([(x, y, radius), (x, y, grown) if place and rng.random() < 0.7 else None])
        merged += sum("merged" in one for one in statuses(*tracks, outlines=True)[0])
    assert merged == 0


# Covering.


def test_points_in_outlines() -> None:
    rng = np.random.default_rng(2)
    shapes = Polygons.from_rings([disc((0, 0, 10)), [disc((0, 0, 10)), disc((0, 0, 5))], disc((0, 0, 1), 3)])
    rows = rng.integers(0, 3, 3000)
    angle, distance = rng.uniform(0, 2 * np.pi, 3000), rng.uniform(0, 12, 3000)
    # The polygon lies between its circle and the one inside.
    sure = (np.abs(distance - 10) > 0.02) & (np.abs(distance - 5) > 0.02)
    found = inside(shapes.take(rows), distance * np.cos(angle), distance * np.sin(angle))
    expected = np.where(rows == 0, distance < 10, (distance < 10) & (distance > 5))
    use = sure & (rows < 2)
    assert (found[use] == expected[use]).all()
    triangle = rows == 2
    # An equilateral triangle holds the circle of half the radius, and nothing beyond the radius.
    assert found[triangle & (distance < 0.499)].all()
    assert not found[triangle & (distance > 1)].any()
    assert inside(Polygons.from_rings([[]]), np.zeros(1), np.zeros(1)).tolist() == [False]
    assert inside(Polygons.from_rings([]), np.zeros(0), np.zeros(0)).tolist() == []


def test_points_in_outlines_against_shapely() -> None:
    shapely = pytest.importorskip("shapely")
    first, _ = make_outlines(60, seed=3)
    shapes = Polygons.from_ragged(*first)
    rng = np.random.default_rng(4)
    polygons = shapes.to_shapely()
    low, high = (
        np.array([shapely.bounds(one)[:2] for one in polygons]),
        np.array([shapely.bounds(one)[2:] for one in polygons]),
    )
    rows = np.repeat(np.arange(len(shapes)), 50)
    points = low[rows] + rng.uniform(-0.1, 1.1, (len(rows), 2)) * (high - low)[rows]
    expected = shapely.contains_xy(np.array(polygons)[rows], points[:, 0], points[:, 1])
    assert (inside(shapes.take(rows), points[:, 0], points[:, 1]) == expected).all()


def test_half_of_the_outlines_decide() -> None:
    shapes = Polygons.from_rings([disc((0, 0, 10)), disc((0, 0, 5)), disc((0, 0, 2))])
    covers = Covering(shapes, np.array([0, 3, 3, 5]), np.array([0, 1, 2, 0, 2]))
    rows = np.array([0, 0, 0, 1, 2, 2])
    assert covers(rows, np.array([1.0, 3, 7, 0, 7, 11]), np.zeros(6)).tolist() == [
        True,
        True,
        False,
        False,
        True,
        False,
    ]
