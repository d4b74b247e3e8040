"""Which lesions are one track: cases worked out by hand, exports with known mistakes, real ones, and odd ones."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest

import lesiongeo as lg
from lesiongeo.agreement.counted import Counted
from lesiongeo.read import Export
from lesiongeo.testing import Event, make_courses
from lesiongeo.tracks.findings import TRACK_FINDING_SCHEMA
from lesiongeo.tracks.identity.identity import Identity, identify
from lesiongeo.tracks.identity.proposals import PROPOSAL_SCHEMA
from lesiongeo.tracks.observations import Observations, observe
from lesiongeo.tracks.pages.visits import visits_of
from little_exports import annotation, sliver, task
from little_exports import disk as plain_disk
from real_exports import real_export

Row = dict[str, Any]
KEYS = ("task_id", "annotator", "track_id")

SHARED = Path(__file__).resolve().parents[2] / "shared"
REAL = SHARED / "data" / "label_studio" / "ls_real_export.json"

#: Places of three lesions, far apart, in images of 1000 x 800 px.
PLACES = {1: (200.0, 200.0), 2: (700.0, 250.0), 3: (450.0, 600.0)}


class Found(NamedTuple):
    """What was identified, and in which export."""

    export: Export
    seen: Observations
    identity: Identity

    def tracks(self) -> dict[tuple[str, int, str], str | None]:
        """Name of the track of each region: by annotator, page and region id."""
        regions = self.export.regions.table
        names = [*self.identity.tracks["track_id"].to_pylist(), None]
        found = {}
        for row, own in zip(self.seen.members.tolist(), self.identity.track[self.seen.of_member].tolist(), strict=True):
            key = tuple(regions[name][row].as_py() for name in ("annotator", "page", "region_id"))
            found[key] = names[own]
        return found  # type: ignore[return-value]

    def tracks_by_region(self) -> dict[tuple[int, str, str], str | None]:
        """The same by task, region id and annotator."""
        regions = self.export.regions.table
        columns = [regions[name].to_pylist() for name in ("task_id", "region_id", "annotator")]
        names = [*self.identity.tracks["track_id"].to_pylist(), None]
        own = self.identity.track[self.seen.of_member].tolist()
        return {
            tuple(column[row] for column in columns): names[track]  # type: ignore[misc]
            for row, track in zip(self.seen.members.tolist(), own, strict=True)
        }

    def findings(self, *codes: str) -> list[Row]:
        """Findings of these codes; without any of all but what is only said of lesions that some did not draw."""
        rows: list[Row] = self.identity.findings.to_pylist()
        return [row for row in rows if (row["code"] in codes if codes else row["code"] != "missed_by")]

    def codes(self) -> dict[str, int]:
        return dict(Counter(row["code"] for row in self.findings()))

    def proposed(self) -> list[tuple[Any, ...]]:
        rows = self.identity.proposals.to_pylist()
        names = ("annotator", "page", "typed_id", "proposed_id", "reason")
        return sorted((tuple(row[name] for name in names) for row in rows), key=str)


def disk(*where: Any, **more: Any) -> list[Row]:
    """A disk of `little_exports` whose number is its track id."""
    entries = plain_disk(*where, **more)
    return [{**entry, "from_name": "track_id"} if entry["type"] == "number" else entry for entry in entries]


def identified(export: Export, *, by: str = "lesion", patient: str | None = "who", **fields: Any) -> Found:
    counted = Counted(export)
    visits = visits_of(export, counted, patient=patient, **fields)
    seen = observe(export, counted, visits=visits, by=by)  # type: ignore[arg-type]
    found = identify(export, counted, seen, visits)
    check(found)
    return Found(export, seen, found)


def check(found: Identity) -> None:
    """What holds for every result."""
    assert found.findings.schema == TRACK_FINDING_SCHEMA
    assert found.proposals.schema == PROPOSAL_SCHEMA
    assert all(row["message"] and row["severity"] in ("warning", "info") for row in found.findings.to_pylist())
    used = np.unique(found.track[found.track >= 0])
    assert used.tolist() == list(range(found.tracks.num_rows)), "every track has a lesion"
    keys = list(zip(*(found.tracks[name].to_pylist() for name in ("series", "annotator", "track_id")), strict=True))
    assert len(set(keys)) == len(keys), "names are unique"
    assert None not in found.tracks["track_id"].to_pylist()


def read(*tasks: Row, **options: Any) -> Export:
    return lg.read_label_studio(json.dumps(list(tasks)).encode(), images="images", **options)


def find(*tasks: Row, **options: Any) -> Found:
    return identified(read(*tasks), **options)


def person(who: int, *ids: dict[int, float | None], shift: float = 0.0) -> Row:
    """Somebody who draws, page by page, lesions of `PLACES` (or those tens beside them) with these ids."""
    entries = []
    for page, given in enumerate(ids):
        for lesion, number in given.items():
            x, y = PLACES[lesion % 10]
            x += 3.0 * (lesion // 10) + shift
            entries.append(disk(f"{who}.{page}.{lesion}", x, y, 40, page=page, number=number))
    return annotation(10 * who, who, *entries)


def patient(*people: Row, images: int, **data: object) -> Row:
    return task(1, *people, images=images, **{"who": "A", **data})


RIGHT = {1: 1.0, 2: 2.0, 3: 3.0}


# --- by what was typed


def test_everything_right_is_no_finding() -> None:
    found = find(patient(person(1, RIGHT, RIGHT), person(2, RIGHT, RIGHT, shift=2.0), images=2))
    assert found.codes() == {}
    assert found.identity.findings.num_rows == 0
    assert found.identity.proposals.num_rows == 0
    assert found.tracks()["2", 1, "2.1.3"] == "3"
    assert found.identity.tracks.drop_columns(["annotator", "site"]).to_pylist() == [
        {"series": 0, "patient": "A", "track_id": name, "id_source": "typed"} for name in "123"
    ]
    assert not found.identity.proposed.any()
    assert np.isnan(found.identity.cost).all()


def test_one_wrong_id_is_outvoted_and_named() -> None:
    wrong = {1: 1.0, 2: 7.0, 3: 3.0}
    found = find(patient(person(1, RIGHT, RIGHT), person(2, RIGHT, wrong), person(3, RIGHT, RIGHT), images=2))
    assert found.tracks()["2", 1, "2.1.2"] == "2"
    (row,) = found.findings()
    assert (row["code"], row["annotator"], row["page"], row["visit"], row["track_id"], row["value"]) == (
        "id_differs",
        "2",
        1,
        1,
        "2",
        "7",
    )
    assert (row["patient"], row["task_id"], row["annotation_id"], row["region_id"]) == ("A", 1, 20, "2.1.2")
    assert found.proposed() == [("2", 1, "7", "2", "differs")]
    assert found.identity.tracks["track_id"].to_pylist() == ["1", "2", "3"]


@pytest.mark.parametrize("page", [0, 1, 2])
def test_of_two_people_the_other_visits_say_who_is_wrong(page: int) -> None:
    ids = [RIGHT, RIGHT, RIGHT]
    ids[page] = {1: 1.0, 2: 7.0, 3: 3.0}
    for wrong in (1, 2):
        people = [person(who, *(ids if who == wrong else [RIGHT] * 3)) for who in (1, 2)]
        found = find(patient(*people, images=3))
        assert [(row["code"], row["annotator"], row["page"], row["value"]) for row in found.findings()] == [
            ("id_differs", str(wrong), page, "7")
        ]
        assert set(found.identity.tracks["track_id"].to_pylist()) == {"1", "2", "3"}


@pytest.mark.parametrize("page", [0, 1, 2])
def test_two_ids_exchanged_by_one_of_two_people(page: int) -> None:
    """As many say 1 as 2 of both lesions: their places on the other visits decide."""
    ids = [RIGHT, RIGHT, RIGHT]
    ids[page] = {1: 2.0, 2: 1.0, 3: 3.0}
    for wrong in (1, 2):
        people = [person(who, *(ids if who == wrong else [RIGHT] * 3)) for who in (1, 2)]
        found = find(patient(*people, images=3))
        assert {key: name for key, name in found.tracks().items() if key[2][-1] != name} == {}
        assert found.proposed() == [(str(wrong), page, "1", "2", "differs"), (str(wrong), page, "2", "1", "differs")]


@pytest.mark.parametrize("page", [0, 1, 2, 3])
@pytest.mark.parametrize("by", ["lesion", "annotator"])
def test_two_ids_exchanged_by_the_only_person(page: int, by: str) -> None:
    """The tracks stay as they were typed; the visit on which they are exchanged is named once."""
    ids = [RIGHT] * 4
    ids[page] = {1: 2.0, 2: 1.0, 3: 3.0}
    found = find(patient(person(1, *ids), images=4), by=by)
    rows = found.findings()
    assert [(row["code"], row["page"], row["track_id"], row["value"]) for row in rows] == [
        ("id_swap", page, "1", "2"),
        ("id_swap", page, "2", "1"),
    ]
    assert found.proposed() == [("1", page, "1", "2", "swap"), ("1", page, "2", "1", "swap")]


def test_ids_exchanged_for_good_are_listed_on_the_shorter_side() -> None:
    swapped = {1: 2.0, 2: 1.0, 3: 3.0}
    found = find(patient(person(1, RIGHT, RIGHT, RIGHT, swapped, swapped), images=5))
    assert sorted({row["page"] for row in found.findings("id_swap")}) == [3, 4]
    found = find(patient(person(1, RIGHT, swapped, swapped, swapped, swapped), images=5))
    assert sorted({row["page"] for row in found.findings("id_swap")}) == [0]


def test_an_id_that_changes_for_good() -> None:
    later = {1: 1.0, 2: 8.0, 3: 3.0}
    found = find(patient(person(1, RIGHT, RIGHT, later, later), images=4))
    (row,) = found.findings()
    assert (row["code"], row["page"], row["track_id"], row["value"]) == ("id_changed", 2, "8", "2")
    assert found.proposed() == [("1", page, "8", "2", "changed") for page in (2, 3)]
    found = find(patient(person(1, RIGHT, later, later, later), images=4))
    (row,) = found.findings()
    assert (row["code"], row["page"], row["track_id"], row["value"]) == ("id_changed", 0, "2", "8")
    assert found.proposed() == [("1", 0, "2", "8", "changed")]


def test_an_id_that_changes_once_leaves_a_gap() -> None:
    once = {1: 1.0, 2: 8.0, 3: 3.0}
    found = find(patient(person(1, RIGHT, once, RIGHT), images=3))
    assert found.codes() == {"id_changed": 1, "id_gap": 1}
    (gap,) = found.findings("id_gap")
    assert (gap["track_id"], gap["visit"], gap["page"], gap["value"]) == (
        "2",
        1,
        1,
        "absent on 1 visit between visit 0 and visit 2",
    )


def test_a_gap_over_a_page_that_nobody_could_see_is_none() -> None:
    some = {1: 1.0, 3: 3.0}
    pages = ["a.jpg", None, "c.jpg"]
    found = find({**patient(person(1, RIGHT, {}, RIGHT), images=3), "data": {"who": "A", "images": pages}})
    assert found.codes() == {}
    assert find(patient(person(1, RIGHT, some, RIGHT), images=3)).codes() == {"id_gap": 1}


def test_a_far_jump() -> None:
    """Lesion 4 is somewhere else on the second visit: no exchange of ids explains it."""
    extra = [disk("a", 800, 700, 30, number=4.0), disk("b", 120, 700, 30, page=1, number=4.0)]
    one = person(1, RIGHT, RIGHT)
    one["result"] += [entry for entries in extra for entry in entries]
    (row,) = find(patient(one, images=2)).findings()
    assert (row["code"], row["page"], row["track_id"], row["region_id"]) == ("id_jump", 1, "4", "b")
    assert row["value"].endswith("widths of the image")
    assert 0.6 < float(row["value"].split()[0]) < 0.72


def test_the_expert_of_a_ground_truth_overrules_the_others() -> None:
    swapped = {1: 2.0, 2: 1.0, 3: 3.0}
    people = [person(1, RIGHT, RIGHT, RIGHT), person(2, RIGHT, swapped, RIGHT), person(3, RIGHT, swapped, RIGHT)]
    assert find(patient(*people, images=3)).tracks()["1", 1, "1.1.1"] == "2"
    people[0]["ground_truth"] = True
    found = find(patient(*people, images=3))
    assert found.tracks()["1", 1, "1.1.1"] == found.tracks()["2", 1, "2.1.1"] == "1"
    assert found.codes() == {"id_differs": 4}
    assert {(row["annotator"], row["page"]) for row in found.findings()} == {("2", 1), ("3", 1)}


# --- people who number differently


def test_people_who_number_differently_have_the_same_tracks() -> None:
    other = {1: 5.0, 2: 1.0, 3: 2.0}
    found = find(patient(person(1, RIGHT, RIGHT), person(2, other, other), images=2))
    assert {name for key, name in found.tracks().items() if key[2][-1] != name} == set()
    (row,) = found.findings()
    assert (row["code"], row["annotator"], row["value"]) == ("id_numbering_differs", "2", "1 is 2, 2 is 3, 5 is 1")
    assert found.proposed() == []


def test_ids_of_different_lesions_stay_apart() -> None:
    """What the second calls 3 the first did not see; the first's 3 lies elsewhere on the same page."""
    first, second = {1: 1.0, 2: 3.0}, {1: 1.0, 3: 3.0}
    found = find(patient(person(1, first, first), person(2, second, second), images=2))
    assert found.tracks()["1", 0, "1.0.2"] == "3"
    assert found.tracks()["2", 0, "2.0.3"] == "3#2"
    (row,) = found.findings()
    assert (row["code"], row["track_id"], row["value"], row["page"]) == ("id_shared", "3#2", "3", 0)


