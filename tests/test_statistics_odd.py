"""Everything that follows agreement, on exports that are odd in one way each.

Undefined is null with a reason, never NaN; the order of files and tasks, and the container, change no byte.
"""

from __future__ import annotations

import functools
import json
import math
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from typer.testing import CliRunner

import lesiongeo as lg
import little_exports
from lesiongeo import Export
from lesiongeo.cli import app

RESAMPLES = 40
CODE = re.compile(r"[a-z][a-z0-9_]*")

every_case = pytest.mark.parametrize("name", little_exports.CASES)


def source(name: str) -> bytes:
    return json.dumps(little_exports.CASES[name]()).encode()


def options(name: str) -> dict[str, Any]:
    """How a case is read."""
    return {"spacing_mm": "spacing"} if name == "spacings" else {}


def read(name: str) -> Export:
    return lg.read_label_studio(source(name), **options(name))


def everything(export: Export) -> Iterator[tuple[str, pa.Table]]:
    """All tables that follow from an export, by name."""
    result = lg.agreement(export)
    for name in ("pairs", "tasks", "lesions", "annotators", "summary", "superseded"):
        yield name, getattr(result, name)
    yield "statistics", lg.agreement_statistics(export, result, resamples=RESAMPLES)
    yield "reliability", lg.reliability(export, result, resamples=RESAMPLES)
    habits = lg.habits(export, result)
    for name in ("named", "weekly", "overall", "similar"):
        yield f"habits.{name}", getattr(habits, name)
    yield "queue", lg.review_queue(export, result)
    for method in ("majority", "union", "intersection", "medoid"):
        yield f"consensus.{method}", lg.consensus(export, result, method=method).regions.table


@functools.cache
def usual(name: str) -> dict[str, pa.Table]:
    """Everything that follows from a case."""
    return dict(everything(read(name)))


def numbers(table: pa.Table) -> Iterator[tuple[str, pa.ChunkedArray]]:
    """The columns of fractions."""
    for name in table.column_names:
        if pa.types.is_floating(table[name].type):
            yield name, table[name]


def assert_defined(name: str, table: pa.Table) -> None:
    """No NaN and no infinity anywhere."""
    for column, values in numbers(table):
        known = values.drop_null()
        assert pc.all(pc.is_finite(known)).as_py() is not False, (name, column)


@every_case
def test_undefined_is_null(name: str) -> None:
    """Nothing fails, nothing warns, nothing is NaN."""
    for table_name, table in usual(name).items():
        assert_defined(table_name, table)


@every_case
def test_undefined_has_a_reason(name: str) -> None:
    """A value is either known or has a code that says why not; so has an interval."""
    tables = usual(name)
    for row in tables["statistics"].to_pylist():
        assert_reason(row, "mean")
        assert (row["mean_low"] is None) == (row["mean_high"] is None), row
        if row["mean"] is not None and row["mean_low"] is not None:
            assert row["mean_low"] <= row["mean"] <= row["mean_high"], row
        if row["n_clusters"] is not None and row["n_clusters"] < 5:
            assert row["mean_low"] is None, row
    for row in tables["reliability"].to_pylist():
        assert_reason(row, "value")
        assert (row["low"] is None) == (row["high"] is None), row
        if row["n_clusters"] is not None and row["n_clusters"] < 5:
            assert row["low"] is None, row
        if row["low"] is not None:
            assert row["low"] <= row["value"] <= row["high"], row


def assert_reason(row: dict[str, Any], value: str) -> None:
    if row[value] is None:
        assert row["reason"] is not None and CODE.fullmatch(row["reason"]), row


@every_case
def test_the_same_again(name: str) -> None:
    """The same bytes in a second run."""
    first, second = usual(name), dict(everything(read(name)))
    assert list(first) == list(second)
    for key, table in first.items():
        assert same_bytes(table, second[key]), key


def same_bytes(one: pa.Table, other: pa.Table) -> bool:
    """Whether two tables are the same to the bit."""
    # Names inside lists differ between what is made and what is read, and mean nothing.
    return bool(one.schema.equals(other.schema)) and packed(one) == packed(other)


def packed(table: pa.Table) -> str:
    """Every value to the last bit."""
    return repr(table.to_pylist())


#: Tables whose columns are in the order in which the file first names the controls.
BY_CONTROLS = {"pairs"}


