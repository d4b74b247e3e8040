"""Parquet files of `write_parquet`, and regions of other GeoParquet files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ..arrow import foreign_outlines, written_outlines
from ..embedded import ORDINAL, Blocks, TaskReader, find_blocks, shape_of
from ..errors import ExportError
from ..polygons import PROBLEMS, Polygons
from ..regions import Regions
from ..spill import task_ids
from .export import Export
from .join import concat_exports, concat_polygons
from .label_studio import Progress, read_label_studio, scan_label_studio
from .problems import PROBLEM_SCHEMA
from .scan import Scan
from .sources import Found, Input, Source, find, parquet_files
from .spool import random_access

__all__ = ["Scans", "read_export", "read_parquet", "scan_exports", "scan_parquet"]

ENDINGS = (".parquet", ".geoparquet")
GEOMETRY = "geometry"
#: What Arrow raises where bytes are not what they should be.
BROKEN = (pa.ArrowException, OSError, ValueError, KeyError)


def read_parquet(source: Source | Iterable[Source], *, threads: int | None = None) -> Export:
    """Read a Parquet file that `write_parquet` or ``lesiongeo convert`` wrote; of other GeoParquet files the regions.

    Parameters
    ----------
    source : path, glob, folder, "-", address, bytes, binary file object, or a sequence of these
        Parquet files; of a folder those that end in .parquet or .geoparquet. A file object in which one cannot go back,
        as standard input, is copied to the temporary folder first.
    threads : int, optional
        1 reads column after column; otherwise Arrow decides.

    Returns
    -------
    Export
        What was written, to the bit; rows sorted by task, regions by page and annotation within it. Of a file that
        another program wrote, or rewrote without the tables inside: the regions, with the annotations and tasks that
        they name, and a problem (`regions_only`) that says so.

    Raises
    ------
    ExportError
        A file that is no Parquet, is damaged, or has no outlines.
    FileNotFoundError, OSError
        A file that cannot be opened.

    Notes
    -----
    O(bytes). All checksums are verified.

    Examples
    --------
    >>> import lesiongeo as lg, tempfile, pathlib
    >>> export = lg.read_label_studio("examples/dermatology.json")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "dermatology.parquet"
    ...     _ = lg.write_parquet(export, path)
    ...     lg.read_parquet(path).tasks.equals(export.tasks)
    True
    """
    exports = []
    for one in find(source, endings=ENDINGS).inputs:
        with _File(one, threads) as file:
            exports.append(file.whole())
    return concat_exports(exports)


def scan_parquet(source: Source | Iterable[Source], *, threads: int | None = None) -> Iterator[Export]:
    """Read Parquet files as `read_parquet` does, in batches of whole tasks: one per row group.

    Parameters
    ----------
    source, threads
        As in `read_parquet`.

    Returns
    -------
    iterator of Export
        The first batch of a file has the counts of its `controls`, the others have 0 there, so that they add up.
        Memory: a row group.

    Raises
    ------
    ExportError, FileNotFoundError, OSError
        As `read_parquet`.

    Examples
    --------
    >>> import lesiongeo as lg, tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "dermatology.parquet"
    ...     _ = lg.write_parquet(lg.scan_label_studio("examples/dermatology.json"), path, max_regions=100)
    ...     sum(len(export.regions) for export in lg.scan_parquet(path)) == lg.read_parquet(path).regions.table.num_rows
    True
    """
    return _scan(find(source, endings=ENDINGS).inputs, threads)


def _scan(inputs: list[Input], threads: int | None) -> Iterator[Export]:
    for one in inputs:
        with _File(one, threads) as file:
            yield from file.batches()


def read_export(
    source: Source | Iterable[Source],
    *,
    threads: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Export:
    """Read exports of any kind: Parquet by its first bytes, anything else as Label Studio's JSON.

    Parameters
    ----------
    source : path, glob, folder, "-", address, bytes, binary file object, or a sequence of these
        As in `read_label_studio` and `read_parquet`; both kinds in one call are fine. Of several streams in one call
        none may be Parquet.
    threads : int, optional
        Number of threads; by default see `num_threads`.
    progress : callable, optional
        Called as ``progress(done, total)`` in bytes while JSON is read.
    **options
        What `read_label_studio` takes. A Parquet file holds what it was converted with, so they are for JSON only; what
        was given in vain is a row of `problems` (`option_not_used`).

    Returns
    -------
    Export
        Of several files one after another, Parquet first.

    Raises
    ------
    ExportError, FileNotFoundError, OSError
        As `read_label_studio` and `read_parquet`.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> lg.read_export(b'[{"id": 1, "data": {}, "annotations": []}]')
    <Export: 1 tasks, 0 annotations, 0 regions, 0 problems>
    """
    found = find(source)
    written = parquet_files(found.inputs)
    if not written:
        return read_label_studio(found, threads=threads, progress=progress, **options)
    others = [one for one in found.inputs if one not in written]
    exports = []
    for one in written:
        with _File(one, threads) as file:
            exports.append(file.whole())
    if others:
        left = Found(others, found.repeated)
        exports.append(read_label_studio(left, threads=threads, progress=progress, **options))
    export = concat_exports(exports)
    # One spacing for all images is for `measure`, and the config for `findings`.
    spacing = options.get("spacing_mm")
    elsewhere = {"config": None, **({} if isinstance(spacing, str) else {"spacing_mm": None})}
    unused = _unused(written, {**options, **elsewhere})
    return replace(export, problems=pa.concat_tables([export.problems, unused])) if unused.num_rows else export


#: Options that say what to make of an export, which a converted file no longer takes.
CONVERTED = ("config", "images", "patient", "visit_date", "day_offset", "spacing_mm", "track_id", "status", "note")


def _unused(files: list[Input], options: dict[str, Any]) -> pa.Table:
    """Report options that say nothing about these files."""
    names = [one.name for one in files]
    listed = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    why = f"was not used for {listed}: Parquet holds what it was converted with; convert the export with it"
    rows = [
        {"field": name, "code": "option_not_used", "message": f"{name} {why}", "dropped": False}
        for name in CONVERTED
        if options.get(name) is not None
    ]
    return pa.Table.from_pylist(rows, schema=PROBLEM_SCHEMA)


class Scans(Iterator[Export]):
    """Batches of files of any kind. Scans of Label Studio's exports stand in `parts` as they are."""

    def __init__(self, inputs: list[Input], parts: list[Scan | Iterator[Export]]) -> None:
        self.inputs, self.parts = inputs, parts
        self.batches = chain.from_iterable(parts)

    def __next__(self) -> Export:
        return next(self.batches)


