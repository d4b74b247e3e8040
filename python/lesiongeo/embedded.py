"""Tables inside a Parquet file of regions: Arrow streams between its row groups and its footer.

Readers of Parquet follow the footer, so they never look at these bytes; the footer's metadata key `lesiongeo` says
where they are. Programs that rewrite the file lose them, which shows in the place of the footer.
Technique: Q. Zhu, J. Luo, A. Lamb, "Embedding User-Defined Indexes in Apache Parquet Files", DataFusion blog, 2025.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from .errors import ExportError
from .spill import LAST, task_ids

__all__ = ["KEY", "ORDINAL", "TABLES", "VERSION", "Blocks", "TaskReader", "Writer", "find_blocks", "shape_of"]

KEY = "lesiongeo"
#: Raised when readers of before could not read what is written.
VERSION = 1
#: Tables beside the regions that have tasks. `controls` has none.
TABLES = ("annotations", "answers", "relations", "tasks", "pages", "problems")
#: Column that says which of its task's annotations, in the order of the table, a region belongs to.
ORDINAL = "annotation"
FOOTER_TAIL = 8
CHUNK = 1 << 20


def shape_of(schema: pa.Schema, rows: list[int]) -> str:
    """Return a checksum of columns and rows per group: Parquet has checksums of pages, but none of its footer."""
    # Parquet names what is inside of lists in its own way.
    kinds = ["nested" if pa.types.is_nested(field.type) else str(field.type) for field in schema]
    told = json.dumps([schema.names, kinds, rows])
    return hashlib.sha256(told.encode()).hexdigest()


class Writer:
    """Writes tables as blocks to an open file, one after another."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.tables: dict[str, dict[str, Any]] = {}

    def table(self, name: str, schema: pa.Schema, batches: Iterable[pa.Table]) -> None:
        """Write one table."""
        sink = _Hashing(self.file)
        offset, rows = self.file.tell(), 0
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), schema, options=options) as stream:
            for batch in batches:
                # In one piece, so that the bytes do not depend on how the rows came.
                stream.write_table(batch.combine_chunks())
                rows += batch.num_rows
        self.tables[name] = {
            "offset": offset,
            "length": self.file.tell() - offset,
            "rows": rows,
            "sha256": sink.hash.hexdigest(),
        }

    def metadata(self, **more: Any) -> str:
        """Return the value of the footer's key, once everything is written."""
        content = {"version": VERSION, "tables": self.tables, "end": self.file.tell(), **more}
        return json.dumps({**content, "check": _check(content)}, sort_keys=True)


def _check(content: dict[str, Any]) -> str:
    """Return a checksum of the metadata itself."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class _Hashing:
    """Passes bytes on and takes their checksum."""

    def __init__(self, file: Any) -> None:
        self.file, self.hash, self.closed = file, hashlib.sha256(), False

    def write(self, data: Any) -> int:
        self.hash.update(data)
        self.file.write(data)
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False


class Blocks:
    """The tables embedded in one file, checked."""

    def __init__(self, file: Any, content: dict[str, Any]) -> None:
        self.file, self.content = file, content
        self.names = sorted(content["tables"])

    def read(self, name: str) -> pa.Table:
        """Return a whole table."""
        place = self.content["tables"][name]
        self.file.seek(place["offset"])
        return pa.ipc.open_stream(self.file.read_buffer(place["length"])).read_all()

    def batches(self, name: str) -> Iterator[pa.Table]:
        """Yield a table in the pieces in which it was written."""
        place = self.content["tables"][name]
        reader = pa.ipc.open_stream(pa.PythonFile(_Part(self.file, place["offset"], place["length"]), mode="r"))
        for batch in reader:
            yield pa.Table.from_batches([batch])
        yield reader.schema.empty_table()


class _Part:
    """Some bytes of a file as a file; keeps its own place."""

    def __init__(self, file: Any, offset: int, length: int) -> None:
        self.file, self.at, self.end, self.closed = file, offset, offset + length, False

    def read(self, size: int = -1) -> bytes:
        left = self.end - self.at
        wanted = left if size is None or size < 0 else min(size, left)
        self.file.seek(self.at)
        data: bytes = self.file.read(wanted)
        self.at += len(data)
        return data

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def writable(self) -> bool:
        return False

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def find_blocks(file: Any, metadata: dict[bytes, bytes] | None, name: str) -> tuple[Blocks | None, str | None]:
    """Find the tables of a file, or the reason why they are not there.

    Raises
    ------
    ExportError
        Where the file is as it was written but for damage, and where a newer version wrote it.
    """
    value = (metadata or {}).get(KEY.encode())
    if value is None:
        return None, "it was not written by lesiongeo, or was rewritten by another program"
    file.seek(0)
    size = file.size()
    file.seek(size - FOOTER_TAIL)
    footer = size - FOOTER_TAIL - int.from_bytes(file.read(4), "little")
    try:
        content = json.loads(value)
        if content.pop("check", None) != _check(content):
            raise ValueError("another checksum")
        version, end = content["version"], content["end"]
        places = {
            str(key): (int(p["offset"]), int(p["length"]), str(p["sha256"])) for key, p in content["tables"].items()
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ExportError(
            f"{name}: the metadata key '{KEY}' cannot be read; the file is damaged", source=name
        ) from error
    if version != VERSION:
        raise ExportError(f"{name}: written by a newer lesiongeo (layout {version}); update to read it", source=name)
    if end != footer:
        return None, "another program rewrote the file and lost them"
    for table, (offset, length, checksum) in places.items():
        if not 0 <= offset <= offset + length <= end or _checksum(file, offset, length) != checksum:
            message = f"{name}: the embedded table '{table}' is damaged; convert the export again"
            raise ExportError(message, position=offset, source=name)
    return Blocks(file, content), None


def _checksum(file: Any, offset: int, length: int) -> str:
    file.seek(offset)
    found = hashlib.sha256()
    while length > 0:
        data = file.read(min(length, CHUNK))
        if not data:
            break
        found.update(data)
        length -= len(data)
    return found.hexdigest()


class TaskReader:
    """Hands out the rows of an embedded table, which are sorted by task, up to one task after another."""

    def __init__(self, batches: Iterator[pa.Table]) -> None:
        self.batches = batches
        self.waiting: list[pa.Table] = []
        self.ended = False

    def up_to(self, task: int) -> pa.Table:
        """Return the next rows, up to and including this task."""
        while not self.ended and not (self.waiting and _last(self.waiting[-1]) > task):
            batch = next(self.batches, None)
            self.ended = batch is None
            if batch is not None and (batch.num_rows or not self.waiting):
                self.waiting.append(batch)
        whole = pa.concat_tables(self.waiting)
        stop = int(np.searchsorted(task_ids(whole), task, side="right"))
        self.waiting = [whole.slice(stop)]
        return whole.slice(0, stop)

    def rest(self) -> pa.Table:
        """Return all that is left."""
        return self.up_to(LAST)


def _last(table: pa.Table) -> int:
    return int(task_ids(table.slice(table.num_rows - 1))[0]) if table.num_rows else -LAST
