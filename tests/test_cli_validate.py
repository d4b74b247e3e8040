"""`lesiongeo validate` and the options that all commands share: exit codes, the table, JSON, files, escapes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import lesiongeo
from lesiongeo.checks.view import FINDING_SCHEMA, SEVERITIES
from lesiongeo.testing import LABELING_CONFIG
from test_agreement_rules import annotation, polygon, task
from test_cli import EXAMPLE, Ran, assert_csv_is, process, read_csv, save
from test_findings import CONFIG, bow_tie, clean, messy, region, rows_of, track, with_result

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = (ROOT / "docs" / "validate.md").read_text(encoding="utf-8")
COMMANDS = ("agree", "convert", "measure", "validate")


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return save(tmp_path / "good.json", clean())


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """An error (a crossing outline), a warning (a tiny one) and an info (an empty annotation)."""
    tiny = [polygon("t", [(60, 10), (62, 10), (62, 12)]), track("t", 5)]
    found = with_result([*bow_tie(), *tiny])
    found["annotations"].append(annotation(3, 3, []))
    return save(tmp_path / "bad.json", found)


# exit codes


def test_clean_is_0(good: Path) -> None:
    ran = Ran("validate", good)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == ["Read 1 tasks, 2 annotations (0 skipped), 4 regions", "Nothing to look at."]


@pytest.mark.parametrize(
    ("result", "codes"),
    [
        (bow_tie(), {"error": 1, "warning": 1, "info": 1, "never": 0}),
        (region("x", None, x=(50, 100), y=(50, 100)), {"error": 0, "warning": 1, "info": 1, "never": 0}),
        (None, {"error": 0, "warning": 0, "info": 1, "never": 0}),
    ],
    ids=["error", "warning", "info"],
)
def test_findings_are_1_from_the_severity_on(result: object, codes: dict[str, int], tmp_path: Path) -> None:
    found = with_result(result) if isinstance(result, list) else clean()
    if result is None:
        found["annotations"].append(annotation(3, 3, []))
    path = save(tmp_path / "one.json", found)
    assert Ran("validate", path).code == codes["warning"]
    assert {name: Ran("validate", path, "--fail-on", name).code for name in codes} == codes
    assert Ran("validate", path, "--json").code == codes["warning"]


@pytest.mark.parametrize(
    "options",
    [
        ["--fail-on", "typo"],
        ["--tiny-px2", "-1"],
        ["--tiny-px2", "nan"],
        ["--duplicate-iou", "1.1"],
        ["--limit", "-1"],
        ["--on-error", "ignore"],
        ["--spacing-mm", "0"],
        ["--spacing-mm", "a", "--spacing-mm", "b"],
        ["-o", "findings.txt"],
        ["--colour"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2(options: list[str], good: Path) -> None:
    ran = Ran("validate", good, *options)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err


def test_nothing_could_be_read_is_3(good: Path, tmp_path: Path) -> None:
    ran = Ran("validate", tmp_path / "none.json")
    assert (ran.code, ran.out) == (3, "")
    assert "none.json" in ran.err
    (tmp_path / "no.json").write_text("no JSON", encoding="utf-8")
    for fail_on in ("error", "never"):
        assert Ran("validate", tmp_path / "no.json", "--fail-on", fail_on).code == 3
    for option in ("--config", "--ontology"):
        ran = Ran("validate", good, option, tmp_path / "none.xml")
        assert (ran.code, ran.out) == (3, "")
        assert "none.xml" in ran.err
    (tmp_path / "empty.txt").write_bytes(b"")
    ran = Ran("validate", good, "--ontology", tmp_path / "empty.txt")
    assert (ran.code, "empty.txt: no label" in ran.err) == (3, True)


def test_an_empty_export_is_clean(tmp_path: Path) -> None:
    assert Ran("validate", save(tmp_path / "empty.json")).code == 0


def test_a_result_that_cannot_be_written_is_3(bad: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert Ran("validate", bad, "-o", tmp_path / "file" / "findings.csv").code == 3


# what is printed


def test_the_table_for_people(bad: Path) -> None:
    ran = Ran("validate", bad, columns=200)
    assert (ran.code, ran.err) == (1, "")
    lines = ran.out.splitlines()
    assert lines[:2] == ["Read 1 tasks, 3 annotations (0 skipped), 6 regions", "Findings: 1 error, 1 warning, 1 info"]
    heads = [line for line in lines if re.match(r"(error|warning|info) ", line)]
    assert [head.split(":")[0] for head in heads] == [
        "error self_overlap (1)",
        "warning tiny (1)",
        "info empty_annotation (1)",
    ]
    (row,) = [line for line in lines if "crosses itself" in line and "ring" in line]
    assert row.split()[:6] == ["7", "0", "1", "1", "x", "nevus"]
    assert row.rstrip().endswith("ring 0 crosses itself at (70, 70)")


def test_the_limit_is_for_the_screen(tmp_path: Path) -> None:
    many = [one for n in range(9) for one in region(f"r{n}", None, x=(n * 6.25, n * 6.25 + 3.125), y=(0, 50))]
    path = save(tmp_path / "many.json", task([annotation(1, 1, [*many, *region("t", 1, y=(75, 100))])]))
    shown = {limit: Ran("validate", path, "--limit", limit).out for limit in (0, 2, 9)}
    assert [len(re.findall(r"\br\d\b", shown[limit])) for limit in (0, 2, 9)] == [0, 2, 9]
    assert "... and 7 more" in shown[2]
    assert "--limit" in shown[2] and "--limit" in shown[0] and "--limit" not in shown[9]
    assert "track_missing (9)" in shown[0]
    assert len(json.loads(Ran("validate", path, "--json", "--limit", 2).out)["findings"]) == 9


def test_quiet(bad: Path, good: Path) -> None:
    for path, code in ((bad, 1), (good, 0)):
        ran = Ran("validate", path, "--quiet")
        assert (ran.code, ran.out, ran.err) == (code, "", "")


def test_data_cannot_drive_the_terminal(tmp_path: Path) -> None:
    """Escape sequences, bells, line ends, marks of direction and rich's markup in every text of the export."""
    nasty = "\x1b[31m\x07\u202e\r\n[bold red]\u0085x"
    entries = region(nasty, 1, labels=(nasty,))
    path = save(
        tmp_path / "nasty.json",
        task([annotation(1, nasty, [*entries, *region("y" + nasty, 1, x=(50, 100), labels=(nasty * 40,))])]),
    )
    ran = Ran("validate", path, "--ontology", save_lines(tmp_path, "nevus"), columns=300)
    assert ran.code == 1
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", ran.out)
    assert "[bold red]" in ran.out
    assert max(map(len, ran.out.splitlines())) < 300
    # A label of hundreds of characters is cut.
    assert "..." in ran.out


