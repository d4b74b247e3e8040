"""Columns of the core become the Arrow tables of an export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..arrow import lists, nullable, numbers, strings, timestamps
from ..polygons import PROBLEMS
from ..regions import WITHOUT_INTERIOR, column_of
from .fields import TaskFields
from .pages import task_patients

__all__ = [
    "MOST_COLUMNS",
    "annotation_table",
    "answer_table",
    "by_name",
    "judged",
    "region_table",
    "relation_table",
    "surplus",
    "surplus_names",
    "task_table",
    "with_fields",
]

#: No row, no name.
NO_ROW = np.iinfo(np.uint32).max
SOURCES = ("annotation", "prediction", "draft")
#: As the core numbers them.
KINDS = ("polygon", "rectangle", "ellipse", "brush", "bitmask", "vector", "keypoint", "line")
NUMERIC_CONTROLS = frozenset(("number", "rating"))


#: Columns of answers that a table of regions has at most. No project asks so much; a damaged or malicious file could
#: name a control of its own in every region, and so fill the memory with columns of nulls.
MOST_COLUMNS = 256
#: Columns of an annotation that its regions have too.
OF_ANNOTATION = (
    "task_id annotation_id annotator source ground_truth cancelled created_at updated_at lead_time_s".split()
)


def task_table(columns: dict[str, Any], files: Sequence[str] | None) -> pa.Table:
    """Make the table of tasks; patients come later."""
    count = len(columns["task_id"])
    return pa.table(
        {
            "task_id": pa.array(columns["task_id"]),
            "inner_id": _ids(columns["inner_id"]),
            "images": lists(columns["images"]),
            "data": strings(columns["data"]),
            "n_annotations": pa.array(columns["n_annotations"]),
            "n_predictions": pa.array(columns["n_predictions"]),
            "n_drafts": pa.array(columns["n_drafts"]),
            "patient": pa.nulls(count, pa.string()),
            "file": pa.nulls(count, pa.string()) if files is None else _words(files, columns["file"]),
        }
    )


def with_fields(tasks: pa.Table, fields: TaskFields) -> pa.Table:
    """Put in what the fields of the data say of images and patients."""
    if fields.images is not None:
        column = pa.array(fields.images, pa.list_(pa.string()))
        tasks = tasks.set_column(tasks.column_names.index("images"), "images", column)
    if fields.patient.task:
        column = task_patients(tasks.num_rows, fields.patient)
        tasks = tasks.set_column(tasks.column_names.index("patient"), "patient", column)
    return tasks


def annotation_table(columns: dict[str, Any], tasks: pa.Table) -> pa.Table:
    """Make the table of annotations; its column `task` is the row of the task."""
    task = pa.array(columns["task"])
    return pa.table(
        {
            "task": task,
            "task_id": tasks["task_id"].take(task),
            "annotation_id": _ids(columns["annotation_id"]),
            "source": _words(SOURCES, columns["source"]),
            "annotator": strings(columns["annotator"]),
            "cancelled": pa.array(columns["cancelled"]),
            "ground_truth": pa.array(columns["ground_truth"]),
            "created_at": timestamps(columns["created_at"]),
            "updated_at": timestamps(columns["updated_at"]),
            "lead_time_s": numbers(columns["lead_time_s"]),
            "n_regions": pa.array(columns["n_regions"]),
            "model_version": strings(columns["model_version"]),
            "score": numbers(columns["score"]),
            "parent_prediction": _ids(columns["parent_prediction"]),
            "parent_annotation": _ids(columns["parent_annotation"]),
        }
    )


def judged(codes: NDArray[np.uint8], kinds: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Take back the problems of outlines that need no interior: key points and lines have none to be wrong."""
    none = np.isin(kinds, [KINDS.index(kind) for kind in WITHOUT_INTERIOR])
    return np.where(none, np.uint8(0), codes)


def region_table(columns: dict[str, Any], annotations: pa.Table, tasks: pa.Table, codes: NDArray[np.uint8]) -> pa.Table:
    """Make the table of regions; `codes` are the problems of their outlines."""
    own = columns["regions"]
    row = own["annotation"]
    theirs = annotations.select(["task", *OF_ANNOTATION]).take(pa.array(row))
    labels = lists(own["labels"])
    has_label = np.diff(own["labels"][0]) > 0
    first_label = labels.values.take(pa.array(own["labels"][0][:-1], mask=~has_label))
    table = pa.table(
        {
            "task_id": theirs["task_id"],
            "page": pa.array(own["page"]),
            "image": _image(tasks, theirs["task"].to_numpy(), own["page"]),
            "width": pa.array(own["width"]),
            "height": pa.array(own["height"]),
            "annotation_id": theirs["annotation_id"],
            "annotator": theirs["annotator"],
            "region_id": strings(own["region_id"]),
            "kind": _words(KINDS, own["kind"]),
            "from_name": _names(columns, own),
            "label": first_label,
            "labels": labels,
            "score": numbers(own["score"]),
            "origin": strings(own["origin"]),
            "readonly": pa.array(own["readonly"]),
            "parent_id": strings(own["parent_id"]),
            "meta_text": strings(own["meta_text"]),
            "source": theirs["source"],
            "ground_truth": theirs["ground_truth"],
            "cancelled": theirs["cancelled"],
            "created_at": theirs["created_at"],
            "updated_at": theirs["updated_at"],
            "lead_time_s": theirs["lead_time_s"],
            "valid": pa.array(codes == 0),
            "problem": _words(PROBLEMS, codes),
        }
    )
    for name, column in _controls(columns, len(row)).items():
        table = table.append_column(column_of(name), column)
    return table.combine_chunks()


