"""Charts as inline SVG; colours come from classes, so that they follow light, dark and print."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

from markupsafe import Markup

from .cards import style_of
from .scales import Scale, log_ticks, ticks
from .svg import element, join, num
from .text import count, number, shown, signed_percent

__all__ = ["bland_altman_chart", "histogram", "line_sample", "log_span", "step_of", "strip", "weekly_chart"]

WIDTH = 340.0
#: Lower bounds of the steps of the heat map.
STEPS = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9)


def step_of(value: float) -> int:
    """Return the step of a heat map's cell, from 0 to 6.

    Examples
    --------
    >>> step_of(0.1), step_of(0.7), step_of(1.0)
    (0, 4, 6)
    """
    return sum(value >= bound for bound in STEPS)


def line_sample(number_of_annotator: int) -> Markup:
    """Draw the line of an annotator, for legends."""
    style = style_of(number_of_annotator)
    line = element("path", class_=f"line {style}", d="M1 6H31")
    return element("svg", line, class_="sample", viewBox="0 0 32 12", width=32, height=12, aria_hidden="true")


def _chart(height: float, label: str, *parts: Markup) -> Markup:
    return element(
        "svg",
        element("title", label),
        join(list(parts)),
        class_="chart",
        viewBox=f"0 0 {WIDTH:g} {num(height)}",
        width=WIDTH,
        height=height,
        role="img",
    )


def _text(text: str, x: float, y: float, anchor: str = "middle", class_: str | None = None) -> Markup:
    return element("text", text, x=x, y=y, text_anchor=anchor, class_=class_)


def histogram(data: dict[str, Any]) -> Markup:
    """Draw the histogram of a metric."""
    height, left, right, top, bottom = 190.0, 40.0, 330.0, 12.0, 150.0
    edges, counts = data["edges"], data["counts"]
    x = Scale(edges[0], edges[-1], left, right)
    most = max([*counts, 1])
    y = Scale(0, most, bottom, top)
    parts = []
    for tick in ticks(0, most, 4):
        if tick == int(tick):
            parts.append(element("path", class_="grid", d=f"M{num(left)} {num(y(tick))}H{num(right)}"))
            parts.append(_text(count(tick), left - 5, y(tick) + 4, "end"))
    for low, high, amount in zip(edges[:-1], edges[1:], counts, strict=True):
        if amount:
            bar = element(
                "rect",
                element("title", f"{number(low, 2)} to {number(high, 2)}: {amount:,}"),
                class_="mark",
                x=x(low) + 0.75,
                y=y(amount),
                width=max(x(high) - x(low) - 1.5, 0.5),
                height=bottom - y(amount),
            )
            parts.append(bar)
    parts.append(element("path", class_="axis", d=f"M{num(left)} {num(bottom)}H{num(right)}"))
    for tick in ticks(edges[0], edges[-1], 6):
        parts.append(_text(_short(tick), x(tick), bottom + 16))
    unit = f" in {data['unit']}" if data["unit"] else ""
    parts.append(_text(f"{data['name']}{unit}", (left + right) / 2, bottom + 34, class_="name"))
    total = sum(counts)
    return _chart(height, f"Histogram of {data['name']} of {total:,} pairs of regions", *parts)


def strip(group: dict[str, Any], axis: list[float]) -> Markup:
    """Draw the box strip of a group: p5 to p95, the middle half, the median."""
    width, height = 180.0, 18.0
    x = Scale(axis[0], axis[1], 4, width - 4)
    low, q1, median, q3, high = (x(group[name]) for name in ("p5", "q1", "median", "q3", "p95"))
    return element(
        "svg",
        element("path", class_="grid", d=f"M4 {num(height / 2)}H{num(width - 4)}"),
        element("path", class_="whisker", d=f"M{num(low)} {num(height / 2)}H{num(high)}"),
        element("rect", class_="mark", x=q1, y=4, width=max(q3 - q1, 0.5), height=height - 8),
        element("path", class_="median", d=f"M{num(median)} 2V{num(height - 2)}"),
        class_="strip",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        aria_hidden="true",
    )


def _short(value: float) -> str:
    return number(value, 0) if value == int(value) else f"{value:g}".replace("-", "\u2212")


#: Ratios at which the vertical axis of the areas has ticks.
RATIOS = (0.1, 0.2, 0.33, 0.5, 0.67, 0.8, 0.9, 1.0, 1.11, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)


def bland_altman_chart(plot: dict[str, Any], bound: float, span: tuple[float, float], label: str) -> Markup:
    """Draw one Bland-Altman plot: `bound` is the largest absolute log ratio, `span` the areas shown."""
    height, left, right, top, bottom = 230.0, 54.0, 332.0, 12.0, 186.0
    x = Scale(span[0], span[1], left, right, log=True)
    y = Scale(-bound, bound, bottom, top)
    parts = []
    for ratio in _ratio_ticks(bound, y):
        place = y(math.log(ratio))
        parts.append(
            element("path", class_="axis" if ratio == 1.0 else "grid", d=f"M{num(left)} {num(place)}H{num(right)}")
        )
        parts.append(_text(signed_percent(100 * (ratio - 1), 0), left - 5, place + 4, "end"))
    for tick in log_ticks(*span):
        parts.append(_text(_compact(tick), x(tick), bottom + 16))
        parts.append(element("path", class_="grid", d=f"M{num(x(tick))} {num(top)}V{num(bottom)}"))
    # Every fourth point in one path: where several lie over each other it is darker.
    points = [f"M{num(x(area))} {num(y(ratio))}h0" for area, ratio in zip(plot["x"], plot["y"], strict=True)]
    parts += [element("path", class_="points", d="".join(points[start::4])) for start in range(4) if points[start::4]]
    if plot["sd_log"] is not None:
        for value in (plot["mean_log"] - 1.96 * plot["sd_log"], plot["mean_log"] + 1.96 * plot["sd_log"]):
            parts.append(element("path", class_="limit", d=f"M{num(left)} {num(y(value))}H{num(right)}"))
    parts.append(element("path", class_="mean", d=f"M{num(left)} {num(y(plot['mean_log']))}H{num(right)}"))
    parts.append(_text("mean area of the two in px\u00b2", (left + right) / 2, bottom + 34, class_="name"))
    return _chart(height, label, *parts)


def _ratio_ticks(bound: float, y: Scale) -> list[float]:
    """Return the ratios that fit below each other, from equal areas outwards."""
    kept: list[float] = []
    for ratio in sorted(RATIOS, key=lambda ratio: (abs(math.log(ratio)), ratio)):
        near = any(abs(y(math.log(ratio)) - y(math.log(other))) < 17 for other in kept)
        if abs(math.log(ratio)) <= bound and not near:
            kept.append(ratio)
    return kept


def _compact(value: float) -> str:
    for size, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{name}"
    return f"{value:g}"


def weekly_chart(series: dict[str, Any], unit: str, bounds: tuple[float, float], weeks: tuple[date, date]) -> Markup:
    """Draw one habit of one annotator by week, with the means of its segments and the habits that were named."""
    height, left, right, top, bottom = 190.0, 54.0, 332.0, 12.0, 150.0
    first, last = weeks
    x = Scale(first.toordinal() - 3, last.toordinal() + 10, left, right)
    y = Scale(bounds[0], bounds[1], bottom, top)
    parts = []
    for tick in ticks(*bounds, 5):
        zero = tick == 0
        parts.append(element("path", class_="axis" if zero else "grid", d=f"M{num(left)} {num(y(tick))}H{num(right)}"))
        parts.append(_text(_with_unit(tick, unit), left - 5, y(tick) + 4, "end"))
    for named in series["named"]:
        start = x(_ordinal(named["since"], first.toordinal() - 3))
        stop = x(_ordinal(named["until"], last.toordinal() + 3) + 7)
        if named["low"] is not None and named["high"] is not None:
            upper, lower = y(named["high"]), y(named["low"])
            parts.append(
                element("rect", class_="band", x=start, y=upper, width=stop - start, height=max(lower - upper, 1))
            )
    for segment in _segments(series["points"]):
        start, stop = x(segment[0].toordinal()), x(segment[1].toordinal() + 7)
        parts.append(element("path", class_="mean", d=f"M{num(start)} {num(y(segment[2]))}H{num(stop)}"))
    for point in series["points"]:
        place, middle = x(date.fromisoformat(point["week"]).toordinal() + 3.5), y(point["value"])
        error = point["standard_error"]
        label = f"week of {point['week']}: {_with_unit(point['value'], unit, 2)}, n {point['n']}"
        if error is not None:
            low, high = y(point["value"] - 1.96 * error), y(point["value"] + 1.96 * error)
            parts.append(element("path", class_="whisker", d=f"M{num(place)} {num(low)}V{num(high)}"))
        parts.append(element("circle", element("title", label), class_="dot", cx=place, cy=middle, r=3))
    for day in _week_ticks(first, last):
        parts.append(_text(day.isoformat()[5:], x(day.toordinal() + 3.5), bottom + 16))
    years = str(first.year) if first.year == last.year else f"{first.year} to {last.year}"
    parts.append(_text(f"week from, {years}", (left + right) / 2, bottom + 33, class_="name"))
    detail = f", {shown(series['detail'])}" if series["detail"] else ""
    return _chart(height, f"{shown(series['annotator'])}{detail} by week", *parts)


def _ordinal(week: str | None, otherwise: int) -> int:
    try:
        return date.fromisoformat(str(week)[:10]).toordinal()
    except ValueError:
        return otherwise


def _segments(points: list[dict[str, Any]]) -> list[tuple[date, date, float]]:
    """First week, last week and mean of each segment, weeks weighted by their number of observations."""
    found: dict[Any, list[dict[str, Any]]] = {}
    for point in points:
        if point["segment"] is not None:
            found.setdefault(point["segment"], []).append(point)
    means = []
    for own in found.values():
        weights = [point["n"] or 1 for point in own]
        mean = sum(point["value"] * weight for point, weight in zip(own, weights, strict=True)) / sum(weights)
        means.append((date.fromisoformat(own[0]["week"]), date.fromisoformat(own[-1]["week"]), mean))
    return means


def _week_ticks(first: date, last: date) -> list[date]:
    weeks = (last - first).days // 7
    step = max(1, math.ceil((weeks + 1) / 5))
    return [first + timedelta(days=7 * week) for week in range(0, weeks + 1, step)]


def _with_unit(value: float, unit: str, digits: int | None = None) -> str:
    if unit == "share":
        value, unit = round(100 * value, 6), "%"
    text = _short(value) if digits is None else number(value, digits)
    return f"{text} %" if unit in ("%", "percent") else f"{text} {unit}".strip()


def log_span(plots: list[dict[str, Any]]) -> tuple[float, float, float]:
    """Return smallest and largest area and the largest absolute log ratio of all plots, a little rounded."""
    xs = [float(value) for plot in plots for value in plot["x"]]
    ys = [abs(float(value)) for plot in plots for value in plot["y"]]
    ys += [abs(plot["mean_log"]) + 1.96 * (plot["sd_log"] or 0.0) for plot in plots]
    low, high = min(xs) / 1.15, max(xs) * 1.15
    # One point far out would press all others onto the axis.
    ordered = sorted(ys)
    bound = max(ordered[int(0.995 * (len(ordered) - 1))] * 1.1, math.log(1.12))
    return low, high, bound
