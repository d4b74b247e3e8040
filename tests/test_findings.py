"""Findings: each check has an export in which it strikes exactly once and a near miss in which it must not.

Images are 100 x 100 px, so percent and pixels are the same numbers.
"""

from __future__ import annotations

import copy
import itertools
import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

import lesiongeo
from lesiongeo.checks.view import FINDING_SCHEMA, SEVERITIES
from lesiongeo.testing import LABELING_CONFIG, Annotator, make_export
from test_agreement_rules import Entry, Row, annotation, box, entry, polygon, task

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "dermatology.json"

CONFIG = """<View><Image name="img" valueList="$images"/>
  <PolygonLabels name="polygon" toName="img"><Label value="nevus"/><Label value="melanoma" alias="mel"/></PolygonLabels>
  <RectangleLabels name="rectangle" toName="img"><Label value="hair"/></RectangleLabels>
  <Polygon name="bare" toName="img"/><Labels name="extra" toName="img"><Label value="scar"/></Labels>
  <Number name="track_id" toName="img" perRegion="true"/></View>"""

Key = tuple[str, str, int, int | None, int | None, str | None]


def track(region_id: str, number: object, page: int = 0) -> Entry:
    return {**entry(region_id, "number", {"number": number}, page), "from_name": "track_id"}


def region(region_id: str, number: object, page: int = 0, **more: Any) -> list[Entry]:
    """A box with a track id; None: without."""
    given = {"x": (0, 50), "y": (0, 50), **more}
    return [
        box(region_id, page=page, **given),
        *([] if number is None else [track(region_id, number, page)]),
    ]


def person(who: int, **more: object) -> Entry:
    """An annotation with a region on each of two pages."""
    return annotation(who, who, [*region(f"a{who}", 1), *region(f"b{who}", 1, 1)], **more)


def clean(**more: object) -> Entry:
    """One task of two pages, annotated by two people, with nothing to find."""
    return task([person(1), person(2)], images=2, **more)


def rows_of(*tasks: Entry, config: Any = None, **options: Any) -> list[Row]:
    export = lesiongeo.read_label_studio(json.dumps(list(tasks)).encode(), config=config)
    table = lesiongeo.findings(export, **options)
    assert table.schema == FINDING_SCHEMA
    rows: list[Row] = table.to_pylist()
    for row in rows:
        assert row["message"] and row["code"] and row["severity"] in SEVERITIES
    return rows


def key(row: Row) -> Key:
    return tuple(row[name] for name in ("severity", "code", "task_id", "page", "annotation_id", "region_id"))  # type: ignore[return-value]


def keys(*tasks: Entry, **options: Any) -> list[Key]:
    return [key(row) for row in rows_of(*tasks, **options)]


def with_result(result: list[Entry], **more: object) -> Entry:
    """The clean task, with more entries in the first annotation."""
    found = clean(**more)
    found["annotations"][0]["result"] += result
    return found


def only(found: Entry, **options: Any) -> Row:
    """The one finding of a task."""
    rows = rows_of(found, **options)
    assert len(rows) == 1, rows
    return rows[0]


# clean


def test_a_clean_export_has_no_findings() -> None:
    assert keys(clean()) == []
    assert keys(clean(), ontology=["nevus"], config=CONFIG) == []
    assert keys() == []


def test_a_clean_generated_export_has_no_findings() -> None:
    """Faultless people, a lesion on every page."""
    crew = [Annotator.faultless(1), Annotator.faultless(2, bias=0.04)]
    tasks = make_export(patients=30, visits=2, annotators=crew, lesions=(4, 6), seed=5)
    for one in tasks:
        one["predictions"] = []
    drawn = Counter((r["task_id"], r["page"]) for r in regions_of(tasks))
    full = [one for one in tasks if all(drawn[one["id"], page] for page in range(2))]
    assert len(full) >= 20
    assert keys(*full, config=LABELING_CONFIG) == []


def regions_of(tasks: list[Entry]) -> list[Row]:
    export = lesiongeo.read_label_studio(json.dumps(tasks).encode())
    return export.regions.table.to_pylist()  # type: ignore[no-any-return]


# outlines


def bow_tie(region_id: str = "x", page: int = 0) -> list[Entry]:
    return [polygon(region_id, [(60, 60), (80, 80), (80, 60), (60, 80)], page=page), track(region_id, 2, page)]


