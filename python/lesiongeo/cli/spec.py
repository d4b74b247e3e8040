"""The command `lesiongeo spec`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.padding import Padding

from ..specs import SPECS, spec
from .common import Json, UsageError, errors, print_json

__all__ = ["EPILOG", "spec_command"]

EPILOG = "Exit code 0: printed, 2: no such number."


def spec_command(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A number, its id or a column: hd95, dice@1, area_mm2.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print what a number means, exactly; without a name, all of them.

    Outputs name the definitions behind their numbers by these ids. Two outputs can be compared where the ids are the
    same: whatever changes a number gives it a new version.
    """
    with errors():
        try:
            chosen = list(SPECS.values()) if name is None else [spec(name)]
        except KeyError as error:
            raise UsageError(error.args[0]) from error
    if as_json:
        print_json({"specs": [{"id": one.id, **asdict(one)} for one in chosen]}, True)
        return
    console = Console(highlight=False, emoji=False)
    for one in chosen:
        unit = f" [dim]({one.unit})[/]" if one.unit not in ("", "1") else ""
        console.print(f"[bold]{one.id}[/]{unit}")
        console.print(Padding(one.text + (f" After: {one.source}." if one.source else ""), (0, 0, 0, 2)), markup=False)
