"""Ctrl-C, SIGTERM and SIGHUP in one line, whatever the process is doing; only the entry point switches it on.

Until a command starts, and after it ended, there is nothing to clean up: a signal ends the process at once. In between it
raises KeyboardInterrupt, so that everything is cleaned up as usual. That is not always possible: extension modules that
are being imported may swallow the exception or turn it into an ImportError, and native code does not notice it before it
returns. So the signal is recorded, and a thread ends the process, its children and its temporary files after ``GRACE_S``.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from contextlib import suppress

from ..errors import StoppedBySignal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

GRACE_S = 1.0
"""Seconds that a command has to clean up after a signal."""
requested = 0
"""Number of the signal that came while a command ran; 0: none."""
reported = False
"""Whether the line about the signal was printed."""
_held = False
"""Whether an interrupt waits to be raised again, because here nothing can be raised."""
_taken: list[int] = []
"""The signals handled here."""
_exit_code = 130


def switch_on() -> None:
    """Handle the signals from now on, except those that are ignored, as SIGHUP is under ``nohup``."""
    for name, default in (
        ("SIGINT", signal.default_int_handler),
        ("SIGTERM", signal.SIG_DFL),
        ("SIGHUP", signal.SIG_DFL),
    ):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) == default:
            signal.signal(number, _exit)
            _taken.append(number)
    if _taken and sys.unraisablehook is not _interrupt_again:
        sys.unraisablehook = _interrupt_again
        atexit.register(_keep_exit_code)


def command_starts() -> None:
    """Raise KeyboardInterrupt at a signal from now on, so that the command can clean up."""
    for number in _taken:
        signal.signal(number, _raise)
    if _taken and sys.platform != "win32":
        _watch()


def command_ended(exit_code: int) -> None:
    """End the process at once at a further signal."""
    global _exit_code
    _exit_code = exit_code
    for number in _taken:
        signal.signal(number, _exit)


def exit_code() -> int:
    """Return the exit code of a command that was interrupted: 128 and the number of the signal."""
    return 128 + (requested or signal.SIGINT)


def message() -> str:
    """Return what the line about the signal says."""
    return _message(requested or signal.SIGINT)


def _message(number: int) -> str:
    return "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"


def _exit(number: int, frame: FrameType | None) -> None:
    if os.environ.get("EDGEVISION_DEBUG") == "1":
        import traceback

        traceback.print_stack(frame)
    if not requested:  # otherwise it was reported already
        _report(number)
    os._exit(128 + number)


def _report(number: int) -> None:
    with suppress(OSError):  # the terminal may be gone
        line = f"edgevision: error: {_message(number)}\n"
        os.write(2, (b"\n" if os.isatty(2) and number == signal.SIGINT else b"") + line.encode())


def _raise(number: int, frame: FrameType | None) -> None:
    global requested
    first, requested = not requested, requested or number
    if _held:  # one follows
        return
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    if first:  # a second one must not interrupt the cleanup
        raise StoppedBySignal(number)


def _watch() -> None:
    """Start the thread that ends the process if a command does not end after a signal."""
    import threading

    notice, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    threading.Thread(target=_end_in_time, args=(notice,), name="signals", daemon=True).start()


def _end_in_time(notice: int) -> None:
    """Wait for a signal; end the process if it is still running ``GRACE_S`` later.

    The C handler writes to the pipe, so this also works while the main thread is busy in native code. Signals that a
    command handles itself, as the loop does, are left to it.
    """
    import time

    while True:
        ours = [number for number in os.read(notice, 64) if signal.getsignal(number) is _raise]
        if ours:
            break
    time.sleep(GRACE_S)
    _end_now(requested or ours[0])


def _end_now(number: int) -> None:
    global reported
    cleanup = sys.modules.get("edgevision.cleanup")
    if not reported:
        reported = True
        _report(number)
    if cleanup is not None:
        cleanup.run_all(128 + number)
    os._exit(128 + number)


def _interrupt_again(unraisable: sys.UnraisableHookArgs) -> None:
    """Raise a KeyboardInterrupt again that came while a finalizer or a callback ran, from where nothing can be raised."""
    global _held
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
        return
    import threading

    _held = True
    threading.Thread(target=_send_again, args=(threading.get_ident(),), daemon=True).start()
    _held = False  # the last statement: Python handles signals, and lets other threads run, at calls and jumps


def _send_again(thread: int) -> None:
    """Interrupt a thread once it has left the hook, from where nothing can be raised either."""
    import time

    time.sleep(0.01)
    while _held:
        time.sleep(0.01)
    signal.pthread_kill(thread, signal.SIGINT)


def _keep_exit_code() -> None:
    """Exit here: Python kills itself with SIGINT instead if the KeyboardInterrupt passed through an ``exec`` of text."""
    if requested:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(_exit_code)
