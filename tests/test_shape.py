"""Shape measures: closed forms, and each definition again by slow and independent means."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import shapely
import shapely.affinity

import lesiongeo
from lesiongeo import Polygons
from lesiongeo.testing import make_outlines

Array = npt.NDArray[np.float64]
LENGTHS = "feret_max_px feret_min_px perpendicular_px equivalent_diameter_px".split()
RATIOS = "circularity solidity elongation asymmetry_1 asymmetry_2".split()


def shapes(regions: Any, **options: Any) -> dict[str, Array]:
    table = lesiongeo.shape_measures(regions, **options)
    return {name: table[name].to_numpy() for name in table.column_names}


def regular(n: int, radius: float, turn: float = 0.0) -> Array:
    angle = turn + 2 * np.pi * np.arange(n) / n
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


def outlines(n: int, seed: int, vertices: int) -> Polygons:
    return Polygons.from_ragged(*make_outlines(n, vertices=vertices, seed=seed)[0])


def lesions(n: int, seed: int = 5, vertices: int = 40) -> list[Array]:
    return [rings[0] for rings in outlines(n, seed, vertices).to_rings()]


def wild() -> list[list[Array]]:
    """Outlines with bays, holes and several parts, all valid."""
    rng = np.random.default_rng(3)
    found: list[list[Array]] = [[ring] for ring in lesions(60)]
    for _ in range(60):
        # A star with long and short rays, and a hole in its middle.
        n = int(rng.integers(5, 40))
        angle = 2 * np.pi * (np.arange(n) + rng.uniform(-0.3, 0.3, n)) / n
        radius = rng.uniform(3, 30, n)
        star = np.column_stack([radius * np.cos(angle), 0.6 * radius * np.sin(angle)]) + rng.uniform(-50, 900, 2)
        found.append([star, star.mean(axis=0) + regular(7, 0.2)])
    return found


def polygon(rings: list[Array]) -> shapely.Polygon:
    return shapely.Polygon(rings[0], rings[1:])


def rays(n: int) -> list[list[Array]]:
    """Return the outlines that are valid in shapely's eyes too."""
    return [rings for rings in wild() if polygon(rings).is_valid][:n]


def longest_chord(shape: shapely.Polygon, direction: Array) -> float:
    """Longest piece of any line at right angles to ``direction``, just left and right of each vertex."""
    turned = shapely.affinity.rotate(shape, -math.degrees(math.atan2(direction[1], direction[0])), origin=(0, 0))
    x0, y0, x1, y1 = turned.bounds
    vertices = np.unique(shapely.get_coordinates(turned)[:, 0])
    step = 1e-9 * (x1 - x0)
    best = 0.0
    for x in np.concatenate([vertices - step, vertices + step]):
        cut = turned.intersection(shapely.LineString([(x, y0 - 1), (x, y1 + 1)]))
        best = max([best, *(part.length for part in getattr(cut, "geoms", [cut]))])
    return best


def second_moments(rings: list[Array]) -> npt.NDArray[np.float64]:
    """Return the covariance matrix of the interior, from triangles between an origin and each edge."""
    area, first, second = 0.0, np.zeros(2), np.zeros((2, 2))
    origin = rings[0].mean(axis=0)
    for ring in rings:
        for a, b in zip(ring - origin, np.roll(ring, -1, axis=0) - origin, strict=True):
            triangle = 0.5 * (a[0] * b[1] - a[1] * b[0])
            total = a + b
            area += triangle
            first += triangle * total / 3
            second += triangle / 12 * (np.outer(a, a) + np.outer(b, b) + np.outer(total, total))
    mean = first / area
    return np.asarray(second / area - np.outer(mean, mean))


