"""EXIF in a JPEG: writes a description, the time and a comment of any letters, and reads the comment back."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

from .jpeg_structure import exif

MAX_TEXT = 2000
"""Longest text written (characters)."""
MAX_ENTRIES = 100
"""Entries of a directory that are looked at."""
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


def comment_of(jpeg: bytes) -> str | None:
    """Return the comment that ``with_exif`` wrote; None if there is none. Never raises, whatever the bytes."""
    tiff = exif(jpeg)
    try:
        if tiff[: len(_HEADER)] != _HEADER:
            return None
        pointer = _entry(tiff, len(_HEADER), _EXIF_IFD)
        value = None if pointer is None else _entry(tiff, struct.unpack("<I", pointer[:4])[0], _COMMENT)
    except struct.error:
        return None
    if value is None or not value.startswith(b"UNICODE\0"):
        return None
    return value[8:].decode("utf-16-le", "replace")[:MAX_TEXT]


def _entry(tiff: bytes, start: int, wanted: int) -> bytes | None:
    """Return the value of a tag in the directory at byte ``start``. Raises struct.error if it is cut off."""
    for number in range(min(struct.unpack_from("<H", tiff, start)[0], MAX_ENTRIES)):
        tag, kind, count = struct.unpack_from("<HHI", tiff, start + 2 + 12 * number)
        if tag == wanted:
            at = start + 2 + 12 * number + 8
            size = count * (4 if kind == _LONG else 1)
            place = at if size <= 4 else struct.unpack_from("<I", tiff, at)[0]
            return tiff[place : place + size]
    return None


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
