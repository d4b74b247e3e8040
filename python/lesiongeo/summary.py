"""The readable end of a run: tables on the terminal, and the small summary.json."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from . import __version__
from .agreement import Agreement
from .read import Export
from .runs import Run
from .tracks import Tracks

__all__ = [
    "measures_json",
    "print_agreement",
    "print_reading",
    "print_run",
    "print_tracks",
    "printable",
    "reading_json",
    "summary_json",
    "tracks_json",
]

WORST = 10
TABLE_WIDTH = 160


def summary_json(
    export: Export, result: Agreement, run: Run, *, options: dict[str, Any], specs: list[str]
) -> dict[str, Any]:
    """Collect what a pipeline wants to compare between runs: counts and distributions, no timestamps, no paths."""
    rows = result.summary.to_pylist()
    return {
        "lesiongeo": __version__,
        "options": options,
        "specs": specs,
        "read": reading_json(export),
        "agreement": {key: value for key, value in rows[0].items() if not key.startswith("annotator")}
        if rows
        else None,
        "annotator_pairs": rows[1:],
        "annotators": result.annotators.to_pylist(),
        "statistics": [
            {key: value for key, value in row.items() if key not in ("by", "key", "annotator_a", "annotator_b")}
            for row in _where(run.tables["statistics"], by="all").to_pylist()
        ],
        "reliability": [
            {key: value for key, value in row.items() if key not in ("annotator_a", "annotator_b")}
            for row in run.tables["reliability"].to_pylist()
            if row["annotator_a"] is None
        ],
        "habits": [_dated(row) for row in run.tables["habits"].to_pylist()],
        "queue": run.queue,
        "no_agreement_because": result.reason,
    }


def _where(table: pa.Table, **values: str) -> pa.Table:
    for name, value in values.items():
        table = table.filter(pc.equal(table[name], value))
    return table


def _dated(row: dict[str, Any]) -> dict[str, Any]:
    """Dates as text, which JSON can say."""
    return {key: value.isoformat() if hasattr(value, "isoformat") else value for key, value in row.items()}


def reading_json(export: Export) -> dict[str, Any]:
    """Count what was read, and what was odd about it by its code."""
    annotations = export.annotations
    own = pc.equal(annotations["source"], "annotation")
    return {
        "tasks": export.tasks.num_rows,
        "annotations": _true(own),
        "cancelled": _true(pc.and_(own, annotations["cancelled"])),
        "predictions": _true(pc.equal(annotations["source"], "prediction")),
        "drafts": _true(pc.equal(annotations["source"], "draft")),
        "regions": len(export.regions),
        "regions_invalid": len(export.regions) - _true(export.regions.table["valid"]),
        "regions_dropped": _true(export.problems["dropped"]),
        "problems": _counts(export.problems["code"]),
    }


def measures_json(export: Export, table: pa.Table) -> dict[str, Any]:
    """Collect areas per label: of every region, whoever drew it; of areas in mm2 only where the spacing is known."""
    areas = [name for name in ("area_px2", "area_mm2") if name in table.column_names]
    labels = table["label"].combine_chunks().dictionary_encode()
    code = pc.fill_null(labels.indices, -1).to_numpy(zero_copy_only=False)
    order = np.argsort(code, kind="stable")
    known = [None, *labels.dictionary.to_pylist()]
    bounds = np.searchsorted(code[order], np.arange(-1, len(known)))
    rows = []
    for label, start, stop in zip(known, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        if start < stop:
            chosen = table.select(areas).take(pa.array(order[start:stop]))
            sizes = {name: _spread(chosen[name].drop_null().to_numpy()) for name in areas}
            rows.append({"label": label, "n": stop - start, **sizes})
    rows.sort(key=lambda row: (row["label"] is not None, row["label"] or ""))
    return {"lesiongeo": __version__, "read": reading_json(export), "labels": rows}


def _spread(values: NDArray[np.float64]) -> dict[str, Any] | None:
    if not len(values):
        return None
    low, middle, high = np.percentile(values, (0, 50, 100)).tolist()
    return {"n": len(values), "min": low, "median": middle, "max": high}


def print_reading(console: Console, export: Export, *, problems: bool = True) -> None:
    """Say what was read and, unless somebody else does, what was odd about it."""
    annotations = export.annotations
    own = pc.equal(annotations["source"], "annotation")
    cancelled = _true(pc.and_(own, annotations["cancelled"]))
    console.print(
        f"Read [bold]{export.tasks.num_rows}[/] tasks, [bold]{_true(own)}[/] annotations ({cancelled} skipped), "
        f"[bold]{len(export.regions)}[/] regions"
    )
    counts = _counts(export.problems["code"])
    if counts and problems:
        listed = ", ".join(f"{code} {count}" for code, count in counts.items())
        dropped = _true(export.problems["dropped"])
        lost = f"; something was lost to {dropped} of them" if dropped else ""
        console.print(f"[yellow]Problems[/]: {listed}{lost}")
        console.print("  [dim]`lesiongeo validate` with the same arguments says where, and what to do[/]")


def print_agreement(console: Console, result: Agreement) -> None:
    """Print pairs of annotators, distributions and the worst cases."""
    if result.reason is not None:
        console.print(f"[yellow]No agreement:[/] {escape(result.reason)}")
        return
    # On a narrow terminal lines of a table may run over, but no column and no id may be lost.
    wide = Console(
        file=console.file, width=max(console.width, TABLE_WIDTH), quiet=console.quiet, highlight=False, emoji=False
    )
    rows = result.summary.to_pylist()
    headers = ["annotators", "pages", "match", "confl", "near", "only a", "only b", "score", "IoU", "IoU p5", "HD px"]
    table = _table("Annotator pairs", headers, left=("annotators",))
    for row in [*rows[1:], rows[0]]:
        names = Text("all") if row["annotator_a"] is None else _sides(row, "annotator")
        counts = ("n_pages", "n_matched", "n_label_conflict", "n_near_miss", "n_missing_a", "n_missing_b")
        means = ("score_mean", "iou_median", "iou_p5")
        cells = [str(row[key]) for key in counts] + [_number(row[key]) for key in means]
        table.add_row(names, *cells, _number(row["hausdorff_px_median"], 1), style=_bold(row))
    wide.print(table)
    console.print(
        "score: mean IoU over matched and unmatched regions, of pages on which somebody drew\n"
        "confl: matched, but labels differ; near: overlaps too little to match; only: no partner\n"
        "IoU, HD px: medians of matched regions; HD: Hausdorff distance of the borders\n",
        style="dim",
    )
    _print_distribution(console, result)
    _print_worst(wide, result.pairs)


def print_run(console: Console, run: Run) -> None:
    """Print who has a habit, how reliable the answers are, and what a senior should see first."""
    named = run.tables["habits"].to_pylist()
    console.print(f"\n[bold]Habits[/] ({len(named)} named; `lesiongeo annotators` has the rest)")
    for row in named[:WORST]:
        console.print(f"  {escape(printable(row['message']))}", soft_wrap=True)
    _print_reliability(console, run.tables["reliability"])
    counts = run.queue
    console.print(
        f"\n[bold]Queue[/]: {counts['pages_queued']} of {counts['pages_compared']} compared pages are flagged"
        + "".join(f", {count} {escape(printable(reason))}" for reason, count in counts["reasons"].items())
    )
    if counts["tasks_single_annotator"]:
        console.print(f"  {counts['tasks_single_annotator']} tasks have a single annotator and cannot be compared")


#: What the terminal shows of the table `reliability`, which has more.
SHOWN = ("raw_agreement", "krippendorff_alpha_nominal", "gwet_ac1", "fleiss_kappa", "icc_2_1")


def _print_reliability(console: Console, reliability: pa.Table) -> None:
    rows = [
        row
        for row in reliability.to_pylist()
        if row["annotator_a"] is None and row["statistic"] in SHOWN and row["missed"] in (None, "left_out")
    ]
    if not rows:
        return
    table = _table(
        "Answers on the same lesion, page or task",
        ["answer", "statistic", "value", "95 %", "n", ""],
        left=("answer", "statistic", ""),
    )
    for row in rows:
        interval = "-" if row["low"] is None else f"{row['low']:.3f} to {row['high']:.3f}"
        table.add_row(
            printable(row["control"]),
            row["statistic"].replace("_", " "),
            _number(row["value"]),
            interval,
            str(row["n_units"]),
            (row["reason"] or "").replace("_", " "),
        )
    console.print(table)


def _print_distribution(console: Console, result: Agreement) -> None:
    """Print a histogram of page scores in tenths."""
    drawn = result.tasks.filter(pc.and_(pc.is_valid(result.tasks["score"]), pc.is_null(result.tasks["reason"])))
    scores = drawn["score"].to_numpy()
    if not len(scores):
        console.print("Nobody drew anything on any page: all pages score 1.")
        return
    bins = [0] * 10
    for score in scores.tolist():
        bins[min(int(score * 10), 9)] += 1
    widest = max(bins)
    console.print("\n[bold]Page scores[/]")
    for tenth, count in enumerate(bins):
        bar = "█" * math.ceil(30 * count / widest)
        console.print(f"  {tenth / 10:.1f} to {(tenth + 1) / 10:.1f}  {bar:<30} {count}")
    console.print()


def _print_worst(console: Console, pairs: pa.Table) -> None:
    headers = ["task", "page", "annotators", "match", "IoU", "HD px", "area px²", "regions and labels"]
    table = _table(
        f"The {WORST} worst cases, larger regions first", headers, left=("annotators", "match", "regions and labels")
    )
    for row in pairs.slice(0, WORST).to_pylist():
        area = max(value for value in (row["area_a_px2"], row["area_b_px2"]) if value is not None)
        table.add_row(
            str(row["task_id"]),
            str(row["page"]),
            _sides(row, "annotator"),
            row["match"].replace("_", " "),
            _number(row["iou"]),
            _number(row["hausdorff_px"], 1),
            _number(area, 0),
            Text("\n").join([_sides(row, "region"), _sides(row, "label")]),
        )
    console.print(table)


def _table(title: str, headers: list[str], *, left: tuple[str, ...]) -> Table:
    """Make a table that folds long cells instead of cutting them: ids must stay whole."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
    for name in headers:
        table.add_column(name, justify="left" if name in left else "right", overflow="fold", no_wrap=name not in left)
    return table


