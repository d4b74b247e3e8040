"""The report: one self-contained HTML file of a run folder. See `write_report`."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from ..errors import LesiongeoError

__all__ = ["MissingExtraError", "write_report"]


class MissingExtraError(LesiongeoError, ImportError):
    """A package that the report needs is not installed."""


def write_report(
    folder: str | os.PathLike[str],
    *,
    images: str | os.PathLike[str] | None = None,
    title: str | None = None,
    worst: int = 100,
    notes: bool = False,
) -> Path:
    """Write `report.html` into a run folder: one file that needs nothing else, for people who decide.

    Parameters
    ----------
    folder : path-like
        What ``lesiongeo agree SRC -o DIR`` wrote, as Parquet or CSV. Tables that are missing leave a sentence that
        says which command makes them.
    images : path-like, optional
        Folder with the images, by the last parts of their addresses in the export (``P1/visit2.jpg`` or
        ``visit2.jpg``). The worst cases are then drawn over pieces of them, which become part of the report. Nothing
        outside of this folder is read.
    title : str, optional
        By default "Agreement of annotators".
    worst : int, default 100
        Cases shown, and lesions drawn over time, at most (never more than 40 of these); 0 for none.
    notes : bool, default False
        Also show what annotators typed about regions, ids of lesions that are no plain numbers or names included.
        Notes may name patients.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ImportError
        If jinja2, or with `images` pillow, is not installed (`MissingExtraError`).
    FileNotFoundError, NotADirectoryError
        If `folder` or `images` is no folder.
    ExportError
        If the folder is no run, or one of its files is damaged.
    ValueError
        If `worst` is not between 0 and 1,000.

    Notes
    -----
    The file loads nothing and runs no script but its own: its Content-Security-Policy names the hashes of its script
    and style, all text of the export is escaped, and no link is made of it. The numbers shown are also in it as JSON,
    in the element ``lesiongeo-data``. The same run and the same images give the same bytes. Points of a chart, cards
    and rows are limited, and the report says so where they are, so that a million regions take less than 5 MB.
    Cost: O(n log n) in pairs; outlines of the cases that are shown only.

    Examples
    --------
    >>> import lesiongeo as lg, tempfile, pathlib
    >>> from lesiongeo.files import write_table
    >>> result = lg.agreement(lg.read_label_studio("examples/dermatology.json"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("pairs", "tasks", "annotators", "summary"):
    ...         write_table(getattr(result, name), pathlib.Path(folder) / f"{name}.parquet")
    ...     path = lg.write_report(folder)
    ...     path.name, path.read_text(encoding="utf-8")[:15]
    ('report.html', '<!doctype html>')
    """
    if isinstance(worst, bool) or not isinstance(worst, int) or not 0 <= worst <= 1000:
        raise ValueError(f"worst is {worst!r}; it is a whole number from 0 to 1,000")
    for package, needed in (("jinja2", True), ("PIL", images is not None)):
        if needed and importlib.util.find_spec(package) is None:
            name = {"PIL": "pillow"}.get(package, package)
            raise MissingExtraError(f"the report needs {name}; get it with: pip install 'lesiongeo[report]'")
    from .page import page

    html = page(folder, images=images, title=title, worst=worst, notes=notes)
    path = Path(folder) / "report.html"
    path.write_bytes(html.encode("utf-8"))
    return path
