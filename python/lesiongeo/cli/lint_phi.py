"""The command `lesiongeo lint-phi`."""

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
from ..privacy.kinds import KINDS
from ..privacy.lint import lint_phi
from ..read.sources import find
from ..summary import TABLE_WIDTH, printable
from .common import EXIT_FINDINGS, Quiet, Sources, UsageError, errors, local, progress_bars

__all__ = ["EPILOG", "lint_phi_command"]

EPILOG = (
    "Exit code 0: clean, 1: findings (--fail-on says of which severity), 2: wrong usage, 3: a file is no JSON, is "
    "missing, or could not be written. Every kind, and what is not found: docs/privacy.md."
)
#: Rows of findings that are made into Python objects at a time.
BATCH = 65_536
COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
COLUMNS = {
    "file": "file",
    "task": "task_id",
    "page": "page",
    "annotation": "annotation_id",
    "region": "region_id",
    "field": "field",
    "what it looks like": "excerpt",
}


class FailOn(StrEnum):
    """From which severity on findings lead to exit code 1."""

    error = "error"
    warning = "warning"
    info = "info"
    never = "never"


def lint_phi_command(
    sources: Sources,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help="All findings as FILE.csv or FILE.parquet."),
    ] = None,
    phone_region: Annotated[
        list[str] | None,
        typer.Option(
            "--phone-region",
            metavar="CODE",
            help="Also find phone numbers as they are written in this country, such as GB; may be given several "
            "times. Needs the extra phi.",
            show_default=False,
        ),
    ] = None,
    fail_on: Annotated[
        FailOn, typer.Option(help="Least severity that leads to exit code 1; never: always exit code 0.")
    ] = FailOn.warning,
    limit: Annotated[int, typer.Option(min=0, help="Rows on the screen per kind; 0: only how many there are.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print all findings as JSON, for pipelines.")] = False,
    quiet: Quiet = False,
) -> None:
    """Find what identifies people: dates, e-mail addresses, phone numbers, names, signed addresses, identifiers.

    Looks at Label Studio's JSON exports SRC as they are written: data fields, notes, answers, names of images. Of
    Parquet of `lesiongeo convert` it looks at the tables. What is found is never printed, only what it looks like.
    """
    with errors():
        if out is not None and local(out).suffix not in (".parquet", ".csv"):
            raise UsageError(f"{printable(out.name)} should end in .parquet or .csv")
        with progress_bars(quiet or as_json) as stage:
            table = lint_phi(find(sources), phone_regions=phone_region or (), progress=stage("looking"))
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            write_table(table, out)
        kinds = _kinds(table)
        if as_json:
            _print_json(table, kinds, {"fail_on": fail_on.value, "phone_region": sorted(phone_region or [])})
        else:
            _print(Console(quiet=quiet, highlight=False, emoji=False), table, kinds, limit, out)
    if fail_on is not FailOn.never:
        failing = SEVERITIES[: SEVERITIES.index(fail_on.value) + 1]
        if any(row["severity"] in failing for row in kinds):
            raise typer.Exit(EXIT_FINDINGS)


def _kinds(table: pa.Table) -> list[dict[str, Any]]:
    """How many findings there are of each kind, in how many tasks; the worst first."""
    groups = table.group_by(["severity", "kind"], use_threads=False).aggregate(
        [([], "count_all"), ("task_id", "count_distinct")]
    )
    rows = [
        {
            "severity": row["severity"],
            "kind": row["kind"],
            "safe_harbor": KINDS[row["kind"]].safe_harbor,
            "count": row["count_all"],
            "tasks": row["task_id_count_distinct"],
            "message": KINDS[row["kind"]].message,
        }
        for row in groups.to_pylist()
    ]
    return sorted(rows, key=lambda row: (SEVERITIES.index(row["severity"]), row["kind"]))


def _print_json(table: pa.Table, kinds: list[dict[str, Any]], options: dict[str, Any]) -> None:
    """Print one object; the findings, which may be a million, one per line."""
    head = {
        "kinds": kinds,
        "lesiongeo": __version__,
        "options": options,
        "severities": {name: sum(row["count"] for row in kinds if row["severity"] == name) for name in SEVERITIES},
    }
    text = json.dumps(head, indent=2, sort_keys=True, allow_nan=False)
    sys.stdout.write(text.removesuffix("\n}") + ',\n  "findings": [')
    separator = "\n    "
    for batch in table.to_batches(max_chunksize=BATCH):
        for row in batch.to_pylist():
            sys.stdout.write(separator + json.dumps(row, allow_nan=False))
            separator = ",\n    "
    sys.stdout.write("\n  ]\n}\n" if table.num_rows else "]\n}\n")


def _print(console: Console, table: pa.Table, kinds: list[dict[str, Any]], limit: int, out: Path | None) -> None:
    if not kinds:
        console.print("[green]Nothing was found.[/] Names without a title, and pictures, are not looked for.")
    # On a narrow terminal lines of a table may run over, but no id may be lost.
    wide = Console(
        file=console.file, width=max(console.width, TABLE_WIDTH), quiet=console.quiet, highlight=False, emoji=False
    )
    for row in kinds:
        letter = f", Safe Harbor ({row['safe_harbor']})" if row["safe_harbor"] else ""
        places = f" in {row['tasks']} tasks" if row["tasks"] else ""
        console.print(
            f"\n[bold {COLOURS[row['severity']]}]{row['severity']}[/] [bold]{row['kind']}[/] "
            f"({row['count']}{places}{letter}): {escape(row['message'])}"
        )
        if limit:
            wide.print(_rows(table.filter(pc.equal(table["kind"], row["kind"])).slice(0, limit)))
        if limit and row["count"] > limit:
            console.print(f"  ... and {row['count'] - limit} more", style="dim")
    if out is not None:
        console.print(f"\nWritten to [bold]{escape(printable(str(out)))}[/]: {table.num_rows} findings")
    elif any(row["count"] > limit for row in kinds):
        console.print("\nAll of them: --out FILE.csv, --json, or a larger --limit", style="dim")


def _rows(found: pa.Table) -> Table:
    """Make a table of some findings of one kind; columns without any value are left out."""
    shown = {title: found[name].to_pylist() for title, name in COLUMNS.items() if found[name].null_count < len(found)}
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("  ")
    for title in shown:
        table.add_column(title, justify="right" if title in ("task", "page", "annotation") else "left", overflow="fold")
    for values in zip(*shown.values(), strict=True):
        table.add_row("", *(Text("-" if value is None else printable(str(value))) for value in values))
    return table
