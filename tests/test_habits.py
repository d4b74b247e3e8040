"""Habits in exports with a known truth: each is found, with whose it is, since when and how large; nobody else is."""

from __future__ import annotations

import json
import math
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest
from typer.testing import CliRunner

import lesiongeo as lg
from lesiongeo.cli import app
from lesiongeo.testing import Annotator, Habit, make_export
from real_exports import MAKER, real_export

Row = dict[str, Any]
WEEKS = 12
#: Small photographs: then there are lesions below 1024 square pixels.
SMALL = ((640, 480), (800, 600))


def monday(seed: int, week: int) -> str:
    """Monday of a week of an export made with weeks, from the definition of the generator."""
    return (date(2026, 1, 5) + timedelta(weeks=seed % 52 + week)).isoformat()


def judged(tasks: list[Row], **options: Any) -> tuple[lg.Habits, lg.Export]:
    export = lg.read_export(json.dumps(tasks).encode(), patient="patient_id", spacing_mm="spacing_mm")
    return lg.habits(export, lg.agreement(export), **options), export


def tasks_of(people: int, seed: int, habits: list[Habit], patients: int = 72, **more: Any) -> list[Row]:
    crew = [Annotator(number + 1) for number in range(people)]
    options: Row = {"patients": patients, "weeks": WEEKS, "image_sizes": SMALL, **more}
    return make_export(annotators=crew, seed=seed, habits=habits, **options)


HABITS = {
    "wide": lambda last: Habit(last, "bias", 0.1, week=6),
    "loses": lambda _: Habit(1, "lose_small", 0.75, week=5),
    "confuses": lambda _: Habit(2, "label", 0.6, week=4, answers=("nevus", "melanoma")),
    "flips": lambda _: Habit(1, "status", 0.6, week=3, answers=("stable", "enlarged")),
}
#: Annotator (0: the last), habit, detail, week.
NAMED = {
    "wide": (0, "area_bias", None, 6),
    "loses": (1, "missed_small", None, 5),
    "confuses": (2, "label_confusion", "nevus -> melanoma", 4),
    "flips": (1, "status_confusion", "lesion_status: stable -> enlarged", 3),
}


@cache
def combined(people: int, seed: int) -> tuple[lg.Habits, lg.Export]:
    return judged(tasks_of(people, seed, [make(people) for make in HABITS.values()]))


# --- known truth


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("people", [3, 5])
def test_each_habit_is_named_and_nobody_else(people: int, seed: int) -> None:
    found, _ = combined(people, seed)
    rows = found.named.to_pylist()
    got = {(row["annotator"], row["habit"], row["detail"]): row for row in rows}
    assert len(got) == len(rows) == 4
    for who, habit, detail, week in NAMED.values():
        row = got[str(who or people), habit, detail]
        assert row["since"] in [monday(seed, near) for near in (week - 1, week, week + 1)]
        assert row["until"] is None
        assert row["p_value"] <= 0.01
        assert row["low"] < row["value"] < row["high"]
        assert row["message"].startswith(f"Annotator {who or people} ") and row["message"].endswith(".")
    wide = got[str(people), "area_bias", None]
    assert wide["unit"] == "percent" and wide["low"] - 0.3 < 21.0 < wide["high"] + 0.3 and wide["value"] > 0
    assert 0 < wide["offset_px_low"] < wide["offset_px"] < wide["offset_px_high"]
    assert 0 < wide["offset_mm_low"] < wide["offset_mm"] < wide["offset_mm_high"]
    for habit, detail in (("label_confusion", "nevus -> melanoma"), NAMED["flips"][1:3]):
        row = next(row for row in rows if (row["habit"], row["detail"]) == (habit, detail))
        # Beside the habit everybody errs with 5 %, in any direction.
        assert row["low"] < 0.61 and row["high"] > 0.59 and row["reference"] < 0.06 and row["unit"] == "share"


@pytest.mark.parametrize("name", list(HABITS))
@pytest.mark.parametrize(("people", "seed"), [(3, 11), (5, 12)])
def test_a_habit_alone_is_named_alone(name: str, people: int, seed: int) -> None:
    found, _ = judged(tasks_of(people, seed, [HABITS[name](people)], patients=84))
    who, habit, detail, week = NAMED[name]
    (row,) = found.named.to_pylist()
    assert (row["annotator"], row["habit"], row["detail"]) == (str(who or people), habit, detail)
    assert row["since"] in [monday(seed, near) for near in (week - 1, week, week + 1)]


