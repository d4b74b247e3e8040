"""How far an area, or the change between two of them, can be off by noise alone: half widths of 95 % intervals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...habits.tails import t_quantile
from .noise_model import SOURCES, Habits, Noise

__all__ = ["Drawn", "Spread", "area_spread", "change_spread", "t_975"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

PEOPLE, FALLBACK = SOURCES.index("people"), SOURCES.index("fallback")
#: Student's t is looked up at this many points of one over the degrees of freedom, straight lines between them.
POINTS: Final = 97


@dataclass(frozen=True, slots=True)
class Drawn:
    """Rows of areas, and who drew them. See `RowValues` in growth.py.

    Attributes
    ----------
    area_px2 : ndarray of float64, shape (n,)
        For the class of sizes.
    starts : ndarray of int64, shape (n + 1,)
        Where each row's entries begin in `annotators`.
    annotators : ndarray of int64
        Numbers of people, -1 somebody unknown.
    averaged : ndarray of bool, shape (n,)
        The mean over these people; False: one outline of theirs.
    spacing_error, tilt_deg : ndarray of float64, shape (n,)
        NaN: not given.
    picked : ndarray of bool, shape (n,), optional
        Where not averaged: the outline of one of these people, on another visit perhaps of another one (a medoid); by
        default wherever it is not averaged. False: made of all of their outlines (a majority).
    """

    area_px2: Floats
    starts: Ints
    annotators: Ints
    averaged: Mask
    spacing_error: Floats
    tilt_deg: Floats
    picked: Mask | None = None

    def count(self, rows: Ints) -> Floats:
        """Return how many outlines are averaged in each of these rows, at least 1."""
        people = np.diff(self.starts)[rows]
        found: Floats = np.where(self.averaged[rows], np.maximum(people, 1), 1).astype(np.float64)
        return found


@dataclass(frozen=True, slots=True)
class Spread:
    """Half widths of 95 % intervals in ln(area).

    Attributes
    ----------
    half_width : ndarray of float64, shape (n,)
        NaN where there is no size.
    up : ndarray of float64, shape (n,)
        How much farther the truth may lie above: the camera may have been tilted.
    freedom : ndarray of float64, shape (n,)
        Degrees of freedom; NaN: nothing was estimated.
    source : ndarray of int8, shape (n,)
        Code in `SOURCES`.
    """

    half_width: Floats
    up: Floats
    freedom: Floats
    source: NDArray[np.int8]


def change_spread(noise: Noise, drawn: Drawn, now: Ints, then: Ints) -> Spread:
    """Return how far ln(area now / area then) can be from 0 when nothing changed.

    Parameters
    ----------
    noise : Noise
        The project's noise.
    drawn : Drawn
        All rows.
    now, then : ndarray of int64, shape (m,)
        Rows to compare.

    Returns
    -------
    Spread
        `half_width` includes the tilt of both; `up` is 0.

    Notes
    -----
    With weights w of people in the two means (1 / n each) and c = w_now - w_then, the variance is

        visits (sum w_now^2 + sum w_then^2) + (outlines - visits) sum c^2 + 4 (e_now^2 + e_then^2) + variance of c b,

    where e are relative errors of the spacing and b the estimated habits. |c b|, what the people are known to differ
    by, is added to t times the square root of it, and so is the larger of the two losses by tilt, -ln cos(tilt). Where
    people are compared who share no lesion, the variance of habits between people times sum c^2 stands for both.
    Degrees of freedom after Satterthwaite (1946).
    """
    size = (_log(drawn.area_px2[now]) + _log(drawn.area_px2[then])) / 2.0
    share = 1.0 / drawn.count(now) + 1.0 / drawn.count(then)
    pair, who, weight = _contrasts(drawn, now, then)
    error = 4.0 * (_none_is_0(drawn.spacing_error[now]) ** 2 + _none_is_0(drawn.spacing_error[then]) ** 2)
    tilt = np.maximum(_lost(drawn.tilt_deg[now]), _lost(drawn.tilt_deg[then]))
    # An outline made of all has the same habits on both visits if the people are the same.
    others = np.zeros(len(now), dtype=np.bool_)
    others[pair] = True
    picked = drawn.picked if drawn.picked is not None else ~drawn.averaged
    one = [(~drawn.averaged[rows] & (picked[rows] | others), rows) for rows in (now, then)]
    found = _spread(noise, drawn, size, share, (pair, who, weight), one, error, 1.0)
    return Spread(found.half_width + tilt, np.zeros(len(now)), found.freedom, found.source)


def area_spread(noise: Noise, drawn: Drawn) -> Spread:
    """Return how far the logarithm of each area can be from that of the mean over the whole team.

    As `change_spread`, with the team (whoever is connected by lesions) in place of an earlier visit: its mean is not
    known to be right, but is what further outlines by the same people would approach. `up` is the tilt.
    """
    rows = np.arange(len(drawn.area_px2), dtype=np.int64)
    people = np.diff(drawn.starts)
    weight = np.repeat(1.0 / np.maximum(people, 1), people)
    entries = (np.repeat(rows, people), drawn.annotators, weight)
    error = 4.0 * _none_is_0(drawn.spacing_error) ** 2
    one = [(~drawn.averaged, rows)]
    size = _log(drawn.area_px2)
    found = _spread(noise, drawn, size, 1.0 / drawn.count(rows), entries, one, error, 0.5, against_team=True)
    return Spread(found.half_width, _lost(drawn.tilt_deg), found.freedom, found.source)


def _spread(
    noise: Noise,
    drawn: Drawn,
    size: Floats,
    share: Floats,
    contrast: tuple[Ints, Ints, Floats],
    one: list[tuple[Mask, Ints]],
    error: Floats,
    floor_share: float,
    *,
    against_team: bool = False,
) -> Spread:
    """Put the parts together; `floor_share` of the square of the floor stands where nothing is known."""
    pair, weight = contrast[0], contrast[2]
    count = len(size)
    known = np.full(count, bool(noise.visits))
    squares = np.bincount(pair, weights=weight**2, minlength=count)
    visits, visits_freedom = noise.visits.at(size)
    outlines, outlines_freedom = noise.outlines.at(size)
    more = np.maximum(outlines - visits, 0.0)
    shift, shift_variance, picked, connected = _habits(noise, drawn, size, contrast, one, against_team)
    # Of the two estimates the lesser is part of the larger: what is left of that has its degrees of freedom.
    parts = [(visits * share, visits_freedom), (more * squares, outlines_freedom), (picked, np.full(count, np.inf))]
    parts.append((shift_variance, outlines_freedom))
    strange = known & ~connected
    parts.append((np.where(strange, noise.people * squares, 0.0), np.full(count, max(noise.people_freedom, 1.0))))
    parts.append((error, np.full(count, np.inf)))
    unknown_people = strange & np.isnan(noise.people)
    total = np.zeros(count)
    lost = np.zeros(count)
    for variance, its_freedom in parts:
        clean = np.nan_to_num(variance, nan=0.0)
        total += clean
        lost += clean**2 / its_freedom
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom: Floats = np.where(lost > 0, total**2 / lost, np.inf)
    half = t_975(freedom) * np.sqrt(total) + np.where(strange, 0.0, shift)
    floor = np.sqrt(noise.floor**2 * floor_share + t_975(np.full(1, np.inf))[0] ** 2 * error)
    half = np.where(~known, floor, np.where(unknown_people, np.maximum(half, floor), half))
    code = np.full(count, SOURCES.index(noise.source), dtype=np.int8)
    code[strange] = PEOPLE
    code[unknown_people] = FALLBACK
    told = known & ~unknown_people
    return Spread(np.where(np.isnan(size), np.nan, half), np.zeros(count), np.where(told, freedom, np.nan), code)


def _habits(
    noise: Noise,
    drawn: Drawn,
    size: Floats,
    contrast: tuple[Ints, Ints, Floats],
    one: list[tuple[Mask, Ints]],
    against_team: bool,
) -> tuple[Floats, Floats, Floats, Mask]:
    """Return |c b|, the variance of its estimate, the variance of who was picked, and whether all are connected."""
    pair, who, weight = contrast
    count = len(size)
    shift, variance, picked = np.zeros(count), np.zeros(count), np.zeros(count)
    connected = np.ones(count, dtype=np.bool_)
    if not noise.habits:
        connected[pair] = False
        return shift, variance, picked, connected
    bounds = np.array([habit.upto for habit in noise.habits])
    kind = np.minimum(np.searchsorted(bounds, size, side="right"), len(bounds) - 1)
    for number, habit in enumerate(noise.habits):
        effect, team = np.append(habit.effect, np.nan), np.append(habit.team, -1)
        mine = kind[pair] == number
        at, people, share = pair[mine], who[mine], weight[mine]
        own = effect[people]
        strange = np.bincount(at, weights=np.isnan(own), minlength=count) > 0
        connected &= ~strange
        # In each team as much is added as is taken away; else two teams are compared that share no lesion.
        order = np.lexsort((people, team[people], at))
        at, people, share, own = at[order], people[order], share[order], own[order]
        fresh = (np.diff(at, prepend=-1) != 0) | (np.diff(team[people], prepend=-2) != 0)
        begin = np.flatnonzero(fresh)
        if len(begin):
            if against_team:
                several = np.bincount(at[begin], minlength=count) > 1
                connected &= ~several
            else:
                unequal = np.abs(np.add.reduceat(share, begin)) > 1e-9
                connected[at[begin[unequal]]] = False
        shift += np.bincount(at, weights=_none_is_0(share * own), minlength=count)
        variance += _quadratic(habit, at, people, share, count)
        for chosen, rows in one:
            some = np.flatnonzero(chosen & (kind == number))
            if len(some):
                picked[some] += _picked(effect, drawn, rows[some])
    return np.abs(shift), variance, picked, connected


def _quadratic(habit: Habits, at: Ints, people: Ints, share: Floats, count: int) -> Floats:
    """Sum share_i share_j covariance_ij over the entries of each pair; entries of a pair are adjacent."""
    total = np.zeros(count)
    known = np.flatnonzero(people >= 0)
    at, people, share = at[known], people[known], share[known]
    step = 0
    while True:
        left = np.flatnonzero(at[step:] == at[: len(at) - step])
        if not len(left):
            return total
        right = left + step
        product = share[left] * share[right] * habit.covariance[people[left], people[right]]
        total += np.bincount(at[left], weights=(1.0 if step == 0 else 2.0) * product, minlength=count)
        step += 1


def _picked(effect: Floats, drawn: Drawn, rows: Ints) -> Floats:
    """Variance of the habit of one of the people of each row, whoever it is."""
    people = np.diff(drawn.starts)[rows]
    entry = _ranges(drawn.starts[rows], people)
    row = np.repeat(np.arange(len(rows)), people)
    own = _none_is_0(effect[drawn.annotators[entry]])
    number = np.maximum(people, 1)
    mean = np.bincount(row, weights=own, minlength=len(rows)) / number
    spread: Floats = np.bincount(row, weights=(own - mean[row]) ** 2, minlength=len(rows)) / number
    return spread


def _contrasts(drawn: Drawn, now: Ints, then: Ints) -> tuple[Ints, Ints, Floats]:
    """Return the people whose weights differ, as (pair, person, weight now - weight then), by pair, then person."""
    people = np.diff(drawn.starts)
    n_now, n_then = people[now], people[then]
    same = n_now == n_then
    # The same people on both visits, mostly: then nothing is left to do.
    pair = np.repeat(np.flatnonzero(same), n_now[same])
    left = drawn.annotators[_ranges(drawn.starts[now[same]], n_now[same])]
    right = drawn.annotators[_ranges(drawn.starts[then[same]], n_now[same])]
    differ = ~same
    differ[pair[(left != right) | (left < 0)]] = True
    chosen = np.flatnonzero(differ)
    n_now, n_then = n_now[chosen], n_then[chosen]
    entries = np.concatenate((_ranges(drawn.starts[now[chosen]], n_now), _ranges(drawn.starts[then[chosen]], n_then)))
    at = np.concatenate((np.repeat(chosen, n_now), np.repeat(chosen, n_then)))
    weight = np.concatenate(
        (np.repeat(1.0 / np.maximum(n_now, 1), n_now), np.repeat(-1.0 / np.maximum(n_then, 1), n_then))
    )
    who = drawn.annotators[entries]
    order = np.lexsort((who, at))
    at, who, weight = at[order], who[order], weight[order]
    # Somebody unknown on both visits need not be the same person.
    begin = np.flatnonzero((np.diff(at, prepend=-1) != 0) | (np.diff(who, prepend=-2) != 0) | (who < 0))
    if len(begin):
        weight = np.add.reduceat(weight, begin)
    at, who = at[begin], who[begin]
    left_over = np.abs(weight) > 1e-12
    return at[left_over], who[left_over], weight[left_over]


def _ranges(start: Ints, count: Ints) -> Ints:
    """Return start, start + 1, ... for each, one after another."""
    total = np.cumsum(count)
    found: Ints = np.arange(total[-1] if len(total) else 0) + np.repeat(start - total + count, count)
    return found


def t_975(freedom: Floats) -> Floats:
    """Return the 97.5th percentile of Student's t, to four digits; fewer than one degree of freedom count as one."""
    inverse = 1.0 / np.maximum(freedom, 1.0)
    # The logarithm is nearly straight over one over the degrees of freedom.
    found: Floats = np.exp(np.interp(inverse, np.linspace(0.0, 1.0, POINTS), _table()))
    return found


@lru_cache(maxsize=1)
def _table() -> Floats:
    points = np.linspace(0.0, 1.0, POINTS)[1:].tolist()
    return np.log([NormalDist().inv_cdf(0.975), *(t_quantile(0.95, 1.0 / point) for point in points)])


def _log(area: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.where(area > 0, np.log(area), np.nan)
    return found


def _lost(tilt_deg: Floats) -> Floats:
    """Return -ln cos: by how much a tilted camera makes an area smaller."""
    found: Floats = -np.log(np.cos(np.radians(_none_is_0(tilt_deg))))
    return found


def _none_is_0(values: Floats) -> Floats:
    found: Floats = np.where(np.isnan(values), 0.0, values)
    return found
