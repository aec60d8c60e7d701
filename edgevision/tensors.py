"""The description of a model's input or output tensor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Shape, type and quantization of one tensor: real = scale * (stored - zero_point)."""

    name: str
    """Name of the tensor."""
    shape: tuple[int, ...]
    """Dimensions, batch first; -1 for a dimension that is not fixed."""
    dtype: str
    """numpy name of the element type: uint8, int8, int16, int32, float32 ..."""
    scale: float = 0.0
    """Quantization scale; 0 if the tensor is not quantized or is quantized per channel."""
    zero_point: int = 0
    """Stored value that stands for 0."""

    @property
    def quantized(self) -> bool:
        """Whether the tensor is quantized with one scale."""
        return self.scale > 0.0
