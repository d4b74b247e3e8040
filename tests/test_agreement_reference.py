"""Reading and agreement on real exports, against the independent implementation in ``reference_*.py``.

Where several matchings are equally good, any of them is right: ``complaints`` checks that a matching is one
of the best, and the rows of a page are then scored as they are. Otherwise only the best matching is accepted.
"""

from __future__ import annotations

import json
import math
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import shapely

import exports
import lesiongeo
from real_exports import MAKER, real_export
from reference_agreement import (
    Comparison,
    Key,
    Page,
    Pair,
    agree,
    alone,
    along,
    complaints,
    exact_overlap,
    hausdorff,
    interior,
    lengths_of,
    score_page,
)
from reference_export import Annotation, Points, ProblemRegion, Region, read, same_answer

Row = dict[str, Any]

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
FILES = {
    "real": SHARED / "data/label_studio/ls_real_export.json",
    "real_snapshot": SHARED / "data/label_studio/ls_real_export_snapshot.json",
    "boxes": SHARED / "data/public_exports/evalme__test_bbox.json",
    "coco": SHARED / "data/public_exports/sdk__test_export_coco_data.json",
    "json_min": SHARED / "data/public_exports/sdk__test_export_json_min_data.json",
    "yolo": SHARED / "data/public_exports/sdk__test_export_yolo_data.json",
    "keypoints": SHARED / "data/public_exports/sdk__test_export_yolo_data_keypoints.json",
    "rotated": SHARED / "data/public_exports/sdk__test_export_yolo_data_obb.json",
    "outline": SHARED / "data/public_exports/sdk__test_export_yolo_data_polygons.json",
    "dermatology": ROOT / "examples/dermatology.json",
}
# Kinds whose outlines are the package's own making, or that are no outlines.
FLATTENED = {"brush", "bitmask", "vector", "line", "keypoint"}
MADE = ("seeded", "lvis", "lidc_part", "lidc")
DISTANCES = "hausdorff_px hd95_px masd_px assd_px nsd signed_offset_px centroid_distance_px".split()
PART = 60
HAUSDORFF_SAMPLE = 150
ALONG_SAMPLE = 40
EXACT_SAMPLE = 60


def files() -> list[Any]:
    """Every export by name, skipped where its source is absent."""
    found = [
        pytest.param(name, marks=pytest.mark.skipif(not path.exists(), reason=f"{path.name} is absent"))
        for name, path in FILES.items()
    ]
    for name in MADE:
        absent = name != "seeded" and not MAKER.exists()
        marks = [pytest.mark.skipif(absent, reason=f"{MAKER.name} is absent")]
        found.append(pytest.param(name, marks=[*marks, pytest.mark.slow] if name == "lidc" else marks))
    return found


every_file = pytest.mark.parametrize("both", files(), indirect=True)


@dataclass
class Both:
    """The package's and the reference's reading of one file, each worked out once."""

    path: Path

    @cached_property
    def export(self) -> Any:
        """The export as the package reads it."""
        return lesiongeo.read_label_studio(self.path)

    @cached_property
    def reference(self) -> tuple[list[Region], list[Annotation], list[ProblemRegion]]:
        """The export as the reference reads it."""
        return read(self.path)

    @cached_property
    def rows(self) -> list[Row]:
        """The package's regions."""
        rows: list[Row] = self.export.regions.table.to_pylist()
        return rows

    @cached_property
    def rings(self) -> list[list[Points]]:
        """The rings of each of the package's regions."""
        polygons = self.export.regions.polygons
        xy = np.asarray(polygons.xy)
        ends, parts = np.asarray(polygons.ring_offsets), np.asarray(polygons.polygon_offsets)
        assert len(parts) == len(polygons) + 1 == len(self.rows) + 1
        return [
            [xy[ends[ring] : ends[ring + 1]] for ring in range(parts[row], parts[row + 1])]
            for row in range(len(polygons))
        ]

    @cached_property
    def outlines(self) -> dict[tuple[int, str, int, str], Points]:
        """Polygons that the package made of ellipses and curves: their number of vertices is its own choice."""
        found = {}
        for row, rings in zip(self.rows, self.rings, strict=True):
            if row["kind"] in ("ellipse", "vector"):
                found[region_key(row)] = rings[0]
        return found

    @cached_property
    def agreement(self) -> Any:
        """The agreement as the package computes it."""
        return lesiongeo.agreement(self.export)

    @cached_property
    def comparison(self) -> Comparison:
        """The people and pages that the reference compares."""
        return Comparison(self.path, self.outlines)

    @cached_property
    def pages(self) -> dict[Key, Page]:
        """Every page of two people as the reference sets it up."""
        return {page.key: page for page in self.comparison.pages()}

    @cached_property
    def pair_rows(self) -> list[Row]:
        """The package's table of pairs."""
        rows: list[Row] = self.agreement.pairs.to_pylist()
        return rows

    @cached_property
    def pairs(self) -> dict[Key, list[Pair]]:
        """The package's rows of pairs by page, as the reference names them."""
        found: dict[Key, list[Pair]] = defaultdict(list)
        for row in self.pair_rows:
            pair = Pair(*page_key(row), row["region_a"], row["region_b"], row["match"], row["iou"])
            found[pair.key].append(pair)
        return found

    @cached_property
    def regions(self) -> dict[tuple[int, str, int, str], Region]:
        """The reference's regions by key."""
        return {region.key: region for region in self.reference[0]}


