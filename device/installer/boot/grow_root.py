"""Grow the root file system to the end of its partition, which the OS enlarges at boot.

Raspberry Pi OS does this itself, but not in every sequence of boots; resize2fs(8) does nothing if there is nothing to
do.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ..base.commands import run
from ..base.errors import Refused

MOUNTS = Path("/proc/self/mountinfo")
PROGRAM = "resize2fs"


def grow(root: Path, mounts: Path = MOUNTS) -> str:
    """Grow the file system and return what was done; errors are not raised, since the installation may still fit."""
    device = _device(mounts) if root == Path("/") else None
    if device is None:
        return f"{_free_mb(root)} MB free; the root file system cannot be grown (not ext4 on a block device)"
    if shutil.which(PROGRAM) is None:
        return f"{_free_mb(root)} MB free; {PROGRAM} not found, so the root file system was not grown"
    before = _size_mb(root)
    try:
        run([PROGRAM, device], PROGRAM, root)
    except Refused as error:
        return f"{_free_mb(root)} MB free; {error}"
    after = _size_mb(root)
    grown = f"; the file system grew from {before} to {after} MB" if after > before else ""
    return f"{_free_mb(root)} MB free{grown}"


def _device(mounts: Path) -> str | None:
    """Return the block device mounted at / if it is ext4 (proc(5))."""
    for line in mounts.read_text(encoding="utf-8").splitlines():
        left, _, right = line.partition(" - ")
        fields, kind = left.split(), right.split()[:1]
        if fields[4:5] == ["/"]:
            device = Path("/sys/dev/block") / fields[2] / "uevent"
            if kind != ["ext4"] or not device.exists():
                return None
            names = [
                one.removeprefix("DEVNAME=") for one in device.read_text().splitlines() if one.startswith("DEVNAME=")
            ]
            return f"/dev/{names[0]}" if names else None
    return None


def _size_mb(root: Path) -> int:
    there = os.statvfs(root)
    return there.f_blocks * there.f_frsize // 10**6


def _free_mb(root: Path) -> int:
    there = os.statvfs(root)
    return there.f_bavail * there.f_frsize // 10**6
