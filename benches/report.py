"""Turn pytest-benchmark's JSON into RESULTS.md.

    python -m pytest benches --benchmark-enable --benchmark-only --benchmark-json=bench.json
    python benches/report.py bench.json [--kernels kernels.json]

The same JSON gives the same text. Rows that a peer wins are marked and stay.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from report_growth import calls, crowds, growth, threads, worst
from report_peers import alone, clipping, faster_peers, peers, shape
from report_read import agree, memory, reading, streaming
from report_statistics import statistics
from report_tracks import tracks
from tables import (
    OPERATIONS,
    RATIOS,
    WAYS,
    Row,
    Tables,
    add_kernels,
    by_kind,
    by_vertices,
    contest,
    grid,
    load,
    number,
    prose,
    times,
)
from targets import targets

SUMMARY_VERTICES = 50
SUMMARY = (
    *(("iou", kind) for kind in ("overlap", "rough", "identical", "shared_edge", "near", "disjoint", "invalid")),
    *(("hausdorff", kind) for kind in ("overlap", "rough", "invalid")),
    ("area", "valid"),
    ("validity", "valid"),
)


def summary(tables: Tables) -> list[str]:
    lines = []
    for table, kind in SUMMARY:
        for row in tables[table]:
            if (row.key["kind"], row.key["vertices"]) == (kind, SUMMARY_VERTICES):
                name = OPERATIONS[table] + (f", {kind}" if table in ("iou", "hausdorff") else "")
                lines.append([name, *contest(row)])
    text = "Microseconds per pair (area, validity: per outline), one thread."
    head = ["operation", *WAYS.values(), *RATIOS]
    return [f"## Summary at {SUMMARY_VERTICES} vertices", "", text, "", *grid(head, lines)]


def losses(tables: Tables) -> list[str]:
    """Every comparison that a peer wins."""
    lines = []
    names = OPERATIONS | {name: name for name in ("pairs", "matching", "clipping", "shape")}
    for table, name in names.items():
        for row in by_vertices(tables[table]):
            for comparison, (ours, peer) in RATIOS.items():
                ratio = row.ratio(ours, peer)
                if ratio is not None and ratio < 1.0:
                    what = next((str(row.key[key]) for key in ("kind", "what", "operation") if key in row.key), "")
                    cells = [name, what, f"shapely, {comparison}", str(row.key.get("vertices", SUMMARY_VERTICES))]
                    lines.append([*cells, number(row.us(ours)), number(row.us(peer)), times(ratio)])
    lines += faster_peers(tables)
    head = ["operation", "outlines or what is computed", "peer", "vertices", "lesiongeo, us", "peer, us", "ratio"]
    found = grid(head, lines, words=3) if lines else ["Nowhere in this run.", ""]
    return ["## Where a peer is faster", "", *prose("Hard outlines have a table of their own below."), *found]


def iou(rows: list[Row]) -> list[str]:
    worst = max(notes["difference"] for row in rows for notes in row.notes.values())
    text = f"""
        Microseconds per pair. Both are exact to rounding on these outlines: the largest difference from
        shapely is {worst:.1e}. lesiongeo from arrays includes its test of validity; shapely tests nothing. On
        `invalid`, shapely repairs the invalid side first (`make_valid`), inside the clock; `repaired` starts
        on both sides from outlines that were repaired before the clock."""
    return ["## IoU", "", *prose(text), *by_kind(rows)]


def plain_on_invalid(rows: list[Row]) -> list[str]:
    lines = []
    for row in by_vertices(rows):
        notes = row.notes["peer_objects"]
        raised = f"{notes['raised']} of {row.items}"
        lines.append([str(row.key["vertices"]), raised, str(notes["wrong"]), number(row.us("peer_objects"))])
    text = """
        Plain `shapely.intersection` on `invalid`, pair by pair. A call for many pairs returns nothing as soon
        as one of them raises. "Wrong without a word" is an IoU off by more than 1e-9."""
    return [*prose(text), *grid(["vertices", "raises", "wrong without a word", "us per pair"], lines)]


def hausdorff(rows: list[Row]) -> list[str]:
    lines = []
    for row in by_vertices(rows):
        low = row.notes["ours_arrays"].get("peer_low", 0.0)
        extra = [number(row.us("ours_vertex")), f"{low:.2%}" if low > 5e-5 else "< 0.01%" if low > 1e-9 else "0"]
        lines.append([row.key["kind"], str(row.key["vertices"]), *contest(row), *extra])
    text = """
        Microseconds per pair. **The definitions differ.** lesiongeo is exact: the maximum over all points of
        both boundaries. `shapely.hausdorff_distance` is discrete: it looks from the vertices only, so it is a
        lower bound; the last column says how much it is too low at worst here. *lesiongeo, vertex* is
        `method="vertex"`, shapely's definition, from objects. Shapely needs no repair of `invalid` for this;
        lesiongeo resolves it first."""
    head = ["outlines", "vertices", *WAYS.values(), *RATIOS, "lesiongeo, vertex", "shapely too low by up to"]
    return ["## Hausdorff distance", "", *prose(text), *grid(head, lines)]


def area(rows: list[Row]) -> list[str]:
    text = """
        Microseconds per outline. lesiongeo from arrays includes the test of validity, because the area of an
        outline that crosses itself is that of its interior. Shapely tests nothing; of a symmetric bow-tie its
        area is 0."""
    return ["## Area", "", *prose(text), *by_kind(rows)]


def validity(rows: list[Row]) -> list[str]:
    text = """
        Microseconds per outline. lesiongeo keeps the answer with the object, so only new objects are timed,
        and has resolved the interior of invalid ones in the same time. `invalid`: against `is_valid`, which
        only says no. `invalid, with repair`: against `make_valid`."""
    return ["## Validity", "", *prose(text), *by_kind(rows)]


def pairs(rows: list[Row]) -> list[str]:
    text = """
        Milliseconds for the whole call, one thread, outlines of 50 vertices. Shapely: one `STRtree` (for many
        pages, on one plane with the pages side by side), query with `intersects`, then IoU of what was found."""
    lines = [[row.key["what"], f"{row.items:,}", *contest(row, 1e3)] for row in rows]
    head = ["", "pairs found", *WAYS.values(), *RATIOS]
    return ["## Pairs that meet", "", *prose(text), *grid(head, lines)]


def matching(rows: list[Row]) -> list[str]:
    text = """
        Seconds, one thread. lesiongeo: the whole of `agreement`, with Hausdorff distances and all tables.
        Peer: pairs as above, then `scipy.optimize.linear_sum_assignment`, and nothing else. Both are exact,
        the total IoU is the same."""
    ours, peer = "ours_objects", "peer_objects"
    lines = [
        [
            row.key["what"],
            f"{row.notes[peer]['matched']:,}",
            number(row.seconds[ours]),
            number(row.seconds[peer]),
            times(row.ratio(ours, peer)),
        ]
        for row in rows
    ]
    head = ["", "matched", "lesiongeo", "shapely + scipy", "ratio"]
    return ["## One-to-one matching", "", *prose(text), *grid(head, lines)]


SECTIONS = {
    "iou": iou,
    "plain shapely on invalid": plain_on_invalid,
    "hausdorff": hausdorff,
    "area": area,
    "validity": validity,
    "pairs": pairs,
    "matching": matching,
    "read": reading,
    "agree": agree,
    "memory": memory,
    "stream": streaming,
    "statistics": statistics,
    "tracks": tracks,
    "alone": alone,
    "clipping": clipping,
    "shape": shape,
    "threads": threads,
    "growth": growth,
    "calls": calls,
    "worst": worst,
    "crowds": crowds,
}


def preamble(run: dict[str, Any], later: Sequence[dict[str, Any]], provisional: bool) -> list[str]:
    machine, ours, commit = run["machine_info"], run["machine_info"]["lesiongeo"], run.get("commit_info") or {}
    known = commit.get("id") not in (None, "unversioned")
    state = f"{commit['id'][:9]}{' with uncommitted changes' if commit.get('dirty') else ''}" if known else "unknown"
    versions = ", ".join(f"{name} {version}" for name, version in ours["versions"].items())
    warning = "> **Provisional**: the machine was not quiet, or the code was still changing. Ratios are rough."
    facts = f"""
        - **Date**: {run["datetime"][:10]}
        - **Commit**: {state}; {ours["build"]} build
        - **Machine**: {machine["cpu"].get("brand_raw", machine["machine"])}, {ours["processors"]} processors,
          {machine["system"]}; load (1 minute) before {ours["load"][0]:.2f}, after {ours["load"][1]:.2f}
        - **Versions**: {versions}"""
    for other in later:
        its, when = other["machine_info"]["lesiongeo"], other.get("commit_info") or {}
        facts += f"""
        - **Sections {", ".join(sorted(load(other["benchmarks"])))}**: a run of their own at commit
          {str(when.get("id", "unknown"))[:9]}; load before {its["load"][0]:.2f}, after {its["load"][1]:.2f}"""
    method = f"""
        - Times are the **minimum** of {ours["rounds"]} rounds in each of {ours["turns"]} turns, after a
          warm-up; calls of more than a second have fewer rounds, thread comparisons more. In a turn the
          contestants of one comparison follow each other, so a disturbance seldom hits only one of them.
        - One thread on both sides unless said otherwise. Shapely is called on whole arrays, never in a loop.
        - Peers that need milliseconds get the first few of the same pairs; with the new operations a
          contestant has {ours["budget"]:.1f} s per turn, and where even one call takes longer, one call must do.
        - *arrays*: from flat coordinate arrays to the answer, with objects made anew every round. *objects*:
          the outlines exist as `Polygons` or shapely geometries before the clock runs; `Polygons` have then
          been tested for validity.
        - A **ratio** is the time of the peer over that of lesiongeo. *ratio arrays*, *ratio objects*: both
          start from the same. *ratio strict*: lesiongeo from arrays, shapely from objects. ✗ marks what the
          peer wins.
        - Outlines are seeded star shapes like the border of a lesion: `overlap` two readings of one lesion,
          `identical` the same coordinates, `shared_edge` half of the border exactly equal, `near` boxes
          overlap but outlines do not, `disjoint` boxes far apart, `invalid` the first outline crosses itself
          once, `rough` as `overlap` with every vertex moved in or out by up to a quarter of an edge.
        - Every timed result is compared with the peer's; a difference fails the run."""
    return [
        "# Benchmarks",
        "",
        *prose(
            "Written by `benches/report.py`; edit that, not this. Every table comes from one run, but for those "
            "named below all from the same one."
            if later
            else "Written by `benches/report.py` from one run of the benchmarks; edit that, not this."
        ),
        *([warning, ""] if provisional else []),
        *prose(facts),
        *["`make bench` runs everything and writes this file and its figures.", ""],
        *["![cost against vertices](cost_vertices.svg)", "", "![cost against pairs](cost_pairs.svg)", ""],
        *["![cost against vertices of hard outlines](cost_worst.svg)", ""],
        *["## Method", ""],
        *prose(method),
    ]


