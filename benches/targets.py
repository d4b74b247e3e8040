"""What was to be reached, beside what was measured."""

from __future__ import annotations

from typing import NamedTuple

from tables import Row, Tables, grid, number, prose, times


class Target(NamedTuple):
    """Microseconds (or what `unit` says) and how many times faster than the peer."""

    operation: str
    peer: str
    table: str
    key: dict[str, object]
    cost: float | None
    ratio: float | None
    ours: str = "ours_arrays"
    theirs: str = "peer_objects"


def _sizes(
    operation: str, peer: str, table: str, goals: dict[int, tuple[float | None, float | None]], **key: object
) -> list[Target]:
    return [Target(f"{operation}, n = {n}", peer, table, {**key, "vertices": n}, *goal) for n, goal in goals.items()]


TARGETS = [
    *_sizes(
        "IoU",
        "shapely intersection + area, objects",
        "iou",
        {12: (0.5, 50.0), 50: (1.2, 35.0), 200: (4.5, 20.0), 1000: (25.0, 18.0)},
        kind="overlap",
    ),
    *_sizes(
        "Hausdorff, exact",
        "shapely, discrete, objects",
        "hausdorff",
        {12: (0.8, None), 50: (2.0, 24.0), 200: (8.0, 70.0), 1000: (50.0, 250.0)},
        kind="overlap",
    ),
    Target(
        "hd95, masd, assd, nsd, signed offset together, n = 50",
        "raster surface distances, rasterising counted",
        "peers",
        {"operation": "surface", "vertices": 50},
        *(10.0, 600.0),
        theirs="raster",
    ),
    Target(
        "the same, n = 50",
        "raster surface distances, masks of the image given",
        "peers",
        {"operation": "surface", "vertices": 50},
        *(10.0, 600.0),
        theirs="raster_image_masks",
    ),
    Target(
        "area from arrays, n = 50",
        "shapely create + area",
        "area",
        {"kind": "valid", "vertices": 50},
        *(0.05, 8.0),
        theirs="peer_arrays",
    ),
    Target(
        "area, n = 50",
        "shapely area, both from objects",
        "area",
        {"kind": "valid", "vertices": 50},
        None,
        1.0,
        "ours_objects",
    ),
    Target(
        "IoU, one outline invalid, n = 50",
        "shapely make_valid + intersection",
        "iou",
        {"kind": "invalid", "vertices": 50},
        *(30.0, 10.0),
    ),
]
#: Regions and seconds of the whole way from the file to the tables.
WHOLE = (100_000, 0.7, 14.5)
READ_MB_PER_S, READ_MEMORY, SPEEDUP = 1000.0, 0.3, 1.9


def _find(tables: Tables, table: str, key: dict[str, object]) -> Row | None:
    return next((row for row in tables[table] if row.key == key), None)


def _verdict(reached: bool) -> str:
    return "yes" if reached else "**no**"


def targets(tables: Tables) -> list[str]:
    """Return the section; what was not measured in this run is left out."""
    lines = []
    for target in TARGETS:
        row = _find(tables, target.table, target.key)
        ratio = row.ratio(target.ours, target.theirs) if row else None
        if row is None or ratio is None:
            continue
        goal = "" if target.ratio is None else times(target.ratio)
        cost = row.us(target.ours)
        reached = (ratio >= target.ratio) if target.ratio is not None else (cost or 0.0) <= (target.cost or 0.0)
        unit = [f"{number(value)} us" if value is not None else "" for value in (target.cost, cost)]
        lines.append([target.operation, target.peer, *unit, goal, times(ratio), _verdict(reached)])
    lines += _reading(tables) + _whole(tables) + _threads(tables)
    text = """
        What was set as target on another machine, and what this run measured. Microseconds belong to a machine,
        so the ratio decides; where there is none, the time does. From arrays, one thread, preparation
        included, unless said otherwise."""
    head = ["operation", "peer", "target", "measured", "target ratio", "measured ratio", "reached"]
    return ["## Targets", "", *prose(text), *grid(head, lines, words=2)]


def _reading(tables: Tables) -> list[list[str]]:
    lines = []
    for row in tables["read"]:
        speed = row.notes["ours_1"]["bytes"] / 1e6 / row.seconds["ours_1"]
        name, goal = "reading a Label Studio export", f"{READ_MB_PER_S:,.0f} MB/s"
        for way, peer in (
            ("json", "`json.load`"),
            ("orjson", "`orjson.loads`"),
            ("orjson_gc_off", "the same, collector off"),
        ):
            ratio = row.ratio("ours_1", way)
            lines.append([name, peer, goal, f"{speed:,.0f} MB/s", "", times(ratio), _verdict(speed >= READ_MB_PER_S)])
    for row in tables["memory"]:
        notes = row.notes["ours_1"]
        share = (notes["peak"] - notes["imports"]) / notes["bytes"]
        cells = [f"{READ_MEMORY:.1f} of the file", f"{share:.2f}", "", "", _verdict(share <= READ_MEMORY)]
        lines.append(["memory of that, without imports", "", *cells])
    return lines


def _whole(tables: Tables) -> list[list[str]]:
    regions, goal, peer = WHOLE
    lines = []
    for row in tables["agree"]:
        count = tables["read"][0].notes["ours_1"]["regions"] if tables["read"] else regions
        cost = row.seconds["ours_2"] * regions / count
        ratio = row.ratio("ours_2", "peer_1")
        name = f"export to agreement tables, {regions:,} regions, 2 threads (scaled from {count:,})"
        cells = [f"{goal} s", f"{number(cost)} s", times(peer / goal), times(ratio)]
        lines.append([name, "best Python pipeline, 1 thread", *cells, _verdict((ratio or 0.0) >= peer / goal)])
    return lines


def _threads(tables: Tables) -> list[list[str]]:
    lines = []
    for row in tables["threads"]:
        speedup = row.ratio("ours_2", "ours_1") or 0.0
        name = f"{row.key['operation']}, n = {row.key['vertices']}, two threads"
        cells = ["", "", f"{SPEEDUP}x", f"{speedup:.2f}x", _verdict(speedup >= SPEEDUP)]
        lines.append([name, "one thread", *cells])
    return lines
