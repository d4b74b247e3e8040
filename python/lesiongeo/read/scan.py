"""An export in batches of whole tasks, for files larger than memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .export import Export
from .join import join_partial, repeated_annotations
from .problems import repeated_tasks

__all__ = ["Scan"]


class Scan(Iterator[Export]):
    """Batches of an export, one `Export` of whole tasks after the other. Made by `scan_label_studio`.

    An iterator, used up after one pass, and a context manager: leaving the block, or `close`, ends it at once and
    closes its files. Nothing is read ahead.

    Attributes
    ----------
    controls : pyarrow.Table or None
        The controls met so far, counts added up, roles inferred from all of them; None before the first batch.
    bytes_read : int
        Bytes taken from the sources so far, after decompression.
    problems : pyarrow.Table
        What was odd so far: code, dropped, count. The rows themselves are in the batches.

    Notes
    -----
    Memory: about six times `window_bytes`, or six times the largest task where one is larger, and 8 bytes per task
    (to notice tasks that come again), however long the file is. Batches hold whole tasks; a task whose annotations
    stand in files of their own (target storage) comes in as many batches as its files fall into, and
    `write_parquet` puts it together. What only the whole can tell (a file given twice, a control that changes) is in
    the problems of a last batch without tasks.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> with lg.scan_label_studio(b'[{"id": 1, "data": {}, "annotations": []}]') as scan:
    ...     sum(export.tasks.num_rows for export in scan)
    1
    >>> scan  # doctest: +ELLIPSIS
    <Scan: 1 tasks so far, ... bytes>
    """

    __slots__ = (
        "_close",
        "_controls",
        "_counts",
        "_ended",
        "_last",
        "_make",
        "_merge",
        "_read",
        "_repeated",
        "_seen",
        "bytes_read",
    )

    def __init__(
        self,
        read: Callable[[], tuple[dict[str, Any] | None, int]],
        make: Callable[[dict[str, Any]], Export],
        *,
        merge: Callable[[list[pa.Table]], pa.Table],
        last: Callable[[pa.Table | None], pa.Table],
        close: Callable[[], None] | None = None,
    ) -> None:
        self._read, self._make, self._merge, self._last, self._close = read, make, merge, last, close
        self._seen = np.empty(0, dtype=np.int64)
        self._repeated: set[int] = set()
        self._counts: dict[tuple[str, bool], int] = {}
        self._controls: pa.Table | None = None
        self._ended = False
        self.bytes_read = 0

    @property
    def controls(self) -> pa.Table | None:
        """The controls met so far."""
        return self._controls

    @property
    def problems(self) -> pa.Table:
        """How many problems of each code there were so far."""
        keys = sorted(self._counts)
        return pa.table(
            {
                "code": pa.array([code for code, _ in keys], pa.string()),
                "dropped": pa.array([dropped for _, dropped in keys], pa.bool_()),
                "count": pa.array([self._counts[key] for key in keys], pa.int64()),
            }
        )

    def __iter__(self) -> Scan:
        return self

    def __next__(self) -> Export:
        batch = self._next_or_none()
        if batch is None:
            raise StopIteration
        return batch[0]

    def _next_or_none(self) -> tuple[Export, NDArray[np.bool_]] | None:
        """Return a batch, and which of its rows of tasks stand for a part of a task only; None at the end."""
        if self._ended:
            return None
        try:
            columns, self.bytes_read = self._read()
        except BaseException:
            self.close()
            raise
        if columns is not None:
            return self._batch(columns)
        self.close()
        told = self._last(self._controls)
        if not told.num_rows:
            return None
        export = replace(self._make({}), problems=told)
        self._count(told)
        return export, np.empty(0, dtype=bool)

    def _batch(self, columns: dict[str, Any]) -> tuple[Export, NDArray[np.bool_]]:
        partial, differing = join_partial(columns)
        export = self._make(columns)
        ids = export.tasks["task_id"].to_numpy()
        extra = [differing, repeated_annotations(export.annotations, ids[partial])]
        again = self._again(ids[~partial])
        if len(again):
            extra.append(repeated_tasks(pa.table({"task_id": np.repeat(again, 2)})))
        if any(table.num_rows for table in extra):
            export = replace(export, problems=pa.concat_tables([export.problems, *extra]))
        self._count(export.problems)
        before = [] if self._controls is None else [self._controls]
        self._controls = self._merge([*before, export.controls])
        return export, partial

    def _count(self, problems: pa.Table) -> None:
        for key in zip(problems["code"].to_pylist(), problems["dropped"].to_pylist(), strict=True):
            self._counts[key] = self._counts.get(key, 0) + 1

    def _again(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Tasks of earlier batches that come again now and were not reported before."""
        unique, counts = np.unique(ids, return_counts=True)
        self._repeated.update(unique[counts > 1].tolist())  # reported by the batch itself
        known = unique[np.isin(unique, self._seen, assume_unique=True)]
        again = [one for one in known.tolist() if one not in self._repeated]
        self._repeated.update(again)
        self._seen = np.union1d(self._seen, unique)
        return np.array(again, dtype=np.int64)

    def close(self) -> None:
        """End the scan and close its files; more batches do not come.

        Examples
        --------
        >>> import lesiongeo as lg
        >>> scan = lg.scan_label_studio(b"[]")
        >>> scan.close()
        >>> list(scan)
        []
        """
        self._ended = True
        if self._close is not None:
            self._close()
            self._close = None

    def __enter__(self) -> Scan:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        """Say how far it is."""
        return f"<Scan: {len(self._seen)} tasks so far, {self.bytes_read} bytes>"
