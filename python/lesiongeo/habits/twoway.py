"""Who draws how, apart from what was drawn: value = lesion + person + noise, fitted robustly.

With three people of whom one draws wide, the other two look tight against a majority that holds the wide one. In a
model with an effect of each lesion and each person nobody's habit leaks into the values of the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "HUBER",
    "MAD",
    "Design",
    "Fit",
    "Floats",
    "Ints",
    "Values",
    "components",
    "fit",
    "nodes_connected",
    "spread_of_effects",
]

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

    def thinned(self, most: int) -> Values:
        """Return every k-th lesion, so that not many more than `most` values are left."""
        keep = self.lesion % max(1, -(-len(self) // most)) == 0
        if keep.all():
            return self
        columns = (self.lesion, self.who, self.week, self.cluster, self.value, self.row)
        return Values.of(*(column[keep] for column in columns))

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


class Design:
    """Which node each value belongs to, prepared for sums over lesions and over pairs of values of a lesion."""

    def __init__(self, values: Values, node: Ints, nodes: int) -> None:
        self.values, self.node, self.nodes = values, node, nodes
        self.first = np.flatnonzero(np.diff(values.lesion, prepend=-1))
        self.lesions = len(self.first)
        self.pairs: list[tuple[Ints | slice, Ints | slice, Ints]] = []
        for shift in range(1, int(values.size.max(initial=1.0))):
            at = np.flatnonzero(values.lesion[shift:] == values.lesion[:-shift])
            self.pairs.append((at, at + shift, node[at] * nodes + node[at + shift]))
        self.component = components(self.shared(np.ones(len(values))))
        # The sum of effects of each component is 0: the one number that the lesions cannot tell.
        same = self.component[:, None] == self.component[None, :]
        self.tie: Floats = same / np.maximum(same.sum(axis=1), 1)

    def by_lesion(self, amount: Floats) -> Floats:
        """Sum an amount over the values of each lesion."""
        return np.add.reduceat(amount, self.first) if self.lesions else np.zeros(0)

    def by_node(self, amount: Floats) -> Floats:
        """Sum an amount over the values of each node."""
        found: Floats = np.bincount(self.node, weights=amount, minlength=self.nodes).astype(np.float64)
        return found

    def shared(self, amount: Floats) -> Floats:
        """Sum a product of amounts over all pairs of different values of a lesion, by their nodes: a square table."""
        found = np.zeros(self.nodes * self.nodes)
        for a, b, code in self.pairs:
            found += np.bincount(code, weights=amount[a] * amount[b], minlength=len(found))
        table = found.reshape(self.nodes, self.nodes)
        both: Floats = table + table.T
        return both

    def normal(self, weight: Floats, total: Floats) -> Floats:
        """Return the matrix of the normal equations after the lesions are eliminated, with the tie."""
        share = weight / np.sqrt(np.maximum(total, 1e-300))[self.values.lesion]
        matrix: Floats = np.diag(self.by_node(weight - share * share)) - self.shared(share) + self.tie
        return matrix


def fit(design: Design, *, start: Floats | None = None) -> Fit:
    """Fit effects of the nodes by Huber's iteratively reweighted least squares, the lesions eliminated.

    `start` holds weights of the values to begin with. `deviation` of the result is each value against what the others
    of its lesion say of it, their effects and its own taken away. O(values) per round.
    """
    values, lesion, node = design.values, design.values.lesion, design.node
    leverage = np.sqrt(1.0 - 1.0 / values.size)
    weight = np.ones(len(values)) if start is None else start
    effect: Floats = np.zeros(design.nodes)
    scale = 0.0
    residual = np.zeros(len(values))
    total = design.by_lesion(weight)
    for round_ in range(MOST_ROUNDS if len(values) else 0):
        mean = design.by_lesion(weight * values.value) / total
        right = design.by_node(weight * (values.value - mean[lesion]))
        before = effect
        effect = np.linalg.solve(design.normal(weight, total), right).astype(np.float64)
        own = values.value - effect[node]
        residual = own - (design.by_lesion(weight * own) / total)[lesion]
        scaled = np.abs(residual / leverage)
        if round_ < 4:
            # Kept from then on, so that the rounds end.
            scale = max(MAD * float(np.median(scaled)), 1e-9)
        # Never nothing: what the others of a lesion say is divided by their weight.
        weight = np.clip(HUBER * scale / np.maximum(scaled, 1e-300), 1e-6, 1.0)
        total = design.by_lesion(weight)
        # A few hundredths of what the smallest standard error can be.
        if round_ >= 4 and np.abs(effect - before).max() < 0.03 * scale / design.lesions**0.5:
            break
    # Weights and residuals that belong together: the level once more under the last weights.
    own = values.value - effect[node]
    residual = own - (design.by_lesion(weight * own) / total)[lesion]
    others = total[lesion]
    return Fit(effect, residual, weight, residual * others / (others - weight), scale)


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


def nodes_connected(design: Design, owner: Ints) -> bool:
    """Say whether all nodes of each person that have values lie in one component."""
    drawn = design.by_node(np.ones(len(design.values))) > 0
    pairs = np.unique(np.stack([owner[drawn], design.component[drawn]]), axis=1)
    return bool(len(np.unique(pairs[0])) == pairs.shape[1])


def spread_of_effects(design: Design, found: Fit) -> tuple[Floats, Floats]:
    """Return the covariance of the effects, and the effective number of clusters of each node.

    The sandwich estimator with clusters: what scatters independently are patients, not regions. The bread is the
    derivative of Huber's function, not its weights (Huber 1981, section 7.6).
    """
    values, nodes = design.values, design.nodes
    inner = np.abs(found.residual) <= HUBER * found.scale * np.sqrt(1.0 - 1.0 / values.size)
    slope = np.where(inner, 1.0, 1e-3)
    if not nodes:
        return np.zeros((0, 0)), np.zeros(0)
    bread = np.linalg.inv(design.normal(slope, design.by_lesion(slope)))
    # Sums of the scores per cluster and node.
    clusters = int(values.cluster.max(initial=-1)) + 1
    key, code = np.unique(values.cluster * nodes + design.node, return_inverse=True)
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
    return bread @ meat @ bread * (clusters / max(clusters - 1, 1)), effective
