"""measure: a table of numbers that can be checked by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import lesiongeo
from lesiongeo import Polygons, RegionError, Regions

PIXELS = "area_px2 perimeter_px centroid_x_px centroid_y_px min_x_px min_y_px max_x_px max_y_px".split()
MILLIMETRES = "area_mm2 perimeter_mm spacing_x_mm spacing_y_mm".split()
SHAPE_PX = "feret_max_px feret_min_px perpendicular_px equivalent_diameter_px".split()
SHAPE_MM = [name.replace("_px", "_mm") for name in SHAPE_PX]
RATIOS = "circularity solidity elongation asymmetry_1 asymmetry_2".split()
STATE = ["valid", "problem"]

FRAME = [[[0, 0], [30, 0], [30, 40], [0, 40]], [[5, 10], [15, 10], [15, 30], [5, 30]]]
TRIANGLE = [[0, 0], [3, 0], [0, 4]]
BOW_TIE = [[0, 0], [2, 2], [2, 0], [0, 2]]


def rows(regions: Any, **options: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lesiongeo.measure(regions, **options).to_pylist()
    return found


def test_a_frame_by_hand() -> None:
    """30 x 40 px without a hole of 10 x 20 px: 1200 - 200, and the hole's border counts.

    The centroid is (1200 * 15 - 200 * 10) / 1000 along x; the hole is centred along y.
    """
    (row,) = rows([FRAME])
    assert [{name: row[name] for name in [*PIXELS, *STATE]}] == [
        {
            "area_px2": 1000.0,
            "perimeter_px": 140.0 + 60.0,
            "centroid_x_px": 16.0,
            "centroid_y_px": 20.0,
            "min_x_px": 0.0,
            "min_y_px": 0.0,
            "max_x_px": 30.0,
            "max_y_px": 40.0,
            "valid": True,
            "problem": None,
        }
    ]


def test_a_frame_in_millimetres() -> None:
    """0.5 mm along x and 0.25 mm along y: 15 x 10 mm without 5 x 5 mm."""
    (row,) = rows([FRAME], spacing_mm=(0.5, 0.25))
    assert row["area_mm2"] == 125.0
    assert row["perimeter_mm"] == 50.0 + 20.0
    assert (row["spacing_x_mm"], row["spacing_y_mm"]) == (0.5, 0.25)
    # Swapped: 7.5 x 20 mm without 2.5 x 10 mm. The area is the same, the length is not.
    (row,) = rows([FRAME], spacing_mm=(0.25, 0.5))
    assert (row["area_mm2"], row["perimeter_mm"]) == (125.0, 55.0 + 25.0)
    (pixels,) = rows([FRAME])
    assert all(row[name] == pixels[name] for name in [*PIXELS, *SHAPE_PX, *STATE])


def test_slanted_edges_scale_along_both_axes() -> None:
    """Legs of 3 and 4 px, with 4 and 3 mm per px both 12 mm, so the third side is 12 times the root of 2."""
    (row,) = rows([TRIANGLE], spacing_mm=(4, 3))
    assert (row["area_px2"], row["perimeter_px"]) == (6.0, 12.0)
    assert row["area_mm2"] == 72.0
    assert row["perimeter_mm"] == pytest.approx(24 + 12 * math.sqrt(2), rel=1e-15)
    # The same along both axes: 3-4-5 becomes 6-8-10.
    (row,) = rows([TRIANGLE], spacing_mm=2)
    assert (row["area_mm2"], row["perimeter_mm"]) == (24.0, 24.0)


@pytest.mark.parametrize("spacing", [2, 2.0, (2, 2), [2.0, 2.0], [2], np.float32(2), np.array([2, 2])], ids=repr)
def test_one_spacing_is_that_of_both_axes(spacing: Any) -> None:
    assert lesiongeo.measure([FRAME, TRIANGLE], spacing_mm=spacing).equals(
        lesiongeo.measure([FRAME, TRIANGLE], spacing_mm=(2.0, 2.0))
    )


def test_a_crossing_outline_counts_with_its_interior() -> None:
    """A bow tie of 2 x 2 px is two triangles of area 1 with sides 2, root 2 and root 2, tip to tip."""
    (row,) = rows([BOW_TIE], spacing_mm=(1, 3))
    assert (row["area_px2"], row["area_mm2"]) == (2.0, 6.0)
    assert row["perimeter_px"] == pytest.approx(4 + 4 * math.sqrt(2), rel=1e-15)
    # Stretched along y: two sides of 6 mm, four of root (1 + 9) mm.
    assert row["perimeter_mm"] == pytest.approx(12 + 4 * math.sqrt(10), rel=1e-15)
    assert (row["centroid_x_px"], row["centroid_y_px"]) == (1.0, 1.0)
    assert (row["min_x_px"], row["max_y_px"]) == (0.0, 2.0)
    assert (row["valid"], row["problem"]) == (False, "self_overlap")


def test_regions_without_area() -> None:
    """Area 0, no centroid; a line is as long as the way there and back; bounds are those of the points."""
    line, point, flat, nothing = rows([[[0, 0], [3, 4]], [[1, 2]], [[0, 0], [1, 1], [2, 2]], []], spacing_mm=2)
    for row in (line, point, flat, nothing):
        assert (row["area_px2"], row["area_mm2"]) == (0.0, 0.0)
        assert row["centroid_x_px"] is None
        assert row["centroid_y_px"] is None
        assert row["valid"] is False
        assert row["spacing_x_mm"] == 2.0
    assert [row["problem"] for row in (line, point, flat, nothing)] == [
        "too_few_points",
        "too_few_points",
        "zero_area",
        "empty",
    ]
    assert (line["perimeter_px"], line["perimeter_mm"]) == (10.0, 20.0)
    assert (point["perimeter_px"], point["perimeter_mm"]) == (0.0, 0.0)
    assert flat["perimeter_px"] == pytest.approx(4 * math.sqrt(2), rel=1e-15)
    assert [point[name] for name in PIXELS[4:]] == [1.0, 2.0, 1.0, 2.0]
    assert [nothing[name] for name in PIXELS[4:]] == [None] * 4
    assert (nothing["perimeter_px"], nothing["perimeter_mm"]) == (0.0, 0.0)


def test_nothing_is_plus_zero() -> None:
    (row,) = rows([[]], spacing_mm=1)
    for name in ("area_px2", "perimeter_px", "area_mm2", "perimeter_mm"):
        assert math.copysign(1, row[name]) == 1, name


def test_invalid_rows_leave_their_neighbours_alone() -> None:
    mixed = lesiongeo.measure([TRIANGLE, BOW_TIE, [], FRAME], spacing_mm=(2, 3))
    for index, region in ((0, TRIANGLE), (3, FRAME)):
        assert mixed.slice(index, 1).to_pylist() == rows([region], spacing_mm=(2, 3))
    assert mixed["valid"].to_pylist() == [True, False, False, True]


@pytest.mark.parametrize("regions", [[], [FRAME], [[]]], ids=["none", "one", "empty"])
def test_the_columns_are_always_the_same(regions: list[Any]) -> None:
    numbers = [(name, pa.float64()) for name in PIXELS]
    shape = [(name, pa.float64()) for name in [*SHAPE_PX, *RATIOS]]
    state = [("valid", pa.bool_()), ("problem", pa.string())]
    table = lesiongeo.measure(regions)
    assert table.schema.equals(pa.schema([*numbers, *shape, *state]))
    assert table.num_rows == len(regions)
    millimetres, shape_mm = ([(name, pa.float64()) for name in names] for names in (MILLIMETRES, SHAPE_MM))
    table = lesiongeo.measure(regions, spacing_mm=1)
    assert table.schema.equals(pa.schema([*numbers, *millimetres, *shape[:4], *shape_mm, *shape[4:], *state]))


def test_inputs_that_mean_the_same() -> None:
    shapely = pytest.importorskip("shapely")
    frame = shapely.Polygon(FRAME[0], [FRAME[1]])
    expected = lesiongeo.measure([FRAME])
    assert lesiongeo.measure(Polygons.from_rings([FRAME])).equals(expected)
    assert lesiongeo.measure(np.array([frame])).equals(expected)
    backwards = [ring[::-1] for ring in FRAME]
    assert lesiongeo.measure([backwards]).equals(expected)


def test_parts_are_summed() -> None:
    """Two unit squares, 10 px apart: area 2, length 8, centroid between them."""
    shapely = pytest.importorskip("shapely")
    (row,) = rows(np.array([shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(10, 0, 11, 1)])]))
    assert (row["area_px2"], row["perimeter_px"]) == (2.0, 8.0)
    assert (row["centroid_x_px"], row["centroid_y_px"], row["max_x_px"]) == (5.5, 0.5, 11.0)


def test_regions_keep_who_and_where() -> None:
    """Of `Regions`, the columns of identity come first; controls and lists stay out."""
    export = lesiongeo.read_label_studio(
        b"""[{"id": 7, "data": {"image": "https://x.org/mole.png?secret=1"},
        "annotations": [{"id": 1, "completed_by": 4, "result": [
        {"id": "r", "type": "polygonlabels", "from_name": "lesion", "original_width": 200, "original_height": 100,
         "value": {"points": [[10, 10], [20, 10], [20, 30]], "polygonlabels": ["nevus"]}},
        {"id": "r", "type": "number", "from_name": "track_id", "value": {"number": 2}}]}]}]"""
    )
    table = lesiongeo.measure(export.regions, spacing_mm=0.5)
    who = {
        "task_id": 7,
        "page": 0,
        "image": "https://x.org/mole.png",
        "width": 200,
        "height": 100,
        "annotation_id": 1,
        "annotator": "4",
        "region_id": "r",
        "kind": "polygon",
        "label": "nevus",
        "source": "annotation",
        "cancelled": False,
        "ground_truth": False,
    }
    assert table.column_names == [*who, *PIXELS, *MILLIMETRES, *SHAPE_PX, *SHAPE_MM, *RATIOS, *STATE]
    (row,) = table.to_pylist()
    assert {name: row[name] for name in who} == who
    # 10 % of 200 px by 20 % of 100 px, halved: 20 * 20 / 2.
    assert (row["area_px2"], row["area_mm2"]) == (200.0, 50.0)
    for name in who:
        assert table.schema.field(name).type == export.regions.table.schema.field(name).type


def test_own_columns_of_regions() -> None:
    """Columns of identity may be absent, and others are not taken."""
    regions = Regions(Polygons.from_rings([TRIANGLE]), pa.table({"label": ["nevus"], "colour": ["red"]}))
    assert lesiongeo.measure(regions).column_names == ["label", *PIXELS, *SHAPE_PX, *RATIOS, *STATE]


@pytest.mark.parametrize(
    "spacing",
    [
        0,
        -1,
        -0.0,
        math.nan,
        math.inf,
        "wide",
        1j,
        (1, 0),
        (1, -1),
        (math.nan, 1),
        (1, 2, 3),
        [],
        [[1, 1]],
        [1, "x"],
        ("0.5", "0.2"),
        [True, 1],
        (1, np.complex64(2)),
        10**400,
        1e-10,
        (1, 1e10),
        {},
    ],
    ids=repr,
)
def test_wrong_spacing(spacing: Any) -> None:
    for regions in ([TRIANGLE], []):
        with pytest.raises(ValueError, match="spacing_mm is ") as caught:
            lesiongeo.measure(regions, spacing_mm=spacing)
        assert not isinstance(caught.value, RegionError)


def test_the_widest_spacings() -> None:
    (row,) = rows([FRAME], spacing_mm=(1e-9, 1e9))
    assert all(math.isfinite(value) for value in row.values() if isinstance(value, float))


@pytest.mark.parametrize("wrong", [0, 1, "yes", None, np.array([True, False]), []], ids=repr)
def test_shape_is_true_or_false(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"shape is .*; it is True or False"):
        lesiongeo.measure([FRAME], shape=wrong)
    assert lesiongeo.measure([FRAME], shape=np.True_).equals(lesiongeo.measure([FRAME]))  # type: ignore[arg-type]


def test_wrong_regions() -> None:
    with pytest.raises(RegionError, match="region 1"):
        lesiongeo.measure([TRIANGLE, [[0, 0], [1, math.nan], [2, 2]]])


def test_threads_change_nothing() -> None:
    rng = np.random.default_rng(3)
    drawn = [rng.uniform(0, 50, (rng.integers(0, 12), 2)) for _ in range(400)]
    regions: list[Any] = [points if len(points) else [] for points in drawn]
    first = lesiongeo.measure(regions, spacing_mm=(0.3, 0.7), threads=1)
    assert len(set(first["problem"].to_pylist())) >= 3
    for threads in (2, 5):
        again = lesiongeo.measure(regions, spacing_mm=(0.3, 0.7), threads=threads)
        assert again.equals(first)


def test_without_shape() -> None:
    table = lesiongeo.measure([FRAME], spacing_mm=2, shape=False)
    assert table.column_names == [*PIXELS, *MILLIMETRES, *STATE]
    assert table.equals(lesiongeo.measure([FRAME], spacing_mm=2).select(table.column_names))
