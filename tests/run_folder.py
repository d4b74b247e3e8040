"""Run folders for the tests of the report: what `lesiongeo agree` writes, and tables made by hand."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa

import lesiongeo as lg
from lesiongeo.files import write_table
from lesiongeo.measure import measure, with_measures
from lesiongeo.regions import Regions
from lesiongeo.summary import reading_json

Row = dict[str, Any]

#: Attacks that a text of an export can hold; each would set `window.ran` or break the page.
HOSTILE = [
    "<script>window.ran=1</script>",
    "</script><script>window.ran=2</script>",
    '" onmouseover="window.ran=3" x="',
    "' onfocus='window.ran=4' autofocus='",
    "javascript:window.ran=5",
    "<img src=x onerror=window.ran=6>",
    "<svg onload=window.ran=7>",
    "]]><!--<script>window.ran=8</script>-->",
    "{{ 7 * 7 }}{% raw %}${7*7}",
    "control\x00\x01\x1b[31m\x7f\ttab\nline",
    "right\u202eto\u2066left\u200f",
    "\u2028\u2029&amp;&lt;&#x3c;",
    "w" * 10_000,
    "i\u0323\u0307\u0323\u0307\u0323\u0307\u0323\u0307" * 20,
    "</style><style>*{display:none}</style>",
    "</title><script>window.ran=9</script>",
    "=HYPERLINK(1)",
    "",
    " ",
]

HABIT_COLUMNS = pa.schema(
    [
        *((name, pa.string()) for name in ("annotator", "habit", "detail", "since", "until")),
        ("n", pa.int64()),
        *((name, pa.float64()) for name in ("value", "low", "high", "reference")),
        ("unit", pa.string()),
        ("p_value", pa.float64()),
        ("message", pa.string()),
    ]
)
TREND_COLUMNS = pa.schema(
    [
        *((name, pa.string()) for name in ("annotator", "habit", "detail", "week")),
        ("n", pa.int64()),
        ("value", pa.float64()),
        ("standard_error", pa.float64()),
        ("segment", pa.int32()),
    ]
)
STATISTICS_COLUMNS = pa.schema(
    [
        *((name, pa.string()) for name in ("by", "key", "annotator_a", "annotator_b", "metric")),
        *((name, pa.int64()) for name in ("n", "n_clusters")),
        *((name, pa.float64()) for name in ("mean", "mean_low", "mean_high", "median", "p5", "p95")),
        *((name, pa.float64()) for name in ("below", "below_low", "below_high", "threshold")),
        ("reason", pa.string()),
    ]
)
RELIABILITY_COLUMNS = pa.schema(
    [
        *((name, pa.string()) for name in ("control", "scope", "statistic", "missed", "annotator_a", "annotator_b")),
        *((name, pa.int64()) for name in ("n_units", "n_annotators", "n_categories", "n_clusters")),
        *((name, pa.float64()) for name in ("value", "low", "high")),
        ("reason", pa.string()),
    ]
)
QUEUE_COLUMNS = pa.schema(
    [
        ("rank", pa.int32()),
        ("task_id", pa.int64()),
        ("page", pa.int32()),
        ("image", pa.string()),
        ("priority", pa.float64()),
        ("reasons", pa.list_(pa.string())),
        ("n_flagged", pa.int32()),
        ("n_lesions", pa.int32()),
        ("score_min", pa.float64()),
        ("annotator_a", pa.string()),
        ("annotator_b", pa.string()),
    ]
)


def rows(schema: pa.Schema, *listed: Row) -> pa.Table:
    """A table of these rows; what they do not name is null."""
    return pa.Table.from_pylist(list(listed), schema=schema)


def agreed(export: lg.Export, *, spacing: bool = False) -> dict[str, Any]:
    """The tables that come from the agreement itself."""
    result = lg.agreement(export)
    sizes = measure(export, spacing_mm="data", shape=False) if spacing else measure(export.regions, shape=False)
    regions = with_measures(export.regions, sizes)
    of_region = result.lesion_of_region
    lesion = result.lesions["lesion"].combine_chunks().take(pa.array(of_region, mask=of_region < 0))
    return {
        "regions": Regions(regions.polygons, regions.table.append_column("lesion", lesion)),
        "pairs": result.pairs,
        "tasks": result.tasks,
        "lesions": result.lesions,
        "annotators": result.annotators,
        "summary": result.summary,
        "problems": export.problems,
    }


def write_run(folder: Path, tables: dict[str, Any], *, ending: str = "parquet", read: Row | None = None) -> Path:
    """Write tables as a run folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        write_table(table, folder / f"{name}.{ending}")
    if read is not None:
        (folder / "summary.json").write_text(json.dumps({"read": read}), encoding="utf-8")
    return folder


