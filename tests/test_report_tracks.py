"""Lesions over time in the report: which are drawn, whether drawings have the right sizes, what may not get out."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import lesiongeo as lg
from lesiongeo.report.course_scenes import (
    MOST_VISITS,
    area_scene,
    card_scenes,
    chosen_visits,
    fitted,
    overlay_scene,
)
from lesiongeo.report.courses import Course, course_codes, courses_of
from lesiongeo.report.run import Run
from lesiongeo.report.scene import DARK, LIGHT, LOOKS, Curve, Dot, Scene, Words
from lesiongeo.report.strips import strips
from lesiongeo.report.tracks import MOST_LESIONS, MOST_ROWS, lesions
from made_tracks import (
    CONFLICT_COLUMNS,
    FINDING_COLUMNS,
    LESIONS,
    MDC,
    NOISE_COLUMNS,
    SPACING,
    TRACK_COLUMNS,
    Grown,
    circle,
    made_rows,
    made_tables,
    run_tables,
)
from run_folder import HOSTILE, rows, write_run
from test_report import Page, report

Row = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("tracks"), run_tables())


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return report(folder)


def drawn_courses(folder: Path) -> list[Course]:
    """The lesions that are drawn, with the rows of their outlines."""
    run = Run(folder)
    courses = lesions(run, 100, notes=False)[1]
    strips(run, courses)
    return courses


def outlines_of(folder: Path, courses: list[Course]) -> dict[int, Any]:
    wanted = sorted({row for course in courses for seen in course.seen for row in seen.regions})
    found = Run(folder).outlines(np.array(wanted))
    assert found is not None
    return {row: found[number] for number, row in enumerate(wanted)}


def shoelace(ring: Any) -> float:
    turned = np.roll(ring, -1, axis=0)
    return abs(float((ring[:, 0] * turned[:, 1] - ring[:, 1] * turned[:, 0]).sum())) / 2.0


def curves(scene: Scene | None, role: str) -> list[Curve]:
    assert scene is not None
    return [mark for mark in scene.marks if isinstance(mark, Curve) and mark.role == role]


def dots(scene: Scene | None) -> list[Dot]:
    assert scene is not None
    return [mark for mark in scene.marks if isinstance(mark, Dot)]


def lines(course: Row) -> list[list[str]]:
    return [[line["text"] for line in visit["lines"]] for visit in course["visits"]]


# Which lesions, in which order


def test_contradicted_lesions_come_first_then_changes_then_findings(page: Page) -> None:
    # |ln ratio| / ln 1.22: -50 % is 3.5, +83 % is 3.0; lesion 2 of P1 changed less but was ticked otherwise; the gap
    # is about lesion 1 of P1; of lesion 2 of P2 there is nothing to say.
    names = [lesion["name"] for lesion in page.data["tracks"]["lesions"]]
    assert names == [
        "Lesion 2, patient P1",
        "Lesion 3, patient P1",
        "Lesion 1, patient P2",
        "Lesion 1, patient P1",
    ]
    assert page.data["tracks"]["n"] == 5
    assert page.data["tracks"]["n_interesting"] == 4


def test_numbers_are_those_of_the_tables(page: Page) -> None:
    data = page.data["tracks"]
    table = made_rows()
    assert (data["n_patients"], data["n_conflicts"], data["n_findings"]) == (2, 1, 1)
    assert data["n_significant"] == sum(bool(row.get("significant")) for row in table)
    for lesion in data["lesions"]:
        track, patient = re.fullmatch(r"Lesion (.*), patient (.*)", lesion["name"]).groups()  # type: ignore[union-attr]
        own = [row for row in table if (row["patient"], row["track_id"]) == (patient, track)]
        assert [visit["visit"] for visit in lesion["visits"]] == [row["visit"] for row in own]
        for visit, row in zip(lesion["visits"], own, strict=True):
            assert visit["day"] == row["day_offset"]
            assert visit["area"] == row.get("area_mm2")
            assert visit["measured"] == row["geo_status"]
            assert visit["ticked"] == row["human_status"]
            assert visit["percent"] == pytest.approx(row.get("pct_area"))


def test_ticked_is_counted_against_measured(page: Page) -> None:
    matrix = page.data["tracks"]["matrix"]
    table = made_rows()
    for ticked, counts in zip(matrix["ticked"], matrix["counts"], strict=True):
        for measured, count in zip(matrix["measured"], counts, strict=True):
            same = [row for row in table if (row["human_status"], row["geo_status"]) == (ticked, measured)]
            assert count == len(same)
    assert sum(map(sum, matrix["counts"])) == sum(row["human_status"] is not None for row in table)


def test_cards_say_both_sides_in_words(page: Page) -> None:
    first, second = page.data["tracks"]["lesions"][:2]
    assert lines(first)[2] == [
        "visit 2, day 180",
        "15.5 mm\u00b2",
        "+49 %, noise 22 %",
        "measured enlarged",
        "\u2260 ticked stable",
    ]
    assert lines(second)[3] == ["visit 3, day 270", "not drawn", "measured resolved", "ticked resolved"]
    third = page.data["tracks"]["lesions"][2]
    assert lines(third)[1] == ["visit 1, day 90", "not imaged"]
    for text in ("\u2260 ticked stable", "ticked stable, measured enlarged: 10.4 mm2 to 15.5 mm2"):
        assert text in page.text


def test_what_one_of_several_ticked_is_marked_not_what_most_ticked(tmp_path: Path) -> None:
    """Two ticked enlarged, which is what was measured, one ticked stable: the contradiction is that one's."""
    tables = run_tables()
    listed = made_rows()
    for row in listed:
        if (row["patient"], row["track_id"], row["visit"]) == ("P1", "2", 2):
            row |= {"human_status": "enlarged", "conflict": True}
    tables["tracks"] = pa.Table.from_pylist(listed, schema=TRACK_COLUMNS)
    found = report(write_run(tmp_path / "some", tables)).data["tracks"]["lesions"][0]
    assert lines(found)[2][-3:] == ["measured enlarged", "ticked enlarged", "\u2260 ticked stable"]
    del tables["track_conflicts"]
    found = report(write_run(tmp_path / "without", tables)).data["tracks"]["lesions"][0]
    assert lines(found)[2][-3:] == ["measured enlarged", "ticked enlarged", "\u2260 ticked otherwise"]


