"""Bounds of an estimate: percentiles of its resamples, and Wilson's where a share is so clear that they say nothing."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .intervals import LEAST_CLUSTERS, Intervals, percentile_interval, wilson_interval

__all__ = ["Flat", "bounds_of"]

Floats: TypeAlias = NDArray[np.float64]
Flat: TypeAlias = Literal["share", "f1"]


def bounds_of(
    estimate: ArrayLike, drawn: ArrayLike, clusters: ArrayLike, *, confidence: float = 0.95, flat: Flat | None = None
) -> Intervals:
    """Return the intervals of estimates, the same way for every table.

    Parameters
    ----------
    estimate : array_like, shape (k,)
        Values of the whole; NaN has no interval.
    drawn : array_like, shape (resamples, k)
        Their values in the resamples.
    clusters : array_like of int, shape (k,) or ()
        Clusters behind each.
    confidence : float, default 0.95
        Probability that an interval covers the true value.
    flat : "share" or "f1", optional
        What the estimates are, where drawing again cannot show how far a 0 or 1 may be wrong: a share has Wilson's
        interval then, with the clusters as n; "f1" is 2 s / (1 + s) of the share s of true positives among all.

    Returns
    -------
    Intervals
        Each contains its estimate: bounds beyond it, by rounding or because of few values, are moved to it. Reasons
        are those of `percentile_interval`; O(k resamples log resamples).

    Examples
    --------
    >>> import numpy as np
    >>> from lesiongeo.statistics.bounds import bounds_of
    >>> found = bounds_of([1.0], np.ones((100, 1)), [10], flat="share")
    >>> float(found.low[0].round(3)), float(found.high[0])
    (0.722, 1.0)
    >>> bounds_of([1.0], np.ones((100, 1)), [10]).reason
    ['no_spread']
    """
    value = np.asarray(estimate, np.float64)
    n = np.broadcast_to(np.asarray(clusters, np.float64), value.shape)
    found = percentile_interval(drawn, confidence=confidence, n_clusters=n)
    low, high, reason = found.low, found.high, np.array([*found.reason, None], dtype=object)[:-1]
    if flat is not None:
        clear = np.isin(value, (0.0, 1.0)) & np.not_equal(reason, "no_resamples") & (n >= LEAST_CLUSTERS)
        ends = wilson_interval(value[clear] * n[clear], n[clear], confidence=confidence)
        low[clear], high[clear] = ends if flat == "share" else (2.0 * end / (1.0 + end) for end in ends)
        reason[clear] = None
    # NaN stays NaN.
    low, high = np.minimum(low, value), np.maximum(high, value)
    return Intervals(low, high, reason.tolist())
