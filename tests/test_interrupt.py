"""Ctrl-C ends a long call within two seconds, and an exception in a progress callback comes out as itself."""

from __future__ import annotations

import functools
import json
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from typing import Any

import pytest

import lesiongeo
from lesiongeo import Export
from lesiongeo.testing import make_export

SECONDS = 2.0
COMMON = """
    import sys
    import numpy as np
    import lesiongeo as lg
    from lesiongeo.testing import make_outlines

    def batch(n, vertices, side=0):
        made = lg.Polygons.from_ragged(*make_outlines(n, vertices=vertices, seed=1)[side])
        lg.is_valid(made)
        return made

    threads = int(sys.argv[1])
"""
# Each takes at least ten seconds on one thread.
HAUSDORFF = """
    a, b = batch(40_000, 60), batch(1, 20_000, 1)
    print("ready", flush=True)
    lg.hausdorff(a, b, threads=threads)
"""
PAIRS = """
    a, b = batch(40_000, 60), batch(40_000, 60, 1)
    groups = np.arange(40_000) // 1000
    print("ready", flush=True)
    lg.iou_pairs(a, b, groups_a=groups, groups_b=groups, threads=threads)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals work differently there")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("code", [HAUSDORFF, PAIRS], ids=["hausdorff", "iou_pairs"])
def test_ctrl_c_ends_a_long_call(code: str, threads: int) -> None:
    text = textwrap.dedent(COMMON) + textwrap.dedent(code) + 'print("finished", flush=True)\n'
    command = [sys.executable, "-c", text, str(threads)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(0.5)
            sent = time.perf_counter()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
            seconds = time.perf_counter() - sent
        finally:
            process.kill()
    assert "finished" not in out, "the call was too short to be interrupted"
    assert err.splitlines()[-1] == "KeyboardInterrupt", err
    assert process.returncode == -signal.SIGINT
    assert seconds < SECONDS


# Progress


class StopError(Exception):
    """Raised by a callback."""


@functools.cache
def long_text() -> bytes:
    """About 60 MB: some hundred milliseconds of reading."""
    tasks = json.dumps(make_export(patients=4, seed=1))[1:-1]
    return f"[{','.join([tasks] * (60_000_000 // len(tasks)))}]".encode()


@functools.cache
def large_export() -> Export:
    """Enough regions that their comparison takes some hundred milliseconds."""
    tasks = make_export(patients=60, visits=3, annotators=3, seed=2)
    many = [{**task, "id": 1000 * turn + task["id"]} for turn in range(10) for task in tasks]
    return lesiongeo.read_label_studio(json.dumps(many).encode())


Progress = Callable[[int, int], object]


def read(progress: Progress, threads: int) -> object:
    return lesiongeo.read_label_studio(long_text(), progress=progress, threads=threads)


def agree(progress: Progress, threads: int) -> object:
    return lesiongeo.agreement(large_export(), progress=progress, threads=threads)


CALLS = pytest.mark.parametrize("call", [read, agree])
THREADS = pytest.mark.parametrize("threads", [1, 2])


@CALLS
@THREADS
def test_progress_goes_forward(call: Callable[[Progress, int], object], threads: int) -> None:
    seen: list[tuple[int, int]] = []
    call(lambda done, total: seen.append((done, total)), threads)
    assert seen, "too short to report anything"
    shares = [done / total for done, total in seen]
    assert all(0 <= share <= 1 for share in shares)
    assert shares == sorted(shares)


@CALLS
@THREADS
@pytest.mark.parametrize("error", [StopError("enough"), KeyboardInterrupt(), SystemExit(3), ValueError("x")])
def test_an_exception_in_a_callback_comes_out_as_itself(
    call: Callable[[Progress, int], object], threads: int, error: BaseException
) -> None:
    errors = [error]

    def progress(*_: int) -> None:
        raise errors.pop() if errors else AssertionError("only the first exception counts")

    with pytest.raises(type(error)) as caught:
        call(progress, threads)
    assert caught.value is error
    # Nothing has been left behind.
    assert lesiongeo.area([[[0, 0], [2, 0], [2, 2]]], threads=2).tolist() == [2]


def test_a_callback_with_other_arguments_is_a_type_error() -> None:
    def progress() -> None: ...

    with pytest.raises(TypeError, match="positional argument"):
        lesiongeo.read_label_studio(long_text(), progress=progress)  # type: ignore[arg-type]


def test_an_exception_of_a_callback_keeps_its_attributes() -> None:
    error: Any = StopError("enough")
    error.source = "mine"

    def progress(*_: int) -> None:
        raise error

    with pytest.raises(StopError) as caught:
        read(progress, 1)
    assert caught.value.source == "mine"  # type: ignore[attr-defined]
