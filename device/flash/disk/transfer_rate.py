"""Transfer rate and remaining time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_S = 15.0
"""Seconds over which the rate is measured: SD cards slow down when their fast cache is full."""
LEAST_S = 1e-3
"""Shortest time in seconds from which a rate can be computed."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a phase."""

    phase: str
    bytes: int
    total_bytes: int
    rate_mb_s: float | None
    """Rate in MB/s; None: not known yet."""
    left_s: float | None
    """Remaining seconds of this phase; None: not known yet."""


class Meter:
    """Measures successive phases."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds: dict[str, float] = {}
        """Duration of each phase so far, in seconds."""
        self._clock = clock
        self._began = 0.0
        self._seen: deque[tuple[float, int]] = deque()

    def at(self, phase: str, done: int, total: int) -> Progress:
        """Record progress; ``done`` and ``total``: bytes of the phase so far and at its end."""
        now = self._clock()
        if phase not in self.seconds:
            self._began = now
            self._seen.clear()
        self.seconds[phase] = now - self._began
        self._seen.append((now, done))
        while len(self._seen) > 2 and self._seen[0][0] < now - WINDOW_S:
            self._seen.popleft()
        (first, before), (last, after) = self._seen[0], self._seen[-1]
        rate = (after - before) / (last - first) if last - first >= LEAST_S and after > before else None
        left = (total - done) / rate if rate else None
        return Progress(phase, done, total, rate / 1e6 if rate else None, left)
