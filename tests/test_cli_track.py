"""The command `track` and the tables it writes."""

import json
from pathlib import Path
from typing import Any

import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import lesiongeo as lg
from lesiongeo.cli import app

EXAMPLE = "examples/dermatology.json"
READ = ["--patient", "patient_id", "--day-offset", "visit_offsets_days", "--spacing-mm", "spacing_mm"]
BESIDE = ("conflicts", "findings", "proposals", "noise", "visits")


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parent.parent)


def run(*arguments: str | Path, code: int = 0) -> str:
    """Output of the command; what went wrong is in it too."""
    result = CliRunner().invoke(app, ["track", *(str(one) for one in arguments)])
    assert result.exit_code == code, result.output
    return result.output


def tables() -> lg.Tracks:
    """The same by the function."""
    return lg.tracks(
        lg.read_label_studio(EXAMPLE), patient="patient_id", visit="visit_offsets_days", spacing_mm="spacing_mm"
    )


def test_parquet_has_what_the_function_returns(tmp_path: Path) -> None:
    """The table and those beside it, with a lock that names them all."""
    run(EXAMPLE, *READ, "-o", tmp_path / "growth.parquet", "-q")
    expected = tables()
    assert pq.read_table(tmp_path / "growth.parquet").equals(expected.table)
    for name in BESIDE:
        assert pq.read_table(tmp_path / f"growth_{name}.parquet").equals(getattr(expected, name)), name
    lock = json.loads((tmp_path / "growth.parquet.lock.json").read_text(encoding="utf-8"))
    assert {one["name"] for one in lock["outputs"]} == {
        "growth.parquet",
        *(f"growth_{name}.parquet" for name in BESIDE),
    }
    assert lock["command"] == "track"
    assert lock["options"]["rule"] == "mdc"
    assert {"mdc95@1", "pct_area@1", "shift@1", "growth_asymmetry@1"} <= set(lock["specs"])


def test_csv_and_json_have_the_same_rows(tmp_path: Path) -> None:
    """Lists are JSON within CSV; JSON holds all tables in one object."""
    expected = tables()
    run(EXAMPLE, *READ, "-o", tmp_path / "growth.csv", "-q")
    rows = pyarrow.csv.read_csv(tmp_path / "growth.csv").to_pylist()
    assert [row["area_mm2"] for row in rows] == pytest.approx(
        [value if value is not None else pytest.approx(None) for value in expected.table["area_mm2"].to_pylist()]
    )
    assert json.loads(rows[0]["annotators"]) == expected.table["annotators"][0].as_py()
    printed = json.loads(run(EXAMPLE, *READ, "-o", tmp_path / "growth.json", "--json"))
    content = json.loads((tmp_path / "growth.json").read_text(encoding="utf-8"))
    assert {name: content[name] for name in printed} == printed
    assert content["tracks"][4]["pct_area"] == expected.table["pct_area"][4].as_py()
    assert len(content["track_conflicts"]) == expected.conflicts.num_rows
    assert printed["summary"]["statuses"]["enlarged"] == expected.table["geo_status"].to_pylist().count("enlarged")


def test_a_folder_is_what_the_report_reads(tmp_path: Path) -> None:
    """With the regions and the track of each; the report shows the lesions."""
    run(EXAMPLE, *READ, "-o", tmp_path / "results", "-q")
    regions = pq.read_table(tmp_path / "results" / "regions.parquet")
    assert regions["track"].to_pylist() == tables().track_ids().to_pylist()
    assert "geometry" in regions.column_names
    page = lg.write_report(tmp_path / "results").read_text(encoding="utf-8")
    assert "<h1>Lesions over time</h1>" in page
    assert "lesiongeo agree SRC" not in page.split("</main>")[0]
    assert 'id="reliability"' not in page
    assert "Ticked against measured" in page


def test_pictures_of_one_lesion(tmp_path: Path) -> None:
    """SVG and PNG, by the ending; without a file the name says which."""
    chosen = ["--plot", "1", "--plot-patient", "P0001"]
    run(EXAMPLE, *READ, *chosen, "-o", tmp_path / "lesion.svg", "-q")
    run(EXAMPLE, *READ, *chosen, "-o", tmp_path / "lesion.png", "-q")
    assert (tmp_path / "lesion.svg").read_text(encoding="utf-8").startswith("<svg")
    assert (tmp_path / "lesion.png").read_bytes().startswith(b"\x89PNG")


def test_volumes_of_slices(tmp_path: Path) -> None:
    """The distance of slices makes volumes, on the screen and in a file."""
    text = run(EXAMPLE, *READ, "--slice-spacing-mm", "2", "-o", tmp_path / "growth.parquet")
    made = pq.read_table(tmp_path / "growth_volumes.parquet")
    assert made.equals(lg.volumes(tables(), 2.0))
    assert f"volumes: {made.num_rows} of {made.num_rows} lesions" in " ".join(text.split())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-o", "x.xlsx"], "should end in .parquet, .csv or .json"),
        (["-o", "x.svg"], "a picture needs --plot ID"),
        (["--plot", "1", "-o", "x.csv"], "should end in .svg or .png"),
        (["--plot-patient", "P0001"], "--plot-patient goes with --plot"),
        (["--plot", "99", "-o", "x.svg"], "99"),
        (["--rule", "often"], "rule is 'often'"),
        (["--marker", "ruler"], "marker and marker_mm go together"),
        (["--marker", "ruler", "--marker-mm", "10"], "which no region has"),
        (["--spacing-error", "2"], "spacing_error is 2"),
        (["--noise", "-1"], "noise is -1"),
        (["--slice-position-mm", "z"], "goes with --slice-spacing-mm"),
        (["--site", "arm"], "arm"),
    ],
)
def test_wrong_usage_is_told_in_one_line(arguments: list[str], told: str, tmp_path: Path) -> None:
    """Exit code 2, what is wrong, and nothing is written."""
    placed = [str(tmp_path / one) if one.startswith("x.") else one for one in arguments]
    assert told in " ".join(run(EXAMPLE, *READ, *placed, code=2).split())
    assert not list(tmp_path.iterdir())


def test_a_constant_scale_is_called_so(tmp_path: Path) -> None:
    """A number for all images is no field of the data."""
    path = tmp_path / "growth.parquet"
    run(EXAMPLE, "--patient", "patient_id", "--spacing-mm", "0.05", "-o", path, "-q")
    assert set(pq.read_table(path)["spacing_source"].to_pylist()) == {"constant"}


def test_dates_leave_as_days_only(tmp_path: Path) -> None:
    """In every table and every byte."""
    tasks: list[dict[str, Any]] = json.loads(Path(EXAMPLE).read_text(encoding="utf-8"))[:3]
    for task in tasks:
        task["data"]["dates"] = ["2025-03-01", "2025-08-02", "2026-01-03"]
    source = tmp_path / "dated.json"
    source.write_text(json.dumps(tasks), encoding="utf-8")
    out = tmp_path / "out"
    run(source, "--patient", "patient_id", "--visit-date", "dates", "--dates", "offset", "-o", out / "growth.csv", "-q")
    written = {path.name: path.read_bytes() for path in out.iterdir()}
    assert b"154" in written["growth.csv"]
    assert not [name for name, content in written.items() if b"2025-" in content or b"2026-01-03" in content]
