"""Options that are numbers or yes or no: checked in one place, so that a wrong one is named with what it is."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["checked_flag", "checked_number", "shown"]

#: Longest text of a wrong value in a message.
LONGEST = 80


def checked_flag(name: str, value: Any) -> bool:
    """Return an option that is True or False; text, numbers and arrays are refused, not judged by their truth."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} is {shown(value)}; it is True or False")
    return bool(value)


def checked_number(name: str, value: Any) -> float:
    """Return an option that is a real number, as a double."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    try:
        if isinstance(value, str | bytes | bytearray | bool | np.ndarray):
            raise TypeError("no number")
        # numpy turns more into a float than Python does: truth values, times, and complex numbers by their real part.
        if isinstance(value, np.generic) and not isinstance(value, np.integer | np.floating):
            raise TypeError("no number")
        return float(value)
    except OverflowError as error:
        raise ValueError(f"{name} is {shown(value)}; it is a number below 1.8e308") from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is {shown(value)}; it is a number") from error


def shown(value: Any) -> str:
    """Return a wrong value as text for a message, not longer than a line."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python writes no whole number of more than 4300 digits.
        text = f"a number of type {type(value).__name__} with thousands of digits"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
