"""The command line: files, exit codes, what is printed where, and text that must not be interpreted."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import lesiongeo
from lesiongeo.cli import app
from lesiongeo.read.problems import superseded_problems
from lesiongeo.testing import make_export
from test_agreement_rules import Entry, annotation, box, entry, task

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "dermatology.json"
TABLES = (
    "regions pairs tasks lesions annotators summary statistics reliability habits trends habits_overall similar queue "
    "problems"
).split()
#: Where tasks have several pages and regions track ids.
OF_TRACKS = ("tracks", "track_conflicts", "track_findings", "track_proposals", "track_noise", "visits")
FILES = len(TABLES) + 2  # summary.json, run.lock.json


def save(path: Path, *tasks: Entry) -> Path:
    path.write_text(json.dumps(list(tasks)), encoding="utf-8")
    return path


def control(region_id: str, name: str, kind: str, value: Entry) -> Entry:
    """An answer about a region; `name` is its from_name."""
    return {**entry(region_id, kind, value, 0), "from_name": name}


def note(region_id: str, text: str, name: str = "note") -> Entry:
    return control(region_id, name, "textarea", {"text": [text]})


def two_people() -> Entry:
    """One page: a box and its lower half (IoU 0.5), and a box that only the second person drew."""
    first = [box("a", (0, 50), (0, 50)), note("a", "first")]
    second = [box("b", (0, 50), (0, 25)), box("c", (75, 100), (75, 100))]
    return task([annotation(1, 1, first), annotation(2, 2, second)])


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return save(tmp_path / "small.json", two_people())


class Ran:
    """Exit code and output of the command, run inside this process."""

    def __init__(self, *arguments: object, columns: int = 100) -> None:
        found = CliRunner().invoke(
            app, [str(part) for part in arguments], env={"COLUMNS": str(columns), "TERMINAL_WIDTH": str(columns)}
        )
        assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
        self.code, self.out, self.err = found.exit_code, found.stdout, found.stderr


def process(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "lesiongeo", *map(str, arguments)],
        env={**os.environ, "COLUMNS": "100", **variables},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def folder(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(path.iterdir())}


def read_csv(path: Path) -> tuple[list[str], list[list[str]]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    return rows[0], rows[1:]


def assert_csv_is(path: Path, table: pa.Table) -> None:
    """Every cell of a CSV file says what the table says: numbers to the last bit, times as times, null as nothing."""
    names, rows = read_csv(path)
    assert names == table.column_names
    assert len(rows) == table.num_rows
    for cells, values in zip(rows, table.to_pylist(), strict=True):
        for name, cell in zip(names, cells, strict=True):
            value = values[name]
            if value is None:
                assert cell == "", name
            elif isinstance(value, bool):
                assert cell == str(value).lower(), name
            elif isinstance(value, int | float):
                assert float(cell) == value, name
            elif isinstance(value, list):
                assert json.loads(cell) == value, name
            elif isinstance(value, str):
                assert cell == (f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value), name
            else:
                assert cell == value.strftime("%Y-%m-%d %H:%M:%S.%fZ"), name


# files


@pytest.mark.parametrize("source", ["small", "example"])
@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_agree_writes_what_the_functions_return(source: str, ending: str, small: Path, tmp_path: Path) -> None:
    path = small if source == "small" else EXAMPLE
    out = tmp_path / "new" / "folder"
    ran = Ran("agree", path, "-o", out, "--spacing-mm", "0.5", *(["--csv"] if ending == "csv" else []))
    assert (ran.code, ran.err) == (0, "")
    names = TABLES if source == "small" else (*TABLES, *OF_TRACKS)
    assert set(folder(out)) == {*(f"{name}.{ending}" for name in names), "summary.json", "run.lock.json"}
    export = lesiongeo.read_label_studio(path, spacing_mm=0.5)
    result = lesiongeo.agreement(export)
    measured = lesiongeo.measure(export.regions, spacing_mm=0.5, shape=False)
    regions = export.regions.table
    for name in measured.column_names:
        if name not in regions.column_names:
            regions = regions.append_column(name, measured[name])
    number = [None if row < 0 else result.lesions["lesion"][row].as_py() for row in result.lesion_of_region.tolist()]
    regions = regions.append_column("lesion", pa.array(number, pa.int32()))
    habits = lesiongeo.habits(export, result)
    expected = {
        "regions": regions,
        "pairs": result.pairs,
        "tasks": result.tasks,
        "lesions": result.lesions,
        "statistics": lesiongeo.agreement_statistics(export, result),
        "reliability": lesiongeo.reliability(export, result),
        "habits": habits.named,
        "trends": habits.weekly,
        "habits_overall": habits.overall,
        "similar": habits.similar,
        "queue": lesiongeo.review_queue(export, result),
        "annotators": result.annotators,
        "summary": result.summary,
        "problems": pa.concat_tables([export.problems, superseded_problems(result.superseded)]),
    }
    if source == "example":
        followed = lesiongeo.tracks(export)
        tables = ("table", "conflicts", "findings", "proposals", "noise", "visits")
        expected |= {name: getattr(followed, table) for name, table in zip(OF_TRACKS, tables, strict=True)}
        regions = regions.append_column("track", followed.track_ids())
        expected["regions"] = regions
    assert set(expected) == set(names)
    added = expected["problems"].slice(export.problems.num_rows).to_pylist()
    assert [(row["annotation_id"], row["code"]) for row in added] == [
        (number, "superseded") for number in result.superseded["annotation_id"].to_pylist()
    ]
    assert bool(added) == (source == "example")
    if ending == "csv":
        for name, table in expected.items():
            assert_csv_is(out / f"{name}.csv", table)
        return
    expected["regions"] = regions.append_column("geometry", export.regions.to_arrow()["geometry"])
    for name, table in expected.items():
        written = pq.read_table(out / f"{name}.parquet")
        assert written.column_names == table.column_names
        assert written.equals(table.cast(written.schema)), name
        assert written.schema.equals(table.schema), name


def test_agree_by_hand(small: Path, tmp_path: Path) -> None:
    """Page of three regions: one match of IoU 0.5, one region alone, so (0.5 + 0) / 2."""
    assert Ran("agree", small, "-o", tmp_path).code == 0
    (row,) = pq.read_table(tmp_path / "tasks.parquet").to_pylist()
    assert (row["n_a"], row["n_b"], row["n_matched"], row["n_missing_b"], row["score"]) == (1, 2, 1, 1, 0.25)
    pairs = pq.read_table(tmp_path / "pairs.parquet").to_pylist()
    assert [(r["region_a"], r["region_b"], r["match"], r["iou"]) for r in pairs] == [
        (None, "c", "missing", None),
        ("a", "b", "matched", 0.5),
    ]
    regions = pq.read_table(tmp_path / "regions.parquet")
    assert regions["area_px2"].to_pylist() == [2500.0, 1250.0, 625.0]
    assert regions["note"].to_pylist() == ["first", None, None]


def test_gates_reach_the_comparison(small: Path, tmp_path: Path) -> None:
    """IoU 0.5 is below a gate of 0.6, so the match becomes a near miss; the options stand in the summary."""
    assert Ran("agree", small, "-o", tmp_path, "--gate", "0.6", "--conflict-gate", "0.75").code == 0
    assert pq.read_table(tmp_path / "tasks.parquet")["n_near_miss"].to_pylist() == [1]
    options = json.loads((tmp_path / "summary.json").read_text())["options"]
    assert (options["gate"], options["conflict_gate"], options["spacing_mm"]) == (0.6, 0.75, None)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_measure_writes_what_the_function_returns(ending: str, tmp_path: Path) -> None:
    out = tmp_path / "new" / f"areas.{ending}"
    ran = Ran("measure", EXAMPLE, "-o", out, "--spacing-mm", "0.5", "--spacing-mm", "0.25")
    assert (ran.code, ran.out) == (0, "")
    assert "737 regions" in ran.err
    table = lesiongeo.measure(lesiongeo.read_label_studio(EXAMPLE).regions, spacing_mm=(0.5, 0.25))
    assert table.num_rows == 737
    if ending == "csv":
        assert_csv_is(out, table)
    else:
        assert pq.read_table(out).equals(table)


def test_measure_prints_a_table_for_pipes(small: Path) -> None:
    """Tab-separated rows on stdout, everything else beside it."""
    ran = Ran("measure", small, "--spacing-mm", "0.1", "--spacing-mm", "0.2")
    assert ran.code == 0
    head, *rows = (line.split("\t") for line in ran.out.splitlines())
    assert head[:5] == ["task_id", "page", "annotation_id", "annotator", "region_id"]
    found = [dict(zip(head, row, strict=True)) for row in rows]
    assert [row["region_id"] for row in found] == ["a", "b", "c"]
    assert [row["area_px2"] for row in found] == ["2500", "1250", "625"]
    # 625 square pixels of 0.1 mm by 0.2 mm; two sides of 2.5 mm and two of 5 mm.
    assert (found[2]["area_mm2"], found[2]["perimeter_mm"]) == ("12.5", "15")
    assert "Read 1 tasks" in ran.err


def test_several_exports_are_one(tmp_path: Path) -> None:
    """Two halves of an export give the tables of the whole."""
    tasks = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    halves = save(tmp_path / "first.json", *tasks[:17]), save(tmp_path / "second.json", *tasks[17:])
    assert Ran("agree", *halves, "-o", tmp_path / "halves").code == 0
    assert Ran("agree", EXAMPLE, "-o", tmp_path / "whole").code == 0
    locks = [json.loads((tmp_path / name / "run.lock.json").read_text()) for name in ("halves", "whole")]
    for name in ("halves", "whole"):
        (tmp_path / name / "run.lock.json").unlink()
    assert folder(tmp_path / "halves") == folder(tmp_path / "whole")
    assert [len(lock["inputs"]) for lock in locks] == [2, 1]
    assert locks[0]["outputs"] == locks[1]["outputs"]
    ran = Ran("measure", *halves, "-o", tmp_path / "areas.csv")
    assert "737 regions" in ran.err
    assert Ran("measure", EXAMPLE, "-o", tmp_path / "all.csv").code == 0
    assert (tmp_path / "areas.csv").read_bytes() == (tmp_path / "all.csv").read_bytes()


@pytest.mark.parametrize("ending", [[], ["--csv"]])
def test_same_input_same_bytes(ending: list[str], tmp_path: Path) -> None:
    """Neither the number of threads, nor another run, file name or hash seed changes a byte; the lock has the name."""
    renamed = tmp_path / "renamed.json"
    renamed.write_bytes(EXAMPLE.read_bytes())
    for path, threads, seed in ((EXAMPLE, 1, "0"), (EXAMPLE, 3, "1"), (renamed, 2, "2")):
        ran = process("agree", path, "-o", tmp_path / seed, "--threads", threads, *ending, PYTHONHASHSEED=seed)
        assert ran.returncode == 0, ran.stderr
    first = folder(tmp_path / "0")
    assert len(first) == FILES + len(OF_TRACKS)
    assert folder(tmp_path / "1") == first
    other = folder(tmp_path / "2")
    other["run.lock.json"] = other["run.lock.json"].replace(b"renamed.json", EXAMPLE.name.encode())
    assert other == first


def test_summary_json_has_no_times_and_no_paths(tmp_path: Path) -> None:
    assert Ran("agree", EXAMPLE, "-o", tmp_path).code == 0
    text = (tmp_path / "summary.json").read_text(encoding="utf-8")
    assert text.endswith("}\n")
    content = json.loads(text)
    # Since when a habit is there is a week of the export, not of this run.
    plain = json.dumps({**content, "habits": [], "lesiongeo": ""})
    assert not re.search(r"\d{4}-\d\d-\d\d|\d\d:\d\d|[/\\]|\.json", plain)
    assert text == json.dumps(content, indent=2, sort_keys=True) + "\n"
    # The README of the example says: 40 patients, 3 annotators.
    assert content["lesiongeo"] == lesiongeo.__version__
    assert content["read"]["tasks"] == 40
    assert [row["annotator"] for row in content["annotators"]] == ["1", "2", "3"]
    pairs = [(row["annotator_a"], row["annotator_b"]) for row in content["annotator_pairs"]]
    assert pairs == [("1", "2"), ("1", "3"), ("2", "3")]
    for name in ("n_matched", "n_missing_a", "n_pages"):
        assert content["agreement"][name] == sum(row[name] for row in content["annotator_pairs"])


def annotators_of_equal_number() -> Entry:
    people = ["7", "07", "007", "0007"]
    return task([annotation(n, who, [box("r", (0, 50), (0, 50))]) for n, who in enumerate(people)])


def test_ids_of_the_same_number_have_a_fixed_order(tmp_path: Path) -> None:
    """7 and 07 are different people whose ids are the same number."""
    path = save(tmp_path / "zeros.json", annotators_of_equal_number())
    found = []
    for seed in "0123":
        ran = process("agree", path, "-o", tmp_path / seed, PYTHONHASHSEED=seed)
        assert ran.returncode == 0, ran.stderr
        found.append(folder(tmp_path / seed))
    assert found[1:] == found[:-1]


# what is printed


def test_json_prints_json_only(small: Path, tmp_path: Path) -> None:
    ran = Ran("agree", small, "-o", tmp_path, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (tmp_path / "summary.json").read_text(encoding="utf-8")
    assert json.loads(ran.out)["read"]["regions"] == 3
    for more in ([], ["-o", tmp_path / "areas.csv"]):
        ran = Ran("measure", small, "--json", *more)
        assert (ran.code, ran.err) == (0, "")
        content = json.loads(ran.out)
        assert (content["read"]["regions"], content["read"]["problems"]) == (3, {})
        # Boxes of 50 by 50, 50 by 25 and 25 by 25 pixels.
        assert content["labels"] == [
            {"label": "nevus", "n": 3, "area_px2": {"n": 3, "min": 625.0, "median": 1250.0, "max": 2500.0}}
        ]


def test_quiet_prints_nothing(small: Path, tmp_path: Path) -> None:
    for arguments in (["agree", small, "-o", tmp_path / "out"], ["measure", small, "-o", tmp_path / "areas.csv"]):
        ran = Ran(*arguments, "--quiet")
        assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert len(folder(tmp_path / "out")) == FILES
    assert read_csv(tmp_path / "areas.csv")[1]


def test_quiet_prints_no_table(small: Path) -> None:
    """The help says: print nothing but errors."""
    ran = Ran("measure", small, "--quiet")
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_quiet_prints_errors(tmp_path: Path) -> None:
    ran = Ran("agree", tmp_path / "none.json", "-o", tmp_path, "--quiet")
    assert (ran.code, ran.out) == (3, "")
    assert "none.json" in ran.err


def test_the_readable_summary(small: Path, tmp_path: Path) -> None:
    ran = Ran("agree", small, "-o", tmp_path)
    lines = ran.out.splitlines()
    assert lines[0] == "Read 1 tasks, 2 annotations (0 skipped), 3 regions"
    # pages, matches, conflicts, near misses, alone in a, alone in b, score, IoU, 5th percentile, Hausdorff distance
    numbers = ["1", "1", "0", "0", "0", "1", "0.250", "0.500", "0.500", "25.0"]
    (pair,) = [line for line in lines if line.startswith("1 / 2")]
    assert pair.split()[3:] == numbers
    (everybody,) = [line for line in lines if line.startswith("all ")]
    assert everybody.split()[1:] == numbers
    worst = [line for line in lines if re.match(r" +7 +0 1 / 2", line)]
    assert ["missing" in worst[0], "matched" in worst[1]] == [True, True]
    assert "- / c" in worst[0]
    assert "a / b" in worst[1]
    (histogram,) = [line for line in lines if "█" in line]
    assert histogram.split() == ["0.2", "to", "0.3", "█" * 30, "1"]


def test_what_is_odd_is_counted(tmp_path: Path) -> None:
    """A crossing outline and one of two points: both flagged and still read."""
    crossing = box("x", (0, 50), (0, 50))
    crossing["value"]["points"] = [[0, 0], [50, 50], [50, 0], [0, 50]]
    thin = box("y", (0, 50), (0, 50))
    thin["value"]["points"] = [[0, 0], [50, 50]]
    path = save(tmp_path / "odd.json", task([annotation(1, 1, [crossing, thin]), annotation(2, 2, [])]))
    ran = Ran("agree", path, "-o", tmp_path / "out")
    assert "Problems: self_overlap 1, too_few_points 1" in ran.out
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["read"]["problems"] == {"self_overlap": 1, "too_few_points": 1}
    assert (summary["read"]["regions"], summary["read"]["regions_invalid"]) == (2, 2)


@pytest.mark.parametrize("command", ["agree", "measure"])
def test_help_names_input_output_and_exit_codes(command: str) -> None:
    ran = Ran(command, "--help")
    assert ran.code == 0
    text = " ".join(ran.out.replace("│", " ").split())
    assert "Reads Label Studio's JSON exports SRC" in text
    for wanted in ("--out", "parquet", "csv", "--spacing-mm", "--threads", "--json", "--quiet"):
        assert wanted in text.lower()
    assert "Exit code 0: done, 2: wrong usage, 3: a file could not be read or written." in text
    for name in TABLES if command == "agree" else ():
        assert name in text


def test_help_of_the_whole() -> None:
    text = " ".join(Ran("--help").out.split())
    for wanted in ("agree", "measure", "--version", "reads Label Studio's JSON"):
        assert wanted in text
    bare = Ran()
    assert bare.code == 2
    assert "agree" in bare.out + bare.err


def test_version() -> None:
    ran = Ran("--version")
    assert (ran.code, ran.out) == (0, f"{lesiongeo.__version__}\n")


# exit codes


JSON_MIN = '[{"id": 1, "image": "a.png", "annotator": 1, "annotation_id": 3, "lesion": [{"points": [[1, 1]]}]}]'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hello", "not JSON"),
        ("", "empty"),
        ('[{"id": 1, "annotations": [', "cut off"),
        (JSON_MIN, "JSON_MIN"),
        ('{"images": [], "annotations": [], "categories": []}', "COCO"),
        ("[1, 2]", "task"),
    ],
)
@pytest.mark.parametrize("command", ["agree", "measure"])
def test_files_that_are_no_export(command: str, text: str, said: str, tmp_path: Path) -> None:
    """The message names the file and what is wrong, in one line; nothing is written."""
    path = tmp_path / "bad.json"
    path.write_text(text)
    out = tmp_path / ("out" if command == "agree" else "out.csv")
    ran = Ran(command, path, "-o", out)
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("lesiongeo: bad.json: ")
    assert said in ran.err
    assert ran.err.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize("command", ["agree", "measure"])
def test_sources_that_cannot_be_opened(command: str, small: Path, tmp_path: Path) -> None:
    out = tmp_path / ("out" if command == "agree" else "out.csv")
    (tmp_path / "empty").mkdir()
    for bad, said in ((tmp_path / "none.json", "No such file"), (tmp_path / "empty", "no export in this folder")):
        ran = Ran(command, small, bad, "-o", out)
        assert (ran.code, ran.out) == (3, "")
        assert f"{bad}: {said}" in ran.err
        assert not out.exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--spacing-mm", "0"],
        ["--spacing-mm", "-1"],
        ["--spacing-mm", "nan"],
        ["--spacing-mm", "inf"],
        ["--spacing-mm", "wide"],
        ["--spacing-mm", "1", "--spacing-mm", "0"],
        ["--spacing-mm", "1", "--spacing-mm", "1", "--spacing-mm", "1"],
        ["--gate", "-0.1"],
        ["--gate", "1.5"],
        ["--gate", "nan"],
        ["--conflict-gate", "2"],
        ["--threads", "0"],
        ["--colour"],
    ],
    ids=" ".join,
)
def test_wrong_options(options: list[str], small: Path, tmp_path: Path) -> None:
    ran = Ran("agree", small, "-o", tmp_path / "out", *options)
    assert (ran.code, ran.out) == (2, "")
    assert options[0] in ran.err
    assert not (tmp_path / "out").exists()
    if options[0] == "--spacing-mm":
        assert Ran("measure", small, *options).code == 2


@pytest.mark.parametrize("arguments", [["agree"], ["agree", "x.json"], ["measure"], ["agre"]], ids=" ".join)
def test_wrong_usage(arguments: list[str]) -> None:
    ran = Ran(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "Usage" in ran.err


@pytest.mark.parametrize("name", ["areas", "areas.txt", "areas.json", ".csv"])
def test_measure_needs_a_known_ending(name: str, small: Path, tmp_path: Path) -> None:
    ran = Ran("measure", small, "-o", tmp_path / name)
    assert ran.code == 2
    assert f"{name} should end in .parquet or .csv" in ran.err
    assert not (tmp_path / name).exists()


def test_a_file_in_place_of_the_folder(small: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    for arguments in (
        ["agree", small, "-o", taken],
        ["agree", small, "-o", taken / "below"],
        ["measure", small, "-o", taken / "areas.csv"],
    ):
        ran = Ran(*arguments)
        assert (ran.code, ran.out) == (3, "")
        assert "taken" in ran.err
        assert ran.err.count("\n") == 1
    assert taken.read_text() == "mine"


def test_a_folder_in_place_of_a_file(small: Path, tmp_path: Path) -> None:
    (tmp_path / "tasks.csv").mkdir()
    assert Ran("agree", small, "-o", tmp_path, "--csv").code == 3
    assert Ran("measure", small, "-o", tmp_path / "tasks.csv").code == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("name", ["regions.parquet", "tasks.csv", "summary.json"])
def test_a_full_disk(name: str, small: Path, tmp_path: Path) -> None:
    (tmp_path / name).symlink_to("/dev/full")
    ran = Ran("agree", small, "-o", tmp_path, *(["--csv"] if name.endswith("csv") else []))
    assert (ran.code, ran.out) == (3, "")
    assert "No space left" in ran.err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(small: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    for out in (closed, closed / "below"):
        ran = Ran("agree", small, "-o", out)
        assert (ran.code, ran.out) == (3, "")
        assert "denied" in ran.err


# nothing to compare


def test_a_single_annotator(tmp_path: Path) -> None:
    """It says why there is no agreement, and tables and measures are written all the same."""
    path = save(tmp_path / "one.json", task([annotation(1, 1, [box("a", (0, 50), (0, 50))])]))
    ran = Ran("agree", path, "-o", tmp_path / "out", "--spacing-mm", "0.1")
    assert ran.code == 0
    assert "No agreement: every task has a single annotator" in " ".join(ran.out.split())
    tables = {name: pq.read_table(tmp_path / "out" / f"{name}.parquet") for name in TABLES}
    assert tables["regions"]["area_px2"].to_pylist() == [2500.0]
    assert tables["regions"]["area_mm2"].to_pylist() == [pytest.approx(25.0)]
    assert tables["tasks"]["reason"].to_pylist() == ["single_annotator"]
    assert tables["annotators"]["n_regions"].to_pylist() == [1]
    assert (tables["pairs"].num_rows, tables["summary"].num_rows) == (0, 0)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["agreement"] is None
    assert summary["annotator_pairs"] == []
    assert "single annotator" in summary["no_agreement_because"]


@pytest.mark.parametrize("tasks", [[], [task([]), task([], task_id=8)]], ids=["no tasks", "no annotations"])
@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_nothing_drawn(tasks: list[Entry], ending: str, tmp_path: Path) -> None:
    path = save(tmp_path / "empty.json", *tasks)
    ran = Ran("agree", path, "-o", tmp_path / "out", *(["--csv"] if ending == "csv" else []))
    assert ran.code == 0
    assert f"Read {len(tasks)} tasks, 0 annotations (0 skipped), 0 regions" in ran.out
    assert "No agreement: no annotation counts" in ran.out
    for name in TABLES:
        file = tmp_path / "out" / f"{name}.{ending}"
        columns, rows = read_csv(file) if ending == "csv" else (pq.read_schema(file).names, pq.read_table(file))
        assert len(columns) > 5
        if name == "statistics":
            # Of everybody there is a row for each number that cannot be, with the reason.
            reasons = [row[-1] for row in rows] if ending == "csv" else rows["reason"].to_pylist()
            assert set(reasons) <= {"no_pairs", "no_pages", "no_reference", "nothing_drawn", "not_measured"}
        elif name == "reliability":
            assert [row[-1] for row in rows] if ending == "csv" else rows["reason"].to_pylist()
        else:
            assert len(rows) == 0, name
    ran = Ran("measure", path)
    assert ran.code == 0
    assert ran.out.startswith("task_id\t")
    assert ran.out.count("\n") == 1


def test_everything_skipped(tmp_path: Path) -> None:
    drawn = [box("a", (0, 50), (0, 50))]
    path = save(tmp_path / "skip.json", task([annotation(n, n, drawn, was_cancelled=True) for n in (1, 2)]))
    ran = Ran("agree", path, "-o", tmp_path / "out")
    assert "2 annotations (2 skipped), 2 regions" in ran.out
    assert "No agreement: no annotation counts: all are cancelled" in ran.out


def test_nobody_drew_anything(tmp_path: Path) -> None:
    path = save(tmp_path / "blank.json", task([annotation(1, 1, []), annotation(2, 2, [])]))
    ran = Ran("agree", path, "-o", tmp_path / "out")
    assert ran.code == 0
    assert "Nobody drew anything on any page: all pages score 1." in ran.out


# text that is only text


NASTY = "[bold]x[/bold] \x1b[31mred\x07\r\n=cmd()"


def nasty_export(tmp_path: Path) -> Path:
    """Markup, escapes, control characters and formulas in every place that annotators or configurations fill."""
    odd = "=[red]r1[/]\x1b[2J\n"
    first = [box(odd, (0, 50), (0, 50), (NASTY,)), note(odd, "=cmd()|' /C calc'!A0", name="@[i]note\x1b")]
    second = [box("-r2[/]", (0, 50), (0, 25), ("+[blink]",)), box("\tr3", (75, 100), (75, 100), ("[link=file:x]",))]
    people = annotation(1, "[bold]\x1b[31m=who", first), annotation(2, 2, second)
    return save(tmp_path / "nasty.json", task(list(people)))


def assert_plain(text: str) -> None:
    """No control characters but the end of a line (and tabs between columns)."""
    assert not {c for c in text if not c.isprintable()} - {"\n", "\t"}


def test_texts_are_not_interpreted_on_the_screen(tmp_path: Path) -> None:
    path = nasty_export(tmp_path)
    ran = Ran("agree", path, "-o", tmp_path / "out", columns=200)
    assert ran.code == 0
    assert_plain(ran.out)
    # The texts of the second person come first: an id that is no number is sorted behind one that is.
    assert "-r2[/] / =[red]r1[/] [2J" in ran.out
    assert "+[blink] / [bold]x[/bold]  [31mred   =cmd()" in ran.out
    assert " r3 / -" in ran.out
    assert "[link=file:x] / -" in ran.out
    assert "who" not in ran.out
    ran = Ran("measure", path)
    assert_plain(ran.out + ran.err)
    head, *rows = ran.out.splitlines()
    assert len(rows) == 3
    assert all(row.count("\t") == head.count("\t") for row in rows)
    assert [row.split("\t")[4] for row in rows] == ["=[red]r1[/] [2J ", "-r2[/]", " r3"]


def test_texts_are_not_interpreted_in_files(tmp_path: Path) -> None:
    """Parquet keeps every character; CSV keeps them too, with an apostrophe before what a spreadsheet would run."""
    path = nasty_export(tmp_path)
    assert Ran("agree", path, "-o", tmp_path / "out").code == 0
    assert Ran("agree", path, "-o", tmp_path / "out", "--csv").code == 0
    regions = pq.read_table(tmp_path / "out" / "regions.parquet")
    assert regions["region_id"].to_pylist() == ["=[red]r1[/]\x1b[2J\n", "-r2[/]", "\tr3"]
    assert regions["label"].to_pylist() == [NASTY, "+[blink]", "[link=file:x]"]
    assert regions["@[i]note\x1b"].to_pylist() == ["=cmd()|' /C calc'!A0", None, None]
    names, rows = read_csv(tmp_path / "out" / "regions.csv")
    cells = [dict(zip(names, row, strict=True)) for row in rows]
    assert [row["region_id"] for row in cells] == ["'=[red]r1[/]\x1b[2J\n", "'-r2[/]", "'\tr3"]
    assert [row["label"] for row in cells] == [NASTY, "'+[blink]", "[link=file:x]"]
    assert cells[0]["'@[i]note\x1b"] == "'=cmd()|' /C calc'!A0"
    for file in (tmp_path / "out").glob("*.csv"):
        names, rows = read_csv(file)
        numbers = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?")
        for cell in [*names, *(cell for row in rows for cell in row)]:
            assert cell[:1] not in ("=", "+", "-", "@", "\t", "\r") or numbers.fullmatch(cell), (file.name, cell)


def test_emoji_codes_stay_text(tmp_path: Path) -> None:
    """An id between two colons is an id."""
    people = annotation(1, 1, [box(":heart:", (0, 50), (0, 50), (":warning:",))]), annotation(2, 2, [])
    ran = Ran("agree", save(tmp_path / "emoji.json", task(list(people))), "-o", tmp_path / "out")
    assert ":heart:" in ran.out
    assert ":warning:" in ran.out


def test_a_backslash_at_the_end_stays_one(tmp_path: Path) -> None:
    people = annotation(1, 1, [box("end\\", (0, 50), (0, 50))]), annotation(2, 2, [])
    ran = Ran("agree", save(tmp_path / "slash.json", task(list(people))), "-o", tmp_path / "out")
    assert "end\\ / -" in ran.out


def test_file_names_are_not_interpreted(tmp_path: Path) -> None:
    ran = Ran("agree", tmp_path / "[bold]no[/bold].json", "-o", tmp_path / "out")
    assert "[bold]no[/bold].json: No such file" in ran.err
    out = tmp_path / "[red]out[/red]"
    ran = Ran("agree", save(tmp_path / "small.json", two_people()), "-o", out, columns=400)
    assert f"Written to {out}:" in ran.out
    assert out.is_dir()


@pytest.mark.parametrize("name", ["\x1b[31mred.json", ":bug:.json"], ids=["escape", "emoji"])
def test_errors_show_file_names_as_text(name: str, tmp_path: Path) -> None:
    ran = Ran("agree", tmp_path / name, "-o", tmp_path / "out")
    assert ran.code == 3
    assert_plain(ran.err)
    assert name.lstrip("\x1b") in ran.err


def test_long_ids_are_never_cut(tmp_path: Path) -> None:
    """Ids fold over several lines of the table and every letter is there; each id is made of a letter of its own."""
    largest = 2**63 - 1
    people = annotation(1, "7" * 60, [box("Ж" * 200, (0, 50), (0, 50), ("Я" * 90,))]), annotation(2, 2, [])
    path = save(tmp_path / "long.json", task(list(people), task_id=largest))
    for columns in (80, 120, 300):
        ran = Ran("agree", path, "-o", tmp_path / "out", columns=columns)
        assert ran.code == 0
        worst = ran.out[ran.out.index("worst cases") : ran.out.index("Written to")]
        assert (worst.count("Ж"), worst.count("Я")) == (200, 90)
        assert "…" not in ran.out
        assert str(largest) in worst
        assert worst.count("7") == 60 + str(largest).count("7")


def test_ids_are_not_cut_on_a_narrow_terminal(tmp_path: Path) -> None:
    people = annotation(1, 1, [box("Ж" * 20, (0, 50), (0, 50), ("Я" * 9,))]), annotation(2, 2, [])
    path = save(tmp_path / "narrow.json", task(list(people), task_id=2**53))
    ran = Ran("agree", path, "-o", tmp_path / "out", columns=40)
    worst = ran.out[ran.out.index("worst cases") : ran.out.index("Written to")]
    assert (worst.count("Ж"), worst.count("Я")) == (20, 9)
    assert str(2**53) in worst


def test_an_id_of_thousands_of_digits(tmp_path: Path) -> None:
    """Python refuses to read whole numbers of more than 4300 digits; an id is a text all the same."""
    drawn = [box("a", (0, 50), (0, 50))]
    path = save(tmp_path / "digits.json", task([annotation(1, "1" * 5000, drawn), annotation(2, 2, drawn)]))
    ran = Ran("agree", path, "-o", tmp_path / "out", "--quiet")
    assert (ran.code, ran.err) == (0, "")
    assert pq.read_table(tmp_path / "out" / "tasks.parquet")["score"].to_pylist() == [1.0]


@pytest.mark.parametrize("name", ["region", "annotation", "area_px2", "centroid_x_px", "geometry"])
def test_a_control_named_like_a_column_replaces_nothing(name: str, tmp_path: Path) -> None:
    """A labeling configuration may call a control anything."""
    drawn = [box("a", (0, 50), (0, 50)), control("a", name, "number", {"number": 5})]
    path = save(tmp_path / "names.json", task([annotation(1, 1, drawn), annotation(2, 2, drawn)]))
    assert Ran("agree", path, "-o", tmp_path / "out").code == 0
    columns = pq.ParquetFile(tmp_path / "out" / "regions.parquet").schema_arrow.names
    assert len(columns) == len(set(columns))
    row = pq.read_table(tmp_path / "out" / "regions.parquet").to_pylist()[0]
    assert (row["area_px2"], row["centroid_x_px"]) == (2500.0, 25.0)
    assert 5.0 in row.values()
    pair: dict[str, Any] = pq.read_table(tmp_path / "out" / "pairs.parquet").to_pylist()[0]
    assert (pair["region_a"], pair["region_b"], pair["annotation_a"], pair["annotation_b"]) == ("a", "a", 1, 2)
    assert list(pair.values()).count(5.0) == 2


# progress and pipes


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of about 20 MB, which takes long enough to be worth a bar."""
    tasks = make_export(patients=60, annotators=3, seed=5)
    text = json.dumps(tasks)[1:-1]
    copies = 20_000_000 // len(text) + 1
    path = tmp_path_factory.mktemp("large") / "large.json"
    # Every copy gets task ids of its own, so that no task comes twice.
    first = min(item["id"] for item in tasks)
    parts = []
    for copy in range(copies):
        for number, item in enumerate(tasks):
            parts.append(json.dumps({**item, "id": first + copy * len(tasks) + number}))
    path.write_text("[" + ",".join(parts) + "]", encoding="utf-8")
    assert path.stat().st_size > 20_000_000
    return path


