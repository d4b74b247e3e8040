"""Exports of known courses: what every lesion does and what every annotator gets wrong is said, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from .annotators import Annotator, default_annotators
from .config import IMAGE_NAME, LABELING_CONFIG
from .course_writer import MARKER_CONTROLS, MARKER_LABEL, CourseWriter, TrueRegion
from .events import Event
from .scenes import Camera, Scene, TrueCourse, TrueVisit, make_scene
from .truth import Patient

__all__ = ["COURSES_CONFIG", "Courses", "make_courses"]

_START = date(2025, 1, 6)
#: The labeling configuration of `make_courses`: that of `make_export`, with markers.
COURSES_CONFIG = LABELING_CONFIG.replace(
    "  <View visibleWhen=",
    f"""  <KeyPointLabels name="marker" toName="{IMAGE_NAME}">
    <Label value="{MARKER_LABEL}"/>
  </KeyPointLabels>
  <VectorLabels name="marker_line" toName="{IMAGE_NAME}" closable="false">
    <Label value="{MARKER_LABEL}"/>
  </VectorLabels>
  <View visibleWhen=""",
    1,
)


@dataclass(frozen=True, slots=True)
class Courses:
    """An export and the truth behind it.

    Attributes
    ----------
    tasks : list of dict
        A Label Studio export.
    lesions : list of TrueCourse
        Every lesion of every patient, in order.
    visits : list of TrueVisit
        Every visit of every patient and site, in order.
    regions : list of TrueRegion
        Every drawn region, in the order of the export.
    events : tuple of Event
        What was planned.
    """

    tasks: list[dict[str, Any]]
    lesions: list[TrueCourse]
    visits: list[TrueVisit]
    regions: list[TrueRegion]
    events: tuple[Event, ...]


def make_courses(
    *,
    patients: int = 10,
    visits: int = 4,
    annotators: int | Sequence[Annotator] = 3,
    lesions: tuple[int, int] = (2, 4),
    events: Sequence[Event] = (),
    seed: int = 0,
    camera: Camera | None = None,
    bias: float | Sequence[float] | None = None,
    noise: float | Sequence[float] | None = None,
    vertices: tuple[int, int] = (24, 64),
    image_sizes: Sequence[tuple[int, int]] = ((1600, 1200),),
    days: Sequence[int] | None = None,
    dates: str = "offsets",
    sites: Sequence[str] = (),
    visit_tasks: bool = False,
    spacing: bool = True,
    marker_mm: float | None = None,
    marker_kind: str = "points",
    marker_noise_mm: float = 0.03,
) -> Courses:
    """Make an export in which every lesion takes a known course; without events all are stable and all ids right.

    Nobody loses a lesion, confuses a label or skips a task unless an event says so; annotators differ in their bias
    and noise only. What happens to one lesion changes no other drawing.

    Parameters
    ----------
    patients, visits : int
        Patients, and visits of each.
    annotators : int or sequence of Annotator, default 3
        Who draws; all draw everything. Of an `Annotator` only id, bias, noise, invalid_rate and shape_rate are used,
        the other rates must be 0 (see `Annotator.faultless`).
    lesions : (int, int), default (2, 4)
        Lowest and highest number of lesions per patient (and site).
    events : sequence of Event
        What lesions, visits and annotators do.
    seed : int, default 0
        The same arguments give the same export.
    camera : Camera, optional
        How much the camera moves; by default shifts up to 2 mm.
    bias, noise : optional
        As in `make_export`; only with a number of annotators.
    vertices : (int, int), default (24, 64)
        Lowest and highest number of vertices per polygon.
    image_sizes : sequence of (int, int)
        Sizes among which every visit draws one.
    days : sequence of int, optional
        Day of each visit, the same for all patients; by default 80 to 200 days lie between visits.
    dates : str, default "offsets"
        What the data says of time: "offsets" (``visit_offsets_days``), "dates" (``visit_dates``), "both" or "none".
    sites : sequence of str
        Parts of the body, each a task with its own lesions and ids; ``site`` in the data.
    visit_tasks : bool, default False
        Make every visit a task of its own.
    spacing : bool, default True
        Whether the data has ``spacing_mm``.
    marker_mm : float, optional
        Length of a marker that every annotator marks on every page, labelled "ruler".
    marker_kind : str, default "points"
        "points" (two key points) or "line" (an open vector).
    marker_noise_mm : float, default 0.03
        Standard deviation of each end of it, along x and y.

    Returns
    -------
    Courses
        The tasks and the truth.

    Raises
    ------
    ValueError
        If an argument is out of range, or an event concerns nobody.

    Examples
    --------
    >>> from lesiongeo.testing import Event, make_courses
    >>> made = make_courses(patients=1, visits=3, lesions=(2, 2), events=[Event("grow", lesion=1, visit=2, size=1.5)])
    >>> [course.statuses for course in made.lesions]
    [('baseline', 'stable', 'enlarged'), ('baseline', 'stable', 'stable')]
    """
    crew = _crew(annotators, bias, noise)
    _check(patients, visits, lesions, seed, days, dates, marker_kind, vertices)
    places: Sequence[str | None] = list(sites) or [None]
    writer = CourseWriter(crew, vertices, seed, 0.0, False, (), events=tuple(events))
    writer.marker = None if marker_mm is None else (marker_mm, marker_kind, marker_noise_mm)
    made = Courses([], [], [], writer.regions, tuple(events))
    task = 0
    for index in range(1, patients + 1):
        name = f"P{index:04d}"
        for number, place in enumerate(places):
            # One task for all visits, or one for each.
            where = [(task + 1 + visit, 0) if visit_tasks else (task + 1, visit) for visit in range(visits)]
            task = where[-1][0]
            scene = make_scene(
                index,
                name,
                site=place,
                seed=[seed, 11, index, number],
                visits=visits,
                lesions=lesions,
                events=events,
                camera=Camera() if camera is None else camera,
                days=days,
                image_sizes=image_sizes,
                tasks=where,
            )
            made.lesions.extend(scene.courses)
            made.visits.extend(scene.visits)
            for task_id in sorted({own for own, _ in where}):
                made.tasks.append(_task(writer, scene, task_id, dates, spacing))
    return made


def _crew(
    annotators: int | Sequence[Annotator], bias: float | Sequence[float] | None, noise: float | Sequence[float] | None
) -> list[Annotator]:
    if isinstance(annotators, int):
        people = default_annotators(annotators, bias=bias, noise=noise)
        return [Annotator.faultless(one.id, bias=one.bias, noise=one.noise) for one in people]
    if bias is not None or noise is not None:
        raise ValueError("set bias and noise on each Annotator, or give a number of annotators")
    crew = list(annotators)
    if len({person.id for person in crew}) < len(crew):
        raise ValueError("two annotators have the same id")
    for person in crew:
        plain = Annotator.faultless(person.id, bias=person.bias, noise=person.noise)
        if replace(person, invalid_rate=0.0, shape_rate=0.0) != plain:
            raise ValueError(
                f"annotator {person.id} does things by chance; plan them as events, with Annotator.faultless"
            )
    return crew


def _check(
    patients: int,
    visits: int,
    lesions: tuple[int, int],
    seed: int,
    days: Sequence[int] | None,
    dates: str,
    marker_kind: str,
    vertices: tuple[int, int],
) -> None:
    if patients < 0 or visits < 1 or seed < 0:
        raise ValueError(f"need patients >= 0, visits >= 1, seed >= 0, got {patients}, {visits}, {seed}")
    if not 0 <= lesions[0] <= lesions[1]:
        raise ValueError(f"lesions must be (lowest, highest) and not negative, got {lesions}")
    if not 8 <= vertices[0] <= vertices[1]:
        raise ValueError(f"vertices must be (lowest, highest) and at least 8, got {vertices}")
    if days is not None and len(days) != visits:
        raise ValueError(f"days has {len(days)} values for {visits} visits")
    if dates not in ("offsets", "dates", "both", "none"):
        raise ValueError(f"dates must be offsets, dates, both or none, got {dates!r}")
    if marker_kind not in MARKER_CONTROLS:
        raise ValueError(f"marker_kind must be points or line, got {marker_kind!r}")


def _task(writer: CourseWriter, scene: Scene, task_id: int, dates: str, spacing: bool) -> dict[str, Any]:
    """Make one task of a scene."""
    pages = [visit for visit in scene.visits if visit.task_id == task_id]
    writer.scene = scene
    task = writer.task(Patient(task_id, tuple((v.width, v.height) for v in pages), tuple(v.day for v in pages), ()))
    first = pages[0]
    parts = [first.patient, *([first.site] if first.site else [])]
    gone = {
        event.visit
        for event in writer.events
        if event.kind == "unimaged" and event.concerns(patient=scene.patient, site=first.site)
    }
    data: dict[str, Any] = {"patient_id": first.patient}
    if first.site is not None:
        data["site"] = first.site
    data["images"] = [
        None if v.visit in gone else f"https://images.example.org/{'/'.join(parts)}/visit{v.visit + 1}.jpg"
        for v in pages
    ]
    if dates in ("offsets", "both"):
        data["visit_offsets_days"] = [v.day for v in pages]
    if dates in ("dates", "both"):
        # Every patient starts on another day.
        start = _START + timedelta(days=3 * scene.patient)
        data["visit_dates"] = [(start + timedelta(days=v.day)).isoformat() for v in pages]
    if spacing:
        data["spacing_mm"] = [v.spacing_mm for v in pages]
    return {**task, "data": data}
