"""Who drew the same regions on the same page, and how alike: who is compared, pairs, lesions, and their tables."""

from .compare import Agreement, agreement

__all__ = ["Agreement", "agreement"]