def test_people_on_different_visits_share_tracks_by_id() -> None:
    first = task(1, person(1, RIGHT), who="A", day=[0])
    second = task(2, person(2, RIGHT), who="A", day=[90])
    found = find(first, second, visit="day")
    assert found.identity.tracks["track_id"].to_pylist() == ["1", "2", "3"]
    assert found.codes() == {}
    apart = find(first, {**second, "data": {**second["data"], "who": "B"}}, visit="day")
    assert apart.identity.tracks["patient"].to_pylist() == ["A", "A", "A", "B", "B", "B"]
    alone = find(first, second, patient=None)
    assert alone.identity.tracks["patient"].to_pylist() == [None] * 6


def test_the_same_id_far_away_on_pages_that_both_worked_on() -> None:
    """Nobody drew the other's lesion, though they had the chance: two lesions by the same id."""
    found = find(patient(person(1, {1: 1.0}, {}), person(2, {}, {2: 1.0}), images=2))
    assert sorted(found.identity.tracks["track_id"].to_pylist()) == ["1", "1#2"]
    near = find(patient(person(1, {1: 1.0}, {}), person(2, {}, {11: 1.0}), images=2))
    assert near.identity.tracks["track_id"].to_pylist() == ["1"]


def test_by_annotator_everybody_has_tracks_of_their_own() -> None:
    other = {1: 5.0, 2: 1.0, 3: 2.0}
    found = find(patient(person(1, RIGHT, RIGHT), person(2, other, other), images=2), by="annotator")
    table = found.identity.tracks.select(["annotator", "track_id"]).to_pylist()
    assert [tuple(row.values()) for row in table] == [
        *(("1", name) for name in "123"),
        *(("2", name) for name in "125"),
    ]
    assert found.codes() == {}


