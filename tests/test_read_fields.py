"""Fields of the tasks' data: images, patients, dates, offsets and spacing, by page; and measuring with them."""

from __future__ import annotations

import datetime
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lesiongeo
from lesiongeo import Export
from lesiongeo.read.options import read_options
from lesiongeo.testing import make_export

Json = Any
Row = dict[str, Any]

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "data" / "label_studio" / "ls_real_export.json"
needs_real = pytest.mark.skipif(not REAL.is_file(), reason="the real export is not here")

SQUARE = [[10, 10], [20, 10], [20, 30], [10, 30]]  # 20 x 20 px
IMAGES = ["/d/a.png", "/d/b.png"]


def polygon(page: int = 0, region_id: str = "r", width: int = 200) -> Row:
    return {
        "id": region_id,
        "type": "polygonlabels",
        "from_name": "lesion",
        "original_width": width,
        "original_height": 100,
        "item_index": page,
        "value": {"points": SQUARE, "polygonlabels": ["nevus"]},
    }


def task(data: Json, *result: Row, task_id: int = 7) -> Row:
    return {"id": task_id, "data": data, "annotations": [{"id": 5, "completed_by": 3, "result": list(result)}]}


def read(*tasks: Row, **options: Any) -> Export:
    return lesiongeo.read_label_studio(json.dumps(list(tasks)).encode(), **options)


def problems(export: Export) -> list[tuple[Any, ...]]:
    return [(row["code"], row["task_id"], row["page"], row["field"]) for row in export.problems.to_pylist()]


def column(export: Export, name: str) -> list[Any]:
    return list(export.pages[name].to_pylist())


# Pages


def test_a_row_per_image_and_per_page_that_is_named() -> None:
    answer = {"id": "q", "type": "rating", "from_name": "s", "item_index": 4, "value": {"rating": 1}}
    export = read(
        task({"images": IMAGES}, polygon(1, "a"), polygon(1, "b"), polygon(9, "c"), answer),
        task({}, task_id=8),
        task({"image": "/x.png"}, task_id=3),
    )
    rows = export.pages.select(["task_id", "page", "image", "width", "height", "n_regions"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        (7, 0, "/d/a.png", None, None, 0),
        (7, 1, "/d/b.png", 200, 100, 2),
        (7, 4, None, None, None, 0),
        (7, 9, None, 200, 100, 1),
        (8, 0, None, None, None, 0),
        (3, 0, "/x.png", None, None, 0),
    ]
    assert export.pages["spacing_x_mm"].null_count == 6
    assert export.pages["visit_date"].null_count == 6


def test_a_page_whose_regions_differ_in_size_has_none() -> None:
    export = read(task({"images": IMAGES}, polygon(0, "a"), polygon(0, "b", width=300)))
    assert column(export, "width") == [None, None]
    assert column(export, "height") == [100, None]
    assert problems(export) == [("image_size_differs", 7, 0, "original_width")]


def test_pages_of_the_generated_export() -> None:
    tasks = make_export(patients=5, visits=3, annotators=2, seed=3)
    export = read(*tasks, patient="patient_id", day_offset="data.visit_offsets_days", spacing_mm="$spacing_mm")
    assert export.pages.num_rows == 15
    for at, one in enumerate(tasks):
        data, rows = one["data"], export.pages.slice(3 * at, 3).to_pylist()
        assert [row["image"] for row in rows] == data["images"]
        assert [row["patient"] for row in rows] == [data["patient_id"]] * 3
        assert [row["day_offset"] for row in rows] == data["visit_offsets_days"]
        assert [row["spacing_x_mm"] for row in rows] == [row["spacing_y_mm"] for row in rows] == data["spacing_mm"]
    assert export.tasks["patient"].to_pylist() == [one["data"]["patient_id"] for one in tasks]
    assert sum(column(export, "n_regions")) == len(export.regions)


@needs_real
def test_pages_of_the_real_export() -> None:
    export = lesiongeo.read_label_studio(REAL, patient="patient_id")
    assert export.pages.num_rows == 6
    assert column(export, "n_regions") == [sum(np.equal(export.regions.table["page"], page) & np.equal(export.regions.table["task_id"], task)) for task in (1, 2) for page in range(3)]  # fmt: skip  # noqa: E501
    assert column(export, "patient")[0] == "P001"


def test_nothing_is_read_that_was_not_asked_for() -> None:
    export = read(task({"images": IMAGES, "patient": "P", "spacing_mm": [1, 2], "visit_date": ["?", "?"]}, polygon()))
    for name in ("patient", "visit_date", "day_offset", "spacing_x_mm", "spacing_y_mm"):
        assert export.pages[name].null_count == 2
    assert problems(export) == []


# Images


@pytest.mark.parametrize(
    ("data", "path", "images"),
    [
        ({"a": ["/1.png"], "b": ["/2.png", "/3.png"]}, "b", ["/2.png", "/3.png"]),
        ({"a": ["/1.png"], "b": "/2.png"}, "data.b", ["/2.png"]),
        ({"visits": [{"image": "/1.png"}, {"image": "/2.png"}]}, "visits.image", ["/1.png", "/2.png"]),
        ({"study": {"photos": ["/1.png"]}, "x": ["/9.png"]}, "$study.photos", ["/1.png"]),
        ({"a.b": ["/1.png"]}, "a.b", ["/1.png"]),
    ],
)
def test_images_follow_their_path(data: Row, path: str, images: list[str]) -> None:
    export = read(task(data, polygon(len(images) - 1)), images=path)
    assert export.tasks["images"].to_pylist() == [images]
    assert export.regions.table["image"].to_pylist() == images[-1:]
    assert column(export, "image") == images
    assert problems(export) == []


def test_images_follow_the_config() -> None:
    config = '<View><Image name="i" valueList="$right"/><Polygon name="lesion" toName="i"/></View>'
    data = {"left": ["/1.png"], "right": ["/2.png"]}
    assert read(task(data, polygon())).regions.table["image"].to_pylist() == ["/1.png"]
    assert read(task(data, polygon()), config=config).regions.table["image"].to_pylist() == ["/2.png"]
    assert read(task(data, polygon()), config=config, images="left").regions.table["image"].to_pylist() == ["/1.png"]


def test_queries_of_addresses_stay_out() -> None:
    export = read(task({"b": ["https://x.org/a.png?Signature=secret"]}, polygon()), images="b")
    assert column(export, "image") == ["https://x.org/a.png"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([], [("images_missing", 7, None, "data.b")]),
        (None, [("images_missing", 7, None, "data.b")]),
        (["/1.png", None, 7, ""], [("images_missing", 7, page, "data.b") for page in (1, 2, 3)]),
        ({"x": 1}, [("images_missing", 7, 0, "data.b")]),
    ],
)
def test_missing_images_are_reported(value: Json, expected: list[tuple[Any, ...]]) -> None:
    assert problems(read(task({"b": value}, polygon()), images="b")) == expected


