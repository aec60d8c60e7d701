"""health.json: what the running loop says about itself, in its runtime folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base import strict_json
from ..base.loop import UNNAMED
from ..base.regular_files import read_bytes

RUNTIME = UNNAMED.runtime
FILE = "health.json"
SCHEMA = "edgevision.health/1"
MAX_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Health:
    """A look at the running loop."""

    pid: int
    frames: int
    """Frames since the start."""
    rate_fps: float | None
    """Frames per second over the last few seconds; None: not known yet."""
    waiting_for: str | None
    """What the loop waits for, such as the camera; None: it runs."""


def read_raw(runtime: Path = RUNTIME) -> dict[str, Any] | None:
    """Return the content of health.json; None if there is none or it cannot be read."""
    try:
        value = strict_json.loads(read_bytes(runtime / FILE, MAX_BYTES))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def read_health(runtime: Path = RUNTIME) -> Health | None:
    """Return the last look; None if there is none or it cannot be read."""
    try:
        value = strict_json.loads(read_bytes(runtime / FILE, MAX_BYTES))
        if value["schema"] != SCHEMA:
            return None
        rate, waiting = value["rate_fps"], value["waiting_for"]
        return Health(
            int(value["pid"]),
            int(value["frames"]),
            None if rate is None else float(rate),
            None if waiting is None else str(waiting),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
