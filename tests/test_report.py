"""The report: its numbers against slow calculations, what it says where something is missing, what may not get out."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import re
import statistics
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lesiongeo as lg
from lesiongeo.agreement.annotators import annotator_order
from lesiongeo.report import MissingExtraError
from lesiongeo.report.areas import MOST_POINTS
from lesiongeo.report.cases import worst_cases
from lesiongeo.report.coefficients import REASONS
from lesiongeo.report.frame import read_frame
from lesiongeo.report.page import MAKES, SECTIONS
from lesiongeo.report.run import TABLES, Run
from lesiongeo.report.text import shown
from lesiongeo.testing import make_export
from run_folder import (
    HOSTILE,
    agreed,
    answer,
    by_hand,
    example,
    exported,
    hostile_export,
    hostile_tables,
    region,
    square,
    task,
    write_run,
)
from test_cli import Ran

Row = dict[str, Any]
SHARED = Path(__file__).resolve().parents[2] / "shared"


class Page(HTMLParser):
    """A page as a parser of HTML sees it: elements with their attributes, texts, and what must be balanced."""

    VOID = frozenset(("meta", "input", "br", "img", "link", "hr", "wbr"))

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.raw = path.read_bytes()
        self.html = self.raw.decode("utf-8")
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[str] = []
        self.texts: list[str] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.styles: list[str] = []
        self.feed(self.html)
        self.close()
        assert self.inside == []
        self.text = re.sub(r"\s+", " ", " ".join(self.texts))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        if tag not in self.VOID:
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.inside.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.inside[-1:] == ["script"]:
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        elif self.inside[-1:] == ["style"]:
            self.styles.append(data)
        else:
            self.texts.append(data)

    @property
    def data(self) -> Any:
        """The numbers, as the page embeds them."""
        return json.loads(next(text for attributes, text in self.scripts if attributes.get("id") == "lesiongeo-data"))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def report(folder: Path, **options: Any) -> Page:
    return Page(lg.write_report(folder, **options))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with every table."""
    return example(tmp_path_factory.mktemp("whole"), **by_hand())


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with the tables of the agreement only."""
    return example(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def little(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run with every table."""
    export = lg.read_label_studio(json.dumps(make_export(patients=2, annotators=3, seed=4)).encode())
    return write_run(tmp_path_factory.mktemp("little"), agreed(export) | by_hand())


def table_rows(folder: Path, name: str, columns: list[str] | None = None) -> list[Row]:
    found: list[Row] = pq.read_table(folder / f"{name}.parquet", columns=columns).to_pylist()
    return found


def agreed_rows(folder: Path) -> list[Row]:
    return [row for row in table_rows(folder, "pairs") if row["match"] in ("matched", "label_conflict")]


