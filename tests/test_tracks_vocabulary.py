"""Words that annotators tick, as statuses."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from lesiongeo import ConfigError
from lesiongeo.testing import STATUSES as TICKED_IN_GENERATED
from lesiongeo.tracks.statuses.vocabulary import (
    NO_ANSWER,
    NO_STATUS,
    NOTHING,
    SEVERAL,
    STATUSES,
    UNKNOWN,
    WORDS,
    Vocabulary,
    read_vocabulary,
)


def meaning(answer: str, vocabulary: Vocabulary | None = None) -> str | int:
    code = (vocabulary or Vocabulary()).code(answer)
    return STATUSES[code] if code >= 0 else code


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("new", "new"),
        ("Stable", "stable"),
        ("no-change", "stable"),
        ("  No  Change ", "stable"),
        ("UNCHANGED", "stable"),
        ("enlarged", "enlarged"),
        ("increased_in_size", "enlarged"),
        ("regressed", "shrunk"),
        ("Regression", "shrunk"),
        ("complete regression", "resolved"),
        ("resolved", "resolved"),
        ("Gone", "resolved"),
        ("not-visible", "not_imaged"),
        ("confluent", "merged"),
        ("not sure", NO_STATUS),
        ("N/A", NO_STATUS),
        ("", NO_ANSWER),
        ("   ", NO_ANSWER),
        ("worse", UNKNOWN),
        ("progressive", UNKNOWN),
        ('["stable"]', "stable"),
        ('["stable", "unchanged"]', "stable"),
        ('["stable", "not sure"]', "stable"),
        ('["stable", "enlarged"]', SEVERAL),
        ('["stable", "worse"]', UNKNOWN),
        ("[]", NO_ANSWER),
        ("[stable", UNKNOWN),
        ("[1, 2]", UNKNOWN),
    ],
)
def test_what_words_mean(answer: str, status: str | int) -> None:
    assert meaning(answer) == status


def test_defaults_are_statuses_and_no_word_has_two_meanings() -> None:
    assert set(WORDS) == set(STATUSES)
    listed = [word for words in WORDS.values() for word in words]
    assert len({*listed, *NOTHING}) == len(listed) + len(NOTHING)
    for status in STATUSES:
        assert meaning(status) == status
    assert all(meaning(word) in STATUSES for word in TICKED_IN_GENERATED)


def test_codes_of_a_column() -> None:
    column = pa.chunked_array([["stable", None], ["gone", "what"], pa.array([], pa.string())])
    assert Vocabulary().codes(column).tolist() == [2, -1, 5, UNKNOWN]
    assert Vocabulary().codes(pa.array([], pa.string())).tolist() == []
    assert Vocabulary().codes(pa.nulls(2, pa.string())).tolist() == [NO_ANSWER] * 2
    # A scale of numbers can be explained as well.
    assert read_vocabulary({"answers": {"1": "stable", "2": "enlarged"}}).codes(pa.array([2, 1])).tolist() == [3, 2]


def test_a_file_adds_to_the_defaults_and_wins_over_them(tmp_path: Path) -> None:
    file = tmp_path / "statuses.json"
    words = {"answers": {"Progressive": "enlarged", "smaller": None}, "not_imaged": ["Dressing on"]}
    file.write_text(json.dumps(words), encoding="utf-8-sig")
    for source in (file, str(file), words):
        found = read_vocabulary(source)
        assert meaning("progressive", found) == "enlarged"
        assert meaning("smaller", found) == NO_STATUS
        assert meaning("stable", found) == "stable"
        assert {"dressing_on", "image_unusable"} <= found.not_imaged
    alone = read_vocabulary(words | {"defaults": False})
    assert meaning("stable", alone) == UNKNOWN
    assert alone.not_imaged == {"dressing_on"}
    assert read_vocabulary(alone) is alone
    assert read_vocabulary() == Vocabulary()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "no object"),
        ("{", "not JSON"),
        ('{"answer": {}}', "'answer' is not known; the keys are answers, not_imaged and defaults"),
        ('{"answers": ["stable"]}', "an object of word to status"),
        ('{"answers": {"worse": "bigger"}}', "'worse' is 'bigger'; it is one of baseline, new, stable"),
        ('{"answers": {"worse": ["enlarged"]}}', "it is one of"),
        ('{"answers": {" ": "stable"}}', "is no word"),
        ('{"answers": {"No change": "stable", "no-change": "shrunk"}}', "the same word as another one"),
        ('{"answers": {"a": "stable", "a": "stable"}}', "'a' is in it twice"),
        ('{"not_imaged": "blurred"}', "it is a list of answers about a page"),
        ('{"not_imaged": [3]}', "3 in not_imaged is no word"),
        ('{"defaults": 1}', "it is true or false"),
        ("[" * 100_000, "statuses.json"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "statuses.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"statuses\.json") as error:
        read_vocabulary(file)
    assert said in str(error.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "statuses.json"
    file.write_bytes(b'{"answers": {"\xff": "new"}}')
    with pytest.raises(ConfigError, match="not UTF-8 at byte 14"):
        read_vocabulary(file)
    with pytest.raises(FileNotFoundError):
        read_vocabulary(tmp_path / "none.json")
