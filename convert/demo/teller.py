"""Progress of a demo on the terminal: a bar while a stage runs, and a line when it is done."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from time import perf_counter

from ..progress import Progress
from ..training.monitor.observer import TrainingObserver


class Teller:
    """Progress: a bar while a stage runs, and one line when it is done."""

    def __init__(self, bar: Callable[[], AbstractContextManager[Progress]], tell: Callable[[str], None]) -> None:
        self._bar, self._tell = bar, tell
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, key: str, name: str, total: int | None = None) -> Iterator[Progress]:
        """Show and time a stage. ``key``: name in the report; ``name``: title; ``total``: steps, None if unknown."""
        started = perf_counter()
        with self._bar() as progress:
            progress.stage(name, total)
            yield progress
        self.seconds[key] = round(perf_counter() - started, 2)

    def tell(self, key: str, text: str) -> None:
        """Report the result of a finished stage."""
        self._tell(f"{text} ({self.seconds[key]:.0f} s)")


class EpochBar(TrainingObserver):
    """Training observer that shows progress on the demo's bar."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._batches = progress, 0

    @contextmanager
    def stage(self, text: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """Show a stage of ``total`` steps; yield the function that takes the number of steps done."""
        self._progress.stage(text, total)
        yield self._progress.step

    def begin(self, phase: str, epoch: int, epochs: int, steps: int) -> None:
        """Show the start of an epoch."""
        self._batches = 0
        self._progress.stage(f"Training, {phase}, epoch {epoch} of {epochs}", steps)

    def step(self, loss: float, accuracy: float | None = None) -> None:
        """Advance the bar by one batch."""
        self._batches += 1
        self._progress.step(self._batches)


def counter(progress: Progress) -> Callable[[], None]:
    """Return a function that advances the bar by one step per call."""
    numbers = count(1)
    return lambda: progress.step(next(numbers))


def cpu_seconds() -> float:
    """Return the CPU time of this process and its finished children, user and system together, in seconds."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return round(sum(one.ru_utime + one.ru_stime for one in used), 2)
