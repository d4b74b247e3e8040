"""Ordinary outlines against shapely: an engine of another design, right on these to 1e-13."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import shapely

import lesiongeo
from lesiongeo import Polygons

Array = npt.NDArray[np.float64]
COUNT = 500


def stars(rng: np.random.Generator, n: int, hole: float = 0.0) -> list[list[Array]]:
    """Outlines of n vertices around one place that overlap more or less, a smaller copy as a hole."""
    rows = []
    for _ in range(COUNT):
        t = np.sort((np.arange(n) + rng.uniform(0, 0.9, n)) / n * 2 * np.pi)
        radius = rng.uniform(20, 80, n)[:, None]
        centre = 500 + rng.uniform(0, 60, 2)
        outline = radius * np.column_stack([np.cos(t), np.sin(t)])
        rows.append([outline + centre] + [outline * hole + centre] * (hole > 0))
    return rows


def check(a: Polygons, b: Polygons) -> None:
    p, q = a.to_shapely(), b.to_shapely()
    assert shapely.is_valid(p).all()
    assert shapely.is_valid(q).all()
    assert a.is_valid.all()
    area, inter, union = (
        shapely.area(p),
        shapely.area(shapely.intersection(p, q)),
        shapely.area(shapely.union(p, q)),
    )
    scale = np.maximum(area, shapely.area(q))
    assert np.count_nonzero((inter > 0) & (inter < 0.95 * scale)) > len(a) / 2
    assert np.abs(lesiongeo.area(a) / area - 1).max() <= 1e-12
    assert np.abs(lesiongeo.perimeter(a) / shapely.length(p) - 1).max() <= 1e-12
    assert np.abs(lesiongeo.intersection_area(a, b) - inter).max() <= 1e-12 * scale.max()
    assert (np.abs(lesiongeo.intersection_area(a, b) - inter) / scale).max() <= 1e-12
    assert np.abs(lesiongeo.iou(a, b) - inter / union).max() <= 1e-12
    assert np.abs(lesiongeo.dice(a, b) - 2 * inter / (area + shapely.area(q))).max() <= 1e-12
    centre = shapely.get_coordinates(shapely.centroid(p))
    assert np.abs(lesiongeo.centroid(a) - centre).max() <= 1e-10
    assert np.array_equal(lesiongeo.bounds(a), shapely.bounds(p))
    vertex = lesiongeo.hausdorff(a, b, method="vertex")
    assert np.abs(vertex / shapely.hausdorff_distance(p, q) - 1).max() <= 1e-12
    assert (lesiongeo.hausdorff(a, b) >= vertex).all()


@pytest.mark.parametrize("n", [5, 12, 50, 200])
def test_star_outlines(n: int) -> None:
    rng = np.random.default_rng(n)
    check(Polygons.from_rings(stars(rng, n)), Polygons.from_rings(stars(rng, n)))


def test_outlines_of_different_sizes() -> None:
    rng = np.random.default_rng(0)
    check(Polygons.from_rings(stars(rng, 9)), Polygons.from_rings(stars(rng, 300)))


def test_holes_and_parts() -> None:
    rng = np.random.default_rng(4)

    def regions() -> Polygons:
        rows = [shapely.Polygon(outline, [hole]) for outline, hole in stars(rng, 30, hole=0.4)]
        # A second part, well away from the first one.
        parts = [
            shapely.MultiPolygon([row, shapely.transform(row, lambda xy: xy + np.array([0, 200]))]) for row in rows[::2]
        ]
        return Polygons.from_shapely(np.array(rows[1::2] + parts, dtype=object))

    check(regions(), regions())
