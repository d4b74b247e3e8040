"""The commands queue and sample: files, what is printed, exit codes, and text that must not be interpreted."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import lesiongeo as lg
from lesiongeo.label_studio.review import FIELDS
from lesiongeo.routing import DEFAULT_FLAG, queue_summary
from test_agreement_rules import annotation, box, task
from test_cli import Ran, assert_csv_is, control, process, save

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE, CONFIG = (ROOT / "examples" / name for name in ("dermatology.json", "dermatology_config.xml"))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A missing lesion, a task of one annotator, and one that nobody annotated."""
    drawn = [box("a", (0, 50), (0, 50))]
    return save(
        tmp_path / "small.json",
        task([annotation(1, 1, drawn), annotation(2, 2, [])], task_id=1),
        task([annotation(3, 1, drawn)], task_id=2),
        task([], task_id=3),
    )


# queue


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_the_queue_is_what_the_function_returns(ending: str, tmp_path: Path) -> None:
    out = tmp_path / "new" / f"queue.{ending}"
    ran = Ran("queue", EXAMPLE, "-o", out, "--flag", "dice < 0.95 or missing", "--limit", "20")
    assert (ran.code, ran.err) == (0, "")
    export = lg.read_label_studio(EXAMPLE)
    result = lg.agreement(export)
    queue = lg.review_queue(export, result, flag="dice < 0.95 or missing")
    assert queue.num_rows > 20
    if ending == "csv":
        assert_csv_is(out, queue.slice(0, 20))
    elif ending == "parquet":
        assert pq.read_table(out).equals(queue.slice(0, 20))
    else:
        content = json.loads(out.read_text(encoding="utf-8"))
        assert content["queue"] == queue.slice(0, 20).to_pylist()
        assert content["summary"] == {**queue_summary(export, result, queue), "pages_listed": 20}
        assert content["specs"] == ["dice@1", "match@1", "priority@1", "score@1"]
        assert out.read_text(encoding="utf-8") == json.dumps(content, indent=2, sort_keys=True) + "\n"


def test_what_is_printed(small: Path) -> None:
    ran = Ran("queue", small)
    assert ran.code == 0
    assert "Flagged 1 of 1 pages in 1 of 1 tasks" in ran.out
    assert "1 pairs of regions, about 1 lesions' worth of disagreement" in ran.out
    assert "1 tasks have a single annotator" in ran.out
    assert "1 tasks have no annotation that counts" in ran.out
    assert re.search(r"^ +1 +1 +0 +1\.00 +0\.000 +1 +1 / 2 +missing *$", ran.out, re.MULTILINE)


def test_json_on_the_screen_is_nothing_else(small: Path) -> None:
    ran = Ran("queue", small, "--json")
    content = json.loads(ran.out)
    assert (content["options"]["flag"], content["summary"]["tasks_single_annotator"]) == (
        "dice < 0.7 or label_conflict or near_miss or missing",
        1,
    )
    assert Ran("queue", small, "--quiet").out == ""


def test_nothing_flagged_is_fine(small: Path, tmp_path: Path) -> None:
    ran = Ran("queue", small, "--flag", "label_conflict", "-o", tmp_path / "q.csv")
    assert ran.code == 0
    assert "Flagged 0 of 1 pages" in ran.out
    assert (tmp_path / "q.csv").read_text().count("\n") == 1


def test_nobody_to_compare_with(tmp_path: Path) -> None:
    source = save(tmp_path / "one.json", task([annotation(1, 1, [box("a", (0, 50), (0, 50))])]))
    ran = Ran("queue", source)
    assert ran.code == 0
    assert "No agreement" in ran.out
    assert "1 tasks have a single annotator" in ran.out


def test_distances_are_there_for_a_rule_that_needs_them() -> None:
    """And only then: they take most of the time."""
    flagged = json.loads(Ran("queue", EXAMPLE, "--flag", "hd95_px > 5", "--json").out)["summary"]["pairs_flagged"]
    export = lg.read_label_studio(EXAMPLE)
    assert flagged == lg.flag_pairs(lg.agreement(export), "hd95_px > 5").rows.sum() > 0


