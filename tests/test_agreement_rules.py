"""The rules of agreement on small exports whose answers are worked out by hand in the comments.

Images are 100 x 100 px unless a test says otherwise, so percent and pixels are the same numbers.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest

import lesiongeo

Entry = dict[str, Any]
Row = dict[str, Any]


def polygon(
    region_id: str,
    points: list[tuple[float, float]],
    labels: tuple[str, ...] = ("nevus",),
    page: int | None = 0,
    size: tuple[int, int] = (100, 100),
) -> Entry:
    """One polygon entry; without labels its type is the plain one."""
    value: Entry = {"points": [list(point) for point in points], "closed": True}
    if labels:
        value["polygonlabels"] = list(labels)
    return entry(region_id, "polygonlabels" if labels else "polygon", value, page, size)


def entry(region_id: str, kind: str, value: Entry, page: int | None, size: tuple[int, int] = (100, 100)) -> Entry:
    """One result entry, with no ``item_index`` when the page is None."""
    found = {
        "id": region_id,
        "from_name": kind.removesuffix("labels"),
        "to_name": "img",
        "type": kind,
        "original_width": size[0],
        "original_height": size[1],
        "image_rotation": 0,
        "value": value,
    }
    return found if page is None else {**found, "item_index": page}


def box(
    region_id: str,
    x: tuple[float, float],
    y: tuple[float, float],
    labels: tuple[str, ...] = ("nevus",),
    page: int | None = 0,
) -> Entry:
    """An upright box drawn as a polygon, at corners that percent and back leaves exactly as they are."""
    assert all(c / 100 * 100 == c for c in (*x, *y)), "choose other numbers"
    return polygon(region_id, [(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1])], labels, page)


def annotation(annotation_id: int, who: object, result: list[Entry] | None, **more: object) -> Entry:
    """One annotation, all of the same time unless told otherwise."""
    return {
        "id": annotation_id,
        "completed_by": who,
        "result": result,
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2026-01-05T08:00:00Z",
        "updated_at": "2026-01-05T09:00:00Z",
        "lead_time": 12.5,
        **more,
    }


def task(annotations: list[Entry], images: int = 1, task_id: int = 7, **more: object) -> Entry:
    """One task with some images; a single one is not a list."""
    data: Entry = {"image": "visit-0.jpg"}
    if images > 1:
        data = {"images": [f"visit-{i}.jpg" for i in range(images)]}
    return {"id": task_id, "data": data, "annotations": annotations, "predictions": [], "drafts": [], **more}


def agree(*tasks: Entry, **options: float) -> tuple[list[Row], list[Row]]:
    """Rows of pairs and rows of tasks."""
    export = lesiongeo.read_label_studio(json.dumps(list(tasks)).encode())
    found = lesiongeo.agreement(export, **options)
    # The tables come worst first; here the order of pages is easier to read.
    pairs = sorted(found.pairs.to_pylist(), key=lambda r: (r["task_id"], r["page"]))
    rows = sorted(
        found.tasks.to_pylist(),
        key=lambda r: (r["task_id"], r["annotator_a"], str(r["annotator_b"]), r["page"]),
    )
    for row in rows:
        if row["reason"] != "single_annotator":
            paired = row["n_matched"] + row["n_label_conflict"] + row["n_near_miss"]
            assert row["n_a"] == paired + row["n_missing_a"], row
            assert row["n_b"] == paired + row["n_missing_b"], row
    return pairs, rows


def compare(a: list[Entry], b: list[Entry], **options: float) -> tuple[list[Row], Row]:
    """Rows of pairs, and the one row of tasks, for two people on a single image."""
    pairs, rows = agree(task([annotation(1, 1, a), annotation(2, 2, b)]), **options)
    assert len(rows) == 1
    return pairs, rows[0]


def matches(pairs: list[Row]) -> set[tuple[str | None, str | None, str]]:
    """Who met whom, and how."""
    found = [(row["region_a"], row["region_b"], row["match"]) for row in pairs]
    assert len(set(found)) == len(found)
    return set(found)


def close(value: float) -> Any:
    """Equal to 1e-12."""
    return pytest.approx(value, rel=0, abs=1e-12)


# pages


def test_the_same_square_on_different_pages_never_meets() -> None:
    """One person drew it on page 0, the other on page 1: both are missing, both pages score 0."""
    a, b = box("r", (10, 30), (10, 30), page=0), box("r", (10, 30), (10, 30), page=1)
    pairs, rows = agree(task([annotation(1, 1, [a]), annotation(2, 2, [b])], images=3))
    assert [(row["page"], row["region_a"], row["region_b"], row["match"]) for row in pairs] == [
        (0, "r", None, "missing"),
        (1, None, "r", "missing"),
    ]
    assert all(row["iou"] is None and row["hausdorff_px"] is None for row in pairs)
    # 0 of 1 region, 0 of 1 region, nothing drawn.
    assert [row["score"] for row in rows] == [0.0, 0.0, 1.0]
    assert [row["label_studio_score"] for row in rows] == [0.0, 0.0, 1.0]
    assert [row["reason"] for row in rows] == [None, None, "both_empty"]
    assert [(row["n_missing_a"], row["n_missing_b"]) for row in rows] == [(1, 0), (0, 1), (0, 0)]


def test_pages_reach_as_far_as_the_largest_index_used() -> None:
    """A task with one image and a region on page 2 has the pages 0, 1 and 2."""
    a = annotation(1, 1, [box("r", (10, 30), (10, 30), page=2)])
    b = annotation(2, 2, [box("s", (10, 30), (10, 30), page=2)])
    _, rows = agree(task([a, b]))
    assert [(row["page"], row["score"], row["reason"]) for row in rows] == [
        (0, 1.0, "both_empty"),
        (1, 1.0, "both_empty"),
        (2, 1.0, None),
    ]


def test_page_index_inside_the_value_and_none_at_all() -> None:
    """The index of older editors stands in the value; without any index a region is on page 0."""
    inside = box("r", (10, 30), (10, 30), page=None)
    inside["value"]["item_index"] = 1
    a = annotation(1, 1, [inside, box("s", (40, 50), (40, 50), page=None)])
    b = annotation(2, 2, [box("r", (10, 30), (10, 30), page=1), box("s", (40, 50), (40, 50), page=0)])
    pairs, rows = agree(task([a, b], images=2))
    assert [(row["page"], row["region_a"], row["region_b"], row["iou"]) for row in pairs] == [
        (0, "s", "s", 1.0),
        (1, "r", "r", 1.0),
    ]
    assert [row["score"] for row in rows] == [1.0, 1.0]


# empty and identical


@pytest.mark.parametrize("nothing", [[], None])
def test_two_empty_annotations_agree(nothing: list[Entry] | None) -> None:
    """Both looked and drew nothing, on every page; a null result is as empty as an empty list."""
    pairs, rows = agree(task([annotation(1, 1, []), annotation(2, 2, nothing)], images=2))
    assert pairs == []
    assert [(row["page"], row["score"], row["reason"]) for row in rows] == [
        (0, 1.0, "both_empty"),
        (1, 1.0, "both_empty"),
    ]
    assert all(row["label_studio_score"] == 1.0 for row in rows)


def test_an_answer_about_the_page_is_not_a_region() -> None:
    """A choice without a region leaves an annotation empty."""
    answer = {"id": "q", "from_name": "assessment", "to_name": "img", "type": "choices", "item_index": 0}
    _, row = compare([{**answer, "value": {"choices": ["worse"]}}], [])
    assert (row["n_a"], row["score"], row["reason"]) == (0, 1.0, "both_empty")


def test_empty_against_drawn_scores_nothing() -> None:
    """Two regions, none found by the other: 0 of 2."""
    drawn = [box("r", (10, 30), (10, 30)), box("s", (50, 70), (50, 70))]
    pairs, row = compare([], drawn)
    assert matches(pairs) == {(None, "r", "missing"), (None, "s", "missing")}
    assert (row["n_a"], row["n_b"], row["n_missing_b"]) == (0, 2, 2)
    assert (row["score"], row["label_studio_score"], row["reason"]) == (0.0, 0.0, None)


def all_kinds() -> list[Entry]:
    """Regions of every kind that has an outline, with coordinates that no arithmetic likes."""
    size = (1601, 1203)
    crossing = [(60.1, 10.3), (73.7, 21.9), (74.3, 9.1), (59.3, 23.7)]
    turned = {
        "x": 13.7,
        "y": 51.3,
        "width": 11.9,
        "height": 7.7,
        "rotation": 37.3,
        "rectanglelabels": ["nevus"],
    }
    oval = {
        "x": 71.3,
        "y": 73.1,
        "radiusX": 9.7,
        "radiusY": 5.3,
        "rotation": 21.7,
        "ellipselabels": ["nevus"],
    }
    return [
        polygon("triangle", [(10.1, 10.7), (31.3, 12.9), (20.7, 33.1)], size=size),
        polygon("crossing", crossing, size=size),
        entry("turned", "rectanglelabels", turned, 0, size),
        entry("oval", "ellipselabels", oval, 0, size),
    ]


def test_identical_annotations_score_exactly_one() -> None:
    """Copies agree without any rounding, whatever their kind, and also where an outline crosses itself."""
    pairs, row = compare(all_kinds(), all_kinds())
    names = ["crossing", "oval", "triangle", "turned"]
    assert matches(pairs) == {(name, name, "matched") for name in names}
    for pair in pairs:
        assert pair["iou"] == 1.0, pair
        assert pair["dice"] == 1.0, pair
        assert pair["area_ratio"] == 1.0, pair
        assert pair["hausdorff_px"] == 0.0, pair
    assert {pair["region_a"]: pair["valid_a"] for pair in pairs} == {name: name != "crossing" for name in names}
    assert row["score"] == 1.0
    assert row["label_studio_score"] == 1.0


def test_drawing_direction_and_first_vertex_do_not_matter() -> None:
    """The same quadrilateral drawn the other way round from another corner."""
    points = [(10.1, 10.7), (31.3, 12.9), (35.9, 29.3), (20.7, 33.1)]
    pairs, row = compare([polygon("r", points)], [polygon("s", [*points[2::-1], points[3]])])
    assert pairs[0]["iou"] == close(1)
    assert row["score"] == close(1)


# the three rounds


def test_near_miss_is_one_row_and_scores_nothing() -> None:
    """Bars that share a strip of 1 px: 10 / (100 + 105 - 10) = 10/195, below the gate of 0.1."""
    pairs, row = compare([box("r", (10, 20), (10, 20))], [box("s", (19, 29.5), (10, 20))])
    assert matches(pairs) == {("r", "s", "near_miss")}
    assert pairs[0]["iou"] == close(10 / 195)
    assert (row["n_near_miss"], row["n_missing_a"], row["n_missing_b"], row["n_matched"]) == (1, 0, 0, 0)
    assert row["score"] == 0.0
    # The two-way score has no gate: both regions find the other with 10/195.
    assert row["label_studio_score"] == close(10 / 195)


def test_touching_squares_do_not_meet() -> None:
    """A shared edge has no area, so neither saw what the other drew."""
    pairs, row = compare([box("r", (10, 20), (10, 20))], [box("s", (20, 30), (10, 20))])
    assert matches(pairs) == {("r", None, "missing"), (None, "s", "missing")}
    assert (row["n_near_miss"], row["n_missing_a"], row["n_missing_b"], row["score"]) == (0, 1, 1, 0.0)


def test_label_conflict() -> None:
    """Different labels meet from 0.5 on: 10 x 8 in 10 x 10 px is 0.8."""
    pairs, row = compare([box("r", (10, 20), (10, 20))], [box("s", (10, 20), (10, 18), ("melanoma",))])
    assert matches(pairs) == {("r", "s", "label_conflict")}
    assert pairs[0]["iou"] == close(0.8)
    assert (pairs[0]["label_a"], pairs[0]["label_b"]) == ("nevus", "melanoma")
    assert (row["n_label_conflict"], row["n_matched"]) == (1, 0)
    assert row["score"] == close(0.8)
    assert row["label_studio_score"] == 0.0  # no region of the same label on the other side


def test_different_labels_below_the_conflict_gate_are_a_near_miss() -> None:
    """10 x 3 in 10 x 10 px is 0.3: enough for equal labels, not for different ones."""
    a = [box("r", (10, 20), (10, 20))]
    pairs, row = compare(a, [box("s", (10, 20), (10, 13), ("melanoma",))])
    assert matches(pairs) == {("r", "s", "near_miss")}
    assert pairs[0]["iou"] == close(0.3)
    assert row["score"] == 0.0
    pairs, row = compare(a, [box("s", (10, 20), (10, 13))])
    assert matches(pairs) == {("r", "s", "matched")}
    assert row["score"] == close(0.3)


def test_gates_include_their_own_value() -> None:
    """64 x 32 in 64 x 64 px is exactly 1/2, and 10 x 1 in 10 x 10 px is 1/10, the gates themselves."""
    pairs, row = compare([box("r", (0, 64), (0, 64))], [box("s", (0, 64), (0, 32), ("melanoma",))])
    assert matches(pairs) == {("r", "s", "label_conflict")}
    assert row["score"] == 0.5
    pairs, row = compare([box("r", (0, 10), (0, 10))], [box("s", (0, 10), (0, 1))])
    assert matches(pairs) == {("r", "s", "matched")}
    assert row["score"] == close(0.1)


def test_gates_are_options() -> None:
    """An overlap of 0.8 fails a gate of 0.9, and one of 0.3 passes a conflict gate of 0.25."""
    pairs, _ = compare([box("r", (10, 20), (10, 20))], [box("s", (10, 20), (10, 18))], gate=0.9)
    assert matches(pairs) == {("r", "s", "near_miss")}
    other = [box("s", (10, 20), (10, 13), ("melanoma",))]
    pairs, _ = compare([box("r", (10, 20), (10, 20))], other, conflict_gate=0.25)
    assert matches(pairs) == {("r", "s", "label_conflict")}


def test_labels_are_sets() -> None:
    """The order of labels does not matter, a part of them is another set, and no label equals no label."""
    a = [box("r", (10, 20), (10, 20), ("nevus", "atypical")), box("s", (40, 50), (40, 50), ())]
    b = [box("r", (10, 20), (10, 20), ("atypical", "nevus")), box("s", (40, 50), (40, 50), ())]
    pairs, _ = compare(a, b)
    assert matches(pairs) == {("r", "r", "matched"), ("s", "s", "matched")}
    pairs, _ = compare(a, [box("r", (10, 20), (10, 20)), box("s", (40, 50), (40, 50))])
    assert matches(pairs) == {("r", "r", "label_conflict"), ("s", "s", "label_conflict")}


def test_equal_labels_come_first() -> None:
    """A copy with another label waits behind half an overlap with the same label."""
    a = [box("r", (0, 64), (0, 64))]
    b = [box("copy", (0, 64), (0, 64), ("melanoma",)), box("half", (0, 64), (0, 32))]
    pairs, row = compare(a, b)
    assert matches(pairs) == {("r", "half", "matched"), (None, "copy", "missing")}
    # 0.5 over the match and the copy that is left: 0.25.
    assert row["score"] == 0.25
    # Best overlap with the same label: r 0.5, copy 0, half 0.5.
    assert row["label_studio_score"] == close(1 / 3)


def test_nested_regions_are_matched_for_the_largest_total() -> None:
    """Bars from the left edge, all 10 px high, overlap by the ratio of their lengths.

    =======  ======  ======
    IoU      b 40    b 64
    =======  ======  ======
    a 50     0.8     0.78125
    a 30     0.75    0.46875
    =======  ======  ======

    Taking the best overlap first gives 0.8 + 0.46875 = 1.26875; the best total is 0.78125 + 0.75 = 1.53125.
    """
    a = [box("a50", (0, 50), (10, 20)), box("a30", (0, 30), (10, 20))]
    b = [box("b40", (0, 40), (10, 20)), box("b64", (0, 64), (10, 20))]
    pairs, row = compare(a, b)
    assert matches(pairs) == {("a50", "b64", "matched"), ("a30", "b40", "matched")}
    assert {pair["region_a"]: pair["iou"] for pair in pairs} == {"a50": close(0.78125), "a30": close(0.75)}
    assert row["score"] == close(1.53125 / 2)
    # Best of each, matched or not: 0.8, 0.75, 0.8, 0.78125.
    assert row["label_studio_score"] == close((0.8 + 0.75 + 0.8 + 0.78125) / 4)


def test_one_good_match_beats_two_poor_ones() -> None:
    """The total counts, not the number of matches.

    Bars 10 px high, along x: a1 [20, 60], a2 [45, 85], b1 [22, 62], b2 [0, 35].
    IoU: a1 b1 38/42 = 0.905, a1 b2 15/60 = 0.25, a2 b1 17/63 = 0.27, a2 b2 0.
    """
    a = [box("a1", (20, 60), (10, 20)), box("a2", (45, 85), (10, 20))]
    b = [box("b1", (22, 62), (10, 20)), box("b2", (0, 35), (10, 20))]
    pairs, row = compare(a, b)
    assert matches(pairs) == {("a1", "b1", "matched"), ("a2", None, "missing"), (None, "b2", "missing")}
    assert row["score"] == close(38 / 42 / 3)


def test_near_misses_of_leftovers() -> None:
    """A region drawn twice: the copy that stays alone still names what it lies on, if that is alone as well.

    Along x, 10 px high: a1 [0, 40], a2 [36, 44]; b1 [0, 40], b2 [43, 83].
    IoU: a1 b1 1, a2 b1 4/44, a2 b2 1/47; b1 is taken, so a2 and b2 are the near miss.
    """
    a = [box("a1", (0, 40), (10, 20)), box("a2", (36, 44), (10, 20))]
    b = [box("b1", (0, 40), (10, 20)), box("b2", (43, 83), (10, 20))]
    pairs, row = compare(a, b)
    assert matches(pairs) == {("a1", "b1", "matched"), ("a2", "b2", "near_miss")}
    assert row["score"] == close(1 / 3)  # one match and two regions that count as not found


# whose annotations count


def newest(*annotations: Entry) -> Row:
    """The row of tasks for some annotations by person 1 and a square of 10 px by person 2."""
    _, rows = agree(task([*annotations, annotation(90, 2, [box("s", (10, 20), (10, 20))])]))
    assert len(rows) == 1
    return rows[0]


def test_the_newest_annotation_of_a_person_counts() -> None:
    """By the time of the last change, then of the making, then by id; the order in the file says nothing."""
    whole, part = [box("r", (10, 20), (10, 20))], [box("r", (10, 20), (10, 15))]
    late, early = "2026-01-06T00:00:00Z", "2026-01-04T00:00:00Z"
    row = newest(annotation(5, 1, part), annotation(3, 1, whole, updated_at=late), annotation(4, 1, part))
    assert (row["annotation_a"], row["annotation_b"], row["score"]) == (3, 90, 1.0)
    row = newest(annotation(5, 1, part, created_at=early), annotation(3, 1, whole))
    assert (row["annotation_a"], row["score"]) == (3, 1.0)
    row = newest(annotation(5, 1, whole), annotation(3, 1, part))
    assert (row["annotation_a"], row["score"]) == (5, 1.0)
    # The newest counts also when it is empty: the person looked again and found nothing.
    row = newest(annotation(5, 1, whole), annotation(3, 1, [], updated_at=late))
    assert (row["annotation_a"], row["n_a"], row["score"]) == (3, 0, 0.0)


def test_times_are_compared_as_times() -> None:
    """09:30 at +02:00 is before 08:00 UTC, although its text is larger."""
    whole, part = [box("r", (10, 20), (10, 20))], [box("r", (10, 20), (10, 15))]
    row = newest(
        annotation(5, 1, part, updated_at="2026-01-05T09:30:00+02:00"),
        annotation(3, 1, whole, updated_at="2026-01-05T08:00:00Z"),
    )
    assert (row["annotation_a"], row["score"]) == (3, 1.0)


def test_a_skip_does_not_hide_the_annotation_before() -> None:
    """A cancelled annotation is out, so the older one still counts."""
    whole = [box("r", (10, 20), (10, 20))]
    skip = annotation(8, 1, [], updated_at="2026-01-09T00:00:00Z", was_cancelled=True)
    row = newest(annotation(5, 1, whole), skip)
    assert (row["annotation_a"], row["score"]) == (5, 1.0)


def test_skips_drafts_and_predictions_are_out() -> None:
    """Only one person's annotation is left, so there is nothing to compare."""
    square = [box("r", (10, 20), (10, 20))]
    only = annotation(1, 1, square)
    skipped = annotation(2, 2, square, was_cancelled=True)
    prediction = {"id": 3, "result": square, "score": 0.9, "model_version": "v1"}
    draft = {"id": 4, "result": square, "user": "somebody", "created_at": "2026-01-05T08:00:00Z"}
    pairs, rows = agree(task([only, skipped], predictions=[prediction], drafts=[draft]))
    assert pairs == []
    assert [(row["annotator_a"], row["annotator_b"], row["reason"]) for row in rows] == [
        ("1", None, "single_annotator")
    ]


