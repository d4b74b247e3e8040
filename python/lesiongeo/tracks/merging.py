"""Lesions that vanished into another one: their place is covered now, by one that grew by about their area."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..agreement.counted import Ints
from .completion import Completed, Mask

__all__ = ["Covers", "Merges", "Places", "find_merges"]

Floats: TypeAlias = NDArray[np.float64]

#: Told rows on which a lesion is present, and x and y of one point for each in pixels of that page: whether it is
#: covered.
Covers: TypeAlias = Callable[[Ints, Floats, Floats], Mask]

#: By how much of the area of the one that vanished the other must have grown.
GAINED = 0.5

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
    """

    x: Floats
    y: Floats
    reach: Floats


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
        Row of the last visit before on which it was seen, -1 for none.
    log_ratio, log_area : ndarray of float64, shape (n_rows,)
        As in `StatusRows`.
    places : Places
        Where they lie.
    covers : callable, optional
        Whether outlines cover points: ``covers(rows, x, y)``. Without, a lesion covers what lies within half its
        largest diameter of its centroid.

    Returns
    -------
    Merges
        On the first visit on which a lesion was looked for in vain, another one of the same group covers its place,
        did not cover it on the visit before (where both were seen then), and is larger by at least half of its area.
        Of several the nearest took it in. It remains so on later visits on which it is absent and the other is seen.
    """
    none = np.zeros(0, dtype=np.int64)
    lost = np.flatnonzero(looked & ~np.isnan(places.x) & (previous >= 0))
    # The first of each run of absences: nobody looked for it in vain since it was seen.
    vain: Ints = np.cumsum(looked) - looked
    lost = lost[vain[lost] == vain[previous[lost]]]
    lost = lost[~np.isnan(log_area[previous[lost]])]
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
        parts.append(_candidates(lost[some], grown, low[some], high[some], previous, log_area, places))
        done = stop
    gone, taker = (np.concatenate([part[side] for part in parts]) for side in (0, 1))
    x, y = places.x, places.y
    if covers is None:
        # Half the largest diameter: of a circle exactly what it covers.
        inside = np.hypot(x[gone] - x[taker], y[gone] - y[taker]) <= places.reach[taker] / 2
        before = previous[taker]
        was = np.hypot(x[previous[gone]] - x[before], y[previous[gone]] - y[before]) <= places.reach[before] / 2
    else:
        inside = covers(taker, x[gone], y[gone])
        was = covers(previous[taker], x[previous[gone]], y[previous[gone]])
    # Positions of two visits are on two pages: they say nothing about each other.
    was &= rows.slot[previous[gone]] == rows.slot[previous[taker]]
    gone, taker = gone[inside & ~was], taker[inside & ~was]
    order = np.lexsort((taker, np.hypot(x[gone] - x[taker], y[gone] - y[taker]), gone))
    gone, taker = gone[order], taker[order]
    nearest = np.append(True, gone[1:] != gone[:-1])[: len(gone)]
    gone, taker = gone[nearest], taker[nearest]
    return _result(rows, looked, previous, log_area, gone, taker)


def _candidates(
    lost: Ints, grown: Ints, low: Ints, high: Ints, previous: Ints, log_area: Floats, places: Places
) -> tuple[Ints, Ints]:
    """Pairs of one visit that are near enough, the second having grown by half of what the first had."""
    copies = high - low
    gone = np.repeat(lost, copies)
    taker = grown[np.arange(len(gone)) + np.repeat(low - (np.cumsum(copies) - copies), copies)]
    near = np.hypot(places.x[gone] - places.x[taker], places.y[gone] - places.y[taker]) <= places.reach[taker]
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
    absent, theirs = absent[absent >= theirs], theirs[absent >= theirs]
    partner = into[theirs]
    width = int(rows.visit.max(initial=0)) + 1
    key = rows.track * width + rows.visit
    at = np.minimum(np.searchsorted(key, partner * width + rows.visit[absent]), max(len(key) - 1, 0))
    there = (key[at] == partner * width + rows.visit[absent]) & (rows.source[at] >= 0)
    return Merges(absent[there], partner[there], takers, largest, -np.log(before))