# Fields


def one(name: str, value: Json, pages: int = 2) -> Export:
    """A task whose field `f` is asked for."""
    return read(task({"images": [f"/{page}.png" for page in range(pages)], "f": value}), **{name: "f"})


@pytest.mark.parametrize(
    ("value", "patients"),
    [
        ("P 1", ["P 1", "P 1"]),
        (7, ["7", "7"]),
        (["A", "A"], ["A", "A"]),
        (["A", "B"], ["A", "B"]),
        ("\ud800x", ["\ufffdx", "\ufffdx"]),
    ],
)
def test_patients(value: Json, patients: list[str]) -> None:
    export = one("patient", value)
    assert column(export, "patient") == patients
    assert export.tasks["patient"].to_pylist() == [patients[0] if len(set(patients)) == 1 else None]
    assert problems(export) == []


def test_dates_are_days_as_written() -> None:
    export = one("visit_date", ["2026-01-31", "2026-02-01T23:30:00-05:00"])
    assert column(export, "visit_date") == [datetime.date(2026, 1, 31), datetime.date(2026, 2, 1)]
    assert column(export, "day_offset") == [None, None]
    assert problems(export) == []
    assert column(one("visit_date", "2026-01-31", pages=1), "visit_date") == [datetime.date(2026, 1, 31)]


def test_offsets_are_numbers() -> None:
    assert column(one("day_offset", [0, "91.5"]), "day_offset") == [0, 91.5]


@pytest.mark.parametrize(
    ("value", "spacing"),
    [
        (0.05, [(0.05, 0.05)] * 2),
        ("0.05", [(0.05, 0.05)] * 2),
        ([0.1, 0.2], [(0.1, 0.1), (0.2, 0.2)]),
        ([[0.1, 0.2], {"x": 0.3, "y": 0.4}], [(0.1, 0.2), (0.3, 0.4)]),
        ({"x": 0.3, "y": 0.4}, [(0.3, 0.4)] * 2),
    ],
)
def test_spacing(value: Json, spacing: list[tuple[float, float]]) -> None:
    export = one("spacing_mm", value)
    assert list(zip(column(export, "spacing_x_mm"), column(export, "spacing_y_mm"), strict=True)) == spacing
    assert problems(export) == []


