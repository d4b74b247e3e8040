"""A track on several lesions of one page: parts of one that split, or an id on a wrong lesion."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..agreement.counted import Ints
from ..checks.view import Mask
from .scene import Links, Scene

__all__ = ["REACH", "SLACK", "Repeats", "carried", "settle_repeats"]

Floats = NDArray[np.float64]

#: Two outlines belong together up to this times the sum of their radii, ...
REACH = 1.25
#: ... plus this share of the image's width.
SLACK = 0.02


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
        Lesions and the annotators who drew them.

    Returns
    -------
    Repeats
        Empty where every track is on one lesion per page.

    Notes
    -----
    The first is the one with more support, then the one closest to where the track is on the next earlier page (else
    on the next later one) after alignment, then the larger one. Another one is a part if somebody drew both, and both
    are close to that place (or, where the track is nowhere else by itself, to each other): within `REACH` times the sum
    of the radii and `SLACK` of the image's width. O(n log n).
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
    distance, limit = _from_neighbour(scene, links, track, some, alone[scene.placed[alone]])
    area = np.nan_to_num(scene.radius[some])
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.nan_to_num(distance / limit, nan=np.inf, posinf=np.inf)
    rank = np.lexsort((some, -area, relative, -support[some], key[some]))
    some, distance, limit = some[rank], distance[rank], limit[rank]
    start = np.diff(key[some], prepend=-1) != 0
    head = np.flatnonzero(start)[np.cumsum(start) - 1]
    first = some[head]
    together = _drawn_by_same(some, first, drawn)
    apart = np.hypot(*(scene.xy[some] - scene.xy[first]).T)
    near = apart <= _reach(scene, some, scene.radius[some] + scene.radius[first])
    # A lesion without a known place on another page has no distance.
    close = np.where(np.isnan(distance), near, distance <= limit)
    part = together & close & close[head]
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
    return xy, np.sqrt(np.abs(factor).prod(axis=1))


def _from_neighbour(scene: Scene, links: Links, track: Ints, some: Ints, alone: Ints) -> tuple[Floats, Floats]:
    """Distances of lesions from their track on another page, and how far is close; NaN where it is on no other."""
    distance, limit = np.full(len(some), np.nan), np.full(len(some), np.nan)
    if len(alone) == 0:
        return distance, limit
    pages = int(scene.page.max(initial=0)) + 1
    known = track[alone] * pages + scene.page[alone]
    at = np.searchsorted(known, track[some] * pages + scene.page[some])
    before, after = alone[np.maximum(at - 1, 0)], alone[np.minimum(at, len(alone) - 1)]
    has_before, has_after = (at > 0) & (track[before] == track[some]), track[after] == track[some]
    for rows, other, forwards in ((has_before, before, True), (~has_before & has_after, after, False)):
        mine, theirs = some[rows], other[rows]
        source, target = (theirs, mine) if forwards else (mine, theirs)
        xy, factor = carried(scene, links, source, target)
        distance[rows] = np.hypot(*(xy - scene.xy[target]).T)
        limit[rows] = _reach(scene, target, scene.radius[source] * factor + scene.radius[target])
    return distance, limit


def _reach(scene: Scene, lesion: Ints, radii: Floats) -> Floats:
    """How far apart centres may be, in pixels of the page of `lesion`, given the sum of radii."""
    return REACH * np.nan_to_num(radii) + SLACK * np.nan_to_num(scene.width[lesion])


def _drawn_by_same(lesion: Ints, first: Ints, drawn: tuple[Ints, Ints]) -> Mask:
    """Whether somebody drew both lesions of each pair."""
    people = int(drawn[1].max(initial=0)) + 1
    chosen = np.isin(drawn[0], np.concatenate((lesion, first)))
    of, who = drawn[0][chosen], drawn[1][chosen]
    # Sorted by lesion already.
    known = np.sort(of * people + who)
    start = np.searchsorted(of, lesion, "left")
    count = np.searchsorted(of, lesion, "right") - start
    pair = np.repeat(np.arange(len(lesion)), count)
    member = np.arange(len(pair)) - np.repeat(np.cumsum(count) - count - start, count)
    wanted = first[pair] * people + who[member]
    there = np.searchsorted(known, wanted, "right") > np.searchsorted(known, wanted, "left")
    return np.bincount(pair, weights=there, minlength=len(lesion)) > 0
