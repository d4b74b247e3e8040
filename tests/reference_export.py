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
* How many regions must come out is counted by `reference_counts` from the file alone.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from reference_masks import Mask
from reference_shapes import KINDS, Oval, Points, outline
from reference_values import (
    ANSWERS,
    Row,
    UnreadableError,
    annotator_of,
    answer_of,
    controls_of,
    images_of,
    is_annotation,
    labels_of,
    listed,
    note_of,
    number,
    number_of_images,
    number_or_none,
    page_of,
    page_or_none,
    same_answer,
    text_or_none,
    texts_of,
    timestamp,
    without_queries,
)

__all__ = [
    "FIXED",
    "REMARKS",
    "Annotation",
    "Points",
    "ProblemRegion",
    "Reference",
    "Region",
    "read",
    "read_all",
    "same_answer",
]

#: Problems, besides lost regions, that this reader knows too.
REMARKS = {"image_size_not_whole", "mask_rest", "relation_without_region"}

FIXED = (
    "task_id page image width height annotation_id annotator region_id kind from_name label labels score origin "
    "readonly parent_id meta_text source ground_truth cancelled created_at updated_at lead_time_s"
).split()


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
    several: set[str] = field(default_factory=set)  # names of choices with an answer of several values
    remarks: list[tuple[object, ...]] = field(default_factory=list)  # task, annotation, region, code of `REMARKS`


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


#: No image is so wide or high, in px.
LARGEST_SIZE = 1e9

#: Marks a task that was made around a single annotation.
PARTIAL = "reference: partial"


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
    here: set[str | None] = set()
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
                about = {"name": entry.get("from_name"), "kind": entry["type"], "text": text}
                found.answers.append({**place, "page": page, **about, "number": None if is_text else answer})
            continue
        try:
            if not shapes:
                raise UnreadableError(f"unknown kind {entries[0].get('type')!r}")
            first = shapes[0]
            width, height = number(first.get("original_width")), number(first.get("original_height"))
            if not (0 < width < LARGEST_SIZE and 0 < height < LARGEST_SIZE):
                raise UnreadableError("the image has no size")
            if not isinstance(first.get("value"), dict):
                raise UnreadableError("no value")
            drawn = outline(KINDS[first["type"]], first["value"], width, height)
        except UnreadableError as error:
            found.dropped.append(ProblemRegion(task["id"], source, item["id"], str(region_id), str(error)))
            continue
        n_regions += 1
        here.add(region_id)
        odd = [not (width.is_integer() and height.is_integer()), drawn.rest > 0]
        told = [code for code, found_odd in zip(("image_size_not_whole", "mask_rest"), odd, strict=True) if found_odd]
        found.remarks += [(task["id"], item.get("id"), region_id, code) for code in told]
        labels = labels_of(entries)
        page = page_of(first)
        row: Row = {
            **common,
            "page": page,
            "image": images[page] if page < len(images) else None,
            "width": whole_pixels(width),
            "height": whole_pixels(height),
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
            more = {"direction": entry.get("direction"), "labels": texts_of(entry.get("labels") or [])}
            found.relations.append({**place, **ends, **more})
            lost = [end for end in ends.values() if end not in here]
            found.remarks += [(task["id"], item.get("id"), end, "relation_without_region") for end in lost]
    more = {key: item.get(key) for key in ("model_version", "score", "parent_prediction", "parent_annotation")}
    found.annotations.append({**common, "n_regions": n_regions, **more})
    own = {key: common[key] for key in ("source", "annotator", "cancelled", "ground_truth", "created_at", "updated_at")}
    n_images = number_of_images(task.get("data"))
    found.owners.append(Annotation(task["id"], item["id"], **own, n_regions=n_regions, n_task_images=n_images))


def whole_pixels(length: float) -> int:
    """A size of the columns: the nearest whole number, at least one."""
    return max(1, int(length + 0.5))


def count_uses(found: Reference, entries: list[Row], shapes: list[Row]) -> None:
    """Count the entries of each control by what they concern."""
    for entry in entries:
        kind = entry.get("type")
        is_region = bool(shapes) or not all(other.get("type") in ANSWERS for other in entries)
        scope = "region" if is_region else "task" if page_or_none(entry) is None else "page"
        use = (str(entry.get("from_name")), str(kind), scope)
        found.controls[use] = found.controls.get(use, 0) + 1
        if kind == "choices" and isinstance(answer_of(entry), list):
            found.several.add(use[0])
