"""Trial of a new release: it is kept only if the loop recognizes frames for a while, and fast enough."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..base.loop import UNNAMED, Loop
from .health import Health, read_health
from .service_state import Ask, ServiceState, ask_system, last_words, look

POLL_S = 1.0
FRAMES, WITHIN_S = 20, 180.0
RATES = 3
"""Rates below the floor after which a release is too slow; the first ones after a start may be low."""


@dataclass(frozen=True, slots=True)
class TrialOptions:
    """What a release has to show."""

    frames: int = FRAMES
    """Frames to recognize."""
    within_s: float = WITHIN_S
    """Time limit in seconds, from the start of the service to the last of these frames."""
    min_fps: float | None = None
    """Lowest rate in frames per second; None: any."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Outcome of a trial."""

    reason: str
    """Why the release failed, one line; empty if it passed."""
    rate_fps: float | None
    """Last rate in frames per second."""
    ready_s: float | None
    """Seconds until the service was ready; None: never."""

    @property
    def passed(self) -> bool:
        """Whether the release may stay."""
        return not self.reason


class Trial:
    """Watch the service after it was restarted with a new release."""

    def __init__(
        self,
        wanted: TrialOptions,
        ask: Ask | None = None,
        health: Callable[[], Health | None] | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        loop: Loop = UNNAMED,
    ) -> None:
        """Prepare the trial; ``now``: monotonic clock in seconds; ``health``: None: as the loop says in health.json."""
        self._loop = loop
        self._wanted = wanted
        self._ask, self._health = ask or ask_system, health or (lambda: read_health(loop.runtime))
        self._now, self._sleep = now, sleep
        self._ready_s: float | None = None
        self._rates: list[tuple[int, float]] = []

    def watch(self) -> Verdict:
        """Wait for the verdict. Raises Refused, OSError."""
        began = self._now()
        while True:
            service = look(self._ask, self._loop)
            elapsed = self._now() - began
            if service.ready and self._ready_s is None:
                self._ready_s = elapsed
            reason = self._failed(service)
            if reason or self._succeeded(service):
                return self._verdict(reason)
            if elapsed >= self._wanted.within_s:
                return self._verdict(self._too_late())
            self._sleep(POLL_S)

    def _failed(self, service: ServiceState) -> str:
        """Return why the release has failed already; empty while it has not."""
        if service.failed or service.restarts:
            words = last_words(self._ask, self._loop)
            how = service.described
            return f"the service {how}{f': {words}' if words else ''}"
        slow = [rate for _, rate in self._rates[-RATES:] if self._is_slow(rate)]
        if len(slow) == RATES:
            return f"too slow: {slow[-1]:.1f} frames/s, expected at least {self._wanted.min_fps:.1f}"
        return ""

    def _succeeded(self, service: ServiceState) -> bool:
        """Return whether the release has shown enough; also note a new rate."""
        found = self._health()
        if not service.ready or found is None or found.pid != service.pid:
            return False
        if found.rate_fps is not None and (not self._rates or self._rates[-1][0] != found.frames):
            self._rates.append((found.frames, found.rate_fps))
        if found.frames < self._wanted.frames:
            return False
        return self._wanted.min_fps is None or any(not self._is_slow(rate) for _, rate in self._rates)

    def _is_slow(self, rate: float) -> bool:
        return self._wanted.min_fps is not None and rate < self._wanted.min_fps

    def _too_late(self) -> str:
        limit = f"within {self._wanted.within_s:g} s"
        if self._ready_s is None:
            words = last_words(self._ask, self._loop)
            return f"not ready {limit}{f': {words}' if words else ''}"
        if self._rates and self._is_slow(self._rates[-1][1]):
            return f"too slow: {self._rates[-1][1]:.1f} frames/s, expected at least {self._wanted.min_fps:.1f}"
        return f"fewer than {self._wanted.frames} frames {limit}"

    def _verdict(self, reason: str) -> Verdict:
        return Verdict(reason, self._rates[-1][1] if self._rates else None, self._ready_s)