def printable(text: str) -> str:
    """Text from outside on one line, without control characters."""
    return "".join(character if character.isprintable() else " " for character in text)


def _sides(row: dict[str, Any], name: str) -> Text:
    """Both sides of a column; no markup, whatever the text holds."""
    values = (row[f"{name}_{side}"] for side in "ab")
    return Text(" / ".join("-" if value is None else printable(str(value)) for value in values))


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def _bold(row: dict[str, Any]) -> str:
    return "bold" if row["annotator_a"] is None else ""


def _true(column: pa.ChunkedArray) -> int:
    return int(pc.sum(column).as_py() or 0)


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    """How often each text occurs, in alphabetical order."""
    found = sorted(pc.value_counts(column).to_pylist(), key=lambda entry: str(entry["values"]))
    return {entry["values"]: entry["counts"] for entry in found}


def tracks_json(found: Tracks) -> dict[str, Any]:
    """Count tracks, rows by status, conflicts and findings."""
    return {
        "tracks": found.index.num_rows,
        "rows": found.table.num_rows,
        "calibrated_rows": _true(found.table["calibrated"]),
        "statuses": _counts(pc.fill_null(found.table["geo_status"], "unknown")),
        "conflicts": _counts(found.conflicts["kind"]),
        "findings": _counts(found.findings["code"]),
        "proposals": found.proposals.num_rows,
    }


