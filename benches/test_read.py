"""Reading a Label Studio export, and the way from the file to the agreement tables.

`json` and `orjson` only parse: what they return are Python lists, without outlines in pixels, columns, checks or
problems.
All start from the file, which lies in the operating system's cache after the first turn.
"""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import lesiongeo as lg
from conftest import Timed
from data import Sizes, export_file
from peers import agree, parse_json, parse_orjson, without_collector


@cache
def expected_export(path: Path) -> lg.Export:
    return lg.read_label_studio(path, threads=1)


@cache
def expected_agreement(path: Path) -> lg.Agreement:
    return lg.agreement(expected_export(path), threads=1)


READ = {
    "ours_1": lambda path: lg.read_label_studio(path, threads=1),
    "ours_2": lambda path: lg.read_label_studio(path, threads=2),
    "json": parse_json,
    "json_gc_off": lambda path: without_collector(parse_json, path),
    "orjson": parse_orjson,
    "orjson_gc_off": lambda path: without_collector(parse_orjson, path),
}


@pytest.mark.parametrize("way", READ)
def test_read(timed: Timed, sizes: Sizes, way: str) -> None:
    path = export_file(sizes.export_regions)
    ours = way.startswith("ours")
    # A second round would run beside the first one's millions of objects and pay for them in the collector.
    read = timed(READ[way], path, table="read", way=way, rounds=3 if ours else 1, warmup=0)
    timed.note(bytes=path.stat().st_size)
    expected = expected_export(path)
    timed.note(regions=len(expected.regions))
    if ours:
        assert read.regions.polygons == expected.regions.polygons
        assert read.regions.table == expected.regions.table
    else:
        assert len(read) == expected.tasks.num_rows


def ours_agree(path: Path, threads: int) -> lg.Agreement:
    return lg.agreement(lg.read_label_studio(path, threads=threads), threads=threads)


AGREE = {
    "ours_1": lambda path: ours_agree(path, 1),
    "ours_2": lambda path: ours_agree(path, 2),
    "peer_1": agree,
}


@pytest.mark.parametrize("way", AGREE)
def test_agree(timed: Timed, sizes: Sizes, way: str) -> None:
    path = export_file(sizes.export_regions)
    ours = way.startswith("ours")
    found = timed(AGREE[way], path, table="agree", way=way, rounds=3 if ours else 1, warmup=0)
    timed.note(bytes=path.stat().st_size)
    if ours:
        timed.note(pairs=found.pairs.num_rows)
        assert found.pairs == expected_agreement(path).pairs
        return
    pairs = expected_agreement(path).pairs.select(["region_a", "region_b", "iou", "hausdorff_px"])
    rows = pairs.to_pylist()
    both = [(row, found.get((row["region_a"], row["region_b"]))) for row in rows if row["iou"] is not None]
    known = [(row, peer) for row, peer in both if peer is not None]
    assert len(known) > 0.85 * len(both)  # the peer leaves out rectangles and ellipses
    for row, (iou, distance) in known:
        assert row["iou"] == pytest.approx(iou, abs=1e-9)
        assert row["hausdorff_px"] >= distance - 1e-9


CHILD = """
import sys
from pathlib import Path
{imports}
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
before = peak()
kept = {read}
print(before, peak())
"""
MEMORY = {
    "ours_1": ("import lesiongeo", "lesiongeo.read_label_studio(sys.argv[1], threads=1)"),
    "ours_2": ("import lesiongeo", "lesiongeo.read_label_studio(sys.argv[1], threads=2)"),
    "json": ("import json", "json.load(open(sys.argv[1], encoding='utf-8'))"),
    "orjson": ("import orjson", "orjson.loads(Path(sys.argv[1]).read_bytes())"),
}


def peak_memory(way: str, path: Path) -> tuple[int, int]:
    """Peak resident bytes of a process of its own: after the imports, and when the file has been read.

    Taken from the process itself: what a parent sees of its children's peak can be the parent's own.
    """
    imports, read = MEMORY[way]
    command = [sys.executable, "-c", CHILD.format(imports=imports, read=read), str(path)]
    output = subprocess.run(command, capture_output=True, check=True, text=True).stdout  # noqa: S603
    before, peak = output.split()
    return int(before), int(peak)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("way", MEMORY)
def test_memory(timed: Timed, sizes: Sizes, turn: int, way: str) -> None:
    if turn > 1:
        pytest.skip("memory is the same in every turn")
    path = export_file(sizes.export_regions)
    before, peak = timed(peak_memory, way, path, table="memory", way=way, rounds=1, warmup=0)
    timed.note(bytes=path.stat().st_size, imports=before, peak=peak)
    assert peak > before