@every_case
def test_order_of_tasks_and_files(name: str) -> None:
    """Tasks, annotations and files in another order are the same export."""
    tasks = little_exports.CASES[name]()
    mixed = json.loads(json.dumps(tasks))
    rng = random.Random(name)
    rng.shuffle(mixed)
    for one in mixed:
        rng.shuffle(one["annotations"])
    half = len(mixed) // 2
    files = [json.dumps(mixed[:half]).encode(), json.dumps(mixed[half:]).encode()]
    others = {
        "one file": lg.read_label_studio(json.dumps(mixed).encode(), **options(name)),
        "two files": lg.read_label_studio(files, **options(name)),
    }
    for way, export in others.items():
        for key, table in everything(export):
            assert same_rows(key, usual(name)[key], table), (way, key)


def same_rows(name: str, one: pa.Table, other: pa.Table) -> bool:
    if name in BY_CONTROLS:
        one, other = (t.select(sorted(t.column_names)) for t in (one, other))
    if one.num_rows == other.num_rows == 0:
        return True
    return same_bytes(one, other)


@every_case
def test_converted(name: str, tmp_path: Path) -> None:
    """Parquet in between changes nothing."""
    path = tmp_path / "converted.parquet"
    lg.write_parquet(read(name), path)
    for key, table in everything(lg.read_parquet(path)):
        assert same_rows(key, usual(name)[key], table), key


def test_weeks() -> None:
    """Weeks start on Monday in UTC, of a pair the later one counts, years do not matter."""
    statistics = lg.agreement_statistics(*compared("year_ends"), by=("week",), resamples=RESAMPLES)
    chosen = statistics.filter(pc.equal(statistics["metric"], "iou"))
    found = {row["key"]: row["n"] for row in chosen.to_pylist()}
    # Their Mondays in turn: 2024-12-23, 2024-12-30, 2025-12-29 four times (the offset of two hours goes back to the
    # 4th), 2026-01-05, 2026-12-28, 2020-12-28, 1969-12-29; the other person has the next one.
    expected = {"2024-12-30": 1, "2025-12-29": 4, "2026-01-05": 1, "2026-12-28": 2, "2020-12-28": 1, "2024-12-23": 1}
    assert found == expected


def compared(name: str) -> tuple[Export, lg.Agreement]:
    export = read(name)
    return export, lg.agreement(export)


def test_millimetres_only_where_known() -> None:
    """Scaled by both axes where the pixel is not square, null where it is not known, never taken for 1."""
    _, result = compared("spacings")
    spacing = {
        (1, 0): (0.1, 0.1),
        (1, 2): (0.2, 0.2),
        (2, 0): (0.1, 0.3),
        (2, 1): (0.5, 0.5),
    }
    for row in result.pairs.to_pylist():
        known = spacing.get((row["task_id"], row["page"]))
        metric = [n for n in row if n.endswith(("_mm", "_mm2"))]
        assert {"hausdorff_mm", "signed_offset_mm", "area_a_mm2", "centroid_distance_mm"} <= set(metric)
        if known is None:
            assert all(row[n] is None for n in metric), row
            continue
        assert all(row[n] is not None for n in metric), row
        sx, sy = known
        for side in "ab":
            assert row[f"area_{side}_mm2"] == pytest.approx(row[f"area_{side}_px2"] * sx * sy, rel=1e-9)
        if sx == sy:
            for n in ("hausdorff", "hd95", "masd", "assd", "signed_offset", "centroid_distance"):
                assert row[f"{n}_mm"] == pytest.approx(row[f"{n}_px"] * sx, rel=1e-9), (n, row)
        else:
            # Disks whose centres are (3, 1) px apart per step, and radii 2 px.
            step = int(row["annotator_b"]) - int(row["annotator_a"])
            assert row["centroid_distance_mm"] == pytest.approx(step * math.hypot(3 * sx, 1 * sy), rel=1e-9)
            assert row["hausdorff_mm"] > row["hausdorff_px"] * min(sx, sy)
            assert row["hausdorff_mm"] < row["hausdorff_px"] * max(sx, sy)
        # b drew wider: the sign says so in both units.
        assert row["signed_offset_px"] < 0 and row["signed_offset_mm"] < 0 and row["log_area_ratio"] > 0


@pytest.mark.parametrize(
    "name", ["no_tasks", "no_annotations", "all_cancelled", "all_empty", "points_only", "odd_names"]
)
@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_whole_runs(name: str, form: str, tmp_path: Path) -> None:
    """A run folder and its report, also of exports in which there is nothing to say."""
    pytest.importorskip("jinja2")
    file, folder = tmp_path / "export.json", tmp_path / "run"
    file.write_bytes(source(name))
    more = ["--csv"] if form == "csv" else []
    for command in (["agree", str(file), "-o", str(folder), *more], ["report", str(folder)]):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, (result.output, result.exception)
    assert (folder / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
