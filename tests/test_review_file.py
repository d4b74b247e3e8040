"""The review file: what Label Studio's own SDK says of it, and what our reader makes of it again.

Hand-made images are 200 x 100 px unless a test says otherwise.
"""

from __future__ import annotations

import functools
import json
import math
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lesiongeo as lg
from exports import rle
from lesiongeo.label_studio import write_review
from lesiongeo.routing import DEFAULT_FLAG
from lesiongeo.testing import LABELING_CONFIG, make_export
from test_agreement_rules import annotation, task

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE, EXAMPLE_CONFIG = (ROOT / "examples" / name for name in ("dermatology.json", "dermatology_config.xml"))
SHARED = ROOT.parent / "shared" / "data" / "label_studio"
REAL, REAL_CONFIG = SHARED / "ls_real_export.json", SHARED / "lesion_tracking_config.xml"
SDK = ROOT / ".venv-label-studio" / "bin" / "python"
#: Flags every page on which anybody drew anything.
EVERYTHING = "matched or not matched"

needs_sdk = pytest.mark.skipif(
    not SDK.is_file(), reason="no environment .venv-label-studio with the SDK beside pyproject.toml"
)
needs_real = pytest.mark.skipif(not REAL.is_file(), reason="the real export is not here")
Json = Any

CONFIG = """<View><Image name="img" value="$image"/>
  <PolygonLabels name="lesion" toName="img"><Label value="nevus"/><Label value="other"/></PolygonLabels>
  <Number name="track_id" toName="img" perRegion="true"/>
  <Choices name="status" toName="img" perRegion="true"><Choice value="new"/><Choice value="old"/></Choices>
  <Choices name="signs" toName="img" perRegion="true" choice="multiple"><Choice value="a"/><Choice value="b"/></Choices>
  <Rating name="sure" toName="img" perRegion="true"/>
  <DateTime name="since" toName="img" perRegion="true"/>
  <Taxonomy name="site" toName="img" perRegion="true"><Choice value="arm"><Choice value="hand"/></Choice></Taxonomy>
  <TextArea name="note" toName="img" perRegion="true"/>
  <Choices name="quality" toName="img"><Choice value="good"/><Choice value="bad"/></Choices>
  <TextArea name="remark" toName="img"/>
</View>"""
SQUARE = [[10, 10], [30, 10], [30, 60], [10, 60]]


def entry(region_id: str, kind: str, value: Json, from_name: str, **more: Json) -> Json:
    return {
        "id": region_id,
        "from_name": from_name,
        "to_name": "img",
        "type": kind,
        "original_width": 200,
        "original_height": 100,
        "image_rotation": 0,
        "value": value,
        **more,
    }


def polygon(region_id: str, points: Json = SQUARE, label: str | None = "nevus", **more: Json) -> Json:
    value = {"points": points, "closed": True, "polygonlabels": [] if label is None else [label]}
    return entry(region_id, "polygonlabels", value, **{"from_name": "lesion", **more})


def answer(region_id: str, name: str, kind: str, value: Json) -> Json:
    return entry(region_id, kind, value, name)


def read(*tasks: Json, config: Json = None) -> lg.Export:
    return lg.read_label_studio(json.dumps(list(tasks)).encode(), config=config)


class Review:
    """A review file of everything that is in an export."""

    def __init__(self, export: lg.Export, config: Json = CONFIG, flag: str = EVERYTHING, **options: Json) -> None:
        self.export = export
        self.agreement = lg.agreement(export, boundary=False)
        self.queue = lg.review_queue(export, self.agreement, flag=flag)
        if options.pop("consensus", True):
            options["consensus"] = lg.consensus(export, self.agreement)
        made = lg.review_tasks(export, self.agreement, self.queue, config, **options)
        self.tasks = list(made.tasks)
        self.made = made
        self.left_out = {name: count for name, count in made.left_out.items() if count}

    def prediction(self, who: str, task: int = 0) -> Json:
        (found,) = [one for one in self.tasks[task]["predictions"] if one["model_version"] == who]
        return found

    def again(self) -> lg.Export:
        """What our reader makes of it, with the tasks' numbers of before."""
        tasks = [{"id": made["data"]["lesiongeo_task_id"], **made} for made in self.tasks]
        return lg.read_label_studio(json.dumps(tasks).encode())


def pair(first: list[Json], second: list[Json] | None = None, **more: Json) -> Json:
    return task([annotation(1, "1", first), annotation(2, "2", first if second is None else second)], **more)


