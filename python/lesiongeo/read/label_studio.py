"""Label Studio's JSON export."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeAlias

import pyarrow as pa

from .. import _core
from ..errors import ExportError
from ..options import shown
from .assemble import assemble
from .controls import merge_controls
from .drift import whole_problems
from .export import Export
from .join import join_partial, repeated_annotations
from .options import read_options
from .problems import PROBLEM_SCHEMA
from .scan import Scan
from .sources import Found, Source, find

__all__ = ["Source", "read_label_studio", "scan_label_studio"]

Progress: TypeAlias = Callable[[int, int], object]
WINDOW_BYTES = 32 << 20
#: Bytes read at a time where everything is kept: two windows lie in memory, and every thread needs parts of its own.
WHOLE_WINDOW_BYTES, WHOLE_WINDOW_BYTES_PER_THREAD = 8 << 20, 1 << 20


def read_label_studio(
    source: Source | Iterable[Source],
    *,
    config: Any = None,
    images: str | None = None,
    patient: str | None = None,
    visit_date: str | None = None,
    day_offset: str | None = None,
    spacing_mm: Any = None,
    track_id: str | None = None,
    status: str | None = None,
    note: str | None = None,
    on_error: str = "raise",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Export:
    """Read Label Studio's JSON export into regions with columns, in pixels.

    Polygons, rectangles, ellipses, brushes, bitmasks, vectors and key points become outlines; the controls of a region
    (track id, status, notes) become columns named by their `from_name`. Whatever cannot be read or looks wrong is a row
    in `problems`, never dropped in silence. ``docs/reading.md`` has every column and code.

    Parameters
    ----------
    source : path, glob, folder, "-", address, bytes, binary file object, or a sequence of these
        Files as Label Studio writes them with Export, JSON (also a snapshot), JSON lines, or a task or annotation per
        file, or their content; compressed with gzip or zstd where their first bytes say so. Of a folder the files
        directly in it that end in .json, .jsonl or .ndjson (also .gz, .zst). ``"-"`` is standard input; addresses such
        as ``s3://`` need ``lesiongeo[remote]``. A file that is given twice is read once (`source_repeated` in
        `problems`).
    config : path, str, bytes or dict, optional
        The labeling configuration of the project: its XML, or the project as the API returns it (JSON with
        ``label_config``); a file, the text itself, or the parsed project. The export is checked against it, and roles
        follow from it.
    images, patient, visit_date, day_offset : str, optional
        Dotted paths of fields in the task's data, with or without ``data.`` in front; a path that meets a list of
        objects goes on in each. A list has one entry per page. They fill `pages`.
    spacing_mm : float, (float, float) or str, optional
        Millimetres per pixel (x, y) of every image, or the path of the field that has them. Unknown is null, never 1.
    track_id, status, note : str, optional
        Names of controls (`from_name`) with these roles; inferred when not given, see `Export.role`.
    on_error : {"raise", "skip"}, default "raise"
        "skip" goes on after what cannot be read and lists it in `problems`, with ``dropped`` true: unreadable_task,
        unreadable_file, rest_not_read. Whole tasks of a list or in lines are sought behind what is lost; the bytes
        that were not read are named.
    threads : int, optional
        Number of threads; by default see `num_threads`.
    progress : callable, optional
        Called as ``progress(done, total)`` about every 50 ms while a large file is parsed.

    Returns
    -------
    Export
        `regions.table`: task_id, page (from 0, `item_index`), image (without query string), width, height (px),
        annotation_id, annotator (user id as text; null where the user was deleted), region_id, kind (polygon,
        rectangle, ellipse, brush, bitmask, vector, keypoint, line), from_name (the control that drew it), label (the
        first), labels, score, origin, readonly, parent_id (the region that it belongs to), meta_text (its note), source
        (annotation, prediction, draft), ground_truth, cancelled, created_at, updated_at, lead_time_s, valid, problem,
        then a column per control: numbers as float64, choices and texts as string, several values as a JSON list.

        `annotations`: task_id, annotation_id, source, annotator, cancelled, ground_truth, created_at, updated_at,
        lead_time_s, n_regions, model_version, score, parent_prediction, parent_annotation.

        `answers`: task_id, page (null for the whole task), annotation_id, annotator, source, name, kind, text, number.

        `tasks`: task_id, inner_id, images, data (JSON), n_annotations, n_predictions, n_drafts, patient, file.

        `relations`: task_id, annotation_id, annotator, source, from_region, to_region, direction, labels.

        `pages`, one row per page of a task: task_id, page, image, width, height (px), patient, visit_date, day_offset,
        spacing_x_mm, spacing_y_mm (mm per pixel), n_regions.

        `controls`: name, kind, role, scope (region, page, task), in_config, count, values.

        `problems`: task_id, page, annotation_id, region_id, field, code, message, dropped.

    Raises
    ------
    ExportError
        A file that is no JSON, is cut off, or is no such export (JSON_MIN, COCO, ...): what it looks like, what to
        export instead, and the byte.
    ConfigError, ValueError
        A configuration that cannot be used, or an option that is wrong.
    FileNotFoundError, OSError
        A file that cannot be opened.

    Notes
    -----
    Points are percent of the image and become pixels as x / 100 * width. A rectangle turns about its top left corner in
    pixel space; an ellipse becomes a polygon of exactly its area, within 0.05 px of it; Bezier edges
    become lines within 0.05 px. Masks are outlined along the edges of their pixels: the area is the number of painted
    pixels, exactly. Key points (one ring of one point) and lines (an open vector, there and back) have no interior:
    valid, area 0, left out of agreement. E-mail addresses and names of annotators never leave the reader: annotators
    are ids. Of several entries with one id the shape is taken once. O(bytes), and for masks O(painted runs).

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
    options = read_options(
        config=config,
        images=images,
        patient=patient,
        visit_date=visit_date,
        day_offset=day_offset,
        spacing_mm=spacing_mm,
        track_id=track_id,
        status=status,
        note=note,
    )
    found = find(source)
    window_bytes = max(WHOLE_WINDOW_BYTES, WHOLE_WINDOW_BYTES_PER_THREAD * _core.num_threads(threads))
    reader = _Reader(found, on_error, window_bytes)
    with _blaming(found, reader):
        try:
            columns = reader.core.read_all(threads=threads, progress=progress)
        finally:
            reader.close()
    partial, differing = join_partial(columns)
    export = assemble(columns, options, threads=threads)
    again = repeated_annotations(export.annotations, export.tasks["task_id"].to_numpy()[partial])
    told = export.problems["message"].to_pylist() if any(one.damage for one in found.inputs) else []
    extra = [table for table in (_notices(found, told), differing, again) if table.num_rows]
    return replace(export, problems=pa.concat_tables([export.problems, *extra])) if extra else export


