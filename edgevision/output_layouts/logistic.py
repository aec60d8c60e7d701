"""The logistic function, for networks whose raw scores are turned into 0..1 outside of the file."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..types import Tensor, TensorSpec
    from .layout import Floats

BELOW, ABOVE = -0.05, 1.05
"""Scores of 0..1 stay between these; among raw ones of so many places, some do not."""

HIGHEST = 80.0
"""Largest magnitude that is told from infinity; beyond it a 32-bit exponential overflows."""
CERTAIN = 1e-7
"""Distance from 0 and 1 below which two scores are the same 32-bit number."""


def logistic(values: Floats) -> Floats:
    """Return 1 / (1 + exp(-x))."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(values, -HIGHEST, HIGHEST))), np.float32)


def raw_limit(score: float) -> float:
    """Return the raw score of a score of 0..1, the inverse of ``logistic``."""
    inside = min(max(score, CERTAIN), 1.0 - CERTAIN)
    return math.log(inside / (1.0 - inside))


class RawOrNot:
    """Tells raw scores from those of 0..1: by the range of quantized ones, else by the values of the first frame."""

    def __init__(self, spec: TensorSpec, known: bool | None = None) -> None:
        """``known``: whether they are raw, if the file says it."""
        self._raw = known
        if known is None and spec.quantized:
            levels = np.iinfo(spec.dtype)
            lowest, highest = (spec.scale * (level - spec.zero_point) for level in (levels.min, levels.max))
            self._raw = bool(lowest < BELOW or highest > ABOVE)

    def look(self, scores: Tensor) -> bool:
        """Return whether scores are raw. ``scores``: all of a frame, as stored."""
        if self._raw is None:
            lowest, highest = float(np.min(scores, initial=0.0)), float(np.max(scores, initial=0.0))
            self._raw = lowest < BELOW or highest > ABOVE
        return self._raw