def percentile(values: list[float], share: float) -> float:
    """Linear between the order statistics."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


# Numbers


def test_the_heat_map_holds_the_mean_of_every_pair(plain: Path) -> None:
    heat = report(plain).data["heat_map"]
    pairs = agreed_rows(plain)
    assert heat["annotators"] == ["1", "2", "3"]
    metrics = {metric["key"]: metric["cells"] for metric in heat["metrics"]}
    for key in ("dice", "iou"):
        assert len(metrics[key]) == 3
        for cell in metrics[key]:
            own = [row[key] for row in pairs if (row["annotator_a"], row["annotator_b"]) == (cell["a"], cell["b"])]
            assert cell["n"] == len(own)
            assert cell["value"] == pytest.approx(math.fsum(own) / len(own), abs=1e-12)
    for cell in metrics["label_equal"]:
        own = [row for row in pairs if (row["annotator_a"], row["annotator_b"]) == (cell["a"], cell["b"])]
        assert cell["value"] == pytest.approx(sum(row["label_a"] == row["label_b"] for row in own) / len(own))
    for cell in metrics["score"]:
        scores = [
            row["score"]
            for row in table_rows(plain, "tasks")
            if (row["annotator_a"], row["annotator_b"]) == (cell["a"], cell["b"]) and row["reason"] is None
        ]
        assert cell["value"] == pytest.approx(math.fsum(scores) / len(scores), abs=1e-12)


def test_distributions_are_those_of_the_pairs(plain: Path) -> None:
    found = report(plain).data["distributions"]
    pairs = agreed_rows(plain)
    assert {"dice", "iou", "nsd", "hd95_mm"} <= {metric["key"] for metric in found}
    assert not any(metric["key"] == "hd95_px" for metric in found), "millimetres are known everywhere"
    for metric in found:
        key = metric["key"]
        for group in metric["groups"]:
            chosen = {
                "all": lambda _: True,
                "label": lambda row, name=group["name"]: name in (row["label_a"], row["label_b"]),
                "differ": lambda row: row["match"] == "label_conflict",
                "size_class": lambda row, name=group["name"]: name == size_class(row),
            }[group["kind"]]
            values = [row[key] for row in pairs if row[key] is not None and chosen(row)]
            assert group["n"] == len(values)
            assert group["mean"] == pytest.approx(math.fsum(values) / len(values), rel=1e-12)
            for name, share in (("p5", 0.05), ("q1", 0.25), ("median", 0.5), ("q3", 0.75), ("p95", 0.95)):
                assert group[name] == pytest.approx(percentile(values, share), rel=1e-12), (key, group["name"], name)
            if metric["share"]:
                assert group["below"] == pytest.approx(sum(value < 0.7 for value in values) / len(values))
        values = [row[key] for row in pairs if row[key] is not None]
        assert sum(metric["counts"]) == len(values)
        edges = metric["edges"]
        last = len(metric["counts"]) - 1
        for at, (low, high, amount) in enumerate(zip(edges[:-1], edges[1:], metric["counts"], strict=True)):
            inside = [value for value in values if (low <= value or at == 0) and (value < high or at == last)]
            assert amount == len(inside)


def size_class(row: Row) -> str:
    area = math.sqrt(row["area_a_px2"] * row["area_b_px2"])
    return "small" if area < 1024 else "medium" if area < 9216 else "large"


def test_areas_are_compared_as_bland_and_altman_do(plain: Path) -> None:
    found = report(plain).data["areas"]
    assert found["by"] == "pair" and len(found["plots"]) == 3
    for plot in found["plots"]:
        own = [
            math.log(row["area_b_px2"] / row["area_a_px2"])
            for row in agreed_rows(plain)
            if (row["annotator_b"], row["annotator_a"]) == (plot["who"], plot["against"])
        ]
        mean, sd = statistics.fmean(own), statistics.stdev(own)
        assert plot["n"] == plot["n_points"] == len(own)
        assert plot["mean_percent"] == pytest.approx(100 * (math.exp(mean) - 1))
        assert plot["low_percent"] == pytest.approx(100 * (math.exp(mean - 1.96 * sd) - 1))
        assert plot["high_percent"] == pytest.approx(100 * (math.exp(mean + 1.96 * sd) - 1))


def test_who_draws_larger_is_above_zero(tmp_path: Path) -> None:
    """The second person draws sides of 110 in place of 100: 21 % more area."""
    tasks = [
        task(n, "a.jpg", {1: [region("a", square(100, 100, 100))], 2: [region("b", square(95, 95, 110))]})
        for n in (1, 2, 3)
    ]
    (plot,) = report(write_run(tmp_path, agreed(exported(*tasks)))).data["areas"]["plots"]
    assert (plot["who"], plot["against"]) == ("2", "1")
    assert plot["mean_percent"] == pytest.approx(21.0)


def test_many_annotators_are_compared_with_the_others(tmp_path: Path) -> None:
    """Four people make six pairs; with five each is drawn against all others."""
    export = lg.read_label_studio(json.dumps(make_export(patients=6, annotators=5, seed=2)).encode())
    folder = write_run(tmp_path, agreed(export))
    found = report(folder).data["areas"]
    assert found["by"] == "annotator" and [plot["who"] for plot in found["plots"]] == ["1", "2", "3", "4", "5"]
    for plot in found["plots"]:
        own = []
        for row in agreed_rows(folder):
            ratio = math.log(row["area_b_px2"] / row["area_a_px2"])
            own += [ratio] * (row["annotator_b"] == plot["who"]) + [-ratio] * (row["annotator_a"] == plot["who"])
        assert plot["n"] == len(own)
        assert plot["mean_log"] == pytest.approx(statistics.fmean(own))


def test_texts_are_shown_only_of_controls_that_are_known_to_be_no_free_text(plain: Path) -> None:
    """Whatever a control is called: without the table reliability nothing tells what was typed into it."""
    assert {one["control"] for one in report(plain).data["confusions"]} == {"label"}


def test_confusion_matrices_count_what_both_said(tmp_path: Path) -> None:
    assert Ran("agree", "examples/dermatology.json", "-o", tmp_path, "-q", "--resamples", "0").code == 0
    found = {one["control"]: one for one in report(tmp_path).data["confusions"]}
    assert set(found) == {"label", "lesion_status"}, "notes are free text and track ids are names"
    pairs = table_rows(tmp_path, "pairs")
    for control in ("label", "lesion_status"):
        one = found[control]
        names = one["categories"]
        expected: Counter[tuple[str, str, str, str]] = Counter()
        for row in pairs:
            first, second = row[f"{control}_a"], row[f"{control}_b"]
            if row["match"] == "missing" and control == "label":
                first, second = first or "(not drawn)", second or "(not drawn)"
            elif row["match"] not in ("matched", "label_conflict"):
                continue
            expected[row["annotator_a"], row["annotator_b"], first, second] += 1
        together, *each = one["matrices"]
        assert len(each) == 3
        for matrix in each:
            for i, first in enumerate(names):
                for j, second in enumerate(names):
                    assert matrix["counts"][i][j] == expected[matrix["a"], matrix["b"], first, second]
        for i in range(len(names)):
            for j in range(len(names)):
                both = sum(matrix["counts"][i][j] + (i != j) * matrix["counts"][j][i] for matrix in each)
                assert together["counts"][i][j] == both
        agree = [row for row in pairs if row["match"] in ("matched", "label_conflict")]
        same = sum(row[f"{control}_a"] == row[f"{control}_b"] for row in agree)
        assert (one["same"], one["n_both"]) == (same, len(agree))


def test_colours_of_a_matrix_have_a_key(plain: Path) -> None:
    """Not "darker is more": in the dark it is the other way round."""
    page = report(plain)
    assert "arker" not in page.text
    assert all(step in page.text for step in ("below 2 %", "25 to 50 %", "from 80 %"))


def test_two_annotators_have_one_matrix_with_sides(tmp_path: Path) -> None:
    tasks = [
        task(1, "a", {1: [region("a", square(0, 0, 100), label="x")], 2: [region("b", square(0, 0, 100), label="y")]}),
        task(2, "a", {1: [region("a", square(0, 0, 100), label="x")], 2: [region("b", square(0, 0, 100), label="x")]}),
        task(3, "a", {1: [region("a", square(0, 0, 100), label="x")], 2: []}),
    ]
    (label,) = report(write_run(tmp_path, agreed(exported(*tasks)))).data["confusions"]
    assert label["categories"] == ["x", "y", "(not drawn)"]
    (matrix,) = label["matrices"]
    assert (matrix["a"], matrix["b"]) == ("1", "2")
    assert matrix["counts"] == [[1, 1, 1], [0, 0, 0], [0, 0, 0]]


def test_statistics_come_with_their_intervals(whole: Path) -> None:
    page = report(whole)
    means = {mean["name"]: mean for mean in page.data["overview"]["means"]}
    assert (means["Dice"]["value"], means["Dice"]["low"], means["Dice"]["high"]) == (0.8, 0.75, 0.85)
    assert "0.750 to 0.850" in page.text and "95 % intervals" in page.text
    assert means["Same status"]["value"] == 0.9


def test_named_habits_stand_first(whole: Path) -> None:
    said = report(whole).data["stands_out"]
    assert said[0] == {"kind": "habit", "text": "Annotator 3 draws 10.5 % larger."}
    assert all(line["kind"] == "fact" for line in said[1:])


def test_weeks_have_points_segments_and_names(whole: Path) -> None:
    page = report(whole)
    habits = page.data["weekly"]["habits"]
    assert [habit["habit"] for habit in habits] == ["area_bias", "missed"]
    first = habits[0]["series"][0]
    assert first["annotator"] == "3" and first["named"][0]["since"] == "2026-02-09"
    assert [point["value"] for point in first["points"]] == [0.0, 0.1, 10.2, 10.3]
    # Two segments of two weeks each, and the band of the habit.
    charts = re.findall(r'<svg class="chart".*?</svg>', page.html, re.DOTALL)
    mine = [chart for chart in charts if "<title>3 by week</title>" in chart]
    assert len(mine) == 1
    assert mine[0].count('class="mean"') == 2 and mine[0].count('class="band"') == 1
    assert mine[0].count('class="dot"') == 4 and mine[0].count('class="whisker"') == 3


def test_reliability_says_why_there_is_no_value(whole: Path) -> None:
    page = report(whole)
    (group,) = page.data["reliability"]
    assert [row["name"] for row in group["all"]] == ["Fleiss' kappa", "ICC(2,1)"]
    assert group["all"][1]["why"] == REASONS["single_category"]
    assert REASONS["single_category"] in page.text
    assert [row["name"] for row in group["pairs"]] == ["Cohen's kappa"]


def test_a_control_without_coefficients_is_told_in_words(tmp_path: Path) -> None:
    row = {"control": "label", "scope": "region", "missed": "left_out", "reason": "too_many_categories"}
    table = pa.Table.from_pylist([row], schema=by_hand()["reliability"].schema)
    drawn = [region("r", square(100, 100, 100))]
    page = report(write_run(tmp_path, agreed(exported(task(1, "a", {1: drawn, 2: drawn}))) | {"reliability": table}))
    section = page.html[page.html.index('<section id="reliability"') : page.html.index('<section id="cases"')]
    assert "None" not in section and "All coefficients" in section
    assert f"<sup>1</sup> {REASONS['too_many_categories']}" in section


def test_the_queue_is_shown_without_queries(whole: Path) -> None:
    page = report(whole)
    (row,) = page.data["queue"]["rows"]
    assert row["reasons"] == ["missing", "dice < 0.7"] and row["annotators"] == ["1", "2"]
    assert "SECRET" not in page.html and "dice &lt; 0.7" in page.html
    queued = [case for case in page.data["cases"] if (case["task_id"], case["page"]) == (30, 1)]
    assert queued and all(case["priority"] == 2.5 and case["reasons"] == row["reasons"] for case in queued)


# Cases


def slow_cases(folder: Path, most: int) -> list[tuple[int, int, int, str]]:
    """Task, page, lesion and kind of the worst lesions, taken in turn: one loop over everything."""
    lesion = {
        (row["task_id"], row["page"], row["annotation_id"], row["region_id"]): row["lesion"]
        for row in pq.read_table(folder / "regions.parquet").to_pylist()
        if row["source"] == "annotation"
    }
    pairs = table_rows(folder, "pairs")

    def order(entry: tuple[int, Row]) -> tuple[float, float, int]:
        row = entry[1]
        score = row["iou"] if row["match"] in ("matched", "label_conflict") else 0.0
        return score, -max(area for area in (row["area_a_px2"], row["area_b_px2"]) if area is not None), entry[0]

    first: dict[tuple[int, int, int], tuple[int, str]] = {}
    for place, (_, row) in enumerate(sorted(enumerate(pairs), key=order)):
        key = None
        for side in "ab":
            if row[f"region_{side}"] is not None and key is None:
                key = lesion[row["task_id"], row["page"], row[f"annotation_{side}"], row[f"region_{side}"]]
        assert key is not None
        first.setdefault((row["task_id"], row["page"], key), (place, row["match"]))
    queues: dict[str, list[tuple[int, tuple[int, int, int]]]] = {}
    for key3, (place, kind) in first.items():
        queues.setdefault(kind, []).append((place, key3))
    for queue in queues.values():
        queue.sort()
    chosen: list[tuple[int, tuple[int, int, int], str]] = []
    turn = 0
    while len(chosen) < most and any(turn < len(queue) for queue in queues.values()):
        for kind in ("missing", "near_miss", "label_conflict", "matched"):
            if turn < len(queues.get(kind, [])):
                chosen.append((*queues[kind][turn], kind))
        turn += 1
    return [(*key3, kind) for _, key3, kind in sorted(chosen[:most])]


@pytest.mark.parametrize("most", [1, 3, 10, 60, 1000])
def test_the_worst_cases_are_the_worst(plain: Path, most: int) -> None:
    """Few cases are chosen from a part of the pairs; they are those of all pairs."""
    run = Run(plain)
    cases = worst_cases(run, read_frame(run), [], most)
    lesion = pq.read_table(plain / "regions.parquet", columns=["lesion"])["lesion"].to_pylist()
    found = [
        (case.task_id, case.page, lesion[case.pairs[0].regions[0]], case.worst.match)
        if case.pairs[0].regions[0] >= 0
        else (case.task_id, case.page, lesion[case.pairs[0].regions[1]], case.worst.match)
        for case in cases
    ]
    assert found == slow_cases(plain, most)


def test_a_case_has_all_regions_of_its_lesion_and_who_drew_none(plain: Path) -> None:
    lesions = table_rows(plain, "lesions")
    drawn = Counter(
        (row["task_id"], row["page"], row["lesion"])
        for row in table_rows(plain, "regions")
        if row["lesion"] is not None
    )
    run = Run(plain)
    regions = table_rows(plain, "regions")
    for case in worst_cases(run, read_frame(run), ["lesion_status"], 200):
        key = (case.task_id, case.page, regions[case.regions[0].row]["lesion"])
        (lesion,) = [row for row in lesions if (row["task_id"], row["page"], row["lesion"]) == key]
        assert len(case.regions) == lesion["n_drawn"] == drawn[key]
        assert len(case.regions) + len(case.absent) == lesion["n_annotators"]
        assert [one.annotator for one in case.regions] == sorted(
            (one.annotator for one in case.regions), key=annotator_order
        )
        for one in case.regions:
            assert one.answers["lesion_status"] == regions[one.row]["lesion_status"]
        assert case.image == regions[case.regions[0].row]["image"]


def test_without_lesions_each_pair_is_a_case(tmp_path: Path, plain: Path) -> None:
    """An older run, or one of another program."""
    for name in ("pairs", "regions"):
        table = pq.read_table(plain / f"{name}.parquet")
        if name == "regions":
            table = table.drop_columns(["lesion"])
        pq.write_table(table, tmp_path / f"{name}.parquet")
    data = report(tmp_path, worst=1000).data
    imperfect = [row for row in table_rows(plain, "pairs") if not (row["match"] == "matched" and row["iou"] == 1.0)]
    assert len(data["cases"]) == len(imperfect)
    assert all(len(case["pairs"]) == 1 for case in data["cases"])


def test_perfect_agreement_has_no_cases(tmp_path: Path) -> None:
    same = {1: [region("a", square(100, 100, 100))], 2: [region("b", square(100, 100, 100))]}
    page = report(write_run(tmp_path, agreed(exported(task(1, "a", same)))))
    assert page.data["cases"] == [] and "Every pair of regions agrees" in page.text


def test_no_cases_where_none_are_wanted(plain: Path) -> None:
    assert report(plain, worst=0).data["cases"] == []


@pytest.mark.parametrize("worst", [-1, 1001, 1.5, True])
def test_how_many_cases_is_checked(plain: Path, worst: Any) -> None:
    with pytest.raises(ValueError, match="worst is"):
        lg.write_report(plain, worst=worst)


# What is missing


@pytest.mark.parametrize("name", TABLES)
def test_a_missing_table_is_named_with_what_makes_it(name: str, tmp_path: Path, little: Path) -> None:
    for path in little.iterdir():
        if path.suffix in (".parquet", ".json") and path.stem != name:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    page = report(tmp_path, worst=3)
    assert [section for section, _ in SECTIONS] == [one["id"] for one in page.named("section")]
    if name in MAKES and name not in ("summary",):
        assert f"able {name}" in page.text and "lesiongeo agree SRC -o DIR" in page.text


@pytest.mark.parametrize("name", TABLES)
def test_an_empty_table_is_no_error(name: str, tmp_path: Path, little: Path) -> None:
    for path in little.iterdir():
        if path.suffix in (".parquet", ".json"):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    path = tmp_path / f"{name}.parquet"
    if path.exists():
        pq.write_table(pq.read_table(path).slice(0, 0), path)
        assert len(report(tmp_path, worst=3).named("section")) == len(SECTIONS)


@pytest.mark.parametrize("name", ["pairs", "regions", "tasks"])
def test_one_table_is_enough(name: str, tmp_path: Path, plain: Path) -> None:
    (tmp_path / f"{name}.parquet").write_bytes((plain / f"{name}.parquet").read_bytes())
    assert "No agreement" in report(tmp_path).text


def test_an_export_without_anything(tmp_path: Path) -> None:
    folder = write_run(tmp_path, agreed(lg.read_label_studio(b"[]")))
    page = report(folder)
    assert page.data["cases"] == [] and page.data["areas"]["plots"] == []


def test_a_single_annotator(tmp_path: Path) -> None:
    folder = write_run(tmp_path, agreed(exported(task(1, "a", {1: [region("a", square(0, 0, 100))]}))))
    page = report(folder)
    assert page.data["cases"] == [] and "Let two people annotate the same tasks" in page.text


def test_columns_that_are_missing_are_no_error(tmp_path: Path, plain: Path) -> None:
    pairs = pq.read_table(plain / "pairs.parquet").select(["task_id", "annotator_a", "annotator_b", "match", "iou"])
    pq.write_table(pairs, tmp_path / "pairs.parquet")
    data = report(tmp_path, worst=5).data
    assert len(data["cases"]) == 5 and [metric["key"] for metric in data["distributions"]] == ["iou"]


# CSV


def test_a_run_as_csv_has_the_same_numbers(tmp_path: Path, whole: Path) -> None:
    page, binary = report(example(tmp_path, ending="csv", **by_hand())), report(whole)
    assert "was written as CSV" in page.text and not re.search(r'<svg class="case', page.html)
    assert "was written as CSV" not in binary.text
    ours, theirs = page.data, binary.data
    for data in (ours, theirs):
        del data["definitions"]
    assert ours == theirs


def test_formulas_of_csv_are_texts_again(tmp_path: Path) -> None:
    drawn = {1: [region("a", square(0, 0, 100), label="=1+1")], 2: [region("b", square(0, 0, 100), label="-x")]}
    folder = write_run(tmp_path, agreed(exported(task(1, "a", drawn))), ending="csv")
    assert "'=1+1" in (folder / "pairs.csv").read_text(encoding="utf-8")
    assert report(folder).data["cases"][0]["labels"] == ["-x", "=1+1"]


def test_both_kinds_of_a_table_are_said(tmp_path: Path, plain: Path) -> None:
    for name in ("pairs.parquet", "tasks.parquet"):
        (tmp_path / name).write_bytes((plain / name).read_bytes())
    (tmp_path / "pairs.csv").write_text("task_id\n1\n", encoding="utf-8")
    page = report(tmp_path)
    assert "There is a pairs.parquet and a pairs.csv" in page.text and page.data["n_pairs"] > 100


# Errors


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        lg.write_report(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotADirectoryError):
        lg.write_report(tmp_path / "file")
    with pytest.raises(lg.ExportError, match="lesiongeo agree SRC -o DIR"):
        lg.write_report(tmp_path)


def test_damaged_files_are_named(tmp_path: Path, plain: Path) -> None:
    for name in ("pairs", "tasks"):
        (tmp_path / f"{name}.parquet").write_bytes((plain / f"{name}.parquet").read_bytes()[:-50])
        with pytest.raises(lg.ExportError, match=rf"{name}\.parquet cannot be read"):
            lg.write_report(tmp_path)
        (tmp_path / f"{name}.parquet").unlink()
    (tmp_path / "pairs.csv").write_bytes(b'a,b\n"1')
    with pytest.raises(lg.ExportError, match=r"pairs\.csv cannot be read"):
        lg.write_report(tmp_path)
    (tmp_path / "pairs.csv").unlink()
    (tmp_path / "pairs.parquet").write_bytes((plain / "pairs.parquet").read_bytes())
    (tmp_path / "run.lock.json").write_text("{")
    with pytest.raises(lg.ExportError, match=r"run\.lock\.json is no JSON"):
        lg.write_report(tmp_path)
    (tmp_path / "run.lock.json").write_text("[1]")
    assert report(tmp_path).data["facts"] == []


@pytest.mark.parametrize("package", ["jinja2", "PIL"])
def test_packages_that_are_missing_are_named(
    package: str, tmp_path: Path, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else real(name))
    with pytest.raises(MissingExtraError, match=r"pip install 'lesiongeo\[report\]'"):
        lg.write_report(plain, images=tmp_path)


# Text from outside


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("hostile"), agreed(hostile_export()) | hostile_tables())


def assert_harmless(page: Page) -> None:
    """Two scripts, both ours; no attribute that runs, no address that leads anywhere."""
    policy = next(one["content"] for one in page.named("meta") if one.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    kinds = [attributes.get("type") for attributes, _ in page.scripts]
    assert kinds == ["application/json", None]
    (style,) = page.styles
    for text in (page.scripts[1][1], style):
        digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
        assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy and "default-src 'none'" in policy and "http" not in policy
    own = {"class", "id", "name", "type", "value", "for", "d", "x", "y", "cx", "cy", "r", "lang", "role", "content"}
    for tag, attributes in page.elements:
        assert tag not in ("iframe", "object", "embed", "base", "link", "img", "a" if False else "applet")
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            assert name != "style" and name != "srcdoc"
            assert re.fullmatch(r"[a-zA-Z][a-zA-Z-]*", name), name
            if name in ("href", "src", "action", "xlink:href"):
                assert re.match(r"#[a-z0-9-]+$|data:image/jpeg;base64,", value or ""), value
    assert own
    assert "SECRET" not in page.html
    controls = re.findall(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200e\u200f]", page.html)
    assert controls == []


def test_nothing_of_an_export_runs(hostile: Path) -> None:
    page = report(hostile, title="</title><script>window.ran=10</script>")
    assert_harmless(page)
    for text in ("<script>window.ran=1</script>", '" onmouseover="window.ran=3" x="', "{{ 7 * 7 }}"):
        assert text in page.text
    assert "49" not in re.findall(r"\{\{ 7 \* 7 \}\}|49\{", page.text)
    assert "[U+202E]" in page.text and "(10,000 characters)" in page.text
    data = page.data
    assert len(data["reliability"]) == len(set(HOSTILE))
    assert "</script" not in page.scripts[0][1] and "<" not in page.scripts[0][1]


def test_a_clean_report_is_harmless_too(whole: Path) -> None:
    assert_harmless(report(whole))


def test_a_title_of_halves_of_surrogates(plain: Path) -> None:
    page = report(plain, title="a\udcff\ud800b", worst=1)
    assert "a\ufffd\ufffdb" in page.text


def test_halves_of_surrogates_in_json_files(tmp_path: Path, plain: Path) -> None:
    (tmp_path / "pairs.parquet").write_bytes((plain / "pairs.parquet").read_bytes())
    (tmp_path / "run.lock.json").write_text(r'{"options": {"x": "\ud800<b>"}}')
    assert ["options.x", "\ufffd<b>"] in report(tmp_path).data["facts"]


def test_notes_are_shown_only_when_asked_for(hostile: Path) -> None:
    assert "NOTE" not in report(hostile).html
    assert "NOTE" in report(hostile, notes=True).html


def test_free_text_of_other_names_is_not_shown(tmp_path: Path) -> None:
    """A text control that is neither track id nor status, and not judged by the reliability, may hold anything."""
    value = square(100, 100, 100)
    tasks = [
        task(
            n,
            "a",
            {
                who: [
                    region("r", value),
                    answer("r", square(100, 100, 100), "free_words", "textarea", {"text": ["Mrs Miller"]}),
                    answer("r", square(100, 100, 100), "quality", "choices", {"choices": ["good"]}),
                ]
                for who in (1, 2)
            }
            | {3: []},
        )
        for n in (1, 2)
    ]
    folder = write_run(tmp_path, agreed(exported(*tasks)))
    assert "free_words_a" in pq.read_schema(folder / "pairs.parquet").names
    page = report(folder)
    assert "Mrs Miller" not in page.html and "good" not in page.text.split()
    judged = by_hand()["reliability"].to_pylist()
    table = pa.Table.from_pylist([{**row, "control": "quality"} for row in judged])
    page = report(write_run(tmp_path, {"reliability": table}))
    assert "Mrs Miller" not in page.html and "quality" in [one["control"] for one in page.data["confusions"]]


@pytest.mark.parametrize("text", HOSTILE)
def test_shown_text_is_one_short_line(text: str) -> None:
    found = shown(text)
    assert len(found) < 200
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", found)
    found.encode("utf-8")


def test_shown_cuts_only_what_gets_shorter() -> None:
    """An id of 21 characters cut to 20 with its length behind it would be longer than it was."""
    for length in range(1, 60):
        found = shown("u" * length, 20)
        assert len(found) <= length
        assert found == "u" * length if length <= 39 else found.startswith("u" * 20 + "... (")
    assert shown("user-070fb583d6f28f1f", 20) == "user-070fb583d6f28f1f"


def test_shown_keeps_what_people_write() -> None:
    for text in (
        "naevus (li. Arm)",
        "Melanom?",
        "\u7a2e\u985e",
        "\u0645\u0634\u0643\u0648\u0643",
        "na\u0301evus",
        "A & B",
    ):
        assert shown(text) == text
    assert shown("\ud800x") == "\ufffdx"
    assert shown(None) == ""


# Same bytes, size


def test_the_same_run_gives_the_same_bytes(whole: Path) -> None:
    """In other processes, with other hash seeds and time zones."""
    seen = set()
    for seed, zone in (("0", "UTC"), ("1", "Asia/Tokyo")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone}
        code = f"import lesiongeo; lesiongeo.write_report({str(whole)!r})"
        subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=120)
        seen.add((whole / "report.html").read_bytes())
    assert len(seen) == 1


def many_pairs(count: int) -> pa.Table:
    """Pairs of three annotators, as arrays."""
    rng = np.random.default_rng(3)
    pair = rng.integers(0, 3, count)
    names = np.array(["1", "2", "3"])
    iou = rng.beta(8, 2, count)
    area = np.exp(rng.normal(8, 1, count))
    kind = np.where(rng.random(count) < 0.9, 0, np.where(rng.random(count) < 0.5, 1, 3))
    missing = kind == 3
    labels = np.array([f"label {n}" for n in range(40)])
    drawn = rng.integers(0, 40, count)
    ids = np.arange(count).astype(str)
    return pa.table(
        {
            "task_id": np.arange(count) // 10,
            "page": pa.array(np.zeros(count, dtype=np.int32)),
            "annotator_a": names[np.array([0, 0, 1])[pair]],
            "annotator_b": names[np.array([1, 2, 2])[pair]],
            "annotation_a": np.arange(count),
            "annotation_b": np.arange(count) + count,
            "region_a": ids,
            "region_b": pa.array(ids, mask=missing),
            "match": np.array(["matched", "label_conflict", "near_miss", "missing"])[kind],
            "iou": pa.array(iou, mask=missing),
            "dice": pa.array(2 * iou / (1 + iou), mask=missing),
            "hd95_px": pa.array(rng.gamma(2, 3, count), mask=missing),
            "area_a_px2": area,
            "area_b_px2": pa.array(area * np.exp(rng.normal(0, 0.2, count)), mask=missing),
            "label_a": labels[drawn],
            "label_b": pa.array(labels[np.where(kind == 1, (drawn + 1) % 40, drawn)], mask=missing),
        }
    )


def test_many_pairs_make_a_small_report(tmp_path: Path) -> None:
    table = many_pairs(60_000)
    page = report(write_run(tmp_path, {"pairs": table}))
    assert len(page.raw) < 1_500_000
    plots = page.data["areas"]["plots"]
    assert all(plot["n_points"] == MOST_POINTS < plot["n"] for plot in plots)
    assert "800 of them drawn" in page.text
    assert len(page.data["cases"]) == 100
    groups = [group for group in page.data["distributions"][0]["groups"] if group["kind"] == "others"]
    assert [group["name"] for group in groups] == ["28 other labels"]
    (label,) = page.data["confusions"]
    assert len(label["categories"]) == 14 and label["same"] is None


@pytest.mark.slow
def test_a_million_pairs_stay_below_five_megabytes(tmp_path: Path) -> None:
    assert len(report(write_run(tmp_path, {"pairs": many_pairs(1_000_000)}), worst=1000).raw) < 5_000_000


# Definitions and facts


def test_definitions_are_those_that_the_tables_name(tmp_path: Path, plain: Path) -> None:
    pairs = pq.read_table(plain / "pairs.parquet")
    named = pairs.replace_schema_metadata({b"lesiongeo.specs": json.dumps(["iou@1", "hd95@1", "iou@99", "no@1"])})
    pq.write_table(named, tmp_path / "pairs.parquet")
    pq.write_table(pairs.slice(0, 0).replace_schema_metadata({b"lesiongeo.specs": b"{"}), tmp_path / "tasks.parquet")
    found = {one["id"]: one["text"] for one in report(tmp_path).data["definitions"]}
    assert set(found) == {"iou@1", "hd95@1", "iou@99", "no@1"}
    assert "union" in found["iou@1"] or "intersection" in found["iou@1"]
    assert found["iou@99"] == found["no@1"] == "not in this version of lesiongeo"


def test_facts_are_those_of_the_lock(tmp_path: Path, plain: Path) -> None:
    (tmp_path / "pairs.parquet").write_bytes((plain / "pairs.parquet").read_bytes())
    lock = {
        "seed": 7,
        "options": {"confidence": 0.9, "size_bounds_px2": [100.0, 50000.0], "nothing": None},
        "inputs": [{"name": f"{n}.json", "sha256": "ab"} for n in range(60)],
        "specs": ["iou@1", "dice@1"],
    }
    (tmp_path / "run.lock.json").write_text(json.dumps(lock))
    page = report(tmp_path)
    facts = [tuple(one) for one in page.data["facts"]]
    assert ("options.confidence", "0.9") in facts and ("inputs[0].name", "0.json") in facts
    assert facts[-1][1].endswith("more in run.lock.json") and len(facts) == 81
    sizes = {
        group["name"]: group["n"] for group in page.data["distributions"][0]["groups"] if group["kind"] == "size_class"
    }
    areas = [math.sqrt(row["area_a_px2"] * row["area_b_px2"]) for row in agreed_rows(plain)]
    assert sizes.get("large", 0) == sum(area >= 50000 for area in areas)
    assert sizes.get("small", 0) == sum(area < 100 for area in areas)


# Real outlines


def made(tmp_path: Path, name: str) -> lg.Export:
    path = tmp_path / f"{name}.json"
    tool = SHARED / "tools" / "make_real_exports.py"
    subprocess.run([sys.executable, str(tool), name, str(path)], check=True, capture_output=True, timeout=280)
    return lg.read_label_studio(path)


@pytest.mark.skipif(not (SHARED / "tools").exists(), reason="real outlines are not part of the project")
@pytest.mark.parametrize("name", ["lvis", "lidc"])
def test_reports_of_real_outlines(name: str, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", agreed(made(tmp_path, name)))
    page = report(folder, worst=20)
    assert_harmless(page)
    assert len(page.raw) < 2_000_000
    every = table_rows(folder, "pairs", "annotator_a annotator_b match dice area_a_px2 area_b_px2".split())
    pairs = [row for row in every if row["match"] in ("matched", "label_conflict")]
    values = [row["dice"] for row in pairs]
    whole = page.data["distributions"][0]["groups"][0]
    assert whole["n"] == len(values)
    assert whole["mean"] == pytest.approx(math.fsum(values) / len(values), rel=1e-12)
    assert whole["median"] == pytest.approx(statistics.median(values), rel=1e-12)
    heat = {metric["key"]: metric["cells"] for metric in page.data["heat_map"]["metrics"]}
    for cell in heat["dice"]:
        own = [row["dice"] for row in pairs if (row["annotator_a"], row["annotator_b"]) == (cell["a"], cell["b"])]
        assert (cell["n"], cell["value"]) == (len(own), pytest.approx(math.fsum(own) / len(own), rel=1e-12))
    for plot in page.data["areas"]["plots"]:
        logs = [
            math.log(row["area_b_px2"] / row["area_a_px2"])
            for row in pairs
            if (row["annotator_b"], row["annotator_a"]) == (plot["who"], plot["against"])
        ]
        assert plot["mean_log"] == pytest.approx(statistics.fmean(logs), abs=1e-12)
        assert plot["sd_log"] == pytest.approx(statistics.stdev(logs), rel=1e-9)
    tally = Counter(row["match"] for row in every)
    assert {row["match"]: row["n"] for row in page.data["overview"]["matches"] if row["n"]} == dict(tally)


# Command line


def test_the_command_writes_the_report(plain: Path, tmp_path: Path) -> None:
    ran = Ran("report", plain, "--title", "Round 2", "--worst", "3")
    assert ran.code == 0 and "report.html" in ran.out
    page = Page(plain / "report.html")
    assert "<title>Round 2</title>" in page.html and len(page.data["cases"]) == 3
    ran = Ran("report", plain, "--json", "--images", tmp_path, "--worst", "3")
    assert json.loads(ran.out)["bytes"] == len((plain / "report.html").read_bytes())
    assert "No picture" in Page(plain / "report.html").text
    assert Ran("report", plain, "--quiet").out == ""


def test_the_command_says_what_is_wrong(tmp_path: Path, plain: Path) -> None:
    assert Ran("report", tmp_path).code == 3
    ran = Ran("report", tmp_path / "nowhere")
    assert ran.code == 3 and "nowhere" in ran.err
    assert Ran("report", plain, "--worst", "5000").code == 2
    assert Ran("report", "s3://bucket/run").code == 2
    assert Ran("report", plain, "--images", tmp_path / "nowhere").code == 3


def test_what_an_earlier_run_left_in_the_folder_is_not_mixed_in(tmp_path: Path) -> None:
    """The lock names the files of the last run: those of an older one, as Parquet, are left alone."""
    (tmp_path / "small.json").write_text(json.dumps(make_export(patients=2, seed=3)), encoding="utf-8")
    assert Ran("agree", "examples/dermatology.json", "-o", tmp_path / "out", "-q").code == 0
    assert Ran("agree", tmp_path / "small.json", "-o", tmp_path / "out", "--csv", "-q").code == 0
    found = Run(tmp_path / "out")
    assert {path.suffix for path in found.files.values()} == {".csv"}
    assert found.twice == []
    expected = lg.agreement(lg.read_label_studio(tmp_path / "small.json"))
    assert found.rows("pairs") == expected.pairs.num_rows
