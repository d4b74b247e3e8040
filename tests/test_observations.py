"""Lesions on pages: boxes whose measures are worked out by hand, rules, and a slow calculation region by region.

Images are 100 x 100 px, so percent and pixels are the same numbers.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import lesiongeo as lg
from lesiongeo.agreement.counted import Counted
from lesiongeo.agreement.lesions import group_regions
from lesiongeo.testing import make_export
from lesiongeo.tracks.observations import OUTLINES, Observations, observe
from little_exports import odd_names, others, three, twice, undrawn_pages
from test_agreement_rules import Entry, annotation, box, polygon, task


@dataclass
class Pages:
    """The spacing of pages, and regions that are markers."""

    spacing: Any
    marker: Any


def pages(export: lg.Export, spacing: Any = np.nan, marker: tuple[str, ...] = ()) -> Pages:
    ids = export.regions.table["region_id"].to_pylist()
    return Pages(np.full((export.pages.num_rows, 2), spacing), np.isin(ids, marker))


def read(*tasks: Entry) -> lg.Export:
    return lg.read_label_studio(json.dumps(list(tasks)).encode())


def seen(export: lg.Export, *, spacing: Any = np.nan, marker: tuple[str, ...] = (), **options: Any) -> Observations:
    return observe(export, Counted(export), visits=pages(export, spacing, marker), **options)


def ids(export: lg.Export, found: Observations) -> list[list[str]]:
    """Ids of the regions of each observation."""
    names = np.array(export.regions.table["region_id"].to_pylist(), dtype=object)
    return [list(part) for part in np.split(names[found.members], found.starts[1:-1])]


def three_boxes() -> lg.Export:
    """Three people draw 10 px wide boxes, 10, 12 and 8 px high."""
    high = (10.0, 12.5, 7.5)
    people = [
        annotation(who, who, [box("abc"[who - 1], (25.0, 37.5), (25.0, 25.0 + high[who - 1]))]) for who in (1, 2, 3)
    ]
    return read(task(people))


def test_geometric_means_of_boxes() -> None:
    """12.5 px wide; 10, 12.5 and 7.5 high."""
    export = three_boxes()
    found = seen(export, spacing=[0.5, 0.2])
    assert ids(export, found) == [["a", "b", "c"]]
    assert (found.page.tolist(), found.lesion.tolist(), found.n_annotators.tolist()) == ([0], [0], [3])
    assert (found.owner.tolist(), found.annotators, found.member_annotator.tolist()) == (
        [-1],
        ("1", "2", "3"),
        [0, 1, 2],
    )
    high = np.array([10.0, 12.5, 7.5])

    def mean(values: Any) -> float:
        return float(np.prod(values)) ** (1 / 3)

    expected = {
        "area_px2": mean(12.5 * high),
        "area_mm2": mean(12.5 * high) * 0.1,
        "perimeter_px": mean(2 * (12.5 + high)),
        "perimeter_mm": mean(2 * (6.25 + 0.2 * high)),
        "feret_max_px": mean(np.hypot(12.5, high)),
        "feret_max_mm": mean(np.hypot(6.25, 0.2 * high)),
        "feret_min_px": mean(np.minimum(12.5, high)),
        "feret_min_mm": mean(0.2 * high),
        "log_area": np.log(12.5 * high).mean(),
        "equivalent_diameter_px": 2 * math.sqrt(mean(12.5 * high) / math.pi),
        "equivalent_diameter_mm": 2 * math.sqrt(mean(12.5 * high) * 0.1 / math.pi),
    }
    for name, value in expected.items():
        assert getattr(found, name)[0] == pytest.approx(value, rel=1e-13), name
    assert found.centroid_px[0].tolist() == pytest.approx([31.25, 30.0])
    assert found.member_log_area.tolist() == pytest.approx(np.log(12.5 * high).tolist())
    assert found.spacing.tolist() == [[0.5, 0.2]]


def test_square_pixels_and_none() -> None:
    export = three_boxes()
    plain, scaled = seen(export), seen(export, spacing=0.25)
    for name in ("perimeter", "feret_max", "feret_min", "equivalent_diameter"):
        assert np.isnan(getattr(plain, f"{name}_mm")).all()
        assert getattr(scaled, f"{name}_mm") == pytest.approx(0.25 * getattr(plain, f"{name}_px"), rel=1e-15)
    assert np.isnan(plain.area_mm2).all()
    # Half a spacing is none.
    half = seen(export, spacing=[0.25, np.nan])
    assert np.isnan(half.spacing).all() and np.isnan(half.area_mm2).all() and np.isnan(half.feret_max_mm).all()
    assert half.area_px2 == plain.area_px2


def test_pages_with_different_spacing() -> None:
    export = read(
        task([annotation(1, 1, [box(f"r{page}", (0, 50), (0, 25), page=page) for page in range(3)])], images=3)
    )
    found = seen(export, spacing=[[1.0, 1.0], [2.0, 0.5], [np.nan, np.nan]])
    assert found.page.tolist() == [0, 1, 2]
    assert found.area_mm2.tolist()[:2] == [1250.0, 1250.0] and np.isnan(found.area_mm2[2])
    assert found.perimeter_mm.tolist()[:2] == [150.0, 225.0] and np.isnan(found.perimeter_mm[2])
    assert found.feret_min_mm.tolist()[:2] == [25.0, 12.5]
    assert found.feret_max_mm.tolist()[:2] == pytest.approx([math.hypot(50, 25), math.hypot(100, 12.5)])


def test_equal_outlines_are_their_own_mean() -> None:
    same = [annotation(who, who, [box("abc"[who - 1], (25.0, 37.5), (25.0, 62.5))]) for who in (1, 2, 3)]
    one, many = seen(read(task(same[:1])), spacing=0.1), seen(read(task(same)), spacing=0.1)
    for name in ("area_px2", "area_mm2", "perimeter_px", "feret_max_mm", "feret_min_px", "perimeter_mm"):
        assert getattr(one, name).tolist() == getattr(many, name).tolist(), name


@pytest.mark.parametrize(
    ("outline", "height"), [("majority", 10.0), ("union", 12.5), ("intersection", 7.5), ("medoid", 10.0)]
)
def test_one_outline(outline: str, height: float) -> None:
    found = seen(three_boxes(), spacing=0.5, outline=outline)
    assert OUTLINES[found.outline[0]] == outline
    assert found.area_px2[0] == pytest.approx(12.5 * height, rel=1e-12)
    assert found.perimeter_mm[0] == pytest.approx(12.5 + height, rel=1e-12)
    assert found.measured.tolist() == [True] * 3


def test_outlines_are_those_of_consensus() -> None:
    export = lg.read_label_studio(json.dumps(make_export(patients=6, annotators=3, seed=4)).encode())
    agreement = lg.agreement(export, boundary=False)
    where = [export.pages[name].to_numpy() for name in ("task_id", "page")]
    for outline in ("majority", "union", "intersection", "medoid"):
        made = lg.consensus(export, agreement, method=outline).regions.table.select(
            ["task_id", "page", "lesion", "area_px2"]
        )
        expected = {(row["task_id"], row["page"], row["lesion"]): row["area_px2"] for row in made.to_pylist()}
        found = seen(export, outline=outline)
        key = list(
            zip(where[0][found.page].tolist(), where[1][found.page].tolist(), found.lesion.tolist(), strict=True)
        )
        own = {k: v for k, v in zip(key, found.area_px2.tolist(), strict=True) if not math.isnan(v)}
        assert own == expected


def test_outvoted_lesions_stay_without_measures() -> None:
    export = read(task([annotation(1, 1, [box("a", (0, 25), (0, 25))]), annotation(2, 2, [])]))
    found = seen(export, spacing=1.0, outline="majority")
    assert OUTLINES[found.outline[0]] == "none" and ids(export, found) == [["a"]]
    for name in ("area_px2", "area_mm2", "log_area", "perimeter_px", "feret_max_mm", "equivalent_diameter_px"):
        assert np.isnan(getattr(found, name)[0]), name
    assert np.isnan(found.centroid_px).all() and found.member_log_area[0] == pytest.approx(math.log(625))
    assert seen(export).area_px2[0] == 625.0


def test_without_area_a_region_counts_for_its_id_only() -> None:
    export = read(task([annotation(1, 1, [polygon("line", [(0, 0), (50, 50)]), box("a", (0, 25), (0, 25))])]))
    found = seen(export, spacing=1.0)
    line = ids(export, found).index(["line"])
    assert OUTLINES[found.outline[line]] == "none" and not found.measured[found.starts[line]]
    assert np.isnan([found.area_px2[line], found.feret_max_px[line], found.member_log_area[found.starts[line]]]).all()
    assert np.isfinite(found.area_px2[1 - line])
    assert np.diff(found.shape_starts)[line] == 0


def truth(number: int, who: int, result: list[Entry]) -> Entry:
    return {**annotation(number, who, result), "ground_truth": True}


def test_a_ground_truth_overrides() -> None:
    """Lesion A is drawn by all, B by the others only, C by the expert only."""
    export = read(
        task(
            [
                annotation(1, 1, [box("a1", (0, 25), (0, 25)), box("b1", (50, 75), (0, 25))]),
                annotation(2, 2, [box("a2", (0, 25), (0, 12.5)), box("b2", (50, 75), (0, 25))]),
                truth(3, 3, [box("a3", (0, 25), (0, 18.75)), box("c3", (0, 25), (50, 75))]),
            ]
        )
    )
    found = seen(export)
    # C is a lesion of one person, the expert.
    assert ids(export, found) == [["a1", "a2", "a3"], ["c3"]]
    assert found.measured.tolist() == [False, False, True, True]
    assert [OUTLINES[code] for code in found.outline] == ["ground_truth"] * 2
    assert found.area_px2.tolist() == [25 * 18.75, 625.0]
    assert found.n_annotators.tolist() == [3, 3]
    # Also where one outline by votes is asked for.
    by_votes = seen(export, outline="majority")
    assert by_votes.area_px2.tolist() == found.area_px2.tolist() and by_votes.outline.tolist() == found.outline.tolist()
    # Everybody's own lesions are not the expert's.
    assert len(seen(export, by="annotator")) == 6


def test_a_ground_truth_that_does_not_count_among_annotators() -> None:
    """The expert's later annotation counts among the annotators; the marked one is the truth."""
    old = truth(3, 3, [box("t", (0, 25), (0, 18.75)), box("u", (0, 25), (18.75, 25)), box("new", (50, 75), (50, 75))])
    new = {**annotation(4, 3, [box("later", (0, 25), (0, 25))]), "updated_at": "2030-01-01T00:00:00Z"}
    other = annotation(1, 1, [box("a", (0, 25), (0, 25))])
    export = read(task([other, old, new]))
    found = seen(export)
    # Both parts stand for lesion 0; the larger has what others drew, but for the expert's own later region.
    assert sorted(ids(export, found)) == [["a", "t"], ["new"], ["u"]]
    lesion = {names[-1]: number for names, number in zip(ids(export, found), found.lesion.tolist(), strict=True)}
    assert lesion == {"t": 0, "u": 0, "new": -1}
    assert [names[-1] for names in ids(export, found)][-1] == "new"
    assert sorted(found.area_px2.tolist()) == [25 * 6.25, 25 * 18.75, 625.0]


