"""The command `lesiongeo convert`, and its file in place of the export."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import lesiongeo
from lesiongeo.cli import app

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "dermatology.json"


def ran(*arguments: object, stdin: bytes | None = None) -> Any:
    found = CliRunner().invoke(app, [str(part) for part in arguments], input=stdin, env={"COLUMNS": "200"})
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found


def test_convert_says_what_it_wrote(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out.parquet"
    found = ran("convert", EXAMPLE, out, "--json", "--max-regions", 100)
    assert found.exit_code == 0, found.stderr
    told = json.loads(found.stdout)
    export = lesiongeo.read_label_studio(EXAMPLE)
    assert told["regions"] == len(export.regions) == pq.read_metadata(out).num_rows
    assert (told["tasks"], told["annotations"]) == (export.tasks.num_rows, export.annotations.num_rows)
    assert told["problems"] == export.problems.num_rows
    assert told["row_groups"] == pq.read_metadata(out).num_row_groups > 5
    assert told["bytes"] == out.stat().st_size
    assert [path.name for path in out.parent.iterdir()] == ["out.parquet"]


def test_convert_takes_the_reading_options(tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    assert ran("convert", EXAMPLE, out, "--spacing-mm", "spacing_mm", "--patient", "patient_id", "-q").exit_code == 0
    export = lesiongeo.read_parquet(out)
    assert export.tasks["patient"].null_count == 0
    assert export.pages["spacing_x_mm"].null_count == 0


@pytest.mark.parametrize("command", ["agree", "convert", "validate", "measure"])
def test_parquet_comes_through_standard_input(tmp_path: Path, command: str) -> None:
    made = tmp_path / "made.parquet"
    assert ran("convert", EXAMPLE, made, "-q").exit_code == 0
    out = {"agree": ["-o", tmp_path / "out"], "convert": [tmp_path / "out.parquet"]}.get(command, [])
    call = [sys.executable, "-m", "lesiongeo", command, "-", *map(str, out), "--quiet"]
    done = subprocess.run(call, input=made.read_bytes(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (1 if command == "validate" else 0, b"")
    if command == "convert":
        assert ran("convert", made, tmp_path / "again.parquet", "-q").exit_code == 0
        assert out[0].read_bytes() == (tmp_path / "again.parquet").read_bytes()
    if command == "agree":
        summary = json.loads((tmp_path / "out" / "summary.json").read_text())
        assert summary["read"]["tasks"] == lesiongeo.read_parquet(made).tasks.num_rows


def test_options_for_parquet_are_reported_in_what_is_written(tmp_path: Path) -> None:
    made, out = tmp_path / "made.parquet", tmp_path / "out.parquet"
    assert ran("convert", EXAMPLE, made, "-q").exit_code == 0
    assert ran("convert", made, out, "--patient", "patient_id", "-q").exit_code == 0
    rows = lesiongeo.read_parquet(out).problems.to_pylist()
    (row,) = [row for row in rows if row["code"] == "option_not_used"]
    assert (row["field"], "made.parquet" in row["message"]) == ("patient", True)


def test_several_sources_and_standard_input(tmp_path: Path) -> None:
    tasks = json.loads(EXAMPLE.read_text())
    (tmp_path / "a.json").write_text(json.dumps(tasks[20:]))
    rest = json.dumps(tasks[:20]).encode()
    assert ran("convert", tmp_path / "a.json", "-", tmp_path / "b.parquet", stdin=rest).exit_code == 0
    ids = lesiongeo.read_parquet(tmp_path / "b.parquet").tasks["task_id"].to_pylist()
    assert ids == sorted(task["id"] for task in tasks)


@pytest.mark.parametrize("command", ["agree", "measure", "validate"])
def test_commands_take_the_file_in_place_of_the_export(command: str, tmp_path: Path) -> None:
    assert ran("convert", EXAMPLE, tmp_path / "x.parquet", "-q").exit_code == 0
    more = ["-o", tmp_path / "out"] if command == "agree" else []
    one = ran(command, EXAMPLE, "--json", *more)
    other = ran(command, tmp_path / "x.parquet", "--json", *more)
    assert one.exit_code == other.exit_code in (0, 1)
    assert json.loads(one.stdout).keys() == json.loads(other.stdout).keys()


@pytest.mark.parametrize("arguments", [["a.json"], ["a.json", "b.json"], ["x.parquet"]])
def test_wrong_usage(arguments: list[str], tmp_path: Path) -> None:
    found = ran("convert", *[tmp_path / one for one in arguments])
    assert found.exit_code == 2
    assert "SRC... OUT.parquet" in found.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_output_is_no_source(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    assert ran("convert", EXAMPLE, path, "-q").exit_code == 0
    before = path.read_bytes()
    assert ran("convert", path, path).exit_code == 2
    assert path.read_bytes() == before


def test_unreadable_sources(tmp_path: Path) -> None:
    assert ran("convert", tmp_path / "none.json", tmp_path / "x.parquet").exit_code == 3
    (tmp_path / "bad.json").write_text("[{")
    assert ran("convert", tmp_path / "bad.json", tmp_path / "x.parquet").exit_code == 3
    assert [path.name for path in tmp_path.iterdir()] == ["bad.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_process_that_is_told_to_end_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    # Standard input stays open, so that it waits in the middle.
    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-m", "lesiongeo", "convert", "-", str(out / "o.parquet"), "-q"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL)
    ) as child:
        assert child.stdin is not None
        child.stdin.write(b"[" + b",".join([b'{"id":1,"data":{},"annotations":[]}'] * 1000))
        child.stdin.flush()
        for _ in range(600):
            if any(out.iterdir()):
                break
            time.sleep(0.05)
        else:
            pytest.fail("nothing was begun")
        child.send_signal(number)
        assert child.wait(30) == 128 + number
    assert list(out.iterdir()) == []
