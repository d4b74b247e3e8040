"""Agreement between annotators, written from its rules alone, to judge the package by.

Slow and plain on purpose. Overlaps come from shapely on the non-zero interior of each outline;
``exact_overlap`` finds them again in rational arithmetic, to check a sample of them. ``Comparison`` sets up
two people on one page, ``agree`` matches their regions, and ``complaints`` checks somebody else's matching,
which may differ where several are equally good. ``hausdorff`` is a branch and bound with a stated error; ``along``
samples the borders, which bounds what the package computes in closed form.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import shapely
from scipy.optimize import linear_sum_assignment
from shapely.geometry import LineString, Polygon
from shapely.geometry.base import BaseGeometry

from reference_export import Annotation, Points, Region, read

Line = tuple[Fraction, Fraction, Fraction, Fraction]
Matrix = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Key = tuple[int, int, str, str]
Cell = tuple[int, int]
Outlines = Mapping[tuple[int, str, int, str], Points]

GATE, CONFLICT_GATE = 0.1, 0.5
LONG_AGO = datetime.min.replace(tzinfo=UTC)
# Kinds that are no areas, so that nobody can agree about them by overlap.
WITHOUT_INTERIOR = {"keypoint", "line"}
# Overlaps closer to a gate than this may fall on either side of it, and totals closer than this are equal.
TIE = 1e-12
# An interior below this share of its bounding box is rounding noise of a collinear outline, not an area.
NO_AREA = 1e-12


@dataclass(frozen=True)
class Pair:
    """One row of the table of pairs; the missing side and its overlap are None."""

    task_id: int
    page: int
    annotator_a: str
    annotator_b: str
    region_a: str | None
    region_b: str | None
    match: str
    iou: float | None

    @property
    def key(self) -> Key:
        """The page and the two people."""
        return self.task_id, self.page, self.annotator_a, self.annotator_b


@dataclass(frozen=True)
class Task:
    """One row of the table of tasks."""

    task_id: int
    page: int
    annotator_a: str
    annotator_b: str | None
    n_a: int
    n_b: int
    n_matched: int
    n_label_conflict: int
    n_near_miss: int
    n_missing_a: int
    n_missing_b: int
    score: float | None
    label_studio_score: float | None
    reason: str | None


@dataclass(frozen=True, eq=False)
class Page:
    """Two people's regions on one page; ``overlap`` is 0 where one of the two regions has no area."""

    key: Key
    regions_a: list[Region]
    regions_b: list[Region]
    overlap: Matrix
    same_labels: Mask


def person(name: str) -> tuple[int, int, str]:
    """Sort key: integers by size first, then other names as text."""
    return (0, int(name), "") if re.fullmatch(r"-?\d+", name) else (1, 0, name)


def counting(annotations: list[Annotation]) -> dict[int, dict[str, Annotation]]:
    """The annotation that counts, by task and annotator: not cancelled, the newest of each person."""
    found: dict[int, dict[str, Annotation]] = {}
    for annotation in annotations:
        if annotation.source != "annotation" or annotation.cancelled:
            continue
        people = found.setdefault(annotation.task_id, {})
        name = annotation.annotator if annotation.annotator is not None else "unknown"
        if name not in people or age(annotation) > age(people[name]):
            people[name] = annotation
    return found


def age(annotation: Annotation) -> tuple[datetime, datetime, int]:
    """Sort key: newest last."""
    return annotation.updated_at or LONG_AGO, annotation.created_at or LONG_AGO, annotation.annotation_id


