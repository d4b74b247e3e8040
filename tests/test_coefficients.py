"""Coefficients of agreement: published values, other libraries, definitions written out, and what is undefined."""

import math
from fractions import Fraction
from itertools import combinations, permutations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats import inter_rater

import lesiongeo as lg
from lesiongeo.statistics import krippendorff

NAN = float("nan")

# Published values -----------------------------------------------------------------------------------------------------
# Entered by hand, so that something is checked where the conformance data is absent.


def raters_of(table):
    """Two lists of ratings that give a table of counts."""
    cells = [(i, j) for i, row in enumerate(table) for j, count in enumerate(row) for _ in range(count)]
    return [i for i, _ in cells], [j for _, j in cells]


@pytest.mark.parametrize(
    ("table", "kappa"),
    [([[20, 5], [10, 15]], 0.4), ([[45, 15], [25, 15]], 0.1304), ([[25, 35], [5, 35]], 0.2593)],
)
def test_published_kappas_of_two(table, kappa):
    found = lg.cohen_kappa(*raters_of(table))
    assert round(found.value, 4) == kappa
    assert found.n_units == np.sum(table)
    assert (found.n_annotators, found.n_categories, found.reason) == (2, 2, None)


def test_the_printout_of_sas_with_its_standard_error():
    pair = raters_of([[0, 4, 1], [0, 8, 0], [0, 1, 5]])
    plain, linear = lg.cohen_kappa(*pair), lg.cohen_kappa(*pair, weights="linear")
    assert (round(plain.value, 4), round(plain.standard_error, 4)) == (0.4842, 0.1380)
    assert (round(linear.value, 4), round(linear.standard_error, 4)) == (0.4701, 0.1457)


GWET = [
    [1, 1, None, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4], [4, 4, 4, 4],
    [1, 1, 2, 1], [2, 2, 2, 2], [None, 5, 5, 5], [None, None, 1, 1], [None, None, 3, None],
]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "value"),
    [
        (lg.gwet_ac1, 0.77544),
        (lg.fleiss_kappa, 0.76117),
        (lg.krippendorff_alpha, 0.74342),
        (lg.conger_kappa, 0.76282),
    ],
)
def test_published_coefficients_with_missing_ratings(function, value):
    found = function(GWET)
    assert round(found.value, 5) == value
    assert (found.n_units, found.n_annotators, found.n_categories) == (11, 4, 5)


def test_alpha_of_every_level():
    rows = ["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."]
    table = [[None if mark == "." else int(mark) for mark in row.split()] for row in rows]
    units = list(zip(*table, strict=True))
    found = {level: lg.krippendorff_alpha(units, level=level) for level in ("nominal", "ordinal", "interval", "ratio")}
    assert [round(one.value, 3) for one in found.values()] == [0.743, 0.815, 0.849, 0.797]
    assert {one.n_units for one in found.values()} == {11}


# Definitions written out ----------------------------------------------------------------------------------------------


def slow_alpha(units, level):
    """Krippendorff's alpha from the coincidence matrix, in exact fractions."""
    units = [[value for value in unit if value is not None] for unit in units]
    units = [unit for unit in units if len(unit) > 1]
    values = sorted({value for unit in units for value in unit})
    matrix = {(c, k): Fraction(0) for c in values for k in values}
    for unit in units:
        for a, b in permutations(range(len(unit)), 2):
            matrix[unit[a], unit[b]] += Fraction(1, len(unit) - 1)
    size = {c: sum(matrix[c, k] for k in values) for c in values}
    total = sum(size.values())

    def delta(c, k):
        if c == k:
            return Fraction(0)
        if level == "nominal":
            return Fraction(1)
        if level == "interval":
            return Fraction(c - k) ** 2
        if level == "ratio":
            return (Fraction(c - k) / Fraction(c + k)) ** 2
        low, high = sorted((c, k))
        return (sum(size[g] for g in values if low <= g <= high) - (size[c] + size[k]) / 2) ** 2

    observed = sum(matrix[c, k] * delta(c, k) for c in values for k in values)
    expected = sum(size[c] * size[k] * delta(c, k) for c in values for k in values)
    return None if expected == 0 else float(1 - (total - 1) * observed / expected)


