"""A large export through `lesiongeo convert`: peak memory, speed, and whether anything was lost.

    python benches/stream.py [--bytes 5e9] [--threads 2] [--folder FOLDER]

Writes the export and the Parquet file into a temporary folder (by default below `out/`, twice the size of the export
has to be free) and removes them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from large import FOLDER, write

CHILD = """
import sys
from lesiongeo.cli import app
try:
    app(sys.argv[1:], standalone_mode=False)
finally:
    for line in open("/proc/self/status"):
        if line.startswith(("VmHWM", "RssAnon")):
            print(line.strip(), file=sys.stderr)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Stream a large export through lesiongeo convert.")
    parser.add_argument("--bytes", type=float, default=5e9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=FOLDER.parent)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        source, out = Path(folder) / "export.json", Path(folder) / "export.parquet"
        regions = write(source, lambda _, size: size >= given.bytes)
        size = source.stat().st_size
        command = ["convert", str(source), str(out), "--threads", str(given.threads), "--json"]
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", CHILD, *command], capture_output=True, text=True, check=False)  # noqa: S603
        seconds = time.perf_counter() - start
        if done.returncode:
            sys.exit(done.stderr)
        peak = next(int(line.split()[1]) * 1024 for line in done.stderr.splitlines() if line.startswith("VmHWM"))
        written = json.loads(done.stdout)
    print(f"export      {size / 1e6:,.0f} MB, {regions:,} regions")
    print(f"convert     {seconds:.1f} s, {size / 1e6 / seconds:,.0f} MB/s, {given.threads} threads")
    print(f"peak memory {peak / 1e6:,.0f} MB, {peak / size:.3f} of the export")
    print(
        f"Parquet     {written['bytes'] / 1e6:,.0f} MB, {written['regions']:,} regions, {written['row_groups']} groups"
    )
    if written["regions"] != regions:
        sys.exit(f"{regions - written['regions']} regions are missing")
    if peak >= 1e9:
        sys.exit("more than a gigabyte of memory")


if __name__ == "__main__":
    main()
