"""Which pages somebody should look at: rules become flags, flags a ranked queue; and samples for audits."""

from .audit import Audit, audit_result, read_roles, read_verdicts
from .flags import DEFAULT_FLAG, Flags, flag_pairs, needs_distances
from .queue import queue_summary, review_queue
from .sample import Sample, audit_sample

__all__ = [
    "DEFAULT_FLAG",
    "Audit",
    "Flags",
    "Sample",
    "audit_result",
    "audit_sample",
    "flag_pairs",
    "needs_distances",
    "queue_summary",
    "read_roles",
    "read_verdicts",
    "review_queue",
]
