"""Reports when this device's release changed: switched to on trial, confirmed, or taken back.

What was reported is remembered, since the release that starts now may be the one that another one was taken back to. It is
remembered one look later, when the outputs have sent it or brought it to the disk: after a power cut in between, it is
reported again rather than not at all.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgevision.errors import EdgeVisionError
from edgevision.files.atomic import write_text

from ..stream.events import ReleaseChange
from .release_file import LOOK_S, read_object, release_status

REPORTED = "release.json"
SCHEMA = "edgevision.release_reported/1"


class ReleaseWatch:
    """Looks at the state of the releases every few seconds."""

    def __init__(self, folder: Path, state: Path) -> None:
        """``folder``: where to remember what was reported. ``state``: state.json."""
        self._state, self._reported = state, folder / REPORTED
        self._at: float | None = None
        self._seen = read_object(self._reported)
        self._remembered = True
        """Whether the file holds what was seen."""

    def look(self, now: float) -> ReleaseChange | None:
        """Return a change that was not reported yet; ``now``: monotonic clock in seconds."""
        if self._at is not None and now - self._at < LOOK_S:
            return None
        self._at = now
        self._remember()
        value = read_object(self._state)
        found = {key: value.get(key) for key in ("current", "state", "since")}
        if value.get("current") is None or found == {key: self._seen.get(key) for key in found}:
            return None
        first = not self._seen and value.get("state") == "confirmed" and value.get("previous") is None
        self._seen, self._remembered = found, False
        return None if first else _change(value)

    def _remember(self) -> None:
        """Write down what was reported at the look before."""
        if self._remembered:
            return
        self._remembered = True
        with suppress(EdgeVisionError):  # it is reported again after the next start
            write_text(self._reported, json.dumps({"schema": SCHEMA, **self._seen}) + "\n")


def _change(value: dict[str, Any]) -> ReleaseChange | None:
    found = release_status(value)
    if found is None:
        return None
    if found.failed is not None:
        before = found.name if found.failed != found.name else None
        return ReleaseChange(before, found.failed, found.state, found.reason)
    return ReleaseChange(found.previous, found.name, found.state, "")
