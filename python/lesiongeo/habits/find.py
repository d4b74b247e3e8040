"""The search for habits: noise or not, whose, since when, how large, and which old regions look the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ..agreement import Agreement
from ..options import checked_number, shown
from ..read import Export
from .border import border_series, without_changes_of_size
from .frequencies import Frequency, confusions, frequency, without_repeats
from .judge import Finding, judge
from .leave_one_out import MajoritySample, centre
from .leave_one_out import majority_sample as sampled
from .messages import pair_message
from .observations import Observations
from .quantities import Quantity, measured, named_once, offsets, percent
from .series import Changes
from .tables import named_table, overall_table, similar_table, weekly_table

__all__ = ["Habits", "habits"]


@dataclass(frozen=True, slots=True, repr=False)
class Habits:
    """Habits of annotators. See `habits` for the columns.

    Attributes
    ----------
    named : pyarrow.Table
        One row per habit that is sure and large enough to name its annotator; no row is the usual case.
    weekly : pyarrow.Table
        One row per annotator, habit and week.
    overall : pyarrow.Table
        One row per annotator and habit, named or not, with the reason.
    similar : pyarrow.Table
        Regions, annotations or lesions of the whole export that look like a named habit.
    tests : int
        How many combinations of annotator, habit and detail were tested, for which `error_rate` was shared.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> export = lg.read_label_studio(b"[]")
    >>> lg.habits(export, lg.agreement(export))
    <Habits: nobody named, 0 tests>
    """

    named: pa.Table
    weekly: pa.Table
    overall: pa.Table
    similar: pa.Table
    tests: int

    def __repr__(self) -> str:
        """Say how many were named."""
        count = self.named.num_rows
        return f"<Habits: {count if count else 'nobody'} named, {self.tests} tests>"


def habits(
    export: Export,
    agreement: Agreement,
    *,
    min_area_percent: float = 5.0,
    min_rate: float = 0.1,
    min_density_factor: float = 1.5,
    min_lead_time_factor: float = 2.0,
    error_rate: float = 0.01,
    min_weeks: int = 2,
    majority_sample: int = 2000,
    size_bounds_px2: Sequence[float] = (1024.0, 9216.0),
    seed: int = 0,
    confidence: float = 0.95,
    threads: int | None = None,
) -> Habits:
    """Find annotators who do something differently from the others, since when and by how much.

    Parameters
    ----------
    export : Export
        What `read_label_studio` returns.
    agreement : Agreement
        What `agreement` makes of it.
    min_area_percent : float, default 5
        Smallest area bias, in percent, that names somebody (as large in the other direction: 100 / 105).
    min_rate : float, default 0.1
        Smallest excess over the others' rate that names somebody, for missed and extra lesions and for confusions.
    min_density_factor, min_lead_time_factor : float, default 1.5 and 2
        Smallest factor (or its inverse) of vertices per length of border, and of the time for a task.
    error_rate : float, default 0.01
        Chance that anybody is named in an export in which nobody has a habit.
    min_weeks : int, default 2
        Fewest weeks with data between two changes.
    majority_sample : int, default 2000
        Regions per annotator that are also compared with the outline of the majority of the others; 0 for none.
    size_bounds_px2 : (float, float)
        Areas at which lesions become medium and large.
    seed : int, default 0
        Chooses the sample.
    confidence : float, default 0.95
        Of the intervals.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    Habits
        `named`: annotator, habit (area_bias, missed, missed_small, extra, label_confusion, status_confusion,
        choice_confusion, vertex_density, lead_time), detail (what is confused with what; "change" where value is the
        change of a quantity against what the annotator did before), since and until (Monday of
        the first and last week; until is null where it goes on; since is null where no week is known), n (regions,
        lesions or annotations), value with low and high, reference (what the others do), unit (percent, share, times),
        p_value (corrected for everything that was looked at), message, and for area_bias the border offset in px, and
        in mm where the spacing is known (offset_px, offset_px_low, offset_px_high, ...).

        `weekly`: annotator, habit, detail, week, n, value, standard_error, segment (from 0); here border_offset (px) is
        a habit of its own.

        `overall`: annotator, habit, detail, n, value, low, high, reference, unit, named, reason (why not: too_few,
        not_significant, below_min_effect, no_common_reference, two_annotators, is_reference, changes, nobody_else,
        explained_by_small, part_of_missed), message (of two annotators: how they differ), the offsets, and the plain
        comparison with the majority of the others: majority_n, majority_percent, majority_offset_px, with intervals.

        `similar`: named (row of `named`), task_id, page, annotation_id, region_id (null for missed lesions and lead
        times), lesion, week, value (in the unit of the habit; for missed and extra the area in px2).

    Raises
    ------
    ValueError
        If an option is out of range.

    Notes
    -----
    Quantities (area, border offset, vertex density, lead time) follow the two-way model value = lesion + person +
    noise, fitted by Huber's method on what at least two people drew, with errors by clusters (patients, else tasks).
    The reference is the mean of the people near the median person, as they are in the same weeks. Weekly effects are
    cut into segments by exact dynamic programming, one person's change after the other. Rates are compared with those
    of the others on the same tasks; their chance is exact, given at which lesions somebody erred, and counts how events
    scatter between clusters.
    See docs/habits.md.

    Cost: O(n log n) in regions, some passes per person who changes, plus the outlines of the sample.

    Examples
    --------
    >>> import json
    >>> import lesiongeo as lg
    >>> from lesiongeo.testing import Annotator, Habit, make_export
    >>> crew = [Annotator.faultless(number, noise=0.02) for number in (1, 2, 3)]
    >>> wide = Habit(3, "bias", 0.1, week=6)
    >>> tasks = make_export(patients=48, annotators=crew, weeks=12, habits=[wide], seed=1)
    >>> export = lg.read_label_studio(json.dumps(tasks).encode())
    >>> found = lg.habits(export, lg.agreement(export)).named.to_pylist()
    >>> [(row["annotator"], row["habit"], row["since"], round(row["value"])) for row in found]
    [('3', 'area_bias', '2026-02-23', 21)]
    """
    options = _checked(
        min_area_percent=min_area_percent,
        min_rate=min_rate,
        min_density_factor=min_density_factor,
        min_lead_time_factor=min_lead_time_factor,
        error_rate=error_rate,
        confidence=confidence,
    )
    for name, number, least in (
        ("min_weeks", min_weeks, 1),
        ("majority_sample", majority_sample, 0),
        ("seed", seed, 0),
    ):
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < least:
            raise ValueError(f"{name} is {shown(number)}; it is a whole number from {least} up")
    bounds = [checked_number("size_bounds_px2", bound) for bound in size_bounds_px2]
    if len(bounds) != 2 or not 0.0 < bounds[0] < bounds[1]:
        raise ValueError(f"size_bounds_px2 is {shown(size_bounds_px2)}; it is two areas, the smaller one first")
    seen = Observations(export, agreement, bounds)
    common: dict[str, Any] = {"least": int(min_weeks), "confidence": options["confidence"]}
    area_step = math.log1p(options["min_area_percent"] / 100.0)
    ratio = seen.edge_ratio()

    def correct(changes: Changes) -> Changes:
        return without_changes_of_size(changes, ratio, len(seen.names), len(seen.weeks), area_step)

    quantities = [
        measured(seen, "area_bias", seen.log_area(), step=area_step, correct=correct, **common),
        measured(seen, "vertex_density", seen.log_density(), step=math.log(options["min_density_factor"]), **common),
        measured(seen, "lead_time", seen.log_lead_time(), step=math.log(options["min_lead_time_factor"]), **common),
    ]
    for unit in ("px", "mm"):
        _add_offsets(seen, quantities[0], unit, area_step, options["confidence"])
    border = border_series(seen, seen.offset("px"), ratio, step=area_step, least=int(min_weeks))
    frequencies, tests = _frequencies(seen, options["min_rate"], common)
    parts: list[Quantity | Frequency] = [*quantities, *frequencies]
    # Half of the error for the confusions, which are many: the other habits shall not be lost among them. They were
    # counted where they were looked for, since those that nobody gave often enough have no findings.
    common_findings = [one for part in parts[: len(quantities) + 3] for one in part.findings]
    confused = [one for part in parts[len(quantities) + 3 :] for one in part.findings]
    own_tests = len({one.test for one in common_findings}.union(*(quantity.tests() for quantity in quantities)))
    pairs = [one for quantity in quantities for one in quantity.pairs]
    judge(common_findings + pairs, own_tests, options["error_rate"], share=0.5)
    judge(confused, tests, options["error_rate"], share=0.5)
    tests += own_tests
    findings = common_findings + confused
    for quantity in quantities:
        named_once(quantity)
    without_repeats(seen, frequencies[0], frequencies[1], options["min_rate"])
    table, named = named_table(seen, findings, options["confidence"])
    by_habit = {part.habit: part for part in quantities}
    majority = sampled(seen, int(majority_sample), int(seed), threads)
    overall = [one for part in parts for one in part.whole]
    _add_pairs(seen, quantities, options["error_rate"])
    return Habits(
        table,
        weekly_table(seen, [*quantities, border], frequencies),
        overall_table(overall, named, _majority_columns(seen, majority, options["confidence"])),
        similar_table(seen, named, by_habit, {(part.habit, part.detail): part for part in frequencies}),
        tests,
    )


def _checked(**options: float) -> dict[str, float]:
    """Check numbers: what they are, and that they are in range."""
    found = {name: checked_number(name, value) for name, value in options.items()}
    for name, value in found.items():
        low, high = (1.0, math.inf) if name.endswith("factor") else (0.0, 1.0)
        if name == "min_area_percent":
            low, high = 0.0, math.inf
        if not low < value < high:
            text = f"above {low:g}" if high == math.inf else f"between {low:g} and {high:g}"
            raise ValueError(f"{name} is {shown(value)}; it lies {text}")
    return found


def _frequencies(seen: Observations, step: float, common: dict[str, Any]) -> tuple[list[Frequency], int]:
    """Judge all rates: missed, missed_small and extra first; also return how many confusions were looked for."""
    missed = seen.missed()
    found = [
        frequency(seen, "missed", None, missed, step=step, **common),
        frequency(seen, "missed_small", None, missed.of_strata(0, 1), step=step, **common),
        frequency(seen, "extra", None, seen.extra(), step=step, **common),
    ]
    labels, tests = confusions(seen, "label_confusion", None, seen.label_answers(), step=step, **common)
    found += labels
    for column, is_status in seen.choices():
        habit = "status_confusion" if is_status else "choice_confusion"
        more, count = confusions(seen, habit, column, seen.control_answers(column), step=step, **common)
        found, tests = found + more, tests + count
    return found, tests


def _add_offsets(seen: Observations, area: Quantity, unit: str, step: float, confidence: float) -> None:
    """Put the border offset beside each finding about areas."""
    known = offsets(seen, area, unit, step, confidence)
    for one in {id(finding): finding for finding in (*area.findings, *area.whole)}.values():
        effect = known.get((one.person, one.extra["part"], one.test[2]))
        if effect is not None:
            for name, value in (("", effect.value), ("_low", effect.low), ("_high", effect.high)):
                one.extra[f"offset_{unit}{name}"] = value


def _add_pairs(seen: Observations, quantities: list[Quantity], error_rate: float) -> None:
    """Say of two people who have only each other how they differ, where that is sure and large enough."""
    weeks = seen.weeks.tolist()
    for quantity in quantities:
        sure: dict[tuple[int, int], list[Finding]] = {}
        for one in quantity.pairs:
            if one.reason == "two_annotators" and one.p_value <= error_rate and one.size >= 1.0:
                sure.setdefault((one.person, one.extra["other"]), []).append(one)
        for (person, other), spans in sure.items():
            message = pair_message(seen.names[person], seen.names[other], quantity.habit, spans, weeks)
            for one in quantity.whole:
                if one.person in (person, other):
                    one.extra["message"] = message


def _majority_columns(seen: Observations, sample: MajoritySample, confidence: float) -> dict[int, dict[str, Any]]:
    """Average the comparison with the majority, by person."""
    at = seen.place[sample.row]
    columns: dict[int, dict[str, Any]] = {}
    for person in range(len(seen.names)):
        own = seen.who[at] == person
        cluster = seen.cluster[at[own]]
        n, *logs = centre(sample.log_ratio[own], cluster, confidence)
        _, *offset = centre(sample.offset_px[own], cluster, confidence)
        columns[person] = {"majority_n": n}
        for suffix, log, px in zip(("", "_low", "_high"), logs, offset, strict=True):
            columns[person][f"majority_percent{suffix}"] = None if math.isnan(log) else percent(log)
            columns[person][f"majority_offset_px{suffix}"] = None if math.isnan(px) else px
    return columns
