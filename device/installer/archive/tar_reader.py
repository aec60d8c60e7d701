"""Stream reader for .tar.xz that accepts regular files only, so that an archive cannot do anything else.

Follows POSIX ustar (IEEE Std 1003.1, pax, "ustar Interchange Format"). Links, devices, folders and extended headers
are rejected, so that no rules are needed to handle them.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from typing import BinaryIO

from ..base.errors import Refused

BLOCK = 512
CHUNK = 1 << 18
MEMORY = 128 * 2**20
"""Memory limit of the xz decoder in bytes; an archive with a larger dictionary is rejected."""
KINDS = {
    b"1": "a link",
    b"2": "a link",
    b"3": "a device",
    b"4": "a device",
    b"5": "a folder",
    b"6": "a pipe",
}


class Packed:
    """Iterate over the files of a .tar.xz in order; at most ``limit`` bytes are unpacked."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream = stream
        self._xz = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY)
        self._ready = bytearray()
        self._left = limit

    def next(self) -> tuple[str, int] | None:
        """Return name and size of the next file; None at the end of a complete archive. Raises Refused."""
        header = self._take(BLOCK)
        if not any(header):
            self._finish()
            return None
        return _parse(header)

    def chunks(self, size: int) -> Iterator[bytes]:
        """Yield the content of the file that ``next`` returned; must be exhausted. Raises Refused."""
        left = size
        while left:
            part = self._take(min(left, CHUNK))
            left -= len(part)
            yield part
        if any(self._take(-size % BLOCK)):
            raise Refused("the archive is damaged: unexpected data between two files; copy it again")

    def _take(self, size: int) -> bytes:
        """Return exactly ``size`` bytes. Raises Refused."""
        if not self._fill(size):
            raise Refused("the bundle is truncated; copy it again")
        taken = bytes(self._ready[:size])
        del self._ready[:size]
        return taken

    def _fill(self, size: int) -> bool:
        """Unpack until ``size`` bytes are available; return whether they are."""
        while len(self._ready) < size and not self._xz.eof:
            packed = self._stream.read(CHUNK) if self._xz.needs_input else b""
            if self._xz.needs_input and not packed:
                return False
            try:
                unpacked = self._xz.decompress(packed, CHUNK)
            except lzma.LZMAError as error:
                raise Refused(f"not a .tar.xz archive, or damaged: {error}") from None
            self._left -= len(unpacked)
            if self._left < 0:
                raise Refused("corrupt or malicious bundle: it unpacks to more than a bundle may hold")
            self._ready += unpacked
        return len(self._ready) >= size

    def _finish(self) -> None:
        """Check that only zeros follow and that the checksum at the end of the .xz is correct."""
        while self._fill(1):
            if any(self._ready):
                raise Refused("the archive is damaged: unexpected data after its end; copy it again")
            self._ready.clear()
        if not self._xz.eof:
            raise Refused("the bundle is truncated; copy it again")
        if self._xz.unused_data or self._stream.read(1):
            raise Refused("unexpected data after the end of the bundle; copy it again")


def _parse(header: bytes) -> tuple[str, int]:
    name = _text(header[:100])
    if header[257:263] != b"ustar\0":
        raise Refused(f"{name!r}: not a ustar archive; create the bundle with: edgevision bundle")
    prefix = _text(header[345:500])
    name = f"{prefix}/{name}" if prefix else name
    kind = header[156:157]
    if kind != b"0":
        raise Refused(
            f"{name!r} is {KINDS.get(kind, 'an entry of an unknown kind')}; a bundle holds regular files only"
        )
    if _octal(header[148:156]) != sum(header[:148]) + 8 * 32 + sum(header[156:]):
        raise Refused(f"{name!r}: the archive is damaged: wrong header checksum")
    return name, _octal(header[124:136])


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "backslashreplace")


def _octal(field: bytes) -> int:
    digits = field.rstrip(b"\0 ").lstrip(b" ")
    if not digits or set(digits) - set(b"01234567"):
        raise Refused("the archive is damaged: invalid number in a header")
    return int(digits, 8)
