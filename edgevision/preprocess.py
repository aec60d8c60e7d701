"""From picture to tensor: the only code that crops, resizes, swaps and quantizes, in training and on the device alike.

Only operations that give the same bytes on every CPU are used: halving (the mean of 2x2 pixels, as often as it fits),
then OpenCV's bit-exact bilinear. Plain bilinear skips pixels of a large frame; area reduction by any other factor costs
more than a small model's inference (1280x720 to 224x224, one thread: 5x3 area 0.8 ms, halving 0.2 ms).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
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
    x, y, w, h = geometry.source
    part: Pixels = full[y : y + h, x : x + w]
    for _ in range(geometry.halvings):
        half = (part.shape[1] // 2, part.shape[0] // 2)
        part = cv2.resize(part, half, interpolation=cv2.INTER_AREA)  # noqa: TID251
    size = geometry.target[2:]
    if (part.shape[1], part.shape[0]) != size:
        part = cv2.resize(part, size, interpolation=cv2.INTER_LINEAR_EXACT)  # noqa: TID251
    return part


def _reorder(picture: Pixels, have: str, want: str) -> Pixels:
    if have == want:
        return np.ascontiguousarray(picture)
    if want == "GRAY":
        return _gray(picture, have)
    code = cv2.COLOR_GRAY2BGR if have == "GRAY" else cv2.COLOR_BGR2RGB
    swapped: Pixels = cv2.cvtColor(picture, code)
    return swapped


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
