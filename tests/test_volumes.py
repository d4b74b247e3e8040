"""Volumes over slices: by hand, and of real readers against a calculation of its own."""

from __future__ import annotations

import gzip
import json
import math
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely

import lesiongeo as lg
from lesiongeo.tracks.volumes import volumes
from little_exports import task
from reference_agreement import interior

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "multirater" / "lidc_contours_by_slice.jsonl.gz"
SIZE = 512


def rows(*given: tuple[Any, ...], **more: list[Any]) -> pa.Table:
    """A table of tracks: patient, track, visit, number of regions, px2, mm2; the task is 7."""
    names = ("patient", "track_id", "visit", "n_regions", "area_px2", "area_mm2")
    columns = dict(zip(names, map(list, zip(*given, strict=True)), strict=True))
    columns |= {"task_id": [7] * len(given), "page": columns["visit"], **more}
    kinds = {"patient": pa.string(), "track_id": pa.string(), "area_px2": pa.float64(), "area_mm2": pa.float64()}
    return pa.table({name: pa.array(values, kinds.get(name)) for name, values in columns.items()})


def test_areas_times_thickness_are_added_up() -> None:
    table = rows(
        ("A", "1", 0, 1, 8.0, 2.0),
        ("A", "1", 1, 2, 12.0, 3.0),
        ("A", "2", 1, 1, 4.0, 1.0),
        ("A", "2", 2, 0, None, None),
        ("A", "2", 3, 0, None, None),
        ("A", "2", 4, 1, 16.0, 4.0),
        ("A", "2", 5, 0, None, None),
        ("B", "1", 3, 1, 20.0, 5.0),
    )
    found = volumes(table, slice_spacing_mm=2.5).to_pylist()
    common = {"slice_spacing_mm": 2.5, "reason": None}
    assert found == [
        {"patient": "A", "track_id": "1", "first_visit": 0, "last_visit": 1, "n_slices": 2, "n_gaps": 0}
        | {"area_max_mm2": 3.0, "volume_mm3": 12.5, **common},
        {"patient": "A", "track_id": "2", "first_visit": 1, "last_visit": 4, "n_slices": 2, "n_gaps": 2}
        | {"area_max_mm2": 4.0, "volume_mm3": 12.5, **common},
        {"patient": "B", "track_id": "1", "first_visit": 3, "last_visit": 3, "n_slices": 1, "n_gaps": 0}
        | {"area_max_mm2": 5.0, "volume_mm3": 12.5, **common},
    ]


def test_a_ball_of_slices_has_nearly_the_volume_of_a_ball() -> None:
    radius, step = 10.0, 0.5
    heights = np.arange(-radius + step / 2, radius, step)
    given = [("A", "1", k, 1, 1.0, math.pi * (radius**2 - z * z)) for k, z in enumerate(heights.tolist())]
    (row,) = volumes(rows(*given), slice_spacing_mm=step).to_pylist()
    assert row["volume_mm3"] == pytest.approx(4 / 3 * math.pi * radius**3, rel=1e-3)


def test_annotators_and_sites_are_apart_and_tasks_without_patient_too() -> None:
    table = rows(
        (None, "1", 0, 1, 1.0, 1.0),
        (None, "1", 0, 1, 1.0, 2.0),
        (None, "1", 0, 1, 1.0, 4.0),
        task_id=[5, 6, 6],
        annotator=["1", "1", "2"],
        site=[None, None, None],
    )
    found = volumes(table, slice_spacing_mm=1).select(["task_id", "annotator", "volume_mm3"]).to_pylist()
    assert [tuple(row.values()) for row in found] == [(5, "1", 1.0), (6, "1", 2.0), (6, "2", 4.0)]


def test_what_is_unknown_is_null_with_a_reason() -> None:
    table = rows(
        ("A", "1", 0, 1, 8.0, 2.0),
        ("A", "1", 1, 1, 8.0, None),
        ("A", "2", 0, 1, None, None),
        ("A", "3", 0, 1, None, None),
        ("A", "3", 1, 1, 8.0, 2.0),
        ("A", "4", 0, 0, None, None),
    )
    found = volumes(table, slice_spacing_mm=2).select(["track_id", "n_slices", "volume_mm3", "reason", "area_max_mm2"])
    assert [tuple(row.values()) for row in found.to_pylist()] == [
        ("1", 2, None, "spacing_unknown", None),
        ("2", 1, None, "no_area", None),
        # An outline without area on one slice adds nothing.
        ("3", 2, 4.0, None, 2.0),
    ]
    assert volumes(table.slice(0, 0), slice_spacing_mm=2).num_rows == 0


