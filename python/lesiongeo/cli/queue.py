"""The command `lesiongeo queue`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from .. import __version__
from ..agreement import Agreement, agreement
from ..agreement.tables import MATCH
from ..consensus import Consensus, consensus
from ..label_studio import ReviewFile, review_tasks, write_review
from ..lock import RunLock, lock_beside
from ..read import Export
from ..routing import DEFAULT_FLAG, needs_distances, queue_summary, review_queue
from ..routing.expression import parse, words
from ..specs import specs_of
from ..summary import TABLE_WIDTH, print_reading, printable, reading_json
from .common import Json, Quiet, Sources, Threads, UsageError, errors, local, print_json, progress_bars
from .privacy import Privacy
from .reading import Reading
from .tables import RowsFile, checked_ending, listing, write_rows

__all__ = ["EPILOG", "queue"]

EPILOG = (
    "Exit code 0: done, also where nothing is flagged, 2: wrong usage, 3: a file could not be read or written. "
    "Rules, priorities and the review file: docs/review.md."
)
#: What `RegionEntries.left_out` counts, in words.
LEFT_OUT = {
    "clipped": "regions reach beyond the image and were cut at its border",
    "no_interior": "key points and lines were left out: they are not compared",
    "no_outline": "regions have no point within the image and were left out",
    "no_image_size": "regions have no image size and were left out",
    "label_not_in_config": "regions have labels that the configuration does not know; they stand in the region's note",
    "answer_not_in_config": "answers are none that the configuration knows; they stand in the region's note",
}


class Method(StrEnum):
    """How the consensus among the predictions is made."""

    majority = "majority"
    union = "union"
    intersection = "intersection"
    medoid = "medoid"
    none = "none"


def queue(
    sources: Sources,
    out: RowsFile = None,
    flag: Annotated[
        str, typer.Option("--flag", metavar="RULE", help="Which pairs of regions are flagged; see docs/review.md.")
    ] = DEFAULT_FLAG,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Length of the queue, at most.")] = None,
    to_labelstudio: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write the queued pages as tasks for Label Studio's import, with what everybody drew as "
            "predictions. Needs --config.",
        ),
    ] = None,
    method: Annotated[
        Method, typer.Option("--consensus", help="The consensus among these predictions; none: without.")
    ] = Method.majority,
    polygon_control: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Control (from_name) that takes all outlines.", show_default="their own"),
    ] = None,
    with_notes: Annotated[
        bool, typer.Option("--with-notes", help="Also write what annotators typed; it can name people.")
    ] = False,
    gate: Annotated[float, typer.Option(min=0, max=1, help="Smallest IoU of a match within a label.")] = 0.1,
    conflict_gate: Annotated[float, typer.Option(min=0, max=1, help="Smallest IoU of a match across labels.")] = 0.5,
    *,
    reading: Reading,
    privacy: Privacy,
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Rank the pages that a senior should look at: why, how urgent, and who disagrees.

    Reads Label Studio's JSON exports SRC, or Parquet of `lesiongeo convert`. The priority of a page is about how many
    lesions' worth of disagreement it holds, for an average pair of its annotators.
    """
    with errors(), RunLock("queue", sources, reading.files()) as lock:
        checked_ending(out)
        config = _config(reading, to_labelstudio)
        if with_notes and privacy.plan.drop_notes:
            raise UsageError("--with-notes and --drop-notes do not go together")
        needed = () if to_labelstudio is None else privacy.for_import(config)
        boundary = needs_distances(flag)
        review: ReviewFile | None = None
        with progress_bars(quiet or as_json) as stage:
            export = reading.read(lock.found, threads=threads, progress=stage("reading"))
            export = privacy.of(export, keep=needed)
            result = agreement(
                export,
                gate=gate,
                conflict_gate=conflict_gate,
                boundary=boundary,
                threads=threads,
                progress=stage("comparing"),
            )
            whole = review_queue(export, result, flag=flag)
            table = whole.slice(0, limit)
            if to_labelstudio is not None:
                agreed = _consensus(export, result, method, threads)
                review = review_tasks(
                    export,
                    result,
                    table,
                    config,
                    consensus=agreed,
                    polygon_control=polygon_control,
                    notes=with_notes,
                )
        content = _content(export, result, whole, table, {"flag": flag, "gate": gate, "conflict_gate": conflict_gate})
        if out is not None:
            write_rows(table, out, content, "queue")
        if review is not None and to_labelstudio is not None:
            to_labelstudio.parent.mkdir(parents=True, exist_ok=True)
            write_review(review, to_labelstudio)
            left_out = {name: count for name, count in sorted(review.left_out.items()) if count}
            content["review"] = {
                "fields": review.fields,
                "ground_truths": review.n_ground_truths,
                "left_out": left_out,
                "controls_not_in_config": review.not_in_config,
                "tasks": review.n_tasks,
            }
        written = [path for path in (out, to_labelstudio) if path is not None]
        if written:
            options = {
                **reading.described(),
                **privacy.described(),
                **content["options"],
                "consensus": method.value,
                "limit": limit,
                "polygon_control": polygon_control,
                "with_notes": with_notes,
            }
            lock.write(
                lock_beside(written[0]),
                options=options,
                seed=None,
                specs=content["specs"],
                outputs=written,
                named=not privacy.active,
            )
    print_json(content, as_json)
    console = Console(quiet=quiet or as_json, highlight=False, emoji=False)
    privacy.print(console)
    _print(console, export, result, table, content)
    if review is not None:
        _print_review(console, review)
    for path, what in ((out, f"{table.num_rows} pages"), (to_labelstudio, f"{review.n_tasks} tasks" if review else "")):
        if path is not None:
            console.print(f"Written to [bold]{escape(printable(str(path)))}[/]: {what}")


