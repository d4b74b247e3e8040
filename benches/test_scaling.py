"""One thread against two, and what an ever larger outline costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import pytest
import shapely

import lesiongeo as lg
from conftest import Timed
from data import FULL, Case, Floats, Sizes, outlines
from peers import Pairwise, iou, pooled

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


@pytest.mark.parametrize("pairs", [1000, 10_000, 100_000])
def test_growth_in_pairs(timed: Timed, pairs: int) -> None:
    pairs = pairs if timed.benchmark.enabled else pairs // 1000
    case = outlines("overlap", 12, pairs)
    found = timed(lambda: lg.iou(*case.polygons), table="growth in pairs", way="ours_objects", items=pairs, pairs=pairs)
    assert len(found) == pairs
