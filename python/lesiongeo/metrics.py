"""Areas, lengths and overlaps of outlines: what each means, its unit, and when it is NaN."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from .errors import RegionError
from .polygons import SELF_OVERLAP, Known, Polygons, PolygonsLike, Ragged, as_polygons

__all__ = [
    "IouPairs",
    "area",
    "bounds",
    "centroid",
    "dice",
    "intersection_area",
    "iou",
    "iou_pairs",
    "is_valid",
    "perimeter",
]

Floats = NDArray[np.float64]


def area(polygons: PolygonsLike, *, threads: int | None = None) -> Floats:
    """Area of each region in square pixels.

    Parameters
    ----------
    polygons : Polygons, or what Polygons accepts
        n regions.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    ndarray of float64, shape (n,)
        Area of the interior, holes subtracted. 0 for regions without one; never NaN.

    Raises
    ------
    RegionError
        If the input is no batch of outlines.

    Notes
    -----
    Green's theorem (the shoelace formula) on coordinates relative to each ring's first vertex. O(n_vertices).
    Self-overlapping outlines count with their non-zero interior, see `Polygons`.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> lg.area([[[0, 0], [3, 0], [0, 4]]]).tolist()
    [6.0]
    """
    return as_polygons(polygons)._areas(threads)


def perimeter(polygons: PolygonsLike, *, threads: int | None = None) -> Floats:
    """Length of the boundary of each region in pixels, holes included.

    Parameters
    ----------
    polygons : Polygons, or what Polygons accepts
        n regions.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    ndarray of float64, shape (n,)
        0 for empty regions and single points. A region of two points is a line there and back.

    Raises
    ------
    RegionError
        If the input is no batch of outlines.

    Notes
    -----
    The boundary of a valid region is the one drawn, shared edges and spikes included. Exact to rounding for coordinates
    and lengths between about 1e-140 and 1e150 px. O(n_vertices). For millimetres with different spacing along x and y
    see `measure`.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> lg.perimeter([[[0, 0], [3, 0], [0, 4]]]).tolist()
    [12.0]
    """
    return _core.perimeter(as_polygons(polygons)._interior(threads), (1.0, 1.0), threads=threads)


def centroid(polygons: PolygonsLike, *, threads: int | None = None) -> Floats:
    """Centre of gravity of each region's interior, in pixels.

    Parameters
    ----------
    polygons : Polygons, or what Polygons accepts
        n regions.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    ndarray of float64, shape (n, 2)
        x and y; NaN where there is no area.

    Raises
    ------
    RegionError
        If the input is no batch of outlines.

    Notes
    -----
    First moments by Green's theorem, relative to the region's first vertex. O(n_vertices).

    Examples
    --------
    >>> import lesiongeo as lg
    >>> lg.centroid([[[0, 0], [3, 0], [0, 3]]]).tolist()
    [[1.0, 1.0]]
    """
    return _core.centroid(as_polygons(polygons)._interior(threads), threads=threads)


def bounds(polygons: PolygonsLike, *, threads: int | None = None) -> Floats:
    """Box around each region, in pixels.

    Parameters
    ----------
    polygons : Polygons, or what Polygons accepts
        n regions.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    ndarray of float64, shape (n, 4)
        min x, min y, max x, max y; NaN for empty regions.

    Raises
    ------
    RegionError
        If the input is no batch of outlines.

    Notes
    -----
    The box of the vertices as drawn. O(n_vertices).

    Examples
    --------
    >>> import lesiongeo as lg
    >>> lg.bounds([[[0, 5], [3, 0], [-1, 3]]]).tolist()
    [[-1.0, 0.0, 3.0, 5.0]]
    """
    return _core.bounds(as_polygons(polygons).to_ragged(), threads=threads).reshape(-1, 4)


def is_valid(polygons: PolygonsLike, *, threads: int | None = None) -> NDArray[np.bool_]:
    """Whether each region covers every place at most once, and some place at all.

    Parameters
    ----------
    polygons : Polygons, or what Polygons accepts
        n regions.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    ndarray of bool, shape (n,)
        Reasons are in `Polygons.problem`.

    Raises
    ------
    RegionError
        If the input is no batch of outlines.

    Notes
    -----
    Valid means that the winding number is 0 or 1 almost everywhere, tested as: the integral of its square equals its
    own integral, to 1e-12 of the region's box. Spikes, repeated points and touching borders are valid, unlike
    in OGC simple features: they change no area. O(n log n) per region plus the chains that face each other.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> lg.is_valid([[[0, 0], [2, 0], [2, 2]], [[0, 0], [2, 2], [2, 0], [0, 2]]]).tolist()
    [True, False]
    """
    return np.equal(as_polygons(polygons)._verdicts(threads), 0)


def intersection_area(a: PolygonsLike, b: PolygonsLike, *, threads: int | None = None) -> Floats:
    """Area that two regions share, in square pixels, pair by pair.

    Parameters
    ----------
    a, b : Polygons, or what Polygons accepts
        As many regions on both sides, or a single one on one side, which is paired with all of the other.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    ndarray of float64, shape (n,)
        Between 0 and the smaller area, the same bits when `a` and `b` swap; 0 where a region has no area. Overlaps
        below 1e-14 of the box around both regions are within rounding of touching and count as 0.

    Raises
    ------
    RegionError
        If the lengths do not go together or the input is no batch of outlines.

    Notes
    -----
    Sum over pairs of x-monotone chains of the signed integral of the positive part of their difference; no
    intersection is constructed. O((n + m) log(n + m)) per pair plus the chains that face each other.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> square = [[0, 0], [2, 0], [2, 2], [0, 2]]
    >>> lg.intersection_area([square], [[[1, 1], [3, 1], [3, 3], [1, 3]]]).tolist()
    [1.0]
    """
    return _overlap(a, b, "intersection", threads)


def iou(a: PolygonsLike, b: PolygonsLike, *, threads: int | None = None) -> Floats:
    """Intersection over union (Jaccard index) of two regions, pair by pair.

    Parameters
    ----------
    a, b : Polygons, or what Polygons accepts
        As many regions on both sides, or a single one on one side, which is paired with all of the other.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    ndarray of float64, shape (n,)
        Area shared over area covered by either, from 0 to 1; exactly 1 for the same region; the same bits when `a`
        and `b` swap. NaN where a region has no area.

    Raises
    ------
    RegionError
        If the lengths do not go together or the input is no batch of outlines.

    See Also
    --------
    iou_pairs : all overlapping pairs within groups.

    Notes
    -----
    Error below 1e-12 for valid outlines. Cost as `intersection_area`.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> square = [[0, 0], [2, 0], [2, 2], [0, 2]]
    >>> shifted = [[1, 0], [3, 0], [3, 2], [1, 2]]
    >>> lg.iou([square, square], [shifted, square]).round(4).tolist()
    [0.3333, 1.0]
    """
    return _overlap(a, b, "iou", threads)


def dice(a: PolygonsLike, b: PolygonsLike, *, threads: int | None = None) -> Floats:
    """Sørensen-Dice index of two regions, pair by pair.

    Parameters
    ----------
    a, b : Polygons, or what Polygons accepts
        As many regions on both sides, or a single one on one side, which is paired with all of the other.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    ndarray of float64, shape (n,)
        Twice the area shared over the sum of the areas, from 0 to 1; exactly 1 for the same region; the same bits
        when `a` and `b` swap. NaN where a region has no area.

    Raises
    ------
    RegionError
        If the lengths do not go together or the input is no batch of outlines.

    Notes
    -----
    Equals 2 IoU / (1 + IoU). Cost as `intersection_area`.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> square = [[0, 0], [2, 0], [2, 2], [0, 2]]
    >>> lg.dice([square], [[[1, 0], [3, 0], [3, 2], [1, 2]]]).tolist()
    [0.5]
    """
    return _overlap(a, b, "dice", threads)


class IouPairs(NamedTuple):
    """Overlapping pairs, sorted by `index_a`, then `index_b`.

    Attributes
    ----------
    index_a, index_b : ndarray of int64, shape (k,)
        Rows of the two batches.
    iou : ndarray of float64, shape (k,)
        Their intersection over union, above 0.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> triangle = [[0, 0], [2, 0], [2, 2]]
    >>> found = lg.iou_pairs([triangle], [triangle])
    >>> isinstance(found, lg.IouPairs), found.iou.tolist()
    (True, [1.0])
    """

    index_a: NDArray[np.int64]
    index_b: NDArray[np.int64]
    iou: Floats


def iou_pairs(
    a: PolygonsLike,
    b: PolygonsLike,
    *,
    groups_a: ArrayLike | None = None,
    groups_b: ArrayLike | None = None,
    min_iou: float = 0.0,
    threads: int | None = None,
) -> IouPairs:
    """Find all pairs of overlapping regions within groups, with their IoU.

    Parameters
    ----------
    a, b : Polygons, or what Polygons accepts
        n and m regions.
    groups_a, groups_b : array_like, shape (n,) and (m,), optional
        Group of each region (an image, a page), numbers or strings. Regions of different groups never meet. Give
        both or none.
    min_iou : float, default 0.0
        Only pairs with at least this IoU, and always more than 0.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    IouPairs
        Rows and IoU of each pair, sorted.

    Raises
    ------
    RegionError
        If groups are given for one side only or their lengths differ from the outlines'.
    ValueError
        If `min_iou` is not between 0 and 1.

    Notes
    -----
    Boxes are looked up in a tree per group: O((n + m) log m) plus the cost of `iou` per pair whose boxes meet.
    Each outline is prepared once per block of rows, not once per pair.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> square = lambda x: [[x, 0], [x + 2, 0], [x + 2, 2], [x, 2]]
    >>> left, right = [square(0), square(9)], [square(1), square(0), square(9)]
    >>> found = lg.iou_pairs(left, right, groups_a=[1, 1], groups_b=[1, 2, 1])
    >>> found.index_a.tolist(), found.index_b.tolist(), found.iou.round(3).tolist()
    ([0, 1], [0, 2], [0.333, 1.0])
    """
    if not 0.0 <= min_iou <= 1.0:
        raise ValueError(f"min_iou is {min_iou}; it lies between 0 and 1")
    left, right = as_polygons(a), as_polygons(b)
    keys_a, keys_b = _group_codes(groups_a, groups_b, len(left), len(right))
    return IouPairs(
        *_core.iou_pairs(
            left._interior(threads), right._interior(threads), keys_a, keys_b, min_iou=min_iou, threads=threads
        )
    )


def _overlap(a: Any, b: Any, kind: str, threads: int | None) -> Floats:
    left, right = as_polygons(a), as_polygons(b)
    judge = not (left._is_judged or right._is_judged) and len(left) > 0 and len(right) > 0
    # What a kernel prepares for the overlap tells also which outlines are valid, so both come from one pass. Only pairs
    # with an outline that overlaps itself are measured again, by its interior.
    if judge:
        drawn, known = (left.to_ragged(), right.to_ragged()), (left._survey(threads), right._survey(threads))
    else:
        drawn, known = _interiors(left, right, threads)
    values, *verdicts = _core.overlap(
        *drawn, known_a=known[0], known_b=known[1], kind=kind, judge=judge, threads=threads
    )
    if not judge:
        return values
    for side, codes in zip((left, right), verdicts, strict=True):
        side._verdicts(threads, codes[: len(side)])
    wrong = np.flatnonzero((verdicts[0] == SELF_OVERLAP) | (verdicts[1] == SELF_OVERLAP))
    if wrong.size:
        rows = [wrong if len(side) > 1 else np.zeros_like(wrong) for side in (left, right)]
        drawn, known = _interiors(left, right, threads)
        values[wrong] = _core.overlap(*drawn, *rows, known_a=known[0], known_b=known[1], kind=kind, threads=threads)[0]
    return values


def _interiors(
    left: Polygons, right: Polygons, threads: int | None
) -> tuple[tuple[Ragged, Ragged], tuple[Known, Known]]:
    """What two batches mean, and what is known of it."""
    return (
        (left._interior(threads), right._interior(threads)),
        (left._interior_known(threads), right._interior_known(threads)),
    )


def _group_codes(
    groups_a: ArrayLike | None, groups_b: ArrayLike | None, len_a: int, len_b: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if groups_a is None and groups_b is None:
        return np.zeros(len_a, dtype=np.int64), np.zeros(len_b, dtype=np.int64)
    if groups_a is None or groups_b is None:
        raise RegionError("groups are given for one side only; give groups_a and groups_b, or neither")
    first, second = np.asarray(groups_a), np.asarray(groups_b)
    for name, groups, length in (("groups_a", first, len_a), ("groups_b", second, len_b)):
        if groups.shape != (length,):
            raise RegionError(f"{name} has shape {groups.shape}; it needs one entry per region, ({length},)")
    if (first.dtype.kind in "iu") != (second.dtype.kind in "iu") and len_a and len_b:
        raise RegionError(f"groups_a are {first.dtype}, groups_b {second.dtype}; use one type for both")
    _, codes = np.unique(np.concatenate((first, second)), return_inverse=True)
    codes = np.ascontiguousarray(codes, dtype=np.int64)
    return codes[:len_a], codes[len_a:]