def test_the_table_of_contradictions_leads_to_the_lesions(page: Page) -> None:
    (row,) = page.data["tracks"]["conflicts"]
    assert (row["rank"], row["ticked"], row["measured"], row["visit"]) == (1, "stable", "enlarged", 2)
    assert {"href": "#lesion-1"} in page.named("a")
    articles = [one["id"] for one in page.named("article")]
    assert articles == ["lesion-1", "lesion-2", "lesion-3", "lesion-4"]


def test_lesions_beyond_the_limit_are_counted(tmp_path: Path) -> None:
    many = tuple(Grown(f"P{number:03}", "1", (10.0, 10.0 + number)) for number in range(3, 3 + MOST_LESIONS + 20))
    # No outlines: the limit is that of the strips.
    tables = made_tables(many)
    regions = run_tables(many[:1])["regions"]
    path = write_run(tmp_path / "many", {"regions": regions, **tables})
    found = report(path, worst=100)
    data = found.data["tracks"]
    assert len(data["lesions"]) == MOST_LESIONS
    assert data["n_interesting"] == len(many)
    assert data["lesions"][0]["name"] == f"Lesion 1, patient P{2 + MOST_LESIONS + 20:03}", "the largest change"
    assert f"{MOST_LESIONS} lesions of {len(many)} that are worth a look" in found.text
    assert len(report(path, worst=3).data["tracks"]["lesions"]) == 3
    assert "none was asked for" in report(path, worst=0).text


