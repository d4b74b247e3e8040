"""Exports worked out by the package and by the independent calculation, each once per run."""

from __future__ import annotations

import functools
import json
import math
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import exports
import lesiongeo
import little_exports
from lesiongeo.testing import make_export, write_export
from real_exports import MAKER, real_export
from reference_agreement import Key, Pair
from reference_export import Points
from reference_lesions import Facts, PairFact, RegionKey

Row = dict[str, Any]

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Both:
    """One export, worked out by the package and by the reference, each once."""

    path: Path
    options: dict[str, Any]

    @cached_property
    def export(self) -> Any:
        return lesiongeo.read_label_studio(self.path, **self.options)

    @cached_property
    def agreement(self) -> Any:
        return lesiongeo.agreement(self.export)

    @cached_property
    def rows(self) -> list[Row]:
        """The package's pairs."""
        found: list[Row] = self.agreement.pairs.to_pylist()
        return found

    @cached_property
    def facts(self) -> Facts:
        """The reference, with the package's matching where that is as good as its own."""
        pairs: dict[Key, list[Pair]] = defaultdict(list)
        for row in self.rows:
            pair = Pair(*page_key(row), row["region_a"], row["region_b"], row["match"], row["iou"])
            pairs[pair.key].append(pair)
        facts = Facts(self.path, pairs, self.outlines)
        assert len(facts.differing) <= 0.01 * len(facts.pages)
        return facts

    @cached_property
    def outlines(self) -> dict[RegionKey, Points]:
        """Polygons that the package made of ellipses and curves: their number of vertices is its own choice."""
        found = {}
        polygons = self.export.regions.polygons
        xy, ends, parts = (np.asarray(v) for v in (polygons.xy, polygons.ring_offsets, polygons.polygon_offsets))
        kinds = self.export.regions.table["kind"].to_pylist()
        for row, kind in enumerate(kinds):
            if kind in ("ellipse", "vector"):
                ring = parts[row]
                found[self.region_keys[row]] = xy[ends[ring] : ends[ring + 1]]
        return found

    @cached_property
    def region_keys(self) -> list[RegionKey]:
        """Keys of the rows of regions."""
        table = self.export.regions.table.select(["task_id", "source", "annotation_id", "region_id"])
        return [(r["task_id"], r["source"], r["annotation_id"], r["region_id"]) for r in table.to_pylist()]

    @cached_property
    def by_regions(self) -> dict[tuple[object, ...], PairFact]:
        """The reference's pairs by page and regions."""
        return {(*pair.key, pair.id_a, pair.id_b): pair for pair in self.facts.pairs}


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def page_key(row: Row) -> Key:
    return row["task_id"], row["page"], row["annotator_a"], row["annotator_b"]


#: Names of people that are no numbers are hidden by the reader, so that the reference would not know them.
ODD = tuple(name for name in little_exports.CASES if name != "odd_names")
SOURCES = ("lidc", "lvis", "dermatology", "generated", "crowd", "everything", *ODD)


@functools.cache
def both_of(name: str) -> Both:
    """An export by name."""
    folder = Path(_folder().name)
    if name in ("lidc", "lvis"):
        if not MAKER.exists():
            pytest.skip(f"{MAKER.name} is absent")
        return Both(real_export(name), {})
    if name == "dermatology":
        return Both(ROOT / "examples/dermatology.json", {"patient": "patient_id", "spacing_mm": "spacing_mm"})
    path = folder / f"{name}.json"
    if name == "generated":
        write_export(make_export(patients=25, annotators=4, seed=11, miss_rate=0.2), path)
        return Both(path, {"patient": "patient_id", "spacing_mm": "spacing_mm"})
    if name == "crowd":
        path.write_text(json.dumps(little_exports.twelve() + little_exports.others(100)))
        return Both(path, {})
    if name in little_exports.CASES:
        path.write_text(json.dumps(little_exports.CASES[name]()))
        return Both(path, {"spacing_mm": "spacing"} if name == "spacings" else {})
    path.write_text(json.dumps(exports.tasks(33, 15, regions=8)))  # every kind of region
    return Both(path, {})


every_source = pytest.mark.parametrize("source", SOURCES)


def close(found: float | None, expected: float | None, absolute: float = 1e-12) -> bool:
    """Both null, or equal to 1e-9 of their size."""
    if found is None or expected is None:
        return found is expected
    return math.isclose(found, expected, rel_tol=1e-9, abs_tol=absolute)
