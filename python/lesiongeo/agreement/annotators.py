"""Statistics per annotator and per pair of annotators, from the tables of an agreement."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..read import Export

__all__ = ["UNKNOWN", "annotator_order", "annotator_table", "ranks", "summary_table"]

#: Name of annotators whom the export does not name any more.
UNKNOWN = "unknown"

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def summary_table(pairs: pa.Table, tasks: pa.Table) -> pa.Table:
    """Distributions of agreement: a first row for everybody, then one per pair of annotators.

    Parameters
    ----------
    pairs, tasks : pyarrow.Table
        Tables of `Agreement`.

    Returns
    -------
    pyarrow.Table
        annotator_a, annotator_b (null in the first row), n_tasks, n_pages (compared pages), n_both_empty (pages on
        which neither drew anything), n_regions_a, n_regions_b, n_matched, n_label_conflict, n_near_miss, n_missing_a,
        n_missing_b, score_mean (over pages on which somebody drew), label_studio_score_mean (the same pages), then of
        matched and conflicting pairs iou_mean, iou_median, iou_p5, iou_p95, dice_mean, dice_median,
        hausdorff_px_median, hausdorff_px_p95, area_ratio_median, and label_agreement (matched of matched and
        conflicting). Null where there is nothing to average. No row where nobody was compared.
    """
    compared = tasks.filter(pc.is_valid(tasks["annotator_b"])).select(OF_TASKS)
    if compared.num_rows == 0:
        return _summary([])
    pairs = pairs.select(OF_PAIRS)
    task_code, names = _pair_codes(compared)
    pair_code, _ = _pair_codes(pairs, names)
    rows: list[dict[str, Any]] = [{"annotator_a": None, "annotator_b": None, **_distribution(pairs, compared)}]
    of_pairs, of_tasks = _split(pairs, pair_code, len(names)), _split(compared, task_code, len(names))
    for (first, second), own_pairs, own_tasks in zip(names, of_pairs, of_tasks, strict=True):
        rows.append({"annotator_a": first, "annotator_b": second, **_distribution(own_pairs, own_tasks)})
    return _summary(rows)


#: Columns that a distribution needs.
OF_TASKS = (
    "annotator_a annotator_b task_id reason score label_studio_score n_a n_b n_matched n_label_conflict n_near_miss "
    "n_missing_a n_missing_b"
).split()
OF_PAIRS = "annotator_a annotator_b match iou dice hausdorff_px area_ratio".split()


def _split(table: pa.Table, code: Ints, count: int) -> Iterator[pa.Table]:
    """Rows of each code from 0 to before `count`, in the order of the table."""
    if count == 1:
        yield table
        return
    ends = np.cumsum(np.bincount(code, minlength=count))
    grouped = table.take(pa.array(np.argsort(code, kind="stable")))
    for start, end in pairwise([0, *ends.tolist()]):
        yield grouped.slice(start, end - start)


SUMMARY_COUNTS = (
    "n_tasks n_pages n_both_empty n_regions_a n_regions_b n_matched n_label_conflict n_near_miss n_missing_a "
    "n_missing_b"
).split()
SUMMARY_MEANS = (
    "score_mean label_studio_score_mean iou_mean iou_median iou_p5 iou_p95 dice_mean dice_median hausdorff_px_median "
    "hausdorff_px_p95 area_ratio_median label_agreement"
).split()


def _summary(rows: list[dict[str, Any]]) -> pa.Table:
    fields = [(name, pa.string()) for name in ("annotator_a", "annotator_b")]
    fields += [(name, pa.int64()) for name in SUMMARY_COUNTS]
    fields += [(name, pa.float64()) for name in SUMMARY_MEANS]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def _distribution(pairs: pa.Table, tasks: pa.Table) -> dict[str, Any]:
    def total(name: str) -> int:
        return int(pc.sum(tasks[name]).as_py() or 0)

    drawn = tasks.filter(pc.is_null(tasks["reason"]))
    agreed = pairs.filter(pc.is_in(pairs["match"], pa.array(["matched", "label_conflict"])))
    iou, dice, distance, ratio = (
        agreed[name].drop_null().to_numpy() for name in ("iou", "dice", "hausdorff_px", "area_ratio")
    )
    matched, conflicts = total("n_matched"), total("n_label_conflict")
    return {
        "n_tasks": pc.count_distinct(tasks["task_id"]).as_py(),
        "n_pages": tasks.num_rows,
        "n_both_empty": tasks.num_rows - drawn.num_rows,
        "n_regions_a": total("n_a"),
        "n_regions_b": total("n_b"),
        "n_matched": matched,
        "n_label_conflict": conflicts,
        "n_near_miss": total("n_near_miss"),
        "n_missing_a": total("n_missing_a"),
        "n_missing_b": total("n_missing_b"),
        "score_mean": _mean(drawn["score"].to_numpy()),
        "label_studio_score_mean": _mean(drawn["label_studio_score"].to_numpy()),
        "iou_mean": _mean(iou),
        "iou_median": _percentile(iou, 50),
        "iou_p5": _percentile(iou, 5),
        "iou_p95": _percentile(iou, 95),
        "dice_mean": _mean(dice),
        "dice_median": _percentile(dice, 50),
        "hausdorff_px_median": _percentile(distance, 50),
        "hausdorff_px_p95": _percentile(distance, 95),
        "area_ratio_median": _percentile(ratio, 50),
        "label_agreement": matched / (matched + conflicts) if matched + conflicts else None,
    }


def annotator_table(
    export: Export, counted: NDArray[np.int64], names: list[str], pairs: pa.Table, tasks: pa.Table
) -> pa.Table:
    """Counts and agreement with all others, one row per annotator.

    Parameters
    ----------
    export : Export
        What was read.
    counted : ndarray of int64
        Rows of ``export.annotations`` that count.
    names : list of str
        Annotators, in order.
    pairs, tasks : pyarrow.Table
        Tables of `Agreement`.

    Returns
    -------
    pyarrow.Table
        annotator, n_annotations (that count), n_cancelled, n_superseded (older ones of the same task), n_regions (of
        annotations that count), n_invalid (of those), lead_time_s_median, n_pages (compared with somebody, per other
        annotator), score_mean (over pages on which somebody drew), iou_mean (of matched and conflicting pairs),
        n_missed (regions of others without any partner of theirs), n_extra (own regions without any partner).
    """
    table = export.annotations
    own = pc.equal(table["source"], "annotation").to_numpy()
    cancelled = table["cancelled"].to_numpy()
    author = ranks(pc.fill_null(table["annotator"], UNKNOWN), names)
    counts = np.zeros(table.num_rows, dtype=bool)
    counts[counted] = True
    lead = pc.fill_null(table["lead_time_s"], np.nan).to_numpy()
    region_author = np.where(counts, author, -1)[export.annotation_rows]
    valid = export.regions.table["valid"].to_numpy()

    sides = {side: ranks(tasks[f"annotator_{side}"], names) for side in "ab"}
    score = pc.fill_null(tasks["score"], np.nan).to_numpy()
    drawn = pc.is_null(tasks["reason"]).to_numpy()
    compared = pc.is_valid(tasks["annotator_b"]).to_numpy()
    pair_sides = {side: ranks(pairs[f"annotator_{side}"], names) for side in "ab"}
    iou = pc.fill_null(pairs["iou"], np.nan).to_numpy()
    agreed = pc.is_in(pairs["match"], pa.array(["matched", "label_conflict"])).to_numpy()
    missing = pc.equal(pairs["match"], "missing").to_numpy()
    alone = {side: missing & pc.is_valid(pairs[f"region_{side}"]).to_numpy() for side in "ab"}

    def tally(rank: Ints, chosen: Mask) -> Ints:
        return np.bincount(rank[chosen & (rank >= 0)], minlength=len(names))

    everywhere = np.ones(len(region_author), dtype=bool)
    n_regions, n_invalid = tally(region_author, everywhere), tally(region_author, ~valid)
    n_annotations, n_cancelled = tally(author, counts), tally(author, own & cancelled)
    n_superseded = tally(author, own & ~cancelled & ~counts)
    n_pages = tally(sides["a"], compared) + tally(sides["b"], compared)
    n_missed = tally(pair_sides["b"], alone["a"]) + tally(pair_sides["a"], alone["b"])
    n_extra = tally(pair_sides["a"], alone["a"]) + tally(pair_sides["b"], alone["b"])
    rows = []
    for rank, name in enumerate(names):
        here = (sides["a"] == rank) | (sides["b"] == rank)
        in_pair = (pair_sides["a"] == rank) | (pair_sides["b"] == rank)
        times = lead[(author == rank) & counts]
        rows.append(
            {
                "annotator": name,
                "n_annotations": int(n_annotations[rank]),
                "n_cancelled": int(n_cancelled[rank]),
                "n_superseded": int(n_superseded[rank]),
                "n_regions": int(n_regions[rank]),
                "n_invalid": int(n_invalid[rank]),
                "lead_time_s_median": _percentile(times[~np.isnan(times)], 50),
                "n_pages": int(n_pages[rank]),
                "score_mean": _mean(score[here & compared & drawn]),
                "iou_mean": _mean(iou[in_pair & agreed]),
                "n_missed": int(n_missed[rank]),
                "n_extra": int(n_extra[rank]),
            }
        )
    return pa.Table.from_pylist(rows, schema=ANNOTATOR_SCHEMA)


ANNOTATOR_SCHEMA = pa.schema(
    [
        ("annotator", pa.string()),
        ("n_annotations", pa.int64()),
        ("n_cancelled", pa.int64()),
        ("n_superseded", pa.int64()),
        ("n_regions", pa.int64()),
        ("n_invalid", pa.int64()),
        ("lead_time_s_median", pa.float64()),
        ("n_pages", pa.int64()),
        ("score_mean", pa.float64()),
        ("iou_mean", pa.float64()),
        ("n_missed", pa.int64()),
        ("n_extra", pa.int64()),
    ]
)


def ranks(column: pa.ChunkedArray | pa.Array, names: list[str]) -> Ints:
    """Return the place of each name among `names`; -1 for null and for names that are not there."""
    encoded = (column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column).dictionary_encode()
    place = {name: number for number, name in enumerate(names)}
    known = np.array([*(place.get(name, -1) for name in encoded.dictionary.to_pylist()), -1], dtype=np.int64)
    found: Ints = known[pc.fill_null(encoded.indices, len(known) - 1).to_numpy()]
    return found


def _pair_codes(table: pa.Table, pairs: list[tuple[str, str]] | None = None) -> tuple[Ints, list[tuple[str, str]]]:
    """Number the pairs of annotators as in the list, or, without one, in the order of annotators."""
    sides = [table[f"annotator_{side}"] for side in "ab"]
    if pairs is None:
        found = pa.chunked_array([chunk for side in sides for chunk in side.chunks], pa.string())
        names = sorted(found.unique().to_pylist(), key=annotator_order)
    else:
        names = list({name: None for pair in pairs for name in pair})
    first, second = (ranks(side, names) for side in sides)
    key = first * len(names) + second
    if pairs is None:
        pairs = [(names[both // len(names)], names[both % len(names)]) for both in np.unique(key).tolist()]
    place = {name: number for number, name in enumerate(names)}
    of_pairs = np.array([place[a] * len(names) + place[b] for a, b in pairs], dtype=np.int64)
    order = np.argsort(of_pairs)
    return order[np.searchsorted(of_pairs, key, sorter=order)], pairs


def annotator_order(name: str) -> tuple[int, int, str, str]:
    """Sort ids that are whole numbers as numbers and before other names."""
    if not (name.isascii() and name.isdigit()):
        return (1, 0, name, name)
    # By length, then by digits: the order of numbers, for numbers of any size.
    digits = name.lstrip("0")
    return (0, len(digits), digits, name)


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if len(values) else None


def _percentile(values: Floats, percent: float) -> float | None:
    return float(np.percentile(values, percent)) if len(values) else None
