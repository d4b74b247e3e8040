"""One Parquet file for a whole export: it comes back to the bit, others can read it, nothing half is left."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lesiongeo
from exports_equal import TABLES, assert_same, in_file_order, problems
from lesiongeo import Export, ExportError, Polygons, Regions, read_parquet, scan_parquet, write_parquet
from lesiongeo.arrow import geometry_column, written_outlines
from lesiongeo.embedded import KEY
from lesiongeo.read.join import concat_exports
from lesiongeo.read.parquet import scan_exports
from lesiongeo.testing import make_export
from lesiongeo.testing.config import LABELING_CONFIG
from test_scan import EXAMPLE, REAL, alone, annotation, region, task

ALL = (*TABLES, "controls", "problems")


def read(*tasks: Any) -> Export:
    return lesiongeo.read_label_studio(json.dumps(list(tasks)).encode())


def made(**options: Any) -> Export:
    return read(*make_export(**{"patients": 12, "seed": 3, **options}))


def file_of(export: Any, path: Path, **options: Any) -> Path:
    write_parquet(export, path, **options)
    return path


def groups(path: Path) -> list[list[int]]:
    """The tasks of each row group, row by row."""
    file = pq.ParquetFile(path)
    return [file.read_row_group(i, columns=["task_id"])["task_id"].to_pylist() for i in range(file.num_row_groups)]


# there and back


@pytest.mark.parametrize("source", [EXAMPLE, *REAL], ids=lambda path: path.name)
def test_files_come_back(source: Path, tmp_path: Path) -> None:
    if not source.is_file():
        pytest.skip("the file is not here")
    export = lesiongeo.read_label_studio(source)
    path = file_of(export, tmp_path / "a.parquet")
    assert_same(read_parquet(path), in_file_order(export))
    assert_same(read_parquet(file_of(read_parquet(path), tmp_path / "b.parquet")), read_parquet(path))


def test_generated_exports_come_back(tmp_path: Path) -> None:
    for seed in range(3):
        export = made(seed=seed, invalid_rate=0.3, skip_rate=0.2)
        assert_same(read_parquet(file_of(export, tmp_path / "a.parquet")), in_file_order(export))


def test_types_come_back(tmp_path: Path) -> None:
    export = made()
    again = read_parquet(file_of(export, tmp_path / "a.parquet"))
    for name in ALL:
        assert getattr(again, name).schema.equals(getattr(export, name).schema), name
    assert again.regions.table.schema.equals(export.regions.table.schema)
    assert again.annotation_rows.dtype == np.int64


def test_fields_of_the_data_come_back(tmp_path: Path) -> None:
    options: dict[str, Any] = {"patient": "patient_id", "day_offset": "visit_offsets_days", "spacing_mm": "spacing_mm"}
    export = lesiongeo.read_label_studio(EXAMPLE, **options)
    again = read_parquet(file_of(export, tmp_path / "a.parquet"))
    assert_same(again, in_file_order(export))
    assert not np.isnan(again.region_spacing_mm()).any()


@pytest.mark.parametrize("tasks", [[], [task(1)], [task(1, annotation(1))]], ids=["none", "unannotated", "empty"])
def test_nothing_comes_back(tasks: Any, tmp_path: Path) -> None:
    export = read(*tasks)
    path = file_of(export, tmp_path / "a.parquet")
    assert_same(read_parquet(path), export)
    assert_same(concat_exports(list(scan_parquet(path))), export)
    assert read_parquet(file_of(iter([]), tmp_path / "b.parquet")).tasks.num_rows == 0


point = st.tuples(*[st.floats(-1e150, 1e150) | st.integers(-5, 5).map(float)] * 2)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(st.lists(point, max_size=5), max_size=4), max_size=5))
def test_any_outline_comes_back_to_the_bit(regions: list[list[list[tuple[float, float]]]]) -> None:
    """Rings of no, one and two points, closed by hand or not, in either direction; -0.0 stays -0.0."""
    rings = [ring for one in regions for ring in one]
    polygons = Polygons._trusted(
        (
            np.array([p for ring in rings for p in ring], dtype=np.float64).reshape(-1, 2),
            np.cumsum([0, *map(len, rings)]).astype(np.int32),
            np.cumsum([0, *map(len, regions)]).astype(np.int32),
        )
    )
    again = written_outlines(geometry_column(polygons))
    for mine, theirs in zip(polygons.to_ragged(), again.to_ragged(), strict=True):
        assert mine.tobytes() == theirs.tobytes()


def test_all_kinds_come_back(tmp_path: Path) -> None:
    """A key point is a ring of one point, a line one there and back; outlines may have holes, parts, or nothing."""
    outlines = [
        [[(1.5, 2.5)]],
        [[(0.0, 0.0), (4.0, 4.0), (9.0, 4.0), (4.0, 4.0)]],
        [[(0.0, 0.0), (8.0, 0.0), (8.0, 8.0), (0.0, 8.0)], [(2.0, 2.0), (2.0, 4.0), (4.0, 4.0), (4.0, 2.0)]],
        [],
        [[(0.0, 0.0), (2.0, 2.0), (2.0, 0.0), (0.0, 2.0)]],
        [[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)], [(5.0, 5.0), (6.0, 5.0), (6.0, 6.0)]],
    ]
    export = read(task(1, annotation(1, *[entry for i in range(6) for entry in region(f"r{i}")])))
    rings = [ring for one in outlines for ring in one]
    polygons = Polygons._trusted(
        (
            np.array([p for ring in rings for p in ring]),
            np.cumsum([0, *map(len, rings)]).astype(np.int32),
            np.cumsum([0, *map(len, outlines)]).astype(np.int32),
        )
    )
    fields = {name: getattr(export, name) for name in (*ALL, "annotation_rows")}
    drawn = Export(regions=Regions(polygons, export.regions.table), **fields)
    assert_same(read_parquet(file_of(drawn, tmp_path / "a.parquet")), drawn)


# row groups


@pytest.mark.parametrize("most", [1, 7, 30, 100, 100_000])
def test_groups_hold_whole_tasks_in_order(most: int, tmp_path: Path) -> None:
    path = file_of(made(), tmp_path / "a.parquet", max_regions=most)
    found = groups(path)
    flat = [one for group in found for one in group]
    assert flat == sorted(flat)
    assert sum(len(set(group)) for group in found) == len(set(flat)), "a task is split"
    assert all(len(group) <= most or len(set(group)) == 1 for group in found)
    # No group could have taken the next one's first task too.
    for group, following in pairwise(found):
        assert len(group) + following.count(following[0]) > most
    assert_same(read_parquet(path), in_file_order(made()))


def test_rows_are_sorted(tmp_path: Path) -> None:
    table = pq.read_table(file_of(made(), tmp_path / "a.parquet"))
    keys = list(zip(*(table[name].to_pylist() for name in ("task_id", "page", "annotation_id")), strict=True))
    assert keys == sorted(keys)
    assert len(set(keys)) > 20


@pytest.mark.parametrize("most", [1, 20, 1000])
def test_batches_of_the_file_are_the_file(most: int, tmp_path: Path) -> None:
    """Tasks without regions included, before the first, between, and after the last that has some."""
    tasks = make_export(patients=6, seed=1)
    bare = [task(one) for one in (-5, 0, 100)]
    for number, one in enumerate(tasks):
        one["id"] = 2 * number + 1
    export = read(*bare, *tasks, task(4, annotation(9999)))
    path = file_of(export, tmp_path / "a.parquet", max_regions=most)
    batches = list(scan_parquet(path))
    assert len(batches) == len(groups(path))
    assert_same(concat_exports(batches), in_file_order(export))
    assert problems(concat_exports(batches)) == problems(export)


@pytest.mark.parametrize("wrong", [0, -1, 2.5, True])
def test_a_wrong_size_of_groups(wrong: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="max_regions"):
        write_parquet(made(), tmp_path / "a.parquet", max_regions=wrong)
    assert list(tmp_path.iterdir()) == []


# any order, any number of files


@pytest.mark.parametrize("window", [1, 100_000, 1 << 30])
def test_a_scan_writes_what_the_whole_writes(window: int, tmp_path: Path) -> None:
    whole = file_of(lesiongeo.read_label_studio(EXAMPLE), tmp_path / "a.parquet", max_regions=100)
    parts = file_of(lesiongeo.scan_label_studio(EXAMPLE, window_bytes=window), tmp_path / "b.parquet", max_regions=100)
    assert_same(read_parquet(parts), read_parquet(whole))
    assert parts.read_bytes() == whole.read_bytes()


def test_tasks_in_any_order(tmp_path: Path) -> None:
    tasks = make_export(patients=20, seed=4)
    straight = file_of(read(*tasks), tmp_path / "a.parquet", max_regions=40)
    shuffled = [tasks[i] for i in np.random.default_rng(1).permutation(len(tasks))]
    for batches in ([shuffled], [[one] for one in shuffled], [shuffled[:7], shuffled[7:]]):
        path = file_of((read(*batch) for batch in batches), tmp_path / "b.parquet", max_regions=40)
        assert_same(read_parquet(path), read_parquet(straight))
        assert groups(path) == groups(straight)


def test_a_task_in_several_batches(tmp_path: Path) -> None:
    """As in one batch: regions by page and annotation, annotations as they came, one problem for the repetition."""
    first = task(5, annotation(2, *region("b"), *region("c", size=300)), annotation(7))
    others = [
        task(5, annotation(1, *region("a"))),
        task(4, annotation(3, *region("d"))),
        task(5, annotation(9, *region("e"))),
    ]
    whole = read(first, *others)
    path = file_of([read(first), *map(read, others)], tmp_path / "a.parquet")
    again = read_parquet(path)
    assert_same(again, in_file_order(whole))
    assert again.regions.table["region_id"].to_pylist() == ["d", "a", "b", "c", "e"]
    assert [row["code"] for row in again.problems.to_pylist()].count("repeated_task") == 1
    assert [row["code"] for row in again.problems.to_pylist()].count("image_size_differs") == 1


def test_annotations_in_files_of_their_own(tmp_path: Path) -> None:
    """However the files fall into batches, the task is one, and nothing is called a repetition."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(1, 41):
        of = task(number % 4, user=number)
        (folder / f"{number}").write_bytes(alone(number, of, *region(f"r{number}"), user=number % 3))
    whole = lesiongeo.read_label_studio(folder)
    assert whole.tasks.num_rows == 4
    for window in (1, 5000, 1 << 30):
        path = file_of(lesiongeo.scan_label_studio(folder, window_bytes=window), tmp_path / "a.parquet")
        assert_same(read_parquet(path), in_file_order(whole))
        assert "repeated_task" not in read_parquet(path).problems["code"].to_pylist()


