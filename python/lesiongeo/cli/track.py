"""The command `lesiongeo track`."""

from __future__ import annotations

import math
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer
from rich.console import Console
from rich.markup import escape

from .. import __version__
from ..files import write_json, write_table
from ..lock import RunLock, lock_beside
from ..read import Export
from ..regions import Regions
from ..runs import regions_with_tracks, track_tables
from ..specs import specs_of
from ..summary import print_reading, print_tracks, printable, reading_json, tracks_json
from ..tracks import Calibration, Tracks, tracks, volumes, write_plot
from .common import Json, Quiet, Sources, Threads, UsageError, errors, local, print_json, progress_bars
from .privacy import Privacy
from .reading import Reading
from .tables import plain_rows

__all__ = ["EPILOG", "track"]

EPILOG = (
    "Writes beside FILE also FILE_conflicts, FILE_findings, FILE_proposals, FILE_noise and FILE_visits, with the same "
    "ending; into a folder the same and the regions, for `lesiongeo report`. Exit code 0: done, 2: wrong usage, 3: a "
    "file could not be read or written. Every column: docs/tracks.md; statuses: docs/statuses.md."
)
PICTURES = (".svg", ".png")
TABLES = (".parquet", ".csv")
#: Conflicts that are printed.
MOST_LISTED = 5

SCALE = "Options for the scale"
PLOT = "Options for a picture"


class By(StrEnum):
    """Whose tracks."""

    lesion = "lesion"
    annotator = "annotator"


class OutlineName(StrEnum):
    """What is measured."""

    annotators = "annotators"
    majority = "majority"
    medoid = "medoid"
    union = "union"
    intersection = "intersection"


