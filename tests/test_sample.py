"""Samples for audits: the same for the same seed, spread evenly, and honest about what they can show."""

from __future__ import annotations

import json
import math
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lesiongeo as lg
from lesiongeo.routing import audit_result, read_roles, read_verdicts
from test_agreement_rules import annotation, box, task

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "dermatology.json"
#: Tasks that seed 7 draws at a rate of 0.2 from 1 to 20 of annotator 3 and from 21 to 40 of annotator 7.
PUBLISHED = [4, 14, 16, 17, 22, 24, 25, 29]
ROLES = {"1": "senior", "2": "new", "3": "new"}


def example() -> lg.Export:
    return lg.read_label_studio(EXAMPLE)


def export_of(tasks: dict[str, int], **more: Any) -> lg.Export:
    """Each person with so many annotations, all on tasks of their own."""
    made, number = [], 0
    for who, count in tasks.items():
        for _ in range(count):
            number += 1
            made.append(task([annotation(number, who, [], **more)], task_id=number))
    return lg.read_label_studio(json.dumps(made).encode())


def places(sample: lg.Sample) -> set[tuple[int, str]]:
    return set(zip(sample.rows["task_id"].to_pylist(), sample.rows["annotator"].to_pylist(), strict=True))


# how many


@pytest.mark.parametrize(
    ("rate", "n", "expected"),
    [
        (0.2, 10, 2),
        (0.2, 11, 3),
        (0.07, 100, 7),  # 0.07 * 100 is 7.000000000000001
        (0.1, 30, 3),
        ("0.3", 10, 3),
        ("1/3", 9, 3),
        (1, 8, 8),
        (1.0, 8, 8),
        (0, 8, 0),
        (0.001, 3, 1),
    ],
)
def test_a_rate_is_what_is_written_rounded_up(rate: Any, n: int, expected: int) -> None:
    sample = lg.audit_sample(export_of({"5": n}), {"5": rate})
    assert sample.rows.num_rows == expected
    (row,) = sample.summary.to_pylist()
    assert (row["annotator"], row["n"], row["n_sampled"]) == ("5", n, expected)


def test_rates_by_role_annotator_and_for_everybody() -> None:
    """The own rate goes before that of the role, and that before everybody's."""
    export = export_of({"1": 10, "2": 10, "3": 10, "4": 10})
    sample = lg.audit_sample(export, {"new": 0.5, "2": 1.0, "*": 0.1}, roles={"2": "new", "3": "new", "9": "new"})
    counts = {row["annotator"]: (row["role"], row["rate"], row["n_sampled"]) for row in sample.summary.to_pylist()}
    assert counts == {
        "1": (None, 0.1, 1),
        "2": ("new", 1.0, 10),
        "3": ("new", 0.5, 5),
        "4": (None, 0.1, 1),
        None: ("new", None, 15),
    }
    assert sample.absent == ("9",)


def test_who_has_no_rate_is_listed_and_not_sampled() -> None:
    sample = lg.audit_sample(example(), {"new": 1.0}, roles={"2": "new"})
    rows = {row["annotator"]: row for row in sample.summary.to_pylist() if row["annotator"]}
    assert set(rows) == {"1", "2", "3"}
    assert (rows["1"]["rate"], rows["1"]["n_sampled"], rows["1"]["none_high"]) == (None, 0, None)
    assert set(sample.rows["annotator"].to_pylist()) == {"2"}
    assert set(sample.rows["role"].to_pylist()) == {"new"}


def test_only_annotations_that_count() -> None:
    """Of several of a task the newest, none that was cancelled, no prediction."""
    result = [box("a", (0, 50), (0, 50))]
    tasks = [
        task(
            [
                annotation(1, "1", result, updated_at="2026-01-01T00:00:00Z"),
                annotation(2, "1", result, updated_at="2026-02-01T00:00:00Z"),
            ],
            task_id=1,
        ),
        task([annotation(3, "1", result, was_cancelled=True)], task_id=2),
        task([annotation(4, "2", [], was_cancelled=True)], task_id=3),
    ]
    sample = lg.audit_sample(lg.read_label_studio(json.dumps(tasks).encode()), {"*": 1.0})
    (row,) = sample.rows.to_pylist()
    assert (row["task_id"], row["annotation_id"], row["annotator"], row["n_regions"]) == (1, 2, "1", 1)
    assert [row["annotator"] for row in sample.summary.to_pylist()] == ["1"]
    with pytest.raises(ValueError, match="neither a role nor an annotator"):
        lg.audit_sample(lg.read_label_studio(json.dumps(tasks).encode()), {"2": 1.0})


