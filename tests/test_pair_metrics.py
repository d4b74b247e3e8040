"""What a pair of regions carries: closed forms, the public functions on the same outlines, spacing, and what is null.

Images are 100 x 100 px unless a test says otherwise, so percent and pixels are the same numbers.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
import pytest

import lesiongeo
from lesiongeo import Agreement, Export
from lesiongeo.testing import make_export
from real_exports import MAKER, real_export
from test_agreement_rules import Entry, Row, annotation, close, entry, polygon, task

PX = "hausdorff hd95 masd assd signed_offset centroid_distance".split()
ALONG = "hd95_px masd_px assd_px nsd signed_offset_px".split()
IN_MM = [*(f"{name}_mm" for name in PX), "area_a_mm2", "area_b_mm2"]

#: Squares of 40 and of 20 px with one centre.
WIDE = polygon("wide", [(30, 30), (70, 30), (70, 70), (30, 70)])
NARROW = polygon("narrow", [(40, 40), (60, 40), (60, 60), (40, 60)])


def read(*tasks: Entry, **options: Any) -> Export:
    return lesiongeo.read_label_studio(json.dumps(list(tasks)).encode(), **options)


def both(a: list[Entry], b: list[Entry], **more: Any) -> Entry:
    return task([annotation(1, 1, a), annotation(2, 2, b)], **more)


def row_of(a: Entry, b: Entry, spacing_mm: Any = None, **options: Any) -> Row:
    """The only row of two regions."""
    (row,) = lesiongeo.agreement(read(both([a], [b]), spacing_mm=spacing_mm), **options).pairs.to_pylist()
    found: Row = row
    return found


def mean_of_the_wide_square() -> float:
    """Of a point of the wide border to the narrow one: 10 beside it, sqrt(100 + t^2) up to 10 px beyond its corners."""
    beyond = 50 * (math.sqrt(2) + math.asinh(1))  # the integral of sqrt(100 + t^2) for t from 0 to 10
    return (20 * 10 + 2 * beyond) / 40


# closed forms


def test_concentric_squares() -> None:
    row = row_of(WIDE, NARROW, nsd_tolerance_px=12)
    mean = mean_of_the_wide_square()
    assert row["match"] == "matched"
    assert (row["iou"], row["dice"]) == (close(0.25), close(0.4))
    assert row["hausdorff_px"] == close(math.sqrt(200))
    # 95 % of 40 px are within t = 9 px of the narrow square's sides.
    assert row["hd95_px"] == pytest.approx(math.sqrt(181), rel=1e-11)
    assert row["masd_px"] == close((mean + 10) / 2)
    assert row["assd_px"] == close((160 * mean + 80 * 10) / 240)
    assert row["signed_offset_px"] == close((mean + 10) / 2), "a drew wider"
    # All of the narrow border, and of each wide side what lies up to sqrt(12^2 - 10^2) px beyond the narrow corners.
    assert row["nsd"] == close((80 + 4 * (20 + 2 * math.sqrt(44))) / 240)
    assert row["centroid_distance_px"] == close(0)
    assert (row["area_a_px2"], row["area_b_px2"], row["area_ratio"]) == (close(1600), close(400), close(0.25))
    assert row["log_area_ratio"] == close(-math.log(4)), "b is smaller"


def test_sides_change_places() -> None:
    """What has a direction turns, all else stays to the bit."""
    there, back = row_of(WIDE, NARROW), row_of(NARROW, WIDE)
    for name in ("iou", "dice", "hausdorff_px", "hd95_px", "masd_px", "assd_px", "nsd", "centroid_distance_px"):
        assert there[name] == back[name], name
    assert there["signed_offset_px"] == -back["signed_offset_px"] > 0
    assert there["log_area_ratio"] == close(-back["log_area_ratio"])
    assert (there["area_a_px2"], there["area_b_px2"]) == (back["area_b_px2"], back["area_a_px2"])


def test_a_shifted_square() -> None:
    """3 px to the right and 4 px down: the centroids are 5 px apart, and nobody drew wider."""
    moved = polygon("moved", [(33, 34), (73, 34), (73, 74), (33, 74)])
    row = row_of(WIDE, moved)
    assert (row["centroid_distance_px"], row["hausdorff_px"]) == (close(5), close(5))
    assert (row["signed_offset_px"], row["log_area_ratio"]) == (
        pytest.approx(0, abs=1e-12),
        pytest.approx(0, abs=1e-12),
    )


def test_the_same_outline_twice() -> None:
    row = row_of(WIDE, WIDE)
    zero = ("hausdorff_px", "hd95_px", "masd_px", "assd_px", "signed_offset_px", "centroid_distance_px")
    assert [row[name] for name in zero] == [0.0] * 6
    assert (row["nsd"], row["area_ratio"], row["log_area_ratio"]) == (1.0, 1.0, 0.0)
    assert row_of(WIDE, WIDE, nsd_tolerance_px=0)["nsd"] == 1.0


def test_a_near_miss_and_a_conflict_have_all_numbers() -> None:
    """Rows of both kinds carry distances, although near misses count as unmatched."""
    corner = polygon("corner", [(60, 60), (90, 60), (90, 90), (60, 90)])
    melanoma = polygon("melanoma", [(30, 30), (70, 30), (70, 68), (30, 68)], ("melanoma",))
    for other, match in ((corner, "near_miss"), (melanoma, "label_conflict")):
        row = row_of(WIDE, other)
        assert row["match"] == match
        assert None not in row.values(), row


def test_a_crossing_outline_counts_with_what_it_fills() -> None:
    """A bow tie is two triangles: the distances are those of their outline."""
    bow = polygon("bow", [(30, 30), (70, 70), (70, 30), (30, 70)])
    row = row_of(WIDE, bow)
    assert (row["valid_b"], row["area_b_px2"]) == (False, close(800))
    parts = lesiongeo.union([[[30, 30], [50, 50], [30, 70]]], [[[70, 30], [70, 70], [50, 50]]])
    square = [[[30, 30], [70, 30], [70, 70], [30, 70]]]
    expected = lesiongeo.surface_distances(square, parts, tolerance=2.0)
    for name in ("hausdorff_px", *ALONG):
        assert row[name] == close(expected[name][0].as_py()), name


# millimetres


def test_millimetres_are_pixels_times_an_even_spacing() -> None:
    row = row_of(WIDE, NARROW, spacing_mm=0.25)
    for name in PX:
        assert row[f"{name}_mm"] == row[f"{name}_px"] * 0.25, name
    assert (row["area_a_mm2"], row["area_b_mm2"]) == (100.0, 25.0)


def test_millimetres_with_an_uneven_spacing() -> None:
    """Twice as long along x: the outlines are scaled before any length is taken."""
    moved = polygon("moved", [(33, 34), (73, 34), (73, 74), (33, 74)])
    row = row_of(WIDE, moved, spacing_mm=(2.0, 1.0))
    assert row["centroid_distance_mm"] == close(math.hypot(6, 4))
    assert (row["hausdorff_mm"], row["hausdorff_px"]) == (close(math.hypot(6, 4)), close(5))
    assert (row["area_a_mm2"], row["area_a_px2"]) == (close(3200), close(1600))
    row = row_of(WIDE, NARROW, spacing_mm=(2.0, 1.0))
    assert row["hausdorff_mm"] == close(math.hypot(20, 10))
    assert row["signed_offset_mm"] > row["signed_offset_px"] > 0


def pages(*spacings: Any) -> Export:
    """A task with a page per spacing, on each of which both drew two squares."""

    def side(square: Entry) -> list[Entry]:
        return [{**square, "item_index": page, "id": f"{square['id']}{page}"} for page in range(len(spacings))]

    made = both(side(WIDE), side(NARROW))
    made["data"] = {"images": [f"visit-{page}.jpg" for page in range(len(spacings))], "mm": list(spacings)}
    return read(made, spacing_mm="mm")


def test_every_page_has_its_own_spacing() -> None:
    export = pages(0.5, None, [2.0, 1.0], [1.0, 3.0])
    rows = {row["page"]: row for row in lesiongeo.agreement(export).pairs.to_pylist()}
    assert [rows[1][name] for name in IN_MM] == [None] * len(IN_MM)
    for page, spacing in ((0, 0.5), (2, (2.0, 1.0)), (3, (1.0, 3.0))):
        expected = lesiongeo.surface_distances(
            [[[30, 30], [70, 30], [70, 70], [30, 70]]],
            [[[40, 40], [60, 40], [60, 60], [40, 60]]],
            spacing_mm=spacing,
        )
        for name in ("hausdorff_mm", "hd95_mm", "masd_mm", "assd_mm", "signed_offset_mm"):
            assert rows[page][name] == close(expected[name][0].as_py()), (page, name)
    assert len({row["hausdorff_px"] for row in rows.values()}) == 1


def test_a_missing_side_has_the_area_of_the_other_in_mm() -> None:
    rows = lesiongeo.agreement(read(both([WIDE], []), spacing_mm=0.5)).pairs.to_pylist()
    (row,) = rows
    assert (row["area_a_mm2"], row["area_b_mm2"]) == (400.0, None)
    assert [row[name] for name in IN_MM[:-2]] == [None] * 6


def test_without_any_spacing_there_are_no_such_columns() -> None:
    found = lesiongeo.agreement(read(both([WIDE], [NARROW]))).pairs.column_names
    assert not [name for name in found if "mm" in name]
    with_mm = lesiongeo.agreement(read(both([WIDE], [NARROW]), spacing_mm=1)).pairs.column_names
    at = with_mm.index("log_area_ratio") + 1
    assert with_mm[at : at + 8] == IN_MM
    assert with_mm[:at] + with_mm[at + 8 :] == found
    # Nobody drew anything, and yet the columns are those of the file's pages.
    empty = lesiongeo.agreement(read(both([], []), spacing_mm=1)).pairs
    assert empty.column_names == with_mm
    assert empty.num_rows == 0


def test_outlines_too_large_for_millimetres_have_none() -> None:
    """Nor do they take the others down: 1e145 px at 1e9 mm are beyond what can be squared."""
    huge = [
        polygon(f"huge {low}", [(low * 1e143, low * 1e143), (7e144, low * 1e143), (7e144, 7e144)]) for low in (30, 40)
    ]
    export = read(both(huge[:1], huge[1:], task_id=1), both([WIDE], [NARROW], task_id=2), spacing_mm=(1e9, 1e8))
    rows = {row["task_id"]: row for row in lesiongeo.agreement(export).pairs.to_pylist()}
    assert [rows[1][name] for name in IN_MM] == [None] * len(IN_MM)
    assert rows[1]["hausdorff_px"] > 1e143
    assert rows[1]["centroid_distance_px"] is None, "its moments overflow"
    assert rows[1]["area_a_px2"] > rows[1]["area_b_px2"] > 1e286
    assert rows[2]["hausdorff_mm"] == pytest.approx(math.hypot(1e10, 1e9), rel=1e-12)


# labels and status


def status(region: Entry, answer: str | None) -> list[Entry]:
    if answer is None:
        return [region]
    return [region, {**region, "type": "choices", "from_name": "status", "value": {"choices": [answer]}}]


def test_status_is_equal_where_both_answered() -> None:
    places = [(0, "new", "new"), (20, "new", "stable"), (40, "new", None), (60, None, None)]

    def side(which: int) -> list[Entry]:
        found = []
        for x, *answers in places:
            found += status(polygon(f"{which}.{x}", [(x, 0), (x + 10, 0), (x + 10, 10)]), answers[which])
        return found

    alone = status(polygon("alone", [(80, 80), (90, 80), (90, 90)]), "new")
    rows = lesiongeo.agreement(read(both(side(0), [*side(1), *alone]))).pairs.to_pylist()
    found = {row["region_b"]: row["status_equal"] for row in rows}
    assert found == {"1.0": True, "1.20": False, "1.40": None, "1.60": None, "alone": None}


def test_label_equality_is_that_of_the_sets() -> None:
    for labels_a, labels_b, equal in (
        (("nevus",), ("nevus",), True),
        (("nevus",), ("melanoma",), False),
        (("nevus", "wart"), ("wart", "nevus"), True),
        (("nevus", "wart"), ("nevus",), False),
        ((), (), True),
        ((), ("nevus",), False),
    ):
        a, b = (
            polygon(name, [(30, 30), (70, 30), (70, 70)], labels) for name, labels in (("a", labels_a), ("b", labels_b))
        )
        row = row_of(a, b)
        assert row["label_equal"] is equal
        assert row["match"] == ("matched" if equal else "label_conflict")
    (row,) = lesiongeo.agreement(read(both([WIDE], []))).pairs.to_pylist()
    assert row["label_equal"] is None


# on many pairs


@pytest.fixture(scope="module")
def made() -> Export:
    tasks = make_export(patients=12, annotators=3, seed=11)
    return lesiongeo.read_label_studio(json.dumps(tasks).encode(), spacing_mm=(0.08, 0.05))


def columns(result: Agreement, *names: str) -> list[npt.NDArray[np.float64]]:
    return [pc.fill_null(result.pairs[name], np.nan).to_numpy() for name in names]


def check_against_functions(export: Export, result: Agreement) -> int:
    """Every number is what the public functions say of the two regions of its row."""
    rows = result.region_rows
    regions = export.regions
    chosen = (rows >= 0).all(axis=1)
    first, second = (regions.polygons[rows[chosen, side]] for side in (0, 1))
    ids, annotations = regions.table["region_id"].to_pylist(), regions.table["annotation_id"].to_pylist()
    for side, row in (("a", rows[:, 0]), ("b", rows[:, 1])):
        expected = [(annotations[at], ids[at]) if at >= 0 else (None, None) for at in row.tolist()]
        found = result.pairs[f"region_{side}"].to_pylist()
        assert found == [region for _, region in expected]
        known = [(annotation, region) for annotation, region in expected if region is not None]
        own = result.pairs[f"annotation_{side}"].to_pylist()
        assert [(a, r) for a, r in zip(own, found, strict=True) if r is not None] == known
    tolerance = 2.0
    distances = lesiongeo.surface_distances(first, second, tolerance=tolerance)
    for name in ("hausdorff_px", *ALONG):
        (values,) = columns(result, name)
        assert np.array_equal(values[chosen], pc.fill_null(distances[name], np.nan).to_numpy(), equal_nan=True), name
        assert np.isnan(values[~chosen]).all()
    (values,) = columns(result, "hausdorff_px")
    assert np.array_equal(values[chosen], np.asarray(lesiongeo.hausdorff(first, second)))
    shift = np.asarray(lesiongeo.centroid(first)) - np.asarray(lesiongeo.centroid(second))
    (values,) = columns(result, "centroid_distance_px")
    assert values[chosen] == pytest.approx(np.hypot(*shift.T), rel=1e-12, abs=1e-12)
    a, b, ratio, logarithm = columns(result, "area_a_px2", "area_b_px2", "area_ratio", "log_area_ratio")
    assert np.array_equal(a[chosen], np.asarray(lesiongeo.area(first)))
    assert np.array_equal(b[chosen], np.asarray(lesiongeo.area(second)))
    assert logarithm[chosen] == pytest.approx(np.log(ratio[chosen]), abs=1e-15)
    labels = [frozenset(found) for found in regions.table["labels"].to_pylist()]
    equal = [None if min(pair) < 0 else labels[pair[0]] == labels[pair[1]] for pair in rows.tolist()]
    assert result.pairs["label_equal"].to_pylist() == equal
    return int(chosen.sum())


def test_numbers_are_those_of_the_functions(made: Export) -> None:
    result = lesiongeo.agreement(made)
    assert check_against_functions(made, result) > 100
    rows = result.region_rows
    chosen = (rows >= 0).all(axis=1)
    first, second = (made.regions.polygons[rows[chosen, side]] for side in (0, 1))
    in_mm = lesiongeo.surface_distances(first, second, spacing_mm=(0.08, 0.05))
    for name in ("hausdorff_mm", "hd95_mm", "masd_mm", "assd_mm", "signed_offset_mm"):
        (values,) = columns(result, name)
        assert np.array_equal(values[chosen], in_mm[name].to_numpy()), name


@pytest.mark.skipif(not MAKER.exists(), reason="the shared data are not beside the repository")
def test_numbers_of_what_people_drew() -> None:
    export = lesiongeo.read_label_studio(real_export("lvis"))
    assert check_against_functions(export, lesiongeo.agreement(export)) > 500


def test_without_the_boundary_all_else_is_the_same(made: Export) -> None:
    """Also the Hausdorff distance, to the bit."""
    full, short = lesiongeo.agreement(made), lesiongeo.agreement(made, boundary=False)
    assert short.pairs.schema.equals(full.pairs.schema)
    left_out = {*ALONG, *(name.replace("_px", "_mm") for name in ALONG if name.endswith("_px"))}
    for name in full.pairs.column_names:
        if name in left_out:
            assert short.pairs[name].null_count == short.pairs.num_rows, name
            assert full.pairs[name].null_count < full.pairs.num_rows, name
        else:
            assert short.pairs[name].equals(full.pairs[name]), name
    for name in ("tasks", "lesions", "annotators", "summary"):
        assert getattr(short, name).equals(getattr(full, name))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("boundary", [True, False])
def test_progress_of_both_passes_goes_forward(made: Export, threads: int, boundary: bool) -> None:
    """Spacing that is not the same along both axes takes a second pass, which is reported too."""
    seen: list[float] = []

    def progress(done: int, total: int) -> None:
        assert 0 <= done <= total
        seen.append(done / total)

    lesiongeo.agreement(made, threads=threads, boundary=boundary, progress=progress)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


# options


@pytest.mark.parametrize("tolerance", [-1, math.nan, math.inf, "2", True, None])
def test_the_tolerance_is_a_distance(tolerance: Any) -> None:
    with pytest.raises(ValueError, match="nsd_tolerance_px is "):
        row_of(WIDE, NARROW, nsd_tolerance_px=tolerance)


@pytest.mark.parametrize("boundary", [1, "no", None])
def test_boundary_is_true_or_false(boundary: Any) -> None:
    with pytest.raises(ValueError, match=r"boundary is .*; it is True or False"):
        row_of(WIDE, NARROW, boundary=boundary)


def test_key_points_and_lines_are_no_rows() -> None:
    point = entry("point", "keypointlabels", {"x": 50, "y": 50, "width": 1, "keypointlabels": ["nevus"]}, 0)
    result = lesiongeo.agreement(read(both([WIDE, point], [NARROW])))
    assert result.region_rows.tolist() == [[0, 2]]
