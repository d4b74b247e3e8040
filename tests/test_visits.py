"""Pages as visits: who, which day, in which order, what can be seen; against cases worked out by hand."""

from __future__ import annotations

import json
import random
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lesiongeo as lg
from lesiongeo.agreement.counted import Counted
from lesiongeo.read import Export
from lesiongeo.testing import Event, make_courses
from lesiongeo.tracks.pages.imaged import plain_word, usable_pages
from lesiongeo.tracks.pages.order import number_visits
from lesiongeo.tracks.pages.visits import Visits, visits_of
from little_exports import annotation, answer, disk, task

Row = dict[str, Any]
#: Files that make findings about pages.
WITH_CODES = ("calibration", "markers", "order", "page_fields", "visits")


def read(*tasks: Row, images: str | None = "images", **options: Any) -> Export:
    return lg.read_label_studio(json.dumps(list(tasks)).encode(), images=images, **options)


def visits(export: Export, **options: Any) -> Visits:
    return visits_of(export, Counted(export), **options)


def shown(table: Any, *names: str) -> list[tuple[Any, ...]]:
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


def codes(found: Visits) -> list[str]:
    return sorted(found.findings["code"].to_pylist())


def drawn(pages: int = 1) -> Row:
    """An annotation with a lesion on each of these pages."""
    return annotation(1, 1, *(disk(f"r{page}", 100, 100, 30, page=page) for page in range(pages)))


# --- order


def test_dates_order_the_pages_of_a_task_and_equal_days_are_one_visit() -> None:
    export = read(task(1, drawn(3), images=3, who="A", when=["2025-03-01", "2025-01-10", "2025-03-01"]))
    found = visits(export, patient="who", visit="when")
    assert found.visit.tolist() == [1, 0, 1]
    assert found.day.tolist() == [50.0, 0.0, 50.0]
    assert found.visit_date.to_pylist() == [date(2025, 3, 1), date(2025, 1, 10), date(2025, 3, 1)]
    assert shown(found.table, "visit", "page", "day_offset") == [(0, 1, 0.0), (1, 0, 50.0), (1, 2, 50.0)]
    # The reader says itself that dates go back; two pages of one visit are ours to say.
    assert codes(found) == ["several_pages", "visit_order"]
    (row,) = [row for row in found.findings.to_pylist() if row["code"] == "several_pages"]
    assert (row["patient"], row["visit"], row["task_id"], row["page"]) == ("A", 1, 1, 2)


def test_tasks_of_one_patient_are_put_together_by_day() -> None:
    tasks = [
        task(5, drawn(), images=1, who="B", day=[30]),
        task(7, drawn(), images=1, who="B", day=[0]),
        task(2, drawn(2), images=2, who="A", day=[-10, 20.5]),
    ]
    found = visits(read(*tasks), patient="who", visit="day")
    assert shown(found.table, "patient", "visit", "task_id", "page", "day_offset") == [
        ("A", 0, 2, 0, 0.0),
        ("A", 1, 2, 1, 30.5),
        ("B", 0, 7, 0, 0.0),
        ("B", 1, 5, 0, 30.0),
    ]
    assert found.series_table.to_pylist() == [
        {"patient": "A", "site": None, "task_id": None},
        {"patient": "B", "site": None, "task_id": None},
    ]
    assert codes(found) == []


def test_without_any_day_tasks_and_pages_are_the_order_and_that_is_said() -> None:
    tasks = [task(9, drawn(2), images=2, who="A"), task(4, drawn(), images=1, who="A"), task(5, images=2, who="B")]
    found = visits(read(*tasks), patient="who")
    assert shown(found.table, "patient", "visit", "task_id", "page", "day_offset") == [
        ("A", 0, 4, 0, None),
        ("A", 1, 9, 0, None),
        ("A", 2, 9, 1, None),
        ("B", 0, 5, 0, None),
        ("B", 1, 5, 1, None),
    ]
    assert shown(found.findings, "code", "patient", "task_id", "severity") == [("order_of_tasks", "A", 4, "warning")]


