"""The command `lesiongeo consensus`."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pyarrow.compute as pc
import typer
from rich.console import Console
from rich.markup import escape

from .. import __version__
from ..agreement import agreement
from ..coco import write_coco
from ..consensus import BY_VOTES, Consensus, consensus
from ..files import write_table
from ..label_studio.consensus_tasks import consensus_tasks
from ..label_studio.review import write_review
from ..lock import RunLock, lock_beside
from ..read import Export
from ..specs import SPECS, specs_of
from ..summary import print_reading, printable, reading_json
from .common import Json, Quiet, Sources, Threads, UsageError, errors, local, print_json, progress_bars
from .privacy import Privacy
from .reading import Reading

__all__ = ["EPILOG", "consensus_command"]

EPILOG = "Exit code 0: done, 2: wrong usage, 3: a file could not be read or written."


class MethodName(StrEnum):
    """Methods as the terminal has them."""

    majority = "majority"
    union = "union"
    intersection = "intersection"
    medoid = "medoid"


class FormatName(StrEnum):
    """Formats of the file."""

    parquet = "parquet"
    csv = "csv"
    coco = "coco"
    labelstudio = "labelstudio"


#: Formats by the end of a name, the longer ones first.
ENDINGS = {".coco.json": "coco", ".json": "labelstudio", ".parquet": "parquet", ".csv": "csv"}


def consensus_command(
    sources: Sources,
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", metavar="FILE", help="FILE.parquet, .csv, .coco.json, or .json for Label Studio's import."
        ),
    ],
    method: Annotated[MethodName, typer.Option(help="How outlines are put together.")] = MethodName.majority,
    min_votes: Annotated[
        int | None,
        typer.Option(min=1, help="How many annotators it takes.", show_default="more than half of the task's"),
    ] = None,
    no_override: Annotated[
        bool, typer.Option("--no-override", help="Count annotations marked as ground truth like others.")
    ] = False,
    out_format: Annotated[
        FormatName | None, typer.Option("--format", help="What to write.", show_default="by the ending of FILE")
    ] = None,
    outvoted: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write the lesions without consensus: FILE.parquet or FILE.csv."),
    ] = None,
    ground_truths: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write the annotations marked as ground truth: FILE.parquet or .csv."),
    ] = None,
    gate: Annotated[float, typer.Option(min=0, max=1, help="Smallest IoU of a match within a label.")] = 0.1,
    conflict_gate: Annotated[float, typer.Option(min=0, max=1, help="Smallest IoU of a match across labels.")] = 0.5,
    polygon_control: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Control that takes all outlines in Label Studio.", show_default=False),
    ] = None,
    *,
    reading: Reading,
    privacy: Privacy,
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write one outline per lesion that its annotators agree on.

    By `majority` it is what more than half of the annotators of the task cover, by `union` what anyone covers, by
    `intersection` what all cover; `medoid` is the drawn region that agrees best with the others. Of two annotators the
    majority is the intersection. An annotation marked as ground truth wins for its task. For Label Studio's import
    --config is needed: the labeling configuration of the project that imports.
    """
    with errors(), RunLock("consensus", sources, reading.files()) as lock:
        kind = _format(local(out), out_format)
        if min_votes is not None and method not in BY_VOTES:
            raise UsageError(f"--min-votes goes with --method {' and '.join(BY_VOTES)}")
        for table in (outvoted, ground_truths):
            if table is not None and local(table).suffix not in (".parquet", ".csv"):
                raise UsageError(f"{printable(table.name)} should end in .parquet or .csv")
        if kind == "labelstudio" and "config" not in reading.given:
            raise UsageError(
                f"{printable(out.name)} is for Label Studio's import, which needs --config FILE: the labeling "
                "configuration of the project that imports; a data set for training ends in .coco.json"
            )
        needed = privacy.for_import(reading.given["config"]) if kind == "labelstudio" else ()
        with progress_bars(quiet) as stage:
            export = reading.read(lock.found, threads=threads, progress=stage("reading"))
            export = privacy.of(export, keep=needed)
            result = agreement(
                export,
                gate=gate,
                conflict_gate=conflict_gate,
                boundary=False,
                threads=threads,
                progress=stage("comparing"),
            )
            made = consensus(
                export,
                result,
                method=method.value,
                min_votes=min_votes,
                override=not no_override,
                threads=threads,
            )
        for path in (out, outvoted, ground_truths):
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
        written = _write(export, made, out, kind, reading.given.get("config"), polygon_control, threads)
        if outvoted is not None:
            write_table(made.outvoted, outvoted)
        if ground_truths is not None:
            write_table(made.ground_truths, ground_truths)
        options = {
            "method": made.method,
            "min_votes": min_votes,
            "override": not no_override,
            "gate": gate,
            "conflict_gate": conflict_gate,
            "spacing_mm": reading.spacing_mm,
        }
        content = _summary(export, made, options, written)
        lock.write(
            lock_beside(out),
            options={
                **reading.described(),
                **privacy.described(),
                **options,
                "format": kind,
                "polygon_control": polygon_control,
            },
            seed=None,
            specs=content["specs"],
            outputs=[path for path in (out, outvoted, ground_truths) if path is not None],
            named=not privacy.active,
        )
    print_json(content, as_json)
    console = Console(quiet=quiet or as_json, highlight=False, emoji=False)
    print_reading(console, export)
    privacy.print(console)
    _print(console, content)
    names = ", ".join(escape(printable(str(path))) for path in (out, outvoted, ground_truths) if path is not None)
    console.print(f"Written to [bold]{names}[/]")


