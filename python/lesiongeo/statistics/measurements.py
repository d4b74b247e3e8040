"""Sums of areas per cluster, of which intraclass correlations are made; those of parts add up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..agreement.annotators import annotator_order
from .clusters import Ints, Keys, TaskClusters
from .patterns import rated_pairs
from .ratings import Units

if TYPE_CHECKING:
    from ..read import Export

__all__ = ["AREA", "Measurements", "measurements_of"]

AREA = "area_px2"
Floats: TypeAlias = NDArray[np.float64]
#: Keys of clusters, and for each the sums of `correlation_estimate`.
Sums: TypeAlias = tuple[Keys, Floats]


@dataclass(frozen=True)
class Measurements:
    """Sums of the areas that annotators drew of the same lesions.

    Attributes
    ----------
    annotators : tuple of str
        All, in order.
    pairs : dict
        By pair of annotators the sums of the lesions that both drew: per cluster n, mean, mean squared, squared
        deviations from it, and the deviation of each, see `correlation_estimate`.
    complete : tuple
        The same of the lesions that all annotators drew.
    """

    annotators: tuple[str, ...]
    pairs: dict[tuple[str, str], Sums]
    complete: Sums

    def merge(self, other: Measurements) -> Measurements:
        """Add another part. What all annotators of a part drew is incomplete where the other has more of them."""
        annotators = tuple(sorted({*self.annotators, *other.annotators}, key=annotator_order))
        pairs = dict(self.pairs)
        for names, sums in other.pairs.items():
            pairs[names] = _added([pairs[names], sums]) if names in pairs else sums
        complete = [part.complete for part in (self, other) if part.annotators == annotators]
        none = (np.empty(0, dtype=np.uint64), np.empty((0, 4 + len(annotators))))
        return Measurements(annotators, pairs, _added([none, *complete]))

    def groups(self) -> Iterator[tuple[tuple[str | None, str | None], int, Sums]]:
        """First all annotators, then each two who drew the same lesions: names, how many they are, sums."""
        yield (None, None), len(self.annotators), self.complete
        for names in sorted(self.pairs, key=lambda pair: [annotator_order(name) for name in pair]):
            yield names, 2, self.pairs[names]


def measurements_of(export: Export, units: Units, clusters: TaskClusters) -> Measurements:
    """Add up the areas of the regions that count.

    Parameters
    ----------
    export : Export
        What was read.
    units : Units
        Its lesions.
    clusters : TaskClusters
        Its clusters.
    """
    lesions = units.agreement.lesions
    areas = np.full((lesions.num_rows, len(units.names)), np.nan)
    areas[units.lesion, units.annotator] = export.regions.polygons._areas(None)[units.regions]
    cluster = clusters.of(lesions["task_id"].to_numpy())
    drawn = np.where(np.isnan(areas), -1, 0).astype(np.int16)
    found = rated_pairs(drawn)
    pairs = {}
    for (a, b), (start, end) in found.starts.items():
        rows = found.entry[start:end]
        pairs[units.names[a], units.names[b]] = _sums(areas[rows][:, [a, b]], cluster[rows], clusters.keys)
    rows = np.flatnonzero((drawn >= 0).all(axis=1)) if len(units.names) > 1 else np.empty(0, dtype=np.int64)
    return Measurements(units.names, pairs, _sums(areas[rows], cluster[rows], clusters.keys))


def _sums(values: Floats, cluster: Ints, keys: Keys) -> Sums:
    """Add up complete rows of measurements by cluster."""
    mean = values.mean(axis=1) if values.shape[1] else np.empty(len(values))
    away = values - mean[:, None]
    columns = np.column_stack((np.ones(len(mean)), mean, mean**2, (away**2).sum(axis=1), away))
    found, place = np.unique(cluster, return_inverse=True)
    return keys[found], _by_row(columns, place.reshape(-1), len(found))


def _added(parts: list[Sums]) -> Sums:
    keys, place = np.unique(np.concatenate([part[0] for part in parts]), return_inverse=True)
    return keys, _by_row(np.concatenate([part[1] for part in parts]), place.reshape(-1), len(keys))


def _by_row(values: Floats, place: Ints, rows: int) -> Floats:
    return np.column_stack([np.bincount(place, column, minlength=rows) for column in values.T])
