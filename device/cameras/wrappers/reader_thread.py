"""Base class of cameras that read on a thread of their own."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock, Thread, current_thread
from typing import TYPE_CHECKING

from edgevision.errors import CameraLost

from ...stream.bounded_queue import BoundedQueue

if TYPE_CHECKING:
    from edgevision.types import Frame

    from ...stream.events import Unreadable
    from ...stream.protocols import Reader

JOIN_S = 1.0
"""Seconds that ``close`` waits for the current read; a read that hangs is abandoned."""


class ThreadedCamera:
    """Runs a Reader on a thread, from the first iteration until ``close``."""

    live: bool

    def __init__(self, reader: Reader, handoff: BoundedQueue[Frame | Unreadable]) -> None:
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
            if first:
                self._reader.interrupt()
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


TIMEOUT_S = 10.0
"""Seconds without a frame after which a camera counts as lost."""
SENSOR_FROZEN_S = 5.0
"""Seconds of identical bytes after which a sensor counts as frozen: a working sensor always shows noise."""


class NewestFrame(ThreadedCamera):
    """Keeps only the newest frame and counts those that were not taken."""

    live = True

    def __init__(
        self,
        reader: Reader,
        timeout_s: float = TIMEOUT_S,
        freeze_timeout_s: float = 0.0,
        may_repeat: bool = True,
        identity: str = "",
    ) -> None:
        """Set up a live source.

        ``freeze_timeout_s``: seconds without change after which the image counts as frozen; 0 disables the check. ``may_repeat``:
        equal frames can be distinct captures. ``identity``: spec that opens this camera again wherever it is plugged in;
        empty: ``spec``.
        """
        super().__init__(reader, BoundedQueue(1, newest_wins=True))
        self._timeout_s = timeout_s
        self.freeze_timeout_s = freeze_timeout_s
        self.may_repeat = may_repeat
        self.identity = identity or reader.spec

    @property
    def dropped(self) -> int:
        """Number of frames captured but never delivered, damaged ones included."""
        return self._handoff.dropped + self._reader.damaged

    def _next(self) -> Frame | Unreadable | None:
        try:
            return self._handoff.get(self._timeout_s)
        except TimeoutError:
            raise CameraLost(f"{self.spec} sent no frame for {self._timeout_s:g} s") from None


DEPTH = 2
"""Maximum number of decoded frames waiting; a 12-megapixel photo is 36 MB."""


class EveryFrame(ThreadedCamera):
    """Drops nothing: the reading thread waits if the loop is slower."""

    live = False
    dropped = 0

    def __init__(self, reader: Reader, depth: int = DEPTH) -> None:
        super().__init__(reader, BoundedQueue(depth, newest_wins=False))
