"""Image format detection from a file's content. The file name is not used, because it may be wrong."""

from __future__ import annotations

import struct
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from . import READABLE, SUFFIX_KIND

if TYPE_CHECKING:
    from .image_headers import Format

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
_STARTS = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"\0\0\0\x0cjP  ", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),
    (b"\xff\x0a", "jpeg xl"),
    (b"\0\0\0\x0cJXL ", "jpeg xl"),
    (b"8BPS", "photoshop"),
)


def sniff(data: bytes) -> Format:
    """Detect the format of a file from its content. Never raises, whatever the bytes."""
    from . import image_headers  # late: the suffixes alone are needed at every start

    kind = _kind(data)
    if kind not in READABLE:
        return image_headers.Format(kind)
    try:
        found: Format = getattr(image_headers, kind)(data)
        return found
    except (struct.error, IndexError, ValueError):
        return image_headers.Format(kind)  # truncated: the decoder reports it


def expected_kind(name: str) -> str | None:
    """Return the format that a file's suffix stands for, or None for an unknown suffix."""
    return SUFFIX_KIND.get(PurePosixPath(name).suffix.lower())


def _kind(data: bytes) -> str:
    head = data[:32]
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return _iso_kind(data)
    if head[:2] == b"BM" and len(data) > 26:
        return "bmp"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3] in b" \t\r\n#" and len(head) > 2:
        return "pnm"
    return "text" if _is_text(data[:512]) else "unknown"


def _iso_kind(data: bytes) -> str:
    """Return the kind of an ISO file by its brands; files with the general brand mif1 name the codec behind it."""
    length = min(int.from_bytes(data[:4], "big"), 256)
    brands = {data[at : at + 4] for at in (8, *range(16, length, 4))}
    return "avif" if brands & _AVIF_BRANDS else "heic" if brands & _HEIC_BRANDS else "unknown"


def _is_text(start: bytes) -> bool:
    return bool(start) and all(byte >= 32 or byte in b"\t\r\n\f" for byte in start)
