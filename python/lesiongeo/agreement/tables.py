"""The tables of pairs and of task pages, from what the core has matched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..arrow import nullable, numbers
from ..read import Export
from ..regions import FIXED
from .counted import Comparisons, Counted, Ints

__all__ = ["LABEL_CONFLICT", "MATCH", "MATCHED", "MISSING", "NEAR_MISS", "Rows", "pair_table", "task_table"]

MATCH = ("matched", "label_conflict", "near_miss", "missing")
MATCHED, LABEL_CONFLICT, NEAR_MISS, MISSING = range(4)


@dataclass(frozen=True)
class Rows:
    """What the core found: one entry per pair or region alone, by comparison; a missing region is -1."""

    comparison: Ints
    a: Ints
    b: Ints
    kind: NDArray[np.uint8]
    iou: NDArray[np.float64]

    def take(self, at: Ints) -> Rows:
        """Return some rows, in that order."""
        return Rows(self.comparison[at], self.a[at], self.b[at], self.kind[at], self.iou[at])

    @property
    def both(self) -> NDArray[np.bool_]:
        """Whether neither side is missing."""
        return (self.a >= 0) & (self.b >= 0)


def _who(export: Export, counted: Counted, comparisons: Comparisons, at: Ints | slice) -> dict[str, Any]:
    """Columns that name task, page and the two annotations."""
    names = pa.array(counted.names, pa.string())
    ids = export.annotations["annotation_id"].combine_chunks()
    columns: dict[str, Any] = {
        "task_id": pa.array(counted.task_ids[comparisons.task[at]]),
        "page": pa.array(comparisons.page[at].astype(np.int32)),
    }
    sides = (("a", comparisons.a[at]), ("b", comparisons.b[at]))
    for side, number in sides:
        rank = np.where(number >= 0, np.append(counted.rank, 0)[number], 0)
        columns[f"annotator_{side}"] = names.take(pa.array(rank, mask=number < 0))
    for side, number in sides:
        row = np.where(number >= 0, np.append(counted.annotations, 0)[number], 0)
        columns[f"annotation_{side}"] = ids.take(pa.array(row, mask=number < 0))
    return columns


def task_table(
    export: Export, counted: Counted, comparisons: Comparisons, rows: Rows, two_way: NDArray[np.float64]
) -> pa.Table:
    """Counts and scores of each task page and pair of annotators, the worst first."""
    count = len(comparisons.task)

    def tally(chosen: NDArray[np.bool_]) -> Ints:
        return np.bincount(rows.comparison[chosen], minlength=count)

    single = comparisons.b < 0
    drawn = np.diff(comparisons.ranges)[:, [0, 2]]
    n_a, n_b = drawn[:, 0], np.where(single, 0, drawn[:, 1])
    matched, conflict, near = (tally(rows.kind == kind) for kind in (MATCHED, LABEL_CONFLICT, NEAR_MISS))
    missing = rows.kind == MISSING
    agreed = (rows.kind == MATCHED) | (rows.kind == LABEL_CONFLICT)
    total = np.bincount(rows.comparison[agreed], weights=rows.iou[agreed], minlength=count)
    slots = n_a + n_b - matched - conflict
    empty = (slots == 0) & ~single
    score = np.where(empty, 1.0, total / np.maximum(slots, 1))
    reason = np.where(single, 1, np.where(empty, 0, 2))
    side_a, side_b = missing & (rows.b < 0), missing & (rows.a < 0)
    columns = _who(export, counted, comparisons, slice(None))
    for name, values in (
        ("n_a", n_a),
        ("n_b", n_b),
        ("n_matched", matched),
        ("n_label_conflict", conflict),
        ("n_near_miss", near),
        ("n_missing_a", np.where(single, 0, tally(side_a))),
        ("n_missing_b", tally(side_b)),
    ):
        columns[name] = pa.array(values.astype(np.int32))
    columns["score"] = nullable(score, single)
    columns["label_studio_score"] = nullable(two_way, single)
    columns["reason"] = pa.array(["both_empty", "single_annotator", None], pa.string()).take(pa.array(reason))
    # Worst first; tasks without a score last; then by task, page and annotators, as comparisons are.
    worst_first = np.lexsort((np.arange(count), -slots, np.where(single, 2.0, score)))
    return pa.table(columns).take(pa.array(worst_first)).combine_chunks()


def pair_table(
    export: Export,
    counted: Counted,
    comparisons: Comparisons,
    rows: Rows,
    labels: NDArray[np.int32],
    metrics: dict[str, NDArray[np.float64]],
) -> tuple[pa.Table, Ints]:
    """Pairs of regions and regions alone, the worst first, with the rows of the regions (-1: missing).

    `labels` numbers the label sets of the regions; `metrics` has numbers of each row, in the order of the columns.
    """
    # A task with a single annotator has nobody who could miss anything.
    keep = np.flatnonzero(comparisons.b[rows.comparison] >= 0)
    score = np.where(rows.kind <= LABEL_CONFLICT, rows.iou, 0.0)[keep]
    size = np.fmax(metrics["area_a_px2"], metrics["area_b_px2"])[keep]
    # Worst first, larger regions before smaller ones, then by task, page and annotators, then as annotations have them.
    order = keep[np.lexsort((np.arange(len(keep)), rows.comparison[keep], -size, score))]
    chosen = rows.take(order)
    table = export.regions.table
    at = {side: pa.array(np.maximum(row, 0), mask=row < 0) for side, row in (("a", chosen.a), ("b", chosen.b))}

    def sides(name: str) -> dict[str, Any]:
        column = table[name].combine_chunks()
        return {f"{name}_{side}": column.take(row) for side, row in at.items()}

    columns = _who(export, counted, comparisons, chosen.comparison)
    ids = sides("region_id")
    columns |= {"region_a": ids["region_id_a"], "region_b": ids["region_id_b"]}
    columns["match"] = pa.array(MATCH, pa.string()).take(pa.array(chosen.kind))
    columns["iou"] = numbers(chosen.iou)
    # Dice and IoU are one number in two forms.
    columns["dice"] = numbers(2.0 * chosen.iou / (1.0 + chosen.iou))
    columns |= {name: numbers(values[order]) for name, values in metrics.items()}
    columns |= sides("label")
    equal = np.zeros(len(order), dtype=bool)
    equal[chosen.both] = labels[chosen.a[chosen.both]] == labels[chosen.b[chosen.both]]
    columns["label_equal"] = nullable(equal, ~chosen.both)
    status = export.role("status")
    if status is not None:
        first, second = sides(status).values()
        columns["status_equal"] = pc.equal(first, second)
    columns |= sides("valid")
    for name in table.column_names:
        if name not in FIXED:
            columns |= sides(name)
    return pa.table(columns).combine_chunks(), np.stack([chosen.a, chosen.b], axis=1)