def test_an_invalid_outline_is_an_error_with_its_place() -> None:
    row = only(with_result(bow_tie()))
    assert key(row) == ("error", "self_overlap", 7, 0, 1, "x")
    assert (row["annotator"], row["label"]) == ("1", "nevus")
    assert row["value"] == "ring 0 crosses itself at (70, 70)"
    assert "redraw" in row["message"]


@pytest.mark.parametrize(
    ("points", "code"),
    [
        ([(60, 60), (80, 80)], "too_few_points"),
        ([(60, 60), (60, 60), (60, 60)], "too_few_points"),
        ([(60, 60), (70, 70), (80, 80)], "zero_area"),
    ],
)
def test_outlines_that_enclose_nothing(points: list[tuple[float, float]], code: str) -> None:
    assert keys(with_result([polygon("x", points), track("x", 2)])) == [("error", code, 7, 0, 1, "x")]


def test_an_outline_that_touches_itself_is_valid() -> None:
    """Two squares that share a corner: no place is covered twice."""
    points = [(60, 60), (70, 60), (70, 70), (80, 70), (80, 80), (70, 80), (70, 70), (60, 70)]
    assert keys(with_result([polygon("x", points), track("x", 2)])) == []


def test_what_does_not_count_is_only_noted() -> None:
    """A crossing outline in a prediction, a draft, a cancelled and an older annotation."""
    crossing = bow_tie()
    elsewhere = clean(
        predictions=[{"id": 90, "result": crossing}],
        drafts=[{"id": 91, "user": 1, "result": crossing}],
    )
    elsewhere["annotations"] += [
        annotation(3, 3, crossing, was_cancelled=True),
        annotation(4, 1, crossing, updated_at="2020-01-05T09:00:00Z"),
    ]
    found = keys(elsewhere)
    assert {severity for severity, *_ in found} == {"info"}
    assert sorted(row[4] for row in found if row[1] == "self_overlap") == [3, 4, 90, 91]  # type: ignore[type-var]
    assert Counter(row[1] for row in found) == {
        "self_overlap": 4,
        "annotation_skipped": 1,
        "draft_not_submitted": 1,
        "superseded": 1,
    }


def test_tiny() -> None:
    """A square of 4 by 6 pixels is below 25 square pixels, one of 5 by 5 is not."""
    small = polygon("x", [(60, 60), (64, 60), (64, 66), (60, 66)])
    row = only(with_result([small, track("x", 2)]))
    assert key(row) == ("warning", "tiny", 7, 0, 1, "x")
    assert row["value"] == "24 px2"
    assert keys(with_result([small, track("x", 2)]), tiny_px2=23) == []
    assert keys(with_result([small, track("x", 2)]), tiny_px2=0) == []
    large = polygon("x", [(50, 50), (55, 50), (55, 55), (50, 55)])
    assert keys(with_result([large, track("x", 2)])) == []


def test_outside_the_image() -> None:
    """12.5 px beyond the right edge; a border that lies on the edge of the image is inside."""
    beyond = polygon("x", [(75, 75), (112.5, 75), (112.5, 100), (75, 100)])
    row = only(with_result([beyond, track("x", 2)]))
    assert key(row) == ("warning", "outside_image", 7, 0, 1, "x")
    assert (row["annotator"], row["label"], row["value"]) == ("1", "nevus", "12.5 px beyond the right edge")
    row = only(with_result([polygon("x", [(75, -3), (100, 0), (100, 50)]), track("x", 2)]))
    assert row["value"] == "3 px beyond the top edge"
    on_the_edge = polygon("x", [(75, 75), (100, 75), (100, 100), (75, 100)])
    assert keys(with_result([on_the_edge, track("x", 2)])) == []


def test_unfinished() -> None:
    never_closed = polygon("x", [(60, 60), (80, 60), (80, 80)])
    never_closed["value"]["closed"] = False
    assert keys(with_result([never_closed, track("x", 2)])) == [("warning", "unfinished", 7, 0, 1, "x")]


# duplicates


def twin(**more: Any) -> list[Entry]:
    """A box over box a1, which covers 50 by 50 pixels of page 0."""
    return [*region("z", 9, **more)]


def test_a_duplicate_names_its_twin() -> None:
    row = only(with_result(twin()))
    assert key(row) == ("warning", "duplicate", 7, 0, 1, "z")
    assert row["value"] == "IoU 1.000 with region a1"
    # 50 by 46.875 of 50 by 50.
    row = only(with_result(twin(y=(0, 46.875))))
    assert row["value"] == "IoU 0.938 with region a1"


