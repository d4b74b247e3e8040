"""One outline per lesion that its annotators agree on: votes, medoid, or the expert's word."""

from .build import BY_VOTES, Consensus, consensus

__all__ = ["BY_VOTES", "Consensus", "consensus"]
