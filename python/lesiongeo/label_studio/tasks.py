"""What every file of tasks to import shares: the task's own data, and where its consensus comes from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from ..errors import ExportError

if TYPE_CHECKING:
    from ..consensus import Consensus

__all__ = ["CONSENSUS_SOURCE", "TASK_ID", "Origin", "data_fields"]

#: Data field that says which task of the export it is.
TASK_ID = "lesiongeo_task_id"
#: Data field that says where the consensus of the task comes from, see `Origin.source`.
CONSENSUS_SOURCE = "lesiongeo_consensus_source"
GROUND_TRUTH = "ground truth"


def data_fields(task: int, text: str | None) -> dict[str, Any]:
    """Return the data fields of a task; `text` is its data as JSON, null for none.

    Raises
    ------
    ExportError
        If the text is no JSON object.

    Examples
    --------
    >>> from lesiongeo.label_studio.tasks import data_fields
    >>> data_fields(7, '{"image": "a.jpg"}'), data_fields(7, None)
    ({'image': 'a.jpg'}, {})
    """
    try:
        data = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise ExportError(f"task {task}: its data is no JSON ({error}); export it again") from error
    if not isinstance(data, dict):
        raise ExportError(f"task {task}: its data is a {type(data).__name__}; it should be an object")
    return data


class Origin:
    """Where the consensus of each task comes from: its annotators' votes, or an expert who overrode them.

    Parameters
    ----------
    consensus : Consensus
        What `consensus` made.
    """

    def __init__(self, consensus: Consensus) -> None:
        self.method = consensus.method
        table = consensus.ground_truths
        counts = table.filter(table["counts"]) if table.num_rows else table
        filled = pc.cast(counts["annotation_id"], "string")
        #: Annotation that is the ground truth, by task; null where the export does not number it.
        self.experts: dict[int, str | None] = dict(zip(counts["task_id"].to_pylist(), filled.to_pylist(), strict=True))

    def name(self, task: int) -> str:
        """Name the prediction: "ground truth" where an expert's annotation stands for the task, else the method."""
        return GROUND_TRUTH if task in self.experts else f"consensus {self.method}"

    def source(self, task: int) -> str:
        """Say where it comes from: the method, or ground_truth:<annotation_id>."""
        if task not in self.experts:
            return self.method
        annotation = self.experts[task]
        return "ground_truth" if annotation is None else f"ground_truth:{annotation}"
