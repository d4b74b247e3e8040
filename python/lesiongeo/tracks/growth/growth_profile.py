"""In which directions a lesion grew: how far its outlines reach from their centroids, visit against visit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ... import _core
from ...agreement.counted import Ints
from ..observations import Observations
from ..sizes import Floats, Mask

__all__ = ["ALIGNMENTS", "ANGLES", "GrowthProfiles", "growth_profiles"]

#: Directions of a profile: every 10 degrees from +x, clockwise on the screen.
ANGLES = 36
#: How two outlines were laid over each other, by code.
ALIGNMENTS = ("centroid", "lesions")
#: Why there is no asymmetry, by code.
REASONS = ("not_compared", "not_measured", "centroid_outside", "not_significant", "no_mean_growth")
NOT_COMPARED, NOT_MEASURED, CENTROID_OUTSIDE, NOT_SIGNIFICANT, NO_MEAN_GROWTH = range(5)
#: Rows at a time: their radii stay in the processor's cache, more or less.
ROWS_AT_ONCE = 1 << 14


@dataclass(frozen=True, slots=True, eq=False)
class GrowthProfiles:
    """How lesions grew in each direction. Made by `growth_profiles`.

    Attributes
    ----------
    profile : ndarray of float32, shape (k, 36)
        How much farther the later outline reaches from its centroid than the earlier one from its own, in the unit of
        the row; every 10 degrees from +x of the earlier page, clockwise on the screen. NaN where a ray from the
        centroid of one of the outlines meets nothing, and in rows that are not compared.
    asymmetry : ndarray of float64, shape (k,)
        Standard deviation of the profile over its absolute mean: 0 for growth by the same width everywhere. NaN where
        `reason` says why.
    reason : ndarray of int64, shape (k,)
        Why there is no asymmetry, as code in `REASONS`; -1 where there is one.
    alignment : ndarray of int64, shape (k,)
        How the outlines were laid over each other, as code in `ALIGNMENTS`: always by their centroids, and with
        "lesions" also turned as the lesions of the two pages say. -1 in rows that are not compared.
    """

    profile: NDArray[np.float32]
    asymmetry: Floats
    reason: Ints
    alignment: Ints

    def lists(self) -> pa.Array:
        """Return the profiles as a column of lists of float32: null for rows without, null where nothing is met."""
        unknown = np.isnan(self.profile)
        offsets = np.arange(len(self.profile) + 1, dtype=np.int32) * ANGLES
        values = pa.array(self.profile.reshape(-1), mask=unknown.reshape(-1))
        return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(unknown.all(axis=1)))

    def reasons(self) -> pa.Array:
        """Return the reasons as text; null where there is an asymmetry."""
        return _names(REASONS, self.reason)

    def alignments(self) -> pa.Array:
        """Return the alignments as text; null in rows that are not compared."""
        return _names(ALIGNMENTS, self.alignment)


def growth_profiles(
    observations: Observations,
    now: Ints,
    before: Ints,
    *,
    in_mm: Mask,
    significant: Mask,
    rotation_rad: Floats | None = None,
    threads: int | None = None,
) -> GrowthProfiles:
    """Compare outlines of two visits direction by direction.

    Parameters
    ----------
    observations : Observations
        What was drawn.
    now, before : ndarray of int64, shape (k,)
        The observations to compare, as positions in `observations`; -1 in `before` (or `now`) for a row that is not
        compared.
    in_mm : ndarray of bool, shape (k,)
        Whether a row is measured in millimetres, with the spacing of both pages, or in pixels.
    significant : ndarray of bool, shape (k,)
        Whether the change of area is beyond the noise floor: of what is not, only the noise would have a direction.
    rotation_rad : ndarray of float64, shape (k,), optional
        By which angle the later page has to be turned, from +x towards +y (clockwise on the screen), to lie as the
        earlier one: the negative of `Shifts.rotation_rad`. NaN where that is unknown, and everywhere by default: pages
        are taken as they are then.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    GrowthProfiles
        k rows.

    Raises
    ------
    ValueError
        If a row is to be compared in millimetres and the spacing of a page is unknown.

    Notes
    -----
    An outline reaches as far as the farthest point of its boundary on the ray from its own centroid (of area, in
    millimetres after the axes are scaled). Of several annotators the mean of their radii is taken, each from the
    centroid of their own outline, so that nobody's place shifts the others. Holes do not matter. Since the centroids
    are laid over each other, growth to one side alone shows as half of it to either side.

    The standard deviation is that of the 36 numbers (over 36, not 35). What people draw differs from visit to visit in
    every direction: on a lesion that grew by the same width everywhere the asymmetry is that noise over the growth,
    and not 0. It is a measure of geometry, and no threshold is known for it.

    O(n) in vertices of the outlines, plus 36 per row.

    Examples
    --------
    >>> import numpy as np, lesiongeo as lg
    >>> from lesiongeo.agreement.counted import Counted
    >>> from lesiongeo.tracks.growth.growth_profile import growth_profiles
    >>> from lesiongeo.tracks.observations import observe
    >>> from types import SimpleNamespace
    >>> export = lg.read_label_studio("examples/dermatology.json")
    >>> spacing = np.full((export.pages.num_rows, 2), np.nan)
    >>> visits = SimpleNamespace(spacing=spacing, marker=np.zeros(len(export.regions), dtype=bool))
    >>> seen = observe(export, Counted(export), visits=visits)
    >>> one, yes = np.array([0]), np.array([True])
    >>> same = growth_profiles(seen, one, one, in_mm=~yes, significant=yes)
    >>> same.profile.any(), same.reasons().to_pylist()
    (np.False_, ['no_mean_growth'])
    """
    count = len(now)
    turn = np.full(count, np.nan) if rotation_rad is None else rotation_rad
    profile = np.full((count, ANGLES), np.nan, dtype=np.float32)
    asymmetry = np.full(count, np.nan)
    reason = np.full(count, NOT_COMPARED, dtype=np.int64)
    compared = np.flatnonzero((now >= 0) & (before >= 0))
    reason[compared] = NOT_MEASURED
    measured = np.append(np.diff(observations.shape_starts) > 0, False)
    compared = compared[measured[now[compared]] & measured[before[compared]]]
    unknown = np.append(np.isnan(observations.spacing[:, 0]), False)
    lost = compared[in_mm[compared] & (unknown[now[compared]] | unknown[before[compared]])]
    if len(lost):
        raise ValueError(
            f"row {lost[0]} is to be compared in millimetres, but the spacing of one of its pages is unknown; "
            "compare it in pixels, or not at all"
        )
    centroid = _core.centroid(observations.shapes.to_ragged(), threads=threads)
    for start in range(0, len(compared), ROWS_AT_ONCE):
        rows = compared[start : start + ROWS_AT_ONCE]
        back = np.nan_to_num(turn[rows]) + 0.0  # no negative zero
        scaled = in_mm[rows]
        # The later outline of one row is the earlier of the next: where it is not turned it is the same radii.
        who = np.concatenate((before[rows], now[rows]))
        frame = np.stack((who, np.tile(scaled, 2), np.concatenate((np.zeros(len(rows)), back))), axis=1)
        frames, at = _distinct(frame)
        radii = _radii(observations, centroid, frames, threads)
        growth = radii[at[len(rows) :]] - radii[at[: len(rows)]]
        profile[rows] = growth
        mean, spread = growth.mean(axis=1), growth.std(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            asymmetry[rows] = spread / np.abs(mean)
        reason[rows] = np.select(
            [np.isnan(mean), ~significant[rows], mean == 0.0], [CENTROID_OUTSIDE, NOT_SIGNIFICANT, NO_MEAN_GROWTH], -1
        )
    asymmetry[reason >= 0] = np.nan
    alignment = np.full(count, -1, dtype=np.int64)
    alignment[compared] = np.isfinite(turn[compared])
    return GrowthProfiles(profile, asymmetry, reason, alignment)


def _distinct(frames: Floats) -> tuple[Floats, Ints]:
    """Return the distinct rows of three columns, and which of them each is."""
    order = np.lexsort(frames.T)
    ordered = frames[order]
    fresh = np.append(True, (ordered[1:] != ordered[:-1]).any(axis=1))[: len(ordered)]
    at = np.empty(len(order), dtype=np.int64)
    at[order] = np.cumsum(fresh) - 1
    return ordered[fresh], at


def _radii(observations: Observations, centroid: Floats, frames: Floats, threads: int | None) -> Floats:
    """Radii of observations in frames: position, whether in millimetres, angle by which it is turned."""
    who = frames[:, 0].astype(np.int64)
    counts = np.diff(observations.shape_starts)[who]
    starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    rows = observations.shape_rows[
        np.arange(starts[-1]) + np.repeat(observations.shape_starts[who] - starts[:-1], counts)
    ]
    scales = np.where(frames[:, 1:2] > 0, observations.spacing[who], 1.0)
    return _core.mean_radii(
        observations.shapes.to_ragged(),
        np.ascontiguousarray(rows),
        starts,
        np.ascontiguousarray(centroid[rows]),
        np.ascontiguousarray(frames[:, 2]),
        np.ascontiguousarray(scales),
        n_angles=ANGLES,
        threads=threads,
    )


def _names(names: tuple[str, ...], codes: Ints) -> pa.Array:
    return pa.array(names, pa.string()).take(pa.array(codes, mask=codes < 0))
