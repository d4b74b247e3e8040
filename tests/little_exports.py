"""Small exports for the odd cases: each a list of tasks as Label Studio writes them, made without the package."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

Row = dict[str, Any]
Tasks = list[Row]

SIZE = (1000, 800)


def disk(
    region_id: str,
    x: float,
    y: float,
    radius: float,
    *,
    label: str | Sequence[str] | None = "nevus",
    page: int = 0,
    status: str | None = None,
    number: float | None = None,
    vertices: int = 24,
) -> list[Row]:
    """A region: centre and radius in px, labels, answers."""
    turns = [2 * math.pi * k / vertices for k in range(vertices)]
    points = [[(x + radius * math.cos(t)) / SIZE[0] * 100, (y + radius * math.sin(t)) / SIZE[1] * 100] for t in turns]
    return drawn(region_id, {"points": points, "closed": True}, "polygon", label, page, status, number)


def point(region_id: str, x: float, y: float, *, label: str = "nevus", page: int = 0) -> list[Row]:
    """A key point."""
    value = {"x": x / SIZE[0] * 100, "y": y / SIZE[1] * 100, "width": 0.5}
    return drawn(region_id, value, "keypoint", label, page, None, None)


def sliver(region_id: str, x: float, y: float, *, label: str = "nevus", page: int = 0) -> list[Row]:
    """A polygon without area."""
    points = [[x / 10, y / 8], [x / 10 + 1, y / 8], [x / 10 + 2, y / 8]]
    return drawn(region_id, {"points": points, "closed": True}, "polygon", label, page, None, None)


def drawn(
    region_id: str,
    value: Row,
    kind: str,
    label: str | Sequence[str] | None,
    page: int,
    status: str | None,
    number: float | None,
) -> list[Row]:
    """The entries of a region."""
    common: Row = {"id": region_id, "to_name": "img", "original_width": SIZE[0], "original_height": SIZE[1]}
    common |= {"image_rotation": 0, "item_index": page, "origin": "manual"}
    labels = [] if label is None else [label] if isinstance(label, str) else list(label)
    own = {**value, f"{kind}labels": labels} if labels else value
    entries = [{**common, "from_name": "lesion", "type": f"{kind}labels" if labels else kind, "value": own}]
    if status is not None:
        entries.append(
            {**common, "from_name": "lesion_status", "type": "choices", "value": {**value, "choices": [status]}}
        )
    if number is not None:
        entries.append({**common, "from_name": "depth", "type": "number", "value": {**value, "number": number}})
    return entries


def answer(name: str, choice: str, page: int | None = None) -> list[Row]:
    """An answer about a page, or about the task."""
    entry: Row = {"id": f"{name}{page}", "from_name": name, "to_name": "img", "type": "choices"}
    entry["value"] = {"choices": [choice]}
    return [entry if page is None else {**entry, "item_index": page}]


def annotation(
    annotation_id: int,
    who: object,
    *entries: list[Row],
    created: str | None = "2026-01-05T08:00:00Z",
    updated: str | None = None,
    cancelled: bool = False,
    truth: bool = False,
    lead: float | None = 30.0,
) -> Row:
    """One annotation; `entries` are what the functions above give."""
    return {
        "id": annotation_id,
        "completed_by": who,
        "result": [entry for some in entries for entry in some],
        "was_cancelled": cancelled,
        "ground_truth": truth,
        "created_at": created,
        "updated_at": updated if updated is not None else created,
        "lead_time": lead,
    }


def task(task_id: int, *annotations: Row, images: int = 1, **data: object) -> Row:
    """One task."""
    pages = [f"t{task_id}-{page}.jpg" for page in range(images)]
    return {"id": task_id, "data": {"images": pages, **data}, "annotations": list(annotations), "predictions": []}


def three(task_id: int, *, shift: float = 2.0, who: Sequence[object] = (1, 2, 3), **more: Any) -> Row:
    """A plain task: two lesions, everybody draws both, each a little apart."""
    made = []
    for k, name in enumerate(who):
        one = disk("a", 200 + shift * k, 200, 40 + k, label="nevus", status="stable", number=float(k % 2))
        two = disk("b", 500, 400 + shift * k, 15, label="other", status="new", number=2.0)
        made.append(annotation(10 * task_id + k, name, one, two, **more))
    return task(task_id, *made)


def odd_names() -> Tasks:
    """Names that do not sort as text, need quoting, or look like somebody who was deleted."""
    names = ["10", "9", "é", "unknown", "a,b", "=1+1", "<b>x</b>", ""]
    made = [three(k + 1, who=names[k : k + 3]) for k in range(len(names) - 2)]
    lost = three(20, who=[None, "9", "10"])
    return [*made, lost]


def others(first: int) -> Tasks:
    """Ids that do not sort as text, and people who were deleted."""
    people: list[object] = ["10", 9, 100, None, "007", 7]
    return [three(first + k, who=people[k : k + 3]) for k in range(4)]


def one_annotator() -> Tasks:
    """Nobody to compare with."""
    return [task(k, annotation(k, 1, disk("a", 100, 100, 30))) for k in (1, 2, 3)]


def undrawn_pages() -> Tasks:
    """Most pages of each task are without a region, some of them with only one person's."""
    made = []
    for k in range(1, 5):
        one = annotation(10 * k, 1, disk("a", 100, 100, 30, page=1), disk("x", 500, 300, 20, page=3))
        two = annotation(10 * k + 1, 2, disk("b", 103, 100, 31, page=1))
        made.append(task(k, one, two, images=5))
    return made


