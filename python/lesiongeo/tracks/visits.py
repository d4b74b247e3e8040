"""Which pages are one visit of one patient, in which order, how many days apart, and what is known of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..agreement.counted import Counted, Ints
from ..arrow import nullable, numbers
from ..checks.view import Mask
from ..read import Export
from ..spacing import Spacing
from .calibration import SPACING_SOURCES, Calibration, calibrate
from .findings import finding_rows, sorted_findings
from .imaged import DEFAULT_NOT_IMAGED, usable_pages
from .page_fields import as_date, dates_as_days, page_days, page_texts

__all__ = ["Visits", "visits_of"]

Floats = NDArray[np.float64]

SEVERAL_PAGES = (
    "several pages show the same patient and site on the same visit; what is drawn on them is taken as one visit: name "
    "the site with the option `site`, or correct the dates"
)
ORDER_OF_TASKS = (
    "no date and no day of this patient's visits is known, so they are in the order of their task ids; name the field "
    "that has them with the option `visit`"
)
NO_DAY = (
    "the day of this page is unknown while others of the patient are known; it is a visit of its own, beside the "
    "page before it in the task, and no rate is given; complete the dates"
)
CONTRADICTION = "the dates and the day numbers of this patient's pages do not fit together; the dates were taken"
NO_PATIENT = "the task names no patient while others do; it is taken as a patient of its own: complete the data"
DRAWN = "most annotators called the image unusable, and yet lesions are outlined on it; it counts as not imaged"


@dataclass(frozen=True, slots=True)
class Visits:
    """Visits of patients; the arrays have one entry per row of `Export.pages`.

    Attributes
    ----------
    patient : ndarray of int64, shape (n_pages,)
        Number of the patient, sorted by name; tasks without patient come last, each a patient of its own.
    series : ndarray of int64, shape (n_pages,)
        Number of patient and site together, sorted by patient, then site: the row of `series_table`.
    visit : ndarray of int64, shape (n_pages,)
        Number of the visit of the patient, from 0. All sites share the visits of their patient, but where only the
        order is known: there each site has its own.
    day : ndarray of float64, shape (n_pages,)
        Days since the first visit of the patient whose day is known; NaN where only the order is known.
    visit_date : pyarrow.Array of date32
        The date; null where it is unknown.
    imaged : ndarray of bool, shape (n_pages,)
        Whether there is an image on which a lesion could have been seen: see `usable_pages`.
    annotated : ndarray of bool, shape (n_pages,)
        Whether an annotation counts for the page.
    n_annotators : ndarray of int64, shape (n_pages,)
        How many people's annotations count for it.
    spacing : ndarray of float64, shape (n_pages, 2)
        Millimetres per pixel along x and y; NaN where they are unknown.
    spacing_source : ndarray of int64, shape (n_pages,)
        Where the spacing comes from, as a place in `SPACING_SOURCES`.
    spacing_error : ndarray of float64, shape (n_pages,)
        Relative standard deviation of the spacing; NaN where it is unknown.
    tilt_deg : ndarray of float64, shape (n_pages,)
        Largest angle between camera and skin, in degrees; NaN where it is unknown.
    width, height : ndarray of int64, shape (n_pages,)
        Size of the image in pixels; -1 where nothing was drawn on it.
    marker : ndarray of bool, shape (n_regions,)
        Regions that mark a known length: no lesions.
    series_table : pyarrow.Table
        One row per series: patient (null if unknown: then the task is the patient), site (null if unknown), task_id
        (only where the patient is unknown).
    table : pyarrow.Table
        The visits for users, sorted by patient, site, visit, task and page; see `visits_of`.
    findings : pyarrow.Table
        What is odd about visits and calibration, in the schema `TRACK_FINDING_SCHEMA`.
    """

    patient: Ints
    series: Ints
    visit: Ints
    day: Floats
    visit_date: pa.Array
    imaged: Mask
    annotated: Mask
    n_annotators: Ints
    spacing: Floats
    spacing_source: Ints
    spacing_error: Floats
    tilt_deg: Floats
    width: Ints
    height: Ints
    marker: Mask
    series_table: pa.Table
    table: pa.Table
    findings: pa.Table


def visits_of(
    export: Export,
    counted: Counted,
    *,
    patient: str | None = None,
    visit: str | None = None,
    site: str | None = None,
    spacing_mm: Spacing | str | None = None,
    calibration: Calibration | None = None,
    not_imaged: Iterable[str] = DEFAULT_NOT_IMAGED,
) -> Visits:
    """Put the pages of an export into the order of each patient's visits.

    Parameters
    ----------
    export : Export
        What `read_label_studio` returns.
    counted : Counted
        The annotations of it that count.
    patient, site : str, optional
        Fields of the tasks' data with the patient and the part of the body: one name for the task or one per page.
        By default the patient that the export was read with, and no site.
    visit : str, optional
        Field with one date per page, or with one day number per page. By default what the export was read with.
    spacing_mm : number, (number, number) or str, optional
        Millimetres per pixel of every image, along x and y; or a field with them. By default what the export was read
        with.
    calibration : Calibration, optional
        Further sources of the spacing, its error and the tilt of the camera.
    not_imaged : iterable of str
        Answers about a page that say that nothing can be seen on it.

    Returns
    -------
    Visits
        With a table of one row per page: patient, site, visit (from 0), visit_date, day_offset (days since the
        patient's first known day, null if only the order is known), task_id, page (from 0), image, width, height,
        imaged, annotated, n_annotators, reason (why it does not count as imaged or annotated: no_image,
        called_unusable, not_annotated), calibrated, spacing_source, spacing_x_mm, spacing_y_mm, spacing_error,
        tilt_deg. Null where unknown. O(n log n) in pages and answers.

    Raises
    ------
    ValueError
        If a field is named that no task has, or a number is out of range.
    ConfigError
        If the calibration cannot be used.

    Notes
    -----
    Visits are ordered by date; of patients of whom more day numbers than dates are known, by day number; and where
    neither is known, by task id and page. Equal days are the same visit. A page whose day is unknown among others that
    are known is a visit of its own, after the page before it in the task (or before the page after it).

    The findings are several_pages, order_of_tasks, day_missing, days_contradict, patient_missing, unusable_but_drawn,
    those of `calibrate`, and what is wrong with the fields (not_a_date, field_length_differs, ...).

    Examples
    --------
    >>> import lesiongeo as lg
    >>> from lesiongeo.agreement.counted import Counted
    >>> from lesiongeo.tracks.visits import visits_of
    >>> export = lg.read_label_studio("examples/dermatology.json")
    >>> visits = visits_of(export, Counted(export), patient="patient_id", visit="visit_offsets_days")
    >>> visits.table["patient"][:2].to_pylist(), visits.table["day_offset"][:3].to_pylist()
    (['P0001', 'P0001'], [0.0, 164.0, 271.0])
    >>> visits.table["calibrated"][0].as_py(), visits.table["spacing_x_mm"][0].as_py()
    (False, None)
    """
    pages = export.pages
    findings: list[pa.Table] = []
    patients = pages["patient"].combine_chunks()
    if patient is not None:
        patients, found = page_texts(export, "patient", patient)
        findings.append(found)
    sites = pa.nulls(pages.num_rows, pa.string())
    if site is not None:
        sites, found = page_texts(export, "site", site)
        findings.append(found)
    dates, offsets = (pages[name].combine_chunks() for name in ("visit_date", "day_offset"))
    if visit is not None:
        days, found = page_days(export, "visit", visit)
        findings.append(found)
        is_date = pa.types.is_date32(days.type)
        dates = days if is_date else pa.nulls(pages.num_rows, pa.date32())
        offsets = pa.nulls(pages.num_rows, pa.float64()) if is_date else days

    task = pages["task_id"].to_numpy()
    page = pages["page"].to_numpy().astype(np.int64)
    people, series, series_table = _series(patients, sites, task)
    day, contradicting = _days(people, dates, offsets)
    number = _ordered(people, series, day, task, page)
    n_annotators = _annotators(counted, task)
    size = [pc.fill_null(pages[name], -1).to_numpy().astype(np.int64) for name in ("width", "height")]
    imaged, reason, drawn = usable_pages(export, counted, not_imaged)
    scale = calibrate(export, counted, patients=patients, visit=number, spacing_mm=spacing_mm, calibration=calibration)
    since = day - _first(people, day)[people] if len(day) else day

    place = _Place(patients, sites, task, page, number)
    findings += [
        place.find(_repeated(series, number), "warning", "several_pages", SEVERAL_PAGES),
        place.find(_tasks_in_order(people, day, task), "warning", "order_of_tasks", ORDER_OF_TASKS),
        place.find(_among_known(people, day), "info", "day_missing", NO_DAY),
        place.find(contradicting[0], "warning", "days_contradict", CONTRADICTION, value=contradicting[1]),
        place.find(_no_patient(patients, task), "info", "patient_missing", NO_PATIENT),
        place.find(np.flatnonzero(drawn), "info", "unusable_but_drawn", DRAWN),
        *(place.find(rows, severity, code, text, **more) for rows, severity, code, text, more in scale.remarks),
        *scale.findings,
    ]
    reason = np.where((reason == 0) & (n_annotators == 0), 3, reason)
    table = pa.table(
        {
            "patient": patients,
            "site": sites,
            "visit": pa.array(number.astype(np.int32)),
            "visit_date": dates,
            "day_offset": numbers(since),
            "task_id": pages["task_id"],
            "page": pages["page"],
            "image": pages["image"],
            "width": pages["width"],
            "height": pages["height"],
            "imaged": pa.array(imaged),
            "annotated": pa.array(n_annotators > 0),
            "n_annotators": pa.array(n_annotators.astype(np.int32)),
            "reason": pa.array([None, "no_image", "called_unusable", "not_annotated"], pa.string()).take(
                pa.array(reason)
            ),
            "calibrated": pa.array(~np.isnan(scale.spacing).any(axis=1)),
            "spacing_source": pa.array(SPACING_SOURCES).take(pa.array(scale.source)),
            "spacing_x_mm": numbers(scale.spacing[:, 0].copy()),
            "spacing_y_mm": numbers(scale.spacing[:, 1].copy()),
            "spacing_error": numbers(scale.error),
            "tilt_deg": numbers(scale.tilt_deg),
        }
    )
    order = np.lexsort((page, task, number, series))
    return Visits(
        patient=people,
        series=series,
        visit=number,
        day=since,
        visit_date=dates,
        imaged=imaged,
        annotated=n_annotators > 0,
        n_annotators=n_annotators,
        spacing=scale.spacing,
        spacing_source=scale.source,
        spacing_error=scale.error,
        tilt_deg=scale.tilt_deg,
        width=size[0],
        height=size[1],
        marker=scale.marker,
        series_table=series_table,
        table=table.take(pa.array(order)).combine_chunks(),
        findings=sorted_findings(findings),
    )


class _Place(NamedTuple):
    """What names a page in findings."""

    patients: pa.Array
    sites: pa.Array
    task: Ints
    page: Ints
    visit: Ints

    def find(self, rows: Ints, severity: str, code: str, message: str, **more: Any) -> pa.Table:
        at = pa.array(rows, pa.int64())
        return finding_rows(
            len(rows),
            severity=severity,
            code=code,
            message=message,
            patient=self.patients.take(at),
            site=self.sites.take(at),
            visit=pa.array(self.visit[rows].astype(np.int32)),
            task_id=pa.array(self.task[rows]),
            page=pa.array(self.page[rows].astype(np.int32)),
            **more,
        )


def _series(patients: pa.Array, sites: pa.Array, task: Ints) -> tuple[Ints, Ints, pa.Table]:
    """Number patients, and patients with sites, in the order of their names."""
    names, code = _sorted_codes(patients)
    unknown = code < 0
    own = np.unique(task[unknown])
    code = np.where(unknown, len(names) + np.searchsorted(own, task), code)
    places, at = _sorted_codes(sites)
    key = code * (len(places) + 1) + at + 1
    known, series = np.unique(key, return_inverse=True)
    who, where = known // (len(places) + 1), known % (len(places) + 1) - 1
    alone = who >= len(names)
    of_task = np.append(own, 0)[np.where(alone, who - len(names), len(own))]
    table = pa.table(
        {
            "patient": names.take(pa.array(np.where(alone, 0, who), mask=alone)),
            "site": places.take(pa.array(np.maximum(where, 0), mask=where < 0)),
            "task_id": nullable(of_task, ~alone),
        }
    )
    people = np.unique(code, return_inverse=True)[1].astype(np.int64)
    return people, series.astype(np.int64), table


def _sorted_codes(texts: pa.Array) -> tuple[pa.Array, Ints]:
    """Return the different texts in order, and which of them each one is; -1 for null."""
    coded = texts.dictionary_encode()
    order = pc.sort_indices(coded.dictionary)
    rank = np.empty(len(order) + 1, dtype=np.int64)
    rank[order.to_numpy()] = np.arange(len(order))
    rank[-1] = -1
    return coded.dictionary.take(order), rank[pc.fill_null(coded.indices, len(order)).to_numpy(zero_copy_only=False)]


def _days(people: Ints, dates: pa.Array, offsets: pa.Array) -> tuple[Floats, tuple[Ints, pa.Array]]:
    """Day of each page on the patient's own scale, NaN unknown; and of whom dates and day numbers contradict."""
    since_1970, dated = dates_as_days(dates)
    offset = pc.fill_null(offsets, np.nan).to_numpy(zero_copy_only=False).astype(np.float64)
    numbered = ~np.isnan(offset)
    count = int(people.max(initial=-1)) + 1
    by_date = np.bincount(people[dated], minlength=count) >= np.bincount(people[numbered], minlength=count)
    day = np.where(by_date[people], np.where(dated, since_1970, np.nan), offset)
    both = np.flatnonzero(dated & numbered)
    apart = since_1970[both] - offset[both]
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, people[both], apart)
    np.maximum.at(high, people[both], apart)
    # A day, since an offset may count hours and a date has none.
    wrong = np.flatnonzero(high - low > 1.0)
    # The first page whose difference is not that of the first of all.
    start = np.full(count, np.nan)
    start[people[both][::-1]] = apart[::-1]
    off = both[np.abs(apart - start[people[both]]) > 0.5]
    rows = off[np.unique(people[off], return_index=True)[1]]
    rows = rows[np.isin(people[rows], wrong)]
    texts = [f"{as_date(int(since_1970[row]))}, day {offset[row]:g}" for row in rows.tolist()]
    return day, (rows, pa.array(texts, pa.string()))