def test_a_single_annotator_has_no_score() -> None:
    """One row per page without a second person, and no rows of pairs."""
    pairs, rows = agree(task([annotation(1, 1, [box("r", (10, 20), (10, 20))])], images=2))
    assert pairs == []
    assert [(row["page"], row["annotator_a"], row["annotator_b"]) for row in rows] == [
        (0, "1", None),
        (1, "1", None),
    ]
    assert all(row["score"] is None and row["reason"] == "single_annotator" for row in rows)


def test_a_task_without_annotations_has_no_rows() -> None:
    """Nobody looked."""
    assert agree(task([])) == ([], [])


def test_deleted_users_are_one_unknown_person() -> None:
    """Two annotations of deleted users count as one person's, the newer of them; names come after numbers."""
    square = [box("r", (10, 20), (10, 20))]
    pairs, rows = agree(task([annotation(1, None, []), annotation(2, None, square), annotation(3, 12, square)]))
    assert [(row["annotator_a"], row["annotator_b"]) for row in rows] == [("12", "unknown")]
    assert (rows[0]["annotation_a"], rows[0]["annotation_b"], rows[0]["score"]) == (3, 2, 1.0)
    assert [(row["annotator_a"], row["annotator_b"]) for row in pairs] == [("12", "unknown")]
    _, rows = agree(task([annotation(1, None, square)]))
    assert [(row["annotator_a"], row["reason"]) for row in rows] == [("unknown", "single_annotator")]


