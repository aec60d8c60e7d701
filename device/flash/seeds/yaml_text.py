"""Write YAML, safe for any value, for readers of both YAML 1.1 and 1.2."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

Value = str | int | None | Sequence["Value"] | Mapping[str, "Value"]
_PLAIN_KEY = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""Keys that YAML 1.1 would read as another type."""


def dumps(value: Mapping[str, Value]) -> str:
    """Return ASCII YAML with one key or list item per line and all strings in double quotes."""
    return "\n".join(_mapping(value, "")) + "\n"


def quoted(text: str) -> str:
    """Return a double-quoted scalar.

    JSON strings would not do: YAML readers take their two escapes for a character beyond U+FFFF as two invalid
    characters, and they do not escape line breaks such as U+0085 and U+2028.
    """
    return '"' + "".join(map(_escaped, text)) + '"'


def _mapping(value: Mapping[str, Value], indent: str) -> Iterator[str]:
    for key, one in value.items():
        plain = _PLAIN_KEY.fullmatch(key) and key not in _WORDS
        yield from _entry(f"{indent}{key if plain else quoted(key)}:", one, indent)


def _entry(head: str, value: Value, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        yield head
        yield from _mapping(value, indent + "  ")
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        yield head
        for one in value:
            yield f"{indent}  - {_flow(one)}"
    else:
        yield f"{head} {_flow(value)}"


def _flow(value: Value) -> str:
    """Return a value on one line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{quoted(key)}: {_flow(one)}" for key, one in value.items()) + "}"
    return "[" + ", ".join(map(_flow, value)) + "]"


def _escaped(char: str) -> str:
    code = ord(char)
    if char in '"\\':
        return "\\" + char
    if 0x20 <= code < 0x7F:
        return char
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