def test_by_definition() -> None:
    cases = rays(100)
    assert len(cases) > 80
    found = shapes(cases)
    for row, rings in enumerate(cases):
        shape = polygon(rings)
        oriented = [np.asarray(ring.coords)[:-1] for ring in [shapely.geometry.polygon.orient(shape).exterior]]
        oriented += [np.asarray(ring.coords)[:-1] for ring in shapely.geometry.polygon.orient(shape).interiors]
        hull = np.asarray(shape.convex_hull.exterior.coords)[:-1]
        away = np.linalg.norm(hull[:, None] - hull[None], axis=2)
        at, to = np.unravel_index(away.argmax(), away.shape)
        edges = np.roll(hull, -1, axis=0) - hull
        normals = np.column_stack([-edges[:, 1], edges[:, 0]]) / np.linalg.norm(edges, axis=1)[:, None]
        widths = np.ptp(hull @ normals.T, axis=0)
        spread, axes = np.linalg.eigh(second_moments(oriented))
        mean = shape.centroid
        mirrored = []
        for axis in (axes[:, 1], axes[:, 0]):
            image = np.eye(2) - 2 * np.outer([-axis[1], axis[0]], [-axis[1], axis[0]])
            shift = np.array([mean.x, mean.y]) - image @ [mean.x, mean.y]
            mirrored.append(shapely.affinity.affine_transform(shape, [*image.ravel(), *shift]))
        outline = shapely.Polygon(rings[0])
        expected = {
            "feret_max_px": away.max(),
            "feret_min_px": widths.min(),
            "perpendicular_px": longest_chord(shape, hull[to] - hull[at]),
            "equivalent_diameter_px": 2 * math.sqrt(shape.area / math.pi),
            "circularity": 4 * math.pi * outline.area / outline.length**2,
            "solidity": shape.area / shape.convex_hull.area,
            "elongation": math.sqrt(spread[0] / spread[1]),
            "asymmetry_1": shape.symmetric_difference(mirrored[0]).area / shape.area,
            "asymmetry_2": shape.symmetric_difference(mirrored[1]).area / shape.area,
        }
        for name, value in expected.items():
            # The chord is looked for a billionth beside each vertex.
            close = 1e-6 if name == "perpendicular_px" else 1e-9
            assert found[name][row] == pytest.approx(value, rel=close, abs=close), (row, name)


def test_circle_and_ellipse() -> None:
    """4,096 corners of a circle of radius 10, and of an ellipse with half axes 30 and 10, turned by 30 degrees."""
    circle = regular(4096, 10.0)
    turn = np.array([[math.cos(0.5), math.sin(0.5)], [-math.sin(0.5), math.cos(0.5)]])
    found = shapes([circle, (circle * [3, 1]) @ turn])
    close = 1e-5
    assert found["feret_max_px"] == pytest.approx([20, 60], rel=close)
    assert found["feret_min_px"] == pytest.approx([20, 20], rel=close)
    assert found["perpendicular_px"] == pytest.approx([20, 20], rel=close)
    assert found["equivalent_diameter_px"] == pytest.approx([20, 2 * math.sqrt(300)], rel=close)
    assert found["solidity"] == pytest.approx([1, 1])
    assert found["elongation"] == pytest.approx([1, 1 / 3], rel=close)
    assert found["circularity"][0] == pytest.approx(1, rel=close)
    # Circumference of the ellipse from its elliptic integral: 133.6489 for half axes 30 and 10.
    assert found["circularity"][1] == pytest.approx(4 * math.pi * 300 * math.pi / 133.64893**2, rel=1e-5)
    assert found["asymmetry_1"] == pytest.approx([0, 0], abs=1e-5)
    assert found["asymmetry_2"] == pytest.approx([0, 0], abs=1e-5)


def test_comma_is_asymmetric() -> None:
    """An L of three unit squares: mirrored about its diagonal it is itself, about the other axis it is not."""
    ell = [[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]]
    (first,), (second,) = (shapes([ell])[name] for name in ("asymmetry_1", "asymmetry_2"))
    assert min(first, second) == pytest.approx(0, abs=1e-12)
    # About the line at right angles to the diagonal through the centroid (5/6, 5/6): x, y -> 5/3 - y, 5/3 - x.
    shape = shapely.Polygon(ell)
    image = shapely.Polygon([(5 / 3 - y, 5 / 3 - x) for x, y in ell])
    assert max(first, second) == pytest.approx(shape.symmetric_difference(image).area / 3, rel=1e-12)


