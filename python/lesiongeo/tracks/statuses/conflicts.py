"""Contradictions between what annotators ticked and what their outlines say: a table, the worst first."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...agreement.counted import Ints
from .completion import Mask
from .contradictions import Contradiction, sentence
from .status import (
    BASELINE,
    ENLARGED,
    MERGED_WITH,
    NEW,
    NOT_IMAGED,
    RESOLVED,
    SEEN_AGAIN,
    SHRUNK,
    STABLE,
    Statuses,
    status_texts,
)
from .ticks import Ticks
from .vocabulary import STATUSES

__all__ = ["CONFLICT_SCHEMA", "KINDS", "Conflicts", "conflict_table"]

Floats: TypeAlias = NDArray[np.float64]

CONFLICT_SCHEMA = pa.schema(
    [
        ("severity", pa.int8()),
        ("kind", pa.string()),
        ("patient", pa.string()),
        ("site", pa.string()),
        ("track_id", pa.string()),
        ("visit", pa.int32()),
        ("previous_visit", pa.int32()),
        ("task_id", pa.int64()),
        ("page", pa.int32()),
        ("image", pa.string()),
        ("label", pa.string()),
        ("ticked", pa.string()),
        ("answer", pa.string()),
        ("annotators", pa.list_(pa.string())),
        ("n_annotators_said", pa.int32()),
        ("n_annotators", pa.int32()),
        ("measured", pa.string()),
        ("pct_area", pa.float64()),
        ("mdc95", pa.float64()),
        ("area_previous", pa.float64()),
        ("area_now", pa.float64()),
        ("unit", pa.string()),
        ("days", pa.float64()),
        ("id_doubt", pa.string()),
        ("message", pa.string()),
    ]
)

#: Kinds of conflicts; a code is the place in this tuple, -1 is none.
KINDS = (
    "opposite_direction",
    "change_not_ticked",
    "resolved_but_drawn",
    "seen_before",
    "not_seen_before",
    "change_not_measured",
    "not_imaged_but_drawn",
)
(OPPOSITE, NOT_TICKED, STILL_DRAWN, SEEN_BEFORE, NOT_SEEN, NOT_MEASURED, NOT_THERE) = range(len(KINDS))

#: Severity of each kind, 1 is the worst; `_severity` knows the exceptions.
SEVERITY = np.array([1, 3, 3, 3, 3, 4, 4], dtype=np.int64)

#: Columns that are taken over from the table of tracks where it has them.
TAKEN = "patient site track_id visit task_id page image label n_annotators pct_area mdc95 unit days id_doubt".split()


class Conflicts(NamedTuple):
    """The conflicts, and which rows of the table of tracks have one (its column `conflict`)."""

    table: pa.Table
    rows: Mask


def conflict_table(table: pa.Table, ticks: Ticks, statuses: Statuses) -> Conflicts:
    """Compare what was ticked with what was measured.

    Parameters
    ----------
    table : pyarrow.Table
        The table of tracks: patient, site, track_id, visit, task_id, page, image, label, n_annotators, unit, area_mm2,
        area_px2, pct_area, mdc95, significant, pct_area_first, significant_first, days. What is not there is null.
    ticks : Ticks
        What was ticked about its rows.
    statuses : Statuses
        What `geo_statuses` says about them.

    Returns
    -------
    Conflicts
        One row per row of the table and status that was ticked against it, with all who ticked it. Sorted by severity
        (1 is the worst), then by how far the change is beyond the noise, then as the table.
        O(n log n) in ticks, and a sentence per conflict.

    Notes
    -----
    What is ticked, against what is measured:

    - larger against smaller, smaller against larger: opposite_direction (severity 1);
    - `stable` against a change: change_not_ticked (2 if it grew, 3 if it shrank);
    - `resolved` on a lesion that is drawn, and is smaller than neither on the visit before nor on the first one:
      resolved_but_drawn (3; 1 if it grew). A faint remainder that shrank is no conflict;
    - `new` or `baseline` on a lesion that was drawn before: seen_before (3), unless `new` is said of one that had been
      looked for in vain in between;
    - `stable`, `enlarged` or `shrunk` on the first appearance of a lesion of which earlier, annotated visits show
      nothing: not_seen_before (3). On a first visit of a patient and site nothing is known, and nothing contradicts;
    - `enlarged` or `shrunk` where the area changed less than the rule asks for: change_not_measured (4), unless the
      change since the visit before or since the first one is in this direction and beyond the noise;
    - `not_imaged` on a lesion that is drawn: not_imaged_but_drawn (4).

    `split` and `merged` are not judged, nor is the growth of a lesion that only took in another one, unless a change
    the other way is ticked. What cannot be measured contradicts nothing that is ticked about size.
    """
    use = np.flatnonzero(ticks.code >= 0)
    kind = _kinds(table, ticks.row[use], ticks.code[use], statuses)
    use, kind = use[kind >= 0], kind[kind >= 0]
    row, code = ticks.row[use], ticks.code[use]
    marked = np.zeros(table.num_rows, dtype=bool)
    marked[row] = True
    if not len(use):
        return Conflicts(CONFLICT_SCHEMA.empty_table(), marked)
    key, first, group = np.unique(row * len(STATUSES) + code, return_index=True, return_inverse=True)
    row, code, kind = key // len(STATUSES), key % len(STATUSES), kind[first]

    columns = _numbers(table, row, statuses.previous[row])
    severity = _severity(kind, code, statuses.change[row])
    order = np.lexsort((code, row, -_beyond(columns), severity))
    people, words = _said(ticks, use, group, len(key))
    columns |= {
        "severity": pa.array(severity),
        "kind": pa.array(KINDS).take(pa.array(kind)),
        "ticked": status_texts(code),
        "measured": status_texts(statuses.code[row]),
        "answer": pa.array(words, pa.string()),
        "annotators": pa.array(people, pa.list_(pa.string())),
        "n_annotators_said": pa.array([len(names) for names in people], pa.int32()),
        "message": pa.nulls(len(key), pa.string()),
    }
    found = pa.table([columns[field.name].cast(field.type) for field in CONFLICT_SCHEMA], schema=CONFLICT_SCHEMA)
    found = found.take(pa.array(order)).combine_chunks()
    needed = (found[name].to_pylist() for name in Contradiction._fields)
    said = [sentence(Contradiction(*entry), statuses.rule) for entry in zip(*needed, strict=True)]
    for at, doubt in enumerate(found["id_doubt"].to_pylist()):
        if doubt is not None:
            said[at] += f" But its track id may be another lesion's ({doubt}): see the findings."
    column = CONFLICT_SCHEMA.get_field_index("message")
    return Conflicts(found.set_column(column, CONFLICT_SCHEMA.field("message"), pa.array(said, pa.string())), marked)


def _kinds(table: pa.Table, row: Ints, ticked: Ints, statuses: Statuses) -> Ints:
    """Kind of the conflict between each tick and its row, -1 for none."""
    measured, change = statuses.code[row], statuses.change[row]
    seen = statuses.previous[row] >= 0
    again, merged = (statuses.reason[row] == reason for reason in (SEEN_AGAIN, MERGED_WITH))
    grew, shrank = _beyond_noise(table, "significant", "pct_area")
    more, less = _beyond_noise(table, "significant_first", "pct_area_first")
    kind = np.full(len(row), -1, dtype=np.int64)

    up, down, same = ticked == ENLARGED, ticked == SHRUNK, ticked == STABLE
    kind[same & (np.abs(change) == 1) & ~merged] = NOT_TICKED
    explained = (up & (grew | more)[row]) | (down & (shrank | less)[row]) | merged
    kind[(up | down) & (change == 0) & ~explained] = NOT_MEASURED
    kind[(up & (change == -1)) | (down & (change == 1))] = OPPOSITE
    kind[(up | down | same) & (measured == NEW)] = NOT_SEEN
    kind[((ticked == NEW) & seen & ~again) | ((ticked == BASELINE) & seen)] = SEEN_BEFORE
    smaller = (change == -1) | shrank[row] | less[row]
    unknown = seen & (change == -2)
    kind[(ticked == RESOLVED) & ~smaller & ~unknown] = STILL_DRAWN
    kind[ticked == NOT_IMAGED] = NOT_THERE
    return kind


def _beyond_noise(table: pa.Table, significant: str, percent: str) -> tuple[Mask, Mask]:
    """Which rows are larger, which smaller, beyond the noise."""
    if significant not in table.column_names or percent not in table.column_names:
        none = np.zeros(table.num_rows, dtype=bool)
        return none, none
    sure = pc.fill_null(table[significant].cast(pa.bool_()), False).to_numpy()
    value = _floats(table, percent)
    return sure & (value > 0), sure & (value < 0)


def _floats(table: pa.Table, name: str) -> Floats:
    """Return a column of numbers, NaN for null and where there is no such column."""
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    values: Floats = pc.fill_null(table[name].cast(pa.float64()), np.nan).to_numpy()
    return values


def _severity(kind: Ints, ticked: Ints, change: Ints) -> Ints:
    found = SEVERITY[kind]
    # Growth that nobody noted is what people are harmed by.
    found[(kind == NOT_TICKED) & (change == 1)] = 2
    found[(kind == STILL_DRAWN) & (change == 1) & (ticked == RESOLVED)] = 1
    return found


def _numbers(table: pa.Table, row: Ints, previous: Ints) -> dict[str, pa.ChunkedArray | pa.Array]:
    """Return the columns that come from the table of tracks."""
    count = len(row)
    # Profiles and names are not copied for numbers.
    table = table.select([name for name in (*TAKEN, "area_mm2", "area_px2") if name in table.column_names])
    here = table.take(pa.array(row))
    # Without a visit before, the row itself is taken, and its numbers are left out.
    known = previous >= 0
    before = table.take(pa.array(np.where(known, previous, row)))
    columns: dict[str, pa.ChunkedArray | pa.Array] = {}
    for name in TAKEN:
        kind = CONFLICT_SCHEMA.field(name).type
        columns[name] = here[name].cast(kind) if name in here.column_names else pa.nulls(count, kind)
    visit = before["visit"].cast(pa.int32()).combine_chunks() if "visit" in before.column_names else None
    columns["previous_visit"] = (
        pa.nulls(count, pa.int32()) if visit is None else pc.if_else(pa.array(known), visit, None)
    )
    in_mm = pc.fill_null(pc.equal(columns["unit"], "mm"), False)
    in_mm = np.asarray(in_mm.to_numpy() if isinstance(in_mm, pa.ChunkedArray) else in_mm.to_numpy(zero_copy_only=False))
    now = np.where(in_mm, _floats(here, "area_mm2"), _floats(here, "area_px2"))
    then = np.where(in_mm, _floats(before, "area_mm2"), _floats(before, "area_px2"))
    then = np.where(known, then, np.nan)
    columns["area_now"] = pa.array(now, mask=np.isnan(now))
    columns["area_previous"] = pa.array(then, mask=np.isnan(then))
    return columns


def _beyond(columns: dict[str, pa.ChunkedArray | pa.Array]) -> Floats:
    """How many times the smallest detectable change each change is; -1 where that is not known."""
    percent, noise = (np.asarray(pc.fill_null(columns[name], np.nan)) for name in ("pct_area", "mdc95"))
    with np.errstate(divide="ignore", invalid="ignore"):
        times = np.abs(np.log1p(percent / 100.0)) / np.log1p(noise / 100.0)
    return np.where(np.isnan(times), -1.0, times)


def _said(ticks: Ticks, use: Ints, group: Ints, count: int) -> tuple[list[list[str]], list[str]]:
    """Who ticked it, and in which words."""
    people: list[set[int]] = [set() for _ in range(count)]
    words: list[set[str]] = [set() for _ in range(count)]
    answers = ticks.answer.take(pa.array(use)).to_pylist()
    for at, who, word in zip(group.tolist(), ticks.annotator[use].tolist(), answers, strict=True):
        people[at].add(who)
        words[at].add(word)
    return [[ticks.names[who] for who in sorted(one)] for one in people], [", ".join(sorted(one)) for one in words]