class Comparison:
    """An export set up for comparing people: who counts, on how many pages, with which regions.

    ``outlines`` replaces the points of some regions: an ellipse is compared through a polygon, and the number
    of its vertices is the package's own choice.
    """

    def __init__(self, path_or_bytes: str | Path | bytes, outlines: Outlines | None = None) -> None:
        regions, annotations, _ = read(path_or_bytes)
        self.people = counting(annotations)
        counts = {(a.task_id, a.annotation_id) for people in self.people.values() for a in people.values()}
        images = {annotation.task_id: annotation.n_task_images for annotation in annotations}
        self.n_pages = {task_id: max(1, images[task_id]) for task_id in self.people}
        self.regions: dict[tuple[int, int, int], list[Region]] = defaultdict(list)
        self.interiors: dict[tuple[int, str, int, str], BaseGeometry | None] = {}
        for region in regions:
            if region.source != "annotation" or (region.task_id, region.annotation_id) not in counts:
                continue
            self.n_pages[region.task_id] = max(self.n_pages[region.task_id], region.page + 1)
            if region.kind in WITHOUT_INTERIOR:
                continue
            self.regions[region.task_id, region.annotation_id, region.page].append(region)
            if region.mask is not None:
                self.interiors[region.key] = painted(region.mask)
            else:
                self.interiors[region.key] = interior((outlines or {}).get(region.key, region.points))

    def pages(self) -> Iterator[Page]:
        """Every page of every pair of people."""
        for task_id, people in self.people.items():
            for a, b in itertools.combinations(sorted(people, key=person), 2):
                for page in range(self.n_pages[task_id]):
                    yield self.page(task_id, page, a, b)

    def page(self, task_id: int, page: int, a: str, b: str) -> Page:
        """One page of two people."""
        people = self.people[task_id]
        regions_a = self.regions.get((task_id, people[a].annotation_id, page), [])
        regions_b = self.regions.get((task_id, people[b].annotation_id, page), [])
        overlap = np.zeros((len(regions_a), len(regions_b)))
        same = np.zeros((len(regions_a), len(regions_b)), dtype=bool)
        for i, ra in enumerate(regions_a):
            for j, rb in enumerate(regions_b):
                value = iou(self.interiors[ra.key], self.interiors[rb.key])
                overlap[i, j] = 0.0 if math.isnan(value) else value
                same[i, j] = ra.labels == rb.labels
        return Page((task_id, page, a, b), regions_a, regions_b, overlap, same)


def best_matching(weights: Matrix) -> list[Cell]:
    """One-to-one matching of the largest total weight; cells of weight 0 stand for staying alone."""
    n, m = weights.shape
    padded = np.zeros((n + m, n + m))
    padded[:n, :m] = weights
    rows, columns = linear_sum_assignment(padded, maximize=True)
    cells = [(int(i), int(j)) for i, j in zip(rows, columns, strict=True)]
    return [(i, j) for i, j in cells if i < n and j < m and weights[i, j] > 0]


def rounds(page: Page, slack: float = 0.0) -> list[tuple[str, Mask]]:
    """Name and allowed cells of the three rounds; ``slack`` moves the gates."""
    return [
        ("matched", page.same_labels & (page.overlap >= GATE + slack)),
        ("label_conflict", ~page.same_labels & (page.overlap >= CONFLICT_GATE + slack)),
        ("near_miss", page.overlap > max(slack, 0.0)),
    ]


def match_page(page: Page) -> list[Pair]:
    """The three rounds of matching, then the regions that stayed alone."""
    free = np.ones(page.overlap.shape, dtype=bool)
    rows: list[Pair] = []
    alone_a, alone_b = set(range(len(page.regions_a))), set(range(len(page.regions_b)))
    for name, allowed in rounds(page):
        for i, j in best_matching(np.where(allowed & free, page.overlap, 0.0)):
            rows.append(row(page, i, j, name))
            free[i, :] = free[:, j] = False
            alone_a.discard(i)
            alone_b.discard(j)
    rows += [row(page, i, None, "missing") for i in sorted(alone_a)]
    rows += [row(page, None, j, "missing") for j in sorted(alone_b)]
    return rows


