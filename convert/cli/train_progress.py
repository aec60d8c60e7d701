"""Training observer of the command: a progress bar per epoch on a terminal, and a line per epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from edgevision.cli import terminal
from edgevision.cli.terminal import say

from ..training.monitor.history import EpochRow
from ..training.monitor.observer import TrainingObserver

REPORT_SECONDS = 5.0
"""Time between two lines of a stage where no bar can be drawn, such as in a pipe."""


class PlainStage:
    """A stage of a training as lines on stderr."""

    def __init__(self, text: str, total: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._text, self._total, self._clock = text, total, clock
        self._last = clock()
        say(f"{text} ..." if total is None else f"{text}: {total}", err=True)

    def step(self, done: int) -> None:
        """Print how far it is, if the last line is some seconds old."""
        if self._clock() - self._last >= REPORT_SECONDS:
            self._last = self._clock()
            say(f"{self._text}: {done}" + (f" of {self._total}" if self._total else ""), err=True)


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
        """Show a stage with a progress bar; without a terminal, print a line at its start and every few seconds."""
        if not self._live:
            yield PlainStage(text, total).step
            return
        with terminal.bar(text, total) as step:
            yield step

    def begin(self, phase: str, epoch: int, epochs: int, steps: int) -> None:
        """Show the bar of an epoch, on a terminal only."""
        if not self._live:
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(), TimeRemainingColumn())
        figures = TextColumn("loss {task.fields[loss]:.4f}{task.fields[accuracy]}")
        self._bar = Progress(*columns, figures, console=Console(stderr=True), transient=True)
        self._bar.start()
        self._task = self._bar.add_task(f"{phase} {epoch}/{epochs}", total=steps, loss=0.0, accuracy="")

    def step(self, loss: float, accuracy: float | None = None) -> None:
        """Advance the bar and show the loss, and the accuracy if there is one."""
        if self._bar is not None:
            shown = "" if accuracy is None else f"  accuracy {accuracy:.1%}"
            self._bar.update(self._task, advance=1, loss=loss, accuracy=shown)

    def end(self, row: EpochRow, kept: bool) -> None:
        """Print the line of an epoch."""
        self.close()
        say(row.describe(), err=True)

    def trial_epoch(self, trial: int, machine: str, row: EpochRow) -> None:
        """Print the line of an epoch on another machine."""
        say(f"trial {trial} on {machine}: {row.describe()}", err=True)

    def close(self) -> None:
        """Remove the bar if one is shown."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
