"""Free space on a disk that we write to for a long time, part of which stays free for the rest of the machine."""

from __future__ import annotations

import os
from pathlib import Path

LEAST_FREE = 50_000_000
"""Bytes left free for the rest of the machine."""


def is_almost_full(folder: Path, size: int) -> bool:
    """Return whether ``size`` more bytes would leave less than LEAST_FREE, or a tenth of a small disk. Raises OSError."""
    disk = os.statvfs(folder)
    least = min(LEAST_FREE, disk.f_blocks * disk.f_frsize // 10)
    return disk.f_bavail * disk.f_frsize < least + size