@pytest.mark.parametrize(
    ("name", "value", "expected", "known"),
    [
        ("visit_date", None, [("field_missing", None)], [False, False]),
        ("visit_date", ["2026-01-01", None], [("field_missing", 1)], [True, False]),
        ("visit_date", ["2026-01-01"], [("field_length_differs", None)], [False, False]),
        ("visit_date", ["2026-01-01"] * 3, [("field_length_differs", None)], [False, False]),
        ("visit_date", "2026-01-01", [("field_length_differs", None)], [False, False]),
        ("visit_date", ["2026-01-01", "01.02.2026"], [("not_a_date", 1)], [True, False]),
        ("visit_date", ["2026-13-01", 20260101], [("not_a_date", 0), ("not_a_date", 1)], [False, False]),
        ("visit_date", ["2026-02-01", "2026-01-01"], [("visit_order", None)], [True, True]),
        ("visit_date", ["2026-02-01", "2026-02-01"], [], [True, True]),
        ("day_offset", 4, [("field_length_differs", None)], [False, False]),
        ("day_offset", [0, "soon"], [("not_a_number", 1)], [True, False]),
        ("day_offset", [True, "nan"], [("not_a_number", 0), ("not_a_number", 1)], [False, False]),
        ("day_offset", [5, 0], [("visit_order", None)], [True, True]),
        ("spacing_mm", [0.1], [("field_length_differs", None)], [False, False]),
        ("spacing_mm", [0.1, 0], [("spacing_not_positive", 1)], [True, False]),
        ("spacing_mm", [0.1, [0.1, -1]], [("spacing_not_positive", 1)], [True, False]),
        ("spacing_mm", ["x", [1, 2, 3]], [("not_a_number", 0), ("not_a_number", 1)], [False, False]),
        ("spacing_mm", [{"x": 1}, 1e10], [("not_a_number", 0), ("spacing_not_positive", 1)], [False, False]),
        ("spacing_mm", -1, [("spacing_not_positive", None)], [False, False]),
        ("patient", {"name": "x"}, [("not_a_text", None)], [False, False]),
        ("patient", ["A"], [("field_length_differs", None)], [False, False]),
    ],
)
def test_what_does_not_fit_is_unknown_and_reported(
    name: str, value: Json, expected: list[tuple[str, int | None]], known: list[bool]
) -> None:
    export = one(name, value)
    assert problems(export) == [(code, 7, page, "data.f") for code, page in expected]
    shown = {"spacing_mm": "spacing_x_mm"}.get(name, name)
    assert [entry is not None for entry in column(export, shown)] == known
    assert not any(export.problems["dropped"].to_pylist())


def test_numbers_beyond_double_are_no_numbers() -> None:
    text = '[{"id": 7, "data": {"images": ["/a.png", "/b.png"], "f": [1e400, %s]}, "annotations": []}]' % ("9" * 400)
    export = lesiongeo.read_label_studio(text.encode(), day_offset="f")
    assert problems(export) == [("not_a_number", 7, 0, "data.f"), ("not_a_number", 7, 1, "data.f")]


def test_data_that_python_cannot_take_apart_is_reported() -> None:
    text = '[{"id": 7, "data": {"images": ["/a.png"], "f": %s}, "annotations": []}]' % ("9" * 5000)
    export = lesiongeo.read_label_studio(text.encode(), patient="f")
    assert problems(export) == [("data_not_read", 7, None, "data")]


def test_a_path_that_no_task_has_is_one_problem_with_the_fields_there_are() -> None:
    tasks = [task({"images": IMAGES, "patient_id": "P"}, task_id=number) for number in range(1, 200)]
    export = read(*tasks, patient="pateint_id", images="imgs")
    assert problems(export) == [("images_missing", 1, None, "data.imgs"), ("field_missing", 1, None, "data.pateint_id")]
    assert "'patient_id'" in export.problems["message"][1].as_py()


def test_a_list_for_a_task_whose_images_are_unknown_may_be_longer_than_what_was_drawn() -> None:
    export = read(task({"f": [0.1, 0.2, 0.3]}, polygon(1)), spacing_mm="f")
    assert column(export, "spacing_x_mm") == [0.1, 0.2]
    assert problems(export) == []
    export = read(task({"f": [0.1]}, polygon(1)), spacing_mm="f")
    assert problems(export) == [("field_length_differs", 7, None, "data.f")]


def test_a_task_in_two_files_has_its_pages_once_and_what_differs_is_unknown() -> None:
    files = [
        json.dumps([task({"images": IMAGES, "p": "P", "f": spacing}, polygon())]).encode() for spacing in (0.1, 0.2)
    ]
    export = lesiongeo.read_label_studio([files[0], files[0] + b" "], spacing_mm="f", patient="p")
    assert column(export, "spacing_x_mm") == [0.1, 0.1]
    assert column(export, "n_regions") == [2, 0]
    assert export.region_spacing_mm().tolist() == [[0.1, 0.1]] * 2
    export = lesiongeo.read_label_studio(files, spacing_mm="f", patient="p")
    assert column(export, "spacing_x_mm") == [None, None]
    assert column(export, "patient") == ["P", "P"]
    assert ("field_differs", 7, None, "data") in problems(export)
    assert np.isnan(export.region_spacing_mm()).all()


