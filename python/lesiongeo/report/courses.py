"""Lesions over visits as the pictures need them: one course per lesion, from rows of the table of tracks."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .run import floats, texts
from .text import number, shown, signed_percent, words

__all__ = [
    "KEY",
    "READ",
    "Course",
    "Seen",
    "change_in_words",
    "course_codes",
    "courses_of",
    "findings_in_words",
    "lesion_name",
    "listed",
    "ticked_in_words",
]

Ints = NDArray[np.int64]
#: What tells lesions apart, beside the task where no patient is known; the annotator where everybody has their own.
KEY = ("patient", "site", "track_id", "annotator")

#: Places of one kind of finding that are said of a lesion.
MOST_PLACES = 6


@dataclass(slots=True)
class Seen:
    """A visit of a lesion: what was measured, ticked and said of it. Areas in `unit` squared."""

    visit: int
    day: float | None
    task_id: int | None
    page: int | None
    image: str | None
    present: bool
    unit: str
    area: float | None
    low: float | None
    high: float | None
    spacing: tuple[float, float]
    centroid: tuple[float, float] | None
    size: tuple[int, int] | None
    n_annotators: int | None
    annotators: list[str]
    n_parts: int
    percent: float | None
    mdc: float | None
    significant: bool | None
    reason: str | None
    noise_source: str | None
    measured: str | None
    ticked: str | None
    answer: str | None
    conflict: bool
    #: What was ticked against what was measured, by somebody at least.
    against: list[str] = field(default_factory=list)
    #: Rows of the regions whose outlines these are.
    regions: list[int] = field(default_factory=list)
    #: Is in the unit of the course, on a page of the same size where that is pixels.
    comparable: bool = True

    @property
    def half_width(self) -> float | None:
        """Half width, in ln area, of what is no change against the visit before."""
        return None if self.mdc is None else math.log1p(self.mdc / 100.0)


@dataclass(slots=True)
class Course:
    """A lesion over visits."""

    patient: str | None
    site: str | None
    track: str | None
    annotator: str | None
    label: str | None
    id_source: str | None
    seen: list[Seen] = field(default_factory=list)
    #: Task of the lesion; without a patient it is what tells lesions of one id apart.
    task_id: int | None = None
    #: What stands for the id where it is not to be shown.
    alias: str | None = None
    conflicts: list[dict[str, Any]] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def unit(self) -> str:
        """Unit of lengths: mm where it is known of any visit on which the lesion was drawn."""
        return "mm" if any(one.unit == "mm" for one in self.seen if one.present) else "px"

    def contradict(self, conflicts: list[dict[str, Any]]) -> None:
        """Take in the rows of the table of conflicts that are about this lesion."""
        self.conflicts += conflicts
        for row in conflicts:
            for one in self.seen:
                if one.visit == row.get("visit") and row.get("ticked") is not None:
                    one.conflict = True
                    one.against += [row["ticked"]] * (row["ticked"] not in one.against)

    def settle(self) -> None:
        """Say which visits can stand in one drawing: the same unit, and of pixels the same size of the page."""
        sizes = [one.size for one in self.seen if one.present and one.size is not None]
        for one in self.seen:
            fits = self.unit == "mm" or not sizes or one.size is None or one.size == sizes[0]
            one.comparable = not one.present or (one.unit == self.unit and fits)


def lesion_name(course: Course) -> str:
    """Return what a lesion is called in headings and titles."""
    parts = [f"Lesion {shown(course.track if course.alias is None else course.alias, 40) or '(no id)'}"]
    if course.patient is not None:
        parts.append(f"patient {shown(course.patient, 40)}")
    elif course.task_id is not None:
        parts.append(f"task {course.task_id}")
    if course.site is not None:
        parts.append(shown(course.site, 40))
    if course.annotator is not None:
        parts.append(f"annotator {shown(course.annotator, 30)}")
    return ", ".join(parts)


def change_in_words(seen: Seen) -> str:
    """Return the change against the visit before with its noise, or nothing where there is none.

    Examples
    --------
    >>> from lesiongeo.report.courses import change_in_words, seen_of
    >>> change_in_words(seen_of({"visit": 1, "pct_area": 46.2, "mdc95": 22.4, "significant": True}))
    '+46 %, noise 22 %'
    """
    if seen.percent is None:
        return ""
    text = signed_percent(seen.percent, 0)
    return text if seen.mdc is None else f"{text}, noise {number(seen.mdc, 0)} %"


def ticked_in_words(seen: Seen) -> list[tuple[str, str]]:
    """Return what was ticked: roles of text and texts, one for what most said, one for each that contradicts.

    Examples
    --------
    >>> from lesiongeo.report.courses import seen_of, ticked_in_words
    >>> seen = seen_of({"visit": 1, "human_status": "enlarged", "conflict": True})
    >>> seen.against = ["stable"]
    >>> ticked_in_words(seen)
    [('words', 'ticked enlarged'), ('alert', '≠ ticked stable')]
    """
    lines = []
    if seen.ticked is not None and seen.ticked not in seen.against:
        lines.append(("words", f"ticked {words(seen.ticked)}"))
    against = [words(one) for one in seen.against] or ["otherwise"] * seen.conflict
    return [*lines, *(("alert", f"\u2260 ticked {one}") for one in against)]


def findings_in_words(findings: list[dict[str, Any]]) -> list[str]:
    """Say what several findings have in common once, then the visit, the annotator and the value of each.

    Examples
    --------
    >>> from lesiongeo.report.courses import findings_in_words
    >>> one = {"code": "missed_by", "message": "draw it", "annotator": "b", "value": "drawn by 1 of 2"}
    >>> findings_in_words([one | {"visit": 3}, one | {"visit": 1, "annotator": None}])
    ['missed by: draw it (visit 3, annotator b: drawn by 1 of 2; visit 1: drawn by 1 of 2)']
    """
    places: dict[tuple[Any, str], dict[str, None]] = {}
    for row in findings:
        own = places.setdefault((row.get("code"), str(row.get("message") or "")), {})
        parts = [f"{name} {shown(row[name], 30)}" for name in ("visit", "annotator") if row.get(name) is not None]
        said = ": ".join([", ".join(parts)] * bool(parts) + [shown(row["value"], 40)] * (row.get("value") is not None))
        own |= {said: None} if said else {}
    found = []
    for (code, message), own in places.items():
        listed_places = [*own][:MOST_PLACES] + [f"and {len(own) - MOST_PLACES} more"] * (len(own) > MOST_PLACES)
        where = f" ({'; '.join(listed_places)})" if own else ""
        found.append(f"{words(code)}: {message}{where}")
    return found


def course_codes(table: pa.Table) -> Ints:
    """Number the lesions of a table of tracks, in no order; (n_rows,)."""
    columns = [_codes(texts(table, name)) for name in KEY]
    if "task_id" in table.column_names:
        # Without a patient nothing connects two tasks.
        alone = pc.is_null(texts(table, "patient")).to_numpy()
        tasks = _codes(table["task_id"])
        # Of a visit without a page of the site no task is known: it is that of the rows before.
        last = np.maximum.accumulate(np.where(tasks >= 0, np.arange(len(tasks)), 0))
        columns.append(np.where(alone, tasks[last] if len(tasks) else tasks, -1))
    stacked = np.stack(columns, axis=1) if table.num_rows else np.empty((0, len(columns)), dtype=np.int64)
    found: Ints = np.unique(stacked, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return found


def _codes(column: pa.ChunkedArray) -> Ints:
    encoded = column.combine_chunks().dictionary_encode()
    found: Ints = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def courses_of(table: pa.Table, codes: Ints) -> list[Course]:
    """Make a course of each lesion, in the order of the first row of each; rows are those of one table of tracks."""
    grouped: dict[int, list[dict[str, Any]]] = {}
    for code, row in zip(codes.tolist(), _rows(table), strict=True):
        grouped.setdefault(code, []).append(row)
    courses = []
    for rows in grouped.values():
        rows.sort(key=lambda row: (row.get("visit") or 0, row.get("task_id") or 0, row.get("page") or 0))
        first = rows[0]
        labels = [row.get("label") for row in rows if row.get("label") is not None]
        patient, site, track, annotator = (None if first.get(name) is None else str(first[name]) for name in KEY)
        course = Course(patient, site, track, annotator, str(labels[-1]) if labels else None, first.get("id_source"))
        course.seen, course.task_id = [seen_of(row) for row in rows], first.get("task_id")
        courses.append(course)
    return courses


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    """Rows as dictionaries; texts and numbers as such also where a CSV file made something else of them."""
    columns: dict[str, list[Any]] = {name: table[name].to_pylist() for name in table.column_names if name in READ}
    for name in NUMBERS & columns.keys():
        columns[name] = [None if math.isnan(value) else value for value in floats(table, name).tolist()]
    for name in TEXTS & columns.keys():
        columns[name] = texts(table, name).to_pylist()
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


TEXTS = frozenset(
    "patient site track_id annotator image label id_source unit reason noise_source geo_status human_status "
    "human_answer".split()
)
NUMBERS = frozenset(
    "day_offset spacing_x_mm spacing_y_mm area_mm2 area_px2 area_low_mm2 area_high_mm2 centroid_x_px centroid_y_px "
    "pct_area mdc95".split()
)
READ = (
    TEXTS
    | NUMBERS
    | frozenset(
        "visit task_id page n_annotators n_drawn n_regions annotators n_parts significant conflict width height".split()
    )
)


def seen_of(row: dict[str, Any]) -> Seen:
    """Make a visit of a row of the table of tracks; columns may be missing."""
    drawn = row.get("n_drawn", row.get("n_regions"))
    metric = row.get("unit") == "mm"
    area = row.get("area_mm2" if metric else "area_px2")
    # Intervals are known in mm2; those of pixels have the same ratio to the area.
    low, high = row.get("area_low_mm2"), row.get("area_high_mm2")
    spacing = row.get("spacing_x_mm"), row.get("spacing_y_mm")
    centroid = row.get("centroid_x_px"), row.get("centroid_y_px")
    size = row.get("width"), row.get("height")
    return Seen(
        visit=int(row.get("visit") or 0),
        day=row.get("day_offset"),
        task_id=row.get("task_id"),
        page=row.get("page"),
        image=row.get("image"),
        present=bool(drawn) if drawn is not None else area is not None,
        unit="mm" if metric else "px",
        area=area,
        low=low if metric else None,
        high=high if metric else None,
        spacing=spacing if metric and None not in spacing else (1.0, 1.0),  # type: ignore[arg-type]
        centroid=None if None in centroid else centroid,  # type: ignore[arg-type]
        size=None if None in size else size,  # type: ignore[arg-type]
        n_annotators=row.get("n_annotators"),
        annotators=listed(row.get("annotators")),
        n_parts=int(row.get("n_parts") or 1),
        percent=row.get("pct_area"),
        mdc=row.get("mdc95"),
        significant=row.get("significant"),
        reason=row.get("reason"),
        noise_source=row.get("noise_source"),
        measured=row.get("geo_status"),
        ticked=row.get("human_status"),
        answer=row.get("human_answer"),
        conflict=bool(row.get("conflict")),
    )


def listed(value: Any) -> list[str]:
    """Return a list of names; of CSV the JSON of one."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = [value]
    return [str(one) for one in value if one is not None] if isinstance(value, list) else []
