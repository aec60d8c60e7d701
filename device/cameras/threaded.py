"""Base class of cameras that read on a thread of their own."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock, Thread, current_thread
from typing import TYPE_CHECKING

from ..handoff import Handoff

if TYPE_CHECKING:
    from edgevision.data import Frame

    from ..items import Unreadable
    from ..protocols import Reader

JOIN_S = 1.0
"""Seconds that ``close`` waits for the current read; a read that hangs is abandoned."""


class ThreadedCamera:
    """Runs a Reader on a thread, from the first iteration until ``close``."""

    live: bool

    def __init__(self, reader: Reader, handoff: Handoff[Frame | Unreadable]) -> None:
        self.spec = reader.spec
        self.description = reader.description
        self._reader = reader
        self._handoff = handoff
        self._thread: Thread | None = None
        self._closed = False
        self._lock = Lock()
        """Held while the thread starts, because ``close`` may come from a signal at that moment."""

    def __iter__(self) -> Iterator[Frame | Unreadable]:
        """Yield frames until the end, or until ``close`` from any thread."""
        self._start()
        while (item := self._next()) is not None:
            yield item

    def close(self) -> None:
        """End the iteration, and the thread after its current read; the thread frees the device."""
        self._handoff.close()
        with self._lock:
            first, self._closed = not self._closed, True
        if self._thread is None:
            if first:
                self._reader.close()
        elif self._thread is not current_thread():
            interrupt = getattr(self._reader, "interrupt", None)
            if first and interrupt is not None:
                interrupt()
            self._thread.join(JOIN_S)

    def _next(self) -> Frame | Unreadable | None:
        return self._handoff.get()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._closed:
                thread = Thread(target=self._read, name=f"read {self.spec}", daemon=True)
                thread.start()
                self._thread = thread

    def _read(self) -> None:
        try:
            while (item := self._reader.read()) is not None:
                if not self._handoff.put(item):
                    break
            self._handoff.end()
        except Exception as error:
            self._handoff.end(error)  # re-raised in the iterating thread
        finally:
            self._reader.close()
