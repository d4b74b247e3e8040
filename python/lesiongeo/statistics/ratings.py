"""Ratings: what each annotator said of each lesion, page or task, as one table of codes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..agreement.annotators import UNKNOWN, annotator_order, ranks
from ..agreement.counted import label_sets
from ..options import shown
from ..read.config import ANSWERS
from ..regions import FIXED, column_of
from .coding import number_of

if TYPE_CHECKING:
    from ..agreement import Agreement
    from ..read import Export

__all__ = ["LABEL", "MISSED", "Control", "Rated", "Ratings", "Units", "controls_of", "find_control", "ratings"]

LABEL = "label"
SCOPES = ("region", "page", "task")
#: What becomes of a lesion that an annotator of the task did not draw.
MISSED = ("category", "left_out")


@dataclass(frozen=True, slots=True, repr=False)
class Ratings:
    """What annotators said of units: lesions, pages or tasks.

    Attributes
    ----------
    control : str
        "label" or a control.
    scope : str
        region, page or task.
    missed : str
        "category" or "left_out".
    annotators : tuple of str
        One per column.
    categories : tuple of (str or None)
        What was said, as text; None stands for a missed lesion and is the last.
    ordered : bool
        Whether the order of the categories means something: they are numbers (but not track ids), or single choices
        that the configuration lists so.
    codes : ndarray of int32, shape (n_units, n_annotators)
        Places in `categories`; -1 is no rating.
    units : pyarrow.Table
        task_id, page (null for tasks), lesion (the row of `Agreement.lesions`; null for pages and tasks).

    Examples
    --------
    >>> import lesiongeo as lg
    >>> export = lg.read_label_studio("examples/dermatology.json")
    >>> lg.ratings(export, lg.agreement(export, boundary=False), "label", missed="category")
    <Ratings of label: 268 units, 3 annotators, 5 categories>
    """

    control: str
    scope: str
    missed: str
    annotators: tuple[str, ...]
    categories: tuple[str | None, ...]
    ordered: bool
    codes: NDArray[np.int32]
    units: pa.Table

    def __repr__(self) -> str:
        """Say how much there is."""
        return (
            f"<Ratings of {self.control}: {len(self.codes)} units, {len(self.annotators)} annotators, "
            f"{len(self.categories)} categories>"
        )


class Control(NamedTuple):
    """Something that annotators say of regions, pages or tasks."""

    name: str
    scope: str
    #: Kind of the control, "label" for labels.
    kind: str
    #: Names in the order of the configuration, where it has one.
    values: tuple[str, ...] | None
    #: Free text.
    note: bool
    #: Names without an order, even where they are numbers: labels and track ids.
    nominal: bool


class Rated(NamedTuple):
    """Answers to one control, as codes."""

    codes: NDArray[np.int32]
    categories: tuple[str, ...]
    ordered: bool
    units: pa.Table


def controls_of(export: Export, *, unanswered: bool = False) -> list[Control]:
    """List what annotators say: labels, then the controls of regions, pages and tasks that were answered.

    With `unanswered` also labels that nobody gave, and the controls that nobody answered, last.
    """
    found = []
    if unanswered or pc.any(pc.greater(pc.list_value_length(export.regions.table["labels"]), 0)).as_py():
        found.append(Control(LABEL, "region", LABEL, None, False, True))
    names, kinds, own_roles, scopes, counts, several, values = (
        export.controls[key].to_pylist() for key in ("name", "kind", "role", "scope", "count", "several", "values")
    )
    seen = set()

    def add(at: int, scope: str) -> None:
        shown_as = column_of(names[at]) if scope == "region" else names[at]
        if (shown_as, scope) in seen:
            return
        seen.add((shown_as, scope))
        single = kinds[at] == "choices" and not several[at] and values[at] is not None
        order = tuple(values[at]) if single else None
        note = own_roles[at] == "note" or kinds[at] == "textarea"
        found.append(Control(shown_as, scope, kinds[at], order, note, own_roles[at] == "track_id"))

    columns = set(export.regions.table.column_names) - FIXED
    for scope in SCOPES:
        for at, name in enumerate(names):
            if scopes[at] == scope and counts[at] and (scope != "region" or column_of(name) in columns):
                add(at, scope)
    answered = {name for name, count in zip(names, counts, strict=True) if count}
    for at, name in enumerate(names):
        if unanswered and name not in answered and kinds[at] in ANSWERS and scopes[at] in SCOPES:
            add(at, scopes[at])
    return found


def find_control(export: Export, name: str, scope: str | None = None) -> Control:
    """Return the control of a name; `ValueError` lists those there are."""
    if scope is not None and scope not in SCOPES:
        raise ValueError(f"scope is {shown(scope)}; it is one of {', '.join(SCOPES)}")
    known = controls_of(export)
    for control in known:
        if name == control.name and scope in (None, control.scope):
            return control
    listed = ", ".join(f"{control.name} ({control.scope})" for control in known) or "none was answered"
    raise ValueError(f"control is {shown(name)}; the export has: {listed}")


class Units:
    """Who annotated which task and drew which lesion, looked up once for all controls."""

    def __init__(self, export: Export, agreement: Agreement) -> None:
        self.export, self.agreement = export, agreement
        rows = np.asarray(agreement.annotation_rows, dtype=np.int64)
        author = pc.fill_null(export.annotations["annotator"].take(pa.array(rows)), UNKNOWN)
        #: Annotators with an annotation that counts, in order.
        self.names: tuple[str, ...] = tuple(sorted(author.unique().to_pylist(), key=annotator_order))
        rank = ranks(author, list(self.names))
        self._rank = np.full(export.annotations.num_rows, -1, dtype=np.int64)
        self._rank[rows] = rank
        task = export.annotations["task_id"].to_numpy()[rows]
        self._tasks, place = np.unique(task, return_inverse=True)
        self._annotated = np.zeros((len(self._tasks), len(self.names)), dtype=bool)
        self._annotated[place, rank] = True
        lesion = np.asarray(agreement.lesion_of_region)
        #: Regions that count, with their lesion and annotator.
        self.regions = np.flatnonzero(lesion >= 0)
        self.lesion = lesion[self.regions]
        self.annotator = self._rank[export.annotation_rows[self.regions]]

    def missed(self) -> NDArray[np.bool_]:
        """Lesions x annotators: who annotated the task and did not draw the lesion."""
        task = np.searchsorted(self._tasks, self.agreement.lesions["task_id"].to_numpy())
        absent: NDArray[np.bool_] = self._annotated[task]
        absent[self.lesion, self.annotator] = False
        return absent

    def rated(self, control: Control) -> Rated:
        """Return the answers to a control, missed lesions without a rating."""
        if control.scope == "region":
            lesions = self.agreement.lesions
            if control.kind == LABEL:
                codes, categories = _label_codes(self.export.regions.table, self.regions)
                ordered = False
            else:
                regions = self.export.regions.table
                # What nobody answered may have no column.
                here = control.name in regions.column_names
                column = regions[control.name] if here else pa.chunked_array([pa.nulls(regions.num_rows, pa.string())])
                codes, categories, ordered = _codes(column.take(pa.array(self.regions)), control)
            table = np.full((lesions.num_rows, len(self.names)), -1, dtype=np.int32)
            table[self.lesion, self.annotator] = codes
            number = pa.array(np.arange(lesions.num_rows))
            units = pa.table({"task_id": lesions["task_id"], "page": lesions["page"], "lesion": number})
            return Rated(table, categories, ordered, units)
        return self._answered(control)

    def _answered(self, control: Control) -> Rated:
        """Answers that belong to pages or tasks."""
        answers = self.export.answers
        own = pc.and_(pc.equal(answers["name"], control.name), pc.equal(answers["source"], "annotation"))
        of_page = pc.is_valid(answers["page"])
        answers = answers.filter(pc.and_(own, of_page if control.scope == "page" else pc.invert(of_page)))
        row = self._annotation_of(answers)
        rank = np.where(row >= 0, self._rank[row], -1)
        answers = answers.filter(pa.array(rank >= 0))
        rank = rank[rank >= 0]
        page = pc.fill_null(answers["page"], -1).to_numpy().astype(np.int64)
        # Pages are below 100,000, so that both fit one number.
        place = np.searchsorted(self._tasks, answers["task_id"].to_numpy()) << 32 | (page + 1)
        found, unit = np.unique(place, return_inverse=True)
        task, page = self._tasks[found >> 32], (found & 0xFFFFFFFF) - 1
        numeric = answers["number"].null_count < answers.num_rows and answers["text"].null_count == answers.num_rows
        column = answers["number"] if numeric else pc.coalesce(answers["text"], pc.cast(answers["number"], pa.string()))
        given, categories, ordered = _codes(column, control)
        codes = np.full((len(found), len(self.names)), -1, dtype=np.int32)
        # Of several answers the last counts, as with regions.
        codes[unit.reshape(-1), rank] = given
        pages = pa.array(page.astype(np.int32), mask=page < 0)
        units = pa.table({"task_id": pa.array(task), "page": pages, "lesion": pa.nulls(len(found), pa.int64())})
        return Rated(codes, categories, ordered, units)

    def _annotation_of(self, answers: pa.Table) -> NDArray[np.int64]:
        """Rows of the annotations that answers belong to; -1 for those that do not count."""
        rows = np.flatnonzero(self._rank >= 0)
        theirs = self.export.annotations.take(pa.array(rows))
        task, wanted_task = (table["task_id"].to_numpy() for table in (theirs, answers))
        own, wanted = (pc.fill_null(table["annotation_id"], -1).to_numpy() for table in (theirs, answers))
        if len(np.unique(own)) < len(own):
            # Numbers that repeat, or are missing, tell annotations apart only within a task.
            both = np.stack([np.concatenate((task, wanted_task)), np.concatenate((own, wanted))], axis=1)
            _, code = np.unique(both, axis=0, return_inverse=True)
            own, wanted = np.split(code.reshape(-1), [len(rows)])
            task, wanted_task = np.zeros_like(own), np.zeros_like(wanted)
        order = np.argsort(own)
        if not len(order):
            return np.full(len(wanted), -1, dtype=np.int64)
        at = order[np.minimum(np.searchsorted(own, wanted, sorter=order), len(order) - 1)]
        same = (own[at] == wanted) & (task[at] == wanted_task)
        found: NDArray[np.int64] = np.where(same, rows[at], -1)
        return found


def ratings(
    export: Export, agreement: Agreement, control: str, *, missed: str = "left_out", scope: str | None = None
) -> Ratings:
    """Return what annotators said of the same lesions, pages or tasks.

    Parameters
    ----------
    export : Export
        What `read_label_studio` returns.
    agreement : Agreement
        Its agreement, which says which regions are one lesion.
    control : str
        "label", a column of a control of regions, or the name of a control of pages or tasks.
    missed : "left_out" or "category", default "left_out"
        Whether a lesion that an annotator of the task did not draw is no rating, or a rating of its own category.
        Pages and tasks have nothing to miss: who did not answer has no rating.
    scope : "region", "page" or "task", optional
        Which, where controls of one name are asked of several.

    Returns
    -------
    Ratings
        Lesions in the order of `Agreement.lesions`; pages and tasks that somebody answered, by task and page.
        Of several labels or choices the set counts, without order. A region without an answer is no rating.
        Categories are numbers by size, choices as the configuration lists them, others by their letters.
        O(n log n) in regions and answers; memory n_units x n_annotators.

    Raises
    ------
    ValueError
        If there is no such control, or missed has another name.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> export = lg.read_label_studio("examples/dermatology.json")
    >>> found = lg.ratings(export, lg.agreement(export, boundary=False), "lesion_status")
    >>> found.categories
    ('enlarged', 'new', 'regressed', 'resolved', 'stable')
    """
    if missed not in MISSED:
        raise ValueError(f"missed is {shown(missed)}; it is one of {', '.join(MISSED)}")
    found = find_control(export, control, scope)
    units = Units(export, agreement)
    codes, categories, ordered, table = units.rated(found)
    if missed == "category" and found.scope == "region":
        return Ratings(
            found.name, found.scope, missed, units.names, (*categories, None), False,
            np.where(units.missed(), np.int32(len(categories)), codes), table,
        )  # fmt: skip
    return Ratings(found.name, found.scope, "left_out", units.names, categories, ordered, codes, table)


def _label_codes(table: pa.Table, rows: NDArray[np.int64]) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Codes of the label sets of some regions; no label is no rating."""
    sets = label_sets(table)[rows] + 1
    # The first region of each set: of several values for one place the last stays.
    first = np.full(int(sets.max(initial=0)) + 1, -1, dtype=np.int64)
    first[sets[::-1]] = rows[::-1]
    known = np.flatnonzero(first >= 0)
    lists = table["labels"].take(pa.array(first[known])).to_pylist()
    texts: list[str | None] = [None] * len(first)
    for code, labels in zip(known.tolist(), lists, strict=True):
        texts[code] = _set_text(labels) if code else None
    return _by_text(sets, texts, sorted({text for text in texts if text is not None}))


