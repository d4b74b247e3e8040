"""Lesions over visits, worked out by the package and by an independent calculation of the raw files."""

from __future__ import annotations

import gzip
import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import lesiongeo as lg
from lesiongeo.testing import Event, make_courses
from lesiongeo.testing.courses import Courses
from lesiongeo.testing.scenes import Camera
from real_exports import MAKER, real_export
from reference_tracks import Seen, Track, filled, follow, read_tasks

Row = dict[str, Any]

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
REAL = DATA / "label_studio" / "ls_real_export.json"
FIELDS = {"patient": "patient_id", "day_offset": "visit_offsets_days", "spacing_mm": "spacing_mm"}
DATED = {"patient": "patient_id", "visit_date": "visit_dates"}
TABLES = ("table", "conflicts", "findings", "proposals", "noise", "visits", "index")
#: A change of area in percent that is one, where it is not the noise that is judged.
CHANGE = 15.0

#: What happens, and by which findings it has to be told: code, visit, annotator (None: of all of them or of no one).
PLANNED: list[tuple[Event, set[tuple[str, int | None, str | None]]]] = [
    (Event("grow", patient=1, lesion=1, visit=2, size=1.6), set()),
    (Event("grow", patient=1, lesion=2, visit=1, size=0.6), set()),
    (Event("resolve", patient=2, lesion=1, visit=2), set()),
    (Event("appear", patient=15, lesion=2, visit=2), set()),
    (Event("unimaged", patient=3, visit=1), set()),
    (Event("unusable", patient=4, visit=2), set()),
    (Event("unimaged", patient=4, visit=0), set()),
    (Event("miss", patient=5, lesion=2, visit=1, annotator=2), {("missed_by", 1, "2")}),
    (
        Event("swap_ids", patient=6, lesion=1, other=3, visit=2, annotator=1),
        {("id_differs", 2, "1"), ("id_elsewhere", 2, "1")},
    ),
    (Event("lose_id", patient=7, lesion=1, visit=1, annotator=3), {("id_missing", 1, "3")}),
    (Event("wrong_id", patient=8, lesion=2, visit=3, size=9, annotator=1), {("id_differs", 3, "1")}),
    (Event("repeat", patient=9, annotator=2), set()),
    (Event("swap_ids", patient=10, lesion=1, other=2, visit=1), {("id_swap", 1, None)}),
    (Event("miss", patient=11, lesion=3, visit=2), {("id_gap", 2, None)}),
    (Event("renumber", patient=12, annotator=2, size=20), {("id_numbering_differs", None, "2")}),
    (Event("label", patient=13, lesion=1, visit=2, text="other"), {("id_label_differs", 2, None)}),
    (Event("wrong_id", patient=14, lesion=1, visit=3, size=40), {("id_changed", 3, None)}),
]


def planned(seed: int, **options: Any) -> Courses:
    events = [event for event, _ in PLANNED]
    return make_courses(patients=18, visits=4, lesions=(3, 3), events=events, seed=seed, **options)


def read(raw: list[Row], **fields: Any) -> lg.Export:
    return lg.read_label_studio(json.dumps(raw).encode(), **fields)


def courses_of(found: lg.Tracks) -> dict[Track, list[Row]]:
    courses: dict[Track, list[Row]] = defaultdict(list)
    for row in found.table.to_pylist():
        courses[row["patient"], row["site"], row["track_id"], row.get("annotator")].append(row)
    return courses


def same(found: Row, expected: Seen) -> list[str]:
    """The columns that differ."""
    slope = "slope_mm2_month" if found["unit"] == "mm" else "slope_px2_month"
    pairs = {
        "visit": expected.visit,
        "day_offset": expected.day,
        "task_id": expected.task,
        "page": expected.page,
        "annotators": expected.people,
        "area_px2": expected.area_px2,
        "area_mm2": expected.area_mm2,
        "pct_area": expected.pct_area,
        "pct_area_first": expected.pct_area_first,
        "log_rate_month": expected.log_rate_month,
        "slope_log_month": expected.slope_log_month,
        slope: expected.slope_month,
        "geo_status": expected.status,
    }
    return [f"{name}: {found[name]}, not {value}" for name, value in pairs.items() if not equal(found[name], value)]


