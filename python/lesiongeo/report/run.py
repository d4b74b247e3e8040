"""A run folder: the tables that `lesiongeo agree` wrote, as Parquet or CSV, whichever are there."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ..arrow import written_outlines
from ..errors import ExportError, LesiongeoError
from ..files import unguarded
from ..polygons import Polygons

__all__ = ["Run", "floats", "rows_of", "texts"]

TABLES = (
    "regions pairs tasks lesions annotators summary statistics reliability habits trends habits_overall similar queue "
    "problems tracks track_conflicts track_findings track_proposals track_noise visits"
).split()
#: Without one of these a folder is no run.
NEEDED = ("pairs", "regions", "tasks")

#: Columns of CSV files that are texts even where every one of them looks like a number.
TEXTS = frozenset(
    "annotator annotator_a annotator_b region_id region_a region_b label label_a label_b match image key by metric "
    "reason reasons control scope statistic missed habit detail message unit since until week code field kind "
    "source worst_annotator_a worst_annotator_b patient site id_source outline spacing_source "
    "noise_source geo_status human_status human_answer ticked answer measured severity component size_class "
    "typed_id proposed_id".split()
)


class Run:
    """The tables and small files of a run folder; nothing is read before it is asked for.

    Parameters
    ----------
    folder : path-like
        The folder.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If there is no such folder.
    ExportError
        If it holds no table of a comparison.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        if not self.folder.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
        if not self.folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
        self.files: dict[str, Path] = {}
        #: Tables that are there as Parquet and as CSV.
        self.twice: list[str] = []
        written = self._written()
        for name in TABLES:
            found = [path for ending in ("parquet", "csv") if (path := self.folder / f"{name}.{ending}").is_file()]
            # What an earlier run left behind in the same folder is none of this one's.
            found = [path for path in found if not written or path.name in written]
            if found:
                self.files[name] = found[0]
            if len(found) > 1:
                self.twice.append(name)
        if not any(name in self.files for name in NEEDED):
            raise ExportError(
                f"{folder} holds none of {', '.join(NEEDED)}, as Parquet or CSV; make them with: "
                "lesiongeo agree SRC -o DIR, or of lesions over visits alone with: lesiongeo track SRC -o DIR",
                source=str(folder),
            )
        self._tables: dict[str, pa.Table] = {}

    def _written(self) -> set[str]:
        """Return the names of the files that the last run wrote, as its lock has them; none where that is unknown."""
        outputs = self.json("run.lock.json").get("outputs")
        entries = outputs if isinstance(outputs, list) else []
        return {str(entry["name"]) for entry in entries if isinstance(entry, dict) and "name" in entry}

    def table(self, name: str) -> pa.Table | None:
        """Return a table without outlines, or None where it is not there; kept, but for the regions."""
        path = self.files.get(name)
        if path is None:
            return None
        if name not in self._tables:
            self._tables[name] = _read(path, None)
        return self._tables[name]

    def rows(self, name: str) -> int:
        """Count the rows of a table; 0 where it is not there."""
        table = self.table(name)
        return 0 if table is None else int(table.num_rows)

    def columns(self, name: str, wanted: list[str]) -> pa.Table | None:
        """Return these columns of a table, those that are there, without keeping them."""
        path = self.files.get(name)
        return None if path is None else _read(path, wanted)

    def names(self, name: str) -> list[str]:
        """Return the names of the columns of a table."""
        path = self.files.get(name)
        if path is None:
            return []
        with _blamed(path):
            if path.suffix == ".parquet":
                return list(pq.read_schema(path).names)
            with path.open("rb") as file:
                return list(pyarrow.csv.open_csv(file).schema.names)

    def json(self, name: str) -> dict[str, Any]:
        """Return a small JSON file, empty where it is not there."""
        path = self.folder / name
        if not path.is_file():
            return {}
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (UnicodeDecodeError, ValueError) as error:
            raise ExportError(f"{path} is no JSON: {error}; write it again with lesiongeo agree") from error
        return content if isinstance(content, dict) else {}

    def specs(self) -> list[str]:
        """Return the ids of the definitions that the tables name, sorted."""
        found: set[str] = set()
        for path in self.files.values():
            if path.suffix == ".parquet":
                with _blamed(path):
                    metadata = pq.read_schema(path).metadata or {}
                try:
                    ids = json.loads(metadata.get(b"lesiongeo.specs", b"[]"))
                except ValueError:
                    continue
                found.update(str(one) for one in ids if isinstance(ids, list))
        if not found:
            # CSV cannot say it; the lock of the run does.
            ids = self.json("run.lock.json").get("specs")
            found.update(str(one) for one in ids or [] if isinstance(ids, list))
        return sorted(found)

    def outlines(self, rows: NDArray[np.int64]) -> Polygons | None:
        """Return the outlines of some rows of `regions`, in ascending order of rows; None where there are none.

        Only the row groups that hold them are read, a part at a time.
        """
        path = self.files.get("regions")
        if path is None or path.suffix != ".parquet" or "geometry" not in self.names("regions"):
            return None
        wanted = np.unique(rows)
        pieces: list[pa.Array] = []
        with _blamed(path), pq.ParquetFile(path) as file:
            start = 0
            for group in range(file.num_row_groups):
                stop = start + file.metadata.row_group(group).num_rows
                if np.searchsorted(wanted, start) < np.searchsorted(wanted, stop):
                    for batch in file.iter_batches(65_536, row_groups=[group], columns=["geometry"]):
                        inside = wanted[np.searchsorted(wanted, start) : np.searchsorted(wanted, start + len(batch))]
                        pieces.append(batch.column(0).take(pa.array(inside - start)))
                        start += len(batch)
                start = stop
            if not pieces:
                return None
            return written_outlines(pa.concat_arrays(pieces))


