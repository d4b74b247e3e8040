"""Looks at the tables of an export for what identifies people."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from ..read import Export
from ..regions import FIXED
from .patterns import Hit
from .walk import Place, Walk

__all__ = ["look_at"]

Tell: TypeAlias = "Callable[[str, Place, str, str | None], None]"
More: TypeAlias = "Callable[[str], Iterator[Hit]]"
#: Microseconds: Label Studio is younger, so earlier times were moved by `private`.
YEAR_2010 = 1_262_304_000_000_000
PLACES = {"task_id": "task", "page": "page", "annotation_id": "annotation", "region_id": "region"}


def look_at(export: Export, tell: Tell, more: More | None = None) -> None:
    """Tell what identifies people in an export.

    Parameters
    ----------
    export : Export
        What was read, or what `private` left of it.
    tell : callable
        Told kind, place, path of the field and masked excerpt of each finding. O(n), once per different text.
    more : callable, optional
        More hits in a text, see `Walk`.
    """
    regions = export.regions.table
    answers = [name for name in regions.column_names if name not in FIXED]
    for table, of, names in (
        (regions, "regions", ["meta_text", "label", "annotator", *answers]),
        (export.pages, "pages", ["image", "patient"]),
        (export.answers, "answers", ["text"]),
        (export.annotations, "annotations", ["annotator", "model_version"]),
        (export.problems, "problems", ["field", "message"]),
        (export.tasks, "tasks", ["file"]),
    ):
        for name in names:
            if pa.types.is_string(table.schema.field(name).type):
                _column(table, name, f"{of}.{name}", tell, more)
    _data(export.tasks, tell, more)
    dated = export.pages.filter(pc.is_valid(export.pages["visit_date"])).select(["task_id", "page"])
    for row in dated.to_pylist():
        tell("date", Place(task=row["task_id"], page=row["page"]), "pages.visit_date", "####-##-##")
    times = pc.min(export.annotations["created_at"].cast(pa.int64())).as_py()
    if times is not None and times >= YEAR_2010:
        tell("time", Place(), "annotations.created_at", None)


def _column(table: pa.Table, name: str, path: str, tell: Tell, more: More | None) -> None:
    """Look at the different texts of a column, then for the places of those that are findings."""
    kind = "patient_id" if name == "patient" else None
    found: dict[str, list[tuple[str, str | None]]] = {}
    own: list[tuple[str, str | None]] = []
    walk = Walk(lambda kind, _place, _path, excerpt: own.append((kind, excerpt)), more)
    for text in table[name].unique().to_pylist():
        if text is not None:
            walk.text(text, "", kind)
            if own:
                found[text] = own.copy()
                own.clear()
    if not found:
        return
    rows = table.filter(pc.is_in(table[name], pa.array(list(found), pa.string())))
    places = {column: own for column, own in PLACES.items() if column in rows.column_names}
    for row in rows.select([*places, name]).to_pylist():
        place = Place(**{own: row[column] for column, own in places.items()})
        for hit, excerpt in found[row[name]]:
            tell(hit, place, path, excerpt)


def _data(tasks: pa.Table, tell: Tell, more: More | None) -> None:
    walk = Walk(tell, more)
    for row in tasks.filter(pc.is_valid(tasks["data"])).select(["task_id", "data"]).to_pylist():
        try:
            data: Any = json.loads(row["data"])
            walk.task({"id": row["task_id"], "data": data})
        except (ValueError, RecursionError):
            tell("not_looked_at", Place(task=row["task_id"]), "data", None)
