"""The table of tracks: one row per lesion and visit, its columns in the order in which one reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..agreement.counted import Ints
from ..arrow import nullable, numbers
from ..read import Export
from .observations import OUTLINES, Observations
from .pages.calibration import SPACING_SOURCES
from .pages.visits import Visits
from .rows import Seen, taken
from .sizes import Floats, Mask
from .statuses.completion import Completed
from .votes import count_votes

__all__ = ["Frame", "who_and_where"]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What the columns of the table are made of.

    Attributes
    ----------
    export, observations, visits
        As everywhere.
    tracks : pyarrow.Table
        Of `Identity`, in the order of the numbers in `rows`.
    seen : Seen
        Tracks on the visits on which they were seen.
    rows : Completed
        All rows; `source` points into `seen`.
    page : ndarray of int64, shape (n_rows,)
        Row of ``export.pages``; -1 where the patient had a visit, but no page of this site.
    """

    export: Export
    observations: Observations
    visits: Visits
    tracks: pa.Table
    seen: Seen
    rows: Completed
    page: Ints

    def __len__(self) -> int:
        return len(self.page)

    @property
    def source(self) -> Ints:
        """Row of `seen`, -1 where the lesion is absent."""
        return self.rows.source

    @property
    def present(self) -> Mask:
        """Whether the lesion was drawn."""
        return self.rows.source >= 0

    def of_page(self, values: Floats) -> Floats:
        """Return what is known of each row's page; NaN without page."""
        return taken(values, self.page)

    def measures(self) -> dict[str, Floats]:
        """Return areas, lengths and diameters; NaN where unknown."""
        found = {name: taken(values, self.source) for name, values in self.seen.measures.items()}
        for unit in ("mm", "px"):
            found[f"equivalent_diameter_{unit}"] = 2.0 * np.sqrt(found[f"area_{unit}2"] / np.pi)
        return found

    def day(self) -> Floats:
        """Days since the patient's first visit; NaN where only the order is known."""
        day = self.of_page(self.visits.day)
        lost = np.flatnonzero(self.page < 0)
        if len(lost):
            # A visit of the patient with no page of this site: the day is that of the patient's other pages.
            patient = np.full(self.visits.series_table.num_rows, -1, dtype=np.int64)
            patient[self.visits.series] = self.visits.patient
            series = self.tracks["series"].to_numpy()[self.rows.track[lost]]
            width = int(self.visits.visit.max(initial=0)) + 1
            key = self.visits.patient * width + self.visits.visit
            order = np.argsort(key, kind="stable")
            wanted = patient[series] * width + self.rows.visit[lost]
            at = np.minimum(np.searchsorted(key, wanted, sorter=order), len(order) - 1)
            day[lost] = np.where(key[order[at]] == wanted, self.visits.day[order[at]], np.nan)
        return day


def who_and_where(frame: Frame, *, dates: bool) -> dict[str, Any]:
    """Return the columns that say which lesion on which visit it is, who drew it, and what was measured."""
    export, visits, rows = frame.export, frame.visits, frame.rows
    present = frame.present
    source = pa.array(frame.source, mask=~present)
    page = pa.array(frame.page, mask=frame.page < 0)
    tracks = frame.tracks.take(pa.array(rows.track))
    columns: dict[str, Any] = {name: tracks[name].combine_chunks() for name in ("patient", "site", "track_id")}
    columns["id_source"] = tracks["id_source"].combine_chunks()
    if frame.observations.by == "annotator":
        columns["annotator"] = tracks["annotator"].combine_chunks()
    columns["visit"] = pa.array(rows.visit.astype(np.int32))
    if dates:
        columns["visit_date"] = visits.visit_date.take(page)
    columns["day_offset"] = numbers(frame.day())
    for name in ("task_id", "page", "image"):
        columns[name] = export.pages[name].combine_chunks().take(page)
    columns["label"] = _labels(frame).take(source)
    people = frame.of_page(visits.n_annotators.astype(np.float64))
    columns["n_annotators"] = nullable(np.nan_to_num(people).astype(np.int32), frame.page < 0)
    drawn = frame.seen.people.spread(frame.source)
    columns["n_drawn"] = pa.array(drawn.counts.astype(np.int32))
    columns["n_regions"] = pa.array(frame.seen.members.spread(frame.source).counts.astype(np.int32))
    names = pa.array(frame.observations.annotators, pa.string())
    columns["annotators"] = pa.ListArray.from_arrays(
        pa.array(drawn.starts.astype(np.int32)), names.take(pa.array(drawn.values))
    )
    outline = np.append(frame.seen.outline, 0)[np.where(present, frame.source, -1)]
    columns["outline"] = pa.array(OUTLINES, pa.string()).take(pa.array(outline, mask=~present))
    columns["n_parts"] = pa.array(np.where(present, np.append(frame.seen.n_parts, 0)[frame.source], 0).astype(np.int32))

    spacing = np.stack([frame.of_page(visits.spacing[:, axis]) for axis in (0, 1)], axis=1)
    columns["calibrated"] = pa.array(~np.isnan(spacing).any(axis=1))
    columns["spacing_source"] = pa.array(SPACING_SOURCES, pa.string()).take(pa.array(visits.spacing_source)).take(page)
    columns["spacing_x_mm"], columns["spacing_y_mm"] = numbers(spacing[:, 0]), numbers(spacing[:, 1])
    return columns


def _labels(frame: Frame) -> pa.Array:
    """The label that most regions of each row of `seen` bear; null where two do."""
    encoded = frame.export.regions.table["label"].combine_chunks().dictionary_encode()
    code = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    members = frame.seen.members
    winner = count_votes(members.rows, code[members.values], len(frame.seen)).winner
    return encoded.dictionary.take(pa.array(winner, mask=winner < 0))