def scan_label_studio(
    source: Source | Iterable[Source],
    *,
    config: Any = None,
    images: str | None = None,
    patient: str | None = None,
    visit_date: str | None = None,
    day_offset: str | None = None,
    spacing_mm: Any = None,
    track_id: str | None = None,
    status: str | None = None,
    note: str | None = None,
    on_error: str = "raise",
    window_bytes: int = WINDOW_BYTES,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Scan:
    """Read Label Studio's JSON export in batches of whole tasks, for files larger than memory.

    Parameters
    ----------
    source, config, images, patient, visit_date, day_offset, spacing_mm, track_id, status, note, on_error, threads
        As in `read_label_studio`.
    window_bytes : int, default 32 MiB
        Bytes of JSON per batch, at least; a task is never split, so the largest one is a batch where it is larger.
    progress : callable, optional
        Called as ``progress(done, total)`` in bytes; total is 0 where it is not known.

    Returns
    -------
    Scan
        An iterator of `Export`, each with the tables and columns of `read_label_studio`: regions, annotations, answers,
        tasks, relations, pages, controls, problems; a control's column is in the batches where the control was
        answered. Below each other the batches are what `read_label_studio` returns, but for the order of `problems`;
        what only the whole can tell is in a last batch without tasks. `Scan.controls` has the controls met so far,
        `Scan.bytes_read` how far it is.

    Raises
    ------
    ExportError, FileNotFoundError, OSError
        As `read_label_studio`; of what is in a file, when its batch is asked for.
    ConfigError, ValueError
        If the configuration or an option is wrong.

    Notes
    -----
    Memory: about six times `window_bytes` or the largest task, and 8 bytes per task; see `Scan`. O(bytes).

    Examples
    --------
    >>> import lesiongeo as lg
    >>> regions = 0
    >>> for export in lg.scan_label_studio("examples/dermatology.json", window_bytes=100_000):
    ...     regions += len(export.regions)
    >>> regions == len(lg.read_label_studio("examples/dermatology.json").regions)
    True
    """
    options = read_options(
        config=config,
        images=images,
        patient=patient,
        visit_date=visit_date,
        day_offset=day_offset,
        spacing_mm=spacing_mm,
        track_id=track_id,
        status=status,
        note=note,
    )
    if not isinstance(window_bytes, int) or isinstance(window_bytes, bool) or window_bytes < 1:
        raise ValueError(f"window_bytes is {shown(window_bytes)}; it is a positive whole number of bytes")
    found = find(source)
    reader = _Reader(found, on_error, window_bytes)

    def read() -> tuple[dict[str, Any] | None, int]:
        with _blaming(found, reader):
            columns = reader.core.read_window(threads=threads, progress=progress)
        return columns, reader.core.bytes_read

    def make(columns: dict[str, Any]) -> Export:
        return assemble(columns or _nothing(), options, threads=threads, whole=False)

    def merge(controls: list[pa.Table]) -> pa.Table:
        return merge_controls(controls, options)

    def last(controls: pa.Table | None) -> pa.Table:
        told = [] if controls is None else [whole_problems(controls, options)]
        return pa.concat_tables([_notices(found), *told])

    return Scan(read, make, merge=merge, last=last, close=reader.close)


class _Reader:
    """The core's reader with the streams that it has open, so that they can be closed before they end."""

    def __init__(self, found: Found, on_error: str, window_bytes: int) -> None:
        if on_error not in ("raise", "skip"):
            raise ValueError(f"on_error is {shown(on_error)}; it is 'raise' or 'skip'")
        self.streams: list[Any] = []
        entries = [self._noted(*one.entry()) for one in found.inputs]
        self.core = _core.LabelStudioReader(entries, window_bytes=window_bytes, on_error=on_error)

    def _noted(self, name: str, content: Any) -> Any:
        if not callable(content):
            return name, content

        def opened() -> Any:
            self.close()  # one file after another
            stream = content()
            self.streams.append(stream)
            return stream

        return name, opened

    def close(self) -> None:
        while self.streams:
            self.streams.pop().close()


def _nothing() -> dict[str, Any]:
    """Columns without rows."""
    return dict(_core.LabelStudioReader([("<none>", b"[]")], window_bytes=WINDOW_BYTES).read_all())


@contextmanager
def _blaming(found: Found, reader: _Reader) -> Iterator[None]:
    """Where the compression of a file is damaged, blame that and not the text which came out of it."""
    try:
        yield
    except ExportError as error:
        reader.close()
        for one in found.inputs:
            for damage in one.damage if one.damage and one.damage[0] not in str(error) else ():
                raise ExportError(damage, position=error.position, source=one.name) from error
        raise


def _notices(found: Found, told: Sequence[str] = ()) -> pa.Table:
    """Report files that were given more than once, and those whose compression is damaged, unless that was told."""
    rows = [
        {"code": "source_repeated", "message": f"{name} was given more than once; it was read once", "dropped": False}
        for name in found.repeated
    ]
    rows += [
        {
            "field": "compression",
            "code": "archive_damaged",
            "message": f"{damage}; what was read of it may be wrong too, coordinates included",
            "dropped": True,
        }
        for one in found.inputs
        for damage in one.damage
        if not any(one.name in message and damage.removeprefix(f"{one.name}: ") in message for message in told)
    ]
    return pa.Table.from_pylist(rows, schema=PROBLEM_SCHEMA)
