"""Data of the benchmarks: fixed, named and seeded, so that two runs time the same work.

Every size exists twice: FULL for timing, QUICK for running the benchmarks as plain tests. Shapes that are hard on
purpose are in `worst`.

    python benches/data.py FOLDER

writes the pairs that `cargo bench -- FOLDER` reads, so that the kernels are timed on the same outlines.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

import lesiongeo as lg
from lesiongeo.testing import OUTLINE_KINDS, Ragged, make_outlines

SEED = 7
VERTICES = (12, 50, 200, 1000)
#: "rough" is "overlap" with a trembling hand: every vertex moved in or out by up to a quarter of an edge.
KINDS = (*OUTLINE_KINDS, "rough")

Floats = NDArray[np.float64]
Closed = tuple[Floats, tuple[NDArray[np.int64], NDArray[np.int64]]]


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    #: Pairs of outlines, by vertices.
    pairs: dict[int, int]
    #: The same where the peer is quadratic in vertices.
    hausdorff_pairs: dict[int, int]
    #: The same for a peer that needs milliseconds: the first so many of the pairs above.
    slow_pairs: dict[int, int]
    #: Lesions whose outlines, one by each reader, are clipped and united.
    clipped: dict[int, int]
    #: Outlines whose area and validity are asked.
    outlines: dict[int, int]
    #: Pairs for one thread against two: each call takes long enough to share.
    thread_pairs: dict[int, int]
    #: Vertices of ever larger outlines, with the number of pairs.
    growth: dict[int, int]
    #: Vertices of ever larger outlines that are hard on purpose, one pair each.
    worst: tuple[int, ...]
    #: Regions per side of an ever more crowded page.
    crowds: tuple[int, ...]
    #: Pairs of 50 vertices in one call; peers stop at a smaller number.
    calls: tuple[int, ...]
    #: Regions of the export that is read, 50 vertices each.
    export_regions: int
    #: Bytes of the export that goes through in windows.
    stream_bytes: float
    #: Regions of the project of which statistics are made.
    statistics_regions: int
    #: Regions of the project whose lesions are followed over visits.
    tracks_regions: int
    #: Pages with five regions per side.
    pages: int
    #: Regions per side of one crowded page.
    crowd: int


FULL = Sizes(
    pairs={12: 2000, 50: 1000, 200: 200, 1000: 50},
    hausdorff_pairs={12: 2000, 50: 500, 200: 100, 1000: 12},
    slow_pairs={12: 24, 50: 24, 200: 12, 1000: 4},
    clipped={12: 400, 50: 200, 200: 60, 1000: 12},
    outlines={12: 8000, 50: 4000, 200: 1000, 1000: 200},
    thread_pairs={50: 6000, 200: 800},
    growth={50: 4000, 200: 1000, 1000: 200, 4000: 50, 16_000: 12},
    worst=(1250, 2500, 5000, 10_000, 20_000),
    crowds=(312, 625, 1250, 2500, 5000),
    calls=(1, 10, 100, 1000, 10_000, 100_000),
    export_regions=100_000,
    stream_bytes=2e9,
    statistics_regions=1_000_000,
    tracks_regions=1_000_000,
    pages=1000,
    crowd=5000,
)
QUICK = Sizes(
    pairs=dict.fromkeys(VERTICES, 8),
    hausdorff_pairs=dict.fromkeys(VERTICES, 4),
    slow_pairs=dict.fromkeys(VERTICES, 2),
    clipped=dict.fromkeys(VERTICES, 3),
    outlines=dict.fromkeys(VERTICES, 30),
    thread_pairs={50: 40, 200: 20},
    growth={50: 10, 200: 10, 1000: 4, 4000: 2, 16_000: 1},
    worst=(150, 300),
    crowds=(20, 40),
    calls=(1, 10, 100),
    export_regions=200,
    stream_bytes=3e6,
    statistics_regions=2000,
    tracks_regions=2000,
    pages=20,
    crowd=60,
)


def _of_environment() -> Sizes:
    """Sizes of timed runs; with LESIONGEO_BENCH=quick the small ones, to see that everything works."""
    return QUICK if os.environ.get("LESIONGEO_BENCH") == "quick" else FULL


TIMED = _of_environment()
CROWD_PAGE = 6000.0
PAGE_PITCH = 2048.0


class Case:
    """Pairs of outlines in every form that a contestant starts from; forms are made before the clock runs."""

    def __init__(self, first: Floats, second: Floats) -> None:
        #: Vertices (pairs, vertices, 2) of both sides; of a pair the two sides may differ in vertices.
        self.xy = first, second
        self.ragged = _open(first), _open(second)
        self._heads: dict[int, Case] = {}

    def __len__(self) -> int:
        return len(self.xy[0])

    def head(self, pairs: int) -> Case:
        """Return the first so many pairs."""
        if pairs >= len(self):
            return self
        if pairs not in self._heads:
            self._heads[pairs] = Case(self.xy[0][:pairs], self.xy[1][:pairs])
        return self._heads[pairs]

    @cached_property
    def closed(self) -> tuple[Closed, Closed]:
        return _closed(self.xy[0]), _closed(self.xy[1])

    @cached_property
    def polygons(self) -> tuple[lg.Polygons, lg.Polygons]:
        """Ours, with the validity that is tested once already tested."""
        made = self.fresh()
        assert all(len(side.is_valid) == len(self) for side in made)
        return made

    def fresh(self) -> tuple[lg.Polygons, lg.Polygons]:
        """Ours, made anew: what follows pays for the test of validity."""
        return lg.Polygons.from_ragged(*self.ragged[0]), lg.Polygons.from_ragged(*self.ragged[1])

    @cached_property
    def geometries(self) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
        kind = shapely.GeometryType.POLYGON
        first, second = (shapely.from_ragged_array(kind, xy, offsets) for xy, offsets in self.closed)
        return first, second

    @cached_property
    def repaired(self) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
        """Shapely's outlines with the invalid ones made valid."""
        return shapely.make_valid(self.geometries[0]), self.geometries[1]


