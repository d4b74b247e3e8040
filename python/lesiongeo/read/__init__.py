"""Readers: files of annotation tools become regions with columns."""

from .export import Export
from .label_studio import read_label_studio

__all__ = ["Export", "read_label_studio"]
