"""One lesion over visits as a figure that stands alone: outlines, area over time, cards in words, contradictions."""

from __future__ import annotations

import textwrap

from .course_scenes import CARD, CHART, OVERLAY, Outlines, area_in_words, area_scene, card_scenes, fitted, overlay_scene
from .courses import Course, Seen, change_in_words, findings_in_words, lesion_name, ticked_in_words
from .scene import DARK, LIGHT, LOOKS, Curve, Mark, Scene, Words, curve, moved, svg_of
from .svg import element, num
from .text import number, plural, shown, words

__all__ = ["KEY", "figure", "figure_svg", "visit_in_words"]

WIDTH, EDGE = 760.0, 20.0
LINE = 16.0
#: Characters of a line of text as wide as the figure.
CHARACTERS = 112
#: Messages about a lesion below the figure.
MOST_MESSAGES = 6
CARDS_PER_ROW = 5
KEY = (
    "Lines: outlines of each visit, later ones stronger; cards share one scale, shaded: the visit before. Wedge: areas "
    "that would be no change against the visit before. Filled point: a change beyond the noise; ring: ticked "
    "otherwise; cross: resolved; dashed stroke: not imaged or not comparable."
)


def visit_in_words(seen: Seen) -> list[tuple[str, str]]:
    """Return what a card says of a visit: a role of text and the text, line by line."""
    day = "" if seen.day is None else f", day {number(seen.day, 0)}"
    lines = [("name", f"visit {seen.visit}{day}")]
    if seen.present and seen.area is not None:
        lines.append(("name", area_in_words(seen.area, seen.unit)))
    elif seen.present:
        lines.append(("words", "no area"))
    elif seen.measured == "not_imaged":
        lines.append(("words", "not imaged"))
    else:
        lines.append(("words", "not drawn"))
    change = change_in_words(seen)
    if change:
        lines.append(("words", change))
    if seen.measured is not None and (seen.present or seen.measured != "not_imaged"):
        lines.append(("words", f"measured {words(seen.measured)}"))
    lines += ticked_in_words(seen)
    if not seen.comparable:
        lines.append(("words", "size not comparable"))
    return lines


def figure(course: Course, outlines: Outlines) -> Scene:
    """Draw everything about one lesion."""
    marks: list[Mark] = [Words(EDGE, 34, shown(lesion_name(course), 90), "head")]
    marks.append(Words(EDGE, 54, _below(course)))
    y = 70.0
    outlines = fitted(course, outlines)
    overlay, area = overlay_scene(course, outlines), area_scene(course)
    if overlay is not None:
        marks += moved(overlay.marks, EDGE, y)
    if area is not None:
        marks += moved(area.marks, WIDTH - EDGE - CHART[0], y)
    y += max(OVERLAY[1], CHART[1]) + 18
    cards = card_scenes(course, outlines)
    step = (WIDTH - 2 * EDGE) / CARDS_PER_ROW
    for start in range(0, len(cards), CARDS_PER_ROW):
        lines = 0
        drawn = any(scene is not None for _, scene in cards[start : start + CARDS_PER_ROW])
        for place, (at, scene) in enumerate(cards[start : start + CARDS_PER_ROW]):
            x = EDGE + place * step
            if scene is not None:
                marks.append(curve("guide", (x, y), (x + CARD[0], y)))
                marks += moved(scene.marks, x, y + 4)
            texts = visit_in_words(course.seen[at])
            for line, (role, text) in enumerate(texts):
                below = y + drawn * (CARD[1] + 4) + 14 + LINE * line
                marks.append(Words(x, below, _fitting(text, 22), role))
            lines = max(lines, len(texts))
        y += drawn * (CARD[1] + 4) + LINE * lines + 18
    for role, text in _messages(course, len(cards)):
        for part in textwrap.wrap(text.replace(" %", "\u00a0%"), CHARACTERS):
            marks.append(Words(EDGE, y + 12, part, role))
            y += LINE
    scene = Scene(WIDTH, y + EDGE, _title(course), tuple(marks))
    return Scene(scene.width, scene.height, scene.title, (_ground(scene), *scene.marks))


def _ground(scene: Scene) -> Curve:
    corners = (0.0, 0.0), (scene.width, 0.0), (scene.width, scene.height), (0.0, scene.height)
    return curve("ground", *corners, closed=True)


def _title(course: Course) -> str:
    return f"{lesion_name(course)} over {plural(len(course.seen), 'visit')}"


def _below(course: Course) -> str:
    people = sorted({name for seen in course.seen for name in seen.annotators})
    parts = [plural(len(course.seen), "visit")]
    if course.label is not None:
        parts.insert(0, shown(course.label, 30))
    if people:
        parts.append(plural(len(people), "annotator"))
    if course.id_source in ("proposed", "mixed"):
        parts.append(
            "the id was proposed, not typed" if course.id_source == "proposed" else "the id is partly proposed"
        )
    if course.unit == "px":
        parts.append("no scale is known: pixels")
    sources = sorted({words(seen.noise_source) for seen in course.seen if seen.noise_source is not None})
    if sources:
        parts.append(f"noise from {', '.join(sources)}")
    return "; ".join(parts)


def _messages(course: Course, n_cards: int) -> list[tuple[str, str]]:
    said = [("alert", str(row.get("message") or "")) for row in course.conflicts]
    said += [("words", text) for text in findings_in_words(course.findings)]
    lines = [(role, shown(text, 600)) for role, text in said[:MOST_MESSAGES]]
    if len(said) > MOST_MESSAGES:
        lines.append(("words", f"{plural(len(said) - MOST_MESSAGES, 'more message')} in the tables."))
    if n_cards < len(course.seen):
        lines.append(("words", f"{n_cards} of {len(course.seen)} visits have a card; the chart has all."))
    return [*lines, ("words", KEY)]


def _fitting(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[: characters - 1]}\u2026"


def figure_svg(scene: Scene) -> str:
    """Return a figure as a file of its own: its style within it, light and dark, nothing else loaded."""
    light = "".join(_rule(role, LIGHT) for role in LOOKS)
    dark = "".join(_rule(role, DARK) for role in LOOKS)
    style = (
        'text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif}'
        f"path{{fill-rule:evenodd;stroke-linejoin:round}}{light}@media screen and (prefers-color-scheme:dark){{{dark}}}"
    )
    svg = svg_of(scene, class_="track", within=(element("style", style),))
    return str(svg).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def _rule(role: str, colours: dict[str, str]) -> str:
    look = LOOKS[role]
    rules = [f"fill:{'none' if look.fill is None else colours[look.fill]}"]
    if look.stroke is not None:
        rules += [f"stroke:{colours[look.stroke]}", f"stroke-width:{num(look.width, 2)}"]
    if look.dash:
        rules.append("stroke-dasharray:" + " ".join(num(one) for one in look.dash))
    if look.opacity < 1:
        rules.append(f"opacity:{num(look.opacity, 2)}")
    if look.size != 12.0:
        rules.append(f"font-size:{num(look.size)}px")
    if look.bold:
        rules.append("font-weight:600")
    return f".v-{role}{{{';'.join(rules)}}}"
