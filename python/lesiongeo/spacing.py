"""Millimetres per pixel: never guessed, checked in one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .options import checked_number, shown

__all__ = ["Spacing", "checked_spacing", "spacing_per_region"]

#: Millimetres per pixel, the same along both axes or (x, y).
Spacing: TypeAlias = float | Sequence[float]

#: From light microscopy to the sky; beyond, squares of lengths overflow or vanish.
SMALLEST, LARGEST = 1e-9, 1e9


def checked_spacing(spacing_mm: Spacing | None) -> tuple[float, float] | None:
    """Return millimetres per pixel along x and y; None where they are not given."""
    if spacing_mm is None:
        return None
    # As objects: numpy would take text, truth values and complex numbers for numbers.
    entries = np.asarray(spacing_mm, dtype=object)
    if entries.shape not in ((), (1,), (2,)):
        raise ValueError(f"spacing_mm is {shown(spacing_mm)}; it is a number or a pair of numbers")
    values = [checked_number("spacing_mm", entry) for entry in entries.reshape(-1)]
    if not all(SMALLEST <= value <= LARGEST for value in values):
        raise ValueError(
            f"spacing_mm is {shown(spacing_mm)}; it is a number from 1e-9 to 1e9, or (x, y), in mm per pixel"
        )
    return values[0], values[-1]


def spacing_per_region(spacing_mm: Any, count: int) -> NDArray[np.float64] | None:
    """Return millimetres per pixel of each region, shape (count, 2), NaN where unknown; None for one spacing for all.

    An array has one entry or one row (x, y) per region. An array of two numbers is the pair (x, y), as a tuple is, but
    for two regions, where it could be either: there it is refused.
    """
    if not isinstance(spacing_mm, np.ndarray) or spacing_mm.dtype.kind not in "iuf" or spacing_mm.shape in ((), (1,)):
        return None  # checked_spacing says what is wrong with it, if anything
    values = spacing_mm.astype(np.float64)
    if values.shape == (2,):
        if count != 2 or values[0] == values[1]:
            return None
        raise ValueError(
            "spacing_mm is an array of two numbers for two regions, which could be (x, y) or one per region; pass a "
            "tuple (x, y), or an array of shape (2, 2)"
        )
    if values.shape == (count,):
        values = np.stack([values, values], axis=1)
    if values.shape != (count, 2):
        raise ValueError(
            f"spacing_mm is an array of shape {values.shape} for {count} regions; it is a number, a pair (x, y), or an "
            f"array of shape ({count},) or ({count}, 2)"
        )
    wrong = np.flatnonzero(~(np.isnan(values) | ((values >= SMALLEST) & (values <= LARGEST))).all(axis=1))
    if len(wrong):
        raise ValueError(
            f"spacing_mm is {values[wrong[0]].tolist()} for region {wrong[0]}; it is from 1e-9 to 1e9 mm per pixel, or "
            "NaN where it is unknown"
        )
    # Half a spacing measures nothing.
    return np.where(np.isnan(values).any(axis=1, keepdims=True), np.nan, values)