def twice() -> Tasks:
    """The same person twice on a task; the newest counts, by when it was changed."""
    made = []
    for k in range(1, 4):
        old = annotation(10 * k, 1, disk("a", 100, 100, 80), created="2026-01-05T08:00:00Z")
        new = annotation(10 * k + 1, 1, disk("a", 100, 100, 30), created="2026-01-12T08:00:00Z")
        other = annotation(10 * k + 2, 2, disk("b", 102, 100, 30), created="2026-01-06T08:00:00Z")
        made.append(task(k, new, old, other))
    return made


def cancelled() -> Tasks:
    """Skipped by one, by all, by one of three."""
    return [
        task(1, annotation(1, 1, disk("a", 100, 100, 30)), annotation(2, 2, disk("b", 100, 100, 30), cancelled=True)),
        task(2, annotation(3, 1, cancelled=True), annotation(4, 2, cancelled=True)),
        task(
            3,
            annotation(5, 1, disk("a", 100, 100, 30)),
            annotation(6, 2, disk("a", 100, 101, 30)),
            annotation(7, 3, cancelled=True),
        ),
    ]


def all_cancelled() -> Tasks:
    """Nothing counts."""
    return [task(1, annotation(1, 1, cancelled=True), annotation(2, 2, cancelled=True))]


def all_empty() -> Tasks:
    """Everybody looked, nobody drew."""
    return [task(k, annotation(10 * k, 1), annotation(10 * k + 1, 2), annotation(10 * k + 2, 3)) for k in (1, 2, 3)]


def one_region() -> Tasks:
    """One region in all, which the other did not draw."""
    return [task(1, annotation(1, 1, disk("a", 100, 100, 30)), annotation(2, 2))]


def no_tasks() -> Tasks:
    """An empty export."""
    return []


def no_annotations() -> Tasks:
    """Tasks that nobody worked on."""
    return [task(1), task(2, images=3)]


def identical() -> Tasks:
    """Copies: no spread anywhere, every kappa without chance to disagree."""
    return [three(k, shift=0.0) | {"annotations": copies(k)} for k in range(1, 7)]


def copies(k: int) -> list[Row]:
    """Three times the same annotation."""
    same = [disk("a", 200, 200, 40, status="stable", number=1.0), disk("b", 500, 400, 15, status="stable", number=1.0)]
    return [annotation(10 * k + who, who, *same) for who in (1, 2, 3)]


def no_labels() -> Tasks:
    """Outlines without a label, for one person or for all."""
    made = []
    for k in range(1, 4):
        one = annotation(10 * k, 1, disk("a", 100, 100, 30, label=None))
        two = annotation(10 * k + 1, 2, disk("a", 102, 100, 30, label=None if k > 1 else "nevus"))
        made.append(task(k, one, two))
    return made


def label_sets() -> Tasks:
    """Several labels per region, in another order and with one more."""
    sets = [("nevus", "other"), ("other", "nevus"), ("nevus",), ("nevus", "nevus"), ("a", "b", "c")]
    made = []
    for k in range(1, 6):
        one = annotation(10 * k, 1, disk("a", 100, 100, 30, label=sets[k % 5]))
        two = annotation(10 * k + 1, 2, disk("a", 101, 100, 30, label=sets[(k + 1) % 5]))
        three_ = annotation(10 * k + 2, 3, disk("a", 100, 101, 30, label=sets[(2 * k) % 5]))
        made.append(task(k, one, two, three_))
    return made


