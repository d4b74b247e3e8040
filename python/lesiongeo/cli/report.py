"""The command `lesiongeo report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from ..report import write_report
from ..summary import printable
from .common import Json, Quiet, errors, local, print_json

__all__ = ["EPILOG", "report"]

EPILOG = "Exit code 0: done, 2: wrong usage, 3: a file could not be read or written."


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that `lesiongeo agree -o DIR` wrote.")],
    images: Annotated[
        Path | None,
        typer.Option("--images", metavar="DIR", help="Folder with the images, to draw the worst cases over."),
    ] = None,
    title: Annotated[str | None, typer.Option("--title", metavar="TEXT", help="Title of the report.")] = None,
    worst: Annotated[int, typer.Option("--worst", min=0, max=1000, help="Worst cases shown, at most.")] = 100,
    notes: Annotated[
        bool, typer.Option("--notes", help="Also show what annotators typed; it may name patients.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write DIR/report.html: one file to look at, with the statistics, habits, worst cases and the queue of a run.

    It needs no network and nothing beside it. What a run does not have is named in the report.
    """
    with errors():
        path = write_report(local(folder), images=images, title=title, worst=worst, notes=notes)
        size = path.stat().st_size
    print_json({"report": str(path), "bytes": size}, as_json)
    console = Console(quiet=quiet or as_json, highlight=False, emoji=False)
    console.print(f"Written to [bold]{escape(printable(str(path)))}[/]: {size / 1e6:.1f} MB")