def test_by_annotator_nothing_is_grouped() -> None:
    export = three_boxes()
    found = seen(export, by="annotator")
    assert ids(export, found) == [["a"], ["b"], ["c"]]
    assert (found.owner.tolist(), found.lesion.tolist(), found.n_drawn.tolist()) == ([0, 1, 2], [-1] * 3, [1] * 3)
    assert found.area_px2.tolist() == [125.0, 156.25, 93.75]
    assert found.of_region(len(export.regions)).tolist() == [0, 1, 2]


def test_markers_are_no_lesions() -> None:
    export = three_boxes()
    assert ids(export, seen(export, marker=("b",))) == [["a", "c"]]
    assert ids(export, seen(export, marker=("b",), by="annotator")) == [["a"], ["c"]]
    assert ids(export, seen(export, marker=("a", "b", "c"))) == [[]]
    agreement = lg.agreement(export, boundary=False)
    assert ids(export, seen(export, marker=("a", "b"), agreement=agreement)) == [["c"]]


def test_nothing_at_all() -> None:
    for export in (read(), read(task([])), read(task([annotation(1, 1, [])]))):
        for options in ({}, {"by": "annotator"}, {"outline": "majority"}, {"outline": "medoid"}):
            found = seen(export, **options)
            assert len(found) == 0 and found.starts.tolist() == [0] and found.centroid_px.shape == (0, 2)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_region_by_region(seed: int) -> None:
    """Every region that counts is in one observation; its measures are means of what `measure` says."""
    text = json.dumps(make_export(patients=8, annotators=3, seed=seed)).encode()
    export = lg.read_label_studio(text, spacing_mm="spacing_mm")
    counted = Counted(export)
    spacing = np.stack([export.pages[name].to_numpy() for name in ("spacing_x_mm", "spacing_y_mm")], axis=1)
    spacing[::3, 1] *= 1.25
    spacing[::7] = np.nan
    marker = np.zeros(len(export.regions), dtype=bool)
    agreement = lg.agreement(export, boundary=False)
    found = observe(export, counted, visits=Pages(spacing, marker))
    given = observe(export, counted, visits=Pages(spacing, marker), agreement=agreement)
    assert sorted(found.members.tolist()) == sorted(counted.order.tolist())
    of_region = found.of_region(len(export.regions))
    groups = group_regions(export, counted).of_region(counted, len(export.regions))
    assert groups.tolist() == agreement.lesion_of_region.tolist()
    assert len(found) == agreement.lesions.num_rows
    per_region = spacing[found.page][of_region]
    per_region[of_region < 0] = np.nan
    table = lg.measure(export, spacing_mm=per_region)
    measured = {name: table[name].to_numpy() for name in table.column_names if name not in ("region_id", "problem")}
    drawn = ("perimeter", "feret_max", "feret_min")
    for row in range(len(found)):
        rows = found.members[found.starts[row] : found.starts[row + 1]]
        assert len(set(agreement.lesion_of_region[rows])) == 1
        lesion = agreement.lesions.slice(int(agreement.lesion_of_region[rows[0]]), 1).to_pylist()[0]
        place = export.pages.slice(int(found.page[row]), 1).to_pylist()[0]
        assert [lesion["task_id"], lesion["page"]] == [place["task_id"], place["page"]]
        assert [lesion["lesion"], lesion["n_annotators"], lesion["n_drawn"]] == [
            found.lesion[row],
            found.n_annotators[row],
            len(rows),
        ]
        if not found.measured[found.starts[row]]:
            assert np.isnan(found.area_px2[row])
            continue
        for name in [f"{one}_{unit}" for one in drawn for unit in ("px", "mm")] + ["area_px2", "area_mm2"]:
            expected = math.exp(np.mean([math.log(value) for value in measured[name][rows]]))
            assert np.allclose(getattr(found, name)[row], expected, rtol=1e-12, equal_nan=True), name
        middle = [measured[f"centroid_{axis}_px"][rows].mean() for axis in "xy"]
        assert found.centroid_px[row].tolist() == pytest.approx(middle, rel=1e-12)
        assert given.area_px2[row] == found.area_px2[row]


