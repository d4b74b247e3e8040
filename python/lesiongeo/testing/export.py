"""A Label Studio default JSON export of invented tasks: the keys and their order are those of the server."""

import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from os import PathLike
from typing import Any

import numpy as np

from .annotators import Annotator, default_annotators
from .habits import Habit, factor, habitual
from .results import make_results
from .truth import FIELD_WIDTH_MM, IMAGE_SIZES, Patient, check_scene, make_patient

_PREDICTION_RATE = 0.25
_PROJECT = 1
_IMPORTED = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def make_export(
    *,
    patients: int = 40,
    visits: int = 3,
    annotators: int | Sequence[Annotator] = 3,
    lesions: tuple[int, int] = (1, 6),
    vertices: tuple[int, int] = (24, 64),
    seed: int = 0,
    bias: float | Sequence[float] | None = None,
    noise: float | Sequence[float] | None = None,
    miss_rate: float | None = None,
    skip_rate: float | None = None,
    invalid_rate: float | None = None,
    image_sizes: Sequence[tuple[int, int]] = IMAGE_SIZES,
    weeks: int | None = None,
    habits: Sequence[Habit] = (),
) -> list[dict[str, Any]]:
    """Make a Label Studio default JSON export: one task per patient, one page per visit.

    A patient's lesions and what an annotator does with them depend on the seed, the patient and the annotator
    only: more patients or more annotators leave the existing drawings as they are (not the running numbers).

    Parameters
    ----------
    patients, visits : int
        Tasks, and pages per task.
    annotators : int or sequence of Annotator, default 3
        Who draws. A number stands for ``default_annotators(number, ...)``.
    lesions : (int, int), default (1, 6)
        Lowest and highest number of lesions per patient.
    vertices : (int, int), default (24, 64)
        Lowest and highest number of vertices per polygon; at least 8.
    seed : int, default 0
        The same arguments give the same export.
    bias, noise, miss_rate, skip_rate, invalid_rate : optional
        Passed to `default_annotators`; only with a number of annotators.
    image_sizes : sequence of (int, int)
        Sizes (width, height) among which every page draws one. All show the same width of skin, 80 mm; the
        size of a pixel is in ``data["spacing_mm"]``, one number per page.
    weeks : int, optional
        Over how many weeks the tasks are spread, evenly and in their order, from a Monday on. By default they follow
        each other by minutes.
    habits : sequence of Habit, default ()
        What annotators take on in some week.

    Returns
    -------
    list of dict
        Tasks. ``data`` holds ``patient_id``, ``images``, ``visit_offsets_days`` and ``spacing_mm``. The
        entries of a region share one list of points in memory: edit a ``copy.deepcopy``.

    Raises
    ------
    ValueError
        If an argument is out of range, ids of annotators repeat, habits are given twice, belong to nobody, or begin
        after the last week.

    Examples
    --------
    >>> from lesiongeo.testing import Annotator, make_export
    >>> crew = [Annotator.faultless(1), Annotator.faultless(2, bias=0.06)]
    >>> (task,) = make_export(patients=1, visits=1, annotators=crew, lesions=(1, 1), seed=4)
    >>> [annotation["completed_by"] for annotation in task["annotations"]]
    [1, 2]
    >>> [entry["from_name"] for entry in task["annotations"][0]["result"]]
    ['lesion', 'track_id', 'lesion_status', 'visit_assessment']
    """
    if isinstance(annotators, int):
        annotators = default_annotators(
            annotators,
            bias=bias,
            noise=noise,
            miss_rate=miss_rate,
            skip_rate=skip_rate,
            invalid_rate=invalid_rate,
        )
    elif any(habit is not None for habit in (bias, noise, miss_rate, skip_rate, invalid_rate)):
        raise ValueError("set bias, noise and rates on each Annotator, or give a number of annotators")
    return list(
        iter_export(
            patients=patients,
            visits=visits,
            annotators=annotators,
            lesions=lesions,
            vertices=vertices,
            seed=seed,
            image_sizes=image_sizes,
            weeks=weeks,
            habits=habits,
        )
    )


