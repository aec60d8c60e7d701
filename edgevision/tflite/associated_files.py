"""Read and write the zip archive at the end of a model file: sizes are checked, and output is reproducible.

Nothing is extracted to disk; an entry's name is only a key. Entries are stored uncompressed, since MediaPipe and Android
open no others. Based on the public description of the zip format.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

from ..errors import BadModel

MAX_ENTRIES = 1000
MAX_BYTES = 128 * 2**20
"""Limit for all entries together, uncompressed."""
END = struct.Struct("<4s4H2IH")
"""Signature, disk numbers (2), entries (2), size and offset of the directory, comment length."""
ENTRY = struct.Struct("<4s6H3I5H2I")
"""Signature, version made by and needed, flags, method, time, date, CRC, compressed and full size, lengths of name, extra
field and comment, disk, attributes (2), offset of the local header."""
LOCAL = struct.Struct("<4s5H3I2H")
"""Signature, version, flags, method, time, date, CRC, compressed and full size, lengths of name and extra field."""
END_SIGN, ENTRY_SIGN, LOCAL_SIGN = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"
STORED, DEFLATED = 0, 8
ENCRYPTED, UTF8 = 0x1, 0x800
VERSION = 20
MADE_BY_UNIX = 3 << 8 | VERSION
FILE_MODE = 0o100644 << 16
FIXED_DATE = 1 << 5 | 1
"""1 January 1980; a fixed date makes the output reproducible."""


def split(data: bytes) -> tuple[int, dict[str, bytes]]:
    """Return where the archive starts (the length of ``data`` if it has none) and its entries. Raises BadModel."""
    end_at = _find_end(data)
    if end_at is None:
        return len(data), {}
    _, _, _, _, count, size, offset, _ = END.unpack_from(data, end_at)
    if count > MAX_ENTRIES:
        raise BadModel(f"the archive at the end of the model has {count} entries; at most {MAX_ENTRIES} are allowed")
    directory_at = end_at - size
    # If something was put before a finished archive, all its offsets are too small by the same amount.
    shift = directory_at - offset
    if shift < 0:
        raise _damaged("its directory is outside the file")
    return _entries(data, directory_at, end_at, count, shift)


def pack(entries: Mapping[str, bytes], start: int) -> bytes:
    """Return an archive to append after ``start`` bytes: entries in the given order, offsets for the whole file."""
    body, directory = bytearray(), bytearray()
    for name, content in entries.items():
        raw = name.encode()
        common = (VERSION, UTF8, STORED, 0, FIXED_DATE, zlib.crc32(content), len(content), len(content), len(raw), 0)
        directory += ENTRY.pack(ENTRY_SIGN, MADE_BY_UNIX, *common, 0, 0, 0, FILE_MODE, start + len(body)) + raw
        body += LOCAL.pack(LOCAL_SIGN, *common) + raw + content
    count = len(entries)
    end = END.pack(END_SIGN, 0, 0, count, count, len(directory), start + len(body), 0)
    return bytes(body + directory + end)


def _find_end(data: bytes) -> int | None:
    """Return the position of the archive's end record, None if there is no archive."""
    at = len(data)
    lowest = max(0, len(data) - END.size - 0xFFFF)
    while (at := data.rfind(END_SIGN, lowest, at)) >= 0:
        # Weights may contain these four bytes by chance, so the record must end the file and follow its directory.
        if at + END.size <= len(data):
            _, disk, first_disk, here, count, size, _, comment = END.unpack_from(data, at)
            fits = at + END.size + comment == len(data) and 0 <= at - size and disk == first_disk == 0 and here == count
            if fits and (count == 0 or data[at - size : at - size + 4] == ENTRY_SIGN):
                return at
    return None


def _entries(data: bytes, at: int, end: int, count: int, shift: int) -> tuple[int, dict[str, bytes]]:
    """Read the directory from ``at`` to ``end``; return where the first entry starts, and all entries."""
    found: dict[str, bytes] = {}
    start, left = at, MAX_BYTES
    for _ in range(count):
        if at + ENTRY.size > end or data[at : at + 4] != ENTRY_SIGN:
            raise _damaged("its directory is truncated")
        values = ENTRY.unpack_from(data, at)
        flags, method, crc, packed, full, name_len, extra, comment, offset = (*values[3:5], *values[7:13], values[16])
        name = data[at + ENTRY.size : at + ENTRY.size + name_len].decode("utf-8", "replace")
        at += ENTRY.size + name_len + extra + comment
        left -= full
        if left < 0:
            raise BadModel(f"the archive at the end of the model is larger than {MAX_BYTES // 2**20} MB")
        if name in found:
            raise _damaged(f"it has two entries named {name!r}")
        if flags & ENCRYPTED:
            raise BadModel(f"archive entry {name!r} at the end of the model is encrypted; store it unencrypted")
        found[name] = _content(data, offset + shift, name, method, packed, full, crc)
        start = min(start, offset + shift)
    return start, found


def _content(data: bytes, at: int, name: str, method: int, packed: int, full: int, crc: int) -> bytes:
    if at + LOCAL.size > len(data) or data[at : at + 4] != LOCAL_SIGN:
        raise _damaged(f"entry {name!r} is not where the directory says")
    *_, name_len, extra = LOCAL.unpack_from(data, at)
    begin = at + LOCAL.size + name_len + extra
    raw = data[begin : begin + packed]
    content = raw if method == STORED else _inflate(raw, full, method, name)
    if len(raw) != packed or len(content) != full or zlib.crc32(content) != crc:
        raise _damaged(f"entry {name!r} does not match its size or checksum")
    return content


def _inflate(raw: bytes, full: int, method: int, name: str) -> bytes:
    if method != DEFLATED:
        raise BadModel(
            f"archive entry {name!r} at the end of the model uses compression method {method}; store it uncompressed"
        )
    try:
        # One byte more than declared exposes a wrong size without decompressing everything.
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(raw, full + 1)
    except zlib.error:
        raise _damaged(f"entry {name!r} cannot be decompressed") from None


def _damaged(how: str) -> BadModel:
    return BadModel(f"the archive at the end of the model is damaged: {how}")
