"""Lesions on pages in the order of time, and which are at the same place on neighbouring pages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...agreement.counted import Counted, Ints, label_sets
from ...checks.view import Mask
from ...read import Export
from ..observations import Observations
from ..pages.visits import Visits
from ..votes import count_votes
from .alignment import Alignments, Sightings, align

__all__ = ["Links", "Scene", "linked", "scene_of"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Observations with all that their identity depends on; one entry per observation.

    Attributes
    ----------
    series : ndarray of int64, shape (n,)
        Number of patient and site.
    group : ndarray of int64, shape (n,)
        Within which ids are unique: the series; by annotator series and annotator, numbered by both.
    visit : ndarray of int64, shape (n,)
        From 0.
    page : ndarray of int64, shape (n,)
        Rank of the page by series, visit, task and page: later pages of a series have larger numbers, and nothing
        depends on the order of tasks in the file.
    task : ndarray of int64, shape (n,)
        Number of the task, as in ``Counted.task_ids``.
    xy : ndarray of float64, shape (n, 2)
        Centre in pixels; NaN where nothing was measured.
    radius : ndarray of float64, shape (n,)
        Radius in pixels of the circle of the same area; NaN where nothing was measured.
    width : ndarray of float64, shape (n,)
        Width of the image in pixels; NaN where unknown.
    spacing : ndarray of float64, shape (n, 2)
        Millimetres per pixel; NaN where unknown.
    label : ndarray of int64, shape (n,)
        Code of the label set, -1: none.
    label_of_member : ndarray of int64, shape (n_members,)
        The same of each region of the observations.
    page_row : ndarray of int64, shape (n_pages,)
        Row of ``export.pages`` of each rank.
    """

    series: Ints
    group: Ints
    visit: Ints
    page: Ints
    task: Ints
    xy: Floats
    radius: Floats
    width: Floats
    spacing: Floats
    label: Ints
    label_of_member: Ints
    page_row: Ints

    def __len__(self) -> int:
        """Return the number of observations."""
        return len(self.series)

    @property
    def placed(self) -> Mask:
        """Whether the position of each is known."""
        found: Mask = np.isfinite(self.xy[:, 0] + self.xy[:, 1])
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """Which lesion of the page before and after each is, whatever the ids say; -1: none. Entries as in `Scene`.

    `cost` and `margin` belong to the link to the page before; see `Alignments`. `rows` holds the observation of each
    row of `alignments.seen`, and `seen` the row of each observation, -1 where its position is unknown.
    """

    before: Ints
    after: Ints
    cost: Floats
    margin: Floats
    alignments: Alignments
    rows: Ints
    seen: Ints


def scene_of(export: Export, counted: Counted, observations: Observations, visits: Visits) -> Scene:
    """Gather what identity depends on. O(n log n) in pages."""
    tasks = export.pages["task_id"].to_numpy()
    number = export.pages["page"].to_numpy()
    page_row = np.lexsort((number, tasks, visits.visit, visits.series))
    rank = np.empty(len(page_row), dtype=np.int64)
    rank[page_row] = np.arange(len(page_row))
    row = observations.page
    series = visits.series[row]
    group = series
    if observations.by == "annotator":
        key = series * len(observations.annotators) + observations.owner
        group = np.unique(key, return_inverse=True)[1].astype(np.int64)
    width = visits.width[row].astype(np.float64)
    sets = label_sets(export.regions.table).astype(np.int64)[observations.members]
    return Scene(
        series=series,
        group=group,
        visit=visits.visit[row],
        page=rank[row],
        task=np.searchsorted(counted.task_ids, tasks[row]),
        xy=observations.centroid_px,
        radius=np.sqrt(observations.area_px2 / np.pi),
        width=np.where(width > 0, width, np.nan),
        spacing=observations.spacing,
        label=count_votes(observations.of_member, sets, len(observations)).winner,
        label_of_member=sets,
        page_row=page_row,
    )


def linked(scene: Scene, track: Ints, *, threads: int | None = None) -> Links:
    """Lay neighbouring pages over each other; `track` holds the ids that are known so far, -1 for none."""
    rows = np.flatnonzero(scene.placed)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_area = np.log(np.pi * scene.radius[rows] ** 2)
    found = align(
        Sightings(
            series=scene.group[rows],
            visit=scene.visit[rows],
            page=scene.page[rows],
            xy_px=scene.xy[rows],
            log_area_px2=log_area,
            label=scene.label[rows],
            track=track[rows],
            spacing_mm=scene.spacing[rows],
            width_px=scene.width[rows],
        ),
        threads=threads,
    )
    seen = np.full(len(scene), -1, dtype=np.int64)
    seen[rows] = np.arange(len(rows))
    before, after = (np.full(len(scene), -1, dtype=np.int64) for _ in range(2))
    cost, margin = (np.full(len(scene), np.nan) for _ in range(2))
    has = found.partner >= 0
    later, earlier = rows[found.row[has]], rows[found.partner[has]]
    before[later], after[earlier] = earlier, later
    cost[later], margin[later] = found.cost[has], found.margin[has]
    return Links(before, after, cost, margin, found, rows, seen)
