"""Progress of a conversion as a bar on a terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from edgevision.cli.terminal import has_bars

from ..progress import NoProgress, Progress


class _Bar:
    """A rich progress bar."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._task: Any = None

    def stage(self, name: str, total: int | None) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(name, total=total)

    def step(self, done: int) -> None:
        if self._task is not None:
            self._bar.update(self._task, completed=done)


@contextmanager
def terminal_progress(quiet: bool = False) -> Iterator[Progress]:
    """Yield a progress bar on stderr if that is a terminal; it disappears at the end."""
    if not has_bars(quiet):
        yield NoProgress()
        return
    from rich import progress
    from rich.console import Console
    from rich.text import Text

    class Count(progress.MofNCompleteColumn):
        """Column such as 3/100; empty if the number of steps is unknown."""

        def render(self, task: progress.Task) -> Text:
            return super().render(task) if task.total else Text("")

    # Use a separate file descriptor, because stderr itself is captured while native code runs.
    with os.fdopen(os.dup(2), "w") as stream:
        text, elapsed = progress.TextColumn("{task.description}"), progress.TimeElapsedColumn()
        console = Console(file=stream, force_terminal=True)
        with progress.Progress(text, progress.BarColumn(), Count(), elapsed, console=console, transient=True) as bar:
            yield _Bar(bar)
