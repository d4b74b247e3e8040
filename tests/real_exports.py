"""Exports made of real outlines by the tool beside the repository, each once per run and never part of it."""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
from pathlib import Path

MAKER = Path(__file__).resolve().parents[2] / "shared" / "tools" / "make_real_exports.py"


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


@functools.cache
def real_export(name: str) -> Path:
    """The path of ``lidc`` or ``lvis``."""
    path = Path(_folder().name) / f"{name}.json"
    subprocess.run([sys.executable, str(MAKER), name, str(path)], check=True)
    return path
