"""The command `lesiongeo sample`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from .. import __version__
from ..lock import RunLock, lock_beside
from ..options import shown
from ..routing import Audit, Sample, audit_result, audit_sample, read_roles, read_verdicts
from ..routing.sample import EVERYBODY
from ..specs import spec
from ..summary import TABLE_WIDTH, print_reading, printable, reading_json
from .common import Json, Quiet, Sources, Threads, UsageError, errors, print_json, progress_bars
from .privacy import Privacy
from .reading import Reading
from .tables import RowsFile, checked_ending, listing, write_rows

__all__ = ["EPILOG", "sample"]

EPILOG = (
    "Exit code 0: done, 2: wrong usage, 3: a file could not be read or written. How the sample is drawn and what it "
    "can show: docs/review.md."
)


def sample(
    sources: Sources,
    rate: Annotated[
        list[str],
        typer.Option(
            "--rate",
            metavar="NAME=SHARE,...",
            help="Share of the annotations by role or annotator, such as new=1.0,senior=0.2; * is everybody else.",
            show_default=False,
        ),
    ],
    out: RowsFile = None,
    role: Annotated[
        list[str] | None,
        typer.Option("--role", metavar="ROLE=NAME,...", help="Who has a role, such as new=3,7.", show_default=False),
    ] = None,
    roles: Annotated[
        Path | None, typer.Option("--roles", metavar="FILE", help="CSV with the columns annotator and role.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another sample.")] = 0,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="label|week|label,week", help="Spread the sample over these, too."),
    ] = None,
    audited: Annotated[
        Path | None,
        typer.Option(
            "--audited",
            metavar="FILE",
            help="CSV of this sample with a column error (0 or 1, empty: not yet): tells the error rates.",
        ),
    ] = None,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.999, help="Of the intervals.")] = 0.95,
    *,
    reading: Reading,
    privacy: Privacy,
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draw annotations for an audit, the same ones for the same seed, and say what the sample can show.

    Reads Label Studio's JSON exports SRC, or Parquet of `lesiongeo convert`. With --audited it says what the audit
    found, with intervals.
    """
    others = {name: str(path) for name, path in (("roles", roles), ("audited", audited)) if path is not None}
    with errors(), RunLock("sample", sources, {**reading.files(), **others}) as lock:
        checked_ending(out)
        rates = _rates(rate)
        people = _roles(role or [], roles)
        # What leaves calls people otherwise than who typed this.
        general = {*people.values(), EVERYBODY}
        rates = {name if name in general else privacy.annotator(name): share for name, share in rates.items()}
        people = {privacy.annotator(name): one for name, one in people.items()}
        verdicts = None if audited is None else read_verdicts(audited)
        if verdicts is not None:
            verdicts = {(task, privacy.annotator(name)): wrong for (task, name), wrong in verdicts.items()}
        with progress_bars(quiet or as_json) as stage:
            export = privacy.of(reading.read(lock.found, threads=threads, progress=stage("reading")))
        strata = [] if by is None else [part.strip() for part in by.split(",")]
        drawn = audit_sample(export, rates, roles=people, seed=seed, stratify=strata, confidence=confidence)
        typed = {name.strip() for text in role or [] for name in _parted(text, "--role")[1].split(",")}
        strangers = sorted(name for name in typed if privacy.annotator(name) in set(drawn.absent))
        if strangers:
            known = [name for name in drawn.summary["annotator"].to_pylist() if name is not None]
            raise UsageError(
                f"--role names {', '.join(strangers)}, who annotated nothing; there are {', '.join(known)}"
            )
        found = None if verdicts is None else audit_result(drawn, verdicts)
        content: dict[str, Any] = {
            "lesiongeo": __version__,
            "options": drawn.options,
            "read": reading_json(export),
            "roles_absent": list(drawn.absent),
            "specs": [spec("wilson_interval").id],
            "summary": drawn.summary.to_pylist(),
        }
        if found is not None:
            content["audit"] = {
                "not_audited": found.n_open,
                "outside_of_the_sample": found.n_outside,
                "rows": found.table.to_pylist(),
            }
        if out is not None:
            write_rows(drawn.rows, out, content, "sample")
            typed_roles = sorted(_renamed(text, privacy) for text in role or [])
            options = {**reading.described(), **privacy.described(), **drawn.options, "role": typed_roles}
            lock.write(
                lock_beside(out),
                options=options,
                seed=seed,
                specs=content["specs"],
                outputs=[out],
                named=not privacy.active,
            )
    print_json(content, as_json)
    console = Console(quiet=quiet or as_json, highlight=False, emoji=False)
    print_reading(console, export)
    privacy.print(console)
    _print(console, drawn, found)
    if out is not None:
        console.print(f"Written to [bold]{escape(printable(str(out)))}[/]: {drawn.rows.num_rows} annotations")


