"""Shares as a user writes them: ``1%``, ``0.5 %``, ``0.01``."""

from __future__ import annotations

import re

from edgevision.errors import BadInput

FORM = "a share above 0, up to 50%, such as 1% or 0.01"
HIGHEST = 0.5
_PATTERN = re.compile(r"(\d{1,3}(?:\.\d{1,9})?|\.\d{1,9}) ?(%?)", re.ASCII)


def parse(text: str) -> float:
    """Return a share, 0..1. Raises BadInput."""
    match = _PATTERN.fullmatch(text.strip())
    value = float(match[1]) / (100 if match[2] else 1) if match else 0.0
    if not 0 < value <= HIGHEST:
        raise BadInput(f"expected {FORM}, got {text!r}")
    return value


def unparse(value: float) -> str:
    """Return the text of a share."""
    return f"{value:.9f}".rstrip("0")
