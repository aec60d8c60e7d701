"""Read-only ext4 reader for OS images, which needs no mount and no root privileges.

Follows the kernel's Documentation/filesystems/ext4 (superblock, group descriptors, inodes, extents, linear directories).
Features that a fresh Raspberry Pi OS does not use (ext3 block maps, inline data, encryption) are rejected.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from edgevision.errors import BadInput, MissingFile

MAGIC, EXTENT_MAGIC = 0xEF53, 0xF30A
ROOT_INODE = 2
FILE, FOLDER, LINK = 0x8000, 0x4000, 0xA000
IN_EXTENTS = 0x80000
KNOWN = 0x2 | 0x4 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x2000 | 0x4000 | 0x20000
"""Incompatible features that this reader supports or can ignore: filetype, recover, extents, 64bit, mmp, flex_bg,
ea_inode, csum_seed, largedir, casefold."""
IS_64BIT = 0x80
SHORT_LINK = 60
"""Link targets shorter than this number of bytes are stored in the inode."""
MAX_FOLDER = 64 * 2**20
MAX_DEPTH = 5
"""Maximum depth of an extent tree (kernel: EXT4_MAX_EXTENT_DEPTH)."""
UNWRITTEN = 0x8000
"""Maximum length of an extent in blocks; a longer value marks an unwritten extent (zeros) of that much less."""
MAX_LINKS = 20
FARTHEST = 2**62
"""Largest offset to seek to, beyond the end of any stream."""
DAMAGED = "the root file system is damaged"


@dataclass(frozen=True, slots=True)
class Inode:
    """Inode of a file, folder or link."""

    kind: int
    size: int
    """Size in bytes."""
    in_extents: bool
    map: bytes
    """60 bytes: the root of the extent tree, or the target of a link."""


class Ext4:
    """The file system that starts at ``offset`` of a stream. Raises BadInput if it is not ext4 or is damaged."""

    def __init__(self, stream: BinaryIO, offset: int) -> None:
        self._stream, self._offset = stream, offset
        head = self._at(1024, 1024)
        if struct.unpack_from("<H", head, 0x38)[0] != MAGIC:
            raise BadInput("not a Raspberry Pi OS image: the second partition is not an ext4 file system")
        features = struct.unpack_from("<I", head, 0x60)[0]
        if features & ~KNOWN:
            raise BadInput(f"ext4 features of the root file system are not supported ({features & ~KNOWN:#x})")
        (log_size,) = struct.unpack_from("<I", head, 0x18)
        self._inodes, self._blocks = struct.unpack_from("<II", head, 0)
        (self._first,) = struct.unpack_from("<I", head, 0x14)
        (self._per_group,) = struct.unpack_from("<I", head, 0x28)
        self._inode_size, wide = (struct.unpack_from("<H", head, at)[0] for at in (0x58, 0xFE))
        self._descriptor = wide if features & IS_64BIT else 32
        if (
            log_size > 6
            or not self._per_group
            or not 128 <= self._inode_size <= 4096
            or not 32 <= self._descriptor <= 1024
        ):
            raise BadInput(f"{DAMAGED}: inconsistent sizes")
        self._block = 1024 << log_size

    @property
    def total(self) -> int:
        """Size of the file system in bytes."""
        return int(self._blocks * self._block)

    def read(self, path: str, limit: int) -> bytes:
        """Return the first ``limit`` bytes of a file, following links. Raises MissingFile, BadInput."""
        inode = self._find(path.strip("/").split("/"))
        if inode.kind != FILE:
            raise MissingFile(f"file not found in the root file system: /{path}")
        return self._content(inode, limit)

    def target(self, path: str) -> str:
        """Return the target of a link, unresolved. Raises MissingFile, BadInput."""
        *above, name = path.strip("/").split("/")
        inode = self._inode(self._number(self._find(above), name, path))
        if inode.kind != LINK:
            raise MissingFile(f"link not found in the root file system: /{path}")
        return self._link(inode)

    def _find(self, parts: list[str]) -> Inode:
        path = "/".join(parts)
        waiting = parts[::-1]
        above = [self._inode(ROOT_INODE)]
        links = 0
        while waiting:
            part = waiting.pop()
            if part == "..":
                above = above[:-1] or above
                continue
            if part in ("", "."):
                continue
            inode = self._inode(self._number(above[-1], part, path))
            if inode.kind != LINK:
                above.append(inode)
                continue
            links += 1
            if links > MAX_LINKS:
                raise BadInput(f"{DAMAGED}: /{path} is a circular link")
            target = self._link(inode)
            above = above[:1] if target.startswith("/") else above
            waiting += target.split("/")[::-1]
        return above[-1]

    def _number(self, folder: Inode, name: str, path: str) -> int:
        """Return the inode number of a name in a folder. Raises MissingFile, BadInput."""
        if folder.kind == FOLDER:
            if folder.size > MAX_FOLDER:
                raise BadInput(f"{DAMAGED}: a folder is larger than {MAX_FOLDER // 2**20} MiB")
            for found, number in _entries(self._content(folder, folder.size), self._block):
                if found == name.encode() and number:
                    return number
        raise MissingFile(f"not found in the root file system: /{path}")

    def _inode(self, number: int) -> Inode:
        if not 1 <= number <= self._inodes:
            raise BadInput(f"{DAMAGED}: a folder refers to an invalid inode")
        group, index = divmod(number - 1, self._per_group)
        table = self._at((self._first + 1) * self._block + group * self._descriptor, self._descriptor)
        (start,) = struct.unpack_from("<I", table, 8)
        if self._descriptor >= 64:
            start |= struct.unpack_from("<I", table, 0x28)[0] << 32
        raw = self._at(start * self._block + index * self._inode_size, 128)
        mode, low = struct.unpack_from("<H2xI", raw, 0)
        (flags,), (high,) = struct.unpack_from("<I", raw, 0x20), struct.unpack_from("<I", raw, 0x6C)
        return Inode(mode & 0xF000, high << 32 | low, bool(flags & IN_EXTENTS), raw[0x28 : 0x28 + 60])

    def _link(self, inode: Inode) -> str:
        if inode.size > 4096:
            raise BadInput(f"{DAMAGED}: a link target is longer than 4096 bytes")
        raw = inode.map[: inode.size] if inode.size < SHORT_LINK else self._content(inode, inode.size)
        return raw.decode("utf-8", "surrogateescape")

    def _content(self, inode: Inode, limit: int) -> bytes:
        """Return the first bytes of a file or folder; holes between extents are zeros."""
        if not inode.in_extents:
            raise BadInput("the root file system does not use extents, which is not supported (ext2 or ext3?)")
        size = min(inode.size, limit)
        found = bytearray(size)
        end = 0
        for at, count, start, written in self._extents(inode.map, MAX_DEPTH):
            if at < end:  # also rejects cycles and repeated subtrees
                raise BadInput(f"{DAMAGED}: inconsistent extents of a file")
            end = at + count
            first = at * self._block
            if first < size and written:
                part = self._at(start * self._block, min(count * self._block, size - first))
                found[first : first + len(part)] = part
        return bytes(found)

    def _extents(self, node: bytes, depth: int) -> Iterator[tuple[int, int, int, bool]]:
        """Yield first block in the file, number of blocks, first block on disk, and whether they were written."""
        magic, count, _, level = struct.unpack_from("<HHHH", node, 0)
        empty = not count and depth < MAX_DEPTH
        if magic != EXTENT_MAGIC or 12 * (count + 1) > len(node) or level > depth or empty:
            raise BadInput(f"{DAMAGED}: inconsistent extents of a file")
        for at in range(12, 12 * (count + 1), 12):
            if level:
                _, low, high = struct.unpack_from("<IIH", node, at)
                # The level must decrease at each step.
                yield from self._extents(self._at((high << 32 | low) * self._block, self._block), level - 1)
                continue
            first, length, high, low = struct.unpack_from("<IHHI", node, at)
            written = length <= UNWRITTEN
            yield first, max(1, length if written else length - UNWRITTEN), high << 32 | low, written

    def _at(self, place: int, size: int) -> bytes:
        self._stream.seek(min(self._offset + place, FARTHEST))
        raw = self._stream.read(size)
        if len(raw) != size:
            raise BadInput("the root file system is truncated")
        return raw


def _entries(raw: bytes, block: int) -> Iterator[tuple[bytes, int]]:
    """Yield name and inode number of each entry of a folder; index blocks look like empty entries."""
    for start in range(0, len(raw), block):
        at, end = start, min(start + block, len(raw))
        while at + 8 <= end:
            number, length, name = struct.unpack_from("<IHB", raw, at)
            if length < 8 or at + length > end:
                break
            yield raw[at + 8 : at + 8 + name], number
            at += length
