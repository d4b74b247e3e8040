"""Which pages show something: an image is there, and its annotators did not call it unusable."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import pyarrow.compute as pc

from ...agreement.counted import Counted, Ints
from ...checks.view import Mask, first_rows
from ...read import Export
from ...read.export import page_rows

__all__ = ["DEFAULT_NOT_IMAGED", "plain_word", "usable_pages"]

#: Answers about a page that say that nothing can be seen on it, as `plain_word` writes them.
DEFAULT_NOT_IMAGED = (
    "image_unusable",
    "unusable",
    "not_usable",
    "not_imaged",
    "no_image",
    "image_missing",
    "missing_image",
    "not_assessable",
    "unassessable",
    "not_evaluable",
    "not_gradable",
    "ungradable",
)


@lru_cache(maxsize=4096)
def plain_word(text: str) -> str:
    """Write an answer without capitals, and spaces and hyphens as underscores.

    Parameters
    ----------
    text : str
        An answer.

    Returns
    -------
    str
        What equal answers have in common.

    Examples
    --------
    >>> from lesiongeo.tracks.pages.imaged import plain_word
    >>> plain_word(" Image-unusable")
    'image_unusable'
    """
    return re.sub(r"[\s_-]+", "_", text.strip().casefold())


def usable_pages(
    export: Export, counted: Counted, not_imaged: Iterable[str] = DEFAULT_NOT_IMAGED
) -> tuple[Mask, Ints, Mask]:
    """Say of each page whether a lesion could have been seen on it.

    Parameters
    ----------
    export : Export
        What `read_label_studio` returns.
    counted : Counted
        The annotations of it that count.
    not_imaged : iterable of str
        Answers about a page that say that nothing can be seen on it; see `plain_word`.

    Returns
    -------
    imaged : ndarray of bool, shape (n_pages,)
        Per row of `Export.pages`. False where more than half of the people who answered anything about the page said
        so, or where there is no address of its image, although there are some in the export, and nobody drew on it.
    reason : ndarray of int64, shape (n_pages,)
        0: imaged, 1: there is no image, 2: called unusable.
    drawn : ndarray of bool, shape (n_pages,)
        Called unusable, and yet lesions are outlined on it.

    Notes
    -----
    Choices and the like are answers, free text is not, unless it says just that. Answers about a task count for its
    page where it has a single one. O(n log n) in pages and answers.
    """
    words = {plain_word(word) for word in not_imaged}
    pages = export.pages
    task, page = pages["task_id"].to_numpy(), pages["page"].to_numpy()
    has_image = pages["image"].is_valid().to_numpy()
    regions = np.zeros(len(task), dtype=bool)
    named, on = counted.named
    # Regions follow each other by page, so that most of them need not be looked up.
    turns = np.flatnonzero(np.append(True, (np.diff(named) != 0) | (np.diff(on) != 0))) if len(named) else named
    row = page_rows(counted.task_ids[named[turns]], on[turns].astype(np.int32), task, page)
    regions[row[row >= 0]] = True
    # An export without any address says nothing about images.
    missing = ~has_image & has_image.any() & ~regions
    _, code, count = np.unique(task, return_inverse=True, return_counts=True)
    unusable = _called(export, counted, words, count[code] == 1)
    reason = np.where(unusable, 2, np.where(missing, 1, 0)).astype(np.int64)
    return reason == 0, reason, unusable & regions


def _called(export: Export, counted: Counted, words: set[str], single: Mask) -> Mask:
    """Which pages more than half of those who answered call unusable."""
    pages = export.pages
    count = pages.num_rows
    answers = export.answers.filter(pc.is_valid(export.answers["text"]))
    if not answers.num_rows or not count:
        return np.zeros(count, dtype=bool)
    text = answers["text"].combine_chunks().dictionary_encode()
    says = np.array([plain_word(word) in words for word in text.dictionary.to_pylist()], dtype=bool)
    if not says.any():
        return np.zeros(count, dtype=bool)
    said = says[text.indices.to_numpy(zero_copy_only=False)]
    names = ["task_id", "annotation_id", "source"]
    annotation = first_rows([export.annotations[name] for name in names], [answers[name] for name in names])
    number = np.full(export.annotations.num_rows + 1, -1, dtype=np.int64)
    number[counted.annotations] = np.arange(len(counted.annotations))
    number[-1] = -1
    who = number[annotation]
    own = pc.fill_null(answers["page"], -1).to_numpy()
    task = pages["task_id"].to_numpy()
    row = page_rows(answers["task_id"].to_numpy(), np.maximum(own, 0), task, pages["page"].to_numpy())
    # Of a task with several pages nobody knows which of them an answer about all is true of.
    row[(own < 0) & ~(single[np.maximum(row, 0)] & (row >= 0))] = -1
    told = said | pc.not_equal(answers["kind"], "textarea").to_numpy()
    use = (row >= 0) & (who >= 0) & told
    people = len(counted.annotations)
    answered = np.unique(row[use] * people + who[use]) // max(people, 1)
    calling = np.unique(row[use & said] * people + who[use & said]) // max(people, 1)
    found: Mask = 2 * np.bincount(calling, minlength=count) > np.bincount(answered, minlength=count)
    return found
