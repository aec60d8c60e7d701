"""Mapping between a frame and the model's input: which part goes where, and how often it is halved."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from .spec import Preprocessing


class Geometry(NamedTuple):
    """The part of a frame that is used, and where it goes in the model's input."""

    source: tuple[int, int, int, int]
    """x, y, width and height of the used part, in frame pixels."""
    halvings: int
    """Number of times ``source`` is halved before the bilinear resize. Its width and height are divisible accordingly."""
    target: tuple[int, int, int, int]
    """x, y, width and height of the destination, in pixels of the model's input."""

    def to_frame(self, x: float, y: float) -> tuple[float, float]:
        """Convert a point of the model's input to a point of the frame, both in pixels."""
        sx, sy, sw, sh = self.source
        tx, ty, tw, th = self.target
        return sx + (x - tx) * sw / tw, sy + (y - ty) * sh / th


@lru_cache(maxsize=64)
def plan(width: int, height: int, preprocessing: Preprocessing) -> Geometry:
    """Return the geometry for frames of a size given in pixels."""
    if preprocessing.resize == "letterbox":
        source, target = (0, 0, width, height), _letterbox(width, height, preprocessing)
    else:
        source, target = (0, 0, width, height), (0, 0, preprocessing.width, preprocessing.height)
        if preprocessing.resize == "crop":
            source = _crop(width, height, preprocessing)
    ratio = min(source[2] // target[2], source[3] // target[3])
    halvings = max(0, ratio.bit_length() - 1)
    return Geometry(_trim(source, 1 << halvings), halvings, target)


def _crop(width: int, height: int, preprocessing: Preprocessing) -> tuple[int, int, int, int]:
    """Return the largest centered part with the input's aspect ratio, scaled by the crop fraction."""
    scale = min(width / preprocessing.width, height / preprocessing.height) * preprocessing.crop_fraction
    w = min(width, max(1, int(preprocessing.width * scale + 0.5)))
    h = min(height, max(1, int(preprocessing.height * scale + 0.5)))
    return (width - w) // 2, (height - h) // 2, w, h


def _letterbox(width: int, height: int, preprocessing: Preprocessing) -> tuple[int, int, int, int]:
    scale = min(preprocessing.width / width, preprocessing.height / height)
    w = min(preprocessing.width, max(1, int(width * scale + 0.5)))
    h = min(preprocessing.height, max(1, int(height * scale + 0.5)))
    if preprocessing.align == "top_left":
        return 0, 0, w, h
    return (preprocessing.width - w) // 2, (preprocessing.height - h) // 2, w, h


def _trim(source: tuple[int, int, int, int], factor: int) -> tuple[int, int, int, int]:
    """Drop the edge pixels that do not fill a block; they add up to less than one pixel of the model's input."""
    x, y, w, h = source
    rest_w, rest_h = w % factor, h % factor
    return x + rest_w // 2, y + rest_h // 2, w - rest_w, h - rest_h
