"""The image input of a model: its size, and whether its channels come last or first."""

from __future__ import annotations

from math import isqrt
from typing import NamedTuple

from ..types import TensorSpec

CHANNELS = (1, 3)
"""Numbers of channels that an image has: gray or color."""
MIN_SIDE = 8
"""Smallest side of a square gray image without a dimension for its channel (pixels)."""


class ImageInput(NamedTuple):
    """Size and axes of an image input."""

    width: int
    """Width (pixels)."""
    height: int
    """Height (pixels)."""
    channels: int
    """Number of channels, 1 or 3."""
    channels_first: bool
    """Whether the shape is [1, channels, height, width], as PyTorch has it, not [1, height, width, channels]."""


def image_input(spec: TensorSpec) -> ImageInput | None:
    """Return the size and axes of an input for one image; None if its shape is not that of an image of fixed size.

    A square gray image may lack the dimension of its channel, [1, 28, 28], or be one row, [1, 784], as networks for
    handwritten digits have it.
    """
    shape = spec.shape
    if len(shape) in (2, 3) and shape[0] in (1, -1):
        side = isqrt(max(shape[1], 0)) if len(shape) == 2 else shape[1]
        square = shape[1:] in ((side * side,), (side, side))
        return ImageInput(side, side, 1, False) if square and side >= MIN_SIDE else None
    if len(shape) != 4 or shape[0] not in (1, -1) or min(shape[1:]) < 1:
        return None
    if shape[3] in CHANNELS:
        return ImageInput(shape[2], shape[1], shape[3], False)
    return ImageInput(shape[3], shape[2], shape[1], True) if shape[1] in CHANNELS else None


def tensor_shape(spec: TensorSpec, width: int, height: int, channels: int) -> tuple[int, ...]:
    """Return the shape of a prepared image for an input: that of the input, else (1, height, width, channels)."""
    return (1, height, width, channels) if image_input(spec) is None else (1, *spec.shape[1:])


def has_channels_first(spec: TensorSpec) -> bool:
    """Return whether an input takes an image as [1, channels, height, width]."""
    found = image_input(spec)
    return found is not None and found.channels_first
