"""Millimetres per pixel of every page, where they come from, and how sure they are."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...agreement.counted import Counted, Ints
from ...checks.view import Mask
from ...errors import ConfigError
from ...options import checked_number, shown
from ...read import Export
from ...read.options import read_options
from ...spacing import LARGEST, SMALLEST, Spacing
from ..findings import finding_rows
from .markers import Markers, measure_markers
from .page_fields import page_spacings
from .remarks import Remark
from .spacing_file import FileRows, checked_error, checked_tilt, match_pages, read_spacing_file

__all__ = ["SPACING_SOURCES", "Calibration", "Scale", "calibrate"]

Floats = NDArray[np.float64]

#: Where a spacing can come from; `Visits.spacing_source` holds places in it.
SPACING_SOURCES = ("none", "file", "marker", "field", "constant")
NONE, FILE, MARKER, FIELD, CONSTANT = range(5)

#: Two sources that say a spacing of the same page may differ by this much: beyond, areas differ by a tenth.
SOURCES_APART = 1.05
DIFFERS = (
    "the marker in the image and another source of its spacing differ by more than 5 %; a file goes before the marker, "
    "the marker before a field or a constant: find out which is right"
)
AMBIGUOUS = (
    "the file names this image by a name that several images have; no line of it was taken: name images by their "
    "address, or by task_id and page"
)
UNMATCHED = (
    "lines of the calibration file are about images that the export does not have; correct their names, if it should"
)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Sources of the spacing beside a field and a constant, and how sure the spacing is.

    Attributes
    ----------
    file : path-like, optional
        CSV file with a spacing per image, see docs/scale.md.
    marker : str or iterable of str, optional
        Labels of regions that mark a known length, or names of the controls that draw nothing else: two key points
        per image, or an open line. Such regions are no lesions.
    marker_mm : float, optional
        Length of the marker in millimetres; goes with `marker`.
    spacing_error : float, optional
        Relative standard deviation of every spacing of which nothing else says how sure it is: 0.01 is one percent of
        length and two percent of area. From 0 to below 1.
    tilt_deg : float, optional
        Largest angle between camera and skin on pages for which the file has none. From 0 to below 90.
    names : frozenset of str
        The names in `marker`; not given, but made of it.

    Raises
    ------
    ValueError
        If a number is out of range, or one of `marker` and `marker_mm` is given without the other.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> lg.Calibration(marker="ruler", marker_mm=10).names
    frozenset({'ruler'})
    """

    file: str | os.PathLike[str] | None = None
    marker: str | Iterable[str] | None = None
    marker_mm: float | None = None
    spacing_error: float | None = None
    tilt_deg: float | None = None
    names: frozenset[str] = field(init=False, default=frozenset())

    def __post_init__(self) -> None:
        """Reject what cannot be meant."""
        if (self.marker is None) != (self.marker_mm is None):
            raise ValueError("marker and marker_mm go together: which regions are markers, and how long a marker is")
        if self.marker is not None:
            listed = [self.marker] if isinstance(self.marker, str) else list(self.marker)
            if not listed or not all(isinstance(name, str) and name.strip() for name in listed):
                raise ValueError(f"marker is {shown(self.marker)}; it names labels of regions, or controls")
            object.__setattr__(self, "names", frozenset(listed))
            length = checked_number("marker_mm", self.marker_mm)
            if not SMALLEST <= length <= LARGEST:
                raise ValueError(f"marker_mm is {shown(self.marker_mm)}; it is a length from 1e-9 to 1e9 mm")
        if self.spacing_error is not None:
            checked_error("spacing_error", self.spacing_error)
        if self.tilt_deg is not None:
            checked_tilt("tilt_deg", self.tilt_deg)


class Scale(NamedTuple):
    """What is known of the scale of each page; see `Visits`."""

    spacing: Floats
    source: Ints
    error: Floats
    tilt_deg: Floats
    marker: Mask
    remarks: list[Remark]
    #: Findings about the export as a whole.
    findings: list[pa.Table]