def test_every_pair_of_people_in_numeric_order() -> None:
    """9 comes before 10, three people make three pairs, and a user object is its id.

    Bars of 10 px height: 9 draws 20 px, 10 and 11 draw 10 px of it: 0.5, 0.5 and 1.
    """
    long, short = [box("r", (10, 30), (10, 20))], [box("r", (10, 20), (10, 20))]
    people = [annotation(1, 10, short), annotation(2, {"id": 9, "email": "b@example.org"}, long)]
    _, rows = agree(task([*people, annotation(3, 11, short)]))
    found = {(row["annotator_a"], row["annotator_b"]): row["score"] for row in rows}
    assert found == {("9", "10"): close(0.5), ("9", "11"): close(0.5), ("10", "11"): 1.0}


def test_tasks_stay_apart() -> None:
    """The same square in two tasks by different people: each task has one person only."""
    square = [box("r", (10, 20), (10, 20))]
    _, rows = agree(task([annotation(1, 1, square)]), task([annotation(2, 2, square)], task_id=8))
    assert [(row["task_id"], row["reason"]) for row in rows] == [
        (7, "single_annotator"),
        (8, "single_annotator"),
    ]


# outlines


def test_regions_without_area_never_match() -> None:
    """Two points, or points on a line, have no area: missing, even against their own copy."""
    flat = [polygon("two", [(10, 10), (20, 20)]), polygon("line", [(40, 10), (50, 10), (60, 10)])]
    pairs, row = compare(flat, flat)
    assert Counter(pair["match"] for pair in pairs) == {"missing": 4}
    assert (row["n_a"], row["n_missing_a"], row["n_missing_b"]) == (2, 2, 2)
    assert row["score"] == 0.0
    assert row["label_studio_score"] == 0.0