def equal(found: Any, expected: Any) -> bool:
    if isinstance(found, float) and isinstance(expected, int | float):
        return math.isclose(found, expected, rel_tol=1e-8, abs_tol=1e-8)
    return bool(found == expected)


def compare(raw: list[Row], found: lg.Tracks, *, by_annotator: bool = False, but: tuple[str, ...] = ()) -> int:
    """Compare all rows with the independent calculation, but those of some patients; return how many there were."""
    expected = follow(read_tasks(raw), CHANGE, by_annotator=by_annotator).rows
    courses = courses_of(found)
    assert {key for key in courses if key[0] not in but} == {key for key in expected if key[0] not in but}
    rows = 0
    for key, course in expected.items():
        if key[0] not in but:
            assert len(courses[key]) == len(course), key
            for one, other in zip(courses[key], course, strict=True):
                assert not same(one, other), (key, one["visit"], same(one, other))
                rows += 1
    return rows


# --- a real export over three visits, by hand from its file: patient, id, visit, who, area, status

BY_HAND = [
    ("P001", "1", 0, "12", math.sqrt(25543.08 * 28624.59), "baseline"),
    ("P001", "1", 1, "12", math.sqrt(31534.67 * 35339.00), "enlarged"),
    ("P001", "1", 2, "12", math.sqrt(61807.95 * 69264.43), "enlarged"),
    ("P001", "2", 0, "12", math.sqrt(7804.11 * 8440.92), "baseline"),
    ("P001", "2", 1, "12", math.sqrt(7804.11 * 8440.92), "stable"),
    ("P001", "2", 2, "12", math.sqrt(7804.11 * 8440.92), "stable"),
    ("P001", "4", 2, "1", 2792.92, "new"),
    # A bow tie of 200 x 120 px whose sides cross 3/10 of the way: two triangles, not their difference.
    ("P001", "5", 1, "2", 9600.00, "new"),
    ("P001", "5", 2, "", None, "resolved"),
    ("P001", "6", 0, "2", 152.0 * 120.0, "baseline"),
    ("P001", "6", 1, "", None, "resolved"),
    ("P001", "6", 2, "", None, "resolved"),
    # The ground truth is measured, on the first visit beside what a second person copied from it.
    ("P002", "1", 0, "12", 20096.84, "baseline"),
    ("P002", "1", 1, "1", 22687.45, "stable"),
    ("P002", "1", 2, "1", 25435.07, "stable"),
]


@pytest.mark.skipif(not REAL.exists(), reason="no shared data")
def test_a_real_export_gives_the_rows_that_its_file_says() -> None:
    found = lg.tracks(lg.read_label_studio(REAL, **DATED), noise=CHANGE)
    rows = found.table.to_pylist()
    assert len(rows) == len(BY_HAND)
    for row, (patient, track, visit, who, area, status) in zip(rows, BY_HAND, strict=True):
        assert (row["patient"], row["track_id"], row["visit"]) == (patient, track, visit)
        assert row["annotators"] == list(who)
        assert row["area_px2"] == (None if area is None else pytest.approx(area, rel=1e-5))
        assert row["geo_status"] == status
        assert (row["unit"], row["calibrated"], row["area_mm2"]) == ("px" if area else None, False, None)
        assert row["day_offset"] == [0.0, 183.0, 370.0][visit]
    # By the squares of the diameters, which grew by 10 and 40 in 90 and 100 parts.
    assert rows[2]["pct_area"] == pytest.approx(96.0, abs=1e-6)
    assert rows[1]["pct_area"] == pytest.approx(100 * (100 / 81 - 1), abs=1e-6)
    raw = json.loads(REAL.read_text())
    assert compare(raw, found) == 15
    readers = lg.tracks(lg.read_label_studio(REAL, **DATED), by="annotator", noise=CHANGE)
    assert compare(raw, readers, by_annotator=True) == 25


