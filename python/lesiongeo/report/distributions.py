"""Distributions of each metric: a histogram of all, and a box strip per label and size class, from exact values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .frame import SIZE_BOUNDS_PX2, SIZES, Frame, Metric
from .overview import Statistics
from .scales import ticks

__all__ = ["MOST_LABELS", "distributions"]

Floats = NDArray[np.float64]

#: Labels with a strip of their own; the others share one.
MOST_LABELS = 12
BINS = 20
THRESHOLD = 0.7


def distributions(
    frame: Frame | None, statistics: Statistics, bounds: tuple[float, float] = SIZE_BOUNDS_PX2
) -> list[dict[str, Any]]:
    """Describe each metric of the regions that both drew: bins of a histogram, quantiles per group."""
    if frame is None or not frame.agreed.any():
        return []
    groups = _groups(frame, bounds)
    return [_of(metric, groups, statistics) for metric in frame.metrics]


def _groups(frame: Frame, bounds: tuple[float, float]) -> list[tuple[str, str, NDArray[np.bool_]]]:
    """Kind, name and pairs of each group."""
    agreed = frame.agreed
    found = [("all", "all", agreed)]
    # Of a label conflict both labels: whoever asks how a label is drawn wants to see it.
    of_label = [agreed & ((frame.label_a == code) | (frame.label_b == code)) for code in range(len(frame.labels))]
    tally = [int(chosen.sum()) for chosen in of_label]
    order = sorted(range(len(frame.labels)), key=lambda code: (-tally[code], frame.labels[code]))
    drawn = [code for code in order if tally[code]]
    found += [("label", frame.labels[code], of_label[code]) for code in drawn[:MOST_LABELS]]
    rest = drawn[MOST_LABELS:]
    if rest:
        found.append(("others", f"{len(rest)} other labels", np.logical_or.reduce([of_label[code] for code in rest])))
    differ = agreed & (frame.kind == 1)
    if differ.any():
        found.append(("differ", "labels differ", differ))
    sizes = frame.sizes(bounds)
    for code, name in enumerate(SIZES):
        chosen = agreed & (sizes == code)
        if chosen.any():
            found.append(("size_class", name, chosen))
    return found


def _of(metric: Metric, groups: list[tuple[str, str, NDArray[np.bool_]]], statistics: Statistics) -> dict[str, Any]:
    rows = []
    for kind, name, chosen in groups:
        values = metric.values[chosen]
        values = values[~np.isnan(values)]
        if not len(values):
            continue
        found = statistics.of(kind, metric.key, key=None if kind == "all" else name) if kind != "differ" else None
        p5, q1, median, q3, p95 = np.percentile(values, (5, 25, 50, 75, 95)).tolist()
        rows.append(
            {
                "kind": kind,
                "name": name,
                "n": len(values),
                "mean": float(values.mean()),
                "low": found.get("mean_low") if found and found.get("n") == len(values) else None,
                "high": found.get("mean_high") if found and found.get("n") == len(values) else None,
                "p5": p5,
                "q1": q1,
                "median": median,
                "q3": q3,
                "p95": p95,
                "below": float((values < THRESHOLD).mean()) if metric.share else None,
            }
        )
    values = metric.values[groups[0][2]]
    values = values[~np.isnan(values)]
    edges = _edges(metric, values)
    inside = np.clip(values, edges[0], edges[-1])
    return {
        "key": metric.key,
        "name": metric.name,
        "unit": metric.unit,
        "digits": metric.digits,
        "share": metric.share,
        "axis": _axis(metric, rows, edges),
        "edges": edges.tolist(),
        "counts": np.histogram(inside, edges)[0].tolist(),
        "n_below": int((values < edges[0]).sum()),
        "n_beyond": int((values > edges[-1]).sum()),
        "largest": float(values.max()) if len(values) else None,
        "groups": rows,
    }


def _edges(metric: Metric, values: Floats) -> Floats:
    """Bins from 0 to 1, or from where all but one in two hundred lie; of distances to what one in fifty exceeds."""
    if metric.share:
        low = math.floor(10.0 * float(np.percentile(values, 0.5))) / 10.0 if len(values) else 0.0
        low = min(max(low, 0.0), 0.8)
        return np.round(np.linspace(low, 1.0, BINS + 1), 10)
    top = float(np.percentile(values, 98)) if len(values) else 0.0
    return np.linspace(0.0, _rounded_up(top), BINS + 1)


def _axis(metric: Metric, rows: list[dict[str, Any]], edges: Floats) -> list[float]:
    """Axis of the strips: whole tenths, or from 0, around everything between the 5th and the 95th percentile."""
    if metric.share:
        low = math.floor(10.0 * min(row["p5"] for row in rows)) / 10.0 if rows else 0.0
        return [min(max(low, 0.0), 0.8), 1.0]
    return [0.0, _rounded_up(max(row["p95"] for row in rows))] if rows else [0.0, float(edges[-1])]


def _rounded_up(top: float) -> float:
    """Return the next round number; 1 of nothing."""
    if top <= 0:
        return 1.0
    marks = ticks(0.0, top, 6)
    step = marks[1] - marks[0] if len(marks) > 1 else top
    return float(step * math.ceil(top / step - 1e-9))
