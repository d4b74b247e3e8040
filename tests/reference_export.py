"""Plain reader of Label Studio exports, written from the format rules alone.

The tests judge the package by this file, so it shares nothing with the package: the standard ``json`` module,
one loop, one dataclass or dict per thing, no speed. Points are pixels in the order in which they were drawn, with a
repeated last point removed.

Rules that the sources leave open, as they are taken here:

* Of several shapes under one id the first that comes is the region; the label of every entry counts, in order of
  entries and without repetition.
* A vector's edge from one vertex to the next in the list is a cubic where one of them is a Bezier point: its handles
  are ``controlPoint2`` of the first and ``controlPoint1`` of the second. Where only one of the two has one, the editor
  draws the other handle on the straight line, 0.3 of its length from its own end; so does this reader. An open vector
  (kind line) is its vertices there and back.
* A mask counts pixels as `reference_masks` says; a brush mask has the size of the image, a bitmask that of its PNG,
  which has to be that of the image. A mask without pixels is a region without an outline.
* Several notes of a region, and several answers of one control, are a JSON list in one text. Answers of taxonomies
  and rankings are their JSON.
* The images of a task: the first data field that is a list of addresses, else the first that is one address. What
  follows the question mark of an address never leaves, but for ``d=`` of a local file.
* An export of single annotations gives one row per task, not one per file.
* ``candidates`` counts what must come out, as a region or as a dropped problem; its rules stand there.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from reference_masks import Mask, MaskError, bitmask_mask, brush_mask

Points = npt.NDArray[np.float64]
Row = dict[str, Any]
Oval = tuple[float, float, float, float, float]

TOOLS = ("polygon", "rectangle", "ellipse", "brush", "bitmask", "vector", "keypoint")
KINDS = {f"{tool}{end}": tool for tool in TOOLS for end in ("", "labels")}
# Entry types that answer a question; alone under an id they concern a page or a task, not a region.
ANSWERS = {"choices", "number", "textarea", "rating", "taxonomy", "datetime", "pairwise", "ranker"}
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".svg", ".dcm")
ELLIPSE_VERTICES = 720
SAMPLES = 2000
FIXED = (
    "task_id page image width height annotation_id annotator region_id kind from_name label labels score origin "
    "readonly parent_id meta_text source ground_truth cancelled created_at updated_at lead_time_s"
).split()


class UnreadableError(Exception):
    """The geometry of a region cannot be read."""


@dataclass(frozen=True, eq=False)
class Region:
    """One drawn region; ``ellipse`` holds centre x, y, radii rx, ry in px and the rotation in degrees.

    ``points`` are the vertices, or a dense sample of the edges of a vector; a mask has none. ``curve`` holds the
    four points of each edge of a vector, ``row`` all columns as the package names them.
    """

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
    ellipse: Oval | None = None
    mask: Mask | None = None
    curve: Points | None = None
    row: Row = field(default_factory=dict)

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


@dataclass
class Reference:
    """Everything in an export; the lists of rows have the columns of the package's tables."""

    regions: list[Region] = field(default_factory=list)
    owners: list[Annotation] = field(default_factory=list)
    dropped: list[ProblemRegion] = field(default_factory=list)
    annotations: list[Row] = field(default_factory=list)
    answers: list[Row] = field(default_factory=list)
    relations: list[Row] = field(default_factory=list)
    tasks: list[Row] = field(default_factory=list)
    pages: list[Row] = field(default_factory=list)
    controls: dict[tuple[str, str, str], int] = field(default_factory=dict)  # (name, kind, scope): entries


# Values


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def number(value: object) -> float:
    """A finite JSON number, not a bool and not a text."""
    if not is_number(value):
        raise UnreadableError(f"not a finite number: {value!r}")
    return float(value)  # type: ignore[arg-type]


def number_or_none(value: object) -> float | None:
    return number(value) if is_number(value) else None


def whole_or_none(value: object) -> int | None:
    return int(value) if is_number(value) and float(value).is_integer() else None  # type: ignore[arg-type, call-overload]


def text_or_none(value: object) -> str | None:
    """A text, or a number by its digits."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return value if isinstance(value, str) else json.dumps(value)


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


def listed(texts: Sequence[str]) -> str | None:
    """One text by itself, several as a JSON list without spaces, none as nothing."""
    if len(texts) < 2:
        return texts[0] if texts else None
    return json.dumps(list(texts), ensure_ascii=False, separators=(",", ":"))


def texts_of(value: object) -> list[str]:
    """A text or a list of them."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str)]


