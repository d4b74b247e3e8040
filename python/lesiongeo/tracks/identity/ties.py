"""Which track a lesion has where as many people say one as another."""

from __future__ import annotations

import numpy as np

from ...agreement.counted import Ints
from ...checks.view import Mask
from ..votes import Votes
from .scene import Links, Scene

__all__ = ["break_ties"]

#: Rounds in which a lesion may wait for its neighbours on other visits.
PATIENCE = 64


def break_ties(scene: Scene, links: Links, votes: Votes, names: Ints) -> Ints:
    """Return the track of each lesion: that of the majority, and of a tie one that no other lesion of the page has.

    Of several such tracks it is that of the lesion on a neighbouring visit that is at the same place, then the one with
    more undivided votes, then the smaller one in `names` (a rank for each code). -1 where nothing is left. A track that
    is at the place of a tie is taken away from a lesion of the page that has as many votes for it and lies elsewhere.
    """
    track = votes.winner.copy()
    tied, code = votes.tied, votes.code
    if len(tied) == 0:
        return track
    width = int(max(code.max(), track.max(initial=0))) + 1
    support = np.bincount(track[track >= 0], minlength=width)
    concerned = np.isin(scene.page, scene.page[tied])
    near = _has(track, links.before[tied], code) | _has(track, links.after[tied], code)
    place = scene.page[tied] * width + code
    own = np.flatnonzero(concerned & (track >= 0))
    own = own[~_has(track, links.before[own], track[own]) & ~_has(track, links.after[own], track[own])]
    claimed, most = _most(place[near], votes.times[tied[near]])
    at = np.searchsorted(claimed, scene.page[own] * width + track[own])
    wanted = np.append(claimed, -1)[at] == scene.page[own] * width + track[own]
    track[own[wanted & (votes.times[own] <= np.append(most, 0)[at])]] = -1
    for turn in range(len(tied) + PATIENCE):
        own = np.flatnonzero(concerned & (track >= 0))
        free = ~np.isin(scene.page[tied] * width + code, scene.page[own] * width + track[own])
        free &= track[tied] < 0
        tied, code = tied[free], code[free]
        if len(tied) == 0:
            break
        before, after = (_has(track, link[tied], code) for link in (links.before, links.after))
        closer = 2 * before + after
        chosen = np.flatnonzero(closer) if turn < PATIENCE else np.arange(len(tied))
        if len(chosen) == 0:
            chosen = np.arange(len(tied))
        order = chosen[np.lexsort((names[code[chosen]], -support[code[chosen]], -closer[chosen], tied[chosen]))]
        best = order[np.diff(tied[order], prepend=-1) != 0]
        # Two lesions of a page may want the same.
        place = scene.page[tied[best]] * width + code[best]
        best = best[np.lexsort((tied[best], -closer[best], place))]
        place = np.sort(place)
        best = best[np.diff(place, prepend=-1) != 0]
        track[tied[best]] = code[best]
    return track


def _has(track: Ints, lesion: Ints, code: Ints) -> Mask:
    """Whether each lesion (-1: there is none) has the track."""
    found: Mask = (lesion >= 0) & (track[lesion] == code)
    return found


def _most(key: Ints, times: Ints) -> tuple[Ints, Ints]:
    """Return each key once, sorted, with the largest of its numbers."""
    order = np.lexsort((-times, key))
    first = order[np.diff(key[order], prepend=-1) != 0]
    return key[first], times[first]