def test_an_export_without_annotations() -> None:
    sample = lg.audit_sample(lg.read_label_studio(b"[]"), {"*": 0.5})
    assert (sample.rows.num_rows, sample.summary.num_rows) == (0, 0)
    assert sample.rows.column_names == lg.audit_sample(example(), {"*": 0.5}).rows.column_names


# which


def test_the_same_seed_gives_the_same_sample() -> None:
    tasks = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    shuffled = lg.read_label_studio(json.dumps(tasks[::-1]).encode())
    first, second = (lg.audit_sample(one, {"*": 0.3}, seed=7) for one in (example(), shuffled))
    assert first.rows.equals(second.rows)
    assert first.summary.equals(second.summary)
    assert places(lg.audit_sample(example(), {"*": 0.3}, seed=8)) != places(first)


def test_published_samples_do_not_change() -> None:
    """A sample that is drawn again next year is the same: the hash is part of the contract."""
    sample = lg.audit_sample(export_of({"3": 20, "7": 20}), {"3": 0.2, "7": 0.2}, seed=7)
    assert sample.rows["task_id"].to_pylist() == PUBLISHED


def test_further_tasks_do_not_reshuffle_the_rest() -> None:
    """Of 40 new tasks among 200, at most as many old ones fall out as new ones come in."""
    tasks = [task([annotation(number, "1", [])], task_id=number) for number in range(1, 241)]
    few, many = (lg.read_label_studio(json.dumps(some).encode()) for some in (tasks[:200], tasks))
    before, after = (places(lg.audit_sample(one, {"1": 0.25}, seed=3)) for one in (few, many))
    assert (len(before), len(after)) == (50, 60)
    new = {place for place in after if place[0] > 200}
    assert len(before - after) == max(0, len(new) - 10)
    assert 2 <= len(new) <= 20


def test_people_and_seeds_draw_for_themselves() -> None:
    """Two people on the same tasks, and one person with two seeds: overlaps as of independent draws."""
    tasks = [task([annotation(2 * n, "1", []), annotation(2 * n + 1, "2", [])], task_id=n) for n in range(1, 1001)]
    export = lg.read_label_studio(json.dumps(tasks).encode())
    sample = places(lg.audit_sample(export, {"*": 0.2}, seed=1))
    one, two = ({number for number, who in sample if who == name} for name in "12")
    assert len(one) == len(two) == 200
    again = {number for number, who in places(lg.audit_sample(export, {"*": 0.2}, seed=2)) if who == "1"}
    # 40 of 1000 are expected in both, with a standard deviation of 5.1 (hypergeometric).
    for other in (two, again):
        assert abs(len(one & other) - 40) < 5 * 5.1


def test_every_annotation_is_as_likely() -> None:
    """Over 1,000 seeds each of 10 tasks is drawn about 300 times for a rate of 0.3."""
    export = export_of({"4": 10})
    times: Counter[int] = Counter()
    for seed in range(1000):
        times.update(lg.audit_sample(export, {"4": 0.3}, seed=seed).rows["task_id"].to_pylist())
    # Binomial: standard deviation 14.5.
    assert all(abs(times[number] - 300) < 5 * 14.5 for number in range(1, 11))


# strata


def test_weeks_get_their_share() -> None:
    """30 annotations in one week and 10 in the next; of a quarter, 10, they get 7.5 and 2.5: 8 and 2 or 7 and 3."""
    days = ["2026-09-07"] * 15 + ["2026-09-13"] * 15 + ["2026-09-14"] * 10
    made = [
        task([annotation(n, "1", [], created_at=f"{day}T23:00:00Z")], task_id=n) for n, day in enumerate(days, start=1)
    ]
    sample = lg.audit_sample(lg.read_label_studio(json.dumps(made).encode()), {"1": 0.25}, stratify=["week"])
    counts = Counter(sample.rows["stratum"].to_pylist())
    assert set(counts) == {"week 2026-09-07", "week 2026-09-14"}
    assert counts["week 2026-09-07"] in (7, 8)
    assert sum(counts.values()) == 10