def _ordered(people: Ints, series: Ints, day: Floats, task: Ints, page: Ints) -> Ints:
    """Number the visits of each patient, from 0."""
    count = len(people)
    if not count:
        return people.copy()
    known = ~np.isnan(day)
    order = np.lexsort((page, task, people))
    place = np.arange(count)
    starts = np.ones(count, dtype=bool)
    starts[1:] = (task[order][1:] != task[order][:-1]) | (people[order][1:] != people[order][:-1])
    first = np.maximum.accumulate(np.where(starts, place, 0))
    last = np.append(np.flatnonzero(starts)[1:], count)[np.cumsum(starts) - 1] - 1
    before = np.maximum.accumulate(np.where(known[order], place, -1))
    after = np.minimum.accumulate(np.where(known[order], place, count)[::-1])[::-1]
    sorted_day = day[order]
    has_before, has_after = before >= first, after <= last
    near = np.where(has_before, before, np.where(has_after, np.minimum(after, count - 1), 0))
    at, side = np.empty(count), np.empty(count, dtype=np.int64)
    # Known days as they are; others just behind the page before them, or just ahead of the page after; else last.
    at[order] = np.where(has_before | has_after, sorted_day[near], np.inf)
    side[order] = np.where(known[order], 0, np.where(has_before | ~has_after, 1, -1))

    dated = np.zeros(int(people.max()) + 1, dtype=bool)
    dated[people[known]] = True
    # Without any day nothing says which visit of one site is which of another.
    group = np.where(dated[people], people, int(people.max()) + 1 + series)
    order = np.lexsort((page, task, side, at, group))
    opens = np.ones(count, dtype=bool)
    opens[1:] = group[order][1:] != group[order][:-1]
    new = opens.copy()
    new[1:] |= (at[order][1:] != at[order][:-1]) | (side[order][1:] != side[order][:-1])
    new |= side[order] != 0
    running = np.cumsum(new) - 1
    visit = np.empty(count, dtype=np.int64)
    visit[order] = running - running[np.maximum.accumulate(np.where(opens, np.arange(count), 0))]
    return visit