def save_lines(folder: Path, *lines: str) -> Path:
    (folder / "ontology.txt").write_text("\n".join(lines), encoding="utf-8")
    return folder / "ontology.txt"


def test_json_has_everything(bad: Path) -> None:
    ran = Ran("validate", bad, "--json")
    assert (ran.code, ran.err) == (1, "")
    content = json.loads(ran.out)
    assert set(content) == {"codes", "findings", "lesiongeo", "options", "read", "severities"}
    assert content["lesiongeo"] == lesiongeo.__version__
    assert content["severities"] == {"error": 1, "warning": 1, "info": 1}
    assert content["options"] == {"duplicate_iou": 0.9, "fail_on": "warning", "tiny_px2": 25.0}
    assert (content["read"]["tasks"], content["read"]["regions"]) == (1, 6)
    assert content["findings"] == rows_of(*json.loads(bad.read_text()))
    for row in content["findings"]:
        assert list(row) == FINDING_SCHEMA.names
    for row in content["codes"]:
        assert set(row) == {"severity", "code", "count", "tasks", "message"}
    codes = [(row["severity"], row["code"]) for row in content["codes"]]
    assert codes == sorted(codes, key=lambda one: (SEVERITIES.index(one[0]), one[1]))
    counts = Counter((row["severity"], row["code"]) for row in content["findings"])
    assert {(row["severity"], row["code"]): row["count"] for row in content["codes"]} == counts