def test_no_duplicates() -> None:
    """IoU 0.9 is not above 0.9; another label, page, or person makes two things of it."""
    exactly = polygon("z", [(0, 0), (50, 0), (50, 45), (0, 45)])
    assert keys(with_result([exactly, track("z", 9)]), duplicate_iou=45 / 50) == []
    assert keys(with_result([exactly, track("z", 9)]), duplicate_iou=0.89) == [("warning", "duplicate", 7, 0, 1, "z")]
    assert keys(with_result(twin(labels=("melanoma",)))) == []
    assert keys(with_result(twin(labels=("nevus", "melanoma")))) == []
    apart = clean()
    apart["annotations"][0]["result"] = [*region("a1", 1), *region("b1", 1, 1), *region("z", 9, 1, x=(50, 100))]
    assert keys(apart) == []


def test_labels_of_duplicates_are_sets() -> None:
    both = [*region("y", 8, x=(50, 100), labels=("a", "b")), *region("z", 9, x=(50, 100), labels=("b", "a"))]
    assert keys(with_result(both)) == [("warning", "duplicate", 7, 0, 1, "z")]


@pytest.mark.parametrize("count", [2, 3, 8, 9, 70])
def test_every_copy_but_the_first_is_listed_once(count: int) -> None:
    """Exact copies, whose number of pairs grows with the square."""
    copies = [
        one for n in range(count) for one in region(f"r{n:03}", 10 + n, x=(50, 100), y=(50, 100), labels=("copy",))
    ]
    found = rows_of(with_result(copies))
    assert [row["region_id"] for row in found] == [f"r{n:03}" for n in range(1, count)]
    assert {row["value"] for row in found} == {"IoU 1.000 with region r000"}


def near_copies(rng: np.random.Generator, count: int) -> list[Entry]:
    """Boxes of which many nearly coincide, exact copies among them, in any order of names."""
    names = [f"n{n:03}" for n in rng.permutation(count)]
    entries: list[Entry] = []
    for n, name in enumerate(names):
        x, y = rng.integers(0, 3, 2) * 32.0
        dx, dy = rng.integers(0, 3, 2) * (0.5 if rng.random() < 0.7 else 4.0)
        label = ("nevus", "mel")[rng.integers(2)]
        page = int(rng.integers(2))
        points = [(x + dx, y + dy), (x + dx + 30, y + dy), (x + dx + 30, y + dy + 30), (x + dx, y + dy + 30)]
        start = int(rng.integers(4))
        entries += [polygon(name, points[start:] + points[:start], (label,), page), track(name, 100 + n, page)]
    return entries


def duplicates_by_hand(entries: list[Entry], least: float) -> dict[str, tuple[str, float]]:
    """The first twin of each region in the order of ids, all pairs tried, areas by shapely."""
    shapes = sorted(
        (
            (
                one["id"],
                one["item_index"],
                tuple(one["value"]["polygonlabels"]),
                shapely.Polygon(one["value"]["points"]),
            )
            for one in entries
            if one["type"] == "polygonlabels"
        ),
        key=lambda shape: shape[0],
    )
    found: dict[str, tuple[str, float]] = {}
    for (name_a, *place_a, a), (name_b, *place_b, b) in itertools.combinations(shapes, 2):
        iou = a.intersection(b).area / a.union(b).area
        if place_a == place_b and iou > least and name_b not in found:
            found[name_b] = (name_a, iou)
    return found


