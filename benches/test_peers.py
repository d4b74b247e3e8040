"""IoU, Hausdorff distance and the distances along the boundary against everything people use today.

All work on the first so many of the same pairs; `error` is the largest difference from ours on those, and `oracle`
the largest difference of ours from exact arithmetic (distances: from bounds that enclose them) on a few of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
import shapely

import lesiongeo as lg
import oracles
import peers
import peers_clipper
import peers_raster as raster
from conftest import Timed
from data import VERTICES, Case, Floats, Sizes, outlines
from oracle_surface import surface_bounds

TOLERANCE = 2.0
#: Pairs whose exact value is asked, by vertices: rational arithmetic is slow.
JUDGED = {12: 6, 50: 4, 200: 2, 1000: 0}


class Contestant(NamedTuple):
    """How to start from outlines, outside the clock, and what to time. Slow ones get few of the pairs."""

    prepare: Callable[[Case], Any]
    run: Callable[[Any], Any]
    slow: bool = False


def itself(case: Case) -> Case:
    return case


IOU = {
    "ours_arrays": Contestant(itself, lambda case: lg.iou(*case.fresh())),
    "ours_objects": Contestant(lambda case: case.polygons, lambda sides: lg.iou(*sides)),
    "peer_arrays": Contestant(itself, lambda case: peers.iou(*peers.create_both(case))),
    "peer_objects": Contestant(lambda case: case.geometries, lambda sides: peers.iou(*sides)),
    "pyclipper": Contestant(itself, peers_clipper.iou, slow=True),
    "pycocotools": Contestant(itself, raster.coco_iou_after_encoding, slow=True),
    "pycocotools_masks": Contestant(raster.coco_encode, raster.coco_iou, slow=True),
    "faster_coco_eval": Contestant(itself, raster.faster_iou_after_encoding, slow=True),
    "faster_coco_eval_masks": Contestant(raster.faster_encode, raster.faster_iou, slow=True),
    "skimage": Contestant(itself, lambda case: raster.each(case, raster.skimage_iou), slow=True),
}
HAUSDORFF = {
    "ours_arrays": Contestant(itself, lambda case: lg.hausdorff(*case.fresh())),
    "ours_objects": Contestant(lambda case: case.polygons, lambda sides: lg.hausdorff(*sides)),
    "ours_witnesses": Contestant(
        lambda case: case.polygons, lambda sides: lg.hausdorff(*sides, witnesses=True).distance
    ),
    "ours_vertex": Contestant(lambda case: case.polygons, lambda sides: lg.hausdorff(*sides, method="vertex")),
    "peer_arrays": Contestant(itself, lambda case: shapely.hausdorff_distance(*peers.create_both(case))),
    "peer_objects": Contestant(lambda case: case.geometries, lambda sides: shapely.hausdorff_distance(*sides)),
    "peer_densified": Contestant(lambda case: case.geometries, lambda sides: peers.densified_hausdorff(*sides), True),
    "scipy": Contestant(itself, lambda case: raster.each(case, raster.scipy_hausdorff), slow=True),
    "skimage": Contestant(
        itself,
        lambda case: raster.each(case, lambda *pair: raster.skimage_hausdorff(*raster.masks_of(*pair))),
        slow=True,
    ),
    "skimage_masks": Contestant(
        raster.cropped_masks, lambda masks: raster.each_mask(masks, raster.skimage_hausdorff), slow=True
    ),
    "skimage_witnesses": Contestant(
        raster.cropped_masks, lambda masks: raster.each_mask(masks, raster.skimage_witnesses), slow=True
    ),
}


def numbers_of(table: Any) -> Floats:
    """Our table in the order of `peers_raster.Numbers`."""
    names = ("hausdorff_px", "hd95_px", "masd_px", "assd_px", "nsd", "signed_offset_px")
    return np.stack([table[name].to_numpy() for name in names], axis=1)


def ours_surface(sides: tuple[lg.Polygons, lg.Polygons]) -> Floats:
    return numbers_of(lg.surface_distances(*sides, tolerance=TOLERANCE))


SURFACE = {
    "ours_arrays": Contestant(itself, lambda case: ours_surface(case.fresh())),
    "ours_objects": Contestant(lambda case: case.polygons, ours_surface),
    "raster": Contestant(
        itself,
        lambda case: raster.each(case, lambda *pair: raster.surface_after_rasterising(*pair, TOLERANCE)),
        slow=True,
    ),
    "raster_masks": Contestant(
        raster.cropped_masks,
        lambda masks: raster.each_mask(masks, lambda *pair: raster.surface_numbers(*pair, TOLERANCE)),
        slow=True,
    ),
    "raster_image_masks": Contestant(
        raster.image_masks,
        lambda masks: raster.each_mask(masks, lambda *pair: raster.surface_numbers(*pair, TOLERANCE)),
        slow=True,
    ),
    "sampled": Contestant(
        itself,
        lambda case: raster.each(case, lambda *pair: raster.sampled_numbers(*pair, TOLERANCE)),
        slow=True,
    ),
}
CONTESTS = {"iou": IOU, "hausdorff": HAUSDORFF, "surface": SURFACE}
#: What a result of ours is compared with.
OURS: dict[str, Callable[[Case], Floats]] = {
    "iou": lambda case: lg.iou(*case.polygons),
    "hausdorff": lambda case: lg.hausdorff(*case.polygons),
    "surface": lambda case: ours_surface(case.polygons),
}
#: How far a way may be off before it must be a mistake of this file; the unit of the operation.
LIMITS = {
    "iou": {"peer_arrays": 1e-12, "peer_objects": 1e-12, "pyclipper": 1e-5},
    "hausdorff": {"ours_witnesses": 0.0, "ours_objects": 0.0},
    "surface": {"ours_arrays": 0.0},
}
LOOSE = {"iou": 0.02, "hausdorff": 60.0, "surface": 5.0}


@cache
def ours(operation: str, case: Case) -> Floats:
    return OURS[operation](case)


def contests() -> list[tuple[str, int, str]]:
    return [(operation, n, way) for operation, ways in CONTESTS.items() for n in VERTICES for way in ways]


@pytest.mark.parametrize(("operation", "vertices", "way"), contests())
def test_peers(timed: Timed, sizes: Sizes, operation: str, vertices: int, way: str) -> None:
    contestant = CONTESTS[operation][way]
    case = outlines("overlap", vertices, (sizes.pairs if operation == "iou" else sizes.hausdorff_pairs)[vertices])
    if contestant.slow:
        case = case.head(sizes.slow_pairs[vertices])
    start = contestant.prepare(case)
    found = np.asarray(
        timed(
            contestant.run,
            start,
            table="peers",
            way=way,
            items=len(case),
            budget=Timed.BUDGET,
            operation=operation,
            vertices=vertices,
        )
    )
    error = np.abs(found - ours(operation, case))
    known = error[~np.isnan(error)]
    assert known.max() <= LIMITS[operation].get(way, LOOSE[operation])
    if operation == "surface":
        names = raster.Numbers._fields
        timed.note(**{f"error_{name}": float(column.max()) for name, column in zip(names, error.T, strict=True)})
    else:
        timed.note(error=float(known.max()))


def outside(found: float, bounds: tuple[float, float]) -> float:
    return max(0.0, bounds[0] - found, found - bounds[1])


def judge(operation: str, case: Case, row: int) -> float:
    """How far ours is from the exact value of one pair, or from the bounds that enclose it."""
    first, second = ([side[row]] for side in case.xy)
    found = ours(operation, case)[row]
    if operation == "iou":
        return abs(float(found) - oracles.exact_areas(first, second).iou)
    if operation == "hausdorff":
        return outside(float(found), oracles.hausdorff_bounds(first, second))
    bounds = surface_bounds(first, second, percentiles=[95.0], tolerances=[TOLERANCE])
    known = bounds.hausdorff, bounds.percentile[95.0], bounds.masd, bounds.assd, bounds.nsd[TOLERANCE]
    return max(outside(float(value), at) for value, at in zip(found, (*known, bounds.signed_offset), strict=True))


@pytest.mark.parametrize("vertices", VERTICES)
@pytest.mark.parametrize("operation", CONTESTS)
def test_ours_against_the_oracle(timed: Timed, sizes: Sizes, operation: str, vertices: int) -> None:
    case = outlines("overlap", vertices, (sizes.pairs if operation == "iou" else sizes.hausdorff_pairs)[vertices])
    rows = range(min(JUDGED[vertices], len(case)))
    if not rows:
        pytest.skip("exact arithmetic would take longer than everything else")
    worst = timed(
        lambda: max(judge(operation, case, row) for row in rows),
        table="oracle",
        way="ours_objects",
        items=len(rows),
        rounds=1,
        warmup=0,
        operation=operation,
        vertices=vertices,
    )
    timed.note(error=worst)
    assert worst < 1e-9


ALONE = {
    "hausdorff": lambda sides: lg.hausdorff(*sides),
    "hd95": lambda sides: lg.hd95(*sides),
    "masd": lambda sides: lg.masd(*sides),
    "assd": lambda sides: lg.assd(*sides),
    "nsd": lambda sides: lg.nsd(*sides, tolerance=TOLERANCE),
    "signed_offset": lambda sides: lg.signed_offset(*sides),
    "all": ours_surface,
}


@pytest.mark.parametrize("way", ["ours_arrays", "ours_objects"])
@pytest.mark.parametrize("vertices", VERTICES)
@pytest.mark.parametrize("operation", ALONE)
def test_surface_alone(timed: Timed, sizes: Sizes, operation: str, vertices: int, way: str) -> None:
    case = outlines("overlap", vertices, sizes.hausdorff_pairs[vertices])
    function = ALONE[operation]
    found = timed(
        (lambda: function(case.fresh())) if way == "ours_arrays" else (lambda: function(case.polygons)),
        table="alone",
        way=way,
        items=len(case),
        budget=Timed.BUDGET,
        operation=operation,
        vertices=vertices,
    )
    together = ours("surface", case)
    expected = together if operation == "all" else together[:, raster.Numbers._fields.index(operation)]
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-9)
