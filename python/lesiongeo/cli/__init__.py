"""The command `lesiongeo`: the same as the functions, for the terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import __version__
from . import agree, annotators, consensus, convert, lint_phi, measure, queue, report, sample, spec, track, validate
from .privacy import with_privacy
from .reading import with_reading

__all__ = ["app", "main"]

app = typer.Typer(
    name="lesiongeo",
    help="Measure lesion outlines and compare the people who drew them. Works offline; reads Label Studio's JSON.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("agree", epilog=agree.EPILOG)(with_reading(with_privacy(agree.agree)))
app.command("annotators", epilog=annotators.EPILOG)(with_reading(with_privacy(annotators.annotators)))
app.command("consensus", epilog=consensus.EPILOG)(with_reading(with_privacy(consensus.consensus_command)))
app.command("convert", epilog=convert.EPILOG)(with_reading(with_privacy(convert.convert)))
app.command("lint-phi", epilog=lint_phi.EPILOG)(lint_phi.lint_phi_command)
app.command("measure", epilog=measure.EPILOG)(with_reading(with_privacy(measure.measure_command)))
app.command("report", epilog=report.EPILOG)(report.report)
app.command("queue", epilog=queue.EPILOG)(with_reading(with_privacy(queue.queue)))
app.command("sample", epilog=sample.EPILOG)(with_reading(with_privacy(sample.sample)))
app.command("track", epilog=track.EPILOG)(with_reading(with_privacy(track.track)))
app.command("validate", epilog=validate.EPILOG)(with_reading(with_privacy(validate.validate), on_error="skip"))
app.command("spec", epilog=spec.EPILOG)(spec.spec_command)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line."""
    app()
