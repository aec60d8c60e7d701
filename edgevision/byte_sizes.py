"""Sizes in bytes as users write them: 20kB, 500MB, 2GB."""

from __future__ import annotations

import re

_BYTES = re.compile(r"(\d{1,15}(?:\.\d{1,6})?) ?([kMGT]?)B?", re.IGNORECASE)


def parse_bytes(text: str) -> int:
    """Parse a size above 0 such as 20kB, 500MB, 2GB or 1TB (powers of 1000) into bytes. Raises ValueError."""
    found = _BYTES.fullmatch(text.strip())
    size = 0 if found is None else int(float(found[1]) * 1000 ** " kmgt".index(found[2].lower() or " "))
    if found is None or not size:
        raise ValueError(text)
    return size


def format_bytes(size: int) -> str:
    """Format a number of bytes so that ``parse_bytes`` reads exactly it, such as 500MB."""
    power = next(power for power in (4, 3, 2, 1, 0) if size % 1000**power == 0)
    return f"{size // 1000**power}{' kMGT'[power].strip()}B"
