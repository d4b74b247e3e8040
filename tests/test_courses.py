"""Exports of known courses: each event does what it says, nothing else changes, and the truth is what was drawn."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import lesiongeo as lg
from lesiongeo.testing import COURSES_CONFIG, EVENT_KINDS, Annotator, Camera, Courses, Event, TrueRegion, make_courses

PLAIN: dict[str, Any] = {"patients": 2, "visits": 3, "annotators": 2, "lesions": (3, 3), "seed": 5}


def planned(*events: Event, **options: Any) -> Courses:
    return make_courses(**{**PLAIN, **options}, events=events)


def entries(made: Courses) -> dict[str, list[dict[str, Any]]]:
    """Entries of each region, by its id."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for task in made.tasks:
        for annotation in task["annotations"]:
            for entry in annotation["result"]:
                found[entry["id"]].append(entry)
    return found


def said(made: Courses, name: str) -> dict[tuple[str, int, int, int], Any]:
    """What the control says, by patient, lesion, visit and annotator."""
    found = {}
    by_region = entries(made)
    for region in made.regions:
        values = [entry["value"] for entry in by_region[region.region_id] if entry["from_name"] == name]
        answers = [value.get("number", value.get("choices", value.get("text"))) for value in values]
        found[region.patient, region.lesion, region.visit, region.annotator] = answers[0] if answers else None
    return found


def areas(made: Courses) -> dict[tuple[str, int, int, int], float]:
    """Drawn area in mm2 over the true one, by patient, lesion, visit and annotator; measured by the package."""
    export = lg.read_label_studio(json.dumps(made.tasks).encode(), images="images")
    table = export.regions.table
    names = (table[name].to_pylist() for name in ("annotation_id", "region_id"))
    px = dict(zip(zip(*names, strict=True), lg.measure(export.regions)["area_px2"].to_pylist(), strict=True))
    truth = {(one.patient, one.lesion): one for one in made.lesions}
    scale = {(one.task_id, one.page): one.spacing_mm for one in made.visits}
    found: dict[tuple[str, int, int, int], float] = defaultdict(float)
    for region in made.regions:
        right = truth[region.patient, region.lesion].areas_mm2[region.visit]
        assert right is not None
        drawn = px[region.annotation_id, region.region_id] * scale[region.task_id, region.page] ** 2
        found[region.patient, region.lesion, region.visit, region.annotator] += drawn / right
    return found


def rest(made: Courses, *, without: int) -> list[TrueRegion]:
    return [replace(region, annotation_id=0) for region in made.regions if region.lesion != without]


def test_without_events_all_are_stable_and_all_ids_right() -> None:
    made = planned()
    assert len(made.lesions) == 6 and len(made.visits) == 6 and len(made.regions) == 6 * 3 * 2
    assert {course.statuses for course in made.lesions} == {("baseline", "stable", "stable")}
    assert all(len(set(course.areas_mm2)) == 1 for course in made.lesions)
    assert all(region.typed_id == region.lesion and region.counts for region in made.regions)
    assert {value for key, value in said(made, "track_id").items()} == {1, 2, 3}
    assert {tuple(value) for value in said(made, "lesion_status").values()} == {("new",), ("stable",)}
    assert json.dumps(made.tasks) == json.dumps(planned().tasks)
    assert json.dumps(made.tasks) != json.dumps(planned(seed=6).tasks)


def test_what_is_drawn_is_the_truth_but_for_bias_and_noise() -> None:
    camera = Camera(2.0, 20.0, 0.1)
    sizes = ((1600, 1200), (1024, 768))
    events = [Event("grow", lesion=1, visit=1, size=1.8), Event("grow", lesion=1, visit=2, size=0.5)]
    crew = [Annotator.faultless(1), Annotator.faultless(2, bias=0.05)]
    made = planned(*events, annotators=crew, camera=camera, image_sizes=sizes, patients=6)
    ratios = areas(made)
    assert len(ratios) == 6 * 3 * 3 * 2
    for (_, _, _, who), ratio in ratios.items():
        assert ratio == pytest.approx({1: 1.0, 2: 1.05**2}[who], abs=0.03)
    assert {course.statuses for course in made.lesions if course.lesion == 1} == {("baseline", "enlarged", "shrunk")}
    course = made.lesions[0]
    assert [area / course.areas_mm2[0] for area in course.areas_mm2 if area and course.areas_mm2[0]] == pytest.approx(
        [1.0, 1.8, 0.9]
    )