@pytest.mark.skipif(not REAL.exists(), reason="no shared data")
def test_a_wrong_id_and_missed_lesions_of_a_real_export_are_found() -> None:
    found = lg.tracks(lg.read_label_studio(REAL, **DATED))
    said = [
        (row["code"], row["track_id"], row["visit"], row["annotator"], row["region_id"], row["value"])
        for row in found.findings.to_pylist()
        if row["patient"] == "P001"
    ]
    assert sorted(said, key=str) == [
        ("id_differs", "2", 2, "2", "cfa2d29572", "3"),
        ("id_missing", None, 0, "2", "c769f6603d", None),
        ("missed_by", "4", 2, "2", None, "drawn by 1 of 2"),
        ("missed_by", "5", 1, "1", None, "drawn by 1 of 2"),
        ("missed_by", "6", 0, "1", None, "drawn by 1 of 2"),
    ]
    (proposal,) = (row for row in found.proposals.to_pylist() if row["region_id"] == "cfa2d29572")
    assert proposal["proposed_id"] == "2"


@pytest.mark.skipif(not REAL.exists(), reason="no shared data")
def test_a_snapshot_of_the_project_says_the_same() -> None:
    one = lg.tracks(lg.read_label_studio(REAL, **DATED))
    other = lg.tracks(lg.read_label_studio(REAL.with_name("ls_real_export_snapshot.json"), **DATED))
    assert all(getattr(one, name).equals(getattr(other, name)) for name in TABLES)


# --- courses whose truth is known


@pytest.mark.parametrize(
    ("seed", "options"),
    [
        (1, {}),
        (2, {"visit_tasks": True, "dates": "dates"}),
        (3, {"camera": Camera(4.0, 15.0, 0.1), "dates": "dates"}),
        (4, {"spacing": False}),
        (5, {"dates": "none"}),
    ],
    ids=["tasks of patients", "tasks of visits", "moving camera", "pixels", "order only"],
)
def test_generated_courses_are_as_calculated(seed: int, options: dict[str, Any]) -> None:
    made = planned(seed, **options)
    fields = dict(FIELDS) if options.get("spacing", True) else {"patient": "patient_id"} | DAYS
    if options.get("dates") in ("dates", "none"):
        fields.pop("day_offset")
    if options.get("dates") == "dates":
        fields["visit_date"] = "visit_dates"
    export = read(made.tasks, **fields)
    found = lg.tracks(export, noise=CHANGE)
    assert compare(made.tasks, found, but=("P0012",)) > 180
    check_truth(made, found)
    check_findings(found)
    # A lost id is looked for within the task here, so not where each visit is one.
    lost = ("P0007",) if options.get("visit_tasks") else ()
    if "camera" not in options:
        readers = lg.tracks(export, by="annotator", noise=CHANGE)
        assert compare(made.tasks, readers, by_annotator=True, but=lost) > 500


DAYS = {"day_offset": "visit_offsets_days"}


def check_truth(made: Courses, found: lg.Tracks) -> None:
    """Statuses and areas are those of the generator, but where everybody said something else."""
    courses = courses_of(found)
    for course in made.lesions:
        if course.patient in ("P0010", "P0011", "P0014"):
            continue
        expected = [status for status in course.statuses if status is not None]
        rows = courses[course.patient, None, str(course.lesion), None]
        # Nothing was seen of it while there was no image.
        if course.patient == "P0004":
            expected, areas = expected[-len(rows) :], course.areas_mm2[-len(rows) :]
        else:
            areas = course.areas_mm2[-len(rows) :]
        assert [row["geo_status"] for row in rows] == expected, (course, rows[0])
        for row, area in zip(rows, areas, strict=True):
            if row["n_drawn"] and row["area_mm2"] is not None:
                assert row["area_mm2"] == pytest.approx(area, rel=0.15)


