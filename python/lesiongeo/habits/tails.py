"""Tail probabilities and intervals that numpy does not have: Student's t, and chance among strata."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

__all__ = ["chance_of_as_many", "chance_of_sum", "normal_tail", "t_quantile", "t_tail", "wilson"]

#: Events in all up to which the chance of as many is summed exactly.
MOST_EXACT = 2000


def normal_tail(z: float) -> float:
    """Return the probability that a standard normal number exceeds `z`."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def t_tail(t: float, freedom: float) -> float:
    """Return the probability that Student's t with so many degrees of freedom exceeds `t`.

    By the incomplete beta function as a continued fraction (Abramowitz and Stegun 26.5.8 and 26.7.1).
    """
    if t < 0.0:
        return 1.0 - t_tail(-t, freedom)
    if not math.isfinite(t):
        return 0.0
    return 0.5 * _beta_share(freedom / 2.0, 0.5, freedom / (freedom + t * t))


def t_quantile(confidence: float, freedom: float) -> float:
    """Return how many standard errors an interval of this confidence reaches to each side."""
    wanted = (1.0 - confidence) / 2.0
    low, high = 0.0, 1.0
    while t_tail(high, freedom) > wanted:
        high *= 2.0
    for _ in range(80):
        middle = (low + high) / 2.0
        low, high = (middle, high) if t_tail(middle, freedom) > wanted else (low, middle)
    return (low + high) / 2.0


def _beta_share(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function."""
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _beta_share(b, a, 1.0 - x)
    front = a * math.log(x) + b * math.log1p(-x) - math.log(a)
    front += math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    tiny = 1e-300
    ratio, c = 1.0, 1.0
    d = 1.0 / max(1.0 - (a + b) * x / (a + 1.0), tiny)
    ratio = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1.0 + step * d
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = 1.0 + step / c
            c = c if abs(c) > tiny else tiny
            ratio *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return math.exp(front) * ratio


def wilson(x: float, n: float, confidence: float) -> tuple[float, float]:
    """Return Wilson's interval of a share of `x` in `n`, which need not be whole numbers."""
    z = NormalDist().inv_cdf(0.5 + confidence / 2.0)
    share, square = x / n, z * z / n
    middle = (share + square / 2.0) / (1.0 + square)
    reach = z * math.sqrt(share * (1.0 - share) / n + square / (4.0 * n)) / (1.0 + square)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def chance_of_as_many(
    events: NDArray[np.int64], trials: NDArray[np.int64], all_events: NDArray[np.int64], all_trials: NDArray[np.int64]
) -> float:
    """Return the chance that one of several people has at least so many of the events, if all are alike.

    Per stratum (an entry of each array) the number follows a hypergeometric distribution, given how many events there
    are in all; the sum over strata is compared. Exact up to 2,000 events, by the normal approximation with a correction
    for continuity beyond (Mantel and Haenszel).
    """
    total = int(events.sum())
    if total == 0:
        return 1.0
    if int(all_events.sum()) > MOST_EXACT:
        share = all_events / np.maximum(all_trials, 1)
        mean = float((trials * share).sum())
        spread = trials * share * (1.0 - share) * (all_trials - trials) / np.maximum(all_trials - 1, 1)
        variance = float(spread.sum())
        return normal_tail((total - mean - 0.5) / math.sqrt(variance)) if variance > 0.0 else 1.0
    distribution = np.ones(1)
    for n, m, everything in zip(trials.tolist(), all_events.tolist(), all_trials.tolist(), strict=True):
        distribution = np.convolve(distribution, _hypergeometric(n, m, everything))
    return float(min(1.0, distribution[total:].sum()))


def chance_of_sum(events: int, trials: NDArray[np.int64], share: NDArray[np.float64]) -> float:
    """Return the chance of at least so many events in all, where each of `trials` has its `share` as probability.

    Exact while the variance is small, by the normal approximation with a correction for continuity beyond.
    """
    variance = float((trials * share * (1.0 - share)).sum())
    mean = float((trials * share).sum())
    if events <= 0 or variance <= 0.0:
        return 1.0
    if int(trials.sum()) > 2 * MOST_EXACT:
        return normal_tail((events - mean - 0.5) / math.sqrt(variance))
    distribution = np.ones(1)
    for n, p in zip(trials.tolist(), share.tolist(), strict=True):
        count = np.arange(n + 1)
        logs = math.lgamma(n + 1.0) - _log_factorial(count) - _log_factorial(n - count)
        logs = logs + count * math.log(p) + (n - count) * math.log1p(-p)
        distribution = np.convolve(distribution, np.exp(logs))
    return float(min(1.0, distribution[events:].sum()))


def _log_factorial(values: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.array([math.lgamma(value + 1.0) if value >= 0 else math.inf for value in values.tolist()])


def _hypergeometric(n: int, m: int, everything: int) -> NDArray[np.float64]:
    """Return the probabilities of 0 to min(n, m) events in `n` of `everything` trials with `m` events."""
    count = np.arange(min(n, m) + 1)

    constant = sum(math.lgamma(value + 1.0) for value in (n, m, everything - n, everything - m))
    constant -= math.lgamma(everything + 1.0)
    logs = constant - sum(_log_factorial(part) for part in (count, n - count, m - count, everything - n - m + count))
    found: NDArray[np.float64] = np.exp(logs)
    return found