def test_a_review_file(tmp_path: Path) -> None:
    out = tmp_path / "new" / "review.json"
    ran = Ran("queue", EXAMPLE, "--config", CONFIG, "--to-labelstudio", out, "--limit", "5", "--json")
    assert ran.code == 0
    tasks = json.loads(out.read_text(encoding="utf-8"))
    content = json.loads(ran.out)
    assert content["review"]["tasks"] == len(tasks)
    assert content["review"]["left_out"] == {}
    assert content["review"]["fields"]["priority"] == "priority"
    assert tasks[0]["predictions"][-1]["model_version"] == "consensus majority"
    assert not any("notes" in json.dumps(one["predictions"]) for one in tasks)
    for method in ("medoid", "none"):
        ran = Ran("queue", EXAMPLE, "--config", CONFIG, "--to-labelstudio", out, "--consensus", method, "--with-notes")
        assert ran.code == 0
        text = out.read_text(encoding="utf-8")
        assert ("consensus medoid" in text) == (method == "medoid")
        assert '"from_name":"notes"' in text


def test_what_a_review_file_leaves_out_is_said(tmp_path: Path) -> None:
    first = [
        box("a", (0, 50), (0, 50), ("wart",)),
        control("a", "stage", "number", {"number": 3}),
        {**box("b", (0, 50), (50, 100)), "value": {"points": [[90, 90], [120, 90], [120, 99]], "closed": True}},
    ]
    source = save(tmp_path / "x.json", task([annotation(1, 1, first), annotation(2, 2, [])]))
    config = tmp_path / "config.xml"
    config.write_text(
        '<View><Image name="img" value="$image"/><PolygonLabels name="polygon" toName="img"><Label value="nevus"/>'
        "</PolygonLabels></View>"
    )
    out = tmp_path / "review.json"
    ran = Ran("queue", source, "--config", config, "--to-labelstudio", out, "--consensus", "none", columns=200)
    assert ran.code == 0
    assert "1 regions have labels that the configuration does not know" in ran.out
    assert "1 regions reach beyond the image" in ran.out
    assert "without the answers of stage" in ran.out
    assert f"Written to {out}: 1 tasks" in ran.out.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--flag", "dise < 0.7"], "the rule names dise, which no column is called; perhaps dice?"),
        (["--flag", "exit()"], "the rule cannot have 'exit()'"),
        (["-o", "queue.txt"], "queue.txt should end in .csv, .json or .parquet"),
        (["-o", "s3://bucket/q.csv"], "output goes to local files"),
        (["--to-labelstudio", "review.json"], "--to-labelstudio needs --config"),
        (["--to-labelstudio", "review.csv", "--config", str(CONFIG)], "review.csv should end in .json"),
        (["--limit", "0"], "--limit"),
    ],
)
def test_wrong_usage_of_the_queue(
    arguments: list[str], message: str, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.rglob("*"))
    ran = Ran("queue", small, *arguments, columns=300)
    assert ran.code == 2
    assert message in ran.err
    assert set(tmp_path.rglob("*")) == before


def test_a_config_without_polygons_leaves_no_half_file(tmp_path: Path) -> None:
    source = save(tmp_path / "x.json", task([annotation(1, 1, [box("a", (0, 50), (0, 50))]), annotation(2, 2, [])]))
    config = tmp_path / "config.xml"
    config.write_text('<View><Image name="img" value="$image"/><Choices name="c" toName="img"/></View>')
    out = tmp_path / "review.json"
    ran = Ran("queue", source, "--config", config, "--to-labelstudio", out, columns=300)
    assert ran.code == 3
    assert "the labeling configuration has no polygon control" in ran.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.xml", "x.json"]


FORMULA = "=HYPERLINK(1)"