def report(
    run: dict[str, Any],
    kernels: list[dict[str, float]],
    *,
    later: Sequence[dict[str, Any]] = (),
    provisional: bool = False,
) -> str:
    """Return the text of RESULTS.md; `kernels` are the rows of `cargo bench`, tables of `later` runs replace others."""
    tables = load(run["benchmarks"])
    for other in later:
        tables |= load(other["benchmarks"])
    add_kernels(tables, kernels)
    lines = [
        *preamble(run, later, provisional),
        *summary(tables),
        *targets(tables),
        *losses(tables),
        *peers(tables),
    ]
    for name, section in SECTIONS.items():
        if tables[name]:
            lines += section(tables[name])
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Write RESULTS.md from pytest-benchmark's JSON.")
    parser.add_argument("json", type=Path, help="what --benchmark-json wrote")
    parser.add_argument("--kernels", type=Path, help="what `cargo bench` wrote")
    parser.add_argument("--later", type=Path, action="append", default=[], help="a later run of some of the files")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("RESULTS.md"))
    parser.add_argument("--provisional", action="store_true", help="say at the top that the figures are rough")
    arguments = parser.parse_args()
    run = json.loads(arguments.json.read_text(encoding="utf-8"))
    kernels = json.loads(arguments.kernels.read_text(encoding="utf-8")) if arguments.kernels else []
    later = [json.loads(path.read_text(encoding="utf-8")) for path in arguments.later]
    text = report(run, kernels, later=later, provisional=arguments.provisional)
    arguments.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
