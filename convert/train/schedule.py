"""The learning rate of each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .. import backend

FLOOR = 0.02
"""Of the full rate: where a cosine ends, so that the last epoch still learns."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Learning rates of a phase: up in a straight line, then along a cosine or straight on."""

    rate: float
    epochs: int
    steps: int
    """Of an epoch."""
    shape: str = "cosine"
    """cosine or constant."""
    warmup_epochs: float = 1.0
    """Adam's first steps are as long as its rate allows, whatever the gradient: without a warm-up they undo pretraining."""

    def keras(self) -> Any:
        """As Keras takes it, by the number of steps done."""
        warmup = min(self.warmup_epochs, self.epochs / 4) * self.steps
        return backend.keras().optimizers.schedules.CosineDecay(
            initial_learning_rate=self.rate / 50,
            decay_steps=max(1, round(self.epochs * self.steps - warmup)),
            alpha=FLOOR if self.shape == "cosine" else 1.0,
            warmup_target=self.rate,
            warmup_steps=round(warmup),
        )
