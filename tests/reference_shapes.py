"""What an entry of a result draws, in px, for the plain reader: its rules stand in `reference_export`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reference_masks import Mask, MaskError, bitmask_mask, brush_mask, rle_rest
from reference_values import Row, UnreadableError, number

Points = npt.NDArray[np.float64]
Oval = tuple[float, float, float, float, float]

TOOLS = ("polygon", "rectangle", "ellipse", "brush", "bitmask", "vector", "keypoint")
KINDS = {f"{tool}{end}": tool for tool in TOOLS for end in ("", "labels")} | {"magicwand": "brush"}
ELLIPSE_VERTICES = 720
SAMPLES = 2000


@dataclass(frozen=True, eq=False)
class Shape:
    """What an entry draws, in px."""

    kind: str
    points: Points
    ellipse: Oval | None = None
    mask: Mask | None = None
    curve: Points | None = None
    rest: int = 0  # bits of a brush mask that nobody needs


def turned(x: float, y: float, u: float, v: float, degrees: float) -> tuple[float, float]:
    """(x, y) plus the offset (u, v) turned clockwise on screen, which is x towards y as y points down."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return x + u * c - v * s, y + u * s + v * c


def outline(kind: str, value: Row, width: float, height: float) -> Shape:
    """What one geometry entry draws."""
    none = np.empty((0, 2))
    if kind in ("brush", "bitmask"):
        try:
            mask = brush_mask(value.get("rle"), int(width), int(height)) if kind == "brush" else None
            if mask is None:
                mask = bitmask_mask(value.get("imageDataURL"))
        except MaskError as error:
            raise UnreadableError(str(error)) from None
        if mask.shape != (height, width):
            raise UnreadableError("the mask has not the size of the image")
        return Shape(kind, none, mask=mask, rest=rle_rest(value.get("rle")) if kind == "brush" else 0)
    if kind == "vector":
        return vector(value, width, height)
    if kind == "polygon":
        points = value.get("points")
        if not isinstance(points, list) or not points:
            raise UnreadableError(f"no points: {points!r}")
        if not all(isinstance(point, list) and len(point) == 2 for point in points):
            raise UnreadableError("a point is not a pair")
        ring = [(number(x) / 100 * width, number(y) / 100 * height) for x, y in points]
        if len(ring) > 1 and ring[0] == ring[-1]:
            ring.pop()
        return Shape(kind, np.array(ring, dtype=np.float64))
    x = number(value.get("x")) / 100 * width
    y = number(value.get("y")) / 100 * height
    if kind == "keypoint":
        return Shape(kind, np.array([(x, y)]))
    rotation = number(value.get("rotation") or 0)
    if kind == "rectangle":
        w = number(value.get("width")) / 100 * width
        h = number(value.get("height")) / 100 * height
        corners = [turned(x, y, u, v, rotation) for u, v in ((0.0, 0.0), (w, 0.0), (w, h), (0.0, h))]
        return Shape(kind, np.array(corners, dtype=np.float64))
    rx = number(value.get("radiusX")) / 100 * width
    ry = number(value.get("radiusY")) / 100 * height
    # Vertices lie on an ellipse blown up so much that the polygon has the area pi rx ry of the true ellipse.
    step = 2 * math.pi / ELLIPSE_VERTICES
    blown = math.sqrt(step / math.sin(step))
    angles = [step * i for i in range(ELLIPSE_VERTICES)]
    ring = [turned(x, y, blown * rx * math.cos(t), blown * ry * math.sin(t), rotation) for t in angles]
    return Shape(kind, np.array(ring, dtype=np.float64), (x, y, rx, ry, rotation))


def vector(value: Row, width: float, height: float) -> Shape:
    """A vector's edges as cubics, and a dense sample of them."""
    vertices = value.get("vertices")
    if not isinstance(vertices, list) or not vertices or not all(isinstance(v, dict) for v in vertices):
        raise UnreadableError("no vertices")
    scale = np.array([width, height]) / 100

    def place(point: object) -> Points:
        if not isinstance(point, dict):
            raise UnreadableError("a vertex has no place")
        return np.array([number(point.get("x")), number(point.get("y"))]) * scale

    closed = value.get("closed") is True
    ends = [*range(1, len(vertices)), 0] if closed else range(1, len(vertices))
    edges = []
    for end in ends:
        a, b = vertices[end - 1], vertices[end]
        start, stop = place(a), place(b)
        out = place(a["controlPoint2"]) if a.get("isBezier") and a.get("controlPoint2") else None
        into = place(b["controlPoint1"]) if b.get("isBezier") and b.get("controlPoint1") else None
        if out is None and into is None:
            out, into = start + (stop - start) / 3, stop - (stop - start) / 3
        elif out is None:
            out = start + 0.3 * (stop - start)
        elif into is None:
            into = stop - 0.3 * (stop - start)
        edges.append((start, out, into, stop))
    curve = np.array(edges, dtype=np.float64).reshape(-1, 4, 2)
    t = np.linspace(0, 1, SAMPLES, endpoint=False)[:, None]
    weights = np.hstack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
    sampled = np.einsum("tk,ekd->etd", weights, curve).reshape(-1, 2)
    last = curve[-1:, 3] if len(curve) else np.array([place(vertices[0])])
    return Shape("vector" if closed else "line", sampled if closed else np.vstack([sampled, last]), curve=curve)


def curve_area(curve: Points) -> float:
    """Area inside closed cubics: half the integral of x dy - y dx over each, a polynomial integrated exactly."""
    total = 0.0
    for a, b, c, d in curve:
        x, y = (
            np.polynomial.Polynomial([p0, 3 * (p1 - p0), 3 * (p0 - 2 * p1 + p2), p3 - 3 * p2 + 3 * p1 - p0])
            for p0, p1, p2, p3 in zip(a, b, c, d, strict=True)
        )
        total += (x * y.deriv() - y * x.deriv()).integ()(1.0) / 2
    return abs(total)
