"""The section of RESULTS.md about statistics of a large project."""

from __future__ import annotations

from tables import Row, Tables, grid, number, prose

#: Name in the facts, what it is, whether it counts towards the target.
STEPS = (
    ("agreement", "`agreement(boundary=False)`: pairs, IoU, Hausdorff distance, lesions", False),
    ("agreement_boundary", "`agreement`: all distances, in px and mm", False),
    ("statistics", "`agreement_statistics`, without the distances along the boundary", False),
    ("statistics_boundary", "`agreement_statistics`", True),
    ("reliability", "`reliability`", True),
)
#: For a million regions.
SECONDS = 10.0


def statistics(rows: list[Row]) -> list[str]:
    notes = rows[0].notes["ours_2"]
    text = f"""
        Seconds on two threads for {notes["regions"]:,} regions of three annotators: {notes["tasks"]:,} patients with
        five pages each, six labels, 26 weeks, {notes["pairs"]:,} pairs; {notes["resamples"]:,} resamples of patients,
        {notes["rows"]:,} rows of statistics. The export is made of arrays and outlines have 12 points. Peak memory of
        the process {number(notes["peak_bytes"] / 1e6)} MB, of which {number(notes["export_bytes"] / 1e6)} MB are there
        before the first step. `python benches/statistics_scale.py` does the same."""
    lines = [[name, number(notes[f"s_{step}"])] for step, name, _ in STEPS if f"s_{step}" in notes]
    return ["## Statistics of a large project", "", *prose(text), *grid(["step", "s"], lines)]


def targets(tables: Tables) -> list[str]:
    """Target of the statistics beside what was measured."""
    lines = []
    for row in tables["statistics"]:
        notes = row.notes["ours_2"]
        seconds = sum(notes.get(f"s_{step}", 0.0) for step, _, counts in STEPS if counts)
        what = f"statistics, reliability and their bootstrap, {notes['regions']:,} regions"
        lines.append([what, f"{SECONDS:.0f} s", f"{number(seconds)} s", "yes" if seconds <= SECONDS else "**no**"])
    return ["### Statistics", "", *grid(["", "target", "measured", "reached"], lines)] if lines else []
