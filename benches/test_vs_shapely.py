"""IoU, Hausdorff distance, area and validity against shapely, on the same arrays, one thread on both sides.

Contestants start either from ragged arrays, with everything that follows inside the clock, or from existing
objects. Ours from arrays makes new objects every round, so it pays for the test of validity each time; shapely's makes
geometries and tests nothing. `shapely.hausdorff_distance` looks at vertices only and is a lower bound; ours is exact.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import shapely

import lesiongeo as lg
from conftest import Timed
from data import KINDS, VERTICES, Case, Floats, Sizes, outlines
from peers import create, create_both, iou, iou_after_repair


@cache
def expected_iou(case: Case) -> Floats:
    return iou(*case.repaired)


@cache
def discrete_hausdorff(case: Case) -> Floats:
    return shapely.hausdorff_distance(*case.geometries)


IOU = {
    "ours_arrays": lambda case: lg.iou(*case.fresh()),
    "ours_objects": lambda case: lg.iou(*case.polygons),
    "peer_objects": lambda case: iou(*case.geometries),
    "peer_arrays": lambda case: iou(*create_both(case)),
}
# Plain shapely raises on these, see below. "repaired" starts on both sides from outlines repaired before the clock.
IOU_INVALID = {
    "ours_arrays": IOU["ours_arrays"],
    "peer_objects": lambda case: iou_after_repair(*case.geometries),
    "peer_arrays": lambda case: iou_after_repair(*create_both(case)),
}
IOU_REPAIRED = {
    "ours_objects": IOU["ours_objects"],
    "peer_objects": lambda case: iou(*case.repaired),
}
IOU_BY_KIND = dict.fromkeys(KINDS, IOU) | {"invalid": IOU_INVALID, "repaired": IOU_REPAIRED}


def iou_cases() -> list[tuple[str, int, str]]:
    return [(kind, n, way) for kind, ways in IOU_BY_KIND.items() for n in VERTICES for way in ways]


@pytest.mark.parametrize(("kind", "vertices", "way"), iou_cases())
def test_iou(timed: Timed, sizes: Sizes, kind: str, vertices: int, way: str) -> None:
    case = outlines("invalid" if kind == "repaired" else kind, vertices, sizes.pairs[vertices])
    expected = expected_iou(case)
    function = IOU_BY_KIND[kind][way]
    found = timed(function, case, table="iou", way=way, items=len(case), kind=kind, vertices=vertices)
    timed.note(difference=float(np.abs(found - expected).max()))
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("vertices", VERTICES)
def test_plain_shapely_on_invalid(timed: Timed, sizes: Sizes, vertices: int) -> None:
    case = outlines("invalid", vertices, min(sizes.pairs[vertices], 200))
    first, second = case.geometries
    expected = expected_iou(case)

    def one_by_one() -> tuple[int, int]:
        raised = wrong = 0
        for row in range(len(case)):
            try:
                found = iou(first[row : row + 1], second[row : row + 1])[0]
            except shapely.errors.GEOSException:
                raised += 1
            else:
                wrong += abs(found - expected[row]) > 1e-9
        return raised, wrong

    name = "plain shapely on invalid"
    raised, wrong = timed(
        one_by_one, table=name, way="peer_objects", items=len(case), rounds=1, warmup=0, vertices=vertices
    )
    timed.note(raised=raised, wrong=int(wrong))
    assert raised > 0
    with pytest.raises(shapely.errors.GEOSException):
        iou(first, second)  # one such pair, and the call for all of them gives nothing
    assert np.isfinite(lg.iou(*case.polygons)).all()


HAUSDORFF = {
    "ours_arrays": lambda case: lg.hausdorff(*case.fresh()),
    "ours_objects": lambda case: lg.hausdorff(*case.polygons),
    "ours_vertex": lambda case: lg.hausdorff(*case.polygons, method="vertex"),
    "peer_objects": lambda case: shapely.hausdorff_distance(*case.geometries),
    "peer_arrays": lambda case: shapely.hausdorff_distance(*create_both(case)),
}


@pytest.mark.parametrize("way", HAUSDORFF)
@pytest.mark.parametrize("vertices", VERTICES)
@pytest.mark.parametrize("kind", KINDS)
def test_hausdorff(timed: Timed, sizes: Sizes, kind: str, vertices: int, way: str) -> None:
    case = outlines(kind, vertices, sizes.hausdorff_pairs[vertices])
    function = HAUSDORFF[way]
    found = timed(function, case, table="hausdorff", way=way, items=len(case), kind=kind, vertices=vertices)
    discrete = discrete_hausdorff(case)
    if way == "ours_vertex" and kind != "invalid":  # where an outline crosses itself, ours has a vertex more
        np.testing.assert_allclose(found, discrete, rtol=0.0, atol=1e-9)
    assert (found >= discrete - 1e-9).all()
    if way == "ours_arrays":
        exact = np.where(found > 0.0, found, 1.0)
        timed.note(peer_low=float(np.where(found > 0.0, 1.0 - discrete / exact, 0.0).max()))
        assert (found == lg.hausdorff(*case.polygons)).all()


AREA = {
    "ours_arrays": lambda case: lg.area(lg.Polygons.from_ragged(*case.ragged[0])),
    "ours_objects": lambda case: lg.area(case.polygons[0]),
    "peer_objects": lambda case: shapely.area(case.geometries[0]),
    "peer_arrays": lambda case: shapely.area(create(case.closed[0])),
}


@pytest.mark.parametrize("way", AREA)
@pytest.mark.parametrize("vertices", VERTICES)
def test_area(timed: Timed, sizes: Sizes, vertices: int, way: str) -> None:
    case = outlines("overlap", vertices, sizes.outlines[vertices])
    found = timed(AREA[way], case, table="area", way=way, items=len(case), kind="valid", vertices=vertices)
    np.testing.assert_allclose(found, shapely.area(case.geometries[0]), rtol=1e-12)


# Ours answers from arrays and has then repaired what is invalid, so "invalid" is shown beside both of shapely's.
VALIDITY = {
    "ours_arrays": lambda case: lg.Polygons.from_ragged(*case.ragged[0]).is_valid,
    "peer_objects": lambda case: shapely.is_valid(case.geometries[0]),
    "peer_arrays": lambda case: shapely.is_valid(create(case.closed[0])),
}
REPAIR = {
    "ours_arrays": VALIDITY["ours_arrays"],
    "peer_objects": lambda case: shapely.make_valid(case.geometries[0]),
    "peer_arrays": lambda case: shapely.make_valid(create(case.closed[0])),
}
VALIDITY_BY_KIND = {"valid": VALIDITY, "invalid": VALIDITY, "invalid, with repair": REPAIR}


@pytest.mark.parametrize("way", VALIDITY)
@pytest.mark.parametrize("vertices", VERTICES)
@pytest.mark.parametrize("kind", VALIDITY_BY_KIND)
def test_validity(timed: Timed, sizes: Sizes, kind: str, vertices: int, way: str) -> None:
    count = sizes.outlines[vertices] // (1 if kind == "valid" else 5)
    case = outlines("overlap" if kind == "valid" else "invalid", vertices, count)
    function = VALIDITY_BY_KIND[kind][way]
    found = timed(function, case, table="validity", way=way, items=len(case), kind=kind, vertices=vertices)
    if found.dtype == bool:
        np.testing.assert_array_equal(found, shapely.is_valid(case.geometries[0]))