def _first(people: Ints, day: Floats) -> Floats:
    """First known day of each patient; infinite where none is known."""
    first = np.full(int(people.max()) + 1, np.inf)
    np.fmin.at(first, people, day)
    return np.where(np.isinf(first), np.nan, first)


def _annotators(counted: Counted, task: Ints) -> Ints:
    """Number of annotations that count for each page."""
    if not len(counted.task_ids):
        return np.zeros(len(task), dtype=np.int64)
    per_task = np.bincount(counted.task, minlength=len(counted.task_ids))
    at = np.minimum(np.searchsorted(counted.task_ids, task), len(counted.task_ids) - 1)
    found: Ints = np.where(counted.task_ids[at] == task, per_task[at], 0).astype(np.int64)
    return found


def _repeated(series: Ints, visit: Ints) -> Ints:
    """Pages of a series and a visit that has a page already."""
    order = np.lexsort((visit, series))
    again = np.zeros(len(order), dtype=bool)
    again[1:] = (np.diff(series[order]) == 0) & (np.diff(visit[order]) == 0)
    rows: Ints = np.sort(order[again])
    return rows


def _tasks_in_order(people: Ints, day: Floats, task: Ints) -> Ints:
    """First page of each patient without any day who has several tasks."""
    count = int(people.max(initial=-1)) + 1
    known = np.zeros(count, dtype=bool)
    known[people[~np.isnan(day)]] = True
    low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, np.iinfo(np.int64).min)
    np.minimum.at(low, people, task)
    np.maximum.at(high, people, task)
    wanted = np.flatnonzero(~known & (low < high))
    who, first = np.unique(people, return_index=True)
    rows: Ints = first[np.isin(who, wanted)]
    return rows


def _among_known(people: Ints, day: Floats) -> Ints:
    """Pages without a day of patients who have some."""
    known = np.zeros(int(people.max(initial=-1)) + 1, dtype=bool)
    known[people[~np.isnan(day)]] = True
    rows: Ints = np.flatnonzero(np.isnan(day) & known[people]) if len(day) else np.empty(0, dtype=np.int64)
    return rows


def _no_patient(patients: pa.Array, task: Ints) -> Ints:
    """First page of each task without patient, where other tasks have one."""
    null = np.flatnonzero(patients.is_null().to_numpy(zero_copy_only=False))
    if len(null) == len(patients):
        return np.empty(0, dtype=np.int64)
    rows: Ints = np.sort(null[np.unique(task[null], return_index=True)[1]])
    return rows
