"""The synthetic data: repeatable, shaped like real exports, and with a truth that can be recovered."""

import json
import runpy
import shlex
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

import lesiongeo.testing as synthetic
from lesiongeo.testing import Annotator, Ragged, TrueLesion
from lesiongeo.testing.__main__ import main

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
REAL = ROOT.parent / "shared" / "data" / "label_studio" / "ls_real_export.json"
GEOMETRY_TYPES = {"polygonlabels", "rectanglelabels", "ellipselabels"}

Task = dict[str, Any]
Entry = dict[str, Any]
Key = tuple[int, int, int]


def annotations(tasks: list[Task]) -> Iterator[dict[str, Any]]:
    for task in tasks:
        yield from task["annotations"]


def regions(annotation: dict[str, Any]) -> dict[str, list[Entry]]:
    """Entries of every drawn region, by region id."""
    found: dict[str, list[Entry]] = {}
    for entry in annotation["result"]:
        if "original_width" in entry:
            found.setdefault(entry["id"], []).append(entry)
    return found


def all_regions(tasks: list[Task]) -> Iterator[tuple[dict[str, Any], list[Entry]]]:
    for annotation in annotations(tasks):
        for entries in regions(annotation).values():
            yield annotation, entries


def key(annotation: dict[str, Any], entries: list[Entry]) -> Key:
    """Task, page and the track number that the annotator gave."""
    return annotation["task"], entries[0]["item_index"], entries[1]["value"]["number"]


def shape(entry: Entry) -> shapely.Polygon:
    """Geometry of an entry in pixels, built here from the definition of the format."""
    size = np.array([entry["original_width"], entry["original_height"]]) / 100.0
    value = entry["value"]
    if "points" in value:
        return shapely.Polygon(np.array(value["points"]) * size)
    turn = np.radians(value["rotation"])
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    at = np.array([value["x"], value["y"]]) * size
    if "width" in value:
        width, height = np.array([value["width"], value["height"]]) * size
        corners = [at, at + width * along, at + width * along + height * across, at + height * across]
        return shapely.Polygon(np.array(corners))
    radii = np.array([value["radiusX"], value["radiusY"]]) * size
    angles = np.linspace(0.0, 2.0 * np.pi, 400, endpoint=False)[:, None]
    return shapely.Polygon(at + radii[0] * np.cos(angles) * along + radii[1] * np.sin(angles) * across)


def by_key(truth: list[TrueLesion]) -> dict[Key, TrueLesion]:
    return {(lesion.task_id, lesion.page, lesion.track_id): lesion for lesion in truth}


def text_of(tasks: list[Task], path: Path) -> bytes:
    synthetic.write_export(tasks, path)
    return path.read_bytes()


# --- the export as a file


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    texts = [text_of(synthetic.make_export(patients=4, seed=seed), tmp_path / "out.json") for seed in (5, 5, 6)]
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


def test_the_example_is_what_its_documented_command_makes(tmp_path: Path) -> None:
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    (command,) = [line for line in readme.splitlines() if line.startswith("python -m lesiongeo.testing ")]
    words = shlex.split(command)[3:]
    main([str(tmp_path / Path(word).name) if word.startswith("examples/") else word for word in words])
    for name in ("dermatology.json", "dermatology_config.xml"):
        assert (tmp_path / name).read_bytes() == (EXAMPLES / name).read_bytes(), name
    assert (EXAMPLES / "dermatology.json").stat().st_size < 4_000_000


def test_the_example_shows_every_oddity() -> None:
    tasks = json.loads((EXAMPLES / "dermatology.json").read_text(encoding="utf-8"))
    seen: Counter[str] = Counter()
    for task in tasks:
        people = Counter(annotation["completed_by"] for annotation in task["annotations"])
        seen["repeated"] += max(people.values()) > 1
        seen["predicted"] += len(task["predictions"])
    for annotation in annotations(tasks):
        seen["cancelled"] += annotation["was_cancelled"]
        seen["empty"] += not annotation["was_cancelled"] and not annotation["result"]
        seen["relation"] += any(entry["type"] == "relation" for entry in annotation["result"])
        for entries in regions(annotation).values():
            first = entries[0]
            seen[first["type"]] += 1
            seen["notes"] += len(entries) == 4
            seen["turned"] += bool(first["value"].get("rotation"))
            if not first["value"].get("closed", True):
                seen["unfinished"] += 1
            elif not shape(first).is_valid:
                seen["crossing"] += 1
    wanted = {
        "repeated",
        "predicted",
        "cancelled",
        "empty",
        "relation",
        "notes",
        "turned",
        "unfinished",
        "crossing",
    }
    assert not [name for name in wanted | GEOMETRY_TYPES if not seen[name]], seen
    assert len(tasks) == 40
    assert {annotation["completed_by"] for annotation in annotations(tasks)} == {1, 2, 3}