def test_crossing_outlines_count_with_what_they_fill() -> None:
    """A bow-tie in a square of 20 px fills two triangles of 100 px2 each: 200 of 400 is 0.5.

    A ring that runs round a square of 20 px and then, over a bridge and back, the same way round 5 px inside
    is filled all over: 400, where crossing out what is covered twice would leave 375.
    """
    square = box("square", (10, 30), (10, 30))
    bow = polygon("bow", [(10, 10), (30, 30), (30, 10), (10, 30)])
    pairs, row = compare([bow], [square])
    assert matches(pairs) == {("bow", "square", "matched")}
    assert pairs[0]["iou"] == close(0.5)
    assert row["score"] == close(0.5)
    assert (pairs[0]["valid_a"], pairs[0]["valid_b"]) == (False, True)
    assert (pairs[0]["area_a_px2"], pairs[0]["area_b_px2"]) == (close(200), close(400))
    assert pairs[0]["area_ratio"] == close(2)
    twice = [
        (10, 10),
        (30, 10),
        (30, 30),
        (10, 30),
        (10, 10),
        (15, 15),
        (20, 15),
        (20, 20),
        (15, 20),
        (15, 15),
    ]
    pairs, row = compare([polygon("twice", [(float(x), float(y)) for x, y in twice])], [square])
    assert pairs[0]["iou"] == close(1)
    assert pairs[0]["valid_a"] is False
    assert row["score"] == close(1)