def test_long_lists_are_cut_and_say_so(tmp_path: Path) -> None:
    finding = made_tables()["track_findings"].to_pylist()[0]
    tables = run_tables() | {"track_findings": rows(FINDING_COLUMNS, *[finding] * (MOST_ROWS + 5))}
    found = report(write_run(tmp_path, tables))
    assert len(found.data["tracks"]["findings"]) == MOST_ROWS
    assert f"The first {MOST_ROWS} of {MOST_ROWS + 5}" in found.text
    said = found.data["tracks"]["lesions"][-1]["messages"]
    assert len(said) == 1, "the same said once"


# Drawings


def test_cards_share_one_scale(folder: Path) -> None:
    courses = drawn_courses(folder)
    outlines = outlines_of(folder, courses)
    for course in courses:
        scales = []
        for at, scene in card_scenes(course, outlines):
            seen = course.seen[at]
            if not seen.present:
                continue
            own = [
                mark
                for mark in scene.marks  # type: ignore[union-attr]
                if isinstance(mark, Curve) and mark.role.startswith("age")
            ]
            assert len(own) == 3
            # Thinning takes a little away.
            drawn = math.exp(np.mean([math.log(shoelace(mark.rings[0])) for mark in own]))
            scales.append(drawn / seen.area)  # type: ignore[operator]
        assert max(scales) / min(scales) < 1.02


def test_the_bar_measures_what_is_drawn(folder: Path) -> None:
    courses = drawn_courses(folder)
    outlines = outlines_of(folder, courses)
    for course in courses:
        scene = overlay_scene(course, outlines)
        (bar,) = curves(scene, "axis")
        (text,) = [mark.text for mark in scene.marks if isinstance(mark, Words)]  # type: ignore[union-attr]
        length, unit = text.split()
        assert unit == "mm"
        per_mm = float(bar.rings[0][1, 0] - bar.rings[0][0, 0]) / float(length)
        last = max(at for at, one in enumerate(course.seen) if one.present)
        newest = [one for one in scene.marks if isinstance(one, Curve) and one.role.startswith("age")][-3:]  # type: ignore[union-attr]
        drawn = math.exp(np.mean([math.log(shoelace(mark.rings[0]) / per_mm**2) for mark in newest]))
        assert drawn == pytest.approx(course.seen[last].area, rel=0.02)
        every = np.vstack([ring for mark in scene.marks if isinstance(mark, Curve) for ring in mark.rings])  # type: ignore[union-attr]
        assert every.min() >= 0
        assert (every.max(axis=0) <= (scene.width, scene.height)).all()  # type: ignore[union-attr]


def from_edges(point: Any, ring: Any) -> float:
    """Distance of a point from a closed line, edge by edge."""
    start, along = ring, np.roll(ring, -1, axis=0) - ring
    share = np.clip(((point - start) * along).sum(axis=1) / (along**2).sum(axis=1), 0.0, 1.0)
    return float(np.hypot(*(start + share[:, None] * along - point).T).min())


def test_thinned_lines_stay_where_they_were(folder: Path) -> None:
    course = drawn_courses(folder)[0]
    rng = np.random.default_rng(5)
    angles = np.linspace(0, 2 * np.pi, 901)[:-1]
    outlines = {}
    for seen in course.seen:
        seen.centroid, seen.spacing = (500.0, 400.0), (0.05, 0.02)
        for row in seen.regions:
            radii = 100 + 20 * np.cos(5 * angles + rng.uniform(0, 6)) + rng.normal(0, 0.05, 900)
            outlines[row] = [np.stack([500 + radii * np.cos(angles), 400 + radii * np.sin(angles)], axis=1)]
    fewer = fitted(course, outlines)
    for drawings in ([overlay_scene(course, fewer)], [scene for _, scene in card_scenes(course, fewer)]):
        drawn = [mark for scene in drawings for mark in scene.marks if str(mark.role).startswith("age")]  # type: ignore[union-attr]
        rows_drawn = [row for seen in course.seen for row in seen.regions]
        assert len(drawn) == len(rows_drawn)
        for mark, row in zip(drawn, rows_drawn, strict=True):
            (ring,) = mark.rings  # type: ignore[union-attr]
            assert len(ring) < 300
            whole = (outlines[row][0] - (500, 400)) * (0.05, 0.02)
            # The scale of the drawing is that of the widest extent of what is drawn.
            scale = np.ptp(ring, axis=0) / np.ptp(whole, axis=0)
            assert scale[0] == pytest.approx(scale[1], rel=0.02)
            middle = ring.min(axis=0) - whole.min(axis=0) * scale[0]
            worst = max(from_edges(point, ring) for point in whole[::7] * scale[0] + middle)
            assert worst < 0.6, "0.35, and half a unit at most for the scale that was read off the drawing"