def test_files_of_a_task_that_disagree_in_two_batches(tmp_path: Path) -> None:
    def batch(*files: bytes) -> Any:
        return lesiongeo.scan_label_studio(list(files), window_bytes=1)

    other = {**task(7), "data": {"image": "other.png"}}
    files = [alone(1, task(7), *region("a")), alone(2, other, *region("b")), alone(1, task(7), *region("a"))]
    codes = read_parquet(file_of(batch(*files), tmp_path / "a.parquet")).problems["code"].to_pylist()
    assert sorted(codes) == ["repeated_annotation", "task_differs"]


def test_a_control_that_changes_its_type_between_batches(tmp_path: Path) -> None:
    one, other = (
        task(1, annotation(1, *region("a"))),
        task(2, annotation(2, *region("b", kind="textarea", answer=["x"]))),
    )
    path = file_of([read(one), read(other)], tmp_path / "a.parquet")
    assert (
        read_parquet(path).regions.table["track_id"].to_pylist()
        == read(one, other).regions.table["track_id"].to_pylist()
    )


def test_parquet_is_a_source_of_parquet(tmp_path: Path) -> None:
    first = file_of(made(), tmp_path / "a.parquet", max_regions=30)
    second = file_of(scan_parquet(first), tmp_path / "b.parquet", max_regions=30)
    assert_same(read_parquet(second), read_parquet(first))
    assert groups(second) == groups(first)


