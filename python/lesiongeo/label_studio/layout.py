"""Which control of a project takes an outline, its labels and its answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..errors import ConfigError
from ..options import shown
from ..read import Export
from ..read.config import ConfigSource, Control, LabelingConfig, labeling_config
from ..regions import column_of

__all__ = ["Layout", "Question", "Target", "layout", "questions"]

#: Kinds of control that draw polygons: with labels of their own, or plain.
POLYGONS = ("polygonlabels", "polygon")
RECTANGLES = ("rectanglelabels", "rectangle")
#: Kinds whose answers are what somebody typed.
TYPED = ("textarea",)
#: Kinds of answers, and the key of their value.
VALUE_KEYS = {
    "number": "number",
    "rating": "rating",
    "choices": "choices",
    "taxonomy": "taxonomy",
    "textarea": "text",
    "datetime": "datetime",
}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a region goes.

    Attributes
    ----------
    geometry : Control
        Draws it.
    labels : Control or None
        Takes its labels: the same control, or one for labels alone; None where no control takes any.
    to_name : str
        The image.
    several : bool
        Whether that image is a list, one page each.
    """

    geometry: Control
    labels: Control | None
    to_name: str
    several: bool

    def accepted(self, labels: list[str]) -> tuple[list[str], list[str]]:
        """Part labels into those that the control knows and those that it does not."""
        if self.labels is None:
            return [], labels
        return _parted(labels, self.labels.values())


class Layout:
    """Controls of a labeling configuration, asked for a place for each region."""

    def __init__(self, config: LabelingConfig, polygon_control: str | None = None) -> None:
        self.config = config
        self._known: dict[tuple[Any, ...], Target | None] = {}
        self._given: Control | None = None
        drawing = [control for control in config.controls if control.kind in POLYGONS and control.to_name]
        if polygon_control is not None:
            self._given = next((control for control in drawing if control.name == polygon_control), None)
            if self._given is None:
                there = ", ".join(control.name for control in drawing) or "none"
                raise ConfigError(
                    f"the labeling configuration has no polygon control {shown(polygon_control)}; there is {there}"
                )
        self._polygons = drawing

    def target(self, from_name: str | None, kind: str, labels: list[str]) -> Target | None:
        """Return where a region goes; None where no control can draw it.

        A control that was named takes everything. Else a polygon goes to the control that drew it. Whatever was drawn
        otherwise goes as a polygon to a polygon control of the same image, first to one that knows its labels; without
        any, a rectangle goes to the control that drew it.
        """
        key = (from_name, kind == "rectangle", *labels)
        if key not in self._known:
            self._known[key] = self._found(from_name, kind, labels)
        return self._known[key]

    def _found(self, from_name: str | None, kind: str, labels: list[str]) -> Target | None:
        if self._given is not None:
            return self._target(self._given, labels)
        own = None if from_name is None else self.config.control(from_name)
        if own in self._polygons and own is not None:
            return self._target(own, labels)
        same = [one for one in self._polygons if own is None or set(one.to_name) & set(own.to_name)]
        places = [self._target(control, labels) for control in same]
        # The first of those that know most of the labels.
        places.sort(key=lambda place: len(place.accepted(labels)[1]))
        if places:
            return places[0]
        if own is not None and own.kind in RECTANGLES and own.to_name and kind == "rectangle":
            return self._target(own, labels)
        return None

    def _target(self, control: Control, labels: list[str]) -> Target:
        to_name = control.to_name[0]
        taker: Control | None = control
        if not control.labels:
            takers = [one for one in self.config.controls if one.kind == "labels" and to_name in one.to_name]
            takers.sort(key=lambda one: len(_parted(labels, one.values())[1]))
            taker = takers[0] if takers else None
        return Target(control, taker, to_name, self.several(to_name))

    def several(self, to_name: str) -> bool:
        """Whether an image is a list of images."""
        return any(image.name == to_name and image.several for image in self.config.images)


def layout(config: ConfigSource, *, polygon_control: str | None = None) -> Layout:
    """Read a labeling configuration as a place for regions. See `Layout`."""
    return Layout(labeling_config(config), polygon_control)


@dataclass(frozen=True, slots=True)
class Question:
    """A control whose answers are written, and the column of `regions.table` that has them where it is per region."""

    control: Control
    column: str

    @property
    def typed(self) -> bool:
        """Whether its answers are free text."""
        return self.control.kind in TYPED

    def value(self, answer: Any) -> tuple[dict[str, Any] | None, list[str]]:
        """Return the value of an entry for an answer as the reader keeps it, and what the control does not know of it.

        Numbers are numbers; a choice or a text is that text, several are a JSON list; paths of a taxonomy are lists.
        """
        kind = self.control.kind
        key = VALUE_KEYS[kind]
        if kind in ("number", "rating"):
            number = _number(answer)
            whole = number is not None and number.is_integer()
            if number is None or (kind == "rating" and not (whole and number >= 0)):
                return None, [str(answer)]
            return {key: int(number) if whole else number}, []
        if kind == "datetime":
            return {key: str(answer)}, []
        if kind == "taxonomy":
            paths = _listed(str(answer))
            if paths is None or not all(isinstance(path, list) for path in paths):
                return None, [str(answer)]
            return {key: paths}, []
        texts = _listed(str(answer))
        values = texts if texts is not None and all(isinstance(text, str) for text in texts) else [str(answer)]
        if kind == "choices":
            values, unknown = _parted(values, self.control.values())
            return ({key: values} if values else None), unknown
        return {key: values}, []


def questions(export: Export, config: LabelingConfig) -> tuple[list[Question], list[str]]:
    """List the controls that ask about regions, and the names of those that the configuration does not have as such."""
    found: list[Question] = []
    missing: list[str] = []
    names = zip(*(export.controls[key].to_pylist() for key in ("name", "kind", "scope")), strict=True)
    for name, kind, scope in names:
        column = column_of(name)
        if scope != "region" or kind not in VALUE_KEYS or column not in export.regions.table.column_names:
            continue
        control = config.control(name)
        if control is not None and control.kind == kind and control.to_name:
            found.append(Question(control, column))
        elif name not in missing:
            missing.append(name)
    return found, missing


def _parted(values: list[str], known: list[str] | None) -> tuple[list[str], list[str]]:
    if known is None:
        return values, []
    return [value for value in values if value in known], [value for value in values if value not in known]


def _number(answer: Any) -> float | None:
    try:
        return float(answer)
    except (TypeError, ValueError):
        return None


def _listed(text: str) -> list[Any] | None:
    """Return a JSON list, as the reader keeps several values; None for a single text."""
    if not text.startswith("["):
        return None
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, list) and values else None
