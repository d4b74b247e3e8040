"""Whether two exports hold the same, told table by table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from lesiongeo import Export

TABLES = ("annotations", "answers", "relations", "tasks", "pages")


def rows(table: pa.Table) -> list[dict[str, Any]]:
    """Rows with their columns by name, NaN as text so that it equals itself."""
    found: list[dict[str, Any]] = table.select(sorted(table.column_names)).to_pylist()
    return found


def problems(export: Export) -> list[str]:
    """All problems, in no order."""
    return sorted(map(str, export.problems.to_pylist()))


def controls(export: Export) -> list[str]:
    return sorted(map(str, export.controls.to_pylist()))


def assert_same(one: Export, other: Export, *, problems_too: bool = True) -> None:
    """The same rows in the same order, outlines to the bit; problems and controls in any order."""
    for name in TABLES:
        assert rows(getattr(one, name)) == rows(getattr(other, name)), name
    assert rows(one.regions.table) == rows(other.regions.table)
    for mine, theirs in zip(one.regions.polygons.to_ragged(), other.regions.polygons.to_ragged(), strict=True):
        assert mine.dtype == theirs.dtype and mine.shape == theirs.shape
        assert mine.tobytes() == theirs.tobytes()
    assert one.annotation_rows.tolist() == other.annotation_rows.tolist()
    assert controls(one) == controls(other)
    if problems_too:
        assert problems(one) == problems(other)


def in_file_order(export: Export) -> Export:
    """The export as Parquet has it: tables by task, regions by task, page and annotation, then as they stood."""
    tables: dict[str, pa.Table] = {}
    for name in (*TABLES, "problems"):
        table = getattr(export, name)
        keys = [(row is None, row) for row in table["task_id"].to_pylist()]
        tables[name] = table.take(pa.array(sorted(range(len(keys)), key=keys.__getitem__), pa.int64()))
    own = export.annotations["task_id"].to_pylist()
    order = sorted(range(len(own)), key=own.__getitem__)
    place = {row: at for at, row in enumerate(order)}
    columns = [export.regions.table[name].to_pylist() for name in ("task_id", "page", "annotation_id")]
    keys = [(task, page, number is None, number or 0) for task, page, number in zip(*columns, strict=True)]
    regions = np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)
    return Export(
        regions=export.regions.take(regions),
        annotation_rows=np.array([place[row] for row in export.annotation_rows[regions].tolist()], dtype=np.int64),
        controls=export.controls,
        **tables,
    )
