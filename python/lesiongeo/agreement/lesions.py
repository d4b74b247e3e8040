"""Lesions: the regions that several annotators drew of one thing, at most one region of each."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .. import _core
from ..arrow import nullable, numbers
from ..read import Export
from .counted import Counted, Ints
from .tables import LABEL_CONFLICT, Rows

__all__ = ["lesion_table"]

Floats = NDArray[np.float64]


def lesion_table(
    export: Export, counted: Counted, rows: Rows, labels: NDArray[np.int32], areas: Floats
) -> tuple[pa.Table, Ints]:
    """Group the regions of each page by their matches; return one row per group, and the group of each region.

    `labels` numbers the label sets of the regions. See `agreement` for the columns and the rule.
    """
    regions = counted.order.astype(np.int64)
    place = np.full(len(export.regions), -1, dtype=np.int64)
    place[regions] = np.arange(len(regions))
    matched = np.flatnonzero(rows.kind <= LABEL_CONFLICT)
    first, second, iou = place[rows.a[matched]], place[rows.b[matched]], rows.iou[matched]
    # The annotation stands for its annotator: of each annotator one annotation counts per task.
    changes = np.diff(counted.owner, prepend=-1) > 0
    group = _core.group_lesions(np.cumsum(changes) - 1, first, second, iou)
    group = _by_page(counted, group)
    count = int(group.max(initial=-1)) + 1
    members = np.argsort(group, kind="stable")
    start = np.searchsorted(group[members], np.arange(count))
    one = members[start]
    task, page = counted.task[counted.owner[one]], counted.page[one]
    first_of_page = np.flatnonzero(np.diff(task, prepend=-1) | np.diff(page, prepend=-1))
    on_page = np.arange(count) - np.repeat(first_of_page, np.diff(first_of_page, append=count))
    people = np.bincount(counted.task, minlength=len(counted.task_ids))[task]
    drawn = np.bincount(group, minlength=count)
    within = group[first] == group[second]
    lesion, iou = group[first[within]], iou[within]
    matches = np.bincount(lesion, minlength=count)
    total = np.bincount(lesion, weights=iou, minlength=count)
    best, alike = _labels(group, labels[regions], count)
    text = export.regions.table["label"].combine_chunks()
    names = text.take(pa.array(regions[np.maximum(best, 0)], mask=best < 0))
    table = pa.table(
        {
            "task_id": pa.array(counted.task_ids[task]),
            "page": pa.array(page.astype(np.int32)),
            "lesion": pa.array(on_page.astype(np.int32)),
            "n_annotators": pa.array(people.astype(np.int32)),
            "n_drawn": pa.array(drawn.astype(np.int32)),
            "label": names,
            "label_equal": nullable(alike, drawn < 2),
            "iou_mean": nullable(total / np.maximum(matches, 1), matches == 0),
            "score": nullable(total / np.maximum(people * (people - 1) // 2, 1), people < 2),
            "area_px2": numbers(_geometric_means(group, areas[regions], one)),
        }
    )
    of_region = np.full(len(export.regions), -1, dtype=np.int64)
    of_region[regions] = group
    return table, of_region


def _by_page(counted: Counted, group: Ints) -> Ints:
    """Number groups by task, page and first region, which is that of the first annotator."""
    _, one = np.unique(group, return_index=True)
    order = np.lexsort((one, counted.page[one], counted.task[counted.owner[one]]))
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order))
    found: Ints = number[group]
    return found


def _labels(group: Ints, labels: NDArray[np.int32], count: int) -> tuple[Ints, NDArray[np.bool_]]:
    """Find a region with the most frequent label set of each group (-1: a tie), and whether it is the only set."""
    members = np.lexsort((labels, group))
    fresh = np.diff(group[members], prepend=-1) != 0
    fresh |= np.diff(labels[members], prepend=-2) != 0
    start = np.flatnonzero(fresh)
    votes = np.diff(start, append=len(members))
    owner = group[members[start]]
    order = np.lexsort((-votes, owner))
    top = np.searchsorted(owner[order], np.arange(count))
    sets = np.bincount(owner, minlength=count)
    runner_up = order[np.minimum(top + 1, max(len(order) - 1, 0))]
    tie = (sets > 1) & (votes[runner_up] == votes[order[top]])
    return np.where(tie, -1, members[start[order[top]]]), sets == 1


def _geometric_means(group: Ints, areas: Floats, one: Ints) -> Floats:
    """Geometric mean of the areas of each group; NaN for a region without an area, which is always alone.

    `one` is a region of each group: in relation to its area, so that equal areas have that area as their mean, to the
    bit.
    """
    unit = areas[one]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.bincount(group, weights=np.log(areas / unit[group]), minlength=len(one))
        means = unit * np.exp(logs / np.bincount(group, minlength=len(one)))
    found: Floats = np.where(means > 0, means, np.nan)
    return found
