"""Agreement on measurements: intraclass correlation, Bland and Altman's limits, Pearson's correlation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..options import checked_number, shown
from .coefficients import Coefficient

__all__ = ["BlandAltman", "bland_altman", "icc", "pearson"]

Floats: TypeAlias = NDArray[np.float64]
FORMS = ("1,1", "2,1", "3,1", "1,k", "2,k", "3,k")
#: What is below this share of the whole spread is rounding.
NOTHING = 1e-13


def icc(values: ArrayLike | Sequence[Sequence[Any]], *, form: str = "2,1") -> Coefficient:
    """Return an intraclass correlation: how much of the spread of measurements is that between units.

    Parameters
    ----------
    values : array_like, shape (n_units, n_annotators)
        Measurements; None and NaN are missing, and such units are left out.
    form : "1,1", "2,1", "3,1", "1,k", "2,k" or "3,k", default "2,1"
        As Shrout and Fleiss call them: each unit by annotators of its own (1), all units by the same annotators, who
        stand for all possible ones (2) or for themselves (3, a constant difference between them does not count); of one
        annotator (1) or of the mean of all (k).

    Returns
    -------
    Coefficient
        `n_units` are the units that all annotators measured. Undefined below two of those, for a single annotator, and
        where the spread is zero. O(n_units n_annotators). `reliability` gives intervals.

    Raises
    ------
    ValueError
        If form has another name or values are not a table of finite numbers.

    References
    ----------
    Shrout and Fleiss 1979, "Intraclass correlations: uses in assessing rater reliability".

    Examples
    --------
    >>> import lesiongeo as lg
    >>> table = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    >>> [round(lg.icc(table, form=form).value, 2) for form in ("1,1", "2,1", "3,1", "1,k", "2,k", "3,k")]
    [0.17, 0.29, 0.71, 0.44, 0.62, 0.91]
    """
    if form not in FORMS:
        raise ValueError(f"form is {shown(form)}; it is one of {'; '.join(FORMS)}")
    table = _measured(values)
    if table.ndim != 2:
        raise ValueError(f"values have {table.ndim} dimensions; they are of shape (n_units, n_annotators)")
    annotators = int((~np.isnan(table)).any(axis=0).sum())
    table = table[~np.isnan(table).any(axis=1)]
    n, k = table.shape
    if k < 2 or annotators < 2:
        reason = "single_annotator" if annotators else "no_units"
        return Coefficient(None, reason, None, n, annotators, 0, None, None)
    if n < 2:
        return Coefficient(None, "too_few_units" if n else "no_complete_unit", None, n, annotators, 0, None, None)
    mean = table.mean()
    rows, columns = table.mean(axis=1), table.mean(axis=0)
    between = k * float(((rows - mean) ** 2).sum())
    of_annotators = n * float(((columns - mean) ** 2).sum())
    within = float(((table - rows[:, None]) ** 2).sum())
    error = float(((table - rows[:, None] - columns[None, :] + mean) ** 2).sum())
    unit, judge = between / (n - 1), of_annotators / (k - 1)
    inside, rest = within / (n * (k - 1)), error / ((n - 1) * (k - 1))
    many = form.endswith("k")
    if form[0] == "1":
        above, below = unit - inside, unit if many else unit + (k - 1) * inside
    elif form[0] == "2":
        above = unit - rest
        below = unit + (judge - rest) / n if many else unit + (k - 1) * rest + k * (judge - rest) / n
    else:
        above, below = unit - rest, unit if many else unit + (k - 1) * rest
    if below <= NOTHING * (between + within) or np.ptp(table) == 0.0:
        return Coefficient(None, "zero_variance", None, n, annotators, 0, None, None)
    return Coefficient(above / below, None, None, n, annotators, 0, None, None)


def _measured(values: Any) -> Floats:
    """Numbers with NaN for None; infinities are refused."""
    try:
        table = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError("values are no table of numbers") from error
    if np.isinf(table).any():
        raise ValueError("values hold infinities")
    return table


@dataclass(frozen=True, slots=True)
class BlandAltman:
    """Differences between two measurements of the same units.

    Attributes
    ----------
    n : int
        Units with both measurements.
    mean : float or None
        Mean of a - b: the bias. None where no unit has both.
    sd : float or None
        Standard deviation of the differences (n - 1). None below two units.
    low, high : float or None
        Limits of agreement, mean - multiplier sd and mean + multiplier sd.
    reason : str or None
        Why there are no limits: no_complete_unit, too_few_units.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> found = lg.bland_altman([3.0], [1.0])
    >>> found == lg.BlandAltman(n=1, mean=2.0, sd=None, low=None, high=None, reason="too_few_units")
    True
    """

    n: int
    mean: float | None
    sd: float | None
    low: float | None
    high: float | None
    reason: str | None


def bland_altman(a: ArrayLike, b: ArrayLike, *, multiplier: float = 1.96) -> BlandAltman:
    """Return bias and limits of agreement of two measurements.

    Parameters
    ----------
    a, b : array_like of shape (n,)
        Measurements of the same units; units with None or NaN on a side are left out.
    multiplier : float, default 1.96
        Standard deviations to the limits: 1.96 for 95 % of differences that are normally distributed; the paper of 1986
        takes 2.

    Returns
    -------
    BlandAltman
        Of a - b. O(n).

    Raises
    ------
    ValueError
        If a and b differ in length, or multiplier is no number from 0 up.

    References
    ----------
    Bland and Altman 1986, "Statistical methods for assessing agreement between two methods of clinical measurement".

    Examples
    --------
    >>> import lesiongeo as lg
    >>> found = lg.bland_altman([10.0, 12.0, 14.0], [9.0, 12.0, 12.0])
    >>> found.mean, found.sd, round(found.high, 2)
    (1.0, 1.0, 2.96)
    """
    factor = checked_number("multiplier", multiplier)
    if not 0.0 <= factor < math.inf:
        raise ValueError(f"multiplier is {shown(multiplier)}; it is a number from 0 up")
    first, second = _both(a, b)
    apart = first - second
    n = len(apart)
    if n < 2:
        return BlandAltman(
            n, float(apart[0]) if n else None, None, None, None, "too_few_units" if n else "no_complete_unit"
        )
    mean, sd = float(apart.mean()), float(apart.std(ddof=1))
    return BlandAltman(n, mean, sd, mean - factor * sd, mean + factor * sd, None)


def pearson(a: ArrayLike, b: ArrayLike) -> Coefficient:
    """Return Pearson's correlation of two measurements.

    Parameters
    ----------
    a, b : array_like of shape (n,)
        Measurements of the same units; units with None or NaN on a side are left out.

    Returns
    -------
    Coefficient
        It says whether one grows with the other, not whether they agree: see `icc`. Undefined below two units and where
        one side does not vary. O(n).

    Raises
    ------
    ValueError
        If a and b differ in length.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> round(lg.pearson([1, 2, 3, 4], [2, 4, 6, 9]).value, 4)
    0.9944
    """
    first, second = _both(a, b)
    n = len(first)
    if n < 2:
        return Coefficient(None, "too_few_units" if n else "no_complete_unit", None, n, 2, 0, None, None)
    if np.ptp(first) == 0.0 or np.ptp(second) == 0.0:
        return Coefficient(None, "zero_variance", None, n, 2, 0, None, None)
    first, second = first - first.mean(), second - second.mean()
    # Scaled, so that squares neither overflow nor vanish.
    first, second = first / np.abs(first).max(), second / np.abs(second).max()
    value = float(first @ second / math.sqrt(float(first @ first) * float(second @ second)))
    return Coefficient(min(max(value, -1.0), 1.0), None, None, n, 2, 0, None, None)


def _both(a: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats]:
    first, second = _measured(a), _measured(b)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"a is of shape {first.shape} and b of shape {second.shape}; they measure the same units")
    both = ~(np.isnan(first) | np.isnan(second))
    return first[both], second[both]