# others


def test_the_file_is_geoparquet(tmp_path: Path) -> None:
    path = file_of(made(), tmp_path / "a.parquet")
    geo = json.loads(pq.read_metadata(path).metadata[b"geo"])
    column = geo["columns"]["geometry"]
    assert (geo["version"], geo["primary_column"]) == ("1.1.0", "geometry")
    assert (column["encoding"], column["geometry_types"], column["crs"]) == ("multipolygon", ["MultiPolygon"], None)
    xy = read_parquet(path).regions.polygons.xy
    assert column["bbox"] == [*xy.min(axis=0).tolist(), *xy.max(axis=0).tolist()]
    assert "bbox" not in json.loads(pq.read_metadata(file_of(read(), path)).metadata[b"geo"])["columns"]["geometry"]


def test_pyarrow_and_pandas_see_the_regions(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    export = in_file_order(made())
    path = file_of(export, tmp_path / "a.parquet")
    table = pq.read_table(path, page_checksum_verification=True)
    assert table.num_rows == len(export.regions)
    assert table["label"].to_pylist() == export.regions.table["label"].to_pylist()
    assert table["geometry"].combine_chunks().equals(geometry_column(export.regions.polygons))
    assert len(pandas.read_parquet(path)) == len(export.regions)


def test_duckdb_sees_the_regions(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    path = file_of(made(), tmp_path / "a.parquet")
    (found,) = duckdb.sql(f"select count(*), sum(len(geometry)) from '{path}'").fetchall()  # noqa: S608
    assert found[0] == len(made().regions)


def test_geopandas_sees_the_outlines(tmp_path: Path) -> None:
    geopandas = pytest.importorskip("geopandas")
    path = file_of(made(), tmp_path / "a.parquet")
    frame = geopandas.read_parquet(path)
    assert frame.crs is None
    valid = np.flatnonzero(read_parquet(path).regions.table["valid"].to_numpy(zero_copy_only=False))
    areas = lesiongeo.area(read_parquet(path).regions)
    assert np.allclose(frame.geometry.area.to_numpy()[valid], areas[valid], rtol=1e-9)


def test_tables_of_their_own(tmp_path: Path) -> None:
    export = in_file_order(made())
    file_of(export, tmp_path / "out.parquet", tables=True)
    assert {path.name for path in tmp_path.iterdir()} == {"out.parquet", *(f"out.{name}.parquet" for name in ALL)}
    for name in ALL:
        found, expected = pq.read_table(tmp_path / f"out.{name}.parquet"), getattr(export, name)
        assert sorted(map(str, found.to_pylist())) == sorted(map(str, expected.to_pylist()))
        if name not in ("controls", "problems"):
            assert found.to_pylist() == expected.to_pylist()


SQUARE = [(0.0, 0.0), (8.0, 0.0), (8.0, 8.0), (0.0, 8.0), (0.0, 0.0)]
HOLE = [(2.0, 2.0), (4.0, 2.0), (4.0, 4.0), (2.0, 4.0), (2.0, 2.0)]


def foreign(path: Path, geometry: pa.Array, encoding: str, **columns: Any) -> Path:
    geo = {"version": "1.1.0", "primary_column": "shape", "columns": {"shape": {"encoding": encoding}}}
    table = pa.table({**columns, "shape": geometry}).replace_schema_metadata({"geo": json.dumps(geo)})
    pq.write_table(table, path)
    return path


@pytest.mark.parametrize("encoding", ["polygon", "multipolygon", "WKB"])
def test_regions_of_other_programs(encoding: str, tmp_path: Path) -> None:
    """Outlines drawn either way with a hole of the same direction, and nothing; no columns but a name."""
    shapely = pytest.importorskip("shapely")
    struct = pa.struct([("x", pa.float64()), ("y", pa.float64())])
    rings = [[{"x": x, "y": y} for x, y in ring] for ring in (SQUARE[::-1], HOLE[::-1])]
    column = {
        "polygon": lambda: pa.array([rings, None], pa.list_(pa.list_(struct))),
        "multipolygon": lambda: pa.array([[rings], None], pa.list_(pa.list_(pa.list_(struct)))),
        "WKB": lambda: pa.array([shapely.Polygon(SQUARE, [HOLE]).wkb, None], pa.binary()),
    }[encoding]()
    path = foreign(tmp_path / "a.parquet", column, encoding, name=["a", "b"], task_id=[4, 2])
    export = read_parquet(path)
    assert lesiongeo.area(export.regions).tolist() == [60.0, 0.0]
    assert export.regions.table["name"].to_pylist() == ["a", "b"]
    assert export.regions.table["valid"].to_pylist() == [True, False]
    assert [row["code"] for row in export.problems.to_pylist()] == ["regions_only"]
    assert export.tasks["task_id"].to_pylist() == [2, 4]
    assert lesiongeo.measure(export.regions).num_rows == 2
    lesiongeo.agreement(export)
    assert_same(read_parquet(file_of(export, tmp_path / "b.parquet")), in_file_order(export))


def test_a_file_that_another_program_rewrote_has_regions_only(tmp_path: Path) -> None:
    export = in_file_order(made())
    path = file_of(export, tmp_path / "a.parquet")
    keys = pq.read_metadata(path).metadata
    table = pq.read_table(path)
    for name, kept in (("without.parquet", {}), ("with.parquet", {KEY: keys[KEY.encode()]})):
        pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), **kept}), tmp_path / name)
        again = read_parquet(tmp_path / name)
        assert again.regions.polygons == export.regions.polygons
        assert again.regions.table.to_pylist() == export.regions.table.to_pylist()
        (problem,) = again.problems.to_pylist()
        assert problem["code"] == "regions_only"
        assert ("rewrote" if kept else "rewritten") in problem["message"]
        whose = again.annotations["annotation_id"].take(pa.array(again.annotation_rows))
        assert whose.to_pylist() == export.regions.table["annotation_id"].to_pylist()


