"""Measurements of lesion outlines and agreement between the people who drew them.

Data flows through the modules in this order: exports are read (`read`) into regions (`regions`, `polygons`), regions are
measured alone or in pairs (`metrics`, `measure`), annotators are compared (`agreement`). `cli` is the same for the terminal.
Everything works offline.
"""

from __future__ import annotations

from ._core import __version__
from .errors import ExportError, LesiongeoError, RegionError
from .metrics import (
    IouPairs,
    area,
    bounds,
    centroid,
    dice,
    hausdorff,
    intersection_area,
    iou,
    iou_pairs,
    is_valid,
    perimeter,
)
from .polygons import Polygons
from .threads import num_threads, set_num_threads

__all__ = [
    "ExportError",
    "IouPairs",
    "LesiongeoError",
    "Polygons",
    "RegionError",
    "__version__",
    "area",
    "bounds",
    "centroid",
    "dice",
    "hausdorff",
    "intersection_area",
    "iou",
    "iou_pairs",
    "is_valid",
    "num_threads",
    "perimeter",
    "set_num_threads",
]
