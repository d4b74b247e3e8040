"""Rows of findings about tracks: columns, and an order that does not depend on that of the file."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import lesiongeo
from lesiongeo.tracks.findings import TRACK_FINDING_SCHEMA, finding_rows, findings_about_regions, sorted_findings


def test_columns_are_spread_or_given_one_by_one() -> None:
    table = finding_rows(2, severity="info", code=["a", "b"], message="look", visit=np.array([0, 3]), value=None)
    assert table.schema == TRACK_FINDING_SCHEMA
    assert table["code"].to_pylist() == ["a", "b"]
    assert table["visit"].to_pylist() == [0, 3]
    assert table["value"].to_pylist() == [None, None]
    assert finding_rows(0, severity="info", code="a", message="look").num_rows == 0


def test_an_unknown_column_is_an_error() -> None:
    with pytest.raises(TypeError, match="no column taskid"):
        finding_rows(1, severity="info", code="a", message="look", taskid=[1])


def test_regions_fill_in_where_they_are() -> None:
    export = lesiongeo.read_label_studio("examples/dermatology.json")
    table = findings_about_regions(export, np.array([3, 1]), severity="info", code="a", message="look", track_id="7")
    expected = export.regions.table.slice(1, 1).to_pylist()[0]
    row = table.to_pylist()[1]
    assert {name: row[name] for name in ("task_id", "page", "annotator", "region_id")} == {
        name: expected[name] for name in ("task_id", "page", "annotator", "region_id")
    }
    assert row["track_id"] == "7"


def test_the_worst_first_then_by_column_in_any_order() -> None:
    rows = [
        finding_rows(1, severity=severity, code=code, message="look", patient=patient, visit=[visit])
        for severity, code, patient, visit in (
            ("info", "a", "P", 0),
            ("error", "b", None, 0),
            ("error", "b", "P", 1),
            ("warning", "a", "P", 0),
            ("error", "a", "Q", 0),
        )
    ]
    first = sorted_findings(rows)
    assert first["severity"].to_pylist() == ["error", "error", "error", "warning", "info"]
    assert first["patient"].to_pylist()[:3] == ["Q", "P", None]
    for order in itertools.permutations(rows):
        assert sorted_findings(order).equals(first)
    assert sorted_findings([]).schema == TRACK_FINDING_SCHEMA
