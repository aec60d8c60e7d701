"""A limit of processor time for a call into a C library, which cannot be stopped from outside."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from ..errors import BadImage

T = TypeVar("T")
_POLL_S = 0.1


class _Call(threading.Thread, Generic[T]):
    """A call in a thread of its own; the interpreter does not wait for it at its end."""

    def __init__(self, call: Callable[[], T]) -> None:
        super().__init__(name="decode", daemon=True)
        self._call = call
        self.result: T | None = None
        self.error: BaseException | None = None
        self._clock: int | None = None

    @property
    def seconds(self) -> float:
        """Processor time used so far."""
        try:
            return 0.0 if self._clock is None else time.clock_gettime(self._clock)
        except OSError:  # the thread has just ended
            return 0.0

    def run(self) -> None:
        self._clock = time.pthread_getcpuclockid(threading.get_ident())  # only the thread itself may ask for it
        try:
            self.result = self._call()
        except BaseException as error:
            self.error = error


def within(call: Callable[[], T], seconds: float) -> T | None:
    """Return what ``call`` returns. Raises BadImage if it takes more processor time; it then goes on unheeded.

    The time is the processor's, not the clock's: a busy machine refuses no image.
    """
    thread = _Call(call)
    thread.start()
    while thread.is_alive():
        thread.join(_POLL_S)
        if thread.is_alive() and thread.seconds > seconds:
            raise BadImage(f"decoding takes longer than {seconds:g} s; save the image as JPEG or PNG")
    if thread.error is not None:
        raise thread.error
    return thread.result
