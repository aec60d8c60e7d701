"""Dequantize stored values to real values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from ..data import Tensor
    from ..tensors import TensorSpec


def dequantize(output: Tensor, spec: TensorSpec) -> npt.NDArray[np.float32]:
    """Return real values in the shape of ``output``: scale * (stored - zero_point); unquantized values only as float."""
    if not spec.quantized:
        return output.astype(np.float32)
    return (output.astype(np.float32) - spec.zero_point) * np.float32(spec.scale)
