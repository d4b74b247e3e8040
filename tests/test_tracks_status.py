"""Rows for absent visits, and what lesions are: by hand, and against a slow calculation written here."""

import json
import math
from typing import Any

import numpy as np
import pytest

import lesiongeo as lg
from lesiongeo.tracks.statuses.completion import Completed, Slots, complete, slots_of
from lesiongeo.tracks.statuses.status import REASONS, STATUSES, Rule, Statuses, StatusRows, geo_statuses, rule_of
from lesiongeo.tracks.statuses.wounds import HEALING
from test_agreement_rules import annotation, polygon, task

NAN = math.nan


def course(
    areas: list[float],
    *,
    imaged: str | None = None,
    annotated: str | None = None,
    parts: dict[int, int] | None = None,
    days: list[float] | None = None,
    noise: float = 0.25,
    rule: str = "mdc",
    measured: bool = True,
) -> tuple[list[str | None], list[str | None], Statuses]:
    """One patient with one track; an area of 0 is absent. Imaged and annotated: "x" per visit, "." not."""
    count = len(areas)
    yes = np.ones(count, dtype=bool)
    is_imaged = yes if imaged is None else np.array([mark == "x" for mark in imaged])
    is_annotated = yes if annotated is None else np.array([mark == "x" for mark in annotated])
    slots = slots_of(np.zeros(count, dtype=np.int64), np.arange(count), is_imaged, is_annotated)
    seen = np.flatnonzero(np.array(areas) > 0)
    rows = complete(np.zeros(len(seen), dtype=np.int64), seen, np.zeros(1, dtype=np.int64), slots)
    ratio, before = np.full(len(rows.visit), NAN), None
    for row, visit in enumerate(rows.visit.tolist()):
        if areas[visit] > 0:
            if before is not None and measured:
                ratio[row] = math.log(areas[visit] / before)
            before = areas[visit]
    logs = np.array([math.log(areas[visit]) if areas[visit] > 0 else NAN for visit in rows.visit.tolist()])
    found = geo_statuses(
        StatusRows(
            rows=rows,
            slots=slots,
            n_parts=np.array([(parts or {}).get(visit, int(areas[visit] > 0)) for visit in rows.visit.tolist()]),
            log_ratio=ratio,
            half_width=np.full(len(rows.visit), math.log1p(noise)),
            day=np.array(days if days is not None else [30.0 * visit for visit in range(count)])[rows.visit],
            log_area=logs,
            log_ratio_first=logs - logs[:1],
        ),
        rule=rule,
    )
    return found.text.to_pylist(), found.reason_text.to_pylist(), found


def test_appearing_growing_shrinking_and_going() -> None:
    status, reason, _ = course([10, 11, 14, 10, 0])
    assert status == ["baseline", "stable", "enlarged", "shrunk", "resolved"]
    assert reason == [None] * 5


def test_new_needs_an_earlier_visit_on_which_somebody_looked() -> None:
    assert course([0, 5, 5])[0] == ["new", "stable"]
    assert course([0, 5], imaged=".x")[0] == ["baseline"]
    assert course([0, 5], annotated=".x")[0] == ["baseline"]
    # Imaged but not annotated, and annotated without image: nobody looked on either.
    assert course([0, 0, 5], imaged="x.x", annotated=".xx")[0] == ["baseline"]


def test_what_nobody_looked_for_is_never_resolved() -> None:
    status, reason, _ = course([5, 0, 0, 0, 5], imaged="x.xxx", annotated="xx.xx")
    assert status == ["baseline", "not_imaged", "not_imaged", "resolved", "stable"]
    assert reason == [None, None, "not_annotated", None, "seen_again"]
    # Only not looked for in between: nothing came back.
    assert course([5, 0, 5], imaged="x.x")[1] == [None, None, None]
    # Drawn on an image that was called unusable: it is there.
    assert course([5, 9], imaged="x.")[0] == ["baseline", "enlarged"]


def test_changes_are_against_the_visit_on_which_it_was_seen_last() -> None:
    _, _, found = course([5, 0, 6, 0, 0, 7])
    assert found.previous.tolist() == [-1, 0, 0, 2, 2, 2]
    assert found.change.tolist() == [-2, -2, 0, -2, -2, 0]


def test_splitting_is_an_event() -> None:
    assert course([9, 9, 9, 9], parts={1: 2, 2: 2, 3: 3})[0] == ["baseline", "split", "stable", "split"]
    # Two parts from the start, and two that become one.
    assert course([9, 9, 20], parts={0: 2, 1: 2})[0] == ["baseline", "stable", "enlarged"]
    status, reason, found = course([9, 0, 20], parts={2: 2})
    assert status[2] == "split"
    assert reason[2] is None
    assert found.change[2] == 1


