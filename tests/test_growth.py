"""Changes between visits: hand-made rows, closed forms and numpy's own least squares."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import scipy.stats

from lesiongeo.tracks.growth.growth import DAYS_PER_MONTH, RowValues, growth_columns
from lesiongeo.tracks.growth.intervals import t_975
from lesiongeo.tracks.growth.noise import noise_given
from lesiongeo.tracks.growth.noise_model import Curve, Habits, Noise

NONE = math.nan
Z = scipy.stats.norm.ppf(0.975)


def rows_of(entries: list[dict[str, Any]]) -> RowValues:
    """Rows from dicts: track, day, px, mm (areas; None: absent from the picture), people, and what is special."""
    people = [entry.get("people", [0]) if "px" in entry else [] for entry in entries]
    column = {
        name: np.array([entry.get(name, default) for entry in entries], dtype=type(default))
        for name, default in {
            "track": 0, "day": NONE, "px": NONE, "mm": NONE, "width": 100, "height": 80, "averaged": True,
            "error": NONE, "tilt": NONE, "feret": NONE, "diameter": NONE,
        }.items()
    }  # fmt: skip
    return RowValues(
        track=column["track"].astype(np.int64),
        day=column["day"],
        seen=np.array(["px" in entry for entry in entries], dtype=np.bool_),
        area_px2=column["px"],
        area_mm2=column["mm"],
        width=column["width"].astype(np.int64),
        height=column["height"].astype(np.int64),
        starts=np.concatenate(([0], np.cumsum([len(some) for some in people]))).astype(np.int64),
        annotators=np.array([one for some in people for one in some], dtype=np.int64),
        averaged=column["averaged"],
        spacing_error=column["error"],
        tilt_deg=column["tilt"],
        feret_max_mm=column["feret"],
        equivalent_diameter_mm=column["diameter"],
    )


def known(sd: float, *, more: float = 0.0, freedom: float = math.inf, effects: tuple[float, ...] = (0.0, 0.0)) -> Noise:
    """Noise that is the same for all sizes, and people of one team."""
    people = len(effects)
    curve = [Curve(np.zeros(1), np.array([sd**2 + extra]), np.array([freedom])) for extra in (0.0, more**2)]
    habits = Habits(math.inf, np.array(effects), np.zeros(people, dtype=np.int64), np.zeros((people, people)))
    names = tuple("abcdef"[:people])
    return Noise(names, curve[0], curve[1], habits=(habits,), source="outlines")


def columns(entries: list[dict[str, Any]], noise: Noise | None = None) -> dict[str, list[Any]]:
    found = growth_columns(rows_of(entries), noise or known(0.05)).columns()
    return {name: column.to_pylist() for name, column in found.items()}


def test_students_t_is_that_of_scipy() -> None:
    freedom = np.array([0.3, 1.0, 1.5, 2.0, 3.7, 10.0, 100.0, 1e5, np.inf])
    expected = scipy.stats.t.ppf(0.975, np.maximum(freedom, 1.0))
    assert t_975(freedom) == pytest.approx(expected, rel=1e-4)


def test_the_smallest_detectable_change_is_that_of_the_books() -> None:
    """One person, standard deviation 0.05, 0.08, 0.10, 0.15: 15, 25, 32 and 52 % (exp(1.96 sqrt(2) s) - 1)."""
    for sd, percent in ((0.05, 15), (0.08, 25), (0.10, 32), (0.15, 52)):
        found = columns([{"px": 100.0, "day": 0.0}, {"px": 100.0, "day": 30.0}], known(sd))
        assert round(found["mdc95"][1]) == percent
        assert found["significant"] == [None, False]


def test_every_change_by_hand() -> None:
    found = columns(
        [
            {"day": 0.0, "px": 400.0, "mm": 1.0, "feret": 2.0, "diameter": 1.5},
            {"day": DAYS_PER_MONTH, "px": 500.0, "mm": 2.0, "feret": 2.5, "diameter": 1.75},
            {"day": 3 * DAYS_PER_MONTH, "px": 300.0, "mm": 1.5, "feret": 2.25, "diameter": 1.5},
        ]
    )
    nothing = pytest.approx
    assert found["delta_area_mm2"] == [None, 1.0, -0.5]
    assert found["delta_area_px2"] == [None, None, None]
    assert found["pct_area"] == [None, nothing(100.0), nothing(-25.0)]
    assert found["log_rate_month"] == [None, nothing(math.log(2.0)), nothing(math.log(0.75) / 2)]
    assert found["delta_feret_max_mm"] == [None, 0.5, -0.25]
    assert found["delta_equivalent_diameter_mm"] == [None, 0.25, -0.25]
    assert found["delta_area_mm2_first"] == [None, 1.0, 0.5]
    assert found["pct_area_first"] == [None, nothing(100.0), nothing(50.0)]
    assert found["log_rate_month_first"] == [None, nothing(math.log(2.0)), nothing(math.log(1.5) / 3)]
    assert found["significant"] == [None, True, True]
    assert found["significant_first"] == [None, True, True]
    assert found["reason"] == ["first_visit", None, None] == found["reason_first"]
    assert found["days"] == [None, DAYS_PER_MONTH, 2 * DAYS_PER_MONTH]
    half = Z * 0.05 * math.sqrt(2)
    assert found["pct_area_low"][1] == nothing(100 * (2 * math.exp(-half) - 1))
    assert found["pct_area_high"][1] == nothing(100 * (2 * math.exp(half) - 1))
    one = Z * 0.05
    assert found["area_low_mm2"] == [nothing(area * math.exp(-one)) for area in (1.0, 2.0, 1.5)]
    assert found["area_high_mm2"] == [nothing(area * math.exp(one)) for area in (1.0, 2.0, 1.5)]
    # (0, 1), (1, 2), (3, 1.5): mean 4/3 and 1.5; the products of deviations sum to 0.5, the squares to 14/3.
    assert found["n_slope"] == [1, 2, 3]
    assert found["slope_mm2_month"] == [None, None, nothing(0.5 / (14 / 3))]
    assert found["slope_px2_month"] == [None, None, None]


def test_absent_visits_and_several_tracks() -> None:
    """Each is compared with the visit on which it was last seen, and never with another track."""
    entries: list[dict[str, Any]] = [
        {"track": 3, "day": 0.0, "px": 100.0},
        {"track": 3, "day": 10.0},
        {"track": 3, "day": 20.0, "px": 200.0},
        {"track": 5, "day": 0.0, "px": 10.0},
        {"track": 5, "day": 20.0, "px": 10.0},
    ]
    growth = growth_columns(rows_of(entries), known(0.05))
    assert growth.previous.since.tolist() == [-1, -1, 0, -1, 3]
    assert growth.first.since.tolist() == [-1, -1, 0, -1, 3]
    found = columns(entries)
    assert found["reason"] == ["first_visit", "absent", None, "first_visit", None]
    assert found["pct_area"][2] == pytest.approx(100.0)
    assert found["days"] == [None, None, 20.0, None, 20.0]
    assert found["n_slope"] == [1, 0, 2, 1, 2]


@pytest.mark.parametrize(
    ("then", "now", "reason", "changes"),
    [
        ({"px": NONE}, {"px": 5.0}, "no_area", False),
        ({"px": 5.0}, {"px": 0.0}, "no_area", False),
        ({"px": 5.0, "mm": 1.0}, {"px": 5.0}, "spacing_missing_on_one", False),
        ({"px": 5.0}, {"px": 5.0, "mm": 1.0}, "spacing_missing_on_one", False),
        ({"px": 5.0}, {"px": 5.0, "width": 101}, "scale_unknown", False),
        ({"px": 5.0, "height": 81}, {"px": 5.0}, "scale_unknown", False),
        ({"px": 5.0, "width": -1}, {"px": 5.0, "width": -1}, "scale_unknown", False),
        ({"px": 5.0, "mm": 1.0, "width": 7}, {"px": 5.0, "mm": 1.0}, None, True),
        ({"px": 5.0}, {"px": 5.0}, None, True),
        ({"px": 5.0, "day": NONE}, {"px": 5.0}, "order_only", True),
        ({"px": 5.0, "day": 9.0}, {"px": 5.0}, "same_day", True),
    ],
)
def test_what_cannot_be_said_has_a_reason(
    then: dict[str, Any], now: dict[str, Any], reason: str | None, changes: bool
) -> None:
    found = columns([{"day": 0.0, **then}, {"day": 9.0, **now}])
    assert found["reason"][1] == reason == found["reason_first"][1]
    assert (found["pct_area"][1] is not None) == changes
    assert (found["log_rate_month"][1] is not None) == (reason is None)
    if not changes:
        for name in (
            "delta_area_mm2",
            "delta_area_px2",
            "mdc95",
            "significant",
            "noise_source",
            "noise_df",
            "pct_area_low",
        ):
            assert found[name][1] is None, name


def test_pixels_are_compared_in_pixels() -> None:
    found = columns([{"day": 0.0, "px": 100.0}, {"day": 1.0, "px": 110.0}, {"day": 2.0, "px": 150.0}])
    assert found["delta_area_px2"] == [None, pytest.approx(10.0), pytest.approx(40.0)]
    assert found["delta_area_mm2"] == [None, None, None]
    assert found["slope_px2_month"][2] == pytest.approx(25.0 * DAYS_PER_MONTH)
    assert found["slope_mm2_month"][2] is None
    assert found["area_low_mm2"] == [None, None, None]


def half_width(then: dict[str, Any], now: dict[str, Any], noise: Noise) -> float:
    growth = growth_columns(rows_of([{"px": 100.0, **then}, {"px": 100.0, **now}]), noise)
    return float(growth.previous.half_width[1])


def test_the_same_people_cancel_their_habits() -> None:
    noise = known(0.04, more=0.1, effects=(0.2, -0.2))
    both = {"people": [0, 1]}
    assert half_width(both, both, noise) == pytest.approx(Z * 0.04)
    assert half_width({"people": [1]}, {"people": [1]}, noise) == pytest.approx(Z * 0.04 * math.sqrt(2))


def test_other_people_do_not() -> None:
    """Weights (1, 0) and (0, 1): they differ by 0.4, and how each sees the lesion counts for both."""
    noise = known(0.04, more=0.1, effects=(0.2, -0.2))
    expected = 0.4 + Z * math.sqrt(2 * 0.04**2 + 2 * 0.1**2)
    assert half_width({"people": [0]}, {"people": [1]}, noise) == pytest.approx(expected)
    # (1/2, 1/2) and (1, 0): 0.2, and twice a quarter.
    expected = 0.2 + Z * math.sqrt(1.5 * 0.04**2 + 0.5 * 0.1**2)
    assert half_width({"people": [0, 1]}, {"people": [0]}, noise) == pytest.approx(expected)
    # Twice the same mean of habits, by others.
    noise = known(0.04, more=0.1, effects=(0.2, -0.2, 0.1, -0.1))
    expected = Z * math.sqrt(0.04**2 + 4 * 0.25 * 0.1**2)
    assert half_width({"people": [0, 1]}, {"people": [2, 3]}, noise) == pytest.approx(expected)


def test_the_error_of_habits_counts() -> None:
    """var(b0 - b1) = 1 + 2 - 2 * 0.5 of a covariance [[1, 0.5], [0.5, 2]]."""
    noise = known(0.0001)
    covariance = 1e-4 * np.array([[1.0, 0.5], [0.5, 2.0]])
    habits = Habits(math.inf, np.zeros(2), np.zeros(2, dtype=np.int64), covariance)
    noise = Noise(noise.annotators, noise.visits, noise.outlines, habits=(habits,), source="outlines")
    expected = Z * math.sqrt(2e-4 + 2e-8)
    assert half_width({"people": [0]}, {"people": [1]}, noise) == pytest.approx(expected, rel=1e-6)


def test_one_outline_of_several_is_not_their_mean() -> None:
    """A medoid is by one of them, whoever it is: noise of one outline, and the variance of their habits."""
    noise = known(0.04, effects=(0.2, -0.2))
    one = {"people": [0, 1], "averaged": False}
    assert half_width(one, one, noise) == pytest.approx(Z * math.sqrt(2 * 0.04**2 + 2 * 0.2**2))


def test_an_outline_made_of_all_has_the_habits_of_all() -> None:
    """A majority of the same people: nothing but the noise of one outline; of others: their habits too."""
    noise = known(0.04, effects=(0.2, -0.2))
    rows = rows_of([{"px": 100.0, "people": [0, 1], "averaged": False} for _ in range(2)])
    voted = replace(rows, picked=np.zeros(2, dtype=np.bool_))
    assert growth_columns(voted, noise).previous.half_width[1] == pytest.approx(Z * 0.04 * math.sqrt(2))
    rows = rows_of([{"px": 100.0, "people": people, "averaged": False} for people in ([0, 1], [0])])
    voted = replace(rows, picked=np.zeros(2, dtype=np.bool_))
    # Half of the difference of habits, and who of the two was picked on the first visit.
    expected = 0.2 + Z * math.sqrt(2 * 0.04**2 + 0.2**2)
    assert growth_columns(voted, noise).previous.half_width[1] == pytest.approx(expected)


def test_somebody_unknown_and_teams_that_never_met() -> None:
    noise = known(0.04)
    floor = math.log(1.25)
    found = columns([{"px": 100.0, "people": [0]}, {"px": 100.0, "people": [-1]}], noise)
    assert found["mdc95"][1] == pytest.approx(25.0)
    assert found["noise_source"][1] == "fallback" and found["noise_df"][1] is None
    # The same unknown code need not be the same person.
    assert half_width({"people": [-1]}, {"people": [-1]}, noise) == pytest.approx(floor)
    # Two teams: the spread of habits, where it is known.
    habits = Habits(math.inf, np.zeros(4), np.array([0, 0, 1, 1]), np.zeros((4, 4)))
    teams = Noise(tuple("abcd"), noise.visits, noise.outlines, (habits,), 0.09, 8.0, source="outlines")
    variance = (2 * 0.04**2, 2 * 0.09)
    freedom = sum(variance) ** 2 / (variance[1] ** 2 / 8)
    expected = scipy.stats.t.ppf(0.975, freedom) * math.sqrt(sum(variance))
    assert half_width({"people": [0]}, {"people": [2]}, teams) == pytest.approx(expected, rel=1e-4)
    assert half_width({"people": [-1]}, {"people": [-1]}, teams) == pytest.approx(expected, rel=1e-4)
    assert half_width({"people": [0]}, {"people": [1]}, teams) == pytest.approx(Z * math.sqrt(variance[0]))
    # Both teams on both visits, in equal parts.
    assert half_width({"people": [0, 2]}, {"people": [1, 3]}, teams) == pytest.approx(Z * 0.04)


def test_spacing_and_tilt_widen() -> None:
    """1 % of the spacing is 2 % of area; 20 degrees take 6 % away, 30 degrees 13 %."""
    noise = known(0.03)
    then, now = {"error": 0.01, "tilt": 20.0}, {"error": 0.02, "tilt": 30.0}
    expected = Z * math.sqrt(2 * 0.03**2 + 0.02**2 + 0.04**2) - math.log(math.cos(math.radians(30)))
    assert half_width(then, now, noise) == pytest.approx(expected)
    given = noise_given(30.0)
    expected = math.sqrt(math.log(1.3) ** 2 + Z**2 * 0.02**2)
    assert half_width({"error": 0.01}, {}, given) == pytest.approx(expected)
    found = columns([{"px": 100.0, "mm": 1.0, "tilt": 60.0}], noise)
    assert found["area_high_mm2"][0] == pytest.approx(2.0 * math.exp(Z * 0.03))
    assert found["area_low_mm2"][0] == pytest.approx(math.exp(-Z * 0.03))


def test_degrees_of_freedom_of_a_sum() -> None:
    """Satterthwaite by hand: outlines of 12 degrees of freedom and a spacing that is known."""
    noise = known(0.03, freedom=12.0)
    parts = (2 * 0.03**2, 0.04**2)
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / 12)
    found = columns([{"px": 100.0, "error": 0.02}, {"px": 100.0}], noise)
    assert found["noise_df"][1] == pytest.approx(freedom)
    half = scipy.stats.t.ppf(0.975, freedom) * math.sqrt(sum(parts))
    assert found["mdc95"][1] == pytest.approx(100 * math.expm1(half), rel=1e-4)


def test_noise_is_taken_at_the_size_of_the_lesion() -> None:
    """Between classes on a straight line of logarithms; below them no steeper than 1 / area; above constant."""
    curve = Curve(np.log([100.0, 10_000.0]), np.array([0.04, 0.0004]), np.array([10.0, 30.0]))
    variance, freedom = curve.at(np.log(np.array([1.0, 100.0, 1000.0, 10_000.0, 1e8, NONE])))
    assert variance == pytest.approx([4.0, 0.04, 0.004, 0.0004, 0.0004, NONE], nan_ok=True)
    assert freedom == pytest.approx([10.0, 10.0, 20.0, 30.0, 30.0, NONE], nan_ok=True)
    steep = Curve(np.log([100.0, 1000.0]), np.array([0.04, 0.00004]), np.array([10.0, 30.0]))
    assert steep.at(np.log(np.array([50.0])))[0] == pytest.approx([0.08])
    rising = Curve(np.log([100.0, 1000.0]), np.array([0.01, 0.04]), np.array([10.0, 30.0]))
    assert rising.at(np.log(np.array([50.0])))[0] == pytest.approx([0.01])


def test_slopes_are_those_of_numpy() -> None:
    rng = np.random.default_rng(4)
    entries: list[dict[str, Any]] = []
    for track in range(30):
        days = np.sort(rng.choice(5000, size=rng.integers(1, 9), replace=False)) + 1e5
        for day in days.tolist():
            seen = rng.random() < 0.8
            entries.append(
                {"track": track, "day": day, **({"px": 1e3, "mm": float(rng.uniform(1, 9))} if seen else {})}
            )
    found = columns(entries)
    checked = 0
    for row, entry in enumerate(entries):
        own = [
            (other["day"], other["mm"])
            for other in entries[: row + 1]
            if other["track"] == entry["track"] and "mm" in other
        ]
        if "mm" not in entry or len(own) < 3:
            assert found["slope_mm2_month"][row] is None
            continue
        x, y = np.array(own).T
        assert found["n_slope"][row] == len(own)
        assert found["slope_mm2_month"][row] == pytest.approx(np.polyfit(x - x[0], y, 1)[0] * DAYS_PER_MONTH)
        assert found["slope_log_month"][row] == pytest.approx(np.polyfit(x - x[0], np.log(y), 1)[0] * DAYS_PER_MONTH)
        checked += 1
    assert checked > 30


def test_a_track_does_not_depend_on_the_others() -> None:
    """To the last bit: sums are never taken over several tracks."""
    rng = np.random.default_rng(5)
    entries = [
        {"track": track, "day": float(day), "px": float(rng.uniform(10, 1e6)), "people": [0, 1] if day % 2 else [1]}
        for track in range(50)
        for day in range(5)
    ]
    noise = known(0.06, more=0.03, freedom=17.0, effects=(0.1, -0.1))
    together = pa.table(growth_columns(rows_of(entries), noise).columns())
    for track in (0, 13, 49):
        alone = pa.table(growth_columns(rows_of([one for one in entries if one["track"] == track]), noise).columns())
        assert alone.equals(together.slice(track * 5, 5))


def test_no_rows() -> None:
    for noise in (known(0.05), noise_given(25.0)):
        assert pa.table(growth_columns(rows_of([]), noise).columns()).num_rows == 0


def test_areas_beyond_measure_are_null_not_nan() -> None:
    found = columns([{"px": 1e-300, "day": 0.0}, {"px": 1e300, "day": 1.0}])
    assert found["pct_area"][1] is None or math.isfinite(found["pct_area"][1])
    for column in found.values():
        assert not any(isinstance(value, float) and math.isnan(value) for value in column)
