"""An export without what identifies people, so that nothing that is made of it can hold any of that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..options import checked_flag, shown
from ..read import Export, Scan
from ..read.parquet import Scans
from ..regions import Regions
from .origins import Origins
from .parts import (
    Made,
    data_kept,
    nulls,
    renamed,
    told_problems,
    with_columns,
    without_answers,
    without_dates,
    without_images,
)
from .pseudonyms import KINDS, Key, Pseudonyms

__all__ = ["DATES", "Plan", "plan", "private", "private_scans"]

#: What can become of dates.
DATES = ("keep", "offset", "drop")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is left out, checked; made by `plan`.

    Attributes
    ----------
    drop_notes : bool
        Whether what annotators typed is left out.
    pseudonymise : tuple of {"annotators", "patients"}
        Who gets another name.
    names : Pseudonyms or None
        Makes these names.
    dates : {"keep", "offset", "drop"}
        What becomes of dates.
    keep : tuple of tuple of str
        Paths of the data fields of tasks that stay.
    """

    drop_notes: bool = False
    pseudonymise: tuple[str, ...] = ()
    names: Pseudonyms | None = None
    dates: str = "keep"
    keep: tuple[tuple[str, ...], ...] = ()

    @property
    def active(self) -> bool:
        """Whether anything is left out."""
        return bool(self.drop_notes or self.pseudonymise or self.dates != "keep")

    @property
    def hides_images(self) -> bool:
        """Whether addresses of images give way to names made of task and page."""
        return "patients" in self.pseudonymise or self.dates != "keep"

    def person(self, kind: str, name: str) -> str:
        """Return the name of a person in what leaves."""
        return self.names.name(kind, name) if self.names is not None and kind in self.pseudonymise else name

    def of(self, export: Export, origins: Origins) -> Export:
        """Return an export, or a batch of one, without what is left out."""
        if not self.active:
            return export
        made: Made = {name: getattr(export, name) for name in TABLES}
        made["regions"] = export.regions.table
        made["problems"] = told_problems(made["problems"])
        made["tasks"] = with_columns(made["tasks"], file=nulls(made["tasks"]), data=data_kept(made["tasks"], self.keep))
        if self.dates != "keep":
            made = without_dates(export, made, self.dates, origins)
        if self.drop_notes:
            made["regions"] = with_columns(made["regions"], meta_text=nulls(made["regions"]))
            made = without_answers(export, made, typed=True)
        if self.hides_images:
            made = without_images(made)
        if self.names is not None:
            made = renamed(made, self.pseudonymise, self.names)
        regions = Regions(export.regions.polygons, made.pop("regions"))
        return replace(export, regions=regions, **made)


TABLES = ("annotations", "answers", "tasks", "relations", "pages", "problems")


def plan(
    *,
    drop_notes: bool = False,
    pseudonymise: str | Iterable[str] = (),
    key: Key | None = None,
    dates: str = "keep",
    keep: Iterable[str] = (),
) -> Plan:
    """Check the options of `private`; they are described there."""
    given = {pseudonymise} if isinstance(pseudonymise, str) else set(pseudonymise)
    for one in given:
        if one not in KINDS:
            raise ValueError(f"pseudonymise names {shown(one)}; there are {' and '.join(KINDS)}")
    if dates not in DATES:
        raise ValueError(f"dates is {shown(dates)}; it is one of {', '.join(DATES)}")
    paths = [str(one).strip().removeprefix("$").removeprefix("data.") for one in keep]
    if not all(paths):
        raise ValueError("keep names a field without a name")
    return Plan(
        drop_notes=checked_flag("drop_notes", drop_notes),
        pseudonymise=tuple(one for one in KINDS if one in given),
        names=Pseudonyms(key) if given else None,
        dates=dates,
        keep=tuple(tuple(path.split(".")) for path in paths),
    )


