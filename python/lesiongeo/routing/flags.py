"""Which pairs of regions a rule flags, and which parts of the rule are the reason."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..agreement import Agreement
from ..agreement.tables import MATCH
from .expression import AllOf, Comparison, Leaf, Node, Word, parse, words

__all__ = ["DEFAULT_FLAG", "Flags", "flag_pairs", "needs_distances"]

Mask = NDArray[np.bool_]

#: What a lead wants to see where nothing else is said: Dice below 0.7 (IoU below 0.538) and whatever has no match.
DEFAULT_FLAG = "dice < 0.7 or label_conflict or near_miss or missing"

#: Columns of both tables that say whose a row is.
KEYS = ("task_id", "page", "annotator_a", "annotator_b")
#: Columns of pairs that `agreement` leaves null with `boundary=False`.
ALONG_BOUNDARY = ("hd95", "masd", "assd", "nsd", "signed_offset")
COMPARE = {
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
    "==": pc.equal,
    "!=": pc.not_equal,
}


@dataclass(frozen=True, slots=True)
class Flags:
    """What a rule flags. See `flag_pairs`.

    Attributes
    ----------
    expression : str
        The rule as it was given.
    reasons : tuple of str
        Comparisons and bare words of the rule in one form, in its order, each once.
    rows : ndarray of bool, shape (n_pairs,)
        Rows of `Agreement.pairs` that are flagged.
    hits : ndarray of bool, shape (n_reasons, n_pairs)
        Which reasons are true for which flagged rows.
    pages : ndarray of bool, shape (n_tasks,)
        Rows of `Agreement.tasks` on which neither of the two annotators drew anything, where they are flagged; such
        pages have no row in `pairs`.
    page_hits : ndarray of bool, shape (n_reasons, n_tasks)
        Which reasons are true for those.
    """

    expression: str
    reasons: tuple[str, ...]
    rows: Mask
    hits: Mask
    pages: Mask
    page_hits: Mask


def flag_pairs(agreement: Agreement, expression: str) -> Flags:
    """Apply a rule to every pair of regions.

    Parameters
    ----------
    agreement : Agreement
        What `agreement` returns.
    expression : str
        The rule: comparisons of columns, joined with and, or, not. Columns are those of `Agreement.pairs`, and by their
        plain names those that only `Agreement.tasks` has, such as `score`, for the page and the two annotators of the
        pair. Bare words are matched, label_conflict, near_miss, missing, and columns that are true or false. Texts
        stand in quotes; names that are no words of Python stand in backquotes.

    Returns
    -------
    Flags
        Flagged rows and their reasons.

    Raises
    ------
    ValueError
        If the rule is not understood, names a column that is not there, or compares what cannot be compared: what,
        and what there is.

    Notes
    -----
    Comparing null says nothing, neither so nor denied: ``not dice > 0.7`` is as little true of a missing region as
    ``dice <= 0.7`` (the three-valued logic of SQL). Every flagged row has a reason, since `not` is moved into the
    comparisons. The rule is data and never run. O(n_pairs * comparisons), vectorised.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> result = lg.agreement(lg.read_label_studio("examples/dermatology.json"))
    >>> flags = lg.flag_pairs(result, "dice < 0.7 or not valid_a or score < 0.2")
    >>> flags.reasons
    ('dice < 0.7', 'not valid_a', 'score < 0.2')
    >>> lg.flag_pairs(result, "dise < 0.7")
    Traceback (most recent call last):
    ...
    ValueError: the rule names dise, which no column is called; perhaps dice? ...
    """
    rule = parse(expression)
    table = _Table(agreement, words(rule))
    found: dict[str, pa.Array] = {}
    flagged = _truth(pc.fill_null(_evaluated(rule, table, found), False))
    hits = [flagged & _truth(pc.fill_null(values, False)) for values in found.values()]
    count = agreement.pairs.num_rows
    all_hits = np.stack(hits)
    pages = np.zeros(agreement.tasks.num_rows, dtype=np.bool_)
    page_hits = np.zeros((len(hits), len(pages)), dtype=np.bool_)
    pages[table.empty] = flagged[count:]
    page_hits[:, table.empty] = all_hits[:, count:]
    return Flags(expression, tuple(found), flagged[:count], all_hits[:, :count], pages, page_hits)


def needs_distances(expression: str) -> bool:
    """Whether a rule names a distance along the boundary, which `agreement` need not compute otherwise."""
    return any(name.startswith(ALONG_BOUNDARY) for name in words(parse(expression)))


class _Table:
    """Columns that a rule names: a row per pair of regions, then one per comparison without any region."""

    def __init__(self, agreement: Agreement, named: list[str]) -> None:
        pairs, tasks = agreement.pairs, agreement.tasks
        drawn = pc.add(tasks["n_a"], tasks["n_b"])
        compared = pc.is_valid(tasks["annotator_b"])
        #: Rows of `tasks` without a row in `pairs`.
        self.empty = np.flatnonzero(_truth(pc.and_(compared, pc.equal(drawn, 0))))
        self.length = pairs.num_rows + len(self.empty)
        of_tasks = [name for name in tasks.column_names if name not in pairs.column_names]
        self.columns: dict[str, pa.Array] = {}
        row: NDArray[np.int64] | None = None
        for name in named:
            if name in MATCH:
                self.columns[name] = self._padded(pc.equal(pairs["match"], name))
            elif name in pairs.column_names and name not in KEYS:
                self.columns[name] = self._padded(pairs[name])
            elif name in tasks.column_names:
                row = _task_rows(pairs, tasks, self.empty) if row is None else row
                self.columns[name] = tasks[name].combine_chunks().take(pa.array(row))
            else:
                raise _unknown(name, [*MATCH, *pairs.column_names, *of_tasks])

    def _padded(self, column: pa.ChunkedArray) -> pa.Array:
        nulls = pa.nulls(len(self.empty), column.type)
        return pa.chunked_array([*column.chunks, nulls], column.type).combine_chunks()


def _task_rows(pairs: pa.Table, tasks: pa.Table, empty: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of `tasks`: that of the page and the annotators of each pair, then the empty ones."""
    codes = []
    for name in KEYS:
        both = pa.chunked_array([*tasks[name].chunks, *pairs[name].chunks], tasks[name].type)
        encoded = both.combine_chunks().dictionary_encode().indices
        codes.append(pc.fill_null(encoded, -1).to_numpy(zero_copy_only=False).astype(np.int64) + 1)
    key = np.zeros(len(codes[0]), dtype=np.int64)
    for code in codes:
        # Numbered anew at each step, so that the product never leaves 64 bits.
        _, key = np.unique(key * (int(code.max(initial=0)) + 1) + code, return_inverse=True)
    own, wanted = key[: tasks.num_rows], key[tasks.num_rows :]
    row_of = np.zeros(int(key.max(initial=0)) + 1, dtype=np.int64)
    row_of[own] = np.arange(tasks.num_rows)
    return np.concatenate((row_of[wanted], empty))


