"""Habits that a synthetic annotator takes on in some week: what a search for habits has to find."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .annotators import Annotator
from .truth import LABELS, STATUSES, TrueLesion

#: What a habit can be about, and what its size means.
HABIT_KINDS = {
    "bias": "relative radial bias, on top of the annotator's own",
    "lose_small": "probability of losing a lesion below `below_px2`",
    "extra": "probability, per page, of outlining something that is no lesion",
    "label": "probability of answering the second label where the first is right",
    "status": "probability of answering the second status where the first is right",
    "vertices": "factor on the number of vertices",
    "lead_time": "factor on the time a task takes",
}
_RATES = ("lose_small", "extra", "label", "status")
_ANSWERS = {"label": LABELS, "status": STATUSES}


@dataclass(frozen=True, slots=True)
class Habit:
    """A habit of one synthetic annotator, from some week on.

    Parameters
    ----------
    annotator : int
        Whose it is.
    kind : str
        "bias", "lose_small", "extra", "label", "status", "vertices" or "lead_time".
    size : float
        How much: for "bias" relative (0.1 draws the radius 10 % too wide, which is 21 % of area), for "vertices" and
        "lead_time" a factor, for the others a probability.
    week : int, default 0
        First week of the export with the habit.
    until : int, optional
        First week without it again; by default it stays.
    answers : (str, str), optional
        For "label" and "status": the right answer, and the one given in its place.
    below_px2 : float, default 1024
        For "lose_small": true area below which lesions are lost.

    Raises
    ------
    ValueError
        If the kind is unknown, the size out of range, or the answers are missing or unknown.

    Examples
    --------
    >>> from lesiongeo.testing import Habit
    >>> Habit(3, "bias", 0.1, week=6).applies(5), Habit(3, "bias", 0.1, week=6).applies(6)
    (False, True)
    """

    annotator: int
    kind: str
    size: float
    week: int = 0
    until: int | None = None
    answers: tuple[str, str] | None = None
    below_px2: float = 1024.0

    def __post_init__(self) -> None:
        """Reject habits that no one can have."""
        if self.kind not in HABIT_KINDS:
            raise ValueError(f"kind must be one of {', '.join(HABIT_KINDS)}, got {self.kind!r}")
        if self.kind in _RATES and not 0.0 <= self.size <= 1.0:
            raise ValueError(f"size of {self.kind} is a probability within [0, 1], got {self.size}")
        if self.kind == "bias" and not self.size > -1.0:
            raise ValueError(f"size of bias must be above -1, got {self.size}")
        if self.kind in ("vertices", "lead_time") and not self.size > 0.0:
            raise ValueError(f"size of {self.kind} is a factor above 0, got {self.size}")
        if (self.answers is not None) != (self.kind in _ANSWERS):
            raise ValueError(f"answers go with label and status, and only with them; kind is {self.kind}")
        for answer in self.answers or ():
            if answer not in _ANSWERS[self.kind]:
                raise ValueError(f"{self.kind} has the answers {', '.join(_ANSWERS[self.kind])}; got {answer!r}")
        if self.week < 0 or (self.until is not None and self.until <= self.week):
            raise ValueError(f"need 0 <= week < until, got {self.week} and {self.until}")

    def applies(self, week: int) -> bool:
        """Say whether the annotator has the habit in this week."""
        return self.week <= week and (self.until is None or week < self.until)


def habitual(person: Annotator, habits: Sequence[Habit]) -> Annotator:
    """Return the annotator as these habits change how they draw."""
    for habit in habits:
        if habit.kind == "bias":
            person = replace(person, bias=(1.0 + person.bias) * (1.0 + habit.size) - 1.0)
        elif habit.kind == "extra":
            person = replace(person, extra_rate=habit.size)
    return person


def factor(habits: Sequence[Habit], kind: str) -> float:
    """Multiply the factors of one kind."""
    return float(np.prod([habit.size for habit in habits if habit.kind == kind]))


def not_lost(rng: np.random.Generator, lesions: list[TrueLesion], habits: Sequence[Habit]) -> list[TrueLesion]:
    """Leave out the small lesions that somebody with these habits loses."""
    for habit in habits:
        if habit.kind == "lose_small":
            lesions = [x for x in lesions if rng.random() >= habit.size or x.area_px2 >= habit.below_px2]
    return lesions


def answered(rng: np.random.Generator, told: TrueLesion, right: TrueLesion, habits: Sequence[Habit]) -> TrueLesion:
    """Put the wrong answers in place of the right ones."""
    for habit in habits:
        if habit.answers is not None:
            wrong = rng.random() < habit.size
            if wrong and getattr(right, habit.kind) == habit.answers[0]:
                change: dict[str, Any] = {habit.kind: habit.answers[1]}
                told = replace(told, **change)
    return told
