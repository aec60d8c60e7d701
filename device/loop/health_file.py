"""health.json in the service's runtime folder: what whoever updates the device measures a new release by."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..stream.events import Event
    from ..telemetry.snapshot import Snapshot

SCHEMA = "edgevision.health/1"
FILE = "health.json"
MAX_DETAIL = 200
"""Characters of the last event; whoever updates the device reads 4 kB at most."""


class HealthFile:
    """A small file in memory that is replaced atomically; a failure to write it does not end the loop."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._frames_before = 0
        self._at: float | None = None

    def waiting_for(self, what: str | None) -> None:
        """Say what the start waits for; None: it goes on."""
        self._write(0, None, what, {})

    def running(self, frames: int, now: float, more: Mapping[str, Any]) -> None:
        """Say how many frames there were until ``now``, in seconds of the monotonic clock; ``more``: see ``details``."""
        rate = None if self._at is None or now <= self._at else (frames - self._frames_before) / (now - self._at)
        self._frames_before, self._at = frames, now
        self._write(frames, rate, None, more)

    def _write(self, frames: int, rate: float | None, waiting: str | None, more: Mapping[str, Any]) -> None:
        import json  # after the first prediction, when it is loaded anyway

        value = {
            "schema": SCHEMA,
            "pid": os.getpid(),
            "frames": frames,
            "rate_fps": None if rate is None else round(rate, 2),
            "waiting_for": waiting,
            **more,
        }
        part = self._path.with_suffix(".part")
        with suppress(OSError):
            part.write_text(json.dumps(value))
            part.replace(self._path)


def details(snapshot: Snapshot, event: Event | None) -> dict[str, Any]:
    """Return temperature in °C, drift and last event, as ``edgevision fleet status`` shows them; None: unknown."""
    last = None
    if event is not None:
        what = f"{event.kind} {event.label}" if event.label else event.kind
        last = {"time": event.time, "what": what[:MAX_DETAIL], "detail": event.detail[:MAX_DETAIL]}
    return {
        "temperature_c": snapshot.temperature_c,
        "drift": None if snapshot.drift is None else snapshot.drift.state,
        "last_event": last,
    }


def from_environment(environment: Mapping[str, str] = os.environ) -> HealthFile | None:
    """Return the file in the runtime folder that systemd made for this service; None if there is none."""
    folder = environment.get("RUNTIME_DIRECTORY", "").partition(":")[0]  # systemd.exec(5): several are separated by :
    return HealthFile(Path(folder)) if folder.startswith("/") else None
