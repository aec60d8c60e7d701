"""Training observers: a progress bar per epoch on a terminal, a line per epoch elsewhere, or nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from edgevision.reporting import terminal

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


class TerminalObserver(TrainingObserver):
    """Training observer that writes to stderr."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._live = sys.stderr.isatty()

    def note(self, text: str) -> None:
        """Print a note."""
        terminal.note(text)

    @contextmanager
    def stage(self, text: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """Show a stage with a progress bar."""
        with terminal.bar(text, total) as step:
            yield step

    def begin(self, phase: str, epoch: int, epochs: int, steps: int) -> None:
        """Show the bar of an epoch, on a terminal only."""
        if not self._live:
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(), TimeRemainingColumn())
        figures = TextColumn("loss {task.fields[loss]:.4f}  accuracy {task.fields[accuracy]:.1%}")
        self._bar = Progress(*columns, figures, console=Console(stderr=True), transient=True)
        self._bar.start()
        self._task = self._bar.add_task(f"{phase} {epoch}/{epochs}", total=steps, loss=0.0, accuracy=0.0)

    def step(self, loss: float, accuracy: float) -> None:
        """Advance the bar and show loss and accuracy."""
        if self._bar is not None:
            self._bar.update(self._task, advance=1, loss=loss, accuracy=accuracy)

    def end(self, row: Epoch, kept: bool) -> None:
        """Print the line of an epoch."""
        self.close()
        print(_line(row, kept), file=sys.stderr)

    def close(self) -> None:
        """Remove the bar if one is shown."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _line(row: Epoch, kept: bool) -> str:
    """Format an epoch: ``epoch  7  head       0.4 s  loss 0.2178  accuracy 90.8 %  val 0.1822  93.0 %  kept``."""
    text = f"epoch {row.epoch:3d}  {row.phase:9s} {row.seconds:6.1f} s  loss {row.loss:.4f}  accuracy {100 * row.accuracy:.1f} %"
    if row.val_loss is not None and row.val_accuracy is not None:
        text += f"  val {row.val_loss:.4f}  {100 * row.val_accuracy:.1f} %"
    return text + ("  kept" if kept else "")
