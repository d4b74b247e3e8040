"""Exceptions: what is wrong, where it is, and what to do about it."""

from __future__ import annotations

__all__ = ["ConfigError", "ExportError", "LesiongeoError", "RegionError"]


class LesiongeoError(Exception):
    """Base class of the exceptions of this package."""


class ConfigError(LesiongeoError, ValueError):
    """A labeling configuration that cannot be used.

    Attributes
    ----------
    line : int or None
        Line to blame, counted from 1.
    source : str or None
        The file, where it has a name.
    """

    def __init__(self, message: str, *, line: int | None = None, source: str | None = None) -> None:
        super().__init__(message)
        self.line = line
        self.source = source


class RegionError(LesiongeoError, ValueError):
    """Outlines that cannot be used: wrong arrays, wrong offsets, coordinates that are no numbers.

    Attributes
    ----------
    row : int or None
        Region in the batch, where one is to blame.
    ring : int or None
        Ring within the region, where one is to blame.
    """

    def __init__(self, message: str, *, row: int | None = None, ring: int | None = None) -> None:
        super().__init__(message)
        self.row = row
        self.ring = ring


class ExportError(LesiongeoError, ValueError):
    """A file that cannot be read as an annotation export.

    Attributes
    ----------
    position : int or None
        Byte at which reading stopped, counted from the start of the file.
    source : str or None
        The file, where it has a name.
    """

    def __init__(self, message: str, *, position: int | None = None, source: str | None = None) -> None:
        super().__init__(message)
        self.position = position
        self.source = source
