"""Statistics of agreement by stratum, judged by hand and by `reference_strata`."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import pickle
import random
import tracemalloc
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import exports
import lesiongeo as lg
import reference_strata as reference
from lesiongeo.statistics import accumulate, bootstrap_weights, strata, task_clusters
from lesiongeo.testing import Annotator, make_export

Row = dict[str, Any]

COLUMNS = (
    "by key annotator_a annotator_b metric n n_clusters mean mean_low mean_high median p5 p95 below below_low "
    "below_high threshold reason"
).split()
ESTIMATES = ("mean", "median", "p5", "p95", "below", "threshold")
BOUNDS = ("mean_low", "mean_high", "below_low", "below_high")


def read(tasks: list[Row], **options: Any) -> tuple[lg.Export, lg.Agreement]:
    export = lg.read_label_studio(json.dumps(tasks).encode(), **options)
    return export, lg.agreement(export)


def generated(seed: int, **options: Any) -> list[Row]:
    """Tasks by four people who see, label and date differently; some patients have two tasks."""
    rng = random.Random(seed)
    tasks = make_export(patients=14, visits=3, annotators=4, seed=seed, **options)
    for task in tasks:
        if task["id"] % 5 == 0:
            task["data"]["patient_id"] = "P0001"
        for annotation in task["annotations"]:
            day = rng.randrange(40)
            annotation["created_at"] = f"2026-{1 + day // 28:02d}-{1 + day % 28:02d}T23:59:59.9Z"
            if rng.random() < 0.1:
                del annotation["created_at"], annotation["updated_at"]
    return tasks


@pytest.fixture(scope="module")
def case() -> tuple[lg.Export, lg.Agreement]:
    return read(generated(3), patient="patient_id", spacing_mm="spacing_mm")


def rows_of(table: pa.Table) -> dict[tuple[str, str | None, str], Row]:
    rows = {(row["by"], row["key"], row["metric"]): row for row in table.to_pylist()}
    assert len(rows) == table.num_rows
    return rows


def of_two(boxes_a: list[Any], boxes_b: list[Any], **more: Any) -> Row:
    """A task with the boxes (page, x, y, width, height, label) of two people, in percent of 100 x 100 px."""

    def annotation(number: int, boxes: list[Any]) -> Row:
        result = [
            {
                "id": f"{number}-{place}",
                "from_name": "lesion",
                "to_name": "img",
                "type": "rectanglelabels",
                "original_width": 100,
                "original_height": 100,
                "item_index": page,
                "value": {"x": x, "y": y, "width": w, "height": h, "rotation": 0, "rectanglelabels": [label]},
            }
            for place, (page, x, y, w, h, label) in enumerate(boxes)
        ]
        return {"id": number, "completed_by": number, "result": result, "created_at": "2026-09-09T10:00:00Z"}

    return {
        "id": 1,
        "data": {"images": ["a.png", "b.png"]},
        "annotations": [annotation(1, boxes_a), annotation(2, boxes_b)],
        **more,
    }


# By hand --------------------------------------------------------------------------------------------------------------


def test_a_page_by_hand() -> None:
    """Five cases side by side: found, drawn smaller, too far off, another label, missed, and one too many."""
    a = [
        (0, 0, 0, 10, 10, "nevus"),  # 1: the same
        (0, 20, 0, 10, 10, "nevus"),  # 2: b drew 10 x 8, IoU 0.8
        (0, 40, 0, 10, 10, "nevus"),  # 3: b drew it 10 x 4, IoU 0.4: matched, but not found
        (0, 60, 0, 10, 10, "nevus"),  # 4: b says melanoma
        (0, 80, 0, 10, 10, "nevus"),  # 5: b drew nothing
    ]
    b = [
        (0, 0, 0, 10, 10, "nevus"),
        (0, 20, 0, 10, 8, "nevus"),
        (0, 40, 0, 10, 4, "nevus"),
        (0, 60, 0, 10, 10, "melanoma"),
        (0, 80, 50, 10, 10, "melanoma"),  # 6: a drew nothing
        (0, 0, 50, 10, 10, "melanoma"),  # 7: a drew nothing
    ]
    export, agreement = read([of_two(a, b)])
    found = rows_of(lg.agreement_statistics(export, agreement, resamples=10))

    def mean(by: str, key: str | None, metric: str) -> Any:
        return found[by, key, metric]["mean"]

    # Matched and conflicting: 1, 2, 3, 4 with IoU 1, 0.8, 0.4, 1.
    assert mean("all", None, "iou") == pytest.approx(0.8)
    assert found["all", None, "iou"]["n"] == 4
    assert found["all", None, "iou"]["below"] == 0.25
    assert found["all", None, "dice"]["below"] == 0.25  # 0.8 / 1.4 = 0.571
    assert mean("all", None, "label_equal") == 0.75
    strict = rows_of(lg.agreement_statistics(export, agreement, resamples=0, threshold=1.0, by=["all"]))
    assert strict["all", None, "iou"]["below"] == 0.5  # a value at the threshold is not below it
    # TP: 1, 2. A conflict, and a match below 0.5, are one region too many and one too few. Reference a.
    assert mean("annotator_pair", "1 / 2", "precision") == 2 / 6
    assert mean("annotator_pair", "1 / 2", "recall") == 2 / 5
    assert mean("annotator_pair", "1 / 2", "f1") == pytest.approx(4 / (4 + 4 + 3))
    assert mean("annotator_pair", "1 / 2", "segmentation_quality") == pytest.approx(0.9)
    assert mean("annotator_pair", "1 / 2", "panoptic_quality") == pytest.approx(1.8 / (2 + 2 + 1.5))
    # Annotator 2 is judged by 1, annotator 1 by 2.
    assert (mean("annotator", "2", "precision"), mean("annotator", "2", "recall")) == (2 / 6, 2 / 5)
    assert (mean("annotator", "1", "precision"), mean("annotator", "1", "recall")) == (2 / 5, 2 / 6)
    # Signs: 1 drew larger in 2 and 3.
    ratio = (math.log(0.8) + math.log(0.4)) / 4
    assert mean("annotator_pair", "1 / 2", "log_area_ratio") == pytest.approx(ratio)
    assert mean("annotator", "2", "log_area_ratio") == pytest.approx(ratio)
    assert mean("annotator", "1", "log_area_ratio") == pytest.approx(-ratio)
    offset = mean("annotator_pair", "1 / 2", "signed_offset_px")
    assert offset > 0.1
    assert mean("annotator", "1", "signed_offset_px") == offset
    assert mean("annotator", "2", "signed_offset_px") == -offset
    # nevus: TP 2, FN 3, 4, 5, FP 3. melanoma: FP 4, 6, 7.
    assert mean("label", "nevus", "f1") == pytest.approx(4 / (4 + 3 + 1))
    assert mean("label", "melanoma", "f1") == 0.0
    assert found["label", "melanoma", "f1"]["n"] == 3
    assert found["label", "melanoma", "segmentation_quality"]["reason"] == "no_true_positives"
    assert found["label", "melanoma", "iou"]["n"] == 1
    assert found["label", "melanoma", "precision"]["reason"] == "no_reference"
    # 2026-09-09 is a Wednesday.
    assert {key for by, key, _ in found if by == "week"} == {"2026-09-07"}
    # Slots: 5 + 6 - 4 = 7, and IoU of 3.2 over them. On the second page nobody drew.
    assert mean("all", None, "score") == pytest.approx(3.2 / 7)
    assert found["page", "1", "score"] | {"by": "", "key": ""} == found["page", "1", "score"] | {"by": "", "key": ""}
    assert (found["page", "1", "score"]["n"], found["page", "1", "score"]["reason"]) == (0, "no_pages")
    assert found["page", "1", "iou"]["reason"] == found["page", "1", "f1"]["reason"] == "no_pairs"
    assert (
        found["label", "nevus", "score"]["reason"] == found["size_class", "small", "score"]["reason"] == "whole_pages"
    )
    # One task, one cluster: no interval.
    assert found["all", None, "iou"]["reason"] == "too_few_clusters"
    assert found["all", None, "iou"]["mean_low"] is None


def test_conflicts_count_for_both_labels_once() -> None:
    """Labels A and B, and A with itself where sets of labels differ."""
    task = of_two([(0, 0, 0, 10, 10, "A"), (0, 30, 0, 10, 10, "A")], [(0, 0, 0, 10, 10, "B"), (0, 30, 0, 10, 10, "A")])
    task["annotations"][1]["result"][1]["value"]["rectanglelabels"] = ["A", "C"]
    export, agreement = read([task])
    assert agreement.pairs["match"].to_pylist().count("label_conflict") == 2
    found = rows_of(lg.agreement_statistics(export, agreement, resamples=0))
    # A with B: a miss of A, a false B. A with A and C: both for A.
    assert found["label", "A", "f1"]["n"] == 3
    assert found["label", "A", "iou"]["n"] == 2
    assert found["label", "B", "f1"]["n"] == 1
    assert ("label", "C", "f1") not in found


def test_sizes_by_hand() -> None:
    """Bounds belong to the larger class; of a missing region the other area counts."""
    boxes = [(0, 0, 0, 32, 32, "A"), (0, 50, 0, 31, 32, "A"), (0, 0, 50, 40, 40, "A")]
    export, agreement = read([of_two(boxes, boxes[:2])])
    found = rows_of(lg.agreement_statistics(export, agreement, resamples=0, by=["size_class"]))
    assert {key: found["size_class", key, "f1"]["n"] for _, key, _ in found} == {"small": 1, "medium": 2}
    found = rows_of(
        lg.agreement_statistics(export, agreement, resamples=0, by=["size_class"], size_bounds_px2=(0, 1600))
    )
    assert {key: found["size_class", key, "f1"]["n"] for _, key, _ in found} == {"medium": 2, "large": 1}


def same(found: float | None, expected: float | None) -> bool:
    if found is None or expected is None:
        return found is expected
    return math.isclose(found, expected, rel_tol=1e-12, abs_tol=1e-12)


# Against the reference ------------------------------------------------------------------------------------------------


def compare(export: lg.Export, agreement: lg.Agreement, **options: Any) -> int:
    iou, bounds = options.get("detection_iou", 0.5), options.get("size_bounds_px2", (1024.0, 9216.0))
    limit = options.get("threshold", 0.7)
    thresholds = limit if isinstance(limit, dict) else {"iou": limit, "dice": limit}
    table = lg.agreement_statistics(export, agreement, resamples=0, **options)
    assert table.column_names == COLUMNS
    strata = reference.strata(export, agreement, iou=iou, bounds=bounds)
    found = rows_of(table)
    assert {key[:2] for key in found} == set(strata)
    for (by, key, metric), row in found.items():
        expected = reference.row_of(strata[by, key], by, metric, thresholds)
        where = f"{by} {key} {metric}"
        assert (row["n"], row["n_clusters"]) == (expected["n"], expected["n_clusters"]), where
        for name in ESTIMATES:
            assert same(row[name], expected[name]), f"{where} {name}"
        # Without resamples every row has a reason, for the number or for its interval.
        assert row["reason"] is not None
        assert (row["mean"] is None) == (row["reason"] != "no_resamples"), where
        assert all(row[name] is None for name in BOUNDS)
    return len(found)


def test_equal_to_the_reference(case: tuple[lg.Export, lg.Agreement]) -> None:
    # 4 annotators: 1 + 6 + 4 + labels + 3 sizes + 3 pages + weeks; 25 metrics with those in mm.
    assert compare(*case) > 25 * 25
    assert compare(*case, detection_iou=0.85, threshold={"hd95_px": 4.0, "score": 0.5}, size_bounds_px2=(500, 5000)) > 0


@pytest.mark.parametrize("seed", range(6))
def test_equal_to_the_reference_on_odd_exports(seed: int) -> None:
    """Kinds without area, no labels, several labels, deleted annotators, skipped and repeated annotations."""
    made = exports.tasks(seed, 12, regions=8)
    export = lg.read_label_studio(json.dumps(made).encode())
    # Who draws at random never agrees: the second annotation becomes a copy of the first, with other labels.
    for task in made:
        if len(task["annotations"]) > 1:
            first, second = task["annotations"][:2]
            second["result"] = copy.deepcopy(first["result"])
            for entry in second["result"][::3]:
                entry.get("value", {}).pop("polygonlabels", None)
    export, agreement = read(made)
    compare(export, agreement, by=lg.statistics.observations.BY)


def test_examples_and_real_exports_without_patients() -> None:
    export = lg.read_label_studio("examples/dermatology.json")
    compare(export, lg.agreement(export))


def test_without_distances_along_the_boundary(case: tuple[lg.Export, lg.Agreement]) -> None:
    export, _ = case
    agreement = lg.agreement(export, boundary=False)
    found = rows_of(lg.agreement_statistics(export, agreement, by=["all"], resamples=10))
    assert found["all", None, "hd95_px"]["reason"] == "not_measured"
    assert found["all", None, "hausdorff_px"]["reason"] is None
    compare(export, agreement)


# Order, parts, seeds --------------------------------------------------------------------------------------------------


def test_the_order_of_tasks_changes_no_bit() -> None:
    made = generated(5)
    shuffled = copy.deepcopy(made)
    random.Random(1).shuffle(shuffled)
    for task in shuffled:
        task["annotations"].reverse()
    tables = [lg.agreement_statistics(*read(tasks, patient="patient_id"), resamples=50) for tasks in (made, shuffled)]
    assert tables[0].equals(tables[1])


def close(whole: pa.Table, parts: pa.Table, exact: bool) -> None:
    """Equal to 1e-12, quantiles within a bin."""
    assert whole.schema == parts.schema
    assert whole.num_rows == parts.num_rows
    bins = {metric.name: metric.bins for metric in lg.statistics.observations.METRICS}
    for one, other in zip(whole.to_pylist(), parts.to_pylist(), strict=True):
        where = " ".join(map(str, (one["by"], one["key"], one["metric"])))
        for name in COLUMNS:
            if name in ("median", "p5", "p95") and not exact and one[name] is not None:
                edges = bins[one["metric"]].edges()
                at = np.searchsorted(edges, one[name], side="right")
                width = edges[min(at, 1000)] - edges[max(at - 1, 0)]
                assert abs(one[name] - other[name]) <= max(width, 1e-12) * 1.000001 or not np.isfinite(width), where
            elif isinstance(one[name], float):
                assert other[name] == pytest.approx(one[name], rel=1e-12, abs=1e-12), f"{where} {name}"
            else:
                assert other[name] == one[name], f"{where} {name}"


def parts_of(tasks: list[Row], groups: list[list[int]], **options: Any) -> list[lg.AgreementParts]:
    return [
        lg.AgreementParts.of(*read([tasks[number] for number in group], patient="patient_id"), **options)
        for group in groups
    ]


@pytest.mark.parametrize("seed", range(4))
def test_parts_merge_to_the_whole(seed: int) -> None:
    tasks = generated(11)
    rng = random.Random(seed)
    groups: list[list[int]] = [[] for _ in range(rng.randrange(2, 6))]
    for number in range(len(tasks)):
        rng.choice(groups).append(number)
    # The patient P0001 is in several parts.
    whole = lg.AgreementParts.of(*read(tasks, patient="patient_id"), resamples=200, seed=4)
    parts = parts_of(tasks, groups, resamples=200, seed=4)
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(pickle.loads(pickle.dumps(part)))  # noqa: S301  # our own
    close(whole.table(), merged.table(), exact=False)
    other = parts[-1]
    for part in parts[-2::-1]:
        other = part.merge(other)
    close(merged.table(), other.table(), exact=True)


def test_parts_keep_their_exact_quantiles_until_they_are_merged(case: tuple[lg.Export, lg.Agreement]) -> None:
    parts = lg.AgreementParts.of(*case, resamples=20)
    assert parts.table(confidence=0.9).equals(lg.agreement_statistics(*case, resamples=20, confidence=0.9))
    empty = lg.AgreementParts.of(*read([]), resamples=20)
    assert not parts.merge(empty).exact
    close(parts.table(), parts.merge(empty).table(), exact=False)
    close(parts.table(), empty.merge(parts).table(), exact=False)
    assert repr(parts) == f"<AgreementParts: {len(parts.strata)} strata, 20 resamples>"


def test_parts_with_other_columns_merge() -> None:
    """One batch knows its spacing, another one has no status."""
    first, second = generated(11), generated(12)
    for task in second:
        task["id"] += 1000
        del task["data"]["spacing_mm"]
        for annotation in task["annotations"]:
            annotation["result"] = [one for one in annotation["result"] if one.get("from_name") != "lesion_status"]
    options = {"patient": "patient_id", "spacing_mm": "spacing_mm"}
    whole = lg.AgreementParts.of(*read([*first, *second], **options), resamples=50)
    one, other = (lg.AgreementParts.of(*read(tasks, **options), resamples=50) for tasks in (first, second))
    assert "hausdorff_mm" not in other.measured and "status_equal" not in other.measured
    close(whole.table(), one.merge(other).table(), exact=False)
    close(whole.table(), other.merge(one).table(), exact=False)


def test_parts_with_many_clusters_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clusters are weighted in runs, which change nothing."""
    tasks = generated(11)
    whole = lg.agreement_statistics(*read(tasks), resamples=50)
    monkeypatch.setattr(accumulate, "MOST_CLUSTERS", 3)
    close(whole, lg.agreement_statistics(*read(tasks), resamples=50), exact=True)


