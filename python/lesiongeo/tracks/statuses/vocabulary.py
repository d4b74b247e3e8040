"""Words that annotators tick, as statuses: a mapping with defaults, and what a file adds to it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...agreement.counted import Ints
from ...errors import ConfigError
from ...options import shown
from ..pages.imaged import DEFAULT_NOT_IMAGED, plain_word

__all__ = ["STATUSES", "Vocabulary", "VocabularySource", "read_vocabulary"]

#: What a lesion can be on a visit; a code is the place in this tuple, -1 is none.
STATUSES = ("baseline", "new", "stable", "enlarged", "shrunk", "resolved", "not_imaged", "split", "merged")

#: Codes of `Vocabulary.codes` that are no status: nothing was ticked, the word says nothing about change, several
#: words that contradict each other, a word that nobody explained.
NO_ANSWER, NO_STATUS, SEVERAL, UNKNOWN = -1, -2, -3, -4

#: Default words by status. Words that speak of more than size (worse, improved, changed, progressive, active) are left
#: out on purpose: whether they mean a larger lesion only the project can say, in its file.
WORDS: dict[str, tuple[str, ...]] = {
    status: tuple(words.split(", "))
    for status, words in {
        "baseline": "baseline, first visit, initial, initial visit",
        "new": "new, new lesion, newly appeared, newly developed, appeared, de novo",
        "stable": "stable, unchanged, no change, not changed, same, the same, same size, as before, constant, static",
        "enlarged": "enlarged, enlarging, enlargement, growing, grown, grew, growth, larger, bigger, increase, "
        "increased, increasing, increased in size, expanded, expanding",
        "shrunk": "shrunk, shrunken, shrinking, shrank, smaller, regressed, regressing, regression, "
        "partial regression, partially regressed, decrease, decreased, decreasing, "
        "decreased in size, reduced, reduction, receding",
        "resolved": "resolved, resolution, gone, disappeared, vanished, absent, cleared, healed, closed, excised, "
        "removed, complete regression, completely regressed, no longer visible, no longer present",
        "not_imaged": "not imaged, not photographed, no image, not in image, not in picture, out of frame, "
        "out of view, not visible, not assessable, not evaluable, image unusable",
        "split": "split, divided, fragmented",
        "merged": "merged, confluent, coalesced, fused",
    }.items()
}
#: Words that are understood and say nothing about change.
NOTHING = tuple("unsure, uncertain, not sure, unclear, unknown, cannot tell, not applicable, n/a, na, none".split(", "))

#: Files of words have kilobytes; a larger file is another file.
MOST_BYTES = 16 << 20

#: A file, the same as a mapping, or a vocabulary that is ready.
VocabularySource: TypeAlias = "str | os.PathLike[str] | Mapping[str, Any] | Vocabulary"


def _defaults() -> dict[str, str | None]:
    found: dict[str, str | None] = {plain_word(word): status for status, words in WORDS.items() for word in words}
    return found | dict.fromkeys(plain_word(word) for word in NOTHING)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What words mean.

    Attributes
    ----------
    answers : mapping of str to str or None
        Status by word, words as `plain_word` writes them; None: a word that says nothing about change.
    not_imaged : frozenset of str
        Words about a page by which its image cannot be used.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from lesiongeo.tracks.statuses.vocabulary import STATUSES, Vocabulary
    >>> codes = Vocabulary().codes(pa.array(["Regressed", None, "no-change"]))
    >>> [STATUSES[code] if code >= 0 else None for code in codes]
    ['shrunk', None, 'stable']
    """

    answers: Mapping[str, str | None] = field(default_factory=_defaults)
    not_imaged: frozenset[str] = frozenset(DEFAULT_NOT_IMAGED)

    def code(self, answer: str) -> int:
        """Return the code of one answer as it was given: a word, or a JSON list of words."""
        words = [answer]
        if answer.startswith("["):
            try:
                listed = json.loads(answer)
            except (ValueError, RecursionError):
                listed = None
            if isinstance(listed, list) and all(isinstance(word, str) for word in listed):
                words = listed
        codes = {self._word(word) for word in words}
        if UNKNOWN in codes:
            return UNKNOWN
        said = codes - {NO_STATUS, NO_ANSWER}
        if len(said) > 1:
            return SEVERAL
        return said.pop() if said else NO_STATUS if NO_STATUS in codes else NO_ANSWER

    def _word(self, word: str) -> int:
        word = plain_word(word)
        if not word:
            return NO_ANSWER
        if word not in self.answers:
            return UNKNOWN
        status = self.answers[word]
        return NO_STATUS if status is None else STATUSES.index(status)

    def codes(self, column: pa.Array | pa.ChunkedArray) -> Ints:
        """Return what was answered.

        Parameters
        ----------
        column : pyarrow.Array or ChunkedArray of string
            Answers as they were given; of several choices a JSON list.

        Returns
        -------
        ndarray of int64
            Places in `STATUSES`; -1: no answer, -2: a word that says nothing about change, -3: several words that
            contradict each other, -4: a word that is not known. O(n), and once per different answer.
        """
        whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        encoded = whole.cast(pa.string()).dictionary_encode()
        table = np.array([*(self.code(word) for word in encoded.dictionary.to_pylist()), NO_ANSWER], dtype=np.int64)
        rows = encoded.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
        found: NDArray[np.int64] = table[rows]
        return found


