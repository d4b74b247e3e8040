"""Votes within groups: the answer that most members gave, for any column."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..agreement.counted import Ints

__all__ = ["Vote", "answer_codes", "vote"]


class Vote(NamedTuple):
    """The most frequent answer of each group.

    Attributes
    ----------
    member : ndarray of int64, shape (n_groups,)
        The first member that gave it; -1 where nobody answered or two answers are equally frequent.
    votes : ndarray of int64, shape (n_groups,)
        How many gave the most frequent answer, also at a tie; 0 where nobody answered.
    """

    member: Ints
    votes: Ints


def vote(group: Ints, codes: Ints, count: int) -> Vote:
    """Find the most frequent answer of each group.

    Parameters
    ----------
    group : ndarray of int64, shape (n,)
        Group of each member, from 0.
    codes : ndarray of int64, shape (n,)
        What it answered, as a number; -1 for no answer, which is no vote.
    count : int
        Number of groups.

    Returns
    -------
    Vote
        O(n log n). The first member is that of the smallest position, so an order of members decides what stands for
        answers that are equal but written differently.

    Examples
    --------
    >>> import numpy as np
    >>> from lesiongeo.consensus.voting import vote
    >>> vote(np.array([0, 0, 0, 1, 1]), np.array([5, 2, 5, 3, 4]), 3)
    Vote(member=array([ 0, -1, -1]), votes=array([2, 1, 0]))
    """
    given = np.flatnonzero(codes >= 0)
    order = given[np.lexsort((codes[given], group[given]))]
    member, votes = np.full(count, -1, dtype=np.int64), np.zeros(count, dtype=np.int64)
    if not len(order):
        return Vote(member, votes)
    own, answer = group[order], codes[order]
    starts = np.flatnonzero(np.append(True, (own[1:] != own[:-1]) | (answer[1:] != answer[:-1])))
    times = np.diff(np.append(starts, len(order)))
    groups = own[starts]
    np.maximum.at(votes, groups, times)
    best = np.flatnonzero(times == votes[groups])
    winners = np.bincount(groups[best], minlength=count)
    sole = best[winners[groups[best]] == 1]
    member[groups[sole]] = order[starts[sole]]
    return Vote(member, votes)


def answer_codes(column: pa.ChunkedArray | pa.Array) -> Ints:
    """Number the answers of a column of texts, numbers or truth values; -1 for null."""
    whole: Any = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    indices = whole.dictionary_encode().indices
    codes: NDArray[np.int64] = indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    return codes