def _config(reading: Reading, to_labelstudio: Path | None) -> Any:
    """Return the labeling configuration that a review file needs."""
    if to_labelstudio is None:
        return None
    local(to_labelstudio)
    if to_labelstudio.suffix != ".json":
        raise UsageError(f"{to_labelstudio.name} should end in .json, as Label Studio imports it")
    if "config" not in reading.given:
        raise UsageError(
            "--to-labelstudio needs --config FILE.xml, the labeling configuration of the project for the review: an "
            "export does not say which image its controls point at"
        )
    return reading.given["config"]


def _consensus(export: Export, result: Agreement, method: Method, threads: int | None) -> Consensus | None:
    if method is Method.none:
        return None
    return consensus(export, result, method=method.value, threads=threads)  # type: ignore[arg-type]


def _content(
    export: Export, result: Agreement, whole: pa.Table, table: pa.Table, options: dict[str, Any]
) -> dict[str, Any]:
    return {
        "lesiongeo": __version__,
        "options": options,
        "read": reading_json(export),
        "specs": specs_of([table, _compared(options["flag"])]),
        "summary": {**queue_summary(export, result, whole), "pages_listed": table.num_rows},
        "no_agreement_because": result.reason,
    }


def _compared(flag: str) -> pa.Table:
    """Name the columns that a rule compares, in a table without rows."""
    names = {"match" if name in MATCH else name for name in words(parse(flag))}
    return pa.table({name: pa.nulls(0) for name in sorted(names)})


def _print(console: Console, export: Export, result: Agreement, table: pa.Table, content: dict[str, Any]) -> None:
    print_reading(console, export)
    counts = content["summary"]
    if result.reason is not None:
        console.print(f"[yellow]No agreement:[/] {escape(result.reason)}")
    console.print(
        f"Flagged [bold]{counts['pages_queued']}[/] of {counts['pages_compared']} pages in {counts['tasks_queued']} of "
        f"{counts['tasks_compared']} tasks\n"
        f"  {counts['pairs_flagged']} pairs of regions, about {counts['priority_total']:.0f} lesions' worth of "
        "disagreement"
    )
    if counts["tasks_single_annotator"]:
        console.print(
            f"[yellow]Not compared[/]: {counts['tasks_single_annotator']} tasks have a single annotator and "
            "cannot be in the queue"
        )
    if counts["tasks_not_annotated"]:
        console.print(f"[yellow]Not compared[/]: {counts['tasks_not_annotated']} tasks have no annotation that counts")
    for reason, pages in counts["reasons"].items():
        console.print(f"  {pages:>6} pages: {escape(printable(reason))}")
    if not table.num_rows:
        return
    wide = Console(
        file=console.file, width=max(console.width, TABLE_WIDTH), quiet=console.quiet, highlight=False, emoji=False
    )
    rows = [
        (
            str(row["rank"]),
            str(row["task_id"]),
            str(row["page"]),
            f"{row['priority']:.2f}",
            f"{row['score_min']:.3f}",
            str(row["n_lesions"]),
            Text(printable(f"{row['annotator_a']} / {row['annotator_b']}")),
            Text(printable("; ".join(row["reasons"]))),
        )
        for row in table.slice(0, 10).to_pylist()
    ]
    headers = ["rank", "task", "page", "priority", "score", "lesions", "annotators", "reasons"]
    wide.print(listing("First in the queue", headers, rows, left=("annotators", "reasons")))
    console.print(
        "priority: lesions' worth of disagreement for an average pair of annotators\n"
        "score: the lowest of two annotators on the page, who are named\n",
        style="dim",
    )


def _print_review(console: Console, review: ReviewFile) -> None:
    if review.n_ground_truths:
        console.print(
            f"Review file: in {review.n_ground_truths} tasks the ground truth stands in place of the consensus"
        )
    for name, count in sorted(review.left_out.items()):
        if count:
            console.print(f"[yellow]Review file[/]: {count} {LEFT_OUT[name]}")
    if review.not_in_config:
        names = escape(printable(", ".join(review.not_in_config)))
        console.print(f"[yellow]Review file[/]: without the answers of {names}: the configuration has no such control")
