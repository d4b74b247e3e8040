"""What is known of the noise of areas: variances of ln(area) by size, and the habits of people."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["FALLBACK_PERCENT", "SOURCES", "Curve", "Habits", "Noise"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Change of area that is noise where the project has no outlines to tell.
FALLBACK_PERCENT: Final = 25.0
#: Where a half width comes from, by code. `people`: somebody drew who shares no lesion with the others.
SOURCES: Final = ("visits", "outlines", "repeats", "given", "people", "fallback")


@dataclass(frozen=True, slots=True)
class Curve:
    """A variance of the logarithm of areas as a function of size.

    Attributes
    ----------
    size : ndarray of float64, shape (k,)
        Mean ln(area in px2) of the lesions of each size class, ascending; none: nothing is known.
    variance, freedom : ndarray of float64, shape (k,)
        Estimated variance in each class, and its degrees of freedom.
    """

    size: Floats
    variance: Floats
    freedom: Floats

    @classmethod
    def nothing(cls) -> Curve:
        """Return the curve of which nothing is known."""
        none = np.zeros(0)
        return cls(none, none, none)

    def __bool__(self) -> bool:
        return len(self.size) > 0

    def at(self, size: Floats) -> tuple[Floats, Floats]:
        """Return variance and degrees of freedom at each ln(area in px2), NaN where the size or the curve is not known.

        Straight lines between the classes, in ln(variance) over ln(area); constant above the last one. Below the first
        one the line goes on, but neither falls nor rises more steeply than borders that are off by as many pixels
        whatever the size: as 1 / area.
        """
        if not self:
            return np.full(len(size), np.nan), np.full(len(size), np.nan)
        log = np.log(self.variance)
        value = np.interp(size, self.size, log)
        if len(self.size) > 1:
            slope = (log[1] - log[0]) / (self.size[1] - self.size[0])
            value += min(0.0, max(-1.0, slope)) * np.minimum(size - self.size[0], 0.0)
        freedom = np.where(np.isnan(size), np.nan, np.interp(size, self.size, self.freedom))
        return np.exp(value), freedom


@dataclass(frozen=True, slots=True)
class Habits:
    """How much larger than the team each person draws, in one class of sizes.

    Attributes
    ----------
    upto : float
        The class holds sizes below this ln(area in px2).
    effect : ndarray of float64, shape (n_annotators,)
        In ln(area), against the mean of those whom lesions connect; NaN: drew nothing that another drew too.
    team : ndarray of int64, shape (n_annotators,)
        People with equal numbers are connected by lesions; -1 with a NaN effect.
    covariance : ndarray of float64, shape (n_annotators, n_annotators)
        Of the estimated effects.
    """

    upto: float
    effect: Floats
    team: Ints
    covariance: Floats


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Noise:
    """The noise of areas, as variances of ln(area). See `noise_of`.

    Attributes
    ----------
    annotators : tuple of str
        Names; everything that numbers annotators refers to these.
    visits : Curve
        Of one outline against another of the same person on another visit, habits apart.
    outlines : Curve
        Of one outline on its page, what is left after lesions and people.
    habits : tuple of Habits
        How people differ, by class of sizes.
    people : float
        Variance of the habits of people, for those of whom nothing is known; NaN: too few people to say.
    people_freedom : float
        Its degrees of freedom.
    floor : float
        Half width in ln(area) where nothing is known, or where the caller says it.
    source : str
        Where `visits` comes from: visits (several people on several visits), outlines (several people on one page),
        repeats (the same person again on the same page), given (by the caller), or fallback.
    table : pyarrow.Table
        The same to read, one row per component and class of sizes; see `noise_of`.
    """

    annotators: tuple[str, ...]
    visits: Curve
    outlines: Curve
    habits: tuple[Habits, ...] = ()
    people: float = math.nan
    people_freedom: float = 0.0
    floor: float = math.log1p(FALLBACK_PERCENT / 100.0)
    source: str = "fallback"
    table: pa.Table = field(default_factory=lambda: pa.table({}))

    def __repr__(self) -> str:
        """Say where it comes from."""
        return f"<Noise: {self.source}, {len(self.annotators)} annotators, {len(self.visits.size)} classes of sizes>"