def check_findings(found: lg.Tracks) -> None:
    """Everything planned is found, and nothing is said of patients of whom nothing was planned, or of other visits."""
    said: dict[str, set[tuple[str, int | None, str | None]]] = defaultdict(set)
    for row in found.findings.to_pylist():
        # Exchanged labels come with exchanged ids.
        if row["severity"] != "info" and (row["patient"], row["code"]) != ("P0010", "id_label_differs"):
            common = row["code"] in ("id_swap", "id_changed")
            said[row["patient"]].add((row["code"], row["visit"], None if common else row["annotator"]))
    wanted: dict[str, set[tuple[str, int | None, str | None]]] = defaultdict(set)
    for event, codes in PLANNED:
        wanted[f"P{event.patient:04d}"] |= codes
    for patient in sorted(said.keys() | wanted.keys()):
        assert said[patient] <= wanted[patient], (patient, said[patient])
        # One of several codes may tell of an exchange.
        assert bool(said[patient]) == bool(wanted[patient]), (patient, wanted[patient])


# --- what did not change


def unchanged(seed: int) -> list[Row]:
    """A project of stable lesions: habits and noise of its own, different people per visit, regions missed."""
    rng = np.random.default_rng(seed)
    people = int(rng.integers(3, 7))
    made = make_courses(
        patients=int(rng.integers(8, 25)),
        visits=int(rng.integers(3, 6)),
        lesions=(2, 5),
        annotators=people,
        bias=rng.normal(0.0, 0.06, people).tolist(),
        noise=rng.uniform(0.02, 0.08, people).tolist(),
        vertices=(12, 20),
        visit_tasks=True,
        seed=seed,
    )
    for task in made.tasks:
        if seed % 2:
            there = rng.choice(people, int(rng.integers(2, min(people, 4) + 1)), replace=False) + 1
            task["annotations"] = [one for one in task["annotations"] if person(one) in there]
        for one in task["annotations"]:
            drawn = sorted({entry["id"] for entry in one["result"] if entry["type"] == "polygonlabels"})
            missed = {name for name in drawn if rng.random() < 0.1}
            one["result"] = [entry for entry in one["result"] if entry["id"] not in missed]
    return made.tasks


def person(annotation: Row) -> int:
    by = annotation["completed_by"]
    return int(by["id"] if isinstance(by, dict) else by)


def check_false_alarms(seeds: range) -> None:
    """At most 5 % are called enlarged or shrunk, by a bound that one of a thousand right programs would miss.

    Lesions of one project share its noise, so the bound allows for twice the binomial variance.
    """
    said: Counter[str] = Counter()
    for seed in seeds:
        rows = lg.tracks(read(unchanged(seed), **FIELDS)).table.to_pylist()
        assert all(row["spacing_source"] == "field" for row in rows)
        said.update(row["geo_status"] for row in rows if row["reason"] is None)
    total, wrong = sum(said.values()), said["enlarged"] + said["shrunk"]
    assert set(said) == {"stable", "enlarged", "shrunk"}
    assert total > 80 * len(seeds)
    assert wrong <= 0.05 * total + 3.1 * math.sqrt(2 * 0.05 * 0.95 * total), said
    # The noise is not made larger than it is just to be right.
    assert wrong >= 0.015 * total, said


def test_unchanged_lesions_are_stable() -> None:
    check_false_alarms(range(1000, 1004))


@pytest.mark.slow
def test_unchanged_lesions_of_many_projects_are_stable() -> None:
    check_false_alarms(range(2000, 2060))


# --- volumes


