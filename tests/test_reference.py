"""Product and plain reader side by side: every table, on real files and on seeded exports in every container."""

from __future__ import annotations

import functools
import json
import math
import random
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pytest
import shapely

import exports
import lesiongeo
from lesiongeo import Export
from real_exports import MAKER, real_export
from reference_export import FIXED, REMARKS, Points, Reference, Region, read_all, same_answer
from reference_masks import MaskError, bitmask_mask, brush_mask, rle_values, windings
from reference_shapes import curve_area

Row = dict[str, Any]

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
EXAMPLE = ROOT / "examples" / "dermatology.json"
REAL = sorted(
    path
    for pattern in ("label_studio/*.json", "public_exports/*.json")
    for path in (SHARED / "data").glob(pattern)
    if not path.stem.endswith("_json_min")
)
SEEDS = range(3)
# How far the outline of an ellipse or of a curve may lie from the true one, in px: the reader states 0.05.
FLATNESS_PX = 0.051
ROUNDING = 1e-9


# What is compared, row by row


def told(row: Row, columns: list[str] | tuple[str, ...]) -> Row:
    return {column: row.get(column) for column in columns}


def ordered(rows: list[Row]) -> list[Row]:
    """In an order of our own: files may write their keys, and so their lists, in any order."""
    return sorted(rows, key=lambda row: json.dumps(row, default=str, sort_keys=True))


def assert_rows(name: str, got: list[Row], expected: list[Row]) -> None:
    got, expected = ordered(got), ordered(expected)
    for one, other in zip(got, expected, strict=False):
        assert one == other, name
    assert len(got) == len(expected), name


def region_rows(export: Export) -> list[tuple[Row, list[Points]]]:
    """Rows and rings of all regions."""
    return list(zip(export.regions.table.to_pylist(), export.regions.polygons.to_rings(), strict=True))


def place(row: Row) -> str:
    """Where a region belongs; ids are unique inside one annotation only, and some have none."""
    keys = ("task_id", "source", "annotation_id", "region_id", "kind", "label", "page")
    return json.dumps([row[key] for key in keys])


def assert_regions(export: Export, reference: Reference) -> None:
    got = region_rows(export)
    assert Counter(place(row) for row, _ in got) == Counter(place(region.row) for region in reference.regions)
    areas = lesiongeo.area(export.regions)
    rows = sorted(((place(row), k) for k, (row, _) in enumerate(got)))
    others = sorted(((place(region.row), k) for k, region in enumerate(reference.regions)))
    for (_, k), (_, other) in zip(rows, others, strict=True):
        (row, rings), region = got[k], reference.regions[other]
        assert told(row, FIXED) == told(region.row, FIXED)
        assert_controls(row, region)
        assert_outline(row, rings, float(areas[k]), region)


def assert_controls(row: Row, region: Region) -> None:
    fixed = {*FIXED, "valid", "problem"}
    got = {name: value for name, value in row.items() if name not in fixed and value is not None}
    assert got.keys() == region.controls.keys(), region.key
    for name, value in region.controls.items():
        assert same_answer(got[name], value), (region.key, name)


