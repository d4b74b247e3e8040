"""Names of tracks: the id that most people typed, once per patient."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...agreement.counted import Ints
from ...checks.view import Mask
from .tokens import Tokens

__all__ = ["chosen_names", "proposed_names", "written_names"]


def chosen_names(tokens: Tokens, cluster: Ints, group: Ints, used: Mask) -> tuple[Ints, Ints]:
    """Choose the id of each cluster of tokens: typed most often, then by the first annotator, then the smallest.

    `group` holds for each cluster within what names are unique, `used` whether it needs one. Returns the code of the
    name (-1: not used) and a number that is 1, or counts from 2 on where all ids of a cluster are those of others.
    """
    count = len(used)
    name, number = np.full(count, -1, dtype=np.int64), np.ones(count, dtype=np.int64)
    width = int(tokens.name.max(initial=0)) + 1
    wanted = used[cluster]
    key, code = np.unique(cluster[wanted] * width + tokens.name[wanted], return_inverse=True)
    votes = np.bincount(code, weights=tokens.times[wanted], minlength=len(key)).astype(np.int64)
    person = np.full(len(key), np.iinfo(np.int64).max)
    np.minimum.at(person, code, tokens.annotator[wanted])
    own, choice = key // width, key % width
    order = np.lexsort((choice, person, -votes, own))
    own, choice, votes = own[order], choice[order], votes[order]
    favourite = np.flatnonzero(np.diff(own, prepend=-1))
    place = group[own] * width + choice
    taken = np.empty(0, dtype=np.int64)
    left = np.arange(len(own))
    while len(left):
        best = left[np.diff(own[left], prepend=-1) != 0]
        best = best[np.lexsort((own[best], -votes[best], place[best]))]
        best = best[np.diff(place[best], prepend=-1) != 0]
        name[own[best]] = choice[best]
        taken = place[best]
        left = left[(name[own[left]] < 0) & ~np.isin(place[left], taken)]
    # What has no id of its own is its favourite's second, third, ...
    rest = favourite[name[own[favourite]] < 0]
    rest = rest[np.lexsort((own[rest], place[rest]))]
    name[own[rest]] = choice[rest]
    start = np.flatnonzero(np.diff(place[rest], prepend=-1))
    number[own[rest]] = 2 + np.arange(len(rest)) - np.repeat(start, np.diff(start, append=len(rest)))
    return name, number


def written_names(names: pa.Array, name: Ints, number: Ints, group: Ints, typed: tuple[Ints, Ints]) -> pa.Array:
    """Write the names of tracks: "3", and "3#2" of the second that only has the id 3.

    `typed` lists groups and ids that were typed in them: no name may be one of those.
    """
    text = names.take(pa.array(name, pa.int64()))
    again = np.flatnonzero(number > 1)
    if len(again) == 0:
        return text
    written = text.to_pylist()
    known = set()
    if pc.any(pc.match_substring(names, "#")).as_py():
        theirs = names.take(pa.array(typed[1], pa.int64())).to_pylist()
        known = set(zip(typed[0].tolist(), theirs, strict=True))
    for row in again.tolist():
        base, own, count = written[row], int(group[row]), int(number[row])
        while (own, f"{base}#{count}") in known:
            count += 1
        written[row] = f"{base}#{count}"
        known.add((own, written[row]))
    return pa.array(written, pa.string())


def proposed_names(names: pa.Array, group: Ints, typed: tuple[Ints, Ints]) -> tuple[pa.Array, Ints]:
    """Name tracks that nobody named "p1", "p2", ... within each group, above all such ids that were typed there.

    `group` never decreases. Returns the names and their numbers.
    """
    start = np.flatnonzero(np.diff(group, prepend=-1))
    number = 1 + np.arange(len(group)) - np.repeat(start, np.diff(start, append=len(group)))
    # Longer ones are out of reach.
    like = pc.match_substring_regex(names, r"^p[0-9]{1,15}$").to_numpy(zero_copy_only=False)
    if like.any() and len(group):
        some = like[typed[1]]
        digits = pc.utf8_slice_codeunits(names.take(pa.array(typed[1][some], pa.int64())), 1)
        highest = np.zeros(int(max(group.max(), typed[0].max())) + 1, dtype=np.int64)
        np.maximum.at(highest, typed[0][some], digits.cast(pa.int64()).to_numpy(zero_copy_only=False))
        number += highest[group]
    return pc.binary_join_element_wise("p", pa.array(number).cast(pa.string()), ""), number
