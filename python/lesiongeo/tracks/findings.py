"""Rows of findings about lesions over visits: their columns, how they are made and sorted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..agreement.counted import Ints
from ..checks.view import SEVERITIES, spread
from ..read import Export

__all__ = ["TRACK_FINDING_SCHEMA", "finding_rows", "findings_about_regions", "sorted_findings", "undated"]

UNREADABLE = "a field of the task's data has a value here that is none; correct it in the task. It counts as unknown"

TRACK_FINDING_SCHEMA = pa.schema(
    [
        ("severity", pa.string()),
        ("code", pa.string()),
        ("patient", pa.string()),
        ("site", pa.string()),
        ("track_id", pa.string()),
        ("visit", pa.int32()),
        ("task_id", pa.int64()),
        ("page", pa.int32()),
        ("annotation_id", pa.int64()),
        ("annotator", pa.string()),
        ("region_id", pa.string()),
        ("value", pa.string()),
        ("message", pa.string()),
    ]
)


def finding_rows(count: int, *, severity: Any, code: Any, message: Any, **place: Any) -> pa.Table:
    """Make rows of findings.

    Parameters
    ----------
    count : int
        Number of rows.
    severity, code, message : str, or column of str
        One for all rows, or one for each. Severity is error (a number is wrong or something is lost), warning (somebody
        should look) or info (nothing to correct); code is lower_snake and stable; message says what it means and what
        to do.
    **place
        The other columns of `TRACK_FINDING_SCHEMA`: patient, site, track_id, visit (from 0), task_id, page (from 0),
        annotation_id, annotator, region_id, value (what was found, as text). One text for all rows or a column;
        null where left out.

    Returns
    -------
    pyarrow.Table
        `count` rows in the schema `TRACK_FINDING_SCHEMA`.

    Raises
    ------
    TypeError
        If a column is not in the schema.

    Examples
    --------
    >>> from lesiongeo.tracks.findings import finding_rows
    >>> table = finding_rows(2, severity="warning", code="id_gap", message="look", track_id="3", visit=[1, 2])
    >>> table.select(["code", "track_id", "visit", "patient"]).to_pylist()[1]
    {'code': 'id_gap', 'track_id': '3', 'visit': 2, 'patient': None}
    """
    unknown = sorted(set(place) - set(TRACK_FINDING_SCHEMA.names))
    if unknown:
        raise TypeError(f"findings about tracks have no column {', '.join(unknown)}")
    given = {"severity": severity, "code": code, "message": message, **place}
    columns = [spread(given.get(field.name), count, field.type) for field in TRACK_FINDING_SCHEMA]
    return pa.Table.from_arrays(columns, schema=TRACK_FINDING_SCHEMA)


def findings_about_regions(
    export: Export, rows: Ints, *, severity: Any, code: Any, message: Any, **place: Any
) -> pa.Table:
    """Make a finding of each of these regions, given by their rows: task, page, annotation and names are filled in.

    `place` holds the remaining columns; see `finding_rows`.
    """
    names = ["task_id", "page", "annotation_id", "annotator", "region_id"]
    theirs = export.regions.table.select(names).take(pa.array(rows, pa.int64()))
    filled = {name: theirs[name] for name in names}
    return finding_rows(len(rows), severity=severity, code=code, message=message, **{**filled, **place})


def undated(findings: pa.Table) -> pa.Table:
    """Leave out what findings about pages say of dates: their values, and messages about values that are no dates."""
    odd = pc.starts_with(findings["code"], "not_a_")
    message = pc.if_else(odd, UNREADABLE, findings["message"])
    value = pa.nulls(findings.num_rows, pa.string())
    for name, column in (("message", message), ("value", value)):
        at = findings.schema.get_field_index(name)
        findings = findings.set_column(at, TRACK_FINDING_SCHEMA.field(name), column)
    return findings


def sorted_findings(tables: Iterable[pa.Table]) -> pa.Table:
    """Join tables of findings, the worst first, then by every other column: the order of the file does not matter."""
    found = pa.concat_tables([TRACK_FINDING_SCHEMA.empty_table(), *tables])
    if found.num_rows == 0:
        return found
    rank = pc.index_in(found["severity"], pa.array(SEVERITIES))
    names = [name for name in TRACK_FINDING_SCHEMA.names if name != "severity"]
    keys = [("rank", "ascending"), *((name, "ascending") for name in names)]
    order = pc.sort_indices(found.append_column("rank", rank), sort_keys=keys)
    return found.take(order).combine_chunks()