def iter_export(
    *,
    patients: int = 40,
    visits: int = 3,
    annotators: int | Sequence[Annotator] = 3,
    lesions: tuple[int, int] = (1, 6),
    vertices: tuple[int, int] = (24, 64),
    seed: int = 0,
    image_sizes: Sequence[tuple[int, int]] = IMAGE_SIZES,
    weeks: int | None = None,
    habits: Sequence[Habit] = (),
) -> Iterator[dict[str, Any]]:
    """Make the tasks of `make_export` one by one, for exports larger than memory.

    Parameters
    ----------
    patients, visits, annotators, lesions, vertices, seed, image_sizes, weeks, habits
        As in `make_export`; checked before this function returns.

    Returns
    -------
    iterator of dict
        Tasks.

    Raises
    ------
    ValueError
        As in `make_export`.

    Examples
    --------
    >>> from lesiongeo.testing import iter_export
    >>> next(iter_export(patients=1_000_000))["id"]
    1
    """
    check_scene(patients=patients, visits=visits, lesions=lesions, seed=seed, image_sizes=image_sizes)
    if not 8 <= vertices[0] <= vertices[1]:
        raise ValueError(f"vertices must be (lowest, highest) and at least 8, got {vertices}")
    crew = default_annotators(annotators) if isinstance(annotators, int) else list(annotators)
    if len({person.id for person in crew}) < len(crew):
        raise ValueError("two annotators have the same id")
    if weeks is not None and weeks < 1:
        raise ValueError(f"weeks must be at least 1, got {weeks}")
    for habit in habits:
        if habit.annotator not in {person.id for person in crew}:
            raise ValueError(f"a habit belongs to annotator {habit.annotator}, whom the export does not have")
        if habit.week >= (weeks or 1):
            raise ValueError(f"a habit begins in week {habit.week} (from 0), but the export has {weeks or 1}")
    writer = ExportWriter(crew, vertices, seed, (weeks or 1) / max(patients, 1), weeks is not None, tuple(habits))
    return (
        writer.task(make_patient(index, visits=visits, lesions=lesions, seed=seed, image_sizes=image_sizes))
        for index in range(patients)
    )


def write_export(tasks: Iterable[dict[str, Any]], path: str | PathLike[str]) -> None:
    """Write tasks as JSON text: one task per line, no spaces, keys as they come, floats to the last digit.

    Parameters
    ----------
    tasks : iterable of dict
        For example from `make_export`, or from `iter_export` to keep memory small.
    path : path-like
        File to write.

    Raises
    ------
    ValueError
        If a number is NaN or infinite, which JSON cannot say.
    """
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        separator = "[\n"
        for task in tasks:
            file.write(separator + json.dumps(task, separators=(",", ":"), ensure_ascii=False, allow_nan=False))
            separator = ",\n"
        file.write("\n]\n" if separator == ",\n" else "[]\n")


