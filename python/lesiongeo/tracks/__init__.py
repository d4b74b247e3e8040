"""Lesions over visits: whose regions are one lesion, how it changed, and what contradicts that."""

from .build import Tracks, tracks
from .pages.calibration import Calibration
from .plot import plot_track, write_plot
from .volumes import volumes

__all__ = ["Calibration", "Tracks", "plot_track", "tracks", "volumes", "write_plot"]
