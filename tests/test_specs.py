"""Definitions: complete, unambiguous, named by the outputs that use them."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import lesiongeo as lg
from lesiongeo.cli import app
from lesiongeo.files import write_table
from lesiongeo.specs import SPECS, spec, specs_of

EXPORT = "examples/dermatology.json"


def test_every_definition_has_a_text_and_a_version():
    for name, one in SPECS.items():
        assert one.id == f"{name}@{one.version}"
        assert one.version >= 1
        assert len(one.text) > 15
        assert one.text.endswith(".")


def test_a_number_is_found_by_name_id_and_column():
    for asked in ("hd95", "hd95@1", "hd95_px", "hd95_mm", "hd95_px_median", "hd95_px_p5"):
        assert spec(asked).name == "hd95"
    # The longest name wins: these two end alike.
    assert spec("log_area_ratio").name == "log_area_ratio"
    assert spec("area_b_px2").name == "area"


@pytest.mark.parametrize(("asked", "said"), [("hd95@9", "version 1"), ("hausdorf", "hausdorff"), ("zzz", "lists all")])
def test_an_unknown_number_is_refused_with_a_hint(asked, said):
    with pytest.raises(KeyError, match=said):
        spec(asked)


def test_all_measured_columns_have_definitions():
    export = lg.read_label_studio(EXPORT, spacing_mm="spacing_mm")
    identity = set(export.regions.table.column_names) | {"spacing_x_mm", "spacing_y_mm"}
    boxes = {f"{end}_{axis}_px" for end in ("min", "max") for axis in "xy"}
    table = lg.measure(export, spacing_mm="data")
    for name in set(table.column_names) - identity - boxes:
        assert specs_of([pa.table({name: [1.0]})]), name


def test_what_tracks_measure_has_definitions():
    found = lg.tracks(lg.read_label_studio(EXPORT, patient="patient_id", spacing_mm="spacing_mm"), rule="wound")
    assert {"shift@1", "pct_area_per_week@1", "reduction_4_weeks@1"} <= set(specs_of([found.table]))
    assert {"area@1", "volume@1"} == set(specs_of([lg.volumes(found, slice_spacing_mm=2.5)]))


def test_rows_of_long_tables_are_named_by_their_values():
    table = pa.table({"metric": ["dice", "hd95_px", None], "mean": [0.5, 2.0, 1.0]})
    assert specs_of([table]) == ["dice@1", "hd95@1"]


def test_the_score_of_a_prediction_is_no_score_of_ours():
    assert specs_of([pa.table({"score": [0.5]})]) == ["score@1"]
    assert specs_of([pa.table({"origin": ["manual"], "score": [0.5]})]) == []


def test_parquet_names_its_definitions(tmp_path):
    export = lg.read_label_studio(EXPORT)
    write_table(lg.agreement(export).pairs, tmp_path / "pairs.parquet")
    found = json.loads(pq.read_schema(tmp_path / "pairs.parquet").metadata[b"lesiongeo.specs"])
    assert {"iou@1", "dice@1", "hausdorff@1", "match@1"} <= set(found)


def test_the_command_prints_one_or_all():
    run = CliRunner()
    assert "weighted by length" in run.invoke(app, ["spec", "hd95"]).output
    everything = json.loads(run.invoke(app, ["spec", "--json"]).output)["specs"]
    assert [one["id"] for one in everything] == [one.id for one in SPECS.values()]
    refused = run.invoke(app, ["spec", "nonsense"])
    assert refused.exit_code == 2


def test_tables_with_intervals_say_which_kind():
    assert "bootstrap_interval@1" in specs_of([pa.table({"metric": ["dice"], "mean": [0.5], "mean_low": [0.4]})])
    assert "habit_interval@1" in specs_of([pa.table({"habit": ["missed"], "value": [0.5], "low": [0.4]})])
    assert "bootstrap_interval@1" not in specs_of([pa.table({"iou": [0.5], "overflow": [1]})])
