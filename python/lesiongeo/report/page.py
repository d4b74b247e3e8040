"""The page: sections from the run, one template, a policy that lets nothing else run."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
from datetime import date, datetime, timedelta
from importlib import resources
from itertools import pairwise
from typing import Any

import jinja2
from markupsafe import Markup

from .. import __version__
from ..agreement.annotators import annotator_order
from . import charts
from .areas import areas
from .cards import card_drawings
from .cases import Case, worst_cases
from .categories import confusions, controls_of
from .coefficients import coefficients
from .course_scenes import area_in_words
from .distributions import distributions
from .facts import definitions, options_of, run_facts
from .figure import KEY
from .frame import SIZE_BOUNDS_PX2, Frame, read_frame
from .images import Pictures
from .listing import case_rows, distance_of, filters_of
from .overview import Statistics, heat_map, overview, stands_out
from .queue import queue
from .run import Run, rows_of, texts
from .strips import Strip, strips
from .svg import breaks
from .text import count, interval, number, percent, plural, shown, signed_percent, words
from .tracks import lesions
from .weekly import HABITS, weekly

__all__ = ["page"]

TITLE = "Agreement of annotators"
#: Of a folder that `lesiongeo track` wrote, and its sections.
TRACKS_TITLE = "Lesions over time"
OF_TRACKS = ("lesions", "definitions")

SECTIONS = (
    ("summary", "Summary"),
    ("annotators", "Annotators"),
    ("distributions", "Distributions"),
    ("areas", "Areas"),
    ("weeks", "Weeks"),
    ("confusions", "Labels and answers"),
    ("reliability", "Reliability"),
    ("cases", "Worst cases"),
    ("lesions", "Lesions over time"),
    ("queue", "Queue"),
    ("definitions", "Definitions"),
)
#: What a table is and which command makes it.
MAKES = {
    "statistics": "the table statistics (means with intervals)",
    "habits": "the table habits",
    "trends": "the table trends (habits by week)",
    "reliability": "the table reliability (kappa and alpha)",
    "queue": "the table queue",
    "annotators": "the table annotators",
    "summary": "the table summary",
    "pairs": "the table pairs",
    "tracks": "the table tracks (lesions over visits, where patients or ids of lesions are known)",
}
MATCH_MEANING = {
    "matched": "both drew the region and gave it the same label",
    "label_conflict": "both drew the region, with different labels",
    "near_miss": "two regions overlap too little to be the same; they count as two missing ones",
    "missing": "one of the two did not draw the region",
}
MISSED_MEANING = {"category": "own answer", "left_out": "left out"}
SCOPE_MEANING = {"region": "of each region", "page": "of each page", "task": "of each task"}
ANNOTATOR_COLUMNS = (
    ("n_annotations", "annotations"),
    ("n_regions", "regions"),
    ("n_invalid", "invalid"),
    ("n_cancelled", "skipped"),
    ("n_pages", "pages compared"),
    ("score_mean", "score"),
    ("iou_mean", "IoU"),
    ("n_missed", "missed"),
    ("n_extra", "extra"),
    ("lead_time_s_median", "seconds per task"),
)
DIGITS = {"score_mean": 3, "iou_mean": 3, "lead_time_s_median": 0}


def page(
    folder: str | os.PathLike[str],
    *,
    images: str | os.PathLike[str] | None,
    title: str | None,
    worst: int,
    notes: bool,
) -> str:
    """Return the report of a run folder as HTML; see `write_report`."""
    run = Run(folder)
    frame = read_frame(run)
    lock = run.json("run.lock.json")
    options = options_of(lock)
    bounds = options.get("size_bounds_px2", SIZE_BOUNDS_PX2)
    statistics = Statistics(run.table("statistics"))
    controls = controls_of(run, notes=notes)
    heat = heat_map(run, statistics)
    found = worst_cases(run, frame, controls, worst)
    people = _people(run, frame, found)
    drawings = card_drawings(run, found, people, _pictures(run, images))
    over_time, courses = lesions(run, worst, notes=notes)
    data: dict[str, Any] = {
        "lesiongeo": __version__,
        "overview": overview(run, frame, statistics),
        "stands_out": stands_out(run, frame, statistics, heat),
        "remarks": [
            f"There is a {name}.parquet and a {name}.csv; the Parquet file was read. Remove the one that is old."
            for name in run.twice
        ],
        "heat_map": heat,
        "annotators": rows_of(run.table("annotators")),
        "distributions": distributions(frame, statistics, bounds),
        "areas": areas(frame),
        "weekly": weekly(run),
        "confusions": confusions(run, frame, controls),
        "reliability": coefficients(run),
        "cases": case_rows(run, frame, found, controls),
        "n_pairs": frame.rows if frame is not None else 0,
        "tracks": over_time,
        "queue": queue(run),
        "definitions": definitions(run),
        "facts": run_facts(lock),
    }
    drawn = strips(run, courses)
    over_time["drawn"] = not courses or any(strip.overlay is not None for strip in drawn)
    return _rendered(run, frame, data, drawings, drawn, people, title, options.get("confidence", 0.95), bounds)


def _people(run: Run, frame: Frame | None, cases: list[Case]) -> list[str]:
    """Everybody, in the order that gives lines their colours."""
    names = {row["annotator"] for row in rows_of(run.table("annotators")) if row.get("annotator") is not None}
    names |= set(frame.names if frame is not None else [])
    names |= {drawn.annotator for case in cases for drawn in (*case.regions, *case.near)}
    names |= {name for case in cases for name in case.annotators}
    return sorted(names, key=annotator_order)


def _pictures(run: Run, images: str | os.PathLike[str] | None) -> Pictures | None:
    if images is None:
        return None
    table = run.columns("regions", ["image"])
    names = [] if table is None else texts(table, "image").unique().to_pylist()
    return Pictures(images, [name for name in names if name is not None])


def _rendered(
    run: Run,
    frame: Frame | None,
    data: dict[str, Any],
    drawings: list[Any],
    strips_drawn: list[Strip],
    people: list[str],
    title: str | None,
    confidence: float,
    bounds: tuple[float, float],
) -> str:
    files = resources.files(__package__).joinpath("templates")

    def text_of(name: str) -> str:
        return files.joinpath(name).read_text(encoding="utf-8").replace("\r\n", "\n")

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(text_of),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "shown": shown,
        "number": number,
        "count": count,
        "percent": percent,
        "signed": signed_percent,
        "plural": lambda amount, one, many=None: plural(int(amount), one, many),
        "words": words,
        "step": charts.step_of,
        "value": lambda value: "" if value is None else repr(value),
        "cell": lambda value, key: number(value, DIGITS.get(key, 0)),
        "axis": lambda value: f"{value:g}",
        "area": lambda row, name: area_in_words(row[name], row["unit"]),
        "answer": _answer,
        "breaks": breaks,
    }
    style, script = text_of("style.css"), text_of("report.js")
    cells = {
        (metric["key"], *pair): cell
        for metric in data["heat_map"]["metrics"]
        for cell in metric["cells"]
        for pair in ((cell["a"], cell["b"]), (cell["b"], cell["a"]))
    }
    # Nobody was compared in a folder of tracks alone; what is not there is not missing either.
    compared = "tracks" not in run.files or any(name in run.files for name in ("pairs", "tasks", "summary", "queue"))
    filters, codes = filters_of(data["cases"])
    _, distance_name, distance_unit, distance_digits = distance_of(frame)
    plots = data["areas"]["plots"]
    span = charts.log_span(plots) if plots else (1.0, 1.0, 1.0)
    content = environment.get_template(
        "report.html"
    ).render(
        policy=_policy(style, script),
        style=Markup(style),  # noqa: S704  # our own file
        script=Markup(script),  # noqa: S704  # our own file
        data=data,
        data_json=_embedded(data),
        title=shown(title or (TITLE if compared else TRACKS_TITLE), 120),
        version=__version__,
        sections=[section for section in SECTIONS if compared or section[0] in OF_TRACKS],
        compared=compared,
        confidence=f"{100 * confidence:g}",
        bounds=bounds,
        has=lambda name: name in run.files and run.rows(name) > 0 if name != "habits" else name in run.files,
        has_table=lambda name: name in run.files,
        absent=lambda name: _absent(run, name),
        match_meaning=MATCH_MEANING,
        missed_meaning=MISSED_MEANING,
        scope_meaning=SCOPE_MEANING,
        annotator_columns=[
            (key, name)
            for key, name in ANNOTATOR_COLUMNS
            if any(row.get(key) is not None for row in data["annotators"])
        ],
        cell_of=lambda metric, a, b: cells.get((metric["key"], a, b)),
        steps=_steps(),
        distribution_names=[_metric_name(metric) for metric in data["distributions"]],
        histogram=charts.histogram,
        strip=charts.strip,
        interval=interval,
        area_charts=[
            charts.bland_altman_chart(plot, span[2], span[:2], f"Areas of {shown(plot['who'])}") for plot in plots
        ],
        week_charts=_week_charts(data["weekly"]["habits"]),
        habit_names=HABITS,
        share_step=_share_step,
        share_steps=_share_steps(),
        filters=filters,
        case_codes=codes,
        drawings=drawings,
        strips=strips_drawn,
        key=KEY,
        has_outlines=any(drawing is not None for drawing in drawings),
        no_outlines=_no_outlines(run),
        picture_remark=_picture_remark(drawings),
        distance_name=distance_name,
        distance_unit=distance_unit,
        distance_digits=distance_digits,
        sample=lambda name: charts.line_sample(people.index(name)),
    )
    return content + "\n"


def _steps() -> list[str]:
    bounds = charts.STEPS
    inner = [f"{low:g} to {high:g}" for low, high in pairwise(bounds)]
    return [f"below {bounds[0]:g}", *inner, f"from {bounds[-1]:g}"]


def _metric_name(metric: dict[str, Any]) -> str:
    return f"{metric['name']} ({metric['unit']})" if metric["unit"] else metric["name"]


def _answer(value: Any) -> str:
    """Return an answer of an annotator: whole numbers without decimals."""
    if isinstance(value, float):
        return f"{value:.0f}" if value == int(value) else f"{value:g}" if math.isfinite(value) else ""
    return shown(value, 80)


#: Lower bounds of the steps of a confusion matrix, of cells that are not empty.
SHARE_STEPS = (0.02, 0.1, 0.25, 0.5, 0.8)


def _share_steps() -> list[str]:
    inner = [f"{100 * low:g} to {100 * high:g} %" for low, high in pairwise(SHARE_STEPS)]
    return ["none", f"below {100 * SHARE_STEPS[0]:g} %", *inner, f"from {100 * SHARE_STEPS[-1]:g} %"]


def _share_step(amount: int, row: list[int]) -> str:
    """Return the class of a cell of a confusion matrix: its share of the row in steps."""
    total = sum(row)
    if not total or not amount:
        return "q0"
    share = amount / total
    return f"q{1 + sum(share >= bound for bound in SHARE_STEPS)}"


def _week_charts(habits: list[dict[str, Any]]) -> dict[str, list[Markup]]:
    drawn: dict[str, list[Markup]] = {}
    for habit in habits:
        points = [point for series in habit["series"] for point in series["points"]]
        weeks = [date.fromisoformat(point["week"]) for point in points]
        # Intervals of weeks with little in them would press the rest together.
        ends = [value for point in points for value in (point["value"], point["value"])]
        errors = sorted(point["standard_error"] for point in points if point["standard_error"] is not None)
        usual = 2.0 * errors[len(errors) // 2] if errors else 0.0
        low, high = min([0.0, *ends]) - usual, max([0.0, *ends]) + usual
        room = 0.05 * (high - low) or 1.0
        if min(ends) >= 0 and low < 0 and habit["habit"] != "area_bias":
            low = -room
        drawn[habit["habit"]] = [
            charts.weekly_chart(
                series, habit["unit"], (low - room, high + room), (min(weeks), max(weeks) + timedelta(0))
            )
            for series in habit["series"]
        ]
    return drawn


def _absent(run: Run, name: str) -> str:
    """Say that a table is missing or empty, and what makes it."""
    what = MAKES.get(name, f"the table {name}")
    if name in run.files:
        return f"{what} is empty in this run."
    return f"{what} is missing in this folder. lesiongeo agree SRC -o DIR writes it."


def _no_outlines(run: Run) -> str:
    path = run.files.get("regions")
    if path is None:
        return f"No outlines: {_absent(run, 'regions')}"
    if path.suffix == ".csv":
        return (
            "No outlines: this run was written as CSV, which has none. lesiongeo agree SRC -o DIR, without --csv, "
            "keeps them."
        )
    return "No outlines: the table regions has none, or not those of these pairs. lesiongeo agree SRC -o DIR writes it."


def _picture_remark(drawings: list[Any]) -> str | None:
    without = sum(
        drawing is not None and any(text.startswith("No picture") for text in drawing.remarks) for drawing in drawings
    )
    if not without:
        return None
    return f"{plural(without, 'case has', 'cases have')} no picture; the cards say why."


def _policy(style: str, script: str) -> str:
    """Return the Content-Security-Policy: nothing but this style, this script and pictures within the page."""

    def digest(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii") + "'"

    return (
        f"default-src 'none'; style-src {digest(style)}; script-src {digest(script)}; img-src data:; base-uri 'none'; "
        "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _embedded(data: dict[str, Any]) -> Markup:
    """Return data as JSON that no text in it can end: ASCII, and without <, > and &."""
    text = json.dumps(_plain(data), allow_nan=False, separators=(",", ":"), sort_keys=True)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  # what could end the element has been replaced


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: no NaN, no long or wild texts, points of charts left out."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items() if key not in ("x", "y")}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date | datetime):
        return value.isoformat()
    if value is None or isinstance(value, bool | int):
        return value
    return shown(value, 400)
