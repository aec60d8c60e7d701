"""Files that are replaced whole: a reader, or a power cut, finds the old one or the new one."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def place(path: Path, data: bytes, mode: int = 0o644, owner: tuple[int, int] | None = None) -> None:
    """Writes beside and renames; a link at ``path`` is replaced, not followed. ``owner``: uid, gid. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.edgevision")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            give(part, mode, owner)
            os.fsync(stream.fileno())
            part.replace(path)
            os.fsync(stream.fileno())  # on FAT the new name else points to the old file's clusters, which are free now
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    sync_folder(path.parent)


def place_text(path: Path, text: str, mode: int = 0o644) -> None:
    """The same in UTF-8. Raises OSError."""
    place(path, text.encode("utf-8"), mode)


def place_link(path: Path, target: str) -> None:
    """A symbolic link, replaced whole. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.edgevision")
    part.unlink(missing_ok=True)
    part.symlink_to(target)
    part.replace(path)
    sync_folder(path.parent)


def give(path: Path, mode: int, owner: tuple[int, int] | None) -> None:
    """Mode whatever the umask says, and owner."""
    path.chmod(mode)
    if owner is not None and (path.stat().st_uid, path.stat().st_gid) != owner:
        os.chown(path, *owner)


def sync_folder(folder: Path) -> None:
    """What was renamed in it is so after a power cut, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_text(path: Path) -> str:
    """Of a system's file, of which nobody promises the encoding; empty where there is none."""
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
