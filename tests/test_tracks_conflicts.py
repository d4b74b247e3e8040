"""Ticks against measurements: every combination, the sentences, and who said it."""

import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import lesiongeo as lg
from lesiongeo.tracks.statuses.conflicts import CONFLICT_SCHEMA, KINDS, Conflicts, conflict_table
from lesiongeo.tracks.statuses.status import REASONS, STATUSES, Rule, Statuses
from lesiongeo.tracks.statuses.ticks import Ticks, human_statuses, ticks_of, word_findings
from lesiongeo.tracks.statuses.vocabulary import Vocabulary, read_vocabulary


def ticks(said: list[tuple[int, str, str | None]]) -> Ticks:
    """Row, annotator, answer of each region."""
    given = [one for one in said if one[2] is not None]
    names = sorted({one[1] for one in given})
    answer = pa.array([one[2] for one in given], pa.string())
    row = np.array([one[0] for one in given], dtype=np.int64)
    who = np.array([names.index(one[1]) for one in given], dtype=np.int64)
    return Ticks(row, who, names, answer, Vocabulary().codes(answer))


def one_row(
    status: str | None,
    percent: float | None = None,
    *,
    first: bool | None = None,
    percent_first: float | None = None,
    reason: str | None = None,
    mdc95: float | None = 25.0,
    rule: Rule = Rule("mdc"),  # noqa: B008 - it cannot be changed
    unit: str = "mm",
    days: float | None = 91.0,
) -> tuple[pa.Table, Statuses]:
    """A lesion of 100 mm2 on visit 0, and what is said of it on visit 1; `first`: only there is it seen."""
    first = status in ("baseline", "new") if first is None else first
    now = 100 * (1 + (percent or 0) / 100)
    noise = math.nan if mdc95 is None else math.log1p(mdc95 / 100)
    ratio = math.nan if percent is None else math.log(now / 100)
    ratio_first = math.nan if percent_first is None else math.log1p(percent_first / 100)
    up, down = (math.log1p(rule.up / 100), math.log1p(-rule.down / 100)) if rule.kind == "percent" else (noise, -noise)
    change = -2 if math.isnan(ratio) or math.isnan(up) else int(ratio > up) - int(ratio < down)
    table = pa.table(
        {
            "patient": ["P1", "P1"],
            "track_id": ["3", "3"],
            "visit": pa.array([0, 1], pa.int32()),
            "task_id": [7, 7],
            "unit": [unit, unit],
            "area_mm2": [100.0, now] if unit == "mm" else pa.nulls(2, pa.float64()),
            "area_px2": [40000.0, 400 * now],
            "pct_area": pa.array([None, percent], pa.float64()),
            "mdc95": pa.array([mdc95, mdc95], pa.float64()),
            "significant": pa.array([None, None if percent is None else abs(ratio) > noise]),
            "pct_area_first": pa.array([None, percent_first], pa.float64()),
            "significant_first": pa.array([None, None if percent_first is None else abs(ratio_first) > noise]),
            "days": pa.array([None, days], pa.float64()),
        }
    )
    said = Statuses(
        code=np.array([0, -1 if status is None else STATUSES.index(status)]),
        reason=np.array([-1, -1 if reason is None else REASONS.index(reason)]),
        change=np.array([-2, change]),
        previous=np.array([-1, -1 if first else 0]),
        partner=np.array([-1, -1]),
        wounds=None,
        rule=rule,
    )
    return table, said


def conflict(ticked: str, *given: Any, **more: Any) -> tuple[str | None, int | None]:
    table, said = one_row(*given, **more)
    found = conflict_table(table, ticks([(1, "2", ticked)]), said)
    assert found.table.schema == CONFLICT_SCHEMA
    assert found.rows.tolist() == [False, found.table.num_rows == 1]
    if not found.table.num_rows:
        return None, None
    row = found.table.to_pylist()[0]
    assert (row["ticked"], row["annotators"], row["n_annotators_said"]) == (ticked, ["2"], 1)
    assert row["message"].startswith(f'Annotator 2 ticked "{ticked}", but ')
    assert row["message"].endswith(".")
    assert "nan" not in row["message"]
    assert "None" not in row["message"]
    return row["kind"], row["severity"]


