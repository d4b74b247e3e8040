"""Who is named in exports of a simulation that knows nothing of the package: who has a habit, and nobody else."""

from __future__ import annotations

import math
from typing import Any

import pytest

import lesiongeo as lg
from made_habits import Person, simulate

Row = dict[str, Any]

#: The Mondays of the weeks of `made_habits`, from the first on.
FIRST, WEEK_4, WEEK_6 = "2026-03-02", "2026-03-30", "2026-04-13"


def named(people: list[Person], seed: int, **options: Any) -> list[Row]:
    """The table of names."""
    export = lg.read_label_studio(simulate(people, seed=seed, **options))
    rows: list[Row] = lg.habits(export, lg.agreement(export, boundary=False)).named.to_pylist()
    return rows


def crew(*others: Person, size: int = 3) -> list[Person]:
    """Some people with a habit among people without."""
    taken = {person.name: person for person in others}
    return [taken.get(str(k), Person(str(k))) for k in range(1, size + 1)]


def nobody(seed: int) -> list[Row]:
    """Names in an export in which nobody has a habit, of one of several kinds."""
    kind = seed % 8
    shape: Row = {"weeks": (4, 8, 12, 20)[seed % 4], "tasks_a_week": (20, 12, 8, 5)[seed // 4 % 4]}
    match kind:
        case 0 | 1 | 2:
            people = crew(size=3 + kind)
        case 3:  # everybody errs in common on all lesions of a task
            people = [Person(name, task_noise=0.08) for name in "123"]
        case 4:  # people are unequally sure of their hand
            people = [Person("1", size_noise=0.02), Person("2", size_noise=0.05), Person("3", size_noise=0.2)]
        case 5:
            people = [Person(str(k), share=0.5) for k in range(1, 7)]
        case 6:
            people = [Person("1"), Person("2"), Person("3", share=0.1)]
        case _:
            people = crew()
            shape |= {"confuse": 0.25, "miss": 0.2, "extra": 0.3}
    return named(people, 5000 + seed, **shape)


@pytest.mark.parametrize("seed", range(8))
def test_nobody_is_named(seed: int) -> None:
    """Errors alone are no habit, also where they are frequent, in common or unequal."""
    assert nobody(seed) == []


@pytest.mark.slow
def test_nobody_is_named_in_a_hundred() -> None:
    """The chance that anybody is named is 0.01 per export: more than four of a hundred happen once in 300 runs."""
    found = [seed for seed in range(100, 200) if nobody(seed)]
    assert len(found) <= 4, found


@pytest.mark.parametrize(
    ("wider", "since", "monday"), [(0.1, 6, WEEK_6), (0.1, 0, FIRST), (-0.1, 4, WEEK_4), (0.05, 6, WEEK_6)]
)
def test_draws_wider(wider: float, since: int, monday: str) -> None:
    """Who, since when, in which direction and by how much: twice the radius in percent of area, and nothing else."""
    (row,) = named(crew(Person("3", since=since, wider=wider)), 1)
    assert (row["annotator"], row["habit"], row["unit"]) == ("3", "area_bias", "percent")
    assert row["since"] == monday and row["until"] is None
    true = 100 * ((1 + wider) ** 2 - 1)
    assert row["low"] < row["value"] < row["high"]
    assert row["value"] == pytest.approx(true, abs=3.5)
    assert math.copysign(1, row["low"]) == math.copysign(1, row["high"]) == math.copysign(1, wider)


def test_two_against_two() -> None:
    """Where half of the people draw wider there is no telling which half does it, so all of them are told alike."""
    people = crew(Person("1", wider=0.1), Person("2", wider=0.1), size=4)
    rows = [row for row in named(people, 1) if row["habit"] == "area_bias"]
    assert {row["annotator"] for row in rows} in (set(), {"1", "2", "3", "4"})


@pytest.mark.parametrize(
    ("person", "habit", "detail", "value", "monday"),
    [
        (Person("1", loses_small=0.5), "missed_small", None, 0.5, FIRST),
        (Person("1", loses_small=0.6, since=6), "missed_small", None, 0.6, WEEK_6),
        (Person("1", loses=0.2), "missed", None, 0.23, FIRST),
        (Person("2", invents=0.7), "extra", None, 0.18, FIRST),
        (Person("2", swaps=("melanoma", "nevus")), "label_confusion", "melanoma -> nevus", 0.4, FIRST),
        (
            Person("3", flips=("stable", "enlarged"), since=4),
            "status_confusion",
            "lesion_status: stable -> enlarged",
            0.42,
            WEEK_4,
        ),
        (Person("3", slower=4.0), "lead_time", None, 4.0, FIRST),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_other_habits(person: Person, habit: str, detail: str | None, value: float, monday: str) -> None:
    """Named once, by its kind, with the week and an interval that is near the truth."""
    (row,) = named(crew(person), 1)
    assert (row["annotator"], row["habit"], row["detail"]) == (person.name, habit, detail)
    assert row["since"] == monday
    slack = 0.25 * value
    assert row["low"] - slack < value < row["high"] + slack, row


def test_few_vertices() -> None:
    """Named for it; a coarse polygon inside the border is also really smaller."""
    rows = named(crew(Person("3", vertices=0.4)), 1)
    assert {row["annotator"] for row in rows} == {"3"}
    found = {row["habit"]: row["value"] for row in rows}
    assert found["vertex_density"] == pytest.approx(0.4, abs=0.05)
    assert set(found) <= {"vertex_density", "area_bias"} and found.get("area_bias", -1) < 0


def test_two_people_cannot_be_told_apart() -> None:
    """Between two nobody is named, and the table of all says why."""
    export = lg.read_label_studio(simulate([Person("1"), Person("2", wider=0.1)], seed=1))
    found = lg.habits(export, lg.agreement(export, boundary=False))
    assert found.named.num_rows == 0
    reasons = {row["reason"] for row in found.overall.to_pylist() if row["habit"] == "area_bias"}
    assert reasons == {"two_annotators"}


def test_similar_regions_are_the_annotators_own() -> None:
    """The list of the past holds regions of who is named, which are wider than what others drew of the same lesion."""
    export = lg.read_label_studio(simulate(crew(Person("3", since=6, wider=0.1)), seed=3))
    result = lg.agreement(export, boundary=False)
    found = lg.habits(export, result)
    (row,) = found.named.to_pylist()
    table = export.regions.table
    keys = zip(*(table[name].to_pylist() for name in ("task_id", "annotation_id", "region_id")), strict=True)
    place = {key: at for at, key in enumerate(keys)}
    annotators = table["annotator"].to_pylist()
    areas = lg.area(export.regions.polygons)
    weeks = [stamp.date().isoformat() for stamp in table["created_at"].to_pylist()]
    similar = found.similar.to_pylist()
    assert len(similar) >= row["n"] // 2
    late = 0
    for one in similar:
        at = place[one["task_id"], one["annotation_id"], one["region_id"]]
        assert annotators[at] == "3"
        late += weeks[at] >= WEEK_6
        lesion = result.lesion_of_region[at]
        others = [k for k in range(len(areas)) if result.lesion_of_region[k] == lesion and k != at]
        mean = math.exp(math.fsum(math.log(areas[k]) for k in others) / len(others))
        assert areas[at] > mean, one
    assert late > 0.6 * len(similar)
