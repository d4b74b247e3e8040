"""What grows how fast: outlines that are hard on purpose, and an ever more crowded page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import shapely

import lesiongeo as lg
import peers
import peers_raster as raster
from conftest import Timed
from data import FULL, Case, Floats, Sizes, crowded_page
from worst import WORST, worst

TOLERANCE = 2.0
#: A peer is not asked for a size that would take so many seconds, if doubling vertices costs it as `GROWTH` says.
PATIENCE = 1.0
GROWTH = {"is_valid": 2.0, "iou": 2.0, "hausdorff": 4.0, "surface_distances": 1.0}
Key = tuple[Any, ...]


@pytest.fixture(scope="module")
def spent() -> dict[Key, float]:
    """Seconds that a peer needed for the size before."""
    return {}


def patiently(spent: dict[Key, float], key: Key, timed: Timed, growth: float) -> None:
    """Skip what would take more than a second if it grows `growth` times from the size before."""
    if spent.get(key, 0.0) * growth > PATIENCE:
        spent[key] = PATIENCE
        pytest.skip("would take longer than a second")
    if not timed.benchmark.enabled and key in spent:
        pytest.skip("one size is enough")


def remember(spent: dict[Key, float], key: Key, timed: Timed) -> None:
    spent[key] = timed.benchmark.extra_info.get("first", 0.0)


CONTESTS: dict[str, dict[str, Callable[[Case], Any]]] = {
    "is_valid": {
        "ours_objects": lambda case: lg.Polygons.from_ragged(*case.ragged[0]).is_valid,
        "peer_objects": lambda case: shapely.is_valid(case.geometries[0]),
    },
    "iou": {
        "ours_objects": lambda case: lg.iou(*case.polygons),
        "peer_objects": lambda case: peers.iou(*case.geometries),
    },
    "hausdorff": {
        "ours_objects": lambda case: lg.hausdorff(*case.polygons),
        "peer_objects": lambda case: shapely.hausdorff_distance(*case.geometries),
    },
    "surface_distances": {
        "ours_objects": lambda case: lg.surface_distances(*case.polygons, tolerance=TOLERANCE)[
            "hausdorff_px"
        ].to_numpy(),
        "peer_objects": lambda case: raster.each(
            case, lambda *pair: raster.surface_after_rasterising(*pair, TOLERANCE)
        )[:, 0],
    },
}


def growths() -> list[tuple[str, str, int, str]]:
    return [
        (operation, kind, size, way)
        for operation, ways in CONTESTS.items()
        for kind in WORST
        for size in FULL.worst
        for way in ways
    ]


@pytest.mark.parametrize(("operation", "kind", "vertices", "way"), growths())
def test_worst(
    timed: Timed,
    sizes: Sizes,
    spent: dict[Key, float],
    turn: int,
    operation: str,
    kind: str,
    vertices: int,
    way: str,
) -> None:
    place = FULL.worst.index(vertices)
    if place >= len(sizes.worst):
        pytest.skip("one size is enough")
    case = worst(kind, sizes.worst[place])
    key = turn, operation, kind, way
    patiently(spent, key, timed, GROWTH[operation] if way == "peer_objects" else 0.0)
    if spent.get((operation, kind, vertices, way), 0.0) > PATIENCE:
        pytest.skip("one turn is enough for what takes longer than a second")
    found = timed(
        CONTESTS[operation][way],
        case,
        table="worst",
        way=way,
        budget=Timed.BUDGET,
        operation=operation,
        kind=kind,
        vertices=vertices,
    )
    timed.note(vertices=case.xy[0].shape[1])
    remember(spent, key, timed)
    remember(spent, (operation, kind, vertices, way), timed)
    if operation == "is_valid":
        assert found.all()
    elif way == "peer_objects":
        check_against_peer(operation, case, found)


def check_against_peer(operation: str, case: Case, found: Floats) -> None:
    ours = {"iou": lg.iou}.get(operation, lg.hausdorff)(*case.polygons)
    if operation == "iou":
        np.testing.assert_allclose(found, ours, rtol=0.0, atol=1e-9)
    elif operation == "hausdorff":
        assert (ours >= found - 1e-9).all()


CROWD: dict[str, Callable[[Case], Any]] = {
    "ours_objects": lambda case: lg.iou_pairs(*case.polygons),
    "peer_objects": lambda case: peers.iou_pairs(*case.geometries),
}


@pytest.mark.parametrize("way", CROWD)
@pytest.mark.parametrize("regions", FULL.crowds)
def test_crowded_page(timed: Timed, sizes: Sizes, regions: int, way: str) -> None:
    place = FULL.crowds.index(regions)
    if place >= len(sizes.crowds):
        pytest.skip("small sizes are enough")
    case = crowded_page(sizes.crowds[place])
    found = timed(CROWD[way], case, table="crowds", way=way, budget=Timed.BUDGET, regions=regions)
    timed.note(pairs=len(found[0]))