@pytest.mark.parametrize("seed", range(6))
def test_nobody_is_named_without_a_habit(seed: int) -> None:
    """End to end; the simulation of hundreds is in test_habits_arithmetic."""
    found, _ = judged(tasks_of(3 + seed % 3, 40 + seed, [], patients=36))
    assert found.named.num_rows == 0 and found.similar.num_rows == 0
    assert not any(found.overall["named"].to_pylist())


def test_narrow_is_negative_and_the_default_crew_is_seen_through() -> None:
    """The default crew has biases of 0, -2 and +6 % of the radius: the third is 12 % of area wider."""
    found, _ = judged(make_export(patients=40, seed=3))
    (row,) = found.named.to_pylist()
    assert (row["annotator"], row["habit"], row["until"]) == ("3", "area_bias", None)
    assert row["low"] < 12.36 < row["high"]
    narrow, _ = judged(tasks_of(3, 5, [Habit(2, "bias", -0.1)]))
    (row,) = narrow.named.to_pylist()
    assert row["annotator"] == "2" and row["low"] - 0.3 < -19.0 < row["high"] + 0.3
    assert row["offset_px"] < 0 and "smaller" in row["message"] and "further in" in row["message"]
    # One segment, in all weeks.
    assert row["since"] == monday(5, 0)


def test_a_habit_that_ended_has_an_end() -> None:
    found, _ = judged(tasks_of(4, 8, [Habit(2, "bias", 0.15, week=3, until=8)]))
    (row,) = found.named.to_pylist()
    assert (row["since"], row["until"]) == (monday(8, 3), monday(8, 7))
    assert f"from the week of {monday(8, 3)} to that of {monday(8, 7)}" in row["message"]
    series = found.weekly.filter(
        pc.and_(pc.equal(found.weekly["annotator"], "2"), pc.equal(found.weekly["habit"], "area_bias"))
    )
    assert series["segment"].to_pylist() == [0] * 3 + [1] * 5 + [2] * 4


def test_vertices_times_and_extra_regions() -> None:
    habits = [Habit(1, "vertices", 2.0, week=4), Habit(2, "lead_time", 3.0, week=5), Habit(3, "extra", 0.6, week=6)]
    found, _ = judged(tasks_of(3, 21, habits, patients=108))
    rows = {(row["annotator"], row["habit"]): row for row in found.named.to_pylist()}
    assert set(rows) == {("1", "vertex_density"), ("2", "lead_time"), ("3", "extra")}
    dense, slow, extra = rows["1", "vertex_density"], rows["2", "lead_time"], rows["3", "extra"]
    assert dense["unit"] == slow["unit"] == "times" and dense["reference"] == slow["reference"] == 1.0
    assert 1.8 < dense["value"] < 2.2 and slow["low"] < 3.0 < slow["high"]
    assert extra["value"] > extra["reference"] + 0.1
    kinds = {row["named"]: row for row in found.similar.to_pylist()}
    order = [(row["annotator"], row["habit"]) for row in found.named.to_pylist()]
    assert kinds[order.index(("2", "lead_time"))]["region_id"] is None
    assert kinds[order.index(("3", "extra"))]["region_id"] is not None


def test_who_loses_lesions_of_any_size_is_named_once() -> None:
    found, _ = judged(tasks_of(3, 31, [Habit(1, "lose_small", 0.4, week=2, below_px2=1e9)]))
    (row,) = found.named.to_pylist()
    assert (row["annotator"], row["habit"]) == ("1", "missed")
    small = next(x for x in found.overall.to_pylist() if (x["annotator"], x["habit"]) == ("1", "missed_small"))
    assert not small["named"]


# --- what looks the same


def test_similar_regions_are_those_of_all_weeks() -> None:
    found, export = combined(3, 1)
    rows = found.named.to_pylist()
    wide = next(number for number, row in enumerate(rows) if row["habit"] == "area_bias")
    similar = found.similar.filter(pc.equal(found.similar["named"], wide)).to_pylist()
    table = export.regions.table
    whose = dict(
        zip(zip(*(table[name].to_pylist() for name in ("annotation_id", "region_id")), strict=True),
            table["annotator"].to_pylist(), strict=True)
    )  # fmt: skip
    assert {whose[row["annotation_id"], row["region_id"]] for row in similar} == {"3"}
    # Half of the habit on a logarithmic scale.
    half = 100 * math.expm1(0.5 * math.log1p(rows[wide]["value"] / 100))
    assert min(row["value"] for row in similar) >= half - 1e-9
    after = sum(row["week"] >= rows[wide]["since"] for row in similar)
    assert 0.9 * rows[wide]["n"] < after <= rows[wide]["n"] and 0.9 * len(similar) < after < len(similar)


