"""Fields of the tasks' data: images, patients, dates of visits, spacing; checked against the number of pages."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, TypeVar

import pyarrow as pa

from ..options import shown
from ..spacing import LARGEST, SMALLEST
from .options import FieldPath, ReadOptions
from .problems import ProblemRows

__all__ = ["ALL_PAGES", "Found", "TaskFields", "read_fields"]

#: Stands for every page of a task.
ALL_PAGES = -1

V = TypeVar("V")
#: A value that could not be used: the code of the problem and what was expected.
Refusal = tuple[str, str]


@dataclass(slots=True)
class Found(Generic[V]):
    """Values of one field: the row of the task, the page or `ALL_PAGES`, the value."""

    task: list[int] = field(default_factory=list)
    page: list[int] = field(default_factory=list)
    value: list[V] = field(default_factory=list)

    def add(self, task: int, page: int, value: V) -> None:
        """Add one."""
        self.task.append(task)
        self.page.append(page)
        self.value.append(value)


@dataclass(slots=True)
class TaskFields:
    """What the fields of all tasks say. Columns that nobody asked for stay empty."""

    images: list[list[str | None]] | None = None
    patient: Found[str] = field(default_factory=Found)
    visit_date: Found[date] = field(default_factory=Found)
    day_offset: Found[float] = field(default_factory=Found)
    spacing_mm: Found[tuple[float, float]] = field(default_factory=Found)
    problems: ProblemRows = field(default_factory=ProblemRows)


def read_fields(tasks: pa.Table, named_pages: Sequence[int], options: ReadOptions) -> TaskFields:
    """Read the fields that were asked for.

    Parameters
    ----------
    tasks : pyarrow.Table
        Columns task_id, images and data.
    named_pages : sequence of int
        For each task the number of pages up to the last that a region or an answer names; at least 1.
    options : ReadOptions
        Paths of the fields.

    Returns
    -------
    TaskFields
        Values that fit their task, and a problem row for each that does not. A list that is longer or shorter than the
        task has pages gives no values at all: nobody can say which of them belong together.
    """
    out = TaskFields()
    wanted: list[_Wanted[Any]] = [
        _Wanted("patient", options.patient, _text, out.patient, for_all=True),
        _Wanted("visit_date", options.visit_date, _date, out.visit_date, ordered=True),
        _Wanted("day_offset", options.day_offset, _number, out.day_offset, ordered=True),
        _Wanted("spacing_mm", options.spacing_path, _spacing, out.spacing_mm, for_all=True),
    ]
    asked = [one for one in wanted if one.path is not None]
    if not asked and options.images is None:
        return out
    ids = tasks["task_id"].to_pylist()
    found = [len(images) for images in tasks["images"].to_pylist()]
    parsed = [_parsed(text) for text in tasks["data"].to_pylist()]
    for task_id, data, text in zip(ids, parsed, tasks["data"].to_pylist(), strict=True):
        if data is None and text is not None:
            message = (
                "the task's data could not be taken apart (a number of thousands of digits?); its fields are unknown"
            )
            out.problems.add(task_id, field="data", code="data_not_read", message=message)
    if options.images is not None:
        out.images = _images(ids, parsed, options.images, out.problems)
        found = [len(images) for images in out.images]
    for one in asked:
        one.read(ids, parsed, found, named_pages, out.problems)
    return out


@dataclass(slots=True)
class _Wanted(Generic[V]):
    """One field, how to read a value of it, and where the values go."""

    name: str
    path: FieldPath | None
    take: Callable[[Any], V | Refusal]
    into: Found[V]
    #: Whether a single value counts for every page.
    for_all: bool = False
    #: Whether later pages should have later values.
    ordered: bool = False

    def read(
        self,
        ids: list[int],
        parsed: list[dict[str, Any] | None],
        images: list[int],
        named: Sequence[int],
        problems: ProblemRows,
    ) -> None:
        assert self.path is not None  # noqa: S101  # read_fields asks for no other
        place = "data." + ".".join(self.path)
        values = [None if data is None else _follow(data, self.path) for data in parsed]
        if _all_missing(self.name, "field_missing", place, ids, parsed, values, problems):
            return
        for row, (task_id, value) in enumerate(zip(ids, values, strict=True)):
            if parsed[row] is None:
                continue
            # Without images the number of pages is not known, only that there are at least so many.
            self.one(row, task_id, value, place, images[row] or named[row], images[row] > 0, problems)

    def one(
        self, row: int, task_id: int, value: Any, place: str, pages: int, exact: bool, problems: ProblemRows
    ) -> None:
        """Read the field of one task."""
        if value is None:
            problems.add(task_id, field=place, code="field_missing", message=f"the task has no {place}")
            return
        if not isinstance(value, list):
            if pages > 1 and not self.for_all:
                message = f"{place} is one value for {pages} pages; it needs a list, one entry per page"
                problems.add(task_id, field=place, code="field_length_differs", message=message)
                return
            taken = self.take(value)
            if _refused(taken):
                self.refuse(task_id, None, place, value, taken, problems)
            else:
                self.into.add(row, ALL_PAGES if self.for_all else 0, taken)  # type: ignore[arg-type]
            return
        if len(value) != pages if exact else len(value) < pages:
            message = f"{place} has {len(value)} entries for {pages} pages, so none of them was used; correct the list"
            problems.add(task_id, field=place, code="field_length_differs", message=message)
            return
        before: Any = None
        rises = True
        for page, entry in enumerate(value):
            if entry is None:
                message = f"{place} has no value for this page"
                problems.add(task_id, page=page, field=place, code="field_missing", message=message)
                continue
            taken = self.take(entry)
            if _refused(taken):
                self.refuse(task_id, page, place, entry, taken, problems)
                continue
            self.into.add(row, page, taken)  # type: ignore[arg-type]
            rises = rises and (before is None or not self.ordered or before <= taken)
            before = taken
        if not rises:
            message = f"{place} goes back from a page to a later one; check the order of the images"
            problems.add(task_id, field=place, code="visit_order", message=message)

    def refuse(
        self, task_id: int, page: int | None, place: str, value: Any, refusal: Any, problems: ProblemRows
    ) -> None:
        code, expected = refusal
        message = f"{place} is {shown(value)}; {expected}. It counts as unknown"
        problems.add(task_id, page=page, field=place, code=code, message=message)


def _refused(taken: Any) -> bool:
    return isinstance(taken, tuple) and isinstance(taken[0], str)


def _all_missing(
    name: str,
    code: str,
    place: str,
    ids: list[int],
    parsed: list[dict[str, Any] | None],
    values: list[Any],
    problems: ProblemRows,
) -> bool:
    """Report a field that no task has in one row: then it is the path that is wrong."""
    known = [data for data in parsed if data is not None]
    if len(known) < 2 or any(value is not None for value in values):
        return False
    fields = sorted({key for data in known[:100] for key in data})
    listed = ", ".join(shown(_clean(key)) for key in fields[:12]) + (", ..." if len(fields) > 12 else "")
    message = f"none of {len(known)} tasks has {place}; correct the option {name}: the data has {listed or 'no fields'}"
    problems.add(ids[0], field=place, code=code, message=message)
    return True


def _images(
    ids: list[int], parsed: list[dict[str, Any] | None], path: FieldPath, problems: ProblemRows
) -> list[list[str | None]]:
    """Addresses of each task's images."""
    place = "data." + ".".join(path)
    values = [None if data is None else _follow(data, path) for data in parsed]
    told = _all_missing("images", "images_missing", place, ids, parsed, values, problems)
    images: list[list[str | None]] = []
    for task_id, data, value in zip(ids, parsed, values, strict=True):
        listed = value if isinstance(value, list) else [] if value is None else [value]
        texts = [_clean(entry) if isinstance(entry, str) and entry else None for entry in listed]
        images.append(texts)
        if data is None or told:
            continue
        if not texts:
            message = f"the task has no {place}, so its pages and images are unknown; correct the data or `images`"
            problems.add(task_id, field=place, code="images_missing", message=message)
        for page, text in enumerate(texts):
            if text is None:
                message = f"{place} holds no address for this page"
                problems.add(task_id, page=page, field=place, code="images_missing", message=message)
    return images


