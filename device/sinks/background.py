"""Makes any sink safe for the loop: one that may block (a broker, a network drive) writes on a thread of its own."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

from ..stream.bounded_queue import BoundedQueue
from ..stream.protocols import Sink

if TYPE_CHECKING:
    from edgevision.types import Frame, Prediction

SIZE = 2
"""Maximum number of results waiting; each holds its frame's pixels."""
CLOSE_S = 1.0
"""Seconds that ``close`` waits for queued results."""


class Queued(Sink):
    """A sink behind a short queue: if it is too slow, the oldest waiting results are dropped and counted."""

    def __init__(self, sink: Sink) -> None:
        self.spec = sink.spec or type(sink).__name__
        self._sink = sink
        self._queue: BoundedQueue[tuple[Frame, Prediction]] = BoundedQueue(SIZE, newest_wins=True)
        self._error: Exception | None = None
        self._thread = Thread(target=self._work, name=f"sink {self.spec}", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Number of results never written."""
        return self._queue.dropped

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Queue one result. Raises the error of the last write, if it failed."""
        self._queue.put((frame, prediction))
        self._raise()

    def close(self) -> None:
        """Wait up to CLOSE_S for queued results, then close the sink; one that hangs is abandoned."""
        self._queue.end()
        self._thread.join(CLOSE_S)
        self._queue.close()
        self._raise()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error.with_traceback(None)  # may be raised for every frame: keep the traceback short

    def _work(self) -> None:
        while (pair := self._queue.get()) is not None:
            try:
                self._sink.write(*pair)
                self._error = None
            except Exception as error:
                self._error = error  # re-raised on the loop's thread by the next write
        try:
            self._sink.close()
        except Exception as error:
            self._error = error
