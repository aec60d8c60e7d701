"""Rotates, flips and crops the frames of any source, for ``--rotate``, ``--flip`` and ``--roi``.

The model sees the result as the whole frame, so boxes, masks, width and height are in its pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2

from edgevision.types import Frame

from .wrapper import Wrapped

if TYPE_CHECKING:
    from edgevision.types import Pixels

    from ...stream.events import SourceEvent, Unreadable
    from ...stream.protocols import Source
    from ...stream.request import CaptureRequest

Roi = tuple[float, float, float, float]
_STEPS = {0: (False, False, False), 90: (True, True, False), 180: (False, True, True), 270: (True, False, True)}
"""Clockwise degrees -> (transpose, mirror horizontally, mirror vertically), in this order."""


class Turned(Wrapped):
    """A source whose frames are transformed. A crop alone is a view of the frame and costs nothing."""

    def __init__(self, source: Source, wanted: CaptureRequest) -> None:
        super().__init__(source)
        self._wanted = wanted

    def __iter__(self) -> Iterator[Frame | Unreadable | SourceEvent]:
        """Yield the source's items with transformed frames."""
        for item in self._source:
            yield replace(item, pixels=turn(item.pixels, self._wanted)) if isinstance(item, Frame) else item


def turn(pixels: Pixels, wanted: CaptureRequest) -> Pixels:
    """Return the requested part of an image in the requested orientation: uint8 (height, width[, 3])."""
    transpose, mirror_x, mirror_y = steps(wanted)
    if wanted.roi is not None:
        x, y, w, h = _in_pixels(untwist(wanted.roi, transpose, mirror_x, mirror_y), pixels.shape[1], pixels.shape[0])
        pixels = pixels[y : y + h, x : x + w]  # crop first: fewer pixels to move
    if transpose:
        pixels = cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE)  # transpose and mirror in one, fifteen times as fast
        mirror_x = not mirror_x
    if mirror_x or mirror_y:
        pixels = cv2.flip(pixels, -1 if mirror_x and mirror_y else 1 if mirror_x else 0)
    return pixels


def turned_size(width: int, height: int, wanted: CaptureRequest) -> tuple[int, int]:
    """Return width and height of the result of ``turn`` for an image of this size (pixels)."""
    transpose, mirror_x, mirror_y = steps(wanted)
    if wanted.roi is not None:
        _, _, width, height = _in_pixels(untwist(wanted.roi, transpose, mirror_x, mirror_y), width, height)
    return (height, width) if transpose else (width, height)


def steps(wanted: CaptureRequest) -> tuple[bool, bool, bool]:
    """Combine rotation and flip into (transpose, mirror horizontally, mirror vertically), in this order."""
    transpose, mirror_x, mirror_y = _STEPS[wanted.rotate]
    return (
        transpose,
        mirror_x ^ (wanted.flip in ("horizontal", "both")),
        mirror_y ^ (wanted.flip in ("vertical", "both")),
    )


def untwist(roi: Roi, transpose: bool, mirror_x: bool, mirror_y: bool) -> Roi:
    """Map a region of the transformed image back to the original image (both relative, 0..1)."""
    x, y, w, h = roi
    x = 1 - x - w if mirror_x else x
    y = 1 - y - h if mirror_y else y
    return (y, x, h, w) if transpose else (x, y, w, h)


def _in_pixels(roi: Roi, width: int, height: int) -> tuple[int, int, int, int]:
    """Return the region in pixels: at least one pixel, within the image."""
    left, right = _span(roi[0], roi[2], width)
    top, bottom = _span(roi[1], roi[3], height)
    return left, top, right - left, bottom - top


def _span(start: float, length: float, side: int) -> tuple[int, int]:
    first = min(side - 1, max(0, int(start * side + 0.5)))
    return first, min(side, max(first + 1, int((start + length) * side + 0.5)))
