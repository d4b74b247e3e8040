"""The objects of a JSON file one after another as they are written, in bounded memory, without their coordinates."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from ..errors import ExportError
from ..read.sources import Input

__all__ = ["Repeated", "objects"]

#: Bytes that are read at a time.
PIECE = 4 << 20
#: An array of numbers that nobody would look for a name in: nine tenths of an export. A key, as no quote stands
#: unescaped within a text; what follows shows that the array is whole.
_NUMBERS = re.compile(
    r'(?<!\\)"(?:points"\s*:\s*\[(?=\s*\[)|rle"\s*:\s*\[)[-0-9 .,eE+\[\]\n\r\t]*\](?=\s*(?:\}|,\s*"))', re.ASCII
)
_SPACE = re.compile(r"[\s,]*")
#: Characters from the end of what was read within which an error may be due to what follows.
_NEAR = 64


class Repeated(list[Any]):
    """Values of a key that stands several times in one object, of which readers see the last."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        for key in made:
            values = [value for own, value in pairs if own == key]
            if len(values) > 1:
                made[key] = Repeated(values)
    return made


_DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_object)


def objects(one: Input, report: Callable[[int], None] | None = None) -> Iterator[Any]:
    """Yield the elements of the list that a file holds, or its values one after another (JSON lines, one object).

    Parameters
    ----------
    one : Input
        The file, compressed or not.
    report : callable, optional
        Told the number of bytes of each piece that was read.

    Yields
    ------
    Any
        Parsed JSON; lists of points, and masks called rle, are empty lists called points.

    Raises
    ------
    ExportError
        If it is no JSON, with the place: what follows has not been looked at.

    Notes
    -----
    Memory: a few times the largest element, and 4 MiB. O(bytes).
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="surrogateescape")
    text, at, listed, ended, wanted = "", 0, False, False, 0
    started = False
    with _Closing(one.plain()) as stream:
        while True:
            data = b"" if ended else stream.read(PIECE)
            ended = ended or not data
            if data:
                text = text[at:] + decoder.decode(data)
                at = 0
                if report is not None:
                    report(len(data))
                # What did not end in so many characters is tried again when there is twice as much of it.
                if len(text) < wanted:
                    continue
                text = _NUMBERS.sub('"points":[]', text)
            wanted = 0
            while True:
                found = _SPACE.match(text, at)
                at = found.end() if found is not None else at
                if not started and at < len(text):
                    started, listed = True, text[at] == "["
                    at += listed
                    continue
                if at >= len(text):
                    break
                if listed and text[at] == "]":
                    at += 1
                    listed = False
                    continue
                try:
                    value, at = _DECODER.raw_decode(text, at)
                except (ValueError, RecursionError) as error:
                    if ended or not _may_go_on(error, text):
                        raise _broken(one, error) from error
                    wanted = 2 * (len(text) - at)
                    break
                # A number at the end may have more digits.
                if not ended and at >= len(text) - 1 and not isinstance(value, dict | list | str):
                    break
                yield value
            if ended:
                if listed:
                    raise _broken(one, None)
                return


class _Closing:
    """A stream that is closed at the end, also where it has no `with` of its own."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> Any:
        return self.stream

    def __exit__(self, *_: object) -> None:
        self.stream.close()


def _may_go_on(error: Exception, text: str) -> bool:
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.msg.startswith("Unterminated string") or error.pos >= len(text) - _NEAR


def _broken(one: Input, error: Exception | None) -> ExportError:
    if isinstance(error, RecursionError):
        why = "it is nested too deeply"
    elif error is None:
        why = "it ends in the middle of the list"
    else:
        # What the parser says can be asked for by its position alone, and holds no text of the file.
        why = error.msg if isinstance(error, json.JSONDecodeError) else "a number has too many digits"
    return ExportError(f"{one.name}: no JSON ({why}); what follows was not looked at. Export it again", source=one.name)
