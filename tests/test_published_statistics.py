"""Every published statistic of the conformance data, through the public functions, to the printed digit."""

import json
import math
from pathlib import Path

import pytest

import lesiongeo as lg

SHARED = Path(__file__).parents[2] / "shared/data/conformance"
STATISTICS, OBJECTS = SHARED / "statistics.json", SHARED / "object_level_alpha.json"
MISSING = "needs the shared conformance data"


def cases():
    return json.loads(STATISTICS.read_text()) if STATISTICS.exists() else []


def two(data):
    """Ratings of two people from a table of counts, or from pairs."""
    if len(data) == len(data[0]):
        cells = [(i, j) for i, row in enumerate(data) for j, count in enumerate(row) for _ in range(int(count))]
        return [i for i, _ in cells], [j for _, j in cells]
    return [row[0] for row in data], [row[1] for row in data]


def units_of(data, *, counts):
    return [[k for k, n in enumerate(row) for _ in range(n)] for row in data] if counts else data


def computed(case, before):
    """Compute what a case publishes; Bland and Altman's data stands in the first of its rows."""
    name, statistic, data = case["name"], case["statistic"], case["data"] or before
    group = {"AC1": lg.gwet_ac1, "fleiss": lg.fleiss_kappa, "alpha": lg.krippendorff_alpha, "conger": lg.conger_kappa}
    if statistic in group:
        return group[statistic](data).value
    if statistic == "fleiss_kappa":
        return lg.fleiss_kappa(units_of(data, counts="14 raters" in name)).value
    if statistic.startswith("alpha "):
        return lg.krippendorff_alpha(list(zip(*data, strict=True)), level=statistic.removeprefix("alpha ")).value
    if statistic.startswith("ICC"):
        form = statistic.removeprefix("ICC")
        return lg.icc(data, form=f"{form[0]},{form[1:] or '1'}").value
    if statistic == "pearson r":
        return lg.pearson(*data).value
    if statistic in ("mean diff", "sd", "lower LoA (2 sd)", "upper LoA"):
        found = lg.bland_altman(*data, multiplier=2.0)
        # The paper makes its limits of the mean and the deviation that it prints.
        printed = lg.BlandAltman(
            found.n, *(round(x, 1) for x in (found.mean, found.sd)),
            *(round(found.mean, 1) + sign * round(found.sd, 1) for sign in (-2, 2)), None,
        )  # fmt: skip
        assert abs(printed.low - found.low) < 0.15
        assert abs(printed.high - found.high) < 0.15
        return {"m": found.mean, "s": found.sd, "l": printed.low, "u": printed.high}[statistic[0]]
    if statistic == "ase":
        return lg.cohen_kappa(*two(data)).standard_error
    weights = statistic.split("=")[-1].split()[-1]
    return lg.cohen_kappa(*two(data), weights=weights if weights in ("linear", "quadratic") else None).value


@pytest.mark.skipif(not STATISTICS.exists(), reason=MISSING)
def test_all_published_statistics_come_out_to_the_printed_digit():
    before, wrong, seen = None, [], 0
    for case in cases():
        before = case["data"] or before
        value = computed(case, before)
        seen += 1
        same = "LoA" in case["statistic"] or math.isclose(value, case["got"], abs_tol=5e-6)
        if not abs(value - case["published"]) <= case["tol"] or not same:
            wrong.append((case["name"], case["statistic"], value, case["published"]))
    assert wrong == []
    assert seen == 43


def project(case):
    """One image that three people have annotated with boxes, as Label Studio writes it."""
    width, height = 500, 600
    annotations = []
    for number, drawn in enumerate(case["annotators"], start=1):
        result = []
        for box in drawn:
            x, y, w, h = box["bbox"]
            value = {"x": 100 * x / width, "y": 100 * y / height, "width": 100 * w / width, "height": 100 * h / height}
            value |= {"rotation": 0, "rectanglelabels": [f"category {box['cat']}"]}
            result.append(
                {
                    "id": f"box{box['id']}", "type": "rectanglelabels", "from_name": "box", "to_name": "image",
                    "original_width": width, "original_height": height, "image_rotation": 0, "value": value,
                }
            )  # fmt: skip
        annotations.append({"id": number, "completed_by": number, "result": result})
    return [{"id": 1, "data": {"image": "scene.png"}, "annotations": annotations}]


@pytest.mark.skipif(not OBJECTS.exists(), reason=MISSING)
@pytest.mark.parametrize(("name", "published", "left_out"), [("fruits", 0.0222, 0.0667), ("smile", 0.494, 0.75)])
def test_alpha_of_objects_from_label_studio_json(name, published, left_out):
    (case,) = (case for case in json.loads(OBJECTS.read_text()) if case["case"] == name)
    assert case["alpha"] == published
    export = lg.read_label_studio(json.dumps(project(case)).encode())
    result = lg.agreement(export, gate=case["iou_threshold"], conflict_gate=case["iou_threshold"])
    found = lg.ratings(export, result, "label", missed="category")
    assert len(found.codes) == len(case["ids"][0])
    assert found.categories[-1] is None
    digits = len(str(published).split(".")[1])
    assert round(lg.krippendorff_alpha(found).value, digits) == published
    without = lg.ratings(export, result, "label", missed="left_out")
    assert round(lg.krippendorff_alpha(without).value, 4) == left_out


def test_object_alpha_by_hand():
    """Three people, two lesions: one drawn by all with one label, one by the third alone.

    Missed counted as a category, the ratings are aaa and mmb. Coincidences: a-a 3, m-m 1, m-b 2; observed disagreement
    2 of 6, expected (3*3 + 2*4 + 1*5) / (6*5) = 22/30, alpha = 1 - (1/3) / (22/30) = 6/11.
    """
    alike = {"id": 1, "cat": 1, "bbox": [10, 10, 50, 50]}
    alone = {"id": 9, "cat": 2, "bbox": [300, 300, 20, 20]}
    case = {"annotators": [[alike], [alike], [alike, alone]]}
    export = lg.read_label_studio(json.dumps(project(case)).encode())
    found = lg.ratings(export, lg.agreement(export), "label", missed="category")
    assert lg.krippendorff_alpha(found).value == pytest.approx(6 / 11, abs=1e-14)
    assert lg.krippendorff_alpha(lg.ratings(export, lg.agreement(export), "label")).reason == "single_category"