def test_sites_share_the_visits_of_their_patient_where_days_are_known() -> None:
    tasks = [
        task(1, images=2, who="A", where="back", day=[0, 60]),
        task(2, images=2, who="A", where="arm", day=[30, 60]),
        task(3, images=1, who="A", day=[30]),
    ]
    found = visits(read(*tasks), patient="who", site="where", visit="day")
    assert shown(found.table, "site", "visit", "task_id", "page") == [
        (None, 1, 3, 0),
        ("arm", 1, 2, 0),
        ("arm", 2, 2, 1),
        ("back", 0, 1, 0),
        ("back", 2, 1, 1),
    ]
    assert found.series.tolist() == [2, 2, 1, 1, 0]
    assert len(set(found.patient.tolist())) == 1
    # That task 3 names no site is a note of the reader of fields.
    assert codes(found) == ["field_missing"]


def test_sites_have_visits_of_their_own_where_only_the_order_is_known() -> None:
    tasks = [task(1, images=2, who="A", where="back"), task(2, images=2, who="A", where="arm")]
    found = visits(read(*tasks), patient="who", site="where")
    assert shown(found.table, "site", "visit") == [("arm", 0), ("arm", 1), ("back", 0), ("back", 1)]


def test_a_page_without_day_stays_beside_its_neighbour() -> None:
    days = [None, 10, None, 40, None]
    tasks = [task(1, images=5, who="A", day=days), task(2, images=2, who="A", day=[20, 40])]
    found = visits(read(*tasks), patient="who", visit="day")
    assert shown(found.table, "visit", "task_id", "page", "day_offset") == [
        (0, 1, 0, None),
        (1, 1, 1, 0.0),
        (2, 1, 2, None),
        (3, 2, 0, 10.0),
        (4, 1, 3, 30.0),
        (4, 2, 1, 30.0),
        (5, 1, 4, None),
    ]
    assert codes(found).count("day_missing") == 3
    assert codes(found).count("several_pages") == 1


def test_a_task_without_patient_is_a_patient() -> None:
    tasks = [task(3, images=1), task(2, images=2), task(1, images=1, who="Z")]
    found = visits(read(*tasks), patient="who")
    assert shown(found.table, "patient", "task_id", "visit") == [("Z", 1, 0), (None, 2, 0), (None, 2, 1), (None, 3, 0)]
    assert found.series_table.to_pylist() == [
        {"patient": "Z", "site": None, "task_id": None},
        {"patient": None, "site": None, "task_id": 2},
        {"patient": None, "site": None, "task_id": 3},
    ]
    assert codes(found) == ["field_missing", "field_missing", "patient_missing", "patient_missing"]
    # Where nobody is named, nothing is missing.
    assert codes(visits(read(*tasks))) == []


def test_dates_and_day_numbers_that_contradict_are_named() -> None:
    when = ["2025-01-01", "2025-02-01", "2025-03-01"]
    tasks = [
        task(1, images=3, who="A", when=when, day=[0, 31, 80]),
        task(2, images=3, who="B", when=when, day=[0, 31, 59]),
        task(3, images=3, who="C", when=when, day=[100, 131.4, 159]),
    ]
    export = read(*tasks, patient="who", visit_date="when", day_offset="day")
    found = visits(export)
    assert shown(found.findings, "code", "patient", "page", "value") == [
        ("days_contradict", "A", 2, "2025-03-01 is day 80")
    ]
    assert found.day[:3].tolist() == [0.0, 31.0, 59.0]


def test_day_numbers_count_where_more_of_them_are_known() -> None:
    export = read(
        task(1, images=3, when=["2025-01-01", None, None], day=[0, 40, 90]), visit_date="when", day_offset="day"
    )
    assert visits(export).day.tolist() == [0.0, 40.0, 90.0]


def slow_order(pages: list[tuple[str, float, int, int]]) -> dict[tuple[int, int], int]:
    """Number the visits of patients all of whose days are known, one by one."""
    found: dict[tuple[int, int], int] = {}
    for who in {page[0] for page in pages}:
        days = sorted({page[1] for page in pages if page[0] == who})
        found |= {(t, p): days.index(day) for name, day, t, p in pages if name == who}
    return found