def no_area() -> Tasks:
    """Outlines without area, alone and beside others; one person draws nothing else."""
    made = []
    for k in range(1, 4):
        one = annotation(10 * k, 1, sliver("s", 300, 300), disk("a", 100, 100, 30))
        two = annotation(10 * k + 1, 2, sliver("t", 300, 300))
        made.append(task(k, one, two))
    return made


def points_only() -> Tasks:
    """Key points, which are no areas."""
    return [
        task(k, annotation(10 * k, 1, point("p", 5, 5)), annotation(10 * k + 1, 2, point("q", 5, 5))) for k in (1, 2)
    ]


def no_dates() -> Tasks:
    """Without created_at for some, without any date for others."""
    made = [three(1), three(2, created=None, updated="2026-02-03T00:00:00Z"), three(3, created=None)]
    return [*made, three(4, created=None, lead=None)]


def year_ends() -> Tasks:
    """Days around the turn of years and of weeks; the later of two weeks counts for a pair."""
    days = [
        "2024-12-29T23:59:59Z",
        "2024-12-30T00:00:00Z",
        "2025-12-31T12:00:00Z",
        "2026-01-01T00:00:00Z",
        "2026-01-04T23:59:59.999999Z",
        "2026-01-05T00:00:00+02:00",
        "2026-01-05T00:00:00Z",
        "2027-01-03T12:00:00Z",
        "2021-01-01T00:00:00Z",
        "1969-12-31T23:00:00Z",
    ]
    made = []
    for k, day in enumerate(days, start=1):
        one = annotation(10 * k, 1, disk("a", 100, 100, 30), created=day)
        two = annotation(10 * k + 1, 2, disk("a", 102, 100, 32), created=days[k % len(days)])
        made.append(task(k, one, two))
    return made


def twelve() -> Tasks:
    """Twelve annotators on one task, a dozen lesions, everybody misses another one; further tasks by some."""
    made = []
    for k in range(1, 5):
        people = range(1, 13) if k == 1 else range(k, k + 4)
        annotations = []
        for who in people:
            regions = [
                disk(
                    f"r{j}", 60 + 80 * j, 100 + 150 * (j % 3), 20 + who / 3, label="nevus" if (j + who) % 5 else "other"
                )
                for j in range(12)
                if j + 1 != who
            ]
            annotations.append(annotation(100 * k + who, who, *regions))
        made.append(task(k, *annotations))
    return made


def chains() -> Tasks:
    """A overlaps B, B overlaps C, but A and C hardly: and two by one person that overlap both."""
    made = []
    for k in range(1, 4):
        one = annotation(10 * k, 1, disk("a", 100, 100, 50), disk("a2", 160, 100, 50))
        two = annotation(10 * k + 1, 2, disk("b", 130, 100, 50))
        three_ = annotation(10 * k + 2, 3, disk("c", 165, 100, 50), disk("c2", 95, 104, 49), disk("c3", 130, 180, 40))
        made.append(task(k, one, two, three_))
    return made


def spacings() -> Tasks:
    """Pixel size known on some pages only, and not square on others; read with spacing_mm="spacing"."""
    made = []
    for k, spacing in enumerate(([0.1, None, 0.2], [{"x": 0.1, "y": 0.3}, 0.5, None], None), start=1):
        annotations = [
            annotation(
                10 * k + who, who, *(disk(f"r{p}", 100 + 3 * who, 100 + who, 30 + 2 * who, page=p) for p in range(3))
            )
            for who in (1, 2, 3)
        ]
        more = {} if spacing is None else {"spacing": spacing}
        made.append(task(k, *annotations, images=3, **more))
    return made


def answers() -> Tasks:
    """Answers about pages and tasks: some missing, some by one person only, some always the same."""
    made = []
    for k in range(1, 9):
        annotations = []
        for who in (1, 2, 3):
            said = [answer("assessment", ("better", "same", "worse")[(k + (who == 3)) % 3], page=0)]
            if (k + who) % 4:
                said.append(answer("assessment", "same", page=1))
            said.append(answer("quality", "good"))
            if who == 1:
                said.append(answer("only_one", "yes" if k % 2 else "no"))
            annotations.append(annotation(10 * k + who, who, disk("a", 100 + who, 100, 30), *said))
        made.append(task(k, *annotations, images=2))
    return made


CASES: dict[str, Callable[[], Tasks]] = {
    case.__name__: case
    for case in (
        odd_names,
        one_annotator,
        undrawn_pages,
        twice,
        cancelled,
        all_cancelled,
        all_empty,
        one_region,
        no_tasks,
        no_annotations,
        identical,
        no_labels,
        label_sets,
        no_area,
        points_only,
        no_dates,
        year_ends,
        twelve,
        chains,
        spacings,
        answers,
    )
}