def test_the_thickness_may_be_a_field_of_the_tasks() -> None:
    tasks = [task(7, images=3, thick=[1.0, 2.5, None])]
    export = lg.read_label_studio(json.dumps(tasks).encode(), images="images")
    table = rows(("A", "1", 0, 1, 8.0, 2.0), ("A", "1", 1, 1, 8.0, 4.0), ("A", "2", 2, 1, 8.0, 2.0))
    found = volumes(table, slice_spacing_mm="thick", export=export)
    assert found.select(["volume_mm3", "slice_spacing_mm", "reason"]).to_pylist() == [
        {"volume_mm3": 12.0, "slice_spacing_mm": None, "reason": None},
        {"volume_mm3": None, "slice_spacing_mm": None, "reason": "slice_spacing_unknown"},
    ]
    with pytest.raises(ValueError, match="which no task has; the data has 'images', 'thick'"):
        volumes(table, slice_spacing_mm="thin", export=export)


def test_slices_that_are_no_pages_are_found_by_their_positions() -> None:
    tasks = [task(7, images=5, thick=2.0, at=[-3.0, -1.0, 5.0, 7.1, None])]
    export = lg.read_label_studio(json.dumps(tasks).encode(), images="images")
    given = [("A", "1", page, 1, 8.0, 2.0) for page in (3, 1, 0, 2)] + [
        ("A", "2", page, 1, 8.0, 2.0) for page in (3, 4)
    ]
    found = volumes(rows(*given), slice_spacing_mm="thick", slice_position_mm="at", export=export)
    # From -1 to 5 are three steps of 2: two slices are missing; of a page without position nobody knows.
    assert found["n_gaps"].to_pylist() == [2, None]
    assert found["volume_mm3"].to_pylist() == [16.0, 8.0]
    assert volumes(rows(*given), slice_spacing_mm=2.0)["n_gaps"].to_pylist() == [0, 0]
    with pytest.raises(ValueError, match="slice_position_mm is 'at', a field of the tasks: give the export"):
        volumes(rows(*given), slice_spacing_mm=2.0, slice_position_mm="at")


def test_what_cannot_be_added_up_is_refused() -> None:
    table = rows(("A", "1", 0, 1, 8.0, 2.0))
    for wrong in (0, -1.0, math.inf, math.nan, True, None):
        with pytest.raises(ValueError, match="slice_spacing_mm is"):
            volumes(table, slice_spacing_mm=wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="give the export"):
        volumes(table, slice_spacing_mm="thick")
    with pytest.raises(ValueError, match="no column visit, area_mm2"):
        volumes(table.drop_columns(["visit", "area_mm2"]), slice_spacing_mm=1)


# --- real readers


def shoelace(points: Any) -> float:
    x, y = np.asarray(points, dtype=np.float64).T
    return abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))) / 2.0


def drawn_area(points: list[list[int]]) -> float:
    """Shoelace; of an outline that crosses or touches itself what is filled, by the reference."""
    ring = np.asarray(points, dtype=np.float64)
    if len(ring) > 1 and (ring[0] == ring[-1]).all():
        ring = ring[:-1]
    if len({(x, y) for x, y in ring.tolist()}) < 3:
        return 0.0
    if shapely.Polygon(ring).is_valid:
        return shoelace(ring)
    filled = interior(ring)
    return 0.0 if filled is None else float(filled.area)