def test_sparse_cells_are_numbered_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    case = read(generated(11))
    whole = lg.agreement_statistics(*case, resamples=50)
    monkeypatch.setattr(lg.statistics.sums, "MOST_CELLS", 1)
    monkeypatch.setattr(lg.statistics.observations, "MOST_CODES", 1)
    assert lg.agreement_statistics(*case, resamples=50).equals(whole)


def test_parts_of_other_options_do_not_merge(case: tuple[lg.Export, lg.Agreement]) -> None:
    first = lg.AgreementParts.of(*case, resamples=5)
    with pytest.raises(ValueError, match="different options"):
        first.merge(lg.AgreementParts.of(*case, resamples=5, seed=1))


def test_threads_change_no_bit(case: tuple[lg.Export, lg.Agreement]) -> None:
    tables = []
    try:
        for threads in (1, 2, 8):
            lg.set_num_threads(threads)
            tables.append(lg.agreement_statistics(*case, resamples=50))
    finally:
        lg.set_num_threads(None)
    assert tables[0].equals(tables[1]) and tables[0].equals(tables[2])


def test_seeds(case: tuple[lg.Export, lg.Agreement]) -> None:
    first, again, other = (lg.agreement_statistics(*case, resamples=100, seed=seed) for seed in (1, 1, 2))
    assert first.equals(again)
    for name in (*ESTIMATES, "n", "n_clusters"):
        assert first[name].equals(other[name])
    assert not first["mean_low"].equals(other["mean_low"])


