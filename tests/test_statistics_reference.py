"""The tables of statistics against an independent calculation, on real exports and made ones."""

from __future__ import annotations

import json
import math
import random
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import exports
import lesiongeo
import little_exports
import reference_coefficients as coefficients
from lesiongeo.testing import make_export, write_export
from oracle_surface import surface_bounds_of
from real_exports import MAKER, real_export
from reference_agreement import Key, Pair, person
from reference_export import Points
from reference_lesions import Facts, PairFact, RegionKey

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


@dataclass
class Both:
    """One export, worked out by the package and by the reference, each once."""

    path: Path
    options: dict[str, Any]

    @cached_property
    def export(self) -> Any:
        return lesiongeo.read_label_studio(self.path, **self.options)

    @cached_property
    def agreement(self) -> Any:
        return lesiongeo.agreement(self.export)

    @cached_property
    def rows(self) -> list[Row]:
        """The package's pairs."""
        found: list[Row] = self.agreement.pairs.to_pylist()
        return found

    @cached_property
    def facts(self) -> Facts:
        """The reference, with the package's matching where that is as good as its own."""
        pairs: dict[Key, list[Pair]] = defaultdict(list)
        for row in self.rows:
            pair = Pair(*page_key(row), row["region_a"], row["region_b"], row["match"], row["iou"])
            pairs[pair.key].append(pair)
        facts = Facts(self.path, pairs, self.outlines)
        assert len(facts.differing) <= 0.01 * len(facts.pages)
        return facts

    @cached_property
    def outlines(self) -> dict[RegionKey, Points]:
        """Polygons that the package made of ellipses and curves: their number of vertices is its own choice."""
        found = {}
        polygons = self.export.regions.polygons
        xy, ends, parts = (np.asarray(v) for v in (polygons.xy, polygons.ring_offsets, polygons.polygon_offsets))
        kinds = self.export.regions.table["kind"].to_pylist()
        for row, kind in enumerate(kinds):
            if kind in ("ellipse", "vector"):
                ring = parts[row]
                found[self.region_keys[row]] = xy[ends[ring] : ends[ring + 1]]
        return found

    @cached_property
    def region_keys(self) -> list[RegionKey]:
        """Keys of the rows of regions."""
        table = self.export.regions.table.select(["task_id", "source", "annotation_id", "region_id"])
        return [(r["task_id"], r["source"], r["annotation_id"], r["region_id"]) for r in table.to_pylist()]

    @cached_property
    def by_regions(self) -> dict[tuple[object, ...], PairFact]:
        """The reference's pairs by page and regions."""
        return {(*pair.key, pair.id_a, pair.id_b): pair for pair in self.facts.pairs}


def page_key(row: Row) -> Key:
    return row["task_id"], row["page"], row["annotator_a"], row["annotator_b"]


#: Names of people that are no numbers are hidden by the reader, so that the reference would not know them.
ODD = tuple(name for name in little_exports.CASES if name != "odd_names")
SOURCES = ("lidc", "lvis", "dermatology", "generated", "crowd", "everything", *ODD)


def made(name: str, folder: Path) -> Both:
    """An export by name."""
    if name in ("lidc", "lvis"):
        if not MAKER.exists():
            pytest.skip(f"{MAKER.name} is absent")
        return Both(real_export(name), {})
    if name == "dermatology":
        return Both(ROOT / "examples/dermatology.json", {"patient": "patient_id", "spacing_mm": "spacing_mm"})
    path = folder / f"{name}.json"
    if name == "generated":
        write_export(make_export(patients=25, annotators=4, seed=11, miss_rate=0.2), path)
        return Both(path, {"patient": "patient_id", "spacing_mm": "spacing_mm"})
    if name == "crowd":
        path.write_text(json.dumps(little_exports.twelve() + little_exports.others(100)))
        return Both(path, {})
    if name in little_exports.CASES:
        path.write_text(json.dumps(little_exports.CASES[name]()))
        return Both(path, {"spacing_mm": "spacing"} if name == "spacings" else {})
    path.write_text(json.dumps(exports.tasks(33, 15, regions=8)))  # every kind of region
    return Both(path, {})


@pytest.fixture(scope="module")
def readings() -> dict[str, Both]:
    """What was worked out already, by name."""
    return {}


@pytest.fixture(params=SOURCES)
def both(request: pytest.FixtureRequest, readings: dict[str, Both], tmp_path_factory: pytest.TempPathFactory) -> Both:
    """One export."""
    name = request.param
    if name not in readings:
        readings[name] = made(name, tmp_path_factory.mktemp(name))
    return readings[name]


def close(found: float | None, expected: float | None, absolute: float = 1e-12) -> bool:
    """Both null, or equal to 1e-9 of their size."""
    if found is None or expected is None:
        return found is expected
    return math.isclose(found, expected, rel_tol=1e-9, abs_tol=absolute)


def test_pairs(both: Both) -> None:
    """Every row with its measures, and no other rows."""
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


def test_distances_along_the_boundary(both: Both) -> None:
    """On a sample, within the proven bounds of the oracle."""
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


def test_rows_of_regions(both: Both) -> None:
    """`region_rows` are the regions that the pairs name."""
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


def test_lesions(both: Both) -> None:
    """The same groups of regions, with the same numbers about them."""
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


def test_annotations_that_count(both: Both) -> None:
    """By task, then annotator."""
    rows = both.agreement.annotation_rows.tolist()
    ids = both.export.annotations.select(["task_id", "annotation_id"]).take(pa.array(rows, pa.int64())).to_pylist()
    people = both.facts.comparison.people
    assert [(row["task_id"], row["annotation_id"]) for row in ids] == [
        (task_id, people[task_id][name].annotation_id)
        for task_id in sorted(people)
        for name in sorted(people[task_id], key=person)
    ]
