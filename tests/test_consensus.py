"""Consensus on small exports whose areas are worked out by hand in the comments.

Images are 128 x 128 px: whole pixels as percent, which the export holds, and back are exactly the same.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import shapely

import lesiongeo as lg
from lesiongeo import Consensus, Export
from real_exports import real_export
from test_agreement_rules import Entry, annotation, task
from test_agreement_rules import entry as percent_entry

SHARED = Path(__file__).resolve().parents[2] / "shared"
REAL = SHARED / "data" / "label_studio" / "ls_real_export.json"
needs_shared = pytest.mark.skipif(not REAL.exists(), reason="the shared data are not here")

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

METHODS = ("majority", "union", "intersection", "medoid")
SIZE = 128


def entry(region_id: str, kind: str, value: Entry, page: int = 0) -> Entry:
    """One result entry on an image of `SIZE`."""
    return percent_entry(region_id, kind, value, page, (SIZE, SIZE))


def polygon(
    region_id: str, points: list[tuple[float, float]], labels: tuple[str, ...] = ("nevus",), page: int = 0
) -> Entry:
    """One polygon, in pixels."""
    value: Entry = {"points": [[100 * x / SIZE, 100 * y / SIZE] for x, y in points], "closed": True}
    if labels:
        value["polygonlabels"] = list(labels)
    return entry(region_id, "polygonlabels" if labels else "polygon", value, page)


def box(
    region_id: str,
    x: tuple[float, float],
    y: tuple[float, float],
    labels: tuple[str, ...] = ("nevus",),
    page: int = 0,
) -> Entry:
    """An upright box as a polygon, in pixels."""
    return polygon(region_id, [(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1])], labels, page)


def read(*tasks: Entry, **options: Any) -> Export:
    return lg.read_label_studio(json.dumps(list(tasks)).encode(), **options)


def agree(export: Export, **options: Any) -> Consensus:
    return lg.consensus(export, lg.agreement(export, gate=0.01), **options)


def make(*tasks: Entry, **options: Any) -> Consensus:
    return agree(read(*tasks), **options)


def row(made: Consensus) -> dict[str, Any]:
    (found,) = made.regions.table.to_pylist()
    return found


def areas(made: Consensus) -> list[float]:
    return made.regions.table["area_px2"].to_pylist()


def reasons(made: Consensus) -> list[str]:
    return made.outvoted["reason"].to_pylist()


def steps(count: int, people: int | None = None, side: float = 50) -> Entry:
    """One task: `count` annotators draw a square of that side, each 5 px further right; the others draw nothing."""
    people = count if people is None else people
    drawn = [annotation(1 + k, 1 + k, [box(f"r{k}", (5 * k, 5 * k + side), (0, side))]) for k in range(count)]
    return task(drawn + [annotation(1 + k, 1 + k, []) for k in range(count, people)])


def control(region_id: str, name: str, kind: str, value: Entry, page: int = 0) -> Entry:
    return {**entry(region_id, kind, value, page), "from_name": name}


# areas


@pytest.mark.parametrize(
    ("count", "majority", "union", "intersection"),
    [
        # Squares of side 50 at 0, 5, 10, ...: k of n cover what lies between the left side of one and the right side of
        # another, 50 + 5 (n - 1) - 10 (k - 1) wide where it is that of the k-th, all of it one piece.
        (1, 50, 50, 50),
        (2, 45, 55, 45),
        (3, 50, 60, 40),
        (4, 45, 65, 35),
        (5, 50, 70, 30),
    ],
)
def test_squares_in_steps(count: int, majority: float, union: float, intersection: float) -> None:
    for method, width in (("majority", majority), ("union", union), ("intersection", intersection)):
        made = make(steps(count), method=method)
        assert areas(made) == [50 * width]
        assert made.outvoted.num_rows == 0
        assert row(made)["source"] == row(made)["method"] == method
        assert [row(made)[name] for name in ("annotation_id", "annotator", "region_id")] == [None] * 3
    # The middle one agrees best with the others; of two and of four the middle ones are equal, and the first counts.
    medoid = row(make(steps(count), method="medoid"))
    assert medoid["source"] == f"medoid:{(count + 1) // 2}"
    assert (medoid["annotator"], medoid["area_px2"]) == (str((count + 1) // 2), 2500.0)
    assert (medoid["annotation_id"], medoid["region_id"]) == ((count + 1) // 2, f"r{(count - 1) // 2}")


@pytest.mark.parametrize(("count", "people"), [(n, m) for m in range(1, 6) for n in range(1, m + 1)])
def test_absent_annotators_vote_with_nothing(count: int, people: int) -> None:
    needed = people // 2 + 1
    # At x the squares k with 5 k <= x < 5 k + 50 cover; count by whole steps of 5 px.
    covers = [sum(5 * k <= x < 5 * k + 50 for k in range(count)) for x in range(0, 100, 5)]
    by_votes = 5 * sum(cover >= needed for cover in covers) * 50
    made = make(steps(count, people))
    if count < needed:
        assert len(made.regions) == 0
        assert reasons(made) == ["too_few_votes"]
        (lost,) = made.outvoted.to_pylist()
        assert [lost[name] for name in ("n_annotators", "n_drawn", "votes_needed")] == [people, count, needed]
        assert lost["annotators"] == [str(k + 1) for k in range(count)]
        assert lost["area_px2"] == 50 * (50 + 5 * (count - 1))
    else:
        assert areas(made) == [by_votes]
        assert [row(made)[name] for name in ("n_annotators", "n_drawn", "votes_needed")] == [people, count, needed]
    assert len(make(steps(count, people), method="medoid").regions) == (count >= needed)
    assert areas(make(steps(count, people), method="union")) == [50 * (50 + 5 * (count - 1))]
    common = make(steps(count, people), method="intersection")
    assert areas(common) == ([50 * (55 - 5 * count)] if count == people else [])
    assert reasons(common) == ([] if count == people else ["too_few_votes"])


@pytest.mark.parametrize("votes", range(1, 7))
def test_min_votes(votes: int) -> None:
    made = make(steps(4, 5), min_votes=votes)
    covers = [sum(5 * k <= x < 5 * k + 50 for k in range(4)) for x in range(0, 100, 5)]
    if votes <= 4:
        assert areas(made) == [250 * sum(cover >= votes for cover in covers)]
        assert row(made)["votes_needed"] == votes
    else:
        assert reasons(made) == [{5: "too_few_votes", 6: "too_few_annotators"}[votes]]
    medoid = make(steps(4, 5), method="medoid", min_votes=votes)
    assert len(medoid.regions) == (votes <= 4)


def test_two_annotators_have_the_intersection_as_majority() -> None:
    both = [make(steps(2), method=method).regions for method in ("majority", "intersection")]
    assert both[0].polygons == both[1].polygons


def test_enough_drew_it_but_not_the_same() -> None:
    # A chain: the first meets the second and the third, which do not meet each other, so all three are one lesion, but
    # no place is covered by all.
    first = annotation(1, 1, [box("a", (0, 50), (0, 50))])
    second = annotation(2, 2, [box("b", (0, 25), (0, 50))])
    third = annotation(3, 3, [box("c", (25, 50), (0, 50))])
    made = make(task([first, second, third]), method="intersection")
    assert reasons(made) == ["no_common_area"]
    assert areas(make(task([first, second, third]))) == [2500.0]
    # The first has an IoU of 0.5 with both, they have 0.25 on average.
    assert row(make(task([first, second, third]), method="medoid"))["source"] == "medoid:1"


def ring(region_id: str, outer: tuple[float, float], inner: tuple[float, float]) -> Entry:
    """A square frame as one polygon, its hole reached through a slit."""
    (a, b), (c, d) = outer, inner
    points = [(a, a), (b, a), (b, b), (a, b), (a, a), (c, c), (c, d), (d, d), (d, c), (c, c)]
    return polygon(region_id, points)


def test_holes() -> None:
    # Three draw around a ring: as a frame, as a frame with a smaller hole, and as a full square.
    people = [
        annotation(1, 1, [ring("a", (0, 50), (10, 40))]),
        annotation(2, 2, [ring("b", (0, 50), (20, 30))]),
        annotation(3, 3, [box("c", (0, 50), (0, 50))]),
    ]
    assert areas(make(task(people))) == [2500 - 100]
    assert areas(make(task(people), method="union")) == [2500]
    assert areas(make(task(people), method="intersection")) == [2500 - 900]
    majority = make(task(people)).regions.polygons.to_shapely()[0]
    assert [shapely.Polygon(hole).bounds for hole in majority.interiors] == [(20, 20, 30, 30)]
    assert row(make(task(people)))["disagreement_px2"] == 900


def test_parts() -> None:
    # Two of three leave out the middle.
    people = [
        annotation(1, 1, [box("a", (0, 50), (0, 50))]),
        annotation(2, 2, [box("b", (0, 20), (0, 50))]),
        annotation(3, 3, [box("c", (30, 50), (0, 50))]),
    ]
    made = make(task(people))
    assert areas(made) == [2000]
    assert [len(rings) for rings in made.regions.polygons.to_rings()] == [2]


# what stands beside the outline


def test_disagreement() -> None:
    found = row(make(steps(3)))
    # Covered by some of the three but not by all: 60 - 40 wide. IoU with the middle one 1, with the others 45 / 55.
    assert found["disagreement_px2"] == 20 * 50
    assert found["disagreement_share"] == 20 / 60
    assert found["iou_mean"] == pytest.approx((1 + 2 * 45 / 55) / 3, abs=1e-15)
    assert found["reason"] is None
    pair = row(make(steps(2)))
    assert (pair["disagreement_px2"], pair["disagreement_share"]) == (500, 500 / 2750)
    assert pair["iou_mean"] == pytest.approx(45 / 50, abs=1e-15)


def test_a_region_is_not_compared_with_itself() -> None:
    assert row(make(steps(3), method="medoid"))["iou_mean"] == pytest.approx(45 / 55, abs=1e-15)
    alone = row(make(steps(1)))
    assert alone["reason"] == "single_annotator"
    once = row(make(steps(1, 3), method="union"))
    assert once["reason"] == "drawn_once"
    for found in (alone, once):
        assert [found[name] for name in ("disagreement_px2", "disagreement_share", "iou_mean")] == [None] * 3


def test_millimetres() -> None:
    data = {"image": "visit-0.jpg", "spacing": {"x": 0.5, "y": 0.25}}
    made = agree(read({**steps(3), "data": data}, spacing_mm="spacing"))
    found = row(made)
    assert (found["area_mm2"], found["disagreement_mm2"]) == (2500 / 8, 1000 / 8)
    assert "area_mm2" not in make(steps(3)).regions.table.column_names
    lost = agree(read({**steps(1, 3), "data": data}, spacing_mm="spacing")).outvoted
    assert lost["area_mm2"].to_pylist() == [2500 / 8]


@pytest.mark.parametrize(
    ("labels", "expected", "votes"),
    [
        (["a", "b", "a"], "a", 2),
        (["a", "b", "c"], None, 1),
        (["a", "b"], None, 1),
        (["a", "b", "b", "a"], None, 2),
        ([None, "b", None], None, 2),
        ([None, "b", "b"], "b", 2),
    ],
)
def test_votes_on_labels(labels: list[str | None], expected: str | None, votes: int) -> None:
    people = [
        annotation(1 + k, 1 + k, [box("r", (0, 50), (0, 50), (label,) if label else ())])
        for k, label in enumerate(labels)
    ]
    export = read(task(people))
    result = lg.agreement(export)
    for method in METHODS:
        found = row(lg.consensus(export, result, method=method))
        assert (found["label"], found["label_votes"]) == (expected, votes)
        assert found["labels"] == (
            None if expected is None and votes < len(labels) // 2 + 1 else [expected] if expected else []
        )
        assert [found["label"]] == result.lesions["label"].to_pylist()


def test_several_labels_are_a_set() -> None:
    sets = [("a", "b"), ("b", "a"), ("c",)]
    people = [annotation(1 + k, 1 + k, [box("r", (0, 50), (0, 50), labels)]) for k, labels in enumerate(sets)]
    found = row(make(task(people)))
    assert (found["labels"], found["label"], found["label_votes"]) == (["a", "b"], "a", 2)


def test_votes_on_controls() -> None:
    def person(number: int, status: str | None, track: float, note: str) -> Entry:
        square = box("r", (0, 50), (0, 50))
        value = square["value"]
        answers = [
            control("r", "track_id", "number", {**value, "number": track}),
            control("r", "notes", "textarea", {**value, "text": [note]}),
            control("r", "method", "choices", {**value, "choices": ["dermoscopy"]}),
        ]
        if status is not None:
            answers.append(control("r", "status", "choices", {**value, "choices": [status]}))
        return annotation(number, number, [square, *answers])

    made = make(task([person(1, "new", 7, "Jane Doe"), person(2, "stable", 7, "x"), person(3, "new", 8, "y")]))
    found = row(made)
    assert (found["track_id"], found["status"]) == (7.0, "new")
    assert "notes" not in found
    # A control that is called like a column of ours keeps its answer beside it.
    assert (found["method"], found["control_method"]) == ("majority", "dermoscopy")
    tied = row(make(task([person(1, "new", 7, ""), person(2, "stable", 8, "")])))
    assert (tied["track_id"], tied["status"]) == (None, None)
    # Who left it out has no vote.
    left = row(make(task([person(1, None, 7, ""), person(2, "stable", 7, ""), person(3, None, 7, "")])))
    assert left["status"] == "stable"


# what does not count, and what is odd


def test_what_does_not_count() -> None:
    good = [annotation(1, 1, [box("a", (0, 50), (0, 50))]), annotation(2, 2, [box("b", (0, 50), (0, 50))])]
    skipped = annotation(3, 3, [box("c", (50, 100), (0, 50))], was_cancelled=True)
    older = annotation(4, 1, [box("d", (50, 100), (50, 100))], updated_at="2026-01-04T09:00:00Z")
    made = make(task([*good, skipped, older], predictions=[annotation(9, None, [box("p", (0, 25), (0, 25))])]))
    assert areas(made) == [2500]
    assert (row(made)["n_annotators"], made.outvoted.num_rows) == (2, 0)


def test_odd_outlines() -> None:
    bow_tie = polygon("b", [(0, 0), (50, 50), (50, 0), (0, 50)])  # two triangles of 625 each
    flat = polygon("f", [(60, 60), (70, 70)])
    people = [
        annotation(1, 1, [box("a", (0, 50), (0, 50)), flat]),
        annotation(2, 2, [bow_tie]),
        annotation(3, 3, [box("c", (0, 50), (0, 50)), entry("k", "keypoint", {"x": 1, "y": 1, "width": 1}, 0)]),
    ]
    made = make(task(people), method="intersection")
    assert areas(made) == [1250]
    assert reasons(made) == ["no_area"]
    assert made.regions.polygons.is_valid.all()
    for method in METHODS:
        assert reasons(make(task(people), method=method)) == ["no_area"]
    # The medoid can be an outline that crosses itself: it comes with its interior.
    ties = [annotation(1 + k, 1 + k, [{**bow_tie, "id": "b"}]) for k in range(3)]
    medoid = make(task(ties), method="medoid")
    assert areas(medoid) == [1250]
    assert medoid.regions.polygons.is_valid.all()
    only = make(task([annotation(1, 1, [flat])]), method="medoid")
    assert (len(only.regions), reasons(only)) == (0, ["no_area"])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "tasks",
    [
        [],
        [task([])],
        [task([annotation(1, 1, [])])],
        [task([annotation(1, 1, []), annotation(2, 2, None)])],
        [task([annotation(1, 1, [box("a", (0, 50), (0, 50))], was_cancelled=True)])],
    ],
)
def test_nothing(tasks: list[Entry], method: str) -> None:
    made = make(*tasks, method=method)
    whole = make(steps(3), method=method)
    assert (len(made.regions), made.outvoted.num_rows, made.ground_truths.num_rows) == (0, 0, 0)
    for one, other in ((made.regions.table, whole.regions.table), (made.outvoted, whole.outvoted)):
        assert one.schema == other.schema
    assert made.pages.num_rows == sum(
        bool(t["annotations"]) and not t["annotations"][0]["was_cancelled"] for t in tasks
    )


def test_pages_never_meet() -> None:
    def on(page: int) -> list[Entry]:
        return [box(f"p{page}", (0, 50), (0, 50), page=page)]

    people = [annotation(1, 1, on(0)), annotation(2, 2, on(1)), annotation(3, 3, [*on(0), *on(1)])]
    made = make(task(people, images=2))
    assert made.regions.table.select(["task_id", "page", "lesion", "n_drawn"]).to_pylist() == [
        {"task_id": 7, "page": 0, "lesion": 0, "n_drawn": 2},
        {"task_id": 7, "page": 1, "lesion": 0, "n_drawn": 2},
    ]
    assert made.regions.table["image"].to_pylist() == ["visit-0.jpg", "visit-1.jpg"]
    alone = make(task(people[:2], images=2))
    assert (len(alone.regions), reasons(alone)) == (0, ["too_few_votes"] * 2)
    assert alone.pages.select(["page", "n_annotators", "n_regions", "n_outvoted"]).to_pylist() == [
        {"page": 0, "n_annotators": 2, "n_regions": 0, "n_outvoted": 1},
        {"page": 1, "n_annotators": 2, "n_regions": 0, "n_outvoted": 1},
    ]


def test_the_order_of_annotations_does_not_matter() -> None:
    first = steps(4, 5)
    second = {**steps(3), "id": 9}
    expected = {method: make(first, second, method=method) for method in METHODS}
    for order in list(itertools.permutations(range(5)))[::9]:
        shuffled = {**first, "annotations": [first["annotations"][k] for k in order]}
        for method in METHODS:
            made = make(second, shuffled, method=method, threads=1 + order[0] % 2)
            assert made.regions.polygons == expected[method].regions.polygons
            assert made.regions.table.equals(expected[method].regions.table)
            assert made.outvoted.equals(expected[method].outvoted)


def test_a_tie_of_medoids_goes_to_the_larger() -> None:
    # Nested: each has the same IoU with the other.
    people = [annotation(1, 1, [box("a", (0, 25), (0, 50))]), annotation(2, 2, [box("b", (0, 50), (0, 50))])]
    assert row(make(task(people), method="medoid"))["source"] == "medoid:2"


def test_authors_without_account() -> None:
    people = [annotation(1, None, [box("a", (0, 50), (0, 50))]), annotation(2, 3, [box("b", (0, 25), (0, 50))])]
    found = row(make(task(people), method="medoid"))
    assert (found["source"], found["annotator"]) == ("medoid:unknown", "unknown")
    lost = make(task([people[0], annotation(2, 3, [])])).outvoted
    assert lost["annotators"].to_pylist() == [["unknown"]]


# ground truth


def test_ground_truth_wins() -> None:
    novices = [
        annotation(1, 1, [box("a", (0, 50), (0, 50)), box("x", (50, 100), (50, 100))]),
        annotation(2, 2, [box("b", (0, 50), (0, 50)), box("y", (50, 100), (50, 100))]),
    ]
    expert = annotation(
        3, 9, [box("e", (0, 25), (0, 50), ("melanoma",)), box("n", (75, 100), (0, 25))], ground_truth=True
    )
    made = make(task([*novices, expert]))
    table = made.regions.table
    assert areas(made) == [1250, 625]
    assert table["source"].to_pylist() == ["ground_truth"] * 2
    assert table["label"].to_pylist() == ["melanoma", "nevus"]
    assert table["region_id"].to_pylist() == ["e", "n"]
    assert table["annotation_id"].to_pylist() == [3, 3]
    assert table["annotator"].to_pylist() == ["9", "9"]
    assert table["n_drawn"].to_pylist() == [3, 1]
    assert table["votes_needed"].to_pylist() == table["label_votes"].to_pylist() == [None, None]
    # With the two novices: IoU 0.5 each, not with itself.
    assert table["iou_mean"].to_pylist() == [0.5, None]
    assert table["reason"].to_pylist() == [None, "drawn_once"]
    assert reasons(made) == ["overruled"]
    assert made.outvoted["annotators"].to_pylist() == [["1", "2"]]
    assert made.ground_truths.to_pylist() == [
        {
            "task_id": 7,
            "annotation_id": 3,
            "annotator": "9",
            "counts": True,
            "n_regions": 2,
            "n_without_area": 0,
            "n_new": 0,
            "n_overruled": 1,
        }
    ]
    voted = make(task([*novices, expert]), override=False)
    assert areas(voted) == [2500, 2500]
    assert (reasons(voted), voted.ground_truths.num_rows) == (["too_few_votes"], 0)


def test_ground_truth_wins_only_in_its_task() -> None:
    expert = annotation(3, 9, [], ground_truth=True)
    made = make({**steps(3), "id": 1}, {**task([*steps(2)["annotations"], expert]), "id": 2})
    assert made.regions.table["task_id"].to_pylist() == [1]
    assert (reasons(made), made.outvoted["task_id"].to_pylist()) == (["overruled"], [2])
    assert made.ground_truths["n_overruled"].to_pylist() == [1]


def test_the_newest_ground_truth_counts() -> None:
    old = annotation(3, 3, [box("o", (0, 25), (0, 25))], ground_truth=True, updated_at="2026-01-04T09:00:00Z")
    new = annotation(2, 2, [box("n", (0, 50), (0, 50))], ground_truth=True)
    cancelled = annotation(5, 5, [], ground_truth=True, was_cancelled=True, updated_at="2026-01-09T09:00:00Z")
    made = make(task([old, new, cancelled]))
    assert areas(made) == [2500]
    assert made.ground_truths.select(["annotation_id", "counts", "n_regions"]).to_pylist() == [
        {"annotation_id": 2, "counts": True, "n_regions": 1},
        {"annotation_id": 3, "counts": False, "n_regions": None},
    ]


def test_a_ground_truth_that_was_superseded() -> None:
    # The expert looked again and did not mark what came out: the marked one counts, and its regions stand for the
    # lesions that they overlap most.
    marked = annotation(
        1,
        1,
        [box("e", (0, 50), (0, 25)), box("n", (75, 100), (75, 100))],
        ground_truth=True,
        updated_at="2026-01-04T09:00:00Z",
    )
    again = annotation(2, 1, [box("a", (0, 50), (0, 50))])
    other = annotation(3, 2, [box("b", (0, 50), (0, 50)), box("c", (0, 25), (50, 75))])
    made = make(task([marked, again, other]))
    table = made.regions.table
    assert areas(made) == [1250, 625]
    assert table["lesion"].to_pylist() == [0, None]
    assert table["n_annotators"].to_pylist() == [2, 2]
    assert table["n_drawn"].to_pylist() == [2, 0]
    assert table["iou_mean"].to_pylist() == [0.5, None]
    assert table["reason"].to_pylist() == [None, "new_in_ground_truth"]
    assert reasons(made) == ["overruled"]
    assert made.ground_truths["n_new"].to_pylist() == [1]


def test_a_ground_truth_without_area_is_told() -> None:
    expert = annotation(3, 9, [polygon("f", [(60, 60), (70, 70)])], ground_truth=True)
    made = make(task([*steps(2)["annotations"], expert]))
    assert len(made.regions) == 0
    assert sorted(reasons(made)) == ["no_area", "overruled"]
    assert made.ground_truths.select(["n_regions", "n_without_area", "n_overruled"]).to_pylist() == [
        {"n_regions": 0, "n_without_area": 1, "n_overruled": 1}
    ]


@needs_shared
def test_a_real_export() -> None:
    export = lg.read_label_studio(REAL)
    made = lg.consensus(export, lg.agreement(export))
    table = made.regions.table
    own = export.regions.table
    theirs = own.filter(pc.equal(own["annotation_id"], 3))
    expert = table.filter(pc.equal(table["source"], "ground_truth"))
    assert expert["region_id"].to_pylist() == theirs["region_id"].to_pylist()
    assert set(expert["task_id"].to_pylist()) == {2}
    assert set(table.filter(pc.equal(table["task_id"], 2))["source"].to_pylist()) == {"ground_truth"}
    assert made.ground_truths["annotation_id"].to_pylist() == [3]
    # Nothing is lost: each lesion has an outline or a reason.
    lesions = lg.agreement(export).lesions
    assert lesions.num_rows == made.outvoted.num_rows + pc.sum(pc.is_valid(table["lesion"])).as_py()


# an independent calculation


@pytest.mark.parametrize("name", ["lidc", "lvis"])
@needs_shared
def test_real_outlines_against_a_count_of_cells(name: str) -> None:
    """Cut the plane along all outlines of a lesion and count, face by face, whose outlines wind around it."""
    export = lg.read_label_studio(real_export(name))
    result = lg.agreement(export)
    made = {method: lg.consensus(export, result, method=method) for method in METHODS}
    rng = np.random.default_rng(5)
    chosen = np.sort(rng.choice(result.lesions.num_rows, 120, replace=False))
    people = result.lesions["n_annotators"].to_numpy()[chosen]
    keys = result.lesions.select(["task_id", "page", "lesion"]).take(pa.array(chosen)).to_pylist()
    found = {
        method: {(row["task_id"], row["page"], row["lesion"]): row for row in one.regions.table.to_pylist()}
        for method, one in made.items()
    }
    compared = 0
    for lesion, key, count in zip(chosen.tolist(), keys, people.tolist(), strict=True):
        place = tuple(key.values())
        outlines = export.regions.polygons.take(np.flatnonzero(result.lesion_of_region == lesion)).to_rings()
        size, covered = faces(outlines)
        votes = covered.sum(axis=1)
        for method, needed in (("majority", count // 2 + 1), ("union", 1), ("intersection", count)):
            expected = size[votes >= needed].sum()
            own = found[method].get(place)
            assert (own is None) == (expected <= 1e-9), (place, method)
            if own is not None:
                assert own["area_px2"] == pytest.approx(expected, rel=1e-9)
                compared += 1
        own = found["union"].get(place)
        if own is not None and len(outlines) > 1:
            disputed = size[(votes > 0) & (votes < len(outlines))].sum()
            assert own["disagreement_px2"] == pytest.approx(disputed, rel=1e-9, abs=1e-9)
            assert own["disagreement_share"] == pytest.approx(disputed / size[votes > 0].sum(), rel=1e-9)
        best = found["medoid"].get(place)
        assert (best is not None) == (len(outlines) >= count // 2 + 1 and size[votes > 0].sum() > 0)
        if best is not None and len(outlines) > 1:
            means = [
                np.mean([iou(size, covered[:, a], covered[:, b]) for b in range(len(outlines)) if b != a])
                for a in range(len(outlines))
            ]
            assert best["iou_mean"] == pytest.approx(max(means), rel=1e-9)
    assert compared > 200


def faces(outlines: list[list[Floats]]) -> tuple[Floats, Mask]:
    """Areas of the faces into which outlines cut the plane, and which of the outlines cover each."""
    lines = [shapely.LineString([*ring, ring[0]]) for rings in outlines for ring in rings if len(ring) > 1]
    cut = list(shapely.get_parts(shapely.polygonize([shapely.unary_union(lines)])))
    points = np.array([shapely.get_coordinates(face.representative_point())[0] for face in cut]).reshape(-1, 2)
    # An outline covers what it winds around; a hole, which runs the other way, takes away.
    covered = np.array([[sum(map(winding, rings, [point] * len(rings))) > 0 for rings in outlines] for point in points])
    return np.array([face.area for face in cut]), covered.reshape(len(cut), len(outlines))


def winding(ring: Floats, point: Floats) -> int:
    """1 inside an outline, -1 inside a hole, 0 outside, by the non-zero rule."""
    after = np.roll(ring, -1, axis=0)
    up = (ring[:, 1] <= point[1]) & (after[:, 1] > point[1])
    down = (ring[:, 1] > point[1]) & (after[:, 1] <= point[1])
    side = (after[:, 0] - ring[:, 0]) * (point[1] - ring[:, 1]) - (point[0] - ring[:, 0]) * (after[:, 1] - ring[:, 1])
    number = int((up & (side > 0)).sum()) - int((down & (side < 0)).sum())
    area = float((ring[:, 0] * after[:, 1] - ring[:, 1] * after[:, 0]).sum())
    return 0 if number == 0 else (1 if area >= 0 else -1)


def iou(size: Floats, a: Mask, b: Mask) -> float:
    union = float(size[a | b].sum())
    return float(size[a & b].sum()) / union if union else 0.0


# what a caller can do wrong


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "mean"}, "method is 'mean'; it is one of majority, union, intersection, medoid"),
        ({"min_votes": 0}, "min_votes is 0; it is a whole number from 1 up"),
        ({"min_votes": True}, "min_votes is True"),
        ({"min_votes": 1.5}, "min_votes is 1.5"),
        ({"min_votes": 2, "method": "union"}, "min_votes goes with majority and medoid; union takes one annotator"),
        ({"min_votes": 2, "method": "intersection"}, "intersection takes all annotators"),
        ({"override": "no"}, "override is 'no'; it is True or False"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(steps(2), **options)


def test_the_agreement_of_another_export() -> None:
    with pytest.raises(ValueError, match="the agreement is of an export with 3 regions, not of this one with 2"):
        lg.consensus(read(steps(2)), lg.agreement(read(steps(3))))
