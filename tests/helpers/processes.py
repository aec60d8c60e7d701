"""Whether processes that a test did not start itself have ended."""

from __future__ import annotations

import time
from pathlib import Path

PATIENCE_S = 120.0


def is_alive(number: int) -> bool:
    """Return whether a process runs. A zombie has ended: process 1 of a container may collect it late, or never."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def has_ended(number: int) -> bool:
    """Wait for the end of a process and return whether it came."""
    end = time.monotonic() + PATIENCE_S
    while is_alive(number) and time.monotonic() < end:
        time.sleep(0.02)
    return not is_alive(number)
