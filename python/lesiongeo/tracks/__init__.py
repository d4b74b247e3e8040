"""Lesions over visits: whose regions are one lesion, how it changed, and what contradicts that."""

from __future__ import annotations

__all__: list[str] = []
