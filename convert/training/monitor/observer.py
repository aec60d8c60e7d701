"""Base class of the training observers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .history import EpochRow


class TrainingObserver:
    """Training observer that ignores all events; base class of the others."""

    def note(self, text: str) -> None:
        """Receive a note for the user."""

    @contextmanager
    def stage(self, text: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """Enter a stage of ``total`` steps; yield the function that takes the number of steps done."""
        yield lambda done: None

    def begin(self, phase: str, epoch: int, epochs: int, steps: int) -> None:
        """Receive the start of an epoch; ``epoch`` is counted from 1 within its phase."""

    def step(self, loss: float, accuracy: float | None = None) -> None:
        """Receive the end of a batch; both values are means over the epoch so far. A detector has no accuracy."""

    def end(self, row: EpochRow, kept: bool) -> None:
        """Receive the end of an epoch; ``kept``: its weights are the ones to keep so far."""

    def trial_epoch(self, trial: int, machine: str, row: EpochRow) -> None:
        """Receive the end of an epoch of a trial, from 1, on another machine."""
