"""What identifies people in an export, as it stands in the file, as one table."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..checks.view import SEVERITIES
from ..read import Export
from ..read.parquet import scan_exports
from ..read.sources import Found, Input, Source, find, parquet_files
from .kinds import KINDS
from .patterns import hits, masked
from .phones import phone_finder
from .stream import objects
from .tables import look_at
from .walk import Place, Walk

__all__ = ["PHI_SCHEMA", "lint_phi"]

PHI_SCHEMA = pa.schema(
    [
        ("severity", pa.string()),
        ("kind", pa.string()),
        ("safe_harbor", pa.string()),
        ("file", pa.string()),
        ("task_id", pa.int64()),
        ("page", pa.int32()),
        ("annotation_id", pa.int64()),
        ("region_id", pa.string()),
        ("field", pa.string()),
        ("excerpt", pa.string()),
        ("message", pa.string()),
    ]
)
#: Rows that are gathered before they become a table.
BLOCK = 65_536


def lint_phi(
    source: Export | Source | Iterable[Source],
    *,
    phone_regions: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> pa.Table:
    """Find what identifies people in an export: in data fields, notes, answers, names of images and of files.

    Parameters
    ----------
    source : Export, path, glob, folder, "-", bytes, binary file, address, or a sequence of these
        Label Studio's JSON exports are looked at as they are written, also where the reader leaves something out (the
        queries of addresses, e-mail addresses of annotators). Of an `Export`, and of Parquet of `write_parquet`, the
        tables are looked at.
    phone_regions : sequence of str, default ()
        Countries (two letters, such as GB) whose phone numbers are found as they are written there too. Needs the
        library phonenumbers, the extra ``phi``.
    progress : callable, optional
        Called with bytes done and in all, of local files.

    Returns
    -------
    pyarrow.Table
        One row per finding: severity (error: names a person or lets its bearer in; warning: does so with other
        knowledge; info: may), kind, safe_harbor (the letter of the identifier in 45 CFR 164.514(b)(2)(i), null for
        none), file (masked where it is a finding itself), task_id, page, annotation_id, region_id, field (its path),
        excerpt (the shape of what was found: Xxx for a word, # for a digit; never the value), message (what it is and
        what to do). Null where it does not apply. Sorted by severity, kind and place, not in the
        order of the file.

    Raises
    ------
    ExportError
        If a file is no JSON: the rest of it was not looked at.
    LesiongeoError
        If `phone_regions` needs a library that is not installed.
    FileNotFoundError, OSError
        If a file cannot be opened.

    See Also
    --------
    private : leaves out what identifies people.

    Notes
    -----
    Found by pattern, not by understanding: a name without a title or a word such as "patient" before it, in a field
    whose name does not say so, is not found, and nobody looks at pictures. What each kind is found by, and what is
    taken for it wrongly: docs/privacy.md. Memory: a few times the largest task, and the findings. O(bytes).

    Examples
    --------
    >>> import lesiongeo as lg
    >>> found = lg.lint_phi(b'[{"id": 7, "data": {"image": "a.png", "seen": "2025-01-10"}, "annotations": []}]')
    >>> found.select(["kind", "safe_harbor", "task_id", "field", "excerpt"]).to_pylist()
    [{'kind': 'date', 'safe_harbor': 'C', 'task_id': 7, 'field': 'data.seen', 'excerpt': '####-##-##'}]
    """
    rows = _Rows()
    more = phone_finder([phone_regions] if isinstance(phone_regions, str) else list(phone_regions))
    if isinstance(source, Export):
        look_at(source, rows.teller(None), more)
        return rows.table()
    found = find(source)
    written = parquet_files(found.inputs)
    sizes = [os.path.getsize(one.content) if isinstance(one.content, str) else 0 for one in found.inputs]
    done = 0

    def report(size: int) -> None:
        nonlocal done
        done += size
        if progress is not None:
            progress(min(done, sum(sizes)), sum(sizes))

    for one in found.inputs:
        tell = rows.teller(_file(one, rows))
        if one in written:
            for batch in scan_exports(Found([one])):
                look_at(batch, tell, more)
            continue
        walk = Walk(tell, more)
        for value in objects(one, report):
            try:
                walk.top(value)
            except RecursionError:
                tell("not_looked_at", walk.place, "", None)
        if walk.has_times:
            tell("time", Place(), "created_at", None)
    return rows.table()


def _file(one: Input, rows: _Rows) -> str:
    """Return the name of a file, masked where it identifies somebody, which is a finding."""
    found = hits(one.name, address=True)
    masks = one.name
    for hit in reversed(found):
        masks = masks[: hit.start] + masked(one.name, hit) + masks[hit.end :]
    for hit in found:
        rows.teller(masks)(hit.kind, Place(), "name of the file", masked(one.name, hit))
    return masks


class _Rows:
    """Findings, gathered in blocks."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.blocks: list[pa.Table] = []

    def teller(self, file: str | None) -> Callable[[str, Place, str, str | None], None]:
        """Return a function that adds a finding of this file."""
        rows = self.rows

        def tell(kind: str, place: Place, path: str, excerpt: str | None) -> None:
            rows.append((kind, file, place.task, place.page, place.annotation, place.region, path, excerpt))
            if len(rows) >= BLOCK:
                self._block()

        return tell

    def _block(self) -> None:
        columns = list(zip(*self.rows, strict=True)) or [()] * 8
        names = ["kind", "file", "task_id", "page", "annotation_id", "region_id", "field", "excerpt"]
        arrays = [pa.array(column, PHI_SCHEMA.field(name).type) for name, column in zip(names, columns, strict=True)]
        self.blocks.append(pa.Table.from_arrays(arrays, names=names))
        self.rows.clear()

    def table(self) -> pa.Table:
        """Return all findings, sorted."""
        self._block()
        found = pa.concat_tables(self.blocks).combine_chunks()
        kinds = list(KINDS)
        code = pc.index_in(found["kind"], pa.array(kinds))
        for name in ("severity", "safe_harbor", "message"):
            words = pa.array([getattr(KINDS[kind], name) for kind in kinds], pa.string())
            found = found.append_column(name, words.take(code))
        rank = pc.index_in(found["severity"], pa.array(SEVERITIES))
        keys = ["rank", "kind", "file", "task_id", "page", "annotation_id", "region_id", "field", "excerpt"]
        order = pc.sort_indices(found.append_column("rank", rank), sort_keys=[(key, "ascending") for key in keys])
        return found.select(PHI_SCHEMA.names).take(order).cast(PHI_SCHEMA).combine_chunks()
