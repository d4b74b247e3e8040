"""Lesions: who drew the same thing. Cases by hand, rules on random pages, and a slow reference from the table of pairs.

Images are 100 x 100 px unless a test says otherwise, so percent and pixels are the same numbers.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import lesiongeo
from lesiongeo import Agreement, Export, _core
from lesiongeo.testing import make_export
from real_exports import MAKER, real_export
from test_agreement_rules import Entry, annotation, close, entry, polygon, task

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
SCENES = SHARED / "data/conformance/object_level_alpha.json"

Key = tuple[int, str, str]
Groups = dict[tuple[int, int], list[list[Key]]]


def read(*tasks: Entry) -> Export:
    return lesiongeo.read_label_studio(json.dumps(list(tasks)).encode())


def strip(region_id: str, low: float, high: float, labels: tuple[str, ...] = ("nevus",), page: int = 0) -> Entry:
    """A box over the whole height, so that IoU is that of intervals."""
    return polygon(region_id, [(low, 0), (high, 0), (high, 100), (low, 100)], labels, page)


def drawn(*people: list[Entry], task_id: int = 7, **more: Any) -> Entry:
    """One task on which people 1, 2, ... drew these."""
    return task(
        [annotation(100 * task_id + who, who, result) for who, result in enumerate(people, start=1)],
        task_id=task_id,
        **more,
    )


def members(export: Export, result: Agreement) -> list[list[str]]:
    """Ids of the regions of each lesion, in the order of the export."""
    found: list[list[str]] = [[] for _ in range(result.lesions.num_rows)]
    ids = export.regions.table["region_id"].to_pylist()
    for region_id, lesion in zip(ids, result.lesion_of_region.tolist(), strict=True):
        if lesion >= 0:
            found[lesion].append(region_id)
    return found


# by hand


def test_three_people_and_two_things() -> None:
    """a, b and c are one box; d is half of a's, drawn by 2 alone on another page; 3 people are 3 pairs."""
    export = read(
        drawn(
            [strip("a", 0, 50)],
            [strip("b", 0, 50), strip("d", 0, 25, page=1)],
            [strip("c", 0, 25)],
            images=2,
        )
    )
    result = lesiongeo.agreement(export)
    assert members(export, result) == [["a", "b", "c"], ["d"]]
    assert result.lesions.to_pylist() == [
        {
            "task_id": 7,
            "page": 0,
            "lesion": 0,
            "n_annotators": 3,
            "n_drawn": 3,
            "label": "nevus",
            "label_equal": True,
            # 1, 0.5 and 0.5
            "iou_mean": close(2 / 3),
            "score": close(2 / 3),
            # 5000, 5000 and 2500 px2
            "area_px2": close(5000 / 2 ** (1 / 3)),
        },
        {
            "task_id": 7,
            "page": 1,
            "lesion": 0,
            "n_annotators": 3,
            "n_drawn": 1,
            "label": "nevus",
            "label_equal": None,
            "iou_mean": None,
            "score": 0.0,
            "area_px2": 2500.0,
        },
    ]
    assert result.annotation_rows.tolist() == [0, 1, 2]


def test_who_missed_it_counts_nothing() -> None:
    """Two of three drew it with IoU 0.5: the mean of the match is 0.5, and the score a third of it."""
    (row,) = lesiongeo.agreement(read(drawn([strip("a", 0, 50)], [strip("b", 0, 25)], []))).lesions.to_pylist()
    assert (row["n_annotators"], row["n_drawn"]) == (3, 2)
    assert (row["iou_mean"], row["score"]) == (0.5, close(0.5 / 3))


