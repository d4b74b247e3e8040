"""Agreement between annotators: who drew the same regions on the same page, and how alike.

The rules, in one place: cancelled annotations, drafts and predictions do not count; of several annotations by one
annotator on a task the newest counts. For every page of a task and every pair of annotators, regions are matched one
to one, in three rounds, each for the largest total IoU: equal labels from `gate` up (matched), then different labels
from `conflict_gate` up (label_conflict), then whatever else overlaps (near_miss). What is left is missing. The score
of a page is the mean of IoU over its matches and its unmatched regions, which count 0; where neither drew anything
it is 1. Key points and lines have no interior: they are left out, and who drew nothing else drew nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .. import _core
from ..distances import checked_tolerance
from ..options import checked_flag
from ..read import Export
from .annotators import annotator_table, summary_table
from .counted import Comparisons, Counted, compare_pages, label_sets
from .lesions import lesion_table
from .metrics import Progress, pair_metrics, stages
from .tables import Rows, pair_table, task_table

__all__ = ["Agreement", "agreement"]


@dataclass(frozen=True, slots=True, repr=False)
class Agreement:
    """Tables of agreement, the worst rows first, those alike by task, page and annotators. See `agreement` for columns.

    Attributes
    ----------
    pairs : pyarrow.Table
        One row per matched pair of regions, near miss, or region without partner.
    tasks : pyarrow.Table
        One row per task, page and pair of annotators.
    lesions : pyarrow.Table
        One row per lesion: a group of regions, at most one of each annotator. By task, page and lesion.
    annotators : pyarrow.Table
        One row per annotator.
    summary : pyarrow.Table
        One row per pair of annotators, and first one for all.
    superseded : pyarrow.Table
        Older annotations of a person who annotated the same task again: task_id, annotation_id, annotator. They do
        not count.
    region_rows : ndarray of int64, shape (n_pairs, 2)
        Rows of ``export.regions`` of sides a and b of each row of `pairs`; -1 for a missing side.
    lesion_of_region : ndarray of int64, shape (n_regions,)
        Row of `lesions` of each region of the export; -1 where it does not count.
    annotation_rows : ndarray of int64
        Rows of ``export.annotations`` that count, by task, then annotator.
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
    lesions: pa.Table
    annotators: pa.Table
    summary: pa.Table
    superseded: pa.Table
    region_rows: NDArray[np.int64]
    lesion_of_region: NDArray[np.int64]
    annotation_rows: NDArray[np.int64]
    reason: str | None

    def __repr__(self) -> str:
        """Say how much there is."""
        return f"<Agreement: {self.tasks.num_rows} task pages, {self.pairs.num_rows} pairs>"


