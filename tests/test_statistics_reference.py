"""The tables of statistics against an independent calculation, on real exports and made ones."""

from __future__ import annotations

import json
import math
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import reference_coefficients as coefficients
from oracle_surface import surface_bounds_of
from reference_agreement import person
from reference_lesions import RegionKey
from two_calculations import both_of, close, every_source, page_key

Row = dict[str, Any]

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
PUBLISHED = SHARED / "data/conformance/statistics.json"
#: Pairs of an export whose distances the oracle bounds.
SAMPLE = 120


def units_of_table(table: list[list[int]]) -> list[list[int]]:
    """Units of two annotators from their cross table."""
    return [[i, j] for i, line in enumerate(table) for j, count in enumerate(line) for _ in range(count)]


def reference_value(case: dict[str, Any]) -> float | None:
    """What the reference says of a published case; None for what it does not know."""
    data, name = case["data"], case["statistic"]
    if name in ("cohen_kappa", "weighted linear"):
        weights = "linear" if name == "weighted linear" else "none"
        return coefficients.cohen(units_of_table(data), range(len(data)), weights)
    if name.startswith("weights="):
        weights = {"None": "none"}.get(name.split("=")[1], name.split("=")[1])
        return coefficients.cohen(data, sorted({v for pair in data for v in pair}), weights)
    if name == "fleiss_kappa":
        if "raters" in case["name"]:
            data = [[k for k, c in enumerate(line) for _ in range(c)] for line in data]
        return coefficients.fleiss(data)
    if name.startswith("alpha "):
        return coefficients.alpha(list(zip(*data, strict=True)), name.split()[1])
    if name.startswith("ICC"):
        form = name.removeprefix("ICC").replace("k", "_k")
        return coefficients.icc(data)[form if "_" in form else f"{form}_1"]
    known = {"AC1": coefficients.ac1, "fleiss": coefficients.fleiss, "alpha": coefficients.alpha}
    known["conger"] = coefficients.conger
    if name in known:
        return known[name]([[None if v != v else v for v in unit] for unit in data])
    return None


@pytest.mark.skipif(not PUBLISHED.exists(), reason="published values are absent")
def test_the_reference_gives_published_values() -> None:
    """So that the reference may judge."""
    judged = 0
    for case in json.loads(PUBLISHED.read_text()):
        found = reference_value(case)
        if found is not None:
            assert found == pytest.approx(case["published"], abs=case["tol"]), case["name"]
            judged += 1
    assert judged == 37


# pairs and lesions


@every_source
def test_pairs(source: str) -> None:
    """Every row with its measures, and no other rows."""
    both = both_of(source)
    status = both.export.role("status")
    assert len(both.rows) == len(both.facts.pairs) == len(both.by_regions)
    for row in both.rows:
        fact = both.by_regions[(*page_key(row), row["region_a"], row["region_b"])]
        assert row["match"] == fact.match
        assert close(row["iou"], fact.iou), row
        assert close(row["dice"], fact.dice), row
        for side, area in (("a", fact.area_a), ("b", fact.area_b)):
            # An outline without area has an area of 0, up to rounding.
            region = getattr(fact, f"region_{side}")
            assert close(row[f"area_{side}_px2"], area if area is not None or region is None else 0.0, 1e-9), row
        assert close(row["log_area_ratio"], fact.log_area_ratio, 1e-10), row
        ratio = None if fact.log_area_ratio is None else math.exp(fact.log_area_ratio)
        assert close(row["area_ratio"], ratio, 1e-10), row
        assert close(row["centroid_distance_px"], fact.centroid_distance, 1e-7), row
        assert row["label_equal"] == fact.label_equal, row
        if status is not None:
            assert row["status_equal"] == fact.answer_equal(status), row


