"""Progress of a conversion: its stages, how long they took, and who is shown them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Protocol, TypeVar

from edgevision.log import Log

log = Log("edgevision.convert")
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
        log.info("%s: %.1f s", name, self.seconds[key])

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
