"""What read_label_studio makes of an export: real files, hand-made ones, and ones that were damaged on purpose.

Hand-made images are 200 x 100 px, so one percent is 2 px across and 1 px down.
"""

from __future__ import annotations

import copy
import functools
import json
import math
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lesiongeo
from lesiongeo import Export, ExportError
from lesiongeo.testing import make_export
from reference_counts import candidates

Json = Any
Row = dict[str, Any]

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
REAL = SHARED / "label_studio" / "ls_real_export.json"
SNAPSHOT = SHARED / "label_studio" / "ls_real_export_snapshot.json"
EXAMPLE = ROOT / "examples" / "dermatology.json"
TRIANGLE = [[10, 10], [20, 10], [20, 30]]  # 20 x 20 px, area 200

needs_real = pytest.mark.skipif(not REAL.is_file(), reason="the real export is not here")
needs_snapshot = pytest.mark.skipif(not SNAPSHOT.is_file(), reason="the real snapshot is not here")
needs_example = pytest.mark.skipif(not EXAMPLE.is_file(), reason="the example is not here")


def entry(region_id: Json, kind: str, value: Json, **more: Json) -> Row:
    """One entry of a result list; ``more`` sets or replaces fields."""
    return {
        "id": region_id,
        "from_name": f"{kind}_name",
        "type": kind,
        "original_width": 200,
        "original_height": 100,
        "value": value,
        **more,
    }


def polygon(region_id: Json = "r", *labels: str, points: Json = TRIANGLE, **more: Json) -> Row:
    """A closed polygon, by default the triangle."""
    value = {"points": points, "closed": True, "polygonlabels": list(labels)}
    return entry(region_id, "polygonlabels", value, **more)


def control(kind: str, answer: Json, region_id: Json = "r", **more: Json) -> Row:
    """An answer about a region, with the outline that the editor repeats in it."""
    field = "text" if kind == "textarea" else kind
    return entry(region_id, kind, {"points": TRIANGLE, "closed": True, field: answer}, **more)


def annotation(*result: Json, **more: Json) -> Row:
    """Annotation 5 by user 3."""
    return {"id": 5, "completed_by": 3, "result": list(result), **more}


def task(*annotations: Json, **more: Json) -> Row:
    """Task 7 with two pages."""
    return {"id": 7, "data": {"images": ["/d/a.png", "/d/b.png"]}, "annotations": list(annotations), **more}


def read(*tasks: Json) -> Export:
    return lesiongeo.read_label_studio(json.dumps(list(tasks)).encode())


def regions_of(*result: Json) -> list[Row]:
    """The rows of the regions of one annotation."""
    return list(read(task(annotation(*result))).regions.table.to_pylist())


def tables(export: Export) -> dict[str, pa.Table]:
    """Every table of an export, the outlines among them."""
    return {
        "regions": export.regions.to_arrow(),
        "annotations": export.annotations,
        "answers": export.answers,
        "tasks": export.tasks,
        "problems": export.problems,
    }


def assert_same(a: Export, b: Export) -> None:
    for (name, left), right in zip(tables(a).items(), tables(b).values(), strict=True):
        assert left.equals(right), name
    assert a.annotation_rows.tolist() == b.annotation_rows.tolist()


# Real exports


@functools.cache
def real(path: Path) -> Export:
    return lesiongeo.read_label_studio(path)


@needs_real
def test_the_real_export_is_counted() -> None:
    export = real(REAL)
    table = export.regions.table
    assert (export.tasks.num_rows, export.annotations.num_rows, len(export.regions)) == (2, 6, 20)
    assert Counter(table["page"].to_pylist()) == {0: 8, 1: 6, 2: 6}
    assert Counter(table["annotation_id"].to_pylist()) == {1: 7, 2: 9, 3: 3, 6: 1}
    assert Counter(table["label"].to_pylist()) == {
        "melanoma": 6,
        "nevus": 6,
        "seborrheic_keratosis": 4,
        "other": 4,
    }
    assert set(table["width"].to_pylist()) == {1600}
    assert set(table["height"].to_pylist()) == {1200}
    assert set(table["kind"].to_pylist()) == {"polygon"}
    assert set(table["origin"].to_pylist()) == {"manual"}
    assert Counter(table["annotator"].to_pylist()) == {"1": 10, "2": 10}
    assert table["ground_truth"].to_pylist().count(True) == 3


@needs_real
def test_the_controls_of_the_real_export_join_their_regions() -> None:
    rows = real(REAL).regions.table.to_pylist()
    tracks = {number: [row["track_id"] for row in rows if row["annotation_id"] == number] for number in (1, 2, 3, 6)}
    assert tracks == {1: [1, 2, 1, 2, 1, 2, 4], 2: [1, 2, 1, 2, 1, 3, 5, 6, None], 3: [1, 1, 1], 6: [1]}
    assert Counter(row["lesion_status"] for row in rows) == {"new": 5, "stable": 13, "enlarged": 1, None: 1}
    notes = {row["region_id"]: row["notes"] for row in rows if row["notes"] is not None}
    assert notes == {"b8c991191f": "visit 3: border irregular"}
    assert real(REAL).regions.table.column_names[-3:] == ["track_id", "lesion_status", "notes"]


@needs_real
def test_answers_of_the_real_export_are_per_page() -> None:
    rows = real(REAL).answers.to_pylist()
    found = [(row["annotation_id"], row["annotator"], row["page"], row["text"]) for row in rows]
    assert found == [
        (1, "1", 0, "unchanged"),
        (1, "1", 1, "unchanged"),
        (1, "1", 2, "worse"),
        (2, "2", 0, "unchanged"),
        (2, "2", 1, "unchanged"),
        (2, "2", 2, "unchanged"),
    ]
    assert {(row["task_id"], row["source"], row["name"], row["kind"], row["number"]) for row in rows} == {
        (1, "annotation", "visit_assessment", "choices", None)
    }


@needs_real
def test_skipped_and_empty_annotations_stay() -> None:
    table = real(REAL).annotations.select(
        ["task_id", "annotation_id", "annotator", "cancelled", "n_regions", "lead_time_s"]
    )
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        (1, 1, "1", False, 7, 63.2),
        (1, 2, "2", False, 9, 41.7),
        (2, 3, "1", False, 3, 20.0),
        (2, 4, "2", True, 0, 2.0),
        (2, 5, "2", False, 0, 5.0),
        (2, 6, "2", False, 1, None),
    ]


@needs_real
def test_the_odd_regions_of_the_real_export_are_reported() -> None:
    export = real(REAL)
    found = {(row["region_id"], row["code"], row["dropped"]) for row in export.problems.to_pylist()}
    assert found == {
        ("9c03d1ccd0", "self_overlap", False),
        ("7d15705432", "outside_image", False),
        ("c769f6603d", "unfinished", False),
        ("c769f6603d", "too_few_points", False),
    }
    area = dict(zip(export.regions.table["region_id"].to_pylist(), lesiongeo.area(export.regions), strict=True))
    # The bow tie is two triangles of base 120 px and height 80 px; the box is 152 x 120 px.
    assert area["9c03d1ccd0"] == pytest.approx(9600, rel=1e-14)
    assert area["7d15705432"] == pytest.approx(18240, rel=1e-14)
    assert area["c769f6603d"] == 0
    invalid = {row["region_id"]: row["problem"] for row in export.regions.table.to_pylist() if not row["valid"]}
    assert invalid == {"9c03d1ccd0": "self_overlap", "c769f6603d": "too_few_points"}


@needs_real
def test_image_addresses_lose_their_queries() -> None:
    assert b"sample.jpg?patient=1" in REAL.read_bytes()
    export = real(REAL)
    image = "http://127.0.0.1:18733/static/samples/sample.jpg"
    assert set(export.regions.table["image"].to_pylist()) == {image}
    assert export.tasks["images"].to_pylist() == [[image] * 3] * 2
    data = json.loads(export.tasks["data"][0].as_py())
    assert data["images"] == [image] * 3
    assert (data["patient_id"], data["agreement_iou"]) == ("P001", 0.87)


