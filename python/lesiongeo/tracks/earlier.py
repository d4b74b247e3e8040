"""Which earlier visit of its track each row of the table is compared with."""

from __future__ import annotations

import numpy as np

from ..agreement.counted import Ints
from .sizes import Mask

__all__ = ["first_before", "last_before"]


def last_before(track: Ints, seen: Mask, measured: Mask | None = None) -> Ints:
    """Find the last visit before each on which its lesion was seen.

    Parameters
    ----------
    track : ndarray of int64, shape (n,)
        Rows by track, then visit; equal numbers are adjacent.
    seen : ndarray of bool, shape (n,)
        The lesion was drawn on the visit.
    measured : ndarray of bool, shape (n,), optional
        It has an area there: such visits win over later ones on which it was seen without one, since an outline of two
        points must not cut off what is after it from what is before. By default all that were seen count alike.

    Returns
    -------
    ndarray of int64, shape (n,)
        A row; -1: it was not seen before. O(n).

    Examples
    --------
    >>> import numpy as np
    >>> from lesiongeo.tracks.earlier import last_before
    >>> track, seen = np.zeros(4, dtype=np.int64), np.ones(4, dtype=bool)
    >>> last_before(track, seen), last_before(track, seen, np.array([True, False, True, True]))
    (array([-1,  0,  1,  2]), array([-1,  0,  0,  2]))
    """
    place = np.arange(len(track), dtype=np.int64)
    if not len(track):
        return place

    def latest(which: Mask) -> Ints:
        reached = np.maximum.accumulate(np.where(which, place, -1))
        before = np.append(-1, reached[:-1])
        found: Ints = np.where((before >= 0) & (track[before] == track), before, -1)
        return found

    last = latest(seen)
    if measured is None:
        return last
    best = latest(seen & measured)
    return np.where(best >= 0, best, last)


def first_before(track: Ints, seen: Mask, measured: Mask) -> Ints:
    """Find the first visit before each on which its lesion was seen with an area, else the first on which it was seen.

    Parameters and the result are those of `last_before`.

    Examples
    --------
    >>> import numpy as np
    >>> from lesiongeo.tracks.earlier import first_before
    >>> track, seen = np.zeros(4, dtype=np.int64), np.ones(4, dtype=bool)
    >>> first_before(track, seen, np.array([False, True, True, True]))
    array([-1,  0,  1,  1])
    """
    place = np.arange(len(track), dtype=np.int64)
    if not len(track):
        return place
    start = np.maximum.accumulate(np.where(np.diff(track, prepend=track[:1] - 1) != 0, place, 0))

    def earliest(which: Mask) -> Ints:
        # The first at or after the start of the track, if it is before this row.
        reached = np.minimum.accumulate(np.where(which, place, len(track))[::-1])[::-1]
        found: Ints = np.where(reached[start] < place, reached[start], -1)
        return found

    first, best = earliest(seen), earliest(seen & measured)
    return np.where(best >= 0, best, first)