def test_pixels_that_are_no_squares_are_drawn_in_millimetres(folder: Path) -> None:
    course = drawn_courses(folder)[0]
    outlines = {row: [np.array(circle(500, 400, 20.0, 1))] for seen in course.seen for row in seen.regions}
    for seen in course.seen:
        seen.spacing, seen.centroid = (0.1, 0.05), None
    scene = overlay_scene(course, outlines)
    ring = curves(scene, "age6")[0].rings[0]
    shape = np.ptp(outlines[course.seen[0].regions[0]][0], axis=0)
    wide, tall = np.ptp(ring, axis=0)
    assert wide / tall == pytest.approx(2 * shape[0] / shape[1], rel=0.02)


def test_the_wedge_is_the_noise_around_the_visit_before(folder: Path) -> None:
    course = drawn_courses(folder)[0]
    scene = area_scene(course)
    bottom = curves(scene, "axis")[0].rings[0][0, 1]
    heights = [bottom - dot.y for dot in dots(scene)]
    areas = [seen.area for seen in course.seen]
    for height, area in zip(heights, areas, strict=True):
        assert height / heights[0] == pytest.approx(area / areas[0]), "from zero, in proportion"  # type: ignore[operator]
    wedges = curves(scene, "noise")
    assert len(wedges) == 3
    for wedge, before, dot, height in zip(wedges, dots(scene), dots(scene)[1:], heights, strict=False):
        (x0, y0), (x1, high), (x2, low) = wedge.rings[0].tolist()
        assert (x0, y0) == (before.x, before.y)
        assert x1 == x2 == dot.x
        assert (bottom - high) / height == pytest.approx(1 + MDC / 100)
        assert height / (bottom - low) == pytest.approx(1 + MDC / 100)
    assert [dot.role for dot in dots(scene)] == ["within", "within", "beyond", "within"]
    inside = [
        wedge.rings[0][1, 1] <= dot.y <= wedge.rings[0][2, 1]
        for wedge, dot in zip(wedges, dots(scene)[1:], strict=True)
    ]
    assert inside == [True, False, True], "a filled point is one outside of its wedge"
    (ring,) = curves(scene, "conflict")
    assert ring.rings[0].mean(axis=0) == pytest.approx((dots(scene)[2].x, dots(scene)[2].y))


def test_days_are_drawn_in_proportion_and_visits_without_days_evenly(folder: Path) -> None:
    course = drawn_courses(folder)[0]
    for seen, day in zip(course.seen, (0.0, 10.0, 20.0, 100.0), strict=True):
        seen.day = day
    places = [dot.x for dot in dots(area_scene(course))]
    assert (places[1] - places[0]) / (places[3] - places[0]) == pytest.approx(0.1)
    course.seen[2].day = None
    places = [dot.x for dot in dots(area_scene(course))]
    assert np.diff(places) == pytest.approx(np.diff(places)[0])


def test_absent_visits_are_marked_and_never_a_measured_line(folder: Path) -> None:
    resolved, not_imaged = drawn_courses(folder)[1:3]
    scene = area_scene(resolved)
    assert len(curves(scene, "gone")) == 1
    assert len(curves(scene, "course")) == 2
    assert len(curves(scene, "gap")) == 1, "to the cross"
    scene = area_scene(not_imaged)
    assert not curves(scene, "gone")
    assert not curves(scene, "course"), "nobody saw what was in between"
    assert len(curves(scene, "gap")) == 2
    (wedge,) = curves(scene, "noise")
    assert wedge.rings[0][0, 0] == dots(scene)[0].x
    assert wedge.rings[0][1, 0] == dots(scene)[1].x


