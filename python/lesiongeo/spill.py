"""Rows set aside on disk in the order in which they come, and given back task by task; for more than fits in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .schemas import conform, union

__all__ = ["LAST", "Spill", "row_bytes", "sorted_rows", "task_ids"]

Ints = NDArray[np.int64]

#: Stands for no task; such rows come last.
LAST = int(np.iinfo(np.int64).max)

#: Rows that are written, and read back, together: small enough that a task scattered over the input costs little.
PIECE_BYTES = 1 << 20


def task_ids(table: pa.Table) -> Ints:
    """Return the tasks of the rows, `LAST` where there is none."""
    ids: Ints = pc.fill_null(table["task_id"], LAST).to_numpy()
    return ids


def sorted_rows(table: pa.Table, keys: Sequence[str]) -> Ints | None:
    """Return the order by these columns of whole numbers (nulls last, then as they stand); None where they have it."""
    values = []
    for key in keys:
        column = table[key]
        values.append(pc.fill_null(column, int(np.iinfo(column.type.to_pandas_dtype()).max)).to_numpy())
    if table.num_rows < 2 or _ascends(values):
        return None
    order: Ints = np.lexsort(values[::-1])
    return order


def row_bytes(table: pa.Table) -> Ints:
    """Return about how many bytes each row has; from its values alone, so that batches do not decide about groups."""
    total = np.full(table.num_rows, 8 * table.num_columns, dtype=np.int64)
    for column in table.columns:
        if pa.types.is_string(column.type):
            total += pc.fill_null(pc.binary_length(column), 0).to_numpy()
    return total


def _ascends(values: list[NDArray[Any]]) -> bool:
    equal = np.ones(len(values[0]) - 1, dtype=bool)
    for value in values:
        before, after = value[:-1][equal], value[1:][equal]
        if (after < before).any():
            return False
        equal[equal] = after == before
    return True


class Spill:
    """One table on disk.

    Memory: 40 bytes per task and batch, and a piece of about 1 MB at a time.

    Parameters
    ----------
    path : Path
        The file to write; whoever asked for it removes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: Any = pa.OSFile(str(path), "wb")
        self.schemas: list[pa.Schema] = []
        self.places: list[tuple[int, int]] = []
        self.rows = 0
        self.bytes = 0
        self._parts: list[tuple[Ints, ...]] = []

    def add(self, table: pa.Table, run: int, weights: Ints | None = None) -> None:
        """Set rows aside that are sorted by task; `weights` are their bytes, `run` says from which batch they are."""
        if not any(schema.equals(table.schema) for schema in self.schemas[-1:]):
            self.schemas.append(table.schema)
        if not table.num_rows:
            return
        if weights is None:
            weights = row_bytes(table)
        ids = task_ids(table)
        ends = np.cumsum(weights)
        start = 0
        while start < table.num_rows:
            base = ends[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, base + PIECE_BYTES, side="right")))
            self._piece(table.slice(start, stop - start), ids[start:stop], weights[start:stop], run)
            start = stop

    def _piece(self, table: pa.Table, ids: Ints, weights: Ints, run: int) -> None:
        offset = self.file.tell()
        with pa.ipc.new_stream(self.file, table.schema) as writer:
            writer.write_table(table)
        self.places.append((offset, self.file.tell() - offset))
        self.rows += table.num_rows
        starts = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
        counts = np.diff(np.append(starts, len(ids)))
        constant = np.ones(len(starts), dtype=np.int64)
        sums = np.add.reduceat(weights, starts)
        self.bytes += int(sums.sum())
        self._parts.append((ids[starts], constant * (len(self.places) - 1), starts, counts, sums, constant * run))

    def schema(self) -> pa.Schema:
        """Return the columns of all batches."""
        return union(self.schemas)

    def segments(self) -> tuple[Ints, ...]:
        """Return task, piece, first row, rows, bytes and batch of everything that is set aside, by task."""
        if not self._parts:
            return tuple(np.empty(0, dtype=np.int64) for _ in range(6))
        joined = [np.concatenate(column) for column in zip(*self._parts, strict=True)]
        order = np.argsort(joined[0], kind="stable")
        return tuple(column[order] for column in joined)

    def close(self) -> None:
        """End writing."""
        if not self.file.closed:
            self.file.close()

    def merged(
        self, *, max_rows: int, max_bytes: int, keys: Sequence[str] = ("task_id",)
    ) -> Iterator[tuple[pa.Table, Ints]]:
        """Yield the rows of so many whole tasks at a time, sorted by `keys`, then as they came, and their batches.

        A single task with more rows or bytes comes alone.
        """
        self.close()
        schema = self.schema()
        task, piece, start, count, weight, run = self.segments()
        rows, size = np.cumsum(count), np.cumsum(weight)
        last = np.flatnonzero(np.append(task[1:] != task[:-1], True)) + 1 if len(task) else np.empty(0, dtype=np.int64)
        at = 0
        with pa.OSFile(str(self.path), "rb") as file:
            while at < len(task):
                before = (int(rows[at - 1]), int(size[at - 1])) if at else (0, 0)
                most = min(
                    np.searchsorted(rows, before[0] + max_rows, side="right"),
                    np.searchsorted(size, before[1] + max_bytes, side="right"),
                )
                # Whole tasks only, and at least one.
                found = int(np.searchsorted(last, most, side="right")) - 1
                stop = int(last[found]) if found >= 0 else 0
                if stop <= at:
                    stop = int(last[np.searchsorted(last, at, side="right")])
                chosen = slice(at, stop)
                yield self._gather(file, schema, keys, piece[chosen], start[chosen], count[chosen], run[chosen])
                at = stop

    def _gather(
        self, file: Any, schema: pa.Schema, keys: Sequence[str], piece: Ints, start: Ints, count: Ints, run: Ints
    ) -> tuple[pa.Table, Ints]:
        order = np.lexsort((start, piece))
        piece, start, count, run = piece[order], start[order], count[order], run[order]
        tables, runs = [], []
        for number in np.unique(piece).tolist():
            of = piece == number
            table = self._read(file, number)
            first, stop = int(start[of][0]), int((start[of] + count[of])[-1])
            if stop - first == int(count[of].sum()):
                table = table.slice(first, stop - first)
            else:
                wanted = np.concatenate([np.arange(s, s + n) for s, n in zip(start[of], count[of], strict=True)])
                table = table.take(pa.array(wanted))
            tables.append(conform(table, schema))
            runs.append(np.repeat(run[of], count[of]))
        table = pa.concat_tables(tables)
        batch = np.concatenate(runs)
        rows = sorted_rows(table, keys)
        if rows is not None:
            table, batch = table.combine_chunks().take(pa.array(rows)), batch[rows]
        return table, batch

    def _read(self, file: Any, number: int) -> pa.Table:
        offset, length = self.places[number]
        file.seek(offset)
        return pa.ipc.open_stream(file.read_buffer(length)).read_all()
