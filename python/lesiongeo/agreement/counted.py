"""Who is compared with whom, on which pages: the annotations that count and their regions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..read import Export
from ..regions import has_interior
from .annotators import UNKNOWN, annotator_order, ranks

__all__ = ["Comparisons", "Counted", "Ints", "compare_pages", "label_sets"]

Ints: TypeAlias = NDArray[np.int64]


class Counted:
    """The annotations that count, sorted by task and annotator, and their regions, sorted by page within them."""

    def __init__(self, export: Export) -> None:
        table = export.annotations
        author = pc.fill_null(table["annotator"], UNKNOWN)
        self.names = sorted(author.unique().to_pylist(), key=annotator_order)
        rank = ranks(author, self.names)
        # By id, so that nothing depends on the order of tasks in the files: converted ones are sorted.
        self.task_ids, codes = np.unique(
            np.concatenate((export.tasks["task_id"].to_numpy(), table["task_id"].to_numpy())), return_inverse=True
        )
        self.export_task = codes[: export.tasks.num_rows]
        task = codes[export.tasks.num_rows :]

        counts = pc.and_(pc.equal(table["source"], "annotation"), pc.invert(table["cancelled"])).to_numpy()
        rows = np.flatnonzero(counts)
        updated, created = (_times(table[name])[rows] for name in ("updated_at", "created_at"))
        ids = pc.fill_null(table["annotation_id"], -1).to_numpy()[rows]
        by_age = np.lexsort((ids, created, updated, rank[rows], task[rows]))
        rows = rows[by_age]
        newest = np.ones(len(rows), dtype=bool)
        newest[:-1] = (task[rows][1:] != task[rows][:-1]) | (rank[rows][1:] != rank[rows][:-1])
        #: Rows of older annotations by the same person on the same task: they do not count.
        self.superseded: Ints = rows[~newest]
        #: Rows of the export's annotations, by task, then annotator.
        self.annotations: Ints = rows[newest]
        self.task: Ints = task[self.annotations]
        self.rank: Ints = rank[self.annotations]

        number = np.full(table.num_rows, -1, dtype=np.int64)
        number[self.annotations] = np.arange(len(self.annotations))
        owner = number[export.annotation_rows]
        page = export.regions.table["page"].to_numpy().astype(np.int64)
        #: Number of the task and page of every region of a counting annotation, whatever its kind.
        self.named: tuple[Ints, Ints] = (self.task[owner[owner >= 0]], page[owner >= 0])
        # Key points and lines have no interior that could overlap anything.
        chosen = np.flatnonzero((owner >= 0) & has_interior(export.regions.table))
        chosen = chosen[np.lexsort((chosen, page[chosen], owner[chosen]))]
        #: Rows of the export's regions that have an interior, by counting annotation, then page.
        self.order = chosen.astype(np.uint32)
        self.owner: Ints = owner[chosen]
        self.page: Ints = page[chosen]


def _times(column: pa.ChunkedArray) -> Ints:
    """Microseconds, null as the earliest of all."""
    times: Ints = pc.fill_null(column.cast(pa.int64()), np.iinfo(np.int64).min).to_numpy()
    return times


@dataclass(frozen=True)
class Comparisons:
    """Task, page and two counting annotations (-1: there is no second), with their regions as ranges in the order."""

    task: Ints
    page: Ints
    a: Ints
    b: Ints
    ranges: Ints


def compare_pages(export: Export, counted: Counted) -> Comparisons:
    """List every page of every task for every pair of its annotators."""
    tasks = len(counted.task_ids)
    pages = np.ones(tasks, dtype=np.int64)
    images = np.diff(export.tasks["images"].combine_chunks().offsets.to_numpy())
    np.maximum.at(pages, counted.export_task, images)
    np.maximum.at(pages, counted.named[0], counted.named[1] + 1)
    people = np.bincount(counted.task, minlength=tasks)
    start = np.concatenate(([0], np.cumsum(people)))[:-1]
    pieces: list[tuple[Ints, Ints, Ints]] = []
    for count in np.unique(people[people > 0]).tolist():
        some = np.flatnonzero(people == count)
        if count == 1:
            pieces.append((some, start[some], np.full(len(some), -1)))
            continue
        left, right = np.triu_indices(count, 1)
        task = np.repeat(some, len(left))
        pieces.append((task, start[task] + np.tile(left, len(some)), start[task] + np.tile(right, len(some))))
    empty = np.empty(0, dtype=np.int64)
    task, a, b = (np.concatenate([empty, *(piece[i] for piece in pieces)]) for i in range(3))
    copies = pages[task]
    page = np.arange(copies.sum()) - np.repeat(np.cumsum(copies) - copies, copies)
    task, a, b = (np.repeat(column, copies) for column in (task, a, b))
    sort = np.lexsort((b, a, page, task))
    task, page, a, b = task[sort], page[sort], a[sort], b[sort]
    width = int(pages.max(initial=1)) + 1
    key = counted.owner * width + counted.page

    def span(annotation: Ints) -> list[Ints]:
        wanted = np.where(annotation >= 0, annotation * width + page, -1)
        return [np.searchsorted(key, wanted, "left"), np.searchsorted(key, wanted, "right")]

    ranges = np.stack([*span(a), *span(b)], axis=1).astype(np.int64)
    return Comparisons(task, page, a, b, ranges.reshape(-1, 4))


def label_sets(regions: pa.Table) -> NDArray[np.int32]:
    """Number the sets of labels; no label is a set of its own."""
    column = regions["labels"].combine_chunks()
    offsets = column.offsets.to_numpy()
    encoded = column.values.dictionary_encode()
    values = encoded.indices.to_numpy(zero_copy_only=False)
    codes = np.full(len(column), -1, dtype=np.int32)
    counts = np.diff(offsets)
    single = np.flatnonzero(counts == 1)
    codes[single] = values[offsets[:-1][single]]
    sets: dict[frozenset[int], int] = {}
    for row in np.flatnonzero(counts > 1).tolist():
        labels = frozenset(values[offsets[row] : offsets[row + 1]].tolist())
        # One label ticked twice is that label.
        codes[row] = (
            next(iter(labels)) if len(labels) == 1 else sets.setdefault(labels, len(encoded.dictionary) + len(sets))
        )
    return codes