def test_lesions_are_where_the_camera_shows_them() -> None:
    made = planned(camera=Camera(3.0, 20.0, 0.1), patients=5, noise=0.0, bias=0.0)
    export = lg.read_label_studio(json.dumps(made.tasks).encode())
    centre = dict(zip(export.regions.table["region_id"].to_pylist(), lg.centroid(export.regions.polygons), strict=True))
    places = {(one.patient, one.lesion): one.place_mm for one in made.lesions}
    seen = {(one.task_id, one.page): one for one in made.visits}
    turns = [one.rotation_deg for one in made.visits]
    assert min(turns) < -5 and max(turns) > 5 and max(map(abs, turns)) <= 20
    for region in made.regions:
        visit = seen[region.task_id, region.page]
        expected = visit.to_px(places[region.patient, region.lesion])
        # The centre of a star of harmonics is near that of its area.
        assert np.hypot(*(centre[region.region_id] - expected)) * visit.spacing_mm < 0.5
        assert 0 < expected[0] < visit.width and 0 < expected[1] < visit.height


def test_appearing_and_resolving() -> None:
    made = planned(Event("appear", patient=1, lesion=2, visit=1), Event("resolve", patient=2, lesion=3, visit=1))
    statuses = {(one.patient, one.lesion): one.statuses for one in made.lesions}
    assert statuses["P0001", 2] == (None, "new", "stable")
    assert statuses["P0002", 3] == ("baseline", "resolved", "resolved")
    drawn = {(region.patient, region.lesion, region.visit) for region in made.regions}
    assert ("P0001", 2, 0) not in drawn and ("P0001", 2, 1) in drawn
    assert ("P0002", 3, 0) in drawn and ("P0002", 3, 1) not in drawn


def test_a_split_is_two_outlines_of_one_id_apart_and_a_merger_one_of_both_areas() -> None:
    made = planned(
        Event("split", patient=1, lesion=1, visit=1), Event("merge", patient=2, lesion=1, other=2, visit=1), noise=0.0
    )
    statuses = {(one.patient, one.lesion): one.statuses for one in made.lesions}
    assert statuses["P0001", 1] == ("baseline", "split", "stable")
    assert statuses["P0002", 1] == ("baseline", "enlarged", "stable")
    assert statuses["P0002", 2] == ("baseline", "merged", "merged")
    parts = [region for region in made.regions if (region.patient, region.lesion, region.visit) == ("P0001", 1, 2)]
    assert [(region.annotator, region.typed_id) for region in parts] == [(1, 1), (1, 1), (2, 1), (2, 1)]
    biases = {1: 1.0, 2: 0.98**2}
    assert all(ratio == pytest.approx(biases[key[3]], abs=0.03) for key, ratio in areas(made).items())
    export = lg.read_label_studio(json.dumps(made.tasks).encode())
    row = {name: k for k, name in enumerate(export.regions.table["region_id"].to_pylist())}
    polygons = export.regions.polygons.take([row[region.region_id] for region in parts[:2]])
    assert lg.iou(polygons.take([0]), polygons.take([1]))[0] == 0.0
    # The merged outline covers the place where the other was.
    truth = {(one.patient, one.lesion): one for one in made.lesions}
    first = truth["P0002", 1].areas_mm2
    assert first[1] == pytest.approx((first[0] or 0.0) + (truth["P0002", 2].areas_mm2[0] or 0.0))