def test_json_of_a_clean_export(good: Path) -> None:
    content = json.loads(Ran("validate", good, "--json").out)
    assert (content["findings"], content["codes"]) == ([], [])
    assert content["severities"] == {"error": 0, "warning": 0, "info": 0}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_all_findings_go_into_a_file(ending: str, tmp_path: Path) -> None:
    out = tmp_path / "new" / f"findings.{ending}"
    ran = Ran("validate", EXAMPLE, "-o", out, "--limit", 1)
    assert ran.code == 1
    table = lesiongeo.findings(lesiongeo.read_label_studio(EXAMPLE))
    assert f"{table.num_rows} findings" in " ".join(ran.out.split())
    if ending == "csv":
        assert_csv_is(out, table)
        assert read_csv(out)[0] == FINDING_SCHEMA.names
    else:
        assert pq.read_table(out).equals(table)


def test_options_reach_the_checks(bad: Path, tmp_path: Path) -> None:
    def codes(*options: object) -> set[str]:
        return {row["code"] for row in json.loads(Ran("validate", bad, "--json", *options).out)["findings"]}

    assert "tiny" not in codes("--tiny-px2", 1)
    assert "label_not_in_ontology" in codes("--ontology", save_lines(tmp_path, "melanoma"))
    (tmp_path / "config.xml").write_text(CONFIG.replace('"nevus"', '"naevus"'), encoding="utf-8")
    assert "label_not_in_config" in codes("--config", tmp_path / "config.xml")
    other = save(tmp_path / "twins.json", with_result(region("z", 9, y=(0, 46.875))))
    found = Ran("validate", other, "--json", "--duplicate-iou", "0.95")
    assert (found.code, json.loads(found.out)["findings"]) == (0, [])


def test_the_example_and_its_config(tmp_path: Path) -> None:
    """What the example's README promises: crossing outlines, unfinished ones, skipped and repeated annotations."""
    (tmp_path / "config.xml").write_text(LABELING_CONFIG, encoding="utf-8")
    content = json.loads(Ran("validate", EXAMPLE, "--config", tmp_path / "config.xml", "--json").out)
    assert {row["code"]: row["count"] for row in content["codes"]} == {
        "self_overlap": 4,
        "too_few_points": 4,
        "track_repeated": 10,
        "unfinished": 4,
        "annotation_skipped": 5,
        "empty_annotation": 1,
        "image_never_referenced": 5,
        "superseded": 6,
    }


def test_parquet_in_place_of_the_export(tmp_path: Path) -> None:
    path = save(tmp_path / "messy.json", *messy(3))
    assert Ran("convert", path, tmp_path / "messy.parquet").code == 0
    found = [Ran("validate", source, "--json") for source in (path, tmp_path / "messy.parquet")]
    assert found[0].code == found[1].code == 1
    assert json.loads(found[0].out) == json.loads(found[1].out)


