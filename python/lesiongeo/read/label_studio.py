"""Label Studio's JSON export."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .. import _core
from ..arrow import lists, nullable, numbers, strings, timestamps
from ..errors import ExportError
from ..polygons import PROBLEMS, Polygons
from ..regions import RESERVED, Regions
from .export import Export

__all__ = ["Source", "read_label_studio"]

Source: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview"
Progress: TypeAlias = Callable[[int, int], object]

SOURCES = ("annotation", "prediction", "draft")
KINDS = ("polygon", "rectangle", "ellipse")
NUMERIC_CONTROLS = frozenset(("number", "rating"))
NO_ROW = np.iinfo(np.uint32).max

REASONS = {
    "empty": "the region has no vertex; redraw or delete it",
    "too_few_points": "fewer than three distinct points; redraw or delete the region",
    "zero_area": "the outline encloses nothing; redraw or delete the region",
    "self_overlap": "the outline crosses itself or covers a place twice; its non-zero interior was taken, redraw it",
}


def read_label_studio(
    source: Source | Sequence[Source],
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Export:
    """Read Label Studio's JSON export into regions with columns, in pixels.

    Polygons, rectangles and ellipses become outlines; the controls of a region (track id, status, notes) become
    columns named by their `from_name`. Whatever cannot be read or looks wrong is a row in `problems`, never dropped
    in silence.

    Parameters
    ----------
    source : path, bytes, or a sequence of them
        Files as Label Studio writes them with Export, JSON (also a snapshot), or their content.
    threads : int, optional
        Number of threads; by default see `num_threads`.
    progress : callable, optional
        Called as ``progress(done, total)`` about every 50 ms while a large file is parsed.

    Returns
    -------
    Export
        `regions.table`: task_id, page (from 0, `item_index`), image (without query string), width, height (px),
        annotation_id, annotator (user id as text; null where the user was deleted), region_id, kind (polygon,
        rectangle, ellipse), label (the first), labels, score, origin, source (annotation, prediction, draft),
        ground_truth, cancelled, created_at, updated_at, lead_time_s, valid, problem, then a column per control:
        numbers as float64, choices and texts as string, several values as a JSON list.

        `annotations`: task_id, annotation_id, source, annotator, cancelled, ground_truth, created_at, updated_at,
        lead_time_s, n_regions, model_version, score, parent_prediction, parent_annotation.

        `answers`: task_id, page (null for the whole task), annotation_id, annotator, source, name, kind, text, number.

        `tasks`: task_id, inner_id, images, data (JSON), n_annotations, n_predictions, n_drafts.

        `problems`: task_id, page, annotation_id, region_id, field, code, message, dropped.

    Raises
    ------
    ExportError
        A file that is no JSON, is cut off, or is no such export (JSON_MIN, COCO, ...): what it looks like, what to
        export instead, and the byte.
    FileNotFoundError, OSError
        A file that cannot be opened.

    Notes
    -----
    Points are percent of the image and become pixels as x / 100 * width. A rectangle turns about its top left corner in
    pixel space; an ellipse becomes a polygon of exactly its area, within 0.05 px of it. E-mail addresses and names
    never leave the reader: annotators are ids. Of several entries with one id the shape is taken once. O(bytes).

    Examples
    --------
    >>> import lesiongeo as lg
    >>> text = b'''[{"id": 7, "data": {"image": "mole.png"}, "annotations": [{"id": 1, "completed_by": 4, "result": [
    ...   {"id": "r", "type": "polygonlabels", "from_name": "lesion", "original_width": 200, "original_height": 100,
    ...    "value": {"points": [[10, 10], [20, 10], [20, 30]], "polygonlabels": ["nevus"]}},
    ...   {"id": "r", "type": "number", "from_name": "track_id", "value": {"number": 2}}]}]}]'''
    >>> export = lg.read_label_studio(text)
    >>> export
    <Export: 1 tasks, 1 annotations, 1 regions, 0 problems>
    >>> export.regions.table.select(["task_id", "annotator", "label", "track_id"]).to_pylist()
    [{'task_id': 7, 'annotator': '4', 'label': 'nevus', 'track_id': 2.0}]
    >>> lg.area(export.regions).tolist()
    [200.0]
    """
    columns = _core.read_label_studio(_contents(source), threads=threads, progress=progress)
    tasks = _tasks(columns["tasks"])
    annotations = _annotations(columns["annotations"], tasks)
    polygons = Polygons._trusted(columns["regions"]["outlines"])
    codes = polygons._resolve(threads)[0]
    regions = _regions(columns, annotations, tasks, codes)
    answers = _answers(columns, annotations)
    problems = pa.concat_tables(
        [
            _problems(columns["problems"], tasks, annotations),
            _invalid(regions, codes),
            _sizes_differ(regions),
            _repeated_tasks(tasks),
        ]
    )
    return Export(
        regions=Regions(polygons, regions),
        annotations=annotations.drop_columns(["task"]),
        answers=answers,
        tasks=tasks,
        problems=problems,
        annotation_rows=columns["regions"]["annotation"].astype(np.int64),
    )


def _contents(source: Source | Sequence[Source]) -> list[tuple[str, bytes]]:
    if isinstance(source, dict):
        raise TypeError("a source is a dict; pass paths or bytes, not parsed JSON")
    single = isinstance(source, str | os.PathLike | bytes | bytearray | memoryview)
    listed: Iterable[Any] = [source] if single else source  # type: ignore[assignment]
    contents = []
    for item in listed:
        if isinstance(item, bytes | bytearray | memoryview):
            contents.append(("<bytes>", bytes(item)))
        elif isinstance(item, str | os.PathLike):
            contents.append((Path(item).name, Path(item).read_bytes()))
        else:
            raise TypeError(f"a source is a {type(item).__name__}; pass paths or bytes, not parsed JSON")
    if not contents:
        raise ExportError("no file was given; pass at least one export")
    return contents


def _tasks(columns: dict[str, Any]) -> pa.Table:
    return pa.table(
        {
            "task_id": pa.array(columns["task_id"]),
            "inner_id": _ids(columns["inner_id"]),
            "images": lists(columns["images"]),
            "data": strings(columns["data"]),
            "n_annotations": pa.array(columns["n_annotations"]),
            "n_predictions": pa.array(columns["n_predictions"]),
            "n_drafts": pa.array(columns["n_drafts"]),
        }
    )


def _annotations(columns: dict[str, Any], tasks: pa.Table) -> pa.Table:
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


def _regions(columns: dict[str, Any], annotations: pa.Table, tasks: pa.Table, codes: NDArray[np.uint8]) -> pa.Table:
    own = columns["regions"]
    row = own["annotation"]
    theirs = annotations.take(pa.array(row))
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
            "label": first_label,
            "labels": labels,
            "score": numbers(own["score"]),
            "origin": strings(own["origin"]),
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
        # A control that is called like a column of ours keeps its values under a name that says so.
        while name in RESERVED or name in table.column_names:
            name = f"control_{name}"
        table = table.append_column(name, column)
    return table.combine_chunks()


def _controls(columns: dict[str, Any], rows: int) -> dict[str, pa.Array]:
    """Spread the answers of regions into a column per control; of several answers of one region the last counts."""
    controls = columns["controls"]
    text = strings(controls["text"])
    numeric = np.isin(controls["kind"], [i for i, kind in enumerate(columns["kinds"]) if kind in NUMERIC_CONTROLS])
    spread = {}
    for code, name in enumerate(columns["names"]):
        chosen = np.flatnonzero(controls["name"] == code)
        if not len(chosen):
            continue
        entry = np.full(rows, -1, dtype=np.int64)
        entry[controls["row"][chosen]] = chosen
        missing = entry < 0
        given = np.where(missing, np.nan, controls["number"][np.where(missing, 0, entry)])
        if numeric[chosen].all():
            spread[name] = numbers(given)
            continue
        column = text.take(pa.array(entry, mask=missing))
        # A control that changed its type within one export keeps its numbers as text.
        written = pc.cast(numbers(given), pa.string())
        spread[name] = pc.coalesce(column, written)
    return spread


def _image(tasks: pa.Table, task: NDArray[Any], page: NDArray[np.int32]) -> pa.Array:
    """Look up the address of each region's page."""
    images = tasks["images"].combine_chunks()
    offsets = images.offsets.to_numpy()
    position = offsets[:-1][task].astype(np.int64) + page
    return images.values.take(pa.array(position, mask=position >= offsets[1:][task]))


