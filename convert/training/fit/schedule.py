"""Learning rate schedule of a training phase: warmup, then cosine decay or constant."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
    decay_from: int = -1
    """Step from which the decay is counted; -1: the end of the warmup."""
    decayed: float = 0.0
    """Share of the decay that was done by then, 0..1."""

    def __post_init__(self) -> None:
        """Start the decay after the warmup."""
        if self.decay_from < 0:
            object.__setattr__(self, "decay_from", self.warmup_steps)

    @property
    def floor(self) -> float:
        """Final rate as a fraction of the full rate."""
        return FLOOR if self.shape == "cosine" else 1.0

    @property
    def warmup_steps(self) -> int:
        """Number of steps of the warmup."""
        return round(min(self.warmup_epochs, self.epochs / 4) * self.steps)

    def ending(self, epoch: int, epochs: int) -> Schedule:
        """Return the schedule that goes on smoothly after ``epoch`` epochs and ends after ``epochs``, fewer than planned."""
        at = epoch * self.steps
        left = (at - self.decay_from) / max(1, self.epochs * self.steps - self.decay_from)
        decayed = self.decayed + (1.0 - self.decayed) * max(0.0, left)
        # The warmup stays as it was.
        warmup = self.warmup_steps / self.steps
        return replace(
            self, epochs=epochs, warmup_epochs=warmup, decay_from=max(at, self.warmup_steps), decayed=decayed
        )
