"""The order of regions on a page that their content alone decides: sums over them have the same bits in any file."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..agreement.counted import Ints
from ..regions import Regions
from .sizes import Floats

__all__ = ["place_order"]


def place_order(page: Ints, who: Ints, rows: Ints, regions: Regions, *, threads: int | None = None) -> Ints:
    """Sort regions by page, annotator and place, whatever their order in the file.

    Parameters
    ----------
    page, who : ndarray of int64, shape (n,)
        Numbers from 0 of the page and of the annotator of each.
    rows : ndarray of int64, shape (n,)
        Rows of `regions`.
    regions : Regions
        All regions of the export.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    ndarray of int64, shape (n,)
        Their order: by page, annotator, x and y of the first vertex, area, region id. What is alike in all of these
        stays as it is. O(n log n).
    """
    key = page * (int(who.max(initial=0)) + 1) + who
    x, y = _first_vertex(rows, regions)
    order = np.lexsort((x, key))
    same = (np.diff(key[order]) == 0) & (np.diff(x[order]) == 0)
    if same.any():
        # Few begin at the same x; text is compared for these only.
        tied = np.zeros(len(order), dtype=np.bool_)
        tied[1:] |= same
        tied[:-1] |= same
        some = np.sort(order[tied])
        ids = regions.table["region_id"].take(pa.array(rows[some], pa.int64()))
        name = pc.rank(ids, tiebreaker="dense").to_numpy()
        area = regions.polygons._areas(threads)[rows[some]]
        order[tied] = some[np.lexsort((name, area, y[some], x[some], key[some]))]
    found: Ints = order
    return found


def _first_vertex(rows: Ints, regions: Regions) -> tuple[Floats, Floats]:
    """Return x and y of the first vertex of each; infinite where there is none."""
    polygons = regions.polygons
    first, last = (polygons.ring_offsets[polygons.polygon_offsets[rows + step]].astype(np.int64) for step in (0, 1))
    there = last > first
    if not there.any():
        return np.full(len(rows), np.inf), np.full(len(rows), np.inf)
    at = np.where(there, first, 0)
    return np.where(there, polygons.xy[at, 0], np.inf), np.where(there, polygons.xy[at, 1], np.inf)