def test_a_near_miss_within_a_lesion_counts_nothing() -> None:
    """a and c each match b with 1/3 and meet each other below the gate: three regions, two matches, three pairs."""
    export = read(drawn([strip("a", 0, 20)], [strip("b", 10, 30)], [strip("c", 18, 38)]))
    result = lesiongeo.agreement(export, gate=0.2)
    assert members(export, result) == [["a", "b", "c"]]
    (row,) = result.lesions.to_pylist()
    ab, bc = 10 / 30, 12 / 28
    assert (row["iou_mean"], row["score"]) == (close((ab + bc) / 2), close((ab + bc) / 3))
    assert Counter(result.pairs["match"].to_pylist()) == {"matched": 2, "near_miss": 1}


def test_a_single_annotator_has_lesions_without_a_score() -> None:
    export = read(drawn([strip("a", 0, 50), strip("b", 50, 75)]))
    result = lesiongeo.agreement(export)
    assert members(export, result) == [["a"], ["b"]]
    for number, row in enumerate(result.lesions.to_pylist()):
        assert (row["lesion"], row["n_annotators"], row["n_drawn"]) == (number, 1, 1)
        assert (row["score"], row["iou_mean"], row["label_equal"]) == (None, None, None)
    assert result.pairs.num_rows == 0


def test_a_chain_lets_go_where_a_person_would_have_two_regions() -> None:
    """a - b - c of persons 1, 2, 3 is one lesion; a second region of 1 matches c, but 1 is in it already.

    IoU: a, b 30/50; b, c 32/48; c, d 28/52.
    """
    export = read(drawn([strip("a", 0, 40), strip("d", 30, 70)], [strip("b", 10, 50)], [strip("c", 18, 58)]))
    result = lesiongeo.agreement(export)
    matched = {
        frozenset((row["region_a"], row["region_b"])): row["iou"]
        for row in result.pairs.to_pylist()
        if row["match"] == "matched"
    }
    assert {frozenset("ab"), frozenset("bc")} <= set(matched)
    assert members(export, result) == [["a", "b", "c"], ["d"]]


def test_the_better_match_wins_the_chain() -> None:
    """1 drew a and d, 2 drew b, which matches a best; 3 drew c, which matches b and d.

    c joins the better of its two matches, and the other one stays a pair of different lesions.
    """
    first = [strip("a", 0, 40), strip("d", 24, 64)]
    for low, expected in ((13, [["a", "b", "c"], ["d"]]), (16, [["a", "b"], ["d", "c"]])):
        export = read(drawn(first, [strip("b", 4, 44)], [strip("c", low, low + 40)]))
        result = lesiongeo.agreement(export)
        pairs = {(row["region_a"], row["region_b"]): row for row in result.pairs.to_pylist()}
        assert pairs[("b", "c")]["match"] == "matched"
        assert sorted(map(sorted, members(export, result))) == sorted(map(sorted, expected)), low


def test_labels_of_a_lesion() -> None:
    """The most frequent one; null where two are; equality is that of the sets, in whatever order they were ticked."""
    same = (0, 50)
    for labels, label, equal in (
        ([("nevus",), ("nevus",), ("melanoma",)], "nevus", False),
        ([("melanoma",), ("nevus",), ("nevus",)], "nevus", False),
        ([("nevus",), ("melanoma",)], None, False),
        ([("nevus",), ("melanoma",), ("wart",)], None, False),
        ([("nevus", "wart"), ("wart", "nevus")], "nevus", True),
        ([("nevus", "wart"), ("nevus",)], None, False),
        ([(), ()], None, True),
        ([(), (), ("nevus",)], None, False),
        ([("nevus",), ("nevus",), ("melanoma",), ("melanoma",), ("wart",)], None, False),
        ([("wart",), ("nevus",), ("melanoma",), ("melanoma",)], "melanoma", False),
    ):
        people = [[strip(str(who), *same, one)] for who, one in enumerate(labels)]
        result = lesiongeo.agreement(read(drawn(*people)))
        (row,) = result.lesions.to_pylist()
        assert (row["label"], row["label_equal"], row["n_drawn"]) == (label, equal, len(labels)), labels
        assert row["score"] == 1.0


