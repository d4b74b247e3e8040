"""Reliability of an export: equal to the coefficients one by one, to an independent resampling, in parts and whole."""

import itertools
import json
import sys
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest

import lesiongeo as lg
from lesiongeo.statistics import bootstrap_weights, task_clusters
from lesiongeo.testing import make_export

CONFIG = "examples/dermatology_config.xml"


def read(tasks, **options):
    return lg.read_label_studio(json.dumps(tasks).encode(), **options)


@pytest.fixture(scope="module")
def made():
    export = read(make_export(patients=14, annotators=4, seed=5), config=CONFIG, patient="patient_id")
    result = lg.agreement(export, boundary=False)
    return export, result, lg.reliability(export, result, resamples=100, seed=3)


def rows_of(table, **wanted):
    return [row for row in table.to_pylist() if all(row[name] == value for name, value in wanted.items())]


# The same as one by one -----------------------------------------------------------------------------------------------

GROUP = {
    "fleiss_kappa": lg.fleiss_kappa,
    "gwet_ac1": lg.gwet_ac1,
    "krippendorff_alpha_nominal": lg.krippendorff_alpha,
    "krippendorff_alpha_ordinal": lambda r, **o: lg.krippendorff_alpha(r, level="ordinal", **o),
    "krippendorff_alpha_interval": lambda r, **o: lg.krippendorff_alpha(r, level="interval", **o),
}
CONTROLS = [
    ("label", "region"), ("lesion_status", "region"), ("track_id", "region"), ("visit_assessment", "page"),
]  # fmt: skip


@pytest.mark.parametrize(("control", "scope"), CONTROLS)
@pytest.mark.parametrize("missed", ["left_out", "category"])
def test_rows_of_all_annotators_are_the_coefficients_of_their_ratings(made, control, scope, missed):
    export, result, table = made
    found = rows_of(table, control=control, missed=missed, annotator_a=None)
    if scope == "page" and missed == "category":
        assert found == []
        return
    ratings = lg.ratings(export, result, control, missed=missed)
    ordered = control in ("lesion_status", "visit_assessment") and missed == "left_out"
    expected = ["raw_agreement", *GROUP] if ordered else ["raw_agreement", *list(GROUP)[:3]]
    assert [row["statistic"] for row in found] == [name for name in expected if "interval" not in name]
    for row in found:
        one = lg.fleiss_kappa(ratings)
        if row["statistic"] == "raw_agreement":
            assert row["value"] == pytest.approx(one.observed, abs=1e-12)
            continue
        one = GROUP[row["statistic"]](ratings)
        assert row["value"] == pytest.approx(one.value, abs=1e-12)
        assert (row["n_units"], row["n_annotators"]) == (one.n_units, one.n_annotators)
        assert row["scope"] == scope
        assert row["low"] < row["value"] < row["high"]
        assert row["reason"] is None


@pytest.mark.parametrize(("control", "scope"), CONTROLS)
@pytest.mark.parametrize("missed", ["left_out", "category"])
def test_rows_of_two_annotators_are_cohens_kappas_of_their_ratings(made, control, scope, missed):
    export, result, table = made
    if scope == "page" and missed == "category":
        return
    ratings = lg.ratings(export, result, control, missed=missed)
    place = {name: at for at, name in enumerate(ratings.annotators)}
    pairs = list(itertools.combinations(ratings.annotators, 2))
    seen = 0
    for a, b in pairs:
        both = ratings.codes[:, [place[a], place[b]]]
        both = both[(both >= 0).all(axis=1)]
        if missed == "category":
            both = both[(both != len(ratings.categories) - 1).any(axis=1)]
        for row in rows_of(table, control=control, missed=missed, annotator_a=a, annotator_b=b):
            seen += 1
            assert row["n_units"] == len(both)
            if row["statistic"] == "raw_agreement":
                assert row["value"] == pytest.approx((both[:, 0] == both[:, 1]).mean(), abs=1e-12)
                continue
            weights = row["statistic"].removeprefix("cohen_kappa").removeprefix("_") or None
            assert row["value"] == pytest.approx(lg.cohen_kappa(*both.T, weights=weights).value, abs=1e-12)
    kinds = 4 if missed == "left_out" and control in ("lesion_status", "visit_assessment") else 2
    assert seen == kinds * len(pairs)