def example(folder: Path, *, ending: str = "parquet", **more: Any) -> Path:
    """The run of examples/dermatology.json, with millimetres."""
    path = Path(__file__).resolve().parents[1] / "examples" / "dermatology.json"
    export = lg.read_label_studio(path, spacing_mm="spacing_mm", patient="patient_id")
    return write_run(folder, agreed(export, spacing=True) | more, ending=ending, read=reading_json(export))


def by_hand() -> dict[str, pa.Table]:
    """Tables of the parts that follow the agreement, small enough to be read."""
    habit = {"annotator": "3", "habit": "area_bias", "since": "2026-02-09", "n": 40, "unit": "percent"}
    weeks = ["2026-01-26", "2026-02-02", "2026-02-09", "2026-02-16"]
    whole: list[Row] = [
        {"by": "all", "metric": "dice", "n": 10, "mean": 0.8, "mean_low": 0.75, "mean_high": 0.85},
        {"by": "all", "metric": "score", "n": 10, "mean": 0.6, "mean_low": 0.5, "mean_high": 0.7},
        {"by": "all", "metric": "status_equal", "n": 20, "mean": 0.9, "mean_low": 0.8, "mean_high": 0.95},
    ]
    coefficient = {"control": "lesion_status", "scope": "region", "missed": "left_out"}
    return {
        "habits": rows(
            HABIT_COLUMNS,
            habit | {"value": 10.5, "low": 8.0, "high": 13.0, "message": "Annotator 3 draws 10.5 % larger."},
        ),
        "trends": rows(
            TREND_COLUMNS,
            *(
                {"annotator": who, "habit": "area_bias", "week": week, "n": 10, "segment": int(at > 1)}
                | {"value": 10.0 * (who == "3" and at > 1) + at / 10, "standard_error": 1.5 if at else None}
                for who in ("1", "3")
                for at, week in enumerate(weeks)
            ),
            *(
                {"annotator": "2", "habit": "missed", "week": week, "n": 5, "value": 0.1 * at, "segment": None}
                for at, week in enumerate(weeks)
            ),
        ),
        "statistics": rows(STATISTICS_COLUMNS, *whole),
        "reliability": rows(
            RELIABILITY_COLUMNS,
            coefficient | {"statistic": "fleiss_kappa", "n_units": 50, "value": 0.61, "low": 0.5, "high": 0.7},
            coefficient | {"statistic": "icc_2_1", "n_units": 50, "reason": "single_category"},
            coefficient
            | {"statistic": "cohen_kappa", "annotator_a": "1", "annotator_b": "2", "n_units": 40, "value": 0.5},
        ),
        "queue": rows(
            QUEUE_COLUMNS,
            {"rank": 1, "task_id": 30, "page": 1, "image": "https://h/a/b.jpg?token=SECRET", "priority": 2.5}
            | {"reasons": ["missing", "dice < 0.7"], "n_flagged": 3, "score_min": 0.25}
            | {"annotator_a": "1", "annotator_b": "2"},
        ),
    }


def square(x: float, y: float, side: float, *, width: int = 1000, height: int = 800) -> Row:
    """Value of a rectangle in percent."""
    return {
        "x": 100 * x / width,
        "y": 100 * y / height,
        "width": 100 * side / width,
        "height": 100 * side / height,
        "rotation": 0,
        "rectanglelabels": ["spot"],
    }