def track(
    sources: Sources,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="FILE|DIR",
            help="FILE.parquet, FILE.csv or FILE.json; with --plot FILE.svg or FILE.png; any other path is a folder.",
            show_default="only what is on the screen",
        ),
    ] = None,
    by: Annotated[
        By, typer.Option(help="Lesions that several annotators drew; or the tracks of each annotator.")
    ] = By.lesion,
    outline: Annotated[
        OutlineName, typer.Option(help="What is measured: each annotator's outline (mean), or one by consensus.")
    ] = OutlineName.annotators,
    rule: Annotated[
        str, typer.Option(metavar="RULE", help="When a lesion grew: mdc (beyond the noise), percent:25, or wound.")
    ] = "mdc",
    statuses: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What words mean that annotators tick (JSON); see docs/statuses.md."),
    ] = None,
    site: Annotated[
        str | None, typer.Option(metavar="FIELD", help="Field of the task's data with the part of the body.")
    ] = None,
    noise: Annotated[
        float | None,
        typer.Option(metavar="PERCENT", help="Change of area that is noise.", show_default="from the project itself"),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="CSV with the millimetres per pixel of images.", rich_help_panel=SCALE),
    ] = None,
    marker: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Label or control of two key points or a line of known length in the image.",
            rich_help_panel=SCALE,
            show_default=False,
        ),
    ] = None,
    marker_mm: Annotated[
        float | None, typer.Option(metavar="MM", help="Length of that marker.", rich_help_panel=SCALE)
    ] = None,
    spacing_error: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE", help="Relative standard deviation of the spacing, such as 0.01.", rich_help_panel=SCALE
        ),
    ] = None,
    tilt_deg: Annotated[
        float | None,
        typer.Option(metavar="DEG", help="Largest tilt of the camera against the skin.", rich_help_panel=SCALE),
    ] = None,
    slice_spacing_mm: Annotated[
        str | None,
        typer.Option(
            metavar="MM|FIELD",
            help="Pages are slices of a body, so far apart: also writes volumes.",
            rich_help_panel=SCALE,
            show_default=False,
        ),
    ] = None,
    slice_position_mm: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD", help="Positions of slices, to find those that are no pages.", rich_help_panel=SCALE
        ),
    ] = None,
    plot: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Draw this lesion over its visits.", rich_help_panel=PLOT),
    ] = None,
    plot_patient: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose lesion it is.", rich_help_panel=PLOT)
    ] = None,
    plot_site: Annotated[
        str | None, typer.Option(metavar="NAME", help="On which part of the body.", rich_help_panel=PLOT)
    ] = None,
    plot_annotator: Annotated[
        str | None, typer.Option(metavar="NAME", help="With --by annotator: whose track.", rich_help_panel=PLOT)
    ] = None,
    plot_task: Annotated[
        int | None, typer.Option(metavar="ID", help="Where no patients are known: which task.", rich_help_panel=PLOT)
    ] = None,
    *,
    reading: Reading,
    privacy: Privacy,
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Follow lesions over the visits of each patient: sizes, growth beyond the noise, statuses, and contradictions.

    Reads Label Studio's JSON exports SRC, or Parquet of `lesiongeo convert`. Name the patient with --patient, the
    visits with --visit-date or --day-offset, the scale with --spacing-mm or the options below: without, each task is a
    patient, pages are in order, and sizes are in pixels.
    """
    files = {"calibration": calibration, "statuses": statuses}
    read_too = {name: str(path) for name, path in files.items() if path is not None}
    with errors():
        scale = Calibration(
            file=calibration,
            marker=marker or None,
            marker_mm=marker_mm,
            spacing_error=spacing_error,
            tilt_deg=tilt_deg,
        )
    # What leaves calls people otherwise than who typed this.
    drawn = plot_patient and privacy.patient(plot_patient), plot_annotator and privacy.annotator(plot_annotator)
    chosen = {"patient": drawn[0], "site": plot_site, "annotator": drawn[1], "task_id": plot_task}
    with errors(), RunLock("track", sources, {**reading.files(), **read_too}) as lock:
        _check(out, plot, chosen)
        privacy.check_spacing_file(calibration)
        thickness = _number_or_field(slice_spacing_mm)
        if slice_position_mm is not None and thickness is None:
            raise UsageError("--slice-position-mm goes with --slice-spacing-mm")
        with progress_bars(quiet or as_json) as stage:
            export = reading.read(lock.found, threads=threads, progress=stage("reading"))
            fields = [site, slice_spacing_mm if isinstance(thickness, str) else None, slice_position_mm]
            export = privacy.of(export, keep=[field for field in fields if field is not None])
            found = tracks(
                export,
                site=site,
                # What was given for all images is no field of the data.
                spacing_mm=reading.spacing_mm if isinstance(reading.spacing_mm, tuple) else None,
                calibration=scale,
                by=by.value,
                outline=outline.value,
                rule=rule,
                statuses=statuses,
                noise=noise,
                threads=threads,
                progress=stage("tracking"),
            )
            bodies = None
            if thickness is not None:
                bodies = volumes(found, slice_spacing_mm=thickness, slice_position_mm=slice_position_mm, export=export)
        options: dict[str, Any] = {
            "by": by.value,
            "outline": outline.value,
            "rule": rule,
            "site": site,
            "noise": noise,
            "marker": marker or None,
            "marker_mm": marker_mm,
            "spacing_error": spacing_error,
            "tilt_deg": tilt_deg,
            "slice_spacing_mm": thickness,
            "slice_position_mm": slice_position_mm,
        }
        specs = specs_of([found.table, found.noise, *([] if bodies is None else [bodies])])
        content = _content(export, found, options, specs)
        if bodies is not None:
            known = bodies["volume_mm3"].drop_null().to_pylist()
            content["volume"] = {"lesions": bodies.num_rows, "known": len(known), "sum_mm3": math.fsum(known)}
        written: list[Path] = []
        if plot is not None:
            # An id can hold what a file's name cannot.
            name = re.sub(r"[^\w.-]+", "-", plot)
            target = out or Path(f"track-{name}.svg")
            target.parent.mkdir(parents=True, exist_ok=True)
            written = [write_plot(found, export, plot, target, **chosen)]  # type: ignore[arg-type]
            options |= {"plot": plot}
        elif out is not None:
            written = _write(export, found, bodies, content, out)
        if written:
            beside = (
                written[0].parent / "run.lock.json" if out is not None and out.is_dir() else lock_beside(written[0])
            )
            lock.write(
                beside,
                options={**reading.described(), **privacy.described(), **options},
                seed=None,
                specs=specs,
                outputs=written,
                named=not privacy.active,
            )
    print_json(content, as_json)
    console = Console(quiet=quiet or as_json, highlight=False, emoji=False)
    print_reading(console, export)
    privacy.print(console)
    print_tracks(console, found, worst=MOST_LISTED)
    if bodies is not None:
        sums = content["volume"]
        console.print(f"  volumes: {sums['known']} of {sums['lesions']} lesions, {sums['sum_mm3']:,.1f} mm3 together")
    if written:
        console.print(f"\nWritten to [bold]{escape(printable(str(out or written[0])))}[/]")
        if len(written) > 1:
            console.print(f"  {escape(printable(', '.join(path.name for path in written)))}", style="dim")


def _check(out: Path | None, plot: str | None, chosen: dict[str, Any]) -> None:
    """Refuse what does not go together before anything is read."""
    suffix = "" if out is None else local(out).suffix
    if plot is not None:
        if out is not None and suffix not in PICTURES:
            raise UsageError(f"--plot writes a picture: {printable(out.name)} should end in .svg or .png")
        return
    if suffix in PICTURES:
        raise UsageError("a picture needs --plot ID, the track to draw")
    if out is not None and suffix and suffix not in (*TABLES, ".json") and not out.is_dir():
        raise UsageError(f"{printable(out.name)} should end in .parquet, .csv or .json; a folder's name has no ending")
    given = [name for name, value in chosen.items() if value is not None]
    if given:
        raise UsageError(f"--plot-{given[0].removesuffix('_id')} goes with --plot ID")


def _number_or_field(text: str | None) -> float | str | None:
    """Return a number where the text is one, else the name of a field."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return text


def _write(export: Export, found: Tracks, bodies: pa.Table | None, content: dict[str, Any], out: Path) -> list[Path]:
    """Write the tables; return the files."""
    tables: dict[str, pa.Table | Regions] = dict(track_tables(found))
    if bodies is not None:
        tables["volumes"] = bodies
    if out.suffix == ".json":
        out.parent.mkdir(parents=True, exist_ok=True)
        rows = {name: plain_rows(table) for name, table in tables.items() if isinstance(table, pa.Table)}
        write_json({**content, **rows}, out)
        return [out]
    if out.suffix in TABLES:
        out.parent.mkdir(parents=True, exist_ok=True)
        names = {name: name.removeprefix("track_") for name in tables}
        paths = {name: out.with_name(f"{out.stem}_{short}{out.suffix}") for name, short in names.items()}
        paths["tracks"] = out
    else:
        out.mkdir(parents=True, exist_ok=True)
        tables["regions"] = regions_with_tracks(export.regions, found)
        paths = {name: out / f"{name}.parquet" for name in tables}
    for name, path in paths.items():
        write_table(tables[name], path)
    return list(paths.values())


def _content(export: Export, found: Tracks, options: dict[str, Any], specs: list[str]) -> dict[str, Any]:
    return {
        "lesiongeo": __version__,
        "options": options,
        "specs": specs,
        "read": reading_json(export),
        "summary": tracks_json(found),
        "noise": [row for row in found.noise.to_pylist() if row["component"] != "habit"],
    }
