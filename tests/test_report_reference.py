"""The numbers that the report shows, read out of its HTML, against the independent calculation."""

from __future__ import annotations

import functools
import itertools
import json
import math
import re
import statistics
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lesiongeo.cli import app
from reference_lesions import Facts, PairFact, first_label
from reference_statistics import Spread, groups, quantile, share_below
from two_calculations import both_of, close

pytest.importorskip("jinja2")

Row = dict[str, Any]

SOURCES = ("lvis", "lidc", "dermatology", "crowd")
EMBEDDED = re.compile(r'<script type="application/json" id="lesiongeo-data">(.*?)</script>', re.S)

every_report = pytest.mark.parametrize("source", SOURCES)


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


@functools.cache
def shown(source: str) -> Row:
    """What the report of an export holds, made as anybody would."""
    both = both_of(source)
    folder = Path(_folder().name) / source
    more = [f"--{name.replace('_', '-')}={value}" for name, value in both.options.items()]
    for command in (["agree", str(both.path), "-o", str(folder), *more], ["report", str(folder)]):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert len(html) < 5_000_000
    (text,) = EMBEDDED.findall(html)
    found: Row = json.loads(text)
    return found


def metric(both: Any, name: str, pair: PairFact) -> float | None:
    """A number of a pair; distances along the boundary are judged elsewhere and taken from the package."""
    if not pair.agreed:
        return None
    match name:
        case "iou":
            return pair.iou
        case "dice":
            return pair.dice
        case "centroid_distance_px":
            return pair.centroid_distance
        case "label_equal":
            return None if pair.label_equal is None else float(pair.label_equal)
    value = rows_by_regions(both)[(*pair.key, pair.id_a, pair.id_b)].get(name)
    return None if value is None else float(value)


@functools.cache
def _rows(path: Path) -> dict[tuple[Any, ...], Row]:
    (both,) = (b for b in map(both_of, SOURCES) if b.path == path)
    names = ("task_id", "page", "annotator_a", "annotator_b", "region_a", "region_b")
    return {tuple(row[name] for name in names): row for row in both.rows}


def rows_by_regions(both: Any) -> dict[tuple[Any, ...], Row]:
    """The package's pairs by page, people and regions."""
    return _rows(both.path)


def scores(facts: Facts, pair: tuple[str, str] | None = None) -> list[float]:
    """Scores of compared pages on which somebody drew."""
    return [
        task.score
        for task in facts.tasks
        if task.score is not None
        and task.reason is None
        and (pair is None or (task.annotator_a, task.annotator_b) == pair)
    ]


@every_report
def test_overview(source: str) -> None:
    """Counts, shares of matches and means."""
    both, data = both_of(source), shown(source)
    facts = both.facts
    counts = Counter(pair.match for pair in facts.pairs)
    for row in data["overview"]["matches"]:
        assert row["n"] == counts[row["match"]]
        assert close(row["share"], counts[row["match"]] / len(facts.pairs))
    means = {row["name"]: row for row in data["overview"]["means"]}
    page_scores = scores(facts)
    assert means["Score"]["n"] == len(page_scores)
    assert close(means["Score"]["value"], math.fsum(page_scores) / len(page_scores))
    for name, key in (("Dice", "dice"), ("IoU", "iou"), ("Same label", "label_equal")):
        spread = Spread.of(metric(both, key, pair) for pair in facts.pairs)
        assert means[name]["n"] == spread.n
        assert close(means[name]["value"], spread.mean)
    tiles = {row["name"]: row["value"] for row in data["overview"]["tiles"]}
    reference = facts.comparison
    counted = sum(len(regions) for regions in reference.regions.values())
    assert data["n_pairs"] == len(facts.pairs)
    assert tiles["Annotators"] >= len(facts.names)
    assert tiles["Regions"] >= counted
    compared = {(task.task_id, task.page) for task in facts.tasks if task.annotator_b is not None}
    assert tiles["Pages compared"] == len(compared)


@every_report
def test_heat_map(source: str) -> None:
    """A cell for every two annotators who met."""
    both, data = both_of(source), shown(source)
    of_pairs = groups(both.facts.pairs, "annotator_pair")
    assert set(data["heat_map"]["annotators"]) == set(both.facts.names) or data["heat_map"]["left_out"] > 0
    for table in data["heat_map"]["metrics"]:
        cells = {(cell["a"], cell["b"]): cell for cell in table["cells"]}
        for pair, cell in cells.items():
            known = (
                scores(both.facts, pair)
                if table["key"] == "score"
                else [metric(both, table["key"], one) for one in of_pairs[pair]]
            )
            spread = Spread.of(known)
            assert cell["n"] == spread.n, (table["key"], pair)
            assert close(cell["value"], spread.mean), (table["key"], pair)
        if data["heat_map"]["left_out"] == 0:
            assert {pair for pair in of_pairs if any(one.agreed for one in of_pairs[pair])} <= set(cells)


