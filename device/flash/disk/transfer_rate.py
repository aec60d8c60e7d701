"""How fast it goes, and how long it still takes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_S = 15.0
"""The rate is that of the last so many seconds: cards slow down when their fast part is full."""
LEAST_S = 1e-3
"""Of less nothing can be told: two looks at the clock are not far enough apart for a rate."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a phase stands."""

    phase: str
    bytes: int
    total_bytes: int
    rate_mb_s: float | None
    """None: too early to tell."""
    left_s: float | None
    """Of this phase."""


class Meter:
    """Watches phases that follow one another."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds: dict[str, float] = {}
        """What each phase has taken so far."""
        self._clock = clock
        self._began = 0.0
        self._seen: deque[tuple[float, int]] = deque()

    def at(self, phase: str, done: int, total: int) -> Progress:
        """To be told whenever something was done, with all the bytes of the phase so far and in the end."""
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