def objections(config: str, folder: Path, *files: Json) -> list[list[str]]:
    """What the SDK objects to in each file, in its own environment."""
    (folder / "config.xml").write_text(config, encoding="utf-8")
    command = [SDK, ROOT / "tests" / "label_studio_check.py", folder / "config.xml"]
    for number, tasks in enumerate(files):
        command.append(folder / f"{number}.json")
        command[-1].write_text(json.dumps(tasks), encoding="utf-8")
    ran = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, timeout=240)
    assert ran.returncode == 0, ran.stderr
    found: list[list[str]] = json.loads(ran.stdout)
    return found


# whole exports


@functools.cache
def whole(name: str) -> tuple[Review, str]:
    if name == "example":
        config = EXAMPLE_CONFIG.read_text(encoding="utf-8")
        return Review(lg.read_label_studio(EXAMPLE, config=config), config), config
    if name == "generated":
        data = json.dumps(make_export(patients=12, visits=2, annotators=4, seed=5)).encode()
        return Review(lg.read_label_studio(data, config=LABELING_CONFIG), LABELING_CONFIG), LABELING_CONFIG
    config = REAL_CONFIG.read_text(encoding="utf-8")
    return Review(lg.read_label_studio(REAL, config=config), config), config


SOURCES = ["example", "generated", pytest.param("real", marks=needs_real)]


@needs_sdk
@pytest.mark.parametrize("source", SOURCES)
def test_label_studio_takes_it(source: str, tmp_path: Path) -> None:
    """All pages, and the queue of the default rule."""
    review, config = whole(source)
    short = Review(review.export, config, DEFAULT_FLAG)
    assert 2 <= len(short.tasks) <= len(review.tasks)
    assert objections(config, tmp_path, review.tasks, short.tasks) == [[], []]


DAMAGES: dict[str, Any] = {
    "'nothing' not found": lambda one: one.update(from_name="nothing"),
    "'to_name' 'nothing' not found": lambda one: one.update(to_name="nothing"),
    "does not match expected type": lambda one: one.update(type="brushlabels"),
    "Missing required field 'value'": lambda one: one.pop("value"),
    "Got: {'points': [], 'closed': True, 'polygonlabels': ['unheard of']": lambda one: one["value"].update(
        points=[], polygonlabels=["unheard of"]
    ),
    "Got: {'points': [[100.5,": lambda one: one["value"]["points"][0].__setitem__(0, 100.5),
    "Got: {'closed'": lambda one: one["value"].pop("points"),
}


@needs_sdk
def test_label_studio_refuses_a_broken_file(tmp_path: Path) -> None:
    """So that the tests above can fail."""
    review, config = whole("example")
    files = []
    for break_it in DAMAGES.values():
        tasks = json.loads(json.dumps(review.tasks[:3]))
        break_it(next(one for one in tasks[1]["predictions"][1]["result"] if one["type"] == "polygonlabels"))
        files.append(tasks)
    tasks = json.loads(json.dumps(review.tasks[:4]))
    del tasks[0]["data"]["images"]
    tasks[1]["predictions"][0]["score"] = 1.5
    tasks[2]["predictions"][0]["result"] = "none"
    tasks[3]["predictions"][1]["result"][0]["id"] = tasks[3]["predictions"][0]["result"][0]["id"]
    *damaged, rest, no_list = objections(config, tmp_path, *files, tasks, {"tasks": tasks})
    for message, found in zip(DAMAGES, damaged, strict=True):
        assert any(message in text and text.startswith("task 1, annotator") for text in found), (message, found)
    assert [text.split(":")[0].split(",")[0] for text in rest] == ["task 0", "task 1", "task 2", "task 3"]
    for text, part in zip(rest, ("lacks a field", "between 0.00 and 1.00", "valid list", "two regions"), strict=True):
        assert part in text
    assert no_list == ["the file is no list of tasks"]


