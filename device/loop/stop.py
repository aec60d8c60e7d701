"""Stopping the loop from outside: Ctrl-C, SIGTERM, or another thread."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """Whether, and by which signal, the loop was asked to stop."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        """None: not asked, or not by a signal."""
        self._requested = False
        self._actions: list[Callable[[], None]] = []
        self._threads: list[threading.Thread] = []

    def __call__(self) -> bool:
        """Return whether a stop was requested."""
        return self._requested

    @property
    def exit_code(self) -> int:
        """130 after Ctrl-C, 0 after SIGTERM."""
        return 130 if self.signal == signal.SIGINT else 0

    def on_request(self, action: Callable[[], None]) -> None:
        """Register an action to run on a thread of its own when a stop is requested, to wake what waits."""
        self._actions.append(action)

    def request(self, by: signal.Signals | None = None) -> None:
        """Ask the loop to stop after the current frame. Safe in a signal handler: takes no lock."""
        self._requested = True
        self.signal = self.signal or by
        actions, self._actions = self._actions, []
        for action in actions:
            thread = threading.Thread(target=action, name="stop", daemon=True)
            thread.start()
            self._threads.append(thread)

    def wait(self, seconds: float) -> bool:
        """Wait up to ``seconds`` for the stop actions; return True if all finished."""
        for thread in self._threads:
            thread.join(seconds)
            seconds = 0.0 if thread.is_alive() else seconds
        return not any(thread.is_alive() for thread in self._threads)


@contextmanager
def ended_by_signals(stop: Stop) -> Iterator[None]:
    """While active, SIGINT and SIGTERM request a stop; a second SIGINT raises KeyboardInterrupt."""

    def ask(number: int, _: FrameType | None) -> None:
        if stop() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.request(signal.Signals(number))

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
