"""Readers: files of annotation tools become regions with columns."""

from .export import Export
from .label_studio import read_label_studio, scan_label_studio
from .parquet import read_export, read_parquet, scan_parquet
from .scan import Scan

__all__ = [
    "Export",
    "Scan",
    "read_export",
    "read_label_studio",
    "read_parquet",
    "scan_label_studio",
    "scan_parquet",
]
