"""A track on several lesions of one page: parts of one that split, or an id on a wrong lesion."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...agreement.counted import Ints
from ...checks.view import Mask
from .scene import Links, Scene
from .tokens import contains, expanded

__all__ = ["REACH", "SLACK", "Repeats", "carried", "settle_repeats"]

Floats = NDArray[np.float64]

#: Two outlines belong together up to this times the sum of their radii, ...
REACH = 1.25
#: ... plus this share of the image's width.
SLACK = 0.02
#: Parts that lie where they were on a neighbouring page, too, may be so many times the sum of their radii apart, ...
WIDE = 5.0
#: ... as long as there are no more than so many of them.
FEW = 3


class Repeats(NamedTuple):
    """Lesions on whose page another one has the same track; one entry for each but the first of every such page.

    `lesion` and `first` are observations, `part` says whether `lesion` keeps the track as a part of what is one lesion,
    and `same_person` whether somebody drew both.
    """

    lesion: Ints
    first: Ints
    part: Mask
    same_person: Mask


def settle_repeats(scene: Scene, links: Links, track: Ints, support: Ints, drawn: tuple[Ints, Ints]) -> Repeats:
    """Decide which lesions of a page keep a track that several of them have.

    Parameters
    ----------
    scene, links : Scene, Links
        The lesions.
    track : (n,) int64 array
        Track of each lesion, -1 for none.
    support : (n,) int64 array
        How many people gave it that track.
    drawn : tuple of two (n_members,) int64 arrays
        Lesions and the annotators who drew them, sorted by both.

    Returns
    -------
    Repeats
        Empty where every track is on one lesion per page.

    Notes
    -----
    The first is the one with more support, then the one closest to where the track is by itself on the next earlier or
    the next later such page, after alignment; then the larger one. Another one is a part if somebody drew both, and

    - both are close to that place (where the track is nowhere by itself: to each other), which is within `REACH` times
      the sum of the radii and `SLACK` of the image's width; or
    - both continue lesions with this track on a neighbouring page, lie within `WIDE` times the sum of their radii of
      each other, and there are at most `FEW` of them.

    O(n log n).
    """
    pages = int(scene.page.max(initial=0)) + 1
    key = track * pages + scene.page
    order = np.argsort(key, kind="stable")
    order = order[np.searchsorted(track[order], 0) :]
    same = np.diff(key[order], prepend=-1) == 0
    several = same | np.append(same[1:], False)
    some, alone = order[several], order[~several]
    if len(some) == 0:
        none = np.empty(0, dtype=np.int64)
        return Repeats(none, none, none.astype(np.bool_), none.astype(np.bool_))
    relative = _from_neighbours(scene, links, track, some, alone[scene.placed[alone]])
    area = np.nan_to_num(scene.radius[some])
    rank = np.lexsort((some, -area, np.nan_to_num(relative, nan=np.inf), -support[some], key[some]))
    some, relative = some[rank], relative[rank]
    start = np.diff(key[some], prepend=-1) != 0
    group = np.cumsum(start) - 1
    head = np.flatnonzero(start)[group]
    first = some[head]
    apart = np.hypot(*(scene.xy[some] - scene.xy[first]).T)
    radii = scene.radius[some] + scene.radius[first]
    # A track without a place on another page has no distance.
    close = np.where(np.isnan(relative), apart <= _reach(scene, some, radii, REACH), relative <= 1.0)
    lasting = _continues(links.before, track, some) | _continues(links.after, track, some)
    lasting &= (apart <= _reach(scene, some, radii, WIDE)) & (np.bincount(group)[group] <= FEW)
    part = _drawn_by_same(some, first, drawn)
    together = part.copy()
    part &= (close & close[head]) | (lasting & lasting[head])
    return Repeats(some[~start], first[~start], part[~start], together[~start])


def carried(scene: Scene, links: Links, source: Ints, target: Ints) -> tuple[Floats, Floats]:
    """Return where each lesion `source` is expected on the page of `target`, in its pixels, and the factor of lengths.

    By the alignment of the two pages where they were compared; else as many millimetres, or widths of the image, from
    the corner.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        by_mm = scene.spacing[source] / scene.spacing[target]
        by_width = scene.width[source] / scene.width[target]
        factor = np.where(np.isfinite(by_mm), by_mm, 1.0 / by_width[:, None])
    factor = np.where(np.isfinite(factor), factor, 1.0)
    xy = scene.xy[source] * factor
    pairs = links.alignments.pairs_of(scene.page[source], scene.page[target])
    known = pairs >= 0
    xy[known] = links.alignments.carry(pairs[known], scene.xy[source[known]])
    length: Floats = np.sqrt(factor[:, 0] * factor[:, 1])
    return xy, length


def _from_neighbours(scene: Scene, links: Links, track: Ints, some: Ints, alone: Ints) -> Floats:
    """Distances of lesions from their track on other pages, 1: just close; NaN where it is on no other."""
    relative = np.full((2, len(some)), np.nan)
    if len(alone) == 0:
        return np.full(len(some), np.nan)
    pages = int(scene.page.max(initial=0)) + 1
    known = track[alone] * pages + scene.page[alone]
    at = np.searchsorted(known, track[some] * pages + scene.page[some])
    before, after = alone[np.maximum(at - 1, 0)], alone[np.minimum(at, len(alone) - 1)]
    has_before = (at > 0) & (track[before] == track[some])
    has_after = (at < len(alone)) & (track[after] == track[some])
    for own, rows, other in ((0, has_before, before), (1, has_after, after)):
        mine, theirs = some[rows], other[rows]
        source, target = (theirs, mine) if own == 0 else (mine, theirs)
        xy, factor = carried(scene, links, source, target)
        distance = np.hypot(*(xy - scene.xy[target]).T)
        limit = _reach(scene, target, scene.radius[source] * factor + scene.radius[target], REACH)
        with np.errstate(divide="ignore", invalid="ignore"):
            relative[own, rows] = np.where(distance == 0, 0.0, distance / limit)
    found: Floats = np.fmin(relative[0], relative[1])
    return found


def _continues(link: Ints, track: Ints, lesion: Ints) -> Mask:
    """Whether each lesion is at the place of one with the same track on another page."""
    other = link[lesion]
    found: Mask = (other >= 0) & (track[other] == track[lesion])
    return found


def _reach(scene: Scene, lesion: Ints, radii: Floats, times: float) -> Floats:
    """How far apart centres may be, in pixels of the page of `lesion`, given the sum of radii."""
    reach: Floats = times * np.nan_to_num(radii) + SLACK * np.nan_to_num(scene.width[lesion])
    return reach


def _drawn_by_same(lesion: Ints, first: Ints, drawn: tuple[Ints, Ints]) -> Mask:
    """Whether somebody drew both lesions of each pair."""
    people = int(drawn[1].max(initial=0)) + 1
    start = np.searchsorted(drawn[0], lesion, "left")
    pair, member = expanded(start, np.searchsorted(drawn[0], lesion, "right") - start)
    there = contains(drawn[0] * people + drawn[1], first[pair] * people + drawn[1][member])
    return np.bincount(pair, weights=there, minlength=len(lesion)) > 0
