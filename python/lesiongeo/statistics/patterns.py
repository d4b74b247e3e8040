"""What is counted of ratings per cluster: how often each pattern of answers occurs. Counts of parts add up."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..agreement.annotators import annotator_order
from .clusters import Ints, Keys
from .ratings import LABEL, Control, Rated, category_order

__all__ = ["MOST_CATEGORIES", "Patterns", "RatedPairs", "patterns_of", "rated_pairs"]

#: Controls with more categories are numbers of something, not categories.
MOST_CATEGORIES = 100
#: Labels are names of a list, however long; a code of a label is a 16-bit number.
MOST_LABELS = 10_000
#: People of whom all pairs are tried one by one.
FEW = 12


@dataclass(frozen=True)
class Patterns:
    """How many units of each cluster have which answers.

    Attributes
    ----------
    control, scope, missed : str
        As in `Ratings`.
    annotators : tuple of str
        In order.
    categories : tuple of (str or None), or None
        In order, None for a missed lesion the last. None instead of a tuple: there are too many.
    listed : tuple of str or None
        Order of the configuration.
    nominal : bool
        Whether the categories are names without an order, even where they are numbers.
    ordered : bool
        Whether the order of the categories means something.
    keys : ndarray of uint64, shape (n,)
        Cluster of each entry; entries are sorted by it, then by their codes.
    codes : ndarray of int16, shape (n, n_annotators)
        Answers: places in `categories`, -1 for no rating.
    counts : ndarray of int64, shape (n,)
        Units of this cluster with these answers.
    """

    control: str
    scope: str
    missed: str
    annotators: tuple[str, ...]
    categories: tuple[str | None, ...] | None
    listed: tuple[str, ...] | None
    nominal: bool
    ordered: bool
    keys: Keys
    codes: NDArray[np.int16]
    counts: Ints

    def merge(self, other: Patterns) -> Patterns:
        """Add the counts of another part: what both together would have given."""
        annotators = tuple(sorted({*self.annotators, *other.annotators}, key=annotator_order))
        listed = self.listed if self.listed == other.listed else None
        nominal = self.nominal or other.nominal
        texts = {*(self.categories or ()), *(other.categories or ())}
        if self.categories is None or other.categories is None or len(texts - {None}) > _most(self.control):
            return _too_many(self.control, self.scope, self.missed, annotators, listed, nominal)
        order, ordered = category_order({text for text in texts if text is not None}, listed)
        categories = (*order, None) if None in texts else tuple(order)
        codes = [part._recoded(annotators, categories) for part in (self, other)]
        keys, cluster = np.unique(np.concatenate((self.keys, other.keys)), return_inverse=True)
        place, both, counts = _counted(
            cluster.reshape(-1), np.concatenate(codes), np.concatenate((self.counts, other.counts)), len(categories)
        )
        ordered = ordered and not nominal and None not in texts
        return Patterns(
            self.control,
            self.scope,
            self.missed,
            annotators,
            categories,
            listed,
            nominal,
            ordered,
            keys[place],
            both,
            counts,
        )

    def _recoded(self, annotators: tuple[str, ...], categories: tuple[str | None, ...]) -> NDArray[np.int16]:
        place = {category: number for number, category in enumerate(categories)}
        new = np.array([*(place[category] for category in self.categories or ()), -1], dtype=np.int16)
        column = {name: number for number, name in enumerate(annotators)}
        codes = np.full((len(self.codes), len(annotators)), -1, dtype=np.int16)
        codes[:, [column[name] for name in self.annotators]] = new[self.codes]
        return codes


def _most(control: str) -> int:
    return MOST_LABELS if control == LABEL else MOST_CATEGORIES


def _too_many(
    control: str,
    scope: str,
    missed: str,
    annotators: tuple[str, ...],
    listed: tuple[str, ...] | None,
    nominal: bool,
) -> Patterns:
    none = np.empty(0, dtype=np.int64)
    codes = np.empty((0, len(annotators)), dtype=np.int16)
    return Patterns(
        control, scope, missed, annotators, None, listed, nominal, False, none.astype(np.uint64), codes, none
    )


def patterns_of(
    control: Control,
    rated: Rated,
    absent: NDArray[np.bool_] | None,
    annotators: tuple[str, ...],
    cluster: Ints,
    keys: Keys,
) -> Patterns:
    """Count the patterns of ratings.

    Parameters
    ----------
    control : Control
        What was rated.
    rated : Rated
        The ratings.
    absent : ndarray of bool, shape (n_units, n_annotators), or None
        Who missed a unit, where that is a category of its own.
    annotators : tuple of str
        One per column.
    cluster : ndarray of int64, shape (n_units,)
        Cluster of each unit: a place in `keys`.
    keys : ndarray of uint64
        Keys of the clusters, rising.
    """
    missed = "left_out" if absent is None else "category"
    if len(rated.categories) > _most(control.name):
        return _too_many(control.name, control.scope, missed, annotators, control.values, control.nominal)
    codes, categories = rated.codes, rated.categories
    # Of what nobody has answered nothing is known, also where somebody missed it.
    answered = np.flatnonzero((codes.T >= 0).any(axis=0))
    codes = codes[answered]
    if absent is not None:
        codes = np.where(absent[answered], len(categories), codes)
    kinds = (*categories, None) if absent is not None else categories
    place, counted, counts = _counted(cluster[answered], codes.astype(np.int16), None, len(kinds))
    ordered = rated.ordered and absent is None
    name = (control.name, control.scope, missed)
    listed, nominal = control.values, control.nominal
    return Patterns(*name, annotators, kinds, listed, nominal, ordered, keys[place], counted, counts)


def _counted(
    cluster: Ints, codes: NDArray[np.int16], counts: Ints | None, categories: int
) -> tuple[Ints, NDArray[np.int16], Ints]:
    """Add up equal entries and sort them by cluster, then by answers."""
    base, size = categories + 1, int(cluster.max(initial=0)) + 1
    code = cluster.astype(np.int64)
    if counts is None and size * base ** codes.shape[1] < np.iinfo(np.int64).max:
        # One number holds an entry, so that sorting these numbers is all: what they stand for is read off again.
        for column in codes.T:
            code = code * base + (column + 1)
        code.sort()
        first = np.flatnonzero(np.diff(code, prepend=-1))
        code, total = code[first], np.diff(first, append=len(code))
        found = np.empty((len(code), codes.shape[1]), dtype=np.int16)
        for at in range(codes.shape[1] - 1, -1, -1):
            code, found[:, at] = np.divmod(code, base)
        return code, found - np.int16(1), total
    for column in codes.T:
        if size > np.iinfo(np.int64).max // base:
            # Numbers in between keep the order and fit again.
            distinct, code = np.unique(code, return_inverse=True)
            code, size = code.reshape(-1).astype(np.int64), len(distinct)
        code = code * base + (column + 1)
        size *= base
    _, one, inverse = np.unique(code, return_index=True, return_inverse=True)
    total = np.zeros(len(one), dtype=np.int64)
    np.add.at(total, inverse.reshape(-1), 1 if counts is None else counts)
    return cluster[one], codes[one], total


class RatedPairs(NamedTuple):
    """Every two ratings of one entry.

    Attributes
    ----------
    entry, a, b : ndarray of int64
        Row and two columns of the codes, a before b; by pair of columns, then row.
    starts : dict
        For each pair of columns that rated the same unit, where its rows start and end.
    """

    entry: Ints
    a: Ints
    b: Ints
    starts: dict[tuple[int, int], tuple[int, int]]


def rated_pairs(codes: NDArray[np.int16]) -> RatedPairs:
    """List every two ratings of one entry: as many steps as an entry has ratings, not as there are pairs of people."""
    if codes.shape[1] <= FEW:
        return _of_few(codes)
    row, column = np.nonzero(codes >= 0)
    entry: list[Ints] = [np.empty(0, dtype=np.int64)]
    a, b = list(entry), list(entry)
    for step in range(1, codes.shape[1]):
        same = np.flatnonzero(row[step:] == row[:-step])
        if not len(same):
            break
        entry.append(row[same])
        a.append(column[same])
        b.append(column[same + step])
    rows, first, second = (np.concatenate(parts) for parts in (entry, a, b))
    pair = first * codes.shape[1] + second
    order = np.lexsort((rows, pair))
    rows, first, second, pair = rows[order], first[order], second[order], pair[order]
    found, start = np.unique(pair, return_index=True)
    ends = [*start[1:].tolist(), len(pair)][: len(found)]
    sides = [divmod(one, codes.shape[1]) for one in found.tolist()]
    return RatedPairs(rows, first, second, dict(zip(sides, zip(start.tolist(), ends, strict=True), strict=True)))


def _of_few(codes: NDArray[np.int16]) -> RatedPairs:
    """The same, one pair of people after the other."""
    given = codes.T >= 0
    none = np.empty(0, dtype=np.int64)
    rows, first, second, starts, start = [none], [none], [none], {}, 0
    for a, b in combinations(range(len(given)), 2):
        both = np.flatnonzero(given[a] & given[b])
        if len(both):
            starts[a, b] = (start, start + len(both))
            start += len(both)
            rows.append(both)
            first.append(np.full(len(both), a))
            second.append(np.full(len(both), b))
    return RatedPairs(np.concatenate(rows), np.concatenate(first), np.concatenate(second), starts)