def test_nothing_but_finite_numbers_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        synthetic.write_export([{"id": float("nan")}], tmp_path / "out.json")


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_file_is_one_json_document_with_a_task_per_line(count: int, tmp_path: Path) -> None:
    tasks = synthetic.make_export(patients=count, visits=1, annotators=1)
    text = text_of(tasks, tmp_path / "out.json").decode()
    assert json.loads(text) == tasks
    assert len(text.splitlines()) == (count + 2 if count else 1)


def test_the_command_runs_as_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out.json"
    monkeypatch.setattr(sys, "argv", ["testing", str(out), "--patients", "2", "--seed", "3"])
    monkeypatch.delitem(sys.modules, "lesiongeo.testing.__main__")
    runpy.run_module("lesiongeo.testing", run_name="__main__")
    assert json.loads(out.read_bytes()) == synthetic.make_export(patients=2, seed=3)
    assert list(tmp_path.iterdir()) == [out]


def test_the_command_refuses_what_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.json"
    with pytest.raises(SystemExit) as stopped:
        main([str(out), "--vertices", "3", "9"])
    assert stopped.value.code == 2
    assert "vertices must be" in capsys.readouterr().err
    assert not out.exists()


# --- structure


@pytest.mark.skipif(not REAL.exists(), reason="needs the shared real export")
def test_keys_and_their_order_are_those_of_a_real_export() -> None:
    real = json.loads(REAL.read_text(encoding="utf-8"))
    tasks = synthetic.make_export(patients=10, seed=3)
    assert {tuple(task) for task in tasks} == {tuple(real[0])}
    assert {tuple(a) for a in annotations(tasks)} == {tuple(a) for a in annotations(real)}

    def entry_keys(exported: list[Task]) -> set[tuple[str, ...]]:
        entries = [entry for annotation in annotations(exported) for entry in annotation["result"]]
        return {tuple(k for k in entry if k != "meta") for entry in entries}

    assert entry_keys(tasks) == entry_keys(real)


def test_every_entry_of_a_region_repeats_one_geometry() -> None:
    tasks = synthetic.make_export(patients=12, seed=2, invalid_rate=0.2)
    answers = {"number", "choices", "text", *GEOMETRY_TYPES}
    count = 0
    for _, entries in all_regions(tasks):
        count += 1
        assert [entry["from_name"] for entry in entries[1:3]] == ["track_id", "lesion_status"]
        assert entries[0]["type"] in GEOMETRY_TYPES
        assert [entry["from_name"] for entry in entries[3:]] in ([], ["notes"])
        for entry in entries:
            common = {name: entry[name] for name in ("id", "item_index", "original_width", "original_height")}
            assert common == {name: entries[0][name] for name in common}
            geometry = {name: v for name, v in entry["value"].items() if name not in answers}
            assert geometry == {name: v for name, v in entries[0]["value"].items() if name not in answers}
    assert count > 100


