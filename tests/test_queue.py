"""The review queue: priorities one can add up by hand, an independent calculation, and its edges."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lesiongeo as lg
from lesiongeo.routing import DEFAULT_FLAG, queue_summary
from lesiongeo.testing import make_export
from test_agreement_rules import annotation, box, task
from test_cli import control

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "dermatology.json"
Row = dict[str, Any]


def read(*tasks: Any) -> lg.Export:
    return lg.read_label_studio(json.dumps(list(tasks)).encode())


def queue_of(*tasks: Any, **options: Any) -> list[Row]:
    export = read(*tasks)
    rows: list[Row] = lg.review_queue(export, lg.agreement(export), **options).to_pylist()
    return rows


# by hand


def test_one_page() -> None:
    """A box and its half: IoU 1/2, so half a lesion; a region alone: one; two annotators are one pair: 1.5."""
    first = [box("a", (0, 50), (0, 50))]
    second = [box("b", (0, 50), (0, 25)), box("c", (75, 100), (75, 100))]
    (row,) = queue_of(task([annotation(1, 1, first), annotation(2, 2, second)]))
    assert row == {
        "rank": 1,
        "task_id": 7,
        "page": 0,
        "image": "visit-0.jpg",
        "priority": 1.5,
        "reasons": ["dice < 0.7", "missing"],
        "n_flagged": 2,
        "n_lesions": 2,
        "n_annotators": 2,
        "score_min": 0.25,
        "annotator_a": "1",
        "annotator_b": "2",
    }


def test_what_counts_how_much() -> None:
    """Label conflict 1, near miss 2, missing 1, and Dice 0.67 (IoU 1/2) a half."""
    first = [
        box("a", (0, 40), (0, 40)),
        box("c", (50, 90), (0, 40)),
        box("e", (0, 40), (50, 90)),
    ]
    second = [
        box("b", (0, 40), (0, 40), ("melanoma",)),
        box("d", (86, 100), (0, 40)),  # overlaps c by 4 of 54 columns
        box("f", (0, 40), (50, 70)),
        box("g", (60, 70), (60, 70)),
    ]
    pages = task([annotation(1, 1, first), annotation(2, 2, second)])
    (row,) = queue_of(pages)
    assert (row["priority"], row["n_flagged"]) == (4.5, 4)
    assert row["reasons"] == ["dice < 0.7", "label_conflict", "near_miss", "missing"]
    # a with b, e with f; c, d and g stand alone.
    assert row["n_lesions"] == 5
    # A near miss has a Dice, too.
    for rule, priority in (("label_conflict", 1.0), ("near_miss", 2.0), ("missing", 1.0), ("dice < 0.7", 2.5)):
        (row,) = queue_of(pages, flag=rule)
        assert (row["priority"], row["reasons"]) == (priority, [rule])


def test_another_status_is_a_lesion_in_dispute() -> None:
    """The same outline, but one says stable and the other says new."""

    def drawn(region_id: str, status: str) -> list[Row]:
        return [box(region_id, (0, 40), (0, 40)), control(region_id, "status", "choices", {"choices": [status]})]

    tasks = task([annotation(1, 1, drawn("a", "stable")), annotation(2, 2, drawn("b", "new"))])
    assert queue_of(tasks) == []
    (row,) = queue_of(tasks, flag="not status_equal")
    assert (row["priority"], row["reasons"]) == (1.0, ["not status_equal"])


def test_more_annotators_do_not_come_first_for_that() -> None:
    """One of three misses a lesion: two of three pairs disagree. Of two, one of one."""
    drawn = [box("a", (0, 40), (0, 40))]
    of_three = task([annotation(1, 1, drawn), annotation(2, 2, drawn), annotation(3, 3, [])], task_id=5)
    of_two = task([annotation(4, 1, drawn), annotation(5, 2, [])], task_id=9)
    rows = queue_of(of_three, of_two)
    assert [(row["task_id"], row["priority"]) for row in rows] == [(9, 1.0), (5, round(2 / 3, 6))]
    assert [(row["annotator_a"], row["annotator_b"]) for row in rows] == [("1", "2"), ("1", "3")]
    # One and two agree, the third disagrees with both, and of equal pairs the first in the order is named.
    assert rows[1]["n_lesions"] == 1
    assert rows[1]["n_flagged"] == 2


def test_pages_alike_are_sorted_by_task_and_page() -> None:
    def one(number: int, page: int) -> Row:
        drawn = [box("a", (0, 40), (0, 40), page=page)]
        return task([annotation(2 * number, 1, drawn), annotation(2 * number + 1, 2, [])], task_id=number)

    rows = queue_of(one(9, 0), one(3, 1), one(4, 0))
    assert [(row["rank"], row["task_id"], row["page"]) for row in rows] == [(1, 3, 1), (2, 4, 0), (3, 9, 0)]


def test_the_two_who_disagree_most_are_named() -> None:
    """1 and 3 share everything, 2 draws only one of three."""
    three = [box(name, (x, x + 10), (0, 10)) for name, x in (("a", 0), ("b", 20), ("c", 50))]
    people = [annotation(1, 1, three), annotation(2, 2, three[:1]), annotation(3, 3, three[:2])]
    (row,) = queue_of(task(people))
    assert (row["annotator_a"], row["annotator_b"], row["priority"]) == ("1", "2", round((2 + 1 + 1) / 3, 6))
    assert row["score_min"] == pytest.approx(1 / 3)


def test_pages_where_nothing_is_flagged_are_not_in_the_queue() -> None:
    drawn = [box("a", (0, 40), (0, 40))]
    assert queue_of(task([annotation(1, 1, drawn), annotation(2, 2, drawn)])) == []


def test_tasks_of_one_annotator_are_counted() -> None:
    drawn = [box("a", (0, 40), (0, 40))]
    export = read(
        task([annotation(1, 1, drawn)], task_id=1),
        task([annotation(2, 1, drawn), annotation(3, 2, [])], task_id=2),
        task([], task_id=3),
        task([annotation(4, 1, drawn, was_cancelled=True)], task_id=4),
    )
    result = lg.agreement(export)
    queue = lg.review_queue(export, result)
    assert queue["task_id"].to_pylist() == [2]
    summary = queue_summary(export, result, queue)
    assert (summary["tasks_compared"], summary["tasks_single_annotator"], summary["tasks_not_annotated"]) == (1, 1, 2)
    assert (summary["pages_queued"], summary["pages_compared"], summary["reasons"]) == (1, 1, {"missing": 1})


def test_nothing_to_compare() -> None:
    assert queue_of() == []
    export = read()
    result = lg.agreement(export)
    queue = lg.review_queue(export, result)
    assert queue.column_names[:3] == ["rank", "task_id", "page"]
    assert queue_summary(export, result, queue)["priority_total"] == 0.0
    assert lg.review_queue(export, result, flag="reason == 'both_empty'").schema == queue.schema


def test_both_empty_can_be_asked_for() -> None:
    (row,) = queue_of(task([annotation(1, 1, []), annotation(2, 2, [])]), flag="reason == 'both_empty'")
    assert (row["priority"], row["n_flagged"], row["n_lesions"], row["score_min"]) == (0.0, 0, 0, 1.0)
    assert (row["reasons"], row["annotator_a"], row["annotator_b"]) == (["reason == 'both_empty'"], "1", "2")


def test_a_perfect_match_that_is_flagged_disputes_nothing() -> None:
    drawn = [box("a", (0, 40), (0, 40))]
    (row,) = queue_of(task([annotation(1, 1, drawn), annotation(2, 2, drawn)]), flag="matched")
    assert row["priority"] == 0.0
    assert not math.copysign(1, row["priority"]) < 0


@pytest.mark.parametrize("limit", [0, -1, 1.5, "3", True])
def test_limits(limit: Any) -> None:
    with pytest.raises(ValueError, match="limit is"):
        queue_of(limit=limit)


# the whole


@pytest.mark.parametrize("rule", [DEFAULT_FLAG, "score < 0.5", "iou < 0.8 and label_equal or reason == 'both_empty'"])
@pytest.mark.parametrize("source", ["example", "generated"])
def test_the_queue_is_what_a_slow_calculation_gives(source: str, rule: str) -> None:
    """Page by page in Python, from the flagged rows."""
    if source == "example":
        export = lg.read_label_studio(EXAMPLE)
    else:
        export = lg.read_label_studio(json.dumps(make_export(patients=25, visits=2, annotators=5, seed=3)).encode())
    result = lg.agreement(export)
    flags = lg.flag_pairs(result, rule)
    people = defaultdict(set)
    for at in result.annotation_rows.tolist():
        people[export.annotations["task_id"][at].as_py()].add(export.annotations["annotator"][at].as_py())
    pages: dict[tuple[int, int], Row] = {}

    def page_of(row: Row) -> Row:
        place = row["task_id"], row["page"]
        return pages.setdefault(place, {"terms": [], "pairs": defaultdict(list), "why": set(), "lesions": set()})

    for index, row in enumerate(result.pairs.to_pylist()):
        if not flags.rows[index]:
            continue
        term = {"missing": 1.0, "near_miss": 2.0, "label_conflict": 1.0}.get(row["match"])
        if term is None:
            term = 1.0 if row["status_equal"] is False or row["label_equal"] is False else 1 - row["iou"]
        page = page_of(row)
        page["terms"].append(term)
        page["pairs"][int(row["annotator_a"]), int(row["annotator_b"])].append(term)
        page["why"] |= {reason for reason, hit in zip(flags.reasons, flags.hits[:, index], strict=True) if hit}
        regions = result.region_rows[index]
        page["lesions"] |= {result.lesion_of_region[region] for region in regions.tolist() if region >= 0}
    for index, row in enumerate(result.tasks.to_pylist()):
        if flags.pages[index]:
            page = page_of(row)
            page["pairs"][int(row["annotator_a"]), int(row["annotator_b"])].append(0.0)
            page["why"] |= {reason for reason, hit in zip(flags.reasons, flags.page_hits[:, index], strict=True) if hit}
    scores = defaultdict(list)
    for row in result.tasks.to_pylist():
        scores[row["task_id"], row["page"]].append(row["score"])

    queue = lg.review_queue(export, result, flag=rule).to_pylist()
    assert {(row["task_id"], row["page"]) for row in queue} == set(pages)
    assert len(queue) == len(pages) > 5
    for row in queue:
        page = pages[row["task_id"], row["page"]]
        count = len(people[row["task_id"]])
        assert row["priority"] == round(math.fsum(page["terms"]) / (count * (count - 1) / 2), 6)
        assert row["reasons"] == [reason for reason in flags.reasons if reason in page["why"]]
        assert (row["n_flagged"], row["n_lesions"]) == (len(page["terms"]), len(page["lesions"]))
        assert row["n_annotators"] == count
        assert row["score_min"] == min(scores[row["task_id"], row["page"]])
        worst = min(page["pairs"], key=lambda pair: (-round(math.fsum(page["pairs"][pair]), 6), pair))
        assert (int(row["annotator_a"]), int(row["annotator_b"])) == worst
    order = [(-row["priority"], row["task_id"], row["page"]) for row in queue]
    assert order == sorted(order)
    assert [row["rank"] for row in queue] == list(range(1, len(queue) + 1))
    images = {(row["task_id"], row["page"]): row["image"] for row in export.pages.to_pylist()}
    assert all(row["image"] == images[row["task_id"], row["page"]] for row in queue)


def test_the_order_of_tasks_and_annotations_means_nothing() -> None:
    tasks = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    rng = np.random.default_rng(1)
    shuffled = [tasks[index] for index in rng.permutation(len(tasks))]
    for one in shuffled:
        rng.shuffle(one["annotations"])
    first, second = (lg.read_label_studio(json.dumps(some).encode()) for some in (tasks, shuffled))
    queues = [lg.review_queue(export, lg.agreement(export)) for export in (first, second)]
    assert queues[0].equals(queues[1])


def test_a_limit_cuts_the_queue() -> None:
    export = lg.read_label_studio(EXAMPLE)
    result = lg.agreement(export)
    assert lg.review_queue(export, result, limit=7).equals(lg.review_queue(export, result).slice(0, 7))
