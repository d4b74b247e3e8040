"""What every number means: a definition with a version for each, which outputs name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files

import pyarrow as pa

__all__ = ["SPECS", "Spec", "spec", "specs_of"]


@dataclass(frozen=True, slots=True)
class Spec:
    """The definition of one number.

    Attributes
    ----------
    name : str
        As in the names of columns, without unit and side.
    version : int
        Raised whenever the same input may give another number: two outputs with the same id can be compared.
    unit : str
        "px", "px2" and the like for numbers that also come in millimetres; "1" for shares and ratios.
    text : str
        The definition.
    source : str
        Where it comes from; empty for definitions of our own.

    Examples
    --------
    >>> from lesiongeo.specs import SPECS
    >>> SPECS["dice"].id, SPECS["dice"].unit
    ('dice@1', '1')
    """

    name: str
    version: int
    unit: str
    text: str
    source: str

    @property
    def id(self) -> str:
        """Name and version, as outputs have it."""
        return f"{self.name}@{self.version}"


def _read() -> dict[str, Spec]:
    entries = tomllib.loads(files(__package__).joinpath("specs.toml").read_text(encoding="utf-8"))
    return {
        name: Spec(
            name, entry["version"], entry.get("unit", ""), " ".join(entry["text"].split()), entry.get("source", "")
        )
        for name, entry in entries.items()
    }


#: All definitions by name, in the order in which data flows.
SPECS: dict[str, Spec] = _read()

#: Columns whose values are names of numbers.
NAMING = ("metric", "statistic", "habit", "method")
#: What stands behind the name of a number in the name of a column.
ENDING = re.compile(
    r"_(px2|px|mm3|mm2|mm|s|a|b|x|y|mean|median|p5|p95|low|high|min|max|share|below|percent|below_low|below_high|month|"
    r"first)$"
)


def spec(name: str) -> Spec:
    """Look up a definition.

    Parameters
    ----------
    name : str
        A name ("hd95"), an id ("hd95@1"), or a column ("hd95_px_median").

    Returns
    -------
    Spec
        The definition.

    Raises
    ------
    KeyError
        If nothing is called so, or the definition has another version; the message names what is alike.

    Examples
    --------
    >>> from lesiongeo.specs import spec
    >>> spec("hausdorff_px").id
    'hausdorff@1'
    """
    bare, _, version = name.partition("@")
    found = _named(bare)
    if found is None:
        alike = [known for known in SPECS if bare in known or known in bare]
        hint = f"; did you mean {', '.join(alike)}?" if alike else "; `lesiongeo spec` lists all"
        raise KeyError(f"no number is called {bare!r}{hint}")
    if version and version != str(found.version):
        raise KeyError(f"{bare} has version {found.version}, not {version}; an older release has that")
    return found


def specs_of(tables: Iterable[pa.Table]) -> list[str]:
    """Ids of the definitions behind the numbers of tables, sorted.

    Parameters
    ----------
    tables : iterable of pyarrow.Table
        Columns are known by their names (without unit, side and kind of mean), rows of long tables by what stands in
        their columns metric, statistic, habit or method.

    Returns
    -------
    list of str
        Without repetition.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from lesiongeo.specs import specs_of
    >>> specs_of([pa.table({"task_id": [1], "iou": [0.5], "area_a_px2": [4.0]})])
    ['area@1', 'iou@1']
    """
    found: set[str] = set()
    for table in tables:
        # What a model says of its own prediction is no score of ours, and how missed lesions were counted no habit.
        # Seconds of an annotation are what was recorded, not the factor that is a habit.
        others = {"lead_time_s", "score"} if "origin" in table.column_names else {"lead_time_s_median", "missed"}
        names = [name for name in table.column_names if name not in others]
        for name in NAMING:
            if name in table.column_names and pa.types.is_string(table[name].type):
                names += [value for value in table[name].unique().to_pylist() if value is not None]
        if any(re.search(r"(^|_)low$", name) for name in names):
            kind = "habit" if "habit" in names else "noise" if "mdc95" in names else "bootstrap"
            found.add(SPECS[f"{kind}_interval"].id)
        found |= {known.id for name in names if (known := _named(name)) is not None}
    return sorted(found)


def _named(column: str) -> Spec | None:
    """Definition behind the name of a column, the longest name that fits."""
    name = column
    while name not in SPECS:
        shorter = ENDING.sub("", name)
        if shorter == name:
            return None
        name = shorter
    return SPECS[name]
