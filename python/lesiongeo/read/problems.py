"""Everything odd in an export, as rows of one table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..arrow import nullable, strings
from ..polygons import PROBLEMS

__all__ = [
    "PROBLEM_SCHEMA",
    "ProblemRows",
    "columns_surplus",
    "invalid_outlines",
    "read_problems",
    "repeated_in_task",
    "repeated_tasks",
    "sizes_differ",
    "superseded_problems",
]

NO_ROW = np.iinfo(np.uint32).max

REASONS = {
    "empty": "the region has no vertex; redraw or delete it",
    "too_few_points": "fewer than three distinct points; redraw or delete the region",
    "zero_area": "the outline encloses nothing; redraw or delete the region",
    "self_overlap": "the outline crosses itself or covers a place twice; its non-zero interior was taken, redraw it",
}


PROBLEM_SCHEMA = pa.schema(
    [
        ("task_id", pa.int64()),
        ("page", pa.int32()),
        ("annotation_id", pa.int64()),
        ("region_id", pa.string()),
        ("field", pa.string()),
        ("code", pa.string()),
        ("message", pa.string()),
        ("dropped", pa.bool_()),
    ]
)


@dataclass(slots=True)
class ProblemRows:
    """Rows of the table of problems, gathered one by one; for what is rare."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def add(
        self,
        task_id: int | None,
        *,
        field: str,
        code: str,
        message: str,
        page: int | None = None,
        annotation_id: int | None = None,
        region_id: str | None = None,
    ) -> None:
        """Add a row; nothing is dropped because of it."""
        self.rows.append((task_id, page, annotation_id, region_id, field, code, message, False))

    def table(self) -> pa.Table:
        """Return the rows in the order in which they came."""
        columns = list(zip(*self.rows, strict=True)) or [()] * len(PROBLEM_SCHEMA)
        arrays = [pa.array(column, own.type) for column, own in zip(columns, PROBLEM_SCHEMA, strict=True)]
        return pa.Table.from_arrays(arrays, schema=PROBLEM_SCHEMA)


def read_problems(own: dict[str, Any], tasks: pa.Table, annotations: pa.Table) -> pa.Table:
    """What the core reported."""
    columns = [
        tasks["task_id"].take(pa.array(own["task"], mask=own["task"] == NO_ROW)).combine_chunks(),
        nullable(own["page"], own["page"] < 0),
        annotations["annotation_id"]
        .take(pa.array(own["annotation"], mask=own["annotation"] == NO_ROW))
        .combine_chunks(),
        strings(own["region_id"]),
        strings(own["field"]),
        strings(own["code"]),
        strings(own["message"]),
        pa.array(own["dropped"]),
    ]
    return pa.Table.from_arrays(columns, schema=PROBLEM_SCHEMA)


def _report(regions: pa.Table, field: str, code: Any, message: Any) -> pa.Table:
    """Make a problem of each of these regions; nothing is dropped."""
    count = regions.num_rows
    spread = [pa.array([text] * count, pa.string()) if isinstance(text, str) else text for text in (code, message)]
    place = [regions[name].combine_chunks() for name in ("task_id", "page", "annotation_id", "region_id")]
    dropped = pa.array(np.zeros(count, dtype=bool))
    columns = [*place, pa.array([field] * count, pa.string()), *spread, dropped]
    return pa.Table.from_arrays(columns, schema=PROBLEM_SCHEMA)


def invalid_outlines(regions: pa.Table, codes: NDArray[np.uint8]) -> pa.Table:
    """Report outlines that cross themselves or enclose nothing."""
    wrong = np.flatnonzero(codes != 0)
    names = [str(PROBLEMS[code]) for code in codes[wrong].tolist()]
    messages = [REASONS[name] for name in names]
    return _report(
        regions.take(pa.array(wrong)), "value", pa.array(names, pa.string()), pa.array(messages, pa.string())
    )


