"""Files that Label Studio imports."""

from .predictions import RegionEntries
from .review import ReviewFile, review_tasks, write_review

__all__ = ["RegionEntries", "ReviewFile", "review_tasks", "write_review"]
