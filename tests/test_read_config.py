"""Labeling configurations, roles, answers of every kind, and drift between an export and its configuration."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import lesiongeo
from lesiongeo import ConfigError, Export
from lesiongeo.read.config import LabelingConfig, labeling_config
from lesiongeo.read.controls import merge_controls, roles
from lesiongeo.read.drift import whole_problems
from lesiongeo.read.join import merged_controls
from lesiongeo.read.options import ReadOptions, read_options
from lesiongeo.read.tables import MOST_COLUMNS
from lesiongeo.testing.config import LABELING_CONFIG

Json = Any
Row = dict[str, Any]

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "dermatology.json"
SHARED = ROOT.parent / "shared" / "data" / "label_studio"
REAL_CONFIG, REAL = SHARED / "lesion_tracking_config.xml", SHARED / "ls_real_export.json"
needs_real = pytest.mark.skipif(not (REAL_CONFIG.is_file() and REAL.is_file()), reason="the real export is not here")

TRIANGLE = [[10, 10], [20, 10], [20, 30]]
IMAGE = '<Image name="photo" valueList="$images"/>'
LESION = '<PolygonLabels name="lesion" toName="photo"><Label value="nevus"/><Label value="other"/></PolygonLabels>'


def config(*controls: str) -> LabelingConfig:
    return labeling_config(f"<View>{IMAGE}{''.join(controls)}</View>")


def entry(region_id: str, kind: str, value: Row, name: str, **more: Json) -> Row:
    sizes = {"original_width": 200, "original_height": 100}
    return {"id": region_id, "from_name": name, "type": kind, **sizes, "value": value, **more}


def polygon(region_id: str = "r", label: str = "nevus", **more: Json) -> Row:
    value = {"points": TRIANGLE, "closed": True, "polygonlabels": [label]}
    return entry(region_id, "polygonlabels", value, "lesion", **more)


def answer(kind: str, given: Json, name: str, region_id: str = "r", **more: Json) -> Row:
    field = {"textarea": "text", "pairwise": "selected"}.get(kind, kind)
    return entry(region_id, kind, {"points": TRIANGLE, "closed": True, field: given}, name, **more)


def alone(kind: str, given: Json, name: str, region_id: str = "q", **more: Json) -> Row:
    """An answer to a page or a task."""
    field = {"textarea": "text", "pairwise": "selected"}.get(kind, kind)
    return entry(region_id, kind, {field: given}, name, **more)


def read(*result: Json, **options: Any) -> Export:
    task = {
        "id": 7,
        "data": {"images": ["/d/a.png", "/d/b.png"]},
        "annotations": [{"id": 5, "completed_by": 3, "result": list(result)}],
    }
    return lesiongeo.read_label_studio(json.dumps([task]).encode(), **options)


def found(export: Export, *codes: str) -> list[Row]:
    return [row for row in export.problems.to_pylist() if row["code"] in codes]


# Reading a configuration


def test_the_config_of_the_generated_exports() -> None:
    read_config = labeling_config(LABELING_CONFIG)
    assert read_config.images_path == "images"
    assert [(image.name, image.several) for image in read_config.images] == [("photo", True)]
    assert [(one.name, one.kind, one.scope, one.required) for one in read_config.controls] == [
        ("lesion", "polygonlabels", "region", False),
        ("lesion_box", "rectanglelabels", "region", False),
        ("lesion_ellipse", "ellipselabels", "region", False),
        ("track_id", "number", "region", True),
        ("lesion_status", "choices", "region", True),
        ("notes", "textarea", "region", False),
        ("visit_assessment", "choices", "page", False),
    ]
    status = read_config.control("lesion_status")
    assert status is not None
    assert status.values() == ["new", "stable", "enlarged", "regressed", "resolved"]
    track = read_config.control("track_id")
    assert track is not None
    assert (track.minimum, track.maximum, track.values(), track.to_name) == (1.0, None, None, ("photo",))


def test_a_config_comes_as_path_text_bytes_or_project(tmp_path: Path) -> None:
    expected = labeling_config(LABELING_CONFIG)
    path = tmp_path / "config.xml"
    path.write_text(LABELING_CONFIG, encoding="utf-8-sig")
    project = json.dumps({"id": 1, "title": "Moles", "label_config": LABELING_CONFIG})
    (tmp_path / "project.json").write_text(project, encoding="utf-8")
    declared = '<?xml version="1.0" encoding="UTF-16"?>' + LABELING_CONFIG
    for source in (
        path,
        str(path),
        LABELING_CONFIG.encode(),
        "\n  " + LABELING_CONFIG,
        project,
        f"[{project}]",
        tmp_path / "project.json",
        declared,
        expected,
    ):
        assert labeling_config(source) == expected


def test_aliases_win_and_attributes_have_any_case() -> None:
    control = config(
        '<choices NAME="c" ToName="photo" PerRegion="TRUE" choice="multiple" Required="true">'
        '<View><Choice value="Melanoma" alias="mel"/></View><Choice value="nevus" alias=""/></choices>'
    ).controls[0]
    assert control.values() == ["mel", "nevus"]
    assert (control.scope, control.several, control.required, control.kind) == ("region", True, True, "choices")


@pytest.mark.parametrize(
    "text",
    [
        '<PolygonLabels name="c" toName="photo" value="$labels"/>',
        '<Choices name="c" toName="photo" value="$options"/>',
        '<Choices name="c" toName="photo"><Choice value="$first"/></Choices>',
        '<Taxonomy name="c" toName="photo" apiUrl="https://example.org/tree"/>',
        '<Taxonomy name="c" toName="photo" legacy="true"><Choice value="a"/></Taxonomy>',
        '<Number name="c" toName="photo"/>',
        '<TextArea name="c" toName="photo"/>',
    ],
)
def test_what_is_not_known_has_no_values(text: str) -> None:
    assert config(text).controls[0].values() is None


def test_a_taxonomy_has_paths() -> None:
    tree = '<Choice value="trunk" alias="t"><Choice value="back"/></Choice><Choice value="arm"/>'
    assert config(f'<Taxonomy name="c" toName="photo">{tree}</Taxonomy>').controls[0].values() == [
        '["t"]',
        '["t","back"]',
        '["arm"]',
    ]
    leafs = config(f'<Taxonomy name="c" toName="photo" leafsOnly="true">{tree}</Taxonomy>')
    assert leafs.controls[0].values() == ['["t","back"]', '["arm"]']


@pytest.mark.parametrize(
    ("image", "path"),
    [
        ('<Image name="a" value="$image"/>', "image"),
        ('<Image name="a" valueList="$visit.images"/>', "visit.images"),
        ('<Image name="a" value="https://example.org/a.png"/>', None),
        ('<Image name="a" value="$images[0]"/>', None),
        ('<Image name="a" value="$left"/><Image name="b" value="$right"/>', None),
        ("", None),
    ],
)
def test_the_images_come_from_the_only_variable(image: str, path: str | None) -> None:
    assert labeling_config(f"<View>{image}{LESION}</View>").images_path == path


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("<View><a></View>", r"line 1, column \d+: no well-formed XML"),
        ("<View>\n<Number name='a' toName='p' min='low'/></View>", r"line 2: min='low' of <Number> is no number"),
        ("<View>\n\n<Choices toName='p'/></View>", r"line 3: <Choices> has no name"),
        ("<View><Number name='a'/>\n<Rating name='a'/></View>", "line 2: two controls are named 'a'"),
        ("<View/>", "no control is in it"),
        ("<View>&unknown;</View>", "no well-formed XML"),
        ('{"id": 1}', "no text `label_config`"),
        ("{", "not JSON"),
        (b"<View>\xff</View>", "not UTF-8 at byte 6"),
        (b"\xff\xfe<\x00", "UTF-16"),
        ("", "the config is empty"),
        (7, "config is 7"),
        ("<View>" * 1000, "nested more than 200 deep"),
        (b"<" + b" " * (17 << 20), "more than 16 MiB"),
    ],
    ids=range(14),
)
def test_an_unusable_config_says_where_and_why(source: Any, message: str) -> None:
    with pytest.raises((ConfigError, OSError), match=message):
        labeling_config(source)


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE v [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>',
        '<!DOCTYPE v [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE v SYSTEM "http://127.0.0.1:9/v.dtd">',
        '<!DOCTYPE v [<!ENTITY % a SYSTEM "http://127.0.0.1:9/v.dtd"> %a;]>',
    ],
)
def test_a_document_type_is_refused(doctype: str) -> None:
    with pytest.raises(ConfigError, match="document type") as caught:
        labeling_config(f'<?xml version="1.0"?>\n{doctype}<View><Choices name="&c;"/></View>')
    assert caught.value.line == 2


# Roles


def test_roles_of_the_example_with_and_without_its_config() -> None:
    for options in ({}, {"config": LABELING_CONFIG}):
        export = lesiongeo.read_label_studio(EXAMPLE, **options)
        assert [export.role(role) for role in ("track_id", "status", "note")] == ["track_id", "lesion_status", "notes"]
        assert found(export, "control_unknown", "label_unknown", "choice_unknown", "role_unknown") == []
    with pytest.raises(ValueError, match="role is 'label'"):
        export.role("label")


@pytest.mark.parametrize(
    ("controls", "track", "status", "note"),
    [
        ([("track_id", "number"), ("size_mm", "number")], "track_id", None, None),
        ([("trackId", "number"), ("lesion_id", "number")], "trackId", None, None),
        ([("lesionID", "textarea"), ("id", "number")], "lesionID", None, None),
        ([("track_a", "number"), ("track_b", "number")], None, None, None),
        ([("number", "number")], "number", None, None),
        ([("diameter_mm", "number")], None, None, None),
        ([("certainty", "number")], None, None, None),
        ([("width", "number"), ("side", "number")], None, None, None),
        ([("a", "number"), ("b", "number")], None, None, None),
        ([("what", "choices")], None, "what", None),
        ([("body_site", "choices")], None, None, None),
        ([("what", "choices"), ("change", "choices")], None, "change", None),
        ([("status", "choices"), ("changed", "choices")], None, "status", None),
        ([("status", "textarea")], None, None, None),
        ([("track", "choices"), ("other", "choices")], "track", None, None),
        ([("say", "textarea")], None, None, "say"),
        ([("say", "textarea"), ("Remarks", "textarea")], None, None, "Remarks"),
        ([("comment", "textarea"), ("note", "textarea")], None, None, "note"),
        ([("stars", "rating")], None, None, None),
    ],
)
def test_roles_follow_kind_and_name_and_are_never_a_guess(
    controls: list[tuple[str, str]], track: str | None, status: str | None, note: str | None
) -> None:
    rows = [(name, kind, "region") for name, kind in controls]
    assert roles(rows, ReadOptions()) == {"track_id": track, "status": status, "note": note}
    assert roles(rows[::-1], ReadOptions()) == {"track_id": track, "status": status, "note": note}
    assert set(roles([(*row[:2], "page") for row in rows], ReadOptions()).values()) == {None}


def test_the_config_decides_before_what_was_used() -> None:
    settled = config(
        LESION,
        '<Number name="lesion_no" toName="photo" perRegion="true"/>',
        '<Choices name="status_all" toName="photo" perRegion="true" choice="multiple"><Choice value="a"/></Choices>',
        '<Choices name="status" toName="photo"><Choice value="a"/></Choices>',
    )
    rows = [("track_id", "number", "region"), ("remark", "textarea", "region")]
    assert roles(rows, ReadOptions(config=settled)) == {"track_id": "lesion_no", "status": None, "note": "remark"}


def test_a_control_that_was_said_to_have_one_role_is_not_guessed_to_have_another() -> None:
    rows = [("nodule", "textarea", "region"), ("seen", "choices", "region")]
    assert roles(rows, read_options(track_id="nodule")) == {"track_id": "nodule", "status": "seen", "note": None}
    assert roles(rows, read_options())["note"] == "nodule"


def test_a_role_that_was_given_counts() -> None:
    result = [polygon(), answer("number", 4, "a"), answer("number", 5, "b"), answer("choices", ["x"], "label")]
    export = read(*result, track_id="b", status="label")
    assert (export.role("track_id"), export.role("status")) == ("b", "control_label")
    assert export.regions.table["control_label"].to_pylist() == ["x"]
    roles_of = dict(zip(*(export.controls[key].to_pylist() for key in ("name", "role")), strict=True))
    assert roles_of == {"lesion": "geometry", "a": None, "b": "track_id", "label": "status"}


def test_a_choice_of_several_values_is_no_status() -> None:
    """By any answer, of a region or of a page, in any batch; of those that are left the rules are the same."""
    one, two = answer("choices", ["x"], "status"), answer("choices", ["x", "y"], "status")
    single, double = read(polygon(), one), read(polygon(), two)
    assert (single.role("status"), double.role("status")) == ("status", None)
    assert (single.controls["several"].to_pylist(), double.controls["several"].to_pylist()) == (
        [False, False],
        [False, True],
    )
    assert read(polygon(), one, alone("choices", ["x", "y"], "status")).role("status") is None
    assert read(polygon(), two, answer("choices", ["x"], "change")).role("status") == "change"
    assert read(polygon(), answer("choices", ["1", "2"], "track")).role("track_id") is None
    assert double.regions.table["status"].to_pylist() == ['["x","y"]']
    # Texts that look like a list of several are one text where they are typed, and one value is one however it looks.
    assert read(polygon(), answer("textarea", ["a", "b"], "note")).role("note") == "note"
    assert read(polygon(), answer("choices", ["[x"], "status")).role("status") == "status"
    assert read(polygon(), two, status="status").role("status") == "status"
    for first, second in ((single, double), (double, single)):
        merged = merge_controls([first.controls, second.controls])
        assert merged["role"].to_pylist() == ["geometry", None]
        assert merged_controls([first.controls, second.controls]).equals(merged)
    given = read(polygon(), two, status="status").controls
    assert merged_controls([given, given])["role"].to_pylist() == ["geometry", "status"]


def test_a_choice_of_several_values_is_no_status_of_a_scan(tmp_path: Path) -> None:
    """The first windows have single values only."""
    made = [{"id": n, "data": {}, "annotations": [{"id": n, "completed_by": 1, "result": []}]} for n in range(1, 400)]
    for n, one in enumerate(made):
        values = ["x", "y"] if n == 390 else ["x"]
        one["annotations"][0]["result"] = [polygon(), answer("choices", values, "status")]  # type: ignore[index]
    raw = json.dumps(made).encode()
    with lesiongeo.scan_label_studio(raw, window_bytes=1, threads=1) as scan:
        roles_of = [export.role("status") for export in scan]
        assert roles_of[0] == "status"
        assert scan.controls is not None
        assert scan.controls["role"].to_pylist() == ["geometry", None]
    lesiongeo.write_parquet(lesiongeo.scan_label_studio(raw, window_bytes=1), tmp_path / "a.parquet")
    assert lesiongeo.read_parquet(tmp_path / "a.parquet").role("status") is None


def test_a_role_of_a_control_that_nobody_used_is_reported_with_the_names_there_are() -> None:
    export = read(polygon(), answer("number", 4, "lesion_no"), alone("rating", 3, "stars"), track_id="track")
    (row,) = found(export, "role_unknown")
    assert "'track'" in row["message"]
    assert "'lesion_no'" in row["message"]
    assert "'lesion'" not in row["message"]
    assert export.role("track_id") is None
    (row,) = found(read(polygon(), alone("rating", 3, "stars"), track_id="stars"), "role_unknown")
    assert "not asked per region" in row["message"]


def test_columns_of_controls_never_collide() -> None:
    names = ["label", "control_label", "control_control_label", "area_px2", "fine"]
    result = [polygon(), *(answer("choices", [name], name) for name in names)]
    table = read(*result).regions.table
    assert table.column_names[-5:] == [
        "control_label",
        "control_control_label",
        "control_control_control_label",
        "control_area_px2",
        "fine",
    ]
    assert [table[name][0].as_py() for name in table.column_names[-5:]] == names


# Answers of every kind

KINDS: list[tuple[str, Json, str | None, float | None]] = [
    ("number", 2.5, None, 2.5),
    ("number", "3", None, 3.0),
    ("rating", 4, None, 4.0),
    ("datetime", "2026-11-21T08:30", "2026-11-21T08:30", None),
    ("datetime", 2026, "2026", None),
    ("choices", ["new"], "new", None),
    ("choices", ["new", "é"], '["new","é"]', None),
    ("textarea", ["one line"], "one line", None),
    ("textarea", ["one", "two"], '["one","two"]', None),
    ("textarea", "bare", "bare", None),
    ("taxonomy", [["a", "b"]], '[["a","b"]]', None),
    ("taxonomy", [["a", "b é"], ["c"]], '[["a","b é"],["c"]]', None),
    ("pairwise", "left", "left", None),
    ("ranker", {"rank": ["b", "a"]}, '{"rank":["b","a"]}', None),
]


@pytest.mark.parametrize(("kind", "given", "text", "number"), KINDS)
def test_answers_of_every_kind_and_scope(kind: str, given: Json, text: str | None, number: float | None) -> None:
    export = read(
        polygon(item_index=1),
        answer(kind, given, "of_region", item_index=1),
        alone(kind, given, "of_page", "q", item_index=1),
        alone(kind, given, "of_task", "t"),
    )
    assert export.problems.num_rows == 0
    assert export.regions.table["of_region"].to_pylist() == [number if text is None else text]
    rows = export.answers.select(["name", "page", "kind", "text", "number"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("of_page", 1, kind, text, number),
        ("of_task", None, kind, text, number),
    ]
    uses = export.controls.select(["name", "kind", "scope", "count", "in_config"]).to_pylist()
    assert [tuple(row.values()) for row in uses] == [
        ("lesion", "polygonlabels", "region", 1, None),
        ("of_region", kind, "region", 1, None),
        ("of_page", kind, "page", 1, None),
        ("of_task", kind, "task", 1, None),
    ]


def test_spaces_and_escapes_of_a_file_change_no_path() -> None:
    export = read(polygon(), answer("taxonomy", [["a", "é"]], "site"))
    text = json.dumps([["a", "é"]])
    assert "\\u" in text
    assert export.regions.table["site"].to_pylist() == ['[["a","é"]]']


def test_bare_shapes_with_labels() -> None:
    shape = entry("r", "polygon", {"points": TRIANGLE}, "outline")
    labels = entry("r", "labels", {"points": TRIANGLE, "labels": ["nevus"]}, "name")
    export = read(shape, labels)
    rows = export.controls.select(["name", "role", "scope", "count"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("outline", "geometry", "region", 1),
        ("name", "label", "region", 1),
    ]
    assert export.regions.table["from_name"].to_pylist() == ["outline"]


def test_a_control_of_its_own_in_every_region_does_not_fill_the_memory() -> None:
    count = MOST_COLUMNS + 44
    result = []
    for number in range(count):
        result += [polygon(f"r{number}"), answer("number", number, f"n{number}", f"r{number}")]
    result.append(answer("number", -1, "n299", "r0"))
    export = read(*result)
    columns = [name for name in export.regions.table.column_names if name.startswith("n") and name[1:].isdigit()]
    assert len(columns) == MOST_COLUMNS
    assert "n299" in columns, "used twice, so before those used once"
    moved = export.answers.select(["name", "number"]).to_pylist()
    assert len(moved) == 44
    assert {row["name"] for row in moved}.isdisjoint(columns)
    assert len(found(export, "too_many_controls")) == 1


# Drift

SETTLED = config(
    '<PolygonLabels name="lesion" toName="photo"><Label value="nevus"/><Label value="melanoma" alias="mel"/>'
    "</PolygonLabels>",
    '<Number name="track_id" toName="photo" perRegion="true" min="1" max="99"/>',
    '<Choices name="status" toName="photo" perRegion="true"><Choice value="new"/><Choice value="grown" alias="g"/>'
    "</Choices>",
    '<Taxonomy name="site" toName="photo" perRegion="true"><Choice value="arm"><Choice value="left" alias="l"/>'
    "</Choice></Taxonomy>",
    '<Rating name="stars" toName="photo" perItem="true" maxRating="3"/>',
    '<DateTime name="seen" toName="photo" only="date" min="2026-01-01" max="2026"/>',
)
SOUND = [
    polygon("a"),
    answer("number", 1, "track_id", "a"),
    answer("choices", ["new"], "status", "a"),
    answer("taxonomy", [["arm", "l"], ["arm"]], "site", "a"),
    polygon("b", "mel"),
    answer("number", 99, "track_id", "b"),
    answer("choices", ["g"], "status", "b"),
    alone("rating", 3, "stars", item_index=1),
    alone("datetime", "2026-12-31", "seen", "q2"),
]
DRIFT = frozenset(
    "label_unknown choice_unknown control_unknown control_kind_changed control_scope_changed value_out_of_range "
    "alias_mixed role_unknown".split()
)


def test_an_export_that_fits_its_config_has_no_drift() -> None:
    export = read(*SOUND, config=SETTLED)
    assert export.problems.num_rows == 0
    assert export.controls["in_config"].to_pylist() == [True] * 6
    assert export.controls["values"].to_pylist() == [
        ["nevus", "mel"],
        None,
        ["new", "g"],
        ['["arm"]', '["arm","l"]'],
        None,
        None,
    ]
    assert export.controls["count"].to_pylist() == [2, 2, 2, 1, 1, 1]


@pytest.mark.parametrize(
    ("added", "code", "region", "message"),
    [
        ([polygon("z", "wart"), polygon("y", "wart")], "label_unknown", "z", "label 'wart' occurs 2 times"),
        ([polygon("z", "melanoma")], "alias_mixed", "z", "'melanoma' occurs once and its alias 'mel' once"),
        ([answer("choices", ["gone"], "status", "a")], "choice_unknown", "a", "choice of 'status' 'gone' occurs once"),
        ([answer("taxonomy", [["leg"]], "site", "b")], "choice_unknown", "b", "leg"),
        ([answer("taxonomy", [["arm", "left"]], "site", "b")], "alias_mixed", "b", "left"),
        ([answer("rating", 2, "pain", "b")], "control_unknown", "b", "control 'pain' was used once"),
        ([polygon("z") | {"from_name": "box"}], "control_unknown", "z", "control 'box' was used once"),
        ([alone("rating", 9, "stars", "q3", item_index=0)], "value_out_of_range", None, r"outside its limits \(9"),
        ([alone("datetime", "2025-12-31", "seen", "q3")], "value_out_of_range", None, "2025-12-31"),
        ([alone("datetime", "2027-01-01", "seen", "q3")], "value_out_of_range", None, "2027-01-01"),
        ([alone("choices", ["new"], "status", "q3")], "control_scope_changed", "a", "region 2 times, task once"),
        (
            [polygon("z"), answer("textarea", ["x"], "track_id", "z")],
            "control_kind_changed",
            "a",
            "number 2 times, textarea once",
        ),
    ],
)
def test_drift_is_reported_once_with_its_first_place(
    added: list[Row], code: str, region: str | None, message: str
) -> None:
    result = [one for one in SOUND if not (code == "choice_unknown" and one["from_name"] == added[0]["from_name"])]
    export = read(*result, *added, config=SETTLED)
    (row,) = [row for row in export.problems.to_pylist() if row["code"] in DRIFT]
    assert (row["code"], row["task_id"], row["annotation_id"], row["region_id"]) == (code, 7, 5, region)
    assert not row["dropped"]
    assert re.search(message, row["message"]), row["message"]


def test_numbers_outside_their_limits_are_one_row_and_stay() -> None:
    result = [part for n, value in enumerate([0, 5, 100, -3]) for part in
              (polygon(f"r{n}"), answer("number", value, "track_id", f"r{n}"))]  # fmt: skip
    export = read(*result, config=SETTLED)
    (row,) = found(export, "value_out_of_range")
    assert row["region_id"] == "r0"
    assert "3 times" in row["message"]
    assert "from -3.0 to 100.0" in row["message"]
    assert export.regions.table["track_id"].to_pylist() == [0, 5, 100, -3]


def test_an_alias_whose_value_alone_is_used_is_named() -> None:
    (row,) = found(read(polygon("a", "melanoma"), config=SETTLED), *DRIFT)
    assert row["code"] == "label_unknown"
    assert "'mel'" in row["message"]


def test_labels_that_are_not_known_are_not_checked() -> None:
    dynamic = config('<PolygonLabels name="lesion" toName="photo" value="$labels"/>')
    assert found(read(polygon("a", "anything"), config=dynamic), *DRIFT) == []


def test_the_config_says_another_kind_or_scope() -> None:
    settled = config(LESION, '<Rating name="stars" toName="photo" perRegion="true"/>')
    (row,) = found(read(polygon(), alone("rating", 3, "stars"), config=settled), *DRIFT)
    assert (row["code"], "the config says region" in row["message"]) == ("control_scope_changed", True)
    (row,) = found(read(polygon(), answer("number", 3, "stars"), config=settled), *DRIFT)
    assert (row["code"], "the config says rating" in row["message"]) == ("control_kind_changed", True)


def test_without_a_config_only_what_changes_within_the_export_is_drift() -> None:
    export = read(polygon("a", "anything"), answer("number", -5, "x", "a"), alone("number", 1, "x"))
    assert {row["code"] for row in export.problems.to_pylist()} == {"control_scope_changed"}


# Batches


def test_merged_controls_are_those_of_the_whole() -> None:
    tasks = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    for options in ({}, {"config": LABELING_CONFIG}):
        whole = lesiongeo.read_label_studio(json.dumps(tasks).encode(), **options)
        parts = [
            lesiongeo.read_label_studio(json.dumps(tasks[at : at + 9]).encode(), **options) for at in range(0, 40, 9)
        ]
        merged = merge_controls([part.controls for part in parts], read_options(**options))
        order = [("name", "ascending"), ("kind", "ascending"), ("scope", "ascending")]
        assert merged.sort_by(order).equals(whole.controls.sort_by(order))
        assert merged.schema.equals(whole.controls.schema)
    assert merge_controls([]).num_rows == 0


def test_what_changes_between_batches_is_told_by_the_merged_controls() -> None:
    one, two = read(polygon(), answer("number", 1, "x")), read(polygon(), answer("choices", ["a"], "x"))
    merged = merge_controls([one.controls, two.controls])
    codes = whole_problems(merged, ReadOptions())["code"].to_pylist()
    assert codes == ["control_kind_changed"]
    assert whole_problems(merged, ReadOptions(note="y"))["code"].to_pylist() == [*codes, "role_unknown"]


# The real config


@needs_real
def test_the_real_export_fits_its_real_config() -> None:
    export = lesiongeo.read_label_studio(REAL, config=REAL_CONFIG)
    plain = lesiongeo.read_label_studio(REAL)
    assert found(export, *DRIFT) == []
    assert [export.role(role) for role in ("track_id", "status", "note")] == ["track_id", "lesion_status", "notes"]
    assert export.regions.table.equals(plain.regions.table)
    assert set(export.controls.filter(pa.compute.greater(export.controls["count"], 0))["in_config"].to_pylist()) == {
        True
    }


def test_a_parsed_project_is_a_config() -> None:
    """As clients of the API hold it."""
    labels = '<PolygonLabels name="l" toName="i"><Label value="a"/></PolygonLabels>'
    text = f'<View><Image name="i" value="$photo"/>{labels}</View>'
    project = {"id": 3, "label_config": text}
    assert labeling_config(project) == labeling_config(json.dumps(project)) == labeling_config(text)
    with pytest.raises(ConfigError, match="label_config"):
        labeling_config({"id": 3})