NOTHING = (None, None)
#: Measured: status and percent; then what each tick is: new, stable, enlarged, shrunk, resolved.
MATRIX: list[tuple[tuple[str | None, float | None], list[tuple[str | None, int | None]]]] = [
    (("baseline", None), [NOTHING, NOTHING, NOTHING, NOTHING, ("resolved_but_drawn", 3)]),
    (("new", None), [NOTHING, *[("not_seen_before", 3)] * 3, ("resolved_but_drawn", 3)]),
    (
        ("stable", 10.0),
        [("seen_before", 3), NOTHING, *[("change_not_measured", 4)] * 2, ("resolved_but_drawn", 3)],
    ),
    (
        ("enlarged", 60.0),
        [
            ("seen_before", 3),
            ("change_not_ticked", 2),
            NOTHING,
            ("opposite_direction", 1),
            ("resolved_but_drawn", 1),
        ],
    ),
    (
        ("shrunk", -60.0),
        [("seen_before", 3), ("change_not_ticked", 3), ("opposite_direction", 1), NOTHING, NOTHING],
    ),
    # Parts are judged by their area, all together.
    (
        ("split", 60.0),
        [
            ("seen_before", 3),
            ("change_not_ticked", 2),
            NOTHING,
            ("opposite_direction", 1),
            ("resolved_but_drawn", 1),
        ],
    ),
    (
        ("split", -10.0),
        [("seen_before", 3), NOTHING, *[("change_not_measured", 4)] * 2, ("resolved_but_drawn", 3)],
    ),
    # Nothing can be measured: that it was drawn before is known all the same.
    ((None, None), [("seen_before", 3), NOTHING, NOTHING, NOTHING, NOTHING]),
]


@pytest.mark.parametrize(("measured", "expected"), MATRIX)
def test_every_tick_against_every_measurement(
    measured: tuple[str | None, float | None], expected: list[tuple[str | None, int | None]]
) -> None:
    ticked = ("new", "stable", "enlarged", "shrunk", "resolved")
    assert [conflict(word, *measured) for word in ticked] == expected
    kind, severity = conflict("baseline", *measured)
    assert (kind, severity) == (NOTHING if measured[0] in ("baseline", "new") else ("seen_before", 3))
    assert conflict("not_imaged", *measured) == ("not_imaged_but_drawn", 4)
    assert conflict("split", *measured) == conflict("merged", *measured) == NOTHING


def test_all_kinds_are_reached() -> None:
    assert {kind for _, row in MATRIX for kind, _ in row if kind} == {*KINDS} - {"not_imaged_but_drawn"}


def test_a_faint_remainder_that_stays_is_resolved() -> None:
    # It shrank on the visit before already, and did not since.
    assert conflict("resolved", "stable", -5.0, percent_first=-80.0) == NOTHING
    assert conflict("resolved", "stable", -5.0, percent_first=-10.0) == ("resolved_but_drawn", 3)
    assert conflict("resolved", "enlarged", 40.0, percent_first=-80.0) == NOTHING


def test_growth_that_is_the_taking_in_of_another_lesion() -> None:
    merged = {"reason": "merged_with"}
    assert conflict("stable", "enlarged", 60.0, **merged) == NOTHING
    assert conflict("enlarged", "stable", 10.0, **merged) == NOTHING
    assert conflict("shrunk", "enlarged", 60.0, **merged) == ("opposite_direction", 1)
    assert conflict("new", "enlarged", 60.0, **merged) == ("seen_before", 3)


def test_new_again() -> None:
    assert conflict("new", "stable", 3.0, reason="seen_again") == NOTHING
    assert conflict("baseline", "stable", 3.0, reason="seen_again") == ("seen_before", 3)


