"""Reports when this device's release changed: switched to on trial, confirmed, or taken back.

What was reported is remembered, since the release that starts now may be the one that another one was taken back to.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgevision.errors import EdgeVisionError
from edgevision.files import strict_json
from edgevision.files.atomic import write_text
from edgevision.input_file import read_file

from ..stream.events import ReleaseChange

STATE = Path("/opt/edgevision/state.json")
"""Written by the installer; see device/installer/release/state.py."""
REPORTED = "release.json"
SCHEMA = "edgevision.release_reported/1"
LOOK_S = 5.0
MAX_BYTES = 2**20


class ReleaseWatch:
    """Looks at the state of the releases every few seconds."""

    def __init__(self, folder: Path, state: Path = STATE) -> None:
        """``folder``: where to remember what was reported."""
        self._state, self._reported = state, folder / REPORTED
        self._at: float | None = None
        self._seen = _read(self._reported)

    def look(self, now: float) -> ReleaseChange | None:
        """Return a change that was not reported yet; ``now``: monotonic clock in seconds."""
        if self._at is not None and now - self._at < LOOK_S:
            return None
        self._at = now
        value = _read(self._state)
        found = {key: value.get(key) for key in ("current", "state", "since")}
        if value.get("current") is None or found == {key: self._seen.get(key) for key in found}:
            return None
        first = not self._seen and value.get("state") == "confirmed" and value.get("previous") is None
        self._seen = found
        with suppress(EdgeVisionError):  # it is reported again after the next start
            write_text(self._reported, json.dumps({"schema": SCHEMA, **found}) + "\n")
        return None if first else _change(value)


def _change(value: dict[str, Any]) -> ReleaseChange:
    current, state, bad = str(value["current"]), str(value.get("state")), value.get("bad")
    if state in ("reverted", "stopped") and isinstance(bad, list) and bad and isinstance(bad[-1], dict):
        failed = str(bad[-1].get("release"))
        return ReleaseChange(current if failed != current else None, failed, state, str(value.get("reason", "")))
    before = value.get("previous")
    return ReleaseChange(None if before is None else str(before), current, state, "")


def _read(path: Path) -> dict[str, Any]:
    """Return the object in a file; empty if there is none or it cannot be read."""
    try:
        value = strict_json.loads(read_file(path, "state", MAX_BYTES), str(path))
    except (EdgeVisionError, OSError):
        return {}
    return value if isinstance(value, dict) else {}