def test_what_does_not_count_has_no_lesion() -> None:
    """Cancelled, superseded, predictions, drafts, key points; a region without area is a lesion of its own."""
    earlier = {"updated_at": "2026-01-04T09:00:00Z"}
    point = entry("point", "keypointlabels", {"x": 50, "y": 50, "width": 1, "keypointlabels": ["nevus"]}, 0)
    export = read(
        task(
            [
                annotation(1, 1, [strip("old", 0, 50)], **earlier),
                annotation(2, 1, [strip("a", 0, 50), point, polygon("flat", [(1, 1), (9, 9)])]),
                annotation(3, 2, [strip("skipped", 0, 50)], was_cancelled=True),
                annotation(4, 2, [strip("b", 0, 50)]),
            ],
            predictions=[{"id": 5, "result": [strip("guess", 0, 50)], "model_version": "m"}],
            drafts=[{"id": 6, "result": [strip("draft", 0, 50)]}],
        )
    )
    result = lesiongeo.agreement(export)
    assert members(export, result) == [["a", "b"], ["flat"]]
    ids = export.regions.table["region_id"].to_pylist()
    out = {region_id for region_id, lesion in zip(ids, result.lesion_of_region.tolist(), strict=True) if lesion < 0}
    assert out == {"old", "point", "skipped", "guess", "draft"}
    assert result.lesions["area_px2"].to_pylist() == [5000.0, None]
    assert result.lesions["score"].to_pylist() == [1.0, 0.0]
    counting = export.annotations["annotation_id"].take(pa.array(result.annotation_rows))
    assert counting.to_pylist() == [2, 4]


def test_nothing_drawn_is_no_lesion() -> None:
    for export in (read(), read(drawn([], [])), read(drawn([]))):
        result = lesiongeo.agreement(export)
        assert (result.lesions.num_rows, len(result.lesion_of_region)) == (0, 0)
        assert result.region_rows.shape == (0, 2)
        assert result.region_rows.dtype == result.lesion_of_region.dtype == result.annotation_rows.dtype == np.int64


@pytest.mark.skipif(not SCENES.exists(), reason="the shared data are not beside the repository")
@pytest.mark.parametrize("number", [0, 1], ids=["fruits", "smile"])
def test_published_groups(number: int) -> None:
    """Objects of three annotators as aligned by hand in a published example of object-level agreement."""
    scene = json.loads(SCENES.read_text(encoding="utf-8"))[number]
    size = 500

    def drawn_by(who: int) -> list[Entry]:
        found = []
        for one in scene["annotators"][who]:
            x, y, width, height = (100 * value / size for value in one["bbox"])
            value = {
                "x": x,
                "y": y,
                "width": width,
                "height": height,
                "rotation": 0,
                "rectanglelabels": [f"{one['cat']}"],
            }
            found.append(entry(f"{one['id']}", "rectanglelabels", value, 0, (size, size)))
        return found

    export = read(drawn(*(drawn_by(who) for who in range(len(scene["annotators"])))))
    gate = scene["iou_threshold"]
    result = lesiongeo.agreement(export, gate=gate, conflict_gate=gate)
    expected = [[str(one) for one in column if one >= 0] for column in zip(*scene["ids"], strict=True)]
    assert sorted(sorted(group) for group in members(export, result)) == sorted(sorted(group) for group in expected)
    found = {(row["region_a"], row["region_b"]): row["iou"] for row in result.pairs.to_pylist()}
    for names, value in scene.get("iou_values", {}).items():
        assert round(found[tuple(names.split("-"))], 4) == value


# rules on random pages