def test_areas_are_compared_by_icc(made):
    export, result, table = made
    areas = lg.area(export.regions.polygons)
    names = sorted(set(export.annotations["annotator"].to_pylist()))
    measured = np.full((result.lesions.num_rows, len(names)), np.nan)
    for region, lesion in enumerate(result.lesion_of_region.tolist()):
        if lesion >= 0:
            measured[lesion, names.index(export.regions.table["annotator"][region].as_py())] = areas[region]
    found = rows_of(table, control="area_px2")
    assert len(found) == 1 + 6
    for row in found:
        some = range(len(names)) if row["annotator_a"] is None else [
            names.index(row["annotator_a"]), names.index(row["annotator_b"])
        ]  # fmt: skip
        one = lg.icc(measured[:, some], form="2,1")
        assert row["value"] == pytest.approx(one.value, abs=1e-12)
        assert row["n_units"] == one.n_units
        assert (row["n_annotators"], row["n_categories"]) == (len(some), None)
        assert (row["statistic"], row["missed"], row["scope"]) == ("icc_2_1", "left_out", "region")


# The same as resampled by hand ----------------------------------------------------------------------------------------


def test_intervals_are_those_of_whole_clusters_drawn_again(made):
    """Draw by hand: each unit as often as its cluster's weight says, then the coefficient of what was drawn."""
    export, result, table = made
    clusters = task_clusters(export)
    weights = bootstrap_weights(clusters.keys, resamples=100, seed=3)
    for control, missed, statistic in (
        ("label", "category", "krippendorff_alpha_nominal"),
        ("lesion_status", "left_out", "krippendorff_alpha_ordinal"),
        ("visit_assessment", "left_out", "fleiss_kappa"),
        ("lesion_status", "left_out", "cohen_kappa_quadratic"),
    ):
        ratings = lg.ratings(export, result, control, missed=missed)
        cluster = clusters.of(ratings.units["task_id"].to_numpy())
        drawn = []
        for own in weights:
            codes = np.repeat(ratings.codes, own[cluster], axis=0).astype(float)
            codes[codes < 0] = np.nan
            if statistic.startswith("cohen"):
                drawn.append(lg.cohen_kappa(codes[:, 0], codes[:, 1], weights="quadratic").value)
            else:
                drawn.append(GROUP[statistic](codes).value)
        a = "1" if statistic.startswith("cohen") else None
        b = "2" if statistic.startswith("cohen") else None
        (row,) = rows_of(table, control=control, missed=missed, statistic=statistic, annotator_a=a, annotator_b=b)
        low, high = np.quantile([value for value in drawn if value is not None], [0.025, 0.975])
        # What was drawn has all categories here, so ranks stay the same.
        assert row["low"] == pytest.approx(low, abs=1e-9)
        assert row["high"] == pytest.approx(high, abs=1e-9)


def test_patients_are_drawn_not_tasks(made):
    export, _, table = made
    (row,) = rows_of(table, control="label", missed="left_out", annotator_a=None, statistic="gwet_ac1")
    assert row["n_clusters"] == len(set(export.tasks["patient"].to_pylist())) == 14


def test_another_seed_moves_the_bounds_but_no_value(made):
    export, result, table = made
    other = lg.reliability(export, result, resamples=100, seed=4)
    assert other["value"].equals(table["value"])
    assert not other["low"].equals(table["low"])
    assert lg.reliability(export, result, resamples=100, seed=3).equals(table)
    narrow = lg.reliability(export, result, resamples=100, seed=3, confidence=0.5)
    for wide, less in zip(table.to_pylist(), narrow.to_pylist(), strict=True):
        assert wide["low"] <= less["low"] <= less["high"] <= wide["high"]


def test_the_order_of_tasks_and_names_of_files_do_not_matter(made):
    tasks = make_export(patients=14, annotators=4, seed=5)
    export = read(tasks[::-1], config=CONFIG, patient="patient_id")
    assert lg.reliability(export, lg.agreement(export, boundary=False), resamples=100, seed=3).equals(made[2])


# In parts -------------------------------------------------------------------------------------------------------------


def parts_of(tasks, groups, **options):
    for group in groups:
        export = read([tasks[at] for at in group], **options)
        yield lg.ReliabilityParts.of(export, lg.agreement(export, boundary=False))


