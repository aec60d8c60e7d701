"""A text file that is appended to line by line and replaced by a new one by size or day; whole lines only."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from edgevision.errors import CannotWrite

from ..system.disk_space import is_almost_full

SYNC_S = 1.0
"""At most this much is lost with the power."""
_NUMBERED = r"\.(\d{{8}}T\d{{6}}Z)(-\d+)?{}"


class RotatingFile:
    """Appends lines to PATH. A full file, or yesterday's, becomes ``NAME.TIME.SUFFIX``; the oldest of these are deleted."""

    def __init__(
        self,
        path: Path,
        wall: Callable[[], float],
        *,
        max_bytes: int | None,
        daily: bool,
        keep: int,
        header: str | None = None,
    ) -> None:
        """
        Args:
            path: The file that is written now.
            wall: Returns seconds since 1970.
            max_bytes: Size in bytes from which a new file is begun; None: no limit.
            daily: Whether a new file is begun every day (UTC).
            keep: Number of finished files to keep.
            header: First line of every file.
        """
        self._path, self._wall, self._max_bytes, self._daily, self._keep = path, wall, max_bytes, daily, keep
        self._header = header
        self._file: IO[bytes] | None = None
        self._size = 0
        self._day = ""
        self._synced = 0.0

    def open(self) -> None:
        """Open the file, and remove half a line that a power loss left at its end. Raises CannotWrite."""
        self.close()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _open_regular(self._path)
            self._size = _cut_half_line(self._file)
            day = self._wall() if self._size == 0 else os.fstat(self._file.fileno()).st_mtime
        except OSError as error:
            raise CannotWrite(f"cannot write {self._path}: {error.strerror or error}") from None
        self._day = _day(day)
        if self._size == 0:
            self._write_header()

    def write(self, line: str) -> None:
        """Append one line, given without its line feed. Raises CannotWrite."""
        if self._file is None:
            self.open()
        data = line.encode("utf-8", "replace") + b"\n"
        if self._size and (self._is_full(len(data)) or (self._daily and _day(self._wall()) != self._day)):
            self._rotate()
        self._append(data)
        if self._wall() - self._synced >= SYNC_S or self._wall() < self._synced:
            self.sync()

    def sync(self) -> None:
        """Bring everything to the disk. Raises CannotWrite."""
        if self._file is not None:
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                raise CannotWrite(f"cannot write {self._path}: {error.strerror or error}") from None
            self._synced = self._wall()

    def close(self) -> None:
        """Bring everything to the disk and close the file."""
        if self._file is not None:
            try:
                self.sync()
            finally:
                self._file.close()
                self._file = None

    def _is_full(self, more: int) -> bool:
        return self._max_bytes is not None and self._size + more > self._max_bytes

    def _append(self, data: bytes) -> None:
        """Write all or nothing: a full disk leaves no half line."""
        assert self._file is not None
        try:
            if is_almost_full(self._path.parent, len(data)):
                raise CannotWrite(f"cannot write {self._path}: the disk is almost full; free some space")
            written = self._file.write(data)
            if written != len(data):
                self._file.truncate(self._size)
                raise CannotWrite(f"cannot write {self._path}: the disk is full; free some space")
        except OSError as error:
            if isinstance(error, CannotWrite):
                raise
            raise CannotWrite(f"cannot write {self._path}: {error.strerror or error}") from None
        self._size += len(data)

    def _write_header(self) -> None:
        if self._header is not None:
            self._append(self._header.encode() + b"\n")

    def _rotate(self) -> None:
        self.close()
        set_aside(self._path, self._wall(), self._keep)
        self.open()


def set_aside(path: Path, wall_s: float, keep: int) -> None:
    """Rename a finished file to ``NAME.TIME.SUFFIX`` and delete all but the newest ``keep`` of these. Raises CannotWrite."""
    time = datetime.fromtimestamp(wall_s, UTC).strftime("%Y%m%dT%H%M%SZ")
    taken = [number for found, number, _ in _finished(path) if found == time]
    number = f"-{max(taken) + 1}" if taken else ""  # never one that sorts before a file made earlier
    try:
        path.rename(path.with_name(f"{path.stem}.{time}{number}{path.suffix}"))
        for _, _, old in _finished(path)[: -keep or None]:
            old.unlink(missing_ok=True)
    except OSError as error:
        raise CannotWrite(f"cannot rotate {path}: {error.strerror or error}") from None


def _finished(path: Path) -> list[tuple[str, int, Path]]:
    """Return time, number and path of the finished files, the oldest first."""
    pattern = re.compile(re.escape(path.stem) + _NUMBERED.format(re.escape(path.suffix)))
    files = ((pattern.fullmatch(one.name), one) for one in path.parent.iterdir())
    return sorted((m[1], int((m[2] or "-1")[1:]), one) for m, one in files if m)


def _open_regular(path: Path) -> IO[bytes]:
    """Open a file for appending without waiting for a pipe's reader or following a link."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
    file = os.fdopen(os.open(path, flags, 0o644), "ab+", buffering=0)
    import stat

    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError("it is not a regular file")
    return file


def _cut_half_line(file: IO[bytes]) -> int:
    """Remove what follows the last line feed, and zeros that a power loss may leave; return the size."""
    end = file.seek(0, os.SEEK_END)
    size = end
    while size:
        start = max(0, size - 65536)
        file.seek(start)
        place = file.read(size - start).rfind(b"\n")
        if place >= 0:
            size = start + place + 1
            break
        size = start
    if size != end:
        file.truncate(size)
    file.seek(0, os.SEEK_END)
    return size


def _day(wall_s: float) -> str:
    return datetime.fromtimestamp(wall_s, UTC).strftime("%Y%m%d")
