"""Millimetres per pixel: from fields, files, constants and markers; against cases worked out by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lesiongeo as lg
from lesiongeo.agreement.counted import Counted
from lesiongeo.errors import ConfigError
from lesiongeo.read import Export
from lesiongeo.testing import Camera, make_courses
from lesiongeo.tracks.pages.calibration import SPACING_SOURCES, Calibration
from lesiongeo.tracks.pages.markers import marker_regions, measure_markers
from lesiongeo.tracks.pages.spacing_file import read_spacing_file
from lesiongeo.tracks.pages.visits import Visits, visits_of
from little_exports import SIZE, annotation, disk, drawn, task

Row = dict[str, Any]


def read(*tasks: Row, **options: Any) -> Export:
    return lg.read_label_studio(json.dumps(list(tasks)).encode(), images="images", **options)


def visits(export: Export, **options: Any) -> Visits:
    given = {name: options.pop(name) for name in ("patient", "visit", "spacing_mm", "site") if name in options}
    return visits_of(export, Counted(export), calibration=Calibration(**options) if options else None, **given)


def spacings(found: Visits) -> list[tuple[str, float | None, float | None]]:
    names = ("spacing_source", "spacing_x_mm", "spacing_y_mm")
    return list(zip(*(found.table[name].to_pylist() for name in names), strict=True))


def codes(found: Visits) -> list[str]:
    return found.findings["code"].to_pylist()


def point(region_id: str, x: float, y: float, *, label: str = "ruler", page: int = 0) -> list[Row]:
    value = {"x": x / SIZE[0] * 100, "y": y / SIZE[1] * 100, "width": 0.5}
    return drawn(region_id, value, "keypoint", label, page, None, None)


def ends(name: str, length: float, *, page: int = 0, label: str = "ruler") -> list[list[Row]]:
    """Two key points as far apart as this, on a slope of 3 to 4."""
    return [
        point(f"{name}0", 100, 100, page=page, label=label),
        point(f"{name}1", 100 + 0.8 * length, 100 + 0.6 * length, page=page, label=label),
    ]


def line(region_id: str, *places: tuple[float, float], page: int = 0, label: str = "ruler") -> list[Row]:
    """An open vector."""
    chain = [
        {"id": f"v{k}", "x": x / SIZE[0] * 100, "y": y / SIZE[1] * 100, "prevPointId": f"v{k - 1}" if k else None}
        for k, (x, y) in enumerate(places)
    ]
    return drawn(region_id, {"vertices": chain, "closed": False}, "vector", label, page, None, None)


def polygon(region_id: str, *places: tuple[float, float], label: str = "ruler") -> list[Row]:
    points = [[x / SIZE[0] * 100, y / SIZE[1] * 100] for x, y in places]
    return drawn(region_id, {"points": points, "closed": False}, "polygon", label, 0, None, None)


# --- field, constant, nothing


def test_nothing_is_assumed() -> None:
    found = visits(read(task(1, images=2)))
    assert spacings(found) == [("none", None, None)] * 2
    assert np.isnan(found.spacing).all() and np.isnan(found.spacing_error).all() and np.isnan(found.tilt_deg).all()
    assert found.table["calibrated"].to_pylist() == [False, False]


def test_a_constant_goes_for_all_pages_and_may_differ_by_axis() -> None:
    export = read(task(1, images=2))
    assert spacings(visits(export, spacing_mm=0.05)) == [("constant", 0.05, 0.05)] * 2
    assert spacings(visits(export, spacing_mm=(0.05, 0.1))) == [("constant", 0.05, 0.1)] * 2
    assert spacings(visits(export, spacing_mm="0.05")) == [("constant", 0.05, 0.05)] * 2
    for wrong in (0.0, -1.0, math.nan, math.inf, (1.0, 2.0, 3.0), True):
        with pytest.raises(ValueError, match="spacing_mm is"):
            visits(export, spacing_mm=wrong)


def test_what_the_export_was_read_with_is_a_field() -> None:
    export = read(task(1, images=2, scale=[0.05, [0.1, 0.2]]), spacing_mm="scale")
    assert spacings(visits(export)) == [("field", 0.05, 0.05), ("field", 0.1, 0.2)]


def test_the_error_and_the_tilt_may_be_constants() -> None:
    export = read(task(1, images=2, scale=[0.05, None]), spacing_mm="scale")
    found = visits(export, spacing_error=0.01, tilt_deg=20)
    # An unknown spacing has no error; the camera is tilted all the same.
    assert found.table["spacing_error"].to_pylist() == [0.01, None]
    assert found.table["tilt_deg"].to_pylist() == [20.0, 20.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"spacing_error": 1.0}, "spacing_error is 1.0; it is relative"),
        ({"spacing_error": -0.1}, "spacing_error is"),
        ({"spacing_error": math.nan}, "spacing_error is"),
        ({"tilt_deg": 90}, "tilt_deg is 90; it is an angle"),
        ({"tilt_deg": "20"}, "tilt_deg is '20'; it is a number"),
        ({"marker": "ruler"}, "marker and marker_mm go together"),
        ({"marker_mm": 10}, "marker and marker_mm go together"),
        ({"marker": "ruler", "marker_mm": 0}, "marker_mm is 0; it is a length"),
        ({"marker": [], "marker_mm": 1}, "it names labels of regions"),
        ({"marker": ["ruler", ""], "marker_mm": 1}, "it names labels of regions"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Calibration(**options)


# --- files


def written(folder: Path, text: str) -> Path:
    path = folder / "scale.csv"
    path.write_text(text, encoding="utf-8")
    return path


def two_patients(**data: Any) -> Export:
    days = [0, 30]
    return read(task(1, images=2, who="A", day=days, **data), task(2, images=2, who="B", day=days, **data))


def test_a_file_names_images_by_task_and_page(tmp_path: Path) -> None:
    path = written(
        tmp_path, "task_id,page,spacing_mm,spacing_error,tilt_deg\n2,1,0.1,0.02,15\n1,0,0.05,,\n\n1,1,,,30\n"
    )
    found = visits(two_patients(), file=path, spacing_error=0.01, tilt_deg=5)
    assert spacings(found) == [
        ("file", 0.05, 0.05),
        ("none", None, None),
        ("none", None, None),
        ("file", 0.1, 0.1),
    ]
    assert found.table["spacing_error"].to_pylist() == [0.01, None, None, 0.02]
    assert found.table["tilt_deg"].to_pylist() == [5.0, 30.0, 5.0, 15.0]
    assert codes(found) == []


def test_a_file_names_images_by_patient_and_visit(tmp_path: Path) -> None:
    path = written(tmp_path, "visit;patient;spacing_x_mm;spacing_y_mm;who\n1;A;0.1;0.2;x\n0;B;0.3;0.4;y\n")
    found = visits(two_patients(), file=path, patient="who", visit="day")
    assert spacings(found) == [
        ("none", None, None),
        ("file", 0.1, 0.2),
        ("file", 0.3, 0.4),
        ("none", None, None),
    ]


def test_a_file_names_images_by_address_or_by_the_name_of_the_file(tmp_path: Path) -> None:
    addresses = ["https://a.example/x/one.jpg", "/data/upload/1/0a1b2c3d-two.jpg", "https://a.example/y/one.jpg", "d"]
    one = task(1, images=4)
    one["data"]["images"] = addresses
    path = written(tmp_path, "image,spacing_mm\nhttps://a.example/y/one.jpg,0.1\ntwo.jpg,0.2\nd,0.3\n")
    found = visits(read(one), file=path)
    # The first image has the name of the third, but the file says in full which one it means.
    assert [row[1] for row in spacings(found)] == [None, 0.2, 0.1, 0.3]
    assert codes(found) == []
    # As many folders as the line names must agree; a backslash is a slash.
    text = "image,spacing_mm\nx\\one.jpg,0.4\nz/two.jpg,0.5\nfolder/d,0.6\none.jpg,0.7\n"
    found = visits(read(one), file=written(tmp_path, text))
    assert [row[1] for row in spacings(found)] == [0.4, None, 0.7, None]
    assert codes(found) == ["calibration_unmatched"]
    text = "image,spacing_mm\n1/two.jpg,0.5\n"
    assert [row[1] for row in spacings(visits(read(one), file=written(tmp_path, text)))] == [None, 0.5, None, None]


def test_a_name_that_several_images_have_is_not_taken(tmp_path: Path) -> None:
    one = task(1, images=3)
    one["data"]["images"] = ["a/one.jpg", "b/one.jpg", "b/two.jpg"]
    found = visits(read(one), file=written(tmp_path, "image,spacing_mm\none.jpg,0.1\ntwo.jpg,0.2\n"))
    assert [row[1] for row in spacings(found)] == [None, None, 0.2]
    assert codes(found).count("calibration_ambiguous") == 2
    # Queries are not in an export, so that lines that differ in them alone mean nothing.
    found = visits(read(one), file=written(tmp_path, "image,spacing_mm\ntwo.jpg?v=1,0.1\ntwo.jpg?v=2,0.2\n"))
    assert [row[1] for row in spacings(found)] == [None, None, None]
    assert "calibration_ambiguous" in codes(found)
    # One image on several pages is one image.
    one["data"]["images"] = ["a/one.jpg", "a/one.jpg", "b/two.jpg"]
    found = visits(read(one), file=written(tmp_path, "image,spacing_mm\none.jpg,0.1\ntwo.jpg,0.2\n"))
    assert [row[1] for row in spacings(found)] == [0.1, 0.1, 0.2]


def test_lines_about_other_images_are_counted(tmp_path: Path) -> None:
    path = written(tmp_path, "task_id,page,spacing_mm\n1,0,0.1\n1,7,0.1\n9,0,0.1\n")
    found = visits(two_patients(), file=path)
    (row,) = found.findings.to_pylist()
    assert (row["code"], row["value"]) == (
        "calibration_unmatched",
        "2 of 3 lines of scale.csv, the first of them line 3",
    )
    with pytest.raises(ConfigError, match="none of its 1 lines is about an image of the export; lines name task_id"):
        visits(two_patients(), file=written(tmp_path, "task_id,page,spacing_mm\n8,0,0.1\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task,page,spacing_mm\n1,0,0.1\n", "no columns say which image"),
        ("task_id,page,scale\n1,0,0.1\n", "no column says a spacing"),
        ("task_id,page,spacing_mm\n1,0,0.1\n1,1,zero\n", "line 3: spacing_mm is 'zero'; it is a number"),
        ("task_id,page,spacing_mm\n1,0,0,1\n", "line 2: 4 fields for 3 columns"),
        ("task_id,page,spacing_mm\n1,0,0\n", "line 2: spacing_mm is 0; it is from 1e-9"),
        ("task_id,page,spacing_mm\n1,0,nan\n", "line 2: spacing_mm is 'nan'; it is a number"),
        ("task_id,page,spacing_mm\n1,0,1e999\n", "line 2: spacing_mm is 1e999; it is from"),
        ("task_id,page,spacing_x_mm,spacing_y_mm\n1,0,0.1,\n", "line 2: spacing_x_mm and spacing_y_mm go together"),
        ("task_id,page,spacing_mm,spacing_error\n1,0,0.1,1.5\n", "line 2: spacing_error is 1.5; it is relative"),
        ("task_id,page,spacing_mm,tilt_deg\n1,0,0.1,-1\n", "line 2: tilt_deg is -1; it is an angle"),
        ("task_id,page,spacing_mm\n1.5,0,0.1\n", "line 2: task_id is '1.5'; it is a whole number"),
        ("task_id,page,spacing_mm\n1,,0.1\n", "line 2: page is empty"),
        ("task_id,page,spacing_mm\n1,0,0.1\n1,0,0.2\n", "line 3: line 2 says something else of the same image"),
        ("task_id,page,page,spacing_mm\n1,0,0,0.1\n", "line 1: the column 'page' is there twice"),
        ('task_id,page,spacing_mm\n1,0,"0.1\n', "not CSV"),
        ("", "no columns say which image"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        read_spacing_file(written(tmp_path, text))
    assert str(raised.value).startswith("scale.csv")


def test_odd_files_that_are_right(tmp_path: Path) -> None:
    path = tmp_path / "scale.csv"
    path.write_bytes(b"\xef\xbb\xbftask_id\tpage\tspacing_mm\r\n 1 \t0\t5e-2\r\n1\t0\t.05\r\n")
    rows = read_spacing_file(path)
    assert rows.spacing.tolist() == [[0.05, 0.05]] * 2
    assert rows.line.tolist() == [2, 3]
    path.write_bytes(b"task_id,page,spacing_mm\n")
    assert len(read_spacing_file(path).line) == 0
    path.write_bytes(b"image,spacing_mm\n\xff,1\n")
    with pytest.raises(ConfigError, match="not UTF-8 at byte 17"):
        read_spacing_file(path)
    with pytest.raises(FileNotFoundError):
        read_spacing_file(tmp_path / "none.csv")


# --- markers


def test_two_key_points_are_a_marker() -> None:
    export = read(task(1, annotation(1, 1, *ends("m", 200.0), disk("a", 500, 500, 30)), images=2))
    found = visits(export, marker="ruler", marker_mm=10)
    assert spacings(found) == [
        ("marker", pytest.approx(0.05, rel=1e-12), pytest.approx(0.05, rel=1e-12)),
        ("none", None, None),
    ]
    assert np.isnan(found.spacing_error).all()
    assert export.regions.table["region_id"].filter(found.marker).to_pylist() == ["m0", "m1"]


@pytest.mark.parametrize(
    ("marker", "length"),
    [
        (line("m", (100, 100), (180, 160)), 100.0),
        (line("m", (100, 100), (180, 160), (180, 260)), 200.0),
        (polygon("m", (100, 100), (180, 160)), 100.0),
        (polygon("m", (180, 160), (100, 100)), 100.0),
    ],
)
def test_a_line_is_a_marker(marker: list[Row], length: float) -> None:
    found = visits(read(task(1, annotation(1, 1, marker), images=1)), marker="ruler", marker_mm=5)
    assert found.spacing[0].tolist() == pytest.approx([5 / length] * 2, rel=1e-12)


def test_a_marker_may_be_named_by_its_control_or_its_ends_apart() -> None:
    two = [point("x", 100, 100, label="zero"), point("y", 180, 160, label="ten")]
    export = read(task(1, annotation(1, 1, *two, disk("a", 500, 500, 30)), images=1))
    assert visits(export, marker=["zero", "ten"], marker_mm=10).spacing[0, 0] == pytest.approx(0.1, rel=1e-12)
    named = [{**entry, "from_name": "scale_bar"} for entry in line("m", (100, 100), (180, 160))]
    export = read(task(1, annotation(1, 1, named, disk("a", 500, 500, 30)), images=1))
    assert visits(export, marker="scale_bar", marker_mm=10).spacing[0, 0] == pytest.approx(0.1, rel=1e-12)


def test_people_are_averaged_and_their_spread_is_the_error() -> None:
    # Page 0: 100, 100 * e^0.02; page 1: 100, 100, 100 * e^0.03; page 2: one person.
    lengths = {
        1: (100.0, 100.0, 120.0),
        2: (100.0 * math.exp(0.02), 100.0, None),
        3: (None, 100.0 * math.exp(0.03), None),
    }
    people = []
    for who, own in lengths.items():
        marks = [end for page, length in enumerate(own) if length for end in ends(f"m{page}", length, page=page)]
        people.append(annotation(who, who, *marks))
    found = visits(read(task(1, *people, images=3)), marker="ruler", marker_mm=10)
    assert found.spacing[:, 0].tolist() == pytest.approx(
        [0.1 * math.exp(-0.01), 0.1 * math.exp(-0.01), 10 / 120.0], rel=1e-12
    )
    # Sums of squares 2 * 0.01^2 and 0.02^2 + 2 * 0.01^2, with 1 and 2 degrees of freedom.
    pooled = (2 * 0.01**2 + 0.02**2 + 2 * 0.01**2) / 3
    own = (0.02**2 + 2 * 0.01**2) / 2
    expected = [math.sqrt(pooled / 2), math.sqrt(max(own, pooled) / 3), math.sqrt(pooled)]
    assert found.spacing_error.tolist() == pytest.approx(expected, rel=1e-9)
    # Where people say how sure a spacing is, no constant is asked.
    assert visits(
        read(task(1, *people, images=3)), marker="ruler", marker_mm=10, spacing_error=0.5
    ).spacing_error.tolist() == pytest.approx(expected, rel=1e-9)


def test_somebody_with_several_lines_counts_once() -> None:
    several = [line("a", (0, 0), (100, 0)), line("b", (0, 50), (400, 50))]
    people = [annotation(1, 1, *several), annotation(2, 2, *ends("m", 200.0))]
    found = visits(read(task(1, *people, images=1)), marker="ruler", marker_mm=10)
    assert found.spacing[0, 0] == pytest.approx(0.05, rel=1e-12)
    assert found.spacing_error[0] == pytest.approx(0.0, abs=1e-12)


def test_markers_that_cannot_be_used_are_named_and_the_others_count() -> None:
    people = [
        annotation(1, 1, point("lonely", 100, 100), *ends("p1", 100.0, page=1)),
        annotation(2, 2, *ends("m", 100.0), point("third", 300, 300), *ends("p1", 140.0, page=1)),
        annotation(3, 3, *ends("zero", 0.0)),
        annotation(4, 4, polygon("wide", (0, 0), (100, 0), (100, 100))),
        annotation(5, 5, *ends("m", 200.0)),
        annotation(6, 6, *ends("m", 777.0), cancelled=True),
    ]
    found = visits(read(task(1, *people, images=2)), marker="ruler", marker_mm=10)
    assert found.spacing[:, 0].tolist() == pytest.approx([0.05, 0.1 / math.sqrt(1.4)], rel=1e-12)
    rows = found.findings.to_pylist()
    assert [(row["code"], row["annotator"], row["page"], row["value"]) for row in rows] == [
        ("marker_differs", None, 1, "100.0 to 140.0 px"),
        ("marker_incomplete", "1", 0, None),
        ("marker_surplus", "2", 0, "3 key points"),
        ("marker_unusable", "3", 0, None),
        ("marker_unusable", "4", 0, None),
    ]
    assert rows[1]["annotation_id"] == 1
    assert all(row["severity"] == "warning" and row["message"] for row in rows)


def test_the_first_source_that_knows_a_page_counts_and_contradictions_are_named(tmp_path: Path) -> None:
    marks = [end for page in (0, 1) for end in ends(f"m{page}", 100.0, page=page)]
    export = read(task(1, annotation(1, 1, *marks), images=4, scale=[0.2, 0.101, 0.3, None]))
    path = written(tmp_path, "task_id,page,spacing_mm\n1,0,0.1\n")
    found = visits(export, file=path, marker="ruler", marker_mm=10, spacing_mm="scale")
    assert [row[0] for row in spacings(found)] == ["file", "marker", "field", "none"]
    assert [row[1] for row in spacings(found)] == [0.1, pytest.approx(0.1), 0.3, None]
    (row,) = [row for row in found.findings.to_pylist() if row["code"] == "calibration_differs"]
    assert (row["page"], row["value"]) == (0, "marker 0.1, field 0.2 mm per pixel")
    found = visits(export, marker="ruler", marker_mm=10, spacing_mm=0.1)
    assert [row[0] for row in spacings(found)] == ["marker", "marker", "constant", "constant"]
    assert codes(found) == []
    assert set(SPACING_SOURCES) == {"none", "file", "marker", "field", "constant"}


def test_markers_are_no_lesions() -> None:
    corners = {"x": 50, "y": 10, "width": 10, "height": 5, "rotation": 0}
    box = drawn("box", corners, "rectangle", "ruler", 0, None, None)
    marks = [polygon("m", (100, 100), (180, 160)), box, disk("a", 500, 500, 30)]
    export = read(task(1, annotation(1, 1, *marks), annotation(2, 2, *marks), images=1))
    assert marker_regions(export, frozenset(["ruler"])).tolist() == [True, True, False] * 2
    for by in ("lesion", "annotator"):
        found = lg.tracks(export, by=by, calibration=Calibration(marker="ruler", marker_mm=10))  # type: ignore[arg-type]
        assert set(found.table["label"].to_pylist()) == {"nevus"}
        assert set(found.table["spacing_source"].to_pylist()) == {"marker"}
        measured = found.table["area_mm2"].to_pylist()
        # A regular polygon of 24 corners, and 0.1 mm per pixel.
        assert measured == pytest.approx([12 * 3.0**2 * math.sin(math.pi / 12)] * len(measured), rel=1e-9)


@pytest.mark.parametrize("kind", ["points", "line"])
def test_generated_markers_give_the_spacing_and_its_error(kind: str) -> None:
    made = make_courses(
        patients=25,
        visits=4,
        annotators=3,
        lesions=(1, 1),
        marker_mm=20.0,
        marker_kind=kind,
        marker_noise_mm=0.1,
        spacing=False,
        camera=Camera(2.0, 20.0, 0.2),
        seed=8,
    )
    export = read(*made.tasks)
    found = visits(export, marker="ruler", marker_mm=20)
    truth = {(visit.task_id, visit.page): visit.spacing_mm for visit in made.visits}
    expected = [truth[place] for place in zip(*(export.pages[n].to_pylist() for n in ("task_id", "page")), strict=True)]
    off = np.log(found.spacing[:, 0] / expected)
    # Two ends of 0.1 mm on 20 mm, and three people.
    error = 0.1 * math.sqrt(2) / 20 / math.sqrt(3)
    assert np.std(off) == pytest.approx(error, rel=0.25)
    assert abs(np.mean(off)) < 3 * error / math.sqrt(len(off))
    assert np.median(found.spacing_error) == pytest.approx(error, rel=0.25)
    markers = measure_markers(export, Counted(export), frozenset(["ruler"]), 20.0)
    assert (markers.n_annotators == 3).all() and not markers.faults


def test_an_export_without_markers_is_measured_by_none() -> None:
    for export in (read(), read(task(1, images=1))):
        found = visits(export, marker="ruler", marker_mm=10)
        assert not found.marker.any() and np.isnan(found.spacing).all()
