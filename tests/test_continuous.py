"""Intraclass correlation, limits of agreement and Pearson's correlation: published values, definitions, edge cases."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lesiongeo as lg

FORMS = ("1,1", "2,1", "3,1", "1,k", "2,k", "3,k")
#: Shrout and Fleiss 1979, table 2.
SHROUT = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
#: Bland and Altman 1986: peak flow by two meters, in litres per minute.
LARGE = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def slow_icc(table, form):
    """Shrout and Fleiss from the analysis of variance, in exact fractions."""
    table = [[Fraction(value) for value in row] for row in table]
    n, k = len(table), len(table[0])
    mean = sum(map(sum, table)) / (n * k)
    rows = [sum(row) / k for row in table]
    columns = [sum(column) / n for column in zip(*table, strict=True)]
    bms = k * sum((row - mean) ** 2 for row in rows) / (n - 1)
    wms = sum((x - row) ** 2 for line, row in zip(table, rows, strict=True) for x in line) / (n * (k - 1))
    jms = n * sum((column - mean) ** 2 for column in columns) / (k - 1)
    ems = (wms * n * (k - 1) - jms * (k - 1)) / ((n - 1) * (k - 1))
    above, below = {
        "1,1": (bms - wms, bms + (k - 1) * wms),
        "2,1": (bms - ems, bms + (k - 1) * ems + k * (jms - ems) / n),
        "3,1": (bms - ems, bms + (k - 1) * ems),
        "1,k": (bms - wms, bms),
        "2,k": (bms - ems, bms + (jms - ems) / n),
        "3,k": (bms - ems, bms),
    }[form]
    return float(above / below) if below > 0 else None


def test_published_intraclass_correlations():
    assert [round(lg.icc(SHROUT, form=form).value, 2) for form in FORMS] == [0.17, 0.29, 0.71, 0.44, 0.62, 0.91]


@given(st.integers(0, 2**32), st.integers(2, 20), st.integers(2, 5), st.sampled_from(FORMS))
@settings(max_examples=80, deadline=None)
def test_icc_is_what_its_definition_says(seed, n, k, form):
    rng = np.random.default_rng(seed)
    table = (rng.normal(size=(n, 1)) * 100 + rng.normal(size=(n, k)) * rng.choice([0.1, 10, 300]) + 500).round(2)
    found = lg.icc(table, form=form)
    expected = slow_icc(table.tolist(), form)
    if expected is None:
        # The estimated variances add up to less than nothing: of two units that can be.
        assert (found.value, found.reason) == (None, "zero_variance")
        return
    assert found.value == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert (found.n_units, found.n_annotators, found.reason) == (n, k, None)
    shuffled = table[rng.permutation(n)][:, rng.permutation(k)]
    assert lg.icc(shuffled, form=form).value == pytest.approx(found.value, abs=1e-10)
    # Neither unit of measurement nor origin matter.
    assert lg.icc(table * 4.0 + 1024.0, form=form).value == pytest.approx(found.value, abs=1e-9)


def test_a_constant_difference_counts_for_form_2_not_for_form_3():
    table = [[value, value + 5.0] for value in (1.0, 2.0, 4.0, 8.0)]
    assert lg.icc(table, form="3,1").value == pytest.approx(1.0)
    assert lg.icc(table, form="2,1").value < 0.6


def test_units_with_a_gap_are_left_out():
    gaps = [*SHROUT, [None, 5, 5, 5], [1, math.nan, 2, 3]]
    assert lg.icc(gaps) == lg.icc(SHROUT)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ([[1.0], [2.0]], "single_annotator"),
        ([[1.0, None], [2.0, None]], "single_annotator"),
        (np.empty((0, 2)), "no_units"),
        ([[1.0, None], [None, 2.0]], "no_complete_unit"),
        ([[1.0, 2.0]], "too_few_units"),
        ([[3.0, 3.0], [3.0, 3.0]], "zero_variance"),
        ([[1.0, 2.0], [2.0, 1.0]], "zero_variance"),
        ([[0.1, 0.1, 0.1]] * 3, "zero_variance"),
    ],
)
def test_an_undefined_icc_says_why(table, reason):
    found = lg.icc(table)
    assert (found.value, found.reason) == (None, reason)


def test_published_limits_of_agreement():
    found = lg.bland_altman(LARGE, MINI, multiplier=2)
    assert (found.n, round(found.mean, 1), round(found.sd, 1)) == (17, -2.1, 38.8)
    # The paper makes its limits of what it prints: -79.7 and 75.5.
    assert (round(-2.1 - 2 * 38.8, 1), round(-2.1 + 2 * 38.8, 1)) == (-79.7, 75.5)
    assert found.low == pytest.approx(found.mean - 2 * found.sd)
    assert found.high == pytest.approx(found.mean + 2 * found.sd)
    usual = lg.bland_altman(LARGE, MINI)
    assert usual.high - usual.low == pytest.approx(2 * 1.96 * found.sd)
    other = lg.bland_altman(MINI, LARGE)
    assert (other.mean, other.low, other.high) == (-usual.mean, -usual.high, -usual.low)


def test_limits_need_two_units():
    none = lg.bland_altman([], [])
    assert (none.n, none.mean, none.sd, none.low, none.high, none.reason) == (
        0,
        None,
        None,
        None,
        None,
        "no_complete_unit",
    )
    one = lg.bland_altman([3.0, None, 1.0], [1.0, 2.0, math.nan])
    assert (one.n, one.mean, one.sd, one.low, one.reason) == (1, 2.0, None, None, "too_few_units")


def test_pearson_is_numpys_and_stays_within_1():
    rng = np.random.default_rng(3)
    for _ in range(20):
        a = rng.normal(size=30)
        b = a * rng.normal() + rng.normal(size=30)
        assert lg.pearson(a, b).value == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-12)
    assert lg.pearson([1, 2, 3], [10, 20, 30]).value == pytest.approx(1.0, abs=1e-15)
    assert lg.pearson([1e200, 2e200, 4e200], [1e-200, 2e-200, 4e-200]).value == pytest.approx(1.0, abs=1e-12)
    assert abs(lg.pearson([0.1, 0.2, 0.3], [0.3, 0.2, 0.1]).value) <= 1.0


@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        ([], [], "no_complete_unit"),
        ([1], [2], "too_few_units"),
        ([1, None], [2, 3], "too_few_units"),
        ([1, 1, 1], [1, 2, 3], "zero_variance"),
        ([1, 2, 3], [0.1, 0.1, 0.1], "zero_variance"),
    ],
)
def test_an_undefined_correlation_says_why(a, b, reason):
    found = lg.pearson(a, b)
    assert (found.value, found.reason) == (None, reason)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lg.icc(SHROUT, form="4,1"), "form is '4,1'; it is one of 1,1; 2,1"),
        (lambda: lg.icc([1, 2, 3]), "values have 1 dimensions"),
        (lambda: lg.icc([["a", "b"]]), "values are no table of numbers"),
        (lambda: lg.icc([[1.0, math.inf]]), "values hold infinities"),
        (lambda: lg.pearson([1, 2], [1]), r"a is of shape \(2,\) and b of shape \(1,\)"),
        (lambda: lg.bland_altman([[1]], [[1]]), r"a is of shape \(1, 1\)"),
        (lambda: lg.bland_altman([1], [1], multiplier=-1), "multiplier is -1; it is a number from 0 up"),
        (lambda: lg.bland_altman([1], [1], multiplier="2"), "multiplier is '2'; it is a number"),
        (lambda: lg.bland_altman([1], [1], multiplier=math.nan), "multiplier is nan; it is a number from 0 up"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
