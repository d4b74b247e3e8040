"""Lesions that vanished into another one: their place is covered now, by one that grew by about their area."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...agreement.counted import Ints
from .completion import Completed, Mask

__all__ = ["Covers", "Merges", "Places", "find_merges"]

Floats: TypeAlias = NDArray[np.float64]

#: Told rows on which a lesion is present, and x and y of one point for each in pixels of that page: whether it is
#: covered.
Covers: TypeAlias = Callable[[Ints, Floats, Floats], Mask]

#: By how much of the area of the one that vanished the other must have grown.
GAINED = 0.5

#: Two lesions touch, or nearly, where they are not farther apart than this share of the sum of their diameters.
TOUCHING = 0.75

#: Pairs that are looked at together.
AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class Places:
    """Where lesions lie, one entry per row of `Completed`.

    Attributes
    ----------
    x, y : ndarray of float64, shape (n_rows,)
        Centroid in pixels of the visit's page; of an absent lesion where it is expected: its last centroid, moved as
        the camera moved. NaN: unknown.
    reach : ndarray of float64, shape (n_rows,)
        How far from its centroid a lesion can cover anything, in the same pixels: its largest diameter. NaN where it
        is absent or unknown.
    pixel : ndarray of float64, shape (n_rows,), optional
        Length of a pixel of the visit's page, in a unit that pages share which are compared with each other.
    """

    x: Floats
    y: Floats
    reach: Floats
    pixel: Floats | None = None


class Merges(NamedTuple):
    """Rows of absent lesions that were taken in, and the tracks that took them (`into`).

    Rows of those that took them in on that visit (`taker`), the track of the largest each took in, and ln of their
    area over the sum of all areas before (`log_excess`).
    """

    gone: Ints
    into: Ints
    taker: Ints
    largest: Ints
    log_excess: Floats


def find_merges(
    rows: Completed,
    looked: Mask,
    previous: Ints,
    log_ratio: Floats,
    half_width: Floats,
    log_area: Floats,
    places: Places,
    covers: Covers | None,
) -> Merges:
    """Find lesions that vanished into another one.

    Parameters
    ----------
    rows : Completed
        Tracks and visits.
    looked : ndarray of bool, shape (n_rows,)
        The lesion is absent and was looked for.
    previous : ndarray of int64, shape (n_rows,)
        Row of the last visit before on which it was seen, with an area if there is such; -1 for none.
    log_ratio, half_width, log_area : ndarray of float64, shape (n_rows,)
        As in `StatusRows`.
    places : Places
        Where they lie.
    covers : callable, optional
        Whether outlines cover points: ``covers(rows, x, y)``. Without, a lesion covers what lies within half its
        largest diameter of its centroid.

    Returns
    -------
    Merges
        On the first visit on which a lesion was looked for in vain, another one of the same group is larger by at least
        half of its area, covers its place, and did not on the visit before (where both were seen then). Of several the
        nearest took it in. It remains so on later visits on which it is absent and the other is seen.

    Notes
    -----
    Where few lesions are there to say how the camera moved, the place is not well known. So it also counts if the two
    touched, or nearly, the other one is now as large as both were (within the interval of no change), and it covers
    the place where the one that vanished must be if both centroids together are now that of the other.
    """
    none = np.zeros(0, dtype=np.int64)
    lost = np.flatnonzero(looked & (previous >= 0))
    # The first of each run of absences: nobody looked for it in vain since it was seen.
    vain: Ints = np.cumsum(looked) - looked
    lost = lost[vain[lost] == vain[previous[lost]]]
    lost = lost[~np.isnan(log_area[previous[lost]]) & ~np.isnan(places.x[previous[lost]])]
    grown = np.flatnonzero((log_ratio > 0) & (previous >= 0) & (rows.source >= 0) & ~np.isnan(places.x))
    grown = grown[~np.isnan(log_area[grown]) & ~np.isnan(log_area[previous[grown]])]
    grown = grown[np.argsort(rows.slot[grown], kind="stable")]
    low = np.searchsorted(rows.slot[grown], rows.slot[lost], "left")
    high = np.searchsorted(rows.slot[grown], rows.slot[lost], "right")
    parts = [(none, none)]
    total = np.cumsum(high - low)
    done = 0
    while done < len(lost):
        base = int(total[done - 1]) if done else 0
        stop = max(done + 1, int(np.searchsorted(total, base + AT_ONCE, "right")))
        some = slice(done, stop)
        parts.append(_candidates(lost[some], grown, low[some], high[some], rows, previous, log_area, places))
        done = stop
    gone, taker = (np.concatenate([part[side] for part in parts]) for side in (0, 1))
    if covers is None:
        covers = _discs(places)
    before = previous[gone], previous[taker]
    same = rows.slot[before[0]] == rows.slot[before[1]]
    # Positions of two visits are on two pages: they say nothing about each other.
    was = same & covers(before[1], places.x[before[0]], places.y[before[0]])
    inside = _known(places.x[gone]) & covers(taker, places.x[gone], places.y[gone])
    inside |= _together(gone, taker, previous, same, half_width, log_area, places, covers)
    away = np.where(same, _apart(places, *before), _apart(places, gone, taker))
    use = inside & ~was
    gone, taker, away = gone[use], taker[use], away[use]
    order = np.lexsort((taker, away, gone))
    gone, taker = gone[order], taker[order]
    nearest = np.append(True, gone[1:] != gone[:-1])[: len(gone)]
    gone, taker = gone[nearest], taker[nearest]
    return _result(rows, looked, previous, log_area, gone, taker)


def _known(x: Floats) -> Mask:
    found: Mask = ~np.isnan(x)
    return found


def _discs(places: Places) -> Covers:
    """Make what tells whether discs of the largest diameters cover points."""

    def covers(rows: Ints, x: Floats, y: Floats) -> Mask:
        found: Mask = np.hypot(x - places.x[rows], y - places.y[rows]) <= places.reach[rows] / 2
        return found

    return covers


def _apart(places: Places, one: Ints, other: Ints) -> Floats:
    """Distances between the centroids of rows, in pixels; NaN where unknown."""
    found: Floats = np.hypot(places.x[one] - places.x[other], places.y[one] - places.y[other])
    return found


def _together(
    gone: Ints,
    taker: Ints,
    previous: Ints,
    same: Mask,
    half_width: Floats,
    log_area: Floats,
    places: Places,
    covers: Covers,
) -> Mask:
    """Whether the one that grew is as large as both were, and lies as both together must."""
    if places.pixel is None:
        return np.zeros(len(gone), dtype=bool)
    lost, then = previous[gone], previous[taker]
    # Share of the one that vanished in the area of both, and ln of the area of both over that of the other.
    both = np.logaddexp(log_area[lost], log_area[then])
    share = np.exp(log_area[lost] - both)
    fits = np.abs(log_area[taker] - both) <= half_width[taker]
    scale = places.pixel[then] / places.pixel[taker] * (1.0 - share)
    x = places.x[taker] + scale * (places.x[lost] - places.x[then])
    y = places.y[taker] + scale * (places.y[lost] - places.y[then])
    use = same & fits & _touching(places, lost, then) & ~np.isnan(x)
    use[use] = covers(taker[use], x[use], y[use])
    return use


def _touching(places: Places, one: Ints, other: Ints) -> Mask:
    found: Mask = _apart(places, one, other) <= TOUCHING * (places.reach[one] + places.reach[other])
    return found


def _candidates(
    lost: Ints,
    grown: Ints,
    low: Ints,
    high: Ints,
    rows: Completed,
    previous: Ints,
    log_area: Floats,
    places: Places,
) -> tuple[Ints, Ints]:
    """Pairs of one visit that are near enough, the second having grown by half of what the first had."""
    copies = high - low
    gone = np.repeat(lost, copies)
    taker = grown[np.arange(len(gone)) + np.repeat(low - (np.cumsum(copies) - copies), copies)]
    before = previous[gone], previous[taker]
    near = _apart(places, gone, taker) <= places.reach[taker]
    near |= (rows.slot[before[0]] == rows.slot[before[1]]) & _touching(places, *before)
    gone, taker = gone[near], taker[near]
    # Relative to the lesion that grew, so that no area overflows.
    unit = log_area[taker]
    with np.errstate(over="ignore"):
        gain = 1.0 - np.exp(log_area[previous[taker]] - unit)
        enough = gain >= GAINED * np.exp(log_area[previous[gone]] - unit)
    return gone[enough], taker[enough]


def _result(rows: Completed, looked: Mask, previous: Ints, log_area: Floats, gone: Ints, taker: Ints) -> Merges:
    """Carry the merging on to the later visits of the same absence, and sum up what each lesion took in."""
    takers, which = np.unique(taker, return_inverse=True)
    unit = log_area[takers]
    with np.errstate(over="ignore"):
        before = np.exp(log_area[previous[takers]] - unit)
        np.add.at(before, which, np.exp(log_area[previous[gone]] - unit[which]))
    order = np.lexsort((rows.track[gone], -log_area[previous[gone]], which))
    heads = np.append(True, which[order][1:] != which[order][:-1])[: len(order)]
    largest = rows.track[gone][order][heads]

    into = np.full(len(rows.track), -1, dtype=np.int64)
    into[gone] = rows.track[taker]
    # A run of absences ends where the track is seen again, or ends.
    absent = np.flatnonzero(looked & (previous >= 0))
    run = previous[absent]
    start = np.full(len(rows.track), -1, dtype=np.int64)
    start[previous[gone]] = gone
    theirs = start[run]
    absent, theirs = absent[theirs >= 0], theirs[theirs >= 0]
    drawn = np.cumsum(rows.source >= 0)
    same = (absent >= theirs) & (drawn[absent] == drawn[theirs])
    absent, theirs = absent[same], theirs[same]
    partner = into[theirs]
    width = int(rows.visit.max(initial=0)) + 1
    key = rows.track * width + rows.visit
    at = np.minimum(np.searchsorted(key, partner * width + rows.visit[absent]), max(len(key) - 1, 0))
    there = (key[at] == partner * width + rows.visit[absent]) & (rows.source[at] >= 0)
    return Merges(absent[there], partner[there], takers, largest, -np.log(before))
