"""The arithmetic behind habits: closed forms, slow calculations, and simulations of chance."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from lesiongeo.habits.frequencies import frequency
from lesiongeo.habits.judge import Finding, judge, spans
from lesiongeo.habits.leave_one_out import centre
from lesiongeo.habits.quantities import measured
from lesiongeo.habits.rates import Looks, Trials, judge_rates, matched
from lesiongeo.habits.segments import change_penalty, merged, segments
from lesiongeo.habits.series import find_changes
from lesiongeo.habits.tails import chance_of_sum, t_quantile, t_tail, wilson
from lesiongeo.habits.twoway import Design, Values, fit, spread_of_effects

Ints = NDArray[np.int64]


def whole(*numbers: int) -> Ints:
    return np.array(numbers, dtype=np.int64)


# --- tails


@pytest.mark.parametrize("freedom", [1.0, 2.5, 7.0, 40.0, 3000.0])
@pytest.mark.parametrize("t", [-3.0, -0.2, 0.0, 0.4, 1.0, 2.5, 8.0, 40.0])
def test_students_tail(t: float, freedom: float) -> None:
    assert t_tail(t, freedom) == pytest.approx(stats.t.sf(t, freedom), rel=1e-9)


def test_quantiles_of_students_t() -> None:
    assert t_quantile(0.95, 7.0) == pytest.approx(stats.t.ppf(0.975, 7), rel=1e-12)
    assert t_quantile(0.99, 1.0) == pytest.approx(stats.t.ppf(0.995, 1), rel=1e-10)
    assert t_tail(math.inf, 3.0) == 0.0


def test_wilsons_interval_has_published_values() -> None:
    """2 of 50: 1.1 to 13.5 %; 0 of 10: up to 28 %."""
    low, high = wilson(2, 50, 0.95)
    assert (round(100 * low, 1), round(100 * high, 1)) == (1.1, 13.5)
    assert wilson(0, 10, 0.95)[0] == pytest.approx(0.0, abs=1e-12)
    assert round(100 * wilson(0, 10, 0.95)[1]) == 28


def slow_chance(events: int, trials: list[int], shares: list[Fraction]) -> Fraction:
    """The chance of at least so many events, one trial after the other, in whole numbers."""
    chances = [Fraction(1)]
    for share in (share for n, share in zip(trials, shares, strict=True) for _ in range(n)):
        stay, go = [*chances, Fraction(0)], [Fraction(0), *chances]
        chances = [a * (1 - share) + b * share for a, b in zip(stay, go, strict=True)]
    return sum(chances[events:], Fraction(0))


@pytest.mark.parametrize(
    ("trials", "shares"),
    [
        ([12], [Fraction(1, 3)]),
        ([10, 15, 5], [Fraction(1, 5), Fraction(1, 3), Fraction(1, 2)]),
        ([40, 3, 2], [Fraction(1, 50), Fraction(2, 5), Fraction(1)]),
    ],
)
def test_chance_of_a_sum_is_exact_however_small(trials: list[int], shares: list[Fraction]) -> None:
    for events in range(sum(trials) + 2):
        expected = float(slow_chance(events, trials, shares))
        found = chance_of_sum(events, whole(*trials), np.array([float(share) for share in shares]))
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-300), events


@pytest.mark.parametrize(
    ("events", "trials", "share"),
    [
        (8, 100, 0.01),
        (130, 4000, 0.02),
        (130, 4001, 0.02),
        (2100, 10_000, 0.2),
        (400, 1_000_000, 1e-4),
        (51_000, 150_000, 1 / 3),
    ],
)
def test_chance_of_a_sum_is_binomial_for_one_share(events: int, trials: int, share: float) -> None:
    found = chance_of_sum(events, whole(trials), np.array([share]))
    assert found == pytest.approx(stats.binom.sf(events - 1, trials, share), rel=1e-6)


def test_chance_of_a_sum_too_large_to_be_summed_is_not_too_small() -> None:
    for events in (500_100, 501_000, 503_000):
        exact = stats.binom.sf(events - 1, 1_000_000, 0.5)
        assert exact <= chance_of_sum(events, whole(1_000_000), np.array([0.5])) <= 40 * exact


# --- segments


def slow_segments(values: NDArray[np.float64], weights: NDArray[np.float64], penalty: float, least: int) -> float:
    """The least cost of all partitions, one after the other."""
    n, best = len(values), math.inf
    for count in range(n):
        for cuts in itertools.combinations(range(1, n), count):
            edges = [0, *cuts, n]
            if min(b - a for a, b in itertools.pairwise(edges)) < least:
                continue
            cost = penalty * count
            for a, b in itertools.pairwise(edges):
                mean = np.average(values[a:b], weights=weights[a:b])
                cost += float(weights[a:b] @ (values[a:b] - mean) ** 2)
            best = min(best, cost)
    return best


def test_segments_are_the_best_of_all_partitions() -> None:
    rng = np.random.default_rng(3)
    for _ in range(40):
        n = int(rng.integers(2, 9))
        values, weights = rng.normal(0, 2, n) + 5 * (np.arange(n) > n // 2), rng.uniform(0.3, 3, n)
        starts = segments(values, weights, penalty=3.0, least=2)
        edges = [*starts, n]
        assert starts[0] == 0 and (len(starts) == 1 or min(np.diff(edges)) >= 2)
        cost = 3.0 * (len(starts) - 1)
        for a, b in itertools.pairwise(edges):
            mean = np.average(values[a:b], weights=weights[a:b])
            cost += float(weights[a:b] @ (values[a:b] - mean) ** 2)
        if n >= 4:
            assert cost == pytest.approx(slow_segments(values, weights, 3.0, 2), rel=1e-9)


@pytest.mark.parametrize("weeks", [6, 12, 52, 150])
def test_a_series_without_a_change_has_none(weeks: int) -> None:
    """At most about 1 %: 8 of 500 would be too many."""
    rng = np.random.default_rng(weeks)
    penalty = change_penalty(weeks)
    changed = sum(
        len(segments(rng.standard_normal(weeks), np.ones(weeks), penalty=penalty, least=2)) > 1 for _ in range(500)
    )
    assert changed <= 8


def test_small_steps_are_taken_back_the_smallest_first() -> None:
    values = np.array([0.0, 0.0, 1.0, 1.0, 1.2, 1.2, 5.0, 5.0])
    assert merged([0, 2, 4, 6], values, np.ones(8), 0.5) == [0, 2, 6]
    assert merged([0, 2, 4, 6], values, np.ones(8), 9.0) == [0]


# --- the two-way model


def crowd(rng: np.random.Generator, effects: NDArray[np.float64], *, tasks: int = 60, per: int = 5) -> Values:
    """Everybody draws every lesion; `effects` by person and week; errors partly in common for person and task."""
    people, weeks = effects.shape
    lesion = np.repeat(np.arange(tasks * per), people)
    who = np.tile(np.arange(people), tasks * per)
    task = lesion // per
    week = task * weeks // tasks
    value = rng.normal(0, 1, tasks * per)[lesion] + effects[who, week] + 0.06 * rng.standard_t(4, len(who))
    value += rng.normal(0, 0.03, (tasks, people))[task, who]
    return Values.of(lesion, who, week, task, value, np.arange(len(who)))


def test_effects_without_noise_are_exact() -> None:
    """Pairs of people who never meet are joined by others; the shares of lesions go."""
    lesion = np.repeat(np.arange(30), 2)
    who = np.array([[0, 1], [1, 2], [2, 3]] * 10).ravel()
    effects = np.array([0.0, 0.1, -0.2, 0.3])
    value = lesion * 7.0 + effects[who]
    values = Values.of(lesion, who, np.zeros(60, dtype=np.int64), lesion, value, np.arange(60))
    found = fit(Design(values, values.who, 4))
    np.testing.assert_allclose(found.effect - found.effect[0], effects, atol=1e-9)


def test_components_are_fitted_apart() -> None:
    lesion = np.repeat(np.arange(20), 2)
    who = np.array([[0, 1], [2, 3]] * 10).ravel()
    value = lesion * 1.0 + np.array([0.0, 0.5, 0.0, -0.5])[who]
    values = Values.of(lesion, who, np.zeros(40, dtype=np.int64), lesion, value, np.arange(40))
    design = Design(values, values.who, 4)
    assert design.component.tolist() == [0, 0, 1, 1]
    found = fit(design)
    np.testing.assert_allclose(found.effect, [-0.25, 0.25, 0.25, -0.25], atol=1e-9)


def test_values_alone_on_their_lesion_are_left_out() -> None:
    lesion, who = whole(5, 5, 7, 9, 9, -1), whole(1, 0, 0, 0, 1, 2)
    value = np.array([1.0, 2.0, 3.0, np.nan, 4.0, 5.0])
    values = Values.of(lesion, who, lesion, lesion, value, np.arange(6))
    assert values.row.tolist() == [1, 0] and values.lesion.tolist() == [0, 0]


def test_slips_move_an_effect_little() -> None:
    rng = np.random.default_rng(2)
    values = crowd(rng, np.zeros((3, 1)))
    slips = np.flatnonzero(values.who == 2)[::20]
    values.value[slips] += 3.0
    found = fit(Design(values, values.who, 3))
    plain = values.value[values.who == 2].mean() - values.value[values.who == 0].mean()
    assert plain > 0.1
    assert abs(found.effect[2] - found.effect[0]) < 0.02


def test_the_interval_of_an_effect_covers_as_often_as_it_says() -> None:
    """95 % of 300: with 4 standard errors between 90 and 100 %."""
    rng = np.random.default_rng(7)
    inside = 0
    for _ in range(300):
        values = crowd(rng, np.zeros((3, 1)), tasks=40, per=4)
        design = Design(values, values.who, 3)
        found = fit(design)
        covariance, clusters = spread_of_effects(design, found)
        error = math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
        inside += abs(found.effect[1] - found.effect[0]) <= t_quantile(0.95, clusters[0] - 1) * error
    assert 0.90 <= inside / 300 < 1.0


def test_a_change_is_that_of_the_person_who_changed() -> None:
    effects = np.zeros((3, 12))
    effects[2, 6:] = math.log(1.21)
    values = crowd(np.random.default_rng(4), effects)
    changes = find_changes(values, 3, 12, least=2, least_step=0.02)
    assert changes.starts == [[0], [0], [0, 6]]


def test_a_change_that_nothing_joins_is_none() -> None:
    """From week 2 on other people, and one of before whose lesions then nobody of before draws."""
    lesion = np.repeat(np.arange(80), 2)
    who = np.where(lesion[:, None] < 40, [[0, 1]], [[0, 2]])[::2].ravel()
    value = np.random.default_rng(0).normal(0, 0.01, 160) + np.where(lesion >= 40, 0.5, 0.0) * (who == 0)
    values = Values.of(lesion, who, lesion // 20, lesion // 2, value, np.arange(160))
    assert find_changes(values, 3, 4, least=1, least_step=0.02).starts == [[0], [0], [0]]


def test_thinning_keeps_whole_lesions() -> None:
    values = crowd(np.random.default_rng(1), np.zeros((3, 2)))
    some = values.thinned(100)
    assert len(some) == 102 and (some.size == 3).all()
    assert values.thinned(10**6) is values


def test_a_robust_mean_with_clusters() -> None:
    """The interval covers 0.2 in about 95 of 100 samples with three slips; independent values would make it a third."""
    cluster = np.repeat(np.arange(50), 4)
    inside = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        values = 0.2 + rng.normal(0, 0.1, 50)[cluster] + rng.normal(0, 0.02, 200)
        values[:3] = 50.0
        n, mean, low, high = centre(values, cluster, 0.95)
        assert n == 200 and low < mean < high and abs(mean - 0.2) < 0.1
        inside += low <= 0.2 <= high
    assert 87 <= inside <= 100
    assert centre(np.array([np.nan]), whole(0), 0.95)[0] == 0
    assert math.isnan(centre(np.array([1.0, 2.0]), whole(0, 0), 0.95)[2])


# --- rates


def trials_of(who: Ints, week: Ints, task: Ints, stratum: Ints, event: NDArray[np.bool_], lesion: Ints) -> Trials:
    """Trials of people who had an opportunity at each lesion of their tasks (sorted by lesion)."""
    key, look = np.unique(task * 1000 + who, return_inverse=True)
    first = np.unique(look, return_index=True)[1]
    people = np.bincount(key // 1000)[key // 1000]
    looks = Looks(who[first], week[first], task[first], task[first], people)
    return Trials(looks, look, stratum, event, lesion, matched(lesion, look, event, stratum))


def test_only_lesions_at_which_something_happened_are_matched() -> None:
    """Of three people one at the first lesion, none at the second, two at the third."""
    event = np.array([False, True, False, False, False, False, True, False, True])
    found = matched(np.repeat(np.arange(3), 3), np.arange(9), event, np.zeros(9, dtype=np.int64))
    assert found.look.tolist() == [0, 1, 2, 6, 7, 8]
    assert found.share.tolist() == pytest.approx([1 / 3] * 3 + [2 / 3] * 3)


def test_the_others_are_those_of_the_same_tasks() -> None:
    """One person more on the odd tasks, which are harder: their reference is the rate there, each other counted once.

    Of 40 tasks with 5 lesions, persons 0 and 1 err at 1 lesion of each odd task, 2 at none, person 3 at 2 of the odd
    ones. The others of 3 err at (1 + 1 + 0) / 3 of 5; for persons 0 and 1 that is (1 + 0 + 2) / 3 on odd tasks and 0 of
    5 on even ones.
    """
    rows = [
        (person, task, lesion, task % 2 == 1 and lesion < {0: 1, 1: 1, 2: 0, 3: 2}[person])
        for task in range(40)
        for lesion in range(5)
        for person in range(3 + task % 2)
    ]
    who, task, lesion, event = (np.array(column) for column in zip(*rows, strict=True))
    none = np.zeros(len(who), dtype=np.int64)
    trials = trials_of(who, none, task, none, event.astype(np.bool_), task * 5 + lesion)
    rates, _, _ = judge_rates(trials, 4, step=0.1, least=2, confidence=0.95)
    assert [rate.reference for rate in rates] == pytest.approx([0.1, 0.1, (4 / 3) / 10, 2 / 15])
    assert [rate.value for rate in rates] == pytest.approx([0.1, 0.1, 0.0, 0.4])
    # Lesion 0 of the odd tasks: 3 of 4 did it; lesion 1: 1 of 4. Nothing scatters between tasks.
    assert rates[3].p_value == pytest.approx(float(slow_chance(40, [20, 20], [Fraction(3, 4), Fraction(1, 4)])))


def test_few_trials_are_judged_exactly_among_many_of_others() -> None:
    """One of three with 100 lesions, 8 of which only they got wrong: a third to the eighth, however large the rest.

    It is raised to a power, since 8 ones among 100 tasks scatter by 100 / 99 more than they may, over the 99 left.
    """
    who, lesion = np.tile(np.arange(3), 100), np.repeat(np.arange(100), 3)
    event = (who == 0) & (lesion < 8)
    other = np.tile(np.arange(3, 6), 30_000)
    rest = np.repeat(np.arange(100, 30_100), 3)
    wrong = np.random.default_rng(1).random(len(rest)) < 0.03
    both = [np.concatenate(pair) for pair in ((who, other), (lesion, rest), (event, wrong))]
    none = np.zeros(len(both[0]), dtype=np.int64)
    trials = trials_of(both[0], none, both[1], none, both[2], both[1])
    rates, _, _ = judge_rates(trials, 6, step=0.1, least=2, confidence=0.95)
    assert rates[0].p_value == pytest.approx(3.0 ** (-8 * 99 / 100))
    assert rates[0].reference == 0.0


# --- who is named


def finding(person: int, chance: float, *, size: float = 2.0, looks: int = 1, reason: str | None = None) -> Finding:
    test = (str(person), "area_bias", None)
    return Finding(test, person, 0, 1, True, 50, 9.0, 8.0, 10.0, 0.0, "percent", chance, looks, size, reason)


def test_holm_divides_by_fewer_tests_each_time() -> None:
    """Of 10 tests: 0.0009 * 10, 0.001 * 9; then 0.002 * 8 is too much."""
    some = [finding(1, 0.001), finding(0, 0.0009), finding(2, 0.002), finding(3, 1e-9, size=0.9)]
    some.append(finding(4, 1e-12, reason="too_few"))
    judge(some, 12, 0.011)
    assert [one.reason for one in some] == [None, None, "not_significant", "below_min_effect", "too_few"]
    assert some[1].p_value == pytest.approx(0.009)
    assert some[0].p_value == pytest.approx(0.009)


def test_segments_are_corrected_for_all_they_were_chosen_from() -> None:
    assert spans(12, 0, 1) == 3
    assert spans(12, 1, 2) == 66  # begins with each of 11 weeks, or ends with it
    assert spans(12, 1, 3) == 165  # all others
    one = finding(0, 1e-5, looks=spans(12, 1, 2))
    judge([one], 1, 0.01, share=0.5)
    assert one.p_value == pytest.approx(1e-5 * 66 * 2)


def without_habits(seed: int, people: int, tasks: int, per: int, weeks: int) -> list[Finding]:
    """Findings among people who differ by chance only, by task too; the smallest effects are nothing."""
    rng = np.random.default_rng([seed, people, tasks])
    seen: Any = SimpleNamespace(names=[str(k) for k in range(people)], weeks=np.arange(weeks))
    lesion = np.repeat(np.arange(tasks * per), people)
    who, task = np.tile(np.arange(people), tasks * per), lesion // per
    week = task * weeks // tasks
    parts = []
    for habit in ("area_bias", "vertex_density"):
        values = crowd(rng, np.zeros((people, weeks)), tasks=tasks, per=per)
        parts.append(measured(seen, habit, values, step=1e-7, least=2, confidence=0.95).findings)
    for number in range(4):
        # Hard lesions, tasks on which somebody is careless, and now and then one on which they see nothing.
        odds = 0.08 * np.exp(rng.normal(0, 0.7, tasks * per))[lesion]
        odds *= np.exp(rng.normal(0, 0.7, (tasks, people)))[task, who]
        event = (rng.random(len(who)) < odds) | (rng.random((tasks, people)) < 0.01)[task, who]
        trials = trials_of(who, week, task, lesion % 3, event, lesion)
        parts.append(frequency(seen, f"rate {number}", None, trials, step=1e-7, least=2, confidence=0.95).findings)
    found = [one for part in parts for one in part]
    judge(found, len({one.test for one in found}), 0.01)
    return [one for one in found if one.reason is None]


@pytest.mark.parametrize(("people", "tasks", "per", "weeks"), [(3, 60, 4, 12), (5, 40, 3, 6)])
def test_nobody_is_named_by_chance(people: int, tasks: int, per: int, weeks: int) -> None:
    """An error rate of 1 %: of 100 exports 5 would be too many (probability 0.003)."""
    named = sum(bool(without_habits(seed, people, tasks, per, weeks)) for seed in range(100))
    assert named <= 4
