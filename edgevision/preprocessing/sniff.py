"""Image format detection from a file's content. The file name is not used, because it may be wrong."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import PurePosixPath

SYSTEM_FOLDERS = frozenset(
    """__macosx $recycle.bin recycler #recycle @recycle @eadir @tmp lost+found #snapshot @recently-snapshot
    __pycache__""".split()
) | {"system volume information"}
"""Folders, in lower case, that operating systems and network drives create: trash, thumbnails and snapshots."""
READABLE = ("jpeg", "png", "webp", "bmp", "tiff")
"""Formats that can be decoded."""
SUFFIX_KIND = {
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".jfif": "jpeg",
    ".png": "png",
    ".webp": "webp",
    ".bmp": "bmp",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".gif": "gif",
    ".heic": "heic",
    ".heif": "heic",
    ".avif": "avif",
}
_BRANDS = {b"heic": "heic", b"heix": "heic", b"mif1": "heic", b"msf1": "heic", b"hevc": "heic", b"avif": "avif"}
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_EXTRA = 258, 262, 338


@dataclass(frozen=True, slots=True)
class Format:
    """The format of a file, read from its content."""

    kind: str
    """jpeg, png, webp, bmp, tiff, gif, heic, avif, text or unknown."""
    traits: tuple[str, ...] = ()
    """Any of gray, cmyk, alpha and 16 bit; empty for plain 8-bit color."""


def sniff(data: bytes) -> Format:
    """Detect the format of a file from its content. Never raises, whatever the bytes."""
    kind = _kind(data)
    reader = {"jpeg": _jpeg, "png": _png, "webp": _webp, "tiff": _tiff}.get(kind)
    if reader is None:
        return Format(kind)
    try:
        return Format(kind, reader(data))
    except (struct.error, IndexError):
        return Format(kind)  # truncated: the decoder reports it


def expected_kind(name: str) -> str | None:
    """Return the format that a file's suffix stands for, or None for an unknown suffix."""
    return SUFFIX_KIND.get(PurePosixPath(name).suffix.lower())


def _kind(data: bytes) -> str:
    head = data[:16]
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:4] in (b"II*\0", b"MM\0*"):
        return "tiff"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "unknown")
    if head[:2] == b"BM" and len(data) > 26:
        return "bmp"
    return "text" if _is_text(data[:512]) else "unknown"


def _is_text(start: bytes) -> bool:
    return bool(start) and all(byte >= 32 or byte in b"\t\r\n\f" for byte in start)


def _jpeg(data: bytes) -> tuple[str, ...]:
    """Walk the segments to the frame header (ITU-T T.81, B.2), whose number of components tells gray, color and CMYK."""
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        length = struct.unpack_from(">H", data, at + 2)[0]
        if marker in _JPEG_FRAMES:
            bits, components = data[at + 4], data[at + 9]
            return _traits(gray=components == 1, cmyk=components == 4, deep=bits > 8)
        at += 2 + length
    return ()


def _png(data: bytes) -> tuple[str, ...]:
    """Read IHDR, and look for a tRNS chunk before the image data (PNG specification, 11.2 and 11.3)."""
    bits, color = data[24], data[25]
    alpha = color in (4, 6) or b"tRNS" in data[33 : max(33, data.find(b"IDAT", 33))]
    return _traits(gray=color in (0, 4), alpha=alpha, deep=bits == 16)


def _webp(data: bytes) -> tuple[str, ...]:
    chunk = data[12:16]
    if chunk == b"VP8X":
        return _traits(alpha=bool(data[20] & 0x10))
    if chunk == b"VP8L":
        return _traits(alpha=bool(struct.unpack_from("<I", data, 21)[0] >> 28 & 1))
    return ()


def _tiff(data: bytes) -> tuple[str, ...]:
    """Read BitsPerSample, PhotometricInterpretation and ExtraSamples of the first directory (TIFF 6.0, sections 2 and 8)."""
    order = "<" if data[:2] == b"II" else ">"
    start = struct.unpack_from(order + "I", data, 4)[0]
    found: dict[int, int] = {}
    for entry in range(min(struct.unpack_from(order + "H", data, start)[0], 512)):
        at = start + 2 + 12 * entry
        tag, kind, count = struct.unpack_from(order + "HHI", data, at)
        if tag in (_TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_EXTRA) and kind == 3:
            place = at + 8 if count <= 2 else struct.unpack_from(order + "I", data, at + 8)[0]
            found[tag] = struct.unpack_from(order + "H", data, place)[0]
    photometric = found.get(_TIFF_PHOTOMETRIC, 2)
    return _traits(
        gray=photometric in (0, 1),
        cmyk=photometric == 5,
        alpha=found.get(_TIFF_EXTRA, 0) in (1, 2),
        deep=found.get(_TIFF_BITS, 8) > 8,
    )


def _traits(*, gray: bool = False, cmyk: bool = False, alpha: bool = False, deep: bool = False) -> tuple[str, ...]:
    names = (("gray", gray), ("cmyk", cmyk), ("alpha", alpha), ("16 bit", deep))
    return tuple(name for name, present in names if present)
