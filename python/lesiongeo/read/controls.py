"""The controls of an export: where each was used, and which of them says what (roles)."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..arrow import strings
from .config import SHAPES
from .options import ReadOptions

__all__ = ["CONTROL_SCHEMA", "Uses", "control_table", "merge_controls", "roles", "uses_of"]

CONTROL_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("kind", pa.string()),
        ("role", pa.string()),
        ("scope", pa.string()),
        ("in_config", pa.bool_()),
        ("count", pa.int64()),
        ("several", pa.bool_()),
        ("values", pa.list_(pa.string())),
    ]
)

#: Scopes as the core numbers them: drew the shape, labels of a region, answer of a region, of a page, of a task.
REGION, PAGE, TASK = 2, 3, 4
SCOPES = ("region", "region", "region", "page", "task")

#: Words of a name that give a role, the telling ones first.
ROLE_WORDS = {
    "track_id": (r"\btrack", r"\blesion ?(id|number|nr|no)\b", r"\bid\b"),
    "status": (r"\bstatus", r"\bchange"),
    "note": (r"\bnote", r"\bcomment", r"\bremark"),
}
#: Kinds that have a role where they are the only ones of their kind; others need a name that says so.
ROLE_KIND = {"track_id": "number", "status": "choices", "note": "textarea"}
#: Kinds that can have it by name.
NAMED_KINDS = {
    "track_id": ("number", "textarea", "choices"),
    "status": ("choices",),
    "note": ("textarea",),
}
#: Words that say that a number is no track id, or a choice no status, where it is the only one of its kind.
OTHERWISE = {
    "track_id": r"\b(mm|cm|px|size|width|height|length|depth|thick|diamet|radius|area|volume|angle|count|score|grade|"
    r"confiden|certain|probab|percent|age|weight|dose|rating|elevation|temperature|pain|itch)",
    "status": r"\b(confiden|certain|quality|site|location|body|side|type|class|diagnos|label|colou?r|shape|border|symm|"
    r"asymm|texture|structure|pattern|skin|sex|gender|usable|visib)",
    "note": r"(?!)",
}


class Uses(NamedTuple):
    """How often each control was used, by name, kind and scope as numbers of the core."""

    name: NDArray[Any]
    kind: NDArray[Any]
    scope: NDArray[Any]
    times: NDArray[Any]


def uses_of(columns: dict[str, Any]) -> Uses:
    """Return the uses that the core counted."""
    if "uses" in columns:
        own = columns["uses"]
        return Uses(own["name"], own["kind"], own["scope"], own["count"])
    # A core that does not count: answers are known, what drew the shapes is not.
    parts = []
    for table, scope in ((columns["controls"], None), (columns["answers"], columns["answers"]["page"])):
        scopes = np.full(len(table["name"]), REGION) if scope is None else np.where(scope < 0, TASK, PAGE)
        parts.append(np.stack([table["name"], table["kind"], scopes]).astype(np.int64))
    found, first, count = np.unique(np.concatenate(parts, axis=1), axis=1, return_index=True, return_counts=True)
    order = np.argsort(first, kind="stable")
    name, kind, scopes = found[:, order]
    return Uses(name, kind, scopes, count[order])


def several_valued(columns: dict[str, Any]) -> set[str]:
    """Return the names of choices that have an answer of several values."""
    choices = [code for code, kind in enumerate(columns["kinds"]) if kind == "choices"]
    found: set[str] = set()
    for own in (columns["controls"], columns["answers"]):
        texts = strings(own["text"])
        listed = pc.fill_null(pc.starts_with(texts, "["), False).to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(listed & np.isin(own["kind"], choices))
        for code in np.unique(own["name"][rows]).tolist():
            given = texts.take(pa.array(rows[own["name"][rows] == code])).unique().to_pylist()
            if any(_several(text) for text in given):
                found.add(columns["names"][code])
    return found


def _several(text: str) -> bool:
    """Whether a text is a JSON list of two values or more."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(values, list) and len(values) > 1


class _Row(NamedTuple):
    """A control as one row of the table."""

    name: str
    kind: str
    scope: str


def control_table(columns: dict[str, Any], options: ReadOptions) -> pa.Table:
    """Make the table of controls: those of the configuration in its order, then others in the order of their use."""
    names, kinds = columns["names"], columns["kinds"]
    own = uses_of(columns)
    counts: dict[_Row, int] = {}
    places = zip(own.name.tolist(), own.kind.tolist(), own.scope.tolist(), own.times.tolist(), strict=True)
    for name, kind, scope, times in places:
        row = _Row(names[name], kinds[kind], SCOPES[scope])
        counts[row] = counts.get(row, 0) + times
    return _table(counts, several_valued(columns), options)


