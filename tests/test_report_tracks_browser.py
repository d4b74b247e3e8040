"""Lesions over time in a real browser: nothing is blocked, nothing sticks out, links lead to lesions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import lesiongeo as lg
from lesiongeo.report.scene import DARK, LIGHT
from lesiongeo.tracks.plot import plot_track
from made_tracks import CONFLICT_COLUMNS, TRACK_COLUMNS, made, made_rows, run_tables
from run_folder import HOSTILE, rows, write_run
from test_report_browser import CHROMIUM, DRIVER, REQUIRED, Browser, browser

__all__ = ["browser"]

pytestmark = pytest.mark.skipif(
    (CHROMIUM is None or DRIVER is None) and not REQUIRED, reason="Chromium and chromedriver are not installed"
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lg.write_report(write_run(tmp_path_factory.mktemp("over-time"), run_tables()))


def rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))})"


def test_the_section_opens_quietly_and_follows_light_and_dark(browser: Browser, whole: Path) -> None:
    browser.open(whole)
    assert len(browser.all("#lesions article")) == 4
    stroke = "return getComputedStyle(document.querySelector('#lesions .v-age6')).stroke"
    shade = "return getComputedStyle(document.querySelector('#lesions .v-noise')).fill"
    for scheme, colours in (("light", LIGHT), ("dark", DARK)):
        browser.media("", scheme)
        assert browser.run(stroke) == rgb(colours["age6"])
        assert browser.run(shade) == rgb(colours["band"])
    browser.media("print", "dark")
    assert browser.run(stroke) == rgb(LIGHT["age6"])
    browser.media()
    browser.assert_quiet(whole)


@pytest.mark.parametrize("width", [320, 400, 800, 1280])
def test_nothing_sticks_out(browser: Browser, whole: Path, width: int) -> None:
    browser.open(whole)
    browser.size(width)
    assert browser.run("return document.documentElement.scrollWidth") <= width
    beyond = browser.run(
        "return [...document.querySelectorAll('#lesions article *')]"
        ".filter(one => one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 80))"
    )
    assert beyond == []


def test_texts_of_drawings_do_not_lie_over_each_other(browser: Browser, whole: Path) -> None:
    browser.open(whole)
    over = browser.run(
        """
        const found = [];
        for (const svg of document.querySelectorAll('#lesions svg')) {
          const boxes = [...svg.querySelectorAll('text')].map(one => [one.textContent, one.getBoundingClientRect()]);
          const frame = svg.getBoundingClientRect();
          boxes.forEach(([text, a], at) => {
            if (a.left < frame.left - 1 || a.right > frame.right + 1 || a.top < frame.top - 1) found.push(text);
            for (const [other, b] of boxes.slice(at + 1))
              if (a.left < b.right && b.left < a.right && a.top < b.bottom - 2 && b.top < a.bottom - 2)
                found.push(text + ' / ' + other);
          });
        }
        return found;
        """
    )
    assert over == []


def test_a_contradiction_leads_to_its_lesion(browser: Browser, whole: Path) -> None:
    browser.open(whole)
    browser.one("#lesions tbody a").click()
    assert browser.driver.current_url.endswith("#lesion-1")
    assert browser.run("return document.querySelector('#lesion-1').getBoundingClientRect().top") < 100
    assert browser.run("return document.querySelector('#lesion-1').matches(':target')")


def test_nothing_of_an_export_runs(browser: Browser, tmp_path: Path) -> None:
    tables: dict[str, Any] = run_tables()
    texts = [name for name, kind in zip(TRACK_COLUMNS.names, TRACK_COLUMNS.types, strict=True) if kind == pa.string()]
    listed = [
        row | dict.fromkeys(texts, text) | {"unit": "mm", "annotators": [text], "significant": True}
        for text in HOSTILE
        for row in made_rows()[:4]
    ]
    tables["tracks"] = pa.Table.from_pylist(listed, schema=TRACK_COLUMNS)
    names = [
        name for name, kind in zip(CONFLICT_COLUMNS.names, CONFLICT_COLUMNS.types, strict=True) if kind == pa.string()
    ]
    tables["track_conflicts"] = rows(CONFLICT_COLUMNS, *(dict.fromkeys(names, text) for text in HOSTILE))
    path = lg.write_report(write_run(tmp_path, tables), notes=True)
    browser.open(path)
    assert len(browser.all("#lesions article")) > 10
    assert browser.run("return window.ran") is None
    browser.size(360)
    assert browser.run("return document.documentElement.scrollWidth") <= 360
    browser.assert_quiet(path)


def test_a_picture_of_its_own_opens(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "lesion.svg"
    path.write_text(plot_track(*made(), "2", patient="P1"), encoding="utf-8")
    browser.open(path)
    browser.media("", "light")
    assert browser.run("return getComputedStyle(document.querySelector('.v-age6')).stroke") == rgb(LIGHT["age6"])
    browser.media("", "dark")
    assert browser.run("return getComputedStyle(document.querySelector('.v-ground')).fill") == rgb(DARK["ground"])
    sizes = browser.run(
        "const all = document.documentElement.getBoundingClientRect();"
        "return [...document.querySelectorAll('text')].map(one => [one.textContent, one.getBoundingClientRect().right])"
        ".filter(([, right]) => right > all.right)"
    )
    assert sizes == []
    browser.media()
    browser.assert_quiet(path)
