"""Size of an image as the decoder returns it, upright, read from the header without decoding."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from . import orientation
from .image_headers import tiff_tags
from .sniff import sniff

HEADS = (16 * 1024, 256 * 1024)
"""Numbers of bytes to try before the whole file: what holds most sizes, and what holds those behind a thumbnail."""
_WHOLE = ("png", "webp", "avif")
"""Formats that may hold their orientation at the end of the file."""
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257


@dataclass(frozen=True, slots=True)
class UprightSize:
    """Size of an image and how it is stored."""

    width: int
    """Width of the upright image in pixels."""
    height: int
    """Height of the upright image in pixels."""
    orientation: int
    """EXIF orientation, 1..8; from 5 on, width and height are stored exchanged."""


def read_upright_size(data: bytes, complete: bool) -> UprightSize | None:
    """Return the size of an image; None if these bytes do not tell. ``complete``: whether they are the whole file."""
    found = sniff(data)
    if not complete and found.kind in _WHOLE:
        return None
    width, height = found.width, found.height
    if found.kind == "tiff":  # found.width may be that of a tile
        try:
            tags = tiff_tags(data)
        except struct.error:
            return None
        width, height = tags.get(_TIFF_WIDTH, 0), tags.get(_TIFF_HEIGHT, 0)
    if not width or not height:
        return None
    turned = orientation.read_any(data, found.kind)
    return UprightSize(height, width, turned) if turned >= 5 else UprightSize(width, height, turned)
