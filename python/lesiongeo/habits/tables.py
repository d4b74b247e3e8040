"""Findings as tables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa

from .frequencies import Frequency
from .judge import Detail, Finding, detail_text
from .messages import sentence
from .observations import Observations, week_text
from .quantities import CHANGE, Quantity
from .twoway import Floats, Ints

__all__ = ["HABITS", "named_table", "overall_table", "similar_table", "weekly_table"]

#: In this order in all tables.
HABITS = (
    "area_bias border_offset missed missed_small extra label_confusion status_confusion choice_confusion "
    "vertex_density lead_time"
).split()

OFFSETS = ("offset_px", "offset_px_low", "offset_px_high", "offset_mm", "offset_mm_low", "offset_mm_high")

NAMED_SCHEMA = pa.schema(
    [
        ("annotator", pa.string()),
        ("habit", pa.string()),
        ("detail", pa.string()),
        ("since", pa.string()),
        ("until", pa.string()),
        ("n", pa.int64()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("reference", pa.float64()),
        ("unit", pa.string()),
        ("p_value", pa.float64()),
        ("message", pa.string()),
        *((name, pa.float64()) for name in OFFSETS),
    ]
)
WEEKLY_SCHEMA = pa.schema(
    [
        ("annotator", pa.string()),
        ("habit", pa.string()),
        ("detail", pa.string()),
        ("week", pa.string()),
        ("n", pa.int64()),
        ("value", pa.float64()),
        ("standard_error", pa.float64()),
        ("segment", pa.int32()),
    ]
)
OVERALL_SCHEMA = pa.schema(
    [
        ("annotator", pa.string()),
        ("habit", pa.string()),
        ("detail", pa.string()),
        ("n", pa.int64()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("reference", pa.float64()),
        ("unit", pa.string()),
        ("named", pa.bool_()),
        ("reason", pa.string()),
        ("message", pa.string()),
        *((name, pa.float64()) for name in OFFSETS),
        ("majority_n", pa.int64()),
        *((f"majority_{name}", pa.float64()) for name in ("percent", "percent_low", "percent_high")),
        *((f"majority_{name}", pa.float64()) for name in ("offset_px", "offset_px_low", "offset_px_high")),
    ]
)
SIMILAR_SCHEMA = pa.schema(
    [
        ("named", pa.int32()),
        ("task_id", pa.int64()),
        ("page", pa.int32()),
        ("annotation_id", pa.int64()),
        ("region_id", pa.string()),
        ("lesion", pa.int32()),
        ("week", pa.string()),
        ("value", pa.float64()),
    ]
)


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _order(detail: Detail | str | None) -> tuple[Any, ...]:
    return (detail.text, *detail) if isinstance(detail, Detail) else () if detail is None else (detail,)


def _place(finding: Finding) -> tuple[Any, ...]:
    _, habit, detail = finding.test
    return finding.person, HABITS.index(habit), _order(detail), finding.first


def _head(finding: Finding) -> dict[str, Any]:
    who, habit, detail = finding.test
    return {
        "annotator": who,
        "habit": habit,
        "detail": detail_text(detail),
        "n": finding.n,
        "value": _number(finding.value),
        "low": _number(finding.low),
        "high": _number(finding.high),
        "reference": _number(finding.reference),
        "unit": finding.unit,
        **{name: _number(finding.extra.get(name)) for name in OFFSETS},
    }


def named_table(seen: Observations, found: list[Finding], confidence: float) -> tuple[pa.Table, list[Finding]]:
    """Return the table of the findings that name somebody, and these in its order: by annotator, habit, week."""
    named = sorted((one for one in found if one.reason is None), key=lambda one: _place(one))
    weeks = seen.weeks.tolist()
    starts = [
        int(own.min()) if len(own := seen.week[(seen.who == person) & (seen.week >= 0)]) else -1
        for person in range(len(seen.names))
    ]
    rows = [
        {
            **_head(one),
            "since": week_text(weeks[one.first]) if one.first >= 0 else None,
            "until": None if one.ongoing else week_text(weeks[one.last]),
            "p_value": one.p_value,
            "message": sentence(one, weeks, starts[one.person], confidence),
        }
        for one in named
    ]
    return pa.Table.from_pylist(rows, schema=NAMED_SCHEMA), named


def overall_table(found: list[Finding], named: list[Finding], more: dict[int, dict[str, Any]]) -> pa.Table:
    """Return one row per annotator and habit; `more` are columns of the area habit by person."""
    # Who is named for a change of a quantity is so in the row of the quantity.
    who = {(*one.test[:2], None) if one.test[2] == CHANGE else one.test for one in named}
    rows = []
    for one in sorted(found, key=lambda one: _place(one)):
        row = {**_head(one), "named": one.test in who, "reason": None if one.test in who else one.reason}
        row["message"] = one.extra.get("message")
        if one.test[1] == "area_bias":
            row |= more.get(one.person, {})
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=OVERALL_SCHEMA)


def weekly_table(seen: Observations, quantities: list[Quantity], frequencies: list[Frequency]) -> pa.Table:
    """Return the weekly values: logarithms as percent or factors, offsets in px, rates as shares."""
    pieces: list[tuple[int, int, Detail | None, Ints, Ints, Floats, Floats, Ints]] = []
    for quantity in quantities:
        changes = quantity.changes
        for person, series in enumerate(changes.series):
            if not len(series.week):
                continue
            part = np.searchsorted(changes.starts[person], series.week, side="right") - 1
            part = np.maximum(part, 0)
            level = series.value - quantity.reference[person, series.week]
            error = np.sqrt(series.variance)
            if quantity.habit == "border_offset":
                value = level
            elif quantity.habit == "area_bias":
                value, error = 100.0 * np.expm1(level), 100.0 * np.exp(level) * error
            else:
                value, error = np.exp(level), np.exp(level) * error
            pieces.append((person, HABITS.index(quantity.habit), None, series.week, series.n, value, error, part))
    for rate in frequencies:
        weeks = max(len(seen.weeks), 1)
        dated = rate.trials.week >= 0
        code = rate.trials.who * weeks + rate.trials.week
        n = np.bincount(code[dated], minlength=weeks * len(seen.names))
        x = np.bincount(code[dated & rate.trials.event], minlength=weeks * len(seen.names))
        for person, series in rate.series.items():
            if not len(series.week):
                continue
            at = person * weeks + series.week
            part = np.maximum(np.searchsorted(rate.starts[person], series.week, side="right") - 1, 0)
            place = HABITS.index(rate.habit)
            pieces.append(
                (person, place, rate.detail, series.week, n[at], x[at] / n[at], np.sqrt(series.variance), part)
            )
    pieces.sort(key=lambda piece: (piece[0], piece[1], _order(piece[2])))
    texts = [week_text(week) for week in seen.weeks.tolist()]
    columns: dict[str, list[Any]] = {name: [] for name in WEEKLY_SCHEMA.names}
    for person, habit, detail, week, n, value, error, part in pieces:
        columns["annotator"] += [seen.names[person]] * len(week)
        columns["habit"] += [HABITS[habit]] * len(week)
        columns["detail"] += [detail_text(detail)] * len(week)
        columns["week"] += [texts[one] for one in week.tolist()]
        columns["n"] += n.tolist()
        columns["value"] += value.tolist()
        columns["standard_error"] += error.tolist()
        columns["segment"] += part.tolist()
    return pa.table(columns, schema=WEEKLY_SCHEMA)


def similar_table(
    seen: Observations, named: list[Finding], quantities: dict[str, Quantity], frequencies: dict[Any, Frequency]
) -> pa.Table:
    """List what else of the annotator looks like each named habit, in all weeks, before it began too.

    Of quantities: regions (annotations for the lead time) that deviate by more than half as much as the habit; of
    missed lesions: the places; of the other rates: the regions.
    """
    tables = []
    for number, one in enumerate(named):
        _, habit, detail = one.test
        if habit in quantities:
            quantity = quantities[habit]
            own = np.flatnonzero(quantity.values.who == one.person)
            # Against the others in the same weeks, or against what the person did before.
            before = one.extra["before"]
            reference = quantity.reference[one.person, quantity.values.week[own]] if before is None else before
            level = quantity.level[own] - reference
            alike = np.sign(one.extra["log"]) * level >= abs(one.extra["log"]) / 2.0
            rows = quantity.values.row[own[alike]]
            value = 100.0 * np.expm1(level[alike]) if habit == "area_bias" else np.exp(level[alike])
            kind = "annotation" if habit == "lead_time" else "region"
        else:
            trials = frequencies[habit, detail].trials
            rows = trials.row[trials.event & (trials.who == one.person)]
            kind = "lesion" if habit.startswith("missed") else "region"
            if habit == "extra":
                value = seen.areas[rows]
            else:
                value = seen.lesion_area[rows] if kind == "lesion" else np.full(len(rows), np.nan)
        tables.append(_places(seen, number, one.person, kind, rows, value))
    return pa.concat_tables([SIMILAR_SCHEMA.empty_table(), *tables]).combine_chunks()


def _places(seen: Observations, number: int, person: int, kind: str, rows: Ints, value: Floats) -> pa.Table:
    count = len(rows)
    annotations, lesions = seen.export.annotations, seen.agreement.lesions
    none = {name: pa.nulls(count, SIMILAR_SCHEMA.field(name).type) for name in ("page", "region_id", "lesion")}
    if kind == "annotation":
        annotation = rows
        columns: dict[str, Any] = none
    elif kind == "lesion":
        # The annotation of the person who missed it.
        at = np.flatnonzero(seen.who == person)
        annotation = seen.annotation[at[np.searchsorted(seen.task[at], seen.task_of_lesion[rows])]]
        columns = none | {name: lesions[name].take(pa.array(rows)) for name in ("page", "lesion")}
    else:
        annotation = seen.export.annotation_rows[rows]
        table = seen.export.regions.table
        columns = {name: table[name].take(pa.array(rows)) for name in ("page", "region_id")}
        columns["lesion"] = lesions["lesion"].take(pa.array(seen.lesion[rows]))
    place = np.full(annotations.num_rows, -1, dtype=np.int64)
    place[seen.annotation] = seen.week
    week = place[annotation]
    texts = pa.array([week_text(one) for one in seen.weeks.tolist()], pa.string())
    columns |= {
        "named": pa.array(np.full(count, number, dtype=np.int32)),
        "task_id": annotations["task_id"].take(pa.array(annotation)),
        "annotation_id": annotations["annotation_id"].take(pa.array(annotation)).cast(pa.int64()),
        "week": texts.take(pa.array(np.maximum(week, 0), mask=week < 0)),
        "value": pa.array(value, mask=~np.isfinite(value)),
    }
    table = pa.table({name: columns[name] for name in SIMILAR_SCHEMA.names}, schema=SIMILAR_SCHEMA)
    keys = [(name, "ascending") for name in ("task_id", "page", "lesion", "annotation_id", "region_id")]
    return table.sort_by(keys)