def scan_exports(source: Source | Iterable[Source], *, threads: int | None = None, **options: Any) -> Scans:
    """Read exports of any kind in batches: Parquet by its first bytes, anything else as `scan_label_studio` does.

    Options that were given in vain are problems of a batch without tasks.
    """
    found = find(source)
    written = parquet_files(found.inputs)
    others = [one for one in found.inputs if one not in written]
    parts: list[Scan | Iterator[Export]] = [_scan(written, threads)] if written else []
    unused = _unused(written, options) if written else PROBLEM_SCHEMA.empty_table()
    if unused.num_rows:
        parts.append(iter([replace(read_label_studio(b"[]"), problems=unused)]))
    if others or not written:
        parts.append(scan_label_studio(Found(others, found.repeated), threads=threads, **options))
    return Scans(found.inputs, parts)


class _File:
    """One open Parquet file."""

    def __init__(self, one: Input, threads: int | None) -> None:
        self.name, self.threads = one.name, threads != 1
        self.stack = ExitStack()
        try:
            self.file = self.stack.enter_context(random_access(one))
            self.parquet = self.stack.enter_context(
                pq.ParquetFile(self.file, page_checksum_verification=True, pre_buffer=False)
            )
            self.blocks, self.missing = find_blocks(self.file, self.parquet.metadata.metadata, one.name)
            self._check_footer()
        except ExportError:
            self.stack.close()
            raise
        except BROKEN as error:
            self.stack.close()
            if isinstance(error, OSError) and error.errno:
                raise
            raise self._damaged(error) from error
        except BaseException:
            self.stack.close()
            raise

    def _check_footer(self) -> None:
        """Refuse a file of ours whose footer says something else than was written."""
        if self.blocks is None:
            return
        metadata = self.parquet.metadata
        rows = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
        if shape_of(self.parquet.schema_arrow, rows) != self.blocks.content.get("shape"):
            message = f"{self.name}: the footer is damaged: columns or rows are not those that were written"
            raise ExportError(message, source=self.name)

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def _damaged(self, error: Exception) -> ExportError:
        reason = str(error).splitlines()[0][:200]
        return ExportError(f"{self.name}: no Parquet file, or a damaged one ({reason})", source=self.name)

    def group(self, number: int) -> pa.Table:
        """Return a row group."""
        try:
            return self.parquet.read_row_group(number, use_threads=self.threads)
        except BROKEN as error:
            raise self._damaged(error) from error

    def whole(self) -> Export:
        """Return everything."""
        if self.blocks is None:
            return self.foreign()
        ordinals, outlines, tables = [], [], []
        for number in range(self.parquet.num_row_groups):
            table = self.group(number)
            ordinals.append(table[ORDINAL].to_numpy())
            outlines.append(written_outlines(table[GEOMETRY].combine_chunks()))
            tables.append(table.drop_columns([ORDINAL, GEOMETRY]).replace_schema_metadata(None))
        if not tables:
            return self._export(self._no_regions(), self._all())
        regions = Regions(concat_polygons(outlines), pa.concat_tables(tables).combine_chunks())
        return self._export((regions, np.concatenate(ordinals)), self._all())

    def _all(self) -> dict[str, pa.Table]:
        assert self.blocks is not None  # noqa: S101  # asked before
        return {name: self.blocks.read(name) for name in self.blocks.names}

    def _no_regions(self) -> tuple[Regions, NDArray[Any]]:
        table = self.parquet.schema_arrow.empty_table().drop_columns([ORDINAL, GEOMETRY])
        return Regions(Polygons.from_rings([]), table.replace_schema_metadata(None)), np.empty(0, dtype=np.int64)

    def batches(self) -> Iterator[Export]:
        """Yield row group after row group."""
        if self.blocks is None:
            yield self.foreign()
            return
        blocks: Blocks = self.blocks
        readers = {name: TaskReader(blocks.batches(name)) for name in blocks.names if name != "controls"}
        controls = blocks.read("controls")
        groups = self.parquet.num_row_groups
        for number in range(max(groups, 1)):
            if groups:
                table = self.group(number)
                outlines = written_outlines(table[GEOMETRY].combine_chunks())
                own = table.drop_columns([ORDINAL, GEOMETRY]).replace_schema_metadata(None).combine_chunks()
                regions = Regions(outlines, own), table[ORDINAL].to_numpy()
                last = int(task_ids(own)[-1])
            else:
                regions, last = self._no_regions(), 0
            ends = number + 1 >= groups
            tables = {name: reader.rest() if ends else reader.up_to(last) for name, reader in readers.items()}
            yield self._export(regions, {**tables, "controls": controls})
            at = controls.schema.get_field_index("count")
            controls = controls.set_column(at, controls.schema.field(at), pa.array([0] * controls.num_rows, pa.int64()))

    def _export(self, regions: tuple[Regions, NDArray[Any]], tables: dict[str, pa.Table]) -> Export:
        ids = task_ids(tables["annotations"])
        own = task_ids(regions[0].table)
        rows = np.searchsorted(ids, own) + regions[1].astype(np.int64)
        if len(rows) and not ((rows < len(ids)).all() and (ids[rows] == own).all()):
            raise ExportError(f"{self.name}: its regions and annotations do not belong together; convert again")
        return Export(regions=regions[0], annotation_rows=rows, **tables)

    def foreign(self) -> Export:
        """Return the regions of a file without the other tables."""
        metadata = (self.parquet.metadata.metadata or {}).get(b"geo")
        try:
            geo = json.loads(metadata or "{}")
            column = geo.get("primary_column", GEOMETRY)
            encoding = geo.get("columns", {}).get(column, {}).get("encoding", "multipolygon")
        except (ValueError, AttributeError) as error:
            raise ExportError(f"{self.name}: its metadata key 'geo' is no GeoParquet", source=self.name) from error
        if column not in self.parquet.schema_arrow.names:
            raise ExportError(
                f"{self.name}: no column '{column}' with outlines; this is no GeoParquet", source=self.name
            )
        try:
            table = self.parquet.read(use_threads=self.threads)
        except BROKEN as error:
            raise self._damaged(error) from error
        geometry = table[column].combine_chunks()
        if isinstance(geometry, pa.ChunkedArray):
            geometry = pa.concat_arrays(geometry.chunks)
        ours = ORDINAL in table.column_names and table.schema.field(ORDINAL).type == pa.int32()
        try:
            outlines = (
                written_outlines(geometry)
                if ours and encoding == "multipolygon"
                else foreign_outlines(geometry, encoding)
            )
        except ExportError as error:
            raise ExportError(f"{self.name}: {error}", source=self.name) from error
        plain = table.drop_columns([column, *([ORDINAL] if ours else [])]).replace_schema_metadata(None)
        message = (
            f"{self.name}: only regions are in the file ({self.missing}); annotations without regions, answers, "
            "relations, data of tasks and pages, and earlier problems are unknown. Convert the export again"
        )
        return regions_only(Regions(outlines, plain), message)


