"""Atomic file writes: after a power cut, a file has either its old or its new content."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from .regular_files import read_bytes

PART = ".edgevision"
"""Suffix of a temporary file, whose name starts with a dot."""


def place(path: Path, data: bytes, mode: int = 0o644, owner: tuple[int, int] | None = None) -> None:
    """Write a temporary file and rename it; a link at ``path`` is replaced, not followed. Raises OSError.

    ``owner``: UID and GID.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}{PART}")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            give(part, mode, owner)
            os.fsync(stream.fileno())
            part.replace(path)
            os.fsync(
                stream.fileno()
            )  # on FAT the new name may otherwise point to the clusters of the old file, which are free now
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    sync_folder(path.parent)


def place_text(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a UTF-8 text file atomically. Raises OSError."""
    place(path, text.encode("utf-8"), mode)


def place_link(path: Path, target: str) -> None:
    """Create or replace a symbolic link atomically. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}{PART}")
    part.unlink(missing_ok=True)
    part.symlink_to(target)
    part.replace(path)
    sync_folder(path.parent)


def give(path: Path, mode: int, owner: tuple[int, int] | None) -> None:
    """Set the mode, regardless of the umask, and the owner."""
    path.chmod(mode)
    if owner is not None and (path.stat().st_uid, path.stat().st_gid) != owner:
        os.chown(path, *owner)


def sync_folder(folder: Path) -> None:
    """Sync a folder, so that renames in it survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_text(path: Path) -> str:
    """Return the content of a system file of unknown encoding; empty if the file does not exist. Raises OSError."""
    try:
        return read_bytes(path).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
