"""Shape of each region: diameters in pixels and millimetres; how round, full, long and symmetric it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from . import _core
from .arrow import numbers
from .polygons import Polygons, PolygonsLike, Ragged, as_polygons
from .spacing import Spacing, checked_spacing

__all__ = ["shape_measures"]

#: Measures of the core, in its order; those that are lengths end in the unit.
LENGTHS = ("feret_max", "feret_min", "perpendicular", "equivalent_diameter")
RATIOS = ("circularity", "solidity", "elongation", "asymmetry_1", "asymmetry_2")


def shape_measures(
    polygons: PolygonsLike,
    *,
    spacing_mm: Spacing | None = None,
    threads: int | None = None,
) -> pa.Table:
    """Diameters, roundness, elongation and asymmetry of each region.

    Parameters
    ----------
    polygons : Polygons, or what Polygons accepts
        n regions.
    spacing_mm : float or (float, float), optional
        Millimetres per pixel, the same along both axes or (x, y). The axes are scaled before anything is measured.
        Without it no millimetres are given.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    pyarrow.Table
        n rows. Lengths in pixels, and with spacing also in millimetres (``_mm`` in place of ``_px``):

        feret_max_px
            Largest distance of two points of the region.
        feret_min_px
            Smallest distance of two parallel lines that hold the region between them.
        perpendicular_px
            Longest segment at right angles to the largest diameter that stays inside the region. Of diameters equally
            long (to 1e-12) the one that gives the longest segment counts; of more than 32, the first 32.
        equivalent_diameter_px
            Diameter of the circle of the same area, 2 sqrt(area / pi).

        Ratios, with spacing of the outline in millimetres:

        circularity
            4 pi area / perimeter², of the outlines without their holes; 1 for a circle. The square of what pyradiomics
            calls sphericity.
        solidity
            Area over area of the convex hull.
        elongation
            sqrt(smaller / larger principal second moment of area): 1 for a circle or square, 0 for a line.
        asymmetry_1, asymmetry_2
            Area of the symmetric difference of the region and its mirror image about a principal axis through the
            centroid, over the area: 0 for a symmetric region, 2 at most. 1: about the axis along which the region
            is longer; 2: about the other. Where the principal moments are equal to 1e-9 (squares, discs) there are no
            such axes, and x (1) and y (2) serve.

        All are null for an empty region; the ratios also where there is no area.

    Raises
    ------
    RegionError
        If the input is no batch of outlines.
    ValueError
        If a spacing is no number from 1e-9 to 1e9 mm per pixel.

    See Also
    --------
    measure : these with area, perimeter, centroid and bounds.

    Notes
    -----
    Exact on the outline, nothing is rasterised. Self-overlapping outlines count with their non-zero interior.
    The boundary of a valid region is the one drawn, shared edges and spikes included. Lengths are exact to rounding
    for coordinates and distances between about 1e-140 and 1e150 px.

    O(n log n) per region (convex hull and rotating calipers), plus the edges that face each other in the mirror images
    and, for the perpendicular chord, the edges above each other at each vertex: n squared for thousands of parallel
    fingers.

    References
    ----------
    Feret diameters and solidity as in ImageJ and QuPath (whose "max diameter" is another one: that of the smallest
    enclosing circle); asymmetry after the first criterion of the dermoscopic ABCD rule. These are measures of geometry
    and no diagnosis.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> table = lg.shape_measures([[[0, 0], [40, 0], [40, 30], [0, 30]]], spacing_mm=0.1)
    >>> {name: round(table[name][0].as_py(), 4) for name in table.column_names[:4]}
    {'feret_max_px': 50.0, 'feret_min_px': 30.0, 'perpendicular_px': 37.5, 'equivalent_diameter_px': 39.0882}
    >>> round(table["feret_max_mm"][0].as_py(), 4), round(table["elongation"][0].as_py(), 4)
    (5.0, 0.75)
    """
    return pa.table(shape_columns(as_polygons(polygons), checked_spacing(spacing_mm), threads))


def shape_columns(
    polygons: Polygons, spacing: tuple[float, float] | NDArray[np.float64] | None, threads: int | None
) -> dict[str, pa.Array]:
    """Return the columns of `shape_measures`; of an array of spacings, rows of NaN have no millimetres."""
    interior = polygons._interior(threads)
    pixels = _core.shape(interior, (1.0, 1.0), threads=threads)
    columns = {f"{name}_px": numbers(values) for name, values in zip(LENGTHS, pixels, strict=False)}
    scaled: Sequence[NDArray[np.float64]] = pixels
    if isinstance(spacing, np.ndarray):
        unknown = np.isnan(spacing[:, 0])
        scaled = _core.shape(in_millimetres(interior, spacing), (1.0, 1.0), threads=threads)
        lengths = [np.where(unknown, np.nan, values) for values in scaled[: len(LENGTHS)]]
        columns |= {f"{name}_mm": numbers(values) for name, values in zip(LENGTHS, lengths, strict=True)}
    elif spacing is not None:
        scaled = _core.shape(interior, spacing, threads=threads)
        columns |= {f"{name}_mm": numbers(values) for name, values in zip(LENGTHS, scaled, strict=False)}
    return columns | {name: numbers(values) for name, values in zip(RATIOS, scaled[len(LENGTHS) :], strict=True)}


def in_millimetres(interior: Ragged, spacing: NDArray[np.float64]) -> Ragged:
    """Scale the outlines of each region by its own spacing; where that is NaN they stay in pixels."""
    xy, ring_offsets, polygon_offsets = interior
    vertices = np.diff(ring_offsets[polygon_offsets])
    scale = np.where(np.isnan(spacing), 1.0, spacing)
    return xy * np.repeat(scale, vertices, axis=0), ring_offsets, polygon_offsets
