"""Cards of the worst cases: the outlines of all annotators over each other, over the picture where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from ..polygons import Polygons
from .cases import Case
from .contours import path_of
from .images import Pictures
from .run import Run
from .scales import nice_length
from .svg import element, join
from .text import number, plural, shown

__all__ = ["DASHES", "HUES", "card_drawings", "style_of"]

#: Card in its own units, about the pixels of a screen.
WIDTH, HEIGHT = 320.0, 240.0
#: Share of the larger side that is left free around the outlines.
MARGIN = 0.25
#: Pixels of the page that are shown at least, so that tiny outlines keep their surroundings.
LEAST_PX = 24.0
#: How far a line may move when an outline is thinned: half a pixel of a card shown at its own size.
TOLERANCE = 0.4
#: Other regions in view that are drawn.
MOST_NEAR = 12
#: Kinds of lines: colours, then dashes.
HUES, DASHES = 7, 4


@dataclass(frozen=True, slots=True)
class Drawing:
    """The drawing of a case and what is said below it."""

    svg: Markup
    remarks: list[str]
    picture: bool


def style_of(number_of_annotator: int) -> str:
    """Return the classes of an annotator's line: no two of the first 28 share colour and dashes."""
    hue = number_of_annotator % HUES
    # Neighbours differ in their dashes too, for those who see no colours and for print.
    dash = (number_of_annotator + number_of_annotator // HUES) % DASHES
    return f"hue{hue} dash{dash}"


def card_drawings(run: Run, cases: list[Case], order: list[str], pictures: Pictures | None) -> list[Drawing | None]:
    """Draw the cases; None for each where the run has no outlines."""
    rows = sorted({drawn.row for case in cases for drawn in (*case.regions, *case.near)})
    outlines = run.outlines(np.array(rows, dtype=np.int64)) if rows else None
    if outlines is None:
        return [None] * len(cases)
    place = {row: number for number, row in enumerate(rows)}
    drawn: list[Drawing | None] = [None] * len(cases)
    # Image after image, so that each is opened once.
    for number_of_case in sorted(range(len(cases)), key=lambda i: (cases[i].image or "", i)):
        drawn[number_of_case] = _drawing(number_of_case + 1, cases[number_of_case], outlines, place, order, pictures)
    return drawn


def _drawing(
    rank: int,
    case: Case,
    outlines: Polygons,
    place: dict[int, int],
    order: list[str],
    pictures: Pictures | None,
) -> Drawing | None:
    rings = {drawn.row: outlines[place[drawn.row]] for drawn in case.regions}
    points = [ring for own in rings.values() for ring in own if len(ring)]
    if not points:
        return None
    every = np.concatenate(points)
    left, top, scale = _view(every.min(axis=0), every.max(axis=0))
    box = (left, top, left + WIDTH / scale, top + HEIGHT / scale)
    remarks: list[str] = []
    parts: list[Markup] = []
    crop = None
    if pictures is not None:
        crop, why = pictures.crop(case.image, (case.width, case.height), box)
        if why is not None:
            remarks.append(f"No picture: {why}.")
        if crop is not None:
            if crop.remark:
                remarks.append(f"{crop.remark[0].upper()}{crop.remark[1:]}.")
            parts.append(
                element(
                    "image",
                    href=crop.url,
                    x=(crop.x - left) * scale,
                    y=(crop.y - top) * scale,
                    width=crop.width * scale,
                    height=crop.height * scale,
                    preserveAspectRatio="none",
                )
            )
    if case.width and case.height:
        parts.append(
            element(
                "rect",
                class_="edge",
                x=-left * scale,
                y=-top * scale,
                width=case.width * scale,
                height=case.height * scale,
            )
        )
    near, hidden = _near(case, box, outlines, place)
    dropped = 0
    for row, annotator in near:
        path, fewer = path_of(outlines[place[row]], (left, top), scale, TOLERANCE)
        dropped += fewer
        parts.append(element("path", class_=f"near {style_of(order.index(annotator))}", d=path))
    if hidden:
        remarks.append(f"{plural(hidden, 'other region')} in view not drawn.")
    for number_of_region, drawn in enumerate(case.regions):
        path, fewer = path_of(rings[drawn.row], (left, top), scale, TOLERANCE)
        dropped += fewer
        style = style_of(order.index(drawn.annotator))
        name = f"o{rank}-{number_of_region}"
        if crop is not None:
            # A dark line below the coloured one, so that it is seen on any picture.
            parts.append(element("defs", element("path", id=name, d=path)))
            parts += [element("use", href=f"#{name}", class_=kind) for kind in ("halo", f"line {style}")]
        else:
            parts.append(element("path", class_=f"line {style}", d=path))
    if dropped:
        remarks.append(f"Lines thinned by {plural(dropped, 'vertex', 'vertices')}, below half a pixel of this drawing.")
    parts.append(_bar(case, scale, remarks))
    who = ", ".join(shown(drawn.annotator, 30) for drawn in case.regions)
    svg = element(
        "svg",
        element("title", f"Case {rank}: outlines of {who}"),
        join(parts),
        class_="case over" if crop is not None else "case",
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        width=WIDTH,
        height=HEIGHT,
        role="img",
    )
    return Drawing(svg, remarks, crop is not None)


def _view(low: Any, high: Any) -> tuple[float, float, float]:
    """Left, top and units per pixel of a card that shows a box with some room around it."""
    size = np.maximum(high - low, 1e-9)
    longest = max(float(size.max()), LEAST_PX / (1 + 2 * MARGIN))
    wide, tall = (float(side) + 2 * MARGIN * longest for side in size)
    scale = min(WIDTH / wide, HEIGHT / tall)
    middle = (low + high) / 2
    return float(middle[0]) - WIDTH / scale / 2, float(middle[1]) - HEIGHT / scale / 2, scale


def _near(
    case: Case, box: tuple[float, float, float, float], outlines: Polygons, place: dict[int, int]
) -> tuple[list[tuple[int, str]], int]:
    """Other regions of the page whose boxes meet the view, and how many more there are."""
    found = []
    for drawn in case.near:
        corners = drawn.box
        if corners is None:
            points = np.concatenate([ring for ring in outlines[place[drawn.row]] if len(ring)] or [np.empty((0, 2))])
            if not len(points):
                continue
            corners = (*points.min(axis=0).tolist(), *points.max(axis=0).tolist())
        if corners[0] < box[2] and corners[2] > box[0] and corners[1] < box[3] and corners[3] > box[1]:
            found.append((drawn.row, drawn.annotator))
    return found[:MOST_NEAR], max(len(found) - MOST_NEAR, 0)


def _bar(case: Case, scale: float, remarks: list[str]) -> Markup:
    """Draw the scale bar, in mm where the spacing is known."""
    unit, per_unit = "px", scale
    if case.spacing is not None:
        unit, per_unit = "mm", scale / case.spacing[0]
        if case.spacing[0] != case.spacing[1]:
            remarks.append(
                f"Pixels are {number(case.spacing[0], 4)} by {number(case.spacing[1], 4)} mm: the bar holds along x."
            )
    length = nice_length(0.4 * WIDTH / per_unit)
    end = 10 + length * per_unit
    y = HEIGHT - 12
    text = f"{length:g} {unit}"
    line = f"M10 {y - 3:g}V{y + 3:g}M10 {y:g}H{end:.1f}M{end:.1f} {y - 3:g}V{y + 3:g}"
    return element(
        "g",
        element("path", class_="bar-halo", d=line),
        element("path", class_="bar", d=line),
        element("text", text, x=14, y=y - 5),
        class_="scale",
    )
