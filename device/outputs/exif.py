"""Writes an EXIF segment into a JPEG: description, time and a comment of any letters."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

MAX_TEXT = 2000
"""Longest text written (characters)."""
_ASCII, _LONG, _UNDEFINED = 2, 4, 7
"""Types of values, EXIF 2.32 section 4.6.2."""
_DESCRIPTION, _SOFTWARE, _DATE_TIME, _EXIF_IFD = 0x010E, 0x0131, 0x0132, 0x8769
_DATE_ORIGINAL, _OFFSET_ORIGINAL, _COMMENT, _FRACTION = 0x9003, 0x9011, 0x9286, 0x9291
_HEADER = b"II*\0\x08\0\0\0"
"""Little-endian TIFF whose first directory follows at byte 8."""
_Entry = tuple[int, int, bytes]


def with_exif(jpeg: bytes, description: str, comment: str, wall_s: float) -> bytes:
    """Return a JPEG with an EXIF segment in front of all others.

    Args:
        jpeg: The image, without EXIF.
        description: ImageDescription; other than printable ASCII becomes ``?``.
        comment: UserComment, in UTF-16.
        wall_s: DateTimeOriginal in UTC, in seconds since 1970.
    """
    tiff = _tiff(description[:MAX_TEXT], comment[:MAX_TEXT], datetime.fromtimestamp(wall_s, UTC))
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def _tiff(description: str, comment: str, time: datetime) -> bytes:
    date = time.strftime("%Y:%m:%d %H:%M:%S")
    first = [
        (_DESCRIPTION, _ASCII, _text(description)),
        (_SOFTWARE, _ASCII, _text("edgevision")),
        (_DATE_TIME, _ASCII, _text(date)),
    ]
    size = len(_directory([*first, (_EXIF_IFD, _LONG, bytes(4))], len(_HEADER)))
    start = len(_HEADER) + size
    exif = [
        (_DATE_ORIGINAL, _ASCII, _text(date)),
        (_OFFSET_ORIGINAL, _ASCII, _text("+00:00")),
        (_COMMENT, _UNDEFINED, b"UNICODE\0" + comment.encode("utf-16-le", "replace")),
        (_FRACTION, _ASCII, _text(f"{time.microsecond // 1000:03d}")),
    ]
    pointer = (_EXIF_IFD, _LONG, struct.pack("<I", start))
    return _HEADER + _directory([*first, pointer], len(_HEADER)) + _directory(exif, start)


def _directory(entries: list[_Entry], start: int) -> bytes:
    """Return a directory that begins at byte ``start``: its entries by rising tag, then the values over 4 bytes."""
    place = start + 2 + 12 * len(entries) + 4
    table, values = struct.pack("<H", len(entries)), b""
    for tag, kind, value in entries:
        count = len(value) // (4 if kind == _LONG else 1)
        inside = value.ljust(4, b"\0") if len(value) <= 4 else struct.pack("<I", place + len(values))
        table += struct.pack("<HHI", tag, kind, count) + inside
        if len(value) > 4:
            values += value + b"\0" * (len(value) % 2)
    return table + bytes(4) + values


def _text(text: str) -> bytes:
    """Return printable ASCII that ends with a zero."""
    return "".join(one if " " <= one <= "~" else "?" for one in text).encode() + b"\0"