# --- missing ids


def test_a_lost_id_is_proposed_from_the_visits_around() -> None:
    lost = {1: 1.0, 2: None, 3: 3.0}
    for ids in ([RIGHT, lost, RIGHT], [lost, RIGHT, RIGHT], [RIGHT, RIGHT, lost], [lost, lost, RIGHT]):
        found = find(patient(person(1, *ids), images=3))
        assert {name for key, name in found.tracks().items() if key[2][-1] != name} == set()
        times = sum(one is lost for one in ids)
        assert found.codes() == {"id_missing": times, "proposed_id": times}
        assert {row["reason"] for row in found.identity.proposals.to_pylist()} == {"missing"}
        assert all(row["cost"] < 4.5 < row["margin"] for row in found.identity.proposals.to_pylist())
        assert found.identity.tracks["id_source"].to_pylist() == ["typed", "mixed", "typed"]
        assert int(found.identity.proposed.sum()) == times


def test_who_lost_an_id_that_others_typed_gets_theirs() -> None:
    lost = {1: None, 2: 2.0, 3: 3.0}
    found = find(patient(person(1, RIGHT, RIGHT), person(2, RIGHT, lost), images=2))
    (row,) = found.findings()
    assert (row["code"], row["annotator"], row["track_id"]) == ("id_missing", "2", "1")
    assert found.proposed() == [("2", 1, None, "1", "missing")]
    assert found.identity.tracks["id_source"].to_pylist() == ["typed"] * 3