@needs_real
@needs_snapshot
def test_predictions_are_ids_in_the_export_and_objects_in_the_snapshot() -> None:
    easy, snapshot = real(REAL), real(SNAPSHOT)
    assert easy.tasks["n_predictions"].to_pylist() == snapshot.tasks["n_predictions"].to_pylist() == [1, 0]
    assert set(easy.annotations["source"].to_pylist()) == {"annotation"}
    (row,) = (row for row in snapshot.annotations.to_pylist() if row["source"] == "prediction")
    assert (row["task_id"], row["model_version"], row["score"], row["n_regions"]) == (1, "seg-v1", 0.83, 1)
    assert (row["annotator"], row["cancelled"]) == (None, False)
    (region,) = (row for row in snapshot.regions.table.to_pylist() if row["source"] == "prediction")
    assert (region["region_id"], region["page"], region["label"]) == ("28e3e745d8", 0, "melanoma")


@needs_real
@needs_snapshot
def test_the_snapshot_says_the_same_as_the_export() -> None:
    easy, snapshot = real(REAL), real(SNAPSHOT)
    mask = np.array(snapshot.regions.table["source"].to_pylist()) == "annotation"
    assert snapshot.regions.take(mask).to_arrow().equals(easy.regions.to_arrow())
    assert snapshot.answers.equals(easy.answers)
    assert snapshot.problems.equals(easy.problems)


def texts_of(column: pa.ChunkedArray) -> list[str]:
    """Every text anywhere in a column."""
    kind = column.type
    while pa.types.is_list(kind):
        column, kind = pa.chunked_array(column).combine_chunks().flatten(), kind.value_type
    return [text for text in column.to_pylist() if text] if pa.types.is_string(kind) else []


@needs_snapshot
def test_no_address_and_no_name_leaves_the_snapshot() -> None:
    raw = SNAPSHOT.read_bytes()
    assert b"annot2@example.org" in raw
    assert b'"first_name": "Ann"' in raw
    searched = 0
    for name, table in tables(real(SNAPSHOT)).items():
        for column in table.column_names:
            for text in texts_of(table[column]):
                searched += 1
                assert "@" not in text, (name, column)
                assert not re.search(r"\b(Ann|Two|admin|annot2)\b", text), (name, column)
    assert searched > 200


# People


def annotator_of(completed_by: Json) -> str | None:
    (who,) = read(task(annotation(completed_by=completed_by))).annotations["annotator"].to_pylist()
    return None if who is None else str(who)


@pytest.mark.parametrize(
    ("completed_by", "expected"),
    [
        (4, "4"),
        ("4", "4"),
        ({"id": 4, "email": "ann@example.org", "first_name": "Ann", "last_name": "Two"}, "4"),
        ({"email": "ann@example.org", "id": 4}, "4"),
        (None, None),
        ({}, None),
        ("", None),
        ([4], None),
    ],
)
def test_annotators_are_ids(completed_by: Json, expected: str | None) -> None:
    assert annotator_of(completed_by) == expected
    problems = read(task(annotation(completed_by=completed_by))).problems["code"].to_pylist()
    assert problems == ([] if expected else ["no_annotator"])


def test_an_address_becomes_a_pseudonym_that_stays_the_same() -> None:
    who = annotator_of({"email": "ann@example.org"})
    assert who is not None
    assert re.fullmatch(r"user-[0-9a-f]{16}", who)
    assert annotator_of("ann@example.org") == annotator_of(" Ann@Example.org ") == who
    assert annotator_of({"username": "ann@example.org"}) == who
    assert annotator_of("bob@example.org") != who


def test_an_absent_annotator_is_reported() -> None:
    export = read(task({"id": 5, "result": []}))
    assert export.annotations["annotator"].to_pylist() == [None]
    assert export.problems["code"].to_pylist() == ["no_annotator"]


def test_an_address_as_id_does_not_leave_the_reader() -> None:
    assert "@" not in str(annotator_of({"id": "ann@example.org"}))


def test_the_pseudonym_does_not_depend_on_the_order_of_keys() -> None:
    assert annotator_of({"email": "a@example.org", "username": "b"}) == annotator_of(
        {"username": "b", "email": "a@example.org"}
    )


# Shapes in pixels


def outline_of(kind: str, value: Row) -> np.ndarray[Any, Any]:
    export = read(task(annotation(entry("r", kind, value))))
    assert export.problems.num_rows == 0
    ((ring,),) = export.regions.polygons.to_rings()
    return ring


def test_percent_becomes_pixels() -> None:
    assert outline_of("polygon", {"points": TRIANGLE}).tolist() == [[20, 10], [40, 10], [40, 30]]


def test_a_ring_that_was_drawn_the_other_way_or_closed_by_hand_is_the_same_region() -> None:
    backwards = outline_of("polygon", {"points": TRIANGLE[::-1]})
    closed = outline_of("polygon", {"points": [*TRIANGLE, TRIANGLE[0]]})
    assert len(closed) == 3
    assert sorted(backwards.tolist()) == sorted(closed.tolist()) == [[20, 10], [40, 10], [40, 30]]
    assert lesiongeo.area([backwards, closed]).tolist() == [200, 200]


@pytest.mark.parametrize("kind", ["rectangle", "rectanglelabels"])
def test_a_rectangle_turns_about_its_corner_in_pixels(kind: str) -> None:
    box = {"x": 50, "y": 40, "width": 10, "height": 10}  # 20 x 10 px at (100, 40)
    upright = [[100, 40], [120, 40], [120, 50], [100, 50]]
    assert outline_of(kind, box).tolist() == upright
    assert outline_of(kind, {**box, "rotation": None}).tolist() == upright
    # A quarter turn clockwise on the screen: it hangs down from its corner, to the left.
    quarter = outline_of(kind, {**box, "rotation": 90})
    assert quarter == pytest.approx(np.array([[100, 40], [100, 60], [90, 60], [90, 40]]), abs=1e-12)
    # 30 degrees: 20 px along (cos, sin), then 10 px along (-sin, cos).
    c, s = math.sqrt(3) / 2, 0.5
    turned = outline_of(kind, {**box, "rotation": 30})
    corners = [
        [100, 40],
        [100 + 20 * c, 40 + 20 * s],
        [100 + 20 * c - 10 * s, 40 + 20 * s + 10 * c],
        [100 - 10 * s, 40 + 10 * c],
    ]
    assert turned == pytest.approx(np.array(corners), abs=1e-12)
    assert lesiongeo.area([turned])[0] == pytest.approx(200, rel=1e-13)


@pytest.mark.parametrize("kind", ["ellipse", "ellipselabels"])
@pytest.mark.parametrize("rotation", [0, 30, 90])
def test_an_ellipse_keeps_area_centre_and_extent(kind: str, rotation: float) -> None:
    # Radii 20 px and 10 px about (100, 50).
    ring = outline_of(kind, {"x": 50, "y": 50, "radiusX": 10, "radiusY": 10, "rotation": rotation})
    assert lesiongeo.area([ring])[0] == pytest.approx(200 * math.pi, rel=1e-12)
    assert lesiongeo.centroid([ring])[0] == pytest.approx([100, 50], abs=1e-9)
    assert np.linalg.norm(ring - [100, 50], axis=1).max() == pytest.approx(20, abs=0.05)
    c, s = math.cos(math.radians(rotation)), math.sin(math.radians(rotation))
    across, down = math.hypot(20 * c, 10 * s), math.hypot(20 * s, 10 * c)
    box = [100 - across, 50 - down, 100 + across, 50 + down]
    assert lesiongeo.bounds([ring])[0] == pytest.approx(box, abs=0.05)