def test_counts_ids_and_times_are_consistent() -> None:
    crew = [Annotator(5, repeat_rate=0.5, skip_rate=0.2), Annotator(2)]
    tasks = synthetic.make_export(patients=30, annotators=crew, seed=8)
    made = list(annotations(tasks))
    assert [annotation["id"] for annotation in made] == list(range(1, len(made) + 1))
    assert all(a["created_at"] < b["created_at"] for a, b in pairwise(made))
    assert len({annotation["unique_id"] for annotation in made}) == len(made)
    for task in tasks:
        cancelled = sum(annotation["was_cancelled"] for annotation in task["annotations"])
        assert task["cancelled_annotations"] == cancelled
        assert task["total_annotations"] + cancelled == len(task["annotations"])
        assert task["total_predictions"] == len(task["predictions"])
        assert task["updated_at"] == max(annotation["updated_at"] for annotation in task["annotations"])
        pages = len(task["data"]["images"])
        assert pages == len(task["data"]["visit_offsets_days"]) == len(task["data"]["spacing_mm"]) == 3
        assert task["data"]["visit_offsets_days"][0] == 0
    for annotation in made:
        ids = [entry.get("id") for entry in annotation["result"]]
        assert annotation["result_count"] == len(set(ids))
        assert annotation["created_at"] < annotation["updated_at"]
        for entry in annotation["result"]:
            if entry["type"] == "relation":
                assert {entry["from_id"], entry["to_id"]} < set(ids)
    for annotation, entries in all_regions(tasks):
        spacing = tasks[annotation["task"] - 1]["data"]["spacing_mm"][entries[0]["item_index"]]
        assert entries[0]["original_width"] * spacing == 80.0


def test_the_labeling_configuration_has_every_control_and_answer() -> None:
    config = ElementTree.fromstring(synthetic.LABELING_CONFIG)  # noqa: S314 - our own text
    controls = {tag.get("name"): tag for tag in config.iter() if tag.get("toName")}
    image = config.find(".//Image")
    assert image is not None and image.get("valueList") == "$images"
    tasks = synthetic.make_export(patients=25, seed=1)
    used: dict[str, set[str]] = {}
    for annotation in annotations(tasks):
        for entry in annotation["result"]:
            if "from_name" in entry:
                assert entry["to_name"] == controls[entry["from_name"]].get("toName") == image.get("name")
                assert entry["type"] == controls[entry["from_name"]].tag.lower()
                answer = entry["value"].get(entry["type"], [])
                used.setdefault(entry["from_name"], set()).update(answer if isinstance(answer, list) else [])
    assert set(used) == set(controls)
    for name, answers in used.items():
        assert answers <= {option.get("value") for option in controls[name]}, name
    per_item = {name for name, tag in controls.items() if tag.get("perItem") == "true"}
    per_region = {name for name, tag in controls.items() if tag.get("perRegion") == "true"}
    assert per_item == {"visit_assessment"}
    assert per_region == {"track_id", "lesion_status", "notes"}


def test_tasks_one_by_one_are_the_tasks_of_the_list() -> None:
    tasks = synthetic.iter_export(patients=1_000_000, seed=9)
    assert [next(tasks), next(tasks)] == synthetic.make_export(patients=2, seed=9)


def test_other_patients_and_annotators_change_no_drawing() -> None:
    crew = [Annotator(1), Annotator(2, bias=0.1)]
    small = synthetic.make_export(patients=3, annotators=crew[1:], seed=4)
    large = synthetic.make_export(patients=5, annotators=crew, seed=4)
    for task, same in zip(small, large, strict=False):
        drawn = [a["result"] for a in same["annotations"] if a["completed_by"] == 2]
        assert [a["result"] for a in task["annotations"]] == drawn


# --- truth


def test_the_truth_is_a_plausible_course_of_separate_lesions() -> None:
    truth = synthetic.make_truth(patients=60, visits=4, seed=11)
    outlines = {k: shapely.Polygon(lesion.outline()) for k, lesion in by_key(truth).items()}
    assert {lesion.status for lesion in truth} == set(synthetic.STATUSES)
    assert {lesion.label for lesion in truth} == set(synthetic.LABELS)
    previous: dict[tuple[int, int], TrueLesion] = {}
    for lesion in truth:
        outline = outlines[lesion.task_id, lesion.page, lesion.track_id]
        assert outline.is_valid
        assert outline.area == pytest.approx(lesion.area_px2, rel=1e-12)
        assert shapely.box(0, 0, lesion.width, lesion.height).contains(outline)
        before = previous.get((lesion.task_id, lesion.track_id))
        if before is None:
            assert lesion.status == "new"
        else:
            assert (before.page, before.label, before.harmonics) == (
                lesion.page - 1,
                lesion.label,
                lesion.harmonics,
            )
            growth = lesion.area_px2 / before.area_px2 * (before.width / lesion.width) ** 2
            low, high = {
                "stable": (0.9, 1.1),
                "enlarged": (1.1, 2.0),
                "regressed": (0.25, 0.9),
                "resolved": (0.0, 0.25),
            }[lesion.status]
            assert low <= growth <= high
        previous[lesion.task_id, lesion.track_id] = lesion
    for (task, page, track), outline in outlines.items():
        others = [o for (t, p, k), o in outlines.items() if (t, p) == (task, page) and k > track]
        assert not any(outline.intersects(other) for other in others)


