"""The command `lesiongeo annotators`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from .. import __version__
from ..agreement import agreement
from ..files import write_table
from ..habits import Habits, habits
from ..lock import RunLock, lock_beside
from ..specs import specs_of
from ..summary import TABLE_WIDTH, print_reading, printable, reading_json
from .common import Json, Quiet, Sources, Threads, UsageError, errors, local, print_json, progress_bars
from .privacy import Privacy
from .reading import Reading

__all__ = ["EPILOG", "annotators"]

EPILOG = (
    "Nobody named is the usual case, and no failure. Exit code 0: done, 2: wrong usage, 3: a file could not be read "
    "or written. What is compared with what: docs/habits.md."
)

#: Columns of the table on the screen: the habit, its heading, and how its numbers are shown.
SHOWN = (
    ("area_bias", "area %", "{:+.1f}", 1.0),
    ("missed", "missed %", "{:.0f}", 100.0),
    ("missed_small", "of small", "{:.0f}", 100.0),
    ("extra", "extra %", "{:.0f}", 100.0),
    ("vertex_density", "vertices", "{:.2f} x", 1.0),
    ("lead_time", "time", "{:.2f} x", 1.0),
)
#: Similar regions per named habit that the screen lists.
MOST_LISTED = 5
#: Tables as `lesiongeo agree` calls them.
FILES = {"named": "habits", "weekly": "trends", "overall": "habits_overall", "similar": "similar"}


def annotators(
    sources: Sources,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="FILE|DIR",
            help="FILE.csv or FILE.parquet for the named habits; any other path is a folder for all tables.",
        ),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="In a folder, write CSV instead of Parquet.")] = False,
    gate: Annotated[float, typer.Option(min=0, max=1, help="Smallest IoU of a match within a label.")] = 0.1,
    conflict_gate: Annotated[float, typer.Option(min=0, max=1, help="Smallest IoU of a match across labels.")] = 0.5,
    min_area_percent: Annotated[float, typer.Option(help="Smallest bias of areas that is named, in percent.")] = 5.0,
    min_rate: Annotated[
        float, typer.Option(help="Smallest rate above that of the others that is named: missed, extra, confused.")
    ] = 0.1,
    min_density_factor: Annotated[float, typer.Option(help="Smallest factor of vertices per border.")] = 1.5,
    min_lead_time_factor: Annotated[float, typer.Option(help="Smallest factor of the time for a task.")] = 2.0,
    error_rate: Annotated[float, typer.Option(help="Chance that anybody is named who has no habit.")] = 0.01,
    min_weeks: Annotated[int, typer.Option(min=1, help="Fewest weeks with data between two changes.")] = 2,
    majority_sample: Annotated[
        int, typer.Option(min=0, help="Regions per annotator that are compared with the majority's outline.")
    ] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Chooses that sample.")] = 0,
    *,
    reading: Reading,
    privacy: Privacy,
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Name annotators with a habit: what they do differently from the others, since when, and how large it is.

    Reads Label Studio's JSON exports SRC, or Parquet of `lesiongeo convert`. Compares areas, missed and extra lesions,
    confused labels and answers, vertices and times, week by week; chance differences and small ones name nobody.
    """
    options: dict[str, Any] = {
        "min_area_percent": min_area_percent,
        "min_rate": min_rate,
        "min_density_factor": min_density_factor,
        "min_lead_time_factor": min_lead_time_factor,
        "error_rate": error_rate,
        "min_weeks": min_weeks,
        "majority_sample": majority_sample,
        "seed": seed,
    }
    with errors(), RunLock("annotators", sources, reading.files()) as lock:
        if out is not None:
            local(out)
            if csv and out.suffix == ".parquet":
                raise UsageError(f"{out.name} and --csv do not go together; give a name that ends in .csv")
        with progress_bars(quiet or as_json) as stage:
            export = privacy.of(reading.read(lock.found, threads=threads, progress=stage("reading")))
            result = agreement(
                export, gate=gate, conflict_gate=conflict_gate, threads=threads, progress=stage("comparing")
            )
            found = habits(export, result, **options, threads=threads)
        specs = specs_of([found.named, found.overall])
        written: list[str] = []
        if out is not None:
            written = _write(found, out, "csv" if csv else "parquet")
            paths = [out / name for name in written] if out.is_dir() else [out]
            described = {
                **reading.described(),
                **privacy.described(),
                **options,
                "gate": gate,
                "conflict_gate": conflict_gate,
            }
            named = not privacy.active
            lock.write(lock_beside(out), options=described, seed=seed, specs=specs, outputs=paths, named=named)
    content = {
        "lesiongeo": __version__,
        "options": {**options, "gate": gate, "conflict_gate": conflict_gate},
        "read": reading_json(export),
        "specs": specs,
        "named": found.named.to_pylist(),
        "overall": found.overall.to_pylist(),
        "similar": found.similar.to_pylist(),
        "tests": found.tests,
        "no_agreement_because": result.reason,
    }
    print_json(content, as_json)
    console = Console(quiet=quiet or as_json, highlight=False, emoji=False)
    print_reading(console, export)
    privacy.print(console)
    if result.reason is not None:
        console.print(f"[yellow]No comparison:[/] {escape(result.reason)}")
    else:
        _print(console, found, error_rate)
    if out is not None:
        console.print(f"\nWritten to [bold]{escape(printable(str(out)))}[/]: {', '.join(written)}")


