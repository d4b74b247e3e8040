"""Pages of one patient laid over each other: what goes in, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BASES", "MODELS", "UNITS", "Alignments", "Shifts", "Sightings"]

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
        earlier page is at a + rotation on the later one. NaN also where only the camera's shift is known.
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
        turned = self.model[some] == MODELS.index("similarity")
        rotation[aligned] = np.where(turned, self.rotation_rad[some], np.nan)
        return Shifts(pair, aligned, shift_mm, shift_px, direction, rotation)

    def _expected(self, pair: Ints, xy_px: Floats) -> Floats:
        """Return where positions on the earlier page are expected, in the unit of the pair."""
        xy = xy_px * self.per_px_from[pair]
        matrix = self.matrix[pair]
        there: Floats = matrix[:, :, 0] * xy[:, :1] + matrix[:, :, 1] * xy[:, 1:] + matrix[:, :, 2]
        return there
