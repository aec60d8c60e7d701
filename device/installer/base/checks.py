"""Checks values of device.json before they get anywhere: it lies on a partition that any computer can write."""

from __future__ import annotations

import re
from typing import Any

from .errors import Refused


def text(value: Any, pattern: re.Pattern[str], what: str) -> str:
    """The value, if all of it is of that form. Raises Refused."""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise Refused(f"{what} cannot be {value!r:.60}")
    return value


def secret(value: Any, pattern: re.Pattern[str], what: str) -> str:
    """The same; it is not shown where it is refused: the log lies on the card. Raises Refused."""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise Refused(f"{what} is none")
    return value


def table(value: Any, what: str) -> dict[str, Any]:
    """The value, if it is an object. Raises Refused."""
    if not isinstance(value, dict):
        raise Refused(f"{what} is no object")
    return value
