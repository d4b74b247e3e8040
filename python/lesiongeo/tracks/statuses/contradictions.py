"""A conflict between tick and measurement as one sentence, with the numbers of both sides."""

from __future__ import annotations

from typing import NamedTuple

from ..pages.imaged import plain_word
from .status import Rule

__all__ = ["Contradiction", "sentence"]


class Contradiction(NamedTuple):
    """What a sentence needs of a row of the table of conflicts; the fields are its columns."""

    kind: str
    visit: int
    previous_visit: int | None
    ticked: str
    answer: str
    annotators: list[str]
    pct_area: float | None
    mdc95: float | None
    area_previous: float | None
    area_now: float | None
    unit: str | None
    days: float | None


def sentence(conflict: Contradiction, rule: Rule) -> str:
    """Say who ticked what, and what was measured."""
    said, kind = _said(conflict), conflict.kind
    if kind == "seen_before":
        change = "" if conflict.pct_area is None else f"; {_change(conflict)}"
        return f"{said}, but it was drawn on visit {conflict.previous_visit} already{change}."
    if kind == "not_seen_before":
        return (
            f"{said}, but it was drawn for the first time on visit {conflict.visit}{_area(conflict)}; earlier visits "
            "were annotated without it."
        )
    drawn = f"it is drawn on visit {conflict.visit}{_area(conflict)}"
    if kind == "not_imaged_but_drawn" or conflict.previous_visit is None:
        return f"{said}, but {drawn}."
    if kind == "resolved_but_drawn":
        return f"{said}, but {drawn}; {_change(conflict)}{_noise(conflict, rule)}."
    return f"{said}, but {_change(conflict)}{_noise(conflict, rule)}."


def _said(conflict: Contradiction) -> str:
    names = conflict.annotators
    who = f"Annotator {names[0]}" if len(names) == 1 else f"Annotators {', '.join(names[:-1])} and {names[-1]}"
    same = plain_word(conflict.answer) == plain_word(conflict.ticked)
    meant = "" if same else f" ({conflict.ticked.replace('_', ' ')})"
    return f'{who} ticked "{conflict.answer}"{meant}'


def _change(conflict: Contradiction) -> str:
    """From what to what the area went, and when."""
    when = f"from visit {conflict.previous_visit} to visit {conflict.visit}"
    if conflict.days is not None:
        when += f" ({_number(conflict.days)} days)"
    if conflict.pct_area is None:
        return f"{when} the change of its area is not known"
    then, now = conflict.area_previous, conflict.area_now
    if then is None or now is None:
        return f"{when} its area changed by {conflict.pct_area:+.1f} %"
    verb = "grew" if conflict.pct_area > 0 else "fell" if conflict.pct_area < 0 else "went"
    return (
        f"{when} its area {verb} from {_number(then)} to {_number(now)} {_unit(conflict)} ({conflict.pct_area:+.1f} %)"
    )


def _noise(conflict: Contradiction, rule: Rule) -> str:
    """How much change the noise explains in the direction of the one that was measured, and what the rule asks for."""
    if conflict.pct_area is None:
        return ""
    grew = conflict.pct_area >= 0
    said = ""
    if rule.kind == "percent":
        said = f"; the rule asks for more than {f'+{rule.up:g}' if grew else f'-{rule.down:g}'} %"
    if conflict.mdc95 is None:
        return said
    most = conflict.mdc95 if grew else -100.0 * conflict.mdc95 / (100.0 + conflict.mdc95)
    within = abs(conflict.pct_area) <= abs(most)
    verb = "explains" if within else "explains only"
    return f"{said}; the annotators' noise {verb} {'up' if grew else 'down'} to {most:+.1f} %"


def _area(conflict: Contradiction) -> str:
    return "" if conflict.area_now is None else f" with an area of {_number(conflict.area_now)} {_unit(conflict)}"


def _unit(conflict: Contradiction) -> str:
    return "mm2" if conflict.unit == "mm" else "px2"


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
