"""A folder of images by label with a quota: the oldest are deleted first, and only files written here."""

from __future__ import annotations

import re
import shutil
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from edgevision.errors import CannotWrite
from edgevision.files.atomic import write_bytes
from edgevision.log import Log

from ..system.disk_space import LEAST_FREE

log = Log("edgevision.collect")
OURS = re.compile(r"(\d{6,})-(\d{8}T\d{6}Z)(?:-([01]\.\d\d))?\.jpg")
"""File names of collected images: a running number, which is immune to a wrong clock, the UTC time, and the best score."""
MAX_NAME = 100


class CollectedName(NamedTuple):
    """What the name of a collected image says."""

    number: int
    time: str
    """UTC, as 20261130T041502Z."""
    score: float | None
    """Best score of the model, 0..1; None if there was none."""


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

    def add(self, label: str, jpeg: bytes, wall_s: float, score: float | None = None) -> Path:
        """Store one image. Raises CannotWrite, also if the disk is nearly full.

        ``wall_s``: seconds since 1970; ``score``: best score, 0..1, for its name.
        """
        self._make_room(len(jpeg))
        if self._free(self.folder) < LEAST_FREE + len(jpeg):
            raise CannotWrite(
                f"image not saved: less than {LEAST_FREE / 1e6:.0f} MB free on the disk of {self.folder}; free some space"
            )
        time = datetime.fromtimestamp(wall_s, UTC).strftime("%Y%m%dT%H%M%SZ")
        shown = "" if score is None else f"-{min(1.0, max(0.0, score)):.2f}"
        path = self.folder / folder_name(label) / f"{self._number:06d}-{time}{shown}.jpg"
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


def collected_name(name: str) -> CollectedName | None:
    """Return what the name of a file says; None if it is not that of a collected image."""
    found = OURS.fullmatch(name)
    return (
        None if found is None else CollectedName(int(found[1]), found[2], None if found[3] is None else float(found[3]))
    )


def folder_name(label: str) -> str:
    """Return a label as a folder name: no path, not hidden, of limited length."""
    plain = "".join(letter if letter.isprintable() and letter not in '/\\:*?"<>|' else "_" for letter in label)
    return plain.strip(" .")[:MAX_NAME].strip(" .") or "unnamed"