def _parted(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.rpartition("=")
    if not equals or not name.strip() or not value.strip():
        raise UsageError(f"{option} has {shown(text)}; it is NAME=VALUE")
    return name.strip(), value.strip()


def _renamed(text: str, privacy: Privacy) -> str:
    """Return ROLE=NAME,NAME with the names that leave; as it was typed where these are the same."""
    if "annotators" not in privacy.plan.pseudonymise:
        return text
    role, names = _parted(text, "--role")
    return f"{role}={','.join(sorted(privacy.annotator(name.strip()) for name in names.split(',')))}"


def _rates(texts: list[str]) -> dict[str, str]:
    rates: dict[str, str] = {}
    for text in texts:
        for part in text.split(","):
            name, value = _parted(part, "--rate")
            if rates.setdefault(name, value) != value:
                raise UsageError(f"--rate gives {name} two rates")
    return rates


def _roles(texts: list[str], path: Path | None) -> dict[str, str]:
    roles = {} if path is None else read_roles(path)
    for text in texts:
        role, names = _parted(text, "--role")
        for name in (part.strip() for part in names.split(",")):
            if not name:
                raise UsageError(f"--role has {shown(text)}; it is ROLE=NAME,NAME")
            if roles.setdefault(name, role) != role:
                raise UsageError(f"{name} has two roles, {roles[name]} and {role}")
    return roles


def _print(console: Console, drawn: Sample, found: Audit | None) -> None:
    wide = Console(
        file=console.file, width=max(console.width, TABLE_WIDTH), quiet=console.quiet, highlight=False, emoji=False
    )
    percent = f"{drawn.options['confidence'] * 100:g} %"
    rows: list[list[Any]] = [
        [
            *_who(row),
            "none" if row["rate"] is None else f"{row['rate']:g}",
            str(row["n"]),
            str(row["n_sampled"]),
            _share(row["none_high"]),
            _interval(row["at_2_percent_low"], row["at_2_percent_high"]),
            _interval(row["at_5_percent_low"], row["at_5_percent_high"]),
        ]
        for row in drawn.summary.to_pylist()
    ]
    headers = ["annotator", "role", "rate", "annotations", "sample", "no error: up to", "2 % found", "5 % found"]
    wide.print(listing("Sample", headers, rows, left=("annotator", "role")))
    console.print(
        f"What an audit of that size can show, with {percent} confidence: how high the\n"
        "error rate can still be where no error is found, and how far from what is found\n",
        style="dim",
    )
    people = drawn.summary.to_pylist()
    without = [row["annotator"] for row in people if row["rate"] is None and row["annotator"] is not None]
    if without:
        console.print(f"[yellow]Not sampled[/]: no rate is given for {escape(printable(', '.join(without)))}")
    if drawn.absent:
        console.print(f"Without annotations here: {escape(printable(', '.join(drawn.absent)))}")
    if found is None:
        return
    rows = [
        [
            *_who(row),
            f"{row['n_audited']} of {row['n_sampled']}",
            str(row["n_errors"]),
            _share(row["error_rate"]),
            _interval(row["low"], row["high"]),
        ]
        for row in found.table.to_pylist()
    ]
    headers = ["annotator", "role", "audited", "errors", "error rate", f"{percent} interval"]
    wide.print(listing("What the audit found", headers, rows, left=("annotator", "role")))
    if found.n_open:
        console.print(f"[yellow]Not audited yet[/]: {found.n_open} annotations of the sample")
    if found.n_outside:
        console.print(
            f"[yellow]Not counted[/]: {found.n_outside} verdicts on annotations that are not in this sample; were the "
            "rates, the seed or the export others?"
        )


def _who(row: dict[str, Any]) -> list[Text]:
    names = "all" if row["annotator"] is None else row["annotator"], row["role"] or "-"
    style = "bold" if row["annotator"] is None else ""
    return [Text(printable(name), style=style) for name in names]


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _interval(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"{100 * low:.1f} - {100 * high:.1f} %"
