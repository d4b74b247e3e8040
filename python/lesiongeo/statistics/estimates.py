"""Coefficients from totals: the same formulas for the whole and for a thousand resamples at once.

Every statistic is a function of sums over units. An `Estimate` holds these sums per cluster and the function; what
they are for one unit says each function here. Definitions and sources stand with the functions of `coefficients`,
`krippendorff` and `continuous`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .clusters import Ints
from .coding import number_of
from .coefficients import disagreement_weights
from .intervals import Block
from .krippendorff import apart
from .patterns import Patterns, RatedPairs

__all__ = ["Estimate", "correlation_estimate", "group_estimate", "pair_estimate"]

Floats: TypeAlias = NDArray[np.float64]
#: Columns of one block of sums over pairs of categories.
WIDTH = 64
#: What is below this share of the whole spread is rounding.
NOTHING = 1e-13


@dataclass(frozen=True)
class Estimate:
    """Statistics of the same ratings.

    Attributes
    ----------
    blocks : list of Block
        Sums per cluster.
    values : callable
        From totals of shape (m, k) to values by statistic, each of shape (m,), NaN where undefined.
    n_units, n_annotators, n_categories, n_clusters : int
        What enters.
    reason : str or None
        Why all are undefined for the whole (of single_category, all but raw_agreement).
    """

    blocks: list[Block]
    values: Callable[[Floats], dict[str, Floats]]
    n_units: int
    n_annotators: int
    n_categories: int
    n_clusters: int
    reason: str | None


def _ratio(above: Floats, below: Floats) -> Floats:
    """Divide; NaN where there is nothing to divide by."""
    possible = below > 0.0
    return np.where(possible, above / np.where(possible, below, 1.0), np.nan)


def _totals(place: Ints, values: Floats, size: int) -> Floats:
    """Add up values by place."""
    sums: Floats = np.bincount(place, values, minlength=size).astype(np.float64, copy=False)
    return sums


def _sparse(cluster: Ints, column: Ints, values: Floats, columns: int, rows: Ints) -> list[Block]:
    """Add up values by cluster and column, as blocks of the clusters that have any."""
    blocks = []
    for start in range(0, columns, WIDTH):
        here = (column >= start) & (column < start + WIDTH)
        width = min(WIDTH, columns - start)
        found, at = np.unique(cluster[here], return_inverse=True)
        place = at.reshape(-1) * width + (column[here] - start)
        sums = _totals(place, values[here], len(found) * width)
        blocks.append(Block(rows[found], sums.reshape(len(found), width)))
    return blocks


def group_estimate(patterns: Patterns, pairs: RatedPairs, cluster: Ints, rows: Ints) -> Estimate:
    """Statistics of all annotators.

    Parameters
    ----------
    patterns : Patterns
        Their ratings.
    pairs : RatedPairs
        Pairs of them.
    cluster : ndarray of int64
        Cluster of each entry of the patterns, as a place in `rows`.
    rows : ndarray of int64
        Row of each cluster among all clusters.

    Notes
    -----
    Sums of a unit with n ratings, r of them of a category: n >= 2 (raw agreement: its share of equal pairs of ratings;
    2 / (n - 1) for each unequal pair, and for each pair the square of the difference of numbers; r per category);
    n >= 1 (1; r / n per category). For the ordinal alpha 2 / (n - 1) per pair of different categories.
    """
    codes, counts = patterns.codes, patterns.counts.astype(np.float64)
    categories = patterns.categories or ()
    q, clusters = len(categories), len(rows)
    used = int(np.count_nonzero(np.bincount(codes.ravel() + 1)[1:]))
    # By annotator, since sums over few columns of many rows are slow.
    rated_by = codes.T >= 0
    given = rated_by.sum(axis=0)
    first, second = codes[pairs.entry, pairs.a], codes[pairs.entry, pairs.b]
    same = first == second
    several = given > 1
    raters = int(rated_by.any(axis=1).sum())
    possible = np.maximum(given * (given - 1) / 2.0, 1.0)
    per_pair = counts / np.maximum(given - 1.0, 1.0) * 2.0
    equal = np.bincount(pairs.entry[same], minlength=len(codes))
    unequal = np.bincount(pairs.entry[~same], minlength=len(codes))

    def by_cluster(values: Floats) -> Floats:
        return _totals(cluster, values, clusters)

    columns = [
        by_cluster(counts * several),
        by_cluster(counts * several * equal / possible),
        by_cluster(counts),
        by_cluster(per_pair * unequal),
    ]
    unit, rater = np.nonzero(codes >= 0)
    place = cluster[unit] * q + codes[unit, rater]
    share, paired = (
        _totals(place, weights[unit], clusters * q).reshape(clusters, q)
        for weights in (counts / np.maximum(given, 1), counts * several)
    )
    numbers = np.array([np.nan if (value := number_of(text)) is None else value for text in categories])
    interval = patterns.ordered and bool(np.isfinite(numbers).all())
    weight = per_pair[pairs.entry]
    if interval:
        squares = weight * apart(numbers[first], numbers[second], "interval")
        columns.append(_totals(cluster[pairs.entry], squares, clusters))
    blocks = [Block(rows, np.column_stack([*columns, share, paired]))]
    cells = np.empty(0, dtype=np.int64)
    if patterns.ordered:
        low, high = np.minimum(first, second)[~same], np.maximum(first, second)[~same]
        cells, cell = np.unique(low.astype(np.int64) * q + high, return_inverse=True)
        blocks += _sparse(cluster[pairs.entry[~same]], cell.reshape(-1), weight[~same], len(cells), rows)
    fixed = len(columns)

    def values(totals: Floats) -> dict[str, Floats]:
        units, agreed, rated, differ = totals[:, :4].T
        shares = totals[:, fixed : fixed + q] / np.where(rated > 0, rated, 1.0)[:, None]
        count = totals[:, fixed + q : fixed + 2 * q]
        observed = _ratio(agreed, units)
        # 1 - sum p^2, exactly 0 where there is one category.
        apart_by_chance = (shares * (1.0 - shares)).sum(axis=1)
        found = {"raw_agreement": observed}
        found["fleiss_kappa"] = 1.0 - _ratio(1.0 - observed, apart_by_chance)
        found["gwet_ac1"] = 1.0 - _ratio(1.0 - observed, 1.0 - apart_by_chance / max(used - 1, 1))
        size = count.sum(axis=1)

        def alpha(disagreed: Floats, by_chance: Floats) -> Floats:
            return 1.0 - _ratio((size - 1.0) * disagreed, by_chance)

        found["krippendorff_alpha_nominal"] = alpha(differ, (count * (size[:, None] - count)).sum(axis=1))
        if patterns.ordered:
            middle = np.cumsum(count, axis=1) - count / 2.0
            left, right = np.divmod(cells, max(q, 1))
            own = totals[:, fixed + 2 * q :]
            disagreed = (own * (middle[:, left] - middle[:, right]) ** 2).sum(axis=1)
            found["krippendorff_alpha_ordinal"] = alpha(disagreed, _spread(count, middle))
        if interval:
            found["krippendorff_alpha_interval"] = alpha(totals[:, 4], _spread(count, numbers[None, :]))
        return found

    return Estimate(
        blocks,
        values,
        int(patterns.counts[several].sum()),
        raters,
        used,
        int(np.count_nonzero(np.bincount(cluster[several]))),
        _reason(len(codes), raters, bool(several.any()), used),
    )


def _spread(count: Floats, place: Floats) -> Floats:
    """Sum over all pairs of ratings of the square of their difference."""
    size = count.sum(axis=1)
    middle = (count * place).sum(axis=1) / np.where(size > 0, size, 1.0)
    squares: Floats = 2.0 * size * (count * (place - middle[:, None]) ** 2).sum(axis=1)
    return squares


def _reason(entries: int, raters: int, several: bool, used: int) -> str | None:
    if not entries:
        return "no_units"
    if raters < 2:
        return "single_annotator"
    if not several:
        return "no_unit_with_two_ratings"
    return "single_category" if used < 2 else None


def pair_estimate(patterns: Patterns, entry: Ints, a: int, b: int, cluster: Ints, rows: Ints) -> Estimate | None:
    """Statistics of two annotators, from the entries that both rated; None where there is none.

    Notes
    -----
    Sums of a unit: 1 for the answer of a, 1 for that of b, and what their difference costs, by each kind of weights.
    What both missed is no unit of theirs.
    """
    first, second = patterns.codes[entry, a].astype(np.int64), patterns.codes[entry, b].astype(np.int64)
    if patterns.missed == "category":
        missed = len(patterns.categories or ()) - 1
        either = (first != missed) | (second != missed)
        entry, first, second = entry[either], first[either], second[either]
    if not len(entry):
        return None
    # Ranks are those among the categories that the two used.
    occurs = np.bincount(np.concatenate((first, second)))
    rank = np.cumsum(occurs > 0) - 1
    q = int(rank[-1]) + 1
    first, second = rank[first], rank[second]
    counts = patterns.counts[entry].astype(np.float64)
    kinds: dict[str, str | None] = {"cohen_kappa": None}
    if patterns.ordered:
        kinds |= {"cohen_kappa_linear": "linear", "cohen_kappa_quadratic": "quadratic"}
    costs = [disagreement_weights(q, weights) for weights in kinds.values()]
    own = cluster[entry]
    first_of = np.flatnonzero(np.diff(own, prepend=-1))
    place = np.cumsum(np.diff(own, prepend=-1) > 0) - 1
    n = len(first_of)
    sums = [_totals(place * q + side, counts, n * q).reshape(n, q) for side in (first, second)]
    sums += [_totals(place, counts * cost[first, second], n)[:, None] for cost in costs]

    def values(totals: Floats) -> dict[str, Floats]:
        row, column = totals[:, :q], totals[:, q : 2 * q]
        size = row.sum(axis=1)
        found = {"raw_agreement": _ratio(size - totals[:, 2 * q], size)}
        for at, (name, cost) in enumerate(zip(kinds, costs, strict=True)):
            by_chance = ((row @ cost) * column).sum(axis=1)
            found[name] = 1.0 - _ratio(size * totals[:, 2 * q + at], by_chance)
        return found

    reason = "single_category" if q < 2 else None
    return Estimate([Block(rows[own[first_of]], np.hstack(sums))], values, int(counts.sum()), 2, q, n, reason)


def correlation_estimate(sums: Floats, annotators: int, rows: Ints) -> Estimate:
    """ICC(2,1) of measurements.

    Parameters
    ----------
    sums : ndarray, shape (n_clusters, 4 + annotators)
        Of a unit with mean m over annotators and deviations d from it: 1, m, m^2, sum of d^2, each d.
    annotators : int
        How many measured each unit.
    rows : ndarray of int64
        Row of each of these clusters among all clusters.
    """

    def values(totals: Floats) -> dict[str, Floats]:
        n, mean, square, inside = totals[:, :4].T
        k, size = annotators, np.maximum(n, 2.0)
        between = np.maximum(square - mean**2 / size, 0.0)
        of_annotators = (totals[:, 4:] ** 2).sum(axis=1) / size
        rest = np.maximum(inside - of_annotators, 0.0) / ((size - 1.0) * (k - 1))
        unit, judge = k * between / (size - 1.0), of_annotators / (k - 1)
        below = unit + (k - 1) * rest + k * (judge - rest) / size
        # Sums of squares leave rounding where nothing varies.
        varies = (n >= 2.0) & (below > NOTHING * k * square / size)
        return {"icc_2_1": np.where(varies, (unit - rest) / np.where(varies, below, 1.0), np.nan)}

    n = round(float(sums[:, 0].sum()))
    clusters = int((sums[:, 0] > 0).sum())
    reason = None if n > 1 else "too_few_units" if n else "no_complete_unit"
    return Estimate([Block(rows, sums)], values, n, annotators, 0, clusters, reason)
