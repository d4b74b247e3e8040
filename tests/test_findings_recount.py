"""Findings recounted by plain Python from the JSON itself, on generated exports with everything in them."""

from __future__ import annotations

import copy
import json
import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

import lesiongeo
from lesiongeo.testing import make_export

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "dermatology.json"
SHAPES = ("polygonlabels", "rectanglelabels", "ellipselabels")
Task = dict[str, Any]


def recount(tasks: list[Task]) -> Counter[tuple[Any, ...]]:
    """Code, task, page, annotation of every finding about people, pages and tracks."""
    found: Counter[tuple[Any, ...]] = Counter()
    for task in tasks:
        number, own = task["id"], task["annotations"]
        images = len(task["data"]["images"])
        if not own:
            found["task_without_annotation", number, None, None] += 1
        elif all(one["was_cancelled"] for one in own):
            found["task_skipped", number, None, None] += 1
        newest: dict[int, Task] = {}
        for one in own:
            if one["was_cancelled"]:
                found["annotation_skipped", number, None, one["id"]] += 1
                continue
            before = newest.get(one["completed_by"])
            if before is not None and before["updated_at"] > one["updated_at"]:
                before, one = one, before
            if before is not None:
                found["superseded", number, None, before["id"]] += 1
            newest[one["completed_by"]] = one
        left: dict[int, set[int]] = {}
        drawn: set[int] = {part["item_index"] for one in own for part in one["result"] if part["type"] in SHAPES}
        for one in newest.values():
            pages = {part["item_index"] for part in one["result"] if "item_index" in part}
            if not any(part["type"] in SHAPES for part in one["result"]):
                found["empty_annotation", number, None, one["id"]] += 1
            if pages:
                left[one["id"]] = pages
            tracks: dict[tuple[int, float], list[str]] = defaultdict(list)
            given = {part["id"]: part["value"]["number"] for part in one["result"] if part["type"] == "number"}
            for part in one["result"]:
                if part["type"] in SHAPES:
                    if part["id"] in given:
                        tracks[part["item_index"], given[part["id"]]].append(part["id"])
                    else:
                        found["track_missing", number, part["item_index"], one["id"]] += 1
            for (page, _), regions in tracks.items():
                if len(regions) > 1:
                    found["track_repeated", number, page, one["id"]] += len(regions) - 1
            for page in pages - set(range(images)):
                found["page_beyond_images", number, page, one["id"]] += 1
        everywhere = set().union(*left.values())
        for page in range(images) if left else ():
            if page not in everywhere:
                found["page_without_annotation", number, page, None] += 1
            elif page not in drawn:
                found["image_never_referenced", number, page, None] += 1
        for page in everywhere:
            for name, pages in left.items():
                if page not in pages:
                    found["page_not_by_all", number, page, name] += 1
    return found


def spoiled(seed: int) -> list[Task]:
    """A generated export from which tasks, pages, answers and annotations are missing."""
    rng = random.Random(seed)
    tasks = copy.deepcopy(make_export(patients=25, visits=4, skip_rate=0.15, lesions=(1, 3), seed=seed))
    for task in tasks:
        task["predictions"] = []
        if rng.random() < 0.1:
            task["annotations"] = []
        if rng.random() < 0.2:
            task["data"]["images"].append("https://images.example.org/late.jpg")
        if rng.random() < 0.1:
            task["data"]["images"].pop()
        for one in task["annotations"]:
            gone = rng.randrange(4) if rng.random() < 0.4 else None
            one["result"] = [
                part
                for part in one["result"]
                if part.get("item_index", -1) != gone
                and not (part["type"] == "number" and rng.random() < 0.1)
                and not (part.get("from_name") == "visit_assessment" and rng.random() < 0.5)
                if part["type"] != "relation"
            ]
    return tasks


def codes(tasks: list[Task], wanted: set[str]) -> Counter[tuple[Any, ...]]:
    table = lesiongeo.findings(lesiongeo.read_label_studio(json.dumps(tasks).encode()))
    rows = table.select(["code", "task_id", "page", "annotation_id"]).to_pylist()
    return Counter(tuple(row.values()) for row in rows if row["code"] in wanted)


@pytest.mark.parametrize("seed", range(6))
def test_recounted(seed: int) -> None:
    tasks = spoiled(seed)
    expected = recount(tasks)
    wanted = {code for code, *_ in expected}
    assert {"task_without_annotation", "page_not_by_all", "track_missing", "annotation_skipped"} <= wanted
    everything = wanted | {"task_skipped", "empty_annotation", "superseded", "page_without_annotation"}
    everything |= {"track_repeated", "page_beyond_images", "image_never_referenced"}
    assert codes(tasks, everything) == expected


def test_the_example_recounted() -> None:
    tasks = [
        {
            **task,
            "annotations": [{**one, "result": [p for p in one["result"] if p["type"] != "relation"]} for one in own],
        }
        for task in json.loads(EXAMPLE.read_text(encoding="utf-8"))
        for own in [task["annotations"]]
    ]
    expected = recount(tasks)
    assert sum(expected.values()) == 10 + 5 + 1 + 5 + 6
    assert codes(tasks, {code for code, *_ in expected}) == expected
