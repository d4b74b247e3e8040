"""Lesions over visits of a large project: an export made of arrays, then each step from outlines to tables of tracks.

    python benches/tracks_scale.py [--regions 1000000] [--profile N] [--json]

Three annotators; one task per patient, with five pages, a visit each; ten lesions per patient, which grow, stay, come
and go, on pages that are shifted and turned against each other. A few ids are missing or wrong, and a few statuses are
ticked against what was drawn. Prints seconds and the peak of memory; with --profile also the N dearest functions.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import sys
import time
from typing import Any

import numpy as np
import pyarrow as pa

import lesiongeo as lg
from statistics_scale import ANNOTATORS, BIAS, LABELS, PAGES, SIZE, VERTICES, filled_tables, peak_bytes

SEED = 11
LESIONS = 10
MISSED, LOST_IDS, WRONG_IDS, FLIPPED = 0.03, 0.01, 0.005, 0.05
#: Statuses as they are ticked on later visits.
STATUSES = ("new", "stable", "enlarged", "regressed")
NEW, STABLE, ENLARGED, REGRESSED = range(4)
#: How a lesion goes on: its share, and the factor of its area per visit.
COURSES = ((0.75, 1.0), (0.15, 1.25), (0.10, 0.8))
#: Shares of lesions that come, and that go, in between.
COME, GO = 0.05, 0.05
#: Lesions lie on a grid of 4 x 4 places, so far apart that they never meet.
GRID, CELL_PX = 4, 900


def made_export(regions: int, seed: int = SEED) -> lg.Export:
    """Return an export with about as many regions, in two seconds per million."""
    rng = np.random.default_rng(seed)
    patients = max(1, round(regions / (ANNOTATORS * PAGES * LESIONS * (1.0 - MISSED) * (1.0 - 0.4 * (COME + GO)))))
    lesions = patients * LESIONS
    patient = np.repeat(np.arange(patients), LESIONS)
    place = np.argsort(rng.random((patients, GRID * GRID)), axis=1)[:, :LESIONS].reshape(-1)
    middle = (np.stack(np.divmod(place, GRID), axis=1)[:, ::-1] - 0.5 * (GRID - 1)) * CELL_PX
    middle = middle + rng.uniform(-150, 150, (lesions, 2))
    radius = np.clip(rng.lognormal(3.5, 0.5, lesions), 8.0, 120.0)
    label = rng.integers(len(LABELS), size=lesions)
    course = rng.choice(len(COURSES), size=lesions, p=[share for share, _ in COURSES])
    factor = np.array([factor for _, factor in COURSES])[course]
    first = np.where(rng.random(lesions) < COME, rng.integers(1, PAGES, lesions), 0)
    last = np.where(rng.random(lesions) < GO, rng.integers(1, PAGES, lesions), PAGES)

    # What is there, then who draws it.
    of, page = np.divmod(np.arange(lesions * PAGES), PAGES)
    there = (page >= first[of]) & (page < last[of])
    of, page = of[there], page[there]
    turn, shift = rng.normal(0.0, 0.05, patients * PAGES), rng.normal(0.0, 60.0, (patients * PAGES, 2))
    view = patient[of] * PAGES + page
    c, s = np.cos(turn[view]), np.sin(turn[view])
    x, y = middle[of].T
    centre = np.stack([c * x - s * y, s * x + c * y], axis=1) + shift[view] + 0.5 * np.array(SIZE)
    size = radius[of] * np.sqrt(factor[of] ** (page - first[of]))
    status = np.where(page == first[of], NEW, np.array([STABLE, ENLARGED, REGRESSED])[course[of]])

    seen = len(of)
    who, at = np.divmod(np.flatnonzero(rng.random(ANNOTATORS * seen) >= MISSED), seen)
    order = np.lexsort((at, who, patient[of[at]]))
    who, at = who[order], at[order]
    count = len(at)
    angle = np.linspace(0.0, 2.0 * np.pi, VERTICES, endpoint=False)
    # The lesion's own border, and what the annotator makes of it.
    wobble = rng.normal(1.0, 0.08, (lesions, VERTICES))[of[at]]
    wobble *= rng.normal(1.0 + np.array(BIAS)[who][:, None], 0.03, (count, VERTICES))
    facing = angle + turn[view[at]][:, None]
    xy = np.stack([np.cos(facing), np.sin(facing)], axis=2) * (wobble * size[at][:, None])[:, :, None]
    xy += (centre[at] + rng.normal(0.0, 0.03, (count, 2)) * size[at][:, None])[:, None, :]
    ends = np.arange(count + 1, dtype=np.int32)
    polygons = lg.Polygons.from_ragged(xy.reshape(-1, 2), ends * VERTICES, ends)

    number = (of % LESIONS + 1)[at].astype(np.float64)
    wrong = rng.random(count) < WRONG_IDS
    number[wrong] = rng.integers(1, LESIONS + 1, wrong.sum())
    lost = rng.random(count) < LOST_IDS
    flipped = rng.random(count) < FLIPPED
    ticked = np.where(flipped, (status[at] + 1) % len(STATUSES), status[at])
    export = filled_tables(rng, polygons, patients, who, patient[of[at]], page[at], label[of[at]], ticked)
    table, pages = export.regions.table, export.pages
    for name, column in (
        ("track_id", pa.array(number, mask=lost)),
        ("lesion_status", pa.array(STATUSES).take(pa.array(ticked))),
    ):
        table = table.set_column(table.column_names.index(name), name, column)
    days = pa.array(np.tile(np.arange(PAGES) * 90.0, patients) + rng.integers(-10, 11, patients * PAGES))
    pages = pages.set_column(pages.column_names.index("day_offset"), "day_offset", days)
    tables = {name: getattr(export, name) for name in export.__slots__}
    return lg.Export(**tables | {"regions": lg.Regions(polygons, table), "pages": pages})


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the tracks of a large project.")
    parser.add_argument("--regions", type=int, default=1_000_000)
    parser.add_argument("--profile", type=int, default=0, metavar="N", help="list the N dearest functions")
    parser.add_argument("--json", action="store_true", help="print one line for programs")
    given = parser.parse_args()
    start = time.perf_counter()
    export = made_export(given.regions)
    made, before = time.perf_counter() - start, peak_bytes()
    profile = cProfile.Profile() if given.profile else None
    start = time.perf_counter()
    found: Any = profile.runcall(lg.tracks, export) if profile else lg.tracks(export)
    facts = {
        "regions": len(export.regions),
        "patients": export.tasks.num_rows,
        "pages": export.pages.num_rows,
        "rows": found.table.num_rows,
        "findings": found.findings.num_rows,
        "conflicts": found.conflicts.num_rows,
        "proposals": found.proposals.num_rows,
        "export_bytes": before,
        "s_tracks": time.perf_counter() - start,
        "peak_bytes": peak_bytes(),
    }
    if given.json:
        json.dump(facts, sys.stdout)
        return
    print(f"export made in {made:.1f} s")
    for name, value in facts.items():
        print(f"{name:24} {value / 1e6:,.0f} MB" if name.endswith("bytes") else f"{name:24} {value:,.6g}")
    if profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(given.profile)


if __name__ == "__main__":
    main()