def _parsed(text: str | None) -> dict[str, Any] | None:
    """The data of one task; the core has checked its grammar and bounded its depth."""
    if text is None:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _follow(data: dict[str, Any], path: FieldPath) -> Any:
    """The value at a path; None where there is none. Lists on the way are gone through."""
    whole = ".".join(path)
    if len(path) > 1 and whole in data:
        return data[whole]
    value: Any = data
    for key in path:
        if isinstance(value, list):
            value = [entry.get(key) if isinstance(entry, dict) else None for entry in value]
            if all(entry is None for entry in value):
                return None
        elif isinstance(value, dict):
            value = value.get(key)
        else:
            return None
    return value


def _clean(text: str) -> str:
    """Text that is UTF-8: halves of surrogate pairs, which JSON can write, become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _text(value: Any) -> str | Refusal:
    if isinstance(value, str) and value.strip():
        return _clean(value.strip())
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return "not_a_text", "a patient is a text or a number"


def _date(value: Any) -> date | Refusal:
    """The day of an ISO 8601 date or time, as it is written: no change of time zone."""
    if isinstance(value, str) and len(value) <= 40:
        text = value.strip()
        for read in (date.fromisoformat, datetime.fromisoformat):
            try:
                found = read(text)
            except ValueError:
                continue
            return found.date() if isinstance(found, datetime) else found
    return "not_a_date", "a date is written as 2026-11-21, or with a time behind it"


def _number(value: Any) -> float | Refusal:
    number = _real(value)
    return ("not_a_number", "a finite number is needed") if number is None else number


def _real(value: Any) -> float | None:
    """A finite number, also typed as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and not re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", value, re.ASCII):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _spacing(value: Any) -> tuple[float, float] | Refusal:
    """Millimetres per pixel along x and y: a number, [x, y] or {"x": ..., "y": ...}."""
    parts = [value, value]
    if isinstance(value, dict):
        parts = [value.get("x"), value.get("y")]
    elif isinstance(value, list):
        parts = value
    numbers = [_real(part) for part in parts]
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
        return "not_a_number", 'spacing is a number, [x, y] or {"x": ..., "y": ...}, in mm per pixel'
    x, y = numbers[0], numbers[1]
    if not (SMALLEST <= x <= LARGEST and SMALLEST <= y <= LARGEST):
        return "spacing_not_positive", "spacing is from 1e-9 to 1e9 mm per pixel"
    return x, y
