"""Finds the boot partition of an image or a card: the first one, FAT32, as every Raspberry Pi OS has it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from edgevision.errors import BadInput, EdgeVisionError, MissingFile

from .fat32 import Fat32
from .half_written import refuse_half_written

SECTOR = 512
TABLE_AT = 446
FAT32_KINDS = (0x0B, 0x0C)


def boot_offset(stream: BinaryIO) -> int:
    """Where the first partition begins, in bytes. Raises BadInput."""
    stream.seek(0)
    head = stream.read(SECTOR)
    refuse_half_written(head)
    if len(head) < SECTOR or head[510:] != b"\x55\xaa":
        raise BadInput("it has no partition table; this is neither a card nor an unpacked image (.xz: unpack it first)")
    kind, start = head[TABLE_AT + 4], struct.unpack_from("<I", head, TABLE_AT + 8)[0]
    if kind not in FAT32_KINDS or not start:
        raise BadInput("its first partition is no FAT32 one, so it is no Raspberry Pi OS")
    return int(start) * SECTOR


def read_boot_files(place: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """Those of the files that are there; ``place``: an image, a card's device, or the boot partition where it is mounted.

    Raises MissingFile, BadInput, OSError.
    """
    if place.is_dir():
        return {name: (place / name).read_bytes() for name in names if (place / name).is_file()}
    if not place.exists():
        raise MissingFile(f"no such image, card or folder: {place}")
    found = {}
    with place.open("rb") as stream:
        try:
            fat = Fat32(stream, boot_offset(stream))
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
