"""What is counted: pairs of regions and scores of pages, with their cluster, strata and values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..agreement.annotators import UNKNOWN, annotator_order, ranks
from ..weeks import NO_WEEK, mondays
from .histograms import Bins, LinearBins, OctaveBins
from .intervals import task_clusters

if TYPE_CHECKING:
    from ..agreement import Agreement
    from ..read import Export

__all__ = ["BY", "METRICS", "Column", "Family", "Metric", "Observations", "Stratum", "View", "observe"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]
Side: TypeAlias = Literal["a", "b"]

#: What statistics can be given by, in the order of the table.
BY = ("all", "annotator_pair", "annotator", "label", "size_class", "page", "week")
SIZES = ("small", "medium", "large")


@dataclass(frozen=True, slots=True)
class Metric:
    """A number of a pair of regions that agree, or of a page.

    Attributes
    ----------
    name : str
        Column of the table.
    bins : LinearBins or OctaveBins or None
        Of its histogram; None for yes and no, which has no quantiles.
    wider : {"a", "b"} or None
        Which side is the larger one where the number is above 0; None for numbers that do not tell sides apart.
    """

    name: str
    bins: Bins | None
    wider: Side | None = None


_SHARE = LinearBins(0.0, 1.0)
# From 1/32 px to 1,500 px; from 1 um to 48 mm.
_PX, _MM = OctaveBins(-5, 64), OctaveBins(-10, 64)

#: Metrics of `pairs` over matched and conflicting pairs; those in mm stand in the table where a spacing is known.
OF_PAIRS = (
    Metric("iou", _SHARE),
    Metric("dice", _SHARE),
    Metric("hausdorff_px", _PX),
    Metric("hd95_px", _PX),
    Metric("masd_px", _PX),
    Metric("assd_px", _PX),
    Metric("nsd", _SHARE),
    Metric("log_area_ratio", LinearBins(-4.0, 4.0), "b"),
    Metric("signed_offset_px", OctaveBins(-5, 32, signed=True), "a"),
    Metric("centroid_distance_px", _PX),
    Metric("hausdorff_mm", _MM),
    Metric("hd95_mm", _MM),
    Metric("masd_mm", _MM),
    Metric("assd_mm", _MM),
    Metric("signed_offset_mm", OctaveBins(-10, 32, signed=True), "a"),
    Metric("centroid_distance_mm", _MM),
    Metric("label_equal", None),
    Metric("status_equal", None),
)
#: All of them, the score of pages last.
METRICS = (*OF_PAIRS, Metric("score", _SHARE))


@dataclass(frozen=True, slots=True)
class Stratum:
    """A part of what is counted. See `agreement_statistics` for what the columns hold."""

    by: str
    key: str | None
    annotator_a: str | None = None
    annotator_b: str | None = None

    def order(self) -> tuple[Any, ...]:
        """Return what strata are sorted by."""
        own: tuple[Any, ...]
        if self.by in ("annotator", "annotator_pair"):
            own = tuple(annotator_order(name) for name in (self.annotator_a, self.annotator_b) if name is not None)
        elif self.key is None:
            return (BY.index(self.by), 1)
        elif self.by == "page":
            own = (int(self.key),)
        elif self.by == "size_class":
            own = (SIZES.index(self.key),)
        else:
            own = (self.key,)
        return (BY.index(self.by), 0, *own)


@dataclass(frozen=True, slots=True)
class View:
    """The strata of one family that the rows of pairs are in, seen from one side.

    Attributes
    ----------
    stratum : ndarray of int64
        Stratum of each row, -1 for none.
    own : {"a", "b"} or None
        The side that is judged, where sides have a meaning: its signs are the ones of the metrics. For pairs of
        annotators signs stay as they are.
    extra, missed : ndarray of bool
        Whether each row, unless it is a true positive, counts as a false positive, a false negative.
    """

    stratum: Ints
    own: Side | None
    extra: Mask
    missed: Mask


@dataclass(frozen=True, slots=True)
class Family:
    """The strata of one kind. `pages` are the strata of the scores of pages."""

    by: str
    strata: list[Stratum]
    views: list[View]
    pages: list[Ints]


@dataclass(frozen=True, slots=True)
class Column:
    """Known values of a metric, the rows they stand in, and their bins. Columns with the same rows share the array."""

    rows: Ints
    values: Floats
    bins: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Observations:
    """Rows of pairs and of pages as arrays.

    Attributes
    ----------
    keys : ndarray of uint64
        Key of each cluster.
    pair_cluster, page_cluster : ndarray of int64
        Cluster of each row.
    hit : ndarray of bool
        Which pairs are true positives.
    columns : dict
        Of each metric for which there is a column, its values: of pairs that are matched or a label conflict, and
        ``score`` of pages on which somebody drew.
    families : list of Family
        In the order of `BY`.
    """

    keys: NDArray[np.uint64]
    pair_cluster: Ints
    page_cluster: Ints
    hit: Mask
    columns: dict[str, Column]
    families: list[Family]


def observe(
    export: Export,
    agreement: Agreement,
    *,
    by: Sequence[str],
    detection_iou: float,
    size_bounds_px2: tuple[float, float],
) -> Observations:
    """Take the tables of an agreement apart; the options are those of `agreement_statistics`."""
    pairs, tasks = agreement.pairs, agreement.tasks
    compared = np.flatnonzero(pc.is_valid(tasks["annotator_b"]).to_numpy())
    tasks = tasks.take(pa.array(compared)) if len(compared) < tasks.num_rows else tasks
    clusters = task_clusters(export)
    match = pairs["match"].combine_chunks().dictionary_encode()
    kinds = match.dictionary.to_pylist()
    kind = match.indices.to_numpy(zero_copy_only=False)
    matched, agreed = (
        np.array([name in names for name in [*kinds, None]])[kind]
        for names in (("matched",), ("matched", "label_conflict"))
    )
    # Ids are looked up once for both tables.
    found, place = _compact(pairs["task_id"].to_numpy(), tasks["task_id"].to_numpy())
    of_pairs, of_pages = (clusters.of(found)[own] for own in place)
    rows = np.flatnonzero(agreed)
    columns: dict[str, Column] = {}
    for metric in OF_PAIRS:
        if metric.name in pairs.column_names:
            columns[metric.name] = _column(metric, _numbers(pairs[metric.name]), rows, list(columns.values()))
    hit = np.zeros(len(kind), dtype=bool)
    hit[columns["iou"].rows] = columns["iou"].values >= detection_iou
    drawn = np.flatnonzero(pc.is_null(tasks["reason"]).to_numpy())
    columns["score"] = _column(METRICS[-1], _numbers(tasks["score"]), drawn, [])
    families = _Rows(export, agreement, pairs, tasks, size_bounds_px2, found, place)
    return Observations(
        keys=clusters.keys,
        pair_cluster=of_pairs,
        page_cluster=of_pages,
        hit=hit & matched,
        columns=columns,
        families=[FAMILIES[name](families) for name in BY if name in by],
    )


def _numbers(column: pa.ChunkedArray) -> Floats:
    """Return a column as doubles, NaN where it is null; yes and no are 1 and 0."""
    found: Floats = pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy()
    return found


def _column(metric: Metric, values: Floats, rows: Ints, others: list[Column]) -> Column:
    """Keep the finite values of some rows."""
    own = values[rows]
    known = np.isfinite(own)
    if not known.all():
        rows, own = rows[known], own[known]
    shared = next((other.rows for other in others if np.array_equal(other.rows, rows)), rows)
    return Column(
        shared, own, np.empty(0, np.int16) if metric.bins is None else metric.bins.place(own).astype(np.int16)
    )


#: Codes that differ by no more than this are numbered through a table.
MOST_CODES = 1 << 24


def _compact(*codes: Ints) -> tuple[Ints, list[Ints]]:
    """Number the codes that occur without gaps; return them, rising, and the new numbers of each array."""
    filled = [own for own in codes if len(own)]
    if not filled:
        return np.empty(0, dtype=np.int64), [np.zeros(len(own), dtype=np.int64) for own in codes]
    low, high = min(int(own.min()) for own in filled), max(int(own.max()) for own in filled)
    if high - low < MOST_CODES:
        there = np.zeros(high - low + 1, dtype=bool)
        for own in codes:
            there[own - low] = True
        number = np.cumsum(there) - 1
        return np.flatnonzero(there) + low, [number[own - low] for own in codes]
    found = np.unique(np.concatenate(codes))
    return found, [np.searchsorted(found, own) for own in codes]


class _Rows:
    """The two tables with what families need of them."""

    def __init__(
        self,
        export: Export,
        agreement: Agreement,
        pairs: pa.Table,
        tasks: pa.Table,
        bounds: tuple[float, float],
        task_ids: Ints,
        task: list[Ints],
    ) -> None:
        self.export, self.agreement, self.pairs, self.tasks = export, agreement, pairs, tasks
        self.bounds, self.task_ids, self.task = bounds, task_ids, task
        self.names = agreement.annotators["annotator"].to_pylist()
        #: Of each table, the annotators of both sides.
        self.sides = [[ranks(table[f"annotator_{side}"], self.names) for side in "ab"] for table in (pairs, tasks)]
        #: Whether a row of pairs has a region on each side.
        self.there = [agreement.region_rows[:, side] >= 0 for side in (0, 1)]

    def one_view(self, by: str, name: Callable[[int], Stratum], *codes: Ints) -> Family:
        """Make a family in which a row has one stratum, from codes of pairs and of pages; `name` names a code."""
        found, (stratum, *pages) = _compact(*codes)
        own: Side | None = "b" if by == "annotator_pair" else None
        view = View(stratum, own, extra=self.there[1], missed=self.there[0])
        return Family(by, [name(code) for code in found.tolist()], [view], pages)


def _all(rows: _Rows) -> Family:
    zeros = (np.zeros(table.num_rows, np.int64) for table in (rows.pairs, rows.tasks))
    family = rows.one_view("all", lambda _: Stratum("all", None), *zeros)
    # There always is a whole, if only to say that it is empty.
    return Family("all", [Stratum("all", None)], family.views, family.pages)


def _annotator_pair(rows: _Rows) -> Family:
    width = len(rows.names)

    def name(code: int) -> Stratum:
        a, b = rows.names[code // width], rows.names[code % width]
        return Stratum("annotator_pair", f"{a} / {b}", a, b)

    return rows.one_view("annotator_pair", name, *(a * width + b for a, b in rows.sides))


def _annotator(rows: _Rows) -> Family:
    """Everybody against all others: as side a and as side b, the other side is the reference."""
    there_a, there_b = rows.there
    (a, b), (page_a, page_b) = rows.sides
    found, (a, b, page_a, page_b) = _compact(a, b, page_a, page_b)
    names = [rows.names[rank] for rank in found.tolist()]
    views = [View(a, "a", extra=there_a, missed=there_b), View(b, "b", extra=there_b, missed=there_a)]
    return Family("annotator", [Stratum("annotator", name, name) for name in names], views, [page_a, page_b])


def _label(rows: _Rows) -> Family:
    """Labels of both sides; of one and the same label a row counts once."""
    encoded = [rows.pairs[f"label_{side}"].combine_chunks().dictionary_encode() for side in "ab"]
    labels = sorted({label for column in encoded for label in column.dictionary.to_pylist()})
    place = {label: number for number, label in enumerate(labels)}
    codes = []
    for there, column in zip(rows.there, encoded, strict=True):
        # A region without label is in a stratum of its own; a side without region is in none.
        known = np.array([*(place[label] for label in column.dictionary.to_pylist()), len(labels)], dtype=np.int64)
        code = known[pc.fill_null(column.indices, len(known) - 1).to_numpy(zero_copy_only=False)]
        codes.append(np.where(there, code, -1))
    a, b = codes
    same = a == b
    views = [
        View(a, None, extra=same, missed=np.ones(len(a), dtype=bool)),
        View(np.where(same, -1, b), None, extra=np.ones(len(b), dtype=bool), missed=np.zeros(len(b), dtype=bool)),
    ]
    return Family("label", [Stratum("label", label) for label in [*labels, None]], views, [])


def _size_class(rows: _Rows) -> Family:
    """Geometric mean of the areas, or the only one."""
    a, b = (_numbers(rows.pairs[f"area_{side}_px2"]) for side in "ab")
    with np.errstate(over="ignore"):
        size = np.where(np.isnan(a), b, np.where(np.isnan(b), a, np.sqrt(a * b)))
    code = np.where(np.isnan(size), len(SIZES), np.searchsorted(rows.bounds, size, side="right"))
    names = [*SIZES, None]
    return rows.one_view("size_class", lambda code: Stratum("size_class", names[code]), code)


def _page(rows: _Rows) -> Family:
    codes = (table["page"].to_numpy().astype(np.int64) for table in (rows.pairs, rows.tasks))
    return rows.one_view("page", lambda page: Stratum("page", str(page)), *codes)


def _week(rows: _Rows) -> Family:
    """Monday of the later of the two annotations."""
    table, counted = rows.export.annotations, rows.agreement.annotation_rows
    monday = mondays(table)[counted]
    author = ranks(pc.fill_null(table["annotator"], UNKNOWN), rows.names)[counted]
    # Of every task that was compared and every annotator.
    week = np.full((len(rows.task_ids) + 1, len(rows.names)), NO_WEEK)
    task_id = table["task_id"].to_numpy()[counted]
    task = np.searchsorted(rows.task_ids, task_id)
    known = np.append(rows.task_ids, -1)[task] == task_id
    week[task[known], author[known]] = monday[known]

    def name(code: int) -> Stratum:
        return Stratum("week", None if code == NO_WEEK else str(np.datetime64(code, "D")))

    codes = (np.maximum(week[task, a], week[task, b]) for task, (a, b) in zip(rows.task, rows.sides, strict=True))
    return rows.one_view("week", name, *codes)


FAMILIES: dict[str, Callable[[_Rows], Family]] = {
    "all": _all,
    "annotator_pair": _annotator_pair,
    "annotator": _annotator,
    "label": _label,
    "size_class": _size_class,
    "page": _page,
    "week": _week,
}
