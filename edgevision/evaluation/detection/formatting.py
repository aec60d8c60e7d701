"""Proportions and differences as text."""

from __future__ import annotations

from .bootstrap import Interval


def with_interval(value: Interval) -> str:
    """Format a proportion with its 95 % confidence interval."""
    if value.value is None or value.low is None or value.high is None:
        return share(value.value)
    return f"{100 * value.value:.1f} % (95 % CI {100 * value.low:.1f} to {100 * value.high:.1f})"


def points(value: Interval) -> str:
    """Format a difference in percentage points with its interval."""
    if value.value is None or value.low is None or value.high is None:
        return "-"
    return f"{100 * value.value:+.1f} points (95 % CI {100 * value.low:+.1f} to {100 * value.high:+.1f})"


def share(value: float | None) -> str:
    """Format a proportion as a percentage."""
    return "-" if value is None else f"{100 * value:.1f} %"
