"""MBR partition table of an OS image or SD card."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from edgevision.errors import BadInput

SECTOR = 512
DISK_ID_AT, TABLE_AT = 440, 446
FAT32_KINDS = (0x0B, 0x0C)
LINUX, PROTECTIVE = 0x83, 0xEE
DAMAGED = "the partition table is damaged, or the image truncated"
AGAIN = "download the OS image again"


@dataclass(frozen=True, slots=True)
class Partition:
    """Partition entry of an MBR; start and size in bytes."""

    kind: int
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Partitions:
    """Content of the partition table."""

    disk_id: str
    """Eight hexadecimal digits; the PARTUUID of a partition is the disk ID, a hyphen and its two-digit number."""
    boot: Partition
    """First partition, FAT32."""
    root: Partition | None
    """Second partition, if its type is Linux."""


def read_partitions(stream: BinaryIO, size: int | None = None, check: bool = True) -> Partitions:
    """Read the partition table. Raises BadInput.

    Args:
        stream: Image or drive, or its first sector.
        size: Size of the image in bytes; None: that of the stream, if it has more than the first sector.
        check: Whether all partitions must be in the image and apart from each other.
    """
    if size is None and (found := stream.seek(0, os.SEEK_END)) > SECTOR:
        size = found
    stream.seek(0)
    head = stream.read(SECTOR)
    refuse_half_written(head)
    if len(head) < SECTOR or head[510:] != b"\x55\xaa":
        raise BadInput(
            "no partition table found: not an SD card or unpacked OS image (if it is an .xz, unpack it first)"
        )
    boot, root, *others = (_parsed(head, number) for number in range(4))
    if PROTECTIVE in (boot.kind, root.kind):
        raise BadInput("not a Raspberry Pi OS image: GPT partition table instead of MBR")
    if boot.kind not in FAT32_KINDS or not boot.start:
        raise BadInput("not a Raspberry Pi OS image: the first partition is not FAT32")
    if check:
        _check_places([boot, root, *others], size)
    return Partitions(
        f"{struct.unpack_from('<I', head, DISK_ID_AT)[0]:08x}",
        boot,
        root if root.kind == LINUX and root.start else None,
    )


def _check_places(partitions: Sequence[Partition], size: int | None) -> None:
    """Check that every partition has a place of its own in the image. Raises BadInput."""
    used = sorted((one.start, one.start + one.size, number) for number, one in enumerate(partitions, 1) if one.kind)
    at, before = SECTOR, "the partition table"
    for start, end, number in used:
        if start == end:
            raise BadInput(f"{DAMAGED}: partition {number} has size 0; {AGAIN}")
        if start < at:
            raise BadInput(f"{DAMAGED}: partition {number} overlaps {before}; {AGAIN}")
        at, before = end, f"partition {number}"
        if size is not None and end > size:
            raise BadInput(
                f"{DAMAGED}: partition {number} ends at {end / 1e6:.1f} MB, but the image has only {size / 1e6:.1f} MB; {AGAIN}"
            )


def _parsed(head: bytes, number: int) -> Partition:
    at = TABLE_AT + 16 * number
    start, size = struct.unpack_from("<II", head, at + 8)
    return Partition(head[at + 4], start * SECTOR, size * SECTOR)


HALF_WRITTEN = b"edgevision: this card is half-written\n"
"""Start of an SD card while it is being written, in place of the partition table."""


def refuse_half_written(head: bytes) -> None:
    """Reject a half-written SD card; ``head``: its first sector. Raises BadInput."""
    if head.startswith(HALF_WRITTEN):
        raise BadInput(
            "writing this SD card was interrupted, so it cannot boot; write it again: edgevision flash write"
        )
