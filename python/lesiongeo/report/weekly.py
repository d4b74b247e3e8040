"""Habits by week: the series of each annotator, where a segment begins and ends, and what was named."""

from __future__ import annotations

from datetime import date
from typing import Any

from ..agreement.annotators import annotator_order
from .run import Run, rows_of
from .text import shown, words

__all__ = ["HABITS", "MOST_SERIES", "weekly"]

#: Series drawn of one habit.
MOST_SERIES = 12
#: What is known of a named habit.
SHOWN = ("since", "until", "value", "low", "high")
#: The detail of a habit that is a change against what the person did before.
CHANGE = "change"
#: What a habit is called, in the order in which they are shown.
HABITS = {
    "area_bias": "Area against the others",
    "border_offset": "Border against the others",
    "missed": "Regions missed",
    "missed_small": "Small regions missed",
    "extra": "Regions that nobody else drew",
    "label_confusion": "Labels confused",
    "status_confusion": "Status confused",
    "choice_confusion": "Other answers confused",
    "vertex_density": "Vertices per length",
    "lead_time": "Time per task",
}


def weekly(run: Run) -> dict[str, Any]:
    """Collect the series by habit, annotator and detail, and the habits that were named."""
    named = rows_of(run.table("habits"))
    units = {row["habit"]: row.get("unit") for name in ("habits_overall", "habits") for row in rows_of(run.table(name))}
    series: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in rows_of(run.table("trends")):
        day = _day(row.get("week"))
        if day is None or row.get("value") is None:
            continue
        key = (row["habit"], row["annotator"], row.get("detail") or "")
        one = series.setdefault(key, {"annotator": key[1], "detail": key[2], "points": [], "named": []})
        one["points"].append(
            {
                "week": day.isoformat(),
                "n": row.get("n"),
                "value": row["value"],
                "standard_error": row.get("standard_error"),
                "segment": row.get("segment"),
            }
        )
    units.setdefault("border_offset", "px")
    for row in named:
        # A change is named by how large it is, which is no level that could be drawn.
        change = row.get("detail") == CHANGE
        key = (row["habit"], row["annotator"], "" if change else row.get("detail") or "")
        if key in series:
            drawn = ("since", "until") if change else ("since", "until", "value", "low", "high")
            series[key]["named"].append({name: _plain(row.get(name)) if name in drawn else None for name in SHOWN})
    habits = []
    order = [*HABITS, *sorted({key[0] for key in series} - set(HABITS))]
    for habit in order:
        own = [series[key] for key in series if key[0] == habit]
        for one in own:
            one["points"].sort(key=lambda point: point["week"])
        own.sort(key=lambda one: (not one["named"], annotator_order(one["annotator"]), one["detail"]))
        # One week is no course of time.
        own = [one for one in own if len(one["points"]) > 1]
        if own:
            habits.append(
                {
                    "habit": habit,
                    "name": HABITS.get(habit, words(habit)),
                    "unit": shown(units.get(habit), 12),
                    "series": own[:MOST_SERIES],
                    "left_out": max(len(own) - MOST_SERIES, 0),
                }
            )
    return {"habits": habits, "named": [{name: _plain(value) for name, value in row.items()} for row in named]}


def _day(value: Any) -> date | None:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
