"""From fitted effects to statements about people: against whom, how sure, and whether anybody can be named."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .tails import t_quantile, t_tail
from .twoway import Design, Fit, Floats, Ints, spread_of_effects

__all__ = ["Effect", "contrasts", "references"]

#: Fewest values and effective clusters of which an effect is judged.
FEWEST_VALUES, FEWEST_CLUSTERS = 10, 5.0


@dataclass(frozen=True)
class Effect:
    """What is known of a person's segment: its size against the reference, with interval and chance.

    `reason` says why nobody is to be named for it: too_few, two_annotators, no_common_reference, is_reference.
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


def references(design: Design, found: Fit, owner: Ints, step: float) -> Floats:
    """Return per node (row) the weights of the nodes that it is compared with; rows of zeros have nobody.

    The reference is the mean of those who lie within half a step of the median annotator, without the person judged;
    where the middle lies in a gap, that of both sides.
    `step` is the smallest effect of interest. Two people have only each other.
    """
    nodes = design.nodes
    n = design.by_node(np.ones(len(design.values)))
    weights = np.zeros((nodes, nodes))
    for group in range(int(design.component.max(initial=-1)) + 1):
        inside = np.flatnonzero((design.component == group) & (n > 0))
        people = np.unique(owner[inside])
        if len(people) < 2:
            continue
        if len(people) == 2:
            for node in inside.tolist():
                other = inside[owner[inside] != owner[node]]
                weights[node, other] = n[other] / n[other].sum()
            continue
        # Everybody counts once, whoever drew most, with the mean of all their segments.
        whole = np.bincount(owner[inside], weights=n[inside], minlength=int(owner.max()) + 1)
        total = np.bincount(owner[inside], weights=n[inside] * found.effect[inside], minlength=len(whole))
        mean = total[people] / whole[people]
        judges = whole[people] >= FEWEST_VALUES
        judges |= np.count_nonzero(judges) < 3
        distance = np.abs(mean - np.median(mean[judges]))
        near = judges & (distance <= step / 2.0)
        between = not near.any()  # an even number, and the middle lies in a gap
        if between:
            near = judges & (distance <= distance[judges].min() * (1.0 + 1e-9))
        for node in inside.tolist():
            # In a gap both sides count, also the person's own: else one half would be judged by the other.
            chosen = near if between else near & (people != owner[node])
            own = inside[np.isin(owner[inside], people[chosen])]
            if len(own):
                weights[node, own] = n[own] / whole[owner[own]] / np.count_nonzero(chosen)
    return weights


def contrasts(design: Design, found: Fit, owner: Ints, part: Ints, weights: Floats, confidence: float) -> list[Effect]:
    """Compare each node with the weighted mean of others, with an interval that respects clusters.

    Who differs is named only where more than half of the others are closer to the reference than two thirds of the
    difference: among people who all draw differently no one is right.
    """
    covariance, clusters = spread_of_effects(design, found)
    n = design.by_node(np.ones(len(design.values)))
    rows = []
    for node in range(design.nodes):
        if n[node] == 0:
            continue
        contrast = -weights[node]
        contrast[node] += 1.0
        compared = weights[node].any()
        value = float(contrast @ found.effect) if compared else 0.0
        error = math.sqrt(max(float(contrast @ covariance @ contrast), 0.0))
        freedom = max(float(clusters[node]) - 1.0, 1.0)
        people = np.unique(owner[(design.component == design.component[node]) & (n > 0)])
        reason = None
        if not compared:
            reason = "is_reference"
        elif len(people) == 2:
            reason = "two_annotators"
        elif n[node] < FEWEST_VALUES or clusters[node] < FEWEST_CLUSTERS:
            reason = "too_few"
        elif not _common(found.effect, design.component, owner, n, node, value):
            reason = "no_common_reference"
        if not compared or clusters[node] < 2.0:
            low = high = p_value = math.nan
        else:
            reach = t_quantile(confidence, freedom) * error
            low, high = value - reach, value + reach
            p_value = min(1.0, 2.0 * t_tail(abs(value) / max(error, 1e-12), freedom))
        rows.append(
            Effect(node, int(owner[node]), int(part[node]), int(n[node]), value, error, low, high, p_value, reason)
        )
    return rows


def _common(effect: Floats, component: Ints, owner: Ints, n: Floats, node: int, value: float) -> bool:
    """Say whether more than half of the other people are clearly closer to the reference: by a third or more."""
    reference = effect[node] - value
    inside = (component == component[node]) & (n > 0) & (owner != owner[node])
    weight = np.bincount(owner[inside], weights=n[inside])
    mean = np.bincount(owner[inside], weights=n[inside] * effect[inside]) / np.maximum(weight, 1.0)
    off = np.abs(mean - reference)[weight > 0]
    return bool(np.count_nonzero(off < abs(value) / 1.5) * 2 > len(off))
