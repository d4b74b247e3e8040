"""Bootstrap intervals against a plain one: draw as many patients as there are, with replacement, and count again."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import lesiongeo as lg
from lesiongeo.testing import make_export
from reference_lesions import Facts, PairFact
from reference_statistics import Detection

Row = dict[str, Any]
Floats = npt.NDArray[np.float64]
Value = Callable[[Floats], float]

RESAMPLES = 4000
#: Of the standard error: ends of intervals of two bootstraps of 4,000 differ by 0.06 of it in two of three cases.
SLACK = 0.25


class Clusters:
    """An export whose patients have three tasks each, and its facts by patient."""

    def __init__(self, path: Path) -> None:
        tasks = make_export(patients=90, visits=2, annotators=3, seed=5, miss_rate=0.2)
        self.patients = {}
        for task in tasks:
            self.patients[task["id"]] = f"patient {task['id'] % 30}"
            task["data"]["patient_id"] = self.patients[task["id"]]
        path.write_text(json.dumps(tasks))
        self.path = path
        self.export = lg.read_label_studio(path, patient="patient_id")
        self.agreement = lg.agreement(self.export)
        self.facts = Facts(path)
        self.pairs: dict[str, list[PairFact]] = defaultdict(list)
        for pair in self.facts.pairs:
            self.pairs[self.patients[pair.task_id]].append(pair)
        self.names = sorted(self.pairs)

    def resampled(self, counts: Callable[[PairFact], list[float]], value: Value) -> tuple[float, float]:
        """Ends of the interval of a number that follows from sums over pairs."""
        return resampled(
            np.array([np.sum([counts(p) for p in self.pairs[name]], axis=0) for name in self.names]), value
        )


def resampled(sums: Floats, value: Value) -> tuple[float, float]:
    """Ends of the interval; `sums` has a row for each patient."""
    rng = np.random.default_rng(1)
    times = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=RESAMPLES)
    found = [value(total) for total in times @ sums]
    return float(np.quantile(found, 0.025)), float(np.quantile(found, 0.975))


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Clusters:
    """One export for all."""
    return Clusters(tmp_path_factory.mktemp("clusters") / "export.json")


def of_iou(pair: PairFact) -> list[float]:
    """Number and sum."""
    return [1.0, pair.iou] if pair.agreed and pair.iou is not None else [0.0, 0.0]


def detected(pair: PairFact) -> list[float]:
    """True and false positives, false negatives, and what is shared."""
    found = Detection()
    found.add(pair, 0.5)
    return [found.tp, found.fp, found.fn, found.shared]


def below(pair: PairFact) -> list[float]:
    """Number, and number below 0.85."""
    return [1.0, float(pair.iou < 0.85)] if pair.agreed and pair.iou is not None else [0.0, 0.0]


def mean(total: Floats) -> float:
    return float(total[1] / total[0])


def f1(total: Floats) -> float:
    return float(2 * total[0] / (2 * total[0] + total[1] + total[2]))


def panoptic(total: Floats) -> float:
    return float(2 * total[3] / (2 * total[0] + total[1] + total[2]))


def kappa(total: Floats) -> float:
    """From the cells of a square table."""
    table = total.reshape(round(len(total) ** 0.5), -1) / total.sum()
    chance = float(table.sum(axis=0) @ table.sum(axis=1))
    return float((np.trace(table) - chance) / (1 - chance))


@pytest.mark.parametrize(
    ("metric", "counts", "value"),
    [("iou", of_iou, mean), ("f1", detected, f1), ("panoptic_quality", detected, panoptic)],
    ids=["iou", "f1", "panoptic"],
)
def test_statistics(clusters: Clusters, metric: str, counts: Callable[[PairFact], list[float]], value: Value) -> None:
    """Means and detection, of everything."""
    table = lg.agreement_statistics(clusters.export, clusters.agreement, by=("all",), resamples=RESAMPLES)
    (row,) = [row for row in table.to_pylist() if row["metric"] == metric]
    assert row["n_clusters"] == 30
    alike(row["mean_low"], row["mean_high"], clusters.resampled(counts, value))


def test_share_below(clusters: Clusters) -> None:
    """The share below the threshold."""
    table = lg.agreement_statistics(
        clusters.export, clusters.agreement, by=("all",), resamples=RESAMPLES, threshold={"iou": 0.85}
    )
    (row,) = [row for row in table.to_pylist() if row["metric"] == "iou"]
    assert row["threshold"] == 0.85
    alike(row["below_low"], row["below_high"], clusters.resampled(below, mean))


def test_reliability(clusters: Clusters) -> None:
    """Kappa of two people about labels, with missed lesions as a category."""
    table = lg.reliability(clusters.export, clusters.agreement, controls=["label"], resamples=RESAMPLES).to_pylist()
    (row,) = [
        row
        for row in table
        if (row["statistic"], row["missed"]) == ("cohen_kappa", "category")
        and (row["annotator_a"], row["annotator_b"]) == ("1", "2")
    ]
    units = []
    for lesion in clusters.facts.lesions:
        if {"1", "2"} <= set(lesion.people):
            unit = [lesion.regions[name].labels if name in lesion.regions else None for name in ("1", "2")]
            if unit != [None, None]:
                units.append((clusters.patients[lesion.task_id], *unit))
    number = {label: k for k, label in enumerate({label for _, *unit in units for label in unit})}
    patients = sorted({patient for patient, *_ in units})
    tables = np.zeros((len(patients), len(number), len(number)))
    for patient, one, two in units:
        tables[patients.index(patient), number[one], number[two]] += 1
    alike(row["low"], row["high"], resampled(tables.reshape(len(patients), -1), kappa))


def alike(low: float, high: float, expected: tuple[float, float]) -> None:
    """Whether two intervals are the same but for the drawing."""
    error = (expected[1] - expected[0]) / 3.92
    assert low == pytest.approx(expected[0], abs=SLACK * error), (low, high, expected)
    assert high == pytest.approx(expected[1], abs=SLACK * error), (low, high, expected)


def test_tasks_where_there_is_no_patient(clusters: Clusters) -> None:
    """Without patients tasks are drawn."""
    export = lg.read_label_studio(clusters.path)
    table = lg.agreement_statistics(export, lg.agreement(export), by=("all",), resamples=100).to_pylist()
    assert {row["n_clusters"] for row in table if row["metric"] == "score"} == {
        len({task.task_id for task in clusters.facts.tasks if task.score is not None and task.reason is None})
    }
