"""Sections of RESULTS.md about reading: speed, memory, and the way from the file to the tables of agreement."""

from __future__ import annotations

from typing import Any

from stages import STAGES
from tables import Row, Tables, grid, number, prose, times

READERS = {
    "ours_1": "lesiongeo, 1 thread",
    "ours_2": "lesiongeo, 2 threads",
    "system_1": "the same, 1 thread, Arrow with the system's allocator",
    "scan_1": "lesiongeo in batches, 1 thread",
    "scan_2": "lesiongeo in batches, 2 threads",
    "convert_1": "lesiongeo into Parquet, 1 thread",
    "convert_2": "lesiongeo into Parquet, 2 threads",
    "json_gc_off": "`json.load`",
    "orjson_gc_off": "`orjson.loads`",
    "msgspec_gc_off": "`msgspec`, typed structs",
    "simdjson_gc_off": "`simdjson`, everything as Python objects",
    "peer_1": "orjson (collector off) + shapely, 1 thread",
}
FORMS = {"editor": "every control repeats the points, as the editor writes", "lean": "the points once per region"}
#: Of a window, where everything is kept.
WINDOW_BYTES = 8 << 20


def ours(way: str) -> bool:
    return way.startswith(("ours", "scan", "convert"))


def longer(row: Row, way: str) -> str:
    """Ratio of a peer to our single thread; nothing for ourselves."""
    return "" if ours(way) else times(row.ratio("ours_1", way))


def share(notes: dict[str, Any]) -> float:
    """Peak memory without the imports, as a share of the file."""
    return float((notes["peak"] - notes["imports"]) / notes["bytes"])


def of_arrays(notes: dict[str, Any]) -> float:
    """The same as a share of what is kept and one window."""
    return float((notes["peak"] - notes["imports"]) / (notes["arrays"] + WINDOW_BYTES))


def reading(rows: list[Row]) -> list[str]:
    lines = []
    for row in rows:
        notes = row.notes["ours_1"]
        name = f"{FORMS[row.key['form']]}: {notes['regions']:,} regions, {notes['bytes'] / 1e6:.0f} MB"
        for way in (way for way in READERS if way in row.seconds):
            speed = notes["bytes"] / 1e6 / row.seconds[way]
            lines.append([name, READERS[way], number(row.seconds[way]), number(speed), longer(row, way)])
            name = ""
    text = """
        Regions of 50 points with a label, a number, a choice and some notes. **The peers only parse**: no
        outlines in pixels, no columns, no validity, no problems. All of them run with Python's cyclic garbage
        collector off, without which they take two to four times as long."""
    head = ["export", "reader", "s", "MB/s", "lesiongeo, 1 thread, is faster by"]
    return ["## Reading a Label Studio export", "", *prose(text), *grid(head, lines, words=2)]


def agree(rows: list[Row]) -> list[str]:
    row, notes = rows[0], rows[0].notes["ours_1"]
    text = f"""
        `lesiongeo agree` on {notes["regions"]:,} regions ({notes["bytes"] / 1e6:.0f} MB as the editor writes
        them), from the file to the tables as Parquet ({notes["pairs"]:,} pairs), Python started. The peer does
        less: IoU and discrete Hausdorff of all overlapping polygons of two annotators on a page, without
        matching, missing regions, columns and files. Below, the seconds of each stage, in a run of its own: the
        file read into columns (*read*), what outlines mean (*resolve*), which regions meet and match (*pairs*),
        all distances and lengths (*kernels*), Arrow tables (*tables*), intervals, coefficients, habits and the
        queue (*statistics*), files (*Parquet*). With two
        threads Parquet is written while the rest is computed, so the stages add up to more than the whole."""
    lines = [[READERS[way], number(row.seconds[way]), longer(row, way)] for way in ("ours_1", "ours_2", "peer_1")]
    stages = [
        [READERS[way], *(number(row.notes[way][f"s_{stage}"]) for stage in STAGES)]
        for way in ("ours_1", "ours_2")
        if f"s_{STAGES[0]}" in row.notes[way]
    ]
    return [
        *["## From the file to the agreement tables", "", *prose(text)],
        *grid(["", "s", "lesiongeo, 1 thread, is faster by"], lines),
        *grid(["s", *STAGES], stages),
    ]