def test_intervals_by_plain_loops(case: tuple[lg.Export, lg.Agreement]) -> None:
    """Weights of the package, everything else in plain Python."""
    export, agreement = case
    resamples = 60
    table = rows_of(lg.agreement_statistics(export, agreement, resamples=resamples, seed=9, confidence=0.8))
    strata = reference.strata(export, agreement, iou=0.5, bounds=(1024.0, 9216.0))
    clusters = task_clusters(export)
    weights = bootstrap_weights(clusters.keys, resamples=resamples, seed=9)
    first_task = {}
    for row in export.tasks.to_pylist():
        first_task.setdefault(("patient", row["patient"]), row["task_id"])
    for by, key, metric in (
        ("all", None, "iou"),
        ("annotator", "2", "signed_offset_px"),
        ("label", "nevus", "hausdorff_mm"),
        ("page", "1", "score"),
    ):
        values = strata[by, key].values[metric]
        place = {cluster: int(clusters.of(np.array([first_task[cluster]]))[0]) for _, cluster in values}
        means = []
        for drawn in weights.tolist():
            total = sum(drawn[place[cluster]] for _, cluster in values)
            if total:
                means.append(sum(drawn[place[cluster]] * value for value, cluster in values) / total)
        row = table[by, key, metric]
        assert row["mean_low"] == pytest.approx(reference.quantile(means, 0.1), rel=1e-9)
        assert row["mean_high"] == pytest.approx(reference.quantile(means, 0.9), rel=1e-9)


