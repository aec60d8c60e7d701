"""Geometry and file allocation table of a FAT32 partition, validated before use."""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from edgevision.errors import BadInput

FREE, BAD, END, MASK = 0, 0x0FFFFFF7, 0x0FFFFFF8, 0x0FFFFFFF
SMALLEST = 65525
"""Minimum number of clusters; with fewer, a partition is FAT16 or FAT12 by definition."""
UNKNOWN = 0xFFFFFFFF
"""Value of the count of free clusters if it is unknown."""
INFO_SIGNS = (0x41615252, 0x61417272, 0xAA550000)
SECTOR_SIZES = (512, 1024, 2048, 4096)
MAX_CLUSTERS = 1 << 23
"""Largest number of clusters; boot partitions of Raspberry Pi OS have up to a million. The table is read into memory."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Geometry of the partition: sizes in bytes, offsets from the start of the partition."""

    sector: int
    cluster: int
    table_at: int
    table_bytes: int
    tables: int
    data_at: int
    clusters: int
    root: int
    """First cluster of the root folder."""
    info_at: int | None
    """Offset of the sector that holds the count of free clusters."""

    def place(self, cluster: int) -> int:
        """Return the offset of a cluster."""
        return self.data_at + (cluster - 2) * self.cluster


def geometry(head: bytes) -> Geometry:
    """Parse the first 512 bytes of a partition. Raises BadInput."""
    if len(head) < 512 or head[510:512] != b"\x55\xaa":
        raise BadInput("the boot partition is not a FAT file system")
    sector, per, reserved, tables, entries, few = struct.unpack_from("<HBHBHH", head, 11)
    (short,) = struct.unpack_from("<H", head, 22)
    total, long, _, _, root, info = struct.unpack_from("<IIHHIH", head, 32)
    sane = sector in SECTOR_SIZES and per and not per & (per - 1) and reserved and 1 <= tables <= 2
    if not sane or entries or few or short or not long:
        raise BadInput("not a Raspberry Pi OS image: the boot partition is not a FAT32 file system")
    data = reserved + tables * long
    clusters = (total - data) // per
    if not SMALLEST <= clusters <= min(MAX_CLUSTERS, long * sector // 4 - 2) or not 2 <= root < clusters + 2:
        raise BadInput("the boot partition's FAT32 file system is damaged: inconsistent sizes")
    info_at = info * sector if 0 < info < reserved else None
    return Geometry(
        sector, per * sector, reserved * sector, long * sector, tables, data * sector, clusters, root, info_at
    )


class Table:
    """File allocation table, kept in memory until ``write``."""

    def __init__(self, stream: BinaryIO, offset: int, shape: Geometry) -> None:
        self._stream, self._offset, self._shape = stream, offset, shape
        stream.seek(offset + shape.table_at)
        raw = stream.read(4 * (shape.clusters + 2))
        if len(raw) < 4 * (shape.clusters + 2):
            raise BadInput("the boot partition is truncated")
        self._next = array("I", raw)
        if self._next.itemsize != 4 or struct.pack("=H", 1) != b"\1\0":
            raise BadInput("FAT32 is not supported on this machine: it is not little-endian with 4-byte integers")
        self._search = 2
        self.free = sum(1 for value in self._next[2:] if value & MASK == FREE)
        """Number of free clusters."""

    def chain(self, first: int) -> list[int]:
        """Return all clusters of a file or folder. Raises BadInput for an invalid or circular chain."""
        found: list[int] = []
        cluster = first
        while cluster < END:
            if not 2 <= cluster < self._shape.clusters + 2 or len(found) > self._shape.clusters:
                raise BadInput("the boot partition is damaged: invalid cluster chain; write the SD card again")
            found.append(cluster)
            cluster = self._next[cluster] & MASK
        return found

    def take(self, count: int, after: int | None = None) -> list[int]:
        """Allocate a chain of ``count`` clusters, appended to cluster ``after`` if given. Raises BadInput."""
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
        """Free the clusters of a replaced file."""
        for cluster in chain:
            self._set(cluster, FREE)
        self.free += len(chain)
        self._search = min([self._search, *chain])

    @property
    def taken(self) -> int:
        """Number of allocated clusters."""
        return sum(1 for value in self._next[2:] if value & MASK not in (FREE, BAD))

    def faults(self) -> list[str]:
        """Return the inconsistencies between the copies of the table and in the count of free clusters."""
        found = []
        for copy in range(1, self._shape.tables):
            self._stream.seek(self._offset + self._shape.table_at + copy * self._shape.table_bytes)
            if self._stream.read(4 * len(self._next)) != self._next.tobytes():
                found.append("the copies of the file allocation table differ")
        counted = self._info()
        if counted is not None and struct.unpack_from("<I", counted, 488)[0] not in (self.free, UNKNOWN):
            found.append(f"the count of free clusters is wrong, {self.free} are free")
        return found

    def write(self) -> None:
        """Write all copies of the table and the count of free clusters to the partition."""
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
        """Return the sector with the count of free clusters; None if there is none."""
        if self._shape.info_at is None:
            return None
        self._stream.seek(self._offset + self._shape.info_at)
        info = bytearray(self._stream.read(512))
        if len(info) < 512:
            return None
        signs = tuple(struct.unpack_from("<I", info, where)[0] for where in (0, 484, 508))
        return info if signs == INFO_SIGNS else None

    def _set(self, cluster: int, value: int) -> None:
        # The upper four bits are not part of the cluster number and must be kept.
        self._next[cluster] = self._next[cluster] & ~MASK & 0xFFFFFFFF | value
