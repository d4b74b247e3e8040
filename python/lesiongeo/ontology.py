"""Lists of labels that annotators may use, from a file that somebody keeps beside the project."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from .errors import ConfigError
from .options import shown

__all__ = ["Ontology", "read_ontology"]

#: A file, or the labels themselves.
Ontology: TypeAlias = "str | os.PathLike[str] | Iterable[str]"

#: Lists of labels have kilobytes; a larger file is another file.
MOST_BYTES = 64 << 20


def read_ontology(ontology: Ontology) -> frozenset[str]:
    """Read the labels that are allowed.

    Parameters
    ----------
    ontology : path, or iterable of str
        A file by its ending: ``.json`` holds a list of texts; of ``.csv`` and ``.tsv`` the first column counts, and a
        first row that says ``label``, ``labels``, ``name``, ``value`` or ``class`` is its title; any other file has
        one label per line, and lines that start with ``#`` are comments. Or the labels themselves.

    Returns
    -------
    frozenset of str
        The labels, without spaces around them. O(bytes).

    Raises
    ------
    ConfigError
        If the file is no such list, or no label is in it.
    FileNotFoundError, OSError
        If the file cannot be opened.

    Examples
    --------
    >>> from lesiongeo.ontology import read_ontology
    >>> sorted(read_ontology(["nevus", "melanoma"]))
    ['melanoma', 'nevus']
    """
    if isinstance(ontology, str | os.PathLike):
        name = Path(ontology).name
        labels = _from_file(Path(ontology), name)
    else:
        name, labels = "ontology", list(ontology)
    for label in labels:
        if not isinstance(label, str):
            raise ConfigError(f"{name}: {shown(label)} is no text; an ontology is a list of labels", source=name)
    found = frozenset(label.strip() for label in labels) - {""}
    if not found:
        raise ConfigError(f"{name}: no label is in it; write one label per line", source=name)
    return found


def _from_file(path: Path, name: str) -> list[str]:
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ConfigError(f"{name}: more than 64 MiB, which no list of labels has; is it another file?", source=name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{name}: not UTF-8 at byte {error.start}; save the list of labels as UTF-8"
        raise ConfigError(message, source=name) from error
    ending = path.suffix.lower()
    if ending == ".json":
        try:
            listed = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{name}: not JSON ({error}); write a list of texts", source=name) from error
        if not isinstance(listed, list):
            raise ConfigError(f"{name}: no list; write a JSON list of labels", source=name)
        return listed
    if ending in (".csv", ".tsv"):
        try:
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t" if ending == ".tsv" else ","))
        except csv.Error as error:
            raise ConfigError(f"{name}: not CSV ({error}); write one label per line", source=name) from error
        column = [row[0] for row in rows if row]
        titled = bool(column) and column[0].strip().lower() in ("label", "labels", "name", "value", "class")
        return column[1:] if titled else column
    return [line for line in text.splitlines() if not line.lstrip().startswith("#")]