def test_intervals_cover_the_truth() -> None:
    """Patients differ in what they are measured with and in how many lesions they have; the truth is known."""
    people = [Annotator.faultless(1), Annotator.faultless(2)]
    export, agreement = read(make_export(patients=80, visits=1, annotators=people, lesions=(1, 9), seed=6))
    rng = np.random.default_rng(3)
    _, patient = np.unique(agreement.pairs["task_id"].to_numpy(), return_inverse=True)
    names = agreement.pairs.column_names
    rounds, held = 200, {"log_area_ratio": 0, "label_equal": 0, "below": 0}
    naive = 0
    for seed in range(rounds):
        values = rng.normal(0.1, 0.05, 80)[patient] + rng.normal(0.0, 0.05, len(patient))
        equal = rng.random(len(patient)) < rng.beta(8.0, 2.0, 80)[patient]
        pairs = agreement.pairs.set_column(names.index("log_area_ratio"), "log_area_ratio", pa.array(values))
        pairs = pairs.set_column(names.index("label_equal"), "label_equal", pa.array(equal))
        found = rows_of(
            lg.agreement_statistics(
                export,
                dataclasses.replace(agreement, pairs=pairs),
                by=["annotator_pair"],
                threshold={"log_area_ratio": 0.1},
                resamples=300,
                seed=seed,
            )
        )
        ratio, label = (found["annotator_pair", "1 / 2", name] for name in ("log_area_ratio", "label_equal"))
        assert ratio["n"] == len(patient)
        held["log_area_ratio"] += ratio["mean_low"] <= 0.1 <= ratio["mean_high"]
        held["label_equal"] += label["mean_low"] <= 0.8 <= label["mean_high"]
        held["below"] += ratio["below_low"] <= 0.5 <= ratio["below_high"]
        half = 1.96 * values.std() / math.sqrt(len(values))
        naive += abs(values.mean() - 0.1) <= half
    # 95 % with a standard error of 1.5 %, and percentiles of 80 clusters cover a little less.
    assert all(0.89 <= count / rounds <= 0.99 for count in held.values()), held
    # As if all pairs were independent, an interval would be far too short.
    assert naive / rounds < 0.75


