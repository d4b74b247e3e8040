"""Statistics of agreement: coefficients, intervals, and the tables that use them."""

from .accumulate import AgreementParts
from .coefficients import (
    Coefficient,
    cohen_kappa,
    conger_kappa,
    fleiss_kappa,
    gwet_ac1,
)
from .continuous import BlandAltman, bland_altman, icc, pearson
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
from .krippendorff import krippendorff_alpha
from .ratings import Ratings, ratings
from .reliability import ReliabilityParts, reliability
from .strata import agreement_statistics

__all__ = [
    "AgreementParts",
    "BlandAltman",
    "Block",
    "Coefficient",
    "Intervals",
    "Ratings",
    "ReliabilityParts",
    "TaskClusters",
    "agreement_statistics",
    "bland_altman",
    "bootstrap_weights",
    "cluster_keys",
    "cohen_kappa",
    "conger_kappa",
    "fleiss_kappa",
    "gwet_ac1",
    "icc",
    "krippendorff_alpha",
    "pearson",
    "percentile_interval",
    "ratings",
    "reliability",
    "task_clusters",
    "weighted_sums",
    "wilson_interval",
]