def test_similar_places_and_wrong_answers_are_counted_out() -> None:
    """The regions with the wrong answer, and the lesions that only the one did not draw, from the tables."""
    found, export = combined(3, 2)
    rows = found.named.to_pylist()
    result = lg.agreement(export)
    lesions = result.lesions.to_pylist()
    table = export.regions.table.select(["annotator", "label"]).to_pylist()
    members: dict[int, dict[str, str]] = {}
    for region, lesion in zip(table, result.lesion_of_region.tolist(), strict=True):
        if lesion >= 0:
            members.setdefault(lesion, {})[region["annotator"]] = region["label"]
    confused = next(number for number, row in enumerate(rows) if row["habit"] == "label_confusion")
    expected = sum(
        drawn.get("2") == "melanoma" and [drawn.get(other) for other in "13"] == ["nevus", "nevus"]
        for drawn in members.values()
    )
    assert sum(row["named"] == confused for row in found.similar.to_pylist()) == expected
    lost = next(number for number, row in enumerate(rows) if row["habit"] == "missed_small")
    places = {
        (lesions[number]["task_id"], lesions[number]["page"], lesions[number]["lesion"])
        for number, drawn in members.items()
        if set(drawn) == {"2", "3"} and lesions[number]["n_annotators"] == 3 and lesions[number]["area_px2"] < 1024
    }
    similar = [row for row in found.similar.to_pylist() if row["named"] == lost]
    assert {(row["task_id"], row["page"], row["lesion"]) for row in similar} == places
    assert all(row["region_id"] is None for row in similar)


def test_names_that_look_alike_when_joined_are_told_apart() -> None:
    """Labels with an arrow in them: two confusions have the same text, and each its own sentence and regions."""
    crew = [Annotator.faultless(number, noise=0.02) for number in (1, 2, 3)]
    swaps = [
        Habit(3, "label", 0.7, answers=("nevus", "melanoma")),
        Habit(3, "label", 0.7, answers=("seborrheic_keratosis", "other")),
    ]
    tasks = make_export(patients=60, annotators=crew, weeks=6, habits=swaps, seed=4)
    text = json.dumps(tasks)
    for plain, odd in (
        ("nevus", "A"),
        ("melanoma", "B -> C"),
        ("seborrheic_keratosis", "A -> B"),
        ("other", "C"),
    ):
        text = text.replace(f'"{plain}"', f'"{odd}"')
    export = lg.read_export(text.encode(), patient="patient_id")
    found = lg.habits(export, lg.agreement(export), majority_sample=0)
    rows = found.named.to_pylist()
    assert [row["detail"] for row in rows] == ["A -> B -> C"] * 2
    assert ['"A" as "B -> C"' in row["message"] for row in rows] == [True, False]
    assert ['"A -> B" as "C"' in row["message"] for row in rows] == [False, True]
    label = dict(
        zip(zip(*(export.regions.table[name].to_pylist() for name in ("annotation_id", "region_id")), strict=True),
            export.regions.table["label"].to_pylist(), strict=True)
    )  # fmt: skip
    given: list[set[str]] = [set(), set()]
    for row in found.similar.to_pylist():
        given[row["named"]].add(label[row["annotation_id"], row["region_id"]])
    assert given == [{"B -> C"}, {"C"}]


# --- rates, counted out


def test_rates_are_those_of_a_slow_count() -> None:
    """Missed and extra over all weeks, from the definition, with loops."""
    found, export = judged(tasks_of(4, 50, [], patients=30))
    result = lg.agreement(export)
    drawn: dict[int, set[str]] = {}
    for name, lesion in zip(
        export.regions.table["annotator"].to_pylist(), result.lesion_of_region.tolist(), strict=True
    ):
        if lesion >= 0:
            drawn.setdefault(lesion, set()).add(name)
    people: dict[int, set[str]] = {}
    annotations = export.annotations.take(result.annotation_rows.tolist()).to_pylist()
    for row in annotations:
        people.setdefault(row["task_id"], set()).add(row["annotator"])
    overall = {(row["annotator"], row["habit"]): row for row in found.overall.to_pylist()}
    for who in "1234":
        counts = {"missed": [0, 0], "extra": [0, 0]}
        for number, lesion in enumerate(result.lesions.to_pylist()):
            there = people[lesion["task_id"]]
            if who not in there or len(there) < 3:
                continue
            others = [other for other in there - {who} if other in drawn[number]]
            if 2 * len(others) > len(there) - 1:
                counts["missed"][0] += who not in drawn[number]
                counts["missed"][1] += 1
            if who in drawn[number]:
                counts["extra"][0] += not others
                counts["extra"][1] += 1
        for habit, (events, n) in counts.items():
            assert overall[who, habit]["n"] == n
            assert overall[who, habit]["value"] == pytest.approx(events / n, abs=1e-12)


