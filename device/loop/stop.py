"""Stopping the loop from outside: Ctrl-C, SIGTERM, or another thread."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

GRACE_S = 1.8
"""Seconds from a signal until the process ends by force, if native code such as an inference does not return."""
TICK_S = 5.0
"""Interval at which a running prediction is looked at, in seconds."""
MAX_TICKS = 24
"""Number of these intervals within which a prediction must finish. Time in which the process was suspended does not count."""


class Stop:
    """Whether, and by which signal, the loop was asked to stop."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        """None: not asked, or not by a signal."""
        self.seen = False
        """Whether the loop noticed the request."""
        self.predictions = 0
        """Number of predictions begun and finished; odd while one runs."""
        self._requested = False
        self._actions: list[Callable[[], None]] = []
        self._threads: list[threading.Thread] = []

    def __call__(self) -> bool:
        """Return whether a stop was requested; from then on the loop is ending."""
        self.seen = self._requested
        return self._requested

    @property
    def exit_code(self) -> int:
        """130 after Ctrl-C, 129 if the terminal was closed, 0 after SIGTERM."""
        return 0 if self.signal is None else _exit_code(self.signal)

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
    """While active, SIGINT, SIGTERM and SIGHUP request a stop; a second SIGINT raises KeyboardInterrupt.

    Python handles a signal only between its own instructions. A thread therefore ends the process by force if the loop
    does not notice the request, or if one prediction does not finish.
    """

    def ask(number: int, _: FrameType | None) -> None:
        if stop.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.request(signal.Signals(number))

    before = {number: signal.signal(number, ask) for number in _numbers()}
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    woken_before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    guard = threading.Thread(target=_guard, args=(stop, reader), name="guard", daemon=True)
    guard.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(woken_before)
        os.close(writer)  # ends the thread
        for number, handler in before.items():
            signal.signal(number, handler)


def _numbers() -> list[int]:
    """Return the signals that end the loop; SIGHUP, which Windows lacks, only unless it is ignored, as under nohup."""
    found: list[int] = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        found.append(signal.SIGHUP)
    return found


def _exit_code(number: int) -> int:
    """Return 0 for SIGTERM, else 128 and the number of the signal: 130 after Ctrl-C, 129 if the terminal was closed."""
    return 0 if number == signal.SIGTERM else 128 + number


def _guard(stop: Stop, reader: int) -> None:
    """End the process if a signal is not noticed or a prediction does not finish, until ``reader`` is closed."""
    ticks, before = 0, 0
    while True:
        ready, _, _ = select.select([reader], [], [], TICK_S)
        if ready:
            received = os.read(reader, 1)
            if not received:  # closed: the loop has ended
                return
            if received[0] in _numbers():
                _end_unless_noticed(stop, reader, _exit_code(received[0]))
            continue
        ticks = ticks + 1 if stop.predictions % 2 and stop.predictions == before else 0
        before = stop.predictions
        if ticks >= MAX_TICKS:
            _end(
                f"error: one prediction did not finish within {MAX_TICKS * TICK_S:.0f} s; use another model or engine",
                1,
            )


def _end_unless_noticed(stop: Stop, reader: int, exit_code: int) -> None:
    """End the process if a start or a prediction goes on for GRACE_S after a signal."""
    for _ in range(50):
        ready, _, _ = select.select([reader], [], [], GRACE_S / 50)
        if stop.seen or not (stop.predictions == 0 or stop.predictions % 2) or (ready and not os.read(reader, 1)):
            return
    _end(f"stopped: the start or a prediction did not finish within {GRACE_S:.0f} s", exit_code)


def _end(message: str, exit_code: int) -> None:
    with suppress(OSError):
        os.write(2, f"edgevision: {message}\n".encode())
    from edgevision import cleanup  # imported late: a run that ends as it should does not need it

    cleanup.run_all(exit_code)
    os._exit(exit_code)