def slow_group(units, kind):
    """Fleiss, Conger or AC1 with missing ratings after Gwet, in exact fractions."""
    categories = sorted({value for unit in units for value in unit if value is not None})
    raters = list(zip(*units, strict=True))
    several = [[v for v in unit if v is not None] for unit in units]
    agreed = [
        Fraction(sum(a == b for a, b in combinations(unit, 2)), math.comb(len(unit), 2))
        for unit in several
        if len(unit) > 1
    ]
    observed = sum(agreed) / len(agreed)
    some = [unit for unit in several if unit]
    share = {c: sum(Fraction(unit.count(c), len(unit)) for unit in some) / len(some) for c in categories}
    if kind == "fleiss":
        chance = sum(p * p for p in share.values())
    elif kind == "ac1":
        chance = sum(p * (1 - p) for p in share.values()) / (len(categories) - 1)
    else:
        own = [[value for value in rater if value is not None] for rater in raters]
        shares = [{c: Fraction(rater.count(c), len(rater)) for c in categories} for rater in own if rater]
        products = [sum(a[c] * b[c] for c in categories) for a, b in combinations(shares, 2)]
        chance = sum(products) / len(products)
    return float((observed - chance) / (1 - chance))


@st.composite
def tables(draw):
    seed = draw(st.integers(0, 2**32))
    n, r, q = draw(st.integers(2, 25)), draw(st.integers(2, 6)), draw(st.integers(2, 5))
    rng = np.random.default_rng(seed)
    truth = rng.integers(1, q + 1, (n, 1))
    values = np.where(rng.random((n, r)) < 0.6, truth, rng.integers(1, q + 1, (n, r)))
    missing = rng.random((n, r)) < draw(st.sampled_from([0.0, 0.3]))
    # So that something is always defined.
    values[:2, :2] = [[1, 1], [2, 1]]
    missing[:2, :2] = False
    return [
        [None if gone else int(value) for value, gone in zip(*row, strict=True)]
        for row in zip(values, missing, strict=True)
    ]


@given(tables())
@settings(max_examples=60, deadline=None)
def test_group_coefficients_are_what_their_definitions_say(units):
    for kind, function in (("fleiss", lg.fleiss_kappa), ("conger", lg.conger_kappa), ("ac1", lg.gwet_ac1)):
        assert function(units).value == pytest.approx(slow_group(units, kind), abs=1e-12)
    for level in ("nominal", "ordinal", "interval", "ratio"):
        assert lg.krippendorff_alpha(units, level=level).value == pytest.approx(slow_alpha(units, level), abs=1e-12)


