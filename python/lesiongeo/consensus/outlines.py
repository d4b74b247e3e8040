"""What the outlines of each lesion say together: one outline by votes, the medoid, and how much is disputed.

Everything is asked for all lesions at once; the core works on them in parallel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..agreement.counted import Ints
from ..polygons import Polygons, Ragged

__all__ = ["Disputed", "Members", "disputed", "joined", "mean_iou", "medoids", "members_of", "voted"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Pairs whose overlap is asked at a time: a lesion that many people drew has many.
PAIRS_AT_ONCE = 1 << 22


@dataclass(frozen=True, slots=True)
class Members:
    """The regions of each lesion.

    Attributes
    ----------
    rows : ndarray of int64, shape (n_members,)
        Rows of regions, lesion after lesion, within a lesion in the order of annotators.
    starts : ndarray of int64, shape (n_lesions + 1,)
        Lesion i has the rows ``rows[starts[i]:starts[i + 1]]``.
    """

    rows: Ints
    starts: Ints

    @property
    def drawn(self) -> Ints:
        """How many drew each lesion."""
        return np.diff(self.starts)

    @property
    def lesion(self) -> Ints:
        """The lesion of each member."""
        return np.repeat(np.arange(len(self.starts) - 1), self.drawn)

    def of(self, lesions: Ints) -> tuple[Ints, Ints]:
        """Return the members of these lesions as positions in `rows`, lesion after lesion, and where each starts."""
        counts = self.drawn[lesions]
        ends = np.cumsum(counts)
        positions = np.repeat(self.starts[lesions] - (ends - counts), counts) + np.arange(counts.sum())
        return positions, np.concatenate(([0], ends))


def members_of(lesion_of_region: Ints, owner: Ints, lesions: int) -> Members:
    """Sort the regions by lesion, then by the place of their annotation, `owner`."""
    rows = np.flatnonzero(lesion_of_region >= 0)
    rows = rows[np.lexsort((rows, owner[rows], lesion_of_region[rows]))]
    counts = np.bincount(lesion_of_region[rows], minlength=lesions)
    return Members(rows, np.concatenate(([0], np.cumsum(counts))).astype(np.int64))


def voted(
    polygons: Polygons,
    members: Members,
    lesions: Ints,
    *,
    kind: str,
    people: Ints,
    min_votes: int | None,
    threads: int | None,
) -> Polygons:
    """Outline what enough annotators cover, one region per lesion.

    Parameters
    ----------
    polygons : Polygons
        The regions.
    members : Members
        Which of them form each lesion.
    lesions : ndarray of int64, shape (k,)
        The lesions that are asked for.
    kind : str
        "votes", "union" or "intersection" (of those who drew it).
    people : ndarray of int64, shape (k,)
        Annotators of the task of each; those who did not draw the lesion vote with an empty region.
    min_votes : int or None
        How many must cover a place, by "votes"; None for more than half of `people`.
    threads : int or None
        Number of threads.

    Returns
    -------
    Polygons
        k regions; without any ring where nothing is left.
    """
    xy, ring_offsets, polygon_offsets = polygons._interior(threads)
    positions, starts = members.of(lesions)
    order = members.rows[positions]
    if kind == "votes" and min_votes is None:
        # One empty region stands for everybody who drew nothing there.
        nothing = len(polygon_offsets) - 1
        polygon_offsets = np.append(polygon_offsets, polygon_offsets[-1:])
        counts = np.diff(starts)
        absent = people - counts
        ends = np.cumsum(people)
        padded = np.full(int(people.sum()), nothing, dtype=np.int64)
        padded[np.repeat(ends - people, counts) + np.arange(len(order)) - np.repeat(starts[:-1], counts)] = order
        order, starts = padded, np.concatenate(([0], ends))
        if (absent < 0).any():
            raise ValueError("a lesion has more regions than its task has annotators; please report it")
    ragged = _core.clip_groups(
        (xy, ring_offsets, polygon_offsets),
        np.ascontiguousarray(order, dtype=np.int64),
        np.ascontiguousarray(starts, dtype=np.int64),
        kind=kind,
        min_votes=0 if min_votes is None else min(min_votes, 1 << 31),
        threads=threads,
    )
    return Polygons._trusted(ragged)


def medoids(polygons: Polygons, members: Members, lesions: Ints, threads: int | None) -> Ints:
    """Find the row of the region of each lesion that agrees best with the others.

    The highest sum of IoU with the other regions of the lesion; of equal ones the larger, then the first in the order
    of annotators. Annotators who did not draw it would count 0 for every region alike. Overlaps are those of all pairs
    within a lesion.
    """
    positions, starts = members.of(lesions)
    rows = members.rows[positions]
    total = np.zeros(len(rows))
    counts = np.diff(starts)
    for size in np.unique(counts[counts > 1]).tolist():
        left, right = np.triu_indices(size, 1)
        some = starts[:-1][counts == size]
        step = max(PAIRS_AT_ONCE // len(left), 1)
        for first in range(0, len(some), step):
            at = some[first : first + step, None]
            a, b = (at + left).reshape(-1), (at + right).reshape(-1)
            iou = _iou(polygons, rows[a], polygons, rows[b], threads)
            total += np.bincount(a, iou, len(rows)) + np.bincount(b, iou, len(rows))
    area = polygons._areas(threads)[rows]
    lesion = np.repeat(np.arange(len(lesions)), counts)
    # Sums of the same numbers in another order must tie.
    order = np.lexsort((np.arange(len(rows)), -area, -np.round(total, 12), lesion))
    return rows[order[starts[:-1]]]


def mean_iou(
    polygons: Polygons, lesion: Ints, own: Ints, drawn: Polygons, members: Members, threads: int | None
) -> Floats:
    """Mean IoU of each outline with the regions of its lesion.

    Parameters
    ----------
    polygons : Polygons
        n outlines.
    lesion : ndarray of int64, shape (n,)
        The lesion of each; -1 for none.
    own : ndarray of int64, shape (n,)
        The row of the region that the outline is itself, which is left out; -1 for none.
    drawn : Polygons
        The regions.
    members : Members
        Which of them form each lesion.
    threads : int or None
        Number of threads.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN where there is no region to compare with. A region without area counts 0.
    """
    with_lesion = np.flatnonzero(lesion >= 0)
    positions, starts = members.of(lesion[with_lesion])
    rows = members.rows[positions]
    which = np.repeat(with_lesion, np.diff(starts))
    others = rows != own[which]
    rows, which = rows[others], which[others]
    iou = _iou(polygons, which, drawn, rows, threads)
    count = np.bincount(which, minlength=len(lesion))
    total = np.bincount(which, iou, len(lesion))
    found: Floats = np.divide(total, count, out=np.full(len(lesion), np.nan), where=count > 0)
    return found


class Disputed(NamedTuple):
    """How much of each lesion is disputed.

    Attributes
    ----------
    disputed_px2 : ndarray of float64, shape (n_lesions,)
        Area that some but not all of its regions cover.
    union_px2 : ndarray of float64, shape (n_lesions,)
        Area that any of them covers.
    """

    disputed_px2: Floats
    union_px2: Floats


def disputed(polygons: Polygons, members: Members, threads: int | None) -> Disputed:
    """Measure what the regions of each lesion dispute, among those who drew it."""
    area = polygons._areas(threads)[members.rows]
    drawn = members.drawn
    union = np.bincount(members.lesion, area, len(drawn)).astype(np.float64)
    found = np.zeros(len(drawn))
    several = np.flatnonzero(drawn > 1)
    positions, starts = members.of(several)
    found[several] = _core.disputed_area(
        polygons._interior(threads), np.ascontiguousarray(members.rows[positions]), starts, threads=threads
    )
    # Two regions: both areas are twice the common part and what is disputed.
    union[drawn == 2] = (union[drawn == 2] + found[drawn == 2]) / 2
    more = np.flatnonzero(drawn > 2)
    outlines = voted(polygons, members, more, kind="union", people=drawn[more], min_votes=None, threads=threads)
    union[more] = outlines._areas(threads)
    return Disputed(found, union)


def joined(first: Polygons, second: Polygons) -> Polygons:
    """Return the regions of both, one after the other."""
    if not len(second):
        return first
    if not len(first):
        return second
    made: list[Ragged] = [one.to_ragged() for one in (first, second)]
    xy = np.concatenate([one[0] for one in made])
    rings, regions = (np.concatenate((made[0][i], made[1][i][1:] + made[0][i][-1])) for i in (1, 2))
    return Polygons._trusted((xy, rings.astype(np.int32), regions.astype(np.int32)))


def _iou(a: Polygons, rows_a: Ints, b: Polygons, rows_b: Ints, threads: int | None) -> Floats:
    """IoU of pairs of rows; 0 where neither has an area."""
    found = _core.overlap(
        a._interior(threads),
        b._interior(threads),
        np.ascontiguousarray(rows_a),
        np.ascontiguousarray(rows_b),
        known_a=a._interior_known(threads),
        known_b=b._interior_known(threads),
        kind="iou",
        threads=threads,
    )[0]
    return np.where(np.isnan(found), 0.0, found)
