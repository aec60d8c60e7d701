"""The learning rate of each epoch, and the decision to stop early."""

from __future__ import annotations

import math
from dataclasses import dataclass

FLOOR = 0.02
"""Of the first rate: where a cosine ends, so that the last epoch still learns."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Learning rates of a phase."""

    rate: float
    epochs: int
    shape: str = "cosine"
    """cosine or constant."""
    warmup: int = 0
    """Epochs during which the rate grows to its full value."""

    def at(self, epoch: int) -> float:
        """The rate of an epoch, counted from 0."""
        if epoch < self.warmup:
            return self.rate * (epoch + 1) / (self.warmup + 1)
        if self.shape == "constant" or self.epochs <= 1:
            return self.rate
        done = (epoch - self.warmup) / max(1, self.epochs - self.warmup - 1)
        return self.rate * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


@dataclass(slots=True)
class Best:
    """The best epoch so far, over all phases."""

    loss: float = math.inf
    """Validation loss; of the training pictures where there are none to validate with."""
    phase: int = -1
    epoch: int = -1
    """Within its phase."""

    def improved(self, loss: float, phase: int, epoch: int) -> bool:
        """Takes over a better loss; says whether it is one."""
        if not loss < self.loss:
            return False
        self.loss, self.phase, self.epoch = loss, phase, epoch
        return True