# Addresses and images


def bare(address: str) -> str:
    """An address without its query, which may sign a request; of a local file the query says which."""
    if "://" not in address and not address.startswith("/") and not is_image(address):
        return address
    if "?" not in address and "#" not in address:
        return address
    split = urlsplit(address)
    local = [part for part in split.query.split("&") if part.startswith("d=")]
    kept = f"?{local[0]}" if local and split.path.endswith("/local-files/") else ""
    return address.partition("#")[0].partition("?")[0] + kept


def without_queries(node: Any) -> Any:
    """The same JSON with every address bare."""
    if isinstance(node, dict):
        return {key: without_queries(value) for key, value in node.items()}
    if isinstance(node, list):
        return [without_queries(value) for value in node]
    return bare(node) if isinstance(node, str) else node


def is_image(text: str) -> bool:
    return text.lower().split("?")[0].split("#")[0].endswith(IMAGE_ENDINGS)


def images_of(data: object) -> list[str]:
    """The images of a task, without queries."""
    values = list(data.values()) if isinstance(data, dict) else []
    for value in values:
        if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            continue
        if all("://" in item or item.startswith("/") or is_image(item) for item in value):
            return [bare(item) for item in value]
    for value in values:
        if isinstance(value, str) and ("://" in value or value.startswith("/") or is_image(value)):
            return [bare(value)]
    return []


def number_of_images(data: object) -> int:
    """Length of the first data field that is a list of image paths; 1 where no field is."""
    for value in data.values() if isinstance(data, dict) else ():
        if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            continue
        if all("/" in item or is_image(item) for item in value):
            return len(value)
    return 1


def page_or_none(entry: Row) -> int | None:
    """``item_index`` at the top level of an entry, else in its value."""
    value = entry.get("value")
    inner = value.get("item_index") if isinstance(value, dict) else None
    for index in (entry.get("item_index"), inner):
        if isinstance(index, int) and not isinstance(index, bool):
            return index
    return None


def page_of(entry: Row) -> int:
    """The page of an entry, else 0."""
    return page_or_none(entry) or 0


# Shapes


@dataclass(frozen=True, eq=False)
class Shape:
    """What an entry draws, in px."""

    kind: str
    points: Points
    ellipse: Oval | None = None
    mask: Mask | None = None
    curve: Points | None = None


