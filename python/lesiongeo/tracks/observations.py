"""Lesions on pages, measured: one row for each, with who drew it and what was measured of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, get_args

import numpy as np
import pyarrow.compute as pc

from ..agreement import Agreement
from ..agreement.annotators import UNKNOWN, ranks
from ..agreement.counted import Counted, Ints
from ..consensus.outlines import joined, medoids, voted
from ..options import shown
from ..polygons import Polygons
from ..read import Export
from ..read.export import page_rows
from .gathered import Gathered, gather_lesions, gather_single
from .sizes import Floats, Mask, Sizes, sizes_of, vars_of

__all__ = ["BY", "OUTLINES", "By", "Observations", "Outline", "Scales", "observe"]

By: TypeAlias = Literal["lesion", "annotator"]
Outline: TypeAlias = Literal["annotators", "majority", "medoid", "union", "intersection"]
BY: tuple[By, ...] = get_args(By)
#: What was measured, by its code.
OUTLINES = ("none", "ground_truth", *get_args(Outline))
NONE, GROUND_TRUTH, ANNOTATORS = range(3)


class Scales(Protocol):
    """Whatever knows the scale of pages; `Visits` does."""

    @property
    def spacing(self) -> Floats:
        """Millimetres per pixel along x and y of each row of ``export.pages``, shape (n_pages, 2); NaN: unknown."""

    @property
    def marker(self) -> Mask:
        """Regions that mark a known length and are no lesions, shape (n_regions,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Observations(Sizes):
    """Lesions on pages: one entry for each, by row of ``export.pages``, then `place_order`. Made by `observe`.

    Attributes
    ----------
    by : str
        "lesion": regions of several annotators, at most one of each; "annotator": every region for itself.
    page : ndarray of int64, shape (n,)
        Row of ``export.pages``; never decreasing.
    lesion : ndarray of int64, shape (n,)
        Number of the lesion on its page, as in ``Agreement.lesions``; -1: none (by annotator, and for a region of a
        ground truth that stands for no lesion). A ground truth may have several regions for one lesion.
    owner : ndarray of int64, shape (n,)
        By annotator the code of the annotator, in `annotators`; else -1.
    n_annotators : ndarray of int64, shape (n,)
        How many people's annotations of the task count.
    starts : ndarray of int64, shape (n + 1,)
        The regions of observation i are ``members[starts[i]:starts[i + 1]]``, at least one.
    members : ndarray of int64, shape (n_members,)
        Rows of ``export.regions``, no row twice, within an observation in the order of annotators.
    member_annotator : ndarray of int64, shape (n_members,)
        Who drew each, as code in `annotators`; no code twice within an observation.
    member_log_area : ndarray of float64, shape (n_members,)
        Natural logarithm of the area of each in px2; NaN where it has no area.
    measured : ndarray of bool, shape (n_members,)
        Whether the outline counts in the measures. Not so where it has no area, and beside a ground truth: such a
        region belongs to the lesion for its id and its answers only.
    annotators : tuple of str
        Names by code, in the order of `Counted.names`.
    outline : ndarray of int64, shape (n,)
        What was measured, as code in `OUTLINES`: "annotators" (each outline by itself, then the geometric mean),
        "ground_truth", one outline by votes, or "none": then all measures are NaN.
    shapes : Polygons
        The outlines that were measured, among others: interiors of the regions, row for row, then those by votes.
    shape_rows : ndarray of int64, shape (n_measured,)
        Rows of `shapes`, observation after observation.
    shape_starts : ndarray of int64, shape (n + 1,)
        Observation i was measured on ``shape_rows[shape_starts[i]:shape_starts[i + 1]]``; on none where `outline` is
        "none".
    spacing : ndarray of float64, shape (n, 2)
        Millimetres per pixel along x and y on the page; NaN where they are unknown (both then).

    Notes
    -----
    Areas, lengths and centroids are those of `Sizes`. Lesions that a ground truth does not have are no observations:
    the ground truth wins for its whole task.
    """

    by: str
    page: Ints
    lesion: Ints
    owner: Ints
    n_annotators: Ints
    starts: Ints
    members: Ints
    member_annotator: Ints
    member_log_area: Floats
    measured: Mask
    annotators: tuple[str, ...]
    outline: Ints
    shapes: Polygons
    shape_rows: Ints
    shape_starts: Ints
    spacing: Floats

    def __len__(self) -> int:
        return len(self.page)

    @property
    def n_drawn(self) -> Ints:
        """How many regions each has, and so how many annotators drew it."""
        return np.diff(self.starts)

    @property
    def of_member(self) -> Ints:
        """The observation of each member."""
        return np.repeat(np.arange(len(self)), self.n_drawn)

    def of_region(self, regions: int) -> Ints:
        """Return the observation of each of so many regions of the export; -1 where it is in none."""
        found = np.full(regions, -1, dtype=np.int64)
        found[self.members] = self.of_member
        return found


def observe(
    export: Export,
    counted: Counted,
    *,
    visits: Scales,
    by: By = "lesion",
    outline: Outline = "annotators",
    agreement: Agreement | None = None,
    threads: int | None = None,
) -> Observations:
    """Find the lesions of each page and measure them.

    Parameters
    ----------
    export : Export
        What `read_label_studio` returns.
    counted : Counted
        Its annotations that count.
    visits : Visits
        The spacing of each row of ``export.pages``, and which regions are markers: those are left out.
    by : {"lesion", "annotator"}, default "lesion"
        Whether regions of several annotators are put together as lesions, or each is an observation of its own.
    outline : str, default "annotators"
        What is measured: "annotators", each outline by itself and then their geometric mean; or one outline by
        "majority", "medoid", "union" or "intersection", as `consensus` makes it. A ground truth overrides, by lesion.
    agreement : Agreement, optional
        Whose lesions to take; by default regions are grouped here, as `agreement` does by default.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    Observations
        Nothing is said about ids, visits and patients here.

    Raises
    ------
    ValueError
        If `by` or `outline` is none of these or they do not go together, the agreement or the visits are those of
        another export, or a region lies on a page that ``export.pages`` does not have.

    Notes
    -----
    The geometric mean of what annotators drew is used since habits multiply: one who draws a tenth wider does so on
    every visit. The outline by majority of two people is their intersection, which is smaller than what either drew,
    and a change from three annotators to two would look like shrinkage.

    O(n log n) in vertices. The same bits for the same export, whatever the order of its tasks but for the order of
    ``export.pages`` itself.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> from lesiongeo.agreement.counted import Counted
    >>> from lesiongeo.tracks.observations import observe
    >>> from types import SimpleNamespace
    >>> import numpy as np
    >>> export = lg.read_label_studio("examples/dermatology.json")
    >>> spacing = np.full((export.pages.num_rows, 2), 0.05)
    >>> visits = SimpleNamespace(spacing=spacing, marker=np.zeros(len(export.regions), dtype=bool))
    >>> seen = observe(export, Counted(export), visits=visits)
    >>> len(seen), int(seen.n_drawn.max()), round(float(seen.area_mm2[0] / seen.area_px2[0]), 6)
    (268, 3, 0.0025)
    """
    if by not in BY:
        raise ValueError(f"by is {shown(by)}; it is one of {', '.join(BY)}")
    if outline not in OUTLINES[ANNOTATORS:]:
        raise ValueError(f"outline is {shown(outline)}; it is one of {', '.join(OUTLINES[ANNOTATORS:])}")
    if by == "annotator" and outline != "annotators":
        raise ValueError(
            f'outline="{outline}" takes the outlines of several annotators together, by="annotator" takes each for '
            "itself; leave one of them out"
        )
    if visits.spacing.shape != (export.pages.num_rows, 2):
        raise ValueError(
            f"visits.spacing has shape {visits.spacing.shape}; it is ({export.pages.num_rows}, 2), a row for each of "
            "export.pages: make the visits of the same export"
        )
    if visits.marker.shape != (len(export.regions),):
        raise ValueError(
            f"visits.marker has shape {visits.marker.shape}; it is ({len(export.regions)},), one for each region: make "
            "the visits of the same export"
        )
    who = ranks(pc.fill_null(export.annotations["annotator"], UNKNOWN), counted.names)[export.annotation_rows]
    page_of_region = _pages(export, counted)
    if by == "annotator":
        groups = gather_single(export, counted, who, page_of_region, visits.marker, threads)
    else:
        groups = gather_lesions(export, counted, who, page_of_region, agreement, visits.marker, threads)
    return _measure(export, counted, groups, who, visits.spacing, by, outline, threads)


def _pages(export: Export, counted: Counted) -> Ints:
    """Row of ``export.pages`` of each region; that of every region of an annotation is there."""
    places = [(table["task_id"].to_numpy(), table["page"].to_numpy()) for table in (export.regions.table, export.pages)]
    row = page_rows(*places[0], *places[1])
    lost = np.flatnonzero(row < 0)
    if len(lost):
        # Also of annotations that do not count: one of them may be a ground truth.
        drawn = pc.equal(export.regions.table["source"], "annotation").to_numpy()[lost]
        lost = lost[drawn | np.isin(lost, counted.order)]
    if len(lost):
        task, page = (values[lost[0]] for values in places[0])
        raise ValueError(
            f"region {lost[0]} lies on page {page} of task {task}, which export.pages does not have; read the export "
            "again, or give every task and page a row there"
        )
    return row


def _measure(
    export: Export,
    counted: Counted,
    groups: Gathered,
    who: Ints,
    spacing: Floats,
    by: By,
    outline: Outline,
    threads: int | None,
) -> Observations:
    """Choose the outlines to measure, and measure them."""
    members, count = groups.members, len(groups.page)
    polygons = export.regions.polygons
    shapes = Polygons._trusted(polygons._interior(threads))
    areas = polygons._areas(threads)
    area = areas[members.rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        log_area = np.where(area > 0, np.log(area), np.nan)
    measured = (area > 0) & ~groups.beside
    single = groups.expert if outline != "annotators" else np.ones(count, dtype=np.bool_)
    chosen = measured & np.repeat(single, members.drawn)
    rows, of = members.rows[chosen], members.lesion[chosen]
    code = np.where(groups.expert, GROUND_TRUTH, OUTLINES.index(outline))
    if outline != "annotators":
        made, kept = _one_outline(polygons, groups, outline, threads)
        if isinstance(made, Polygons):
            shapes, made = joined(shapes, made), len(shapes) + np.arange(len(made))
        sort = np.argsort(np.concatenate((of, kept)), kind="stable")
        rows, of = np.concatenate((rows, made))[sort], np.concatenate((of, kept))[sort]
    starts = np.concatenate(([0], np.cumsum(np.bincount(of, minlength=count)))).astype(np.int64)
    own = spacing[groups.page]
    own[np.isnan(own).any(axis=1)] = np.nan  # half a spacing measures nothing
    return Observations(
        by=by,
        page=groups.page,
        lesion=groups.lesion,
        owner=who[members.rows] if by == "annotator" else np.full(count, -1, dtype=np.int64),
        n_annotators=groups.n_annotators,
        starts=members.starts,
        members=members.rows,
        member_annotator=who[members.rows],
        member_log_area=log_area,
        measured=measured,
        annotators=tuple(counted.names),
        outline=np.where(np.diff(starts) > 0, code, NONE),
        shapes=shapes,
        shape_rows=rows,
        shape_starts=starts,
        spacing=own,
        **vars_of(sizes_of(shapes, rows, starts, own, threads)),
    )


def _one_outline(
    polygons: Polygons, groups: Gathered, outline: Outline, threads: int | None
) -> tuple[Polygons | Ints, Ints]:
    """Make one outline per lesion of what its annotators drew, by the rules of `consensus`.

    Returns outlines (or rows of regions, for the medoid) and the observation of each; lesions of a ground truth and
    those that too few drew have none.
    """
    people, drawn = groups.n_annotators, groups.members.drawn
    needed = {"union": np.ones_like(people), "intersection": people}.get(outline, people // 2 + 1)
    asked = np.flatnonzero(~groups.expert & (drawn >= needed))
    if outline == "medoid":
        own = medoids(polygons, groups.members, asked, threads)
        there = polygons._areas(threads)[own] > 0
        return own[there], asked[there]
    kind = "votes" if outline == "majority" else outline
    made = voted(polygons, groups.members, asked, kind=kind, people=people[asked], min_votes=None, threads=threads)
    there = made._areas(threads) > 0
    return made.take(there), asked[there]
