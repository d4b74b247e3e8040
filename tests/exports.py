"""Seeded Label Studio exports with everything in them, written without any part of the package.

`tasks` makes the parsed tree, the other functions write it down: in other words of JSON, or in another container.
"""

from __future__ import annotations

import base64
import copy
import gzip
import json
import math
import random
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Json = Any
Row = dict[str, Any]
Mask = npt.NDArray[np.bool_]

KINDS = ("polygon", "rectangle", "ellipse", "brush", "bitmask", "vector", "line", "keypoint")
LABELS = ("nevus", "mélanome", "other 😀", 'quo"ted', "a/b\\c")
STATUSES = ("new", "stable", "enlarged")
CONFIG = """<View>
  <Image name="image" valueList="$images"/>
  <PolygonLabels name="lesion" toName="image"><Label value="nevus"/><Label value="other" alias="o"/></PolygonLabels>
  <RectangleLabels name="box" toName="image"><Label value="nevus"/></RectangleLabels>
  <Number name="track_id" toName="image" perRegion="true"/>
  <Choices name="lesion_status" toName="image" perRegion="true"><Choice value="new"/><Choice value="stable"/></Choices>
  <TextArea name="notes" toName="image" perRegion="true"/>
  <Choices name="visit_assessment" toName="image" perItem="true"><Choice value="worse"/></Choices>
  <Rating name="quality" toName="image"/>
</View>"""


# Run lengths and PNG


def rle(values: Sequence[int], *, lengths: tuple[int, int, int, int] = (3, 4, 8, 16), word: int = 8) -> list[int]:
    """Run lengths of any values: repeated runs, and single values between them put together."""
    bits = [f"{len(values):032b}{word - 1:05b}", *(f"{size - 1:04b}" for size in lengths)]
    at = 0
    while at < len(values):
        end = at + 1
        while end < len(values) and values[end] == values[at]:
            end += 1
        if end - at == 1:  # up to four single values in one run of their own
            while end < len(values) and end - at < 4 and (end + 1 == len(values) or values[end] != values[end + 1]):
                end += 1
        same = len(set(values[at:end])) == 1
        end = min(end, at + (1 << lengths[-1]))
        choice = next(k for k, size in enumerate(lengths) if end - at <= 1 << size)
        bits.append(f"{int(same)}{choice:02b}{end - at - 1:0{lengths[choice]}b}")
        bits += [f"{value:0{word}b}" for value in (values[at : at + 1] if same else values[at:end])]
        at = end
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return [int(text[k : k + 8], 2) for k in range(0, len(text), 8)]


def brush_values(mask: Mask, rng: random.Random) -> list[int]:
    """R, G, B, A of a mask, with borders that are not quite opaque now and then."""
    soft = rng.random() < 0.3
    values = []
    for inside in mask.ravel().tolist():
        alpha = (rng.choice((255, 255, 200, 1)) if soft else 255) if inside else 0
        values += [0, 0, 0, alpha] if not soft or not inside else [12, 200, 7, alpha]
    return values


