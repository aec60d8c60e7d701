"""Time budget of a training: how many epochs fit, and fewer if the machine turns out to be slower."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..config.duration import rounded

RESERVE = 0.08
"""Share of the budget for what follows the last epoch: threshold, scores on the test images, report."""
MIN_EPOCHS = 5
"""Epochs that a phase should have, so that its learning rate can fall gradually; with less time, they are shorter."""
FORWARD_COST = 0.35
"""Time to run a network on an image, as a share of that of a training step."""


@dataclass(frozen=True, slots=True)
class Length:
    """Length of a phase."""

    epochs: int
    steps: int
    """Steps per epoch."""
    at: int = 0
    """Number of epochs after which the phase was given this length."""


@dataclass(slots=True)
class TimeBudget:
    """The time that a training may take, measured by a clock."""

    seconds: float
    started: float
    """Reading of the clock at the start of the training; earlier if it was interrupted and has gone on."""
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def with_left(cls, left_s: float, clock: Callable[[], float]) -> TimeBudget:
        """Return the budget that has ``left_s`` seconds left for epochs."""
        return cls(left_s / (1.0 - RESERVE), clock(), clock)

    def left(self) -> float:
        """Return the seconds left for epochs; negative if the budget is used up."""
        return self.seconds * (1.0 - RESERVE) - (self.clock() - self.started)

    def planned(
        self, wanted: Length, step_s: float, validation_s: float, before_s: float = 0.0, trainings: int = 1
    ) -> Length:
        """Return the longest phase that fits, at most ``wanted``.

        ``step_s``, ``validation_s``: measured time of a step and of the validation after each epoch; ``before_s``: time that
        will pass until the phase starts; ``trainings``: how many such phases have to fit.
        """
        left = max(0.0, self.left() - before_s) / trainings
        epochs = math.floor(left / (wanted.steps * step_s + validation_s))
        if epochs >= min(MIN_EPOCHS, wanted.epochs):
            return Length(min(wanted.epochs, epochs), wanted.steps)
        epochs = min(MIN_EPOCHS, wanted.epochs)
        steps = math.floor((left / epochs - validation_s) / step_s)
        return Length(epochs, max(1, min(wanted.steps, steps)))

    def describe(self, planned_s: float) -> str:
        """Return the limit for a reader, next to a training of ``planned_s`` seconds."""
        if planned_s > self.left():
            return f"that is the least, but longer than --time allows ({rounded(self.seconds)} in all)"
        return f"at most {rounded(self.seconds)} (--time)"

    def remaining(self, wanted: int, epoch_s: float) -> int:
        """Return how many of ``wanted`` further epochs of ``epoch_s`` seconds fit, at least 1 so that the schedule ends."""
        return max(1, min(wanted, round(self.left() / epoch_s)))
