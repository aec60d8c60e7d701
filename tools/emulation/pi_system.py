"""``make os-image``: an OS image like Raspberry Pi OS that an emulated Pi can boot, for use without a download."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast

from . import image, pi_root
from .host import IMAGES, REPO, CannotRun, need_programs, need_root, say
from .namespace import enter

HELPERS = REPO / "tests" / "helpers"
"""Helpers of the tests, which build small OS images with the same builder."""
SOURCES = ("raspios_files.py", "raspios_image.py")


def make(arguments: Sequence[str]) -> int:
    """Build the OS image and print its path. Raises CannotRun."""
    release = arguments[0] if arguments else "bookworm"
    if release not in pi_root.RECIPES or len(arguments) > 1:
        raise CannotRun(f"unknown release {' '.join(arguments)}: give one of {', '.join(pi_root.RECIPES)}")
    need_root()
    enter()
    need_programs(image.PROGRAMS)
    print(system_image(release, pi_root.prepare(release)))
    return 0


def system_image(release: str, board: pi_root.Board) -> Path:
    """Return the release's OS image, built once. Raises CannotRun."""
    sources = [(HELPERS / name).read_text() for name in SOURCES]
    digest = hashlib.sha256("\n".join([*sources, pi_root.digest(release)]).encode()).hexdigest()
    path, stamp = IMAGES / f"raspios-{release}.img", IMAGES / f".raspios-{release}"
    if not (path.exists() and stamp.exists() and stamp.read_text() == digest):
        say(f"building the OS image {path.name}")
        _build(release, board)
        stamp.write_text(digest)
    return path


def _build(release: str, board: pi_root.Board) -> None:
    sys.path.insert(0, str(HELPERS))
    try:
        import raspios_files
        import raspios_image
    finally:
        sys.path.remove(str(HELPERS))
    IMAGES.mkdir(parents=True, exist_ok=True)
    raspios_files.furnish(board.root, release, raspios_image.DISK_ID, raspios_image.Flaws())
    raspios_image.build(IMAGES, cast(Literal["bookworm", "trixie"], release), root=board.root)