def test_strata_of_label_and_week() -> None:
    def drawn(*labels: str) -> list[Any]:
        return [box(f"r{n}", (n * 10, n * 10 + 5), (0, 50), (label,)) for n, label in enumerate(labels)]

    moments = {"created_at": "2026-09-16T00:00:00Z"}
    results = [drawn("other", "nevus", "nevus"), drawn("other", "nevus"), drawn("melanoma"), []]
    made = [task([annotation(n, "1", result, **moments)], task_id=n) for n, result in enumerate(results, start=1)]
    made.append(task([annotation(9, "1", drawn("other"), created_at=None, updated_at=None)], task_id=9))
    export = lg.read_label_studio(json.dumps(made).encode())
    sample = lg.audit_sample(export, {"1": 1.0}, stratify=["week", "label"])
    assert sample.rows["stratum"].to_pylist() == [
        "label nevus, week 2026-09-14",
        "label nevus, week 2026-09-14",
        "label melanoma, week 2026-09-14",
        "no label, week 2026-09-14",
        "label other, no date",
    ]
    assert lg.audit_sample(export, {"1": 1.0}).rows["stratum"].null_count == 5


@pytest.mark.parametrize("seed", range(20))
def test_strata_differ_from_their_share_by_less_than_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    days = rng.integers(1, 28, 60).tolist()
    made = [
        task([annotation(n, "1", [], created_at=f"2026-09-{day:02d}T12:00:00Z")], task_id=n)
        for n, day in enumerate(days, start=1)
    ]
    export = lg.read_label_studio(json.dumps(made).encode())
    rate = round(float(rng.random()), 2)
    sample = lg.audit_sample(export, {"1": rate}, stratify=["week"], seed=seed)
    whole = Counter(lg.audit_sample(export, {"1": 1}, stratify=["week"]).rows["stratum"].to_pylist())
    drawn = Counter(sample.rows["stratum"].to_pylist())
    assert sum(drawn.values()) == math.ceil(Fraction(str(rate)) * 60)
    for name, count in whole.items():
        assert abs(drawn[name] - rate * count) < 1 + 1e-9


# what it shows


@pytest.mark.parametrize(
    ("errors", "n", "low", "high"), [(0, 10, 0.0, 28.0), (2, 50, 1.1, 13.5), (20, 500, 2.6, 6.1), (0, 200, 0.0, 1.9)]
)
def test_published_intervals(errors: int, n: int, low: float, high: float) -> None:
    """Wilson's intervals as audits state them, in percent to the printed digit."""
    sample = lg.audit_sample(export_of({"1": n}), {"1": 1.0})
    verdicts = {(number, "1"): number <= errors for number in range(1, n + 1)}
    (row,) = audit_result(sample, verdicts).table.to_pylist()
    assert (row["n_sampled"], row["n_audited"], row["n_errors"], row["reason"]) == (n, n, errors, None)
    digits = 0 if high == 28.0 else 1
    assert (round(100 * row["low"], digits), round(100 * row["high"], digits)) == (low, high)
    if errors == 0:
        assert sample.summary["none_high"][0].as_py() == row["high"]


def test_what_a_sample_can_show_by_the_formula() -> None:
    """Wilson's score interval is where (p - x)² n = z² x (1 - x)."""
    sample = lg.audit_sample(export_of({"1": 40}), {"1": 1.0}, confidence=0.9)
    (row,) = sample.summary.to_pylist()
    z = 1.6448536269514722
    for share, ends in (
        (0.02, ("at_2_percent_low", "at_2_percent_high")),
        (0.05, ("at_5_percent_low", "at_5_percent_high")),
    ):
        for name in ends:
            x = row[name]
            assert (share - x) ** 2 * 40 == pytest.approx(z * z * x * (1 - x), rel=1e-12)
        assert row[ends[0]] < share < row[ends[1]]
    assert row["none_high"] ** 2 * 40 == pytest.approx(z * z * row["none_high"] * (1 - row["none_high"]))


