"""Where outlines go wrong, and what is made of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import lesiongeo
from garbage import batch, garbage
from lesiongeo import Polygons
from lesiongeo.testing import make_outlines
from oracles import exact_areas

Array = npt.NDArray[np.float64]


def ring(*points: tuple[float, float]) -> Array:
    return np.array(points, dtype=float).reshape(-1, 2)


def box(x0: float, y0: float, x1: float, y1: float) -> Array:
    return ring((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def hole(x0: float, y0: float, x1: float, y1: float) -> Array:
    return box(x0, y0, x1, y1)[::-1]


BIG = box(0, 0, 9, 9)
#: name: rings, ring, other ring, place (None: anywhere inside the box given), reason without numbers.
CASES: dict[str, tuple[list[Array], int, int | None, tuple[float, ...], str]] = {
    "bow tie": ([ring((0, 0), (2, 2), (2, 0), (0, 2))], 0, None, (1, 1), "ring 0 crosses itself"),
    "loop at a corner": (
        [ring((0, 0), (10, 0), (10, 11), (11, 10), (0, 10))],
        0,
        None,
        (10, 10),
        "ring 0 crosses itself",
    ),
    "two parts": ([BIG, box(20, 0, 24, 4), box(22, -1, 23, 9)], 1, 2, (), "rings 1 and 2 cross"),
    "hole reaching out": ([BIG, hole(8, 4, 11, 5)], 0, 1, (), "rings 0 and 1 cross"),
    "crossing at a vertex": (
        [ring((0, 0), (1, 1), (2, 2), (2, 0), (1, 1), (0, 2))],
        0,
        None,
        (1, 1),
        "ring 0 crosses itself",
    ),
    "vertex on an edge": ([ring((0, 0), (2, 2), (2, 0), (1, 1), (0, 2))], 0, None, (1, 1), "ring 0 crosses itself"),
    "drawn twice": ([np.concatenate([BIG, BIG])], 0, None, (0, 0, 9, 9), "covered more than once, by ring 0"),
    "same part twice": ([BIG, BIG], 0, 1, (0, 0, 9, 9), "covered more than once, by rings 0 and 1"),
    "part in a part": ([BIG, box(1, 1, 2, 2)], 0, 1, (1, 1, 2, 2), "covered more than once, by rings 0 and 1"),
    "hole outside": ([BIG, hole(20, 1, 22, 3)], 1, None, (20, 1, 22, 3), "hole lies outside its outline, ring 1"),
    "hole without outline": ([hole(0, 0, 2, 2)], 0, None, (0, 0, 2, 2), "hole lies outside its outline, ring 0"),
    "hole in a hole": (
        [BIG, hole(1, 1, 8, 8), hole(3, 3, 5, 5)],
        1,
        2,
        (3, 3, 5, 5),
        "cut out more than once, by rings 1 and 2",
    ),
    # Lobes on both sides of a stretch drawn twice: no two edges cross in a point, but one lobe is wound backwards.
    "crossing along an edge": (
        [ring((0, 0), (1, 0), (1, 1), (2, 2), (2, 0), (1, 0), (1, 1), (0, 2))],
        0,
        None,
        (),
        "ring 0 runs backwards around the place",
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("exponent", [0, -300, 300])
def test_what_and_where(name: str, exponent: int) -> None:
    rings, which, other, place, words = CASES[name]
    scale = 2.0**exponent
    table = lesiongeo.validity_reason(batch([[r * scale for r in rings]])).to_pylist()[0]
    assert (table["valid"], table["problem"]) == (False, "self_overlap")
    assert (table["ring"], table["other_ring"]) == (which, other)
    x, y = table["x_px"] / scale, table["y_px"] / scale
    if len(place) == 2:
        assert (x, y) == place
    elif place:
        assert place[0] <= x <= place[2] and place[1] <= y <= place[3]
    at = f"({table['x_px']!r}, {table['y_px']!r})".replace(".0,", ",").replace(".0)", ")")
    first, _, rest = words.partition(",")
    assert table["reason"] == f"{first} at {at}" + ("," + rest if rest else "")
    before = abs(sum(float(exact_areas([r], []).a) * (1 if _positive(r) else -1) for r in rings))
    if len(rings) > 1:
        assert table["area_before_px2"] == before * scale**2
    assert table["area_after_px2"] == float(exact_areas(rings, [], roles="oriented").a) * scale**2


def _positive(points: Array) -> bool:
    x, y = points.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) > 0


def test_what_is_not_wrong_or_empty() -> None:
    table = lesiongeo.validity_reason([BIG, [], [(0, 0), (1, 1)], [(0, 0), (1, 1), (3, 3)]])
    assert table["valid"].to_pylist() == [True, False, False, False]
    assert table["reason"].to_pylist() == [None, "no points", "fewer than 3 distinct points", "encloses no area"]
    for name in ("ring", "other_ring", "x_px", "y_px"):
        assert table[name].null_count == 4
    assert table["area_before_px2"].to_pylist() == table["area_after_px2"].to_pylist() == [81.0, 0.0, 0.0, 0.0]
    assert lesiongeo.validity_reason([]).num_rows == 0
    assert [str(kind) for kind in table.schema.types] == (
        ["bool", "string", "int64", "int64", *["double"] * 4, "string"]
    )


def test_the_largest_defect_is_told() -> None:
    """A crossing a millionth of a pixel wide comes first along the ring; the one to look at is the other."""
    outline = ring((0, 0), (5, 0), (5 - 1e-6, -1e-6), (5 - 1e-6, 1e-6), (10, 0), (10, 11), (11, 10), (0, 10))
    table = lesiongeo.validity_reason([outline]).to_pylist()[0]
    assert (table["x_px"], table["y_px"]) == (10.0, 10.0)


def test_crossings_of_generated_outlines() -> None:
    """One crossing each: it is that point of two edges, to rounding."""
    drawn = Polygons.from_ragged(*make_outlines(500, vertices=40, kind="invalid", seed=2)[0])
    table = lesiongeo.validity_reason(drawn)
    assert table["ring"].to_pylist() == [0] * 500
    assert set(table["reason"].to_pandas().str.split(" at").str[0]) == {"ring 0 crosses itself"}
    for rings, x, y in zip(drawn.to_rings(), table["x_px"].to_pylist(), table["y_px"].to_pylist(), strict=True):
        a, b = rings[0], np.roll(rings[0], -1, axis=0)
        along, to = b - a, (x, y) - a
        share = (to * along).sum(1) / (along**2).sum(1)
        off = np.abs(along[:, 0] * to[:, 1] - along[:, 1] * to[:, 0]) / np.hypot(*along.T)
        assert ((off < 3e-13) & (share > 0) & (share < 1)).sum() == 2
    assert (table["area_after_px2"].to_numpy() > table["area_before_px2"].to_numpy()).all()


def test_one_crossing_among_many_vertices_is_found() -> None:
    t = 2 * np.pi * np.arange(20_000) / 20_000
    outline = np.column_stack([500 + 300 * np.cos(t), 500 + 300 * np.sin(t)])
    outline[[5000, 5003]] = outline[[5003, 5000]]
    table = lesiongeo.validity_reason([outline]).to_pylist()[0]
    assert table["reason"].startswith("ring 0 crosses itself")
    assert np.hypot(table["x_px"] - outline[5001][0], table["y_px"] - outline[5001][1]) < 0.3


def test_threads_change_no_bit() -> None:
    drawn = garbage(5000, 3)
    tables = [lesiongeo.validity_reason(drawn[:], threads=threads) for threads in (1, 2, 4)]
    made = [lesiongeo.make_valid(drawn[:], threads=threads) for threads in (1, 2, 4)]
    assert all(table.equals(tables[0]) for table in tables)
    assert all(other == made[0] for other in made)


def test_valid_and_degenerate_rows_stay_as_they_are() -> None:
    rows: list[Any] = [BIG, [], [(0, 0), (1, 1)], [(0, 0), (1, 1), (3, 3)], [BIG, hole(1, 1, 2, 2)]]
    drawn = Polygons.from_rings(rows)
    assert lesiongeo.make_valid(drawn) == drawn
    mixed = Polygons.from_rings([*rows, [(0, 0), (2, 2), (2, 0), (0, 2)]])
    assert lesiongeo.make_valid(mixed)[: len(rows)] == drawn


def test_an_island_in_a_hole_survives_a_crossing_elsewhere() -> None:
    loop = ring((0, 0), (9, 0), (9, 10), (10, 9), (0, 9))
    region = batch([[loop, hole(1, 1, 8, 8), box(3, 3, 5, 5)]])
    exact = float(exact_areas([loop, hole(1, 1, 8, 8), box(3, 3, 5, 5)], [], roles="oriented").a)
    assert lesiongeo.area(lesiongeo.make_valid(region)).tolist() == [exact] == [81.5 - 49 + 4]


@pytest.mark.parametrize(
    ("rows", "seed"), [(20_000, 5), pytest.param(1_000_000, 6, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
)
def test_garbage_becomes_valid(rows: int, seed: int) -> None:
    for start in range(0, rows, 20_000):
        drawn = garbage(min(20_000, rows - start), seed * 1000 + start)
        made = lesiongeo.make_valid(drawn)
        assert "self_overlap" not in made.problem
        wrong = np.array(drawn.problem) == "self_overlap"
        kept = drawn.take(~wrong)
        assert made.take(~wrong) == kept
        table = lesiongeo.validity_reason(drawn)
        assert np.array_equal(table["reason"].is_valid().to_numpy(), ~drawn.is_valid)
        assert np.array_equal(table["ring"].is_valid().to_numpy(), wrong)
        assert np.array_equal(table["x_px"].is_valid().to_numpy(), wrong)
        assert np.array_equal(table["area_after_px2"].to_numpy(), lesiongeo.area(made))