def scans(count: int | None) -> dict[str, list[dict[str, Any]]]:
    """Slices by scan, in order of their height; those of the first `count` scans of the file."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with gzip.open(DATA, "rt") as lines:
        for line in lines:
            row = json.loads(line)
            if row["file"] not in found and count is not None and len(found) == count:
                break
            found[row["file"]].append(row)
    for slices in found.values():
        slices.sort(key=lambda row: float(row["z"]))
    return found


def thickness(slices: list[dict[str, Any]]) -> float:
    """The smallest distance between two slices of a scan."""
    heights = sorted({float(row["z"]) for row in slices})
    return min((b - a for a, b in pairwise(heights)), default=1.0)


def as_export(found: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """A task per scan, a page per slice; ids of tracks are the readers' own names of nodules, as text."""
    tasks = []
    for number, (name, slices) in enumerate(found.items(), start=1):
        results: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for page, row in enumerate(slices):
            for index, roi in enumerate(row["rois"]):
                if not roi["inclusion"]:
                    continue
                common = {
                    "id": f"{page}-{roi['reader']}-{index}",
                    "to_name": "img",
                    "item_index": page,
                    "original_width": SIZE,
                    "original_height": SIZE,
                }
                points = [[100.0 * x / SIZE, 100.0 * y / SIZE] for x, y in roi["pts"]]
                value = {"points": points, "closed": True}
                own = {**value, "polygonlabels": ["nodule"]}, {**value, "text": [roi["nodule"]]}
                results[roi["reader"]] += [
                    {**common, "from_name": "lesion", "type": "polygonlabels", "value": own[0]},
                    {**common, "from_name": "nodule", "type": "textarea", "value": own[1]},
                ]
        people = [
            {"id": 10 * number + who, "completed_by": who + 1, "result": result, "was_cancelled": False}
            for who, result in sorted(results.items())
        ]
        images = [f"{number}/{page}.png" for page in range(len(slices))]
        heights = [float(row["z"]) for row in slices]
        data = {"scan": name, "images": images, "thickness": thickness(slices), "z": heights}
        tasks.append({"id": number, "data": data, "annotations": people})
    return tasks


def expected_volumes(found: dict[str, list[dict[str, Any]]], spacing: float) -> dict[tuple[str, str, str], list[float]]:
    """Volume, slices, and slices left out by scan, reader and nodule, one outline at a time."""
    areas: dict[tuple[str, str, str], dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for name, slices in found.items():
        for page, row in enumerate(slices):
            for roi in row["rois"]:
                if roi["inclusion"]:
                    # "007" is the track of "7".
                    nodule = str(int(roi["nodule"])) if roi["nodule"].isdigit() else roi["nodule"]
                    key = (name, str(roi["reader"] + 1), nodule)
                    areas[key][page] += drawn_area(roi["pts"]) * spacing**2
    out = {}
    for key, own in areas.items():
        slices, step = found[key[0]], thickness(found[key[0]])
        heights = sorted(float(slices[page]["z"]) for page in own)
        gaps = sum(max(round((b - a) / step) - 1, 0) for a, b in pairwise(heights))
        out[key] = [sum(own.values()) * step, len(own), gaps]
    return out


@pytest.mark.parametrize("count", [60, pytest.param(None, marks=pytest.mark.slow)])
@pytest.mark.skipif(not DATA.exists(), reason="needs the shared contours of readers")
def test_volumes_of_each_reader_equal_a_calculation_of_its_own(count: int | None) -> None:
    spacing = 0.7
    found = scans(count)
    export = lg.read_label_studio(json.dumps(as_export(found)).encode(), track_id="nodule", patient="scan")
    readers = lg.tracks(export, by="annotator", spacing_mm=spacing)
    table = volumes(readers, slice_spacing_mm="thickness", slice_position_mm="z", export=export)
    expected = expected_volumes(found, spacing)
    names = ("patient", "annotator", "track_id")
    keys = list(zip(*(table[name].to_pylist() for name in names), strict=True))
    assert sorted(keys) == sorted(expected)
    assert len(keys) > (250 if count else 4000)
    for key, row in zip(keys, table.to_pylist(), strict=True):
        volume, slices, gaps = expected[key]
        assert (row["n_slices"], row["n_gaps"]) == (slices, gaps), key
        assert row["slice_spacing_mm"] == pytest.approx(thickness(found[key[0]]))
        if volume > 0.0:
            assert row["volume_mm3"] == pytest.approx(volume, rel=1e-9), key
        else:
            assert row["reason"] == "no_area"
    assert count or sum(row[2] for row in expected.values()) > 0
