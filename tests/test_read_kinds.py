"""Kinds of region other than outlines of points: painted masks, vectors, key points.

Masks are encoded here from the description of the formats (Label Studio's run-length code, PNG), and their outlines are
judged by counting pixels.
"""

from __future__ import annotations

import base64
import json
import math
import re
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

import lesiongeo as lg

Json = Any
Mask = NDArray[np.bool_]
ROOT = Path(__file__).resolve().parents[1]

WIDTH, HEIGHT = 200, 120


def entry(kind: str, value: Json, region_id: Json = "r", **more: Json) -> dict[str, Json]:
    """One entry of a result list on an image of 200 x 120 pixels."""
    size = {"original_width": WIDTH, "original_height": HEIGHT}
    return {"id": region_id, "from_name": f"{kind}_name", "type": kind, "value": value, **size, **more}


def read(*result: Json, **more: Json) -> lg.Export:
    """Task 7, annotation 5 by user 3."""
    annotation = {"id": 5, "completed_by": 3, "result": list(result)}
    task = {"id": 7, "data": {"image": "/d/a.png"}, "annotations": [annotation], **more}
    return lg.read_label_studio(json.dumps([task]).encode())


# Masks as the editor writes them


class Bits:
    """Bits one after the other, the most significant one of each number first."""

    def __init__(self) -> None:
        self.text: list[str] = []

    def put(self, value: int, count: int) -> None:
        self.text.append(format(value, f"0{count}b"))

    def bytes(self) -> list[int]:
        text = "".join(self.text)
        text += "0" * (-len(text) % 8)
        return [int(text[at : at + 8], 2) for at in range(0, len(text), 8)]


COUNT_BITS = (3, 4, 8, 16)


def encode(values: NDArray[np.uint8], *, literal_up_to: int = 1) -> list[int]:
    """Run-length code of bytes: 32 bits for their number, word size, count sizes, then runs and literal stretches."""
    bits = Bits()
    bits.put(len(values), 32)
    bits.put(8 - 1, 5)
    for size in COUNT_BITS:
        bits.put(size - 1, 4)
    changes = np.flatnonzero(np.diff(values)) + 1
    starts, stops = np.concatenate(([0], changes)), np.concatenate((changes, [len(values)]))
    waiting: list[int] = []

    def head(repeats: int, count: int) -> None:
        choice = next(index for index, size in enumerate(COUNT_BITS) if count <= 1 << size)
        bits.put(repeats, 1)
        bits.put(choice, 2)
        bits.put(count - 1, COUNT_BITS[choice])

    def flush() -> None:
        for at in range(0, len(waiting), 1 << 16):
            piece = waiting[at : at + (1 << 16)]
            head(0, len(piece))
            for value in piece:
                bits.put(value, 8)
        waiting.clear()

    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        value, count = int(values[start]), stop - start
        if count <= literal_up_to:
            waiting.extend([value] * count)
            continue
        flush()
        while count > 0:
            piece = min(count, 1 << 16)
            head(1, piece)
            bits.put(value, 8)
            count -= piece
    flush()
    return bits.bytes()


def rgba(mask: Mask, value: int = 255) -> NDArray[np.uint8]:
    """All four channels alike, as the editor writes them."""
    return np.repeat(mask.astype(np.uint8) * np.uint8(value), 4)


def rle(mask: Mask, **options: Any) -> list[int]:
    return encode(rgba(mask), **options)


def png(pixels: NDArray[np.uint8], color_type: int) -> bytes:
    """A PNG image of rows of pixels of one byte per channel."""
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, color_type, 0, 0, 0)
    out = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        out += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return out


def url(mask: Mask) -> str:
    """Black on transparent, as the editor writes it."""
    pixels = np.zeros((*mask.shape, 4), dtype=np.uint8)
    pixels[..., 3] = mask * 255
    return "data:image/png;base64," + base64.b64encode(png(pixels, 6)).decode()


def brush(mask: Mask, region_id: str = "r", **more: Json) -> dict[str, Json]:
    return entry("brushlabels", {"format": "rle", "rle": rle(mask), "brushlabels": ["nevus"]}, region_id, **more)