def test_a_new_lesion_without_id_is_a_track_of_its_own() -> None:
    found = find(patient(person(1, {1: 1.0, 2: 2.0}, {1: 1.0, 2: 2.0, 3: None}, {1: 1.0, 2: 2.0, 3: None}), images=3))
    assert found.tracks()["1", 1, "1.1.3"] == found.tracks()["1", 2, "1.2.3"] == "p1"
    assert found.identity.tracks["id_source"].to_pylist() == ["typed", "typed", "proposed"]
    first, second = found.identity.proposals.to_pylist()
    assert first["cost"] is None
    assert second["cost"] >= 0


def test_proposed_names_do_not_collide() -> None:
    texts = [named("a", 200, 200, "p7"), named("b", 700, 250, "p3"), named("c", 450, 600, None)]
    found = find(task(1, annotation(1, 1, *texts), who="A"))
    assert found.tracks()["1", 0, "c"] == "p8"


def named(region_id: str, x: float, y: float, text: str | None, page: int = 0) -> list[Row]:
    """A disk whose track id is a text."""
    entries = disk(region_id, x, y, 40, page=page)
    if text is not None:
        entry = {key: value for key, value in entries[0].items() if key != "value"}
        entries.append({**entry, "from_name": "track_id", "type": "textarea", "value": {"text": [text]}})
    return entries


