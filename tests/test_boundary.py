"""The Python boundary: wrong input is refused with its row and a way out; odd but right input just works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import shapely

import lesiongeo
from lesiongeo import LesiongeoError, Polygons, RegionError

XY = np.array(
    [(0, 0), (4, 0), (4, 4), (0, 4), (1, 1), (2, 1), (2, 3), (1, 3), (7, 7), (9, 7), (9, 9)], dtype=np.float64
)
RINGS = np.array([0, 4, 8, 11], dtype=np.int32)  # row 0: a square with a hole; row 1: a triangle
ROWS = np.array([0, 2, 3], dtype=np.int32)
UNIT = [(0, 0), (1, 0), (1, 1), (0, 1)]
PAIRED = [lesiongeo.intersection_area, lesiongeo.iou, lesiongeo.dice, lesiongeo.hausdorff]
SINGLE = [lesiongeo.area, lesiongeo.perimeter, lesiongeo.centroid, lesiongeo.bounds, lesiongeo.is_valid]


def poked(array: npt.NDArray[Any], where: int | tuple[int, int], value: float) -> npt.NDArray[Any]:
    out = array.copy()
    out[where] = value
    return out


# name: xy, ring offsets, polygon offsets
REFUSED: dict[str, tuple[Any, Any, Any]] = {
    "rings out of order": (XY, [0, 8, 4, 11], ROWS),
    "rings not from 0": (XY, [1, 4, 8, 11], ROWS),
    "rings below 0": (XY, [0, -4, 8, 11], ROWS),
    "rings beyond the points": (XY, [0, 4, 8, 12], ROWS),
    "rings end early": (XY, [0, 4, 8, 10], ROWS),
    "rings far beyond": (XY, np.array([0, 4, 8, 2**40 + 11]), ROWS),
    "ring offset that wraps to the right one in 32 bits": (XY, np.array([0, 4 + 2**32, 8, 11]), ROWS),
    "no ring offsets": (XY, [], ROWS),
    "rows out of order": (XY, RINGS, [0, 3, 2, 3]),
    "rows not from 0": (XY, RINGS, [1, 2, 3]),
    "rows beyond the rings": (XY, RINGS, [0, 2, 4]),
    "rows end early": (XY, RINGS, [0, 2]),
    "no row offsets": (XY, RINGS, []),
    "fractional offsets": (XY, RINGS + 0.5, ROWS),
    "float offsets": (XY, RINGS.astype(float), ROWS),
    "text offsets": (XY, ["0", "4", "8", "11"], ROWS),
    "boolean offsets": (XY, RINGS, np.array([False, True])),
    "table of offsets": (XY, RINGS.reshape(2, 2), ROWS),
    "one offset, no array": (XY, 0, ROWS),
    "flat xy": (XY.ravel(), RINGS, ROWS),
    "xy of one column": (XY[:, :1], RINGS, ROWS),
    "xy of three columns": (np.column_stack([XY, XY[:, 0]]), RINGS, ROWS),
    "xy of three axes": (XY[None], RINGS, ROWS),
    "complex xy": (XY + 1j, RINGS, ROWS),
    "text xy": (XY.astype(str), RINGS, ROWS),
    "objects": (np.array([[None, 1]] * 11), RINGS, ROWS),
    "dates": (XY.astype("datetime64[s]"), RINGS, ROWS),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("roles", ["polygon", "oriented"])
def test_bad_ragged_arrays_are_refused(name: str, roles: Any) -> None:
    with pytest.raises(RegionError) as caught:
        Polygons.from_ragged(*REFUSED[name], roles=roles)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, LesiongeoError)
    text = str(caught.value)
    assert len(text) > 20, "says what is wrong and what to do"
    assert "offset" in text or "xy" in text


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e200, -1e308])
@pytest.mark.parametrize(("point", "column", "row", "ring"), [(0, 0, 0, 0), (7, 1, 0, 1), (10, 0, 1, 0)])
def test_bad_coordinates_are_refused_with_their_place(
    value: float, point: int, column: int, row: int, ring: int
) -> None:
    xy = poked(XY, (point, column), value)
    with pytest.raises(RegionError) as caught:
        Polygons.from_ragged(xy, RINGS, ROWS)
    assert (caught.value.row, caught.value.ring) == (row, ring)
    assert str(row) in str(caught.value)
    rows = [[xy[:4], xy[4:8]], [xy[8:]]]
    with pytest.raises(RegionError) as caught:
        Polygons.from_rings(rows)
    assert (caught.value.row, caught.value.ring) == (row, ring)
    for function in (
        lesiongeo.area,
        lambda p: lesiongeo.iou(p, [UNIT]),
        lambda p: lesiongeo.hausdorff([UNIT], p),
    ):
        with pytest.raises(RegionError):
            function(rows)


def test_nan_from_shapely_is_refused() -> None:
    with np.errstate(invalid="ignore"):
        bad = shapely.Polygon([(0, 0), (1, np.nan), (1, 1)])
    with pytest.raises(RegionError) as caught:
        Polygons.from_shapely([shapely.box(0, 0, 1, 1), bad])
    assert caught.value.row == 1


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros(6),
        np.zeros((3, 3)),
        np.zeros((2, 3, 3)),
        [(0, 0), (1,), (1, 1)],
        ["a", "b", "c"],
        7,
        None,
        "0 0, 1 1",
        {"points": UNIT},
        np.array(UNIT) * 1j,
    ],
    ids=repr,
)
def test_bad_rows_are_refused_with_their_number(bad: object) -> None:
    with pytest.raises(RegionError) as caught:
        Polygons.from_rings([UNIT, UNIT, bad])
    assert caught.value.row == 2
    assert len(str(caught.value)) > 20


def test_other_geometries_are_refused_with_their_row() -> None:
    for bad in (
        shapely.Point(0, 0),
        shapely.LineString([(0, 0), (1, 1)]),
        shapely.GeometryCollection([shapely.box(0, 0, 1, 1)]),
    ):
        with pytest.raises(RegionError, match=bad.geom_type) as caught:
            Polygons.from_shapely([shapely.box(0, 0, 1, 1), bad])
        assert caught.value.row == 1


@pytest.mark.parametrize("bad", [7, None, "outlines", 1.5])
def test_no_batch_at_all_is_refused(bad: Any) -> None:
    for function in SINGLE:
        with pytest.raises((RegionError, TypeError)):
            function(bad)


def variants() -> dict[str, tuple[Any, Any, Any]]:
    padded = np.zeros((11, 5))
    padded[:, 1:4:2] = XY
    frozen = XY.copy()
    frozen.setflags(write=False)
    offsets = RINGS.copy()
    offsets.setflags(write=False)
    unaligned = np.frombuffer(b"\0" + XY.tobytes(), dtype=np.uint8)[1:].view(np.float64).reshape(-1, 2)
    return {
        "columns apart": (padded[:, 1:4:2], RINGS, ROWS),
        "every second row": (
            np.repeat(XY, 2, axis=0)[::2],
            np.repeat(RINGS, 2)[::2],
            np.repeat(ROWS, 3)[::3],
        ),
        "read backwards": (XY[::-1].copy()[::-1], RINGS[::-1].copy()[::-1], ROWS),
        "Fortran order": (np.asfortranarray(XY), RINGS, ROWS),
        "read-only": (frozen, offsets, ROWS),
        "big-endian": (XY.astype(">f8"), RINGS.astype(">i4"), ROWS.astype(">i8")),
        "float32": (XY.astype(np.float32), RINGS, ROWS),
        "float16": (XY.astype(np.float16), RINGS, ROWS),
        "int64": (XY.astype(np.int64), RINGS.astype(np.int64), ROWS.astype(np.int64)),
        "uint8": (XY.astype(np.uint8), RINGS.astype(np.uint8), ROWS.astype(np.uint8)),
        "uint64": (XY.astype(np.uint64), RINGS.astype(np.uint64), ROWS.astype(np.uint64)),
        "lists": (XY.tolist(), RINGS.tolist(), ROWS.tolist()),
        "tuples": (tuple(map(tuple, XY.tolist())), tuple(RINGS.tolist()), tuple(ROWS.tolist())),
        "unaligned": (unaligned, RINGS, ROWS),
        "memory views": (memoryview(XY), memoryview(RINGS), memoryview(ROWS)),
        "subclass": (XY.view(np.matrix), RINGS, ROWS),
    }


@pytest.mark.parametrize("name", variants())
def test_odd_arrays_give_the_same_numbers(name: str) -> None:
    want = Polygons.from_ragged(XY, RINGS, ROWS)
    got = Polygons.from_ragged(*variants()[name])
    assert got == want
    assert lesiongeo.area(got).tolist() == [14, 2]
    rows = got.to_rings()
    assert lesiongeo.iou(got, [UNIT]) == pytest.approx([1 / 14, 0], rel=1e-15)
    assert [[r.flags.c_contiguous for r in row] for row in rows] == [[True, True], [True]]


def test_odd_arrays_as_rings() -> None:
    want = Polygons.from_rings([XY[:4], XY[8:]])
    for convert in (
        np.asfortranarray,
        lambda r: r.astype(">f8"),
        lambda r: r.astype(np.float32),
        lambda r: r.astype(np.int16),
        lambda r: np.repeat(r, 3, axis=0)[::3],
        lambda r: r.tolist(),
    ):
        assert Polygons.from_rings([convert(XY[:4]), convert(XY[8:])]) == want


def test_minus_zero_is_zero() -> None:
    minus = np.array([(-0.0, -0.0), (1, -0.0), (1, 1), (-0.0, 1)])
    assert lesiongeo.iou([minus], [UNIT]).tolist() == [1.0]
    assert lesiongeo.hausdorff([minus], [UNIT]).tolist() == [0.0]


@pytest.mark.parametrize("size", [1e-150, 1e-30, 1e30, 1e70])
def test_extreme_sizes_have_finite_answers(size: float) -> None:
    a, b = [np.array(UNIT) * size], [np.array([(0, 0), (1, 0), (1, 0.5), (0, 0.5)]) * size]
    assert lesiongeo.iou(a, b) == pytest.approx([0.5], rel=1e-14)
    assert lesiongeo.hausdorff(a, b) == pytest.approx([0.5 * size], rel=1e-14)
    assert lesiongeo.perimeter(a) == pytest.approx([4 * size], rel=1e-14)


def test_subnormal_sizes_do_not_break() -> None:
    a = [np.array(UNIT) * 5e-324]
    assert lesiongeo.area(a).tolist() == [0]
    assert np.isnan(lesiongeo.iou(a, a)).all()
    assert lesiongeo.hausdorff(a, a).tolist() == [0]


def nothing() -> list[Any]:
    return [
        [],
        np.empty((0, 4, 2)),
        np.array([], dtype=object),
        Polygons.from_rings([]),
        Polygons.from_shapely(np.array([], dtype=object)),
        Polygons.from_ragged(np.empty((0, 2)), [0], [0]),
    ]


@pytest.mark.parametrize("empty", nothing(), ids=lambda e: type(e).__name__)
def test_empty_batches_give_empty_results(empty: Any) -> None:
    shapes = {lesiongeo.centroid: (0, 2), lesiongeo.bounds: (0, 4)}
    for function in SINGLE:
        got = function(empty)
        assert got.shape == shapes.get(function, (0,))
        assert got.dtype == (np.bool_ if function is lesiongeo.is_valid else np.float64)
    for paired in PAIRED:
        for got in (paired(empty, empty), paired(empty, [UNIT]), paired([UNIT], empty)):
            assert got.shape == (0,)
            assert got.dtype == np.float64


@pytest.mark.parametrize("function", PAIRED, ids=lambda f: f.__name__)
@pytest.mark.parametrize(("n", "m"), [(2, 3), (3, 2), (0, 2), (2, 0)])
def test_lengths_that_do_not_go_together(function: Callable[..., Any], n: int, m: int) -> None:
    with pytest.raises(RegionError) as caught:
        function([UNIT] * n, [UNIT] * m)
    assert str(n) in str(caught.value)
    assert str(m) in str(caught.value)


@pytest.mark.parametrize("threads", [0, -1])
def test_bad_thread_counts_are_refused(threads: int) -> None:
    with pytest.raises(ValueError, match="thread"):
        lesiongeo.area([UNIT], threads=threads)
    with pytest.raises(ValueError, match="thread"):
        lesiongeo.set_num_threads(threads)
