"""Distances of two boundaries: the largest, means, percentiles, shares within a tolerance, a signed offset."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple, overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from . import _core
from .arrow import numbers
from .errors import RegionError
from .metrics import Floats
from .options import checked_flag, checked_number, shown
from .polygons import PolygonsLike, Ragged, as_polygons
from .spacing import Spacing, checked_spacing

__all__ = [
    "HausdorffWitnesses",
    "assd",
    "hausdorff",
    "hd95",
    "masd",
    "nsd",
    "signed_offset",
    "surface_distances",
]

#: As for pixels: the squares of larger coordinates overflow.
LARGEST_MM = 1e150

#: Columns of what the core returns.
HAUSDORFF, PERCENTILE, MASD, ASSD, OFFSET, NSD, A_TO_B, B_TO_A = range(8)


class HausdorffWitnesses(NamedTuple):
    """Hausdorff distances and where they are: a point on each boundary.

    Attributes
    ----------
    distance : ndarray of float64, shape (n,)
        The same bits as without witnesses.
    point_a, point_b : ndarray of float64, shape (n, 2)
        x and y of a point on each boundary, in pixels; NaN where the distance is. One of them is a point that is
        farthest from the other boundary, the other one its nearest point there, so they lie `distance` apart. Of
        several such points one is chosen, the same one when `a` and `b` swap.
    from_a : ndarray of bool, shape (n,)
        Whether `point_a` is the one that is so far from the other boundary; False where the distance is NaN.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> outline, notched = [[0, 0], [8, 0], [8, 8], [0, 8]], [[0, 0], [4, 3], [8, 0], [8, 8], [0, 8]]
    >>> found = lg.hausdorff([outline], [notched], witnesses=True)
    >>> isinstance(found, lg.HausdorffWitnesses), found.distance.tolist(), found.from_a.tolist()
    (True, [3.0], [False])
    >>> found.point_a.tolist(), found.point_b.tolist()
    ([[4.0, 0.0]], [[4.0, 3.0]])
    """

    distance: Floats
    point_a: Floats
    point_b: Floats
    from_a: NDArray[np.bool_]


@overload
def hausdorff(
    a: PolygonsLike,
    b: PolygonsLike,
    *,
    directed: bool = False,
    method: Literal["exact", "vertex"] = "exact",
    witnesses: Literal[False] = False,
    threads: int | None = None,
) -> Floats: ...
@overload
def hausdorff(
    a: PolygonsLike,
    b: PolygonsLike,
    *,
    directed: bool = False,
    method: Literal["exact", "vertex"] = "exact",
    witnesses: Literal[True],
    threads: int | None = None,
) -> HausdorffWitnesses: ...
@overload
def hausdorff(
    a: PolygonsLike,
    b: PolygonsLike,
    *,
    directed: bool = False,
    method: Literal["exact", "vertex"] = "exact",
    witnesses: bool,
    threads: int | None = None,
) -> Floats | HausdorffWitnesses: ...
def hausdorff(
    a: PolygonsLike,
    b: PolygonsLike,
    *,
    directed: bool = False,
    method: Literal["exact", "vertex"] = "exact",
    witnesses: bool = False,
    threads: int | None = None,
) -> Floats | HausdorffWitnesses:
    """Hausdorff distance of two boundaries in pixels, pair by pair.

    The largest distance from a boundary point of one region to the boundary of the other.

    Parameters
    ----------
    a, b : Polygons, or what Polygons accepts
        As many regions on both sides, or a single one on one side, which is paired with all of the other.
    directed : bool, default False
        Only from `a` to `b`, not the larger of both directions.
    method : {"exact", "vertex"}, default "exact"
        "exact": from all points of the boundary. "vertex": from the vertices only, to the whole other boundary,
        which is what GEOS and shapely call the Hausdorff distance; it is never larger and often too small.
    witnesses : bool, default False
        Also return where the distance is.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    ndarray of float64, shape (n,), or HausdorffWitnesses with `witnesses`
        0 where boundaries coincide; the same bits when `a` and `b` swap (unless `directed`). Holes are part of the
        boundary. NaN where a region has no boundary.

    Raises
    ------
    RegionError
        If the lengths do not go together or the input is no batch of outlines.
    ValueError
        If `method` is neither "exact" nor "vertex", or `directed` or `witnesses` neither True nor False.

    Notes
    -----
    Edges are split where their nearest segment changes, until a bound from convexity closes: within 2e-15 of the
    pair's extent. About O((n + m) log(n + m)) per pair, plus the places where the nearest segment changes along edges
    that no segment is near enough to as a whole.

    The boundary of a valid region is the one drawn, shared edges and spikes included. Distances are exact to rounding
    for coordinates and distances between about 1e-140 and 1e150 px.

    References
    ----------
    A. A. Taha, A. Hanbury, "An efficient algorithm for calculating the exact Hausdorff distance", IEEE TPAMI 2015.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> square = [[0, 0], [2, 0], [2, 2], [0, 2]]
    >>> lg.hausdorff([square], [[[1, 0], [3, 0], [3, 2], [1, 2]]]).tolist()
    [1.0]

    Where it is:

    >>> far = lg.hausdorff([square], [[[0, 0], [2, 0], [2, 2], [0, 5]]], witnesses=True)
    >>> far.distance.tolist(), far.point_a.tolist(), far.point_b.tolist(), far.from_a.tolist()
    ([3.0], [[0.0, 2.0]], [[0.0, 5.0]], [False])
    """
    if method not in ("exact", "vertex"):
        raise ValueError(f"method is {method!r}; it is 'exact' or 'vertex'")
    directed, witnesses = checked_flag("directed", directed), checked_flag("witnesses", witnesses)
    left, right = as_polygons(a)._interior(threads), as_polygons(b)._interior(threads)
    vertices_only = method == "vertex"
    if witnesses:
        found = _core.hausdorff_witnesses(left, right, directed=directed, vertices_only=vertices_only, threads=threads)
        return HausdorffWitnesses(*found)
    return _core.hausdorff(left, right, directed=directed, vertices_only=vertices_only, threads=threads)


def hd95(
    a: PolygonsLike,
    b: PolygonsLike,
    *,
    percentile: float = 95.0,
    pooled: bool = False,
    threads: int | None = None,
) -> Floats:
    """Percentile of the distances between two boundaries in pixels, pair by pair.

    The larger of two directed values: the smallest distance within which 95 % of the length of one boundary lie from
    the other boundary. Unlike the Hausdorff distance it does not depend on a single spike.

    Parameters
    ----------
    a, b : Polygons, or what Polygons accepts
        As many regions on both sides, or a single one on one side, which is paired with all of the other.
    percentile : float, default 95.0
        From 0 (the smallest distance) to 100 (the Hausdorff distance).
    pooled : bool, default False
        Take the percentile over the length of both boundaries together instead, as MedPy does over pixels. It is
        never larger, and often much smaller.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    ndarray of float64, shape (n,)
        The same bits when `a` and `b` swap. NaN where a region has no boundary.

    Raises
    ------
    RegionError
        If the lengths do not go together or the input is no batch of outlines.
    ValueError
        If `percentile` is not between 0 and 100, or `pooled` neither True nor False.

    See Also
    --------
    surface_distances : all of these numbers in one pass.

    Notes
    -----
    Weighted by length over all points of all rings; nothing is sampled, so the value is the limit that the pixel and
    contour tools approach. See `surface_distances` for method, cost and regions without a length.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> square = [[0, 0], [10, 0], [10, 10], [0, 10]]
    >>> spiked = [[0, 0], [10, 0], [10, 10], [5.1, 10], [5, 14], [4.9, 10], [0, 10]]
    >>> lg.hausdorff([square], [spiked]).round(3).tolist(), lg.hd95([square], [spiked]).round(3).tolist()
    ([4.0], [2.805])
    """
    percentile, pooled = _percentile(percentile), checked_flag("pooled", pooled)
    return _column(PERCENTILE, a, b, threads, percentile=percentile, pooled=pooled)


def masd(a: PolygonsLike, b: PolygonsLike, *, threads: int | None = None) -> Floats:
    """Mean of the two directed mean distances between boundaries (MASD) in pixels, pair by pair.

    Parameters
    ----------
    a, b : Polygons, or what Polygons accepts
        As many regions on both sides, or a single one on one side, which is paired with all of the other.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    ndarray of float64, shape (n,)
        0 where boundaries coincide; the same bits when `a` and `b` swap. NaN where a region has no boundary.

    Raises
    ------
    RegionError
        If the lengths do not go together or the input is no batch of outlines.

    See Also
    --------
    assd : both boundaries count by their length.
    surface_distances : all of these numbers in one pass, and the directed means.

    Notes
    -----
    The directed mean from A to B is the integral over the boundary of A of the distance to the nearest point of B's
    boundary, divided by the length of A's boundary. Closed forms, see `surface_distances`.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> square = [[0, 0], [8, 0], [8, 8], [0, 8]]
    >>> lg.masd([square], [[[1, 0], [9, 0], [9, 8], [1, 8]]]).round(12).tolist()
    [0.5]
    """
    return _column(MASD, a, b, threads)


def assd(a: PolygonsLike, b: PolygonsLike, *, threads: int | None = None) -> Floats:
    """Average symmetric distance between boundaries (ASSD) in pixels, pair by pair.

    Parameters
    ----------
    a, b : Polygons, or what Polygons accepts
        As many regions on both sides, or a single one on one side, which is paired with all of the other.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    ndarray of float64, shape (n,)
        0 where boundaries coincide; the same bits when `a` and `b` swap. NaN where a region has no boundary.

    Raises
    ------
    RegionError
        If the lengths do not go together or the input is no batch of outlines.

    See Also
    --------
    masd : both directions count alike.
    surface_distances : all of these numbers in one pass.

    Notes
    -----
    The integrals of the distance over both boundaries, divided by the sum of their lengths. Closed forms, see
    `surface_distances`.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> inner, outer = [[-1, -1], [1, -1], [1, 1], [-1, 1]], [[-2, -2], [2, -2], [2, 2], [-2, 2]]
    >>> lg.assd([inner], [outer]).round(6).tolist()
    [1.049265]
    """
    return _column(ASSD, a, b, threads)


def nsd(a: PolygonsLike, b: PolygonsLike, *, tolerance: float, threads: int | None = None) -> Floats:
    """Normalised surface distance (surface Dice): share of both boundaries that is near the other, pair by pair.

    Parameters
    ----------
    a, b : Polygons, or what Polygons accepts
        As many regions on both sides, or a single one on one side, which is paired with all of the other.
    tolerance : float
        Largest distance in pixels that counts as near, at least 0.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    ndarray of float64, shape (n,)
        From 0 to 1; the same bits when `a` and `b` swap. NaN where a region has no boundary.

    Raises
    ------
    RegionError
        If the lengths do not go together or the input is no batch of outlines.
    ValueError
        If `tolerance` is not a number from 0 up.

    See Also
    --------
    surface_distances : all of these numbers in one pass, and a tolerance in millimetres.

    Notes
    -----
    Length of A's boundary within the tolerance of B's, plus length of B's within the tolerance of A's, over the sum of
    the lengths. Distances that exceed the tolerance by rounding only (1e-14 of the pair's extent) are within it.

    References
    ----------
    S. Nikolov et al., "Clinically applicable segmentation of head and neck anatomy for radiotherapy", JMIR 2021.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> square = [[0, 0], [8, 0], [8, 8], [0, 8]]
    >>> shifted = [[1, 0], [9, 0], [9, 8], [1, 8]]
    >>> [round(float(lg.nsd([square], [shifted], tolerance=t)[0]), 6) for t in (0, 0.5, 1)]
    [0.4375, 0.5, 1.0]
    """
    return _column(NSD, a, b, threads, tolerance=checked_tolerance("tolerance", tolerance))


def signed_offset(a: PolygonsLike, b: PolygonsLike, *, threads: int | None = None) -> Floats:
    """How much wider `a` is drawn than `b`, in pixels, pair by pair.

    Parameters
    ----------
    a, b : Polygons, or what Polygons accepts
        As many regions on both sides, or a single one on one side, which is paired with all of the other.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    ndarray of float64, shape (n,)
        Above 0 where `a` is wider, 0 where boundaries coincide; the same bits with the opposite sign when `a` and `b`
        swap. NaN where a region has no boundary.

    Raises
    ------
    RegionError
        If the lengths do not go together or the input is no batch of outlines.

    See Also
    --------
    surface_distances : all of these numbers in one pass.

    Notes
    -----
    Half of: the mean over A's boundary of the distance to B's boundary, counted positive outside B's interior and
    negative inside, minus the same for B against A. For outlines drawn `d` apart all around it is `d`, nearly. Regions
    that lie beside each other have no meaningful offset.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> inner, outer = [[1, 1], [7, 1], [7, 7], [1, 7]], [[0, 0], [8, 0], [8, 8], [0, 8]]
    >>> lg.signed_offset([outer, inner], [inner, outer]).round(4).tolist()
    [1.0185, -1.0185]
    """
    return _column(OFFSET, a, b, threads, offset=True)


def surface_distances(
    a: PolygonsLike,
    b: PolygonsLike,
    *,
    percentile: float = 95.0,
    pooled: bool = False,
    tolerance: float | None = None,
    spacing_mm: Spacing | None = None,
    threads: int | None = None,
) -> pa.Table:
    """Measure all distances between two boundaries in one pass, pair by pair.

    Parameters
    ----------
    a, b : Polygons, or what Polygons accepts
        As many regions on both sides, or a single one on one side, which is paired with all of the other.
    percentile : float, default 95.0
        Percentile of `hd95`, from 0 to 100.
    pooled : bool, default False
        Take the percentile over both boundaries together, see `hd95`.
    tolerance : float, optional
        Tolerance of `nsd`: in pixels, or in millimetres where `spacing_mm` is given. Without it there is no such
        column.
    spacing_mm : float or (float, float), optional
        Millimetres per pixel, the same along both axes or (x, y). Coordinates are scaled before any length is taken.
        Without it no millimetres are given: they are never guessed.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    pyarrow.Table
        n rows: hausdorff_px, hd95_px (named after the percentile: hd90_px, hd99.5_px; if pooled: hd95_pooled_px),
        masd_px, assd_px, signed_offset_px, nsd (only with a tolerance), mean_a_to_b_px, mean_b_to_a_px; with spacing
        all the lengths again as ``_mm``; problem: null, "empty_a", "empty_b" or "empty_both" for a region with no
        boundary: empty, or an outline that encloses nothing after repair (its hole covers it; lines and points keep
        theirs). All numbers are null there.

    Raises
    ------
    RegionError
        If the lengths do not go together or the input is no batch of outlines.
    ValueError
        If `percentile`, `tolerance` or `spacing_mm` (1e-9 to 1e9) lies outside its range, or `pooled` is neither True
        nor False.

    See Also
    --------
    hausdorff, hd95, masd, assd, signed_offset, nsd : one number each, with its definition.

    Notes
    -----
    The boundary is that of the interior, all rings, as for `hausdorff`; d(p, B) is the distance of a point to the
    nearest point of B's boundary. Each edge of one boundary is cut where the nearest feature of the other changes (an
    edge or a vertex); on each piece the distance is |linear| or sqrt(quadratic), and integrals, lengths and percentiles
    are closed forms of these: no sampling, no raster. About O((n + m) log(n + m)) per pair for outlines of lesions;
    combs and spirals whose teeth or turns lie closer together than the two outlines do cost up to (n + m) squared.

    The boundary of a valid region is the one drawn, shared edges and spikes included. Distances are exact to rounding
    for coordinates and distances between about 1e-140 and 1e150 px.

    A region that is a single point has no length: its directed values are those of the point (of several points, each
    weighs the same); where both boundaries are counted by length it does not count beside one that has a length.

    References
    ----------
    L. Maier-Hein, A. Reinke et al., "Metrics reloaded", Nature Methods 2024, for the definitions over pixels.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> square, shifted = [[0, 0], [8, 0], [8, 8], [0, 8]], [[1, 0], [9, 0], [9, 8], [1, 8]]
    >>> table = lg.surface_distances([square, square], [shifted, []], tolerance=0.5)
    >>> table.column_names[:6]
    ['hausdorff_px', 'hd95_px', 'masd_px', 'assd_px', 'signed_offset_px', 'nsd']
    >>> table["problem"].to_pylist(), [round(table[name][0].as_py(), 6) for name in ("assd_px", "nsd")]
    ([None, 'empty_b'], [0.5, 0.5])
    """
    percentile, pooled = _percentile(percentile), checked_flag("pooled", pooled)
    within = None if tolerance is None else checked_tolerance("tolerance", tolerance)
    spacing = checked_spacing(spacing_mm)
    left, right = as_polygons(a)._interior(threads), as_polygons(b)._interior(threads)
    options: dict[str, Any] = {"percentile": percentile, "pooled": pooled, "offset": True, "hausdorff": True}
    in_px = _rows(left, right, threads, **options, tolerance=within if spacing is None else None)
    empty = [np.broadcast_to(_is_empty(side), len(in_px)) for side in (left, right)]
    # The shortest text that is this number, so that 99.99999 is not named 100.
    name = f"hd{repr(percentile).removesuffix('.0')}{'_pooled' if pooled else ''}"
    lengths = {
        "hausdorff": HAUSDORFF,
        name: PERCENTILE,
        "masd": MASD,
        "assd": ASSD,
        "signed_offset": OFFSET,
        "mean_a_to_b": A_TO_B,
        "mean_b_to_a": B_TO_A,
    }
    columns = {f"{name}_px": numbers(in_px[:, column]) for name, column in lengths.items()}
    shares = in_px[:, NSD]
    if spacing is not None:
        in_mm = _rows(_scaled(left, spacing), _scaled(right, spacing), threads, **options, tolerance=within)
        columns |= {f"{name}_mm": numbers(in_mm[:, column]) for name, column in lengths.items()}
        shares = in_mm[:, NSD]
    if within is not None:
        # Beside the other values that do not say which way is meant.
        position = list(lengths).index("mean_a_to_b")
        columns = dict([*list(columns.items())[:position], ("nsd", numbers(shares)), *list(columns.items())[position:]])
    problems = np.array([None, "empty_a", "empty_b", "empty_both"], dtype=object)
    columns["problem"] = pa.array(problems[empty[0] + 2 * empty[1].astype(np.int64)], pa.string())
    return pa.table(columns)


def _column(column: int, a: PolygonsLike, b: PolygonsLike, threads: int | None, **options: Any) -> Floats:
    left, right = as_polygons(a)._interior(threads), as_polygons(b)._interior(threads)
    return np.ascontiguousarray(_rows(left, right, threads, **options)[:, column])


def _rows(left: Ragged, right: Ragged, threads: int | None, **options: Any) -> Floats:
    return _core.surface_distances(left, right, threads=threads, **options).reshape(-1, 8)


def _is_empty(region: Ragged) -> NDArray[np.bool_]:
    """Rows without a vertex."""
    _, ring_offsets, polygon_offsets = region
    return np.equal(np.diff(ring_offsets[polygon_offsets]), 0)


def _scaled(region: Ragged, spacing: tuple[float, float]) -> Ragged:
    scaled = region[0] * np.array(spacing)
    if scaled.size and np.abs(scaled).max() > LARGEST_MM:
        raise RegionError(f"an outline is larger than {LARGEST_MM} mm with spacing_mm={spacing}; check the spacing")
    return scaled, region[1], region[2]


def _percentile(percentile: float) -> float:
    value = checked_number("percentile", percentile)
    if not 0.0 <= value <= 100.0:
        raise ValueError(f"percentile is {shown(percentile)}; it lies between 0 and 100")
    return value + 0.0  # -0.0 is 0.


def checked_tolerance(name: str, tolerance: Any) -> float:
    """Return an option that is a distance from 0 up."""
    value = checked_number(name, tolerance)
    if not 0.0 <= value < math.inf:
        raise ValueError(f"{name} is {shown(tolerance)}; it is a distance from 0 up")
    return value
