"""Rows for the visits on which a lesion is absent: one row per track and visit from its first appearance on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...agreement.counted import Ints

__all__ = ["Completed", "Slots", "complete", "slots_of"]

Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Slots:
    """The visits of each group (a patient and site, with ``by="annotator"`` also the annotator), sorted by both.

    Attributes
    ----------
    group, visit : ndarray of int64, shape (n,)
        Number of the group and, from 0, of the visit; each pair once.
    imaged : ndarray of bool, shape (n,)
        There is an image of the site that can be used.
    annotated : ndarray of bool, shape (n,)
        Somebody annotated such an image: what is absent there was looked for.
    page : ndarray of int64, shape (n,)
        Row of the page that stands for the visit; -1: the patient has this visit, but no page of this site.
    looked_before : ndarray of bool, shape (n,)
        An earlier visit of the group was imaged and annotated.
    """

    group: Ints
    visit: Ints
    imaged: Mask
    annotated: Mask
    page: Ints
    looked_before: Mask


@dataclass(frozen=True, slots=True)
class Completed:
    """Rows of the table of tracks, by track, then visit.

    Attributes
    ----------
    track, visit : ndarray of int64, shape (n_rows,)
        Each pair once; every track from its first appearance to the last visit of its group.
    source : ndarray of int64, shape (n_rows,)
        Position of the row that was given; -1: the lesion is absent on this visit.
    slot : ndarray of int64, shape (n_rows,)
        Position in the `Slots`.
    """

    track: Ints
    visit: Ints
    source: Ints
    slot: Ints


def slots_of(
    group: Ints,
    visit: Ints,
    imaged: Mask,
    annotated: Mask,
    *,
    page: Ints | None = None,
    patient: Ints | None = None,
) -> Slots:
    """List the visits of each group.

    Parameters
    ----------
    group, visit : ndarray of int64, shape (n_pages,)
        Of each page: `Visits.series` and `Visits.visit`. With tracks of each annotator a page has one entry per
        annotator and the group is that of series and annotator.
    imaged, annotated : ndarray of bool, shape (n_pages,)
        Whether the page's image can be used; whether somebody (or this annotator) annotated it.
    page : ndarray of int64, shape (n_pages,), optional
        Row of the page; by default the position of the entry.
    patient : ndarray of int64, shape (n_pages,), optional
        What shares its visits: groups of one patient get a slot for every visit of the patient, without image where
        the group has no page. By default every group has the visits of its own pages.

    Returns
    -------
    Slots
        Of several pages of one visit the first annotated one stands for it, else the first with an image. O(n log n).

    Examples
    --------
    >>> import numpy as np
    >>> from lesiongeo.tracks.statuses.completion import slots_of
    >>> yes = np.ones(3, dtype=bool)
    >>> slots_of(np.array([0, 0, 1]), np.array([0, 1, 1]), yes, yes, patient=np.zeros(3, dtype=np.int64)).page
    array([ 0,  1, -1,  2])
    """
    page = np.arange(len(group)) if page is None else page
    used = imaged & annotated
    order = np.lexsort((page, ~imaged, ~used, visit, group))
    own, when = group[order], visit[order]
    starts = np.flatnonzero(np.append(True, (own[1:] != own[:-1]) | (when[1:] != when[:-1]))[: len(own)])
    groups, visits, pages = own[starts], when[starts], page[order][starts]
    there, looked = imaged[order][starts], used[order][starts]
    if patient is not None and len(groups):
        key = _Key(visits)
        wanted_group, wanted_visit = _shared(group, visit, patient, key)
        at = np.searchsorted(key(wanted_group, wanted_visit), key(groups, visits))
        count = len(wanted_group)
        spread_pages, spread_there, spread_looked = np.full(count, -1), np.zeros(count, bool), np.zeros(count, bool)
        spread_pages[at], spread_there[at], spread_looked[at] = pages, there, looked
        groups, visits, pages, there, looked = wanted_group, wanted_visit, spread_pages, spread_there, spread_looked
    return Slots(groups, visits, there, looked, pages, _before(groups, looked))


class _Key:
    """Group and visit as one number."""

    def __init__(self, visit: Ints) -> None:
        self.width = int(visit.max(initial=-1)) + 2

    def __call__(self, group: Ints, visit: Ints) -> Ints:
        found: Ints = group * self.width + np.minimum(visit, self.width - 1)
        return found


def _shared(group: Ints, visit: Ints, patient: Ints, key: _Key) -> tuple[Ints, Ints]:
    """Every visit of the patient for each of the patient's groups, sorted."""
    both = np.unique(key(patient, visit))
    owner, when = both // key.width, both % key.width
    groups, first = np.unique(group, return_index=True)
    theirs = patient[first]
    low, high = np.searchsorted(owner, theirs, "left"), np.searchsorted(owner, theirs, "right")
    copies = high - low
    at = np.arange(copies.sum()) + np.repeat(low - (np.cumsum(copies) - copies), copies)
    return np.repeat(groups, copies), when[at]


