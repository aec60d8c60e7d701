"""Image headers: size, channels and bits of an image, read from the bytes before any decoder sees them."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from .jpeg_structure import read_structure

_TIFF_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}
_TIFF_LIMIT = 4096
"""Number of entries of a TIFF directory that are read."""
_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES, _TILE_WIDTH, _TILE_HEIGHT, _EXTRA = (
    256,
    257,
    258,
    262,
    277,
    322,
    323,
    338,
)
_PNM = rb"P([1-6])(?:\s|#[^\n]*\n)+(\d{1,10})(?:\s|#[^\n]*\n)+(\d{1,10})(?:(?:\s|#[^\n]*\n)+(\d{1,10}))?"
_AVIF_HEAD = 1 << 20
"""Bytes at the start of an AVIF file that hold its boxes of properties."""


@dataclass(frozen=True, slots=True)
class Format:
    """The format of a file, read from its content."""

    kind: str
    """jpeg, png, webp, bmp, tiff, gif, pnm, jp2, avif, heic and others that cannot be decoded, text or unknown."""
    traits: tuple[str, ...] = ()
    """Any of gray, cmyk, alpha and 16 bit; empty for plain 8-bit color."""
    width: int = 0
    """Width in pixels as stored, before any rotation; 0 if unknown."""
    height: int = 0
    channels: int = 3
    bits: int = 8
    """Bits per channel."""
    scans: int = 1
    """Number of passes over the pixels; a progressive JPEG has several."""
    progressive: bool = False
    end: int | None = None
    """Offset behind the first image of a JPEG file; None if it is cut off."""
    maximum: int = 255
    """Value of white in a PNM or JPEG 2000 file."""

    @property
    def decoded_bytes(self) -> int:
        """Bytes that decoding takes, at least; some decoders need more than the pixels."""
        depth = {"jp2": 4, "avif": 2, "gif": 2}.get(self.kind, 1 if self.bits <= 8 else (self.bits + 7) // 8)
        return self.width * self.height * max(1, self.channels) * depth


def jpeg(data: bytes) -> Format:
    """Read a JPEG: the number of components tells gray, color and CMYK."""
    found = read_structure(data)
    traits = _traits(gray=found.components == 1, cmyk=found.components == 4, deep=found.bits > 8)
    channels, scans = found.components or 3, max(1, found.scans)
    size = (found.width, found.height)
    return Format("jpeg", traits, *size, channels, found.bits, scans, found.progressive, found.end)


def png(data: bytes) -> Format:
    """Read IHDR, and look for a tRNS chunk before the image data (PNG specification, 11.2 and 11.3)."""
    width, height, bits, color = struct.unpack_from(">IIBB", data, 16)
    alpha = color in (4, 6) or b"tRNS" in data[33 : max(33, data.find(b"IDAT", 33))]
    channels = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}.get(color, 4)
    traits = _traits(gray=color in (0, 4), alpha=alpha, deep=bits == 16)
    return Format("png", traits, width, height, 4 if alpha else channels, bits)


def webp(data: bytes) -> Format:
    """Read the first chunk: VP8X with the size of the canvas, VP8L or VP8 (RFC 9649)."""
    chunk = data[12:16]
    if chunk == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
        return Format("webp", _traits(alpha=bool(data[20] & 0x10)), width, height, 4)
    if chunk == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return Format("webp", _traits(alpha=bool(bits >> 28 & 1)), (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, 4)
    width, height = struct.unpack_from("<HH", data, 26)
    return Format("webp", (), width & 0x3FFF, height & 0x3FFF, 3)


def bmp(data: bytes) -> Format:
    """Read the bitmap header; the height of an image stored from the top is negative."""
    if struct.unpack_from("<I", data, 14)[0] == 12:  # OS/2
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
    else:
        width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
    return Format("bmp", (), abs(width), abs(height), 4 if bits == 32 else 3)


def gif(data: bytes) -> Format:
    """Read the size of the logical screen."""
    width, height = struct.unpack_from("<HH", data, 6)
    return Format("gif", (), width, height, 4)


def pnm(data: bytes) -> Format:
    """Read the text header of a PBM, PGM or PPM file."""
    found = re.match(_PNM, data[:4096])
    if found is None:
        return Format("pnm")
    kind, width, height, maximum = (int(text or 0) for text in found.groups())
    maximum = 255 if kind in (1, 4) else maximum
    gray = kind not in (3, 6)
    bits = 16 if maximum > 255 else 8
    return Format(
        "pnm", _traits(gray=gray, deep=bits > 8), width, height, 1 if gray else 3, bits, maximum=max(1, maximum)
    )


def jp2(data: bytes) -> Format:
    """Read the SIZ segment of the code stream, which the decoder believes, not the box before it (ISO 15444-1, A.5.1)."""
    at = data.index(b"\xff\x4f\xff\x51") + 8
    right, bottom, left, top = struct.unpack_from(">IIII", data, at)
    channels, bits = struct.unpack_from(">HB", data, at + 32)
    depth = (bits & 0x7F) + 1
    traits = _traits(gray=channels < 3, alpha=channels in (2, 4), deep=depth > 8)
    maximum = (1 << depth) - 1 if 8 < depth <= 16 else 255
    return Format("jp2", traits, max(0, right - left), max(0, bottom - top), channels, depth, maximum=maximum)


def avif(data: bytes) -> Format:
    """Read the largest size (``ispe``) among the properties (ISO 23008-12, 6.5.3)."""
    width = height = at = 0
    while (at := data.find(b"ispe", at, _AVIF_HEAD)) >= 0 and at + 16 <= len(data):
        one = struct.unpack_from(">II", data, at + 8)
        if one[0] * one[1] > width * height:
            width, height = one
        at += 4
    return Format("avif", (), width, height, 4)


def tiff(data: bytes) -> Format:
    """Read the first directory (TIFF 6.0, sections 2 and 8; BigTIFF has wider fields)."""
    tags = tiff_tags(data)
    samples, bits = tags.get(_SAMPLES, 1), tags.get(_BITS, 1)
    photometric = tags.get(_PHOTOMETRIC, 2)
    traits = _traits(
        gray=photometric in (0, 1), cmyk=photometric == 5, alpha=tags.get(_EXTRA, 0) in (1, 2), deep=bits > 8
    )
    # One tile is decoded as a whole, even if the image is smaller.
    width = max(tags.get(_WIDTH, 0), tags.get(_TILE_WIDTH, 0))
    height = max(tags.get(_HEIGHT, 0), tags.get(_TILE_HEIGHT, 0))
    return Format("tiff", traits, width, height, 3 if photometric == 3 else samples, max(bits, 8))


def tiff_tags(data: bytes) -> dict[int, int]:
    """Return tag -> first value of the first directory. Raises struct.error if it is cut off."""
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    count_type, offset_type, entry = ("Q", "Q", 20) if big else ("H", "I", 12)
    start = struct.unpack_from(order + offset_type, data, 8 if big else 4)[0]
    first = start + struct.calcsize(order + count_type)
    inline = 8 if big else 4
    found: dict[int, int] = {}
    for number in range(min(struct.unpack_from(order + count_type, data, start)[0], _TIFF_LIMIT)):
        at = first + entry * number
        tag, kind, count = struct.unpack_from(order + "HH" + offset_type, data, at)
        if kind not in _TIFF_TYPES or not count:
            continue
        value = at + 4 + inline
        fits = count * struct.calcsize(order + _TIFF_TYPES[kind]) <= inline
        place = value if fits else struct.unpack_from(order + offset_type, data, value)[0]
        found.setdefault(tag, struct.unpack_from(order + _TIFF_TYPES[kind], data, place)[0])
    return found


def _traits(*, gray: bool = False, cmyk: bool = False, alpha: bool = False, deep: bool = False) -> tuple[str, ...]:
    names = (("gray", gray), ("cmyk", cmyk), ("alpha", alpha), ("16 bit", deep))
    return tuple(name for name, present in names if present)