def assert_outline(row: Row, rings: list[Points], area: float, region: Region) -> None:
    match region.kind:
        case "brush" | "bitmask":
            assert region.mask is not None
            assert row["valid"] is bool(region.mask.any())
            height, width = region.mask.shape
            drawn = windings(rings, width, height)
            assert set(np.abs(drawn[region.mask])) <= {1}
            assert len(set(drawn[region.mask])) <= 1
            assert ((drawn != 0) == region.mask).all(), region.key
            assert area == region.mask.sum(), region.key
        case "keypoint":
            (ring,) = rings
            assert np.array_equal(ring, region.points)
            assert (row["valid"], row["problem"], area) == (True, None, 0)
        case "line":
            (ring,) = rings
            assert (row["valid"], row["problem"], area) == (True, None, 0)
            assert_follows(ring, region.points)
        case "vector":
            (ring,) = rings
            assert region.curve is not None
            assert_follows(ring, region.points)
            if shapely.Polygon(region.points).is_valid:  # else the closed form counts some of it twice
                length = np.hypot(*np.diff(region.points, axis=0).T).sum()
                assert abs(area - curve_area(region.curve)) <= FLATNESS_PX * length
                assert row["valid"] is True
        case "ellipse":
            (ring,) = rings
            assert region.ellipse is not None
            x, y, rx, ry, degrees = region.ellipse
            turn = math.radians(-degrees)
            u, v = (ring - (x, y)).T
            along, across = u * math.cos(turn) - v * math.sin(turn), u * math.sin(turn) + v * math.cos(turn)
            off = np.abs(np.hypot(along / rx, across / ry) - 1) * min(rx, ry)
            assert off.max() <= FLATNESS_PX
            assert area == pytest.approx(math.pi * rx * ry, rel=ROUNDING)
        case _:
            (ring,) = rings
            assert len(ring) == len(region.points)
            allowed = ROUNDING if region.kind == "rectangle" else 0.0
            turned = [np.roll(way, -k, axis=0) for way in (ring, ring[::-1]) for k in range(len(ring))]
            assert any(np.abs(one - region.points).max() <= allowed for one in turned), (region.key, ring)


