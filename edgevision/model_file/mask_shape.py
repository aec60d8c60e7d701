"""Whether an output has the shape of an image over the input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import BadModel
from ..preprocessing.image_input import image_input
from ..tflite.outputs import mask_kind

if TYPE_CHECKING:
    from ..types import TensorSpec

MASK_ASPECT = 1.25
"""Largest difference between the shapes of a mask and of the input, as a ratio: rounding at a stride of 32."""


def is_mask_shape(output: TensorSpec, image: TensorSpec) -> bool:
    """Return whether an output has the shape of a mask over the input, of any resolution."""
    try:
        mask_kind(output)
    except BadModel:
        return False
    (height, width), size = output.shape[1:3], image_input(image)
    if size is None or min(height, width) < 1:
        return size is not None  # a mask whose size is not fixed
    ratio = (height / width) / (size.height / size.width)
    return max(ratio, 1 / ratio) <= MASK_ASPECT and height > 1 and width > 1
