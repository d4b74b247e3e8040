"""What the commands share: arguments, exit codes, errors in one line, progress."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from ..errors import LesiongeoError
from ..summary import printable

__all__ = [
    "EXIT_FINDINGS",
    "EXIT_UNREADABLE",
    "EXIT_USAGE",
    "Json",
    "Quiet",
    "Seed",
    "Sources",
    "Threads",
    "UsageError",
    "errors",
    "fail",
    "local",
    "print_json",
    "progress_bars",
]

EXIT_FINDINGS, EXIT_USAGE, EXIT_UNREADABLE = 1, 2, 3

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SRC...",
        help="Exports (in Label Studio choose Export, JSON), folders or patterns of them, or - for standard input.",
        show_default=False,
    ),
]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Threads.", show_default="all processors")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of everything random: same seed, same bytes.")]
Json = Annotated[bool, typer.Option("--json", help="Print the summary as JSON, for pipelines.")]


#: How an address begins; one letter and a colon is a drive.
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


class UsageError(Exception):
    """The options do not go together."""


def local(path: Path) -> Path:
    """Refuse addresses where a file or folder is to be written: they would become folders of that name here."""
    if ADDRESS.match(str(path)):
        scheme = str(path).split(":", 1)[0]
        raise UsageError(f"output goes to local files, not to {scheme}://; write to a file and copy it there")
    return path


def _named(path: object) -> str:
    """Return a path as it was given; of an address no query, which can hold a signature."""
    text = str(path)
    return re.split(r"[?#]", text, maxsplit=1)[0] if ADDRESS.match(text) else text


@contextmanager
def errors() -> Iterator[None]:
    """Say what went wrong in one line and end with the exit code that says which kind it was."""
    try:
        yield
    except UsageError as error:
        fail(str(error), EXIT_USAGE)
    except OSError as error:
        fail(f"{_named(error.filename)}: {error.strerror}" if error.filename else str(error), EXIT_UNREADABLE)
    except LesiongeoError as error:
        fail(str(error), EXIT_UNREADABLE)
    except ValueError as error:
        fail(str(error), EXIT_USAGE)


def fail(message: str, code: int) -> None:
    """Print one line to standard error and end with this exit code."""
    console = Console(stderr=True, highlight=False, emoji=False)
    console.print("[bold red]lesiongeo:[/]", escape(printable(message)), soft_wrap=True)
    raise typer.Exit(code)


@contextmanager
def progress_bars(quiet: bool) -> Iterator[Callable[[str], Callable[[int, int], None]]]:
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


def print_json(content: dict[str, Any], as_json: bool) -> None:
    """Print a summary for pipelines, where it is asked for."""
    if as_json:
        typer.echo(json.dumps(content, indent=2, sort_keys=True, allow_nan=False))
