"""Weekly values of each person, and the weeks in which they change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .segments import change_penalty, merged, segments
from .twoway import HUBER, MAD, Design, Fit, Floats, Ints, Values, fit, nodes_connected

#: Values among which changes are searched.
MOST_SEARCHED = 300_000

__all__ = ["Changes", "Series", "cost_of", "find_changes", "nodes_of", "segments_of", "series_of", "with_starts"]


@dataclass(frozen=True)
class Series:
    """Values of one person by week: numbers of the weeks, how many values, their mean, and its variance."""

    week: Ints
    n: Ints
    value: Floats
    variance: Floats


def series_of(
    people: int,
    who: Ints,
    week: Ints,
    cluster: Ints,
    value: Floats,
    weight: Floats,
    *,
    scale: float | None = None,
    floor: Floats | None = None,
) -> list[Series]:
    """Average values by person and week, robustly where a `scale` of their noise is given.

    Values of one cluster depend on each other, so the variance is that of the means of clusters: from the differences
    of clusters that follow each other in time, of which a change spoils one only. It is never below that of independent
    values, nor below `floor` (per person; the variance of one value). Values without a week are left out.
    """
    rows = np.flatnonzero(week >= 0)
    who, week, cluster, value, weight = who[rows], week[rows], cluster[rows], value[rows], weight[rows]
    weeks = int(week.max(initial=-1)) + 1
    code = who * max(weeks, 1) + week
    count = np.bincount(code, minlength=people * weeks)
    key = np.flatnonzero(count)
    place = np.cumsum(count > 0) - 1
    code, count = place[code], count[key]
    robust = weight
    mean = np.bincount(code, robust * value, len(key)) / np.bincount(code, robust, len(key))
    for _ in range(0 if scale is None else 8):
        off = np.abs(value - mean[code]) * np.sqrt(weight)
        robust = weight * np.minimum(1.0, HUBER * (scale or 0.0) / np.maximum(off, 1e-300))
        mean = np.bincount(code, robust * value, len(key)) / np.bincount(code, robust, len(key))
    total = np.bincount(code, robust, len(key))
    owner, own_week = key // max(weeks, 1), key % max(weeks, 1)
    spread = _spread(people, owner, code, cluster, value, robust, mean)
    spread = np.maximum(spread, 0.0 if floor is None else floor)
    edges = np.searchsorted(owner, np.arange(people + 1))
    found = []
    for person in range(people):
        at = slice(int(edges[person]), int(edges[person + 1]))
        variance = np.maximum(spread[person], 1e-18) / total[at]
        found.append(Series(own_week[at], count[at], mean[at], variance))
    return found


def _spread(people: int, owner: Ints, code: Ints, cluster: Ints, value: Floats, weight: Floats, mean: Floats) -> Floats:
    """Return per person the variance of a value of weight one, as the means of clusters show it."""
    person = owner[code]
    points = np.bincount(person, minlength=people) - np.bincount(owner, minlength=people)
    alone = np.bincount(person, weight * (value - mean[code]) ** 2, people) / np.maximum(points, 1)
    clusters = int(cluster.max(initial=-1)) + 1
    # In the order of time, within it of clusters: `code` follows person and week.
    _, group = np.unique(code * max(clusters, 1) + cluster, return_inverse=True)
    size = np.bincount(group, weight)
    middle = np.bincount(group, weight * value) / np.maximum(size, 1e-300)
    whose = np.zeros(len(size), dtype=np.int64)
    whose[group] = person
    together = np.flatnonzero(np.diff(whose) == 0)
    step = np.abs(np.diff(middle)[together]) / np.sqrt(1.0 / size[together] + 1.0 / size[together + 1])
    found: Floats = alone.copy()
    for number in range(people):
        steps = step[whose[together] == number]
        if len(steps) >= 3:
            reach = 3.0 * max(MAD * float(np.median(steps)), float(np.sqrt(alone[number])))
            found[number] = max(found[number], float(np.mean(np.minimum(steps, reach) ** 2)))
    return found


def segments_of(series: Series, *, least: int, least_step: float) -> list[int]:
    """Return the places in a series at which its segments start."""
    weights = 1.0 / series.variance
    starts = segments(series.value, weights, penalty=change_penalty(len(series.week)), least=least)
    return merged(starts, series.value, weights, least_step)


@dataclass(frozen=True)
class Changes:
    """The segments of all people: nodes number person and segment, `starts` are the weeks in which segments begin.

    `design` has the node of each value, `owner` the person of each node, `part` which segment of theirs it is (-1:
    values without a week of somebody who changes), `series` the weekly values relative to the effects of the others.
    """

    starts: list[list[int]]
    design: Design
    owner: Ints
    part: Ints
    fit: Fit
    series: list[Series]


def find_changes(values: Values, people: int, weeks: int, *, least: int, least_step: float) -> Changes:
    """Find who changes when: in each round the change that explains most, whoever's it is, then a new fit of all.

    One at a time, since a change of one person looks like a smaller change of the others the other way round until it
    is in the model. Of many values every k-th lesion is searched; what is found is fitted to all of them.
    """
    some = values.thinned(MOST_SEARCHED)
    found = _search(some, people, weeks, least=least, least_step=least_step)
    return found if some is values else with_starts(values, found.starts, people, weeks)


def with_starts(values: Values, starts: list[list[int]], people: int, weeks: int) -> Changes:
    """Fit people who are known to change in certain weeks."""
    return _fitted(values, starts, people, weeks, None)


def _fitted(values: Values, starts: list[list[int]], people: int, weeks: int, weight: Floats | None) -> Changes:
    """Fit people with these segments, and average their weeks."""
    node, owner, part = nodes_of(values, starts, weeks)
    design = Design(values, node, len(owner))
    found = fit(design, start=weight)
    level = found.effect[node] + found.deviation
    share = (values.size - 1.0) / values.size
    series = series_of(people, values.who, values.week, values.cluster, level, share, scale=found.scale)
    return Changes(starts, design, owner, part, found, series)


def _search(values: Values, people: int, weeks: int, *, least: int, least_step: float) -> Changes:
    starts: list[list[int]] = [[0] for _ in range(people)]
    settled: set[int] = set()
    found = _fitted(values, starts, people, weeks, None)
    for _ in range(4 * people + 8):
        gains = [
            -1.0 if person in settled else _gain(found.series[person], starts[person], least, least_step)[0]
            for person in range(people)
        ]
        best = int(np.argmax(gains)) if people else 0
        if not people or gains[best] <= 1e-9:
            break
        changed = list(starts)
        changed[best] = _gain(found.series[best], starts[best], least, least_step)[1]
        node, owner, _ = nodes_of(values, changed, weeks)
        if not nodes_connected(Design(values, node, len(owner)), owner):
            # Nothing joins the lesions before with those after: then a change is no finding.
            settled.add(best)
            continue
        starts = changed
        found = _fitted(values, starts, people, weeks, found.fit.weight)
    return found


def _gain(series: Series, starts: list[int], least: int, least_step: float) -> tuple[float, list[int]]:
    """Return how much better the best segments explain a series than the present ones, and where they start."""
    if not len(series.week):
        return -1.0, starts
    penalty = change_penalty(len(series.week))
    places = segments_of(series, least=least, least_step=least_step)
    found = [0, *(int(series.week[place]) for place in places[1:])]
    current = sorted({int(place) for place in np.searchsorted(series.week, starts)} - {len(series.week)})
    gain = cost_of(series, current) + penalty * len(current) - cost_of(series, places) - penalty * len(places)
    return gain, found


def cost_of(series: Series, places: list[int]) -> float:
    """Return the weighted sum of squares around the level of each segment; `places` say where they start."""
    total = 0.0
    for first, last in zip(places, [*places[1:], len(series.week)], strict=True):
        value, weight = series.value[first:last], 1.0 / series.variance[first:last]
        total += float(np.sum(weight * (value - np.average(value, weights=weight)) ** 2))
    return total


def nodes_of(values: Values, starts: list[list[int]], weeks: int) -> tuple[Ints, Ints, Ints]:
    """Number people and their segments; return the node of each value, and person and segment of each node."""
    table = np.zeros((len(starts), weeks + 1), dtype=np.int64)
    owner: list[int] = []
    part: list[int] = []
    for person, own in enumerate(starts):
        for number, start in enumerate(own):
            table[person, start:weeks] = len(owner)
            owner.append(person)
            part.append(number)
        # The last column is that of values without a week.
        table[person, weeks] = len(owner) - 1
        if len(own) > 1:
            table[person, weeks] = len(owner)
            owner.append(person)
            part.append(-1)
    return table[values.who, values.week], np.array(owner, dtype=np.int64), np.array(part, dtype=np.int64)
