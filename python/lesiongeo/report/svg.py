"""Elements of SVG and HTML as escaped text: the only place that makes markup in Python."""

from __future__ import annotations

import math
import re

from markupsafe import Markup, escape

__all__ = ["breaks", "element", "join", "num", "title"]


def num(value: float, digits: int = 1) -> str:
    """Return a coordinate in as few characters as it needs; never an exponent, never a negative zero.

    Examples
    --------
    >>> num(12.0), num(0.25, 2), num(-0.04)
    ('12', '0.25', '0')
    """
    if not math.isfinite(value):
        raise ValueError(f"a coordinate of a drawing is {value}; please report it")
    text = f"{value:.{digits}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def join(parts: list[Markup]) -> Markup:
    """Put elements one after the other."""
    return Markup("").join(parts)


def element(name: str, *children: str, **attributes: object) -> Markup:
    """Return an element; texts and attributes are escaped, elements among the children are kept.

    Of attributes an underscore at the end is dropped and others become hyphens; None is left out; numbers become
    coordinates.

    Examples
    --------
    >>> element("text", "a < b", x=1.50, class_="axis", text_anchor="end", y=None)
    Markup('<text x="1.5" class="axis" text-anchor="end">a &lt; b</text>')
    """
    parts: list[str] = []
    for key, value in attributes.items():
        if value is None:
            continue
        text = num(float(value), 2) if isinstance(value, int | float) else str(escape(value))
        parts.append(f' {key.rstrip("_").replace("_", "-")}="{text}"')
    inner = "".join(str(escape(child)) for child in children)
    # The name and the keys are ours, values and children have been escaped.
    return Markup(f"<{name}{''.join(parts)}>{inner}</{name}>")  # noqa: S704


def title(text: str) -> Markup:
    """Return the title of an element, which browsers show and read out."""
    return element("title", text)


def breaks(text: str) -> Markup:
    """Let a name break behind its hyphens, underscores and slashes; the text itself stays the same.

    Examples
    --------
    >>> breaks("lesion_a<b")
    Markup('lesion_<wbr>a&lt;b')
    """
    parts = re.split(r"(?<=[_/-])(?=[^_/-])", text)
    return Markup("<wbr>").join(parts)
