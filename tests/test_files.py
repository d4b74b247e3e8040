"""Files: GeoParquet, CSV that a spreadsheet may open, small JSON; the same bytes every time."""

from __future__ import annotations

import csv
import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lesiongeo import Polygons, Regions
from lesiongeo.files import write_json, write_table

SQUARE = [[0.0, 0.0], [8.0, 0.0], [8.0, 8.0], [0.0, 8.0]]
HOLE = [[2.0, 2.0], [4.0, 2.0], [4.0, 4.0], [2.0, 4.0]]
BOW_TIE = [[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]]


def regions() -> Regions:
    """A square, one with a hole, nothing, two parts of which one has a hole, a crossing outline, a single point."""
    xy = np.array([*SQUARE, *HOLE[::-1], *(np.array(SQUARE) + 20)])
    parts = Polygons.from_ragged(xy, [0, 4, 8, 12], [0, 3], roles="oriented")
    drawn = Polygons.from_rings([SQUARE, [SQUARE, HOLE], [], BOW_TIE, [[1.0, 1.0]]])
    rings = [drawn[0], drawn[1], [], parts[0], drawn[3], drawn[4]]
    flat = [ring for region in rings for ring in region]
    together = Polygons.from_ragged(
        np.concatenate(flat),
        np.cumsum([0, *(len(ring) for ring in flat)]),
        np.cumsum([0, *(len(region) for region in rings)]),
        roles="oriented",
    )
    return Regions(
        together, pa.table({"label": ["=a", None, "b", "", "ü", "c"], "labels": [["x"], [], None, *[[]] * 3]})
    )


# Parquet


def test_the_metadata_of_geoparquet(tmp_path: Path) -> None:
    """As the GeoParquet 1.1 standard wants it; crs null says that these are no longitudes and latitudes."""
    path = tmp_path / "regions.parquet"
    write_table(regions(), path)
    metadata = pq.read_metadata(path).metadata
    geo = json.loads(metadata[b"geo"])
    assert geo["version"] == "1.1.0"
    assert geo["primary_column"] == "geometry"
    assert geo["columns"] == {
        "geometry": {
            "encoding": "multipolygon",
            "geometry_types": ["MultiPolygon"],
            "crs": None,
            "edges": "planar",
        }
    }


def test_the_storage_of_geoparquet(tmp_path: Path) -> None:
    """Lists of lists of lists of structs of doubles x and y, the leaves named as the standard names them."""
    path = tmp_path / "regions.parquet"
    write_table(regions(), path)
    field = pq.read_schema(path).field("geometry")
    level = field.type
    for _ in range(3):
        assert pa.types.is_list(level)
        level = level.value_type
    assert level == pa.struct(
        [pa.field("x", pa.float64(), nullable=False), pa.field("y", pa.float64(), nullable=False)]
    )
    assert field.metadata[b"ARROW:extension:name"] == b"geoarrow.multipolygon"
    leaves = [pq.ParquetFile(path).schema.column(i).path for i in range(pq.read_metadata(path).num_columns)]
    assert [leaf.rsplit(".", 1)[1] for leaf in leaves if leaf.startswith("geometry.")] == ["x", "y"]


def test_outlines_survive(tmp_path: Path) -> None:
    """Closed rings on disk, an outline first in every part, and the same open rings when the closing point is off."""
    made = regions()
    write_table(made, tmp_path / "regions.parquet")
    table = pq.read_table(tmp_path / "regions.parquet")
    assert table.column_names == ["label", "labels", "geometry"]
    assert table.drop_columns(["geometry"]).equals(made.table.cast(table.drop_columns(["geometry"]).schema))
    found: list[Any] = [
        [[[(p["x"], p["y"]) for p in ring] for ring in part] for part in region]
        for region in table["geometry"].to_pylist()
    ]
    assert [[len(part) for part in region] for region in found] == [[1], [2], [], [2, 1], [1], [1]]
    for region, rings in zip(found, made.polygons.to_rings(), strict=True):
        flat = [ring for part in region for ring in part]
        assert all(ring[0] == ring[-1] for ring in flat)
        assert [ring[:-1] for ring in flat] == [[tuple(point) for point in ring.tolist()] for ring in rings]
    square = [(0.0, 0.0), (8.0, 0.0), (8.0, 8.0), (0.0, 8.0), (0.0, 0.0)]
    assert found[0] == [[square]]
    assert sorted(found[1][0][1][:-1]) == sorted((x, y) for x, y in HOLE)


