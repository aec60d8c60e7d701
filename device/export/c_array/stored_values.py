"""What a model stores for the bytes of an image, and for its outputs, after the types at its ends were changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from edgevision.preprocessing.image_input import has_channels_first
from edgevision.preprocessing.transform import quantize

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgevision.preprocessing.spec import Preprocessing
    from edgevision.types import Tensor, TensorSpec


def with_end(values: Tensor, given: TensorSpec, end: TensorSpec) -> Tensor:
    """Return values of one end of a model as another type stores them, as QUANTIZE does; ``given`` describes them now."""
    if given.dtype == end.dtype:
        return values
    if given.dtype == "float32":
        limits = np.iinfo(end.dtype)
        scaled = values.astype(np.float32) / np.float32(end.scale)
        rounded = np.copysign(np.floor(np.abs(scaled) + np.float32(0.5)), scaled) + end.zero_point
        return np.asarray(np.clip(rounded, limits.min, limits.max), end.dtype)
    if end.dtype == "float32":
        return np.asarray((values.astype(np.float32) - given.zero_point) * np.float32(given.scale), np.float32)
    return (values.astype(np.int16) + (end.zero_point - given.zero_point)).astype(end.dtype)


def stored_bytes(preprocessing: Preprocessing, given: TensorSpec, end: TensorSpec) -> npt.NDArray[np.generic]:
    """Return what a model stores for each of the 256 bytes, (channels, 256): first as its file says, then as its new end."""
    channels = preprocessing.channels
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[np.newaxis, :, np.newaxis], channels, axis=2)
    row = replace(preprocessing, width=256, height=1)
    shape = (1, channels, 1, 256) if has_channels_first(given) else (1, 1, 256, channels)
    stored = quantize(ramp, row, given._replace(shape=shape))
    by_channel = stored.reshape(channels, 256) if has_channels_first(given) else stored.reshape(256, channels).T
    return np.ascontiguousarray(with_end(by_channel, given, end))


def offset_of(table: npt.NDArray[np.generic]) -> int | None:
    """Return the number to add to a byte for its stored value, if there is one for all bytes and channels."""
    if table.dtype.kind not in "iu":
        return None
    differences = table.astype(np.int64) - np.arange(256)
    return int(differences[0, 0]) if (differences == differences[0, 0]).all() else None
