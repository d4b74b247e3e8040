"""From lesions on pages to rows of the table: one per track and visit, measured, with who drew it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..agreement.counted import Counted, Ints
from ..read import Export
from .observations import Observations
from .pages.visits import Visits
from .parts import SUMS, whole_of_parts
from .sizes import Floats
from .statuses.completion import Completed, Slots, complete, slots_of

__all__ = ["Entries", "Seen", "completed_rows", "entries_of", "seen_rows", "slots_of_visits"]

#: Diameters, which parts do not have together.
DIAMETERS = ("feret_max_px", "feret_max_mm", "feret_min_px", "feret_min_mm")


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """Whole numbers of each row, one row after the other: row i has ``values[starts[i]:starts[i + 1]]``."""

    starts: Ints
    values: Ints

    @property
    def counts(self) -> Ints:
        """How many each row has."""
        return np.diff(self.starts)

    @property
    def rows(self) -> Ints:
        """The row of each value."""
        return np.repeat(np.arange(len(self.starts) - 1), self.counts)

    def spread(self, source: Ints) -> Entries:
        """Return those of the rows `source`; none for -1."""
        counts = np.where(source >= 0, self.counts[source], 0) if len(self.starts) > 1 else np.zeros_like(source)
        starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        first = self.starts[:-1][source] if len(self.starts) > 1 else source
        at = np.arange(starts[-1]) + np.repeat(first - starts[:-1], counts)
        return Entries(starts, self.values[at])


def entries_of(rows: Ints, values: Ints, count: int, *, once: bool = False) -> Entries:
    """Gather values by row, in ascending order; `once` leaves out repetitions within a row."""
    order = np.lexsort((values, rows))
    rows, values = rows[order], values[order]
    if once and len(rows):
        kept = np.append(True, (np.diff(rows) != 0) | (np.diff(values) != 0))
        rows, values = rows[kept], values[kept]
    starts = np.searchsorted(rows, np.arange(count + 1)).astype(np.int64)
    return Entries(starts, values)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Tracks on the visits on which they were seen, sorted by track, then visit.

    Attributes
    ----------
    track, visit, page : ndarray of int64, shape (n,)
        Each track and visit once; the page is a row of ``export.pages``.
    observations : Entries
        The lesions on that page that belong to it: several are its parts.
    measures : dict of str to ndarray of float64, shape (n,)
        Areas and lengths by the names of `Sizes`; NaN: unknown, and diameters of what is in several parts.
    centroid_px : ndarray of float64, shape (n, 2)
        Weighted by area where there are parts.
    log_area : ndarray of float64, shape (n,)
        ln of ``measures["area_px2"]``.
    outline : ndarray of int64, shape (n,)
        Code in `OUTLINES`; that of the first measured part.
    members : Entries
        Rows of regions.
    people : Entries
        Codes of who drew it.
    measured : Entries
        Codes of those whose outlines were measured.
    """

    track: Ints
    visit: Ints
    page: Ints
    observations: Entries
    measures: dict[str, Floats]
    centroid_px: Floats
    log_area: Floats
    outline: Ints
    members: Entries
    people: Entries
    measured: Entries

    def __len__(self) -> int:
        return len(self.track)

    @property
    def n_parts(self) -> Ints:
        """In how many separate outlines each was seen."""
        return self.observations.counts


