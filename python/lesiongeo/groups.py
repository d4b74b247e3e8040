"""Keys that say which regions belong together: of one kind, none missing."""

from __future__ import annotations

from collections.abc import Set
from numbers import Number
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from .errors import RegionError
from .options import shown

__all__ = ["checked_groups"]

#: Up to here every whole number is a double.
EXACT = 2**53


def checked_groups(groups: ArrayLike | None, count: int) -> NDArray[Any]:
    """Return the group of each region as an array of shape (count,)."""
    try:
        keys = np.asarray(groups)
    except ValueError as error:
        raise RegionError("groups holds lists of unequal lengths; it needs one number or text per region") from error
    if keys.shape != (count,):
        raise RegionError(f"groups has shape {keys.shape}; it needs one entry per region, ({count},)")
    missing = np.zeros(count, dtype=np.bool_)
    if isinstance(groups, pa.Array | pa.ChunkedArray):
        missing = np.asarray(groups.is_null())  # numpy has no null in whole numbers and makes them NaN.
    elif isinstance(groups, np.ma.MaskedArray):
        missing = np.ma.getmaskarray(groups)
    if keys.dtype.kind in "fc":
        missing = missing | np.isnan(keys)
    elif keys.dtype.kind in "mM":
        missing = missing | np.isnat(keys)
    # What numpy makes of a list has one type whatever was in it, so there the entries themselves are looked at.
    is_array = isinstance(groups, pa.Array | pa.ChunkedArray) or hasattr(groups, "__array__")
    entries: list[Any] = []
    if keys.dtype == object or not is_array:
        entries = list(keys if is_array else groups)  # type: ignore[arg-type]
    types = set(map(type, entries))
    if not types <= {str, int, bytes, bool}:
        missing = missing | np.fromiter(map(_is_missing, entries), dtype=np.bool_, count=count)
    if missing.any():
        row = int(np.argmax(missing))
        raise RegionError(
            f"group of region {row} is missing ({shown(entries[row]) if entries else 'null or NaN'}); leave such "
            "regions out or give them a group of their own",
            row=row,
        )
    if len(types) > 1 or not types <= {str, int, float, bytes, bool} or (keys.dtype.kind == "f" and int in types):
        _check_kinds(entries, keys)
    return keys


def _is_missing(entry: Any) -> bool:
    """None, the missing values of pandas, NaN."""
    if entry is None or type(entry).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(entry, Number) and bool(entry != entry)


def _kind(entry: Any) -> str:
    if isinstance(entry, str):
        return "text"
    if isinstance(entry, bool | np.bool_):
        return "a truth value"
    return "a number" if isinstance(entry, Number) else f"a {type(entry).__name__}"


def _check_kinds(entries: list[Any], keys: NDArray[Any]) -> None:
    """Refuse what is not of one kind: as text 1 and 1.0 are two groups, as numbers one."""
    first = _kind(entries[0]) if entries else ""
    for row, entry in enumerate(entries):
        kind = _kind(entry)
        if isinstance(entry, Set):  # Sets compare by what they contain, which is no order.
            raise RegionError(f"groups: that of region {row} is a set; give numbers or strings", row=row)
        if kind != first:
            raise RegionError(
                f"groups are of several kinds: that of region 0 is {first}, that of region {row} {kind} "
                f"({shown(entry)}); make all of them text or all numbers",
                row=row,
            )
        if keys.dtype.kind == "f" and isinstance(entry, int | np.integer) and abs(int(entry)) > EXACT:
            raise RegionError(
                f"group of region {row} is {shown(entry)}, which would be rounded beside the other groups; make all of "
                "them text, or whole numbers of 64 bits",
                row=row,
            )
