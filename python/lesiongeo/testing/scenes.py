"""Patients whose lesions take a known course: places, areas and cameras of every visit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .events import Event
from .outlines import Floats
from .truth import FIELD_WIDTH_MM, LABELS, TrueLesion

__all__ = ["Camera", "Scene", "TrueCourse", "TrueVisit", "make_scene"]

Harmonics = tuple[tuple[float, float], ...]

_LABEL_SHARES = (0.55, 0.15, 0.2, 0.1)
#: How far apart lesions are, in sums of their radii; two that will merge touch.
_APART = 1.6
#: Elongation of the outline of two lesions that merged: radius (1 + _LONG cos 2t).
_LONG = 1 / 3


@dataclass(frozen=True, slots=True)
class Camera:
    """How much the camera moves between visits; every visit draws evenly from these ranges.

    Parameters
    ----------
    shift_mm : float, default 2.0
        Largest shift along x and along y.
    rotation_deg : float, default 0.0
        Largest turn to either side.
    scale : float, default 0.0
        Largest relative change of the scale: 0.1 makes a millimetre up to 10 % longer or shorter in the image. The
        spacing in the data says so.

    Raises
    ------
    ValueError
        If a range is negative, or the scale 0.5 or more.
    """

    shift_mm: float = 2.0
    rotation_deg: float = 0.0
    scale: float = 0.0

    def __post_init__(self) -> None:
        """Reject cameras that nobody has."""
        if min(self.shift_mm, self.rotation_deg, self.scale) < 0.0 or self.scale >= 0.5:
            raise ValueError(f"ranges of a camera are not negative, and its scale is below 0.5; got {self}")


@dataclass(frozen=True, slots=True)
class TrueVisit:
    """One visit as it was.

    Attributes
    ----------
    patient : str
        Name of the patient.
    site : str or None
        Part of the body.
    visit : int
        From 0.
    task_id, page : int
        Where it is.
    day : int
        Days since the first visit.
    width, height : int
        Size of the image in pixels.
    spacing_mm : float
        Millimetres per pixel.
    rotation_deg : float
        Turn of the skin in the image, clockwise on screen, about the middle of the image.
    shift_mm : tuple of float
        Shift of the skin in the image.
    imaged : bool
        Whether there is a usable image.
    """

    patient: str
    site: str | None
    visit: int
    task_id: int
    page: int
    day: int
    width: int
    height: int
    spacing_mm: float
    rotation_deg: float
    shift_mm: tuple[float, float]
    imaged: bool

    def to_px(self, place_mm: Sequence[float] | Floats) -> Floats:
        """Return where a place on the skin (mm from the middle of the field) is in the image, in pixels."""
        turn = np.radians(self.rotation_deg)
        x, y = np.asarray(place_mm, dtype=np.float64)
        turned = np.array([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)])
        middle = 0.5 * np.array([self.width, self.height])
        return np.asarray(middle + (turned + np.array(self.shift_mm)) / self.spacing_mm, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class TrueCourse:
    """One lesion over the visits, as it was.

    Attributes
    ----------
    patient : str
        Name of the patient.
    site : str or None
        Part of the body.
    lesion : int
        Its number, from 1: the id that the annotators type, but for events.
    label : str
        The right label.
    place_mm : tuple of float
        On the skin, from the middle of the field.
    areas_mm2 : tuple of (float or None)
        Per visit the area; None where it is not there.
    statuses : tuple of (str or None)
        Per visit baseline, new, stable, enlarged, shrunk, resolved, not_imaged, split or merged, by the true areas
        against the visit before on which it was seen; None before it appears. A lesion is split on the first visit
        that shows it in two parts.
    """

    patient: str
    site: str | None
    lesion: int
    label: str
    place_mm: tuple[float, float]
    areas_mm2: tuple[float | None, ...]
    statuses: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """One patient and site: the visits, the lesions, and what there is to draw on each visit."""

    patient: int
    visits: tuple[TrueVisit, ...]
    courses: tuple[TrueCourse, ...]
    shown: tuple[tuple[TrueLesion, ...], ...]


@dataclass(slots=True)
class _Lesion:
    """A lesion while its course is planned."""

    number: int
    label: str
    radius_mm: float
    border: Harmonics
    place: Floats
    #: Relative to the first visit, per visit; 0 where it is not there.
    area: list[float]
    #: Per visit: "one", "split", or "merged" into another.
    form: list[str]
    into: int | None = None


def make_scene(
    patient: int,
    name: str,
    *,
    site: str | None,
    seed: Sequence[int],
    visits: int,
    lesions: tuple[int, int],
    events: Sequence[Event],
    camera: Camera,
    days: Sequence[int] | None,
    image_sizes: Sequence[tuple[int, int]],
    tasks: Sequence[tuple[int, int]],
) -> Scene:
    """Invent a patient whose lesions do what the events say and are otherwise stable.

    `tasks` are the task and page of each visit.
    """
    rng = np.random.default_rng(seed)
    sizes = [image_sizes[int(rng.integers(len(image_sizes)))] for _ in range(visits)]
    gaps = rng.integers(80, 200, visits - 1)
    offsets = [0, *np.cumsum(gaps).tolist()] if days is None else list(days)
    turns = rng.uniform(-1.0, 1.0, (visits, 4))
    own = [event for event in events if event.concerns(patient=patient, site=site)]
    seen = []
    for visit, ((width, height), turn) in enumerate(zip(sizes, turns.tolist(), strict=True)):
        away = [e for e in own if e.visit == visit and e.kind in ("unimaged", "unusable") and e.annotator is None]
        seen.append(
            TrueVisit(
                patient=name,
                site=site,
                visit=visit,
                task_id=tasks[visit][0],
                page=tasks[visit][1],
                day=int(offsets[visit]),
                width=width,
                height=height,
                spacing_mm=FIELD_WIDTH_MM / width / (1.0 + camera.scale * turn[0]),
                rotation_deg=camera.rotation_deg * turn[1],
                shift_mm=(camera.shift_mm * turn[2], camera.shift_mm * turn[3]),
                imaged=not away,
            )
        )
    height_mm = FIELD_WIDTH_MM * min(height / width for width, height in image_sizes)
    reach = 0.5 * min(height_mm, FIELD_WIDTH_MM) / (1.0 + camera.scale) - camera.shift_mm * 2**0.5
    planned = _plan(rng, visits, lesions, own, reach)
    shown = tuple(_on_page(planned, page) for page in seen)
    courses = tuple(_course(one, seen, planned) for one in planned)
    return Scene(patient, tuple(seen), courses, shown)


def _plan(
    rng: np.random.Generator, visits: int, lesions: tuple[int, int], events: Sequence[Event], reach: float
) -> list[_Lesion]:
    """Areas relative to the first visit, forms and places of all lesions."""
    planned: list[_Lesion] = []
    for number in range(1, int(rng.integers(lesions[0], lesions[1] + 1)) + 1):
        label = LABELS[int(np.searchsorted(np.cumsum(_LABEL_SHARES)[:-1], rng.random(), side="right"))]
        radius = float(np.clip(2.6 * np.exp(0.4 * rng.standard_normal()), 1.2, 6.0))
        orders = np.arange(2, 7)
        drawn = rng.standard_normal((len(orders), 2)) * (0.06 / (orders - 1))[:, None]
        border = tuple((float(c), float(s)) for c, s in drawn)
        planned.append(_Lesion(number, label, radius, border, np.zeros(2), [1.0] * visits, ["one"] * visits))
    for event in events:
        if event.visit is None:
            continue
        for one in planned:
            if not event.concerns(lesion=one.number):
                continue
            for visit in range(visits):
                if event.kind == "appear" and visit < event.visit:
                    one.area[visit] = 0.0
                elif visit < event.visit:
                    continue
                elif event.kind == "grow":
                    one.area[visit] *= event.size or 1.0
                elif event.kind == "resolve":
                    one.area[visit] = 0.0
                elif event.kind == "split":
                    one.form[visit] = "split"
    by_number = {one.number: one for one in planned}
    for event in events:
        if event.kind == "merge" and event.visit is not None:
            if not {event.lesion, event.other} <= by_number.keys() or event.lesion == event.other:
                raise ValueError(f"{event} needs two lesions that the patient has: 1 to {len(planned)}")
            gone = by_number[event.other or 0]
            gone.into = event.lesion
            gone.form[event.visit :] = ["merged"] * max(visits - event.visit, 0)
    placed: list[tuple[Floats, float]] = []
    for one in planned:
        if one.into is None:
            beside = sum(2.2 * _widest(other) for other in planned if other.into == one.number)
            one.place = _free_place(rng, placed, _widest(one) + beside, reach)
            placed.append((one.place, _widest(one) + beside))
    for one in planned:
        if one.into is not None:
            # Beside the one that it will merge with: they nearly touch.
            with_ = by_number[one.into]
            one.place = with_.place + np.array([1.15 * (_widest(with_) + _widest(one)), 0.0])
    return planned


def _widest(one: _Lesion) -> float:
    return float(one.radius_mm * max(*one.area, 1.0) ** 0.5)


def _free_place(rng: np.random.Generator, placed: list[tuple[Floats, float]], room: float, reach: float) -> Floats:
    """Find a place in a disk around the middle, clear of the others; where there is none, the clearest."""
    best, most = np.zeros(2), -np.inf
    for _ in range(200):
        turn, out = 2.0 * np.pi * rng.random(), max(reach - 1.2 * room, 0.0) * rng.random() ** 0.5
        at = out * np.array([np.cos(turn), np.sin(turn)])
        clear = min((float(np.hypot(*(at - other))) - _APART * (room + its) for other, its in placed), default=1.0)
        if clear > most:
            best, most = at, clear
        if clear >= 0.0:
            break
    if most < -0.5 * room:
        raise ValueError("the lesions do not fit on a page; ask for fewer, or for less growth or rotation")
    return best


def _areas(one: _Lesion) -> list[float]:
    """Area of the lesion by itself on each visit, in mm2."""
    whole = np.pi * one.radius_mm**2 * (1.0 + 0.5 * sum(c * c + s * s for c, s in one.border))
    return [float(whole * factor) for factor in one.area]


def _on_page(planned: Sequence[_Lesion], page: TrueVisit) -> tuple[TrueLesion, ...]:
    """What there is to draw on a visit, in pixels."""
    found: list[TrueLesion] = []
    for one in planned:
        area = _areas(one)[page.visit]
        if area <= 0.0 or one.form[page.visit] == "merged":
            continue
        parts: list[tuple[Floats, float, Harmonics]] = [(one.place, area, one.border)]
        merged = _merged(planned, one, page.visit)
        if merged:
            middle = 0.5 * (one.place + merged[-1].place)
            parts = [(middle, area + sum(_areas(other)[page.visit] for other in merged), ((_LONG, 0.0),))]
        elif one.form[page.visit] == "split":
            half = one.radius_mm * one.area[page.visit] ** 0.5
            step = np.array([0.85 * half, 0.0])
            parts = [(one.place + sign * step, 0.5 * area, one.border) for sign in (-1.0, 1.0)]
        for place, part_area, border in parts:
            spread = 1.0 + 0.5 * sum(c * c + s * s for c, s in border)
            radius = float(np.sqrt(part_area / (np.pi * spread))) / page.spacing_mm
            x, y = page.to_px(place).tolist()
            found.append(
                TrueLesion(
                    task_id=page.task_id,
                    page=page.page,
                    track_id=one.number,
                    label=one.label,
                    status="stable",
                    width=page.width,
                    height=page.height,
                    center_px=(x, y),
                    radius_px=radius,
                    harmonics=_turned(border, page.rotation_deg),
                )
            )
    return tuple(found)


def _merged(planned: Sequence[_Lesion], one: _Lesion, visit: int) -> list[_Lesion]:
    """Lesions that are part of this one on a visit."""
    return [other for other in planned if other.into == one.number and other.form[visit] == "merged"]


def _turned(border: Harmonics, degrees: float) -> Harmonics:
    """Turn a border: its harmonics are of the orders 2, 3, ..."""
    turned = []
    for order, (cosine, sine) in enumerate(border, start=2):
        c, s = float(np.cos(order * np.radians(degrees))), float(np.sin(order * np.radians(degrees)))
        turned.append((cosine * c - sine * s, cosine * s + sine * c))
    return tuple(turned)


def _course(one: _Lesion, visits: Sequence[TrueVisit], planned: Sequence[_Lesion]) -> TrueCourse:
    """Areas and statuses of a lesion, by the rules of geometry."""
    areas: list[float | None] = []
    statuses: list[str | None] = []
    before: float | None = None
    form: str | None = None
    looked = False
    for page in visits:
        own = _areas(one)[page.visit]
        own += sum(_areas(other)[page.visit] for other in _merged(planned, one, page.visit)) if own > 0.0 else 0.0
        there = own > 0.0 and one.form[page.visit] != "merged"
        areas.append(own if there else None)
        status: str | None
        if not page.imaged:
            status = None if before is None else "not_imaged"
        elif not there:
            status = None if before is None else "merged" if one.form[page.visit] == "merged" else "resolved"
        else:
            opened = one.form[page.visit] == "split" and form != "split"
            status = _status(own, before, looked, opened=opened)
            before, form = own, one.form[page.visit]
        statuses.append(status)
        looked = looked or page.imaged
    place = (float(one.place[0]), float(one.place[1]))
    return TrueCourse(visits[0].patient, visits[0].site, one.number, one.label, place, tuple(areas), tuple(statuses))


def _status(area: float, before: float | None, looked: bool, *, opened: bool) -> str:
    if before is None:
        return "new" if looked else "baseline"
    if opened:
        return "split"
    ratio = area / before
    return "stable" if abs(ratio - 1.0) < 1e-9 else "enlarged" if ratio > 1.0 else "shrunk"