@pytest.mark.parametrize("tasks", [odd_names(), others(1), twice(), undrawn_pages()])
def test_groups_of_odd_exports_are_those_of_agreement(tasks: list[Entry]) -> None:
    export = read(*tasks)
    counted = Counted(export)
    groups = group_regions(export, counted)
    agreement = lg.agreement(export, boundary=False)
    assert groups.of_region(counted, len(export.regions)).tolist() == agreement.lesion_of_region.tolist()
    assert groups.number.tolist() == agreement.lesions["lesion"].to_pylist()
    assert groups.page.tolist() == agreement.lesions["page"].to_pylist()


def test_the_order_of_tasks_changes_no_number() -> None:
    tasks = make_export(patients=5, annotators=3, seed=9)
    results = []
    for some in (tasks, tasks[::-1]):
        export = read(*some)
        found = seen(export, spacing=[0.1, 0.2])
        key = zip(
            export.pages["task_id"].to_numpy()[found.page].tolist(),
            export.pages["page"].to_numpy()[found.page].tolist(),
            found.lesion.tolist(),
            ids(export, found),
            found.perimeter_mm.tolist(),
            found.area_px2.tolist(),
            found.centroid_px.tolist(),
            strict=True,
        )
        results.append(sorted(map(str, key)))
    assert results[0] == results[1]


