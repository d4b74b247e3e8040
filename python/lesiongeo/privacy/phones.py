"""Phone numbers as they are written in a country, found by the library phonenumbers, where that is installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..errors import LesiongeoError
from ..options import shown
from .patterns import Hit

__all__ = ["phone_finder"]


def phone_finder(regions: Sequence[str]) -> Callable[[str], Iterator[Hit]] | None:
    """Return what finds numbers of these countries; None for no country.

    Parameters
    ----------
    regions : sequence of str
        Codes of ISO 3166-1 (two letters), such as GB.

    Raises
    ------
    LesiongeoError
        If the library is not installed.
    ValueError
        If it knows no such country.

    Notes
    -----
    The library is only used where a country is named, so that what is found never depends on what happens to be
    installed. It takes what is a valid number of the country (a possible one would be most groups of digits).
    """
    if not regions:
        return None
    try:
        library: Any = importlib.import_module("phonenumbers")
    except ImportError as error:
        raise LesiongeoError(
            "phone numbers of a country need the library phonenumbers; get it with: pip install 'lesiongeo[phi]'"
        ) from error
    for region in regions:
        if region not in library.SUPPORTED_REGIONS:
            raise ValueError(f"phone_regions names {shown(region)}; it is the code of a country, such as GB")

    def find(text: str) -> Iterator[Hit]:
        if sum(map(str.isdigit, text)) < 6:
            return
        taken: list[tuple[int, int]] = []
        for region in regions:
            for found in library.PhoneNumberMatcher(text, region, library.Leniency.VALID):
                if all(found.start >= end or found.end <= start for start, end in taken):
                    taken.append((found.start, found.end))
                    yield Hit("phone", found.start, found.end)

    return find
