"""Tracks have the same bits whatever the order of tasks, annotations and regions in the file."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import lesiongeo as lg
from lesiongeo.polygons import Polygons
from lesiongeo.regions import Regions
from lesiongeo.testing import Event, make_courses
from lesiongeo.tracks.place_order import place_order

Tasks = list[dict[str, Any]]
FIELDS = {"patient": "patient_id", "day_offset": "visit_offsets_days", "spacing_mm": "spacing_mm"}
TABLES = ("table", "conflicts", "findings", "proposals", "noise", "visits")
EVENTS = [
    Event("grow", patient=1, lesion=1, visit=2, size=1.6),
    Event("miss", patient=1, lesion=2, visit=1, annotator=2),
    Event("swap_ids", patient=2, lesion=1, other=3, visit=2, annotator=1),
    Event("repeat", patient=4, annotator=2),
    Event("repeat", patient=3, annotator=1),
    Event("split", patient=4, lesion=2, visit=2),
    Event("merge", patient=5, lesion=1, other=2, visit=2),
]


def shuffled(tasks: Tasks, seed: int) -> Tasks:
    """The same in another order; what is one region stays together."""
    rng = random.Random(seed)
    tasks = json.loads(json.dumps(tasks))
    rng.shuffle(tasks)
    for task in tasks:
        rng.shuffle(task["annotations"])
        for one in task["annotations"]:
            ids = list(dict.fromkeys(entry["id"] for entry in one["result"]))
            rng.shuffle(ids)
            one["result"] = [entry for name in ids for entry in one["result"] if entry["id"] == name]
    return tasks


def bits(tasks: Tasks, fields: dict[str, str], **options: Any) -> dict[str, list[str]]:
    """Every column as text that tells floats to the last bit."""
    found = lg.tracks(lg.read_label_studio(json.dumps(tasks).encode(), **fields), **options)
    return {
        f"{name}.{column}": [repr(value) for value in getattr(found, name)[column].to_pylist()]
        for name in TABLES
        for column in getattr(found, name).column_names
    }


def differing(tasks: Tasks, fields: dict[str, str], **options: Any) -> set[str]:
    expected = bits(tasks, fields, **options)
    found: set[str] = set()
    for seed in (1, 2):
        other = bits(shuffled(tasks, seed), fields, **options)
        found |= {name for name in expected if other[name] != expected[name]}
    return found


@pytest.mark.parametrize("options", [{}, {"by": "annotator"}], ids=str)
@pytest.mark.parametrize("apart", [False, True])
def test_courses_in_any_order(apart: bool, options: dict[str, str]) -> None:
    made = make_courses(patients=8, visits=4, lesions=(3, 4), events=EVENTS, seed=2, annotators=4, visit_tasks=apart)
    assert differing(made.tasks, FIELDS, **options) == set()


@pytest.mark.parametrize("spacing", [True, False])
def test_several_pages_of_a_visit_in_any_order(spacing: bool) -> None:
    """Tasks of one day: which of their pages is measured is not the file's to say."""
    made = make_courses(patients=3, visits=4, lesions=(2, 3), seed=3, visit_tasks=True)
    for task in made.tasks:
        task["data"]["visit_offsets_days"] = [min(day, 90) // 90 * 90 for day in task["data"]["visit_offsets_days"]]
    fields = dict(FIELDS)
    if not spacing:
        del fields["spacing_mm"]
    export = lg.read_label_studio(json.dumps(made.tasks).encode(), **fields)
    assert "several_pages" in lg.tracks(export).findings["code"].to_pylist()
    assert differing(made.tasks, fields) == set()


def test_many_parts_in_any_order() -> None:
    """Everybody gives all lesions of a page one id: areas of parts add up."""
    made = make_courses(patients=2, visits=2, lesions=(4, 4), seed=4)
    for task in made.tasks:
        for one in task["annotations"]:
            for entry in one["result"]:
                if entry["type"] == "number":
                    entry["value"]["number"] = 1
    assert differing(made.tasks, FIELDS) == set()
    assert differing(made.tasks, FIELDS, by="annotator") == set()


def test_a_ground_truth_in_any_order() -> None:
    made = make_courses(patients=4, visits=3, lesions=(3, 3), seed=5, annotators=3)
    for task in made.tasks[::2]:
        task["annotations"][1]["ground_truth"] = True
    assert differing(made.tasks, FIELDS) == set()


@pytest.mark.parametrize("seed", range(5))
def test_place_order_against_sorted(seed: int) -> None:
    """Boxes at few places, many of them alike in all but one respect."""
    rng = np.random.default_rng(seed)
    count = 60
    page, who, x, y, size = (rng.integers(2, size=count) for _ in range(5))
    rings = [
        [np.array([(a, b), (a + 1 + c, b), (a + 1 + c, b + 1), (a, b + 1)], dtype=float)]
        for a, b, c in zip(x, y, size, strict=True)
    ]
    rings[7] = []
    ids = [f"r{number}" for number in rng.permutation(count)]
    regions = Regions(Polygons.from_rings(rings), pa.table({"region_id": ids}))
    rows = rng.permutation(count)

    def content(row: int, at: int) -> tuple[Any, ...]:
        inf = float("inf")
        place = (x[row], y[row], 1 + size[row]) if rings[row] else (inf, inf, 0)
        return (page[at], who[at], *place, ids[row])

    expected = sorted(range(count), key=lambda at: content(rows[at], at))
    assert place_order(page, who, rows, regions).tolist() == expected


def test_place_order_of_nothing() -> None:
    none = np.zeros(0, dtype=np.int64)
    regions = Regions(Polygons.from_rings([]), pa.table({"region_id": pa.array([], pa.string())}))
    assert place_order(none, none, none, regions).tolist() == []
