"""Krippendorff's alpha, for categories, ranks and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..options import shown
from .coding import number_of
from .coefficients import Coefficient, codes_of, pairs_of, raters_of, undefined_reason
from .ratings import Ratings

__all__ = ["LEVELS", "apart", "by_chance", "krippendorff_alpha", "places"]

Floats: TypeAlias = NDArray[np.float64]
LEVELS = ("nominal", "ordinal", "interval", "ratio")
#: Pairs of values that are compared at a time.
CHUNK = 1 << 22


def krippendorff_alpha(
    ratings: Ratings | ArrayLike | Sequence[Sequence[Any]],
    *,
    level: str = "nominal",
    categories: Sequence[Any] | None = None,
) -> Coefficient:
    """Return Krippendorff's alpha of a group of annotators.

    Parameters
    ----------
    ratings : Ratings, or array_like of shape (n_units, n_annotators)
        None and NaN are no rating. Units with a single rating do not count.
    level : "nominal", "ordinal", "interval" or "ratio", default "nominal"
        How different two ratings are: at all; by the ratings that lie between them; by the square of their difference;
        by the square of their difference over their sum.
    categories : sequence, optional
        Categories in their order, for "ordinal"; by default numbers by size, texts by their letters.

    Returns
    -------
    Coefficient
        `observed` and `expected` are disagreements. Undefined where only one category occurs in units that count.
        O(n_units n_annotators^2), "ratio" besides the square of the number of different values.

    Raises
    ------
    ValueError
        If level has another name, values for "interval" and "ratio" are no numbers, or negative for "ratio".

    References
    ----------
    Krippendorff 2011, "Computing Krippendorff's alpha-reliability".

    Examples
    --------
    >>> import lesiongeo as lg
    >>> a = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    >>> b = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    >>> round(lg.krippendorff_alpha(list(zip(a, b))).value, 3)
    0.095
    """
    if level not in LEVELS:
        raise ValueError(f"level is {shown(level)}; it is one of {', '.join(LEVELS)}")
    codes, found = codes_of(ratings, categories)
    given = (codes >= 0).sum(axis=1)
    paired = codes[given > 1]
    used = np.unique(paired[paired >= 0])
    reason = undefined_reason(codes, len(used))
    if reason is not None:
        none = 0.0 if reason == "single_category" else None
        return Coefficient(None, reason, None, len(paired), raters_of(codes), len(used), none, none)
    count = np.bincount(paired[paired >= 0], minlength=len(found)).astype(np.float64)
    total = float(count.sum())
    place = places(found, count, level)
    weight = 2.0 / (given[given > 1] - 1.0)
    observed = 0.0
    for both, a, b in pairs_of(paired):
        observed += float(weight[both] @ apart(place[a], place[b], level)) / total
    expected = by_chance(place, count, level) / (total * (total - 1.0))
    if expected == 0.0:
        return Coefficient(None, "single_category", None, len(paired), raters_of(codes), len(used), 0.0, 0.0)
    value = float(1.0 - observed / expected)
    return Coefficient(value, None, None, len(paired), raters_of(codes), len(used), observed, expected)


def places(found: tuple[Any, ...], count: Floats, level: str) -> Floats:
    """Where each category lies on the scale of the level."""
    if level == "nominal":
        return np.arange(len(found), dtype=np.float64)
    if None in found:
        raise ValueError(f"a missed region has no place on a scale; level {level} needs missed='left_out'")
    if level == "ordinal":
        # What lies between two categories, with half of each, is the difference of their middle ranks.
        return np.asarray(np.cumsum(count) - count / 2.0)
    numbers = [number_of(category) for category in found]
    for category, number in zip(found, numbers, strict=True):
        if number is None:
            raise ValueError(f"a rating is {shown(category)}; level {level} needs numbers")
        if level == "ratio" and number < 0.0:
            raise ValueError(f"a rating is {shown(category)}; level ratio needs numbers that are not negative")
    return np.array(numbers, dtype=np.float64)


def apart(a: Floats, b: Floats, level: str) -> Floats:
    """Disagreement of two ratings."""
    if level == "nominal":
        return np.asarray(a != b, np.float64)
    if level != "ratio":
        squared: Floats = np.square(a - b)
        return squared
    both = a + b
    return np.asarray(np.where(both > 0.0, ((a - b) / np.where(both > 0.0, both, 1.0)) ** 2, 0.0))


def by_chance(place: Floats, count: Floats, level: str) -> float:
    """Sum over all pairs of ratings of their disagreement."""
    total = count.sum()
    if level == "nominal":
        return float((count * (total - count)).sum())
    if level != "ratio":
        middle = float(count @ place) / total
        return float(2.0 * total * (count @ (place - middle) ** 2))
    rows = max(1, CHUNK // len(place))
    added = 0.0
    for start in range(0, len(place), rows):
        some = slice(start, start + rows)
        added += float(count[some] @ (apart(place[some, None], place[None, :], level) @ count))
    return added
