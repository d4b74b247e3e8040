"""Seeded damage to exports: to the parsed tree, which is written as JSON again, and to the bytes of a file."""

from __future__ import annotations

import base64
import copy
import json
import random
from typing import Any

Json = Any
Row = dict[str, Any]
Path = tuple[Any, ...]


class Raw(str):
    """Characters that stand in the file as they are."""

    __slots__ = ()


class Twice(dict[str, Any]):
    """An object whose first key comes again at its end, with another value before."""

    first: tuple[str, Json]


def dumps(node: Json) -> str:
    """JSON with `Raw` and `Twice` in it."""
    if isinstance(node, Raw):
        return str(node)
    if isinstance(node, dict):
        pairs = [*([node.first] if isinstance(node, Twice) else []), *node.items()]
        return "{" + ",".join(f"{json.dumps(key)}:{dumps(value)}" for key, value in pairs) + "}"
    if isinstance(node, list):
        return "[" + ",".join(map(dumps, node)) + "]"
    return json.dumps(node)


DELETE = object()
VALUES: list[Json] = [
    *(None, True, False, 0, 1, -1, 7.0, 0.5, -3.25, 200, 100_000, 2**31, 2**63, 10**30, 1e300, 5e-324),
    *("", "x", "7", "1e5", "\ud800", "é" * 300, "2026-01-05T08:00:00Z", "2026-13-45T99:00:00Z", "a@example.org"),
    *([], {}, [None], [1], ["x"], [[]], [{}], [[1, 2]], {"id": 1}, {"id": "x", "type": "polygon"}, [[[[[[1]]]]]]),
    *(Raw("1e400"), Raw("-1e400"), Raw("1" * 400), Raw("-0"), Raw("1E-400"), Raw("[" * 400 + "]" * 400)),
]
TYPES = [
    *("polygonlabels", "polygon", "rectanglelabels", "ellipse", "brushlabels", "brush", "bitmask", "bitmasklabels"),
    *("vector", "vectorlabels", "keypointlabels", "keypoint", "labels", "choices", "number", "textarea", "relation"),
    *("rating", "taxonomy", "datetime", "pairwise", "magicwand", "videorectangle", "hypertextlabels", "", "POLYGON"),
]


def places(node: Json, path: Path = ()) -> list[Path]:
    """The way to every node below this one; long lists of plain numbers are shortened, they are all alike."""
    found: list[Path] = []
    if isinstance(node, dict):
        keys: Any = list(node)
    elif isinstance(node, list):
        keys = range(len(node) if len(node) < 12 else 3)
    else:
        return found
    for key in keys:
        found += [(*path, key), *places(node[key], (*path, key))]
    return found


def at(tree: Json, path: Path) -> Json:
    """The node at the end of a path."""
    for key in path:
        tree = tree[key]
    return tree


def replace(tree: Json, path: Path, value: Json) -> None:
    """Put something else at the end of a path, or take away what is there."""
    node = at(tree, path[:-1])
    if value is DELETE:
        del node[path[-1]]
    else:
        node[path[-1]] = copy.deepcopy(value)


def damage_tree(tree: Json, rng: random.Random) -> str:
    """Damage one thing somewhere, and say what."""
    found = places(tree)
    if not found:
        return "nothing"
    path = rng.choice(found)
    node = at(tree, path)
    match rng.randrange(10):
        case 0:
            replace(tree, path, DELETE)
        case 1 | 2 | 3:
            replace(tree, path, rng.choice(VALUES))
        case 4:  # something from elsewhere
            replace(tree, path, at(tree, rng.choice(found)))
        case 5:
            return damage_field(tree, rng, "type", rng.choice(TYPES))
        case 6:  # swapped or missing ids
            ids = [p for p in found if p[-1] == "id"]
            replace(tree, rng.choice(ids), at(tree, rng.choice(ids))) if ids else None
        case 7:
            return damage_mask(tree, rng)
        case 8:  # a key that comes twice
            owner = at(tree, path[:-1])
            if isinstance(owner, dict) and owner and len(path) > 1:
                twice = Twice(owner)
                twice.first = (path[-1], copy.deepcopy(rng.choice(VALUES)))
                replace(tree, path[:-1], twice)
                at(tree, path[:-1]).first = twice.first
        case _:  # out of range, or the same again
            if isinstance(node, int | float) and not isinstance(node, bool):
                replace(tree, path, node * rng.choice((-1, 50, 1e6, 1e300)))
            elif isinstance(node, list) and node:
                node.insert(rng.randrange(len(node) + 1), copy.deepcopy(rng.choice(node)))
            else:
                replace(tree, path, None)
    return repr(path)


def damage_field(tree: Json, rng: random.Random, name: str, value: Json) -> str:
    """Replace one of the fields of this name."""
    found = [path for path in places(tree) if path[-1] == name]
    if found:
        replace(tree, rng.choice(found), value)
    return name


def damage_mask(tree: Json, rng: random.Random) -> str:
    """Damage run lengths or a PNG."""
    found = [path for path in places(tree) if path[-1] in ("rle", "imageDataURL")]
    if not found:
        return "no mask"
    path = rng.choice(found)
    node = at(tree, path)
    if isinstance(node, list) and all(type(byte) is int for byte in node):
        raw = bytearray(byte & 255 for byte in node)
        replace(tree, path, list(damage_bytes(bytes(raw), rng)))
    elif isinstance(node, str) and "," in node:
        head, packed = node.split(",", 1)
        try:
            raw = bytearray(base64.b64decode(packed))
        except ValueError:
            return "no base64"
        replace(tree, path, head + "," + base64.b64encode(damage_bytes(bytes(raw), rng)).decode())
    return repr(path)


def damage_bytes(raw: bytes, rng: random.Random) -> bytes:
    """Flip, cut, insert, or repeat somewhere."""
    if not raw:
        return raw
    start = rng.randrange(len(raw))
    end = min(len(raw), start + rng.choice((1, 1, 2, 5, 50, 2000)))
    match rng.randrange(6):
        case 0:
            return raw[:start] + bytes([raw[start] ^ (1 << rng.randrange(8))]) + raw[start + 1 :]
        case 1:
            return raw[:start] + raw[end:]
        case 2:
            return raw[:start]
        case 3:
            return raw[:start] + rng.randbytes(end - start) + raw[start:]
        case 4:
            return raw[:end] + raw[start:end] * rng.choice((1, 2, 20)) + raw[end:]
        case _:
            return raw[:start] + rng.choice((b'"', b"{", b"}", b"[", b"]", b",", b"\\", b"\xff", b"\0")) + raw[start:]
