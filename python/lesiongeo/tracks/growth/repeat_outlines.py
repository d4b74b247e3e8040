"""Outlines that somebody drew twice on the same page: the older annotation of a task against the newer one."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from ... import _core
from ...agreement.annotators import UNKNOWN
from ...agreement.counted import Counted, Ints, label_sets
from ...agreement.tables import LABEL_CONFLICT
from ...read import Export
from ...regions import has_interior
from .components import Repeats

__all__ = ["repeats_of"]

#: As `agreement` matches regions.
GATE, CONFLICT_GATE = 0.1, 0.5


def repeats_of(export: Export, counted: Counted, *, threads: int | None = None) -> Repeats:
    """Find what annotators drew twice.

    Parameters
    ----------
    export : Export
        What `read_label_studio` returns.
    counted : Counted
        The annotations of it that count, and those that newer ones of the same person and task replace.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    Repeats
        One entry per region of an older annotation that the next one has too, matched by IoU as regions of two
        annotators are.

    Notes
    -----
    An annotation that was made from another one, or in which any outline of the older one is unchanged, is an edit: its
    outlines are not independent of those before, and it is left out as a whole. So are those of deleted users, who may
    be different people. O(n log n) in the regions of annotated again tasks.
    """
    first, second = _pairs(export, counted)
    none = np.zeros(0)
    if not len(first):
        return Repeats(none, none)
    table = export.regions.table
    page = table["page"].to_numpy().astype(np.int64)
    number = np.full(export.annotations.num_rows, -1, dtype=np.int64)
    both = np.unique(np.concatenate((first, second)))
    number[both] = np.arange(len(both))
    owner = number[export.annotation_rows]
    rows = np.flatnonzero((owner >= 0) & has_interior(table))
    rows = rows[np.lexsort((rows, page[rows], owner[rows]))]
    width = int(page[rows].max(initial=0)) + 1
    key = owner[rows] * width + page[rows]
    # Every page of the older annotation, against the same page of the newer one.
    older, found = np.unique(key[np.isin(key // width, number[first])], return_index=False), number[second]
    newer_of = np.full(len(both), -1, dtype=np.int64)
    newer_of[number[first]] = found
    newer = newer_of[older // width] * width + older % width
    spans = [np.searchsorted(key, wanted, side) for wanted in (older, newer) for side in ("left", "right")]
    ranges = np.ascontiguousarray(np.stack(spans, axis=1).astype(np.int64))
    polygons = export.regions.polygons
    pair, a, b, kind, iou, _ = _core.match_pages(
        polygons._interior(threads),
        label_sets(table),
        rows.astype(np.uint32),
        ranges,
        gate=GATE,
        conflict_gate=CONFLICT_GATE,
        threads=threads,
    )
    matched = kind <= LABEL_CONFLICT
    pair, a, b, iou = pair[matched], a[matched], b[matched], iou[matched]
    areas = polygons._areas(threads)
    then, now = areas[a], areas[b]
    annotation = older[pair] // width
    edited = np.zeros(len(both), dtype=np.bool_)
    edited[annotation[(iou >= 1.0) | (then == now)]] = True
    use = ~edited[annotation] & (then > 0) & (now > 0)
    change, size = np.log(now[use] / then[use]), np.log(now[use] * then[use]) / 2.0
    # Not in the order of the file: the last digit of a sum would depend on it.
    order = np.lexsort((size, change))
    return Repeats(change[order], size[order])


def _pairs(export: Export, counted: Counted) -> tuple[Ints, Ints]:
    """Return rows of annotations that one person made of one task, each with the next newer one."""
    table = export.annotations
    rows = np.concatenate((counted.superseded, counted.annotations))
    task = table["task_id"].to_numpy()[rows]
    names = pc.fill_null(table["annotator"], UNKNOWN).take(rows)
    who = names.combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)
    known = pc.is_valid(table["annotator"]).to_numpy(zero_copy_only=False)[rows]
    # Superseded ones come by age, and before the newest.
    order = np.lexsort((np.arange(len(rows)), who, task))
    rows, task, who, known = rows[order], task[order], who[order], known[order]
    again = np.flatnonzero((np.diff(task) == 0) & (np.diff(who) == 0) & known[:-1])
    made = pc.is_valid(table["parent_annotation"]).to_numpy(zero_copy_only=False)
    again = again[~made[rows[again + 1]]]
    first: NDArray[np.int64] = rows[again]
    return first, rows[again + 1]
