"""Waiting times between attempts to reach something that is down."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_S, LONGEST_S, JITTER = 0.5, 60.0, 0.25


class Backoff:
    """Doubles the wait after every failure, with jitter so that a fleet of devices does not come back at one moment."""

    def __init__(
        self, first_s: float = FIRST_S, longest_s: float = LONGEST_S, jitter: Callable[[], float] = random.random
    ):
        """``jitter``: returns a number from 0 to 1."""
        self._first_s, self._longest_s, self._jitter = first_s, longest_s, jitter
        self._failures = 0

    def succeeded(self) -> None:
        """Start again with the shortest wait."""
        self._failures = 0

    def failed(self) -> float:
        """Record a failure and return the seconds to wait."""
        wait_s = min(self._longest_s, self._first_s * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return wait_s * (1 + JITTER * (2 * self._jitter() - 1))
