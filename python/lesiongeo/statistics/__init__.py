"""Statistics of agreement: coefficients, intervals, and the tables that use them."""

from .accumulate import AgreementParts
from .intervals import (
    Block,
    Intervals,
    TaskClusters,
    bootstrap_weights,
    cluster_keys,
    percentile_interval,
    task_clusters,
    weighted_sums,
    wilson_interval,
)
from .strata import agreement_statistics

__all__ = [
    "AgreementParts",
    "Block",
    "Intervals",
    "TaskClusters",
    "agreement_statistics",
    "bootstrap_weights",
    "cluster_keys",
    "percentile_interval",
    "task_clusters",
    "weighted_sums",
    "wilson_interval",
]
