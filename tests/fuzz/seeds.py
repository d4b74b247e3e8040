"""Small inputs from which the fuzz targets start: exports of every kind and container, masks of every word size.

    python tests/fuzz/seeds.py FOLDER

writes FOLDER/reader and FOLDER/rle. The same call writes the same files.
"""

from __future__ import annotations

import base64
import gzip
import json
import struct
import sys
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

SIZE = (40, 30)
TRIANGLE = [[10.000000000000002, 10.5], [55.123456789012345, 12], [1e1, 90.0]]


class Bits:
    """Bits, the highest of a byte first."""

    def __init__(self) -> None:
        self.text: list[str] = []

    def put(self, value: int, width: int) -> None:
        self.text.append(format(value, f"0{width}b"))

    def bytes(self) -> bytes:
        text = "".join(self.text)
        text += "0" * (-len(text) % 8)
        return int(text or "0", 2).to_bytes(len(text) // 8, "big")


def rle(values: Sequence[int], *, word: int = 8, lengths: tuple[int, int, int, int] = (3, 4, 8, 16)) -> bytes:
    """Label Studio's run-length code: number of values, widths, then blocks of one value repeated or of several."""
    bits = Bits()
    bits.put(len(values), 32)
    bits.put(word - 1, 5)
    for length in lengths:
        bits.put(length - 1, 4)
    at = 0
    while at < len(values):
        same = next((k for k in range(at, len(values)) if values[k] != values[at]), len(values)) - at
        count = min(same, 1 << max(lengths)) if same > 2 else min(len(values) - at, 5)
        choice = next(index for index in sorted(range(4), key=lambda i: lengths[i]) if count <= 1 << lengths[index])
        bits.put(int(same > 2), 1)
        bits.put(choice, 2)
        bits.put(count - 1, lengths[choice])
        for value in values[at : at + (1 if same > 2 else count)]:
            bits.put(value, word)
        at += count
    return bits.bytes()


def pixels(rows: Iterable[str]) -> list[int]:
    """RGBA values of a mask drawn with `#`; only the alpha is looked at, the editor writes all four."""
    return [value for row in rows for mark in row for value in ((255,) * 4 if mark == "#" else (0,) * 4)]


MASKS = {
    "hole": ("........", ".######.", ".#....#.", ".#.##.#.", ".#....#.", ".######."),
    "corners": ("#.#.#.#.", ".#.#.#.#", "#.#.#.#."),
    "full": ("####", "####"),
    "empty": ("....", "...."),
    "one": ("#",),
    "border": ("#......#", "........", "#......#"),
    "staircase": ("#...", "##..", "###.", "####"),
}


def png(rows: Sequence[str], *, colour: int = 6, depth: int = 8) -> bytes:
    """A PNG of a mask: grey (0), red-green-blue (3 bytes), or with alpha."""
    samples = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    width, height = len(rows[0]), len(rows)
    lines = [
        b"\0" + b"".join((b"\xff" if mark == "#" else b"\0") * (samples * depth // 8) for mark in row) for row in rows
    ]

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = zlib.compress(b"".join(lines), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def entry(
    kind: str, value: dict[str, Any], *, name: str | None = None, region: str | None = "r1", **more: Any
) -> dict[str, Any]:
    size = {"original_width": SIZE[0], "original_height": SIZE[1], "image_rotation": 0}
    whose = {} if region is None else {"id": region}
    return {
        **size,
        "value": value,
        **whose,
        "from_name": name or kind,
        "to_name": "photo",
        "type": kind,
        "origin": "manual",
        **more,
    }


def mask_entries(name: str) -> list[dict[str, Any]]:
    rows = MASKS[name]
    size = {"original_width": len(rows[0]), "original_height": len(rows)}
    code = {"format": "rle", "rle": list(rle(pixels(rows))), "brushlabels": ["a"]}
    image = "data:image/png;base64," + base64.b64encode(png(rows)).decode()
    return [
        entry("brushlabels", code, region="b") | size,
        entry("bitmasklabels", {"imageDataURL": image, "bitmasklabels": ["a"]}, region="m") | size,
    ]


VECTOR = [
    {"id": "p1", "x": 10, "y": 10, "prevPointId": None, "isBezier": False},
    {
        "id": "p2",
        "x": 60,
        "y": 10,
        "prevPointId": "p1",
        "isBezier": True,
        "controlPoint1": {"x": 40, "y": 0},
        "controlPoint2": {"x": 70, "y": 5},
    },
    {"id": "p3", "x": 40, "y": 70, "prevPointId": "p2", "isBezier": False},
]
RESULTS: dict[str, list[dict[str, Any]]] = {
    "polygon": [
        entry("polygonlabels", {"points": TRIANGLE, "closed": True, "polygonlabels": ["a"]}, item_index=0),
        entry("number", {"points": TRIANGLE, "closed": True, "number": 3}, name="track_id", item_index=0),
        entry("choices", {"points": TRIANGLE, "closed": True, "choices": ["same"]}, name="status", item_index=0),
        entry(
            "textarea",
            {"points": TRIANGLE, "closed": True, "text": ['h\u00e4ir \U0001f600 "x" \\']},
            name="note",
            item_index=0,
        ),
    ],
    "unfinished": [
        entry("polygon", {"points": TRIANGLE[:2], "closed": False}),
        entry("labels", {"points": TRIANGLE, "labels": ["a", "b"]}),
    ],
    "rectangle": [
        entry(
            "rectanglelabels",
            {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 33.5, "rectanglelabels": ["a"]},
            score=0.5,
        )
    ],
    "ellipse": [
        entry(
            "ellipselabels",
            {"x": 50, "y": 50, "radiusX": 20, "radiusY": 10, "rotation": 270, "ellipselabels": []},
            readonly=True,
        )
    ],
    "keypoint": [entry("keypointlabels", {"x": 50, "y": 50, "width": 0.4, "keypointlabels": ["a"]}, parentID="r0")],
    "vector": [entry("vectorlabels", {"vertices": VECTOR, "closed": True, "vectorlabels": ["a"]})],
    "line": [entry("vector", {"vertices": VECTOR[:2], "closed": False})],
    "answers": [
        entry("choices", {"choices": ["worse", "new"]}, name="visit", region="q", item_index=1),
        entry("rating", {"rating": 4}, name="quality", region="q2"),
        entry("taxonomy", {"taxonomy": [["skin", "nevus"], ["skin"]]}, name="tree", region="q3"),
        entry("datetime", {"datetime": "2026-01-05"}, name="when", region=None),
    ],
    "relation": [
        entry("polygon", {"points": TRIANGLE}, meta={"text": ["a note"]}),
        {"from_id": "r1", "to_id": "r2", "type": "relation", "direction": "right", "labels": ["grew"]},
    ],
    "odd": [
        entry(
            "polygonlabels", {"points": [[1, 2], [3, "4"], None, [1e400, 5]], "polygonlabels": [None, 7]}, item_index=-1
        ),
        entry("paragraphs", {"start": 1}),
        entry("number", {"number": None}),
    ],
    **{f"mask_{name}": mask_entries(name) for name in MASKS},
}


def task(number: int, result: Any, **more: Any) -> dict[str, Any]:
    images = ["https://a.example/1.jpg?sig=x", "s3://b/2.jpg"]
    drawn = {
        "id": 10 * number,
        "completed_by": {"id": 4, "email": "a@b.example"},
        "result": result,
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2026-01-05T08:00:00.000000Z",
        "updated_at": "2026-01-05T08:00:01+02:00",
        "lead_time": 12.5,
    }
    data = {"patient": "P1", "images": images, "visits": [{"date": "2026-01-05"}], "spacing_mm": [0.1, None]}
    return {"id": number, "annotations": [drawn], "drafts": [], "predictions": [3], "data": data, **more}


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def exports() -> dict[str, bytes]:
    """Every kind of region in the usual container, and every container around a small result."""
    seeds = {f"kind_{name}": compact([task(1, result)]) for name, result in RESULTS.items()}
    small = RESULTS["polygon"][:2]
    two = [task(1, small), task(2, RESULTS["answers"])]
    lines = b"\n".join(map(compact, two))
    one = two[0]["annotations"][0]
    seeds |= {
        "list": compact(two),
        "list_indented": json.dumps(two, indent=2).encode(),
        "one_task": compact(two[0]),
        "one_annotation": compact({**one, "task": two[0] | {"annotations": []}}),
        "lines": lines,
        "lines_crlf": lines.replace(b"\n", b"\r\n") + b"\r\n",
        "gzip": gzip.compress(compact(two), mtime=0),
        "gzip_twice": gzip.compress(compact(two[:1]), mtime=0) + gzip.compress(b"", mtime=0),
        "marked": b"\xef\xbb\xbf" + compact(two),
        "utf16": compact(two).decode().encode("utf-16"),
        "completions": compact(
            [
                {
                    "id": 1,
                    "data": {},
                    "completions": [one | {"user": "5"}],
                    "predictions": [one | {"model_version": "v", "score": 0.5}],
                }
            ]
        ),
        "easy": compact({"data": {"image": "1.jpg"}, "annotations": [one], "project": 1, "drafts": [one]}),
        "json_min": compact(
            [{"image": "1.jpg", "id": 1, "annotator": 1, "annotation_id": 2, "lead_time": 1.0, "lesion": []}]
        ),
        "coco": compact({"images": [], "categories": [], "annotations": []}),
        "empty_list": b"[]",
        "empty_task": b"[{}]",
        "nulls": b'[{"id":null,"annotations":null,"data":null},null,7,"x",[]]',
        "repeated_keys": b'[{"id":1,"id":2,"annotations":[],"annotations":[{"result":[],"result":null}]}]',
        "deep": b"[" * 600 + b"]" * 600,
        "cut_off": compact(two)[:-40],
        "not_utf8": compact(two).replace(b"same", b"s\xffme").replace(b"worse", b"w\xc3se"),
        "infinite": b'[{"id":1e400,"annotations":[{"id":-0,"result":[],"lead_time":1e999}]}]',
    }
    return seeds


def masks() -> dict[str, bytes]:
    """Codes of masks: width, height and flags of `targets/rle.rs`, then the code."""
    seeds = {}
    for name, rows in MASKS.items():
        for lengths in ((3, 4, 8, 16), (1, 2, 3, 4), (16, 16, 16, 16)):
            head = struct.pack("<HHB", len(rows[0]), len(rows), 3)
            seeds[f"{name}_{'_'.join(map(str, lengths))}"] = head + rle(pixels(rows), lengths=lengths)
    whole = seeds["hole_3_4_8_16"]
    seeds |= {
        "cut_off": whole[:-5],
        "only_head": whole[:12],
        "huge": struct.pack("<HHB", 65535, 65535, 0) + b"\xff" * 12,
    }
    seeds["wide_words"] = struct.pack("<HHB", 2, 1, 0) + rle([1, 2, 3, 65535] * 2, word=16)
    return seeds


def main() -> None:
    for name, seeds in (("reader", exports()), ("rle", masks())):
        folder = Path(sys.argv[1]) / name
        folder.mkdir(parents=True, exist_ok=True)
        for seed, content in seeds.items():
            (folder / seed).write_bytes(content)


if __name__ == "__main__":
    main()
