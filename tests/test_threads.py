"""Threads: the same bits for any number of them, their number from outside, and a free interpreter meanwhile."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import lesiongeo
from lesiongeo import Export, Polygons, _core
from lesiongeo.testing import OUTLINE_KINDS, make_export, make_outlines

SQUARE = [[0, 0], [2, 0], [2, 2], [0, 2]]
Calls = dict[str, Callable[[int | None], Any]]


@pytest.fixture(autouse=True)
def _default_threads() -> Iterator[None]:
    yield
    lesiongeo.set_num_threads(None)


@functools.cache
def outlines(kind: str = "overlap") -> tuple[Polygons, Polygons]:
    """Pairs of 120,000 vertices a side: several chunks for each of eight threads."""
    first, second = make_outlines(2000, vertices=60, kind=kind, seed=5)
    return Polygons.from_ragged(*first), Polygons.from_ragged(*second)


@functools.cache
def export() -> Export:
    return lesiongeo.read_label_studio(json.dumps(make_export(patients=30, visits=3, annotators=4, seed=3)).encode())


def fresh(polygons: Polygons) -> Polygons:
    """The same outlines without what an earlier call has kept about them."""
    return Polygons.from_ragged(*polygons.to_ragged(), roles="oriented")


def calls() -> Calls:
    a, b = outlines()
    crossed, other = outlines("invalid")
    groups = np.arange(len(a)) // 100
    return {
        "area": lambda n: lesiongeo.area(fresh(a), threads=n),
        "area of crossed outlines": lambda n: lesiongeo.area(fresh(crossed), threads=n),
        "perimeter": lambda n: lesiongeo.perimeter(fresh(crossed), threads=n),
        "centroid": lambda n: lesiongeo.centroid(fresh(crossed), threads=n),
        "is_valid": lambda n: lesiongeo.is_valid(fresh(crossed), threads=n),
        "iou": lambda n: lesiongeo.iou(fresh(a), fresh(b), threads=n),
        "iou of crossed outlines": lambda n: lesiongeo.iou(fresh(crossed), fresh(other), threads=n),
        "hausdorff": lambda n: lesiongeo.hausdorff(fresh(a), fresh(b), threads=n),
        "hausdorff of vertices": lambda n: lesiongeo.hausdorff(fresh(a), fresh(b), threads=n, method="vertex"),
        "iou_pairs": lambda n: np.stack(lesiongeo.iou_pairs(a, b, groups_a=groups, groups_b=groups, threads=n)),
    }


@pytest.mark.parametrize("name", calls())
def test_any_number_of_threads_gives_the_same_bits(name: str) -> None:
    call = calls()[name]
    first = call(1)
    assert len(first) > 0
    assert first.dtype == bool or len(np.unique(first)) > 100, "results that say something"
    for threads in (2, 4, 8, None):
        again = call(threads)
        assert again.dtype == first.dtype
        assert again.tobytes() == first.tobytes(), threads


# Every number on rows of every kind

DEGENERATE = [
    [],
    [[(3, 4)]],
    [[(0, 0), (40, 30)]],
    [[(0, 0), (40, 30), (80, 60)]],
    [[(5, 5)] * 4],
    [[(0, 0), (9, 0), (9, 9), (0, 9)], []],
    [[(0, 0), (2, 2), (2, 0), (0, 2)]],
    [[(0, 0), (9, 0), (9, 9), (0, 9)] * 2],
    [[(0, 0), (9, 0), (9, 9), (0, 9)], [(3, 3), (6, 3), (6, 6), (3, 6)]],
    [[(0, 0), (9, 0), (9, 9), (0, 9)], [(3, 3), (12, 3), (12, 6), (3, 6)]],
    [[(1e9, 1e9), (1e9 + 1, 1e9), (1e9, 1e9 + 1)]],
    [[(0, 0), (1e-300, 0), (0, 1e-300)]],
]


# 51,200 in the slow run.
ROWS = 51_200 if os.environ.get("HYPOTHESIS_PROFILE") == "slow" else 6_400


@functools.cache
def mixed() -> tuple[Polygons, Polygons]:
    """Pairs in random order: every kind of outline, scribbles, and every pair of degenerate rows."""
    rng = np.random.default_rng(17)
    sides: tuple[list[Any], list[Any]] = ([], [])
    for kind in OUTLINE_KINDS:
        for side, made in zip(sides, make_outlines(ROWS * 5 // 64, vertices=10, kind=kind, seed=3), strict=True):
            side += [[ring] for ring in np.split(made.xy, made.ring_offsets[1:-1])]
    for side in sides:
        side += [[ring] for ring in rng.integers(0, 12, (ROWS * 5 // 32, 7, 2)).astype(np.float64)]
    for k in range(ROWS - len(sides[0])):
        sides[0].append(DEGENERATE[k % 12] if k < ROWS // 6 else sides[0][k])
        sides[1].append(DEGENERATE[k // 12 % 12] if k < ROWS // 6 else DEGENERATE[k % 12])
    order = rng.permutation(len(sides[0]))
    a, b = (Polygons.from_rings([side[k] for k in order]) for side in sides)
    assert len(a) == len(b) == ROWS
    return a, b


def everything() -> Calls:
    """Each number by its name; those that are not in this build are left out."""
    groups = np.arange(ROWS) // 4

    def a() -> Polygons:
        return fresh(mixed()[0])

    def b() -> Polygons:
        return fresh(mixed()[1])

    def pairwise(name: str, **options: Any) -> Callable[[int | None], Any]:
        return lambda n: getattr(lesiongeo, name)(a(), b(), threads=n, **options)

    def grouped(name: str, **options: Any) -> Callable[[int | None], Any]:
        return lambda n: getattr(lesiongeo, name)(a(), groups=groups, threads=n, **options)

    single = ("area", "perimeter", "centroid", "bounds", "is_valid", "make_valid", "validity_reason")
    made: Calls = {name: (lambda n, f=name: getattr(lesiongeo, f)(a(), threads=n)) for name in single}
    made |= {
        "iou": pairwise("iou"),
        "dice": pairwise("dice"),
        "intersection_area": pairwise("intersection_area"),
        "hausdorff": pairwise("hausdorff"),
        "hausdorff directed": pairwise("hausdorff", directed=True),
        "hausdorff vertex": pairwise("hausdorff", method="vertex"),
        "hausdorff witnesses": pairwise("hausdorff", witnesses=True),
        "iou_pairs": lambda n: lesiongeo.iou_pairs(a(), b(), groups_a=groups, groups_b=groups, threads=n),
        "shape_measures": lambda n: lesiongeo.shape_measures(a(), spacing_mm=(0.5, 0.7), threads=n),
        "measure": lambda n: lesiongeo.measure(a(), threads=n),
        "masd": pairwise("masd"),
        "assd": pairwise("assd"),
        "hd95": pairwise("hd95"),
        "hd95 pooled": pairwise("hd95", percentile=90.0, pooled=True),
        "nsd": pairwise("nsd", tolerance=1.0),
        "signed_offset": pairwise("signed_offset"),
        "surface_distances": pairwise("surface_distances", tolerance=1.0, spacing_mm=(0.5, 0.7)),
        "union": pairwise("union"),
        "intersection": pairwise("intersection"),
        "difference": pairwise("difference"),
        "union of groups": grouped("union"),
        "intersection of groups": grouped("intersection"),
        "difference of groups": grouped("difference"),
        "majority": lambda n: lesiongeo.majority(a(), groups, threads=n),
        "disagreement_area": lambda n: lesiongeo.disagreement_area(a(), groups, threads=n),
    }
    return made


def bits(found: Any) -> list[bytes]:
    """All that a result holds, as bytes."""
    if isinstance(found, np.ndarray):
        return [str(found.dtype).encode(), found.tobytes()]
    if isinstance(found, Polygons):
        return [part for array in found.to_ragged() for part in bits(array)]
    if isinstance(found, tuple):
        return [part for item in found for part in bits(item)]
    sink = pa.BufferOutputStream()
    table = found.combine_chunks()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return [sink.getvalue().to_pybytes()]


@pytest.mark.parametrize("name", everything())
def test_every_number_has_the_same_bits_on_mixed_rows(name: str) -> None:
    call = everything()[name]
    first = bits(call(1))
    assert sum(map(len, first)) > ROWS // 2, "results that say something"
    for threads in (2, 4):
        assert bits(call(threads)) == first, threads


def test_a_changed_bit_is_noticed() -> None:
    a, b = outlines()
    found = lesiongeo.iou(a, b)
    changed = found.copy()
    changed[7] = np.nextafter(changed[7], 2)
    assert bits(found) == bits(found.copy())
    assert bits(found) != bits(changed)
    assert bits((a, found)) == bits((fresh(a), found))
    assert bits((a, found)) != bits((b, found))
    table = pa.table({"iou": found, "problem": [None] * len(found)})
    assert bits(table) == bits(pa.table({"iou": found.copy(), "problem": [None] * len(found)}))
    assert bits(table) != bits(pa.table({"iou": changed, "problem": [None] * len(found)}))


def test_repeats_give_the_same_bits() -> None:
    call = calls()["iou of crossed outlines"]
    assert len({call(4).tobytes() for _ in range(50)}) == 1


def test_agreement_tables_do_not_depend_on_threads() -> None:
    assert len(export().regions.polygons.xy) > 40_000, "enough vertices for the pool"
    first = lesiongeo.agreement(export(), threads=1)
    assert first.pairs.num_rows > 1000
    for threads in (2, 4, 8):
        again = lesiongeo.agreement(export(), threads=threads)
        for name in ("pairs", "tasks", "annotators", "summary"):
            assert getattr(again, name).equals(getattr(first, name)), (name, threads)


# How many


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own."""
    inherited = {name: value for name, value in os.environ.items() if name != "LESIONGEO_NUM_THREADS"}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# A thread bears its name a moment after it was started, so counting is repeated until it is right.
