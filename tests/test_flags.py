"""Rules: what they flag and why, judged row by row by a second evaluation; and what is refused."""

from __future__ import annotations

import functools
import operator
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lesiongeo as lg
from lesiongeo.routing import DEFAULT_FLAG, needs_distances
from lesiongeo.routing.expression import leaves, parse, words
from test_agreement_rules import annotation, box, task
from test_cli import control, save

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "dermatology.json"
#: True, false, or nothing can be said.
Verdict = bool | None
Row = dict[str, Any]

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


@functools.cache
def example() -> lg.Agreement:
    return lg.agreement(lg.read_label_studio(EXAMPLE))


@functools.cache
def rows() -> list[Row]:
    """Pairs with what their page's row of `tasks` says."""
    pages = {
        tuple(row[name] for name in ("task_id", "page", "annotator_a", "annotator_b")): row
        for row in example().tasks.to_pylist()
    }
    keys = ("task_id", "page", "annotator_a", "annotator_b")
    return [{**pages[tuple(row[key] for key in keys)], **row} for row in example().pairs.to_pylist()]


# a second evaluation, with rules made beside their meaning


def both(first: Verdict, second: Verdict) -> Verdict:
    if first is False or second is False:
        return False
    return None if first is None or second is None else True


def denied(verdict: Verdict) -> Verdict:
    return None if verdict is None else not verdict


Rule = tuple[str, Callable[[Row], Verdict]]


def compared(column: str, symbol: str, value: Any) -> Rule:
    def judge(row: Row) -> Verdict:
        return None if row[column] is None else COMPARE[symbol](row[column], value)

    return f"{column} {symbol} {value!r}", judge


def random_leaf(rng: random.Random) -> Rule:
    kind = rng.randrange(5)
    if kind == 0:
        word = rng.choice(["matched", "label_conflict", "near_miss", "missing"])
        return word, lambda row: row["match"] == word
    if kind == 1:
        word = rng.choice(["label_equal", "valid_a", "valid_b", "status_equal"])
        return word, lambda row: row[word]
    if kind == 2:
        words = rng.sample(["nevus", "melanoma", "other", "seborrheic_keratosis"], 2)
        return f"label_a in {tuple(words)!r}", lambda row: None if row["label_a"] is None else row["label_a"] in words
    if kind == 3:
        return (
            "track_id_a <= track_id_b",
            lambda row: (
                None if None in (row["track_id_a"], row["track_id_b"]) else row["track_id_a"] <= row["track_id_b"]
            ),
        )
    column = rng.choice(["dice", "iou", "score", "n_a", "area_ratio", "hd95_px", "page"])
    return compared(column, rng.choice(list(COMPARE)), rng.choice([0, 1, 2, 0.5, 0.9, -1.5, 20]))


def random_rule(rng: random.Random, depth: int) -> Rule:
    if depth == 0 or rng.random() < 0.2:
        return random_leaf(rng)
    kind = rng.randrange(3)
    left = random_rule(rng, depth - 1)
    if kind == 0:
        return f"not ({left[0]})", lambda row: denied(left[1](row))
    right = random_rule(rng, depth - 1)
    if kind == 1:
        return f"({left[0]}) and ({right[0]})", lambda row: both(left[1](row), right[1](row))
    return f"({left[0]}) or ({right[0]})", lambda row: denied(both(denied(left[1](row)), denied(right[1](row))))


@pytest.mark.parametrize("seed", range(60))
def test_rules_mean_what_they_say(seed: int) -> None:
    """Random rules over the example, evaluated row by row with three values."""
    text, judge = random_rule(random.Random(seed), 4)
    flags = lg.flag_pairs(example(), text)
    assert flags.rows.tolist() == [judge(row) is True for row in rows()], text
    # Whoever is flagged has a reason, and only who is flagged.
    assert (flags.hits.any(axis=0) == flags.rows).all()
    assert len(set(flags.reasons)) == len(flags.reasons)


@pytest.mark.parametrize("seed", range(10))
def test_every_reason_is_true_of_its_rows(seed: int) -> None:
    text, _ = random_rule(random.Random(seed), 3)
    flags = lg.flag_pairs(example(), text)
    for reason, hits in zip(flags.reasons, flags.hits, strict=True):
        alone = lg.flag_pairs(example(), reason)
        assert hits.tolist() == (alone.rows & flags.rows).tolist()


def test_the_default_by_hand() -> None:
    """Dice 2/3 of a box and its half is flagged, Dice 0.95 is not; a region alone is."""
    first = [box("a", (0, 50), (0, 50)), box("x", (0, 40), (60, 100))]
    second = [box("b", (0, 50), (0, 25)), box("y", (0, 40), (64, 100)), box("c", (75, 100), (75, 100))]
    result = lg.agreement(read(task([annotation(1, 1, first), annotation(2, 2, second)])))
    flags = lg.flag_pairs(result, DEFAULT_FLAG)
    assert flags.reasons == ("dice < 0.7", "label_conflict", "near_miss", "missing")
    found = {
        (row["region_a"], row["region_b"]): [reason for reason, hit in zip(flags.reasons, hits, strict=True) if hit]
        for row, hits in zip(result.pairs.to_pylist(), flags.hits.T, strict=True)
    }
    assert found == {("a", "b"): ["dice < 0.7"], ("x", "y"): [], (None, "c"): ["missing"]}


