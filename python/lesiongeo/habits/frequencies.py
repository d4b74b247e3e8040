"""Habits that are rates: missed and extra lesions, confused labels and answers, as findings against the others."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .judge import Detail, Finding, spans
from .observations import Answers, Observations
from .rates import FEWEST_EVENTS, Rate, Trials, judge_rates, rate_between
from .series import Series
from .twoway import Ints

__all__ = ["Frequency", "confusions", "frequency", "without_repeats"]


@dataclass(frozen=True)
class Frequency:
    """What was found about one rate: segments as findings, people as a whole, and the trials behind it."""

    habit: str
    detail: Detail | None
    trials: Trials
    series: dict[int, Series]
    starts: dict[int, list[int]]
    findings: list[Finding]
    whole: list[Finding]


def frequency(
    seen: Observations,
    habit: str,
    detail: Detail | None,
    trials: Trials,
    *,
    step: float,
    least: int,
    confidence: float,
    only: Ints | None = None,
) -> Frequency:
    """Judge one rate; `step` is the smallest excess of interest."""
    people = len(seen.names)
    chosen = np.arange(people) if only is None else only
    rates, series, starts = judge_rates(trials, people, step=step, least=least, confidence=confidence, only=chosen)

    def finding(rate: Rate, looks: int) -> Finding:
        own = series[rate.person].week
        return Finding(
            (seen.names[rate.person], habit, detail),
            rate.person,
            int(own[own >= rate.first][0]) if len(own) else -1,
            int(own[own <= rate.last][-1]) if len(own) else -1,
            not len(own) or rate.last >= int(own[-1]),
            rate.n,
            rate.value,
            rate.low,
            rate.high,
            rate.reference,
            "share",
            rate.p_value,
            looks,
            (rate.value - rate.reference) / step,
            rate.reason,
            extra={"events": rate.events},
        )

    findings = [finding(rate, spans(len(series[rate.person].week), rate.part, rate.parts)) for rate in rates if rate.n]
    whole = list(findings)
    changing = np.array([person for person, own in zip(chosen.tolist(), starts, strict=True) if len(own) > 1])
    if len(changing):
        everything, _, _ = judge_rates(
            trials, people, step=step, least=10**9, confidence=confidence, only=changing.astype(np.int64)
        )
        changed = {rate.person: finding(rate, 1) for rate in everything}
        for one in changed.values():
            one.reason, one.chance = "changes", math.nan
        whole = [one for one in findings if one.person not in changed] + list(changed.values())
    return Frequency(
        habit,
        detail,
        trials,
        {person: series[person] for person in chosen.tolist()},
        dict(zip(chosen.tolist(), starts, strict=True)),
        findings,
        whole,
    )


def confusions(
    seen: Observations,
    habit: str,
    control: str | None,
    answers: Answers,
    *,
    step: float,
    least: int,
    confidence: float,
) -> tuple[list[Frequency], int]:
    """Judge every right answer with every wrong one that somebody gave often enough; also return how many there are."""
    many = len(answers.names)
    found: list[Frequency] = []
    known = answers.right >= 0
    who = seen.who[seen.place[answers.row[known]]]
    people = len(seen.names)
    had = np.unique(who * max(many, 1) + answers.right[known])
    tests = len(had) * max(many - 1, 0)
    wrong = known & (answers.right != answers.given)
    key = answers.right[wrong] * max(many, 1) + answers.given[wrong]
    pairs, code = np.unique(key, return_inverse=True)
    counts = np.bincount(
        code * people + seen.who[seen.place[answers.row[wrong]]], minlength=len(pairs) * people
    ).reshape(len(pairs), people)
    for place in np.flatnonzero((counts >= FEWEST_EVENTS).any(axis=1)).tolist():
        right, given = divmod(int(pairs[place]), many)
        detail = Detail(control, answers.names[right], answers.names[given])
        trials = seen.confusion(answers, right, given)
        some = np.flatnonzero((counts[place] >= FEWEST_EVENTS) & _reaching(trials, people, step, least))
        if not len(some):
            continue
        found.append(frequency(seen, habit, detail, trials, step=step, least=least, confidence=confidence, only=some))
    return found, tests


def _reaching(trials: Trials, people: int, step: float, least: int) -> NDArray[np.bool_]:
    """Say of whom the rate is as large as `step` over all weeks, or over some run of `least` to 2 `least` - 1 of them.

    Longer segments consist of such runs: who never reaches the smallest excess in one cannot have it in a segment.
    """
    weeks = int(trials.week.max(initial=-1)) + 1
    code = trials.who * (weeks + 1) + trials.week + 1
    n = np.bincount(code, minlength=people * (weeks + 1)).reshape(people, weeks + 1)
    x = np.bincount(code[trials.event], minlength=people * (weeks + 1)).reshape(people, weeks + 1)
    found: NDArray[np.bool_] = x.sum(axis=1) >= step * np.maximum(n.sum(axis=1), 1)
    for person in np.flatnonzero(~found).tolist():
        own = np.flatnonzero(n[person, 1:]) + 1
        sums = [np.concatenate(([0], np.cumsum(counts[person, own]))) for counts in (n, x)]
        for length in range(least, min(2 * least, len(own) + 1)):
            many, events = (total[length:] - total[:-length] for total in sums)
            found[person] |= bool((events >= step * many).any())
    return found


def without_repeats(seen: Observations, missed: Frequency, small: Frequency, step: float) -> None:
    """Say of people who lose lesions once what they lose: small ones, or any.

    Who misses small lesions only is not named for lesions as such, and who misses lesions of any size as often is not
    named for small ones again.
    """
    named = [(one.person, one) for one in small.findings if one.reason is None]
    for person, finding in named:
        others = [one for one in missed.findings if one.person == person and one.reason is None]
        if not others:
            continue
        classes = int(missed.trials.stratum.max(initial=0)) + 1
        larger = missed.trials.of_strata(1, classes)
        rate = rate_between(larger, len(seen.names), person, finding.first, finding.last)
        excess = rate.value - rate.reference if rate.n else 0.0
        if excess < step:
            for one in others:
                one.reason = "explained_by_small"
        elif finding.value - finding.reference < excess + step:
            finding.reason = "part_of_missed"
