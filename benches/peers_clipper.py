"""Boolean operations with Clipper 6 through pyclipper: integers, so coordinates are scaled, and one pair per call."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pyclipper

from data import Case, Floats, Readers

#: Steps per pixel. Coordinates up to 4096 px stay below 2^30, where Clipper needs no 128-bit products.
SCALE = 2.0**18

Path = list[list[int]]
Paths = list[Path]
OPERATIONS = {
    "intersection": pyclipper.CT_INTERSECTION,
    "union": pyclipper.CT_UNION,
    "difference": pyclipper.CT_DIFFERENCE,
}


def integers(outline: Floats) -> Path:
    return np.rint(outline * SCALE).astype(np.int64).tolist()


def area(paths: Paths) -> float:
    """Holes run the other way round and count as negative."""
    return sum(map(pyclipper.Area, paths)) / SCALE**2


def clip(subject: Paths, clips: Paths, operation: str) -> Any:
    work = pyclipper.Pyclipper()
    work.AddPaths(subject, pyclipper.PT_SUBJECT, True)
    if clips:
        work.AddPaths(clips, pyclipper.PT_CLIP, True)
    return work.Execute(OPERATIONS[operation], pyclipper.PFT_NONZERO, pyclipper.PFT_NONZERO)


def iou(case: Case) -> Floats:
    """From coordinates; the union follows from the areas."""
    found = []
    for outlines in zip(*case.xy, strict=True):
        first, second = map(integers, outlines)
        shared = area(clip([first], [second], "intersection"))
        found.append(shared / (abs(area([first])) + abs(area([second])) - shared))
    return np.array(found)


def pairwise(case: Case, operation: str) -> list[Any]:
    """Outlines of every pair, still in Clipper's integers."""
    return [clip([integers(first)], [integers(second)], operation) for first, second in zip(*case.xy, strict=True)]


def union_of_readers(readers: Readers) -> list[Any]:
    return [clip([integers(outline) for outline in people], [], "union") for people in readers.xy]


def majority(readers: Readers) -> list[Any]:
    """What more than half of the readers drew: the union of all intersections of as many."""
    votes = readers.xy.shape[1] // 2 + 1
    made = []
    for people in readers.xy:
        parts: Paths = []
        for chosen in combinations(map(integers, people), votes):
            shared: Paths = [chosen[0]]
            for other in chosen[1:]:
                shared = clip(shared, [other], "intersection")
            parts += shared
        made.append(clip(parts, [], "union"))
    return made


def areas(made: list[Any]) -> Floats:
    return np.array([area(paths) for paths in made])
