"""With whom people are compared: with those in the middle, as they are in the same weeks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .twoway import Design, Fit, Floats, Ints

__all__ = ["FEWEST_VALUES", "References", "references"]

#: Fewest values of which somebody is judged, or by which somebody helps to judge others.
FEWEST_VALUES = 10


@dataclass(frozen=True)
class References:
    """People and those they are compared with, epoch by epoch: runs of weeks in which nobody changes.

    `epoch` numbers the epoch of each week, at the end (week -1) that of values without a week; `first` is the first
    week of each (-1: without). `own` (person, epoch, node) says which node a person is then; `middle` the weights of
    the nodes they are compared with (their own, where they are in the middle alone; zeros: nobody); `count` (person,
    epoch) counts their values, `share` (node, epoch) which part of a node's values is of the epoch.
    """

    epoch: Ints
    first: Ints
    own: Floats
    middle: Floats
    count: Floats
    share: Floats
    group: Ints

    def of_nodes(self, owner: Ints) -> Floats:
        """Return per node (row) the weights of the nodes it is compared with, over its epochs by their values."""
        weights = np.zeros((len(owner), len(owner)))
        for epoch in range(len(self.first)):
            weights += self.share[:, epoch, None] * self.middle[owner, epoch]
        return weights

    def of_weeks(self, effect: Floats) -> Floats:
        """Return the effect with which a person (row) is compared in a week (column, the last: without a week)."""
        table: Floats = (self.middle @ effect)[:, self.epoch]
        return table

    def others(self, person: int) -> Ints:
        """Return who else has lesions in common with somebody, directly or through others."""
        found: Ints = np.flatnonzero((self.group == self.group[person]) & (np.arange(len(self.group)) != person))
        return found

    def alone(self, person: int, node: int) -> bool:
        """Say whether a person is in the middle alone, in all epochs of a node."""
        at = self.share[node] > 0
        return bool((self.middle[person, at] == self.own[person, at]).all())

    def common(self, effect: Floats, person: int, node: int, value: float, step: float) -> bool:
        """Say whether somebody can be named for a level: in every epoch, and not for what another one changed.

        More than half of the others are clearly closer to the reference, by a third or more. Where it moves, the
        person differs by a step, in the same direction, before and after.
        """
        epochs = np.flatnonzero(self.count[person] * (self.share[node] > 0) >= FEWEST_VALUES)
        if not len(epochs):
            epochs = np.flatnonzero(self.share[node] > 0)
        others = self.others(person)
        for epoch in epochs.tolist():
            reference = float(self.middle[person, epoch] @ effect)
            then = float(effect[node]) - reference
            off = np.abs(self.own[others, epoch] @ effect - reference)
            if np.count_nonzero(off < abs(then) / 1.5) * 2 <= len(off):
                return False
            if len(epochs) > 1 and abs(value) >= step > then * np.sign(value):
                return False
        return True

    def unmoved(self, effect: Floats, person: int, before: int, after: int) -> bool:
        """Say whether a change is that of the person: more of those there before and after stay than go along.

        Who moves by less than two thirds of the change stays: at least two others, more than half of them, and more
        than change the same way, the person included.
        """
        change = float(effect[after] - effect[before])
        others = self.others(person)
        there = [(self.count[others] * (self.share[node] > 0)).sum(axis=1) for node in (before, after)]
        others = others[np.minimum(*there) >= FEWEST_VALUES]
        moved = (self.own[others] @ effect) @ (self.share[after] - self.share[before])
        stay = np.abs(moved) < abs(change) / 1.5
        along = 1 + np.count_nonzero(~stay & (np.sign(moved) == np.sign(change)))
        many = np.count_nonzero(stay)
        return bool(many >= 2 and 2 * many > len(others) and many > along)


def references(
    design: Design, found: Fit, owner: Ints, part: Ints, starts: list[list[int]], weeks: int, step: float
) -> References:
    """Find those with whom people are compared, in each epoch.

    The reference is the mean of those who lie within half a step of the median annotator then, everybody once, without
    the person judged; where the middle lies in a gap, that of both sides. `step` is the smallest effect of interest.
    Who draws nothing in an epoch counts as in their segment around it. Two people have only each other.
    """
    values, people, nodes = design.values, len(starts), design.nodes
    bounds = np.array(sorted({0, *(start for own in starts for start in own)}), dtype=np.int64)
    epoch = np.searchsorted(bounds, np.arange(weeks + 1), side="right") - 1
    if len(bounds) > 1:
        # What has no week is compared with what has none.
        bounds = np.append(bounds, -1)
        epoch[weeks] = len(bounds) - 1
    epochs = len(bounds)
    n = design.by_node(np.ones(len(values)))
    of_value = epoch[values.week]
    count = np.bincount(values.who * epochs + of_value, minlength=people * epochs).reshape(people, epochs)
    share = np.bincount(design.node * epochs + of_value, minlength=nodes * epochs).reshape(nodes, epochs)
    own = np.zeros((people, epochs, nodes))
    group = np.full(people, -1, dtype=np.int64)
    for person, starting in enumerate(starts):
        mine = np.flatnonzero((owner == person) & (n > 0))
        if not len(mine):
            continue
        group[person] = design.component[mine[0]]
        for number, first in enumerate(bounds.tolist()):
            place = -1 if first < 0 else int(np.searchsorted(starting, first, side="right")) - 1
            then = mine[part[mine] == place]
            then = then if len(then) else mine
            own[person, number, then] = n[then] / n[then].sum()
    middle = np.zeros_like(own)
    for number in range(int(group.max(initial=-1)) + 1):
        inside = np.flatnonzero(group == number)
        if len(inside) == 2:
            middle[inside] = own[inside[::-1]]
            continue
        for at in range(epochs):
            # Everybody counts once, whoever drew most.
            mean, known = own[inside, at] @ found.effect, own[inside, at] @ n
            judges = known >= FEWEST_VALUES
            judges |= np.count_nonzero(judges) < 3
            distance = np.abs(mean - np.median(mean[judges]))
            near = judges & (distance <= step / 2.0)
            between = not near.any()  # an even number, and the middle lies in a gap
            if between:
                near = judges & (distance <= distance[judges].min() * (1.0 + 1e-9))
            many = int(np.count_nonzero(near))
            total = own[inside[near], at].sum(axis=0)
            for person, mine in zip(inside.tolist(), near.tolist(), strict=True):
                # In a gap both sides count, also the person's own: else one half would be judged by the other.
                if between or not mine:
                    middle[person, at] = total / many
                else:
                    middle[person, at] = (total - own[person, at]) / (many - 1) if many > 1 else own[person, at]
    return References(epoch, bounds, own, middle, count.astype(np.float64), share / np.maximum(n, 1.0)[:, None], group)
