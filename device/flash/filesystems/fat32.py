"""Read and write files on a FAT32 partition of an OS image, without mounting it and without root privileges.

Follows Microsoft's "FAT: General Overview of On-Disk Format", version 1.03 (2000).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from edgevision.errors import BadInput, MissingFile

from . import fat_names
from .fat_table import Table, geometry

ENTRY = 32
FOLDER, ARCHIVE, VOLUME = 0x10, 0x20, 0x08
DELETED, NOTHING = 0xE5, 0x00
DATE = 0x0021
"""Fixed date, 1 January 1980, so that images are reproducible."""
MAX_FILE = 2**32 - 1
MAX_FOLDER = 65536 * ENTRY


@dataclass(frozen=True, slots=True)
class Entry:
    """Directory entry of a file or folder."""

    name: str
    short: bytes
    folder: bool
    first: int
    """First cluster; 0: an empty file, or the root folder in an entry ``..``."""
    size: int
    at: int
    """Offset of its short entry from the start of the partition."""


class Fat32:
    """The file system that starts at ``offset`` of a stream; changes take effect when ``close`` is called."""

    def __init__(self, stream: BinaryIO, offset: int) -> None:
        stream.seek(offset)
        self._shape = geometry(stream.read(512))
        self._stream, self._offset = stream, offset
        self._table = Table(stream, offset, self._shape)

    @property
    def free(self) -> int:
        """Free space in bytes."""
        return self._table.free * self._shape.cluster

    @property
    def total(self) -> int:
        """Size of the file system in bytes."""
        return self._shape.place(self._shape.clusters + 2)

    def names(self, path: str = "") -> list[str]:
        """Return the names in a folder. Raises MissingFile, BadInput."""
        return [entry.name for entry in self._entries(self._folder(_parts(path)))]

    def read(self, path: str, limit: int = MAX_FILE) -> bytes:
        """Return the content of a file of at most ``limit`` bytes. Raises MissingFile, BadInput."""
        *above, name = _parts(path)
        entry = self._find(self._folder(above), name)
        if entry is None or entry.folder:
            raise MissingFile(f"file not found on the boot partition: {path}")
        if entry.size > limit:
            raise BadInput(
                f"the boot partition is damaged: {path} has {entry.size / 1e6:.1f} MB, expected at most {limit / 1e6:.1f} MB"
            )
        chain = self._table.chain(entry.first) if entry.first else []
        if len(chain) * self._shape.cluster < entry.size:
            raise BadInput(f"the boot partition is damaged: {path} is shorter than its recorded size")
        return b"".join(self._cluster(cluster) for cluster in chain)[: entry.size]

    def write(self, path: str, data: bytes) -> None:
        """Write or replace a file, creating its folders. Raises BadInput if there is not enough space."""
        *above, name = _parts(path)
        if len(data) > MAX_FILE:
            raise BadInput(f"{path} is too large for a FAT partition ({MAX_FILE} bytes at most)")
        self._need_room(path, len(data), len(above))
        folder = self._shape.root
        for one in above:
            folder = self._enter(folder, one)
        old = self._find(folder, name)
        if old is not None and old.folder:
            raise BadInput(f"cannot write {path} on the boot partition: a folder of this name exists")
        first = self._store(data)
        if old is None:
            self._add(folder, name, ARCHIVE, first, len(data))
            return
        head = bytearray(self._at(old.at, ENTRY))
        struct.pack_into("<H", head, 20, first >> 16)
        struct.pack_into("<HI", head, 26, first & 0xFFFF, len(data))
        self._put(old.at, bytes(head))
        if old.first:
            self._table.give_back(self._table.chain(old.first))

    def walk(self) -> Iterator[tuple[str, Entry, list[int]]]:
        """Yield every file and folder with its path and clusters. Raises BadInput for invalid or circular chains."""
        waiting = [("", self._shape.root)]
        seen = set()
        while waiting:
            above, first = waiting.pop()
            if first in seen:
                raise BadInput(f"the boot partition is damaged: the folder {above} contains itself")
            seen.add(first)
            for entry in self._entries(first):
                path = f"{above}{entry.name}"
                yield path, entry, self._table.chain(entry.first) if entry.first else []
                if entry.folder:
                    waiting.append((f"{path}/", entry.first))

    def faults(self) -> list[str]:
        """Return the inconsistencies of the file system; empty if there are none."""
        found = self._table.faults()
        taken: dict[int, str] = dict.fromkeys(self._table.chain(self._shape.root), "the root folder")
        try:
            for path, entry, chain in self.walk():
                size = self._shape.cluster * len(chain)
                if not entry.folder and not size - self._shape.cluster < entry.size <= size:
                    found.append(f"{path} has {entry.size} bytes but clusters for {size}")
                shared = next((taken[cluster] for cluster in chain if cluster in taken), None)
                if shared is not None:
                    found.append(f"{path} and {shared} share a cluster")
                taken.update(dict.fromkeys(chain, path))
        except BadInput as error:
            return [*found, str(error)]
        lost = self._table.taken - len(taken)
        return [*found, f"{lost} clusters belong to no file"] if lost > 0 else found

    def close(self) -> None:
        """Write the file allocation table, which makes all changes take effect."""
        self._table.write()
        self._stream.flush()

    def _need_room(self, path: str, size: int, folders: int) -> None:
        # Each folder of the path may have to be created, or to grow by a cluster or two for a long name.
        spare = (folders + 1) * (2 + 20 * ENTRY // self._shape.cluster)
        needed = (size + self._shape.cluster - 1) // self._shape.cluster + spare
        if needed > self._table.free:
            raise BadInput(
                f"not enough space for {path} on the boot partition: {size / 1e6:.1f} MB needed, {self.free / 1e6:.1f} MB free"
            )

    def _store(self, data: bytes) -> int:
        """Write content and return its first cluster; 0 if it is empty."""
        size = self._shape.cluster
        chain = self._table.take((len(data) + size - 1) // size)
        for number, cluster in enumerate(chain):
            self._put(self._shape.place(cluster), data[number * size : (number + 1) * size].ljust(size, b"\0"))
        return chain[0] if chain else 0

    def _folder(self, parts: list[str]) -> int:
        """Return the first cluster of a folder. Raises MissingFile."""
        cluster = self._shape.root
        for part in parts:
            entry = self._find(cluster, part)
            if entry is None or not entry.folder:
                raise MissingFile(f"folder not found on the boot partition: {'/'.join(parts)}")
            cluster = entry.first or self._shape.root
        return cluster

    def _enter(self, folder: int, name: str) -> int:
        """Return the first cluster of a subfolder, which is created if necessary. Raises BadInput."""
        found = self._find(folder, name)
        if found is not None and not found.folder:
            raise BadInput(f"cannot create folder {name} on the boot partition: a file of this name exists")
        if found is not None:
            return found.first or self._shape.root
        above = 0 if folder == self._shape.root else folder
        (first,) = self._table.take(1)
        dots = _entry(b".".ljust(11), FOLDER, first, 0) + _entry(b"..".ljust(11), FOLDER, above, 0)
        self._put(self._shape.place(first), dots.ljust(self._shape.cluster, b"\0"))
        self._add(folder, name, FOLDER, first, 0)
        return first

    def _add(self, folder: int, name: str, kind: int, first: int, size: int) -> None:
        """Add an entry to a folder, which grows if necessary."""
        taken = {entry.short for entry in self._entries(folder)}
        short, before = fat_names.entries_for(name, taken)
        wanted = [*before, _entry(short, kind, first, size)]
        for place, entry in zip(self._free_run(folder, len(wanted)), wanted, strict=True):
            self._put(place, entry)

    def _free_run(self, folder: int, count: int) -> list[int]:
        """Return the offsets of ``count`` consecutive free entries; the folder grows if necessary."""
        run: list[int] = []
        chain = self._table.chain(folder)
        for cluster in chain:
            start, raw = self._shape.place(cluster), self._cluster(cluster)
            for at in range(0, len(raw), ENTRY):
                run = [*run, start + at] if raw[at] in (DELETED, NOTHING) else []
                if len(run) == count:
                    return run
        while len(run) < count:
            if (len(chain) + 1) * self._shape.cluster > MAX_FOLDER:
                raise BadInput("a folder of the boot partition is full")
            chain += self._table.take(1, after=chain[-1])
            start = self._shape.place(chain[-1])
            self._put(start, bytes(self._shape.cluster))
            run += range(start, start + self._shape.cluster, ENTRY)
        return run[:count]

    def _find(self, folder: int, name: str) -> Entry | None:
        return next((entry for entry in self._entries(folder) if fat_names.same(entry.name, name)), None)

    def _entries(self, folder: int) -> list[Entry]:
        """Return all files and folders in a folder, except ``.`` and ``..``."""
        found: list[Entry] = []
        parts: list[tuple[int, bytes]] = []
        for cluster in self._table.chain(folder):
            start, raw = self._shape.place(cluster), self._cluster(cluster)
            for at in range(0, len(raw), ENTRY):
                one = raw[at : at + ENTRY]
                if one[0] == NOTHING:
                    return found
                if one[0] != DELETED and one[11] & 0x3F == fat_names.LONG:
                    parts = [] if one[0] & fat_names.LAST else parts
                    parts.insert(0, (one[13], fat_names.long_part(one)))
                    continue
                if one[0] != DELETED and not one[11] & VOLUME and one[0] != ord("."):
                    found.append(_parsed(one, parts, start + at))
                parts = []
        return found

    def _cluster(self, cluster: int) -> bytes:
        return self._at(self._shape.place(cluster), self._shape.cluster)

    def _at(self, place: int, size: int) -> bytes:
        self._stream.seek(self._offset + place)
        raw = self._stream.read(size)
        if len(raw) != size:
            raise BadInput("the boot partition is truncated")
        return raw

    def _put(self, place: int, data: bytes) -> None:
        self._stream.seek(self._offset + place)
        self._stream.write(data)


def _parts(path: str) -> list[str]:
    return [fat_names.check(part) for part in path.split("/")] if path else []


def _entry(short: bytes, kind: int, first: int, size: int) -> bytes:
    times = struct.pack("<BBHHHHHH", 0, 0, 0, DATE, DATE, first >> 16, 0, DATE)
    return struct.pack("<11sB14sHI", short, kind, times, first & 0xFFFF, size)


def _parsed(raw: bytes, parts: list[tuple[int, bytes]], at: int) -> Entry:
    short = raw[:11]
    high, low, size = (*struct.unpack_from("<H", raw, 20), *struct.unpack_from("<HI", raw, 26))
    right = parts and all(check == fat_names.checksum(short) for check, _ in parts)
    name = fat_names.long_name([text for _, text in parts]) if right else fat_names.short_name(short, raw[12])
    return Entry(name, short, bool(raw[11] & FOLDER), high << 16 | low, size, at)