def test_pages_of_other_sizes_do_not_stand_among_pixels(folder: Path) -> None:
    course = drawn_courses(folder)[0]
    outlines = outlines_of(folder, [course])
    for seen in course.seen:
        seen.unit, seen.spacing, seen.area = "px", (1.0, 1.0), seen.area / SPACING**2  # type: ignore[operator]
    course.seen[1].size = (2000, 1600)
    course.settle()
    assert [seen.comparable for seen in course.seen] == [True, False, True, True]
    assert len(dots(area_scene(course))) == 3
    assert len([1 for mark in overlay_scene(course, outlines).marks if isinstance(mark, Curve)]) == 3 * 3 + 1  # type: ignore[union-attr]
    cards = card_scenes(course, outlines)
    assert cards[1][1] is not None
    assert not curves(cards[1][1], "before")
    assert len(curves(cards[2][1], "before")) == 3, "of the visit before that one"


def test_visits_without_a_spacing_do_not_stand_among_millimetres(folder: Path) -> None:
    course = drawn_courses(folder)[0]
    course.seen[2].unit = "px"
    course.settle()
    assert [seen.comparable for seen in course.seen] == [True, True, False, True]


def test_of_many_visits_those_that_matter_are_drawn() -> None:
    areas = [10.0] * 30
    areas[17:] = [20.0] * 13
    table = pa.Table.from_pylist(made_rows((Grown("P", "1", tuple(areas)),)), schema=TRACK_COLUMNS)
    (course,) = courses_of(table, course_codes(table))
    chosen = chosen_visits(course)
    assert len(chosen) == MOST_VISITS
    assert {0, 17, 29} <= set(chosen)
    assert len(dots(area_scene(course))) == 30


def test_nothing_at_all_can_be_drawn_of_a_lesion_without_numbers() -> None:
    bare = pa.table({"patient": ["P"], "track_id": ["1"], "visit": [0]})
    (course,) = courses_of(bare, course_codes(bare))
    assert area_scene(course) is None
    assert overlay_scene(course, {}) is None
    assert [scene for _, scene in card_scenes(course, {})] == [None]


@pytest.mark.parametrize("area", [0.0, 1e-300, 1e300])
def test_extreme_areas_have_a_place(area: float) -> None:
    table = pa.Table.from_pylist(
        [
            row | {"area_mm2": area, "area_low_mm2": None, "area_high_mm2": None, "mdc95": 1e6, "day_offset": 0.0}
            for row in made_rows(LESIONS[:1])
        ],
        schema=TRACK_COLUMNS,
    )
    (course,) = courses_of(table, course_codes(table))
    scene = area_scene(course)
    assert scene is not None
    for mark in scene.marks:
        points = np.vstack(mark.rings) if isinstance(mark, Curve) else np.array([[mark.x, mark.y]])
        assert np.isfinite(points).all()
        assert (points >= -1).all()


# Lesions are told apart


def test_tasks_without_a_patient_are_lesions_of_their_own() -> None:
    listed = [row | {"patient": None} for row in made_rows((LESIONS[0], replace(LESIONS[0], patient="P2")))]
    table = pa.Table.from_pylist(listed, schema=TRACK_COLUMNS)
    found = courses_of(table, course_codes(table))
    assert [len(course.seen) for course in found] == [4, 4]
    assert [course.task_id for course in found] == [1, 2]


