"""Agreement on categories, corrected for chance: kappas of Cohen, Fleiss and Conger, Krippendorff's alpha, AC1."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..options import shown
from .coding import Codes, coded
from .ratings import Ratings

__all__ = [
    "Coefficient",
    "codes_of",
    "cohen_kappa",
    "conger_kappa",
    "disagreement_weights",
    "fleiss_kappa",
    "gwet_ac1",
    "pairs_of",
    "raters_of",
    "undefined_reason",
]

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Coefficient:
    """One statistic of reliability.

    Attributes
    ----------
    value : float or None
        None where it is undefined.
    reason : str or None
        Why it is undefined: no_units, single_annotator, no_unit_with_two_ratings, single_category, too_few_units,
        no_complete_unit, zero_variance. See docs/statistics.md.
    standard_error : float or None
        Asymptotic standard error, taking units as independent; Cohen's kappa only.
    n_units : int
        Units that enter: rated by two annotators or more; those of ICC by all.
    n_annotators : int
        Annotators with a rating.
    n_categories : int
        Categories that occur; 0 where values are not categories.
    observed, expected : float or None
        Observed agreement and the agreement by chance; of Krippendorff's alpha disagreement, observed and by chance.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> alike = lg.cohen_kappa(["new", "new"], ["new", "new"])
    >>> isinstance(alike, lg.Coefficient), alike.value, alike.reason, alike.observed
    (True, None, 'single_category', 1.0)
    """

    value: float | None
    reason: str | None
    standard_error: float | None
    n_units: int
    n_annotators: int
    n_categories: int
    observed: float | None
    expected: float | None


def cohen_kappa(
    a: ArrayLike | Sequence[Any],
    b: ArrayLike | Sequence[Any],
    *,
    weights: str | None = None,
    categories: Sequence[Any] | None = None,
) -> Coefficient:
    """Return Cohen's kappa of two annotators, unweighted or weighted.

    Parameters
    ----------
    a, b : array_like of shape (n,)
        Ratings of the same units; None and NaN are no rating, such units are left out.
    weights : "linear" or "quadratic", optional
        Disagreement grows with the difference of ranks, or its square; by default any disagreement counts alike. Ranks
        are those among the categories that occur.
    categories : sequence, optional
        Categories in their order; by default numbers by size, texts by their letters.

    Returns
    -------
    Coefficient
        1 is perfect, 0 what chance gives; with the asymptotic standard error. Undefined where only one category
        occurs (chance agrees as often as they do) and where no unit has two ratings. O(n + categories^2).

    Raises
    ------
    ValueError
        If a and b differ in length, or weights have another name.

    References
    ----------
    Cohen 1960, "A coefficient of agreement for nominal scales"; Cohen 1968, "Weighted kappa"; Fleiss, Cohen and Everitt
    1969, "Large sample standard errors of kappa and weighted kappa", equations 8 and 11.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> a = ["new"] * 25 + ["stable"] * 25
    >>> b = ["new"] * 20 + ["stable"] * 5 + ["new"] * 10 + ["stable"] * 15
    >>> found = lg.cohen_kappa(a, b)
    >>> round(found.value, 6), found.n_units
    (0.4, 50)
    """
    first, second = _column(a), _column(b)
    if len(first) != len(second):
        raise ValueError(f"a has {len(first)} ratings and b {len(second)}; they rate the same units")
    codes = coded(np.stack([first, second], axis=1), categories=categories).codes
    both = codes[(codes >= 0).all(axis=1)]
    # Of units that only one has rated, categories do not count.
    used, both = np.unique(both, return_inverse=True)
    q, n = len(used), len(both)
    table = np.bincount(both.reshape(-1, 2) @ np.array([q, 1]), minlength=q * q).reshape(q, q).astype(np.float64)
    reason = undefined_reason(codes, q)
    cost = disagreement_weights(q, weights)
    if reason is not None:
        observed = float((table * (1.0 - cost)).sum() / n) if n else None
        return Coefficient(None, reason, None, n, raters_of(codes), q, observed, 1.0 if n else None)
    share = table / n
    row, column = share.sum(axis=1), share.sum(axis=0)
    away, chance = float((share * cost).sum()), float(row @ cost @ column)
    value = 1.0 - away / chance
    # As agreements w = 1 - cost, with their means over rows and columns.
    gain = 1.0 - cost
    mean = (gain @ column)[:, None] + (row @ gain)[None, :]
    spread = (share * (gain - mean * (1.0 - value)) ** 2).sum() - (value - (1.0 - chance) * (1.0 - value)) ** 2
    error = math.sqrt(max(float(spread), 0.0) / n) / chance
    return Coefficient(value, None, error, n, raters_of(codes), q, 1.0 - away, 1.0 - chance)


def _column(values: Any) -> NDArray[Any]:
    """Ratings of one annotator, numbers as such."""
    if isinstance(values, np.ndarray) and values.ndim == 1:
        return values
    listed = values.to_pylist() if hasattr(values, "to_pylist") else list(values)
    column = np.empty(len(listed), dtype=object)
    column[:] = listed
    return column


def disagreement_weights(count: int, weights: str | None) -> Floats:
    """Return what it costs to say one category instead of another, from 0 to 1.

    Parameters
    ----------
    count : int
        Number of categories.
    weights : "linear", "quadratic" or None
        By difference of rank, its square, or alike.

    Returns
    -------
    ndarray of float64, shape (count, count)
        The largest is 1.
    """
    rank = np.arange(count, dtype=np.float64)
    apart = np.abs(rank[:, None] - rank[None, :]) / max(count - 1, 1)
    if weights is None:
        return (apart > 0.0).astype(np.float64)
    if weights not in ("linear", "quadratic"):
        raise ValueError(f"weights is {shown(weights)}; it is linear, quadratic or None")
    return apart if weights == "linear" else np.asarray(apart**2)


def codes_of(ratings: Any, categories: Sequence[Any] | None) -> tuple[Codes, tuple[Any, ...]]:
    """Ratings as codes of shape (n_units, n_annotators)."""
    if isinstance(ratings, Ratings):
        if categories is not None:
            raise ValueError("categories are those of the ratings; give none")
        used, codes = np.unique(ratings.codes, return_inverse=True)
        # -1, no rating, stays -1.
        shift = 1 if len(used) and used[0] < 0 else 0
        codes = codes.reshape(ratings.codes.shape).astype(np.int64) - shift
        return codes, tuple(ratings.categories[code] for code in used[shift:].tolist())
    codes, found = coded(ratings, categories=categories)
    if codes.ndim == 1 and not codes.size:
        codes = codes.reshape(0, 0)
    if codes.ndim != 2:
        raise ValueError(f"ratings have {codes.ndim} dimensions; they are of shape (n_units, n_annotators)")
    return codes, found


def raters_of(codes: Codes) -> int:
    """Count the annotators with a rating."""
    return int((codes >= 0).any(axis=0).sum())


def undefined_reason(codes: Codes, categories: int) -> str | None:
    """Why agreement by chance is undefined for these ratings."""
    given = codes >= 0
    if not given.any():
        return "no_units"
    if raters_of(codes) < 2:
        return "single_annotator"
    if not (given.sum(axis=1) > 1).any():
        return "no_unit_with_two_ratings"
    return "single_category" if categories < 2 else None


def pairs_of(codes: Codes) -> Iterator[tuple[NDArray[np.bool_], Codes, Codes]]:
    """Every two annotators: the units that both rated, and their ratings."""
    for first, second in combinations(range(codes.shape[1]), 2):
        a, b = codes[:, first], codes[:, second]
        both = (a >= 0) & (b >= 0)
        yield both, a[both], b[both]


def _observed(codes: Codes, gain: Floats) -> tuple[float, int]:
    """Mean over units of the agreement among their pairs of ratings, and how many units have any."""
    given = (codes >= 0).sum(axis=1)
    agreed = np.zeros(len(codes))
    for both, a, b in pairs_of(codes):
        agreed[both] += gain[a, b]
    several = given > 1
    possible = given[several] * (given[several] - 1) / 2.0
    return float((agreed[several] / possible).mean()), int(several.sum())


def _shares(codes: Codes, q: int) -> Floats:
    """Share of each category: within a unit, then the mean over units."""
    given = (codes >= 0).sum(axis=1)
    unit, rater = np.nonzero(codes >= 0)
    total = np.bincount(codes[unit, rater], weights=1.0 / given[unit], minlength=q)
    share: Floats = total / np.count_nonzero(given)
    return share


def _corrected(codes: Codes, q: int, observed: float, expected: float, n: int) -> Coefficient:
    value = (observed - expected) / (1.0 - expected)
    return Coefficient(value, None, None, n, raters_of(codes), q, observed, expected)


def _undefined(codes: Codes, q: int, reason: str) -> Coefficient:
    n = int(((codes >= 0).sum(axis=1) > 1).sum())
    # Who has only one category to say has agreed.
    only = 1.0 if reason == "single_category" else None
    return Coefficient(None, reason, None, n, raters_of(codes), q, only, only)


def fleiss_kappa(
    ratings: Ratings | ArrayLike | Sequence[Sequence[Any]], *, categories: Sequence[Any] | None = None
) -> Coefficient:
    """Return Fleiss' kappa of a group of annotators.

    Parameters
    ----------
    ratings : Ratings, or array_like of shape (n_units, n_annotators)
        None and NaN are no rating.
    categories : sequence, optional
        What may occur; changes nothing but the check.

    Returns
    -------
    Coefficient
        With ratings missing as Gwet defines it: observed agreement is the mean over units with two ratings or more,
        shares of categories are means over units with a rating. Undefined where only one category occurs.
        O(n_units n_annotators^2).

    References
    ----------
    Fleiss 1971, "Measuring nominal scale agreement among many raters"; Gwet 2014, "Handbook of inter-rater
    reliability", chapter 2.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> round(lg.fleiss_kappa([["a", "a", "b"], ["b", "b", "b"], ["a", None, "a"]]).value, 4)
    0.55
    """
    codes, found = codes_of(ratings, categories)
    reason = undefined_reason(codes, len(found))
    if reason is not None:
        return _undefined(codes, len(found), reason)
    observed, n = _observed(codes, np.eye(len(found)))
    share = _shares(codes, len(found))
    return _corrected(codes, len(found), observed, float(share @ share), n)


def conger_kappa(
    ratings: Ratings | ArrayLike | Sequence[Sequence[Any]], *, categories: Sequence[Any] | None = None
) -> Coefficient:
    """Return Conger's kappa: as Fleiss', but each annotator has shares of categories of their own.

    Parameters
    ----------
    ratings : Ratings, or array_like of shape (n_units, n_annotators)
        None and NaN are no rating.
    categories : sequence, optional
        What may occur; changes nothing but the check.

    Returns
    -------
    Coefficient
        Of two annotators with all ratings, Cohen's kappa. Agreement by chance is the mean over pairs of annotators of
        the product of their shares; who has rated nothing is left out. O(n_units n_annotators^2).

    References
    ----------
    Conger 1980, "Integration and generalization of kappas for multiple raters"; Gwet 2014.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> round(lg.conger_kappa([["a", "a", "b"], ["b", "b", "b"], ["a", None, "a"]]).value, 4)
    0.5714
    """
    codes, found = codes_of(ratings, categories)
    q = len(found)
    reason = undefined_reason(codes, q)
    if reason is not None:
        return _undefined(codes, q, reason)
    observed, n = _observed(codes, np.eye(q))
    counts = np.stack([np.bincount(column[column >= 0], minlength=q) for column in codes.T]).astype(np.float64)
    counts = counts[counts.sum(axis=1) > 0]
    share = counts / counts.sum(axis=1, keepdims=True)
    r = len(share)
    # The sum over pairs of different annotators: all products less those of each with themselves.
    expected = (float((share.sum(axis=0) ** 2).sum()) - float((share**2).sum())) / (r * (r - 1))
    return _corrected(codes, q, observed, expected, n)


def gwet_ac1(
    ratings: Ratings | ArrayLike | Sequence[Sequence[Any]],
    *,
    weights: str | None = None,
    categories: Sequence[Any] | None = None,
) -> Coefficient:
    """Return Gwet's AC1, or with weights AC2.

    Parameters
    ----------
    ratings : Ratings, or array_like of shape (n_units, n_annotators)
        None and NaN are no rating.
    weights : "linear" or "quadratic", optional
        AC2: disagreement grows with the difference of ranks, or its square.
    categories : sequence, optional
        Categories in their order. The number of categories is that of those that occur.

    Returns
    -------
    Coefficient
        Missing ratings as in `fleiss_kappa`. Unlike the kappas it stays large where nearly all ratings are of one
        category and agree. O(n_units n_annotators^2).

    References
    ----------
    Gwet 2008, "Computing inter-rater reliability and its variance in the presence of high agreement"; Gwet 2014.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> round(lg.gwet_ac1([["a", "a", "b"], ["b", "b", "b"], ["a", None, "a"]]).value, 4)
    0.561
    """
    codes, found = codes_of(ratings, categories)
    q = len(found)
    gain = 1.0 - disagreement_weights(q, weights)
    reason = undefined_reason(codes, q)
    if reason is not None:
        return _undefined(codes, q, reason)
    observed, n = _observed(codes, gain)
    share = _shares(codes, q)
    expected = float(gain.sum()) / (q * (q - 1)) * float(share @ (1.0 - share))
    return _corrected(codes, q, observed, expected, n)
