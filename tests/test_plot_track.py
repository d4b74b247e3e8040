"""Pictures of one lesion: SVG and PNG of the same drawing, found by id, safe to open."""

from __future__ import annotations

import builtins
import importlib.util
import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

import lesiongeo as lg
from lesiongeo.report import MissingExtraError
from lesiongeo.report.raster import SCALE, png_of
from lesiongeo.report.scene import LIGHT, Curve, Dot, Scene, Words, curve
from lesiongeo.tracks.plot import plot_track, write_plot
from made_tracks import LESIONS, TRACK_COLUMNS, Made, made
from run_folder import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def known() -> tuple[Made, lg.Export]:
    return made()


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314  # our own


def texts(svg: str) -> list[str]:
    return [one.text or "" for one in parsed(svg).iter(f"{SVG}text")]


def pixels(scene: Scene) -> Any:
    return np.asarray(Image.open(io.BytesIO(png_of(scene))).convert("RGB")).astype(int)


def near(colour: Any, name: str, by: int = 12) -> bool:
    wanted = [int(LIGHT[name][at : at + 2], 16) for at in (1, 3, 5)]
    return bool(np.abs(np.asarray(colour) - wanted).max() <= by)


# SVG


def test_the_picture_shows_every_visit_with_both_sides(known: tuple[Made, lg.Export]) -> None:
    svg = plot_track(*known, "2", patient="P1")
    said = texts(svg)
    assert said[0] == "Lesion 2, patient P1"
    for text in ("visit 2, day 180", "15.5 mm\u00b2", "+49 %, noise 22 %", "measured enlarged", "\u2260 ticked stable"):
        assert text in said
    assert any(text.startswith("ticked stable, measured enlarged: 10.4 mm2 to 15.5 mm2") for text in said)
    root = parsed(svg)
    kinds = [one.get("class", "") for one in root.iter(f"{SVG}path")]
    # Three people: over each other and in the cards.
    assert sum(kind.startswith("v-age") for kind in kinds) == 2 * 4 * 3
    assert kinds.count("v-before") == 3 * 3
    assert kinds.count("v-noise") == 3
    title = root.find(f"{SVG}title")
    assert title is not None
    assert title.text == "Lesion 2, patient P1 over 4 visits"


def test_a_picture_needs_nothing_else(known: tuple[Made, lg.Export]) -> None:
    svg = plot_track(*known, "2", patient="P1")
    assert svg.count("http") == 1, "the name space"
    for word in ("href", "url(", "<script", "@import", "foreignObject", "SECRET", " on"):
        assert word not in re.sub(r"<text.*?</text>|<title.*?</title>", "", svg), word
    classes = {one.get("class") for one in parsed(svg).iter() if one.get("class")} - {"track"}
    for name in classes:
        assert svg.count(f".{name}{{") == 2, "light and dark"


def test_a_lesion_is_found_by_number_too(known: tuple[Made, lg.Export]) -> None:
    assert plot_track(*known, 3) == plot_track(*known, "3", patient="P1")


def test_texts_of_an_export_are_escaped() -> None:
    for text in HOSTILE:
        found, export = made((LESIONS[1],))
        columns = {"patient": text, "track_id": text, "label": text, "geo_status": text, "human_status": text}
        listed = [row | columns for row in found.table.to_pylist()]
        table = pa.Table.from_pylist(listed, schema=TRACK_COLUMNS)
        conflicts = pa.table({"patient": [text], "track_id": [text], "site": pa.nulls(1), "message": [text]})
        index = pa.table({"patient": [text], "track_id": [text], "site": [text]})
        odd = replace(found, table=table, conflicts=conflicts, index=index)
        svg = plot_track(odd, export, text, patient=text)
        root = parsed(svg)
        assert {one.tag.removeprefix(SVG) for one in root.iter()} == {"svg", "title", "style", "path", "circle", "text"}
        assert all(not name.startswith("on") for one in root.iter() for name in one.attrib)


