"""A child after fork inherits no threads; calls in it must neither hang nor give other results.

Everything runs in a process of its own, which must end within 15 seconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

SECONDS = 15
COMMON = """
    import multiprocessing, os, signal, sys, threading, time
    import numpy as np
    import lesiongeo as lg
    from lesiongeo.testing import make_outlines

    a, b = (lg.Polygons.from_ragged(*side) for side in make_outlines(2000, vertices=60, kind="invalid", seed=5))

    def call(threads=4):
        fresh = lg.Polygons.from_ragged(*a.to_ragged(), roles="oriented")
        return lg.iou(fresh, b, threads=threads).tobytes() + lg.hausdorff(fresh, b, threads=threads).tobytes()

    def child_says(work):
        # Exit code 0 where the child's work returns true, 1 where it does not, else the signal of the watchdog.
        pid = os.fork()
        if pid == 0:
            signal.alarm(10)
            code = 2
            try:
                code = 0 if work() else 1
            finally:
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    expected = call(1)
"""


def run(code: str) -> None:
    """Run code after the common part; forking with threads around warns in newer Pythons, which is the point."""
    text = textwrap.dedent(COMMON) + textwrap.dedent(code)
    command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", text]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"


def test_a_child_calls_what_its_parent_called() -> None:
    run("""
    assert call() == expected
    for _ in range(5):
        assert child_says(lambda: call() == expected) == 0
    assert call() == expected
    print("done")
    """)


def test_a_child_that_gives_a_wrong_answer_is_noticed() -> None:
    run("""
    assert child_says(lambda: call() != expected) == 1
    assert child_says(lambda: 1 / 0) == 2
    print("done")
    """)


def test_a_child_calls_with_another_number_of_threads_and_reads_an_export() -> None:
    run("""
    import json
    from lesiongeo.testing import make_export
    raw = json.dumps(make_export(patients=8, seed=1)).encode()
    assert len(raw) > 1 << 20
    regions = lg.read_label_studio(raw, threads=2).regions.to_arrow()
    def work():
        return call(2) == expected and lg.read_label_studio(raw, threads=2).regions.polygons.xy.shape[0] > 1000
    assert call(3) == expected
    assert child_says(work) == 0
    print("done")
    """)


def test_a_grandchild_calls_too() -> None:
    run("""
    assert call() == expected
    assert child_says(lambda: call() == expected and child_says(lambda: call() == expected) == 0) == 0
    print("done")
    """)


def test_a_child_of_a_process_that_never_called() -> None:
    run("""
    assert child_says(lambda: call() == expected) == 0
    assert call() == expected
    print("done")
    """)


def test_a_fork_in_the_middle_of_another_threads_call() -> None:
    run("""
    stop = threading.Event()
    def busy():
        while not stop.is_set():
            call(4)
            call(3)
    thread = threading.Thread(target=busy)
    thread.start()
    codes = []
    for _ in range(10):
        time.sleep(0.01)
        codes.append(child_says(lambda: call(4) == expected))
    stop.set()
    thread.join()
    assert codes == [0] * 10, codes
    print("done")
    """)


def test_a_pool_of_forked_processes() -> None:
    run("""
    assert call() == expected
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(call, [4, 2, 1, 4]).get(10) == [expected] * 4
    assert call() == expected
    print("done")
    """)
