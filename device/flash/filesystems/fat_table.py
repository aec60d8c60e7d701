"""The geometry of a FAT32 partition and its table of clusters, checked before it is believed."""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from edgevision.errors import BadInput

FREE, BAD, END, MASK = 0, 0x0FFFFFF7, 0x0FFFFFF8, 0x0FFFFFFF
SMALLEST = 65525
"""Clusters; a partition with fewer is FAT16 or FAT12, whatever it says."""
UNKNOWN = 0xFFFFFFFF
"""Where free clusters were not counted."""
INFO_SIGNS = (0x41615252, 0x61417272, 0xAA550000)
SECTOR_SIZES = (512, 1024, 2048, 4096)
MAX_CLUSTERS = 1 << 26


@dataclass(frozen=True, slots=True)
class Geometry:
    """Of the partition, from its first sector. Sizes in bytes, places from the start of the partition."""

    sector: int
    cluster: int
    table_at: int
    table_bytes: int
    tables: int
    data_at: int
    clusters: int
    root: int
    """First cluster of the top folder."""
    info_at: int | None
    """Of the sector that counts the free clusters."""

    def place(self, cluster: int) -> int:
        """Where a cluster begins."""
        return self.data_at + (cluster - 2) * self.cluster


def geometry(head: bytes) -> Geometry:
    """Of the first 512 bytes of a partition. Raises BadInput."""
    if len(head) < 512 or head[510:512] != b"\x55\xaa":
        raise BadInput("the boot partition is no FAT file system")
    sector, per, reserved, tables, entries, few = struct.unpack_from("<HBHBHH", head, 11)
    (short,) = struct.unpack_from("<H", head, 22)
    total, long, _, _, root, info = struct.unpack_from("<IIHHIH", head, 32)
    sane = sector in SECTOR_SIZES and per and not per & (per - 1) and reserved and 1 <= tables <= 2
    if not sane or entries or few or short or not long:
        raise BadInput("the boot partition is no FAT32 file system; Raspberry Pi OS has one")
    data = reserved + tables * long
    clusters = (total - data) // per
    if not SMALLEST <= clusters <= min(MAX_CLUSTERS, long * sector // 4 - 2) or not 2 <= root < clusters + 2:
        raise BadInput("the boot partition's FAT32 file system is damaged: its sizes contradict each other")
    info_at = info * sector if 0 < info < reserved else None
    return Geometry(
        sector, per * sector, reserved * sector, long * sector, tables, data * sector, clusters, root, info_at
    )


class Table:
    """Which cluster follows which, in memory until ``write``."""

    def __init__(self, stream: BinaryIO, offset: int, shape: Geometry) -> None:
        self._stream, self._offset, self._shape = stream, offset, shape
        stream.seek(offset + shape.table_at)
        raw = stream.read(4 * (shape.clusters + 2))
        if len(raw) < 4 * (shape.clusters + 2):
            raise BadInput("the boot partition is cut off")
        self._next = array("I", raw)
        if self._next.itemsize != 4 or struct.pack("=H", 1) != b"\1\0":
            raise BadInput("this machine's numbers are not those of FAT")
        self._search = 2
        self.free = sum(1 for value in self._next[2:] if value & MASK == FREE)
        """Clusters without a file."""

    def chain(self, first: int) -> list[int]:
        """All clusters of a file or folder. Raises BadInput where they lead nowhere or in a circle."""
        found: list[int] = []
        cluster = first
        while cluster < END:
            if not 2 <= cluster < self._shape.clusters + 2 or len(found) > self._shape.clusters:
                raise BadInput("the boot partition is damaged: a file's clusters lead nowhere; write the card anew")
            found.append(cluster)
            cluster = self._next[cluster] & MASK
        return found

    def take(self, count: int, after: int | None = None) -> list[int]:
        """A chain of so many free clusters, behind ``after`` where one is named. Raises BadInput."""
        found: list[int] = []
        cluster = self._search
        while len(found) < count:
            if cluster >= self._shape.clusters + 2:
                raise BadInput("the boot partition is full")
            if self._next[cluster] & MASK == FREE:
                found.append(cluster)
            cluster += 1
        self._search = cluster
        self.free -= count
        for one, following in pairwise([*found, MASK]):
            self._set(one, following)
        if after is not None and found:
            self._set(after, found[0])
        return found

    def give_back(self, chain: list[int]) -> None:
        """Frees the clusters of a file that is replaced."""
        for cluster in chain:
            self._set(cluster, FREE)
        self.free += len(chain)
        self._search = min([self._search, *chain])

    @property
    def taken(self) -> int:
        """Clusters that belong to a file or folder, or should."""
        return sum(1 for value in self._next[2:] if value & MASK not in (FREE, BAD))

    def faults(self) -> list[str]:
        """Where the copies of the table differ, or the count of free clusters is wrong."""
        found = []
        for copy in range(1, self._shape.tables):
            self._stream.seek(self._offset + self._shape.table_at + copy * self._shape.table_bytes)
            if self._stream.read(4 * len(self._next)) != self._next.tobytes():
                found.append("the copies of its table differ")
        counted = self._info()
        if counted is not None and struct.unpack_from("<I", counted, 488)[0] not in (self.free, UNKNOWN):
            found.append(f"its count of free clusters is wrong, there are {self.free}")
        return found

    def write(self) -> None:
        """Puts all copies of the table and the count of free clusters on the partition."""
        raw = self._next.tobytes()
        for copy in range(self._shape.tables):
            self._stream.seek(self._offset + self._shape.table_at + copy * self._shape.table_bytes)
            self._stream.write(raw)
        self._count()

    def _count(self) -> None:
        info = self._info()
        if info is not None and self._shape.info_at is not None:
            struct.pack_into("<II", info, 488, self.free, self._search)
            self._stream.seek(self._offset + self._shape.info_at)
            self._stream.write(info)

    def _info(self) -> bytearray | None:
        """The sector that counts the free clusters, where there is one."""
        if self._shape.info_at is None:
            return None
        self._stream.seek(self._offset + self._shape.info_at)
        info = bytearray(self._stream.read(512))
        if len(info) < 512:
            return None
        signs = tuple(struct.unpack_from("<I", info, where)[0] for where in (0, 484, 508))
        return info if signs == INFO_SIGNS else None

    def _set(self, cluster: int, value: int) -> None:
        # The upper four bits are not part of the number and stay as they are.
        self._next[cluster] = self._next[cluster] & ~MASK & 0xFFFFFFFF | value