def test_numbers_equal_a_slow_calculation() -> None:
    rng = random.Random(3)
    places = [(t, p) for t in range(60) for p in range(rng.randrange(1, 5))]
    rng.shuffle(places)
    who = {t: f"P{rng.randrange(20)}" for t, _ in places}
    pages = [(who[t], float(rng.randrange(6)), t, p) for t, p in places]
    names = sorted({page[0] for page in pages})
    people = np.array([names.index(page[0]) for page in pages])
    day, own_task, own_page = (np.array([page[i] for page in pages]) for i in (1, 2, 3))
    visit = number_visits(people, people, day, own_task, own_page)
    expected = slow_order(pages)
    assert visit.tolist() == [expected[t, p] for _, _, t, p in pages]


def test_the_order_of_the_file_does_not_matter() -> None:
    events = [Event("unimaged", patient=2, visit=1), Event("unusable", patient=3, visit=2)]
    made = make_courses(patients=6, visits=4, dates="dates", visit_tasks=True, marker_mm=10.0, events=events, seed=4)
    options = {"patient": "patient_id", "visit": "visit_dates", "spacing_mm": "spacing_mm"}
    calibration = lg.Calibration(marker="ruler", marker_mm=10.0)
    tables = []
    for turn in (0, 5, 11):
        tasks = made.tasks[turn:] + made.tasks[:turn]
        found = visits(read(*tasks), **options, calibration=calibration)
        tables.append((found.table, found.findings, found.series_table))
    assert tables[0][0].num_rows == 24
    for other in tables[1:]:
        assert all(mine.equals(theirs) for mine, theirs in zip(tables[0], other, strict=True))


# --- generated courses


@pytest.mark.parametrize("visit_tasks", [False, True])
@pytest.mark.parametrize("dates", ["dates", "offsets"])
def test_generated_visits_are_found(visit_tasks: bool, dates: str) -> None:
    events = [Event("unimaged", patient=2, visit=1), Event("unusable", patient=1, visit=2)]
    made = make_courses(
        patients=4, visits=3, sites=("arm", "back"), dates=dates, visit_tasks=visit_tasks, events=events, seed=2
    )
    field = {"dates": "visit_dates", "offsets": "visit_offsets_days"}[dates]
    export = read(*made.tasks)
    found = visits(export, patient="patient_id", site="site", visit=field, spacing_mm="spacing_mm")
    truth = {(visit.task_id, visit.page): visit for visit in made.visits}
    assert found.table.num_rows == len(truth) == 24
    for row in found.table.to_pylist():
        visit = truth[row["task_id"], row["page"]]
        assert (row["patient"], row["site"], row["imaged"]) == (visit.patient, visit.site, visit.imaged)
        assert row["visit"] <= 2 * visit.visit + 1
        assert row["spacing_x_mm"] == visit.spacing_mm
        if dates == "offsets":
            assert row["day_offset"] == visit.day
        assert row["reason"] == (
            None if visit.imaged else "no_image" if visit.patient == "P0002" else "called_unusable"
        )


# --- what can be seen


def test_more_than_half_of_those_who_answered_call_a_page_unusable() -> None:
    def said(number: int, *words: str | None) -> Row:
        return annotation(
            number, number, *(answer("quality", word, page) for page, word in enumerate(words) if word is not None)
        )

    people = [
        said(1, "Image unusable", "fine", "image-unusable", None),
        said(2, "image_unusable", "image_unusable", None, None),
        said(3, "fine", None, None, None),
    ]
    found = visits(read(task(1, *people, images=4)))
    # Two of three; one of two; one of one; nobody.
    assert found.imaged.tolist() == [False, True, False, True]
    assert found.table["reason"].to_pylist() == ["called_unusable", None, "called_unusable", None]
    assert found.n_annotators.tolist() == [3, 3, 3, 3]


