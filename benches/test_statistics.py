"""Statistics of a large project, from pairs of regions to intervals, in a process of its own for its memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import Timed
from data import Sizes

SCRIPT = Path(__file__).with_name("statistics_scale.py")
RESAMPLES = 1000


def run(regions: int) -> dict[str, Any]:
    command = [sys.executable, str(SCRIPT), "--regions", str(regions), "--resamples", str(RESAMPLES), "--json"]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)  # noqa: S603
    return found


def test_statistics(timed: Timed, sizes: Sizes, turn: int, quiet: float | None) -> None:
    if turn > 1:
        pytest.skip("each step takes seconds: once is enough")
    facts = timed(run, sizes.statistics_regions, table="statistics", way="ours_2", rounds=1, warmup=0)
    timed.note(busy=quiet, resamples=RESAMPLES, **facts)
    assert facts["regions"] == pytest.approx(sizes.statistics_regions, rel=0.15)
    assert facts["pairs"] > 0.9 * facts["regions"]
