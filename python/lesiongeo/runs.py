"""Everything that a comparison of annotators makes, as the tables of a run folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .agreement import Agreement
from .habits import Habits, habits
from .measure import with_measures
from .read import Export
from .read.problems import superseded_problems
from .regions import Regions
from .routing import queue_summary
from .statistics import agreement_statistics, reliability
from .tracks import Tracks

__all__ = ["Run", "has_visits", "regions_of_run", "regions_with_tracks", "run_tables", "track_tables"]

Stage = Callable[[str], Callable[[int, int], None]]


@dataclass(frozen=True, slots=True)
class Run:
    """The tables of a run folder, and what its queue leaves out.

    Attributes
    ----------
    tables : dict of str to pyarrow.Table
        By the name of the file, without the regions.
    habits : Habits
        Who does something differently from the others.
    queue : dict
        Counts of the queue, see `queue_summary`.
    """

    tables: dict[str, pa.Table]
    habits: Habits
    queue: dict[str, Any]


def regions_of_run(export: Export, sizes: pa.Table, result: Agreement, found: Tracks | None) -> Regions:
    """Return the regions with their measurements and the number of their lesion on the page, null where none.

    With tracks also the track of each.
    """
    measured = with_measures(export.regions, sizes)
    row = result.lesion_of_region
    number = result.lesions["lesion"].combine_chunks().take(pa.array(np.maximum(row, 0), mask=row < 0))
    regions = Regions(measured.polygons, measured.table.append_column("lesion", number))
    return regions if found is None else regions_with_tracks(regions, found)


def has_visits(export: Export) -> bool:
    """Say whether lesions can be followed: somebody has more than one page, and ids or patients are known."""
    pages = export.pages
    if export.role("track_id") is None and pages["patient"].null_count == pages.num_rows:
        return False
    known = pages.filter(pc.is_valid(pages["patient"]))["patient"]
    return any(len(pc.unique(column)) < len(column) for column in (pages["task_id"], known))


def regions_with_tracks(regions: Regions, found: Tracks) -> Regions:
    """Return the regions with the track that each belongs to beside their own id, null where none."""
    name = "track"
    while name in regions.table.column_names:
        name = f"{name}_"
    return Regions(regions.polygons, regions.table.append_column(name, found.track_ids()))


def track_tables(found: Tracks) -> dict[str, pa.Table]:
    """Return the tables of lesions over visits, by the name of the file."""
    return {
        "tracks": found.table,
        "track_conflicts": found.conflicts,
        "track_findings": found.findings,
        "track_proposals": found.proposals,
        "track_noise": found.noise,
        "visits": found.visits,
    }


def run_tables(
    export: Export,
    result: Agreement,
    *,
    queue: pa.Table,
    followed: Tracks | None = None,
    resamples: int = 1000,
    seed: int = 0,
    threads: int | None = None,
) -> Run:
    """Make the tables of a run folder, but for the regions.

    Parameters
    ----------
    export : Export
        What was read.
    result : Agreement
        What `agreement` made of it.
    queue : pyarrow.Table
        What `review_queue` returned.
    followed : Tracks, optional
        What `tracks` returned, where lesions can be followed.
    resamples, seed : int
        Of the intervals.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    Run
        Tables pairs, tasks, lesions, annotators, summary, statistics, reliability, habits, trends, habits_overall,
        similar, queue, problems; with tracks also tracks, track_conflicts, track_findings, track_proposals,
        track_noise, visits.
    """
    found = habits(export, result, seed=seed, threads=threads)
    tables = {
        "pairs": result.pairs,
        "tasks": result.tasks,
        "lesions": result.lesions,
        "annotators": result.annotators,
        "summary": result.summary,
        "statistics": agreement_statistics(export, result, resamples=resamples, seed=seed),
        "reliability": reliability(export, result, resamples=resamples, seed=seed),
        "habits": found.named,
        "trends": found.weekly,
        "habits_overall": found.overall,
        "similar": found.similar,
        "queue": queue,
        "problems": pa.concat_tables([export.problems, superseded_problems(result.superseded)]),
    }
    if followed is not None:
        tables |= track_tables(followed)
    return Run(tables, found, queue_summary(export, result, queue))
