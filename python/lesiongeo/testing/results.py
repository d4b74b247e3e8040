"""What one annotator leaves on one task: the entries of ``result`` in the order of the editor."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from .annotators import Annotator
from .config import ASSESSMENTS, GEOMETRY_CONTROLS, IMAGE_NAME
from .drawing import Drawn, draw
from .habits import Habit, answered, not_lost
from .truth import FIELD_WIDTH_MM, LABELS, STATUSES, Patient, TrueLesion

T = TypeVar("T")

_NOTES = ("regular border", "irregular border", "two colours", "border hard to see", "hair over the lesion")
_NOTES_RATE = 0.15
_RELATION_RATE = 0.1
_ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


def make_results(
    rng: np.random.Generator,
    patient: Patient,
    person: Annotator,
    vertices: tuple[int, int],
    habits: Sequence[Habit] = (),
) -> list[dict[str, Any]]:
    """Make all entries of one annotation: per page the regions and the assessment, then maybe a relation."""
    # Habits draw from a generator of their own, so that they change nothing else.
    odd = np.random.default_rng([*(int(word) for word in rng.bit_generator.state["state"].values())]) if habits else rng
    entries: list[dict[str, Any]] = []
    regions: dict[int, list[tuple[int, str]]] = {}  # by track: page and region id
    tracks = max((lesion.track_id for lesion in patient.lesions), default=0)
    for page in range(len(patient.sizes)):
        visible = [lesion for lesion in patient.lesions if lesion.page == page]
        radius_3mm = 3.0 * patient.sizes[page][0] / FIELD_WIDTH_MM
        seen = [lesion for lesion in visible if rng.random() >= person.miss_rate * (radius_3mm / lesion.radius_px) ** 2]
        seen = not_lost(odd, seen, habits)
        if rng.random() < person.extra_rate:
            seen.append(_extra(rng, patient, page, tracks + 1))
        for lesion in seen:
            told = answered(odd, _answers(rng, lesion, person, tracks), lesion, habits)
            region_id = new_region_id(rng)
            entries += region_entries(region_id, told, draw(rng, lesion, person, vertices), _note(rng))
            regions.setdefault(told.track_id, []).append((page, region_id))
        entries.append(_assessment(rng, page, visible, person))
    chains = [places for places in regions.values() if places[0][0] < places[-1][0]]
    if chains and rng.random() < _RELATION_RATE:
        chain = chains[int(rng.integers(len(chains)))]
        ends = {"from_id": chain[0][1], "to_id": chain[-1][1]}
        entries.append({**ends, "type": "relation", "direction": "right", "labels": []})
    return entries


def _extra(rng: np.random.Generator, patient: Patient, page: int, track_id: int) -> TrueLesion:
    """Something round that is no lesion."""
    width, height = patient.sizes[page]
    centre = rng.uniform((0.1 * width, 0.1 * height), (0.9 * width, 0.9 * height))
    radius = float(rng.uniform(0.01, 0.03)) * width
    centre_px = (float(centre[0]), float(centre[1]))
    return TrueLesion(patient.task_id, page, track_id, "other", "new", width, height, centre_px, radius, ())


def _answers(rng: np.random.Generator, lesion: TrueLesion, person: Annotator, tracks: int) -> TrueLesion:
    """Return the lesion with the label, the status and the track number that the annotator gives it."""
    confused = rng.random(3) < (person.label_confusion, person.label_confusion, person.track_confusion)
    return replace(
        lesion,
        label=_another(rng, LABELS, lesion.label) if confused[0] else lesion.label,
        status=_another(rng, STATUSES, lesion.status) if confused[1] else lesion.status,
        track_id=_another(rng, range(1, tracks + 2), lesion.track_id) if confused[2] else lesion.track_id,
    )


def _another(rng: np.random.Generator, values: Sequence[T], right: T) -> T:
    wrong = [value for value in values if value != right]
    return wrong[int(rng.integers(len(wrong)))]


def _note(rng: np.random.Generator) -> str | None:
    return _NOTES[int(rng.integers(len(_NOTES)))] if rng.random() < _NOTES_RATE else None


def region_entries(region_id: str, told: TrueLesion, drawn: Drawn, note: str | None) -> list[dict[str, Any]]:
    """One entry per control, each repeating the geometry as the editor does."""
    labels = f"{drawn.kind}labels"
    answers: list[tuple[str, str, str, Any]] = [
        (GEOMETRY_CONTROLS[drawn.kind], labels, labels, [told.label]),
        ("track_id", "number", "number", told.track_id),
        ("lesion_status", "choices", "choices", [told.status]),
    ]
    if note is not None:
        answers.append(("notes", "textarea", "text", [note]))
    return [
        {
            "original_width": told.width,
            "original_height": told.height,
            "image_rotation": 0,
            "item_index": told.page,
            "value": {**drawn.value, key: answer},
            "id": region_id,
            "from_name": from_name,
            "to_name": IMAGE_NAME,
            "type": kind,
            "origin": "manual",
        }
        for from_name, kind, key, answer in answers
    ]


def _assessment(rng: np.random.Generator, page: int, visible: list[TrueLesion], person: Annotator) -> dict[str, Any]:
    """Answer for a visit: worse if a lesion grew or appeared, else improved if one shrank, else unchanged."""
    statuses = {lesion.status for lesion in visible} if page else set()
    right = "worse" if statuses & {"new", "enlarged"} else "improved" if statuses - {"stable"} else "unchanged"
    answer = _another(rng, ASSESSMENTS, right) if rng.random() < person.label_confusion else right
    return assessment_entry(new_region_id(rng), page, answer)


def assessment_entry(region_id: str, page: int, answer: str) -> dict[str, Any]:
    """Answer to the question about a visit as a whole."""
    return {
        "value": {"choices": [answer]},
        "id": region_id,
        "from_name": "visit_assessment",
        "to_name": IMAGE_NAME,
        "type": "choices",
        "origin": "manual",
        "item_index": page,
    }


def new_region_id(rng: np.random.Generator) -> str:
    """Make an id as the editor does."""
    return "".join(_ID_ALPHABET[byte & 63] for byte in rng.bytes(10))