def test_without_a_ratio_nothing_is_said() -> None:
    status, reason, _ = course([9, 9, 0, 9], measured=False)
    assert status == ["baseline", None, "resolved", None]
    assert reason == [None, "not_measured", None, "not_measured"]
    status, reason, _ = course([9, 90], noise=NAN)
    assert (status, reason) == (["baseline", None], [None, "not_measured"])


def test_exactly_the_noise_is_no_change() -> None:
    half = math.log1p(0.25)
    rows = course([8, 10])[2]
    assert rows.text.to_pylist()[1] == "stable"
    assert course([8, 10.0001])[0][1] == "enlarged"
    assert course([10, 8])[0][1] == "stable"
    assert course([10, 7.9999])[0][1] == "shrunk"
    assert half == pytest.approx(0.2231, abs=1e-4)


@pytest.mark.parametrize(
    ("rule", "ratio", "status"),
    [
        ("percent:25", 1.25, "stable"),
        ("percent:25", 1.2501, "enlarged"),
        # -25 % of the area, not the inverse of +25 %.
        ("percent:25", 0.80, "stable"),
        ("percent:25", 0.75, "stable"),
        ("percent:25", 0.7499, "shrunk"),
        ("percent:20:50", 1.21, "enlarged"),
        ("percent:20:50", 0.51, "stable"),
        ("percent:20:50", 0.49, "shrunk"),
        ("mdc", 0.78, "shrunk"),
        # A month: 10 % per week are 0.9^(30 / 7) = 0.637 of the area.
        ("wound", 0.63, "shrunk"),
        ("wound", 0.64, "stable"),
        ("wound", 1.26, "enlarged"),
        ("wound", 1.24, "stable"),
    ],
)
def test_rules(rule: str, ratio: float, status: str) -> None:
    assert course([100, 100 * ratio], rule=rule)[0][1] == status


def test_the_percent_rule_asks_for_no_noise() -> None:
    assert course([100, 130], rule="percent:25", noise=NAN)[0][1] == "enlarged"


def test_four_weeks_are_not_judged_across_units() -> None:
    """The first visit in pixels, the others in millimetres; then pages of two sizes: nothing compares them."""
    for spacings, sizes in (([None, 0.1, 0.1], [(1000, 800)] * 3), (None, [(1000, 800), (2000, 1600), (2000, 1600)])):
        result = []
        for page, (size, side) in enumerate(zip(sizes, (30.0, 25.0, 20.0), strict=True)):
            points = [(20.0, 20.0), (20.0 + side, 20.0), (20.0 + side, 20.0 + side), (20.0, 20.0 + side)]
            drawn = polygon(f"r{page}", points, page=page, size=size)
            value = {key: drawn["value"][key] for key in ("points", "closed")} | {"number": 1}
            result += [drawn, {**drawn, "from_name": "track_id", "type": "number", "value": value}]
        made = task([annotation(1, 1, result)], images=3)
        made["data"] |= {"days": [0, 14, 28], "mm": spacings or [None] * 3}
        export = lg.read_label_studio(json.dumps([made]).encode())
        table = lg.tracks(export, visit="days", spacing_mm="mm" if spacings else None, rule="wound").table
        assert table["reason_first"][2].as_py() in ("spacing_missing_on_one", "scale_unknown")
        assert table["reduction_4_weeks"].to_pylist() == [None] * 3
        assert table["healing"].to_pylist() == [None, None, "healing"]


def test_a_wound_that_shrinks_within_the_noise_is_stable() -> None:
    # 12 % in a week is 10 % per week and more, but 25 % is noise.
    assert course([100, 88], rule="wound", days=[0, 7])[0][1] == "stable"
    assert course([100, 70], rule="wound", days=[0, 7])[0][1] == "shrunk"
    # How fast it shrinks is not known without days; that it does not is.
    status, reason, _ = course([100, 50, 51, 90], rule="wound", days=[0, NAN, NAN, NAN])
    assert status == ["baseline", None, "stable", "enlarged"]
    assert reason[1] == "not_measured"
    assert course([100, 50], rule="wound", days=[0, 0])[0][1] is None


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("mdc", Rule("mdc")),
        (" Wound ", Rule("wound")),
        ("percent:25", Rule("percent", 25, 25)),
        ("percent:25%", Rule("percent", 25, 25)),
        ("percent:150:50", Rule("percent", 150, 50)),
    ],
)
def test_rules_are_read(text: str, rule: Rule) -> None:
    found = rule_of(text)
    assert found.kind == rule.kind
    assert str(found) == str(rule)
    assert rule_of(str(found)) == found or found.kind != "percent"
    assert rule_of(found) is found


