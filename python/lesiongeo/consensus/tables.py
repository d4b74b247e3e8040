"""The tables of a consensus: its regions, the lesions without one, ground truths and pages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..agreement import Agreement
from ..agreement.annotators import UNKNOWN
from ..agreement.counted import Ints, label_sets
from ..arrow import nullable, numbers
from ..polygons import Polygons
from ..read import Export
from ..read.export import page_rows
from ..regions import FIXED, column_of
from .ground_truth import Expert
from .outlines import Disputed, Members, disputed, mean_iou, members_of
from .voting import Vote, answer_codes, vote

__all__ = ["Lesions", "Rows", "ground_truth_table", "outvoted_table", "page_table", "region_table"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Why a lesion has no outline.
TOO_FEW_ANNOTATORS, TOO_FEW_VOTES, NO_AREA, NO_COMMON_AREA, OVERRULED = range(5)
OUTVOTED = ("too_few_annotators", "too_few_votes", "no_area", "no_common_area", "overruled")
#: Why what compares the regions of a lesion is null.
ALONE = ("single_annotator", "drawn_once", "new_in_ground_truth")


@dataclass(frozen=True, slots=True)
class Lesions:
    """The lesions of an export, one entry each, and what is asked of them.

    Attributes
    ----------
    export : Export
        Where they are from.
    method : str
        How their consensus is made.
    min_votes : int or None
        How many annotators it takes, where that was said.
    number : ndarray of int64
        Within the page.
    task, page : ndarray of int64
        Where they are.
    members : Members
        Their regions.
    people, drawn, needed : ndarray of int64
        How many annotated the task, drew the lesion, and are needed.
    spread : Disputed
        Areas that are disputed, and that any region covers.
    labels : Vote
        The vote on the set of labels.
    interior : Polygons
        What the regions of the export mean.
    annotated, annotators : ndarray of int64, shape (n_tasks,)
        Ids of the tasks that somebody annotated, sorted, and how many did.
    """

    export: Export
    method: str
    min_votes: int | None
    number: Ints
    task: Ints
    page: Ints
    members: Members
    people: Ints
    drawn: Ints
    needed: Ints
    spread: Disputed
    labels: Vote
    interior: Polygons
    annotated: Ints
    annotators: Ints

    @classmethod
    def of(
        cls, export: Export, agreement: Agreement, method: str, min_votes: int | None, threads: int | None
    ) -> Lesions:
        """Collect what all methods need."""
        place = np.full(export.annotations.num_rows, export.annotations.num_rows, dtype=np.int64)
        place[agreement.annotation_rows] = np.arange(len(agreement.annotation_rows))
        table = agreement.lesions
        members = members_of(agreement.lesion_of_region, place[export.annotation_rows], table.num_rows)
        number, task, page, people = (
            table[name].to_numpy().astype(np.int64) for name in ("lesion", "task_id", "page", "n_annotators")
        )
        if method == "union":
            needed = np.ones(len(people), dtype=np.int64)
        elif method == "intersection":
            needed = people
        elif min_votes is None:
            needed = people // 2 + 1
        else:
            needed = np.full(len(people), min(min_votes, np.iinfo(np.int32).max))
        polygons = export.regions.polygons
        tasks = export.annotations["task_id"].to_numpy()[agreement.annotation_rows]
        annotated, annotators = np.unique(tasks, return_counts=True)
        return cls(
            export=export,
            method=method,
            min_votes=min_votes,
            number=number,
            task=task,
            page=page,
            members=members,
            people=people,
            drawn=members.drawn,
            needed=needed,
            spread=disputed(polygons, members, threads),
            # No label is a set of its own, as it is where regions are matched.
            labels=vote(members.lesion, label_sets(export.regions.table)[members.rows] + np.int64(1), len(number)),
            interior=Polygons._trusted(polygons._interior(threads)),
            annotated=annotated,
            annotators=annotators,
        )

    def reasons(self, kept: Ints, overridden: Mask, stands_for: Ints) -> Ints:
        """Say of each lesion why it has no outline, as a number of `OUTVOTED`; -1 where it has one.

        `kept` are the lesions with an outline by votes, `overridden` those of tasks with a ground truth, `stands_for`
        those that its regions stand for.
        """
        nothing = self.spread.union_px2 <= 0
        found = np.select(
            [nothing, overridden, self.needed > self.people, self.drawn < self.needed],
            [NO_AREA, OVERRULED, TOO_FEW_ANNOTATORS, TOO_FEW_VOTES],
            NO_COMMON_AREA,
        )
        found[kept] = -1
        found[stands_for[stands_for >= 0]] = -1
        return found

    def vote_on(self, codes: Ints) -> Vote:
        """Vote on answers of regions."""
        return vote(self.members.lesion, codes[self.members.rows], len(self.number))

    def row_of(self, found: Vote) -> Ints:
        """Return the row of a region with the most frequent answer of each lesion; -1 for none."""
        return np.where(found.member >= 0, np.append(self.members.rows, -1)[found.member], -1)


@dataclass(frozen=True, slots=True)
class Rows:
    """Regions of a consensus.

    Attributes
    ----------
    polygons : Polygons
        n outlines.
    lesion : ndarray of int64, shape (n,)
        The lesion of each; -1 for none.
    own : ndarray of int64, shape (n,)
        The row of the region that it is; -1 for what was made of several.
    expert : ndarray of bool, shape (n,)
        Whether it is of a ground truth.
    """

    polygons: Polygons
    lesion: Ints
    own: Ints
    expert: Mask

    def place(self, lesions: Lesions) -> tuple[Ints, Ints]:
        """Task and page of each."""
        regions = lesions.export.regions.table
        task, page = (regions[name].to_numpy().astype(np.int64) for name in ("task_id", "page"))
        return _pick(lesions.task, self.lesion, task, self.own), _pick(lesions.page, self.lesion, page, self.own)

    def sorted(self, lesions: Lesions) -> Rows:
        """By task, page, lesion (those of none last), then as drawn."""
        task, page = self.place(lesions)
        # As an unsigned number -1 is the last.
        order = np.lexsort((self.own, self.lesion.astype(np.uint64), page, task))
        if (order[1:] > order[:-1]).all():
            return self
        return replace(
            self,
            polygons=self.polygons.take(order),
            lesion=self.lesion[order],
            own=self.own[order],
            expert=self.expert[order],
        )


def region_table(lesions: Lesions, rows: Rows, threads: int | None) -> pa.Table:
    """Make the columns of the regions of a consensus."""
    export, regions = lesions.export, lesions.export.regions.table
    task, page = rows.place(lesions)
    none = rows.lesion < 0
    at = np.maximum(rows.lesion, 0)
    annotators = pc.fill_null(regions["annotator"], UNKNOWN).combine_chunks()
    own = pa.array(rows.own, mask=rows.own < 0)

    def of_lesion(values: NDArray[Any], otherwise: Any) -> NDArray[Any]:
        return np.where(none, otherwise, values[at] if len(values) else otherwise)

    people = of_lesion(lesions.people, 0)
    if none.any():
        people[none] = _people(lesions, task[none])
    drawn = of_lesion(lesions.drawn, 0)
    alone = drawn < 2
    union = of_lesion(lesions.spread.union_px2, np.nan)
    dispute = np.where(alone, np.nan, of_lesion(lesions.spread.disputed_px2, np.nan))
    columns: dict[str, Any] = _page_columns(export, task, page)
    columns["lesion"] = nullable(of_lesion(lesions.number, 0).astype(np.int32), none)

    def voted(name: str, found: Vote) -> pa.Array:
        # A ground truth keeps its own answers.
        row = np.where(rows.expert, rows.own, of_lesion(lesions.row_of(found), -1))
        return regions[name].combine_chunks().take(pa.array(row, mask=row < 0))

    columns["label"] = voted("label", lesions.labels)
    columns["label_votes"] = nullable(of_lesion(lesions.labels.votes, 0).astype(np.int32), rows.expert)
    columns["labels"] = voted("labels", lesions.labels)
    columns["from_name"] = voted("from_name", lesions.vote_on(answer_codes(regions["from_name"])))
    columns["n_annotators"] = pa.array(people.astype(np.int32))
    columns["n_drawn"] = pa.array(drawn.astype(np.int32))
    columns["votes_needed"] = nullable(of_lesion(lesions.needed, 0).astype(np.int32), rows.expert)
    columns["method"] = _repeated(lesions.method, len(at))
    columns["source"] = _sources(lesions.method, rows, annotators.take(own))
    columns["annotation_id"] = regions["annotation_id"].combine_chunks().take(own)
    columns["annotator"] = annotators.take(own)
    columns["region_id"] = regions["region_id"].combine_chunks().take(own)
    area = rows.polygons._areas(threads)
    mm2 = _mm2_per_px2(export, task, page)
    columns["area_px2"] = pa.array(area)
    if mm2 is not None:
        columns["area_mm2"] = numbers(area * mm2)
    columns["disagreement_px2"] = numbers(dispute)
    if mm2 is not None:
        columns["disagreement_mm2"] = numbers(dispute * mm2)
    columns["disagreement_share"] = numbers(
        np.divide(dispute, union, out=np.full(len(at), np.nan), where=~alone & (union > 0))
    )
    # The outline of one region agrees with itself, which says nothing.
    compared = np.where(alone & (rows.own < 0), -1, rows.lesion)
    iou = mean_iou(rows.polygons, compared, rows.own, export.regions.polygons, lesions.members, threads)
    columns["iou_mean"] = numbers(iou)
    reason = np.select([none, people <= 1, alone], [2, 0, 1], -1)
    columns["reason"] = pa.array(ALONE, pa.string()).take(pa.array(reason, mask=reason < 0))
    for name in _voted_controls(export):
        control = name
        while control in columns:
            control = f"control_{control}"
        columns[control] = voted(name, lesions.vote_on(answer_codes(regions[name])))
    return pa.table(columns).combine_chunks()


def outvoted_table(lesions: Lesions, reasons: Ints) -> pa.Table:
    """List the lesions without an outline; `reasons` are numbers of `OUTVOTED`, -1 for those with one."""
    export, regions = lesions.export, lesions.export.regions.table
    at = np.flatnonzero(reasons >= 0)
    columns: dict[str, Any] = _page_columns(export, lesions.task[at], lesions.page[at], size=False)
    columns["lesion"] = pa.array(lesions.number[at].astype(np.int32))
    label = lesions.row_of(lesions.labels)[at]
    columns["label"] = regions["label"].combine_chunks().take(pa.array(label, mask=label < 0))
    for name, values in (
        ("label_votes", lesions.labels.votes),
        ("n_annotators", lesions.people),
        ("n_drawn", lesions.drawn),
        ("votes_needed", lesions.needed),
    ):
        columns[name] = pa.array(values[at].astype(np.int32))
    positions, starts = lesions.members.of(at)
    names = pc.fill_null(regions["annotator"], UNKNOWN).combine_chunks()
    columns["annotators"] = pa.ListArray.from_arrays(
        pa.array(starts.astype(np.int32)), names.take(pa.array(lesions.members.rows[positions]))
    )
    area = lesions.spread.union_px2[at]
    mm2 = _mm2_per_px2(export, lesions.task[at], lesions.page[at])
    columns["area_px2"] = pa.array(area)
    if mm2 is not None:
        columns["area_mm2"] = numbers(area * mm2)
    columns["reason"] = pa.array(OUTVOTED, pa.string()).take(pa.array(reasons[at]))
    return pa.table(columns).combine_chunks()


def ground_truth_table(lesions: Lesions, expert: Expert, has_area: Mask, outvoted: pa.Table) -> pa.Table:
    """List the annotations that are marked as ground truth; `has_area` says which of the expert's regions have one."""
    table = lesions.export.annotations.select(["task_id", "annotation_id", "annotator"])
    found = table.take(pa.array(expert.annotations))
    owner = lesions.export.annotation_rows[expert.regions]
    count = lesions.export.annotations.num_rows

    def tally(chosen: Mask) -> pa.Array:
        per_annotation = np.bincount(owner[chosen], minlength=count)[expert.annotations]
        return nullable(per_annotation.astype(np.int32), ~expert.counts)

    overruled = outvoted.filter(pc.equal(outvoted["reason"], OUTVOTED[OVERRULED]))["task_id"].to_numpy()
    tasks = found["task_id"].to_numpy()
    ids, times = np.unique(overruled, return_counts=True)
    at = np.searchsorted(ids, tasks)
    times = np.where(np.append(ids, -1)[at] == tasks, np.append(times, 0)[at], 0)
    return pa.table(
        {
            "task_id": found["task_id"],
            "annotation_id": found["annotation_id"],
            "annotator": pc.fill_null(found["annotator"], UNKNOWN),
            "counts": pa.array(expert.counts),
            "n_regions": tally(has_area),
            "n_without_area": tally(~has_area),
            "n_new": tally(has_area & (expert.lesion < 0)),
            "n_overruled": nullable(times.astype(np.int32), ~expert.counts),
        }
    ).combine_chunks()