class _blamed:  # noqa: N801  # used like a function
    """Says which file is damaged, and what to do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, pa.ArrowException | LesiongeoError) and not isinstance(error, ExportError):
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ExportError(
                f"{self.path} cannot be read: {first}; write it again with lesiongeo agree SRC -o {self.path.parent}",
                source=str(self.path),
            ) from error


def _read(path: Path, wanted: list[str] | None) -> pa.Table:
    with _blamed(path):
        if path.suffix == ".parquet":
            names = pq.read_schema(path).names
            chosen = [name for name in names if name != "geometry" and (wanted is None or name in wanted)]
            # Opened here: a path with a colon would be taken for an address.
            with path.open("rb") as file:
                return pq.read_table(file, columns=chosen).combine_chunks()
        return _csv(path, wanted)


def _csv(path: Path, wanted: list[str] | None) -> pa.Table:
    """Read a CSV file that `write_table` wrote: texts get back what a spreadsheet would take for a formula."""
    with path.open("rb") as file:
        names = pyarrow.csv.open_csv(file).schema.names
    types = {name: pa.string() for name in names if name in TEXTS}
    options = pyarrow.csv.ConvertOptions(
        column_types=types,
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
        include_columns=None if wanted is None else [name for name in names if name in wanted],
    )
    parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
    with path.open("rb") as file:
        table = pyarrow.csv.read_csv(file, convert_options=options, parse_options=parse)
    for at, name in enumerate(table.column_names):
        if pa.types.is_null(table[name].type):
            # Nothing tells what a column without any value holds; texts can be counted at least.
            table = table.set_column(at, name, table[name].cast(pa.string()))
        if pa.types.is_string(table[name].type):
            table = table.set_column(at, name, unguarded(table[name]))
    return table.combine_chunks()


def floats(table: pa.Table, name: str) -> NDArray[np.float64]:
    """Return a column as numbers, NaN where it has none; all NaN where there is no such column of numbers."""
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    kind = table[name].type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        return np.full(table.num_rows, np.nan)
    column = table[name].cast(pa.int8()) if pa.types.is_boolean(kind) else table[name]
    found: NDArray[np.float64] = pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy()
    # Infinite numbers, which a foreign table may hold, have no place in a chart or a mean.
    return np.where(np.isfinite(found), found, np.nan)


def texts(table: pa.Table, name: str) -> pa.ChunkedArray:
    """Return a column as texts; all null where there is no such column."""
    if name not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, pa.string())])
    column = table[name]
    return column if pa.types.is_string(column.type) else column.cast(pa.string())


def rows_of(table: pa.Table | None, limit: int | None = None, **equal: str) -> list[dict[str, Any]]:
    """Return the rows of a table in which these columns hold these texts, as dictionaries."""
    if table is None:
        return []
    for name, value in equal.items():
        table = table.filter(pc.fill_null(pc.equal(texts(table, name), value), False))
    if limit is not None:
        table = table.slice(0, limit)
    return [dict(row) for row in table.to_pylist()]