def turned(x: float, y: float, u: float, v: float, degrees: float) -> tuple[float, float]:
    """(x, y) plus the offset (u, v) turned clockwise on screen, which is x towards y as y points down."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return x + u * c - v * s, y + u * s + v * c


def outline(kind: str, value: Row, width: float, height: float) -> Shape:
    """What one geometry entry draws."""
    none = np.empty((0, 2))
    if kind in ("brush", "bitmask"):
        try:
            mask = brush_mask(value.get("rle"), int(width), int(height)) if kind == "brush" else None
            if mask is None:
                mask = bitmask_mask(value.get("imageDataURL"))
        except MaskError as error:
            raise UnreadableError(str(error)) from None
        if mask.shape != (height, width):
            raise UnreadableError("the mask has not the size of the image")
        return Shape(kind, none, mask=mask)
    if kind == "vector":
        return vector(value, width, height)
    if kind == "polygon":
        points = value.get("points")
        if not isinstance(points, list) or not points:
            raise UnreadableError(f"no points: {points!r}")
        if not all(isinstance(point, list) and len(point) == 2 for point in points):
            raise UnreadableError("a point is not a pair")
        ring = [(number(x) / 100 * width, number(y) / 100 * height) for x, y in points]
        if len(ring) > 1 and ring[0] == ring[-1]:
            ring.pop()
        return Shape(kind, np.array(ring, dtype=np.float64))
    x = number(value.get("x")) / 100 * width
    y = number(value.get("y")) / 100 * height
    if kind == "keypoint":
        return Shape(kind, np.array([(x, y)]))
    rotation = number(value.get("rotation") or 0)
    if kind == "rectangle":
        w = number(value.get("width")) / 100 * width
        h = number(value.get("height")) / 100 * height
        corners = [turned(x, y, u, v, rotation) for u, v in ((0.0, 0.0), (w, 0.0), (w, h), (0.0, h))]
        return Shape(kind, np.array(corners, dtype=np.float64))
    rx = number(value.get("radiusX")) / 100 * width
    ry = number(value.get("radiusY")) / 100 * height
    # Vertices lie on an ellipse blown up so much that the polygon has the area pi rx ry of the true ellipse.
    step = 2 * math.pi / ELLIPSE_VERTICES
    blown = math.sqrt(step / math.sin(step))
    angles = [step * i for i in range(ELLIPSE_VERTICES)]
    ring = [turned(x, y, blown * rx * math.cos(t), blown * ry * math.sin(t), rotation) for t in angles]
    return Shape(kind, np.array(ring, dtype=np.float64), (x, y, rx, ry, rotation))


def vector(value: Row, width: float, height: float) -> Shape:
    """A vector's edges as cubics, and a dense sample of them."""
    vertices = value.get("vertices")
    if not isinstance(vertices, list) or not vertices or not all(isinstance(v, dict) for v in vertices):
        raise UnreadableError("no vertices")
    scale = np.array([width, height]) / 100

    def place(point: object) -> Points:
        if not isinstance(point, dict):
            raise UnreadableError("a vertex has no place")
        return np.array([number(point.get("x")), number(point.get("y"))]) * scale

    closed = value.get("closed") is True
    ends = [*range(1, len(vertices)), 0] if closed else range(1, len(vertices))
    edges = []
    for end in ends:
        a, b = vertices[end - 1], vertices[end]
        start, stop = place(a), place(b)
        out = place(a["controlPoint2"]) if a.get("isBezier") and a.get("controlPoint2") else None
        into = place(b["controlPoint1"]) if b.get("isBezier") and b.get("controlPoint1") else None
        if out is None and into is None:
            out, into = start + (stop - start) / 3, stop - (stop - start) / 3
        elif out is None:
            out = start + 0.3 * (stop - start)
        elif into is None:
            into = stop - 0.3 * (stop - start)
        edges.append((start, out, into, stop))
    curve = np.array(edges, dtype=np.float64).reshape(-1, 4, 2)
    t = np.linspace(0, 1, SAMPLES, endpoint=False)[:, None]
    weights = np.hstack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
    sampled = np.einsum("tk,ekd->etd", weights, curve).reshape(-1, 2)
    last = curve[-1:, 3] if len(curve) else np.array([place(vertices[0])])
    return Shape("vector" if closed else "line", sampled if closed else np.vstack([sampled, last]), curve=curve)


def curve_area(curve: Points) -> float:
    """Area inside closed cubics: half the integral of x dy - y dx over each, a polynomial integrated exactly."""
    total = 0.0
    for a, b, c, d in curve:
        x, y = (
            np.polynomial.Polynomial([p0, 3 * (p1 - p0), 3 * (p0 - 2 * p1 + p2), p3 - 3 * p2 + 3 * p1 - p0])
            for p0, p1, p2, p3 in zip(a, b, c, d, strict=True)
        )
        total += (x * y.deriv() - y * x.deriv()).integ()(1.0) / 2
    return abs(total)


# Labels and controls


def labels_of(entries: list[Row]) -> list[str]:
    """All labels of all entries of a region: the list that is named like the entry's type."""
    found: list[str] = []
    for entry in entries:
        kind, value = entry.get("type"), entry.get("value")
        if isinstance(kind, str) and kind.endswith("labels") and isinstance(value, dict):
            found += texts_of(value.get(kind))
    return list(dict.fromkeys(found))


def answer_of(entry: Row) -> float | str | list[str] | None:
    """What an entry answers: a number, a text, several texts, or the JSON of a tree."""
    kind, value = entry.get("type"), entry.get("value")
    if not isinstance(value, dict) or kind not in ANSWERS:
        return None
    given = value.get("text" if kind == "textarea" else kind)
    if kind in ("number", "rating"):
        if isinstance(given, str):
            try:
                given = float(given)
            except ValueError:
                return None
        return number_or_none(given)
    if kind in ("taxonomy", "ranker"):
        return json.dumps(given, ensure_ascii=False) if given else None
    texts = texts_of(given)
    return (texts[0] if len(texts) == 1 else texts) if texts else None