def test_superseded_and_cancelled_answers_do_not_count() -> None:
    old = annotation(1, 1, answer("quality", "unusable", 0), created="2026-01-05T08:00:00Z")
    new = annotation(2, 1, answer("quality", "fine", 0), created="2026-02-05T08:00:00Z")
    gone = annotation(3, 2, answer("quality", "unusable", 0), cancelled=True)
    export = read(task(1, old, new, gone, images=1))
    assert visits(export).imaged.tolist() == [True]
    assert not visits(read(task(1, old, images=1))).imaged.any()


def test_the_words_are_a_matter_of_the_project() -> None:
    export = read(task(1, annotation(1, 1, answer("quality", "blurred", 0)), images=1))
    assert visits(export).imaged.tolist() == [True]
    assert visits(export, not_imaged=["Blurred"]).imaged.tolist() == [False]
    assert plain_word("  No--Image ") == "no_image"


def test_an_answer_about_a_task_counts_for_its_only_page() -> None:
    single = task(1, annotation(1, 1, answer("quality", "unusable")), images=1)
    several = task(2, annotation(2, 1, answer("quality", "unusable")), images=2)
    assert visits(read(single, several)).imaged.tolist() == [False, True, True]


def test_a_page_without_image_was_not_imaged_unless_something_is_drawn_on_it() -> None:
    one = task(1, drawn(), images=1)
    one["data"]["images"] = [None, "b.jpg", None]
    two = task(2, drawn(), images=1)
    two["data"]["images"] = [None]
    three = task(3, annotation(2, 1), images=1)
    three["data"]["images"] = None
    found = visits(read(one, two, three))
    assert found.imaged.tolist() == [True, True, False, True, False]
    assert found.table["reason"].to_pylist() == [None, None, "no_image", None, "no_image"]
    # Without any address nothing is known about images.
    two["data"]["images"] = None
    assert visits(read(two, three)).imaged.tolist() == [True, True]


def test_a_page_called_unusable_with_lesions_on_it_is_named() -> None:
    people = [annotation(k, k, answer("quality", "unusable", 0)) for k in (1, 2)]
    found = visits(read(task(1, *people, annotation(3, 3, disk("a", 100, 100, 30)), images=1)))
    assert not found.imaged[0]
    assert codes(found) == ["unusable_but_drawn"]


def test_a_page_that_nobody_annotated_is_named() -> None:
    found = visits(read(task(1, drawn(), images=1), task(2, images=1)))
    assert found.table["reason"].to_pylist() == [None, "not_annotated"]
    assert found.annotated.tolist() == [True, False]
    assert found.imaged.tolist() == [True, True]


def test_an_empty_export_has_no_visits() -> None:
    export = read()
    found = visits(export)
    assert found.table.num_rows == found.findings.num_rows == found.series_table.num_rows == 0
    assert [len(part) for part in usable_pages(export, Counted(export))] == [0, 0, 0]


# --- fields


def test_a_field_that_nobody_has_is_named_with_those_there_are() -> None:
    export = read(task(1, drawn(), images=1, who="A", when=["soon"]))
    with pytest.raises(ValueError, match=r"patient is 'name', which no task has; the data has 'images', 'when', 'who'"):
        visits(export, patient="name")
    with pytest.raises(ValueError, match=r"visit is 'when': no page has such a value; task 1: .*'soon'"):
        visits(export, visit="when")
    with pytest.raises(ValueError, match="site is"):
        visits(export, site="where")
    with pytest.raises(ValueError, match="path of a data field"):
        visits(export, site="..")


def test_a_field_is_read_as_the_export_would_be() -> None:
    when = ["2025-01-10", "2025-01-12", "2025-01-11"]
    tasks = [task(k, images=1, who=f"P{k}", when=[when[k]], scale=0.05 * k or None) for k in range(3)]
    told = read(*tasks, patient="who", visit_date="when", spacing_mm="scale")
    asked = visits(read(*tasks), patient="who", visit="when", spacing_mm="scale")
    assert asked.table.equals(visits(told).table)
    assert asked.table["spacing_x_mm"].to_pylist() == [None, 0.05, 0.1]
    assert asked.table["spacing_source"].to_pylist() == ["none", "field", "field"]