def test_the_display_rotation_of_an_image_changes_nothing() -> None:
    (row,) = regions_of(polygon(image_rotation=90))
    plain = read(task(annotation(polygon()))).regions
    assert (row["width"], row["height"]) == (200, 100)
    assert read(task(annotation(polygon(image_rotation=90)))).regions.polygons == plain.polygons


# Pages


@pytest.mark.parametrize(
    ("top", "inner", "page"),
    [(1, {}, 1), ({}, 1, 1), ({}, {}, 0), (1, 0, 1), (None, 1, 1), (0, 1, 0), (1.0, {}, 1), (3, {}, 3)],
)
def test_the_page_stands_at_the_top_or_in_the_value(top: Json, inner: Json, page: int) -> None:
    region = polygon()
    if top != {}:
        region["item_index"] = top
    if inner != {}:
        region["value"]["item_index"] = inner
    (row,) = regions_of(region)
    assert row["page"] == page
    assert row["image"] == {0: "/d/a.png", 1: "/d/b.png"}.get(page)


@pytest.mark.parametrize("page", ["1", -1, 1.5, True, 2**31, 100_000, [1]])
def test_a_page_that_is_no_page_is_reported(page: Json) -> None:
    assert read(task(annotation(polygon(item_index=page)))).problems.num_rows == 1


def test_the_largest_page_has_no_image() -> None:
    other = {**task(annotation(polygon(item_index=99_999))), "id": 8}
    assert read(task(), other).regions.table["image"].to_pylist() == [None]


@pytest.mark.parametrize(
    ("data", "images"),
    [
        ({"image": "a.png"}, ["a.png"]),
        ({"patient": "P1", "images": ["a.png", "b.png"], "image": "c.png"}, ["a.png", "b.png"]),
        ({"image": "https://h/a.png?X-Amz-Signature=1#f"}, ["https://h/a.png"]),
        ({"image": "/data/local-files/?d=p1/a.png&t=2"}, ["/data/local-files/?d=p1/a.png"]),
        ({"question": "is it growing?"}, []),
        ({}, []),
    ],
)
def test_images_of_a_task(data: Row, images: list[str]) -> None:
    export = read(task(annotation(polygon()), data=data))
    assert export.tasks["images"].to_pylist() == [images]
    assert export.regions.table["image"].to_pylist() == (images[:1] or [None])


def test_dates_with_slashes_are_no_images() -> None:
    data = {"dates": ["10/01/2025", "12/07/2025"], "images": ["a.png", "b.png"]}
    assert read(task(data=data)).tasks["images"].to_pylist() == [["a.png", "b.png"]]


# Labels and controls


@pytest.mark.parametrize(
    ("result", "labels"),
    [
        ([polygon("r", "nevus")], ["nevus"]),
        ([polygon("r", "nevus", "other")], ["nevus", "other"]),
        ([polygon("r")], []),
        ([entry("r", "polygon", {"points": TRIANGLE})], []),
        ([entry("r", "polygon", {"points": TRIANGLE}), control("labels", ["a", "b"])], ["a", "b"]),
        ([control("labels", ["a"]), entry("r", "ellipse", dict.fromkeys(("x", "y", "radiusX", "radiusY"), 9))], ["a"]),
        ([entry("r", "polygonlabels", {"points": TRIANGLE, "polygonlabels": "a"})], ["a"]),
        ([entry("r", "polygonlabels", {"points": TRIANGLE, "polygonlabels": None})], []),
    ],
)
def test_labels(result: list[Row], labels: list[str]) -> None:
    (row,) = regions_of(*result)
    assert row["labels"] == labels
    assert row["label"] == (labels[0] if labels else None)


@pytest.mark.parametrize(
    ("kind", "answer", "expected"),
    [
        ("number", 2, 2.0),
        ("number", " 2.5 ", 2.5),
        ("rating", 4, 4.0),
        ("choices", ["stable"], "stable"),
        ("choices", ["stable", 'a "b"\n'], '["stable","a \\"b\\"\\n"]'),
        ("choices", "stable", "stable"),
        ("choices", [], None),
        ("textarea", ["one"], "one"),
        ("textarea", "one", "one"),
        ("textarea", ["one", "two"], '["one","two"]'),
        ("taxonomy", [["a", "b"]], '[["a","b"]]'),
        ("datetime", "2026-01-05", "2026-01-05"),
    ],
)
def test_controls_become_columns(kind: str, answer: Json, expected: Json) -> None:
    export = read(task(annotation(polygon(), control(kind, answer, from_name="q"), polygon("other"))))
    column = export.regions.table["q"]
    assert column.to_pylist() == [expected, None]
    assert column.type == (pa.float64() if kind in ("number", "rating") else pa.string())
    assert export.problems.num_rows == 0


@pytest.mark.parametrize("order", [1, -1])
def test_a_control_that_changed_its_type_becomes_text(order: int) -> None:
    answers = [control("number", 2, "a", from_name="q"), control("choices", ["two"], "b", from_name="q")]
    table = read(task(annotation(polygon("a"), polygon("b"), polygon("c"), *answers[::order]))).regions.table
    assert table["q"].to_pylist() == ["2", "two", None]


def test_a_control_named_like_a_fixed_column_is_renamed() -> None:
    answers = [control("choices", ["mine"], from_name="label"), control("number", 9, from_name="page")]
    export = read(task(annotation(polygon("r", "nevus"), *answers)))
    (row,) = export.regions.table.to_pylist()
    assert (row["label"], row["control_label"], row["page"], row["control_page"]) == ("nevus", "mine", 0, 9)
    assert len(set(export.regions.table.column_names)) == export.regions.table.num_columns


@pytest.mark.parametrize("names", [("control_label", "label"), ("geometry",)])
def test_column_names_are_unique(names: tuple[str, ...]) -> None:
    export = read(task(annotation(polygon(), *(control("choices", ["x"], from_name=name) for name in names))))
    columns = export.regions.to_arrow().column_names
    assert len(set(columns)) == len(columns)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [("number", True), ("number", [5]), ("number", {"a": 5}), ("number", "NaN"), ("rating", "5")],
)
def test_an_odd_number_is_kept_or_reported(kind: str, answer: Json) -> None:
    export = read(task(annotation(polygon(), control(kind, answer, from_name="q"))))
    assert export.problems.num_rows == 1 or export.regions.table["q"].to_pylist() != [None]


def test_answers_of_pages_and_of_the_task() -> None:
    page = {"id": "p", "type": "choices", "from_name": "visit", "item_index": 1, "value": {"choices": ["worse"]}}
    whole = {"id": "w", "type": "number", "from_name": "age", "value": {"number": 61}}
    rows = read(task(annotation(page, whole))).answers.to_pylist()
    keys = ("page", "name", "kind", "text", "number")
    assert [tuple(row[key] for key in keys) for row in rows] == [
        (1, "visit", "choices", "worse", None),
        (None, "age", "number", None, 61.0),
    ]
    assert {(row["task_id"], row["annotation_id"], row["annotator"]) for row in rows} == {(7, 5, "3")}


def test_ids_are_unique_within_one_annotation_only() -> None:
    second = annotation(polygon(points=[[0, 0], [10, 0], [0, 10]]), id=6, completed_by=4)
    export = read(task(annotation(polygon(), control("number", 1, from_name="track_id")), second))
    assert export.regions.table["annotator"].to_pylist() == ["3", "4"]
    assert export.regions.table["track_id"].to_pylist() == [1, None]
    assert lesiongeo.area(export.regions).tolist() == [200, 100]
    assert export.annotation_rows.tolist() == [0, 1]
    assert export.problems.num_rows == 0


