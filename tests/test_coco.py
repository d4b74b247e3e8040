"""COCO files of consensus and of regions: numbers by hand, and what COCO's own tools make of them."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import lesiongeo as lg
from lesiongeo.coco import file_name
from test_agreement_rules import annotation, task
from test_consensus import box, control, make, polygon, read, ring, steps

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "dermatology.json"


def example() -> lg.Consensus:
    export = lg.read_label_studio(EXAMPLE)
    return lg.consensus(export, lg.agreement(export, boundary=False))


def test_by_hand() -> None:
    tracked = [
        annotation(k, k, [box("a", (4, 54), (8, 58)), control("a", "track_id", "number", {"number": 3})])
        for k in (1, 2, 3)
    ]
    made = lg.coco(make(task(tracked)))
    assert made["images"] == [
        {
            "id": 1,
            "file_name": "visit-0.jpg",
            "width": 128,
            "height": 128,
            "coco_url": "visit-0.jpg",
            "task_id": 7,
            "page": 0,
        }
    ]
    assert made["categories"] == [{"id": 1, "name": "nevus"}]
    assert made["info"]["left_out"] == []
    assert {"area@1", "disagreement@1", "iou@1", "majority@1"} <= set(made["info"]["specs"])
    (found,) = made["annotations"]
    attributes = found.pop("attributes")
    points = np.array(found.pop("segmentation")).reshape(-1, 2)
    assert {tuple(point) for point in points.tolist()} == {(4, 8), (54, 8), (54, 58), (4, 58)}
    assert found == {"id": 1, "image_id": 1, "category_id": 1, "area": 2500.0, "bbox": [4, 8, 50, 50], "iscrowd": 0}
    expected = {"lesion": 0, "track_id": 3.0, "method": "majority", "source": "majority", "n_drawn": 3}
    assert {name: attributes[name] for name in expected} == expected
    assert (attributes["n_annotators"], attributes["votes_needed"]) == (3, 2)


def test_pages_are_images_of_their_own() -> None:
    people = [annotation(k, k, [box(f"p{page}", (0, 50), (0, 50), page=page) for page in (0, 2)]) for k in (1, 2)]
    made = lg.coco(make(task(people, images=3)))
    # Nobody drew on the second page, so no size of it is known.
    assert [(image["file_name"], image["page"]) for image in made["images"]] == [("visit-0.jpg", 0), ("visit-2.jpg", 2)]
    assert [entry["image_id"] for entry in made["annotations"]] == [1, 2]
    assert made["info"]["left_out"] == [{"task_id": 7, "page": 1, "n_regions": 0, "reason": "image_size_unknown"}]


def test_pages_without_consensus_are_images() -> None:
    made = lg.coco(make(steps(1, 3)))
    assert (len(made["images"]), made["annotations"], made["categories"]) == (1, [], [])
    nobody = lg.coco(make(task([])))
    assert (nobody["images"], nobody["info"]["left_out"]) == ([], [])


def test_sizes_that_differ() -> None:
    odd = box("b", (0, 50), (0, 50))
    odd["original_width"] = 256
    made = lg.coco(
        make(task([annotation(1, 1, [box("a", (0, 50), (0, 50))]), annotation(2, 2, [odd])]), method="union")
    )
    assert (made["images"], made["annotations"]) == ([], [])
    (left,) = made["info"]["left_out"]
    assert left["reason"] == "image_size_unknown"
    assert left["n_regions"] == 1


def test_holes_and_parts() -> None:
    frame = [annotation(1, 1, [ring("a", (0, 50), (10, 40))])]
    (found,) = lg.coco(make(task(frame)))["annotations"]
    (outline,) = found["segmentation"]
    assert found["area"] == 1600
    assert abs(shoelace(outline)) == 1600
    assert found["bbox"] == [0, 0, 50, 50]
    two = [
        annotation(1, 1, [box("a", (0, 50), (0, 50))]),
        annotation(2, 2, [box("b", (0, 20), (0, 50))]),
        annotation(3, 3, [box("c", (30, 50), (0, 50))]),
    ]
    (found,) = lg.coco(make(task(two)))["annotations"]
    assert [abs(shoelace(part)) for part in found["segmentation"]] == [1000, 1000]
    assert (found["area"], found["bbox"]) == (2000, [0, 0, 50, 50])


def shoelace(flat: list[float]) -> float:
    x, y = np.array(flat).reshape(-1, 2).T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)


def test_labels() -> None:
    people = [
        annotation(k, k, [box("a", (0, 50), (0, 50), (name,)), box("b", (60, 100), (0, 50), ("unlabelled",))])
        for k, name in ((1, "zebra"), (2, "ant"))
    ]
    made = lg.coco(make(task(people), method="union"))
    # A tie has no label, and its category is called so that it is no label of the project.
    assert made["categories"] == [{"id": 1, "name": "unlabelled"}, {"id": 2, "name": "(unlabelled)"}]
    assert [entry["category_id"] for entry in made["annotations"]] == [2, 1]


def test_nothing_that_signs_leaves() -> None:
    signed = "https://bucket.example/a/b.jpg?X-Amz-Signature=secret#part"
    regions = read(steps(1)).regions
    column = pa.array([signed], pa.string())
    table = regions.table.set_column(regions.table.column_names.index("image"), "image", column)
    text = json.dumps(lg.coco(lg.Regions(regions.polygons, table.drop_columns(["created_at", "updated_at"]))))
    assert "secret" not in text
    assert "a/b.jpg" in text


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("visit.jpg", "visit.jpg"),
        ("https://a.example:80/x/y.png?sig=1", "x/y.png"),
        ("s3://bucket/deep/er/y.png", "deep/er/y.png"),
        ("/data/upload/3/ab-c.jpg", "data/upload/3/ab-c.jpg"),
        ("/data/local-files/?d=x.jpg", "task-4-page-2"),
        ("../../etc/./passwd", "etc/passwd"),
        ("C:\\scans\\a.png", "scans/a.png"),
        ("https://[broken/a.png", "https:/[broken/a.png"),
        ("data:image/png;base64,AAAA", "task-4-page-2"),
        ("", "task-4-page-2"),
        (None, "task-4-page-2"),
    ],
)
def test_file_names(image: str | None, expected: str) -> None:
    assert file_name(image, 4, 2) == expected


def test_regions_of_an_export() -> None:
    bow_tie = polygon("b", [(0, 0), (50, 50), (50, 0), (0, 50)])
    flat = polygon("f", [(60, 60), (70, 70)])
    export = read(task([annotation(1, 1, [bow_tie, flat])]))
    made = lg.coco(export.regions)
    (found,) = made["annotations"]
    assert (found["area"], len(found["segmentation"])) == (1250, 2)
    assert made["info"]["left_out"] == [{"task_id": 7, "page": 0, "n_regions": 1, "reason": "no_area"}]
    # Times are no JSON.
    assert "created_at" not in found["attributes"]
    assert found["attributes"]["region_id"] == "b"


def test_a_missing_column() -> None:
    regions = read(steps(1)).regions
    with pytest.raises(lg.RegionError, match="the regions have no column page, label, which COCO needs; add it"):
        lg.coco(lg.Regions(regions.polygons, regions.table.drop_columns(["page", "label"])))


def test_a_file_holds_the_same(tmp_path: Path) -> None:
    made = example()
    counts = lg.write_coco(made, tmp_path / "a.json")
    lg.write_coco(made, tmp_path / "b.json")
    whole = lg.coco(made)
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == whole
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert counts == {
        "images": len(whole["images"]),
        "annotations": len(whole["annotations"]),
        "categories": len(whole["categories"]),
        "left_out": len(whole["info"]["left_out"]),
    }
    assert counts["annotations"] == len(made.regions)
    ids = [entry["id"] for entry in whole["annotations"]]
    assert ids == list(range(1, len(ids) + 1))
    empty = lg.write_coco(make(), tmp_path / "c.json")
    assert json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))["annotations"] == []
    assert set(empty.values()) == {0}


def test_many_rows_are_written_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    made = example()
    whole = lg.coco(made)
    monkeypatch.setattr(sys.modules["lesiongeo.coco"], "ROWS", 7)
    assert lg.coco(made) == whole


def test_areas_are_those_of_the_outlines() -> None:
    for entry in lg.coco(example())["annotations"]:
        total = sum(abs(shoelace(part)) for part in entry["segmentation"])
        assert total == pytest.approx(entry["area"], rel=1e-9)
        x, y = np.concatenate([np.array(part).reshape(-1, 2) for part in entry["segmentation"]]).T
        left, top, width, height = entry["bbox"]
        assert (left, top) == (x.min(), y.min())
        assert (left + width, top + height) == pytest.approx((x.max(), y.max()), rel=1e-12)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_with_the_tools_of_coco(tmp_path: Path) -> None:
    """The reference implementation reads the file, and its masks have our areas but for pixels along the border."""
    tools: Any = pytest.importorskip("pycocotools.coco")
    people = [annotation(1, 1, [ring("a", (0, 100), (20, 80)), box("b", (104, 124), (100, 120))])]
    lg.write_coco(make(task(people)), tmp_path / "hand.json")
    lg.write_coco(example(), tmp_path / "example.json")
    with redirect_stdout(io.StringIO()):
        hand, real = (tools.COCO(str(tmp_path / name)) for name in ("hand.json", "example.json"))
    mask = hand.annToMask(hand.loadAnns([1])[0])
    assert abs(int(mask.sum()) - 6400) <= 100
    assert mask[50, 50] == 0
    assert mask[10, 50] == 1
    assert int(hand.annToMask(hand.loadAnns([2])[0]).sum()) == 400
    assert sorted(real.getImgIds()) == [image["id"] for image in lg.coco(example())["images"]]
    for entry in real.loadAnns(real.getAnnIds())[:40]:
        perimeter = 2 * sum(entry["bbox"][2:])
        assert abs(int(real.annToMask(entry).sum()) - entry["area"]) <= perimeter