def row(page: Page, i: int | None, j: int | None, match: str) -> Pair:
    """One row of pairs from indices into the page."""
    region_a = None if i is None else page.regions_a[i].region_id
    region_b = None if j is None else page.regions_b[j].region_id
    value = None if i is None or j is None else float(page.overlap[i, j])
    return Pair(*page.key, region_a, region_b, match, value)


def score_page(page: Page, rows: list[Pair]) -> Task:
    """Counts and scores of one page from its rows."""
    n = {name: sum(r.match == name for r in rows) for name in ("matched", "label_conflict", "near_miss")}
    missing_a = sum(r.match == "missing" and r.region_a is not None for r in rows)
    missing_b = sum(r.match == "missing" and r.region_b is not None for r in rows)
    paired = n["matched"] + n["label_conflict"]
    total = math.fsum(r.iou for r in rows if r.match in ("matched", "label_conflict") and r.iou is not None)
    everything = paired + 2 * n["near_miss"] + missing_a + missing_b
    return Task(
        task_id=page.key[0],
        page=page.key[1],
        annotator_a=page.key[2],
        annotator_b=page.key[3],
        n_a=len(page.regions_a),
        n_b=len(page.regions_b),
        n_matched=n["matched"],
        n_label_conflict=n["label_conflict"],
        n_near_miss=n["near_miss"],
        n_missing_a=missing_a,
        n_missing_b=missing_b,
        score=total / everything if everything else 1.0,
        label_studio_score=two_way_score(page),
        reason=None if everything else "both_empty",
    )


def two_way_score(page: Page) -> float:
    """Mean over all regions of both sides of the best overlap with a region of the same labels."""
    usable = np.where(page.same_labels, page.overlap, 0.0)
    best = [max(line, default=0.0) for line in usable.tolist()]
    best += [max(line, default=0.0) for line in usable.T.tolist()]
    # A side without regions leaves the other side's regions out of the matrix: they count with 0.
    best += [0.0] * (len(page.regions_a) + len(page.regions_b) - len(best))
    return math.fsum(best) / len(best) if best else 1.0


def complaints(page: Page, rows: list[Pair]) -> list[str]:
    """What is wrong with somebody else's rows for a page; nothing where they are as good as any."""
    index_a = {region.region_id: i for i, region in enumerate(page.regions_a)}
    index_b = {region.region_id: j for j, region in enumerate(page.regions_b)}
    named_a = [r.region_a for r in rows if r.region_a is not None]
    named_b = [r.region_b for r in rows if r.region_b is not None]
    if sorted(named_a) != sorted(index_a) or sorted(named_b) != sorted(index_b):
        return [f"{page.key}: every region of a page is named once, not {named_a} and {named_b}"]
    found: list[str] = []
    free = np.ones(page.overlap.shape, dtype=bool)
    strict, loose = rounds(page, TIE), rounds(page, -TIE)
    for (name, surely), (_, maybe) in zip(strict, loose, strict=True):
        cells = []
        for r in rows:
            if r.match != name:
                continue
            if r.region_a is None or r.region_b is None or r.iou is None:
                return [*found, f"{page.key}: {name} without two sides"]
            i, j = index_a[r.region_a], index_b[r.region_b]
            cells.append((i, j))
            if not maybe[i, j]:
                found.append(f"{page.key}: {r} is not allowed")
            if abs(r.iou - page.overlap[i, j]) > TIE:
                found.append(f"{page.key}: {r} has the overlap {page.overlap[i, j]!r}")
        least, most = (total(page, best_matching(np.where(m & free, page.overlap, 0))) for m in (surely, maybe))
        if not least - TIE <= total(page, cells) <= most + TIE:
            found.append(f"{page.key}: {name} adds up to {total(page, cells)!r}, the best is {least!r}")
        for i, j in cells:
            free[i, :] = free[:, j] = False
    for r in rows:
        if r.match not in ("matched", "label_conflict", "near_miss", "missing"):
            found.append(f"{page.key}: unknown match {r.match!r}")
        if r.match == "missing" and (r.region_a is None) == (r.region_b is None):
            found.append(f"{page.key}: {r} must name one side")
        if r.match == "missing" and r.iou is not None:
            found.append(f"{page.key}: {r} cannot have an overlap")
    return found


