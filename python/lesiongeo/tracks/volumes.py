"""Volumes of lesions whose pages are slices: the sum of areas times the distance between slices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..agreement.counted import Ints
from ..arrow import nullable, numbers
from ..checks.view import Mask
from ..options import checked_number, shown
from ..read import Export
from ..read.export import page_rows
from ..spacing import LARGEST, SMALLEST
from .pages.page_fields import PageValues, page_numbers, page_positions

__all__ = ["volumes"]

Floats = NDArray[np.float64]

#: What tells lesions apart; those that the table has.
KEYS = ("patient", "site", "track_id", "annotator")
NEEDED = ("patient", "track_id", "visit", "task_id", "page", "n_regions", "area_px2", "area_mm2")
REASONS = (None, "no_area", "spacing_unknown", "slice_spacing_unknown")


class _HasTable(Protocol):
    """Something with a table of tracks."""

    @property
    def table(self) -> pa.Table:
        """One row per lesion and slice."""


def volumes(
    tracks: _HasTable | pa.Table,
    slice_spacing_mm: float | str,
    *,
    slice_position_mm: str | None = None,
    export: Export | None = None,
) -> pa.Table:
    """Add up the areas of each lesion over slices.

    Parameters
    ----------
    tracks : Tracks, or pyarrow.Table
        Lesions over pages that are slices of one body, in their order; the table with one row per lesion and slice
        that `tracks` makes. With ``by="annotator"`` there is a volume per annotator.
    slice_spacing_mm : float or str
        Distance between neighbouring slices in millimetres; or the field of the tasks' data that has the thickness of
        each page's slice, which needs `export`.
    slice_position_mm : str, optional
        Field with the position of each page's slice along the body, in millimetres, to find slices that are no pages;
        needs `export`.
    export : Export, optional
        What the tracks were made of.

    Returns
    -------
    pyarrow.Table
        One row per lesion, in the order of the tracks: patient, site, track_id, annotator (where the tracks have them;
        task_id where the patient is unknown), first_visit, last_visit (slices, from 0), n_slices (on which it is
        drawn), n_gaps (slices between the first and the last on which it is not: pages, or by their positions also
        those that are no pages), slice_spacing_mm (null where it differs between the slices), area_max_mm2 (null: the
        spacing of a page is unknown), volume_mm3, reason (why volume_mm3 is null: no_area, spacing_unknown,
        slice_spacing_unknown). O(n log n) in rows.

    Raises
    ------
    ValueError
        If the table lacks a column, the distance is no number from 1e-9 to 1e9, or a field is named without export or
        no task has it.

    Notes
    -----
    The volume is the sum over slices of area times slice thickness (Cavalieri's principle): each outline stands for
    the slab around it. Slices on which the lesion is not drawn add nothing, also those between two that show it; an
    outline without area adds nothing. A slice without a spacing leaves the whole volume unknown.

    Examples
    --------
    >>> import lesiongeo as lg, pyarrow as pa
    >>> rows = {"patient": ["A"] * 3, "track_id": ["1"] * 3, "visit": [0, 1, 2], "task_id": [7] * 3,
    ...         "page": [0, 1, 2], "n_regions": [1, 0, 1], "area_px2": [4.0, None, 6.0], "area_mm2": [2.0, None, 3.0]}
    >>> lg.volumes(pa.table(rows), 2.5).select(["n_slices", "n_gaps", "volume_mm3"]).to_pylist()
    [{'n_slices': 2, 'n_gaps': 1, 'volume_mm3': 12.5}]
    """
    table = tracks if isinstance(tracks, pa.Table) else tracks.table
    missing = [name for name in NEEDED if name not in table.column_names]
    if missing:
        raise ValueError(f"the table of tracks has no column {', '.join(missing)}; pass what `tracks` returns")
    drawn = pc.fill_null(pc.greater(table["n_regions"], 0), False)
    table = table.filter(drawn).combine_chunks()
    thickness = _thickness(table, slice_spacing_mm, export)
    group, first = _groups(table)
    count = len(first)

    px, mm = (pc.fill_null(table[name], np.nan).to_numpy().astype(np.float64) for name in ("area_px2", "area_mm2"))
    # What has no area in pixels has none in millimetres either, whatever the spacing.
    flat = ~(px > 0.0)
    mm = np.where(flat, 0.0, mm)
    visit = table["visit"].to_numpy().astype(np.int64)
    low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    np.minimum.at(low, group, visit)
    np.maximum.at(high, group, visit)
    slices = np.bincount(group[_first_of(group, visit)], minlength=count)
    gaps, unsure = high - low + 1 - slices, np.zeros(count, dtype=bool)
    if slice_position_mm is not None:
        gaps, unsure = _gaps(group, _of_rows(table, page_positions, slice_position_mm, export), thickness, count)
    biggest = np.full(count, -np.inf)
    np.fmax.at(biggest, group, mm)
    thin, thick = np.full(count, np.inf), np.full(count, -np.inf)
    np.fmin.at(thin, group, thickness)
    np.fmax.at(thick, group, thickness)
    volume = np.bincount(group, weights=np.where(flat, 0.0, mm * thickness), minlength=count)
    unscaled, unplaced = (np.bincount(group[~flat & np.isnan(own)], minlength=count) > 0 for own in (mm, thickness))
    empty = np.bincount(group[~flat], minlength=count) == 0
    reason = np.where(empty, 1, np.where(unscaled, 2, np.where(unplaced, 3, 0)))

    at = pa.array(first)
    columns = {name: table[name].take(at) for name in KEYS if name in table.column_names}
    patient = columns["patient"]
    if patient.null_count:
        columns["task_id"] = pc.if_else(pc.is_null(patient), table["task_id"].take(at), None)
    columns |= {
        "first_visit": pa.array(low.astype(np.int32)),
        "last_visit": pa.array(high.astype(np.int32)),
        "n_slices": pa.array(slices.astype(np.int32)),
        "n_gaps": nullable(gaps.astype(np.int32), unsure),
        "slice_spacing_mm": numbers(np.where((thin == thick) & ~unplaced, thin, np.nan)),
        "area_max_mm2": numbers(np.where(unscaled | empty, np.nan, biggest)),
        "volume_mm3": nullable(volume, reason != 0),
        "reason": pa.array(REASONS, pa.string()).take(pa.array(reason)),
    }
    return pa.table(columns)


def _thickness(table: pa.Table, slice_spacing_mm: float | str, export: Export | None) -> Floats:
    """Thickness of each row's slice, NaN where it is unknown."""
    if not isinstance(slice_spacing_mm, str):
        constant = checked_number("slice_spacing_mm", slice_spacing_mm)
        if not SMALLEST <= constant <= LARGEST:
            raise ValueError(f"slice_spacing_mm is {shown(slice_spacing_mm)}; it is a distance from 1e-9 to 1e9 mm")
        return np.full(table.num_rows, constant)
    return _of_rows(table, page_numbers, slice_spacing_mm, export)


def _of_rows(
    table: pa.Table, read: Callable[[Export, str, str], PageValues], path: str, export: Export | None
) -> Floats:
    """Value of a field on the page of each row, NaN where there is none."""
    option = "slice_spacing_mm" if read is page_numbers else "slice_position_mm"
    if export is None:
        raise ValueError(f"{option} is {shown(path)}, a field of the tasks: give the export, too")
    values = pc.fill_null(read(export, option, path).values, np.nan).to_numpy(zero_copy_only=False)
    pages = export.pages
    row = page_rows(
        table["task_id"].to_numpy(),
        table["page"].to_numpy().astype(np.int32),
        pages["task_id"].to_numpy(),
        pages["page"].to_numpy(),
    )
    return np.append(values.astype(np.float64), np.nan)[row]


def _gaps(group: Ints, position: Floats, thickness: Floats, count: int) -> tuple[Ints, Mask]:
    """Slices that are missing between those of each lesion, by their positions; and of which that is unknown."""
    order = np.lexsort((position, group))
    own, at, thick = group[order], position[order], thickness[order]
    inside = own[1:] == own[:-1]
    steps = np.diff(at) / (0.5 * (thick[1:] + thick[:-1]))
    # Two pages of one slice are no gap.
    missing = np.maximum(np.rint(np.where(np.isnan(steps), 1.0, steps)) - 1.0, 0.0)
    gaps = np.bincount(own[1:][inside], weights=missing[inside], minlength=count)
    unsure: Mask = np.bincount(group[np.isnan(position) | np.isnan(thickness)], minlength=count) > 0
    return gaps.astype(np.int64), unsure


def _groups(table: pa.Table) -> tuple[Ints, Ints]:
    """Number the lesions in the order in which they come; the first row of each."""
    unknown = pc.is_null(table["patient"])
    # Without a patient the task is the patient.
    columns = [pc.if_else(unknown, table["task_id"], None), *(table[n] for n in KEYS if n in table.column_names)]
    code = np.zeros(table.num_rows, dtype=np.int64)
    for column in columns:
        own = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        encoded = own.dictionary_encode()
        place = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64) + 1
        _, code = np.unique(code * (int(place.max(initial=0)) + 1) + place, return_inverse=True)
    _, first, code = np.unique(code, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty(len(first), dtype=np.int64)
    rank[order] = np.arange(len(first))
    return rank[code], first[order]


def _first_of(group: Ints, visit: Ints) -> Ints:
    """Rows that are the first of their group and visit."""
    width = int(visit.max(initial=0)) + 1
    return np.asarray(np.unique(group * width + visit, return_index=True)[1], dtype=np.int64)