def test_a_change_beyond_the_noise_may_be_ticked_whatever_the_rule() -> None:
    rule = Rule("percent", 50, 50)
    assert conflict("enlarged", "stable", 40.0, rule=rule) == NOTHING
    assert conflict("shrunk", "stable", -40.0, rule=rule) == NOTHING
    assert conflict("enlarged", "stable", 10.0, rule=rule) == ("change_not_measured", 4)
    # What the rule calls a change is one, also within the noise: the sentence says both.
    table, said = one_row("enlarged", 30.0, mdc95=40.0, rule=Rule("percent", 25, 25))
    (row,) = conflict_table(table, ticks([(1, "2", "stable")]), said).table.to_pylist()
    assert row["kind"] == "change_not_ticked"
    assert "the rule asks for more than +25 %; the annotators' noise explains up to +40.0 %." in row["message"]


def test_slow_growth_may_be_ticked() -> None:
    """10 % since the visit before is within the noise, 30 % since the first one is not."""
    assert conflict("enlarged", "stable", 10.0, percent_first=30.0) == NOTHING
    assert conflict("shrunk", "stable", -10.0, percent_first=-30.0) == NOTHING
    assert conflict("shrunk", "stable", 10.0, percent_first=30.0) == ("change_not_measured", 4)
    assert conflict("enlarged", "stable", 10.0, percent_first=20.0) == ("change_not_measured", 4)
    assert conflict("shrunk", "enlarged", 30.0, percent_first=-40.0) == ("opposite_direction", 1)


def messages(found: Conflicts) -> list[str]:
    texts: list[str] = found.table["message"].to_pylist()
    return texts


def test_sentences() -> None:
    def said(answer: str, *given: Any, **more: Any) -> str:
        (text,) = messages(conflict_table(*_order(one_row(*given, **more), ticks([(1, "2", answer)]))))
        return text

    assert said("Unchanged", "enlarged", 60.0) == (
        'Annotator 2 ticked "Unchanged" (stable), but from visit 0 to visit 1 (91 days) its area grew from 100 to '
        "160 mm2 (+60.0 %); the annotators' noise explains only up to +25.0 %."
    )
    # 25 % larger is as far from the same as 20 % smaller.
    assert said("enlarged", "shrunk", -60.0, unit="px", days=None) == (
        'Annotator 2 ticked "enlarged", but from visit 0 to visit 1 its area fell from 40000 to 16000 px2 (-60.0 %); '
        "the annotators' noise explains only down to -20.0 %."
    )
    assert said("regressed", "stable", 0.0) == (
        'Annotator 2 ticked "regressed" (shrunk), but from visit 0 to visit 1 (91 days) its area went from 100 to '
        "100 mm2 (+0.0 %); the annotators' noise explains up to +25.0 %."
    )
    assert said("new", "stable", 3.0) == (
        'Annotator 2 ticked "new", but it was drawn on visit 0 already; from visit 0 to visit 1 (91 days) its area '
        "grew from 100 to 103 mm2 (+3.0 %)."
    )
    assert said("new", None) == 'Annotator 2 ticked "new", but it was drawn on visit 0 already.'
    assert said("stable", "new") == (
        'Annotator 2 ticked "stable", but it was drawn for the first time on visit 1 with an area of 100 mm2; earlier '
        "visits were annotated without it."
    )
    assert said("gone", "baseline") == (
        'Annotator 2 ticked "gone" (resolved), but it is drawn on visit 1 with an area of 100 mm2.'
    )
    assert said("resolved", "stable", 2.0) == (
        'Annotator 2 ticked "resolved", but it is drawn on visit 1 with an area of 102 mm2; from visit 0 to visit 1 '
        "(91 days) its area grew from 100 to 102 mm2 (+2.0 %); the annotators' noise explains up to +25.0 %."
    )
    assert said("not visible", "stable", 2.0) == (
        'Annotator 2 ticked "not visible" (not imaged), but it is drawn on visit 1 with an area of 102 mm2.'
    )


