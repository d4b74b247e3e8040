"""How often a person does something, against others who looked at the same material: missed, extra, confused."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .effects import FEWEST_CLUSTERS, FEWEST_VALUES
from .series import Series, cost_of, segments_of, series_of
from .tails import chance_of_sum, wilson
from .twoway import Floats, Ints

__all__ = ["Looks", "Matched", "Rate", "Trials", "judge_rates", "matched", "rate_between"]

#: Fewest events of which a rate is judged: less is no habit.
FEWEST_EVENTS = 5
#: What a change must explain of a person's rates beyond those of the others, in units of chi squared.
CHANGE = 10.0


@dataclass(frozen=True)
class Looks:
    """Who looked at which task when: one entry per annotation. `people` says how many looked at its task."""

    who: Ints
    week: Ints
    cluster: Ints
    task: Ints
    people: Ints


@dataclass(frozen=True)
class Matched:
    """Who could have been the one: per lesion at which something happened, one entry for each who looked at it.

    `look` is the entry of `Looks`, `share` is how many of those who looked did it. If all are alike on each lesion,
    however hard it is, that is the chance of each of them.
    """

    look: Ints
    event: NDArray[np.bool_]
    share: Floats
    stratum: Ints

    def take(self, rows: NDArray[np.bool_]) -> Matched:
        """Return some of the entries."""
        return Matched(self.look[rows], self.event[rows], self.share[rows], self.stratum[rows])


def matched(lesion: Ints, look: Ints, event: NDArray[np.bool_], stratum: Ints) -> Matched:
    """Keep the lesions at which somebody did it; of each, all who could have are given (sorted by lesion)."""
    first = np.flatnonzero(np.diff(lesion, prepend=-1))
    size = np.diff(first, append=len(lesion))
    did = np.add.reduceat(event.astype(np.int64), first) if len(first) else np.empty(0, dtype=np.int64)
    share = np.repeat(did / np.maximum(size, 1), size)
    return Matched(look, event, share, stratum).take(share > 0.0)


@dataclass(frozen=True)
class Trials:
    """One entry per opportunity: whose and when (the entry of `looks`), in which stratum, and whether it happened.

    `row` is the row of the lesion or region; `matched` tells of the events who else could have done them.
    """

    looks: Looks
    look: Ints
    stratum: Ints
    event: NDArray[np.bool_]
    row: Ints
    matched: Matched

    @property
    def who(self) -> Ints:
        """The person of each opportunity."""
        return self.looks.who[self.look]

    @property
    def week(self) -> Ints:
        """The week of each opportunity, -1 where unknown."""
        return self.looks.week[self.look]

    def of_strata(self, low: int, high: int) -> Trials:
        """Return the trials of some strata, from `low` to below `high`, the matched ones too."""
        at = (self.stratum >= low) & (self.stratum < high)
        also = (self.matched.stratum >= low) & (self.matched.stratum < high)
        return Trials(
            self.looks, self.look[at], self.stratum[at], self.event[at], self.row[at], self.matched.take(also)
        )


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


class _Counts:
    """Sums over the opportunities, prepared for questions about one person after the other."""

    def __init__(self, trials: Trials, people: int) -> None:
        looks = trials.looks
        self.trials = trials
        self.looks = looks
        # By annotation, and of the others of its task, who count as one person together.
        n = np.bincount(trials.look, minlength=len(looks.who))
        x = np.bincount(trials.look[trials.event], minlength=len(looks.who))
        others = np.maximum(looks.people - 1, 1)
        tasks = int(looks.task.max(initial=-1)) + 1
        self.others_n, self.others_x = (
            (np.bincount(looks.task, own, tasks)[looks.task] - own) / others for own in (n, x)
        )
        self.n, self.x = n, x
        self.of_person = _places(looks.who, people)
        self.matched = trials.matched
        self.of_matched = _places(looks.who[trials.matched.look], people)


def _places(who: Ints, people: int) -> list[Ints]:
    order = np.argsort(who, kind="stable")
    return np.split(order, np.searchsorted(who[order], np.arange(1, people)))


def judge_rates(
    trials: Trials, people: int, *, step: float, least: int, confidence: float, only: Ints | None = None
) -> tuple[list[Rate], list[Series], list[list[int]]]:
    """Compare each person's rate with that of others on the same tasks, as a whole or in the segments between changes.

    `step` is the smallest excess of interest, `least` the fewest weeks of a segment; with `only` just these people are
    judged. Returns rates, weekly rates, and where the segments start (weeks).
    """
    series = _weekly(trials, people)
    counts = _Counts(trials, people)
    rates: list[Rate] = []
    starts: list[list[int]] = []
    for person in range(people) if only is None else only.tolist():
        weeks = series[person].week
        places = _changes(counts, person, series[person], least, step / 2.0) if len(weeks) else [0]
        begin = [int(weeks[place]) for place in places] if len(weeks) else [-1]
        starts.append(begin)
        for number, first in enumerate(begin):
            last = begin[number + 1] - 1 if number + 1 < len(begin) else int(trials.looks.week.max(initial=-1))
            rates.append(_rate(counts, person, (first, last, number, len(begin)), confidence))
    return rates, series, starts


def _changes(counts: _Counts, person: int, series: Series, least: int, least_step: float) -> list[int]:
    """Return the places in a person's weeks at which segments start: where they change, and others do not likewise.

    When the material changes everybody's rates do, which is no change of a person. (When one person changes the others
    seem to, against them, so that the others alone cannot tell.)
    """
    places = segments_of(series, least=least, least_step=least_step)
    if len(places) == 1:
        return places
    own = counts.of_person[person]
    week = counts.looks.week[own]
    own, week = own[week >= 0], week[week >= 0]
    weeks = int(series.week[-1]) + 1
    others = counts.looks.people - 1
    n, x, many, events, own_n, own_x = (
        np.bincount(week, amount[own], weeks)[series.week]
        for amount in (
            counts.others_n,
            counts.others_x,
            counts.others_n * others,
            counts.others_x * others,
            counts.n,
            counts.x,
        )
    )
    usual = float(x.sum()) / max(float(n.sum()), 1e-300)
    share = np.divide(x, n, out=np.full_like(x, usual), where=n > 0.0)
    # The others' rate of a week is uncertain too.
    likely = (events + usual) / (many + 1.0)
    variance = series.variance + likely * (1.0 - likely) / np.maximum(many, 1.0)
    beyond = Series(series.week, series.n, own_x / own_n - share, variance)
    while len(places) > 1:
        less = [[*places[:at], *places[at + 1 :]] for at in range(1, len(places))]
        costs = [cost_of(beyond, fewer) for fewer in less]
        # The places are given here, so that a change is worth what it is without the search for them.
        if min(costs) - cost_of(beyond, places) >= CHANGE:
            break
        places = less[int(np.argmin(costs))]
    return places


def rate_between(trials: Trials, people: int, person: int, first: int, last: int) -> Rate:
    """Return a person's rate from one week to another."""
    return _rate(_Counts(trials, people), person, (first, last, 0, 2), 0.95)


