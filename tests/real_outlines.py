"""Outlines that several people drew around the same things: LIDC-IDRI (CT, whole pixels) and LVIS (photographs).

Both are read from the shared folder beside the repository, and are never part of it.
"""

from __future__ import annotations

import functools
import gzip
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "multirater"
HERE = DATA.is_dir()

Floats = npt.NDArray[np.float64]
Pair = tuple[list[Floats], list[Floats]]  # the rings of both sides

#: Pairs by different people in the two sets, so that a changed file or filter does not pass unseen.
LVIS_PAIRS = 1707
LIDC_PAIRS = 30_426


@functools.cache
def lvis_pairs() -> list[Pair]:
    """Matched outlines of one object, one ring each."""
    with gzip.open(DATA / "lvis_pairs.jsonl.gz", "rt") as lines:
        rows = [json.loads(line) for line in lines]
    return [tuple([np.array(ring, dtype=np.float64) for ring in row[s][0]] for s in "ab") for row in rows]  # type: ignore[misc]


@functools.cache
def lidc_pairs() -> list[Pair]:
    """Outlines of two readers on one slice whose boxes overlap, one ring each."""
    pairs: list[Pair] = []
    with gzip.open(DATA / "lidc_contours_by_slice.jsonl.gz", "rt") as lines:
        for line in lines:
            drawn = [
                (roi["reader"], np.array(roi["pts"], dtype=np.float64))
                for roi in json.loads(line)["rois"]
                if roi["inclusion"]
            ]
            pairs += [([a], [b]) for (one, a), (two, b) in combinations(drawn, 2) if one != two and _meet(a, b)]
    return pairs


def _meet(a: Floats, b: Floats) -> bool:
    return bool((a.min(axis=0) <= b.max(axis=0)).all() and (b.min(axis=0) <= a.max(axis=0)).all())


def sample(pairs: list[Pair], count: int, seed: int = 0) -> list[Pair]:
    """So many of them, drawn without repetition."""
    rows = np.random.default_rng(seed).choice(len(pairs), min(count, len(pairs)), replace=False)
    return [pairs[k] for k in rows]
