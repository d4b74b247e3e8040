"""The review queue as tasks to import: what each annotator drew on the queued pages, and the consensus."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..agreement import Agreement
from ..agreement.annotators import UNKNOWN, annotator_order
from ..read import Export
from ..read.config import ConfigSource
from ..regions import Regions
from .layout import VALUE_KEYS, Layout, Question, layout, questions
from .predictions import Entry, RegionEntries, prediction, with_ids
from .tasks import CONSENSUS_SOURCE, TASK_ID, Origin, data_fields

if TYPE_CHECKING:
    from ..consensus import Consensus

__all__ = ["FIELDS", "ReviewFile", "review_tasks", "write_review"]

Rows = NDArray[np.int64]

#: Data fields that are added to those of the task; the last only with a consensus.
FIELDS = ("review_reason", "review_pages", "agreement", "priority", TASK_ID, CONSENSUS_SOURCE)


@dataclass(slots=True)
class ReviewFile:
    """Tasks for the review, made one by one as they are asked for.

    Attributes
    ----------
    tasks : iterator of dict
        As Label Studio imports them: `data` and `predictions`.
    n_tasks : int
        How many there are.
    fields : dict
        Data fields that were added, by what they mean: of `FIELDS`, with lesiongeo_ before those that tasks already
        have for something else.
    left_out : collections.Counter
        What was not written as it was drawn, see `RegionEntries`; full once all tasks are made.
    not_in_config : list of str
        Controls of regions whose answers were not written, because the configuration has no such control.
    n_ground_truths : int
        Tasks whose consensus is an annotation marked as ground truth.
    """

    tasks: Iterator[Entry]
    n_tasks: int
    fields: dict[str, str]
    left_out: Counter[str] = field(default_factory=Counter)
    not_in_config: list[str] = field(default_factory=list)
    n_ground_truths: int = 0


def review_tasks(
    export: Export,
    agreement: Agreement,
    queue: pa.Table,
    config: ConfigSource,
    *,
    consensus: Consensus | None = None,
    polygon_control: str | None = None,
    notes: bool = False,
) -> ReviewFile:
    """Make the tasks of a review queue for Label Studio's import.

    Parameters
    ----------
    export : Export
        What was read.
    agreement : Agreement
        What `agreement` made of it.
    queue : pyarrow.Table
        What `review_queue` returned.
    config : path, str, bytes, dict or LabelingConfig
        The labeling configuration of the project that the review takes place in, see `read_label_studio`. It says which
        controls there are and what they point at, which no export says.
    consensus : Consensus, optional
        What `consensus` returned; without it there is no such prediction.
    polygon_control : str, optional
        The control (from_name) that takes all outlines, in place of the ones that drew them.
    notes : bool, default False
        Whether free text that annotators typed is written too; it can name people.

    Returns
    -------
    ReviewFile
        One task per queued task, in the order of its first page in the queue. `data` are the task's own fields, with
        review_reason (the reasons, joined by "; "), review_pages (queued pages from 0, as `item_index`), agreement
        (the lowest score of two annotators on these pages), priority (the largest of these pages) and lesiongeo_task_id
        (the task in the export); with a consensus also lesiongeo_consensus_source (its method, or
        ground_truth:<annotation_id> where an expert's annotation overrides the others). `predictions` are one per
        annotator, also of those who drew nothing, called "annotator <name>", with the mean score of theirs on these
        pages, and then one called "consensus <method>" or "ground truth". They hold the entries of the queued pages
        only.

    Raises
    ------
    ConfigError
        If the configuration cannot be used, or has no polygon control where one is needed.
    ExportError
        If the data of a queued task is no JSON object.

    Notes
    -----
    Outlines go out as polygons to the control that drew them, or to a polygon control of the same image; only where a
    project has none, rectangles go out as rectangles. For what is cut off or left out see `RegionEntries`. Answers keep
    their region's id; answers about queued pages and about the task are entries of their own. Ids are those of the
    export, with a number behind them where two annotators' are the same: within a task each stands for one region.

    The queries of image addresses, with signatures, never get this far: the reader leaves them out. Images that a
    project reads by presigned addresses need a storage connected in the project of the review, which signs them anew.

    Written region by region, O(vertices), with one task in memory at a time.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> export = lg.read_label_studio("examples/dermatology.json")
    >>> result = lg.agreement(export)
    >>> queue = lg.review_queue(export, result, limit=3)
    >>> review = lg.review_tasks(export, result, queue, "examples/dermatology_config.xml")
    >>> task = next(review.tasks)
    >>> task["data"]["review_reason"], task["data"]["review_pages"]
    ('missing', [0])
    >>> [made["model_version"] for made in task["predictions"]]
    ['annotator 1', 'annotator 3']
    """
    place = layout(config, polygon_control=polygon_control)
    asked, missing = questions(export, place.config)
    writer = _Writer(export, agreement, queue, place, asked, notes, consensus)
    experts = 0 if writer.consensus is None else len(writer.order.keys() & writer.consensus[0].experts.keys())
    return ReviewFile(writer.tasks(), len(writer.order), writer.fields, writer.left_out, missing, experts)


def write_review(review: ReviewFile, path: Path) -> None:
    r"""Write the tasks as JSON that Label Studio imports: one task per line; same input, same bytes.

    Parameters
    ----------
    review : ReviewFile
        What `review_tasks` returned; its tasks are used up.
    path : Path
        File to write.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from lesiongeo.label_studio import ReviewFile, write_review
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "review.json"
    ...     write_review(ReviewFile(iter([{"data": {}, "predictions": []}]), 1, {}), path)
    ...     path.read_text()
    '[\n{"data":{},"predictions":[]}\n]\n'
    """
    # Tasks are made while they are written: one that cannot be must not leave half a file behind.
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            separator = "[\n"
            for task in review.tasks:
                file.write(separator + json.dumps(task, ensure_ascii=False, separators=(",", ":"), allow_nan=False))
                separator = ",\n"
            file.write("[]\n" if separator == "[\n" else "\n]\n")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


class _Writer:
    """What is known of the queued tasks, sorted so that each task finds its own rows."""

    def __init__(
        self,
        export: Export,
        agreement: Agreement,
        queue: pa.Table,
        place: Layout,
        asked: list[Question],
        notes: bool,
        consensus: Consensus | None,
    ) -> None:
        self.notes, self.layout = notes, place
        #: Queued rows of each task, tasks in the order of the queue.
        self.order: dict[int, list[dict[str, Any]]] = {}
        wanted = ["task_id", "page", "priority", "reasons", "score_min"]
        for row in queue.select(wanted).to_pylist():
            self.order.setdefault(row["task_id"], []).append(row)
        tasks = pa.array(list(self.order), pa.int64())

        own = export.tasks.filter(pc.is_in(export.tasks["task_id"], tasks)).select(["task_id", "data"]).to_pylist()
        # Backwards, so that of one task in several files the first counts.
        self.data = {row["task_id"]: data_fields(row["task_id"], row["data"]) for row in reversed(own)}
        self.fields = self._names(FIELDS if consensus is not None else FIELDS[:-1])
        pages = export.pages.filter(pc.is_in(export.pages["task_id"], tasks))["task_id"].to_pylist()
        self.n_pages = Counter(pages)

        counted = np.zeros(export.annotations.num_rows, dtype=np.bool_)
        counted[agreement.annotation_rows] = True
        chosen = pc.and_(pc.is_in(export.annotations["task_id"], tasks), pa.array(counted))
        #: Counting annotations of the queued tasks: rows, then by task and annotator.
        self.people: dict[int, list[tuple[str, int]]] = {}
        rows = np.flatnonzero(chosen.to_numpy())
        names = pc.fill_null(export.annotations["annotator"], UNKNOWN).take(pa.array(rows)).to_pylist()
        of_task = export.annotations["task_id"].take(pa.array(rows)).to_pylist()
        for row, name, task in zip(rows.tolist(), names, of_task, strict=True):
            self.people.setdefault(task, []).append((name, row))
        for found in self.people.values():
            found.sort(key=lambda one: annotator_order(one[0]))

        places = {(task, row["page"]) for task, queued in self.order.items() for row in queued}
        self.scores = _scores(agreement, places)
        self.drawn = _Drawn(
            export.regions, np.where(counted[export.annotation_rows], export.annotation_rows, -1), places
        )
        self.entries = RegionEntries(self.drawn.regions, place, answers=asked, notes=notes)
        self.left_out = self.entries.left_out
        self.answers = _page_answers(export, place, counted, tasks, notes)
        self.consensus: tuple[Origin, _Drawn, RegionEntries] | None = None
        if consensus is not None:
            agreed = consensus.regions
            drawn = _Drawn(agreed, agreed.table["task_id"].to_numpy(), places)
            columns = set(agreed.table.column_names)
            known = [question for question in asked if question.column in columns]
            entries = RegionEntries(drawn.regions, place, answers=known, notes=notes)
            entries.left_out = self.left_out
            self.consensus = (Origin(consensus), drawn, entries)

    def _names(self, wanted: tuple[str, ...]) -> dict[str, str]:
        """Name the data fields that are added: those of a file from an earlier review are replaced."""
        taken = {name for data in self.data.values() if TASK_ID not in data for name in data}
        return {name: f"lesiongeo_{name}" if name in taken else name for name in wanted}

    def tasks(self) -> Iterator[Entry]:
        """Make the tasks one by one."""
        for task, queued in self.order.items():
            pages = sorted(row["page"] for row in queued)
            reasons = list(dict.fromkeys(reason for row in queued for reason in row["reasons"]))
            added = {
                "review_reason": "; ".join(reasons),
                "review_pages": pages,
                "agreement": min(row["score_min"] for row in queued),
                "priority": max(row["priority"] for row in queued),
                TASK_ID: task,
            }
            if self.consensus is not None:
                added[CONSENSUS_SOURCE] = self.consensus[0].source(task)
            own = self.data.get(task, {})
            own.pop(CONSENSUS_SOURCE, None)  # of an earlier review, which may have had another consensus
            data = {**own, **{self.fields[name]: value for name, value in added.items()}}
            yield {"data": data, "predictions": list(self._predictions(task, pages))}

    def _predictions(self, task: int, pages: list[int]) -> Iterator[Entry]:
        taken: set[str] = set()
        several = self.n_pages[task] > 1
        for name, annotation in self.people.get(task, []):
            result: list[Entry] = []
            for row, wanted in self.drawn.of(annotation):
                result += with_ids(self.entries.of(row, several_pages=several), wanted, taken)
            for page, entry in self.answers.get(annotation, []):
                if page is not None and page not in pages:
                    continue
                if page is not None and (several or self.layout.several(entry["to_name"])):
                    entry = {"item_index": page, **entry}
                where = "task" if page is None else f"page-{page}"
                result += with_ids([[entry]], f"{entry['from_name']}-{where}", taken)
            yield prediction(f"annotator {name}", result, self.scores.get((task, name)))
        if self.consensus is not None:
            origin, drawn, entries = self.consensus
            result = []
            for row, wanted in drawn.of(task):
                result += with_ids(entries.of(row, several_pages=several), wanted, taken)
            yield prediction(origin.name(task), result)


class _Drawn:
    """Regions on queued pages, and which belong to an owner: an annotation, or the task of a consensus."""

    def __init__(self, regions: Regions, owner: Rows, places: set[tuple[int, int]]) -> None:
        table = regions.table
        queued = np.array(sorted(places), dtype=np.int64).reshape(-1, 2)
        task, page = (np.asarray(table[name].to_numpy(), np.int64) for name in ("task_id", "page"))
        tasks = np.unique(queued[:, 0])
        rows = np.flatnonzero((owner >= 0) & np.isin(task, tasks))
        # Pages lie below 100,000 (see the core), so that rank of the task and page fit one number.
        key = np.searchsorted(tasks, task[rows]) << 32 | page[rows]
        rows = rows[np.isin(key, np.searchsorted(tasks, queued[:, 0]) << 32 | queued[:, 1])]
        rows = rows[np.lexsort((rows, page[rows], owner[rows]))]
        self.regions = regions.take(rows)
        self._owner = owner[rows]
        wanted = self._wanted(pages=page[rows].tolist())
        self._ids = [name if own is None else own for own, name in zip(self._column("region_id"), wanted, strict=True)]

    def _column(self, name: str) -> list[Any]:
        table = self.regions.table
        return table[name].to_pylist() if name in table.column_names else [None] * len(self.regions)

    def _wanted(self, pages: list[int]) -> list[str]:
        """Name regions that have no id."""
        lesions = zip(pages, self._column("lesion"), strict=True)
        return [f"region-{page}" if number is None else f"lesion-{page}-{number}" for page, number in lesions]

    def of(self, owner: int) -> Iterator[tuple[int, str]]:
        """Rows of `regions` of one owner with the id that each wants, by page."""
        first, last = np.searchsorted(self._owner, [owner, owner + 1]).tolist()
        return zip(range(first, last), self._ids[first:last], strict=True)


def _scores(agreement: Agreement, places: set[tuple[int, int]]) -> dict[tuple[int, str], float]:
    """Mean page score of each annotator with all others over the queued pages of a task."""
    sums: dict[tuple[int, str], list[float]] = {}
    tasks = agreement.tasks.filter(pc.is_valid(agreement.tasks["annotator_b"]))
    queued = pa.array(sorted({task for task, _ in places}), pa.int64())
    tasks = tasks.filter(pc.is_in(tasks["task_id"], queued))
    columns = ("task_id", "page", "annotator_a", "annotator_b", "score")
    for task, page, a, b, score in zip(*(tasks[name].to_pylist() for name in columns), strict=True):
        if (task, page) in places:
            for name in (a, b):
                sums.setdefault((task, name), []).append(score)
    return {key: round(sum(values) / len(values), 6) for key, values in sums.items()}


def _page_answers(
    export: Export, place: Layout, counted: NDArray[np.bool_], tasks: pa.Array, notes: bool
) -> dict[int, list[tuple[int | None, Entry]]]:
    """Answers about pages and tasks by row of the annotation, with their page."""
    found: dict[int, list[tuple[int | None, Entry]]] = {}
    own = export.annotations.select(["task_id", "annotation_id", "annotator", "source"])
    of_queue = pc.and_(pc.is_in(own["task_id"], tasks), pa.array(counted))
    rows = np.flatnonzero(of_queue.to_numpy())
    by_name = {
        tuple(key.values()): row for key, row in zip(own.take(pa.array(rows)).to_pylist(), rows.tolist(), strict=True)
    }
    answers = export.answers.filter(pc.is_in(export.answers["task_id"], tasks))
    for row in answers.to_pylist():
        annotation = by_name.get(tuple(row[name] for name in own.column_names))
        control = place.config.control(row["name"])
        if annotation is None or control is None or control.kind != row["kind"] or not control.to_name:
            continue
        if control.scope == "region" or control.kind not in VALUE_KEYS:
            continue
        question = Question(control, "")
        answer = row["text"] if row["number"] is None else row["number"]
        if answer is None or (question.typed and not notes):
            continue
        value, _ = question.value(answer)
        if value is not None:
            entry = {"from_name": control.name, "to_name": control.to_name[0], "type": control.kind, "value": value}
            found.setdefault(annotation, []).append((row["page"], entry))
    return found