def test_outlines_survive_as_shapely_reads_them(tmp_path: Path) -> None:
    """Areas by shapely from the columns of the file: 64, 64 - 4, 0, 64 - 4 + 64."""
    shapely = pytest.importorskip("shapely")
    write_table(regions(), tmp_path / "regions.parquet")
    column = pq.read_table(tmp_path / "regions.parquet")["geometry"].to_pylist()
    shapes = [
        shapely.MultiPolygon([(part[0], part[1:]) for part in ([[(p["x"], p["y"]) for p in r] for r in q] for q in g)])
        for g in column[:4]
    ]
    assert [shape.area for shape in shapes] == [64.0, 60.0, 0.0, 124.0]
    assert all(shape.is_valid for shape in shapes)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_no_rows(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"none.{ending}"
    write_table(regions().take([]), path)
    if ending == "csv":
        assert path.read_text() == '"label","labels"\n'
        return
    table = pq.read_table(path)
    assert (table.num_rows, table.column_names) == (0, ["label", "labels", "geometry"])
    assert b"geo" in table.schema.metadata


def test_plain_tables_have_no_geometry(tmp_path: Path) -> None:
    table = pa.table({"n": [1, None], "text": ["=1", None], "when": [datetime(2026, 1, 5, tzinfo=UTC), None]})
    write_table(table, tmp_path / "plain.parquet")
    again = pq.read_table(tmp_path / "plain.parquet")
    assert again.to_pylist() == table.to_pylist()
    assert b"geo" not in (again.schema.metadata or {})


def test_row_groups_stay_small(tmp_path: Path) -> None:
    write_table(pa.table({"n": np.zeros(500_001, dtype=np.int8)}), tmp_path / "long.parquet")
    metadata = pq.read_metadata(tmp_path / "long.parquet")
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [250_000, 250_000, 1]


# CSV


def read_csv(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_formulas_are_neutralised(tmp_path: Path) -> None:
    """Text that begins as a formula gets an apostrophe; the same characters further on are left alone."""
    formulas = [
        "=1+1",
        "+1",
        "-1",
        "@sum",
        "\ttab",
        "\rreturn",
        "=",
        "-",
        "=a\n=b",
        "\n=1",
        "\uff1d1",
        "\uff0b1",
        "\uff0d1",
        "\uff20a",
    ]
    harmless = ["a=1", "1-1", " =1", "'=1", "a@b", "", 'say "hi", then\nleave', "µ²"]
    write_table(pa.table({"text": [*formulas, *harmless, None]}), tmp_path / "t.csv")
    (_, *rows) = read_csv(tmp_path / "t.csv")
    assert [row[0] if row else "" for row in rows] == [*(f"'{text}" for text in formulas), *harmless, ""]


def test_numbers_are_left_alone(tmp_path: Path) -> None:
    table = pa.table(
        {
            "float": [-1.5, 0.1 + 0.2, -1e-300, None],
            "integer": [-7, 0, 2**62, None],
            "flag": [True, False, True, None],
            "when": pa.array([-1, 0, 1_767_571_200_000_000, None], pa.timestamp("us", tz="UTC")),
        }
    )
    write_table(table, tmp_path / "t.csv")
    names, *rows = read_csv(tmp_path / "t.csv")
    assert names == ["float", "integer", "flag", "when"]
    assert [float(row[0]) for row in rows[:3]] == [-1.5, 0.1 + 0.2, -1e-300]
    assert [row[1] for row in rows] == ["-7", "0", str(2**62), ""]
    assert [row[2] for row in rows] == ["true", "false", "true", ""]
    assert [row[3][:19] for row in rows] == ["1969-12-31 23:59:59", "1970-01-01 00:00:00", "2026-01-05 00:00:00", ""]
    assert rows[3] == [""] * 4
    assert "'" not in (tmp_path / "t.csv").read_text()


def test_column_names_are_neutralised(tmp_path: Path) -> None:
    names = ["=a", "+b", "-c", "@d", "\te", "\rf", "g=", 'h"i,\nj', ""]
    write_table(pa.table({name: [-1] for name in names}), tmp_path / "t.csv")
    head, row = read_csv(tmp_path / "t.csv")
    assert head == ["'=a", "'+b", "'-c", "'@d", "'\te", "'\rf", "g=", 'h"i,\nj', ""]
    assert row == ["-1"] * 9


def test_neutralised_names_stay_apart(tmp_path: Path) -> None:
    write_table(pa.table({"=a": [1], "'=a": [2]}), tmp_path / "t.csv")
    assert read_csv(tmp_path / "t.csv")[1] == ["1", "2"]


def test_lists_are_json(tmp_path: Path) -> None:
    lists = [["nevus"], [], None, ["=a", 'say "ü"', None], ["a,b", "c\nd"]]
    write_table(pa.table({"labels": pa.array(lists, pa.list_(pa.string())), "n": range(5)}), tmp_path / "t.csv")
    (_, *rows) = read_csv(tmp_path / "t.csv")
    assert [json.loads(row[0]) if row[0] else None for row in rows] == lists
    assert rows[3][0] == '["=a", "say \\"ü\\"", null]'


def test_regions_lose_their_outlines_in_csv(tmp_path: Path) -> None:
    write_table(regions(), tmp_path / "t.csv")
    assert read_csv(tmp_path / "t.csv") == [
        ["label", "labels"],
        ["'=a", '["x"]'],
        ["", "[]"],
        ["b", ""],
        ["", "[]"],
        ["ü", "[]"],
        ["c", "[]"],
    ]


def test_null_and_nothing_differ_in_csv(tmp_path: Path) -> None:
    write_table(pa.table({"text": [None, ""], "n": [1, 2]}), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == '"text","n"\n,1\n"",2\n'


# the same bytes


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_bytes_depend_on_the_content_only(ending: str, tmp_path: Path) -> None:
    first, second, other = (tmp_path / f"{name}.{ending}" for name in ("a", "b", "c"))
    write_table(regions(), first)
    write_table(regions(), second)
    assert first.read_bytes() == second.read_bytes()
    write_table(regions().take([1, 0]), other)
    assert other.read_bytes() != first.read_bytes()


def test_an_old_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x" * 1000)
    write_table(pa.table({"n": [1]}), path)
    assert path.read_text() == '"n"\n1\n'


def test_json(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    write_json({"b": [1, None], "a": {"ü": 0.1 + 0.2}}, path)
    text = path.read_text(encoding="utf-8")
    assert json.loads(text) == {"a": {"ü": 0.1 + 0.2}, "b": [1, None]}
    assert text.index('"a"') < text.index('"b"')
    assert text.endswith("}\n")
    write_json({"a": {"ü": 0.1 + 0.2}, "b": [1, None]}, path)
    assert path.read_text(encoding="utf-8") == text


def test_nan_is_refused_in_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json({"a": math.nan}, tmp_path / "s.json")