def total(page: Page, cells: list[Cell]) -> float:
    """Sum of the overlaps of some cells."""
    return math.fsum(page.overlap[i, j] for i, j in cells)


def agree(path_or_bytes: str | Path | bytes, outlines: Outlines | None = None) -> tuple[list[Pair], list[Task]]:
    """Rows of pairs and of tasks of an export."""
    comparison = Comparison(path_or_bytes, outlines)
    pairs: list[Pair] = []
    tasks: list[Task] = []
    for page in comparison.pages():
        rows = match_page(page)
        pairs += rows
        tasks.append(score_page(page, rows))
    return pairs, tasks + alone(comparison)


def alone(comparison: Comparison) -> list[Task]:
    """One row per page of the tasks that only one person worked on."""
    rows = []
    for task_id, people in comparison.people.items():
        if len(people) == 1:
            ((name, annotation),) = people.items()
            for page in range(comparison.n_pages[task_id]):
                n = len(comparison.regions.get((task_id, annotation.annotation_id, page), []))
                rows.append(Task(task_id, page, name, None, n, 0, 0, 0, 0, n, 0, None, None, "single_annotator"))
    return rows


def winding(points: Points, x: float, y: float) -> int:
    """How often the closed outline runs round (x, y): signed crossings of the ray to the right."""
    total = 0
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if (y0 <= y) != (y1 <= y) and x0 + (y - y0) * (x1 - x0) / (y1 - y0) > x:
            total += 1 if y1 > y0 else -1
    return total


def interior(points: Points) -> BaseGeometry | None:
    """What is filled under the non-zero rule; None for an outline without area."""
    if len({(x, y) for x, y in points.tolist()}) < 3:
        return None
    filled: BaseGeometry = Polygon(points)
    if not filled.is_valid:
        noded = shapely.unary_union(LineString(np.vstack([points, points[:1]])))
        faces = shapely.get_parts(shapely.polygonize([noded]))
        inside = []
        for face in faces:
            probe = face.representative_point()
            if winding(points, probe.x, probe.y) != 0:
                inside.append(face)
        filled = shapely.unary_union(inside)
    box = np.ptp(points, axis=0)
    return filled if filled.area > NO_AREA * float(box[0] * box[1]) else None


def painted(mask: Mask) -> BaseGeometry | None:
    """What is painted, pixel by pixel; None where nothing is."""
    rows, columns = np.nonzero(mask)
    return shapely.unary_union(shapely.box(columns, rows, columns + 1, rows + 1)) if len(rows) else None


def iou(a: BaseGeometry | None, b: BaseGeometry | None) -> float:
    """Intersection over union of two interiors; NaN where one has no area."""
    if a is None or b is None:
        return float("nan")
    shared = float(shapely.intersection(a, b).area)
    return shared / (a.area + b.area - shared)


@dataclass(frozen=True)
class Overlap:
    """Exact areas: of a, of b, of both, and of the parts that an outline covers in a wrong way.

    ``crossed_a`` is the area where the winding number of a is neither 0 nor that of the larger part, so a
    drawn outline is valid exactly when it is 0.
    """

    area_a: Fraction
    area_b: Fraction
    shared: Fraction
    crossed_a: Fraction

    @property
    def iou(self) -> float:
        """Correctly rounded intersection over union."""
        return float(self.shared / (self.area_a + self.area_b - self.shared))


def lines_of(points: Points) -> list[Line]:
    """Edges of the closed outline as fractions."""
    exact = [(Fraction(x), Fraction(y)) for x, y in points.tolist()]
    return [(*p, *q) for p, q in zip(exact, exact[1:] + exact[:1], strict=True) if p != q]


