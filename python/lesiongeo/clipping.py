"""Outlines out of outlines: union, intersection, difference, and what a group of annotators agrees on."""

from __future__ import annotations

from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from .errors import RegionError
from .groups import checked_groups
from .options import shown
from .polygons import Polygons, PolygonsLike, as_polygons

__all__ = [
    "DisagreementArea",
    "GroupedPolygons",
    "difference",
    "disagreement_area",
    "intersection",
    "majority",
    "union",
]


class GroupedPolygons(NamedTuple):
    """One region per group.

    Attributes
    ----------
    groups : ndarray, shape (k,)
        The distinct groups in the order in which they first appear.
    polygons : Polygons
        k regions; one without any ring where nothing is left.
    counts : ndarray of int64, shape (k,)
        How many regions each group has, those without area among them.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> square = lambda x: [[x, 0], [x + 2, 0], [x + 2, 2], [x, 2]]
    >>> found = lg.union([square(0), square(9), square(1)], groups=["a", "b", "a"])
    >>> isinstance(found, lg.GroupedPolygons), found.groups.tolist(), found.counts.tolist()
    (True, ['a', 'b'], [2, 1])
    """

    groups: NDArray[Any]
    polygons: Polygons
    counts: NDArray[np.int64]


class DisagreementArea(NamedTuple):
    """How much of each group is disputed.

    Attributes
    ----------
    groups : ndarray, shape (k,)
        The distinct groups in the order in which they first appear.
    area_px2 : ndarray of float64, shape (k,)
        Area covered by at least one region of the group but not by all of them.
    counts : ndarray of int64, shape (k,)
        How many regions each group has, those without area among them.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> square = lambda x: [[x, 0], [x + 2, 0], [x + 2, 2], [x, 2]]
    >>> found = lg.disagreement_area([square(0), square(1)], ["a", "a"])
    >>> isinstance(found, lg.DisagreementArea), found.area_px2.tolist()
    (True, [4.0])
    """

    groups: NDArray[Any]
    area_px2: NDArray[np.float64]
    counts: NDArray[np.int64]


@overload
def union(a: PolygonsLike, b: PolygonsLike, *, threads: int | None = None) -> Polygons: ...
@overload
def union(a: PolygonsLike, *, groups: ArrayLike, threads: int | None = None) -> GroupedPolygons: ...
def union(
    a: PolygonsLike,
    b: PolygonsLike | None = None,
    *,
    groups: ArrayLike | None = None,
    threads: int | None = None,
) -> Polygons | GroupedPolygons:
    """Unite regions, pair by pair or group by group.

    Parameters
    ----------
    a : Polygons, or what Polygons accepts
        n regions.
    b : Polygons, or what Polygons accepts, optional
        As many regions, or a single one on one side, which is paired with all of the other. Not with `groups`.
    groups : array_like, shape (n,), optional
        Group of each region of `a` (an image, a lesion), numbers or strings. Not with `b`.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    Polygons or GroupedPolygons
        What any of the regions covers: n regions for pairs, k for groups. The same bits when regions change places.

    Raises
    ------
    RegionError
        If lengths do not go together, not exactly one of `b` and `groups` is given, or a group is missing (null, NaN)
        or of another kind than the others; the row is named.

    See Also
    --------
    majority : what most of a group covers.

    Notes
    -----
    An outline that overlaps itself counts with its interior; one without area contributes nothing, and a result that
    only one region contributes to is that region as drawn. Otherwise each part is its outline (positive), then its
    holes; rings start at their smallest vertex, and parts are sorted.

    Edges are split where they meet on a grid of 2^-62 of the extent around the regions. Drawn vertices come back to the
    bit; crossing points are rounded to doubles. So a border lies within one unit in the last place of the extent from
    where it should be, and a sliver narrower than that may go; no other is left out, and none is made. Area error
    against exact arithmetic: below 2e-16 of the extent times the length of the borders: 4e-15 of the larger area for
    compact outlines, 2e-14 for real ones, some of them thin.

    Cost: for outlines of lesions about n log n for n vertices, plus the crossings. Outlines of thousands of long thin
    fingers that lie across the sweep (along x) grow towards the square of their number.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> square = lambda x: [[x, 0], [x + 2, 0], [x + 2, 2], [x, 2]]
    >>> lg.area(lg.union([square(0)], [square(1)])).tolist()
    [6.0]
    >>> lg.area(lg.union([square(0), square(1), square(3)], groups=[1, 1, 1]).polygons).tolist()
    [10.0]
    """
    return _clip("union", a, b, groups, threads)


