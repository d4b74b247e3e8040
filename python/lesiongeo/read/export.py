"""What a reader returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..regions import Regions

__all__ = ["Export"]


@dataclass(frozen=True, slots=True, repr=False)
class Export:
    """One or several files, read. See `read_label_studio` for the columns.

    Attributes
    ----------
    regions : Regions
        One row per region with an outline.
    annotations : pyarrow.Table
        One row per annotation, also the empty and the cancelled ones, and per prediction and draft.
    answers : pyarrow.Table
        Answers that belong to a page or a task, not to a region.
    tasks : pyarrow.Table
        One row per task, with its data fields.
    relations : pyarrow.Table
        Relations that annotators drew between two regions.
    problems : pyarrow.Table
        Everything odd, with task, annotation, region and field; `dropped` says that a region was lost to it.
    annotation_rows : ndarray of int64, shape (n_regions,)
        The row in `annotations` that each region belongs to.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> lg.read_label_studio(b"[]")
    <Export: 0 tasks, 0 annotations, 0 regions, 0 problems>
    """

    regions: Regions
    annotations: pa.Table
    answers: pa.Table
    tasks: pa.Table
    relations: pa.Table
    problems: pa.Table
    annotation_rows: NDArray[np.int64]

    def __repr__(self) -> str:
        """Say how much there is."""
        return (
            f"<Export: {self.tasks.num_rows} tasks, {self.annotations.num_rows} annotations, "
            f"{len(self.regions)} regions, {self.problems.num_rows} problems>"
        )