def test_ids_that_annotators_get_wrong() -> None:
    made = planned(
        Event("swap_ids", patient=1, lesion=1, other=2, visit=1, annotator=2),
        Event("lose_id", patient=1, lesion=3, visit=2, annotator=1),
        Event("wrong_id", patient=2, lesion=1, visit=0, size=7.5, annotator=1),
        Event("renumber", patient=2, annotator=2, size=10),
    )
    typed = said(made, "track_id")
    assert (typed["P0001", 1, 1, 2], typed["P0001", 2, 1, 2]) == (2, 1)
    assert typed["P0001", 3, 2, 1] is None
    assert typed["P0002", 1, 0, 1] == 7.5
    assert {typed["P0002", lesion, visit, 2] - lesion for lesion in (1, 2, 3) for visit in range(3)} == {10}
    right = [key for key, value in typed.items() if value == key[1]]
    assert len(right) == len(typed) - 2 - 1 - 1 - 9
    assert {(r.patient, r.lesion, r.visit, r.annotator): r.typed_id for r in made.regions} == typed


def test_answers_notes_and_missed_lesions() -> None:
    made = planned(
        Event("tick", patient=1, lesion=1, visit=1, annotator=1, text="enlarged"),
        Event("label", patient=1, lesion=1, visit=2, annotator=2, text="other"),
        Event("note", patient=2, lesion=2, visit=0, annotator=1, text="call 555-0100"),
        Event("miss", patient=2, lesion=3, visit=1, annotator=2),
    )
    assert said(made, "lesion_status")["P0001", 1, 1, 1] == ["enlarged"]
    assert said(made, "lesion_status")["P0001", 1, 1, 2] == ["stable"]
    notes = {key: value for key, value in said(made, "notes").items() if value is not None}
    assert notes == {("P0002", 2, 0, 1): ["call 555-0100"]}
    drawn = {(region.patient, region.lesion, region.visit, region.annotator) for region in made.regions}
    assert ("P0002", 3, 1, 2) not in drawn and ("P0002", 3, 1, 1) in drawn
    labels = defaultdict(set)
    by_region = entries(made)
    for region in made.regions:
        labels[region.patient, region.lesion].add(by_region[region.region_id][0]["value"]["polygonlabels"][0])
    own = next(one.label for one in made.lesions if (one.patient, one.lesion) == ("P0001", 1))
    assert labels.pop(("P0001", 1)) == {own, "other"}
    assert all(len(given) == 1 for given in labels.values())


def test_visits_without_a_usable_image() -> None:
    made = planned(Event("unimaged", patient=1, visit=1), Event("unusable", patient=2, visit=1))
    first, second = made.tasks
    assert [image is None for image in first["data"]["images"]] == [False, True, False]
    assert None not in second["data"]["images"]
    assert not [region for region in made.regions if region.visit == 1]
    answers = [e["value"] for a in second["annotations"] for e in a["result"] if e.get("item_index") == 1]
    assert answers == [{"choices": ["image_unusable"]}] * 2
    assert {course.statuses for course in made.lesions} == {("baseline", "not_imaged", "stable")}
    assert [visit.imaged for visit in made.visits] == [True, False, True] * 2


def test_somebody_annotates_a_task_twice() -> None:
    made = planned(Event("repeat", patient=1, annotator=2), noise=0.02)
    people = [annotation["completed_by"] for annotation in made.tasks[0]["annotations"]]
    assert people == [1, 2, 2]
    old, new = made.tasks[0]["annotations"][1:]
    assert old["updated_at"] < new["updated_at"]
    assert old["result"] != new["result"]
    counts = defaultdict(set)
    for region in made.regions:
        counts[region.annotation_id].add(region.counts)
    assert counts[old["id"]] == {False} and counts[new["id"]] == {True}
    ids = [region.region_id for region in made.regions]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("kind", sorted(EVENT_KINDS))
