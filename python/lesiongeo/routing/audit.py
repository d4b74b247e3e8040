"""What audits found: files of roles and verdicts, and intervals of the error rates."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from ..errors import ExportError
from ..options import shown
from ..statistics.intervals import wilson_interval
from .sample import Sample

__all__ = ["Audit", "audit_result", "read_roles", "read_verdicts"]

#: Verdicts as people and spreadsheets write them; nothing: not audited yet.
VERDICTS = {"0": False, "false": False, "no": False, "1": True, "true": True, "yes": True, "": None}
#: Rows that such a file has at most.
MOST_ROWS = 5_000_000


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found. See `audit_result`.

    Attributes
    ----------
    table : pyarrow.Table
        One row per annotator, then, where roles are known, one per role.
    n_open : int
        Annotations of the sample without a verdict.
    n_outside : int
        Verdicts on annotations that are not in the sample; they do not count.
    """

    table: pa.Table
    n_open: int
    n_outside: int


def audit_result(sample: Sample, verdicts: Mapping[tuple[int, str], bool]) -> Audit:
    """Tell the error rate of each annotator from the verdicts on a sample.

    Parameters
    ----------
    sample : Sample
        What `audit_sample` returned.
    verdicts : mapping of (int, str) to bool
        By task and annotator, whether the annotation has an error; see `read_verdicts`.

    Returns
    -------
    Audit
        `table`: annotator (null in rows of a role), role, n_sampled, n_audited, n_errors, error_rate, low, high
        (Wilson's interval), reason (not_audited, where there is no rate). Annotations without a verdict are left out,
        and so are verdicts outside of the sample, which somebody chose: they say nothing of the rest.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> from lesiongeo.routing import audit_result
    >>> sample = lg.audit_sample(lg.read_label_studio("examples/dermatology.json"), {"1": 1.0})
    >>> found = audit_result(sample, {(task, "1"): task == 3 for task in sample.rows["task_id"].to_pylist()})
    >>> {name: found.table[name][0].as_py() for name in ("n_audited", "n_errors")}
    {'n_audited': 38, 'n_errors': 1}
    """
    places = list(zip(sample.rows["task_id"].to_pylist(), sample.rows["annotator"].to_pylist(), strict=True))
    counts: dict[str, list[int]] = {}
    for place in places:
        known = counts.setdefault(place[1], [0, 0, 0])
        verdict = verdicts.get(place)
        known[0] += 1
        known[1] += verdict is not None
        known[2] += bool(verdict)
    people = [(row["annotator"], row["role"]) for row in sample.summary.select(["annotator", "role"]).to_pylist()]
    totals: list[list[int]] = []
    for name, role in people:
        of_role = [own for own, theirs in people if own is not None and theirs == role]
        members = of_role if name is None else [name]
        own_counts = [counts.get(member, [0, 0, 0]) for member in members]
        totals.append([sum(count[index] for count in own_counts) for index in range(3)])
    sampled, audited, errors = np.array(totals, dtype=np.int64).reshape(-1, 3).T
    low, high = wilson_interval(errors, audited, confidence=sample.options["confidence"])
    none = audited == 0
    table = pa.table(
        {
            "annotator": pa.array([name for name, _ in people], pa.string()),
            "role": pa.array([role for _, role in people], pa.string()),
            "n_sampled": pa.array(sampled),
            "n_audited": pa.array(audited),
            "n_errors": pa.array(errors),
            "error_rate": pa.array(errors / np.maximum(audited, 1), mask=none),
            "low": pa.array(low, mask=none),
            "high": pa.array(high, mask=none),
            "reason": pa.array(["not_audited" if missing else None for missing in none.tolist()], pa.string()),
        }
    )
    judged = sum(verdicts.get(place) is not None for place in places)
    return Audit(table, len(places) - judged, len(set(verdicts) - set(places)))


def read_roles(path: Path) -> dict[str, str]:
    """Read who has which role: a CSV file with the columns annotator and role.

    Parameters
    ----------
    path : Path
        UTF-8; separated by commas, semicolons or tabs.

    Returns
    -------
    dict of str to str
        Role of each annotator.

    Raises
    ------
    ExportError
        If a column is missing, a cell is empty, or somebody has two roles: with the line.
    """
    roles: dict[str, str] = {}
    for line, (annotator, role) in _rows(path, ("annotator", "role")):
        if not annotator or not role:
            raise ExportError(f"{path.name}, line {line}: annotator or role is empty; fill it in or remove the line")
        if roles.setdefault(annotator, role) != role:
            raise ExportError(
                f"{path.name}, line {line}: {annotator} has the role {role}, and {roles[annotator]} before"
            )
    return roles


def read_verdicts(path: Path) -> dict[tuple[int, str], bool]:
    """Read what an audit found: a CSV file with the columns task_id, annotator and error.

    Parameters
    ----------
    path : Path
        UTF-8; separated by commas, semicolons or tabs; further columns do no harm, so the file of the sample with one
        more column will do. `error` is 0 or 1, true or false, yes or no; an empty cell is an annotation that nobody has
        looked at yet.

    Returns
    -------
    dict of (int, str) to bool
        Verdicts by task and annotator.

    Raises
    ------
    ExportError
        If a column is missing, a cell cannot be read, or two lines contradict each other: with the line.
    """
    verdicts: dict[tuple[int, str], bool] = {}
    for line, (task, annotator, error) in _rows(path, ("task_id", "annotator", "error")):
        if error.lower() not in VERDICTS:
            raise ExportError(f"{path.name}, line {line}: error is {shown(error)}; it is 0 or 1, or empty")
        verdict = VERDICTS[error.lower()]
        if verdict is None:
            continue
        try:
            key = (int(task), annotator)
        except ValueError as problem:
            raise ExportError(f"{path.name}, line {line}: task_id is {shown(task)}, no whole number") from problem
        if verdicts.setdefault(key, verdict) != verdict:
            raise ExportError(f"{path.name}, line {line}: task {task} of {annotator} has another verdict before")
    return verdicts


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of each line of a CSV file."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            head = file.readline()
            separator = max(",;\t", key=head.count)
            names = [name.strip().lower() for name in next(csv.reader([head], delimiter=separator), [])]
            missing = [name for name in columns if name not in names]
            if missing:
                raise ExportError(
                    f"{path.name}: it has no column {' and no column '.join(missing)}; the first line should name "
                    f"{', '.join(columns)}"
                )
            places = [names.index(name) for name in columns]
            reader = csv.reader(file, delimiter=separator)
            for count, cells in enumerate(reader):
                if not any(cell.strip() for cell in cells):
                    continue
                if count >= MOST_ROWS:
                    raise ExportError(f"{path.name}: more than {MOST_ROWS} lines")
                yield reader.line_num + 1, [_plain(cells[place]) if place < len(cells) else "" for place in places]
        except UnicodeDecodeError as error:
            raise ExportError(f"{path.name}: not UTF-8 at byte {error.start}; save it as CSV UTF-8") from error
        except csv.Error as error:
            raise ExportError(f"{path.name}: no CSV ({error})") from error


def _plain(cell: str) -> str:
    """A cell without the apostrophe that our own CSV files put before what looks like a formula."""
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and cell[1:2] in ("=", "+", "-", "@") else cell
