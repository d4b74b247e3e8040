"""What stands above everything else: what was read, how alike in one number, what stands out; and the heat map."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..agreement.annotators import annotator_order
from .frame import Frame
from .run import Run, rows_of, texts
from .text import count, interval, number, percent, plural, shown

__all__ = ["MOST_ANNOTATORS", "Statistics", "heat_map", "overview", "stands_out"]

#: Annotators in the heat map; more do not fit on a page.
MOST_ANNOTATORS = 24
#: Sentences beside the named habits.
MOST_SENTENCES = 12
#: Pairs that a group needs before a sentence is made of its mean.
ENOUGH = 10
#: Difference of two means that is worth a sentence where nothing says how sure they are.
CLEARLY = 0.03


class Statistics:
    """The long table of statistics, looked up by what it is of."""

    def __init__(self, table: pa.Table | None) -> None:
        self.there = table is not None and table.num_rows > 0
        self._rows: dict[tuple[str, str | None, str | None, str | None, str], dict[str, Any]] = {}
        if table is None:
            return
        # Pages and weeks may be many, and nothing is shown of them.
        wanted = pa.array(["all", "annotator_pair", "annotator", "label", "size_class"])
        for row in table.filter(pc.is_in(texts(table, "by"), wanted)).to_pylist():
            by = row["by"]
            key = None if by in ("all", "annotator_pair") else row.get("key")
            pair = (row.get("annotator_a"), row.get("annotator_b")) if by == "annotator_pair" else (None, None)
            if by == "annotator" and key is None:
                key = row.get("annotator_a")
            self._rows[by, key, *pair, row["metric"]] = row

    def of(
        self, by: str, metric: str, *, key: str | None = None, pair: tuple[str, str] | None = None
    ) -> dict[str, Any] | None:
        """Return the row of one metric of one group, or None."""
        a, b = pair if pair is not None else (None, None)
        return self._rows.get((by, key, a, b, metric))


def overview(run: Run, frame: Frame | None, statistics: Statistics) -> dict[str, Any]:
    """Collect the tiles and the counts of matches."""
    summary = rows_of(run.table("summary"), 1)
    whole = summary[0] if summary else {}
    read = run.json("summary.json").get("read", {})
    regions = run.columns("regions", ["task_id", "annotator"])
    tasks = run.columns("tasks", ["task_id", "page", "annotator_b"])
    tiles: list[dict[str, Any]] = []

    def tile(name: str, value: float | None, note: str = "") -> None:
        if value is not None:
            tiles.append({"name": name, "value": value, "text": count(value), "note": note})

    tile("Tasks", read.get("tasks", _distinct(tasks, "task_id")))
    tile("Annotators", run.rows("annotators") or (len(frame.names) if frame else None))
    tile("Annotations", read.get("annotations"), _skipped(read))
    tile("Regions", read.get("regions", None if regions is None else regions.num_rows), _invalid(read))
    tile("Pages compared", _pages(tasks), "with two annotators or more")
    tile("Problems in the export", read_problems(run, read), "see lesiongeo validate")
    means = []
    for metric, name, column, explained in (
        ("score", "Score", "score_mean", "mean IoU of a page; a region that only one drew counts 0"),
        ("dice", "Dice", "dice_mean", "of regions that both drew"),
        ("iou", "IoU", "iou_mean", "of regions that both drew"),
        ("label_equal", "Same label", "label_agreement", "of regions that both drew"),
        ("status_equal", "Same status", None, "of regions that both drew"),
    ):
        found = statistics.of("all", metric)
        value = found["mean"] if found else whole.get(column) if column else None
        if value is None:
            continue
        low, high = (found.get("mean_low"), found.get("mean_high")) if found else (None, None)
        means.append(
            {
                "name": name,
                "value": value,
                "low": low,
                "high": high,
                "n": found.get("n") if found else None,
                "text": number(value),
                "interval": interval(low, high),
                "note": explained,
            }
        )
    matches = []
    if frame is not None:
        tally = np.bincount(frame.kind[frame.kind >= 0], minlength=4).tolist()
        for kind, amount in zip(("matched", "label_conflict", "near_miss", "missing"), tally, strict=True):
            matches.append({"match": kind, "n": amount, "share": amount / frame.rows if frame.rows else None})
    return {"tiles": tiles, "means": means, "matches": matches, "intervals": any(m["interval"] for m in means)}


def read_problems(run: Run, read: dict[str, Any]) -> int | None:
    """Count the problems of the export."""
    if "problems" in read and isinstance(read["problems"], dict):
        return int(sum(read["problems"].values()))
    return run.rows("problems") if "problems" in run.files else None


def _skipped(read: dict[str, Any]) -> str:
    return f"{read['cancelled']:,} skipped" if read.get("cancelled") else ""


def _invalid(read: dict[str, Any]) -> str:
    return f"{read['regions_invalid']:,} with an invalid outline" if read.get("regions_invalid") else ""


def _distinct(table: pa.Table | None, name: str) -> int | None:
    if table is None or name not in table.column_names:
        return None
    return int(pc.count_distinct(table[name]).as_py())


def _pages(tasks: pa.Table | None) -> int | None:
    """Count the pages that two people or more annotated."""
    if tasks is None or "annotator_b" not in tasks.column_names:
        return None
    compared = tasks.filter(pc.is_valid(tasks["annotator_b"]))
    return int(compared.group_by(["task_id", "page"]).aggregate([]).num_rows)


def stands_out(run: Run, frame: Frame | None, statistics: Statistics, heat: dict[str, Any]) -> list[dict[str, str]]:
    """Say in sentences what a lead should know first: named habits, then pairs, labels and misses."""
    found = [
        {"kind": "habit", "text": shown(row["message"], 400)} for row in rows_of(run.table("habits"), MOST_SENTENCES)
    ]
    more = run.rows("habits") - len(found)
    if more > 0:
        found.append(
            {"kind": "habit", "text": f"{plural(more, 'more habit is', 'more habits are')} in the table habits."}
        )
    said = _of_people(heat)
    if frame is not None:
        said += _of_outlines(frame, statistics) + _of_answers(frame, statistics)
    return found + [{"kind": "fact", "text": text} for text in said]


def _apart(worst: dict[str, Any], best: dict[str, Any]) -> bool:
    """Whether two means differ by more than their intervals, or without intervals by more than a little."""
    if worst.get("high") is not None and best.get("low") is not None:
        return bool(worst["high"] < best["low"])
    return bool(best["value"] - worst["value"] >= CLEARLY)


def _of_people(heat: dict[str, Any]) -> list[str]:
    """Name the two who agree least, where they stand out."""
    metric = next((one for one in heat["metrics"] if one["key"] in ("dice", "score") and one["cells"]), None)
    cells = [cell for cell in metric["cells"] if cell["n"] is None or cell["n"] >= ENOUGH] if metric else []
    if metric is None or len(cells) < 2:
        return []
    worst, best = min(cells, key=_order), max(cells, key=_order)
    if not _apart(worst, best):
        return []
    said = (
        f"The least alike are {shown(worst['a'])} and {shown(worst['b'])}: {metric['name']} {number(worst['value'])} "
        f"on average, against {number(best['value'])} of {shown(best['a'])} and {shown(best['b'])}."
    )
    return [said]


def _order(cell: dict[str, Any]) -> tuple[float, str, str]:
    return cell["value"], str(cell["a"]), str(cell["b"])


def _of_outlines(frame: Frame, statistics: Statistics) -> list[str]:
    """Say how many outlines are bad, and of which label they are worst."""
    dice, agreed = frame.metric("dice"), frame.agreed
    if dice is None or not agreed.any():
        return []
    said = []
    values = dice.values[agreed & ~np.isnan(dice.values)]
    low = int((values < 0.7).sum())
    if low:
        said.append(
            f"{percent(low / len(values), 1)} of the regions that both drew have a Dice below 0.7 "
            f"({low:,} of {len(values):,})."
        )
    groups: list[dict[str, Any]] = []
    for code, label in enumerate(frame.labels):
        own = dice.values[agreed & ((frame.label_a == code) | (frame.label_b == code)) & ~np.isnan(dice.values)]
        if len(own) >= ENOUGH:
            found = statistics.of("label", "dice", key=label) or {}
            bounds = {"low": found.get("mean_low"), "high": found.get("mean_high")}
            groups.append({"value": float(own.mean()), "a": label, "b": "", "n": len(own), **bounds})
    if len(groups) > 1 and _apart(min(groups, key=_order), max(groups, key=_order)):
        worst = min(groups, key=_order)
        said.append(
            f"Of the labels, {shown(worst['a'])} is drawn least alike: Dice {number(worst['value'])} on average over "
            f"{plural(worst['n'], 'pair')}."
        )
    return said


def _of_answers(frame: Frame, statistics: Statistics) -> list[str]:
    """Say how often labels and status differ, and how often a region is missing."""
    said = []
    conflicts, total = int((frame.kind == 1).sum()), int(frame.agreed.sum())
    if conflicts:
        said.append(
            f"{percent(conflicts / total, 1)} of the regions that both drew have different labels "
            f"({conflicts:,} of {total:,})."
        )
    missing = int((frame.kind == 3).sum())
    if missing:
        small = int((frame.sizes()[frame.kind == 3] == 0).sum())
        said.append(
            f"{plural(missing, 'time')} one of two annotators drew a region that the other did not"
            + (f"; {percent(small / missing)} of these are small, below 32 by 32 pixels." if small else ".")
        )
    row = statistics.of("all", "status_equal")
    if row and row.get("mean") is not None and row["mean"] < 1:
        said.append(
            f"The status differs in {percent(1 - row['mean'], 1)} of {plural(row['n'], 'pair')} in which both gave one."
        )
    return said


#: Metric of statistics, name, column of summary, column of summary with its n, decimals.
OF_PAIRS = (
    ("dice", "Dice", "dice_mean", None),
    ("score", "Score", "score_mean", "n_pages"),
    ("iou", "IoU", "iou_mean", None),
    ("label_equal", "Same label", "label_agreement", None),
)


def heat_map(run: Run, statistics: Statistics) -> dict[str, Any]:
    """Means of every pair of annotators, from the statistics, otherwise from the summary."""
    summary = {
        (row["annotator_a"], row["annotator_b"]): row
        for row in rows_of(run.table("summary"))
        if row.get("annotator_a") is not None and row.get("annotator_b") is not None
    }
    known = rows_of(run.table("annotators"))
    regions = {row["annotator"]: row.get("n_regions") or 0 for row in known}
    names = set(regions) | {name for pair in summary for name in pair}
    most = sorted(names, key=lambda name: (-regions.get(name, 0), annotator_order(name)))[:MOST_ANNOTATORS]
    order = sorted(most, key=annotator_order)
    metrics = []
    for key, name, column, amount in OF_PAIRS:
        cells = []
        for i, a in enumerate(order):
            for b in order[i + 1 :]:
                found = statistics.of("annotator_pair", key, pair=(a, b))
                row = summary.get((a, b))
                low = high = None
                if found is not None:
                    value, n, low, high = found["mean"], found["n"], found.get("mean_low"), found.get("mean_high")
                elif row is not None:
                    matched = (row.get("n_matched") or 0) + (row.get("n_label_conflict") or 0)
                    value, n = row.get(column), row.get(amount) if amount else matched
                else:
                    continue
                if value is not None:
                    cells.append({"a": a, "b": b, "value": value, "n": n, "low": low, "high": high})
        metrics.append({"key": key, "name": name, "cells": cells})
    return {"annotators": order, "left_out": len(names) - len(order), "metrics": metrics}