def private(
    export: Export,
    *,
    drop_notes: bool = False,
    pseudonymise: str | Iterable[str] = (),
    key: Key | None = None,
    dates: str = "keep",
    keep: Iterable[str] = (),
) -> Export:
    """Return an export without what identifies people; whatever is made of it cannot hold any of that.

    Parameters
    ----------
    export : Export
        What was read. It stays as it is.
    drop_notes : bool, default False
        Leave out what annotators typed: text areas, notes of regions, answers of controls that are not known. A track
        id that was typed stays where it is one word of at most 16 characters.
    pseudonymise : {"annotators", "patients"} or several of them, default ()
        Give them other names: keyed hashes, the same for the same key, see `Pseudonyms`.
    key : bytes or path, optional
        The key, or the file that holds it; by default the environment variable LESIONGEO_KEY. At least 16 bytes.
    dates : {"keep", "offset", "drop"}, default "keep"
        ``offset``: visits leave as days since the patient's first visit, and the times of annotations are moved by
        whole weeks, the same for all, so that the earliest falls into the week of 2000-01-03. ``drop``: neither leaves.
        Both leave out answers that are dates.
    keep : iterable of str, default ()
        Data fields of tasks that stay as they are, as dotted paths: nobody looks at what is in them.

    Returns
    -------
    Export
        With any of the options: `tasks.data` without the fields that are not in `keep` (null where nothing is left),
        `tasks.file` null, and messages of problems that hold values of the export replaced. With patients under other
        names, or without dates, addresses of images are ``task-<task>-page-<page>`` with the ending of the image.
        Without any option the export itself.

    Raises
    ------
    PseudonymKeyError
        If people get other names, and there is no key, or it is too weak.
    ValueError
        If an option is not one of those above.
    OSError
        If the file with the key cannot be read.

    See Also
    --------
    lint_phi : finds what identifies people.

    Notes
    -----
    Ids of tasks, annotations and regions stay: whoever has access to the project can find the place. Labels, choices
    and other answers from lists stay, and so do numbers. Numbers of agreement and measurement stay the same, but where
    they depend on the order of annotators, which is by name. With ``drop`` of several annotations by one person on one
    task the one with the largest id counts; where that is not the newest by time, a problem (newest_by_id) says so.
    O(n); a million regions take about a second.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> export = lg.read_label_studio("examples/dermatology.json", patient="patient_id")
    >>> left = lg.private(export, pseudonymise="patients", key=b"0123456789abcdef0123456789abcdef", dates="offset")
    >>> left.pages["patient"][0].as_py(), left.pages["image"][0].as_py(), left.tasks["data"][0].as_py()
    ('patient-da52ed7a5cb60ee0', 'task-1-page-0.jpg', None)
    """
    made = plan(drop_notes=drop_notes, pseudonymise=pseudonymise, key=key, dates=dates, keep=keep)
    return made.of(export, Origins.of([export]) if made.dates == "offset" else Origins())


def private_scans(scans: Scans, made: Plan, origins: Origins) -> Scans:
    """Return batches without what is left out; `origins` are those of all batches, which were read once before."""
    parts: list[Scan | Iterator[Export]] = [
        _PrivateScan(part, made, origins) if isinstance(part, Scan) else (made.of(one, origins) for one in part)
        for part in scans.parts
    ]
    return Scans(scans.inputs, parts)


class _PrivateScan(Scan):
    """A scan whose batches are without what is left out."""

    __slots__ = ("_inner", "_origins", "_plan")

    def __init__(self, inner: Scan, made: Plan, origins: Origins) -> None:
        self._inner, self._plan, self._origins = inner, made, origins

    @property
    def controls(self) -> pa.Table | None:
        return self._inner.controls

    @property
    def problems(self) -> pa.Table:
        return self._inner.problems

    def _next_or_none(self) -> tuple[Export, NDArray[np.bool_]] | None:
        batch = self._inner._next_or_none()
        return None if batch is None else (self._plan.of(batch[0], self._origins), batch[1])

    def close(self) -> None:
        self._inner.close()

    def __repr__(self) -> str:
        return repr(self._inner)