def test_an_event_changes_nothing_else(kind: str) -> None:
    values = {"lesion": 1, "other": 2, "visit": 1, "size": 1.5, "text": "other"}
    event = Event(kind, patient=1, **{name: values[name] for name in EVENT_KINDS[kind][0]})  # type: ignore[arg-type]
    if event.lesion is None and kind not in ("unimaged", "unusable", "renumber", "repeat"):
        event = replace(event, lesion=1)
    plain, made = planned(), planned(event)
    assert json.dumps(made.tasks[0]) != json.dumps(plain.tasks[0])
    one, two = entries(plain), entries(made)
    # Another patient is drawn to the last digit as before; running numbers of annotations aside.
    theirs = [region.region_id for region in plain.regions if region.patient == "P0002"]
    assert all(one[name] == two[name] for name in theirs)
    if kind in ("grow", "appear", "resolve", "lose_id", "wrong_id", "label", "tick", "note", "miss"):
        assert rest(plain, without=1) == rest(made, without=1)
        kept = [region.region_id for region in rest(plain, without=1)]
        assert all(one[name] == two[name] for name in kept)


def test_sites_and_tasks_per_visit() -> None:
    made = planned(sites=("arm", "back"), visit_tasks=True, dates="both", days=(0, 30, 90))
    assert len(made.tasks) == 2 * 2 * 3
    assert [task["id"] for task in made.tasks] == list(range(1, 13))
    assert [task["data"]["site"] for task in made.tasks[:6]] == ["arm"] * 3 + ["back"] * 3
    assert made.tasks[1]["data"]["visit_offsets_days"] == [30]
    starts = [task["data"]["visit_dates"][0] for task in made.tasks[::6]]
    assert starts[0] != starts[1]
    # Lesions of another site are others.
    assert made.lesions[0].areas_mm2 != made.lesions[3].areas_mm2
    assert [lesion.lesion for lesion in made.lesions] == [1, 2, 3] * 4
    only = planned(Event("resolve", site="back", visit=1), sites=("arm", "back"))
    assert {(one.site, one.statuses[1]) for one in only.lesions} == {("arm", "stable"), ("back", "resolved")}


def test_the_data_says_what_it_is_asked_to_say() -> None:
    assert set(planned(dates="none", spacing=False).tasks[0]["data"]) == {"patient_id", "images"}
    assert set(planned(dates="dates").tasks[0]["data"]) == {"patient_id", "images", "visit_dates", "spacing_mm"}
    export = lg.read_label_studio(json.dumps(planned(marker_mm=10.0).tasks).encode(), config=COURSES_CONFIG)
    assert not export.problems.num_rows
    line = planned(marker_mm=10.0, marker_kind="line")
    export = lg.read_label_studio(json.dumps(line.tasks).encode(), config=COURSES_CONFIG)
    assert not export.problems.num_rows
    assert export.regions.table["kind"].to_pylist().count("line") == 2 * 3 * 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"visits": 0}, "need patients"),
        ({"lesions": (3, 2)}, "lesions must be"),
        ({"lesions": (60, 60)}, "do not fit"),
        ({"vertices": (4, 8)}, "vertices must be"),
        ({"days": (0, 1)}, "days has 2 values for 3 visits"),
        ({"dates": "moon"}, "dates must be"),
        ({"marker_kind": "coin"}, "marker_kind must be"),
        ({"annotators": [Annotator(1)]}, "does things by chance"),
        ({"annotators": [Annotator.faultless(1)] * 2}, "same id"),
        ({"annotators": [Annotator.faultless(1)], "bias": 0.1}, "set bias and noise"),
        ({"events": [Event("merge", lesion=1, other=9, visit=1)]}, "needs two lesions"),
    ],
)
def test_what_cannot_be_made_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_courses(**{**PLAIN, **options})


def test_events_and_cameras_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="kind must be one of"):
        Event("vanish")
    with pytest.raises(ValueError, match="grow needs size"):
        Event("grow", visit=1)
    with pytest.raises(ValueError, match="factor above 0"):
        Event("grow", visit=1, size=0.0)
    with pytest.raises(ValueError, match="not negative"):
        Camera(rotation_deg=-1.0)
    with pytest.raises(ValueError, match=r"below 0.5"):
        Camera(scale=0.5)
