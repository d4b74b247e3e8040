"""Statistics of agreement by pair of annotators, annotator, label, size, page and week: one long table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..arrow import numbers
from .accumulate import AgreementParts, added, checked_options
from .bounds import Flat, bounds_of
from .histograms import histogram_quantiles
from .intervals import MOST_NUMBERS, checked_confidence
from .observations import BY, METRICS, Metric

if TYPE_CHECKING:
    from ..agreement import Agreement
    from ..read import Export

__all__ = ["agreement_statistics", "statistics_table"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

DETECTION_METRICS = "precision recall f1 panoptic_quality segmentation_quality recognition_quality".split()
#: Strata whose pages are not theirs alone have no score of pages.
WITHOUT_PAGES = ("label", "size_class")
WITH_REFERENCE = ("annotator_pair", "annotator")


def agreement_statistics(
    export: Export,
    agreement: Agreement,
    *,
    by: Sequence[str] = BY,
    threshold: float | Mapping[str, float] = 0.7,
    detection_iou: float = 0.5,
    size_bounds_px2: Sequence[float] = (1024.0, 9216.0),
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> pa.Table:
    """Say who agrees with whom, about what, how much, and how sure that is.

    Parameters
    ----------
    export : Export
        What was compared; read with ``patient=`` to have patients as clusters.
    agreement : Agreement
        What `agreement` makes of it.
    by : sequence of str
        Which strata: all, annotator_pair, annotator, label, size_class, page, week.
    threshold : float or mapping of str to float, default 0.7
        The share of values below it is given for dice and iou; or for the metrics that a mapping names.
    detection_iou : float, default 0.5
        Smallest IoU at which a matched pair counts as found.
    size_bounds_px2 : (float, float), default (1024.0, 9216.0)
        Areas from which a pair is medium, and large.
    resamples : int, default 1000
        Of the bootstrap; 0: no intervals.
    seed : int, default 0
        Of the bootstrap. The same seed, the same bits.
    confidence : float, default 0.95
        Probability that an interval covers the true value.

    Returns
    -------
    pyarrow.Table
        One row per stratum and metric, also where nothing can be said.

        by : which kind of stratum. key : which one: name of the annotator, "a / b" for a pair, label, small, medium or
        large, page, Monday of the week (UTC); null for all, for regions without label, for annotations without date.
        annotator_a, annotator_b : the pair; of an annotator only the first.

        metric : see Notes. n : number of values behind the row. n_clusters : patients (or tasks) they come from.
        mean, mean_low, mean_high : mean with interval; of detection, the number itself. median, p5, p95. below,
        below_low, below_high, threshold : share of values below the threshold.

        reason : why mean, or only its interval, is null: no_pairs (nothing agrees here), no_pages (nobody drew on the
        pages compared), whole_pages (a score belongs to a page, not to a label or size), not_measured, no_reference
        (neither side is the one that is judged), nothing_drawn, nothing_to_find, no_true_positives, no_resamples,
        too_few_clusters (less than five), undefined_in_resamples, no_spread (all clusters say the same).

    Raises
    ------
    ValueError
        If an option is outside its range.

    See Also
    --------
    AgreementParts : the same from parts that do not fit in memory together.

    Notes
    -----
    iou to status_equal are over matched and conflicting pairs, score over pages on which somebody drew. Of an
    annotator, all pairs they are in, turned so that log_area_ratio and signed_offset are above 0 where they are the
    one who drew larger and wider; of a pair of annotators they are as in `pairs`. Elsewhere sides have no meaning.

    A pair is a true positive if it is matched with an IoU of at least `detection_iou`. Otherwise its region of the
    reference is a false negative, its other one a false positive. The reference is annotator_a of a pair, and
    everybody else for an annotator. Panoptic quality is the sum of IoU over true positives by (TP + FP / 2 + FN / 2),
    segmentation_quality the mean IoU of true positives, recognition_quality the same as f1.

    Intervals: bootstrap of clusters, percentiles. Where a share is 0 or 1, resampling shows no spread; there it is
    Wilson's interval with the clusters as n.

    O(n log n) in pairs for the quantiles; the bootstrap costs resamples x (clusters of all strata) x about 20.

    References
    ----------
    Kirillov et al. 2019, "Panoptic segmentation". Chamandy et al. 2012, "Estimating uncertainty for massive data
    streams".

    Examples
    --------
    >>> import lesiongeo as lg
    >>> export = lg.read_label_studio("examples/dermatology.json", patient="patient_id")
    >>> table = lg.agreement_statistics(export, lg.agreement(export), by=["annotator_pair"], resamples=200)
    >>> dice = [row for row in table.to_pylist() if row["metric"] == "dice"]
    >>> dice[0]["key"], dice[0]["n"], dice[0]["mean_low"] < dice[0]["mean"] < dice[0]["mean_high"]
    ('1 / 2', 193, True)
    """
    confidence = checked_confidence(confidence)
    options = checked_options(
        by=by,
        threshold=threshold,
        detection_iou=detection_iou,
        size_bounds_px2=size_bounds_px2,
        resamples=resamples,
        seed=seed,
    )
    runs = added(export, agreement, options, histograms=False, most_numbers=MOST_NUMBERS)
    return pa.concat_tables([statistics_table(part, confidence=confidence) for part in runs]).combine_chunks()


def statistics_table(parts: AgreementParts, *, confidence: float = 0.95) -> pa.Table:
    """Make the table of `agreement_statistics` of sums."""
    confidence = checked_confidence(confidence)
    thresholds = dict(parts.options.thresholds)
    by = np.array([stratum.by for stratum in parts.strata], dtype=object)
    shown = [metric for metric in METRICS if not metric.name.endswith("_mm") or metric.name in parts.measured]
    columns = [_of_metric(parts, metric, thresholds.get(metric.name), by, confidence) for metric in shown]
    columns += _detection(parts, by, confidence)
    names = [metric.name for metric in shown] + DETECTION_METRICS
    count = len(parts.strata)

    def across(name: str) -> Any:
        """Values of all metrics, stratum by stratum."""
        return np.stack([column[name] for column in columns], axis=1).reshape(-1)

    def text(values: list[str | None], each: int, tiles: int) -> pa.Array:
        return pa.array([value for value in values * tiles for _ in range(each)], pa.string())

    table: dict[str, Any] = {
        name: text([getattr(stratum, name) for stratum in parts.strata], len(names), 1)
        for name in ("by", "key", "annotator_a", "annotator_b")
    }
    table["metric"] = text(list(names), 1, count)
    for name in ("n", "n_clusters"):
        table[name] = pa.array(across(name).astype(np.int64), pa.int64())
    for name in (
        *("mean", "mean_low", "mean_high", "median", "p5", "p95", "below", "below_low", "below_high", "threshold"),
    ):
        table[name] = numbers(across(name).astype(np.float64))
    table["reason"] = pa.array(across("reason").tolist(), pa.string())
    return pa.table(table)


def _ratio(above: Floats, below: Floats) -> Floats:
    """Divide; NaN where there is nothing to divide by."""
    found: Floats = np.full(np.broadcast(above, below).shape, np.nan)
    np.divide(above, below, out=found, where=below > 0)
    return found


def _sums(parts: AgreementParts, name: str) -> tuple[Floats, Floats]:
    """Return a column of sums, and of resampled sums; 0 where nothing like it was measured."""
    number = parts.numbers.get(name)
    if number is None:
        return np.zeros(len(parts.strata)), np.zeros((len(parts.strata), parts.options.resamples))
    return parts.sums[:, number], parts.drawn[:, number]


def _clusters(parts: AgreementParts, bit: int) -> Ints:
    """Count the clusters of each stratum that have values of a metric."""
    has = (parts.cell_metrics >> np.uint32(bit)) & np.uint32(1) > 0
    return np.bincount(parts.cells[has], minlength=len(parts.strata))


def _codes(reasons: list[str | None]) -> NDArray[np.object_]:
    return np.array([*reasons, None], dtype=object)[:-1]


def _of_metric(
    parts: AgreementParts, metric: Metric, threshold: float | None, by: NDArray[np.object_], confidence: float
) -> dict[str, Any]:
    number = METRICS.index(metric)
    n, drawn_n = _sums(parts, f"n {metric.name}")
    total, drawn_total = _sums(parts, f"sum {metric.name}")
    clusters = _clusters(parts, number)
    none = np.full(len(n), np.nan)
    mean = _ratio(total, n)
    if parts.exact or metric.bins is None:
        spread = parts.quantiles[:, number]
    else:
        ends = parts.quantiles[:, number, 0], parts.quantiles[:, number, -1]
        spread = histogram_quantiles(parts.counts[:, number], metric.bins.edges(), *ends)
    silent = np.zeros(len(n), dtype=bool)
    if metric.wider is not None:
        silent = ~np.isin(by, WITH_REFERENCE)
        mean, spread = np.where(silent, np.nan, mean), np.where(silent[:, None], np.nan, spread)
    flat: Flat | None = "share" if metric.bins is None else None
    ratios = _ratio(drawn_total, drawn_n)
    low, high, why = bounds_of(mean, ratios.T, clusters, confidence=confidence, flat=flat)
    share, share_low, share_high = none, none, none
    if threshold is not None:
        below, drawn_below = _sums(parts, f"below {metric.name}")
        share = np.where(silent, np.nan, _ratio(below, n))
        ratios = _ratio(drawn_below, drawn_n)
        share_low, share_high, _ = bounds_of(share, ratios.T, clusters, confidence=confidence, flat="share")
    if metric.name == "score":
        empty = np.where(np.isin(by, WITHOUT_PAGES), "whole_pages", "no_pages")
    else:
        empty = np.where(_sums(parts, "n iou")[0] > 0, "not_measured", "no_pairs")
    reason = np.where(n == 0, empty.astype(object), np.where(silent, "no_reference", _codes(why)))
    return {
        "n": n,
        "n_clusters": clusters,
        "mean": mean,
        "mean_low": low,
        "mean_high": high,
        "median": spread[:, 2],
        "p5": spread[:, 1],
        "p95": spread[:, 3],
        "below": share,
        "below_low": share_low,
        "below_high": share_high,
        "threshold": none if threshold is None else np.full(len(n), threshold),
        "reason": reason,
    }


def _detection(parts: AgreementParts, by: NDArray[np.object_], confidence: float) -> list[dict[str, Any]]:
    """Detection, in the order of DETECTION_METRICS."""
    names = ("tp", "fp", "fn", "tp_iou")
    point, drawn = zip(*(_sums(parts, name) for name in names), strict=True)
    clusters = _clusters(parts, len(METRICS))
    found = []
    for name in DETECTION_METRICS:
        value, n = _detected(name, *point)
        resampled, _ = _detected(name, *drawn)
        sided = name in ("precision", "recall")
        flat: Flat | None = "share" if sided else None if name == "segmentation_quality" else "f1"
        low, high, why = bounds_of(value, resampled.T, clusters, confidence=confidence, flat=flat)
        undefined = {"precision": "nothing_drawn", "recall": "nothing_to_find"}.get(name, "no_true_positives")
        reason = np.where(np.isnan(value), undefined, _codes(why))
        reason = np.where(np.add.reduce(point[:3]) == 0, "no_pairs", reason)
        if sided:
            silent = ~np.isin(by, WITH_REFERENCE)
            reason = np.where(silent, "no_reference", reason)
            value, low, high = (np.where(silent, np.nan, column) for column in (value, low, high))
        none = np.full(len(value), np.nan)
        empty = dict.fromkeys(("median", "p5", "p95", "below", "below_low", "below_high", "threshold"), none)
        found.append(
            {"n": n, "n_clusters": clusters, "mean": value, "mean_low": low, "mean_high": high, **empty}
            | {"reason": reason}
        )
    return found


def _detected(name: str, tp: Floats, fp: Floats, fn: Floats, tp_iou: Floats) -> tuple[Floats, Floats]:
    """Return a number of detection, and how many regions or pairs are behind it."""
    if name == "precision":
        return _ratio(tp, tp + fp), tp + fp
    if name == "recall":
        return _ratio(tp, tp + fn), tp + fn
    if name == "segmentation_quality":
        return _ratio(tp_iou, tp), tp
    share = tp_iou if name == "panoptic_quality" else tp
    return _ratio(share, tp + (fp + fn) / 2.0), tp + fp + fn