POOL = """
    import pathlib, time, lesiongeo
    from lesiongeo.testing import make_outlines
    a = lesiongeo.Polygons.from_ragged(*make_outlines(2000, vertices=60)[0])
    def pool():
        names = [path.read_text() for path in pathlib.Path("/proc/self/task").glob("*/comm")]
        return sum(name.startswith("lesiongeo-") for name in names)
    def becomes(number):
        end = time.monotonic() + 10
        while pool() != number and time.monotonic() < end:
            time.sleep(0.01)
        return pool() == number
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads as Linux lists them")
def test_a_call_starts_as_many_threads_as_it_says() -> None:
    code = (
        POOL
        + """
    lesiongeo.area(a, threads=1)
    time.sleep(0.1)
    assert pool() == 0
    lesiongeo.perimeter(a, threads=5)
    assert becomes(5), pool()
    """
    )
    done = run(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads as Linux lists them")
def test_the_environment_sets_the_number() -> None:
    code = (
        POOL
        + """
    assert lesiongeo.num_threads() == 3
    lesiongeo.centroid(a)
    assert becomes(3), pool()
    lesiongeo.set_num_threads(2)
    assert lesiongeo.num_threads() == 2
    lesiongeo.perimeter(a)
    assert becomes(2), pool()
    lesiongeo.set_num_threads(None)
    assert lesiongeo.num_threads() == 3
    """
    )
    done = run(code, LESIONGEO_NUM_THREADS=" 3 ")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_environment_variable_is_none(value: str) -> None:
    code = "import lesiongeo; print(lesiongeo.num_threads())"
    unset = run(code).stdout
    assert 1 <= int(unset) <= (os.cpu_count() or 1)
    assert run(code, LESIONGEO_NUM_THREADS=value).stdout == unset


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "99999999999999999999999"])
def test_a_wrong_environment_variable_is_a_value_error(value: str) -> None:
    code = """
    import lesiongeo
    calls = lesiongeo.num_threads, lambda: lesiongeo.area([]), lambda: lesiongeo.read_label_studio(b"[]")
    for call in calls:
        try:
            call()
        except ValueError as error:
            print(error)
    assert lesiongeo.area([], threads=1).tolist() == []
    """
    done = run(code, LESIONGEO_NUM_THREADS=value)
    assert done.returncode == 0, done.stderr
    line = f"LESIONGEO_NUM_THREADS is {value}; it is a whole number from 1 up"
    assert done.stdout.splitlines() == [line] * 3


def test_wrong_numbers_are_value_errors() -> None:
    for threads in (0, -1):
        with pytest.raises(ValueError, match="whole number from 1 up"):
            lesiongeo.set_num_threads(threads)
        with pytest.raises(ValueError, match=f"threads is {threads}; it is a whole number from 1 up"):
            lesiongeo.area([SQUARE], threads=threads)
    with pytest.raises(TypeError):
        lesiongeo.area([SQUARE], threads=1.5)  # type: ignore[arg-type]
    assert lesiongeo.area([SQUARE]).tolist() == [4]


# The interpreter


def ticks_during(call: Callable[[], object]) -> tuple[float, int, float]:
    """Seconds of the call, ticks of another thread meanwhile, and the longest time between two of them."""
    moments: list[float] = []
    stop = threading.Event()

    def tick() -> None:
        while not stop.is_set():
            moments.append(time.perf_counter())
            time.sleep(0.001)

    ticker = threading.Thread(target=tick)
    ticker.start()
    start = time.perf_counter()
    call()
    end = time.perf_counter()
    stop.set()
    ticker.join()
    during = [moment for moment in moments if start <= moment <= end]
    gaps = np.diff([start, *during, end])
    return end - start, len(during), float(gaps.max())


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", ["iou", "hausdorff"])
def test_other_threads_go_on_during_a_call(name: str, threads: int) -> None:
    a, b = outlines()
    rows = np.arange(120 * len(a)) % len(a)
    many_a, many_b = a.take(rows), b.take(rows)
    function = getattr(lesiongeo, name)
    seconds, ticks, gap = ticks_during(lambda: function(many_a, many_b, threads=threads))
    assert seconds > 0.1, "too short to say anything"
    assert ticks > 10
    assert gap < max(0.1, 0.5 * seconds)


def test_calls_from_several_threads_at_once_are_right() -> None:
    """Different numbers of threads make them replace the pool under each other."""
    a, b = outlines()
    iou, hausdorff = lesiongeo.iou(a, b, threads=1), lesiongeo.hausdorff(a, b, threads=1)

    def work(seed: int) -> bool:
        right = True
        for turn in range(8):
            threads = 2 + (seed + turn) % 3
            right &= np.array_equal(lesiongeo.iou(a, b, threads=threads), iou)
            right &= np.array_equal(lesiongeo.hausdorff(fresh(a), fresh(b), threads=threads), hausdorff)
        return right

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [True] * 4


def test_one_batch_can_be_resolved_by_two_threads_at_once() -> None:
    crossed, other = outlines("invalid")
    expected = lesiongeo.iou(crossed, other, threads=1)
    for _ in range(5):
        shared = fresh(crossed)
        barrier = threading.Barrier(2)

        def work(_: int, shared: Polygons = shared, barrier: threading.Barrier = barrier) -> Any:
            barrier.wait(10)
            return lesiongeo.iou(shared, other, threads=2)

        with ThreadPoolExecutor(2) as pool:
            for found in pool.map(work, range(2)):
                assert np.array_equal(found, expected)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_panic_of_the_core_is_an_ordinary_exception(threads: int, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="internal error, please report it: on purpose") as caught:
        _core.panic_for_tests(threads=threads)
    assert isinstance(caught.value, Exception)
    assert "on purpose" in capfd.readouterr().err
    # The pool has survived.
    a, b = outlines()
    assert np.array_equal(lesiongeo.iou(a, b, threads=2), lesiongeo.iou(a, b, threads=1))
