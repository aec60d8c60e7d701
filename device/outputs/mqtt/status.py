"""The status of a run on its status topic: what Home Assistant shows as diagnostics."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from edgevision import __version__
from edgevision.postprocessing.temporal import DEFAULT_THRESHOLD

from ...system.clock import rfc3339

if TYPE_CHECKING:
    from ...telemetry.release_status import ReleaseStatus
    from ..protocol import Context

SCHEMA = "edgevision.mqtt_status/1"
STATUS_S = 30.0
"""Interval of the status, in seconds; what changes by a command or with the camera is published at once."""


class StatusReport:
    """Makes the status, and knows when it is due."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._at: float | None = None
        self._frames = 0
        self._state: tuple[Any, ...] | None = None
        self.camera_connected = True
        """Whether the camera delivers frames, by the last event of the camera."""

    def is_due(self) -> bool:
        """Return whether the status is to be published now."""
        return self._at is None or self._now() - self._at >= STATUS_S or self._state != self._held()

    def expire(self) -> None:
        """Publish again soon: the broker may not have the last one."""
        self._state = None

    def make(self) -> dict[str, Any]:
        """Return the status; its rate is that since the last one."""
        now, found = self._now(), self._context.snapshot()
        rate = found.rate_fps
        if self._at is not None and now - self._at >= 1:
            rate = round((found.frames - self._frames) / (now - self._at), 2)
        self._at, self._frames, self._state = now, found.frames, self._held()
        paused, threshold, connected, *_ = self._state
        return {
            "schema": SCHEMA,
            "time": rfc3339(self._context.clock.wall()),
            "version": __version__,
            "name": self._context.name,
            "model": self._context.card.name,
            "seconds": found.seconds,
            "frames": found.frames,
            "dropped": found.dropped,
            "errors": found.errors,
            "rate_fps": rate,
            "temperature_c": found.temperature_c,
            "throttled": found.throttled,
            "memory_mb": found.memory_mb["end"],
            "paused": paused,
            "threshold": threshold,
            "camera_connected": connected,
            "drift": None if found.drift is None else asdict(found.drift),
            "release": None if found.release is None else asdict(found.release),
        }

    def _held(self) -> tuple[bool, float, bool, str | None, ReleaseStatus | None]:
        """Return what is published as soon as it changes."""
        control, own = self._context.control, self._context.card.threshold
        threshold = control.threshold if control.threshold is not None else own
        drift, release = self._context.drift(), self._context.release()
        shown = DEFAULT_THRESHOLD if threshold is None else threshold
        return control.paused, shown, self.camera_connected, None if drift is None else drift.state, release

    def _now(self) -> float:
        return self._context.clock.monotonic()
