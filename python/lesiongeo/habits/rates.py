"""How often a person does something, against how often the others do in the same strata: missed, extra, confused."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .effects import FEWEST_CLUSTERS, FEWEST_VALUES
from .series import Series, segments_of, series_of
from .tails import chance_of_as_many, chance_of_sum, wilson
from .twoway import Floats, Ints

__all__ = ["Rate", "Trials", "judge_rates"]

#: Fewest events of which a rate is judged: less is no habit.
FEWEST_EVENTS = 5


@dataclass(frozen=True)
class Trials:
    """One entry per opportunity: whose, when, in which stratum, and whether it happened.

    `row` is the row of the lesion or region, `week` is -1 where unknown. `matched`, where there is such a thing, are
    other trials that say more about whose habit it is, with the `share` of each to be expected if all are alike.
    """

    who: Ints
    week: Ints
    cluster: Ints
    stratum: Ints
    event: NDArray[np.bool_]
    row: Ints
    share: Floats | None = None
    matched: Trials | None = None

    def take(self, rows: NDArray[np.bool_] | Ints) -> Trials:
        """Return some of the trials."""
        who, week, cluster = self.who[rows], self.week[rows], self.cluster[rows]
        share = None if self.share is None else self.share[rows]
        return Trials(who, week, cluster, self.stratum[rows], self.event[rows], self.row[rows], share)

    def of_strata(self, low: int, high: int) -> Trials:
        """Return the trials of some strata, from `low` to below `high`, the matched ones too."""
        found = self.take((self.stratum >= low) & (self.stratum < high))
        return found if self.matched is None else replace(found, matched=self.matched.of_strata(low, high))


@dataclass(frozen=True)
class Rate:
    """A person's rate from one week to another (numbers; the end is the last week itself), and that of the others."""

    person: int
    first: int
    last: int
    part: int
    parts: int
    n: int
    events: int
    value: float
    low: float
    high: float
    reference: float
    p_value: float
    reason: str | None


def judge_rates(
    trials: Trials, people: int, *, step: float, least: int, confidence: float, only: Ints | None = None
) -> tuple[list[Rate], list[Series], list[list[int]]]:
    """Compare each person's rate with that of all others, week by week and in the segments between changes.

    `step` is the smallest excess of interest, `least` the fewest weeks of a segment; with `only` just these people are
    judged. Returns rates, weekly rates, and where the segments start (weeks).
    """
    strata = int(trials.stratum.max(initial=-1)) + 1
    code = trials.who * strata + trials.stratum
    own_n = np.bincount(code, minlength=people * strata).reshape(people, strata)
    own_x = np.bincount(code[trials.event], minlength=people * strata).reshape(people, strata)
    others_n, others_x = own_n.sum(axis=0) - own_n, own_x.sum(axis=0) - own_x
    share = others_x / np.maximum(others_n, 1)
    expected = share[trials.who, trials.stratum]
    known = others_n[trials.who, trials.stratum] > 0
    # Of a person without any event the pooled rate tells how uncertain a week is.
    pooled = (own_x.sum() + 1.0) / (own_n.sum() + 2.0)
    level = (own_x.sum(axis=1) + pooled) / (own_n.sum(axis=1) + 1.0)
    series = series_of(
        people,
        trials.who[known],
        trials.week[known],
        trials.cluster[known],
        trials.event[known] - expected[known],
        np.ones(int(known.sum())),
        floor=np.maximum(level * (1.0 - level), pooled * (1.0 - pooled)),
    )
    order = np.argsort(trials.who, kind="stable")
    bounds = np.searchsorted(trials.who[order], np.arange(people + 1))
    rates: list[Rate] = []
    starts: list[list[int]] = []
    for person in range(people) if only is None else only.tolist():
        own = order[bounds[person] : bounds[person + 1]]
        weeks = series[person].week
        places = segments_of(series[person], least=least, least_step=step / 2.0) if len(weeks) else [0]
        begin = [int(weeks[place]) for place in places] if len(weeks) else [-1]
        starts.append(begin)
        for number, first in enumerate(begin):
            last = begin[number + 1] - 1 if number + 1 < len(begin) else int(trials.week.max(initial=-1))
            inside = own if len(begin) == 1 else own[(trials.week[own] >= first) & (trials.week[own] <= last)]
            same = others_n, others_x
            if len(begin) > 1:
                during = (trials.week >= first) & (trials.week <= last)
                same = _others(trials, during, person, strata)
            rates.append(_rate(trials, inside, person, (first, last, number, len(begin)), same, confidence))
    return rates, series, starts