@pytest.mark.parametrize("seed", range(4))
def test_merged_parts_are_the_whole(seed):
    rng = np.random.default_rng(seed)
    tasks = make_export(patients=10, annotators=4, seed=seed + 20)
    options = {"patient": "patient_id", "config": CONFIG}
    whole = read(tasks, **options)
    expected = lg.reliability(whole, lg.agreement(whole, boundary=False), resamples=60, seed=1)
    # Patients may be spread over parts; a part may be without regions.
    place = rng.integers(0, 4, len(tasks))
    groups = [np.flatnonzero(place == number).tolist() for number in range(4)]
    parts = list(parts_of(tasks, [*groups, []], **options))
    for order in (parts, parts[::-1]):
        merged = order[0]
        for part in order[1:]:
            merged = merged.merge(part)
        found = merged.table(resamples=60, seed=1)
        exact = pa.compute.not_equal(found["control"], "area_px2")
        assert found.filter(exact).equals(expected.filter(exact))
        assert found.drop_columns(["value", "low", "high"]).equals(expected.drop_columns(["value", "low", "high"]))
        for name in ("value", "low", "high"):
            np.testing.assert_allclose(found[name].to_numpy(), expected[name].to_numpy(), rtol=0, atol=1e-12)


def region(number, label="a", **answers):
    """A square region with answers to choices, as Label Studio writes them."""
    x, y = 10 + 20 * (number % 4), 10 + 20 * (number // 4)
    points = [[x, y], [x + 10, y], [x + 10, y + 10], [x, y + 10]]
    common = {
        "original_width": 100,
        "original_height": 100,
        "image_rotation": 0,
        "to_name": "image",
        "id": f"r{number}",
    }
    entries = [
        {
            **common,
            "type": "polygonlabels",
            "from_name": "lesion",
            "value": {"points": points, "polygonlabels": [label]},
        }
    ]
    for name, given in answers.items():
        kind, key = ("number", "number") if isinstance(given, int | float) else ("choices", "choices")
        value = {key: given if kind == "number" else given if isinstance(given, list) else [given]}
        entries.append({**common, "type": kind, "from_name": name, "value": {**value, "points": points}})
    return entries


def task(number, *annotations):
    """A task whose annotators, from 1, have these results; None has not annotated."""
    rows = []
    for annotator, result in enumerate(annotations, start=1):
        if result is not None:
            rows.append({"id": 100 * number + annotator, "completed_by": annotator, "result": result})
    return {"id": number, "data": {"image": "a.png"}, "annotations": rows}


def test_parts_with_other_annotators_and_categories_are_recoded():
    """The second part knows another annotator, a control more, and a label that comes first."""
    tasks = [
        task(1, region(0, "m") + region(1, "n"), region(0, "n") + region(1, "n")),
        task(2, region(0, "m"), region(0, "m")),
        task(3, region(0, "a", status="new"), None, region(0, "m", status="old") + region(1, "z")),
        task(4, None, region(0, "z", status="new"), region(0, "z", status="new")),
    ]
    whole = read(tasks)
    expected = lg.reliability(whole, lg.agreement(whole), resamples=50)
    first, second = parts_of(tasks, [(0, 1), (2, 3)])
    for merged in (first.merge(second), second.merge(first)):
        found = merged.table(resamples=50)
        assert found.drop_columns(["value", "low", "high"]).equals(expected.drop_columns(["value", "low", "high"]))
        np.testing.assert_allclose(found["value"].to_numpy(), expected["value"].to_numpy(), rtol=0, atol=1e-12)
    # Nobody drew with all three, so the whole has no complete unit, though the first part has.
    (icc,) = rows_of(expected, control="area_px2", annotator_a=None)
    assert (icc["value"], icc["reason"], icc["n_units"]) == (None, "no_complete_unit", 0)
    assert rows_of(first.table(resamples=0), control="area_px2", annotator_a=None)[0]["n_units"] == 3


def test_parts_together_may_have_too_many_categories(monkeypatch):
    monkeypatch.setattr("lesiongeo.statistics.patterns.MOST_LABELS", 100)
    tasks = [task(n, region(0, f"label {n}"), region(0, f"label {n + 1}")) for n in range(1, 121)]
    first, second = parts_of(tasks, [range(60), range(60, 120)])
    assert rows_of(first.table(resamples=0), control="label", missed="left_out", statistic="fleiss_kappa")
    whole = read(tasks)
    table = lg.reliability(whole, lg.agreement(whole), resamples=0)
    for found in (first.merge(second).table(resamples=0), first.merge(second).merge(first).table(resamples=0), table):
        (row,) = rows_of(found, control="label")
        assert row["reason"] == "too_many_categories"
        assert {row[name] for name in ("statistic", "value", "low", "high", "n_units", "annotator_a")} == {None}


# By hand --------------------------------------------------------------------------------------------------------------


def test_a_missed_lesion_is_a_category_or_left_out():
    """Both drew lesion 0 (a, a) and 1 (a, b); the first alone drew 2 (a), the second alone 3 (b)."""
    tasks = [
        task(1, region(0, "a") + region(1, "a") + region(2, "a"), region(0, "a") + region(1, "b") + region(3, "b")),
        task(2, region(0, "b"), region(0, "b")),
    ]
    export = read(tasks)
    result = lg.agreement(export)
    own = lg.ratings(export, result, "label", missed="category")
    assert own.categories == ("a", "b", None)
    assert sorted(own.codes.tolist()) == [[0, 0], [0, 1], [0, 2], [1, 1], [2, 1]]
    left = lg.ratings(export, result, "label")
    assert sorted(left.codes.tolist()) == [[-1, 1], [0, -1], [0, 0], [0, 1], [1, 1]]
    assert left.units.column_names == ["task_id", "page", "lesion"]
    assert repr(left) == "<Ratings of label: 5 units, 2 annotators, 2 categories>"
    table = lg.reliability(export, result, resamples=0)
    one = {"annotator_a": "1", "annotator_b": "2", "control": "label"}
    (row,) = rows_of(table, missed="left_out", statistic="cohen_kappa", **one)
    # Observed 2/3; shares of a 2/3 and 1/3: chance 4/9; kappa (2/3 - 4/9) / (5/9) = 0.4.
    assert row["value"] == pytest.approx(0.4)
    (row,) = rows_of(table, missed="category", statistic="cohen_kappa", **one)
    # a b m: 3 1 1 and 1 3 1 of 5; observed 2/5, chance (3 + 3 + 1) / 25; kappa (0.4 - 0.28) / 0.72 = 1/6.
    assert row["value"] == pytest.approx(1 / 6)
    assert row["reason"] == "no_resamples"
    assert (row["n_units"], row["n_categories"], row["n_clusters"]) == (5, 3, 2)


def test_what_two_missed_is_no_agreement_of_theirs():
    """The third alone drew lesion 1. It is a unit of the three, but not of the first two."""
    tasks = [task(n, region(0, "a"), region(0, "b"), region(0, "a") + region(1, "b")) for n in (1, 2)]
    export = read(tasks)
    table = lg.reliability(export, lg.agreement(export), resamples=0, controls=["label"])
    units = {
        (row["annotator_a"], row["annotator_b"]): row["n_units"]
        for row in rows_of(table, missed="category", statistic="raw_agreement")
    }
    assert units == {(None, None): 4, ("1", "2"): 2, ("1", "3"): 4, ("2", "3"): 4}


def test_two_who_missed_everything_that_the_third_drew_share_no_unit():
    tasks = [task(n, [], [], region(0, "ab"[n % 2])) for n in (1, 2)]
    export = read(tasks)
    table = lg.reliability(export, lg.agreement(export), resamples=0, controls=["label"])
    pairs = {(row["annotator_a"], row["annotator_b"]) for row in rows_of(table, missed="category")}
    assert pairs == {(None, None), ("1", "3"), ("2", "3")}


def test_answers_of_cancelled_annotations_alone_are_no_units():
    tasks = [task(1, region(0, "a", status="new") + answer("quality", "good"))]
    for drawn in ([], region(0, "a"), None):
        tasks[0]["annotations"][0]["was_cancelled"] = True
        tasks[0]["annotations"][1:] = [] if drawn is None else [{"id": 5, "completed_by": 2, "result": drawn}]
        export = read(tasks)
        table = lg.reliability(export, lg.agreement(export), resamples=10, controls=["status", "quality"])
        assert {row["control"] for row in table.to_pylist()} == {"status", "quality"}
        assert {(row["value"], row["reason"], row["n_units"]) for row in table.to_pylist()} == {(None, "no_units", 0)}


def test_lesions_that_nobody_answered_are_no_units():
    tasks = [task(1, region(0, "a", status="new") + region(1, "a"), region(0, "a", status="old"), region(1, "a"))]
    export = read(tasks)
    table = lg.reliability(export, lg.agreement(export), resamples=0, controls=["status"])
    (row,) = rows_of(table, missed="category", annotator_a=None, statistic="raw_agreement")
    # Of lesion 0: new, old, missed. Lesion 1, which two drew without a status, is none.
    assert (row["n_units"], row["value"]) == (1, 0.0)


def test_annotators_of_other_tasks_have_not_missed_anything():
    tasks = [task(1, region(0), region(0), None), task(2, region(0), None, region(0)), task(3, None, region(0), [])]
    export = read(tasks)
    own = lg.ratings(export, lg.agreement(export), "label", missed="category")
    assert own.codes.tolist() == [[0, 0, -1], [0, -1, 0], [-1, 0, 1]]


def test_several_choices_are_a_set():
    tasks = [task(1, region(0, signs=["red", "raised"]), region(0, signs=["raised", "red"]), region(0, signs="red"))]
    export = read(tasks)
    own = lg.ratings(export, lg.agreement(export), "signs")
    assert own.categories == ('["raised", "red"]', "red")
    assert own.codes.tolist() == [[0, 0, 1]]
    assert not own.ordered
    # A choice that only looks like a list is itself.
    tasks = [task(1, region(0, signs="[red"), region(0, signs="red]"))]
    export = read(tasks)
    assert lg.ratings(export, lg.agreement(export), "signs").categories == ("[red", "red]")


def test_numbers_have_an_order_and_track_ids_have_none():
    rng = np.random.default_rng(1)
    tasks = []
    for number in range(1, 9):
        drawn = [
            list(itertools.chain(*(region(at, size=float(rng.integers(1, 4)) / 2, track_id=at) for at in range(3))))
            for _ in range(2)
        ]
        tasks.append(task(number, *drawn))
    export = read(tasks)
    result = lg.agreement(export)
    sizes, tracks = lg.ratings(export, result, "size"), lg.ratings(export, result, "track_id")
    assert (sizes.categories, sizes.ordered) == (("0.5", "1", "1.5"), True)
    assert (tracks.categories, tracks.ordered) == (("0", "1", "2"), False)
    table = lg.reliability(export, result, resamples=20)
    (row,) = rows_of(table, control="size", missed="left_out", statistic="krippendorff_alpha_interval")
    values = np.array([float(text) for text in sizes.categories])[sizes.codes]
    assert row["value"] == pytest.approx(lg.krippendorff_alpha(values, level="interval").value, abs=1e-12)
    names = {row["statistic"] for row in rows_of(table, control="track_id")}
    assert names == {"raw_agreement", "fleiss_kappa", "gwet_ac1", "krippendorff_alpha_nominal", "cohen_kappa"}


def test_choices_are_ordered_as_the_configuration_lists_them():
    config = """<View><Image name="image" value="$image"/><PolygonLabels name="lesion" toName="image">
    <Label value="a"/></PolygonLabels><Choices name="status" toName="image" perRegion="true">
    <Choice value="small"/><Choice value="middle"/><Choice value="large"/></Choices></View>"""
    tasks = [
        task(1, region(0, status="small") + region(1, status="middle"), region(0, status="small")),
        task(2, region(0, status="large"), region(0, status="middle")),
    ]
    for options, categories, ordered in (
        ({"config": config.encode()}, ("small", "middle", "large"), True),
        ({}, ("large", "middle", "small"), False),
    ):
        export = read(tasks, **options)
        own = lg.ratings(export, lg.agreement(export), "status")
        assert (own.categories, own.ordered) == (categories, ordered)
    # A choice that the configuration does not list has no place among the others.
    tasks.append(task(3, region(0, status="huge"), region(0, status="small")))
    export = read(tasks, config=config.encode())
    assert not lg.ratings(export, lg.agreement(export), "status").ordered


def answer(name, value, page=None):
    kind = "number" if isinstance(value, int | float) else "choices"
    entry = {"id": f"{name}{page}", "type": kind, "from_name": name, "to_name": "image"}
    entry["value"] = {kind: value if kind == "number" else [value]}
    return [entry if page is None else entry | {"item_index": page}]


def test_answers_to_pages_and_tasks_are_rated():
    tasks = []
    for number, (a, b, c) in enumerate(
        [("good", "good", "bad"), ("bad", "bad", "bad"), ("good", "bad", None)], start=1
    ):
        results = [None if said is None else answer("quality", said) + answer("seen", said, 1) for said in (a, b, c)]
        tasks.append(task(number, *results))
    # An older annotation of the first annotator, a cancelled one and a prediction do not count.
    old = {"id": 1, "completed_by": 1, "result": answer("quality", "bad"), "created_at": "2020-01-01T00:00:00Z"}
    gone = {"id": 2, "completed_by": 9, "result": answer("quality", "bad"), "was_cancelled": True}
    tasks[0]["annotations"][0]["created_at"] = "2026-01-01T00:00:00Z"
    tasks[0]["annotations"] = [old, gone, *tasks[0]["annotations"]]
    tasks[0]["predictions"] = [{"id": 3, "result": answer("quality", "bad")}]
    for entry in tasks:
        entry["data"] = {"image": ["a.png", "b.png"]}
    export = read(tasks)
    scope = {row["name"]: row["scope"] for row in export.controls.to_pylist()}
    result = lg.agreement(export)
    for name in ("quality", "seen"):
        own = lg.ratings(export, result, name)
        assert own.scope == scope[name]
        assert own.annotators == ("1", "2", "3")
        assert own.categories == ("bad", "good")
        assert own.codes.tolist() == [[1, 1, 0], [0, 0, 0], [1, 0, -1]]
        assert own.units["task_id"].to_pylist() == [1, 2, 3]
        # Nothing to miss.
        assert lg.ratings(export, result, name, missed="category").missed == "left_out"
    table = lg.reliability(export, result, resamples=0)
    (row,) = rows_of(table, control="quality", statistic="raw_agreement", annotator_a=None)
    assert row["value"] == pytest.approx((1 / 3 + 1 + 0) / 3)
    assert {row["scope"] for row in rows_of(table, control="seen")} == {"page"}


def test_answers_of_annotations_without_a_number_are_found():
    tasks = [task(n, answer("quality", "good"), answer("quality", "bad")) for n in (1, 2)]
    for entry in tasks:
        for annotation in entry["annotations"]:
            annotation["id"] = annotation["completed_by"]
    export = read(tasks)
    own = lg.ratings(export, lg.agreement(export), "quality")
    assert own.codes.tolist() == [[1, 0], [1, 0]]


# What is undefined ----------------------------------------------------------------------------------------------------


def test_nothing_to_rate_is_an_empty_table_with_the_same_columns(made):
    export = read([])
    table = lg.reliability(export, lg.agreement(export))
    assert table.schema == made[2].schema
    assert [(row["control"], row["reason"]) for row in table.to_pylist()] == [("area_px2", "no_units")]


@pytest.mark.parametrize(
    ("tasks", "reasons"),
    [
        ([task(1, region(0))], {"area_px2": "single_annotator", "label": "single_annotator"}),
        (
            [task(1, region(0), None), task(2, None, region(0))],
            {"area_px2": "no_complete_unit", "label": "no_unit_with_two_ratings"},
        ),
        ([task(1, region(0), region(0))], {"area_px2": "too_few_units", "label": "single_category"}),
        ([task(n, region(0), region(0)) for n in (1, 2, 3)], {"area_px2": "zero_variance", "label": "single_category"}),
    ],
)
def test_undefined_values_say_why(tasks, reasons):
    export = read(tasks)
    table = lg.reliability(export, lg.agreement(export), resamples=30)
    for control, reason in reasons.items():
        rows = rows_of(table, control=control, missed="left_out", annotator_a=None)
        rows = [row for row in rows if row["statistic"] != "raw_agreement"]
        assert rows
        for row in rows:
            assert (row["value"], row["low"], row["high"], row["reason"]) == (None, None, None, reason)


def test_one_cluster_gives_a_value_without_interval():
    tasks = [task(1, *[region(0, "a") + region(1, "b") + region(2, "b")] * 2, region(0, "a") + region(1, "a"))]
    export = read(tasks)
    table = lg.reliability(export, lg.agreement(export), resamples=50, controls=["label"])
    for row in table.to_pylist():
        assert row["value"] is not None
        assert (row["low"], row["high"], row["reason"], row["n_clusters"]) == (None, None, "too_few_clusters", 1)


def alternating(tasks):
    """Tasks in which all three agree on two lesions, of which one is a and one b."""
    return [task(n, *[region(0, "a") + region(1, "b")] * 3) for n in range(1, tasks + 1)]


def test_who_always_agrees_has_wilsons_interval_and_no_corrected_one():
    """Six tasks in which nothing varies: 6 of 6 clusters, and of what is corrected for chance nothing is known."""
    export = read(alternating(6))
    result = lg.agreement(export)
    rows = lg.reliability(export, result, resamples=200, controls=["label"]).to_pylist()
    low, high = (float(bound) for bound in lg.wilson_interval(6, 6))
    assert {row["statistic"] for row in rows} > {"raw_agreement", "cohen_kappa", "gwet_ac1"}
    for row in rows:
        assert (row["value"], row["n_clusters"]) == (1.0, 6)
        expected = (low, high, None) if row["statistic"] == "raw_agreement" else (None, None, "no_spread")
        assert (row["low"], row["high"], row["reason"]) == expected
    # What all three agree on half, in every task alike, is no share of 0 or 1: no interval either.
    half = [task(n, *[region(0, "a") + region(1, "b")] * 2, region(0, "a") + region(1, "a")) for n in range(1, 7)]
    export = read(half)
    for row in lg.reliability(export, lg.agreement(export), resamples=200, controls=["label"]).to_pylist():
        if row["statistic"].startswith("krippendorff"):
            # Its correction for few ratings varies with how many were drawn.
            continue
        clear = (row["annotator_a"], row["annotator_b"]) == ("1", "2")
        assert (row["value"] == 1.0) == clear
        assert (row["low"] is not None) == (clear and row["statistic"] == "raw_agreement")
        assert row["reason"] == (None if row["low"] is not None else "no_spread")


def test_fewer_than_five_clusters_give_a_value_without_interval():
    for tasks in (alternating(4), make_export(patients=4, visits=1, annotators=3, seed=2)):
        export = read(tasks)
        result = lg.agreement(export, boundary=False)
        for row in lg.reliability(export, result, resamples=50).to_pylist():
            assert row["low"] is None and row["high"] is None
            assert row["value"] is None or row["reason"] == "too_few_clusters"
        for row in lg.agreement_statistics(export, result, resamples=50).to_pylist():
            assert row["mean_low"] is None and row["below_high"] is None
            assert row["mean"] is None or row["reason"] == "too_few_clusters"


@pytest.mark.parametrize("made_of", [alternating(6), alternating(3), make_export(patients=12, annotators=2, seed=8)])
def test_both_tables_say_the_same_of_equal_labels(made_of):
    """Of two annotators the share of equal labels is one number: label_equal here, raw_agreement there."""
    export = read(made_of)
    result = lg.agreement(export, boundary=False)
    table = lg.reliability(export, result, resamples=200, seed=5, controls=["label"])
    strata = lg.agreement_statistics(export, result, resamples=200, seed=5, by=["annotator_pair"])
    seen = 0
    for row in rows_of(table, statistic="raw_agreement", missed="left_out"):
        if row["annotator_a"] is None:
            continue
        pair = {"annotator_a": row["annotator_a"], "annotator_b": row["annotator_b"]}
        (same,) = rows_of(strata, metric="label_equal", **pair)
        assert (row["n_units"], row["n_clusters"], row["reason"]) == (same["n"], same["n_clusters"], same["reason"])
        for one, other in (("value", "mean"), ("low", "mean_low"), ("high", "mean_high")):
            assert row[one] == (None if same[other] is None else pytest.approx(same[other], abs=1e-12))
        seen += 1
    assert seen > 0


def test_no_row_is_without_value_and_reason():
    for seed in range(3):
        export = read(make_export(patients=2, annotators=5, seed=seed))
        table = lg.reliability(export, lg.agreement(export, boundary=False), resamples=40)
        for row in table.to_pylist():
            for name in ("value", "low", "high"):
                assert (row[name] is None) <= (row["reason"] is not None)
                assert row[name] is None or np.isfinite(row[name])
            assert (row["value"] is not None) or (row["low"] is None and row["high"] is None)


def test_what_is_drawn_at_a_time_changes_no_bit(made, monkeypatch):
    export, result, table = made
    # The package has a function of the name of the module.
    monkeypatch.setattr(sys.modules["lesiongeo.statistics.reliability"], "MOST_NUMBERS", 1)
    assert lg.reliability(export, result, resamples=100, seed=3).equals(table)


def test_many_pairs_and_labels_need_no_more_memory_than_some():
    """Ten people and 30 labels: 45 pairs with some 60 sums each, twice; all of them in 10,000 resamples need 1.4 GB."""
    rng = np.random.default_rng(3)
    tasks = []
    for number in range(1, 41):
        labels = rng.integers(30, size=16)
        tasks.append(task(number, *[[e for n in range(16) for e in region(n, f"L{labels[n]:02d}")] for _ in range(10)]))
    export = read(tasks)
    parts = lg.ReliabilityParts.of(export, lg.agreement(export, boundary=False), controls=["label"])
    tracemalloc.start()
    try:
        parts.table(resamples=10_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 400e6


# Options --------------------------------------------------------------------------------------------------------------


def test_controls_may_be_chosen(made):
    export, result, table = made
    some = lg.reliability(export, result, controls=["label", "area_px2"], resamples=100, seed=3)
    chosen = pa.compute.is_in(table["control"], pa.array(["label", "area_px2"]))
    assert some.equals(table.filter(chosen))
    assert "notes" not in table["control"].to_pylist()
    notes = lg.reliability(export, result, controls=["notes"], resamples=0)
    assert set(notes["control"].to_pylist()) == {"notes"}


@pytest.mark.parametrize("tasks", [[], [task(1, [], [])], [task(n, [], region(0)) for n in (1, 2)]])
def test_named_controls_that_nobody_answered_have_rows_without_values(tasks):
    """The same names work for every export of a project; without names what nobody answered has no rows."""
    for one in tasks:
        for annotation in one["annotations"]:
            for entry in annotation["result"]:
                entry["value"]["polygonlabels"] = []
    export = read(tasks, config=CONFIG)
    result = lg.agreement(export)
    names = ["label", "lesion_status", "track_id", "notes", "visit_assessment"]
    table = lg.reliability(export, result, controls=names, resamples=10)
    scopes = dict(zip(table["control"].to_pylist(), table["scope"].to_pylist(), strict=True))
    assert scopes == dict.fromkeys(names[:4], "region") | {"visit_assessment": "page"}
    for row in table.to_pylist():
        assert (row["value"], row["low"], row["high"], row["reason"]) == (None, None, None, "no_units")
        assert (row["n_units"], row["n_clusters"], row["annotator_a"]) == (0, 0, None)
    assert set(lg.reliability(export, result, resamples=10)["control"].to_pylist()) == {"area_px2"}
    with pytest.raises(ValueError, match=r"controls name 'colour'; the export has: label, track_id, .*, area_px2"):
        lg.reliability(export, result, controls=["label", "colour"])
    # Parts of which one has answers are the whole.
    more = read(make_export(patients=6, annotators=2, seed=1)[1:], config=CONFIG)
    one, other = (lg.ReliabilityParts.of(e, lg.agreement(e, boundary=False), controls=names) for e in (export, more))
    assert one.merge(other).table(resamples=9).equals(other.table(resamples=9))
    assert other.merge(one).table(resamples=9).equals(other.table(resamples=9))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"controls": ["colour"]}, r"controls name 'colour'; the export has: label, .*visit_assessment, area_px2"),
        ({"controls": "label"}, r"controls is 'label'; it is a list of names"),
        ({"resamples": -1}, "resamples is -1"),
        ({"seed": 0.5}, "seed is 0.5"),
        ({"confidence": 95}, "confidence is 95"),
    ],
)
def test_wrong_options_are_named(made, options, message):
    export, result, _ = made
    with pytest.raises(ValueError, match=message):
        lg.reliability(export, result, **options)


