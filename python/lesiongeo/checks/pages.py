"""Tasks, pages and annotations: nobody was there, looked and found nothing, or some pages only."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..agreement.counted import Ints
from .view import FINDING_SCHEMA, Mask, View

__all__ = ["check_annotations", "check_pages", "check_tasks"]

NO_ANNOTATION = "nobody has annotated the task; assign it, or leave it out of the export"
ALL_SKIPPED = "everybody who opened the task skipped it; ask why, or assign it to somebody else"
NO_IMAGE = "no address of an image is in the task's data, so its pages cannot be checked; name the field with --images"
SKIPPED = "the annotator skipped the task; what was drawn does not count"
DRAFT = "a draft was never submitted, so it does not count; open it and submit or delete it"
SUPERSEDED = "the same person annotated the task again; only the newest annotation counts"
EMPTY = "submitted without any region: looked and found nothing; if there is something to see, annotate the task again"
NOT_ANNOTATED = "nobody drew or answered anything on this page, though the task is annotated; look at the page"
NOT_BY_ALL = "this person left nothing on the page, others did; ask whether the page was overlooked"
NEVER_REFERENCED = "no region lies on this image; the page was answered, so somebody looked and found nothing"
BEYOND = "the task's data has no image for this page; check the image list, or remove what was drawn there"

#: Tasks with more pages times annotators than this are reported per page, not per page and annotator.
MOST_PAIRS = 1_000_000


def check_tasks(view: View) -> pa.Table:
    """Tasks that nobody annotated or everybody skipped, and those without an image."""
    count = len(view.counted.task_ids)
    number = view.task
    own, cancelled, draft = (
        np.bincount(number[chosen], minlength=count)
        for chosen in (_own(view), _own(view) & _cancelled(view), _source(view, "draft"))
    )
    predicted = np.bincount(number[_source(view, "prediction")], minlength=count)
    without = np.flatnonzero(own == 0)
    there = [
        ", ".join(f"{n} {name}{'s' if n > 1 else ''}" for n, name in ((d, "draft"), (p, "prediction")) if n)
        for d, p in zip(draft[without].tolist(), predicted[without].tolist(), strict=True)
    ]
    skipped = np.flatnonzero((own > 0) & (own == cancelled))
    times = [f"{n} skipped" for n in own[skipped].tolist()]
    # Reading says so of tasks that lack the field they should have.
    problems = view.export.problems
    told = problems.filter(pc.is_in(problems["code"], pa.array(("images_missing", "no_data"))))["task_id"].to_numpy()
    blind = np.flatnonzero((view.images == 0) & ~np.isin(view.counted.task_ids, told))
    return pa.concat_tables(
        [
            view.about_tasks(
                "task_without_annotation",
                without,
                NO_ANNOTATION,
                value=pa.array([text or None for text in there], pa.string()),
                severity="warning",
            ),
            view.about_tasks(
                "task_skipped", skipped, ALL_SKIPPED, value=pa.array(times, pa.string()), severity="warning"
            ),
            view.about_tasks("task_without_image", blind, NO_IMAGE, severity="info"),
        ]
    )


def check_annotations(view: View) -> pa.Table:
    """Annotations that do not count, and those that are submitted without any region."""
    drawn = np.bincount(view.export.annotation_rows, minlength=view.annotations.num_rows)
    skipped = np.flatnonzero(_own(view) & _cancelled(view))
    empty = np.flatnonzero(view.counts & (drawn == 0))
    draft = np.flatnonzero(_source(view, "draft"))
    return pa.concat_tables(
        [
            view.about_annotations(code, rows, message, value=_regions(drawn[rows]), severity="info")
            for code, rows, message in (
                ("annotation_skipped", skipped, SKIPPED),
                ("draft_not_submitted", draft, DRAFT),
                ("superseded", np.sort(view.counted.superseded), SUPERSEDED),
                ("empty_annotation", empty, EMPTY),
            )
        ]
    )


def check_pages(view: View) -> pa.Table:
    """Pages on which nobody or not everybody left something, images without a region, pages without an image.

    A page is worked on by an annotation that has a region or an answer on it. Annotations without any region or answer
    to a page say nothing about pages, see `check_annotations`. O(images + regions + answers), and for tasks of up to a
    million pages times annotators as many.
    """
    their_pages, answered_pages = _int64(view.regions["page"]), _int64(view.page_answers["page"])
    width = int(max(their_pages.max(initial=0), answered_pages.max(initial=0), view.images.max(initial=0))) + 1
    touched = _touched(view, width)
    owner, page = touched // width, touched % width
    task = view.counted.task[owner]
    working = _once(owner)
    workers = np.bincount(view.counted.task[working], minlength=len(view.images))
    key, people = np.unique(task * width + page, return_counts=True)
    # Pages with an image in tasks on which somebody worked, without anything by anybody.
    some = np.flatnonzero((workers > 0) & (view.images > 0))
    copies = view.images[some]
    imaged = np.repeat(some, copies) * width + np.arange(copies.sum()) - np.repeat(np.cumsum(copies) - copies, copies)
    nobody = np.setdiff1d(imaged, key, assume_unique=True)
    drawn = _sorted_once(view.task[view.export.annotation_rows] * width + their_pages)
    answered = np.setdiff1d(np.intersect1d(imaged, key, assume_unique=True), drawn, assume_unique=True)
    return pa.concat_tables(
        [
            view.about_tasks(
                "page_without_annotation",
                nobody // width,
                NOT_ANNOTATED,
                page=pa.array(nobody % width),
                severity="warning",
            ),
            view.about_tasks(
                "image_never_referenced",
                answered // width,
                NEVER_REFERENCED,
                page=pa.array(answered % width),
                severity="info",
            ),
            _not_by_all(view, working, workers, touched, key[people < workers[key // width]], width),
            _beyond(view),
        ]
    )


def _not_by_all(view: View, working: Ints, workers: Ints, touched: Ints, key: Ints, width: int) -> pa.Table:
    """Annotations that left nothing on pages (given by key) where others of their task did."""
    task = key // width
    pages_of = np.bincount(task, minlength=len(workers))
    many = (pages_of * workers)[task] > MOST_PAIRS
    crowd = view.about_tasks(
        "page_not_by_all",
        task[many],
        "some annotators left nothing on the page, others did; ask whether it was overlooked",
        page=pa.array(key[many] % width),
        severity="info",
    )
    key, task = key[~many], task[~many]
    # Annotations that count are sorted by task, so those of one task stand together.
    start = np.searchsorted(view.counted.task[working], task)
    copies = workers[task]
    within = np.arange(copies.sum()) - np.repeat(np.cumsum(copies) - copies, copies)
    owner = working[np.repeat(start, copies) + within]
    page = np.repeat(key % width, copies)
    left = ~np.isin(owner * width + page, touched)
    rows = view.counted.annotations[owner[left]]
    each = view.about_annotations("page_not_by_all", rows, NOT_BY_ALL, page=pa.array(page[left]), severity="info")
    return pa.concat_tables([crowd, each])


def _touched(view: View, width: int) -> Ints:
    """Annotations that count and pages on which they have something, each pair once, as number * width + page."""
    answers = view.page_answers
    number = np.full(view.annotations.num_rows + 1, -1, dtype=np.int64)
    number[view.counted.annotations] = np.arange(len(view.counted.annotations))
    owner = number[view.answering]
    answered = owner[owner >= 0] * width + _int64(answers["page"])[owner >= 0]
    drawn = view.owner * width + view.page
    return _sorted_once(np.concatenate((drawn, answered)))


def _sorted_once(key: Ints) -> Ints:
    """Sort and leave out repetitions; keys come nearly in order, which the stable sort uses and np.unique does not."""
    return _once(np.sort(_once(key), kind="stable"))


def _once(key: Ints) -> Ints:
    """Leave out repetitions that follow each other."""
    return key[np.append(True, key[1:] != key[:-1])] if len(key) else key


def _beyond(view: View) -> pa.Table:
    """Annotations with regions or answers on pages for which the task has no image."""
    owner = np.concatenate((view.export.annotation_rows, view.answering))
    page = np.concatenate((_int64(view.regions["page"]), _int64(view.page_answers["page"])))
    owner, page = owner[owner >= 0], page[owner >= 0]
    images = view.images[view.task][owner]
    # Without any image the list is unknown, which is a finding of its own.
    far = (images > 0) & (page >= images)
    if not far.any():
        return FINDING_SCHEMA.empty_table()
    pairs, first, count = np.unique(np.stack([owner[far], page[far]]), axis=1, return_index=True, return_counts=True)
    listed = images[far][first].tolist()
    value = [
        f"{n} {'entry' if n == 1 else 'entries'}, {most} image{'' if most == 1 else 's'}"
        for n, most in zip(count.tolist(), listed, strict=True)
    ]
    severity = pa.array(["info", "error"]).take(pa.array(view.counts[pairs[0]].astype(np.int64)))
    return view.about_annotations(
        "page_beyond_images",
        pairs[0],
        BEYOND,
        page=pa.array(pairs[1]),
        value=pa.array(value, pa.string()),
        severity=severity,
    )


def _regions(counts: Ints) -> pa.Array:
    return pa.array([f"{n} region{'' if n == 1 else 's'}" if n else None for n in counts.tolist()], pa.string())


def _own(view: View) -> Mask:
    return _source(view, "annotation")


def _cancelled(view: View) -> Mask:
    cancelled: Mask = view.annotations["cancelled"].to_numpy()
    return cancelled


def _source(view: View, name: str) -> Mask:
    found: Mask = pc.equal(view.annotations["source"], name).to_numpy()
    return found


def _int64(column: pa.ChunkedArray) -> Ints:
    found: Ints = column.to_numpy().astype(np.int64)
    return found
