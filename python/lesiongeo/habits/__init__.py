"""Habits of annotators: what somebody does differently from the others, since when and how large."""

from .find import Habits, habits

__all__ = ["Habits", "habits"]
