"""Coefficients for every control against plain loops over lesions, pages and tasks."""

from __future__ import annotations

import functools
import itertools
import json
from collections import defaultdict
from typing import Any

import lesiongeo as lg
import reference_coefficients as coefficients
from reference_export import Reference, read_all
from two_calculations import Both, both_of, close, every_source

Row = dict[str, Any]
Units = list[list[Any]]

MISSED = "(missed)"
#: Largest number of categories.
MOST = 100


@functools.cache
def reference_of(source: str) -> Reference:
    """Everything that stands in an export."""
    return read_all([both_of(source).path])


def category(value: Any) -> Any:
    """Several choices or labels are a set."""
    if isinstance(value, list | frozenset):
        return tuple(sorted(value)) or None
    return value


def of_regions(both: Both, control: str, missed: str) -> Units:
    """Lesions by annotators."""
    units = []
    for lesion in both.facts.lesions:
        unit: list[Any] = []
        for name in both.facts.names:
            if name in lesion.regions:
                region = lesion.regions[name]
                unit.append(category(region.labels if control == "label" else region.controls.get(control)))
            else:
                unit.append(MISSED if missed == "category" and name in lesion.people else None)
        units.append(unit)
    return units


def of_pages(both: Both, answers: list[Row], control: str, scope: str) -> Units:
    """Pages or tasks by annotators."""
    people = both.facts.comparison.people
    who = {(task, made[name].annotation_id): name for task, made in people.items() for name in made}
    found: dict[tuple[int, int | None], dict[str, Any]] = defaultdict(dict)
    for row in answers:
        if row["name"] != control or row["source"] != "annotation" or (row["page"] is None) != (scope == "task"):
            continue
        name = who.get((row["task_id"], row["annotation_id"]))
        if name is not None:
            value = row["number"] if row["text"] is None else as_answer(row["text"])
            found[row["task_id"], row["page"]][name] = value
    return [[unit.get(name) for name in both.facts.names] for _, unit in sorted(found.items(), key=str)]


