"""Simulated pages of patients: lesions that grow, a camera that moves, people who draw; the truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesiongeo.tracks.identity.alignment import Sightings

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

FIELD_MM = 80.0
HEIGHT_MM = 60.0


@dataclass(frozen=True)
class Course:
    """How lesions, camera and people are; lengths in mm, deviations relative unless named otherwise."""

    lesions: tuple[int, int] = (2, 8)
    visits: int = 2
    shift_mm: float = 6.0
    rotation_deg: float = 20.0  # of every visit: 40 between two at most
    zoom: float = 0.05
    growth: float = 0.25  # sd of ln area between visits
    jitter: float = 0.08  # sd of the centre, of the radius
    stretch: float = 0.02  # sd of the centre, of the distance from the middle
    apart: float = 1.3  # least distance of two lesions, of their radii together
    absent: float = 0.0  # share of lesions that are missing from a page
    labels: int = 3
    relabelled: float = 0.03
    calibrated: bool = True


def make_pages(patients: int, course: Course = Course(), *, seed: int = 0) -> tuple[Sightings, Ints]:
    """Give lesions with right ids, and the number of the true lesion of each (the same on all visits)."""
    rng = np.random.default_rng([seed, 77])
    rows: dict[str, list[Floats | Ints]] = {
        name: [] for name in ("series", "visit", "x", "y", "log_area", "label", "track", "width", "spacing")
    }
    for patient in range(patients):
        xy, radius = _places(rng, int(rng.integers(course.lesions[0], course.lesions[1] + 1)), course.apart)
        count = len(radius)
        label = rng.integers(0, course.labels, count)
        log_area = np.log(np.pi * radius**2)
        for visit in range(course.visits):
            angle = np.radians(rng.uniform(-course.rotation_deg, course.rotation_deg))
            zoom = np.exp(rng.normal(0.0, course.zoom)) if visit else 1.0
            turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            middle = np.array([FIELD_MM, HEIGHT_MM]) / 2.0
            drawn = xy - middle
            drawn = drawn + rng.normal(0.0, 1.0, (count, 2)) * (course.stretch * np.hypot(*drawn.T))[:, None]
            there = drawn @ turn.T + middle + rng.uniform(-course.shift_mm, course.shift_mm, 2) * (visit > 0)
            there = there + rng.normal(0.0, 1.0, (count, 2)) * (course.jitter * np.exp(log_area / 2.0) / 1.77)[:, None]
            size = log_area + rng.normal(0.0, course.growth, count) * visit + rng.normal(0.0, 0.08, count)
            there_label = np.where(rng.random(count) < course.relabelled, rng.integers(0, course.labels, count), label)
            shown = rng.random(count) >= course.absent
            shown[0] |= not shown.any()
            width = float(rng.choice([1600.0, 4000.0, 1024.0]))
            per_mm = width / FIELD_MM
            order = rng.permutation(np.flatnonzero(shown))
            many = len(order)
            rows["series"].append(np.full(many, patient))
            rows["visit"].append(np.full(many, visit))
            rows["x"].append(there[order, 0] * per_mm)
            rows["y"].append(there[order, 1] * per_mm)
            rows["log_area"].append(size[order] + 2.0 * np.log(per_mm))
            rows["label"].append(there_label[order])
            rows["track"].append(order + 100 * patient)
            rows["width"].append(np.full(many, width))
            rows["spacing"].append(np.full(many, 1.0 / per_mm if course.calibrated else np.nan))
    made = {name: np.concatenate(parts) if parts else np.empty(0) for name, parts in rows.items()}
    ints = {name: made[name].astype(np.int64) for name in ("series", "visit", "label", "track")}
    seen = Sightings(
        series=ints["series"],
        visit=ints["visit"],
        page=ints["series"] * course.visits + ints["visit"],
        xy_px=np.stack([made["x"], made["y"]], axis=1).astype(np.float64),
        log_area_px2=made["log_area"].astype(np.float64),
        label=ints["label"],
        track=ints["track"],
        spacing_mm=np.stack([made["spacing"], made["spacing"]], axis=1).astype(np.float64),
        width_px=made["width"].astype(np.float64),
    )
    return seen, ints["track"]


def _places(rng: np.random.Generator, count: int, apart: float) -> tuple[Floats, Floats]:
    """Find places in the field, none too near to another; fewer where there is no room."""
    places: list[Floats] = []
    radii: list[float] = []
    for _ in range(count):
        radius = float(np.clip(2.6 * np.exp(0.4 * rng.standard_normal()), 0.8, 8.0))
        for _ in range(40):
            at = rng.uniform((radius, radius), (FIELD_MM - radius, HEIGHT_MM - radius))
            near = [np.hypot(*(at - other)) < apart * (radius + its) for other, its in zip(places, radii, strict=True)]
            if not any(near):
                places.append(at)
                radii.append(radius)
                break
    return np.array(places).reshape(-1, 2), np.array(radii)


def exchange(seen: Sightings, *, visit: int = 1, size: int = 2, seed: int = 0) -> tuple[Ints, Ints]:
    """Exchange the ids of some lesions in a circle, on one visit of each series with enough of them.

    Return the tracks after that, and the rows that were exchanged as (series, size) rows.
    """
    rng = np.random.default_rng([seed, 78])
    track = seen.track.copy()
    swapped = []
    # Rows are sorted by series.
    start = np.flatnonzero(np.diff(seen.series, prepend=-1))
    for first, end in zip(start, np.append(start[1:], len(seen)), strict=True):
        visits, tracks = seen.visit[first:end], seen.track[first:end]
        rows = first + np.flatnonzero((visits == visit) & np.isin(tracks, tracks[visits == visit - 1]))
        if len(rows) < size:
            continue
        chosen = rng.choice(rows, size, replace=False)
        track[chosen] = seen.track[np.roll(chosen, 1)]
        swapped.append(chosen)
    return track, np.array(swapped, dtype=np.int64).reshape(-1, size)
