"""What was to be reached, beside what was measured."""

from __future__ import annotations

from typing import NamedTuple

import report_read
import report_statistics
import report_tracks
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
SPEEDUP = 1.9


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
    lines += _threads(tables)
    text = """
        What was set as target on another machine, and what this run measured. Microseconds belong to a machine,
        so the ratio decides; where there is none, the time does. From arrays, one thread, preparation
        included, unless said otherwise."""
    head = ["operation", "peer", "target", "measured", "target ratio", "measured ratio", "reached"]
    return [
        "## Targets",
        "",
        *prose(text),
        *grid(head, lines, words=2),
        *report_read.targets(tables),
        *report_statistics.targets(tables),
        *report_tracks.targets(tables),
    ]


def _threads(tables: Tables) -> list[list[str]]:
    lines = []
    for row in tables["threads"]:
        speedup = row.ratio("ours_2", "ours_1") or 0.0
        name = f"{row.key['operation']}, n = {row.key['vertices']}, two threads"
        cells = ["", "", f"{SPEEDUP}x", f"{speedup:.2f}x", _verdict(speedup >= SPEEDUP)]
        lines.append([name, "one thread", *cells])
    return lines
