"""Outlines out of outlines: intersection, union, difference, majority and repair, and shape measures of one outline.

Ours and shapely's results are compared by their areas: the same region may be written down in many ways.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapely

import lesiongeo as lg
import oracles
import peers
import peers_clipper
import peers_raster as raster
from conftest import Timed
from data import VERTICES, Case, Floats, Sizes, outlines, readers

OURS = {"intersection": lg.intersection, "union": lg.union, "difference": lg.difference}
PEER = {"intersection": shapely.intersection, "union": shapely.union, "difference": shapely.difference}
WAYS = ("ours_arrays", "ours_objects", "peer_arrays", "peer_objects", "pyclipper")


def area_error(found: Floats, expected: Floats) -> float:
    """Largest difference in square pixels."""
    return float(np.abs(found - expected).max())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("vertices", VERTICES)
@pytest.mark.parametrize("operation", OURS)
def test_pairs(timed: Timed, sizes: Sizes, operation: str, vertices: int, way: str) -> None:
    case = outlines("overlap", vertices, sizes.clipped[vertices])
    ours, peer = OURS[operation], PEER[operation]
    if way == "pyclipper":
        case = case.head(sizes.slow_pairs[vertices])
    contestants: dict[str, Callable[[], Any]] = {
        "ours_arrays": lambda: ours(*case.fresh()),
        "ours_objects": lambda: ours(*case.polygons),
        "peer_arrays": lambda: peer(*peers.create_both(case)),
        "peer_objects": lambda: peer(*case.geometries),
        "pyclipper": lambda: peers_clipper.pairwise(case, operation),
    }
    made = timed(
        contestants[way],
        table="clipping",
        way=way,
        items=len(case),
        budget=Timed.BUDGET,
        operation=operation,
        vertices=vertices,
    )
    expected = shapely.area(peer(*case.geometries))
    note_area(timed, way, made, expected)
    if way == "ours_objects" and vertices <= 50:
        timed.note(oracle=max(judge(operation, case, made, row) for row in range(min(3, len(case)))))


def note_area(timed: Timed, way: str, made: Any, expected: Floats) -> None:
    if way.startswith("ours"):
        found = lg.area(made)
    else:
        found = peers_clipper.areas(made) if way == "pyclipper" else shapely.area(made)
    error = area_error(found, expected)
    timed.note(error=error)
    assert error < (1.0 if way == "pyclipper" else 1e-4)


def judge(operation: str, case: Case, made: lg.Polygons, row: int) -> float:
    """Error of our area of one result against exact arithmetic, square pixels."""
    exact = oracles.exact_areas(*([side[row]] for side in case.xy))
    areas = {"intersection": exact.inter, "union": exact.union, "difference": exact.a - exact.inter}
    return abs(float(lg.area(made)[row]) - float(areas[operation]))


GROUPED = {"union": 3, "majority of 3": 3, "majority of 5": 5, "disagreement": 3}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("vertices", VERTICES)
@pytest.mark.parametrize("operation", GROUPED)
def test_groups(timed: Timed, sizes: Sizes, operation: str, vertices: int, way: str) -> None:
    people = GROUPED[operation]
    lesions = sizes.slow_pairs[vertices] if way == "pyclipper" else max(2, sizes.clipped[vertices] // 4)
    drawn = readers(vertices, lesions, people)
    name = operation.split()[0]
    if way == "pyclipper" and name == "disagreement":
        pytest.skip("the same work as a union and an intersection")

    def from_polygons(polygons: lg.Polygons) -> Any:
        if name == "union":
            return lg.union(polygons, groups=drawn.lesion).polygons
        if name == "majority":
            return lg.majority(polygons, drawn.lesion).polygons
        return lg.disagreement_area(polygons, drawn.lesion).area_px2

    def from_geometries(geometries: peers.Geometries) -> Any:
        by_lesion = geometries.reshape(lesions, people)
        ways = {"union": peers.union_of_readers, "majority": peers.majority, "disagreement": peers.disagreement_area}
        return ways[name](by_lesion)

    def from_integers() -> Any:
        return (peers_clipper.union_of_readers if name == "union" else peers_clipper.majority)(drawn)

    contestants: dict[str, Callable[[], Any]] = {
        "ours_arrays": lambda: from_polygons(lg.Polygons.from_ragged(*drawn.ragged)),
        "ours_objects": lambda: from_polygons(drawn.polygons),
        "peer_arrays": lambda: from_geometries(peers.create(drawn.closed)),
        "peer_objects": lambda: from_geometries(drawn.geometries),
        "pyclipper": from_integers,
    }
    made = timed(
        contestants[way],
        table="clipping",
        way=way,
        items=lesions,
        budget=Timed.BUDGET,
        operation={"union": "union of 3 readers", "disagreement": "disagreement area of 3"}.get(operation, operation),
        vertices=vertices,
    )
    expected = from_geometries(drawn.geometries)
    if name == "disagreement":
        error = area_error(made, expected)
        timed.note(error=error)
        assert error < 1e-4
    else:
        note_area(timed, way, made, shapely.area(expected))


REPAIR = {
    "ours_arrays": lambda case: lg.make_valid(lg.Polygons.from_ragged(*case.ragged[0])),
    "peer_objects": lambda case: shapely.make_valid(case.geometries[0]),
    "peer_arrays": lambda case: shapely.make_valid(peers.create(case.closed[0])),
}


@pytest.mark.parametrize("way", REPAIR)
@pytest.mark.parametrize("vertices", VERTICES)
@pytest.mark.parametrize("kind", ["invalid", "valid"])
def test_make_valid(timed: Timed, sizes: Sizes, kind: str, vertices: int, way: str) -> None:
    case = outlines("invalid" if kind == "invalid" else "overlap", vertices, sizes.clipped[vertices])
    made = timed(
        REPAIR[way],
        case,
        table="clipping",
        way=way,
        items=len(case),
        budget=Timed.BUDGET,
        operation="make_valid" if kind == "invalid" else "make_valid, nothing to do",
        vertices=vertices,
    )
    note_area(timed, way, made, shapely.area(shapely.make_valid(case.geometries[0])))


def test_validity_reason(timed: Timed, sizes: Sizes) -> None:
    """What is wrong with an outline, and where; shapely answers in words."""
    case = outlines("invalid", 50, sizes.clipped[50])
    found = timed(
        lambda: lg.validity_reason(lg.Polygons.from_ragged(*case.ragged[0])),
        table="clipping",
        way="ours_arrays",
        items=len(case),
        budget=Timed.BUDGET,
        operation="validity_reason",
        vertices=50,
    )
    assert not any(found["valid"].to_pylist())


def test_validity_reason_of_shapely(timed: Timed, sizes: Sizes) -> None:
    case = outlines("invalid", 50, sizes.clipped[50])
    timed(
        lambda: shapely.is_valid_reason(case.geometries[0]),
        table="clipping",
        way="peer_objects",
        items=len(case),
        budget=Timed.BUDGET,
        operation="validity_reason",
        vertices=50,
    )


SHAPE: dict[str, Callable[[Case], Floats]] = {
    "ours_arrays": lambda case: feret(lg.Polygons.from_ragged(*case.ragged[0])),
    "ours_objects": lambda case: feret(case.polygons[0]),
    "peer_arrays": lambda case: peers.shapes(peers.create(case.closed[0])),
    "peer_objects": lambda case: peers.shapes(case.geometries[0]),
    "skimage": lambda case: np.array([raster.skimage_shape(outline) for outline in case.xy[0]]),
}


def feret(polygons: lg.Polygons) -> Floats:
    return lg.shape_measures(polygons)["feret_max_px"].to_numpy()


@pytest.mark.parametrize("way", SHAPE)
@pytest.mark.parametrize("vertices", VERTICES)
def test_shape(timed: Timed, sizes: Sizes, vertices: int, way: str) -> None:
    case = outlines("overlap", vertices, sizes.clipped[vertices])
    if way == "skimage":
        case = case.head(sizes.slow_pairs[vertices])
    found = timed(
        SHAPE[way],
        case,
        table="shape",
        way=way,
        items=len(case),
        budget=Timed.BUDGET,
        kind="overlap",
        vertices=vertices,
    )
    error = float(np.abs(found - peers.shapes(case.geometries[0])).max())
    timed.note(error=error)
    assert error < (2.0 if way == "skimage" else 1e-9)
