"""Sections of RESULTS.md about threads, larger outlines and more pairs."""

from __future__ import annotations

import math

from tables import OPERATIONS, Row, grid, number, prose, times

ENOUGH_SPEEDUP = 1.8


def threads(rows: list[Row]) -> list[str]:
    text = f"""
        Microseconds per pair, `overlap`, from objects. Shapely: a pool of two threads, half of the pairs
        each. A speed-up below {ENOUGH_SPEEDUP} is marked. The last column says how many processors other
        processes kept busy just before (the largest of all): above 0.1, speed-ups mean little."""
    lines = []
    for row in sorted(rows, key=lambda row: (row.key["operation"], row.key["vertices"])):
        cells = [OPERATIONS[row.key["operation"]], str(row.key["vertices"])]
        for side in ("ours", "peer"):
            speedup = row.ratio(f"{side}_2", f"{side}_1") or 0.0
            gain = f"{speedup:.2f}" if speedup >= ENOUGH_SPEEDUP else f"**{speedup:.2f} ✗**"
            cells += [number(row.us(f"{side}_1")), number(row.us(f"{side}_2")), gain]
        busy = [notes["busy"] for notes in row.notes.values() if notes.get("busy") is not None]
        lines.append([*cells, times(row.ratio("ours_2", "peer_2")), f"{max(busy):.2f}" if busy else "unknown"])
    sides = [f"{name}{what}" for name in ("lesiongeo", "shapely") for what in (", 1", ", 2", " speed-up")]
    head = ["", "vertices", *sides, "ratio at 2 threads", "busy elsewhere"]
    return ["## Two threads", "", *prose(text), *grid(head, lines)]


def growth(rows: list[Row]) -> list[str]:
    text = """
        Microseconds per pair (ingest, validity: per outline) and, in brackets, nanoseconds per vertex, by
        vertices of an outline, one thread. `ingest` is `Polygons.from_ragged`, `validity` includes it; `iou`
        and `hausdorff` start from objects."""
    sizes = sorted({row.key["vertices"] for row in rows})
    found = {(row.key["kind"], row.key["operation"], row.key["vertices"]): row for row in rows}
    lines = []
    for kind, operation in sorted({(row.key["kind"], row.key["operation"]) for row in rows}):
        sides = 1 if operation in ("ingest", "validity") else 2
        costs = [found[kind, operation, size].us("ours_objects") or 0.0 for size in sizes]
        each = [cost * 1e3 / size / sides for cost, size in zip(costs, sizes, strict=True)]
        cells = [f"{number(cost)} ({number(one)})" for cost, one in zip(costs, each, strict=True)]
        lines.append([kind, operation, *cells])
    head = ["outlines", "operation", *(f"{size:,}" for size in sizes)]
    return ["## Growth with the outline", "", *prose(text), *grid(head, lines, words=2)]


CALLS = {
    "iou": "IoU",
    "hausdorff": "Hausdorff",
    "surface": "surface distances",
}
CALLERS = {
    "ours_1": "lesiongeo, 1",
    "ours_2": "lesiongeo, 2",
    "peer_1": "shapely, 1",
    "peer_2": "shapely, 2",
    "pycocotools": "pycocotools, 1",
    "raster": "raster, 1",
}


def calls(rows: list[Row]) -> list[str]:
    text = """
        Microseconds per pair by the number of pairs in one call, outlines of 50 vertices, from objects, by
        threads. Peers stop where their line has long been straight."""
    sizes = sorted({row.key["pairs"] for row in rows})
    found = {(row.key["operation"], row.key["pairs"]): row for row in rows}
    lines = []
    for operation, name in CALLS.items():
        for way, caller in CALLERS.items():
            costs = [found[operation, size].us(way) for size in sizes]
            if any(cost is not None for cost in costs):
                lines.append([name, caller, *map(number, costs)])
    head = ["", "who, threads", *(f"{size:,}" for size in sizes)]
    return ["## Growth with the number of pairs", "", *prose(text), *grid(head, lines, words=2)]


def exponent(sizes: list[float], seconds: list[float]) -> float:
    """Slope of the straight line through logarithms: time grows as size to this power."""
    xs, ys = [math.log(size) for size in sizes], [math.log(second) for second in seconds]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


def grown(row_of: dict[float, Row], way: str) -> str:
    """Return the exponent of a way over all sizes that were measured, if there are three."""
    measured = {size: row.seconds[way] for size, row in row_of.items() if way in row.seconds}
    return f"{exponent(list(measured), list(measured.values())):.2f}" if len(measured) > 2 else ""


def worst(rows: list[Row]) -> list[str]:
    text = """
        Milliseconds for one pair (is_valid: one outline) by vertices of an outline, one thread. The spiral is
        a band of ever more turns, the combs have ever finer long teeth, the staircase is the outline of a
        noisy mask, pixel by pixel, with as many vertices give or take 3 %, the circles are as far apart
        everywhere. True crossings are none (spiral, circles) or in proportion to the vertices. lesiongeo
        starts from objects, for is_valid from arrays. `n^k`: the exponent k fitted to all sizes; n log n
        looks like 1.1 here. Peer: shapely from objects as long as it is expected to finish within a second;
        for surface_distances masks, rasterising counted, whose cost follows the pixels (some 1000 x 1000) instead
        of the vertices. ✗ marks what the peer wins."""
    sizes = sorted({row.key["vertices"] for row in rows})
    found: dict[tuple[str, str], dict[float, Row]] = {}
    for row in rows:
        found.setdefault((row.key["operation"], row.key["kind"]), {})[row.key["vertices"]] = row
    lines = []
    for (operation, kind), row_of in found.items():
        for way, name in (("ours_objects", "lesiongeo"), ("peer_objects", "peer")):
            cells = []
            for size in sizes:
                row = row_of[size]
                cost = row.us(way)
                lost = way.startswith("peer") and (row.ratio("ours_objects", way) or 1.0) < 1.0
                text_of = number(None if cost is None else cost / 1e3)
                cells.append(f"**{text_of} ✗**" if lost else text_of)
            lines.append([operation, kind, name, *cells, grown(row_of, way)])
    head = ["operation", "outlines", "who", *(f"{size:,}" for size in sizes), "n^k"]
    return ["## Hard outlines", "", *prose(text), *grid(head, lines, words=3)]


def crowds(rows: list[Row]) -> list[str]:
    text = """
        `iou_pairs` on one page of fixed size, milliseconds for the call, one thread, outlines of 50 vertices,
        from objects. The more regions, the more of them lie on each other: pairs found grow with the square."""
    ours, peer = "ours_objects", "peer_objects"
    row_of = {row.key["regions"]: row for row in rows}
    lines = [
        [
            f"{size:,}",
            f"{row.notes[ours]['pairs']:,}",
            *(number(None if row.us(way) is None else row.seconds[way] * 1e3) for way in (ours, peer)),
            times(row.ratio(ours, peer)),
        ]
        for size, row in sorted(row_of.items())
    ]
    lines.append(["n^k", "", grown(row_of, ours), grown(row_of, peer), ""])
    pairs = {row.notes[ours]["pairs"]: row for row in rows}
    lines.append(["pairs^k", "", grown(pairs, ours), grown(pairs, peer), ""])
    head = ["regions per side", "pairs found", "lesiongeo", "shapely", "ratio"]
    return ["## One ever more crowded page", "", *prose(text), *grid(head, lines)]