def assert_follows(ring: Points, dense: Points) -> None:
    """Each vertex lies on the curve, and the curve nowhere far from the outline."""

    def far(points: Points, line: Points) -> float:
        a, b = line[:-1], line[1:]
        step = b - a
        length = np.maximum((step**2).sum(axis=1), 1e-300)
        worst = 0.0
        for part in np.array_split(points, max(1, len(points) * len(a) // 2_000_000)):
            t = (((part[:, None] - a) * step).sum(axis=2) / length).clip(0, 1)
            worst = max(
                worst, float(np.linalg.norm(a + t[:, :, None] * step - part[:, None], axis=2).min(axis=1).max())
            )
        return worst

    closed = np.vstack([ring, ring[:1]])
    assert far(ring, np.vstack([dense, dense[:1]])) <= FLATNESS_PX
    assert far(dense[::7], closed) <= FLATNESS_PX


TASKS = ("task_id", "inner_id", "images", "n_annotations", "n_predictions", "n_drafts")
PAGES = ("task_id", "page", "image", "width", "height", "n_regions")


def assert_tables(export: Export, reference: Reference) -> None:
    """Everything that an export says, against the plain reader."""
    assert_rows("annotations", export.annotations.to_pylist(), reference.annotations)
    names = ("task_id", "annotation_id", "annotator", "source", "page", "name", "kind", "text", "number")
    tree = {"taxonomy", "ranker"}
    got = [
        {**row, "text": json.dumps(json.loads(row["text"]), ensure_ascii=False)} if row["kind"] in tree else row
        for row in export.answers.to_pylist()
    ]
    assert_rows("answers", [told(row, names) for row in got], reference.answers)
    assert_rows("relations", export.relations.to_pylist(), reference.relations)
    tasks = export.tasks.to_pylist()
    assert_rows("tasks", [told(row, TASKS) for row in tasks], [told(row, TASKS) for row in reference.tasks])
    data = [json.loads(row["data"]) for row in sorted(tasks, key=lambda row: row["task_id"])]
    assert data == [row["data"] for row in sorted(reference.tasks, key=lambda row: row["task_id"])]
    assert_regions(export, reference)
    own = {(row["task_id"], row["annotation_id"], row["source"]) for row in reference.annotations}
    numbered = export.annotations.take(export.annotation_rows).to_pylist()
    for row, owner in zip(export.regions.table.to_pylist(), numbered, strict=True):
        key = (row["task_id"], row["annotation_id"], row["source"])
        assert key in own
        assert key == (owner["task_id"], owner["annotation_id"], owner["source"])
    lost = Counter((row["task_id"], row["region_id"]) for row in export.problems.to_pylist() if row["dropped"])
    assert lost == Counter((region.task_id, region.region_id) for region in reference.dropped)
    keys = ("task_id", "annotation_id", "region_id", "code")
    odd = [tuple(row[key] for key in keys) for row in export.problems.to_pylist() if row["code"] in REMARKS]
    assert Counter(odd) == Counter(reference.remarks)


def assert_new_tables(export: Export, reference: Reference) -> None:
    """Pages and controls."""
    assert_rows("pages", [told(row, PAGES) for row in export.pages.to_pylist()], reference.pages)
    rows = export.controls.to_pylist()
    assert {(row["name"], row["kind"], row["scope"]): row["count"] for row in rows} == reference.controls
    assert len(rows) == len(reference.controls)
    assert {row["name"] for row in rows if row["several"]} == reference.several
    assert export.role("status") not in reference.several
    assert {row["in_config"] for row in rows} <= {None}


# Files


@functools.cache
def seeded(seed: int, name: str) -> tuple[bytes, ...]:
    return tuple(exports.CONTAINERS[name](exports.tasks(seed, 4, regions=4), random.Random(seed)))


@functools.cache
def truth(seed: int, name: str) -> Reference:
    return read_all(seeded(seed, name))


@pytest.mark.parametrize("name", exports.CONTAINERS)
@pytest.mark.parametrize("seed", SEEDS)
def test_seeded_exports_in_every_container(name: str, seed: int) -> None:
    assert_tables(lesiongeo.read_label_studio(list(seeded(seed, name))), truth(seed, name))


@pytest.mark.parametrize("name", exports.CONTAINERS)
@pytest.mark.parametrize("seed", SEEDS)
def test_pages_and_controls_of_seeded_exports(name: str, seed: int) -> None:
    assert_new_tables(lesiongeo.read_label_studio(list(seeded(seed, name))), truth(seed, name))


FIELDS = {
    "patient": "patient_id",
    "visit_date": "data.visit_dates",
    "day_offset": "days",
    "spacing_mm": "data.spacing_mm",
}


@pytest.mark.parametrize("name", ["list", "odd list", "lines", "gzip"])
@pytest.mark.parametrize("seed", SEEDS)
def test_data_fields_of_seeded_exports(name: str, seed: int) -> None:
    export = lesiongeo.read_label_studio(list(seeded(seed, name)), **FIELDS)
    data = {task["id"]: task["data"] for task in exports.tasks(seed, 4, regions=4)}
    rows = export.pages.to_pylist()
    assert {row["task_id"] for row in rows} == data.keys()
    for row in rows:
        own, page = data[row["task_id"]], row["page"]
        assert row["patient"] == own["patient_id"]
        assert row["visit_date"].isoformat() == own["visit_dates"][page]
        assert row["day_offset"] == own["days"][page]
        assert row["spacing_x_mm"] == row["spacing_y_mm"] == own["spacing_mm"][page]
    assert export.tasks["patient"].to_pylist() == [data[n]["patient_id"] for n in export.tasks["task_id"].to_pylist()]
    spacing = [data[row["task_id"]]["spacing_mm"][row["page"]] for row in export.regions.table.to_pylist()]
    assert export.region_spacing_mm().tolist() == [[one, one] for one in spacing]


def test_what_is_not_known_is_null() -> None:
    export = lesiongeo.read_label_studio(list(seeded(1, "list")))
    assert set(export.pages["spacing_x_mm"].to_pylist()) == {None}
    assert np.isnan(export.region_spacing_mm()).all()
    wrong = lesiongeo.read_label_studio(list(seeded(1, "list")), spacing_mm="nowhere", patient="nowhere")
    assert set(wrong.pages["spacing_x_mm"].to_pylist()) == set(wrong.pages["patient"].to_pylist()) == {None}


def test_a_config_says_which_controls_it_has() -> None:
    rows = lesiongeo.read_label_studio(list(seeded(1, "list")), config=exports.CONFIG).controls.to_pylist()
    tree = ElementTree.fromstring(exports.CONFIG)  # noqa: S314, our own text
    inside = {tag.get("name"): tag for tag in tree if tag.get("toName")}
    assert {row["name"] for row in rows if row["in_config"]} <= inside.keys()
    assert not {row["name"] for row in rows if row["in_config"] is False} & inside.keys()
    assert None not in {row["in_config"] for row in rows}
    for row in rows:
        if row["name"] in inside:
            values = [one.get("alias") or one.get("value") for one in inside[row["name"]]]
            assert (row["values"] or []) == values, row


ROLES = {"track_id": "track_id", "status": "lesion_status", "note": "notes"}


def test_roles_are_inferred_or_named() -> None:
    export = lesiongeo.read_label_studio(list(seeded(1, "list")))
    assert {role: export.role(role) for role in ROLES} == ROLES
    assert export.role("note") in export.regions.table.column_names
    named = lesiongeo.read_label_studio(list(seeded(1, "list")), track_id="sure", status="several")
    assert (named.role("track_id"), named.role("status")) == ("sure", "several")


@pytest.mark.parametrize("kind", exports.KINDS)
def test_seeded_exports_of_one_kind(kind: str) -> None:
    raw = json.dumps(exports.tasks(51, 8, kinds=(kind,), regions=8)).encode()
    reference = read_all([raw])
    assert len(reference.regions) > 15
    assert_tables(lesiongeo.read_label_studio(raw), reference)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_odd_but_kept(seed: int) -> None:
    """Sizes that are not whole or none, relations of regions that are not there, masks with something behind them."""
    rng = random.Random(seed)
    made = exports.tasks(seed + 60, 12, kinds=("polygon", "brush", "ellipse"), regions=6)
    sizes = (100.5, 0.25, 640.0, 1e8, 1e9, 1e10, 0, -3, 1e300)
    for item in [item for one in made for item in one["annotations"]]:
        entries = item["result"]
        ids = [entry["id"] for entry in entries if entry.get("id")]
        for entry in entries:
            if "rle" in entry.get("value", {}):
                entry["value"]["rle"] += rng.choice(([], [0], [0, 0], [1], [0, 7, 0]))
            elif "original_width" in entry and rng.random() < 0.3:
                entry["original_width"], entry["original_height"] = rng.choices(sizes, k=2)
        ends = [*rng.choices([*ids, "gone"], k=4), "away"]
        for start, end in pairwise(ends):
            entries.insert(0, {"type": "relation", "from_id": start, "to_id": end, "direction": "right"})
    raw = json.dumps(made).encode()
    reference = read_all([raw])
    assert {code for *_, code in reference.remarks} == REMARKS
    assert_tables(lesiongeo.read_label_studio(raw), reference)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1200))