def test_a_crowd_of_lesions_still_fits_on_the_page() -> None:
    truth = synthetic.make_truth(patients=1, visits=1, lesions=(60, 60), seed=1)
    assert len(truth) == 60


@pytest.mark.parametrize("bias", [-0.1, 0.0, 0.06])
def test_the_bias_of_an_annotator_is_recovered(bias: float) -> None:
    scene: dict[str, Any] = {"patients": 60, "seed": 13}
    truth = by_key(synthetic.make_truth(**scene))
    crew = [Annotator(1, bias=bias, track_confusion=0.0, extra_rate=0.0, invalid_rate=0.0)]
    tasks = synthetic.make_export(annotators=crew, **scene)
    ratios = [
        shape(entries[0]).area / truth[key(annotation, entries)].area_px2
        for annotation, entries in all_regions(tasks)
        if entries[0]["type"] == "polygonlabels"
    ]
    assert len(ratios) > 300
    assert np.mean(ratios) == pytest.approx((1.0 + bias) ** 2, abs=0.006)
    assert 0.005 < np.std(ratios) < 0.05


def test_a_faultless_annotator_draws_the_truth() -> None:
    scene: dict[str, Any] = {"patients": 8, "seed": 21, "vertices": (40, 64)}
    truth = by_key(synthetic.make_truth(patients=8, seed=21))
    tasks = synthetic.make_export(annotators=[Annotator.faultless(1)], **scene)
    drawn = {key(annotation, entries): entries for annotation, entries in all_regions(tasks)}
    assert drawn.keys() == truth.keys()
    for k, entries in drawn.items():
        ideal, polygon = shapely.Polygon(truth[k].outline()), shape(entries[0])
        assert polygon.is_valid
        assert ideal.intersection(polygon).area / ideal.union(polygon).area > 0.97
        assert entries[0]["value"]["polygonlabels"] == [truth[k].label]
        assert entries[2]["value"]["choices"] == [truth[k].status]


# --- habits


def one_habit(**habit: float) -> tuple[list[Task], dict[Key, TrueLesion]]:
    """Give an export by somebody with a single bad habit, and the truth."""
    person = Annotator(**{**dict.fromkeys(Annotator.__slots__, 0.0), "id": 1, **habit})  # type: ignore[arg-type]
    tasks = synthetic.make_export(patients=15, annotators=[person], seed=17)
    return tasks, by_key(synthetic.make_truth(patients=15, seed=17))


def test_habit_skip() -> None:
    tasks, _ = one_habit(skip_rate=1.0)
    assert [(a["was_cancelled"], a["result"]) for a in annotations(tasks)] == [(True, [])] * 15


def test_habit_empty() -> None:
    tasks, _ = one_habit(empty_rate=1.0)
    assert [(a["was_cancelled"], a["result"]) for a in annotations(tasks)] == [(False, [])] * 15


def test_habit_repeat() -> None:
    tasks, _ = one_habit(repeat_rate=1.0, noise=0.03)
    for task in tasks:
        first, second = task["annotations"]
        assert first["completed_by"] == second["completed_by"]
        assert first["updated_at"] < second["updated_at"]
        assert first["result"] != second["result"]


def test_habit_miss_loses_small_lesions_first() -> None:
    tasks, truth = one_habit(miss_rate=0.5)
    drawn = {key(annotation, entries) for annotation, entries in all_regions(tasks)}
    sizes = {k: lesion.radius_px / lesion.width for k, lesion in truth.items()}
    lost = [sizes[k] for k in truth.keys() - drawn]
    assert lost and drawn
    assert np.median(lost) < np.median([sizes[k] for k in drawn])