def crossing_x(p: Line, q: Line) -> Fraction | None:
    """The x where two edges cross or touch in one point; None if they are apart or parallel."""
    px, py, dx, dy = p[0], p[1], p[2] - p[0], p[3] - p[1]
    qx, qy, ex, ey = q[0], q[1], q[2] - q[0], q[3] - q[1]
    turn = dx * ey - dy * ex
    if turn == 0:
        return None
    t = ((qx - px) * ey - (qy - py) * ex) / turn
    s = ((qx - px) * dy - (qy - py) * dx) / turn
    return px + t * dx if 0 <= t <= 1 and 0 <= s <= 1 else None


def exact_overlap(a: Points, b: Points) -> Overlap:
    """Non-zero areas of two outlines in exact arithmetic.

    Between neighbouring x of vertices and crossings no two edges cross, so edges sorted by their height in
    the middle of such a slab bound trapezoids, whose area is width times height in the middle.
    """
    edges = [(line, 0) for line in lines_of(a)] + [(line, 1) for line in lines_of(b)]
    cuts = {x for line, _ in edges for x in (line[0], line[2])}
    boxes = np.array(
        [
            [min(e[0], e[2]), min(e[1], e[3]), max(e[0], e[2]), max(e[1], e[3])]
            for e in (tuple(map(float, line)) for line, _ in edges)
        ]
    ).reshape(-1, 4)
    for i, (line, _) in enumerate(edges):
        rest = boxes[i + 1 :]
        # Rounding to float is monotone, so boxes that are apart as floats are apart.
        near = (
            (rest[:, 0] <= boxes[i, 2])
            & (rest[:, 2] >= boxes[i, 0])
            & (rest[:, 1] <= boxes[i, 3])
            & (rest[:, 3] >= boxes[i, 1])
        )
        for j in np.flatnonzero(near):
            x = crossing_x(line, edges[i + 1 + int(j)][0])
            if x is not None:
                cuts.add(x)
    by_winding: dict[int, Fraction] = {}
    area_b = shared = Fraction(0)
    for left, right in itertools.pairwise(sorted(cuts)):
        middle = (left + right) / 2
        active = []
        for (x0, y0, x1, y1), owner in edges:
            if min(x0, x1) <= left and max(x0, x1) >= right:
                y = y0 + (y1 - y0) * (middle - x0) / (x1 - x0)
                active.append((y, owner, 1 if x1 > x0 else -1))
        active.sort()
        wind = [0, 0]
        for (y, owner, step), (above, _, _) in itertools.pairwise(active):
            wind[owner] += step
            piece = (above - y) * (right - left)
            by_winding[wind[0]] = by_winding.get(wind[0], Fraction(0)) + piece
            area_b += piece if wind[1] else 0
            shared += piece if wind[0] and wind[1] else 0
    inside = {w: size for w, size in by_winding.items() if w and size}
    plain = max(inside.get(1, Fraction(0)), inside.get(-1, Fraction(0)))
    area_a = sum(inside.values(), Fraction(0))
    return Overlap(area_a, area_b, shared, area_a - plain)


def distances(p: Points, q: Points) -> Points:
    """Distance of every point of p (k, 2) from every edge of the closed outline q, shape (k, m)."""
    start, end = q, np.roll(q, -1, axis=0)
    along = end - start
    length2 = np.maximum((along**2).sum(axis=1), np.finfo(float).tiny)
    t = ((p[:, None, :] - start) * along).sum(axis=2) / length2
    foot = start + np.clip(t, 0.0, 1.0)[:, :, None] * along
    gap = p[:, None, :] - foot
    found: Points = np.hypot(gap[:, :, 0], gap[:, :, 1])
    return found


