"""Which device the images of a folder were pulled from, by its pulled.jsonl."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from ..errors import BadInput
from ..files import strict_json
from ..input_file import open_file

FILE = "pulled.jsonl"
MAX_LINE = 100_000
"""Most bytes of one line."""
_HOST = re.compile(r"\[?[A-Za-z0-9_:][A-Za-z0-9._:%-]*\]?")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


def device_of(folder: Path) -> str | None:
    """Return USER@HOST, or HOST, of the newest pulled image; None if the folder has no record that can be read."""
    with suppress(BadInput, OSError, ValueError, KeyError):
        line = strict_json.fields(strict_json.loads(_last_line(folder / FILE), FILE), "the line")
        host, user = strict_json.text(line["host"], "host", 300), line.get("user")
        if _HOST.fullmatch(host) and (user is None or _USER.fullmatch(strict_json.text(user, "user", 100))):
            return host if user is None else f"{user}@{host}"
    return None


def _last_line(path: Path) -> bytes:
    """Return the last whole line; a power loss may have cut off the one after it. Raises MissingFile, OSError."""
    with open_file(path, "log of pulled images") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - 2 * MAX_LINE))
        return (stream.read(2 * MAX_LINE).rpartition(b"\n")[0]).rpartition(b"\n")[2]
