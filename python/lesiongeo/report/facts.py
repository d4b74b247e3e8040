"""What a run says of itself: definitions it used, versions, options, seed, hashes of its input."""

from __future__ import annotations

from typing import Any

from ..specs import SPECS
from .run import Run

__all__ = ["definitions", "options_of", "run_facts"]

#: Lines of facts; a run of thousands of files would fill pages with their hashes.
MOST_FACTS = 80


def definitions(run: Run) -> list[dict[str, str]]:
    """List the definitions that the tables name, with their texts where this version knows them."""
    return [{"id": one, "text": _definition(one)} for one in run.specs()]


def _definition(spec_id: str) -> str:
    """Text of a definition; of another version than this release has, nothing is known here."""
    found = SPECS.get(spec_id.split("@", 1)[0])
    if found is None or found.id != spec_id:
        return "not in this version of lesiongeo"
    return f"{found.text} ({found.source})" if found.source else found.text


def options_of(lock: dict[str, Any]) -> dict[str, Any]:
    """Return the options of the run that the report needs, those that make sense."""
    options = lock.get("options")
    found: dict[str, Any] = {}
    if not isinstance(options, dict):
        return found
    confidence = options.get("confidence")
    if isinstance(confidence, float) and 0 < confidence < 1:
        found["confidence"] = confidence
    bounds = options.get("size_bounds_px2")
    if isinstance(bounds, list) and len(bounds) == 2 and all(isinstance(one, int | float) for one in bounds):
        found["size_bounds_px2"] = (float(bounds[0]), float(bounds[1]))
    return found


def run_facts(lock: dict[str, Any]) -> list[tuple[str, str]]:
    """Flatten the lock file into lines of name and value."""
    lines: list[tuple[str, str]] = []
    _flatten("", lock, lines)
    if len(lines) > MOST_FACTS:
        more = len(lines) - MOST_FACTS
        return [*lines[:MOST_FACTS], ("", f"and {more:,} more in run.lock.json")]
    return lines


def _flatten(name: str, value: Any, lines: list[tuple[str, str]]) -> None:
    if isinstance(value, dict):
        # Long lists of files last, so that what is cut off is theirs.
        for key in sorted(value, key=lambda key: (isinstance(value[key], list), str(key))):
            _flatten(f"{name}.{key}" if name else str(key), value[key], lines)
    elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        for number, one in enumerate(value):
            _flatten(f"{name}[{number}]", one, lines)
    elif value is not None:
        text = ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)
        lines.append((name, text))
