"""Visits on which a lesion has only an outline of two points: passed over by comparisons, and said in a finding."""

from __future__ import annotations

import copy
import json
import math
from typing import Any

import numpy as np
import pytest

import lesiongeo as lg
from lesiongeo.testing import Event, make_courses
from lesiongeo.tracks.earlier import first_before, last_before

FIELDS = {"patient": "patient_id", "day_offset": "visit_offsets_days", "spacing_mm": "spacing_mm"}


def flattened(tasks: list[dict[str, Any]], *visits: int, people: tuple[int, ...] = (0, 1)) -> list[dict[str, Any]]:
    """Two points of each outline on these visits, by these annotators."""
    tasks = copy.deepcopy(tasks)
    for who in people:
        for entry in tasks[0]["annotations"][who]["result"]:
            if entry["item_index"] in visits and "points" in entry["value"]:
                entry["value"]["points"] = entry["value"]["points"][:2]
    return tasks


def made(*events: Event) -> list[dict[str, Any]]:
    days = [0, 30, 60, 90]
    return make_courses(
        patients=1, visits=4, lesions=(1, 1), annotators=2, events=list(events), days=days, seed=1
    ).tasks


def found(tasks: list[dict[str, Any]], **options: Any) -> lg.Tracks:
    export = lg.read_label_studio(json.dumps(tasks).encode(), **FIELDS)
    return lg.tracks(export, **({"noise": 25.0} | options))


def said(tracks: lg.Tracks, code: str = "no_area") -> list[dict[str, Any]]:
    return [row for row in tracks.findings.to_pylist() if row["code"] == code]


def column(tracks: lg.Tracks, name: str) -> list[Any]:
    values: list[Any] = tracks.table[name].to_pylist()
    return values


def test_the_visit_after_is_compared_with_the_last_that_has_an_area() -> None:
    whole, tracks = found(made()), found(flattened(made(), 1))
    area = column(tracks, "area_mm2")
    assert [one is None for one in area] == [False, True, False, False]
    assert column(tracks, "reason") == ["first_visit", "no_area", None, None]
    assert column(tracks, "reason_first") == ["first_visit", "no_area", None, None]
    assert column(tracks, "geo_status") == ["baseline", None, "stable", "stable"]
    assert column(tracks, "geo_reason") == [None, "not_measured", None, None]
    assert column(tracks, "days")[2:] == [60.0, 30.0]
    assert column(tracks, "pct_area")[2] == pytest.approx(100 * (area[2] / area[0] - 1))
    assert column(tracks, "pct_area_first") == [None, None, *column(whole, "pct_area_first")[2:]]
    # Shifts and profiles are those between the same two visits.
    assert column(tracks, "shift_px")[1:3] == [None, column(tracks, "shift_px")[2]]
    assert [one is None for one in column(tracks, "growth_profile")] == [True, True, False, False]


def test_without_an_area_before_there_is_nothing_to_compare_with() -> None:
    tracks = found(flattened(made(), 0))
    assert column(tracks, "reason") == ["first_visit", "no_area", None, None]
    assert column(tracks, "reason_first") == ["first_visit", "no_area", None, None]
    assert column(tracks, "geo_status") == ["baseline", None, "stable", "stable"]
    area = column(tracks, "area_mm2")
    assert column(tracks, "pct_area_first")[3] == pytest.approx(100 * (area[3] / area[1] - 1))


def test_growth_over_a_visit_without_area_is_growth() -> None:
    events = [Event("grow", lesion=1, visit=1, size=1.6)]
    tracks = found(flattened(made(*events), 1, 2))
    assert column(tracks, "geo_status") == ["baseline", None, None, "enlarged"]
    assert column(tracks, "significant")[3] is True


def test_a_finding_of_each_lesion_without_area() -> None:
    tracks = found(flattened(made(), 1, 2))
    rows = said(tracks)
    assert [(row["severity"], row["patient"], row["track_id"], row["visit"], row["page"]) for row in rows] == [
        ("warning", "P0001", "1", visit, visit) for visit in (1, 2)
    ]
    regions = set(lg.read_label_studio(json.dumps(made()).encode(), **FIELDS).regions.table["region_id"].to_pylist())
    assert {row["region_id"] for row in rows} <= regions
    # One of two has an area: the lesion is measured.
    assert said(found(flattened(made(), 1, people=(0,)))) == []
    # Too few for a majority is another matter: there is an area.
    alone = found(made(Event("miss", lesion=1, visit=1, annotator=2)), outline="majority")
    assert (column(alone, "outline")[1], column(alone, "reason")[1], said(alone)) == ("none", "no_area", [])
    rows = said(found(flattened(made(), 1, people=(1,)), by="annotator"))
    assert [(row["annotator"], row["visit"]) for row in rows] == [("2", 1)]


def test_four_weeks_of_a_wound_begin_with_its_first_area() -> None:
    events = [Event("grow", lesion=1, visit=2, size=0.4)]
    tracks = found(flattened(made(*events), 0), rule="wound")
    area, gone = column(tracks, "area_mm2"), column(tracks, "reduction_4_weeks")
    assert gone[:2] == [None, None]
    assert gone[2] == pytest.approx(100 * (1 - (area[2] / area[1]) ** (28 / 30)))


@pytest.mark.parametrize("seed", range(20))
def test_earlier_rows_against_a_slow_search(seed: int) -> None:
    rng = np.random.default_rng(seed)
    track = np.sort(rng.integers(4, size=15))
    seen, measured = rng.random(15) < 0.7, rng.random(15) < 0.5
    for row in range(15):
        before = [one for one in range(row) if track[one] == track[row] and seen[one]]
        best = [one for one in before if measured[one]] or before or [-1]
        assert last_before(track, seen, measured)[row] == best[-1]
        assert first_before(track, seen, measured)[row] == best[0]
        assert last_before(track, seen)[row] == max(before, default=-1)
    assert len(first_before(track[:0], seen[:0], measured[:0])) == len(last_before(track[:0], seen[:0])) == 0


def test_seen_again_is_about_when_it_was_seen_last() -> None:
    """Absent on visit 1, two points on visit 2: by visit 3 it had come back already."""
    gone = [Event("miss", lesion=1, visit=1, annotator=who) for who in (1, 2)]
    tracks = found(flattened(made(*gone), 2))
    assert column(tracks, "geo_status") == ["baseline", "resolved", None, "stable"]
    assert column(found(made(*gone)), "geo_reason") == [None, None, "seen_again", None]
    assert column(tracks, "geo_reason") == [None, None, "not_measured", None]
    assert column(tracks, "days")[3] == 90.0


def test_ratios_over_logarithms() -> None:
    tracks = found(flattened(made(Event("grow", lesion=1, visit=2, size=2.0)), 1))
    area = column(tracks, "area_mm2")
    assert column(tracks, "log_rate_month")[2] == pytest.approx(math.log(area[2] / area[0]) / 60 * 30.4375)
