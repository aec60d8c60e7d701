"""Ending the loop from outside: Ctrl-C, SIGTERM, or another thread."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """Whether, and by which signal, the loop was asked to end."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        """None: nobody asked, or no signal did."""
        self._requested = False
        self._actions: list[Callable[[], None]] = []

    def __call__(self) -> bool:
        """True once somebody asked."""
        return self._requested

    def on_request(self, action: Callable[[], None]) -> None:
        """``action`` is called, on a thread of its own, when somebody asks: to wake what waits."""
        self._actions.append(action)

    def request(self, by: signal.Signals | None = None) -> None:
        """Asks the loop to end after the frame in hand. Safe within a signal handler: takes no lock."""
        self._requested = True
        self.signal = self.signal or by
        for action in self._actions:
            threading.Thread(target=action, name="stop", daemon=True).start()
        self._actions = []


@contextmanager
def ended_by_signals(stop: Stop) -> Iterator[None]:
    """While inside: SIGINT and SIGTERM ask politely; a second SIGINT raises KeyboardInterrupt."""

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
