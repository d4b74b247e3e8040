"""Turn pytest-benchmark's JSON into RESULTS.md.

    python -m pytest benches --benchmark-enable --benchmark-only --benchmark-json=bench.json
    python benches/report.py bench.json

The same JSON gives the same text. Rows that a peer wins are marked and stay.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
OPERATIONS = {"iou": "IoU", "hausdorff": "Hausdorff", "area": "area", "validity": "validity"}
ROUND_TRIP = (
    ("both from arrays", "ours_arrays", "peer_arrays"),
    ("both from objects", "ours_objects", "peer_objects"),
    ("ours from arrays, shapely from objects", "ours_arrays", "peer_objects"),
)
ENOUGH_SPEEDUP = 1.8


@dataclass
class Row:
    """One comparison: the best time of every contestant, and what was noted about them."""

    table: str
    key: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)
    items: int = 1
    notes: dict[str, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))

    def us(self, way: str) -> float | None:
        """Microseconds per item."""
        return self.seconds[way] / self.items * 1e6 if way in self.seconds else None

    def ratio(self, ours: str, peer: str) -> float | None:
        if ours not in self.seconds or peer not in self.seconds:
            return None
        return self.seconds[peer] / self.seconds[ours]


def load(benchmarks: Iterable[dict[str, Any]]) -> dict[str, list[Row]]:
    """Merge the turns of every contestant: the smallest time counts."""
    rows: dict[tuple[Any, ...], Row] = {}
    for benchmark in benchmarks:
        info = dict(benchmark["extra_info"])
        table, way, key = info.pop("table"), info.pop("way"), info.pop("row")
        row = rows.setdefault((table, *key.values()), Row(table, key))
        best = benchmark["stats"]["min"]
        row.seconds[way] = min(best, row.seconds.get(way, best))
        row.items = info.pop("items")
        for name, value in info.items():
            known = row.notes[way].get(name)
            row.notes[way][name] = value if known is None else max(known, value)
    tables: dict[str, list[Row]] = defaultdict(list)
    for row in rows.values():
        tables[row.table].append(row)
    return tables


def number(value: float | None) -> str:
    """Three significant digits, no exponent."""
    if value is None:
        return ""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def times(ratio: float | None) -> str:
    """How many times faster ours is; a peer's win is marked."""
    if ratio is None:
        return ""
    text = f"{ratio:,.0f}x" if ratio >= 10 else f"{ratio:.1f}x" if ratio >= 1 else f"{ratio:.2f}x"
    return text if ratio >= 1.0 else f"**{text} ✗**"


def grid(head: Sequence[str], lines: Iterable[Sequence[str]], words: int = 1) -> list[str]:
    """Make a Markdown table; the first `words` columns are text, the others numbers."""
    align = ["---"] * words + ["---:"] * (len(head) - words)
    return ["| " + " | ".join(cells) + " |" for cells in (head, align, *lines)] + [""]


def by_vertices(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (str(row.key.get("kind", "")), row.key.get("vertices", 0)))


def against_shapely(rows: list[Row], extra: Sequence[tuple[str, Any]] = ()) -> list[str]:
    head = [
        "outlines",
        "vertices",
        "lesiongeo, arrays",
        "lesiongeo, objects",
        "shapely, arrays",
        "shapely, objects",
        "ratio arrays",
        "ratio objects",
        "ratio strict",
        *(name for name, _ in extra),
    ]
    ways = ("ours_arrays", "ours_objects", "peer_arrays", "peer_objects")
    lines = [
        [
            row.key["kind"],
            str(row.key["vertices"]),
            *(number(row.us(way)) for way in ways),
            *(times(row.ratio(ours, peer)) for _, ours, peer in ROUND_TRIP),
            *(make(row) for _, make in extra),
        ]
        for row in by_vertices(rows)
    ]
    return grid(head, lines)


