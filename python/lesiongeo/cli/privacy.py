"""What a command leaves out of what it writes: options that all commands share, as one piece."""

from __future__ import annotations

import functools
import inspect
import os
import re
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ..privacy.origins import Origins
from ..privacy.private import Plan, plan, private_scans
from ..privacy.pseudonyms import KEY_VARIABLE, PseudonymKeyError
from ..read import Export
from ..read.parquet import Scans
from ..tracks.pages.spacing_file import read_spacing_file
from .common import UsageError, errors

__all__ = ["Privacy", "with_privacy"]

PANEL = "Options for privacy (docs/privacy.md)"


class People(StrEnum):
    """Who can leave under another name."""

    annotators = "annotators"
    patients = "patients"


class Dates(StrEnum):
    """What can become of dates."""

    keep = "keep"
    offset = "offset"
    drop = "drop"


OPTIONS: dict[str, tuple[Any, Any]] = {
    "drop_notes": (
        Annotated[bool, typer.Option("--drop-notes", help="Leave out what annotators typed.", rich_help_panel=PANEL)],
        False,
    ),
    "pseudonymise": (
        Annotated[
            list[People] | None,
            typer.Option(
                "--pseudonymise",
                metavar="annotators|patients",
                help="Give them other names, made with a key; may be given twice.",
                rich_help_panel=PANEL,
                show_default=False,
            ),
        ],
        None,
    ),
    "key": (
        Annotated[
            Path | None,
            typer.Option(
                "--key",
                metavar="FILE",
                help="File with the key: 16 bytes or more.",
                rich_help_panel=PANEL,
                show_default=f"environment variable {KEY_VARIABLE}",
            ),
        ],
        None,
    ),
    "dates": (
        Annotated[
            Dates,
            typer.Option(
                "--dates",
                help="offset: days since the patient's first visit in place of dates; drop: neither.",
                rich_help_panel=PANEL,
            ),
        ],
        Dates.keep,
    ),
}


@dataclass(slots=True)
class Privacy:
    """The options that were given.

    Attributes
    ----------
    plan : Plan
        What is left out.
    """

    plan: Plan

    @property
    def active(self) -> bool:
        """Whether anything is left out; then a lock does not name the files that were read."""
        return self.plan.active

    def described(self) -> dict[str, Any]:
        """Return the options as a lock names them; the key is none of them. Without any option nothing."""
        if not self.active:
            return {}
        return {
            "drop_notes": self.plan.drop_notes,
            "pseudonymise": list(self.plan.pseudonymise),
            "dates": self.plan.dates,
        }

    def of(self, export: Export, *, keep: Iterable[str] = ()) -> Export:
        """Return the export without what is left out; `keep` are data fields of tasks that stay."""
        if not self.active:
            return export
        made = replace(self.plan, keep=plan(keep=keep).keep)
        return made.of(export, Origins.of([export]) if made.dates == "offset" else Origins())

    def of_scans(self, open_scans: Callable[[], Scans]) -> Scans:
        """Return batches without what is left out. Day offsets need the first visits of all patients: read twice."""
        if not self.active:
            return open_scans()
        origins = Origins()
        if self.plan.dates == "offset":
            first = open_scans()
            if any(one.flows for one in first.inputs):
                raise UsageError(
                    "--dates offset reads the export twice, to find the first visit of each patient, and a stream "
                    "comes only once; write it to a file first"
                )
            origins = Origins.of(first)
        return private_scans(open_scans(), self.plan, origins)

    def annotator(self, name: str) -> str:
        """Return the name of an annotator in what leaves, for names that somebody typed."""
        return self.plan.person("annotators", name)

    def patient(self, name: str) -> str:
        """Return the name of a patient in what leaves, for names that somebody typed."""
        return self.plan.person("patients", name)

    def check_spacing_file(self, path: Path | None) -> None:
        """Refuse a file of spacings that calls images or patients by names which they no longer have."""
        if path is None or not self.plan.hides_images:
            return
        rows = read_spacing_file(path)
        if rows.key == ("image",) or ("patient" in rows.key and "patients" in self.plan.pseudonymise):
            raise UsageError(
                f"{rows.name} names {' and '.join(rows.key)}; with --pseudonymise patients or --dates it should name "
                "images by task_id and page, as names of images and patients do not leave"
            )

    def for_import(self, config: Any) -> tuple[str, ...]:
        """Return the data fields that a labeling configuration shows: Label Studio takes no task without them."""
        if self.plan.hides_images:
            raise UsageError(
                "a file for Label Studio's import needs the addresses of the images as they are, which can name "
                "patients and dates: without --pseudonymise patients and --dates"
            )
        if not self.active:
            return ()
        text = Path(config).read_text(encoding="utf-8-sig") if Path(config).is_file() else str(config)
        return tuple(sorted(set(re.findall(r"""=\s*["']\$([A-Za-z_][\w.]*)["']""", text))))

    def print(self, console: Console) -> None:
        """Say what still leaves though it can name people."""
        if self.active and not self.plan.drop_notes:
            console.print("[yellow]Notes leave as they were typed[/] and can name people: --drop-notes leaves them out")


def with_privacy(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options for privacy in place of its parameter `privacy`."""
    hints = typing.get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name != "privacy":
            parameters.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        for option, (annotation, default) in OPTIONS.items():
            kind = inspect.Parameter.KEYWORD_ONLY
            parameters.append(inspect.Parameter(option, kind, default=default, annotation=annotation))

    @functools.wraps(command)
    def run(**values: Any) -> Any:
        given = {name: values.pop(name) for name in OPTIONS}
        with errors():
            privacy = _checked(**given)
        return command(privacy=privacy, **values)

    # Typer reads both; the function it would find behind `__wrapped__` has other parameters.
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del run.__wrapped__
    return run


def _checked(drop_notes: bool, pseudonymise: list[People] | None, key: Path | None, dates: Dates) -> Privacy:
    people = [one.value for one in pseudonymise or []]
    if key is not None and not people:
        raise UsageError("--key goes with --pseudonymise annotators or --pseudonymise patients")
    try:
        made = plan(drop_notes=drop_notes, pseudonymise=people, key=os.fspath(key) if key else None, dates=dates.value)
    except PseudonymKeyError as error:
        raise UsageError(str(error)) from error
    return Privacy(made)
