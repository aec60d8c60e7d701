"""Time, handed in: the loop and its cameras never ask the machine themselves, so that tests need not wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event


@dataclass(frozen=True, slots=True)
class Clock:
    """Where seconds come from, and how they are waited for."""

    monotonic: Callable[[], float] = time.monotonic
    """Seconds that never jump, from any start."""
    wall: Callable[[], float] = time.time
    """Seconds since 1970, UTC."""
    sleep: Callable[[float], None] = time.sleep
    """Waits for so many seconds."""
    wait: Callable[[Event, float], bool] = Event.wait
    """Waits for so many seconds or until the event is set; whether it is."""


SYSTEM = Clock()
"""The machine's own time."""


def rfc3339(wall_s: float) -> str:
    """Seconds since 1970 as ``2026-01-31T12:00:00.000Z``."""
    return datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
