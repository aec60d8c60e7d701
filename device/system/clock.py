"""Injectable time: the loop and its cameras never read the system clock directly, so tests need not wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event
from typing import NamedTuple


class Clock(NamedTuple):
    """Time sources and wait functions."""

    monotonic: Callable[[], float] = time.monotonic
    """Returns monotonic seconds from an arbitrary start."""
    wall: Callable[[], float] = time.time
    """Returns seconds since 1970, UTC."""
    sleep: Callable[[float], None] = time.sleep
    """Sleeps for a number of seconds."""
    wait: Callable[[Event, float], bool] = Event.wait
    """Waits for a number of seconds or until the event is set; returns whether it is set."""


SYSTEM = Clock()
"""The system clock."""


def rfc3339(wall_s: float) -> str:
    """Format seconds since 1970 as ``2026-01-31T12:00:00.000Z``."""
    return datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