def test_what_was_not_audited_says_nothing() -> None:
    """Verdicts outside of the sample do not count; people without any have no rate; roles add up."""
    export = export_of({"1": 20, "2": 20, "3": 20})
    sample = lg.audit_sample(export, {"new": 0.5, "senior": 0.1}, roles=ROLES)
    own = sorted(number for number, who in places(sample) if who == "2")
    outside = next(number for number in range(21, 41) if number not in own)
    verdicts = {(own[0], "2"): True, (own[1], "2"): False, (outside, "2"): True, (1, "nobody"): True}
    found = audit_result(sample, verdicts)
    assert (found.n_open, found.n_outside) == (20 + 2 - 2, 2)
    rows = {(row["annotator"], row["role"]): row for row in found.table.to_pylist()}
    assert rows["2", "new"]["error_rate"] == 0.5
    assert (rows[None, "new"]["n_sampled"], rows[None, "new"]["n_audited"], rows[None, "new"]["n_errors"]) == (20, 2, 1)
    for key in (("1", "senior"), ("3", "new"), (None, "senior")):
        assert (rows[key]["error_rate"], rows[key]["low"], rows[key]["reason"]) == (None, None, "not_audited")


# wrong usage


@pytest.mark.parametrize(
    ("rates", "options", "message"),
    [
        ({}, {}, "no rate is given"),
        ({"new": 0.5}, {}, "'new', who is neither a role nor an annotator; roles are none, annotators 1, 2, 3"),
        ({"old": 0.5}, {"roles": ROLES}, "roles are new, senior, annotators 1, 2, 3"),
        ({"1": 1.5}, {}, "the rate of 1 is 1.5; it lies between 0 and 1"),
        ({"1": -0.1}, {}, "lies between"),
        ({"1": "many"}, {}, "is a number from 0 to 1"),
        ({"1": float("nan")}, {}, "is a number from 0 to 1"),
        ({"1": True}, {}, "is a number from 0 to 1"),
        ({"1": "1/0"}, {}, "is a number from 0 to 1"),
        ({"1": 0.5}, {"roles": {"2": "1"}}, "1 is a role and an annotator"),
        ({"1": 0.5}, {"seed": -1}, "seed is -1"),
        ({"1": 0.5}, {"seed": 1.5}, "seed is 1.5"),
        ({"1": 0.5}, {"stratify": ["month"]}, "stratify names 'month'; there are label and week"),
        ({"1": 0.5}, {"confidence": 1.0}, "confidence is 1.0"),
    ],
)
def test_what_is_wrong_is_said(rates: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r"rate|seed|stratify|confidence|role") as caught:
        lg.audit_sample(example(), rates, **options)
    assert message in str(caught.value)


# files


def test_roles_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "roles.csv"
    path.write_bytes("\ufeffAnnotator;name;role\r\n1;A;senior\r\n\r\n2;B;new\r\n2;B;new\r\n'-3;C;new\r\n".encode())
    assert read_roles(path) == {"1": "senior", "2": "new", "-3": "new"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("annotator,team\n1,a\n", "it has no column role"),
        ("", "it has no column annotator and no column role"),
        ("annotator,role\n1,\n", "line 2: annotator or role is empty"),
        ("annotator,role\n1,a\n2,b\n1,b\n", "line 4: 1 has the role b, and a before"),
        (b"annotator,role\n1,\xff\n", "not UTF-8"),
        ('annotator,role\n1,"' + "a" * 200_000, "no CSV"),
    ],
)
def test_odd_files_of_roles(text: str | bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "roles.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(lg.ExportError, match=r"^roles.csv") as caught:
        read_roles(path)
    assert message in str(caught.value)


def test_verdicts_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "audit.csv"
    path.write_text("task_id,annotator,error\n1,5,0\n2,5,TRUE\n3,5,\n4,5,no\n4,5,No\n5,5,yes\n", encoding="utf-8")
    assert read_verdicts(path) == {(1, "5"): False, (2, "5"): True, (4, "5"): False, (5, "5"): True}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task_id,annotator\n1,5\n", "it has no column error"),
        ("task_id,annotator,error\n1,5,perhaps\n", "line 2: error is 'perhaps'"),
        ("task_id,annotator,error\nx,5,1\n", "line 2: task_id is 'x'"),
        ("task_id,annotator,error\n1,5,1\n1,5,0\n", "line 3: task 1 of 5 has another verdict before"),
    ],
)
def test_odd_files_of_verdicts(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "audit.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(lg.ExportError, match=r"^audit.csv") as caught:
        read_verdicts(path)
    assert message in str(caught.value)