def region_key(row: Row) -> tuple[int, str, int, str]:
    """What tells regions apart, as in the reference."""
    return row["task_id"], row["source"], row["annotation_id"], row["region_id"]


def sides(row: Row) -> set[tuple[int, str, int, str]]:
    """The two regions of a row of pairs, as far as there are two."""
    return {(row["task_id"], "annotation", row[f"annotation_{side}"], row[f"region_{side}"]) for side in "ab"}


def page_key(row: Row) -> Key:
    """The page and the two people of a row."""
    return row["task_id"], row["page"], row["annotator_a"], row["annotator_b"]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Exports made of real outlines, each written when first asked for."""
    folder = tmp_path_factory.mktemp("exports")

    def make(name: str) -> Path:
        path = folder / f"{name}.json"
        if not path.exists():
            if name == "seeded":  # every kind of region, everybody on every page
                path.write_text(json.dumps(exports.tasks(21, 12, regions=8)))
            elif name == "lidc_part":
                tasks = json.loads(make("lidc").read_bytes())
                path.write_text(json.dumps(tasks[:PART]))
            else:
                return real_export(name)
        return path

    return make


@pytest.fixture(scope="session")
def readings() -> dict[str, Both]:
    """What was worked out already, by file name."""
    return {}


@pytest.fixture
def both(request: pytest.FixtureRequest, made: Callable[[str], Path], readings: dict[str, Both]) -> Both:
    """One file, read by the package and by the reference."""
    name = request.param
    if name not in readings:
        readings[name] = Both(made(name) if name in MADE else FILES[name])
    return readings[name]


# reading


@every_file
def test_reads_the_same_regions(both: Both) -> None:
    """Same regions, each with the page, size, kind, labels, people and times of the reference."""
    keys = [region_key(row) for row in both.rows]
    assert len(set(keys)) == len(keys)
    assert set(keys) == set(both.regions)
    for row, key in zip(both.rows, keys, strict=True):
        region = both.regions[key]
        assert (row["page"], row["kind"]) == (region.page, region.kind), key
        assert (row["width"], row["height"]) == (region.width, region.height), key
        assert set(row["labels"] or ()) == region.labels, key
        assert row["label"] == (row["labels"][0] if row["labels"] else None), key
        assert (row["cancelled"], row["ground_truth"]) == (region.cancelled, region.ground_truth), key
        assert row["updated_at"] == region.updated_at, key
        assert row["image"] is None or "?" not in row["image"], key
        if region.source == "annotation":
            assert row["annotator"] == region.annotator, key


@every_file
def test_reads_the_same_outlines(both: Both) -> None:
    """Points agree to 1e-9 px, whatever vertex an outline starts at and whichever way it runs."""
    for row, rings in zip(both.rows, both.rings, strict=True):
        region = both.regions[region_key(row)]
        if region.kind in FLATTENED:  # judged in test_reference
            continue
        assert len(rings) == 1, region.key
        if region.ellipse is not None:
            assert_ellipse(rings[0], region)
        else:
            assert same_cycle(rings[0], region.points), region.key
        drawn = shoelace(region.points)
        if abs(drawn) > 1e-6:
            assert shoelace(rings[0]) == pytest.approx(abs(drawn)), region.key


@every_file
def test_reads_the_same_controls(both: Both) -> None:
    """Per-region answers stand in the column of their control, and nowhere else."""
    names = {name for region in both.regions.values() for name in region.controls}
    for row in both.rows:
        region = both.regions[region_key(row)]
        for name in names:
            assert same_answer(row[name], region.controls.get(name)), (region.key, name)


@every_file
def test_validity_is_that_of_the_drawn_outline(both: Both) -> None:
    """An outline is valid when it covers nothing twice and nothing the wrong way round."""
    for row, rings in zip(both.rows, both.rings, strict=True):
        if row["kind"] in FLATTENED:
            continue
        points = rings[0]
        if interior(points) is None:
            assert not row["valid"], row
            assert row["problem"], row
        elif shapely.Polygon(points).is_valid:
            assert row["valid"], row
            assert row["problem"] is None, row
        else:
            # GEOS also calls outlines invalid that only touch themselves; exact areas tell these apart.
            areas = exact_overlap(points, points[:0])
            crossed = areas.crossed_a / areas.area_a
            if crossed == 0:
                assert row["valid"], row
            elif crossed > 1e-9:
                assert not row["valid"], row
                assert row["problem"], row


@every_file
def test_unreadable_regions_are_listed(both: Both) -> None:
    """Exactly the regions that the reference cannot read are reported as dropped."""
    dropped = {
        (row["task_id"], row["annotation_id"], row["region_id"])
        for row in both.export.problems.to_pylist()
        if row["dropped"]
    }
    assert dropped == {(p.task_id, p.annotation_id, p.region_id) for p in both.reference[2]}


@every_file
def test_lists_every_annotation(both: Both) -> None:
    """Empty and cancelled annotations have a row like all others."""
    found = {
        (row["task_id"], row["annotation_id"]): row
        for row in both.export.annotations.to_pylist()
        if row["source"] == "annotation"
    }
    expected = [annotation for annotation in both.reference[1] if annotation.source == "annotation"]
    unreadable = {(problem.task_id, problem.annotation_id) for problem in both.reference[2]}
    assert len(found) == len(expected)
    for annotation in expected:
        key = annotation.task_id, annotation.annotation_id
        row = found[key]
        assert row["annotator"] == annotation.annotator, key
        assert (row["cancelled"], row["ground_truth"]) == (annotation.cancelled, annotation.ground_truth), key
        assert (row["created_at"], row["updated_at"]) == (annotation.created_at, annotation.updated_at), key
        if key not in unreadable:
            assert row["n_regions"] == annotation.n_regions, key


# agreement


@every_file
def test_matches_are_the_best(both: Both) -> None:
    """On every page the rows name every region once, with the best matching and the right overlaps."""
    assert set(both.pairs) <= set(both.pages)
    found = [text for key, page in both.pages.items() for text in complaints(page, both.pairs.get(key, []))]
    assert found == []


@every_file
def test_most_matches_are_those_of_the_reference(both: Both) -> None:
    """Equally good matchings are rare: nearly all pages have the very rows of the reference."""
    expected: dict[Key, set[tuple[str | None, str | None, str]]] = defaultdict(set)
    for pair in agree(both.path, both.outlines)[0]:
        expected[pair.key].add((pair.region_a, pair.region_b, pair.match))
    differ = [
        key
        for key in both.pages
        if {(p.region_a, p.region_b, p.match) for p in both.pairs.get(key, [])} != expected.get(key, set())
    ]
    assert len(differ) <= 0.01 * len(both.pages), differ[:10]


@every_file
def test_counts_and_scores(both: Both) -> None:
    """One row per page of two people, with the counts and scores that follow from the rows of pairs."""
    rows: dict[Any, Row] = {page_key(row): row for row in both.agreement.tasks.to_pylist()}
    assert len(rows) == both.agreement.tasks.num_rows
    single = {(t.task_id, t.page, t.annotator_a, t.annotator_b) for t in alone(both.comparison)}
    assert set(rows) == set(both.pages) | single
    for key, page in both.pages.items():
        row = rows[key]
        expected = score_page(page, both.pairs.get(key, []))
        for name in ("n_a", "n_b", "n_matched", "n_label_conflict", "n_near_miss", "reason"):
            assert row[name] == getattr(expected, name), (key, name)
        assert row["n_missing_a"] == expected.n_missing_a, key
        assert row["n_missing_b"] == expected.n_missing_b, key
        both_sides = row["n_matched"] + row["n_label_conflict"] + row["n_near_miss"]
        assert row["n_a"] == both_sides + row["n_missing_a"], key
        assert row["n_b"] == both_sides + row["n_missing_b"], key
        assert row["score"] == pytest.approx(expected.score, rel=0, abs=1e-12), key
        assert row["label_studio_score"] == pytest.approx(expected.label_studio_score, rel=0, abs=1e-12), key
        if row["reason"] == "both_empty":
            assert row["score"] == 1.0, key
            assert row["label_studio_score"] == 1.0, key
    for alone_key in single:
        assert rows[alone_key]["score"] is None, alone_key
        assert rows[alone_key]["reason"] == "single_annotator", alone_key


@every_file
def test_columns_of_pairs(both: Both) -> None:
    """Each side of a row carries its own region's columns, and the metrics follow from areas and overlap."""
    names = {name for region in both.regions.values() for name in region.controls}
    by_key = {region_key(row): row for row in both.rows}
    areas = dict(zip(by_key, np.asarray(lesiongeo.area(both.export.regions.polygons)), strict=True))
    for row in both.pair_rows:
        for side in "ab":
            if row[f"region_{side}"] is None:
                for name in ("label", "valid", f"area_{side}_px2", *names):
                    column = name if name.startswith("area_") else f"{name}_{side}"
                    assert row.get(column) is None, row
                continue
            key = row["task_id"], "annotation", row[f"annotation_{side}"], row[f"region_{side}"]
            region = by_key[key]
            assert region["page"] == row["page"], row
            assert (region["annotator"] or "unknown") == row[f"annotator_{side}"], row
            assert (row[f"label_{side}"], row[f"valid_{side}"]) == (region["label"], region["valid"]), row
            assert row[f"area_{side}_px2"] == pytest.approx(areas[key], rel=1e-12), row
            for name in names:
                assert row[f"{name}_{side}"] == region[name], row
        if row["match"] == "missing":
            for name in ("iou", "dice", "area_ratio", "log_area_ratio", "label_equal", *DISTANCES):
                assert row[name] is None, row
        else:
            both_labels = [
                by_key[row["task_id"], "annotation", row[f"annotation_{s}"], row[f"region_{s}"]] for s in "ab"
            ]
            assert row["label_equal"] == (set(both_labels[0]["labels"]) == set(both_labels[1]["labels"])), row
            assert row["log_area_ratio"] == pytest.approx(math.log(row["area_ratio"]), abs=1e-12), row
            assert 0 <= row["iou"] <= 1, row
            assert 0 <= row["dice"] <= 1, row
            assert row["dice"] == pytest.approx(2 * row["iou"] / (1 + row["iou"]), rel=0, abs=1e-12), row
            assert row["area_ratio"] == pytest.approx(row["area_b_px2"] / row["area_a_px2"], rel=1e-12), row


