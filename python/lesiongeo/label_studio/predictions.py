"""Regions become entries of a `result` list: the only place where pixels become percent.

It is the inverse of what the reader does (`src/read/shapes.rs`): x in percent of the image's width, y of its height.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..clipping import intersection
from ..errors import ConfigError
from ..keyholes import keyhole_rings
from ..polygons import Polygons
from ..regions import WITHOUT_INTERIOR, Regions
from .layout import RECTANGLES, Layout, Question, Target

__all__ = ["Entry", "RegionEntries", "prediction", "with_ids"]

Entry: TypeAlias = dict[str, Any]
Points: TypeAlias = NDArray[np.float64]

#: Share of the image beyond its border that is rounding, as the reader has it.
BORDER_ROUNDING = 1e-8
#: Columns that are read of each region.
NEEDED = "page width height".split()


class RegionEntries:
    """Entries of `result` for regions, made when they are asked for.

    Parameters
    ----------
    regions : Regions
        Outlines with page, width, height and, where they have them, label or labels, kind, from_name, meta_text and
        columns of answers.
    layout : Layout
        Where they go.
    answers : sequence of Question, default ()
        Whose answers are written.
    notes : bool, default False
        Whether free text is written: answers to text fields, and notes of regions.

    Attributes
    ----------
    left_out : collections.Counter
        What was not written so far, by reason: no_interior (key points and lines), no_outline (nothing, or nothing
        within the image), no_image_size, label_not_in_config and answer_not_in_config (written as a remark of the
        region), and clipped (was written, but only what lies in the image).

    Notes
    -----
    A region is one entry of its polygon per part, holes joined by a slit (see `keyhole_rings`), and one per answer
    with the same id. What lies outside of the image is cut off, since Label Studio's import refuses a point beyond 100
    percent. Everything else comes back from the reader as it was, to rounding: 1e-9 px for images up to 100,000 px.
    """

    def __init__(
        self, regions: Regions, layout: Layout, *, answers: Sequence[Question] = (), notes: bool = False
    ) -> None:
        table = regions.table
        self._layout = layout
        self._answers = [question for question in answers if notes or not question.typed]
        self.left_out: Counter[str] = Counter()
        self._columns: dict[str, list[Any]] = {name: table[name].to_pylist() for name in NEEDED}
        for name in ("from_name", "kind", "label", "labels", "meta_text"):
            known = name in table.column_names and (notes or name != "meta_text")
            self._columns[name] = table[name].to_pylist() if known else [None] * len(regions)
        for question in self._answers:
            self._columns.setdefault(question.column, table[question.column].to_pylist())
        self._drawn = regions.polygons
        size = np.stack([np.asarray(table[name].to_numpy(), np.float64) for name in ("width", "height")], axis=1)
        self._clipped = _clipped(regions.polygons, size)
        outlines = self._clipped[0]
        rings, rows = keyhole_rings(outlines)
        self._start = np.searchsorted(rows, np.arange(len(regions) + 1))
        self._percent = _percent(rings, size[rows])
        self._ends = rings.ring_offsets

    def of(self, row: int, *, several_pages: bool) -> list[list[Entry]]:
        """Return the entries of one region: a list per part, to be given one id each.

        Parameters
        ----------
        row : int
            Row of the regions.
        several_pages : bool
            Whether the task has several pages, so that an entry must name its own.

        Returns
        -------
        list of list of dict
            Empty where nothing of the region can be written; `left_out` counts why.

        Raises
        ------
        ConfigError
            If no control of the configuration can draw the region.
        """
        columns = self._columns
        kind = columns["kind"][row] or "polygon"
        if kind in WITHOUT_INTERIOR:
            self.left_out["no_interior"] += 1
            return []
        if not (columns["width"][row] or 0) > 0 or not (columns["height"][row] or 0) > 0:
            self.left_out["no_image_size"] += 1
            return []
        labels = columns["labels"][row]
        if labels is None:
            labels = [] if columns["label"][row] is None else [columns["label"][row]]
        target = self._layout.target(columns["from_name"][row], kind, labels)
        if target is None:
            raise _no_control(columns["from_name"][row], kind)
        values = self._values(row, target)
        if not values:
            self.left_out["no_outline"] += 1
            return []
        head: Entry = {"original_width": columns["width"][row], "original_height": columns["height"][row]}
        head |= {"image_rotation": 0}
        if several_pages or target.several:
            head["item_index"] = columns["page"][row]
        return self._parts(row, target, labels, head, values)

    def _parts(
        self, row: int, target: Target, labels: list[str], head: Entry, values: list[Entry]
    ) -> list[list[Entry]]:
        known, unknown = target.accepted(labels)
        self.left_out["label_not_in_config"] += bool(unknown)
        remarks = [f"label: {label}" for label in unknown]
        if self._columns["meta_text"][row] is not None:
            remarks.append(self._columns["meta_text"][row])
        told: list[tuple[Question, Entry]] = []
        for question in self._answers:
            answer = self._columns[question.column][row]
            if answer is None:
                continue
            value, strange = question.value(answer)
            self.left_out["answer_not_in_config"] += bool(strange)
            remarks += [f"{question.control.name}: {text}" for text in strange]
            if value is not None:
                told.append((question, value))
        parts: list[list[Entry]] = []
        for value in values:
            own = target.geometry.kind
            shape = {**value, own: known} if target.labels is target.geometry else value
            entries = [self._entry(head, target.geometry.name, target.to_name, own, shape)]
            if remarks:
                entries[0]["meta"] = {"text": ["; ".join(remarks)]}
            if target.labels is not None and target.labels is not target.geometry and known:
                # Label Studio's own check wants the outline beside labels that another control gives.
                entries.append(
                    self._entry(head, target.labels.name, target.to_name, "labels", {**value, "labels": known})
                )
            for question, answer in told:
                control = question.control
                entries.append(self._entry(head, control.name, control.to_name[0], control.kind, answer))
            parts.append(entries)
        return parts

    @staticmethod
    def _entry(head: Entry, from_name: str, to_name: str, kind: str, value: Entry) -> Entry:
        return {**head, "from_name": from_name, "to_name": to_name, "type": kind, "value": value}

    def _values(self, row: int, target: Target) -> list[Entry]:
        """Return the outline of each part as the value of an entry."""
        if target.geometry.kind in RECTANGLES:
            size = (self._columns["width"][row], self._columns["height"][row])
            return [_rectangle(ring, size) for ring in self._drawn.take([row]).to_rings()[0]]
        if self._clipped[1][row]:
            self.left_out["clipped"] += 1
        made = []
        for ring in range(self._start[row], self._start[row + 1]):
            points = self._percent[self._ends[ring] : self._ends[ring + 1]].tolist()
            made.append({"points": points, "closed": True})
        return made


def with_ids(parts: list[list[Entry]], wanted: str, taken: set[str]) -> list[Entry]:
    """Give every part an id that is not taken: the wanted one, then with a number behind it."""
    entries: list[Entry] = []
    for part in parts:
        own, number = wanted, 1
        while own in taken:
            number += 1
            own = f"{wanted}-{number}"
        taken.add(own)
        entries += [{"id": own, **entry} for entry in part]
    return entries


def prediction(model_version: str, result: list[Entry], score: float | None = None) -> Entry:
    """Put entries into one prediction; a score lies between 0 and 1, and is left out where there is none."""
    made: Entry = {"model_version": model_version, "result": result}
    if score is not None:
        made["score"] = score
    return made


def _percent(rings: Polygons, size: Points) -> Points:
    """Pixels become percent of the image; what rounding puts beyond its border is put onto it."""
    of_vertex = np.repeat(size, np.diff(rings.ring_offsets), axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip(rings.xy * 100.0 / of_vertex, 0.0, 100.0)


def _clipped(polygons: Polygons, size: Points) -> tuple[Polygons, NDArray[np.bool_]]:
    """Cut off what lies outside of the image; say of which regions something was."""
    boxes = polygons._boxes()
    slack = BORDER_ROUNDING * size
    with np.errstate(invalid="ignore"):
        beyond = (boxes[:, :2] < -slack) | (boxes[:, 2:] > size + slack)
    outside: NDArray[np.bool_] = np.logical_or.reduce(beyond, axis=1)
    outside &= (size > 0).all(axis=1)
    rows = np.flatnonzero(outside)
    if not len(rows):
        return polygons, outside
    # Without an interior there is nothing to cut: the points are put onto the border.
    rows = rows[polygons._areas()[rows] > 0]
    images = [[[0.0, 0.0], [w, 0.0], [w, h], [0.0, h]] for w, h in size[rows].tolist()]
    inside = intersection(polygons.take(rows), Polygons.from_rings(images))
    order = np.arange(len(polygons))
    order[rows] = len(polygons) + np.arange(len(rows))
    return _chained(polygons, inside).take(order), outside


def _chained(first: Polygons, second: Polygons) -> Polygons:
    """One batch after another."""
    rings = np.concatenate((first.ring_offsets, second.ring_offsets[1:] + first.ring_offsets[-1]))
    polygons = np.concatenate((first.polygon_offsets, second.polygon_offsets[1:] + first.polygon_offsets[-1]))
    xy = np.concatenate((first.xy, second.xy))
    return Polygons._trusted((xy, rings.astype(np.int32), polygons.astype(np.int32)))


def _rectangle(ring: Points, size: tuple[int, int]) -> Entry:
    """A drawn rectangle again: its corner, its sides, and how far it is turned about that corner, clockwise."""
    # One of no size has lost the corner that repeats its first.
    corner, along, down = ring[0], ring[1] - ring[0], ring[-1] - ring[0]
    width, height = size
    return {
        "x": float(corner[0] * 100.0 / width),
        "y": float(corner[1] * 100.0 / height),
        "width": float(np.hypot(*along) * 100.0 / width),
        "height": float(np.hypot(*down) * 100.0 / height),
        "rotation": float(np.degrees(np.arctan2(along[1], along[0])) % 360.0),
    }


def _no_control(from_name: str | None, kind: str) -> ConfigError:
    drawn = "" if from_name is None else f", drawn with {from_name},"
    return ConfigError(
        f"the labeling configuration has no polygon control that could take a region of kind {kind}{drawn} of the same "
        "image; add <PolygonLabels> to the configuration of the project for the review and pass that"
    )