def page_table(lesions: Lesions, expert: Expert, regions: pa.Table, outvoted: pa.Table) -> pa.Table:
    """List the pages of the tasks that somebody annotated."""
    pages = lesions.export.pages
    counting = lesions.export.annotations["task_id"].to_numpy()[expert.annotations]
    tasks = pages["task_id"].to_numpy()
    people = _people(lesions, tasks)
    table = pages.select(["task_id", "page", "image", "width", "height"])
    table = table.append_column("n_annotators", pa.array(people.astype(np.int32)))
    for name, own in (("n_regions", regions), ("n_outvoted", outvoted)):
        row = page_rows(own["task_id"].to_numpy(), own["page"].to_numpy(), tasks, pages["page"].to_numpy())
        counts = np.bincount(row[row >= 0], minlength=len(tasks))
        table = table.append_column(name, pa.array(counts.astype(np.int32)))
    return table.filter(pa.array((people > 0) | np.isin(tasks, counting))).combine_chunks()


def _page_columns(export: Export, task: Ints, page: Ints, *, size: bool = True) -> dict[str, Any]:
    """Columns that name a page, and its image."""
    row = _page_row(export, task, page)
    taken = pa.array(row, mask=row < 0)
    columns: dict[str, Any] = {"task_id": pa.array(task), "page": pa.array(page.astype(np.int32))}
    for name in ("image", "width", "height") if size else ("image",):
        columns[name] = export.pages[name].combine_chunks().take(taken)
    return columns