def test_habit_extra() -> None:
    tasks, truth = one_habit(extra_rate=1.0)
    extra = [key(annotation, entries) for annotation, entries in all_regions(tasks)]
    assert len(extra) == len(truth) + 15 * 3
    assert len(set(extra) - truth.keys()) == 15 * 3


def test_habit_label_confusion() -> None:
    tasks, truth = one_habit(label_confusion=1.0)
    for annotation, entries in all_regions(tasks):
        lesion = truth[key(annotation, entries)]
        assert entries[0]["value"]["polygonlabels"] != [lesion.label]
        assert entries[2]["value"]["choices"] != [lesion.status]


def test_habit_track_confusion() -> None:
    tasks, truth = one_habit(track_confusion=1.0)
    for annotation, entries in all_regions(tasks):
        lesion = truth.get(key(annotation, entries))
        assert lesion is None or not shape(entries[0]).contains(shapely.Point(lesion.center_px))


def test_habit_invalid() -> None:
    tasks, _ = one_habit(invalid_rate=1.0)
    kinds: Counter[str] = Counter()
    for _, entries in all_regions(tasks):
        value = entries[0]["value"]
        assert value["closed"] == (len(value["points"]) > 2)
        if value["closed"]:
            polygon = shape(entries[0])
            assert not polygon.is_valid
            kinds["bow tie" if polygon.area < 0.5 * polygon.convex_hull.area else "twist"] += 1
        else:
            kinds["unfinished"] += 1
    assert kinds.keys() == {"bow tie", "twist", "unfinished"}


def test_habit_shape() -> None:
    tasks, truth = one_habit(shape_rate=1.0)
    kinds: Counter[str] = Counter()
    for annotation, entries in all_regions(tasks):
        kind, drawn = entries[0]["type"], shape(entries[0])
        ideal = shapely.Polygon(truth[key(annotation, entries)].outline())
        kinds[kind] += 1
        assert 0 <= entries[0]["value"]["rotation"] < 360
        if kind == "rectanglelabels":
            assert drawn.buffer(0.02 * np.sqrt(drawn.area)).contains(ideal)
            assert drawn.area < 1.8 * ideal.area
        else:
            assert drawn.area == pytest.approx(ideal.area, rel=0.02)
            assert drawn.intersection(ideal).area / drawn.union(ideal).area > 0.7
    assert kinds.keys() == {"rectanglelabels", "ellipselabels"}


def test_a_number_of_annotators_takes_common_habits() -> None:
    crew = synthetic.default_annotators(4, bias=[0.0, 0.1, 0.2, 0.3], noise=0.01, skip_rate=0.5)
    assert [(p.id, p.bias, p.noise, p.skip_rate) for p in crew] == [
        (1, 0.0, 0.01, 0.5),
        (2, 0.1, 0.01, 0.5),
        (3, 0.2, 0.01, 0.5),
        (4, 0.3, 0.01, 0.5),
    ]
    common: dict[str, Any] = {"bias": [0.0, 0.1, 0.2, 0.3], "noise": 0.01, "skip_rate": 0.5}
    assert synthetic.make_export(patients=2, annotators=crew) == synthetic.make_export(
        patients=2, annotators=4, **common
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patients": -1}, "patients >= 0"),
        ({"visits": 0}, "visits >= 1"),
        ({"seed": -1}, "seed >= 0"),
        ({"lesions": (3, 2)}, "lesions must be"),
        ({"vertices": (7, 9)}, "vertices must be"),
        ({"image_sizes": []}, "image_sizes must"),
        ({"image_sizes": [(100, 10)]}, "image_sizes must"),
        ({"annotators": [Annotator(1), Annotator(1)]}, "same id"),
        ({"annotators": [Annotator(1)], "bias": 0.1}, "on each Annotator"),
        ({"annotators": 2, "bias": [0.1]}, "bias has 1 values for 2"),
    ],
)
def test_impossible_exports_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        synthetic.make_export(**options)


