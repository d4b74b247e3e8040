"""Columns of the core become an export: tables, outlines, and checks that need both."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from ..polygons import Polygons
from ..regions import Regions
from .export import Export
from .problems import invalid_outlines, read_problems, repeated_tasks, sizes_differ
from .tables import annotation_table, answer_table, judged, region_table, relation_table, task_table

__all__ = ["assemble"]


def assemble(columns: dict[str, Any], *, threads: int | None) -> Export:
    """Make an export of what the core has read."""
    tasks = task_table(columns["tasks"])
    annotations = annotation_table(columns["annotations"], tasks)
    polygons = Polygons._trusted(columns["regions"]["outlines"])
    codes = judged(polygons._resolve(threads)[0], columns["regions"]["kind"])
    regions = region_table(columns, annotations, tasks, codes)
    answers = answer_table(columns, annotations)
    problems = pa.concat_tables(
        [
            read_problems(columns["problems"], tasks, annotations),
            invalid_outlines(regions, codes),
            sizes_differ(regions),
            repeated_tasks(tasks),
        ]
    )
    return Export(
        regions=Regions(polygons, regions),
        annotations=annotations.drop_columns(["task"]),
        answers=answers,
        tasks=tasks,
        relations=relation_table(columns, annotations),
        problems=problems,
        annotation_rows=columns["regions"]["annotation"].astype(np.int64),
    )
