"""The command `lesiongeo convert`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from ..parquet import MAX_REGIONS, write_parquet
from ..read.parquet import scan_exports
from ..summary import printable
from .common import Json, Quiet, Threads, UsageError, errors, local, print_json, progress_bars
from .privacy import Privacy
from .reading import Reading

__all__ = ["EPILOG", "convert"]

EPILOG = "Exit code 0: done, 2: wrong usage, 3: a file could not be read or written."

Paths = Annotated[
    list[str],
    typer.Argument(
        metavar="SRC... OUT.parquet",
        help="Exports, folders or patterns of them, or - for standard input; the last is the file to write.",
        show_default=False,
    ),
]


def convert(
    paths: Paths,
    *,
    reading: Reading,
    privacy: Privacy,
    tables: Annotated[
        bool, typer.Option("--tables", help="Also write the other tables, as OUT.<table>.parquet.")
    ] = False,
    max_regions: Annotated[
        int, typer.Option("--max-regions", metavar="N", min=1, help="Regions per row group, at most.")
    ] = MAX_REGIONS,
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn exports of any size into one Parquet file, which every command reads in place of them, faster.

    The regions are GeoParquet 1.1, sorted by task; the other tables are inside the same file. Memory stays below a
    gigabyte; beside OUT about as much disk as OUT takes is needed for a while.
    """
    with errors(), _ended_cleanly():
        *sources, last = paths
        out = local(Path(last))
        if not sources or out.suffix != ".parquet":
            raise UsageError(
                f"{printable(out.name)} should be the file to write, and end in .parquet: SRC... OUT.parquet"
            )
        if out.parent != Path() and not out.parent.is_dir():
            out.parent.mkdir(parents=True, exist_ok=True)
        with progress_bars(quiet) as stage:
            scans = privacy.of_scans(
                lambda: scan_exports(
                    sources, threads=threads, progress=stage("reading"), on_error=reading.on_error, **reading.given
                )
            )
            if any(one.is_file(out) for one in scans.inputs):
                raise UsageError(f"{printable(last)} is one of the sources; write to another file")
            written = write_parquet(scans, out, max_regions=max_regions, tables=tables)
    content: dict[str, Any] = {
        "annotations": written.annotations,
        "bytes": written.bytes,
        "problems": written.problems,
        "regions": written.regions,
        "row_groups": written.row_groups,
        "tasks": written.tasks,
        "temporary_bytes": written.temporary_bytes,
    }
    print_json(content, as_json)
    console = Console(quiet=quiet or as_json, highlight=False, emoji=False)
    privacy.print(console)
    console.print(
        f"Read {written.tasks} tasks: {written.annotations} annotations, {written.regions} regions, "
        f"{written.problems} problems"
    )
    console.print(f"Written to [bold]{escape(printable(last))}[/]: {written.bytes / 1e6:,.3g} MB")


@contextmanager
def _ended_cleanly() -> Iterator[None]:
    """Leave through the usual doors where the process is told to end, so that nothing half-written stays behind.

    A container that stops and a terminal that closes send SIGTERM and SIGHUP, which by default end a process at once.
    """
    signals = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]

    def leave(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    before = {one: signal.getsignal(one) for one in signals}
    for one in signals:
        # One that is ignored, as by nohup, stays ignored.
        if before[one] is not signal.SIG_IGN:
            signal.signal(one, leave)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
