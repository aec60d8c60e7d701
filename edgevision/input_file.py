"""Files from outside: only regular files are read, so that no pipe, device or socket hangs or fills the memory.

Everything that reads a path that a user, a file or a folder names goes through here. A file is opened without waiting and
looked at when it is open, so that it cannot be exchanged in between.
"""

from __future__ import annotations

import os
import stat
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any

from .errors import BadInput, MissingFile

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
"""With O_NONBLOCK, opening a pipe that nobody writes to returns at once. It changes nothing for a regular file."""
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a drive"),
    (stat.S_ISCHR, "a device"),
)


def other_kind(mode: int) -> str | None:
    """Return what a path is instead of a regular file, such as "a pipe"; None for a regular file."""
    if stat.S_ISREG(mode):
        return None
    return next((name for test, name in _KINDS if test(mode)), "something else")


def require_file(path: Path, what: str) -> Path:
    """Return the path if it is a regular file. Raises MissingFile."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):  # a zero byte names no file
        raise MissingFile(f"{what} not found: {path}") from None
    _refuse(mode, path, what)
    return path


def open_file(path: Path, what: str) -> BufferedReader:
    """Open a regular file for reading. Raises MissingFile, OSError."""
    try:
        handle = os.open(path, _FLAGS)
    except (OSError, ValueError):
        require_file(path, what)  # a socket cannot be opened
        raise
    try:
        _refuse(os.fstat(handle).st_mode, path, what)
    except MissingFile:
        os.close(handle)
        raise
    return BufferedReader(_WithoutWaiting(handle, "rb"))


def read_file(path: Path, what: str, max_bytes: int) -> bytes:
    """Return the content of a regular file of at most ``max_bytes``. Raises MissingFile, BadInput, OSError."""
    with open_file(path, what) as stream:
        size = os.fstat(stream.fileno()).st_size
        data = b"" if size > max_bytes else stream.read(size + 1)
        if len(data) > size:  # it is still being written, or is one of /proc, whose size is 0
            data += stream.read(max_bytes)
    if max(size, len(data)) > max_bytes:
        given = max(size, len(data)) / 1e6
        raise BadInput(f"{path} is too large for a {what}: {given:.1f} MB; at most {max_bytes / 1e6:g} MB are allowed")
    return data


class _WithoutWaiting(FileIO):
    """A file that ends where it has no content yet, as /proc/kmsg does; otherwise reading it would return None."""

    def readinto(self, buffer: Any, /) -> int:
        return super().readinto(buffer) or 0

    def readall(self) -> bytes:
        return super().readall() or b""


def _refuse(mode: int, path: Path, what: str) -> None:
    kind = other_kind(mode)
    if kind is not None:
        raise MissingFile(f"{what} must be a file, but {path} is {kind}")
