"""Whether lesions cover points: the outlines that were measured, asked a few times."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...agreement.counted import Ints
from ...polygons import Polygons
from .completion import Mask

__all__ = ["Covering", "inside"]

Floats: TypeAlias = NDArray[np.float64]


class Covering:
    """Outlines of the rows of a table, which tell whether a row covers a point: a `Covers` for `geo_statuses`.

    Parameters
    ----------
    shapes : Polygons
        Outlines that cover no place twice (`Observations.shapes`).
    starts, outlines : ndarray of int64
        Row i has ``outlines[starts[i]:starts[i + 1]]`` of them.
    """

    def __init__(self, shapes: Polygons, starts: Ints, outlines: Ints) -> None:
        self.shapes, self.starts, self.outlines = shapes, starts, outlines

    def __call__(self, rows: Ints, x: Floats, y: Floats) -> Mask:
        """Tell of each row whether at least half of its outlines contain the point; False where it has none."""
        copies = np.diff(self.starts)[rows]
        which = np.repeat(np.arange(len(rows)), copies)
        at = np.arange(len(which)) + np.repeat(self.starts[rows] - (np.cumsum(copies) - copies), copies)
        found = inside(self.shapes.take(self.outlines[at]), x[which], y[which])
        votes = np.bincount(which[found], minlength=len(rows))
        covered: Mask = (2 * votes >= copies) & (votes > 0)
        return covered


def inside(shapes: Polygons, x: Floats, y: Floats) -> Mask:
    """Tell of each outline whether it contains its point.

    Parameters
    ----------
    shapes : Polygons
        n outlines that cover no place twice; holes are not inside.
    x, y : ndarray of float64, shape (n,)
        One point for each.

    Returns
    -------
    ndarray of bool, shape (n,)
        By the number of edges to the right of the point. On the border either may come out, and always the same.
        O(vertices).

    Examples
    --------
    >>> import lesiongeo as lg
    >>> import numpy as np
    >>> from lesiongeo.tracks.statuses.covering import inside
    >>> square = lg.Polygons.from_rings([[[0, 0], [4, 0], [4, 4], [0, 4]]] * 2)
    >>> inside(square, np.array([1.0, 5.0]), np.array([1.0, 1.0])).tolist()
    [True, False]
    """
    xy, rings, polygons = shapes.to_ragged()
    if not len(xy):
        return np.zeros(len(shapes), dtype=bool)
    ends = np.asarray(rings, dtype=np.int64)
    following = np.arange(1, len(xy) + 1)
    some = ends[1:] > ends[:-1]
    following[ends[1:][some] - 1] = ends[:-1][some]
    of_ring = np.repeat(np.arange(len(shapes)), np.diff(polygons))
    of = np.repeat(of_ring, np.diff(ends))
    # Edges that cross the height of the point, counted once where they meet.
    crosses = np.flatnonzero((xy[:, 1] <= y[of]) != (xy[following, 1] <= y[of]))
    one, other, own = crosses, following[crosses], of[crosses]
    share = (y[own] - xy[one, 1]) / (xy[other, 1] - xy[one, 1])
    right = xy[one, 0] + share * (xy[other, 0] - xy[one, 0]) > x[own]
    found: Mask = np.bincount(own[right], minlength=len(shapes)) % 2 == 1
    return found