@every_file
def test_areas(both: Both) -> None:
    """Areas are those of the non-zero interior."""
    found = np.asarray(lesiongeo.area(both.export.regions.polygons))
    for row, rings, area in zip(both.rows, both.rings, found, strict=True):
        if row["kind"] in FLATTENED:
            continue
        filled = interior(rings[0])
        if filled is None:
            # A collinear outline has no area but for rounding.
            assert area == pytest.approx(0, abs=1e-9), row
        else:
            assert area == pytest.approx(filled.area, rel=1e-11), row


@every_file
def test_hausdorff_distances(both: Both) -> None:
    """Never below the distance from the vertices, and right to 1e-9 px on a sample."""
    outlines = {region_key(row): rings[0] for row, rings in zip(both.rows, both.rings, strict=True)}
    # Of an outline that crosses itself the distance is that of its interior, not of the ring as it was drawn.
    plain = {region_key(row) for row in both.rows if row["kind"] not in FLATTENED}
    rows = [row for row in both.pair_rows if row["valid_a"] and row["valid_b"] and sides(row) <= plain]
    sample = random.Random(1).sample(rows, min(len(rows), HAUSDORFF_SAMPLE))
    chosen = {id(row) for row in sample}
    for row in rows:
        a, b = (
            outlines[row["task_id"], "annotation", row[f"annotation_{side}"], row[f"region_{side}"]] for side in "ab"
        )
        from_vertices = float(shapely.hausdorff_distance(shapely.LinearRing(a), shapely.LinearRing(b)))
        assert row["hausdorff_px"] >= from_vertices - 1e-9, row
        if id(row) in chosen:
            assert row["hausdorff_px"] == pytest.approx(hausdorff(a, b), rel=0, abs=1e-9), row