# damage


def test_damage_is_found_wherever_it_is(tmp_path: Path) -> None:
    """Any flipped bit is an error, or in bytes that mean nothing."""
    export = in_file_order(made(patients=3))
    path = file_of(export, tmp_path / "a.parquet")
    whole = path.read_bytes()
    found = named = 0
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    places = [*np.linspace(0, footer, 100), *np.linspace(footer, len(whole) - 1, 200)]
    for at in map(int, places):
        damaged = bytearray(whole)
        damaged[at] ^= 0x10
        path.write_bytes(bytes(damaged))
        try:
            again = read_parquet(path)
        except (ExportError, OSError) as error:
            named += "a.parquet" in str(error) or isinstance(error, OSError)
            found += 1
            continue
        if again.problems.num_rows and "regions_only" in again.problems["code"].to_pylist():
            found += 1
            continue
        assert_same(again, export)
    assert found > 150
    assert named > 100


def test_damaged_tables_are_named(tmp_path: Path) -> None:
    path = file_of(made(), tmp_path / "a.parquet")
    places = json.loads(pq.read_metadata(path).metadata[KEY.encode()])["tables"]
    assert set(places) == set(ALL)
    whole = path.read_bytes()
    for name, place in places.items():
        damaged = bytearray(whole)
        damaged[place["offset"] + place["length"] // 2] ^= 1
        path.write_bytes(bytes(damaged))
        with pytest.raises(ExportError, match=f"'{name}' is damaged") as caught:
            read_parquet(path)
        assert caught.value.position == place["offset"]


@pytest.mark.parametrize("keep", [0, 3, 0.5, -1])
def test_cut_files_are_an_error(keep: float, tmp_path: Path) -> None:
    path = file_of(made(), tmp_path / "a.parquet")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep) if 0 < keep < 1 else int(keep)])
    with pytest.raises(ExportError, match=r"a\.parquet"):
        read_parquet(path)


