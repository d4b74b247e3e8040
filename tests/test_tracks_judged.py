"""Statuses and conflicts of whole exports: generated courses whose truth is known, and a real export."""

import json
from pathlib import Path

import pytest

import lesiongeo as lg
from lesiongeo.testing import Event, make_courses
from lesiongeo.testing.courses import Courses
from lesiongeo.testing.scenes import Camera
from lesiongeo.tracks.observations import By
from test_agreement_rules import annotation, polygon, task

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "label_studio" / "ls_real_export.json"
FIELDS = {"patient": "patient_id", "day_offset": "visit_offsets_days", "spacing_mm": "spacing_mm"}
EVENTS = [
    *(Event("grow", patient=patient, lesion=1, visit=2, size=1.6) for patient in (1, 4, 6, 7)),
    Event("grow", patient=1, lesion=3, visit=1, size=0.6),
    Event("resolve", patient=1, lesion=2, visit=2),
    Event("appear", patient=2, lesion=3, visit=2),
    Event("resolve", patient=2, lesion=1, visit=1),
    Event("unusable", patient=2, visit=1),
    Event("merge", patient=3, lesion=1, other=2, visit=2),
    Event("split", patient=4, lesion=2, visit=3),
    Event("appear", patient=5, lesion=2, visit=1),
    Event("unusable", patient=5, visit=0),
    Event("miss", patient=5, lesion=3, visit=3, annotator=2),
    # What is ticked wrongly: severity, kind, in the order of `TICKS`.
    Event("tick", patient=6, lesion=1, visit=2, annotator=2, text="unchanged"),
    Event("tick", patient=7, lesion=1, visit=2, annotator=3, text="Smaller"),
    Event("tick", patient=6, lesion=2, visit=3, annotator=1, text="new"),
    Event("tick", patient=6, lesion=3, visit=3, annotator=1, text="resolved"),
    Event("tick", patient=7, lesion=2, visit=1, annotator=2, text="growing"),
    Event("tick", patient=7, lesion=3, visit=1, annotator=2, text="somewhat worse"),
]
TICKS = [
    ("P0007", "1", 2, "opposite_direction", "shrunk", "Smaller", ["3"]),
    ("P0006", "1", 2, "change_not_ticked", "stable", "unchanged", ["2"]),
    ("P0006", "2", 3, "seen_before", "new", "new", ["1"]),
    ("P0006", "3", 3, "resolved_but_drawn", "resolved", "resolved", ["1"]),
    ("P0007", "2", 1, "change_not_measured", "enlarged", "growing", ["2"]),
]


def read(made: Courses) -> lg.Export:
    return lg.read_label_studio(json.dumps(made.tasks).encode(), **FIELDS)


def statuses(found: lg.Tracks) -> dict[tuple[str, str, str | None], dict[int, str | None]]:
    courses: dict[tuple[str, str, str | None], dict[int, str | None]] = {}
    for row in found.table.to_pylist():
        key = (row["patient"], row["track_id"], row.get("annotator"))
        courses.setdefault(key, {})[row["visit"]] = row["geo_status"]
    return courses


def truth(made: Courses) -> dict[tuple[str, str], dict[int, str | None]]:
    found = {}
    for course in made.lesions:
        said = {visit: status for visit, status in enumerate(course.statuses) if status is not None}
        if said:
            found[course.patient, str(course.lesion)] = said
    return found


@pytest.mark.parametrize(
    ("seed", "camera", "apart"),
    [(1, Camera(), False), (2, Camera(), True), (3, Camera(rotation_deg=8.0, scale=0.1), False)],
    ids=["tasks of patients", "tasks of visits", "moving camera"],
)
def test_generated_courses(seed: int, camera: Camera, apart: bool) -> None:
    made = make_courses(
        patients=7, visits=4, lesions=(3, 3), events=EVENTS, seed=seed, camera=camera, visit_tasks=apart
    )
    found = lg.tracks(read(made), noise=15.0)
    assert statuses(found) == {(*key, None): course for key, course in truth(made).items()}
    # Ticks are those of the truth but for those that were planned, and that people tick "resolved" nowhere else.
    rows = found.conflicts.to_pylist()
    names = ("patient", "track_id", "visit", "kind", "ticked", "answer", "annotators")
    assert sorted(tuple(row[name] for name in names) for row in rows) == sorted(TICKS)
    assert [row["severity"] for row in rows] == [1, 2, 3, 3, 4]
    marked = found.table.filter(found.table["conflict"]).select(["patient", "track_id", "visit"]).to_pylist()
    assert sorted(tuple(row.values()) for row in marked) == sorted({one[:3] for one in TICKS})
    assert all(row["area_now"] > 0 and row["unit"] == "mm" and row["days"] > 0 for row in rows)
    words = found.findings.filter(having(found, "code", "status_unknown")).to_pylist()
    assert [(row["value"], row["annotator"]) for row in words] == [("somewhat worse", "2")]
    explained = lg.tracks(read(made), noise=15.0, statuses={"answers": {"Somewhat worse": "enlarged"}})
    assert explained.conflicts.num_rows == len(TICKS) + 1
    assert "status_unknown" not in explained.findings["code"].to_pylist()


def having(found: lg.Tracks, name: str, value: str) -> list[bool]:
    return [one == value for one in found.findings[name].to_pylist()]


def test_tracks_of_each_annotator() -> None:
    made = make_courses(patients=7, visits=4, lesions=(3, 3), events=EVENTS, seed=1)
    found = lg.tracks(read(made), by="annotator", noise=15.0)
    expected = {(*key, who): dict(course) for key, course in truth(made).items() for who in ("1", "2", "3")}
    # Who misses a lesion on an image that was annotated says that it is gone.
    expected["P0005", "3", "2"][3] = "resolved"
    assert statuses(found) == expected
    assert found.conflicts.num_rows == len(TICKS)


