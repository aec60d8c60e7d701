"""Read JSON from an SD card or a bundle with the limits of ``edgevision.files.strict_json``, which is not on the device."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

MAX_BYTES = 2**20
MAX_DEPTH = 64
MAX_INTEGER_DIGITS = 19


def loads(data: bytes, max_bytes: int = MAX_BYTES) -> Any:
    """Return the value of a JSON text.

    Raises ValueError for text that is too large, nested too deeply or not UTF-8, for numbers that do not fit 64 bits,
    NaN and infinity, a key that occurs twice, and half of a surrogate pair.
    """
    if len(data) > max_bytes:
        raise ValueError(f"too large: {len(data)} bytes, at most {max_bytes} are allowed")
    try:
        value = json.loads(
            data.decode("utf-8"),
            parse_constant=_refuse,
            parse_float=_real,
            parse_int=_integer,
            object_pairs_hook=_object,
        )
        _check_depth(value)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _refuse(name: str) -> float:
    raise ValueError(f"it contains the number {name}")


def _real(digits: str) -> float:
    value = float(digits)
    return value if isfinite(value) else _refuse(digits[:40])


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_INTEGER_DIGITS:
        raise ValueError(f"it contains a number of {len(digits)} digits")
    return int(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key occurs twice")
    return made


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level:
        if depth > MAX_DEPTH:
            raise ValueError("nested too deeply")
        lists = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, (dict, list))]
        level = [part for one in lists for part in one]
        depth += 1
