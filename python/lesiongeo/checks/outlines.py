"""Outlines: invalid, tiny, drawn twice."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .. import _core
from ..pairs import Ints, label_sets
from ..polygons import Polygons
from ..read.problems import REASONS
from ..validity import validity_reason
from .view import FINDING_SCHEMA, View

__all__ = ["check_duplicates", "check_invalid", "check_tiny"]

TINY = "so small that it may be a stray click; delete or redraw the region, or lower the threshold"
DUPLICATE = "the same person drew the same thing twice, with the same label; delete one of the two"


def check_invalid(view: View, *, threads: int | None) -> pa.Table:
    """Every outline that is not valid, with what is wrong and where; a note where it does not count."""
    rows = np.flatnonzero(~view.regions["valid"].to_numpy(zero_copy_only=False))
    if not len(rows):
        return FINDING_SCHEMA.empty_table()
    told = validity_reason(view.export.regions.polygons.take(rows), threads=threads)
    problem = view.regions["problem"].take(pa.array(rows))
    severity = np.where(view.counts[view.export.annotation_rows[rows]], 0, 2)
    messages = [REASONS.get(name, "redraw the region") for name in problem.to_pylist()]
    tables = []
    for name in sorted(set(problem.to_pylist())):
        chosen = np.flatnonzero(pc.equal(problem, name).to_numpy())
        value = [_rounded(reason) for reason in told["reason"].take(pa.array(chosen)).to_pylist()]
        tables.append(
            view.about_regions(
                name,
                rows[chosen],
                messages[chosen[0]],
                value=pa.array(value, pa.string()),
                severity=pa.array(["error", "warning", "info"]).take(pa.array(severity[chosen])),
            )
        )
    return pa.concat_tables(tables)


def _rounded(reason: str | None) -> str | None:
    """A reason with coordinates to a tenth of a pixel: enough to find the place on the screen."""
    if reason is None:
        return None
    return re.sub(r"-?\d+\.\d+(e[+-]?\d+)?", lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), reason)


def check_tiny(view: View, *, tiny_px2: float, threads: int | None) -> pa.Table:
    """Regions of a smaller area than this, but of some: those without are invalid, or have no interior to measure."""
    area = view.export.regions.polygons._areas(threads)[view.rows]
    chosen = (area > 0) & (area < tiny_px2)
    value = [f"{size:.3g} px2" for size in area[chosen].tolist()]
    return view.about_regions("tiny", view.rows[chosen], TINY, value=pa.array(value, pa.string()), severity="warning")


def check_duplicates(view: View, *, duplicate_iou: float, threads: int | None) -> pa.Table:
    """Regions of one annotation on one page with the same labels that overlap by more than this IoU.

    One finding per region that has a twin earlier in the order of region ids, however many twins there are.
    Regions that are the same to the last bit are put together first, so that a thousand copies cost a thousand steps.
    Then each pair of regions of a group is looked at once: those whose places in the group differ first in bit k meet
    in round k, so no region meets itself and no pair is judged twice.
    """
    rows = view.rows
    if len(rows) < 2:
        return FINDING_SCHEMA.empty_table()
    labels = label_sets(view.regions)[rows].astype(np.int64)
    _, group = np.unique(np.stack([view.owner, view.page, labels]), axis=1, return_inverse=True)
    group = group.reshape(-1)
    together = np.bincount(group)[group] > 1
    rows, group = rows[together], group[together]
    if not len(rows):
        return FINDING_SCHEMA.empty_table()
    by_name = _by_name(view, rows, group)
    rows, group = rows[by_name], group[by_name]
    polygons = view.export.regions.polygons.take(rows)
    copy_of = _copies(polygons, group)
    original = np.flatnonzero(copy_of == np.arange(len(rows)))
    # Per region: the first in order that it equals, and how much.
    twin, best = np.where(copy_of == np.arange(len(rows)), len(rows), copy_of), np.ones(len(rows))
    first, second, iou = _near_pairs(polygons.take(original), group[original], duplicate_iou, threads)
    first, second = original[first], original[second]
    lowest = np.lexsort((first, second))
    first, second, iou = first[lowest], second[lowest], iou[lowest]
    start = np.ones(len(second), dtype=bool)
    start[1:] = second[1:] != second[:-1]
    twin[second[start]], best[second[start]] = first[start], iou[start]
    # Something without an area covers nothing, so it cannot cover the same.
    has_area = polygons._areas(threads) > 0
    found = np.flatnonzero((twin < len(rows)) & has_area)
    other = view.regions["region_id"].take(pa.array(rows[twin[found]])).to_pylist()
    value = [f"IoU {share:.3f} with region {name}" for share, name in zip(best[found].tolist(), other, strict=True)]
    return view.about_regions(
        "duplicate", rows[found], DUPLICATE, value=pa.array(value, pa.string()), severity="warning"
    )


def _by_name(view: View, rows: Ints, group: Ints) -> Ints:
    """Order by group, then region id: the same whatever order the file has."""
    names = view.regions["region_id"].take(pa.array(rows))
    sort = pa.table({"group": pa.array(group), "name": names, "row": pa.array(rows)}).sort_by(
        [("group", "ascending"), ("name", "ascending"), ("row", "ascending")]
    )
    place = np.empty(int(rows.max()) + 1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    found: Ints = place[sort["row"].to_numpy()]
    return found


def _copies(polygons: Polygons, group: Ints) -> Ints:
    """Per outline an earlier one of its group with the same vertices to the last bit; itself where none was found.

    Outlines of one box and length that differ may hide a copy from this look; it is found as a pair then.
    """
    count = len(polygons)
    own = np.arange(count)
    xy, ring_offsets, polygon_offsets = polygons.to_ragged()
    start = ring_offsets[polygon_offsets[:-1]].astype(np.int64)
    length = ring_offsets[polygon_offsets[1:]].astype(np.int64) - start
    box = _core.bounds(polygons.to_ragged()).reshape(-1, 4)
    alike = np.lexsort((own, *box.T, length, group))
    # Whether an outline looks like the one before it in this order.
    resembles = np.ones(count, dtype=bool)
    resembles[0] = False
    for column in (group, length, *box.T):
        values = column[alike]
        resembles[1:] &= values[1:] == values[:-1]
    same = np.flatnonzero(resembles)
    later, earlier = alike[same], alike[same - 1]
    rings = np.diff(polygon_offsets)
    equal = (rings[later] == 1) & (rings[earlier] == 1)
    equal[equal] = _same_vertices(xy, start[earlier[equal]], start[later[equal]], length[later[equal]])
    # Runs of equal neighbours share their first member, which is the lowest since the order ends with the place.
    joined = np.zeros(count, dtype=bool)
    joined[same[equal]] = True
    head = np.maximum.accumulate(np.where(joined, -1, np.arange(count)))
    copy_of = np.empty(count, dtype=np.int64)
    copy_of[alike] = alike[head]
    return copy_of


def _same_vertices(xy: NDArray[np.float64], a: Ints, b: Ints, length: Ints) -> NDArray[np.bool_]:
    """Whether the vertices from a and those from b on are the same, pair by pair."""
    ends = np.cumsum(length)
    within = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - length, length)
    differ = (xy[np.repeat(a, length) + within] != xy[np.repeat(b, length) + within]).any(axis=1)
    wrong = np.zeros(len(length), dtype=bool)
    wrong[np.repeat(np.arange(len(length)), length)[differ]] = True
    return ~wrong


def _near_pairs(
    polygons: Polygons, group: Ints, least: float, threads: int | None
) -> tuple[Ints, Ints, NDArray[np.float64]]:
    """All pairs of one group with an IoU above `least`, the lower place first."""
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    sizes = np.diff(np.append(starts, len(group)))
    place = np.arange(len(group)) - np.repeat(starts, sizes)
    interior = polygons._interior(threads)
    found: list[tuple[Ints, Ints, NDArray[np.float64]]] = []
    for bit in range(int(sizes.max(initial=1) - 1).bit_length()):
        key = group * (int(sizes.max()) + 1) + (place >> (bit + 1))
        upper = (place >> bit) & 1 == 1
        low, high, iou = _core.iou_pairs(
            interior,
            interior,
            np.where(upper, -1, key),
            np.where(upper, key, -2),
            min_iou=least,
            threads=threads,
        )
        above = iou > least
        found.append((low[above], high[above], iou[above]))
    if not found:
        none = np.empty(0, dtype=np.int64)
        return none, none, np.empty(0)
    low, high, share = (np.concatenate(part) for part in zip(*found, strict=True))
    return low, high, share