def directed_hausdorff(a: Points, b: Points, tolerance: float = 1e-10) -> float:
    """Largest distance of a point on the outline a from the outline b, at most ``tolerance`` too low.

    Branch and bound. The distance from one edge of b is convex along a piece of a, so its larger value at the
    two ends bounds the whole piece from above; the nearest point of an end bounds the answer from below.
    Pieces that could still beat the best value found are halved.
    """
    start, end = a, np.roll(a, -1, axis=0)
    best = float(distances(a, b).min(axis=1).max())
    while len(start):
        from_start, from_end = distances(start, b), distances(end, b)
        best = max(best, float(from_start.min(axis=1).max()), float(from_end.min(axis=1).max()))
        above = np.maximum(from_start, from_end).min(axis=1)
        # Distance grows at most as fast as one walks, which bounds short pieces near a tie of two edges.
        reach = np.hypot(*(end - start).T)
        above = np.minimum(above, (from_start.min(axis=1) + from_end.min(axis=1) + reach) / 2)
        left = above > best + tolerance
        middle = (start[left] + end[left]) / 2
        start, end = np.vstack([start[left], middle]), np.vstack([middle, end[left]])
    return best


def hausdorff(a: Points, b: Points, tolerance: float = 1e-10) -> float:
    """Hausdorff distance of two closed outlines over all their boundary points."""
    return max(directed_hausdorff(a, b, tolerance), directed_hausdorff(b, a, tolerance))


@dataclass(frozen=True)
class Along:
    """Distances along two outlines from samples at most ``step`` apart; no value is off by more than half a step.

    The distance to an outline changes by no more than one walks, so every point differs by at most half a step from
    the sample in the middle of its piece; so do means and percentiles. ``signed`` changes no faster.
    """

    step: float
    a: Matrix
    b: Matrix
    signed_a: Matrix
    signed_b: Matrix

    @property
    def masd(self) -> float:
        """Mean of the two means."""
        return float(self.a.mean() + self.b.mean()) / 2

    @property
    def offset(self) -> float:
        """Mean of the signed distance of a from b and of the mirrored one: above 0 where a is wider."""
        return float(self.signed_a.mean() - self.signed_b.mean()) / 2

    def percentile(self, percent: float) -> float:
        """Larger of the two percentiles."""
        return max(float(np.quantile(side, percent / 100, method="inverted_cdf")) for side in (self.a, self.b))

    def pooled(self, lengths: tuple[float, float]) -> float:
        """Mean over both outlines by length."""
        return (float(self.a.mean()) * lengths[0] + float(self.b.mean()) * lengths[1]) / sum(lengths)

    def within(self, tolerance: float, lengths: tuple[float, float]) -> tuple[float, float]:
        """Bounds of the share of both outlines within a tolerance."""
        half = self.step / 2
        low, high = (
            sum(float((side <= reach).mean()) * length for side, length in zip((self.a, self.b), lengths, strict=True))
            / sum(lengths)
            for reach in (tolerance - half, tolerance + half)
        )
        return low, high


def lengths_of(*outlines: Points) -> tuple[float, ...]:
    """Lengths of closed outlines."""
    return tuple(float(np.hypot(*(np.roll(points, -1, axis=0) - points).T).sum()) for points in outlines)


def along(a: Points, b: Points, count: int = 2000) -> Along:
    """Distances of ``count`` samples on each of two valid outlines from the other one."""
    sampled, signed = [], []
    for points, other in ((a, b), (b, a)):
        samples = middles(points, count)
        away = distances(samples, other).min(axis=1)
        inside = shapely.contains_xy(Polygon(other), samples)
        sampled.append(away)
        signed.append(np.where(inside, -away, away))
    step = max(lengths_of(a, b)) / count
    return Along(step, *sampled, *signed)


def middles(points: Points, count: int) -> Points:
    """Middles of ``count`` pieces of one length along a closed outline."""
    ends = np.concatenate(([0.0], np.cumsum(np.hypot(*(np.roll(points, -1, axis=0) - points).T))))
    at = (np.arange(count) + 0.5) * (ends[-1] / count)
    closed = np.vstack([points, points[:1]])
    return np.stack([np.interp(at, ends, closed[:, axis]) for axis in (0, 1)], axis=1)
