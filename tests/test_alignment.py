"""Pages laid over each other: known movements, ids exchanged on purpose, and simulated false alarms and power."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lesiongeo.tracks.identity.alignment import BASES, MODELS, UNITS, Alignments, Sightings, align
from made_pages import Course, exchange, make_pages

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Places (mm) and radii of five lesions in a field of 80 x 60.
PLACES = np.array([(15.0, 12.0), (60.0, 15.0), (20.0, 45.0), (66.0, 48.0), (40.0, 30.0)])
RADII = np.array([2.5, 3.0, 2.0, 4.0, 2.2])


def seen_on(*pages: Floats, width: float = 1600.0, per_mm: float = 20.0, calibrated: bool = True) -> Sightings:
    """The five lesions, their ids 0 to 4, on pages of one series; each page is places in mm."""
    count = len(pages)
    spacing = 1.0 / per_mm if calibrated else np.nan
    return Sightings(
        series=np.zeros(5 * count, dtype=np.int64),
        visit=np.repeat(np.arange(count), 5),
        page=np.repeat(np.arange(count), 5),
        xy_px=np.concatenate(pages) * per_mm,
        log_area_px2=np.tile(np.log(np.pi * (RADII * per_mm) ** 2), count),
        label=np.zeros(5 * count, dtype=np.int64),
        track=np.tile(np.arange(5), count),
        spacing_mm=np.full((5 * count, 2), spacing),
        width_px=np.full(5 * count, width),
    )


def turned(xy: Floats, degrees: float, scale: float = 1.0, shift: tuple[float, float] = (0.0, 0.0)) -> Floats:
    """Positions in mm after a movement of the camera about (40, 30)."""
    angle = np.radians(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    there: Floats = (xy - (40.0, 30.0)) @ turn.T + (40.0, 30.0) + shift
    return there


def take(seen: Sightings, rows: NDArray[Any]) -> Sightings:
    return Sightings(*(getattr(seen, one.name)[rows] for one in fields(Sightings)))


def decided(result: Alignments) -> list[list[Any]]:
    """What was decided, with page and track in the place of rows."""
    seen = result.seen
    key = np.append(seen.page * 1000 + seen.track, -1)
    columns = [
        result.page_to[result.pair],
        *(key[getattr(result, one)] for one in ("row", "partner", "same_id", "swap")),
    ]
    return sorted(map(list, zip(*(column.tolist() for column in columns), result.jump.tolist(), strict=True)))


# movements


def test_a_movement_as_least_squares_finds_it() -> None:
    """The weak prior takes less than what noise of a tenth of a millimetre adds; weights are nearly equal."""
    rng = np.random.default_rng(3)
    there = turned(PLACES, 12.0, 1.08, (4.0, -3.0)) + rng.normal(0.0, 0.1, (5, 2))
    result = align(seen_on(PLACES, there))
    x, y = PLACES.T
    zero, one = np.zeros(5), np.ones(5)
    design = np.concatenate([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
    weight = np.tile(1.0 / np.sqrt((0.006 * 80.0) ** 2 + 0.04 * RADII**2), 2)
    values = np.concatenate([there[:, 0], there[:, 1]])
    (a, b, tx, ty), *_ = np.linalg.lstsq(design * weight[:, None], values * weight, rcond=None)
    expected = [[a, -b, tx], [b, a, ty]]
    assert np.allclose(result.matrix[0][:, :2], np.array(expected)[:, :2], atol=4e-3)
    middle = np.average(PLACES, axis=0, weights=weight[:5] ** 2)
    wanted = np.array(expected) @ [*middle, 1.0]
    assert np.allclose(result.carry(np.array([0]), middle[None] * 20.0), wanted * 20.0, atol=1e-6)
    assert MODELS[result.model[0]] == "similarity" and BASES[result.basis[0]] == "ids" and UNITS[result.unit[0]] == "mm"
    assert np.degrees(result.rotation_rad[0]) == pytest.approx(12.0, abs=0.5)
    assert result.scale[0] == pytest.approx(1.08, abs=0.005)
    assert (result.n_common[0], result.n_inliers[0]) == (5, 5)
    left = there - (result.matrix[0][:, :2] @ PLACES.T).T - result.matrix[0][:, 2]
    assert result.residual_sd[0] == pytest.approx(np.sqrt((left**2).sum() / 6.0), rel=1e-9)
    assert np.allclose(result.partner_distance, np.hypot(*left.T))


def test_a_shift_over_the_skin_is_what_the_camera_does_not_explain() -> None:
    there = turned(PLACES, 20.0, 1.0, (5.0, 5.0))
    there[4] += (3.0, -4.0)
    seen = seen_on(PLACES, there)
    result = align(seen)
    shifts = result.shifts(np.arange(5), np.arange(5, 10))
    assert shifts.pair.tolist() == [0] * 5 and shifts.aligned.all()
    # The lesion that moved takes part in the fit, so that the others give way a little.
    assert shifts.shift_mm[4] == pytest.approx(5.0, abs=1.3)
    assert shifts.shift_mm[:4].max() < 1.5
    assert np.allclose(shifts.shift_px, shifts.shift_mm * 20.0)
    assert shifts.direction_rad[4] == pytest.approx(np.arctan2(-4.0, 3.0), abs=0.1)
    assert np.degrees(shifts.rotation_rad) == pytest.approx(np.full(5, 20.0), abs=1.5)
    back = result.shifts(np.arange(5, 10), np.arange(5))
    assert (back.pair == -1).all() and not back.aligned.any() and np.isnan(back.shift_px).all()


def test_places_are_carried_between_pages_of_different_size() -> None:
    """1600 px at 20 px/mm and 1024 px at 12.8 px/mm; spacing differs along x and y on the first."""
    there = turned(PLACES, -8.0, 1.0, (2.0, 1.0))
    one, two = seen_on(PLACES), seen_on(there, width=1024.0, per_mm=12.8)
    stretched = replace(one, xy_px=one.xy_px * (1.0, 0.5), spacing_mm=one.spacing_mm * (1.0, 2.0))
    stretched = replace(stretched, log_area_px2=one.log_area_px2 - np.log(2.0))
    both = Sightings(*(np.concatenate([getattr(s, f.name) for s in (stretched, two)]) for f in fields(Sightings)))
    both = replace(both, visit=np.repeat([0, 1], 5), page=np.repeat([7, 3], 5))
    result = align(both)
    assert UNITS[result.unit[0]] == "mm" and (result.page_from[0], result.page_to[0]) == (7, 3)
    assert np.allclose(result.carry(np.zeros(5, dtype=np.int64), both.xy_px[:5]), both.xy_px[5:], atol=2.0)
    assert result.cost.max() < 0.1
    assert result.shifts(np.arange(5), np.arange(5, 10)).shift_mm.max() < 0.2


def test_the_unit_is_what_both_pages_have() -> None:
    plain = seen_on(PLACES, turned(PLACES, 5.0))
    half = plain.spacing_mm.copy()
    half[5:] = np.nan
    result = align(replace(plain, spacing_mm=half))
    assert UNITS[result.unit[0]] == "width"
    assert np.allclose(result.per_px_to, 1.0 / 1600.0)
    shifts = result.shifts(np.arange(5), np.arange(5, 10))
    assert np.isnan(shifts.shift_mm).all() and np.isfinite(shifts.shift_px).all()
    for none in (np.nan, 0.0):
        result = align(replace(plain, spacing_mm=half, width_px=np.full(10, none)))
        assert UNITS[result.unit[0]] == "px" and result.partner.tolist() == [0, 1, 2, 3, 4]


def test_a_phone_held_sideways_is_seen_by_four_ids() -> None:
    """By quarters and halves and between: nothing shifts, nothing is suspected; places alone do not tell it."""
    for degrees in (50.0, 90.0, 180.0, -90.0):
        for count in (4, 5):
            seen = seen_on(PLACES, turned(PLACES, degrees, 1.0, (3.0, -4.0)))
            seen = take(seen, np.flatnonzero(seen.track < count))
            result = align(seen)
            assert MODELS[result.model[0]] == "similarity" and BASES[result.basis[0]] == "ids"
            off = np.degrees(result.rotation_rad[0]) - degrees
            assert (off + 180.0) % 360.0 - 180.0 == pytest.approx(0.0, abs=0.1)
            shifts = result.shifts(np.arange(count), np.arange(count, 2 * count))
            assert shifts.shift_mm.max() < 0.5
            assert not result.jump.any() and (result.swap == -1).all()
            alone = align(replace(seen, track=np.full(len(seen), -1)))
            assert (np.abs(np.degrees(alone.rotation_rad)) <= 45.0).all()


def test_a_mirrored_image_is_no_movement() -> None:
    result = align(seen_on(PLACES, PLACES * (-1.0, 1.0) + (80.0, 0.0)))
    assert MODELS[result.model[0]] == "none" and BASES[result.basis[0]] == "none"
    assert np.isnan(result.shifts(np.arange(5), np.arange(5, 10)).shift_px).all()


# pages


def test_pages_follow_each_other_within_a_series() -> None:
    """Visits without lesions are passed over; two pages of a visit follow each other; nothing joins two series."""
    seen = seen_on(*(turned(PLACES, angle) for angle in (0, 5, 10, 15, 20)))
    seen = replace(
        seen,
        series=np.repeat([4, 4, 4, 4, 2], 5),
        visit=np.repeat([0, 3, 3, 5, 1], 5),
        page=np.repeat([10, 12, 11, 13, 1], 5),
    )
    result = align(seen)
    assert result.series.tolist() == [4, 4, 4]
    assert result.page_from.tolist() == [10, 11, 12] and result.page_to.tolist() == [11, 12, 13]
    assert result.visit_from.tolist() == [0, 3, 3] and result.visit_to.tolist() == [3, 3, 5]
    assert result.pairs_of(np.array([11, 12, 13, 99]), np.array([12, 11, 13, 1])).tolist() == [1, -1, -1, -1]
    assert result.pair.tolist() == np.repeat([0, 1, 2], 5).tolist()
    assert (seen.page[result.row] == result.page_to[result.pair]).all()
    assert (seen.page[result.partner] == result.page_from[result.pair]).all()


def test_pages_of_links_alone() -> None:
    seen = seen_on(PLACES, turned(PLACES, 5.0), turned(PLACES, -10.0))
    result = align(seen, links=(np.array([0, 1, 5]), np.array([10, 11, 14])))
    assert result.page_from.tolist() == [0, 1] and result.page_to.tolist() == [2, 2]
    assert np.degrees(result.rotation_rad) == pytest.approx([-10.0, -15.0], abs=0.5)
    empty = np.empty(0, dtype=np.int64)
    assert len(align(seen, links=(empty, empty)).pair) == 0
    with pytest.raises(ValueError, match="link 1 joins rows 0 and 5, which are of different series"):
        align(replace(seen, series=seen.visit), links=(np.array([0, 0]), np.array([1, 5])))


def test_nothing_at_all() -> None:
    result = align(take(seen_on(PLACES), np.empty(0, dtype=np.int64)))
    assert len(result.series) == len(result.row) == 0 and result.matrix.shape == (0, 2, 3)
    assert result.pairs_of(np.array([0]), np.array([1])).tolist() == [-1]
    assert len(result.shifts(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)).pair) == 0


def test_wrong_input() -> None:
    seen = seen_on(PLACES, PLACES)
    with pytest.raises(ValueError, match=r"label has the shape \(9,\); 10 lesions need \(10,\)"):
        align(replace(seen, label=seen.label[:9]))
    with pytest.raises(ValueError, match=r"spacing_mm has the shape \(10,\); 10 lesions need \(10, 2\)"):
        align(replace(seen, spacing_mm=seen.width_px))
    xy = seen.xy_px.copy()
    xy[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"xy_px\[3\] is not finite"):
        align(replace(seen, xy_px=xy))
    with pytest.raises(ValueError, match="threads"):
        align(seen, threads=0)


# ids


def test_exchanged_ids_point_at_each_other() -> None:
    seen = seen_on(PLACES, turned(PLACES, 10.0, 1.0, (3.0, 3.0)))
    track = seen.track.copy()
    track[[6, 8]] = track[[8, 6]]
    result = align(replace(seen, track=track))
    assert result.swap.tolist() == [-1, 8, -1, 6, -1] and result.swap_size.tolist() == [0, 2, 0, 2, 0]
    assert (result.swap_gain[[1, 3]] >= 6.0).all() and np.isnan(result.swap_gain[[0, 2, 4]]).all()
    assert result.partner.tolist() == [0, 1, 2, 3, 4] and result.same_id.tolist() == [0, 3, 2, 1, 4]
    assert not result.jump.any()


def test_the_order_of_rows_and_threads_do_not_matter() -> None:
    seen, _ = make_pages(120, Course(absent=0.2, jitter=0.2, visits=3))
    track, _ = exchange(seen)
    seen = replace(seen, track=track)
    result = align(seen, threads=1)
    again = align(seen, threads=3)
    for one in fields(Alignments):
        if one.name != "seen":
            assert np.array_equal(getattr(result, one.name), getattr(again, one.name), equal_nan=True)
    mixed = np.random.default_rng(1).permutation(len(seen))
    assert decided(align(take(seen, mixed))) == decided(result)


def test_codes_do_not_matter() -> None:
    seen, _ = make_pages(80, Course(absent=0.1))
    track, _ = exchange(seen)
    other = np.where(track % 3 == 0, 10_000 - track, track)
    for name, codes in (("track", other), ("label", 5 - seen.label), ("page", 900 - seen.page)):
        one, two = align(replace(seen, track=track)), align(replace(seen, **{"track": track, name: codes}))
        assert np.array_equal(one.swap, two.swap) and np.array_equal(one.partner, two.partner)
        assert np.allclose(one.matrix, two.matrix, atol=1e-9)


# simulations


def alarms(seen: Sightings) -> tuple[float, float]:
    """Shares of lesions with a suspicion and of pages with any."""
    result = align(seen)
    suspected = result.jump | (result.swap >= 0)
    pages = np.bincount(result.pair[suspected], minlength=len(result.series)) > 0
    return float(suspected[result.same_id >= 0].mean()), float(pages.mean())


def power(seen: Sightings, size: int = 2) -> tuple[float, float]:
    """Share of exchanges that are found whole, and of the other lesions that are suspected."""
    track, exchanged = exchange(seen, size=size)
    result = align(replace(seen, track=track))
    swap = np.full(len(seen), -1)
    swap[result.row] = result.swap
    other = swap[exchanged]
    found = ((other >= 0) & (track[other] == seen.track[exchanged])).all(axis=1)
    innocent = np.ones(len(seen), dtype=bool)
    innocent[exchanged] = False
    suspected = (result.jump | (result.swap >= 0))[innocent[result.row]]
    return float(found.mean()), float(suspected.mean()) if len(suspected) else 0.0


HARD = {
    "plain": Course(),
    "no scale": Course(calibrated=False, zoom=0.15),
    "two": Course(lesions=(2, 2)),
    "three": Course(lesions=(3, 3)),
    "missing": Course(absent=0.2),
    "growing": Course(growth=0.6, jitter=0.2),
    "soft skin": Course(stretch=0.05),
}


def judge(name: str, patients: int, share: float) -> None:
    seen, true = make_pages(patients, HARD[name], seed=4)
    lesions, pages = alarms(seen)
    assert lesions < 0.01
    if name != "soft skin":
        assert pages < 0.01
    found, innocent = power(seen)
    assert found > share and innocent < 0.01
    # Without ids the right partner is found where there is one.
    result = align(replace(seen, track=np.full(len(seen), -1)))
    with_ids = align(seen)
    there = with_ids.same_id >= 0
    right = (result.partner >= 0) & (true[result.partner] == true[result.row])
    assert right[there].mean() > 0.98


@pytest.mark.parametrize("name", HARD)
def test_false_alarms_and_power(name: str) -> None:
    judge(name, 150, 0.96)


@pytest.mark.slow
@pytest.mark.parametrize("name", HARD)
def test_false_alarms_and_power_of_many(name: str) -> None:
    judge(name, 10_000, 0.97 if name == "soft skin" else 0.99)


@pytest.mark.parametrize(
    "course",
    [
        Course(lesions=(4, 8), rotation_deg=180.0),
        Course(lesions=(4, 8), rotation_deg=180.0, calibrated=False, zoom=0.15),
    ],
)
def test_turned_cameras_are_no_alarm(course: Course) -> None:
    seen, _ = make_pages(300, course, seed=5)
    lesions, pages = alarms(seen)
    assert lesions < 0.01 and pages < 0.01
    assert (align(seen).model == MODELS.index("similarity")).mean() > 0.98


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("size", [2, 3, 4])
def test_exchanges_are_not_explained_by_a_turn(name: str, size: int) -> None:
    """Cameras turn by 40 degrees between two visits at most."""
    seen, _ = make_pages(150, HARD[name], seed=7)
    track, _ = exchange(seen, size=size)
    assert (np.abs(np.degrees(align(replace(seen, track=track)).rotation_rad)) <= 45.0).all()


@pytest.mark.parametrize("size", [3, 4])
def test_longer_circles(size: int) -> None:
    seen, _ = make_pages(200, Course(lesions=(5, 8)))
    found, innocent = power(seen, size)
    assert found > 0.99 and innocent < 0.01


def test_a_camera_held_at_an_angle_is_no_alarm() -> None:
    """20 degrees of tilt, seen from 30 cm: foreshortened by 6 % along one direction, and converging."""
    seen, _ = make_pages(300, Course(rotation_deg=10.0), seed=2)
    mm = seen.xy_px * seen.spacing_mm - (40.0, 30.0)
    angle = np.random.default_rng(2).uniform(0.0, np.pi, 300)[seen.series]
    along = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    far = (mm * along).sum(axis=1)
    tilt = np.radians(20.0)
    tilted = (mm + ((np.cos(tilt) - 1.0) * far)[:, None] * along) / (1.0 + far * np.sin(tilt) / 300.0)[:, None]
    mm = np.where((seen.visit == 1)[:, None], tilted, mm) + np.array([40.0, 30.0])
    assert alarms(replace(seen, xy_px=mm / seen.spacing_mm)) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("count", "distance", "share"), [(3, 40.0, 0.95), (4, 20.0, 0.95), (6, 15.0, 0.93), (6, 20.0, 0.99)]
)
def test_jumps_are_found(count: int, distance: float, share: float) -> None:
    """One lesion of each patient is elsewhere on the second visit: it is flagged, and hardly any other."""
    seen, _ = make_pages(250, Course(lesions=(count, count)), seed=6)
    rng = np.random.default_rng(6)
    chosen = np.array([rng.choice(np.flatnonzero((seen.series == one) & (seen.visit == 1))) for one in range(250)])
    angle = rng.uniform(0.0, 2.0 * np.pi, 250)
    xy = seen.xy_px.copy()
    xy[chosen] += distance * np.stack([np.cos(angle), np.sin(angle)], axis=1) / seen.spacing_mm[chosen]
    result = align(replace(seen, xy_px=xy))
    suspected = np.zeros(len(seen), dtype=bool)
    suspected[result.row] = result.jump | (result.swap >= 0)
    assert suspected[chosen].mean() >= share
    suspected[chosen] = False
    assert suspected[result.row].mean() < 0.01
