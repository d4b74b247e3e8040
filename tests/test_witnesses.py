"""The two points of a Hausdorff distance: each on its boundary, that far apart, and nowhere nearer to the other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

import lesiongeo
import test_oracle_exact as exact
from lesiongeo import Polygons
from oracle_surface import interior_boundary
from oracles import distances, segments
from real_outlines import HERE, Pair, lidc_pairs, lvis_pairs, sample

Floats = npt.NDArray[np.float64]
Edges = tuple[Floats, Floats]


def check(pairs: list[Pair], *, crossing: bool = False) -> float:
    """Raise for the first wrong row; give the largest error relative to the extent."""
    p, q = (Polygons.from_rings([pair[side] for pair in pairs]) for side in (0, 1))
    value = lesiongeo.hausdorff(p, q)
    got = lesiongeo.hausdorff(p, q, witnesses=True)
    assert got.distance.tobytes() == value.tobytes()
    assert got.point_a.shape == got.point_b.shape == (len(pairs), 2)
    assert got.from_a.dtype == bool
    worst = 0.0
    rows = np.arange(len(pairs)) if crossing else np.flatnonzero(p.is_valid & q.is_valid)
    for k in rows:
        sides: list[Edges] = []
        for rings in pairs[k]:
            bounded = interior_boundary(rings) if crossing else None
            sides.append(segments(rings) if bounded is None else (bounded.starts, bounded.ends))
        extent = float(np.ptp(np.concatenate([*pairs[k][0], *pairs[k][1]]), axis=0).max())
        a, b = got.point_a[k : k + 1], got.point_b[k : k + 1]
        far, other = (a, sides[1]) if got.from_a[k] else (b, sides[0])
        errors = {
            "point_a on a": distances(a, *sides[0]).min(),
            "point_b on b": distances(b, *sides[1]).min(),
            "apart": abs(float(np.hypot(*(a - b)[0])) - value[k]),
            "nearest": abs(distances(far, *other).min() - value[k]),
        }
        for name, error in errors.items():
            if not error <= (1e-9 if crossing else 1e-12) * extent:
                raise AssertionError(
                    f"row {k}: {name} is off by {error:.3g}: distance {value[k]!r}, {a[0]}, {b[0]}, "
                    f"from_a {got.from_a[k]}\n{pairs[k]}"
                )
            worst = max(worst, float(error) / extent)
    return worst


@pytest.mark.parametrize("family", exact.VALID)
def test_outlines_made_to_break(family: exact.Family) -> None:
    check(list(zip(*exact.pairs(family, 60), strict=True)))


def test_outlines_that_cross_themselves() -> None:
    check(list(zip(*exact.pairs(exact.crossing, 30), strict=True)), crossing=True)


@pytest.mark.skipif(not HERE, reason="the shared data are not beside the repository")
@pytest.mark.parametrize("name", ["lvis", "lidc"])
def test_real_pairs(name: str) -> None:
    check(sample({"lvis": lvis_pairs, "lidc": lidc_pairs}[name](), 200, seed=5))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("family", exact.VALID)
def test_many_outlines_made_to_break(family: exact.Family) -> None:
    worst = check(list(zip(*exact.pairs(family, 10_000), strict=True)))
    print(f"\n{family.__name__}: 10,000 pairs, worst {worst:.3g} of the extent")


@pytest.mark.parametrize("field", ["point_a", "point_b", "from_a"])
def test_a_wrong_point_is_noticed(monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    right = lesiongeo.hausdorff

    def wrong(*args: object, witnesses: bool = False) -> object:
        if not witnesses:
            return right(*args)
        got = right(*args, witnesses=True)
        changed = getattr(got, field).copy()
        changed[3] = ~changed[3] if field == "from_a" else changed[3] + 1e-8
        return got._replace(**{field: changed})

    pairs = [([exact.star(rng)], [exact.star(rng)]) for rng in map(np.random.default_rng, range(6))]
    check(pairs)
    monkeypatch.setattr(lesiongeo, "hausdorff", wrong)
    with pytest.raises(AssertionError, match="row 3"):
        check(pairs)
