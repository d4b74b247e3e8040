"""One thread against two, what an ever larger outline costs, and ever more pairs in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import pytest
import shapely

import lesiongeo as lg
import peers_raster as raster
from conftest import Timed
from data import FULL, Case, Floats, Sizes, make_case, outlines
from peers import Pairwise, iou, pooled

TOLERANCE = 2.0
OURS: dict[str, Callable[..., Floats]] = {"iou": lg.iou, "hausdorff": lg.hausdorff}
PEER: dict[str, Pairwise] = {"iou": iou, "hausdorff": shapely.hausdorff_distance}


@cache
def expected(case: Case, operation: str, side: str) -> Floats:
    if side == "ours":
        return OURS[operation](*case.polygons, threads=1)
    return PEER[operation](*case.geometries)


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


@pytest.mark.parametrize("way", ["ours_1", "ours_2", "peer_1", "peer_2"])
@pytest.mark.parametrize("vertices", FULL.thread_pairs)
@pytest.mark.parametrize("operation", OURS)
def test_threads(
    timed: Timed,
    sizes: Sizes,
    pool: ThreadPoolExecutor,
    quiet: float | None,
    operation: str,
    vertices: int,
    way: str,
) -> None:
    case = outlines("overlap", vertices, sizes.thread_pairs[vertices])
    ours, peer = OURS[operation], PEER[operation]
    first, second = case.polygons
    left, right = case.geometries
    contestants = {
        "ours_1": lambda: ours(first, second, threads=1),
        "ours_2": lambda: ours(first, second, threads=2),
        "peer_1": lambda: peer(left, right),
        "peer_2": lambda: pooled(pool, peer, left, right),
    }
    row: dict[str, Any] = {"operation": operation, "vertices": vertices}
    rounds = 15 if way.startswith("ours") else 2
    found = timed(contestants[way], table="threads", way=way, items=len(case), rounds=rounds, **row)
    timed.note(busy=quiet)
    # The same bits for any number of threads.
    np.testing.assert_array_equal(found, expected(case, operation, way.split("_")[0]))


@pytest.mark.parametrize("operation", ["ingest", "validity", "iou", "hausdorff"])
@pytest.mark.parametrize("vertices", FULL.growth)
@pytest.mark.parametrize("kind", ["overlap", "rough"])
def test_growth(timed: Timed, sizes: Sizes, kind: str, vertices: int, operation: str) -> None:
    case = outlines(kind, vertices, sizes.growth[vertices])
    first, second = case.polygons
    contestants = {
        "ingest": lambda: lg.Polygons.from_ragged(*case.ragged[0]),
        "validity": lambda: lg.is_valid(lg.Polygons.from_ragged(*case.ragged[0])),
        "iou": lambda: lg.iou(first, second),
        "hausdorff": lambda: lg.hausdorff(first, second),
    }
    row: dict[str, Any] = {"kind": kind, "operation": operation, "vertices": vertices}
    found = timed(contestants[operation], table="growth", way="ours_objects", items=len(case), **row)
    assert len(found) == len(case)
    if operation == "validity":
        assert found.all()


# Ever more pairs in one call. Peers stop early: their lines are straight.

CALLS: dict[str, Callable[..., Any]] = OURS | {
    "surface": lambda *sides, threads: lg.surface_distances(*sides, tolerance=TOLERANCE, threads=threads),
}
MOST = {"ours_1": 100_000, "ours_2": 100_000, "peer_1": 10_000, "peer_2": 10_000, "raster": 100, "pycocotools": 10_000}
WAYS = {
    "iou": ("ours_1", "ours_2", "peer_1", "peer_2", "pycocotools"),
    "hausdorff": ("ours_1", "ours_2", "peer_1", "peer_2"),
    "surface": ("ours_1", "ours_2", "raster"),
}


@pytest.fixture(scope="module")
def many(sizes: Sizes) -> Case:
    """The most pairs of all; kept only as long as these benchmarks run."""
    return make_case("overlap", 50, sizes.calls[-1])


def calls() -> list[tuple[str, int, str]]:
    return [
        (operation, pairs, way)
        for operation, ways in WAYS.items()
        for way in ways
        for pairs in FULL.calls
        if pairs <= MOST[way]
    ]


@pytest.mark.parametrize(("operation", "pairs", "way"), calls())
def test_calls(
    timed: Timed,
    sizes: Sizes,
    pool: ThreadPoolExecutor,
    many: Case,
    turn: int,
    operation: str,
    pairs: int,
    way: str,
) -> None:
    if pairs not in sizes.calls:
        pytest.skip("small sizes are enough")
    if turn > 1 and pairs >= 10_000 and not way.startswith("ours"):
        pytest.skip("long enough for one turn")
    case = many.head(pairs)
    contestants: dict[str, Callable[[], Any]] = {
        "ours_1": lambda: CALLS[operation](*case.polygons, threads=1),
        "ours_2": lambda: CALLS[operation](*case.polygons, threads=2),
        "peer_1": lambda: PEER[operation](*case.geometries),
        "peer_2": lambda: pooled(pool, PEER[operation], *case.geometries),
        "raster": lambda: raster.each(case, lambda *pair: raster.surface_after_rasterising(*pair, TOLERANCE)),
        "pycocotools": lambda: raster.coco_iou_after_encoding(case),
    }
    assert len(case.polygons if way.startswith("ours") else case.geometries) == 2  # made before the clock runs
    found = timed(
        contestants[way],
        table="calls",
        way=way,
        items=pairs,
        rounds=15 if pairs <= 1000 else 4,
        budget=Timed.BUDGET,
        operation=operation,
        pairs=pairs,
    )
    assert len(found) == pairs