def _others(trials: Trials, during: NDArray[np.bool_], person: int, strata: int) -> tuple[Ints, Ints]:
    """Count opportunities and events of the others in some weeks, shaped like the counts of everybody."""
    chosen = during & (trials.who != person)
    n = np.bincount(trials.stratum[chosen], minlength=strata)
    x = np.bincount(trials.stratum[chosen & trials.event], minlength=strata)
    return np.broadcast_to(n, (person + 1, strata)), np.broadcast_to(x, (person + 1, strata))


def _rate(
    trials: Trials,
    rows: Ints,
    person: int,
    when: tuple[int, int, int, int],
    others: tuple[Ints, Ints],
    confidence: float,
) -> Rate:
    first, last, part, parts = when
    others_n, others_x = others[0][person], others[1][person]
    rows = rows[others_n[trials.stratum[rows]] > 0]
    stratum, event = trials.stratum[rows], trials.event[rows]
    n = np.bincount(stratum, minlength=len(others_n))
    x = np.bincount(stratum[event], minlength=len(others_n))
    total, events = int(n.sum()), int(x.sum())
    if total == 0:
        nothing = math.nan
        return Rate(person, first, last, part, parts, 0, 0, nothing, nothing, nothing, nothing, nothing, "nobody_else")
    share = others_x / np.maximum(others_n, 1)
    reference = float((n * share).sum() / total)
    value = events / total
    # One bad picture of a patient is one piece of evidence, not ten: chance and interval count as few trials as
    # independent ones would need to tell as much.
    _, cluster = np.unique(trials.cluster[rows], return_inverse=True)
    size = np.bincount(cluster).astype(np.float64)
    found = np.bincount(cluster, weights=event.astype(np.float64))
    effective = total**2 / float((size**2).sum())
    spread = float(((found - value * size) ** 2).sum()) * len(size) / max(len(size) - 1, 1)
    design = max(1.0, spread / (total * value * (1.0 - value))) if 0.0 < value < 1.0 else 1.0
    own_x, own_n = np.floor(x / design).astype(np.int64), np.ceil(n / design).astype(np.int64)
    rest_x, rest_n = np.ceil(others_x / design).astype(np.int64), np.ceil(others_n / design).astype(np.int64)
    p_value = chance_of_as_many(own_x, own_n, own_x + rest_x, own_n + rest_n)
    if trials.matched is not None:
        p_value = _matched_chance(trials.matched, person, when, design)
    low, high = wilson(events / design, total / design, confidence)
    few = total < FEWEST_VALUES or effective < FEWEST_CLUSTERS or events < FEWEST_EVENTS
    reason = "too_few" if few else None
    return Rate(person, first, last, part, parts, total, events, value, low, high, reference, p_value, reason)


def _matched_chance(trials: Trials, person: int, when: tuple[int, int, int, int], design: float) -> float:
    """Return the chance that so many of the matched trials are the person's, if everybody is alike on each lesion."""
    first, last, _, parts = when
    own = trials.who == person
    if parts > 1:
        own &= (trials.week >= first) & (trials.week <= last)
    assert trials.share is not None  # noqa: S101 - matched trials have shares
    share, code = np.unique(trials.share[own], return_inverse=True)
    n = np.bincount(code, minlength=len(share))
    events = int(np.floor(np.count_nonzero(trials.event[own]) / design))
    return chance_of_sum(events, np.ceil(n / design).astype(np.int64), share)