def chunk(name: bytes, body: bytes) -> bytes:
    """One part of a PNG."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(mask: Mask, rng: random.Random, form: str = "rgba") -> bytes:
    """A mask as black on transparent, in one of the forms that can say so, each row with a filter of its own."""
    height, width = mask.shape
    opaque = mask.astype(np.uint8) * 255
    clear = b""
    if form == "rgba":
        kind, depth, rows = 6, 8, np.dstack([np.zeros((height, width, 3), np.uint8), opaque]).reshape(height, -1)
    elif form == "rgba16":
        kind, depth = 6, 16
        rows = np.dstack([np.zeros((height, width, 6), np.uint8), opaque, opaque]).reshape(height, -1)
    elif form == "grey":
        kind, depth, rows = 4, 8, np.dstack([np.zeros_like(opaque), opaque]).reshape(height, -1)
    else:  # a palette of two colours
        kind, depth, rows = 3, 1, np.packbits(mask, axis=1)
        clear = chunk(b"PLTE", bytes(6)) + chunk(b"tRNS", bytes([0, 255]))
    packed = zlib.compress(filtered(rows, max(1, {6: 4, 4: 2, 3: 1}[kind] * depth // 8), rng))
    cut = rng.randrange(len(packed) + 1)
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    parts = [chunk(b"IHDR", header), clear, chunk(b"IDAT", packed[:cut]), chunk(b"IDAT", packed[cut:])]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def filtered(rows: npt.NDArray[np.uint8], step: int, rng: random.Random) -> bytes:
    """Rows as PNG packs them."""
    done = bytearray()
    before = [0] * rows.shape[1]
    for line in rows.tolist():
        how = rng.randrange(5)
        done.append(how)
        for x, value in enumerate(line):
            left, up = line[x - step] if x >= step else 0, before[x]
            corner = before[x - step] if x >= step else 0
            guess = left + up - corner
            nearest = min((left, up, corner), key=lambda v: abs(guess - v))
            done.append((value - (0, left, up, (left + up) // 2, nearest)[how]) & 255)
        before = line
    return bytes(done)


def data_url(image: bytes) -> str:
    """An image in its own address."""
    return "data:image/png;base64," + base64.b64encode(image).decode()


def blob(rng: random.Random, width: int, height: int) -> Mask:
    """A mask: disks with holes, loose pixels, pixels that meet at corners only, whole rows, everything."""
    y, x = np.mgrid[:height, :width]
    mask = np.zeros((height, width), dtype=bool)
    for _ in range(rng.randint(1, 3)):
        cx, cy, r = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.6, max(width, height) / 2)
        far = np.hypot(x + 0.5 - cx, y + 0.5 - cy)
        mask |= (far < r) & (far > r * rng.choice((0, 0, 0.5)))
    style = rng.random()
    if style < 0.2:
        mask = np.random.default_rng(rng.randrange(1 << 30)).random((height, width)) < rng.choice((0.2, 0.5, 0.8))
    elif style < 0.3:
        mask = (x + y) % 2 == 0
    elif style < 0.35:
        mask[:] = True
    elif style < 0.45:
        mask[rng.randrange(height)] = True
    elif style < 0.47:
        mask[:] = False
    if not mask.any() and rng.random() < 0.8:
        mask[rng.randrange(height), rng.randrange(width)] = True
    return mask


# Regions


def star(rng: random.Random, count: int) -> list[list[float]]:
    """Percent coordinates of a polygon that does not cross itself."""
    cx, cy, size = rng.uniform(20, 80), rng.uniform(20, 80), rng.uniform(3, 15)
    turns = sorted(rng.uniform(0, 2 * math.pi) for _ in range(count))
    radii = [size * rng.uniform(0.5, 1) for _ in turns]
    return [[cx + r * math.cos(t), cy + r * math.sin(t)] for r, t in zip(radii, turns, strict=True)]


def vertices(rng: random.Random, curved: bool) -> list[Row]:
    """Points of a vector around a centre; handles of curved ones lie along the way, of any length."""
    ring = star(rng, rng.randint(3, 7))
    found: list[Row] = []
    for k, (x, y) in enumerate(ring):
        (ax, ay), (bx, by) = ring[k - 1], ring[(k + 1) % len(ring)]
        point: Row = {"id": f"p{k}", "prevPointId": f"p{k - 1}" if k else None, "x": x, "y": y, "isBezier": False}
        if curved and rng.random() < 0.7:
            pull = rng.uniform(0.05, 0.3)
            point["isBezier"] = True
            point["controlPoint1"] = {"x": x - pull * (bx - ax), "y": y - pull * (by - ay)}
            point["controlPoint2"] = {"x": x + pull * (bx - ax), "y": y + pull * (by - ay)}
        found.append(point)
    return found


def shape(rng: random.Random, kind: str, width: int, height: int) -> Row:
    """The value of a region, without its labels."""
    match kind:
        case "polygon":
            points = star(rng, rng.randint(3, 12))
            if rng.random() < 0.2:
                points.append(list(points[0]))
            return {"points": points, "closed": rng.random() > 0.1}
        case "rectangle":
            size = {"width": rng.uniform(1, 40), "height": rng.uniform(1, 40)}
            return {"x": rng.uniform(0, 60), "y": rng.uniform(0, 60), **size, "rotation": rng.choice((0, 0, 90, 33.3))}
        case "ellipse":
            size = {"radiusX": rng.uniform(1, 20), "radiusY": rng.uniform(1, 20)}
            return {"x": rng.uniform(20, 80), "y": rng.uniform(20, 80), **size, "rotation": rng.choice((0, 45, 300.5))}
        case "brush":
            lengths = rng.choice(((3, 4, 8, 16), (1, 2, 5, 9), (2, 7, 12, 14)))
            return {"format": "rle", "rle": rle(brush_values(blob(rng, width, height), rng), lengths=lengths)}
        case "bitmask":
            form = rng.choice(("rgba", "rgba", "rgba16", "grey", "palette"))
            return {"imageDataURL": data_url(png(blob(rng, width, height), rng, form))}
        case "vector":
            return {"vertices": vertices(rng, rng.random() < 0.7), "closed": True}
        case "line":
            return {"vertices": vertices(rng, rng.random() < 0.5), "closed": False}
        case _:
            return {"x": rng.uniform(0, 100), "y": rng.uniform(0, 100), "width": rng.uniform(0.1, 2)}


def region(rng: random.Random, kind: str, region_id: str, page: int | None, size: tuple[int, int]) -> list[Row]:
    """All entries of one region: the shape with or without labels, then its controls in any order."""
    tool = "vector" if kind == "line" else kind
    value = shape(rng, kind, *size)
    labels = rng.sample(LABELS, rng.choice((0, 1, 1, 1, 2, 3)))
    common: Row = {"original_width": size[0], "original_height": size[1], "image_rotation": 0, "id": region_id}
    common |= {"to_name": "image", "origin": rng.choice(("manual", "prediction", "prediction-changed"))}
    if page is not None:
        common["item_index"] = page
    if rng.random() < 0.2:
        common["meta"] = {"text": rng.choice((["one"], ["two", "notes"], ["línea\nnueva"]))}
    if rng.random() < 0.2:
        common["score"] = round(rng.random(), 3)
    if rng.random() < 0.1:
        common["readonly"] = True

    def one(name: str, kind_: str, field: str, answer: Json) -> Row:
        repeated = copy.deepcopy(value)
        return {**common, "from_name": name, "type": kind_, "value": mixed({**repeated, field: answer}, rng)}

    style = rng.random()
    if style < 0.65:
        entries = [one(f"{tool}_tool", f"{tool}labels", f"{tool}labels", labels)]
    else:
        bare = rng.choice((tool, "magicwand")) if tool == "brush" else tool
        entries = [{**common, "from_name": f"{bare}_bare", "type": bare, "value": copy.deepcopy(value)}]
        if style < 0.9:
            entries.append(one("any_label", "labels", "labels", labels))
    controls = [
        ("track_id", "number", "number", rng.choice((1, 2, 3.0, 17))),
        ("lesion_status", "choices", "choices", [rng.choice(STATUSES)]),
        ("several", "choices", "choices", rng.sample(("a", "b", "ç"), 2)),
        ("notes", "textarea", "text", rng.choice((["one line"], ["first", "second"], ["tab\tand 😀"]))),
        ("sure", "rating", "rating", rng.randint(1, 5)),
        ("site", "taxonomy", "taxonomy", [["arm", "left"], ["leg"]][: rng.randint(1, 2)]),
        ("seen", "datetime", "datetime", "2026-01-05T10:00"),
    ]
    chosen = rng.sample(controls, rng.choice((0, 2, 3, len(controls))))
    answers = [one(*control) for control in chosen]
    if rng.random() < 0.3:
        return rng.sample(entries + answers, len(entries + answers))
    return entries + answers


def answer(rng: random.Random, name: str, kind: str, field: str, value: Json, page: int | None = None) -> Row:
    """An answer that belongs to no region."""
    made: Row = {"id": fresh(rng), "from_name": name, "to_name": "image", "type": kind, "value": {field: value}}
    if page is not None:
        made["item_index"] = page
    return made


def fresh(rng: random.Random) -> str:
    """An id as the editor makes them."""
    return "".join(rng.choices("abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNOPQRSTUVWXYZ0123456789_-", k=10))


def result(
    rng: random.Random, sizes: list[tuple[int, int]], several: bool, kinds: Sequence[str], most: int
) -> list[Row]:
    """The result of one annotation."""
    entries: list[Row] = []
    ids: list[str] = []
    for _ in range(rng.randint(0, most)):
        page = rng.randrange(len(sizes))
        region_id = fresh(rng)
        made = region(rng, rng.choice(kinds), region_id, page if several else None, sizes[page])
        if ids and rng.random() < 0.2:
            parent = rng.choice(ids)
            for entry in made:
                entry["parentID"] = parent
        ids.append(region_id)
        entries += made
    for page in range(len(sizes)) if several else ():
        if rng.random() < 0.6:
            entries.append(answer(rng, "visit_assessment", "choices", "choices", [rng.choice(("worse", "same"))], page))
        if rng.random() < 0.3:
            entries.append(answer(rng, "page_notes", "textarea", "text", ["n", "m"], page))
    for made in (
        answer(rng, "quality", "rating", "rating", rng.randint(1, 5)),
        answer(rng, "age", "number", "number", rng.uniform(0, 99)),
        answer(rng, "history", "taxonomy", "taxonomy", [["a", "b"]]),
        answer(rng, "on", "datetime", "datetime", "2026-02-03"),
    ):
        if rng.random() < 0.3:
            entries.append(made)
    if len(ids) > 1 and rng.random() < 0.5:
        ends = rng.sample(ids, 2)
        link: Row = {"type": "relation", "from_id": ends[0], "to_id": ends[1], "direction": rng.choice(("left", "bi"))}
        if rng.random() < 0.5:
            link["labels"] = ["same lesion"]
        entries.append(link)
    return entries


# Tasks


def tasks(seed: int, count: int = 6, *, kinds: Sequence[str] = KINDS, regions: int = 5) -> list[Row]:
    """So many tasks; people are ids, predictions and drafts are objects."""
    rng = random.Random(seed)
    return [task(rng, 100 + k, kinds, regions) for k in range(count)]


def task(rng: random.Random, task_id: int, kinds: Sequence[str], most: int) -> Row:
    """One task of one to three pages."""
    pages = rng.randint(1, 3)
    several = pages > 1 or rng.random() < 0.5
    sizes = [rng.choice(((40, 30), (64, 48), (33, 57))) for _ in range(pages)]
    query = "?X-Amz-Signature=abc&X-Amz-Date=1" if rng.random() < 0.3 else ""
    images = [f"https://images.example.org/P{task_id}/visit {k}.jpg{query}" for k in range(pages)]
    data: Row = {"patient_id": f"P{task_id}", "images" if several else "image": images if several else images[0]}
    data |= {"visit_dates": [f"2025-0{k + 1}-15" for k in range(pages)], "days": [30.5 * k for k in range(pages)]}
    data |= {"spacing_mm": [0.1 * (k + 1) for k in range(pages)], "nested": {"deep": [[1, None, {"ü": "\u2028"}]]}}
    people = rng.sample((1, 2, 3, 12), rng.randint(0, 3))

    def times() -> Row:
        start = f"2026-01-{rng.randint(1, 28):02d}T10:00:{rng.randint(0, 59):02d}"
        return {"created_at": start + rng.choice((".123456Z", "Z", "+02:00")), "updated_at": start + ".654321Z"}

    made: list[Row] = []
    for k, person in enumerate(people):
        style = rng.random()
        found = [] if style < 0.2 else result(rng, sizes, several, kinds, most)
        more: Row = {"was_cancelled": style < 0.1, "ground_truth": rng.random() < 0.2, "lead_time": rng.uniform(1, 99)}
        more |= {"parent_prediction": rng.choice((None, 4)), "parent_annotation": rng.choice((None, 9))}
        made.append({"id": 10 * task_id + k, "completed_by": person, "result": found, **times(), **more})
    predictions: list[Json] = []
    if rng.random() < 0.5:
        found = result(rng, sizes, several, kinds, 2)
        more = {"model_version": "seg-v1", "score": rng.random()}
        predictions.append({"id": 10 * task_id + 8, "result": found, **times(), **more})
    drafts: list[Json] = []
    if rng.random() < 0.3:
        drafts.append({"id": 10 * task_id + 9, "user": 3, "result": result(rng, sizes, several, kinds, 1), **times()})
    if rng.random() < 0.2:
        predictions.append(77)
    return {
        "id": task_id,
        "inner_id": task_id - 99,
        "annotations": made,
        "predictions": predictions,
        "drafts": drafts,
        "data": data,
        "meta": {},
        "total_annotations": len(made),
    }


# Other words for the same


def mixed(node: Json, rng: random.Random, *, deep: bool = False) -> Json:
    """The keys in another order; with ``deep`` those of everything inside too."""
    if isinstance(node, list):
        return [mixed(item, rng, deep=True) for item in node] if deep else node
    if not isinstance(node, dict):
        return node
    items = [(key, mixed(value, rng, deep=True) if deep else value) for key, value in node.items()]
    rng.shuffle(items)
    return dict(items)


def odd_json(node: Json, rng: random.Random) -> str:
    """Legal JSON as nobody writes it: space anywhere, escapes nobody needs, numbers in other words."""
    gap = rng.choice(("", "", " ", "\n\t", "\r\n  "))
    if isinstance(node, dict):
        parts = [f"{gap}{odd_text(key, rng)}{gap}:{gap}{odd_json(value, rng)}{gap}" for key, value in node.items()]
        return "{" + (",".join(parts) or gap) + "}"
    if isinstance(node, list):
        return "[" + (",".join(f"{gap}{odd_json(item, rng)}{gap}" for item in node) or gap) + "]"
    if isinstance(node, str):
        return odd_text(node, rng)
    if isinstance(node, float):
        return odd_number(node, rng)
    return json.dumps(node)


def odd_text(text: str, rng: random.Random) -> str:
    """A text with some characters as escapes, those beyond 16 bits as surrogates."""
    done = []
    for character in text:
        if rng.random() < 0.9:
            done.append(json.dumps(character, ensure_ascii=rng.random() < 0.5)[1:-1])
        elif character == "/":
            done.append("\\/")
        else:
            units = character.encode("utf-16-be")
            for k in range(0, len(units), 2):
                form = "\\u{:04x}" if rng.random() < 0.5 else "\\u{:04X}"
                done.append(form.format(int.from_bytes(units[k : k + 2], "big")))
    return f'"{"".join(done)}"'


def odd_number(value: float, rng: random.Random) -> str:
    """The same double in other digits."""
    forms = [repr(value), f"{value:.17e}", f"{value:.25f}" if abs(value) < 1e6 else repr(value), f"{value:.16E}"]
    form = rng.choice([form for form in forms if float(form) == value])
    return form.replace("e+", "e") if rng.random() < 0.5 else form


# Containers


def as_list(made: list[Row], rng: random.Random) -> list[bytes]:
    """The usual export."""
    return [json.dumps(made, ensure_ascii=rng.random() < 0.5).encode()]


def as_odd_list(made: list[Row], rng: random.Random) -> list[bytes]:
    """The usual export in unusual words."""
    return [odd_json(mixed(made, rng, deep=True), rng).encode()]


def as_single_tasks(made: list[Row], rng: random.Random) -> list[bytes]:
    """A file for each task."""
    return [json.dumps(one, indent=rng.choice((None, 2))).encode() for one in made]


def as_lines(made: list[Row], rng: random.Random) -> list[bytes]:
    """A line for each task."""
    return [rng.choice(("\n", "\r\n")).join(json.dumps(one, ensure_ascii=False) for one in made).encode() + b"\n"]


def as_annotations(made: list[Row], _: random.Random) -> list[bytes]:
    """A file for each annotation, as a target storage gets them: the task is an object inside."""
    files = []
    for one in made:
        around = {key: value for key, value in one.items() if key not in ("annotations", "predictions", "drafts")}
        files += [json.dumps({**annotation, "task": around}).encode() for annotation in one["annotations"]]
    return files


def as_snapshot(made: list[Row], _: random.Random) -> list[bytes]:
    """People as objects."""
    made = copy.deepcopy(made)
    for one in made:
        for item in one["annotations"]:
            number = item["completed_by"]
            item["completed_by"] = {
                "id": number,
                "email": f"u{number}@example.org",
                "first_name": "A",
                "last_name": "B",
            }
    return [json.dumps(made).encode()]


def as_easy(made: list[Row], _: random.Random) -> list[bytes]:
    """Predictions and drafts as their ids alone."""
    made = copy.deepcopy(made)
    for one in made:
        for key in ("predictions", "drafts"):
            one[key] = [item["id"] if isinstance(item, dict) else item for item in one[key]]
    return [json.dumps(made).encode()]


def as_completions(made: list[Row], _: random.Random) -> list[bytes]:
    """The names from before 1.0."""
    old = []
    for one in copy.deepcopy(made):
        one["completions"] = one.pop("annotations")
        for item in one["completions"]:
            item["skipped"] = item.pop("was_cancelled")
        old.append(one)
    return [json.dumps(old).encode()]


def as_gzip(made: list[Row], rng: random.Random) -> list[bytes]:
    """Packed, in two members."""
    (raw,) = as_list(made, rng)
    return [gzip.compress(raw[: len(raw) // 2]) + gzip.compress(raw[len(raw) // 2 :])]


def as_zstd(made: list[Row], rng: random.Random) -> list[bytes]:
    """Packed the newer way."""
    (raw,) = as_list(made, rng)
    return [bytes(pa.Codec("zstd").compress(raw, asbytes=True))]


Container = Callable[[list[Row], random.Random], list[bytes]]
CONTAINERS: dict[str, Container] = {
    "list": as_list,
    "odd list": as_odd_list,
    "single tasks": as_single_tasks,
    "lines": as_lines,
    "single annotations": as_annotations,
    "snapshot": as_snapshot,
    "easy": as_easy,
    "completions": as_completions,
    "gzip": as_gzip,
    "zstd": as_zstd,
}