def summary(tables: dict[str, list[Row]], vertices: int = 50) -> Iterator[str]:
    head = ["operation", "lesiongeo, arrays", "lesiongeo, objects", "shapely, arrays", "shapely, objects"]
    lines = []
    for table, kind in (
        ("iou", "overlap"),
        ("iou", "rough"),
        ("iou", "identical"),
        ("iou", "shared_edge"),
        ("iou", "disjoint"),
        ("iou", "invalid"),
        ("hausdorff", "overlap"),
        ("area", "area"),
        ("validity", "valid"),
    ):
        for row in tables[table]:
            if (row.key["kind"], row.key["vertices"]) != (kind, vertices):
                continue
            name = OPERATIONS[table] + ("" if kind in ("area", "valid") else f", {kind}")
            ways = ("ours_arrays", "ours_objects", "peer_arrays", "peer_objects")
            ratios = [times(row.ratio(ours, peer)) for _, ours, peer in ROUND_TRIP]
            lines.append([name, *(number(row.us(way)) for way in ways), *ratios])
    if lines:
        yield f"## Summary at {vertices} vertices"
        yield ""
        yield "Microseconds per pair (area, validity: per outline), one thread."
        yield ""
        yield from grid([*head, "ratio arrays", "ratio objects", "ratio strict"], lines)


def losses(tables: dict[str, list[Row]]) -> Iterator[str]:
    """Every comparison that shapely wins."""
    lines = []
    for table, name in (*OPERATIONS.items(), ("pairs", "pairs"), ("matching", "matching")):
        for row in by_vertices(tables[table]):
            for words, ours, peer in ROUND_TRIP:
                ratio = row.ratio(ours, peer)
                if ratio is not None and ratio < 1.0:
                    what = row.key.get("kind", row.key.get("what", ""))
                    cells = [name, what, words, str(row.key.get("vertices", 50))]
                    lines.append([*cells, number(row.us(ours)), number(row.us(peer)), times(ratio)])
    yield "## Where shapely is faster"
    yield ""
    if lines:
        head = ["operation", "outlines", "comparison", "vertices", "lesiongeo, us", "shapely, us", "ratio"]
        yield from grid(head, lines, words=3)
    else:
        yield "Nowhere in this run."
        yield ""


def iou(rows: list[Row]) -> Iterator[str]:
    worst = max(notes["difference"] for row in rows for notes in row.notes.values())
    yield "## IoU"
    yield ""
    yield (
        "Microseconds per pair. Both are exact to rounding on these outlines: the largest difference between any two of the "
        f"contestants is {worst:.1e}. lesiongeo from arrays includes its test of validity, shapely tests nothing. "
        "On `invalid` shapely repairs the invalid side first (`make_valid`), inside the clock; `repaired` starts on both sides "
        "from outlines that were repaired before the clock."
    )
    yield ""
    yield from against_shapely(rows)


def plain_on_invalid(rows: list[Row]) -> Iterator[str]:
    yield "Plain `shapely.intersection` on `invalid`, pair by pair. One exception and a call for many pairs returns nothing:"
    yield ""
    lines = []
    for row in by_vertices(rows):
        notes = row.notes["peer_objects"]
        share = f"{notes['raised']} of {row.items}"
        lines.append([str(row.key["vertices"]), share, str(notes["wrong"]), number(row.us("peer_objects"))])
    yield from grid(["vertices", "raises", "wrong without a word", "us per pair"], lines)


def hausdorff(rows: list[Row]) -> Iterator[str]:
    def low(row: Row) -> str:
        share = row.notes["ours_arrays"].get("peer_low")
        return "" if share is None else f"{share:.2%}" if share > 1e-9 else "0"

    yield "## Hausdorff distance"
    yield ""
    yield (
        "Microseconds per pair. **The definitions differ.** lesiongeo's value is exact: over all points of both boundaries. "
        "`shapely.hausdorff_distance` is discrete: from the vertices only, so it is a lower bound; the last column says by "
        "how much it is too low at worst here. `lesiongeo, vertex` is `method=\"vertex\"`, shapely's definition, from objects. "
        "Shapely needs no repair of `invalid` here, lesiongeo resolves it."
    )
    yield ""
    extra = (("lesiongeo, vertex", lambda row: number(row.us("ours_vertex"))), ("shapely too low by up to", low))
    yield from against_shapely(rows, extra)


