"""Coefficients of agreement from their definitions: plain loops over rated units, no speed.

Ratings are a list of units; a unit is a list with one entry per annotator, None where there is no rating.
A function returns None where the coefficient is not defined: no unit with two ratings, or chance agreement of 1.
Sources: Cohen 1960 and 1968, Fleiss 1971, Krippendorff 2011, Conger 1980,
Gwet 2008 and 2014 (missing ratings), Shrout and Fleiss 1979.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from fractions import Fraction
from typing import Any

Unit = Sequence[Any]
Units = Sequence[Unit]


def raw_agreement(units: Units) -> float | None:
    """Mean over units of the share of equal pairs of ratings, over units with two ratings or more."""
    parts = _shares(units)
    return None if parts is None else float(parts[0])


def cohen(units: Units, order: Sequence[Hashable] | None = None, weights: str = "none") -> float | None:
    """Kappa of two annotators, over the units that both rated; `order` ranks the categories for the weights."""
    both = [(x, y) for x, y in units if x is not None and y is not None]
    if not both:
        return None
    used = {v for pair in both for v in pair}
    # Categories that nobody used do not count, so ranks close up, as in scikit-learn.
    known = [v for v in order if v in used] if order is not None else sorted(used, key=str)
    assert used <= set(known)
    rank = {v: k for k, v in enumerate(known)}
    power = {"none": 0, "linear": 1, "quadratic": 2}[weights]
    n = len(both)
    first, second = Counter(x for x, _ in both), Counter(y for _, y in both)

    def apart(x: Hashable, y: Hashable) -> int:
        return int(x != y) if power == 0 else abs(rank[x] - rank[y]) ** power

    observed = Fraction(sum(apart(x, y) for x, y in both), n)
    expected = Fraction(sum(first[x] * second[y] * apart(x, y) for x in first for y in second), n * n)
    return None if expected == 0 else float(1 - observed / expected)


def fleiss(units: Units) -> float | None:
    """Fleiss' kappa; where numbers of ratings differ, as in Gwet's Handbook: shares of a unit count alike."""
    parts = _shares(units)
    if parts is None:
        return None
    observed, share = parts
    chance = sum((p**2 for p in share.values()), Fraction(0))
    return None if chance == 1 else float((observed - chance) / (1 - chance))


def conger(units: Units) -> float | None:
    """Conger's kappa: chance from what each annotator says how often; the mean over pairs of annotators."""
    parts = _shares(units)
    if parts is None:
        return None
    own = [Counter(unit[g] for unit in units if unit[g] is not None) for g in range(len(units[0]))]
    own = [counts for counts in own if counts]
    shares = [{k: Fraction(c, sum(counts.values())) for k, c in counts.items()} for counts in own]
    pairs = list(itertools.combinations(shares, 2))
    if not pairs:
        return None
    chance = sum((p * two.get(k, 0) for one, two in pairs for k, p in one.items()), Fraction(0)) / len(pairs)
    return None if chance == 1 else float((parts[0] - chance) / (1 - chance))


def ac1(units: Units) -> float | None:
    """Gwet's AC1, with missing ratings as in the Handbook."""
    parts = _shares(units)
    if parts is None or len(parts[1]) < 2:
        return None
    observed, share = parts
    chance = sum((p * (1 - p) for p in share.values()), Fraction(0)) / (len(share) - 1)
    return None if chance == 1 else float((observed - chance) / (1 - chance))


def _shares(units: Units) -> tuple[Fraction, dict[Hashable, Fraction]] | None:
    """Agreement over units with two ratings, and the mean over rated units of each category's share."""
    rated = [[v for v in unit if v is not None] for unit in units]
    rated = [unit for unit in rated if unit]
    several = [unit for unit in rated if len(unit) > 1]
    if not several:
        return None
    observed = Fraction(0)
    # Units with the same ratings at once.
    for pattern, times in Counter(frozenset(Counter(unit).items()) for unit in several).items():
        r = sum(c for _, c in pattern)
        observed += times * Fraction(sum(c * (c - 1) for _, c in pattern), r * (r - 1))
    share: dict[Hashable, Fraction] = defaultdict(Fraction)
    for (category, r), n in Counter((v, len(unit)) for unit in rated for v in unit).items():
        share[category] += Fraction(n, r * len(rated))
    return observed / len(several), dict(share)


def alpha(units: Units, level: str = "nominal", order: Sequence[Any] | None = None) -> float | None:
    """Krippendorff's alpha; ordinal needs values that sort or an `order`, interval and ratio need numbers."""
    rated = [[v for v in unit if v is not None] for unit in units]
    rated = [unit for unit in rated if len(unit) > 1]
    counts = Counter(v for unit in rated for v in unit)
    n = sum(counts.values())
    if not counts:
        return None
    distance = _distance(level, counts, order)
    terms = []
    for pattern, times in Counter(frozenset(Counter(unit).items()) for unit in rated).items():
        apart = (c * d * distance(x, y) for (x, c), (y, d) in itertools.permutations(pattern, 2))
        terms.append(times * math.fsum(apart) / (sum(c for _, c in pattern) - 1))
    observed = math.fsum(terms)
    values = list(counts)
    expected = math.fsum(counts[x] * counts[y] * distance(x, y) for x in values for y in values) / (n - 1)
    return None if expected == 0 else 1 - observed / expected


def _distance(level: str, counts: Counter[Any], order: Sequence[Any] | None) -> Callable[[Any, Any], float]:
    if level == "nominal":
        return lambda x, y: float(x != y)
    if level == "interval":
        return lambda x, y: float(x - y) ** 2
    if level == "ratio":
        return lambda x, y: ((x - y) / (x + y)) ** 2 if x != y else 0.0
    ranked = [v for v in (sorted(counts) if order is None else order) if v in counts]
    below, passed = {}, 0
    for value in ranked:
        below[value] = passed + counts[value] / 2
        passed += counts[value]
    return lambda x, y: (below[x] - below[y]) ** 2


def icc(rows: Sequence[Sequence[float]]) -> dict[str, float | None]:
    """The six intraclass correlations of a full table of units (rows) by annotators, from mean squares."""
    names = ("1_1", "2_1", "3_1", "1_k", "2_k", "3_k")
    n, k = len(rows), len(rows[0]) if rows else 0
    if n < 2 or k < 2:
        return dict.fromkeys(names)
    grand = math.fsum(itertools.chain(*rows)) / (n * k)
    of_rows = [math.fsum(row) / k for row in rows]
    of_columns = [math.fsum(row[j] for row in rows) / n for j in range(k)]
    between = k * math.fsum((m - grand) ** 2 for m in of_rows) / (n - 1)
    judges = n * math.fsum((m - grand) ** 2 for m in of_columns) / (k - 1)
    within = math.fsum((rows[i][j] - of_rows[i]) ** 2 for i in range(n) for j in range(k)) / (n * (k - 1))
    error = math.fsum((rows[i][j] - of_rows[i] - of_columns[j] + grand) ** 2 for i in range(n) for j in range(k)) / (
        (n - 1) * (k - 1)
    )

    def ratio(top: float, bottom: float) -> float | None:
        return top / bottom if bottom != 0 else None

    return {
        "1_1": ratio(between - within, between + (k - 1) * within),
        "2_1": ratio(between - error, between + (k - 1) * error + k * (judges - error) / n),
        "3_1": ratio(between - error, between + (k - 1) * error),
        "1_k": ratio(between - within, between),
        "2_k": ratio(between - error, between + (judges - error) / n),
        "3_k": ratio(between - error, between),
    }
