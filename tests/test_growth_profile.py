"""In which directions lesions grew: circles and ellipses by their closed forms, and the radii kernel by brute force."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import lesiongeo as lg
from lesiongeo import _core
from lesiongeo.agreement.counted import Counted
from lesiongeo.tracks.growth.growth_profile import ANGLES, GrowthProfiles, growth_profiles
from lesiongeo.tracks.observations import Observations, observe
from test_agreement_rules import annotation, polygon, task
from test_observations import Pages

Floats = NDArray[np.float64]

ANGLE = np.arange(ANGLES) * math.tau / ANGLES
#: A polygon of so many corners is within 2e-6 of its radius of the curve.
CORNERS = 1600


def ellipse(
    centre: tuple[float, float], x: float, y: float, *, turn: float = 0.0, scale: tuple[float, float] = (1.0, 1.0)
) -> Floats:
    """Corners of an ellipse in millimetres, turned clockwise on the screen; in pixels of `scale` millimetres."""
    angle = np.linspace(0.0, math.tau, CORNERS, endpoint=False)
    u, v = x * np.cos(angle), y * np.sin(angle)
    turned = np.stack([u * math.cos(turn) - v * math.sin(turn), u * math.sin(turn) + v * math.cos(turn)], axis=1)
    return turned / scale + centre


def reach(x: float, y: float, angle: Floats) -> Floats:
    """How far an ellipse reaches from its centre."""
    return x * y / np.hypot(y * np.cos(angle), x * np.sin(angle))


def visits(*pages: Sequence[Floats], spacing: Any = np.nan) -> Observations:
    """One lesion on each page, drawn by people 1, 2, ..."""
    people = max(map(len, pages))
    size = (1000, 1000)
    results: list[list[Any]] = [[] for _ in range(people)]
    for page, outlines in enumerate(pages):
        for who, outline in enumerate(outlines):
            points = [(x / 10, y / 10) for x, y in outline.tolist()]
            results[who].append(polygon(f"r{page}-{who}", points, page=page, size=size))
    made = task([annotation(who + 1, who + 1, result) for who, result in enumerate(results)], images=len(pages))
    export = lg.read_label_studio(json.dumps([made]).encode())
    known = Pages(np.full((len(pages), 2), spacing), np.zeros(len(export.regions), dtype=bool))
    return observe(export, Counted(export), visits=known)


def compared(seen: Observations, *, mm: bool = False, significant: bool = True, **more: Any) -> GrowthProfiles:
    """Each observation with the one before it."""
    count = len(seen)
    options = {"in_mm": np.full(count, mm), "significant": np.full(count, significant)}
    return growth_profiles(seen, np.arange(count), np.arange(count) - 1, **options, **more)


def test_circle_to_ellipse() -> None:
    found = compared(visits([ellipse((300, 300), 80, 80)], [ellipse((420, 350), 120, 90)]))
    growth = reach(120, 90, ANGLE) - 80
    assert found.profile[1] == pytest.approx(growth, abs=1e-3)
    assert found.profile[1, [0, 9]] == pytest.approx([40, 10], abs=1e-3)
    assert found.asymmetry[1] == pytest.approx(growth.std() / growth.mean(), rel=1e-5)
    assert found.reasons().to_pylist() == ["not_compared", None]
    assert found.alignments().to_pylist() == [None, "centroid"]
    assert found.lists().to_pylist()[0] is None and len(found.lists().to_pylist()[1]) == ANGLES


def test_growth_by_the_same_width_everywhere_is_symmetric() -> None:
    found = compared(visits([ellipse((300, 300), 80, 80)], [ellipse((500, 300), 95, 95)]))
    assert found.profile[1] == pytest.approx(15, abs=1e-3) and found.asymmetry[1] < 1e-4


def test_growth_to_one_side() -> None:
    """A square that is prolonged to the right by a: its centroid moves by a / 2, so both ends reach farther by that."""
    square = np.array([[200.0, 200.0], [400.0, 200.0], [400.0, 400.0], [200.0, 400.0]])
    found = compared(visits([square], [square + np.array([[0, 0], [100, 0], [100, 0], [0, 0]])]))
    assert found.profile[1, [0, 9, 18, 27]] == pytest.approx([50, 0, 50, 0], abs=1e-4)
    assert found.asymmetry[1] > 1


def test_shrinkage_is_negative() -> None:
    found = compared(visits([ellipse((300, 300), 120, 90)], [ellipse((300, 300), 80, 80)]))
    growth = 80 - reach(120, 90, ANGLE)
    assert found.profile[1] == pytest.approx(growth, abs=1e-3)
    assert found.asymmetry[1] == pytest.approx(growth.std() / -growth.mean(), rel=1e-5)


@pytest.mark.parametrize("turn", [0.3, -1.1, math.pi / 2])
def test_a_turned_page_is_turned_back(turn: float) -> None:
    pages = [ellipse((300, 300), 100, 80)], [ellipse((500, 400), 150, 90, turn=turn)]
    growth = reach(150, 90, ANGLE) - reach(100, 80, ANGLE)
    found = compared(visits(*pages), rotation_rad=np.array([np.nan, -turn]))
    assert found.profile[1] == pytest.approx(growth, abs=1e-3)
    assert found.asymmetry[1] == pytest.approx(growth.std() / growth.mean(), rel=1e-4)
    assert found.alignments().to_pylist() == [None, "lesions"]
    # As the pages are, the same growth seems to point elsewhere.
    plain = compared(visits(*pages), rotation_rad=np.full(2, np.nan))
    assert plain.profile[1] == pytest.approx(reach(150, 90, ANGLE - turn) - reach(100, 80, ANGLE), abs=1e-3)
    assert plain.alignments().to_pylist() == [None, "centroid"]


def test_pixels_that_are_not_square() -> None:
    """Circles in millimetres are ellipses in pixels; turned in millimetres, too."""
    spacing = [[0.5, 0.2], [0.2, 0.4]]
    pages = [
        [ellipse((300, 300), 30, 30, scale=(0.5, 0.2))],
        [ellipse((400, 500), 60, 40, turn=0.7, scale=(0.2, 0.4))],
    ]
    found = compared(visits(*pages, spacing=spacing), mm=True, rotation_rad=np.array([np.nan, -0.7]))
    assert found.profile[1] == pytest.approx(reach(60, 40, ANGLE) - 30, abs=1e-3)
    in_px = compared(visits(*pages, spacing=spacing))
    assert in_px.profile[1, [0, 9]] != pytest.approx(found.profile[1, [0, 9]], rel=0.1)


def test_mean_over_annotators() -> None:
    """Each from the centroid of their own outline: where they put it does not matter."""
    pages = (
        [ellipse((300, 300), 100, 80), ellipse((310, 295), 90, 90)],
        [ellipse((500, 500), 120, 80), ellipse((480, 500), 100, 110)],
    )
    growth = (reach(120, 80, ANGLE) + reach(100, 110, ANGLE) - reach(100, 80, ANGLE) - 90) / 2
    found = compared(visits(*pages))
    assert found.profile[1] == pytest.approx(growth, abs=1e-3)


def test_where_there_is_none() -> None:
    crescent = np.array([[0, 0], [400, 0], [400, 400], [0, 400], [0, 380], [380, 380], [380, 20], [0, 20]], dtype=float)
    line = np.array([[100.0, 100.0], [200.0, 200.0]])
    circle = ellipse((300, 300), 100, 100)
    seen = visits([circle], [crescent], [line], [circle], [circle])
    found = compared(seen)
    # The centroid of the bracket is inside of it, where the ray to the left meets nothing.
    assert found.reasons().to_pylist() == [
        "not_compared",
        "centroid_outside",
        "not_measured",
        "not_measured",
        "no_mean_growth",
    ]
    assert np.isnan(found.asymmetry).all() and np.isnan(found.profile[[0, 2, 3]]).all()
    row = found.lists().to_pylist()[1]
    assert row[18] is None and row[0] == pytest.approx(400 - (seen.centroid_px[1, 0] + 100), abs=1e-3)
    assert found.alignment.tolist() == [-1, 0, -1, -1, 0]
    noise = compared(visits([circle], [ellipse((300, 300), 101, 100)]), significant=False)
    assert noise.reasons().to_pylist()[1] == "not_significant"
    assert np.isnan(noise.asymmetry[1]) and np.isfinite(noise.profile[1]).all()


def test_millimetres_that_are_not_known() -> None:
    circle = ellipse((300, 300), 100, 100)
    with pytest.raises(ValueError, match="row 1 is to be compared in millimetres, but the spacing"):
        compared(visits([circle], [circle], spacing=[[0.1, 0.1], [np.nan, np.nan]]), mm=True)


def test_rows_in_any_order_and_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many visits, compared in a shuffled order and a few at a time, give the same numbers as pair by pair."""
    rng = np.random.default_rng(3)
    pages = [[ellipse((400, 400), *rng.uniform(50, 150, 2), turn=rng.uniform(0, 3))] for _ in range(12)]
    seen = visits(*pages, spacing=[0.1, 0.15])
    now, before = rng.integers(12, size=40), rng.integers(-1, 12, size=40)
    mm, turn = rng.random(40) < 0.5, np.where(rng.random(40) < 0.5, rng.uniform(-1, 1, 40), np.nan)
    yes = np.ones(40, dtype=bool)
    whole = growth_profiles(seen, now, before, in_mm=mm, significant=yes, rotation_rad=turn)
    # `lesiongeo.tracks` is the function; its package is among the modules all the same.
    monkeypatch.setattr(sys.modules["lesiongeo.tracks.growth.growth_profile"], "ROWS_AT_ONCE", 7)
    parts = growth_profiles(seen, now, before, in_mm=mm, significant=yes, rotation_rad=turn, threads=1)
    for row in range(40):
        one = slice(row, row + 1)
        alone = growth_profiles(
            seen, now[one], before[one], in_mm=mm[one], significant=yes[one], rotation_rad=turn[one]
        )
        for found in (whole, parts):
            assert found.profile[row].tobytes() == alone.profile[0].tobytes()
            assert (found.reason[row], found.alignment[row]) == (alone.reason[0], alone.alignment[0])
            assert np.array_equal(found.asymmetry[row], alone.asymmetry[0], equal_nan=True)


