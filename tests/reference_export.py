"""Plain reader of Label Studio JSON, written from the format rules alone.

The tests judge the package by this file, so it shares nothing with the package: the standard ``json`` module,
one loop, one dataclass per thing, no speed. Points are pixels in the order in which they were drawn, with a
repeated last point removed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]

KINDS = {
    "polygon": "polygon",
    "polygonlabels": "polygon",
    "rectangle": "rectangle",
    "rectanglelabels": "rectangle",
    "ellipse": "ellipse",
    "ellipselabels": "ellipse",
}
# Entry types that answer a question; alone under an id they concern a page or a task, not a region.
ANSWERS = {"choices", "number", "textarea", "rating", "taxonomy", "datetime", "pairwise", "ranker", "labels"}
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".svg", ".dcm")
ELLIPSE_VERTICES = 720


class UnreadableError(Exception):
    """The geometry of a region cannot be read."""


@dataclass(frozen=True, eq=False)
class Region:
    """One drawn region; ``ellipse`` holds centre x, y, radii rx, ry in px and the rotation in degrees."""

    task_id: int
    page: int
    width: float
    height: float
    annotation_id: int
    annotator: str | None
    region_id: str
    kind: str
    labels: frozenset[str]
    source: str
    cancelled: bool
    ground_truth: bool
    updated_at: datetime | None
    points: Points
    controls: dict[str, float | str | list[str]]
    ellipse: tuple[float, float, float, float, float] | None = None

    @property
    def key(self) -> tuple[int, str, int, str]:
        """What tells the regions of a file apart: region ids are unique only inside one annotation."""
        return self.task_id, self.source, self.annotation_id, self.region_id


@dataclass(frozen=True)
class Annotation:
    """One annotation, prediction or draft given as an object, also when it is empty or cancelled."""

    task_id: int
    annotation_id: int
    source: str
    annotator: str | None
    cancelled: bool
    ground_truth: bool
    created_at: datetime | None
    updated_at: datetime | None
    n_regions: int
    n_task_images: int = field(compare=False)


@dataclass(frozen=True)
class ProblemRegion:
    """A region that could not be read, with the reason."""

    task_id: int
    source: str
    annotation_id: int
    region_id: str
    why: str


def number(value: object) -> float:
    """A finite JSON number, not a bool and not a text."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UnreadableError(f"not a finite number: {value!r}")
    return float(value)


def timestamp(value: object) -> datetime | None:
    """An ISO time in UTC; None where there is none."""
    if not isinstance(value, str) or not value:
        return None
    time = datetime.fromisoformat(value)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def annotator_of(completed_by: object) -> str | None:
    """The user id as text, from a plain id or an object with one; None when the user was deleted."""
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("id", completed_by.get("email"))
    return None if completed_by is None else str(completed_by)


def number_of_images(data: object) -> int:
    """Length of the first data field that is a list of image paths; 1 where no field is."""
    for value in data.values() if isinstance(data, dict) else ():
        if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            continue
        if all("/" in item or item.lower().split("?")[0].endswith(IMAGE_ENDINGS) for item in value):
            return len(value)
    return 1


def page_of(entry: dict[str, Any]) -> int:
    """``item_index`` at the top level of an entry, else in its value, else 0."""
    value = entry.get("value")
    inner = value.get("item_index") if isinstance(value, dict) else None
    for index in (entry.get("item_index"), inner):
        if isinstance(index, int) and not isinstance(index, bool):
            return index
    return 0


def turned(x: float, y: float, u: float, v: float, degrees: float) -> tuple[float, float]:
    """(x, y) plus the offset (u, v) turned clockwise on screen, which is x towards y as y points down."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return x + u * c - v * s, y + u * s + v * c


def outline(
    kind: str, value: dict[str, Any], width: float, height: float
) -> tuple[Points, tuple[float, float, float, float, float] | None]:
    """Pixel outline of one geometry entry, and the parameters when it is an ellipse."""
    if kind == "polygon":
        points = value.get("points")
        if not isinstance(points, list) or not points:
            raise UnreadableError(f"no points: {points!r}")
        if not all(isinstance(point, list) and len(point) == 2 for point in points):
            raise UnreadableError("a point is not a pair")
        ring = [(number(x) / 100 * width, number(y) / 100 * height) for x, y in points]
        if len(ring) > 1 and ring[0] == ring[-1]:
            ring.pop()
        return np.array(ring, dtype=np.float64), None
    x = number(value.get("x")) / 100 * width
    y = number(value.get("y")) / 100 * height
    rotation = number(value.get("rotation") or 0)
    if kind == "rectangle":
        w = number(value.get("width")) / 100 * width
        h = number(value.get("height")) / 100 * height
        corners = [turned(x, y, u, v, rotation) for u, v in ((0.0, 0.0), (w, 0.0), (w, h), (0.0, h))]
        return np.array(corners, dtype=np.float64), None
    rx = number(value.get("radiusX")) / 100 * width
    ry = number(value.get("radiusY")) / 100 * height
    # Vertices lie on an ellipse blown up so much that the polygon has the area pi rx ry of the true ellipse.
    step = 2 * math.pi / ELLIPSE_VERTICES
    blown = math.sqrt(step / math.sin(step))
    angles = [step * i for i in range(ELLIPSE_VERTICES)]
    ring = [turned(x, y, blown * rx * math.cos(t), blown * ry * math.sin(t), rotation) for t in angles]
    return np.array(ring, dtype=np.float64), (x, y, rx, ry, rotation)


def labels_of(entries: list[dict[str, Any]]) -> frozenset[str]:
    """All labels of all entries of a region: the list that is named like the entry's type."""
    found: set[str] = set()
    for entry in entries:
        kind, value = entry.get("type"), entry.get("value")
        if isinstance(kind, str) and kind.endswith("labels") and isinstance(value, dict):
            found.update(str(label) for label in value.get(kind) or [])
    return frozenset(found)


