"""Habits that are quantities: area, border offset, vertex density, lead time, as findings of the two-way model."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from .effects import Effect, contrasts, references
from .judge import Finding, spans
from .observations import Observations
from .series import MOST_SEARCHED, Changes, find_changes, nodes_of
from .twoway import Design, Floats, Values, fit

__all__ = ["Quantity", "compared_with", "measured", "offsets", "percent"]


@dataclass(frozen=True)
class Quantity:
    """What was found about one quantity: segments as findings, people as a whole, and each value's deviation.

    `level` is the logarithm of each value against what the others make of its lesion, the effects of people taken away:
    a person's level is their effect plus noise. `reference` is the same number of those in the middle, by node; who
    is the middle alone has their own, that of all weeks.
    """

    habit: str
    values: Values
    changes: Changes
    level: Floats
    reference: Floats
    findings: list[Finding]
    whole: list[Finding]


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
    weights = references(changes.design, changes.fit, changes.owner, step)
    found = contrasts(changes.design, changes.fit, changes.owner, changes.part, weights, confidence)
    reference = compared_with(changes, weights)
    shown, unit, nothing = (percent, "percent", 0.0) if habit == "area_bias" else (math.exp, "times", 1.0)

    def finding(effect: Effect, first: int, last: int, ongoing: bool, looks: int) -> Finding:
        low, high = (shown(x) if math.isfinite(x) else math.nan for x in (effect.low, effect.high))
        return Finding(
            (seen.names[effect.person], habit, None),
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
            {"log": effect.value, "part": effect.part},
        )

    findings = []
    for effect in found:
        own = changes.starts[effect.person]
        series = changes.series[effect.person].week
        if effect.part < 0 or not len(series):
            first, last, ongoing = -1, -1, True
        else:
            first = int(series[0]) if effect.part == 0 else own[effect.part]
            ongoing = effect.part + 1 == len(own)
            last = int(series[-1]) if ongoing else int(series[series < own[effect.part + 1]][-1])
        findings.append(finding(effect, first, last, ongoing, spans(len(series), effect.part, len(own))))
        if effect.reason == "two_annotators":
            findings[-1].extra["other"] = int(changes.owner[np.flatnonzero(weights[effect.node])[0]])
    whole = [
        next(one for one in findings if one.person == effect.person)
        if effect.node >= 0
        else finding(effect, -1, -1, True, 1)
        for effect in _as_a_whole(changes, found, confidence)
    ]
    node = changes.design.node
    level = changes.fit.effect[node] + changes.fit.deviation
    return Quantity(habit, values, changes, level, reference, findings, whole)


def compared_with(changes: Changes, weights: Floats) -> Floats:
    """Return what each node is compared with: the mean of those in the middle; who is that alone, with themselves."""
    effect, owner = changes.fit.effect, changes.owner
    n = changes.design.by_node(np.ones(len(changes.design.values)))
    people = len(changes.starts)
    own = np.bincount(owner, n * effect, people) / np.maximum(np.bincount(owner, n, people), 1.0)
    reference: Floats = np.where(weights.any(axis=1), weights @ effect, own[owner])
    return reference


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
) -> dict[tuple[int, int], Effect]:
    """Return the border offset of each person's segments of area, against the same references; by person and part."""
    values = seen.offset(unit).thinned(MOST_SEARCHED)
    if not len(values):
        return {}
    node, owner, part = nodes_of(values, area.changes.starts, len(seen.weeks))
    design = Design(values, node, len(owner))
    found = fit(design)
    weights = references(area.changes.design, area.changes.fit, area.changes.owner, step)
    drawn = design.by_node(np.ones(len(values))) > 0
    weights = np.where(drawn[None, :], weights, 0.0)
    total = weights.sum(axis=1, keepdims=True)
    weights = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    return {
        (effect.person, effect.part): effect for effect in contrasts(design, found, owner, part, weights, confidence)
    }
