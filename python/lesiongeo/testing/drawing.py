"""How an annotator turns a true border into the value of a Label Studio region."""

from typing import Any, NamedTuple

import numpy as np

from .annotators import Annotator
from .outlines import Floats, cross_once
from .truth import TrueLesion, harmonic_sum, keep_area, star

# A browser reports a click as a share of the displayed image; zooming in gives fractions of its pixels.
# Snapping to that grid also hides the last bits in which processors differ: a seed means one file everywhere.
_ZOOM = 64.0
# Relative size of the drawing error by order: 0 is the size as a whole, 1 the position, the others are waves.
_NOISE_WEIGHTS = np.array([0.5, 1.0, 1 / 2, 1 / 3, 1 / 4, 1 / 5, 1 / 6])
_NOISE_SPREADS = (_NOISE_WEIGHTS / np.sqrt(np.sum(_NOISE_WEIGHTS**2)))[:, None]


class Drawn(NamedTuple):
    """A drawn region: its kind and the geometry part of ``value``, in percent."""

    kind: str
    value: dict[str, Any]


def draw(rng: np.random.Generator, lesion: TrueLesion, annotator: Annotator, vertices: tuple[int, int]) -> Drawn:
    """Draw `lesion` as `annotator` would, mostly as a polygon with a number of vertices within `vertices`."""
    count = int(rng.integers(vertices[0], vertices[1] + 1))
    outline = _outline(rng, lesion, annotator, count)
    if rng.random() < annotator.shape_rate:
        return _simple_shape(rng, lesion, annotator, outline)
    closed = True
    if rng.random() < annotator.invalid_rate:
        outline, closed = _spoil(rng, outline)
    elif rng.random() < 0.5:
        outline = outline[::-1]  # people draw in either direction
    return Drawn("polygon", {"points": _percent(outline, lesion, annotator).tolist(), "closed": closed})


def _outline(rng: np.random.Generator, lesion: TrueLesion, annotator: Annotator, count: int) -> Floats:
    """Click `count` points along the border, in pixels: uneven steps, bias and smooth noise."""
    steps = (np.arange(count) + rng.uniform(-0.3, 0.3, count)) * (2.0 * np.pi / count)
    angles = steps + rng.uniform(0.0, 2.0 * np.pi)
    drawn = rng.standard_normal((len(_NOISE_SPREADS), 2)) * _NOISE_SPREADS
    error = annotator.noise * harmonic_sum(angles, [(float(c), float(s)) for c, s in drawn], 0)
    # An error beyond a third of the radius would no longer be a slip of the hand.
    radii = lesion.radius_at(angles) * (1.0 + annotator.bias) * (1.0 + np.clip(error, -0.33, 0.33))
    return star(lesion.center_px, angles, keep_area(angles, radii))


def _spoil(rng: np.random.Generator, outline: Floats) -> tuple[Floats, bool]:
    """Make an outline invalid: a local twist, a bow tie, or two points of a polygon that was never closed."""
    kind = rng.random()
    if kind < 0.3:
        return outline[:2], False
    if kind < 0.65:
        # The second half drawn backwards: two long edges cross near the middle.
        half = len(outline) // 2
        return np.concatenate([outline[:half], outline[half:][::-1]]), True
    twisted = outline.copy()
    cross_once(twisted[None])
    return twisted, True


def _simple_shape(rng: np.random.Generator, lesion: TrueLesion, annotator: Annotator, outline: Floats) -> Drawn:
    """Replace the outline by a rectangle around it or an ellipse of its area, turned by whole degrees."""
    degrees = int(rng.integers(-40, 41)) if rng.random() < 0.7 else 0
    along = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    axes = np.stack([along, [-along[1], along[0]]], axis=1)
    inside = outline @ axes
    low, high = inside.min(axis=0), inside.max(axis=0)
    extent = high - low
    if rng.random() < 0.5:
        # The position is the top-left corner, about which the rectangle is turned.
        x, y, width, height = _percent(np.stack([axes @ low, extent]), lesion, annotator).ravel().tolist()
        return Drawn("rectangle", {"x": x, "y": y, "width": width, "height": height, "rotation": degrees % 360})
    # The position is the centre; the radii keep their proportion.
    x, y = inside[:, 0], inside[:, 1]
    area = 0.5 * float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
    radii = extent * np.sqrt(area / (np.pi * extent[0] * extent[1]))
    centre = axes @ (0.5 * (low + high))
    x, y, radius_x, radius_y = _percent(np.stack([centre, radii]), lesion, annotator).ravel().tolist()
    return Drawn("ellipse", {"x": x, "y": y, "radiusX": radius_x, "radiusY": radius_y, "rotation": degrees % 360})


def _percent(xy: Floats, lesion: TrueLesion, annotator: Annotator) -> Floats:
    """Pixels of the image to percent, by way of the grid of the annotator's screen."""
    stage_width = 960.0 + 37.0 * (annotator.id % 13)
    scale = stage_width / lesion.width
    stage = np.array([stage_width, lesion.height * scale])
    return np.asarray(np.round(xy * (scale * _ZOOM)) / _ZOOM / stage * 100.0, dtype=np.float64)
