"""From when time is counted where dates do not leave: each patient's first visit, the week of the first annotation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..read import Export

__all__ = ["Origins"]

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

MICROSECONDS_PER_DAY = 86_400_000_000
#: The Monday that takes the place of the week of the first annotation.
FIRST_MONDAY = int(np.datetime64("2000-01-03", "D").astype(np.int64))
TIMES = ("created_at", "updated_at")


@dataclass(slots=True)
class Origins:
    """The first visit of each patient, and the earliest time of an annotation.

    Attributes
    ----------
    dates, offsets : dict
        The smallest visit_date (days since 1970) and the smallest day_offset, by patient; by task (a number) where the
        patient is unknown.
    earliest : int or None
        Microseconds since 1970; None where no annotation has a time.
    """

    dates: dict[str | int, float] = field(default_factory=dict)
    offsets: dict[str | int, float] = field(default_factory=dict)
    earliest: int | None = None

    @classmethod
    def of(cls, exports: Iterable[Export]) -> Origins:
        """Look through all batches of an export: a patient can stand in several of them.

        Parameters
        ----------
        exports : iterable of Export
            As they were read, before anything was left out.

        Returns
        -------
        Origins
            O(pages log pages + annotations).
        """
        found = cls()
        for export in exports:
            found.add(export)
        return found

    def add(self, export: Export) -> None:
        """Take a batch."""
        code, keys = _patients(export.pages)
        for values, known in zip(_days(export.pages), (self.dates, self.offsets), strict=True):
            first = np.full(len(keys), np.inf)
            np.fmin.at(first, code, values)
            for row in np.flatnonzero(np.isfinite(first)).tolist():
                known[keys[row]] = min(float(first[row]), known.get(keys[row], np.inf))
        for name in TIMES:
            if (least := pc.min(export.annotations[name].cast(pa.int64())).as_py()) is not None:
                self.earliest = least if self.earliest is None else min(least, self.earliest)

    def day_offsets(self, pages: pa.Table) -> pa.Array:
        """Return the days of pages since the first visit of their patient; null where the day is unknown.

        The days of a patient with dates come from the dates; of one without from the day offsets, so that the first
        visit is day 0 whatever they were counted from.
        """
        code, keys = _patients(pages)
        dates, offsets = (
            np.array([known.get(key, np.nan) for key in keys], dtype=np.float64)[code]
            for known in (self.dates, self.offsets)
        )
        date, offset = _days(pages)
        day = np.where(np.isnan(dates), offset - offsets, date - dates)
        return pa.array(day, mask=np.isnan(day))

    def moved(self, times: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return times moved by whole weeks, so that the first annotation falls into the week of 2000-01-03 (UTC)."""
        if self.earliest is None:
            return times
        day = self.earliest // MICROSECONDS_PER_DAY
        shift = (FIRST_MONDAY - (day - (day + 3) % 7)) * MICROSECONDS_PER_DAY  # 1970-01-01 was a Thursday
        return pc.add(times.cast(pa.int64()), shift).cast(times.type)


def _patients(pages: pa.Table) -> tuple[Ints, list[str | int]]:
    """Number the patients of pages; where none is known, the task is one."""
    encoded = pc.dictionary_encode(pages["patient"].combine_chunks())
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    code = pc.fill_null(encoded.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False).copy()
    keys: list[str | int] = encoded.dictionary.to_pylist()
    unknown = np.flatnonzero(code < 0)
    tasks, own = np.unique(pages["task_id"].to_numpy()[unknown], return_inverse=True)
    code[unknown] = len(keys) + own
    return code, [*keys, *tasks.tolist()]


def _days(pages: pa.Table) -> tuple[Floats, Floats]:
    """Dates and day offsets of pages as numbers, NaN where there is none."""
    date, offset = pages["visit_date"].cast(pa.int32()).cast(pa.float64()), pages["day_offset"]
    return tuple(pc.fill_null(one, np.nan).to_numpy() for one in (date, offset))