def as_answer(text: str) -> Any:
    """Several choices are a JSON list."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return text
    return tuple(sorted(value)) if isinstance(value, list) and all(isinstance(v, str) for v in value) else text


def rated(units: Units) -> Units:
    """Units that anybody rated in substance: what all missed of those asked is nothing."""
    return [unit for unit in units if any(v is not None and v != MISSED for v in unit)]


def expected(units: Units, statistic: str) -> float | None:
    """A coefficient by its name in the table."""
    numeric = {v for unit in units for v in unit if v is not None and v != MISSED}
    order = sorted(numeric) if all(isinstance(v, int | float) for v in numeric) else None
    match statistic:
        case "raw_agreement":
            return coefficients.raw_agreement(units)
        case "fleiss_kappa":
            return coefficients.fleiss(units)
        case "gwet_ac1":
            return coefficients.ac1(units)
        case "cohen_kappa":
            return coefficients.cohen(units)
        case "cohen_kappa_linear" | "cohen_kappa_quadratic":
            assert order is not None
            return coefficients.cohen(units, order, statistic.removeprefix("cohen_kappa_"))
        case _:
            return coefficients.alpha(units, statistic.removeprefix("krippendorff_alpha_"), order)


@every_source
def test_reliability(source: str) -> None:
    """Every row, and every control that was answered."""
    both = both_of(source)
    reference = reference_of(source)
    table = lg.reliability(both.export, both.agreement, resamples=0).to_pylist()
    controls = {(name, scope): kind for name, kind, scope in reference.controls if kind in ANSWER_KINDS}
    seen: set[tuple[str, str]] = set()
    cache: dict[tuple[str, str, str], Units] = {}
    for row in table:
        control, scope, missed = row["control"], row["scope"], row["missed"]
        seen.add((control, scope))
        if row["statistic"] is None and row["reason"] != "too_many_categories":
            # Nobody to compare.
            assert row["value"] is None and row["reason"] is not None and len(both.facts.names) < 2, row
            continue
        if control == "area_px2":
            check_areas(both, row)
            continue
        if (control, scope, missed) not in cache:
            on_page = scope != "region"
            units = of_pages(both, reference.answers, control, scope) if on_page else of_regions(both, control, missed)
            cache[control, scope, missed] = rated(units)
        units = cache[control, scope, missed]
        check(both, row, units)
    for name, scope in controls:
        if scope != "region" or any(name in r.controls for r in reference.regions if r.source == "annotation"):
            assert (name, scope) in seen or not both.rows or answered_by_nobody_who_counts(both, reference, name), name


ANSWER_KINDS = ("number", "choices", "rating", "taxonomy")


def answered_by_nobody_who_counts(both: Both, reference: Reference, name: str) -> bool:
    """Whether all answers are in annotations that do not count."""
    counts = {(t, a.annotation_id) for t, made in both.facts.comparison.people.items() for a in made.values()}
    regions = [r for r in reference.regions if name in r.controls and r.source == "annotation"]
    answers = [a for a in reference.answers if a["name"] == name and a["source"] == "annotation"]
    places = [(r.task_id, r.annotation_id) for r in regions] + [(a["task_id"], a["annotation_id"]) for a in answers]
    return not counts & set(places)


def check(both: Both, row: Row, units: Units) -> None:
    """One row of the table."""
    if row["reason"] == "too_many_categories":
        assert row["statistic"] is None or row["value"] is None
        values = {v for unit in units for v in unit if v is not None}
        assert len(values) > MOST, row
        return
    names = both.facts.names
    if row["annotator_a"] is not None:
        pair = [names.index(row["annotator_a"]), names.index(row["annotator_b"])]
        units = rated([[unit[k] for k in pair] for unit in units])
        # What only one of them annotated says nothing about both.
        units = [unit for unit in units if None not in unit]
    several = [unit for unit in units if sum(v is not None for v in unit) > 1]
    assert row["n_units"] == len(several), (row, len(several))
    value = expected(units, row["statistic"])
    assert close(row["value"], value), (row, value)
    assert row["value"] is not None or row["reason"] is not None, row


def check_areas(both: Both, row: Row) -> None:
    """ICC of areas, over lesions that all of them drew."""
    names = both.facts.names if row["annotator_a"] is None else [row["annotator_a"], row["annotator_b"]]
    areas = [
        [both.facts.area(lesion.regions[name]) for name in names]
        for lesion in both.facts.lesions
        if set(names) <= set(lesion.regions)
    ]
    full = [[float(v) for v in line if v is not None] for line in areas if None not in line]
    form = row["statistic"].removeprefix("icc_")
    assert row["n_units"] == len(full), row
    sizes = [v for line in full for v in line]
    # Areas that are alike but for rounding have no spread.
    alike = not full or max(sizes) - min(sizes) <= 1e-9 * max(sizes)
    value = None if alike else coefficients.icc(full)[form]
    assert close(row["value"], value), (row, value)


@every_source
def test_everybody_who_met(source: str) -> None:
    """A row for each two annotators who rated the same lesion, none for those who never met."""
    both = both_of(source)
    table = lg.reliability(both.export, both.agreement, resamples=0).to_pylist()
    units = rated(of_regions(both, "label", "category"))
    names = both.facts.names
    values = {v for unit in units for v in unit if v is not None}
    if len(values) > MOST:
        return
    met = {
        (names[i], names[j])
        for unit in units
        for i, j in itertools.combinations(range(len(names)), 2)
        if unit[i] is not None and unit[j] is not None and {unit[i], unit[j]} != {MISSED}
    }
    rows = [row for row in table if row["control"] == "label" and row["statistic"] == "cohen_kappa"]
    found = [frozenset((row["annotator_a"], row["annotator_b"])) for row in rows if row["missed"] == "category"]
    assert {frozenset(pair) for pair in met} <= set(found) and len(set(found)) == len(found)
