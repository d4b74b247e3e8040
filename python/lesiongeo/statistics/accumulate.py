"""Sums from which the statistics of an agreement are made, and which add up over parts of an export."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..options import checked_number, shown
from ..threads import num_threads
from .histograms import BINS, PROBABILITIES
from .intervals import MOST_CLUSTERS, Block, checked_resamples, weighted_sums
from .observations import BY, METRICS, Family, Observations, Stratum, observe
from .sums import FamilySums, column_numbers

if TYPE_CHECKING:
    from ..agreement import Agreement
    from ..read import Export

__all__ = ["AgreementParts", "Options", "added", "checked_options"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


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
    given = tuple(size_bounds_px2) if isinstance(size_bounds_px2, Iterable) else ()
    bounds = tuple(checked_number("size_bounds_px2", bound) for bound in given)
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
        Sums over rows; `numbers` says which column is what.
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
    Memory is that of the sums and histograms, whatever the number of regions: at 1,000 resamples half a megabyte per
    stratum, and 20 bytes for every cluster in it. Parts can be pickled, to be made in other processes.

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

    @property
    def numbers(self) -> dict[str, int]:
        """Names of the columns of sums, with their numbers."""
        return column_numbers(self.measured, dict(self.options.thresholds))

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
        (whole,) = added(export, agreement, options, histograms=True, most_numbers=None)
        return whole

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

        measured = self.measured | other.measured
        numbers = column_numbers(measured, dict(self.options.thresholds))

        def total_of(name: str) -> Any:
            width = len(METRICS) if name == "counts" else len(numbers)
            first = getattr(self, name)
            total = np.zeros((len(strata), width, *first.shape[2:]), dtype=first.dtype)
            for row, part in zip(rows, (self, other), strict=True):
                own = range(width) if name == "counts" else [numbers[column] for column in part.numbers]
                total[np.ix_(row, np.array(own, dtype=np.int64))] += getattr(part, name)
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
            measured=measured,
            strata=strata,
            sums=total_of("sums"),
            drawn=total_of("drawn"),
            counts=total_of("counts"),
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


class _Added(NamedTuple):
    """What is kept of the sums of a family: of each stratum its sums, and a block of those that are resampled."""

    sums: list[Floats]
    blocks: list[Block]
    kept: list[tuple[Ints, Ints]]
    #: Where the cells of each stratum begin, and where the last ends.
    edges: list[int]
    counts: Ints
    quantiles: Floats
    #: Of each cell.
    keys: NDArray[np.uint64]
    bits: NDArray[np.uint32]


def _of_family(family: Family, seen: Observations, options: Options, histograms: bool) -> _Added:
    own = FamilySums(family, seen, dict(options.thresholds), histograms=histograms)
    stratum, cluster = own.cells.stratum, own.cells.cluster
    edges = np.searchsorted(stratum, np.arange(len(family.strata) + 1)).tolist()
    found = _Added([], [], [], edges, own.counts, own.quantiles, seen.keys[cluster], own.bits)
    for start, end in pairwise(edges):
        values = own.columns[:, start:end]
        found.sums.append(values.sum(axis=1))
        used, equal = _kept(values)
        found.kept.append((used, equal))
        found.blocks.append(Block(cluster[start:end], np.ascontiguousarray(values[used].T)))
    return found


def added(
    export: Export, agreement: Agreement, options: Options, *, histograms: bool, most_numbers: int | None
) -> Iterator[AgreementParts]:
    """Add up an agreement, several families at a time: which thread adds up what changes nothing.

    The strata come sorted, in runs whose `drawn` has no more than `most_numbers` numbers (or one stratum), so that
    many strata need no more memory than some; None: all of them together. Labels that no region has are left out.
    Without `histograms` the parts cannot be merged.
    """
    seen = observe(
        export,
        agreement,
        by=options.by,
        detection_iou=options.detection_iou,
        size_bounds_px2=options.size_bounds_px2,
    )
    width = len(column_numbers(seen.columns, dict(options.thresholds)))
    with ThreadPoolExecutor(min(num_threads(), len(BY))) as pool:
        found = list(pool.map(lambda family: _of_family(family, seen, options, histograms), seen.families))
    strata = [
        (stratum, own, place)
        for family, own in zip(seen.families, found, strict=True)
        for place, stratum in enumerate(family.strata)
        if own.edges[place] < own.edges[place + 1] or stratum.by == "all"
    ]
    strata.sort(key=lambda one: one[0].order())
    size = max(1, len(strata) if most_numbers is None else most_numbers // max(1, width * options.resamples))
    for start in range(0, max(1, len(strata)), size):
        yield _part(strata[start : start + size], seen, options, width)


def _part(
    strata: list[tuple[Stratum, _Added, int]], seen: Observations, options: Options, width: int
) -> AgreementParts:
    """Put some strata together: each with the sums of its family, and its place in it."""

    def rows(name: str, *shape: int) -> Any:
        return np.array([getattr(own, name)[place] for _, own, place in strata]).reshape(len(strata), *shape)

    def cells(name: str, dtype: Any) -> Any:
        runs = (getattr(own, name)[own.edges[place] : own.edges[place + 1]] for _, own, place in strata)
        return np.concatenate([np.zeros(0, dtype=dtype), *runs])

    sizes = [own.edges[place + 1] - own.edges[place] for _, own, place in strata]
    blocks, kept = ([getattr(own, name)[place] for _, own, place in strata] for name in ("blocks", "kept"))
    return AgreementParts(
        options=options,
        measured=frozenset(seen.columns),
        strata=[stratum for stratum, _, _ in strata],
        sums=rows("sums", width),
        drawn=_drawn(blocks, kept, width, seen.keys, options),
        counts=rows("counts", -1, BINS) if strata else np.zeros((0, len(METRICS), BINS), dtype=np.int64),
        quantiles=rows("quantiles", len(METRICS), len(PROBABILITIES)),
        exact=True,
        cells=np.repeat(np.arange(len(strata)), sizes),
        cell_keys=cells("keys", np.uint64),
        cell_metrics=cells("bits", np.uint32),
    )


def _drawn(
    blocks: list[Block], kept: list[tuple[Ints, Ints]], width: int, keys: NDArray[np.uint64], options: Options
) -> Floats:
    """Return the sums of each block in each resample, shape (blocks, columns, resamples).

    `kept` says which columns the values of a block are, and which others are equal to the first of these. Clusters
    come in runs that are never put together by a hash, so that the sums of parts add up to those of the whole.
    """
    drawn = np.zeros((len(blocks), width, options.resamples))
    edges = np.cumsum([0, *(len(used) for used, _ in kept)]).tolist()
    for start in range(0, len(keys), MOST_CLUSTERS):
        end = min(start + MOST_CLUSTERS, len(keys))
        run = []
        for block in blocks:
            low, high = np.searchsorted(block.rows, (start, end)).tolist()
            run.append(Block(block.rows[low:high] - start, block.values[low:high]))
        totals = weighted_sums(run, keys[start:end], resamples=options.resamples, seed=options.seed).T
        for number, (used, _) in enumerate(kept):
            drawn[number, used] += totals[edges[number] : edges[number + 1]]
    for number, (used, equal) in enumerate(kept):
        if len(equal):
            drawn[number, equal] = drawn[number, used[0]]
    return drawn


def _kept(values: Floats) -> tuple[Ints, Ints]:
    """Return the columns to weight, and those that are equal to the first of these."""
    used = np.flatnonzero(values.any(axis=1))
    equal = np.array(
        [at > 0 and np.array_equal(values[one], values[used[0]]) for at, one in enumerate(used)], dtype=bool
    )
    return used[~equal], used[equal]
