"""Validate values of device.json, which is on a partition that any computer can write to."""

from __future__ import annotations

import re
from typing import Any

from .errors import Refused


def text(value: Any, pattern: re.Pattern[str], what: str) -> str:
    """Return the value if it matches the pattern completely. Raises Refused."""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise Refused(f"invalid {what}: {value!r:.60}")
    return value


def secret(value: Any, pattern: re.Pattern[str], what: str) -> str:
    """Like ``text``, but the error does not show the value, since the log is on the SD card. Raises Refused."""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise Refused(f"invalid {what}")
    return value


def table(value: Any, what: str) -> dict[str, Any]:
    """Return the value if it is an object. Raises Refused."""
    if not isinstance(value, dict):
        raise Refused(f"invalid {what}: expected an object")
    return value
