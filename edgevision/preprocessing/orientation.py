"""Orientation of an image: what EXIF and AVIF say, applied to its pixels."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from . import png_chunks
from .image_headers import tiff_tags
from .jpeg_structure import exif as jpeg_exif

if TYPE_CHECKING:
    from ..types import Pixels

_TAG = 0x0112
_PREFIX = b"Exif\0\0"


def read(data: bytes, kind: str) -> int:
    """Return the EXIF orientation, 1..8, of a PNG, WebP or AVIF file; 1 if it has none or a wrong one.

    OpenCV applies the orientation of JPEG and TIFF files itself, in every mode.
    """
    if kind == "avif":
        return _avif(data)
    found = png_chunks.exif(data) if kind == "png" else _webp(data) if kind == "webp" else b""
    try:
        value = tiff_tags(found.removeprefix(_PREFIX)).get(_TAG, 1)
    except struct.error:
        return 1
    return value if 1 <= value <= 8 else 1


def read_any(data: bytes, kind: str) -> int:
    """Return the EXIF orientation, 1..8, that decoding applies to a file of any format; 1 if it has none or a wrong one."""
    if kind not in ("jpeg", "tiff"):
        return read(data, kind)
    try:
        value = tiff_tags(data if kind == "tiff" else jpeg_exif(data)).get(_TAG, 1)
    except struct.error:
        return 1
    return value if 1 <= value <= 8 else 1


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Return the image turned and mirrored so that it is upright (EXIF 2.3, 4.6.4, tag Orientation)."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _webp(data: bytes) -> bytes:
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"EXIF":
            return data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return b""


def _avif(data: bytes) -> int:
    """Return the orientation of the properties ``irot`` (quarter turns to the left) and ``imir`` (ISO 23008-12, 6.5)."""
    head = data[: 1 << 16]
    turn, mirror = head.find(b"irot"), head.find(b"imir")
    turns = head[turn + 4] & 3 if 0 <= turn < len(head) - 4 else 0
    if not 0 <= mirror < len(head) - 4:
        return (1, 8, 3, 6)[turns]
    left_right = head[mirror + 4] & 1  # 0: top and bottom are exchanged
    return ((4, 5, 2, 7), (2, 7, 4, 5))[left_right][turns]
