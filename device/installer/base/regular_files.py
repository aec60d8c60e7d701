"""Read files of another machine or an SD card: only regular ones, and only as much as belongs there.

A named pipe in the place of /etc/passwd would block for ever, and a sparse file fill the memory.
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

LIMIT = 16 * 2**20
"""Largest size in bytes; system files and keys have some kilobytes."""


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading, without waiting. Raises OSError, also for another kind of file."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return os.fdopen(handle, "rb")


def read_bytes(path: Path, limit: int = LIMIT) -> bytes:
    """Return the content of a regular file. Raises OSError, also for a larger file or another kind."""
    with open_regular(path) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit} bytes", str(path))
    return data