@pytest.mark.parametrize("source", SOURCES)
def test_the_reader_finds_the_same_outlines(source: str) -> None:
    """Every region of a counting annotation on a queued page, to 1e-9 px; what was cut or parted by its area."""
    review, _ = whole(source)
    again = review.again()
    places = zip(*(again.annotations[name].to_pylist() for name in ("model_version", "task_id")), strict=True)
    owner = {place: index for index, place in enumerate(places)}
    table = review.export.regions.table
    counted = np.isin(review.export.annotation_rows, review.agreement.annotation_rows)
    queued = {(row["task_id"], row["page"]) for row in review.queue.to_pylist()}
    drawn, areas = review.export.regions.polygons.to_rings(), lg.area(review.export.regions.polygons)
    found, found_areas = again.regions.polygons.to_rings(), lg.area(again.regions.polygons)
    rows = Counter()
    by_id = {
        (int(row), name): index
        for index, (row, name) in enumerate(
            zip(again.annotation_rows, again.regions.table["region_id"].to_pylist(), strict=True)
        )
    }
    compared = 0
    for index, row in enumerate(table.select(["task_id", "page", "annotator", "region_id", "kind"]).to_pylist()):
        if not counted[index] or (row["task_id"], row["page"]) not in queued:
            continue
        place = owner[f"annotator {row['annotator']}", row["task_id"]]
        # Two annotators' regions can have one id, and the second gets another.
        there = by_id[place, row["region_id"] if (place, row["region_id"]) in by_id else f"{row['region_id']}-2"]
        rows[place] += 1
        compared += 1
        assert again.regions.table["page"][there].as_py() == row["page"]
        width, height = table["width"][index].as_py(), table["height"][index].as_py()
        xy = drawn[index][0]
        inside = (xy >= 0).all() and (xy <= (width, height)).all()
        assert inside or source == "real"
        if inside:
            assert found[there][0].shape == xy.shape
            assert np.abs(found[there][0] - xy).max() < 1e-9
            assert math.isclose(found_areas[there], areas[index], rel_tol=1e-12, abs_tol=1e-9)
        else:
            assert 0 < found_areas[there] < areas[index]
    assert compared >= 20
    # And nothing else.
    kept = Counter(again.annotation_rows.tolist())
    assert {place: kept[place] for place in rows} == dict(rows)
    assert not again.problems["dropped"].to_pylist().count(True)


@pytest.mark.parametrize("source", SOURCES)
def test_the_reader_finds_the_same_answers(source: str) -> None:
    """Label and every answer but notes, region by region."""
    review, _ = whole(source)
    again = review.again()
    notes = {review.export.role("note"), "meta_text"}
    table, found = review.export.regions.table, again.regions.table
    names = [name for name in ("label", "track_id", "lesion_status") if name in table.column_names]
    assert len(names) == 3
    versions = again.annotations["model_version"].take(again.annotation_rows).to_pylist()
    tasks = found["task_id"].to_pylist()
    told = {
        (of, version, row["region_id"]): [row[name] for name in names]
        for of, version, row in zip(tasks, versions, found.select(["region_id", *names]).to_pylist(), strict=True)
    }
    counted = np.isin(review.export.annotation_rows, review.agreement.annotation_rows)
    queued = {(row["task_id"], row["page"]) for row in review.queue.to_pylist()}
    compared = 0
    for index, row in enumerate(table.select(["task_id", "page", "annotator", "region_id", *names]).to_pylist()):
        if counted[index] and (row["task_id"], row["page"]) in queued:
            key = (row["task_id"], f"annotator {row['annotator']}", row["region_id"])
            key = key if key in told else (*key[:2], f"{key[2]}-2")
            assert told[key] == [row[name] for name in names]
            compared += 1
    assert compared >= 20
    assert not notes & set(found.column_names) or all(
        found[name].null_count == len(found) for name in notes & set(found.column_names)
    )


