"""Tables of agreement: columns, order, counts by hand, and how they hold up on crowded and on many pages.

Images are 100 x 100 px unless a test says otherwise, so percent and pixels are the same numbers.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

import lesiongeo
from lesiongeo import Agreement
from test_agreement_rules import Entry, annotation, box, close, entry, polygon, task

Floats = npt.NDArray[np.float64]

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "dermatology.json"

WHO = [
    ("task_id", pa.int64()),
    ("page", pa.int32()),
    ("annotator_a", pa.string()),
    ("annotator_b", pa.string()),
    ("annotation_a", pa.int64()),
    ("annotation_b", pa.int64()),
]
PAIRS = [
    *WHO,
    ("region_a", pa.string()),
    ("region_b", pa.string()),
    ("match", pa.string()),
    *(
        (name, pa.float64())
        for name in (
            "iou dice hausdorff_px hd95_px masd_px assd_px nsd signed_offset_px centroid_distance_px area_a_px2 "
            "area_b_px2 area_ratio log_area_ratio"
        ).split()
    ),
    ("label_a", pa.string()),
    ("label_b", pa.string()),
    ("label_equal", pa.bool_()),
    ("valid_a", pa.bool_()),
    ("valid_b", pa.bool_()),
]
#: Where a control has the role of the status.
STATUS = ("status_equal", pa.bool_())
TASKS = [
    *WHO,
    *(
        (name, pa.int32())
        for name in ("n_a", "n_b", "n_matched", "n_label_conflict", "n_near_miss", "n_missing_a", "n_missing_b")
    ),
    ("score", pa.float64()),
    ("label_studio_score", pa.float64()),
    ("reason", pa.string()),
]
LESIONS = [
    ("task_id", pa.int64()),
    *((name, pa.int32()) for name in ("page", "lesion", "n_annotators", "n_drawn")),
    ("label", pa.string()),
    ("label_equal", pa.bool_()),
    *((name, pa.float64()) for name in ("iou_mean", "score", "area_px2")),
]
ANNOTATORS = [
    ("annotator", pa.string()),
    *((name, pa.int64()) for name in ("n_annotations", "n_cancelled", "n_superseded", "n_regions", "n_invalid")),
    ("lead_time_s_median", pa.float64()),
    ("n_pages", pa.int64()),
    ("score_mean", pa.float64()),
    ("iou_mean", pa.float64()),
    ("n_missed", pa.int64()),
    ("n_extra", pa.int64()),
]
SUMMARY = [
    ("annotator_a", pa.string()),
    ("annotator_b", pa.string()),
    *(
        (name, pa.int64())
        for name in (
            "n_tasks n_pages n_both_empty n_regions_a n_regions_b n_matched n_label_conflict n_near_miss "
            "n_missing_a n_missing_b"
        ).split()
    ),
    *(
        (name, pa.float64())
        for name in (
            "score_mean label_studio_score_mean iou_mean iou_median iou_p5 iou_p95 dice_mean dice_median "
            "hausdorff_px_median hausdorff_px_p95 area_ratio_median label_agreement"
        ).split()
    ),
]


def agree(*tasks: Entry, **options: Any) -> Agreement:
    return lesiongeo.agreement(lesiongeo.read_label_studio(json.dumps(list(tasks)).encode()), **options)


def tables(result: Agreement) -> dict[str, pa.Table]:
    return {name: getattr(result, name) for name in ("pairs", "tasks", "lesions", "annotators", "summary")}


def control(region_id: str, name: str, kind: str, value: Entry) -> Entry:
    return {**entry(region_id, kind, value, 0), "from_name": name}


A = box("a", (0, 50), (0, 50))
LOWER = box("l", (0, 50), (0, 25))  # half of A: IoU 0.5, Dice 2 * 1250 / 3750, 25 px away
RENAMED = box("m", (0, 50), (0, 50), ("melanoma",))
CORNER = box("c", (0, 25), (0, 25), page=1)


# columns


@pytest.mark.parametrize(
    "tasks",
    [
        [],
        [task([])],
        [task([annotation(1, 1, [A])])],
        [task([annotation(1, 1, []), annotation(2, 2, [])])],
        [task([annotation(1, 1, [A], was_cancelled=True)])],
        [task([annotation(1, 1, [A]), annotation(2, None, [LOWER])])],
        [task([annotation(1, 1, [polygon("p", [(1, 1)])]), annotation(2, 2, [A])])],
    ],
    ids=["no task", "no annotation", "single", "empty", "cancelled", "unknown", "no area"],
)
def test_columns_do_not_depend_on_the_content(tasks: list[Entry]) -> None:
    for name, table in tables(agree(*tasks)).items():
        expected = {
            "pairs": PAIRS,
            "tasks": TASKS,
            "lesions": LESIONS,
            "annotators": ANNOTATORS,
            "summary": SUMMARY,
        }[name]
        assert [(field.name, field.type) for field in table.schema] == expected, name
        table.validate(full=True)


def test_columns_of_the_example() -> None:
    result = lesiongeo.agreement(lesiongeo.read_label_studio(EXAMPLE))
    for name, expected in (("tasks", TASKS), ("lesions", LESIONS), ("annotators", ANNOTATORS), ("summary", SUMMARY)):
        assert [(field.name, field.type) for field in tables(result)[name].schema] == expected
    found = [(field.name, field.type) for field in result.pairs.schema]
    assert found[: len(PAIRS) + 1] == [*PAIRS[:-2], STATUS, *PAIRS[-2:]]
    controls = [name for name, _ in found[len(PAIRS) + 1 :]]
    assert controls[::2] == [f"{name.removesuffix('_b')}_a" for name in controls[1::2]]
    assert all(name.endswith("_b") for name in controls[1::2])
    assert {"track_id_a", "track_id_b"} <= set(controls)


def test_controls_stand_on_both_sides() -> None:
    """Numbers stay numbers, choices and texts are text, and a missing side has neither."""
    first = [
        A,
        control("a", "track", "number", {"number": 3}),
        control("a", "status", "choices", {"choices": ["grown"]}),
        control("a", "note", "textarea", {"text": ["one", "two"]}),
    ]
    second = [
        box("b", (0, 50), (0, 50)),
        control("b", "track", "number", {"number": 4}),
        box("far", (75, 100), (0, 25)),
    ]
    pairs = agree(task([annotation(1, 1, first), annotation(2, 2, second)])).pairs
    assert (pairs.schema.names[len(PAIRS) - 2], pairs.schema.field(len(PAIRS) - 2).type) == STATUS
    extra = pairs.schema.names[len(PAIRS) + 1 :]
    assert sorted(extra) == ["note_a", "note_b", "status_a", "status_b", "track_a", "track_b"]
    for name, kind in (("track", pa.float64()), ("status", pa.string()), ("note", pa.string())):
        assert extra.index(f"{name}_b") == extra.index(f"{name}_a") + 1
        assert pairs.schema.field(f"{name}_a").type == pairs.schema.field(f"{name}_b").type == kind
    missing, matched = pairs.to_pylist()
    assert (missing["region_a"], missing["region_b"], matched["region_a"], matched["region_b"]) == (
        None,
        "far",
        "a",
        "b",
    )
    assert (matched["track_a"], matched["track_b"]) == (3.0, 4.0)
    assert (matched["status_a"], matched["status_b"]) == ("grown", None)
    assert json.loads(matched["note_a"]) == ["one", "two"]
    assert [missing[name] for name in extra] == [None] * 6


@pytest.mark.parametrize("name", ["pairs", "tasks", "lesions"])
def test_the_page_has_every_column_in_order(name: str) -> None:
    """docs/agreement.md defines each column once, and no other."""
    text = (EXAMPLE.parents[1] / "docs" / "agreement.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {name}\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    assert {len(row) for row in rows} == {3}, "column, definition, null"
    documented = [column for row in rows for column in re.findall(r"`([\w<>]+)`", row[0])]
    export = lesiongeo.read_label_studio(EXAMPLE, spacing_mm=1.0)
    found = getattr(lesiongeo.agreement(export), name).column_names
    if name == "pairs":
        assert documented[-2:] == ["<control>_a", "<control>_b"]
        documented = [*documented[:-2], *found[len(documented) - 2 :]]
    assert documented == found


def test_a_missing_side_is_null() -> None:
    (row,) = agree(task([annotation(1, 1, [A]), annotation(2, 2, [])])).pairs.to_pylist()
    assert {name for name, value in row.items() if value is None} == {
        "region_b",
        "iou",
        "dice",
        "hausdorff_px",
        "hd95_px",
        "masd_px",
        "assd_px",
        "nsd",
        "signed_offset_px",
        "centroid_distance_px",
        "area_b_px2",
        "area_ratio",
        "log_area_ratio",
        "label_b",
        "label_equal",
        "valid_b",
    }
    assert (row["annotator_b"], row["annotation_b"], row["area_a_px2"], row["label_a"]) == ("2", 2, 2500.0, "nevus")


@pytest.mark.parametrize("options", [{"gate": -0.1}, {"gate": 1.1}, {"gate": math.nan}, {"conflict_gate": 2}])
def test_gates_lie_between_0_and_1(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="lies between 0 and 1"):
        agree(**options)


# order


def test_the_worst_come_first() -> None:
    """Missing and near misses count 0, larger regions before smaller ones; then the smallest IoU."""
    first = [
        A,  # matched with IoU 0.5
        box("same", (75, 100), (75, 100)),  # matched with IoU 1
        box("near", (50, 75), (75, 100)),  # touched by a sliver below the gate: a near miss of 625 px
        box("small", (75, 100), (0, 12.5)),  # missing, 312.5 px
    ]
    second = [
        LOWER,
        box("same", (75, 100), (75, 100)),
        box("sliver", (50, 75), (50, 75.390625)),  # 25 x 25.390625 px, of which 25 x 0.390625 px overlap
        box("large", (0, 50), (62.5, 100)),  # missing, 1875 px
    ]
    result = agree(task([annotation(1, 1, first), annotation(2, 2, second)]))
    assert [(r["region_a"], r["region_b"], r["match"]) for r in result.pairs.to_pylist()] == [
        (None, "large", "missing"),
        ("near", "sliver", "near_miss"),
        ("small", None, "missing"),
        ("a", "l", "matched"),
        ("same", "same", "matched"),
    ]
    (row,) = result.tasks.to_pylist()
    # 0.5 and 1 over two matches and four regions without: 1.5 / 6.
    assert row["score"] == close(0.25)


def test_the_worst_tasks_come_first() -> None:
    """Score 0 with two regions, score 0 with one, 0.5, 1; without a score last, by task."""
    result = agree(
        task([annotation(1, 1, [A])], task_id=30),
        task([annotation(2, 1, [A]), annotation(3, 2, [A])], task_id=20),
        task([annotation(4, 1, [A]), annotation(5, 2, [LOWER])], task_id=25),
        task([annotation(6, 1, [A]), annotation(7, 2, [])], task_id=12),
        task([annotation(8, 1, [A, box("x", (75, 100), (0, 50))]), annotation(9, 2, [])], task_id=50),
        task([annotation(10, 1, [A])], task_id=10),
    )
    assert result.tasks["task_id"].to_pylist() == [50, 12, 25, 20, 10, 30]
    assert result.tasks["score"].to_pylist() == [0.0, 0.0, 0.5, 1.0, None, None]


def test_the_order_of_the_example() -> None:
    """Among several hundred rows, no row is worse than the one before it."""
    result = lesiongeo.agreement(lesiongeo.read_label_studio(EXAMPLE))
    keys = []
    for row in result.pairs.to_pylist():
        counts = row["match"] in ("matched", "label_conflict")
        size = max(area for area in (row["area_a_px2"], row["area_b_px2"]) if area is not None)
        keys.append((row["iou"] if counts else 0.0, -size))
    assert len(keys) > 600
    assert keys == sorted(keys)
    scores = result.tasks["score"].to_pylist()
    scored = [score for score in scores if score is not None]
    assert scores[: len(scored)] == sorted(scored)
    assert len(scored) == 330


# counts


def mixed() -> list[Entry]:
    """Three people. Task 7 has two pages, task 8 is empty, on task 9 one person drew a crossing outline alone.

    On page 0 of task 7, 1 and 2 match with IoU 0.5, 1 and 10 conflict with IoU 1, 2 and 10 conflict with IoU 0.5;
    on page 1 only 2 drew.
    """
    crossing = polygon("x", [(0, 0), (50, 50), (50, 0), (0, 50)])
    earlier = {"updated_at": "2026-01-04T09:00:00Z"}
    return [
        task(
            [
                annotation(1, 1, [A], lead_time=10),
                annotation(2, 2, [LOWER, CORNER], lead_time=11),
                annotation(3, 10, [RENAMED], lead_time=30),
                annotation(4, 1, [A, CORNER], lead_time=1000, **earlier),
                annotation(5, 2, [A], lead_time=1000, was_cancelled=True),
            ],
            images=2,
        ),
        task([annotation(6, 1, [], lead_time=20), annotation(7, 2, [], lead_time=None)], task_id=8),
        task([annotation(8, 10, [crossing], lead_time=50)], task_id=9),
    ]


def test_annotators_by_hand() -> None:
    columns = [name for name, _ in ANNOTATORS]
    rows = agree(*mixed()).annotators.to_pylist()
    assert rows == [
        dict(zip(columns, values, strict=True))
        for values in (
            # counting annotations, cancelled, superseded, regions, invalid, median of 10 and 20 s, pages with 2
            # (2 + 1) and with 10 (2), scores 0.5, 0 and 1, IoU 0.5 and 1, missed the corner, nothing extra
            ("1", 2, 0, 1, 1, 0, 15.0, 5, 0.5, 0.75, 1, 0),
            # scores 0.5, 0, 0.5 and 0; the corner is extra twice, once for each of the others
            ("2", 2, 1, 0, 2, 0, 11.0, 5, 0.25, 0.5, 0, 2),
            # scores 1, 0.5 and 0; the crossing outline counts although nobody is there to compare with
            ("10", 2, 0, 0, 2, 1, 40.0, 4, 0.5, 0.75, 1, 0),
        )
    ]


def test_summary_by_hand() -> None:
    everybody, *rows = agree(*mixed()).summary.to_pylist()
    two_thirds = pytest.approx(2 / 3, rel=1e-15)
    assert rows[0] == {
        "annotator_a": "1",
        "annotator_b": "2",
        "n_tasks": 2,
        "n_pages": 3,
        "n_both_empty": 1,
        "n_regions_a": 1,
        "n_regions_b": 2,
        "n_matched": 1,
        "n_label_conflict": 0,
        "n_near_miss": 0,
        "n_missing_a": 0,
        "n_missing_b": 1,
        "score_mean": 0.25,
        "label_studio_score_mean": 0.25,
        "iou_mean": 0.5,
        "iou_median": 0.5,
        "iou_p5": 0.5,
        "iou_p95": 0.5,
        "dice_mean": two_thirds,
        "dice_median": two_thirds,
        "hausdorff_px_median": 25.0,
        "hausdorff_px_p95": 25.0,
        "area_ratio_median": 0.5,
        "label_agreement": 1.0,
    }
    assert [(row["annotator_a"], row["annotator_b"]) for row in rows] == [("1", "2"), ("1", "10"), ("2", "10")]
    expected = {
        # 1 and 10: page 0 in full conflict, page 1 empty; 2 and 10: a conflict, and the corner is missing
        "n_tasks": (1, 1),
        "n_pages": (2, 2),
        "n_both_empty": (1, 0),
        "n_regions_a": (1, 2),
        "n_label_conflict": (1, 1),
        "n_missing_a": (0, 1),
        "score_mean": (1.0, 0.25),
        "label_studio_score_mean": (0.0, 0.0),
        "iou_mean": (1.0, 0.5),
        "hausdorff_px_median": (0.0, 25.0),
        "area_ratio_median": (1.0, 2.0),
        "label_agreement": (0.0, 0.0),
    }
    assert {name: (rows[1][name], rows[2][name]) for name in expected} == expected
    counts = {
        "annotator_a": None,
        "annotator_b": None,
        "n_tasks": 2,
        "n_pages": 7,
        "n_both_empty": 2,
        "n_regions_a": 4,
        "n_regions_b": 4,
        "n_matched": 1,
        "n_label_conflict": 2,
        "n_near_miss": 0,
        "n_missing_a": 1,
        "n_missing_b": 1,
    }
    assert {name: everybody[name] for name in counts} == counts
    # Pages 0.5, 0; 1; 0.5, 0 and of same labels only the first. IoU 0.5, 0.5 and 1: the 95th percentile lies 0.9 of
    # the way from the second to the third. Ratios 0.5, 1 and 2.
    assert everybody["score_mean"] == close(2 / 5)
    assert everybody["label_studio_score_mean"] == close(0.1)
    assert everybody["iou_mean"] == close(2 / 3)
    assert (everybody["iou_median"], everybody["iou_p5"], everybody["area_ratio_median"]) == (0.5, 0.5, 1.0)
    assert everybody["iou_p95"] == close(0.95)
    assert everybody["dice_mean"] == close(7 / 9)
    assert (everybody["hausdorff_px_median"], everybody["hausdorff_px_p95"]) == (25.0, 25.0)
    assert everybody["label_agreement"] == close(1 / 3)


def test_nothing_to_average_is_null() -> None:
    """Two people, nothing drawn: counts are 0 and every mean is null."""
    everybody, pair = agree(task([annotation(1, 1, []), annotation(2, 2, [])])).summary.to_pylist()
    for row in (everybody, pair):
        assert (row["n_pages"], row["n_both_empty"], row["n_matched"]) == (1, 1, 0)
        assert [row[name] for name, kind in SUMMARY if kind == pa.float64()] == [None] * 12


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ([], "no annotation counts"),
        ([task([annotation(1, 1, [A], was_cancelled=True)])], "all are cancelled"),
        ([task([annotation(1, 1, [A])]), task([annotation(2, 2, [A])], task_id=8)], "single annotator"),
    ],
)
def test_no_agreement_says_why(tasks: list[Entry], said: str) -> None:
    result = agree(*tasks)
    assert result.reason is not None
    assert said in result.reason
    assert (result.pairs.num_rows, result.summary.num_rows) == (0, 0)
    assert agree(*mixed()).reason is None


def test_label_studio_score_by_hand() -> None:
    """The best overlap of each region, one to one or not: 0.5, 1 and 1; ours leaves the larger one alone."""
    whole, lower = A, LOWER
    (row,) = agree(
        task([annotation(1, 1, [whole, lower]), annotation(2, 2, [box("b", (0, 50), (0, 25))])])
    ).tasks.to_pylist()
    assert row["label_studio_score"] == close(2.5 / 3)
    assert row["score"] == close(1 / 2)


def test_label_studio_score_has_labels_and_no_gate() -> None:
    """Overlap of 1/16 counts with the same label and not with another one."""
    corner = box("b", (0, 12.5), (0, 12.5))
    other = box("b", (0, 12.5), (0, 12.5), ("melanoma",))
    for drawn, expected in ((corner, 1 / 16), (other, 0.0)):
        (row,) = agree(task([annotation(1, 1, [A]), annotation(2, 2, [drawn])])).tasks.to_pylist()
        assert row["label_studio_score"] == close(expected)
        assert (row["score"], row["n_near_miss"]) == (0.0, 1)


def test_threads_change_nothing() -> None:
    export = lesiongeo.read_label_studio(EXAMPLE)
    first = tables(lesiongeo.agreement(export, threads=1))
    for threads in (2, 5):
        again = tables(lesiongeo.agreement(lesiongeo.read_label_studio(EXAMPLE), threads=threads))
        assert all(again[name].equals(first[name]) for name in first)


def test_the_order_of_the_file_changes_nothing() -> None:
    """Tasks and annotations in reverse: the same tables, but for the order of columns of controls."""
    tasks = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    turned = [{**item, "annotations": item["annotations"][::-1]} for item in tasks[::-1]]
    first, second = (tables(agree(*some)) for some in (tasks, turned))
    assert first["pairs"].num_rows > 600
    for name, table in first.items():
        assert table.equals(second[name].select(table.column_names)), name


def test_a_converted_export_gives_the_same_tables(tmp_path: Path) -> None:
    """Pages that are alike in all but their ids, in any order, where the rows of a converted file are sorted."""
    rng = np.random.default_rng(5)
    kinds = [[A], [LOWER], [], [A, CORNER], [CORNER, A], [RENAMED], [A, A]]
    made = []
    for number, task_id in enumerate(rng.permutation(60).tolist()):
        people = rng.permutation([1, 2, 10])[: rng.integers(1, 4)].tolist()
        drawn = [
            [
                {**entry, "id": f"{page}{n}", "item_index": page}
                for page in (0, 1)
                for n, entry in enumerate(kinds[rng.integers(7)])
            ]
            for _ in people
        ]
        own = [annotation(1000 - 10 * number + n, who, drawn[n]) for n, who in enumerate(people)]
        again = [annotation(5000 + number, people[0], [A])] if number % 7 == 0 else []
        made.append(task([*own, *again], task_id=task_id))
    export = lesiongeo.read_label_studio(json.dumps(made).encode())
    lesiongeo.write_parquet(export, tmp_path / "made.parquet")
    converted = lesiongeo.read_parquet(tmp_path / "made.parquet")
    assert converted.tasks["task_id"].to_pylist() != export.tasks["task_id"].to_pylist()
    first, second = lesiongeo.agreement(export), lesiongeo.agreement(converted)
    assert first.superseded.num_rows > 5
    assert first.superseded.equals(second.superseded)
    for name, table in tables(first).items():
        assert table.num_rows >= 3
        assert table.equals(tables(second)[name]), name


# crowded pages


def crowd(sides: Sequence[Sequence[Floats]], size: float) -> bytes:
    """One page of size x size px on which each person drew these outlines, given in pixels."""

    def result(outlines: Sequence[Floats]) -> list[Entry]:
        return [
            polygon(str(i), (points * (100 / size)).tolist(), size=(int(size),) * 2)
            for i, points in enumerate(outlines)
        ]

    return json.dumps([task([annotation(n, n, result(side)) for n, side in enumerate(sides, start=1)])]).encode()


def boxes(low: Floats, high: Floats) -> list[Floats]:
    """Corners of upright boxes, in one direction."""
    x0, y0, x1, y1 = low[:, 0], low[:, 1], high[:, 0], high[:, 1]
    return list(np.stack([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]).transpose(2, 0, 1))


def box_iou(a: tuple[Floats, Floats], b: tuple[Floats, Floats]) -> Floats:
    """IoU of each box of one list with each of the other, from its corners."""
    shared = np.ones((len(a[0]), len(b[0])))
    for axis in (0, 1):
        low = np.maximum.outer(a[0][:, axis], b[0][:, axis])
        shared *= np.clip(np.minimum.outer(a[1][:, axis], b[1][:, axis]) - low, 0, None)
    areas = [(side[1] - side[0]).prod(axis=1) for side in (a, b)]
    found: Floats = shared / (np.add.outer(*areas) - shared)
    return found


def largest_total(weights: Floats) -> float:
    """Total of the best one-to-one assignment; scipy solves each connected piece of the page."""
    labels = connected_components(_joined(weights), directed=False)[1]
    total = 0.0
    for piece in np.unique(labels[: len(weights)]):
        rows = np.flatnonzero(labels[: len(weights)] == piece)
        columns = np.flatnonzero(labels[len(weights) :] == piece)
        block = weights[np.ix_(rows, columns)]
        total += float(block[linear_sum_assignment(block, maximize=True)].sum())
    return total


def _joined(weights: Floats) -> csr_array:
    """Rows and columns as nodes of one graph."""
    i, j = np.nonzero(weights)
    count = sum(weights.shape)
    return csr_array((np.ones(len(i)), (i, j + len(weights))), shape=(count, count))


def greedy_total(weights: Floats) -> float:
    """What taking the best pair again and again would reach."""
    rows, columns = np.nonzero(weights)
    taken: tuple[set[int], set[int]] = (set(), set())
    total = 0.0
    for cell in np.argsort(-weights[rows, columns], kind="stable"):
        i, j = int(rows[cell]), int(columns[cell])
        if i not in taken[0] and j not in taken[1]:
            taken[0].add(i)
            taken[1].add(j)
            total += float(weights[i, j])
    return total


def check_page(result: Agreement, weights: Floats, gate: float = 0.1) -> pa.Table:
    """One page whose overlaps are known: every row tells the overlap of its pair, and the total is the largest."""
    (row,) = result.tasks.to_pylist()
    assert (row["n_a"], row["n_b"]) == weights.shape
    assert row["n_a"] == row["n_matched"] + row["n_near_miss"] + row["n_missing_a"]
    assert row["n_b"] == row["n_matched"] + row["n_near_miss"] + row["n_missing_b"]
    for side in "ab":
        ids = result.pairs[f"region_{side}"].drop_null().to_pylist()
        assert len(ids) == len(set(ids)) == row[f"n_{side}"]
    both = result.pairs.filter(pc.is_valid(result.pairs["iou"]))
    rows, columns = (both[f"region_{side}"].cast(pa.int64()).to_numpy() for side in "ab")
    np.testing.assert_allclose(both["iou"].to_numpy(), weights[rows, columns], rtol=1e-9, atol=0)
    matched = both.filter(pc.equal(both["match"], "matched"))
    assert matched.num_rows == row["n_matched"]
    assert pc.min(matched["iou"]).as_py() >= gate
    allowed = np.where(weights >= gate, weights, 0.0)
    total = pc.sum(matched["iou"]).as_py()
    assert total == pytest.approx(largest_total(allowed), rel=1e-9)
    slots = row["n_a"] + row["n_b"] - row["n_matched"]
    assert row["score"] == pytest.approx(total / slots, rel=1e-12)
    best = np.concatenate([weights.max(axis=0), weights.max(axis=1)])
    assert row["label_studio_score"] == pytest.approx(best.mean(), rel=1e-9)
    return matched


def jittered(rng: np.random.Generator, count: int, size: float) -> tuple[Floats, Floats]:
    """Boxes of 9 to 18 px, on a grid of 12 px, moved by up to 5 px."""
    across = int(size // 12)
    place = np.arange(count)
    centre = np.stack([place % across, place // across], axis=1) * 12.0 + 10 + rng.uniform(-5, 5, (count, 2))
    half = rng.uniform(4.5, 9, (count, 2))
    return centre - half, centre + half


def test_a_page_of_five_thousand_regions() -> None:
    """5000 regions per person in a crowd in which neighbours overlap."""
    rng = np.random.default_rng(11)
    sides = [jittered(rng, 5000, 1000.0) for _ in range(2)]
    result = lesiongeo.agreement(lesiongeo.read_label_studio(crowd([boxes(*side) for side in sides], 1000.0)))
    weights = box_iou(*sides)
    assert np.count_nonzero(weights >= 0.1) > 12_000
    matched = check_page(result, weights)
    # Taking the best pair first would be worse, so this page can tell the two apart.
    allowed = np.where(weights >= 0.1, weights, 0.0)
    assert greedy_total(allowed) < pc.sum(matched["iou"]).as_py() - 1


def nested(rng: np.random.Generator, count: int, corners: int, size: float) -> tuple[Floats, list[Floats]]:
    """Concentric regular outlines of random size, one inside the other; their radii and their points."""
    radius = np.sort(rng.uniform(0.02, 0.98, count)) * size / 2
    turn = 2 * np.pi * (np.arange(corners) + 0.5) / corners
    points = radius[:, None, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1) + size / 2
    return radius, list(points)


def nested_iou(a: Floats, b: Floats) -> Floats:
    """Similar outlines around one centre: the smaller area over the larger."""
    found: Floats = (np.minimum(a[:, None], b[None]) / np.maximum(a[:, None], b[None])) ** 2
    return found


def check_nested(count: int, corners: int, size: float) -> None:
    rng = np.random.default_rng(12)
    (a, first), (b, second) = (nested(rng, count, corners, size) for _ in range(2))
    result = lesiongeo.agreement(lesiongeo.read_label_studio(crowd([first, second], size)))
    matched = check_page(result, nested_iou(a, b))
    # The farthest points of two similar outlines around one centre are corners on one ray.
    distance = np.abs(
        a[matched["region_a"].cast(pa.int64()).to_numpy()] - b[matched["region_b"].cast(pa.int64()).to_numpy()]
    )
    np.testing.assert_allclose(matched["hausdorff_px"].to_numpy(), distance, rtol=1e-9, atol=1e-9 * size)


def test_three_hundred_nested_squares() -> None:
    """Every square overlaps every other one, so the assignment is dense."""
    check_nested(300, 4, 1000.0)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_five_thousand_nested_outlines() -> None:
    """25 million overlapping pairs on one page."""
    check_nested(5000, 32, 10_000.0)


# many pages


SHAPE = (
    '{"id":"%s%d","type":"rectangle","from_name":"box","original_width":100,"original_height":100,'
    '"item_index":%d,"value":{"x":%d,"y":0,"width":20,"height":20}}'
)


def many(tasks: int, pages: int, write: Callable[[str], object]) -> None:
    """Two people on many tasks: on even pages boxes moved by half their width (IoU 1/3), on odd pages the same."""
    images = json.dumps([f"{page}.png" for page in range(pages)])
    results = [
        ",".join(SHAPE % (name, page, page, 10 if name == "b" and page % 2 == 0 else 0) for page in range(pages))
        for name in "ab"
    ]
    people = ",".join(
        f'{{"id":%d,"completed_by":{who},"result":[{result}]}}' for who, result in enumerate(results, start=1)
    )
    form = '{"id":%d,"data":{"images":' + images + '},"annotations":[' + people + "]}"
    write("[")
    for first in range(0, tasks, 1000):
        some = range(first, min(first + 1000, tasks))
        write(("," if first else "") + ",".join(form % (i, 2 * i, 2 * i + 1) for i in some))
    write("]")


def check_many(result: Agreement, pages: int) -> None:
    everybody, _ = result.summary.to_pylist()
    assert (everybody["n_pages"], everybody["n_matched"]) == (pages, pages)
    assert everybody["iou_mean"] == pytest.approx(2 / 3, rel=1e-12)
    assert everybody["score_mean"] == pytest.approx(2 / 3, rel=1e-12)
    assert (everybody["n_missing_a"], everybody["n_missing_b"], everybody["n_near_miss"]) == (0, 0, 0)
    even = pc.equal(pc.bit_wise_and(result.pairs["page"], 1), 0)
    assert pc.sum(even).as_py() == pages // 2
    for rows, iou, distance in ((even, 1 / 3, 10.0), (pc.invert(even), 1.0, 0.0)):
        some = result.pairs.filter(rows)
        np.testing.assert_allclose(some["iou"].to_numpy(), iou, rtol=1e-14)
        np.testing.assert_allclose(some["hausdorff_px"].to_numpy(), distance, rtol=0, atol=1e-12)
    assert result.tasks.num_rows == pages
    assert result.tasks["score"][0].as_py() == pytest.approx(1 / 3, rel=1e-14)


def test_twenty_thousand_pages() -> None:
    parts: list[str] = []
    many(10_000, 2, parts.append)
    check_many(lesiongeo.agreement(lesiongeo.read_label_studio("".join(parts).encode())), 20_000)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_million_pages(tmp_path: Path) -> None:
    path = tmp_path / "many.json"
    with path.open("w", encoding="utf-8") as file:
        many(500_000, 2, file.write)
    check_many(lesiongeo.agreement(lesiongeo.read_label_studio(path)), 1_000_000)
