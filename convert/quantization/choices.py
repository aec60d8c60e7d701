"""Choices of the quantization that a user has; apart from the code, so that ``--help`` need not load it."""

from __future__ import annotations

from typing import Literal

Effort = Literal["none", "low", "normal", "high"]
"""Amount of repair of the int8 accuracy; ``none`` keeps TensorFlow Lite's own result."""
RepairEffort = Literal["low", "normal", "high"]
ActivationRange = Literal["auto", "minmax", "p99.999", "p99.99"]
"""Method for the activation ranges: the converter's minimum to maximum, a percentile, or the best of them."""