def print_tracks(console: Console, found: Tracks, *, worst: int = 0) -> None:
    """Print what became of lesions over visits, and the worst contradictions."""
    counts = tracks_json(found)
    console.print(f"[bold]{counts['tracks']}[/] tracks, [bold]{counts['rows']}[/] rows of lesion and visit")
    for name in ("statuses", "conflicts", "findings"):
        if counts[name]:
            listed = ", ".join(f"{code} {count}" for code, count in counts[name].items())
            console.print(f"  {name}: {escape(listed)}")
    if counts["rows"] and not counts["calibrated_rows"]:
        console.print("  [yellow]no scale is known[/]: pixels, and changes only between pages of one size")
    console.print(f"  noise: {_noise_line(found.noise)}")
    if not worst or not found.conflicts.num_rows:
        return
    table = Table(title="Worst conflicts", title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
    for name in ("patient", "track", "what"):
        table.add_column(name, overflow="fold")
    for row in found.conflicts.slice(0, worst).to_pylist():
        patient = row["patient"] if row["patient"] is not None else f"task {row['task_id']}"
        table.add_row(*(Text(printable(str(text))) for text in (patient, row["track_id"], row["message"])))
    console.print(table)


def _noise_line(noise: pa.Table) -> str:
    """Say in one line which changes are noise."""
    rows = noise.to_pylist()
    within = next((row for row in rows if row["component"] == "within"), None)
    if within is not None and within["mdc95_percent"] is not None:
        return (
            f"changes of area up to {within['mdc95_percent']:.0f} % between two outlines of one person "
            f"({within['n_lesions']} lesions)"
        )
    given = next((row for row in rows if row["component"] in ("given", "fallback")), None)
    if given is None or given["mdc95_percent"] is None:
        return "nothing is known"
    why = "as given" if given["component"] == "given" else "assumed: too few lesions were drawn by several people"
    return f"changes of area up to {given['mdc95_percent']:g} %, {why}"
