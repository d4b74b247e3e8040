"""Statistics of strata, from the facts of an export and the definitions alone."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from reference_agreement import person
from reference_lesions import Facts, PairFact, first_label


@dataclass(frozen=True)
class Spread:
    """Of some numbers; None of nothing."""

    n: int
    mean: float | None
    median: float | None
    p5: float | None
    p95: float | None

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread:
        """Leave out what is not known."""
        known = sorted(v for v in values if v is not None)
        if not known:
            return cls(0, None, None, None, None)
        mean = math.fsum(known) / len(known)
        return cls(len(known), mean, statistics.median(known), quantile(known, 0.05), quantile(known, 0.95))


def quantile(ordered: Sequence[float], share: float) -> float:
    """Between neighbours on a straight line, the ends being the smallest and the largest (type 7)."""
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


@dataclass
class Detection:
    """Counts with one side as the reference, and what follows from them."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    shared: float = 0.0

    def add(self, pair: PairFact, iou: float, reference: str = "a") -> None:
        """Count a row of pairs."""
        if pair.match == "matched" and pair.iou is not None and pair.iou >= iou:
            self.tp += 1
            self.shared += pair.iou
            return
        own, other = ("a", "b") if reference == "a" else ("b", "a")
        self.fn += getattr(pair, f"region_{own}") is not None
        self.fp += getattr(pair, f"region_{other}") is not None

    @property
    def values(self) -> dict[str, float | None]:
        """By name; None where there is nothing to divide by."""

        def ratio(top: float, bottom: float) -> float | None:
            return top / bottom if bottom else None

        tp, fp, fn = self.tp, self.fp, self.fn
        return {
            "precision": ratio(tp, tp + fp),
            "recall": ratio(tp, tp + fn),
            "f1": ratio(2 * tp, 2 * tp + fp + fn),
            "recognition_quality": ratio(2 * tp, 2 * tp + fp + fn),
            "segmentation_quality": ratio(self.shared, tp),
            "panoptic_quality": ratio(2 * self.shared, 2 * tp + fp + fn),
        }


def share_below(values: Iterable[float | None], threshold: float) -> float | None:
    """Share of the known values below a threshold."""
    known = [v for v in values if v is not None]
    return sum(v < threshold for v in known) / len(known) if known else None


def groups(pairs: Iterable[PairFact], by: str) -> dict[object, list[PairFact]]:
    """Rows of pairs by stratum; a row can stand in several."""
    found: dict[object, list[PairFact]] = defaultdict(list)
    for pair in pairs:
        for key in keys(pair, by):
            found[key].append(pair)
    return found


def keys(pair: PairFact, by: str) -> list[object]:
    """The strata of a row."""
    match by:
        case "all":
            return [None]
        case "annotator_pair":
            return [(pair.a, pair.b)]
        case "annotator":
            return [pair.a, pair.b]
        case "label":
            sides = [region for region in (pair.region_a, pair.region_b) if region is not None]
            return sorted({first_label(region) for region in sides}, key=str)
        case "size_class":
            return [pair.size()]
        case "page":
            return [pair.page]
        case "week":
            return [pair.week]
    raise ValueError(by)


def two_way_bias(facts: Facts) -> dict[str, float]:
    """Effect of each annotator in ``ln(area) = lesion + annotator``, by least squares; the effects add up to 0."""
    seen = [lesion for lesion in facts.lesions if len(lesion.areas) > 1 and len(lesion.areas) == len(lesion.regions)]
    number = {name: k for k, name in enumerate(facts.names)}
    n = len(number)
    # Without the lesions' own effects: ratings and columns less their means within the lesion.
    normal, right = np.zeros((n, n)), np.zeros(n)
    for lesion in seen:
        who = [number[name] for name in lesion.regions]
        y = np.array([math.log(facts.area(region) or 1.0) for region in lesion.regions.values()])
        y -= y.mean()
        design = np.zeros((len(who), n))
        design[np.arange(len(who)), who] = 1.0
        design -= design.mean(axis=0)
        normal += design.T @ design
        right += design.T @ y
    effects = np.linalg.lstsq(normal + np.ones((n, n)), right, rcond=None)[0]
    return {name: float(effects[k]) for name, k in number.items()}


def leave_one_out(facts: Facts) -> dict[str, list[float]]:
    """``ln(own area) - mean of ln(the others' areas)`` of every lesion, by annotator."""
    found: dict[str, list[float]] = {name: [] for name in facts.names}
    for lesion in facts.lesions:
        logs = {name: math.log(area) for name, region in lesion.regions.items() if (area := facts.area(region))}
        for name, own in logs.items():
            others = [value for other, value in logs.items() if other != name]
            if others:
                found[name].append(own - math.fsum(others) / len(others))
    return found


def ordered(names: Iterable[str]) -> list[str]:
    """In the order of annotators."""
    return sorted(names, key=person)
