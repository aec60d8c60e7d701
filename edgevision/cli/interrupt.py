"""Ctrl-C in one line, whatever the process is doing; only the entry point of the command switches it on.

Until a command starts, and after it ended, there is nothing to clean up: Ctrl-C ends the process at once. In between it
raises KeyboardInterrupt as usual, but extension modules that are being imported may swallow that or turn it into an
ImportError, so it is recorded, and raised again if it was swallowed.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

requested = False
"""Whether Ctrl-C was pressed while a command ran."""
_switched_on = False
_exit_code = 130


def switch_on() -> None:
    """Handle Ctrl-C from now on. Does nothing if SIGINT is ignored, as under ``nohup``."""
    global _switched_on
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _exit)
        sys.unraisablehook = _interrupt_again
        atexit.register(_keep_exit_code)
        _switched_on = True


def command_starts() -> None:
    """Raise KeyboardInterrupt at Ctrl-C from now on, so that the command can clean up."""
    if _switched_on:
        signal.signal(signal.SIGINT, _raise)


def command_ended(exit_code: int) -> None:
    """End the process at once at a further Ctrl-C."""
    global _exit_code
    if _switched_on:
        _exit_code = exit_code
        signal.signal(signal.SIGINT, _exit)


def _exit(number: int, frame: FrameType | None) -> None:
    if os.environ.get("EDGEVISION_DEBUG") == "1":
        import traceback

        traceback.print_stack(frame)
    if not requested:  # otherwise it was reported already
        os.write(2, (b"\n" if os.isatty(2) else b"") + b"edgevision: error: interrupted\n")
    os._exit(130)


def _raise(number: int, frame: FrameType | None) -> None:
    global requested
    requested = True
    raise KeyboardInterrupt


def _interrupt_again(unraisable: sys.UnraisableHookArgs) -> None:
    """Raise a KeyboardInterrupt again that came while a finalizer or a callback ran, from where nothing can be raised."""
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
        return
    import threading

    # A moment later: nothing can be raised from here either.
    threading.Timer(0.01, signal.pthread_kill, (threading.get_ident(), signal.SIGINT)).start()


def _keep_exit_code() -> None:
    """Exit here: Python kills itself with SIGINT instead if the KeyboardInterrupt passed through an ``exec`` of text."""
    if requested:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_exit_code)