def blobs(seed: int, count: int = 6) -> Mask:
    """Discs painted and erased."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    for turn in range(count):
        cx, cy, radius = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), rng.uniform(3, 45)
        mask[(x - cx) ** 2 + (y - cy) ** 2 < radius**2] = turn % 3 != 2
    return mask


def noise(seed: int, share: float) -> Mask:
    return np.random.default_rng(seed).random((HEIGHT, WIDTH)) < share


def masks() -> Iterable[Mask]:
    yield np.ones((HEIGHT, WIDTH), dtype=bool)
    corner = np.zeros((HEIGHT, WIDTH), dtype=bool)
    corner[0, 0] = corner[-1, -1] = True
    yield corner
    yield ~corner
    yield np.indices((HEIGHT, WIDTH)).sum(axis=0) % 2 == 0
    yield from (blobs(seed) for seed in range(8))
    yield from (noise(seed, share) for seed, share in enumerate((0.02, 0.4, 0.6, 0.97)))


def test_the_documented_example() -> None:
    code = [0, 0, 0, 16, 57, 27, 252, 96, 22, 255, 192]
    export = read(entry("brush", {"format": "rle", "rle": code}, original_width=2, original_height=2))
    assert lg.area(export.regions).tolist() == [3.0]
    assert export.regions.polygons.to_rings()[0][0].tolist() == [[1, 0], [2, 0], [2, 2], [0, 2], [0, 1], [1, 1]]


@pytest.mark.parametrize("mask", list(masks()))
def test_the_area_of_a_mask_is_its_number_of_pixels(mask: Mask) -> None:
    export = read(
        brush(mask, "runs"),
        entry("brush", {"rle": rle(mask, literal_up_to=9)}, "literals"),
        entry("bitmasklabels", {"imageDataURL": url(mask), "bitmasklabels": ["nevus"]}, "png"),
        entry("brush", {"maskDataURL": url(mask)}, "draft"),
    )
    assert export.problems.num_rows == 0
    assert export.regions.table["kind"].to_pylist() == ["brush", "brush", "bitmask", "brush"]
    assert export.regions.table["valid"].to_pylist() == [True] * 4
    assert lg.area(export.regions).tolist() == [mask.sum()] * 4
    outlines = [[ring.tolist() for ring in rings] for rings in export.regions.polygons.to_rings()]
    assert all(rings == outlines[0] for rings in outlines)
    # Along the edges of the pixels: the boundary is as long as neighbours differ.
    framed = np.pad(mask, 1).astype(int)
    edges = np.abs(np.diff(framed, axis=0)).sum() + np.abs(np.diff(framed, axis=1)).sum()
    assert lg.perimeter(export.regions).tolist() == [edges] * 4
    ys, xs = np.nonzero(mask)
    assert lg.bounds(export.regions)[0].tolist() == [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
    assert np.allclose(lg.centroid(export.regions)[0], [xs.mean() + 0.5, ys.mean() + 0.5], rtol=1e-12)


@pytest.mark.parametrize("name", ["png", "RLE", "", 1, True, []])
def test_a_mask_of_another_format_is_reported(name: Json) -> None:
    mask = blobs(1)
    named = entry("brush", {"format": name, "rle": rle(mask)})
    export = read(named)
    assert lg.area(export.regions).tolist() == [mask.sum()]
    (problem,) = export.problems.to_pylist()
    assert (problem["code"], problem["field"], problem["dropped"]) == ("mask_format", "value.format", False)


def test_the_overlap_of_masks_is_that_of_their_pixels() -> None:
    drawn = [blobs(seed) for seed in range(8)] + [np.roll(blobs(1), 3), noise(0, 0.5), noise(1, 0.5)]
    export = read(*(brush(mask, str(index)) for index, mask in enumerate(drawn)))
    rows = [(a, b) for a in range(len(drawn)) for b in range(a)]
    a, b = (export.regions.polygons.take(list(side)) for side in zip(*rows, strict=True))
    pixels = [(drawn[i] & drawn[j]).sum() / (drawn[i] | drawn[j]).sum() for i, j in rows]
    assert np.abs(lg.iou(a, b) - pixels).max() < 1e-12
    assert min(pixels) < 0.5 < max(pixels)


@pytest.mark.parametrize("value", [1, 128, 255])
def test_a_pixel_is_painted_where_its_alpha_is_not_zero(value: int) -> None:
    mask = blobs(3)
    pixels = rgba(mask, value).reshape(-1, 4)
    pixels[:, :3] = 255 - pixels[:, :3]  # Colours do not matter.
    export = read(entry("brush", {"rle": encode(pixels.ravel())}))
    assert lg.area(export.regions).tolist() == [mask.sum()]


def test_images_without_alpha_are_painted_where_they_are_not_black() -> None:
    mask = blobs(4)
    images = [png(mask.astype(np.uint8) * 7, 0), png(np.repeat(mask[..., None], 3, axis=2).astype(np.uint8), 2)]
    for data in images:
        encoded = base64.b64encode(data).decode()
        export = read(entry("bitmask", {"imageDataURL": f"data:image/png;base64,{encoded}"}))
        assert lg.area(export.regions).tolist() == [mask.sum()]


def test_an_empty_mask_is_an_empty_region() -> None:
    export = read(brush(np.zeros((HEIGHT, WIDTH), dtype=bool)))
    assert lg.area(export.regions).tolist() == [0.0]
    assert export.regions.table["problem"].to_pylist() == ["empty"]
    assert export.problems["code"].to_pylist() == ["empty"]


def test_a_control_repeats_the_mask_of_its_region() -> None:
    """The editor writes the mask into every entry of a region: it is one region, and no second shape."""
    mask = blobs(1)
    number = entry("number", {"format": "rle", "rle": rle(mask), "number": 4})
    second = entry("brushlabels", {"format": "rle", "rle": rle(mask), "brushlabels": ["arm"]}, from_name="site")
    export = read(brush(mask), number, second)
    assert export.problems.num_rows == 0
    (row,) = export.regions.table.select(["labels", "number_name"]).to_pylist()
    assert row == {"labels": ["nevus", "arm"], "number_name": 4.0}
    other = entry("brush", {"format": "rle", "rle": rle(~mask)})
    assert read(brush(mask), other).problems["code"].to_pylist() == ["repeated_region"]


def test_large_masks_cost_their_runs() -> None:
    """100 million pixels, of which one row is painted; and an image that claims a million million."""
    side = 10_000
    bits = Bits()
    bits.put(4 * side * side, 32)
    bits.put(7, 5)
    for size in COUNT_BITS:
        bits.put(size - 1, 4)
    total, row = 4 * side * side, 4 * side * 17
    for value, count in ((0, row), (255, 4 * side), (0, total - row - 4 * side)):
        while count > 0:
            piece = min(count, 1 << 16)
            bits.put(0b111, 3)
            bits.put(piece - 1, 16)
            bits.put(value, 8)
            count -= piece
    export = read(entry("brush", {"rle": bits.bytes()}, original_width=side, original_height=side))
    assert lg.area(export.regions).tolist() == [side]
    huge = read(entry("brush", {"rle": bits.bytes()}, original_width=10**6, original_height=10**6))
    assert (len(huge.regions), huge.problems["code"].to_pylist()) == (0, ["mask_too_large"])


# Vectors

SQUARE = [(10, 10), (30, 10), (30, 30), (10, 30)]  # Percent of 200 x 120: 40 x 24 px


def vertices(points: Iterable[tuple[float, float]] = SQUARE, **more: Json) -> list[dict[str, Json]]:
    """Straight vertices, each naming the one before it."""
    return [
        {"id": f"p{i}", "x": x, "y": y, "isBezier": False, "prevPointId": f"p{i - 1}" if i else None, **more}
        for i, (x, y) in enumerate(points)
    ]


def vector(points: Json, closed: Json = True, **more: Json) -> dict[str, Json]:
    return entry("vectorlabels", {"vertices": points, "closed": closed, "vectorlabels": ["nevus"]}, **more)


def test_a_closed_vector_of_straight_edges() -> None:
    export = read(vector(vertices()))
    assert export.problems.num_rows == 0
    assert export.regions.table["kind"].to_pylist() == ["vector"]
    assert lg.area(export.regions).tolist() == [40 * 24]


def test_the_area_of_bezier_edges() -> None:
    """Against the integral of x dy over each cubic, within the stated 0.05 px along the boundary."""
    rng = np.random.default_rng(5)
    for count in (2, 3, 7):
        angles = 2 * math.pi * (np.arange(count) + rng.uniform(-0.2, 0.2, count)) / count
        around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        places = 50 + 30 * around
        # Along the circle, so that the boundary does not cross itself.
        handles = np.stack([-around[:, 1], around[:, 0]], axis=1) * rng.uniform(3, 20, count)[:, None]
        points = [
            {
                **vertex,
                "isBezier": True,
                "controlPoint1": dict(zip("xy", (place - handle).tolist(), strict=True)),
                "controlPoint2": dict(zip("xy", (place + handle).tolist(), strict=True)),
            }
            for vertex, place, handle in zip(vertices(map(tuple, places.tolist())), places, handles, strict=True)
        ]
        export = read(vector(points))
        scale = np.array([WIDTH / 100, HEIGHT / 100])
        twice = 0.0
        for i in range(count):
            j = (i + 1) % count
            ends = [places[i], places[i] + handles[i], places[j] - handles[j], places[j]]
            a, b, c, d = (end * scale for end in ends)
            x, y = (
                Polynomial([a[k], 3 * (b[k] - a[k]), 3 * (a[k] - 2 * b[k] + c[k]), d[k] - a[k] + 3 * (b[k] - c[k])])
                for k in range(2)
            )
            integral = (x * y.deriv() - y * x.deriv()).integ()
            twice += integral(1.0) - integral(0.0)
        assert abs(lg.area(export.regions)[0] - abs(twice) / 2) <= 0.05 * lg.perimeter(export.regions)[0]


@pytest.mark.parametrize("closed", [False, None])
def test_an_open_vector_is_a_line(closed: bool | None) -> None:
    export = read(vector(vertices([(10, 10), (20, 40), (35, 5)]), closed))
    table = export.regions.table
    assert (table["kind"].to_pylist(), table["valid"].to_pylist()) == (["line"], [True])
    assert table["problem"].to_pylist() == [None]
    assert export.problems.num_rows == 0
    measured = lg.measure(export.regions)
    assert measured["area_px2"].to_pylist() == [0.0]
    assert (measured["valid"].to_pylist(), measured["problem"].to_pylist()) == ([True], [None])
    length = math.hypot(20, 36) + math.hypot(30, 42)
    assert measured["perimeter_px"][0].as_py() == pytest.approx(2 * length, rel=1e-12)


def test_two_vectors_of_one_id_that_differ_in_one_vertex() -> None:
    other = vector(vertices([*SQUARE[:3], (11, 30)]), from_name="site")
    assert read(vector(vertices()), other).problems["code"].to_pylist() == ["repeated_region"]
    assert read(vector(vertices()), vector(vertices(), from_name="site")).problems.num_rows == 0


# Key points


def keypoint(x: Json = 25, y: Json = 50, region_id: str = "k", **more: Json) -> dict[str, Json]:
    return entry("keypointlabels", {"x": x, "y": y, "width": 0.5, "keypointlabels": ["hair"]}, region_id, **more)


def test_a_key_point_has_a_position_and_no_area() -> None:
    export = read(keypoint())
    assert export.problems.num_rows == 0
    (row,) = export.regions.table.select(["kind", "label", "valid", "problem"]).to_pylist()
    assert row == {"kind": "keypoint", "label": "hair", "valid": True, "problem": None}
    (measured,) = lg.measure(export.regions).to_pylist()
    assert (measured["area_px2"], measured["perimeter_px"]) == (0, 0)
    assert (measured["min_x_px"], measured["max_y_px"]) == (50, 60)
    assert (measured["centroid_x_px"], measured["centroid_y_px"]) == (50, 60)
    assert (measured["valid"], measured["problem"]) == (True, None)
    outside = read(keypoint(x=101))
    assert (len(outside.regions), outside.problems["code"].to_pylist()) == (1, ["outside_image"])


# Agreement


def people(first: list[Json], second: list[Json]) -> lg.Export:
    annotations = [{"id": i, "completed_by": i, "result": result} for i, result in ((1, first), (2, second))]
    return lg.read_label_studio(
        json.dumps([{"id": 7, "data": {"image": "/a.png"}, "annotations": annotations}]).encode()
    )


def test_agreement_is_about_regions_with_an_interior() -> None:
    line = vector(vertices([(1, 1), (40, 40)]), False, id="l")
    (task,) = lg.agreement(people([keypoint(), brush(blobs(1)), line], [brush(blobs(1))])).tasks.to_pylist()
    assert (task["n_a"], task["n_b"], task["n_matched"], task["n_missing_a"], task["score"]) == (1, 1, 1, 0, 1.0)
    result = lg.agreement(people([keypoint()], [line]))
    (task,) = result.tasks.to_pylist()
    assert (task["n_a"], task["n_b"], task["score"], task["reason"]) == (0, 0, 1.0, "both_empty")
    assert result.pairs.num_rows == 0


def test_a_page_that_only_key_points_name_is_a_page() -> None:
    tasks = lg.agreement(people([keypoint(item_index=2)], [])).tasks
    assert tasks["page"].to_pylist() == [0, 1, 2]
    assert tasks["score"].to_pylist() == [1.0] * 3


# Problems

SMALL = {"original_width": 4, "original_height": 2}
ONE = np.array([[True, False, True, True], [False] * 4])
BROKEN = base64.b64encode(png(np.zeros((2, 4, 4), dtype=np.uint8), 6)[:-9]).decode()


def small(kind: str, **value: Json) -> dict[str, Json]:
    return entry(kind, value, **SMALL)


def linked(*before: str | None) -> list[dict[str, Json]]:
    """Four vertices that name these before them."""
    return [{**vertex, "prevPointId": name} for vertex, name in zip(vertices(), before, strict=True)]


CASES: list[tuple[dict[str, Json], str, str]] = [
    (small("brush"), "value", "no_mask"),
    (small("brush", rle=None, format="rle"), "value", "no_mask"),
    (small("brush", rle=[]), "value", "no_mask"),
    (small("bitmask"), "value", "no_mask"),
    (small("bitmask", imageDataURL=7), "value", "no_mask"),
    (small("brush", rle=rle(ONE), touches=[{"type": "add"}]), "value.touches", "strokes_not_painted"),
    (small("brush", rle="AAAA"), "value.rle", "not_a_byte"),
    (small("brush", rle=[0, 0, 0, 256]), "value.rle", "not_a_byte"),
    (small("brush", rle=[0, 0, 0, 1.5]), "value.rle", "not_a_byte"),
    (small("brush", rle=[0, 0, 0, -1]), "value.rle", "not_a_byte"),
    (small("brush", rle=[0, [0], 0]), "value.rle", "not_a_byte"),
    (small("brush", rle=rle(ONE)[:-1]), "value.rle", "rle_cut_off"),
    (small("brush", rle=[0, 0, 0]), "value.rle", "rle_cut_off"),
    (small("brush", rle=[0, 0, 0, 32, 0xF9, *rle(ONE)[5:]]), "value.rle", "rle_word_size"),
    (small("brush", rle=[0, 0, 0, 32, *encode(np.zeros(33, np.uint8))[4:]]), "value.rle", "rle_overrun"),
    (small("brush", rle=rle(ONE[:1])), "value.rle", "mask_size_differs"),
    (entry("brush", {"rle": rle(ONE)}, original_width=4.5, original_height=2), "value.rle", "mask_size_differs"),
    (
        entry("brush", {"rle": rle(ONE)}, original_width=10**8, original_height=10**8),
        "original_width",
        "mask_too_large",
    ),
    (small("bitmask", imageDataURL=url(ONE.T)), "value.imageDataURL", "mask_size_differs"),
    (small("bitmask", imageDataURL="https://host/mask.png?token=secret"), "value.imageDataURL", "mask_elsewhere"),
    (small("brush", maskDataURL="https://host/mask.png?token=secret"), "value.maskDataURL", "mask_elsewhere"),
    (small("bitmask", imageDataURL="data:image/webp;base64,secret"), "value.imageDataURL", "not_a_png"),
    (small("bitmask", imageDataURL=f"data:image/png;base64,{BROKEN}"), "value.imageDataURL", "not_a_png"),
    (small("bitmask", imageDataURL="data:image/png;base64,secret!"), "value.imageDataURL", "not_base64"),
    (vector(None), "value.vertices", "no_points"),
    (vector([]), "value.vertices", "no_points"),
    (vector([{"x": 1}]), "value.vertices", "not_a_point"),
    (vector([[1, 2], 3]), "value.vertices", "not_a_point"),
    (vector(vertices([(1e160, 0), (5, 5)])), "value.vertices", "coordinate_out_of_range"),
    (vector(linked(None, "p0", "p0", "p1")), "value.vertices", "branched_path"),
    (vector(linked(None, "p0", "p3", "p2")), "value.vertices", "branched_path"),
    (vector(linked(None, "p0", "p1", "lost")), "value.vertices", "branched_path"),
    (keypoint(x=None), "value", "missing_number"),
    (keypoint(y="5"), "value", "missing_number"),
]


@pytest.mark.parametrize(("made", "field", "code"), CASES, ids=[f"{case[2]}-{i}" for i, case in enumerate(CASES)])
def test_what_cannot_be_read_is_a_row(made: dict[str, Json], field: str, code: str) -> None:
    export = read(made, brush(blobs(1), "sound"))
    (row,) = export.problems.to_pylist()
    assert (row["field"], row["code"], row["region_id"], row["dropped"]) == (field, code, made["id"], True)
    assert (row["task_id"], row["annotation_id"], row["page"]) == (7, 5, 0)
    assert len(row["message"]) > 20 and "secret" not in row["message"]
    assert export.regions.table["region_id"].to_pylist() == ["sound"]


def checkerboard(side: int) -> str:
    """A PNG of one bit per pixel: a bomb of corners in a few kilobytes."""
    pair = b"\0" + b"\x55" * (side // 8) + b"\0" + b"\xaa" * (side // 8)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    out = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(pair * (side // 2), 9)), (b"IEND", b"")):
        out += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return "data:image/png;base64," + base64.b64encode(out).decode()


def test_a_bomb_of_corners_is_refused() -> None:
    text = checkerboard(8192)
    assert len(text) < 200_000
    export = read(entry("bitmask", {"imageDataURL": text}, original_width=8192, original_height=8192))
    assert (len(export.regions), export.problems["code"].to_pylist()) == (0, ["too_many_vertices"])


def test_every_code_of_these_kinds_has_a_case() -> None:
    folder = ROOT / "src" / "read"
    if not folder.is_dir():
        pytest.skip("the sources of the core are not here")
    codes: set[str] = set()
    for name in ("brush", "bitmask", "mask", "painted", "trace", "vector"):
        text = (folder / f"{name}.rs").read_text().split("#[cfg(test)]")[0]
        codes |= set(re.findall(r'\bfixed\(\s*(?:"[\w.]+"|FIELD),\s*"(\w+)"', text))
        codes |= set(re.findall(r'\bcode: "(\w+)"', text))
    assert len(codes) >= 14, "the pattern finds no codes any more"
    assert codes <= {case[2] for case in CASES} | {"too_many_vertices"}


def test_damaged_masks_never_pass_for_others() -> None:
    """Any byte of the code of a mask is damaged: an area, or one row that says what is wrong."""
    mask = blobs(2)
    code = rle(mask)
    rng = np.random.default_rng(11)
    damaged = []
    for index in range(300):
        copy = list(code)
        copy[rng.integers(len(copy))] ^= 1 << int(rng.integers(8))
        damaged.append(entry("brush", {"rle": copy[: rng.integers(1, len(copy) + 1)]}, str(index)))
    export = read(*damaged)
    dropped = export.problems["dropped"].to_pylist().count(True)
    assert len(export.regions) + dropped == len(damaged)
    assert dropped > 200
    assert np.isfinite(lg.area(export.regions)).all()