def read_vocabulary(source: VocabularySource | None = None) -> Vocabulary:
    """Read what the words of a project mean.

    Parameters
    ----------
    source : path, mapping or Vocabulary, optional
        A JSON file, or the same as a mapping, with any of: ``"answers"``, statuses by word (null: the word says
        nothing about change); ``"not_imaged"``, a list of answers about a page by which its image cannot be used;
        ``"defaults"``, false to leave out the words that are known anyway. By default these only.

    Returns
    -------
    Vocabulary
        Words of the source win over the defaults; its list of ``not_imaged`` adds to theirs.

    Raises
    ------
    ConfigError
        If it is no such file: the message names file, key and remedy.
    FileNotFoundError, OSError
        If the file cannot be opened.

    Examples
    --------
    >>> from lesiongeo.tracks.statuses.vocabulary import read_vocabulary
    >>> words = read_vocabulary({"answers": {"Progressive": "enlarged"}, "not_imaged": ["dressing on"]})
    >>> words.answers["progressive"], words.answers["stable"], "dressing_on" in words.not_imaged
    ('enlarged', 'stable', True)
    """
    if source is None:
        return Vocabulary()
    if isinstance(source, Vocabulary):
        return source
    name, given = "statuses", source
    if isinstance(source, str | os.PathLike):
        name = Path(source).name
        given = _from_file(Path(source), name)
    if not isinstance(given, Mapping):
        raise ConfigError(f'{name}: no object; write {{"answers": {{"progressive": "enlarged"}}}}', source=name)
    odd = sorted(str(key) for key in given if key not in ("answers", "not_imaged", "defaults"))
    if odd:
        raise ConfigError(
            f"{name}: {shown(odd[0])} is not known; the keys are answers, not_imaged and defaults", source=name
        )
    keep = given.get("defaults", True)
    if not isinstance(keep, bool):
        raise ConfigError(f"{name}: defaults is {shown(keep)}; it is true or false", source=name)
    answers = _defaults() if keep else {}
    unusable = frozenset(DEFAULT_NOT_IMAGED) if keep else frozenset()
    return Vocabulary(
        answers | _answers(given.get("answers", {}), name), unusable | _words(given.get("not_imaged", []), name)
    )


def _answers(given: Any, name: str) -> dict[str, str | None]:
    if not isinstance(given, Mapping):
        raise ConfigError(f"{name}: answers is {shown(given)}; it is an object of word to status", source=name)
    found: dict[str, str | None] = {}
    for word, status in given.items():
        key = plain_word(word) if isinstance(word, str) else ""
        if not key:
            raise ConfigError(f"{name}: {shown(word)} in answers is no word; write what annotators tick", source=name)
        if status is not None and status not in STATUSES:
            raise ConfigError(
                f"{name}: answers: {shown(word)} is {shown(status)}; it is one of {', '.join(STATUSES)}, or null",
                source=name,
            )
        if key in found and found[key] != status:
            raise ConfigError(
                f"{name}: answers: {shown(word)} is the same word as another one of another status, since case, "
                "spaces and hyphens do not matter; keep one of them",
                source=name,
            )
        found[key] = status
    return found


def _words(given: Any, name: str) -> frozenset[str]:
    if isinstance(given, str) or not isinstance(given, list | tuple | set | frozenset):
        raise ConfigError(f"{name}: not_imaged is {shown(given)}; it is a list of answers about a page", source=name)
    for word in given:
        if not isinstance(word, str) or not plain_word(word):
            raise ConfigError(f"{name}: {shown(word)} in not_imaged is no word", source=name)
    return frozenset(plain_word(word) for word in given)


def _from_file(path: Path, name: str) -> Any:
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ConfigError(f"{name}: more than 16 MiB, which no list of words has; is it another file?", source=name)
    try:
        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=_no_repeats)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: not UTF-8 at byte {error.start}; save it as UTF-8", source=name) from error
    except RecursionError as error:
        raise ConfigError(f"{name}: nested too deeply; write one object with answers", source=name) from error
    except ValueError as error:
        raise ConfigError(f"{name}: not JSON ({error})", source=name) from error


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a word that is given twice: the last would win without a word."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"{shown(twice)} is in it twice")
    return found
