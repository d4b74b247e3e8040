"""The review queue as the report shows it, and the priority of each page."""

from __future__ import annotations

import json
from typing import Any

from .run import Run, rows_of
from .text import image_name

__all__ = ["MOST_QUEUED", "priorities", "queue"]

#: Rows of the queue that are shown; the table has all.
MOST_QUEUED = 200
KEPT = "rank task_id page priority n_flagged n_lesions score_min".split()


def queue(run: Run) -> dict[str, Any]:
    """Return the first rows of the queue."""
    table = run.table("queue")
    if table is None:
        return {"rows": [], "n": 0}
    rows = []
    for number, row in enumerate(rows_of(table, MOST_QUEUED), 1):
        kept = {name: row.get(name) for name in KEPT}
        kept["rank"] = kept["rank"] if kept["rank"] is not None else number
        kept["image_name"] = image_name(row.get("image"))
        kept["reasons"] = reasons_of(row.get("reasons"))
        pair = [row.get(f"worst_annotator_{side}", row.get(f"annotator_{side}")) for side in "ab"]
        kept["annotators"] = [name for name in pair if name is not None]
        rows.append(kept)
    return {"rows": rows, "n": table.num_rows}


def priorities(run: Run, pages: set[tuple[int, int]]) -> dict[tuple[int, int], tuple[float | None, list[str]]]:
    """Priority and reasons of these tasks and pages, those that are queued."""
    table = run.columns("queue", ["task_id", "page", "priority", "reasons"])
    if table is None or "task_id" not in table.column_names:
        return {}
    whole = table.column_names
    pages_of = table["page"].to_pylist() if "page" in whole else [0] * table.num_rows
    found: dict[tuple[int, int], tuple[float | None, list[str]]] = {}
    for row, key in enumerate(zip(table["task_id"].to_pylist(), pages_of, strict=True)):
        if key in pages and key not in found:
            priority = table["priority"][row].as_py() if "priority" in whole else None
            reasons = reasons_of(table["reasons"][row].as_py() if "reasons" in whole else None)
            found[key] = (priority, reasons)
    return found


def reasons_of(value: Any) -> list[str]:
    """Return the reasons of a row: a list, of CSV the JSON of one.

    Examples
    --------
    >>> reasons_of('["dice < 0.7"]'), reasons_of(None), reasons_of("missing; near_miss")
    (['dice < 0.7'], [], ['missing', 'near_miss'])
    """
    if value is None:
        return []
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = [part.strip() for part in value.split(";")]
    listed = value if isinstance(value, list) else [value]
    return [str(one) for one in listed if one is not None]