def _format(out: Path, given: FormatName | None) -> str:
    if given is not None:
        kind = given.value
        # Tables are written by the end of the name.
        if kind in ("parquet", "csv") and out.suffix != f".{kind}":
            raise UsageError(f"{printable(out.name)} should end in .{kind}")
        return kind
    for ending, kind in ENDINGS.items():
        if out.name.endswith(ending):
            return kind
    raise UsageError(f"{printable(out.name)} should end in {', '.join(ENDINGS)}; or say --format")


def _write(
    export: Export,
    made: Consensus,
    out: Path,
    kind: str,
    config: Any,
    polygon_control: str | None,
    threads: int | None,
) -> dict[str, Any]:
    """Write the file; say what could not be written."""
    if kind == "coco":
        counts = write_coco(made, out, threads=threads)
        return {"format": kind, **counts}
    if kind == "labelstudio":
        tasks = consensus_tasks(export, made, config=config, polygon_control=polygon_control)
        write_review(tasks, out)
        left_out = dict(sorted((key, count) for key, count in tasks.left_out.items() if count))
        return {
            "format": kind,
            "tasks": tasks.n_tasks,
            "left_out": left_out,
            "controls_not_in_config": sorted(tasks.not_in_config),
        }
    write_table(made.regions, out)
    return {"format": kind}


def _summary(export: Export, made: Consensus, options: dict[str, Any], written: dict[str, Any]) -> dict[str, Any]:
    table = made.regions.table
    sources = Counter(source.split(":", 1)[0] for source in table["source"].to_pylist())
    return {
        "lesiongeo": __version__,
        "specs": sorted({*specs_of([table]), SPECS[made.method].id}),
        "options": options,
        "read": reading_json(export),
        "regions": len(made.regions),
        "sources": dict(sorted(sources.items())),
        "outvoted": dict(sorted(Counter(made.outvoted["reason"].to_pylist()).items())),
        "without_label": table["label"].null_count,
        "ground_truths": made.ground_truths.to_pylist(),
        "disagreement_share_mean": pc.mean(table["disagreement_share"]).as_py(),
        "written": written,
    }


def _print(console: Console, content: dict[str, Any]) -> None:
    console.print(f"Consensus by {content['options']['method']}: [bold]{content['regions']}[/] regions")
    if content["ground_truths"]:
        own = content["sources"].get("ground_truth", 0)
        marked = len(content["ground_truths"])
        tasks = sum(row["counts"] for row in content["ground_truths"])
        console.print(f"  {own} of them from the ground truth of {tasks} tasks, which overrides the annotators there")
        if marked > tasks:
            console.print(f"  {marked - tasks} older annotations are marked as ground truth too and do not count")
    if content["without_label"]:
        console.print(f"  {content['without_label']} without label: none was given, or annotators are divided")
    if content["outvoted"]:
        listed = ", ".join(f"{reason} {count}" for reason, count in content["outvoted"].items())
        console.print(f"[yellow]Lesions without consensus[/]: {listed}")
    written = content["written"]
    if written["format"] == "coco" and written["left_out"]:
        console.print(f"[yellow]Left out[/]: {written['left_out']} places; `info` in the file says why")
    if written["format"] == "labelstudio":
        notes = [f"{reason} {count}" for reason, count in written["left_out"].items()]
        notes += [f"answers of {name} (not in the configuration)" for name in written["controls_not_in_config"]]
        if notes:
            console.print(f"[yellow]Not written as drawn[/]: {escape(printable(', '.join(notes)))}")
