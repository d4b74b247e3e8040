"""With whom people are compared: as all of them are in the same weeks, and who changed whoever is right."""

from __future__ import annotations

import json
import math
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import lesiongeo as lg
from lesiongeo.habits.judge import judge, spans_of_change
from lesiongeo.habits.quantities import Quantity, measured, named_once
from lesiongeo.habits.twoway import Values
from lesiongeo.testing import Annotator, Habit, make_export

Row = dict[str, Any]
Floats = NDArray[np.float64]
STEP = math.log(1.05)
WIDER = math.log(1.21)


def plain(number: int, bias: float = 0.0) -> Annotator:
    return Annotator.faultless(number, bias=bias, noise=0.02)


def found_in(**options: Any) -> lg.Habits:
    tasks = make_export(weeks=12, **options)
    export = lg.read_label_studio(json.dumps(tasks).encode(), patient="patient_id")
    return lg.habits(export, lg.agreement(export), majority_sample=0)


def areas(found: lg.Habits) -> dict[str, Row]:
    return {row["annotator"]: row for row in found.overall.to_pylist() if row["habit"] == "area_bias"}


def weeks_of(found: lg.Habits, who: str) -> list[float]:
    rows = [row for row in found.weekly.to_pylist() if (row["annotator"], row["habit"]) == (who, "area_bias")]
    return [row["value"] for row in sorted(rows, key=lambda row: row["week"])]


def monday(seed: int, week: int) -> str:
    """From the definition of the generator."""
    return (date(2026, 1, 5) + timedelta(weeks=seed % 52 + week)).isoformat()


# --- end to end


def test_the_weeks_of_the_reference_are_about_zero() -> None:
    """Biases of 0, -4 and +32 % of area: 1 is in the middle alone, all weeks of 1 are 0 and not the mean of all."""
    crew = [plain(1), plain(2), plain(3)]
    found = found_in(patients=48, annotators=crew, habits=[Habit(3, "bias", 0.15), Habit(2, "bias", -0.02)], seed=1)
    assert areas(found)["1"]["reason"] == "is_reference" and areas(found)["1"]["value"] == 0.0
    assert max(abs(value) for value in weeks_of(found, "1")) < 1.5
    assert weeks_of(found, "3") == pytest.approx([32.25] * 12, abs=2.5)
    assert weeks_of(found, "2") == pytest.approx([-4.0] * 12, abs=2.0)


def test_two_are_compared_week_by_week() -> None:
    found = found_in(patients=48, annotators=[plain(1), plain(2)], habits=[Habit(2, "bias", 0.1, week=6)], seed=1)
    assert found.named.num_rows == 0
    assert weeks_of(found, "1") == pytest.approx([0.0] * 6 + [100 * (1 / 1.21 - 1)] * 6, abs=1.5)
    assert weeks_of(found, "2") == pytest.approx([0.0] * 6 + [21.0] * 6, abs=1.5)
    for row in areas(found).values():
        assert row["reason"] == "two_annotators"
        assert row["message"].count("draws areas") == 1 and row["message"].startswith("Between two, annotator 2 draws")
        assert f"larger than annotator 1 since the week of {monday(1, 6)};" in row["message"]


@pytest.mark.parametrize(("who", "seed"), [(1, 11), (2, 12)])
def test_who_changes_is_named_where_all_differ(who: int, seed: int) -> None:
    """The default crew draws 0, -4 and +12 % of area; nobody is right, but one changes by 21 % and two do not."""
    found = found_in(patients=72, annotators=3, habits=[Habit(who, "bias", 0.1, week=6)], seed=seed)
    (row,) = found.named.to_pylist()
    assert (row["annotator"], row["habit"], row["detail"]) == (str(who), "area_bias", "change")
    assert (row["since"], row["until"], row["unit"]) == (monday(seed, 6), None, "percent")
    assert row["low"] - 0.3 < 21.0 < row["high"] + 0.3 and row["offset_px"] > 0
    assert row["message"].startswith(f"Annotator {who} draws areas 2")
    said = f"larger since the week of {monday(seed, 6)} than before, compared with what the others did in the same week"
    assert said in row["message"]
    assert {name: one["named"] for name, one in areas(found).items()} == {x: x == str(who) for x in "123"}
    # What looks the same: mostly of the weeks after the change, larger than what the person did before.
    similar = found.similar.to_pylist()
    assert sum(one["week"] >= row["since"] for one in similar) > 0.9 * len(similar) > 0.8 * row["n"]
    assert min(one["value"] for one in similar) > 8.0


def test_half_and_half_name_nobody() -> None:
    """Two of four who change together: it may as well be the other two."""
    crew = [plain(number) for number in (1, 2, 3, 4)]
    found = found_in(patients=48, annotators=crew, habits=[Habit(k, "bias", 0.1, week=6) for k in (1, 2)], seed=3)
    assert found.named.num_rows == 0


# --- the arithmetic, on numbers


