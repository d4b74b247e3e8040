"""Consensus against faces of the arrangement of a lesion's outlines, counted one by one with shapely."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from typing import Any

import pytest
import shapely
from shapely.geometry.base import BaseGeometry

import lesiongeo as lg
from reference_agreement import iou, person
from reference_lesions import Lesion
from two_calculations import Both, both_of

Row = dict[str, Any]

#: Lesions of an export that are looked at.
SAMPLE = 1500
SOURCES = ("lidc", "lvis", "dermatology", "generated", "crowd", "chains", "twelve", "one_annotator", "no_area")

every_source = pytest.mark.parametrize("source", SOURCES)


def votes(shapes: list[BaseGeometry]) -> dict[int, float]:
    """Area that exactly so many of the outlines cover."""
    lines = shapely.unary_union([shape.boundary for shape in shapes])
    found: dict[int, float] = defaultdict(float)
    for face in shapely.get_parts(shapely.polygonize([lines])):
        probe = face.representative_point()
        found[sum(bool(shape.contains(probe)) for shape in shapes)] += face.area
    return found


def shapes_of(both: Both, lesion: Lesion) -> list[BaseGeometry]:
    """Interiors of a lesion's regions, in the order of annotators."""
    found = (both.facts.comparison.interiors[lesion.regions[name].key] for name in sorted(lesion.regions, key=person))
    return [shape for shape in found if shape is not None]


def lesions_of(both: Both) -> dict[tuple[int, int, int], Lesion]:
    """The reference's lesions by the package's numbers."""
    numbers = both.agreement.lesions.select(["task_id", "page", "lesion"]).to_pylist()
    by_regions = {lesion.keys: lesion for lesion in both.facts.lesions}
    members: dict[int, set[Any]] = defaultdict(set)
    for key, at in zip(both.region_keys, both.agreement.lesion_of_region.tolist(), strict=True):
        if at >= 0:
            members[at].add(key)
    return {tuple(numbers[at].values()): by_regions[frozenset(keys)] for at, keys in members.items()}


def needed(method: str, people: int) -> int:
    """Votes that it takes."""
    return {"majority": people // 2 + 1, "union": 1, "intersection": people}[method]


@every_source
@pytest.mark.parametrize("method", ["majority", "union", "intersection"])
def test_areas(source: str, method: str) -> None:
    """What enough people cover, and what only some of those who drew cover."""
    both = both_of(source)
    made = lg.consensus(both.export, both.agreement, method=method, override=False)
    lesions = lesions_of(both)
    rows = {(r["task_id"], r["page"], r["lesion"]): r for r in made.regions.table.to_pylist()}
    left = {(r["task_id"], r["page"], r["lesion"]): r for r in made.outvoted.to_pylist()}
    assert not set(rows) & set(left)
    assert set(rows) | set(left) == set(lesions)
    outlines = dict(zip(rows, lg.area(made.regions.polygons).tolist(), strict=True))
    sample = random.Random(3).sample(sorted(lesions), min(SAMPLE, len(lesions)))
    for key in sample:
        lesion = lesions[key]
        shapes = shapes_of(both, lesion)
        area = votes(shapes) if shapes else {}
        least = needed(method, len(lesion.people))
        expected = math.fsum(size for n, size in area.items() if n >= least)
        anything = math.fsum(size for n, size in area.items() if n)
        if key in left:
            assert expected <= 1e-9 * anything, (key, left[key], expected)
            continue
        row = rows[key]
        assert row["votes_needed"] == least
        assert row["n_annotators"] == len(lesion.people) and row["n_drawn"] == len(lesion.regions)
        assert row["area_px2"] == pytest.approx(expected, rel=1e-9, abs=1e-9), (key, row)
        assert outlines[key] == pytest.approx(expected, rel=1e-9, abs=1e-9), (key, row)
        if len(lesion.regions) > 1:
            doubt = anything - area.get(len(lesion.regions), 0.0)
            assert row["disagreement_px2"] == pytest.approx(doubt, rel=1e-9, abs=1e-8 * anything), (key, row)
            assert row["disagreement_share"] == pytest.approx(doubt / anything, rel=1e-9, abs=1e-8), (key, row)
        else:
            assert row["disagreement_px2"] is None and row["reason"] is not None


@every_source
def test_medoid(source: str) -> None:
    """The region that is most like the others."""
    both = both_of(source)
    made = lg.consensus(both.export, both.agreement, method="medoid", override=False)
    lesions = lesions_of(both)
    rows = {(r["task_id"], r["page"], r["lesion"]): r for r in made.regions.table.to_pylist()}
    for key in random.Random(4).sample(sorted(lesions), min(SAMPLE, len(lesions))):
        lesion = lesions[key]
        names = sorted(lesion.regions, key=person)
        shapes = {name: both.facts.comparison.interiors[lesion.regions[name].key] for name in names}
        if 2 * len(names) <= len(lesion.people) or any(shape is None for shape in shapes.values()):
            assert key not in rows, key
            continue
        row = rows[key]
        if len(names) == 1:
            assert row["annotator"] == names[0]
            continue
        mean = {
            name: math.fsum(iou(shapes[name], shapes[other]) for other in names if other != name) / (len(names) - 1)
            for name in names
        }
        assert row["annotator"] is not None and row["source"] == f"medoid:{row['annotator']}"
        assert mean[row["annotator"]] == pytest.approx(max(mean.values()), rel=1e-12), (key, mean)
        assert row["iou_mean"] == pytest.approx(max(mean.values()), rel=1e-9), (key, mean)
        region = lesion.regions[row["annotator"]]
        assert (row["annotation_id"], row["region_id"]) == (region.annotation_id, region.region_id)
