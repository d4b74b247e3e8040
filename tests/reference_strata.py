"""Statistics of agreement by stratum, one row at a time in plain Python, to judge the package by.

From the rows of `pairs` and `tasks` and the dates of annotations alone; shares no line with the package.
"""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import timedelta
from typing import Any

import lesiongeo as lg

Row = dict[str, Any]
Key = tuple[str, str | None]

SHARES = ("label_equal", "status_equal")
SIGNED = {"log_area_ratio": "b", "signed_offset_px": "a", "signed_offset_mm": "a"}
OTHERS = "iou dice hausdorff_px hd95_px masd_px assd_px nsd centroid_distance_px".split()
IN_MM = "hausdorff_mm hd95_mm masd_mm assd_mm centroid_distance_mm".split()
DETECTION = "precision recall f1 panoptic_quality segmentation_quality recognition_quality".split()


class Stratum:
    """Everything that is in one stratum."""

    def __init__(self) -> None:
        self.values: dict[str, list[tuple[float, Any]]] = defaultdict(list)
        self.tp = self.fp = self.fn = 0
        self.tp_iou: list[float] = []
        self.clusters: set[Any] = set()


def strata(
    export: lg.Export, agreement: lg.Agreement, *, iou: float, bounds: tuple[float, float]
) -> dict[Key, Stratum]:
    """Put every row where it belongs."""
    patient = {row["task_id"]: row["patient"] for row in export.tasks.to_pylist()}
    weeks = _weeks(export, agreement)
    found: dict[Key, Stratum] = defaultdict(Stratum)
    found["all", None] = Stratum()
    for row in agreement.pairs.to_pylist():
        task, a, b = row["task_id"], row["annotator_a"], row["annotator_b"]
        cluster = ("patient", patient[task]) if patient.get(task) is not None else ("task", task)
        there = {side: row[f"valid_{side}"] is not None for side in "ab"}
        hit = row["match"] == "matched" and row["iou"] >= iou
        agreed = row["match"] in ("matched", "label_conflict")
        labels = {side: row[f"label_{side}"] for side in "ab" if there[side]}
        places: list[tuple[Key, str]] = [(("all", None), "plain"), (("annotator_pair", f"{a} / {b}"), "pair")]
        places += [(("annotator", a), "a"), (("annotator", b), "b")]
        places += [(("page", str(row["page"])), "plain"), (("week", _later(weeks, task, a, b)), "plain")]
        places += [(("size_class", _size(row, bounds)), "plain")]
        for key, judged in places:
            own = found[key]
            own.clusters.add(cluster)
            if hit:
                own.tp += 1
                own.tp_iou.append(row["iou"])
            else:
                # The reference is a, but for the rows of an annotator who is a.
                own.fp += there["a" if judged == "a" else "b"]
                own.fn += there["b" if judged == "a" else "a"]
            if agreed:
                _values(own, row, judged, cluster)
        for label in set(labels.values()):
            own = found["label", label]
            own.clusters.add(cluster)
            if hit:
                own.tp += 1
                own.tp_iou.append(row["iou"])
            else:
                own.fn += labels.get("a", object()) == label
                own.fp += labels.get("b", object()) == label
            if agreed:
                _values(own, row, "plain", cluster)
    for row in agreement.tasks.to_pylist():
        task, a, b = row["task_id"], row["annotator_a"], row["annotator_b"]
        if b is None:
            continue
        cluster = ("patient", patient[task]) if patient.get(task) is not None else ("task", task)
        week = _later(weeks, task, a, b)
        keys = [("all", None), ("annotator_pair", f"{a} / {b}"), ("annotator", a), ("annotator", b)]
        for key in [*keys, ("page", str(row["page"])), ("week", week)]:
            own = found[key]
            if row["reason"] is None:
                own.values["score"].append((row["score"], cluster))
    return dict(found)


def _values(own: Stratum, row: Row, judged: str, cluster: Any) -> None:
    for name in (*OTHERS, *IN_MM, *SHARES, *SIGNED):
        value = row.get(name)
        if value is None:
            continue
        if name in SIGNED and judged in ("a", "b") and judged != SIGNED[name]:
            value = -value
        own.values[name].append((float(value), cluster))


def _weeks(export: lg.Export, agreement: lg.Agreement) -> dict[tuple[int, str], Any]:
    """Monday of every annotation that counts."""
    rows = export.annotations.to_pylist()
    found = {}
    for number in agreement.annotation_rows.tolist():
        row = rows[number]
        when = row["created_at"] if row["created_at"] is not None else row["updated_at"]
        author = row["annotator"] if row["annotator"] is not None else "unknown"
        found[row["task_id"], author] = None if when is None else when.date() - timedelta(days=when.weekday())
    return found


def _later(weeks: dict[tuple[int, str], Any], task: int, a: str, b: str) -> str | None:
    known = [day for day in (weeks[task, a], weeks[task, b]) if day is not None]
    return max(known).isoformat() if known else None


def _size(row: Row, bounds: tuple[float, float]) -> str | None:
    areas = [row[f"area_{side}_px2"] for side in "ab" if row[f"area_{side}_px2"] is not None]
    if not areas:
        return None
    size = math.sqrt(areas[0] * areas[1]) if len(areas) == 2 else areas[0]
    return "small" if size < bounds[0] else "medium" if size < bounds[1] else "large"


def quantile(values: list[float], share: float) -> float:
    """By straight line between two values."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def row_of(own: Stratum, by: str, metric: str, thresholds: dict[str, float]) -> Row:
    """What the table should say, without intervals."""
    if metric in DETECTION:
        return _detection(own, by, metric)
    empty: Row = dict.fromkeys(("mean", "median", "p5", "p95", "below", "threshold"))
    values = [value for value, _ in own.values[metric]]
    row = empty | {"n": len(values), "n_clusters": len({cluster for _, cluster in own.values[metric]})}
    row["threshold"] = thresholds.get(metric)
    if not values or (metric in SIGNED and by not in ("annotator", "annotator_pair")):
        return row
    row["mean"] = math.fsum(values) / len(values)
    if metric not in SHARES:
        row |= {"median": quantile(values, 0.5), "p5": quantile(values, 0.05), "p95": quantile(values, 0.95)}
    if metric in thresholds:
        row["below"] = sum(value < thresholds[metric] for value in values) / len(values)
    return row


def _detection(own: Stratum, by: str, metric: str) -> Row:
    tp, fp, fn = own.tp, own.fp, own.fn
    n = {"precision": tp + fp, "recall": tp + fn, "segmentation_quality": tp}.get(metric, tp + fp + fn)
    row: Row = dict.fromkeys(("mean", "median", "p5", "p95", "below", "threshold"))
    row |= {"n": n, "n_clusters": len(own.clusters)}
    if n == 0 or (metric in ("precision", "recall") and by not in ("annotator", "annotator_pair")):
        return row
    total = math.fsum(own.tp_iou)
    row["mean"] = {
        "precision": lambda: tp / (tp + fp),
        "recall": lambda: tp / (tp + fn),
        "f1": lambda: 2 * tp / (2 * tp + fp + fn),
        "recognition_quality": lambda: 2 * tp / (2 * tp + fp + fn),
        "segmentation_quality": lambda: total / tp,
        "panoptic_quality": lambda: total / (tp + 0.5 * fp + 0.5 * fn),
    }[metric]()
    return row