def region(region_id: str, value: Row, *, label: str = "spot", width: int = 1000, height: int = 800) -> Row:
    """A rectangle of a Label Studio result."""
    return {
        "id": region_id,
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "value": {**value, "rectanglelabels": [label]},
    }


def answer(region_id: str, value: Row, name: str, kind: str, said: Row) -> Row:
    """An answer about a rectangle."""
    return {**region(region_id, value), "type": kind, "from_name": name, "value": {**value, **said}}


def task(number: int, image: str, drawn: dict[int, list[Row]]) -> Row:
    """A task with one annotation per person."""
    annotations = [
        {"id": 100 * number + who, "completed_by": who, "result": result, "was_cancelled": False}
        | {"created_at": "2026-03-02T08:00:00Z", "updated_at": "2026-03-02T08:00:00Z", "lead_time": 30.0}
        for who, result in drawn.items()
    ]
    return {"id": number, "data": {"image": image}, "annotations": annotations}


def exported(*tasks: Row) -> lg.Export:
    """What reading these tasks gives."""
    return lg.read_label_studio(json.dumps(list(tasks)).encode("utf-8"))


def hostile_export() -> lg.Export:
    """Two people on a task per attack, which stands in every text they can reach."""
    tasks = []
    for number, text in enumerate(HOSTILE, 1):
        first, second = square(100, 100, 100), square(110, 100, 100)
        other = HOSTILE[number % len(HOSTILE)]
        drawn = {
            1: [region(f"a{text}", first, label=text)],
            2: [region(f"b{text}", second, label=other)],
        }
        for who, (result, value) in enumerate(((drawn[1], first), (drawn[2], second)), 1):
            name = result[0]["id"]
            result += [
                answer(name, value, "lesion_status", "choices", {"choices": [text if who == 1 else other]}),
                answer(name, value, "track<b>id", "textarea", {"text": [text]}),
                answer(name, value, "notes", "textarea", {"text": [f"NOTE {text}"]}),
            ]
        tasks.append(task(number, f"https://h/{text}/x.jpg?token=SECRET", drawn))
    return exported(*tasks)


def hostile_tables() -> dict[str, pa.Table]:
    """The tables made by hand with an attack in every text."""
    return {
        "annotators": pa.table({"annotator": HOSTILE, "n_regions": list(range(len(HOSTILE)))}),
        "summary": pa.Table.from_pylist(
            [
                {"annotator_a": None, "annotator_b": None, "dice_mean": 0.5, "n_matched": 3, "n_label_conflict": 0},
                *(
                    {"annotator_a": a, "annotator_b": b, "dice_mean": 0.5, "n_matched": 3, "n_label_conflict": 0}
                    for a, b in pairwise(HOSTILE)
                ),
            ]
        ),
        "habits": rows(
            HABIT_COLUMNS,
            *(
                {"annotator": text, "habit": text, "detail": text, "since": text, "until": text, "n": 1}
                | {"value": 1.0, "low": 0.5, "high": 1.5, "unit": text, "message": text}
                for text in HOSTILE
            ),
        ),
        "trends": rows(
            TREND_COLUMNS,
            *(
                {"annotator": text, "habit": text, "detail": text, "week": week, "n": 1, "value": 1.0, "segment": 0}
                for text in HOSTILE
                for week in ("2026-02-02", "2026-02-09")
            ),
        ),
        "statistics": rows(
            STATISTICS_COLUMNS,
            *({"by": "label", "key": text, "metric": "dice", "n": 1, "mean": 0.5} for text in HOSTILE),
        ),
        "reliability": rows(
            RELIABILITY_COLUMNS,
            *(
                dict.fromkeys(("control", "scope", "statistic", "missed", "annotator_a", "annotator_b", "reason"), text)
                for text in HOSTILE
            ),
        ),
        "queue": rows(
            QUEUE_COLUMNS,
            *(
                {"rank": at, "task_id": at, "page": 0, "image": text, "priority": 1.0, "reasons": [text]}
                | {"annotator_a": text, "annotator_b": text}
                for at, text in enumerate(HOSTILE, 1)
            ),
        ),
    }