def _evaluated(node: Node, table: _Table, found: dict[str, pa.Array]) -> pa.Array:
    """Evaluate with three values; leaves go into `found` by their text."""
    if isinstance(node, Word | Comparison):
        values = found.get(node.text)
        if values is None:
            values = found[node.text] = _leaf(node, table)
        return values
    join = pc.and_kleene if isinstance(node, AllOf) else pc.or_kleene
    first, *others = (_evaluated(part, table, found) for part in node.parts)
    for other in others:
        first = join(first, other)
    return first


def _leaf(leaf: Leaf, table: _Table) -> pa.Array:
    if isinstance(leaf, Word):
        column = table.columns[leaf.name]
        if not pa.types.is_boolean(column.type):
            raise ValueError(
                f"the rule has {leaf.name} alone, which is {_kind(column.type)}; compare it with something"
            )
        return pc.invert(column) if leaf.denied else column
    left, right = leaf.left, leaf.right
    column = table.columns[left.name if isinstance(left, Word) else right.name]  # type: ignore[union-attr]
    if isinstance(right, tuple):
        values = [_scalar(value, column.type, leaf) for value in right]
        inside = pc.is_in(column, value_set=pa.array(values, column.type if _kind(column.type) != NUMBER else None))
        inside = pc.if_else(pc.is_valid(column), inside, pa.scalar(None, pa.bool_()))
        return pc.invert(inside) if leaf.operator == "not in" else inside
    sides = [
        table.columns[side.name] if isinstance(side, Word) else _scalar(side, column.type, leaf)
        for side in (left, right)
    ]
    if all(isinstance(side, Word) for side in (left, right)) and _kind(sides[0].type) != _kind(sides[1].type):
        raise ValueError(
            f"the rule compares {leaf.text}: one is {_kind(sides[0].type)}, the other {_kind(sides[1].type)}"
        )
    if _kind(column.type) == TRUTH and leaf.operator not in ("==", "!="):
        raise ValueError(f"the rule has {leaf.text}; what is true or false has no order, so use it alone or with not")
    return COMPARE[leaf.operator](*sides)


NUMBER, TEXT, TRUTH = "a number", "a text", "true or false"


def _kind(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return TRUTH
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return NUMBER
    return TEXT if pa.types.is_string(kind) or pa.types.is_large_string(kind) else f"of type {kind}"


def _scalar(value: Any, kind: pa.DataType, leaf: Comparison) -> Any:
    """Check that a constant is of the kind of the column it is compared with."""
    own = TRUTH if isinstance(value, bool) else NUMBER if isinstance(value, float) else TEXT
    if own != _kind(kind):
        remedy = {
            TEXT: "write it in quotes",
            NUMBER: "write a number, without quotes",
            TRUTH: "use the column alone, or with not",
        }.get(_kind(kind), "it cannot be compared")
        raise ValueError(f"the rule has {leaf.text}: the column is {_kind(kind)}, the value {own}; {remedy}")
    return value


def _unknown(name: str, columns: list[str]) -> ValueError:
    near = difflib.get_close_matches(name, columns, 1)
    perhaps = f"; perhaps {near[0]}?" if near else "."
    return ValueError(
        f"the rule names {Word(name).text}, which no column is called{perhaps} There are {', '.join(columns)}; texts "
        "stand in quotes"
    )


def _truth(values: pa.Array | pa.ChunkedArray) -> Mask:
    return np.asarray(
        values.to_numpy(zero_copy_only=False) if isinstance(values, pa.Array) else values.to_numpy(), bool
    )
