"""Agreement between annotators: who drew the same regions on the same page, and how alike.

The rules, in one place: cancelled annotations, drafts and predictions do not count; of several annotations by one
annotator on a task the newest counts. For every page of a task and every pair of annotators, regions are matched one
to one, in three rounds, each for the largest total IoU: equal labels from `gate` up (matched), then different labels
from `conflict_gate` up (label_conflict), then whatever else overlaps (near_miss). What is left is missing. The score
of a page is the mean of IoU over its matches and its unmatched regions, which count 0; where neither drew anything
it is 1. Key points and lines have no interior: they are left out, and who drew nothing else drew nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from . import _core
from .annotators import annotator_table, summary_table
from .arrow import nullable, numbers
from .pairs import Comparisons, Counted, Ints, compare_pages, label_sets
from .read import Export
from .regions import FIXED

__all__ = ["Agreement", "agreement"]

Progress = Callable[[int, int], object]

MATCH = ("matched", "label_conflict", "near_miss", "missing")
MATCHED, LABEL_CONFLICT, NEAR_MISS, MISSING = range(4)


@dataclass(frozen=True, slots=True, repr=False)
class Agreement:
    """Tables of agreement, the worst rows first, those alike by task, page and annotators. See `agreement` for columns.

    Attributes
    ----------
    pairs : pyarrow.Table
        One row per matched pair of regions, near miss, or region without partner.
    tasks : pyarrow.Table
        One row per task, page and pair of annotators.
    annotators : pyarrow.Table
        One row per annotator.
    summary : pyarrow.Table
        One row per pair of annotators, and first one for all.
    superseded : pyarrow.Table
        Older annotations of a person who annotated the same task again: task_id, annotation_id, annotator. They do
        not count.
    reason : str or None
        Why there is no pair of annotators at all, where that is so.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> empty = lg.agreement(lg.read_label_studio(b"[]"))
    >>> empty
    <Agreement: 0 task pages, 0 pairs>
    >>> empty.reason
    'no annotation counts: all are cancelled, or there is none'
    """

    pairs: pa.Table
    tasks: pa.Table
    annotators: pa.Table
    summary: pa.Table
    superseded: pa.Table
    reason: str | None

    def __repr__(self) -> str:
        """Say how much there is."""
        return f"<Agreement: {self.tasks.num_rows} task pages, {self.pairs.num_rows} pairs>"


def agreement(
    export: Export,
    *,
    gate: float = 0.1,
    conflict_gate: float = 0.5,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Agreement:
    """Compare the annotators of an export, page by page and region by region.

    Parameters
    ----------
    export : Export
        What `read_label_studio` returns.
    gate : float, default 0.1
        Smallest IoU at which two regions of the same label match.
    conflict_gate : float, default 0.5
        Smallest IoU at which two regions of different labels match, as a label conflict.
    threads : int, optional
        Number of threads; by default see `num_threads`.
    progress : callable, optional
        Called as ``progress(done, total)`` about every 50 ms.

    Returns
    -------
    Agreement
        `pairs`: task_id, page, annotator_a, annotator_b, annotation_a, annotation_b, region_a, region_b, match
        (matched, label_conflict, near_miss, missing), iou, dice, hausdorff_px, area_a_px2, area_b_px2, area_ratio (b
        / a), label_a, label_b, valid_a, valid_b, and each control as <name>_a, <name>_b. Of a missing region one
        side is null.

        `tasks`: task_id, page, annotator_a, annotator_b, annotation_a, annotation_b, n_a, n_b, n_matched,
        n_label_conflict, n_near_miss, n_missing_a, n_missing_b (regions of a, of b without any partner), score,
        label_studio_score, reason (both_empty: neither drew anything, score 1; single_annotator: nobody to compare
        with, score null).

        `annotators` and `summary`: see `annotator_table` and `summary_table` in `lesiongeo.annotators`.

    Raises
    ------
    ValueError
        If a gate is not between 0 and 1.

    Notes
    -----
    Pages are compared separately: regions on different pages never meet. A task has as many pages as images, or as its
    regions name. Label equality is that of the sets of labels. Regions without an area cannot overlap anything and are
    missing; self-overlapping ones count with their non-zero interior. Regions of kind keypoint and line are left out,
    also of n_a and n_b, so a page with nothing else counts as empty. A near miss counts as two unmatched regions.
    Annotations whose author was deleted count as one person, "unknown".

    `label_studio_score` is the two-way greedy score for comparison with other tools: the mean over all regions of
    both sides of the best IoU within the label on the other side.

    Cost: O(n log n) in regions plus one overlap per pair of meeting boxes; the assignment is solved per page by
    shortest augmenting paths, exactly.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> from lesiongeo.testing import make_export
    >>> import json
    >>> export = lg.read_label_studio(json.dumps(make_export(patients=2, annotators=2, seed=1)).encode())
    >>> result = lg.agreement(export)
    >>> result.tasks.column_names[:4]
    ['task_id', 'page', 'annotator_a', 'annotator_b']
    >>> 0 < result.summary["score_mean"][0].as_py() < 1
    True
    """
    for name, value in (("gate", gate), ("conflict_gate", conflict_gate)):
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{name} is {value}; it lies between 0 and 1")
    counted = Counted(export)
    comparisons = compare_pages(export, counted)
    interior = export.regions.polygons._interior(threads)
    first, second = _halves(progress)
    page, a, b, kind, iou, two_way = _core.match_pages(
        interior,
        label_sets(export.regions.table),
        counted.order,
        np.ascontiguousarray(comparisons.ranges),
        gate=gate,
        conflict_gate=conflict_gate,
        threads=threads,
        progress=first,
    )
    both = (a >= 0) & (b >= 0)
    hausdorff = np.full(len(page), np.nan)
    hausdorff[both] = _core.hausdorff(
        interior, interior, a[both], b[both], directed=False, vertices_only=False, threads=threads, progress=second
    )
    areas = export.regions.polygons._areas(threads)
    rows = _Rows(
        page, a, b, kind, iou, hausdorff, np.where(a >= 0, areas[a], np.nan), np.where(b >= 0, areas[b], np.nan)
    )
    tasks = _task_table(export, counted, comparisons, rows, two_way)
    pairs = _pair_table(export, counted, comparisons, rows)
    return Agreement(
        pairs=pairs,
        tasks=tasks,
        annotators=annotator_table(export, counted.annotations, counted.names, pairs, tasks),
        summary=summary_table(pairs, tasks),
        superseded=export.annotations.select(["task_id", "annotation_id", "annotator"]).take(
            pa.array(counted.superseded)
        ),
        reason=_reason(counted, comparisons),
    )


def _halves(progress: Progress | None) -> tuple[Progress | None, Progress | None]:
    """Report two stages as one: matching is the first half, distances are the second."""
    if progress is None:
        return None, None
    report = progress
    return (lambda done, total: report(done, 2 * total)), (lambda done, total: report(total + done, 2 * total))


@dataclass(frozen=True)
class _Rows:
    """What the core found: one entry per pair or region alone."""

    comparison: Ints
    a: Ints
    b: Ints
    kind: NDArray[np.uint8]
    iou: NDArray[np.float64]
    hausdorff: NDArray[np.float64]
    area_a: NDArray[np.float64]
    area_b: NDArray[np.float64]


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


def _task_table(
    export: Export, counted: Counted, comparisons: Comparisons, rows: _Rows, two_way: NDArray[np.float64]
) -> pa.Table:
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


def _pair_table(export: Export, counted: Counted, comparisons: Comparisons, rows: _Rows) -> pa.Table:
    # A task with a single annotator has nobody who could miss anything.
    keep = np.flatnonzero(comparisons.b[rows.comparison] >= 0)
    kind, a, b, iou = rows.kind[keep], rows.a[keep], rows.b[keep], rows.iou[keep]
    area_a, area_b = rows.area_a[keep], rows.area_b[keep]
    score = np.where(kind <= LABEL_CONFLICT, iou, 0.0)
    size = np.fmax(area_a, area_b)
    # Worst first, larger regions before smaller ones, then by task, page and annotators, then as annotations have them.
    worst_first = np.lexsort((np.arange(len(keep)), rows.comparison[keep], -size, score))
    keep, kind, a, b = keep[worst_first], kind[worst_first], a[worst_first], b[worst_first]
    area_a, area_b = area_a[worst_first], area_b[worst_first]
    table = export.regions.table

    at = {side: pa.array(np.maximum(row, 0), mask=row < 0) for side, row in (("a", a), ("b", b))}

    def sides(name: str) -> dict[str, Any]:
        column = table[name].combine_chunks()
        return {f"{name}_{side}": column.take(row) for side, row in at.items()}

    columns = _who(export, counted, comparisons, rows.comparison[keep])
    ids = sides("region_id")
    columns |= {"region_a": ids["region_id_a"], "region_b": ids["region_id_b"]}
    columns["match"] = pa.array(MATCH, pa.string()).take(pa.array(kind))
    columns["iou"] = numbers(rows.iou[keep])
    # Dice and IoU are one number in two forms.
    columns["dice"] = numbers(2.0 * rows.iou[keep] / (1.0 + rows.iou[keep]))
    columns["hausdorff_px"] = numbers(rows.hausdorff[keep])
    columns["area_a_px2"], columns["area_b_px2"] = numbers(area_a), numbers(area_b)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = area_b / area_a
    columns["area_ratio"] = numbers(np.where(np.isfinite(ratio), ratio, np.nan))
    columns |= sides("label") | sides("valid")
    for name in table.column_names:
        if name not in FIXED:
            columns |= sides(name)
    return pa.table(columns).combine_chunks()


def _reason(counted: Counted, comparisons: Comparisons) -> str | None:
    if (comparisons.b >= 0).any():
        return None
    if len(counted.annotations) == 0:
        return "no annotation counts: all are cancelled, or there is none"
    return (
        "every task has a single annotator, so there is nobody to compare with; let two people annotate the same tasks"
    )
