"""A folder of pictures by label that never grows beyond its quota: the oldest go first, and only our own."""

from __future__ import annotations

import re
import shutil
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from edgevision.errors import CannotWrite
from edgevision.files import write_bytes

OURS = re.compile(r"(\d{6,})-\d{8}T\d{6}Z\.jpg")
"""Names of the pictures that were kept here: a running number, which outlives a wrong clock, and the time, UTC."""
LEAST_FREE = 50_000_000
"""Bytes that are left to the rest of the machine."""
MAX_NAME = 100


class Store:
    """Pictures in DIR/LABEL/."""

    def __init__(
        self, folder: Path, quota: int, free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
    ) -> None:
        """``quota``: bytes of our pictures, those of earlier runs too. Raises CannotWrite."""
        self.folder, self.quota = folder, quota
        self._free = free
        try:
            folder.mkdir(parents=True, exist_ok=True)
            found = sorted((int(m[1]), p) for p in folder.glob("*/*.jpg") if (m := OURS.fullmatch(p.name)))
            self._kept = deque((path, path.stat().st_size) for _, path in found)
        except OSError as error:
            raise CannotWrite(f"cannot collect pictures in {folder}: {error.strerror or error}") from None
        self._number = found[-1][0] + 1 if found else 1
        self.bytes = sum(size for _, size in self._kept)
        """Of the pictures that are kept now."""

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, label: str, jpeg: bytes, wall_s: float) -> Path:
        """Keeps one picture; ``wall_s``: seconds since 1970. Raises CannotWrite, also where the disk is nearly full."""
        self._make_room(len(jpeg))
        if self._free(self.folder) < LEAST_FREE + len(jpeg):
            raise CannotWrite(
                f"no picture is kept: less than {LEAST_FREE / 1e6:.0f} MB are free where {self.folder} is; make room"
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
            raise CannotWrite(f"one picture has {size} bytes, and {self.folder} may hold {self.quota} in all")
        while self._kept and self.bytes + size > self.quota:
            path, freed = self._kept.popleft()
            # Somebody who sorts the pictures may have moved it: then it is not ours to delete any more.
            with suppress(FileNotFoundError):
                path.unlink()
            self.bytes -= freed


def folder_name(label: str) -> str:
    """A label as the name of a folder: no path, not hidden, of bearable length."""
    plain = "".join(letter if letter.isprintable() and letter not in '/\\:*?"<>|' else "_" for letter in label)
    return plain.strip(" .")[:MAX_NAME].strip(" .") or "unnamed"