def test_nobody_typed_any_id() -> None:
    none = dict.fromkeys(RIGHT)
    found = find(patient(person(1, none, none, none), person(2, none, none, none, shift=2.0), images=3))
    assert found.identity.tracks["track_id"].to_pylist() == ["p1", "p2", "p3"]
    lesions: dict[str | None, set[str]] = {}
    for key, name in found.tracks().items():
        lesions.setdefault(name, set()).add(key[2][-1])
    assert all(len(one) == 1 for one in lesions.values()), "each track is one lesion on all visits"
    (row,) = found.findings()
    assert (row["code"], row["severity"], row["value"], row["patient"]) == ("id_missing", "info", "18 regions", "A")
    assert "no control" in row["message"]


def test_an_outline_without_area_and_id_has_no_track() -> None:
    one = annotation(1, 1, disk("a", 200, 200, 40, number=1.0), sliver("s", 600, 600))
    found = find(patient(one, images=1))
    assert found.tracks() == {("1", 0, "a"): "1", ("1", 0, "s"): None}
    (row,) = found.findings()
    assert (row["code"], row["region_id"], row["track_id"]) == ("id_missing", "s", None)
    assert "no area" in row["message"]


# --- the same id twice


def test_an_id_twice_on_a_page_is_kept_by_the_lesion_at_its_place() -> None:
    twice = {1: 1.0, 2: 2.0, 3: 2.0}
    for ids in ([RIGHT, twice, RIGHT], [twice, RIGHT, RIGHT], [RIGHT, RIGHT, twice]):
        found = find(patient(person(1, *ids), images=3))
        page = ids.index(twice)
        assert {name for key, name in found.tracks().items() if key[2][-1] != name} == set()
        assert [(row["region_id"], row["value"], row["track_id"]) for row in found.findings("id_repeated")] == [
            (f"1.{page}.3", "2", "3")
        ]
        assert found.proposed() == [("1", page, "2", "3", "repeated")]


def split_lesion(x: float) -> Row:
    """Lesion 1 falls apart on the second page: two halves, the second at `x`."""
    whole = [*disk("w", 300, 300, 60, number=1.0), *disk("o", 700, 250, 40, number=2.0)]
    parts = disk("a", 270, 300, 35, page=1, number=1.0) + disk("b", x, 300, 35, page=1, number=1.0)
    return annotation(1, 1, whole, parts, disk("p", 700, 250, 40, page=1, number=2.0))


def test_parts_of_a_lesion_that_split_keep_its_track() -> None:
    found = find(patient(split_lesion(345), images=2))
    assert found.tracks()["1", 1, "a"] == found.tracks()["1", 1, "b"] == "1"
    assert int(found.identity.part.sum()) == 1
    (row,) = found.findings()
    assert (row["code"], row["severity"], row["track_id"]) == ("id_repeated", "info", "1")
    apart = find(patient(split_lesion(560), images=2))
    assert apart.tracks()["1", 1, "b"] == "p1"
    assert not apart.identity.part.any()
    assert apart.codes() == {"id_repeated": 1, "proposed_id": 1}


def test_an_id_that_others_gave_to_another_lesion_of_the_page() -> None:
    """The second missed lesion 2 and gave its id to one that nobody else drew."""
    second = {1: 1.0, 3: 2.0}
    found = find(patient(person(1, {1: 1.0, 2: 2.0}, {1: 1.0, 2: 2.0}), person(2, {1: 1.0, 2: 2.0}, second), images=2))
    assert found.tracks()["1", 1, "1.1.2"] == "2"
    assert found.tracks()["2", 1, "2.1.3"] == "p1"
    (row,) = found.findings("id_elsewhere")
    assert (row["annotator"], row["page"], row["value"], row["track_id"]) == ("2", 1, "2", "p1")
    (missed,) = [row for row in found.findings("missed_by") if row["track_id"] == "2"]
    assert (missed["annotator"], missed["page"], missed["annotation_id"]) == ("2", 1, 20)


