"""Histograms of 1,000 bins that are the same for all data, so that counts of parts add up; quantiles of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["BINS", "PROBABILITIES", "Bins", "LinearBins", "OctaveBins", "exact_quantiles", "histogram_quantiles"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

BINS = 1000
#: Smallest, the quantiles that are reported, largest.
PROBABILITIES = (0.0, 0.05, 0.5, 0.95, 1.0)
#: The bits of a positive double are, as a whole number, its logarithm in pieces of straight line: an octave is 2^52.
OCTAVE_BITS = 52


@dataclass(frozen=True, slots=True)
class LinearBins:
    """Bins of equal width from `low` to `high`; the first and the last also hold what lies beyond."""

    low: float
    high: float

    def place(self, values: Floats) -> Ints:
        """Return the bin of each value, rising with it."""
        scaled = (values - self.low) * (BINS / (self.high - self.low))
        at: Ints = np.clip(scaled, 0.0, BINS - 1.0).astype(np.int64)
        return at

    def edges(self) -> Floats:
        """Return the BINS + 1 bounds of the bins."""
        edges = np.linspace(self.low, self.high, BINS + 1)
        edges[[0, -1]] = -np.inf, np.inf
        return edges


@dataclass(frozen=True, slots=True)
class OctaveBins:
    """Bins of equal width within an octave: `per_octave` of them from 2 to the power of `lowest` up.

    The first holds what is smaller, also 0, the last what is larger. If `signed`, half of the bins are for values
    below 0, as in a mirror.
    """

    lowest: int
    per_octave: int
    signed: bool = False

    def place(self, values: Floats) -> Ints:
        """Return the bin of each value, rising with it: whole numbers only, so that no logarithm rounds."""
        half = BINS // 2 if self.signed else BINS
        shift = OCTAVE_BITS - (self.per_octave.bit_length() - 1)
        first = int(np.float64(2.0**self.lowest).view(np.int64)) >> shift
        size = np.abs(values).view(np.int64) >> shift
        at: Ints = np.clip(size - first + 1, 0, half - 1)
        return np.where(values < 0.0, half - 1 - at, half + at) if self.signed else at

    def edges(self) -> Floats:
        """Return the BINS + 1 bounds of the bins."""
        half = BINS // 2 if self.signed else BINS
        steps = np.arange(half - 1)
        octave, part = steps // self.per_octave, steps % self.per_octave
        upper = np.ldexp(1.0 + part / self.per_octave, self.lowest + octave)
        if not self.signed:
            return np.concatenate(([0.0], upper, [np.inf]))
        return np.concatenate(([-np.inf], -upper[::-1], [0.0], upper, [np.inf]))


Bins: TypeAlias = LinearBins | OctaveBins


def _ranks(counts: Ints) -> tuple[Ints, Ints, Floats]:
    """Return, per row of counts and probability, the two ranks between which the quantile lies, and how far."""
    place = np.maximum(counts.sum(axis=-1, keepdims=True) - 1, 0) * np.array(PROBABILITIES)
    below = np.floor(place).astype(np.int64)
    above = np.ceil(place).astype(np.int64)
    return below, above, place - below


def _between(low: Floats, high: Floats, way: Floats) -> Floats:
    # What numpy's "linear" does; the difference of two infinities does not occur.
    found: Floats = low + (high - low) * way
    return found


def exact_quantiles(values: Floats, key: Ints, counts: Ints) -> Floats:
    """Return the quantiles of each stratum from its values: those in the bins concerned, and no others, are sorted.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        No NaN.
    key : ndarray of int64, shape (n,)
        Stratum and bin of each value: stratum * BINS + bin.
    counts : ndarray of int64, shape (strata, BINS)
        How many values each bin of each stratum holds.

    Returns
    -------
    ndarray of float64, shape (strata, len(PROBABILITIES))
        Between two values by straight line, as `numpy.quantile` has it. NaN for a stratum without values. O(n), and
        O(k log k) for the k values in the bins concerned.
    """
    below, above, way = _ranks(counts)
    found = np.full((2, *below.shape), np.nan)
    filled = np.flatnonzero(counts.any(axis=1))
    if not len(filled):
        return np.full(below.shape, np.nan)
    ends = np.cumsum(counts, axis=1)
    wanted = np.stack([below, above])[:, filled]
    at = np.empty_like(wanted)
    for place, row in enumerate(filled.tolist()):
        at[:, place] = np.searchsorted(ends[row], wanted[:, place], side="right")
    concerned = np.zeros(counts.shape, dtype=bool)
    concerned[filled[None, :, None], at] = True
    chosen = np.flatnonzero(concerned.reshape(-1)[key])
    order = np.lexsort((values[chosen], key[chosen]))
    ordered = values[chosen][order]
    first = np.searchsorted(key[chosen][order], filled[None, :, None] * BINS + at)
    before = ends[filled[None, :, None], at] - counts[filled[None, :, None], at]
    found[:, filled] = ordered[first + wanted - before]
    return _between(found[0], found[1], way)


def histogram_quantiles(counts: Ints, edges: Floats, low: Floats, high: Floats) -> Floats:
    """Return quantiles as far as counts per bin tell them.

    Parameters
    ----------
    counts : ndarray of int64, shape (rows, BINS)
        How many values each bin holds.
    edges : ndarray of float64, shape (BINS + 1,)
        Bounds of the bins.
    low, high : ndarray of float64, shape (rows,)
        Smallest and largest value of each row, NaN without values.

    Returns
    -------
    ndarray of float64, shape (rows, len(PROBABILITIES))
        Values are taken to be spread evenly over their bin, as far as the bin lies between smallest and largest. So
        no quantile is wrong by more than the width of a bin. NaN for rows without values. O(rows BINS).
    """
    below, above, way = _ranks(counts)
    ends = np.cumsum(counts, axis=1)
    found = np.full((2, *below.shape), np.nan)
    for row in np.flatnonzero(ends[:, -1] > 0).tolist():
        for which, wanted in enumerate((below[row], above[row])):
            at = np.searchsorted(ends[row], wanted, side="right")
            start, end = np.maximum(edges[at], low[row]), np.minimum(edges[at + 1], high[row])
            inside = (wanted - (ends[row, at] - counts[row, at]) + 0.5) / counts[row, at]
            found[which, row] = start + (end - start) * inside
        found[:, row, 0], found[:, row, -1] = low[row], high[row]
    return _between(found[0], found[1], way)
