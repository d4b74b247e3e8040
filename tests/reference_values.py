"""Values of Label Studio's JSON for the plain reader: numbers, texts, times, people, addresses, answers."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

Row = dict[str, Any]

# Entry types that answer a question; alone under an id they concern a page or a task, not a region.
ANSWERS = {"choices", "number", "textarea", "rating", "taxonomy", "datetime", "pairwise", "ranker"}
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".svg", ".dcm")


class UnreadableError(Exception):
    """The geometry of a region cannot be read."""


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def number(value: object) -> float:
    """A finite JSON number, not a bool and not a text."""
    if not is_number(value):
        raise UnreadableError(f"not a finite number: {value!r}")
    return float(value)  # type: ignore[arg-type]


def number_or_none(value: object) -> float | None:
    return number(value) if is_number(value) else None


def whole_or_none(value: object) -> int | None:
    return int(value) if is_number(value) and float(value).is_integer() else None  # type: ignore[arg-type, call-overload]


def text_or_none(value: object) -> str | None:
    """A text, or a number by its digits."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return value if isinstance(value, str) else json.dumps(value)


def timestamp(value: object) -> datetime | None:
    """An ISO time in UTC; None where there is none."""
    if not isinstance(value, str) or not value:
        return None
    time = datetime.fromisoformat(value)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def annotator_of(completed_by: object) -> str | None:
    """The user id as text, from a plain id or an object with one; None when the user was deleted."""
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("id", completed_by.get("email"))
    return None if completed_by is None else str(completed_by)


def listed(texts: Sequence[str]) -> str | None:
    """One text by itself, several as a JSON list without spaces, none as nothing."""
    if len(texts) < 2:
        return texts[0] if texts else None
    return json.dumps(list(texts), ensure_ascii=False, separators=(",", ":"))


def texts_of(value: object) -> list[str]:
    """A text or a list of them."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str)]


# Addresses and images


def bare(address: str) -> str:
    """An address without its query, which may sign a request; of a local file the query says which."""
    if "://" not in address and not address.startswith("/") and not is_image(address):
        return address
    if "?" not in address and "#" not in address:
        return address
    split = urlsplit(address)
    local = [part for part in split.query.split("&") if part.startswith("d=")]
    kept = f"?{local[0]}" if local and split.path.endswith("/local-files/") else ""
    return address.partition("#")[0].partition("?")[0] + kept


def without_queries(node: Any) -> Any:
    """The same JSON with every address bare."""
    if isinstance(node, dict):
        return {key: without_queries(value) for key, value in node.items()}
    if isinstance(node, list):
        return [without_queries(value) for value in node]
    return bare(node) if isinstance(node, str) else node


def is_image(text: str) -> bool:
    return text.lower().split("?")[0].split("#")[0].endswith(IMAGE_ENDINGS)


def images_of(data: object) -> list[str]:
    """The images of a task, without queries."""
    values = list(data.values()) if isinstance(data, dict) else []
    for value in values:
        if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            continue
        if all("://" in item or item.startswith("/") or is_image(item) for item in value):
            return [bare(item) for item in value]
    for value in values:
        if isinstance(value, str) and ("://" in value or value.startswith("/") or is_image(value)):
            return [bare(value)]
    return []


def number_of_images(data: object) -> int:
    """Length of the first data field that is a list of image paths; 1 where no field is."""
    for value in data.values() if isinstance(data, dict) else ():
        if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            continue
        if all("/" in item or is_image(item) for item in value):
            return len(value)
    return 1


def page_or_none(entry: Row) -> int | None:
    """``item_index`` at the top level of an entry, else in its value."""
    value = entry.get("value")
    inner = value.get("item_index") if isinstance(value, dict) else None
    for index in (entry.get("item_index"), inner):
        if isinstance(index, int) and not isinstance(index, bool):
            return index
    return None


def page_of(entry: Row) -> int:
    """The page of an entry, else 0."""
    return page_or_none(entry) or 0


# Labels and controls


def labels_of(entries: list[Row]) -> list[str]:
    """All labels of all entries of a region: the list that is named like the entry's type."""
    found: list[str] = []
    for entry in entries:
        kind, value = entry.get("type"), entry.get("value")
        if isinstance(kind, str) and kind.endswith("labels") and isinstance(value, dict):
            found += texts_of(value.get(kind))
    return list(dict.fromkeys(found))


def answer_of(entry: Row) -> float | str | list[str] | None:
    """What an entry answers: a number, a text, several texts, or the JSON of a tree."""
    kind, value = entry.get("type"), entry.get("value")
    if not isinstance(value, dict) or kind not in ANSWERS:
        return None
    given = value.get("text" if kind == "textarea" else kind)
    if kind in ("number", "rating"):
        if isinstance(given, str):
            try:
                given = float(given)
            except ValueError:
                return None
        return number_or_none(given)
    if kind in ("taxonomy", "ranker"):
        return json.dumps(given, ensure_ascii=False) if given else None
    texts = texts_of(given)
    return (texts[0] if len(texts) == 1 else texts) if texts else None


def controls_of(entries: list[Row]) -> dict[str, float | str | list[str]]:
    """Answers given for the region, by control name; a single text stands alone, several are a list."""
    found: dict[str, float | str | list[str]] = {}
    for entry in entries:
        name, answer = entry.get("from_name"), answer_of(entry)
        if isinstance(name, str) and answer is not None:
            found[name] = answer
    return found


def same_answer(got: object, expected: float | str | list[str] | None) -> bool:
    """Whether a value of the package's column says the same; lists and trees are JSON there."""
    if isinstance(expected, list):
        return isinstance(got, str) and json.loads(got) == expected
    if isinstance(expected, str) and isinstance(got, str) and expected[:1] in ("[", "{"):
        return bool(json.loads(got) == json.loads(expected))
    return got == expected


def note_of(entries: list[Row]) -> str | None:
    """``meta.text`` of a region; the editor repeats it in every entry."""
    for entry in entries:
        meta = entry.get("meta")
        if isinstance(meta, dict) and texts_of(meta.get("text")):
            return listed(texts_of(meta["text"]))
    return None


def is_annotation(item: object) -> bool:
    """Whether this is an annotation with its task inside, not a task with its annotations."""
    return isinstance(item, dict) and "result" in item and "task" in item and "data" not in item
