"""How wounds close: the change of area per week, the reduction in the first four weeks, and what both mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...agreement.counted import Ints
from .completion import Completed, Mask

if TYPE_CHECKING:
    from .status import StatusRows

__all__ = ["HEALING", "Wounds", "wounds_of"]

Floats: TypeAlias = NDArray[np.float64]

#: What becomes of a wound; a code is the place in this tuple, -1 is none.
HEALING = ("closed", "healing", "slow", "worse", "below_half")
(CLOSED, WELL, SLOW, WORSE, BELOW_HALF) = range(len(HEALING))

#: The four weeks after which half of the area should be gone, and by how many days a visit may miss them.
FOUR_WEEKS, LEEWAY = 28.0, 7.0
HALF = 50.0
#: Change of area per week from which a wound heals as expected, in percent.
PER_WEEK = -10.0


@dataclass(frozen=True, slots=True)
class Wounds:
    """Columns of the rule "wound", one entry per row.

    Attributes
    ----------
    pct_area_per_week : ndarray of float64, shape (n_rows,)
        100 ((A2 / A1)^(7 / days) - 1) against the visit before on which the wound had an area; NaN where there is no
        ratio, or no days between.
    reduction_4_weeks : ndarray of float64, shape (n_rows,)
        Percent of the first area that was gone after 28 days: from the visit nearest to day 28 since the first
        (day 21 to 35; of two as near the earlier), at its constant rate for exactly 28 days; 100 where the wound was
        closed then. In the row of that visit and all later ones; NaN before, and where no visit is near.
    healing : ndarray of int64, shape (n_rows,)
        Place in `HEALING`, or -1.
    """

    pct_area_per_week: Floats
    reduction_4_weeks: Floats
    healing: Ints

    def columns(self) -> dict[str, pa.Array]:
        """Return the columns as they stand in the table: null where there is no number."""
        numbers = {"pct_area_per_week": self.pct_area_per_week, "reduction_4_weeks": self.reduction_4_weeks}
        found = {name: pa.array(values, mask=np.isnan(values)) for name, values in numbers.items()}
        texts = pa.array(HEALING, pa.string()).take(pa.array(self.healing, mask=self.healing < 0))
        return {**found, "healing": texts}


def wounds_of(rows: Completed, present: Mask, closed: Mask, previous: Ints, given: StatusRows, change: Ints) -> Wounds:
    """Compute the columns of the rule "wound".

    Parameters
    ----------
    rows : Completed
        Tracks and visits; the first row of every track is its first appearance.
    present, closed : ndarray of bool, shape (n_rows,)
        The wound is drawn; it was looked for and is gone.
    previous, change : ndarray of int64, shape (n_rows,)
        As in `Statuses`.
    given : StatusRows
        Days and ratios of areas.

    Returns
    -------
    Wounds
        `healing` is the first that holds: closed (it is gone), worse (larger beyond the noise), below_half (less than
        half of the area was gone after four weeks, nor is it now), healing (10 % of the area per week or more since
        the visit before), slow; none where that cannot be said. O(n_rows log n_rows).
    """
    count = len(rows.track)
    per_week, reduction = np.full(count, np.nan), np.full(count, np.nan)
    healing = np.full(count, -1, dtype=np.int64)
    if not count:
        return Wounds(per_week, reduction, healing)
    starts = np.flatnonzero(np.append(True, rows.track[1:] != rows.track[:-1]))
    # The first area: an outline without one is no start to count four weeks from.
    area = np.minimum.reduceat(np.where(present & np.isfinite(given.log_area), np.arange(count), count), starts)
    first = np.repeat(np.where(area < count, area, starts), np.diff(np.append(starts, count)))
    later = np.flatnonzero(present & (previous >= 0))
    days = given.day[later] - given.day[previous[later]]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        per_week[later] = np.where(days > 0, 100.0 * np.expm1(given.log_ratio[later] * 7.0 / days), np.nan)
        since = given.day - given.day[first]
        gone = np.where(closed, 100.0, 0.0 - 100.0 * np.expm1(given.log_ratio_first * FOUR_WEEKS / since))  # no -0.0
        now = np.where(closed, 100.0, -100.0 * np.expm1(given.log_ratio_first))
    per_week[~np.isfinite(per_week)] = np.nan
    usable = np.flatnonzero((np.abs(since - FOUR_WEEKS) <= LEEWAY) & np.isfinite(gone) & (present | closed))
    usable = usable[np.lexsort((usable, np.abs(since[usable] - FOUR_WEEKS), rows.track[usable]))]
    best = usable[np.append(True, rows.track[usable][1:] != rows.track[usable][:-1])[: len(usable)]]
    at = np.full(count, -1, dtype=np.int64)
    at[first[best]] = best
    own = at[first]
    known = (own >= 0) & (np.arange(count) >= own)
    reduction[known] = gone[own[known]]

    healing[present & ~np.isnan(per_week)] = SLOW
    healing[present & (per_week <= PER_WEEK + 1e-9)] = WELL
    healing[present & (reduction < HALF) & (now < HALF)] = BELOW_HALF
    healing[present & (change == 1)] = WORSE
    healing[closed] = CLOSED
    return Wounds(per_week, reduction, healing)
