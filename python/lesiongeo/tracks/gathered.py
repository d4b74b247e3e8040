"""Which regions are one lesion on a page: those of several annotators, each by itself, or those of a ground truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..agreement import Agreement
from ..agreement.counted import Counted, Ints
from ..agreement.lesions import group_regions
from ..consensus.ground_truth import expert_of
from ..consensus.outlines import Members, members_of
from ..read import Export
from .place_order import place_order
from .sizes import Floats, Mask

__all__ = ["Gathered", "gather_lesions", "gather_single"]


@dataclass(frozen=True, slots=True)
class Gathered:
    """Regions that belong together, one entry for each lesion on a page, by page, then the place of the first region.

    Attributes
    ----------
    page, lesion, n_annotators : ndarray of int64, shape (n,)
        As in `Observations`.
    members : Members
        Rows of the regions, within a lesion in the order of annotators.
    expert : ndarray of bool, shape (n,)
        Whether it is a region of a ground truth, with what others drew there.
    beside : ndarray of bool, shape (n_members,)
        Members that are what others drew.
    """

    page: Ints
    lesion: Ints
    n_annotators: Ints
    members: Members
    expert: Mask
    beside: Mask


def gather_single(
    export: Export, counted: Counted, who: Ints, page_of_region: Ints, marker: Mask, threads: int | None
) -> Gathered:
    """Take every region that counts by itself; `who` and `page_of_region` are of all regions."""
    rows, annotation = counted.order.astype(np.int64), counted.owner
    kept = ~marker[rows]
    rows, annotation = rows[kept], annotation[kept]
    people = np.bincount(counted.task, minlength=len(counted.task_ids))[counted.task[annotation]]
    order = place_order(page_of_region[rows], who[rows], rows, export.regions, threads=threads)
    rows, count = rows[order], len(rows)
    none = np.zeros(count, dtype=np.bool_)
    return Gathered(
        page=page_of_region[rows],
        lesion=np.full(count, -1, dtype=np.int64),
        n_annotators=people[order],
        members=Members(rows, np.arange(count + 1)),
        expert=none,
        beside=none,
    )


def gather_lesions(
    export: Export,
    counted: Counted,
    who: Ints,
    page_of_region: Ints,
    agreement: Agreement | None,
    marker: Mask,
    threads: int | None,
) -> Gathered:
    """Take regions of several annotators as lesions; where there is a ground truth, its regions. See `observe`."""
    regions = len(export.regions)
    if agreement is None:
        found = group_regions(export, counted, threads=threads)
        lesion_of_region, number = found.of_region(counted, regions), found.number
    elif len(agreement.lesion_of_region) != regions:
        raise ValueError(
            f"the agreement is of an export with {len(agreement.lesion_of_region)} regions, not of this one with "
            f"{regions}; pass both of the same export"
        )
    else:
        lesion_of_region = agreement.lesion_of_region.copy()
        number = agreement.lesions["lesion"].to_numpy().astype(np.int64)
    lesion_of_region[marker] = -1
    members = members_of(lesion_of_region, who, len(number))
    expert = expert_of(export, members, lesion_of_region, override=True, threads=threads)
    own, stands_for = expert.regions, expert.lesion
    own, stands_for = own[~marker[own]], stands_for[~marker[own]]
    tasks = export.regions.table["task_id"].to_numpy()
    overridden = np.zeros(regions, dtype=np.bool_)
    if len(expert.annotations):
        overridden = np.isin(tasks, expert.tasks(export))

    # First the lesions as they are, then one observation for each region of a ground truth.
    kept = members.rows[~overridden[members.rows]]
    present = np.zeros(len(number), dtype=np.bool_)
    present[lesion_of_region[kept]] = True
    of_lesion = np.cumsum(present) - 1
    first = int(present.sum())
    rows, of = [kept, own], [of_lesion[lesion_of_region[kept]], first + np.arange(len(own))]
    beside, other = _beside(members, own, stands_for, who, export.regions.polygons._areas(threads))
    rows.append(beside)
    of.append(first + other)
    row, observation = np.concatenate(rows), np.concatenate(of)
    is_beside = np.arange(len(row)) >= len(kept) + len(own)

    one = np.empty(first + len(own), dtype=np.int64)
    one[observation[~is_beside][::-1]] = row[~is_beside][::-1]
    lesion = np.concatenate((number[present], np.where(stands_for < 0, -1, np.append(number, -1)[stands_for])))
    page = page_of_region[one]
    sort = place_order(page, who[one], one, export.regions, threads=threads)
    place = np.empty(len(sort), dtype=np.int64)
    place[sort] = np.arange(len(sort))
    observation = place[observation]
    order = np.lexsort((row, who[row], observation))
    counts = np.bincount(observation, minlength=len(sort))
    people = np.bincount(counted.task, minlength=len(counted.task_ids))
    return Gathered(
        page=page[sort],
        lesion=lesion[sort],
        n_annotators=people[np.searchsorted(counted.task_ids, tasks[one[sort]])],
        members=Members(row[order], np.concatenate(([0], np.cumsum(counts))).astype(np.int64)),
        expert=(np.arange(len(sort)) >= first)[sort],
        beside=is_beside[order],
    )


def _beside(members: Members, own: Ints, stands_for: Ints, who: Ints, areas: Floats) -> tuple[Ints, Ints]:
    """Find the regions that belong to the lesions of a ground truth for their ids, and to which of its regions `own`.

    Of several regions of the ground truth for one lesion the largest has them. A region by the expert is left out: it
    is the same, or belongs to an annotation that the ground truth replaces.
    """
    order = np.lexsort((own, -areas[own], stands_for))
    order = order[stands_for[order] >= 0]
    best = order[np.diff(stands_for[order], prepend=-1) != 0]
    positions, starts = members.of(stands_for[best])
    rows, of = members.rows[positions], np.repeat(best, np.diff(starts))
    others = who[rows] != who[own[of]]
    return rows[others], of[others]
