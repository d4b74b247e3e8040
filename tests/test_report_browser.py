"""The report in a real browser: it opens without an error, nothing of the export runs, one can sort, filter and print.

Needs Chromium and its driver; where they are not installed the tests are skipped, or fail with
LESIONGEO_REQUIRE_BROWSER=1.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import lesiongeo as lg
from run_folder import (
    agreed,
    by_hand,
    example,
    exported,
    hostile_export,
    hostile_tables,
    region,
    square,
    task,
    write_run,
)

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
DRIVER = shutil.which("chromedriver")
REQUIRED = os.environ.get("LESIONGEO_REQUIRE_BROWSER") == "1"

pytestmark = pytest.mark.skipif(
    (CHROMIUM is None or DRIVER is None) and not REQUIRED, reason="Chromium and chromedriver are not installed"
)

#: Set before anything of the page runs: whatever opens a window or a dialog, or breaks the policy, is noted.
WATCH = """
window.seen = [];
for (const name of ["alert", "confirm", "prompt", "open", "print"]) window[name] = () => window.seen.push(name);
addEventListener("error", (event) => window.seen.push("error " + event.message));
document.addEventListener("securitypolicyviolation", (event) => window.seen.push("policy " + event.violatedDirective));
window.shift = 0;
new PerformanceObserver((list) => { for (const one of list.getEntries()) window.shift += one.value; })
  .observe({type: "layout-shift", buffered: true});
