"""Ctrl-C, SIGTERM and SIGHUP end the installer in one line; while it works, they raise an exception so that it cleans up."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

_taken: list[int] = []
"""The signals handled here."""


class Ended(KeyboardInterrupt):
    """A signal asks the installer to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number
        self.message = message(number)


def message(number: int) -> str:
    """Return what the error line and the status say."""
    return "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"


def switch_on() -> None:
    """Handle the signals from now on, except those that are ignored, as SIGHUP is under ``nohup``."""
    for number, default in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGTERM, signal.SIG_DFL),
        (signal.SIGHUP, signal.SIG_DFL),
    ):
        if signal.getsignal(number) == default:
            signal.signal(number, _exit)
            _taken.append(number)


def work_starts() -> None:
    """Raise ``Ended`` at the first signal from now on."""
    for number in _taken:
        signal.signal(number, _raise)


def work_ended() -> None:
    """End the process at once at a further signal."""
    for number in _taken:
        signal.signal(number, _exit)


def _exit(number: int, _: FrameType | None) -> None:
    with suppress(OSError):
        os.write(2, f"edgevision install: error: {message(number)}\n".encode())
    os._exit(128 + number)


def _raise(number: int, _: FrameType | None) -> None:
    work_ended()  # a second signal does not wait for the cleanup
    raise Ended(number)
