"""Tracks for lesions that have no usable id: by their place, from the lesions of the pages before and after."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...agreement.counted import Ints
from ...arrow import numbers
from ...checks.view import Mask, spread
from ...read import Export
from .scene import Links, Scene

__all__ = ["PROPOSAL_SCHEMA", "proposal_rows", "propose", "sorted_proposals"]

Floats = NDArray[np.float64]

PROPOSAL_SCHEMA = pa.schema(
    [
        ("patient", pa.string()),
        ("site", pa.string()),
        ("task_id", pa.int64()),
        ("page", pa.int32()),
        ("annotation_id", pa.int64()),
        ("annotator", pa.string()),
        ("region_id", pa.string()),
        ("typed_id", pa.string()),
        ("proposed_id", pa.string()),
        ("visit", pa.int32()),
        ("cost", pa.float64()),
        ("margin", pa.float64()),
        ("reason", pa.string()),
    ]
)


def propose(scene: Scene, links: Links, track: Ints, lost: Mask, fresh: int) -> tuple[Ints, Floats, Floats]:
    """Give lesions without a track that of the same lesion on another page, or a new one.

    Parameters
    ----------
    scene, links : Scene, Links
        The lesions.
    track : (n,) int64 array
        Tracks so far, -1 for none.
    lost : (n,) bool array
        Which of those without a track shall have one.
    fresh : int
        The first number that is not used yet.

    Returns
    -------
    track : (n,) int64 array
        With those of the lost ones: that of the lesion at the same place on the page before, through any number of
        lost ones, unless another lesion of the page has it; else the same from the pages after; else a new one for each
        chain of lost ones, numbered as their first pages follow each other.
    cost, margin : (n,) float64 array
        Of the link that gave it; NaN for lesions that were not lost, and for the first of a new track.

    Notes
    -----
    O(n log n), by jumping along chains of pages in doubling steps.
    """
    track = track.copy()
    cost, margin = np.full(len(track), np.nan), np.full(len(track), np.nan)
    after_cost, after_margin = np.full(len(track), np.nan), np.full(len(track), np.nan)
    has = links.before >= 0
    after_cost[links.before[has]] = links.cost[has]
    after_margin[links.before[has]] = links.margin[has]
    concerned = np.isin(scene.page, scene.page[lost])
    for link, link_cost, link_margin in (
        (links.before, links.cost, links.margin),
        (links.after, after_cost, after_margin),
    ):
        rows = np.flatnonzero(lost & (track < 0))
        found = _inherited(scene, link, track, rows, concerned)
        given = found >= 0
        # Parts of one lesion could both hand on its track: the closer link has it.
        order = np.lexsort((rows, np.nan_to_num(link_cost[rows], nan=np.inf), scene.page[rows], found))
        order = order[given[order]]
        same = np.diff(scene.page[rows[order]], prepend=-1) == 0
        same &= np.diff(found[order], prepend=-1) == 0
        order = order[~same]
        track[rows[order]] = found[order]
        cost[rows[order]], margin[rows[order]] = link_cost[rows[order]], link_margin[rows[order]]
    rows = np.flatnonzero(lost & (track < 0))
    rows = rows[np.lexsort((rows, scene.page[rows]))]
    root = _roots(_within(links.before, rows, len(track)))
    number = np.cumsum(root == np.arange(len(rows))) - 1
    track[rows] = fresh + number[root]
    linked = rows[root != np.arange(len(rows))]
    cost[linked], margin[linked] = links.cost[linked], links.margin[linked]
    return track, cost, margin


def _inherited(scene: Scene, link: Ints, track: Ints, rows: Ints, concerned: Mask) -> Ints:
    """Track at the end of each chain of lost lesions `rows`; -1: none, or on the way another lesion has it."""
    previous = _within(link, rows, len(track))
    root = _roots(previous)
    end = link[rows[root]]
    found = np.where(end >= 0, track[end], -1)
    width = int(track.max(initial=0)) + 1
    own = np.flatnonzero(concerned & (track >= 0))
    taken = np.isin(scene.page[rows] * width + found, scene.page[own] * width + track[own]) | (found < 0)
    # Whatever comes behind a page where the track is taken is not reached.
    jump = previous
    while (jump >= 0).any():
        taken = taken | ((jump >= 0) & taken[jump])
        jump = np.where(jump >= 0, jump[jump], -1)
    return np.where(taken, -1, found)


def _within(link: Ints, rows: Ints, count: int) -> Ints:
    """Links among `rows` only, as places in it; -1: leads elsewhere or nowhere."""
    place = np.full(count + 1, -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    found: Ints = place[link[rows]]
    return found


def _roots(link: Ints) -> Ints:
    """The end of the chain from each entry; `link` is -1 at the ends."""
    root = np.arange(len(link))
    jump = link
    while (jump >= 0).any():
        root = np.where(jump >= 0, root[jump], root)
        jump = np.where(jump >= 0, jump[jump], -1)
    return root


def proposal_rows(export: Export, rows: Ints, **given: Any) -> pa.Table:
    """Make proposals about these regions: `given` holds the columns that are not the region's own; null if left out."""
    names = ["task_id", "page", "annotation_id", "annotator", "region_id"]
    theirs = export.regions.table.select(names).take(pa.array(rows, pa.int64()))
    for name in ("cost", "margin"):
        given[name] = numbers(given.get(name, np.full(len(rows), np.nan)))
    given |= {name: theirs[name] for name in names}
    columns = [spread(given.get(field.name), len(rows), field.type) for field in PROPOSAL_SCHEMA]
    return pa.Table.from_arrays(columns, schema=PROPOSAL_SCHEMA)


def sorted_proposals(tables: list[pa.Table]) -> pa.Table:
    """Join proposals, by patient, site, visit, task, page, annotator and region."""
    found = pa.concat_tables([PROPOSAL_SCHEMA.empty_table(), *tables])
    keys = [
        "patient",
        "site",
        "visit",
        "task_id",
        "page",
        "annotator",
        "annotation_id",
        "region_id",
        "reason",
        "proposed_id",
    ]
    return found.sort_by([(name, "ascending") for name in keys]).combine_chunks()
