"""A consensus as tasks to import: each annotated task with one prediction, to start from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from ..consensus import Consensus
from ..read import Export
from ..read.config import ConfigSource
from ..regions import Regions, column_of
from .layout import layout, questions
from .predictions import Entry, RegionEntries, prediction, with_ids
from .review import ReviewFile
from .tasks import CONSENSUS_SOURCE, TASK_ID, Origin, data_fields

__all__ = ["consensus_tasks"]


def consensus_tasks(
    export: Export, consensus: Consensus, *, config: ConfigSource, polygon_control: str | None = None
) -> ReviewFile:
    """Make tasks for Label Studio's import, each with the consensus as its prediction.

    Parameters
    ----------
    export : Export
        What was read.
    consensus : Consensus
        What `consensus` made of it.
    config : path, str, bytes, dict or LabelingConfig
        The labeling configuration of the project that imports, see `read_label_studio`. It says which controls there
        are and what they point at, which no export says.
    polygon_control : str, optional
        The control (from_name) that takes all outlines, in place of the ones that drew them.

    Returns
    -------
    ReviewFile
        One task per task that somebody annotated, by its id: `data` are its own fields, lesiongeo_task_id, its id in
        the export, and lesiongeo_consensus_source, the method, or ground_truth:<annotation_id> where an expert's
        annotation overrides the others; `predictions` is one, called "consensus <method>" or "ground truth", empty
        where nothing was agreed on. Tasks are made one by one as they are asked for; `write_review` writes them.

    Raises
    ------
    ConfigError
        If the configuration cannot be used, or has no polygon control.
    ExportError
        If the data of a task is no JSON object.

    Notes
    -----
    For what is cut off or left out see `RegionEntries`. Free text is in no consensus, so none is written but that of
    the task's own data. Importing makes new tasks; to put predictions on tasks that are there, send them to Label
    Studio's API with the ids of the tasks. Written region by region, O(vertices).

    Examples
    --------
    >>> import lesiongeo as lg
    >>> from lesiongeo.label_studio.consensus_tasks import consensus_tasks
    >>> export = lg.read_label_studio("examples/dermatology.json")
    >>> made = lg.consensus(export, lg.agreement(export))
    >>> task = next(consensus_tasks(export, made, config="examples/dermatology_config.xml").tasks)
    >>> [one["model_version"] for one in task["predictions"]], task["data"]["lesiongeo_task_id"]
    (['consensus majority'], 1)
    >>> task["data"]["lesiongeo_consensus_source"]
    'majority'
    """
    place = layout(config, polygon_control=polygon_control)
    asked, missing = questions(export, place.config)
    regions = consensus.regions
    columns = set(regions.table.column_names)
    answers = [question for question in asked if question.column in columns]
    missing = [name for name in missing if column_of(name) in columns]
    ids = np.unique(consensus.pages["task_id"].to_numpy())
    entries = RegionEntries(regions, place, answers=answers)
    origin = Origin(consensus)
    tasks = _tasks(export, origin, regions, entries, ids)
    fields = {name: name for name in (TASK_ID, CONSENSUS_SOURCE)}
    return ReviewFile(tasks, len(ids), fields, entries.left_out, missing, len(origin.experts))


def _tasks(
    export: Export, origin: Origin, regions: Regions, entries: RegionEntries, ids: np.ndarray[Any, Any]
) -> Iterator[Entry]:
    own = np.asarray(export.tasks["task_id"].to_numpy())
    order = np.argsort(own, kind="stable")
    # The first of a task that stands in several files.
    data = export.tasks["data"].combine_chunks().take(pa.array(order[np.searchsorted(own, ids, sorter=order)]))
    several = _several_pages(export, ids)
    task = regions.table["task_id"].to_numpy()
    starts, ends = (np.searchsorted(task, ids, side).tolist() for side in ("left", "right"))
    wanted = regions.table["region_id"].to_pylist()
    lesion, page = (regions.table[name].to_pylist() for name in ("lesion", "page"))
    for number, text, first, last, many in zip(ids.tolist(), data, starts, ends, several.tolist(), strict=True):
        result: list[Entry] = []
        taken: set[str] = set()
        for row in range(first, last):
            name = wanted[row] or f"lesion-{page[row]}-{lesion[row]}"
            result += with_ids(entries.of(row, several_pages=many), name, taken)
        yield {
            "data": {
                **data_fields(number, text.as_py()),
                TASK_ID: number,
                CONSENSUS_SOURCE: origin.source(number),
            },
            "predictions": [prediction(origin.name(number), result)],
        }


def _several_pages(export: Export, ids: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Say which tasks have several pages."""
    pages = np.sort(export.pages["task_id"].to_numpy())
    found: np.ndarray[Any, np.dtype[np.bool_]] = (
        np.searchsorted(pages, ids, "right") - np.searchsorted(pages, ids, "left") > 1
    )
    return found