# Which lesion


def test_what_is_not_there_is_named_with_what_there_is(known: tuple[Made, lg.Export]) -> None:
    with pytest.raises(ValueError, match="no lesion has patient 'P2', track_id '3'; track_id is one of '1', '2'"):
        plot_track(*known, "3", patient="P2")
    with pytest.raises(
        ValueError, match=r"2 lesions have track_id '1'; choose one by patient \(--plot-patient\): 'P1', 'P2'"
    ):
        plot_track(*known, "1")
    with pytest.raises(ValueError, match="no lesion has patient 'P9', track_id '1'; patient is one of 'P1', 'P2'"):
        plot_track(*known, "1", patient="P9")
    with pytest.raises(ValueError, match="no lesion has patient 'P1', site 'arm', track_id '1'; site is one of none"):
        plot_track(*known, "1", patient="P1", site="arm")
    # By lesion nobody has tracks of their own.
    with pytest.raises(ValueError, match=r"no lesion has track_id '1', annotator 'x'$"):
        plot_track(*known, "1", annotator="x")


def test_without_patients_the_task_says_which_lesion(known: tuple[Made, lg.Export]) -> None:
    found, export = known
    table = pa.Table.from_pylist([row | {"patient": None} for row in found.table.to_pylist()], schema=TRACK_COLUMNS)
    index = found.index.set_column(0, "patient", pa.nulls(found.index.num_rows, pa.string()))
    alone = replace(found, table=table, index=index)
    with pytest.raises(ValueError, match=r"choose one by task_id \(--plot-task\): 1, 2"):
        plot_track(alone, export, "1")
    svg = plot_track(alone, export, "1", task_id=2)
    assert texts(svg)[0] == "Lesion 1, task 2"
    assert len(texts(plot_track(alone, export, "3"))) > 10


def test_lesions_of_everybody_have_their_own_outlines() -> None:
    found, export = made((LESIONS[1],))
    people = export.regions.table["annotator"].to_pylist()
    schema = TRACK_COLUMNS.append(pa.field("annotator", pa.string()))
    listed = [row | {"annotator": who, "annotators": [who]} for who in "123" for row in found.table.to_pylist()]
    own = replace(
        found,
        table=pa.Table.from_pylist(listed, schema=schema),
        index=pa.table({"patient": ["P1"] * 3, "track_id": ["2"] * 3, "annotator": ["1", "2", "3"]}),
        track_of_region=np.array([int(who) - 1 for who in people]),
    )
    with pytest.raises(ValueError, match=r"choose one by annotator \(--plot-annotator\): '1', '2', '3'"):
        plot_track(own, export, "2")
    svg = plot_track(own, export, "2", annotator="3")
    kinds = [one.get("class", "") for one in parsed(svg).iter(f"{SVG}path")]
    assert sum(kind.startswith("v-age") for kind in kinds) == 2 * 4


# Files


@pytest.mark.parametrize("ending", ["svg", "png", "PNG"])
def test_the_ending_says_what_is_written(known: tuple[Made, lg.Export], tmp_path: Path, ending: str) -> None:
    path = write_plot(*known, "2", tmp_path / f"lesion.{ending}", patient="P1")
    first = path.read_bytes()
    if ending == "svg":
        assert first.decode("utf-8") == plot_track(*known, "2", patient="P1")
    else:
        with Image.open(path) as picture:
            assert picture.format == "PNG"
            assert picture.width == 760 * SCALE
            assert picture.info == {}
    assert write_plot(*known, "2", tmp_path / f"lesion.{ending}", patient="P1").read_bytes() == first


def test_a_wrong_ending_writes_nothing(known: tuple[Made, lg.Export], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ends in neither \.svg nor \.png"):
        write_plot(*known, "2", tmp_path / "lesion.pdf", patient="P1")
    with pytest.raises(ValueError, match="no lesion has"):
        write_plot(*known, "9", tmp_path / "lesion.svg")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("package", "name"), [("markupsafe", "jinja2"), ("PIL", "pillow")])
