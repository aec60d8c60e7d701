"""When a measurement begins and when it is enough: warm-up until steady, then runs until the median is known well."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from .distribution import interval_width

WINDOW = 10
"""Runs whose medians are compared."""
SAME = 0.03
"""How far two windows in a row may differ, as a share."""
WARMUP_S = 3.0
"""No longer: a machine that never becomes steady is measured as it is."""
WARMUP_RULE = (
    f"runs until the medians of two windows of {WINDOW} in a row differ by less than {SAME:.0%}, at most {WARMUP_S:g} s"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How long is measured."""

    precision: float = 0.05
    """The median's 95 % interval is to be no wider than this share of the median."""
    least_blocks: int = 12
    most_blocks: int = 500
    least_s: float = 15.0
    """So that what comes after the first 10 s can be told apart."""
    most_s: float = 120.0
    """For all combinations together."""
    visit_s: float = 0.2
    """A visit runs one measure about so long, but at least ``least_runs`` times."""
    least_runs: int = 3
    most_runs: int = 100
    seed: int = 0

    @property
    def stop_rule(self) -> str:
        """For people."""
        return (
            f"blocks until each median's interval is at most {self.precision:.0%} wide; "
            f"at least {self.least_blocks} blocks and {self.least_s:g} s, at most {self.most_s:g} s"
        )

    def runs(self, seconds: float) -> int:
        """How often a visit runs what takes so long."""
        return min(self.most_runs, max(self.least_runs, round(self.visit_s / max(seconds, 1e-6))))

    def enough(self, medians: Sequence[Sequence[float]], elapsed_s: float) -> bool:
        """``medians``: of the blocks, for each combination and measure."""
        blocks = min(len(one) for one in medians)
        if blocks >= self.most_blocks or (elapsed_s >= self.most_s and blocks >= 1):
            return True
        if blocks < self.least_blocks or elapsed_s < self.least_s:
            return False
        return all(interval_width(one) <= self.precision for one in medians)


def is_steady(seconds: Sequence[float]) -> bool:
    """Whether the last two windows agree."""
    if len(seconds) < 2 * WINDOW:
        return False
    before, now = seconds[-2 * WINDOW : -WINDOW], seconds[-WINDOW:]
    middle = statistics.median(before)
    return abs(statistics.median(now) - middle) <= SAME * middle