def test_many_seeded_exports(seed: int) -> None:
    for name in exports.CONTAINERS:
        files = list(exports.CONTAINERS[name](exports.tasks(seed, 6, regions=8), random.Random(seed)))
        export, reference = lesiongeo.read_label_studio(files), read_all(files)
        assert_tables(export, reference)
        assert_new_tables(export, reference)


@pytest.mark.parametrize("path", [*REAL, EXAMPLE], ids=lambda path: path.stem)
def test_real_files(path: Path) -> None:
    if not path.is_file():
        pytest.skip("the file is not here")
    export, reference = lesiongeo.read_label_studio(path), read_all([path])
    assert_tables(export, reference)
    assert_new_tables(export, reference)


@pytest.mark.skipif(not MAKER.is_file(), reason="the maker of real exports is not here")
@pytest.mark.parametrize(
    ("name", "part"),
    [("lvis", 60), ("lidc", 60), *(pytest.param(name, None, marks=pytest.mark.slow) for name in ("lvis", "lidc"))],
)
def test_real_outlines(name: str, part: int | None) -> None:
    raw = real_export(name).read_bytes()
    if part is not None:
        raw = json.dumps(json.loads(raw)[:part]).encode()
    assert_tables(lesiongeo.read_label_studio(raw), read_all([raw]))


