"""Large exports in seconds: tasks of a small seeded export, copied as text with numbers of their own.

Two annotators, four pages per task; every region has 50 points, a label, a track number and a choice, some have a note.
Two ways to write them:

    editor    as the editor does: every control repeats the points, so a region takes about 6.9 kB
    lean      as a program would: the points once, about 2.9 kB

    python benches/large.py FILE (--regions N | --bytes N) [--way lean]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Literal

from lesiongeo.testing import __path__ as generator_path
from lesiongeo.testing import iter_export
from lesiongeo.testing.annotators import default_annotators

Way = Literal["editor", "lean"]

SEED = 7
#: Regions that are drawn; larger exports copy them: far more text than any cache or any compressor's window holds.
POOL_REGIONS = 4000
FOLDER = Path(__file__).parents[1] / "out" / "exports"

# Numbers that occur nowhere else in the text stand where the numbers of a copy go.
_TASK, _ANNOTATION = 990_000_000_000_000, 880_000_000_000_000
_PLACES = re.compile(rb"(9900000000\d{5}|8800000000\d{5})")


def export_file(regions: int, way: Way = "editor") -> Path:
    """Return a file with at least so many regions, written once; a change of the generator makes a new one."""
    sources = [*sorted(Path(generator_path[0]).glob("*.py")), Path(__file__)]
    stamp = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:8]
    path = FOLDER / f"{way}-{regions}-{SEED}-{stamp}.json"
    if not path.exists():
        for old in FOLDER.glob(f"{way}-{regions}-{SEED}-*.json"):
            old.unlink()
        write(path, lambda written, _: written >= regions, way)
    return path


def write(path: Path, enough: Callable[[int, int], bool], way: Way = "editor") -> int:
    """Write tasks until `enough(regions, bytes)`; returns the number of regions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}")
    regions = size = 0
    with unfinished.open("wb", buffering=1 << 22) as file:
        separator = b"[\n"
        for text, drawn in _copies(way):
            size += file.write(separator) + file.write(text)
            separator = b",\n"
            regions += drawn
            if enough(regions, size):
                break
        file.write(b"\n]\n")
    unfinished.replace(path)
    return regions


def _copies(way: Way) -> Iterator[tuple[bytes, int]]:
    """Tasks without end, as text with their number of regions."""
    templates = _templates(way)
    annotation = 0
    for number in count(1):
        pieces, annotations, drawn = templates[(number - 1) % len(templates)]
        parts = list(pieces)
        for place in range(1, len(parts), 2):
            mark = int(parts[place])
            own = number if mark == _TASK else annotation + mark - _ANNOTATION
            parts[place] = b"%d" % own
        annotation += annotations
        yield b"".join(parts), drawn


@cache
def _templates(way: Way) -> list[tuple[list[bytes], int, int]]:
    """Pieces of text between numbers, how many annotations, how many regions."""
    made = []
    left = POOL_REGIONS
    crew = [replace(person, shape_rate=0.0) for person in default_annotators(2)]
    for task in iter_export(patients=left, visits=4, annotators=crew, lesions=(4, 8), vertices=(50, 50), seed=SEED):
        drawn = sum(
            entry.get("from_name") == "track_id" for annotation in task["annotations"] for entry in annotation["result"]
        )
        text = json.dumps(_marked(task, way), separators=(",", ":"), ensure_ascii=False).encode()
        made.append((_PLACES.split(text), len(task["annotations"]), drawn))
        left -= drawn
        if left <= 0:
            break
    return made


def _marked(task: dict[str, Any], way: Way) -> dict[str, Any]:
    """The task with marks in place of its numbers, the points of a region once where that is wanted."""
    name = str(task["data"]["patient_id"])
    data = json.loads(json.dumps(task["data"]).replace(name, f"P{_TASK}"))
    for number, annotation in enumerate(task["annotations"], start=1):
        annotation |= {"id": _ANNOTATION + number, "task": _TASK}
        for entry in annotation["result"] if way == "lean" else ():
            if entry["type"] in ("number", "choices", "textarea"):
                kept = {"number": "number", "choices": "choices", "textarea": "text"}[entry["type"]]
                entry["value"] = {kept: entry["value"][kept]}
    return task | {"id": _TASK, "inner_id": _TASK, "data": data}


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a large export.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--regions", type=int, default=0)
    parser.add_argument("--bytes", type=float, default=0.0)
    parser.add_argument("--way", choices=("editor", "lean"), default="editor")
    given = parser.parse_args()
    regions = write(given.file, lambda n, size: n >= given.regions and size >= given.bytes, given.way)
    print(f"{regions} regions, {given.file.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
