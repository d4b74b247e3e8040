"""What leaves with the options for privacy: every byte of every file, standard output and error, of every command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from planted import ANNOTATORS, DATES, FIELDS, KEY, NOTES, PATIENTS, every_text, leaks, save_planted
from test_cli import Ran

CONFIG = Path(__file__).resolve().parents[1] / "examples" / "dermatology_config.xml"
READING = ("--patient", "patient_id", "--visit-date", "visit_dates", "--spacing-mm", "spacing_mm")
ALL = ("--drop-notes", "--pseudonymise", "annotators", "--pseudonymise", "patients", "--dates", "offset")
SECRETS = NOTES + PATIENTS + ANNOTATORS + DATES + FIELDS
COMMANDS: dict[str, tuple[str, ...]] = {
    "agree": ("agree", "SRC", "-o", "OUT/run", "--resamples", "20"),
    "agree-csv": ("agree", "SRC", "-o", "OUT/run", "--csv", "--resamples", "20", "--no-boundary"),
    "convert": ("convert", "SRC", "OUT/out.parquet", "--tables"),
    "measure": ("measure", "SRC", "-o", "OUT/areas.csv"),
    "measure-screen": ("measure", "SRC"),
    "queue": ("queue", "SRC", "-o", "OUT/queue.json", "--flag", "dice < 0.99 or missing"),
    "sample": (
        "sample",
        "SRC",
        "-o",
        "OUT/audit.csv",
        "--rate",
        "new=1.0,774413=0.5,*=0.2",
        "--role",
        "new=774411",
        "--by",
        "week",
    ),
    "consensus": (
        "consensus",
        "SRC",
        "-o",
        "OUT/agreed.parquet",
        "--outvoted",
        "OUT/outvoted.csv",
        "--ground-truths",
        "OUT/gt.csv",
    ),
    "coco": ("consensus", "SRC", "-o", "OUT/agreed.coco.json"),
    "annotators": ("annotators", "SRC", "-o", "OUT/habits"),
    "track": ("track", "SRC", "-o", "OUT/run"),
    "track-csv": ("track", "SRC", "-o", "OUT/tracks.csv", "--by", "annotator"),
    "track-json": ("track", "SRC", "-o", "OUT/tracks.json", "--json"),
    "plot": ("track", "SRC", "--plot", "1", "--plot-task", "2", "-o", "OUT/lesion.svg"),
    "validate": ("validate", "SRC", "-o", "OUT/findings.csv", "--fail-on", "never", "--limit", "50"),
    "validate-json": ("validate", "SRC", "--json", "--fail-on", "never"),
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_planted(tmp_path_factory.mktemp("planted"))


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONGEO_KEY", KEY)


def left(folder: Path, ran: Ran) -> dict[str, str]:
    """Everything that was left behind, by where."""
    found = {str(path.relative_to(folder)): every_text(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    return {**found, "names of files": "\n".join(found), "standard output": ran.out, "standard error": ran.err}


def run(name: str, source: Path, out: Path, *options: str, reading: tuple[str, ...] = READING) -> Ran:
    out.mkdir(exist_ok=True)
    parts = [part.replace("SRC", str(source)).replace("OUT", str(out)) for part in COMMANDS[name]]
    ran = Ran(*parts, *reading, *options)
    assert ran.code == 0, ran.err
    return ran


def found_in(texts: dict[str, str], secrets: tuple[str, ...]) -> dict[str, list[str]]:
    return {where: own for where, text in texts.items() if (own := leaks(text, secrets))}


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_planted_leaves(name: str, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = run(name, source, out, *ALL)
    # The command says where it wrote to, and here that folder is named after the test.
    texts = {where: text.replace(str(tmp_path), "") for where, text in left(out, ran).items()}
    assert found_in(texts, (*SECRETS, KEY, "correct horse")) == {}


@pytest.mark.parametrize("name", [name for name in COMMANDS if not name.startswith("measure")])
def test_the_search_finds_what_leaves_without_options(name: str, source: Path, tmp_path: Path) -> None:
    # So that the test above cannot pass by looking at nothing.
    out = tmp_path / "out"
    texts = left(out, run(name, source, out))
    assert found_in(texts, ANNOTATORS + PATIENTS + DATES)


def test_dropped_dates_leave_nowhere(source: Path, tmp_path: Path) -> None:
    for name in ("agree", "convert", "sample"):
        out = tmp_path / name
        command = [part for part in COMMANDS[name] if part not in ("--by", "week")]
        out.mkdir()
        ran = Ran(
            *(part.replace("SRC", str(source)).replace("OUT", str(out)) for part in command),
            *READING,
            "--dates",
            "drop",
        )
        assert ran.code == 0, ran.err
        # Notes leave: they were not to be left out.
        texts = {where: text.replace("2019-03-10", "") for where, text in left(out, ran).items()}
        assert found_in(texts, (*DATES, *FIELDS)) == {}


def test_each_option_leaves_the_rest(source: Path, tmp_path: Path) -> None:
    texts = {
        option: "\n".join(left(tmp_path / option, run("convert", source, tmp_path / option, *options)).values())
        for option, options in {
            "notes": ("--drop-notes",),
            "people": ("--pseudonymise", "annotators"),
            "patients": ("--pseudonymise", "patients"),
        }.items()
    }
    assert leaks(texts["notes"], NOTES + FIELDS) == []
    assert leaks(texts["notes"], ANNOTATORS) and leaks(texts["notes"], PATIENTS)
    assert leaks(texts["people"], (*ANNOTATORS, *FIELDS)) == []
    assert leaks(texts["people"], NOTES) and leaks(texts["people"], PATIENTS)
    assert leaks(texts["patients"], ("Wolpertinger", "wolpertinger", "90417", *FIELDS)) == []
    assert leaks(texts["patients"], ANNOTATORS)


def test_the_report_of_such_a_run_holds_nothing_planted(source: Path, tmp_path: Path) -> None:
    run("agree", source, tmp_path, *ALL)
    ran = Ran("report", tmp_path / "run")
    assert ran.code == 0, ran.err
    text = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert leaks(text + ran.out + ran.err, SECRETS) == []
    assert "annotator-" in text


def test_review_files_keep_what_label_studio_needs_and_nothing_else(source: Path, tmp_path: Path) -> None:
    people = ("--drop-notes", "--pseudonymise", "annotators", "--config", str(CONFIG))
    for command in (
        ("queue", source, "--to-labelstudio", tmp_path / "review.json", "--flag", "dice < 0.99 or missing"),
        ("consensus", source, "-o", tmp_path / "import.json"),
    ):
        ran = Ran(*command, *people)
        assert ran.code == 0, ran.err
        texts = left(tmp_path, ran)
        assert found_in(texts, (*NOTES, *ANNOTATORS, "zz-field-zz", "zz-nested-zz", "Jane")) == {}
    made = json.loads((tmp_path / "review.json").read_text(encoding="utf-8"))
    # The configuration shows these two.
    assert {"images", "patient_id"} <= set(made[0]["data"])
    assert all(name not in made[0]["data"] for name in ("visit_dates", "remark", "patient_name"))
    assert any(one["model_version"].startswith("annotator annotator-") for one in made[0]["predictions"])


@pytest.mark.parametrize("option", [("--pseudonymise", "patients"), ("--dates", "offset"), ("--dates", "drop")])
def test_review_files_are_refused_where_addresses_cannot_stay(
    option: tuple[str, str], source: Path, tmp_path: Path
) -> None:
    for command in (
        ("queue", source, "--to-labelstudio", tmp_path / "x.json"),
        ("consensus", source, "-o", tmp_path / "x.json"),
    ):
        ran = Ran(*command, "--config", CONFIG, *option)
        assert ran.code == 2
        assert "addresses of the images" in " ".join(ran.err.split())
        assert list(tmp_path.iterdir()) == []