def _page_row(export: Export, task: Ints, page: Ints) -> Ints:
    pages = export.pages
    return page_rows(task, page.astype(np.int32), pages["task_id"].to_numpy(), pages["page"].to_numpy())


def _mm2_per_px2(export: Export, task: Ints, page: Ints) -> Floats | None:
    """Square millimetres per square pixel, NaN where the spacing is unknown; None where no page has one."""
    x, y = (pc.fill_null(export.pages[name], np.nan).to_numpy() for name in ("spacing_x_mm", "spacing_y_mm"))
    product = x * y
    if not np.isfinite(product).any():
        return None
    row = _page_row(export, task, page)
    return np.where(row >= 0, np.append(product, np.nan)[row], np.nan)


def _people(lesions: Lesions, tasks: Ints) -> Ints:
    """How many annotated each task; 0 where the only annotation is a ground truth that did not count."""
    at = np.searchsorted(lesions.annotated, tasks)
    there = np.append(lesions.annotated, -1)[at] == tasks
    return np.where(there & (at < len(lesions.annotated)), np.append(lesions.annotators, 0)[at], 0)


def _voted_controls(export: Export) -> list[str]:
    """Columns of the regions' controls that can be voted on: all but free text."""
    free = set()
    controls = [export.controls[name].to_pylist() for name in ("name", "kind", "role", "scope")]
    for name, kind, role, scope in zip(*controls, strict=True):
        if scope == "region" and (role == "note" or (kind == "textarea" and role != "track_id")):
            free.add(column_of(name))
    return [name for name in export.regions.table.column_names if name not in FIXED and name not in free]


def _sources(method: str, rows: Rows, annotators: pa.Array) -> pa.Array:
    """Say where each outline is from."""
    count = len(rows.lesion)
    own = _repeated(method, count)
    if method == "medoid":
        own = pc.binary_join_element_wise(own, annotators, ":", null_handling="skip")
    return pc.if_else(pa.array(rows.expert), pa.scalar("ground_truth"), own)


def _repeated(text: str, count: int) -> pa.Array:
    return pa.array([text], pa.string()).take(pa.array(np.zeros(count, dtype=np.int64)))


def _pick(values: Ints, at: Ints, others: Ints, rows: Ints) -> Ints:
    """Values of lesions, and of regions where there is no lesion."""
    found = np.append(values, 0)[at]
    none = at < 0
    found[none] = others[rows[none]]
    return found
