"""Sums from which the statistics of an agreement are made, and which add up over parts of an export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..options import checked_number, shown
from .histograms import BINS, PROBABILITIES, exact_quantiles
from .intervals import MOST_CLUSTERS, Block, checked_resamples, weighted_sums
from .observations import BY, METRICS, Family, Metric, Observations, Stratum, observe

if TYPE_CHECKING:
    from ..agreement import Agreement
    from ..read import Export

__all__ = ["COLUMNS", "DETECTION", "AgreementParts", "Options", "checked_options"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

#: Sums for detection: true and false positives, false negatives, IoU of true positives.
DETECTION = ("tp", "fp", "fn", "tp_iou")
#: Sums of each metric: how many values, their sum, how many lie below the threshold.
OF_METRIC = ("n", "sum", "below")
#: Number of each column of sums.
COLUMNS = {
    name: number
    for number, name in enumerate([*(f"{part} {metric.name}" for metric in METRICS for part in OF_METRIC), *DETECTION])
}
#: Strata times clusters up to which cells are numbered through a table of all of them.
MOST_CELLS = 1 << 26


@dataclass(frozen=True, slots=True)
class Options:
    """Options that all parts must share, checked. See `agreement_statistics`."""

    by: tuple[str, ...]
    thresholds: tuple[tuple[str, float], ...]
    detection_iou: float
    size_bounds_px2: tuple[float, float]
    resamples: int
    seed: int


def checked_options(
    *,
    by: Sequence[str],
    threshold: float | Mapping[str, float],
    detection_iou: float,
    size_bounds_px2: Sequence[float],
    resamples: int,
    seed: int,
) -> Options:
    """Check the options of `agreement_statistics`."""
    wrong = [name for name in by if name not in BY] if not isinstance(by, str) else [by]
    if wrong:
        raise ValueError(f"by has {shown(wrong[0])}; it is a list of {', '.join(BY)}")
    limits = threshold if isinstance(threshold, Mapping) else {"dice": threshold, "iou": threshold}
    names = [metric.name for metric in METRICS if metric.bins is not None]
    for name, value in limits.items():
        if name not in names:
            raise ValueError(f"threshold names {shown(name)}; it can name {', '.join(names)}")
        if not np.isfinite(checked_number(f"threshold of {name}", value)):
            raise ValueError(f"threshold of {name} is {shown(value)}; it is a number")
    iou = checked_number("detection_iou", detection_iou)
    if not 0.0 <= iou <= 1.0:
        raise ValueError(f"detection_iou is {shown(detection_iou)}; it lies between 0 and 1")
    bounds = tuple(checked_number("size_bounds_px2", bound) for bound in size_bounds_px2)
    if len(bounds) != 2 or not 0.0 <= bounds[0] <= bounds[1]:
        raise ValueError(f"size_bounds_px2 is {shown(size_bounds_px2)}; it is two areas, the smaller one first")
    resamples, seed = checked_resamples(resamples, seed)
    thresholds = tuple((name, float(limits[name])) for name in names if name in limits)
    return Options(tuple(name for name in BY if name in by), thresholds, iou, (bounds[0], bounds[1]), resamples, seed)


@dataclass(frozen=True, slots=True, repr=False)
class AgreementParts:
    """Sums of a part of an export: of some tasks, or of all. Sums of several parts merge to those of the whole.

    Attributes
    ----------
    options : Options
        How they were made.
    measured : frozenset of str
        Metrics for which the tables have a column.
    strata : list of Stratum
        What the rows of the arrays are, sorted.
    sums : ndarray of float64, shape (strata, columns)
        Sums over rows, see `COLUMNS`.
    drawn : ndarray of float64, shape (strata, columns, resamples)
        The same in each resample.
    counts : ndarray of int64, shape (strata, metrics, 1000)
        Histograms.
    quantiles : ndarray of float64, shape (strata, metrics, 5)
        Smallest value, 5th, 50th and 95th percentile, largest value; NaN without values.
    exact : bool
        Whether `quantiles` come from the values; if not, only smallest and largest do.
    cells : ndarray of int64, shape (n,)
        A stratum with each cluster that is in it.
    cell_keys : ndarray of uint64, shape (n,)
        The cluster.
    cell_metrics : ndarray of uint32, shape (n,)
        A bit for each metric of which it has values, the last bit for rows of pairs.

    Notes
    -----
    Memory is that of the sums and histograms, whatever the number of regions: per stratum some 60 x (resamples + 400)
    x 8 bytes, and 20 bytes for every cluster in it. Parts can be pickled, to be made in other processes.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> parts = None
    >>> for batch in lg.scan_label_studio("examples/dermatology.json", window_bytes=1 << 20):
    ...     own = lg.AgreementParts.of(batch, lg.agreement(batch), resamples=100)
    ...     parts = own if parts is None else parts.merge(own)
    >>> parts.table().num_rows == len(parts.strata) * 19
    True
    """

    options: Options
    measured: frozenset[str]
    strata: list[Stratum]
    sums: Floats
    drawn: Floats
    counts: Ints
    quantiles: Floats
    exact: bool
    cells: Ints
    cell_keys: NDArray[np.uint64]
    cell_metrics: NDArray[np.uint32]

    def __repr__(self) -> str:
        """Say how much there is."""
        return f"<AgreementParts: {len(self.strata)} strata, {self.options.resamples} resamples>"

    @classmethod
    def of(
        cls,
        export: Export,
        agreement: Agreement,
        *,
        by: Sequence[str] = BY,
        threshold: float | Mapping[str, float] = 0.7,
        detection_iou: float = 0.5,
        size_bounds_px2: Sequence[float] = (1024.0, 9216.0),
        resamples: int = 1000,
        seed: int = 0,
    ) -> AgreementParts:
        """Add up an agreement.

        Parameters
        ----------
        export, agreement, by, threshold, detection_iou, size_bounds_px2, resamples, seed
            As of `agreement_statistics`. Whole tasks must be in one part.

        Returns
        -------
        AgreementParts
            With exact quantiles, as long as nothing is merged into it.

        Raises
        ------
        ValueError
            If an option is outside its range.
        """
        options = checked_options(
            by=by,
            threshold=threshold,
            detection_iou=detection_iou,
            size_bounds_px2=size_bounds_px2,
            resamples=resamples,
            seed=seed,
        )
        seen = observe(
            export,
            agreement,
            by=options.by,
            detection_iou=options.detection_iou,
            size_bounds_px2=options.size_bounds_px2,
        )
        return _added(seen, options)

    def merge(self, other: AgreementParts) -> AgreementParts:
        """Put the sums of two parts together.

        Parameters
        ----------
        other : AgreementParts
            Of other tasks, made with the same options.

        Returns
        -------
        AgreementParts
            New; its quantiles come from the histograms. O(size of the arrays).

        Raises
        ------
        ValueError
            If the options differ.
        """
        if self.options != other.options:
            raise ValueError(f"parts were made with different options: {self.options} and {other.options}")
        strata = sorted({*self.strata, *other.strata}, key=Stratum.order)
        place = {stratum: number for number, stratum in enumerate(strata)}
        rows = [np.array([place[stratum] for stratum in part.strata], dtype=np.int64) for part in (self, other)]

        def added(name: str) -> Any:
            first, second = getattr(self, name), getattr(other, name)
            total = np.zeros((len(strata), *first.shape[1:]), dtype=first.dtype)
            total[rows[0]] += first
            total[rows[1]] += second
            return total

        quantiles = np.full((len(strata), *self.quantiles.shape[1:]), np.nan)
        for row, part in zip(rows, (self, other), strict=True):
            quantiles[row, :, 0] = np.fmin(quantiles[row, :, 0], part.quantiles[:, :, 0])
            quantiles[row, :, -1] = np.fmax(quantiles[row, :, -1], part.quantiles[:, :, -1])
        cells = np.concatenate([row[part.cells] for row, part in zip(rows, (self, other), strict=True)])
        keys = np.concatenate([self.cell_keys, other.cell_keys])
        order = np.lexsort((keys, cells))
        cells, keys = cells[order], keys[order]
        first = np.flatnonzero(np.concatenate(([True], (np.diff(cells) != 0) | (np.diff(keys) != 0)))[: len(cells)])
        bits = np.concatenate([self.cell_metrics, other.cell_metrics])[order]
        return replace(
            self,
            measured=self.measured | other.measured,
            strata=strata,
            sums=added("sums"),
            drawn=added("drawn"),
            counts=added("counts"),
            quantiles=quantiles,
            exact=False,
            cells=cells[first],
            cell_keys=keys[first],
            cell_metrics=np.bitwise_or.reduceat(bits, first) if len(first) else bits,
        )

    def table(self, *, confidence: float = 0.95) -> pa.Table:
        """Return the statistics.

        Parameters
        ----------
        confidence : float, default 0.95
            Probability that an interval covers the true value.

        Returns
        -------
        pyarrow.Table
            As `agreement_statistics` has it.

        Raises
        ------
        ValueError
            If confidence is not between 0 and 1.
        """
        from .strata import statistics_table

        return statistics_table(self, confidence=confidence)


@dataclass(frozen=True, slots=True)
class _Cells:
    """The pairs of stratum and cluster of a family that occur, and which of them each row is in."""

    stratum: Ints
    cluster: Ints
    of_views: list[Ints]
    of_pages: list[Ints]


def _cells(family: Family, seen: Observations) -> _Cells:
    width = len(seen.keys)
    codes = [view.stratum * width + seen.pair_cluster[view.rows] for view in family.views]
    codes += [stratum * width + seen.page_cluster[rows] for rows, stratum in family.pages]
    size = len(family.strata) * width
    if size <= MOST_CELLS:
        there = np.zeros(size, dtype=bool)
        for code in codes:
            there[code] = True
        found = np.flatnonzero(there)
        number = np.cumsum(there) - 1
        placed = [number[code] for code in codes]
    else:
        found = np.unique(np.concatenate(codes))
        placed = [np.searchsorted(found, code) for code in codes]
    return _Cells(
        found // max(width, 1), found % max(width, 1), placed[: len(family.views)], placed[len(family.views) :]
    )


class _Values:
    """Values of one metric over the rows that have one, for all views of a family."""

    def __init__(self, metric: Metric, family: Family, cells: _Cells, seen: Observations, rows: list[Ints]) -> None:
        values = seen.values[metric.name]
        pages = metric.name == "score"
        sources = family.pages if pages else [(view.rows, view.stratum) for view in family.views]
        placed = cells.of_pages if pages else cells.of_views
        self.values: list[Floats] = []
        self.strata: list[Ints] = []
        self.cells: list[Ints] = []
        for number, ((of_table, stratum), cell) in enumerate(zip(sources, placed, strict=True)):
            chosen = np.arange(len(of_table)) if pages else rows[number]
            own = values[of_table[chosen]]
            known = ~np.isnan(own)
            if not known.all():
                chosen, own = chosen[known], own[known]
            turned = not pages and metric.wider is not None and family.by == "annotator"
            if turned and family.views[number].own != metric.wider:
                own = -own
            self.values.append(own)
            self.strata.append(stratum[chosen])
            self.cells.append(cell[chosen])


def _added(seen: Observations, options: Options) -> AgreementParts:
    """Add up observations, family by family."""
    thresholds = dict(options.thresholds)
    strata: list[Stratum] = []
    sums, counts, quantiles, blocks = [], [], [], []
    cell_strata, cell_keys, cell_bits = [], [], []
    for family in seen.families:
        cells = _cells(family, seen)
        columns = np.zeros((len(COLUMNS), len(cells.stratum)))
        histogram = np.zeros((len(METRICS), len(family.strata), BINS), dtype=np.int64)
        spread = np.full((len(METRICS), len(family.strata), len(PROBABILITIES)), np.nan)
        agreed = [np.flatnonzero(seen.agreed[view.rows]) for view in family.views]
        bits = np.zeros(len(cells.stratum), dtype=np.uint32)
        for number, metric in enumerate(METRICS):
            if metric.name not in seen.values:
                continue
            own = _Values(metric, family, cells, seen, agreed)
            for values, cell in zip(own.values, own.cells, strict=True):
                _add(columns[COLUMNS[f"n {metric.name}"]], cell)
                _add(columns[COLUMNS[f"sum {metric.name}"]], cell, values)
                if metric.name in thresholds:
                    low = values < thresholds[metric.name]
                    _add(columns[COLUMNS[f"below {metric.name}"]], cell[low])
            bits |= (columns[COLUMNS[f"n {metric.name}"]] > 0).astype(np.uint32) << np.uint32(number)
            if metric.bins is not None and own.values:
                values, stratum = np.concatenate(own.values), np.concatenate(own.strata)
                bins = metric.bins.place(values)
                key = stratum * BINS + bins
                histogram[number] = np.bincount(key, minlength=histogram[number].size).reshape(-1, BINS)
                spread[number] = exact_quantiles(values, bins, stratum, histogram[number])
        for view, cell in zip(family.views, cells.of_views, strict=True):
            hit = seen.hit[view.rows]
            _add(columns[COLUMNS["tp"]], cell[hit])
            _add(columns[COLUMNS["fp"]], cell[~hit & view.extra])
            _add(columns[COLUMNS["fn"]], cell[~hit & view.missed])
            _add(columns[COLUMNS["tp_iou"]], cell[hit], seen.values["iou"][view.rows[hit]])
        there = columns[COLUMNS["tp"]] + columns[COLUMNS["fp"]] + columns[COLUMNS["fn"]] > 0
        bits |= there.astype(np.uint32) << np.uint32(len(METRICS))
        edges = np.searchsorted(cells.stratum, np.arange(len(family.strata) + 1))
        for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            values = np.ascontiguousarray(columns[:, start:end].T)
            sums.append(values.sum(axis=0))
            blocks.append(Block(cells.cluster[start:end], values))
        counts.append(histogram.transpose(1, 0, 2))
        quantiles.append(spread.transpose(1, 0, 2))
        cell_strata.append(cells.stratum + len(strata))
        cell_keys.append(seen.keys[cells.cluster])
        cell_bits.append(bits)
        strata += family.strata
    drawn = _drawn(blocks, seen.keys, options)
    part = AgreementParts(
        options=options,
        measured=frozenset(seen.values),
        strata=strata,
        sums=np.array(sums).reshape(-1, len(COLUMNS)),
        drawn=drawn,
        counts=np.concatenate([np.zeros((0, len(METRICS), BINS), dtype=np.int64), *counts]),
        quantiles=np.concatenate([np.zeros((0, len(METRICS), len(PROBABILITIES))), *quantiles]),
        exact=True,
        cells=np.concatenate([np.zeros(0, dtype=np.int64), *cell_strata]),
        cell_keys=np.concatenate([np.zeros(0, dtype=np.uint64), *cell_keys]),
        cell_metrics=np.concatenate([np.zeros(0, dtype=np.uint32), *cell_bits]),
    )
    return _sorted(part)


def _add(column: Floats, cell: Ints, values: Floats | None = None) -> None:
    column += np.bincount(cell, weights=values, minlength=len(column))


def _drawn(blocks: list[Block], keys: NDArray[np.uint64], options: Options) -> Floats:
    """Return the sums of each block in each resample, shape (blocks, columns, resamples).

    Columns that are 0 or equal to the first count need no work of their own. Clusters come in runs that are never put
    together by a hash, so that the sums of parts add up to those of the whole.
    """
    drawn = np.zeros((len(blocks), len(COLUMNS), options.resamples))
    kept = [_kept(block.values) for block in blocks]
    small = [Block(block.rows, block.values[:, own]) for block, (own, _) in zip(blocks, kept, strict=True)]
    for start in range(0, len(keys), MOST_CLUSTERS):
        end = min(start + MOST_CLUSTERS, len(keys))
        spans = [np.searchsorted(block.rows, (start, end)).tolist() for block in small]
        run = [
            Block(block.rows[low:high] - start, block.values[low:high])
            for block, (low, high) in zip(small, spans, strict=True)
        ]
        totals = weighted_sums(run, keys[start:end], resamples=options.resamples, seed=options.seed).T
        edges = np.cumsum([0, *(len(own) for own, _ in kept)]).tolist()
        for number, (own, equal) in enumerate(kept):
            drawn[number, own] += totals[edges[number] : edges[number + 1]]
            if len(equal):
                drawn[number, equal] = drawn[number, own[0]]
    return drawn


def _kept(values: Floats) -> tuple[Ints, Ints]:
    """Return the columns to weight, and those that are equal to the first of these."""
    used = np.flatnonzero(values.any(axis=0))
    if not len(used):
        return used, used
    equal = (values[:, used] == values[:, used[:1]]).all(axis=0)
    equal[0] = False
    return used[~equal], used[equal]


def _sorted(part: AgreementParts) -> AgreementParts:
    """Put the strata in order."""
    order = sorted(range(len(part.strata)), key=lambda number: part.strata[number].order())
    place = np.argsort(order)
    return replace(
        part,
        strata=[part.strata[number] for number in order],
        sums=part.sums[order],
        drawn=part.drawn[order],
        counts=part.counts[order],
        quantiles=part.quantiles[order],
        cells=place[part.cells],
    )
