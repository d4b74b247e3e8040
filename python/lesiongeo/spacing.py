"""Millimetres per pixel: never guessed, checked in one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

__all__ = ["Spacing", "checked_spacing"]

#: Millimetres per pixel, the same along both axes or (x, y).
Spacing: TypeAlias = float | Sequence[float]


def checked_spacing(spacing_mm: Spacing | None) -> tuple[float, float] | None:
    """Return millimetres per pixel along x and y; None where they are not given."""
    if spacing_mm is None:
        return None
    try:
        if isinstance(spacing_mm, str | bytes | bool):
            raise TypeError("text")
        values = np.atleast_1d(np.asarray(spacing_mm, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise ValueError(f"spacing_mm is {spacing_mm!r}; it is a number or a pair of numbers") from error
    if values.shape not in ((1,), (2,)) or not (np.isfinite(values).all() and (values > 0).all()):
        raise ValueError(f"spacing_mm is {spacing_mm!r}; it is a positive number, or (x, y), in mm per pixel")
    return float(values[0]), float(values[-1])
