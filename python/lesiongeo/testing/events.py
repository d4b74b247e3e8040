"""What happens in a known course: one small record per thing, to a lesion, a visit or an annotator."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EVENT_KINDS", "Event"]

#: What can happen, which of an event's fields it needs, and what it means.
EVENT_KINDS: dict[str, tuple[tuple[str, ...], str]] = {
    "grow": (("visit", "size"), "from this visit on, the area is `size` times what it would have been"),
    "appear": (("visit",), "the lesion is there from this visit on"),
    "resolve": (("visit",), "the lesion is gone from this visit on"),
    "split": (("lesion", "visit"), "from this visit on the lesion is two outlines of half its area, with one id"),
    "merge": (("lesion", "other", "visit"), "from this visit on one outline of both areas has the id of `lesion`"),
    "unimaged": (("visit",), "the visit has no image"),
    "unusable": (("visit",), "the annotator answers that the image is unusable, and draws nothing"),
    "miss": (("visit",), "the annotator does not draw the lesion on this visit"),
    "swap_ids": (("lesion", "other", "visit"), "the annotator exchanges the ids of two lesions on this visit"),
    "lose_id": (("visit",), "the annotator gives no id on this visit"),
    "wrong_id": (("lesion", "visit", "size"), "the annotator types the id `size` on this visit"),
    "renumber": (("size",), "the annotator's ids are those of the others plus `size`, on all visits"),
    "label": (("visit", "text"), "the annotator gives the label `text` on this visit"),
    "tick": (("visit", "text"), "the annotator ticks the status `text` on this visit"),
    "note": (("visit", "text"), "the annotator writes the note `text` on this visit"),
    "repeat": ((), "the annotator annotates the task twice; the second time counts"),
}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happens in a course.

    Parameters
    ----------
    kind : str
        One of `EVENT_KINDS`, which says what it means and which of the following it needs.
    patient : int, optional
        Number of the patient, from 1; by default it happens to all.
    lesion, other : int, optional
        Numbers of lesions, from 1; by default all.
    visit : int, optional
        Number of the visit, from 0.
    annotator : int, optional
        Id of the annotator; by default all.
    size : float, optional
        A factor, an id or a difference of ids, as the kind has it.
    text : str, optional
        A label, a status or a note.
    site : str, optional
        Where sites are made: the one; by default all.

    Raises
    ------
    ValueError
        If the kind is unknown, or lacks a field that it needs.

    Examples
    --------
    >>> from lesiongeo.testing import Event
    >>> Event("grow", patient=1, lesion=2, visit=1, size=1.3).concerns(patient=1, lesion=2)
    True
    """

    kind: str
    patient: int | None = None
    lesion: int | None = None
    visit: int | None = None
    annotator: int | None = None
    other: int | None = None
    size: float | None = None
    text: str | None = None
    site: str | None = None

    def __post_init__(self) -> None:
        """Reject events that cannot happen."""
        if self.kind not in EVENT_KINDS:
            raise ValueError(f"kind must be one of {', '.join(EVENT_KINDS)}, got {self.kind!r}")
        for name in EVENT_KINDS[self.kind][0]:
            if getattr(self, name) is None:
                raise ValueError(f"{self.kind} needs {name}: {EVENT_KINDS[self.kind][1]}")
        if self.kind == "grow" and not (self.size is not None and self.size > 0.0):
            raise ValueError(f"size of grow is a factor above 0, got {self.size}")

    def concerns(self, **whom: int | str | None) -> bool:
        """Say whether it happens to these: patient, site, lesion, annotator, visit; what is not named is not asked."""
        return all(getattr(self, name) in (None, value) for name, value in whom.items())
