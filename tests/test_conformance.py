"""The test suites of five other polygon libraries, with exact areas, and shapes with closed-form answers.

What counts as a case, and against which field it is held:

* *Valid* pairs (the record says so for both sides): the exact areas. A record of plain rings
(``rings_are_flat``) has
  no outlines and holes, only a fill rule; its rings do not cross where it is valid, so a ring inside an
  even number of others is an outline and one inside an odd number is a hole. That is the even-odd interior,
  hence ``exact_evenodd`` for those; it differs from ``exact`` only where the record's own rule is another
  one and its rings are nested.
* *Invalid* pairs of one ring per side: ``exact_nonzero``, because an outline means its non-zero interior.
* *Invalid* pairs of several rings: ``exact_nonzero`` where it is what these rings mean here, all as outlines that
  unite or each in its drawn role (the corpora sum windings of rings of any direction, so it is not always); our own
  exact arithmetic in any case.

Errors: an area relative to the larger of the two areas of the pair, IoU absolute. The limit is 1e-12 (1e-9
where a coordinate exceeds 1e6) for valid input and 1e-9 for invalid input.
"""

from __future__ import annotations

import functools
import gzip
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

import lesiongeo
from oracles import exact_areas, exact_shoelace

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "conformance"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="conformance data is not here")

# Valid pairs with area on both sides, and those with one side empty: a changed file or filter must not pass
# unseen.
VALID = {
    "clipper2": (13, 2),
    "ioverlay": (90, 7),
    "martinez": (31, 0),
    "polygon-clipping": (37, 9),
    "geos_known_wrong": (61, 0),
}
INVALID = {"clipper2": 141, "ioverlay": 15, "martinez": 1, "polygon-clipping": 11}
# Readings of invalid pairs of several rings: as the corpus means them, otherwise.
SEVERAL = {"clipper2": (30, 20), "ioverlay": (27, 59), "martinez": (4, 2), "polygon-clipping": (12, 15)}
# Judged outlines: valid, invalid.
VERDICTS = {
    "clipper2": (92, 192),
    "ioverlay": (201, 16),
    "martinez": (65, 2),
    "polygon-clipping": (93, 8),
    "geos_known_wrong": (122, 0),
}

Record = dict[str, Any]
Ring = list[list[float]]


