"""Drift: what an export holds that its labeling configuration does not allow, and controls that change within it.

One row per distinct thing, with how often it occurs; the place is that of the first. Nothing is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..arrow import strings
from ..options import shown
from .config import ANSWERS, SHAPES, Choice, Control, LabelingConfig, path_text
from .options import ReadOptions
from .problems import ProblemRows
from .tables import by_name

__all__ = ["drift_problems", "whole_problems"]

NO_ROW = np.iinfo(np.uint32).max


class Place(NamedTuple):
    """Where something stands: the start of a row of problems."""

    task_id: int | None = None
    page: int | None = None
    annotation_id: int | None = None
    region_id: str | None = None


NOWHERE = Place()


@dataclass(slots=True)
class _Met:
    """A distinct value: how often it was met, and where first."""

    count: int
    place: Callable[[], Place]


def drift_problems(
    columns: dict[str, Any],
    options: ReadOptions,
    controls: pa.Table,
    regions: pa.Table,
    answers: pa.Table,
    *,
    whole: bool,
) -> pa.Table:
    """Report what the configuration does not allow, and with `whole` also what `whole_problems` does.

    Parameters
    ----------
    columns : dict
        What the core returns.
    options : ReadOptions
        With the configuration.
    controls, regions, answers : pyarrow.Table
        The tables made of it.
    """
    problems = ProblemRows()
    config = options.config
    entries = Entries(columns, regions, answers)
    if config is not None:
        _unknown_controls(controls, entries, problems)
        _labels(columns, config, regions, problems)
        for control in config.controls:
            if control.kind in ("choices", "taxonomy"):
                _choices(control, entries, problems)
            elif control.kind in ("number", "rating"):
                _numbers(control, entries, problems)
            elif control.kind == "datetime":
                _dates(control, entries, problems)
    found = problems.table()
    return pa.concat_tables([found, whole_problems(controls, options, first=entries.first)]) if whole else found


def whole_problems(
    controls: pa.Table, options: ReadOptions, *, first: Callable[[str], Place] = lambda _: NOWHERE
) -> pa.Table:
    """Report what the controls of a whole export tell: changes of kind and scope, names of roles that nobody used.

    Parameters
    ----------
    controls : pyarrow.Table
        `Export.controls`, of several batches merged.
    options : ReadOptions
        As the export was read.
    first : callable, optional
        Where a control of some name was first used, where that is known.
    """
    problems = ProblemRows()
    rows = sorted(controls.select(["name", "kind", "scope", "count"]).to_pylist(), key=lambda row: row["name"])
    for name, group in groupby(rows, key=lambda row: row["name"]):
        own = list(group)
        used = [row for row in own if row["count"]]
        control = None if options.config is None else options.config.control(name)
        for what, code in (("kind", "control_kind_changed"), ("scope", "control_scope_changed")):
            counts: dict[str, int] = {}
            for row in used:
                counts[row[what]] = counts.get(row[what], 0) + row["count"]
            told = ", ".join(f"{value} {_times(count)}" for value, count in counts.items())
            if len({_alike(value) for value in counts}) > 1:
                remedy = "its answers are kept, but check whether they mean the same"
                message = f"control {shown(name)} has several {what}s: {told}; {remedy}"
                _report(problems, first(name), code, message, "from_name")
            elif control is not None and counts and not _agrees(what, control, next(iter(counts))):
                expected = control.kind if what == "kind" else control.scope
                message = f"control {shown(name)} has the {what} {told}; the config says {expected}"
                _report(problems, first(name), code, f"{message}. Give the config of this export", "from_name")
    known = {row["name"] for row in rows}
    scopes = {(row["name"], row["scope"]) for row in rows}
    for role, name in options.roles.items():
        if (name, "region") not in scopes:
            there = sorted({row["name"] for row in rows if row["scope"] == "region" and row["kind"] in ANSWERS})
            listed = ", ".join(shown(one) for one in there[:20]) + (", ..." if len(there) > 20 else "")
            what = "is not asked per region" if name in known else "is in neither export nor config"
            message = (
                f"{role}={shown(name)}: this control {what}, so no region has a {role}; there are {listed or 'none'}"
            )
            problems.add(None, field="from_name", code="role_unknown", message=message)
    return problems.table()


def _alike(value: str) -> str:
    """Kinds that one control can have: the magic wand paints with a brush."""
    return value.replace("magicwand", "brush")


def _agrees(what: str, control: Control, found: str) -> bool:
    if what == "kind":
        shape, expected = (kind.removesuffix("labels") for kind in (_alike(found), _alike(control.kind)))
        return shape == expected if shape in SHAPES else found == control.kind
    # A question about a page may be answered for a task that has no pages.
    return (found == "region") == (control.scope == "region")


class Entries:
    """Answers of regions, pages and tasks, by the name of their control."""

    def __init__(self, columns: dict[str, Any], regions: pa.Table, answers: pa.Table) -> None:
        self.codes = {name: code for code, name in enumerate(columns["names"])}
        self.regions = _places(regions)
        self.answers = _places(answers)
        # Row of the first region that each control drew; backwards, so that the first one stays.
        drew = columns["regions"].get("from_name", np.empty(0, dtype=np.uint32))
        rows = np.flatnonzero(drew != NO_ROW)[::-1]
        self.drew = np.full(len(columns["names"]), -1, dtype=np.int64)
        self.drew[drew[rows]] = rows
        self.columns = [columns[key] for key in ("controls", "answers")]
        self.sorted: list[tuple[NDArray[np.int64], NDArray[Any]]] = []

    def of(self, name: str) -> Iterator[tuple[dict[str, Any], NDArray[np.int64], Callable[[int], Place]]]:
        """The columns of answers, the entries of one control in them, and where an entry stands."""
        code = self.codes.get(name)
        if code is None:
            return
        if not self.sorted:
            for own in self.columns:
                order = by_name(own["name"])[0]
                self.sorted.append((order, own["name"][order]))
        for which, (own, (order, names)) in enumerate(zip(self.columns, self.sorted, strict=True)):
            start, stop = np.searchsorted(names, np.array([code, code + 1], dtype=names.dtype))
            if stop > start:
                yield own, order[start:stop], self._region_place(own) if which == 0 else self._answer_place

    def first(self, name: str) -> Place:
        """Where a control was first used."""
        code = self.codes.get(name)
        if code is None:
            return Place()
        if self.drew[code] >= 0:
            return _place(self.regions, int(self.drew[code]))
        for _, entries, place in self.of(name):
            return place(int(entries[0]))
        return Place()

    def _region_place(self, own: dict[str, Any]) -> Callable[[int], Place]:
        return lambda entry: _place(self.regions, int(own["row"][entry]))

    def _answer_place(self, entry: int) -> Place:
        return _place(self.answers, entry)


def _places(table: pa.Table) -> dict[str, pa.Array]:
    """The columns that say where a row stands."""
    there = set(table.column_names)
    return {name: table[name].combine_chunks() for name in Place._fields if name in there}


def _place(columns: dict[str, pa.Array], row: int) -> Place:
    return Place(**{name: column[row].as_py() for name, column in columns.items()})


def _report(problems: ProblemRows, place: Place, code: str, message: str, where: str) -> None:
    problems.add(
        place.task_id,
        page=place.page,
        annotation_id=place.annotation_id,
        region_id=place.region_id,
        field=where,
        code=code,
        message=message,
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _unknown_controls(controls: pa.Table, entries: Entries, problems: ProblemRows) -> None:
    """Controls that were used, but are not in the configuration."""
    counts: dict[str, int] = {}
    for name, known, count in zip(*(controls[key].to_pylist() for key in ("name", "in_config", "count")), strict=True):
        if not known:
            counts[name] = counts.get(name, 0) + count
    for name, count in counts.items():
        message = (
            f"control {shown(name)} was used {_times(count)} and is not in the config; its answers are kept. Was it "
            "renamed or removed? Give the config of this export"
        )
        _report(problems, entries.first(name), "control_unknown", message, "from_name")


@dataclass(slots=True)
class _Allowed:
    """What exports may contain, and for values that have an alias the alias."""

    values: set[str] = field(default_factory=set)
    aliases: dict[str, str] = field(default_factory=dict)

    def add(self, control: Control) -> None:
        """Allow what a control offers."""
        self.values.update(control.values() or ())
        pairs = _plain_paths(control.choices) if control.nested else ((c.value, c.exported) for c in control.choices)
        self.aliases.update((value, exported) for value, exported in pairs if value != exported)

    def check(self, met: dict[str, _Met], code: str, what: str, where: str, problems: ProblemRows) -> None:
        """Report the values that are not allowed."""
        for value, seen in met.items():
            if value in self.values:
                continue
            alias = self.aliases.get(value)
            if alias is not None and alias in met:
                message = (
                    f"{what} {shown(value)} occurs {_times(seen.count)} and its alias {shown(alias)} "
                    f"{_times(met[alias].count)}; they count as two. Was the alias added later? Make them one"
                )
                _report(problems, seen.place(), "alias_mixed", message, where)
                continue
            hint = "" if alias is None else f" under this name, but as its alias {shown(alias)}"
            message = (
                f"{what} {shown(value)} occurs {_times(seen.count)} and is not in the config{hint}; it is kept. Give "
                "the config of this export, or correct the annotations"
            )
            _report(problems, seen.place(), code, message, where)


def _plain_paths(choices: Iterable[Choice]) -> Iterator[tuple[str, str]]:
    """Paths of a taxonomy without and with aliases."""

    def below(choice: Choice, plain: tuple[str, ...], exported: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        plain, exported = (*plain, choice.value), (*exported, choice.exported)
        yield path_text(plain), path_text(exported)
        for child in choice.children:
            yield from below(child, plain, exported)

    for choice in choices:
        yield from below(choice, (), ())


def _labels(columns: dict[str, Any], config: LabelingConfig, regions: pa.Table, problems: ProblemRows) -> None:
    """Labels that no control offers. A label may come from another control than the one that drew."""
    controls = [control for control in config.controls if control.labels]
    if any(control.dynamic for control in controls):
        return
    allowed = _Allowed()
    for control in controls:
        allowed.add(control)
    offsets, values = columns["regions"]["labels"]
    places = _places(regions)
    met = _distinct(
        strings(values),
        lambda entry: _place(places, int(np.searchsorted(offsets, entry, side="right")) - 1),
    )
    allowed.check(met, "label_unknown", "label", "value", problems)


def _choices(control: Control, entries: Entries, problems: ProblemRows) -> None:
    """Choices and paths of a taxonomy that a control does not offer."""
    if control.dynamic:
        return
    allowed = _Allowed()
    allowed.add(control)
    met: dict[str, _Met] = {}
    for own, rows, place in entries.of(control.name):
        texts = strings(own["text"]).take(pa.array(rows))
        for text, seen in _distinct(texts, _within(rows, place)).items():
            for value in _values(text, control.nested, allowed.values):
                if value in met:
                    met[value].count += seen.count
                else:
                    met[value] = _Met(seen.count, seen.place)
    allowed.check(met, "choice_unknown", f"choice of {shown(control.name)}", "value", problems)


def _within(rows: NDArray[np.int64], place: Callable[[int], Place]) -> Callable[[int], Place]:
    return lambda entry: place(int(rows[entry]))


def _values(text: str, nested: bool, allowed: set[str]) -> list[str]:
    """The single values of an answer: the text, the texts of a JSON list, or the paths of a list of lists."""
    if text in allowed and not nested:
        return [text]
    try:
        found = json.loads(text) if text.startswith("[") else text
    except (ValueError, RecursionError):
        found = text
    if not isinstance(found, list):
        return [path_text((text,)) if nested else text]
    if nested and all(isinstance(part, str) for part in found):
        found = [found]
    return [path_text(part) if isinstance(part, list) else str(part) for part in found]


def _distinct(texts: pa.Array, place: Callable[[int], Place]) -> dict[str, _Met]:
    """Count distinct texts; nulls are left out."""
    encoded = texts.dictionary_encode()
    present = np.flatnonzero(texts.is_valid().to_numpy(zero_copy_only=False))
    codes = encoded.indices.take(pa.array(present)).to_numpy()
    names = encoded.dictionary.to_pylist()
    counts = np.bincount(codes, minlength=len(names))
    first = np.zeros(len(names), dtype=np.int64)
    first[codes[::-1]] = present[::-1]
    return {
        name: _Met(int(count), _at(int(entry), place))
        for name, count, entry in zip(names, counts, first, strict=True)
        if count
    }


def _at(entry: int, place: Callable[[int], Place]) -> Callable[[], Place]:
    return lambda: place(entry)


def _numbers(control: Control, entries: Entries, problems: ProblemRows) -> None:
    """Numbers outside the limits of their control."""
    low = -np.inf if control.minimum is None else control.minimum
    high = np.inf if control.maximum is None else control.maximum
    outside: list[tuple[NDArray[np.float64], Place]] = []
    for own, rows, place in entries.of(control.name):
        given = own["number"][rows]
        wrong = np.flatnonzero((given < low) | (given > high))
        if len(wrong):
            outside.append((given[wrong], place(int(rows[wrong[0]]))))
    _outside(control, outside, (control.minimum, control.maximum), problems)


def _dates(control: Control, entries: Entries, problems: ProblemRows) -> None:
    """Dates outside the limits of their control; ISO dates compare as texts, as far as the limit is written."""
    low, high = control.earliest, control.latest
    if low is None and high is None:
        return
    outside: list[tuple[Sequence[Any], Place]] = []
    for own, rows, place in entries.of(control.name):
        met = _distinct(strings(own["text"]).take(pa.array(rows)), _within(rows, place))
        wrong = {
            text: seen
            for text, seen in met.items()
            if text[:4].isdigit()
            and ((low is not None and text[: len(low)] < low) or (high is not None and text[: len(high)] > high))
        }
        if wrong:
            values = [text for text, seen in wrong.items() for _ in range(seen.count)]
            outside.append((values, next(iter(wrong.values())).place()))
    _outside(control, outside, (low, high), problems)


def _outside(
    control: Control,
    outside: Sequence[tuple[Sequence[Any] | NDArray[Any], Place]],
    limits: tuple[Any, Any],
    problems: ProblemRows,
) -> None:
    if not outside:
        return
    count = sum(len(values) for values, _ in outside)
    low, high = (edge(edge(values) for values, _ in outside) for edge in (min, max))
    told = f"{low}" if low == high else f"from {low} to {high}"
    allowed = " and ".join(
        f"at {word} {limit}" for word, limit in zip(("least", "most"), limits, strict=True) if limit is not None
    )
    message = (
        f"control {shown(control.name)} was answered {_times(count)} with a value outside its limits ({told}); the "
        f"config wants {allowed}. The values are kept; correct them or the config"
    )
    _report(problems, outside[0][1], "value_out_of_range", message, "value")
