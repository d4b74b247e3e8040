"""How a command reads its exports: options that all commands share, as one piece."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import typer

from ..options import shown
from ..read import Export, read_export
from ..read.sources import Found
from .common import UsageError

__all__ = ["Reading", "with_reading"]

PANEL = "Options for reading"


def _option(flag: str, metavar: str, text: str) -> Any:
    return typer.Option(flag, metavar=metavar, help=text, show_default=False, rich_help_panel=PANEL)


#: Names as `read_export` has them, but for the spacing, which may be given twice.
OPTIONS: dict[str, Any] = {
    "config": Annotated[
        str | None,
        _option("--config", "FILE", "The project's labeling configuration (XML): which control answers what."),
    ],
    "images": Annotated[
        str | None, _option("--images", "FIELD", "Field of the task's data with the image or the list of images.")
    ],
    "patient": Annotated[str | None, _option("--patient", "FIELD", "Field of the task's data that says whose it is.")],
    "visit_date": Annotated[
        str | None, _option("--visit-date", "FIELD", "Field of the task's data with the date of each page.")
    ],
    "day_offset": Annotated[
        str | None, _option("--day-offset", "FIELD", "Field of the task's data with the day of each page, as numbers.")
    ],
    "spacing_mm": Annotated[
        list[str] | None,
        _option(
            "--spacing-mm",
            "MM|FIELD",
            "Millimetres per pixel, given twice for x and y; or the field of the task's data that has them. "
            "Without it nothing is said in mm.",
        ),
    ],
    "track_id": Annotated[
        str | None, _option("--track-id", "NAME", "Control (from_name) with the track id; otherwise inferred.")
    ],
    "status": Annotated[
        str | None, _option("--status", "NAME", "Control (from_name) with the status; otherwise inferred.")
    ],
    "note": Annotated[str | None, _option("--note", "NAME", "Control (from_name) with the note; otherwise inferred.")],
}
ON_ERROR = {
    "raise": "What to do where a file cannot be read: raise (stop) or skip (go on, and list what was lost).",
    "skip": "What to do where a file cannot be read: skip (go on, and list what was lost) or raise (stop).",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """The options that were given.

    Attributes
    ----------
    given : dict
        Options of `read_export`, only those that were given.
    on_error : str
        "raise" or "skip".
    """

    given: dict[str, Any]
    on_error: str

    @property
    def spacing_mm(self) -> tuple[float, float] | str | None:
        """Millimetres per pixel along x and y, or the field that has them."""
        found: tuple[float, float] | str | None = self.given.get("spacing_mm")
        return found

    def files(self) -> dict[str, str]:
        """Return the files among the options: what is in them decides what is read."""
        config = self.given.get("config")
        return {"config": config} if config is not None and Path(config).is_file() else {}

    def described(self) -> dict[str, Any]:
        """Return the options as a lock names them, without folders."""
        given = {name: value for name, value in self.given.items() if name not in self.files()}
        return {**given, "on_error": self.on_error}

    def spacing_of(self, export: Export) -> Any:
        """Return what `measure` takes: one spacing for all, or that of each region's page."""
        return export.region_spacing_mm() if isinstance(self.spacing_mm, str) else self.spacing_mm

    def read(self, sources: list[str] | Found, *, lists_problems: bool = False, **more: Any) -> Export:
        """Read the exports; names of fields and controls that are nowhere are wrong usage, not a lack of data.

        A command that lists problems has them in its list instead, but for the spacing.
        """
        export = read_export(sources, on_error=self.on_error, **self.given, **more)
        if not lists_problems:
            _refuse_unknown(export, self.given)
        field = self.spacing_mm
        if isinstance(field, tuple):
            # A Parquet file has the spacing it was converted with; what was given counts for it too.
            export = _with_spacing(export, field)
        if (
            isinstance(field, str)
            and export.pages.num_rows
            and not pc.any(pc.is_valid(export.pages["spacing_x_mm"])).as_py()
        ):
            raise UsageError(
                f"--spacing-mm {field}: no page has a spacing there; it is a number of mm per pixel, or the field of "
                "the task's data that holds one per image. A Parquet file has the spacing it was converted with: give "
                "the field to convert"
            )
        return export


def _refuse_unknown(export: Export, given: dict[str, Any]) -> None:
    """Without the patient, the day or the status that was asked for, numbers would be others, silently."""
    for row in export.problems.filter(pc.equal(export.problems["code"], "role_unknown")).to_pylist():
        raise UsageError(row["message"])
    columns = {"patient": export.tasks, "visit_date": export.pages, "day_offset": export.pages}
    for name, table in columns.items():
        if name in given and table.num_rows and table[name].null_count == table.num_rows:
            told = export.problems.filter(pc.starts_with(export.problems["message"], "none of "))["message"].to_pylist()
            about = [message for message in told if f"option {name}:" in message]
            raise UsageError(about[0] if about else f"--{name.replace('_', '-')} {given[name]}: nothing is there")


def _with_spacing(export: Export, spacing_mm: tuple[float, float]) -> Export:
    """Return the export with one spacing for all pages."""
    pages = export.pages
    for name, value in zip(("spacing_x_mm", "spacing_y_mm"), spacing_mm, strict=True):
        column = pa.array(np.full(pages.num_rows, value))
        pages = pages.set_column(pages.column_names.index(name), name, column)
    return replace(export, pages=pages)


def with_reading(command: Callable[..., Any], *, on_error: str = "raise") -> Callable[..., Any]:
    """Give a command the reading options in place of its parameter `reading`; `on_error` is the default."""
    hints = typing.get_type_hints(command, include_extras=True)
    own = inspect.signature(command).parameters
    choices = Annotated[
        str,
        typer.Option("--on-error", metavar="raise|skip", help=ON_ERROR[on_error], rich_help_panel=PANEL),
    ]
    parameters: list[inspect.Parameter] = []
    for name, parameter in own.items():
        if name != "reading":
            parameters.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        for option, annotation in {**OPTIONS, "on_error": choices}.items():
            default = on_error if option == "on_error" else None
            kind = inspect.Parameter.KEYWORD_ONLY
            parameters.append(inspect.Parameter(option, kind, default=default, annotation=annotation))

    @functools.wraps(command)
    def run(**values: Any) -> Any:
        given = {name: values.pop(name) for name in OPTIONS}
        return command(reading=_checked(given, values.pop("on_error")), **values)

    # Typer reads both; the function it would find behind `__wrapped__` has other parameters.
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del run.__wrapped__
    return run


def _checked(given: dict[str, Any], on_error: str) -> Reading:
    if on_error not in ("raise", "skip"):
        raise typer.BadParameter(f"{shown(on_error)} is neither raise nor skip", param_hint="--on-error")
    options = {name: value for name, value in given.items() if value is not None and value != []}
    if "spacing_mm" in options:
        options["spacing_mm"] = _spacing(options["spacing_mm"])
    return Reading(options, on_error)


def _spacing(texts: list[str]) -> tuple[float, float] | str:
    """Numbers where all texts are numbers, else the path of a field."""
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        if len(texts) == 1:
            return texts[0]
        numbers = []
    if len(numbers) not in (1, 2) or not all(0 < number < float("inf") for number in numbers):
        message = "a positive number of mm per pixel, given once, or twice for x and y; or one field of the task's data"
        raise typer.BadParameter(message, param_hint="--spacing-mm")
    return numbers[0], numbers[-1]
