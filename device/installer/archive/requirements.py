"""Whether a bundle fits this machine."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from ..base.commands import ROOM, SYSTEMS
from ..base.errors import Refused
from .manifest import Manifest


def check_fits(manifest: Manifest) -> None:
    """Refuses a bundle for another machine or Python than the one that runs this. Raises Refused."""
    python = ".".join(map(str, sys.version_info[:2]))
    if manifest.python != python:
        wanted = f" ({SYSTEMS[manifest.python]})" if manifest.python in SYSTEMS else ""
        known = ", ".join(f"{version} ({name})" for version, name in SYSTEMS.items())
        fits = f"make one with: edgevision bundle MODEL --python {python}"
        remedy = fits if python in SYSTEMS else f"there are bundles for {known}"
        raise Refused(f"the bundle is for Python {manifest.python}{wanted}, and this machine has {python}; {remedy}")
    arch = platform.machine()
    if manifest.arch != arch:
        raise Refused(f"the bundle is for {manifest.arch}, and this machine is {arch}")
    if sys.maxsize < 2**32:
        raise Refused("this system is a 32-bit one on a 64-bit kernel; the bundle's libraries need a 64-bit system")


def check_room(manifest: Manifest, folder: Path) -> None:
    """Raises Refused where the disk is too full."""
    there = os.statvfs(folder)
    free, needed = there.f_bavail * there.f_frsize, ROOM * manifest.total
    if free < needed:
        raise Refused(f"{folder} has {free // 10**6} MB left, and installing takes about {needed // 10**6} MB")
