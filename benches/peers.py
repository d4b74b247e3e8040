"""The same jobs with what people use today, written as fast as we know how: whole arrays, no Python loop per pair."""

from __future__ import annotations

import gc
import json
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import orjson
import shapely
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import pdist

from data import Case, Closed, Floats

Geometries = NDArray[np.object_]
Pairwise = Callable[[Geometries, Geometries], Floats]


def create(closed: Closed) -> Geometries:
    """Geometries from ragged arrays."""
    return shapely.from_ragged_array(shapely.GeometryType.POLYGON, *closed)


def create_both(case: Case) -> tuple[Geometries, Geometries]:
    return create(case.closed[0]), create(case.closed[1])


def iou(first: Geometries, second: Geometries) -> Floats:
    """One overlay per pair; the union follows from the areas."""
    shared = shapely.area(shapely.intersection(first, second))
    return np.asarray(shared / (shapely.area(first) + shapely.area(second) - shared))


def iou_after_repair(first: Geometries, second: Geometries) -> Floats:
    """For pairs whose first outline is invalid; knowing which side it is spares shapely the other."""
    return iou(shapely.make_valid(first), second)


def pooled(pool: ThreadPoolExecutor, function: Pairwise, first: Geometries, second: Geometries) -> Floats:
    """Split the pairs into as many parts as threads; shapely releases the GIL."""
    halves = [(first[: len(first) // 2], second[: len(first) // 2])]
    halves.append((first[len(first) // 2 :], second[len(first) // 2 :]))
    return np.concatenate(list(pool.map(lambda half: function(*half), halves)))


def iou_pairs(first: Geometries, second: Geometries) -> tuple[NDArray[Any], NDArray[Any], Floats]:
    """All overlapping pairs: a tree, then overlays of the pairs that truly meet."""
    index_a, index_b = shapely.STRtree(second).query(first, predicate="intersects")
    found = iou(first[index_a], second[index_b])
    overlap = found > 0.0
    index_a, index_b, found = index_a[overlap], index_b[overlap], found[overlap]
    order = np.lexsort((index_b, index_a))
    return index_a[order], index_b[order], found[order]


def match(first: Geometries, second: Geometries, gate: float) -> Floats:
    """IoU of the one-to-one matching with the largest total."""
    index_a, index_b, found = iou_pairs(first, second)
    use = found >= gate
    table = np.zeros((len(first), len(second)))
    table[index_a[use], index_b[use]] = found[use]
    matched = table[linear_sum_assignment(table, maximize=True)]
    return np.asarray(matched[matched > 0.0])


def without_collector(parse: Callable[[Path], Any], path: Path) -> Any:
    """Parse with the cyclic collector off: millions of small lists make it run for nothing."""
    gc.disable()
    try:
        return parse(path)
    finally:
        gc.enable()


def parse_json(path: Path) -> Any:
    with path.open(encoding="utf-8") as file:
        return json.load(file)


def parse_orjson(path: Path) -> Any:
    return orjson.loads(path.read_bytes())


class Value(msgspec.Struct, gc=False):
    """What an entry says; of the points only that they are pairs of numbers."""

    points: list[tuple[float, float]] = []
    closed: bool = True
    polygonlabels: list[str] = []
    number: float | None = None
    choices: list[str] = []
    text: list[str] = []


class Entry(msgspec.Struct, gc=False):
    """One control's entry of a result."""

    type: str
    id: str | None = None
    from_name: str | None = None
    origin: str | None = None
    item_index: int = 0
    original_width: float = 0.0
    original_height: float = 0.0
    value: Value | None = None


class Annotation(msgspec.Struct, gc=False):
    """What one person left on one task."""

    id: int
    completed_by: int
    result: list[Entry]
    was_cancelled: bool
    updated_at: str
    created_at: str
    lead_time: float


class Task(msgspec.Struct, gc=False):
    """One task; its data stay a tree."""

    id: int
    annotations: list[Annotation]
    data: dict[str, Any]


_TASKS = msgspec.json.Decoder(list[Task])


def parse_msgspec(path: Path) -> list[Task]:
    """Into structs that know what they hold, so without a dict per entry; what no field asks for is skipped."""
    return _TASKS.decode(path.read_bytes())


def parse_simdjson(path: Path) -> Any:
    import simdjson

    return simdjson.Parser().parse(path.read_bytes(), True)


def agree(path: Path) -> dict[tuple[str, str], tuple[float, float]]:
    """IoU and (discrete) Hausdorff of all overlapping polygons of two annotators on a page, by region ids.

    Less than `lesiongeo.agreement` does: no rectangles and ellipses, no matching, no missing regions, no columns, no
    problems.
    """
    tasks = without_collector(parse_orjson, path)
    points: list[Floats] = []
    ids: list[str] = []
    pages: dict[tuple[int, int], dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for task in tasks:
        newest: dict[int, dict[str, Any]] = {}
        for annotation in sorted(task["annotations"], key=lambda entry: str(entry["updated_at"])):
            if not annotation["was_cancelled"]:
                newest[annotation["completed_by"]] = annotation
        for person, annotation in newest.items():
            for entry in annotation["result"]:
                if entry["type"] == "polygonlabels" and len(entry["value"]["points"]) > 2:
                    pages[task["id"], entry["item_index"]][person].append(len(ids))
                    ids.append(entry["id"])
                    size = (entry["original_width"] / 100.0, entry["original_height"] / 100.0)
                    points.append(np.array(entry["value"]["points"]) * size)
    lengths = [len(outline) for outline in points]
    rings = shapely.linearrings(np.concatenate(points), indices=np.repeat(np.arange(len(points)), lengths))
    geometries = np.asarray(shapely.polygons(rings))
    wrong = ~shapely.is_valid(geometries)
    geometries[wrong] = shapely.make_valid(geometries[wrong])
    meetings = [
        (a, b)
        for people in pages.values()
        for left, right in combinations(sorted(people), 2)
        for a in people[left]
        for b in people[right]
    ]
    index_a, index_b = np.array(meetings).T
    found = iou(geometries[index_a], geometries[index_b])
    overlap = found > 0.0
    index_a, index_b, found = index_a[overlap], index_b[overlap], found[overlap]
    distance = np.asarray(shapely.hausdorff_distance(geometries[index_a], geometries[index_b]))
    names = np.array(ids)
    keys = zip(names[index_a].tolist(), names[index_b].tolist(), strict=True)
    return dict(zip(keys, zip(found.tolist(), distance.tolist(), strict=True), strict=True))


# distances


def densified_hausdorff(first: Geometries, second: Geometries) -> Floats:
    """Shapely's distance with nine more points on every edge: closer to the truth, still from below."""
    return np.asarray(shapely.hausdorff_distance(first, second, densify=0.1))


# boolean operations, group by group: as many people drew every lesion, so whole arrays work


def union_of_readers(people: Geometries) -> Geometries:
    """Union of each row of (lesions, people) geometries."""
    return np.asarray(shapely.union_all(people, axis=1))


def majority(people: Geometries) -> Geometries:
    """What more than half of the readers drew: the union of all intersections of as many."""
    votes = people.shape[1] // 2 + 1
    shared = [
        shapely.intersection_all(people[:, list(chosen)], axis=1)
        for chosen in combinations(range(people.shape[1]), votes)
    ]
    return np.asarray(shapely.union_all(np.stack(shared, axis=1), axis=1))


def disagreement_area(people: Geometries) -> Floats:
    """Area that some drew, but not all."""
    everyone = shapely.area(shapely.intersection_all(people, axis=1))
    return np.asarray(shapely.area(shapely.union_all(people, axis=1)) - everyone)


# shape


def shapes(geometries: Geometries) -> Floats:
    """Shape measures as far as shapely leads; returns the largest diameter, between two vertices of the hull."""
    hulls = shapely.convex_hull(geometries)
    shapely.area(geometries), shapely.length(geometries), shapely.area(hulls), shapely.oriented_envelope(geometries)
    points, rows = shapely.get_coordinates(hulls, return_index=True)
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    return np.sqrt([pdist(corners, "sqeuclidean").max() for corners in np.split(points, starts[1:])])