# Options


@pytest.mark.parametrize("name", ["images", "patient", "visit_date", "day_offset", "spacing_mm"])
@pytest.mark.parametrize("path", ["", "a..b", "data.", "$"])
def test_paths_that_are_none(name: str, path: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is "):
        read_options(**{name: path})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "constant", "path"),
    [
        (0.05, (0.05, 0.05), None),
        ((0.05, 0.06), (0.05, 0.06), None),
        ("0.05", (0.05, 0.05), None),
        ("0.05, 0.06", (0.05, 0.06), None),
        ("spacing_mm", None, ("spacing_mm",)),
        ("data.visits.mm", None, ("visits", "mm")),
        (None, None, None),
    ],
)
def test_spacing_is_a_number_or_a_path(given: Any, constant: Any, path: Any) -> None:
    options = read_options(spacing_mm=given)
    assert (options.spacing_mm, options.spacing_path) == (constant, path)


@pytest.mark.parametrize("given", [0, -1, "0", "nan", "1,2,3", (1, 2, 3), True])
def test_spacing_that_is_none(given: Any) -> None:
    with pytest.raises(ValueError, match="spacing_mm is "):
        read_options(spacing_mm=given)


@pytest.mark.parametrize("name", ["track_id", "status", "note"])
def test_names_that_are_none(name: str) -> None:
    for given in ("", " ", 7):
        with pytest.raises(ValueError, match=f"{name} is "):
            read_options(**{name: given})  # type: ignore[arg-type]


# Measuring


def test_each_region_is_measured_with_the_spacing_of_its_page() -> None:
    data = {"images": ["/a.png", "/b.png", "/c.png"], "f": [0.5, [0.1, 0.2], None]}
    export = read(task(data, polygon(1, "b"), polygon(2, "c"), polygon(0, "a")), spacing_mm="f")
    assert export.region_spacing_mm()[[0, 2]].tolist() == [[0.1, 0.2], [0.5, 0.5]]
    assert np.isnan(export.region_spacing_mm()[1]).all()
    table = lesiongeo.measure(export, spacing_mm="data")
    assert table["area_px2"].to_pylist() == [400, 400, 400]
    assert table["area_mm2"].to_pylist() == pytest.approx([8, None, 100])
    assert table["perimeter_mm"].to_pylist() == pytest.approx([12, None, 40])
    assert table["feret_max_mm"].to_pylist() == pytest.approx([math.hypot(2, 4), None, math.hypot(10, 10)])
    assert table["spacing_y_mm"].to_pylist() == [0.2, None, 0.5]
    # The square is a rectangle of 2 x 4 mm; where the spacing is unknown the ratio is that in pixels.
    assert table["elongation"].to_pylist() == pytest.approx([0.5, 1, 1])
    assert table["region_id"].to_pylist() == ["b", "c", "a"]


def test_one_spacing_for_all_and_one_each_measure_the_same() -> None:
    export = read(*make_export(patients=3, annotators=2, seed=5))
    whole = lesiongeo.measure(export.regions, spacing_mm=(0.03, 0.07))
    each = lesiongeo.measure(export.regions, spacing_mm=np.tile([0.03, 0.07], (len(export.regions), 1)))
    assert whole.column_names == each.column_names
    for name in whole.column_names:
        left, right = whole[name].to_pylist(), each[name].to_pylist()
        if name.endswith(("_mm", "_mm2")) or name in (
            "circularity",
            "solidity",
            "elongation",
            "asymmetry_1",
            "asymmetry_2",
        ):
            assert right == pytest.approx(left, rel=1e-9, abs=1e-9), name
        else:
            assert left == right, name
    assert whole["area_mm2"].equals(each["area_mm2"])


def test_spacing_per_region_is_checked() -> None:
    three = [[[0, 0], [4, 0], [4, 3]]] * 3
    assert lesiongeo.measure(three, spacing_mm=np.array([1.0, 2.0, np.nan]))["area_mm2"].to_pylist() == [6, 24, None]
    for wrong in (np.ones(4), np.ones((3, 3)), np.ones((2, 2)), np.array([1.0, 0.0, 1.0]), np.array([[1.0, -1.0]] * 3)):
        with pytest.raises(ValueError, match="spacing_mm is "):
            lesiongeo.measure(three, spacing_mm=wrong)
    # Two numbers for two regions could be either.
    with pytest.raises(ValueError, match="two regions"):
        lesiongeo.measure(three[:2], spacing_mm=np.array([1.0, 2.0]))
    assert lesiongeo.measure(three[:2], spacing_mm=(1.0, 2.0))["area_mm2"].to_pylist() == [12, 12]
    with pytest.raises(ValueError, match='"data" takes'):
        lesiongeo.measure(three, spacing_mm="data")