@pytest.mark.parametrize(
    "text",
    ["nothing", "mdc:3", "percent", "percent:", "percent:x", "percent:1:2:3", "percent:0", "percent:-5", "percent:100"],
)
def test_rules_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="rule is "):
        rule_of(text)


@pytest.mark.parametrize("rule", ["percent:nan", "percent:inf:50", "percent:20:nan", None, 25])
def test_rules_that_are_no_numbers(rule: Any) -> None:
    with pytest.raises(ValueError, match="rule is "):
        rule_of(rule)


# Wounds.


def wound(areas: list[float], days: list[float], **more: Any) -> tuple[list[float], list[float], list[str | None]]:
    found = course(areas, days=days, rule="wound", **more)[2].wounds
    assert found is not None
    columns = {name: column.to_pylist() for name, column in found.columns().items()}
    return columns["pct_area_per_week"], columns["reduction_4_weeks"], columns["healing"]


def test_a_wound_that_heals() -> None:
    week, four, healing = wound([100, 80, 40, 0], [0, 14, 28, 42])
    assert week == [
        None,
        pytest.approx(100 * (0.8**0.5 - 1)),
        pytest.approx(100 * (0.5**0.5 - 1)),
        None,
    ]
    assert four == [None, None, pytest.approx(60), pytest.approx(60)]
    assert healing == [None, "healing", "healing", "closed"]


def test_a_wound_that_does_not() -> None:
    week, four, healing = wound([100, 99, 97, 45, 200], [0, 7, 28, 35, 42])
    assert four == [None, None, pytest.approx(3), pytest.approx(3), pytest.approx(3)]
    # Below half after four weeks; then more than half is gone, and it heals; then it is worse.
    assert healing == [None, "slow", "below_half", "healing", "worse"]
    assert week[1] == pytest.approx(-1)


def test_four_weeks_are_the_nearest_visit_scaled_to_28_days() -> None:
    # 0.6 of the area after 24 days is 0.6^(28/24) after 28; day 33 is farther away.
    assert wound([100, 60, 50], [0, 24, 33])[1][1:] == [pytest.approx(100 * (1 - 0.6 ** (28 / 24)))] * 2
    assert wound([100, 60, 50], [0, 22, 29])[1] == [None, None, pytest.approx(100 * (1 - 0.5 ** (28 / 29)))]
    # As near: the earlier. Too early and too late: none.
    assert wound([100, 60, 50], [0, 27, 29])[1][2] == pytest.approx(100 * (1 - 0.6 ** (28 / 27)))
    assert wound([100, 60, 50], [0, 20, 36])[1] == [None] * 3
    assert wound([100, 60, 50], [0, 21, 36])[1][1] is not None
    # Closed on day 30.
    assert wound([100, 60, 0, 0], [0, 10, 30, 40])[1] == [None, None, 100, 100]
    # Nobody looked on day 28.
    assert wound([100, 60, 0], [0, 10, 28], imaged="xx.")[1] == [None] * 3


def test_wounds_without_days_or_areas_say_nothing() -> None:
    week, four, healing = wound([100, 50, 10], [NAN, NAN, NAN])
    assert (week, four, healing) == ([None] * 3, [None] * 3, [None] * 3)
    week, four, healing = wound([100, 300], [NAN, NAN])
    assert (week, healing) == ([None] * 2, [None, "worse"])
    assert wound([100, 50], [0, 0])[0] == [None, None]
    assert course([100, 50])[2].wounds is None
    assert len(HEALING) == 5


# Completion.


def test_visits_of_a_patient_are_those_of_all_sites() -> None:
    group = np.array([0, 0, 1, 1, 2])
    visit = np.array([0, 2, 1, 1, 0])
    yes = np.ones(5, dtype=bool)
    patient = np.array([0, 0, 0, 0, 1])
    slots = slots_of(group, visit, yes, np.array([True, True, False, True, True]), patient=patient)
    assert slots.group.tolist() == [0, 0, 0, 1, 1, 1, 2]
    assert slots.visit.tolist() == [0, 1, 2, 0, 1, 2, 0]
    # Of two pages of one visit that which was annotated.
    assert slots.page.tolist() == [0, -1, 1, -1, 3, -1, 4]
    assert slots.imaged.tolist() == [True, False, True, False, True, False, True]
    assert slots.annotated.tolist() == slots.imaged.tolist()
    assert slots.looked_before.tolist() == [False, True, True, False, False, True, False]
    rows = complete(np.array([0]), np.array([0]), np.array([0]), slots)
    found = geo_statuses(StatusRows(rows, slots, np.array([1, 0, 0]), *(np.full(3, NAN) for _ in range(5))))
    assert found.text.to_pylist() == ["baseline", "not_imaged", "resolved"]
    assert found.reason_text.to_pylist() == [None, "no_page", None]


