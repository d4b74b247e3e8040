"""Outlines that people drew: areas against rational numbers, Hausdorff distances within certified bounds.

A sample in the normal run; all 1,707 pairs of LVIS and all 30,426 of LIDC in the slow one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

import lesiongeo
from lesiongeo import Polygons
from oracles import exact_areas, exact_misfit, hausdorff_bounds
from real_outlines import HERE, LIDC_PAIRS, LVIS_PAIRS, Pair, lidc_pairs, lvis_pairs, sample

pytestmark = pytest.mark.skipif(not HERE, reason="the shared data are not beside the repository")

SETS = {"lvis": lvis_pairs, "lidc": lidc_pairs}


class Errors(NamedTuple):
    """Largest errors: of IoU and Dice, of areas (over the larger), valid and invalid pairs apart; of distances."""

    ratio: float = 0.0
    area: float = 0.0
    ratio_invalid: float = 0.0
    area_invalid: float = 0.0
    distance: float = 0.0
    invalid: int = 0


def area_errors(pairs: list[Pair]) -> Errors:
    """Raise for the first pair that is wrong by more than 1e-12 (1e-9 where an outline crosses itself)."""
    p, q = (Polygons.from_rings([pair[side] for pair in pairs]) for side in (0, 1))
    got = {
        "area a": lesiongeo.area(p),
        "area b": lesiongeo.area(q),
        "intersection_area": lesiongeo.intersection_area(p, q),
        "iou": lesiongeo.iou(p, q),
        "dice": lesiongeo.dice(p, q),
    }
    worst = {True: [0.0, 0.0], False: [0.0, 0.0]}
    count = 0
    for k, (a, b) in enumerate(pairs):
        exact = exact_areas(a, b)
        if not (exact.a and exact.b):  # nothing drawn: a line
            assert np.isnan(got["iou"][k]) and got["intersection_area"][k] == 0
            continue
        valid = bool(exact_misfit(a) == 0 and exact_misfit(b) == 0)
        count += not valid
        larger = float(max(exact.a, exact.b))
        errors = {
            "area a": abs(got["area a"][k] - float(exact.a)) / larger,
            "area b": abs(got["area b"][k] - float(exact.b)) / larger,
            "intersection_area": abs(got["intersection_area"][k] - float(exact.inter)) / larger,
            "iou": abs(got["iou"][k] - exact.iou),
            "dice": abs(got["dice"][k] - exact.dice),
        }
        for name, error in errors.items():
            if not error <= (1e-12 if valid else 1e-9):
                raise AssertionError(f"pair {k}: {name} is {got[name][k]!r}, off by {error:.3g}\n{a}\n{b}")
            ratio = name in ("iou", "dice")
            worst[valid][not ratio] = max(worst[valid][not ratio], error)
    return Errors(*worst[True], *worst[False], invalid=count)


def distance_errors(pairs: list[Pair]) -> float:
    """Largest distance from the certified bounds, relative to the extent; raise above 1e-11. Valid outlines only."""
    p, q = (Polygons.from_rings([pair[side] for pair in pairs]) for side in (0, 1))
    got, back = lesiongeo.hausdorff(p, q), lesiongeo.hausdorff(q, p)
    assert got.tobytes() == back.tobytes()
    worst = 0.0
    for k in np.flatnonzero(p.is_valid & q.is_valid):
        a, b = pairs[k]
        low, high = hausdorff_bounds(a, b)
        extent = float(np.ptp(np.concatenate(a + b), axis=0).max())
        error = max(low - got[k], got[k] - high, 0.0) / extent
        assert high - low <= 1e-11 * extent
        if not error <= 1e-11:
            raise AssertionError(f"pair {k}: {got[k]!r} is not within [{low!r}, {high!r}]\n{a}\n{b}")
        worst = max(worst, error)
    return worst


@pytest.mark.parametrize("name", SETS)
def test_areas_of_a_sample(name: str) -> None:
    pairs = sample(SETS[name](), 100)
    assert len(pairs) == 100
    area_errors(pairs)


@pytest.mark.parametrize("name", SETS)
def test_distances_of_a_sample(name: str) -> None:
    distance_errors(sample(SETS[name](), 100))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", SETS)
def test_all_areas(name: str) -> None:
    pairs = SETS[name]()
    assert len(pairs) == {"lvis": LVIS_PAIRS, "lidc": LIDC_PAIRS}[name]
    print(f"\n{name}: {len(pairs)} pairs, {area_errors(pairs)}")


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", SETS)
def test_many_distances(name: str) -> None:
    pairs = sample(SETS[name](), 10_000, seed=1)
    print(f"\n{name}: {len(pairs)} pairs, worst {distance_errors(pairs):.3g} of the extent")


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("area", area_errors),
        ("intersection_area", area_errors),
        ("iou", area_errors),
        ("dice", area_errors),
        ("hausdorff", distance_errors),
    ],
)
def test_a_wrong_number_is_noticed(
    monkeypatch: pytest.MonkeyPatch, name: str, check: Callable[[list[Pair]], object]
) -> None:
    right = getattr(lesiongeo, name)

    def wrong(*args: object) -> object:
        value = right(*args)
        # Of valid outlines ratios by 1e-8, areas and distances by 1e-8 of their value.
        value[7] += 1e-8 * (1 if name in ("iou", "dice") else max(value[7], 1.0))
        return value

    pairs = sample(lvis_pairs(), 8)
    check(pairs)
    monkeypatch.setattr(lesiongeo, name, wrong)
    with pytest.raises(AssertionError, match="pair 7"):
        check(pairs)