def test_everybody_may_have_lesions_of_their_own(tmp_path: Path) -> None:
    tables = run_tables()
    own = [row | {"annotator": who} for who in ("1", "2") for row in made_rows()]
    schema = TRACK_COLUMNS.append(pa.field("annotator", pa.string()))
    tables["tracks"] = pa.Table.from_pylist(own, schema=schema)
    conflict = tables["track_conflicts"].to_pylist()[0] | {"annotators": ["2"]}
    tables["track_conflicts"] = rows(CONFLICT_COLUMNS, conflict)
    folder = write_run(tmp_path, tables)
    courses = drawn_courses(folder)
    assert (courses[0].annotator, courses[0].track, courses[0].patient) == ("2", "2", "P1")
    assert len(courses[0].conflicts) == 1
    assert {len(seen.regions) for seen in courses[0].seen} == {1}
    assert "Lesion 2, patient P1, annotator 2" in report(folder).text


def test_a_control_called_track_is_not_taken_for_the_tracks(tmp_path: Path) -> None:
    tables = run_tables()
    regions = tables["regions"]
    table = regions.table.rename_columns({"track": "track_"})
    table = table.append_column("track", pa.array(["9"] * len(regions), pa.string()))
    tables["regions"] = type(regions)(regions.polygons, table)
    assert {len(seen.regions) for seen in drawn_courses(write_run(tmp_path, tables))[0].seen} == {3}


# What is missing


def test_a_run_without_tracks_says_what_makes_them(tmp_path: Path) -> None:
    tables = run_tables()
    found = report(write_run(tmp_path, {"regions": tables["regions"]}))
    assert "The table tracks (lesions over visits" in found.text
    assert found.data["tracks"]["lesions"] == []


@pytest.mark.parametrize("left", ["track_conflicts", "track_findings", "track_noise", "regions"])
def test_each_table_may_be_missing(tmp_path: Path, left: str) -> None:
    tables = run_tables()
    tables["tasks"] = pa.table({"task_id": [1]})
    del tables[left]
    found = report(write_run(tmp_path, tables))
    assert found.data["tracks"]["n"] == 5
    # The rows of tracks have the conflict too.
    assert found.data["tracks"]["lesions"][0]["name"] == "Lesion 2, patient P1"
    if left == "track_conflicts":
        assert "The table track_conflicts is missing" in found.text
    if left == "regions":
        assert "No outlines: the table regions is missing" in found.text


def test_empty_tables_are_no_trouble(tmp_path: Path) -> None:
    tables = run_tables()
    empty = {
        "tracks": TRACK_COLUMNS.empty_table(),
        "track_conflicts": CONFLICT_COLUMNS.empty_table(),
        "track_findings": FINDING_COLUMNS.empty_table(),
        "track_noise": NOISE_COLUMNS.empty_table(),
    }
    assert "is empty in this run" in report(write_run(tmp_path, tables | empty)).text
    quiet = tables | {name: empty[name] for name in ("track_conflicts", "track_findings")}
    quiet["tracks"] = pa.Table.from_pylist(
        [row | {"significant": False, "conflict": False} for row in made_rows()], schema=TRACK_COLUMNS
    )
    assert "there is no lesion to look at" in report(write_run(tmp_path, quiet)).text


def test_csv_has_everything_but_outlines(tmp_path: Path, page: Page) -> None:
    tables = run_tables()
    found = report(write_run(tmp_path, tables, ending="csv"))
    data, other = found.data["tracks"], page.data["tracks"]
    assert [lesion["name"] for lesion in data["lesions"]] == [lesion["name"] for lesion in other["lesions"]]
    assert [lines(lesion) for lesion in data["lesions"]] == [lines(lesion) for lesion in other["lesions"]]
    assert data["conflicts"] == other["conflicts"]
    assert "written as CSV" in found.text
    assert not [svg for svg in found.named("svg") if svg.get("class") == "lesion-outlines"]


# What may not get out