@pytest.mark.parametrize(
    ("habit", "message"),
    [
        ({"id": 0}, "id must"),
        ({"bias": -1.0}, "bias must"),
        ({"noise": float("nan")}, "noise must"),
        ({"miss_rate": 1.5}, "miss_rate must"),
        ({"shape_rate": float("nan")}, "shape_rate must"),
    ],
)
def test_impossible_habits_are_refused(habit: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Annotator(**{"id": 1, **habit})


# --- pairs of outlines


def polygons(ragged: Ragged, vertices: int) -> NDArray[np.object_]:
    return np.asarray(shapely.polygons(ragged.xy.reshape(-1, vertices, 2)))


def boxes_overlap(a: NDArray[np.object_], b: NDArray[np.object_]) -> NDArray[np.bool_]:
    first, second = shapely.bounds(a), shapely.bounds(b)
    touching = (first[:, :2] < second[:, 2:]) & (second[:, :2] < first[:, 2:])
    return np.asarray(touching.all(axis=1))


@pytest.mark.parametrize("vertices", [8, 12, 50, 201])
@pytest.mark.parametrize("kind", synthetic.OUTLINE_KINDS)
def test_outlines_keep_the_promise_of_their_kind(kind: str, vertices: int) -> None:
    n = 400
    ragged = synthetic.make_outlines(n, vertices=vertices, kind=kind, seed=6)
    for part in ragged:
        assert part.xy.dtype == np.float64 and part.xy.shape == (n * vertices, 2)
        assert part.ring_offsets.dtype == part.polygon_offsets.dtype == np.int32
        np.testing.assert_array_equal(part.ring_offsets, np.arange(n + 1) * vertices)
        np.testing.assert_array_equal(part.polygon_offsets, np.arange(n + 1))
        assert part.xy.min() > 0.0 and part.xy.max() < 1024.0
    a, b = (polygons(part, vertices) for part in ragged)
    assert shapely.is_valid(b).all()
    assert shapely.is_valid(a).all() == (kind != "invalid")
    if kind == "identical":
        np.testing.assert_array_equal(ragged[0].xy, ragged[1].xy)
        assert not np.shares_memory(ragged[0].xy, ragged[1].xy)
    elif kind == "shared_edge":
        same = (ragged[0].xy == ragged[1].xy).all(axis=1).reshape(n, vertices)
        assert same[:, : vertices // 2].all() and not same[:, vertices // 2 :].any()
    elif kind == "disjoint":
        assert not boxes_overlap(a, b).any()
        assert (shapely.distance(shapely.envelope(a), shapely.envelope(b)) > 50.0).all()
    elif kind == "near":
        assert boxes_overlap(a, b).all()
        assert not shapely.intersects(a, b).any()
    else:
        if kind == "invalid":
            # One crossing cuts a ring into three: up to it, the loop, and back to the first vertex.
            assert (shapely.get_num_geometries(shapely.node(shapely.boundary(a))) == 3).all()
            a = shapely.make_valid(a)
        iou = shapely.area(shapely.intersection(a, b)) / shapely.area(shapely.union(a, b))
        assert 0.75 < np.median(iou) < 0.9 and iou.min() > 0.5
        crossed = shapely.get_num_geometries(shapely.intersection(shapely.boundary(a), shapely.boundary(b)))
        assert np.median(crossed) >= 4


def test_outlines_depend_on_the_seed_only() -> None:
    first, again, other = (synthetic.make_outlines(50, seed=seed)[1].xy for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert len(synthetic.make_outlines(0)[0].xy) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 1, "kind": "round"}, "kind must be one of overlap"),
        ({"n": 1, "vertices": 7}, "vertices must be at least 8"),
        ({"n": -1}, "do not fit"),
        ({"n": 2**30, "vertices": 8}, "do not fit"),
    ],
)
def test_impossible_outlines_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        synthetic.make_outlines(**options)


# --- habits from a week on


