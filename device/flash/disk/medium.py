"""Protocols for a drive and its machine; all access to drives goes through them, for real and fake ones."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Protocol

from .block_devices import Machine


class Medium(Protocol):
    """A whole drive, opened exclusively. All methods raise OSError if the drive fails."""

    number: str
    """Device number of the opened drive, such as 8:16."""
    bytes: int
    sector: int
    """Sector size in bytes; all offsets and lengths are multiples of it."""
    sequence: int | None
    """See ``Drive.sequence``."""
    place: Path
    """Path for reading it with other code."""

    def write_at(self, at: int, data: memoryview) -> int:
        """Write bytes and return how many were written; ``data`` must be memory from ``aligned``."""

    def read_at(self, at: int, into: memoryview) -> int:
        """Read bytes and return how many were read; ``into`` must be memory from ``aligned``."""

    def flush(self) -> None:
        """Wait until all written data is on the medium."""

    def drop_caches(self) -> None:
        """Drop caches, so that later reads come from the medium."""

    def reread_partitions(self) -> bool:
        """Make the kernel read the partition table again; return whether it did."""

    def close(self) -> None:
        """Close the drive."""


class Host(Protocol):
    """The machine of the drive. Methods raise FlashRefused if they fail."""

    machine: Machine

    def number(self, device: Path) -> str:
        """Return the device number of a block device, such as 8:16."""

    def may_write(self, device: Path) -> bool:
        """Return whether the current user may write to the device."""

    def unmount(self, at: str) -> None:
        """Unmount a file system, neither forced nor lazily."""

    def open(self, device: Path) -> Medium:
        """Open a drive exclusively; fails while the drive or a partition of it is in use."""


def aligned(count: int) -> memoryview:
    """Return page-aligned zeroed memory, as needed to bypass the page cache."""
    return memoryview(mmap.mmap(-1, count))