def crowded(seed: int, people: int, tasks: int = 12) -> list[Entry]:
    """Pages on which some things lie close together, so that chains and conflicts abound; ties by a coarse grid."""
    rng = random.Random(seed)
    made = []
    for task_id in rng.sample(range(1, 100), tasks):
        places = [(rng.choice(range(0, 60, 10)), rng.randrange(2)) for _ in range(rng.randrange(1, 6))]
        results = []
        for who in range(people):
            result = []
            for number, (low, page) in enumerate(places):
                if rng.random() < 0.8:
                    start = min(max(low + rng.choice((-6, -4, -2, 0, 0, 2, 4, 6)), 0), 70)
                    width = rng.choice((16, 20, 20, 24))
                    label = ("nevus",) if rng.random() < 0.8 else ("melanoma",)
                    region = polygon(
                        f"{who}.{number}",
                        [(start, 0), (start + width, 0), (start + width, 50), (start, 50)],
                        label,
                        page,
                    )
                    result.append(region)
            results.append(result)
        made.append(drawn(*results, task_id=task_id, images=2))
    return made


def region_keys(export: Export) -> list[Key]:
    columns = (export.regions.table[name].to_pylist() for name in ("task_id", "annotation_id", "region_id"))
    return [
        (task_id, str(annotation_id), region_id) for task_id, annotation_id, region_id in zip(*columns, strict=True)
    ]


def lesions_of(export: Export, result: Agreement) -> set[tuple[int, int, int, frozenset[Key]]]:
    """Task, page, number and members of every lesion."""
    groups = defaultdict(set)
    for key, lesion in zip(region_keys(export), result.lesion_of_region.tolist(), strict=True):
        if lesion >= 0:
            groups[lesion].add(key)
    rows = result.lesions.to_pylist()
    assert sorted(groups) == list(range(len(rows)))
    return {(row["task_id"], row["page"], row["lesion"], frozenset(groups[at])) for at, row in enumerate(rows)}


def slow_groups(export: Export, result: Agreement) -> list[set[int]]:
    """Rows of regions in groups, from the table of pairs by the rule as it is written, on sets."""
    table = export.regions.table
    who = table["annotator"].to_pylist()
    rank = {
        row: (task_id, len(name), name, row)
        for row, (task_id, name) in enumerate(zip(table["task_id"].to_pylist(), who, strict=True))
    }
    agreed = []
    for (a, b), row in zip(result.region_rows.tolist(), result.pairs.to_pylist(), strict=True):
        if row["match"] in ("matched", "label_conflict"):
            agreed.append((-row["iou"], *sorted((rank[a], rank[b])), a, b))
    group = {row: {row} for row in range(len(who))}
    for *_, a, b in sorted(agreed):
        if group[a] is not group[b]:
            united = group[a] | group[b]
            if len({who[row] for row in united}) == len(united):
                for row in united:
                    group[row] = united
    return list({id(found): found for found in group.values()}.values())


@pytest.mark.parametrize("people", [2, 3, 5])
@pytest.mark.parametrize("seed", range(6))
def test_groups_are_those_of_the_slow_reference(seed: int, people: int) -> None:
    export = read(*crowded(seed, people))
    result = lesiongeo.agreement(export)
    found = [set(np.flatnonzero(result.lesion_of_region == at).tolist()) for at in range(result.lesions.num_rows)]
    expected = slow_groups(export, result)
    assert sorted(map(sorted, found)) == sorted(map(sorted, expected))
    assert check(export, result) > 0 or people == 2


