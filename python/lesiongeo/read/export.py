"""What a reader returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..options import shown
from ..regions import Regions, column_of

__all__ = ["ANSWER_ROLES", "Export", "page_rows"]

#: Roles that a column of a region can have.
ANSWER_ROLES = ("track_id", "status", "note")


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
    pages : pyarrow.Table
        One row per image of a task, and per further page that a region or an answer names; at least one per task.
    controls : pyarrow.Table
        One row per control, kind and scope, with its role and how often it was answered.
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
    pages: pa.Table
    controls: pa.Table
    problems: pa.Table
    annotation_rows: NDArray[np.int64]

    def __repr__(self) -> str:
        """Say how much there is."""
        return (
            f"<Export: {self.tasks.num_rows} tasks, {self.annotations.num_rows} annotations, "
            f"{len(self.regions)} regions, {self.problems.num_rows} problems>"
        )

    def role(self, role: str) -> str | None:
        """Return the column of `regions.table` that holds the answers of a role.

        Parameters
        ----------
        role : str
            "track_id", "status" or "note".

        Returns
        -------
        str or None
            None where no control has the role, or none that was answered for a region.

        Raises
        ------
        ValueError
            If there is no such role.

        Examples
        --------
        >>> import lesiongeo as lg
        >>> export = lg.read_label_studio("examples/dermatology.json")
        >>> export.role("track_id"), export.role("status"), export.role("note")
        ('track_id', 'lesion_status', 'notes')
        """
        if role not in ANSWER_ROLES:
            raise ValueError(f"role is {shown(role)}; it is one of {', '.join(ANSWER_ROLES)}")
        for name, own, scope in zip(
            *(self.controls[key].to_pylist() for key in ("name", "role", "scope")), strict=True
        ):
            column = column_of(name)
            if own == role and scope == "region" and column in self.regions.table.column_names:
                return column
        return None

    def region_spacing_mm(self) -> NDArray[np.float64]:
        """Return the millimetres per pixel of each region's page.

        Returns
        -------
        ndarray of float64, shape (n_regions, 2)
            Along x and y; NaN where the spacing is unknown. What `measure` takes as `spacing_mm`.
            O(n_regions + n_pages log n_pages).

        Examples
        --------
        >>> import lesiongeo as lg
        >>> export = lg.read_label_studio("examples/dermatology.json", spacing_mm="spacing_mm")
        >>> export.region_spacing_mm()[0].round(4).tolist()
        [0.05, 0.05]
        """
        places = [(table["task_id"].to_numpy(), table["page"].to_numpy()) for table in (self.regions.table, self.pages)]
        row = page_rows(*places[0], *places[1])
        found = np.full((len(row), 2), np.nan)
        for axis, name in enumerate(("spacing_x_mm", "spacing_y_mm")):
            values = pc.fill_null(self.pages[name], np.nan).to_numpy()
            found[row >= 0, axis] = values[row[row >= 0]]
        return found


def page_rows(
    task: NDArray[np.int64], page: NDArray[np.int32], tasks: NDArray[np.int64], pages: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Find the first row of each place (task, page) among the rows (tasks, pages); -1 where there is none."""
    if not len(tasks):
        return np.full(len(task), -1, dtype=np.int64)
    known, code = np.unique(tasks, return_inverse=True)
    # Pages are below 100,000 (see the core), so that both fit one number.
    key = code.astype(np.int64) << 32 | pages
    order = np.argsort(key, kind="stable")
    at = np.minimum(np.searchsorted(known, task), len(known) - 1)
    wanted = at.astype(np.int64) << 32 | page
    place = np.minimum(np.searchsorted(key, wanted, sorter=order), len(order) - 1)
    row = order[place]
    found: NDArray[np.int64] = np.where((known[at] == task) & (key[row] == wanted), row, -1)
    return found
