"""From fitted effects to statements about people: against whom, how sure, and whether anybody can be named."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .references import FEWEST_VALUES, References
from .tails import t_quantile, t_tail
from .twoway import Design, Fit, Floats, Ints, spread_of_effects

__all__ = ["FEWEST_CLUSTERS", "FEWEST_VALUES", "Between", "Effect", "between", "contrasts", "steps"]

#: Fewest effective clusters of which an effect is judged.
FEWEST_CLUSTERS = 5.0


@dataclass(frozen=True)
class Effect:
    """What is known of a person's segment: its size against the reference, with interval and chance.

    Of a change: its size against the segment before. `reason` says why nobody is to be named for it: too_few,
    two_annotators, no_common_reference, is_reference.
    """

    node: int
    person: int
    part: int
    n: int
    value: float
    error: float
    low: float
    high: float
    p_value: float
    reason: str | None


@dataclass(frozen=True)
class Between:
    """How two people who have only each other differ in an epoch: `effect` is that of its person against `other`."""

    effect: Effect
    other: int
    epoch: int


class _Spread:
    """Errors of differences of effects, by clusters."""

    def __init__(self, design: Design, found: Fit, confidence: float) -> None:
        self.effect, self.confidence = found.effect, confidence
        self.covariance, self.clusters = spread_of_effects(design, found)
        self.n = design.by_node(np.ones(len(design.values)))

    def few(self, *nodes: int) -> bool:
        """Say whether one of some nodes has too few values or clusters to be judged."""
        return any(self.n[node] < FEWEST_VALUES or self.clusters[node] < FEWEST_CLUSTERS for node in nodes)

    def of(self, contrast: Floats, *nodes: int) -> tuple[float, float, float, float, float]:
        """Return value, error, low, high and chance, with the freedom of the node that has least."""
        value = float(contrast @ self.effect)
        error = math.sqrt(max(float(contrast @ self.covariance @ contrast), 0.0))
        clusters = min(float(self.clusters[node]) for node in nodes)
        if clusters < 2.0:
            return value, error, math.nan, math.nan, math.nan
        freedom = max(clusters - 1.0, 1.0)
        reach = t_quantile(self.confidence, freedom) * error
        chance = min(1.0, 2.0 * t_tail(abs(value) / max(error, 1e-12), freedom))
        return value, error, value - reach, value + reach, chance


def contrasts(
    design: Design, found: Fit, owner: Ints, part: Ints, among: References, confidence: float, step: float
) -> list[Effect]:
    """Compare each node with the weighted mean of others, with an interval that respects clusters.

    Who differs is named only where more than half of the others are closer to the reference than two thirds of the
    difference: among people who all draw differently no one is right. The references may be those of another quantity
    of the same people and segments: nodes without values are left out of them.
    """
    spread = _Spread(design, found, confidence)
    weights = np.where(spread.n[None, :] > 0, among.of_nodes(owner), 0.0)
    total = weights.sum(axis=1, keepdims=True)
    weights = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    rows = []
    for node in np.flatnonzero(spread.n > 0).tolist():
        person = int(owner[node])
        alone = not weights[node].any() or among.alone(person, node)
        contrast = np.zeros(design.nodes) if alone else -weights[node]
        contrast[node] += 0.0 if alone else 1.0
        value, error, low, high, chance = spread.of(contrast, node)
        reason = None
        if alone:
            reason, low, high, chance = "is_reference", math.nan, math.nan, math.nan
        elif len(among.others(person)) == 1:
            reason = "two_annotators"
        elif spread.few(node):
            reason = "too_few"
        elif not among.common(found.effect, person, node, value, step):
            reason = "no_common_reference"
        n = int(spread.n[node])
        rows.append(Effect(node, person, int(part[node]), n, value, error, low, high, chance, reason))
    return rows


def steps(
    design: Design, found: Fit, owner: Ints, part: Ints, among: References, confidence: float, starts: list[list[int]]
) -> list[Effect]:
    """Compare each segment with the one before it: the change of a person, whoever is right.

    The model says by how much: lesions, and people who do not change, are the same before and after. Two people have
    no such change, since nothing tells whose it is.
    """
    if all(len(own) < 2 for own in starts):
        return []
    spread = _Spread(design, found, confidence)
    rows = []
    for person, own in enumerate(starts):
        nodes = [int(np.flatnonzero((owner == person) & (part == number))[0]) for number in range(len(own))]
        for number, (before, after) in enumerate(pairwise(nodes), start=1):
            if len(among.others(person)) < 2 or not spread.n[before] or not spread.n[after]:
                continue
            contrast = np.zeros(design.nodes)
            contrast[after], contrast[before] = 1.0, -1.0
            value, error, low, high, chance = spread.of(contrast, before, after)
            reason = None
            if spread.few(before, after):
                reason = "too_few"
            elif not among.unmoved(found.effect, person, before, after):
                reason = "no_common_reference"
            n = int(spread.n[after])
            rows.append(Effect(after, person, number, n, value, error, low, high, chance, reason))
    return rows


def between(design: Design, found: Fit, among: References, confidence: float) -> list[Between]:
    """Compare people who have only each other, epoch by epoch."""
    rows = []
    spread: _Spread | None = None
    for person in range(len(among.group)):
        others = among.others(person)
        if among.group[person] < 0 or len(others) != 1 or others[0] > person:
            continue
        other = int(others[0])
        spread = spread or _Spread(design, found, confidence)
        for epoch in np.flatnonzero(among.count[person] > 0).tolist():
            contrast = among.own[person, epoch] - among.own[other, epoch]
            nodes = np.flatnonzero(contrast).tolist()
            n, reason = int(among.count[person, epoch]), "too_few" if spread.few(*nodes) else "two_annotators"
            effect = Effect(-1, person, epoch, n, *spread.of(contrast, *nodes), reason)
            rows.append(Between(effect, other, epoch))
    return rows
