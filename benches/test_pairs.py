"""Which regions meet, on many small pages and on a crowded one, and who belongs to whom."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import lesiongeo as lg
import peers
from conftest import Timed
from data import Case, Sizes, crowd, crowd_export, pages

Found = tuple[np.ndarray, np.ndarray, np.ndarray]


@cache
def expected_pairs(case: Case) -> Found:
    return peers.iou_pairs(*case.geometries)


def same_pairs(found: Found, expected: Found) -> None:
    """Compare pairs that overlap by more than rounding."""
    left, right = ([column[pairs[2] > 1e-12] for column in pairs] for pairs in (found, expected))
    for mine, theirs in zip(left[:2], right[:2], strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_allclose(left[2], right[2], rtol=0.0, atol=1e-9)


PAGES = {
    "ours_arrays": lambda made: lg.iou_pairs(
        *(lg.Polygons.from_ragged(*side) for side in made.case.ragged), groups_a=made.page, groups_b=made.page
    ),
    "ours_objects": lambda made: lg.iou_pairs(*made.case.polygons, groups_a=made.page, groups_b=made.page),
    "peer_objects": lambda made: peers.iou_pairs(*made.side_by_side.geometries),
    "peer_arrays": lambda made: peers.iou_pairs(*peers.create_both(made.side_by_side)),
}


@pytest.mark.parametrize("way", PAGES)
def test_pairs_on_pages(timed: Timed, sizes: Sizes, way: str) -> None:
    made = pages(sizes.pages)
    expected = expected_pairs(made.side_by_side)
    row = f"{sizes.pages:,} pages of 5 x 5 regions"
    found = timed(PAGES[way], made, table="pairs", way=way, items=len(expected[0]), rounds=3, what=row)
    same_pairs(found, expected)


CROWD = {
    "ours_arrays": lambda case: lg.iou_pairs(*(lg.Polygons.from_ragged(*side) for side in case.ragged)),
    "ours_objects": lambda case: lg.iou_pairs(*case.polygons),
    "peer_objects": lambda case: peers.iou_pairs(*case.geometries),
    "peer_arrays": lambda case: peers.iou_pairs(*peers.create_both(case)),
}


@pytest.mark.parametrize("way", CROWD)
def test_pairs_on_a_crowded_page(timed: Timed, sizes: Sizes, way: str) -> None:
    case = crowd(sizes.crowd)
    expected = expected_pairs(case)
    row = f"one page of {sizes.crowd:,} x {sizes.crowd:,} regions"
    found = timed(CROWD[way], case, table="pairs", way=way, items=len(expected[0]), rounds=2, warmup=0, what=row)
    same_pairs(found, expected)


# Ours also gives Hausdorff distances, areas, missing regions and all tables; the peer gives the matched IoUs only.
MATCH = {
    "ours_objects": lambda export, _sides: lg.agreement(export, gate=0.1),
    "peer_objects": lambda _export, sides: peers.match(sides[0], sides[1], gate=0.1),
}


@cache
def crowd_sides(regions: int) -> tuple[peers.Geometries, peers.Geometries]:
    geometries = crowd_export(regions).regions.polygons.to_shapely()
    return geometries[:regions], geometries[regions:]


@cache
def expected_total(regions: int) -> float:
    first, second = crowd_sides(regions)
    return float(peers.match(first, second, gate=0.1).sum())


@pytest.mark.parametrize("way", MATCH)
def test_matching(timed: Timed, sizes: Sizes, way: str) -> None:
    export = crowd_export(sizes.crowd)
    sides = crowd_sides(sizes.crowd)
    row = f"matching {sizes.crowd:,} x {sizes.crowd:,} regions of one page"
    found = timed(MATCH[way], export, sides, table="matching", way=way, rounds=2, warmup=0, what=row)
    if way == "ours_objects":
        pairs = found.pairs
        found = pairs["iou"].to_numpy()[pairs["match"].to_numpy() == "matched"]
    timed.note(matched=len(found))
    assert found.sum() == pytest.approx(expected_total(sizes.crowd), abs=1e-6)
