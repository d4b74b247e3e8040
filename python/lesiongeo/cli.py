"""The command `lesiongeo`: the same as the functions, for the terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from . import __version__
from .agreement import agreement
from .errors import LesiongeoError
from .files import write_json, write_table
from .measure import measure, with_measures
from .read import read_label_studio
from .read.problems import superseded_problems
from .summary import print_agreement, print_reading, printable, summary_json

__all__ = ["app", "main"]

EXIT_USAGE, EXIT_UNREADABLE = 2, 3

app = typer.Typer(
    name="lesiongeo",
    help="Measure lesion outlines and compare the people who drew them. Works offline; reads Label Studio's JSON.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Sources = Annotated[
    list[Path],
    typer.Argument(metavar="SRC...", help="Exports: in Label Studio choose Export, JSON.", show_default=False),
]
Spacing = Annotated[
    list[float] | None,
    typer.Option(
        "--spacing-mm",
        metavar="MM",
        help="Millimetres per pixel; give it twice for x and y. Without it nothing is said in mm.",
        show_default=False,
    ),
]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Threads.", show_default="all processors")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Json = Annotated[bool, typer.Option("--json", help="Print the summary as JSON, for pipelines.")]
Csv = Annotated[bool, typer.Option("--csv", help="Write CSV instead of Parquet.")]


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command(
    epilog="Writes regions, pairs, tasks, annotators, summary and problems as Parquet (or CSV), and summary.json. "
    "Exit code 0: done, 2: wrong usage, 3: a file could not be read or written."
)
def agree(
    sources: Sources,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Folder for the tables.")],
    csv: Csv = False,
    gate: Annotated[float, typer.Option(min=0, max=1, help="Smallest IoU of a match within a label.")] = 0.1,
    conflict_gate: Annotated[float, typer.Option(min=0, max=1, help="Smallest IoU of a match across labels.")] = 0.5,
    spacing_mm: Spacing = None,
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare annotators: who drew the same regions, how alike, and the cases to look at first.

    Reads Label Studio's JSON exports SRC. For every task, page and pair of annotators, regions are matched one to
    one by IoU. Area, perimeter and place of each region are measured too.
    """
    with _errors():
        spacing = _pair(spacing_mm)
        with _progress(quiet) as stage:
            export = read_label_studio(sources, threads=threads, progress=stage("reading"))
            result = agreement(
                export, gate=gate, conflict_gate=conflict_gate, threads=threads, progress=stage("comparing")
            )
            sizes = measure(export.regions, spacing_mm=spacing, shape=False, threads=threads)
            measured = with_measures(export.regions, sizes)
        content = summary_json(
            export, result, options={"gate": gate, "conflict_gate": conflict_gate, "spacing_mm": spacing}
        )
        out.mkdir(parents=True, exist_ok=True)
        ending = "csv" if csv else "parquet"
        tables: dict[str, Any] = {
            "regions": measured,
            "pairs": result.pairs,
            "tasks": result.tasks,
            "annotators": result.annotators,
            "summary": result.summary,
            "problems": pa.concat_tables([export.problems, superseded_problems(result.superseded)]),
        }
        for name, table in tables.items():
            write_table(table, out / f"{name}.{ending}")
        write_json(content, out / "summary.json")
    _finish(content, as_json)
    console = Console(quiet=quiet or as_json, highlight=False, emoji=False)
    print_reading(console, export)
    print_agreement(console, result)
    names = ", ".join(f"{name}.{ending}" for name in tables)
    console.print(f"\nWritten to [bold]{escape(printable(str(out)))}[/]: {names}, summary.json")


@app.command("measure", epilog="Exit code 0: done, 2: wrong usage, 3: a file could not be read or written.")
def measure_command(
    sources: Sources,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FILE", help="FILE.parquet or FILE.csv.", show_default="a table on the screen"
        ),
    ] = None,
    spacing_mm: Spacing = None,
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure every region: area, perimeter, diameters, shape and place in pixels, with spacing also in mm.

    Reads Label Studio's JSON exports SRC; annotations, predictions and drafts alike (column `source`).
    """
    with _errors():
        if out is not None and out.suffix not in (".parquet", ".csv"):
            raise _UsageError(f"{out.name} should end in .parquet or .csv")
        spacing = _pair(spacing_mm)
        with _progress(quiet) as stage:
            export = read_label_studio(sources, threads=threads, progress=stage("reading"))
            table = measure(export.regions, spacing_mm=spacing, threads=threads)
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            write_table(table, out)
    _finish({"regions": table.num_rows, "problems": export.problems.num_rows}, as_json)
    # The table on the screen may go into a pipe, so everything else goes beside it.
    console = Console(stderr=True, quiet=quiet or as_json, highlight=False, emoji=False)
    print_reading(console, export)
    if out is not None:
        console.print(f"Written to [bold]{escape(printable(str(out)))}[/]: {table.num_rows} regions")
    elif not (as_json or quiet):
        _show(table)


def main() -> None:
    """Run the command line."""
    app()


class _UsageError(Exception):
    """The options do not go together."""


@contextmanager
def _errors() -> Iterator[None]:
    """Say what went wrong in one line and end with the exit code that says which kind it was."""
    try:
        yield
    except _UsageError as error:
        _fail(str(error), EXIT_USAGE)
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), EXIT_UNREADABLE)
    except LesiongeoError as error:
        _fail(str(error), EXIT_UNREADABLE)
    except ValueError as error:
        _fail(str(error), EXIT_USAGE)


def _fail(message: str, code: int) -> None:
    console = Console(stderr=True, highlight=False, emoji=False)
    console.print("[bold red]lesiongeo:[/]", escape(printable(message)), soft_wrap=True)
    raise typer.Exit(code)


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[str], Callable[[int, int], None]]]:
    """Show a bar per stage; short stages end before their first report and show none."""
    columns = (TextColumn("{task.description:>10}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as progress:

        def stage(name: str) -> Callable[[int, int], None]:
            started: list[Any] = []

            def report(done: int, total: int) -> None:
                if not started:
                    started.append(progress.add_task(name, total=total))
                progress.update(started[0], completed=done, total=total)

            return report

        yield stage


def _pair(spacing_mm: list[float] | None) -> tuple[float, float] | None:
    if not spacing_mm:
        return None
    if len(spacing_mm) > 2 or not all(0 < value < float("inf") for value in spacing_mm):
        raise _UsageError("--spacing-mm is a positive number of mm per pixel, given once, or twice for x and y")
    return spacing_mm[0], spacing_mm[-1]


def _finish(content: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(content, indent=2, sort_keys=True, allow_nan=False))


def _show(table: pa.Table) -> None:
    """Print the table as tab-separated text, which a pipe can take."""
    columns = [name for name in table.column_names if name not in ("image", "width", "height", "source")]
    sys.stdout.write("\t".join(columns) + "\n")
    for row in table.select(columns).to_pylist():
        sys.stdout.write("\t".join(_cell(value) for value in row.values()) + "\n")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return printable(text)
