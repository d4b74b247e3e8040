"""What a lead should look at before anybody uses the numbers of an export, as one table."""

from __future__ import annotations

import math

import pyarrow as pa
import pyarrow.compute as pc

from .checks.answers import check_labels, check_tracks, givers_of, givers_read
from .checks.outlines import check_duplicates, check_invalid, check_tiny
from .checks.pages import check_annotations, check_pages, check_tasks
from .checks.reading import check_reading
from .checks.view import FINDING_SCHEMA, SEVERITIES, View
from .ontology import Ontology, read_ontology
from .options import checked_number
from .read import Export
from .read.config import ConfigSource, labeling_config

__all__ = ["findings"]


def findings(
    export: Export,
    *,
    config: ConfigSource | None = None,
    ontology: Ontology | None = None,
    duplicate_iou: float = 0.9,
    tiny_px2: float = 25.0,
    threads: int | None = None,
) -> pa.Table:
    """List what is wrong, missing or odd in an export, with task, page, annotation and region.

    Parameters
    ----------
    export : Export
        What `read_label_studio` returns.
    config : path, str or bytes, optional
        The labeling configuration, against whose controls labels are checked; by default that with which the export
        was read.
    ontology : path, or iterable of str, optional
        The labels that are allowed: one per line, a JSON list (``.json``), the first column (``.csv``), or the labels
        themselves.
    duplicate_iou : float, default 0.9
        Two regions with the same labels by one annotator on one page are duplicates above this IoU.
    tiny_px2 : float, default 25.0
        Regions of an area below this many square pixels are tiny; 0 leaves the check out.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    pyarrow.Table
        One row per finding: severity (error: a number is wrong or something is lost; warning: somebody should look;
        info: nothing to correct), code, task_id, page (from 0), annotation_id, annotator, region_id, label, value
        (what was found, as text), message (what it means and what to do). Null where it does not apply. Sorted by
        severity, code, task, page, annotation and region; the order of the file does not matter. The codes are those of
        the problems that reading reports, and

        - empty, too_few_points, zero_area, self_overlap (errors): invalid outlines, with the place;
        - tiny, duplicate;
        - track_missing, track_not_integer, track_repeated: where a control holds track ids;
        - no_label, label_not_in_config, label_not_in_ontology;
        - task_without_annotation, task_skipped, task_without_image;
        - annotation_skipped, draft_not_submitted, superseded, empty_annotation;
        - page_without_annotation, page_not_by_all, image_never_referenced, page_beyond_images (error).

    Raises
    ------
    ConfigError
        If the configuration or the ontology cannot be used.
    FileNotFoundError, OSError
        If one of them cannot be opened.
    ValueError
        If `duplicate_iou` is not between 0 and 1, or `tiny_px2` is negative or not finite.

    See Also
    --------
    agreement : compares the same annotations.

    Notes
    -----
    Regions and pages are checked in annotations that count, which are those that `agreement` compares: submitted, not
    cancelled, the newest of one person on one task. What reading found elsewhere (in predictions, drafts, cancelled
    or older annotations) is listed as info, but lost data is an error wherever it was.

    Of two regions that are the same, or have the same track, the one with the larger region id is listed and names
    the other. Key points and lines may share the track of an outline.

    Cost: O(n log n) in regions and answers, plus one overlap per pair of regions of one annotation, page and label
    whose boxes meet.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> export = lg.read_label_studio(b'''[{"id": 7, "data": {"image": "mole.png"}, "annotations": [
    ...   {"id": 1, "completed_by": 4, "result": [{"id": "r", "type": "polygonlabels", "original_width": 200,
    ...    "original_height": 100, "value": {"points": [[0, 0], [10, 20], [10, 0], [0, 20]],
    ...    "polygonlabels": ["naevus"]}}]}]}]''')
    >>> table = lg.findings(export, ontology=["nevus", "melanoma"])
    >>> [(row["severity"], row["code"], row["value"]) for row in table.to_pylist()]
    [('error', 'self_overlap', 'ring 0 crosses itself at (10, 10)'), ('warning', 'label_not_in_ontology', 'naevus')]
    """
    least = checked_number("duplicate_iou", duplicate_iou)
    if not 0.0 <= least <= 1.0:
        raise ValueError(f"duplicate_iou is {duplicate_iou}; it lies between 0 and 1")
    smallest = checked_number("tiny_px2", tiny_px2)
    if not (smallest >= 0.0 and math.isfinite(smallest)):
        raise ValueError(f"tiny_px2 is {tiny_px2}; it is an area in square pixels, 0 or more")
    givers = givers_read(export.controls) if config is None else givers_of(labeling_config(config))
    allowed = None if ontology is None else read_ontology(ontology)
    view = View(export)
    found = pa.concat_tables(
        [
            check_reading(view),
            check_invalid(view, threads=threads),
            check_tiny(view, tiny_px2=smallest, threads=threads),
            check_duplicates(view, duplicate_iou=least, threads=threads),
            check_tracks(view, export.role("track_id")),
            check_labels(view, givers, allowed),
            check_tasks(view),
            check_annotations(view),
            check_pages(view),
        ]
    )
    return _sorted(found)


def _sorted(found: pa.Table) -> pa.Table:
    """Sort by severity, then by every other column, so that the order of the file does not matter."""
    if found.num_rows == 0:
        return FINDING_SCHEMA.empty_table()
    rank = pc.index_in(found["severity"], pa.array(SEVERITIES))
    names = [name for name in FINDING_SCHEMA.names if name != "severity"]
    keys = [("rank", "ascending"), *((name, "ascending") for name in names)]
    order = pc.sort_indices(found.append_column("rank", rank), sort_keys=keys)
    return found.take(order).combine_chunks()