def test_what_cannot_be_completed_is_refused() -> None:
    yes = np.ones(2, dtype=bool)
    slots = slots_of(np.zeros(2, dtype=np.int64), np.arange(2), yes, yes)
    group = np.zeros(1, dtype=np.int64)
    with pytest.raises(ValueError, match="twice on one visit"):
        complete(np.array([0, 0]), np.array([1, 1]), group, slots)
    with pytest.raises(ValueError, match="do not have"):
        complete(np.array([0]), np.array([2]), group, slots)


def test_nothing_at_all() -> None:
    none = np.zeros(0, dtype=np.int64)
    slots = slots_of(none, none, none.astype(bool), none.astype(bool), patient=none)
    rows = complete(none, none, none, slots)
    floats = none.astype(np.float64)
    for rule in ("mdc", "percent:3", "wound"):
        found = geo_statuses(StatusRows(rows, slots, none, floats, floats, floats, floats, floats), rule=rule)
        assert len(found.text) == len(found.reason_text) == 0


def random_rows(seed: int) -> tuple[Completed, Slots, StatusRows, dict[tuple[int, int], tuple[bool, bool]]]:
    rng = np.random.default_rng(seed)
    pages = [(g, v) for g in range(12) for v in range(rng.integers(1, 7)) if rng.random() < 0.9]
    pages = [pages[at] for at in rng.permutation(len(pages))]
    group, visit = (np.array(one) for one in zip(*pages, strict=True))
    imaged, annotated = rng.random((2, len(pages))) < 0.8
    slots = slots_of(group, visit, imaged, annotated)
    known = {page: (bool(i), bool(a)) for page, i, a in zip(pages, imaged, annotated, strict=True)}
    groups = rng.integers(0, 12, 40)
    seen = [(track, v) for track in range(40) for g, v in pages if g == groups[track] and rng.random() < 0.6]
    track, when = (np.array(one) for one in zip(*(seen[at] for at in rng.permutation(len(seen))), strict=True))
    rows = complete(track, when, groups, slots)
    count = len(rows.track)
    present = rows.source >= 0
    given = StatusRows(
        rows,
        slots,
        np.where(present, rng.integers(1, 4, count), 0),
        np.where(present & (rng.random(count) < 0.9), rng.normal(0, 0.4, count), NAN),
        np.full(count, 0.2),
        rng.uniform(0, 50, count),
        np.zeros(count),
        np.zeros(count),
    )
    assert {(t, v) for t, v, s in zip(rows.track, rows.visit, rows.source, strict=True) if s >= 0} == set(seen)
    assert all(
        (track[s], when[s]) == (t, v) for t, v, s in zip(rows.track, rows.visit, rows.source, strict=True) if s >= 0
    )
    places = {(int(groups[t]), int(v)) for t, v in zip(rows.track, rows.visit, strict=True)}
    assert places <= set(pages)
    for number in set(track.tolist()):
        own = sorted(v for g, v in pages if g == groups[number] and v >= min(when[track == number]))
        assert rows.visit[rows.track == number].tolist() == own
    return (
        rows,
        slots,
        given,
        {(int(t), int(v)): known[int(groups[t]), int(v)] for t, v in zip(rows.track, rows.visit, strict=True)}
        | {(-1 - int(g), int(v)): k for (g, v), k in known.items()},
    )


def slow(given: StatusRows, known: dict[tuple[int, int], tuple[bool, bool]], group: Any) -> list[str | None]:
    """The rules in words, one row after the other."""
    rows, said = given.rows, []
    last: dict[int, int] = {}
    for at in range(len(rows.track)):
        track, visit = int(rows.track[at]), int(rows.visit[at])
        imaged, annotated = known[track, visit]
        if rows.source[at] < 0:
            said.append("resolved" if imaged and annotated else "not_imaged")
            continue
        if track not in last:
            looked = any(all(known[g, v]) for g, v in known if g == -1 - group[at] and v < visit)
            said.append("new" if looked else "baseline")
        elif given.n_parts[at] > 1 and given.n_parts[at] > given.n_parts[last[track]]:
            said.append("split")
        elif math.isnan(given.log_ratio[at]):
            said.append(None)
        else:
            ratio = given.log_ratio[at]
            said.append("enlarged" if ratio > 0.2 else "shrunk" if ratio < -0.2 else "stable")
        last[track] = at
    return said


@pytest.mark.parametrize("seed", range(8))
def test_a_slow_calculation_says_the_same(seed: int) -> None:
    rows, slots, given, known = random_rows(seed)
    found = geo_statuses(given)
    assert found.text.to_pylist() == slow(given, known, slots.group[rows.slot])
    assert {*found.code.tolist()} <= {-1, *range(len(STATUSES))}
    assert (found.reason < len(REASONS)).all()
