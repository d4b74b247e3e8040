"""Statistics of agreement: coefficients, intervals, and the tables that use them."""

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

__all__ = [
    "Block",
    "Intervals",
    "TaskClusters",
    "bootstrap_weights",
    "cluster_keys",
    "percentile_interval",
    "task_clusters",
    "weighted_sums",
    "wilson_interval",
]
