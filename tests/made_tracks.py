"""Lesions over visits with known areas, as an export and as tables of tracks, for tests of pictures."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

import lesiongeo as lg
from lesiongeo.measure import measure, with_measures
from lesiongeo.regions import Regions

Row = dict[str, Any]

WIDTH, HEIGHT = 1000, 800
SPACING = 0.05
#: Percent that an area must change by, in these tables.
MDC = 22.0

TRACK_COLUMNS = pa.schema(
    [
        *((name, pa.string()) for name in ("patient", "site", "track_id", "id_source")),
        ("visit", pa.int32()),
        ("day_offset", pa.float64()),
        ("task_id", pa.int64()),
        ("page", pa.int32()),
        *((name, pa.string()) for name in ("image", "label")),
        *((name, pa.int32()) for name in ("n_annotators", "n_drawn", "n_regions")),
        ("annotators", pa.list_(pa.string())),
        ("outline", pa.string()),
        ("n_parts", pa.int32()),
        ("calibrated", pa.bool_()),
        ("spacing_source", pa.string()),
        *((name, pa.float64()) for name in ("spacing_x_mm", "spacing_y_mm")),
        ("unit", pa.string()),
        *((name, pa.float64()) for name in ("area_mm2", "area_px2", "area_low_mm2", "area_high_mm2")),
        *((name, pa.float64()) for name in ("centroid_x_px", "centroid_y_px", "pct_area", "mdc95")),
        ("significant", pa.bool_()),
        ("noise_source", pa.string()),
        ("noise_df", pa.float64()),
        ("days", pa.float64()),
        ("reason", pa.string()),
        *((name, pa.float64()) for name in ("pct_area_first", "mdc95_first")),
        ("significant_first", pa.bool_()),
        *((name, pa.string()) for name in ("geo_status", "human_status", "human_answer")),
        ("conflict", pa.bool_()),
    ]
)
CONFLICT_COLUMNS = pa.schema(
    [
        *((name, pa.string()) for name in ("patient", "site", "track_id")),
        ("visit", pa.int32()),
        ("task_id", pa.int64()),
        ("page", pa.int32()),
        *((name, pa.string()) for name in ("image", "ticked", "answer")),
        ("annotators", pa.list_(pa.string())),
        ("n_annotators_said", pa.int32()),
        *((name, pa.string()) for name in ("measured", "kind")),
        ("severity", pa.int32()),
        *((name, pa.float64()) for name in ("pct_area", "mdc95", "area_previous", "area_now")),
        ("unit", pa.string()),
        ("days", pa.float64()),
        ("message", pa.string()),
    ]
)
FINDING_COLUMNS = pa.schema(
    [
        *((name, pa.string()) for name in ("severity", "code", "patient", "site", "track_id")),
        ("visit", pa.int32()),
        ("task_id", pa.int64()),
        ("page", pa.int32()),
        ("annotation_id", pa.int64()),
        *((name, pa.string()) for name in ("annotator", "region_id", "value", "message")),
    ]
)
NOISE_COLUMNS = pa.schema(
    [
        *((name, pa.string()) for name in ("component", "size_class")),
        *((name, pa.float64()) for name in ("sd_log_area", "mdc95_percent", "df")),
        ("n_lesions", pa.int64()),
        *((name, pa.string()) for name in ("source", "reason")),
    ]
)


@dataclass(frozen=True)
class Grown:
    """A lesion: area in mm2 at each visit; None: absent (resolved), nan: the page was not imaged."""

    patient: str
    track: str
    areas: tuple[float | None, ...]
    ticked: tuple[str | None, ...] = ()
    at: tuple[float, float] = (500.0, 400.0)


@dataclass(frozen=True)
class Made:
    """The tables, like the attributes of `Tracks` that pictures use."""

    table: pa.Table
    conflicts: pa.Table
    findings: pa.Table
    noise: pa.Table
    index: pa.Table
    track_of_region: Any


LESIONS = (
    Grown("P1", "1", (20.0, 20.5, 19.8, 20.4), (None, "stable", "stable", "stable"), (250, 250)),
    Grown("P1", "2", (10.0, 10.4, 15.5, 16.0), (None, "stable", "stable", "stable"), (650, 300)),
    Grown("P1", "3", (8.0, 6.0, 3.0, None), (None, "shrunk", "shrunk", "resolved"), (450, 600)),
    Grown("P2", "1", (30.0, math.nan, 55.0), (None, None, "enlarged"), (500, 400)),
    Grown("P2", "2", (None, 5.0, 5.1), (None, "new", "stable"), (250, 200)),
)


def circle(x: float, y: float, area_mm2: float, seed: int) -> list[tuple[float, float]]:
    """A wobbly outline around a place, of exactly this area."""
    rng = np.random.default_rng(seed)
    angles = np.linspace(0.0, 2.0 * np.pi, 49)[:-1]
    radii = 1.0 + sum(0.05 * rng.standard_normal() * np.cos(k * angles + rng.uniform(0, 6)) for k in (1, 2, 3, 5))
    points = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    turned = np.roll(points, -1, axis=0)
    area = abs(float((points[:, 0] * turned[:, 1] - points[:, 1] * turned[:, 0]).sum())) / 2.0
    return [(x + px, y + py) for px, py in points * math.sqrt(area_mm2 / SPACING**2 / area)]


def made_export(lesions: tuple[Grown, ...] = LESIONS, annotators: int = 3) -> lg.Export:
    """One task per patient, one page per visit, everybody draws every lesion."""
    tasks = []
    for number, patient in enumerate(dict.fromkeys(one.patient for one in lesions), 1):
        own = [one for one in lesions if one.patient == patient]
        visits = max(len(one.areas) for one in own)
        data = {"images": [f"https://h/{patient}/visit{at}.jpg?token=SECRET" for at in range(visits)]}
        annotations = []
        for who in range(1, annotators + 1):
            result: list[Row] = []
            for lesion in own:
                for at, area in enumerate(lesion.areas):
                    if area is not None and not math.isnan(area):
                        result += _drawn(lesion, at, area, who)
            annotations.append({"id": 10 * number + who, "completed_by": who, "result": result})
        tasks.append({"id": number, "data": {"patient_id": patient, **data}, "annotations": annotations})
    return lg.read_label_studio(json.dumps(tasks).encode(), patient="patient_id")


def _drawn(lesion: Grown, at: int, area: float, who: int) -> list[Row]:
    seed = hash_of(f"{lesion.patient}/{lesion.track}/{at}/{who}")
    points = circle(*lesion.at, area * (1.0 + 0.04 * (who - 2)), seed)
    name = f"{lesion.patient}-{lesion.track}-{at}-{who}"
    place = {"id": name, "to_name": "image", "original_width": WIDTH, "original_height": HEIGHT, "item_index": at}
    outline = {"points": [[100 * x / WIDTH, 100 * y / HEIGHT] for x, y in points], "closed": True}
    return [
        {**place, "type": "polygonlabels", "from_name": "label", "value": {**outline, "polygonlabels": ["naevus"]}},
        {**place, "type": "textarea", "from_name": "track_id", "value": {**outline, "text": [lesion.track]}},
    ]


def hash_of(text: str) -> int:
    """A number of a text, the same everywhere."""
    return sum(ord(letter) * 31**at for at, letter in enumerate(text)) % 2**32


def made_rows(lesions: tuple[Grown, ...] = LESIONS, annotators: int = 3) -> list[Row]:
    """The rows of the table of tracks, by the closed form: mean area as given, noise of 22 percent."""
    tasks = {patient: number for number, patient in enumerate(dict.fromkeys(one.patient for one in lesions), 1)}
    rows: list[Row] = []
    for lesion in sorted(lesions, key=lambda one: (one.patient, one.track)):
        seen: list[float] = []
        for at, area in enumerate(lesion.areas):
            drawn = area is not None and not math.isnan(area)
            if not drawn and not seen:
                continue
            row: Row = {
                "patient": lesion.patient,
                "track_id": lesion.track,
                "id_source": "typed",
                "visit": at,
                "day_offset": 90.0 * at,
                "task_id": tasks[lesion.patient],
                "page": at,
                "image": f"https://h/{lesion.patient}/visit{at}.jpg?token=SECRET",
                "label": "naevus" if drawn else None,
                "n_annotators": annotators,
                "n_drawn": annotators * drawn,
                "n_regions": annotators * drawn,
                "annotators": [str(who) for who in range(1, annotators + 1)] if drawn else [],
                "outline": "annotators" if drawn else "none",
                "n_parts": int(drawn),
                "calibrated": True,
                "spacing_source": "constant",
                "spacing_x_mm": SPACING,
                "spacing_y_mm": SPACING,
                "unit": "mm",
                "conflict": False,
            }
            ticked = lesion.ticked[at] if at < len(lesion.ticked) else None
            row["human_status"] = row["human_answer"] = ticked
            if not drawn or area is None:
                row["geo_status"] = "resolved" if area is None else "not_imaged"
                row["reason"] = "absent"
            else:
                row |= {"area_mm2": area, "area_px2": area / SPACING**2}
                row |= {"area_low_mm2": 0.9 * area, "area_high_mm2": 1.1 * area}
                row |= {"centroid_x_px": lesion.at[0], "centroid_y_px": lesion.at[1]}
                row |= _changes(seen, area, at)
                seen.append(area)
            row["conflict"] = _contradicts(row)
            rows.append(row)
    return rows


def _changes(seen: list[float], area: float, at: int) -> Row:
    if not seen:
        return {"geo_status": "new" if at else "baseline", "reason": "first_visit"}
    percent, first = 100 * (area / seen[-1] - 1), 100 * (area / seen[0] - 1)
    beyond = abs(math.log(area / seen[-1])) > math.log1p(MDC / 100)
    status = ("enlarged" if percent > 0 else "shrunk") if beyond else "stable"
    return {
        "pct_area": percent,
        "mdc95": MDC,
        "significant": beyond,
        "noise_source": "between_annotators",
        "noise_df": 34.0,
        "days": 90.0,
        "pct_area_first": first,
        "mdc95_first": MDC,
        "significant_first": abs(math.log(area / seen[0])) > math.log1p(MDC / 100),
        "geo_status": status,
    }


def _contradicts(row: Row) -> bool:
    ticked, measured = row["human_status"], row["geo_status"]
    return (
        ticked in ("stable", "enlarged", "shrunk")
        and measured in ("stable", "enlarged", "shrunk")
        and (ticked != measured)
    )


def made_conflicts(rows: list[Row]) -> list[Row]:
    """The rows of conflicts, the largest change first."""
    found = []
    for row in rows:
        if row["conflict"]:
            before = row["area_mm2"] / (1 + row["pct_area"] / 100)
            kept = "patient track_id visit task_id page image annotators pct_area mdc95 unit days".split()
            found.append(
                {name: row[name] for name in kept}
                | {"ticked": row["human_status"], "answer": row["human_answer"], "measured": row["geo_status"]}
                | {"kind": "change_not_ticked", "severity": 2, "area_previous": before, "area_now": row["area_mm2"]}
                | {"n_annotators_said": 3}
                | {
                    "message": f"ticked {row['human_status']}, measured {row['geo_status']}: {before:.1f} mm2 to "
                    f"{row['area_mm2']:.1f} mm2 ({row['pct_area']:+.0f} %, noise {row['mdc95']:.0f} %)"
                }
            )
    return sorted(found, key=lambda row: -abs(row["pct_area"]))


def made_tables(lesions: tuple[Grown, ...] = LESIONS, annotators: int = 3) -> dict[str, pa.Table]:
    """The tables of a run folder that belong to tracks."""
    rows = made_rows(lesions, annotators)
    finding = {"severity": "warning", "code": "id_gap", "patient": lesions[0].patient, "track_id": lesions[0].track}
    finding |= {"visit": 2, "task_id": 1, "page": 2, "message": "The id is missing on a visit in between; look."}
    noise = {"component": "between", "sd_log_area": 0.072, "mdc95_percent": MDC, "df": 34.0, "n_lesions": 17}
    return {
        "tracks": pa.Table.from_pylist(rows, schema=TRACK_COLUMNS),
        "track_conflicts": pa.Table.from_pylist(made_conflicts(rows), schema=CONFLICT_COLUMNS),
        "track_findings": pa.Table.from_pylist([finding], schema=FINDING_COLUMNS),
        "track_noise": pa.Table.from_pylist(
            [noise | {"size_class": None, "source": "lesions"}, {"component": "within", "reason": "too_few"}],
            schema=NOISE_COLUMNS,
        ),
    }


def made(lesions: tuple[Grown, ...] = LESIONS, annotators: int = 3) -> tuple[Made, lg.Export]:
    """Tables and the export that they are of."""
    export, tables = made_export(lesions, annotators), made_tables(lesions, annotators)
    names = dict.fromkeys((row["patient"], row["track_id"]) for row in tables["tracks"].to_pylist())
    numbers = {name: number for number, name in enumerate(names)}
    patients = dict(zip(export.tasks["task_id"].to_pylist(), export.tasks["patient"].to_pylist(), strict=True))
    theirs = [
        numbers[patients[task], str(name).removesuffix(".0")]
        for task, name in zip(
            export.regions.table["task_id"].to_pylist(), export.regions.table["track_id"].to_pylist(), strict=True
        )
    ]
    columns = {name: tables["tracks"].schema.field(name) for name in ("patient", "site", "track_id")}
    index = pa.Table.from_pylist(
        [{"patient": patient, "track_id": track} for patient, track in numbers], schema=pa.schema(columns.values())
    )
    others = (tables[name] for name in ("tracks", "track_conflicts", "track_findings", "track_noise"))
    return Made(*others, index, np.array(theirs)), export


def run_tables(lesions: tuple[Grown, ...] = LESIONS, annotators: int = 3) -> dict[str, Any]:
    """What a run folder holds of these lesions: regions with their tracks, and the tables of tracks."""
    found, export = made(lesions, annotators)
    measured = with_measures(export.regions, measure(export.regions, shape=False))
    names = [
        str(value).removesuffix(".0") if value is not None else None for value in measured.table["track_id"].to_pylist()
    ]
    table = measured.table.append_column("lesion", pa.array(found.track_of_region, pa.int32()))
    table = table.append_column("track", pa.array(names, pa.string()))
    return {"regions": Regions(measured.polygons, table), **made_tables(lesions, annotators)}