@every_file
def test_distances_along_the_border(both: Both) -> None:
    """On a sample, within what samples along both outlines leave open; in the order that definitions give."""
    outlines = {region_key(row): rings[0] for row, rings in zip(both.rows, both.rings, strict=True)}
    plain = {region_key(row) for row in both.rows if row["kind"] not in FLATTENED}
    rows = [row for row in both.pair_rows if row["valid_a"] and row["valid_b"] and sides(row) <= plain]
    for row in rows:
        slack = 1e-9 * max(1.0, row["hausdorff_px"])
        assert abs(row["signed_offset_px"]) <= row["masd_px"] + slack, row
        assert max(row["masd_px"], row["assd_px"]) <= row["hausdorff_px"] + slack, row
        assert row["hd95_px"] <= row["hausdorff_px"] + slack, row
        assert 0 <= row["nsd"] <= 1, row
        assert row["centroid_distance_px"] >= 0, row
    for row in random.Random(2).sample(rows, min(len(rows), ALONG_SAMPLE)):
        a, b = (
            outlines[row["task_id"], "annotation", row[f"annotation_{side}"], row[f"region_{side}"]] for side in "ab"
        )
        sampled, lengths = along(a, b), lengths_of(a, b)
        off = pytest.approx(0, abs=sampled.step / 2)
        assert row["masd_px"] - sampled.masd == off, row
        assert row["assd_px"] - sampled.pooled((lengths[0], lengths[1])) == off, row
        assert row["signed_offset_px"] - sampled.offset == off, row
        assert row["hd95_px"] - sampled.percentile(95) == off, row
        low, high = sampled.within(2.0, (lengths[0], lengths[1]))
        assert low - 1e-9 <= row["nsd"] <= high + 1e-9, row
        centres = [shapely.Polygon(points).centroid for points in (a, b)]
        assert row["centroid_distance_px"] == pytest.approx(shapely.distance(*centres), rel=1e-9, abs=1e-9), row


