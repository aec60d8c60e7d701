"""Rate, temperature and memory of the last ten minutes."""

from __future__ import annotations

from collections import deque
from typing import Any

from ..telemetry.snapshot import Snapshot

EVERY_S = 5.0
SECONDS = 600.0


class History:
    """One point every EVERY_S seconds."""

    def __init__(self) -> None:
        self._points: deque[dict[str, float | str | None]] = deque(maxlen=int(SECONDS / EVERY_S))
        self._before: Snapshot | None = None

    def add(self, now: Snapshot, time: str) -> None:
        """Add a point, unless the last one is too recent; ``time``: RFC 3339."""
        before = self._before
        if before is not None and now.seconds - before.seconds < EVERY_S:
            return
        rate = None
        if before is not None:
            rate = round((now.frames - before.frames) / (now.seconds - before.seconds), 2)
        self._points.append(
            {
                "time": time,
                "rate_fps": rate,
                "temperature_c": now.temperature_c,
                "memory_mb": now.memory_mb["end"],
            }
        )
        self._before = now

    def to_json(self) -> list[dict[str, Any]]:
        """Return the points, oldest first."""
        return list(self._points)