@given(tables(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_neither_the_order_of_annotators_nor_of_units_matters(units, random):
    columns = list(zip(*units, strict=True))
    random.shuffle(columns)
    other = list(zip(*columns, strict=True))
    random.shuffle(other)
    for function in (lg.fleiss_kappa, lg.conger_kappa, lg.gwet_ac1, lg.krippendorff_alpha):
        assert function(other).value == pytest.approx(function(units).value, abs=1e-12)


@given(tables())
@settings(max_examples=40, deadline=None)
def test_names_and_types_of_categories_do_not_matter(units):
    named = [[None if value is None else f"category {value}" for value in unit] for unit in units]
    array = np.array([[NAN if value is None else value for value in unit] for unit in units])
    for function in (lg.fleiss_kappa, lg.conger_kappa, lg.gwet_ac1, lg.krippendorff_alpha):
        assert function(named) == function(units) == function(array)
    a, b = zip(*(unit[:2] for unit in units), strict=True)
    kappa = lg.cohen_kappa(a, b, weights="linear")
    assert kappa == lg.cohen_kappa(pa.array(a), pa.chunked_array([pa.array(b)]), weights="linear")
    assert kappa == lg.cohen_kappa(*zip(*(unit[:2] for unit in named), strict=True), weights="linear")
    assert kappa.value == pytest.approx(lg.cohen_kappa(b, a, weights="linear").value, abs=1e-12)


@given(tables())
@settings(max_examples=40, deadline=None)
def test_of_two_complete_annotators_conger_is_cohen(units):
    pair = [unit[:2] for unit in units if None not in unit[:2]]
    a, b = zip(*pair, strict=True)
    kappa, conger = lg.cohen_kappa(a, b), lg.conger_kappa(pair)
    assert kappa.value == pytest.approx(conger.value, abs=1e-12)
    assert kappa.expected == pytest.approx(conger.expected, abs=1e-12)


def test_ranks_are_those_of_the_order_that_is_given():
    a, b = ["low", "mid", "high", "low", "high"], ["mid", "mid", "low", "low", "high"]
    order = ["low", "mid", "high", "never used"]
    number = {name: place for place, name in enumerate(order)}
    named = lg.cohen_kappa(a, b, weights="quadratic", categories=order)
    numbered = lg.cohen_kappa([number[x] for x in a], [number[x] for x in b], weights="quadratic")
    by_letters = lg.cohen_kappa(a, b, weights="quadratic")
    assert named == numbered
    assert named.value != by_letters.value
    units = list(zip(a, b, strict=True))
    given = lg.krippendorff_alpha(units, level="ordinal", categories=order)
    assert given == lg.krippendorff_alpha([[number[x] for x in unit] for unit in units], level="ordinal")


def test_ac2_counts_near_misses():
    units = [[1, 2], [1, 1], [2, 3], [3, 3], [2, 2]]
    # By hand: linear weights 1, 1/2, 0; observed 4/5; shares 3/10, 4/10, 3/10; chance 5/6 * (1 - 0.34) = 0.55.
    found = lg.gwet_ac1(units, weights="linear")
    assert found.observed == pytest.approx(0.8)
    assert found.expected == pytest.approx(0.55)
    assert found.value == pytest.approx(0.25 / 0.45)
    assert lg.gwet_ac1(units).value < found.value < lg.gwet_ac1(units, weights="quadratic").value


def test_many_values_are_compared_in_pieces(monkeypatch):
    rng = np.random.default_rng(2)
    units = rng.integers(0, 40, (50, 3)).tolist()
    whole = lg.krippendorff_alpha(units, level="ratio")
    monkeypatch.setattr(krippendorff, "CHUNK", 100)
    assert lg.krippendorff_alpha(units, level="ratio").value == pytest.approx(whole.value, abs=1e-13)
    positive = [[value + 1 for value in unit] for unit in units]
    alpha = lg.krippendorff_alpha(positive, level="ratio")
    assert alpha.value == pytest.approx(slow_alpha(positive, "ratio"), abs=1e-12)


# Other libraries ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
def test_kappa_equals_scikit_learn_and_statsmodels(seed, weights):
    rng = np.random.default_rng(seed)
    n, q = int(rng.integers(5, 400)), int(rng.integers(2, 9))
    truth = rng.integers(0, q, n)
    a, b = (np.where(rng.random(n) < 0.7, truth, rng.integers(0, q, n)) for _ in range(2))
    a[:q], b[:q] = np.arange(q)[: len(a[:q])], np.roll(np.arange(q), 1)[: len(b[:q])]
    found = lg.cohen_kappa(a, b, weights=weights)
    assert found.value == pytest.approx(cohen_kappa_score(a, b, weights=weights), abs=1e-12)
    size = max(a.max(), b.max()) + 1
    table = np.bincount(a * size + b, minlength=size * size).reshape(size, size)
    other = inter_rater.cohens_kappa(table, wt=weights, return_results=True)
    assert found.value == pytest.approx(other.kappa, abs=1e-12)
    assert found.standard_error == pytest.approx(other.std_kappa, abs=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_fleiss_equals_statsmodels(seed):
    rng = np.random.default_rng(seed)
    n, r, q = int(rng.integers(2, 200)), int(rng.integers(2, 9)), int(rng.integers(2, 7))
    truth = rng.integers(0, q, (n, 1))
    values = np.where(rng.random((n, r)) < 0.5, truth, rng.integers(0, q, (n, r)))
    counts = np.stack([(values == k).sum(axis=1) for k in range(q)], axis=1)
    assert lg.fleiss_kappa(values).value == pytest.approx(inter_rater.fleiss_kappa(counts), abs=1e-12)


# What is undefined ----------------------------------------------------------------------------------------------------

GROUP = [lg.fleiss_kappa, lg.conger_kappa, lg.gwet_ac1, lg.krippendorff_alpha]


@pytest.mark.parametrize("function", GROUP)
@pytest.mark.parametrize(
    ("units", "reason"),
    [
        ([], "no_units"),
        ([[], []], "no_units"),
        ([[None, None]], "no_units"),
        (np.empty((0, 3)), "no_units"),
        ([["a"], ["b"]], "single_annotator"),
        ([["a", None], ["b", None]], "single_annotator"),
        ([["a", None], [None, "b"]], "no_unit_with_two_ratings"),
        ([["a", "a"], ["a", "a"]], "single_category"),
        ([["a", "a", None], ["a", None, "a"]], "single_category"),
    ],
)
def test_what_is_undefined_is_none_with_a_reason(function, units, reason):
    found = function(units)
    assert (found.value, found.standard_error, found.reason) == (None, None, reason)


@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        ([], [], "no_units"),
        ([None], [None], "no_units"),
        (["a"], [None], "single_annotator"),
        (["a", None], [None, "a"], "no_unit_with_two_ratings"),
        (["a", "a"], ["a", "a"], "single_category"),
        (["a", "a", "b"], ["a", "a", None], "single_category"),
    ],
)
@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
def test_what_is_undefined_for_two(a, b, reason, weights):
    found = lg.cohen_kappa(a, b, weights=weights)
    assert (found.value, found.standard_error, found.reason) == (None, None, reason)


def test_constant_annotators_who_differ_have_a_kappa_of_0():
    found = lg.cohen_kappa(["a"] * 5, ["b"] * 5)
    assert (found.value, found.standard_error, found.observed, found.expected) == (0.0, 0.0, 0.0, 0.0)
    assert lg.conger_kappa([["a", "b"]] * 5).value == 0.0
    assert lg.fleiss_kappa([["a", "b"]] * 5).value == -1.0


def test_numbers_that_are_written_otherwise_are_the_same_number():
    units = [["1", "1.0"], ["1.0", "1"], ["1", "1"]]
    found = lg.krippendorff_alpha(units, level="interval")
    assert (found.value, found.reason, found.observed, found.expected) == (None, "single_category", 0.0, 0.0)
    assert lg.krippendorff_alpha(pa.array(units)).value < 0


def test_one_category_in_units_that_count_leaves_alpha_undefined_but_not_kappa():
    units = [["a", "a"], ["a", "a"], ["b", None]]
    assert lg.krippendorff_alpha(units).reason == "single_category"
    assert lg.fleiss_kappa(units).value == 1.0


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lg.cohen_kappa([1, 2], [1]), "a has 2 ratings and b 1"),
        (
            lambda: lg.cohen_kappa([1, 2], [1, 2], weights="cubic"),
            "weights is 'cubic'; it is linear, quadratic or None",
        ),
        (lambda: lg.cohen_kappa([1, 2], ["a", 2]), "ratings mix numbers and texts"),
        (lambda: lg.cohen_kappa(["a"], ["b"], categories=["a"]), "a rating is 'b', which is none of the categories"),
        (lambda: lg.cohen_kappa(["a"], ["b"], categories=["a", "b", "a"]), "categories name 'a' twice"),
        (lambda: lg.fleiss_kappa(["a", "b"]), "ratings have 1 dimensions"),
        (lambda: lg.gwet_ac1([[1, 2]], weights=1), "weights is 1"),
        (lambda: lg.krippendorff_alpha([[1, 2]], level="nice"), "level is 'nice'; it is one of nominal, ordinal"),
        (
            lambda: lg.krippendorff_alpha([["a", "b"]], level="interval"),
            "a rating is 'a'; level interval needs numbers",
        ),
        (lambda: lg.krippendorff_alpha([[-1, 2]], level="ratio"), "a rating is -1.0; level ratio needs numbers"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