@pytest.mark.parametrize("source", SOURCES)
def test_the_consensus_comes_back(source: str) -> None:
    review, _ = whole(source)
    again = review.again()
    made = lg.consensus(review.export, review.agreement)
    version = np.array(again.annotations["model_version"].to_pylist())[again.annotation_rows]
    rows = np.flatnonzero(np.isin(version, ["consensus majority", "ground truth"]))
    queued = {(row["task_id"], row["page"]) for row in review.queue.to_pylist()}
    places = zip(made.regions.table["task_id"].to_pylist(), made.regions.table["page"].to_pylist(), strict=True)
    wanted = [index for index, place in enumerate(places) if place in queued]
    found = lg.area(again.regions.polygons)[rows]
    assert math.isclose(sum(found), sum(lg.area(made.regions.polygons)[wanted]), rel_tol=1e-9)
    # A consensus of several parts is several regions.
    assert len(rows) >= len(wanted) > 0


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        export = lg.read_label_studio(EXAMPLE)
        result = lg.agreement(export)
        made = lg.review_tasks(export, result, lg.review_queue(export, result), EXAMPLE_CONFIG)
        write_review(made, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    text = (tmp_path / "a").read_text(encoding="utf-8")
    assert [json.loads(line.rstrip(",")) for line in text.splitlines()[1:-1]] == json.loads(text)


def test_an_empty_queue_is_an_empty_list(tmp_path: Path) -> None:
    review = Review(read(pair([polygon("a")])), flag="missing")
    assert review.tasks == []
    made = lg.review_tasks(review.export, review.agreement, review.queue, CONFIG)
    write_review(made, tmp_path / "x.json")
    assert json.loads((tmp_path / "x.json").read_text()) == []


# what is in it


def test_a_task_by_hand() -> None:
    """Two people, one page: everything that is written."""
    first = [polygon("a"), answer("a", "track_id", "number", {"number": 2})]
    second = [
        polygon("b", [[10, 10], [30, 10], [30, 35], [10, 35]]),
        answer("b", "status", "choices", {"choices": ["new"]}),
    ]
    review = Review(read(pair(first, second, task_id=70)), flag="dice < 0.7")
    head = {"original_width": 200, "original_height": 100, "image_rotation": 0}
    square = [[10.0, 10.0], [30.0, 10.0], [30.0, 60.0], [10.0, 60.0]]
    half = [[10.0, 10.0], [30.0, 10.0], [30.0, 35.0], [10.0, 35.0]]

    def drawn(name: str, points: Json) -> Json:
        value = {"points": points, "closed": True, "polygonlabels": ["nevus"]}
        return {"id": name, **head, "from_name": "lesion", "to_name": "img", "type": "polygonlabels", "value": value}

    def told(name: str, control: str, kind: str, value: Json) -> Json:
        return {"id": name, **head, "from_name": control, "to_name": "img", "type": kind, "value": value}

    (made,) = review.tasks
    assert made["data"] == {
        "image": "visit-0.jpg",
        "review_reason": "dice < 0.7",
        "review_pages": [0],
        "agreement": 0.5,
        "priority": 0.5,
        "lesiongeo_task_id": 70,
        "lesiongeo_consensus_source": "majority",
    }
    assert made["predictions"][:2] == [
        {
            "model_version": "annotator 1",
            "result": [drawn("a", square), told("a", "track_id", "number", {"number": 2})],
            "score": 0.5,
        },
        {
            "model_version": "annotator 2",
            "result": [drawn("b", half), told("b", "status", "choices", {"choices": ["new"]})],
            "score": 0.5,
        },
    ]
    consensus = made["predictions"][2]
    assert (consensus["model_version"], "score" in consensus) == ("consensus majority", False)
    (outline,) = [one for one in consensus["result"] if one["type"] == "polygonlabels"]
    assert sorted(outline["value"]["points"]) == sorted(half)
    assert outline["id"] == "lesion-0-0"
    # The consensus of answers: each was given by one who drew it.
    assert {one["from_name"] for one in consensus["result"]} == {"lesion", "track_id", "status"}


def test_an_expert_who_overrides_is_named() -> None:
    """Of two tasks one has a ground truth; without a consensus nobody overrides, and an earlier file's word is gone."""
    expert = annotation(9, "9", [polygon("g")], ground_truth=True)
    first, second = pair([polygon("a")], [], task_id=70), pair([polygon("b")], [], task_id=71)
    first["annotations"].append(expert)
    export = read(first, second)
    review = Review(export)
    versions = [[one["model_version"] for one in made["predictions"]] for made in review.tasks]
    assert [made["data"]["lesiongeo_task_id"] for made in review.tasks] == [71, 70]
    assert versions == [
        ["annotator 1", "annotator 2", "consensus majority"],
        ["annotator 1", "annotator 2", "annotator 9", "ground truth"],
    ]
    sources = [made["data"]["lesiongeo_consensus_source"] for made in review.tasks]
    assert sources == ["majority", "ground_truth:9"]
    assert review.made.n_ground_truths == 1
    (outline,) = review.prediction("ground truth", task=1)["result"]
    assert outline["id"] == "g-2"  # g is that of the expert as an annotator
    # Reviewed again without a consensus: the data fields of the first review are no longer true.
    again = [
        {**one, "data": {**one["data"], **made["data"]}}
        for one, made in zip((second, first), review.tasks, strict=True)
    ]
    without = Review(read(*again), consensus=False)
    assert [set(made["data"]) & {"lesiongeo_consensus_source"} for made in without.tasks] == [set(), set()]
    assert "lesiongeo_consensus_source" not in without.made.fields


def test_who_drew_nothing_has_an_empty_prediction() -> None:
    review = Review(read(pair([polygon("a")], [])))
    assert review.prediction("annotator 2") == {"model_version": "annotator 2", "result": [], "score": 0.0}


def test_only_queued_pages_and_annotations_that_count() -> None:
    """Page 1 of three; an older annotation and a skipped one are out."""
    pages = """<View><Image name="img" valueList="$images"/>
      <PolygonLabels name="lesion" toName="img"><Label value="nevus"/></PolygonLabels></View>"""
    older = annotation(3, "1", [polygon("old", item_index=1)], updated_at="2020-01-01T00:00:00Z")
    first = annotation(1, "1", [polygon(f"a{n}", item_index=n) for n in range(3)], updated_at="2026-01-01T00:00:00Z")
    second = annotation(2, "2", [polygon(f"b{n}", item_index=n) for n in (0, 2)])
    skipped = annotation(4, "4", [polygon("s", item_index=1)], was_cancelled=True)
    review = Review(read(task([older, first, second, skipped], images=3)), pages, flag="missing")
    (made,) = review.tasks
    assert made["data"]["review_pages"] == [1]
    assert [one["model_version"] for one in made["predictions"]] == ["annotator 1", "annotator 2", "consensus majority"]
    assert [(one["id"], one["item_index"]) for one in review.prediction("annotator 1")["result"]] == [("a1", 1)]
    assert review.prediction("annotator 2")["result"] == []


def test_pages_are_named_where_there_are_several() -> None:
    """Of one image without a list there is nothing to name."""
    assert "item_index" not in Review(read(pair([polygon("a")]))).prediction("annotator 1")["result"][0]
    listed = CONFIG.replace('value="$image"', 'valueList="$images"')
    assert Review(read(pair([polygon("a")])), listed).prediction("annotator 1")["result"][0]["item_index"] == 0


def test_one_task_has_all_its_queued_pages() -> None:
    listed = CONFIG.replace('value="$image"', 'valueList="$images"')
    first = [polygon("a", item_index=0), polygon("c", item_index=1), polygon("e", item_index=2)]
    second = [polygon("f", [[10, 10], [30, 10], [30, 35], [10, 35]], item_index=2), polygon("b", item_index=0)]
    export = read(task([annotation(1, "1", first), annotation(2, "2", second)], images=3))
    review = Review(export, listed, flag="dice < 0.7 or missing")
    (made,) = review.tasks
    # Page 1 is first in the queue, for a whole lesion.
    assert review.queue["page"].to_pylist() == [1, 2]
    assert made["data"]["review_pages"] == [1, 2]
    assert (made["data"]["review_reason"], made["data"]["priority"], made["data"]["agreement"]) == (
        "missing; dice < 0.7",
        1.0,
        0.0,
    )
    assert [one["item_index"] for one in review.prediction("annotator 1")["result"]] == [1, 2]
    assert review.prediction("annotator 1")["score"] == 0.25


def test_ids_stand_for_one_region_within_a_task() -> None:
    """Both started from one prediction, so their regions have the same ids."""
    review = Review(read(pair([polygon("a"), polygon("a-2")], [polygon("a")])))
    ids = [[one["id"] for one in made["result"]] for made in review.tasks[0]["predictions"][:2]]
    assert ids == [["a", "a-2"], ["a-3"]]
    every = [one["id"] for made in review.tasks[0]["predictions"] for one in made["result"]]
    assert len(every) == len(set(every))


def test_all_kinds_of_answers(tmp_path: Path) -> None:
    values = {
        "track_id": ("number", {"number": 2.5}),
        "status": ("choices", {"choices": ["old"]}),
        "signs": ("choices", {"choices": ["a", "b"]}),
        "sure": ("rating", {"rating": 4}),
        "since": ("datetime", {"datetime": "2026-09-07"}),
        "site": ("taxonomy", {"taxonomy": [["arm"], ["arm", "hand"]]}),
        "note": ("textarea", {"text": ["looks", "[odd]"]}),
    }
    drawn = [polygon("a"), *(answer("a", name, kind, value) for name, (kind, value) in values.items())]
    for notes in (False, True):
        review = Review(read(pair(drawn)), notes=notes)
        found = {one["from_name"]: (one["type"], one["value"]) for one in review.prediction("annotator 1")["result"]}
        assert found.pop("lesion")[0] == "polygonlabels"
        assert found == {name: told for name, told in values.items() if notes or name != "note"}
        assert review.left_out == {}
        if SDK.is_file():
            assert objections(CONFIG, tmp_path, review.tasks) == [[]]


def test_answers_about_pages_and_tasks() -> None:
    listed = CONFIG.replace('value="$image"', 'valueList="$images"').replace(
        'name="quality"', 'name="quality" perItem="true"'
    )

    def page(number: int, text: str) -> Json:
        return {
            "id": f"q{number}",
            "from_name": "quality",
            "to_name": "img",
            "type": "choices",
            "value": {"choices": [text]},
            "item_index": number,
        }

    remark = {"id": "r", "from_name": "remark", "to_name": "img", "type": "textarea", "value": {"text": ["Mr Smith"]}}
    first = [polygon("a", item_index=1), page(0, "good"), page(1, "bad"), remark]
    export = read(task([annotation(1, "1", first), annotation(2, "2", [])], images=2))
    result = Review(export, listed, flag="missing").prediction("annotator 1")["result"]
    assert [one["id"] for one in result] == ["a", "quality-page-1"]
    expected = {
        "item_index": 1,
        "from_name": "quality",
        "to_name": "img",
        "type": "choices",
        "value": {"choices": ["bad"]},
    }
    assert result[1] == {"id": "quality-page-1", **expected}
    result = Review(export, listed, flag="missing", notes=True).prediction("annotator 1")["result"]
    assert result[-1] == {
        "id": "remark-task",
        "from_name": "remark",
        "to_name": "img",
        "type": "textarea",
        "value": {"text": ["Mr Smith"]},
    }


def test_notes_only_where_they_are_asked_for() -> None:
    drawn = [polygon("a", meta={"text": ["seen by Dr Who"]}), answer("a", "note", "textarea", {"text": ["John Doe"]})]
    review = Review(read(pair(drawn)))
    text = json.dumps(review.tasks)
    assert "John Doe" not in text
    assert "Dr Who" not in text
    first = Review(read(pair(drawn)), notes=True).prediction("annotator 1")["result"]
    assert first[0]["meta"] == {"text": ["seen by Dr Who"]}
    assert first[1]["value"] == {"text": ["John Doe"]}


def test_no_signature_leaves() -> None:
    """Presigned addresses, and people's e-mail addresses, do not get into the file."""
    one = pair([polygon("a")])
    one["data"] = {
        "image": "https://bucket.example.org/a.jpg?X-Amz-Signature=secret&X-Amz-Credential=me",
        "more": "s3://b/c.png?sig=secret",
    }
    one["annotations"][0]["completed_by"] = {"email": "ann@example.org", "first_name": "Ann"}
    text = json.dumps(Review(read(one)).tasks)
    assert "https://bucket.example.org/a.jpg" in text
    for word in ("secret", "Amz", "ann@", "Ann"):
        assert word not in text


def test_data_fields_of_others_stay() -> None:
    """A field of the project that is called like ours keeps its name, and ours gets a prefix, in every task."""
    one, two = pair([polygon("a")], task_id=1), pair([polygon("a")], task_id=2)
    one["data"]["priority"] = "urgent"
    review = Review(read(one, two))
    for made in review.tasks:
        assert made["data"]["lesiongeo_priority"] == 0.0
    assert review.tasks[0]["data"]["priority"] == "urgent"
    assert "priority" not in review.tasks[1]["data"]
    assert review.made.fields["priority"] == "lesiongeo_priority"
    # A file of an earlier review is no such thing: its fields are replaced.
    earlier = [
        {**made, **pair([polygon("a")], task_id=9 + n), "data": made["data"]}
        for n, made in enumerate(Review(read(two)).tasks)
    ]
    again = Review(read(*earlier))
    assert again.tasks[0]["data"]["priority"] == 0.0
    assert again.tasks[0]["data"]["lesiongeo_task_id"] == 9


# outlines


def test_what_lies_outside_is_cut_off() -> None:
    """A box from 90 to 110 percent loses half; one wholly outside is left out; both are counted."""
    half = [[90, 20], [110, 20], [110, 40], [90, 40]]
    away = [[120, 20], [130, 20], [130, 40], [120, 40]]
    spike = [[-1, 10], [-2, 10]]
    review = Review(read(pair([polygon("a", half), polygon("b", away), polygon("c", spike)], [])))
    result = review.prediction("annotator 1")["result"]
    assert [one["id"] for one in result] == ["a", "c"]
    assert sorted(result[0]["value"]["points"]) == [[90, 20], [90, 40], [100, 20], [100, 40]]
    assert result[1]["value"]["points"] == [[0.0, 10.0], [0.0, 10.0]]
    assert review.left_out["no_outline"] == 1
    assert review.left_out["clipped"] >= 2


def test_rounding_beyond_the_border_is_none() -> None:
    points = [[0, 0], [100.00000000000001, 0], [100, 100], [-5.9e-15, 100]]
    review = Review(read(pair([polygon("a", points)])))
    found = review.prediction("annotator 1")["result"][0]["value"]["points"]
    assert found == [[0, 0], [100, 0], [100, 100], [0, 100]]
    assert review.left_out == {}


def brush(region_id: str, mask: Json) -> Json:
    """A painted mask."""
    height, width = mask.shape
    value = {"format": "rle", "rle": rle((np.repeat(mask.reshape(-1), 4) * 255).tolist()), "brushlabels": ["nevus"]}
    return entry(region_id, "brushlabels", value, "mask", original_width=width, original_height=height)


def test_masks_with_holes_and_parts_keep_their_pixels() -> None:
    """A ring of 12 pixels around a hole of 4, and 3 pixels beside: two entries, 15 square pixels."""
    mask = np.zeros((8, 10), dtype=np.uint8)
    mask[1:5, 1:5] = 1
    mask[2:4, 2:4] = 0
    mask[6, 6:9] = 1
    review = Review(read(pair([brush("m", mask)], [])))
    result = review.prediction("annotator 1")["result"]
    assert [(one["id"], one["type"], one["from_name"]) for one in result] == [
        ("m", "polygonlabels", "lesion"),
        ("m-2", "polygonlabels", "lesion"),
    ]
    again = review.again()
    assert sorted(lg.area(again.regions.polygons).round(9).tolist()) == [3.0, 12.0]
    assert again.regions.polygons.is_valid.all()


def test_answers_go_with_every_part() -> None:
    mask = np.zeros((8, 10), dtype=np.uint8)
    mask[1, 1] = mask[6, 6:9] = 1
    told = answer("m", "track_id", "number", {"number": 4})
    result = Review(read(pair([brush("m", mask), told], []))).prediction("annotator 1")["result"]
    assert [(one["id"], one["type"]) for one in result] == [
        ("m", "polygonlabels"),
        ("m", "number"),
        ("m-2", "polygonlabels"),
        ("m-2", "number"),
    ]


def test_rectangles_and_ellipses_go_to_the_polygon_control() -> None:
    box = {"x": 10, "y": 20, "width": 20, "height": 40, "rotation": 0, "rectanglelabels": ["other"]}
    oval = {"x": 50, "y": 50, "radiusX": 10, "radiusY": 20, "rotation": 0, "ellipselabels": ["other"]}
    drawn = [entry("r", "rectanglelabels", box, "rect"), entry("e", "ellipselabels", oval, "oval")]
    review = Review(read(pair(drawn)))
    first, second = review.prediction("annotator 1")["result"]
    assert first["value"] == {
        "points": [[10, 20], [30, 20], [30, 60], [10, 60]],
        "closed": True,
        "polygonlabels": ["other"],
    }
    assert (second["type"], second["from_name"]) == ("polygonlabels", "lesion")
    areas = lg.area(review.again().regions.polygons)
    assert math.isclose(areas[1], math.pi * 20 * 20, rel_tol=1e-9)


WITHOUT = """<View><Image name="img" value="$image"/>
  <RectangleLabels name="rect" toName="img"><Label value="other"/></RectangleLabels>
  <EllipseLabels name="oval" toName="img"><Label value="other"/></EllipseLabels></View>"""


@pytest.mark.parametrize("rotation", [0, 30, 90, 200, 345])
def test_rectangles_stay_where_there_is_no_polygon_control(rotation: float, tmp_path: Path) -> None:
    box = {"x": 40, "y": 40, "width": 20, "height": 10, "rotation": rotation, "rectanglelabels": ["other"]}
    review = Review(read(pair([entry("r", "rectanglelabels", box, "rect")])), WITHOUT, consensus=False)
    (made,) = review.prediction("annotator 1")["result"]
    assert (made["type"], made["from_name"]) == ("rectanglelabels", "rect")
    for key in ("x", "y", "width", "height", "rotation"):
        assert made["value"][key] == pytest.approx(box[key], abs=1e-9), key
    assert np.abs(review.again().regions.polygons.xy[:4] - review.export.regions.polygons.xy[:4]).max() < 1e-9
    if SDK.is_file():
        assert objections(WITHOUT, tmp_path, review.tasks) == [[]]


def test_what_no_control_can_draw_is_an_error() -> None:
    oval = {"x": 50, "y": 50, "radiusX": 10, "radiusY": 20, "rotation": 0, "ellipselabels": ["other"]}
    with pytest.raises(
        lg.ConfigError, match=r"no polygon control .* kind ellipse, drawn with oval,.*add <PolygonLabels>"
    ):
        Review(read(pair([entry("e", "ellipselabels", oval, "oval")])), WITHOUT, consensus=False)


def test_key_points_and_lines_are_left_out() -> None:
    point = entry("k", "keypointlabels", {"x": 5, "y": 5, "width": 1, "keypointlabels": ["nevus"]}, "dot")
    review = Review(read(pair([polygon("a"), point], [])))
    assert [one["id"] for one in review.prediction("annotator 1")["result"]] == ["a"]
    assert review.left_out == {"no_interior": 1}


# controls

TWO = """<View><Image name="img" value="$image"/><Image name="map" value="$image"/>
  <PolygonLabels name="body" toName="map"><Label value="arm"/></PolygonLabels>
  <PolygonLabels name="lesion" toName="img"><Label value="nevus"/></PolygonLabels>
  <PolygonLabels name="other" toName="img"><Label value="scar"/></PolygonLabels>
  <RectangleLabels name="rect" toName="img"><Label value="scar"/></RectangleLabels></View>"""


def test_each_region_goes_to_a_control_that_knows_it() -> None:
    box = {"x": 10, "y": 20, "width": 20, "height": 40, "rotation": 0, "rectanglelabels": ["scar"]}
    drawn = [
        polygon("a"),
        polygon("b", label="scar", from_name="other"),
        polygon("c", label="arm", from_name="body", to_name="map"),
        entry("r", "rectanglelabels", box, "rect"),
        polygon("d", label="scar", from_name="gone"),
    ]
    result = Review(read(pair(drawn, [])), TWO).prediction("annotator 1")["result"]
    found = {one["id"]: (one["from_name"], one["to_name"]) for one in result}
    assert found == {
        "a": ("lesion", "img"),
        "b": ("other", "img"),
        "c": ("body", "map"),
        "r": ("other", "img"),
        "d": ("other", "img"),
    }
    one = Review(read(pair(drawn[:1], [])), TWO, polygon_control="other")
    assert one.prediction("annotator 1")["result"][0]["from_name"] == "other"
    with pytest.raises(lg.ConfigError, match=r"no polygon control 'rect'; there is body, lesion, other"):
        Review(read(pair(drawn[:1])), TWO, polygon_control="rect")


def test_labels_of_a_control_of_their_own(tmp_path: Path) -> None:
    """Polygon and Labels apart: two entries with one id, each with the outline, as the editor writes them."""
    apart = """<View><Image name="img" value="$image"/>
      <Labels name="what" toName="img"><Label value="nevus"/></Labels><Polygon name="shape" toName="img"/></View>"""
    value = {"points": SQUARE, "closed": True}
    drawn = [entry("a", "polygon", value, "shape"), entry("a", "labels", {**value, "labels": ["nevus"]}, "what")]
    review = Review(read(pair(drawn)), apart)
    result = review.prediction("annotator 1")["result"]
    assert [(one["id"], one["type"], one["from_name"], one["value"].get("labels")) for one in result] == [
        ("a", "polygon", "shape", None),
        ("a", "labels", "what", ["nevus"]),
    ]
    assert set(review.again().regions.table["label"].to_pylist()) == {"nevus"}
    if SDK.is_file():
        assert objections(apart, tmp_path, review.tasks) == [[]]


def test_what_the_config_does_not_know_becomes_a_remark(tmp_path: Path) -> None:
    """Label Studio would refuse the whole file for one strange label; nothing is lost in silence."""
    drawn = [
        polygon("a", label="wart"),
        answer("a", "status", "choices", {"choices": ["gone"]}),
        answer("a", "stage", "number", {"number": 3}),
    ]
    review = Review(read(pair(drawn, [])))
    (made,) = review.prediction("annotator 1")["result"]
    assert made["value"]["polygonlabels"] == []
    assert made["meta"] == {"text": ["label: wart; status: gone"]}
    assert review.left_out == {"label_not_in_config": 1, "answer_not_in_config": 1}
    assert review.made.not_in_config == ["stage"]
    if SDK.is_file():
        assert objections(CONFIG, tmp_path, review.tasks) == [[]]


def test_regions_without_labels(tmp_path: Path) -> None:
    review = Review(read(pair([polygon("a", label=None)])))
    assert review.prediction("annotator 1")["result"][0]["value"]["polygonlabels"] == []
    if SDK.is_file():
        assert objections(CONFIG, tmp_path, review.tasks) == [[]]


@pytest.mark.parametrize("config", ["<View>", "nothing.xml"])
def test_a_config_that_cannot_be_used(config: str) -> None:
    with pytest.raises((lg.ConfigError, FileNotFoundError)):
        Review(read(pair([polygon("a")])), config)