class Readers:
    """Several people's outlines of each lesion, lesion by lesion."""

    def __init__(self, xy: Floats) -> None:
        #: Vertices (lesions, people, vertices, 2).
        self.xy = xy
        flat = xy.reshape(-1, *xy.shape[2:])
        self.ragged, self.closed = _open(flat), _closed(flat)
        self.lesion = np.repeat(np.arange(len(xy)), xy.shape[1])

    def __len__(self) -> int:
        return len(self.xy)

    @cached_property
    def polygons(self) -> lg.Polygons:
        made = lg.Polygons.from_ragged(*self.ragged)
        assert made.is_valid.all()
        return made

    @cached_property
    def geometries(self) -> NDArray[np.object_]:
        """Shapely's, (lesions, people)."""
        made = shapely.from_ragged_array(shapely.GeometryType.POLYGON, *self.closed)
        return np.asarray(made).reshape(self.xy.shape[:2])


@cache
def readers(vertices: int, lesions: int, people: int) -> Readers:
    """Return what `people` drew around each of so many lesions: moved and bent a little, as hands do."""
    first = make_outlines(lesions, vertices=vertices, kind="overlap", seed=SEED)[0].xy.reshape(lesions, 1, vertices, 2)
    rng = np.random.default_rng([SEED, vertices, people])
    middle = first.mean(axis=2, keepdims=True)
    arms = first - middle
    angle = np.linspace(0.0, 2.0 * np.pi, vertices, endpoint=False)
    bend = np.ones((lesions, people, vertices))
    for order in (1, 2, 3, 5):
        size = rng.normal(0.0, 0.04, (2, lesions, people, 1))
        bend += size[0] * np.cos(order * angle) + size[1] * np.sin(order * angle)
    return Readers(middle + arms * bend[..., None])


@cache
def outlines(kind: str, vertices: int, pairs: int) -> Case:
    """Pairs of outlines of one kind, made once."""
    return make_case(kind, vertices, pairs)


def make_case(kind: str, vertices: int, pairs: int) -> Case:
    """Pairs of outlines of one kind."""
    made = make_outlines(pairs, vertices=vertices, kind="overlap" if kind == "rough" else kind, seed=SEED)
    first, second = (side.xy.reshape(pairs, vertices, 2) for side in made)
    if kind == "rough":
        rng = np.random.default_rng([SEED, vertices])
        first, second = _tremble(rng, first), _tremble(rng, second)
    return Case(first, second)


