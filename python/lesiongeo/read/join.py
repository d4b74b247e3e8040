"""What belongs together and was read apart: annotations of one task in files of their own, batches, exports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..arrow import lists, strings
from ..polygons import Polygons
from ..regions import Regions
from ..schemas import concat
from .export import Export
from .problems import PROBLEM_SCHEMA, repeated_tasks

__all__ = [
    "TASK_COUNTS",
    "concat_exports",
    "join_partial",
    "merged_controls",
    "merged_pages",
    "merged_problems",
    "merged_tasks",
    "repeated_annotations",
    "task_problems",
    "unpack",
]

NO_ROW = np.iinfo(np.uint32).max
#: Columns of tasks that add up over the files of a task.
TASK_COUNTS = ("n_annotations", "n_predictions", "n_drafts")


def join_partial(columns: dict[str, Any]) -> tuple[NDArray[np.bool_], pa.Table]:
    """Make one row of the files that hold one annotation each of a task, in place.

    Returns which rows of tasks stand for such files, and a problem per task whose files disagree about its data.
    """
    tasks = columns["tasks"]
    ids = tasks["task_id"]
    partial: NDArray[np.bool_] = np.asarray(tasks.get("partial", np.zeros(len(ids), dtype=bool)), dtype=bool)
    rows = np.flatnonzero(partial)
    _, first, code = np.unique(ids[rows], return_index=True, return_inverse=True)
    if len(first) == len(rows):
        return partial, PROBLEM_SCHEMA.empty_table()
    leader = np.arange(len(ids))
    leader[rows] = rows[first][code]
    kept = np.flatnonzero(leader == np.arange(len(ids)))
    place = np.zeros(len(ids), dtype=np.int64)
    place[kept] = np.arange(len(kept))
    place = place[leader]

    data = strings(tasks["data"])
    others = np.flatnonzero(leader != np.arange(len(ids)))
    mine, theirs = data.take(pa.array(others)).to_pylist(), data.take(pa.array(leader[others])).to_pylist()
    differing = np.unique(ids[others[[a is not None and a != b for a, b in zip(mine, theirs, strict=True)]]])

    for name, column in tasks.items():
        if name in TASK_COUNTS:
            total = np.zeros(len(kept), dtype=column.dtype)
            np.add.at(total, place, column)
            tasks[name] = total
        elif name == "images":
            tasks[name] = unpack(lists(column).take(pa.array(kept)))
        elif isinstance(column, tuple):
            tasks[name] = unpack(strings(column).take(pa.array(kept)))
        else:
            tasks[name] = column[kept]
    for owner in ("annotations", "problems"):
        row = columns[owner]["task"]
        known = row != NO_ROW
        moved = row.copy()
        moved[known] = place[row[known]]
        columns[owner]["task"] = moved
    message = "the files of this task's annotations disagree about the task's data; the first was taken"
    return partial[kept], task_problems(differing, "data", "task_differs", message)


def unpack(array: pa.Array) -> Any:
    """Return texts, or lists of texts, as the core hands them over."""
    if pa.types.is_list(array.type):
        offsets = array.offsets.to_numpy()
        return offsets - offsets[0], unpack(array.flatten())
    present = np.asarray(array.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
    whole = pa.concat_arrays([array.fill_null("")])  # drops the offset of a slice
    _, offsets, data = whole.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[: len(whole) + 1] if len(whole) else np.zeros(1, dtype=np.int32)
    text = np.frombuffer(data, dtype=np.uint8) if data is not None else np.empty(0, dtype=np.uint8)
    return ends - ends[0], text[ends[0] : ends[-1]], present


def task_problems(ids: NDArray[np.int64], field: str, code: str, message: str) -> pa.Table:
    """Make a problem of each of these tasks; nothing is dropped."""
    count = len(ids)
    known = {
        "task_id": pa.array(ids, pa.int64()),
        "field": pa.array([field] * count, pa.string()),
        "code": pa.array([code] * count, pa.string()),
        "message": pa.array([message] * count, pa.string()),
        "dropped": pa.array([False] * count, pa.bool_()),
    }
    columns = [known[one.name] if one.name in known else pa.nulls(count, one.type) for one in PROBLEM_SCHEMA]
    return pa.Table.from_arrays(columns, schema=PROBLEM_SCHEMA)


def repeated_annotations(annotations: pa.Table, tasks: NDArray[np.int64]) -> pa.Table:
    """Report annotations that stand in several files of these tasks, which have a file per annotation."""
    if not len(tasks):
        return PROBLEM_SCHEMA.empty_table()
    rows = np.flatnonzero(np.isin(annotations["task_id"].to_numpy(), tasks))
    keys = annotations.select(["task_id", "source", "annotation_id"]).take(pa.array(rows))
    groups = keys.group_by(["task_id", "source", "annotation_id"], use_threads=False).aggregate([([], "count_all")])
    again = groups.filter(pc.and_(pc.greater(groups["count_all"], 1), groups["annotation_id"].is_valid()))
    message = "the annotation stands in several files; all of them were read"
    made = task_problems(again["task_id"].to_numpy(), "id", "repeated_annotation", message)
    at = made.schema.get_field_index("annotation_id")
    return made.set_column(at, made.schema.field(at), again["annotation_id"])


def merged_controls(tables: Iterable[pa.Table | None]) -> pa.Table | None:
    """Return the controls of several batches: what is said of a control first holds, its answers add up.

    A status that had several values elsewhere, where it was not called the status, is none.
    """
    given = [table for table in tables if table is not None]
    if not given:
        return None
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    no_status: set[str] = set()
    for table in given:
        for row in table.to_pylist():
            key = (row["name"], row["kind"], row["scope"])
            before = rows.setdefault(key, {**row, "count": 0})
            before["count"] += row["count"] or 0
            for name, value in row.items():
                before[name] = value if before.get(name) is None else before[name]
            before["several"] = bool(before.get("several") or row.get("several"))
            no_status.update([row["name"]] if row.get("several") and row["role"] != "status" else [])
    for row in rows.values():
        if row["role"] == "status" and row["name"] in no_status:
            row["role"] = None
    return pa.Table.from_pylist(list(rows.values()), schema=given[0].schema)


def merged_tasks(tasks: pa.Table, joined: NDArray[np.int64]) -> tuple[pa.Table, pa.Table]:
    """Make one row of each of these tasks, whose annotations stand in files of their own.

    Returns the tasks, and a problem for each whose files disagree about its data. All rows of a task must be there.
    """
    ids = tasks["task_id"].to_numpy()
    again = np.isin(ids, joined)
    if not again.any():
        return tasks, PROBLEM_SCHEMA.empty_table()
    first = np.append(True, ids[1:] != ids[:-1]) | ~again
    place = np.cumsum(first) - 1
    data = tasks["data"].to_pylist()
    leader = np.flatnonzero(first)[place]
    others = np.flatnonzero(~first).tolist()
    differing = np.unique([ids[row] for row in others if data[row] not in (None, data[leader[row]])]).astype(np.int64)
    kept = tasks.filter(pa.array(first))
    for name in TASK_COUNTS:
        total = np.zeros(kept.num_rows, dtype=np.int64)
        np.add.at(total, place, tasks[name].to_numpy())
        at = kept.schema.get_field_index(name)
        kept = kept.set_column(at, kept.schema.field(at), pa.array(total, kept.schema.field(at).type))
    message = "the files of this task's annotations disagree about the task's data; the first was taken"
    return kept, task_problems(differing, "data", "task_differs", message)


def merged_pages(pages: pa.Table, spread: NDArray[np.int64], found: list[pa.Table]) -> pa.Table:
    """Make one row of each page of these tasks, whose regions came in several batches; sorted by task and page.

    What the batches disagree about is unknown; other than the size, which is told elsewhere, it is a problem.
    """
    again = np.isin(pages["task_id"].to_numpy(), spread)
    if not again.any():
        return pages
    rows: dict[tuple[int, int], dict[str, Any]] = {}
    unknown: dict[str, set[tuple[int, int]]] = {name: set() for name in pages.column_names}
    for row in pages.filter(pa.array(again)).to_pylist():
        key = (row["task_id"], row["page"])
        before = rows.setdefault(key, {**row, "n_regions": 0})
        before["n_regions"] += (own := row.pop("n_regions"))
        for name in ("width", "height"):
            # A page with regions and without a size has several.
            if own and row[name] is None:
                unknown[name].add(key)
        for name, value in row.items():
            if before[name] is None:
                before[name] = value
            elif value not in (None, before[name]) and name != "image":
                unknown[name].add(key)
    for name, keys in unknown.items():
        for key in keys:
            rows[key][name] = None
        if keys and name not in ("width", "height"):
            message = f"the task stands in the files more than once, with different values for {name}; it is unknown"
            tasks = np.array(sorted({task for task, _ in keys}), dtype=np.int64)
            found.append(task_problems(tasks, "data", "field_differs", message))
    joined = pa.Table.from_pylist(list(rows.values()), schema=pages.schema)
    whole = pa.concat_tables([pages.filter(pa.array(~again)), joined])
    return whole.take(pa.array(np.lexsort((whole["page"].to_numpy(), whole["task_id"].to_numpy()))))


#: Problems of a task, or of a page, that are told once, however many batches noticed.
ONCE = ("repeated_task", "image_size_differs", "task_differs", "field_differs")


def merged_problems(problems: pa.Table) -> pa.Table:
    """Keep one of the problems that several batches have told of one task."""
    codes = problems["code"]
    chosen = np.flatnonzero(pc.is_in(codes, pa.array(ONCE)).to_numpy(zero_copy_only=False))
    if len(chosen) < 2:
        return problems
    seen: set[tuple[Any, ...]] = set()
    dropped = []
    for row, told in zip(chosen.tolist(), problems.take(pa.array(chosen)).to_pylist(), strict=True):
        key = (told["task_id"], told["page"], told["code"], told["message"])
        if key in seen:
            dropped.append(row)
        seen.add(key)
    kept = np.ones(problems.num_rows, dtype=bool)
    kept[dropped] = False
    return problems.filter(pa.array(kept))


def concat_exports(exports: Sequence[Export]) -> Export:
    """Make one export of several, in their order; tasks that stand in more than one of them are reported."""
    if len(exports) == 1:
        return exports[0]
    tables: dict[str, Any] = {}
    for one in fields(Export):
        values = [getattr(export, one.name) for export in exports]
        if one.name == "controls":
            tables[one.name] = merged_controls(values)
        elif all(isinstance(value, pa.Table) for value in values):
            tables[one.name] = concat(values).combine_chunks()
    starts = np.cumsum([0, *(export.annotations.num_rows for export in exports)])
    tables["annotation_rows"] = np.concatenate(
        [export.annotation_rows + start for export, start in zip(exports, starts[:-1], strict=True)]
    )
    tables["regions"] = Regions(
        concat_polygons([export.regions.polygons for export in exports]),
        concat([export.regions.table for export in exports]).combine_chunks(),
    )
    ids = [np.unique(export.tasks["task_id"].to_numpy()) for export in exports]
    unique, counts = np.unique(np.concatenate(ids), return_counts=True)
    joined = replace(exports[0], **tables)
    again = repeated_tasks(pa.table({"task_id": np.repeat(unique[counts > 1], 2)}))
    return replace(joined, problems=pa.concat_tables([joined.problems, again])) if again.num_rows else joined


def concat_polygons(batches: Sequence[Polygons]) -> Polygons:
    """Return the outlines of all batches, one after another."""
    ragged = [batch.to_ragged() for batch in batches]
    xy = np.concatenate([part[0] for part in ragged]) if ragged else np.empty((0, 2))
    offsets = []
    for level in (1, 2):
        shift = np.cumsum([0, *(int(part[level][-1]) for part in ragged)])
        if shift[-1] >= 2**31:
            raise OverflowError(f"{shift[-1]} vertices do not fit 32-bit offsets; read fewer files at a time")
        parts = [part[level][1:] + start for part, start in zip(ragged, shift[:-1].tolist(), strict=True)]
        offsets.append(np.concatenate([np.zeros(1, dtype=np.int64), *parts]).astype(np.int32))
    return Polygons._trusted((xy, offsets[0], offsets[1]))