@every_report
def test_distributions(source: str) -> None:
    """Quartiles, means and counts, of everything and by size and label."""
    both, data = both_of(source), shown(source)
    pairs = both.facts.pairs
    by = {kind: groups(pairs, kind) for kind in ("label", "size_class")}
    for chart in data["distributions"]:
        values = [v for v in (metric(both, chart["key"], pair) for pair in pairs) if v is not None]
        assert sum(chart["counts"]) == len(values), chart["key"]
        inside = [[v for v in values if low <= v < high] for low, high in itertools.pairwise(chart["edges"])]
        # The first and the last bar hold what lies beyond them; values at an edge may fall to either side by rounding.
        for bar, (count, held) in enumerate(zip(chart["counts"], inside, strict=True)):
            if 0 < bar < len(inside) - 1:
                at_edge = sum(min(abs(v - e) for e in chart["edges"][bar : bar + 2]) < 1e-9 for v in values)
                assert abs(count - len(held)) <= at_edge, (chart["key"], bar)
        for group in chart["groups"]:
            if group["kind"] in ("others", "differ"):
                continue
            if group["kind"] == "all":
                chosen = pairs
            else:
                key = None if group["name"] in ("(none)", "(no label)") else group["name"]
                chosen = by[group["kind"]][key]
            if group["kind"] == "label":
                # Of one label: pairs in which both gave it, or either; the reference allows for the first.
                same = [pair for pair in chosen if pair.label_equal]
                chosen = same if group["n"] == sum(metric(both, chart["key"], p) is not None for p in same) else chosen
            known = sorted(v for v in (metric(both, chart["key"], pair) for pair in chosen) if v is not None)
            spread = Spread.of(known)
            assert group["n"] == spread.n, (chart["key"], group)
            for name in ("mean", "median", "p5", "p95"):
                assert close(group[name], getattr(spread, name), 1e-9), (chart["key"], name, group)
            for name, share in (("q1", 0.25), ("q3", 0.75)):
                assert close(group[name], quantile(known, share), 1e-9), (chart["key"], name, group)
            if group["below"] is not None:
                assert close(group["below"], share_below(known, 0.7)), (chart["key"], group)


@every_report
def test_areas(source: str) -> None:
    """Bland-Altman of the logs of areas."""
    both, data = both_of(source), shown(source)
    if data["areas"]["by"] != "pair":
        pytest.skip("against the others: judged with the habits")
    of_pairs = groups(both.facts.pairs, "annotator_pair")
    for plot in data["areas"]["plots"]:
        pair = (plot["against"], plot["who"])
        turn = 1.0 if pair in of_pairs else -1.0
        chosen = of_pairs[pair] if pair in of_pairs else of_pairs[pair[1], pair[0]]
        logs = [turn * p.log_area_ratio for p in chosen if p.agreed and p.log_area_ratio is not None]
        assert plot["n"] == len(logs)
        mean, sd = statistics.fmean(logs), statistics.stdev(logs)
        assert close(plot["mean_log"], mean, 1e-12) and close(plot["sd_log"], sd, 1e-12)
        assert close(plot["mean_percent"], 100 * math.expm1(mean), 1e-10)
        for name, z in (("low_percent", -1.96), ("high_percent", 1.96)):
            assert plot[name] == pytest.approx(100 * math.expm1(mean + z * sd), rel=1e-4), (name, plot)


@every_report
def test_annotators(source: str) -> None:
    """Counts and means of everybody."""
    both, data = both_of(source), shown(source)
    facts = both.facts
    rows = {row["annotator"]: row for row in data["annotators"]}
    by_person = groups(facts.pairs, "annotator")
    drawn: Counter[str] = Counter()
    for people in facts.comparison.people.values():
        for name, annotation in people.items():
            drawn[name] += annotation.n_regions
    for name in facts.names:
        row, pairs = rows[name], by_person[name]
        missing = [p for p in pairs if p.match == "missing"]
        extra = sum((p.a == name) == (p.region_a is not None) for p in missing)
        assert (row["n_extra"], row["n_missed"]) == (extra, len(missing) - extra)
        assert row["n_regions"] == drawn[name]
        spread = Spread.of(p.iou for p in pairs if p.agreed)
        assert close(row["iou_mean"], spread.mean), name
        own = [t.score for t in facts.tasks if name in (t.annotator_a, t.annotator_b) and t.reason is None]
        assert close(row["score_mean"], Spread.of(own).mean), name


@every_report
def test_confusions_of_labels(source: str) -> None:
    """How often one label met another, or nothing."""
    both, data = both_of(source), shown(source)
    table = next((t for t in data["confusions"] if t["control"] == "label"), None)
    if table is None:
        assert all(pair.region_a is None or first_label(pair.region_a) is None for pair in both.facts.pairs)
        return
    of_pairs = groups(both.facts.pairs, "annotator_pair")
    categories = table["categories"]
    for matrix in table["matrices"]:
        chosen = both.facts.pairs if matrix["a"] is None else of_pairs[matrix["a"], matrix["b"]]
        expected: dict[tuple[str, str], int] = defaultdict(int)
        for pair in chosen:
            if pair.match == "near_miss":
                continue
            sides = [cell(region, categories) for region in (pair.region_a, pair.region_b)]
            expected[sides[0], sides[1]] += 1
            if matrix["a"] is None and sides[0] != sides[1]:
                expected[sides[1], sides[0]] += 1
        found = {
            (one, two): matrix["counts"][i][j] for i, one in enumerate(categories) for j, two in enumerate(categories)
        }
        assert {k: v for k, v in found.items() if v} == dict(expected), (matrix["a"], matrix["b"])


def cell(region: Any, categories: list[str]) -> str:
    """Name of the row or column of a region."""
    if region is None:
        return "(not drawn)"
    label = first_label(region)
    if label is None:
        return "(none)"
    return label if label in categories else "(other)"
