"""The partition table of an image or a card: MBR, as every Raspberry Pi OS has it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from edgevision.errors import BadInput

SECTOR = 512
DISK_ID_AT, TABLE_AT = 440, 446
FAT32_KINDS = (0x0B, 0x0C)
LINUX, PROTECTIVE = 0x83, 0xEE


@dataclass(frozen=True, slots=True)
class Partition:
    """One of the four of an MBR. Bytes."""

    kind: int
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Partitions:
    """What the first sector tells."""

    disk_id: str
    """Eight hexadecimal digits; ``PARTUUID=`` of a partition is this, a dash and its number in two digits."""
    boot: Partition
    """The first one, FAT32."""
    root: Partition | None
    """The second one, where it is a Linux one."""


def read_partitions(stream: BinaryIO) -> Partitions:
    """Raises BadInput."""
    stream.seek(0)
    head = stream.read(SECTOR)
    refuse_half_written(head)
    if len(head) < SECTOR or head[510:] != b"\x55\xaa":
        raise BadInput("it has no partition table; this is neither a card nor an unpacked image (.xz: unpack it first)")
    boot, root = (_parsed(head, number) for number in (0, 1))
    if PROTECTIVE in (boot.kind, root.kind):
        raise BadInput("it has a GPT partition table, and Raspberry Pi OS has an MBR one; this is another system")
    if boot.kind not in FAT32_KINDS or not boot.start:
        raise BadInput("its first partition is no FAT32 one, so it is no Raspberry Pi OS")
    return Partitions(
        f"{struct.unpack_from('<I', head, DISK_ID_AT)[0]:08x}",
        boot,
        root if root.kind == LINUX and root.start else None,
    )


def _parsed(head: bytes, number: int) -> Partition:
    at = TABLE_AT + 16 * number
    start, size = struct.unpack_from("<II", head, at + 8)
    return Partition(head[at + 4], start * SECTOR, size * SECTOR)


HALF_WRITTEN = b"edgevision: this card is half-written\n"
"""What a card begins with while it is written, in the place of its partition table."""


def refuse_half_written(head: bytes) -> None:
    """``head``: the first sector. Raises BadInput."""
    if head.startswith(HALF_WRITTEN):
        raise BadInput("writing this card was broken off, so it starts nothing; write it again: edgevision flash write")
