"""`lesiongeo consensus` on the terminal: formats, summary, exit codes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import lesiongeo as lg
from lesiongeo.arrow import written_outlines
from lesiongeo.cli import app
from lesiongeo.label_studio.consensus_tasks import consensus_tasks
from test_agreement_rules import annotation, task
from test_consensus import agree, box, control, read, ring, steps

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE, CONFIG = ROOT / "examples" / "dermatology.json", ROOT / "examples" / "dermatology_config.xml"
#: An environment of its own: the SDK holds numpy back.
SDK = ROOT / ".venv-label-studio" / "bin" / "python"
SIMPLE = """<View><Image name="img" value="$image"/><PolygonLabels name="polygon" toName="img"><Label value="nevus"/>
</PolygonLabels><Number name="track_id" toName="img" perRegion="true"/></View>"""


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["consensus", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(scope="module")
def made() -> lg.Consensus:
    export = lg.read_label_studio(EXAMPLE)
    return lg.consensus(export, lg.agreement(export, boundary=False))


def test_tables(tmp_path: Path, made: lg.Consensus) -> None:
    out = run(EXAMPLE, "-o", tmp_path / "new" / "c.parquet", "--outvoted", tmp_path / "o.csv")
    table = pq.read_table(tmp_path / "new" / "c.parquet")
    assert table.drop_columns(["geometry"]).replace_schema_metadata(None).equals(made.regions.table)
    assert written_outlines(table["geometry"].combine_chunks()) == made.regions.polygons
    assert json.loads(table.schema.metadata[b"geo"])["primary_column"] == "geometry"
    assert pyarrow.csv.read_csv(tmp_path / "o.csv").num_rows == made.outvoted.num_rows
    assert f"{len(made.regions)} regions" in out
    assert "too_few_votes" in out
    run(EXAMPLE, "-o", tmp_path / "c.csv", "--quiet")
    assert pyarrow.csv.read_csv(tmp_path / "c.csv").num_rows == len(made.regions)
    assert run(EXAMPLE, "-o", tmp_path / "d.csv", "--quiet") == ""


def test_a_spacing_counts_for_converted_exports_too(tmp_path: Path) -> None:
    CliRunner().invoke(app, ["convert", str(EXAMPLE), str(tmp_path / "in.parquet"), "--quiet"])
    for number, source in enumerate((EXAMPLE, tmp_path / "in.parquet")):
        run(source, "-o", tmp_path / f"{number}.csv", "--spacing-mm", "0.5", "--spacing-mm", "0.25", "--quiet")
    assert (tmp_path / "0.csv").read_bytes() == (tmp_path / "1.csv").read_bytes()
    table = pyarrow.csv.read_csv(tmp_path / "0.csv")
    assert table["area_mm2"].to_pylist() == [area / 8 for area in table["area_px2"].to_pylist()]


def test_coco(tmp_path: Path, made: lg.Consensus) -> None:
    out = run(EXAMPLE, "-o", tmp_path / "c.coco.json")
    run(EXAMPLE, "-o", tmp_path / "other", "--format", "coco")
    assert (tmp_path / "c.coco.json").read_bytes() == (tmp_path / "other").read_bytes()
    assert json.loads((tmp_path / "other").read_text(encoding="utf-8")) == lg.coco(made)
    assert "Left out" in out


def test_label_studio(tmp_path: Path, made: lg.Consensus) -> None:
    run(EXAMPLE, "-o", tmp_path / "c.json", "--config", CONFIG)
    tasks = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
    assert [one["data"]["lesiongeo_task_id"] for one in tasks] == sorted(set(made.pages["task_id"].to_pylist()))
    assert {one["model_version"] for task in tasks for one in task["predictions"]} == {"consensus majority"}
    # It reads back as predictions with the same outlines, to rounding.
    for number, one in enumerate(tasks):
        one["id"] = number
    again = lg.read_label_studio(json.dumps(tasks).encode())
    assert set(again.regions.table["source"].to_pylist()) == {"prediction"}
    assert len(again.regions) >= len(made.regions)
    assert lg.area(again.regions).sum() == pytest.approx(lg.area(made.regions).sum(), rel=1e-9)
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.skipif(not SDK.exists(), reason="the environment with Label Studio's SDK is not here")
def test_label_studio_takes_it(tmp_path: Path) -> None:
    files = [tmp_path / f"{method}.json" for method in ("majority", "union", "medoid")]
    for file in files:
        run(EXAMPLE, "-o", file, "--config", CONFIG, "--method", file.stem, "--quiet")
    check = [SDK, ROOT / "tests" / "label_studio_check.py", CONFIG, *files]
    done = subprocess.run(check, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == [[], [], []]


def test_label_studio_by_hand() -> None:
    tracked = [box("a", (0, 64), (0, 32)), control("a", "track_id", "number", {"number": 3})]
    people = [annotation(k, k, [*tracked, ring("r", (64, 128), (80, 112))]) for k in (1, 2)]
    export = read(task(people), {**task([annotation(9, 1, [])]), "id": 8})
    file = consensus_tasks(export, agree(export), config=SIMPLE)
    first, second = file.tasks
    assert file.n_tasks == 2
    assert second == {
        "data": {"image": "visit-0.jpg", "lesiongeo_task_id": 8, "lesiongeo_consensus_source": "majority"},
        "predictions": [{"model_version": "consensus majority", "result": []}],
    }
    (prediction,) = first["predictions"]
    square, track, frame = prediction["result"]
    assert (square["id"], track["id"], frame["id"]) == ("lesion-0-0", "lesion-0-0", "lesion-0-1")
    assert square["type"] == "polygonlabels"
    assert square["value"]["polygonlabels"] == ["nevus"]
    assert {tuple(point) for point in square["value"]["points"]} == {(0, 0), (50, 0), (50, 25), (0, 25)}
    assert track["value"] == {"number": 3}
    # The hole is reached through a slit.
    assert len(frame["value"]["points"]) == 10


def with_expert() -> list[Any]:
    """Two tasks; on the first an expert overrides, whose newer annotation counts, and drew something else."""
    tasks = [{**steps(3), "id": 1}, {**steps(3), "id": 2}]
    for number, (low, high), day in ((70, (0, 10), 1), (71, (0, 25), 2)):
        expert = [box("g", (low, high), (low, high))]
        more = {"ground_truth": True, "updated_at": f"2026-01-0{day}T00:00:00Z"}
        tasks[0]["annotations"].append(annotation(number, 9, expert, **more))
    return tasks


def test_an_override_is_recorded_in_the_predictions() -> None:
    export = read(*with_expert())
    result = lg.agreement(export, boundary=False)
    for override, names in ((True, ["ground truth", "consensus medoid"]), (False, ["consensus medoid"] * 2)):
        file = consensus_tasks(export, lg.consensus(export, result, method="medoid", override=override), config=SIMPLE)
        first, second = file.tasks
        assert [one["predictions"][0]["model_version"] for one in (first, second)] == names
        source = "lesiongeo_consensus_source"
        assert first["data"][source] == ("ground_truth:71" if override else "medoid")
        assert second["data"][source] == "medoid"
        assert file.n_ground_truths == override
        (drawn,) = first["predictions"][0]["result"]
        assert (max(max(point) for point in drawn["value"]["points"]) <= 25) == override


def test_ground_truths_are_written_and_told(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_text(json.dumps(with_expert()), encoding="utf-8")
    marked = tmp_path / "new" / "marked.parquet"
    content = json.loads(run(path, "-o", tmp_path / "c.csv", "--ground-truths", marked, "--json"))
    rows = pq.read_table(marked).to_pylist()
    assert content["ground_truths"] == rows
    assert [(row["annotation_id"], row["annotator"], row["counts"], row["n_regions"]) for row in rows] == [
        (71, "9", True, 1),
        (70, "9", False, None),
    ]
    assert str(marked.name) in str(json.loads((tmp_path / "c.csv.lock.json").read_text())["outputs"])
    out = run(path, "-o", tmp_path / "c.csv")
    assert "1 of them from the ground truth of 1 tasks" in out
    assert "1 older annotations are marked as ground truth too" in out
    assert json.loads(run(path, "-o", tmp_path / "c.csv", "--no-override", "--json"))["ground_truths"] == []


@pytest.mark.skipif(not SDK.exists(), reason="the environment with Label Studio's SDK is not here")
def test_label_studio_takes_an_override(tmp_path: Path) -> None:
    source, config, file = tmp_path / "in.json", tmp_path / "config.xml", tmp_path / "out.json"
    source.write_text(json.dumps(with_expert()), encoding="utf-8")
    config.write_text(SIMPLE, encoding="utf-8")
    run(source, "-o", file, "--config", config, "--quiet")
    assert '"ground truth"' in file.read_text(encoding="utf-8")
    check = [SDK, ROOT / "tests" / "label_studio_check.py", config, file]
    assert json.loads(subprocess.run(check, check=True, capture_output=True, text=True).stdout) == [[]]


def test_a_configuration_without_polygons_leaves_no_file(tmp_path: Path) -> None:
    bare = tmp_path / "bare.xml"
    brush = '<BrushLabels name="b" toName="img"><Label value="x"/></BrushLabels>'
    bare.write_text(f'<View><Image name="img" value="$image"/>{brush}</View>', encoding="utf-8")
    out = run(EXAMPLE, "-o", tmp_path / "c.json", "--config", bare, code=3)
    assert "no polygon control" in out
    assert [path.name for path in tmp_path.iterdir()] == ["bare.xml"]


def test_summary(tmp_path: Path, made: lg.Consensus) -> None:
    content: dict[str, Any] = json.loads(run(EXAMPLE, "-o", tmp_path / "c.csv", "--json"))
    assert content["regions"] == len(made.regions)
    assert content["options"] == {
        "method": "majority",
        "min_votes": None,
        "override": True,
        "gate": 0.1,
        "conflict_gate": 0.5,
        "spacing_mm": None,
    }
    assert sum(content["outvoted"].values()) == made.outvoted.num_rows
    assert content["sources"] == {"majority": len(made.regions)}


def test_options(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    tasks = [*[{**steps(3), "id": 1}], {**steps(1, 3), "id": 2}]
    tasks[1]["annotations"].append(annotation(7, 9, [box("g", (0, 25), (0, 25))], ground_truth=True))
    path.write_text(json.dumps(tasks), encoding="utf-8")

    def content(*arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(run(path, "-o", tmp_path / "c.csv", "--json", *arguments))
        return found

    assert content()["sources"] == {"ground_truth": 1, "majority": 1}
    assert content("--no-override", "--method", "union")["sources"] == {"union": 2}
    assert content("--no-override", "--min-votes", "1")["regions"] == 2
    assert content("--method", "medoid")["sources"] == {"ground_truth": 1, "medoid": 1}
    assert "from the ground truth of 1" in run(path, "-o", tmp_path / "c.csv")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "c.txt"], "c.txt should end in .coco.json, .json, .parquet, .csv; or say --format"),
        (["-o", "c.txt", "--format", "parquet"], "c.txt should end in .parquet"),
        (["-o", "c.csv", "--method", "union", "--min-votes", "2"], "--min-votes goes with --method majority"),
        (["-o", "c.csv", "--outvoted", "o.json"], "o.json should end in .parquet or .csv"),
        (["-o", "c.csv", "--ground-truths", "g.json"], "g.json should end in .parquet or .csv"),
        (["-o", "c.json"], "needs --config FILE"),
        (["-o", "s3://bucket/c.csv"], "output goes to local files"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str) -> None:
    assert message in run(EXAMPLE, *arguments, code=2)
