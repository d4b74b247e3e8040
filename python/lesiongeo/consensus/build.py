"""Consensus: one outline per lesion of what its annotators drew, and which lesions have none.

The rules, in one place. All annotators of a task vote on each of its lesions, also those who did not draw it: they
cover nothing. By `majority` a place belongs to the consensus where more than half of them cover it, by `union` where
anyone does, by `intersection` where all do; `medoid` takes the drawn region that agrees best with the others, of
lesions that more than half drew. An annotation marked as ground truth wins for its whole task. What gets no outline
stands in `outvoted`, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa

from ..agreement import Agreement
from ..agreement.counted import Ints
from ..options import checked_flag, shown
from ..polygons import Polygons
from ..read import Export
from ..regions import Regions
from .ground_truth import expert_of
from .outlines import joined, medoids, voted
from .tables import Lesions, Rows, ground_truth_table, outvoted_table, page_table, region_table

__all__ = ["METHODS", "Consensus", "Method", "consensus"]

Method: TypeAlias = Literal["majority", "union", "intersection", "medoid"]
METHODS: tuple[Method, ...] = ("majority", "union", "intersection", "medoid")
#: Methods for which a number of votes can be asked.
BY_VOTES = ("majority", "medoid")


@dataclass(frozen=True, slots=True, repr=False)
class Consensus:
    """What the annotators of each task agree on. See `consensus` for columns.

    Attributes
    ----------
    regions : Regions
        One row per lesion with a consensus, by task, page and lesion.
    outvoted : pyarrow.Table
        One row per lesion without one, with the reason.
    ground_truths : pyarrow.Table
        One row per annotation marked as ground truth, where they override.
    pages : pyarrow.Table
        One row per page of a task that somebody annotated.
    method : str
        "majority", "union", "intersection" or "medoid".

    Examples
    --------
    >>> import lesiongeo as lg
    >>> export = lg.read_label_studio("examples/dermatology.json")
    >>> lg.consensus(export, lg.agreement(export))
    <Consensus by majority: 248 regions, 20 lesions outvoted>
    """

    regions: Regions
    outvoted: pa.Table
    ground_truths: pa.Table
    pages: pa.Table
    method: str

    def __repr__(self) -> str:
        """Say how much there is."""
        return f"<Consensus by {self.method}: {len(self.regions)} regions, {self.outvoted.num_rows} lesions outvoted>"


def consensus(
    export: Export,
    agreement: Agreement,
    *,
    method: Method = "majority",
    min_votes: int | None = None,
    override: bool = True,
    threads: int | None = None,
) -> Consensus:
    """Make one outline per lesion of what its annotators drew.

    Parameters
    ----------
    export : Export
        What `read_label_studio` returns.
    agreement : Agreement
        What `agreement` made of it: its lesions are the groups.
    method : {"majority", "union", "intersection", "medoid"}, default "majority"
        "majority": what more than half of the task's annotators cover. "union": what anyone covers. "intersection":
        what all cover. "medoid": the drawn region with the highest mean IoU with those of the others, where more than
        half drew the lesion; of equal ones the larger, then the first in the order of annotators. Of two annotators
        the majority is both, so "majority" is "intersection".
    min_votes : int, optional
        How many annotators it takes, for "majority" and "medoid", in place of more than half.
    override : bool, default True
        Whether an annotation marked as ground truth wins for its whole task.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    Consensus
        `regions`: task_id, page, image, width, height, lesion (number within the page, as in `agreement.lesions`; null
        for a region of a ground truth that stands for none), label (the most frequent; null at a tie, and where most
        gave none), label_votes (how many gave it, or each of those that tie; null for a ground truth), labels (all of
        them: sets of labels are voted on), from_name (the control that drew most), n_annotators (of the task), n_drawn
        (regions of the lesion), votes_needed (null for a ground truth), method, source (majority, union, intersection,
        medoid:<annotator> or ground_truth), annotation_id, annotator and region_id (where it is one person's region),
        area_px2, disagreement_px2 (area that some but not all who drew the lesion cover), disagreement_share (of the
        area that any of them covers), iou_mean (of the outline with the regions of its lesion, without itself), reason
        (why the last three are null: single_annotator, drawn_once, new_in_ground_truth), and one column per control of
        regions, by vote. With a known spacing also area_mm2 and disagreement_mm2.

        `outvoted`: task_id, page, image, lesion, label, label_votes, n_annotators, n_drawn, votes_needed, annotators
        (who drew it), area_px2 (what any of them covers), reason: too_few_votes (fewer drew it than it takes),
        too_few_annotators (`min_votes` is more than the task has), no_common_area (enough drew it, but nowhere over
        each other), no_area (nothing that was drawn encloses anything), overruled (the ground truth has no such
        lesion).

        `ground_truths`: task_id, annotation_id, annotator, counts (the newest of its task), n_regions, n_without_area
        (of those, left out), n_new (that stand for no lesion), n_overruled (lesions of the task that it does not have).

        `pages`: task_id, page, image, width, height (null where nobody drew, and where regions disagree about it),
        n_annotators, n_regions (of the consensus), n_outvoted.

    Raises
    ------
    ValueError
        If `method` is none of these, `min_votes` is no whole number from 1 up or does not go with the method,
        `override` is neither True nor False, or the agreement is that of another export.

    Notes
    -----
    Outlines are exact: one arrangement of all regions of a lesion, no raster. One that crosses itself counts with its
    non-zero interior, also where it is the medoid or the ground truth; one without area covers nothing. A vote on
    labels and controls is among those who drew the lesion and answered; the most frequent answer wins, a tie is null.
    Free text has no vote and no column. A ground truth keeps its own answers.

    The same bits for the same export, whatever the order of its tasks and annotations. O(n log n) in vertices; the
    pairs within a lesion for the medoid. Regions of kind keypoint and line belong to no lesion.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> export = lg.read_label_studio("examples/dermatology.json")
    >>> made = lg.consensus(export, lg.agreement(export))
    >>> row = made.regions.table.to_pylist()[0]
    >>> row["label"], row["n_drawn"], row["n_annotators"], row["source"], row["iou_mean"] > 0.8
    ('nevus', 2, 2, 'majority', True)
    >>> sorted(set(made.outvoted["reason"].to_pylist()))
    ['no_area', 'too_few_votes']
    """
    if method not in METHODS:
        raise ValueError(f"method is {shown(method)}; it is one of {', '.join(METHODS)}")
    _check_votes(method, min_votes)
    override = checked_flag("override", override)
    if len(agreement.lesion_of_region) != len(export.regions):
        raise ValueError(
            f"the agreement is of an export with {len(agreement.lesion_of_region)} regions, not of this one with "
            f"{len(export.regions)}; pass both of the same export"
        )
    lesions = Lesions.of(export, agreement, method, None if min_votes is None else int(min_votes), threads)
    expert = expert_of(export, lesions.members, agreement.lesion_of_region, override=override, threads=threads)
    overridden = np.isin(lesions.task, expert.tasks(export))
    asked = np.flatnonzero(~overridden & (lesions.drawn >= lesions.needed))
    outlines, kept, own = _outlines(lesions, asked, threads)

    polygons = export.regions.polygons
    has_area = polygons._areas(threads)[expert.regions] > 0
    regions, stands_for = expert.regions[has_area], expert.lesion[has_area]
    rows = Rows(
        polygons=joined(outlines, lesions.interior.take(regions)),
        lesion=np.concatenate((kept, stands_for)),
        own=np.concatenate((own, regions)),
        expert=np.arange(len(kept) + len(regions)) >= len(kept),
    ).sorted(lesions)
    table = region_table(lesions, rows, threads)
    reasons = lesions.reasons(kept, overridden, stands_for)
    outvoted = outvoted_table(lesions, reasons)
    return Consensus(
        regions=Regions(rows.polygons, table),
        outvoted=outvoted,
        ground_truths=ground_truth_table(lesions, expert, has_area, outvoted),
        pages=page_table(lesions, expert, table, outvoted),
        method=method,
    )


def _outlines(lesions: Lesions, asked: Ints, threads: int | None) -> tuple[Polygons, Ints, Ints]:
    """Outline lesions: outlines, the lesions that have one, and the row of the region that each is, -1 for none."""
    polygons = lesions.export.regions.polygons
    if lesions.method == "medoid":
        own = medoids(polygons, lesions.members, asked, threads)
        there = polygons._areas(threads)[own] > 0
        return lesions.interior.take(own[there]), asked[there], own[there]
    made = voted(
        polygons,
        lesions.members,
        asked,
        kind="votes" if lesions.method == "majority" else lesions.method,
        people=lesions.people[asked],
        min_votes=lesions.min_votes,
        threads=threads,
    )
    there = made._areas(threads) > 0
    return (made if there.all() else made.take(there)), asked[there], np.full(there.sum(), -1, dtype=np.int64)


def _check_votes(method: str, min_votes: Any) -> None:
    if min_votes is None:
        return
    if isinstance(min_votes, bool) or not isinstance(min_votes, int | np.integer) or min_votes < 1:
        raise ValueError(f"min_votes is {shown(min_votes)}; it is a whole number from 1 up")
    if method not in BY_VOTES:
        raise ValueError(
            f"min_votes goes with {' and '.join(BY_VOTES)}; {method} takes "
            f"{'one annotator' if method == 'union' else 'all annotators'}"
        )
