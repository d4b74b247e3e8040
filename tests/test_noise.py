"""The parts of the noise by hand, from exports, and through its table."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import lesiongeo as lg
from lesiongeo.agreement.counted import Counted
from lesiongeo.testing import Event, make_courses
from lesiongeo.testing.annotators import Annotator
from lesiongeo.tracks.growth.components import Outlines, Repeats
from lesiongeo.tracks.growth.growth import growth_columns
from lesiongeo.tracks.growth.noise import Noise, noise_from, noise_given, noise_of
from lesiongeo.tracks.growth.noise_table import NOISE_SCHEMA, noise_of_table
from lesiongeo.tracks.observations import observe
from lesiongeo.tracks.pages.visits import visits_of
from made_outlines import Team, project

Row = dict[str, Any]


def outlines_of(rows: list[tuple[int, int, float]], visits: int = 0) -> Outlines:
    """Outlines from (lesion on its page, annotator, area); with `visits`, so many lesions in a row are one track."""
    lesion, who, area = (np.array(column) for column in zip(*rows, strict=True))
    track = lesion // visits if visits else np.full(len(lesion), -1)
    return Outlines(lesion, who, np.log(area), lesion, track, lesion % max(visits, 1))


def rows_of(noise: Noise, component: str, size_class: str | None = None) -> list[Row]:
    rows = [row for row in noise.table.to_pylist() if row["component"] == component]
    return [row for row in rows if size_class is None or row["size_class"] == size_class]


def read(tasks: list[Any]) -> lg.read.Export:
    return lg.read_label_studio(json.dumps(tasks).encode(), patient="patient_id", spacing_mm="spacing_mm")


def noise_in(export: Any, **options: Any) -> Noise:
    counted = Counted(export)
    visits = visits_of(export, counted)
    return noise_of(observe(export, counted, visits=visits), visits, export, counted, **options)


def test_two_people_by_hand() -> None:
    """Person 1 draws e^0.2 times what person 0 draws, give or take d: the residuals are +- d / 2 on both sides.

    Sum of squares 2 (d / 2)^2 per lesion; a degree of freedom per lesion, less one for the habit.
    """
    d = [0.1, -0.1] * 4
    drawn = [(lesion, who, 1000.0 * math.exp(who * (0.2 + d[lesion]))) for lesion in range(8) for who in (0, 1)]
    noise = noise_from(outlines_of(drawn), annotators=["a", "b"])
    variance = 8 * 2 * 0.05**2 / 7
    assert noise.source == "outlines"
    assert noise.outlines.variance == pytest.approx([variance])
    assert noise.outlines.freedom == pytest.approx([7.0])
    assert noise.habits[0].effect == pytest.approx([-0.1, 0.1])
    # The difference of the two is a mean of eight, each with twice the variance of an outline.
    difference = np.array([1.0, -1.0])
    assert difference @ noise.habits[0].covariance @ difference == pytest.approx(2 * variance / 8)
    row = rows_of(noise, "within")[0]
    assert row["sd_log_area"] == pytest.approx(math.sqrt(variance))
    assert (row["df"], row["n_lesions"], row["source"], row["reason"]) == (7.0, 8, "outlines", None)
    half = 2.3646 * math.sqrt(2 * variance)  # Student's t with 7 degrees of freedom
    assert row["mdc95_percent"] == pytest.approx(100 * math.expm1(half), rel=1e-4)
    habits = {row["annotator"]: row["effect_percent"] for row in rows_of(noise, "habit")}
    assert habits == {"a": pytest.approx(100 * math.expm1(-0.1)), "b": pytest.approx(100 * math.expm1(0.1))}
    assert rows_of(noise, "people")[0]["reason"] == "few_people"


def test_what_two_people_say_of_the_same_change() -> None:
    """Both see every lesion otherwise (by 0.25 and more) and it doubles, yet they differ by 0.1 about the change.

    (0.1)^2 / 2 is the variance of a change about its mean, half of it that of one outline.
    """
    drawn = []
    for track in range(12):
        sign = 1.0 if track % 2 else -1.0
        for visit in (0, 1):
            for who in (0, 1):
                log = 7.0 + 0.5 * who * (track - 5.5) + visit * (math.log(2.0) + 0.1 * sign * who)
                drawn.append((2 * track + visit, who, math.exp(log)))
    noise = noise_from(outlines_of(drawn, visits=2), annotators=["a", "b"])
    assert noise.source == "visits"
    assert noise.visits.variance == pytest.approx([0.1**2 / 2 / 2])
    assert noise.visits.freedom == pytest.approx([12.0])
    assert noise.outlines.variance[0] > 0.1


def test_overlapping_visits_count_for_less() -> None:
    """Three visits are two pairs that share one: 2 k^2 / (3 k - 1) = 8 / 5 of the freedom of one pair."""
    rng = np.random.default_rng(1)
    drawn = [(lesion, who, math.exp(7 + 0.1 * rng.standard_normal())) for lesion in range(30) for who in (0, 1)]
    part = noise_from(outlines_of(drawn, visits=3), annotators=["a", "b"])
    assert part.visits.freedom == pytest.approx([10 * 8 / 5])


def test_copies_are_no_outlines() -> None:
    """An accepted prediction would make the noise nothing, and every change significant."""
    rng = np.random.default_rng(2)
    drawn = [(lesion, who, math.exp(7 + 0.1 * rng.standard_normal())) for lesion in range(40) for who in (0, 1)]
    copied = [(40 + lesion, who, 500.0 + lesion) for lesion in range(400) for who in (0, 1)]
    alone = noise_from(outlines_of(drawn), annotators=["a", "b"])
    both = noise_from(outlines_of(drawn + copied), annotators=["a", "b"])
    assert both.outlines.variance == pytest.approx(alone.outlines.variance)
    assert both.outlines.freedom == pytest.approx(alone.outlines.freedom)
    only = noise_from(outlines_of(copied), annotators=["a", "b"])
    assert only.source == "fallback"


@pytest.mark.parametrize("people", [3, 8, 9, 20])
def test_copies_among_many_people(people: int) -> None:
    """However many drew a lesion: two equal areas in it are one."""
    rng = np.random.default_rng(6)
    once = [(lesion, who, math.exp(7 + 0.1 * rng.standard_normal())) for lesion in range(9) for who in range(people)]
    twice = [*once, *((lesion, people, area) for lesion, who, area in once if who == lesion % people)]
    names = [str(n) for n in range(people + 1)]
    expected = noise_from(outlines_of(once), annotators=names).table
    assert noise_from(outlines_of(twice), annotators=names).table.equals(expected)


def test_the_order_of_outlines_does_not_matter() -> None:
    """They are sorted by lesion and person."""
    rng = np.random.default_rng(7)
    drawn = [(lesion, who, math.exp(7 + 0.1 * rng.standard_normal())) for lesion in range(30) for who in range(3)]
    shuffled = [drawn[place] for place in rng.permutation(len(drawn)).tolist()]
    tables = [noise_from(outlines_of(rows, visits=3), annotators=["a", "b", "c"]).table for rows in (drawn, shuffled)]
    assert tables[0].equals(tables[1])


def test_too_little_is_25_percent_and_says_so() -> None:
    few = [(lesion, who, 100.0 + 7 * lesion + who) for lesion in range(5) for who in (0, 1)]
    noise = noise_from(outlines_of(few), annotators=["a", "b"])
    first = noise.table.to_pylist()[0]
    assert (first["component"], first["mdc95_percent"], first["reason"]) == ("fallback", 25.0, "too_few_outlines")
    assert rows_of(noise, "outline")[0]["df"] == pytest.approx(4.0)
    assert noise.floor == pytest.approx(math.log(1.25))
    alone = noise_from(outlines_of([(number, 0, 100.0 + number) for number in range(50)]), annotators=["a"])
    assert alone.source == "fallback" and alone.table.num_rows == 1
    nothing = noise_from(outlines_of([(0, 0, math.nan)]), annotators=[])
    assert nothing.source == "fallback"


def test_repeats_stand_in_where_nobody_draws_the_same() -> None:
    change = np.array([0.1, -0.2, 0.1, 0.1, -0.1, 0.2, 0.0])
    repeats = Repeats(change, np.full(7, 7.0))
    alone = outlines_of([(number, 0, 100.0 + number) for number in range(50)])
    noise = noise_from(alone, repeats, annotators=["a"])
    assert noise.source == "repeats"
    # What is equal to the last digit was copied.
    assert noise.visits.variance == pytest.approx([(4 * 0.01 + 2 * 0.04) / 6 / 2])
    assert noise.visits.freedom == pytest.approx([6.0])
    together = outlines_of([(n // 2, n % 2, 100.0 + n + (n * n) % 7) for n in range(60)])
    noise = noise_from(together, repeats, annotators=["a", "b"])
    assert noise.source == "outlines"
    assert rows_of(noise, "repeat")[0]["reason"] == "not_used"


def test_classes_of_sizes_have_enough_lesions() -> None:
    rng = np.random.default_rng(3)
    sizes = [100.0] * 30 + [500.0] * 5 + [2000.0] * 40 + [1e6] * 3
    drawn = [(i, who, size * math.exp(0.1 * rng.standard_normal())) for i, size in enumerate(sizes) for who in (0, 1)]
    noise = noise_from(outlines_of(drawn), annotators=["a", "b"])
    names = [row["size_class"] for row in rows_of(noise, "within")]
    assert names == ["all", "below 256 px2", "from 256 px2"]
    rows = {row["size_class"]: row for row in rows_of(noise, "within")}
    assert [rows[name]["n_lesions"] for name in names] == [78, 30, 48]
    noise = noise_from(outlines_of(drawn), annotators=["a", "b"], size_bounds_px2=(1024, 9216))
    assert [row["size_class"] for row in rows_of(noise, "within")] == ["all", "below 1024 px2", "from 1024 px2"]


def test_the_spread_of_habits_is_found() -> None:
    """A hundred people, each lesion drawn by five of them: 10 % of habit, 6 % of noise."""
    rng = np.random.default_rng(4)
    habit = 0.1 * rng.standard_normal(100)
    drawn = []
    for lesion in range(2000):
        for who in rng.choice(100, 5, replace=False).tolist():
            drawn.append((lesion, who, math.exp(8 + habit[who] + 0.06 * rng.standard_normal())))
    noise = noise_from(outlines_of(drawn), annotators=[str(n) for n in range(100)])
    assert noise.people**0.5 == pytest.approx(np.std(habit, ddof=1), rel=0.05)
    assert noise.outlines.variance[0] ** 0.5 == pytest.approx(0.06, rel=0.05)
    assert noise.habits[0].effect == pytest.approx(habit - habit.mean(), abs=0.03)


def test_very_many_people() -> None:
    """Beyond a thousand, habits are part of the noise."""
    rng = np.random.default_rng(5)
    habit = 0.1 * rng.standard_normal(1500)
    drawn = [
        (lesion, who, math.exp(8 + habit[who] + 0.06 * rng.standard_normal()))
        for lesion in range(1500)
        for who in rng.choice(1500, 2, replace=False).tolist()
    ]
    noise = noise_from(outlines_of(drawn), annotators=[str(n) for n in range(1500)])
    assert noise.habits == ()
    assert noise.people == 0.0
    assert noise.outlines.variance[0] == pytest.approx(0.1**2 + 0.06**2, rel=0.1)


def test_the_table_of_then_judges_as_the_noise_of_then() -> None:
    for team in (Team(), Team(staff="random", people=5, habit=0.2), Team(lesions=4, visits=1, people=2)):
        noise, growth = project(team, 7)
        assert noise.table.schema == NOISE_SCHEMA
        again = growth_columns(growth.rows, noise_of_table(noise.table, noise.annotators))
        assert again.previous.half_width == pytest.approx(growth.previous.half_width, rel=1e-2, nan_ok=True)
        assert again.area.half_width == pytest.approx(growth.area.half_width, rel=1e-2, nan_ok=True)
    given = noise_of_table(noise_given(40.0).table, ["a"])
    assert given.source == "given" and given.floor == pytest.approx(math.log(1.4))


def test_annotators_of_then_are_found_by_name() -> None:
    noise, _ = project(Team(habit=0.2), 8)
    turned = noise_of_table(noise.table, ["new", *noise.annotators[::-1]])
    for then, now in zip(noise.habits, turned.habits, strict=True):
        assert now.effect[1:] == pytest.approx(then.effect[::-1])
        assert np.isnan(now.effect[0]) and now.team[0] == -1


@pytest.mark.parametrize("wrong", [0, -5, math.nan, math.inf, True, "25"])
def test_a_given_noise_is_a_number_above_0(wrong: Any) -> None:
    with pytest.raises(ValueError, match="percentage of area above 0"):
        noise_given(wrong)


def test_tables_that_say_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="without the column size_class"):
        noise_of_table(pa.table({"component": ["within"]}), [])
    with pytest.raises(ValueError, match="without rows"):
        noise_of_table(NOISE_SCHEMA.empty_table(), [])


@pytest.mark.parametrize("wrong", [(0.0, 5.0), (5.0, 5.0), (9.0, 4.0), (math.nan,), ("a",)])
def test_bounds_are_ascending(wrong: Any) -> None:
    with pytest.raises(ValueError, match="ascending areas"):
        noise_from(outlines_of([(0, 0, 1.0)]), annotators=["a"], size_bounds_px2=wrong)


def courses(seed: int = 0, **options: Any) -> list[Any]:
    crew = [Annotator.faultless(n, bias=bias, noise=0.03) for n, bias in enumerate((0.0, 0.08, -0.05), start=1)]
    return make_courses(patients=10, visits=3, annotators=crew, seed=seed, **options).tasks


def test_the_noise_of_generated_outlines() -> None:
    """Against all pairs of annotators, straight from the table of lesions: their differences, less habits."""
    export = read(courses())
    noise = noise_in(export)
    assert noise.source == "outlines"
    pairs = lg.agreement(export, boundary=False).pairs.to_pylist()
    of: dict[tuple[Any, Any], list[float]] = {}
    for row in pairs:
        if row["match"] == "matched":
            of.setdefault((row["annotator_a"], row["annotator_b"]), []).append(row["log_area_ratio"])
    assert len(of) == 3
    expected = np.mean([np.var(values, ddof=1) / 2 for values in of.values()])
    row = next(row for row in rows_of(noise, "within") if row["size_class"] == "all")
    assert row["sd_log_area"] ** 2 == pytest.approx(expected, rel=0.1)
    for (a, b), values in of.items():
        codes = [noise.annotators.index(name) for name in (a, b)]
        difference = np.mean([habit.effect[codes[1]] - habit.effect[codes[0]] for habit in noise.habits])
        assert difference == pytest.approx(np.mean(values), abs=0.02)


def test_the_order_of_tasks_does_not_matter() -> None:
    """Not in the last digit."""
    tasks = courses()
    assert noise_in(read(tasks)).table.equals(noise_in(read(tasks[::-1])).table)


def test_outlines_that_a_prediction_gave_do_not_count() -> None:
    tasks = courses()
    for task in tasks:
        for annotation in task["annotations"][1:]:
            for result in annotation["result"]:
                result["origin"] = "prediction"
    assert noise_in(read(tasks)).source == "fallback"


def test_who_annotates_twice_repeats() -> None:
    """The older annotation of one person counts as a repeat, unless it was merely edited."""
    events = [Event("repeat", annotator=1)]
    tasks = make_courses(patients=12, visits=2, annotators=1, noise=0.03, events=events, seed=3).tasks
    noise = noise_in(read(tasks))
    assert noise.source == "repeats"
    whole = rows_of(noise, "repeat")[0]
    assert whole["df"] > 20 and 0.005 < whole["sd_log_area"] < 0.2
    # Half of the people leave one outline of the older annotation as it was.
    edited = json.loads(json.dumps(tasks))
    for task in edited[::2]:
        old, new = task["annotations"]
        place = next(n for n, result in enumerate(new["result"]) if "points" in result["value"])
        twin = next(r for r in old["result"] if r["value"].get("points") and same_place(r, new["result"][place]))
        twin["value"]["points"] = new["result"][place]["value"]["points"]
    fewer = rows_of(noise_in(read(edited)), "repeat")[0]
    assert fewer["df"] < 0.7 * whole["df"]


def same_place(one: Row, other: Row) -> bool:
    """Near each other on the same page, in percent."""
    centres = [np.mean(result["value"]["points"], axis=0) for result in (one, other)]
    pages = [result.get("item_index") for result in (one, other)]
    return pages[0] == pages[1] and float(np.hypot(*(centres[0] - centres[1]))) < 2.0


def test_observations_by_annotator_are_refused() -> None:
    export = read(courses())
    counted = Counted(export)
    visits = visits_of(export, counted)
    obs = observe(export, counted, visits=visits, by="annotator")
    with pytest.raises(ValueError, match='by="lesion"'):
        noise_of(obs, visits, export, counted)


def test_an_empty_export() -> None:
    assert noise_in(lg.read_label_studio(b"[]")).source == "fallback"
