"""What a lesion is on a visit, by its outlines alone: baseline, new, stable, enlarged, shrunk, resolved, ..."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...agreement.counted import Ints
from ...options import shown
from ..earlier import last_before
from .completion import Completed, Mask, Slots
from .merging import Covers, Merges, Places, find_merges
from .vocabulary import STATUSES
from .wounds import PER_WEEK, Wounds, wounds_of

__all__ = ["REASONS", "RULES", "STATUSES", "Rule", "StatusRows", "Statuses", "geo_statuses", "rule_of", "status_texts"]

Floats: TypeAlias = NDArray[np.float64]

(BASELINE, NEW, STABLE, ENLARGED, SHRUNK, RESOLVED, NOT_IMAGED, SPLIT, MERGED) = range(len(STATUSES))

#: Kinds of rules.
RULES = ("mdc", "percent", "wound")

#: Why a status is null, or what else a status says; the code is the place in this tuple, -1 is none.
REASONS = ("not_measured", "not_annotated", "no_page", "seen_again", "merged_into", "merged_with", "out_of_frame")
(NOT_MEASURED, NOT_ANNOTATED, NO_PAGE, SEEN_AGAIN, MERGED_INTO, MERGED_WITH, OUT_OF_FRAME) = range(len(REASONS))

#: Rounding of a ratio that went through logarithms must not decide.
EPSILON = 1e-12


class Rule(NamedTuple):
    """When a change of area is one.

    Attributes
    ----------
    kind : str
        One of `RULES`.
    up, down : float
        With "percent": from more than `up` percent on a lesion is enlarged, from more than `down` percent less shrunk.
    """

    kind: str = "mdc"
    up: float = math.nan
    down: float = math.nan

    def __str__(self) -> str:
        """Return the text that makes this rule."""
        if self.kind != "percent":
            return self.kind
        return f"percent:{self.up:g}" if self.up == self.down else f"percent:{self.up:g}:{self.down:g}"


def rule_of(rule: str | Rule) -> Rule:
    """Read a rule.

    Parameters
    ----------
    rule : str
        "mdc", "percent:25" (more than 25 % larger or smaller), "percent:25:50" (more than 25 % larger, more than 50 %
        smaller) or "wound".

    Returns
    -------
    Rule

    Raises
    ------
    ValueError
        If it is none of these, or a percentage is not above 0, or the second not below 100.

    Examples
    --------
    >>> from lesiongeo.tracks.statuses.status import rule_of
    >>> rule_of("percent:25")
    Rule(kind='percent', up=25.0, down=25.0)
    """
    if isinstance(rule, Rule):
        return rule
    if not isinstance(rule, str):
        raise ValueError(f"rule is {shown(rule)}; it is mdc, percent:25, percent:25:50 or wound")
    kind, *numbers = rule.strip().lower().split(":")
    if kind in ("mdc", "wound") and not numbers:
        return Rule(kind)
    try:
        given = [float(number.strip().removesuffix("%")) for number in numbers]
    except ValueError:
        given = []
    if kind != "percent" or len(given) not in (1, 2):
        raise ValueError(f"rule is {shown(rule)}; it is mdc, percent:25, percent:25:50 or wound")
    up, down = given[0], given[-1]
    if not (0 < up < math.inf and 0 < down < 100):
        raise ValueError(
            f"rule is {shown(rule)}; percentages are above 0, and that of shrinking is below 100: write percent:UP:DOWN"
        )
    return Rule(kind, up, down)


@dataclass(frozen=True, slots=True)
class StatusRows:
    """What statuses are made of, one entry per row of `Completed`, in its order.

    Attributes
    ----------
    rows : Completed
        Track and visit of each row.
    slots : Slots
        What `rows.slot` points at.
    n_parts : ndarray of int64, shape (n_rows,)
        How many separate outlines the lesion has on the visit; 1 for most, 0 where it is absent.
    log_ratio : ndarray of float64, shape (n_rows,)
        ln(area now / area on the last visit before on which it had one); NaN where nothing can be said.
    half_width : ndarray of float64, shape (n_rows,)
        Half the width of the interval of no change, on the same scale: ln(1 + mdc95 / 100).
    day : ndarray of float64, shape (n_rows,)
        Day of the visit; NaN where only the order is known. Used by the rule "wound" only.
    log_area : ndarray of float64, shape (n_rows,)
        ln area in mm2, or in px2 where the spacing is unknown; NaN where there is none.
    log_ratio_first : ndarray of float64, shape (n_rows,)
        ln(area now / area on the first visit on which it had one); NaN where nothing can be said. Used by the rule
        "wound" only.
    places : Places or None
        Where lesions lie, for `merged`; None: no lesion is called merged.
    out_of_frame : ndarray of bool, shape (n_rows,), optional
        The lesion is absent, and its place is not on the image.
    """

    rows: Completed
    slots: Slots
    n_parts: Ints
    log_ratio: Floats
    half_width: Floats
    day: Floats
    log_area: Floats
    log_ratio_first: Floats
    places: Places | None = None
    out_of_frame: Mask | None = None


@dataclass(frozen=True, slots=True)
class Statuses:
    """One entry per row.

    Attributes
    ----------
    code : ndarray of int64, shape (n_rows,)
        Place in `STATUSES`; -1: nothing can be said, `reason` says why.
    reason : ndarray of int64, shape (n_rows,)
        Place in `REASONS`, or -1.
    change : ndarray of int64, shape (n_rows,)
        What the rule says of the area against the visit before: 1 larger, -1 smaller, 0 neither; -2: cannot be said.
    previous : ndarray of int64, shape (n_rows,)
        Row of the last visit before on which the lesion was seen with an area; where there is no such, of the last on
        which it was seen; -1 for none.
    partner : ndarray of int64, shape (n_rows,)
        For `merged`: the track that now covers this one, or (of the one that covers) the largest of those it took
        in; -1 for none.
    wounds : Wounds or None
        Further columns of the rule "wound".
    rule : Rule
        By which this was said.
    """

    code: Ints
    reason: Ints
    change: Ints
    previous: Ints
    partner: Ints
    wounds: Wounds | None
    rule: Rule

    @property
    def text(self) -> pa.Array:
        """Return the column `geo_status`: names of statuses, null where nothing can be said."""
        return status_texts(self.code)

    @property
    def reason_text(self) -> pa.Array:
        """Return the reasons as text, null where there is none."""
        return _texts(self.reason, REASONS)


def status_texts(code: Ints) -> pa.Array:
    """Return names of statuses, null for codes below 0."""
    return _texts(code, STATUSES)


def _texts(code: Ints, names: tuple[str, ...]) -> pa.Array:
    return pa.array(names, pa.string()).take(pa.array(code, mask=code < 0))


def geo_statuses(given: StatusRows, *, rule: str | Rule = "mdc", covers: Covers | None = None) -> Statuses:
    """Say what every lesion is on every visit from its first appearance on.

    Parameters
    ----------
    given : StatusRows
        The rows and their numbers.
    rule : str, default "mdc"
        When a change of area is one; see `rule_of`.
    covers : callable, optional
        Tells whether outlines cover points; see `find_merges`. By default a lesion is as wide as its largest diameter.

    Returns
    -------
    Statuses
        O(n_rows log n_rows), plus the pairs of a vanished and a growing lesion of one visit.

    Raises
    ------
    ValueError
        If the rule is none.

    Notes
    -----
    The first line that holds decides:

    1. absent, no image of the site that can be used: `not_imaged`;
    2. absent, nobody annotated the image: `not_imaged`, reason not_annotated;
    3. absent, its place is not on the image: `not_imaged`, reason out_of_frame;
    4. absent, and another lesion that grew by it covers its place: `merged`;
    5. absent: `resolved`;
    6. first appearance: `new` if an earlier visit of the site was imaged and annotated, else `baseline`;
    7. in more parts than on the last visit before on which it had an area: `split`;
    8. by the rule: `enlarged`, `shrunk`, `stable`; null with reason not_measured where there is no ratio of areas.

    The reason seen_again says that the lesion had been looked for in vain since it was seen; merged_with that it took
    in another one, and is not larger than all of them were together (within the interval of no change).
    """
    asked = rule_of(rule)
    rows, slots = given.rows, given.slots
    count = len(rows.track)
    present = rows.source >= 0
    imaged, annotated = slots.imaged[rows.slot], slots.annotated[rows.slot]
    looked = ~present & imaged & annotated
    away = np.zeros(count, dtype=bool) if given.out_of_frame is None else looked & given.out_of_frame
    looked &= ~away
    measured = np.isfinite(given.log_area)
    previous = last_before(rows.track, present, measured)
    first = present & (previous < 0)
    change = _changes(asked, given, previous)

    code = np.full(count, -1, dtype=np.int64)
    reason = np.full(count, -1, dtype=np.int64)
    code[~present] = NOT_IMAGED
    reason[~present & (slots.page[rows.slot] < 0)] = NO_PAGE
    reason[~present & imaged & ~annotated] = NOT_ANNOTATED
    reason[away] = OUT_OF_FRAME
    code[looked] = RESOLVED
    code[first] = np.where(slots.looked_before[rows.slot[first]], NEW, BASELINE)

    again = np.flatnonzero(present & ~first)
    by_rule = np.array([SHRUNK, STABLE, ENLARGED, -1])
    code[again] = by_rule[np.where(change[again] == -2, 2, change[again]) + 1]
    reason[again[change[again] == -2]] = NOT_MEASURED
    # Looked for and not found in between: what is there now came back.
    gone = np.cumsum(looked)
    last = last_before(rows.track, present)[again]
    reason[again[(gone[again] > gone[last]) & (reason[again] < 0)]] = SEEN_AGAIN
    more = again[(given.n_parts[again] > 1) & (given.n_parts[again] > given.n_parts[previous[again]])]
    code[more] = SPLIT
    reason[more] = -1

    partner = np.full(count, -1, dtype=np.int64)
    if given.places is not None:
        found = find_merges(
            rows, looked, previous, given.log_ratio, given.half_width, given.log_area, given.places, covers
        )
        _merge(found, given, code, reason, partner)
    wounds: Wounds | None = None
    if asked.kind == "wound":
        wounds = wounds_of(rows, present, code == RESOLVED, previous, given, change)
    return Statuses(code, reason, change, previous, partner, wounds, asked)


def _changes(rule: Rule, given: StatusRows, previous: Ints) -> Ints:
    """What the rule says of each ratio: 1, 0, -1, or -2 where it cannot be said."""
    ratio, half = given.log_ratio, given.half_width
    if rule.kind == "percent":
        # Not symmetric as logarithms: -25 % is what the column pct_area has to fall below.
        larger = ratio > math.log1p(rule.up / 100.0) + EPSILON
        smaller = ratio < math.log1p(-rule.down / 100.0) - EPSILON
        known = ~np.isnan(ratio)
    else:
        larger, smaller, known = ratio > half, ratio < -half, ~np.isnan(ratio) & ~np.isnan(half)
    if rule.kind == "wound":
        weeks = (given.day - given.day[previous]) / 7.0
        with np.errstate(divide="ignore", invalid="ignore"):
            per_week = np.where(weeks > 0, ratio / weeks, np.nan)
        known &= ~(smaller & np.isnan(per_week))
        smaller &= per_week <= math.log1p(PER_WEEK / 100.0) + EPSILON
    known &= previous >= 0
    found: Ints = np.where(known, larger.astype(np.int64) - smaller.astype(np.int64), -2)
    return found


def _merge(found: Merges, given: StatusRows, code: Ints, reason: Ints, partner: Ints) -> None:
    """Enter the lesions that vanished into another one, and those that took them in."""
    code[found.gone], reason[found.gone], partner[found.gone] = MERGED, MERGED_INTO, found.into
    partner[found.taker] = found.largest
    # Not larger than all of them together: that it grew is the merging.
    reason[found.taker[found.log_excess <= given.half_width[found.taker]]] = MERGED_WITH