def test_tasks_are_spread_over_weeks_from_a_monday_on() -> None:
    tasks = synthetic.make_export(patients=20, annotators=[Annotator.faultless(1)], weeks=10, seed=3)
    days = [datetime.fromisoformat(annotation["created_at"]).date() for annotation in annotations(tasks)]
    monday = days[0] - timedelta(days=days[0].weekday())
    assert days[0] == monday
    assert [(day - monday).days // 7 for day in days] == [index // 2 for index in range(20)]


def test_a_habit_changes_its_weeks_and_its_annotator_only() -> None:
    crew = [Annotator.faultless(1), Annotator.faultless(2)]
    plain = synthetic.make_export(patients=12, annotators=crew, weeks=4, seed=5)
    habit = synthetic.Habit(2, "bias", 0.1, week=2)
    biased = synthetic.make_export(patients=12, annotators=crew, weeks=4, seed=5, habits=[habit])
    assert biased[:6] == plain[:6]
    for before, after in zip(plain[6:], biased[6:], strict=True):
        assert after["annotations"][0] == before["annotations"][0]
        assert after["annotations"][1] != before["annotations"][1]
    areas = [
        [shape(entries[0]).area for annotation, entries in all_regions(some[6:]) if annotation["completed_by"] == 2]
        for some in (plain, biased)
    ]
    np.testing.assert_allclose(np.divide(areas[1], areas[0]), 1.21, rtol=2e-3)


def test_other_habits_do_what_they_say() -> None:
    crew = [Annotator.faultless(1)]
    habits = [
        synthetic.Habit(1, "label", 1.0, answers=("nevus", "melanoma")),
        synthetic.Habit(1, "status", 1.0, answers=("stable", "enlarged")),
        synthetic.Habit(1, "lose_small", 1.0, below_px2=9000.0),
        synthetic.Habit(1, "lead_time", 3.0),
        synthetic.Habit(1, "vertices", 2.0),
    ]
    scene: dict[str, Any] = {"patients": 15, "seed": 17}
    plain = synthetic.make_export(annotators=crew, **scene)
    tasks = synthetic.make_export(annotators=crew, habits=habits, **scene)
    truth = by_key(synthetic.make_truth(**scene))
    drawn = set()
    for annotation, entries in all_regions(tasks):
        at = key(annotation, entries)
        drawn.add(at)
        right = truth[at]
        assert entries[0]["value"]["polygonlabels"] == ["melanoma" if right.label == "nevus" else right.label]
        assert entries[2]["value"]["choices"] == ["enlarged" if right.status == "stable" else right.status]
        assert 48 <= len(entries[0]["value"]["points"]) <= 128
    assert drawn == {at for at, lesion in truth.items() if lesion.area_px2 >= 9000.0}
    lead = [np.median([annotation["lead_time"] for annotation in annotations(some)]) for some in (plain, tasks)]
    assert lead[1] > 1.5 * lead[0]
    extra = synthetic.Habit(1, "extra", 1.0, week=1)
    tasks = synthetic.make_export(annotators=crew, weeks=3, habits=[extra], **scene)
    added = {key(annotation, entries) for annotation, entries in all_regions(tasks)} - truth.keys()
    assert len(added) == 10 * 3 and all(at[0] > 5 for at in added)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: synthetic.Habit(1, "haste", 1.0), "kind must be one of"),
        (lambda: synthetic.Habit(1, "extra", 1.5), "probability"),
        (lambda: synthetic.Habit(1, "bias", -1.0), "above -1"),
        (lambda: synthetic.Habit(1, "lead_time", 0.0), "factor above 0"),
        (lambda: synthetic.Habit(1, "label", 0.5), "answers go with"),
        (lambda: synthetic.Habit(1, "label", 0.5, answers=("nevus", "mole")), "mole"),
        (lambda: synthetic.Habit(1, "bias", 0.1, week=3, until=3), "week < until"),
        (lambda: synthetic.make_export(weeks=0), "weeks must be"),
        (lambda: synthetic.make_export(habits=[synthetic.Habit(9, "bias", 0.1)]), "annotator 9"),
        (lambda: synthetic.make_export(weeks=3, habits=[synthetic.Habit(1, "bias", 0.1, week=3)]), "has 3"),
    ],
)
def test_impossible_habits_from_a_week_on_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_habit_ends() -> None:
    habit = synthetic.Habit(1, "bias", 0.1, week=1, until=3)
    assert [habit.applies(week) for week in range(4)] == [False, True, True, False]
