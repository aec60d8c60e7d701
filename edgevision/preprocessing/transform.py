"""Conversion of frames to input tensors. Training and the device both crop, resize, reorder and quantize only here.

Only operations that give the same bytes on every CPU are used: halving (the mean of 2x2 pixels, as often as possible),
then OpenCV's bit-exact bilinear resize. Plain bilinear skips pixels of a large frame. Area reduction by any other factor
takes longer than the inference of a small model (1280x720 to 224x224, one thread: 5x3 area 0.8 ms, halving 0.2 ms).
"""

from __future__ import annotations

import math
from functools import lru_cache
from threading import local
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..errors import BadInput
from ..types import Frame, TensorSpec
from .geometry import Geometry, plan
from .image_input import has_channels_first, tensor_shape
from .spec import Preprocessing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from ..types import Pixels, Tensor

BYTE = np.dtype(np.uint8)
HALF = 128
"""Difference of the zero points of an int8 and a uint8 input with the same scale."""
TOP_BIT = np.uint8(HALF)
LUMA, LUMA_UNIT = (4899, 9617, 1868), 1 << 14
"""Shares of red, green and blue in gray (ITU-R BT.601), and their sum."""
MAX_KEPT = 4_000_000
"""Size in bytes of the largest block that is kept. Halved camera frames are smaller; photos vary in size anyway."""


def prepare(frame: Frame, preprocessing: Preprocessing, spec: TensorSpec) -> Tensor:
    """Convert a frame to the model's input, in the shape and type of ``spec``: usually (1, height, width, channels).

    Raises BadInput.
    """
    return quantize(pixels(frame, preprocessing), preprocessing, spec)


def pixels(frame: Frame, preprocessing: Preprocessing) -> Pixels:
    """Crop, resize and reorder a frame to uint8 (height, width, channels), before normalization. Raises BadInput."""
    _check(frame)
    geometry = plan(frame.width, frame.height, preprocessing)
    return _finished(_resized(frame.pixels, geometry), frame.order, geometry, preprocessing)


class Preparation:
    """Convert the frames of one model, as ``prepare`` does, and compute what they have in common only once."""

    def __init__(self, preprocessing: Preprocessing, spec: TensorSpec) -> None:
        self._rule, self._spec = preprocessing, spec
        # The result of the last step is the input itself.
        bytes_as_they_are = spec.dtype == "uint8" and takes_bytes(preprocessing, spec)
        self._direct = bytes_as_they_are and len(spec.shape) == 4 and not has_channels_first(spec)
        self._shape = (1, preprocessing.height, preprocessing.width, preprocessing.channels)
        self._last: tuple[tuple[int, ...], Geometry] | None = None
        """Shape of the last frame and its geometry."""

    def prepare(self, frame: Frame) -> Tensor:
        """Convert a frame to the model's input, as the function ``prepare`` does. Raises BadInput."""
        geometry = self._planned(frame)
        return self._stored(_finished(_resized(frame.pixels, geometry), frame.order, geometry, self._rule))

    def write(self, frame: Frame, memory: Callable[[], Tensor]) -> None:
        """Write the converted frame into memory of the tensor's shape and type. Raises BadInput.

        ``memory`` is called as late as possible, and no reference to its result is kept.
        """
        geometry = self._planned(frame)
        resized = _resized(frame.pixels, geometry)
        there = memory()[0]
        made = _finished(resized, frame.order, geometry, self._rule, there if self._direct else None)
        if made is not there:
            there[...] = self._stored(made)[0]

    def _planned(self, frame: Frame) -> Geometry:
        _check(frame)
        shape, last = frame.pixels.shape, self._last
        if last is None or last[0] != shape:
            last = self._last = shape, plan(frame.width, frame.height, self._rule)
        return last[1]

    def _stored(self, picture: Pixels) -> Tensor:
        return picture.reshape(self._shape) if self._direct else quantize(picture, self._rule, self._spec)


def quantize(picture: Pixels, preprocessing: Preprocessing, spec: TensorSpec) -> Tensor:
    """Convert pixels to the model's input: as they are if its quantization equals the normalization, else by a table."""
    shape = tensor_shape(spec, preprocessing.width, preprocessing.height, preprocessing.channels)
    if has_channels_first(spec):
        picture = np.ascontiguousarray(picture.transpose(2, 0, 1))
        return _stored(picture, preprocessing, spec, 0).reshape(shape)
    return _stored(picture, preprocessing, spec, -1).reshape(shape)


def _stored(picture: Pixels, preprocessing: Preprocessing, spec: TensorSpec, axis: int) -> Tensor:
    """Return the stored values of pixels, in their shape; ``axis``: that of the channels."""
    if takes_bytes(preprocessing, spec):
        return picture if spec.dtype == "uint8" else (picture ^ TOP_BIT).view(np.int8)
    if preprocessing.scalar:
        return np.take(_table(preprocessing.mean[0], preprocessing.std[0], spec), picture)
    means, stds = (
        _per_channel(preprocessing.mean, preprocessing.channels),
        _per_channel(preprocessing.std, preprocessing.channels),
    )
    tables = [_table(mean, std, spec) for mean, std in zip(means, stds, strict=True)]
    planes = [np.take(table, picture.take(c, axis)) for c, table in enumerate(tables)]
    return np.stack(planes, axis=axis)


