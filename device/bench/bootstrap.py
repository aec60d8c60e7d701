"""Ratios with bootstrap confidence intervals over blocks (B. Efron, 1979, Annals of Statistics 7, 1-26)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 2000
"""Number of bootstrap samples."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two durations with its confidence interval."""

    value: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Return whether the interval contains a value."""
        return self.low <= value <= self.high


def paired_ratio(a: Sequence[float], b: Sequence[float], seed: int, confidence: float = 0.95) -> Ratio:
    """Return the median of the ratios a / b of blocks measured side by side, resampling the pairs."""
    ratios = np.asarray(a, np.float64) / np.asarray(b, np.float64)
    rng = np.random.default_rng(seed)
    drawn = np.median(ratios[rng.integers(0, len(ratios), (DRAWS, len(ratios)))], axis=1)
    return _ratio(float(np.median(ratios)), drawn, confidence)


def unpaired_ratio(a: Sequence[float], b: Sequence[float], seed: int, confidence: float = 0.95) -> Ratio:
    """Return the ratio of the medians of two independent sets of blocks, resampling each set."""
    rng = np.random.default_rng(seed)
    medians = []
    for side in (np.asarray(a, np.float64), np.asarray(b, np.float64)):
        medians.append(np.median(side[rng.integers(0, len(side), (DRAWS, len(side)))], axis=1))
    return _ratio(float(np.median(a) / np.median(b)), medians[0] / medians[1], confidence)


def _ratio(value: float, drawn: np.ndarray[tuple[int], np.dtype[np.float64]], confidence: float) -> Ratio:
    tail = 50 * (1 - confidence)
    low, high = (float(end) for end in np.percentile(drawn, (tail, 100 - tail)))
    return Ratio(value, min(low, value), max(high, value))
