"""Outlines: invalid, tiny, drawn twice."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .. import _core
from ..agreement.counted import Ints, label_sets
from ..polygons import Polygons
from ..read.problems import REASONS
from ..validity import validity_reason
from .view import FINDING_SCHEMA, View

__all__ = ["check_duplicates", "check_invalid", "check_tiny"]

TINY = "so small that it may be a stray click; delete or redraw the region, or lower the threshold"
DUPLICATE = "the same person drew the same thing twice, with the same label; delete one of the two"

#: Groups of more regions than this are looked through in blocks of at most so many pairs: 100 MB.
CROWDED, PAIRS_AT_ONCE = 2048, 4_000_000


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

    One finding per region that has a twin earlier in the order of region ids, however many twins there are. Regions
    that are the same to the last bit are put together first, so that a thousand copies cost a thousand steps; the
    others are looked at in pairs.
    """
    polygons = view.export.regions.polygons
    labels = label_sets(view.regions)[view.rows].astype(np.int64) + 1
    key = view.place * (int(labels.max(initial=0)) + 1) + labels
    filled = polygons._areas(threads)[view.rows] > 0
    rows, key = view.rows[filled], key[filled]
    # In order of annotation and page already, so that this sort has little to do.
    sort = np.argsort(key, kind="stable")
    group = np.empty(len(key), dtype=np.int64)
    group[sort] = np.cumsum(np.append(False, np.diff(key[sort]) != 0)[: len(key)])
    together = np.bincount(group)[group] > 1
    rows, group = rows[together], group[together]
    if not len(rows):
        return FINDING_SCHEMA.empty_table()
    kin = _copies(polygons, rows, group)
    alone = kin == np.arange(len(rows))
    crowd = alone & (np.bincount(group, weights=alone)[group] > CROWDED)
    found = [_near_pairs(polygons, rows, group, np.flatnonzero(alone & ~crowd), duplicate_iou, threads)]
    for number in np.unique(group[crowd]).tolist():
        members = np.flatnonzero(crowd & (group == number))
        members = members[np.argsort(_by_name(view, rows[members]))]
        found.append(_crowded_pairs(polygons, rows, members, duplicate_iou, threads))
    first, second, iou = (np.concatenate(part) for part in zip(*found, strict=True))
    # Who is named depends on region ids alone, so that the order of the file does not matter.
    met = np.unique(np.concatenate((first, second, kin[~alone], np.flatnonzero(~alone))))
    rank = np.full(len(rows), len(rows), dtype=np.int64)
    rank[met] = _by_name(view, rows[met])
    head = kin.copy()
    by_rank = np.lexsort((rank[met], kin[met]))
    leads = np.append(True, np.diff(kin[met][by_rank]) != 0) if len(met) else np.empty(0, dtype=bool)
    head[kin[met][by_rank][leads]] = met[by_rank][leads]
    head = head[kin]
    # Each copy beside the first of its kin, and of two that nearly coincide the first of both kins.
    own = met[head[met] != met]
    low, high = head[first], head[second]
    low, high = np.where(rank[low] < rank[high], low, high), np.where(rank[low] < rank[high], high, low)
    low, high, share = np.append(low, head[own]), np.append(high, own), np.append(iou, np.ones(len(own)))
    sort = np.lexsort((rank[low], high))
    starts = np.append(True, np.diff(high[sort]) != 0) if len(high) else np.empty(0, dtype=bool)
    chosen = sort[starts]
    names = view.regions["region_id"].take(pa.array(rows[low[chosen]])).to_pylist()
    value = [f"IoU {part:.3f} with region {name}" for part, name in zip(share[chosen].tolist(), names, strict=True)]
    return view.about_regions(
        "duplicate", rows[high[chosen]], DUPLICATE, value=pa.array(value, pa.string()), severity="warning"
    )


def _by_name(view: View, rows: Ints) -> Ints:
    """Rank of each of these regions by region id, then row."""
    names = view.regions["region_id"].take(pa.array(rows)).combine_chunks()
    table = pa.table({"name": names, "row": pa.array(rows), "at": pa.array(np.arange(len(rows)))})
    rank = np.empty(len(rows), dtype=np.int64)
    rank[table.sort_by([("name", "ascending"), ("row", "ascending")])["at"].to_numpy()] = np.arange(len(rows))
    return rank


