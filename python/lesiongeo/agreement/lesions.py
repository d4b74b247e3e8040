"""Lesions: the regions that several annotators drew of one thing, at most one region of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .. import _core
from ..arrow import nullable, numbers
from ..read import Export
from .counted import Counted, Ints, compare_pages, label_sets
from .tables import LABEL_CONFLICT, Rows

__all__ = ["CONFLICT_GATE", "GATE", "Groups", "group_regions", "lesion_table"]

Floats = NDArray[np.float64]

#: Smallest IoU of a match within a label, and across labels, where the caller does not say.
GATE, CONFLICT_GATE = 0.1, 0.5


@dataclass(frozen=True, slots=True)
class Groups:
    """Lesions as groups of regions, by task, page and first region (which is that of the first annotator).

    Attributes
    ----------
    group : ndarray of int64, shape (n_counted,)
        The group of each region of ``counted.order``.
    one : ndarray of int64, shape (n_groups,)
        Where the first region of each group stands in ``counted.order``.
    task : ndarray of int64, shape (n_groups,)
        Number of the task of each group in ``counted.task_ids``.
    page : ndarray of int64, shape (n_groups,)
        Its page.
    number : ndarray of int64, shape (n_groups,)
        Its number on that page, from 0.
    """

    group: Ints
    one: Ints
    task: Ints
    page: Ints
    number: Ints

    def of_region(self, counted: Counted, regions: int) -> Ints:
        """Return the group of each region of the export; -1 where it does not count."""
        found = np.full(regions, -1, dtype=np.int64)
        found[counted.order] = self.group
        return found


def group_regions(
    export: Export,
    counted: Counted,
    *,
    gate: float = GATE,
    conflict_gate: float = CONFLICT_GATE,
    threads: int | None = None,
) -> Groups:
    """Group the regions of each page as `agreement` does, without its tables of pairs."""
    _, a, b, kind, iou, _ = _core.match_pages(
        export.regions.polygons._interior(threads),
        label_sets(export.regions.table),
        counted.order,
        np.ascontiguousarray(compare_pages(export, counted).ranges),
        gate=gate,
        conflict_gate=conflict_gate,
        threads=threads,
    )
    matched = kind <= LABEL_CONFLICT
    place = _places(export, counted)
    return _grouped(counted, place[a[matched]], place[b[matched]], iou[matched])


def lesion_table(
    export: Export, counted: Counted, rows: Rows, labels: NDArray[np.int32], areas: Floats
) -> tuple[pa.Table, Ints]:
    """Group the regions of each page by their matches; return one row per group, and the group of each region.

    `labels` numbers the label sets of the regions. See `agreement` for the columns and the rule.
    """
    regions = counted.order.astype(np.int64)
    place = _places(export, counted)
    matched = np.flatnonzero(rows.kind <= LABEL_CONFLICT)
    first, second, iou = place[rows.a[matched]], place[rows.b[matched]], rows.iou[matched]
    groups = _grouped(counted, first, second, iou)
    group, count = groups.group, len(groups.one)
    people = np.bincount(counted.task, minlength=len(counted.task_ids))[groups.task]
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
            "task_id": pa.array(counted.task_ids[groups.task]),
            "page": pa.array(groups.page.astype(np.int32)),
            "lesion": pa.array(groups.number.astype(np.int32)),
            "n_annotators": pa.array(people.astype(np.int32)),
            "n_drawn": pa.array(drawn.astype(np.int32)),
            "label": names,
            "label_equal": nullable(alike, drawn < 2),
            "iou_mean": nullable(total / np.maximum(matches, 1), matches == 0),
            "score": nullable(total / np.maximum(people * (people - 1) // 2, 1), people < 2),
            "area_px2": numbers(_geometric_means(group, areas[regions], groups.one)),
        }
    )
    return table, groups.of_region(counted, len(export.regions))


def _places(export: Export, counted: Counted) -> Ints:
    """Where each region of the export stands in the order; -1 where it does not count."""
    place = np.full(len(export.regions), -1, dtype=np.int64)
    place[counted.order] = np.arange(len(counted.order))
    return place


def _grouped(counted: Counted, first: Ints, second: Ints, iou: Floats) -> Groups:
    """Group regions, as positions in the order, by their matches."""
    # The annotation stands for its annotator: of each annotator one annotation counts per task.
    changes = np.diff(counted.owner, prepend=-1) > 0
    group = _by_page(counted, _core.group_lesions(np.cumsum(changes) - 1, first, second, iou))
    count = int(group.max(initial=-1)) + 1
    members = np.argsort(group, kind="stable")
    one = members[np.searchsorted(group[members], np.arange(count))]
    task, page = counted.task[counted.owner[one]], counted.page[one]
    first_of_page = np.flatnonzero(np.diff(task, prepend=-1) | np.diff(page, prepend=-1))
    number = np.arange(count) - np.repeat(first_of_page, np.diff(first_of_page, append=count))
    return Groups(group, one, task, page, number)


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
