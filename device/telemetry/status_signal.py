"""SIGUSR1: a running loop reports its status at once, even while it waits for its camera."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .run_stats import RunStats


@contextmanager
def dump_stats_on_sigusr1(measures: RunStats, as_json: bool, descriptor: int) -> Iterator[None]:
    """While active, each SIGUSR1 writes the status to a file descriptor, as one JSON line or a few lines of text."""

    def tell(_: int, __: FrameType | None) -> None:
        # Write directly to the descriptor: the signal may interrupt a write to Python's own stream.
        with suppress(OSError):
            os.write(descriptor, status_text(measures, as_json).encode())

    before = signal.signal(signal.SIGUSR1, tell)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


def status_text(measures: RunStats, as_json: bool) -> str:
    """Return counts and times so far; for programs as ``edgevision.status/1``."""
    snapshot = measures.snapshot()
    if not as_json:
        return "\n".join(f"status: {line}" for line in snapshot.describe()) + "\n"
    import json
    from dataclasses import asdict

    from ..system.clock import rfc3339

    record = {"type": "status", "schema": "edgevision.status/1", "time": rfc3339(time.time()), **asdict(snapshot)}
    return json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
