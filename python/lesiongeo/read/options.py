"""How a reader is told what the parts of an export mean: configuration, data fields, roles; checked in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..options import shown
from ..spacing import Spacing, checked_spacing
from .config import ConfigSource, LabelingConfig, labeling_config

__all__ = ["FieldPath", "ReadOptions", "read_options"]

#: Keys from the task's data down to a field.
FieldPath: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a reader was told about an export; made by `read_options`.

    Attributes
    ----------
    config : LabelingConfig or None
        The labeling configuration.
    images, patient, visit_date, day_offset : tuple of str or None
        Paths of data fields, below `data`.
    spacing_path : tuple of str or None
        Path of the data field with the millimetres per pixel.
    spacing_mm : (float, float) or None
        Millimetres per pixel along x and y of every image.
    track_id, status, note : str or None
        Names of controls that were said to have these roles.
    """

    config: LabelingConfig | None = None
    images: FieldPath | None = None
    patient: FieldPath | None = None
    visit_date: FieldPath | None = None
    day_offset: FieldPath | None = None
    spacing_path: FieldPath | None = None
    spacing_mm: tuple[float, float] | None = None
    track_id: str | None = None
    status: str | None = None
    note: str | None = None

    @property
    def roles(self) -> dict[str, str]:
        """Names of controls by the role that they were said to have."""
        named = {"track_id": self.track_id, "status": self.status, "note": self.note}
        return {role: name for role, name in named.items() if name is not None}

    @property
    def reads_data(self) -> bool:
        """Whether a field of the tasks' data is asked for."""
        paths = (self.images, self.patient, self.visit_date, self.day_offset, self.spacing_path)
        return any(path is not None for path in paths)


def read_options(
    *,
    config: ConfigSource | None = None,
    images: str | None = None,
    patient: str | None = None,
    visit_date: str | None = None,
    day_offset: str | None = None,
    spacing_mm: Spacing | str | None = None,
    track_id: str | None = None,
    status: str | None = None,
    note: str | None = None,
) -> ReadOptions:
    """Check what a reader is told about an export.

    Parameters
    ----------
    config : path, str, bytes, dict or LabelingConfig, optional
        The labeling configuration, see `labeling_config`. Where it has one variable for images, that is `images`.
    images, patient, visit_date, day_offset : str, optional
        Dotted paths into the task's data, with or without ``data.`` or a dollar sign in front: ``"images"``,
        ``"data.visits.date"``. A path that meets a list of objects goes on in each of them.
    spacing_mm : str, number or (number, number), optional
        Such a path; or millimetres per pixel of every image, the same along both axes or (x, y), also as text
        ("0.05", "0.05,0.06").
    track_id, status, note : str, optional
        Names of controls (`from_name`), in place of what `roles` infers.

    Returns
    -------
    ReadOptions
        Frozen; what `assemble` takes.

    Raises
    ------
    ConfigError
        If the configuration cannot be used.
    ValueError
        If a path or a name is empty or no text, or a spacing no number from 1e-9 to 1e9 mm per pixel.

    Examples
    --------
    >>> from lesiongeo.read.options import read_options
    >>> options = read_options(visit_date="data.visits.date", spacing_mm="0.05")
    >>> options.visit_date, options.spacing_mm
    (('visits', 'date'), (0.05, 0.05))
    """
    settled = None if config is None else labeling_config(config)
    paths = {
        name: _path(name, text)
        for name, text in (
            ("images", images),
            ("patient", patient),
            ("visit_date", visit_date),
            ("day_offset", day_offset),
        )
    }
    if paths["images"] is None and settled is not None and settled.images_path is not None:
        paths["images"] = _path("images", settled.images_path)
    constant, spacing_path = _spacing(spacing_mm)
    names = {name: _name(name, text) for name, text in (("track_id", track_id), ("status", status), ("note", note))}
    return ReadOptions(config=settled, spacing_path=spacing_path, spacing_mm=constant, **paths, **names)  # type: ignore[arg-type]


def _path(name: str, text: str | None) -> FieldPath | None:
    """Take a dotted path apart."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise ValueError(f"{name} is {shown(text)}; it is the path of a data field, such as 'visits.date'")
    parts = tuple(text.strip().removeprefix("$").removeprefix("data.").split("."))
    if not all(parts):
        raise ValueError(f"{name} is {shown(text)}; it is the path of a data field, names with dots between them")
    return parts


def _name(name: str, text: str | None) -> str | None:
    if text is not None and (not isinstance(text, str) or not text.strip()):
        raise ValueError(f"{name} is {shown(text)}; it is the name of a control, as `from_name` gives it")
    return text


def _spacing(spacing: Spacing | str | None) -> tuple[tuple[float, float] | None, FieldPath | None]:
    """Tell millimetres per pixel from the path of a field."""
    if not isinstance(spacing, str):
        return checked_spacing(spacing), None
    try:
        values = [float(part) for part in spacing.split(",")]
    except ValueError:
        return None, _path("spacing_mm", spacing)
    return checked_spacing(values[0] if len(values) == 1 else values), None