@overload
def intersection(a: PolygonsLike, b: PolygonsLike, *, threads: int | None = None) -> Polygons: ...
@overload
def intersection(a: PolygonsLike, *, groups: ArrayLike, threads: int | None = None) -> GroupedPolygons: ...
def intersection(
    a: PolygonsLike,
    b: PolygonsLike | None = None,
    *,
    groups: ArrayLike | None = None,
    threads: int | None = None,
) -> Polygons | GroupedPolygons:
    """Intersect regions, pair by pair or group by group.

    Parameters
    ----------
    a : Polygons, or what Polygons accepts
        n regions.
    b : Polygons, or what Polygons accepts, optional
        As many regions, or a single one on one side, which is paired with all of the other. Not with `groups`.
    groups : array_like, shape (n,), optional
        Group of each region of `a` (an image, a lesion), numbers or strings. Not with `b`.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    Polygons or GroupedPolygons
        What all of the regions cover: n regions for pairs, k for groups; nothing where one of them has no area. The
        same bits when regions change places.

    Raises
    ------
    RegionError
        If lengths do not go together, not exactly one of `b` and `groups` is given, or a group is missing (null, NaN)
        or of another kind than the others; the row is named.

    See Also
    --------
    intersection_area : only the area, to the last digits and faster.

    Notes
    -----
    Rules, accuracy and cost as for `union`.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> square = lambda x: [[x, 0], [x + 2, 0], [x + 2, 2], [x, 2]]
    >>> lg.intersection([square(0)], [square(1)])[0][0].tolist()
    [[1.0, 0.0], [2.0, 0.0], [2.0, 2.0], [1.0, 2.0]]
    """
    return _clip("intersection", a, b, groups, threads)


@overload
def difference(a: PolygonsLike, b: PolygonsLike, *, threads: int | None = None) -> Polygons: ...
@overload
def difference(a: PolygonsLike, *, groups: ArrayLike, threads: int | None = None) -> GroupedPolygons: ...
def difference(
    a: PolygonsLike,
    b: PolygonsLike | None = None,
    *,
    groups: ArrayLike | None = None,
    threads: int | None = None,
) -> Polygons | GroupedPolygons:
    """Take regions away from regions, pair by pair or group by group.

    Parameters
    ----------
    a : Polygons, or what Polygons accepts
        n regions.
    b : Polygons, or what Polygons accepts, optional
        As many regions, or a single one on one side, which is paired with all of the other. Not with `groups`.
    groups : array_like, shape (n,), optional
        Group of each region of `a` (an image, a lesion), numbers or strings. Not with `b`.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    Polygons or GroupedPolygons
        What `a` covers and `b` does not: n regions. Per group: what its first region covers and no other does.

    Raises
    ------
    RegionError
        If lengths do not go together, not exactly one of `b` and `groups` is given, or a group is missing (null, NaN)
        or of another kind than the others; the row is named.

    Notes
    -----
    Rules, accuracy and cost as for `union`.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> square = lambda x: [[x, 0], [x + 2, 0], [x + 2, 2], [x, 2]]
    >>> lg.difference([square(0)], [square(1)])[0][0].tolist()
    [[0.0, 0.0], [1.0, 0.0], [1.0, 2.0], [0.0, 2.0]]
    """
    return _clip("difference", a, b, groups, threads)


