"""The noise floor: how much the logarithm of an area scatters when nothing changed, from the project's own outlines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...agreement.counted import Counted, Ints
from ...options import shown
from ...read import Export
from ..observations import Observations
from ..pages.visits import Visits
from .components import LEAST_FREEDOM, Outlines, Part, Repeats, of_outlines, of_repeats, of_visits, people_spread
from .noise_model import Curve, Habits, Noise
from .noise_table import Found, noise_table
from .repeat_outlines import repeats_of

__all__ = ["SIZE_BOUNDS_PX2", "Noise", "noise_from", "noise_given", "noise_of"]

#: Where size classes begin and end by default, px2: factors of two in diameter.
SIZE_BOUNDS_PX2: Final = (256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0)
#: Degrees of freedom from which the noise between visits has an estimate of its own.
LEAST_VISITS_FREEDOM: Final = 10
#: Degrees of freedom (people less one) from which the spread of habits stands for somebody unknown.
LEAST_PEOPLE_FREEDOM: Final = 5
#: A thousandth of a percent of area: nobody draws so alike.
SMALLEST_VARIANCE: Final = 1e-10


def noise_of(
    obs: Observations,
    visits: Visits,
    export: Export,
    counted: Counted,
    *,
    track: Ints | None = None,
    size_bounds_px2: Sequence[float] = SIZE_BOUNDS_PX2,
    threads: int | None = None,
) -> Noise:
    """Estimate the noise of areas from what several people drew of the same lesion.

    Parameters
    ----------
    obs : Observations
        By lesion: those by annotator do not say who drew the same.
    visits : Visits
        Of the same export.
    export : Export
        What `read_label_studio` returns.
    counted : Counted
        Its annotations that count.
    track : ndarray of int64, shape (n_observations,), optional
        Number of the track of each observation; -1 none. Without, nothing is learnt from changes over visits.
    size_bounds_px2 : sequence of float
        Areas that divide classes of sizes, ascending. A class with less than 20 degrees of freedom is joined to the
        next one.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    Noise
        Its `table` has one row per component and class of sizes: component, size_class, size_low_px2, size_high_px2
        (null: no bound), size_px2 (geometric mean of the lesions), sd_log_area (standard deviation of ln(area) of one
        outline), mdc95_percent (smallest change beyond noise if one person draws on each visit), df (degrees of
        freedom), n_lesions, source, reason (why a number is missing or not used), annotator, team, effect_percent.
        Components: `within` (one person, on two visits; what changes are judged by), `outline` (one outline on its
        page), `between` (two people), `people` (habits), `repeat` (one person twice on one page), `habit` (of each
        annotator and class, in percent of area against the mean of the team; sd_log_area is its standard error).

    Raises
    ------
    ValueError
        If `obs` is by annotator, or bounds are not ascending positive numbers.

    Notes
    -----
    Let ln(area) be lesion on its page + habit of the person + how the person sees this lesion + noise. `within` is the
    variance of the noise, from how differently two people see the same change: see `of_visits`. Where less than 10
    degrees of freedom tell it, it is `outline`, the variance that is left after lesions and people on one page, which
    holds how a person sees a lesion too and is never smaller in the mean. Where less than 5 tell that, repeats by one
    person; where there are too few of them too, 25 % of area.

    Repeats on the same page come last, since they do not hold what a new photograph does to how somebody sees a border.
    What a photograph does to everybody alike (distance, lens, tilt, focus) is in no outline at all: say it by the error
    of the spacing.

    Outlines that a prediction gave unchanged, and equal areas in one lesion, are no outlines of their own.
    O(n log n) in outlines, cubic in annotators (up to 1000; beyond, habits are part of the noise).
    """
    if obs.by != "lesion":
        raise ValueError('obs is by annotator; the noise is learnt from lesions: observe(..., by="lesion")')
    bounds = _checked_bounds(size_bounds_px2)
    table = export.pages
    pages = np.lexsort((table["page"].to_numpy(), table["task_id"].to_numpy()))
    # By task id and place: the last digit of a sum must not depend on the order of tasks and regions in the file.
    page = np.empty(len(pages), dtype=np.int64)
    page[pages] = np.arange(len(pages))
    order = np.lexsort((np.arange(len(obs)), *obs.centroid_px.T, page[obs.page]))
    lesion = np.empty(len(obs), dtype=np.int64)
    lesion[order] = np.arange(len(obs))
    of = obs.of_member
    origin = export.regions.table["origin"].take(pa.array(obs.members))
    accepted = pc.fill_null(pc.equal(origin, "prediction"), False).to_numpy()
    use = np.flatnonzero(obs.measured & ~accepted)
    tracks = np.full(len(obs), -1, dtype=np.int64) if track is None else track
    outlines = Outlines(
        lesion=lesion[of[use]],
        annotator=obs.member_annotator[use],
        log_area=obs.member_log_area[use],
        page=page[obs.page[of[use]]],
        track=tracks[of[use]],
        visit=visits.visit[obs.page[of[use]]],
    )
    repeats = repeats_of(export, counted, threads=threads)
    return noise_from(outlines, repeats, annotators=obs.annotators, size_bounds_px2=bounds)


def noise_given(percent: float, annotators: Sequence[str] = ()) -> Noise:
    """Return the noise that the caller states: changes of area up to so many percent are noise.

    Raises
    ------
    ValueError
        If it is no number above 0.

    Examples
    --------
    >>> from lesiongeo.tracks.growth.noise import noise_given
    >>> noise_given(30.0).table.select(["component", "mdc95_percent"]).to_pylist()
    [{'component': 'given', 'mdc95_percent': 30.0}]
    """
    number = isinstance(percent, int | float) and not isinstance(percent, bool)
    if not (number and 0.0 < percent < math.inf):
        raise ValueError(f"noise is {shown(percent)}; it is a percentage of area above 0, such as 25")
    floor = math.log1p(percent / 100.0)
    nothing = Curve.nothing()
    table = noise_table(Found(source="given", floor=floor))
    return Noise(tuple(annotators), nothing, nothing, floor=floor, source="given", table=table)


def noise_from(
    outlines: Outlines,
    repeats: Repeats | None = None,
    *,
    annotators: Sequence[str],
    size_bounds_px2: Sequence[float] = SIZE_BOUNDS_PX2,
) -> Noise:
    """Estimate the noise from arrays. See `noise_of`."""
    bounds = np.asarray(_checked_bounds(size_bounds_px2))
    compared = outlines.compared()
    people = len(annotators)
    of_page, fits, overall = of_outlines(compared, people, bounds)
    between = of_visits(compared, people, bounds)
    none = np.zeros(0)
    again = of_repeats(repeats if repeats is not None else Repeats(none, none), bounds)
    source, here, there = _chosen(of_page, between, again)
    habits: tuple[Habits, ...] = ()
    spread, freedom = math.nan, 0.0
    if overall is not None and of_page.total > 0:
        habits = tuple(
            Habits(
                upto=math.log(high),
                effect=np.where(fit.drawn > 0, fit.effect, np.nan),
                team=np.where(fit.drawn > 0, fit.team, -1),
                covariance=fit.shape * variance,
            )
            for fit, high, variance in zip(fits, of_page.high.tolist(), of_page.variance.tolist(), strict=True)
        )
        spread, freedom = people_spread(overall, float(np.average(of_page.variance, weights=of_page.freedom)))
    elif len(compared):
        # Among so many people habits are part of the noise.
        spread, freedom = 0.0, math.inf
    measured = here is of_page
    found = Found(
        source=source,
        within=there,
        outline=of_page,
        repeat=again,
        people=spread,
        people_freedom=freedom,
        people_used=freedom >= LEAST_PEOPLE_FREEDOM,
        habits=habits if measured else (),
        lows=tuple(of_page.low.tolist()),
        annotators=tuple(annotators),
    )
    return Noise(
        annotators=tuple(annotators),
        visits=_curve(there),
        outlines=_curve(here),
        habits=found.habits,
        people=spread if measured and found.people_used else math.nan,
        people_freedom=freedom,
        source=source,
        table=noise_table(found),
    )


def _chosen(of_page: Part, between: Part, again: Part) -> tuple[str, Part | None, Part | None]:
    """Return the source, and the parts for one outline on its page and for one between visits."""
    if of_page.total >= LEAST_FREEDOM:
        if between.total >= LEAST_VISITS_FREEDOM:
            return "visits", of_page, between
        return "outlines", of_page, of_page
    if again.total >= LEAST_FREEDOM:
        return "repeats", again, again
    return "fallback", None, None


def _curve(part: Part | None) -> Curve:
    if part is None:
        return Curve.nothing()
    return Curve(part.size, np.maximum(part.variance, SMALLEST_VARIANCE), part.freedom)


def _checked_bounds(bounds: Sequence[float]) -> tuple[float, ...]:
    numbers = [value for value in bounds if isinstance(value, int | float | np.number) and 0.0 < value < math.inf]
    if len(numbers) != len(bounds) or any(low >= high for low, high in pairwise(numbers)):
        raise ValueError(
            f"size_bounds_px2 is {shown(bounds)}; it is a list of ascending areas in px2, such as 1024, 9216"
        )
    return tuple(map(float, numbers))
