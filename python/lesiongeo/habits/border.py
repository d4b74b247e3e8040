"""The border offset as a quantity of its own, and changes of area that are none of the border."""

from __future__ import annotations

import numpy as np

from .observations import Observations
from .quantities import Quantity
from .references import References, references
from .segments import change_penalty
from .series import MOST_SEARCHED, Changes, cost_of, find_changes, with_starts
from .twoway import Floats, Values

__all__ = ["border_series", "without_changes_of_size"]


def border_series(seen: Observations, values: Values, ratio: Floats, *, step: float, least: int) -> Quantity:
    """Fit the border offset in px by week, with changes of its own; `step` is that of the logarithm of the area.

    `ratio` is perimeter / area of each region in 1/px: a border that lies an offset further out makes the area larger
    by the offset times that. So the smallest offset of interest is what makes the smallest area at a middle lesion.
    """
    values = values.thinned(MOST_SEARCHED)
    middle = float(np.median(ratio[values.row])) if len(values) else 1.0
    offset = step / middle
    changes = find_changes(values, len(seen.names), len(seen.weeks), least=least, least_step=offset / 2.0)
    among = _among(changes, len(seen.weeks), offset)
    level = changes.fit.effect[changes.design.node] + changes.fit.deviation
    return Quantity("border_offset", values, changes, level, among.of_weeks(changes.fit.effect), among, [], [], [])


def _among(changes: Changes, weeks: int, step: float) -> References:
    return references(changes.design, changes.fit, changes.owner, changes.part, changes.starts, weeks, step)


def without_changes_of_size(changes: Changes, ratio: Floats, people: int, weeks: int, step: float) -> Changes:
    """Take back a person's changes of area where one offset of the border explains all weeks as well.

    Whoever draws 1 px too wide draws small lesions larger by more percent than large ones: when lesions get smaller the
    percentage changes, though the person does not. Both explanations pay for their changes like segments do.
    """
    reference = _among(changes, weeks, step).of_weeks(changes.fit.effect)
    values = changes.design.values
    starts = list(changes.starts)
    for person, own in enumerate(changes.starts):
        series = changes.series[person]
        if len(own) == 1 or not len(series.week):
            continue
        mine = (values.who == person) & (values.week >= 0)
        mean = np.bincount(values.week[mine], ratio[values.row[mine]], weeks)
        slope = mean[series.week] / series.n
        part = np.maximum(np.searchsorted(own, series.week, side="right") - 1, 0)
        level = series.value - reference[person, series.week]
        weight = 1.0 / series.variance
        offset = float(weight * slope @ level) / max(float(weight * slope @ slope), 1e-300)
        constant = float(weight @ (level - offset * slope) ** 2)
        places = [0, *(int(place) for place in np.flatnonzero(np.diff(part)) + 1)]
        changing = cost_of(series, places) + change_penalty(len(series.week)) * (len(places) - 1)
        if constant <= changing:
            starts[person] = [0]
    return changes if starts == changes.starts else with_starts(values, starts, people, weeks)