def area(rows: list[Row]) -> Iterator[str]:
    yield "## Area"
    yield ""
    yield (
        "Microseconds per outline. lesiongeo from arrays includes the test of validity, because the area of an outline that "
        "crosses itself is that of its interior; shapely's is not (0 for a symmetric bow-tie), and tests nothing."
    )
    yield ""
    yield from against_shapely(rows)


def validity(rows: list[Row]) -> Iterator[str]:
    yield "## Validity"
    yield ""
    yield (
        "Microseconds per outline. lesiongeo keeps the answer with the object, so only new objects are timed, and has resolved "
        "the interior of invalid ones in the same time. `invalid`: against `is_valid`, which only says no; `invalid, "
        "with repair`: against `make_valid`."
    )
    yield ""
    yield from against_shapely(rows)


def pairs(rows: list[Row]) -> Iterator[str]:
    yield "## Pairs that meet"
    yield ""
    yield (
        "Milliseconds for the whole call, one thread; outlines of 50 vertices. Shapely: one `STRtree` (for many pages one "
        "plane with the pages side by side), query with `intersects`, then IoU of what was found."
    )
    yield ""
    ways = ("ours_arrays", "ours_objects", "peer_arrays", "peer_objects")
    lines = [
        [
            row.key["what"],
            f"{row.items:,}",
            *(number(row.seconds[way] * 1e3 if way in row.seconds else None) for way in ways),
            *(times(row.ratio(ours, peer)) for _, ours, peer in ROUND_TRIP),
        ]
        for row in rows
    ]
    head = ["", "pairs", "lesiongeo, arrays", "lesiongeo, objects", "shapely, arrays", "shapely, objects"]
    yield from grid([*head, "ratio arrays", "ratio objects", "ratio strict"], lines)


def matching(rows: list[Row]) -> Iterator[str]:
    yield "## One-to-one matching"
    yield ""
    yield (
        "Seconds, one thread. lesiongeo: the whole of `agreement`, with Hausdorff distances and all tables. Peer: pairs as "
        "above, then `scipy.optimize.linear_sum_assignment`. The total IoU is the same."
    )
    yield ""
    lines = [
        [
            row.key["what"],
            f"{row.notes['peer_objects']['matched']:,}",
            *(number(row.seconds[way]) for way in ("ours_objects", "peer_objects")),
            times(row.ratio("ours_objects", "peer_objects")),
        ]
        for row in rows
    ]
    yield from grid(["", "matched", "lesiongeo agreement", "shapely + scipy", "ratio"], lines)


READERS = {
    "ours_1": "lesiongeo, 1 thread",
    "ours_2": "lesiongeo, 2 threads",
    "json": "`json.load`",
    "json_gc_off": "`json.load`, collector off",
    "orjson": "`orjson.loads`",
    "orjson_gc_off": "`orjson.loads`, collector off",
    "peer_1": "orjson (collector off) + shapely, 1 thread",
}


def reading(row: Row) -> Iterator[str]:
    notes = row.notes["ours_1"]
    yield "## Reading a Label Studio export"
    yield ""
    yield (
        f"A file of {notes['bytes'] / 1e6:.0f} MB with {notes['regions']:,} regions of 50 vertices, a label, a number and a "
        "choice each. **`json` and `orjson` only parse**: no outlines in pixels, no columns, no validity, no problems. "
        '"Collector" is Python\'s cyclic garbage collector, which most programs leave on.'
    )
    yield ""
    lines = []
    for way, name in READERS.items():
        if way in row.seconds:
            speed = notes["bytes"] / 1e6 / row.seconds[way]
            ratio = "" if way.startswith("ours") else times(row.ratio("ours_1", way))
            lines.append([name, number(row.seconds[way]), number(speed), ratio])
    yield from grid(["reader", "s", "MB/s", "lesiongeo, 1 thread, is faster by"], lines)