@pytest.mark.parametrize("crowded", [(2048, 4_000_000), (4, 1), (2, 100)])
@pytest.mark.parametrize("seed", range(12))
def test_duplicates_are_those_of_all_pairs(
    seed: int, crowded: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where groups count as crowded from a few regions on."""
    for name, number in zip(("CROWDED", "PAIRS_AT_ONCE"), crowded, strict=True):
        monkeypatch.setattr(f"lesiongeo.checks.outlines.{name}", number)
    rng = np.random.default_rng(seed)
    entries = near_copies(rng, int(rng.integers(2, 60)))
    expected = duplicates_by_hand(entries, 0.9)
    rows = rows_of(task([annotation(1, 1, entries)], images=2), tiny_px2=0)
    found = {row["region_id"]: row for row in rows if row["code"] == "duplicate"}
    assert set(found) == set(expected)
    for name, (other, iou) in expected.items():
        value = found[name]["value"]
        assert value.endswith(f" with region {other}") and float(value.split()[1]) == pytest.approx(iou, abs=6e-4)


def test_thousands_on_top_of_each_other() -> None:
    """Nearly the same 3000 times, and the same 3000 times: one finding each, in bounded memory."""
    shift = [n * 1e-4 for n in range(3000)]
    near = [polygon(f"n{n:04}", [(s, 0), (50 + s, 0), (50 + s, 50), (s, 50)]) for n, s in enumerate(shift)]
    same = [polygon(f"s{n:04}", [(50, 50), (90, 50), (90, 90)]) for n in range(3000)]
    rows = rows_of(task([annotation(1, 1, [*near, *same])]))
    assert len(rows) == 5998
    assert {row["value"].split()[-1] for row in rows} == {"n0000", "s0000"}


def test_things_without_an_area_are_no_duplicates() -> None:
    points = [polygon(name, [(60, 60), (70, 70)]) for name in "xy"]
    found = keys(with_result([*points, track("x", 8), track("y", 9)]))
    assert {code for _, code, *_ in found} == {"too_few_points"}


# track ids


def test_a_missing_track_id() -> None:
    row = only(with_result(region("x", None, x=(50, 100), y=(50, 100))))
    assert key(row) == ("warning", "track_missing", 7, 0, 1, "x")
    assert row["value"] == "track_id"


def test_nobody_gives_track_ids() -> None:
    """Without such a control none is missing."""
    plain = task([annotation(1, 1, region("a", None)), annotation(2, 2, region("b", None))])
    assert keys(plain) == []


@pytest.mark.parametrize(("number", "text"), [(1.5, "1.5"), (-0.25, "-0.25"), (1e300, "1e+300")])
def test_a_track_id_that_is_no_integer(number: float, text: str) -> None:
    row = only(with_result(region("x", number, x=(50, 100), y=(50, 100))))
    assert key(row) == ("warning", "track_not_integer", 7, 0, 1, "x")
    assert row["value"] == text


@pytest.mark.parametrize("number", [2, 2.0, 0, -3, 10**15])
def test_track_ids_that_are_integers(number: float) -> None:
    assert keys(with_result(region("x", number, x=(50, 100), y=(50, 100)))) == []


def test_a_track_id_twice_on_a_page() -> None:
    row = only(with_result(region("x", 1, x=(50, 100), y=(50, 100))))
    assert key(row) == ("warning", "track_repeated", 7, 0, 1, "x")
    assert row["value"] == "track 1, also region a1"
    # On the other page it is the same lesion on another visit.
    assert keys(clean()) == []


def texts(region_id: str, text: str) -> Entry:
    found = entry(region_id, "textarea", {"text": [text]}, 0)
    return {**found, "from_name": "track_id"}


def test_track_ids_as_text() -> None:
    """Spaces and leading zeros do not make another lesion; letters are no number."""
    result = [
        *region("a", None),
        texts("a", " 3 "),
        *region("b", None, x=(50, 100)),
        texts("b", "+03"),
        *region("c", None, y=(50, 100)),
        texts("c", "L3"),
        *region("d", None, x=(50, 100), y=(50, 100)),
        texts("d", "  "),
    ]
    rows = rows_of(task([annotation(1, 1, result)]))
    assert [(row["code"], row["region_id"], row["value"]) for row in rows] == [
        ("track_missing", "d", "track_id"),
        ("track_not_integer", "c", "L3"),
        ("track_repeated", "b", "track 3, also region a"),
    ]


def test_a_track_column_can_be_named() -> None:
    result = [*region("a", None), {**entry("a", "number", {"number": 1.5}, 0), "from_name": "depth"}]
    data = json.dumps([task([annotation(1, 1, result)])]).encode()
    export = lesiongeo.read_label_studio(data, track_id="depth")
    assert lesiongeo.findings(export)["code"].to_pylist() == ["track_not_integer"]


# labels


def test_a_region_without_label() -> None:
    bare = {**polygon("x", [(50, 50), (90, 50), (90, 90)], labels=()), "from_name": "bare"}
    assert keys(with_result([bare, track("x", 2)])) == [("warning", "no_label", 7, 0, 1, "x")]


def test_nobody_gives_labels() -> None:
    drawn = [polygon("x", [(50, 50), (90, 50), (90, 90)], labels=())]
    bare = task([annotation(1, 1, drawn)], data={"images": ["visit-0.jpg"]})
    assert keys(bare) == []
    assert [row[1] for row in keys(bare, config=CONFIG)] == ["no_label"]


def test_labels_outside_the_ontology(tmp_path: Path) -> None:
    more = region("x", 2, x=(50, 100), y=(50, 100), labels=("nevus", "zoster", "Nevus"))
    row = only(with_result(more), ontology=["nevus", "melanoma"])
    assert key(row) == ("warning", "label_not_in_ontology", 7, 0, 1, "x")
    assert (row["label"], row["value"]) == ("nevus", "Nevus, zoster")
    contents = {
        "o.txt": "# what we use\nnevus\n\n  zoster \n",
        "o.json": '["nevus", "zoster"]',
        "o.csv": "label,meaning\nnevus,a\nzoster,b\n",
        "plain.csv": '"nevus"\nzoster\n',
        "o.tsv": "\ufeffname\tx\nnevus\tx\nzoster\tx\n",
    }
    for name, text in contents.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert only(with_result(more), ontology=tmp_path / name)["value"] == "Nevus", name


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("o.txt", b"", "no label"),
        ("o.txt", b"# nothing\n \n", "no label"),
        ("o.txt", b"a\xff", "not UTF-8 at byte 1"),
        ("o.json", b"{}", "no list"),
        ("o.json", b"[1]", "1 is no text"),
        ("o.json", b"[" * 100_000, "not JSON"),
        ("o.csv", b"label\n", "no label"),
    ],
)
def test_an_ontology_that_is_none(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(lesiongeo.ConfigError, match=re.escape(f"{name}: ") + ".*" + re.escape(said)) as caught:
        rows_of(clean(), ontology=tmp_path / name)
    assert caught.value.source == name


def test_labels_outside_the_config() -> None:
    """An alias is what exports hold; what it stands for is not."""
    wrong = region("x", 2, x=(50, 100), y=(50, 100), labels=("melanoma",))
    row, summary = rows_of(with_result(wrong), config=CONFIG)
    assert key(row) == ("warning", "label_not_in_config", 7, 0, 1, "x")
    assert row["value"] == "melanoma"
    # Reading says once per label how often it occurs.
    assert (summary["severity"], summary["code"]) == ("info", "label_unknown")
    right = region("x", 2, x=(50, 100), y=(50, 100), labels=("mel",))
    assert keys(with_result(right), config=CONFIG) == []
    # The configuration can be given to the reader or to the check.
    data = json.dumps([with_result(wrong)]).encode()
    plain = lesiongeo.read_label_studio(data)
    assert lesiongeo.findings(plain).num_rows == 0
    assert lesiongeo.findings(plain, config=CONFIG)["code"].to_pylist() == ["label_not_in_config"]


def test_labels_of_a_labels_tag() -> None:
    """`Labels` names what a bare polygon drew."""
    for label, expected in (("scar", []), ("nevus", []), ("other", ["label_not_in_config", "label_unknown"])):
        bare = {**polygon("x", [(50, 50), (90, 50), (90, 90)], labels=()), "from_name": "bare"}
        named = {**entry("x", "labels", {**bare["value"], "labels": [label]}, 0), "from_name": "extra"}
        found = with_result([bare, named, track("x", 2)])
        assert [row[1] for row in keys(found, config=CONFIG)] == expected, label


def test_labels_that_the_config_does_not_know_are_not_judged() -> None:
    dynamic = CONFIG.replace('<PolygonLabels name="polygon"', '<PolygonLabels name="polygon" value="$labels"')
    wrong = region("x", 2, x=(50, 100), y=(50, 100), labels=("melanoma",))
    assert "label_not_in_config" not in [row[1] for row in keys(with_result(wrong), config=dynamic)]


# pages


def answer(page: int | None, name: str = "visit") -> Entry:
    found = entry(f"q{page}", "choices", {"choices": ["fine"]}, page)
    return {**found, "from_name": name}


def test_a_page_that_nobody_annotated() -> None:
    """Three images, regions on two of them."""
    found = clean()
    found["data"]["images"].append("visit-2.jpg")
    assert keys(found) == [("warning", "page_without_annotation", 7, 2, None, None)]
    for one in found["annotations"]:
        one["result"].append(answer(2))
    # An answer to the page says that somebody looked: it is only noted that nothing lies on the image.
    assert keys(found) == [("info", "image_never_referenced", 7, 2, None, None)]


def test_a_page_that_some_did_not_annotate() -> None:
    found = clean()
    found["annotations"][1]["result"] = region("a2", 1)
    row = only(found)
    assert key(row) == ("info", "page_not_by_all", 7, 1, 2, None)
    assert row["annotator"] == "2"
    found["annotations"][1]["result"].append(answer(1))
    assert keys(found) == []


def test_pages_of_crowded_tasks_are_listed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lesiongeo.checks.pages.MOST_PAIRS", 1)
    found = clean()
    found["annotations"][1]["result"] = region("a2", 1)
    assert keys(found) == [("info", "page_not_by_all", 7, 1, None, None)]


def test_a_page_beyond_the_images() -> None:
    found = with_result([*region("x", 1, 2), *region("y", 2, 2, x=(50, 100))])
    rows = rows_of(found)
    assert key(rows[0]) == ("error", "page_beyond_images", 7, 2, 1, None)
    assert rows[0]["value"] == "2 entries, 2 images"
    # Nobody else has it, of course.
    assert [key(row) for row in rows[1:]] == [("info", "page_not_by_all", 7, 2, 2, None)]
    third = copy.deepcopy(found)
    third["data"]["images"].append("visit-2.jpg")
    assert [row[1] for row in keys(third)] == ["page_not_by_all"]


def test_pages_cannot_be_judged_without_images() -> None:
    found = task([annotation(1, 1, region("a", 1, 3))], data={"text": "no picture"})
    assert keys(found) == [("info", "task_without_image", 7, None, None, None)]


def test_image_sizes_that_differ_within_a_page() -> None:
    wide = [polygon("x", [(60, 60), (80, 60), (80, 80)], size=(200, 100)), track("x", 2)]
    row = only(with_result(wide))
    assert key(row) == ("error", "image_size_differs", 7, 0, None, None)
    assert row["value"] == "100 x 100, 200 x 100"
    # Pages may differ in size.
    other = clean()
    for one in other["annotations"]:
        for part in one["result"]:
            if part["item_index"] == 1:
                part["original_width"] = 200
    assert keys(other) == []


def test_a_region_on_the_last_page_there_can_be() -> None:
    """The work grows with images and regions, not with the numbers of pages."""
    tasks = [task([annotation(n, 1, region("a", 1, 99_999))], task_id=n) for n in range(1, 30)]
    assert Counter(row[1] for row in keys(*tasks)) == {"page_beyond_images": 29, "page_without_annotation": 29}


# tasks and annotations


def test_a_task_without_annotation() -> None:
    row = only(task([], images=2))
    assert key(row) == ("warning", "task_without_annotation", 7, None, None, None)
    assert row["value"] is None
    drafts = [{"id": number, "user": 1, "result": []} for number in (6, 7)]
    found = rows_of(task([], predictions=[{"id": 5, "result": []}], drafts=drafts))
    assert [(row["code"], row["value"]) for row in found] == [
        ("task_without_annotation", "2 drafts, 1 prediction"),
        ("draft_not_submitted", None),
        ("draft_not_submitted", None),
    ]


def test_a_task_that_everybody_skipped() -> None:
    skipped = task([annotation(n, n, [], was_cancelled=True) for n in (1, 2)])
    found = rows_of(skipped)
    assert [key(row) for row in found] == [
        ("warning", "task_skipped", 7, None, None, None),
        ("info", "annotation_skipped", 7, None, 1, None),
        ("info", "annotation_skipped", 7, None, 2, None),
    ]
    assert found[0]["value"] == "2 skipped"
    skipped["annotations"].append(annotation(3, 3, region("a", 1)))
    assert [row[1] for row in keys(skipped)] == ["annotation_skipped"] * 2


def test_empty_is_not_unlabeled() -> None:
    """An annotation without regions: somebody looked and found nothing; the task is annotated."""
    found = task([person(1), annotation(2, 2, [])], images=2)
    assert keys(found) == [("info", "empty_annotation", 7, None, 2, None)]
    found["annotations"][1]["result"] = [answer(None)]
    assert keys(found) == [("info", "empty_annotation", 7, None, 2, None)]


def test_an_older_annotation() -> None:
    found = clean()
    found["annotations"].append(annotation(3, 1, region("x", None), updated_at="2020-01-05T09:00:00Z"))
    row = only(found)
    assert key(row) == ("info", "superseded", 7, None, 3, None)
    assert row["value"] == "1 region"


# what reading reports


def test_lost_data_is_an_error_wherever_it_was() -> None:
    lost = entry("x", "polygonlabels", {"polygonlabels": ["nevus"]}, 0)
    found = with_result([lost], predictions=[{"id": 90, "result": [lost]}])
    assert keys(found) == [("error", "no_points", 7, 0, 1, "x"), ("error", "no_points", 7, 0, 90, "x")]


def test_every_problem_is_a_finding() -> None:
    """Regions in = regions out + problems, and problems = findings of reading."""
    for seed in range(3):
        tasks = make_export(patients=15, invalid_rate=0.2, seed=seed)
        export = lesiongeo.read_label_studio(json.dumps(tasks).encode())
        found = Counter(lesiongeo.findings(export)["code"].to_pylist())
        problems = Counter(export.problems["code"].to_pylist())
        assert problems
        assert {code: found[code] for code in problems} == problems


def test_dropped_entries_of_a_prediction_keep_their_person() -> None:
    found = with_result([{**entry("x", "textarea", {"text": [{"no": "text"}]}, 0)}])
    for row in rows_of(found):
        assert row["annotator"] == "1"


# options and order


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"duplicate_iou": 1.5}, "duplicate_iou is 1.5"),
        ({"duplicate_iou": float("nan")}, "duplicate_iou is nan"),
        ({"duplicate_iou": "0.9"}, "duplicate_iou is '0.9'"),
        ({"tiny_px2": -1}, "tiny_px2 is -1"),
        ({"tiny_px2": float("inf")}, "tiny_px2 is inf"),
        ({"tiny_px2": True}, "tiny_px2 is True"),
    ],
)
def test_wrong_options(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        rows_of(clean(), **options)


def messy(seed: int) -> list[Entry]:
    """A generated export with invalid outlines, and copies and repeated tracks added to it."""
    rng = random.Random(seed)
    tasks = copy.deepcopy(make_export(patients=8, invalid_rate=0.2, skip_rate=0.1, seed=seed))
    for one in tasks:
        for made in one["annotations"]:
            entries = made["result"]
            for name in sorted({part["id"] for part in entries if part["type"] == "polygonlabels"})[:2]:
                again = copy.deepcopy([part for part in entries if part.get("id") == name])
                for part in again:
                    part["id"] = f"{rng.random():.6f}"[2:] + name if part is again[0] else again[0]["id"]
                entries += again
            if entries and rng.random() < 0.5:
                entries.append(answer(7))
    return tasks


def shuffled(tasks: list[Entry], seed: int) -> list[Entry]:
    """The same content: tasks, annotations, and entries in another order, keys too."""
    rng = random.Random(seed)
    tasks = copy.deepcopy(tasks)
    rng.shuffle(tasks)
    for one in tasks:
        rng.shuffle(one["annotations"])
        for made in one["annotations"]:
            groups: dict[str, list[Entry]] = {}
            for number, part in enumerate(made["result"]):
                groups.setdefault(part.get("id", f"no id {number}"), []).append(part)
            blocks = list(groups.values())
            rng.shuffle(blocks)
            made["result"] = [part for block in blocks for part in block]
    return tasks


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_the_file_does_not_matter(seed: int) -> None:
    tasks = messy(seed)
    expected = rows_of(*tasks, ontology=["nevus", "melanoma"])
    codes = {row["code"] for row in expected}
    assert {"duplicate", "track_repeated", "label_not_in_ontology", "self_overlap", "page_beyond_images"} <= codes
    for again in range(2):
        assert rows_of(*shuffled(tasks, again), ontology=["nevus", "melanoma"]) == expected


def test_the_number_of_threads_does_not_matter() -> None:
    export = lesiongeo.read_label_studio(json.dumps(messy(9)).encode())
    first = lesiongeo.findings(export, threads=1)
    assert first.equals(lesiongeo.findings(export, threads=3))


def test_sorted_by_severity_code_and_place() -> None:
    rows = rows_of(*messy(2), tiny_px2=500)
    order = [(SEVERITIES.index(row["severity"]), row["code"], row["task_id"]) for row in rows]
    assert order == sorted(order)