@pytest.mark.slow
@pytest.mark.skipif(not MAKER.exists(), reason="no shared data")
def test_volumes_of_nodules_by_reader() -> None:
    """Every nodule of every reader: the areas of all its outlines times spacing and thickness."""
    spacing, thick = 0.7, 1.25
    export = lg.read_label_studio(real_export("lidc"), patient="patient_id")
    found = lg.volumes(lg.tracks(export, by="annotator", spacing_mm=spacing), slice_spacing_mm=thick)
    scans: dict[str, list[Row]] = defaultdict(list)
    with gzip.open(DATA / "multirater" / "lidc_contours_by_slice.jsonl.gz", "rt") as lines:
        for line in lines:
            row = json.loads(line)
            scans[row["file"]].append(row)
    expected: dict[tuple[str, str, str], tuple[float, int]] = {}
    several = 0
    for number, (_, slices) in enumerate(sorted(scans.items()), 1):
        ids: dict[tuple[int, str], int] = {}
        for row in sorted(slices, key=lambda one: float(one["z"])):
            here: Counter[tuple[str, str, str]] = Counter()
            area: dict[tuple[str, str, str], float] = defaultdict(float)
            for roi in row["rois"]:
                if roi["inclusion"]:
                    reader = roi["reader"]
                    own = ids.setdefault((reader, roi["nodule"]), 1 + sum(key[0] == reader for key in ids))
                    key = (f"scan-{number:04d}", str(reader + 1), str(own))
                    here[key] += 1
                    points = [tuple(point) for point in roi["pts"]]
                    area[key] += filled(points[: len(points) - (points[0] == points[-1])]).area
            for key, count in here.items():
                volume, on = expected.get(key, (0.0, 0))
                expected[key] = volume + area[key] * spacing**2 * thick, on + 1
                several += count > 1
    rows = {(row["patient"], row["annotator"], row["track_id"]): row for row in found.to_pylist()}
    assert rows.keys() == expected.keys()
    assert len(rows) == 5322 and several > 100
    for key, (volume, on) in expected.items():
        assert rows[key]["n_slices"] == on, key
        assert (rows[key]["volume_mm3"] or 0.0) == pytest.approx(volume, rel=1e-9), key


# --- the same bits


def bits(found: lg.Tracks) -> dict[str, str]:
    return {name: repr(getattr(found, name).to_pydict()) for name in TABLES}


def shuffled(raw: list[Row], seed: int) -> list[Row]:
    """The same export with tasks, annotations and regions in another order."""
    chance = random.Random(seed)
    raw = json.loads(json.dumps(raw))
    chance.shuffle(raw)
    for task in raw:
        chance.shuffle(task["annotations"])
        for one in task["annotations"]:
            names = list(dict.fromkeys(entry["id"] for entry in one["result"]))
            chance.shuffle(names)
            one["result"] = [entry for name in names for entry in one["result"] if entry["id"] == name]
    return raw


@pytest.mark.parametrize("options", [{}, {"by": "annotator"}, {"outline": "medoid"}], ids=str)
def test_order_threads_and_files_change_no_bit(options: dict[str, Any], tmp_path: Path) -> None:
    raw = planned(7, bias=[0.1, -0.1, 0.0]).tasks
    expected = bits(lg.tracks(read(raw, **FIELDS), threads=1, **options))
    assert bits(lg.tracks(read(raw, **FIELDS), threads=3, **options)) == expected
    for seed in (1, 2):
        assert bits(lg.tracks(read(shuffled(raw, seed), **FIELDS), **options)) == expected
    (tmp_path / "a.json").write_text(json.dumps(raw[9:]))
    (tmp_path / "b.json").write_text(json.dumps(raw[:9]))
    parts = lg.read_label_studio([tmp_path / "a.json", tmp_path / "b.json"], **FIELDS)
    assert bits(lg.tracks(parts, **options)) == expected


# --- odd input


def check_numbers(found: lg.Tracks) -> None:
    """No table holds anything that is no number, and no query of an address."""
    for name in TABLES:
        table = getattr(found, name)
        for column in table.column_names:
            values = table[column].combine_chunks()
            if pa.types.is_list(values.type):
                values = values.flatten()
            if pa.types.is_floating(values.type):
                assert np.isfinite(values.drop_null().to_numpy()).all(), (name, column)
        assert "SECRET" not in repr(table.to_pydict())


