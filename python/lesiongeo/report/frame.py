"""The pairs of a run as arrays: who, which match, how alike, which label, how large."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..agreement.annotators import annotator_order
from .run import Run, floats, texts

__all__ = ["KINDS", "SIZES", "SIZE_BOUNDS_PX2", "Frame", "Metric", "read_frame"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

KINDS = ("matched", "label_conflict", "near_miss", "missing")
SIZES = ("small", "medium", "large")
#: Bounds of the size classes where the run does not say which it used: 32 and 96 pixels squared, as COCO has them.
SIZE_BOUNDS_PX2 = (1024.0, 9216.0)


@dataclass(frozen=True)
class Metric:
    """One number of a pair: its column, its name, its unit and what is good."""

    key: str
    name: str
    unit: str
    digits: int
    values: Floats
    #: From 0 to 1, so that all charts of it have the same axis.
    share: bool = False


@dataclass(frozen=True)
class Frame:
    """One entry per row of `pairs`; codes count from 0, -1 is nothing."""

    names: list[str]
    labels: list[str]
    task: Ints
    page: Ints
    a: Ints
    b: Ints
    kind: Ints
    label_a: Ints
    label_b: Ints
    area_a: Floats
    area_b: Floats
    metrics: list[Metric]
    iou: Floats
    table: pa.Table = field(repr=False)

    @property
    def rows(self) -> int:
        """Number of pairs."""
        return len(self.kind)

    @property
    def agreed(self) -> Mask:
        """Pairs that count as one region: matched, and label conflicts."""
        found: Mask = (self.kind == 0) | (self.kind == 1)
        return found

    @property
    def area(self) -> Floats:
        """Geometric mean of the two areas, of a missing region the only one."""
        with np.errstate(invalid="ignore"):
            both = np.sqrt(self.area_a * self.area_b)
        return np.where(np.isnan(both), np.fmax(self.area_a, self.area_b), both)

    def sizes(self, bounds: tuple[float, float] = SIZE_BOUNDS_PX2) -> Ints:
        """Size class of each pair: 0 small, 1 medium, 2 large, -1 without an area."""
        area = self.area
        return np.where(np.isnan(area), -1, np.digitize(np.nan_to_num(area), bounds)).astype(np.int64)

    def metric(self, *keys: str) -> Metric | None:
        """Return the first of these metrics that is there."""
        for key in keys:
            for metric in self.metrics:
                if metric.key == key:
                    return metric
        return None


#: Column, name, unit, decimals, from 0 to 1.
METRICS = (
    ("dice", "Dice", "", 3, True),
    ("iou", "IoU", "", 3, True),
    ("nsd", "Surface Dice (NSD)", "", 3, True),
    ("hd95_mm", "HD95", "mm", 2, False),
    ("hd95_px", "HD95", "px", 1, False),
    ("hausdorff_mm", "Hausdorff distance", "mm", 2, False),
    ("hausdorff_px", "Hausdorff distance", "px", 1, False),
    ("assd_mm", "Mean distance (ASSD)", "mm", 2, False),
    ("assd_px", "Mean distance (ASSD)", "px", 1, False),
    ("centroid_distance_mm", "Distance of centroids", "mm", 2, False),
    ("centroid_distance_px", "Distance of centroids", "px", 1, False),
)
#: Columns of `pairs` that the report reads; controls come beside them.
COLUMNS = (
    "task_id page annotator_a annotator_b annotation_a annotation_b region_a region_b match label_a label_b "
    "label_equal status_equal area_a_px2 area_b_px2 log_area_ratio signed_offset_px signed_offset_mm"
).split()


def read_frame(run: Run) -> Frame | None:
    """Read the pairs of a run; None where they are not there."""
    table = run.columns("pairs", [*COLUMNS, *(key for key, *_ in METRICS)])
    if table is None:
        return None
    present = [texts(table, f"annotator_{side}") for side in "ab"]
    names = {name for column in present for name in column.unique().to_pylist() if name is not None}
    ordered = sorted(names, key=annotator_order)
    sides = [texts(table, f"label_{side}") for side in "ab"]
    labels = sorted({name for column in sides for name in column.unique().to_pylist() if name is not None})
    return Frame(
        names=ordered,
        labels=labels,
        task=_whole(table, "task_id"),
        page=_whole(table, "page"),
        a=_codes(present[0], ordered),
        b=_codes(present[1], ordered),
        kind=_codes(texts(table, "match"), list(KINDS)),
        label_a=_codes(sides[0], labels),
        label_b=_codes(sides[1], labels),
        area_a=floats(table, "area_a_px2"),
        area_b=floats(table, "area_b_px2"),
        metrics=_metrics(table),
        iou=floats(table, "iou"),
        table=table,
    )


def _metrics(table: pa.Table) -> list[Metric]:
    """Choose what is there; of a distance the millimetres where every pair that has pixels has them."""
    found: list[Metric] = []
    known: dict[str, Floats] = {key: values for key, *_ in METRICS if not np.isnan(values := floats(table, key)).all()}
    for key, name, unit, digits, share in METRICS:
        if key not in known:
            continue
        stem = key.rsplit("_", 1)[0]
        in_mm, in_px = known.get(f"{stem}_mm"), known.get(f"{stem}_px")
        if in_mm is not None and in_px is not None:
            complete = np.array_equal(np.isnan(in_mm), np.isnan(in_px))
            if (unit == "mm") != complete:
                continue
        found.append(Metric(key, name, unit, digits, known[key], share))
    return found


def _codes(column: pa.ChunkedArray, names: list[str]) -> Ints:
    """Number texts by their place among the names; -1 where they are not among them."""
    places: pa.Array = pc.index_in(column, pa.array(names, pa.string()))
    found: Ints = pc.fill_null(places, -1).to_numpy().astype(np.int64)
    return found


def _whole(table: pa.Table, name: str) -> Ints:
    if name not in table.column_names:
        return np.full(table.num_rows, -1, dtype=np.int64)
    found: Ints = pc.fill_null(table[name].cast(pa.int64()), -1).to_numpy()
    return found