def check(export: Export, result: Agreement) -> int:
    """Judge the table row by row; return the number of matches that were refused."""
    table = export.regions.table
    who, page = table["annotator"].to_pylist(), table["page"].to_pylist()
    task_id, area = table["task_id"].to_pylist(), np.asarray(lesiongeo.area(export.regions.polygons)).tolist()
    sets = [frozenset(labels) for labels in table["labels"].to_pylist()]
    rows = result.lesions.to_pylist()
    inside = defaultdict(list)
    refused, edges = 0, defaultdict(set)
    for (a, b), row in zip(result.region_rows.tolist(), result.pairs.to_pylist(), strict=True):
        if row["match"] in ("matched", "label_conflict"):
            edges[a].add(b)
            edges[b].add(a)
            if result.lesion_of_region[a] == result.lesion_of_region[b]:
                inside[int(result.lesion_of_region[a])].append(row["iou"])
            else:
                refused += 1
    order = [(row["task_id"], row["page"], row["lesion"]) for row in rows]
    assert order == sorted(set(order))
    numbers = defaultdict(list)
    for one in order:
        numbers[one[:2]].append(one[2])
    assert all(found == list(range(len(found))) for found in numbers.values())
    people = defaultdict(set)
    for name, own in zip(
        *(
            export.annotations.take(pa.array(result.annotation_rows))[key].to_pylist()
            for key in ("annotator", "task_id")
        ),
        strict=True,
    ):
        people[own].add(name)
    for at, row in enumerate(rows):
        regions = np.flatnonzero(result.lesion_of_region == at).tolist()
        assert len({who[region] for region in regions}) == len(regions) == row["n_drawn"] > 0
        assert {(task_id[region], page[region]) for region in regions} == {(row["task_id"], row["page"])}
        count = len(people[row["task_id"]])
        assert row["n_annotators"] == count
        # Held together by matches of its own.
        reached, left = {regions[0]}, [regions[0]]
        while left:
            for other in edges[left.pop()] & set(regions) - reached:
                reached.add(other)
                left.append(other)
        assert reached == set(regions)
        votes = Counter(sets[region] for region in regions).most_common()
        top = None if len(votes) > 1 and votes[0][1] == votes[1][1] else next(iter(votes[0][0]), None)
        assert row["label"] == top
        assert row["label_equal"] == (None if len(regions) < 2 else len(votes) == 1)
        if len(regions) == 1:
            assert row["iou_mean"] is None
            assert row["area_px2"] == area[regions[0]]
        else:
            assert row["iou_mean"] == close(sum(inside[at]) / len(inside[at]))
            logs = [math.log(area[region]) for region in regions]
            assert row["area_px2"] == pytest.approx(math.exp(sum(logs) / len(logs)), rel=1e-12)
        if count < 2:
            assert row["score"] is None
        else:
            assert row["score"] == close(sum(inside[at]) / math.comb(count, 2))
    return refused


@pytest.mark.parametrize("seed", range(4))
def test_without_a_conflict_matches_are_transitive(seed: int) -> None:
    """What is connected by matches and has nobody twice is one lesion; what has somebody twice is several."""
    export = read(*crowded(seed, 4))
    result = lesiongeo.agreement(export)
    root = list(range(len(export.regions)))

    def find(row: int) -> int:
        while root[row] != row:
            row = root[row]
        return row

    for (a, b), match in zip(result.region_rows.tolist(), result.pairs["match"].to_pylist(), strict=True):
        if match in ("matched", "label_conflict"):
            root[find(a)] = find(b)
    connected = defaultdict(list)
    for row in range(len(root)):
        connected[find(row)].append(row)
    who = export.regions.table["annotator"].to_pylist()
    seen = Counter()
    for rows in connected.values():
        lesions = set(result.lesion_of_region[rows].tolist())
        conflict = len({who[row] for row in rows}) < len(rows)
        seen[conflict] += 1
        assert (len(lesions) > 1) == conflict
    assert seen[False] > 10
    assert seen[True] > 3


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_the_file_changes_no_lesion(seed: int, tmp_path: Path) -> None:
    """Tasks and annotations shuffled, in one file or two, converted, or read in batches."""
    tasks = crowded(seed, 4, tasks=20)
    rng = random.Random(seed)
    export = read(*tasks)
    expected = lesiongeo.agreement(export)
    lesions = lesions_of(export, expected)
    shuffled = [{**one, "annotations": rng.sample(one["annotations"], len(one["annotations"]))} for one in tasks]
    rng.shuffle(shuffled)
    paths = []
    for number, some in enumerate((shuffled[:9], shuffled[9:])):
        paths.append(tmp_path / f"{number}.json")
        paths[-1].write_text(json.dumps(some), encoding="utf-8")
    lesiongeo.write_parquet(export, tmp_path / "all.parquet")
    for other in (
        read(*shuffled),
        lesiongeo.read_export(paths),
        lesiongeo.read_export(paths[::-1]),
        lesiongeo.read_export(tmp_path / "all.parquet"),
    ):
        result = lesiongeo.agreement(other)
        assert lesions_of(other, result) == lesions
        assert result.lesions.equals(expected.lesions)
        assert result.pairs.equals(expected.pairs.select(result.pairs.column_names))
        check(other, result)
    found, rows = set(), 0
    for batch in lesiongeo.scan_label_studio(paths, window_bytes=2000):
        result = lesiongeo.agreement(batch)
        found |= lesions_of(batch, result)
        rows += result.pairs.num_rows
    assert (found, rows) == (lesions, expected.pairs.num_rows)


