"""Reads state.json of this device's releases, which the installer writes; see device/installer/release/state.py."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

from edgevision.errors import EdgeVisionError
from edgevision.files import strict_json
from edgevision.input_file import read_file

from ..installer.base.loop import VARIABLE, Loop
from ..telemetry.release_status import ReleaseStatus

FILE = "state.json"
LOOK_S = 5.0
"""Shortest interval of reading the file, in seconds."""
MAX_BYTES = 2**20
_STAGES = ("confirmed", "provisional", "reverted", "stopped")


class ReleaseFile:
    """The state of the releases, a few seconds old at most; may be used by any thread."""

    def __init__(self, path: Path, now: Callable[[], float] = monotonic) -> None:
        """``now``: monotonic clock in seconds."""
        self._path, self._now = path, now
        self._read: tuple[float, ReleaseStatus | None] | None = None

    def status(self) -> ReleaseStatus | None:
        """Return what is known of the current release; None if the file cannot be read."""
        now, before = self._now(), self._read
        if before is not None and now - before[0] < LOOK_S:
            return before[1]
        found = release_status(read_object(self._path))
        self._read = now, found
        return found


def state_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Return state.json of the loop that this process runs; it may not exist."""
    return Path("/") / Loop(environment.get(VARIABLE)).home / FILE


def release_status(value: dict[str, Any]) -> ReleaseStatus | None:
    """Return what a state says of the current release; None if it names none, or is damaged."""
    name, state = value.get("current"), value.get("state")
    if not isinstance(name, str) or state not in _STAGES:
        return None
    failed = _last_failed(value) if state in ("reverted", "stopped") else None
    reason = str(value.get("reason", "")) if failed is not None else ""
    return ReleaseStatus(name, state, _text(value.get("since")), _text(value.get("previous")), failed, reason)


def read_object(path: Path) -> dict[str, Any]:
    """Return the object in a file; empty if there is none or it cannot be read."""
    try:
        value = strict_json.loads(read_file(path, "state", MAX_BYTES), str(path))
    except (EdgeVisionError, OSError):
        return {}
    return value if isinstance(value, dict) else {}


def _last_failed(value: dict[str, Any]) -> str | None:
    bad = value.get("bad")
    last = bad[-1] if isinstance(bad, list) and bad else None
    return _text(last.get("release")) if isinstance(last, dict) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