def crowd(seed: int, effects: Floats, *, tasks: int = 60, per: int = 4) -> Quantity:
    """Effects (person, week) on lesions of all sizes, with errors in common per task and person."""
    rng = np.random.default_rng(seed)
    people, weeks = effects.shape
    lesion = np.repeat(np.arange(tasks * per), people)
    who, task = np.tile(np.arange(people), tasks * per), np.repeat(np.arange(tasks * per), people) // per
    week = task * weeks // tasks
    value = rng.normal(6, 1, tasks * per)[lesion] + effects[who, week]
    value += rng.normal(0, 0.03, (tasks, people))[task, who] + rng.normal(0, 0.06, len(who))
    values = Values.of(lesion, who, week, task, value, np.arange(len(lesion)))
    seen: Any = SimpleNamespace(names=[str(k) for k in range(people)], weeks=np.arange(weeks))
    return measured(seen, "area_bias", values, step=STEP, least=2, confidence=0.95)


def names(quantity: Quantity, error_rate: float = 0.01) -> list[tuple[int, str | None, int, int]]:
    """Who is named for what, from which week to which."""
    judge(quantity.findings, len(quantity.tests()), error_rate)
    named_once(quantity)
    return [(one.person, one.test[2], one.first, one.last) for one in quantity.findings if one.reason is None]


def of(*rows: float | tuple[float, ...], weeks: int = 12) -> Floats:
    """Effects of people by week, of even runs."""
    return np.array([np.repeat(row, weeks // np.size(row)) for row in rows], dtype=np.float64)


@pytest.mark.parametrize(
    ("effects", "expected"),
    [
        # The level is nameable: only it.
        (of(0.0, 0.0, (0.0, WIDER)), [(2, None, 6, 11)]),
        # One changes among people who all differ.
        (of((0.0, WIDER), -0.04, 0.12), [(0, "change", 6, 11)]),
        # It ends: the way back is not named again.
        (of((0.0, WIDER, 0.0), -0.3, 0.4), [(0, "change", 4, 7)]),
        # Two of five change, at other times.
        (of(0.0, 0.0, 0.0, (0.0, 0.0, WIDER), (0.0, -WIDER, -WIDER)), [(3, None, 8, 11), (4, None, 4, 11)]),
        # Half of the people change at once: nobody knows which half.
        (of((0.0, WIDER), (0.0, WIDER), 0.0, 0.0), []),
        # Two have only each other.
        (of(0.0, (0.0, WIDER)), []),
        (of(0.0, -0.02, 0.01, 0.0), []),
    ],
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_who_is_named_when(effects: Floats, expected: list[tuple[int, str | None, int, int]], seed: int) -> None:
    assert sorted(names(crowd(seed, effects, tasks=96)), key=str) == sorted(expected, key=str)


def test_who_stays_is_not_named_when_the_reference_moves() -> None:
    """1 moves from the middle to beyond 3, which then is the middle: 2 lies 16 % below it, as ever 4 % below the old 1.

    The levels by hand: before, the middle is person 0 (0.0); after, person 2 (0.12).
    """
    quantity = crowd(5, of((0.0, 0.19), -0.04, 0.12), tasks=96)
    assert [one for one in names(quantity) if one[0] != 0] == []
    reference = quantity.reference
    effect = quantity.changes.fit.effect
    middle = {person: effect[quantity.changes.owner == person] for person in range(3)}
    assert reference[1, 0] == pytest.approx(middle[0][0], abs=1e-12)
    assert reference[1, 11] == pytest.approx(middle[2][0], abs=1e-12)
    # Who is in the middle alone has their own level as zero.
    assert reference[0, 0] == pytest.approx(middle[0][0], abs=1e-12)
    assert reference[2, 11] == pytest.approx(middle[2][0], abs=1e-12)
    assert reference[:, 11] - reference[:, 0] == pytest.approx(np.full(3, 0.12), abs=0.03)


def test_the_interval_of_a_change_covers_the_truth() -> None:
    """95 % of 100: between 86 and 100 with a chance of 0.9997."""
    inside = 0
    for seed in range(100):
        quantity = crowd(1000 + seed, of((0.0, WIDER), -0.2, 0.3), tasks=48, per=3)
        inside += any(
            (one.person, one.test[2], one.first) == (0, "change", 6) and one.low <= 21.0 <= one.high
            for one in quantity.findings
        )
    assert inside >= 86


@pytest.mark.parametrize("people", [3, 5])
def test_no_change_is_named_by_chance(people: int) -> None:
    """People who differ and never change: 100 times nobody is named for a change, nor for a level they do not have."""
    levels = np.linspace(-0.15, 0.15, people)[:, None] * np.ones(12)
    for seed in range(100):
        assert [one for one in names(crowd(seed, levels, tasks=36, per=3)) if one[1] == "change"] == []
        assert names(crowd(seed, np.zeros((people, 12)), tasks=36, per=3)) == []


def test_changes_are_corrected_for_where_they_could_be() -> None:
    assert spans_of_change(12, 2) == 22  # one of 11 places, and half of the error
    assert spans_of_change(12, 3) == 2 * math.comb(13, 3)  # where it begins, changes and ends
    quantity = crowd(1, np.zeros((4, 12)))
    assert len(quantity.tests()) == 8  # a level and a change each, found or not
    assert len(crowd(1, np.zeros((2, 12))).tests()) == 2
