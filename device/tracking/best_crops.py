"""The best image of each tracked object so far, for snapshots and events; memory is bounded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING

import cv2

if TYPE_CHECKING:
    from edgevision.types import Frame

    from .track import Track

LONGEST = 320
"""Longest side of a crop in pixels; larger ones are scaled down."""
MARGIN = 0.1
"""What is shown around an object, as a share of its size."""
CUT_OFF = 0.5
"""Factor for something at the edge of the frame, which is probably cut off."""
BETTER = 1.15
"""Factor by which a new image has to be better than the kept one, so that few are copied."""
MAX_BYTES = 16_000_000
"""Memory of all crops; beyond it, those of the oldest tracks are given up."""


@dataclass(slots=True, eq=False)
class _Kept:
    quality: float
    crop: Frame


class BestCrops:
    """Keeps the image in which an object is large, certain and whole."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: dict[int, _Kept] = {}
        self._bytes = 0

    def see(self, frame: Frame, track: Track) -> None:
        """Look at a settled track in the frame in which it was just detected."""
        assert track.id is not None
        quality, before = _quality(frame, track), self._kept.get(track.id)
        if before is not None and quality < BETTER * before.quality:
            return
        crop = _crop(frame, track)
        if crop is None:
            return
        self.forget(track.id)
        self._kept[track.id] = _Kept(quality, crop)
        self._bytes += crop.pixels.nbytes
        while self._bytes > self._max_bytes:
            self.forget(next(iter(self._kept)))

    def of(self, track: int) -> Frame | None:
        """Return the crop of a track; None if there is none."""
        kept = self._kept.get(track)
        return None if kept is None else kept.crop

    def forget(self, track: int) -> None:
        """Free the crop of a track."""
        kept = self._kept.pop(track, None)
        self._bytes -= 0 if kept is None else kept.crop.pixels.nbytes


def _quality(frame: Frame, track: Track) -> float:
    x0, y0, x1, y1 = track.box
    at_edge = x0 <= 1 or y0 <= 1 or x1 >= frame.width - 1 or y1 >= frame.height - 1
    return track.score * sqrt(max(0.0, (x1 - x0) * (y1 - y0))) * (CUT_OFF if at_edge else 1.0)


def _crop(frame: Frame, track: Track) -> Frame | None:
    """Return a copy of the object with a margin; None if it has no size."""
    x0, y0, x1, y1 = track.box
    more_x, more_y = MARGIN * (x1 - x0), MARGIN * (y1 - y0)
    left, top = max(0, int(x0 - more_x)), max(0, int(y0 - more_y))
    right, bottom = min(frame.width, int(x1 + more_x) + 1), min(frame.height, int(y1 + more_y) + 1)
    if x1 <= x0 or y1 <= y0 or right - left < 2 or bottom - top < 2:
        return None
    part = frame.pixels[top:bottom, left:right]
    scale = LONGEST / max(part.shape[:2])
    if scale >= 1:
        return replace(frame, pixels=part.copy())
    size = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
    return replace(frame, pixels=cv2.resize(part, size, interpolation=cv2.INTER_AREA))  # noqa: TID251 -- for viewers
