"""What annotators leave on the tasks of a known course: outlines, ids, answers and markers, as events have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np

from .annotators import Annotator
from .config import IMAGE_NAME
from .drawing import draw
from .events import Event
from .export import ExportWriter
from .results import assessment_entry, new_region_id, region_entries
from .scenes import Scene, TrueVisit
from .truth import Patient, TrueLesion

__all__ = ["MARKER_CONTROLS", "MARKER_LABEL", "CourseWriter", "TrueRegion"]

#: Label and controls of the markers of a known length.
MARKER_LABEL = "ruler"
MARKER_CONTROLS = {"points": ("marker", "keypointlabels"), "line": ("marker_line", "vectorlabels")}
#: Statuses of geometry in the words of the labeling configuration.
_TICKED = {"baseline": "new", "shrunk": "regressed", "split": "stable", "merged": "resolved"}


@dataclass(frozen=True, slots=True)
class TrueRegion:
    """One drawn region, and which lesion it shows.

    Attributes
    ----------
    patient, site, visit, lesion
        Of what, as in `TrueCourse`.
    task_id, page, annotation_id, annotator, region_id
        Where it stands in the export.
    typed_id : float or None
        The id that the annotator typed.
    counts : bool
        Whether its annotation is the newest of the annotator.
    """

    patient: str
    site: str | None
    visit: int
    lesion: int
    task_id: int
    page: int
    annotation_id: int
    annotator: int
    region_id: str
    typed_id: float | None
    counts: bool


@dataclass
class CourseWriter(ExportWriter):
    """Writes tasks whose annotations follow a scene and its events."""

    events: tuple[Event, ...] = ()
    scene: Scene | None = None
    marker: tuple[float, str, float] | None = None
    regions: list[TrueRegion] = field(default_factory=list)

    def by_annotator(self, patient: Patient, person: Annotator, imported: datetime) -> list[dict[str, Any]]:
        """Make the annotations of one person on one task: one, or with the event `repeat` two."""
        assert self.scene is not None  # noqa: S101  # set for every task
        own = [
            event
            for event in self.events
            if event.concerns(patient=self.scene.patient, annotator=person.id, site=self.scene.visits[0].site)
        ]
        times = 2 if any(event.kind == "repeat" for event in own) else 1
        made = []
        for time in range(times):
            rng = np.random.default_rng([self.seed, 12, patient.task_id, person.id, time])
            entries: list[dict[str, Any]] = []
            for visit in self.scene.visits:
                if visit.task_id == patient.task_id:
                    at_visit = [event for event in own if event.visit in (None, visit.visit)]
                    entries += self.on_page(visit, person, at_visit, time, counts=time == times - 1)
            made.append(self.annotation(rng, patient, person, imported, entries))
        return made

    def on_page(
        self, visit: TrueVisit, person: Annotator, events: Sequence[Event], time: int, *, counts: bool
    ) -> list[dict[str, Any]]:
        """Make what one person leaves on one page."""
        assert self.scene is not None  # noqa: S101  # as above
        kinds = {event.kind for event in events}
        if "unimaged" in kinds:
            return []
        place = [self.seed, 13, self.scene.patient, len(visit.site or ""), visit.visit, person.id, time]
        rng = np.random.default_rng([*place, 0])
        if "unusable" in kinds:
            return [assessment_entry(new_region_id(rng), visit.page, "image_unusable")]
        entries: list[dict[str, Any]] = []
        parts: dict[int, int] = {}
        for lesion in self.scene.shown[visit.visit]:
            number = lesion.track_id
            parts[number] = parts.get(number, 0) + 1
            own = [event for event in events if _about(event, number)]
            if any(event.kind == "miss" for event in own):
                continue
            # Of its own, so that what happens to one lesion changes no other.
            hand = np.random.default_rng([*place, number, parts[number]])
            typed = _typed(number, own)
            told = self.told(lesion, visit, own)
            region_id = new_region_id(hand)
            notes = [event.text for event in own if event.kind == "note"]
            drawn = region_entries(region_id, told, draw(hand, lesion, person, self.vertices), (notes or [None])[-1])
            for entry in drawn:
                if entry["from_name"] == "track_id":
                    entry["value"]["number"] = typed
            entries += [entry for entry in drawn if typed is not None or entry["from_name"] != "track_id"]
            self.regions.append(
                TrueRegion(
                    visit.patient,
                    visit.site,
                    visit.visit,
                    number,
                    visit.task_id,
                    visit.page,
                    self.annotations + 1,
                    person.id,
                    region_id,
                    typed,
                    counts,
                )
            )
        entries += self.markers(rng, visit)
        entries.append(assessment_entry(new_region_id(rng), visit.page, "unchanged"))
        return entries

    def told(self, lesion: TrueLesion, visit: TrueVisit, events: Sequence[Event]) -> TrueLesion:
        """Return the lesion with the label and the status that the annotator gives it."""
        assert self.scene is not None  # noqa: S101  # as above
        course = next(one for one in self.scene.courses if one.lesion == lesion.track_id)
        right = course.statuses[visit.visit] or "stable"
        label, status = course.label, _TICKED.get(right, right)
        for event in events:
            if event.text is not None and event.kind == "label":
                label = event.text
            elif event.text is not None and event.kind == "tick":
                status = event.text
        return replace(lesion, label=label, status=status)

    def markers(self, rng: np.random.Generator, visit: TrueVisit) -> list[dict[str, Any]]:
        """Make the entries of the marker: in the lower left corner of the image, level."""
        if self.marker is None:
            return []
        length, kind, noise = self.marker
        size = np.array([visit.width, visit.height])
        ends = np.array([[0.05, 0.95], [0.05, 0.95]]) * size
        ends[1, 0] += length / visit.spacing_mm
        ends += rng.standard_normal((2, 2)) * (noise / visit.spacing_mm)
        percent = (np.round(ends * 64.0) / 64.0 / size * 100.0).tolist()
        name, control = MARKER_CONTROLS[kind]
        values: list[dict[str, Any]] = [{"x": x, "y": y, "width": 0.5, control: [MARKER_LABEL]} for x, y in percent]
        if kind == "line":
            first, second = new_region_id(rng), new_region_id(rng)
            chain: list[dict[str, Any]] = [
                {"id": first, "x": percent[0][0], "y": percent[0][1], "prevPointId": None, "isBezier": False},
                {"id": second, "x": percent[1][0], "y": percent[1][1], "prevPointId": first, "isBezier": False},
            ]
            values = [{"vertices": chain, "closed": False, control: [MARKER_LABEL]}]
        return [
            {
                "original_width": visit.width,
                "original_height": visit.height,
                "image_rotation": 0,
                "item_index": visit.page,
                "value": value,
                "id": new_region_id(rng),
                "from_name": name,
                "to_name": IMAGE_NAME,
                "type": control,
                "origin": "manual",
            }
            for value in values
        ]


def _about(event: Event, lesion: int) -> bool:
    """Say whether an event is about this lesion; an exchange is about two."""
    return event.lesion in (None, lesion) or (event.kind == "swap_ids" and event.other == lesion)


def _typed(lesion: int, events: Sequence[Event]) -> float | None:
    """Return the id that an annotator types."""
    typed: float | None = lesion
    for event in events:
        if event.kind == "swap_ids":
            typed = event.other if event.lesion == lesion else event.lesion
    for event in events:
        if event.kind == "renumber" and typed is not None:
            typed += event.size or 0
    for event in events:
        if event.kind == "wrong_id":
            typed = event.size
        elif event.kind == "lose_id":
            typed = None
    return typed