def test_other_parquet_is_an_error(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": [1]}), tmp_path / "a.parquet")
    with pytest.raises(ExportError, match="no GeoParquet"):
        read_parquet(tmp_path / "a.parquet")


# half files


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"

    def batches() -> Any:
        yield made()
        assert len(list(tmp_path.iterdir())) == before + 1  # the temporary folder
        raise KeyboardInterrupt

    for before in (0, 1):
        with pytest.raises(KeyboardInterrupt):
            write_parquet(batches(), path)
        assert len(list(tmp_path.iterdir())) == before
        if before:
            assert path.read_text() == "old"
        path.write_text("old")


def test_an_error_while_writing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", fail)
    with pytest.raises(OSError, match="No space"):
        write_parquet(made(), tmp_path / "a.parquet", tables=True)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_parquet(made(), tmp_path / "none" / "a.parquet")


def test_the_bytes_depend_on_the_content_only(tmp_path: Path) -> None:
    first = file_of(made(), tmp_path / "a.parquet", tables=True)
    (tmp_path / "b").mkdir()
    second = file_of(made(), tmp_path / "b" / "other.parquet", tables=True)
    assert first.read_bytes() == second.read_bytes()
    for name in ALL:
        assert (tmp_path / f"a.{name}.parquet").read_bytes() == (tmp_path / "b" / f"other.{name}.parquet").read_bytes()


# encoding of coordinates


def encoding_of(path: Path) -> set[str]:
    group = pq.ParquetFile(path).metadata.row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    found = [one.encodings for one in columns if one.path_in_schema.startswith("geometry.")]
    assert len(found) == 2
    return {"split" if "BYTE_STREAM_SPLIT" in own else "plain" for own in found}


@pytest.mark.parametrize(("repeats", "expected"), [(False, {"split"}), (True, {"plain"})])
def test_coordinates_are_written_as_they_are_smaller(repeats: bool, expected: set[str], tmp_path: Path) -> None:
    """Walks on whole pixels have nothing but zeros in their lower bytes; a few numbers with all digits come again."""
    rng = np.random.default_rng(1)
    few = rng.uniform(1, 99, 40)
    tasks = []
    for number in range(80):
        points = rng.choice(few, (60, 2)) if repeats else (500 + np.cumsum(rng.integers(-1, 2, (60, 2)), axis=0)) / 10
        entry = {"id": "r", "type": "polygon", "original_width": 1000, "original_height": 1000}
        value = {"points": points.tolist()}
        tasks.append({"id": number, "data": {}, "annotations": [{"id": number, "result": [{**entry, "value": value}]}]})
    raw = json.dumps(tasks).encode()
    path = file_of(lesiongeo.read_label_studio(raw), tmp_path / "a.parquet")
    assert encoding_of(path) == expected
    assert_same(read_parquet(path), in_file_order(lesiongeo.read_label_studio(raw)))
    # The choice does not depend on how the rows came.
    scan = lesiongeo.scan_label_studio(raw, window_bytes=1)
    other = file_of(scan, tmp_path / "b.parquet")
    assert encoding_of(other) == expected
    assert pq.read_table(other).equals(pq.read_table(path))
    nothing = file_of(lesiongeo.read_label_studio(b"[]"), tmp_path / "c.parquet")
    assert len(read_parquet(nothing).regions) == 0


# instead of the export


def test_read_export_tells_them_apart(tmp_path: Path) -> None:
    json_path = tmp_path / "a.json"
    json_path.write_text(json.dumps(make_export(patients=4, seed=1)))
    export = lesiongeo.read_label_studio(json_path)
    path = file_of(export, tmp_path / "named.json.too")
    expected = in_file_order(export)
    assert_same(lesiongeo.read_export(path), expected)
    assert_same(lesiongeo.read_export(path.read_bytes()), expected)
    assert_same(lesiongeo.read_export(json_path), export)
    other = tmp_path / "b.json"
    other.write_text(json.dumps([task(1000, annotation(1, *region("a"))), task(1)]))
    both = lesiongeo.read_export([other, path])
    assert both.tasks["task_id"].to_pylist() == [1, 2, 3, 4, 1000, 1]
    assert [row["task_id"] for row in both.problems.to_pylist() if row["code"] == "repeated_task"] == [1]
    assert len(both.regions) == len(export.regions) + 1


def test_agreement_is_the_same_from_either(tmp_path: Path) -> None:
    export = lesiongeo.read_label_studio(EXAMPLE)
    again = read_parquet(file_of(export, tmp_path / "a.parquet"))
    one, other = lesiongeo.agreement(export), lesiongeo.agreement(again)
    for name in ("annotators", "summary"):
        assert getattr(one, name).to_pylist() == getattr(other, name).to_pylist()
    for mine, theirs in zip(one.tasks.to_pylist(), other.tasks.to_pylist(), strict=True):
        for key, value in mine.items():
            same = theirs[key] == value or (isinstance(value, float) and math.isclose(value, theirs[key]))
            assert same, key


def test_options_that_a_parquet_file_does_not_take_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "{a}.parquet"
    lesiongeo.write_parquet(lesiongeo.read_label_studio(b'[{"id": 1, "data": {"who": "P"}, "annotations": []}]'), path)
    assert not lesiongeo.read_export(path, patient=None, on_error="skip", spacing_mm=0.5).problems.num_rows
    problems = lesiongeo.read_export(path, patient="who", track_id="t").problems
    assert problems["code"].to_pylist() == ["option_not_used"] * 2
    assert problems["field"].to_pylist() == ["patient", "track_id"]
    assert problems["message"][0].as_py().startswith("patient was not used for {a}.parquet: ")
    # In batches, and in what is converted again: there also what only measuring and checking could use.
    scanned = list(scan_exports(path, patient="who", track_id="t"))
    assert pa.concat_tables([one.problems for one in scanned]).equals(problems)
    assert sum(one.tasks.num_rows for one in scanned) == 1
    assert len(list(scan_exports(path))) == 1
    other = tmp_path / "b.json"
    other.write_text('[{"id": 2, "data": {"who": "Q"}, "annotations": []}]')
    settled = LABELING_CONFIG
    scans = scan_exports([path, other], patient="who", config=settled, spacing_mm=0.5, on_error="skip")
    lesiongeo.write_parquet(scans, tmp_path / "c.parquet")
    again = read_parquet(tmp_path / "c.parquet")
    assert again.tasks["patient"].to_pylist() == [None, "Q"]
    unused = [row for row in again.problems.to_pylist() if row["code"] == "option_not_used"]
    assert [row["field"] for row in unused] == ["config", "patient", "spacing_mm"]
    assert all("{a}.parquet: " in row["message"] for row in unused)
