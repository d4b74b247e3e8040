"""The expert's word: annotations marked as ground truth, their regions, and the lesions they stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..agreement.counted import Ints
from ..metrics import iou_pairs
from ..read import Export
from ..regions import has_interior
from .outlines import Members

__all__ = ["Expert", "expert_of"]


@dataclass(frozen=True, slots=True)
class Expert:
    """The ground truth of each task that has one.

    Attributes
    ----------
    annotations : ndarray of int64, shape (n_marked,)
        Rows of annotations marked as ground truth, by task, the one that counts first, then by age, newest first.
    counts : ndarray of bool, shape (n_marked,)
        Which of them is the ground truth of its task.
    regions : ndarray of int64, shape (n,)
        Rows of the regions of those that count, in their order.
    lesion : ndarray of int64, shape (n,)
        The lesion that each stands for; -1 for none.
    """

    annotations: Ints
    counts: np.ndarray[tuple[int], np.dtype[np.bool_]]
    regions: Ints
    lesion: Ints

    def tasks(self, export: Export) -> Ints:
        """Ids of the tasks with a ground truth, sorted."""
        ids: Ints = export.annotations["task_id"].to_numpy()[self.annotations[self.counts]]
        return np.unique(ids)


def expert_of(
    export: Export, members: Members, lesion_of_region: Ints, *, override: bool, threads: int | None
) -> Expert:
    """Find the annotations that are marked as ground truth, and what their regions stand for.

    Cancelled annotations, drafts and predictions are none. Of several in a task the newest counts, by the time of its
    last change, then of its making, then by its id. It counts also where the same person annotated the task again
    later without marking it. A region of it stands for the lesion that it belongs to, or, where the annotation did not
    count among the annotators, for the lesion of its page with whose regions its IoU is highest on average.
    """
    empty = np.empty(0, dtype=np.int64)
    table = export.annotations
    marked = pc.and_(
        pc.equal(table["source"], "annotation"), pc.and_(table["ground_truth"], pc.invert(table["cancelled"]))
    )
    rows = np.flatnonzero(pc.fill_null(marked, False).to_numpy()) if override else empty
    if not len(rows):
        return Expert(empty, np.empty(0, dtype=np.bool_), empty, empty)
    task = table["task_id"].to_numpy()[rows]
    ages = [
        pc.fill_null(table[name].cast(pa.int64()), np.iinfo(np.int64).min).to_numpy()[rows]
        for name in ("annotation_id", "created_at", "updated_at")
    ]
    # Newest first: complements turn the order of whole numbers around, also that of the smallest.
    order = np.lexsort((*(~age for age in ages), task))
    rows, task = rows[order], task[order]
    newest = np.append(True, task[1:] != task[:-1])
    chosen = np.zeros(table.num_rows, dtype=np.bool_)
    chosen[rows[newest]] = True
    regions = np.flatnonzero(chosen[export.annotation_rows] & has_interior(export.regions.table))
    lesion = lesion_of_region[regions].copy()
    stray = np.flatnonzero(lesion < 0)
    if len(stray):
        lesion[stray] = _nearest(export, members, regions[stray], threads)
    return Expert(rows, newest, regions, lesion)


def _nearest(export: Export, members: Members, regions: Ints, threads: int | None) -> Ints:
    """Find the lesion of the same page whose regions overlap each region most; -1 where none does."""
    found = np.full(len(regions), -1, dtype=np.int64)
    where = [export.regions.table[name].to_numpy().astype(np.int64) for name in ("task_id", "page")]
    task = np.unique(where[0], return_inverse=True)[1]
    place = task.astype(np.int64) << 32 | where[1]  # pages are below 100,000 (see the core)
    near = np.flatnonzero(np.isin(place[members.rows], place[regions]))
    others, lesion = members.rows[near], members.lesion[near]
    if not len(near):
        return found
    polygons = export.regions.polygons
    mine, theirs, iou = iou_pairs(
        polygons.take(regions), polygons.take(others), groups_a=place[regions], groups_b=place[others], threads=threads
    )
    overlap = iou > 0
    mine, theirs, iou = mine[overlap], theirs[overlap], iou[overlap]
    pair, back = np.unique(mine * np.int64(len(members.starts)) + lesion[theirs], return_inverse=True)
    region, candidate = pair // len(members.starts), pair % len(members.starts)
    mean = np.bincount(back, iou, len(pair)) / members.drawn[candidate]
    best = np.lexsort((candidate, -np.round(mean, 12), region))
    first = np.append(True, region[best][1:] != region[best][:-1]) if len(best) else np.empty(0, dtype=np.bool_)
    found[region[best][first]] = candidate[best][first]
    return found
