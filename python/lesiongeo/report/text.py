"""Text from outside made fit to be shown, and numbers as a reader wants them."""

from __future__ import annotations

import math
import unicodedata

__all__ = ["count", "image_name", "interval", "number", "percent", "plural", "shown", "signed_percent", "words"]

#: Longest text in a cell; the rest is counted.
LONGEST = 60
#: Format characters that letters of some scripts and joined signs need; all others are named instead of obeyed.
JOINERS = "\u200c\u200d"
#: Accents on one letter; more of them climb out of their line.
ACCENTS = 3

#: Where there is no number.
NOTHING = "\u2013"


def shown(value: object, limit: int = LONGEST) -> str:
    r"""Return a text on one line that can neither break the layout nor turn the text around it.

    Control characters become spaces, characters that change the direction of writing are named, halves of surrogate
    pairs become U+FFFD, and of a text beyond `limit` characters the beginning is left, with its length, where that is
    the shorter.

    Parameters
    ----------
    value : object
        Anything; None is an empty text.
    limit : int, default 60
        Characters.

    Returns
    -------
    str
        Encodable as UTF-8. Not escaped: that is for who writes it into HTML.

    Examples
    --------
    >>> shown("naevus\n\u202egnp.exe"), shown("x" * 100, 5)
    ('naevus [U+202E]gnp.exe', 'xxxxx... (100 characters)')
    """
    if value is None:
        return ""
    text = str(value)
    length = f"... ({len(text):,} characters)"
    if len(text) <= limit + len(length):
        limit, length = len(text), ""
    kept: list[str] = []
    accents = 0
    for character in text[:limit]:
        kind = unicodedata.category(character)
        accents = accents + 1 if kind in ("Mn", "Me") else 0
        if kind == "Cs" or accents > ACCENTS:
            kept.append("\ufffd")
        elif kind in ("Cc", "Zl", "Zp"):
            kept.append(" ")
        elif kind == "Cf" and character not in JOINERS:
            kept.append(f"[U+{ord(character):04X}]")
        else:
            kept.append(character)
    return "".join(kept) + length


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with so many decimals, thousands apart; a dash where there is none.

    Examples
    --------
    >>> number(0.12345), number(12345.678, 1), number(None)
    ('0.123', '12,345.7', '\u2013')
    """
    if value is None or math.isnan(value):
        return NOTHING
    text = f"{value:,.{digits}f}"
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text.replace("-", "\u2212")


def count(value: float | None) -> str:
    """Return a whole number, thousands apart."""
    return number(value, 0)


def percent(share: float | None, digits: int = 0) -> str:
    """Return a share as percent.

    Examples
    --------
    >>> percent(0.256), percent(None)
    ('26 %', '\u2013')
    """
    return NOTHING if share is None or math.isnan(share) else f"{number(100 * share, digits)} %"


def signed_percent(value: float | None, digits: int = 1) -> str:
    """Return percent with its sign.

    Examples
    --------
    >>> signed_percent(10.04), signed_percent(-3)
    ('+10.0 %', '\u22123.0 %')
    """
    if value is None or math.isnan(value):
        return NOTHING
    text = number(value, digits)
    return f"{'+' if value > 0 and float(text.replace(',', '')) else ''}{text} %"


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """Return an interval as text, empty where there is none.

    Examples
    --------
    >>> interval(0.1, 0.25, 2), interval(None, 1.0)
    ('0.10 to 0.25', '')
    """
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return ""
    return f"{number(low, digits)} to {number(high, digits)}"


def image_name(address: str | None) -> str:
    """Return the last part of an image address, never a query, which can hold a signature.

    Examples
    --------
    >>> image_name("https://host/P1/visit2.jpg?token=abc"), image_name(None)
    ('visit2.jpg', '')
    """
    plain = (address or "").replace("?", "#").split("#", 1)[0]
    return plain.rstrip("/").rsplit("/", 1)[-1]


def plural(amount: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> plural(1, "page"), plural(1200, "page")
    ('1 page', '1,200 pages')
    """
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


def words(code: str | None) -> str:
    """Return a code of ours in words.

    Examples
    --------
    >>> words("label_conflict")
    'label conflict'
    """
    return shown(code).replace("_", " ")
