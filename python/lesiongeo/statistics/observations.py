"""What is counted: pairs of regions and scores of pages, with their cluster, strata and values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..annotators import UNKNOWN, annotator_order, ranks
from .histograms import Bins, LinearBins, OctaveBins
from .intervals import task_clusters

if TYPE_CHECKING:
    from ..agreement import Agreement
    from ..read import Export

__all__ = ["BY", "METRICS", "Family", "Metric", "Observations", "Stratum", "View", "observe"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]
Side: TypeAlias = Literal["a", "b"]

#: What statistics can be given by, in the order of the table.
BY = ("all", "annotator_pair", "annotator", "label", "size_class", "page", "week")
SIZES = ("small", "medium", "large")
DAY_US = 86_400_000_000


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
    """Rows of pairs that are in strata of one family, seen from one side.

    Attributes
    ----------
    rows : ndarray of int64
        Rows of the table of pairs.
    stratum : ndarray of int64
        Stratum of each of them.
    own : {"a", "b"} or None
        The side that is judged, where sides have a meaning: its signs are the ones of the metrics. For pairs of
        annotators signs stay as they are.
    extra, missed : ndarray of bool
        Whether each of them, unless it is a true positive, counts as a false positive, a false negative.
    """

    rows: Ints
    stratum: Ints
    own: Side | None
    extra: Mask
    missed: Mask


@dataclass(frozen=True, slots=True)
class Family:
    """The strata of one kind. `pages` are those of the scores, as (rows, strata)."""

    by: str
    strata: list[Stratum]
    views: list[View]
    pages: list[tuple[Ints, Ints]]

    @property
    def has_reference(self) -> bool:
        """Whether one side is the reference of the other, so that signs, precision and recall have a meaning."""
        return self.by in ("annotator_pair", "annotator")


@dataclass(frozen=True, slots=True)
class Observations:
    """Rows of pairs and of pages as arrays.

    Attributes
    ----------
    keys : ndarray of uint64
        Key of each cluster.
    pair_cluster, page_cluster : ndarray of int64
        Cluster of each row.
    agreed, hit : ndarray of bool
        Whether a pair is matched or a label conflict; whether it is a true positive.
    values : dict
        Of each metric that is there, the values of all pairs, NaN where unknown; ``score`` of all pages.
    families : list of Family
        In the order of `BY`.
    """

    keys: NDArray[np.uint64]
    pair_cluster: Ints
    page_cluster: Ints
    agreed: Mask
    hit: Mask
    values: dict[str, Floats]
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
    kinds = np.array([*match.dictionary.to_pylist(), None], dtype=object)[:-1]
    kind = match.indices.to_numpy(zero_copy_only=False)
    matched = np.append(kinds == "matched", False)[kind]
    agreed = np.append((kinds == "matched") | (kinds == "label_conflict"), False)[kind]
    values = {metric.name: _numbers(pairs[metric.name]) for metric in OF_PAIRS if metric.name in pairs.column_names}
    drawn = pc.is_null(tasks["reason"]).to_numpy()
    values["score"] = np.where(drawn, _numbers(tasks["score"]), np.nan)
    rows = _Rows(export, agreement, pairs, tasks, size_bounds_px2)
    return Observations(
        keys=clusters.keys,
        pair_cluster=clusters.of(pairs["task_id"].to_numpy()),
        page_cluster=clusters.of(tasks["task_id"].to_numpy()),
        agreed=agreed,
        hit=matched & (values["iou"] >= detection_iou),
        values=values,
        families=[FAMILIES[name](rows) for name in BY if name in by],
    )


def _numbers(column: pa.ChunkedArray) -> Floats:
    """Return a column as doubles, NaN where it has no finite number; yes and no are 1 and 0."""
    found: Floats = pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy()
    return found if np.isfinite(found.sum()) else np.where(np.isfinite(found), found, np.nan)


class _Rows:
    """The two tables with what families need of them."""

    def __init__(
        self, export: Export, agreement: Agreement, pairs: pa.Table, tasks: pa.Table, bounds: tuple[float, float]
    ) -> None:
        self.export, self.agreement, self.pairs, self.tasks = export, agreement, pairs, tasks
        self.bounds = bounds
        self.names = agreement.annotators["annotator"].to_pylist()
        self.sides = {
            (of, side): ranks(table[f"annotator_{side}"], self.names)
            for of, table in (("pairs", pairs), ("tasks", tasks))
            for side in ("a", "b")
        }
        #: Whether a row of pairs has a region on each side.
        self.there = {side: agreement.region_rows[:, number] >= 0 for number, side in enumerate("ab")}

    def one_view(self, by: str, name: Callable[[int], Stratum], of_pairs: Ints, of_pages: Ints | None = None) -> Family:
        """Make a family in which a row has one stratum; `name` says which stratum a code stands for."""
        found, stratum, pages = _compact(of_pairs, np.empty(0, np.int64) if of_pages is None else of_pages)
        own: Side | None = "b" if by == "annotator_pair" else None
        view = View(np.arange(len(stratum)), stratum, own, self.there["b"], self.there["a"])
        scores = [] if of_pages is None else [(np.arange(len(pages)), pages)]
        return Family(by, [name(code) for code in found], [view], scores)


def _compact(*codes: Ints) -> tuple[list[int], Ints, Ints]:
    """Number the codes that occur without gaps; return them, and the new numbers of both arrays."""
    both = np.concatenate(codes)
    found = np.unique(both)
    place = np.searchsorted(found, both)
    return found.tolist(), place[: len(codes[0])], place[len(codes[0]) :]


def _all(rows: _Rows) -> Family:
    zeros = (np.zeros(table.num_rows, np.int64) for table in (rows.pairs, rows.tasks))
    family = rows.one_view("all", lambda _: Stratum("all", None), *zeros)
    # There always is a whole, if only to say that it is empty.
    return Family("all", [Stratum("all", None)], family.views, family.pages)


def _annotator_pair(rows: _Rows) -> Family:
    width = len(rows.names)
    codes = (rows.sides[of, "a"] * width + rows.sides[of, "b"] for of in ("pairs", "tasks"))

    def name(code: int) -> Stratum:
        a, b = rows.names[code // width], rows.names[code % width]
        return Stratum("annotator_pair", f"{a} / {b}", a, b)

    return rows.one_view("annotator_pair", name, *codes)


def _annotator(rows: _Rows) -> Family:
    """Everybody against all others: as side a and as side b, the other side is the reference."""
    there = rows.there
    used = np.unique(np.concatenate(list(rows.sides.values())))
    views, pages = [], []
    for side, other in (("a", "b"), ("b", "a")):
        own: Side = "a" if side == "a" else "b"
        stratum = np.searchsorted(used, rows.sides["pairs", side])
        views.append(View(np.arange(len(stratum)), stratum, own, there[side], there[other]))
        scored = np.searchsorted(used, rows.sides["tasks", side])
        pages.append((np.arange(len(scored)), scored))
    names = [rows.names[rank] for rank in used.tolist()]
    return Family("annotator", [Stratum("annotator", name, name) for name in names], views, pages)


def _label(rows: _Rows) -> Family:
    """Labels of both sides; of one and the same label a row counts once."""
    encoded = [rows.pairs[f"label_{side}"].combine_chunks().dictionary_encode() for side in "ab"]
    labels = sorted({label for column in encoded for label in column.dictionary.to_pylist()})
    place = {label: number for number, label in enumerate(labels)}
    codes = []
    for side, column in zip("ab", encoded, strict=True):
        # A region without label is in a stratum of its own; a side without region is in none.
        known = np.array([*(place[label] for label in column.dictionary.to_pylist()), len(labels)], dtype=np.int64)
        code = known[pc.fill_null(column.indices, len(known) - 1).to_numpy(zero_copy_only=False)]
        codes.append(np.where(rows.there[side], code, -1))
    in_a, in_b = np.flatnonzero(codes[0] >= 0), np.flatnonzero((codes[1] >= 0) & (codes[1] != codes[0]))
    found, of_a, of_b = _compact(codes[0][in_a], codes[1][in_b])
    both = (codes[0] == codes[1])[in_a]
    views = [
        View(in_a, of_a, None, both, np.ones(len(in_a), dtype=bool)),
        View(in_b, of_b, None, np.ones(len(in_b), dtype=bool), np.zeros(len(in_b), dtype=bool)),
    ]
    names = [*labels, None]
    return Family("label", [Stratum("label", names[code]) for code in found], views, [])


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
    table = rows.export.annotations
    counted = rows.agreement.annotation_rows
    known = pc.coalesce(table["created_at"], table["updated_at"]).cast(pa.int64())
    none = np.iinfo(np.int64).min
    day = pc.fill_null(known, none).to_numpy()[counted] // DAY_US
    # 1970-01-01 was a Thursday.
    monday = np.where(day == none // DAY_US, none, day - (day + 3) % 7)
    author = ranks(pc.fill_null(table["annotator"], UNKNOWN), rows.names)[counted]
    task_ids, task = np.unique(table["task_id"].to_numpy()[counted], return_inverse=True)
    width = len(rows.names)
    key = task * width + author

    def weeks(of: str, task_id: Ints) -> Ints:
        start = np.searchsorted(task_ids, task_id) * width
        sides = [monday[np.searchsorted(key, start + rows.sides[of, side])] for side in ("a", "b")]
        return np.maximum(*sides)

    def name(code: int) -> Stratum:
        return Stratum("week", None if code == none else str(np.datetime64(code, "D")))

    codes = (weeks(of, table["task_id"].to_numpy()) for of, table in (("pairs", rows.pairs), ("tasks", rows.tasks)))
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