def _codes(column: pa.ChunkedArray, control: Control) -> tuple[NDArray[np.int32], tuple[str, ...], bool]:
    """Codes of answers, their categories in order, and whether that order means something."""
    if pa.types.is_floating(column.type):
        numbers = pc.fill_null(column, np.nan).to_numpy()
        known = ~np.isnan(numbers)
        found = np.unique(numbers[known])
        codes = np.full(len(numbers), -1, dtype=np.int32)
        codes[known] = np.searchsorted(found, numbers[known])
        return codes, tuple(number_text(number) for number in found.tolist()), not control.nominal
    encoded = column.combine_chunks().dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    if control.kind == "choices":
        texts = [_choice_text(text) for text in texts]
    order, ordered = category_order(set(texts), control.values)
    codes, categories = _by_text(pc.fill_null(encoded.indices, len(texts)).to_numpy(), [*texts, None], order)
    return codes, categories, ordered and not control.nominal


def _by_text(
    inverse: NDArray[Any], texts: list[str | None], order: list[str]
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    place = {text: number for number, text in enumerate(order)}
    code = np.array([-1 if text is None else place[text] for text in texts], dtype=np.int32)
    return code[inverse.reshape(-1)], tuple(order)


def category_order(texts: set[str], listed: tuple[str, ...] | None) -> tuple[list[str], bool]:
    """Put categories in order: numbers by size, as listed, or by letters; say whether that order has a meaning."""
    numbers = {text: number_of(text) for text in texts}
    if texts and all(number is not None for number in numbers.values()):
        return sorted(texts, key=lambda text: (numbers[text], text)), True
    if texts and listed is not None and texts <= set(listed):
        return [text for text in dict.fromkeys(listed) if text in texts], True
    return sorted(texts), False


def number_text(number: float) -> str:
    """Write a number as short as it can be read back."""
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def _choice_text(text: str) -> str:
    """Write several choices as a set: sorted, each once."""
    if not text.startswith("["):
        return text
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return _set_text(values) if isinstance(values, list) and all(isinstance(v, str) for v in values) else text


def _set_text(values: list[str]) -> str:
    several = sorted(set(values))
    return several[0] if len(several) == 1 else json.dumps(several, ensure_ascii=False)