def _answers(columns: dict[str, Any], annotations: pa.Table) -> pa.Table:
    own = columns["answers"]
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
            "text": strings(own["text"]),
            "number": numbers(own["number"]),
        }
    )


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


def _problems(own: dict[str, Any], tasks: pa.Table, annotations: pa.Table) -> pa.Table:
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


def _invalid(regions: pa.Table, codes: NDArray[np.uint8]) -> pa.Table:
    wrong = np.flatnonzero(codes != 0)
    names = [str(PROBLEMS[code]) for code in codes[wrong].tolist()]
    messages = [REASONS[name] for name in names]
    return _report(
        regions.take(pa.array(wrong)), "value", pa.array(names, pa.string()), pa.array(messages, pa.string())
    )


def _sizes_differ(regions: pa.Table) -> pa.Table:
    """Report pages whose regions record different image sizes: their pixels cannot be compared."""
    pages = regions.select(["task_id", "page", "width", "height"]).group_by(["task_id", "page"], use_threads=False)
    sizes = pages.aggregate([("width", "min_max"), ("height", "min_max")])
    differ = np.zeros(sizes.num_rows, dtype=bool)
    for name in ("width_min_max", "height_min_max"):
        extremes = sizes[name].combine_chunks()
        differ |= extremes.field("min").to_numpy() != extremes.field("max").to_numpy()
    chosen = sizes.filter(pa.array(differ)).select(["task_id", "page"])
    empty = {
        "annotation_id": pa.nulls(chosen.num_rows, pa.int64()),
        "region_id": pa.nulls(chosen.num_rows, pa.string()),
    }
    for name, column in empty.items():
        chosen = chosen.append_column(name, column)
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


def _repeated_tasks(tasks: pa.Table) -> pa.Table:
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


def _words(words: Sequence[str | None], codes: NDArray[Any]) -> pa.Array:
    return pa.array(words, pa.string()).take(pa.array(codes))


def _ids(values: NDArray[np.int64]) -> pa.Array:
    return nullable(values, values == -1)
