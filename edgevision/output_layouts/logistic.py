"""The logistic function, for networks whose raw scores are turned into 0..1 outside of the file."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .layout import Floats

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
