"""What somebody calls a lesion: which ids of which annotators stand for the same one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ... import _core
from ...agreement.counted import Ints
from ...checks.view import Mask

__all__ = ["FAR", "Drawn", "Tokens", "contains", "expanded", "join_tokens", "pairs_within", "tokens_of"]

Floats = NDArray[np.float64]

#: Two people who worked on the same page without meeting mean different lesions by the same id where these lie further
#: apart than this share of the image's width.
FAR = 0.25


@dataclass(frozen=True, slots=True)
class Drawn:
    """Regions of lesions, one entry each, sorted by `seen`.

    Attributes
    ----------
    seen : ndarray of int64, shape (n,)
        The lesion on a page that the region belongs to.
    series : ndarray of int64, shape (n,)
        Number of the patient and site.
    page : ndarray of int64, shape (n,)
        Number of the page.
    task : ndarray of int64, shape (n,)
        Number of the task.
    annotator : ndarray of int64, shape (n,)
        Code of who drew it.
    name : ndarray of int64, shape (n,)
        Code of the typed id, -1 for none.
    place : ndarray of float64, shape (n, 2)
        Position of the lesion in widths of the image; NaN where unknown.
    """

    seen: Ints
    series: Ints
    page: Ints
    task: Ints
    annotator: Ints
    name: Ints
    place: Floats


@dataclass(frozen=True, slots=True)
class Tokens:
    """Ids as one annotator uses them for one patient, sorted by series, annotator and name.

    Attributes
    ----------
    of_drawn : ndarray of int64, shape (n_drawn,)
        The token of each region, -1 without id.
    series, annotator, name : ndarray of int64, shape (n_tokens,)
        Whose it is.
    times : ndarray of int64, shape (n_tokens,)
        How many regions bear it.
    """

    of_drawn: Ints
    series: Ints
    annotator: Ints
    name: Ints
    times: Ints

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.series)


def tokens_of(drawn: Drawn) -> Tokens:
    """Find the tokens. O(n log n)."""
    typed = np.flatnonzero(drawn.name >= 0)
    people, names = (int(values.max(initial=0)) + 1 for values in (drawn.annotator, drawn.name))
    key = (drawn.series[typed] * people + drawn.annotator[typed]) * names + drawn.name[typed]
    known, code, times = np.unique(key, return_inverse=True, return_counts=True)
    of_drawn = np.full(len(drawn.seen), -1, dtype=np.int64)
    of_drawn[typed] = code
    return Tokens(of_drawn, known // names // people, known // names % people, known % names, times)


def join_tokens(drawn: Drawn, tokens: Tokens, worked: tuple[Ints, Ints]) -> Ints:
    """Put tokens that stand for the same lesion into one cluster, with at most one token of each annotator.

    Parameters
    ----------
    drawn : Drawn
        The regions.
    tokens : Tokens
        Their tokens.
    worked : tuple of two (n,) int64 arrays
        Tasks and annotators: who worked on which task, also without drawing anything.

    Returns
    -------
    ndarray of int64, shape (n_tokens,)
        Number of the cluster of each token.

    Notes
    -----
    First, tokens whose regions are one lesion on some page, those that are most often; of as many those with the same
    id. Then tokens with the same id of annotators who never drew one lesion with them, unless

    - these are different lesions of some page,
    - the two annotators number differently: at least half of the lesions that both drew bear different ids, or
    - both worked on a page where one of them drew it and the other did not, and they lie more than `FAR` apart.

    O(n log n) in the regions and in pairs of regions of one lesion.
    """
    first, second, times = _together(drawn, tokens)
    equal = tokens.name[first] == tokens.name[second]
    people = _dense(tokens.annotator)
    cluster = _core.group_lesions(people, first, second, times + 0.5 * equal)
    a, b = _same_name(tokens, cluster)
    if len(a) == 0:
        return cluster
    met = contains(_key(first, second, len(tokens)), _key(a, b, len(tokens)))
    met |= _number_differently(tokens, cluster, first, second, a, b)
    a, b = a[~met], b[~met]
    apart = _on_one_page(drawn, tokens, cluster, a, b)
    apart[~apart] = _far_apart(drawn, tokens, worked, a[~apart], b[~apart])
    a, b = a[~apart], b[~apart]
    if len(a) == 0:
        return cluster
    # The clusters so far as stars around their first token, before any of the new links.
    _, head = np.unique(cluster, return_index=True)
    star = np.flatnonzero(head[cluster] != np.arange(len(tokens)))
    support = np.minimum(tokens.times[a], tokens.times[b])
    joined = _core.group_lesions(
        people,
        np.concatenate((head[cluster[star]], a)),
        np.concatenate((star, b)),
        np.concatenate((np.full(len(star), 1e300), support.astype(np.float64))),
    )
    return _undone(drawn, tokens, cluster, joined)


def contains(known: Ints, wanted: Ints) -> Mask:
    """Whether each of `wanted` is in `known`, which is sorted."""
    if len(known) == 0:
        return np.zeros(len(wanted), dtype=np.bool_)
    found: Mask = known[np.minimum(np.searchsorted(known, wanted), len(known) - 1)] == wanted
    return found


def expanded(starts: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """List the places of ranges: the range of each, and the place."""
    of = np.repeat(np.arange(len(starts)), counts)
    first = np.cumsum(counts) - counts
    return of, np.arange(len(of)) - np.repeat(first - starts, counts)


def pairs_within(group: Ints) -> tuple[Ints, Ints]:
    """List the places of all pairs of one group; `group` is sorted."""
    start = np.flatnonzero(np.diff(group, prepend=-1))
    count = np.diff(start, append=len(group))
    pieces = [(np.empty(0, dtype=np.int64),) * 2]
    for size in np.unique(count[count > 1]).tolist():
        left, right = np.triu_indices(size, 1)
        heads = start[count == size][:, None]
        pieces.append(((heads + left).ravel(), (heads + right).ravel()))
    return np.concatenate([piece[0] for piece in pieces]), np.concatenate([piece[1] for piece in pieces])


def _together(drawn: Drawn, tokens: Tokens) -> tuple[Ints, Ints, Ints]:
    """Pairs of tokens whose regions are one lesion, the smaller first, and how often."""
    typed = np.flatnonzero(tokens.of_drawn >= 0)
    left, right = pairs_within(drawn.seen[typed])
    own = tokens.of_drawn[typed]
    a, b = np.minimum(own[left], own[right]), np.maximum(own[left], own[right])
    known, times = np.unique(_key(a, b, len(tokens)), return_counts=True)
    return known // max(len(tokens), 1), known % max(len(tokens), 1), times


def _same_name(tokens: Tokens, cluster: Ints) -> tuple[Ints, Ints]:
    """Pairs of tokens of a series with the same id that are not in one cluster, the smaller first."""
    names = int(tokens.name.max(initial=0)) + 1
    key = tokens.series * names + tokens.name
    order = np.argsort(key, kind="stable")
    left, right = pairs_within(_dense(key)[order])
    a, b = order[left], order[right]
    apart = cluster[a] != cluster[b]
    return a[apart], b[apart]


def _number_differently(tokens: Tokens, cluster: Ints, first: Ints, second: Ints, a: Ints, b: Ints) -> Mask:
    """Whether the annotators of each pair of tokens (a, b) call at least half of what both drew differently."""
    people = int(tokens.annotator.max(initial=0)) + 1

    def key(x: Ints, y: Ints) -> Ints:
        one, other = tokens.annotator[x], tokens.annotator[y]
        return (tokens.series[x] * people + np.minimum(one, other)) * people + np.maximum(one, other)

    one = cluster[first] == cluster[second]
    first, second = first[one], second[one]
    known, code = np.unique(key(first, second), return_inverse=True)
    if len(known) == 0:
        return np.zeros(len(a), dtype=np.bool_)
    alike = np.bincount(code, weights=tokens.name[first] == tokens.name[second], minlength=len(known))
    differs = 2 * alike <= np.bincount(code, minlength=len(known))
    wanted = key(a, b)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    found: Mask = (known[at] == wanted) & differs[at]
    return found


def _on_one_page(drawn: Drawn, tokens: Tokens, cluster: Ints, a: Ints, b: Ints) -> Mask:
    """Whether the clusters of each pair of tokens were seen as different lesions of one page."""
    typed = np.flatnonzero(tokens.of_drawn >= 0)
    own = cluster[tokens.of_drawn[typed]]
    pages = int(drawn.page.max(initial=0)) + 1
    lesions = int(drawn.seen.max(initial=0)) + 1
    # A lesion is on one page, so this is each (cluster, page, lesion) once.
    _, one = np.unique(own * lesions + drawn.seen[typed], return_index=True)
    own, page, seen = own[one], drawn.page[typed][one], drawn.seen[typed][one]
    place = np.sort(own * pages + page)
    start, end = np.searchsorted(own, cluster[a], "left"), np.searchsorted(own, cluster[a], "right")
    of, at = expanded(start, end - start)
    wanted = cluster[b][of] * pages + page[at]
    there = np.searchsorted(place, wanted, "right") - np.searchsorted(place, wanted, "left")
    same = contains(own * lesions + seen, cluster[b][of] * lesions + seen[at])
    # More lesions of b's cluster than the one that both are.
    return np.bincount(of, weights=there > same, minlength=len(a)) > 0


def _far_apart(drawn: Drawn, tokens: Tokens, worked: tuple[Ints, Ints], a: Ints, b: Ints) -> Mask:
    """Whether both of each pair worked on a page where only one of them drew it, and the two lie far apart."""
    people = int(max(tokens.annotator.max(initial=0), worked[1].max(initial=0))) + 1
    present = np.unique(worked[0] * people + worked[1])
    order = np.argsort(tokens.of_drawn, kind="stable")
    order = order[tokens.of_drawn[order] >= 0]
    start = np.cumsum(tokens.times) - tokens.times
    both = np.zeros(len(a), dtype=np.bool_)
    for own, other in ((a, b), (b, a)):
        of, at = expanded(start[own], tokens.times[own])
        there = contains(present, drawn.task[order[at]] * people + tokens.annotator[other][of])
        both |= np.bincount(of, weights=there, minlength=len(a)) > 0
    known = np.isfinite(drawn.place).all(axis=1) & (tokens.of_drawn >= 0)
    count = np.bincount(tokens.of_drawn[known], minlength=len(tokens))
    with np.errstate(invalid="ignore"):
        x, y = (
            np.bincount(tokens.of_drawn[known], weights=drawn.place[known, axis], minlength=len(tokens)) / count
            for axis in (0, 1)
        )
        found: Mask = both & (np.hypot(x[a] - x[b], y[a] - y[b]) > FAR)
    return found


def _undone(drawn: Drawn, tokens: Tokens, before: Ints, joined: Ints) -> Ints:
    """Take back what joined three clusters or more of which two are different lesions of one page."""
    pair = np.unique(_key(joined, before, len(tokens)))
    several = np.bincount(pair // len(tokens), minlength=len(tokens)) >= 3
    if not several.any():
        return joined
    typed = np.flatnonzero(tokens.of_drawn >= 0)
    typed = typed[several[joined[tokens.of_drawn[typed]]]]
    new, old = joined[tokens.of_drawn[typed]], before[tokens.of_drawn[typed]]
    place = _dense(_key(new, drawn.page[typed], int(drawn.page.max(initial=0)) + 1))
    distinct = [
        np.bincount(np.unique(_key(place, what, int(what.max()) + 1)) // (int(what.max()) + 1))
        for what in (old, drawn.seen[typed])
    ]
    bad = np.zeros(len(tokens), dtype=np.bool_)
    bad[new[(distinct[0][place] > 1) & (distinct[1][place] > 1)]] = True
    return _dense(np.where(bad[joined], before, joined + len(tokens)))


def _dense(values: Ints) -> Ints:
    """Number values without gaps, in their order."""
    code: Ints = np.unique(values, return_inverse=True)[1].astype(np.int64)
    return code


def _key(a: Ints, b: Ints, width: int) -> Ints:
    """One number for a pair; `b` is below `width`."""
    return a * max(width, 1) + b