# --- labels, and what somebody missed


def test_a_label_that_differs_on_one_visit() -> None:
    def lesion(page: int, label: str) -> list[Row]:
        return disk(f"r{page}", 200, 200, 40, page=page, number=1.0, label=label)

    one = annotation(1, 1, lesion(0, "nevus"), lesion(1, "melanoma"), lesion(2, "nevus"))
    (row,) = find(patient(one, images=3)).findings()
    assert (row["code"], row["visit"], row["value"]) == ("id_label_differs", 1, "melanoma, elsewhere nevus")


def test_missed_by_those_who_could_have_known() -> None:
    """Half drew lesion 2; only one of three drew lesion 3 of which the others know nothing."""
    half = find(patient(person(1, RIGHT), person(2, {1: 1.0, 3: 3.0}), images=1))
    assert [(row["annotator"], row["track_id"], row["value"]) for row in half.findings("missed_by")] == [
        ("2", "2", "drawn by 1 of 2")
    ]
    few = find(patient(person(1, RIGHT), person(2, {1: 1.0}), person(3, {1: 1.0}), images=1))
    assert few.findings("missed_by") == []
    known = find(patient(person(1, RIGHT, RIGHT), person(2, {1: 1.0}, RIGHT), person(3, {1: 1.0}, {1: 1.0}), images=2))
    assert [(row["annotator"], row["page"], row["track_id"]) for row in known.findings("missed_by")] == [
        ("2", 0, "2"),
        ("3", 1, "2"),
        ("2", 0, "3"),
        ("3", 1, "3"),
    ]


# --- kinds of ids


def test_texts_are_ids_too() -> None:
    one = annotation(
        1, 1, named("a", 200, 200, "A10"), named("b", 700, 250, " A2 "), named("c", 450, 600, "A2", page=1)
    )
    found = find(patient(one, images=2))
    assert found.identity.tracks["track_id"].to_pylist() == ["A10", "A2"]
    (row,) = found.findings("id_not_integer")
    assert (row["severity"], row["patient"]) == ("info", "A")


def test_a_text_among_numbers_is_named_once() -> None:
    regions = [named(f"a{page}", 200, 200, "+01" if page else "1", page) for page in range(3)]
    regions += [named(f"b{page}", 700, 250, "2b", page) for page in range(3)]
    found = find(patient(annotation(1, 1, *regions), images=3))
    assert found.identity.tracks["track_id"].to_pylist() == ["1", "2b"]
    (row,) = found.findings()
    assert (row["code"], row["severity"], row["value"], row["page"]) == ("id_not_integer", "warning", "2b", 0)


def test_huge_negative_and_broken_numbers_sort_by_value() -> None:
    numbers = [1e300, 2.0**53, 10.0, 9.0, -3.0, -12.0, 1.5]
    entries = [disk(f"r{k}", 60 + 130 * k, 300, 20, number=number) for k, number in enumerate(numbers)]
    names = find(patient(annotation(1, 1, *entries), images=1)).identity.tracks["track_id"].to_pylist()
    assert names == ["-12", "-3", "9", "10", "9007199254740992", "1.5", "1e+300"]


# --- odd projects


def test_nothing_at_all() -> None:
    for export in (read(), read(task(1, who="A")), read(patient(annotation(1, 1), images=2))):
        for by in ("lesion", "annotator"):
            found = identified(export, patient=None, by=by)
            assert len(found.identity.track) == 0
            assert found.identity.tracks.num_rows == found.identity.findings.num_rows == 0


