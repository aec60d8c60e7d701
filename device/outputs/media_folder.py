"""A folder of snapshots or clips with a quota: the oldest are deleted first, and only files written here."""

from __future__ import annotations

import re
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from edgevision.errors import CannotWrite
from edgevision.files.atomic import write_bytes
from edgevision.log import Log

from ..system.disk_space import is_almost_full

log = Log("edgevision.outputs")
MAX_LABEL = 60
"""Longest label in a file name (bytes)."""
_NAME = r"(\d{{6,}})-\d{{8}}T\d{{6}}Z-[^/]*-\d\.\d\d{}"
"""File names: a running number, which is immune to a wrong clock, the UTC time, label and score."""
_PART = re.compile(r"\.(.+)\.[a-z0-9_]{8}\.part")
"""Temporary names of ``write_bytes``; a killed process leaves such a file behind."""


class MediaFolder:
    """The files of one output in DIR."""

    def __init__(self, folder: Path, quota: int, suffixes: tuple[str, ...]) -> None:
        """
        Args:
            folder: Where the files are; made by ``open``.
            quota: Bytes of all files, including those of earlier runs.
            suffixes: Ends of the names, such as ``.jpg``.
        """
        self.folder, self.quota = folder, quota
        self._ours = re.compile(_NAME.format(f"(?:{'|'.join(map(re.escape, suffixes))})"))
        self._kept: deque[tuple[Path, int]] = deque()
        self._number = 1
        self.bytes = 0
        """Total bytes of the files kept now."""

    def __len__(self) -> int:
        return len(self._kept)

    def open(self) -> None:
        """Find the files of earlier runs and delete incomplete ones. Raises CannotWrite."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            found = []
            for path in self.folder.iterdir():
                part = _PART.fullmatch(path.name)
                if part and self._ours.fullmatch(part[1]):
                    path.unlink(missing_ok=True)
                if name := self._ours.fullmatch(path.name):
                    found.append((int(name[1]), path, path.lstat().st_size))
        except OSError as error:
            raise CannotWrite(f"cannot write to {self.folder}: {error.strerror or error}") from None
        found.sort()
        self._kept = deque((path, size) for _, path, size in found)
        self._number = max(self._number, found[-1][0] + 1 if found else 1)
        self.bytes = sum(size for _, _, size in found)

    def add(self, label: str, score: float, wall_s: float, files: dict[str, bytes]) -> list[Path]:
        """Write files that belong together, as suffix -> content, and return their paths. Raises CannotWrite."""
        self._make_room(sum(map(len, files.values())))
        time = datetime.fromtimestamp(wall_s, UTC).strftime("%Y%m%dT%H%M%SZ")
        stem = f"{self._number:06d}-{time}-{safe_label(label)}-{min(max(score, 0.0), 9.99):.2f}"
        self._number += 1
        paths: list[Path] = []
        try:
            for suffix, data in files.items():
                write_bytes(self.folder / f"{stem}{suffix}", data)
                paths.append(self.folder / f"{stem}{suffix}")
        except CannotWrite:
            for path in paths:  # all are written again later
                path.unlink(missing_ok=True)
            raise
        self._kept.extend(zip(paths, map(len, files.values()), strict=True))
        self.bytes += sum(map(len, files.values()))
        return paths

    def _make_room(self, size: int) -> None:
        if size > self.quota:
            raise CannotWrite(
                f"not saved: {size} bytes exceed the quota of {self.quota} bytes for {self.folder}; raise the quota"
            )
        while self._kept and self.bytes + size > self.quota:
            path, freed = self._kept.popleft()
            with suppress(FileNotFoundError):  # whoever looks at them may have moved it
                path.unlink()
            self.bytes -= freed
            log.debug("deleted %s: the quota of %.0f MB is reached", path, self.quota / 1e6)
        try:
            full = is_almost_full(self.folder, size)
        except OSError as error:
            raise CannotWrite(f"cannot write to {self.folder}: {error.strerror or error}") from None
        if full:
            raise CannotWrite(f"not saved: the disk of {self.folder} is almost full; free some space")


def safe_label(label: str) -> str:
    """Return a label as part of a file name: letters, digits, ``_`` and ``-`` of at most MAX_LABEL bytes."""
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in label[:MAX_LABEL])
    return plain.encode("utf-8", "replace")[:MAX_LABEL].decode("utf-8", "ignore").strip("_") or "unnamed"
