"""Parts of the noise: of one outline on its page, between visits, and of people, from the logarithms of areas."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...habits.twoway import Design, Values

__all__ = [
    "LEAST_FREEDOM",
    "Fitted",
    "Outlines",
    "Part",
    "Repeats",
    "of_outlines",
    "of_repeats",
    "of_visits",
    "people_spread",
]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Degrees of freedom from which a class of sizes stands alone, and from which there is an estimate at all.
LEAST_CLASS: Final = 20
LEAST_FREEDOM: Final = 5
#: Outlines of every person in a class from which their habits are estimated in it, not in all classes together.
LEAST_OUTLINES: Final = 10
#: Habits among more people are part of the noise: their table would have a million entries.
MOST_PEOPLE: Final = 1000
#: Outlines of one lesion that are compared each with each; more are sorted.
MOST_COMPARED: Final = 8


@dataclass(frozen=True, slots=True)
class Outlines:
    """One entry per outline.

    Attributes
    ----------
    lesion : ndarray of int64, shape (n,)
        Equal numbers: the same lesion on the same page.
    annotator : ndarray of int64, shape (n,)
        Who drew it.
    log_area : ndarray of float64, shape (n,)
        ln(area in px2); what is not finite is left out.
    page : ndarray of int64, shape (n,)
        Where it was drawn: what a person drew on one page may be off together.
    track, visit : ndarray of int64, shape (n,)
        The same for all outlines of a lesion; track -1: unknown.
    """

    lesion: Ints
    annotator: Ints
    log_area: Floats
    page: Ints
    track: Ints
    visit: Ints

    def __len__(self) -> int:
        return len(self.lesion)

    def take(self, rows: NDArray[np.integer]) -> Outlines:
        """Return some of them."""
        return Outlines(
            self.lesion[rows],
            self.annotator[rows],
            self.log_area[rows],
            self.page[rows],
            self.track[rows],
            self.visit[rows],
        )

    def compared(self) -> Outlines:
        """Return those of lesions that several people drew on their own, by lesion and person, lesions from 0.

        Equal areas to the last digit are copies (an accepted prediction, say) and count once.
        """
        rows = np.flatnonzero(np.isfinite(self.log_area) & (self.lesion >= 0))
        lesion, who = self.lesion[rows], self.annotator[rows]
        step = np.diff(lesion)
        if ((step < 0) | ((step == 0) & (np.diff(who) < 0))).any():
            rows = rows[np.lexsort((rows, who, lesion))]
        found = self.take(rows)
        again = np.zeros(len(rows), dtype=np.bool_)
        again[1:] = (np.diff(found.lesion) == 0) & (np.diff(found.annotator) == 0)
        found = found.take(np.flatnonzero(~again & ~_copies(found.lesion, found.log_area)))
        number = _numbered(found.lesion)
        several = (np.bincount(number) > 1)[number] if len(number) else np.zeros(0, dtype=np.bool_)
        return _renumbered(found.take(np.flatnonzero(several)))


@dataclass(frozen=True, slots=True)
class Repeats:
    """Pairs of outlines of one lesion on one page by one person.

    `log_ratio` and `size` (mean ln(area in px2)) have shape (n,).
    """

    log_ratio: Floats
    size: Floats


@dataclass(frozen=True, slots=True)
class Part:
    """A variance by class of sizes.

    Attributes
    ----------
    low, high : ndarray of float64, shape (k,)
        Bounds of the classes in px2, those of the classes with too few outlines joined to their neighbours.
    size : ndarray of float64, shape (k,)
        Mean ln(area in px2).
    variance, freedom : ndarray of float64, shape (k,)
        Of ln(area), with its degrees of freedom.
    lesions : ndarray of int64, shape (k,)
        How many lesions (pairs of visits, pairs of outlines) tell it.
    """

    low: Floats
    high: Floats
    size: Floats
    variance: Floats
    freedom: Floats
    lesions: Ints

    @property
    def total(self) -> float:
        """Degrees of freedom of all classes."""
        return float(self.freedom.sum())


@dataclass(frozen=True, slots=True)
class Fitted:
    """Effects of people in ln(area), what they cost, and the shape of their covariance (times the variance)."""

    effect: Floats
    team: Ints
    shape: Floats
    drawn: Floats
    spent: float

    def enough(self, overall: Fitted) -> bool:
        """Say whether everybody drew enough here, and is as connected as in all lesions."""
        there = overall.drawn > 0
        known = bool((self.drawn[there] >= LEAST_OUTLINES).all())
        return known and len(np.unique(self.team[there])) == len(np.unique(overall.team[there]))


def of_outlines(outlines: Outlines, people: int, bounds: Floats) -> tuple[Part, list[Fitted], Fitted | None]:
    """Estimate what is left of areas after lesions and people; and the people of each class and of all together.

    `outlines` is what `Outlines.compared` returns. The model is ln(area) = lesion on its page + person + noise, by
    least squares.
    """
    lesions = int(outlines.lesion.max(initial=-1)) + 1
    count = np.bincount(outlines.lesion, minlength=lesions).astype(np.float64)
    size = np.bincount(outlines.lesion, weights=outlines.log_area, minlength=lesions) / np.maximum(count, 1.0)
    several = people <= MOST_PEOPLE
    overall = _fit(outlines, count, people) if several and lesions else None
    per_person = overall.spent / max(float((count - 1.0).sum()), 1.0) if overall else 0.0
    kind, low, high = _classes(size, (count - 1.0) * (1.0 - per_person), bounds)
    mean, variance, freedom, number = [], [], [], []
    fits: list[Fitted] = []
    scaled = np.zeros(len(outlines))
    for one in range(len(low)):
        chosen = kind == one
        rows = np.flatnonzero(chosen[outlines.lesion])
        own = _renumbered(outlines.take(rows))
        left = float((count[chosen] - 1.0).sum())
        if overall is None:
            residual, spent = _centred(own, own.log_area), 0.0
        else:
            fitted = _fit(own, count[chosen], people) if len(low) > 1 else overall
            if not fitted.enough(overall):
                fitted = overall
            fits.append(fitted)
            residual = _centred(own, own.log_area - fitted.effect[own.annotator])
            spent = fitted.spent if fitted is not overall else per_person * left
        mean.append(float(size[chosen].mean()))
        freedom.append(left - spent)
        variance.append(float(residual @ residual) / max(left - spent, 1e-9))
        number.append(int(chosen.sum()))
        scaled[rows] = residual / math.sqrt(max(variance[-1], 1e-300))
    alike = _alike(outlines.page, outlines.annotator, people, scaled)
    # Where people are fitted, so is the mean of what they were off by on each of their pages.
    larger = 1.0 + alike.share / max(alike.clusters - 1.0, 1.0) if overall is not None else 1.0
    part = Part(
        low,
        high,
        np.array(mean),
        np.array(variance) * larger,
        np.array(freedom) / alike.cost,
        np.array(number, dtype=np.int64),
    )
    return part, fits, overall


def of_visits(outlines: Outlines, people: int, bounds: Floats) -> Part:
    """Estimate the noise of one outline between visits: from how people differ about the same change.

    If two people draw a lesion on two visits, the difference of their ln(area now / area then) holds neither what
    grew nor their habits, nor how each of them sees this lesion; only what each of four outlines has by itself. Of
    each track consecutive visits are taken; a person whose areas are equal to the last digit copied the outline.
    Overlapping pairs of visits count for less: of k in a row 2 k^2 / (3 k - 1) (differences of neighbours, von Neumann
    1941).
    """
    tracked = outlines.take(np.flatnonzero(outlines.track >= 0))
    order = np.lexsort((tracked.annotator, tracked.lesion, tracked.visit, tracked.track))
    tracked = tracked.take(order)
    begin = np.flatnonzero(np.diff(tracked.lesion, prepend=-1) != 0)
    seen = np.cumsum(np.diff(tracked.lesion, prepend=-1) != 0) - 1
    track, visit = tracked.track[begin], tracked.visit[begin]
    # A track that was drawn in two parts on a visit has no area that could be compared.
    twice = np.zeros(len(begin), dtype=np.bool_)
    equal = (np.diff(track) == 0) & (np.diff(visit) == 0)
    twice[1:] |= equal
    twice[:-1] |= equal
    follows = np.zeros(len(begin), dtype=np.bool_)
    follows[:-1] = (np.diff(track) == 0) & ~twice[1:] & ~twice[:-1]
    key = seen * people + tracked.annotator
    wanted = np.where(follows[seen], key + people, -1)
    place = np.minimum(np.searchsorted(key, wanted), max(len(key) - 1, 0))
    both = np.flatnonzero(key[place] == wanted) if len(key) else place
    change = tracked.log_area[place[both]] - tracked.log_area[both]
    both, change = both[change != 0.0], change[change != 0.0]
    pair = seen[both]
    count = np.bincount(pair, minlength=len(begin)).astype(np.float64)
    several = count > 1
    off = change - _means(pair, change, count)
    squares = np.bincount(pair, weights=off**2, minlength=len(begin))
    level = (tracked.log_area[place[both]] + tracked.log_area[both]) / 2.0
    size = np.bincount(pair, weights=level, minlength=len(begin)) / np.maximum(count, 1.0)
    track, size, squares, own = track[several], size[several], squares[several], count[several] - 1.0
    _, number, chained = np.unique(track, return_inverse=True, return_counts=True)
    freedom = own * (2.0 * chained / (3.0 * chained - 1.0))[number]
    kind, low, high = _classes(size, freedom, bounds)
    sums = [np.bincount(kind, weights=what, minlength=len(low)) for what in (size, squares / 2.0, own, freedom)]
    lesions = np.bincount(kind, minlength=len(low))
    mean, variance = sums[0] / np.maximum(lesions, 1), sums[1] / np.maximum(sums[2], 1e-9)
    of_pair = np.zeros(len(begin), dtype=np.int64)
    of_pair[several] = kind
    use = several[pair]
    scaled = off[use] / np.sqrt(np.maximum(variance, 1e-300))[of_pair[pair[use]]]
    alike = _alike(tracked.page[both[use]], tracked.annotator[both[use]], people, scaled)
    return Part(low, high, mean, variance, sums[3] / alike.cost, lesions)


def of_repeats(repeats: Repeats, bounds: Floats) -> Part:
    """Estimate the noise of one outline from repeats: half the mean square of ln(area again / area before)."""
    use = np.isfinite(repeats.log_ratio) & np.isfinite(repeats.size) & (repeats.log_ratio != 0.0)
    change, size = repeats.log_ratio[use], repeats.size[use]
    # By value: the last digit of a sum must not depend on the order of regions in the file.
    order = np.lexsort((change, size))
    change, size = change[order], size[order]
    kind, low, high = _classes(size, np.ones(len(size)), bounds)
    count = np.bincount(kind, minlength=len(low))
    each = np.maximum(count, 1)
    variance = np.bincount(kind, weights=change**2 / 2.0, minlength=len(low)) / each
    mean = np.bincount(kind, weights=size, minlength=len(low)) / each
    return Part(low, high, mean, variance, count.astype(np.float64), count)


def people_spread(fit: Fitted, variance: float) -> tuple[float, float]:
    """Return the variance of habits between people, never below 0, and its degrees of freedom.

    Of all lesions together; `variance` is that of an outline, which explains some of the scatter of the effects.
    """
    there = fit.drawn > 0
    team = fit.team[there]
    count = np.bincount(team)[team]
    freedom = float(there.sum() - len(np.unique(team)))
    if freedom <= 0:
        return math.nan, 0.0
    # Effects of a team have the mean 0, and so has their covariance.
    squares = float((fit.effect[there][count > 1] ** 2).sum())
    chance = variance * float(np.diag(fit.shape)[there].sum())
    return max(0.0, (squares - chance) / freedom), freedom


def _fit(outlines: Outlines, count: Floats, people: int) -> Fitted:
    none = np.full(len(outlines), -1, dtype=np.int64)
    rows = np.arange(len(outlines), dtype=np.int64)
    sizes = count[outlines.lesion]
    values = Values(outlines.lesion, outlines.annotator, none, none, outlines.log_area, rows, sizes)
    design = Design(values, outlines.annotator, people)
    matrix = design.normal(np.ones(len(outlines)), count)
    right = design.by_node(_centred(outlines, outlines.log_area))
    inverse = np.linalg.inv(matrix)
    drawn = design.by_node(np.ones(len(outlines)))
    there = drawn > 0
    teams = len(np.unique(design.component[there]))
    effect = inverse @ right
    return Fitted(effect, design.component, inverse - design.tie, drawn, float(there.sum() - teams))


def _classes(size: Floats, freedom: Floats, bounds: Floats) -> tuple[Ints, Floats, Floats]:
    """Put sizes into classes that have enough degrees of freedom each: from the smallest on, joined to the next one."""
    edges = np.concatenate(([0.0], bounds, [math.inf]))
    kind = np.searchsorted(np.log(bounds), size, side="right")
    amount = np.bincount(kind, weights=freedom, minlength=len(edges) - 1)
    if not len(size):
        return kind, np.zeros(0), np.zeros(0)
    ends, collected = [], 0.0
    for one, more in enumerate(amount.tolist()):
        collected += more
        if collected >= LEAST_CLASS:
            ends.append(one)
            collected = 0.0
    # What is left over at the end joins the last one.
    ends = [*ends[:-1], len(amount) - 1] if ends else [len(amount) - 1]
    joined = np.searchsorted(np.array(ends), np.arange(len(amount)))
    high = edges[np.array(ends) + 1]
    return joined[kind].astype(np.int64), np.concatenate(([0.0], high[:-1])), high


class _Alike(NamedTuple):
    """How alike values of one cluster are: their correlation, what it costs of the degrees of freedom, clusters."""

    share: float
    cost: float
    clusters: float


def _alike(page: Ints, annotator: Ints, people: int, scaled: Floats) -> _Alike:
    """Compare what a person drew on one page: a page that was zoomed or lit otherwise makes all of it larger.

    With correlation r in clusters of m values, a variance has 1 + (m - 1) r^2 times fewer degrees of freedom.
    """
    cluster = page * people + annotator
    if cluster.max(initial=0) > 8 * len(cluster):
        cluster = np.unique(cluster, return_inverse=True)[1]
    count = np.bincount(cluster).astype(np.float64)
    pairs = float((count * (count - 1.0)).sum())
    square = float(scaled @ scaled)
    if pairs <= 0.0 or square <= 0.0:
        return _Alike(0.0, 1.0, math.inf)
    sums = np.bincount(cluster, weights=scaled)
    share = (float(sums @ sums) - square) / pairs / (square / len(scaled))
    share = min(max(share, 0.0), 1.0)
    typical = float(count @ count) / len(scaled)
    pages = len(scaled) / typical / max(len(np.unique(annotator)), 1)
    return _Alike(share, 1.0 + (typical - 1.0) * share**2, pages)


def _numbered(lesion: Ints) -> Ints:
    """Number equal neighbours from 0."""
    found: Ints = np.cumsum(np.diff(lesion, prepend=lesion[:1]) != 0)
    return found


def _renumbered(outlines: Outlines) -> Outlines:
    return replace(outlines, lesion=_numbered(outlines.lesion))


def _copies(lesion: Ints, log_area: Floats) -> NDArray[np.bool_]:
    """Mark what is equal to another one of its lesion; the first of them is none. Lesions are sorted."""
    found = np.zeros(len(lesion), dtype=np.bool_)
    most = int(np.bincount(_numbered(lesion)).max(initial=0))
    if most <= MOST_COMPARED:
        for shift in range(1, most):
            found[shift:] |= (lesion[shift:] == lesion[:-shift]) & (log_area[shift:] == log_area[:-shift])
        return found
    order = np.lexsort((np.arange(len(lesion)), log_area, lesion))
    equal = (np.diff(lesion[order]) == 0) & (np.diff(log_area[order]) == 0)
    found[order[1:][equal]] = True
    return found


def _means(group: Ints, values: Floats, count: Floats) -> Floats:
    found: Floats = (np.bincount(group, weights=values, minlength=len(count)) / np.maximum(count, 1.0))[group]
    return found


def _centred(outlines: Outlines, values: Floats) -> Floats:
    """Take away the mean of each lesion."""
    lesions = int(outlines.lesion.max(initial=-1)) + 1
    count = np.bincount(outlines.lesion, minlength=lesions).astype(np.float64)
    found: Floats = values - _means(outlines.lesion, values, count)
    return found