def majority(
    polygons: PolygonsLike,
    groups: ArrayLike,
    *,
    min_votes: int | None = None,
    threads: int | None = None,
) -> GroupedPolygons:
    """Outline what enough regions of a group cover: the consensus to start from.

    Parameters
    ----------
    polygons : Polygons, or what Polygons accepts
        n regions.
    groups : array_like, shape (n,)
        Group of each region (a lesion drawn by several annotators), numbers or strings.
    min_votes : int, optional
        How many regions must cover a place, from 1 up; by default more than half of the group's.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    GroupedPolygons
        One region per group. A region without area counts as one that covers nothing.

    Raises
    ------
    RegionError
        If there is not one group per region, or one is missing (null, NaN) or of another kind than the others; the
        row is named.
    ValueError
        If `min_votes` is not a whole number from 1 up.

    Notes
    -----
    Exact: one arrangement of all outlines of a group, no raster and no pairwise clipping. ``min_votes=1`` is the union,
    ``min_votes`` = number of regions the intersection. Rules, accuracy and cost as for `union`.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> square = lambda x: [[x, 0], [x + 4, 0], [x + 4, 4], [x, 4]]
    >>> consensus = lg.majority([square(0), square(1), square(2)], ["mole", "mole", "mole"])
    >>> consensus.polygons[0][0].tolist()
    [[1.0, 0.0], [2.0, 0.0], [4.0, 0.0], [5.0, 0.0], [5.0, 4.0], [4.0, 4.0], [2.0, 4.0], [1.0, 4.0]]
    """
    if min_votes is not None and (
        isinstance(min_votes, bool) or not isinstance(min_votes, int | np.integer) or min_votes < 1
    ):
        raise ValueError(f"min_votes is {shown(min_votes)}; it is a whole number from 1 up")
    outlines = as_polygons(polygons)
    keys, order, starts = _grouped(groups, len(outlines))
    # No group has more regions than there are.
    least = 0 if min_votes is None else min(int(min_votes), len(outlines) + 1)
    ragged = _core.clip_groups(
        outlines._interior(threads), order, starts, kind="votes", min_votes=least, threads=threads
    )
    return GroupedPolygons(keys, Polygons._trusted(ragged), np.diff(starts))


def disagreement_area(polygons: PolygonsLike, groups: ArrayLike, *, threads: int | None = None) -> DisagreementArea:
    """Area that at least one but not every region of a group covers, in square pixels.

    Parameters
    ----------
    polygons : Polygons, or what Polygons accepts
        n regions.
    groups : array_like, shape (n,)
        Group of each region (a lesion drawn by several annotators), numbers or strings.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    DisagreementArea
        One area per group; 0 for a single region, which agrees with itself. A region without area covers nothing,
        so beside it everything is disputed.

    Raises
    ------
    RegionError
        If there is not one group per region, or one is missing (null, NaN) or of another kind than the others; the
        row is named.

    Notes
    -----
    Measured on the grid of `union`, in whole numbers and not as union less intersection, so small disputes keep their
    digits: error below 1e-16 of the extent times the length of the borders.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> square = lambda x: [[x, 0], [x + 4, 0], [x + 4, 4], [x, 4]]
    >>> lg.disagreement_area([square(0), square(1), square(2)], [7, 7, 8]).area_px2.tolist()
    [8.0, 0.0]
    """
    outlines = as_polygons(polygons)
    keys, order, starts = _grouped(groups, len(outlines))
    areas = _core.disputed_area(outlines._interior(threads), order, starts, threads=threads)
    return DisagreementArea(keys, areas, np.diff(starts))


def _clip(
    kind: str, a: PolygonsLike, b: PolygonsLike | None, groups: ArrayLike | None, threads: int | None
) -> Polygons | GroupedPolygons:
    if (b is None) == (groups is None):
        raise RegionError(f"{kind} takes a second batch or groups=, one of the two")
    left = as_polygons(a)
    if b is not None:
        right = as_polygons(b)
        return Polygons._trusted(
            _core.clip_pairs(left._interior(threads), right._interior(threads), kind=kind, threads=threads)
        )
    keys, order, starts = _grouped(groups, len(left))
    ragged = _core.clip_groups(left._interior(threads), order, starts, kind=kind, threads=threads)
    return GroupedPolygons(keys, Polygons._trusted(ragged), np.diff(starts))


def _grouped(groups: ArrayLike | None, count: int) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct groups by first appearance, the rows group by group, and where each group starts."""
    keys = checked_groups(groups, count)
    try:
        distinct, first, codes = np.unique(keys, return_index=True, return_inverse=True)
    except TypeError as error:
        raise RegionError(f"groups cannot be sorted ({error}); give numbers or strings") from error
    appearance = np.argsort(first, kind="stable")
    place = np.empty(len(distinct), dtype=np.int64)
    place[appearance] = np.arange(len(distinct))
    codes = place[codes]
    order = np.argsort(codes, kind="stable")
    starts = np.concatenate(([0], np.cumsum(np.bincount(codes, minlength=len(distinct)))))
    return distinct[appearance], order.astype(np.int64), starts.astype(np.int64)
