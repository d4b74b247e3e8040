"""How often a person does something, against how often the others do in the same strata: missed, extra, confused."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .effects import FEWEST_CLUSTERS, FEWEST_VALUES
from .series import Series, segments_of, series_of
from .tails import chance_of_as_many, t_tail, wilson
from .twoway import Ints

__all__ = ["Rate", "Trials", "judge_rates"]

#: Fewest events of which a rate is judged: less is no habit.
FEWEST_EVENTS = 5


@dataclass(frozen=True)
class Trials:
    """One entry per opportunity: whose, when, in which stratum, and whether it happened.

    `row` is the row of the lesion or region, `week` is -1 where unknown.
    """

    who: Ints
    week: Ints
    cluster: Ints
    stratum: Ints
    event: NDArray[np.bool_]
    row: Ints

    def take(self, rows: NDArray[np.bool_] | Ints) -> Trials:
        """Return some of the trials."""
        who, week, cluster = self.who[rows], self.week[rows], self.cluster[rows]
        return Trials(who, week, cluster, self.stratum[rows], self.event[rows], self.row[rows])


@dataclass(frozen=True)
class Rate:
    """A person's rate from one week to another (numbers; the end is the last week itself), and that of the others."""

    person: int
    first: int
    last: int
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
            rates.append(_rate(trials, inside, person, (first, last, len(begin)), same, confidence))
    return rates, series, starts


def _others(trials: Trials, during: NDArray[np.bool_], person: int, strata: int) -> tuple[Ints, Ints]:
    """Count opportunities and events of the others in some weeks, shaped like the counts of everybody."""
    chosen = during & (trials.who != person)
    n = np.bincount(trials.stratum[chosen], minlength=strata)
    x = np.bincount(trials.stratum[chosen & trials.event], minlength=strata)
    return np.broadcast_to(n, (person + 1, strata)), np.broadcast_to(x, (person + 1, strata))


def _rate(
    trials: Trials, rows: Ints, person: int, when: tuple[int, int, int], others: tuple[Ints, Ints], confidence: float
) -> Rate:
    first, last, parts = when
    others_n, others_x = others[0][person], others[1][person]
    rows = rows[others_n[trials.stratum[rows]] > 0]
    stratum, event = trials.stratum[rows], trials.event[rows]
    n = np.bincount(stratum, minlength=len(others_n))
    x = np.bincount(stratum[event], minlength=len(others_n))
    total, events = int(n.sum()), int(x.sum())
    if total == 0:
        nothing = math.nan
        return Rate(person, first, last, parts, 0, 0, nothing, nothing, nothing, nothing, nothing, "nobody_else")
    share = others_x / np.maximum(others_n, 1)
    reference = float((n * share).sum() / total)
    value = events / total
    # What a cluster (patient) adds to the difference: one bad picture is one piece of evidence, not ten.
    _, cluster = np.unique(trials.cluster[rows], return_inverse=True)
    size = np.bincount(cluster).astype(np.float64)
    found = np.bincount(cluster, weights=event.astype(np.float64))
    excess = np.bincount(cluster, weights=event - share[stratum])
    clusters = len(size)
    correction = clusters / max(clusters - 1, 1)
    difference = float(excess.sum()) / total
    between = float(((excess - difference * size) ** 2).sum()) * correction
    theirs = np.maximum(share, 0.5 / np.maximum(others_n, 1))
    alone = float(
        (n * theirs * (1.0 - theirs)).sum() + (n**2 * theirs * (1.0 - theirs) / np.maximum(others_n, 1)).sum()
    )
    effective = total**2 / float((size**2).sum())
    z = (events - total * reference) / math.sqrt(max(between, alone, 1e-12))
    exact = chance_of_as_many(x, n, x + others_x, n + others_n)
    p_value = max(exact, t_tail(z, max(effective - 1.0, 1.0)))
    # The interval counts as many trials as independent ones would tell as much.
    spread = float(((found - value * size) ** 2).sum()) * correction
    design = max(1.0, spread / max(total * value * (1.0 - value), 1e-12)) if 0.0 < value < 1.0 else 1.0
    independent = max(total / design, 1.0)
    low, high = wilson(value * independent, independent, confidence)
    few = total < FEWEST_VALUES or effective < FEWEST_CLUSTERS or events < FEWEST_EVENTS
    reason = "too_few" if few else None
    return Rate(person, first, last, parts, total, events, value, low, high, reference, p_value, reason)
