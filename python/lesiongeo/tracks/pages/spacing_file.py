"""A CSV file with the spacing of images, its error and the tilt of the camera."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...agreement.counted import Ints
from ...checks.view import first_rows
from ...errors import ConfigError
from ...options import checked_number, shown
from ...read.export import page_rows
from ...spacing import LARGEST, SMALLEST

__all__ = ["FileRows", "checked_error", "checked_tilt", "match_pages", "read_spacing_file"]

Floats = NDArray[np.float64]

#: Ways to name an image, the most exact first.
KEYS = (("task_id", "page"), ("image",), ("patient", "visit"))
VALUES = ("spacing_mm", "spacing_x_mm", "spacing_y_mm", "spacing_error", "tilt_deg")
#: A line per image; a larger file is another file.
MOST_BYTES = 1 << 30
#: What Label Studio puts before the name of a file that somebody uploads.
UPLOADED = r"(^|/)[0-9a-f]{8}-([^/]*)$"


class FileRows(NamedTuple):
    """Rows of the file: name, which key its columns are, the keys, and the numbers (NaN: not given)."""

    name: str
    key: tuple[str, ...]
    columns: list[pa.Array]
    spacing: Floats
    error: Floats
    tilt_deg: Floats
    line: Ints


def checked_error(name: str, value: Any) -> float:
    """Return a relative standard deviation."""
    error = checked_number(name, value)
    if not 0.0 <= error < 1.0:
        raise ValueError(f"{name} is {shown(value)}; it is relative, from 0 to below 1: 0.01 is one percent of length")
    return error


def checked_tilt(name: str, value: Any) -> float:
    """Return an angle in degrees."""
    angle = checked_number(name, value)
    if not 0.0 <= angle < 90.0:
        raise ValueError(f"{name} is {shown(value)}; it is an angle from 0 to below 90 degrees")
    return angle


def read_spacing_file(path: str | os.PathLike[str]) -> FileRows:
    """Read a CSV file with the spacing of images.

    Parameters
    ----------
    path : path-like
        UTF-8, with names of columns in the first line, separated by commas, semicolons or tabs. Which image a line is
        about: task_id and page (from 0), or image (the address, or its end from some folder or the name of the file on,
        where no other address ends so), or patient and visit (from 0); of several the first of these. What it says:
        spacing_mm, or spacing_x_mm and spacing_y_mm (millimetres per pixel); spacing_error (relative standard
        deviation, 0.01 is one percent of length); tilt_deg. An empty field says nothing. Other columns are not looked
        at.

    Returns
    -------
    FileRows
        O(bytes).

    Raises
    ------
    ConfigError
        If a column or a number is missing or wrong, with the file and the line, or an image is there twice with
        different numbers.
    FileNotFoundError, OSError
        If the file cannot be opened.
    """
    name = Path(path).name
    table, line = _table(Path(path), name)
    key = next((names for names in KEYS if all(one in table.column_names for one in names)), None)
    if key is None:
        raise ConfigError(
            f"{name}: no columns say which image a line is about; write task_id and page, or image, or patient and "
            "visit, into the first line",
            source=name,
        )
    if not any(column in table.column_names for column in VALUES):
        raise ConfigError(
            f"{name}: no column says a spacing; write spacing_mm, or spacing_x_mm and spacing_y_mm, into the first "
            "line",
            source=name,
        )
    numbers = {column: _numbers(table, line, column, name) for column in VALUES}
    x, y = (np.where(np.isnan(numbers[own]), numbers["spacing_mm"], numbers[own]) for own in VALUES[1:3])
    half = np.flatnonzero(np.isnan(x) != np.isnan(y))
    if len(half):
        _refuse(name, int(line[half[0]]), "spacing_x_mm and spacing_y_mm go together, and here is one of them")
    rows = FileRows(
        name,
        key,
        [_keys(table, line, own, name) for own in key],
        np.stack([x, y], axis=1),
        numbers["spacing_error"],
        numbers["tilt_deg"],
        line,
    )
    _refuse_twice(rows)
    return rows


def match_pages(rows: FileRows, pages: pa.Table, patients: pa.Array, visit: Ints) -> tuple[Ints, Ints]:
    """Find the row of the file about each page.

    Parameters
    ----------
    rows : FileRows
        The file.
    pages : pyarrow.Table
        Pages of an export.
    patients : pyarrow.Array
        Patient of each page.
    visit : ndarray of int64
        Visit of each page.

    Returns
    -------
    row : ndarray of int64, shape (n_pages,)
        Row of the file; -1 where none is about the page.
    ambiguous : ndarray of int64
        Rows of pages whose image is meant by a name that other addresses have too.
        O(n log n).
    """
    none = np.empty(0, dtype=np.int64)
    if not len(rows.line) or not pages.num_rows:
        return np.full(pages.num_rows, -1, dtype=np.int64), none
    if rows.key == KEYS[0]:
        task, page = (column.to_numpy() for column in rows.columns)
        own = (pages["task_id"].to_numpy(), pages["page"].to_numpy())
        return page_rows(*own, task, page.astype(np.int32)), none
    if rows.key == KEYS[2]:
        return first_rows(rows.columns, [patients, pa.array(visit)]), none
    image = pages["image"].combine_chunks()
    found = first_rows(rows.columns, [image])
    found[image.is_null().to_numpy(zero_copy_only=False)] = -1
    return _by_file_name(rows, image, found)


def _by_file_name(rows: FileRows, image: pa.Array, found: Ints) -> tuple[Ints, Ints]:
    """Match the images whose address is not in the file by its end: as many folders as the line names."""
    theirs = _plain(rows.columns[0])
    used = np.zeros(len(theirs), dtype=bool)
    used[found[found >= 0]] = True
    # Addresses that differ in their query alone, which an export does not have.
    first = first_rows([theirs], [theirs])
    repeated = np.bincount(first, minlength=len(theirs))[first] > 1
    depth = pc.count_substring(theirs, "/").to_numpy(zero_copy_only=False)
    own = _plain(image)
    ambiguous = np.zeros(len(image), dtype=bool)
    still = (found < 0) & image.is_valid().to_numpy(zero_copy_only=False)
    # The most exact names first.
    for folders in np.unique(depth[~used])[::-1].tolist():
        lines = np.flatnonzero((depth == folders) & ~used)
        names = theirs.take(pa.array(lines))
        end = pc.replace_substring_regex(own, rf"^.*/((?:[^/]*/){{{folders}}}[^/]*)$", r"\1")
        for ends in (end, pc.replace_substring_regex(end, UPLOADED, r"\1\2")):
            row = np.where(still, first_rows([names], [ends]), -1)
            hit = np.flatnonzero(row >= 0)
            if not len(hit):
                continue
            address = image.take(pa.array(hit)).dictionary_encode().indices.to_numpy(zero_copy_only=False)
            wrong = _several(row[hit], address) | repeated[lines[row[hit]]]
            ambiguous[hit[wrong]] = True
            found[hit[~wrong]] = lines[row[hit[~wrong]]]
            still[hit] = False
    return found, np.flatnonzero(ambiguous)


def _several(group: Ints, value: Ints) -> NDArray[np.bool_]:
    """Say of each entry whether its group has several values."""
    count = int(group.max()) + 1
    low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    np.minimum.at(low, group, value)
    np.maximum.at(high, group, value)
    several: NDArray[np.bool_] = (low < high)[group]
    return several


def _plain(addresses: pa.Array) -> pa.Array:
    """Addresses without query, with slashes only."""
    return pc.replace_substring(pc.replace_substring_regex(addresses, r"[?#].*$", ""), "\\", "/")


def _table(path: Path, name: str) -> tuple[pa.Table, Ints]:
    """Read the file as texts without spaces around them, empty ones as null; and the number of each line."""
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ConfigError(f"{name}: more than 1 GiB, which no list of images has; is it another file?", source=name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: not UTF-8 at byte {error.start}; save the file as UTF-8", source=name) from error
    mark = max(",;\t", key=text.split("\n", 1)[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    lines: list[int] = []
    rows: list[list[str]] = []
    try:
        titles = [title.strip() for title in next(reader, [])]
        for row in reader:
            if len(row) not in (0, len(titles)):
                _refuse(name, reader.line_num, f"{len(row)} fields for {len(titles)} columns")
            if row:
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise ConfigError(
            f"{name}, line {reader.line_num}: not CSV ({error})", line=reader.line_num, source=name
        ) from error
    twice = sorted({title for title in titles if titles.count(title) > 1})
    if twice:
        _refuse(name, 1, f"the column {shown(twice[0])} is there twice; rename one of them")
    columns = list(zip(*rows, strict=True)) or [()] * len(titles)
    table = pa.table({title: _text(column) for title, column in zip(titles, columns, strict=True)})
    return table, np.array(lines, dtype=np.int64)


def _text(values: Iterable[str]) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(pa.array(values, pa.string()))
    return pc.if_else(pc.equal(trimmed, ""), None, trimmed)


def _numbers(table: pa.Table, lines: Ints, column: str, name: str) -> Floats:
    """The numbers of a column, NaN where there is none."""
    if column not in table.column_names:
        return np.full(len(lines), np.nan)
    texts = table[column].combine_chunks()
    number = pc.fill_null(pc.match_substring_regex(texts, r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"), True)
    wrong = np.flatnonzero(~number.to_numpy(zero_copy_only=False))
    if len(wrong):
        said = shown(texts[int(wrong[0])].as_py())
        _refuse(name, int(lines[wrong[0]]), f"{column} is {said}; it is a number, with a point before decimals")
    values: Floats = pc.fill_null(texts.cast(pa.float64()), np.nan).to_numpy(zero_copy_only=False).astype(np.float64)
    low, below, meant = {
        "spacing_error": (0.0, 1.0, "relative, from 0 to below 1"),
        "tilt_deg": (0.0, 90.0, "an angle from 0 to below 90 degrees"),
    }.get(column, (SMALLEST, LARGEST, "from 1e-9 to below 1e9 mm per pixel"))
    outside = np.flatnonzero(~np.isnan(values) & ~((values >= low) & (values < below)))
    if len(outside):
        _refuse(name, int(lines[outside[0]]), f"{column} is {texts[int(outside[0])].as_py()}; it is {meant}")
    return values


def _keys(table: pa.Table, lines: Ints, column: str, name: str) -> pa.Array:
    """A column that says which image a line is about, as the export has it."""
    texts = table[column].combine_chunks()
    empty = np.flatnonzero(texts.is_null().to_numpy(zero_copy_only=False))
    if len(empty):
        _refuse(name, int(lines[empty[0]]), f"{column} is empty; say which image the line is about, or delete it")
    if column in ("image", "patient"):
        return texts
    whole = pc.match_substring_regex(texts, r"^[0-9]{1,18}$").to_numpy(zero_copy_only=False)
    wrong = np.flatnonzero(~whole)
    if len(wrong):
        said = shown(texts[int(wrong[0])].as_py())
        _refuse(name, int(lines[wrong[0]]), f"{column} is {said}; it is a whole number from 0")
    return texts.cast(pa.int64())


def _refuse_twice(rows: FileRows) -> None:
    """Refuse lines about one image that say different things."""
    first = first_rows(rows.columns, rows.columns) if len(rows.line) else np.empty(0, dtype=np.int64)
    said = np.column_stack([rows.spacing, rows.error, rows.tilt_deg])
    same = ((said == said[first]) | (np.isnan(said) & np.isnan(said[first]))).all(axis=1)
    wrong = np.flatnonzero(~same)
    if len(wrong):
        other = int(rows.line[first[wrong[0]]])
        _refuse(rows.name, int(rows.line[wrong[0]]), f"line {other} says something else of the same image")


def _refuse(name: str, line: int, message: str) -> NoReturn:
    raise ConfigError(f"{name}, line {line}: {message}", line=line, source=name)