def odd(ids: Sequence[Any] = (1, 2, 3), points: Any = None, people: Any = (1, 2), **data: Any) -> list[Row]:
    """Two patients, three visits, three lesions, with something odd about all of them."""
    tasks = []
    for task in (1, 2):
        fields = {
            "patient_id": f"P{task}",
            "images": [f"https://h/p{task}/v{visit}.jpg?sig=SECRET" for visit in range(3)],
            "visit_offsets_days": [0, 90, 180],
            "spacing_mm": [0.05] * 3,
        } | data
        annotations = []
        for at, who in enumerate(people):
            result: list[Row] = []
            for visit in range(3):
                for lesion in range(3):
                    place = {"id": f"{visit}-{at}-{lesion}", "to_name": "image", "item_index": visit}
                    place |= {"original_width": 1000, "original_height": 800}
                    turn = [2 * math.pi * step / 12 for step in range(12)]
                    outline = [(200 + 200 * lesion + 30 * math.cos(t), 300 + 30 * math.sin(t)) for t in turn]
                    if points is not None and visit == 1:
                        outline = points
                    value = {"points": [[x / 10, y / 8] for x, y in outline], "closed": True}
                    drawn = {"type": "polygonlabels", "from_name": "lesion"}
                    result.append({**place, **drawn, "value": {**value, "polygonlabels": ["nevus"]}})
                    typed = ids[lesion]
                    if typed is not None:
                        number = isinstance(typed, int | float)
                        said = {"number": typed} if number else {"text": [typed]}
                        kind = "number" if number else "textarea"
                        result.append({**place, "type": kind, "from_name": "track_id", "value": {**value, **said}})
            one = {"id": 10 * task + at, "completed_by": who, "was_cancelled": False, "result": result}
            annotations.append(one)
        tasks.append({"id": task, "data": fields, "annotations": annotations})
    return tasks


def only_predictions() -> list[Row]:
    raw = odd()
    for task in raw:
        task["predictions"] = [{"id": 7, "result": task.pop("annotations")[0]["result"]}]
        task["annotations"] = []
    return raw


ODD = {
    "nothing": [],
    "no ids": odd([None, None, None]),
    "one id for all": odd([1, 1, 1]),
    **{
        f"id {text[:9]!r}": odd([text, 2, 3])
        for text in ("mole", "NaN", "Infinity", "", " ", "-0", "1e3", "<b>", "\u202e\u0000", "9" * 400)
    },
    "huge id": odd([10**25, 10**25 + 1, 10**25 + 2]),
    "tiny id": odd([-1.5e-300, -3e-300, -0.0]),
    "null images": odd(images=[None, None, None]),
    "a null image": odd(images=["https://h/a.jpg?SECRET", None, "https://h/b.jpg"]),
    "lists too short": odd(visit_offsets_days=[0, 90], spacing_mm=[0.05] * 5),
    "days back": odd(visit_offsets_days=[180, 90, 0]),
    "equal days": odd(visit_offsets_days=[7, 7, 7]),
    "far days": odd(visit_offsets_days=[-1e15, 0, 1e15]),
    "near days": odd(visit_offsets_days=[0, 1e-300, 1e-12]),
    "some days": odd(visit_offsets_days=[0, None, 50]),
    "some spacings": odd(spacing_mm=[0.05, None, 0.05]),
    "bad spacings": odd(spacing_mm=[0, -1, 1e308]),
    "far spacings": odd(spacing_mm=[1e-300, 1e-9, 1e9]),
    "lines": odd(points=[(10, 10), (20, 20)]),
    "no area": odd(points=[(10, 10), (20, 20), (30, 30)]),
    "outside": odd(points=[(-1e6, -1e6), (-1e6, -2e6), (-2e6, -1e6)]),
    "specks": odd(points=[(1, 1), (1, 1 + 1e-9), (1 + 1e-9, 1)]),
    "one person": odd(people=(1,)),
    "deleted people": odd(people=(None, None)),
    "one person twice": odd(people=(1, 1)),
    "many people": odd(people=tuple(range(40))),
    "odd names": odd(patient_id="Zoë 患者\u202e\n,;\"'"),
    "no names": odd(patient_id=None),
    "names as objects": odd(patient_id={"x": 1}),
    "names as lists": odd(patient_id=["a", "b", "a"]),
    "predictions only": only_predictions(),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_input_gives_tables(name: str) -> None:
    for fields in (FIELDS, {}):
        export = read(ODD[name], **fields)
        for options in ({}, {"by": "annotator", "dates": "offset"}, {"outline": "majority", "rule": "wound"}):
            found = lg.tracks(export, **options)  # type: ignore[arg-type]
            check_numbers(found)
            ids = found.track_ids().to_pylist()
            assert len(ids) == export.regions.table.num_rows
            assert len(set(map(repr, courses_of(found)))) <= found.index.num_rows
