"""The review queue: flagged pages, ranked by how many lesions' worth of disagreement they hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..agreement import Agreement
from ..agreement.annotators import annotator_order, ranks
from ..options import shown
from ..read import Export
from ..read.export import page_rows
from .flags import DEFAULT_FLAG, Flags, flag_pairs

__all__ = ["queue_summary", "review_queue"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Digits of priorities: sums of the same terms in another order differ in the sixteenth.
DIGITS = 6


def review_queue(
    export: Export, agreement: Agreement, *, flag: str = DEFAULT_FLAG, limit: int | None = None
) -> pa.Table:
    """Rank the pages that somebody should look at.

    Parameters
    ----------
    export : Export
        What was read.
    agreement : Agreement
        What `agreement` made of it.
    flag : str, default "dice < 0.7 or label_conflict or near_miss or missing"
        The rule that flags pairs of regions, see `flag_pairs`.
    limit : int, optional
        Length of the queue, at most; by default all flagged pages.

    Returns
    -------
    pyarrow.Table
        One row per task and page with a flagged pair, the largest priority first: rank (from 1), task_id, page, image
        (without query string; null where unknown), priority, reasons (list of comparisons and bare words of the rule
        that are true of some flagged pair), n_flagged (pairs of regions), n_lesions (lesions among them), n_annotators,
        score_min (lowest score of two annotators on the page), annotator_a, annotator_b (the two who disagree most:
        with the largest share of the priority).

    Raises
    ------
    ValueError
        If the rule is not understood, or limit is no whole number from 1.

    Notes
    -----
    The priority says how many lesions' worth of disagreement a page holds, for an average pair of its annotators. Each
    flagged pair of regions counts what is in dispute: 1 - IoU where only the outline is; 1 where label or status
    differ, or one side is missing; 2 for a near miss, which is a missing region on either side. The sum is divided by
    the number of pairs of annotators of the task, so that tasks with more annotators do not come first for that alone,
    and rounded to six digits. Pages alike are sorted by task and page.

    Tasks with a single annotator cannot be compared and are not in the queue; `queue_summary` counts them.
    O(n_pairs log n_pairs).

    Examples
    --------
    >>> import lesiongeo as lg
    >>> export = lg.read_label_studio("examples/dermatology.json")
    >>> queue = lg.review_queue(export, lg.agreement(export), limit=2)
    >>> queue.select(["rank", "task_id", "page", "priority", "reasons"]).to_pylist()[1]
    {'rank': 2, 'task_id': 38, 'page': 0, 'priority': 2.333333, 'reasons': ['label_conflict', 'missing']}
    """
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise ValueError(f"limit is {shown(limit)}; it is a whole number from 1, or None")
    return _queue(export, agreement, flag_pairs(agreement, flag)).slice(0, limit)


def _queue(export: Export, agreement: Agreement, flags: Flags) -> pa.Table:
    pairs, tasks = agreement.pairs, agreement.tasks
    names = sorted(agreement.annotators["annotator"].to_pylist(), key=annotator_order)
    # Flagged rows of pairs, then flagged comparisons without any region.
    rows, empty = np.flatnonzero(flags.rows), np.flatnonzero(flags.pages)
    where = {
        name: np.concatenate((_column(pairs, name)[rows], _column(tasks, name)[empty])) for name in ("task_id", "page")
    }
    sides = [
        np.concatenate((ranks(pairs[name], names)[rows], ranks(tasks[name], names)[empty]))
        for name in ("annotator_a", "annotator_b")
    ]
    dispute = np.concatenate((_disputes(pairs)[rows], np.zeros(len(empty))))
    hits = np.concatenate((flags.hits[:, rows], flags.page_hits[:, empty]), axis=1)

    order = np.lexsort((where["page"], where["task_id"]))
    new = np.zeros(len(order), dtype=np.int64)
    new[order] = np.cumsum(_changes(where["task_id"][order], where["page"][order])) - 1
    count = int(new.max(initial=-1)) + 1
    one = np.zeros(count, dtype=np.int64)
    one[new[::-1]] = np.arange(len(new))[::-1]
    task, page = where["task_id"][one], where["page"][one].astype(np.int32)

    people = _annotators_of(export, agreement, task)
    divisor = people * (people - 1) // 2
    priority = np.round(np.bincount(new, weights=dispute, minlength=count) / np.maximum(divisor, 1), DIGITS)
    worst = _worst_pair(new, sides, dispute, count)
    image = page_rows(task, page, _column(export.pages, "task_id"), _column(export.pages, "page"))
    table = pa.table(
        {
            "task_id": pa.array(task),
            "page": pa.array(page),
            "image": export.pages["image"].combine_chunks().take(pa.array(image, mask=image < 0)),
            "priority": pa.array(priority),
            "reasons": _reasons(flags.reasons, hits, new, count),
            "n_flagged": pa.array(np.bincount(new[: len(rows)], minlength=count).astype(np.int32)),
            "n_lesions": pa.array(_lesions(agreement, rows, new[: len(rows)], count).astype(np.int32)),
            "n_annotators": pa.array(people.astype(np.int32)),
            "score_min": pa.array(_lowest_scores(tasks, task, page)),
            "annotator_a": pa.array(names, pa.string()).take(pa.array(worst[0])),
            "annotator_b": pa.array(names, pa.string()).take(pa.array(worst[1])),
        }
    )
    first = np.lexsort((page, task, -priority))
    rank = pa.array(np.arange(1, count + 1, dtype=np.int32))
    return table.take(pa.array(first)).add_column(0, "rank", rank).combine_chunks()


def queue_summary(export: Export, agreement: Agreement, queue: pa.Table) -> dict[str, Any]:
    """Count what is in a queue and what cannot be.

    Parameters
    ----------
    export : Export
        What was read.
    agreement : Agreement
        What `agreement` made of it.
    queue : pyarrow.Table
        What `review_queue` returned.

    Returns
    -------
    dict
        pages_queued, tasks_queued, pages_compared, tasks_compared, tasks_single_annotator (nobody to compare with),
        tasks_not_annotated, pairs_flagged (of regions), priority_total, reasons (pages per reason).

    Examples
    --------
    >>> import lesiongeo as lg
    >>> from lesiongeo.routing import queue_summary
    >>> export = lg.read_label_studio("examples/dermatology.json")
    >>> result = lg.agreement(export)
    >>> queue_summary(export, result, lg.review_queue(export, result))["pages_compared"]
    120
    """
    tasks = agreement.tasks
    compared = tasks.filter(pc.is_valid(tasks["annotator_b"]))
    pages = compared.group_by(["task_id", "page"], use_threads=False).aggregate([])
    single = tasks.filter(pc.is_null(tasks["annotator_b"]))
    counted = {kind: pc.count_distinct(table["task_id"]).as_py() for kind, table in (("of", compared), ("one", single))}
    return {
        "pages_queued": queue.num_rows,
        "tasks_queued": pc.count_distinct(queue["task_id"]).as_py(),
        "pages_compared": pages.num_rows,
        "tasks_compared": counted["of"],
        "tasks_single_annotator": counted["one"],
        "tasks_not_annotated": pc.count_distinct(export.tasks["task_id"]).as_py() - counted["of"] - counted["one"],
        "pairs_flagged": int(pc.sum(queue["n_flagged"]).as_py() or 0),
        "priority_total": round(float(pc.sum(queue["priority"]).as_py() or 0.0), DIGITS),
        "reasons": {
            entry["values"]: entry["counts"]
            for entry in sorted(
                pc.value_counts(pc.list_flatten(queue["reasons"])).to_pylist(),
                key=lambda entry: (-entry["counts"], entry["values"]),
            )
        },
    }


def _column(table: pa.Table, name: str) -> NDArray[Any]:
    return np.asarray(table[name].to_numpy())


def _changes(*columns: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a sorted row differs from the one before; the first does."""
    changed = np.zeros(len(columns[0]), dtype=np.bool_)
    changed[:1] = True
    for column in columns:
        changed[1:] |= column[1:] != column[:-1]
    return changed