def _tremble(rng: np.random.Generator, xy: Floats) -> Floats:
    middle = xy.mean(axis=1, keepdims=True)
    arms = xy - middle
    reach = np.hypot(arms[..., 0], arms[..., 1])[..., None]
    edge = reach * (2.0 * np.pi / xy.shape[1])
    return np.asarray(middle + arms * (1.0 + rng.uniform(-0.25, 0.25, reach.shape) * edge / reach))


@cache
def crowd(regions: int) -> Case:
    """As many regions per side of one large page: each meets its other reading and some neighbours."""
    made = make_outlines(regions, vertices=50, seed=SEED)
    first, second = (side.xy.reshape(regions, 50, 2) for side in made)
    side = CROWD_PAGE * (regions / FULL.crowd) ** 0.5
    place = np.random.default_rng([SEED, regions]).uniform(0.03 * side, 0.97 * side, (regions, 1, 2))
    move = place - first.mean(axis=1, keepdims=True)
    return Case(first + move, second + move)


@cache
def crowded_page(regions: int) -> Case:
    """So many regions per side of a page that stays as large as it is: pairs grow with the square."""
    made = make_outlines(regions, vertices=50, seed=SEED)
    first, second = (side.xy.reshape(regions, 50, 2) for side in made)
    place = np.random.default_rng([SEED, regions]).uniform(0.03 * CROWD_PAGE, 0.97 * CROWD_PAGE, (regions, 1, 2))
    move = place - first.mean(axis=1, keepdims=True)
    return Case(first + move, second + move)


class Pages(NamedTuple):
    """Many small pages. The peer has one tree for all, so its pages lie side by side on a large plane."""

    case: Case
    page: NDArray[np.int64]
    side_by_side: Case


@cache
def pages(count: int) -> Pages:
    """Pages with five regions per side."""
    made = make_outlines(5 * count, vertices=50, seed=SEED)
    first, second = (side.xy.reshape(5 * count, 50, 2) for side in made)
    page = np.repeat(np.arange(count), 5)
    columns = int(np.ceil(np.sqrt(count)))
    shift = np.stack([page % columns, page // columns], axis=1)[:, None, :] * PAGE_PITCH
    return Pages(Case(first, second), page, Case(first + shift, second + shift))


def _open(xy: Floats) -> Ragged:
    rings = np.arange(len(xy) + 1, dtype=np.int32)
    return Ragged(np.ascontiguousarray(xy.reshape(-1, 2)), rings * np.int32(xy.shape[1]), rings.copy())


def _closed(xy: Floats) -> Closed:
    """The same with the first vertex repeated, as shapely wants it."""
    rings = np.arange(len(xy) + 1)
    closed = np.concatenate([xy, xy[:, :1]], axis=1)
    return closed.reshape(-1, 2), (rings * closed.shape[1], rings)


@cache
def crowd_export(regions: int) -> lg.Export:
    """The crowded page as an export of one task by two annotators, read."""
    side = CROWD_PAGE
    annotations = []
    for person, ragged in enumerate(crowd(regions).ragged, start=1):
        points = (ragged.xy / side * 100.0).tolist()
        result = [
            {
                "id": f"{person}-{number}",
                "type": "polygonlabels",
                "from_name": "lesion",
                "original_width": side,
                "original_height": side,
                "value": {"points": points[start:stop], "polygonlabels": ["lesion"]},
            }
            for number, (start, stop) in enumerate(pairwise(ragged.ring_offsets.tolist()))
        ]
        annotations.append({"id": person, "completed_by": person, "was_cancelled": False, "result": result})
    task = {"id": 1, "data": {"image": "page.png"}, "annotations": annotations}
    return lg.read_label_studio(json.dumps([task]).encode())


def main() -> None:
    """Write `overlap` pairs as little-endian float64: per pair first outline, second outline, each x, y, x, y, ..."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for vertices, pairs in FULL.hausdorff_pairs.items():
        case = outlines("overlap", vertices, pairs)
        np.stack(case.xy, axis=1).astype("<f8").tofile(folder / f"overlap-{vertices}.f64")


if __name__ == "__main__":
    main()