@pytest.mark.parametrize(
    ("control", "options", "message"),
    [
        ("colour", {}, r"control is 'colour'; the export has: label \(region\)"),
        ("label", {"scope": "page"}, r"control is 'label'; the export has"),
        ("label", {"scope": "image"}, r"scope is 'image'; it is one of region, page, task"),
        ("label", {"missed": "ignored"}, r"missed is 'ignored'; it is one of category, left_out"),
    ],
)
def test_wrong_options_of_ratings_are_named(made, control, options, message):
    export, result, _ = made
    with pytest.raises(ValueError, match=message):
        lg.ratings(export, result, control, **options)
    nothing = read([])
    with pytest.raises(ValueError, match="the export has: none was answered"):
        lg.ratings(nothing, lg.agreement(nothing), "label")


def test_ratings_go_into_coefficients_as_they_are(made):
    export, result, _ = made
    own = lg.ratings(export, result, "lesion_status")
    texts = np.array([*own.categories, None], dtype=object)[own.codes]
    assert lg.fleiss_kappa(own) == lg.fleiss_kappa(texts)
    assert lg.krippendorff_alpha(own, level="ordinal") == lg.krippendorff_alpha(
        texts, level="ordinal", categories=own.categories
    )
    with pytest.raises(ValueError, match="categories are those of the ratings"):
        lg.fleiss_kappa(own, categories=own.categories)
    missed = lg.ratings(export, result, "lesion_status", missed="category")
    with pytest.raises(ValueError, match="a missed region has no place on a scale"):
        lg.krippendorff_alpha(missed, level="ordinal")
