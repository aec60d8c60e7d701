"""From picture to tensor: the only code that crops, resizes, swaps and quantizes, in training and on the device alike.

Only operations that give the same bytes on every CPU are used: halving (the mean of 2x2 pixels, as often as it fits),
then OpenCV's bit-exact bilinear. Plain bilinear skips pixels of a large frame; area reduction by any other factor costs
more than a small model's inference (1280x720 to 224x224, one thread: 5x3 area 0.8 ms, halving 0.2 ms).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from .data import Frame
from .errors import BadInput
from .geometry import Geometry, plan
from .rule import Rule
from .step_memory import StepMemory
from .tensors import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from .data import Pixels, Tensor

BYTE = np.dtype(np.uint8)
_memory = StepMemory()


def prepare(frame: Frame, rule: Rule, spec: TensorSpec) -> Tensor:
    """A frame as the model's input: (1, height, width, channels) in the type of ``spec``. Raises BadInput."""
    return quantize(pixels(frame, rule), rule, spec)


def pixels(frame: Frame, rule: Rule) -> Pixels:
    """A frame cropped, resized and in the rule's channel order: uint8, (height, width, channels). Raises BadInput."""
    _check(frame)
    geometry = plan(frame.width, frame.height, rule)
    return _finished(_resized(frame.pixels, geometry), frame.order, geometry, rule)


class Preparation:
    """``prepare`` for the frames of one model: what is the same for all of them is worked out once."""

    def __init__(self, rule: Rule, spec: TensorSpec) -> None:
        self._rule, self._spec = rule, spec
        self._takes_bytes = takes_bytes(rule, spec)
        self._shape = (1, rule.height, rule.width, rule.channels)
        self._last: tuple[tuple[int, ...], Geometry] | None = None
        """Shape of the last frame, and what was planned for it."""

    def prepare(self, frame: Frame) -> Tensor:
        """As the function of this name. Raises BadInput."""
        geometry = self._planned(frame)
        return self._stored(_finished(_resized(frame.pixels, geometry), frame.order, geometry, self._rule))

    def write(self, frame: Frame, memory: Callable[[], Tensor]) -> None:
        """The same into memory of the tensor's shape and type, which is asked for last and not held. Raises BadInput."""
        geometry = self._planned(frame)
        resized = _resized(frame.pixels, geometry)
        there = memory()[0]
        made = _finished(resized, frame.order, geometry, self._rule, there if self._takes_bytes else None)
        if made is not there:
            there[...] = self._stored(made)[0]

    def _planned(self, frame: Frame) -> Geometry:
        _check(frame)
        shape, last = frame.pixels.shape, self._last
        if last is None or last[0] != shape:
            last = self._last = shape, plan(frame.width, frame.height, self._rule)
        return last[1]

    def _stored(self, picture: Pixels) -> Tensor:
        return picture.reshape(self._shape) if self._takes_bytes else quantize(picture, self._rule, self._spec)


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


def _resized(full: Pixels, geometry: Geometry) -> Pixels:
    """The part that is wanted, in its new size; four channels where there were three and something was interpolated."""
    x, y, w, h = geometry.source
    part: Pixels = full[y : y + h, x : x + w]
    size = geometry.target[2:]
    blocks = iter(_memory.blocks(geometry, full.shape[2:]))
    for _ in range(geometry.halvings):
        half = (part.shape[1] // 2, part.shape[0] // 2)
        part = cv2.resize(part, half, next(blocks), 0, 0, cv2.INTER_AREA)  # noqa: TID251
    if (part.shape[1], part.shape[0]) == size:
        return part
    if part.ndim == 3:
        # OpenCV's exact resize of four channels takes two thirds of the time of three, and gives the same bytes.
        part = cv2.cvtColor(part, cv2.COLOR_BGR2BGRA, next(blocks))
    resized: Pixels = cv2.resize(part, size, next(blocks), 0, 0, cv2.INTER_LINEAR_EXACT)  # noqa: TID251
    return resized


def _finished(picture: Pixels, order: str, geometry: Geometry, rule: Rule, out: Pixels | None = None) -> Pixels:
    """Resized pixels in the rule's channel order, with its border; in ``out`` where the last step can write there."""
    bordered = geometry.target[2:] != (rule.width, rule.height)
    # Swapping what is left after the resize is free; swapping a full frame is not.
    small = _reordered(picture, order, rule.order, None if bordered else out)
    if bordered:
        small = _on_border(small, geometry, rule)
    return small if small.ndim == 3 else small[:, :, np.newaxis]


def _reordered(picture: Pixels, have: str, want: str, out: Pixels | None) -> Pixels:
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
    reordered: Pixels = cv2.cvtColor(picture, code, out)
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
    if not good or dtype != BYTE or 0 in shape:
        expected = "(height, width)" if frame.order == "GRAY" else "(height, width, 3)"
        raise BadInput(f"a {frame.order} frame must be uint8 {expected}, not {dtype} {shape}")
