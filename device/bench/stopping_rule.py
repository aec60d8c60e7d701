"""Start and stop of a measurement: warm up until steady, then measure until the medians are precise enough."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from .quantiles import interval_width

WINDOW = 10
"""Number of runs in a warm-up window."""
SAME = 0.03
"""Largest relative difference between the medians of two consecutive windows."""
WARMUP_S = 3.0
"""Longest warm-up in seconds; a machine that never becomes steady is measured as it is."""
WARMUP_RULE = (
    f"runs until the medians of two consecutive windows of {WINDOW} differ by at most {SAME:.0%}, or for {WARMUP_S:g} s"
)


@dataclass(frozen=True, slots=True)
class MeasurementPlan:
    """How long to measure."""

    precision: float = 0.05
    """Target width of each median's 95 % confidence interval, relative to the median."""
    least_blocks: int = 12
    most_blocks: int = 500
    least_s: float = 15.0
    """Shortest measurement, long enough to report the time after the first 10 s separately."""
    most_s: float = 120.0
    """Time limit for all combinations together."""
    visit_s: float = 0.2
    """Target duration of a visit for each measure, which runs at least ``least_runs`` times."""
    least_runs: int = 3
    most_runs: int = 100
    seed: int = 0

    @property
    def stop_rule(self) -> str:
        """The stopping rule as text."""
        return (
            f"blocks until the confidence interval of each median is at most {self.precision:.0%} wide; "
            f"at least {self.least_blocks} blocks and {self.least_s:g} s, at most {self.most_s:g} s"
        )

    def runs(self, seconds: float) -> int:
        """Return how many times a visit runs a measure that takes ``seconds``."""
        return min(self.most_runs, max(self.least_runs, round(self.visit_s / max(seconds, 1e-6))))

    def enough(self, medians: Sequence[Sequence[float]], elapsed_s: float) -> bool:
        """Return whether to stop. ``medians``: of the blocks, for each combination and measure."""
        blocks = min(len(one) for one in medians)
        if blocks >= self.most_blocks or (elapsed_s >= self.most_s and blocks >= 1):
            return True
        if blocks < self.least_blocks or elapsed_s < self.least_s:
            return False
        return all(interval_width(one) <= self.precision for one in medians)


def is_steady(seconds: Sequence[float]) -> bool:
    """Return whether the last two windows agree."""
    if len(seconds) < 2 * WINDOW:
        return False
    before, now = seconds[-2 * WINDOW : -WINDOW], seconds[-WINDOW:]
    middle = statistics.median(before)
    return abs(statistics.median(now) - middle) <= SAME * middle
