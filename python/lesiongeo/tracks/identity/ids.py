"""Track ids as annotators typed them: one code per id, in an order that people expect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...agreement.counted import Ints
from ...checks.answers import track_keys
from ...checks.view import Mask
from ...read import Export

__all__ = ["TypedIds", "natural_order", "typed_ids"]


@dataclass(frozen=True, slots=True)
class TypedIds:
    """What was typed as track id.

    Attributes
    ----------
    column : str or None
        The control that holds track ids; None: the export has none.
    code : ndarray of int64, shape (n_regions,)
        The id of each region, as a place in `names`; -1 where none was typed. Equal codes are equal ids: "+03" is "3",
        and so is the number 3.
    names : pyarrow.Array of str
        The ids, in natural order.
    whole : ndarray of bool, shape (n_names,)
        Whether each is a whole number.
    """

    column: str | None
    code: Ints
    names: pa.Array
    whole: Mask


def typed_ids(export: Export) -> TypedIds:
    """Return the track ids of all regions. O(n) plus sorting the distinct ids."""
    column = export.role("track_id")
    if column is None:
        none = np.full(len(export.regions), -1, dtype=np.int64)
        return TypedIds(None, none, pa.array([], pa.string()), np.empty(0, dtype=np.bool_))
    _, whole, key = track_keys(export.regions.table[column].combine_chunks())
    encoded = key.dictionary_encode()
    code = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    names = encoded.dictionary
    numeric = np.zeros(len(names), dtype=np.bool_)
    known = code >= 0
    numeric[code[known]] = whole.to_numpy(zero_copy_only=False)[known]
    order = natural_order(names, numeric)
    rank = np.append(np.argsort(order), -1)
    return TypedIds(column, rank[code], names.take(pa.array(order)), numeric[order])


def natural_order(names: pa.Array, whole: NDArray[np.bool_] | None = None) -> Ints:
    """Sort ids as people do: whole numbers by value ("2" before "10"), then texts by their characters.

    Whole numbers are written without leading zeros and plus signs; those below 0 come first. Returns the places of
    `names` in their order.
    """
    if whole is None:
        whole = pc.match_substring_regex(names, r"^-?[0-9]+$").to_numpy(zero_copy_only=False)
    negative = pc.starts_with(names, "-").to_numpy(zero_copy_only=False) & whole
    length = np.where(whole, pc.utf8_length(names).to_numpy(zero_copy_only=False).astype(np.int64), 0)
    kind = np.where(negative, 0, np.where(whole, 1, 2))
    # Of equal length digits compare like the numbers that they write, below 0 the other way round.
    alphabetic = pc.rank(names, tiebreaker="dense").to_numpy(zero_copy_only=False).astype(np.int64)
    sign = np.where(negative, -1, 1)
    return np.lexsort((sign * alphabetic, sign * length, kind))