def _order(row: tuple[pa.Table, Statuses], said: Ticks) -> tuple[pa.Table, Ticks, Statuses]:
    return row[0], said, row[1]


def test_who_said_it() -> None:
    table, said = one_row("enlarged", 60.0)
    given = [
        (1, "1", "stable"),
        (1, "10", "enlarged"),
        (1, "2", "Unchanged"),
        (1, "3", "regressed"),
        (1, "3", "stable"),
        (1, "4", "what"),
        (1, "5", None),
        (0, "1", "stable"),
    ]
    found = conflict_table(table, ticks(given), said)
    rows = found.table.select(["ticked", "annotators", "n_annotators_said", "answer"]).to_pylist()
    assert rows == [
        {"ticked": "shrunk", "annotators": ["3"], "n_annotators_said": 1, "answer": "regressed"},
        {"ticked": "stable", "annotators": ["1", "2", "3"], "n_annotators_said": 3, "answer": "Unchanged, stable"},
    ]
    assert messages(found)[1].startswith('Annotators 1, 2 and 3 ticked "Unchanged, stable" (stable), but ')
    shuffled = conflict_table(table, ticks(given[::-1]), said)
    assert shuffled.table.equals(found.table)


def test_numbers_of_both_sides() -> None:
    table, said = one_row("enlarged", 60.0)
    (row,) = conflict_table(table, ticks([(1, "2", "stable")]), said).table.to_pylist()
    expected = {
        "severity": 2,
        "kind": "change_not_ticked",
        "patient": "P1",
        "site": None,
        "track_id": "3",
        "visit": 1,
        "previous_visit": 0,
        "task_id": 7,
        "page": None,
        "measured": "enlarged",
        "pct_area": 60.0,
        "mdc95": 25.0,
        "area_previous": 100.0,
        "area_now": 160.0,
        "unit": "mm",
        "days": 91.0,
    }
    assert {name: row[name] for name in expected} == expected


def test_the_worst_come_first() -> None:
    parts = [one_row("enlarged", percent) for percent in (30.0, 60.0, -60.0)]
    table = pa.concat_tables([table for table, _ in parts])
    said = Statuses(
        *(np.concatenate([getattr(one, name) for _, one in parts]) for name in ("code", "reason", "change")),
        previous=np.array([-1, 0, -1, 2, -1, 4]),
        partner=np.full(6, -1),
        wounds=None,
        rule=Rule(),
    )
    found = conflict_table(table, ticks([(row, "1", "stable") for row in (1, 3, 5)] + [(5, "2", "enlarged")]), said)
    assert list(zip(found.table["severity"].to_pylist(), found.table["pct_area"].to_pylist(), strict=True)) == [
        (1, pytest.approx(-60)),
        (2, pytest.approx(60)),
        (2, pytest.approx(30)),
        (3, pytest.approx(-60)),
    ]
    assert found.rows.tolist() == [False, True] * 3


def test_nothing_ticked() -> None:
    table, said = one_row("enlarged", 60.0)
    found = conflict_table(table, ticks([]), said)
    assert found.table.equals(CONFLICT_SCHEMA.empty_table())
    assert not found.rows.any()


# What most say.


def test_what_most_say() -> None:
    given = [
        (0, "1", "stable"),
        (0, "2", "Unchanged"),
        (0, "3", "enlarged"),
        (1, "1", "stable"),
        (1, "2", "enlarged"),
        (2, "1", "worse"),
        (2, "2", "worse"),
        (2, "3", "odd"),
        (4, "1", "stable"),
        (4, "1", "enlarged"),
        (4, "2", "enlarged"),
        (5, "1", "gone"),
        (5, "1", "gone"),
        (5, "2", "stable"),
    ]
    found = human_statuses(ticks(given), 6)
    assert [STATUSES[code] if code >= 0 else None for code in found.code] == [
        "stable",
        None,
        None,
        None,
        # Who gives the parts of a lesion different statuses has no vote.
        "enlarged",
        # Nor two votes for giving both the same.
        None,
    ]
    assert found.answer.to_pylist() == ["Unchanged", None, "worse", None, "enlarged", "gone"]
    again = human_statuses(ticks(given[::-1]), 6)
    assert again.code.tolist() == found.code.tolist()
    assert again.answer.equals(found.answer)
    empty = human_statuses(ticks([]), 2)
    assert (empty.code.tolist(), empty.answer.to_pylist()) == ([-1, -1], [None, None])
    assert human_statuses(ticks([]), 0).code.tolist() == []


