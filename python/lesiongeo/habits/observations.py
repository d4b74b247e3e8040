"""Arrays that a search for habits works on: who drew which lesion when, with what, and what nobody else drew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..agreement import Agreement
from ..agreement.annotators import UNKNOWN, annotator_order, ranks
from ..agreement.counted import label_sets
from ..metrics import perimeter
from ..read import Export
from ..regions import column_of
from ..statistics import task_clusters
from ..weeks import NO_WEEK, mondays
from .rates import Looks, Trials, matched
from .twoway import Floats, Ints, Values

__all__ = ["Answers", "Observations", "week_text"]

#: Kinds of which vertices are clicks: masks are traced, boxes and ellipses have none.
CLICKED = ("polygon", "vector")


def week_text(week: int) -> str:
    """Name a week by its Monday; weeks are numbered so that week 0 has 1970-01-01 in it."""
    return (date(1969, 12, 29) + timedelta(weeks=week)).isoformat()


class Answers:
    """Answers of regions to one control, against what most of the others of the lesion say.

    Answers are numbered like `names`, each the labels or choices it consists of.
    `right` is the answer of more than half of at least two others (-1: there is none), `given` the region's own;
    `row` is the row of the region. `order` sorts the answers by lesion, `lesion` are the lesions in that order.
    """

    def __init__(self, names: list[tuple[str, ...]], row: Ints, right: Ints, given: Ints, lesion: Ints) -> None:
        self.names, self.row, self.right, self.given = names, row, right, given
        self.order = np.argsort(lesion, kind="stable")
        self.lesion = lesion[self.order]


class Observations:
    """What an export and its agreement say, as arrays by region, by annotation and by lesion."""

    def __init__(self, export: Export, agreement: Agreement, size_bounds_px2: Sequence[float]) -> None:
        self.export, self.agreement = export, agreement
        self.size_bounds_px2 = tuple(size_bounds_px2)
        table = export.annotations
        counted = agreement.annotation_rows
        author = pc.fill_null(table["annotator"], UNKNOWN)
        self.names: list[str] = sorted(author.take(pa.array(counted)).unique().to_pylist(), key=annotator_order)
        who = ranks(author, self.names)
        weeks = _weeks(table)
        #: Distinct weeks, and from there on the number of a week among them (-1: unknown).
        self.weeks: Ints = np.unique(weeks[counted])
        self.weeks = self.weeks[self.weeks > _NO_WEEK]
        week = np.where(weeks > _NO_WEEK, np.searchsorted(self.weeks, weeks), -1)
        task_ids, self.task_of_annotation = np.unique(table["task_id"].to_numpy(), return_inverse=True)
        cluster = _clusters(export, task_ids)[self.task_of_annotation]
        # By annotation that counts, in the order of `annotation_rows`: by task, then by annotator.
        self.annotation = counted
        self.who, self.week, self.cluster = who[counted], week[counted], cluster[counted]
        self.task = self.task_of_annotation[counted]
        self.people_of_task = np.bincount(self.task, minlength=len(task_ids))
        self.start_of_task = np.cumsum(self.people_of_task) - self.people_of_task
        self.looks = Looks(self.who, self.week, self.cluster, self.task, self.people_of_task[self.task])
        # By region.
        self.lesion = agreement.lesion_of_region
        place = np.full(table.num_rows, -1, dtype=np.int64)
        place[counted] = np.arange(len(counted))
        self.place = np.where(self.lesion >= 0, place[export.annotation_rows], -1)
        # By lesion.
        lesions = agreement.lesions
        self.task_of_lesion = np.searchsorted(task_ids, lesions["task_id"].to_numpy())
        self.drawn = lesions["n_drawn"].to_numpy().astype(np.int64)
        self.people = lesions["n_annotators"].to_numpy().astype(np.int64)
        self.lesion_area = pc.fill_null(lesions["area_px2"], np.nan).to_numpy()
        self.areas = export.regions.polygons._areas(None)
        self.lengths = perimeter(export.regions.polygons)

    def values(self, value: Floats, rows: Ints | None = None) -> Values:
        """Return values of regions (one per region of the export) that others drew too."""
        rows = np.flatnonzero(self.lesion >= 0) if rows is None else rows
        at = self.place[rows]
        return Values.of(self.lesion[rows], self.who[at], self.week[at], self.cluster[at], value[rows], rows)

    def edge_ratio(self) -> Floats:
        """Return the perimeter over the area of each region, in 1/px; 0 where it has no area."""
        return np.divide(self.lengths, self.areas, out=np.zeros_like(self.areas), where=self.areas > 0.0)

    def log_area(self) -> Values:
        """Return the logarithm of the area of each region."""
        with np.errstate(divide="ignore"):
            return self.values(np.log(self.areas))

    def log_density(self) -> Values:
        """Return the logarithm of the vertices per pixel of border, of outlines that were clicked."""
        regions = self.export.regions
        rows = np.flatnonzero(self.lesion >= 0)
        if "kind" in regions.table.column_names:
            clicked = np.asarray(pc.is_in(regions.table["kind"], pa.array(CLICKED)))
            rows = rows[clicked[rows]]
        _, ring_offsets, polygon_offsets = regions.polygons.to_ragged()
        vertices = np.diff(np.asarray(ring_offsets)[np.asarray(polygon_offsets)])
        with np.errstate(divide="ignore", invalid="ignore"):
            density = np.log(vertices / self.lengths)
        return self.values(density, rows)

    def log_lead_time(self) -> Values:
        """Return the logarithm of the time that each annotation took; the task stands in the place of the lesion."""
        lead = pc.fill_null(self.export.annotations["lead_time_s"], np.nan).to_numpy()[self.annotation]
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.log(lead)
        return Values.of(self.task, self.who, self.week, self.cluster, value, self.annotation)

    def offset(self, unit: str) -> Values:
        """Return how far each region's border lies outside of those of the others of its lesion ("px" or "mm").

        The mean over the lesion's n regions of the signed offset, that against itself being 0: the offsets of a lesion
        then differ by as much as its people do.
        """
        name = f"signed_offset_{unit}"
        pairs, rows = self.agreement.pairs, self.agreement.region_rows
        count = len(self.lesion)
        if name not in pairs.column_names:
            return self.values(np.full(count, np.nan))
        offset = pc.fill_null(pairs[name], np.nan).to_numpy()
        both = np.flatnonzero((rows >= 0).all(axis=1) & np.isfinite(offset))
        a, b = rows[both].T
        within = (self.lesion[a] == self.lesion[b]) & (self.lesion[a] >= 0)
        a, b, offset = a[within], b[within], offset[both[within]]
        total = np.bincount(a, offset, count) - np.bincount(b, offset, count)
        met = np.bincount(a, minlength=count) + np.bincount(b, minlength=count)
        return self.values(np.where(met > 0, total / (met + 1.0), np.nan))

    def size_class(self, area: Floats) -> Ints:
        """Number the size classes from 0 (small); an unknown area has a class of its own."""
        classes = np.searchsorted(np.array(self.size_bounds_px2), area, side="right")
        return np.where(np.isfinite(area), classes, len(self.size_bounds_px2) + 1).astype(np.int64)

    def missed(self) -> Trials:
        """Return, of each lesion and annotator of its task, whether they missed what more than half of the others drew.

        Opportunities are lesions that a majority of at least two others drew.
        """
        copies = self.people
        first = np.cumsum(copies) - copies
        lesion = np.repeat(np.arange(len(copies)), copies)
        at = np.arange(len(lesion)) - first[lesion] + self.start_of_task[self.task_of_lesion[lesion]]
        drew = np.zeros(len(lesion), dtype=np.int64)
        own = np.flatnonzero(self.lesion >= 0)
        row = self.lesion[own]
        drew[first[row] + self.place[own] - self.start_of_task[self.task_of_lesion[row]]] = 1
        others = copies[lesion] - 1
        stratum = self.size_class(self.lesion_area)[lesion]
        chance = (others >= 2) & (2 * (self.drawn[lesion] - drew) > others)
        # Of lesions that somebody missed, by the rule above, any of the people could have been the one.
        any_ = (others >= 2) & (2 * self.drawn[lesion] > others)
        same = matched(lesion[any_], at[any_], drew[any_] == 0, stratum[any_])
        return Trials(self.looks, at[chance], stratum[chance], drew[chance] == 0, lesion[chance], same)

    def extra(self) -> Trials:
        """Return, of each region in a task of at least three people, whether nobody else drew it."""
        rows = np.flatnonzero(self.lesion >= 0)
        rows = rows[self.people[self.lesion[rows]] >= 3]
        at, alone = self.place[rows], self.drawn[self.lesion[rows]] == 1
        stratum = self.size_class(self.areas[rows])
        # Any of those who looked at the task could have been the one who drew it.
        task = self.task[at[alone]]
        copies = self.people_of_task[task]
        unit = np.repeat(np.arange(len(task)), copies)
        look = np.arange(len(unit)) - np.repeat(np.cumsum(copies) - copies, copies) + self.start_of_task[task[unit]]
        same = matched(unit, look, look == at[alone][unit], stratum[alone][unit])
        return Trials(self.looks, at, stratum, alone, rows, same)

    def label_answers(self) -> Answers:
        """Return the labels of regions against those of the others; several labels of one region are one answer."""
        table = self.export.regions.table
        codes = label_sets(table).astype(np.int64)
        known, first = np.unique(codes, return_index=True)
        texts = table["labels"].take(pa.array(first)).to_pylist()
        named = [tuple(sorted(set(text))) for code, text in zip(known.tolist(), texts, strict=True) if code >= 0]
        given = np.searchsorted(known[known >= 0], codes)
        return self._answers(named, np.where(codes >= 0, given, -1))

    def control_answers(self, column: str) -> Answers:
        """Return the answers of regions to a control against those of the others."""
        encoded = self.export.regions.table[column].combine_chunks().cast(pa.string()).dictionary_encode()
        return self._answers(
            [(text,) for text in encoded.dictionary.to_pylist()],
            pc.fill_null(encoded.indices, -1).to_numpy().astype(np.int64),
        )

    def _answers(self, names: list[tuple[str, ...]], code: Ints) -> Answers:
        order = sorted(range(len(names)), key=names.__getitem__)
        rank = np.empty(len(names) + 1, dtype=np.int64)
        rank[order], rank[-1] = np.arange(len(names)), -1
        names, code = sorted(names), rank[code]
        rows = np.flatnonzero((self.lesion >= 0) & (code >= 0))
        lesion, given = self.lesion[rows], code[rows]
        many = max(len(names), 1)
        # The two most frequent answers of each lesion: one of them is what most of the others say, if anything is.
        key, votes = np.unique(lesion * many + given, return_counts=True)
        owner = key // many
        order_ = np.lexsort((-votes, owner))
        top = np.searchsorted(owner[order_], lesion)
        answered = np.bincount(lesion, minlength=len(self.drawn))[lesion]
        right = np.full(len(rows), -1, dtype=np.int64)
        for place in (0, 1):
            at = order_[np.minimum(top + place, max(len(order_) - 1, 0))]
            answer = key[at] % many
            others = votes[at] - (answer == given)
            good = (owner[at] == lesion) & (2 * others > answered - 1) & (answered >= 3)
            right[good] = answer[good]
        return Answers(names, rows, right, given, lesion)

    def confusion(self, answers: Answers, right: int, wrong: int) -> Trials:
        """Return, of each region whose right answer is one, whether the answer given is a certain other."""
        chosen = np.flatnonzero(answers.right == right)
        rows, event = answers.row[chosen], answers.given[chosen] == wrong
        # Any of those who answered for these lesions could have been the one; whose answer was wrong is a matter of
        # who the others are, so all of a lesion are alike.
        lesions = np.unique(self.lesion[rows[event]])
        first, last = (np.searchsorted(answers.lesion, lesions, side=side) for side in ("left", "right"))
        size = last - first
        at = answers.order[np.arange(size.sum()) + np.repeat(first - np.cumsum(size) + size, size)]
        look = self.place[answers.row[at]]
        none = np.zeros(len(at), dtype=np.int64)
        same = matched(np.repeat(lesions, size), look, answers.given[at] == wrong, none)
        return Trials(self.looks, self.place[rows], np.zeros(len(rows), dtype=np.int64), event, rows, same)

    def choices(self) -> list[tuple[str, bool]]:
        """List the columns of choices made per region, and whether each is the status."""
        status = self.export.role("status")
        columns: dict[str, bool] = {}
        controls: dict[str, Any] = self.export.controls.to_pydict()
        for name, kind, scope in zip(controls["name"], controls["kind"], controls["scope"], strict=True):
            column = column_of(name)
            wanted = scope == "region" and (kind == "choices" or column == status)
            if wanted and column in self.export.regions.table.column_names:
                columns[column] = column == status
        return list(columns.items())


_NO_WEEK = -(2**40)


def _weeks(annotations: pa.Table) -> Ints:
    """Number the week in which each annotation was made (Monday to Sunday, UTC); unknown ones get `_NO_WEEK`."""
    monday = mondays(annotations)
    found: Ints = np.where(monday == NO_WEEK, _NO_WEEK, (monday + 3) // 7)
    return found


def _clusters(export: Export, task_ids: NDArray[np.int64]) -> Ints:
    """Number the patients of tasks; a task without one is a cluster of its own."""
    known = task_clusters(export)
    return known.of(task_ids)
