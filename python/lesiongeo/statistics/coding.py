"""Answers become numbers: each category a code, no answer -1."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..options import shown

__all__ = ["Coded", "Codes", "coded", "number_of"]

Codes: TypeAlias = NDArray[np.int64]


class Coded(NamedTuple):
    """Answers as codes.

    Attributes
    ----------
    codes : ndarray of int64
        Place of each answer in `categories`; -1 is no answer.
    categories : tuple
        What was answered, in order.
    """

    codes: Codes
    categories: tuple[Any, ...]


def coded(values: ArrayLike | Sequence[Any], *, categories: Iterable[Any] | None = None) -> Coded:
    """Number the categories of answers.

    Parameters
    ----------
    values : array_like of numbers or texts, of any shape
        None and NaN are no answer.
    categories : iterable, optional
        Categories in their order; by default those that occur, numbers by size, texts by their letters.

    Returns
    -------
    Coded
        Categories that do not occur are left out, so that the rank of a category is among those that do.

    Raises
    ------
    ValueError
        If a value is none of the categories, or numbers and texts are mixed without `categories`.
    """
    table = _table(values)
    order = None if categories is None else list(categories)
    if table.dtype.kind in "fiub":
        present = ~np.isnan(table) if table.dtype.kind == "f" else np.ones(table.shape, dtype=bool)
        found, inverse = np.unique(table[present], return_inverse=True)
        texts: list[Any] = found.tolist()
    else:
        present = np.array([not _none(value) for value in table.ravel()], dtype=bool).reshape(table.shape)
        given = table[present].tolist()
        texts = _in_order(set(given)) if order is None else list(dict.fromkeys(given))
        place = {text: number for number, text in enumerate(texts)}
        inverse = np.array([place[value] for value in given], dtype=np.int64)
    codes = np.full(table.shape, -1, dtype=np.int64)
    codes[present] = inverse
    if order is None:
        return Coded(codes, tuple(texts))
    return _ordered(codes, texts, order)


def _table(values: Any) -> NDArray[Any]:
    if hasattr(values, "to_pylist"):
        values = values.to_pylist()
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        return values
    table = np.array(values, dtype=object)
    # Lists of numbers and None: as numbers they are compared as such.
    flat = table.ravel().tolist()
    if all(_none(value) or isinstance(value, int | float | np.number) for value in flat):
        return np.array([math.nan if _none(value) else value for value in flat], np.float64).reshape(table.shape)
    return table


def _none(value: Any) -> bool:
    return value is None or (isinstance(value, float | np.floating) and math.isnan(value))


def _in_order(values: set[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError as error:
        raise ValueError("ratings mix numbers and texts; give categories in their order") from error


def _ordered(codes: Codes, texts: list[Any], order: list[Any]) -> Coded:
    """Number as in the order that was given, without what does not occur."""
    if len(set(order)) < len(order):
        raise ValueError(f"categories name {shown(next(c for c in order if order.count(c) > 1))} twice")
    known = {text: number for number, text in enumerate(texts)}
    for text in texts:
        if text not in set(order):
            raise ValueError(f"a rating is {shown(text)}, which is none of the categories {shown(order)}")
    used = [text for text in order if text in known]
    rank = np.full(len(texts) + 1, -1, dtype=np.int64)
    rank[[known[text] for text in used]] = np.arange(len(used))
    return Coded(rank[codes], tuple(used))


def number_of(text: Any) -> float | None:
    """Return the number that a category is, None where it is none."""
    if not isinstance(text, str | int | float | np.number):
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