def test_wrong_values_are_findings_and_take_nothing_else_down() -> None:
    tasks = [
        task(1, images=2, who="A", when=["2025-01-10", "not yet"]),
        task(2, images=2, who="B", when=["2025-01-10"]),
        task(3, images=2, who={"a": 1}, when=["2025-01-10", "2025-01-12"]),
    ]
    found = visits(read(*tasks), patient="who", visit="when")
    assert codes(found) == ["day_missing", "field_length_differs", "not_a_date", "not_a_text", "patient_missing"]
    assert found.table.num_rows == 6


def test_the_same_task_in_two_files_with_different_fields_is_named(tmp_path: Any) -> None:
    for name, who in (("a", "A"), ("b", "B")):
        (tmp_path / f"{name}.json").write_text(json.dumps([task(1, images=1, who=who), task(2, images=1, who="C")]))
    export = lg.read_label_studio(str(tmp_path / "*.json"), images="images")
    found = visits(export, patient="who")
    assert shown(found.table, "patient", "task_id") == [("C", 2), (None, 1)]
    assert "field_differs" in codes(found)


def test_visits_without_a_known_image_are_not_lost_in_silence() -> None:
    one = task(1, drawn(1), images=1, who="A", when=["2025-01-10", "2025-02-10"])
    one["data"]["images"] = None
    found = visits(read(one, images=None), patient="who", visit="when")
    assert found.table.num_rows == 1
    assert shown(found.findings, "code", "task_id", "value") == [("page_not_read", 1, "when")]


def test_the_real_export_has_six_visits(real: Export) -> None:
    found = visits(real, patient="patient_id", visit="visit_dates")
    start = date(2025, 1, 10)
    days = [(date(2025, 7, 12) - start).days, (date(2026, 1, 15) - start).days]
    assert shown(found.table, "patient", "visit", "day_offset", "visit_date") == [
        (patient, visit, float(day), start + timedelta(days=day))
        for patient in ("P001", "P002")
        for visit, day in enumerate([0, *days])
    ]
    assert found.imaged.all() and found.annotated.all() and not found.findings.num_rows
    assert not found.table["calibrated"].to_pylist()[0]


def test_the_page_on_visits_and_scale_names_every_code() -> None:
    root = Path(__file__).resolve().parents[1]
    text = (root / "docs" / "scale.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(\w+)`", text))
    sources = [root / "python" / "lesiongeo" / "tracks" / "pages" / f"{name}.py" for name in WITH_CODES]
    code = r"""(?:"(?:info|warning|error)", |code=|fault\(|MarkerFault\()"([a-z_]+)\""""
    found = {name for source in sources for name in re.findall(code, source.read_text(encoding="utf-8"))}
    found -= {"info", "warning", "error"}
    assert len(found) >= 14
    assert found <= named


@pytest.fixture(name="real")
def _real() -> Export:
    path = Path(__file__).resolve().parents[2] / "shared" / "data" / "label_studio" / "ls_real_export.json"
    if not path.exists():
        pytest.skip("needs the shared real export")
    return lg.read_label_studio(str(path))


def test_days_alone_leave_no_date_in_a_finding() -> None:
    """Findings about dates name dates, but not where only days may leave."""
    data = {
        "patient_id": "P1",
        "images": ["a.png", "b.png", "c.png"],
        "dates": ["2025-03-01", "31.12.2025", "2026-01-05"],
    }
    tasks = [{"id": 1, "data": data, "annotations": [], "predictions": []}]
    export = lg.read_label_studio(json.dumps(tasks).encode())
    kept = lg.tracks(export, patient="patient_id", visit="dates").findings
    assert any("31.12.2025" in text for text in kept["message"].to_pylist())
    found = lg.tracks(export, patient="patient_id", visit="dates", dates="offset")
    texts = json.dumps([table.to_pylist() for table in (found.table, found.findings, found.visits)], default=str)
    assert "2025" not in texts and "2026" not in texts
    assert set(found.findings["code"].to_pylist()) == set(kept["code"].to_pylist())