def grid(page: int, number: Iterable[float | None], shift: float = 0.0) -> list[list[Row]]:
    """Lesions on a lattice of 1000 x 800 px, each a little to one side."""
    spots = [(25.0 + 40 * (k % 24), 25.0 + 40 * (k // 24)) for k in range(24 * 19)]
    rng = random.Random(5)
    spots = [(x + rng.uniform(-9, 9), y + rng.uniform(-9, 9)) for x, y in spots]
    sizes = [rng.random() for _ in spots]
    return [
        disk(f"{page}.{k}", x + shift, y, 4 + 5 * size, page=page, number=given, vertices=8)
        for k, ((x, y), size, given) in enumerate(zip(spots, sizes, number, strict=False))
    ]


def test_all_ids_equal_on_a_full_page() -> None:
    """The number was never changed: one lesion (and what nearly touches it) keeps it, the others get proposals."""
    count = 400
    one = annotation(1, 1, *grid(0, [1.0] * count), *grid(1, [1.0] * count, shift=3.0))
    found = find(patient(one, images=2))
    assert found.identity.tracks.num_rows >= count - 6
    assert Counter(row["reason"] for row in found.identity.proposals.to_pylist())["repeated"] >= 2 * (count - 6)


def test_hundreds_of_lesions_without_ids_on_a_page() -> None:
    count = 400
    one = annotation(1, 1, *grid(0, [None] * count), *grid(1, [None] * count, shift=3.0))
    found = find(patient(one, images=2))
    tracks = found.tracks()
    assert found.identity.tracks.num_rows == count
    assert all(tracks["1", 0, f"0.{k}"] == tracks["1", 1, f"1.{k}"] for k in range(count))


def test_the_order_of_the_file_does_not_matter() -> None:
    made = make_courses(
        patients=6,
        visits=3,
        annotators=3,
        visit_tasks=True,
        seed=3,
        events=[
            Event("swap_ids", patient=1, lesion=1, other=2, visit=1, annotator=2),
            Event("lose_id", patient=2, visit=1),
            Event("wrong_id", patient=3, lesion=1, visit=2, size=9.0),
            Event("wrong_id", patient=3, lesion=2, visit=1, annotator=1, size=1.0),
            Event("renumber", patient=4, annotator=3, size=5.0),
            *(Event("lose_id", patient=5, visit=visit) for visit in range(3)),
        ],
    )

    def result(tasks: list[Row]) -> tuple[Any, ...]:
        found = identified(
            lg.read_label_studio(json.dumps(tasks).encode()), patient="patient_id", visit="visit_offsets_days"
        )
        return (
            found.identity.tracks,
            found.identity.findings,
            found.identity.proposals,
            {(*key, task_of(found.export, key)): name for key, name in found.tracks().items()},
        )

    def task_of(export: Export, key: tuple[str, int, str]) -> int:
        table = export.regions.table
        return next(
            row["task_id"]
            for row in table.select(["task_id", "annotator", "page", "region_id"]).to_pylist()
            if (row["annotator"], row["page"], row["region_id"]) == key
        )

    expected = result(made.tasks)
    for turn in range(3):
        tasks = made.tasks.copy()
        random.Random(turn).shuffle(tasks)
        found = result(tasks)
        for one, other in zip(expected[:3], found[:3], strict=True):
            assert isinstance(one, pa.Table)
            assert one.equals(other)
        assert expected[3] == found[3]


# --- generated courses


def course(events: list[Event], **options: Any) -> tuple[Any, Found]:
    made = make_courses(events=events, **{"visits": 4, "seed": 11, **options})
    export = lg.read_label_studio(json.dumps(made.tasks).encode())
    return made, identified(export, patient="patient_id", visit="visit_offsets_days")


def wrong_tracks(made: Any, found: Found) -> list[Any]:
    """Regions whose track is not the number of their lesion."""
    names = found.tracks_by_region()
    return [
        one
        for one in made.regions
        if one.counts and names[one.task_id, one.region_id, str(one.annotator)] != str(one.lesion)
    ]


def test_clean_courses_have_their_tracks_and_hardly_a_false_alarm() -> None:
    made, found = course([], patients=30, lesions=(2, 5))
    assert wrong_tracks(made, found) == []
    assert found.identity.proposals.num_rows == 0
    assert found.identity.findings.num_rows == 0


def test_planned_mistakes_are_found() -> None:
    events = [
        *(Event("swap_ids", patient=k, lesion=1, other=2, visit=k % 4, annotator=1 + k % 3) for k in range(1, 11)),
        *(Event("wrong_id", patient=k, lesion=1, visit=k % 4, annotator=1 + k % 3, size=99.0) for k in range(11, 21)),
        *(Event("lose_id", patient=k, lesion=2, visit=k % 4) for k in range(21, 31)),
        *(Event("renumber", patient=k, annotator=1 + k % 3, size=5.0) for k in range(31, 36)),
    ]
    made, found = course(events, patients=35, lesions=(3, 5))
    assert wrong_tracks(made, found) == []
    typed = {(one.task_id, one.region_id, str(one.annotator)): one for one in made.regions}
    expected = Counter()
    for one in made.regions:
        number = int(one.patient[1:])
        if one.typed_id is None:
            expected["id_missing"] += 1
        elif one.typed_id != one.lesion and number <= 30:
            expected["id_differs"] += 1
    counts = found.codes()
    assert counts.pop("proposed_id") == 10
    assert counts == {**expected, "id_numbering_differs": 5}
    for row in found.identity.proposals.to_pylist():
        one = typed[row["task_id"], row["region_id"], row["annotator"]]
        assert row["proposed_id"] == str(one.lesion)


def test_mistakes_of_the_only_annotator_are_suspected() -> None:
    events = [
        *(Event("swap_ids", patient=k, lesion=1, other=2, visit=k % 4) for k in range(1, 11)),
        *(Event("wrong_id", patient=k, lesion=1, visit=k % 4, size=99.0) for k in range(11, 21)),
    ]
    _, found = course(events, patients=20, lesions=(3, 5), annotators=1)
    swapped = {(row["patient"], row["visit"]) for row in found.findings("id_swap")}
    expected = {(f"P{k:04d}", k % 4) for k in range(1, 11)}
    assert swapped <= expected
    assert len(swapped) >= 9
    changed = {row["patient"] for row in found.findings("id_changed")}
    assert changed <= {f"P{k:04d}" for k in range(11, 21)}
    assert len(changed) >= 9
    # Exchanged ids also bring labels along.
    assert set(found.codes()) == {"id_swap", "id_changed", "id_gap", "id_label_differs"}


# --- real exports


@pytest.mark.skipif(not REAL.exists(), reason="needs the shared data")
def test_the_real_export_its_wrong_id_and_its_missed_lesion() -> None:
    found = identified(lg.read_label_studio(REAL), patient="patient_id", visit="visit_dates")
    table = found.identity.tracks.select(["patient", "track_id", "id_source"]).to_pylist()
    assert [tuple(row.values()) for row in table] == [
        *(("P001", name, "typed") for name in ("1", "2", "4", "5", "6")),
        ("P002", "1", "typed"),
    ]
    (wrong,) = found.findings("id_differs")
    assert (wrong["annotator"], wrong["visit"], wrong["value"], wrong["track_id"]) == ("2", 2, "3", "2")
    missed = [(row["patient"], row["track_id"], row["visit"], row["annotator"]) for row in found.findings("missed_by")]
    assert ("P001", "4", 2, "2") in missed
    # Annotator 2's bow-tie and box outside the image are nobody else's; of the second task 2 drew one page.
    assert set(missed) == {
        ("P001", "4", 2, "2"),
        ("P001", "5", 1, "1"),
        ("P001", "6", 0, "1"),
        ("P002", "1", 1, "2"),
        ("P002", "1", 2, "2"),
    }
    assert found.codes() == {"id_differs": 1, "id_missing": 1}
    assert found.proposed() == [("2", 2, "3", "2", "differs")]


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared data")
def test_lidc_readers_number_differently_and_have_the_same_tracks() -> None:
    export = lg.read_label_studio(real_export("lidc"))
    found = identified(export, patient="patient_id")
    keys = [(row["patient"], row["annotator"]) for row in found.findings("id_numbering_differs")]
    assert len(keys) == len(set(keys)) > 100
    # What has an area is on a track.
    assert (found.identity.track >= 0)[np.isfinite(found.seen.area_px2)].all()
    # The tracks of a patient are hardly more than the nodules of the reader with most of them.
    regions = export.regions.table
    ids: dict[int, dict[str, set[float]]] = {}
    for task_id, who, number in zip(*(regions[name].to_pylist() for name in KEYS), strict=True):
        ids.setdefault(task_id, {}).setdefault(who, set()).add(number)
    most = sum(max(len(own) for own in people.values()) for people in ids.values())
    assert 0.98 * most < found.identity.tracks.num_rows < 1.1 * most


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared data")
def test_lidc_by_annotator_is_what_every_reader_typed() -> None:
    export = lg.read_label_studio(real_export("lidc"))
    found = identified(export, patient="patient_id", by="annotator")
    table = export.regions.table
    tasks, people, typed = (table[name].to_pylist() for name in ("task_id", "annotator", "track_id"))
    names = found.identity.tracks["track_id"].to_pylist()
    members = found.seen.members.tolist()
    has_area = np.isfinite(found.seen.area_px2).tolist()
    expected: dict[tuple[int, str, str], set[int]] = {}
    mine: dict[int, set[int]] = {}
    for row, own, whole in zip(members, found.identity.track.tolist(), has_area, strict=True):
        if whole:
            expected.setdefault((tasks[row], people[row], f"{typed[row]:.0f}"), set()).add(row)
            mine.setdefault(own, set()).add(row)
            assert names[own] == f"{typed[row]:.0f}"
    assert sorted(map(sorted, expected.values())) == sorted(map(sorted, mine.values()))
