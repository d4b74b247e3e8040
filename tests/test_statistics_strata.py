"""Statistics by stratum against the independent calculation."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from typing import Any

import pytest

import lesiongeo as lg
import little_exports as little
from reference_lesions import Facts, PairFact, first_label, week
from reference_statistics import Detection, Spread, groups, share_below
from two_calculations import both_of, close, every_source

Row = dict[str, Any]

BY = ("all", "annotator_pair", "annotator", "label", "size_class", "page", "week")
DETECTION = set(Detection().values)
#: Below these the shares are counted.
THRESHOLDS = {"iou": 0.7, "dice": 0.7}


def value(rows: dict[tuple[object, ...], Row], metric: str, pair: PairFact, own: str | None) -> Any:
    """A metric of a row: of the reference, but for distances along the boundary, which the oracle judges."""
    if not pair.agreed:
        return None
    turn = -1.0 if own is not None and own == pair.a else 1.0  # from the other to oneself
    match metric:
        case "iou":
            return pair.iou
        case "dice":
            return pair.dice
        case "log_area_ratio":
            return None if pair.log_area_ratio is None else turn * pair.log_area_ratio
        case "centroid_distance_px":
            return pair.centroid_distance
        case "label_equal":
            return None if pair.label_equal is None else float(pair.label_equal)
    row = rows[(*pair.key, pair.id_a, pair.id_b)]
    found = row.get(metric)  # there is no column for a status that nobody was asked for
    if found is not None and metric.startswith("signed_offset") and own is not None:
        return found if own == pair.a else -found
    return None if found is None else float(found)


def stratum(row: Row) -> object:
    """The key as the reference names it."""
    match row["by"]:
        case "annotator_pair":
            assert row["key"] == f"{row['annotator_a']} / {row['annotator_b']}"
            return row["annotator_a"], row["annotator_b"]
        case "annotator":
            assert row["annotator_a"] == row["key"] and row["annotator_b"] is None
        case "page":
            return int(row["key"])
    return row["key"]


def detected(pairs: list[PairFact], by: str, key: object) -> Detection:
    """Counts of a stratum; of a label, only regions with that label."""
    found = Detection()
    for pair in pairs:
        if pair.match == "matched" and pair.iou is not None and pair.iou >= 0.5:
            found.add(pair, 0.5)
            continue
        for side in "ab":
            region = getattr(pair, f"region_{side}")
            if region is None or (by == "label" and first_label(region) != key):
                continue
            # The reference: a of a pair, the others of an annotator.
            own = getattr(pair, side) == key if by == "annotator" else side == "b"
            found.fp += own
            found.fn += not own
    return found


@every_source
def test_strata(source: str) -> None:
    """Every stratum there is, each metric with its mean, quantiles and share below the threshold."""
    both = both_of(source)
    table = lg.agreement_statistics(both.export, both.agreement, resamples=0).to_pylist()
    facts = both.facts
    rows = {
        (r["task_id"], r["page"], r["annotator_a"], r["annotator_b"], r["region_a"], r["region_b"]): r
        for r in both.rows
    }
    by_stratum: dict[tuple[str, object], list[Row]] = defaultdict(list)
    for row in table:
        by_stratum[row["by"], stratum(row)].append(row)
    found: set[tuple[str, object]] = set()
    for by in BY:
        of_pairs = groups(facts.pairs, by)
        of_tasks = pages(facts, by)
        expected = set(of_pairs) | set(of_tasks)
        if by == "all":
            expected |= {None}
        found |= {(by, key) for key in expected}
        for key in expected:
            assert (by, key) in by_stratum, (by, key)
            for row in by_stratum[by, key]:
                check(row, rows, of_pairs.get(key, []), of_tasks.get(key, []), key)
    assert set(by_stratum) == found


def pages(facts: Facts, by: str) -> dict[object, list[float]]:
    """Scores of compared pages by stratum, of those on which somebody drew."""
    found: dict[object, list[float]] = defaultdict(list)
    for task in facts.tasks:
        if task.annotator_b is None:
            continue
        people = facts.comparison.people[task.task_id]
        weeks = [week(people[name]) for name in (task.annotator_a, task.annotator_b)]
        match by:
            case "all":
                into: list[object] = [None]
            case "annotator_pair":
                into = [(task.annotator_a, task.annotator_b)]
            case "annotator":
                into = [task.annotator_a, task.annotator_b]
            case "page":
                into = [task.page]
            case "week":
                into = [max((w for w in weeks if w is not None), default=None)]
            case _:
                into = []
        for key in into:
            found[key] += [] if task.score is None or task.reason == "both_empty" else [task.score]
    return found


def check(
    row: Row,
    rows: dict[tuple[object, ...], Row],
    pairs: list[PairFact],
    scores: list[float],
    key: object,
) -> None:
    """One row of the table."""
    metric, by = row["metric"], row["by"]
    if metric in DETECTION:
        expected = detected(pairs, by, key).values[metric]
        if metric in ("precision", "recall") and by not in ("annotator_pair", "annotator"):
            assert row["mean"] is None and row["reason"] == "no_reference", row
        else:
            assert close(row["mean"], expected), (row, expected)
            assert row["mean"] is not None or row["reason"] is not None, row
        assert row["median"] is row["p5"] is row["p95"] is row["below"] is None, row
        return
    if metric == "score":
        known: list[Any] = scores
    else:
        own = str(key) if by == "annotator" else None
        known = [value(rows, metric, pair, own) for pair in pairs]
    spread = Spread.of(known)
    assert row["n"] == spread.n, row
    if metric.startswith(("log_area_ratio", "signed_offset")) and by not in ("annotator_pair", "annotator"):
        # Whose area over whose, has no meaning there.
        assert row["mean"] is row["median"] is row["p5"] is row["p95"] is None, row
        assert row["reason"] == ("no_reference" if spread.n else "no_pairs"), row
        return
    scale = max((abs(v) for v in known if v is not None), default=0.0)
    # Of coordinates in the thousands.
    rounding = 1e-9 if metric == "centroid_distance_px" else 1e-13
    for name in ("mean", "median", "p5", "p95"):
        if metric in ("label_equal", "status_equal") and name != "mean":
            assert row[name] is None or close(row[name], getattr(spread, name)), row
        else:
            assert close(row[name], getattr(spread, name), 1e-11 * scale + rounding), (name, row, spread)
    if metric in THRESHOLDS:
        assert row["threshold"] == THRESHOLDS[metric]
        assert close(row["below"], share_below(known, THRESHOLDS[metric])), row
    else:
        assert row["threshold"] is None and row["below"] is None, row
    assert row["mean"] is not None or row["reason"] is not None, row


def test_turned_for_annotators() -> None:
    """Somebody who draws wider than all others has a ratio and an offset above 0, wherever they stand in a pair."""
    tasks = []
    for k in range(1, 6):
        made = [
            little.annotation(10 * k + who, who, little.disk("a", 100, 100, 40 if who == 2 else 30))
            for who in (1, 2, 3)
        ]
        tasks.append(little.task(k, *made))
    export = lg.read_label_studio(json.dumps(tasks).encode())
    rows = lg.agreement_statistics(export, lg.agreement(export), by=("annotator",), resamples=0).to_pylist()
    found = {(row["key"], row["metric"]): row["mean"] for row in rows}
    wider = math.log((40 / 30) ** 2)
    assert found["2", "log_area_ratio"] == pytest.approx(wider, rel=1e-9)
    assert found["1", "log_area_ratio"] == found["3", "log_area_ratio"] == pytest.approx(-wider / 2, rel=1e-9)
    assert found["2", "signed_offset_px"] == pytest.approx(10, rel=0.02)
    assert found["1", "signed_offset_px"] == pytest.approx(-5, rel=0.02)


def test_label_strata_count_their_own_regions() -> None:
    """A region called other by one and nevus by the other is one error in each of the two strata, not two."""
    tasks = []
    for k in range(1, 4):
        one = little.annotation(10 * k, 1, little.disk("a", 100, 100, 30), little.disk("b", 300, 300, 30))
        two = little.annotation(
            10 * k + 1, 2, little.disk("a", 100, 100, 30), little.disk("b", 300, 300, 30, label="other")
        )
        tasks.append(little.task(k, one, two))
    export = lg.read_label_studio(json.dumps(tasks).encode())
    rows = lg.agreement_statistics(export, lg.agreement(export), by=("label",), resamples=0).to_pylist()
    found = {(row["key"], row["metric"]): row["mean"] for row in rows}
    assert found["nevus", "f1"] == pytest.approx(2 * 3 / (2 * 3 + 3))
    assert found["other", "f1"] == 0