def test_a_bar_on_a_terminal(large: Path, tmp_path: Path) -> None:
    """The bar moves on the terminal that stderr is, and is gone in the end; stdout has none of it."""
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    variables = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "CI", "TTY_COMPATIBLE")}
    with subprocess.Popen(
        [sys.executable, "-m", "lesiongeo", "agree", str(large), "-o", str(tmp_path / "out"), "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=slave,
        env={**variables, "TERM": "xterm-256color", "COLUMNS": "100"},
    ) as child:
        os.close(slave)
        seen = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not part:
                break
            seen += part
        assert child.stdout is not None
        printed = child.stdout.read()
    os.close(master)
    assert child.returncode == 0
    text = seen.decode()
    assert "reading" in text or "comparing" in text
    assert "━" in text
    assert "%" in text
    assert "\x1b[2K" in text, "the line of the bar is not erased"
    assert json.loads(printed)["read"]["tasks"] > 100


def test_no_bar_in_a_pipe(large: Path, tmp_path: Path) -> None:
    ran = process("agree", large, "-o", tmp_path / "out")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "\x1b" not in ran.stdout
    assert "━" not in ran.stdout
    assert "reading" not in ran.stdout
    assert "Read " in ran.stdout


def test_a_reader_that_leaves_early() -> None:
    """As in ``lesiongeo measure ... | head -1``: no traceback."""
    with subprocess.Popen(
        [sys.executable, "-m", "lesiongeo", "measure", str(EXAMPLE)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline().startswith(b"task_id\t")
        child.stdout.close()
        said = child.stderr.read().decode()
    assert child.returncode in (0, 1)
    assert "Traceback" not in said
    assert "BrokenPipe" not in said


@pytest.mark.parametrize("command", ["agree", "measure", "validate", "convert"])
def test_an_address_is_no_place_to_write_to(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    there = "s3://bucket/out.parquet?X-Amz-Signature=secret"
    target = [there] if command == "convert" else ["-o", there]
    found = CliRunner().invoke(app, [command, str(EXAMPLE), *target])
    assert found.exit_code == 2
    assert "s3://" in found.stderr and "secret" not in found.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_address_in_an_error_loses_its_query() -> None:
    found = CliRunner().invoke(app, ["measure", str(EXAMPLE), "--config", "https://h.example/c.xml?sig=secret"])
    assert found.exit_code in (2, 3)
    assert "secret" not in found.output