def test_standard_input(bad: Path) -> None:
    ran = process("validate", bad, "--json")
    assert ran.returncode == 1
    piped = subprocess.run(
        [sys.executable, "-m", "lesiongeo", "validate", "-", "--json"],
        input=bad.read_bytes(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (piped.returncode, json.loads(piped.stdout)) == (1, json.loads(ran.stdout))


# the shared options


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_the_options_for_reading(command: str) -> None:
    text = Ran(command, "--help", columns=200).out
    for option in (
        *("--config", "--images", "--patient", "--visit-date", "--day-offset", "--spacing-mm"),
        *("--track-id", "--status", "--note", "--on-error"),
    ):
        assert option in text
    assert f"[default: {'skip' if command == 'validate' else 'raise'}]" in text


def test_the_help_names_the_exit_codes() -> None:
    text = " ".join(Ran("validate", "--help").out.replace("│", " ").split())
    for part in ("Exit code 0: clean", "1: findings", "2: wrong usage", "3: nothing could be read"):
        assert part in text


def test_spacing_from_the_data(tmp_path: Path) -> None:
    """The pages have 0.1 and 0.2 mm per pixel; the boxes are 50 by 50 pixels."""
    found = clean()
    found["data"]["mm"] = [0.1, 0.2]
    path = save(tmp_path / "spaced.json", found)
    ran = Ran("measure", path, "--spacing-mm", "data.mm")
    head, *rows = (line.split("\t") for line in ran.out.splitlines())
    sizes = {(row[head.index("region_id")], row[head.index("area_mm2")]) for row in rows}
    assert sizes == {("a1", "25"), ("b1", "100"), ("a2", "25"), ("b2", "100")}
    content = json.loads(Ran("measure", path, "--spacing-mm", "mm", "--json").out)
    assert content["labels"][0]["area_mm2"] == pytest.approx({"n": 4, "min": 25, "median": 62.5, "max": 100})
    ran = Ran("measure", path, "--spacing-mm", "data.spacing")
    assert (ran.code, ran.out) == (2, "")
    assert "--spacing-mm data.spacing: no page has a spacing there" in ran.err
    assert Ran("agree", path, "-o", tmp_path / "out", "--spacing-mm", "data.mm").code == 0
    regions = pq.read_table(tmp_path / "out" / "regions.parquet")
    assert sorted(regions["area_mm2"].to_pylist()) == pytest.approx([25, 25, 100, 100])


def test_a_track_control_can_be_named(tmp_path: Path) -> None:
    found = task([annotation(1, 1, region("a", None))])
    found["annotations"][0]["result"].append({**track("a", 1.5), "from_name": "depth_mm"})
    path = save(tmp_path / "depth.json", found)
    assert Ran("validate", path).code == 0
    content = json.loads(Ran("validate", path, "--track-id", "depth_mm", "--json").out)
    assert [row["code"] for row in content["findings"]] == ["track_not_integer"]


def test_reading_points_to_validate(bad: Path, good: Path, tmp_path: Path) -> None:
    assert "lesiongeo validate" in Ran("agree", bad, "-o", tmp_path / "bad").out
    assert "lesiongeo validate" not in Ran("agree", good, "-o", tmp_path / "good").out


# the document


def test_every_code_is_documented() -> None:
    """Every code that checks make, that messy exports have, and that the docstring names, with its severity."""
    listed = dict(re.findall(r"^\| `(\w+)` \| (error|warning|info) \|", DOCUMENT, re.MULTILINE))
    rows = rows_of(*messy(1), ontology=["nevus"], tiny_px2=500)
    assert {row["code"] for row in rows} <= set(re.findall(r"`(\w+)`", DOCUMENT))
    named = set(
        re.findall(
            r"\b[a-z]+(?:_[a-z]+)+\b", (lesiongeo.findings.__doc__ or "").split("- empty,")[1].split("Raises")[0]
        )
    )
    assert len(named) >= 18
    assert named <= set(listed)
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "python/lesiongeo/checks").glob("*.py"))
    for code in listed:
        assert f'"{code}"' in sources or code == "unfinished", code


def test_severities_are_as_documented() -> None:
    listed = dict(re.findall(r"^\| `(\w+)` \| (error|warning|info) \|", DOCUMENT, re.MULTILINE))
    for row in rows_of(*messy(2), ontology=["nevus"], tiny_px2=500):
        if row["code"] in listed and row["severity"] != "info":
            assert row["severity"] == listed[row["code"]], row
