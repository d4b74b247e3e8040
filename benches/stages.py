"""Where the time of a command goes: functions are wrapped while it runs, each counted without those that it calls."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lesiongeo.cli.agree
import lesiongeo.polygons
import lesiongeo.read.label_studio
from lesiongeo import _core
from lesiongeo.cli import app
from lesiongeo.cli.reading import Reading

#: What belongs to which stage: where a function is looked up, its name, the stage.
FUNCTIONS: tuple[tuple[Any, str, str], ...] = (
    (Reading, "read", "read"),
    (lesiongeo.read.label_studio, "assemble", "tables"),
    (lesiongeo.polygons.Polygons, "_verdicts", "resolve"),
    (lesiongeo.polygons.Polygons, "_interior", "resolve"),
    (_core, "match_pages", "pairs"),
    (_core, "hausdorff", "kernels"),
    (_core, "surface_distances", "kernels"),
    (_core, "centroid", "kernels"),
    (_core, "perimeter", "kernels"),
    (_core, "survey", "resolve"),
    (lesiongeo.cli.agree, "agreement", "tables"),
    (lesiongeo.cli.agree, "measure", "tables"),
    (lesiongeo.cli.agree, "run_tables", "statistics"),
    (lesiongeo.cli.agree, "write_table", "Parquet"),
)
#: The order in which they come; reading is what the reader does apart from its tables.
STAGES = ("read", "resolve", "pairs", "kernels", "tables", "statistics", "Parquet")


def agree(path: Path, out: Path, threads: int) -> None:
    """`lesiongeo agree`, from the file to Parquet, as the terminal calls it but for the start of Python."""
    app(["agree", str(path), "-o", str(out), "--threads", str(threads), "--quiet"], standalone_mode=False)


def split(run: Callable[[], None]) -> dict[str, float]:
    """Seconds per stage. With several threads stages overlap: their sum is more than the whole."""
    spent: dict[str, float] = defaultdict(float)
    stack = threading.local()

    def wrapped(function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            inner = stack.__dict__.setdefault("inner", [])
            inner.append(0.0)
            start = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                elapsed = time.perf_counter() - start
                spent[stage] += elapsed - inner.pop()
                if inner:
                    inner[-1] += elapsed

        return timed

    with _replaced(FUNCTIONS, wrapped):
        run()
    return {stage: spent[stage] for stage in STAGES}


@contextmanager
def _replaced(functions: tuple[tuple[Any, str, str], ...], wrap: Callable[[Any, str], Any]) -> Iterator[None]:
    kept = [(place, name, getattr(place, name)) for place, name, _ in functions]
    try:
        for place, name, stage in functions:
            setattr(place, name, wrap(getattr(place, name), stage))
        yield
    finally:
        for place, name, function in kept:
            setattr(place, name, function)
