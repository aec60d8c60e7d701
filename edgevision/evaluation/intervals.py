"""Confidence intervals of proportions, which show how far a score measured on a few hundred images can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

Z_95 = 1.959963984540054
"""Quantile of the normal distribution for a two-sided 95 % confidence interval."""


@dataclass(frozen=True, slots=True)
class Proportion:
    """A measured proportion with its 95 % confidence interval, all 0..1."""

    value: float
    low: float
    high: float
    count: int
    """Number of images that count."""
    total: int
    """Number of all images."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference of two proportions measured on the same images, with its 95 % confidence interval, all -1..1."""

    value: float
    low: float
    high: float


FEW_IMAGES = 30
"""Number of images below which a percentage pretends a precision it does not have (one image is over three points)."""


def is_rough(value: Proportion) -> bool:
    """Return whether a proportion is of so few images that ``k of n`` says it better than a percentage."""
    return value.total < FEW_IMAGES


def proportion(count: int, total: int) -> Proportion | None:
    """Return ``count`` of ``total`` with its Wilson interval, or None if ``total`` is 0."""
    if total == 0:
        return None
    low, high = wilson(count, total)
    return Proportion(count / total, low, high, count, total)


def wilson(count: int, total: int, z: float = Z_95) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion, 0..1 (E. B. Wilson, 1927, J. Am. Stat. Assoc. 22, 209-212).

    Its coverage is right for small numbers and near 0 and 1, where that of value +- z * error is not.
    """
    if not 0 <= count <= total or total < 1:
        raise ValueError(f"{count} of {total} is not a proportion")
    p, n = count / total, float(total)
    middle = p + z * z / (2 * n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if count == 0 else (middle - half) / scale
    high = 1.0 if count == total else (middle + half) / scale
    return low, high


def paired_difference(both: int, first_only: int, second_only: int, neither: int, z: float = Z_95) -> Difference:
    """Return the second proportion minus the first on the same images: (second_only - first_only) / total.

    Source: R. G. Newcombe, 1998, Statistics in Medicine 17, 2635-2650, method 10. It combines the two Wilson intervals
    with the correlation of the pairs.
    """
    n = both + first_only + second_only + neither
    if n < 1 or min(both, first_only, second_only, neither) < 0:
        raise ValueError(
            f"the counts of pairs must be 0 or more and not all 0, got {(both, first_only, second_only, neither)}"
        )
    p1, p2 = (both + first_only) / n, (both + second_only) / n
    low1, high1 = wilson(both + first_only, n, z)
    low2, high2 = wilson(both + second_only, n, z)
    r = _correlation(both, first_only, second_only, neither)
    down, up = _joined(p2 - low2, high1 - p1, r), _joined(high2 - p2, p1 - low1, r)
    return Difference(p2 - p1, max(-1.0, p2 - p1 - down), min(1.0, p2 - p1 + up))


def _joined(a: float, b: float, r: float) -> float:
    return sqrt(max(0.0, a * a - 2 * r * a * b + b * b))


def _correlation(both: int, first_only: int, second_only: int, neither: int) -> float:
    """Return the phi coefficient of the pairs, with Newcombe's continuity correction."""
    n = both + first_only + second_only + neither
    rows = (both + first_only) * (second_only + neither) * (both + second_only) * (first_only + neither)
    if rows == 0:
        return 0.0
    product = float(both * neither - first_only * second_only)
    if product > 0:
        product = max(product - n / 2, 0.0)
    return product / sqrt(rows)
