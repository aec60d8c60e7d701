"""The normalization that the quantization of an input shows."""

from __future__ import annotations

from ..types import TensorSpec

NATURAL_STD = ((255.0, 0, 0), (127.5, 127, 128), (1.0, 0, 255))
"""Usual std of an input with the lowest and highest mean that goes with it: 0..1, -1..1 and bytes less a mean."""
SCALE_TOLERANCE = 0.005
"""Relative; 128 and 127 stand for 127.5, and 256 for 255."""


def byte_normalization(spec: TensorSpec) -> tuple[float, float] | None:
    """Return the mean and std with which a quantized input takes an image's bytes unchanged; None if it is not quantized.

    real = scale * (byte - zero_point) = (byte - mean) / std, so mean = zero_point and std = 1 / scale (a 32-bit float
    has seven digits, so 127.5 stays 127.5). An int8 input takes byte - 128.
    """
    if spec.dtype not in ("uint8", "int8"):
        return None
    if not spec.quantized:
        return (0.0, 1.0) if spec.dtype == "uint8" else None
    return float(spec.zero_point + (128 if spec.dtype == "int8" else 0)), float(f"{1.0 / spec.scale:.7g}")


def natural_normalization(spec: TensorSpec) -> tuple[float, float] | None:
    """Return the mean and std of ``byte_normalization`` if they are usual ones, else None.

    Other scales come from the range of the images that a converter saw and say nothing about the preprocessing.
    """
    found = byte_normalization(spec)
    if found is None:
        return None
    mean, std = found
    natural = any(abs(std / usual - 1.0) < SCALE_TOLERANCE and low <= mean <= high for usual, low, high in NATURAL_STD)
    return found if natural else None
