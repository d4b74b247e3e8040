"""Strips of the report: the drawings of the lesions that are shown, with their outlines from the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from .course_scenes import area_scene, card_scenes, fitted, overlay_scene
from .courses import Course
from .run import Run, texts
from .scene import svg_of

__all__ = ["Strip", "strips"]

REGIONS = "task_id page annotator source width height".split()


@dataclass(frozen=True, slots=True)
class Strip:
    """The drawings of one lesion; cards with the place of their visit in the course."""

    overlay: Markup | None
    area: Markup | None
    cards: list[tuple[int, Markup | None]]


def strips(run: Run, courses: list[Course]) -> list[Strip]:
    """Draw these lesions as far as the run has outlines of them."""
    _find_outlines(run, courses)
    rows = sorted({row for course in courses for seen in course.seen for row in seen.regions})
    found = run.outlines(np.array(rows, dtype=np.int64)) if rows else None
    outlines = {} if found is None else {row: found[number] for number, row in enumerate(rows)}
    drawn = []
    for course in courses:
        fewer = fitted(course, outlines)
        overlay, area = overlay_scene(course, fewer), area_scene(course)
        cards = card_scenes(course, fewer)
        drawn.append(
            Strip(
                None if overlay is None else svg_of(overlay, class_="lesion-outlines"),
                None if area is None else svg_of(area, class_="lesion-area"),
                [(at, None if scene is None else svg_of(scene, class_="lesion-card")) for at, scene in cards],
            )
        )
    return drawn


def _find_outlines(run: Run, courses: list[Course]) -> None:
    """Give each visit the rows of its regions and the size of its page."""
    keys, names, name = run.columns("regions", ["task_id"]), run.names("regions"), "track"
    while f"{name}_" in names:
        # A control has the name: the column that the run adds is then called otherwise.
        name = f"{name}_"
    if keys is not None and "task_id" in keys.column_names and name in names:
        tasks = sorted({seen.task_id for course in courses for seen in course.seen if seen.task_id is not None})
        inside = np.flatnonzero(pc.is_in(keys["task_id"].cast(pa.int64()), pa.array(tasks, pa.int64())).to_numpy())
        table = run.columns("regions", [*REGIONS, name])
        places = {} if table is None else _places(table.take(pa.array(inside)), inside.tolist(), name)
        for course in courses:
            for seen in course.seen:
                own = places.get((seen.task_id, seen.page, course.track), [])
                if course.annotator is not None:
                    own = [row for row in own if row["annotator"] == course.annotator]
                # Where an expert's word counts, only the expert's outline was measured.
                named = [row for row in own if row["annotator"] in seen.annotators]
                seen.regions = [row["row"] for row in named or own]
                for row in own[:1]:
                    if row["width"] is not None and row["height"] is not None:
                        seen.size = (row["width"], row["height"])
    for course in courses:
        course.settle()


def _places(table: pa.Table, rows: list[int], track: str) -> dict[tuple[Any, Any, Any], list[dict[str, Any]]]:
    """Rows of annotations by task, page and track."""
    columns = {name: [None] * table.num_rows for name in REGIONS}
    columns |= {name: table[name].to_pylist() for name in table.column_names}
    columns["annotator"] = texts(table, "annotator").to_pylist()
    columns["track"] = texts(table, track).to_pylist()
    places: dict[tuple[Any, Any, Any], list[dict[str, Any]]] = {}
    for row, values in zip(rows, zip(*columns.values(), strict=True), strict=True):
        one = dict(zip(columns, values, strict=True)) | {"row": row}
        if one["track"] is not None and one["source"] in ("annotation", None):
            places.setdefault((one["task_id"], one["page"], one["track"]), []).append(one)
    return places
