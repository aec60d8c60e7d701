"""Read JSON from outside: size, depth, numbers and text are limited to what every reader and every printer can handle."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

from ..errors import BadInput

MAX_BYTES = 64 * 2**20
MAX_DEPTH = 64
"""Deepest nesting of lists and objects; our own documents have less than 10."""
MAX_INTEGER_DIGITS = 19
"""Longest integer: larger ones fit into no 64-bit number."""


def loads(
    data: str | bytes, what: str, max_bytes: int = MAX_BYTES, *, max_depth: int = MAX_DEPTH, allow_nan: bool = False
) -> Any:
    """Return the value of a JSON text. Raises BadInput, whose message starts with ``what``.

    Refused are: NaN and infinity, numbers that do not fit 64 bits, a key that occurs twice in an object, half of a
    surrogate pair, text that is not UTF-8, and texts that are too large or nested too deeply.
    ``allow_nan``: accept NaN and infinity, which Python writes for losses of a training that diverged.
    """
    if len(data) > max_bytes:
        raise BadInput(f"{what} is too large: {len(data) / 1e6:.0f} MB; at most {max_bytes / 1e6:.0f} MB are allowed")
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        value = json.loads(
            text,
            parse_constant=float if allow_nan else _no_constant,
            parse_float=_real,
            parse_int=_integer,
            object_pairs_hook=_object,
        )
        _check_depth(value, text, max_depth)
        if "\\u" in text or not isinstance(data, bytes):
            _check_text(value)
    except RecursionError:
        raise BadInput(f"{what} is not valid JSON: nested too deeply, at most {max_depth} levels are allowed") from None
    except UnicodeError:
        raise BadInput(f"{what} is not valid JSON: it is not UTF-8 text") from None
    except ValueError as error:
        raise BadInput(f"{what} is not valid JSON: {error}") from None
    return value


def whole(value: object, name: str, low: int, high: int) -> int:
    """Return a whole number. Raises ValueError for other types (a bool is none), and outside ``low`` .. ``high``."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name}: expected a whole number from {low} to {high}, got {short(value)}")
    return value


def real(value: object, name: str, low: float, high: float) -> float:
    """Return a number as float. Raises ValueError for other types, and outside ``low`` .. ``high``."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name}: expected a number from {low:g} to {high:g}, got {short(value)}")
    return float(value)


def text(value: object, name: str, longest: int) -> str:
    """Return a text of at most ``longest`` characters. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError(f"{name}: expected text, got {short(value)}")
    if len(value) > longest:
        raise ValueError(f"{name}: expected at most {longest} characters, got {len(value)}")
    return value


def items(value: object, name: str, most: int) -> list[Any]:
    """Return a list of at most ``most`` items. Raises ValueError."""
    if not isinstance(value, list):
        raise ValueError(f"{name}: expected a list, got {short(value)}")
    if len(value) > most:
        raise ValueError(f"{name}: expected at most {most} items, got {len(value)}")
    return value


def fields(value: object, name: str) -> dict[str, Any]:
    """Return an object. Raises ValueError."""
    if not isinstance(value, dict):
        raise ValueError(f"{name}: expected an object, got {short(value)}")
    return value


def short(value: object) -> str:
    """Return a value for an error message, at most 60 characters."""
    said = repr(value[:60] if isinstance(value, (str, list)) else value)
    return said if len(said) <= 60 else said[:57] + "..."


def _no_constant(name: str) -> float:
    raise ValueError(f"it contains the number {name}")


def _real(digits: str) -> float:
    value = float(digits)
    if not isfinite(value):
        raise ValueError(f"it contains the number {digits[:40]}")
    return value


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_INTEGER_DIGITS:
        raise ValueError(f"it contains a number of {len(digits)} digits")
    return int(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {short(twice)} occurs twice")
    return made


def _check_depth(value: Any, text: str, most: int) -> None:
    if text.count("[") + text.count("{") <= most:
        return
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > most:
            raise RecursionError
        below = (one for one in level if isinstance(one, (list, dict)))
        level = [
            inner
            for one in below
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, (list, dict))
        ]


def _check_text(value: Any) -> None:
    """Raise ValueError for half of a surrogate pair, which cannot be printed or written."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            try:
                one.encode()
            except UnicodeEncodeError:
                raise ValueError(f"the text {short(one)} contains half of a surrogate pair") from None
        elif isinstance(one, dict):
            left += one.keys()
            left += one.values()
        elif isinstance(one, list):
            left += one