def _disputes(pairs: pa.Table) -> Floats:
    """What is in dispute in each pair of regions, in lesions."""
    match = pairs["match"]
    iou = pc.fill_null(pairs["iou"], 0.0).to_numpy()
    differs = pc.equal(match, "label_conflict")
    for name in ("label_equal", "status_equal"):
        if name in pairs.column_names:
            differs = pc.or_(differs, pc.invert(pc.fill_null(pairs[name], True)))
    matched = np.where(differs.to_numpy(), 1.0, 1.0 - iou)
    unmatched = np.where(pc.equal(match, "near_miss").to_numpy(), 2.0, 1.0)
    alone = pc.is_in(match, pa.array(["near_miss", "missing"])).to_numpy()
    return np.where(alone, unmatched, matched)


def _annotators_of(export: Export, agreement: Agreement, task: Ints) -> Ints:
    """How many people annotated each task, with an annotation that counts."""
    known, count = np.unique(_column(export.annotations, "task_id")[agreement.annotation_rows], return_counts=True)
    return np.asarray(count[np.searchsorted(known, task)] if len(task) else task, np.int64)


def _worst_pair(page: Ints, sides: list[Ints], dispute: Floats, count: int) -> tuple[Ints, Ints]:
    """Ranks of the two annotators with the largest part of the dispute on each page; ties by their order."""
    order = np.lexsort((sides[1], sides[0], page))
    page, a, b = page[order], sides[0][order], sides[1][order]
    group = np.cumsum(_changes(page, a, b)) - 1
    start = np.flatnonzero(_changes(page, a, b))
    total = np.round(np.bincount(group, weights=dispute[order], minlength=len(start)), DIGITS)
    best = np.lexsort((np.arange(len(start)), -total, page[start]))
    chosen = start[best[np.searchsorted(page[start][best], np.arange(count))]]
    return a[chosen], b[chosen]