"""


class Browser:
    """A page of a report, and what the browser says of it."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, path: Path) -> Browser:
        self.driver.get_log("browser"), self.driver.get_log("performance")
        self.media()
        self.size(1280)
        self.driver.get(path.as_uri())
        return self

    def run(self, code: str, *arguments: Any) -> Any:
        return self.driver.execute_script(code, *arguments)

    def all(self, selector: str) -> list[Any]:
        found: list[Any] = self.driver.find_elements("css selector", selector)
        return found

    def one(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def size(self, width: int, height: int = 900) -> None:
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
        )

    def media(self, kind: str = "", scheme: str = "light") -> None:
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"media": kind, "features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )

    def keys(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        from selenium.webdriver.common.action_chains import ActionChains

        chain = ActionChains(self.driver)
        for key in keys:
            chain.send_keys(key)
        chain.perform()

    def requests(self) -> list[str]:
        """Addresses that were asked for since the page was opened."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]

    def assert_quiet(self, path: Path) -> None:
        """No error, no dialog, no broken policy, no request but for the file itself."""
        assert self.run("return window.seen") == []
        assert self.driver.get_log("browser") == []
        asked = [url for url in self.requests() if not url.startswith("data:image/jpeg;base64,")]
        assert asked == [path.as_uri()]
        assert self.driver.current_url.split("#")[0] == path.as_uri()
        assert len(self.driver.window_handles) == 1


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None and DRIVER is not None, "LESIONGEO_REQUIRE_BROWSER=1, but there is no Chromium here"
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = CHROMIUM
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,900"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(service=Service(DRIVER), options=options)
    try:
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
        yield Browser(driver)
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = example(tmp_path_factory.mktemp("whole"), **by_hand())
    return lg.write_report(folder, worst=30)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_run(tmp_path_factory.mktemp("hostile"), agreed(hostile_export()) | hostile_tables())
    return lg.write_report(folder, notes=True, title="<script>window.ran=11</script>")


def column(browser: Browser, number: int) -> list[str]:
    """Texts of the visible cells of a column of the worst cases."""
    found: list[str] = browser.run(
        "return [...document.querySelectorAll('#case-table tbody tr')].filter(row => !row.hidden)"
        ".map(row => row.cells[arguments[0]].textContent.trim())",
        number,
    )
    return found


def heads(browser: Browser) -> list[str]:
    return [head.text.strip(" \u2191\u2193") for head in browser.all("#case-table thead th")]


def visible_cards(browser: Browser) -> list[str]:
    found: list[str] = browser.run(
        "return [...document.querySelectorAll('#cards > li')].filter(card => card.getClientRects().length)"
        ".map(card => card.dataset.case)"
    )
    return found


def overflow(browser: Browser) -> int:
    found: int = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return found


def test_it_opens_without_an_error(browser: Browser, whole: Path) -> None:
    browser.open(whole).assert_quiet(whole)
    assert browser.driver.title == "Agreement of annotators"
    assert len(browser.all("#cards > li svg.case path.line")) > 30
    data = browser.run("return JSON.parse(document.getElementById('lesiongeo-data').textContent)")
    assert len(data["cases"]) == 30
    # Nothing moves after the first look.
    assert (browser.run("return window.shift") or 0) < 0.01


def test_nothing_of_a_hostile_export_runs(browser: Browser, hostile: Path) -> None:
    browser.open(hostile)
    for width in (1280, 360):
        browser.size(width)
        assert overflow(browser) == 0
    # Everything that a person can touch is touched.
    browser.run("document.querySelectorAll('button, summary, input[type=radio]').forEach(one => one.click())")
    browser.run(
        "document.querySelectorAll('main *').forEach(one => { for (const kind of ['mouseover', 'focus', 'click'])"
        " if (!one.closest('a')) one.dispatchEvent(new MouseEvent(kind, {bubbles: true})); })"
    )
    browser.run("document.getElementById('f-text').value = '<script>'; document.getElementById('filters').reset()")
    assert browser.run("return window.ran") is None
    foreign = "main script, main img, main iframe, main a[href]:not([href^='#'])"
    assert browser.run("return document.querySelectorAll(arguments[0]).length", foreign) == 0
    browser.assert_quiet(hostile)


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """A port of this machine that would note a visit."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.5)
        yield listening


def test_what_slips_through_does_not_run(browser: Browser, whole: Path, tmp_path: Path, server: socket.socket) -> None:
    """The policy alone: attacks written into the page as markup, as if nothing had been escaped."""
    away = f"http://127.0.0.1:{server.getsockname()[1]}"
    attack = (
        "<script>window.ran=1</script><img src=x onerror='window.ran=2'><svg onload='window.ran=3'></svg>"
        "<a id=bad href='javascript:window.ran=4'>x</a><iframe srcdoc='<script>parent.ran=5</script>'></iframe>"
        f"<img src='{away}/x.png'><style>body{{display:none}}</style><form id=send action='{away}/'></form>"
        f"<script src='{away}/x.js'></script><base href='{away}/'><link rel=stylesheet href='{away}/x.css'>"
        f"<object data='{away}/x'></object><video src='{away}/x.mp4'></video><link rel=preload as=font href='{away}/f'>"
    )
    html = whole.read_text(encoding="utf-8").replace('<main id="main" tabindex="-1">', f'<main id="main">{attack}')
    path = tmp_path / "attacked.html"
    path.write_text(html, encoding="utf-8")
    browser.open(path)
    browser.run("document.getElementById('bad').click(); document.getElementById('send').submit()")
    browser.run(f"fetch('{away}/').catch(() => 0); new Image().src = '{away}/y.png'")
    # Not even our own script could make markup of text.
    refused = browser.run(
        "try { document.body.insertAdjacentHTML('beforeend', '<b>'); return ''; }"
        "catch (error) { return error.message; }"
    )
    assert "TrustedHTML" in refused
    assert browser.run("return window.ran") is None
    assert browser.run("return getComputedStyle(document.body).display") == "block"
    assert browser.run("return document.baseURI") == path.as_uri()
    visits = []
    with contextlib.suppress(TimeoutError):
        while True:
            visitor, _ = server.accept()
            with visitor:
                visitor.settimeout(0.5)
                visits.append(visitor.recv(1000))
    # A browser may open a connection ahead of a request; nothing is asked through it.
    assert b"".join(visits) == b""
    assert any("policy" in one for one in browser.run("return window.seen"))


def test_sorting_by_a_click(browser: Browser, whole: Path) -> None:
    browser.open(whole)
    names = heads(browser)
    at = names.index("Dice")
    button = browser.all("#case-table thead th")[at].find_element("css selector", "button")
    browser.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", button)
    for direction in ("ascending", "descending"):
        button.click()
        assert browser.all("#case-table thead th")[at].get_attribute("aria-sort") == direction
        shown = column(browser, at)
        numbers = [float(text) for text in shown if text != "\u2013"]
        assert numbers == sorted(numbers, reverse=direction == "descending") and len(numbers) > 5
        # What has no number stands last, whichever way.
        assert shown[: len(numbers)] == [text for text in shown if text != "\u2013"]
        assert visible_cards(browser) == column(browser, 0)
    others = [head.get_attribute("aria-sort") for head in browser.all("#case-table thead th[aria-sort]")]
    assert others.count("none") == len(others) - 1
    # Numbers as numbers: 9 before 10.
    task = names.index("task")
    browser.run("document.querySelectorAll('#case-table thead button')[arguments[0]].click()", task)
    tasks = [int(text) for text in column(browser, task)]
    assert tasks == sorted(tasks) and tasks != sorted(tasks, key=str)


def test_everything_works_by_keyboard(browser: Browser, whole: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.open(whole)
    browser.keys(Keys.TAB)
    assert browser.run("return document.activeElement.className") == "skip"
    box = browser.run("return document.activeElement.getBoundingClientRect().left")
    assert box >= 0, "the skip link is seen when it has the focus"
    browser.keys(Keys.ENTER)
    assert browser.run("return document.activeElement.id") == "main"
    # Every control is reached in turn, and is seen to have the focus.
    reached = []
    for _ in range(400):
        browser.keys(Keys.TAB)
        what = browser.run(
            "const e = document.activeElement; const s = getComputedStyle(e);"
            "const near = e.type === 'radio' ? getComputedStyle(e.nextElementSibling) : s;"
            "const table = e.closest('table') ? e.closest('table').id : '';"
            "return [e.tagName, e.id, near.outlineStyle, table, e.textContent.trim()]"
        )
        reached.append(what)
        if what[1] == "cards" or what[0] == "BODY" or (what[3] == "case-table" and what[4] == "2"):
            break
    focused = [what for what in reached if what[0] in ("BUTTON", "SELECT", "INPUT", "A", "SUMMARY", "DIV")]
    assert all(what[2] != "none" for what in focused), [what for what in focused if what[2] == "none"]
    assert {"f-text", "f-annotators", "f-labels", "f-matches", "f-reasons"} <= {what[1] for what in reached}
    sorters = [what[4] for what in reached if what[3] == "case-table" and what[0] == "BUTTON"]
    assert sorters[:4] == ["rank", "task", "page", "image"]
    # Sorting by Enter and by Space.
    browser.run("document.querySelectorAll('#case-table thead button')[1].focus({preventScroll: true})")
    for key, direction in ((Keys.ENTER, "ascending"), (Keys.SPACE, "descending")):
        browser.keys(key)
        assert browser.all("#case-table thead th")[1].get_attribute("aria-sort") == direction
        tasks = [int(text) for text in column(browser, 1)]
        assert tasks == sorted(tasks, reverse=direction == "descending")
        assert browser.run("return document.activeElement.textContent.trim()") == "task", "the focus stays"
    # Panels by arrow keys.
    browser.run("document.querySelector('input[name=distribution]').focus()")
    browser.keys(Keys.ARROW_RIGHT)
    on = browser.all('[data-panels="distribution"] > .on h3')
    assert [one.text for one in on] == ["IoU"]


def test_filtering(browser: Browser, whole: Path) -> None:
    browser.open(whole)
    everything = column(browser, 0)
    match = heads(browser).index("match")
    status = browser.one("#shown")
    assert status.get_attribute("aria-live") == "polite" and status.text == "30 of 30 cases shown"
    data = browser.run("return JSON.parse(document.getElementById('lesiongeo-data').textContent)")

    def choose(name: str, text: str) -> None:
        browser.run(
            "const list = document.getElementById(arguments[0]);"
            "list.value = [...list.options].find(option => option.text === arguments[1]).value;"
            "list.dispatchEvent(new Event('change', {bubbles: true}))",
            name,
            text,
        )

    choose("f-matches", "label conflict")
    expected = [
        str(case["rank"]) for case in data["cases"] if "label_conflict" in [pair["match"] for pair in case["pairs"]]
    ]
    assert column(browser, 0) == expected == visible_cards(browser) and 0 < len(expected) < 30
    assert status.text == f"{len(expected)} of 30 cases shown"
    assert any("conflict" in text for text in column(browser, match))
    choose("f-labels", "melanoma")
    expected = [rank for rank in expected if "melanoma" in data["cases"][int(rank) - 1]["labels"]]
    assert column(browser, 0) == expected
    browser.one('#filters button[type="reset"]').click()
    assert column(browser, 0) == everything and status.text == "30 of 30 cases shown"
    choose("f-reasons", "missing")
    expected = [str(case["rank"]) for case in data["cases"] if "missing" in case["reasons"]]
    assert column(browser, 0) == expected and 0 < len(expected) < 30
    browser.one('#filters button[type="reset"]').click()
    search = browser.one("#f-text")
    search.send_keys("SEBORRHEIC")
    expected = [str(case["rank"]) for case in data["cases"] if "seborrheic_keratosis" in case["labels"]]
    assert column(browser, 0) == expected and 0 < len(expected) < 30
    search.send_keys(" no such thing")
    assert column(browser, 0) == [] and status.text == "0 of 30 cases shown"
    # Enter in the search field leads nowhere.
    search.send_keys("\n")
    browser.assert_quiet(whole)


def test_panels_show_one_metric_at_a_time(browser: Browser, whole: Path) -> None:
    browser.open(whole)
    assert [one.text for one in browser.all('[data-panels="heat"] > .panel > h3') if one.is_displayed()] == ["Dice"]
    browser.run("document.querySelectorAll('input[name=heat]')[3].click()")
    assert [one.text for one in browser.all('[data-panels="heat"] > .panel > h3') if one.is_displayed()] == [
        "Same label"
    ]
    lists = browser.all("select[data-select]")
    browser.run("arguments[0].value = '2'; arguments[0].dispatchEvent(new Event('change', {bubbles: true}))", lists[0])
    shown = [one.text for one in browser.all('[data-panels="confusion1"] .panel p') if one.is_displayed()]
    assert len(shown) == 1 and "Rows: 1, columns: 3" in shown[0]


def luminance(colour: list[float]) -> float:
    parts = [value / 255 for value in colour]
    linear = [value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


#: Of every element with a text of its own: its colour, the colour behind it, its size.
COLOURS = """
const parse = (text) => [...text.match(/[0-9.]+/g).map(Number), 1].slice(0, 4);
const behind = (one) => { for (; one; one = one.parentElement) { const c = parse(getComputedStyle(one).backgroundColor);
  if (c[3] > 0) return c; } return [255, 255, 255, 1]; };
const seen = new Map();
for (const one of document.querySelectorAll("body *")) {
  if (one.closest("svg.case, script, style") || !one.getClientRects().length) continue;
  if (![...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())) continue;
  const style = getComputedStyle(one);
  const ink = parse(one.closest("svg") ? style.fill : style.color);
  const key = [ink, behind(one.closest("svg") ? one.closest("svg") : one)];
  seen.set(JSON.stringify(key), [one.tagName, one.getAttribute("class"), one.textContent.trim().slice(0, 30)]);
}
return [...seen].map(([key, what]) => [JSON.parse(key), what]);
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_contrast(scheme: str, browser: Browser, whole: Path) -> None:
    """WCAG 2.2, criterion 1.4.3: 4.5 to 1 for all texts, whatever their size."""
    browser.open(whole)
    browser.media(scheme=scheme)
    browser.run("document.querySelectorAll('.panel').forEach(panel => panel.classList.add('on'))")
    found = browser.run(COLOURS)
    assert len(found) > 10
    for (ink, ground), what in found:
        high, low = sorted((luminance(ink[:3]), luminance(ground[:3])), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, (what, ink, ground)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_have_contrast(scheme: str, browser: Browser, whole: Path) -> None:
    """WCAG 2.2, criterion 1.4.11: 3 to 1 for what a drawing says."""
    browser.open(whole)
    browser.media(scheme=scheme)
    colours = browser.run(
        "const parse = (text) => text.match(/[0-9.]+/g).map(Number);"
        "const box = document.createElement('div'); document.body.append(box);"
        "const value = (name) => { box.setAttribute('class', name); return parse(getComputedStyle(box).stroke); };"
        "return [parse(getComputedStyle(document.body).backgroundColor), [0,1,2,3,4,5,6].map(n => value('hue' + n)),"
        " ['whisker', 'mean', 'limit', 'median', 'bar'].map(value)]"
    )
    ground, hues, lines = colours
    for colour in (*hues, *lines):
        high, low = sorted((luminance(colour[:3]), luminance(ground[:3])), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 3.0, colour
    assert len({tuple(hue) for hue in hues}) == 7


def test_light_and_dark(browser: Browser, whole: Path) -> None:
    """The system decides until the button does; nothing is stored."""
    browser.open(whole)

    def ground() -> str:
        found: str = browser.run("return getComputedStyle(document.body).backgroundColor")
        return found

    light = ground()
    button = browser.one("#theme")
    assert button.get_attribute("aria-pressed") == "false"
    browser.media(scheme="dark")
    dark = ground()
    assert dark != light and button.get_attribute("aria-pressed") == "true"
    button.click()
    assert ground() == light and button.get_attribute("aria-pressed") == "false"
    browser.media(scheme="light")
    button.click()
    assert ground() == dark
    assert browser.run("return [document.cookie, history.length > 0]")[0] == ""
    browser.open(whole)
    assert ground() == light


@pytest.mark.parametrize("width", [320, 360, 768])
def test_phones_do_not_scroll_sideways(width: int, browser: Browser, whole: Path) -> None:
    browser.open(whole)
    browser.size(width)
    assert overflow(browser) == 0
    browser.run("document.querySelectorAll('.panel').forEach(panel => panel.classList.add('on'))")
    browser.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert overflow(browser) == 0
    # Every drawing is as wide as the screen, at most, and its texts can be read.
    for svg in browser.all("svg.chart, svg.case"):
        assert 0 < svg.size["width"] <= width
    smallest = browser.run(
        "const texts = [...document.querySelectorAll('svg.chart text')];"
        "return Math.min(...texts.map(one => one.getBoundingClientRect().height))"
    )
    assert smallest >= 9


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve labels, and reasons beside the coefficients."""
    labels = [f"{name}_{end}" for name in ("seborrheic", "basal", "actinic") for end in ("a", "keratosis", "cell", "b")]
    value = square(100, 100, 100)
    tasks = [
        task(n, "a", {who: [region("r", value, label=label)] for who in (1, 2)}) for n, label in enumerate(labels, 1)
    ]
    return lg.write_report(write_run(tmp_path_factory.mktemp("wide"), agreed(exported(*tasks)) | by_hand()))


#: Which tables of the sections on show are wider than their box, and whether that is to be seen.
WIDER = """
return [...document.querySelectorAll(arguments[0] + ' .scroll')]
  .filter(box => box.clientWidth && !box.closest('details:not([open])'))
  .map(box => [box.scrollWidth > box.clientWidth + 1, getComputedStyle(box).maskImage !== 'none'])
"""


@pytest.mark.parametrize("width", [1024, 1300])
def test_tables_fit_a_desktop(width: int, browser: Browser, wide: Path, whole: Path) -> None:
    for path in (whole, wide):
        browser.open(path)
        browser.size(width)
        for section in ("#distributions", "#confusions", "#reliability", "#annotators"):
            assert [one for one in browser.run(WIDER, section) if one[0]] == [], (path.parent.name, section)


def test_what_is_cut_off_is_seen_to_go_on(browser: Browser, wide: Path) -> None:
    browser.open(wide)
    browser.size(390)
    browser.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    found = browser.run(WIDER, "main")
    assert any(cut for cut, _ in found) and all(cut == seen for cut, seen in found)
    # A reason off screen does not make its row tall.
    heights = browser.run(
        "return [...document.querySelectorAll('#reliability tbody tr')].map(row => row.getBoundingClientRect().height)"
    )
    assert len(heights) > 1 and max(heights) < 90


def test_print_shows_everything(browser: Browser, whole: Path) -> None:
    browser.open(whole)
    browser.media("print", "dark")
    browser.size(720)
    browser.run("window.dispatchEvent(new Event('beforeprint'))")
    assert overflow(browser) == 0
    assert not any(one.is_displayed() for one in browser.all(".controls, .contents"))
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert all(one.get_attribute("open") for one in browser.all("details"))
    assert all(one.is_displayed() for one in browser.all('[data-panels="heat"] > .panel'))
    assert len(visible_cards(browser)) == 30
    # All rows of the table, not only those that its box shows.
    assert (
        browser.run(
            "const box = document.querySelector('#case-table').parentElement;return box.scrollHeight - box.clientHeight"
        )
        == 0
    )
    browser.run("window.dispatchEvent(new Event('afterprint'))")
    assert not any(one.get_attribute("open") for one in browser.all("details"))
    pdf = base64.b64decode(browser.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
    assert pdf.startswith(b"%PDF") and len(pdf) > 50_000


def test_headings_and_names_are_in_order(browser: Browser, whole: Path) -> None:
    browser.open(whole)
    levels = browser.run("return [...document.querySelectorAll('h1, h2, h3, h4')].map(one => Number(one.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(second - first <= 1 for first, second in pairwise(levels))
    assert browser.run("return document.documentElement.lang") == "en"
    unnamed = browser.run(
        "const fields = [...document.querySelectorAll('select, input')];"
        "return fields.filter(one => !one.labels.length).map(one => one.outerHTML)"
    )
    assert unnamed == []
    assert browser.run(
        "return [...document.querySelectorAll('svg[role=img]')].every(one => one.querySelector('title'))"
    )
    ids = browser.run("return [...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))


def test_without_scripts_everything_is_there(whole: Path, browser: Browser) -> None:
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.driver.get(whole.as_uri())
        assert all(one.is_displayed() for one in browser.all('[data-panels="heat"] > .panel'))
        assert not any(one.is_displayed() for one in browser.all(".controls"))
        assert len([one for one in browser.all("#cards > li") if one.is_displayed()]) == 30
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_pictures_lie_below_the_outlines(browser: Browser, tmp_path: Path) -> None:
    folder = example(tmp_path / "run")
    for number in (1, 2, 3):
        path = tmp_path / "images" / "P0030" / f"visit{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (400, 300), (30, 160, 40)).save(path)
    path = lg.write_report(folder, images=tmp_path / "images", worst=20)
    browser.open(path).assert_quiet(path)
    drawn = browser.all("svg.case.over image")
    assert drawn and all(one.size["width"] > 100 for one in drawn)
    strokes = browser.run(
        "return [...document.querySelectorAll('svg.case.over use')].map(one => getComputedStyle(one).stroke)"
    )
    assert len(strokes) >= 2 and len(set(strokes)) >= 2
