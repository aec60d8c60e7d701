"""Reports commands in the log, where a flood of them must not hide everything else."""

from __future__ import annotations

from edgevision.log import Log

from ...system.clock import Clock

log = Log("edgevision.outputs")
EVERY_S = 1.0
"""Shortest interval of lines."""


class CommandLog:
    """Logs one line per second at most; the next line says how many were left out."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_s = float("-inf")
        self._left_out = 0

    def note(self, text: str) -> None:
        """Log a line, or count it."""
        now = self._clock.monotonic()
        if now - self._last_s < EVERY_S:
            self._left_out += 1
            return
        more = f" ({self._left_out} more since the line before)" if self._left_out else ""
        self._last_s, self._left_out = now, 0
        log.info("mqtt: %s%s", text, more)
