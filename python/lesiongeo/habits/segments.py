"""A series that is constant but for a few changes: where they are, exactly and penalised."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["change_penalty", "merged", "segments"]

Floats = NDArray[np.float64]


def change_penalty(count: int) -> float:
    """Return what a change must gain in a series of so many points, in units of chi squared.

    A change costs two numbers, a level and a place: 2 ln n by the Bayesian information criterion. The 10 on top keep
    the chance of any change in a series without one far below 1 % where the errors of the weeks are known, and at about
    1 % where they are estimated from few patients (simulated in the tests).
    """
    return 10.0 + 2.0 * math.log(max(count, 2))


def segments(values: Floats, weights: Floats, *, penalty: float, least: int) -> list[int]:
    """Cut a series where it changes.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        The series, in the order of time.
    weights : ndarray of float64, shape (n,)
        One over the squared standard error of each value.
    penalty : float
        What each change costs, compared with the weighted sum of squares around the level of each segment.
    least : int
        Fewest values of a segment.

    Returns
    -------
    list of int
        Where segments start, 0 first. The best of all partitions, by dynamic programming in O(n^2) (Jackson et al.
        2005, An algorithm for optimal partitioning of data on an interval).
    """
    n = len(values)
    if n < 2 * least:
        return [0]
    # Around a middle value, so that the differences of sums keep their digits.
    centred = values - np.average(values, weights=weights)
    sums = [np.concatenate(([0.0], np.cumsum(weights * centred**power))) for power in range(3)]
    best = np.full(n + 1, np.inf)
    best[0] = -penalty
    before = np.zeros(n + 1, dtype=np.int64)
    for end in range(least, n + 1):
        starts = np.arange(end - least + 1)
        weight, first, second = (total[end] - total[starts] for total in sums)
        cost = best[starts] + second - first**2 / weight + penalty
        at = int(np.argmin(cost))
        best[end], before[end] = cost[at], starts[at]
    found: list[int] = []
    end = n
    while end > 0:
        end = int(before[end])
        found.append(end)
    return found[::-1]


def merged(starts: list[int], values: Floats, weights: Floats, least_step: float) -> list[int]:
    """Take back changes smaller than `least_step`, the smallest first."""
    starts = list(starts)
    while len(starts) > 1:
        ends = [*starts[1:], len(values)]
        levels = [np.average(values[a:b], weights=weights[a:b]) for a, b in zip(starts, ends, strict=True)]
        steps = np.abs(np.diff(levels))
        smallest = int(np.argmin(steps))
        if steps[smallest] >= least_step:
            break
        del starts[smallest + 1]
    return starts