def slow_radius(ring: Floats, origin: Floats, direction: Floats) -> float:
    """The farthest crossing of a ray with the edges, by solving two equations per edge."""
    best = math.nan
    for a, b in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        matrix = np.stack([direction, a - b], axis=1)
        if abs(np.linalg.det(matrix)) < 1e-12:
            continue
        along, share = np.linalg.solve(matrix, a - origin)
        if 0 <= share <= 1 and along >= 0:
            best = along if math.isnan(best) else max(best, along)
    return best


def test_radii_by_brute_force() -> None:
    rng = np.random.default_rng(11)
    rings = []
    for _ in range(30):
        angle = np.sort(rng.uniform(0, math.tau, rng.integers(4, 25)))
        size = rng.uniform(5, 40, len(angle))
        rings.append(np.stack([size * np.cos(angle), size * np.sin(angle)], axis=1) + rng.uniform(-100, 100, 2))
    shapes = lg.Polygons.from_rings(rings)
    order = rng.integers(30, size=60)
    starts = np.array([0, 1, 1, 4, 20, 21, 60])
    origins = np.stack([rings[row].mean(axis=0) for row in order]) + rng.uniform(-20, 20, (60, 2))
    turns, scales = rng.uniform(-4, 4, 6), rng.uniform(0.1, 3, (6, 2))
    turns[0], scales[0] = 0.0, 1.0
    interior = shapes._interior(None)
    found = _core.mean_radii(interior, order, starts, origins, turns, scales, n_angles=10)
    assert found.shape == (6, 10) and np.isnan(found[1]).all()
    met = 0
    for group in range(6):
        c, s = math.cos(turns[group]), math.sin(turns[group])
        turned = np.array([[c, -s], [s, c]])
        for at in range(10):
            way = np.array([math.cos(math.tau * at / 10), math.sin(math.tau * at / 10)])
            own = [
                slow_radius((rings[order[k]] * scales[group]) @ turned.T, turned @ (origins[k] * scales[group]), way)
                for k in range(starts[group], starts[group + 1])
            ]
            expected = np.mean(own) if own else math.nan
            met += not math.isnan(expected)
            assert np.allclose(found[group, at], expected, rtol=1e-9, equal_nan=True), (group, at)
    assert 5 < met < 50


