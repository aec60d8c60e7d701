"""Percentiles of an unbounded stream of durations in bounded memory."""

from __future__ import annotations

import math
from collections import Counter

_STEP = math.log(1.02)
"""Log width of a bucket: 2 %, so a percentile is at most 1 % off."""
_FLOOR_MS = 1e-4


class Percentiles:
    """A histogram with logarithmic buckets: about 1,200 cover a ten-thousandth of a millisecond to an hour."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._low_ms = math.inf
        self.count = 0
        self.max_ms = 0.0

    def add(self, value_ms: float) -> None:
        """Add one duration; negative values count as 0."""
        value_ms = max(0.0, value_ms)
        self._counts[round(math.log(max(value_ms, _FLOOR_MS)) / _STEP)] += 1
        self.count += 1
        self.max_ms = max(self.max_ms, value_ms)
        self._low_ms = min(self._low_ms, value_ms)

    def at(self, fraction: float) -> float | None:
        """Return the nearest-rank percentile in milliseconds, within 1 %; None if nothing was added."""
        rank = max(1, math.ceil(fraction * self.count))
        for bucket in sorted(self._counts):
            rank -= self._counts[bucket]
            if rank <= 0:
                return min(self.max_ms, max(self._low_ms, math.exp(bucket * _STEP)))
        return None

    def to_json(self) -> dict[str, float | None]:
        """Return ``{p50, p95, p99, max}`` in milliseconds."""
        found = {
            "p50": self.at(0.5),
            "p95": self.at(0.95),
            "p99": self.at(0.99),
            "max": self.max_ms if self.count else None,
        }
        return {key: None if value is None else round(value, 3) for key, value in found.items()}
