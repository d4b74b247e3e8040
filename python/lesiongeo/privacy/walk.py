"""Walks over parsed tasks, as they stand in the file, and looks at every text and at the numbers of data fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .fields import kind_of_field, shown_field
from .patterns import Hit, hits, masked
from .pseudonyms import DIGITS, KINDS
from .stream import Repeated

__all__ = ["Place", "Walk", "is_address"]

#: Keys that the server fills with words of its own, numbers and ids.
_TASK_KEYS = frozenset(
    "id inner_id project allow_skip total_annotations cancelled_annotations total_predictions comment_count overlap "
    "unresolved_comment_count is_labeled updated_by comment_authors last_comment_updated_at annotators "
    "precomputed_agreement agreement avg_lead_time".split()
)
_ANNOTATION_KEYS = frozenset(
    "id was_cancelled ground_truth lead_time result_count unique_id import_id last_action bulk_created project "
    "updated_by parent_prediction parent_annotation last_created_by score cluster neighbors mislabeling model "
    "model_run created_ago draft_created_at was_postponed annotation user".split()
)
_ENTRY_KEYS = frozenset(
    "id type from_name to_name original_width original_height image_rotation item_index origin score readonly parentID "
    "from_id to_id direction hidden locked".split()
)
_TIMES = frozenset("created_at updated_at draft_created_at completed_at".split())
_PARTS = {"annotations": "annotations", "predictions": "predictions", "drafts": "drafts", "results": "annotations"}
_IMAGE = re.compile(r"\.(?:jpe?g|png|tiff?|bmp|webp|gif|dcm)(?:[?#]|$)", re.I)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+$")
_ODD_ID = re.compile(r"[^\w-]")
_PSEUDONYM = re.compile(rf"(?:{'|'.join(KINDS.values())})-[0-9a-f]{{{DIGITS}}}")
PSEUDONYMS = tuple(f"{word}-" for word in KINDS.values())
#: Texts without a hit that are remembered.
MOST_KNOWN = 200_000
#: Whole numbers from here on are long.
LONG_NUMBER = 10**6
#: Years of age from beyond which Safe Harbor wants them put together.
OLDEST = 89
#: Digits of an identifier, at least.
LEAST_DIGITS = 4
#: Letters of a part of a name that is looked for elsewhere, at least.
LEAST_LETTERS = 3


@dataclass(slots=True)
class Place:
    """Where in an export something stands; None where it does not apply."""

    task: int | None = None
    page: int | None = None
    annotation: int | None = None
    region: str | None = None


def is_address(text: str) -> bool:
    """Whether a text is the address of a file, or the name of an image.

    Examples
    --------
    >>> from lesiongeo.privacy.walk import is_address
    >>> is_address("s3://bucket/a.png"), is_address("left arm.jpg"), is_address("see http://x.org")
    (True, True, False)
    """
    if "\n" in text:
        return False
    return bool(text.startswith("/") or _SCHEME.match(text) or _IMAGE.search(text))


class Walk:
    """Looks at tasks one after another.

    Parameters
    ----------
    tell : callable
        Told each finding: kind, place, path of the field, masked excerpt.
    more : callable, optional
        More hits in a text that is no address.
    """

    def __init__(
        self,
        tell: Callable[[str, Place, str, str | None], None],
        more: Callable[[str], Iterator[Hit]] | None = None,
    ) -> None:
        self.tell, self.more = tell, more
        self.place = Place()
        self.people: tuple[str, ...] = ()
        self.has_times = False
        self._clean: set[str] = set()

    def top(self, value: Any) -> None:
        """Look at an element of a file: a task, an annotation of a target storage, or anything else."""
        self.place, self.people = Place(), ()
        if isinstance(value, dict) and "result" in value and "annotations" not in value:
            self.annotation(value, "")
        elif isinstance(value, dict):
            self.task(value)
        else:
            self.other(value, "")

    def task(self, task: dict[str, Any], prefix: str = "") -> None:
        """Look at a task."""
        self.place = Place(task=_number(task.get("id")), annotation=self.place.annotation)
        data = task.get("data")
        self.people = tuple(sorted(_names(data)))
        for key, value in task.items():
            if key == "data":
                self.data(value, f"{prefix}data")
            elif key in _TIMES:
                self.has_times = self.has_times or value is not None
            elif key in _PARTS and isinstance(value, list):
                task_place = self.place
                for number, one in enumerate(value):
                    self.place = Place(task=task_place.task)
                    if isinstance(one, dict):
                        self.annotation(one, f"{prefix}{_PARTS[key]}.")
                    elif not isinstance(one, int):
                        self.other(one, f"{prefix}{key}[{number}]")
                self.place = task_place
            elif key not in _TASK_KEYS or isinstance(value, str | Repeated):
                self.data(value, f"{prefix}{shown_field(key)}", kind_of_field(key))

    def annotation(self, annotation: dict[str, Any], prefix: str) -> None:
        """Look at an annotation, a prediction or a draft."""
        task = annotation.get("task")
        if isinstance(task, dict):
            self.place = Place(annotation=_number(annotation.get("id")))
            self.task(task, f"{prefix}task.")
        elif self.place.task is None:
            self.place.task = _number(task)
        self.place = Place(task=self.place.task, annotation=_number(annotation.get("id")))
        for key, value in annotation.items():
            if key == "result" and isinstance(value, list):
                for entry in value:
                    self.entry(entry, f"{prefix}result")
            elif key in _TIMES:
                self.has_times = self.has_times or value is not None
            elif key == "task":
                continue
            elif key == "prediction" and isinstance(value, dict) and "result" in value:
                self.annotation(value, f"{prefix}prediction.")
            elif key not in _ANNOTATION_KEYS or isinstance(value, str | dict | list):
                self.other(value, f"{prefix}{shown_field(key)}")

    def entry(self, entry: Any, path: str) -> None:
        """Look at an entry of a result."""
        if not isinstance(entry, dict):
            self.other(entry, path)
            return
        region, page = entry.get("id"), entry.get("item_index")
        self.place.region = region if isinstance(region, str) else None
        if self.place.region is not None and _ODD_ID.search(self.place.region):
            # Ids of the editor are letters and digits; others can be anything.
            self.place.region = None
            self.other(region, f"{path}.id")
        self.place.page = page if isinstance(page, int) else None
        for key, value in entry.items():
            if key == "value" and isinstance(value, dict):
                for name, own in value.items():
                    if isinstance(own, str | list | dict) and own:
                        self.other(own, f"{path}.value.{shown_field(name)}")
            elif key not in _ENTRY_KEYS or isinstance(value, Repeated):
                self.other(value, f"{path}.{shown_field(key)}")
        self.place.region = self.place.page = None

    def data(self, value: Any, path: str, kind: str | None = None) -> None:
        """Look at data fields, whose names tell what their values are."""
        if isinstance(value, dict):
            for key, own in value.items():
                self.key(key, path)
                self.data(own, f"{path}.{shown_field(key)}", kind_of_field(key) or kind)
        elif isinstance(value, list):
            for number, own in enumerate(value):
                self.data(own, f"{path}[{number}]", kind)
        elif isinstance(value, str):
            self.text(value, path, kind)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            self.number(value, path, kind)

    def number(self, value: float, path: str, kind: str | None) -> None:
        """Look at a number of a data field."""
        long = isinstance(value, int) and abs(value) >= LONG_NUMBER
        if kind == "age_over_89":
            if OLDEST < value < 130:
                self.tell(kind, self.place, path, "##")
        elif kind is not None and (long or kind not in ("date", "number_run")):
            # A small number in a field of dates counts days.
            self.tell(kind, self.place, path, "#" * len(f"{value:.0f}"))
        elif long:
            self.tell("number_run", self.place, path, "#" * len(str(abs(value))))

    def key(self, key: str, path: str) -> None:
        """Look at the name of a field, which can be a value."""
        if shown_field(key) == "?":
            self.text(key, f"{path}.?", None)

    def other(self, value: Any, path: str) -> None:
        """Look at anything else."""
        if isinstance(value, str):
            self.text(value, path, None)
        elif isinstance(value, list):
            for number, own in enumerate(value):
                if not isinstance(own, int | float):
                    self.other(own, f"{path}[{number}]")
        elif isinstance(value, dict):
            for key, own in value.items():
                self.key(key, path)
                if isinstance(own, str):
                    kind = kind_of_field(key)
                    self.text(own, f"{path}.{shown_field(key)}", None if kind == "patient_id" else kind)
                elif isinstance(own, int | float):
                    if (kind := kind_of_field(key)) not in (None, "patient_id"):
                        self.number(own, f"{path}.{shown_field(key)}", kind)
                else:
                    self.other(own, f"{path}.{shown_field(key)}")

    def text(self, text: str, path: str, kind: str | None) -> None:
        """Look at a text; `kind` is what the name of its field says it is."""
        plain = kind is None and not self.people
        if not text or (plain and text in self._clean):
            return
        if text.startswith(PSEUDONYMS) and _PSEUDONYM.fullmatch(text):
            return
        if kind is not None:
            own = _as_said(text, kind)
            if own is not None:
                self.tell(own, self.place, path, masked(text, Hit(own, 0, len(text))))
                if own != "patient_id":
                    return
        if text.startswith("data:"):
            if path.startswith("data"):
                self.tell("embedded_image", self.place, path, None)
            return
        address = is_address(text)
        found = hits(text, address=address, people=self.people)
        if self.more is not None and not address:
            taken = [(hit.start, hit.end) for hit in found]
            found += [hit for hit in self.more(text) if all(hit.start >= b or hit.end <= a for a, b in taken)]
        for hit in found:
            self.tell(hit.kind, self.place, path, masked(text, hit))
        if not found and plain:
            if len(self._clean) >= MOST_KNOWN:
                self._clean.clear()
            self._clean.add(text)


def _as_said(text: str, kind: str) -> str | None:
    """The kind of a value whose field's name says what it is; None where it cannot be that."""
    plain = text.strip()
    if not plain:
        return None
    digits = sum(map(str.isdigit, plain))
    if kind == "age_over_89":
        return kind if digits == len(plain) <= 3 and int(plain) > OLDEST else None
    if kind == "date":
        # A year alone is allowed, and a small number counts days.
        return kind if digits > LEAST_DIGITS else None
    if kind == "email":
        return kind if "@" in plain else None
    if kind in ("name", "address", "patient_id"):
        return None if is_address(plain) else kind
    return kind if digits >= LEAST_DIGITS else None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63 else None


def _names(data: Any) -> Iterator[str]:
    """Parts of names that fields of the data give, in small letters."""
    if isinstance(data, dict):
        for key, value in data.items():
            if kind_of_field(key) == "name" and isinstance(value, str) and not _PSEUDONYM.fullmatch(value):
                for part in re.findall(r"[^\W\d_]+", value.lower()):
                    if len(part) >= LEAST_LETTERS:
                        yield part
            elif isinstance(value, dict):
                yield from _names(value)