@dataclass
class ExportWriter:
    """Running numbers of one export, and how its parts are put together."""

    crew: list[Annotator]
    vertices: tuple[int, int]
    seed: int
    weeks_per_task: float
    by_week: bool
    habits: tuple[Habit, ...]
    annotations: int = 0
    predictions: int = 0

    def task(self, patient: Patient) -> dict[str, Any]:
        """Make one task, with the annotations of everybody."""
        rng = np.random.default_rng([self.seed, 2, patient.task_id])
        # Weeks begin on Mondays.
        shift = 7 * (self.seed % 52) if self.by_week else self.seed % 365
        imported = _IMPORTED + timedelta(days=shift, microseconds=113 * patient.task_id)
        annotations: list[dict[str, Any]] = []
        for person in self.crew:
            annotations += self.by_annotator(patient, person, imported)
        cancelled = sum(annotation["was_cancelled"] for annotation in annotations)
        predicted = bool(rng.random() < _PREDICTION_RATE)
        self.predictions += predicted
        newest = max(annotations, key=lambda annotation: str(annotation["updated_at"]), default=None)
        name = f"P{patient.task_id:04d}"
        return {
            "id": patient.task_id,
            "annotations": annotations,
            "drafts": [],
            "predictions": [self.predictions] if predicted else [],
            "data": {
                "patient_id": name,
                "images": [f"https://images.example.org/{name}/visit{p + 1}.jpg" for p in range(len(patient.sizes))],
                "visit_offsets_days": list(patient.visit_offsets_days),
                "spacing_mm": [FIELD_WIDTH_MM / width for width, _ in patient.sizes],
            },
            "meta": {},
            "created_at": _text(imported),
            "updated_at": newest["updated_at"] if newest else _text(imported),
            "allow_skip": True,
            "inner_id": patient.task_id,
            "total_annotations": len(annotations) - cancelled,
            "cancelled_annotations": cancelled,
            "total_predictions": int(predicted),
            "comment_count": 0,
            "unresolved_comment_count": 0,
            "last_comment_updated_at": None,
            "project": _PROJECT,
            "updated_by": newest["updated_by"] if newest else None,
            "comment_authors": [],
        }

    def by_annotator(self, patient: Patient, person: Annotator, imported: datetime) -> list[dict[str, Any]]:
        """Make the annotations of one person on one task: mostly one, now and then a second, newer one."""
        rng = np.random.default_rng([self.seed, 3, patient.task_id, person.id])
        if rng.random() < person.skip_rate:
            return [self.annotation(rng, patient, person, imported, [], cancelled=True)]
        if rng.random() < person.empty_rate:
            return [self.annotation(rng, patient, person, imported, [])]
        times = 2 if rng.random() < person.repeat_rate else 1
        habits = self.habits_of(patient, person)
        draws, many = habitual(person, habits), factor(habits, "vertices")
        vertices = (max(3, round(self.vertices[0] * many)), max(3, round(self.vertices[1] * many)))
        return [
            self.annotation(rng, patient, person, imported, make_results(rng, patient, draws, vertices, habits))
            for _ in range(times)
        ]

    def habits_of(self, patient: Patient, person: Annotator) -> list[Habit]:
        """Return the habits that somebody has in the week of a task."""
        week = int(self.weeks_of(patient))
        return [habit for habit in self.habits if habit.annotator == person.id and habit.applies(week)]

    def weeks_of(self, patient: Patient) -> float:
        """Weeks from the start of the export to a task."""
        # Rounded, so that the first task of a week is not in the week before by the last bit.
        return round((patient.task_id - 1) * self.weeks_per_task, 9)

    def annotation(
        self,
        rng: np.random.Generator,
        patient: Patient,
        person: Annotator,
        imported: datetime,
        result: list[dict[str, Any]],
        *,
        cancelled: bool = False,
    ) -> dict[str, Any]:
        """Make one annotation around its entries."""
        self.annotations += 1
        lead_time = (2.0 if cancelled else 5.0 + 4.0 * len(result)) * (0.5 + rng.random())
        lead_time *= factor(self.habits_of(patient, person), "lead_time")
        later = timedelta(minutes=4 * self.annotations)
        if self.by_week:
            week, part = divmod(self.weeks_of(patient), 1.0)
            # Five working days; nobody's own pace moves a task into another week.
            later = timedelta(days=7.0 * week + 4.0 * part, minutes=4 * (self.crew.index(person)))
        created = imported + timedelta(hours=1, seconds=180.0 * rng.random()) + later
        return {
            "id": self.annotations,
            "completed_by": person.id,
            "result": result,
            "was_cancelled": cancelled,
            "ground_truth": False,
            "created_at": _text(created),
            "updated_at": _text(created + timedelta(microseconds=int(rng.integers(20, 90)))),
            "draft_created_at": None,
            "lead_time": round(lead_time, 3),
            "prediction": {},
            "result_count": len({entry.get("id") for entry in result}),
            "unique_id": str(uuid.UUID(bytes=rng.bytes(16), version=4)),
            "import_id": None,
            "last_action": None,
            "bulk_created": False,
            "task": patient.task_id,
            "project": _PROJECT,
            "updated_by": person.id,
            "parent_prediction": None,
            "parent_annotation": None,
            "last_created_by": None,
        }


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