def agree(row: Row) -> Iterator[str]:
    notes = row.notes["ours_1"]
    yield "## From the file to the agreement tables"
    yield ""
    yield (
        f"The same file; lesiongeo reads it and compares the annotators ({notes['pairs']:,} rows). The peer does less: IoU and "
        "discrete Hausdorff of all overlapping polygons of two annotators on a page, without matching, missing regions, "
        "rectangles, ellipses and columns."
    )
    yield ""
    lines = []
    for way in ("ours_1", "ours_2", "peer_1"):
        if way in row.seconds:
            ratio = times(row.ratio("ours_1", way)) if way == "peer_1" else ""
            lines.append([READERS[way], number(row.seconds[way]), ratio])
    yield from grid(["", "s", "lesiongeo, 1 thread, is faster by"], lines)


def memory(row: Row) -> Iterator[str]:
    yield "## Memory of reading"
    yield ""
    yield "Peak resident memory of a process that reads the same file and keeps the result, in MB and as a share of the file."
    yield ""
    lines = []
    for way, notes in row.notes.items():
        read = notes["peak"] - notes["imports"]
        cells = [f"{notes[name] / 1e6:,.0f}" for name in ("peak", "imports")]
        shares = [f"{amount / notes['bytes']:.2f}" for amount in (notes["peak"], read)]
        lines.append([READERS[way], *cells, *shares])
    head = ["reader", "peak", "of that Python and imports", "peak / file", "peak without imports / file"]
    yield from grid(head, lines)


def threads(rows: list[Row]) -> Iterator[str]:
    yield "## Two threads"
    yield ""
    yield (
        "Microseconds per pair, `overlap`, from objects. Shapely: a pool of two threads, half of the pairs each. A speed-up below "
        f"{ENOUGH_SPEEDUP} is marked. The last column says how many processors other processes kept busy just before "
        "(the larger of the turns): above 0.1 the speed-ups mean little."
    )
    yield ""
    lines = []
    for row in sorted(rows, key=lambda row: (row.key["operation"], row.key["vertices"])):
        cells = [OPERATIONS[row.key["operation"]], str(row.key["vertices"])]
        for side in ("ours", "peer"):
            cells += [number(row.us(f"{side}_1")), number(row.us(f"{side}_2"))]
            speedup = row.ratio(f"{side}_2", f"{side}_1")
            text = "" if speedup is None else f"{speedup:.2f}"
            cells.append(f"**{text} ✗**" if speedup and speedup < ENOUGH_SPEEDUP else text)
        busy = [notes["busy"] for notes in row.notes.values() if notes.get("busy") is not None]
        lines.append([*cells, times(row.ratio("ours_2", "peer_2")), f"{max(busy):.2f}" if busy else "unknown"])
    head = ["", "vertices"]
    for side in ("lesiongeo", "shapely"):
        head += [f"{side}, 1", f"{side}, 2", "speed-up"]
    yield from grid([*head, "ratio at 2", "busy elsewhere"], lines)


def growth(rows: list[Row]) -> Iterator[str]:
    yield "## Growth with the outline"
    yield ""
    yield (
        "Microseconds per pair (ingest, validity: per outline) and, in brackets, nanoseconds per vertex, one thread. "
        "`ingest` is `Polygons.from_ragged`, `validity` includes it; `iou` and `hausdorff` start from objects."
    )
    yield ""
    sizes = sorted({row.key["vertices"] for row in rows})
    found = {tuple(row.key.values()): row for row in rows}
    lines = []
    for kind, operation in dict.fromkeys((row.key["kind"], row.key["operation"]) for row in rows):
        sides = 1 if operation in ("ingest", "validity") else 2
        cells = [kind, operation]
        for vertices in sizes:
            cost = found[kind, operation, vertices].us("ours_objects") or 0.0
            cells.append(f"{number(cost)} ({number(cost * 1e3 / vertices / sides)})")
        lines.append(cells)
    lines.sort()
    yield from grid(["outlines", "operation", *(f"{size:,}" for size in sizes)], lines, words=2)


def growth_in_pairs(rows: list[Row]) -> Iterator[str]:
    yield "IoU from objects, 12 vertices, by the number of pairs in one call: " + ", ".join(
        f"{row.key['pairs']:,}: {number(row.us('ours_objects'))} us" for row in rows
    ) + " per pair."
    yield ""