def _before(group: Ints, looked: Mask) -> Mask:
    """Whether an earlier entry of the same group is set."""
    count: Ints = np.cumsum(looked) - looked
    if not len(group):
        return np.zeros(0, dtype=bool)
    starts = np.flatnonzero(np.append(True, group[1:] != group[:-1]))
    base: Ints = np.repeat(count[starts], np.diff(np.append(starts, len(group))))
    found: Mask = count > base
    return found


def complete(track: Ints, visit: Ints, group: Ints, slots: Slots) -> Completed:
    """Add the rows of visits on which a track is absent.

    Parameters
    ----------
    track, visit : ndarray of int64, shape (n,)
        Where each track was seen, each pair once, in any order.
    group : ndarray of int64, shape (n_tracks,)
        The group of every track.
    slots : Slots
        The visits of the groups.

    Returns
    -------
    Completed
        One row per track and visit of its group, from its first appearance on. O(n_rows log n_rows).

    Raises
    ------
    ValueError
        If a track was seen twice on a visit, or on a visit that its group does not have.

    Examples
    --------
    >>> import numpy as np
    >>> from lesiongeo.tracks.statuses.completion import complete, slots_of
    >>> yes = np.ones(3, dtype=bool)
    >>> slots = slots_of(np.zeros(3, dtype=np.int64), np.arange(3), yes, yes)
    >>> rows = complete(np.array([0, 1, 0]), np.array([0, 1, 2]), np.zeros(2, dtype=np.int64), slots)
    >>> rows.track.tolist(), rows.visit.tolist(), rows.source.tolist()
    ([0, 0, 0, 1, 1], [0, 1, 2, 1, 2], [0, -1, 2, 1, -1])
    """
    key = _Key(np.concatenate((slots.visit, visit)))
    have = key(slots.group, slots.visit)
    own = key(group[track], visit)
    at = np.minimum(np.searchsorted(have, own), max(len(have) - 1, 0))
    if len(track) and (not len(have) or (have[at] != own).any()):
        raise ValueError("a track was seen on a visit that its patient and site do not have")
    tracks, first = np.unique(track, return_inverse=True)
    start = np.full(len(tracks), len(have), dtype=np.int64)
    np.minimum.at(start, first, at)
    end = np.searchsorted(slots.group, group[tracks], "right")
    copies = end - start
    offset = np.cumsum(copies) - copies
    slot = np.arange(copies.sum()) + np.repeat(start - offset, copies)
    source = np.full(len(slot), -1, dtype=np.int64)
    place = offset[first] + at - start[first]
    if len(np.unique(place)) < len(place):
        raise ValueError("a track was seen twice on one visit; its regions are one row")
    source[place] = np.arange(len(track))
    return Completed(np.repeat(tracks, copies), slots.visit[slot], source, slot)
