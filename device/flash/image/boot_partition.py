"""Reads files of the boot partition of an image, of a card, or where it is mounted."""

from __future__ import annotations

import os
from pathlib import Path

from edgevision.errors import BadInput, EdgeVisionError, MissingFile
from edgevision.files.atomic import refuse_pipe

from ..filesystems.fat32 import Fat32
from ..filesystems.partitions import read_partitions


def read_boot_files(place: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """Those of the files that are there; ``place``: an image, a card's device, or the boot partition where it is mounted.

    Raises MissingFile, BadInput, OSError.
    """
    if place.is_dir():
        return {name: (place / name).read_bytes() for name in names if (place / name).is_file()}
    if not place.exists():
        raise MissingFile(f"no such image, card or folder: {place}")
    refuse_pipe(place, "an image or card")
    if not os.access(place, os.R_OK):
        raise BadInput(f"you have no right to read {place}; where it is a card, put sudo before the command")
    found = {}
    with place.open("rb") as stream:
        try:
            fat = Fat32(stream, read_partitions(stream).boot.start)
        except EdgeVisionError as error:
            raise BadInput(f"{place}: {error}") from None
        for name in names:
            try:
                found[name] = fat.read(name)
            except MissingFile:
                continue
            except EdgeVisionError as error:
                raise BadInput(f"{place}: {error}") from None
    return found
