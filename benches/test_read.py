"""Reading a Label Studio export, and the way from the file to the tables of agreement.

The peers only parse: what they return are Python objects, without outlines in pixels, columns, checks or problems. All
start from the file, which lies in the operating system's cache after the first turn.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from functools import cache, partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import lesiongeo as lg
import stages
from conftest import Timed
from data import Sizes
from large import Way, export_file, write
from peers import agree, parse_json, parse_msgspec, parse_orjson, parse_simdjson, without_collector

FORMATS: tuple[Way, ...] = ("editor", "lean")


@cache
def expected_export(path: Path) -> lg.Export:
    return lg.read_label_studio(path, threads=1)


@cache
def expected_agreement(path: Path) -> lg.Agreement:
    return lg.agreement(expected_export(path), threads=1)


def scan(path: Path, threads: int) -> list[int]:
    """Regions of each batch; nothing is kept."""
    return [len(batch.regions) for batch in lg.scan_label_studio(path, threads=threads)]


def convert(path: Path, threads: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        return lg.write_parquet(lg.scan_label_studio(path, threads=threads), Path(folder) / "x.parquet").regions


READ = {
    "ours_1": partial(lg.read_label_studio, threads=1),
    "ours_2": partial(lg.read_label_studio, threads=2),
    "scan_1": partial(scan, threads=1),
    "scan_2": partial(scan, threads=2),
    "convert_1": partial(convert, threads=1),
    "convert_2": partial(convert, threads=2),
    "json_gc_off": partial(without_collector, parse_json),
    "orjson_gc_off": partial(without_collector, parse_orjson),
    "msgspec_gc_off": partial(without_collector, parse_msgspec),
    "simdjson_gc_off": partial(without_collector, parse_simdjson),
}
HERE = [way for way in READ if way != "simdjson_gc_off" or importlib.util.find_spec("simdjson")]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("way", HERE)
def test_read(timed: Timed, sizes: Sizes, form: Way, way: str) -> None:
    path = export_file(sizes.export_regions, form)
    expected = expected_export(path)
    # A second round would run beside the first one's millions of objects.
    rounds = 3 if way.startswith(("ours", "scan")) else 1
    read: Any = timed(READ[way], path, table="read", way=way, form=form, rounds=rounds, warmup=0)
    timed.note(bytes=path.stat().st_size, regions=len(expected.regions))
    if way.startswith("ours"):
        assert read.regions.polygons == expected.regions.polygons
        assert read.regions.table == expected.regions.table
    elif way.startswith("scan"):
        assert sum(read) == len(expected.regions)
    elif way.startswith("convert"):
        assert read == len(expected.regions)
    else:
        assert len(read) == expected.tasks.num_rows


def agree_in(path: Path, threads: int, kept: dict[str, Any] | None = None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stages.agree(path, Path(folder), threads)
        if kept is not None:
            kept["pairs"] = pq.read_table(Path(folder) / "pairs.parquet")


AGREE: dict[str, Any] = {
    "ours_1": partial(agree_in, threads=1),
    "ours_2": partial(agree_in, threads=2),
    "peer_1": agree,
}


@pytest.mark.parametrize("way", AGREE)
def test_agree(timed: Timed, sizes: Sizes, way: str) -> None:
    path = export_file(sizes.export_regions)
    ours = way.startswith("ours")
    expected = expected_agreement(path)
    found = timed(AGREE[way], path, table="agree", way=way, rounds=3 if ours else 1, warmup=0)
    timed.note(bytes=path.stat().st_size, regions=len(expected_export(path).regions), pairs=expected.pairs.num_rows)
    if ours:
        kept: dict[str, Any] = {}
        runs = [
            stages.split(lambda: agree_in(path, int(way[-1]), kept)) for _ in range(3 if timed.benchmark.enabled else 1)
        ]
        for stage, seconds in min(runs, key=lambda run: sum(run.values())).items():
            timed.note(**{f"s_{stage}": seconds})
        assert kept["pairs"].equals(expected.pairs)
        return
    rows = expected.pairs.select(["region_a", "region_b", "iou", "hausdorff_px", "task_id"]).to_pylist()
    # Copied tasks have the same ids of regions, and the same outlines.
    both = [(row, found.get((row["region_a"], row["region_b"]))) for row in rows if row["iou"] is not None]
    known = [(row, peer) for row, peer in both if peer is not None]
    assert len(known) > 0.85 * len(both)
    for row, (iou, distance) in known:
        assert row["iou"] == pytest.approx(iou, abs=1e-9)
        assert row["hausdorff_px"] >= distance - 1e-9


CHILD = """
import gc, sys
from pathlib import Path
{imports}
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
before = peak()
kept = {read}
after = peak()
arrays = 0
if hasattr(kept, "regions") and hasattr(kept, "tasks") and not isinstance(kept.tasks, int):
    arrays = sum(array.nbytes for array in kept.regions.polygons.to_ragged()) + kept.annotation_rows.nbytes
    tables = [kept.regions.table, kept.annotations, kept.answers, kept.tasks, kept.relations, kept.problems]
    arrays += sum(table.nbytes for table in [*tables, kept.pages, kept.controls])