def memory(rows: list[Row]) -> list[str]:
    notes = rows[0].notes["ours_1"]
    text = f"""
        Peak resident memory of a process of its own, in MB, for the {notes["bytes"] / 1e6:.0f} MB above; imports with
        what is loaded when an empty list is read. *of what is kept*: without the imports, as a share of the
        arrays that are returned and one window of {WINDOW_BYTES / 1e6:.0f} MB. In batches nothing is kept. Arrow's
        own allocator holds back what it has freed; `ARROW_DEFAULT_MEMORY_POOL=system` takes the system's."""
    lines = []
    for way, notes in rows[0].notes.items():
        amounts = [number(notes[name] / 1e6) for name in ("peak", "imports")]
        kept = [number(notes["arrays"] / 1e6), f"{of_arrays(notes):.2f}"] if notes["arrays"] else ["", ""]
        lines.append([READERS[way], *amounts, f"{share(notes):.2f}", *kept])
    head = ["reader", "peak", "of that Python and imports", "without imports / file", "kept", "of what is kept"]
    return ["## Memory of reading", "", *prose(text), *grid(head, lines)]


def streaming(rows: list[Row]) -> list[str]:
    row = rows[0]
    size = row.notes["scan_1"]["bytes"]
    text = f"""
        The same for an export of {size / 1e6:,.0f} MB, whose regions are seen in batches of whole tasks, or written as
        one Parquet file. `make stream` does it with 5 GB."""
    lines = [
        [
            READERS[way],
            *(number(notes[name] / 1e6) for name in ("peak", "imports")),
            f"{share(notes):.3f}",
            number(size / 1e6 / row.seconds[way]),
        ]
        for way, notes in row.notes.items()
    ]
    head = ["reader", "peak, MB", "of that Python and imports", "without imports / file", "MB/s"]
    return ["## Memory of streaming", "", *prose(text), *grid(head, lines)]


READ_MB_PER_S, READ_SPEEDUP, STREAM_SHARE, KEPT_SHARE = 1000.0, 1.8, 0.3, 1.3
AGREE_REGIONS, AGREE_SECONDS = 100_000, 0.7


def targets(tables: Tables) -> list[str]:
    """Targets of reading beside what was measured."""
    lines: list[list[str]] = []

    def add(what: str, goal: str, measured: str, reached: bool) -> None:
        lines.append([what, goal, measured, "yes" if reached else "**no**"])

    for row in tables["read"]:
        form = row.key["form"]
        for way in ("ours_1", "scan_1"):
            speed = row.notes[way]["bytes"] / 1e6 / row.seconds[way]
            add(f"{READERS[way]}, {form}", f"{READ_MB_PER_S:,.0f} MB/s", f"{speed:,.0f} MB/s", speed >= READ_MB_PER_S)
        for one, two in (("ours_1", "ours_2"), ("scan_1", "scan_2")):
            speedup = row.seconds[one] / row.seconds[two]
            add(f"{READERS[two]}, {form}", f"{READ_SPEEDUP}x of one", f"{speedup:.2f}x", speedup >= READ_SPEEDUP)
        for way in (way for way in row.seconds if not ours(way)):
            ratio = row.ratio("ours_1", way) or 0.0
            add(f"lesiongeo, 1 thread, {form}, against {READERS[way]}", "faster", times(ratio), ratio >= 1.0)
    for row in tables["memory"]:
        for way in ("ours_1", "ours_2"):
            found = of_arrays(row.notes[way])
            add(f"peak, {READERS[way]}", f"{KEPT_SHARE} of arrays + window", f"{found:.2f}", found <= KEPT_SHARE)
    for row in tables["stream"]:
        for way, notes in row.notes.items():
            found = share(notes)
            add(f"peak, {READERS[way]}", f"{STREAM_SHARE} of the file", f"{found:.3f}", found <= STREAM_SHARE)
    for row in tables["agree"]:
        count = row.notes["ours_2"]["regions"]
        seconds = row.seconds["ours_2"] * AGREE_REGIONS / count
        what = f"`lesiongeo agree`, {AGREE_REGIONS:,} regions, file to Parquet, 2 threads"
        add(what, f"{AGREE_SECONDS} s", f"{number(seconds)} s", seconds <= AGREE_SECONDS)
    if not lines:
        return []
    return ["### Reading", "", *grid(["", "target", "measured", "reached"], lines)]
