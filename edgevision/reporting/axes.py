"""Axes of a plot: their ends, their grid lines, and where a value is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor, isnan, log10

TICKS = 5
"""Approximate number of grid lines of a plot."""
MOST = 1e9
"""Larger values are invalid and drawn at the edge; a range below the inverse is treated as empty."""
ROUND = (1, 2, 5, 10)


@dataclass(frozen=True, slots=True)
class Axis:
    """The value range of a plot."""

    low: float
    high: float
    step: float

    @classmethod
    def around(cls, values: Iterable[float], with_zero: bool = True) -> Axis:
        """Return an axis with round ends and steps that contains all values, and zero on request or without values."""
        every = [value for value in values if abs(value) < MOST]
        every = [0.0, *every] if with_zero or not every else every
        low, high = min(every), max(every)
        step = round_step((high - low) / TICKS) if high - low > 1 / MOST else 1.0
        return cls(step * floor(low / step), step * max(ceil(high / step), floor(low / step) + 1), step)

    def place(self, value: float) -> float:
        """Return the position of a value in percent from the bottom. NaN and values outside the axis are put at the edge."""
        inside = self.low if isnan(value) else min(max(value, self.low), self.high)
        return 100 * (inside - self.low) / (self.high - self.low)

    @property
    def ticks(self) -> list[float]:
        """Values with a grid line and a number."""
        count = round((self.high - self.low) / self.step)
        return [self.low + number * self.step for number in range(count + 1)]

    def text(self, value: float) -> str:
        """Return a tick as text, with as many digits as the steps need."""
        return f"{value:.{max(0, -floor(log10(self.step)))}f}"


@dataclass(frozen=True, slots=True)
class LogAxis:
    """The range of positive values of a logarithmic axis."""

    low: float
    high: float

    @classmethod
    def around(cls, values: Iterable[float]) -> LogAxis:
        """Return an axis that contains all values, with ends of 1, 2 or 5 times a power of ten."""
        every = [value for value in values if 1 / MOST < value < MOST] or [1.0]
        low, high = 1 / round_step(1 / min(every)), round_step(max(every))
        return cls(low, high if high > low * 1.5 else 2 * low)

    def place(self, value: float) -> float:
        """Return the position of a value in percent from the start. NaN and values outside the axis are put at the edge."""
        inside = self.low if isnan(value) else min(max(value, self.low), self.high)
        return 100 * log10(inside / self.low) / log10(self.high / self.low)

    @property
    def ticks(self) -> list[float]:
        """Values with a grid line and a number: 1, 2 and 5 times the powers of ten."""
        powers = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
        found = [factor * 10.0**power for power in powers for factor in ROUND[:3]]
        return [value for value in found if self.low * 0.999 <= value <= self.high * 1.001]

    def text(self, value: float) -> str:
        """Return a tick as text."""
        return f"{value:g}"


def round_step(rough: float) -> float:
    """Round up to 1, 2 or 5 times a power of ten."""
    power = 10.0 ** floor(log10(rough))
    return next(power * factor for factor in ROUND if power * factor >= rough * (1 - 1e-9))
