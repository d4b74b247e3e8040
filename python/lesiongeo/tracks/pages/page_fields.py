"""Fields of the tasks' data that a call names for itself: a value for every page of an export."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...agreement.counted import Ints
from ...options import shown
from ...read import Export
from ...read.fields import ALL_PAGES, Found, TaskFields, read_fields
from ...read.options import ReadOptions, read_options
from ..findings import TRACK_FINDING_SCHEMA, finding_rows

__all__ = ["PageValues", "page_days", "page_numbers", "page_positions", "page_spacings", "page_texts"]

BEYOND = (
    "the field has values of pages that the export does not: no image is known of them and nothing is drawn on them, "
    "so that a visit is left out; read the export with the option `images`, or with the labeling configuration"
)
#: What the reader calls a value that is not there; the rest it calls by what is wrong with it.
MISSING = "field_missing"


class PageValues(NamedTuple):
    """Values of a field, one per row of `Export.pages` (null: none), and findings about what could not be used."""

    values: pa.Array
    findings: pa.Table


def page_texts(export: Export, option: str, field: str) -> PageValues:
    """Read a field of names, such as patients and sites: one for the task or one per page.

    Raises `ValueError` where no page has one: then the name of the field is wrong.
    """
    options = read_options(patient=field)
    fields = _fields(export, options)
    return _found(export, option, field, fields, fields.patient, pa.string())


def page_days(export: Export, option: str, field: str) -> PageValues:
    """Read a field of dates (the result is date32) or of day numbers (double), one per page.

    Raises `ValueError` where no page has one.
    """
    fields = _fields(export, read_options(visit_date=field))
    if fields.visit_date.task:
        return _found(export, option, field, fields, fields.visit_date, pa.date32())
    fields = _fields(export, read_options(day_offset=field))
    return _found(export, option, field, fields, fields.day_offset, pa.float64())


def page_positions(export: Export, option: str, field: str) -> PageValues:
    """Read a field of any numbers, one per page.

    Raises `ValueError` where no page has one.
    """
    fields = _fields(export, read_options(day_offset=field))
    return _found(export, option, field, fields, fields.day_offset, pa.float64())


def page_spacings(export: Export, option: str, field: str) -> PageValues:
    """Read a field of millimetres per pixel, (x, y) as a list of two; for the task or per page.

    Raises `ValueError` where no page has one.
    """
    fields = _fields(export, read_options(spacing_mm=field))
    return _found(export, option, field, fields, fields.spacing_mm, pa.list_(pa.float64(), 2))


def page_numbers(export: Export, option: str, field: str) -> PageValues:
    """Read a field of numbers above 0, such as distances between slices: one for the task or one per page.

    Raises `ValueError` where no page has one.
    """
    found = page_spacings(export, option, field)
    both = np.asarray(found.values.flatten().to_numpy(zero_copy_only=False), dtype=np.float64).reshape(-1, 2)
    known = np.flatnonzero(found.values.is_valid().to_numpy(zero_copy_only=False))
    numbers = np.full(len(found.values), np.nan)
    numbers[known] = both[:, 0]
    return PageValues(pa.array(numbers, mask=np.isnan(numbers)), found.findings)


def _fields(export: Export, options: ReadOptions) -> TaskFields:
    return read_fields(export.tasks, _named_pages(export).tolist(), options)


def _named_pages(export: Export) -> Ints:
    """Number of pages of each row of tasks, as the table of pages has them; at least 1."""
    ids = export.tasks["task_id"].to_numpy()
    known, code = np.unique(ids, return_inverse=True)
    pages = np.ones(len(known), dtype=np.int64)
    own = export.pages["task_id"].to_numpy()
    if len(known):
        at = np.minimum(np.searchsorted(known, own), len(known) - 1)
        here = known[at] == own
        np.maximum.at(pages, at[here], export.pages["page"].to_numpy()[here].astype(np.int64) + 1)
    found: Ints = pages[code]
    return found


def _found(
    export: Export, option: str, field: str, fields: TaskFields, found: Found[Any], kind: pa.DataType
) -> PageValues:
    if not found.task:
        raise ValueError(_nothing(export, option, field, fields))
    task = np.array(found.task, dtype=np.int64)
    page = np.array(found.page, dtype=np.int64)
    row, differing, beyond = _rows(export, task, page, found.value)
    column = pa.array(found.value if kind != pa.list_(pa.float64(), 2) else [list(pair) for pair in found.value], kind)
    values = column.take(pa.array(row, mask=row < 0))
    findings = [_problems(fields)]
    if differing:
        message = f"the task stands in the files more than once, with different values of {field}; they are unknown"
        ids = pa.array(differing, pa.int64())
        findings.append(
            finding_rows(len(ids), severity="warning", code="field_differs", message=message, task_id=ids, value=field)
        )
    if len(beyond):
        findings.append(
            finding_rows(
                len(beyond), severity="warning", code="page_not_read", message=BEYOND, task_id=beyond, value=field
            )
        )
    return PageValues(values, pa.concat_tables(findings))


def _rows(export: Export, task: Ints, page: Ints, values: list[Any]) -> tuple[Ints, list[int], Ints]:
    """Return which value each page has (-1: none), and ids of tasks.

    First of those that are there several times and differ, then of those with values of pages that are not there.
    """
    ids = export.tasks["task_id"].to_numpy()
    known, code = np.unique(ids, return_inverse=True)
    differing: list[int] = []
    if len(known) < len(ids):
        seen: dict[tuple[int, int], Any] = {}
        for own, number, value in zip(code[task].tolist(), page.tolist(), values, strict=True):
            if seen.setdefault((own, number), value) != value:
                differing.append(int(known[own]))
    own_task = export.pages["task_id"].to_numpy()
    own_page = export.pages["page"].to_numpy().astype(np.int64)
    at = np.minimum(np.searchsorted(known, own_task), max(len(known) - 1, 0))
    # Pages are below 100,000 (see the core), so that both fit one number; -1 stands for all pages of a task.
    key, first = np.unique(code[task] << 32 | (page + 1), return_index=True)
    row = np.full(len(own_task), -1, dtype=np.int64)
    for wanted in (at << 32 | (own_page + 1), at << 32 | (ALL_PAGES + 1)):
        place = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
        row = np.where((row < 0) & (key[place] == wanted), first[place], row)
    unknown = (known[at] != own_task) | np.isin(own_task, differing)
    pages = np.sort(np.append(at << 32 | (own_page + 1), -1))
    lost = (key & 0xFFFFFFFF != ALL_PAGES + 1) & (pages[np.searchsorted(pages, key, "right") - 1] != key)
    return np.where(unknown, -1, row), sorted(set(differing)), known[np.unique(key[lost] >> 32)]


def _problems(fields: TaskFields) -> pa.Table:
    """Turn what the reader says of the field into findings; a value that is not there is only a note."""
    table = fields.problems.table()
    if table.num_rows == 0:
        return TRACK_FINDING_SCHEMA.empty_table()
    note = pc.equal(table["code"], MISSING)
    severity = pc.if_else(note, "info", "warning")
    names = ("task_id", "page", "code", "message")
    places = {name: table[name] for name in names}
    return finding_rows(table.num_rows, severity=severity, value=table["field"], **places)


def _nothing(export: Export, option: str, field: str, fields: TaskFields) -> str:
    """Say that a field is nowhere, or what is wrong with the first value of it, and which fields there are."""
    table = fields.problems.table()
    wrong = table.filter(pc.not_equal(table["code"], MISSING))
    if wrong.num_rows:
        first = wrong.slice(0, 1).to_pylist()[0]
        return f"{option} is {shown(field)}: no page has such a value; task {first['task_id']}: {first['message']}"
    texts = export.tasks["data"].drop_null()
    if not len(texts):
        return f"{option} is {shown(field)}, but the tasks have no data; read the export itself, or leave {option} out"
    names = sorted({key for text in texts.slice(0, 100).to_pylist() for key in _keys(text)})
    listed = ", ".join(shown(name) for name in names[:12]) + (", ..." if len(names) > 12 else "")
    return f"{option} is {shown(field)}, which no task has; the data has {listed or 'no fields'}"


def _keys(text: str) -> list[str]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return list(data) if isinstance(data, dict) else []
