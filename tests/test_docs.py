"""README and docstrings: what they show runs, and they say what a caller must know."""

from __future__ import annotations

import doctest
import inspect
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import lesiongeo
from lesiongeo.cli import app
from lesiongeo.read.problems import REASONS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = sorted((ROOT / "docs").glob("*.md"))
EXAMPLE = ROOT / "examples" / "dermatology.json"

PUBLIC = [name for name in lesiongeo.__all__ if name != "__version__"]
EXCEPTIONS = [name for name in PUBLIC if name.endswith("Error")]
CLASSES = [name for name in PUBLIC if inspect.isclass(getattr(lesiongeo, name)) and name not in EXCEPTIONS]
FUNCTIONS = [name for name in PUBLIC if inspect.isfunction(getattr(lesiongeo, name))]


def blocks(language: str) -> list[str]:
    """Code of the README between fences of that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def sections(documented: Any) -> dict[str, str]:
    """Sections of a numpydoc docstring by their underlined titles."""
    text = inspect.getdoc(documented) or ""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}$", text, flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def documented_names(section: str) -> set[str]:
    """Names before the colon of the unindented lines: ``a, b : Polygons`` is a and b."""
    heads = re.findall(r"^(\S[^:\n]*?)(?: :.*)?$", section, re.MULTILINE)
    return {name.strip().lstrip("*") for head in heads for name in head.split(",")}


def callables() -> Iterator[Any]:
    """Public functions, and the public methods that public classes define."""
    for name in FUNCTIONS:
        yield pytest.param(getattr(lesiongeo, name), id=name)
    for name in CLASSES:
        own = vars(getattr(lesiongeo, name))
        for method in sorted(own):
            found = getattr(getattr(lesiongeo, name), method)
            if not method.startswith("_") and inspect.isroutine(found):
                yield pytest.param(found, id=f"{name}.{method}")


def parameters(function: Any) -> list[inspect.Parameter]:
    return [p for name, p in inspect.signature(function).parameters.items() if name not in ("self", "cls")]


# README


def test_the_readme_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every example, in the root of the repository, one after the other."""
    monkeypatch.chdir(ROOT)
    found = doctest.testfile(str(ROOT / "README.md"), module_relative=False, encoding="utf-8")
    assert found.failed == 0
    assert found.attempted >= 10


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_the_pages_run(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples of docs/, in the root of the repository; every block of Python is one, and links lead somewhere."""
    monkeypatch.chdir(ROOT)
    assert doctest.testfile(str(page), module_relative=False, encoding="utf-8").failed == 0
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        assert ">>> " in block
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert "://" in target or (page.parent / target.split("#")[0]).exists(), target


def test_the_page_on_tracks_names_the_columns_there_are() -> None:
    text = (ROOT / "docs" / "tracks.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)`", text.split("## All columns")[1]))
    export = lesiongeo.read_label_studio(EXAMPLE, patient="patient_id", spacing_mm="spacing_mm")
    found = lesiongeo.tracks(export, by="annotator", rule="wound")
    for name in ("table", "findings", "proposals", "noise"):
        assert set(getattr(found, name).column_names) <= named, name
    elsewhere = {"conflicts": "statuses", "visits": "scale"}
    for name, page in elsewhere.items():
        words = named | set(re.findall(r"\w+", (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")))
        assert set(getattr(found, name).column_names) <= words, name


def test_the_page_on_reading_names_the_codes_and_columns_there_are() -> None:
    text = (ROOT / "docs" / "reading.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)`", text))
    export = lesiongeo.read_label_studio(EXAMPLE)
    tables = {name: getattr(export, name) for name in export.__dataclass_fields__ if name not in ("annotation_rows",)}
    for name, table in tables.items():
        assert f"### {name}" in text
        columns = set((table.table if name == "regions" else table).column_names)
        assert columns - {"track_id", "lesion_status", "notes"} <= named, name
    source = "".join(
        (ROOT / "python" / "lesiongeo" / "read" / f"{module}.py").read_text(encoding="utf-8")
        for module in ("drift", "fields", "pages")
    )
    codes = set(re.findall(r'code="(\w+)"', source)) | set(re.findall(r'return "(\w+_\w+)", ', source))
    assert len(codes) >= 8
    assert codes <= named


def test_every_python_block_of_the_readme_is_an_example() -> None:
    """A block without a prompt would not run, and so could rot."""
    python = blocks("python")
    assert len(python) >= 2
    for block in python:
        assert ">>> " in block
        for line in block.splitlines():
            if line.startswith((">>>", "...")):
                assert re.match(r"(>>>|\.\.\.) ", line), line
    fences = re.findall(r"^```(\w*)$", README, re.MULTILINE)
    assert set(fences[::2]) == {"python", "sh"}
    assert set(fences[1::2]) == {""}


def command_lines() -> list[str]:
    lines = [line.split(" #")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if re.match(r"(\.venv/bin/)?lesiongeo ", line)]


@pytest.mark.parametrize("line", command_lines())
def test_the_commands_of_the_readme_run(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder, with halves of the example in place of the reader's own exports."""
    monkeypatch.chdir(tmp_path)
    tasks = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    halves = {"export.json": tasks, "a.json": tasks[:20], "b.json": tasks[20:], "examples/dermatology.json": tasks}
    (tmp_path / "examples").mkdir()
    for name, some in halves.items():
        (tmp_path / name).write_text(json.dumps(some), encoding="utf-8")
    (tmp_path / "photos").mkdir()
    (tmp_path / "config.xml").write_bytes((EXAMPLE.parent / "dermatology_config.xml").read_bytes())
    if " report " in line:
        run = line.split()[2]
        assert CliRunner().invoke(app, ["agree", "export.json", "-o", run, "--quiet"]).exit_code == 0
    before = set(tmp_path.rglob("*"))
    found = CliRunner().invoke(app, shlex.split(line)[1:])
    # The example has findings.
    assert found.exit_code == (1 if " validate " in line else 0), found.stderr
    if "-o" in line or " report " in line or "--to-" in line or " convert " in line:
        assert set(tmp_path.rglob("*")) > before
    else:
        assert found.stdout


def test_the_readme_shows_commands() -> None:
    assert len(command_lines()) >= 4


def test_the_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)\b", README))
    assert {"demo", "test", "help"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_files_of_the_readme_are_those_that_are_written(tmp_path: Path) -> None:
    named = re.findall(r"^\| `([\w.]+)` \|", README, re.MULTILINE)
    assert CliRunner().invoke(app, ["agree", str(EXAMPLE), "-o", str(tmp_path), "--quiet"]).exit_code == 0
    written = {path.name.removesuffix(".parquet") for path in tmp_path.iterdir()}
    assert set(named) == written
    assert len(named) == len(written)


def test_the_links_of_the_readme_lead_somewhere() -> None:
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", README) if "://" not in target]
    assert "CONTRIBUTING.md" in targets
    for target in targets:
        assert (ROOT / target).exists(), target


def test_the_readme_has_no_gaps() -> None:
    assert re.findall(r"@[A-Z]+@|TODO|FIXME|XXX", README) == []


# docstrings


def test_all_is_what_there_is() -> None:
    assert sorted(lesiongeo.__all__) == sorted(set(lesiongeo.__all__))
    assert len(FUNCTIONS) + len(CLASSES) + len(EXCEPTIONS) == len(PUBLIC)
    assert len(FUNCTIONS) >= 14
    assert len(EXCEPTIONS) == 4


@pytest.mark.parametrize("name", FUNCTIONS + CLASSES)
def test_examples(name: str) -> None:
    """Each public name shows itself at work; the examples themselves run as doctests."""
    examples = sections(getattr(lesiongeo, name)).get("Examples", "")
    lines = [line for line in examples.splitlines() if line.startswith(">>> ")]
    assert lines
    assert f"lg.{name}" in examples or "<" + name in examples, "the name is not shown"


@pytest.mark.parametrize("name", PUBLIC)
def test_a_summary_in_one_line(name: str) -> None:
    first = (inspect.getdoc(getattr(lesiongeo, name)) or "").split("\n\n")[0]
    assert first
    assert "\n" not in first
    assert first[-1] in ".:"


@pytest.mark.parametrize("function", list(callables()))
def test_parameters_are_documented_by_name(function: Any) -> None:
    named = documented_names(sections(function).get("Parameters", ""))
    expected = {parameter.name for parameter in parameters(function)}
    assert expected <= named
    assert named - {""} <= expected, "documented, but no parameter"


@pytest.mark.parametrize("function", list(callables()))
def test_options_are_keyword_only(function: Any) -> None:
    """Data comes first and by position, a second batch too where it may be left out; all else must be named."""
    for parameter in parameters(function):
        is_option = parameter.default is not inspect.Parameter.empty or parameter.name in ("tolerance",)
        if parameter.name != "b":
            assert is_option == (parameter.kind is inspect.Parameter.KEYWORD_ONLY), parameter.name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_are_documented(name: str) -> None:
    function = getattr(lesiongeo, name)
    returns = inspect.signature(function).return_annotation
    if returns not in (None, "None"):
        assert sections(function).get("Returns", "").strip()


#: Functions of tables of agreement and of answers, which are too quick for threads of their own.
ON_TABLES = {
    *(
        "agreement_statistics bland_altman cohen_kappa conger_kappa fleiss_kappa gwet_ac1 icc krippendorff_alpha"
    ).split(),
    *("pearson ratings reliability wilson_interval flag_pairs review_queue review_tasks audit_sample").split(),
    *("write_report plot_track write_plot volumes private lint_phi").split(),
}


def test_threads_can_be_chosen_everywhere() -> None:
    """Every function that computes outlines or reads takes `threads`; those that work on tables do not."""
    without = {name for name in FUNCTIONS if "threads" not in inspect.signature(getattr(lesiongeo, name)).parameters}
    of_outlines = set(FUNCTIONS) - ON_TABLES
    assert without & of_outlines == {"num_threads", "write_parquet"}


@pytest.mark.parametrize("name", [name for name in CLASSES if name != "Polygons"])
def test_attributes_are_documented(name: str) -> None:
    """What a class holds is listed under Attributes."""
    found = getattr(lesiongeo, name)
    fields: list[str] = list(getattr(found, "__dataclass_fields__", ())) or list(getattr(found, "_fields", ()))
    listed = documented_names(sections(found)["Attributes"])
    assert {name for name in fields or found.__slots__ if not name.startswith("_")} <= listed


# Problems


def codes_of_the_core() -> set[str]:
    """Codes of problems that the Rust sources name, wherever a problem is made."""
    named = r'(?:"[^"]*"|[\w.]+)'
    ways = (
        rf'\breport\(\s*[\w.&]+,\s*{named},\s*"(\w+)"',
        rf'\bUnreadable::fixed\(\s*{named},\s*"(\w+)"',
        r'\bcode: "(\w+)"',
        r'\bSkipped\(\s*"(\w+)"',
        r'\(\s*"(unreadable_\w+|rest_\w+)",',
    )
    text = "\n".join(
        path.read_text(encoding="utf-8").split("#[cfg(test)]\nmod tests")[0]
        for path in sorted((ROOT / "src" / "read").glob("*.rs"))
    )
    return {code for way in ways for code in re.findall(way, text)}


def codes_of_the_reader() -> set[str]:
    """Codes that the Python half adds: the reasons of invalid outlines, and whatever is passed on as a code."""
    ways = (
        r'"code": "(\w+)"',
        r'\bcode="(\w+)"',
        r'\b_report\(problems, [^"]*"(\w+)", (?:f?"|message)',
        r'"(?:id|data|value|completed_by|original_width)", "(\w+)", message',
        r'\b_all_missing\((?:"\w+"|[\w.]+), "(\w+)"',
        r'\ballowed\.check\(\w+, "(\w+)"',
        r'\breturn \(?"(\w+)", [f"\']',
        r'"(control_\w+_changed)"',
    )
    text = "\n".join(
        path.read_text(encoding="utf-8") for path in sorted((ROOT / "python" / "lesiongeo" / "read").glob("*.py"))
    )
    return {code for way in ways for code in re.findall(way, text)} | set(REASONS)


def documented_codes() -> dict[str, list[str]]:
    """Rows of the tables of codes in docs/reading.md by code, as cells."""
    text = (ROOT / "docs" / "reading.md").read_text(encoding="utf-8").split("## Problem codes")[1]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) == len({row[0] for row in rows}), "a code stands twice"
    return {row[0].strip("`"): row[1:] for row in rows}