@every_file
def test_overlaps_are_exact(both: Both) -> None:
    """On a sample, IoU is that of rational arithmetic on the very coordinates that the package holds."""
    outlines = {region_key(row): rings[0] for row, rings in zip(both.rows, both.rings, strict=True)}
    plain = {region_key(row) for row in both.rows if row["kind"] not in FLATTENED}
    rows = [row for row in both.pair_rows if row["match"] != "missing" and sides(row) <= plain]
    for row in random.Random(2).sample(rows, min(len(rows), EXACT_SAMPLE)):
        a, b = (
            outlines[row["task_id"], "annotation", row[f"annotation_{side}"], row[f"region_{side}"]] for side in "ab"
        )
        if len(a) * len(b) > 5_000:
            continue  # rational arithmetic would take seconds
        assert row["iou"] == pytest.approx(exact_overlap(a, b).iou, rel=0, abs=1e-12), row


# comparing outlines


def shoelace(points: Points) -> float:
    """Signed area of a closed outline, from coordinates near the origin."""
    x, y = (points - points[0]).T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)


def without_repeats(points: Points) -> npt.NDArray[np.float64]:
    """The outline without vertices that repeat the one before."""
    keep = np.any(points != np.roll(points, 1, axis=0), axis=1)
    return points[keep] if keep.any() else points[:1]


def same_cycle(found: Points, expected: Points) -> bool:
    """Whether two outlines have the same vertices in the same cyclic order, either way round."""
    found, expected = without_repeats(found), without_repeats(expected)
    if len(found) != len(expected):
        return False
    for way in (expected, expected[::-1]):
        for start in np.flatnonzero(np.abs(way - found[0]).max(axis=1) <= 1e-9):
            if np.abs(np.roll(way, -int(start), axis=0) - found).max() <= 1e-9:
                return True
    return False


def assert_ellipse(points: Points, region: Region) -> None:
    """Vertices on one slightly larger ellipse, and the area of the true one."""
    assert region.ellipse is not None
    x, y, rx, ry, degrees = region.ellipse
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    u, v = (points - (x, y)).T
    level = ((u * c + v * s) / rx) ** 2 + ((v * c - u * s) / ry) ** 2
    assert np.ptp(level) <= 1e-9, region.key
    assert 1 < level.mean() < 1.02, region.key
    assert shoelace(points) == pytest.approx(math.pi * rx * ry, rel=1e-9), region.key
