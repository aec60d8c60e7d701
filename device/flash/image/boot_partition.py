"""Read files from the boot partition of an OS image or SD card, or from a mounted boot partition."""

from __future__ import annotations

import os
from pathlib import Path

from edgevision.errors import BadInput, EdgeVisionError, MissingFile
from edgevision.input_file import other_kind, read_file

from ..filesystems.fat32 import Fat32
from ..filesystems.partitions import read_partitions

MAX_BYTES, SMALL = 2**30, 2**24
"""Largest bundle, and largest other file of a boot partition to read, in bytes."""


def _limit(name: str) -> int:
    return MAX_BYTES if name.endswith(".tar.xz") else SMALL


def read_boot_files(place: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """Return the content of those of the files that exist.

    ``place``: an OS image, a drive, or the folder of a mounted boot partition. Raises MissingFile, BadInput, OSError.
    """
    if place.is_dir():
        return {name: read_file(place / name, name, _limit(name)) for name in names if (place / name).is_file()}
    if not place.exists():
        raise MissingFile(f"OS image, SD card or folder not found: {place}")
    kind = other_kind(place.stat().st_mode)
    if kind not in (None, "a drive"):
        raise MissingFile(f"OS image or SD card must be a file or a drive, but {place} is {kind}")
    if not os.access(place, os.R_OK):
        raise BadInput(f"no permission to read {place}; if it is an SD card, run the command with sudo")
    found = {}
    with place.open("rb") as stream:
        try:
            fat = Fat32(stream, read_partitions(stream, check=False).boot.start)
        except EdgeVisionError as error:
            raise BadInput(f"{place}: {error}") from None
        for name in names:
            try:
                found[name] = fat.read(name, _limit(name))
            except MissingFile:
                continue
            except EdgeVisionError as error:
                raise BadInput(f"{place}: {error}") from None
    return found
