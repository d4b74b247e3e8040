"""One lesion over visits as a picture: SVG, or PNG without a browser."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..options import shown
from ..report import MissingExtraError

if TYPE_CHECKING:
    from ..read import Export
    from ..report.courses import Course
    from ..report.scene import Scene

__all__ = ["plot_track", "write_plot"]

#: Names listed in a message.
MOST_NAMED = 12


class TracksOfExport(Protocol):
    """What a picture needs of `Tracks`."""

    @property
    def table(self) -> pa.Table:
        """One row per lesion and visit."""

    @property
    def conflicts(self) -> pa.Table:
        """Answers that contradict what was measured."""

    @property
    def findings(self) -> pa.Table:
        """What is odd about ids."""

    @property
    def index(self) -> pa.Table:
        """One row per track."""

    @property
    def track_of_region(self) -> NDArray[np.int64]:
        """Row of `index` of each region, -1 where it has no track."""


def plot_track(
    tracks: TracksOfExport,
    export: Export,
    track: str | int,
    *,
    patient: str | None = None,
    site: str | None = None,
    annotator: str | None = None,
    task_id: int | None = None,
) -> str:
    """Draw one lesion over visits as SVG.

    The outlines of all visits over each other, middle on middle; the area over time with the wedges within which it
    would not have changed; a card per visit with its numbers, the status measured and the status ticked; below, what
    contradicts what.

    Parameters
    ----------
    tracks : Tracks
        What `tracks` made of the export.
    export : Export
        What was read, for the outlines.
    track : str or int
        The id of the lesion as in `tracks.table`.
    patient, site, annotator : str, optional
        Whose lesion, where several have this id; annotator where everybody has tracks of their own.
    task_id : int, optional
        Which task, where no patients are known.

    Returns
    -------
    str
        An SVG file that loads nothing, 760 units wide, with its style for light and dark within it. Lengths are mm
        where a spacing is known of a visit on which the lesion was drawn, else pixels; visits whose size cannot be
        compared with the others have a card, but stand in neither the chart nor the outlines over each other. Patient
        and id are in it, dates are not. At most 8 visits are drawn (the chart has all) and 6 outlines of each.

    Raises
    ------
    ImportError
        If jinja2 is not installed (`MissingExtraError`).
    ValueError
        If there is no such lesion, or there are several; the message names the others.

    Notes
    -----
    Wedges: the area of the visit before, times and divided by 1 + mdc95 / 100. Cost: O(rows of the table) to find the
    lesion, then its own outlines only.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> export = lg.read_label_studio("examples/dermatology.json", spacing_mm="spacing_mm", patient="patient_id")
    >>> found = lg.tracks(export)
    >>> lg.plot_track(found, export, 1, patient="P0001")[:4]
    '<svg'
    """
    _needs("markupsafe", "jinja2")
    from ..report.figure import figure_svg

    return figure_svg(_figure(tracks, export, track, patient, site, annotator, task_id))


def write_plot(
    tracks: TracksOfExport,
    export: Export,
    track: str | int,
    path: str | os.PathLike[str],
    *,
    patient: str | None = None,
    site: str | None = None,
    annotator: str | None = None,
    task_id: int | None = None,
) -> Path:
    """Write the picture of one lesion over visits, as `plot_track` draws it: SVG or PNG, by the ending of the file.

    Parameters
    ----------
    tracks, export, track, patient, site, annotator, task_id
        As of `plot_track`.
    path : path-like
        A file that ends in .svg or .png. PNG is drawn by pillow, without a browser, on light ground and 1,520 pixels
        wide; its font lacks letters with accents and those that are not Latin: they lose the accent or become question
        marks. SVG keeps them.

    Returns
    -------
    Path
        The file. The same tables give the same bytes, of PNG with the same release of pillow.

    Raises
    ------
    ImportError
        If jinja2, or for PNG pillow, is not installed (`MissingExtraError`).
    ValueError
        If the ending is another one, or as of `plot_track`. Nothing is written then.

    Examples
    --------
    >>> import lesiongeo as lg, tempfile, pathlib
    >>> export = lg.read_label_studio("examples/dermatology.json", spacing_mm="spacing_mm", patient="patient_id")
    >>> found = lg.tracks(export)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lg.write_plot(found, export, 1, pathlib.Path(folder) / "lesion.png", patient="P0001").name
    'lesion.png'
    """
    target = Path(path)
    ending = target.suffix.lower()
    if ending not in (".svg", ".png"):
        raise ValueError(f"{target} ends in neither .svg nor .png; the ending says what is drawn")
    _needs("markupsafe", "jinja2")
    if ending == ".png":
        _needs("PIL", "pillow")
    scene = _figure(tracks, export, track, patient, site, annotator, task_id)
    if ending == ".png":
        from ..report.raster import png_of

        target.write_bytes(png_of(scene))
    else:
        from ..report.figure import figure_svg

        target.write_bytes(figure_svg(scene).encode("utf-8"))
    return target


def _needs(package: str, name: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise MissingExtraError(f"a picture needs {name}; get it with: pip install 'lesiongeo[report]'")


def _figure(
    tracks: TracksOfExport,
    export: Export,
    track: str | int,
    patient: str | None,
    site: str | None,
    annotator: str | None,
    task_id: int | None,
) -> Scene:
    """Find the lesion, its outlines and what is said of it, and draw them."""
    from ..report.courses import course_codes, courses_of
    from ..report.figure import figure

    codes = course_codes(tracks.table)
    wanted: dict[str, object] = {
        "patient": patient,
        "site": site,
        "track_id": str(track),
        "annotator": annotator,
        "task_id": task_id,
    }
    rows = _chosen(tracks.table, wanted)
    (code,) = _single(tracks.table, codes, rows, wanted)
    own = np.flatnonzero(codes == code)
    (course,) = courses_of(tracks.table.take(pa.array(own)), codes[own])
    _add_outlines(course, tracks, export)
    about: dict[str, object] = {"patient": course.patient, "site": course.site, "track_id": course.track}
    about["task_id"] = course.task_id if course.patient is None else None
    own_rows = []
    for table in (tracks.conflicts, tracks.findings):
        found = table.take(pa.array(_chosen(table, about, exact=("patient", "site", "track_id"))))
        own_rows.append([dict(row) for row in found.to_pylist()])
    if course.annotator is not None:
        own_rows[0] = [row for row in own_rows[0] if course.annotator in (row.get("annotators") or [])]
        own_rows[1] = [row for row in own_rows[1] if row.get("annotator") in (None, course.annotator)]
    course.contradict(own_rows[0])
    course.findings += own_rows[1]
    outlines = {row: export.regions.polygons[row] for seen in course.seen for row in seen.regions}
    return figure(course, outlines)


def _chosen(table: pa.Table, wanted: dict[str, object], exact: tuple[str, ...] = ()) -> NDArray[np.int64]:
    """Rows in which the columns hold these values; None means any value, but of `exact` columns none."""
    fits = np.ones(table.num_rows, dtype=bool)
    for name, value in wanted.items():
        if name not in table.column_names:
            # Without the column nobody has this value.
            fits &= value is None
            continue
        column = table[name]
        if value is not None:
            fits &= pc.fill_null(pc.equal(column.cast(pa.string()), str(value)), False).to_numpy()
        elif name in exact:
            fits &= pc.is_null(column).to_numpy()
    found: NDArray[np.int64] = np.flatnonzero(fits)
    return found


def _single(
    table: pa.Table, codes: NDArray[np.int64], rows: NDArray[np.int64], wanted: dict[str, object]
) -> NDArray[np.int64]:
    """Return the one lesion that is meant, or say which there are."""
    named = ", ".join(f"{name} {shown(value)}" for name, value in wanted.items() if value is not None)
    if not len(rows):
        so_far: dict[str, object] = {}
        for name in ("patient", "site", "task_id", "annotator", "track_id"):
            others = _chosen(table, so_far)
            so_far[name] = wanted[name]
            if not len(_chosen(table, so_far)):
                if name not in table.column_names:
                    break
                names = list(dict.fromkeys(table[name].take(pa.array(others)).to_pylist()))
                raise ValueError(f"no lesion has {named}; {name} is one of {_listed(names) or 'none'}")
        raise ValueError(f"no lesion has {named}")
    found: NDArray[np.int64] = np.unique(codes[rows])
    if len(found) > 1:
        for name in ("patient", "site", "annotator", "task_id"):
            if name in table.column_names and wanted[name] is None:
                values = list(dict.fromkeys(table[name].take(pa.array(rows)).to_pylist()))
                if len(values) > 1 and any(value is not None for value in values):
                    option = f"--plot-{name.removesuffix('_id')}"
                    raise ValueError(
                        f"{len(found)} lesions have {named}; choose one by {name} ({option}): {_listed(values)}"
                    )
    return found


def _listed(values: list[object]) -> str:
    """Name some values of many."""
    names = [shown(value) for value in values if value is not None]
    return ", ".join(names[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else "")


def _add_outlines(course: Course, tracks: TracksOfExport, export: Export) -> None:
    """Give each visit the rows of its regions and the size of its page."""
    meant: dict[str, object] = {"patient": course.patient, "site": course.site, "track_id": course.track}
    meant["annotator"] = course.annotator
    rows = np.flatnonzero(np.isin(tracks.track_of_region, _chosen(tracks.index, meant, exact=tuple(meant))))
    table = export.regions.table.select(["task_id", "page", "annotator"]).take(pa.array(rows))
    places: dict[tuple[int, int], list[tuple[int, str | None]]] = {}
    for row, task, page, who in zip(rows.tolist(), *(column.to_pylist() for column in table.columns), strict=True):
        places.setdefault((task, page), []).append((row, who))
    sizes = _sizes(export, {(seen.task_id, seen.page) for seen in course.seen})
    for seen in course.seen:
        if seen.task_id is None or seen.page is None:
            continue
        drawn = places.get((seen.task_id, seen.page), [])
        # Where an expert's word counts, only the expert's outline was measured.
        named = [row for row, who in drawn if who in seen.annotators]
        seen.regions = named or [row for row, _ in drawn]
        seen.size = sizes.get((seen.task_id, seen.page), seen.size)
    course.settle()


def _sizes(export: Export, wanted: set[tuple[int | None, int | None]]) -> dict[tuple[int, int], tuple[int, int]]:
    """Width and height of pages."""
    pages = export.pages
    tasks = pa.array(sorted({task for task, _ in wanted if task is not None}), pa.int64())
    own = pages.filter(pc.is_in(pages["task_id"], tasks)).select(["task_id", "page", "width", "height"])
    return {
        (row["task_id"], row["page"]): (row["width"], row["height"])
        for row in own.to_pylist()
        if row["width"] is not None and row["height"] is not None
    }
