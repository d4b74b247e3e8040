"""The section of RESULTS.md about lesions over visits of a large project."""

from __future__ import annotations

from tables import Row, Tables, grid, number, prose

#: For a million regions.
SECONDS = 10.0


def tracks(rows: list[Row]) -> list[str]:
    notes = rows[0].notes["ours_2"]
    text = f"""
        `tracks` on two threads takes {number(notes["s_tracks"])} s for {notes["regions"]:,} regions of three annotators
        on {notes["pages"]:,} pages of {notes["patients"]:,} patients: {notes["rows"]:,} rows of tracks,
        {notes["findings"]:,} findings, {notes["conflicts"]:,} contradictions, {notes["proposals"]:,} proposed ids. The
        export is made of arrays and outlines have 12 points. Peak memory of the process
        {number(notes["peak_bytes"] / 1e6)} MB, of which {number(notes["export_bytes"] / 1e6)} MB are there before.
        `python benches/tracks_scale.py` does the same."""
    return ["## Lesions over visits of a large project", "", *prose(text)]


def targets(tables: Tables) -> list[str]:
    """Target of the tracks beside what was measured."""
    lines = []
    for row in tables["tracks"]:
        notes = row.notes["ours_2"]
        seconds = notes["s_tracks"]
        what = f"tracks of {notes['regions']:,} regions"
        lines.append([what, f"{SECONDS:.0f} s", f"{number(seconds)} s", "yes" if seconds <= SECONDS else "**no**"])
    return ["### Tracks", "", *grid(["", "target", "measured", "reached"], lines)] if lines else []