def test_votes_against_a_plain_count() -> None:
    rng = np.random.default_rng(1)
    words = ["stable", "unchanged", "enlarged", "regressed", "what", "not sure"]
    given = [
        (row, str(who), words[rng.integers(len(words))]) for row in range(200) for who in range(5) if rng.random() < 0.7
    ]
    found = human_statuses(ticks(given), 200)
    vocabulary = Vocabulary()
    for row in range(200):
        codes = [vocabulary.code(word) for at, _, word in given if at == row]
        codes = [code for code in codes if code >= 0]
        most = max((codes.count(code) for code in codes), default=0)
        winners = {code for code in codes if codes.count(code) == most}
        assert found.code[row] == (winners.pop() if len(winners) == 1 else -1)


# From an export.


def export(*answers: tuple[str, Any]) -> lg.Export:
    """One task; per annotator and answer an outline."""
    annotations = []
    for number, (who, answer) in enumerate(answers):
        points = [[10, 10], [30, 10], [30, 30 + number], [10, 30]]
        base = {"id": f"r{number}", "original_width": 100, "original_height": 100, "to_name": "image"}
        result = [
            base
            | {"type": "polygonlabels", "from_name": "label", "value": {"points": points, "polygonlabels": ["nevus"]}}
        ]
        if answer is not None:
            value = {"points": points, "choices": answer}
            result.append(base | {"type": "choices", "from_name": "status", "value": value})
        annotations.append({"id": number + 1, "completed_by": who, "result": result})
    task = {"id": 1, "data": {"image": "a.png"}, "annotations": annotations}
    return lg.read_label_studio(json.dumps([task]).encode())


def test_answers_of_an_export() -> None:
    read = export(("2", ["stable"]), ("10", ["what"]), ("3", None), ("4", ["worse"]), ("5", ["worse"]))
    found = ticks_of(read, Vocabulary(), np.arange(5), np.array([3, 3, 3, 4, -1]))
    assert found.row.tolist() == [3, 3, 4]
    assert [found.names[who] for who in found.annotator] == ["2", "10", "4"]
    assert found.names == ["2", "4", "10"]
    assert found.answer.to_pylist() == ["stable", "what", "worse"]

    findings = word_findings(read, Vocabulary(), np.arange(5)[::-1])
    assert findings.select(["severity", "code", "value", "annotator", "region_id"]).to_pylist() == [
        {"severity": "warning", "code": "status_unknown", "value": "what", "annotator": "10", "region_id": "r1"},
        {"severity": "warning", "code": "status_unknown", "value": "worse", "annotator": "4", "region_id": "r3"},
    ]
    assert "so 2 regions with it cannot be compared" in findings["message"][1].as_py()
    assert '{"answers": {"worse": "enlarged"}}' in findings["message"][1].as_py()
    explained = read_vocabulary({"answers": {"what": None, "Worse": "enlarged"}})
    assert word_findings(read, explained, np.arange(5)).num_rows == 0
    assert ticks_of(read, explained, np.arange(5), np.arange(5)).code.tolist() == [2, -2, 3, 3]


def test_an_export_that_asks_for_no_status() -> None:
    read = export(("1", None))
    assert ticks_of(read, Vocabulary(), np.arange(1), np.zeros(1, dtype=np.int64)).names == []
    assert word_findings(read, Vocabulary(), np.arange(1)).num_rows == 0
