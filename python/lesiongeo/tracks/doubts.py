"""Rows of the table of tracks whose track id is in doubt, so that nobody takes their change for one of the lesion."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..agreement.counted import Ints
from .statuses.completion import Completed

__all__ = ["DOUBTFUL", "doubts"]

#: Findings that say that a lesion on a page may be another one.
DOUBTFUL = ("id_swap", "id_jump", "id_changed", "id_elsewhere", "id_repeated")
KEYS = ("patient", "site", "annotator", "track_id")


def doubts(tracks: pa.Table, findings: pa.Table, rows: Completed, previous: Ints, *, by_annotator: bool) -> pa.Array:
    """Say of which rows the id is in doubt.

    Parameters
    ----------
    tracks : pyarrow.Table
        One row per track: patient, site, annotator, track_id.
    findings : pyarrow.Table
        What is odd about ids.
    rows : Completed
        Rows of the table.
    previous : ndarray of int64, shape (n_rows,)
        Row that each is compared with, -1 for none.
    by_annotator : bool
        Whether everybody has tracks of their own.

    Returns
    -------
    pyarrow.Array of string, shape (n_rows,)
        The first code in `DOUBTFUL` that a warning about this lesion names, on this visit or the one that it is
        compared with; null for none. O(n_rows) and a step per such finding.
    """
    count = len(rows.track)
    odd = findings.filter(
        pc.and_(pc.is_in(findings["code"], pa.array(DOUBTFUL)), pc.equal(findings["severity"], "warning"))
    )
    code = np.full(count, len(DOUBTFUL), dtype=np.int64)
    if odd.num_rows and count:
        names = [tracks[name].to_pylist() for name in KEYS]
        number = {key: row for row, key in enumerate(zip(*names, strict=True))}
        width = int(rows.visit.max()) + 1
        keys = rows.track * width + rows.visit
        for row in odd.select([*KEYS, "visit", "code"]).to_pylist():
            own = (row["patient"], row["site"], row["annotator"] if by_annotator else None, row["track_id"])
            track = number.get(own)
            if track is None or row["visit"] is None or row["visit"] >= width:
                continue
            at = int(np.searchsorted(keys, track * width + row["visit"]))
            if at < count and keys[at] == track * width + row["visit"]:
                code[at] = min(code[at], DOUBTFUL.index(row["code"]))
        code = np.minimum(code, np.where(previous >= 0, code[previous], len(DOUBTFUL)))
    return pa.array(DOUBTFUL, pa.string()).take(pa.array(code, mask=code == len(DOUBTFUL)))
