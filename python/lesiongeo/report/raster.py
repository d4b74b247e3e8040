"""Drawings as pixels: the marks of a scene drawn with pillow, without a browser."""

from __future__ import annotations

import io
import unicodedata
from typing import TYPE_CHECKING

import numpy as np

from .scene import LIGHT, LOOKS, Curve, Dot, Look, Points, Scene, Words

if TYPE_CHECKING:
    from PIL import ImageFont
    from PIL.Image import Image

__all__ = ["png_of"]

#: Pixels per unit of the drawing, and how much finer lines are drawn before they are reduced.
SCALE, FINER = 2, 2
#: Signs that the font of pillow lacks, as it has them.
PLAIN = str.maketrans(
    {"\u00a0": " ", "\u00b2": "2", "\u2212": "-", "\u2013": "-", "\u2026": "...", "\u00d7": "x", "\u2260": "!="}
)


def png_of(scene: Scene) -> bytes:
    """Return a drawing as a PNG file, on light ground, with twice as many pixels as units.

    The font is the one within pillow, so that every machine draws the same; letters that it lacks lose their accents
    or become question marks.
    """
    from PIL import Image

    fine = SCALE * FINER
    size = (round(scene.width * fine), round(scene.height * fine))
    picture = Image.new("RGB", size, LIGHT["ground"])
    for mark in scene.marks:
        if isinstance(mark, Curve):
            _curve(picture, mark, LOOKS[mark.role], fine)
        elif isinstance(mark, Dot):
            _dot(picture, mark, LOOKS[mark.role], fine)
    picture = picture.resize((size[0] // FINER, size[1] // FINER), Image.Resampling.BOX)
    # Text last and at its own size: the font smooths its edges itself.
    for mark in scene.marks:
        if isinstance(mark, Words):
            _words(picture, mark, LOOKS[mark.role])
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _curve(picture: Image, mark: Curve, look: Look, scale: float) -> None:
    from PIL import Image, ImageChops, ImageDraw

    rings = [ring * scale for ring in mark.rings if len(ring) > 1]
    if look.fill is not None and mark.closed and rings:
        # Within the box of the rings only: a figure has many of them.
        low = np.floor(np.min([ring.min(axis=0) for ring in rings], axis=0)).astype(int)
        size = tuple((np.ceil(np.max([ring.max(axis=0) for ring in rings], axis=0)).astype(int) - low + 1).tolist())
        inside = Image.new("1", size)
        for ring in rings:
            own = Image.new("1", size)
            ImageDraw.Draw(own).polygon([(x, y) for x, y in (ring - low).tolist()], fill=1)
            inside = ImageChops.logical_xor(inside, own)
        shade = inside.convert("L").point([round(value * look.opacity) for value in range(256)])
        picture.paste(LIGHT[look.fill], tuple(low.tolist()), shade)
    if look.stroke is None:
        return
    draw = ImageDraw.Draw(picture)
    width = max(round(look.width * scale), 1)
    for ring in rings:
        # Once more over the first edge, so that the last corner is round too.
        line = np.vstack([ring, ring[:2]]) if mark.closed else ring
        for piece in _dashes(line, tuple(part * scale for part in look.dash)):
            draw.line([(x, y) for x, y in piece.tolist()], fill=LIGHT[look.stroke], width=width, joint="curve")


def _dashes(line: Points, dash: tuple[float, ...]) -> list[Points]:
    """Cut a line into its dashes; whole where it has none."""
    if not dash:
        return [line]
    steps = np.hypot(*np.diff(line, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    total, period = float(along[-1]), sum(dash)
    pieces = []
    for number in range(int(total / period) + 1 if period > 0 else 0):
        start, stop = number * period, min(number * period + dash[0], total)
        if stop <= start:
            continue
        between = along[(along > start) & (along < stop)]
        places = np.concatenate([[start], between, [stop]])
        pieces.append(np.stack([np.interp(places, along, line[:, axis]) for axis in (0, 1)], axis=1))
    return pieces


def _dot(picture: Image, mark: Dot, look: Look, scale: float) -> None:
    from PIL import ImageDraw

    half = look.width / 2
    draw = ImageDraw.Draw(picture)
    for radius, colour in ((mark.radius + half, look.stroke), (mark.radius - half, look.fill)):
        if colour is not None:
            box = [value * scale for value in (mark.x - radius, mark.y - radius, mark.x + radius, mark.y + radius)]
            draw.ellipse(box, fill=LIGHT[colour])


def _words(picture: Image, mark: Words, look: Look) -> None:
    from PIL import ImageDraw, ImageFont

    font = ImageFont.load_default(look.size * SCALE)
    text = _drawable(mark.text, font)
    anchor = {"start": "ls", "middle": "ms", "end": "rs"}[mark.anchor]
    colour = LIGHT[look.fill or "ink"]
    draw = ImageDraw.Draw(picture)
    draw.text((mark.x * SCALE, mark.y * SCALE), text, fill=colour, font=font, anchor=anchor)


def _drawable(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Return a text in letters that a font has."""
    absent = _shape("\U0010ffff", font)
    letters = []
    for letter in text.translate(PLAIN):
        if letter.isascii() or _shape(letter, font) != absent:
            letters.append(letter)
            continue
        base = unicodedata.normalize("NFKD", letter)[0]
        letters.append(base if base.isascii() else "?")
    return "".join(letters)


def _shape(letter: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> bytes:
    return bytes(font.getmask(letter))
