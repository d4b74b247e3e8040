"""Findings about pages: where each of them is, filled in from its row."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from ...agreement.counted import Ints
from ..findings import finding_rows

__all__ = ["PageNames", "Remark"]


class Remark(NamedTuple):
    """Something odd about pages, given by their rows; `more` has further columns of the findings."""

    rows: Ints
    severity: str
    code: str
    message: str
    more: dict[str, Any]


class PageNames(NamedTuple):
    """What names pages in findings, one entry per page."""

    patients: pa.Array
    sites: pa.Array
    task: Ints
    page: Ints
    visit: Ints

    def findings(self, remark: Remark) -> pa.Table:
        """Make rows of findings of a remark."""
        rows = remark.rows
        at = pa.array(rows, pa.int64())
        return finding_rows(
            len(rows),
            severity=remark.severity,
            code=remark.code,
            message=remark.message,
            patient=self.patients.take(at),
            site=self.sites.take(at),
            visit=pa.array(self.visit[rows].astype(np.int32)),
            task_id=pa.array(self.task[rows]),
            page=pa.array(self.page[rows].astype(np.int32)),
            **remark.more,
        )
