"""Sums of one family of strata, per stratum and cluster."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .histograms import BINS, PROBABILITIES, exact_quantiles
from .observations import METRICS, Column, Family, Metric, Observations

__all__ = ["FamilySums", "column_numbers"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

#: Sums for detection: true and false positives, false negatives, IoU of true positives.
DETECTION = ("tp", "fp", "fn", "tp_iou")
#: Strata times clusters up to which cells are numbered through a table of all of them.
MOST_CELLS = 1 << 26


def column_numbers(measured: Collection[str], thresholds: Collection[str]) -> dict[str, int]:
    """Number the columns of sums: of each metric how many values, their sum, how many lie below the threshold."""
    names = [metric.name for metric in METRICS if metric.name in measured]
    parts = [
        f"{part} {name}" for name in names for part in ("n", "sum", "below") if part != "below" or name in thresholds
    ]
    return {name: number for number, name in enumerate([*parts, *DETECTION])}


class Run(NamedTuple):
    """Values of a column that are in strata of a view: which (None: all), first bin of their strata, their cells."""

    chosen: Ints | None
    first_bin: Ints
    cell: Ints


class Cells:
    """The pairs of stratum and cluster of a family that occur: cells, sorted, and where each row is."""

    def __init__(self, family: Family, seen: Observations) -> None:
        width = max(len(seen.keys), 1)
        self.family = family
        self.of_pairs = [view.stratum for view in family.views]
        codes = [np.where(own >= 0, own * width + seen.pair_cluster, -1) for own in self.of_pairs]
        codes += [own * width + seen.page_cluster for own in family.pages]
        if len(family.strata) * width <= MOST_CELLS:
            # One more for -1, at the end.
            there = np.zeros(len(family.strata) * width + 1, dtype=bool)
            for code in codes:
                there[code] = True
            there[-1] = False
            found = np.flatnonzero(there)
            number = np.cumsum(there) - 1
            placed = [number[code] for code in codes]
        else:
            found = np.unique(np.concatenate([code[code >= 0] for code in codes]))
            placed = [np.searchsorted(found, code) for code in codes]
        self.stratum, self.cluster = found // width, found % width
        self.cells_of_pairs, self.cells_of_pages = placed[: len(family.views)], placed[len(family.views) :]
        self.known: dict[int, tuple[list[Run], Floats]] = {}

    def runs(self, column: Column, pages: bool = False) -> tuple[list[Run], Floats]:
        """Return where the values of a column belong, once per view, and how many are in each cell."""
        if id(column.rows) not in self.known:
            runs = []
            strata, cells = (self.family.pages, self.cells_of_pages) if pages else (self.of_pairs, self.cells_of_pairs)
            for of_row, cell in zip(strata, cells, strict=True):
                stratum, rows, chosen = of_row[column.rows], column.rows, None
                if (stratum < 0).any():
                    chosen = np.flatnonzero(stratum >= 0)
                    stratum, rows = stratum[chosen], rows[chosen]
                runs.append(Run(chosen, stratum * BINS, cell[rows]))
            count = np.zeros(len(self.stratum))
            for run in runs:
                count += np.bincount(run.cell, minlength=len(count))
            self.known[id(column.rows)] = runs, count
        return self.known[id(column.rows)]


class FamilySums:
    """Sums of one family."""

    def __init__(
        self, family: Family, seen: Observations, thresholds: dict[str, float], *, histograms: bool = True
    ) -> None:
        count = len(family.strata)
        self.family, self.cells = family, Cells(family, seen)
        self.number = column_numbers(seen.columns, thresholds)
        self.columns = np.zeros((len(self.number), len(self.cells.stratum)))
        #: Of no metric where histograms are not kept.
        self.counts = np.zeros((count, len(METRICS) if histograms else 0, BINS), dtype=np.int64)
        self.quantiles = np.full((count, len(METRICS), len(PROBABILITIES)), np.nan)
        self.bits = np.zeros(len(self.cells.stratum), dtype=np.uint32)
        for number, metric in enumerate(METRICS):
            if metric.name in seen.columns:
                self.add_metric(number, metric, seen.columns[metric.name], thresholds.get(metric.name))
        self.add_detection(seen)

    def add(self, name: str, cell: Ints, values: Floats | None = None) -> None:
        """Add values, or ones, to a column of sums."""
        column = self.columns[self.number[name]]
        column += np.bincount(cell, weights=values, minlength=len(column))

    def add_metric(self, number: int, metric: Metric, column: Column, threshold: float | None) -> None:
        """Add up a metric, its histogram and its quantiles."""
        pages = metric.name == "score"
        runs, count = self.cells.runs(column, pages)
        self.columns[self.number[f"n {metric.name}"]] = count
        self.bits |= (count > 0).astype(np.uint32) << np.uint32(number)
        values, keys = [], []
        for place, (chosen, first_bin, cell) in enumerate(runs):
            own, bins = column.values, column.bins
            if chosen is not None:
                own, bins = own[chosen], bins[chosen] if len(bins) else bins
            if self.turned(metric, place, pages):
                own = -own
                bins = metric.bins.place(own).astype(np.int16) if metric.bins is not None else bins
            self.add(f"sum {metric.name}", cell, own)
            if threshold is not None:
                self.add(f"below {metric.name}", cell[own < threshold])
            if metric.bins is not None:
                values.append(own)
                keys.append(first_bin + bins)
        if values:
            joined = values[0] if len(values) == 1 else np.concatenate(values)
            key = keys[0] if len(keys) == 1 else np.concatenate(keys)
            counts = np.bincount(key, minlength=len(self.family.strata) * BINS).reshape(-1, BINS)
            if self.counts.shape[1]:
                self.counts[:, number] = counts
            self.quantiles[:, number] = exact_quantiles(joined, key, counts)

    def turned(self, metric: Metric, view: int, pages: bool) -> bool:
        """Say whether the sign of a metric is that of the other side: of an annotator, larger and wider is positive."""
        if pages or metric.wider is None or self.family.by != "annotator":
            return False
        return self.family.views[view].own != metric.wider

    def add_detection(self, seen: Observations) -> None:
        """Add up true and false positives and false negatives."""
        iou = seen.columns["iou"]
        hit = seen.hit[iou.rows]
        runs, _ = self.cells.runs(iou)
        for view, cell, run in zip(self.family.views, self.cells.cells_of_pairs, runs, strict=True):
            own, values = (hit, iou.values) if run.chosen is None else (hit[run.chosen], iou.values[run.chosen])
            self.add("tp", run.cell[own])
            self.add("tp_iou", run.cell[own], values[own])
            lost = ~seen.hit & (view.stratum >= 0)
            self.add("fp", cell[lost & view.extra])
            self.add("fn", cell[lost & view.missed])
        there = self.columns[[self.number[name] for name in ("tp", "fp", "fn")]].any(axis=0)
        self.bits |= there.astype(np.uint32) << np.uint32(len(METRICS))
