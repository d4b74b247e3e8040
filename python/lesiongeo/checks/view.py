"""An export as the checks see it: which annotations and regions count, and rows of findings about them."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..agreement.counted import Counted, Ints
from ..read import Export

__all__ = ["FINDING_SCHEMA", "SEVERITIES", "View", "first_rows", "spread"]

Mask: TypeAlias = NDArray[np.bool_]

#: The worst first.
SEVERITIES = ("error", "warning", "info")

FINDING_SCHEMA = pa.schema(
    [
        ("severity", pa.string()),
        ("code", pa.string()),
        ("task_id", pa.int64()),
        ("page", pa.int32()),
        ("annotation_id", pa.int64()),
        ("annotator", pa.string()),
        ("region_id", pa.string()),
        ("label", pa.string()),
        ("value", pa.string()),
        ("message", pa.string()),
    ]
)


class View:
    """An export, the annotations that count, and their regions.

    Those count that agreement compares: submitted, not cancelled, and the newest of one person on one task.
    """

    def __init__(self, export: Export) -> None:
        self.export = export
        self.regions = export.regions.table
        self.annotations = export.annotations
        self.counted = Counted(export)
        #: Per annotation: whether it counts.
        self.counts: Mask = np.zeros(export.annotations.num_rows, dtype=bool)
        self.counts[self.counted.annotations] = True
        #: Rows of the regions that count, by annotation, page, then place in the file.
        self.rows: Ints = self.counted.order.astype(np.int64)
        #: Per row of `rows`: number of its annotation among those that count, and page.
        self.owner, self.page = self.counted.owner, self.counted.page
        #: The same for annotation and page, which are sorted: numbered together.
        self.place: Ints = np.zeros(len(self.rows), dtype=np.int64)
        self.place[1:] = np.cumsum((np.diff(self.owner) != 0) | (np.diff(self.page) != 0))
        #: Number of each annotation's task, as in `counted.task_ids`.
        self.task: Ints = self._task_numbers()
        answers = export.answers
        #: Answers to pages, and rows of the annotations that gave them.
        self.page_answers = answers.filter(pc.is_valid(answers["page"]))
        names = ["task_id", "annotation_id", "source"]
        self.answering: Ints = first_rows(
            [export.annotations[name] for name in names], [self.page_answers[name] for name in names]
        )
        #: Images of each task, numbered as in `counted.task_ids`.
        self.images: Ints = np.zeros(len(self.counted.task_ids), dtype=np.int64)
        per_task = pc.fill_null(pc.list_value_length(export.tasks["images"]), 0).to_numpy().astype(np.int64)
        np.maximum.at(self.images, self.counted.export_task, per_task)

    def _task_numbers(self) -> Ints:
        ids = self.counted.task_ids
        sort = np.argsort(ids, kind="stable")
        wanted = self.annotations["task_id"].to_numpy()
        found: Ints = sort[np.searchsorted(ids, wanted, sorter=sort)] if len(ids) else np.empty(0, np.int64)
        return found

    def about_regions(self, code: str, rows: Ints, message: Any, *, value: Any = None, severity: Any) -> pa.Table:
        """Make a finding of each of these regions."""
        theirs = self.regions.select(["task_id", "page", "annotation_id", "annotator", "region_id", "label"])
        theirs = theirs.take(pa.array(rows))
        return _table(len(rows), severity, code, value, message, {name: theirs[name] for name in theirs.column_names})

    def about_annotations(
        self, code: str, rows: Ints, message: Any, *, page: Any = None, value: Any = None, severity: Any
    ) -> pa.Table:
        """Make a finding of each of these annotations, given by their rows."""
        theirs = self.annotations.select(["task_id", "annotation_id", "annotator"]).take(pa.array(rows))
        place = {name: theirs[name] for name in theirs.column_names}
        return _table(len(rows), severity, code, value, message, {**place, "page": page})

    def about_tasks(
        self, code: str, tasks: Ints, message: Any, *, page: Any = None, value: Any = None, severity: Any
    ) -> pa.Table:
        """Make a finding of each of these tasks, given by their numbers in `counted.task_ids`."""
        place = {"task_id": pa.array(self.counted.task_ids[tasks]), "page": page}
        return _table(len(tasks), severity, code, value, message, place)


def _table(count: int, severity: Any, code: Any, value: Any, message: Any, place: dict[str, Any]) -> pa.Table:
    given = {"severity": severity, "code": code, "value": value, "message": message, **place}
    columns = [spread(given.get(field.name), count, field.type) for field in FINDING_SCHEMA]
    return pa.Table.from_arrays(columns, schema=FINDING_SCHEMA)


def spread(given: Any, count: int, kind: pa.DataType) -> pa.Array:
    """Return a column of `count` values: given as one, as none, or each."""
    if given is None or isinstance(given, str):
        return pa.repeat(pa.scalar(given, kind), count)
    column = given if isinstance(given, pa.Array | pa.ChunkedArray) else pa.array(given)
    column = column.cast(kind)
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def first_rows(known: list[Any], wanted: list[Any]) -> Ints:
    """Find the first row of `known` that equals each row of `wanted` in all columns, else -1; null equals null.

    O(n log n) in the rows of both.
    """
    code = np.zeros(len(known[0]) + len(wanted[0]), dtype=np.int64)
    for mine, theirs in zip(known, wanted, strict=True):
        chunks = [
            chunk for part in (mine, theirs) for chunk in (part.chunks if isinstance(part, pa.ChunkedArray) else [part])
        ]
        both = pa.chunked_array(chunks, type=mine.type).combine_chunks().dictionary_encode()
        own = pc.fill_null(both.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64) + 1
        # Renumbered each time, so that no product of counts can overflow.
        _, code = np.unique(code * (int(own.max(initial=0)) + 1) + own, return_inverse=True)
    have, want = code[: len(known[0])], code[len(known[0]) :]
    first = np.full(int(code.max(initial=-1)) + 1, -1, dtype=np.int64)
    first[have[::-1]] = np.arange(len(have))[::-1]
    return first[want]