def test_formulas_and_markup_stay_text(tmp_path: Path) -> None:
    """A label in a rule, an address of an image: as text in CSV, and never as markup on the screen."""
    first = [box("a", (0, 50), (0, 50), (FORMULA,))]
    one = task([annotation(1, 1, first), annotation(2, 2, [])])
    one["data"] = {"image": "=cmd.jpg"}
    source = save(tmp_path / "x.json", one)
    out = tmp_path / "q.csv"
    ran = Ran("queue", source, "--flag", f"label_a == '{FORMULA}' or label_a == '[red]x[/red]'", "-o", out)
    assert ran.code == 0
    assert f"label_a == '{FORMULA}'" in ran.out
    with out.open(newline="", encoding="utf-8") as file:
        _, row = csv.reader(file)
    assert "'=cmd.jpg" in row
    assert not any(cell.startswith(("=", "+", "@")) for cell in row)


@pytest.mark.parametrize("ending", ["json", "parquet"])
def test_the_same_input_gives_the_same_bytes(ending: str, tmp_path: Path) -> None:
    found = []
    for seed in ("0", "1"):
        out, review = tmp_path / f"{seed}.{ending}", tmp_path / f"{seed}-review.json"
        options = ["--config", CONFIG, "--to-labelstudio", review, "--threads", int(seed) + 1]
        ran = process("queue", EXAMPLE, "-o", out, *options, PYTHONHASHSEED=seed)
        assert ran.returncode == 0, ran.stderr
        sampled = tmp_path / f"{seed}-sample.{ending}"
        ran = process("sample", EXAMPLE, "-o", sampled, "--rate", "*=0.3", "--by", "week,label", PYTHONHASHSEED=seed)
        assert ran.returncode == 0, ran.stderr
        found.append([path.read_bytes() for path in (out, review, sampled)])
    assert found[0] == found[1]


def test_a_converted_export_gives_the_same_queue(tmp_path: Path) -> None:
    assert Ran("convert", EXAMPLE, tmp_path / "x.parquet", "--config", CONFIG).code == 0
    for name, source in (("a", EXAMPLE), ("b", tmp_path / "x.parquet")):
        review = ["--config", CONFIG, "--to-labelstudio", tmp_path / f"{name}-review.json"]
        ran = Ran("queue", source, "-o", tmp_path / f"{name}.csv", *review)
        assert ran.code == 0, ran.err
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert (tmp_path / "a-review.json").read_bytes() == (tmp_path / "b-review.json").read_bytes()


# sample


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_the_sample_is_what_the_function_returns(ending: str, tmp_path: Path) -> None:
    out = tmp_path / "new" / f"sample.{ending}"
    roles = tmp_path / "roles.csv"
    roles.write_text("annotator,role\n1,senior\n2,new\n9,new\n")
    options = ["--rate", "new=1.0,senior=0.2", "--rate", "3=0.5", "--roles", roles, "--seed", "7", "--by", "week"]
    ran = Ran("sample", EXAMPLE, "-o", out, *options)
    assert (ran.code, ran.err) == (0, "")
    sample = lg.audit_sample(
        lg.read_label_studio(EXAMPLE),
        {"new": 1.0, "senior": 0.2, "3": 0.5},
        roles={"1": "senior", "2": "new", "9": "new"},
        seed=7,
        stratify=["week"],
    )
    assert sample.rows.num_rows == 8 + 38 + 20
    if ending == "csv":
        assert_csv_is(out, sample.rows)
    elif ending == "parquet":
        assert pq.read_table(out).equals(sample.rows)
    else:
        content = json.loads(out.read_text(encoding="utf-8"))
        assert content["summary"] == sample.summary.to_pylist()
        assert content["roles_absent"] == ["9"]
        assert content["specs"] == ["wilson_interval@1"]
        assert [row["task_id"] for row in content["sample"]] == sample.rows["task_id"].to_pylist()
        assert content["sample"][0]["created_at"] == sample.rows["created_at"][0].as_py().isoformat()