def test_threads_change_no_lesion() -> None:
    export = read(*crowded(9, 5))
    first = lesiongeo.agreement(export, threads=1)
    for threads in (2, 5):
        again = lesiongeo.agreement(export, threads=threads)
        assert again.lesions.equals(first.lesions)
        assert (again.lesion_of_region == first.lesion_of_region).all()
        assert (again.region_rows == first.region_rows).all()


def test_lesions_of_made_exports() -> None:
    """Seeded dermatology exports, of which the table holds in every row."""
    made = make_export(patients=8, annotators=4, seed=3)
    export = lesiongeo.read_label_studio(json.dumps(made).encode())
    result = lesiongeo.agreement(export)
    check(export, result)
    drawn_by = Counter(result.lesions["n_drawn"].to_pylist())
    assert drawn_by[max(drawn_by)] > 20


@pytest.mark.skipif(not MAKER.exists(), reason="the shared data are not beside the repository")
def test_lesions_that_people_drew() -> None:
    """LVIS: up to four people, many things on an image."""
    export = lesiongeo.read_label_studio(real_export("lvis"))
    result = lesiongeo.agreement(export)
    found = [set(np.flatnonzero(result.lesion_of_region == at).tolist()) for at in range(result.lesions.num_rows)]
    assert sorted(map(sorted, found)) == sorted(map(sorted, slow_groups(export, result)))
    check(export, result)


# the function of the core


def test_the_core_names_what_is_outside() -> None:
    ids = np.array([0, 1, 2], dtype=np.int64)
    one, half = np.array([1], dtype=np.int64), np.array([0.5])
    assert _core.group_lesions(ids, ids[:1], one, half).tolist() == [0, 0, 1]
    for wrong, message in (
        ((np.array([0, 3, 1], dtype=np.int64), one, one, half), r"annotators\[1\] is 3, outside 0\.\.3"),
        ((ids, np.array([-1], dtype=np.int64), one, half), r"a\[0\] is -1, outside 0\.\.3"),
        ((ids, one, np.array([3], dtype=np.int64), half), r"b\[0\] is 3, outside 0\.\.3"),
        ((ids, one, ids, half), "b has 3 entries where 1 are needed"),
        ((ids, one, one, np.array([0.5, 0.5])), "iou has 2 entries where 1 are needed"),
    ):
        with pytest.raises((IndexError, ValueError), match=message):
            _core.group_lesions(*wrong)


def test_many_people_on_one_thing() -> None:
    """60 people, every pair of them a match, and a second thing beside it that would join through each of them."""
    people = 60
    region = np.arange(2 * people)
    pairs = [
        (a, b, 0.9 if a // people == b // people else 0.4)
        for a, b in combinations(region.tolist(), 2)
        if a % people != b % people
    ]
    a, b, iou = (np.array(column) for column in zip(*pairs, strict=True))
    found = _core.group_lesions(region % people, a, b, iou)
    assert found.tolist() == [0] * people + [1] * people