def read(*tasks: Any) -> lg.Export:
    import json

    return lg.read_label_studio(json.dumps(list(tasks)).encode())


def test_pages_without_any_region_can_be_flagged() -> None:
    """Neither drew anything: no row of pairs, but a row of tasks."""
    result = lg.agreement(read(task([annotation(1, 1, []), annotation(2, 2, [])])))
    flags = lg.flag_pairs(result, "reason == 'both_empty' or missing")
    assert (flags.rows.tolist(), flags.pages.tolist()) == ([], [True])
    assert flags.page_hits.tolist() == [[True], [False]]
    assert lg.flag_pairs(result, "score < 1").pages.tolist() == [False]
    assert lg.flag_pairs(result, "not matched").pages.tolist() == [False]


def test_a_task_with_one_annotator_is_never_flagged() -> None:
    result = lg.agreement(read(task([annotation(1, 1, [box("a", (0, 50), (0, 50))])])))
    flags = lg.flag_pairs(result, "not (n_a > 99) or not missing")
    assert (flags.rows.tolist(), flags.pages.tolist()) == ([], [False])


def test_an_export_without_tasks() -> None:
    flags = lg.flag_pairs(lg.agreement(read()), DEFAULT_FLAG)
    assert (flags.rows.shape, flags.hits.shape, flags.pages.shape) == ((0,), (4, 0), (0,))


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("dice<0.70", ["dice < 0.7"]),
        ("dice < 7e-1 or  dice<.7", ["dice < 0.7"]),
        ('label_a == "nevus"', ["label_a == 'nevus'"]),
        ("not dice < 0.7", ["dice >= 0.7"]),
        ("not (missing or near_miss)", ["not missing", "not near_miss"]),
        ("0.2 < iou <= 1.0", ["0.2 < iou", "iou <= 1"]),
        ("not label_a in ['x']", ["label_a not in ('x',)"]),
        ("signed_offset_px < -2", ["signed_offset_px < -2"]),
        ("not not label_equal", ["label_equal"]),
        ("dice < 0.7\n or missing", ["dice < 0.7", "missing"]),
    ],
)
def test_reasons_have_one_form(text: str, same: list[str]) -> None:
    assert list(lg.flag_pairs(example(), text).reasons) == same


def test_names_in_backquotes(tmp_path: Path) -> None:
    """Controls can be called anything; backquotes within texts are text."""
    first = [box("a", (0, 50), (0, 50)), control("a", "how sure?", "choices", {"choices": ["`very`"]})]
    second = [box("b", (0, 50), (0, 50)), control("b", "how sure?", "choices", {"choices": ["not"]})]
    export = lg.read_label_studio(save(tmp_path / "x.json", task([annotation(1, 1, first), annotation(2, 2, second)])))
    result = lg.agreement(export)
    flags = lg.flag_pairs(result, "`how sure?_a` == '`very`' and `how sure?_a` != `how sure?_b`")
    assert flags.rows.tolist() == [True]
    assert flags.reasons == ("`how sure?_a` == '`very`'", "`how sure?_a` != `how sure?_b`")
    assert lg.flag_pairs(result, " or ".join(flags.reasons)).rows.tolist() == [True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dise < 0.7", "the rule names dise, which no column is called; perhaps dice?"),
        ("zzzzzz < 0.7", "which no column is called. There are matched, label_conflict"),
        ("dice", "the rule has dice alone, which is a number"),
        ("label_a", "the rule has label_a alone, which is a text"),
        ("annotator_a == 3", "the column is a text, the value a number; write it in quotes"),
        ("dice < 'x'", "the column is a number, the value a text; write a number, without quotes"),
        ("valid_a == 1", "the column is true or false, the value a number; use the column alone, or with not"),
        ("valid_a < True", "no order"),
        ("dice == label_a", "one is a number, the other a text"),
        ("1 < 2", "no column is in it"),
        ("", "the rule is empty"),
        ("  ", "the rule is empty"),
        ("dice <", "cannot be understood at its end"),
        ("dice < 1e999", "numbers lie below 1e300"),
        ("dice is 1", "write == or !="),
        ("label_a in 'nevus'", "behind `in` stands a list"),
        ("label_a in (label_b,)", "no columns"),
        ("label_a in ()", "behind `in` stands a list"),
        ("0.7", "compare it with a column"),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"^the rule") as caught:
        lg.flag_pairs(example(), text)
    assert message in str(caught.value)
    assert not isinstance(caught.value, SyntaxError)


