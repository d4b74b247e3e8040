"""The section of lesions over time: which lesions are shown, what contradicts what, findings about ids, the noise."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .courses import KEY, READ, Course, course_codes, courses_of, findings_in_words, lesion_name, listed
from .figure import visit_in_words
from .run import Run, floats, rows_of, texts
from .text import plural, shown

__all__ = ["MOST_LESIONS", "lesions"]

Ints = NDArray[np.int64]

#: Lesions drawn, and rows of the two lists shown; the tables have all.
MOST_LESIONS, MOST_ROWS = 40, 200
#: Messages about one lesion.
MOST_SAID = 4
#: The order of statuses; others follow.
STATUSES = "baseline new stable enlarged shrunk resolved not_imaged split merged".split()
CONFLICT = "visit task_id page ticked measured pct_area mdc95 area_previous area_now unit days".split()
FINDING = "severity code visit task_id page annotator".split()
NOISE = "component annotator size_class effect_percent sd_log_area mdc95_percent df n_lesions source reason".split()
#: Findings whose values are counted by us, not typed by people.
COUNTED = frozenset("id_gap id_jump id_label_differs missed_by".split())
#: Words of ids as people number lesions: short, or with a number; longer texts may name somebody.
PLAIN_WORD = re.compile(r"[^\W\d_]{1,4}|(?=.*\d)[\w.+#:/-]{1,16}")


def lesions(run: Run, most: int, *, notes: bool) -> tuple[dict[str, Any], list[Course]]:
    """Return what the section says, and the lesions that are drawn.

    Parameters
    ----------
    run : Run
        The tables tracks, track_conflicts, track_findings and track_noise, those that are there.
    most : int
        Lesions drawn, at most; never more than `MOST_LESIONS`.
    notes : bool
        Show ids that are no plain numbers or names as they were typed.
    """
    table = run.columns("tracks", [*KEY, *READ])
    if table is None:
        table = pa.table({})
    others = [run.table("track_conflicts"), run.table("track_findings")]
    codes, *of_others = _joint_codes(table, [one for one in others if one is not None])
    of_conflicts, of_findings = (of_others.pop(0) if one is not None else np.empty(0, np.int64) for one in others)
    order = _order(table, codes, of_conflicts, others[1], of_findings)
    drawn = order[: min(most, MOST_LESIONS)]
    rank = {int(code): number for number, code in enumerate(drawn, 1)}
    courses = _courses(table, codes, drawn)
    for course, conflicts in zip(courses, _about(others[0], of_conflicts, drawn, notes), strict=True):
        course.contradict(conflicts)
    for course, findings in zip(courses, _about(others[1], of_findings, drawn, notes), strict=True):
        course.findings += findings
    for course in courses:
        course.alias = _id(course.track, notes)
    statuses = Counter(texts(table, "geo_status").drop_null().to_pylist())
    data = {
        "n": len(np.unique(codes)),
        "n_patients": pc.count_distinct(texts(table, "patient"), mode="only_valid").as_py(),
        "n_significant": int(np.count_nonzero(floats(table, "significant") == 1)),
        "n_interesting": len(order),
        "n_conflicts": run.rows("track_conflicts"),
        "n_findings": run.rows("track_findings"),
        "statuses": [{"status": name, "n": statuses[name]} for name in _in_order(statuses)],
        "matrix": _matrix(table),
        "conflicts": [
            {name: row.get(name) for name in CONFLICT}
            | {"annotators": listed(row.get("annotators")), "lesion": _name(row, notes), "rank": rank.get(code)}
            for code, row in zip(of_conflicts.tolist(), rows_of(others[0], MOST_ROWS), strict=False)
        ],
        "findings": [
            {name: row.get(name) for name in FINDING}
            | {"message": _message(row, notes), "value": _value(row, notes)}
            | {"lesion": _name(row, notes), "rank": rank.get(code)}
            for code, row in zip(of_findings.tolist(), rows_of(others[1], MOST_ROWS), strict=False)
        ],
        "noise": [{name: row.get(name) for name in NOISE} for row in rows_of(run.table("track_noise"), MOST_ROWS)],
        "lesions": [_said(number, course) for number, course in enumerate(courses, 1)],
    }
    return data, courses


def _about(table: pa.Table | None, codes: Ints, drawn: list[int], notes: bool) -> list[list[dict[str, Any]]]:
    """Return the rows of a table about each of these lesions."""
    found: dict[int, list[dict[str, Any]]] = {code: [] for code in drawn}
    if table is not None and drawn:
        inside = np.flatnonzero(np.isin(codes, drawn))
        for code, row in zip(codes[inside].tolist(), table.take(pa.array(inside)).to_pylist(), strict=True):
            found[code].append(row | {"message": _message(row, notes), "value": _value(row, notes)})
    return list(found.values())


def _joint_codes(table: pa.Table, others: list[pa.Table]) -> list[Ints]:
    """Number the lesions of all tables alike."""
    by_annotator = "annotator" in table.column_names
    parts = []
    for one in (table, *others):
        named = {name: texts(one, name) for name in KEY if name != "annotator"}
        if by_annotator and "annotator" in one.column_names:
            named["annotator"] = texts(one, "annotator")
        elif by_annotator:
            lists = one["annotators"].to_pylist() if "annotators" in one.column_names else [None] * one.num_rows
            named["annotator"] = pa.chunked_array([[next(iter(listed(names)), None) for names in lists]], pa.string())
        else:
            named["annotator"] = texts(pa.table({"": pa.nulls(one.num_rows)}), "annotator")
        tasks = "task_id" in one.column_names
        named["task_id"] = one["task_id"].cast(pa.int64()) if tasks else pa.chunked_array([pa.nulls(one.num_rows)])
        parts.append(pa.table(named))
    codes = course_codes(pa.concat_tables(parts, promote_options="permissive"))
    ends = np.cumsum([one.num_rows for one in (table, *others)])
    return np.split(codes, ends[:-1])


def _order(table: pa.Table, codes: Ints, of_conflicts: Ints, findings: pa.Table | None, of_findings: Ints) -> list[int]:
    """Return the lesions worth a look: contradicted ones in the order of their table, changes, then findings."""
    order = [int(code) for code in of_conflicts[np.isin(of_conflicts, codes)]]
    order += codes[floats(table, "conflict") == 1].tolist()
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.abs(np.log1p(floats(table, "pct_area") / 100.0)) / np.log1p(floats(table, "mdc95") / 100.0)
    beyond = np.flatnonzero(floats(table, "significant") == 1)
    order += codes[beyond[np.argsort(-np.nan_to_num(change[beyond], posinf=0.0), kind="stable")]].tolist()
    if findings is not None:
        serious = pc.fill_null(pc.not_equal(texts(findings, "severity"), "info"), True).to_numpy()
        order += of_findings[serious & np.isin(of_findings, codes)].tolist()
    return list(dict.fromkeys(order))


def _courses(table: pa.Table, codes: Ints, drawn: list[int]) -> list[Course]:
    """Make the courses of these lesions, in this order."""
    inside = np.flatnonzero(np.isin(codes, drawn))
    found = courses_of(table.take(pa.array(inside)), codes[inside])
    place = {code: at for at, code in enumerate(dict.fromkeys(codes[inside].tolist()))}
    return [found[place[code]] for code in drawn]


def _in_order(names: Counter[str]) -> list[str]:
    return [*(name for name in STATUSES if names[name]), *sorted(names.keys() - set(STATUSES))]


def _matrix(table: pa.Table) -> dict[str, Any] | None:
    """Count what was ticked against what was measured; None where nothing was ticked."""
    ticked, measured = (texts(table, name).to_pylist() for name in ("human_status", "geo_status"))
    counts = Counter((a, b) for a, b in zip(ticked, measured, strict=True) if a is not None and b is not None)
    if not counts:
        return None
    rows, columns = (_in_order(Counter(key[side] for key in counts)) for side in (0, 1))
    return {"ticked": rows, "measured": columns, "counts": [[counts[a, b] for b in columns] for a in rows]}


def _id(typed: str | None, notes: bool) -> str | None:
    """Return an id where it is a plain one; what else was typed only where notes are wanted.

    Examples
    --------
    >>> _id("3", False), _id("p1, p2", False), _id("arm of Mrs Smith", False), _id("arm of Mrs Smith", True)
    ('3', 'p1, p2', '(16 characters)', 'arm of Mrs Smith')
    """
    if typed is None or notes or all(PLAIN_WORD.fullmatch(word) for word in re.split(r"[\s,;]+", typed[:100])):
        return typed
    return f"({plural(len(typed), 'character')})"


def _value(row: dict[str, Any], notes: bool) -> str | None:
    value = None if row.get("value") is None else str(row["value"])
    return _id(value, notes or row.get("code") in COUNTED)


def _message(row: dict[str, Any], notes: bool) -> str:
    """Return the message of a finding or conflict without the ids that may name somebody."""
    message = str(row.get("message") or "")
    for typed, safe in ((row.get("value"), _value(row, notes)), (row.get("track_id"), None)):
        if typed is not None:
            safe = _id(str(typed), notes) if safe is None else safe
            message = message if safe == str(typed) else message.replace(str(typed), str(safe))
    return message


def _name(row: dict[str, Any], notes: bool) -> str:
    """Return the name of the lesion of a finding, empty where it is about none."""
    if row.get("track_id") is None:
        parts = [] if row.get("patient") is None else [f"patient {shown(row['patient'], 40)}"]
        return ", ".join(parts)
    keys = {name: None if row.get(name) is None else str(row[name]) for name in KEY}
    task = row.get("task_id")
    course = Course(keys["patient"], keys["site"], keys["track_id"], None, None, None, task_id=task)
    course.alias = _id(course.track, notes)
    return lesion_name(course)


def _said(number: int, course: Course) -> dict[str, Any]:
    """Return what the strip of a lesion says."""
    messages = [("conflict", row["message"]) for row in course.conflicts]
    messages += [("finding", text) for text in findings_in_words(course.findings)]
    return {
        "rank": number,
        "name": lesion_name(course),
        "label": course.label,
        "id_source": course.id_source,
        "unit": course.unit,
        "n_conflicts": len(course.conflicts),
        "messages": [{"kind": kind, "text": text} for kind, text in messages[:MOST_SAID]],
        "messages_left_out": max(len(messages) - MOST_SAID, 0),
        "visits": [
            {
                "visit": one.visit,
                "day": one.day,
                "area": one.area,
                "percent": one.percent,
                "mdc": one.mdc,
                "significant": one.significant,
                "measured": one.measured,
                "ticked": one.ticked,
                "conflict": one.conflict,
                "lines": [{"role": role, "text": text} for role, text in visit_in_words(one)],
            }
            for one in course.seen
        ],
    }