def test_shapes_are_turned_in_pixels() -> None:
    """On 200 x 100 px, a box at (100, 50) of 20 x 30 px turned by 90 degrees reaches down and to the left.

    Its corners are (100, 50), (100, 70), (70, 70), (70, 50); x in percent is half of that.
    """
    size = (200, 100)
    value = {"x": 50, "y": 50, "width": 10, "height": 30, "rotation": 90, "rectanglelabels": ["nevus"]}
    turned = entry("turned", "rectanglelabels", value, 0, size)
    drawn = polygon("drawn", [(35, 50), (50, 50), (50, 70), (35, 70)], size=size)
    pairs, _ = compare([turned], [drawn])
    assert pairs[0]["iou"] == close(1)
    assert pairs[0]["area_a_px2"] == pytest.approx(600, rel=1e-12)
    assert pairs[0]["hausdorff_px"] == pytest.approx(0, abs=1e-9)


def test_ellipses_keep_their_area() -> None:
    """Centre (100, 50) px, radii 40 and 20 px, upright after 90 degrees: pi x 800 px2, and its box."""
    size = (200, 100)
    value = {"x": 50, "y": 50, "radiusX": 20, "radiusY": 20, "rotation": 90, "ellipselabels": ["nevus"]}
    export = lesiongeo.read_label_studio(
        json.dumps([task([annotation(1, 1, [entry("e", "ellipselabels", value, 0, size)])])]).encode()
    )
    polygons = export.regions.polygons
    assert np.asarray(lesiongeo.area(polygons)) == pytest.approx([math.pi * 800], rel=1e-12)
    assert np.asarray(lesiongeo.bounds(polygons)) == pytest.approx(np.array([[80, 10, 120, 90]]), abs=0.2)