def test_threads_change_no_bit() -> None:
    export = read(*[three(k) for k in range(1, 200)])
    one, two = (seen(export, spacing=[0.1, 0.3], threads=threads) for threads in (1, 2))
    for name in ("area_px2", "perimeter_mm", "feret_max_mm", "feret_min_px", "centroid_px", "members"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes(), name


def test_what_does_not_go() -> None:
    export, other = three_boxes(), read(*[three(k) for k in (1, 2)])
    with pytest.raises(ValueError, match="by is 'person'; it is one of lesion, annotator"):
        seen(export, by="person")
    with pytest.raises(ValueError, match="outline is 'mean'; it is one of annotators, majority, medoid"):
        seen(export, outline="mean")
    with pytest.raises(ValueError, match="leave one of them out"):
        seen(export, by="annotator", outline="union")
    with pytest.raises(ValueError, match="the agreement is of an export with 12 regions, not of this one with 3"):
        seen(export, agreement=lg.agreement(other, boundary=False))
    with pytest.raises(ValueError, match=r"visits.spacing has shape \(2, 2\); it is \(1, 2\)"):
        observe(export, Counted(export), visits=Pages(np.ones((2, 2)), np.zeros(3, dtype=bool)))
    with pytest.raises(ValueError, match=r"visits.marker has shape \(2,\); it is \(3,\)"):
        observe(export, Counted(export), visits=Pages(np.ones((1, 2)), np.zeros(2, dtype=bool)))
    with pytest.raises(ValueError, match=r"region 0 lies on page 0 of task \d+, which export.pages does not have"):
        seen(replace(export, pages=export.pages.slice(0, 0)))