def test_fields_of_annotations_and_regions() -> None:
    made = annotation(
        polygon("r", "nevus", score=0.75, origin="prediction-changed"),
        was_cancelled=True,
        ground_truth=True,
        created_at="2026-01-05T08:00:00.5Z",
        updated_at="2026-01-05T10:00:00+01:00",
        lead_time=12.5,
        parent_prediction=8,
        parent_annotation=4,
    )
    export = read(task(made, inner_id=2))
    (row,) = export.regions.table.to_pylist()
    assert (row["score"], row["origin"]) == (0.75, "prediction-changed")
    assert (row["cancelled"], row["ground_truth"]) == (True, True)
    assert row["created_at"].isoformat() == "2026-01-05T08:00:00.500000+00:00"
    assert row["updated_at"].isoformat() == "2026-01-05T09:00:00+00:00"
    assert row["lead_time_s"] == 12.5
    (own,) = export.annotations.to_pylist()
    assert (own["parent_prediction"], own["parent_annotation"], own["n_regions"]) == (8, 4, 1)
    assert export.tasks["inner_id"].to_pylist() == [2]


def test_drafts_predictions_and_old_names() -> None:
    old = {"id": 1, "data": {}, "completions": [{"id": 2, "completed_by": 3, "skipped": True, "result": None}]}
    new = {
        "id": 2,
        "data": {},
        "annotations": None,
        "predictions": [8, {"id": 9, "model_version": "m", "score": 0.5, "result": [polygon()]}],
        "drafts": [{"id": 3, "user": "ann@example.org", "result": [polygon()]}],
    }
    export = read(old, new)
    rows = [(r["task_id"], r["source"], r["cancelled"], r["n_regions"]) for r in export.annotations.to_pylist()]
    assert rows == [(1, "annotation", True, 0), (2, "prediction", False, 1), (2, "draft", False, 1)]
    counts = export.tasks.select(["n_annotations", "n_predictions", "n_drafts"]).to_pylist()
    assert [tuple(count.values()) for count in counts] == [(1, 0, 0), (0, 2, 1)]
    assert export.problems.num_rows == 0
    assert export.regions.table["source"].to_pylist() == ["prediction", "draft"]


@pytest.mark.parametrize("keys", [("annotations", "completions"), ("completions", "annotations")])
def test_an_empty_second_list_does_not_change_the_count(keys: tuple[str, str]) -> None:
    lists = {"annotations": [annotation()], "completions": None}
    export = read({"id": 7, "data": {}, **{key: lists[key] for key in keys}})
    assert export.tasks["n_annotations"].to_pylist() == [1]


# Sources


def test_paths_and_bytes_give_the_same(tmp_path: Path) -> None:
    raw = json.dumps([task(annotation(polygon("r", "nevus")))]).encode()
    path = tmp_path / "export.json"
    path.write_bytes(raw)
    first = lesiongeo.read_label_studio(path)
    assert len(first.regions) == 1
    for source in (str(path), raw, bytearray(raw), memoryview(raw), [path], (raw,)):
        same = lesiongeo.read_label_studio(source)
        assert same.tasks["file"].to_pylist() == ["<bytes>" if source in (raw, (raw,)) else "export.json"]
        at = same.tasks.column_names.index("file")
        assert_same(replace(same, tasks=same.tasks.set_column(at, "file", first.tasks["file"])), first)


def test_a_single_task_needs_no_list() -> None:
    one = task(annotation(polygon()))
    assert_same(lesiongeo.read_label_studio(json.dumps(one).encode()), read(one))


