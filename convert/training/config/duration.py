"""Durations as a user writes them: ``30s``, ``10min``, ``1h``."""

from __future__ import annotations

import math
import re

from edgevision.errors import BadInput

SECONDS = {"s": 1, "min": 60, "h": 3600}
"""Unit -> seconds."""
FORM = "a time such as 30s, 10min or 1.5h"
MAX_SECONDS = 30 * 24 * 3600.0
_PATTERN = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?(s|min|h)", re.ASCII)


def parse(text: str) -> float:
    """Return the seconds of a duration. Raises BadInput."""
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        raise BadInput(f"expected {FORM}, got {text!r}")
    seconds = float(match[1]) * SECONDS[match[2]]
    if not 0 < seconds <= MAX_SECONDS:
        raise BadInput(f"expected a time above 0, up to {MAX_SECONDS / 3600:.0f}h, got {text!r}")
    return seconds


def unparse(seconds: float) -> str:
    """Return the text of a duration, in the largest unit that gives a whole number."""
    for unit in ("h", "min"):
        if seconds % SECONDS[unit] == 0:
            return f"{seconds / SECONDS[unit]:.0f}{unit}"
    return f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"


def rounded(seconds: float) -> str:
    """Return a duration for a reader: ``45 s``, ``8 min``, ``1.5 h``."""
    if seconds < 90:
        return f"{max(1, math.ceil(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