def test_shares_of_none_and_all_have_an_interval() -> None:
    """Wilson's of the clusters where all of them say the same; an F1 of 1 from the share of true positives."""
    people = [Annotator.faultless(1), Annotator.faultless(2)]
    export, agreement = read(make_export(patients=10, visits=1, annotators=people, lesions=(2, 2), seed=6))
    found = rows_of(lg.agreement_statistics(export, agreement, by=["annotator_pair"], resamples=20))
    low = 10 / (10 + 1.959963984540054**2)
    for metric in ("label_equal", "precision", "recall", "f1", "recognition_quality"):
        row = found["annotator_pair", "1 / 2", metric]
        assert (row["mean"], row["mean_high"], row["reason"]) == (1.0, 1.0, None)
        of_share = 2 * low / (1 + low) if metric in ("f1", "recognition_quality") else low
        assert row["mean_low"] == pytest.approx(of_share)
    row = found["annotator_pair", "1 / 2", "dice"]
    assert (row["below"], row["below_low"], row["below_high"]) == (0.0, 0.0, pytest.approx(1 - low))
    # Both drew the same to the bit, but for rounding of IoU; turned by a label nothing is found.
    renamed = agreement.pairs.set_column(
        agreement.pairs.column_names.index("match"), "match", pa.array(["label_conflict"] * agreement.pairs.num_rows)
    )
    conflicts = dataclasses.replace(agreement, pairs=renamed)
    found = rows_of(lg.agreement_statistics(export, conflicts, by=["annotator_pair"], resamples=20))
    for metric in ("precision", "f1", "panoptic_quality"):
        row = found["annotator_pair", "1 / 2", metric]
        high = 1 - low if metric == "precision" else 2 * (1 - low) / (2 - low)
        assert (row["mean"], row["mean_low"], row["mean_high"]) == (0.0, 0.0, pytest.approx(high))


