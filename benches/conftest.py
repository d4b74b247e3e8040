"""What all benchmarks share: one thread unless they say otherwise, turns, and a record of the machine."""

from __future__ import annotations

import importlib.metadata
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pyarrow
import pytest
import shapely

import lesiongeo as lg
from data import QUICK, TIMED, Sizes
from lesiongeo import _core

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # for its oracles

TURNS = (1, 2)
START_LOAD = os.getloadavg()[0]
#: Processors that others may keep busy while one thread is compared with two.
QUIET = 0.1


def _timing(config: pytest.Config) -> bool:
    disabled = config.getoption("benchmark_disable") and not config.getoption("benchmark_enable")
    return not (disabled or config.getoption("benchmark_skip"))


def pytest_configure(config: pytest.Config) -> None:
    """Peers that have not followed numpy and scipy warn at every call."""
    for message in ("__array__ implementation", "Please import", "`skimage", "numpy.core"):
        config.addinivalue_line("filterwarnings", f"ignore:{message}:DeprecationWarning")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test function twice, all its contestants each time.

    Contestants of one comparison follow each other closely, and a disturbance of some seconds cannot spoil both turns.
    """
    if "turn" in metafunc.fixturenames:
        metafunc.parametrize("turn", TURNS if _timing(metafunc.config) else TURNS[:1])


def pytest_collection_finish(session: pytest.Session) -> None:
    if _timing(session.config) and _core.build_profile != "release":
        pytest.exit(
            f"lesiongeo is a {_core.build_profile} build: timing it means nothing. "
            "Build with `maturin develop --release`, or leave out --benchmark-enable.",
            returncode=3,
        )


def _optional(name: str) -> dict[str, str]:
    """Version of a package that need not be there."""
    try:
        return {name: importlib.metadata.version(name)}
    except importlib.metadata.PackageNotFoundError:
        return {}


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    names = (
        *("numpy", "scipy", "pytest-benchmark", "pyclipper", "pycocotools", "faster-coco-eval", "scikit-image"),
        "surface-distance-based-measures",
    )
    machine_info["lesiongeo"] = {
        "versions": {
            "lesiongeo": lg.__version__,
            "Python": ".".join(map(str, sys.version_info[:3])),
            **{name: importlib.metadata.version(name) for name in names},
            "pyarrow": pyarrow.__version__,
            "shapely": shapely.__version__,
            "GEOS": shapely.geos_version_string,
            "orjson": orjson.__version__,
            "msgspec": msgspec.__version__,
            **_optional("pysimdjson"),
        },
        "processors": lg.num_threads(),
        "build": _core.build_profile,
        "rounds": Timed.ROUNDS,
        "budget": Timed.BUDGET,
        "turns": len(TURNS if _timing(config) else TURNS[:1]),
        "load": [START_LOAD, os.getloadavg()[0]],
    }


class Timed:
    """Times one contestant and notes what it was, for the report."""

    ROUNDS = 4
    #: Seconds for one contestant in one turn, where rounds are fitted in.
    BUDGET = 0.3

    def __init__(self, benchmark: Any) -> None:
        self.benchmark = benchmark

    def __call__(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        table: str,
        way: str,
        items: int = 1,
        rounds: int = ROUNDS,
        warmup: int = 1,
        budget: float | None = None,
        **row: Any,
    ) -> Any:
        """Return the result; `table` and `row` say what is compared, `way` who does it, `items` how often.

        With a `budget` in seconds the warm-up is a measurement too, and as many of `rounds` follow as fit in.
        """
        self.benchmark.group = " ".join(map(str, (table, *row.values())))
        self.benchmark.extra_info.update(table=table, way=way, items=items, row=row)
        if budget is not None and self.benchmark.enabled:
            start = time.perf_counter()
            result = function(*arguments)
            first = time.perf_counter() - start
            self.note(first=first)
            rounds, warmup = min(rounds, int(budget / max(first, 1e-9))), 0
            if rounds == 0:
                self.note(once=True)  # one measurement must do; the plugin wants to see a call
                self.benchmark.pedantic(lambda: None, rounds=1)
                return result
        return self.benchmark.pedantic(function, args=arguments, rounds=rounds, warmup_rounds=warmup)

    def note(self, **facts: Any) -> None:
        """Keep a fact about the result beside its time."""
        self.benchmark.extra_info.update(facts)


@pytest.fixture
def timed(benchmark: Any, turn: int) -> Timed:  # noqa: ARG001  # the turn only repeats the test
    return Timed(benchmark)


@pytest.fixture(scope="session")
def sizes(request: pytest.FixtureRequest) -> Sizes:
    return TIMED if _timing(request.config) else QUICK


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    lg.set_num_threads(1)
    yield
    lg.set_num_threads(None)


def _busy(seconds: float) -> float | None:
    """Processors that were busy while this process slept; None where /proc does not tell."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return None

    def idle() -> float:
        fields = stat.read_text(encoding="ascii").split("\n", 1)[0].split()
        return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")

    before, start = idle(), time.perf_counter()
    time.sleep(seconds)
    elapsed = time.perf_counter() - start
    return max(0.0, (os.cpu_count() or 1) - (idle() - before) / elapsed)


@pytest.fixture
def quiet(request: pytest.FixtureRequest) -> float | None:
    """Wait until other processes rest, two seconds at most; return how many processors they keep busy."""
    if not _timing(request.config):
        return None
    busy = _busy(0.2)
    for _ in range(4):
        if busy is None or busy <= QUIET:
            break
        busy = _busy(0.5)
    return busy