# The judge itself


def test_run_lengths_by_hand() -> None:
    """Six values of 8 bits; runs of 1, 2, 3 or 4 bits: 7 four times, then 1 and 2 one by one."""
    bits = f"{6:032b}{7:05b}{0:04b}{1:04b}{2:04b}{3:04b}" + "1" + "01" + "11" + f"{7:08b}"
    bits += "0" + "00" + "1" + f"{1:08b}{2:08b}"
    bits += "0" * (-len(bits) % 8)
    rle = [int(bits[k : k + 8], 2) for k in range(0, len(bits), 8)]
    assert rle_values(rle) == [7, 7, 7, 7, 1, 2]
    for end in range(len(rle)):
        with pytest.raises(MaskError):
            rle_values(rle[:end])
    with pytest.raises(MaskError):
        brush_mask(rle, 1, 1)


def test_run_lengths_of_a_real_encoder() -> None:
    """Two by two pixels, the first of them empty, as the vendor's own encoder writes them."""
    rle = [0, 0, 0, 16, 57, 27, 252, 96, 22, 255, 192]
    assert brush_mask(rle, 2, 2).tolist() == [[False, True], [True, True]]


@pytest.mark.parametrize("form", ["rgba", "rgba16", "grey", "palette"])
def test_masks_survive_being_written(form: str) -> None:
    rng = random.Random(3)
    for _ in range(20):
        width, height = rng.randint(1, 20), rng.randint(1, 20)
        mask = exports.blob(rng, width, height)
        assert (bitmask_mask(exports.data_url(exports.png(mask, rng, form))) == mask).all()
        values = exports.brush_values(mask, rng)
        for lengths in ((3, 4, 8, 16), (1, 2, 5, 9), (16, 16, 16, 16), (1, 1, 1, 1)):
            assert (brush_mask(exports.rle(values, lengths=lengths), width, height) == mask).all()


def test_rings_are_put_back_onto_pixels() -> None:
    outer, hole = [(1, 0), (4, 0), (4, 3), (1, 3)], [(2, 1), (2, 2), (3, 2), (3, 1)]
    rings = [np.array(ring, dtype=np.float64) for ring in (outer, hole)]
    assert np.abs(windings(rings, 5, 3)).tolist() == [[0, 1, 1, 1, 0], [0, 1, 0, 1, 0], [0, 1, 1, 1, 0]]
    with pytest.raises(AssertionError):
        windings([np.array([(0, 0), (1, 1), (0, 1)], dtype=np.float64)], 5, 3)


def test_the_area_of_a_curve_is_exact() -> None:
    """Below y = x (1 - x) lies a sixth; four quarters with the usual handles are nearly a circle."""
    arch = np.array([[(0, 0), (1 / 3, 1 / 3), (2 / 3, 1 / 3), (1, 0)], [(1, 0), (2 / 3, 0), (1 / 3, 0), (0, 0)]])
    assert curve_area(arch) == pytest.approx(1 / 6, rel=1e-14)
    assert curve_area(arch + 100) == pytest.approx(1 / 6, rel=1e-11)
    quarter = np.array([(1, 0), (1, 0.5522847498), (0.5522847498, 1), (0, 1)])
    turns = [np.array([(c, s), (-s, c)]) for c, s in ((1, 0), (0, 1), (-1, 0), (0, -1))]
    assert curve_area(np.array([quarter @ turn for turn in turns])) == pytest.approx(math.pi, rel=3e-4)


