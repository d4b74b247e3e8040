"""Markers of a known length in the image: two key points, or a line."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...agreement.counted import Counted, Ints
from ...checks.view import Mask
from ...options import shown
from ...read import Export
from ...read.export import page_rows

__all__ = ["MarkerFault", "Markers", "marker_regions", "measure_markers"]

Floats = NDArray[np.float64]

#: Names that a message lists.
MOST_NAMED = 12

INCOMPLETE = (
    "a marker needs both of its ends, and here is one key point; set the other one, or draw the marker as a line"
)
SURPLUS = "more than two key points, so nobody can say which two are the ends of the marker; delete the surplus ones"
NO_LENGTH = "the marker has no length, or is no line; draw it again as a line, or as two key points"
APART = "the marker was measured with lengths that differ by more than a tenth; somebody missed its ends: look at it"


@dataclass(frozen=True, slots=True)
class MarkerFault:
    """Something odd about markers: rows of pages, the annotation of each (a row of annotations, or -1), values."""

    code: str
    message: str
    pages: Ints
    annotations: Ints
    values: list[str | None]


@dataclass(frozen=True, slots=True)
class Markers:
    """What markers say of the pages.

    Attributes
    ----------
    spacing : ndarray of float64, shape (n_pages,)
        Millimetres per pixel: geometric mean over the people; NaN without a marker.
    error : ndarray of float64, shape (n_pages,)
        Relative standard deviation of that mean; NaN where nobody measured twice in the whole export.
    n_annotators : ndarray of int64, shape (n_pages,)
        How many people measured.
    region : ndarray of bool, shape (n_regions,)
        Regions that are markers.
    faults : list of MarkerFault
        Markers that could not be used, and those that people measured differently.
    """

    spacing: Floats
    error: Floats
    n_annotators: Ints
    region: Mask
    faults: list[MarkerFault]


def marker_regions(export: Export, names: frozenset[str]) -> Mask:
    """Say of each region whether it is a marker: one of its labels, or the control that drew it, has such a name.

    O(n) in regions.
    """
    table = export.regions.table
    wanted = pa.array(sorted(names), pa.string())
    found = np.array(pc.is_in(table["from_name"], wanted).to_numpy(zero_copy_only=False), dtype=bool)
    labels = table["labels"].combine_chunks()
    row = pc.list_parent_indices(labels).to_numpy(zero_copy_only=False)
    hit = pc.is_in(pc.list_flatten(labels), wanted).to_numpy(zero_copy_only=False)
    found[row[hit]] = True
    return found


def _refuse_unknown(export: Export, names: frozenset[str]) -> None:
    """Refuse names that nothing in the export has; a marker that the configuration offers may be drawn nowhere."""
    table = export.regions.table
    drawn = {*table["from_name"].unique().to_pylist(), *pc.unique(pc.list_flatten(table["labels"])).to_pylist()}
    offered = {value for values in export.controls["values"].to_pylist() for value in values or ()}
    known = {name for name in drawn | offered | set(export.controls["name"].to_pylist()) if name is not None}
    if known and not known & names:
        listed = ", ".join(shown(name) for name in sorted(known)[:MOST_NAMED]) + (
            ", ..." if len(known) > MOST_NAMED else ""
        )
        raise ValueError(
            f"marker is {', '.join(shown(name) for name in sorted(names))}, which no region has; there are {listed}"
        )


def measure_markers(export: Export, counted: Counted, names: frozenset[str], length_mm: float) -> Markers:
    """Work out the spacing of each page from its markers.

    Parameters
    ----------
    export : Export
        What `read_label_studio` returns.
    counted : Counted
        The annotations of it that count; markers of others do not.
    names : frozenset of str
        Labels of the regions that are markers, or names of the controls that draw nothing else.
    length_mm : float
        Length of a marker in millimetres.

    Returns
    -------
    Markers
        O(n log n) in markers.

    Raises
    ------
    ValueError
        If the export knows none of the names, neither as label nor as control.

    Notes
    -----
    A marker is two key points by one person on one page, an open line (its length along all its vertices), or a
    polygon of two points. Pixels are taken as square. Somebody who drew several lines on a page counts once, with
    their geometric mean, and so do the people of a page.

    The error of a page's mean is the standard deviation of the logarithm between people, pooled over all pages with at
    least two (each page one degree of freedom less than it has people), or that of the page itself where it is larger,
    over the square root of the number of people.
    """
    region = marker_regions(export, names)
    if not region.any():
        _refuse_unknown(export, names)
    pages = export.pages
    count = pages.num_rows
    number = np.full(export.annotations.num_rows, -1, dtype=np.int64)
    number[counted.annotations] = np.arange(len(counted.annotations))
    rows = np.flatnonzero(region)
    rows = rows[number[export.annotation_rows[rows]] >= 0]
    table = export.regions.table.select(["task_id", "page", "kind"]).take(pa.array(rows))
    place = page_rows(
        table["task_id"].to_numpy(), table["page"].to_numpy(), pages["task_id"].to_numpy(), pages["page"].to_numpy()
    )
    owner = number[export.annotation_rows[rows]]
    key = place * max(len(counted.annotations), 1) + owner
    points = pc.equal(table["kind"], "keypoint").to_numpy()
    lines = pc.equal(table["kind"], "line").to_numpy()
    first, length, vertices = _paths(export, rows)
    fit = lines | ((vertices == 2) & ~points)

    faults: list[MarkerFault] = []

    def fault(code: str, message: str, at: Ints, values: list[str | None]) -> None:
        if len(at):
            faults.append(MarkerFault(code, message, place[at], counted.annotations[owner[at]], values))

    pair_key, start, members = np.unique(key[points], return_index=True, return_counts=True)
    at = np.flatnonzero(points)
    order = at[np.argsort(key[at], kind="stable")]
    begin = np.cumsum(members) - members
    ends = begin[members == 2]
    apart = np.hypot(*(first[order[ends]] - first[order[np.minimum(ends + 1, len(order) - 1)]]).T)
    single, many = at[start[members == 1]], at[start[members > 2]]
    fault("marker_incomplete", INCOMPLETE, single, [None] * len(single))
    fault("marker_surplus", SURPLUS, many, [f"{n} key points" for n in members[members > 2].tolist()])

    measured_key = np.concatenate((pair_key[members == 2], key[fit]))
    measured = np.concatenate((apart, length[fit]))
    source = np.concatenate((order[ends], np.flatnonzero(fit)))
    useless = np.concatenate((source[~(measured > 0.0)], np.flatnonzero(~fit & ~points)))
    fault("marker_unusable", NO_LENGTH, np.unique(useless), [None] * len(np.unique(useless)))
    good = measured > 0.0
    by_person, log_spacing = _means(measured_key[good], np.log(length_mm) - np.log(measured[good]))
    page_of = by_person // max(len(counted.annotations), 1)
    on_page, mean = _means(page_of, log_spacing)
    people = np.bincount(page_of, minlength=count)

    spacing, error = np.full(count, np.nan), np.full(count, np.nan)
    spacing[on_page] = np.exp(mean)
    full = np.zeros(count)
    full[on_page] = mean
    squares = np.bincount(page_of, weights=(log_spacing - full[page_of]) ** 2, minlength=count)
    free = np.maximum(people - 1, 0)
    if free.any():
        # Exactly rounded, so that the order of the pages does not matter.
        pooled = math.fsum(squares.tolist()) / int(free.sum())
        own = np.divide(squares, free, out=np.zeros(count), where=free > 0)
        error[on_page] = np.sqrt(np.maximum(own, pooled)[on_page] / people[on_page])
    if len(page_of):
        low, high = np.full(count, np.inf), np.full(count, -np.inf)
        np.minimum.at(low, page_of, log_spacing)
        np.maximum.at(high, page_of, log_spacing)
        wide = np.flatnonzero((people > 1) & (high - low > np.log(1.1)))
        if len(wide):
            lengths = np.exp(np.log(length_mm) - np.stack([high, low], axis=1)[wide])
            values: list[str | None] = [f"{short:.1f} to {long:.1f} px" for short, long in lengths.tolist()]
            faults.append(MarkerFault("marker_differs", APART, wide, np.full(len(wide), -1), values))
    return Markers(spacing, error, people, region, faults)


def _paths(export: Export, rows: Ints) -> tuple[Floats, Floats, Ints]:
    """First vertex of each of these regions, its length as an open path in pixels, and its number of vertices."""
    polygons = export.regions.polygons.take(rows)
    xy, rings, parts = (np.asarray(part) for part in polygons.to_ragged()[:3])
    start = rings[parts[:-1]].astype(np.int64)
    end = rings[parts[1:]].astype(np.int64)
    vertices = end - start
    first = np.full((len(rows), 2), np.nan)
    first[vertices > 0] = xy[start[vertices > 0]]
    step = np.zeros((len(xy), 2))
    step[: max(len(xy) - 1, 0)] = np.diff(xy, axis=0)
    drawn = vertices > 0
    step[end[drawn] - 1] = xy[start[drawn]] - xy[end[drawn] - 1]
    run = np.concatenate(([0.0], np.cumsum(np.hypot(*step.T))))
    # An open path is a ring that runs there and back again.
    return first, 0.5 * (run[end] - run[start]), vertices


def _means(key: Ints, values: Floats) -> tuple[Ints, Floats]:
    """Return the different keys and the mean of the values of each."""
    known, code = np.unique(key, return_inverse=True)
    return known, np.bincount(code, weights=values) / np.maximum(np.bincount(code), 1)
