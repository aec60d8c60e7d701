"""What an image is written to, and the machine it is put into: the one door to a disk, for real disks and for fakes."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Protocol

from .block_devices import Machine


class Medium(Protocol):
    """A whole disk, opened so that nobody else has it. All methods raise OSError where the disk fails."""

    number: str
    """Of the disk that was really opened, as in 8:16."""
    bytes: int
    sector: int
    """Bytes; places and lengths are multiples of it."""
    sequence: int | None
    """As ``Drive.sequence``."""
    place: Path
    """Where others read it."""

    def write_at(self, at: int, data: memoryview) -> int:
        """How many bytes were taken; ``data`` lies in memory from ``aligned``."""

    def read_at(self, at: int, into: memoryview) -> int:
        """How many bytes came; ``into`` lies in memory from ``aligned``."""

    def flush(self) -> None:
        """Returns when all that was written is on the medium."""

    def drop_caches(self) -> None:
        """From now on, what is read comes from the medium."""

    def reread_partitions(self) -> bool:
        """Has the system look at the partition table anew; whether it did."""

    def close(self) -> None:
        """Gives the disk back."""


class Host(Protocol):
    """The machine that the disk is in. What cannot be done raises FlashRefused."""

    machine: Machine

    def number(self, device: Path) -> str:
        """Of the block device that a path means, as in 8:16."""

    def may_write(self, device: Path) -> bool:
        """Whether whoever runs this has the right to."""

    def unmount(self, at: str) -> None:
        """As anybody would: never by force, never later."""

    def open(self, device: Path) -> Medium:
        """Exclusively: refused while anything uses the disk or a part of it."""


def aligned(count: int) -> memoryview:
    """Zeros that begin at a page, as reading and writing past the page cache wants it."""
    return memoryview(mmap.mmap(-1, count))
