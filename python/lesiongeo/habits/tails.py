"""Tail probabilities and intervals that numpy does not have: Student's t, and sums of events of unequal chance."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

__all__ = ["chance_of_sum", "t_quantile", "t_tail", "wilson"]

#: Variance of a sum up to which its tail is exact; beyond it is bounded from above.
MOST_EXACT = 100_000.0
#: Standard deviations around the mean that hold all but 1e-32 of a sum.
REACH = 12.0


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


def chance_of_sum(events: int, trials: NDArray[np.int64], share: NDArray[np.float64]) -> float:
    """Return the chance of at least so many events in all, where each of `trials` has its `share` as probability.

    Exact, however far in the tail: the distribution is tilted so that its mean lies at `events`, summed there where no
    digits are lost, and tilted back. Where the tilted variance exceeds `MOST_EXACT` it is Chernoff's bound, which is
    never too small.
    """
    certain = share >= 1.0
    events -= int(trials[certain].sum())
    some = (share > 0.0) & ~certain & (trials > 0)
    trials, share = trials[some], share[some]
    if events <= 0:
        return 1.0
    if events >= trials.sum():
        return math.exp(float((trials * np.log(share)).sum())) if events == trials.sum() else 0.0
    odds = np.log(share) - np.log1p(-share)

    def tilted(by: float) -> NDArray[np.float64]:
        found: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(odds + by, -700.0, 700.0)))
        return found

    low, high = 0.0, 1.0
    while float(trials @ tilted(high)) < events:
        high *= 2.0
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if float(trials @ tilted(middle)) < events else (low, middle)
    by = low
    inside = tilted(by)
    # ln of the moment generating function: each of the factors is 1 - share + share * e ** by.
    back = float(trials @ (np.logaddexp(np.log1p(-share), np.log(share) + by)))
    if float((trials * inside * (1.0 - inside)).sum()) > MOST_EXACT:
        return math.exp(min(0.0, back - by * events))
    first, distribution = 0, np.ones(1)
    for n, p in zip(trials.tolist(), inside.tolist(), strict=True):
        start, one = _binomial(n, p)
        first, distribution = first + start, np.convolve(distribution, one)
    count = np.arange(first, first + len(distribution))
    upper = count >= events
    chance = float((distribution[upper] * np.exp(-by * (count[upper] - events))).sum())
    return min(1.0, math.exp(back - by * events) * chance)


def _binomial(n: int, p: float) -> tuple[int, NDArray[np.float64]]:
    """Return the probabilities of numbers of events in `n` trials, those near the mean, and the first of them."""
    reach = REACH * math.sqrt(n * p * (1.0 - p)) + REACH**2 / 3.0
    count = np.arange(max(0, math.floor(n * p - reach)), min(n, math.ceil(n * p + reach)) + 1)
    # One logarithm each of n, then those of the ratios of neighbours: k + 1 events against k.
    begin = int(count[0])
    log = math.lgamma(n + 1.0) - math.lgamma(begin + 1.0) - math.lgamma(n - begin + 1.0)
    log += begin * math.log(p) + (n - begin) * math.log1p(-p)
    ratio = np.log((n - count[:-1]) / (count[:-1] + 1.0)) + math.log(p) - math.log1p(-p)
    found: NDArray[np.float64] = np.exp(log + np.concatenate(([0.0], np.cumsum(ratio))))
    return begin, found