print(before, after, arrays)
"""
# Some libraries load others when they are first used.
_LOADED = "import lesiongeo; lesiongeo.read_label_studio(b'[]')"
_SCAN = "[len(batch.regions) for batch in lesiongeo.scan_label_studio(sys.argv[1], threads={threads})]"
_CONVERT = "lesiongeo.write_parquet(lesiongeo.scan_label_studio(sys.argv[1], threads={threads}), sys.argv[2])"
MEMORY = {
    "ours_1": (_LOADED, "lesiongeo.read_label_studio(sys.argv[1], threads=1)"),
    "ours_2": (_LOADED, "lesiongeo.read_label_studio(sys.argv[1], threads=2)"),
    "system_1": (_LOADED, "lesiongeo.read_label_studio(sys.argv[1], threads=1)"),
    "scan_1": (_LOADED, _SCAN.format(threads=1)),
    "scan_2": (_LOADED, _SCAN.format(threads=2)),
    "convert_1": (_LOADED, _CONVERT.format(threads=1)),
    "convert_2": (_LOADED, _CONVERT.format(threads=2)),
    "json_gc_off": ("import json; gc.disable()", "json.load(open(sys.argv[1], encoding='utf-8'))"),
    "orjson_gc_off": ("import orjson; gc.disable()", "orjson.loads(Path(sys.argv[1]).read_bytes())"),
    "msgspec_gc_off": (
        f"sys.path.append({str(Path(__file__).parent)!r}); import peers; gc.disable()",
        "peers.parse_msgspec(Path(sys.argv[1]))",
    ),
}


def peak_memory(way: str, path: Path) -> tuple[int, int, int]:
    """Bytes of a process of its own: peak after the imports, peak when the file has been read, arrays that it keeps.

    Taken from the process itself: what a parent sees of its children's peak can be the parent's own.
    """
    imports, read = MEMORY[way]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", CHILD.format(imports=imports, read=read), str(path), f"{folder}/x.parquet"]
        pool = {"ARROW_DEFAULT_MEMORY_POOL": "system"} if way.startswith("system") else {}
        output = subprocess.run(  # noqa: S603
            command, capture_output=True, check=True, text=True, env=os.environ | pool
        ).stdout
    before, peak, arrays = output.split()
    return int(before), int(peak), int(arrays)


@cache
def stream_file(size: float) -> Path:
    """An export that is large beside a window, in the folder of the others."""
    path = export_file(1).with_name(f"stream-{size:.0f}.json")
    if not path.exists() or path.stat().st_size < size:
        write(path, lambda _, written: written >= size)
    return path


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("way", MEMORY)
def test_memory(timed: Timed, sizes: Sizes, turn: int, way: str) -> None:
    if turn > 1:
        pytest.skip("memory is the same in every turn")
    path = export_file(sizes.export_regions)
    before, peak, arrays = timed(peak_memory, way, path, table="memory", way=way, rounds=1, warmup=0)
    timed.note(bytes=path.stat().st_size, imports=before, peak=peak, arrays=arrays)
    assert peak > before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("way", ["scan_1", "scan_2", "convert_1", "convert_2"])
def test_memory_of_streaming(timed: Timed, sizes: Sizes, turn: int, way: str) -> None:
    if turn > 1:
        pytest.skip("memory is the same in every turn")
    path = stream_file(sizes.stream_bytes)
    before, peak, _ = timed(peak_memory, way, path, table="stream", way=way, rounds=1, warmup=0)
    timed.note(bytes=path.stat().st_size, imports=before, peak=peak)
    assert peak > before