def _copies(polygons: Polygons, rows: Ints, group: Ints) -> Ints:
    """Per outline the place of one of its group that has the same vertices to the last bit; its own where none has.

    By the hash of box, length and group, then that of the vertices; what both find alike is compared.
    """
    xy, ring_offsets, polygon_offsets = polygons.to_ragged()
    begin = ring_offsets[polygon_offsets[:-1][rows]].astype(np.int64)
    length = ring_offsets[polygon_offsets[1:][rows]].astype(np.int64) - begin
    single = polygon_offsets[1:][rows] - polygon_offsets[:-1][rows] == 1
    box = _core.bounds(polygons.to_ragged()).reshape(-1, 4)[rows]
    columns = [group.view(np.uint64), length.view(np.uint64), *(np.ascontiguousarray(c).view(np.uint64) for c in box.T)]
    coarse = _mixed(columns)
    kin = np.arange(len(rows))
    sort = np.argsort(coarse, kind="stable")
    same = np.append(coarse[sort][1:] == coarse[sort][:-1], False)
    some = sort[same | np.append(False, same[:-1])]
    some = some[single[some]]
    if not len(some):
        return kin
    vertices = np.repeat(begin[some] - np.cumsum(length[some]) + length[some], length[some])
    vertices += np.arange(len(vertices))
    position = (np.arange(len(vertices)) - np.repeat(np.cumsum(length[some]) - length[some], length[some])).view(
        np.uint64
    )
    mixed = _mixed([position, *(np.ascontiguousarray(xy[vertices, axis]).view(np.uint64) for axis in (0, 1))])
    fine = np.add.reduceat(mixed, np.cumsum(length[some]) - length[some])
    sort = np.lexsort((some, fine, coarse[some]))
    later, earlier = some[sort[1:]], some[sort[:-1]]
    alike = (coarse[later] == coarse[earlier]) & (fine[sort[1:]] == fine[sort[:-1]])
    alike &= (group[later] == group[earlier]) & (length[later] == length[earlier])
    alike[alike] = _same_vertices(xy, begin[earlier[alike]], begin[later[alike]], length[later[alike]])
    lead = np.maximum.accumulate(np.where(np.append(False, alike), 0, np.arange(len(some))))
    kin[some[sort]] = some[sort[lead]]
    return kin


def _mixed(columns: list[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """A hash of each row: multiplied and shifted as in splitmix64, so that neighbouring numbers part."""
    mixed = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        mixed = (mixed ^ column) * np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(31)
    return mixed * np.uint64(0x94D049BB133111EB)


def _same_vertices(xy: NDArray[np.float64], a: Ints, b: Ints, length: Ints) -> NDArray[np.bool_]:
    """Whether the vertices from a and those from b on are the same, pair by pair."""
    ends = np.cumsum(length)
    within = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - length, length)
    differ = (xy[np.repeat(a, length) + within] != xy[np.repeat(b, length) + within]).any(axis=1)
    wrong = np.zeros(len(length), dtype=bool)
    wrong[np.repeat(np.arange(len(length)), length)[differ]] = True
    return ~wrong


def _near_pairs(
    polygons: Polygons, rows: Ints, groups: Ints, members: Ints, least: float, threads: int | None
) -> tuple[Ints, Ints, NDArray[np.float64]]:
    """All pairs of members of one group with an IoU above `least`; members are places in `rows`.

    Each pair is looked at once: regions whose places in the group differ first in bit k meet in round k, so none meets
    itself, and there are as many rounds as the size of the largest group has bits.
    """
    group = groups[members]
    sort = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(group[sort]) != 0)[: len(group)])
    sizes = np.diff(np.append(starts, len(group)))
    place = np.empty(len(group), dtype=np.int64)
    place[sort] = np.arange(len(group)) - np.repeat(starts, sizes)
    size = np.empty(len(group), dtype=np.int64)
    size[sort] = np.repeat(sizes, sizes)
    interior = polygons._interior(threads)
    at = np.full(len(polygons), -1, dtype=np.int64)
    at[rows[members]] = members
    found = [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))]
    for bit in range(int(sizes.max(initial=1) - 1).bit_length()):
        key = group * (int(sizes.max()) + 1) + (place >> (bit + 1))
        upper = (place >> bit) & 1 == 1
        # Numbers that the other side does not have keep a region out.
        keys = [np.full(len(polygons), none, dtype=np.int64) for none in (-1, -2)]
        for side, mine in zip(keys, (~upper, upper), strict=True):
            mine &= size > 1 << bit
            side[rows[members[mine]]] = key[mine]
        low, high, iou = _core.iou_pairs(interior, interior, *keys, min_iou=least, threads=threads)
        above = iou > least
        found.append((at[low[above]], at[high[above]], iou[above]))
    first, second, share = (np.concatenate(part) for part in zip(*found, strict=True))
    return first, second, share


def _crowded_pairs(
    polygons: Polygons, rows: Ints, members: Ints, least: float, threads: int | None
) -> tuple[Ints, Ints, NDArray[np.float64]]:
    """Each member of one large group, in the order of region ids, with the first before it of an IoU above `least`.

    In blocks, so that memory is bounded where thousands lie on top of each other.
    """
    own = polygons.take(rows[members])
    interior = own._interior(threads)
    count = len(members)
    block = max(PAIRS_AT_ONCE // count, 1)
    twin, best = np.full(count, -1, dtype=np.int64), np.zeros(count)
    place = np.arange(count)
    for start in range(0, count, block):
        # Those that have their twin look no further, but others may still be twins of them.
        left = np.where((place >= start) & (place < start + block), 0, -1)
        right = np.where((place > start) & (twin < 0), 0, -2)
        low, high, iou = _core.iou_pairs(interior, interior, left, right, min_iou=least, threads=threads)
        above = (iou > least) & (low < high)
        low, high, iou = low[above], high[above], iou[above]
        lowest = np.lexsort((low, high))[::-1]
        twin[high[lowest]], best[high[lowest]] = low[lowest], iou[lowest]
    found = np.flatnonzero(twin >= 0)
    return members[twin[found]], members[found], best[found]
