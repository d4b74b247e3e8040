"""Reliability: how far annotators agree on every control, corrected for chance, with intervals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..options import shown
from .bounds import Flat, bounds_of
from .clusters import Keys, task_clusters
from .estimates import Estimate, correlation_estimate, group_estimate, pair_estimate
from .intervals import MOST_NUMBERS, checked_confidence, checked_resamples, weighted_sums
from .measurements import AREA, Measurements, measurements_of
from .patterns import Patterns, patterns_of, rated_pairs
from .ratings import LABEL, SCOPES, Control, Units, controls_of

if TYPE_CHECKING:
    from ..agreement import Agreement
    from ..read import Export

__all__ = ["ReliabilityParts", "reliability"]

Floats: TypeAlias = NDArray[np.float64]

SCHEMA = pa.schema(
    [
        ("control", pa.string()),
        ("scope", pa.string()),
        ("statistic", pa.string()),
        ("missed", pa.string()),
        ("annotator_a", pa.string()),
        ("annotator_b", pa.string()),
        ("n_units", pa.int64()),
        ("n_annotators", pa.int64()),
        ("n_categories", pa.int64()),
        ("n_clusters", pa.int64()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("reason", pa.string()),
    ]
)


def reliability(
    export: Export,
    agreement: Agreement,
    *,
    controls: Iterable[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> pa.Table:
    """Return coefficients of agreement for everything that annotators say, with bootstrap intervals.

    Parameters
    ----------
    export : Export
        What `read_label_studio` returns; read with ``patient=`` the bootstrap draws patients, otherwise tasks.
    agreement : Agreement
        Its agreement.
    controls : iterable of str, optional
        Controls by name, "label" for labels and "area_px2" for areas; by default all that were answered but notes.
        Named ones that nobody answered have rows without values (no_units).
    resamples : int, default 1000
        Number of resamples; 0 for no intervals.
    seed : int, default 0
        Seed of the resamples.
    confidence : float, default 0.95
        Of the intervals.

    Returns
    -------
    pyarrow.Table
        control, scope (region, page, task), statistic, missed (category: a lesion that somebody did not draw is a
        rating of its own; left_out: it is none), annotator_a, annotator_b (null: all annotators), n_units (rated by
        two or more of them), n_annotators, n_categories, n_clusters, value, low, high, reason.

        Of all annotators: raw_agreement, fleiss_kappa, gwet_ac1, krippendorff_alpha_nominal, and where categories have
        an order krippendorff_alpha_ordinal, where they are numbers krippendorff_alpha_interval. Of each two annotators
        who rated the same units: raw_agreement, cohen_kappa, and where categories have an order cohen_kappa_linear and
        cohen_kappa_quadratic. Of areas icc_2_1.

        `value` is null where it is undefined, `low` and `high` also where there is no interval; `reason` says why, see
        docs/statistics.md. Rows go by scope, control (labels first, areas last), missed, annotators, statistic.

    Raises
    ------
    ValueError
        If a control is neither in the export nor in its configuration, or an option is no number.

    Notes
    -----
    Categories have an order where all are numbers, or where a choice of one is listed by the configuration, in that
    order. Labels and track ids are names without an order, and with missed lesions as a category there is none. Of two
    annotators, lesions that neither drew are no units; of all annotators those that nobody gave an answer. A control
    with more than 100 categories (10,000 labels) has one row, without a statistic (too_many_categories).

    Cost: O(n log n) in ratings, and one multiplication of matrices for the resamples.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> export = lg.read_label_studio("examples/dermatology.json", patient="patient_id")
    >>> found = lg.reliability(export, lg.agreement(export, boundary=False), controls=["label"], resamples=200)
    >>> found.column_names[:4]
    ['control', 'scope', 'statistic', 'missed']
    """
    parts = ReliabilityParts.of(export, agreement, controls=controls)
    return parts.table(resamples=resamples, seed=seed, confidence=confidence)


@dataclass(frozen=True)
class ReliabilityParts:
    """What reliability is computed of, in parts that add up: per cluster, counts of answers and sums of areas.

    Attributes
    ----------
    patterns : tuple of Patterns
        Per control, scope and treatment of missed lesions: how many units of each cluster have which answers.
    areas : Measurements or None
        Sums of areas; None where they were not asked for.

    Notes
    -----
    Counts are whole numbers and are sorted before anything is computed, so that the coefficients of merged parts are
    those of the whole to the bit, whatever the parts; those of areas to 1e-12.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> export = lg.read_label_studio("examples/dermatology.json")
    >>> one = lg.ReliabilityParts.of(export, lg.agreement(export, boundary=False), controls=["label"])
    >>> twice = one.merge(one)
    >>> twice.table(resamples=0)["n_units"][0].as_py() == 2 * one.table(resamples=0)["n_units"][0].as_py()
    True
    """

    patterns: tuple[Patterns, ...]
    areas: Measurements | None

    @classmethod
    def of(cls, export: Export, agreement: Agreement, *, controls: Iterable[str] | None = None) -> ReliabilityParts:
        """Count the ratings of an export.

        Parameters
        ----------
        export : Export
            What was read, whole tasks.
        agreement : Agreement
            Its agreement.
        controls : iterable of str, optional
            As in `reliability`.

        Returns
        -------
        ReliabilityParts
            O(n log n) in ratings.

        Raises
        ------
        ValueError
            If a control is neither in the export nor in its configuration.
        """
        chosen, with_areas = _chosen(export, controls)
        units = Units(export, agreement)
        clusters = task_clusters(export)
        found = []
        absent = None
        for control in chosen:
            rated = units.rated(control)
            cluster = clusters.of(rated.units["task_id"].to_numpy())
            found.append(patterns_of(control, rated, None, units.names, cluster, clusters.keys))
            if control.scope == "region":
                absent = units.missed() if absent is None else absent
                found.append(patterns_of(control, rated, absent, units.names, cluster, clusters.keys))
        return cls(tuple(found), measurements_of(export, units, clusters) if with_areas else None)

    def merge(self, other: ReliabilityParts) -> ReliabilityParts:
        """Add another part: what both together would have given.

        Parameters
        ----------
        other : ReliabilityParts
            The parts must not share annotations of one task; they may share patients.

        Returns
        -------
        ReliabilityParts
            O(n log n) in entries.
        """
        found = {(one.control, one.scope, one.missed): one for one in self.patterns}
        for one in other.patterns:
            at = (one.control, one.scope, one.missed)
            found[at] = found[at].merge(one) if at in found else one
        areas = self.areas or other.areas
        if self.areas is not None and other.areas is not None:
            areas = self.areas.merge(other.areas)
        return ReliabilityParts(tuple(found.values()), areas)

    def table(self, *, resamples: int = 1000, seed: int = 0, confidence: float = 0.95) -> pa.Table:
        """Return the table of `reliability`.

        Parameters
        ----------
        resamples : int, default 1000
            Number of resamples; 0 for no intervals.
        seed : int, default 0
            Seed of the resamples.
        confidence : float, default 0.95
            Of the intervals.

        Returns
        -------
        pyarrow.Table
            See `reliability`.

        Raises
        ------
        ValueError
            If an option is no number that makes sense.
        """
        checked_resamples(resamples, seed)
        checked_confidence(confidence)
        everything = [one.keys for one in self.patterns]
        everything += [] if self.areas is None else [sums[0] for _, _, sums in self.areas.groups()]
        keys = np.unique(np.concatenate([np.empty(0, dtype=np.uint64), *everything]))
        rows: list[dict[str, Any]] = []
        for jobs in _runs(self._jobs(keys), resamples):
            blocks = [block for job in jobs if job.estimate for block in job.estimate.blocks]
            drawn = weighted_sums(blocks, keys, resamples=resamples, seed=seed)
            at = 0
            for job in jobs:
                rows += _rows(job, drawn[:, at : at + job.width], confidence)
                at += job.width
        return pa.Table.from_pylist(rows, schema=SCHEMA)

    def _jobs(self, keys: Keys) -> Iterator[_Job]:
        def place(one: Patterns) -> tuple[int, bool, str, str]:
            return SCOPES.index(one.scope), one.control != LABEL, one.control, one.missed

        areas = False
        for patterns in sorted(self.patterns, key=place):
            if patterns.scope != "region" and not areas:
                areas = True
                yield from self._area_jobs(keys)
            yield from _pattern_jobs(patterns, keys)
        if not areas:
            yield from self._area_jobs(keys)

    def _area_jobs(self, keys: Keys) -> Iterator[_Job]:
        if self.areas is None:
            return
        for (a, b), annotators, (own, sums) in self.areas.groups():
            reason = None if annotators > 1 else "single_annotator" if annotators else "no_units"
            estimate = None if reason else correlation_estimate(sums, annotators, np.searchsorted(keys, own))
            yield _Job(AREA, "region", "left_out", a, b, estimate, reason)


class _Job(NamedTuple):
    """Rows of one group or pair of annotators."""

    control: str
    scope: str
    missed: str
    a: str | None
    b: str | None
    estimate: Estimate | None
    #: Why there is no estimate.
    reason: str | None

    @property
    def width(self) -> int:
        """Columns that are drawn."""
        return 0 if self.estimate is None else sum(block.values.shape[1] for block in self.estimate.blocks)


def _runs(jobs: Iterable[_Job], resamples: int) -> Iterator[list[_Job]]:
    """Put as many together as are drawn at a time."""
    run: list[_Job] = []
    numbers = 0
    for job in jobs:
        if run and numbers + job.width * resamples > MOST_NUMBERS:
            yield run
            run, numbers = [], 0
        run.append(job)
        numbers += job.width * resamples
    yield run


def _chosen(export: Export, controls: Iterable[str] | None) -> tuple[list[Control], bool]:
    """Return the controls that were asked for, and whether areas were."""
    if controls is None:
        return [control for control in controls_of(export) if not control.note], True
    if isinstance(controls, str):
        raise ValueError(f"controls is {shown(controls)}; it is a list of names")
    known = controls_of(export, unanswered=True)
    names = list(controls)
    for name in names:
        if name != AREA and name not in {control.name for control in known}:
            listed = ", ".join(dict.fromkeys([*(control.name for control in known), AREA]))
            raise ValueError(f"controls name {shown(name)}; the export has: {listed}")
    return [control for control in known if control.name in names], AREA in names


def _pattern_jobs(patterns: Patterns, keys: Keys) -> Iterator[_Job]:
    name = (patterns.control, patterns.scope, patterns.missed)
    if patterns.categories is None:
        # Once: the same with missed lesions.
        if patterns.missed == "category":
            return
        yield _Job(*name, None, None, None, "too_many_categories")
        return
    # Entries are sorted by cluster.
    fresh = np.ones(len(patterns.keys), dtype=bool)
    fresh[1:] = patterns.keys[1:] != patterns.keys[:-1]
    cluster, rows = np.cumsum(fresh) - 1, np.searchsorted(keys, patterns.keys[fresh])
    pairs = rated_pairs(patterns.codes)
    yield _Job(*name, None, None, group_estimate(patterns, pairs, cluster, rows), None)
    for (a, b), (start, end) in sorted(pairs.starts.items()):
        estimate = pair_estimate(patterns, pairs.entry[start:end], a, b, cluster, rows)
        if estimate is not None:
            yield _Job(*name, patterns.annotators[a], patterns.annotators[b], estimate, None)


def _rows(job: _Job, drawn: Floats, confidence: float) -> list[dict[str, Any]]:
    row: dict[str, Any] = {
        "control": job.control, "scope": job.scope, "missed": job.missed, "annotator_a": job.a, "annotator_b": job.b,
    }  # fmt: skip
    estimate = job.estimate
    if estimate is None:
        return [{**row, "reason": job.reason}]
    row |= {
        "n_units": estimate.n_units, "n_annotators": estimate.n_annotators, "n_clusters": estimate.n_clusters,
        "n_categories": None if job.control == AREA else estimate.n_categories,
    }  # fmt: skip
    whole = np.concatenate([block.values.sum(axis=0) for block in estimate.blocks])
    values = estimate.values(np.concatenate((whole[None, :], drawn)))
    rows = []
    for statistic, column in values.items():
        value, reason = _value(float(column[0]), statistic, estimate.reason)
        flat: Flat | None = "share" if statistic == "raw_agreement" else None
        interval = bounds_of(column[:1], column[1:], estimate.n_clusters, confidence=confidence, flat=flat)
        known = value is not None and interval.reason[0] is None
        rows.append(
            {
                **row,
                "statistic": statistic,
                "value": value,
                "low": float(interval.low[0]) if known else None,
                "high": float(interval.high[0]) if known else None,
                "reason": interval.reason[0] if reason is None else reason,
            }
        )
    return rows


def _value(value: float, statistic: str, reason: str | None) -> tuple[float | None, str | None]:
    """Return a value, or None and why."""
    if reason is not None and not (reason == "single_category" and statistic == "raw_agreement"):
        return None, reason
    if np.isnan(value):
        return None, "zero_variance" if statistic == "icc_2_1" else "single_category"
    return value, None