@functools.cache
def records(name: str) -> list[Record]:
    with gzip.open(DATA / f"{name}.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]


def rings(polygons: list[list[Ring]]) -> list[Ring]:
    return [ring for polygon in polygons for ring in polygon]


def turned(ring: Ring, positive: bool) -> Ring:
    return ring if (exact_shoelace(ring) > 0) == positive else ring[::-1]


def oriented(record: Record, side: str) -> list[Ring]:
    """Rings of a valid side: outlines with positive area, holes with negative area."""
    if not record.get("rings_are_flat"):
        return [turned(ring, k == 0) for polygon in record[side] for k, ring in enumerate(polygon)]
    flat = [ring for ring in rings(record[side]) if len(ring) >= 3]
    drawn = [shapely.Polygon(ring) for ring in flat]
    inside = [sum(other.covers(p) for other in drawn if other is not p) for p in drawn]
    return [turned(ring, depth % 2 == 0) for ring, depth in zip(flat, inside, strict=True)]


def polygons(rows: list[list[Ring]]) -> lesiongeo.Polygons:
    """One batch from rows of oriented rings."""
    points = [np.array(ring, dtype=np.float64).reshape(-1, 2) for row in rows for ring in row]
    xy = np.concatenate([np.empty((0, 2)), *points])
    ring_offsets = np.cumsum([0, *(len(p) for p in points)], dtype=np.int32)
    polygon_offsets = np.cumsum([0, *(len(row) for row in rows)], dtype=np.int32)
    return lesiongeo.Polygons.from_ragged(xy, ring_offsets, polygon_offsets, roles="oriented")


def outlines(record: Record) -> tuple[list[Ring], list[Ring]]:
    return rings(record["a"]), rings(record["b"])


def extent(record: Record) -> float:
    return max((abs(v) for side in outlines(record) for ring in side for p in ring for v in p), default=0.0)


def truth(record: Record) -> dict[str, float]:
    exact: dict[str, float] = record["exact_evenodd"] if record.get("rings_are_flat") else record["exact"]
    return exact


def check(
    a: lesiongeo.Polygons,
    b: lesiongeo.Polygons,
    exact: list[dict[str, float]],
    limit: list[float],
    name: list[str],
) -> dict[str, float]:
    """Hold areas, intersection, IoU and Dice of a batch against the truth; return the worst errors."""
    got = {"a": lesiongeo.area(a), "b": lesiongeo.area(b), "i": lesiongeo.intersection_area(a, b)}
    iou, dice = lesiongeo.iou(a, b), lesiongeo.dice(a, b)
    assert np.array_equal(got["i"], lesiongeo.intersection_area(b, a)), "intersection_area is not symmetric"
    assert np.array_equal(iou, lesiongeo.iou(b, a), equal_nan=True), "iou is not symmetric"
    assert np.array_equal(dice, lesiongeo.dice(b, a), equal_nan=True), "dice is not symmetric"
    wrong = []
    worst = {"area": 0.0, "iou": 0.0}
    for k, want in enumerate(exact):
        larger = max(want["a"], want["b"])
        for field, values in got.items():
            error = abs(values[k] - want[field]) / larger if larger else abs(values[k])
            worst["area"] = max(worst["area"], error)
            if not error <= limit[k]:
                wrong.append((name[k], field, float(values[k]), want[field], error))
        # Without area on one side there is no overlap to speak of: NaN by definition.
        ratios = {"iou": math.nan, "dice": math.nan}
        if want["a"] and want["b"]:
            ratios = {"iou": want["i"] / want["u"], "dice": 2 * want["i"] / (want["a"] + want["b"])}
        for field, value in (("iou", iou[k]), ("dice", dice[k])):
            error = abs(value - ratios[field])
            worst["iou"] = max(worst["iou"], 0.0 if math.isnan(error) else error)
            if not (error <= limit[k] or (math.isnan(value) and math.isnan(ratios[field]))):
                wrong.append((name[k], field, float(value), ratios[field], error))
    assert not wrong, f"{len(wrong)} values are wrong: {wrong[:10]}"
    return worst


@pytest.mark.parametrize("corpus", VALID)
def test_valid_pairs(corpus: str, record_property: Callable[[str, object], None]) -> None:
    cases = [r for r in records(corpus) if r["valid_a"] and r["valid_b"]]
    a, b = (polygons([oriented(r, side) for r in cases]) for side in "ab")
    limit = [1e-9 if extent(r) > 1e6 else 1e-12 for r in cases]
    worst = check(a, b, [truth(r) for r in cases], limit, [r["case"] for r in cases])
    both = sum(truth(r)["a"] > 0 and truth(r)["b"] > 0 for r in cases)
    for key, value in {"both": both, "one_empty": len(cases) - both, **worst}.items():
        record_property(key, value)
    assert (both, len(cases) - both) == VALID[corpus]


@pytest.mark.parametrize("corpus", INVALID)
def test_invalid_outlines_mean_their_non_zero_interior(
    corpus: str, record_property: Callable[[str, object], None]
) -> None:
    cases = [
        r
        for r in records(corpus)
        if not (r["valid_a"] and r["valid_b"]) and max(len(side) for side in outlines(r)) == 1
    ]
    # `from_rings` with one array per row: however it is drawn, it is an outline.
    a, b = (
        lesiongeo.Polygons.from_rings([[np.array(ring) for ring in outlines(r)[side]] for r in cases])
        for side in (0, 1)
    )
    tolerances = [max(1e-9, rounding_floor(r, max(r["exact_nonzero"][side] for side in "ab"))) for r in cases]
    assert sum(tolerance > 1e-9 for tolerance in tolerances) <= 1, "the floor is for one needle, 8 ulp wide"
    worst = check(a, b, [r["exact_nonzero"] for r in cases], tolerances, [r["case"] for r in cases])
    for key, value in {"pairs": len(cases), **worst}.items():
        record_property(key, value)
    assert len(cases) == INVALID[corpus]


@pytest.mark.parametrize("corpus", SEVERAL)
def test_invalid_regions_of_several_rings(corpus: str, record_property: Callable[[str, object], None]) -> None:
    rows: tuple[list[list[Ring]], list[list[Ring]]] = ([], [])
    exact, tolerances, name, upstream = [], [], [], 0
    for r in records(corpus):
        if (r["valid_a"] and r["valid_b"]) or max(len(side) for side in outlines(r)) == 1:
            continue
        drawn = [[ring for ring in side if len(ring) >= 3] for side in outlines(r)]
        parts = [[turned(ring, True) for ring in side] for side in drawn]
        for sides in [parts] if drawn == parts else [parts, drawn]:
            areas = exact_areas(*sides, roles="oriented")
            named = dict(zip("abiu", map(float, areas), strict=True))
            wanted = r["exact_nonzero"]
            upstream += all(abs(named[key] - wanted[key]) <= 1e-12 * wanted["u"] for key in named)
            for row, side in zip(rows, sides, strict=True):
                row.append(side)
            exact.append(named)
            tolerances.append(max(1e-9, rounding_floor(r, max(named["a"], named["b"]))))
            name.append(r["case"])
    assert sum(tolerance > 1e-9 for tolerance in tolerances) <= 3, "the floor is for needles"
    worst = check(polygons(rows[0]), polygons(rows[1]), exact, tolerances, name)
    for key, value in {"pairs": len(exact), **worst}.items():
        record_property(key, value)
    assert (upstream, len(exact) - upstream) == SEVERAL[corpus]


@pytest.mark.parametrize("corpus", VALID)
def test_clipped_outlines(corpus: str, record_property: Callable[[str, object], None]) -> None:
    """Areas of the outlines of union, intersection and difference on valid pairs; they are valid themselves."""
    cases = [r for r in records(corpus) if r["valid_a"] and r["valid_b"]]
    a, b = (polygons([oriented(r, side) for r in cases]) for side in "ab")
    made = {
        "u": lesiongeo.union(a, b),
        "i": lesiongeo.intersection(a, b),
        "ab": lesiongeo.difference(a, b),
        "ba": lesiongeo.difference(b, a),
    }
    assert made["u"] == lesiongeo.union(b, a)
    assert made["i"] == lesiongeo.intersection(b, a)
    worst, wrong = 0.0, []
    for field, outlined in made.items():
        assert set(outlined.problem) <= {None, "empty"}
        for record, area in zip(cases, lesiongeo.area(outlined), strict=True):
            want = truth(record)
            larger = max(want["a"], want["b"])
            error = abs(area - want[field]) / larger if larger else area
            worst = max(worst, error)
            if not error <= max(1e-12, rounding_floor(record, larger)):
                wrong.append((record["case"], field, area, want[field], error))
    record_property("worst", worst)
    assert not wrong


@pytest.mark.parametrize("corpus", VALID)
def test_repaired_outlines_are_valid(corpus: str) -> None:
    rows = [side for r in records(corpus) for side in outlines(r)]
    for readings in (polygons(rows), polygons([[turned(ring, True) for ring in row] for row in rows])):
        assert "self_overlap" not in lesiongeo.make_valid(readings).problem
        reasons = lesiongeo.validity_reason(readings)
        wrong = [problem == "self_overlap" for problem in readings.problem]
        assert reasons["ring"].is_valid().to_pylist() == wrong


def rounding_floor(record: Record, larger: float) -> float:
    """Relative area that is lost when crossing points are rounded to doubles: half an ulp along the border.

    The interior of an invalid outline has new vertices where it crosses itself, and they are doubles too. No choice of
    doubles for them would do: of a needle 8 units in the last place wide the crossing lies between two columns of
    doubles, and whatever is cut off there is a good part of the needle.
    """
    drawn = [np.array(ring) for side in outlines(record) for ring in side if len(ring)]
    border = sum(float(np.hypot(*np.diff(ring, axis=0, append=ring[:1]).T).sum()) for ring in drawn)
    return 0.5 * float(np.spacing(np.abs(np.concatenate(drawn)).max())) * border / larger if larger else 0.0


@pytest.mark.parametrize("corpus", VALID)
def test_validity(corpus: str, record_property: Callable[[str, object], None]) -> None:
    """Valid means a winding number of 0 or 1 almost everywhere.

    The upstream verdict is the stricter one of OGC, so valid there is valid here. Of the others the
    outlines of one ring can be judged from the record: |shoelace| is the integral of the winding number and
    ``exact_nonzero`` the area where it is not 0; the two are equal for valid outlines only (touching ones,
    which OGC refuses, among them).
    """
    rows, want, name = [], [], []
    for r in records(corpus):
        for side, drawn in zip("ab", outlines(r), strict=True):
            if not truth(r)[side]:
                continue  # no rings, or rings without area: see test_validity.py
            if r[f"valid_{side}"]:
                rows.append(oriented(r, side))
                want.append(True)
            elif len(drawn) == 1:
                shoelace = abs(float(exact_shoelace(drawn[0])))
                rows.append([turned(drawn[0], True)])
                want.append(math.isclose(shoelace, r["exact_nonzero"][side], rel_tol=1e-13))
            else:
                continue
            name.append((r["case"], side))
    p = polygons(rows)
    verdict = lesiongeo.is_valid(p)
    assert np.array_equal(verdict, p.is_valid)
    wrong = [(n, bool(v), w) for n, v, w in zip(name, verdict, want, strict=True) if v != w]
    assert not wrong
    assert [x == "self_overlap" for x in p.problem] == [not w for w in want]
    for key, value in {"valid": sum(want), "invalid": want.count(False)}.items():
        record_property(key, value)
    assert (sum(want), want.count(False)) == VERDICTS[corpus]


def test_closed_form_shapes() -> None:
    cases = records("analytic")
    assert len(cases) == 25
    a, b = (
        lesiongeo.Polygons.from_rings([[np.array(ring) for ring in rings(r[side])] for r in cases]) for side in "ab"
    )
    got = {
        "area_a": lesiongeo.area(a),
        "area_b": lesiongeo.area(b),
        "area_nonzero": lesiongeo.area(a),
        "inter": lesiongeo.intersection_area(a, b),
        "iou": lesiongeo.iou(a, b),
        "dice": lesiongeo.dice(a, b),
        "hd": lesiongeo.hausdorff(a, b),
        "hd_ab": lesiongeo.hausdorff(a, b, directed=True),
        "hd_ba": lesiongeo.hausdorff(b, a, directed=True),
    }
    checked = dict.fromkeys(got, 0)
    for k, record in enumerate(cases):
        expected: dict[str, float] = record["expected"]
        for field in got.keys() & expected.keys():
            checked[field] += 1
            assert got[field][k] == pytest.approx(expected[field], rel=1e-9, abs=1e-9), (
                record["name"],
                field,
            )
        if "oracle" in record:  # the rest of the fields, from a numeric solution to 1e-9
            for field, key in (("inter", "i"), ("iou", "iou"), ("hd", "h"), ("hd_ab", "ab"), ("hd_ba", "ba")):
                assert got[field][k] == pytest.approx(record["oracle"][key], rel=1e-9, abs=1e-9), record["name"]
    at_least = {"hd": 20, "iou": 19, "inter": 12, "area_nonzero": 3, "dice": 3, "hd_ba": 2}
    assert all(checked[field] >= count for field, count in at_least.items()), checked
