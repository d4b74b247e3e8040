"""Bland-Altman of areas: the ratio of two areas over their mean, per pair of annotators or one against the others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .frame import Frame

__all__ = ["MOST_PAIRS", "MOST_POINTS", "areas"]

#: Pairs of annotators that get a drawing each; more are drawn as one annotator against the others.
MOST_PAIRS = 6
MOST_ANNOTATORS = 12
#: Points of one drawing, and of all of them.
MOST_POINTS, MOST_OF_ALL = 800, 4000


def areas(frame: Frame | None) -> dict[str, Any]:
    """Compare areas of the regions that both drew.

    The difference is that of logarithms, because outlines differ by a share of their size: limits of agreement are
    mean plus and minus 1.96 standard deviations (Bland and Altman 1999, section 3.1), given back as percent.
    """
    if frame is None:
        return {"plots": [], "by": None, "left_out": 0}
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(frame.area_b / frame.area_a)
        mean = np.sqrt(frame.area_a * frame.area_b)
    usable = frame.agreed & np.isfinite(ratio) & (mean > 0) & (frame.a >= 0) & (frame.b >= 0)
    width = len(frame.names)
    pairs = np.unique(frame.a[usable] * width + frame.b[usable]).tolist() if usable.any() else []
    plots: list[dict[str, Any]] = []
    if len(pairs) <= MOST_PAIRS:
        by, left_out = "pair", 0
        for pair in pairs:
            a, b = divmod(pair, width)
            chosen = np.flatnonzero(usable & (frame.a == a) & (frame.b == b))
            # Oriented so that "+" means the second of the two drew larger.
            plots.append(_plot(frame.names[b], frame.names[a], mean[chosen], ratio[chosen]))
    else:
        by = "annotator"
        present = [code for code in range(width) if (usable & ((frame.a == code) | (frame.b == code))).any()]
        amounts = {code: int((usable & ((frame.a == code) | (frame.b == code))).sum()) for code in present}
        kept = sorted(sorted(present, key=lambda code: (-amounts[code], code))[:MOST_ANNOTATORS])
        left_out = len(present) - len(kept)
        for code in kept:
            chosen = np.flatnonzero(usable & ((frame.a == code) | (frame.b == code)))
            own = np.where(frame.b[chosen] == code, ratio[chosen], -ratio[chosen])
            plots.append(_plot(frame.names[code], None, mean[chosen], own))
    _thin(plots)
    return {"plots": plots, "by": by, "left_out": left_out}


def _plot(who: str, against: str | None, mean: NDArray[np.float64], ratio: NDArray[np.float64]) -> dict[str, Any]:
    n = len(ratio)
    middle = float(ratio.mean())
    spread = float(ratio.std(ddof=1)) if n > 1 else None
    low = high = None
    if spread is not None:
        low, high = middle - 1.96 * spread, middle + 1.96 * spread
    return {
        "who": who,
        "against": against,
        "n": n,
        "mean_percent": as_percent(middle),
        "low_percent": as_percent(low),
        "high_percent": as_percent(high),
        "mean_log": middle,
        "sd_log": spread,
        "x": mean,
        "y": ratio,
    }


def as_percent(log_ratio: float | None) -> float | None:
    """Return a difference of logarithms as percent.

    Examples
    --------
    >>> round(as_percent(0.0953101798), 6), as_percent(None)
    (10.0, None)
    """
    return None if log_ratio is None else 100.0 * math.expm1(log_ratio)


def _thin(plots: list[dict[str, Any]]) -> None:
    """Keep every k-th point of a drawing with too many: pairs come sorted by agreement, so all of it is represented."""
    most = MOST_POINTS if not plots else min(MOST_POINTS, MOST_OF_ALL // len(plots))
    for plot in plots:
        n = plot["n"]
        rows = np.arange(n) if n <= most else (np.arange(most) * n) // most
        plot["x"], plot["y"] = plot["x"][rows], plot["y"][rows]
        plot["n_points"] = len(rows)
