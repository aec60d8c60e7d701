"""From picture to tensor: the only code that crops, resizes, swaps and quantizes, in training and on the device alike.

Only operations that give the same bytes on every CPU are used: halving (the mean of 2x2 pixels, as often as it fits),
then OpenCV's bit-exact bilinear. Plain bilinear skips pixels of a large frame; area reduction by any other factor costs
more than a small model's inference (1280x720 to 224x224, one thread: 5x3 area 0.8 ms, halving 0.2 ms).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from threading import local
from typing import TYPE_CHECKING

import cv2
import numpy as np

from .data import Frame
from .errors import BadInput
from .rule import Rule
from .tensors import TensorSpec

if TYPE_CHECKING:
    import numpy.typing as npt

    from .data import Pixels, Tensor


MAX_KEPT = 4_000_000
"""Bytes of the largest block that is kept: a camera's frames are halved into less, and photos differ in size anyway."""


class _Kept(local):
    """The blocks of each thread, by the step that fills them."""

    def __init__(self) -> None:
        self.blocks: dict[int, Pixels] = {}


_kept = _Kept()


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


def prepare(frame: Frame, rule: Rule, spec: TensorSpec) -> Tensor:
    """A frame as the model's input: (1, height, width, channels) in the type of ``spec``. Raises BadInput."""
    return quantize(pixels(frame, rule), rule, spec)


def pixels(frame: Frame, rule: Rule) -> Pixels:
    """A frame cropped, resized and in the rule's channel order: uint8, (height, width, channels). Raises BadInput."""
    _check(frame)
    geometry = plan(frame.width, frame.height, rule)
    small = _resize(frame.pixels, geometry)
    # Swapping what is left after the resize is free; swapping a full frame is not.
    small = _reorder(small, frame.order, rule.order)
    if geometry.target[2:] != (rule.width, rule.height):
        small = _on_border(small, geometry, rule)
    return small if small.ndim == 3 else small[:, :, np.newaxis]


def quantize(picture: Pixels, rule: Rule, spec: TensorSpec) -> Tensor:
    """Pixels as the model's input: raw bytes where its quantization is the rule's, else by a table of 256 entries."""
    shape = (1, rule.height, rule.width, rule.channels)
    if takes_bytes(rule, spec):
        return picture.reshape(shape)
    if rule.scalar:
        return np.take(_table(rule.mean[0], rule.std[0], spec), picture).reshape(shape)
    means, stds = _per_channel(rule.mean, rule.channels), _per_channel(rule.std, rule.channels)
    planes = [np.take(_table(m, s, spec), picture[..., c]) for c, (m, s) in enumerate(zip(means, stds, strict=True))]
    return np.stack(planes, axis=-1).reshape(shape)


def takes_bytes(rule: Rule, spec: TensorSpec) -> bool:
    """Whether a picture's byte is already the stored value: scale * (byte - zero_point) is the rule's own line.

    The zero point is whole and the mean need not be, so half a step between them is the same model.
    """
    if spec.dtype != "uint8":
        return False
    if not spec.quantized:
        return rule.scalar and rule.mean[0] == 0.0 and rule.std[0] == 1.0
    return rule.scalar and abs(spec.scale * rule.std[0] - 1.0) < 1e-3 and abs(spec.zero_point - rule.mean[0]) <= 0.51


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


def _resize(full: Pixels, geometry: Geometry) -> Pixels:
    """The part that is wanted, in its new size; four channels where there were three and something was interpolated."""
    x, y, w, h = geometry.source
    part: Pixels = full[y : y + h, x : x + w]
    size = geometry.target[2:]
    for step in range(geometry.halvings):
        half = (part.shape[1] // 2, part.shape[0] // 2)
        block = None if half == size else _block(step, (half[1], half[0], *part.shape[2:]))
        part = cv2.resize(part, half, block, interpolation=cv2.INTER_AREA)  # noqa: TID251
    if (part.shape[1], part.shape[0]) == size:
        return part
    block = None
    if part.ndim == 3:
        # OpenCV's exact resize of four channels takes two thirds of the time of three, and gives the same bytes.
        part = cv2.cvtColor(part, cv2.COLOR_BGR2BGRA, _block(-2, (*part.shape[:2], 4)))
        block = _block(-1, (size[1], size[0], 4))
    resized: Pixels = cv2.resize(part, size, block, interpolation=cv2.INTER_LINEAR_EXACT)  # noqa: TID251
    return resized


def _block(step: int, shape: tuple[int, ...]) -> Pixels | None:
    """Memory for what one step hands to the next, kept from frame to frame: fresh pages would cost as much as the step."""
    if math.prod(shape) > MAX_KEPT:
        return None
    block = _kept.blocks.get(step)
    if block is None or block.shape != shape:
        block = _kept.blocks[step] = np.empty(shape, np.uint8)
    return block


def _reorder(picture: Pixels, have: str, want: str) -> Pixels:
    wide = picture.ndim == 3 and picture.shape[2] == 4
    if have == want and not wide:
        return np.ascontiguousarray(picture)
    if want == "GRAY":
        return _gray(picture, have)
    if have == "GRAY":
        code = cv2.COLOR_GRAY2BGR
    elif have == want:
        code = cv2.COLOR_BGRA2BGR
    else:
        code = cv2.COLOR_BGRA2RGB if wide else cv2.COLOR_BGR2RGB
    reordered: Pixels = cv2.cvtColor(picture, code)
    return reordered


def _gray(picture: Pixels, have: str) -> Pixels:
    """ITU-R BT.601 luma in whole numbers (OpenCV's own conversion is not promised to be equal on every CPU)."""
    wide = picture.astype(np.uint32)
    red, blue = (0, 2) if have == "RGB" else (2, 0)
    luma = wide[..., red] * 4899 + wide[..., 1] * 9617 + wide[..., blue] * 1868
    return ((luma + 8192) >> 14).astype(np.uint8)


def _on_border(small: Pixels, geometry: Geometry, rule: Rule) -> Pixels:
    shape = (rule.height, rule.width) if small.ndim == 2 else (rule.height, rule.width, small.shape[2])
    canvas = np.full(shape, rule.fill, np.uint8)
    x, y, w, h = geometry.target
    canvas[y : y + h, x : x + w] = small
    return canvas


@lru_cache(maxsize=16)
def _table(mean: float, std: float, spec: TensorSpec) -> npt.NDArray[np.generic]:
    """The stored value of each of the 256 bytes; ties round up, so that no level is lost to half-to-even rounding."""
    real = (np.arange(256, dtype=np.float64) - mean) / std
    if np.dtype(spec.dtype).kind == "f":
        return real.astype(spec.dtype)
    limits = np.iinfo(spec.dtype)
    if not spec.quantized:
        raise BadInput(
            f"the model's input {spec.name} is {spec.dtype} without a scale: its preprocessing cannot be known"
        )
    stored = np.floor(real / spec.scale + spec.zero_point + 0.5)
    return np.clip(stored, limits.min, limits.max).astype(spec.dtype)


def _per_channel(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    return values if len(values) == channels else values * channels


def _check(frame: Frame) -> None:
    shape, dtype = frame.pixels.shape, frame.pixels.dtype
    good = len(shape) == 2 if frame.order == "GRAY" else len(shape) == 3 and shape[2] == 3
    if not good or dtype != np.uint8 or 0 in shape:
        expected = "(height, width)" if frame.order == "GRAY" else "(height, width, 3)"
        raise BadInput(f"a {frame.order} frame must be uint8 {expected}, not {dtype} {shape}")
