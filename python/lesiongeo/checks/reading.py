"""What the reader found odd, with the person, the label and the value that belong to it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..agreement.counted import Ints
from ..metrics import bounds
from .view import FINDING_SCHEMA, View, first_rows

__all__ = ["INVALID", "check_reading"]

#: Problems of outlines; `check_invalid` says more about them.
INVALID = ("empty", "too_few_points", "zero_area", "self_overlap")

#: Where a number of the export is wrong, or something of it is missing.
ERRORS = frozenset(("image_size_differs",))
#: Nothing to correct; the regions with unknown labels are findings of their own.
NOTES = frozenset(("label_unknown", "not_a_time", "superseded"))
#: Said once for the whole export; the place is only the first.
WIDE = frozenset(
    "alias_mixed choice_unknown control_kind_changed control_scope_changed control_unknown role_unknown "
    "value_out_of_range".split()
)


def check_reading(view: View) -> pa.Table:
    """Make findings of the problems: what was dropped is an error; what does not count is a note."""
    problems = view.export.problems
    invalid = pc.and_(pc.is_in(problems["code"], pa.array(INVALID)), pc.invert(problems["dropped"]))
    problems = problems.filter(pc.invert(invalid))
    count = problems.num_rows
    annotation = _annotations_of(view, problems)
    idle = annotation >= 0
    idle[idle] = ~view.counts[annotation[idle]]
    dropped = problems["dropped"].to_numpy()
    errors, notes, wide = (
        pc.is_in(problems["code"], pa.array(sorted(codes))).to_numpy() for codes in (ERRORS, NOTES, WIDE)
    )
    rank = np.where(dropped | errors, 0, np.where((idle & ~wide) | notes, 2, 1))
    region = _regions_of(view, problems)
    known = pa.array(np.maximum(region, 0), mask=region < 0)
    person = pa.array(np.maximum(annotation, 0), mask=annotation < 0)
    columns = {
        "severity": pa.array(["error", "warning", "info"]).take(pa.array(rank)),
        "code": problems["code"],
        "task_id": problems["task_id"],
        "page": problems["page"],
        "annotation_id": problems["annotation_id"],
        "annotator": view.annotations["annotator"].take(person),
        "region_id": problems["region_id"],
        "label": view.regions["label"].take(known),
        "value": _values(view, problems, region),
        "message": problems["message"],
    }
    arrays = [
        column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        for column in (columns[field.name] for field in FINDING_SCHEMA)
    ]
    return pa.Table.from_arrays(arrays, schema=FINDING_SCHEMA) if count else FINDING_SCHEMA.empty_table()


def _annotations_of(view: View, problems: pa.Table) -> Ints:
    """Rows of the annotations that problems are about, -1 where none is named."""
    rows = first_rows(
        [view.annotations["task_id"], view.annotations["annotation_id"]],
        [problems["task_id"], problems["annotation_id"]],
    )
    return np.where(problems["annotation_id"].is_null().to_numpy(), -1, rows)


def _regions_of(view: View, problems: pa.Table) -> Ints:
    """Rows of the regions that problems are about, -1 where none is named or it was dropped."""
    names = ["task_id", "annotation_id", "region_id"]
    # Problems are few: only regions of a name that is among them are looked through.
    some = np.flatnonzero(pc.is_in(view.regions["region_id"], problems["region_id"].unique()).to_numpy())
    near = view.regions.select(names).take(pa.array(some))
    rows = first_rows([near[name] for name in names], [problems[name] for name in names])
    none = problems["region_id"].is_null().to_numpy() | (rows < 0)
    return np.where(none, -1, np.append(some, -1)[rows])


def _values(view: View, problems: pa.Table, region: Ints) -> pa.Array:
    """Say how far outlines leave the image, and which sizes differ; else the field of the export."""
    code = problems["code"]
    text = np.array(problems["field"].to_pylist(), dtype=object)
    outside = np.flatnonzero(pc.equal(code, "outside_image").to_numpy() & (region >= 0))
    text[outside] = _how_far(view, region[outside])
    sizes = np.flatnonzero(pc.equal(code, "image_size_differs").to_numpy())
    text[sizes] = _sizes(view, problems.take(pa.array(sizes)))
    return pa.array(text, pa.string())


def _how_far(view: View, rows: Ints) -> list[str]:
    """How many pixels each region lies beyond which border, the farthest one."""
    box = bounds(view.export.regions.polygons.take(rows))
    width, height = (view.regions[name].take(pa.array(rows)).to_numpy() for name in ("width", "height"))
    beyond = np.stack([-box[:, 0], -box[:, 1], box[:, 2] - width, box[:, 3] - height], axis=1)
    side = np.nanargmax(np.where(np.isnan(beyond), -np.inf, beyond), axis=1)
    names = ("left", "top", "right", "bottom")
    return [
        f"{distance:.3g} px beyond the {names[which]} edge"
        for distance, which in zip(beyond[np.arange(len(rows)), side].tolist(), side.tolist(), strict=True)
    ]


def _sizes(view: View, pages: pa.Table) -> list[str]:
    """List the image sizes that the regions of each of these pages record."""
    names = ["task_id", "page"]
    wanted = view.regions.select([*names, "width", "height"]).filter(
        pc.is_in(view.regions["task_id"], pages["task_id"].unique())
    )
    groups = wanted.group_by([*names, "width", "height"]).aggregate([]).to_pylist()
    found: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for group in groups:
        found.setdefault((group["task_id"], group["page"]), []).append((group["width"], group["height"]))
    return [
        ", ".join(f"{width} x {height}" for width, height in sorted(found.get((row["task_id"], row["page"]), [])))
        for row in pages.select(names).to_pylist()
    ]
