"""Chunks of a PNG file: what decoding needs, without compressed texts, profiles and animations."""

from __future__ import annotations

import struct

START = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 200_000
"""Number of chunks after which a file is malicious; each costs time."""
_NEEDED = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})


def needed(data: bytes) -> bytes | None:
    """Return the file with only the chunks that make its pixels; None if it is truncated.

    Compressed texts and profiles can unpack to gigabytes, and libpng writes warnings about them. The first image of an
    animation is in the chunks that remain. What follows the last chunk is dropped.
    """
    parts = [START]
    for kind, start, end in _chunks(data):
        if kind in _NEEDED:
            parts.append(data[start:end])
        if kind == b"IEND":
            return b"".join(parts)
    return None


def exif(data: bytes) -> bytes:
    """Return the content of the eXIf chunk; empty if there is none."""
    return next((data[start + 8 : end - 4] for kind, start, end in _chunks(data) if kind == b"eXIf"), b"")


def _chunks(data: bytes) -> list[tuple[bytes, int, int]]:
    """Return type, start and end of each complete chunk."""
    found: list[tuple[bytes, int, int]] = []
    at = len(START)
    while at + 12 <= len(data) and len(found) < MAX_CHUNKS:
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            break
        found.append((kind, at, end))
        at = end
    return found
