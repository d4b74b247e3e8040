"""The week in which an annotation was made."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["NO_WEEK", "mondays"]

#: Where neither time is known: before all dates.
NO_WEEK = -(1 << 22)
MICROSECONDS_PER_DAY = 86_400_000_000


def mondays(annotations: pa.Table) -> NDArray[np.int64]:
    """Return the Monday (UTC) of each annotation's week, in days since 1970.

    Parameters
    ----------
    annotations : pyarrow.Table
        With the columns created_at and, for those without, updated_at.

    Returns
    -------
    ndarray of int64
        `NO_WEEK` where both are null.

    Examples
    --------
    >>> import datetime, pyarrow as pa, numpy as np
    >>> from lesiongeo.weeks import mondays
    >>> day = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)
    >>> times = pa.array([day], pa.timestamp("us", tz="UTC"))
    >>> str(np.datetime64(int(mondays(pa.table({"created_at": times, "updated_at": times}))[0]), "D"))
    '2026-11-16'
    """
    times = pc.coalesce(annotations["created_at"], annotations["updated_at"]).cast(pa.int64())
    day = pc.fill_null(times, 0).to_numpy() // MICROSECONDS_PER_DAY
    # 1970-01-01 was a Thursday.
    found: NDArray[np.int64] = np.where(pc.is_null(times).to_numpy(), NO_WEEK, day - (day + 3) % 7)
    return found
