"""How many regions must come out of an export, as rows or as problems, counted from its JSON alone."""

from __future__ import annotations

import json

from reference_shapes import KINDS
from reference_values import ANSWERS, Row, is_annotation, number_or_none, text_or_none

DRAWN = "points x y width height radiusX radiusY rotation rle imageDataURL vertices".split()


def drawing(entry: Row) -> object:
    """What says where a border runs."""
    value, tool = entry.get("value"), KINDS[entry["type"]]
    drawn = None
    if isinstance(value, dict):
        drawn = {key: json.dumps(value[key]) for key in DRAWN if key in value}
    sizes = [number_or_none(entry.get(name)) for name in ("original_width", "original_height")]
    return tool, sizes, drawn


def candidates(whole: object) -> int:
    """How many rows and dropped problems must come out of parsed JSON.

    * In each list of annotations, predictions or drafts, each object with a ``result`` list: its entries that are
      objects are grouped by ``id`` (a text, or a number by its digits; an entry without one stands alone).

      - A group with an entry of a known kind is one region, plus one loss for every further such entry that draws
        something else (another kind, image size, or other points, position, size, rotation, pixels, vertices).
      - A group without one is a region of an unknown kind, unless all of it are relations or all of it are answers.
      - A list among the entries (before Label Studio 1.0) is counted on its own in the same way; an empty one is lost.

    * One loss each, because what was in it cannot be known: an entry of a ``result`` that is no object, a ``result``
      that is neither a list nor null, an annotation that is no object (a prediction or draft may be a whole number,
      its id), a list of annotations, predictions or drafts that is neither a list nor null, and an element of the whole
      that is no object.
    """
    count = 0
    for one in whole if isinstance(whole, list) else [whole]:
        if is_annotation(one):
            count += in_result(one["result"])
            continue
        count += not isinstance(one, dict)
        for key in ("annotations", "completions", "predictions", "drafts") if isinstance(one, dict) else ():
            items = one.get(key)
            if not isinstance(items, list):
                count += items is not None
                continue
            for item in items:
                if isinstance(item, dict):
                    count += in_result(item.get("result"))
                else:
                    count += key in ("annotations", "completions") or not is_id(item)
    return count


def in_result(result: object, *, inner: bool = False) -> int:
    if result is None:
        return 0
    if not isinstance(result, list):
        return 1
    count = 0
    if not inner:
        # Before Label Studio 1.0 results were lists of lists, each with ids of its own; an empty one is something lost.
        lists = [item for item in result if isinstance(item, list)]
        count = sum(in_result(one, inner=True) if one else 1 for one in lists)
        result = [item for item in result if not isinstance(item, list)]
    groups: dict[object, list[Row]] = {}
    for index, entry in enumerate(result):
        if not isinstance(entry, dict):
            count += 1
            continue
        name = text_or_none(entry.get("id"))
        groups.setdefault(index if name is None else name, []).append(entry)
    for group in groups.values():
        kinds = [text_or_none(entry.get("type")) for entry in group]
        shapes = [entry for entry, kind in zip(group, kinds, strict=True) if kind in KINDS]
        if shapes:
            count += 1 + sum(drawing(shape) != drawing(shapes[0]) for shape in shapes[1:])
        else:
            count += not (set(kinds) == {"relation"} or set(kinds) <= ANSWERS)
    return count


def is_id(value: object) -> bool:
    """A whole number of 64 bits, also written as 7.0 where a double is still exact."""
    if isinstance(value, float):
        return value.is_integer() and abs(value) < 9e15
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