def test_what_a_sample_prints(small: Path) -> None:
    ran = Ran("sample", small, "--rate", "old=1", "--role", "old=1")
    assert ran.code == 0
    assert re.search(r"^1 +old +1 +2 +2 +65\.8 % ", ran.out, re.MULTILINE)
    assert re.search(r"^2 +- +none +1 +0 +- +- +- *$", ran.out, re.MULTILINE)
    assert "Not sampled: no rate is given for 2" in ran.out


def test_an_audited_sample_comes_back(tmp_path: Path) -> None:
    """The file of the sample, with one more column, as a spreadsheet writes it: semicolons and a mark at its start."""
    out, audited = tmp_path / "sample.csv", tmp_path / "audited.csv"
    options = ["--rate", "*=0.5", "--seed", "3"]
    assert Ran("sample", EXAMPLE, "-o", out, *options).code == 0
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        row["error"] = "" if number == 0 else str(number % 5 == 1)
    with audited.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, rows[0], delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
        writer.writerow({"task_id": 999, "annotator": "1", "error": "1"})
    ran = Ran("sample", EXAMPLE, *options, "--audited", audited, "--json")
    assert ran.code == 0, ran.err
    audit = json.loads(ran.out)["audit"]
    assert (audit["not_audited"], audit["outside_of_the_sample"]) == (1, 1)
    errors = sum(number % 5 == 1 for number in range(len(rows)))
    assert sum(row["n_errors"] for row in audit["rows"]) == errors > 5
    assert sum(row["n_audited"] for row in audit["rows"]) == len(rows) - 1
    ran = Ran("sample", EXAMPLE, *options, "--audited", audited)
    assert "What the audit found" in ran.out
    assert "Not audited yet: 1 annotations" in ran.out
    assert "Not counted: 1 verdicts" in ran.out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "Missing option '--rate'"),
        (["--rate", "new"], 2, "--rate has 'new'; it is NAME=VALUE"),
        (["--rate", "=1"], 2, "--rate has '=1'"),
        (["--rate", "1=x"], 2, "the rate of 1 is 'x'; it is a number from 0 to 1"),
        (["--rate", "1=1,1=0.5"], 2, "two rates"),
        (["--rate", "5=1"], 2, "'5', who is neither a role nor an annotator; roles are none, annotators 1, 2"),
        (["--rate", "a=1", "--role", "a=1", "--role", "b=1"], 2, "1 has two roles, a and b"),
        (["--rate", "a=1", "--role", "a=9"], 2, "--role names 9, who annotated nothing; there are 1, 2"),
        (["--rate", "a=1", "--role", "a=1,,2"], 2, "it is ROLE=NAME,NAME"),
        (["--rate", "1=1", "--by", "month"], 2, "stratify names 'month'"),
        (["--rate", "1=1", "--seed", "-1"], 2, "--seed"),
        (["--rate", "1=1", "-o", "x.txt"], 2, "x.txt should end in"),
        (["--rate", "1=1", "--roles", "none.csv"], 3, "none.csv: No such file"),
        (["--rate", "1=1", "--audited", "small.json"], 3, "small.json: it has no column task_id"),
    ],
)
def test_wrong_usage_of_the_sample(
    arguments: list[Any], code: int, message: str, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small.parent)
    ran = Ran("sample", small, *arguments, columns=300)
    assert ran.code == code
    assert message in ran.err


def test_the_page_on_review_names_what_there_is() -> None:
    """Columns of the queue and of samples, the fields of review files, and the default rule."""
    text = (ROOT / "docs" / "review.md").read_text(encoding="utf-8")
    export = lg.read_label_studio(EXAMPLE)
    queue = lg.review_queue(export, lg.agreement(export))
    sample = lg.audit_sample(export, {"*": 0.1})
    assert set(queue.column_names) | set(FIELDS) <= set(re.findall(r"`(\w+)`", text))
    assert f"```\n{DEFAULT_FLAG}\n```" in text
    assert f"Columns: {', '.join(sample.rows.column_names)}." in text