def _reasons(reasons: tuple[str, ...], hits: NDArray[np.bool_], page: Ints, count: int) -> pa.ListArray:
    """List the reasons of each page in the order of the rule."""
    found = np.zeros((count, len(reasons)), dtype=np.bool_)
    for index, own in enumerate(hits):
        found[page[own], index] = True
    ends = np.concatenate(([0], np.cumsum(found.sum(axis=1)))).astype(np.int32)
    values = pa.array(reasons, pa.string()).take(pa.array(np.nonzero(found)[1]))
    return pa.ListArray.from_arrays(pa.array(ends), values)


def _lesions(agreement: Agreement, rows: Ints, page: Ints, count: int) -> Ints:
    """How many lesions the flagged pairs of each page belong to."""
    regions = agreement.region_rows[rows]
    lesion = np.where(regions >= 0, np.append(agreement.lesion_of_region, -1)[regions], -1)
    both = np.repeat(page, 2), lesion.reshape(-1)
    own = both[1] >= 0
    _, first = np.unique(both[1][own], return_index=True)
    return np.bincount(both[0][own][first], minlength=count)


def _lowest_scores(tasks: pa.Table, task: Ints, page: NDArray[np.int32]) -> Floats:
    """Return the lowest score of two annotators on each page; every page has one."""
    compared = tasks.filter(pc.is_valid(tasks["annotator_b"]))
    # Worst first, as `agreement` has them: the first row of a page holds its lowest score.
    row = page_rows(task, page, _column(compared, "task_id"), _column(compared, "page").astype(np.int32))
    return np.asarray(_column(compared, "score")[row], np.float64)
