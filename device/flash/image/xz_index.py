"""Read the unpacked size of an .xz from the indexes at the end of its streams, without unpacking anything.

Follows the .xz file format, version 1.2, sections 2.1.2 (stream footer), 2.2 (stream padding) and 4 (index).
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import BinaryIO

HEADER, FOOTER = 12, 12
MAGIC, END_MAGIC = b"\xfd7zXZ\0", b"YZ"
MAX_INDEX = 16 << 20
"""Largest index to read in bytes: millions of blocks; OS images have a few hundred."""
MAX_STREAMS = 10_000
MAX_PADDING = 1 << 20


def unpacked_size(stream: BinaryIO) -> int | None:
    """Return the unpacked size of all streams of an .xz file in bytes; None if it is truncated or damaged."""
    end = stream.seek(0, os.SEEK_END)
    total = 0
    for _ in range(MAX_STREAMS):
        last = _without_padding(stream, end)
        found = None if last is None else _last_stream(stream, last)
        if found is None:
            return None
        size, end = found
        total += size
        if end == 0:
            return total
    return None


def _without_padding(stream: BinaryIO, end: int) -> int | None:
    """Return where the last stream before ``end`` ends; zeros behind it come in fours."""
    start = max(0, end - MAX_PADDING)
    stream.seek(start)
    raw = stream.read(end - start).rstrip(b"\0")
    return start + len(raw) if raw and (end - start - len(raw)) % 4 == 0 else None


def _last_stream(stream: BinaryIO, end: int) -> tuple[int, int] | None:
    """Return the unpacked size and the start of the stream that ends at ``end``."""
    footer = _at(stream, end - FOOTER, FOOTER)
    if len(footer) < FOOTER or footer[10:] != END_MAGIC or not _is_sum(footer[:4], footer[4:10]):
        return None
    size = 4 * (struct.unpack_from("<I", footer, 4)[0] + 1)
    if size > MAX_INDEX:
        return None
    index = _at(stream, end - FOOTER - size, size)
    sizes = _sizes(index)
    if sizes is None:
        return None
    packed, unpacked = sizes
    start = end - FOOTER - size - packed - HEADER
    return (unpacked, start) if _at(stream, start, len(MAGIC)) == MAGIC else None


def _sizes(index: bytes) -> tuple[int, int] | None:
    """Return the packed and the unpacked size of all blocks that an index lists."""
    if len(index) < 8 or index[0] != 0 or not _is_sum(index[-4:], index[:-4]):
        return None
    try:
        count, at = _number(index, 1)
        packed = unpacked = 0
        for _ in range(count):
            one, at = _number(index, at)
            more, at = _number(index, at)
            packed += -(-one // 4) * 4
            unpacked += more
    except IndexError:
        return None
    return (packed, unpacked) if at <= len(index) - 4 else None


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Decode a multibyte integer (section 1.2) and return it with the offset behind it. Raises IndexError."""
    value = 0
    for place in range(9):
        byte = data[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise IndexError("a number is longer than nine bytes")


def _is_sum(stored: bytes, data: bytes) -> bool:
    return bool(struct.unpack("<I", stored)[0] == zlib.crc32(data))


def _at(stream: BinaryIO, place: int, size: int) -> bytes:
    if place < 0:
        return b""
    stream.seek(place)
    return stream.read(size)
