"""Pages of one patient laid over each other: how the camera moved, which lesion is which, and ids that do not fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import _core

__all__ = ["BASES", "MODELS", "UNITS", "Alignments", "Shifts", "Sightings", "align"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Codes = NDArray[np.uint8]

#: What positions of a pair of pages are compared in: millimetres, widths of the image, or (no width known) pixels.
UNITS = ("mm", "width", "px")

#: What is known of the camera's movement between two pages: nothing, its shift, or shift, rotation and scale.
MODELS = ("none", "shift", "similarity")

#: What that was found from: nothing, lesions that have the same id on both pages, or positions, sizes and labels alone.
BASES = ("none", "ids", "positions")

#: How much nearer or farther the camera may have come: where both pages are calibrated, and where they are not.
_ZOOM_MM, _ZOOM = 1.25, 2.0


@dataclass(frozen=True)
class Sightings:
    """Lesions as they were seen: one entry per lesion on a page.

    Attributes
    ----------
    series : (n,) int64 array
        What belongs together: the number of the patient and site (and of the annotator, where each has tracks of
        their own).
    visit : (n,) int64 array
        Visit within the series, in order of time.
    page : (n,) int64 array
        The image: row of the export's pages. All entries of a page have the same `spacing_mm` and `width_px`.
    xy_px : (n, 2) float64 array
        Position in pixels of the page.
    log_area_px2 : (n,) float64 array
        Natural logarithm of the area in square pixels; NaN where there is none: the size then says nothing.
    label : (n,) int64 array
        Code of the label, -1 for none: the label then says nothing.
    track : (n,) int64 array
        Code of the id that the lesion was given, -1 for none; the same code is the same id within a series.
    spacing_mm : (n, 2) float64 array
        Millimetres per pixel along x and y; NaN where unknown.
    width_px : (n,) float64 array
        Width of the image in pixels; NaN or 0 where unknown.
    """

    series: Ints
    visit: Ints
    page: Ints
    xy_px: Floats
    log_area_px2: Floats
    label: Ints
    track: Ints
    spacing_mm: Floats
    width_px: Floats

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self.series)


@dataclass(frozen=True)
class Shifts:
    """How far lesions moved over the skin between two pages, beyond the movement of the camera; one entry per link.

    Attributes
    ----------
    pair : (n,) int64 array
        Position of the pair of pages in the `Alignments`; -1: these pages were not compared.
    aligned : (n,) bool array
        Whether the camera's movement is known (`model` other than "none"). Where it is not, the rest is NaN.
    shift_mm : (n,) float64 array
        Distance between the two positions after alignment; NaN unless both pages are calibrated.
    shift_px : (n,) float64 array
        The same in pixels of the later page.
    direction_rad : (n,) float64 array
        Direction of the shift on the later page, from +x clockwise on screen.
    rotation_rad : (n,) float64 array
        By how much the camera's view turned, clockwise on screen: what was at angle a around a lesion's centre on the
        earlier page is at a + rotation on the later one.
    """

    pair: Ints
    aligned: Mask
    shift_mm: Floats
    shift_px: Floats
    direction_rad: Floats
    rotation_rad: Floats


@dataclass(frozen=True)
class Alignments:
    """Pairs of pages (one entry per pair), and the lesions of the later page of each (one entry per lesion and pair).

    Lengths without a unit in their name are in the `unit` of the pair. Rows are rows of `seen`.

    Attributes
    ----------
    seen : Sightings
        What was aligned.
    series, visit_from, visit_to, page_from, page_to : (pairs,) int64 array
        Which pages, the earlier and the later; sorted by series, then as the pages follow each other.
    unit, model, basis : (pairs,) uint8 array
        Codes of `UNITS`, `MODELS`, `BASES`.
    matrix : (pairs, 2, 3) float64 array
        Takes positions of the earlier page to where they are expected on the later one: ``m[:, :2] @ xy + m[:, 2]``,
        both in `unit`. The identity where `model` is "none".
    rotation_rad, scale : (pairs,) float64 array
        Of `matrix`: the angle clockwise on screen, and the factor of lengths.
    n_common, n_inliers : (pairs,) int64 array
        Ids that both pages have once; lesions that agree on the movement.
    residual_sd : (pairs,) float64 array
        Standard deviation, per coordinate, of what the movement leaves unexplained in those; NaN where as many numbers
        were fitted as measured.
    per_px_from, per_px_to : (pairs, 2) float64 array
        How much of `unit` a pixel of either page is, along x and y.
    pair : (entries,) int64 array
        Position of the pair; entries are sorted by it, then by row.
    row : (entries,) int64 array
        The lesion on the later page.
    partner : (entries,) int64 array
        Row of the lesion on the earlier page that it is taken to be, whatever the ids say: the one-to-one assignment
        of the least total cost. -1: none, for it would cost more than having none.
    partner_distance, cost, margin : (entries,) float64 array
        Of `partner`, NaN without one: the distance after alignment; what this link costs (see `align`); and how much
        more the next best link of either of the two lesions would cost, or none at all. A small or negative margin is
        a link that could as well be another one.
    same_id : (entries,) int64 array
        Row of the lesion on the earlier page with the same id (of several, the nearest), -1 for none.
    same_id_distance, same_id_cost, tolerance : (entries,) float64 array
        Of `same_id`, NaN without one: the distance after alignment, what the link costs (it may exceed the cost of
        having none), and the standard deviation of the distance per coordinate that was allowed for.
    jump : (entries,) bool array
        The lesion with the same id is implausibly far, and no exchange of ids explains it.
    swap : (entries,) int64 array
        Row, on the same page, of the lesion whose id this one should have: the ids of some lesions were exchanged.
        -1: no suspicion. Two that were exchanged point at each other, three or more in a circle.
    swap_gain : (entries,) float64 array
        By how much the exchange lowers the total cost of the links by id; NaN without suspicion.
    swap_size : (entries,) int64 array
        How many ids were exchanged in that circle; 0 without suspicion.
    """

    seen: Sightings
    series: Ints
    visit_from: Ints
    visit_to: Ints
    page_from: Ints
    page_to: Ints
    unit: Codes
    model: Codes
    basis: Codes
    matrix: Floats
    rotation_rad: Floats
    scale: Floats
    n_common: Ints
    n_inliers: Ints
    residual_sd: Floats
    per_px_from: Floats
    per_px_to: Floats
    pair: Ints
    row: Ints
    partner: Ints
    partner_distance: Floats
    cost: Floats
    margin: Floats
    same_id: Ints
    same_id_distance: Floats
    same_id_cost: Floats
    tolerance: Floats
    jump: Mask
    swap: Ints
    swap_gain: Floats
    swap_size: Ints

    def pairs_of(self, page_from: Ints, page_to: Ints) -> Ints:
        """Find the pair of each two pages, in this direction; -1 where they were not compared."""
        found = np.full(len(page_from), -1, dtype=np.int64)
        if len(self.page_from):
            width = int(max(self.page_from.max(), self.page_to.max())) + 1
            keys = self.page_from * width + self.page_to
            order = np.argsort(keys, kind="stable")
            wanted = page_from * width + page_to
            at = order[np.minimum(np.searchsorted(keys[order], wanted), len(order) - 1)]
            same = (self.page_from[at] == page_from) & (self.page_to[at] == page_to)
            found[same] = at[same]
        return found

    def carry(self, pair: Ints, xy_px: Floats) -> Floats:
        """Return where positions on the earlier page of a pair are expected on its later page.

        Parameters
        ----------
        pair : (n,) int64 array
            Positions of pairs, 0 or more.
        xy_px : (n, 2) float64 array
            In pixels of the earlier page.

        Returns
        -------
        (n, 2) float64 array
            In pixels of the later page.
        """
        there: Floats = self._expected(pair, xy_px) / self.per_px_to[pair]
        return there

    def shifts(self, row_from: Ints, row_to: Ints) -> Shifts:
        """Return how far each lesion moved between two pages beyond the camera's movement.

        Where two lesions are all that the camera's movement was found from, each of them has half of what they moved
        towards or away from each other: nothing tells which of them it was.

        Parameters
        ----------
        row_from, row_to : (n,) int64 array
            Rows of `seen`: the same lesion on an earlier and a later page.

        Returns
        -------
        Shifts
            One entry per link.
        """
        seen, count = self.seen, len(row_from)
        pair = self.pairs_of(seen.page[row_from], seen.page[row_to])
        aligned = pair >= 0
        aligned[aligned] = self.model[pair[aligned]] != 0
        shift_mm, shift_px, direction, rotation = (np.full(count, np.nan) for _ in range(4))
        some, a, b = pair[aligned], row_from[aligned], row_to[aligned]
        per_px = self.per_px_to[some]
        off = seen.xy_px[b] * per_px - self._expected(some, seen.xy_px[a])
        distance = np.hypot(off[:, 0], off[:, 1])
        on_page = off / per_px
        shift_mm[aligned] = np.where(self.unit[some] == UNITS.index("mm"), distance, np.nan)
        shift_px[aligned] = np.hypot(on_page[:, 0], on_page[:, 1])
        direction[aligned] = np.arctan2(on_page[:, 1], on_page[:, 0])
        rotation[aligned] = self.rotation_rad[some]
        return Shifts(pair, aligned, shift_mm, shift_px, direction, rotation)

    def _expected(self, pair: Ints, xy_px: Floats) -> Floats:
        """Return where positions on the earlier page are expected, in the unit of the pair."""
        xy = xy_px * self.per_px_from[pair]
        matrix = self.matrix[pair]
        there: Floats = matrix[:, :, 0] * xy[:, :1] + matrix[:, :, 1] * xy[:, 1:] + matrix[:, :, 2]
        return there


def align(
    seen: Sightings,
    *,
    links: tuple[Ints, Ints] | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Alignments:
    """Lay pages of a series over each other and compare the lesions on them.

    Parameters
    ----------
    seen : Sightings
        The lesions. Their order matters only where two of a page are exactly alike.
    links : tuple of two (n,) int64 arrays, optional
        Rows of `seen`, of an earlier and a later page: the pairs of pages that these rows lie on are compared, each
        pair once. Default: each page with the next one of its series on which there is any lesion.
    threads : int, optional
        Number of threads; does not change the result.
    progress : callable, optional
        Called with (done, total) now and then.

    Returns
    -------
    Alignments
        Camera movement of each pair of pages, and the links of the lesions of the later page.

    Raises
    ------
    ValueError
        If arrays differ in length, positions are not finite, or two linked rows are of different series.
    """
    _check(seen)
    order, start, end = _views(seen)
    first = order[start]
    if links is None:
        earlier = np.flatnonzero(seen.series[first[:-1]] == seen.series[first[1:]])
        later = earlier + 1
    else:
        earlier, later = _linked(seen, links, order, start)
    unit, per_px_from, per_px_to, field = _units(seen, first[earlier], first[later])
    movements, numbers, jump, values = _core.link_visits(
        np.ascontiguousarray(seen.xy_px[order], dtype=np.float64),
        np.where(np.isfinite(seen.log_area_px2), seen.log_area_px2, np.nan)[order],
        seen.label[order],
        seen.track[order],
        np.stack([start[earlier], end[earlier], start[later], end[later]], axis=1),
        np.concatenate([per_px_from, per_px_to], axis=1),
        field,
        np.where(unit == UNITS.index("mm"), _ZOOM_MM, _ZOOM),
        threads=threads,
        progress=progress,
    )
    model, basis, matrix, n_common, n_inliers, residual_sd = movements
    back = np.append(order, -1)
    lesion, partner, same_id, swap = (back[number] for number in numbers[:4])
    distance, cost, margin, same_distance, same_cost, tolerance, gain = values
    matrix = matrix.reshape(-1, 2, 3)
    return Alignments(
        seen=seen,
        series=seen.series[first[earlier]],
        visit_from=seen.visit[first[earlier]],
        visit_to=seen.visit[first[later]],
        page_from=seen.page[first[earlier]],
        page_to=seen.page[first[later]],
        unit=unit,
        model=model,
        basis=basis,
        matrix=matrix,
        rotation_rad=np.arctan2(matrix[:, 1, 0], matrix[:, 0, 0]),
        scale=np.hypot(matrix[:, 1, 0], matrix[:, 0, 0]),
        n_common=n_common,
        n_inliers=n_inliers,
        residual_sd=residual_sd,
        per_px_from=per_px_from,
        per_px_to=per_px_to,
        pair=np.repeat(np.arange(len(later)), (end - start)[later]),
        row=lesion,
        partner=partner,
        partner_distance=distance,
        cost=cost,
        margin=margin,
        same_id=same_id,
        same_id_distance=same_distance,
        same_id_cost=same_cost,
        tolerance=tolerance,
        jump=jump,
        swap=swap,
        swap_gain=gain,
        swap_size=numbers[4],
    )


def _check(seen: Sightings) -> None:
    """Raise ValueError for arrays that do not fit together."""
    count = len(seen)
    for name in ("visit", "page", "xy_px", "log_area_px2", "label", "track", "spacing_mm", "width_px"):
        shape = np.shape(getattr(seen, name))
        wanted = (count, 2) if name in ("xy_px", "spacing_mm") else (count,)
        if shape != wanted:
            raise ValueError(f"{name} has the shape {shape}; {count} lesions need {wanted}")
    bad = np.flatnonzero(~np.isfinite(seen.xy_px).all(axis=1))
    if len(bad):
        raise ValueError(f"xy_px[{bad[0]}] is not finite; leave out lesions without a position")


def _views(seen: Sightings) -> tuple[Ints, Ints, Ints]:
    """Sort lesions by series, visit and page; return that order, and where each page starts and ends in it."""
    order = np.lexsort((seen.page, seen.visit, seen.series))
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = False
    for key in (seen.series[order], seen.visit[order], seen.page[order]):
        fresh[1:] |= key[1:] != key[:-1]
    start = np.flatnonzero(fresh)
    return order, start, np.append(start[1:], len(order))


def _linked(seen: Sightings, links: tuple[Ints, Ints], order: Ints, start: Ints) -> tuple[Ints, Ints]:
    """Return the distinct pairs of pages (their positions) of linked rows, in order."""
    view = np.empty(len(order), dtype=np.int64)
    view[order] = np.searchsorted(start, np.arange(len(order)), side="right") - 1
    a, b = (np.asarray(rows, dtype=np.int64) for rows in links)
    other = np.flatnonzero(seen.series[a] != seen.series[b])
    if len(other):
        raise ValueError(f"link {other[0]} joins rows {a[other[0]]} and {b[other[0]]}, which are of different series")
    pairs = np.unique(view[a] * np.int64(len(start)) + view[b])
    return pairs // max(len(start), 1), pairs % max(len(start), 1)


def _units(seen: Sightings, a: Ints, b: Ints) -> tuple[Codes, Floats, Floats, Floats]:
    """Return, of each pair (rows of either page), the unit, how much of it a pixel is, and the width of the image."""
    known = [
        np.isfinite(rows).all(axis=1) & (rows > 0).all(axis=1) for rows in (seen.spacing_mm[a], seen.spacing_mm[b])
    ]
    wide = [np.isfinite(seen.width_px[rows]) & (seen.width_px[rows] > 0) for rows in (a, b)]
    unit = np.where(known[0] & known[1], 0, np.where(wide[0] & wide[1], 1, 2)).astype(np.uint8)
    factors, fields = [], []
    for rows, has_width in zip((a, b), wide, strict=True):
        width = np.where(has_width, seen.width_px[rows], 1.0).astype(np.float64)
        factor = np.choose(unit[:, None], [seen.spacing_mm[rows], np.repeat(1.0 / width[:, None], 2, axis=1), 1.0])
        factors.append(np.ascontiguousarray(factor, dtype=np.float64))
        fields.append(np.where(has_width, width * factor[:, 0], 0.0))
    field = np.maximum(*fields)
    # In pixels of images of unknown width the lesions themselves are the measure.
    return unit, factors[0], factors[1], np.where(unit == UNITS.index("px"), 0.0, field)