def agreement(
    export: Export,
    *,
    gate: float = 0.1,
    conflict_gate: float = 0.5,
    nsd_tolerance_px: float = 2.0,
    boundary: bool = True,
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
    nsd_tolerance_px : float, default 2.0
        Tolerance of `nsd`, in pixels.
    boundary : bool, default True
        With the distances along the whole boundary, which take most of the time: hd95, masd, assd, nsd and
        signed_offset. Without, these columns are null.
    threads : int, optional
        Number of threads; by default see `num_threads`.
    progress : callable, optional
        Called as ``progress(done, total)`` about every 50 ms.

    Returns
    -------
    Agreement
        `pairs`: task_id, page, annotator_a, annotator_b, annotation_a, annotation_b, region_a, region_b, match
        (matched, label_conflict, near_miss, missing), iou, dice, hausdorff_px, hd95_px, masd_px, assd_px, nsd,
        signed_offset_px (> 0: a drew wider), centroid_distance_px, area_a_px2, area_b_px2, area_ratio (b / a),
        log_area_ratio (its natural logarithm); where the spacing of some page is known hausdorff_mm, hd95_mm, masd_mm,
        assd_mm, signed_offset_mm, centroid_distance_mm, area_a_mm2, area_b_mm2 (null where it is not); label_a,
        label_b, label_equal; where a control has the role of a status status_equal; valid_a, valid_b, and each control
        as <name>_a, <name>_b. Of a missing region one side is null, and with it all that needs both.

        `tasks`: task_id, page, annotator_a, annotator_b, annotation_a, annotation_b, n_a, n_b, n_matched,
        n_label_conflict, n_near_miss, n_missing_a, n_missing_b (regions of a, of b without any partner), score,
        label_studio_score, reason (both_empty: neither drew anything, score 1; single_annotator: nobody to compare
        with, score null).

        `lesions`: task_id, page, lesion (from 0 on each page), n_annotators (of the task), n_drawn, label (the most
        frequent; null where two are), label_equal (null for one region), iou_mean (of the matches within the lesion),
        score (sum of their IoU over the pairs of annotators of the task: who missed it counts 0; null for a single
        annotator), area_px2 (geometric mean).

        `annotators` and `summary`: see `annotator_table` and `summary_table` in `lesiongeo.agreement.annotators`.

    Raises
    ------
    ValueError
        If a gate is not between 0 and 1, `nsd_tolerance_px` is no distance from 0 up, or `boundary` is neither True nor
        False.

    Notes
    -----
    Pages are compared separately: regions on different pages never meet. A task has as many pages as images, or as its
    regions name. Label equality is that of the sets of labels. Regions without an area cannot overlap anything and are
    missing; self-overlapping ones count with their non-zero interior. Regions of kind keypoint and line are left out,
    also of n_a and n_b, so a page with nothing else counts as empty. A near miss counts as two unmatched regions.
    Annotations whose author was deleted count as one person, "unknown".

    Distances are those of `surface_distances`, over the boundary of the interiors; in millimetres with the spacing of
    the page, outlines scaled before any length is taken. Lesions are made of the matches (matched and
    label_conflict) in the order of falling IoU: a match joins the lesions of its two regions unless an annotator
    would have two regions in one. Of equal IoU the one with the earlier annotators and regions comes first.

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
    boundary = checked_flag("boundary", boundary)
    tolerance = checked_tolerance("nsd_tolerance_px", nsd_tolerance_px)
    counted = Counted(export)
    comparisons = compare_pages(export, counted)
    labels = label_sets(export.regions.table)
    polygons = export.regions.polygons
    # What each takes, measured.
    first, second = stages(progress, weights=(1, 9) if boundary else (6, 1))
    page, a, b, kind, iou, two_way = _core.match_pages(
        polygons._interior(threads),
        labels,
        counted.order,
        np.ascontiguousarray(comparisons.ranges),
        gate=gate,
        conflict_gate=conflict_gate,
        threads=threads,
        progress=first,
    )
    rows = Rows(page, a, b, kind, iou)
    metrics = pair_metrics(
        export, a, b, nsd_tolerance_px=tolerance, boundary=boundary, threads=threads, progress=second
    )
    tasks = task_table(export, counted, comparisons, rows, two_way)
    pairs, region_rows = pair_table(export, counted, comparisons, rows, labels, metrics)
    lesions, lesion_of_region = lesion_table(export, counted, rows, labels, polygons._areas(threads))
    return Agreement(
        pairs=pairs,
        tasks=tasks,
        lesions=lesions,
        annotators=annotator_table(export, counted.annotations, counted.names, pairs, tasks),
        summary=summary_table(pairs, tasks),
        superseded=export.annotations.select(["task_id", "annotation_id", "annotator"]).take(
            pa.array(counted.superseded)
        ),
        region_rows=region_rows,
        lesion_of_region=lesion_of_region,
        annotation_rows=counted.annotations,
        reason=_reason(counted, comparisons),
    )


def _reason(counted: Counted, comparisons: Comparisons) -> str | None:
    if (comparisons.b >= 0).any():
        return None
    if len(counted.annotations) == 0:
        return "no annotation counts: all are cancelled, or there is none"
    return (
        "every task has a single annotator, so there is nobody to compare with; let two people annotate the same tasks"
    )
