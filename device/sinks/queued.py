"""Makes any sink safe for the loop: one that blocks (a broker, a network disk) writes on a thread of its own."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

from ..handoff import Handoff

if TYPE_CHECKING:
    from edgevision.data import Frame, Prediction
    from edgevision.protocols import Sink

SIZE = 2
"""Results that may wait; each holds its frame's pixels."""
CLOSE_S = 1.0
"""How long ``close`` waits for results that are still queued."""


class Queued:
    """A sink behind a short queue: when it is too slow, the oldest waiting results are dropped and counted."""

    def __init__(self, sink: Sink) -> None:
        self.spec = str(getattr(sink, "spec", type(sink).__name__))
        self._sink = sink
        self._queue: Handoff[tuple[Frame, Prediction]] = Handoff(SIZE, newest_wins=True)
        self._error: Exception | None = None
        self._thread = Thread(target=self._work, name=f"sink {self.spec}", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Results that were never written."""
        return self._queue.dropped

    def write(self, frame: Frame, prediction: Prediction) -> None:
        """Queues one result. Raises what the last written one failed with."""
        self._queue.put((frame, prediction))
        self._raise()

    def close(self) -> None:
        """Waits CLOSE_S for what is queued, then closes the sink; one that hangs is left behind."""
        self._queue.end()
        self._thread.join(CLOSE_S)
        self._queue.close()
        self._raise()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error.with_traceback(None)  # perhaps for every frame: its traceback must not grow

    def _work(self) -> None:
        while (pair := self._queue.get()) is not None:
            try:
                self._sink.write(*pair)
                self._error = None
            except Exception as error:
                self._error = error  # raised on the loop's thread by the next write
        try:
            self._sink.close()
        except Exception as error:
            self._error = error
