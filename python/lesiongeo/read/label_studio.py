"""Label Studio's JSON export."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from .. import _core
from ..errors import ExportError
from .assemble import assemble
from .export import Export

__all__ = ["Source", "read_label_studio"]

Source: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview"
Progress: TypeAlias = Callable[[int, int], object]


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
    return assemble(columns, threads=threads)


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
