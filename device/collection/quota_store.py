"""A folder of images by label with a quota: the oldest are deleted first, and only files written here."""

from __future__ import annotations

import re
import shutil
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from edgevision.errors import CannotWrite
from edgevision.files.atomic import write_bytes
from edgevision.log import Log

from ..system.disk_space import LEAST_FREE

log = Log("edgevision.collect")
OURS = re.compile(r"(\d{6,})-\d{8}T\d{6}Z\.jpg")
"""File names of collected images: a running number, which is immune to a wrong clock, and the UTC time."""
MAX_NAME = 100


class Store:
    """Images in DIR/LABEL/."""

    def __init__(
        self, folder: Path, quota: int, free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
    ) -> None:
        """``quota``: bytes of collected images, including earlier runs. Raises CannotWrite."""
        self.folder, self.quota = folder, quota
        self._free = free
        try:
            folder.mkdir(parents=True, exist_ok=True)
            found = sorted((int(m[1]), p) for p in folder.glob("*/*.jpg") if (m := OURS.fullmatch(p.name)))
            self._kept = deque((path, path.stat().st_size) for _, path in found)
        except OSError as error:
            raise CannotWrite(f"cannot collect images in {folder}: {error.strerror or error}") from None
        self._number = found[-1][0] + 1 if found else 1
        self.bytes = sum(size for _, size in self._kept)
        """Total bytes of the images kept now."""
        log.info("%s: %d images, %.1f of %.0f MB", folder, len(self._kept), self.bytes / 1e6, quota / 1e6)

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, label: str, jpeg: bytes, wall_s: float) -> Path:
        """Store one image; ``wall_s``: seconds since 1970. Raises CannotWrite, also if the disk is nearly full."""
        self._make_room(len(jpeg))
        if self._free(self.folder) < LEAST_FREE + len(jpeg):
            raise CannotWrite(
                f"image not saved: less than {LEAST_FREE / 1e6:.0f} MB free on the disk of {self.folder}; free some space"
            )
        time = datetime.fromtimestamp(wall_s, UTC).strftime("%Y%m%dT%H%M%SZ")
        path = self.folder / folder_name(label) / f"{self._number:06d}-{time}.jpg"
        write_bytes(path, jpeg)
        self._number += 1
        self._kept.append((path, len(jpeg)))
        self.bytes += len(jpeg)
        return path

    def _make_room(self, size: int) -> None:
        if size > self.quota:
            raise CannotWrite(
                f"image not saved: its {size} bytes exceed the quota of {self.quota} bytes for {self.folder}; raise the quota"
            )
        while self._kept and self.bytes + size > self.quota:
            path, freed = self._kept.popleft()
            # Whoever sorts the images may have moved it: then it is no longer ours to delete.
            with suppress(FileNotFoundError):
                path.unlink()
            self.bytes -= freed
            log.debug("deleted %s: the quota of %.0f MB is reached", path, self.quota / 1e6)


def folder_name(label: str) -> str:
    """Return a label as a folder name: no path, not hidden, of limited length."""
    plain = "".join(letter if letter.isprintable() and letter not in '/\\:*?"<>|' else "_" for letter in label)
    return plain.strip(" .")[:MAX_NAME].strip(" .") or "unnamed"
