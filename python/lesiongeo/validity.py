"""Outlines that are not valid: what they mean, and where they go wrong."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from . import _core
from .arrow import nullable, numbers
from .polygons import PROBLEMS, Polygons, PolygonsLike, as_polygons

__all__ = ["make_valid", "validity_reason"]

#: What is wrong with an outline that covers nothing, by its problem.
DEGENERATE = {
    "empty": "no points",
    "too_few_points": "fewer than 3 distinct points",
    "zero_area": "encloses no area",
}
#: Codes of the core.
CROSSING, COVERED_TWICE, HOLE_OUTSIDE, CUT_TWICE = 1, 2, 3, 4


def make_valid(polygons: PolygonsLike, *, threads: int | None = None) -> Polygons:
    """Return what the regions mean: outlines that overlap themselves by their interior.

    Parameters
    ----------
    polygons : Polygons, or what Polygons accepts
        n regions.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    Polygons
        n regions. Valid ones are unchanged to the bit, and so are those without area (no points, fewer than three
        distinct ones, all on a line): nothing could be made of them. The others are replaced by the non-zero interior
        of each outline, united, less that of each hole: valid rings, each part's outline followed by its holes.

    Raises
    ------
    RegionError
        If the input is no batch of outlines.

    See Also
    --------
    validity_reason : what was wrong, and the area before and after.

    Notes
    -----
    Valid is meant as in `is_valid`: the winding number is 0 or 1 almost everywhere. Spikes, touching points and shared
    edges stay as drawn, and tools that follow OGC simple features may call them invalid.

    All metrics answer for these regions anyway, see `Polygons`; this is for handing them on. Crossing points become
    vertices, rounded to doubles: half a unit in the last place along the borders that meet there. Drawn vertices stay.
    An outline so thin that this would make it cross itself again is rounded as a whole, its vertices too.
    Cost per region as for `union`: about n log n plus the crossings, more for thousands of long thin fingers along x.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> bow_tie = [[0, 0], [2, 2], [2, 0], [0, 2]]
    >>> made = lg.make_valid([bow_tie])
    >>> [ring.tolist() for ring in made[0]]
    [[[0.0, 0.0], [1.0, 1.0], [0.0, 2.0]], [[1.0, 1.0], [2.0, 0.0], [2.0, 2.0]]]
    """
    return Polygons._trusted(as_polygons(polygons)._interior(threads))


def validity_reason(polygons: PolygonsLike, *, threads: int | None = None) -> pa.Table:
    """Say why each region is not valid, and where.

    Parameters
    ----------
    polygons : Polygons, or what Polygons accepts
        n regions.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    pyarrow.Table
        n rows:

        - valid (bool), problem ("empty", "too_few_points", "zero_area", "self_overlap", else null);
        - ring, other_ring (int64): which ring goes wrong, counted from 0 within the region as in `Polygons.to_rings`
          (which may have more rings than were drawn: a hole that has no direction is split), and with which other
          one, null if with itself;
        - x_px, y_px: where borders cross, or a point inside what is covered more than once; null where neither;
        - area_before_px2: absolute shoelace sum as drawn, in which parts that run backwards cancel others;
        - area_after_px2: area of the interior, what `area` answers;
        - reason: the same in words, null if valid.

    Raises
    ------
    RegionError
        If the input is no batch of outlines.

    See Also
    --------
    is_valid : what counts as valid.
    make_valid : the interior itself.

    Notes
    -----
    Of several defects that with the largest area is reported: others may be a few units in the last place wide. The
    crossing is exact up to rounding: within one unit in the last place of the region's largest coordinate.
    Cost per region as for `union`: about n log n plus the crossings, more for thousands of long thin fingers along x.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> table = lg.validity_reason([[[0, 0], [2, 2], [2, 0], [0, 2]], [[0, 0], [1, 1]]])
    >>> table["reason"].to_pylist()
    ['ring 0 crosses itself at (1, 1)', 'fewer than 3 distinct points']
    >>> table["area_before_px2"].to_pylist(), table["area_after_px2"].to_pylist()
    ([0.0, 0.0], [2.0, 0.0])
    """
    outlines = as_polygons(polygons)
    verdicts, interior = outlines._verdicts(threads), outlines._interior(threads)
    kinds, ring, other, place, before = _core.defects_of(outlines.to_ragged(), verdicts, threads=threads)
    problems = outlines.problem
    reasons = [
        None if problem is None else DEGENERATE.get(problem) or _words(*defect)
        for problem, *defect in zip(
            problems, kinds.tolist(), ring.tolist(), other.tolist(), *place.T.tolist(), strict=True
        )
    ]
    return pa.table(
        {
            "valid": pa.array(np.equal(verdicts, PROBLEMS.index(None))),
            "problem": pa.array(problems, pa.string()),
            "ring": nullable(ring, ring < 0),
            "other_ring": nullable(other, other < 0),
            "x_px": numbers(place[:, 0]),
            "y_px": numbers(place[:, 1]),
            "area_before_px2": pa.array(before),
            "area_after_px2": pa.array(_core.area(interior, threads=threads)),
            "reason": pa.array(reasons, pa.string()),
        }
    )


def _words(kind: int, ring: int, other: int, x: float, y: float) -> str:
    at = "at ({}, {})".format(*(repr(value).removesuffix(".0") for value in (x, y)))
    match kind:
        case 1 if other < 0:
            return f"ring {ring} crosses itself {at}"
        case 1:
            return f"rings {ring} and {other} cross {at}"
        case 2 if other < 0:
            return f"covered more than once {at}, by ring {ring}"
        case 2:
            return f"covered more than once {at}, by rings {ring} and {other}"
        case 3:
            return f"hole lies outside its outline {at}, ring {ring}"
        case 4:
            return f"cut out more than once {at}, by rings {ring} and {other}"
        case 5:
            return f"ring {ring} runs backwards around the place {at}"
    return "covered more than once"