@every_source
def test_distances_along_the_boundary(source: str) -> None:
    """On a sample, within the proven bounds of the oracle."""
    both = both_of(source)
    polygons = both.export.regions.polygons
    table = both.export.regions.table
    simple = np.asarray(table["valid"]) & ~np.isin(np.asarray(table["kind"]), ("line", "keypoint"))
    sides = both.agreement.region_rows
    rows = [k for k, (a, b) in enumerate(sides.tolist()) if a >= 0 and b >= 0 and simple[a] and simple[b]]
    rows = random.Random(5).sample(rows, min(SAMPLE, len(rows)))
    rings = [[rings_of(polygons, int(r)) for r in sides[k]] for k in rows]
    bounds = surface_bounds_of([(a, b) for a, b in rings], percentiles=(95.0,), tolerances=(2.0,), roles="signed")
    for k, bound in zip(rows, bounds, strict=True):
        row = both.rows[k]
        slack = 1e-9 * bound.extent
        for name, (low, high) in (
            ("hausdorff_px", bound.hausdorff),
            ("hd95_px", bound.percentile[95.0]),
            ("masd_px", bound.masd),
            ("assd_px", bound.assd),
            ("signed_offset_px", bound.signed_offset),
        ):
            assert low - slack <= row[name] <= high + slack, (name, low, high, row)
        low, high = bound.nsd[2.0]
        assert low - 1e-9 <= row["nsd"] <= high + 1e-9, (low, high, row)


def rings_of(polygons: Any, row: int) -> list[list[tuple[float, float]]]:
    """The rings of a region."""
    xy, ends, parts = (np.asarray(v) for v in (polygons.xy, polygons.ring_offsets, polygons.polygon_offsets))
    return [[(x, y) for x, y in xy[ends[r] : ends[r + 1]].tolist()] for r in range(parts[row], parts[row + 1])]


@every_source
def test_rows_of_regions(source: str) -> None:
    """`region_rows` are the regions that the pairs name."""
    both = both_of(source)
    keys = both.region_keys
    assert both.agreement.region_rows.shape == (len(both.rows), 2)
    for row, sides in zip(both.rows, both.agreement.region_rows.tolist(), strict=True):
        for side, at in zip("ab", sides, strict=True):
            region = row[f"region_{side}"]
            if region is None:
                assert at == -1
            else:
                # The reference calls a region without an id "None".
                expected = row["task_id"], "annotation", row[f"annotation_{side}"], region
                assert keys[at] == expected


@every_source
def test_lesions(source: str) -> None:
    """The same groups of regions, with the same numbers about them."""
    both = both_of(source)
    table = both.agreement.lesions.to_pylist()
    members: dict[int, set[RegionKey]] = defaultdict(set)
    for key, at in zip(both.region_keys, both.agreement.lesion_of_region.tolist(), strict=True):
        if at >= 0:
            members[at].add(key)
    expected = {lesion.keys: lesion for lesion in both.facts.lesions}
    assert {frozenset(keys) for keys in members.values()} == set(expected)
    assert sorted(members) == list(range(len(table)))
    assert table == sorted(table, key=lambda row: (row["task_id"], row["page"], row["lesion"]))
    numbers: dict[tuple[int, int], list[int]] = defaultdict(list)
    for at, row in enumerate(table):
        numbers[row["task_id"], row["page"]].append(row["lesion"])
        lesion = expected[frozenset(members[at])]
        assert (row["task_id"], row["page"]) == (lesion.task_id, lesion.page)
        assert (row["n_annotators"], row["n_drawn"]) == (len(lesion.people), len(lesion.regions)), row
        assert row["label"] == lesion.label, (row, lesion)
        assert close(row["iou_mean"], lesion.iou_mean), row
        assert close(row["score"], lesion.score), row
        assert close(row["area_px2"], lesion.area), row
        if len(lesion.regions) > 1:
            assert row["label_equal"] == (len({r.labels for r in lesion.regions.values()}) == 1), row
    assert all(found == list(range(len(found))) for found in numbers.values())


@every_source
def test_annotations_that_count(source: str) -> None:
    """By task, then annotator."""
    both = both_of(source)
    rows = both.agreement.annotation_rows.tolist()
    ids = both.export.annotations.select(["task_id", "annotation_id"]).take(pa.array(rows, pa.int64())).to_pylist()
    people = both.facts.comparison.people
    assert [(row["task_id"], row["annotation_id"]) for row in ids] == [
        (task_id, people[task_id][name].annotation_id)
        for task_id in sorted(people)
        for name in sorted(people[task_id], key=person)
    ]