def test_the_kernels_name_what_does_not_fit() -> None:
    interior = lg.Polygons.from_rings([[[0, 0], [4, 0], [4, 4], [0, 4]]])._interior(None)
    one, starts = np.zeros(1, dtype=np.int64), np.array([0, 1])
    good: dict[str, Any] = {"order": one, "starts": starts, "origins": np.full((1, 2), 2.0)}
    good |= {"rotations": np.zeros(1), "scales": np.ones((1, 2)), "n_angles": 4}
    assert _core.mean_radii(interior, **good).tolist() == [[2.0, 2.0, 2.0, 2.0]]
    wrong = {
        "order": (one + 1, "order"),
        "starts": (np.array([0, 2]), "starts"),
        "origins": (np.zeros((2, 2)), "origins"),
        "rotations": (np.zeros(2), "rotations"),
        "scales": (np.ones((3, 2)), "scales"),
        "n_angles": (0, "n_angles"),
    }
    for name, (value, text) in wrong.items():
        with pytest.raises((ValueError, IndexError), match=text):
            _core.mean_radii(interior, **(good | {name: value}))
    assert np.isnan(_core.mean_radii(interior, **(good | {"origins": np.full((1, 2), np.nan)}))).all()


def test_diameters_are_those_of_the_shape_measures() -> None:
    rng = np.random.default_rng(2)
    rings = [rng.uniform(0, 100, (k % 9, 2)).tolist() for k in range(200)]
    interior = lg.Polygons.from_rings(rings)._interior(None)
    found, whole = _core.feret(interior), _core.shape(interior, (1.0, 1.0))
    assert [one.tobytes() for one in found] == [one.tobytes() for one in whole[:2]]
    # Of what was drawn, by all pairs of corners, where the outline is its own interior.
    plain = lg.Polygons.from_rings(rings)
    for row in np.flatnonzero(plain.is_valid).tolist():
        points = np.array(rings[row])
        apart = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
        assert found[0][row] == pytest.approx(apart.max(), rel=1e-14)


