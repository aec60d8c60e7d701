"""Structure of a JPEG file (ITU-T T.81, annex B): its size, its scans and where it ends."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

START = b"\xff\xd8\xff"
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""A marker between segments or after image data; stuffed bytes, fill bytes and restart markers are image data."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_END, _SCAN, _TEMPORARY, _APP1 = 0xD9, 0xDA, 0x01, 0xE1
EXIF = b"Exif\0\0"
"""Start of an EXIF block in a JPEG or WebP file."""
MAX_SEGMENTS = 20_000
"""Number of segments after which a file is malicious; each costs time."""


@dataclass(frozen=True, slots=True)
class JpegStructure:
    """What the segments of a JPEG tell. Numbers are 0 if the file has no frame header."""

    width: int = 0
    height: int = 0
    components: int = 0
    bits: int = 8
    progressive: bool = False
    scans: int = 0
    end: int | None = None
    """Offset behind the end marker of the first image; None if there is none. Phones append videos and other images."""


def read_structure(data: bytes) -> JpegStructure:
    """Walk the segments of the first image. Never raises, whatever the bytes."""
    frame = (0, 0, 0, 8, False)
    scans, end, at = 0, None, 2
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.search(data, at)
        if found is None:
            break
        marker, at = data[found.start() + 1], found.end()
        if marker == _END:
            end = at
            break
        if marker == _TEMPORARY or at + 2 > len(data):
            continue
        if marker in _FRAMES and not frame[0] and at + 8 <= len(data):
            bits, height, width, components = struct.unpack_from(">BHHB", data, at + 2)
            frame = (width, height, components, bits, marker in (0xC2, 0xCA))
        scans += marker == _SCAN
        at += struct.unpack_from(">H", data, at)[0]
    return JpegStructure(*frame, scans=scans, end=end)


def exif(data: bytes) -> bytes:
    """Return the first EXIF block before the image data; empty if there is none (EXIF 2.3, 4.7.2)."""
    at = 2
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.search(data, at)
        if found is None or found.end() + 2 > len(data):
            break
        marker, at = data[found.start() + 1], found.end()
        if marker in (_SCAN, _END):
            break
        if marker == _TEMPORARY:
            continue
        length = struct.unpack_from(">H", data, at)[0]
        if marker == _APP1 and data[at + 2 : at + 8] == EXIF:
            return data[at + 8 : at + length]
        at += length
    return b""
