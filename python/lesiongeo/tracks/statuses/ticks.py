"""What annotators ticked about each row of the table of tracks, and the words that nobody explained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...agreement.annotators import UNKNOWN, annotator_order, ranks
from ...agreement.counted import Ints
from ...consensus.voting import answer_codes
from ...read import Export
from ..findings import TRACK_FINDING_SCHEMA, findings_about_regions
from .vocabulary import SEVERAL, STATUSES, Vocabulary
from .vocabulary import UNKNOWN as UNKNOWN_WORD

__all__ = ["Human", "Ticks", "human_statuses", "ticks_of", "word_findings"]

UNKNOWN_MESSAGE = (
    "this answer has no known meaning, so {count} with it cannot be compared with what was measured; say what it means "
    'in the file of statuses: {{"answers": {{{word}: "enlarged"}}}}, or null if it says nothing about change'
)
SEVERAL_MESSAGE = (
    "the answer names several statuses that exclude each other, so {count} with it cannot be compared with what was "
    "measured; let annotators choose one"
)


@dataclass(frozen=True, slots=True)
class Ticks:
    """Answers about lesions, one entry per region that has one.

    Attributes
    ----------
    row : ndarray of int64, shape (n,)
        Row of the table of tracks.
    annotator : ndarray of int64, shape (n,)
        Position in `names`.
    names : list of str
        The annotators.
    answer : pyarrow.Array of string, shape (n,)
        As it was given.
    code : ndarray of int64, shape (n,)
        What it means: see `Vocabulary.codes`.
    """

    row: Ints
    annotator: Ints
    names: list[str]
    answer: pa.Array
    code: Ints


@dataclass(frozen=True, slots=True)
class Human:
    """What most annotators say of each row.

    Attributes
    ----------
    code : ndarray of int64, shape (n_rows,)
        Place in `STATUSES`; -1: nobody said anything, or as many say something else.
    answer : pyarrow.Array of string, shape (n_rows,)
        The word that most of those used; where no status has most votes the word that most gave; else null.
    """

    code: Ints
    answer: pa.Array


def ticks_of(export: Export, vocabulary: Vocabulary, region: Ints, row: Ints) -> Ticks:
    """Collect what was ticked.

    Parameters
    ----------
    export : Export
        What was read; the control is ``export.role("status")``.
    vocabulary : Vocabulary
        What words mean.
    region, row : ndarray of int64, shape (n,)
        Rows of regions and the row of the table of tracks that each belongs to; -1 for none. The same region may
        stand for several rows.

    Returns
    -------
    Ticks
        None where no control is asked for the status. O(n).
    """
    control = export.role("status")
    use = np.flatnonzero(row >= 0)
    if control is None:
        use = use[:0]
    table = export.regions.table
    answer = pa.nulls(0, pa.string())
    if control is not None:
        answer = table[control].take(pa.array(region[use])).combine_chunks().cast(pa.string())
        given = np.flatnonzero(answer.is_valid().to_numpy(zero_copy_only=False))
        use, answer = use[given], answer.take(pa.array(given))
    author = pc.fill_null(table["annotator"].take(pa.array(region[use])), UNKNOWN)
    names = sorted(author.unique().to_pylist(), key=annotator_order)
    return Ticks(row[use], ranks(author, names).astype(np.int64), names, answer, vocabulary.codes(answer))


def human_statuses(ticks: Ticks, count: int) -> Human:
    """Find what most annotators say of each row.

    Parameters
    ----------
    ticks : Ticks
        What was ticked.
    count : int
        Number of rows of the table of tracks.

    Returns
    -------
    Human
        Everybody has one vote; who gave the parts of one lesion different statuses has none. O(n log n).
    """
    said = np.flatnonzero(ticks.code >= 0)
    said = said[_votes(ticks.row[said] * (len(ticks.names) + 1) + ticks.annotator[said], ticks.code[said])]
    votes = np.bincount(ticks.code[said] * count + ticks.row[said], minlength=count * len(STATUSES))
    votes = votes.reshape(len(STATUSES), count)
    most = votes.max(axis=0)
    sole = (most > 0) & ((votes == most).sum(axis=0) == 1)
    code = np.where(sole, votes.argmax(axis=0), -1)

    # Words in the order of the alphabet, so that no order of regions decides which of two spellings stands for both.
    encoded = ticks.answer.dictionary_encode()
    names = encoded.dictionary.to_pylist()
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    word = rank[encoded.indices.to_numpy(zero_copy_only=False)] if len(names) else ticks.row
    fits = (code[ticks.row] < 0) | (ticks.code == code[ticks.row])
    answer = _common_word(ticks.row[fits], word[fits], max(len(names), 1), code)
    texts = pa.array([names[at] for at in order], pa.string())
    return Human(code, texts.take(pa.array(answer, mask=answer < 0)))


def _votes(voter: Ints, code: Ints) -> Ints:
    """Positions of one entry per voter, without those voters who say several things."""
    if (voter[1:] > voter[:-1]).all():
        return np.arange(len(voter))
    order = np.lexsort((code, voter))
    voter, code = voter[order], code[order]
    starts = np.flatnonzero(np.append(True, voter[1:] != voter[:-1]))
    ends = np.append(starts[1:], len(voter)) - 1
    found: Ints = order[starts[code[starts] == code[ends]]]
    return found


def _common_word(row: Ints, word: Ints, words: int, code: Ints) -> Ints:
    """Return the word that is most frequent in each row, -1 for none; at a tie the first, where there is a status."""
    found = np.full(len(code), -1, dtype=np.int64)
    if not len(row):
        return found
    key, times = np.unique(row * words + word, return_counts=True)
    row, word = key // words, key % words
    starts = np.flatnonzero(np.append(True, row[1:] != row[:-1]))
    best = np.maximum.reduceat(times * words + (words - 1 - word), starts)
    most, chosen = best // words, words - 1 - best % words
    of = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(row))))
    tied = np.bincount(of[times == most[of]], minlength=len(starts)) > 1
    use = ~tied | (code[row[starts]] >= 0)
    found[row[starts][use]] = chosen[use]
    return found


def word_findings(export: Export, vocabulary: Vocabulary, region: Ints) -> pa.Table:
    """List the answers that mean nothing known.

    Parameters
    ----------
    export : Export
        What was read.
    vocabulary : Vocabulary
        What words mean.
    region : ndarray of int64, shape (n,)
        Rows of the regions that count.

    Returns
    -------
    pyarrow.Table
        Findings of code status_unknown or status_several (warnings): one per different answer, with the place of the
        first region that has it. O(n log n).
    """
    control = export.role("status")
    if control is None or not len(region):
        return TRACK_FINDING_SCHEMA.empty_table()
    table = export.regions.table
    answer = table[control].take(pa.array(region)).combine_chunks().cast(pa.string())
    codes = vocabulary.codes(answer)
    tables = []
    for code, name, message in (
        (UNKNOWN_WORD, "status_unknown", UNKNOWN_MESSAGE),
        (SEVERAL, "status_several", SEVERAL_MESSAGE),
    ):
        odd = np.flatnonzero(codes == code)
        if not len(odd):
            continue
        names = ["task_id", "page", "annotation_id", "region_id"]
        places = table.select(names).take(pa.array(region[odd]))
        places = places.append_column("answer", pa.chunked_array([answer.take(pa.array(odd))]))
        places = places.append_column("region", pa.array(region[odd]))
        order = [(key, "ascending") for key in ("answer", *names, "region")]
        places = places.sort_by(order)
        words = answer_codes(places["answer"])
        starts = np.flatnonzero(np.append(True, words[1:] != words[:-1]))
        times = np.diff(np.append(starts, len(words))).tolist()
        first = places.take(pa.array(starts))
        texts = first["answer"].to_pylist()
        said = [
            message.format(count="1 region" if many == 1 else f"{many} regions", word=f'"{text}"')
            for text, many in zip(texts, times, strict=True)
        ]
        tables.append(
            findings_about_regions(
                export,
                first["region"].to_numpy(),
                severity="warning",
                code=name,
                value=pa.array(texts, pa.string()),
                message=pa.array(said, pa.string()),
            )
        )
    return pa.concat_tables([TRACK_FINDING_SCHEMA.empty_table(), *tables])
