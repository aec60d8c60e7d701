"""What a long conversion says while it works: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Something that hears how far a conversion is."""

    def stage(self, name: str, total: int | None) -> None:
        """A stage begins; ``total`` steps, None if unknown."""

    def step(self, done: int) -> None:
        """So many steps of the stage are done."""


class NoProgress:
    """Says nothing."""

    def stage(self, name: str, total: int | None) -> None:
        """See ``Progress``."""

    def step(self, done: int) -> None:
        """See ``Progress``."""


class Stages:
    """Names and times the stages of a conversion."""

    def __init__(self, progress: Progress) -> None:
        self.seconds: dict[str, float] = {}
        """Of the stages so far."""
        self.progress = progress
        self._started = perf_counter()

    @contextmanager
    def stage(self, key: str, name: str, total: int | None = None) -> Iterator[None]:
        """``key``: in the report; ``name``: for people."""
        self.progress.stage(name, total)
        started = perf_counter()
        yield
        self.seconds[key] = round(perf_counter() - started, 3)

    def step(self, done: int) -> None:
        """So many steps of the running stage are done."""
        self.progress.step(done)

    def counted(self, items: Iterable[T]) -> Iterator[T]:
        """The items, each a step of the running stage."""
        for number, item in enumerate(items):
            self.progress.step(number)
            yield item

    def finish(self) -> dict[str, float]:
        """All times, with the whole as ``total``."""
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
    """A bar on stderr where that is a terminal; it goes away at the end."""
    if quiet or not sys.stderr.isatty():
        yield NoProgress()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeElapsedColumn
    from rich.text import Text

    class Count(MofNCompleteColumn):
        """3/100, and nothing where the number of steps is unknown."""

        def render(self, task: Task) -> Text:
            return super().render(task) if task.total else Text("")

    # A descriptor of its own: stderr itself is silenced while native code talks.
    with os.fdopen(os.dup(2), "w") as stream:
        columns = (TextColumn("{task.description}"), BarColumn(), Count(), TimeElapsedColumn())
        with Progress(*columns, console=Console(file=stream, force_terminal=True), transient=True) as bar:
            yield _Bar(bar)
