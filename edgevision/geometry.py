"""Which part of a frame goes to which part of the model's input, and how often it is halved on the way."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from .rule import Rule


@dataclass(frozen=True, slots=True)
class Geometry:
    """Which part of a frame goes to which part of the model's input."""

    source: tuple[int, int, int, int]
    """x, y, width, height in pixels of the frame."""
    halvings: int
    """How often ``source`` is halved before the bilinear resize; its size can be halved that often."""
    target: tuple[int, int, int, int]
    """x, y, width, height in pixels of the model's input."""

    def to_frame(self, x: float, y: float) -> tuple[float, float]:
        """A point of the model's input (pixels) as a point of the frame (pixels)."""
        sx, sy, sw, sh = self.source
        tx, ty, tw, th = self.target
        return sx + (x - tx) * sw / tw, sy + (y - ty) * sh / th


@lru_cache(maxsize=64)
def plan(width: int, height: int, rule: Rule) -> Geometry:
    """Where the parts of a frame of this size go (pixels)."""
    if rule.resize == "letterbox":
        source, target = (0, 0, width, height), _letterbox(width, height, rule)
    else:
        source, target = (0, 0, width, height), (0, 0, rule.width, rule.height)
        if rule.resize == "crop":
            source = _crop(width, height, rule)
    ratio = min(source[2] // target[2], source[3] // target[3])
    halvings = max(0, ratio.bit_length() - 1)
    return Geometry(_trim(source, 1 << halvings), halvings, target)


def _crop(width: int, height: int, rule: Rule) -> tuple[int, int, int, int]:
    """The largest centred part of the input's shape, times the crop fraction."""
    scale = min(width / rule.width, height / rule.height) * rule.crop_fraction
    w = min(width, max(1, int(rule.width * scale + 0.5)))
    h = min(height, max(1, int(rule.height * scale + 0.5)))
    return (width - w) // 2, (height - h) // 2, w, h


def _letterbox(width: int, height: int, rule: Rule) -> tuple[int, int, int, int]:
    scale = min(rule.width / width, rule.height / height)
    w = min(rule.width, max(1, int(width * scale + 0.5)))
    h = min(rule.height, max(1, int(height * scale + 0.5)))
    if rule.align == "top_left":
        return 0, 0, w, h
    return (rule.width - w) // 2, (rule.height - h) // 2, w, h


def _trim(source: tuple[int, int, int, int], factor: int) -> tuple[int, int, int, int]:
    """Leaves out the few edge pixels (less than one of the model's) that do not fill a block."""
    x, y, w, h = source
    rest_w, rest_h = w % factor, h % factor
    return x + rest_w // 2, y + rest_h // 2, w - rest_w, h - rest_h
