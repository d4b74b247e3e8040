"""Who is one patient, which pages are one visit, and in which order visits are: from names, dates and day numbers."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...agreement.counted import Ints
from ...arrow import nullable
from ...checks.view import Mask
from .remarks import PageNames, Remark

__all__ = ["days_of", "number_series", "number_visits", "order_remarks", "since_first"]

Floats = NDArray[np.float64]

SEVERAL_PAGES = (
    "several pages show the same patient and site on the same visit; they are taken as one visit, and a lesion on "
    "several of them is measured on the one with the finest scale only: name the site with the option `site`, or "
    "correct the dates"
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


def number_series(patients: pa.Array, sites: pa.Array, task: Ints) -> tuple[Ints, Ints, pa.Table]:
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


def days_of(people: Ints, dates: pa.Array, offsets: pa.Array) -> Floats:
    """Day of each page on the patient's own scale: from dates, or from day numbers of whom more of those are known.

    NaN where it is unknown.
    """
    since_1970, dated, offset, numbered = _both(dates, offsets)
    count = int(people.max(initial=-1)) + 1
    by_date = np.bincount(people[dated], minlength=count) >= np.bincount(people[numbered], minlength=count)
    return np.where(by_date[people], np.where(dated, since_1970, np.nan), offset)


def _both(dates: pa.Array, offsets: pa.Array) -> tuple[Ints, Mask, Floats, Mask]:
    """Dates as days since 1970 and which are known, and the same of day numbers."""
    dated = dates.is_valid().to_numpy(zero_copy_only=False)
    since_1970 = pc.fill_null(dates.cast(pa.int32()), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    offset = pc.fill_null(offsets, np.nan).to_numpy(zero_copy_only=False).astype(np.float64)
    return since_1970, dated, offset, ~np.isnan(offset)


def number_visits(people: Ints, series: Ints, day: Floats, task: Ints, page: Ints) -> Ints:
    """Number the visits of each patient, from 0.

    Pages of one day are one visit. A page without day is one of its own, after the page before it in the task, or else
    before the page after it, or else last; among each other such pages are in the order of tasks and pages. Of patients
    without any day each site has its own numbers. O(n log n).
    """
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


def since_first(people: Ints, day: Floats) -> Floats:
    """Days since the first known day of each page's patient; NaN where its day is unknown."""
    first = np.full(int(people.max(initial=-1)) + 1, np.inf)
    np.fmin.at(first, people, day)
    return np.asarray(day - first[people], dtype=np.float64)


def order_remarks(
    people: Ints, series: Ints, visit: Ints, day: Floats, names: PageNames, dates: pa.Array, offsets: pa.Array
) -> list[Remark]:
    """Say what is odd about the order of visits."""
    # The first of several pages is that of the first task, wherever it stands in the file.
    order = np.lexsort((names.page, names.task))
    people, series, visit, task = (own[order] for own in (people, series, visit, names.task))
    day = day[order]
    patients, dates, offsets = (own.take(pa.array(order)) for own in (names.patients, dates, offsets))
    odd, told = _contradicting(people, dates, offsets)
    return [
        Remark(order[_repeated_pages(series, visit)], "warning", "several_pages", SEVERAL_PAGES, {}),
        Remark(order[_ordered_by_task(people, day, task)], "warning", "order_of_tasks", ORDER_OF_TASKS, {}),
        Remark(order[_without_day(people, day)], "info", "day_missing", NO_DAY, {}),
        Remark(order[odd], "warning", "days_contradict", CONTRADICTION, {"value": told}),
        Remark(order[_without_patient(patients, task)], "info", "patient_missing", NO_PATIENT, {}),
    ]


def _contradicting(people: Ints, dates: pa.Array, offsets: pa.Array) -> tuple[Ints, pa.Array]:
    """Of patients whose dates and day numbers do not run alike, the first page that shows it, and what it says."""
    since_1970, dated, offset, numbered = _both(dates, offsets)
    both = np.flatnonzero(dated & numbered)
    who, apart = people[both], since_1970[both] - offset[both]
    start = np.full(int(people.max(initial=-1)) + 1, np.nan)
    start[who[::-1]] = apart[::-1]
    # A day, since a day number may count hours and a date does not.
    off = both[np.abs(apart - start[who]) > 1.0]
    rows = off[np.unique(people[off], return_index=True)[1]]
    texts = [
        f"{(date(1970, 1, 1) + timedelta(int(since_1970[row]))).isoformat()} is day {offset[row]:g}"
        for row in rows.tolist()
    ]
    return rows, pa.array(texts, pa.string())


def _repeated_pages(series: Ints, visit: Ints) -> Ints:
    """Pages of a series and a visit that has a page before them."""
    order = np.lexsort((visit, series))
    again = np.zeros(len(order), dtype=bool)
    again[1:] = (np.diff(series[order]) == 0) & (np.diff(visit[order]) == 0)
    return np.asarray(np.sort(order[again]), dtype=np.int64)


def _ordered_by_task(people: Ints, day: Floats, task: Ints) -> Ints:
    """First page of each patient without any day who has several tasks."""
    count = int(people.max(initial=-1)) + 1
    known = np.zeros(count, dtype=bool)
    known[people[~np.isnan(day)]] = True
    low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, np.iinfo(np.int64).min)
    np.minimum.at(low, people, task)
    np.maximum.at(high, people, task)
    wanted = np.flatnonzero(~known & (low < high))
    who, first = np.unique(people, return_index=True)
    return np.asarray(first[np.isin(who, wanted)], dtype=np.int64)


def _without_day(people: Ints, day: Floats) -> Ints:
    """Pages without a day of patients who have some."""
    known = np.zeros(int(people.max(initial=-1)) + 1, dtype=bool)
    known[people[~np.isnan(day)]] = True
    return np.flatnonzero(np.isnan(day) & known[people])


def _without_patient(patients: pa.Array, task: Ints) -> Ints:
    """First page of each task without patient, where other tasks have one."""
    null = np.flatnonzero(patients.is_null().to_numpy(zero_copy_only=False))
    if len(null) == len(patients):
        return np.empty(0, dtype=np.int64)
    return np.asarray(np.sort(null[np.unique(task[null], return_index=True)[1]]), dtype=np.int64)