def seen_rows(track: Ints, observations: Observations, visits: Visits, *, threads: int | None = None) -> Seen:
    """Put the observations of each track together, visit by visit.

    Parameters
    ----------
    track : ndarray of int64, shape (n_observations,)
        The track of each, -1 for none; numbered in the order of the table.
    observations : Observations
        Lesions on pages.
    visits : Visits
        Which page is which visit.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    Seen
        Where several pages of a visit show the track, that with the finest known spacing counts, of equal ones the
        first by task id and page. O(n log n).
    """
    use = np.flatnonzero(track >= 0)
    page, visit = observations.page[use], visits.visit[observations.page[use]]
    pixel = np.nan_to_num(visits.spacing[page].prod(axis=1), nan=np.inf)
    order = np.lexsort((use, visits.place[page], pixel, visit, track[use]))
    use, page, visit = use[order], page[order], visit[order]
    own = track[use]
    fresh = np.append(True, (np.diff(own) != 0) | (np.diff(visit) != 0))[: len(use)]
    row = np.cumsum(fresh) - 1
    first = np.flatnonzero(fresh)
    kept = page == page[first][row] if len(use) else np.zeros(0, dtype=np.bool_)
    use, row = use[kept], row[kept]
    count = len(first)
    starts = np.searchsorted(row, np.arange(count + 1)).astype(np.int64)

    parts = np.diff(starts)
    one = use[starts[:-1]]
    position = np.full(len(observations), -1, dtype=np.int64)
    position[use] = row
    member_row = position[observations.of_member]
    whole = whole_of_parts(observations, member_row, parts > 1, threads)
    measures = {name: np.where(parts > 1, np.nan, getattr(observations, name)[one]) for name in DIAMETERS}
    for name in SUMS:
        measures[name] = np.where(parts > 1, whole.measures[name], getattr(observations, name)[one])
    area = np.nan_to_num(observations.area_px2[use])
    total = np.bincount(row, area, count)
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = np.stack(
            [
                np.bincount(row, np.nan_to_num(observations.centroid_px[use, axis]) * area, count) / total
                for axis in (0, 1)
            ],
            axis=1,
        )
        log_area = np.where(parts > 1, np.log(measures["area_px2"]), observations.log_area[one])
    centre = np.where((parts > 1)[:, None], centre, observations.centroid_px[one])

    drawn = member_row >= 0
    counted = drawn & observations.measured & whole.used
    outline = np.zeros(count, dtype=np.int64)
    has = observations.outline[use] > 0
    outline[row[has][::-1]] = observations.outline[use][has][::-1]
    return Seen(
        track=own[first],
        visit=visit[first],
        page=page[first],
        observations=Entries(starts, use),
        measures=measures,
        centroid_px=centre,
        log_area=log_area,
        outline=outline,
        members=entries_of(member_row[drawn], observations.members[drawn], count),
        people=entries_of(member_row[drawn], observations.member_annotator[drawn], count, once=True),
        measured=entries_of(member_row[counted], observations.member_annotator[counted], count, once=True),
    )


def slots_of_visits(export: Export, counted: Counted, visits: Visits, *, people: int | None) -> Slots:
    """List the visits on which each track could be seen.

    `people` is the number of annotators where each has tracks of their own, else None: groups are series, or
    ``series * people + annotator``.
    """
    # Where only the order is known, each site has visits of its own.
    known = np.zeros(int(visits.patient.max(initial=-1)) + 1, dtype=np.bool_)
    known[visits.patient[~np.isnan(visits.day)]] = True
    shared = np.where(known[visits.patient], visits.patient, len(known) + visits.series)
    if people is None:
        slots = slots_of(
            visits.series, visits.visit, visits.imaged, visits.annotated, page=visits.place, patient=shared
        )
        return _by_row(slots, visits)
    # A page of a task for each of those whose annotation of the task counts.
    ids = export.pages["task_id"].to_numpy()
    order = np.argsort(ids, kind="stable")
    task = counted.task_ids[counted.task]
    low, high = (np.searchsorted(ids[order], task, side) for side in ("left", "right"))
    copies = high - low
    page = order[np.arange(copies.sum()) + np.repeat(low - (np.cumsum(copies) - copies), copies)]
    own = np.sort(page * people + np.repeat(counted.rank, copies))
    # Every page of a series for each of those who annotated any: the others they did not look at.
    pairs = np.unique(visits.series[own // people] * people + own % people)
    order = np.argsort(visits.series, kind="stable")
    low, high = (np.searchsorted(visits.series[order], pairs // people, side) for side in ("left", "right"))
    copies = high - low
    page = order[np.arange(copies.sum()) + np.repeat(low - (np.cumsum(copies) - copies), copies)]
    group = np.repeat(pairs, copies)
    wanted = page * people + group % people
    at = np.minimum(np.searchsorted(own, wanted), max(len(own) - 1, 0))
    slots = slots_of(
        group,
        visits.visit[page],
        visits.imaged[page],
        own[at] == wanted,
        page=visits.place[page],
        patient=shared[page] * people + group % people,
    )
    return _by_row(slots, visits)


def _by_row(slots: Slots, visits: Visits) -> Slots:
    """Turn places of pages into rows of ``export.pages``."""
    row = np.full(len(visits.place) + 1, -1, dtype=np.int64)
    row[visits.place] = np.arange(len(visits.place))
    return replace(slots, page=row[slots.page])


def completed_rows(seen: Seen, group_of_track: Ints, slots: Slots) -> tuple[Completed, Ints]:
    """Add the visits on which tracks are absent; also the page of each row, -1 where there is none."""
    rows = complete(seen.track, seen.visit, group_of_track, slots)
    page = slots.page[rows.slot] if len(rows.slot) else np.zeros(0, dtype=np.int64)
    there = rows.source >= 0
    page = page.copy()
    page[there] = seen.page[rows.source[there]]
    return rows, page


def taken(values: NDArray[np.float64], source: Ints) -> Floats:
    """Return the values of the rows `source`; NaN for -1."""
    found: Floats = np.where(source >= 0, values[source], np.nan) if len(values) else np.full(len(source), np.nan)
    return found
