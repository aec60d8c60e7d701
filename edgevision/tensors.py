"""What a model's input or output tensor looks like."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Shape, type and quantization of one tensor: real = scale * (stored - zero_point)."""

    name: str
    shape: tuple[int, ...]
    """Batch first; -1 for a dimension that is not fixed."""
    dtype: str
    """A numpy name: uint8, int8, int16, int32, float32 ..."""
    scale: float = 0.0
    """0 where the tensor is not quantized (or quantized per channel)."""
    zero_point: int = 0

    @property
    def quantized(self) -> bool:
        """Whether stored values stand for scaled ones."""
        return self.scale > 0.0
