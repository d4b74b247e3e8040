"""Columns of the core become an export: tables, outlines, and checks that need both."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from ..polygons import Polygons
from ..regions import Regions
from .controls import control_table
from .drift import drift_problems
from .export import Export
from .fields import TaskFields, read_fields
from .options import ReadOptions
from .pages import drawn, page_table
from .problems import (
    columns_surplus,
    invalid_outlines,
    read_problems,
    repeated_in_task,
    repeated_tasks,
    sizes_differ,
)
from .tables import (
    MOST_COLUMNS,
    annotation_table,
    answer_table,
    judged,
    region_table,
    relation_table,
    surplus_names,
    task_table,
    with_fields,
)

__all__ = ["assemble"]


def assemble(columns: dict[str, Any], options: ReadOptions, *, threads: int | None, whole: bool = True) -> Export:
    """Make an export of what the core has read.

    Parameters
    ----------
    columns : dict
        What the core returns.
    options : ReadOptions
        Configuration, data fields, roles.
    threads : int or None
        Number of threads.
    whole : bool, default True
        Whether this is all there is. Of a batch, problems that only the whole can tell (a role's control that nobody
        used, controls that change) are left to `whole_problems` with the merged controls.
    """
    tasks = task_table(columns["tasks"], columns.get("files"))
    where = drawn(columns, columns["annotations"]["task"])
    fields = TaskFields()
    if options.reads_data:
        fields = read_fields(tasks, where.named_pages(tasks.num_rows).tolist(), options)
        tasks = with_fields(tasks, fields)
    annotations = annotation_table(columns["annotations"], tasks)
    polygons = Polygons._trusted(columns["regions"]["outlines"])
    codes = judged(polygons._verdicts(threads), columns["regions"]["kind"])
    regions = region_table(columns, annotations, tasks, codes)
    answers = answer_table(columns, annotations)
    sizes = columns["regions"]["width"], columns["regions"]["height"]
    pages, page_problems = page_table(tasks, where, sizes, fields, options)
    controls = control_table(columns, options)
    problems = pa.concat_tables(
        [
            read_problems(columns["problems"], tasks, annotations),
            invalid_outlines(regions, codes),
            sizes_differ(regions),
            repeated_tasks(tasks),
            repeated_in_task(annotations, columns["tasks"]["partial"]),
            fields.problems.table(),
            page_problems.table(),
            columns_surplus(surplus_names(columns), MOST_COLUMNS).table(),
            drift_problems(columns, options, controls, regions, answers, whole=whole),
        ]
    )
    return Export(
        regions=Regions(polygons, regions),
        annotations=annotations.drop_columns(["task"]),
        answers=answers,
        tasks=tasks,
        relations=relation_table(columns, annotations),
        pages=pages,
        controls=controls,
        problems=problems,
        annotation_rows=columns["regions"]["annotation"].astype(np.int64),
    )
