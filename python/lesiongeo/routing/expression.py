"""Rules as text become a tree of comparisons: a small language, parsed by a list of what is allowed, never run."""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from ..options import shown

__all__ = ["AllOf", "AnyOf", "Comparison", "Constant", "Leaf", "Node", "Word", "leaves", "parse", "words"]

#: Rules that people write have some tens of characters; these bounds keep a hostile text from costing anything.
MOST_CHARACTERS, MOST_DEPTH, MOST_LEAVES = 2000, 40, 64

Constant: TypeAlias = "bool | float | str"

OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.In: "in",
    ast.NotIn: "not in",
}
#: What a comparison becomes when it is denied; of null nothing is true, neither way.
DENIED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "==", "in": "not in", "not in": "in"}

LANGUAGE = (
    "a rule has names of columns, numbers, texts in quotes, < <= > >= == != in, and, or, not and parentheses, as in "
    "'dice < 0.7 or label_conflict'"
)


@dataclass(frozen=True, slots=True)
class Word:
    """A bare word that is true or false by itself, or the name of a column within a comparison."""

    name: str
    denied: bool = False

    @property
    def text(self) -> str:
        """As a rule has it."""
        name = self.name if self.name.isidentifier() else f"`{self.name}`"
        return f"not {name}" if self.denied else name


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides, columns or constants; the right side of in and not in is a tuple of constants."""

    left: Word | Constant
    operator: str
    right: Word | Constant | tuple[Constant, ...]

    @property
    def text(self) -> str:
        """As a rule has it, in one form: spaces and quotes alike, numbers without needless digits."""
        return f"{_side(self.left)} {self.operator} {_side(self.right)}"


@dataclass(frozen=True, slots=True)
class AllOf:
    """True where all parts are."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True where any part is."""

    parts: tuple[Node, ...]


Leaf: TypeAlias = "Word | Comparison"
Node: TypeAlias = "AllOf | AnyOf | Word | Comparison"


