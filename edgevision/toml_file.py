"""Reading a configuration file: TOML with the line of each key, or one line that says what is wrong with it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .errors import BadInput
from .files import require_file
from .toml_lines import Key, locate

LARGEST = 1_000_000
"""Bytes: nobody writes more by hand, and an image given by mistake need not be read."""
_PLACE = re.compile(r" \(at line (\d+), column \d+\)")


@dataclass(frozen=True)
class TomlFile:
    """What a file says, and where."""

    path: Path
    text: str
    values: dict[str, Any]

    def where(self, *key: str | int) -> str:
        """``FILE:LINE`` of a key, or of what it would stand in."""
        lines = self._lines
        found = next((lines[key[:length]] for length in range(len(key), 0, -1) if key[:length] in lines), 1)
        return f"{self.path}:{found}"

    @cached_property
    def _lines(self) -> dict[Key, int]:
        return locate(self.text)


def read(path: Path, wanted: str) -> TomlFile:
    """``wanted``: what --config takes. Raises MissingFile, BadInput with file and line."""
    require_file(path, "config file")
    if path.stat().st_size > LARGEST:
        raise BadInput(f"{path} is no text file; --config takes {wanted}")
    try:
        text = path.read_bytes().decode("utf-8-sig")  # Windows puts a mark before it
    except UnicodeDecodeError:
        raise BadInput(f"{path} is no text file; --config takes {wanted}") from None
    return parse(text, path)


def parse(text: str, path: Path) -> TomlFile:
    """``path``: for messages. Raises BadInput."""
    import tomllib  # late: most starts of the loop read no file

    text = text.replace("\r\n", "\n")
    try:
        return TomlFile(path, text, tomllib.loads(text))
    except RecursionError:
        raise BadInput(f"{path}: brackets within brackets, too deep to be read") from None
    except ValueError as error:  # also a number with thousands of digits
        message = str(error)
        place = _PLACE.search(message)
        where = f"{path}:{place[1]}" if place else f"{path}"
        raise BadInput(f"{where}: {_PLACE.sub('', message)}") from None


def literal(value: bool | int | float | str) -> str:
    """A value as TOML writes it, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    # Basic strings take all that JSON writes but this one letter.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
