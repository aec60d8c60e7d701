"""Training observer of the command: a progress bar per epoch on a terminal, and a line per epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from edgevision.cli import terminal

from ..training.monitor.history import Epoch
from ..training.monitor.observer import TrainingObserver, line


class TerminalObserver(TrainingObserver):
    """Training observer that writes to stderr."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._live = terminal.has_bars()

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
        click.echo(line(row, kept), err=True)

    def close(self) -> None:
        """Remove the bar if one is shown."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
