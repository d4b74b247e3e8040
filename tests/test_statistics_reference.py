"""The tables of statistics against an independent calculation, on real exports and made ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import reference_coefficients as coefficients

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
PUBLISHED = SHARED / "data/conformance/statistics.json"


def units_of_table(table: list[list[int]]) -> list[list[int]]:
    """Units of two annotators from their cross table."""
    return [[i, j] for i, line in enumerate(table) for j, count in enumerate(line) for _ in range(count)]


def reference_value(case: dict[str, Any]) -> float | None:
    """What the reference says of a published case; None for what it does not know."""
    data, name = case["data"], case["statistic"]
    if name in ("cohen_kappa", "weighted linear"):
        weights = "linear" if name == "weighted linear" else "none"
        return coefficients.cohen(units_of_table(data), range(len(data)), weights)
    if name.startswith("weights="):
        weights = {"None": "none"}.get(name.split("=")[1], name.split("=")[1])
        return coefficients.cohen(data, sorted({v for pair in data for v in pair}), weights)
    if name == "fleiss_kappa":
        if "raters" in case["name"]:
            data = [[k for k, c in enumerate(line) for _ in range(c)] for line in data]
        return coefficients.fleiss(data)
    if name.startswith("alpha "):
        return coefficients.alpha(list(zip(*data, strict=True)), name.split()[1])
    if name.startswith("ICC"):
        form = name.removeprefix("ICC").replace("k", "_k")
        return coefficients.icc(data)[form if "_" in form else f"{form}_1"]
    known = {"AC1": coefficients.ac1, "fleiss": coefficients.fleiss, "alpha": coefficients.alpha}
    known["conger"] = coefficients.conger
    if name in known:
        return known[name]([[None if v != v else v for v in unit] for unit in data])
    return None


@pytest.mark.skipif(not PUBLISHED.exists(), reason="published values are absent")
def test_the_reference_gives_published_values() -> None:
    """So that the reference may judge."""
    judged = 0
    for case in json.loads(PUBLISHED.read_text()):
        found = reference_value(case)
        if found is not None:
            assert found == pytest.approx(case["published"], abs=case["tol"]), case["name"]
            judged += 1
    assert judged == 37
