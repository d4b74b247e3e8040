"""Tables of a command as files of several kinds, and on the screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer
from rich.table import Table

from ..files import write_json, write_table
from .common import UsageError, local

__all__ = ["RowsFile", "checked_ending", "listing", "plain_rows", "write_rows"]


#: Kinds of file that `write_rows` writes.
ENDINGS = (".csv", ".json", ".parquet")
RowsFile = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--out",
        metavar="FILE",
        help="FILE.csv, FILE.json or FILE.parquet.",
        show_default="only what is on the screen",
    ),
]


def checked_ending(path: Path | None) -> None:
    """Refuse a file whose kind nobody writes, before anything is read."""
    if path is not None and local(path).suffix not in ENDINGS:
        raise UsageError(f"{path.name} should end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}")


def write_rows(table: pa.Table, path: Path, content: dict[str, Any], name: str) -> None:
    """Write a table as CSV or Parquet; as JSON its rows go into the object of the summary under this name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix != ".json":
        write_table(table, path)
        return
    write_json({**content, name: plain_rows(table)}, path)


def plain_rows(table: pa.Table) -> list[dict[str, Any]]:
    """Return the rows of a table as JSON can say them: dates and times as text."""
    return [{key: _plain(value) for key, value in row.items()} for row in table.to_pylist()]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def listing(title: str, headers: Sequence[str], rows: Iterable[Sequence[Any]], *, left: Sequence[str]) -> Table:
    """Make a table for the screen, whose long cells are folded and not cut: ids must stay whole."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
    for name in headers:
        table.add_column(name, justify="left" if name in left else "right", overflow="fold", no_wrap=name not in left)
    for row in rows:
        table.add_row(*row)
    return table