def controls_of(entries: list[dict[str, Any]]) -> dict[str, float | str | list[str]]:
    """Answers given for the region, by control name; a single text stands alone, several are a list."""
    found: dict[str, float | str | list[str]] = {}
    for entry in entries:
        kind, value, name = entry.get("type"), entry.get("value"), entry.get("from_name")
        if not isinstance(value, dict) or not isinstance(name, str):
            continue
        if kind == "number":
            try:
                found[name] = number(value.get("number"))
            except UnreadableError:  # a bad answer does not make the outline bad
                continue
        elif kind in ("choices", "textarea"):
            texts = value.get("choices" if kind == "choices" else "text")
            if isinstance(texts, str):
                texts = [texts]
            if texts:
                found[name] = texts[0] if len(texts) == 1 else list(texts)
    return found


def sources(task: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything that holds results, with its source; predictions and drafts can be bare ids."""
    for source, items in (
        ("annotation", task.get("annotations", task.get("completions"))),
        ("prediction", task.get("predictions")),
        ("draft", task.get("drafts")),
    ):
        for item in items or []:
            if isinstance(item, dict):
                yield source, item


def load(path_or_bytes: str | Path | bytes) -> list[dict[str, Any]]:
    """The tasks of an export."""
    raw = path_or_bytes if isinstance(path_or_bytes, bytes) else Path(path_or_bytes).read_bytes()
    tasks: list[dict[str, Any]] = json.loads(raw)
    return tasks


def read(path_or_bytes: str | Path | bytes) -> tuple[list[Region], list[Annotation], list[ProblemRegion]]:
    """Regions, annotations and unreadable regions of an export."""
    regions: list[Region] = []
    annotations: list[Annotation] = []
    problems: list[ProblemRegion] = []
    for task in load(path_or_bytes):
        for source, item in sources(task):
            groups: dict[str, list[dict[str, Any]]] = {}
            for entry in item.get("result") or []:
                if isinstance(entry.get("id"), str):  # relations have no id
                    groups.setdefault(entry["id"], []).append(entry)
            annotator = annotator_of(item.get("completed_by"))
            cancelled = bool(item.get("was_cancelled"))
            ground_truth = bool(item.get("ground_truth"))
            updated_at = timestamp(item.get("updated_at"))
            n_regions = 0
            for region_id, entries in groups.items():
                shapes = [entry for entry in entries if entry.get("type") in KINDS]
                if not shapes and all(entry.get("type") in ANSWERS for entry in entries):
                    continue
                try:
                    if not shapes:
                        raise UnreadableError(f"unknown kind {entries[0].get('type')!r}")
                    shape = shapes[0]
                    width, height = number(shape.get("original_width")), number(shape.get("original_height"))
                    if width <= 0 or height <= 0:
                        raise UnreadableError("the image has no size")
                    if not isinstance(shape.get("value"), dict):
                        raise UnreadableError("no value")
                    kind = KINDS[shape["type"]]
                    points, ellipse = outline(kind, shape["value"], width, height)
                except UnreadableError as error:
                    problems.append(ProblemRegion(task["id"], source, item["id"], region_id, str(error)))
                    continue
                n_regions += 1
                regions.append(
                    Region(
                        task_id=task["id"],
                        page=page_of(shape),
                        width=width,
                        height=height,
                        annotation_id=item["id"],
                        annotator=annotator,
                        region_id=region_id,
                        kind=kind,
                        labels=labels_of(entries),
                        source=source,
                        cancelled=cancelled,
                        ground_truth=ground_truth,
                        updated_at=updated_at,
                        points=points,
                        controls=controls_of(entries),
                        ellipse=ellipse,
                    )
                )
            annotations.append(
                Annotation(
                    task_id=task["id"],
                    annotation_id=item["id"],
                    source=source,
                    annotator=annotator,
                    cancelled=cancelled,
                    ground_truth=ground_truth,
                    created_at=timestamp(item.get("created_at")),
                    updated_at=updated_at,
                    n_regions=n_regions,
                    n_task_images=number_of_images(task.get("data")),
                )
            )
    return regions, annotations, problems
