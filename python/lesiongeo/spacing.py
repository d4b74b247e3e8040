"""Millimetres per pixel: never guessed, checked in one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from .options import checked_number, shown

__all__ = ["Spacing", "checked_spacing"]

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
