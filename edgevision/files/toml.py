"""Reader of TOML configuration files that knows the line of each key, for one-line error messages."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..input_file import read_file, require_file
from .toml_positions import Key, locate

LARGEST = 1_000_000
"""Size limit in bytes. A larger file was given by mistake, such as an image, and is not read."""
_PLACE = re.compile(r" \(at line (\d+), column \d+\)")


@dataclass(frozen=True)
class TomlFile:
    """The content of a TOML file."""

    path: Path
    text: str
    values: dict[str, Any]

    def where(self, *key: str | int) -> str:
        """Return ``FILE:LINE`` of a key, or of the table that would contain it."""
        lines = self._lines
        found = next((lines[key[:length]] for length in range(len(key), 0, -1) if key[:length] in lines), 1)
        return f"{self.path}:{found}"

    @cached_property
    def _lines(self) -> dict[Key, int]:
        return locate(self.text)


def read(path: Path, wanted: str) -> TomlFile:
    """Read a TOML file. ``wanted``: what --config expects, for messages. Raises MissingFile, BadInput with file and line."""
    if require_file(path, "config file").stat().st_size > LARGEST:
        raise BadInput(f"{path} is not a text file; --config takes {wanted}")
    try:
        text = read_file(path, "config file", LARGEST).decode("utf-8-sig")  # Windows editors add a byte order mark
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not a text file; --config takes {wanted}") from None
    return parse(text, path)


def parse(text: str, path: Path) -> TomlFile:
    """Parse TOML text; ``path`` is used in messages. Raises BadInput."""
    import tomllib  # imported late, because the loop usually starts without a file

    text = text.replace("\r\n", "\n")
    try:
        return TomlFile(path, text, tomllib.loads(text))
    except RecursionError:
        raise BadInput(f"{path}: brackets are nested too deeply") from None
    except ValueError as error:  # also raised for a number with thousands of digits
        message = "a number has too many digits" if str(error).startswith("Exceeds the limit") else str(error)
        place = _PLACE.search(message)
        where = f"{path}:{place[1]}" if place else f"{path}"
        raise BadInput(f"{where}: {_PLACE.sub('', message)}") from None


def literal(value: bool | int | float | str | list[Any] | dict[str, Any]) -> str:
    """Format a value as TOML, on one line; the keys of a table need no quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {literal(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    # A JSON string is a valid TOML basic string, except for this character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
