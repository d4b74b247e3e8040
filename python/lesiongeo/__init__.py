"""Measurements of lesion outlines and agreement between the people who drew them.

Data flows through the modules in this order: exports are read (`read`) into regions (`regions`, `polygons`), regions
are measured alone or in pairs (`metrics`, `measure`), annotators are compared (`agreement`). `cli` is the same for
the terminal. Everything works offline.
"""

from __future__ import annotations

from ._core import __version__
from .agreement import Agreement, agreement
from .clipping import (
    DisagreementArea,
    GroupedPolygons,
    difference,
    disagreement_area,
    intersection,
    majority,
    union,
)
from .coco import coco, write_coco
from .consensus import Consensus, consensus
from .distances import (
    HausdorffWitnesses,
    assd,
    hausdorff,
    hd95,
    masd,
    nsd,
    signed_offset,
    surface_distances,
)
from .errors import ConfigError, ExportError, LesiongeoError, RegionError
from .findings import findings
from .habits import Habits, habits
from .label_studio import review_tasks
from .measure import measure
from .metrics import (
    IouPairs,
    area,
    bounds,
    centroid,
    dice,
    intersection_area,
    iou,
    iou_pairs,
    is_valid,
    perimeter,
)
from .parquet import write_parquet
from .polygons import Polygons
from .privacy import lint_phi, private
from .read import (
    Export,
    Scan,
    read_export,
    read_label_studio,
    read_parquet,
    scan_label_studio,
    scan_parquet,
)
from .regions import Regions
from .report import write_report
from .routing import Sample, audit_sample, flag_pairs, review_queue
from .shape import shape_measures
from .statistics import (
    AgreementParts,
    BlandAltman,
    Coefficient,
    Ratings,
    ReliabilityParts,
    agreement_statistics,
    bland_altman,
    cohen_kappa,
    conger_kappa,
    fleiss_kappa,
    gwet_ac1,
    icc,
    krippendorff_alpha,
    pearson,
    ratings,
    reliability,
    wilson_interval,
)
from .threads import num_threads, set_num_threads
from .tracks import Calibration, Tracks, plot_track, tracks, volumes, write_plot
from .validity import make_valid, validity_reason

__all__ = [
    "Agreement",
    "AgreementParts",
    "BlandAltman",
    "Calibration",
    "Coefficient",
    "ConfigError",
    "Consensus",
    "DisagreementArea",
    "Export",
    "ExportError",
    "GroupedPolygons",
    "Habits",
    "HausdorffWitnesses",
    "IouPairs",
    "LesiongeoError",
    "Polygons",
    "Ratings",
    "RegionError",
    "Regions",
    "ReliabilityParts",
    "Sample",
    "Scan",
    "Tracks",
    "__version__",
    "agreement",
    "agreement_statistics",
    "area",
    "assd",
    "audit_sample",
    "bland_altman",
    "bounds",
    "centroid",
    "coco",
    "cohen_kappa",
    "conger_kappa",
    "consensus",
    "dice",
    "difference",
    "disagreement_area",
    "findings",
    "flag_pairs",
    "fleiss_kappa",
    "gwet_ac1",
    "habits",
    "hausdorff",
    "hd95",
    "icc",
    "intersection",
    "intersection_area",
    "iou",
    "iou_pairs",
    "is_valid",
    "krippendorff_alpha",
    "lint_phi",
    "majority",
    "make_valid",
    "masd",
    "measure",
    "nsd",
    "num_threads",
    "pearson",
    "perimeter",
    "plot_track",
    "private",
    "ratings",
    "read_export",
    "read_label_studio",
    "read_parquet",
    "reliability",
    "review_queue",
    "review_tasks",
    "scan_label_studio",
    "scan_parquet",
    "set_num_threads",
    "shape_measures",
    "signed_offset",
    "surface_distances",
    "tracks",
    "union",
    "validity_reason",
    "volumes",
    "wilson_interval",
    "write_coco",
    "write_parquet",
    "write_plot",
    "write_report",
]