def test_means_that_do_not_vary_have_no_interval() -> None:
    """Two who draw the same boxes: IoU 1 and distance 0 in every task, however many there are."""
    boxes = [(0, 10, 10, 20, 30, "A"), (0, 60, 10, 20, 30, "B")]
    export, agreement = read([{**of_two(boxes, boxes), "id": number} for number in range(1, 8)])
    found = rows_of(lg.agreement_statistics(export, agreement, by=["all"], resamples=50))
    for metric, value in (("iou", 1.0), ("hausdorff_px", 0.0), ("segmentation_quality", 1.0), ("score", 1.0)):
        row = found["all", None, metric]
        assert (row["mean"], row["n_clusters"]) == (pytest.approx(value), 7)
        assert (row["mean_low"], row["mean_high"], row["reason"]) == (None, None, "no_spread")
    assert found["all", None, "label_equal"]["reason"] is None


def test_many_strata_need_no_more_memory_than_some() -> None:
    """600 labels: what is drawn of all of them at once would be 300 MB, and their histograms 90 MB."""
    boxes = [(0, 5 + 9 * (n % 10), 5 + 9 * (n // 10), 6, 6, n) for n in range(60)]
    tasks = []
    for number in range(20):
        own = [(*box[:5], f"L{(60 * number + box[5]) % 600}") for box in boxes]
        tasks.append({**of_two(own, own), "id": number + 1})
    export, agreement = read(tasks)
    tracemalloc.start()
    try:
        table = lg.agreement_statistics(export, agreement, by=["label"])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(rows_of(table)) == 600 * len(set(table["metric"].to_pylist()))
    assert peak < 330e6


@pytest.mark.parametrize("most", [1, 20_000])
def test_runs_of_strata_change_no_bit(
    case: tuple[lg.Export, lg.Agreement], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = lg.agreement_statistics(*case, resamples=100, seed=3)
    assert whole.equals(lg.AgreementParts.of(*case, resamples=100, seed=3).table())
    monkeypatch.setattr(strata, "MOST_NUMBERS", most)
    again = lg.agreement_statistics(*case, resamples=100, seed=3)
    assert again.equals(whole)
    assert all(column.num_chunks <= 1 for column in again.columns)


# Nothing to say, wrong options ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("people", [0, 1])
def test_nobody_to_compare_with(people: int) -> None:
    tasks = make_export(patients=3, annotators=people, seed=1) if people else []
    export, agreement = read(tasks)
    found = rows_of(lg.agreement_statistics(export, agreement, resamples=10))
    assert {key[:2] for key in found} == {("all", None)}
    assert {row["reason"] for row in found.values()} == {"no_pairs", "no_pages", "no_reference"}
    assert all(row["mean"] is None and row["n"] == 0 and row["n_clusters"] == 0 for row in found.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "label"}, "by has 'label'; it is a list"),
        ({"by": ["all", "colour"]}, "by has 'colour'"),
        ({"threshold": {"label_equal": 0.5}}, "threshold names 'label_equal'"),
        ({"threshold": math.nan}, "threshold of dice is nan"),
        ({"threshold": "0.7"}, "threshold of dice is '0.7'"),
        ({"detection_iou": 1.5}, "detection_iou is 1.5; it lies between 0 and 1"),
        ({"size_bounds_px2": (9216, 1024)}, "the smaller one first"),
        ({"size_bounds_px2": (1024,)}, "two areas"),
        ({"size_bounds_px2": 1024}, "two areas"),
        ({"resamples": -1}, "resamples"),
        ({"seed": 1.5}, "seed"),
        ({"confidence": 1.0}, "confidence"),
    ],
)
def test_wrong_options(case: tuple[lg.Export, lg.Agreement], options: Row, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        lg.agreement_statistics(*case, **options)


def test_only_what_is_asked_for_in_its_order(case: tuple[lg.Export, lg.Agreement]) -> None:
    whole = lg.agreement_statistics(*case, resamples=20)
    some = lg.agreement_statistics(*case, by=["week", "annotator", "week"], resamples=20)
    assert list(dict.fromkeys(some["by"].to_pylist())) == ["annotator", "week"]
    kept = [row for row in whole.to_pylist() if row["by"] in ("annotator", "week")]
    assert some.to_pylist() == kept
    assert lg.agreement_statistics(*case, by=[]).num_rows == 0