def controls_of(entries: list[Row]) -> dict[str, float | str | list[str]]:
    """Answers given for the region, by control name; a single text stands alone, several are a list."""
    found: dict[str, float | str | list[str]] = {}
    for entry in entries:
        name, answer = entry.get("from_name"), answer_of(entry)
        if isinstance(name, str) and answer is not None:
            found[name] = answer
    return found


def same_answer(got: object, expected: float | str | list[str] | None) -> bool:
    """Whether a value of the package's column says the same; lists and trees are JSON there."""
    if isinstance(expected, list):
        return isinstance(got, str) and json.loads(got) == expected
    if isinstance(expected, str) and isinstance(got, str) and expected[:1] in ("[", "{"):
        return bool(json.loads(got) == json.loads(expected))
    return got == expected


def note_of(entries: list[Row]) -> str | None:
    """``meta.text`` of a region; the editor repeats it in every entry."""
    for entry in entries:
        meta = entry.get("meta")
        if isinstance(meta, dict) and texts_of(meta.get("text")):
            return listed(texts_of(meta["text"]))
    return None


# Files


def unpacked(raw: bytes) -> bytes:
    """The file itself, where it was packed."""
    if raw.startswith(b"\x1f\x8b"):
        return gzip.decompress(raw)
    if raw.startswith(b"\x28\xb5\x2f\xfd"):
        with pa.input_stream(io.BytesIO(raw), compression="zstd") as stream:
            return bytes(stream.read())
    return raw


def load(path_or_bytes: str | Path | bytes) -> list[Row]:
    """The tasks of an export in any container."""
    raw = path_or_bytes if isinstance(path_or_bytes, bytes) else Path(path_or_bytes).read_bytes()
    text = unpacked(raw).decode("utf-8-sig")
    try:
        whole = json.loads(text)
    except json.JSONDecodeError:
        whole = [json.loads(line) for line in text.split("\n") if line.strip()]
    found = []
    for item in whole if isinstance(whole, list) else [whole]:
        if is_annotation(item):
            task = item["task"]
            around = task if isinstance(task, dict) else {"id": task}
            item = {**around, "annotations": [{**item, "task": None}], PARTIAL: True}
        found.append(item)
    return found


#: Marks a task that was made around a single annotation.
PARTIAL = "reference: partial"


def is_annotation(item: object) -> bool:
    """Whether this is an annotation with its task inside, not a task with its annotations."""
    return isinstance(item, dict) and "result" in item and "task" in item and "data" not in item


def sources(task: Row) -> Iterator[tuple[str, Row]]:
    """Everything that holds results, with its source; predictions and drafts can be bare ids."""
    for source, items in (
        ("annotation", task.get("annotations", task.get("completions"))),
        ("prediction", task.get("predictions")),
        ("draft", task.get("drafts")),
    ):
        for item in items or []:
            if isinstance(item, dict):
                yield source, item


def read(path_or_bytes: str | Path | bytes) -> tuple[list[Region], list[Annotation], list[ProblemRegion]]:
    """Regions, annotations and unreadable regions of an export."""
    found = read_all([path_or_bytes])
    return found.regions, found.owners, found.dropped


def read_all(files: Sequence[str | Path | bytes]) -> Reference:
    """Everything that stands in some files."""
    found = Reference()
    for file in files:
        for task in load(file):
            add_task(found, task)
    return found


def add_task(found: Reference, task: Row) -> None:
    images = images_of(task.get("data"))
    places: list[tuple[int | None, Row | None]] = []  # pages of regions and answers
    counts = dict.fromkeys(("annotation", "prediction", "draft"), 0)
    for source, items in (
        ("annotation", task.get("annotations", task.get("completions"))),
        ("prediction", task.get("predictions")),
        ("draft", task.get("drafts")),
    ):
        counts[source] = len(items or [])
    for source, item in sources(task):
        add_annotation(found, task, source, item, images, places)
    known = {row["task_id"]: row for row in found.tasks}
    if task.get(PARTIAL) and task["id"] in known:
        known[task["id"]]["n_annotations"] += 1
    else:
        found.tasks.append(
            {
                "task_id": task["id"],
                "inner_id": task.get("inner_id"),
                "images": images,
                "data": without_queries(task.get("data")),
                "n_annotations": counts["annotation"],
                "n_predictions": counts["prediction"],
                "n_drafts": counts["draft"],
            }
        )
    add_pages(found, task["id"], images, places)