def test_who_did_not_look_says_nothing() -> None:
    made = make_courses(patients=2, visits=3, lesions=(2, 2), seed=2, visit_tasks=True)
    for one_task in made.tasks[1::3]:
        one_task["annotations"] = [one for one in one_task["annotations"] if one["completed_by"] not in (3, {"id": 3})]
    assert [len(one["annotations"]) for one in made.tasks] == [3, 2, 3] * 2
    found = lg.tracks(read(made), by="annotator", noise=15.0)
    middle = {key[2]: course[1] for key, course in statuses(found).items()}
    assert middle == {"1": "stable", "2": "stable", "3": "not_imaged"}
    reasons = {row["geo_reason"] for row in found.table.to_pylist() if row["geo_status"] == "not_imaged"}
    assert reasons == {"not_annotated"}
    assert set(lg.tracks(read(made), noise=15.0).table["geo_status"].to_pylist()) == {"baseline", "stable"}


@pytest.mark.parametrize("by", ["lesion", "annotator"])
def test_what_is_out_of_the_frame_is_not_resolved(by: By) -> None:
    """The camera of visits 1 and 2 leaves out the first of four lesions, that of visit 3 none; the second is gone."""
    places = [(150, 300), (500, 250), (800, 700), (400, 800)]
    result = []
    for page, shift in enumerate((0, 300, 250, 40)):
        for number, (x, y) in enumerate(places, 1):
            if x < shift or (number == 2 and page == 3):
                continue
            points = [((x - shift + dx) / 10, (y + dy) / 10) for dx, dy in ((-40, -40), (40, -40), (40, 40), (-40, 40))]
            drawn = polygon(f"r{page}-{number}", points, page=page, size=(1000, 1000))
            value = {key: drawn["value"][key] for key in ("points", "closed")} | {"number": number}
            result += [drawn, {**drawn, "from_name": "track_id", "type": "number", "value": value}]
    export = lg.read_label_studio(json.dumps([task([annotation(1, 1, result)], images=4)]).encode())
    table = lg.tracks(export, by=by, noise=10.0).table
    said = list(zip(table["geo_status"].to_pylist(), table["geo_reason"].to_pylist(), strict=True))
    assert said[:4] == [("baseline", None), *[("not_imaged", "out_of_frame")] * 2, ("stable", None)]
    assert said[4:8] == [("baseline", None), ("stable", None), ("stable", None), ("resolved", None)]


def test_wounds_and_percentages() -> None:
    events = [Event("grow", lesion=1, visit=1, size=0.7), Event("grow", lesion=1, visit=2, size=0.5)]
    made = make_courses(patients=2, visits=3, lesions=(1, 1), annotators=1, events=events, days=[0, 14, 28])
    rows = lg.tracks(read(made), noise=10.0, rule="wound").table.to_pylist()[:3]
    assert [row["geo_status"] for row in rows] == ["baseline", "shrunk", "shrunk"]
    assert [row["healing"] for row in rows] == [None, "healing", "healing"]
    assert rows[1]["pct_area_per_week"] == pytest.approx(100 * (0.7**0.5 - 1), abs=2)
    assert rows[2]["reduction_4_weeks"] == pytest.approx(65, abs=3)
    percent = lg.tracks(read(made), noise=10.0, rule="percent:25:40").table.to_pylist()[:3]
    assert [row["geo_status"] for row in percent] == ["baseline", "stable", "shrunk"]
    assert "healing" not in percent[0]


@pytest.mark.skipif(not REAL.exists(), reason="no shared data")
def test_a_real_export() -> None:
    """Annotator 2 ticked `stable` on a melanoma that doubled, annotator 1 `enlarged`."""
    export = lg.read_label_studio(REAL, patient="patient_id", visit_date="visit_dates")
    found = lg.tracks(export, noise=25.0)
    (row,) = found.conflicts.to_pylist()
    assert (row["patient"], row["track_id"], row["visit"], row["annotators"]) == ("P001", "1", 2, ["2"])
    assert (row["kind"], row["severity"], row["label"]) == ("change_not_ticked", 2, "melanoma")
    # Geometric means of the areas of both: 31535.2 and 35338.8, then 61807.9 and 69264.0 (shoelace).
    assert row["area_previous"] == pytest.approx((31535.2 * 35338.8) ** 0.5, rel=1e-4)
    assert row["area_now"] == pytest.approx((61807.9 * 69264.0) ** 0.5, rel=1e-4)
    assert row["pct_area"] == pytest.approx(96.0, abs=0.01)
    assert row["message"] == (
        'Annotator 2 ticked "stable", but from visit 1 to visit 2 (187 days) its area grew from 33383 to 65430 px2 '
        "(+96.0 %); the annotators' noise explains only up to +25.0 %."
    )
    assert statuses(found) == {
        ("P001", "1", None): {0: "baseline", 1: "stable", 2: "enlarged"},
        ("P001", "2", None): {0: "baseline", 1: "stable", 2: "stable"},
        ("P001", "4", None): {2: "new"},
        ("P001", "5", None): {1: "new", 2: "resolved"},
        ("P001", "6", None): {0: "baseline", 1: "resolved", 2: "resolved"},
        ("P002", "1", None): {0: "baseline", 1: "stable", 2: "stable"},
    }
    melanoma = found.table.to_pylist()[2]
    # One says enlarged, one says stable.
    assert (melanoma["human_status"], melanoma["human_answer"], melanoma["conflict"]) == (None, None, True)