def preamble(run: dict[str, Any], provisional: bool) -> Iterator[str]:
    machine, ours = run["machine_info"], run["machine_info"]["lesiongeo"]
    commit = run.get("commit_info") or {}
    yield "# Benchmarks"
    yield ""
    yield "Written by `benches/report.py` from one run of the benchmarks; edit that, not this."
    yield ""
    if provisional:
        yield "> **Provisional**: the machine was not quiet, or the code was still changing. Ratios are rough."
        yield ""
    yield f"- **Date**: {run['datetime'][:10]}"
    if commit.get("id"):
        state = " with uncommitted changes" if commit.get("dirty") else ""
        yield f"- **Commit**: {commit['id'][:9]}{state}, {ours['build']} build"
    cpu = machine["cpu"]
    yield f"- **Machine**: {cpu.get('brand_raw', machine['machine'])}, {ours['processors']} processors, {machine['system']}"
    yield f"- **Load** (1 minute) before and after: {ours['load'][0]:.2f}, {ours['load'][1]:.2f}"
    yield "- **Versions**: " + ", ".join(f"{name} {version}" for name, version in ours["versions"].items())
    yield ""
    yield "Run: `python -m pytest benches --benchmark-enable --benchmark-only --benchmark-json=bench.json`, then"
    yield "`python benches/report.py bench.json`."
    yield ""
    yield "## Method"
    yield ""
    yield (
        f"- Times are the **minimum** of {ours['rounds']} rounds in each of {ours['turns']} turns (long calls fewer rounds, thread "
        "comparisons more; the JSON has all), after a warm-up. In a turn the contestants of one comparison run one after "
        "another, so a disturbance seldom hits one of them only."
    )
    yield "- One thread on both sides unless said otherwise. Shapely is called on whole arrays, never in a loop."
    yield (
        "- *arrays*: from flat coordinate arrays to the answer, objects made anew every round. *objects*: the outlines exist as "
        "`Polygons` or shapely geometries before the clock runs; `Polygons` have then been tested for validity."
    )
    yield (
        "- **ratio** = time of the peer / time of lesiongeo. *ratio arrays*, *ratio objects*: both start from the same. *ratio "
        "strict*: lesiongeo from arrays with everything, shapely from existing geometries. ✗ marks what the peer wins."
    )
    yield (
        "- Outlines are seeded star shapes with the harmonics of a lesion's border: `overlap` two readings of one lesion, "
        "`identical` the same coordinates, `shared_edge` half of the border exactly equal, `near` boxes overlap but outlines do not, "
        "`disjoint` boxes far apart, `invalid` the first outline crosses itself once, `rough` as `overlap` with every vertex "
        "moved by up to a quarter of an edge."
    )
    yield "- Every timed result is compared with the peer's; a difference fails the run."
    yield ""


def report(run: dict[str, Any], *, provisional: bool = False) -> str:
    """Return the text of RESULTS.md."""
    tables = load(run["benchmarks"])
    lines = [*preamble(run, provisional), *summary(tables), *losses(tables)]
    sections = (
        ("iou", iou),
        ("plain shapely on invalid", plain_on_invalid),
        ("hausdorff", hausdorff),
        ("area", area),
        ("validity", validity),
        ("pairs", pairs),
        ("matching", matching),
        ("threads", threads),
        ("growth", growth),
        ("growth in pairs", growth_in_pairs),
    )
    singles = (("read", reading), ("agree", agree), ("memory", memory))
    for name, section in sections:
        if tables[name]:
            lines += section(tables[name])
    for name, single in singles:
        if tables[name]:
            lines += single(tables[name][0])
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Write RESULTS.md from pytest-benchmark's JSON.")
    parser.add_argument("json", type=Path, help="what --benchmark-json wrote")
    parser.add_argument("--output", type=Path, default=HERE / "RESULTS.md")
    parser.add_argument("--provisional", action="store_true", help="say at the top that the figures are rough")
    arguments = parser.parse_args()
    run = json.loads(arguments.json.read_text(encoding="utf-8"))
    arguments.output.write_text(report(run, provisional=arguments.provisional), encoding="utf-8")


if __name__ == "__main__":
    main()