def add_pages(found: Reference, task_id: int, images: list[str], places: list[tuple[int | None, Row | None]]) -> None:
    """One row per page: as many as there are images, or as regions and answers name."""
    rows = {row["page"]: row for row in found.pages if row["task_id"] == task_id}
    last = max((page for page, _ in places if page is not None), default=0)
    for page in range(len(rows), max(len(images), last + 1, 1)):
        image = images[page] if page < len(images) else None
        row = {"task_id": task_id, "page": page, "image": image, "width": None, "height": None, "n_regions": 0}
        found.pages.append(row)
        rows[page] = row
    for page, region in places:
        if region is not None and page is not None:
            rows[page]["n_regions"] += 1
            if rows[page]["width"] is None:
                rows[page] |= {"width": region["width"], "height": region["height"]}


def add_annotation(
    found: Reference,
    task: Row,
    source: str,
    item: Row,
    images: list[str],
    places: list[tuple[int | None, Row | None]],
) -> None:
    groups: dict[object, list[Row]] = {}
    for index, entry in enumerate(item.get("result") or []):
        if entry.get("type") == "relation":
            continue
        name = text_or_none(entry.get("id"))
        groups.setdefault(index if name is None else name, []).append(entry)
    who = item.get("user", item.get("completed_by")) if source == "draft" else item.get("completed_by")
    common: Row = {
        "task_id": task["id"],
        "annotation_id": item.get("id"),
        "source": source,
        "annotator": annotator_of(who),
        "cancelled": bool(item.get("was_cancelled", item.get("skipped"))),
        "ground_truth": bool(item.get("ground_truth")),
        "created_at": timestamp(item.get("created_at")),
        "updated_at": timestamp(item.get("updated_at")),
        "lead_time_s": number_or_none(item.get("lead_time")),
    }
    place = {key: common[key] for key in ("task_id", "annotation_id", "annotator", "source")}
    n_regions = 0
    for name, entries in groups.items():
        region_id = name if isinstance(name, str) else None
        shapes = [entry for entry in entries if entry.get("type") in KINDS]
        count_uses(found, entries, shapes)
        if not shapes and all(entry.get("type") in ANSWERS for entry in entries):
            for entry in entries:
                page, answer = page_or_none(entry), answer_of(entry)
                places.append((page, None))
                is_text = isinstance(answer, str | list)
                text = listed(answer) if isinstance(answer, list) else answer if is_text else None
                told = {"name": entry.get("from_name"), "kind": entry["type"], "text": text}
                found.answers.append({**place, "page": page, **told, "number": None if is_text else answer})
            continue
        try:
            if not shapes:
                raise UnreadableError(f"unknown kind {entries[0].get('type')!r}")
            first = shapes[0]
            width, height = number(first.get("original_width")), number(first.get("original_height"))
            if width <= 0 or height <= 0:
                raise UnreadableError("the image has no size")
            if not isinstance(first.get("value"), dict):
                raise UnreadableError("no value")
            drawn = outline(KINDS[first["type"]], first["value"], width, height)
        except UnreadableError as error:
            found.dropped.append(ProblemRegion(task["id"], source, item["id"], str(region_id), str(error)))
            continue
        n_regions += 1
        labels = labels_of(entries)
        page = page_of(first)
        row: Row = {
            **common,
            "page": page,
            "image": images[page] if page < len(images) else None,
            "width": int(width),
            "height": int(height),
            "region_id": region_id,
            "kind": drawn.kind,
            "from_name": text_or_none(first.get("from_name")),
            "label": labels[0] if labels else None,
            "labels": labels,
            "score": number_or_none(first.get("score")),
            "origin": text_or_none(first.get("origin")),
            "readonly": bool(first.get("readonly")),
            "parent_id": text_or_none(first.get("parentID")),
            "meta_text": note_of(entries),
        }
        places.append((page, row))
        found.regions.append(
            Region(
                task_id=task["id"],
                page=page,
                width=width,
                height=height,
                annotation_id=item["id"],
                annotator=common["annotator"],
                region_id=str(region_id),
                kind=drawn.kind,
                labels=frozenset(labels),
                source=source,
                cancelled=common["cancelled"],
                ground_truth=common["ground_truth"],
                updated_at=common["updated_at"],
                points=drawn.points,
                controls=controls_of(entries),
                ellipse=drawn.ellipse,
                mask=drawn.mask,
                curve=drawn.curve,
                row=row,
            )
        )
    for entry in item.get("result") or []:
        if entry.get("type") == "relation":
            ends = {"from_region": entry.get("from_id"), "to_region": entry.get("to_id")}
            told = {"direction": entry.get("direction"), "labels": texts_of(entry.get("labels") or [])}
            found.relations.append({**place, **ends, **told})
    more = {key: item.get(key) for key in ("model_version", "score", "parent_prediction", "parent_annotation")}
    found.annotations.append({**common, "n_regions": n_regions, **more})
    own = {key: common[key] for key in ("source", "annotator", "cancelled", "ground_truth", "created_at", "updated_at")}
    n_images = number_of_images(task.get("data"))
    found.owners.append(Annotation(task["id"], item["id"], **own, n_regions=n_regions, n_task_images=n_images))