def test_a_rule_is_a_text() -> None:
    with pytest.raises(ValueError, match="it is a text such as"):
        lg.flag_pairs(example(), 7)  # type: ignore[arg-type]


# nothing of a rule runs

HOSTILE = [
    "__import__('os').system('touch /tmp/x')",
    "dice.__class__",
    "().__class__.__bases__[0]",
    "dice[0] < 1",
    "abs(dice) < 1",
    "(lambda: 1)() == dice",
    "[d for d in dice] == 1",
    "dice < 9**9**9",
    "dice < 1 if missing else 2",
    "(d := dice) < 1",
    "f'{dice}' == label_a",
    "await dice",
    "print",
    "dice < 1; import os",
    "dice < 1\nimport os",
    "*dice",
    "dice < 2j",
    "b'a' == label_a",
    "dice < ...",
    "{dice: 1}",
    "dice < +-+-1",
    "-dice < 1",
    "dice + 1 < 2",
    "dice < 1 << 99999999999",
    "'a' * 999999999 == label_a",
    "None == dice",
    "dice in (1, (2, 3))",
    "dice < 1 # or missing",
    "exec('1')",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_code_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^the rule"):
        lg.flag_pairs(example(), text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 900 + "dice < 1" + ")" * 900,
        "not " * 400 + "missing",
        "dice < " + "9" * 1900,
        "dice < 1 or " * 160 + "missing",
        " and ".join(f"dice < 0.{n}" for n in range(100, 170)),
        "x" * 100_000,
        "dice < " + "-" * 900 + "1",
        "`" * 999,
        "'" * 999,
        "(missing or " * 60 + "missing" + ")" * 60,
        "dice < 1" * 200,
        "dice" + " < 1" * 400,
    ],
)
def test_bombs_are_refused_at_once(text: str) -> None:
    start = time.monotonic()
    with pytest.raises(ValueError, match=r"^the rule"):
        lg.flag_pairs(example(), text)
    assert time.monotonic() - start < 5


PIECES = (
    "dice iou missing matched label_a label_equal score 0.7 1 -2 'x' \"y\" ( ) [ ] { } < <= > >= == != in not and or "
    "is if else lambda : , . ; * ** / % @ & | ^ ~ := -> = ` \\ # \n \t \0 f' b' __class__ exec import 1e9 0x1F 1_0 1j "
    "... None True é \u200b \ud800"
).split(" ")


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14), st.sampled_from(["", " "]))
def test_whatever_is_typed_is_a_rule_or_an_error(pieces: list[str], space: str) -> None:
    """Never anything else; and what is a rule has reasons that are rules of the same meaning."""
    text = space.join(pieces)
    try:
        flags = lg.flag_pairs(example(), text)
    except ValueError as error:
        told = str(error)
    else:
        told = "the rule is one"
        assert text.strip()
    assert told.startswith("the rule")
    if told != "the rule is one":
        return
    for reason in flags.reasons:
        assert lg.flag_pairs(example(), reason).reasons == (reason,)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_rule_or_an_error(text: str) -> None:
    told = "the rule is one"
    try:
        parse(text)
    except ValueError as error:
        told = str(error)
    assert told.startswith("the rule")


def test_leaves_and_words() -> None:
    rule = parse("not (dice < 0.7 and `a b` == 'x') or iou < dice or dice < 1")
    assert [leaf.text for leaf in leaves(rule)] == ["dice >= 0.7", "`a b` != 'x'", "iou < dice", "dice < 1"]
    assert words(rule) == ["dice", "a b", "iou"]


@pytest.mark.parametrize(
    ("rule", "needed"), [(DEFAULT_FLAG, False), ("hd95_px > 3", True), ("hausdorff_px > 3", False), ("nsd<1", True)]
)
def test_distances_are_computed_where_a_rule_needs_them(rule: str, needed: bool) -> None:
    assert needs_distances(rule) is needed


def test_a_million_pairs() -> None:
    """Nothing is done row by row: a million pairs in seconds."""
    result = example()
    times = -(-1_000_000 // result.pairs.num_rows)
    pairs = result.pairs.take(np.tile(np.arange(result.pairs.num_rows), times)).combine_chunks()
    large = lg.Agreement(**{**{name: getattr(result, name) for name in result.__dataclass_fields__}, "pairs": pairs})
    start = time.monotonic()
    flags = lg.flag_pairs(large, DEFAULT_FLAG + " or score < 0.3")
    assert time.monotonic() - start < 20
    assert flags.rows.sum() == times * lg.flag_pairs(result, DEFAULT_FLAG + " or score < 0.3").rows.sum()


def test_spaces_within_texts_stay() -> None:
    (leaf,) = leaves(parse("label_a\n==\t'a  b\\n'"))
    assert leaf.text == "label_a == 'a  b\\n'"