def test_weekly_values_have_the_zero_of_the_whole() -> None:
    """Of who is in the middle alone too: the others' weekly values are against this person."""
    found, _ = judged(tasks_of(3, 4, [Habit(2, "bias", 0.1), Habit(3, "bias", 0.35)]))
    weekly = [row for row in found.weekly.to_pylist() if row["habit"] == "area_bias"]
    for whole in (row for row in found.overall.to_pylist() if row["habit"] == "area_bias"):
        own = [(row["n"], row["value"]) for row in weekly if row["annotator"] == whole["annotator"]]
        mean = sum(n * value for n, value in own) / sum(n for n, _ in own)
        assert mean == pytest.approx(whole["value"], abs=1.5), whole["annotator"]


# --- few people, no dates, other orders


def test_of_two_a_pair_is_named_and_no_person() -> None:
    tasks = tasks_of(2, 9, [Habit(2, "bias", 0.1)])
    found, _ = judged(tasks)
    assert found.named.num_rows == 0
    rows = [row for row in found.overall.to_pylist() if row["habit"] == "area_bias"]
    assert [row["reason"] for row in rows] == ["two_annotators"] * 2
    assert rows[1]["low"] < 21.0 < rows[1]["high"] and rows[0]["low"] < 100 * (1 / 1.21 - 1) < rows[0]["high"]
    for row in rows:
        assert "annotator 2 draws areas 2" in row["message"] and "larger than annotator 1" in row["message"]
    assert {row["habit"] for row in found.overall.to_pylist()} == {"area_bias", "vertex_density", "lead_time"}


def test_one_annotator_or_none_gives_empty_tables() -> None:
    for tasks in ([], tasks_of(1, 1, [], patients=5)):
        found, _ = judged(tasks)
        tables = (found.named, found.weekly, found.overall, found.similar)
        assert [table.num_rows for table in tables] == [0, 0, 0, 0]
        assert found.tests == 0


def test_three_people_who_all_differ_name_nobody() -> None:
    found, _ = judged(tasks_of(3, 4, [Habit(2, "bias", 0.1), Habit(3, "bias", 0.21)]))
    assert found.named.num_rows == 0
    reasons = {row["annotator"]: row["reason"] for row in found.overall.to_pylist() if row["habit"] == "area_bias"}
    assert reasons == {"1": "no_common_reference", "2": "is_reference", "3": "no_common_reference"}


def test_without_dates_there_is_a_size_but_no_week() -> None:
    tasks = tasks_of(3, 6, [Habit(3, "bias", 0.1)])
    for task in tasks:
        for annotation in task["annotations"]:
            annotation["created_at"] = annotation["updated_at"] = None
    found, _ = judged(tasks)
    (row,) = found.named.to_pylist()
    assert row["annotator"] == "3" and row["since"] is None and row["until"] is None
    assert found.weekly.num_rows == 0
    assert " (95 % interval" in row["message"] and "week" not in row["message"]


def test_some_annotations_without_a_date_count_for_the_rest() -> None:
    tasks = tasks_of(3, 6, [Habit(3, "bias", 0.1, week=6)])
    for task in tasks[::9]:
        for annotation in task["annotations"]:
            annotation["created_at"] = annotation["updated_at"] = None
    found, _ = judged(tasks)
    (row,) = found.named.to_pylist()
    assert (row["annotator"], row["since"]) == ("3", monday(6, 6))


def test_the_order_of_tasks_and_annotations_changes_nothing() -> None:
    tasks = tasks_of(3, 2, [make(3) for make in HABITS.values()], patients=24)
    turned = [{**task, "annotations": task["annotations"][::-1]} for task in tasks[::-1]]
    results = [judged(some, majority_sample=50)[0] for some in (tasks, turned)]
    for name in ("named", "weekly", "overall", "similar"):
        first, second = (getattr(result, name).to_pylist() for result in results)
        assert len(first) == len(second)
        for a, b in zip(first, second, strict=True):
            assert a.keys() == b.keys()
            for key, value in a.items():
                assert b[key] == (pytest.approx(value, rel=1e-9, abs=1e-12) if isinstance(value, float) else value)


