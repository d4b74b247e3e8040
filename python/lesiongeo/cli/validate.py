"""The command `lesiongeo validate`."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
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
from ..checks.view import SEVERITIES
from ..files import write_table
from ..findings import findings
from ..read import Export
from ..summary import TABLE_WIDTH, print_reading, printable, reading_json
from .common import EXIT_FINDINGS, EXIT_UNREADABLE, Quiet, Sources, Threads, UsageError, errors, local, progress_bars
from .privacy import Privacy
from .reading import Reading

__all__ = ["EPILOG", "validate"]

EPILOG = (
    "Exit code 0: clean, 1: findings (--fail-on says of which severity), 2: wrong usage, 3: nothing could be read, "
    "or a file not written. What every code means and how to mend it: docs/validate.md."
)

#: Rows of findings that are made into Python objects at a time.
BATCH = 65_536
#: Characters of one cell on the screen.
LONGEST, LONGEST_MESSAGE = 48, 400
COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
LEFT = ("annotator", "region", "label", "what was found", "what it means")


class FailOn(StrEnum):
    """From which severity on findings lead to exit code 1."""

    error = "error"
    warning = "warning"
    info = "info"
    never = "never"


def validate(
    sources: Sources,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help="All findings as FILE.csv or FILE.parquet."),
    ] = None,
    ontology: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The labels that are allowed: one per line, a JSON list (.json), or the first column (.csv).",
        ),
    ] = None,
    tiny_px2: Annotated[
        float, typer.Option(min=0, metavar="AREA", help="Smaller regions are tiny, in square pixels; 0: none is.")
    ] = 25.0,
    duplicate_iou: Annotated[
        float, typer.Option(min=0, max=1, help="Two regions alike are duplicates above this IoU.")
    ] = 0.9,
    fail_on: Annotated[
        FailOn, typer.Option(help="Least severity that leads to exit code 1; never: always exit code 0.")
    ] = FailOn.warning,
    limit: Annotated[int, typer.Option(min=0, help="Rows on the screen per code; 0: only how many there are.")] = 5,
    *,
    reading: Reading,
    privacy: Privacy,
    threads: Threads = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all findings as JSON, for pipelines.")] = False,
    quiet: Quiet = False,
) -> None:
    """List what is wrong, missing or odd, with task, page, annotation and region, and what to do about it.

    Reads Label Studio's JSON exports SRC, or Parquet of `lesiongeo convert`. What cannot be read is a finding
    and the rest is checked (--on-error skip).
    """
    with errors():
        if out is not None:
            local(out)
        if out is not None and out.suffix not in (".parquet", ".csv"):
            raise UsageError(f"{out.name} should end in .parquet or .csv")
        with progress_bars(quiet or as_json) as stage:
            export = reading.read(sources, lists_problems=True, threads=threads, progress=stage("reading"))
            export = privacy.of(export)
            table = findings(
                export,
                config=reading.given.get("config"),
                ontology=ontology,
                duplicate_iou=duplicate_iou,
                tiny_px2=tiny_px2,
                threads=threads,
            )
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            write_table(table, out)
        codes = _codes(table)
        if as_json:
            options = {"duplicate_iou": duplicate_iou, "tiny_px2": tiny_px2, "fail_on": fail_on.value}
            _print_json(export, table, codes, options)
        else:
            console = Console(quiet=quiet, highlight=False, emoji=False)
            privacy.print(console)
            _print(console, export, table, codes, limit, out)
    code = _exit_code(export, codes, fail_on)
    if code:
        raise typer.Exit(code)


def _exit_code(export: Export, codes: list[dict[str, Any]], fail_on: FailOn) -> int:
    if export.tasks.num_rows == 0 and pc.any(export.problems["dropped"]).as_py():
        return EXIT_UNREADABLE
    if fail_on is FailOn.never:
        return 0
    failing = SEVERITIES[: SEVERITIES.index(fail_on.value) + 1]
    return EXIT_FINDINGS if any(row["severity"] in failing for row in codes) else 0


def _codes(table: pa.Table) -> list[dict[str, Any]]:
    """How many findings there are of each severity and code, in how many tasks; the worst first."""
    groups = table.group_by(["severity", "code"], use_threads=False).aggregate(
        [([], "count_all"), ("task_id", "count_distinct"), ("message", "min"), ("message", "max")]
    )
    rows = [
        {
            "severity": row["severity"],
            "code": row["code"],
            "count": row["count_all"],
            "tasks": row["task_id_count_distinct"],
            # Null where findings of one code say different things.
            "message": row["message_min"] if row["message_min"] == row["message_max"] else None,
        }
        for row in groups.to_pylist()
    ]
    return sorted(rows, key=lambda row: (SEVERITIES.index(row["severity"]), row["code"]))


def _print_json(export: Export, table: pa.Table, codes: list[dict[str, Any]], options: dict[str, Any]) -> None:
    """Print one object; the findings, which may be a million, one per line."""
    totals = {name: sum(row["count"] for row in codes if row["severity"] == name) for name in SEVERITIES}
    head = {
        "codes": codes,
        "lesiongeo": __version__,
        "options": options,
        "read": reading_json(export),
        "severities": totals,
    }
    text = json.dumps(head, indent=2, sort_keys=True, allow_nan=False)
    sys.stdout.write(text.removesuffix("\n}") + ',\n  "findings": [')
    separator = "\n    "
    for batch in table.to_batches(max_chunksize=BATCH):
        for row in batch.to_pylist():
            sys.stdout.write(separator + json.dumps(row, allow_nan=False))
            separator = ",\n    "
    sys.stdout.write("\n  ]\n}\n" if table.num_rows else "]\n}\n")


def _print(
    console: Console, export: Export, table: pa.Table, codes: list[dict[str, Any]], limit: int, out: Path | None
) -> None:
    print_reading(console, export, problems=False)
    if not codes:
        console.print("[green]Nothing to look at.[/]")
    # On a narrow terminal lines of a table may run over, but no id may be lost.
    wide = Console(
        file=console.file, width=max(console.width, TABLE_WIDTH), quiet=console.quiet, highlight=False, emoji=False
    )
    totals = [
        f"[{COLOURS[name]}]{sum(row['count'] for row in codes if row['severity'] == name)} {name}[/]"
        for name in SEVERITIES
    ]
    if codes:
        console.print("Findings: " + ", ".join(totals))
    for row in codes:
        console.print(
            f"\n[bold {COLOURS[row['severity']]}]{row['severity']}[/] [bold]{escape(printable(row['code']))}[/] "
            f"({row['count']})" + (f": {escape(printable(row['message']))}" if row["message"] else "")
        )
        if limit:
            own = pc.and_(pc.equal(table["code"], row["code"]), pc.equal(table["severity"], row["severity"]))
            wide.print(_rows(table.filter(own).slice(0, limit), messages=row["message"] is None))
        if limit and row["count"] > limit:
            console.print(f"  ... and {row['count'] - limit} more", style="dim")
    if any(row["count"] > limit for row in codes) and out is None:
        console.print("\nAll of them: --out FILE.csv, --json, or a larger --limit", style="dim")
    if out is not None:
        console.print(f"\nWritten to [bold]{escape(printable(str(out)))}[/]: {table.num_rows} findings")


def _rows(found: pa.Table, *, messages: bool) -> Table:
    """Make a table of some findings of one code; columns without any value are left out."""
    columns = {
        "task": "task_id",
        "page": "page",
        "annotation": "annotation_id",
        "annotator": "annotator",
        "region": "region_id",
        "label": "label",
        "what was found": "value",
    }
    if messages:
        columns["what it means"] = "message"
    shown = {title: found[name].to_pylist() for title, name in columns.items() if found[name].null_count < len(found)}
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("  ")
    for title in shown:
        table.add_column(title, justify="left" if title in LEFT else "right", no_wrap=title != "what it means")
    for values in zip(*shown.values(), strict=True):
        most = (LONGEST_MESSAGE if title == "what it means" else LONGEST for title in shown)
        table.add_row("", *(Text(_cut(value, length)) for value, length in zip(values, most, strict=True)))
    return table


def _cut(value: Any, most: int) -> str:
    """One value on one line, not longer than a cell."""
    text = "-" if value is None else printable(str(value))
    return text if len(text) <= most else f"{text[: most - 3]}..."
