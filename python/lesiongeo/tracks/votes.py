"""What the majority of several people says about each lesion."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..agreement.counted import Ints

__all__ = ["Votes", "count_votes"]


class Votes(NamedTuple):
    """The outcome of votes.

    `winner` holds the code with most votes of each lesion; -1 where nobody voted, and where there is a tie; `times` how
    many votes that is. `tied` and `code` list the codes that share the first place of a tie, by lesion, then code.
    """

    winner: Ints
    times: Ints
    tied: Ints
    code: Ints


def count_votes(of: Ints, code: Ints, count: int) -> Votes:
    """Count the votes `code` (-1: none) about the lesions `of`, which never decrease. O(n), n log n where divided."""
    winner, times = np.full(count, -1, dtype=np.int64), np.zeros(count, dtype=np.int64)
    voting = code >= 0
    of, code = of[voting], code[voting]
    none = np.empty(0, dtype=np.int64)
    if len(of) == 0:
        return Votes(winner, times, none, none)
    start = np.flatnonzero(np.diff(of, prepend=-1))
    low, high = np.minimum.reduceat(code, start), np.maximum.reduceat(code, start)
    winner[of[start]] = np.where(low == high, low, -1)
    times[of[start]] = np.diff(start, append=len(of))
    divided = np.zeros(count, dtype=np.bool_)
    divided[of[start[low != high]]] = True
    some = divided[of]
    if not some.any():
        return Votes(winner, times, none, none)
    width = int(code.max()) + 1
    key, votes = np.unique(of[some] * width + code[some], return_counts=True)
    lesion, choice = key // width, key % width
    start = np.flatnonzero(np.diff(lesion, prepend=-1))
    most = np.maximum.reduceat(votes, start)
    size = np.diff(start, append=len(lesion))
    times[lesion[start]] = most
    first = votes == np.repeat(most, size)
    number = np.add.reduceat(first.astype(np.int64), start)
    sole = first & np.repeat(number == 1, size)
    winner[lesion[sole]] = choice[sole]
    tie = first & ~sole
    return Votes(winner, times, lesion[tie], choice[tie])
