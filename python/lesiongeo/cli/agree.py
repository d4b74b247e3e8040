"""The command `lesiongeo agree`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from ..agreement import agreement
from ..files import write_json, write_table
from ..lock import RunLock
from ..measure import measure
from ..routing import DEFAULT_FLAG, review_queue
from ..routing.expression import parse
from ..runs import has_visits, regions_of_run, run_tables
from ..specs import specs_of
from ..summary import print_agreement, print_reading, print_run, print_tracks, printable, summary_json, tracks_json
from ..tracks import tracks
from .common import Json, Quiet, Seed, Sources, Threads, errors, local, print_json, progress_bars
from .privacy import Privacy
from .reading import Reading

__all__ = ["EPILOG", "agree"]

EPILOG = (
    "Writes regions, pairs, tasks, lesions, annotators, summary, statistics, reliability, habits, trends, "
    "habits_overall, similar, queue and problems as Parquet (or CSV), summary.json and run.lock.json; where lesions "
    "have several pages also tracks, track_conflicts, track_findings, track_proposals, track_noise and visits. "
    "`lesiongeo report` makes a page of them. Exit code 0: done, 2: wrong usage, 3: a file could not be read or "
    "written."
)

Csv = Annotated[bool, typer.Option("--csv", help="Write CSV instead of Parquet: without outlines.")]
Boundary = Annotated[
    bool,
    typer.Option(
        "--boundary/--no-boundary",
        help="Distances along the borders (hd95, masd, assd, nsd, offset): most of the time.",
    ),
]


def agree(
    sources: Sources,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Folder for the tables.")],
    csv: Csv = False,
    gate: Annotated[float, typer.Option(min=0, max=1, help="Smallest IoU of a match within a label.")] = 0.1,
    conflict_gate: Annotated[float, typer.Option(min=0, max=1, help="Smallest IoU of a match across labels.")] = 0.5,
    flag: Annotated[
        str,
        typer.Option("--flag", metavar="RULE", help="Which pairs of regions a senior should see; see docs/review.md."),
    ] = DEFAULT_FLAG,
    nsd_tolerance_px: Annotated[
        float, typer.Option("--nsd-tolerance-px", min=0, help="Distance within which nsd takes borders for equal.")
    ] = 2.0,
    boundary: Boundary = True,
    resamples: Annotated[
        int, typer.Option("--resamples", min=0, max=100_000, help="Of the bootstrap intervals; 0: none.")
    ] = 1000,
    seed: Seed = 0,
    *,
    reading: Reading,
    privacy: Privacy,
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare annotators: who disagrees with whom about what, who has a habit, and which cases to look at first.

    Reads Label Studio's JSON exports SRC, or Parquet of `lesiongeo convert`. For every task, page and pair of
    annotators, regions are matched one to one by IoU. Area, perimeter and place of each region are measured too.
    """
    with errors():
        parse(flag)  # a rule that is not understood ends it before anything is read
    with errors(), RunLock("agree", sources, reading.files()) as lock, ThreadPoolExecutor(1) as writer:
        local(out)
        ending = "csv" if csv else "parquet"
        with progress_bars(quiet) as stage:
            export = privacy.of(reading.read(lock.found, threads=threads, progress=stage("reading")))
            sizes = measure(export.regions, spacing_mm=reading.spacing_of(export), shape=False, threads=threads)
            result = agreement(
                export,
                gate=gate,
                conflict_gate=conflict_gate,
                nsd_tolerance_px=nsd_tolerance_px,
                boundary=boundary,
                threads=threads,
                progress=stage("comparing"),
            )
            # Before anything is written: a rule can name what is not there.
            queue = review_queue(export, result, flag=flag)
            followed = (
                tracks(export, agreement=result, threads=threads, progress=stage("tracking"))
                if has_visits(export)
                else None
            )
            regions = regions_of_run(export, sizes, result, followed)
            out.mkdir(parents=True, exist_ok=True)
            # The outlines are most of what is written and no statistics need that: a second thread writes them.
            paths = {"regions": out / f"regions.{ending}"}
            writing = writer.submit(write_table, regions, paths["regions"]) if threads != 1 else None
            run = run_tables(
                export, result, queue=queue, followed=followed, resamples=resamples, seed=seed, threads=threads
            )
        options: dict[str, Any] = {
            "boundary": boundary,
            "conflict_gate": conflict_gate,
            "flag": flag,
            "gate": gate,
            "nsd_tolerance_px": nsd_tolerance_px,
            "resamples": resamples,
            "seed": seed,
            "spacing_mm": reading.spacing_mm,
        }
        specs = specs_of([regions.table, *run.tables.values()])
        content = summary_json(export, result, run, options=options, specs=specs)
        content["tracks"] = None if followed is None else tracks_json(followed)
        for name, table in run.tables.items():
            paths[name] = out / f"{name}.{ending}"
            write_table(table, paths[name])
        if writing is None:
            write_table(regions, paths["regions"])
        else:
            writing.result()
        paths["summary.json"] = out / "summary.json"
        write_json(content, paths["summary.json"])
        lock.write(
            out / "run.lock.json",
            options={**reading.described(), **privacy.described(), **options, "csv": csv},
            seed=seed,
            specs=specs,
            outputs=paths.values(),
            named=not privacy.active,
        )
    print_json(content, as_json)
    console = Console(quiet=quiet or as_json, highlight=False, emoji=False)
    print_reading(console, export)
    privacy.print(console)
    print_agreement(console, result)
    print_run(console, run)
    if followed is not None:
        print_tracks(console, followed)
    names = ", ".join([*run.tables, "regions"])
    console.print(
        f"\nWritten to [bold]{escape(printable(str(out)))}[/]: summary.json, run.lock.json, and as .{ending}:"
    )
    console.print(f"  {names}", style="dim")
