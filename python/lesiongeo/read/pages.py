"""One row per page of a task: image, size, patient, date of the visit, spacing."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..arrow import nullable, numbers
from .fields import ALL_PAGES, Found, TaskFields
from .options import ReadOptions
from .problems import ProblemRows

__all__ = ["Drawn", "drawn", "page_table", "task_patients"]


class Drawn(NamedTuple):
    """Where regions and answers lie: row of the task and page."""

    region_task: NDArray[Any]
    region_page: NDArray[Any]
    answer_task: NDArray[Any]
    answer_page: NDArray[Any]

    def named_pages(self, tasks: int) -> NDArray[np.int64]:
        """Number of pages of each task up to the last that is named; at least 1."""
        last = np.zeros(tasks, dtype=np.int64)
        for task, page in ((self.region_task, self.region_page), (self.answer_task, self.answer_page)):
            key = _runs(_key(task, page))
            np.maximum.at(last, key >> 32, key & 0xFFFFFFFF)
        return last + 1


def drawn(columns: dict[str, Any], task_rows: NDArray[Any]) -> Drawn:
    """Look up where regions and answers lie; `task_rows` are the tasks of the annotations."""
    answers = columns["answers"]
    on_page = answers["page"] >= 0
    regions = columns["regions"]
    return Drawn(
        task_rows[regions["annotation"]], regions["page"], task_rows[answers["row"][on_page]], answers["page"][on_page]
    )


def page_table(
    tasks: pa.Table, where: Drawn, sizes: tuple[NDArray[Any], NDArray[Any]], fields: TaskFields, options: ReadOptions
) -> tuple[pa.Table, ProblemRows]:
    """Make the table of pages.

    A row for page 0 of every task, for every image and for every page that a region or an answer names. The same task
    in several files has its pages once; where the files say different things of one page, it is unknown and reported.
    """
    ids = tasks["task_id"].to_numpy()
    first, code = _codes(ids)
    images = tasks["images"].combine_chunks()
    ends = images.offsets.to_numpy()
    count = np.diff(ends)
    image_task = np.repeat(np.arange(len(ids)), count)
    image_page = np.arange(len(image_task)) - np.repeat(ends[:-1] - ends[0], count)
    places = (
        (np.arange(len(ids)), np.zeros(len(ids), dtype=np.int64)),
        (image_task, image_page),
        (where.region_task, where.region_page),
        (where.answer_task, where.answer_page),
    )
    keys = [_runs(_key(code[task], page)) for task, page in places]
    key = np.unique(np.concatenate(keys))
    task, page = key >> 32, (key & 0xFFFFFFFF).astype(np.int32)
    problems = ProblemRows()

    region_row = np.searchsorted(key, _key(code[where.region_task], where.region_page))
    width, height = (_common(region_row, values, len(key)) for values in sizes)
    entry = np.full(len(key), -1, dtype=np.int64)
    # Backwards, so that of several files the first counts.
    entry[np.searchsorted(key, _key(code[image_task], image_page))[::-1]] = np.arange(len(image_task))[::-1]

    spread = _Spread(ids, code, key, task, page, problems)
    patient = spread.column(fields.patient, "patient", pa.string())
    spacing = [spread.column(fields.spacing_mm, "spacing_mm", pa.float64(), part=axis) for axis in (0, 1)]
    if options.spacing_mm is not None:
        spacing = [numbers(np.full(len(key), value)) for value in options.spacing_mm]
    table = pa.table(
        {
            "task_id": pa.array(ids[first][task] if len(ids) else ids),
            "page": pa.array(page),
            "image": images.flatten().take(pa.array(entry, mask=entry < 0)),
            "width": width,
            "height": height,
            "patient": patient,
            "visit_date": spread.column(fields.visit_date, "visit_date", pa.date32()),
            "day_offset": spread.column(fields.day_offset, "day_offset", pa.float64()),
            "spacing_x_mm": spacing[0],
            "spacing_y_mm": spacing[1],
            "n_regions": pa.array(np.bincount(region_row, minlength=len(key)).astype(np.int32)),
        }
    )
    return table, problems


def task_patients(count: int, found: Found[str]) -> pa.Array:
    """The patient of each task; null where its pages name several."""
    patients: list[str | None] = [None] * count
    several = set()
    for task, patient in zip(found.task, found.value, strict=True):
        if patients[task] not in (None, patient):
            several.add(task)
        patients[task] = patient
    for task in several:
        patients[task] = None
    return pa.array(patients, pa.string())


class _Spread(NamedTuple):
    """Spreads values of a field over the pages."""

    ids: NDArray[np.int64]
    code: NDArray[np.int64]
    key: NDArray[np.int64]
    task: NDArray[np.int64]
    page: NDArray[np.int32]
    problems: ProblemRows

    def column(self, found: Found[Any], name: str, kind: pa.DataType, part: int | None = None) -> pa.Array:
        count = len(self.key)
        entry = np.full(count, -1, dtype=np.int64)
        if not found.task:
            return pa.nulls(count, kind)
        values = found.value if part is None else [value[part] for value in found.value]
        task = self.code[np.array(found.task, dtype=np.int64)]
        page = np.array(found.page, dtype=np.int64)
        index = np.arange(len(task))
        whole = page == ALL_PAGES
        by_task = np.full(len(self.ids), -1, dtype=np.int64)
        by_task[task[whole][::-1]] = index[whole][::-1]
        entry = by_task[self.task]
        # A field has a value for the task or values for its pages; entries of pages beyond the list have none.
        wanted = _key(task[~whole], page[~whole])
        row = np.minimum(np.searchsorted(self.key, wanted), count - 1)
        there = self.key[row] == wanted
        entry[row[there][::-1]] = index[~whole][there][::-1]
        differ = self._differing(values, task, page)
        if part in (None, 0):
            self._report(sorted(differ), name)
        entry[np.isin(self.task, list(differ))] = -1
        column = pa.array(values, kind)
        return column.take(pa.array(entry, mask=entry < 0))

    def _differing(self, values: list[Any], task: NDArray[Any], page: NDArray[Any]) -> set[int]:
        """Tasks that stand in several files, which say different things about them."""
        if len(np.unique(self.code)) == len(self.code):
            return set()
        seen: dict[tuple[int, int], Any] = {}
        differ = set()
        for own, number, value in zip(task.tolist(), page.tolist(), values, strict=True):
            if seen.setdefault((own, number), value) != value:
                differ.add(own)
        return differ

    def _report(self, tasks: list[int], name: str) -> None:
        for own in tasks:
            task_id = int(self.ids[np.flatnonzero(self.code == own)[0]])
            message = f"the task stands in the files more than once, with different values for {name}; it is unknown"
            self.problems.add(task_id, field="data", code="field_differs", message=message)


def _codes(ids: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Number tasks by their id in the order of first appearance: the row of each number, and the number of each row."""
    known, start, inverse = np.unique(ids, return_index=True, return_inverse=True)
    order = np.argsort(start, kind="stable")
    rank = np.empty(len(known), dtype=np.int64)
    rank[order] = np.arange(len(known))
    return start[order], rank[inverse]


def _key(task: NDArray[Any], page: NDArray[Any]) -> NDArray[np.int64]:
    """One number for a page of a task; pages are below 100,000 (see the core)."""
    return task.astype(np.int64) << 32 | page.astype(np.int64)


def _runs(key: NDArray[np.int64]) -> NDArray[np.int64]:
    """Leave out repetitions that follow each other, so that less must be sorted."""
    return key[np.append(True, key[1:] != key[:-1])] if len(key) else key


def _common(row: NDArray[np.int64], values: NDArray[Any], count: int) -> pa.Array:
    """The value that all regions of a page share; null without regions, and where they differ (which is reported)."""
    first = np.zeros(count, dtype=np.int32)
    first[row[::-1]] = values[::-1]
    known = np.zeros(count, dtype=bool)
    known[row] = True
    known[row[values != first[row]]] = False
    return nullable(first, ~known)
