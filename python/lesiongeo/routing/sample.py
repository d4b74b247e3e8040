"""Samples for audits: the same annotations for the same seed, and what a sample of that size can show."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..agreement.counted import Counted
from ..options import shown
from ..read import Export
from ..statistics.intervals import checked_confidence, cluster_keys, wilson_interval
from ..weeks import NO_WEEK, mondays

__all__ = ["EVERYBODY", "STRATA", "Sample", "audit_sample"]

Ints: TypeAlias = NDArray[np.int64]

#: The name in `rates` for all who have no other rate.
EVERYBODY = "*"
#: What a sample can be balanced over beside annotators, who always are.
STRATA = ("label", "week")
#: Error rates for which the summary says what interval a sample would give.
SUPPOSED = (0.02, 0.05)


@dataclass(frozen=True, slots=True, repr=False)
class Sample:
    """Annotations to look at again. See `audit_sample` for the columns.

    Attributes
    ----------
    rows : pyarrow.Table
        One row per annotation of the sample.
    summary : pyarrow.Table
        One row per annotator, then, where roles are known, one per role.
    absent : tuple of str
        People who have a role but no annotation that counts.
    options : dict
        Rates as they were given, seed, stratify and confidence.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> lg.audit_sample(lg.read_label_studio("examples/dermatology.json"), {"*": 0.1})
    <Sample: 12 of 115 annotations>
    """

    rows: pa.Table
    summary: pa.Table
    absent: tuple[str, ...]
    options: dict[str, Any]

    def __repr__(self) -> str:
        """Say how much there is."""
        of_people = self.summary.filter(pc.is_valid(self.summary["annotator"]))
        return f"<Sample: {self.rows.num_rows} of {int(pc.sum(of_people['n']).as_py() or 0)} annotations>"


def audit_sample(
    export: Export,
    rates: Mapping[str, float | str],
    *,
    roles: Mapping[str, str] | None = None,
    seed: int = 0,
    stratify: Sequence[str] = (),
    confidence: float = 0.95,
) -> Sample:
    """Draw the annotations that are to be audited.

    Parameters
    ----------
    export : Export
        What was read.
    rates : mapping of str to float
        Share of the annotations, from 0 to 1, by role or by annotator, whose own rate goes before that of the role;
        "*" is everybody else. Who has no rate is not sampled and stands in the summary without one.
    roles : mapping of str to str, optional
        Role of each annotator. People who are not in the export are allowed and listed in `absent`.
    seed : int, default 0
        Another seed, another sample.
    stratify : sequence of {"label", "week"}, default ()
        Besides by annotator, spread the sample evenly over labels (the most frequent one of the annotation's regions)
        or weeks (of `created_at`, UTC, from Monday on).
    confidence : float, default 0.95
        Of the intervals.

    Returns
    -------
    Sample
        `rows`: role, annotator, task_id, annotation_id, created_at, n_regions, stratum (such as "week 2026-09-07";
        null without `stratify`), by annotator and task.

        `summary`: annotator (null in rows of a role), role, rate (null where none was given, and for a role whose
        members have several), n (annotations that count), n_sampled, none_high (the error rate that is still possible
        when the audit finds no error: upper end of Wilson's interval), at_2_percent_low, at_2_percent_high,
        at_5_percent_low, at_5_percent_high (the interval if it finds 2 or 5 percent). Null where nothing is sampled.

    Raises
    ------
    ValueError
        If a name in rates is neither a role nor an annotator, or both; a rate is not between 0 and 1; or seed, stratify
        or confidence are none.

    Notes
    -----
    Of the n annotations of a person that count (not cancelled, of several of a task the newest), ceil(rate * n) are
    taken, the rate as it is written (0.07 of 100 are 7). Over strata they are spread in proportion, the rest by the
    largest remainder. Within a stratum those with the smallest hash of seed, annotator and task are taken, so the
    sample depends on nothing else: further tasks add to it and push out at most as many as they add, and
    another annotation of the same task keeps its place.

    The intervals are those of many annotations like these. Where everything was looked at (rate 1), what was found is
    the error rate of these annotations; the interval is for what the person does next. O(n log n).

    Examples
    --------
    >>> import lesiongeo as lg
    >>> export = lg.read_label_studio("examples/dermatology.json")
    >>> roles = {"1": "senior", "2": "new", "3": "new"}
    >>> sample = lg.audit_sample(export, {"new": 1.0, "senior": 0.2}, roles=roles, seed=7)
    >>> sample.summary.select(["annotator", "role", "n", "n_sampled"]).to_pylist()[0]
    {'annotator': '1', 'role': 'senior', 'n': 38, 'n_sampled': 8}
    >>> round(sample.summary["none_high"][0].as_py(), 2)
    0.32
    """
    seed, strata = _checked(seed, stratify)
    checked_confidence(confidence)
    counted = Counted(export)
    # Whoever only skipped has nothing that could be sampled.
    people = [name for rank, name in enumerate(counted.names) if (counted.rank == rank).any()]
    roles = {} if roles is None else dict(roles)
    own = _rates(rates, roles, people)
    role = [roles.get(name) for name in people]
    annotations = export.annotations.take(pa.array(counted.annotations))
    stratum = _strata(export, counted, strata)
    task = counted.task_ids[counted.task]
    chosen: list[Ints] = []
    counts: list[tuple[int, int]] = []
    for name in people:
        rows = np.flatnonzero(counted.rank == counted.names.index(name))
        chosen.append(rows[_drawn(own.get(name), seed, name, task[rows], stratum[rows])])
        counts.append((len(rows), len(chosen[-1])))
    at = np.concatenate([np.empty(0, np.int64), *chosen])
    who = np.repeat(np.arange(len(people)), [len(rows) for rows in chosen])
    named = {"role": pa.array(role, pa.string()), "annotator": pa.array(people, pa.string())}
    table = pa.table(
        {
            **{name: column.take(pa.array(who)) for name, column in named.items()},
            "task_id": pa.array(task[at]),
            **{name: annotations[name].take(pa.array(at)) for name in ("annotation_id", "created_at", "n_regions")},
            "stratum": pa.array(stratum[at], pa.string()) if strata else pa.nulls(len(at), pa.string()),
        }
    )
    return Sample(
        rows=table.combine_chunks(),
        summary=_summary(people, role, [own.get(name) for name in people], counts, confidence),
        absent=tuple(sorted(set(roles) - set(people))),
        options={
            "rates": {name: float(_rate(name, rate)) for name, rate in rates.items()},
            "seed": seed,
            "stratify": list(strata),
            "confidence": confidence,
        },
    )


def _checked(seed: Any, stratify: Sequence[str]) -> tuple[int, tuple[str, ...]]:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise ValueError(f"seed is {shown(seed)}; it is a whole number from 0")
    given = (stratify,) if isinstance(stratify, str) else tuple(stratify)
    for name in given:
        if name not in STRATA:
            raise ValueError(f"stratify names {shown(name)}; there are {' and '.join(STRATA)}")
    return int(seed), tuple(name for name in STRATA if name in given)


def _rate(name: str, rate: Any) -> Fraction:
    """Return a rate as the fraction that is written: 0.1 is a tenth."""
    try:
        if isinstance(rate, bool):
            raise TypeError("no number")
        share = Fraction(str(rate))
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise ValueError(f"the rate of {name} is {shown(rate)}; it is a number from 0 to 1") from error
    if not 0 <= share <= 1:
        raise ValueError(f"the rate of {name} is {shown(rate)}; it lies between 0 and 1 (0.2 is every fifth)")
    return share


def _rates(rates: Mapping[str, Any], roles: Mapping[str, str], people: list[str]) -> dict[str, Fraction]:
    """Return the rate of each annotator who has one."""
    if not rates:
        raise ValueError("no rate is given; give one per role or annotator, or '*' for everybody")
    known = sorted(set(roles.values()))
    shares = {name: _rate(name, rate) for name, rate in rates.items()}
    for name in shares:
        if name in known and name in people:
            raise ValueError(f"{name} is a role and an annotator; call the role otherwise")
        if name != EVERYBODY and name not in known and name not in people:
            raise ValueError(
                f"a rate is given for {shown(name)}, who is neither a role nor an annotator; roles are "
                f"{_listed(known)}, annotators {_listed(people)}"
            )
    found: dict[str, Fraction] = {}
    for name in people:
        for key in (name, roles.get(name, EVERYBODY), EVERYBODY):
            if key in shares:
                found[name] = shares[key]
                break
    return found


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _strata(export: Export, counted: Counted, strata: tuple[str, ...]) -> NDArray[np.object_]:
    """Name the stratum of each annotation that counts; an empty text where there is but one."""
    parts: list[list[str]] = []
    if "label" in strata:
        parts.append([f"label {name}" if name is not None else "no label" for name in _labels(export, counted)])
    if "week" in strata:
        parts.append([f"week {name}" if name is not None else "no date" for name in _weeks(export, counted)])
    named = np.full(len(counted.annotations), "", dtype=object)
    if parts:
        named[:] = [", ".join(words) for words in zip(*parts, strict=True)]
    return named


def _labels(export: Export, counted: Counted) -> list[str | None]:
    """Return the most frequent label of each annotation's regions, of equal ones the first of the alphabet."""
    place = np.full(export.annotations.num_rows, -1, dtype=np.int64)
    place[counted.annotations] = np.arange(len(counted.annotations))
    names = export.regions.table["label"]
    known = sorted(name for name in names.unique().to_pylist() if name is not None)
    code = pc.fill_null(pc.index_in(names, pa.array(known, pa.string())), -1).to_numpy().astype(np.int64)
    owner = place[export.annotation_rows]
    used = (owner >= 0) & (code >= 0)
    key, count = np.unique(owner[used] * (len(known) + 1) + code[used], return_counts=True)
    best: list[str | None] = [None] * len(counted.annotations)
    # Smaller counts and later names first, so that what stays is the most frequent one.
    for index in np.lexsort((-key, count)).tolist():
        best[key[index] // (len(known) + 1)] = known[key[index] % (len(known) + 1)]
    return best


def _weeks(export: Export, counted: Counted) -> list[str | None]:
    """Return the Monday of each annotation's week, as text."""
    table = export.annotations.select(["created_at", "updated_at"]).take(pa.array(counted.annotations))
    return [None if day == NO_WEEK else str(np.datetime64(day, "D")) for day in mondays(table).tolist()]


def _drawn(rate: Fraction | None, seed: int, name: str, task: Ints, stratum: NDArray[np.object_]) -> Ints:
    """Rows of one person that are in the sample, by task."""
    if not rate:
        return np.empty(0, np.int64)
    person = cluster_keys([f"{seed} {name}"])
    # Both halves are scattered before and after they meet, so that neither seeds nor people share an order.
    hashes = cluster_keys((cluster_keys(task) ^ person).view(np.int64))
    order = np.lexsort((task, hashes))
    keys = sorted(set(stratum.tolist()))
    place = {key: number for number, key in enumerate(keys)}
    code = np.array([place[key] for key in stratum[order].tolist()], dtype=np.int64)
    rows_of = np.split(order[np.argsort(code, kind="stable")], np.cumsum(np.bincount(code, minlength=len(keys)))[:-1])
    groups: dict[str, Ints] = dict(zip(keys, rows_of, strict=True))
    quota = {key: rate * len(rows) for key, rows in groups.items()}
    taken = {key: math.floor(share) for key, share in quota.items()}
    tie = dict(zip(groups, cluster_keys([f"{seed} {name} {key}" for key in groups]).tolist(), strict=True))
    rest = math.ceil(rate * len(task)) - sum(taken.values())
    for key in sorted(groups, key=lambda key: (taken[key] - quota[key], tie[key]))[:rest]:
        taken[key] += 1
    return np.sort(np.concatenate([rows[: taken[key]] for key, rows in groups.items()]))


def _summary(
    people: list[str],
    roles: list[str | None],
    rates: list[Fraction | None],
    counts: list[tuple[int, int]],
    confidence: float,
) -> pa.Table:
    rows: list[tuple[str | None, str | None, Fraction | None, int, int]] = [
        (name, role, rate, *count) for name, role, rate, count in zip(people, roles, rates, counts, strict=True)
    ]
    for role in sorted({role for role in roles if role is not None}):
        own = [row for row in rows if row[0] is not None and row[1] == role]
        same = {row[2] for row in own}
        rate = same.pop() if len(same) == 1 else None
        rows.append((None, role, rate, sum(row[3] for row in own), sum(row[4] for row in own)))
    sampled = np.array([row[4] for row in rows], dtype=np.int64)
    columns: dict[str, pa.Array] = {
        "annotator": pa.array([row[0] for row in rows], pa.string()),
        "role": pa.array([row[1] for row in rows], pa.string()),
        "rate": pa.array([None if row[2] is None else float(row[2]) for row in rows], pa.float64()),
        "n": pa.array([row[3] for row in rows], pa.int64()),
        "n_sampled": pa.array(sampled),
    }
    nothing = sampled == 0
    columns["none_high"] = pa.array(wilson_interval(0, sampled, confidence=confidence)[1], mask=nothing)
    for share in SUPPOSED:
        ends = wilson_interval(share * sampled, sampled, confidence=confidence)
        for side, values in zip(("low", "high"), ends, strict=True):
            columns[f"at_{share * 100:.0f}_percent_{side}"] = pa.array(values, mask=nothing)
    return pa.table(columns)
