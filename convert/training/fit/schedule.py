"""Learning rate schedule of a training phase: warmup, then cosine decay or constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ... import backend

FLOOR = 0.02
"""Final learning rate of the cosine as a fraction of the full rate, so that the last epoch still learns."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Learning rate of a phase: linear warmup, then cosine decay or constant."""

    rate: float
    epochs: int
    steps: int
    """Steps per epoch."""
    shape: str = "cosine"
    """Shape after the warmup: cosine or constant."""
    warmup_epochs: float = 1.0
    """Warmup in epochs. Adam's first steps have full length whatever the gradient; without warmup they undo pretraining."""

    def keras(self) -> Any:
        """Return the Keras schedule, a function of the step."""
        warmup = min(self.warmup_epochs, self.epochs / 4) * self.steps
        return backend.keras().optimizers.schedules.CosineDecay(
            initial_learning_rate=self.rate / 50,
            decay_steps=max(1, round(self.epochs * self.steps - warmup)),
            alpha=FLOOR if self.shape == "cosine" else 1.0,
            warmup_target=self.rate,
            warmup_steps=round(warmup),
        )
