"""Lesions in parts: what each person drew of all parts together, then the mean over those who drew them all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..agreement.counted import Ints
from .observations import ANNOTATORS, GROUND_TRUTH, Observations
from .sizes import Floats, Mask, sizes_of

__all__ = ["SUMS", "Whole", "whole_of_parts"]

#: Measures that parts have together: those of the parts add up.
SUMS = ("area_px2", "area_mm2", "perimeter_px", "perimeter_mm")


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """Lesions in parts as wholes.

    Attributes
    ----------
    measures : dict of str to ndarray of float64, shape (n_rows,)
        By the names in `SUMS`; NaN in rows of one part.
    used : ndarray of bool, shape (n_members,)
        Members of the observations whose outlines count; True for those of rows of one part.
    """

    measures: dict[str, Floats]
    used: Mask


def whole_of_parts(observations: Observations, row_of_member: Ints, in_parts: Mask, threads: int | None) -> Whole:
    """Measure lesions that have several parts on a visit.

    Parameters
    ----------
    observations : Observations
        Lesions on pages.
    row_of_member : ndarray of int64, shape (n_members,)
        The row of the table that each of their regions belongs to, -1 for none.
    in_parts : ndarray of bool, shape (n_rows,)
        Rows with several observations.
    threads : int or None
        Number of threads.

    Returns
    -------
    Whole
        Of each person the parts add up; then the geometric mean over those who drew the most parts. Somebody who drew
        all parts in one outline, or missed one, would shift the sum of the parts' means: two people, one with two
        parts of 1 mm2 and one with an outline of 2 mm2 over both, agree on 2 mm2. Outlines by consensus add up.
    """
    count = len(in_parts)
    measures = {name: np.full(count, np.nan) for name in SUMS}
    used = np.ones(len(row_of_member), dtype=np.bool_)
    own = np.flatnonzero((row_of_member >= 0) & np.append(in_parts, False)[row_of_member] & observations.measured)
    of = observations.of_member[own]
    each = np.isin(observations.outline[of], (ANNOTATORS, GROUND_TRUTH))
    _add_consensus(observations, row_of_member, in_parts, measures)
    own, of = own[each], of[each]
    if not len(own):
        return Whole(measures, used)
    row = row_of_member[own]
    # The interiors of regions stand first among the outlines that were measured, row for row.
    sizes = sizes_of(
        observations.shapes, observations.members[own], np.arange(len(own) + 1), observations.spacing[of], threads
    )
    people = len(observations.annotators)
    person, at = np.unique(row * people + observations.member_annotator[own], return_inverse=True)
    parts = np.bincount(at, minlength=len(person))
    its_row = person // people
    most = np.zeros(count, dtype=np.int64)
    np.maximum.at(most, its_row, parts)
    whole = parts == most[its_row]
    used[own[~whole[at]]] = False
    its_row, divisor = its_row[whole], np.bincount(its_row[whole], minlength=count)
    for name in SUMS:
        total = np.bincount(at, getattr(sizes, name), len(person))[whole]
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.exp(np.bincount(its_row, np.log(total), count) / divisor)
        measures[name] = np.where(divisor > 0, mean, measures[name])
    return Whole(measures, used)


def _add_consensus(
    observations: Observations, row_of_member: Ints, in_parts: Mask, measures: dict[str, Floats]
) -> None:
    """Add up parts that were measured on one outline each."""
    row = row_of_member[observations.starts[:-1]] if len(observations) else np.zeros(0, dtype=np.int64)
    single = ~np.isin(observations.outline, (ANNOTATORS, GROUND_TRUTH)) & (observations.outline > 0) & (row >= 0)
    use = np.flatnonzero(single & np.append(in_parts, False)[row])
    some = np.bincount(row[use], minlength=len(in_parts)) > 0
    for name in SUMS:
        total = np.bincount(row[use], getattr(observations, name)[use], len(in_parts))
        measures[name] = np.where(some, total, measures[name])
