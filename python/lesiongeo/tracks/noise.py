"""The noise floor: how much the logarithm of an area scatters when nothing changed, from the project's own outlines."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .components import LEAST_FREEDOM, Outlines, Part, Repeats, of_outlines, of_repeats, of_visits, people_spread

__all__ = ["FALLBACK_PERCENT", "SIZE_BOUNDS_PX2", "Curve", "Habits", "Noise", "noise_from", "noise_given"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Change of area that is noise where the project has no outlines to tell.
FALLBACK_PERCENT: Final = 25.0
#: Where size classes begin and end by default, px2: factors of two in diameter.
SIZE_BOUNDS_PX2: Final = (256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0)
#: Degrees of freedom from which the noise between visits has an estimate of its own.
LEAST_VISITS_FREEDOM: Final = 20
#: Degrees of freedom (people less one) from which the spread of habits stands for somebody unknown.
LEAST_PEOPLE_FREEDOM: Final = 5
#: A thousandth of a percent of area: nobody draws so alike.
SMALLEST_VARIANCE: Final = 1e-10


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


@dataclass(frozen=True)
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
        Where `visits` comes from: visits, outlines, repeats, given, fallback.
    table : pyarrow.Table
        The same for people.
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


def noise_given(percent: float, annotators: tuple[str, ...] = ()) -> Noise:
    """Return the noise that the caller states: changes of area up to so many percent are noise."""
    if not 0.0 < percent < math.inf:
        raise ValueError(f"noise is {percent}; it is a percentage of area above 0, such as 25")
    nothing = Curve.nothing()
    return Noise(annotators, nothing, nothing, floor=math.log1p(percent / 100.0), source="given")


def noise_from(
    outlines: Outlines,
    repeats: Repeats | None = None,
    *,
    annotators: tuple[str, ...],
    size_bounds_px2: tuple[float, ...] = SIZE_BOUNDS_PX2,
) -> Noise:
    """Estimate the noise from arrays. See `noise_of`."""
    bounds = np.asarray(size_bounds_px2, dtype=np.float64)
    compared = outlines.compared()
    people = len(annotators)
    of_page, fits, overall = of_outlines(compared, people, bounds)
    visits = of_visits(compared, people, bounds)
    again = of_repeats(repeats, bounds) if repeats is not None else None
    source, here, there = "fallback", None, None
    if of_page.total >= LEAST_FREEDOM:
        source, here, there = "outlines", of_page, of_page
        if visits.total >= LEAST_VISITS_FREEDOM:
            source, there = "visits", visits
    elif again is not None and again.total >= LEAST_FREEDOM:
        source, here, there = "repeats", again, again
    nothing = Curve.nothing()
    noise = Noise(annotators, nothing, nothing)
    if here is None or there is None:
        return noise
    habits: tuple[Habits, ...] = ()
    spread, freedom = math.nan, 0.0
    if source != "repeats" and overall is not None:
        habits = tuple(
            Habits(
                math.log(high),
                np.where(fit.drawn > 0, fit.effect, np.nan),
                np.where(fit.drawn > 0, fit.team, -1),
                fit.shape * variance,
            )
            for fit, high, variance in zip(fits, of_page.high.tolist(), of_page.variance.tolist(), strict=True)
        )
        spread, freedom = people_spread(overall, float(np.average(of_page.variance, weights=of_page.freedom)))
    elif source != "repeats":
        # Among so many people habits are part of the noise.
        spread, freedom = 0.0, math.inf
    if freedom < LEAST_PEOPLE_FREEDOM:
        spread = math.nan
    return Noise(
        annotators=annotators,
        visits=_curve(there),
        outlines=_curve(here),
        habits=habits,
        people=spread,
        people_freedom=freedom,
        source=source,
    )


def _curve(part: Part) -> Curve:
    return Curve(part.size, np.maximum(part.variance, SMALLEST_VARIANCE), part.freedom)
