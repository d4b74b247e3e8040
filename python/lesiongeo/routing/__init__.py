"""Which pages somebody should look at: rules become flags, flags a ranked queue; and samples for audits."""

from .flags import DEFAULT_FLAG, Flags, flag_pairs
from .queue import queue_summary, review_queue

__all__ = ["DEFAULT_FLAG", "Flags", "flag_pairs", "queue_summary", "review_queue"]
