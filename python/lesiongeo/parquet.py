"""Exports as one Parquet file: GeoParquet of the regions with the other tables inside; written in bounded memory."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from . import __version__
from .arrow import geometry_column, geometry_field
from .embedded import KEY, ORDINAL, TABLES, Writer, shape_of
from .files import GEO_METADATA
from .polygons import Polygons
from .read.export import Export
from .read.join import merged_controls, merged_pages, merged_problems, merged_tasks, repeated_annotations
from .read.parquet import Scans
from .read.problems import repeated_tasks, sizes_differ
from .read.scan import Scan
from .spill import Spill, row_bytes, sorted_rows, task_ids

__all__ = ["MAX_REGIONS", "Written", "write_parquet"]

#: Regions per row group: nested columns above about 2 GB per group break readers.
MAX_REGIONS = 250_000
#: Bytes of a row group before compression; what is held in memory several times while it is written.
GROUP_BYTES = 64 << 20
#: Bytes and rows of the other tables at a time.
BLOCK_BYTES, BLOCK_ROWS = 8 << 20, 65_536
#: Outlines set aside at a time.
VERTICES = 1 << 20

#: What is tried to choose the encoding of coordinates.
SAMPLE_REGIONS, SAMPLE_VERTICES = 4096, 1 << 16

REGION_KEYS = ("task_id", "page", "annotation_id")
ZSTD_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Written:
    """What `write_parquet` wrote.

    Attributes
    ----------
    tasks, annotations, regions, problems : int
        Rows.
    row_groups : int
        Of the regions.
    bytes : int
        Of the file.
    temporary_bytes : int
        Disk that was used on the way, beside the file.
    """

    tasks: int
    annotations: int
    regions: int
    problems: int
    row_groups: int
    bytes: int
    temporary_bytes: int


def write_parquet(
    exports: Export | Iterable[Export],
    path: str | os.PathLike[str],
    *,
    max_regions: int = MAX_REGIONS,
    tables: bool = False,
) -> Written:
    """Write an export, or the batches of one, as one Parquet file that `read_parquet` reads.

    Parameters
    ----------
    exports : Export, Scan, or iterable of Export
        Batches may come in any order, and a task may be spread over several of them.
    path : path-like
        The file. It appears, complete, when everything is written; until then, and after an error, there is none, or
        the old one.
    max_regions : int, default 250,000
        Regions per row group, at most. A task is never split: a larger one has a row group of its own. Groups end
        earlier where their outlines need more than 64 MiB.
    tables : bool, default False
        Also write the other tables as ``<path without .parquet>.<table>.parquet``.

    Returns
    -------
    Written
        How much was written.

    Raises
    ------
    OSError
        If the file, or the temporary folder beside it, cannot be written.
    ValueError
        If `max_regions` is not positive.
    OverflowError
        If a single task has more than 2^31 vertices.

    Notes
    -----
    Rows are regions, sorted by task_id, page and annotation_id, then as they came; the column `geometry` is GeoParquet
    1.1 (native multipolygon, rings closed, ``crs: null``: pixels have none). The tables annotations, answers,
    relations, tasks, pages, controls and problems, each sorted by task, are Arrow streams between the last row group
    and the footer, which readers of Parquet do not look at; the metadata key ``lesiongeo`` holds their places and
    checksums. The same input gives the same bytes. Memory: a batch, a few times 64 MiB, and about 100 bytes per task,
    however much is written; disk beside `path`: about the size of all columns, until the end. O(bytes), with a sort of
    the tasks.

    Examples
    --------
    >>> import lesiongeo as lg, tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "dermatology.parquet"
    ...     written = lg.write_parquet(lg.scan_label_studio("examples/dermatology.json"), path)
    ...     again = lg.read_parquet(path)
    >>> written.regions == len(again.regions) == len(lg.read_label_studio("examples/dermatology.json").regions)
    True
    """
    if isinstance(max_regions, bool) or not isinstance(max_regions, int) or max_regions < 1:
        raise ValueError(f"max_regions is {max_regions!r}; it is a positive whole number")
    path = Path(path)
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        job = _Job(folder, max_regions)
        job.set_aside(exports)
        written = job.write(folder / "regions.parquet", tables=tables)
        if tables:
            for name in (*TABLES, "controls"):
                os.replace(folder / f"{name}.parquet", path.with_name(f"{path.stem}.{name}.parquet"))
        os.replace(folder / "regions.parquet", path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return written


class _Job:
    """Batches are set aside on disk, table by table, then put together by task."""

    def __init__(self, folder: Path, max_regions: int) -> None:
        self.folder, self.max_regions = folder, max_regions
        self.spills = {name: Spill(folder / f"{name}.spill") for name in ("regions", *TABLES)}
        self.controls: pa.Table | None = None
        self.control_tables: list[pa.Table | None] = []
        self.box = np.array([np.inf, np.inf, -np.inf, -np.inf])
        self.partial = np.empty(0, dtype=np.int64)
        self.runs = 0

    # setting aside

    def set_aside(self, exports: Export | Iterable[Export]) -> None:
        """Take all batches."""
        for part in _parts(exports):
            if not isinstance(part, Scan):
                self.batch(part, np.zeros(part.tasks.num_rows, dtype=bool))
                self.control_tables.append(part.controls)
                continue
            with part as scan:
                while (batch := scan._next_or_none()) is not None:
                    self.batch(*batch)
                    del batch
                    pa.default_memory_pool().release_unused()
            # Their roles follow from all of its batches.
            self.control_tables.append(scan.controls)
        self.controls = merged_controls(self.control_tables)
        if not self.runs:
            from .read.label_studio import read_label_studio

            nothing = read_label_studio(b"[]")
            self.batch(nothing, np.empty(0, dtype=bool))
            self.controls = nothing.controls

    def batch(self, export: Export, partial: NDArray[np.bool_]) -> None:
        """Take one."""
        run, self.runs = self.runs, self.runs + 1
        self.partial = np.union1d(self.partial, export.tasks["task_id"].to_numpy()[partial])
        for name in TABLES:
            table = getattr(export, name)
            rows = sorted_rows(table, ("task_id",))
            self.spills[name].add(table if rows is None else table.take(pa.array(rows)), run)
        regions = export.regions
        table = regions.table.append_column(ORDINAL, pa.array(_ordinals(export), pa.int32()))
        rows = sorted_rows(table, REGION_KEYS)
        xy, ring_offsets, polygon_offsets = regions.polygons.to_ragged()
        if len(xy):
            self.box[:2] = np.minimum(self.box[:2], xy.min(axis=0))
            self.box[2:] = np.maximum(self.box[2:], xy.max(axis=0))
        counts = np.diff(ring_offsets[polygon_offsets]).astype(np.int64)
        order = np.arange(len(regions)) if rows is None else rows
        ends = np.cumsum(counts[order])
        weights = 16 * counts + row_bytes(table)
        start = 0
        while start < len(order) or not start:
            base = ends[start - 1] if start else 0
            stop = min(len(order), max(start + 1, int(np.searchsorted(ends, base + VERTICES, side="right"))))
            part = slice(start, stop)
            outlines = (
                regions.polygons.take(order[part]) if rows is not None else _sliced(regions.polygons, start, stop)
            )
            own = table.slice(start, stop - start) if rows is None else table.take(pa.array(order[part]))
            whole = own.append_column(geometry_field(), geometry_column(outlines))
            self.spills["regions"].add(whole, run, weights[order[part]])
            start = max(stop, 1)

    # writing

    def write(self, path: Path, *, tables: bool) -> Written:
        """Put everything together."""
        temporary = sum(spill.path.stat().st_size for spill in self.spills.values())
        spread = _spread(self.spills)
        shift = _Shift(self.spills["annotations"], spread)
        found: list[pa.Table] = []
        with pa.OSFile(str(path), "wb") as file:
            schema = self._region_schema()
            with ExitStack() as stack:
                writer: Any = None
                groups: list[int] = []
                for table, run in self.spills["regions"].merged(
                    max_rows=self.max_regions, max_bytes=GROUP_BYTES, keys=REGION_KEYS
                ):
                    if writer is None:
                        options = _options(schema, split=_split_is_smaller(table))
                        writer = stack.enter_context(pq.ParquetWriter(file, schema, **options))
                    ids = task_ids(table)
                    again = np.isin(ids, spread)
                    if again.any():
                        at = table.schema.get_field_index(ORDINAL)
                        moved = pa.array(shift.apply(table[ORDINAL].to_numpy(), ids, run), pa.int32())
                        table = table.set_column(at, table.schema.field(at), moved)
                        found.append(sizes_differ(table.drop_columns(["geometry"]).filter(pa.array(again))))
                    _reordered(writer, table, schema)
                    groups.append(table.num_rows)
                    del table
                    pa.default_memory_pool().release_unused()
                if writer is None:
                    writer = stack.enter_context(pq.ParquetWriter(file, schema, **_options(schema, split=True)))
                blocks = Writer(file)
                for name, own, batches in self._tables(spread, found):
                    if tables:
                        with _beside(self.folder / f"{name}.parquet", own) as other:
                            blocks.table(name, own, other.through(batches))
                    else:
                        blocks.table(name, own, batches)
                rows = {name: place["rows"] for name, place in blocks.tables.items()}
                content = blocks.metadata(
                    regions=sum(groups), shape=shape_of(schema, groups), writer=f"lesiongeo {__version__}"
                )
                writer.add_key_value_metadata({KEY: content})
            size = file.tell()
        return Written(
            tasks=rows["tasks"],
            annotations=rows["annotations"],
            regions=self.spills["regions"].rows,
            problems=rows["problems"],
            row_groups=len(groups),
            bytes=size,
            temporary_bytes=temporary,
        )

    def _region_schema(self) -> pa.Schema:
        """Columns of all batches, outlines last."""
        schema = self.spills["regions"].schema()
        names = [name for name in schema.names if name not in (ORDINAL, "geometry")] + [ORDINAL, "geometry"]
        geo: dict[str, Any] = json.loads(json.dumps(GEO_METADATA))
        if np.isfinite(self.box).all():
            geo["columns"]["geometry"]["bbox"] = self.box.tolist()
        return pa.schema([schema.field(name) for name in names], metadata={"geo": json.dumps(geo, sort_keys=True)})

    def _tables(
        self, spread: NDArray[np.int64], found: list[pa.Table]
    ) -> Iterator[tuple[str, pa.Schema, Iterator[pa.Table]]]:
        """Yield the other tables: name, columns, batches; problems last, when all of them are known."""
        problems = self.spills["problems"]
        annotations, tasks, pages = self.spills["annotations"], self.spills["tasks"], self.spills["pages"]
        yield "annotations", annotations.schema(), self._annotations(spread, found)
        for name in ("answers", "relations"):
            yield name, self.spills[name].schema(), _plain(self.spills[name])
        yield "tasks", tasks.schema(), self._tasks(spread, found)
        yield "pages", pages.schema(), (merged_pages(table, spread, found) for table in _plain(pages))
        assert self.controls is not None  # noqa: S101  # there was a batch
        yield "controls", self.controls.schema, iter([self.controls])
        late = pa.concat_tables([problems.schema().empty_table(), *found])
        yield "problems", problems.schema(), _with_late(problems, late)

    def _annotations(self, spread: NDArray[np.int64], found: list[pa.Table]) -> Iterator[pa.Table]:
        twice = np.intersect1d(spread, self.partial)
        for table in _plain(self.spills["annotations"]):
            found.append(repeated_annotations(table, np.intersect1d(twice, task_ids(table))))
            yield table

    def _tasks(self, spread: NDArray[np.int64], found: list[pa.Table]) -> Iterator[pa.Table]:
        for table in _plain(self.spills["tasks"]):
            joined, differing = merged_tasks(table, np.intersect1d(spread, self.partial))
            again = np.intersect1d(spread, task_ids(joined))
            found += [differing, repeated_tasks(joined.filter(pa.array(np.isin(task_ids(joined), again))))]
            yield joined


def _parts(exports: Export | Iterable[Export]) -> Iterable[Export | Scan]:
    """Take scans as they are: they know which tasks are in parts."""
    if isinstance(exports, Export | Scan):
        return [exports]
    return (
        chain.from_iterable([part] if isinstance(part, Scan) else part for part in exports.parts)
        if isinstance(exports, Scans)
        else exports
    )


def _ordinals(export: Export) -> NDArray[np.int64]:
    """Number the annotations of each task from 0 and return the number of each region's."""
    ids = export.annotations["task_id"].to_numpy()
    order = np.argsort(ids, kind="stable")
    starts = np.flatnonzero(np.append(True, ids[order][1:] != ids[order][:-1])) if len(ids) else np.empty(0, np.int64)
    counts = np.diff(np.append(starts, len(ids)))
    number = np.empty(len(ids), dtype=np.int64)
    number[order] = np.arange(len(ids)) - np.repeat(starts, counts)
    return number[export.annotation_rows]


