"""The worst cases: one per lesion, some of each kind of trouble, with all pairs and regions that belong to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..agreement.annotators import UNKNOWN, annotator_order
from .frame import KINDS, Frame
from .run import Run, texts

__all__ = ["Case", "Drawn", "Pair", "worst_cases"]

Ints = NDArray[np.int64]

#: Columns of `regions` that a case needs, beside its controls.
REGION_COLUMNS = (
    "task_id page image width height annotation_id annotator region_id label source lesion area_px2 area_mm2 min_x_px "
    "min_y_px max_x_px max_y_px spacing_x_mm spacing_y_mm"
).split()
PAIR_COLUMNS = "annotation_a annotation_b region_a region_b signed_offset_px".split()


@dataclass(slots=True)
class Drawn:
    """A region of a case: whose it is, what was said of it, where it is in the table of regions."""

    row: int
    annotator: str
    label: str | None
    area_px2: float | None
    area_mm2: float | None
    answers: dict[str, Any]
    box: tuple[float, float, float, float] | None


@dataclass(slots=True)
class Pair:
    """One row of `pairs` that belongs to a case."""

    row: int
    annotators: tuple[str, str]
    match: str
    labels: tuple[str | None, str | None]
    values: dict[str, float | None]
    #: Rows of the table of regions, -1 where there is none.
    regions: tuple[int, int]
    #: Of a missing region the one who drew it.
    only: str | None


@dataclass(slots=True)
class Case:
    """A lesion, or a pair of regions where the run has no lesions."""

    task_id: int
    page: int
    image: str | None
    width: int | None
    height: int | None
    spacing: tuple[float, float] | None
    pairs: list[Pair]
    regions: list[Drawn] = field(default_factory=list)
    #: Other regions of the page that may lie in view.
    near: list[Drawn] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)

    @property
    def worst(self) -> Pair:
        """The pair that gives the case its place."""
        return self.pairs[0]

    @property
    def annotators(self) -> list[str]:
        """Everybody whose pairs these are."""
        return sorted({name for pair in self.pairs for name in pair.annotators}, key=annotator_order)

    @property
    def labels(self) -> list[str]:
        """Everything it was called."""
        return sorted({label for pair in self.pairs for label in pair.labels if label is not None})


def worst_cases(run: Run, frame: Frame | None, controls: list[str], most: int) -> list[Case]:
    """Choose at most `most` cases, the same number of each kind of trouble where there are enough.

    Kinds are those of the worst pair of a lesion. Within a kind the worst come first: unmatched and lowest IoU, then
    largest area, then the order of the table.
    """
    if frame is None or not frame.rows or most < 1:
        return []
    with np.errstate(invalid="ignore"):
        score = np.where(frame.agreed, np.nan_to_num(frame.iou), 0.0)
        size = np.fmax(frame.area_a, frame.area_b)
    order = np.lexsort((np.arange(frame.rows), -np.nan_to_num(size), score))
    place = np.empty(frame.rows, dtype=np.int64)
    place[order] = np.arange(frame.rows)
    # Of each kind the first rows in this order, more of them until the worst cases are surely among them.
    by_kind = [order[frame.kind[order] == kind] for kind in range(len(KINDS))]
    width = int(frame.page.max()) + 2
    pages = frame.task * width + frame.page
    if frame.task.min() < -(2**40) or frame.task.max() > 2**40:
        pages = np.unique(np.stack([frame.task, frame.page]), axis=1, return_inverse=True)[1]
    reach = most
    while True:
        first = np.concatenate([own[:reach] for own in by_kind])
        rows = np.flatnonzero(np.isin(pages, np.unique(pages[first])))
        chosen = _chosen(_grouped(run, frame, controls, rows[np.argsort(place[rows], kind="stable")]), most)
        last = [place[own[reach - 1]] if len(own) > reach else frame.rows for own in by_kind]
        if all(place[case.worst.row] <= last[KINDS.index(case.worst.match)] for case in chosen) and (
            len(chosen) == most or all(len(own) <= reach for own in by_kind)
        ):
            break
        reach *= 4
    return sorted(chosen, key=lambda case: int(place[case.worst.row]))


def _chosen(cases: list[Case], most: int) -> list[Case]:
    """Take turns among the kinds."""
    queues = [[case for case in cases if case.worst.match == kind] for kind in KINDS]
    chosen: list[Case] = []
    turn = 0
    while len(chosen) < most and any(turn < len(queue) for queue in queues):
        chosen += [queue[turn] for queue in reversed(queues) if turn < len(queue)]
        turn += 1
    return chosen[:most]


def _grouped(run: Run, frame: Frame, controls: list[str], rows: Ints) -> list[Case]:
    """Make cases of these pairs, which come in their order and are all of their pages."""
    table = frame.table.take(pa.array(rows))
    columns = {
        name: table[name].to_pylist() if name in table.column_names else [None] * len(rows) for name in PAIR_COLUMNS
    }
    keys = list(zip(frame.task[rows].tolist(), frame.page[rows].tolist(), strict=True))
    regions = _Regions(run, controls, set(keys))
    metrics = [(metric.key, metric.values) for metric in frame.metrics]
    cases: dict[tuple[int, int, Any], Case] = {}
    for at, (row, (task, page)) in enumerate(zip(rows.tolist(), keys, strict=True)):
        own = tuple(
            regions.find(task, page, columns[f"annotation_{side}"][at], columns[f"region_{side}"][at]) for side in "ab"
        )
        values = {name: _number(column[row]) for name, column in metrics}
        values["area_a_px2"], values["area_b_px2"] = _number(frame.area_a[row]), _number(frame.area_b[row])
        values["signed_offset_px"] = columns["signed_offset_px"][at]
        a, b = (frame.names[code] if code >= 0 else UNKNOWN for code in (frame.a[row], frame.b[row]))
        pair = Pair(
            row=row,
            annotators=(a, b),
            match=KINDS[frame.kind[row]] if frame.kind[row] >= 0 else "missing",
            labels=tuple(
                frame.labels[code] if code >= 0 else None for code in (frame.label_a[row], frame.label_b[row])
            ),  # type: ignore[arg-type]
            values=values,
            regions=(own[0], own[1]),
            only=_only(a, b, columns["region_a"][at], columns["region_b"][at]),
        )
        lesion = next((one for side in own if (one := regions.lesion(side)) is not None), None)
        key = (task, page, ("row", row) if lesion is None else lesion)
        case = cases.get(key)
        if case is None:
            case = cases[key] = Case(task, page, None, None, None, None, [])
        case.pairs.append(pair)
    found = []
    for key, case in cases.items():
        # A lesion on which all pairs agree perfectly is no case.
        if all(pair.match == "matched" and pair.values.get("iou") == 1.0 for pair in case.pairs):
            continue
        regions.complete(case, key[2])
        found.append(case)
    return found


class _Regions:
    """The regions of some pages, by their ids and by lesion."""

    def __init__(self, run: Run, controls: list[str], pages: set[tuple[int, int]]) -> None:
        self.controls = controls
        self.by_id: dict[tuple[Any, ...], int] = {}
        self.by_page: dict[tuple[int, int], list[int]] = {}
        self.rows: dict[int, dict[str, Any]] = {}
        keys = run.columns("regions", ["task_id", "page", "source"])
        if keys is None or not {"task_id", "page"} <= set(keys.column_names):
            return
        tasks = pa.array(sorted({task for task, _ in pages}), pa.int64())
        inside = pc.is_in(keys["task_id"].cast(pa.int64()), tasks)
        if "source" in keys.column_names:
            inside = pc.and_(inside, pc.fill_null(pc.equal(texts(keys, "source"), "annotation"), False))
        chosen = np.flatnonzero(inside.to_numpy())
        table = run.columns("regions", [*REGION_COLUMNS, *controls])
        if table is None:
            return
        names = table.column_names
        for row, values in zip(chosen.tolist(), table.take(pa.array(chosen)).to_pylist(), strict=True):
            page = (values["task_id"], values["page"])
            if page not in pages:
                continue
            values["annotator"] = UNKNOWN if values.get("annotator") is None else str(values["annotator"])
            self.rows[row] = values
            self.by_page.setdefault(page, []).append(row)
            self.by_id.setdefault((*page, values.get("annotation_id"), values.get("region_id")), row)
        self.has_lesions = "lesion" in names

    def find(self, task: int, page: int, annotation: Any, region: Any) -> int:
        """Row of a region, -1 where there is none."""
        return -1 if region is None else self.by_id.get((task, page, annotation, region), -1)

    def lesion(self, row: int) -> int | None:
        """Lesion of a region within its page."""
        found: int | None = self.rows[row].get("lesion") if row >= 0 else None
        return found

    def complete(self, case: Case, lesion: Any) -> None:
        """Add the regions of a case, those near it, and who drew none."""
        own = {row for pair in case.pairs for row in pair.regions if row >= 0}
        here = self.by_page.get((case.task_id, case.page), [])
        if not isinstance(lesion, tuple):
            own |= {row for row in here if self.rows[row].get("lesion") == lesion}
        case.regions = [self._drawn(row) for row in sorted(own, key=self._order)]
        # Regions that do not count, as of skipped annotations, have no lesion.
        case.near = [self._drawn(row) for row in here if row not in own and self.rows[row].get("lesion") is not None]
        drew = {drawn.annotator for drawn in case.regions}
        case.absent = [name for name in case.annotators if name not in drew]
        for row in sorted(own) or here[:1]:
            values = self.rows[row]
            case.image = values.get("image")
            case.width, case.height = values.get("width"), values.get("height")
            spacing = values.get("spacing_x_mm"), values.get("spacing_y_mm")
            case.spacing = None if None in spacing else spacing  # type: ignore[assignment]
            break

    def _order(self, row: int) -> tuple[Any, int]:
        return annotator_order(self.rows[row]["annotator"]), row

    def _drawn(self, row: int) -> Drawn:
        values = self.rows[row]
        corners = [values.get(name) for name in ("min_x_px", "min_y_px", "max_x_px", "max_y_px")]
        return Drawn(
            row=row,
            annotator=values["annotator"],
            label=None if values.get("label") is None else str(values["label"]),
            area_px2=values.get("area_px2"),
            area_mm2=values.get("area_mm2"),
            answers={name: values.get(name) for name in self.controls if name in values},
            box=None if None in corners else tuple(corners),  # type: ignore[arg-type]
        )


def _only(a: str, b: str, region_a: Any, region_b: Any) -> str | None:
    """Return who drew a region that the other did not."""
    if (region_a is None) == (region_b is None):
        return None
    return b if region_a is None else a


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
