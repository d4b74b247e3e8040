"""Which pages are one visit of one patient, in which order, how many days apart, and what is known of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...agreement.counted import Counted, Ints
from ...arrow import numbers
from ...checks.view import Mask
from ...read import Export
from ...spacing import Spacing
from ..findings import sorted_findings
from .calibration import SPACING_SOURCES, Calibration, calibrate
from .imaged import DEFAULT_NOT_IMAGED, usable_pages
from .order import days_of, number_series, number_visits, order_remarks, since_first
from .page_fields import page_days, page_texts
from .remarks import PageNames, Remark

__all__ = ["Visits", "visits_of"]

Floats = NDArray[np.float64]

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
    place : ndarray of int64, shape (n_pages,)
        Place of the page among all by task id and page: where one of several must be chosen, the order of tasks in the
        file must not.
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
    place: Ints
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
    >>> from lesiongeo.tracks.pages.visits import visits_of
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
    people, series, series_table = number_series(patients, sites, task)
    day = days_of(people, dates, offsets)
    number = number_visits(people, series, day, task, page)
    n_annotators = _annotators(counted, task)
    size = [pc.fill_null(pages[name], -1).to_numpy().astype(np.int64) for name in ("width", "height")]
    imaged, reason, drawn = usable_pages(export, counted, not_imaged)
    scale = calibrate(export, counted, patients=patients, visit=number, spacing_mm=spacing_mm, calibration=calibration)
    since = since_first(people, day)

    names = PageNames(patients, sites, task, page, number)
    remarks = [
        *order_remarks(people, series, number, day, names, dates, offsets),
        Remark(np.flatnonzero(drawn), "info", "unusable_but_drawn", DRAWN, {}),
        *scale.remarks,
    ]
    findings += [*(names.findings(remark) for remark in remarks), *scale.findings]
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
    place = np.empty(len(task), dtype=np.int64)
    place[np.lexsort((page, task))] = np.arange(len(task))
    return Visits(
        patient=people,
        series=series,
        visit=number,
        place=place,
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


def _annotators(counted: Counted, task: Ints) -> Ints:
    """Number of annotations that count for each page."""
    if not len(counted.task_ids):
        return np.zeros(len(task), dtype=np.int64)
    per_task = np.bincount(counted.task, minlength=len(counted.task_ids))
    at = np.minimum(np.searchsorted(counted.task_ids, task), len(counted.task_ids) - 1)
    found: Ints = np.where(counted.task_ids[at] == task, per_task[at], 0).astype(np.int64)
    return found