def test_the_plain_comparison_is_that_of_two_outlines() -> None:
    """With three people, the mean of union and intersection of the two others; by hand through the public functions."""
    crew = [Annotator.faultless(1), Annotator.faultless(2, bias=0.05), Annotator.faultless(3, bias=0.1)]
    tasks = make_export(patients=10, annotators=crew, seed=2)
    found, _ = judged(tasks)
    got = [row["majority_percent"] for row in found.overall.to_pylist() if row["habit"] == "area_bias"]
    squared = [1.0, 1.05**2, 1.1**2]
    for number, percent in enumerate(got):
        others = [value for k, value in enumerate(squared) if k != number]
        expected = 100 * (squared[number] / math.sqrt(others[0] * others[1]) - 1)
        assert percent == pytest.approx(expected, abs=0.15)
    few, _ = judged(tasks, majority_sample=7)
    assert [row["majority_n"] for row in few.overall.to_pylist() if row["habit"] == "area_bias"] == [7, 7, 7]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_area_percent": 0}, "min_area_percent is 0.0; it lies above 0"),
        ({"min_rate": 1.5}, "between 0 and 1"),
        ({"min_density_factor": 1}, "above 1"),
        ({"error_rate": "much"}, "error_rate is 'much'; it is a number"),
        ({"min_weeks": 0}, "whole number from 1 up"),
        ({"majority_sample": 1.5}, "whole number from 0 up"),
        ({"seed": True}, "whole number from 0 up"),
        ({"size_bounds_px2": (9.0, 4.0)}, "two areas"),
    ],
)
def test_wrong_options_are_named(options: Row, message: str) -> None:
    export = lg.read_label_studio(b"[]")
    with pytest.raises(ValueError, match=message):
        lg.habits(export, lg.agreement(export), **options)


# --- real exports


@pytest.mark.skipif(not MAKER.exists(), reason="the shared tools are not beside the repository")
def test_real_exports_name_nobody() -> None:
    """LVIS has two annotators; the readers of LIDC are anonymous, so that a place in the list is no person."""
    pairs = lg.read_label_studio(real_export("lvis"))
    found = lg.habits(pairs, lg.agreement(pairs))
    assert found.named.num_rows == 0
    assert set(found.overall["reason"].to_pylist()) == {"two_annotators"}
    readers = lg.read_export(real_export("lidc"), patient="patient_id")
    found = lg.habits(readers, lg.agreement(readers, boundary=False), majority_sample=200)
    assert found.named.num_rows == 0
    areas = [row for row in found.overall.to_pylist() if row["habit"] == "area_bias"]
    assert len(areas) == 4 and all(abs(row["value"]) < 5 and row["low"] < row["high"] for row in areas)
    assert all(row["offset_px"] is None for row in areas)


# --- the command


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks_of(3, 1, [HABITS["wide"](3)], patients=48)), encoding="utf-8")
    return path


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["annotators", *map(str, arguments)])


def test_the_command_names_first(source: Path) -> None:
    result = run(source)
    assert result.exit_code == 0, result.output
    named, table = result.output.index("Annotator 3 draws areas 2"), result.output.index("area %")
    assert named < table and monday(1, 6) in result.output
    assert "Nobody is named" not in result.output


def test_the_command_writes_a_file_or_a_folder(source: Path, tmp_path: Path) -> None:
    one = run(source, "-o", tmp_path / "named.csv", "-q")
    assert one.exit_code == 0 and one.output == ""
    assert (tmp_path / "named.csv").read_text().splitlines()[1].startswith('"3","area_bias"')
    assert run(source, "-o", tmp_path / "all", "--csv", "-q").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == [
        "habits.csv",
        "habits_overall.csv",
        "run.lock.json",
        "similar.csv",
        "trends.csv",
    ]
    assert run(source, "-o", tmp_path / "named.parquet", "--csv").exit_code == 2


def test_the_command_prints_json(source: Path) -> None:
    result = run(source, "--json", "--patient", "patient_id", "--min-area-percent", 30)
    content = json.loads(result.stdout)
    assert content["named"] == [] and content["options"]["min_area_percent"] == 30
    assert {row["reason"] for row in content["overall"] if row["annotator"] == "3"} >= {"changes"}


def test_the_command_says_why_nobody_can_be_compared(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps(tasks_of(1, 1, [], patients=3)), encoding="utf-8")
    result = run(path)
    assert result.exit_code == 0 and "single annotator" in " ".join(result.output.split())
    assert run(tmp_path / "absent.json").exit_code == 3
    assert run(path, "--error-rate", 2).exit_code == 2
