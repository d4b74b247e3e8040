"""Habits that are quantities: area, border offset, vertex density, lead time, as findings of the two-way model."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from .effects import Effect, between, contrasts, steps
from .judge import Detail, Finding, Test, spans, spans_of_change
from .observations import Observations
from .references import References, references
from .series import MOST_SEARCHED, Changes, find_changes, nodes_of
from .twoway import Design, Floats, Values, fit

__all__ = ["CHANGE", "Quantity", "measured", "named_once", "offsets", "percent"]

#: The detail of a change against what the person did before.
CHANGE = "change"


@dataclass(frozen=True)
class Quantity:
    """What was found about one quantity: segments as findings, people as a whole, and each value's deviation.

    `level` is the logarithm of each value against what the others make of its lesion, the effects of people taken away:
    a person's level is their effect plus noise. `reference` is the same number of those in the middle, by person and
    week (the last column: without a week). `findings` holds segments and changes, `whole` one finding per person,
    `pairs` how two people who have only each other differ, by epoch.
    """

    habit: str
    values: Values
    changes: Changes
    level: Floats
    reference: Floats
    among: References
    findings: list[Finding]
    whole: list[Finding]
    pairs: list[Finding]

    def tests(self) -> set[Test]:
        """Return what was tested: the levels of all, and the changes of all, also of those who have none."""
        levels: dict[Test, Finding] = {one.test: one for one in self.findings if one.test[2] is None}
        some: set[Test] = {
            (*test[:2], CHANGE) for test, one in levels.items() if len(self.among.others(one.person)) > 1
        }
        return levels.keys() | some


def percent(value: float) -> float:
    """Return a logarithm of a ratio as percent more (or less)."""
    return 100.0 * math.expm1(value)


def measured(
    seen: Observations,
    habit: str,
    values: Values,
    *,
    step: float,
    least: int,
    confidence: float,
    correct: Callable[[Changes], Changes] | None = None,
) -> Quantity:
    """Fit one quantity, and find who deviates since when; `step` is the smallest logarithm of interest.

    `correct` may take changes back that are explained by something else.
    """
    people, weeks = len(seen.names), len(seen.weeks)
    changes = find_changes(values, people, weeks, least=least, least_step=step / 2.0)
    changes = changes if correct is None else correct(changes)
    design, fitted, owner, part, starts = changes.design, changes.fit, changes.owner, changes.part, changes.starts
    among = references(design, fitted, owner, part, starts, weeks, step)
    found = contrasts(design, fitted, owner, part, among, confidence, step)
    shown, unit, nothing = (percent, "percent", 0.0) if habit == "area_bias" else (math.exp, "times", 1.0)

    def finding(effect: Effect, first: int, last: int, ongoing: bool, looks: int, detail: str | None = None) -> Finding:
        low, high = (shown(x) if math.isfinite(x) else math.nan for x in (effect.low, effect.high))
        return Finding(
            (seen.names[effect.person], habit, detail),
            effect.person,
            first,
            last,
            ongoing,
            effect.n,
            shown(effect.value),
            low,
            high,
            nothing,
            unit,
            effect.p_value,
            looks,
            abs(effect.value) / step,
            None if effect.reason == "no_common_reference" else effect.reason,
            "no_common_reference" if effect.reason == "no_common_reference" else None,
            {"log": effect.value, "part": effect.part, "before": None},
        )

    def during(effect: Effect) -> tuple[int, int, bool]:
        own = starts[effect.person]
        series = changes.series[effect.person].week
        if effect.part < 0 or not len(series):
            return -1, -1, True
        first = int(series[0]) if effect.part == 0 else own[effect.part]
        ongoing = effect.part + 1 == len(own)
        return first, int(series[-1]) if ongoing else int(series[series < own[effect.part + 1]][-1]), ongoing

    def looks(effect: Effect) -> tuple[int, int, int]:
        return len(changes.series[effect.person].week), effect.part, len(starts[effect.person])

    findings = [finding(effect, *during(effect), spans(*looks(effect))) for effect in found]
    for effect in steps(design, fitted, owner, part, among, confidence, starts):
        findings.append(finding(effect, *during(effect), spans_of_change(*looks(effect)[::2]), CHANGE))
        findings[-1].extra["before"] = float(fitted.effect[effect.node]) - effect.value
    pairs = []
    for pair in between(design, fitted, among, confidence):
        weeks_of = np.flatnonzero(among.epoch[:-1] == pair.epoch)
        dated = len(weeks_of) > 0 and among.first[pair.epoch] >= 0
        first, last = (int(weeks_of[0]), int(weeks_of[-1])) if dated else (-1, -1)
        epochs = int(np.count_nonzero(among.first >= 0))
        many = spans(weeks, pair.epoch if dated else 0, epochs)
        pairs.append(finding(pair.effect, first, last, last + 1 == weeks, many))
        pairs[-1].extra |= {"other": pair.other, "epochs": epochs}
    whole = [
        next(one for one in findings if one.person == effect.person and one.test[2] is None)
        if effect.node >= 0
        else finding(effect, -1, -1, True, 1)
        for effect in _as_a_whole(changes, found, confidence)
    ]
    level = fitted.effect[design.node] + fitted.deviation
    reference = among.of_weeks(fitted.effect)
    return Quantity(habit, values, changes, level, reference, among, findings, whole, pairs)


def _as_a_whole(changes: Changes, found: list[Effect], confidence: float) -> list[Effect]:
    """Return one effect per person: of who never changes theirs, of others the mean of their segments."""
    rows = []
    reach = NormalDist().inv_cdf(0.5 + confidence / 2.0)
    for person in range(len(changes.starts)):
        own = [effect for effect in found if effect.person == person]
        if len(own) == 1:
            rows += own
        elif own:
            share = np.array([effect.n for effect in own], dtype=np.float64)
            share /= share.sum()
            value = float(share @ [effect.value for effect in own])
            # The segments hold different lesions, so their errors are nearly independent.
            error = math.sqrt(float((share**2) @ [effect.error**2 for effect in own]))
            reasons = {effect.reason for effect in own}
            reason = (
                "changes" if reasons <= {None, "too_few", "is_reference"} else sorted(map(str, reasons - {None}))[0]
            )
            n = sum(effect.n for effect in own)
            rows.append(
                Effect(-1, person, -1, n, value, error, value - reach * error, value + reach * error, math.nan, reason)
            )
    return rows


def offsets(
    seen: Observations, area: Quantity, unit: str, step: float, confidence: float
) -> dict[tuple[int, int, Detail | str | None], Effect]:
    """Return the border offset of each person's segments of area, against the same references, and of their changes.

    By person, part and detail.
    """
    values = seen.offset(unit).thinned(MOST_SEARCHED)
    if not len(values):
        return {}
    starts = area.changes.starts
    node, owner, part = nodes_of(values, starts, len(seen.weeks))
    design = Design(values, node, len(owner))
    found = fit(design)
    levels = contrasts(design, found, owner, part, area.among, confidence, step)
    changes = steps(design, found, owner, part, area.among, confidence, starts)
    return {(effect.person, effect.part, None): effect for effect in levels} | {
        (effect.person, effect.part, CHANGE): effect for effect in changes
    }


def named_once(quantity: Quantity) -> None:
    """Name somebody for a change only where neither level is named, and not again for the way back.

    Nor for a level that begins or ends where rather the reference moved, at a change that is not sure.
    """
    all_levels = {(one.person, one.extra["part"]): one for one in quantity.findings if one.test[2] is None}
    levels = {key for key, one in all_levels.items() if one.reason is None}
    unsure = {
        (one.person, one.extra["part"])
        for one in quantity.findings
        if one.test[2] == CHANGE and one.reason == "not_significant"
    }
    for person, part in sorted(levels):
        run = [part]
        while (person, run[0]) in unsure:
            run.insert(0, run[0] - 1)
        while (person, run[-1] + 1) in unsure:
            run.append(run[-1] + 1)
        segments = [all_levels[person, number] for number in run if (person, number) in all_levels]
        level = all_levels[person, part]
        moved = np.ptp(quantity.reference[person, [one.first for one in segments]])
        if any((person, number) not in levels for number in run) and moved > abs(level.extra["log"]) / 2.0:
            level.reason = "no_common_reference"
    levels = {key for key in levels if all_levels[key].reason is None}
    changes = [one for one in quantity.findings if one.reason is None and one.test[2] == CHANGE]
    known: dict[tuple[int, int], Finding] = {}
    for one in changes:
        part = one.extra["part"]
        earlier = known.get((one.person, part - 1))
        if {(one.person, part - 1), (one.person, part)} & levels:
            one.reason = "explained_by_level"
        elif earlier is not None and abs(earlier.extra["log"] + one.extra["log"]) < abs(earlier.extra["log"]) / 2.0:
            # Until then: the end of the one before says it.
            one.reason = "way_back"
        else:
            known[one.person, part] = one