def takes_bytes(preprocessing: Preprocessing, spec: TensorSpec) -> bool:
    """Return whether pixel bytes are the stored values, because scale * (byte - zero_point) equals (byte - mean) / std.

    The zero point is an integer and the mean need not be one, so a difference of half a step is accepted. The bytes of an
    int8 input are stored with the top bit flipped, which subtracts 128.
    """
    if spec.dtype == "int8" and spec.quantized:
        return takes_bytes(preprocessing, spec._replace(dtype="uint8", zero_point=spec.zero_point + HALF))
    if spec.dtype != "uint8":
        return False
    if not spec.quantized:
        return preprocessing.scalar and preprocessing.mean[0] == 0.0 and preprocessing.std[0] == 1.0
    return (
        preprocessing.scalar
        and abs(spec.scale * preprocessing.std[0] - 1.0) < 1e-3
        and abs(spec.zero_point - preprocessing.mean[0]) <= 0.51
    )


def _resized(full: Pixels, geometry: Geometry) -> Pixels:
    """Crop and resize the used part. The result has four channels if the frame has three and was interpolated."""
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
        # OpenCV's exact resize takes two thirds of the time with four channels instead of three, and gives the same bytes.
        part = cv2.cvtColor(part, cv2.COLOR_BGR2BGRA, next(blocks))
    resized: Pixels = cv2.resize(part, size, next(blocks), 0, 0, cv2.INTER_LINEAR_EXACT)  # noqa: TID251
    return resized


def _finished(
    picture: Pixels, order: str, geometry: Geometry, preprocessing: Preprocessing, out: Pixels | None = None
) -> Pixels:
    """Reorder the channels of resized pixels and add the border. The last step writes to ``out`` if it can."""
    bordered = geometry.target[2:] != (preprocessing.width, preprocessing.height)
    # Reordering after the resize costs almost nothing; reordering a full frame does not.
    small = _reordered(picture, order, preprocessing.order, None if bordered else out)
    if bordered:
        small = _on_border(small, geometry, preprocessing)
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
    """Compute ITU-R BT.601 luma in integers. OpenCV does not guarantee the same result on every CPU."""
    wide = picture.astype(np.uint32)
    red, blue = (0, 2) if have == "RGB" else (2, 0)
    luma = wide[..., red] * LUMA[0] + wide[..., 1] * LUMA[1] + wide[..., blue] * LUMA[2]
    return ((luma + LUMA_UNIT // 2) // LUMA_UNIT).astype(np.uint8)


def _on_border(small: Pixels, geometry: Geometry, preprocessing: Preprocessing) -> Pixels:
    shape = (
        (preprocessing.height, preprocessing.width)
        if small.ndim == 2
        else (preprocessing.height, preprocessing.width, small.shape[2])
    )
    canvas = np.full(shape, preprocessing.fill, np.uint8)
    x, y, w, h = geometry.target
    canvas[y : y + h, x : x + w] = small
    return canvas


@lru_cache(maxsize=16)
def _table(mean: float, std: float, spec: TensorSpec) -> npt.NDArray[np.generic]:
    """Return the stored value of each of the 256 bytes. Ties round up: half-to-even rounding would merge levels."""
    real = (np.arange(256, dtype=np.float64) - mean) / std
    if np.dtype(spec.dtype).kind == "f":
        return real.astype(spec.dtype)
    limits = np.iinfo(spec.dtype)
    if not spec.quantized:
        raise BadInput(
            f"the model's input {spec.name!r} is {spec.dtype} without a scale, so its normalization is unknown; "
            "use a quantized or a float32 input"
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
        raise BadInput(f"a {frame.order} frame must be uint8 {expected}, got {dtype} {shape}")


class StepMemory(local):
    """Buffers of one thread, kept because allocating fresh pages would take as long as the step itself.

    The steps alternate between two stretches of memory, so that a frame uses as little of the cache as possible.
    """

    def __init__(self) -> None:
        self._stretches = [np.empty(0, np.uint8), np.empty(0, np.uint8)]
        self._geometry: Geometry | None = None
        self._channels: tuple[int, ...] = ()
        self._blocks: list[Pixels | None] = []

    def blocks(self, geometry: Geometry, channels: tuple[int, ...]) -> Sequence[Pixels | None]:
        """Return a buffer for the result of each step, or None if the step must allocate: it is large, or returned.

        ``channels`` is the last part of the frame's shape, empty for a gray frame.
        """
        if geometry is not self._geometry or channels != self._channels:
            shapes = _shapes(geometry, channels)
            self._blocks = [None if shape is None else self._block(n % 2, shape) for n, shape in enumerate(shapes)]
            self._geometry, self._channels = geometry, channels
        return self._blocks

    def _block(self, turn: int, shape: tuple[int, ...]) -> Pixels | None:
        size = math.prod(shape)
        if size > MAX_KEPT:
            return None
        if self._stretches[turn].size < size:
            self._stretches[turn] = np.empty(size, np.uint8)
        return self._stretches[turn][:size].reshape(shape)


def _shapes(geometry: Geometry, channels: tuple[int, ...]) -> list[tuple[int, ...] | None]:
    """Return the shapes after each halving, the change to four channels and the resize; None if that result is returned."""
    w, h = geometry.source[2:]
    shapes: list[tuple[int, ...] | None] = [(h >> n, w >> n, *channels) for n in range(1, geometry.halvings + 1)]
    last_w, last_h = w >> geometry.halvings, h >> geometry.halvings
    if (last_w, last_h) == geometry.target[2:]:
        return [*shapes[:-1], None]
    if not channels:
        return [*shapes, None]
    return [*shapes, (last_h, last_w, 4), (geometry.target[3], geometry.target[2], 4)]


_memory = StepMemory()