def test_several_files_are_put_together(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_text(json.dumps([{**task(annotation(polygon("b"), control("number", 2, "b"), id=6)), "id": 8}]))
    first = json.dumps([task(annotation(polygon("a"), control("choices", ["x"], "a")))]).encode()
    export = lesiongeo.read_label_studio([first, path])
    assert export.tasks["task_id"].to_pylist() == [7, 8]
    assert export.annotation_rows.tolist() == [0, 1]
    assert export.problems.num_rows == 0
    rows = export.regions.table.to_pylist()
    assert [(r["task_id"], r["region_id"], r["choices_name"], r["number_name"]) for r in rows] == [
        (7, "a", "x", None),
        (8, "b", None, 2.0),
    ]


def test_a_task_that_comes_twice_is_reported_once() -> None:
    raw = json.dumps([task(annotation(polygon()))]).encode()
    export = lesiongeo.read_label_studio([raw, raw, json.dumps([{**task(), "id": 8}]).encode()])
    (row,) = export.problems.to_pylist()
    assert (row["task_id"], row["field"], row["code"], row["dropped"]) == (7, "id", "repeated_task", False)
    assert len(export.regions) == 2


def test_no_tasks_are_an_empty_export() -> None:
    export = lesiongeo.read_label_studio(b" [ ] ")
    assert all(table.num_rows == 0 for table in tables(export).values())
    assert repr(export) == "<Export: 0 tasks, 0 annotations, 0 regions, 0 problems>"


@needs_example
def test_the_number_of_threads_changes_nothing() -> None:
    assert EXAMPLE.stat().st_size > 2 << 20, "too small to be read in parallel"
    first = lesiongeo.read_label_studio(EXAMPLE, threads=1)
    for threads in (2, 4):
        assert_same(lesiongeo.read_label_studio(EXAMPLE, threads=threads), first)


# Problems


def case(*result: Json, **more: Json) -> Row:
    return task(annotation(*result), **more)


class Twin(str):
    """A key that is no other key, not even one of the same letters, so that an object can hold both."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


NO_SIZE = entry("r", "polygon", {"points": TRIANGLE}, original_width=None)
ANSWER = {"id": "q", "type": "choices", "from_name": "visit", "item_index": 1, "value": {"choices": None}}
BOX = {"x": 1, "y": 2, "width": None, "height": 4}
PIXEL = {"format": "png", "rle": [0, 0, 0, 4, 57, 153, 156, 63, 240]}
# Export, then field, code, whether a region is lost, region, page; task 7 and annotation 5 unless the last two differ.
PROBLEMS: list[tuple[Row, tuple[str, str, bool, str | None, int | None], int | None, int | None]] = [
    (case(7), ("result", "entry_not_object", True, None, None), 7, 5),
    (task({"id": 5, "completed_by": 3, "result": {}}), ("result", "not_a_list", True, None, None), 7, 5),
    ({**task(), "annotations": {}}, ("annotations", "not_a_list", True, None, None), 7, None),
    (task(predictions="x"), ("annotations", "not_a_list", True, None, None), 7, None),
    (task(12), ("annotations", "not_an_annotation", True, None, None), 7, None),
    (task(predictions=["x"]), ("annotations", "not_an_annotation", True, None, None), 7, None),
    (task(annotation(completed_by=None)), ("completed_by", "no_annotator", False, None, None), 7, 5),
    (task(annotation(created_at="noon")), ("created_at", "not_a_time", False, None, None), 7, 5),
    (task(annotation(updated_at="2026-02-30T00:00:00Z")), ("updated_at", "not_a_time", False, None, None), 7, 5),
    (task(annotation(lead_time="long")), ("lead_time", "wrong_type", False, None, None), 7, 5),
    (task(annotation(id=None)), ("id", "no_annotation_id", False, None, None), 7, None),
    (task(id="x"), ("id", "no_task_id", False, None, None), -1, None),
    (task(data=[]), ("data", "no_data", False, None, None), 7, None),
    (
        case(polygon(item_index=1), control("number", 1, item_index=0)),
        ("item_index", "page_differs", False, "r", 1),
        7,
        5,
    ),
    (case(polygon(), polygon(points=TRIANGLE[::-1])), ("value", "repeated_region", True, "r", 0), 7, 5),
    (case(polygon("r", None)), ("value", "label_not_read", False, "r", 0), 7, 5),
    (case(polygon(item_index=-1)), ("item_index", "not_a_page", True, "r", None), 7, 5),
    (case(polygon(meta={"text": True})), ("meta.text", "note_not_read", False, "r", 0), 7, 5),
    (case(NO_SIZE), ("original_width", "no_image_size", True, "r", 0), 7, 5),
    (case(polygon(original_height=-1)), ("original_height", "no_image_size", True, "r", 0), 7, 5),
    (case(polygon(original_width=100.5)), ("original_width", "image_size_not_whole", False, "r", 0), 7, 5),
    (case(entry("r", "polygon", None)), ("value", "no_value", True, "r", 0), 7, 5),
    (case(polygon(points=None)), ("value.points", "no_points", True, "r", 0), 7, 5),
    (case(polygon(points=[])), ("value.points", "no_points", True, "r", 0), 7, 5),
    (case(polygon(points=[[1, 2], [3]])), ("value.points", "not_a_point", True, "r", 0), 7, 5),
    (case(entry("r", "rectangle", BOX)), ("value", "missing_number", True, "r", 0), 7, 5),
    (case(polygon(points=[[1e300, 1], [2, 3], [4, 4]])), ("value", "coordinate_out_of_range", True, "r", 0), 7, 5),
    (
        case(entry("r", "polygon", {"points": TRIANGLE, "closed": False})),
        ("value.closed", "unfinished", False, "r", 0),
        7,
        5,
    ),
    (case(polygon(points=[[95, 5], [104.5, 6], [95, 9]])), ("value", "outside_image", False, "r", 0), 7, 5),
    (case(polygon(), control("number", "x")), ("value", "control_not_read", False, "r", 0), 7, 5),
    (case(ANSWER), ("value", "control_not_read", False, "q", 1), 7, 5),
    (
        case(polygon(), control("number", 1), control("number", 2)),
        ("from_name", "repeated_control", False, "r", 0),
        7,
        5,
    ),
    (case(entry("k", "video", {"x": 1, "y": 2}, item_index=1)), ("type", "kind_not_read", True, "k", 1), 7, 5),
    (case(polygon(), entry("r", "video", {})), ("type", "kind_not_read", False, "r", 0), 7, 5),
    (case({"type": "relation", "from_id": "a"}), ("from_id", "relation_not_read", False, None, None), 7, 5),
    (
        case(polygon(), {"type": "relation", "from_id": "r", "to_id": "gone"}),
        ("to_id", "relation_without_region", False, "gone", None),
        7,
        5,
    ),
    (case({**polygon(), Twin("value"): {"points": TRIANGLE}}), ("value", "repeated_key", False, "r", 0), 7, 5),
    (case(control("number", 1, "lost")), ("id", "control_without_region", False, "lost", None), 7, 5),
    (
        case(entry("r", "brush", PIXEL, original_width=1, original_height=1)),
        ("value.format", "mask_format", False, "r", 0),
        7,
        5,
    ),
    (
        case(entry("r", "brush", {"rle": [*PIXEL["rle"], 0, 0]}, original_width=1, original_height=1)),
        ("value.rle", "mask_rest", False, "r", 0),
        7,
        5,
    ),
    (case(polygon(points=[[1, 1], [2, 2], [1, 1]])), ("value", "too_few_points", False, "r", 0), 7, 5),
    (case(polygon(points=[[1, 1], [2, 2], [3, 3]])), ("value", "zero_area", False, "r", 0), 7, 5),
    (case(polygon(points=[[0, 0], [9, 9], [9, 0], [0, 9]])), ("value", "self_overlap", False, "r", 0), 7, 5),
    (
        case(polygon("a"), polygon("b", original_height=90)),
        ("original_width", "image_size_differs", False, None, 0),
        7,
        None,
    ),
]


@pytest.mark.parametrize(("made", "expected", "task_id", "annotation_id"), PROBLEMS, ids=[p[1][1] for p in PROBLEMS])
def test_a_problem_names_its_place(
    made: Row, expected: tuple[str, str, bool, str | None, int | None], task_id: int | None, annotation_id: int | None
) -> None:
    # Its neighbours are sound, so that a wrong row number would name another task or annotation.
    sound = {**task(annotation(polygon(), id=1)), "id": 70}
    export = lesiongeo.read_label_studio([json.dumps([made]).encode(), json.dumps([sound]).encode()])
    (row,) = export.problems.to_pylist()
    field, code, dropped, region, page = expected
    assert (row["field"], row["code"], row["dropped"]) == (field, code, dropped)
    assert (row["task_id"], row["annotation_id"], row["region_id"]) == (task_id, annotation_id, region)
    assert row["page"] == page
    assert len(row["message"]) > 20
    after = lesiongeo.read_label_studio([json.dumps([sound]).encode(), json.dumps([made]).encode()])
    # A task without an id is numbered by its position among all tasks.
    columns = [name for name in export.problems.column_names if name != "task_id" or code != "no_task_id"]
    assert after.problems.select(columns).equals(export.problems.select(columns))


def test_every_code_of_the_sources_has_a_case() -> None:
    folder = ROOT / "src" / "read"
    if not folder.is_dir():
        pytest.skip("the sources of the core are not here")
    # Those of masks and vectors have theirs in test_read_kinds.py.
    others = {"brush", "bitmask", "mask", "painted", "trace", "vector"}
    files = [path for path in sorted(folder.glob("*.rs")) if path.stem not in others]
    text = "".join(path.read_text().split("#[cfg(test)]")[0] for path in files)
    codes = set(re.findall(r'\.report\(\s*\w+,\s*(?:"[\w.]+"|\w+),\s*"(\w+)"', text))
    codes |= set(re.findall(r'\bcode: "(\w+)"', text))
    codes |= set(re.findall(r'\bfixed\(\s*"[\w.]+",\s*"(\w+)"', text))
    assert len(codes) >= 22, "the pattern finds no codes any more"
    codes.remove("not_a_task")  # see test_an_entry_of_the_file_that_is_no_task_leaves_an_empty_row
    assert codes <= {expected[1] for _, expected, _, _ in PROBLEMS}


@pytest.mark.parametrize(
    ("width", "told"),
    [
        ("1e10", "the width of the image is 10000000000 pixels, which is too large"),
        ("1e400", "the width of the image is more than 1.7e308 pixels, which is too large"),
        ("-200", "the width of the image is -200 pixels, which is not positive"),
        ("0", "the width of the image is 0 pixels, which is not positive"),
        ("null", "is missing or no number"),
        ('"200"', "is missing or no number"),
    ],
)
def test_a_size_that_is_none_is_named(width: str, told: str) -> None:
    text = json.dumps([task(annotation(polygon(original_width="?")))]).replace('"?"', width)
    (row,) = lesiongeo.read_label_studio(text.encode()).problems.to_pylist()
    assert (row["field"], row["code"], row["dropped"]) == ("original_width", "no_image_size", True)
    assert told in row["message"]
    assert "original_width" in row["message"].split("percent")[1], "the remedy"


@pytest.mark.parametrize(
    ("size", "columns"), [((100.5, 50), (101, 50)), ((0.001, 0.4), (1, 1)), ((100, 49.4), (100, 49))]
)
def test_a_size_that_is_not_whole_is_used_and_named(size: tuple[float, float], columns: tuple[int, int]) -> None:
    export = read(task(annotation(polygon(original_width=size[0], original_height=size[1]))))
    (row,) = export.regions.table.to_pylist()
    assert (row["width"], row["height"]) == columns
    (ring,) = export.regions.polygons.to_rings()[0]
    assert ring.max(axis=0).tolist() == [20 / 100 * size[0], 30 / 100 * size[1]]
    (problem,) = export.problems.to_pylist()
    assert problem["field"] == ("original_height" if size[0] == 100 else "original_width")
    assert f"{size[0]} x {size[1]} pixels" in problem["message"]
    assert f"{columns[0]} x {columns[1]};" in problem["message"]


def test_relations_of_regions_that_are_not_there() -> None:
    """Each end is named; regions that were dropped are not there either, wherever they stand."""

    def relation(start: Json, end: Json) -> Row:
        return {"type": "relation", "from_id": start, "to_id": end, "direction": "right"}

    lost = polygon("lost", original_width=None)
    result = [relation("a", "b"), relation("a", "lost"), relation("x", "y"), polygon("a"), lost, polygon("b")]
    export = read(task(annotation(*result)), {**task(annotation(polygon("x"))), "id": 8})
    assert export.relations["to_region"].to_pylist() == ["b", "lost", "y"]
    rows = [row for row in export.problems.to_pylist() if row["code"] == "relation_without_region"]
    ends = [(row["field"], row["region_id"]) for row in rows]
    assert ends == [("to_id", "lost"), ("from_id", "x"), ("to_id", "y")]
    assert {(row["task_id"], row["annotation_id"], row["dropped"]) for row in rows} == {(7, 5, False)}
    assert "leads to" in rows[0]["message"]
    assert "starts from" in rows[1]["message"]


def test_a_relation_under_the_id_of_a_region_is_kept() -> None:
    export = read(task(annotation(polygon("a"), {"id": "a", "type": "relation", "from_id": "a", "to_id": "a"})))
    assert export.relations["from_region"].to_pylist() == ["a"]
    assert (len(export.regions), export.problems.num_rows) == (1, 0)


TEXTS: list[Json] = [[], {}, True]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((field, value) for field in ("id", "from_name", "origin", "parentID") for value in TEXTS),
        *(("score", value) for value in ("0.5", True, [], {})),
        *(("readonly", value) for value in ("true", 1, [], {})),
        *(("meta", value) for value in ("note", 1, [], True)),
    ],
)
def test_a_field_of_a_region_of_a_wrong_type_is_empty_and_reported(field: str, value: Json) -> None:
    export = read(task(annotation({**polygon("r", "nevus"), field: value})))
    (row,) = export.regions.table.to_pylist()
    assert row["label"] == "nevus"
    column = {"id": "region_id", "parentID": "parent_id", "meta": "meta_text"}.get(field, field)
    assert row[column] == (False if field == "readonly" else None)
    (problem,) = export.problems.to_pylist()
    assert (problem["code"], problem["field"], problem["dropped"]) == ("wrong_type", field, False)
    silent = read(task(annotation({**polygon("r", "nevus"), field: None})))
    assert silent.problems.num_rows == 0


def test_an_answer_whose_id_is_of_a_wrong_type_is_kept_and_reported() -> None:
    answer = {"id": [], "type": "number", "from_name": "track_id", "value": {"number": 3}}
    export = read(task(annotation(polygon(), answer)))
    assert export.answers["number"].to_pylist() == [3]
    (problem,) = export.problems.to_pylist()
    assert (problem["code"], problem["field"], problem["region_id"]) == ("wrong_type", "id", None)


def test_a_field_of_a_wrong_type_in_several_entries_of_a_region_is_reported_once() -> None:
    export = read(task(annotation(polygon(score="x"), control("number", 1, score="x", original_width="w"))))
    assert export.regions.table["number_name"].to_pylist() == [1]
    assert export.problems["field"].to_pylist() == ["score", "original_width"]
    assert export.problems["code"].to_pylist() == ["wrong_type"] * 2
    relation = {"type": "relation", "from_id": "r", "to_id": "r", "direction": 4.5}
    assert read(task(annotation(polygon(), relation))).problems.num_rows == 0
    assert read(task(annotation(polygon(), {**relation, "direction": []}))).problems["field"].to_pylist() == [
        "direction"
    ]


@pytest.mark.parametrize("closed", ["false", "true", 0, 1, {}, [], None])
def test_an_outline_that_does_not_say_whether_it_is_closed_counts_as_closed(closed: Json) -> None:
    export = read(task(annotation(entry("r", "polygon", {"points": TRIANGLE, "closed": closed}))))
    assert lesiongeo.area(export.regions).tolist() == [200]
    (problem,) = export.problems.to_pylist()
    assert (problem["code"], problem["field"], problem["dropped"]) == ("wrong_type", "value.closed", False)
    assert "counts as closed" in problem["message"]


@pytest.mark.parametrize(
    ("twice", "field"),
    [
        ({**polygon(), Twin("id"): "r"}, "id"),
        ({**polygon(), Twin("original_width"): 200}, "original_width"),
        (entry("r", "polygon", {"points": [[1, 1], [2, 2], [3, 1]], Twin("points"): TRIANGLE}), "value.points"),
        (entry("r", "polygon", {"points": None, Twin("points"): TRIANGLE}), "value.points"),
        ({**polygon(), "value": None, Twin("value"): polygon()["value"]}, "value"),
        (entry("r", "polygon", {"points": TRIANGLE, "closed": False, Twin("closed"): True}), "value.closed"),
        ({**polygon("r", "x"), "value": {**polygon("r", "x")["value"], Twin("polygonlabels"): ["y"]}}, "value"),
    ],
)
def test_of_a_key_that_stands_twice_the_last_counts(twice: Row, field: str) -> None:
    export = read(task(annotation(twice, control("number", 4))))
    (row,) = export.regions.table.to_pylist()
    assert (row["region_id"], row["width"], row["number_name"]) == ("r", 200, 4)
    assert row["label"] in (None, "y")
    assert lesiongeo.area(export.regions).tolist() == [200]
    (problem,) = export.problems.to_pylist()
    assert (problem["code"], problem["field"], problem["region_id"]) == ("repeated_key", field, "r")


def test_two_answers_under_one_key_are_one_answer_and_a_problem() -> None:
    value = {"points": TRIANGLE, "number": 3, Twin("number"): 4}
    export = read(task(annotation(polygon(), entry("r", "number", value))))
    assert export.regions.table["number_name"].to_pylist() == [4]
    assert export.problems["code"].to_pylist() == ["repeated_key"]


def test_signed_addresses_leave_ids_names_and_types() -> None:
    """Wherever a text of a region becomes part of a row; entries still join by what the file says."""
    signed, clean = "https://h/{}.png?Signature=SECRET", "https://h/{}.png"
    made = {key: signed.format(key) for key in ("region", "parent", "name", "asked", "origin", "kind", "way", "gone")}
    asked = control("number", 1, made["region"], from_name=made["asked"])
    result = [
        polygon(made["region"], from_name=made["name"], parentID=made["parent"], origin=made["origin"]),
        asked,
        {**asked, "value": {"number": 2}},
        entry(made["region"], made["kind"], {}),
        polygon(made["region"].replace("SECRET", "OTHER"), from_name=made["name"].replace("SECRET", "OTHER")),
        entry("q", "choices", {"choices": ["x"]}, from_name=made["asked"]),
        {"type": "relation", "from_id": made["region"], "to_id": made["gone"], "direction": made["way"]},
    ]
    prediction = {"id": 1, "model_version": signed.format("model"), "result": []}
    text = json.dumps([task(annotation(*result), predictions=[prediction])]).encode()
    parts = list(lesiongeo.scan_label_studio([text, text.replace(b'"id": 7', b'"id": 8')], window_bytes=1))
    for export in (lesiongeo.read_label_studio(text), *parts):
        everything = [*tables(export).values(), export.relations, export.pages, export.controls]
        assert "SECRET" not in str([table.to_pylist() for table in everything])
        assert not [name for table in everything for name in table.column_names if "SECRET" in name]
    export = lesiongeo.read_label_studio(text)
    first, second = export.regions.table.to_pylist()
    own = {key: clean.format(key) for key in made}
    assert (first["region_id"], first["from_name"], first["parent_id"]) == (own["region"], own["name"], own["parent"])
    assert (first["origin"], first[own["asked"]]) == (own["origin"], 2)
    assert (second["region_id"], second["from_name"]) == (own["region"], own["name"])
    assert export.annotations["model_version"].to_pylist() == [None, clean.format("model")]
    assert export.answers["name"].to_pylist() == [own["asked"]]
    counts = {(row["name"], row["scope"]): row["count"] for row in export.controls.to_pylist()}
    assert counts == {(own["name"], "region"): 2, (own["asked"], "region"): 2, (own["asked"], "task"): 1}
    (relation,) = export.relations.to_pylist()
    assert (relation["from_region"], relation["to_region"]) == (own["region"], own["gone"])
    assert relation["direction"] == own["way"]
    told = [(row["code"], row["region_id"]) for row in export.problems.to_pylist()]
    assert ("repeated_control", own["region"]) in told
    assert ("relation_without_region", own["gone"]) in told
    assert ("relation_without_region", own["region"]) not in told


def test_signed_addresses_leave_typed_texts_and_messages() -> None:
    signed, clean = "see https://h/a.png?x=1&X-Amz-Signature=SECRET there, ok?", "see https://h/a.png there, ok?"
    made = polygon("r", signed, meta={"text": [signed]})
    text = control("textarea", [signed])
    page = {"id": "q", "type": "textarea", "from_name": "t", "value": {"text": [signed, "b"]}}
    other = {"id": "k", "type": signed, "value": {}}
    relation = {"type": "relation", "from_id": "r", "to_id": "r", "labels": [signed]}
    export = read(task(annotation(made, text, page, other, relation)))
    (row,) = export.regions.table.to_pylist()
    assert (row["label"], row["meta_text"], row["textarea_name"]) == (clean, clean, clean)
    assert export.answers["text"].to_pylist() == [json.dumps([clean, "b"], separators=(",", ":"))]
    assert export.relations["labels"].to_pylist() == [[clean]]
    (problem,) = export.problems.to_pylist()
    assert (problem["code"], "an unknown type" in problem["message"]) == ("kind_not_read", True)
    assert "SECRET" not in str(
        [table.to_pylist() for table in tables(export).values() if "geometry" not in table.column_names]
    )
    # Without a signature they stay as they were typed.
    plain = "see https://h/a.png?x=1 there, ok?"
    assert read(task(annotation(polygon("r", plain)))).regions.table["label"].to_pylist() == [plain]


def test_two_result_lists_lose_no_region() -> None:
    export = read(task({**annotation(polygon("a")), Twin("result"): [polygon("b")]}))
    kept, dropped = len(export.regions), export.problems["dropped"].to_pylist().count(True)
    assert (kept, dropped) == (2, 0)
    assert export.problems.select(["field", "code"]).to_pylist() == [{"field": "result", "code": "repeated_key"}]


@pytest.mark.parametrize(
    ("field", "first", "last", "column", "expected"),
    [
        ("id", 8, 9, "annotation_id", 9),
        ("completed_by", 8, 9, "annotator", "9"),
        ("completed_by", 8, {"id": 9}, "annotator", "9"),
        ("was_cancelled", True, False, "cancelled", False),
        ("was_cancelled", False, True, "cancelled", True),
        ("ground_truth", True, False, "ground_truth", False),
        ("lead_time", 8, 9, "lead_time_s", 9.0),
    ],
)
def test_of_a_key_that_stands_twice_in_an_annotation_the_last_counts(
    field: str, first: Json, last: Json, column: str, expected: Json
) -> None:
    rest = {key: value for key, value in annotation(polygon()).items() if key != field}
    export = read(task({field: first, **rest, Twin(field): last}))
    assert export.annotations[column].to_pylist() == [expected]
    (problem,) = export.problems.to_pylist()
    assert (problem["code"], problem["field"], problem["dropped"]) == ("repeated_key", field, False)
    assert problem["annotation_id"] == export.annotations["annotation_id"][0].as_py()


def test_keys_that_stand_twice_in_a_task_are_reported() -> None:
    made = task(annotation(polygon("a")))
    again = {Twin("id"): 70, Twin("data"): {"image": "/d/z.png"}, Twin("annotations"): [annotation(polygon("b"), id=6)]}
    export = read({**made, **again})
    (row,) = export.tasks.to_pylist()
    assert (row["task_id"], row["images"], row["n_annotations"]) == (70, ["/d/z.png"], 2)
    assert export.regions.table["region_id"].to_pylist() == ["a", "b"]
    assert export.problems["field"].to_pylist() == ["id", "data", "annotations"]
    assert export.problems["code"].to_pylist() == ["repeated_key"] * 3
    assert set(export.problems["task_id"].to_pylist()) == {70}


def test_an_outline_that_is_almost_repeated_is_another_one() -> None:
    """The last digit, a prefix, one point more, other spaces: each region keeps its own points."""
    lists = [
        "[[10.123456789012345,10],[20,10],[20,30]]",
        "[[10.123456789012345,10],[20,10],[20,30]]",
        "[[10.123456789012346,10],[20,10],[20,30]]",
        "[[10.123456789012346,10],[20,10],[20,31]]",
        "[[10.123456789012346,10],[20,10],[20,3]]",
        "[[10.123456789012346,10],[20,10],[20,3],[15,2]]",
        "[[10.123456789012346,10],[20,10],[20,3]]",
        "[ [10.123456789012346,10], [20,10], [20,3] ]",
        "[[1e1,10],[20,10],[20,3]]",
    ]
    items = [json.dumps(polygon(f"r{index}")).replace(json.dumps(TRIANGLE), text) for index, text in enumerate(lists)]
    items.insert(3, json.dumps(control("number", 7, "r2")).replace(json.dumps(TRIANGLE), lists[2]))
    raw = f'[{{"id":1,"data":{{}},"annotations":[{{"completed_by":1,"result":[{",".join(items)}]}}]}}]'
    export = lesiongeo.read_label_studio(raw.encode())
    assert export.regions.table["region_id"].to_pylist() == [f"r{index}" for index in range(len(lists))]
    for row, text in enumerate(lists):
        expected = [[x / 100 * 200, y / 100 * 100] for x, y in json.loads(text)]
        assert sorted(export.regions.polygons[row][0].tolist()) == sorted(expected)
    assert export.regions.table["number_name"].to_pylist() == [None, None, 7, *[None] * 6]


@pytest.mark.parametrize(
    ("second", "lost"),
    [
        ({"points": [[10.0, 10], [20, 10], [20, 30]]}, False),
        ({"points": [[10, 10], [20, 10], [20, 30.000000000000004]]}, True),
        ({"points": [[10, 10], [20, 10]]}, True),
        ({"points": None}, True),
        ({}, True),
    ],
)
def test_a_second_outline_is_the_same_by_its_numbers(second: Row, lost: bool) -> None:
    export = read(task(annotation(polygon(), entry("r", "polygon", second))))
    assert export.problems["code"].to_pylist() == ["repeated_region"] * lost


def test_two_label_controls_on_one_outline_are_no_second_shape() -> None:
    first, second = polygon("r", "nevus", from_name="lesion"), polygon("r", "arm", from_name="site")
    export = read(task(annotation(first, second)))
    assert export.regions.table["labels"].to_pylist() == [["nevus", "arm"]]
    assert export.problems.num_rows == 0


@pytest.mark.parametrize(
    "second",
    [
        entry("r", "rectanglelabels", {"x": 50, "y": 50, "width": 9, "height": 9}),
        entry("r", "polygon", {"points": [[60, 60], [70, 60], [70, 80]]}),
    ],
    ids=["rectangle", "bare polygon"],
)
def test_a_second_shape_of_another_type_is_reported(second: Row) -> None:
    export = read(task(annotation(polygon(), second)))
    assert len(export.regions) + sum(export.problems["dropped"].to_pylist()) == 2


def test_an_entry_of_the_file_that_is_no_task_leaves_an_empty_row() -> None:
    export = read(task(annotation(polygon())), 7)
    assert export.tasks["task_id"].to_pylist() == [7, -2]
    assert export.problems["code"].to_pylist() == ["not_a_task", "no_task_id", "no_data"]
    assert export.problems["dropped"].to_pylist() == [True, False, False]
    assert set(export.problems["task_id"].to_pylist()) == {-2}


# Nothing is lost in silence
#
# What must come out of a file, as a row of `regions` or as a problem with `dropped`, is counted from the file alone:
# the law is written down in reference_counts.


def check_nothing_is_lost(raw: bytes, export: Export) -> None:
    kept, dropped = len(export.regions), export.problems["dropped"].to_pylist().count(True)
    assert kept + dropped == candidates(json.loads(raw))
    assert sum(export.annotations["n_regions"].to_pylist()) == kept
    assert export.regions.table.num_rows == kept


FILES = sorted([*SHARED.glob("label_studio/*.json"), *SHARED.glob("public_exports/*.json"), EXAMPLE])


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_every_region_of_a_file_is_a_row_or_a_problem(path: Path) -> None:
    if not path.is_file():
        pytest.skip("the file is not here")
    raw = path.read_bytes()
    if path.stem.endswith("_json_min"):
        with pytest.raises(ExportError, match="JSON_MIN"):
            lesiongeo.read_label_studio(raw)
        return
    export = lesiongeo.read_label_studio(raw)
    assert len(export.regions) > 0
    check_nothing_is_lost(raw, export)


@functools.cache
def small_export() -> str:
    """One task of two annotations, with a prediction and a draft, as text."""
    (one,) = make_export(patients=1, visits=2, annotators=2, lesions=(1, 1), vertices=(8, 8), seed=11, skip_rate=0)
    one = copy.deepcopy(one)
    result = one["annotations"][0]["result"]
    one["predictions"] = [4, {"id": 9, "model_version": "m", "score": 0.5, "result": result[:2]}]
    one["drafts"] = [{"id": 3, "user": 1, "result": result[:1]}]
    box = entry("box", "rectanglelabels", {"x": 1, "y": 2, "width": 3, "height": 4, "rectanglelabels": ["other"]})
    result.append(box)
    result.append(entry("oval", "ellipse", {"x": 20, "y": 20, "radiusX": 3, "radiusY": 4, "rotation": 20}))
    result.append(entry("point", "keypointlabels", {"x": 1, "y": 2, "width": 1}))
    second = {"id": 2, "data": {"image": "x.png"}, "annotations": [annotation(polygon("r", "a"), control("number", 1))]}
    return json.dumps([one, second])


def places(node: Json, path: tuple[Json, ...] = ()) -> list[tuple[Json, ...]]:
    """The way to every node below this one."""
    found = []
    if isinstance(node, dict | list):
        for key in node if isinstance(node, dict) else range(len(node)):
            found += [(*path, key), *places(node[key], (*path, key))]
    return found


def is_coordinate_of_a_later_point(path: tuple[Json, ...]) -> bool:
    at = path.index("points") + 1 if "points" in path else len(path)
    return len(path) > at and path[at] >= 2


@functools.cache
def small_places() -> list[tuple[Json, ...]]:
    """Ways into the small export; without the points after the second, which are most of it and all alike."""
    return [path for path in places(json.loads(small_export())) if not is_coordinate_of_a_later_point(path)]


DELETE = object()
WORDS = ["", "x", "7", "polygonlabels", "polygon", "rectangle", "number", "relation", "2026-01-05T08:00:00Z", "\ud800"]
NUMBERS = [0, 1, -1, 0.5, 7.0, 200, -3.25, 1e300, 10**30, 100_000]
REPLACEMENTS: st.SearchStrategy[Json] = st.one_of(
    st.just(DELETE),
    st.none(),
    st.booleans(),
    st.sampled_from(NUMBERS),
    st.sampled_from(WORDS),
    st.just([]),
    st.just({}),
    st.sampled_from([[None], [1], ["x"], [[]], [{}], {"id": 1}, {"id": "x", "type": "polygon"}, {"points": [[1, 2]]}]),
)


def holds(node: Json, key: Json) -> bool:
    if isinstance(node, list):
        return isinstance(key, int) and key < len(node)
    return isinstance(node, dict) and key in node


def mutate(export: Json, path: tuple[Json, ...], replacement: Json) -> Json:
    """Replace or delete the node at the end of the path, as far as the path still exists."""
    node = export
    for key in path[:-1]:
        if not holds(node, key):
            return export
        node = node[key]
    last = path[-1]
    if holds(node, last):
        if replacement is DELETE:
            del node[last]
        else:
            node[last] = copy.deepcopy(replacement)
    return export


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), REPLACEMENTS), min_size=1, max_size=3))
def test_a_damaged_export_is_refused_or_nothing_of_it_is_lost(changes: list[tuple[int, Json]]) -> None:
    export = json.loads(small_export())
    for index, replacement in changes:
        paths = small_places()
        export = mutate(export, paths[index % len(paths)], replacement)
    raw = json.dumps(export).encode()
    # A whole file is refused only for its first task; damage elsewhere is a problem of its place.
    keys = {"data", "annotations", "completions", "predictions", "drafts"}
    if export and not (isinstance(export[0], dict) and keys & export[0].keys()):
        with pytest.raises(ExportError, match=r"not a Label Studio JSON export|a task should stand here"):
            lesiongeo.read_label_studio(raw)
        return
    check_nothing_is_lost(raw, lesiongeo.read_label_studio(raw))


@pytest.mark.parametrize("name", ["delete", "null", "text", "number", "list", "object"])
def test_no_single_node_is_lost_in_silence(name: str) -> None:
    replacement = {"delete": DELETE, "null": None, "text": "x", "number": 7, "list": [], "object": {}}[name]
    assert candidates(json.loads(small_export())) == 11
    refused = []
    for path in small_places():
        raw = json.dumps(mutate(json.loads(small_export()), path, replacement)).encode()
        try:
            export = lesiongeo.read_label_studio(raw)
        except ExportError:
            refused.append(path)
            continue
        check_nothing_is_lost(raw, export)
    # Without its first task a file begins with the second one.
    assert refused == ([] if name == "delete" else [(0,)])


# Order


def shuffled(node: Json, rng: random.Random, key: str = "") -> Json:
    """The same JSON with keys of objects and entries of `result` in another order."""
    if isinstance(node, dict):
        items = [(name, shuffled(value, rng, name)) for name, value in node.items()]
        rng.shuffle(items)
        return dict(items)
    if isinstance(node, list):
        items = [shuffled(value, rng) for value in node]
        if key == "result":
            rng.shuffle(items)
        return items
    return node


def without_order(export: Export) -> dict[str, Any]:
    """All that an export says, in an order of our own."""
    regions = export.regions.to_arrow()
    columns = sorted(regions.column_names)
    order: Callable[[Row], str] = repr
    tasks = export.tasks.drop_columns(["file"]).to_pylist()
    return {
        "columns": columns,
        "regions": sorted(regions.select(columns).to_pylist(), key=order),
        "annotations": sorted(export.annotations.to_pylist(), key=order),
        "answers": sorted(export.answers.to_pylist(), key=order),
        "tasks": [{**row, "data": json.loads(row["data"])} for row in tasks],
        "problems": sorted(export.problems.to_pylist(), key=order),
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("path", [REAL, SNAPSHOT, EXAMPLE], ids=["export", "snapshot", "example"])
def test_the_order_of_keys_and_entries_changes_nothing(path: Path, seed: int) -> None:
    if not path.is_file():
        pytest.skip("the file is not here")
    mixed = json.dumps(shuffled(json.loads(path.read_bytes()), random.Random(seed))).encode()
    assert without_order(lesiongeo.read_label_studio(mixed)) == without_order(real(path))


@settings(max_examples=50, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_keys_and_entries_of_a_small_export_changes_nothing(rng: random.Random) -> None:
    mixed = json.dumps(shuffled(json.loads(small_export()), rng)).encode()
    plain = lesiongeo.read_label_studio(small_export().encode())
    assert without_order(lesiongeo.read_label_studio(mixed)) == without_order(plain)


def test_region_rows_stand_in_the_order_of_the_file() -> None:
    rows = regions_of(control("number", 1, "b"), polygon("a"), polygon("b"), polygon("c"))
    assert [row["region_id"] for row in rows] == ["b", "a", "c"]