def test_what_is_not_installed_is_named(
    known: tuple[Made, lg.Export], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, name: str
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda one, *more: None if one == package else find(one, *more))
    with pytest.raises(MissingExtraError, match=f"needs {name}; get it with: pip install 'lesiongeo"):
        write_plot(*known, "2", tmp_path / "lesion.png", patient="P1")
    if package == "PIL":
        write_plot(*known, "2", tmp_path / "lesion.svg", patient="P1")


def test_the_package_opens_without_what_pictures_need(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = builtins.__import__

    def refuse(name: str, *more: Any, **named: Any) -> Any:
        assert name.split(".")[0] not in ("PIL", "jinja2", "markupsafe"), name
        return opened(name, *more, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    importlib.reload(importlib.import_module("lesiongeo.tracks.plot"))


# Pixels


def test_lines_and_points_are_where_the_drawing_has_them() -> None:
    scene = Scene(
        100, 60, "", (curve("course", (10, 20), (90, 20)), Dot(50, 40, 8, "beyond"), Dot(80, 40, 8, "within"))
    )
    found = pixels(scene)
    assert found.shape == (120, 200, 3)
    assert near(found[40, 100], "ink")
    assert near(found[44, 100], "ground")
    assert near(found[40, 10], "ground")
    assert near(found[80, 100], "ink")
    assert near(found[80, 160], "ground"), "hollow"
    assert near(found[80, 160 - 16], "ink"), "its ring"


def test_holes_stay_open_and_shades_let_through() -> None:
    outer = np.array([[10, 10], [90, 10], [90, 90], [10, 90.0]])
    inner = np.array([[40, 40], [40, 60], [60, 60], [60, 40.0]])
    found = pixels(Scene(100, 100, "", (Curve((outer, inner), "noise", closed=True),)))
    assert near(found[100, 100], "ground")
    share = 0.55
    for band, ground, value in zip((0xF3, 0xC9, 0x8B), (255, 255, 255), found[40, 40], strict=True):
        assert value == pytest.approx(ground + share * (band - ground), abs=2)


def test_dashes_are_as_long_as_their_look_says() -> None:
    found = pixels(Scene(120, 20, "", (curve("gap", (10, 10), (110, 10)),)))
    dark = (found[20, :, 0] < 180).astype(int)
    starts = np.flatnonzero(np.diff(dark) == 1)
    # 2.5 drawn, 3 left out, from 10 to 110.
    assert len(starts) == 19
    assert np.median(np.diff(starts)) == pytest.approx(5.5 * SCALE, abs=0.6)
    assert dark.sum() / dark[20:220].size == pytest.approx(2.5 / 5.5, abs=0.08)


def test_letters_that_the_font_lacks_are_replaced() -> None:
    wanted = pixels(Scene(200, 30, "", (Words(5, 20, "Muller 5 mm2 != -3 ?"),)))
    found = pixels(Scene(200, 30, "", (Words(5, 20, "M\u00fcller 5 mm\u00b2 \u2260 \u22123 \u4e2d"),)))
    assert (wanted == found).all()
    assert (found < 128).any()


def test_the_figure_and_its_pixels_agree(known: tuple[Made, lg.Export], tmp_path: Path) -> None:
    path = write_plot(*known, "2", tmp_path / "lesion.png", patient="P1")
    root = parsed(plot_track(*known, "2", patient="P1"))
    with Image.open(path) as picture:
        found = np.asarray(picture.convert("RGB")).astype(int)
    for one in root.iter(f"{SVG}circle"):
        x, y = (round(SCALE * float(one.get(name, "nan"))) for name in ("cx", "cy"))
        assert near(found[y, x], "ink" if one.get("class") == "v-beyond" else "ground")
    box = root.get("viewBox", "").split()
    assert found.shape[:2] == (round(SCALE * float(box[3])), round(SCALE * float(box[2])))
