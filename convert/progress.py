"""Progress of a conversion: a bar on a terminal, otherwise nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Receiver of a conversion's progress."""

    def stage(self, name: str, total: int | None) -> None:
        """Start a stage with ``total`` steps; None if unknown."""

    def step(self, done: int) -> None:
        """Report the number of steps done in the stage."""


class NoProgress:
    """Progress without any output."""

    def stage(self, name: str, total: int | None) -> None:
        """See ``Progress``."""

    def step(self, done: int) -> None:
        """See ``Progress``."""


class Stages:
    """Reports and times the stages of a conversion."""

    def __init__(self, progress: Progress) -> None:
        self.seconds: dict[str, float] = {}
        """Duration of each finished stage."""
        self.progress = progress
        self._started = perf_counter()

    @contextmanager
    def stage(self, key: str, name: str, total: int | None = None) -> Iterator[None]:
        """Time a stage; ``key`` is its name in the report, ``name`` its title on the terminal."""
        self.progress.stage(name, total)
        started = perf_counter()
        yield
        self.seconds[key] = round(perf_counter() - started, 3)

    def step(self, done: int) -> None:
        """Report the number of steps done in the current stage."""
        self.progress.step(done)

    def counted(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items and report each as a step of the current stage."""
        for number, item in enumerate(items):
            self.progress.step(number)
            yield item

    def finish(self) -> dict[str, float]:
        """Return the duration of each stage in seconds, and of everything as ``total``."""
        return {**self.seconds, "total": round(perf_counter() - self._started, 3)}


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
    if quiet or not sys.stderr.isatty():
        yield NoProgress()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeElapsedColumn
    from rich.text import Text

    class Count(MofNCompleteColumn):
        """Column such as 3/100; empty if the number of steps is unknown."""

        def render(self, task: Task) -> Text:
            return super().render(task) if task.total else Text("")

    # Use a separate file descriptor, because stderr itself is captured while native code runs.
    with os.fdopen(os.dup(2), "w") as stream:
        columns = (TextColumn("{task.description}"), BarColumn(), Count(), TimeElapsedColumn())
        with Progress(*columns, console=Console(file=stream, force_terminal=True), transient=True) as bar:
            yield _Bar(bar)
