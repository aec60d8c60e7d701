"""Base class of the training observers, and the line of an epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .history import Epoch


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

    def step(self, loss: float, accuracy: float) -> None:
        """Receive the end of a batch; both values are means over the epoch so far."""

    def end(self, row: Epoch, kept: bool) -> None:
        """Receive the end of an epoch; ``kept``: its weights are the ones to keep so far."""


def line(row: Epoch) -> str:
    """Format an epoch: ``epoch  7  head       0.4 s  loss 0.2178  accuracy 90.8 %  val 0.1822  93.0 %``."""
    text = f"epoch {row.epoch:3d}  {row.phase:9s} {row.seconds:6.1f} s  loss {row.loss:.4f}  accuracy {100 * row.accuracy:.1f} %"
    if row.val_loss is not None and row.val_accuracy is not None:
        text += f"  val {row.val_loss:.4f}  {100 * row.val_accuracy:.1f} %"
    return text
