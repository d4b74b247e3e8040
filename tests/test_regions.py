"""Regions: rows are taken together with their outlines, and leave as Arrow, pandas and polars."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

import lesiongeo
from lesiongeo import Polygons, RegionError, Regions

# Squares of side 1, 2, 3, the last with a hole of side 1, and a region of no outline.
OUTLINES: list[Any] = [
    [[0, 0], [1, 0], [1, 1], [0, 1]],
    [[0, 0], [2, 0], [2, 2], [0, 2]],
    [[[0, 0], [3, 0], [3, 3], [0, 3]], [[1, 1], [2, 1], [2, 2], [1, 2]]],
    [],
]
AREAS = [1, 4, 8, 0]


def make() -> Regions:
    table = pa.table(
        {
            "label": pa.array(["a", "b", None, "d"]),
            "labels": pa.array([["a"], ["b", "c"], [], ["d"]]),
            "track_id": pa.array([1.0, None, 3.0, 4.0]),
            "seen": pa.array([0, 1, 2, 3], pa.timestamp("us", tz="UTC")),
        }
    )
    return Regions(Polygons.from_rings(OUTLINES), table)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([0, 1, 2, 3], [0, 1, 2, 3]),
        ([2, 0], [2, 0]),
        ([1, 1, 1], [1, 1, 1]),
        ([-1, -4], [3, 0]),
        ([], []),
        ((3,), [3]),
        (np.array([2, 3], dtype=np.uint8), [2, 3]),
        (np.array([], dtype=np.float64), []),
        ([True, False, True, False], [0, 2]),
        (np.zeros(4, dtype=bool), []),
        (np.ones(4, dtype=bool), [0, 1, 2, 3]),
        (pa.array([1, 2]), [1, 2]),
    ],
)
def test_take(rows: Any, expected: list[int]) -> None:
    regions = make()
    taken = regions.take(rows)
    assert len(taken) == len(expected)
    assert taken.table.schema == regions.table.schema
    assert taken.table.to_pylist() == [regions.table.to_pylist()[row] for row in expected]
    assert taken.polygons == regions.polygons.take(np.array(expected, dtype=np.int64))
    assert lesiongeo.area(taken).tolist() == [AREAS[row] for row in expected]
    assert regions.table.num_rows == 4, "the original stays"


@pytest.mark.parametrize("rows", [[4], [-5], [0, 99], [True, False], np.ones(5, dtype=bool)])
def test_rows_outside_are_an_index_error(rows: Any) -> None:
    with pytest.raises(IndexError):
        make().take(rows)


@pytest.mark.parametrize("rows", [[0.5], ["a"]])
def test_rows_that_are_no_rows_are_refused(rows: Any) -> None:
    with pytest.raises(IndexError):
        make().take(rows)


def test_taking_from_none() -> None:
    empty = make().take([])
    mask: npt.NDArray[np.bool_] = np.zeros(0, dtype=bool)
    assert len(empty.take([])) == len(empty.take(mask)) == 0
    assert empty.to_arrow().schema == make().to_arrow().schema


def test_as_many_rows_as_outlines() -> None:
    with pytest.raises(RegionError, match="4 outlines but 1 rows"):
        Regions(Polygons.from_rings(OUTLINES), pa.table({"label": ["a"]}))
    with pytest.raises(RegionError, match="1 outlines but 2 rows"):
        Regions(Polygons.from_rings(OUTLINES[:1]), pa.table({"label": ["a", "b"]}))


def test_functions_take_regions_for_outlines() -> None:
    regions = make()
    assert lesiongeo.area(regions).tolist() == AREAS
    assert lesiongeo.iou(regions, regions.take([0, 1, 2, 3]))[:3].tolist() == [1, 1, 1]
    assert lesiongeo.is_valid(regions).tolist() == [True, True, True, False]


def test_repr_says_how_much_there_is() -> None:
    assert repr(make()) == "<Regions: 4 regions, columns label, labels, track_id, seen>"


def test_to_arrow_appends_the_outlines() -> None:
    regions = make()
    table = regions.to_arrow()
    assert table.column_names == ["label", "labels", "track_id", "seen", "geometry"]
    assert table.drop_columns("geometry").equals(regions.table)
    assert table.num_rows == 4


def test_arrow_stream() -> None:
    regions = make()
    for table in (pa.table(regions), pa.RecordBatchReader.from_stream(regions).read_all()):
        assert table.equals(regions.to_arrow())
        assert table.schema.field("geometry").metadata == regions.to_arrow().schema.field("geometry").metadata
        table.validate(full=True)


def test_arrow_stream_of_no_rows_keeps_the_columns() -> None:
    empty = make().take([])
    table = pa.table(empty)
    assert table.num_rows == 0
    assert table.schema.equals(make().to_arrow().schema, check_metadata=True)


@pytest.mark.skipif(importlib.util.find_spec("pandas") is None, reason="pandas is not here")
def test_to_pandas() -> None:
    frame = make().to_pandas()
    assert list(frame.columns) == ["label", "labels", "track_id", "seen"]
    assert frame["track_id"].tolist()[::2] == [1, 3]
    assert frame["track_id"].isna().tolist() == [False, True, False, False]
    assert frame["label"].isna().tolist() == [False, False, True, False]
    assert [list(labels) for labels in frame["labels"]] == [["a"], ["b", "c"], [], ["d"]]
    assert str(frame["seen"].dt.tz) == "UTC"
    assert make().take([]).to_pandas().shape == (0, 4)


@pytest.mark.skipif(importlib.util.find_spec("polars") is None, reason="polars is not here")
def test_to_polars() -> None:
    frame = make().to_polars()
    assert frame.columns == ["label", "labels", "track_id", "seen"]
    assert frame["track_id"].to_list() == [1, None, 3, 4]


def test_regions_of_an_export_can_be_chosen() -> None:
    text = b"""[{"id": 7, "data": {}, "annotations": [{"id": 1, "completed_by": 4, "result": [
      {"id": "a", "type": "polygonlabels", "original_width": 100, "original_height": 100, "from_name": "lesion",
       "value": {"points": [[0, 0], [10, 0], [0, 10]], "polygonlabels": ["nevus"]}},
      {"id": "b", "type": "polygonlabels", "original_width": 100, "original_height": 100, "from_name": "lesion",
       "value": {"points": [[0, 0], [20, 0], [0, 20]], "polygonlabels": ["other"]}}]}]}]"""
    regions = lesiongeo.read_label_studio(text).regions
    chosen = regions.take(np.array(regions.table["label"].to_pylist()) == "other")
    assert chosen.table["region_id"].to_pylist() == ["b"]
    assert lesiongeo.area(chosen).tolist() == [200]
