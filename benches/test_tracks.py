"""Tracks of a large project, from outlines to tables, in a process of its own for its memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import Timed
from data import Sizes

SCRIPT = Path(__file__).with_name("tracks_scale.py")


def run(regions: int) -> dict[str, Any]:
    command = [sys.executable, str(SCRIPT), "--regions", str(regions), "--json"]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)  # noqa: S603
    return found


def test_tracks(timed: Timed, sizes: Sizes, turn: int, quiet: float | None) -> None:
    if turn > 1:
        pytest.skip("it takes seconds: once is enough")
    facts = timed(run, sizes.tracks_regions, table="tracks", way="ours_2", rounds=1, warmup=0)
    timed.note(busy=quiet, **facts)
    assert facts["regions"] == pytest.approx(sizes.tracks_regions, rel=0.15)
    # A row for each lesion and visit: a third of the regions and what was missed.
    assert facts["rows"] > 0.33 * facts["regions"]