def test_metrics_of_a_pair() -> None:
    """10 x 10 px against the 10 x 8 px at its top: the lower edge is 2 px away.

    IoU 80/100, Dice 160/180, area ratio 80/100.
    """
    pairs, _ = compare([box("r", (10, 20), (10, 20))], [box("s", (10, 20), (10, 18))])
    (pair,) = pairs
    assert (pair["iou"], pair["dice"], pair["area_ratio"]) == (close(0.8), close(160 / 180), close(0.8))
    assert (pair["area_a_px2"], pair["area_b_px2"], pair["hausdorff_px"]) == (close(100), close(80), close(2))


def test_controls_stand_beside_each_region() -> None:
    """A number stays a number, one choice is its text, several are a JSON array; a missing side has none."""

    def drawn(track: float, choices: list[str]) -> list[Entry]:
        region = box("r", (10, 20), (10, 20))
        outline = region["value"]["points"]
        number = {"points": outline, "closed": True, "number": track}
        choice = {"points": outline, "closed": True, "choices": choices}
        return [
            region,
            {**region, "type": "number", "from_name": "track_id", "value": number},
            {**region, "type": "choices", "from_name": "status", "value": choice},
        ]

    alone = box("alone", (60, 70), (60, 70))
    pairs, _ = compare(drawn(3, ["stable"]), [*drawn(4, ["new", "larger"]), alone])
    found = {pair["match"]: pair for pair in pairs}
    matched, missing = found["matched"], found["missing"]
    assert (matched["track_id_a"], matched["track_id_b"]) == (3.0, 4.0)
    assert (matched["status_a"], json.loads(matched["status_b"])) == ("stable", ["new", "larger"])
    assert all(missing[f"{name}_{side}"] is None for name in ("track_id", "status") for side in "ab")
    assert missing["area_a_px2"] is None
    assert missing["area_b_px2"] == close(100)