@pytest.mark.parametrize("damage", ["label", "page", "point", "answer", "relation", "image", "lost"])
def test_a_difference_is_seen(damage: str) -> None:
    made = exports.tasks(8, 8, kinds=("polygon", "rectangle"), regions=6)
    reference = read_all([json.dumps(made).encode()])
    assert_tables(lesiongeo.read_label_studio(json.dumps(made).encode()), reference)
    entries = [e for one in made for item in one["annotations"] for e in item["result"]]
    regions = [e for e in entries if "polygonlabels" in e.get("type", "")]
    links = [e for e in entries if e.get("type") == "relation"]
    match damage:
        case "label":
            regions[0]["value"]["polygonlabels"].append("another")
        case "page":
            regions[0]["item_index"] = 1 - regions[0].get("item_index", 0)
        case "point":
            regions[0]["value"]["points"][1][0] += 1e-9
        case "answer":
            next(e for e in entries if e.get("type") == "rating")["value"]["rating"] = 77
        case "relation":
            links[0]["direction"] = "other"
        case "image":
            made[0]["data"]["extra"] = "x"
        case _:
            regions[0]["original_width"] = None
    with pytest.raises(AssertionError):
        assert_tables(lesiongeo.read_label_studio(json.dumps(made).encode()), reference)


# Threads and windows


TABLES = ("annotations", "answers", "relations", "tasks", "pages", "problems")


def everything(export: Export) -> dict[str, pa.Table]:
    return {"regions": export.regions.to_arrow(), **{name: getattr(export, name) for name in TABLES}}


def assert_identical(a: Export, b: Export) -> None:
    for (name, one), other in zip(everything(a).items(), everything(b).values(), strict=True):
        assert one.equals(other), name
    assert a.annotation_rows.tolist() == b.annotation_rows.tolist()


@pytest.mark.parametrize("name", exports.CONTAINERS)
def test_two_threads_read_the_same(name: str) -> None:
    files = list(exports.CONTAINERS[name](exports.tasks(7, 12), random.Random(7)))
    one = lesiongeo.read_label_studio(files, threads=1)
    assert_identical(one, lesiongeo.read_label_studio(files, threads=2))


@functools.cache
def large(name: str) -> tuple[bytes, ...]:
    """Several windows of tasks: the reader takes about 256 KiB at once, also where less is asked for."""
    return tuple(exports.CONTAINERS[name](exports.tasks(9, 24, regions=4), random.Random(9)))


@functools.cache
def in_one_piece(name: str) -> Export:
    return lesiongeo.read_label_studio(list(large(name)))


@pytest.mark.parametrize(("threads", "window_bytes"), [(2, 1), (1, 300_000), (1, 1 << 25)])
@pytest.mark.parametrize("name", exports.CONTAINERS)
def test_windows_say_the_same_as_the_whole(name: str, threads: int, window_bytes: int) -> None:
    files, whole = list(large(name)), in_one_piece(name)
    parts = list(lesiongeo.scan_label_studio(files, window_bytes=window_bytes, threads=threads))
    total = sum(map(len, files))
    assert len(parts) > 1 or window_bytes > total / 2
    seen: set[int] = set()
    for part in parts:
        ids = set(part.tasks["task_id"].to_pylist())
        assert name == "single annotations" or not ids & seen, "a task was split"
        seen |= ids
    for table in ("annotations", "answers", "relations", *(() if name == "single annotations" else ("tasks", "pages"))):
        rows = [row for part in parts for row in getattr(part, table).to_pylist()]
        assert rows == getattr(whole, table).to_pylist(), table
    rows = [told(row, FIXED) for part in parts for row in part.regions.table.to_pylist()]
    assert rows == [told(row, FIXED) for row in whole.regions.table.to_pylist()]
    rings = [ring.tolist() for part in parts for region in part.regions.polygons.to_rings() for ring in region]
    assert rings == [ring.tolist() for region in whole.regions.polygons.to_rings() for ring in region]