def _sliced(polygons: Polygons, start: int, stop: int) -> Polygons:
    """Return neighbouring outlines without copying their vertices."""
    xy, ring_offsets, polygon_offsets = polygons.to_ragged()
    rings = polygon_offsets[start : stop + 1]
    vertices = ring_offsets[rings[0] : rings[-1] + 1]
    return Polygons._trusted((xy[vertices[0] : vertices[-1]], vertices - vertices[0], rings - rings[0]))


def _spread(spills: dict[str, Spill]) -> NDArray[np.int64]:
    """Tasks that came in more than one batch."""
    task, *_, run = spills["tasks"].segments()
    pairs = np.unique(np.stack([task, run]), axis=1)
    ids, counts = np.unique(pairs[0], return_counts=True)
    spread: NDArray[np.int64] = ids[counts > 1]
    return spread


class _Shift:
    """Moves the numbers of annotations of tasks that came in several batches."""

    def __init__(self, annotations: Spill, spread: NDArray[np.int64]) -> None:
        task, _, _, count, _, run = annotations.segments()
        chosen = np.isin(task, spread)
        task, count, run = task[chosen], count[chosen], run[chosen]
        order = np.lexsort((run, task))
        self.task, self.run = task[order], run[order]
        before = np.cumsum(count[order]) - count[order]
        self.before = before - before[np.searchsorted(self.task, self.task)] if len(before) else before

    def apply(self, ordinals: NDArray[Any], ids: NDArray[np.int64], run: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers within the whole task."""
        moved = ordinals.astype(np.int64)
        if not len(self.task):
            return moved
        known = np.unique(self.task)
        width = int(max(self.run.max(), run.max())) + 1
        keys = np.searchsorted(known, self.task) * width + self.run
        rows = np.flatnonzero(np.isin(ids, known))
        wanted = np.searchsorted(known, ids[rows]) * width + run[rows]
        moved[rows] += self.before[np.searchsorted(keys, wanted)]
        return moved


def _plain(spill: Spill) -> Iterator[pa.Table]:
    for table, _ in spill.merged(max_rows=BLOCK_ROWS, max_bytes=BLOCK_BYTES):
        yield table


def _with_late(problems: Spill, late: pa.Table) -> Iterator[pa.Table]:
    """Yield problems with those that only the whole could tell, after the others of their task."""
    rows = sorted_rows(late, ("task_id",))
    problems.add(late if rows is None else late.take(pa.array(rows)), LATE_RUN)
    for table in _plain(problems):
        yield merged_problems(table)


LATE_RUN = 1 << 40


def _split_is_smaller(regions: pa.Table) -> bool:
    """Whether coordinates take less room with their bytes sorted by place (BYTE_STREAM_SPLIT).

    Neither is better for all. Coordinates of real outlines with zstd 3, processor time in one run: LIDC (1.3 million
    vertices, whole pixels) 1.07 MB in 67 ms split, 2.30 MB in 89 ms plain, 1.32 MB in 110 ms as a dictionary; LVIS
    (0.1 million, hundredths of pixels that come again) 1.04 MB in 14 ms split, 0.74 MB in 14 ms plain, 0.85 MB in 20 ms
    as a dictionary. So the first vertices are tried, by rows, as chunks depend on how the rows came.
    """
    column = regions["geometry"].slice(0, SAMPLE_REGIONS).combine_chunks()
    for _ in range(3):
        column = column.flatten()
    codec = pa.Codec("zstd", compression_level=ZSTD_LEVEL)
    split = plain = 0
    for axis in ("x", "y"):
        values = np.ascontiguousarray(column.field(axis).to_numpy()[:SAMPLE_VERTICES])
        plain += codec.compress(values.tobytes()).size
        split += codec.compress(values.view(np.uint8).reshape(-1, values.itemsize).T.tobytes()).size
    return split <= plain


def _options(schema: pa.Schema, *, split: bool) -> dict[str, Any]:
    """How columns are written; the measurements are in docs/streaming.md."""
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    coordinates = [f"geometry{'.list.element' * 3}.{axis}" for axis in ("x", "y")] if split else []
    return {
        "compression": "zstd",
        "compression_level": ZSTD_LEVEL,
        "use_dictionary": [*texts, "labels.list.element"],
        "use_byte_stream_split": coordinates,
        "write_page_checksum": True,
        "write_statistics": [field.name for field in schema if not pa.types.is_nested(field.type)],
    }


def _reordered(writer: Any, table: pa.Table, schema: pa.Schema) -> None:
    # In one piece, so that pages do not depend on how the rows came.
    table = table.combine_chunks()
    writer.write_table(
        table.select(schema.names).replace_schema_metadata(schema.metadata), row_group_size=table.num_rows
    )


class _beside:  # noqa: N801  # used like a function
    """Writes a table to a file of its own while it passes."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.file = pa.OSFile(str(path), "wb")
        self.writer = pq.ParquetWriter(self.file, schema, compression="zstd", compression_level=ZSTD_LEVEL)

    def through(self, batches: Iterable[pa.Table]) -> Iterator[pa.Table]:
        for batch in batches:
            self.writer.write_table(batch)
            yield batch

    def __enter__(self) -> _beside:
        return self

    def __exit__(self, *_: object) -> None:
        self.writer.close()
        self.file.close()
