"""pytest-benchmark's JSON as rows that compare contestants, and their way into Markdown."""

from __future__ import annotations

import math
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

OPERATIONS = {"iou": "IoU", "hausdorff": "Hausdorff", "area": "area", "validity": "validity"}
WAYS = {
    "ours_arrays": "lesiongeo, arrays",
    "ours_objects": "lesiongeo, objects",
    "peer_arrays": "shapely, arrays",
    "peer_objects": "shapely, objects",
}
RATIOS = {
    "ratio arrays": ("ours_arrays", "peer_arrays"),
    "ratio objects": ("ours_objects", "peer_objects"),
    "ratio strict": ("ours_arrays", "peer_objects"),
}


@dataclass
class Row:
    """One comparison: the best time of every contestant, and what was noted about their results."""

    table: str
    key: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)
    #: How many pairs or outlines a way had; slow ones get the first few.
    sizes: dict[str, int] = field(default_factory=dict)
    notes: dict[str, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))

    @property
    def items(self) -> int:
        """The most that anyone had."""
        return max(self.sizes.values())

    def us(self, way: str) -> float | None:
        """Microseconds per item; None if nobody went that way."""
        return self.seconds[way] / self.sizes[way] * 1e6 if way in self.seconds else None

    def ratio(self, ours: str, peer: str) -> float | None:
        """Time per item of the peer over ours."""
        mine, theirs = self.us(ours), self.us(peer)
        return None if mine is None or theirs is None else theirs / mine


Tables = dict[str, list[Row]]


def load(benchmarks: Iterable[dict[str, Any]]) -> dict[str, list[Row]]:
    """Merge the turns of every contestant: the smallest time counts, and the largest of every note."""
    rows: dict[tuple[Any, ...], Row] = {}
    for benchmark in benchmarks:
        info = dict(benchmark["extra_info"])
        table, way, key = info.pop("table"), info.pop("way"), info.pop("row")
        row = rows.setdefault((table, *key.values()), Row(table, key))
        # Where one measurement had to do, it is `first` and the statistics are empty of meaning.
        best = min(info.pop("first", math.inf), math.inf if info.pop("once", False) else benchmark["stats"]["min"])
        row.seconds[way] = min(best, row.seconds.get(way, best))
        row.sizes[way] = info.pop("items")
        for name, value in info.items():
            known = row.notes[way].get(name)
            row.notes[way][name] = value if known is None else max(known, value)
    tables: dict[str, list[Row]] = defaultdict(list)
    for row in rows.values():
        tables[row.table].append(row)
    return tables


#: What `cargo bench` measured of geo, as table and operation of the others on the same outlines.
KERNELS = {"iou": ("peers", "iou"), "hausdorff": ("peers", "hausdorff"), "union": ("clipping", "union")}


def add_kernels(tables: Tables, kernels: Iterable[dict[str, float]]) -> None:
    """Put geo beside the other contestants."""
    for kernel in kernels:
        for name, (table, operation) in KERNELS.items():
            for row in tables[table]:
                if row.key == {"operation": operation, "vertices": int(kernel["vertices"])}:
                    row.seconds["geo"], row.sizes["geo"] = kernel[f"geo_{name}"] * 1e-6, 1
                    if f"geo_{name}_error" in kernel:
                        row.notes["geo"]["error"] = kernel[f"geo_{name}_error"]


def by_vertices(rows: Iterable[Row]) -> list[Row]:
    """Sort by the kind of outline or what is done with it, then by size."""

    def place(row: Row) -> tuple[str, int]:
        return str(row.key.get("kind", row.key.get("operation", ""))), row.key.get("vertices", 0)

    return sorted(rows, key=place)


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


def prose(text: str) -> list[str]:
    """Wrap a paragraph; lines that start with a dash are items of a list."""
    lines: list[str] = []
    for item in textwrap.dedent(text).strip().split("\n- "):
        start = "- " if lines or text.strip().startswith("- ") else ""
        words = " ".join(item.removeprefix("- ").split())
        indent = " " * len(start)
        lines += textwrap.wrap(
            start + words, 110, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
    return [*lines, ""]


def contest(row: Row, scale: float | None = None) -> list[str]:
    """Times of the four ways, per item in microseconds or in all times `scale`, and their ratios."""
    seconds = [row.seconds.get(way) for way in WAYS]
    if scale is None:
        cells = [number(row.us(way)) for way in WAYS]
    else:
        cells = [number(None if value is None else value * scale) for value in seconds]
    return [*cells, *(times(row.ratio(*sides)) for sides in RATIOS.values())]


def by_kind(rows: list[Row]) -> list[str]:
    lines = [[row.key["kind"], str(row.key["vertices"]), *contest(row)] for row in by_vertices(rows)]
    return grid(["outlines", "vertices", *WAYS.values(), *RATIOS], lines)
