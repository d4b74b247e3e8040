"""Which of many findings are sure and large enough to name somebody, with the error of all together bounded."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["Detail", "Finding", "Test", "detail_text", "judge", "spans", "spans_of_change"]


class Detail(NamedTuple):
    """What is confused with what, of which control (None: of labels); an answer can be several labels.

    Names can contain anything, so that `text` is for people to read and never tells two details apart.
    """

    control: str | None
    right: tuple[str, ...]
    given: tuple[str, ...]

    @property
    def text(self) -> str:
        """The detail in one line."""
        pair = f"{' + '.join(self.right)} -> {' + '.join(self.given)}"
        return pair if self.control is None else f"{self.control}: {pair}"


def detail_text(detail: Detail | str | None) -> str | None:
    """Return a detail in one line, as tables have it."""
    return detail.text if isinstance(detail, Detail) else detail


#: Annotator, habit and detail; that of a quantity is whether it is a change.
Test = tuple[str, str, Detail | str | None]


@dataclass
class Finding:
    """A segment of one annotator's series for one habit; `test` names annotator, habit and detail.

    `size` is how far it is from the reference as a multiple of the smallest effect of interest; `looks` is among how
    many segments of the series this one was found; weeks are numbers, -1 where unknown. `reason` forbids naming,
    `doubt` forbids it only for what is sure and large.
    """

    test: Test
    person: int
    first: int
    last: int
    ongoing: bool
    n: int
    value: float
    low: float
    high: float
    reference: float
    unit: str
    chance: float
    looks: int
    size: float
    reason: str | None
    doubt: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    p_value: float = math.nan


def spans(weeks: int, number: int, parts: int) -> int:
    """Return by what the chance of a segment is multiplied, since it was chosen among many.

    A third of the error each goes to the series as a whole, to the spans that begin or end with it (a habit that came
    and stayed, or went), and to all other spans.
    """
    if parts == 1:
        return 3
    if number in (0, parts - 1):
        return 3 * max(1, 2 * (weeks - 1))
    return 3 * max(1, (weeks - 1) * (weeks - 2) // 2)


def spans_of_change(weeks: int, parts: int) -> int:
    """Return by what the chance of a change is multiplied, as `spans` does for a level.

    Half of the error is for the only change of a series, by its week; half for all others: where the segment before it
    begins, where they meet, and where the one after it ends.
    """
    if parts == 2:
        return 2 * max(1, weeks - 1)
    return 2 * max(1, (weeks + 1) * weeks * (weeks - 1) // 6)


def judge(findings: list[Finding], tests: int, error_rate: float, *, share: float = 1.0) -> None:
    """Correct chances for everything looked at (Bonferroni within a series, Holm 1979 across `tests`), and set reasons.

    A finding without a reason afterwards names somebody. Holm's method needs no independence: the chance that anybody
    is named wrongly, over all annotators, habits, strata and weeks, is at most `error_rate`. Findings that get only a
    `share` of it have their chances divided by the share.
    """
    best: dict[Test, float] = {}
    for finding in findings:
        chance = 1.0 if math.isnan(finding.chance) else min(1.0, finding.chance * finding.looks / share)
        finding.p_value = chance
        best[finding.test] = min(best.get(finding.test, 1.0), chance)
    rank = {test: number for number, test in enumerate(sorted(best, key=lambda test: best[test]))}
    highest = 0.0
    corrected: dict[Test, float] = {}
    for test, number in rank.items():
        highest = max(highest, min(1.0, best[test] * max(tests - number, 1)))
        corrected[test] = highest
    for finding in findings:
        factor = max(tests - rank[finding.test], 1)
        finding.p_value = max(corrected[finding.test], min(1.0, finding.p_value * factor))
        if finding.reason is None and finding.p_value > error_rate:
            finding.reason = "not_significant"
        if finding.reason is None and finding.size < 1.0:
            finding.reason = "below_min_effect"
        finding.reason = finding.reason or finding.doubt