def _write(found: Habits, out: Path, ending: str) -> list[str]:
    """Write the named habits to a file, or all tables to a folder; return what was written."""
    if out.suffix in (".csv", ".parquet"):
        out.parent.mkdir(parents=True, exist_ok=True)
        write_table(found.named, out)
        return [f"{found.named.num_rows} named habits"]
    out.mkdir(parents=True, exist_ok=True)
    for table, name in FILES.items():
        write_table(getattr(found, table), out / f"{name}.{ending}")
    return [f"{name}.{ending}" for name in FILES.values()]


def _print(console: Console, found: Habits, error_rate: float) -> None:
    """Print who was named first, then everybody."""
    rows = found.named.to_pylist()
    console.print()
    if rows:
        similar = pc.value_counts(found.similar["named"]).to_pylist()
        alike = {entry["values"]: entry["counts"] for entry in similar}
        console.print("[bold]Named[/]")
        for number, row in enumerate(rows):
            console.print(Text(f"  {printable(row['message'])}"), soft_wrap=True)
            places = "places" if row["habit"].startswith("missed") else "of the annotator's regions"
            places = "annotations" if row["habit"] == "lead_time" else places
            listed = ", ".join(_place(one) for one in _similar(found, number, MOST_LISTED))
            count = alike.get(number, 0)
            more = f", and {count - MOST_LISTED} more: -o DIR or --json" if count > MOST_LISTED else ""
            text = f"    {count} {places} look the same, in all weeks" + (f": {listed}{more}" if count else "")
            console.print(Text(printable(text), style="dim"), soft_wrap=True)
    else:
        console.print("[bold]Nobody is named:[/] no difference is both sure and large enough to be called a habit.")
    for row in found.overall.filter(pc.is_valid(found.overall["message"])).to_pylist():
        console.print(Text(f"  {printable(row['message'])}"), soft_wrap=True)
    console.print()
    wide = Console(
        file=console.file, width=max(console.width, TABLE_WIDTH), quiet=console.quiet, highlight=False, emoji=False
    )
    wide.print(_table(found.overall))
    if "two_annotators" in found.overall["reason"].unique().to_pylist():
        console.print("Of two annotators each is compared with the other; whose habit it is stays open.", style="dim")
    console.print(
        "area: against the annotators in the middle\n"
        "majority: against the outline of most of the others\n"
        "in brackets: the others; vertices: per length of border; bold: named\n"
        f"{found.tests} tests; chance of naming anybody wrongly: {100 * error_rate:g} %\n"
        "-o DIR writes all tables, --json prints all reasons",
        style="dim",
    )


def _similar(found: Habits, number: int, most: int | None = None) -> list[dict[str, Any]]:
    """Return the regions or places that look like a named habit, the first ones."""
    rows: list[dict[str, Any]] = (
        found.similar.filter(pc.equal(found.similar["named"], number)).slice(0, most).to_pylist()
    )
    return rows


def _place(row: dict[str, Any]) -> str:
    page = "" if row["page"] is None else f" page {row['page']}"
    what = row["region_id"] or ("" if row["lesion"] is None else f"lesion {row['lesion']}")
    return f"task {row['task_id']}{page} {what}".rstrip()


def _table(overall: pa.Table) -> Table:
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for row in overall.to_pylist():
        if row["habit"] in {habit for habit, *_ in SHOWN}:
            rows.setdefault(row["annotator"], {})[row["habit"]] = row
    table = Table(title="Annotators", title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    table.add_column("annotator", overflow="fold")
    table.add_column("n", justify="right")
    headings = [heading for _, heading, _, _ in SHOWN]
    for heading in [headings[0], "majority %", *headings[1:]]:
        table.add_column(heading, justify="right", no_wrap=True)
    for who, own in rows.items():
        cells = [_cell(own.get(habit), habit, shape, scale) for habit, _, shape, scale in SHOWN]
        area = own.get("area_bias", {})
        count, percent = area.get("n"), area.get("majority_percent")
        cells.insert(1, Text("-" if percent is None else f"{percent:+.1f}"))
        table.add_row(Text(printable(who)), "-" if count is None else str(count), *cells)
    return table


def _cell(row: dict[str, Any] | None, habit: str, shape: str, scale: float) -> Text:
    """Format a value, of a rate with that of the others, of a quantity with its interval."""
    if row is None or row["value"] is None or row["reason"] == "nobody_else":
        return Text("-")
    text = shape.format(scale * row["value"])
    if habit in ("missed", "missed_small", "extra"):
        text += f" ({shape.format(scale * row['reference'])})"
    return Text(text, style="bold" if row["named"] else "")