def sizes_differ(regions: pa.Table) -> pa.Table:
    """Report pages whose regions record different image sizes: their pixels cannot be compared."""
    task, page, width, height = (regions[name].to_numpy() for name in ("task_id", "page", "width", "height"))
    starts = np.ones(len(task), dtype=bool)
    starts[1:] = False
    for column in (task, page, width, height):
        starts[1:] |= column[1:] != column[:-1]
    # Neighbours are mostly of one page and size: little is left to sort.
    rows = np.flatnonzero(starts)
    number = np.unique(task[rows], return_inverse=True)[1]
    size = width[rows].astype(np.int64) << 32 | height[rows]
    _, first, place = np.unique(number.astype(np.int64) << 32 | page[rows], return_index=True, return_inverse=True)
    differ = np.unique(place[size != size[first[place]]])
    rows = rows[np.sort(first[differ])]
    chosen = pa.table(
        {
            "task_id": pa.array(task[rows], pa.int64()),
            "page": pa.array(page[rows], pa.int32()),
            "annotation_id": pa.nulls(len(rows), pa.int64()),
            "region_id": pa.nulls(len(rows), pa.string()),
        }
    )
    message = "regions of one page record different image sizes, so their pixels cannot be compared; check the image"
    return _report(chosen, "original_width", "image_size_differs", message)


def superseded_problems(annotations: pa.Table) -> pa.Table:
    """Report annotations that a later one by the same person replaces."""
    place = annotations.select(["task_id", "annotation_id"])
    count = place.num_rows
    place = place.append_column("page", pa.nulls(count, pa.int32()))
    place = place.append_column("region_id", pa.nulls(count, pa.string()))
    message = "the same person annotated the task again; only the newest annotation was compared"
    return _report(place, "completed_by", "superseded", message)


def repeated_tasks(tasks: pa.Table) -> pa.Table:
    """Report tasks that stand in the files more than once."""
    ids, counts = np.unique(tasks["task_id"].to_numpy(), return_counts=True)
    again = ids[counts > 1]
    place = pa.table(
        {
            "task_id": pa.array(again, pa.int64()),
            "page": pa.nulls(len(again), pa.int32()),
            "annotation_id": pa.nulls(len(again), pa.int64()),
            "region_id": pa.nulls(len(again), pa.string()),
        }
    )
    message = "the task stands in the files more than once; its annotations were put together"
    return _report(place, "id", "repeated_task", message)


def repeated_in_task(annotations: pa.Table, partial: NDArray[np.bool_]) -> pa.Table:
    """Report annotations that stand twice in one task; of tasks that were read whole, so that batches tell the same."""
    own = annotations.select(["task", "source", "annotation_id"])
    wanted = ~partial[own["task"].to_numpy()] & own["annotation_id"].is_valid().to_numpy()
    own = own.filter(pa.array(wanted))
    if pc.count_distinct(own["annotation_id"]).as_py() == own.num_rows:
        return PROBLEM_SCHEMA.empty_table()
    groups = own.group_by(own.column_names, use_threads=False).aggregate([([], "count_all")])
    again = groups.filter(pc.greater(groups["count_all"], 1))
    first = pc.index_in(again["task"], annotations["task"])
    place = pa.table(
        {
            "task_id": annotations["task_id"].take(first),
            "page": pa.nulls(again.num_rows, pa.int32()),
            "annotation_id": again["annotation_id"],
            "region_id": pa.nulls(again.num_rows, pa.string()),
        }
    )
    message = "the annotation stands more than once in its task; all of them were read"
    return _report(place, "id", "repeated_annotation", message)


def columns_surplus(names: set[int], most: int) -> ProblemRows:
    """Report that a table of regions would have too many columns."""
    rows = ProblemRows()
    if names:
        message = (
            f"regions have answers of more than {most} controls; those of the {len(names)} least used have no column "
            "and stand in `answers`, without their region. Is `from_name` damaged?"
        )
        rows.add(None, field="from_name", code="too_many_controls", message=message)
    return rows