def test_texts_are_escaped_and_ids_that_may_name_somebody_are_not_shown(tmp_path: Path) -> None:
    tables = run_tables()
    names = [name for name, kind in zip(TRACK_COLUMNS.names, TRACK_COLUMNS.types, strict=True) if kind == pa.string()]
    listed = [dict(row) for row in made_rows()]
    hostile = [
        row | dict.fromkeys(names, text) | {"unit": "mm", "annotators": [text], "significant": True, "conflict": True}
        for text in HOSTILE
        for row in listed[:4]
    ]
    tables["tracks"] = pa.Table.from_pylist(hostile, schema=TRACK_COLUMNS)
    for name, schema in (("track_conflicts", CONFLICT_COLUMNS), ("track_findings", FINDING_COLUMNS)):
        texts = [one for one, kind in zip(schema.names, schema.types, strict=True) if kind == pa.string()]
        tables[name] = rows(schema, *(dict.fromkeys(texts, text) | {"visit": 1, "task_id": 1} for text in HOSTILE))
    texts = [one for one, kind in zip(NOISE_COLUMNS.names, NOISE_COLUMNS.types, strict=True) if kind == pa.string()]
    tables["track_noise"] = rows(NOISE_COLUMNS, *(dict.fromkeys(texts, text) for text in HOSTILE))
    for notes in (False, True):
        found = report(write_run(tmp_path, tables), notes=notes)
        assert len(found.scripts) == 2
        assert "window.ran" not in "".join(text for _, text in found.scripts[1:])
        assert all(not name.startswith("on") for _, attributes in found.elements for name in attributes)
        assert "\u202e" not in found.html
        assert len(found.raw) < 2_000_000


def test_typed_ids_are_shown_only_where_they_are_plain(tmp_path: Path) -> None:
    name = "arm of Mrs Smith"
    tables = run_tables((replace(LESIONS[1], track=name),))
    finding = {"severity": "warning", "code": "id_not_integer", "patient": "P1", "track_id": name, "value": name}
    tables["track_findings"] = rows(FINDING_COLUMNS, finding | {"message": f"the id {name} is no number"})
    path = write_run(tmp_path, tables)
    shy, open_ = report(path), report(path, notes=True)
    assert "Smith" not in shy.html
    assert "Lesion (16 characters), patient P1" in shy.text
    assert f"Lesion {name}, patient P1" in open_.text
    assert f"the id {name} is no number" in open_.text
    # Outlines are found by the id itself.
    assert [svg for svg in shy.named("svg") if svg.get("class") == "lesion-outlines"]


def test_dates_and_queries_are_not_shown(tmp_path: Path) -> None:
    tables = run_tables()
    dated = TRACK_COLUMNS.append(pa.field("visit_date", pa.string()))
    tables["tracks"] = pa.Table.from_pylist([row | {"visit_date": "2031-04-05"} for row in made_rows()], schema=dated)
    found = report(write_run(tmp_path, tables))
    assert "2031" not in found.html
    assert "SECRET" not in found.html


def test_the_same_run_gives_the_same_bytes(folder: Path) -> None:
    assert lg.write_report(folder).read_bytes() == lg.write_report(folder).read_bytes()


# Style


def test_every_role_has_a_rule_and_the_colours_of_pictures_and_report_are_the_same() -> None:
    style = resources.files("lesiongeo.report").joinpath("templates/style.css").read_text(encoding="utf-8")
    for role in LOOKS.keys() - {"ground", "head", "words"}:
        assert f".v-{role} {{" in style, role
    blocks = re.findall(r"--ground: [^}]*}", style)
    light, dark = [dict(re.findall(r"--([\w-]+): (#\w{6});", block)) for block in blocks[:2]]
    for name, colour in LIGHT.items():
        assert light[name] == colour, name
    for name, colour in DARK.items():
        assert dark[name] == colour, name
    assert re.search(r"@media print.*--age6", style, re.DOTALL)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_lines_and_texts_stand_out_from_the_ground(colours: dict[str, str]) -> None:
    for role, look in LOOKS.items():
        if look.stroke is not None and role != "guide":
            needed = 2.8 if role == "age0" else 3.0
            assert contrast(colours[look.stroke], colours["ground"]) >= needed, role
    for role in ("words", "name", "alert", "head"):
        fill = LOOKS[role].fill
        assert fill is not None
        assert contrast(colours[fill], colours["ground"]) >= 4.5, role