def calibrate(
    export: Export,
    counted: Counted,
    *,
    patients: pa.Array,
    visit: Ints,
    spacing_mm: Spacing | str | None = None,
    calibration: Calibration | None = None,
) -> Scale:
    """Find the millimetres per pixel of each page.

    Parameters
    ----------
    export : Export
        What `read_label_studio` returns.
    counted : Counted
        The annotations of it that count: markers of others do not.
    patients : pyarrow.Array
        Patient of each page, for a file that names patients.
    visit : ndarray of int64
        Visit of each page, for the same.
    spacing_mm : number, (number, number) or str, optional
        A constant for all images, along x and y; or a field of the tasks' data. By default what the export was read
        with, as a field.
    calibration : Calibration, optional
        Further sources.

    Returns
    -------
    Scale
        O(n log n) in pages, markers and lines of the file.

    Raises
    ------
    ValueError
        If no task has the field, or no line of the file is about an image of the export.
    ConfigError
        If the file cannot be used.

    Notes
    -----
    Of several sources the first that knows a page counts: the file, a marker in the image, the field, the constant.
    The error of a spacing is what the file says, else of a marker the spread between the people who measured it (see
    `measure_markers`), else `Calibration.spacing_error`. An image without any source has no spacing: never 1.

    The findings are calibration_unmatched, calibration_ambiguous, calibration_differs (a marker and another source
    apart by more than 5 %), and of markers marker_incomplete, marker_surplus, marker_unusable, marker_differs.
    """
    calibration = Calibration() if calibration is None else calibration
    count = export.pages.num_rows
    remarks: list[Remark] = []
    findings: list[pa.Table] = []
    tilt = np.full(count, np.nan if calibration.tilt_deg is None else float(calibration.tilt_deg))
    error = np.full(count, np.nan)
    found: dict[int, Floats] = {}
    if calibration.file is not None:
        rows = read_spacing_file(calibration.file)
        row, told = _from_file(rows, export, patients, visit)
        remarks += told[0]
        findings += told[1]
        here = np.append(row, -1)[:-1] >= 0
        found[FILE] = _taken(rows.spacing, row)
        error = _taken(rows.error[:, None], row)[:, 0]
        own = _taken(rows.tilt_deg[:, None], row)[:, 0]
        tilt = np.where(here & ~np.isnan(own), own, tilt)
    marker = np.zeros(len(export.regions), dtype=bool)
    by_marker = np.full(count, np.nan)
    if calibration.names:
        markers = measure_markers(export, counted, calibration.names, float(calibration.marker_mm or 0.0))
        marker, by_marker = markers.region, markers.error
        found[MARKER] = np.stack([markers.spacing, markers.spacing], axis=1)
        remarks += _of_markers(export, markers)
    constant, path = (None, None) if spacing_mm is None else _told(spacing_mm)
    if path is not None:
        values, problems = page_spacings(export, "spacing_mm", path)
        findings.append(problems)
        found[FIELD] = _pairs(values)
    elif constant is not None:
        found[CONSTANT] = np.tile(np.array(constant), (count, 1))
    else:
        known = [pc.fill_null(export.pages[f"spacing_{axis}_mm"], np.nan).to_numpy() for axis in "xy"]
        found[FIELD] = np.stack(known, axis=1).astype(np.float64)

    spacing, source = np.full((count, 2), np.nan), np.zeros(count, dtype=np.int64)
    for code in sorted(found):
        # Half a spacing measures nothing.
        take = (source == NONE) & ~np.isnan(found[code]).any(axis=1)
        spacing[take], source[take] = found[code][take], code
    error = np.where(np.isnan(error) & (source == MARKER), by_marker, error)
    if calibration.spacing_error is not None:
        error = np.where(np.isnan(error), float(calibration.spacing_error), error)
    error[source == NONE] = np.nan
    remarks += _contradicting(found)
    return Scale(spacing, source, error, tilt, marker, remarks, findings)


def _told(spacing_mm: Spacing | str) -> tuple[tuple[float, float] | None, str | None]:
    """Tell a constant from the name of a field."""
    options = read_options(spacing_mm=spacing_mm)
    return options.spacing_mm, None if options.spacing_path is None else ".".join(options.spacing_path)


def _taken(values: Floats, row: Ints) -> Floats:
    """Rows of a table of numbers; NaN where there is none."""
    padded = np.concatenate([values, np.full((1, values.shape[1]), np.nan)])
    return padded[row]


def _pairs(values: pa.Array) -> Floats:
    """Pairs as an array, NaN where null."""
    pairs = np.full((len(values), 2), np.nan)
    known = np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False))
    pairs[known] = values.flatten().to_numpy(zero_copy_only=False).reshape(-1, 2)
    return pairs


def _from_file(
    rows: FileRows, export: Export, patients: pa.Array, visit: Ints
) -> tuple[Ints, tuple[list[Remark], list[pa.Table]]]:
    """Find the line of each page, and say which lines nobody needed."""
    row, ambiguous = match_pages(rows, export.pages, patients, visit)
    used = np.zeros(len(rows.line), dtype=bool)
    used[row[row >= 0]] = True
    left = np.flatnonzero(~used)
    remarks = [Remark(ambiguous, "warning", "calibration_ambiguous", AMBIGUOUS, {"value": rows.name})]
    if len(row) and len(left) == len(used) and not len(ambiguous):
        keys = " and ".join(rows.key)
        raise ConfigError(
            f"{rows.name}: none of its {len(used)} lines is about an image of the export; lines name {keys}: compare "
            "them with the table of visits",
            source=rows.name,
        )
    if not len(left):
        return row, (remarks, [])
    value = f"{len(left)} of {len(used)} lines of {rows.name}, the first of them line {rows.line[left[0]]}"
    note = finding_rows(1, severity="info", code="calibration_unmatched", message=UNMATCHED, value=value)
    return row, (remarks, [note])


def _of_markers(export: Export, markers: Markers) -> list[Remark]:
    remarks = []
    for fault in markers.faults:
        at = pa.array(np.maximum(fault.annotations, 0), mask=fault.annotations < 0)
        more = {name: export.annotations[name].take(at) for name in ("annotation_id", "annotator")}
        more["value"] = pa.array(fault.values, pa.string())
        remarks.append(Remark(fault.pages, "warning", fault.code, fault.message, more))
    return remarks


def _contradicting(found: dict[int, Floats]) -> list[Remark]:
    """Pages whose marker says something else than another source."""
    if MARKER not in found:
        return []
    remarks = []
    marker = found[MARKER][:, 0]
    for code in (FILE, FIELD, CONSTANT):
        if code not in found:
            continue
        other = np.sqrt(found[code][:, 0] * found[code][:, 1])
        rows = np.flatnonzero(np.abs(np.log(marker / other)) > math.log(SOURCES_APART))
        name = SPACING_SOURCES[code]
        values = [f"marker {marker[row]:.5g}, {name} {other[row]:.5g} mm per pixel" for row in rows.tolist()]
        remarks.append(
            Remark(rows, "warning", "calibration_differs", DIFFERS, {"value": pa.array(values, pa.string())})
        )
    return remarks
