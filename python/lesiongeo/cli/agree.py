"""The command `lesiongeo agree`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer
from rich.console import Console
from rich.markup import escape

from ..agreement import agreement
from ..files import write_json, write_table
from ..measure import measure, with_measures
from ..read.problems import superseded_problems
from ..summary import print_agreement, print_reading, printable, summary_json
from .common import Json, Quiet, Sources, Threads, errors, local, print_json, progress_bars
from .reading import Reading

__all__ = ["EPILOG", "agree"]

EPILOG = (
    "Writes regions, pairs, tasks, annotators, summary and problems as Parquet (or CSV), and summary.json. "
    "Exit code 0: done, 2: wrong usage, 3: a file could not be read or written."
)

Csv = Annotated[bool, typer.Option("--csv", help="Write CSV instead of Parquet.")]


def agree(
    sources: Sources,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Folder for the tables.")],
    csv: Csv = False,
    gate: Annotated[float, typer.Option(min=0, max=1, help="Smallest IoU of a match within a label.")] = 0.1,
    conflict_gate: Annotated[float, typer.Option(min=0, max=1, help="Smallest IoU of a match across labels.")] = 0.5,
    *,
    reading: Reading,
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare annotators: who drew the same regions, how alike, and the cases to look at first.

    Reads Label Studio's JSON exports SRC, or Parquet of `lesiongeo convert`. For every task, page and pair of
    annotators, regions are matched one to one by IoU. Area, perimeter and place of each region are measured too.
    """
    # The outlines are most of what is written and no matter of agreement: a second thread writes them meanwhile.
    with errors(), ThreadPoolExecutor(1) as writer:
        local(out)
        with progress_bars(quiet) as stage:
            export = reading.read(sources, threads=threads, progress=stage("reading"))
            sizes = measure(export.regions, spacing_mm=reading.spacing_of(export), shape=False, threads=threads)
            measured = with_measures(export.regions, sizes)
            out.mkdir(parents=True, exist_ok=True)
            ending = "csv" if csv else "parquet"
            writing = writer.submit(write_table, measured, out / f"regions.{ending}") if threads != 1 else None
            result = agreement(
                export, gate=gate, conflict_gate=conflict_gate, threads=threads, progress=stage("comparing")
            )
        content = summary_json(
            export, result, options={"gate": gate, "conflict_gate": conflict_gate, "spacing_mm": reading.spacing_mm}
        )
        tables: dict[str, Any] = {
            "regions": measured,
            "pairs": result.pairs,
            "tasks": result.tasks,
            "annotators": result.annotators,
            "summary": result.summary,
            "problems": pa.concat_tables([export.problems, superseded_problems(result.superseded)]),
        }
        for name, table in tables.items():
            if writing is None or name != "regions":
                write_table(table, out / f"{name}.{ending}")
        if writing is not None:
            writing.result()
        write_json(content, out / "summary.json")
    print_json(content, as_json)
    console = Console(quiet=quiet or as_json, highlight=False, emoji=False)
    print_reading(console, export)
    print_agreement(console, result)
    names = ", ".join(f"{name}.{ending}" for name in tables)
    console.print(f"\nWritten to [bold]{escape(printable(str(out)))}[/]: {names}, summary.json")
