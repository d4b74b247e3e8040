"""Lesions in parts: what each person drew of all of them, by hand."""

import json
import math
from typing import Any

import pytest

import lesiongeo as lg
from test_agreement_rules import annotation, polygon, task

Box = tuple[float, float, float, float]


def named(region_id: str, box: Box, track: int, page: int) -> list[dict[str, Any]]:
    """A rectangle with a track id, as entries of a result."""
    x, y, width, height = box
    points = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    number = {
        "id": region_id,
        "from_name": "track_id",
        "to_name": "img",
        "type": "number",
        "original_width": 100,
        "original_height": 100,
        "item_index": page,
        "value": {"number": track},
    }
    return [polygon(region_id, points, page=page), number]


def followed(people: list[list[list[tuple[Box, int]]]], **options: Any) -> list[dict[str, Any]]:
    """Rows of what people drew: of each the boxes with their ids, page by page."""
    annotations = []
    for person, pages in enumerate(people, start=1):
        result = [
            entry
            for page, boxes in enumerate(pages)
            for number, (box, track) in enumerate(boxes)
            for entry in named(f"p{person}v{page}n{number}", box, track, page)
        ]
        annotations.append(annotation(person, person, result))
    export = lg.read_label_studio(json.dumps([task(annotations, images=len(people[0]))]).encode())
    return [row for row in lg.tracks(export, noise=5.0, **options).table.to_pylist() if row["track_id"] == "1"]


WHOLE: Box = (20, 20, 40, 10)
LEFT: Box = (20, 20, 20, 10)
RIGHT: Box = (40.5, 20, 20, 10)


def test_one_outline_over_both_parts_shifts_nothing() -> None:
    """One person splits the lesion, the other draws around both parts: its area is that of the parts together."""
    before = [(WHOLE, 1)]
    rows = followed([[before, [(LEFT, 1), (RIGHT, 1)]], [before, before]])
    assert [row["n_parts"] for row in rows] == [1, 2]
    assert [row["area_px2"] for row in rows] == pytest.approx([400.0, 400.0])
    assert rows[1]["pct_area"] == pytest.approx(0.0, abs=1e-9)
    assert rows[1]["perimeter_px"] == pytest.approx(120.0)
    assert rows[1]["annotators"] == ["1", "2"]


def test_each_persons_parts_add_up_before_the_mean() -> None:
    """Two people split it alike: the geometric mean of two sums, not a sum of means."""
    before = [(WHOLE, 1)]
    small: Box = (40.5, 20, 10, 10)
    rows = followed([[before, [(LEFT, 1), (RIGHT, 1)]], [before, [(LEFT, 1), (small, 1)]]])
    assert rows[1]["area_px2"] == pytest.approx(math.sqrt(400.0 * 300.0))


def test_who_missed_a_part_shifts_nothing() -> None:
    """One of three drew one part only."""
    before = [(WHOLE, 1)]
    both = [(LEFT, 1), (RIGHT, 1)]
    rows = followed([[before, both], [before, both], [before, [(LEFT, 1)]]])
    assert rows[1]["area_px2"] == pytest.approx(400.0)


def test_parts_of_a_consensus_add_up() -> None:
    """By majority each part has one outline."""
    before = [(WHOLE, 1)]
    both = [(LEFT, 1), (RIGHT, 1)]
    rows = followed([[before, both], [before, both], [before, both]], outline="majority")
    assert [row["area_px2"] for row in rows] == pytest.approx([400.0, 400.0])
    assert rows[1]["outline"] == "majority"
