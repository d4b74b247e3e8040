"""Who draws how, apart from what was drawn: value = lesion + person + noise, fitted robustly.

With three people of whom one draws wide, the other two look tight against a majority that holds the wide one. In a
model with an effect of each lesion and each person nobody's habit leaks into the values of the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Fit", "Values", "components", "fit", "spread_of_effects"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Huber's constant: 95 % efficient on normal noise.
HUBER = 1.345
#: The median absolute deviation of normal noise, inverted.
MAD = 1.4826
MOST_ROUNDS = 50


@dataclass(frozen=True)
class Values:
    """One number per region (or annotation) that somebody drew, on a lesion (or task) that others drew too.

    Sorted by lesion. `row` is the row of the region or annotation; `who`, `week` (-1: unknown) and `cluster` number
    annotators, weeks and clusters (patients); `size` says how many values the lesion has.
    """

    lesion: Ints
    who: Ints
    week: Ints
    cluster: Ints
    value: Floats
    row: Ints
    size: Floats

    @classmethod
    def of(cls, lesion: Ints, who: Ints, week: Ints, cluster: Ints, value: Floats, row: Ints) -> Values:
        """Keep finite values of lesions (numbers from 0; negative: none) that at least two people have."""
        keep = np.flatnonzero((lesion >= 0) & np.isfinite(value))
        count = np.bincount(lesion[keep]) if len(keep) else np.empty(0, dtype=np.int64)
        keep = keep[count[lesion[keep]] >= 2]
        keep = keep[np.lexsort((who[keep], lesion[keep]))]
        size = count[lesion[keep]].astype(np.float64)
        new = np.concatenate((np.zeros(min(len(keep), 1), dtype=np.int64), np.diff(lesion[keep]) != 0)).cumsum()
        return cls(new, who[keep], week[keep], cluster[keep], value[keep], row[keep], size)

    def __len__(self) -> int:
        return len(self.value)


@dataclass(frozen=True)
class Fit:
    """Effects of the nodes (a person, or a person in some weeks), and what is left of each value.

    Within a component of nodes that share lesions, effects are known up to a common number; they sum to 0 here.
    """

    effect: Floats
    residual: Floats
    weight: Floats
    deviation: Floats
    scale: float


def fit(values: Values, node: Ints, nodes: int, *, start: Floats | None = None) -> Fit:
    """Fit effects of `nodes` by Huber's iteratively reweighted least squares, the lesions eliminated.

    `start` holds weights of the values to begin with. `deviation` of the result is each value against what the others
    of its lesion say of it, their effects and its own taken away. O(values) per round.
    """
    lesions = int(values.lesion[-1]) + 1 if len(values) else 0
    leverage = np.sqrt(1.0 - 1.0 / values.size)
    weight = np.ones(len(values)) if start is None else start
    effect, scale = np.zeros(nodes), 0.0
    tie = _ties(components(_shared(values, node, nodes, np.ones(len(values)))))
    total = np.bincount(values.lesion, weights=weight, minlength=lesions)
    residual = np.zeros(len(values))
    for round_ in range(MOST_ROUNDS):
        mean = np.bincount(values.lesion, weights=weight * values.value, minlength=lesions) / total
        right = np.bincount(node, weights=weight * (values.value - mean[values.lesion]), minlength=nodes)
        before, effect = effect, np.linalg.solve(_normal(values, node, nodes, weight, total) + tie, right)
        own = values.value - effect[node]
        level = np.bincount(values.lesion, weights=weight * own, minlength=lesions) / total
        residual = own - level[values.lesion]
        if len(values) and round_ < 5:
            # Kept from then on, so that the rounds end.
            scale = max(MAD * float(np.median(np.abs(residual / leverage))), 1e-9)
        weight = _huber(residual / leverage, scale)
        total = np.bincount(values.lesion, weights=weight, minlength=lesions)
        if round_ >= 5 and np.abs(effect - before).max(initial=0.0) < 1e-4 * scale / max(lesions, 1) ** 0.5:
            break
    # Weights and residuals that belong together: the level once more under the last weights.
    own = values.value - effect[node]
    level = np.bincount(values.lesion, weights=weight * own, minlength=lesions) / total
    residual = own - level[values.lesion]
    others = total[values.lesion]
    return Fit(effect, residual, weight, residual * others / (others - weight), scale)


def _huber(residual: Floats, scale: float) -> Floats:
    found: Floats = np.minimum(1.0, HUBER * scale / np.maximum(np.abs(residual), 1e-300))
    # Never nothing: what the others of a lesion say is divided by their weight.
    return np.maximum(found, 1e-6)


def _shared(values: Values, node: Ints, nodes: int, amount: Floats) -> Floats:
    """Sum a product of amounts over all pairs of different values of a lesion, by their nodes: a square table."""
    found = np.zeros((nodes, nodes))
    longest = int(values.size.max(initial=1.0))
    for shift in range(1, longest):
        at = np.flatnonzero(values.lesion[shift:] == values.lesion[:-shift])
        a, b = node[at], node[at + shift]
        weights = amount[at] * amount[at + shift]
        found += np.bincount(a * nodes + b, weights=weights, minlength=nodes * nodes).reshape(nodes, nodes)
    found += found.T
    return found


def _normal(values: Values, node: Ints, nodes: int, weight: Floats, total: Floats) -> Floats:
    """Return the matrix of the normal equations after the lesions are eliminated."""
    share = weight / np.sqrt(np.maximum(total, 1e-300)[values.lesion])
    own = np.bincount(node, weights=weight - share**2, minlength=nodes)
    return np.diag(own) - _shared(values, node, nodes, share)


def components(shared: Floats) -> Ints:
    """Number the groups of nodes that are connected, directly or through others; by their first node."""
    nodes = len(shared)
    label = np.arange(nodes)
    linked = (shared > 0) | np.eye(nodes, dtype=np.bool_)
    while True:
        lowest = np.where(linked, label[None, :], nodes).min(axis=1, initial=nodes)
        if (lowest == label).all():
            break
        label = lowest
    found: Ints = np.unique(label, return_inverse=True)[1]
    return found


def _ties(component: Ints) -> Floats:
    """Make the sum of effects of each component 0: the one number that the lesions cannot tell."""
    same = component[:, None] == component[None, :]
    found: Floats = same / np.maximum(same.sum(axis=1), 1)
    return found


def spread_of_effects(values: Values, node: Ints, nodes: int, found: Fit) -> tuple[Floats, Floats, Ints]:
    """Return covariance of the effects, effective clusters per node, and the component of each.

    The sandwich estimator with clusters: what scatters independently are patients, not regions. The bread is the
    derivative of Huber's function, not its weights (Huber 1981, section 7.6).
    """
    leverage = np.sqrt(1.0 - 1.0 / values.size)
    inner = np.abs(found.residual / leverage) <= HUBER * found.scale
    slope = np.where(inner, 1.0, 1e-3)
    lesions = int(values.lesion[-1]) + 1 if len(values) else 0
    total = np.bincount(values.lesion, weights=slope, minlength=lesions)
    component = components(_shared(values, node, nodes, np.ones(len(values))))
    bread = np.linalg.inv(_normal(values, node, nodes, slope, total) + _ties(component)) if nodes else np.zeros((0, 0))
    # Sums of the scores per cluster and node.
    clusters = int(values.cluster.max(initial=-1)) + 1
    key, code = np.unique(values.cluster * nodes + node, return_inverse=True)
    score = np.bincount(code, weights=found.weight * found.residual, minlength=len(key))
    size = np.bincount(code, weights=found.weight, minlength=len(key))
    cluster, at = (key // max(nodes, 1)).astype(np.int64), (key % max(nodes, 1)).astype(np.int64)
    meat = np.zeros((nodes, nodes))
    step = max(1, 2_000_000 // max(nodes, 1))
    for first in range(0, clusters, step):
        begin, end = np.searchsorted(cluster, [first, first + step])
        block = np.zeros((min(step, clusters - first), nodes))
        block[cluster[begin:end] - first, at[begin:end]] = score[begin:end]
        meat += block.T @ block
    many = np.bincount(at, weights=size, minlength=nodes) ** 2
    effective = many / np.maximum(np.bincount(at, weights=size**2, minlength=nodes), 1e-300)
    return bread @ meat @ bread * (clusters / max(clusters - 1, 1)), effective, component
