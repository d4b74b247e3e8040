"""Exports of a simulation of its own, to see who is named: people with or without habits, task by task over weeks.

Lesions are wobbly rings; whoever looks at one loses it, errs in its size, its border, its label and its status. Nothing
of it comes from the package. `Person` says how; a habit starts with the week `since`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

Row = dict[str, Any]

SIZE = (2000, 1500)
LABELS = ("nevus", "melanoma", "keratosis", "other")
STATUSES = ("new", "stable", "enlarged")
MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Person:
    """How somebody works; what is given as a habit counts from the week `since` (0 is the first)."""

    name: str
    since: int = 0
    wider: float = 0.0  # share of the radius
    outside: float = 0.0  # px
    loses_small: float = 0.0  # probability, of lesions with a radius below 20 px
    loses: float = 0.0
    invents: float = 0.0  # per page
    swaps: tuple[str, str] | None = None  # calls the first label the second, 40 % of the time
    flips: tuple[str, str] | None = None  # likewise for the status
    vertices: float = 1.0  # factor
    slower: float = 1.0  # factor
    size_noise: float = 0.05  # sd of the log of the radius, per outline
    task_noise: float = 0.0  # the same, in common for all outlines of a task
    share: float = 1.0  # of the tasks they work on
    team: int = 0  # works on the tasks of this team only
    joins: int = 0  # the first week in which they work


def simulate(
    people: Sequence[Person],
    *,
    seed: int,
    weeks: int = 12,
    tasks_a_week: int = 12,
    lesions: tuple[int, int] = (1, 6),
    miss: float = 0.03,
    extra: float = 0.03,
    confuse: float = 0.05,
    teams: int = 1,
    trouble: Callable[[int], float] | None = None,
    zoom: Callable[[int], float] | None = None,
) -> bytes:
    """An export as JSON; everybody works on every task of their team, within the same week.

    Tasks go to the teams in turn; `trouble` says by how much everybody misses, invents and confuses more on a task,
    `zoom` by how much its lesions are larger.
    """
    rng = np.random.default_rng([seed, 20261122])
    tasks: list[Row] = []
    annotation_id = 1000
    for number in range(weeks * tasks_a_week):
        week = number // tasks_a_week
        task_id = 1 + number
        truth = scene(rng, lesions)
        for lesion in truth if zoom else ():
            lesion["radius"] *= zoom(number) if zoom else 1.0
        annotations = []
        for person in people:
            annotation_id += 1
            if rng.random() >= person.share or person.team != number % teams or person.joins > week:
                continue
            made = MONDAY + timedelta(weeks=week, days=float(rng.uniform(0, 5)))
            chances = [(trouble(number) if trouble else 1.0) * chance for chance in (miss, extra, confuse)]
            result = drawn(rng, truth, person, person.since <= week, *chances)
            slow = person.slower if person.since <= week else 1.0
            lead = slow * (20 + 15 * len(truth)) * math.exp(0.5 * rng.standard_normal())
            stamp = made.isoformat().replace("+00:00", "Z")
            annotations.append(
                {
                    "id": annotation_id,
                    "completed_by": person.name,
                    "result": result,
                    "was_cancelled": False,
                    "ground_truth": False,
                    "created_at": stamp,
                    "updated_at": stamp,
                    "lead_time": lead,
                }
            )
        tasks.append({"id": task_id, "data": {"image": f"{task_id}.jpg"}, "annotations": annotations})
    return json.dumps(tasks).encode()


def scene(rng: np.random.Generator, lesions: tuple[int, int]) -> list[Row]:
    """Lesions on a grid of 4 x 3 cells, so that none touches another."""
    cells = rng.permutation(12)[: int(rng.integers(lesions[0], lesions[1] + 1))]
    found = []
    for cell in cells.tolist():
        found.append(
            {
                "centre": (250 + 500 * (cell % 4), 250 + 500 * (cell // 4)),
                "radius": float(np.clip(30 * math.exp(0.6 * rng.standard_normal()), 8, 150)),
                "wobble": rng.standard_normal(4) * 0.06,
                "label": LABELS[int(rng.choice(4, p=(0.5, 0.2, 0.2, 0.1)))],
                "status": STATUSES[int(rng.choice(3, p=(0.2, 0.6, 0.2)))],
            }
        )
    return found


def drawn(
    rng: np.random.Generator, truth: list[Row], person: Person, habit: bool, miss: float, extra: float, confuse: float
) -> list[Row]:
    """The result of one person on one task."""
    entries: list[Row] = []
    seen = []
    for lesion in truth:
        lost = miss + (person.loses if habit else 0.0)
        if habit and lesion["radius"] < 20:
            lost = max(lost, person.loses_small)
        if rng.random() >= lost:
            seen.append(lesion)
    if rng.random() < extra + (person.invents if habit else 0.0):
        # Between the cells, where no lesion is.
        place = (500 * int(rng.integers(1, 4)), 500 * int(rng.integers(1, 3)))
        other = {"radius": float(rng.uniform(10, 40)), "wobble": rng.standard_normal(4) * 0.05}
        seen.append({"centre": place, "label": LABELS[3], "status": STATUSES[1], **other})
    common_error = person.task_noise * rng.standard_normal()
    for k, lesion in enumerate(seen):
        factor = math.exp(common_error + person.size_noise * rng.standard_normal())
        factor *= 1 + (person.wider if habit else 0.0)
        count = max(8, round((24 + rng.integers(0, 12)) * (person.vertices if habit else 1.0)))
        angles = np.sort((np.arange(count) + rng.uniform(-0.3, 0.3, count)) * 2 * math.pi / count)
        radii = lesion["radius"] * factor * (1 + 0.02 * rng.standard_normal(count))
        radii = radii + (person.outside if habit else 0.0)
        for order, amount in enumerate(lesion["wobble"], start=2):
            radii = radii * (1 + amount * np.cos(order * angles))
        shift = rng.standard_normal(2)
        points = np.stack(
            [
                (lesion["centre"][0] + shift[0] + radii * np.cos(angles)) / SIZE[0] * 100,
                (lesion["centre"][1] + shift[1] + radii * np.sin(angles)) / SIZE[1] * 100,
            ],
            axis=1,
        )
        label = told(rng, lesion["label"], LABELS, confuse, person.swaps if habit else None)
        status = told(rng, lesion["status"], STATUSES, confuse, person.flips if habit else None)
        common = {
            "id": f"r{k}",
            "to_name": "img",
            "origin": "manual",
            "original_width": SIZE[0],
            "original_height": SIZE[1],
            "image_rotation": 0,
        }
        value = {"points": points.tolist(), "closed": True}
        entries.append(
            {**common, "from_name": "lesion", "type": "polygonlabels", "value": {**value, "polygonlabels": [label]}}
        )
        entries.append(
            {**common, "from_name": "lesion_status", "type": "choices", "value": {**value, "choices": [status]}}
        )
    return entries


def told(
    rng: np.random.Generator, right: str, all_of: Sequence[str], confuse: float, swap: tuple[str, str] | None
) -> str:
    """An answer, now and then a wrong one."""
    if swap is not None and right == swap[0] and rng.random() < 0.4:
        return swap[1]
    if rng.random() < confuse:
        wrong = [value for value in all_of if value != right]
        return wrong[int(rng.integers(len(wrong)))]
    return right