def merge_controls(tables: Iterable[pa.Table], options: ReadOptions | None = None) -> pa.Table:
    """Join the tables of controls of several batches: counts add up, roles follow from all of them.

    Parameters
    ----------
    tables : iterable of pyarrow.Table
        `Export.controls` of each batch, all read with the same options.
    options : ReadOptions, optional
        Those options.

    Returns
    -------
    pyarrow.Table
        As `Export.controls` of the whole.
    """
    counts: dict[_Row, int] = {}
    several: set[str] = set()
    for table in tables:
        rows = (table[name].to_pylist() for name in ("name", "kind", "scope", "count", "several"))
        for name, kind, scope, count, of_several in zip(*rows, strict=True):
            row = _Row(name, kind, scope)
            counts[row] = counts.get(row, 0) + count
            several.update([name] if of_several else [])
    return _table({row: count for row, count in counts.items() if count}, several, options or ReadOptions())


def _table(counts: dict[_Row, int], several: set[str], options: ReadOptions) -> pa.Table:
    config = options.config
    expected = {} if config is None else {control.name: control for control in config.controls}
    listed = {_Row(control.name, control.kind, control.scope): 0 for control in expected.values()} | counts
    given = {name: role for role, name in roles(list(listed), options, several=several).items() if name is not None}
    rows = []
    for row, count in listed.items():
        control = expected.get(row.name)
        role = given.get(row.name)
        if role is None and row.scope == "region":
            role = _drawing_role(row.kind)
        known = None if config is None else control is not None
        values = None if control is None or row.kind != control.kind else control.values()
        of_several = row.kind == "choices" and row.name in several
        rows.append((*row[:2], role if row.scope == "region" else None, row.scope, known, count, of_several, values))
    columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) or [()] * len(CONTROL_SCHEMA)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, CONTROL_SCHEMA, strict=True)],
        schema=CONTROL_SCHEMA,
    )


def _drawing_role(kind: str) -> str | None:
    """Tell what draws from what gives labels only."""
    if kind.removesuffix("labels") in SHAPES:
        return "geometry"
    return "label" if kind.endswith("labels") else None


def roles(
    rows: Sequence[tuple[str, str, str]], options: ReadOptions, *, several: Collection[str] = ()
) -> dict[str, str | None]:
    """Tell which control holds the track ids, which the status, which the notes of regions.

    Parameters
    ----------
    rows : sequence of (name, kind, scope)
        Controls of the export and of the configuration.
    options : ReadOptions
        The configuration, and names that were given.
    several : collection of str, optional
        Names of choices that have an answer of several values.

    Returns
    -------
    dict
        For "track_id", "status" and "note" the name of a control, or None.

    Notes
    -----
    A name that was given counts, and gets no second role. Otherwise, among the controls asked per region, first those
    of the configuration, then any that were used:

    1. Names decide. Track ids are numbers, texts or choices whose name has a word that starts with "track", else the
       words "lesion id" (or number), else the word "id"; the status is a choice, one at a time, named "status..." or
       "change..."; notes are texts named "note...", "comment..." or "remark...". Words are parted by underscores,
       hyphens, spaces, digits and capitals. Of several names with the same word none is taken.
       A choice of several values, by the configuration or by any answer, is neither status nor track id.
    2. Where no name says so, the only number is the track id, the only choice (one at a time) the status, the only text
       the note, unless its name says that it is something else (a size, a score, a certainty, a body site, ...).

    What remains ambiguous has no role.

    Examples
    --------
    >>> from lesiongeo.read.controls import roles
    >>> from lesiongeo.read.options import ReadOptions
    >>> rows = [("trackId", "number", "region"), ("size_mm", "number", "region"), ("seen", "choices", "page")]
    >>> roles(rows, ReadOptions())
    {'track_id': 'trackId', 'status': None, 'note': None}
    """
    allowed: set[str] = set()
    settled: list[tuple[str, str]] = []
    if options.config is not None:
        allowed = {control.name for control in options.config.controls if control.several}
        settled = [(control.name, control.kind) for control in options.config.controls if control.per_region]
    used = [(name, kind) for name, kind, scope in rows if scope == "region"]
    found: dict[str, str | None] = {}
    for role in ROLE_WORDS:
        found[role] = options.roles.get(role)
        for candidates in (settled, used):
            if found[role] is None:
                single = [c for c in candidates if c[0] not in allowed and not (c[1] == "choices" and c[0] in several)]
                chosen = _choose(role, candidates if role == "note" else single)
                # What was said to be one thing is not guessed to be another.
                found[role] = None if chosen in options.roles.values() else chosen
    return found


def _choose(role: str, candidates: list[tuple[str, str]]) -> str | None:
    """Choose one control for a role, or none."""
    for word in ROLE_WORDS[role]:
        named = {name for name, kind in candidates if kind in NAMED_KINDS[role] and re.search(word, _words(name))}
        if named:
            return named.pop() if len(named) == 1 else None
    of_kind = {name for name, kind in candidates if kind == ROLE_KIND[role]}
    if len(of_kind) != 1:
        return None
    (only,) = of_kind
    words = _words(only)
    elsewhere = any(re.search(word, words) for other, tests in ROLE_WORDS.items() if other != role for word in tests)
    return None if elsewhere or re.search(OTHERWISE[role], words) else only


def _words(name: str) -> str:
    """Part a name into words of lower case."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[\W_\d]+", " ", name)
    return parted.lower().strip()
