"""Outcome of an update, as ``edgevision.update/1``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..base.atomic_files import place_text

SCHEMA = "edgevision.update/1"
State = Literal["confirmed", "unchanged", "reverted", "stopped"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an update ended with."""

    state: State
    """``stopped``: the new release failed, and there is none to go back to."""
    before: str | None
    """Release that ran before; None: none."""
    new: str
    """Release that was installed."""
    seconds: Mapping[str, float]
    """Duration of each stage in seconds."""
    rate_before: float | None = None
    """Frames per second of the release before; None: unknown."""
    rate_after: float | None = None
    """Frames per second of the new release; None: unknown."""
    reason: str = ""
    """Why the new release was taken back, one line; empty if it was not."""
    log: tuple[str, ...] = ()
    """Last lines of the failed release in the journal."""
    note: str = ""
    """What the new release does not have of the one before, one line; empty if nothing."""

    @property
    def kept(self) -> bool:
        """Whether the new release runs."""
        return self.state in ("confirmed", "unchanged")

    def describe(self) -> str:
        """Return a summary of one line."""
        if self.state == "unchanged":
            return f"{self.new} runs already; nothing was restarted"
        if self.state == "confirmed":
            rate = "" if self.rate_after is None else f" at {self.rate_after:.1f} frames/s"
            return f"{self.new} runs{rate} and is confirmed"
        back = "the service is stopped" if self.state == "stopped" else f"{self.before} runs again"
        return f"{self.new} was taken back: {self.reason}; {back}"

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as JSON values."""
        return {
            "schema": SCHEMA,
            "state": self.state,
            "release": {"from": self.before, "to": self.new},
            "seconds": {name: round(value, 2) for name, value in self.seconds.items()},
            "rate_fps": {"before": self.rate_before, "after": self.rate_after},
            "reason": self.reason,
            "log": list(self.log),
            "note": self.note,
        }

    def save(self, path: Path) -> None:
        """Write the outcome to a file. Raises OSError."""
        place_text(path, json.dumps(self.to_json(), indent=1) + "\n")