def test_millimetres_are_measured_after_scaling() -> None:
    """Pixels of 0.5 x 0.25 mm: the same as an outline that was drawn in millimetres."""
    drawings = [rings[0] for rings in rays(50)]
    table = shapes(drawings, spacing_mm=(0.5, 0.25))
    drawn = shapes([ring * [0.5, 0.25] for ring in drawings])
    pixels = shapes(drawings)
    for name in LENGTHS:
        assert table[name.replace("_px", "_mm")] == pytest.approx(drawn[name], rel=1e-12)
        assert np.array_equal(table[name], pixels[name])
    for name in RATIOS:
        assert table[name] == pytest.approx(drawn[name], rel=1e-9, abs=1e-9)
    assert not np.allclose(table["elongation"], pixels["elongation"])
    same = shapes(drawings, spacing_mm=0.25)
    for name in LENGTHS:
        assert np.array_equal(same[name.replace("_px", "_mm")], 0.25 * pixels[name])
    for name in RATIOS:
        assert np.array_equal(same[name], pixels[name])


@pytest.mark.parametrize(
    ("change", "close"),
    [
        (lambda ring: ring * 2.0**-7, 0.0),
        (lambda ring: ring[::-1], 1e-12),
        (lambda ring: np.roll(ring, 11, axis=0), 1e-12),
        (lambda ring: np.repeat(ring, 2, axis=0), 1e-12),
        (lambda ring: ring @ np.array([[0.6, 0.8], [-0.8, 0.6]]), 1e-9),
        (lambda ring: ring + np.array([1e6, -1e6]), 1e-6),
        (lambda ring: ring * [-1, 1], 1e-9),
    ],
    ids=["scaled", "backwards", "other start", "doubled vertices", "turned", "moved far", "mirrored"],
)
def test_what_changes_nothing(change: Callable[[Array], Array], close: float) -> None:
    rings = lesions(300, vertices=30)
    before, after = shapes(rings), shapes([change(ring) for ring in rings])
    for name in [*LENGTHS, *RATIOS]:
        factor = 2.0**-7 if name in LENGTHS and close == 0.0 else 1.0
        assert after[name] == pytest.approx(factor * before[name], rel=close, abs=close), name


def test_bounds_between_the_measures() -> None:
    found = shapes(lesions(2000, seed=8, vertices=25))
    assert (found["feret_max_px"] >= found["feret_min_px"]).all()
    assert (found["perpendicular_px"] <= found["feret_max_px"]).all()
    assert (found["equivalent_diameter_px"] <= found["feret_max_px"]).all()
    for name in RATIOS[:3]:
        assert ((found[name] > 0) & (found[name] <= 1)).all(), name
    for name in RATIOS[3:]:
        assert ((found[name] >= 0) & (found[name] <= 2)).all(), name


def test_without_area_without_points() -> None:
    table = lesiongeo.shape_measures([[[0, 0], [3, 4]], [[7, 7]], [], [[0, 0], [1, 1], [2, 2]]])
    assert table["feret_max_px"].to_pylist() == [5.0, 0.0, None, math.sqrt(8)]
    assert table["perpendicular_px"].to_pylist() == [0.0, 0.0, None, 0.0]
    assert table["equivalent_diameter_px"].to_pylist() == [0.0, 0.0, None, 0.0]
    for name in RATIOS:
        assert table[name].to_pylist() == [None] * 4, name


def test_a_bow_tie_means_its_two_lobes() -> None:
    """Right-angled lobes of 2 square units in all; its hull is the square of 4."""
    found = shapes([[[0, 0], [2, 2], [2, 0], [0, 2]]])
    assert found["solidity"][0] == pytest.approx(0.5)
    assert found["equivalent_diameter_px"][0] == pytest.approx(2 * math.sqrt(2 / math.pi))


def test_a_million_times_thinner_than_long() -> None:
    """A needle of 1e6 x 1: the moments differ by 1e12 and keep their digits."""
    found = shapes([[[0, 0], [1e6, 0], [1e6, 1], [0, 1]]])
    assert found["elongation"][0] == pytest.approx(1e-6, rel=1e-6)
    assert found["feret_min_px"][0] == pytest.approx(1.0)


def test_same_bits_for_any_number_of_threads() -> None:
    polygons = outlines(4000, 2, 30)
    one = lesiongeo.shape_measures(polygons, spacing_mm=(0.3, 0.7), threads=1)
    for threads in (2, 4):
        assert one.equals(lesiongeo.shape_measures(polygons, spacing_mm=(0.3, 0.7), threads=threads))


def test_wrong_spacing() -> None:
    for spacing in (0, -1.0, math.nan, (1, 2, 3), "0.1", (1.0, math.inf)):
        with pytest.raises(ValueError, match="spacing_mm"):
            lesiongeo.shape_measures(Polygons.from_rings([]), spacing_mm=spacing)