def count_uses(found: Reference, entries: list[Row], shapes: list[Row]) -> None:
    """Count the entries of each control by what they concern."""
    for entry in entries:
        kind = entry.get("type")
        is_region = bool(shapes) or not all(other.get("type") in ANSWERS for other in entries)
        scope = "region" if is_region else "task" if page_or_none(entry) is None else "page"
        use = (str(entry.get("from_name")), str(kind), scope)
        found.controls[use] = found.controls.get(use, 0) + 1


# Nothing is lost in silence


DRAWN = (
    "points x y width height radiusX radiusY rotation rle imageDataURL vertices".split()  # closed tells lines apart
)


def drawing(entry: Row) -> object:
    """What says where a border runs."""
    value, tool = entry.get("value"), KINDS[entry["type"]]
    drawn = None
    if isinstance(value, dict):
        drawn = {key: json.dumps(value[key]) for key in DRAWN if key in value}
    sizes = [number_or_none(entry.get(name)) for name in ("original_width", "original_height")]
    return tool, sizes, drawn


def candidates(whole: object) -> int:
    """How many rows and dropped problems must come out of parsed JSON.

    * In each list of annotations, predictions or drafts, each object with a ``result`` list: its entries that are
      objects are grouped by ``id`` (a text, or a number by its digits; an entry without one stands alone).

      - A group with an entry of a known kind is one region, plus one loss for every further such entry that draws
        something else (another kind, image size, or other points, position, size, rotation, pixels, vertices).
      - A group without one is a region of an unknown kind, unless all of it are relations or all of it are answers.

    * One loss each, because what was in it cannot be known: an entry of a ``result`` that is no object, a ``result``
      that is neither a list nor null, an annotation that is no object (a prediction or draft may be a whole number,
      its id), and a list of annotations, predictions or drafts that is neither a list nor null.
    """
    count = 0
    for one in whole if isinstance(whole, list) else [whole]:
        if is_annotation(one):
            count += in_result(one["result"])
            continue
        for key in ("annotations", "completions", "predictions", "drafts") if isinstance(one, dict) else ():
            items = one.get(key)
            if not isinstance(items, list):
                count += items is not None
                continue
            for item in items:
                if isinstance(item, dict):
                    count += in_result(item.get("result"))
                else:
                    count += key in ("annotations", "completions") or not is_id(item)
    return count


def in_result(result: object) -> int:
    if result is None:
        return 0
    if not isinstance(result, list):
        return 1
    count = 0
    groups: dict[object, list[Row]] = {}
    for index, entry in enumerate(result):
        if not isinstance(entry, dict):
            count += 1
            continue
        name = text_or_none(entry.get("id"))
        groups.setdefault(index if name is None else name, []).append(entry)
    for group in groups.values():
        kinds = [text_or_none(entry.get("type")) for entry in group]
        shapes = [entry for entry, kind in zip(group, kinds, strict=True) if kind in KINDS]
        if shapes:
            count += 1 + sum(drawing(shape) != drawing(shapes[0]) for shape in shapes[1:])
        else:
            count += not (set(kinds) == {"relation"} or set(kinds) <= ANSWERS)
    return count


def is_id(value: object) -> bool:
    """A whole number of 64 bits, also written as 7.0 where a double is still exact."""
    if isinstance(value, float):
        return value.is_integer() and abs(value) < 9e15
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def pseudonym(address: str) -> str:
    """Who an e-mail address stands for."""
    return hashlib.sha256(address.strip().lower().encode()).hexdigest()
