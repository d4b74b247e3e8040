"""Labeling configurations: which controls a project has, what they may answer, which data field holds the images."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from xml.parsers import expat  # what makes XML dangerous is refused in _parse

from ..errors import ConfigError
from ..options import shown

__all__ = ["Choice", "ConfigSource", "Control", "ImageObject", "LabelingConfig", "labeling_config", "path_text"]

#: What `labeling_config` reads.
ConfigSource: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | Mapping[str, Any] | LabelingConfig"

#: Configurations of real projects have kilobytes; taxonomies with tens of thousands of entries a few megabytes.
MOST_BYTES = 16 << 20
#: Nesting of tags; what walks the tree is recursive.
MOST_DEPTH = 200

#: Tags that draw, and the kinds of result that a drawing of theirs has besides their own name.
SHAPES = ("polygon", "rectangle", "ellipse", "brush", "bitmask", "vector", "keypoint", "magicwand")
#: Tags that give labels to what another control drew, or to pieces of text and sound.
LABELS = "labels"
#: Tags that answer questions, under the name of their kind of result.
ANSWERS = ("number", "choices", "textarea", "rating", "taxonomy", "datetime", "pairwise", "ranker")

TRUE = frozenset(("true", "1", "yes"))


@dataclass(frozen=True, slots=True)
class Choice:
    """One label, or one choice of a question.

    Attributes
    ----------
    value : str
        What the annotator reads.
    alias : str or None
        What the export holds in its place, where one is given.
    children : tuple of Choice
        What lies below it in a taxonomy.
    """

    value: str
    alias: str | None = None
    children: tuple[Choice, ...] = ()

    @property
    def exported(self) -> str:
        """What the export holds."""
        return self.value if self.alias is None else self.alias


@dataclass(frozen=True, slots=True)
class ImageObject:
    """One image, or list of images, that annotators look at.

    Attributes
    ----------
    name : str
        Which controls point at it with `to_name`.
    variable : str or None
        Path of the data field that holds the address or the list of them, without the dollar sign; None where the
        configuration has no variable there.
    several : bool
        Whether it shows a list of images, one page each.
    """

    name: str
    variable: str | None
    several: bool


@dataclass(frozen=True, slots=True)
class Control:
    """One control.

    Attributes
    ----------
    name : str
        What exports call it in `from_name`.
    tag : str
        Tag of the configuration, as it is written.
    to_name : tuple of str
        The objects that it is about.
    per_region, per_item : bool
        Whether it is asked per region or per page.
    choices : tuple of Choice
        Labels or choices, in order; for a taxonomy the top of the tree.
    dynamic : bool
        Whether labels or choices come from the task's data or from elsewhere, so that they are not known here.
    several : bool
        Whether more than one label or choice can be given.
    nested : bool
        Whether an answer is the path from the top to the choice.
    leafs_only : bool
        Whether only the ends of a taxonomy can be chosen.
    required : bool
        Whether an annotator must answer.
    minimum, maximum : float or None
        Smallest and largest number.
    earliest, latest : str or None
        Smallest and largest date, as it is written.
    """

    name: str
    tag: str
    to_name: tuple[str, ...] = ()
    per_region: bool = False
    per_item: bool = False
    choices: tuple[Choice, ...] = ()
    dynamic: bool = False
    several: bool = False
    nested: bool = False
    leafs_only: bool = False
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    earliest: str | None = None
    latest: str | None = None

    @property
    def kind(self) -> str:
        """Type of its entries in a result list."""
        return self.tag.lower()

    @property
    def draws(self) -> bool:
        """Whether it draws regions."""
        return self.kind.removesuffix("labels") in SHAPES

    @property
    def labels(self) -> bool:
        """Whether it gives labels to regions."""
        return self.kind.endswith("labels")

    @property
    def scope(self) -> str:
        """What it is asked about: region, page or task."""
        if self.per_region or self.draws or self.labels:
            return "region"
        return "page" if self.per_item else "task"

    def values(self) -> list[str] | None:
        """List what exports may contain, paths of a taxonomy as JSON lists; None where that is not known."""
        if self.dynamic or not (self.labels or self.kind in ("choices", "taxonomy")):
            return None
        if not self.nested:
            return [choice.exported for choice in self.choices]
        return [path_text(path) for path, choice in _paths(self.choices) if not (self.leafs_only and choice.children)]


@dataclass(frozen=True, slots=True)
class LabelingConfig:
    """What a project lets its annotators draw and answer.

    Attributes
    ----------
    images : tuple of ImageObject
        What they look at.
    controls : tuple of Control
        What they draw and answer with, in the order of the configuration.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> export = lg.read_label_studio("examples/dermatology.json", config="examples/dermatology_config.xml")
    >>> export.role("track_id")
    'track_id'
    """

    images: tuple[ImageObject, ...]
    controls: tuple[Control, ...]

    def control(self, name: str) -> Control | None:
        """Return the control of that name, if there is one."""
        return next((control for control in self.controls if control.name == name), None)

    @property
    def images_path(self) -> str | None:
        """Path of the data field with the images; None where there is not exactly one."""
        paths = {image.variable for image in self.images}
        return paths.pop() if len(paths) == 1 else None


def labeling_config(source: ConfigSource) -> LabelingConfig:
    """Read a labeling configuration.

    Parameters
    ----------
    source : path, str, bytes or dict
        An XML file or its text. Of a project as Label Studio's API returns it (JSON, also parsed), the field
        `label_config` is taken. Text that starts with ``<`` or ``{`` is the configuration itself, other text a path.

    Returns
    -------
    LabelingConfig
        Its images and controls. Tags without a name (headers, styles) are left out. O(bytes).

    Raises
    ------
    ConfigError
        If it cannot be used: the line and what to do about it.
    FileNotFoundError, OSError
        If a file cannot be opened.

    Notes
    -----
    Attributes are compared without regard to case, as the editor does. A document type is refused, and with it every
    entity that could refer to a file or grow without bound; so is more than 16 MiB. The elements are those of
    labelstud.io/tags.

    Examples
    --------
    >>> from lesiongeo.read.config import labeling_config
    >>> config = labeling_config('''<View><Image name="photo" valueList="$images"/>
    ...   <PolygonLabels name="lesion" toName="photo"><Label value="nevus"/><Label value="other" alias="x"/>
    ...   </PolygonLabels><Number name="track_id" toName="photo" perRegion="true" min="1"/></View>''')
    >>> [(control.name, control.scope, control.values()) for control in config.controls]
    [('lesion', 'region', ['nevus', 'x']), ('track_id', 'region', None)]
    >>> config.images_path
    'images'
    """
    if isinstance(source, LabelingConfig):
        return source
    if isinstance(source, Mapping):
        name = "the config"
        text = _of_project(source, name)
    else:
        text, name = _text(source)
        if text.startswith(("{", "[")):
            text = _of_project(_parsed(text, name), name)
    images: list[ImageObject] = []
    controls: dict[str, Control] = {}
    for element in _walk(_parse(text, name)):
        kind, own = element.kind, element.attributes.get("name", "").strip()
        if kind != "image" and not (kind in ANSWERS or kind in SHAPES or kind.endswith(LABELS)):
            continue
        if not own:
            raise element.error(name, f"<{element.tag}> has no name, so nothing in an export can refer to it; name it")
        if kind == "image":
            images.append(_image(own, element))
            continue
        if own in controls:
            raise element.error(name, f"two controls are named {shown(own)}; give each a name of its own")
        controls[own] = _control(own, element, name)
    if not controls:
        raise ConfigError(
            f"{name}: no control is in it, so this is no labeling configuration; in Label Studio open Settings, "
            "Labeling Interface, Code, and save what stands there",
            source=name,
        )
    return LabelingConfig(tuple(images), tuple(controls.values()))


def _text(source: ConfigSource) -> tuple[str, str]:
    """Return the text of a configuration, and what to call it."""
    if isinstance(source, str) and not source.strip():
        raise ConfigError("the config is empty; pass the path of an XML file or its text")
    if isinstance(source, bytes | bytearray | memoryview):
        data, name = bytes(source), "the config"
    elif isinstance(source, str) and source.lstrip("\ufeff \t\r\n").startswith(("<", "{", "[")):
        data, name = source.encode("utf-8", "surrogatepass"), "the config"
    elif isinstance(source, str | os.PathLike):
        path = Path(source)
        name = path.name
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    else:
        raise ConfigError(
            f"config is {shown(source)}; it is the path of an XML file, its text, or the project as Label Studio's API "
            "returns it"
        )
    if len(data) > MOST_BYTES:
        raise ConfigError(f"{name}: more than 16 MiB, which no labeling configuration has; pass the XML alone")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError(f"{name}: UTF-16; save it as UTF-8", source=name)
    try:
        return data.decode("utf-8-sig").lstrip(), name
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: not UTF-8 at byte {error.start}; save it as UTF-8", source=name) from error


def _parsed(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        line = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise ConfigError(f"{name}: not JSON{line}; pass the XML of the labeling configuration", source=name) from error


def _of_project(project: Any, name: str) -> str:
    """Take the configuration out of a project."""
    if isinstance(project, list) and len(project) == 1:
        project = project[0]
    found = project.get("label_config") if isinstance(project, Mapping) else None
    if not isinstance(found, str):
        raise ConfigError(
            f"{name}: no text `label_config` is in this JSON; pass one project as the API returns it, or the XML",
            source=name,
        )
    return found.lstrip("\ufeff \t\r\n")


def _parse(text: str, name: str) -> _Element:
    """Parse XML that can neither refer to files nor grow: no document type, so no entities but the five of XML."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    top = _Element("", {}, 0)
    open_elements = [top]

    def start(tag: str, attributes: dict[str, str]) -> None:
        line = parser.CurrentLineNumber
        if len(open_elements) > MOST_DEPTH:
            raise ConfigError(
                f"{name}, line {line}: tags are nested more than {MOST_DEPTH} deep, which no labeling configuration is",
                line=line,
                source=name,
            )
        element = _Element(tag, {key.lower(): value for key, value in attributes.items()}, line)
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def refuse(*_: object) -> None:
        line = parser.CurrentLineNumber
        raise ConfigError(
            f"{name}, line {line}: a document type (<!DOCTYPE>) is refused, because it can refer to files and grow "
            "without bound; remove it",
            line=line,
            source=name,
        )

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: open_elements.pop()
    # Handlers of expat are told of the document type before anything in it is used.
    parser.StartDoctypeDeclHandler = refuse
    try:
        # Given as text, its declared encoding counts for nothing: it has been decoded.
        parser.Parse(text, True)
    except expat.ExpatError as error:
        line, column = error.lineno, error.offset + 1
        raise ConfigError(
            f"{name}, line {line}, column {column}: no well-formed XML ({expat.ErrorString(error.code)}); copy the "
            "configuration again from Settings, Labeling Interface, Code",
            line=line,
            source=name,
        ) from error
    except UnicodeEncodeError as error:
        raise ConfigError(f"{name}: half of a surrogate pair is in its text; save it as UTF-8", source=name) from error
    return top


@dataclass(slots=True)
class _Element:
    tag: str
    #: Names in lower case: the editor does not tell `perRegion` from `perregion`.
    attributes: dict[str, str]
    line: int
    children: list[_Element] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return self.tag.lower()

    def is_true(self, attribute: str) -> bool:
        return self.attributes.get(attribute, "").strip().lower() in TRUE

    def error(self, name: str, message: str) -> ConfigError:
        return ConfigError(f"{name}, line {self.line}: {message}", line=self.line, source=name)


def _walk(element: _Element) -> Iterator[_Element]:
    """Every element, in the order of the text."""
    for child in element.children:
        yield child
        yield from _walk(child)


def _image(own: str, element: _Element) -> ImageObject:
    listed = element.attributes.get("valuelist", "").strip()
    single = element.attributes.get("value", "").strip()
    value = listed or single
    variable = value[1:] if re.fullmatch(r"\$[^\s\[\]{}$]+", value) else None
    return ImageObject(own, variable, several=bool(listed))


def _control(own: str, element: _Element, name: str) -> Control:
    kind, attributes = element.kind, element.attributes
    choices, repeaters = _choices(element)
    listing = kind.endswith(LABELS) or kind in ("choices", "taxonomy")
    # Annotators may add to old taxonomies, and with allowAddLabels to new ones.
    grows = kind == "taxonomy" and (element.is_true("legacy") or element.is_true("allowaddlabels"))
    dynamic = listing and (bool(attributes.get("value")) or bool(attributes.get("apiurl")) or repeaters or grows)
    minimum, maximum, earliest, latest = None, None, None, None
    if kind == "number":
        minimum, maximum = _limit("min", element, name), _limit("max", element, name)
    elif kind == "rating":
        # The editor's default is five stars; none at all is no answer.
        minimum, maximum = 0.0, _limit("maxrating", element, name) or 5.0
    elif kind == "datetime" and not attributes.get("format"):
        earliest, latest = (_date_limit(attributes.get(key)) for key in ("min", "max"))
    default = "multiple" if kind == "taxonomy" else "single"
    return Control(
        name=own,
        tag=element.tag,
        to_name=tuple(part.strip() for part in attributes.get("toname", "").split(",") if part.strip()),
        per_region=element.is_true("perregion"),
        per_item=element.is_true("peritem"),
        choices=choices if listing else (),
        dynamic=dynamic,
        several=attributes.get("choice", default).strip().lower() == "multiple",
        nested=kind == "taxonomy" or (kind == "choices" and element.is_true("allownested")),
        leafs_only=kind == "taxonomy" and element.is_true("leafsonly"),
        required=element.is_true("required"),
        minimum=minimum,
        maximum=maximum,
        earliest=earliest,
        latest=latest,
    )


def _choices(element: _Element) -> tuple[tuple[Choice, ...], bool]:
    """The labels or choices below an element, also those inside views; and whether some come from the task's data."""
    found: list[Choice] = []
    dynamic = False
    for child in element.children:
        below, repeated = _choices(child)
        dynamic |= repeated or child.kind == "repeater"
        if child.kind in ("label", "choice"):
            value = child.attributes.get("value", "")
            dynamic |= value.startswith("$")
            # An empty alias is none.
            found.append(Choice(value, child.attributes.get("alias") or None, below))
        else:
            found += below
    return tuple(found), dynamic


def _limit(attribute: str, element: _Element, name: str) -> float | None:
    text = element.attributes.get(attribute, "").strip()
    # From the task's data: not known.
    if not text or text.startswith("$"):
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise element.error(name, f"{attribute}={shown(text)} of <{element.tag}> is no number; correct or remove it")
    return number


def _date_limit(text: str | None) -> str | None:
    """A limit that can be compared with ISO dates as text; "current" and other words cannot."""
    text = (text or "").strip()
    return text if re.fullmatch(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d)?)?)?", text) else None


def _paths(choices: tuple[Choice, ...], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Choice]]:
    """Every path of a taxonomy from the top, as exports write them, in the order of the configuration."""
    for choice in choices:
        path = (*above, choice.exported)
        yield path, choice
        yield from _paths(choice.children, path)


def path_text(path: Sequence[Any]) -> str:
    """Write a path as exports of a taxonomy are kept: a JSON list without spaces."""
    return json.dumps(path, ensure_ascii=False, separators=(",", ":"))