@pytest.mark.parametrize("turn", [0.25, -0.2])
def test_the_table_of_tracks_turns_pages_back(turn: float) -> None:
    """Five ellipses that point along +x, and grow only so; the camera of the second visit is turned and shifted."""
    places = [(200, 200), (700, 250), (300, 700), (800, 750), (500, 450)]
    c, s = math.cos(turn), math.sin(turn)
    result = []
    for page, long in enumerate((40, 60)):
        for number, (x, y) in enumerate(places):
            if page == 1:
                x, y = 480 + c * (x - 500) - s * (y - 500), 530 + s * (x - 500) + c * (y - 500)
            outline = ellipse((x, y), long, 30, turn=turn * page)
            region = f"r{page}-{number}"
            points = [(px / 10, py / 10) for px, py in outline.tolist()]
            drawn = polygon(region, points, page=page, size=(1000, 1000))
            value = {key: drawn["value"][key] for key in ("points", "closed")} | {"number": number + 1}
            result += [drawn, {**drawn, "from_name": "track_id", "type": "number", "value": value}]
    made = task([annotation(1, 1, result)], images=2)
    export = lg.read_label_studio(json.dumps([made]).encode())
    found = lg.tracks(export, spacing_mm=0.1, noise=10.0).table
    assert found["alignment"].to_pylist() == [None, "lesions"] * 5
    growth = (reach(60, 30, ANGLE) - reach(40, 30, ANGLE)) / 10
    for row in range(1, 10, 2):
        assert np.array(found["growth_profile"][row].as_py()) == pytest.approx(
            growth, abs=0.01
        )  # the turn is an estimate
        assert found["growth_asymmetry"][row].as_py() == pytest.approx(growth.std() / growth.mean(), rel=0.02)
        assert found["pct_area"][row].as_py() == pytest.approx(50.0, abs=1e-6)


def test_two_lesions_do_not_say_how_the_camera_turned() -> None:
    result = []
    for page in (0, 1):
        for number, x in enumerate((300 + 20 * page, 700 + 20 * page), 1):
            points = [(px / 10, py / 10) for px, py in ellipse((x, 400), 60, 40).tolist()]
            drawn = polygon(f"r{page}-{number}", points, page=page, size=(1000, 1000))
            value = {key: drawn["value"][key] for key in ("points", "closed")} | {"number": number}
            result += [drawn, {**drawn, "from_name": "track_id", "type": "number", "value": value}]
    export = lg.read_label_studio(json.dumps([task([annotation(1, 1, result)], images=2)]).encode())
    found = lg.tracks(export, spacing_mm=0.1, noise=10.0).table
    assert found["shift_mm"].to_pylist() == [None, pytest.approx(0.0, abs=1e-9)] * 2
    assert found["alignment"].to_pylist() == [None, "centroid"] * 2
