"""The noise floor as a table: to read, to keep, and to judge a later export by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from .components import LEAST_FREEDOM, Part
from .intervals import t_975
from .noise_model import FALLBACK_PERCENT, Curve, Habits, Noise

__all__ = ["NOISE_SCHEMA", "Found", "noise_of_table", "noise_table"]

NOISE_SCHEMA: Final = pa.schema(
    [
        ("component", pa.string()),
        ("size_class", pa.string()),
        ("size_low_px2", pa.float64()),
        ("size_high_px2", pa.float64()),
        ("size_px2", pa.float64()),
        ("sd_log_area", pa.float64()),
        ("mdc95_percent", pa.float64()),
        ("df", pa.float64()),
        ("n_lesions", pa.int64()),
        ("source", pa.string()),
        ("reason", pa.string()),
        ("annotator", pa.string()),
        ("team", pa.int64()),
        ("effect_percent", pa.float64()),
    ]
)


@dataclass(frozen=True, slots=True)
class Found:
    """What was estimated, used or not. `lows` are the lower bounds of the classes of `habits`, px2."""

    source: str
    floor: float = math.log1p(FALLBACK_PERCENT / 100.0)
    within: Part | None = None
    outline: Part | None = None
    repeat: Part | None = None
    people: float = math.nan
    people_freedom: float = 0.0
    people_used: bool = False
    habits: tuple[Habits, ...] = ()
    lows: tuple[float, ...] = ()
    annotators: tuple[str, ...] = ()


def noise_table(found: Found) -> pa.Table:
    """Make the table; see `noise_of` for its columns. What the caller gives or falls back on is one row first."""
    rows: list[dict[str, Any]] = []
    if found.source in ("given", "fallback"):
        percent = round(100.0 * math.expm1(found.floor), 9)
        reason = "too_few_outlines" if found.source == "fallback" else None
        rows.append(_row(found.source, mdc95_percent=percent, source=found.source, reason=reason))
    if found.within is not None:
        rows += _part("within", found.within, found.source)
    if found.outline is not None:
        few = "too_few_outlines" if found.outline.total < LEAST_FREEDOM else None
        rows += _part("outline", found.outline, "outlines", reason=few)
        rows += _between(found, found.outline)
    if found.repeat is not None and found.repeat.total > 0:
        reason = None if found.source == "repeats" else "not_used"
        rows += _part("repeat", found.repeat, "repeats", reason=reason)
    for low, habit in zip(found.lows, found.habits, strict=False):
        high = math.exp(habit.upto)
        for code in np.flatnonzero(np.isfinite(habit.effect)).tolist():
            rows.append(
                _row(
                    "habit",
                    **_sizes(low, high),
                    sd_log_area=math.sqrt(max(0.0, float(habit.covariance[code, code]))),
                    source="outlines",
                    annotator=found.annotators[code],
                    team=int(habit.team[code]),
                    effect_percent=100.0 * math.expm1(float(habit.effect[code])),
                )
            )
    return pa.Table.from_pylist(rows, NOISE_SCHEMA)


def noise_of_table(table: pa.Table, annotators: Sequence[str]) -> Noise:
    """Return the noise of an earlier table, for annotators numbered otherwise.

    Parameters
    ----------
    table : pyarrow.Table
        `Noise.table` of an earlier call.
    annotators : sequence of str
        Names of the people of now. Who is not in the table is somebody unknown.

    Returns
    -------
    Noise
        Judges as the noise of then would, but for the correlation of the errors of habits, which a table does not hold:
        that of a balanced team is taken.

    Raises
    ------
    ValueError
        If columns are missing, or the table says nothing that changes could be judged by.
    """
    missing = [name for name in NOISE_SCHEMA.names if name not in table.column_names]
    if missing:
        raise ValueError(
            f"noise is a table without the column {missing[0]}; pass `noise.table` of an earlier result as it is, or a "
            "number (percent of area)"
        )
    rows = table.select(NOISE_SCHEMA.names).to_pylist()
    names = tuple(annotators)
    first = rows[0] if rows else {}
    within, source = _curve(rows, "within")
    if not within:
        if first.get("component") not in ("given", "fallback") or not first.get("mdc95_percent"):
            raise ValueError(
                "noise is a table without rows of the component within, and without one given or fallback; pass "
                "`noise.table` of an earlier result as it is"
            )
        floor = math.log1p(first["mdc95_percent"] / 100.0)
        return Noise(names, within, within, floor=floor, source=first["component"], table=table)
    outline, _ = _curve(rows, "outline")
    people = [row for row in rows if row["component"] == "people" and row["reason"] is None]
    variance = people[0]["sd_log_area"] ** 2 if people else math.nan
    freedom = people[0]["df"] if people else 0.0
    habits = _habits(rows, names) if source != "repeats" else ()
    return Noise(
        annotators=names,
        visits=within,
        outlines=outline if outline and source != "repeats" else within,
        habits=habits,
        people=variance,
        people_freedom=math.inf if freedom is None else freedom,
        source=source,
        table=table,
    )


def _row(component: str, **values: Any) -> dict[str, Any]:
    values.setdefault("size_class", "all")
    return {"component": component, **values}


def _sizes(low: float, high: float) -> dict[str, Any]:
    if low <= 0.0 and math.isinf(high):
        name = "all"
    elif low <= 0.0:
        name = f"below {high:g} px2"
    else:
        name = f"from {low:g} px2" if math.isinf(high) else f"{low:g} to {high:g} px2"
    bounds = {"size_low_px2": low if low > 0.0 else None, "size_high_px2": high if math.isfinite(high) else None}
    return {"size_class": name, **bounds}


def _judged(variance: float, freedom: float) -> dict[str, Any]:
    """Return standard deviation, smallest detectable change between two such outlines, degrees of freedom."""
    sd = math.sqrt(variance)
    half = float(t_975(np.array([freedom]))[0]) * math.sqrt(2.0) * sd
    percent = 100.0 * math.expm1(half) if half < 100.0 else None
    return {"sd_log_area": sd, "mdc95_percent": percent, "df": freedom if math.isfinite(freedom) else None}


def _part(component: str, part: Part, source: str, reason: str | None = None) -> list[dict[str, Any]]:
    """One row for each class, and before them one for all where there are several."""
    rows = []
    columns = (part.low, part.high, part.size, part.variance, part.freedom, part.lesions)
    for low, high, size, variance, freedom, lesions in zip(*(column.tolist() for column in columns), strict=True):
        if freedom > 0:
            judged = _judged(variance, freedom)
            row = _row(component, **_sizes(low, high), size_px2=math.exp(size), **judged, n_lesions=lesions)
            rows.append({**row, "source": source, "reason": reason})
    if len(rows) > 1:
        size, variance, freedom, lesions = _pooled(part)
        row = _row(component, size_px2=math.exp(size), **_judged(variance, freedom), n_lesions=lesions)
        rows.insert(0, {**row, "source": source, "reason": reason})
    return rows


def _pooled(part: Part) -> tuple[float, float, float, int]:
    weight = part.freedom / part.total
    size = float(np.average(part.size, weights=np.maximum(part.lesions, 1)))
    return size, float(weight @ part.variance), part.total, int(part.lesions.sum())


def _between(found: Found, outline: Part) -> list[dict[str, Any]]:
    """Rows of habits in general, and of two people who draw the same lesion."""
    if not outline.total > 0.0 or math.isnan(found.people):
        return []
    reason = None if found.people_used else "few_people"
    rows = []
    if math.isfinite(found.people_freedom):
        judged = _judged(found.people, found.people_freedom)
        rows.append(_row("people", **judged, source="outlines", reason=reason))
    size, variance, freedom, lesions = _pooled(outline)
    total = variance + found.people
    lost = variance**2 / freedom + found.people**2 / max(found.people_freedom, 1.0)
    judged = _judged(total, total**2 / lost if lost > 0.0 else math.inf)
    rows.append(_row("between", size_px2=math.exp(size), **judged, n_lesions=lesions, source="outlines", reason=reason))
    return rows


def _curve(rows: list[dict[str, Any]], component: str) -> tuple[Curve, str]:
    own = [row for row in rows if row["component"] == component and row["size_px2"] and row["sd_log_area"]]
    if len(own) > 1:
        own = [row for row in own if row["size_class"] != "all"]
    own.sort(key=lambda row: float(row["size_px2"]))
    if not own:
        return Curve.nothing(), ""
    size, deviation, freedom = (
        np.array([math.inf if row[name] is None else row[name] for row in own], dtype=np.float64)
        for name in ("size_px2", "sd_log_area", "df")
    )
    return Curve(np.log(size), deviation**2, freedom), str(own[0]["source"])


def _habits(rows: list[dict[str, Any]], names: tuple[str, ...]) -> tuple[Habits, ...]:
    classes: dict[float, list[dict[str, Any]]] = {}
    code = {name: number for number, name in enumerate(names)}
    for row in rows:
        if row["component"] == "habit":
            high = math.inf if row["size_high_px2"] is None else float(row["size_high_px2"])
            classes.setdefault(high, []).append(row)
    found = []
    for high, own in sorted(classes.items()):
        effect, team = np.full(len(names), np.nan), np.full(len(names), -1, dtype=np.int64)
        error = np.zeros(len(names))
        size: dict[int, int] = {}
        for row in own:
            size[row["team"]] = size.get(row["team"], 0) + 1
            if row["annotator"] in code:
                place = code[row["annotator"]]
                effect[place], team[place] = math.log1p(row["effect_percent"] / 100.0), row["team"]
                error[place] = row["sd_log_area"]
        # In a balanced team of k the errors of two effects are correlated by -1 / (k - 1), since all sum to 0.
        others = np.array([max(size.get(number, 2) - 1, 1) for number in team.tolist()], dtype=np.float64)
        same = (team[:, None] == team[None, :]) & (team >= 0)[:, None]
        covariance = np.where(same, -np.outer(error, error) / others[:, None], 0.0)
        np.fill_diagonal(covariance, error**2)
        found.append(Habits(math.log(high), effect, team, covariance))
    return tuple(found)
