"""Statistics of a large project: an export made of arrays, then each step from pairs of regions to intervals.

    python benches/statistics_scale.py [--regions 1000000] [--resamples 1000] [--json]

Three annotators; one task per patient, with five pages; six labels, 26 weeks. Outlines have twelve points: what is
timed here does not depend on them, but for the distances. Prints seconds per step and the peak of memory.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import lesiongeo as lg
from lesiongeo.testing import make_export

SEED = 7
ANNOTATORS, PAGES, WEEKS, VERTICES = 3, 5, 26, 12
#: As an app for skin would have them.
LABELS = ("nevus", "melanoma", "keratosis", "angioma", "fibroma", "other")
STATUSES = ("new", "stable", "enlarged", "resolved")
LESIONS_PER_TASK = 10.4
MISSED, CONFUSED, FLIPPED = 0.03, 0.04, 0.06
#: Lesions of a page lie on a grid, far enough from each other that neighbours never meet.
GRID, CELL_PX, SIZE = 5, 800, (4000, 4000)
#: How much wider each annotator draws.
BIAS = (0.0, 0.02, 0.06)


def made_export(regions: int, seed: int = SEED) -> lg.Export:
    """Return an export with about as many regions, in a second per million."""
    rng = np.random.default_rng(seed)
    lesions = round(regions / (ANNOTATORS * (1.0 - MISSED)))
    tasks = max(1, round(lesions / LESIONS_PER_TASK))
    # A cell of a page of a task is taken once.
    cells = rng.permutation(tasks * PAGES * GRID * GRID)[:lesions] if tasks < 1000 else _sparse(rng, tasks, lesions)
    cells = np.sort(cells)
    lesion_task, rest = np.divmod(cells, PAGES * GRID * GRID)
    lesion_page, place = np.divmod(rest, GRID * GRID)
    centre = (np.stack(np.divmod(place, GRID), axis=1)[:, ::-1] + 0.5) * CELL_PX + rng.uniform(-150, 150, (lesions, 2))
    radius = np.clip(rng.lognormal(3.3, 0.7, lesions), 4.0, 180.0)
    label, status = rng.integers(len(LABELS), size=lesions), rng.integers(len(STATUSES), size=lesions)

    who, of = np.divmod(np.flatnonzero(rng.random(ANNOTATORS * lesions) >= MISSED), lesions)
    order = np.lexsort((of, who, lesion_task[of]))
    who, of = who[order], of[order]
    count = len(of)
    angle = np.linspace(0.0, 2.0 * np.pi, VERTICES, endpoint=False)
    # The lesion's own border, and what the annotator makes of it.
    wobble = rng.normal(1.0, 0.08, (lesions, VERTICES))[of]
    wobble *= rng.normal(1.0 + np.array(BIAS)[who][:, None], 0.04, (count, VERTICES))
    xy = np.stack([np.cos(angle), np.sin(angle)], axis=1) * (wobble * radius[of][:, None])[:, :, None]
    xy += (centre[of] + rng.normal(0.0, 0.03, (count, 2)) * radius[of][:, None])[:, None, :]
    ends = np.arange(count + 1, dtype=np.int32)
    polygons = lg.Polygons.from_ragged(xy.reshape(-1, 2), ends * VERTICES, ends)
    return filled_tables(rng, polygons, tasks, who, lesion_task[of], lesion_page[of], label[of], status[of])


def _sparse(rng: np.random.Generator, tasks: int, lesions: int) -> np.ndarray[Any, Any]:
    found = np.empty(0, dtype=np.int64)
    while len(found) < lesions:
        found = np.unique(np.concatenate((found, rng.integers(tasks * PAGES * GRID * GRID, size=lesions // 8 + 8))))
    return rng.permutation(found)[:lesions]


def filled_tables(
    rng: np.random.Generator, polygons: lg.Polygons, tasks: int, who: Any, task: Any, page: Any, label: Any, status: Any
) -> lg.Export:
    """Put outlines and codes into tables with the columns that reading makes."""
    text = json.dumps(make_export(patients=1, annotators=2, seed=1)).encode()
    model = lg.read_label_studio(text, patient="patient_id", spacing_mm="spacing_mm")
    count = len(who)
    confused = rng.random(count) < CONFUSED
    flipped = rng.random(count) < FLIPPED
    label = np.where(confused, (label + 1) % len(LABELS), label)
    status = np.where(flipped, (status + 1) % len(STATUSES), status)
    # Weeks from 2026-01-05 on, a task has one; its annotators work on it on different days.
    day = rng.integers(WEEKS, size=tasks) * 7
    start = np.datetime64("2026-01-05T08:00", "us").astype(np.int64)
    when = start + (np.repeat(day, ANNOTATORS) + rng.integers(5, size=tasks * ANNOTATORS)) * 86_400_000_000
    times = pa.array(when, pa.timestamp("us", tz="UTC"))
    annotation = task * ANNOTATORS + who
    names = pa.array([str(number + 1) for number in range(ANNOTATORS)])
    of_annotation = np.arange(tasks * ANNOTATORS)
    patients = pa.array([f"P{number:06d}" for number in range(tasks)])
    image = pa.array([f"page{number}.png" for number in range(PAGES)])
    labels = pa.array(LABELS).take(pa.array(label))

    annotations = _filled(
        model.annotations.schema,
        len(of_annotation),
        task_id=pa.array(of_annotation // ANNOTATORS + 1),
        annotation_id=pa.array(of_annotation + 1),
        source="annotation",
        annotator=names.take(pa.array(of_annotation % ANNOTATORS)),
        cancelled=False,
        ground_truth=False,
        created_at=times,
        updated_at=times,
        lead_time_s=pa.array(rng.lognormal(4.0, 0.5, len(of_annotation))),
        n_regions=pa.array(np.bincount(annotation, minlength=len(of_annotation))),
    )
    regions = _filled(
        model.regions.table.schema,
        count,
        task_id=pa.array(task + 1),
        page=pa.array(page),
        image=image.take(pa.array(page)),
        width=SIZE[0],
        height=SIZE[1],
        annotation_id=pa.array(annotation + 1),
        annotator=names.take(pa.array(who)),
        region_id=pa.array(np.arange(count)),
        kind="polygon",
        from_name="lesion",
        label=labels,
        labels=pa.ListArray.from_arrays(pa.array(np.arange(count + 1, dtype=np.int32)), labels),
        origin="manual",
        source="annotation",
        ground_truth=False,
        cancelled=False,
        created_at=times.take(pa.array(annotation)),
        updated_at=times.take(pa.array(annotation)),
        valid=True,
        lesion_status=pa.array(STATUSES).take(pa.array(status)),
    )
    every = np.arange(tasks * PAGES)
    pages = _filled(
        model.pages.schema,
        len(every),
        task_id=pa.array(every // PAGES + 1),
        page=pa.array(every % PAGES),
        image=image.take(pa.array(every % PAGES)),
        width=SIZE[0],
        height=SIZE[1],
        patient=patients.take(pa.array(every // PAGES)),
        spacing_x_mm=0.05,
        spacing_y_mm=0.05,
        n_regions=pa.array(np.bincount(task * PAGES + page, minlength=len(every))),
    )
    listed = _filled(
        model.tasks.schema,
        tasks,
        task_id=pa.array(np.arange(tasks) + 1),
        inner_id=pa.array(np.arange(tasks) + 1),
        images=pa.ListArray.from_arrays(
            pa.array(np.arange(tasks + 1, dtype=np.int32) * PAGES), image.take(pa.array(every % PAGES))
        ),
        data="{}",
        n_annotations=ANNOTATORS,
        n_predictions=0,
        n_drafts=0,
        patient=patients,
    )
    # One answer about every page.
    asked = np.arange(tasks * ANNOTATORS * PAGES)
    answers = _filled(
        model.answers.schema,
        len(asked),
        task_id=pa.array(asked // (ANNOTATORS * PAGES) + 1),
        page=pa.array(asked % PAGES),
        annotation_id=pa.array(asked // PAGES + 1),
        annotator=names.take(pa.array(asked // PAGES % ANNOTATORS)),
        source="annotation",
        name="visit_assessment",
        kind="choices",
        text=pa.array(["unchanged", "worse", "better"]).take(
            pa.array(rng.choice(3, size=len(asked), p=(0.7, 0.2, 0.1)))
        ),
    )
    return lg.Export(
        regions=lg.Regions(polygons, regions),
        annotations=annotations,
        answers=answers,
        tasks=listed,
        relations=model.relations.slice(0, 0),
        pages=pages,
        controls=model.controls,
        problems=model.problems.slice(0, 0),
        annotation_rows=annotation.astype(np.int64),
    )


def _filled(schema: pa.Schema, count: int, **columns: Any) -> pa.Table:
    """Make a table of a schema; a single value stands in every row, and what is not given is null."""

    def column(field: pa.Field) -> Any:
        value = columns.get(field.name)
        if value is None:
            return pa.nulls(count, field.type)
        return value.cast(field.type) if isinstance(value, pa.Array) else pa.repeat(pa.scalar(value, field.type), count)

    unknown = columns.keys() - set(schema.names)
    assert not unknown, unknown
    return pa.table([column(field) for field in schema], schema=schema)


def steps(export: lg.Export, resamples: int) -> tuple[dict[str, float], dict[str, Any]]:
    """Time each step once; return seconds, and what came out."""
    seconds: dict[str, float] = {}
    found: dict[str, Any] = {}

    def run(name: str, work: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        found[name] = work()
        seconds[name] = time.perf_counter() - start
        return found[name]

    agreement = run("agreement", lambda: lg.agreement(export, boundary=False))
    run("statistics", lambda: lg.agreement_statistics(export, agreement, resamples=resamples))
    if hasattr(lg, "reliability"):
        run("reliability", lambda: lg.reliability(export, agreement, resamples=resamples))
    measured = run("agreement_boundary", lambda: lg.agreement(export))
    run("statistics_boundary", lambda: lg.agreement_statistics(export, measured, resamples=resamples))
    return seconds, found


def peak_bytes() -> int | None:
    """Peak of resident memory of this process; None where /proc does not tell."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the statistics of a large project.")
    parser.add_argument("--regions", type=int, default=1_000_000)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--json", action="store_true", help="print one line for programs")
    given = parser.parse_args()
    start = time.perf_counter()
    export = made_export(given.regions)
    made, before = time.perf_counter() - start, peak_bytes()
    seconds, found = steps(export, given.resamples)
    facts = {
        "regions": len(export.regions),
        "tasks": export.tasks.num_rows,
        "pairs": found["agreement"].pairs.num_rows,
        "rows": found["statistics"].num_rows,
        "export_bytes": before,
        "peak_bytes": peak_bytes(),
        **{f"s_{name}": value for name, value in seconds.items()},
    }
    if given.json:
        json.dump(facts, sys.stdout)
        return
    print(f"export made in {made:.1f} s")
    for name, value in facts.items():
        print(f"{name:24} {value / 1e6:,.0f} MB" if name.endswith("bytes") else f"{name:24} {value:,.6g}")


if __name__ == "__main__":
    main()
