"""Statistics of measured durations: quantiles, confidence interval of the median, outliers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import comb
from typing import Any

import numpy as np

CONFIDENCE = 0.95
FAR_OUT = 3.0
"""Interquartile ranges beyond the quartiles that make an outlier (J. W. Tukey, 1977, Exploratory Data Analysis)."""
DIGITS = 5
"""Decimal places of milliseconds in JSON: ten nanoseconds."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Statistics of durations in milliseconds. Outliers are counted and included in all figures."""

    n: int
    mean: float
    std: float
    """Sample standard deviation; 0 for a single value."""
    min: float
    p50: float
    p90: float
    p95: float
    p99: float
    p50_low: float
    p50_high: float
    """With ``p50_low``: 95 % confidence interval of the median, from the block medians."""
    outliers: int
    """Number of values more than three interquartile ranges beyond the quartiles."""

    def to_json(self) -> dict[str, Any]:
        """Return the statistics as JSON values."""
        return {key: value if isinstance(value, int) else round(value, DIGITS) for key, value in asdict(self).items()}


def distribution(values_ms: Sequence[float], block_medians_ms: Sequence[float]) -> Distribution | None:
    """Compute the statistics from all values and the medians of their blocks; None if there are no values."""
    if not len(values_ms):
        return None
    values = np.asarray(values_ms, np.float64)
    q25, p50, q75, p90, p95, p99 = (float(q) for q in np.percentile(values, (25, 50, 75, 90, 95, 99)))
    reach = FAR_OUT * (q75 - q25)
    far = int(((values < q25 - reach) | (values > q75 + reach)).sum())
    low, high = median_interval(block_medians_ms)
    deviation = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    middle = (min(low, p50), max(high, p50))
    return Distribution(
        len(values), float(values.mean()), deviation, float(values.min()), p50, p90, p95, p99, *middle, far
    )


def median_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the distribution-free confidence interval of a median, by order statistics.

    The k-th smallest and the k-th largest value enclose the median with probability 1 - 2 P(B < k), B binomial (n, 1/2)
    (H. A. David and H. N. Nagaraja, 2003, Order Statistics, section 7.1). For fewer than six values: minimum and maximum.
    """
    ordered = sorted(values)
    n = len(ordered)
    rank, below = 0, 0.0
    while rank < (n - 1) // 2:
        below += comb(n, rank) / 2.0**n
        if 1 - 2 * below < confidence:
            break
        rank += 1
    place = max(0, rank - 1)
    return ordered[place], ordered[n - 1 - place]


def interval_width(values: Sequence[float]) -> float:
    """Return the width of the median's confidence interval relative to the median; infinite for fewer than six values."""
    if len(values) < 6:
        return float("inf")
    low, high = median_interval(values)
    middle = float(np.median(values))
    return (high - low) / middle if middle else 0.0