def _names(columns: dict[str, Any], own: dict[str, Any]) -> pa.Array:
    """Name the control that drew each region."""
    if "from_name" not in own:
        return pa.nulls(len(own["annotation"]), pa.string())
    code = own["from_name"]
    return pa.array(columns["names"], pa.string()).take(pa.array(code, mask=code == NO_ROW))


def by_name(names: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[np.int64]]:
    """Sort answers by the code of their control, each control's in their order: rows, codes, where each code starts."""
    # Codes of 16 bits are sorted by their digits, in linear time.
    small = names.astype(np.uint16) if len(names) and names.max() < 1 << 16 else names
    order = np.argsort(small, kind="stable")
    codes, starts = np.unique(small[order], return_index=True)
    return order, codes, starts


def surplus(columns: dict[str, Any]) -> NDArray[np.int64]:
    """Answers of regions that get no column: those of all but the `MOST_COLUMNS` controls that are used most."""
    if len(columns["names"]) <= MOST_COLUMNS:
        return np.empty(0, dtype=np.int64)
    names = columns["controls"]["name"]
    codes, counts = np.unique(names, return_counts=True)
    kept = codes[np.argsort(-counts, kind="stable")[:MOST_COLUMNS]]
    return np.flatnonzero(~np.isin(names, kept))


def surplus_names(columns: dict[str, Any]) -> set[int]:
    """Return the codes of the controls that get no column."""
    return set(columns["controls"]["name"][surplus(columns)].tolist())


def _controls(columns: dict[str, Any], rows: int) -> dict[str, pa.Array]:
    """Spread the answers of regions into a column per control; of several answers of one region the last counts."""
    controls = columns["controls"]
    text = strings(controls["text"])
    numeric = np.isin(controls["kind"], [i for i, kind in enumerate(columns["kinds"]) if kind in NUMERIC_CONTROLS])
    spread: dict[str, pa.Array] = {}
    left = surplus_names(columns)
    order, codes, starts = by_name(controls["name"])
    for code, chosen in zip(codes.tolist(), np.split(order, starts[1:]), strict=False):
        if code in left:
            continue
        name = columns["names"][code]
        entry = np.full(rows, -1, dtype=np.int64)
        entry[controls["row"][chosen]] = chosen
        missing = entry < 0
        given = np.where(missing, np.nan, controls["number"][np.where(missing, 0, entry)])
        if numeric[chosen].all():
            spread[name] = numbers(given)
            continue
        column = text.take(pa.array(entry, mask=missing))
        if not np.isnan(given).all():
            # A control that changed its type within one export keeps its numbers as text.
            column = pc.coalesce(column, pc.cast(numbers(given), pa.string()))
        spread[name] = column
    return spread


def _image(tasks: pa.Table, task: NDArray[Any], page: NDArray[np.int32]) -> pa.Array:
    """Look up the address of each region's page."""
    images = tasks["images"].combine_chunks()
    offsets = images.offsets.to_numpy()
    position = offsets[:-1][task].astype(np.int64) + page
    return images.values.take(pa.array(position, mask=position >= offsets[1:][task]))


def answer_table(columns: dict[str, Any], annotations: pa.Table) -> pa.Table:
    """Make the table of answers to pages and tasks, and of those of regions that get no column."""
    table = _answers(columns, columns["answers"], annotations)
    extra = surplus(columns)
    if not len(extra):
        return table
    regions, controls = columns["regions"], columns["controls"]
    row = controls["row"][extra]
    moved = {name: controls[name][extra] for name in ("name", "kind", "number")}
    moved |= {"row": regions["annotation"][row], "page": regions["page"][row]}
    moved["text"] = strings(controls["text"]).take(pa.array(extra))
    return pa.concat_tables([table, _answers(columns, moved, annotations)])


def _answers(columns: dict[str, Any], own: dict[str, Any], annotations: pa.Table) -> pa.Table:
    theirs = annotations.take(pa.array(own["row"]))
    return pa.table(
        {
            "task_id": theirs["task_id"],
            "page": nullable(own["page"], own["page"] < 0),
            "annotation_id": theirs["annotation_id"],
            "annotator": theirs["annotator"],
            "source": theirs["source"],
            "name": _words(columns["names"], own["name"]),
            "kind": _words(columns["kinds"], own["kind"]),
            "text": own["text"] if isinstance(own["text"], pa.Array) else strings(own["text"]),
            "number": numbers(own["number"]),
        }
    )


def relation_table(columns: dict[str, Any], annotations: pa.Table) -> pa.Table:
    """Make the table of relations between regions."""
    own = columns["relations"]
    theirs = annotations.take(pa.array(own["annotation"]))
    return pa.table(
        {
            "task_id": theirs["task_id"],
            "annotation_id": theirs["annotation_id"],
            "annotator": theirs["annotator"],
            "source": theirs["source"],
            "from_region": strings(own["from_id"]),
            "to_region": strings(own["to_id"]),
            "direction": strings(own["direction"]),
            "labels": lists(own["labels"]),
        }
    )


def _words(words: Sequence[str | None], codes: NDArray[Any]) -> pa.Array:
    return pa.array(words, pa.string()).take(pa.array(codes))


def _ids(values: NDArray[np.int64]) -> pa.Array:
    return nullable(values, values == np.iinfo(np.int64).min)
