"""The command `lesiongeo measure`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer
from rich.console import Console
from rich.markup import escape

from ..files import write_table
from ..lock import RunLock, lock_beside
from ..measure import measure
from ..specs import specs_of
from ..summary import measures_json, print_reading, printable
from .common import Json, Quiet, Sources, Threads, UsageError, errors, local, print_json, progress_bars
from .privacy import Privacy
from .reading import Reading

__all__ = ["EPILOG", "measure_command"]

EPILOG = (
    "Beside FILE its lock, FILE.lock.json: options, versions, hashes. "
    "Exit code 0: done, 2: wrong usage, 3: a file could not be read or written."
)


def measure_command(
    sources: Sources,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FILE", help="FILE.parquet or FILE.csv.", show_default="a table on the screen"
        ),
    ] = None,
    *,
    reading: Reading,
    privacy: Privacy,
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure every region: area, perimeter, diameters, shape and place in pixels, with spacing also in mm.

    Reads Label Studio's JSON exports SRC, or Parquet of `lesiongeo convert`; annotations, predictions and drafts
    alike (column `source`).
    """
    with errors(), RunLock("measure", sources, reading.files()) as lock:
        if out is not None:
            local(out)
        if out is not None and out.suffix not in (".parquet", ".csv"):
            raise UsageError(f"{out.name} should end in .parquet or .csv")
        with progress_bars(quiet) as stage:
            export = privacy.of(reading.read(lock.found, threads=threads, progress=stage("reading")))
            table = measure(export.regions, spacing_mm=reading.spacing_of(export), threads=threads)
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            write_table(table, out)
            lock.write(
                lock_beside(out),
                options={**reading.described(), **privacy.described()},
                seed=None,
                specs=specs_of([table]),
                outputs=[out],
                named=not privacy.active,
            )
    print_json(measures_json(export, table), as_json)
    # The table on the screen may go into a pipe, so everything else goes beside it.
    console = Console(stderr=True, quiet=quiet or as_json, highlight=False, emoji=False)
    print_reading(console, export)
    privacy.print(console)
    if out is not None:
        console.print(f"Written to [bold]{escape(printable(str(out)))}[/]: {table.num_rows} regions")
    elif not (as_json or quiet):
        _show(table)


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
