"""pytest-benchmark's JSON as rows that compare contestants, and their way into Markdown."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Row:
    """One comparison: the best time of every contestant, and what was noted about their results."""

    table: str
    key: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)
    items: int = 1
    notes: dict[str, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))

    def us(self, way: str) -> float | None:
        """Microseconds per item; None if nobody went that way."""
        return self.seconds[way] / self.items * 1e6 if way in self.seconds else None

    def ratio(self, ours: str, peer: str) -> float | None:
        """Time of the peer over ours."""
        if ours not in self.seconds or peer not in self.seconds:
            return None
        return self.seconds[peer] / self.seconds[ours]


def load(benchmarks: Iterable[dict[str, Any]]) -> dict[str, list[Row]]:
    """Merge the turns of every contestant: the smallest time counts, and the largest of every note."""
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


def by_vertices(rows: Iterable[Row]) -> list[Row]:
    """Sort by the kind of outline, then by size."""
    return sorted(rows, key=lambda row: (str(row.key.get("kind", "")), row.key.get("vertices", 0)))


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
