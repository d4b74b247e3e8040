"""Lesions over visits, worked out from the raw JSON by the definitions alone: slow, plain, and without the package.

What it takes for granted: outlines are polygons, pages of a task are visits, every patient has dates, day numbers or
nothing but an order, and lesions lie apart. Rules that the definitions leave open, as they are taken here:

* Of several annotations of a task by one person the newest counts (``updated_at``, then the number), no skipped one.
* A ground truth on a task is what is measured on its pages, where it shows the lesion.
* Outlines on a page are one lesion if they can be chained by overlaps above a quarter (intersection over union).
  Its id is the one that most of them bear on this page, at a tie the one that its place has on other visits.
* Areas are those of the non-zero interior of an outline, of several outlines by one person their sum; of several people
  the geometric mean. An outline without area is no outline, though the lesion counts as seen.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from shapely import LineString, Point, Polygon, polygonize, unary_union

__all__ = ["MONTH", "Followed", "Seen", "Task", "follow", "read_tasks", "visits_of"]

Row = dict[str, Any]
#: (patient, site, track id, annotator or None)
Track = tuple[str, str | None, str, str | None]

#: Days per month: 365.25 / 12.
MONTH = 30.4375
#: Answers about a page that say that nothing can be seen.
UNUSABLE = {"image_unusable"}


@dataclass(frozen=True)
class Outline:
    """One drawn region."""

    page: int
    who: str
    shape: Any
    track: str | None
    expert: bool
    size: tuple[float, float]


@dataclass
class Task:
    """One task: what is known of its pages, and what was drawn by those who count."""

    number: int
    patient: str
    site: str | None
    images: list[str | None]
    when: list[float | None]
    spacing: list[float | None]
    people: list[str] = field(default_factory=list)
    outlines: list[Outline] = field(default_factory=list)
    unusable: Counter[int] = field(default_factory=Counter)
    said: Counter[int] = field(default_factory=Counter)


@dataclass
class Seen:
    """A lesion on a visit: the row that the table should have."""

    visit: int
    day: float | None
    task: int
    page: int
    people: list[str] = field(default_factory=list)
    area_px2: float | None = None
    area_mm2: float | None = None
    spacing: float | None = None
    status: str | None = None
    pct_area: float | None = None
    log_rate_month: float | None = None
    pct_area_first: float | None = None
    slope_month: float | None = None
    slope_log_month: float | None = None


@dataclass
class Followed:
    """All rows of all lesions; and regions with an id that is not that of their lesion."""

    rows: dict[Track, list[Seen]]
    wrong: set[tuple[str, int, str, str]]


def read_tasks(raw: Sequence[Row]) -> list[Task]:
    """The tasks of an export with the fields of `make_courses`, or ``visit_dates`` of a real one."""
    return [_task(task) for task in raw]


def _task(task: Row) -> Task:
    data = task["data"]
    images = data.get("images") or []
    when: list[float | None] = [None] * len(images)
    if data.get("visit_dates"):
        when = [float(date.fromisoformat(day).toordinal()) for day in data["visit_dates"]]
    elif data.get("visit_offsets_days"):
        when = [float(day) for day in data["visit_offsets_days"]]
    spacing = data.get("spacing_mm") or [None] * len(images)
    found = Task(task["id"], data["patient_id"], data.get("site"), images, when, spacing)
    newest: dict[str, Row] = {}
    for one in task["annotations"]:
        if one["was_cancelled"]:
            continue
        by = one["completed_by"]
        who = str(by["id"] if isinstance(by, dict) else by)
        if who not in newest or (newest[who]["updated_at"], newest[who]["id"]) < (one["updated_at"], one["id"]):
            newest[who] = one
    for who, one in sorted(newest.items()):
        found.people.append(who)
        _read(found, who, one)
    return found


def _read(found: Task, who: str, one: Row) -> None:
    regions: dict[str, list[Row]] = defaultdict(list)
    for entry in one["result"]:
        if entry["type"] != "relation":
            regions[entry["id"]].append(entry)
    for entries in regions.values():
        drawn = [entry for entry in entries if entry["type"] == "polygonlabels"]
        page = entries[0].get("item_index") or 0
        if not drawn:
            words = {word for entry in entries for word in entry["value"].get("choices", [])}
            if any(entry["from_name"] == "visit_assessment" for entry in entries):
                found.said[page] += 1
                found.unusable[page] += bool(words & UNUSABLE)
            continue
        width, height = drawn[0]["original_width"], drawn[0]["original_height"]
        points = [(x * width / 100, y * height / 100) for x, y in drawn[0]["value"]["points"]]
        shape = filled(points)
        typed = [entry["value"]["number"] for entry in entries if entry["from_name"] == "track_id"]
        track = f"{typed[0]:g}" if typed else None
        expert = bool(one.get("ground_truth"))
        found.outlines.append(Outline(page, who, shape, track, expert, (width, height)))


def filled(points: Sequence[tuple[float, float]]) -> Any:
    """What an outline goes around: faces with a winding number other than 0."""
    if len(points) < 3:
        return Polygon()
    plain = Polygon(points)
    if plain.is_valid:
        return plain
    lines = unary_union(LineString([*points, points[0]]))
    faces = polygonize([lines]).geoms
    return unary_union([face for face in faces if _winding(points, face.representative_point())])


def _winding(points: Sequence[tuple[float, float]], at: Point) -> int:
    """How often an outline goes around a point, by its crossings of the ray to the right."""
    found = 0
    for (x1, y1), (x2, y2) in zip(points, [*points[1:], points[0]], strict=True):
        if (y1 <= at.y) == (y2 <= at.y):
            continue
        if x1 + (at.y - y1) * (x2 - x1) / (y2 - y1) > at.x:
            found += 1 if y2 > y1 else -1
    return found


def visits_of(tasks: Iterable[Task]) -> dict[tuple[int, int], tuple[int, float | None]]:
    """Visit and day of each (task, page)."""
    found: dict[tuple[int, int], tuple[int, float | None]] = {}
    patients: dict[str, list[Task]] = defaultdict(list)
    for task in tasks:
        patients[task.patient].append(task)
    for own in patients.values():
        pages = [(task.when[page], task.number, page) for task in own for page in range(len(task.images))]
        if any(when is None for when, *_ in pages):
            for visit, (_, number, page) in enumerate(sorted(pages, key=lambda one: one[1:])):
                found[number, page] = visit, None
            continue
        days = sorted({when for when, *_ in pages if when is not None})
        for when, number, page in pages:
            assert when is not None
            found[number, page] = days.index(when), when - days[0]
    return found


def follow(tasks: Sequence[Task], mdc_percent: float, *, by_annotator: bool = False) -> Followed:
    """Every lesion over the visits; a change beyond ``mdc_percent`` is one."""
    visits = visits_of(tasks)
    drawn: dict[tuple[Track, int], list[Outline]] = defaultdict(list)
    wrong: set[tuple[str, int, str, str]] = set()
    place: dict[tuple[Track, int], tuple[int, int]] = {}
    for task in tasks:
        for name, outlines in _named(task, by_annotator, wrong, visits):
            track = task.patient, task.site, name, outlines[0].who if by_annotator else None
            key = track, visits[task.number, outlines[0].page][0]
            drawn[key] += outlines
            place[key] = task.number, outlines[0].page
    rows: dict[Track, list[Seen]] = {}
    for track in sorted({track for track, _ in drawn}, key=repr):
        own = [task for task in tasks if task.patient == track[0]]
        first = min(visit for name, visit in drawn if name == track)
        rows[track] = _course(track, first, own, visits, drawn, place, mdc_percent)
    return Followed(rows, wrong)


def _named(
    task: Task,
    by_annotator: bool,
    wrong: set[tuple[str, int, str, str]],
    visits: dict[tuple[int, int], tuple[int, float | None]],
) -> list[tuple[str, list[Outline]]]:
    """The lesions of the pages of a task with their ids."""
    found: dict[tuple[int, str, str | None], list[Outline]] = defaultdict(list)
    if by_annotator:
        for one in task.outlines:
            name = one.track if one.track is not None else _proposed(task, one)
            if name is not None:
                found[one.page, name, one.who].append(one)
        return [(name, outlines) for (_, name, _), outlines in found.items()]
    for page in range(len(task.images)):
        here = [one for one in task.outlines if one.page == page]
        for group in _overlapping(here):
            votes = Counter(one.track for one in group if one.track is not None)
            best = [name for name, count in votes.items() if count == max(votes.values())]
            if len(best) > 1:
                middle = group[0].shape.centroid
                best = [name for name in best if _usual(task, page, name, middle)] or best
            if best:
                name = best[0]
                found[page, name, None] += group
                for one in group:
                    if one.track not in (name, None):
                        wrong.add((task.patient, visits[task.number, page][0], one.who, str(one.track)))
    return [(name, outlines) for (_, name, _), outlines in found.items()]


def _usual(task: Task, page: int, name: str, middle: Any) -> bool:
    """Whether a lesion of this id is at this place on another page."""
    others = [one for one in task.outlines if one.page != page and one.track == name]
    return any(one.shape.centroid.distance(middle) < math.sqrt(one.shape.area) for one in others)


def _proposed(task: Task, lost: Outline) -> str | None:
    """The id that the person gives to what lies next to this on other pages of the task."""
    others = [one for one in task.outlines if one.who == lost.who and one.page != lost.page and one.track is not None]
    middle = lost.shape.centroid
    near = min(others, key=lambda one: float(one.shape.centroid.distance(middle)), default=None)
    return None if near is None or lost.shape.is_empty else near.track


def _overlapping(outlines: list[Outline]) -> list[list[Outline]]:
    groups: list[list[Outline]] = []
    for one in outlines:
        near = [group for group in groups if any(_iou(one.shape, other.shape) > 0.25 for other in group)]
        groups = [group for group in groups if group not in near] + [[*(o for group in near for o in group), one]]
    return groups


def _iou(one: Any, other: Any) -> float:
    both = one.union(other).area
    return one.intersection(other).area / both if both > 0 else 0.0


def _course(
    track: Track,
    first: int,
    own: list[Task],
    visits: dict[tuple[int, int], tuple[int, float | None]],
    drawn: dict[tuple[Track, int], list[Outline]],
    place: dict[tuple[Track, int], tuple[int, int]],
    mdc_percent: float,
) -> list[Seen]:
    rows: list[Seen] = []
    pages = {visits[task.number, page][0]: [] for task in own for page in range(len(task.images))}
    for task in own:
        for page in range(len(task.images)):
            if task.site == track[1]:
                pages[visits[task.number, page][0]].append((task, page))
    for visit in sorted(pages):
        if visit < first:
            continue
        (task, page) = next(iter(pages[visit]))
        row = Seen(visit, visits[task.number, page][1], task.number, page, spacing=task.spacing[page])
        outlines = drawn.get((track, visit), [])
        if outlines:
            row.task, row.page = place[track, visit]
            row.people = sorted({one.who for one in outlines})
            row.area_px2 = _area([one for one in outlines if one.expert] or outlines)
            if row.area_px2 is not None and row.spacing is not None:
                row.area_mm2 = row.area_px2 * row.spacing**2
        _status(row, rows, track, pages, outlines, mdc_percent)
        rows.append(row)
    return rows


def _area(outlines: list[Outline]) -> float | None:
    parts: dict[str, float] = defaultdict(float)
    for one in outlines:
        parts[one.who] += one.shape.area
    sizes = [size for size in parts.values() if size > 0]
    return math.prod(sizes) ** (1 / len(sizes)) if sizes else None


def _status(
    row: Seen,
    before: list[Seen],
    track: Track,
    pages: dict[int, list[tuple[Task, int]]],
    outlines: list[Outline],
    mdc_percent: float,
) -> None:
    def looked(visit: int) -> bool:
        return any(_imaged(task, page) and (track[3] or task.people) for task, page in pages[visit])

    if not outlines:
        row.status = "resolved" if looked(row.visit) else "not_imaged"
        return
    seen = [one for one in before if one.people]
    if not seen:
        row.status = "new" if any(looked(visit) for visit in pages if visit < row.visit) else "baseline"
        return
    now, then, start = _size(row), _size(seen[-1]), _size(seen[0])
    if now is None or then is None or start is None:
        return
    row.pct_area, row.pct_area_first = 100 * (now / then - 1), 100 * (now / start - 1)
    beyond = abs(math.log(now / then)) > math.log1p(mdc_percent / 100)
    row.status = ("enlarged" if now > then else "shrunk") if beyond else "stable"
    if row.day is None:
        return
    row.log_rate_month = math.log(now / then) / ((row.day - (seen[-1].day or 0.0)) / MONTH)
    if len(seen) >= 2:
        days = [(one.day or 0.0) / MONTH for one in [*seen, row]]
        sizes = [_size(one) or math.nan for one in [*seen, row]]
        row.slope_month = _slope(days, sizes)
        row.slope_log_month = _slope(days, [math.log(size) for size in sizes])


def _size(row: Seen) -> float | None:
    return row.area_mm2 if row.spacing is not None else row.area_px2


def _slope(x: list[float], y: list[float]) -> float:
    middle = sum(x) / len(x), sum(y) / len(y)
    over = math.fsum((a - middle[0]) * (b - middle[1]) for a, b in zip(x, y, strict=True))
    return over / math.fsum((a - middle[0]) ** 2 for a in x)


def _imaged(task: Task, page: int) -> bool:
    return task.images[page] is not None and 2 * task.unusable[page] <= task.said[page]


def load(text: bytes | str) -> list[Row]:
    """The tasks of a file."""
    found: list[Row] = json.loads(text)
    return found
