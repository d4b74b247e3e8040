"""One lesion over visits as a picture: SVG, or PNG without a browser."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..report import MissingExtraError

if TYPE_CHECKING:
    from ..read import Export
    from ..report.scene import Scene

__all__ = ["plot_track", "write_plot"]

#: Names listed in a message.
MOST_NAMED = 12


class TracksOfExport(Protocol):
    """What a picture needs of `Tracks`."""

    @property
    def table(self) -> pa.Table:
        """One row per lesion and visit."""

    @property
    def conflicts(self) -> pa.Table:
        """Answers that contradict what was measured."""

    @property
    def findings(self) -> pa.Table:
        """What is odd about ids."""

    @property
    def track_of_region(self) -> NDArray[np.int64]:
        """Number of the track of each region, -1 where it has none."""


def plot_track(
    tracks: TracksOfExport,
    export: Export,
    track: str | int,
    *,
    patient: str | None = None,
    site: str | None = None,
    annotator: str | None = None,
    task_id: int | None = None,
) -> str:
    """Draw one lesion over visits as SVG."""
    from ..report.figure import figure_svg

    return figure_svg(_figure(tracks, export, track, patient, site, annotator, task_id))


def write_plot(
    tracks: TracksOfExport,
    export: Export,
    track: str | int,
    path: str | os.PathLike[str],
    *,
    patient: str | None = None,
    site: str | None = None,
    annotator: str | None = None,
    task_id: int | None = None,
) -> Path:
    """Write the picture of one lesion over visits: SVG or PNG, by the ending of the file."""
    target = Path(path)
    ending = target.suffix.lower()
    if ending not in (".svg", ".png"):
        raise ValueError(f"{target} ends in neither .svg nor .png; the ending says what is drawn")
    for package, name in (("markupsafe", "jinja2"), *([("PIL", "pillow")] if ending == ".png" else [])):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(f"a picture needs {name}; get it with: pip install 'lesiongeo[report]'")
    scene = _figure(tracks, export, track, patient, site, annotator, task_id)
    if ending == ".png":
        from ..report.raster import png_of

        target.write_bytes(png_of(scene))
    else:
        from ..report.figure import figure_svg

        target.write_bytes(figure_svg(scene).encode("utf-8"))
    return target


def _figure(
    tracks: TracksOfExport,
    export: Export,
    track: str | int,
    patient: str | None,
    site: str | None,
    annotator: str | None,
    task_id: int | None,
) -> Scene:
    raise NotImplementedError
