"""Limits on what decoding an image may cost, applied to its header before any decoder sees the file."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..types import DEFAULT_MAX_PIXELS

if TYPE_CHECKING:
    from .image_headers import Format

BYTES_PER_PIXEL = 4
"""Bytes per pixel up to which the limit counts pixels; images with more, such as 16-bit ones, may have fewer pixels."""
MAX_SCANS = 100
"""Number of scans of a JPEG. Usual ones have 1 to 12, and each costs a pass over all pixels."""
SCANS_AT_LIMIT = 20
"""Number of scans that an image with the largest number of pixels may have; smaller images may have more."""
LARGE_BYTES = 64_000_000
"""Decoded size above which only one image is decoded at a time, whatever the number of threads."""


class _State:
    max_pixels = DEFAULT_MAX_PIXELS


_large = threading.Lock()


def set_max_pixels(pixels: int) -> None:
    """Set the limit for this process: the number of pixels of images with up to four bytes per pixel."""
    _State.max_pixels = pixels


def refusal(found: Format) -> str | None:
    """Return why an image is too expensive to decode; None if it is not."""
    limit = _State.max_pixels
    pixels = found.width * found.height
    size = f"{found.width}x{found.height} pixels"
    if pixels > limit:
        return f"{size} are more than the limit of {limit}; make the image smaller, or raise --max-pixels"
    if found.decoded_bytes > limit * BYTES_PER_PIXEL:
        each = found.decoded_bytes // pixels
        return (
            f"{size} of {each} bytes each need more memory than {limit} pixels of {BYTES_PER_PIXEL}; "
            "make the image smaller, or raise --max-pixels"
        )
    if found.scans > MAX_SCANS or found.scans * pixels > SCANS_AT_LIMIT * max(limit, DEFAULT_MAX_PIXELS):
        return f"{found.scans} scans of {size} take too long to decode; save the image again"
    return None


@contextlib.contextmanager
def turn(found: Format) -> Iterator[None]:
    """Wait inside a ``with`` block until no other large image is being decoded; small images never wait."""
    with _large if found.decoded_bytes > LARGE_BYTES else contextlib.nullcontext():
        yield
