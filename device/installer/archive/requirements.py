"""Check that a bundle fits this machine."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from ..base.commands import ROOM, SYSTEMS
from ..base.errors import Refused
from .manifest import Manifest


def check_fits(manifest: Manifest) -> None:
    """Check the Python version and architecture of a bundle against this machine. Raises Refused."""
    python = ".".join(map(str, sys.version_info[:2]))
    if manifest.python != python:
        wanted = f" ({SYSTEMS[manifest.python]})" if manifest.python in SYSTEMS else ""
        known = ", ".join(f"{version} ({name})" for version, name in SYSTEMS.items())
        fits = f"build one with: edgevision bundle MODEL --python {python}"
        remedy = fits if python in SYSTEMS else f"supported: {known}"
        raise Refused(f"the bundle is for Python {manifest.python}{wanted}, but this machine has {python}; {remedy}")
    arch = platform.machine()
    if manifest.arch != arch:
        raise Refused(f"the bundle is for {manifest.arch}, but this machine is {arch}; build one with: --arch {arch}")
    if sys.maxsize < 2**32:
        raise Refused("this is a 32-bit system on a 64-bit kernel; the bundle's libraries need a 64-bit system")


def check_room(manifest: Manifest, folder: Path) -> None:
    """Check the free disk space for an installation. Raises Refused."""
    there = os.statvfs(folder)
    free, needed = there.f_bavail * there.f_frsize, ROOM * manifest.total
    if free < needed:
        raise Refused(
            f"not enough disk space: {folder} has {free // 10**6} MB free, and the installation needs about "
            f"{needed // 10**6} MB"
        )