def parse(text: str) -> Node:
    """Parse a rule; `not` is moved into the leaves, so that what is true of a row is said by its leaves.

    Parameters
    ----------
    text : str
        The rule, at most 2000 characters.

    Returns
    -------
    AllOf, AnyOf, Word or Comparison
        The tree. Chains such as ``0 < x < 1`` become two comparisons.

    Raises
    ------
    ValueError
        For anything that is not in the language, with the place.

    Notes
    -----
    The text is parsed as Python and the tree is copied node by node from a list of what is allowed: no calls,
    attributes, subscripts, arithmetic; nothing of it is ever run. Names in backquotes can contain anything but
    backquotes.

    Examples
    --------
    >>> from lesiongeo.routing.expression import leaves, parse
    >>> [leaf.text for leaf in leaves(parse("not (dice>=0.70 and label_equal) or missing"))]
    ['dice < 0.7', 'not label_equal', 'missing']
    """
    if not isinstance(text, str):
        raise ValueError(f"the rule is {shown(text)}; it is a text such as 'dice < 0.7'")
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"the rule has {len(text)} characters; {MOST_CHARACTERS} are the most")
    if not text.strip():
        raise ValueError(f"the rule is empty; {LANGUAGE}")
    plain, quoted = _without_backquotes(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in texts, say: they are somebody else's Python
            tree = ast.parse(plain.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        where = ""
        if isinstance(error, SyntaxError) and error.offset is not None:
            where = f" near character {error.offset}" if 0 < error.offset <= len(text) else " at its end"
        raise ValueError(f"the rule {shown(text)} cannot be understood{where}; {LANGUAGE}") from None
    node = _Reader(text, quoted).node(tree.body, denied=False, depth=0)
    count = sum(1 for _ in leaves(node))
    if count > MOST_LEAVES:
        raise ValueError(f"the rule has {count} comparisons; {MOST_LEAVES} are the most")
    return node


def leaves(node: Node) -> Iterator[Leaf]:
    """Comparisons and bare words, in the order of the text."""
    if isinstance(node, AllOf | AnyOf):
        for part in node.parts:
            yield from leaves(part)
    else:
        yield node


def words(node: Node) -> list[str]:
    """Names that occur, each once, in the order of the text."""
    found: dict[str, None] = {}
    for leaf in leaves(node):
        for side in (leaf,) if isinstance(leaf, Word) else (leaf.left, leaf.right):
            if isinstance(side, Word):
                found[side.name] = None
    return list(found)


def _without_backquotes(text: str) -> tuple[str, dict[str, str]]:
    """Outside of texts, put plain names in place of those in backquotes, and spaces in place of line ends."""
    quoted: dict[str, str] = {}

    def replace(found: re.Match[str]) -> str:
        name = found.group(1)
        if name is None:
            if found.group() == "#":
                raise ValueError(f"the rule {shown(text)} has a #; a rule has no comments")
            return " " if found.group().isspace() else found.group()
        plain = f"_backquoted_{len(quoted)}_"
        quoted[plain] = name
        return f" {plain} "

    return re.sub(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`([^`]+)`|#|\s+""", replace, text), quoted


def _side(side: Word | Constant | tuple[Constant, ...]) -> str:
    if isinstance(side, Word):
        return side.text
    if isinstance(side, tuple):
        return f"({', '.join(map(_side, side))}{',' if len(side) == 1 else ''})"
    if isinstance(side, float) and side.is_integer() and abs(side) < 1e15:
        return str(int(side))
    return repr(side)


class _Reader:
    """Copies a tree of Python, as far as it is in the language."""

    def __init__(self, text: str, quoted: dict[str, str]) -> None:
        self.text = text
        self.quoted = quoted

    def node(self, tree: ast.expr, *, denied: bool, depth: int) -> Node:
        if depth > MOST_DEPTH:
            raise ValueError(f"the rule is nested more than {MOST_DEPTH} deep; write it flatter")
        if isinstance(tree, ast.BoolOp):
            parts = tuple(self.node(value, denied=denied, depth=depth + 1) for value in tree.values)
            # Denied, and becomes or (De Morgan).
            return AllOf(parts) if isinstance(tree.op, ast.And) != denied else AnyOf(parts)
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
            return self.node(tree.operand, denied=not denied, depth=depth + 1)
        if isinstance(tree, ast.Compare):
            return self.comparisons(tree, denied=denied)
        if isinstance(tree, ast.Name):
            return Word(self.quoted.get(tree.id, tree.id), denied)
        if isinstance(tree, ast.Constant):
            raise self.refused(tree, "a value alone says nothing; compare it with a column")
        raise self.refused(tree, LANGUAGE)

    def comparisons(self, tree: ast.Compare, *, denied: bool) -> Node:
        parts: list[Comparison] = []
        left: ast.expr = tree.left
        for operator, right in zip(tree.ops, tree.comparators, strict=True):
            name = OPERATORS.get(type(operator))
            if name is None:
                raise self.refused(tree, "`is` compares nothing here; write == or !=")
            sides = self.side(left), self.listed(right) if name in ("in", "not in") else self.side(right)
            if not any(isinstance(side, Word) for side in sides):
                raise self.refused(tree, "no column is in it; compare a column with something")
            parts.append(Comparison(sides[0], DENIED[name] if denied else name, sides[1]))
            left = right
        if len(parts) == 1:
            return parts[0]
        return AnyOf(tuple(parts)) if denied else AllOf(tuple(parts))

    def side(self, tree: ast.expr) -> Word | Constant:
        if isinstance(tree, ast.Name):
            return Word(self.quoted.get(tree.id, tree.id))
        negative = isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub | ast.UAdd)
        inner = tree.operand if isinstance(tree, ast.UnaryOp) and negative else tree
        if isinstance(inner, ast.Constant):
            value = inner.value
            if isinstance(value, int | float) and not isinstance(value, bool):
                number = _number(value)
                if number is None:
                    raise self.refused(tree, "numbers lie below 1e300")
                return -number if negative and isinstance(tree.op, ast.USub) else number  # type: ignore[attr-defined]
            if isinstance(value, bool | str) and not negative:
                return value
        raise self.refused(tree, LANGUAGE)

    def listed(self, tree: ast.expr) -> tuple[Constant, ...]:
        if not isinstance(tree, ast.Tuple | ast.List | ast.Set) or not tree.elts:
            raise self.refused(tree, "behind `in` stands a list of values, as in label_a in ('nevus', 'other')")
        values = tuple(self.side(element) for element in tree.elts)
        if any(isinstance(value, Word) for value in values):
            raise self.refused(tree, "behind `in` stand numbers or texts in quotes, no columns")
        return values  # type: ignore[return-value]

    def refused(self, tree: ast.expr, remedy: str) -> ValueError:
        try:
            part = ast.unparse(tree)
        except (ValueError, RecursionError):
            part = self.text
        for plain, name in self.quoted.items():
            part = part.replace(plain, f"`{name}`")
        return ValueError(f"the rule cannot have {shown(part)}: {remedy}")


def _number(value: int | float) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and abs(number) < 1e300 else None
