"""A drawing as marks in its own units, which follow light, dark and print as SVG; `raster` draws them as pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .svg import element, join, num

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["DARK", "LIGHT", "LOOKS", "Curve", "Dot", "Look", "Mark", "Scene", "Words", "curve", "moved", "svg_of"]

Points = NDArray[np.float64]

#: Steps of the colours of time, from the first visit to the last.
AGES = 7
#: Colours by name, the same as the variables of the report's style.
LIGHT = {
    "ground": "#ffffff",
    "raised": "#f5f6f8",
    "line": "#d3d7de",
    "strong": "#6b7280",
    "ink": "#1b1f27",
    "soft": "#525a68",
    "band": "#f3c98b",
    "off": "#b3480b",
    "age0": "#8d99a8",
    "age1": "#7d92ab",
    "age2": "#6a89ae",
    "age3": "#517db0",
    "age4": "#3a6ea9",
    "age5": "#23599c",
    "age6": "#0f3a73",
}
DARK = {
    "ground": "#14171c",
    "raised": "#1d2128",
    "line": "#3a414d",
    "strong": "#939cab",
    "ink": "#e8eaee",
    "soft": "#b1b8c4",
    "band": "#6b4c1c",
    "off": "#f29a5e",
    "age0": "#6f7a88",
    "age1": "#6f86a0",
    "age2": "#7092b8",
    "age3": "#74a0d0",
    "age4": "#83b3e4",
    "age5": "#a3caf2",
    "age6": "#d6e8fc",
}


@dataclass(frozen=True, slots=True)
class Look:
    """How marks of a role look: names of colours, widths and dashes in units of the drawing."""

    stroke: str | None = None
    width: float = 1.0
    fill: str | None = None
    opacity: float = 1.0
    dash: tuple[float, ...] = ()
    size: float = 12.0
    bold: bool = False


#: Every role; the report's style has a rule for each of them too.
LOOKS = {
    **{f"age{step}": Look(stroke=f"age{step}", width=1.25 + step / 6) for step in range(AGES)},
    "ground": Look(fill="ground"),
    "before": Look(fill="line", opacity=0.45),
    "empty": Look(stroke="strong", dash=(3.0, 3.0)),
    "axis": Look(stroke="strong"),
    "guide": Look(stroke="line"),
    "noise": Look(fill="band", opacity=0.55),
    "course": Look(stroke="ink", width=1.5),
    "gap": Look(stroke="strong", width=1.25, dash=(2.5, 3.0)),
    "range": Look(stroke="strong", width=1.25),
    "within": Look(stroke="ink", width=1.5, fill="ground"),
    "beyond": Look(stroke="ink", width=1.5, fill="ink"),
    "conflict": Look(stroke="off", width=2.0),
    "gone": Look(stroke="ink", width=1.75),
    "words": Look(fill="soft"),
    "name": Look(fill="ink"),
    "alert": Look(fill="off", bold=True),
    "head": Look(fill="ink", size=18.0, bold=True),
}


@dataclass(frozen=True, slots=True)
class Curve:
    """Lines through points; closed ones are rings, which may be filled (even-odd)."""

    rings: tuple[Points, ...]
    role: str
    closed: bool = False
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Dot:
    """A point."""

    x: float
    y: float
    radius: float
    role: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """A line of text on its baseline."""

    x: float
    y: float
    text: str
    role: str = "words"
    anchor: str = "start"


Mark = Curve | Dot | Words


@dataclass(frozen=True, slots=True)
class Scene:
    """A drawing; `title` says in words what it shows."""

    width: float
    height: float
    title: str
    marks: tuple[Mark, ...]


def curve(role: str, *points: tuple[float, float], closed: bool = False, label: str | None = None) -> Curve:
    """Return one line through these points."""
    return Curve((np.array(points, dtype=np.float64),), role, closed, label)


def moved(marks: Iterable[Mark], x: float, y: float) -> list[Mark]:
    """Return marks elsewhere in the drawing."""
    found: list[Mark] = []
    for mark in marks:
        if isinstance(mark, Curve):
            found.append(replace(mark, rings=tuple(ring + np.array([x, y]) for ring in mark.rings)))
        else:
            found.append(replace(mark, x=mark.x + x, y=mark.y + y))
    return found


def svg_of(scene: Scene, *, class_: str, within: tuple[Markup, ...] = ()) -> Markup:
    """Return a drawing as an element; looks come from classes named like the roles, with `v-` in front.

    Parameters
    ----------
    scene : Scene
        The drawing.
    class_ : str
        Classes of the whole.
    within : tuple of Markup
        Elements before the marks, such as a style.
    """
    return element(
        "svg",
        element("title", scene.title),
        *within,
        join([_element(mark) for mark in scene.marks]),
        class_=class_,
        viewBox=f"0 0 {num(scene.width)} {num(scene.height)}",
        width=scene.width,
        height=scene.height,
        role="img",
    )


def _element(mark: Mark) -> Markup:
    if isinstance(mark, Words):
        anchor = None if mark.anchor == "start" else mark.anchor
        return element("text", mark.text, class_=f"v-{mark.role}", x=mark.x, y=mark.y, text_anchor=anchor)
    named = () if mark.label is None else (element("title", mark.label),)
    if isinstance(mark, Dot):
        return element("circle", *named, class_=f"v-{mark.role}", cx=mark.x, cy=mark.y, r=mark.radius)
    path = "".join(
        "M" + "L".join(f"{num(x)} {num(y)}" for x, y in ring.tolist()) + ("Z" if mark.closed else "")
        for ring in mark.rings
        if len(ring)
    )
    return element("path", *named, class_=f"v-{mark.role}", d=path)