def regions_only(regions: Regions, message: str) -> Export:
    """Make an export of regions alone: their annotations and tasks as far as they name them."""
    nothing = read_label_studio(b"[]")
    count = len(regions)
    known = {
        "task_id": pa.array(np.zeros(count, dtype=np.int64)),
        "page": pa.array(np.zeros(count, dtype=np.int32)),
        "kind": pa.array(["polygon"] * count, pa.string()),
        "source": pa.array(["annotation"] * count, pa.string()),
        "cancelled": pa.array(np.zeros(count, dtype=bool)),
        "ground_truth": pa.array(np.zeros(count, dtype=bool)),
        "region_id": pa.array([str(row) for row in range(count)], pa.string()),
    }
    codes = regions.polygons._verdicts()
    known["valid"] = pa.array(codes == 0)
    known["problem"] = pa.array(PROBLEMS, pa.string()).take(pa.array(codes))
    columns: dict[str, Any] = {}
    for field in nothing.regions.table.schema:
        if field.name in ("valid", "problem") or field.name not in regions.table.column_names:
            columns[field.name] = known.get(field.name, pa.nulls(count, field.type))
            continue
        column = regions.table[field.name].cast(field.type)
        columns[field.name] = pc.coalesce(column, known[field.name]) if field.name in known else column
    for name in regions.table.column_names:
        columns.setdefault(name, regions.table[name])
    table = pa.table(columns).combine_chunks()
    keys = ["task_id", "annotation_id", "annotator", "source", "cancelled", "ground_truth"]
    whose = table.select(keys).append_column("row", pa.array(np.arange(count)))
    groups = whose.group_by(keys, use_threads=False).aggregate([("row", "count"), ("row", "min")])
    first = groups["row_min"].to_numpy()
    annotations = _filled(
        nothing.annotations.schema,
        {**{key: groups[key] for key in keys}, "n_regions": groups["row_count"].cast(pa.int32())},
        extra={name: table[name].take(pa.array(first)) for name in ("created_at", "updated_at", "lead_time_s")},
    )
    code = np.zeros(count, dtype=np.int64)
    lookup = {tuple(row.values()): number for number, row in enumerate(groups.select(keys).to_pylist())}
    for row, values in enumerate(whose.select(keys).to_pylist()):
        code[row] = lookup[tuple(values.values())]
    ids, per_task = np.unique(annotations["task_id"].to_numpy(), return_counts=True)
    tasks = _filled(
        nothing.tasks.schema,
        {
            "task_id": pa.array(ids),
            "images": pa.array([[]] * len(ids), pa.list_(pa.string())),
            "n_annotations": pa.array(per_task.astype(np.int32)),
            "n_predictions": pa.array(np.zeros(len(ids), dtype=np.int32)),
            "n_drafts": pa.array(np.zeros(len(ids), dtype=np.int32)),
        },
    )
    on = table.select(["task_id", "page", "image", "width", "height"]).group_by(["task_id", "page"], use_threads=False)
    places = on.aggregate([("image", "first"), ("width", "min"), ("height", "min"), ([], "count_all")])
    pages = _filled(
        nothing.pages.schema,
        {
            "task_id": places["task_id"],
            "page": places["page"],
            "image": places["image_first"],
            "width": places["width_min"],
            "height": places["height_min"],
            "n_regions": places["count_all"].cast(pa.int32()),
        },
    )
    problem = pa.Table.from_pylist([{"code": "regions_only", "message": message, "dropped": False}], PROBLEM_SCHEMA)
    return Export(
        regions=Regions(regions.polygons, table),
        annotations=annotations,
        answers=nothing.answers,
        tasks=tasks,
        relations=nothing.relations,
        pages=pages,
        controls=nothing.controls,
        problems=problem,
        annotation_rows=code,
    )


def _filled(schema: pa.Schema, columns: dict[str, Any], extra: dict[str, Any] | None = None) -> pa.Table:
    """Make a table of these columns, the others null."""
    own = {**columns, **(extra or {})}
    count = len(next(iter(own.values())))
    arrays = [
        own[field.name].cast(field.type) if field.name in own else pa.nulls(count, field.type) for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