def _weekly(trials: Trials, people: int) -> list[Series]:
    """Return what each person does by week beyond what the sizes of lesions let expect."""
    who, event = trials.who, trials.event
    strata = int(trials.stratum.max(initial=-1)) + 1
    code = who * strata + trials.stratum
    own_n = np.bincount(code, minlength=people * strata).reshape(people, strata)
    own_x = np.bincount(code[event], minlength=people * strata).reshape(people, strata)
    others_n, others_x = own_n.sum(axis=0) - own_n, own_x.sum(axis=0) - own_x
    expected = (others_x / np.maximum(others_n, 1))[who, trials.stratum]
    # Of a person without any event the pooled rate tells how uncertain a week is.
    pooled = (own_x.sum() + 1.0) / (own_n.sum() + 2.0)
    level = (own_x.sum(axis=1) + pooled) / (own_n.sum(axis=1) + 1.0)
    floor = np.maximum(level * (1.0 - level), pooled * (1.0 - pooled))
    cluster = trials.looks.cluster[trials.look]
    return series_of(people, who, trials.week, cluster, event - expected, np.ones(len(event)), floor=floor)


def _rate(counts: _Counts, person: int, when: tuple[int, int, int, int], confidence: float) -> Rate:
    first, last, part, parts = when
    looks, same = counts.looks, counts.matched

    def during(look: Ints) -> NDArray[np.bool_]:
        week = looks.week[look]
        found: NDArray[np.bool_] = (week >= first) & (week <= last) if parts > 1 else np.ones(len(look), dtype=np.bool_)
        return found

    own = counts.of_person[person]
    own = own[during(own)]
    n, x, cluster = counts.n[own], counts.x[own], looks.cluster[own]
    total, events = int(n.sum()), int(x.sum())
    # All tasks of the person, also those on which they had no opportunity: whoever errs alone on a lesion is the only
    # one with an opportunity there, so that the others' rate on tasks with opportunities would be too small.
    others = float(counts.others_n[own].sum())
    if total == 0 or others <= 0.0:
        nothing = math.nan
        return Rate(person, first, last, part, parts, 0, 0, nothing, nothing, nothing, nothing, nothing, "nobody_else")
    reference = float(counts.others_x[own].sum()) / others
    value = events / total
    # One bad picture of a patient is one piece of evidence, not ten: chance and interval count as few trials as
    # independent ones would need to tell as much.
    design, effective = _design(n, x, cluster)
    at = counts.of_matched[person]
    at = at[during(same.look[at])]
    event = same.event[at].astype(np.int64)
    less = max(design, _design(np.ones_like(event), event, looks.cluster[same.look[at]])[0])
    share, code = np.unique(same.share[at], return_inverse=True)
    # A chance far in the tail is a power with the number of trials as exponent (Chernoff); with whole numbers of
    # fewer trials an event would be lost by rounding.
    p_value = chance_of_sum(int(event.sum()), np.bincount(code, minlength=len(share)), share) ** (1.0 / less)
    low, high = wilson(events / design, total / design, confidence)
    few = total < FEWEST_VALUES or effective < FEWEST_CLUSTERS or events < FEWEST_EVENTS
    reason = "too_few" if few else None
    return Rate(person, first, last, part, parts, total, events, value, low, high, reference, p_value, reason)


def _design(n: Ints, x: Ints, cluster: Ints) -> tuple[float, float]:
    """Return by how much events scatter more between clusters than by chance, and the effective number of clusters."""
    _, cluster = np.unique(cluster, return_inverse=True)
    size, found = (np.bincount(cluster, weights=amount.astype(np.float64)) for amount in (n, x))
    size, found = size[size > 0], found[size > 0]
    total, value = float(size.sum()), float(found.sum()) / max(float(size.sum()), 1.0)
    if not 0.0 < value < 1.0:
        return 1.0, total**2 / max(float((size**2).sum()), 1.0)
    spread = float(((found - value * size) ** 2).sum()) * len(size) / max(len(size) - 1, 1)
    return max(1.0, spread / (total * value * (1.0 - value))), total**2 / float((size**2).sum())