def test_every_code_is_documented() -> None:
    """Those that the sources name, and no others."""
    core, reader = codes_of_the_core(), codes_of_the_reader()
    assert len(core) >= 40
    assert len(reader) >= 25
    assert core | reader == set(documented_codes())


def test_what_drops_a_region_is_documented() -> None:
    """The column `dropped` says what the core does."""
    rows = documented_codes()
    damaged = (
        "no_points",
        "not_a_point",
        "missing_number",
        "no_image_size",
        "no_value",
        "rle_cut_off",
        "kind_not_read",
    )
    assert {rows[code][0] for code in damaged} == {"yes"}
    assert {rows[code][0] for code in ("unfinished", "outside_image", "no_annotator", "self_overlap")} == {"no"}
    result = [
        {"id": "a", "type": "polygon", "original_width": 9, "original_height": 9, "value": {"points": [[1, 2], "x"]}},
        {"id": "b", "type": "polygon", "value": {"points": [[1, 2], [3, 4], [5, 7]]}},
        {"id": "c", "type": "video", "value": {}},
        {"id": "d", "type": "ellipse", "original_width": 9, "original_height": 9, "value": {}},
        {"id": "e", "type": "brush", "original_width": 9, "original_height": 9, "value": {"rle": [0, 0]}},
        {
            "id": "f",
            "type": "polygon",
            "original_width": 9,
            "original_height": 9,
            "value": {"points": [[1, 2], [3, 4]]},
        },
        {"type": "relation"},
        7,
    ]
    task = {"id": 1, "annotations": [{"result": result}]}
    problems = lesiongeo.read_label_studio(json.dumps([task]).encode()).problems
    found = dict(zip(problems["code"].to_pylist(), problems["dropped"].to_pylist(), strict=True))
    assert len(found) >= 9
    assert {code: rows[code][0] for code in found} == {code: "yes" if lost else "no" for code, lost in found.items()}


def test_every_file_has_a_place() -> None:
    """CONTRIBUTING names each file of the reader and of the package, in one row per place."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]*`) \| (.*) \|$", text.split("## Adding a metric")[0], re.MULTILINE)
    assert len({place for place, _ in rows}) == len(rows) >= 10
    named = {name for row in rows for cell in row for name in re.findall(r"`([\w/.]+)`", cell)}
    package = ROOT / "python" / "lesiongeo"
    files = [
        *(ROOT / "src" / "read").glob("*.rs"),
        *package.glob("*.py"),
        *package.glob("[a-su-z]*/*.py"),
        *package.glob("tracks/*.py"),
    ]
    assert {path.stem for path in files} - {"__init__", "mod"} <= named
    assert {f"src/{path.name}" for path in (ROOT / "src").glob("*.rs")} - {"src/lib.rs"} <= named
