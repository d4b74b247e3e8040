"""Each region against the outline of most of the others: the plain comparison, for a sample of regions."""

from __future__ import annotations

import math

import numpy as np

from ..clipping import GroupedPolygons, majority
from ..distances import signed_offset
from ..polygons import Polygons
from ..statistics.clusters import GAMMA, Keys, mixed
from .observations import Observations
from .tails import t_quantile
from .twoway import HUBER, MAD, Floats, Ints

__all__ = ["MajoritySample", "centre", "majority_sample"]


class MajoritySample:
    """Regions of a sample, and per region ln(area / area of the majority) and the signed offset in pixels.

    NaN where most of the others have no common area, or a region has none.
    """

    def __init__(self, row: Ints, log_ratio: Floats, offset_px: Floats) -> None:
        self.row, self.log_ratio, self.offset_px = row, log_ratio, offset_px


def majority_sample(seen: Observations, most: int, seed: int, threads: int | None) -> MajoritySample:
    """Compare up to `most` regions of each person with the outline that a majority of the others of the lesion draws.

    With an even number of others, more than half of them is one more than half, and half of them is the other
    possibility: of two, intersection and union. The first makes everybody look wide, the second tight, so both are
    taken, and the mean of what comes out.
    """
    rows = np.flatnonzero(seen.lesion >= 0)
    rows = rows[seen.drawn[seen.lesion[rows]] >= 2]
    rows = rows[np.isfinite(seen.areas[rows]) & (seen.areas[rows] > 0)]
    rows = _chosen(seen, rows, most, seed)
    members = np.flatnonzero(seen.lesion >= 0)
    members = members[np.argsort(seen.lesion[members], kind="stable")]
    edges = np.searchsorted(seen.lesion[members], np.arange(len(seen.drawn) + 1))
    polygons = seen.export.regions.polygons
    log_ratio, offset = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    others = seen.drawn[seen.lesion[rows]] - 1
    for count in np.unique(others).tolist():
        at = np.flatnonzero(others == count)
        lesion = seen.lesion[rows[at]]
        inside = members[edges[lesion][:, None] + np.arange(count + 1)]
        rest = inside[inside != rows[at][:, None]]
        groups = np.repeat(np.arange(len(at)), count)
        own = polygons.take(rows[at])
        drawn = polygons.take(rest)
        votes = (count // 2 + 1,) if count % 2 else (count // 2, count // 2 + 1)
        parts = [
            _against(own, seen.areas[rows[at]], majority(drawn, groups, min_votes=least, threads=threads), threads)
            for least in votes
        ]
        log_ratio[at] = np.mean([part[0] for part in parts], axis=0)
        offset[at] = np.mean([part[1] for part in parts], axis=0)
    return MajoritySample(rows, log_ratio, offset)


def centre(values: Floats, cluster: Ints, confidence: float) -> tuple[int, float, float, float]:
    """Return how many values there are, their robust mean (Huber), and its interval with errors by clusters."""
    known = np.isfinite(values)
    values, cluster = values[known], cluster[known]
    if not len(values):
        return 0, math.nan, math.nan, math.nan
    mean = float(np.median(values))
    scale = max(MAD * float(np.median(np.abs(values - mean))), 1e-9)
    weight = np.ones(len(values))
    for _ in range(20):
        weight = np.minimum(1.0, HUBER * scale / np.maximum(np.abs(values - mean), 1e-300))
        mean = float(np.average(values, weights=weight))
    _, code = np.unique(cluster, return_inverse=True)
    scores = np.bincount(code, weights=weight * (values - mean))
    clusters = len(scores)
    if clusters < 2:
        return len(values), mean, math.nan, math.nan
    slope = max(int(np.count_nonzero(np.abs(values - mean) <= HUBER * scale)), 1)
    error = math.sqrt(float(scores @ scores) * clusters / (clusters - 1)) / slope
    reach = t_quantile(confidence, clusters - 1.0) * error
    return len(values), mean, mean - reach, mean + reach


def _against(own: Polygons, area: Floats, found: GroupedPolygons, threads: int | None) -> tuple[Floats, Floats]:
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = np.log(area / found.polygons._areas(threads))
    return np.where(np.isfinite(log_ratio), log_ratio, np.nan), signed_offset(own, found.polygons, threads=threads)


def _chosen(seen: Observations, rows: Ints, most: int, seed: int) -> Ints:
    """Choose rows of each person by a hash of what they are, so that no order of files matters."""
    lesions = seen.agreement.lesions
    task = lesions["task_id"].to_numpy().astype(np.int64).view(np.uint64)
    place = lesions["page"].to_numpy().astype(np.uint64) << np.uint64(32) | lesions["lesion"].to_numpy().astype(
        np.uint64
    )
    key = _mixed(_mixed(task + _mixed(np.array([seed & (2**64 - 1)], dtype=np.uint64))) ^ place)
    who = seen.who[seen.place[rows]]
    order = np.lexsort((seen.lesion[rows], key[seen.lesion[rows]], who))
    first = np.searchsorted(who[order], np.arange(len(seen.names)))
    number = np.arange(len(order)) - first[who[order]]
    chosen = rows[order[number < most]]
    # Sums depend on the order in their last bits: by lesion and person, which no order of files changes.
    return chosen[np.lexsort((seen.who[seen.place[chosen]], seen.lesion[chosen]))]


def _mixed(values: Keys) -> Keys:
    """Scatter numbers of which many are small or alike (SplitMix64: Steele, Lea and Flood 2014)."""
    with np.errstate(over="ignore"):
        return mixed(values + GAMMA)
