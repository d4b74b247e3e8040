"""What the table, the cards, the filters and the JSON say of each case."""

from __future__ import annotations

from typing import Any

from ..agreement.annotators import annotator_order
from .cases import Case
from .frame import Frame
from .queue import priorities
from .run import Run
from .text import count, image_name, number

__all__ = ["case_rows", "distance_of", "filters_of"]

#: Pairs listed below a card.
MOST_LISTED = 12


def case_rows(run: Run, frame: Frame | None, cases: list[Case], controls: list[str]) -> list[dict[str, Any]]:
    """Return what table, cards and JSON say of each case."""
    distance = distance_of(frame)[0]
    queued = priorities(run, {(case.task_id, case.page) for case in cases})
    rows = []
    for rank, case in enumerate(cases, 1):
        priority, reasons = queued.get((case.task_id, case.page), (None, []))
        values = case.worst.values
        used = [name for name in controls if any(drawn.answers.get(name) is not None for drawn in case.regions)]
        rows.append(
            {
                "rank": rank,
                "task_id": case.task_id,
                "page": case.page,
                "image_name": image_name(case.image),
                "worst": list(case.worst.annotators),
                "annotators": case.annotators,
                "match": case.worst.match,
                "only": case.worst.only,
                "labels": case.labels,
                "iou": values.get("iou"),
                "dice": values.get("dice"),
                "distance": values.get(distance) if distance else None,
                "priority": priority,
                "reasons": reasons,
                "controls": used,
                "absent": case.absent,
                "regions": [
                    {
                        "annotator": drawn.annotator,
                        "label": drawn.label,
                        "answers": {name: drawn.answers.get(name) for name in used},
                        "area": _area(drawn.area_px2, drawn.area_mm2),
                        "area_px2": drawn.area_px2,
                    }
                    for drawn in case.regions
                ],
                "pairs": [
                    {
                        "a": pair.annotators[0],
                        "b": pair.annotators[1],
                        "match": pair.match,
                        "only": pair.only,
                        "iou": pair.values.get("iou"),
                        "dice": pair.values.get("dice"),
                        "distance": pair.values.get(distance) if distance else None,
                    }
                    for pair in case.pairs[:MOST_LISTED]
                ],
                "pairs_left_out": max(len(case.pairs) - MOST_LISTED, 0),
            }
        )
    return rows


def _area(px2: float | None, mm2: float | None) -> str:
    if mm2 is not None:
        return f"{number(mm2, 2)} mm\u00b2"
    return "" if px2 is None else f"{count(px2)} px\u00b2"


def distance_of(frame: Frame | None) -> tuple[str | None, str, str, int]:
    """Column, name, unit and decimals of the distance that the cases show."""
    metric = frame.metric("hd95_mm", "hd95_px", "hausdorff_mm", "hausdorff_px") if frame is not None else None
    return (None, "HD95", "", 1) if metric is None else (metric.key, metric.name, metric.unit, metric.digits)


def filters_of(cases: list[dict[str, Any]]) -> tuple[list[tuple[str, str, list[str]]], list[dict[str, str]]]:
    """Return what can be filtered by, and the numbers of the choices that each case has; texts never become names."""
    kinds = (
        ("annotators", "Annotator", lambda case: case["annotators"], annotator_order),
        ("labels", "Label", lambda case: case["labels"], None),
        ("matches", "Match", lambda case: sorted({pair["match"].replace("_", " ") for pair in case["pairs"]}), None),
        ("reasons", "Reason", lambda case: case["reasons"], None),
    )
    filters: list[tuple[str, str, list[str]]] = []
    codes: list[dict[str, str]] = [{} for _ in cases]
    for key, name, values, order in kinds:
        choices = sorted({value for case in cases for value in values(case)}, key=order)
        if not choices:
            continue
        filters.append((key, name, choices))
        place = {choice: number for number, choice in enumerate(choices)}
        for case, row in zip(cases, codes, strict=True):
            row[key] = " ".join(str(place[value]) for value in values(case))
    return filters, codes
