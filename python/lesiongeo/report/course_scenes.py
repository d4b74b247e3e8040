"""Drawings of one lesion over visits: contours over each other, one card per visit, area with what is noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .contours import thinned
from .courses import Course, Seen, change_in_words, lesion_name, ticked_in_words
from .scales import Scale, nice_length
from .scene import AGES, Curve, Dot, Mark, Scene, Words, curve
from .text import number, plural, words

__all__ = [
    "Outlines",
    "age_of",
    "area_in_words",
    "area_scene",
    "card_scenes",
    "chosen_visits",
    "fitted",
    "overlay_scene",
]

Points = NDArray[np.float64]
#: Rings of each region, by its row.
Outlines = Mapping[int, list[Points]]

#: Visits that are drawn of one lesion; the chart has all.
MOST_VISITS = 8
#: Outlines drawn of one visit.
MOST_OUTLINES = 6
#: How far a line may move when it is thinned, in units of the larger drawing, and then in those of a card.
TOLERANCE = 0.2
#: Vertices of an outline that are drawn as they are.
FEW = 32
OVERLAY = (240.0, 190.0)
#: Room for the outlines of the overlay, above its bar, and what is left free around them.
DRAWN, MARGIN = (240.0, 168.0), 8.0
CARD = (132.0, 104.0)
CHART = (420.0, 190.0)
#: Ratio up to which the chart leaves room for noise beyond the largest area.
ROOM = 1.35


def chosen_visits(course: Course) -> list[int]:
    """Return the visits that are drawn: where it was seen first and last, conflicts, changes, then evenly between."""
    every = list(range(len(course.seen)))
    if len(every) <= MOST_VISITS:
        return every
    there = [at for at in every if course.seen[at].present]
    wanted = [0, *there[-1:], *(at + 1 for at in there[-1:] if at < every[-1])]
    wanted += [at for at in every if course.seen[at].conflict]
    wanted += [at for at in every if course.seen[at].significant]
    wanted += [round(at * every[-1] / (MOST_VISITS - 1)) for at in range(MOST_VISITS)]
    return sorted(list(dict.fromkeys(wanted))[:MOST_VISITS])


def age_of(course: Course, at: int) -> str:
    """Return the role of the lines of a visit: from the first to the last on which the lesion was seen."""
    there = [place for place, one in enumerate(course.seen) if one.present]
    if at not in there or len(there) == 1:
        return f"age{AGES - 1}"
    return f"age{round((AGES - 1) * there.index(at) / (len(there) - 1))}"


def _placed(seen: Seen, outlines: Outlines) -> list[list[Points]]:
    """Outlines of a visit in mm or pixels, with the middle of the lesion at 0."""
    found = [[ring * np.array(seen.spacing) for ring in outlines.get(row, []) if len(ring)] for row in seen.regions]
    found = [rings for rings in found if rings][:MOST_OUTLINES]
    if not found:
        return []
    if seen.centroid is not None:
        middle = np.array(seen.centroid) * np.array(seen.spacing)
    else:
        corners = [np.stack([np.vstack(rings).min(axis=0), np.vstack(rings).max(axis=0)]) for rings in found]
        middle = np.mean([one.mean(axis=0) for one in corners], axis=0)
    return [[ring - middle for ring in rings] for rings in found]


def _reach(placed: list[list[list[Points]]], size: tuple[float, float], margin: float) -> float:
    """Units of the drawing per unit of length, so that everything fits around the middle."""
    points = [ring for visit in placed for rings in visit for ring in rings]
    if not points:
        return 1.0
    far = np.maximum(np.abs(np.vstack(points)).max(axis=0), 1e-9)
    return float(min((size[0] / 2 - margin) / far[0], (size[1] / 2 - margin) / far[1]))


def fitted(course: Course, outlines: Outlines) -> dict[int, list[Points]]:
    """Return the outlines of a lesion with no more vertices than its largest drawing can show."""
    visits = [at for at in chosen_visits(course) if course.seen[at].present]
    placed = {at: found for at in visits if (found := _placed(course.seen[at], outlines))}
    common = _reach([own for at, own in placed.items() if course.seen[at].comparable], DRAWN, MARGIN)
    fewer: dict[int, list[Points]] = {}
    for at, own in placed.items():
        seen = course.seen[at]
        scale = np.array(seen.spacing) * (common if seen.comparable else _reach([own], DRAWN, MARGIN))
        for row in seen.regions:
            rings = [ring for ring in outlines.get(row, []) if len(ring)]
            fewer[row] = [thinned(ring * scale, TOLERANCE) / scale if len(ring) > FEW else ring for ring in rings]
    return fewer


def _drawn(rings: list[Points], role: str, scale: float, middle: tuple[float, float]) -> Curve:
    return Curve(tuple(ring * scale + np.array(middle) for ring in rings), role, closed=True)


def overlay_scene(course: Course, outlines: Outlines) -> Scene | None:
    """Draw the outlines of the visits over each other, middle on middle; None where there are none."""
    visits = [at for at in chosen_visits(course) if course.seen[at].present and course.seen[at].comparable]
    placed = {at: found for at in visits if (found := _placed(course.seen[at], outlines))}
    if not placed:
        return None
    wide, tall = OVERLAY
    scale = _reach(list(placed.values()), DRAWN, MARGIN)
    middle = (DRAWN[0] / 2, DRAWN[1] / 2)
    marks: list[Mark] = []
    for at, own in placed.items():
        marks += [_drawn(rings, age_of(course, at), scale, middle) for rings in own]
    marks += _bar(course.unit, scale, wide, tall)
    days = ", ".join(_when(course.seen[at]) for at in placed)
    return Scene(wide, tall, f"{lesion_name(course)}: outlines of {days}, middle on middle", tuple(marks))


def _bar(unit: str, scale: float, wide: float, tall: float) -> list[Mark]:
    length = nice_length(0.35 * wide / scale)
    end, y = 6 + length * scale, tall - 6
    return [
        curve("axis", (6, y), (end, y)),
        Words(end + 5, y + 3, f"{length:g} {unit}"),
    ]


def _coarser(rings: list[Points], scale: float) -> list[Points]:
    return [thinned(ring * scale, TOLERANCE) / scale if len(ring) > FEW else ring for ring in rings]


def card_scenes(course: Course, outlines: Outlines) -> list[tuple[int, Scene | None]]:
    """Draw each chosen visit, all at the same scale, with the visit before it as a shade below."""
    visits = chosen_visits(course)
    placed = {at: _placed(course.seen[at], outlines) for at in visits if course.seen[at].present}
    if not any(placed.values()):
        return [(at, None) for at in visits]
    common = _reach([own for at, own in placed.items() if course.seen[at].comparable], CARD, 5)
    middle = (CARD[0] / 2, CARD[1] / 2)
    scenes: list[tuple[int, Scene | None]] = []
    before: list[Curve] = []
    for at in visits:
        seen = course.seen[at]
        scale = common if seen.comparable else _reach([placed[at]], CARD, 5)
        own = [_drawn(_coarser(rings, scale), age_of(course, at), scale, middle) for rings in placed.get(at, [])]
        marks: list[Mark] = [*before, *own] if seen.comparable else [*own]
        if not seen.present:
            x, y = middle
            marks += [curve("gone", (x - 6, y - 6), (x + 6, y + 6)), curve("gone", (x - 6, y + 6), (x + 6, y - 6))] * (
                seen.measured != "not_imaged"
            )
        what = "not drawn" if not seen.present else plural(len(own), "outline")
        scenes.append((at, Scene(*CARD, f"{lesion_name(course)}, {_when(seen)}: {what}", tuple(marks))))
        if seen.comparable and own:
            before = [replace(one, role="before") for one in own]
    return scenes


def _when(seen: Seen) -> str:
    return f"visit {seen.visit}" if seen.day is None else f"visit {seen.visit} on day {number(seen.day, 0)}"


def area_scene(course: Course) -> Scene | None:
    """Draw area over time: where an area would lie without a change is shaded, from each visit to the next."""
    points = [one for one in course.seen if one.present and one.comparable and one.area is not None]
    if not points:
        return None
    wide, tall = CHART
    left, right, top, bottom = 16.0, wide - 26, 38.0, tall - 40
    days = [one.day for one in course.seen]
    timed = all(day is not None for day in days) and len(set(days)) > 1
    places = [float(one.day if timed and one.day is not None else one.visit) for one in course.seen]
    x = Scale(min(places), max(places), left + 14, right)
    place = {id(one): x(value) for one, value in zip(course.seen, places, strict=True)}
    largest = max(one.area or 0.0 for one in points)
    wedges = _wedges(course)
    tops = [largest, *(one.high for one in points if one.high is not None), *(high for *_, high in wedges)]
    y = Scale(0.0, min(max(tops), ROOM * largest) * 1.02 or 1.0, bottom, top)
    marks: list[Mark] = [curve("axis", (left, bottom), (right + 8, bottom))]
    for before, after, low, high in wedges:
        label = (
            f"no change: {area_in_words(low, course.unit)} to {area_in_words(high, course.unit)} at visit {after.visit}"
        )
        start = (place[id(before)], y(before.area or 0.0))
        stop = place[id(after)]
        marks.append(curve("noise", start, (stop, y(high)), (stop, y(low)), closed=True, label=label))
    marks += _lines(course, place, y, bottom)
    marks += _points(course, place, y, bottom)
    marks += _values(course, points, place, y, (top, bottom))
    marks += _times(course, places, place, bottom, timed)
    title = f"{lesion_name(course)}: area over {'days' if timed else 'visits'}: " + "; ".join(
        f"{_when(one)} {_said(one)}" for one in course.seen
    )
    return Scene(wide, tall, title[:600], tuple(marks))


def _wedges(course: Course) -> list[tuple[Seen, Seen, float, float]]:
    """From each visit to the next on which the lesion was seen, and which areas would be no change there."""
    found = []
    before: Seen | None = None
    for one in course.seen:
        if not one.present or not one.comparable or one.area is None:
            continue
        half = one.half_width
        if before is not None and before.area is not None and half is not None:
            found.append((before, one, before.area * math.exp(-half), before.area * math.exp(half)))
        before = one
    return found


def _lines(course: Course, place: dict[int, float], y: Scale, bottom: float) -> list[Mark]:
    marks: list[Mark] = []
    before: tuple[float, float] | None = None
    gap = False
    for one in course.seen:
        if one.present and (one.area is None or not one.comparable):
            gap = True
            continue
        if not one.present and one.measured != "resolved":
            gap = True
            continue
        here = (place[id(one)], y(one.area) if one.present and one.area is not None else bottom)
        if before is not None:
            marks.append(curve("gap" if gap or not one.present else "course", before, here))
        before, gap = here, False
    return marks


def _points(course: Course, place: dict[int, float], y: Scale, bottom: float) -> list[Mark]:
    marks: list[Mark] = []
    for one in course.seen:
        at = place[id(one)]
        label = f"{_when(one)}: {_said(one)}"
        if one.present and one.area is not None and one.comparable:
            if one.low is not None and one.high is not None:
                marks.append(curve("range", (at, y(one.low)), (at, y(one.high))))
            middle = y(one.area)
            marks.append(Dot(at, middle, 3.5, "beyond" if one.significant else "within", label))
            if one.conflict:
                marks.append(_ring(at, middle))
        elif one.measured == "resolved":
            marks.append(
                Curve(
                    tuple(
                        np.array([[at - 4, bottom - 4 * turn], [at + 4, bottom + 4 * turn]], dtype=np.float64)
                        for turn in (1, -1)
                    ),
                    "gone",
                    label=label,
                )
            )
            if one.conflict:
                marks.append(_ring(at, bottom))
        else:
            marks.append(curve("gap", (at, bottom - 5), (at, bottom + 5), label=label))
    return marks


def _ring(x: float, y: float) -> Curve:
    """Draw a ring around a point that contradicts what was ticked."""
    angles = np.linspace(0.0, 2.0 * np.pi, 25)[:-1]
    return Curve((np.stack([x + 7.5 * np.cos(angles), y + 7.5 * np.sin(angles)], axis=1),), "conflict", closed=True)


def _values(
    course: Course, points: list[Seen], place: dict[int, float], y: Scale, edges: tuple[float, float]
) -> list[Mark]:
    """Write areas at their points: the first and the last, then the others where there is room."""
    marks: list[Mark] = []
    taken: list[float] = []
    extreme = [points[0], points[-1], *sorted(points, key=lambda one: -(one.area or 0.0))]
    for one in dict.fromkeys(map(id, extreme)):
        seen = next(other for other in points if id(other) == one)
        at = place[one]
        if any(abs(at - other) < 46 for other in taken):
            continue
        taken.append(at)
        level, number_of_point = y(seen.area or 0.0), [id(other) for other in points].index(one)
        # Away from the line: below a point that the line comes down to, above all others.
        beside = [y(other.area or 0.0) for other in points[max(number_of_point - 1, 0) : number_of_point + 2]]
        below = max(level, y(seen.low) if seen.low is not None else level) + 18 + 4 * seen.conflict
        above = min(level - 4 * seen.conflict, y(seen.high) if seen.high is not None else level) - 8
        if sum(beside) / len(beside) < level - 3 and below < edges[1] - 3:
            marks.append(Words(at, below, number(seen.area, _digits(seen.area)), "name", "middle"))
        else:
            marks.append(Words(at, max(above, edges[0] - 8), number(seen.area, _digits(seen.area)), "name", "middle"))
    unit = f"{course.unit}\u00b2"
    marks.append(Words(0, 11, f"area in {unit}"))
    return marks


def _times(course: Course, places: list[float], place: dict[int, float], bottom: float, timed: bool) -> list[Mark]:
    marks: list[Mark] = []
    taken: list[float] = []
    last = len(places) - 1
    for at in dict.fromkeys([0, last, *range(last)]):
        here = place[id(course.seen[at])]
        if any(abs(here - other) < 30 for other in taken):
            continue
        taken.append(here)
        marks.append(Words(here, bottom + 18, number(places[at], 0), "words", "middle"))
    middle = (CHART[0] - 10) / 2
    marks.append(Words(middle, bottom + 34, "days since the first visit" if timed else "visit", "words", "middle"))
    return marks


def _digits(area: float | None) -> int:
    return 0 if area is None or abs(area) >= 100 else 1 if abs(area) >= 10 else 2


def area_in_words(area: float | None, unit: str | None) -> str:
    """Return an area with about three digits and its unit; a dash where there is none.

    Examples
    --------
    >>> area_in_words(10.44, "mm"), area_in_words(1234.5, "px"), area_in_words(None, "mm")
    ('10.4 mm\u00b2', '1,234 px\u00b2', '\u2013')
    """
    return number(area, _digits(area)) + ("" if area is None else f" {unit or 'px'}\u00b2")


def _said(seen: Seen) -> str:
    """Say what is known of a visit in one line."""
    parts = [area_in_words(seen.area, seen.unit)] if seen.present and seen.area is not None else []
    if not seen.present:
        parts.append("not drawn")
    change = change_in_words(seen)
    if change:
        parts.append(change)
    if seen.measured is not None:
        parts.append(f"measured {words(seen.measured)}")
    parts += [text for _, text in ticked_in_words(seen)]
    return ", ".join(parts)
